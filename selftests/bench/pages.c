// SPDX-License-Identifier: GPL-2.0-only
/*
 * The suites "pages", "slab" and "objects": what allocating and freeing a block or an object costs.
 * Each round goes through all cases:
 *
 *  repeat	allocate one and free it, over and over: the time of such a pair
 *  bulk get	allocate many
 *  bulk put	free them in the order in which they were allocated
 *  rand put	allocate as many (not timed), free them in random order
 *
 * The rounds of the two sides alternate, so that disturbances affect both. The least time of all
 * rounds counts; with several threads, the time of the slowest.
 */
#include "bench.h"

enum pages_case { REPEAT, BULK_GET, BULK_PUT, RAND_PUT, PAGES_CASES };

static const char *const case_names[PAGES_CASES] = {
	"repeat", "bulk get", "bulk put", "rand put",
};

/* What one thread does in one round. */
struct load {
	const struct bench_side *side;
	u32 order;
	u32 repeats;
	u32 nr;
	u64 *blocks;
	u64 seed;
	u64 times[PAGES_CASES];
	bool failed;
};

static void repeat(struct load *load, u64 (*alloc)(void *, u32), void (*free)(void *, u64, u32),
		   void *context)
{
	u32 i;
	u64 block;

	for (i = 0; i < load->repeats; i++) {
		block = alloc(context, load->order);
		if (block == BENCH_NONE) {
			load->failed = true;
			return;
		}
		free(context, block, load->order);
	}
}

static void get_all(struct load *load, u64 (*alloc)(void *, u32), void (*free)(void *, u64, u32),
		    void *context)
{
	u32 i;

	for (i = 0; i < load->nr; i++) {
		load->blocks[i] = alloc(context, load->order);
		if (load->blocks[i] == BENCH_NONE) {
			load->nr = i;
			load->failed = true;
		}
	}
}

static void put_all(struct load *load, u64 (*alloc)(void *, u32), void (*free)(void *, u64, u32),
		    void *context)
{
	u32 i;

	for (i = 0; i < load->nr; i++)
		free(context, load->blocks[i], load->order);
}

static void shuffle(struct load *load)
{
	u32 i, other;
	u64 block;

	for (i = load->nr; i > 1; i--) {
		other = bench_random(&load->seed, i);
		block = load->blocks[i - 1];
		load->blocks[i - 1] = load->blocks[other];
		load->blocks[other] = block;
	}
}

typedef void (*phase_fn)(struct load *load, u64 (*alloc)(void *, u32),
			 void (*free)(void *, u64, u32), void *context);

/* Threads begin each phase together. Return: nanoseconds. */
static u64 run_phase(struct load *load, u32 thread, phase_fn phase)
{
	const struct bench_side *side = load->side;
	u64 start;

	bench_pause();
	bench_barrier();
	start = bench_now();
	phase(load, side->ops->alloc, side->ops->free, side->contexts[thread]);
	return bench_now() - start;
}

static void run_thread(void *argument, u32 thread)
{
	struct load *load = (struct load *)argument + thread;
	u32 nr = max(load->nr, 1u);

	load->times[REPEAT] = run_phase(load, thread, repeat) * 1000 / load->repeats;
	load->times[BULK_GET] = run_phase(load, thread, get_all) * 1000 / nr;
	load->times[BULK_PUT] = run_phase(load, thread, put_all) * 1000 / nr;
	run_phase(load, thread, get_all);
	shuffle(load);
	load->times[RAND_PUT] = run_phase(load, thread, put_all) * 1000 / nr;
}

/* One round of one side. False: it ran out of memory. */
static bool run_round(struct load *loads, u32 threads, const struct bench_side *side,
		      struct bench_value *values)
{
	u64 slowest;
	u32 i, which;

	for (i = 0; i < threads; i++)
		loads[i].side = side;
	bench_parallel(threads, run_thread, loads);
	for (which = 0; which < PAGES_CASES; which++) {
		slowest = 0;
		for (i = 0; i < threads; i++)
			slowest = max(slowest, loads[i].times[which]);
		bench_note(&values[which], slowest);
	}
	for (i = 0; i < threads; i++)
		if (loads[i].failed)
			return false;
	return true;
}

static void emit(const struct bench_config *config, const struct bench_side *theirs,
		 const struct bench_work *work, u32 threads,
		 struct bench_value values[2][PAGES_CASES])
{
	struct bench_row row = {
		.suite = work->suite, .threads = threads, .unit = config->unit,
		.peer = theirs->name,
	};
	char name[32];
	u32 which;

	row.name = name;
	for (which = 0; which < PAGES_CASES; which++) {
		snprintf(name, sizeof(name), "%s %s", work->what, case_names[which]);
		row.ours = values[0][which];
		row.theirs = values[1][which];
		bench_emit(&row);
	}
}

static int measure(const struct bench_config *config, const struct bench_side *ours,
		   const struct bench_side *theirs, const struct bench_work *work, u32 threads)
{
	u32 nr = min_t(u64, config->bulk, work->most / threads);
	struct bench_value values[2][PAGES_CASES] = {};
	struct load *loads = kvcalloc(threads, sizeof(*loads), GFP_KERNEL);
	u64 *blocks = kvcalloc((size_t)nr * threads, sizeof(*blocks), GFP_KERNEL);
	int ret = loads && blocks ? 0 : -ENOMEM;
	u32 i;

	for (i = 0; !ret && i < threads; i++) {
		loads[i].order = work->order;
		loads[i].repeats = config->repeats;
		loads[i].nr = nr;
		loads[i].blocks = blocks + (size_t)i * nr;
		loads[i].seed = i + 1;
	}
	for (i = 0; !ret && i < config->rounds; i++)
		if (!run_round(loads, threads, ours, values[0]) ||
		    !run_round(loads, threads, theirs, values[1]))
			ret = -ENOMEM;
	if (!ret)
		emit(config, theirs, work, threads, values);
	kvfree(blocks);
	kvfree(loads);
	return ret;
}

/**
 * bench_pages() - measure two allocators of blocks and report
 * @config: how long
 * @ours: one of them
 * @theirs: the other
 * @order: of the blocks
 * @threads: how many run at the same time, each with a context of its own
 *
 * Context: may sleep.
 * Return: 0; -ENOMEM: not enough memory to measure, or one of the allocators ran out of it;
 * nothing was reported.
 */
int bench_pages(const struct bench_config *config, const struct bench_side *ours,
		const struct bench_side *theirs, u32 order, u32 threads)
{
	struct bench_work work = {
		.suite = "pages", .order = order, .most = (config->frames >> order) / 2,
	};
	char what[16];

	snprintf(what, sizeof(what), "order %u", order);
	work.what = what;
	return measure(config, ours, theirs, &work, threads);
}

/**
 * bench_slab() - measure two allocators of objects and report
 * @config: how long
 * @ours: one of them
 * @theirs: the other
 * @size: of the objects, which they know
 * @threads: as in bench_pages()
 *
 * Context: may sleep.
 * Return: as bench_pages().
 */
int bench_slab(const struct bench_config *config, const struct bench_side *ours,
	       const struct bench_side *theirs, u32 size, u32 threads)
{
	struct bench_work work = {
		.suite = config->objects ? config->objects : "slab",
		.most = config->frames * BENCH_FRAME_BYTES / size / 4,
	};
	char what[16];

	snprintf(what, sizeof(what), "%u bytes", size);
	work.what = what;
	return measure(config, ours, theirs, &work, threads);
}
