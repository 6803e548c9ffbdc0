// SPDX-License-Identifier: GPL-2.0-only
/*
 * The suite "frag": how many huge frames are still whole after much use. Single frames fill 90% of
 * the memory. A random half of them is freed. Then come 100 rounds: each frees a random 10% of the
 * live frames and allocates as many. A huge frame counts as wholly free if no live frame of the run
 * lies in it. The ceiling is what would be wholly free if the live frames were packed: the share of
 * memory that is not live.
 *
 * With owners: 16 owners of random sizes fill 90%. In each of 100 rounds, a random 10% of the live
 * frames is freed, and each is allocated again by its owner. Half of the owners free all that they
 * have, each in a random round.
 *
 * Both sides get the same random numbers. The run is repeated with other seeds; the median counts.
 */
#include "bench.h"

#define FRAG_MAX_RUNS	5
#define FRAG_ROUNDS	100

/* What is measured. */
enum frag_sample { AT_20, AT_60, AT_100, LARGEST, OWNERS, FRAG_SAMPLES };

static const struct {
	const char *name;
	const char *unit;
} samples[FRAG_SAMPLES] = {
	{ "whole huge frames, round 20", "%" },
	{ "whole huge frames, round 60", "%" },
	{ "whole huge frames, round 100", "%" },
	{ "largest block", "bytes" },
	{ "whole huge frames, owners", "%" },
};

/* The live frames of a run. */
struct frag {
	const struct bench_side *side;
	u64 seed;
	u32 frames;
	u32 nr;			/* live */
	u64 *blocks;		/* the live ones */
	u8 *owners;		/* of these, followed by those of freed ones */
	u16 *in_huge;		/* live frames of each huge frame */
	bool failed;
};

static int frag_init(struct frag *frag, u32 frames)
{
	memset(frag, 0, sizeof(*frag));
	frag->frames = frames;
	frag->blocks = kvcalloc(frames, sizeof(*frag->blocks), GFP_KERNEL);
	frag->owners = kvcalloc(frames, sizeof(*frag->owners), GFP_KERNEL);
	frag->in_huge = kvcalloc(frames / BENCH_HUGE_FRAMES, sizeof(*frag->in_huge), GFP_KERNEL);
	return frag->blocks && frag->owners && frag->in_huge ? 0 : -ENOMEM;
}

static void frag_fini(struct frag *frag)
{
	kvfree(frag->in_huge);
	kvfree(frag->owners);
	kvfree(frag->blocks);
}

static void add(struct frag *frag, u32 owner)
{
	void *context = frag->side->contexts[owner];
	u64 block = frag->side->ops->alloc(context, 0);
	u64 frame;

	if (block == BENCH_NONE) {
		frag->failed = true;
		return;
	}
	frame = frag->side->ops->frame(context, block);
	if (frame != BENCH_NONE)
		frag->in_huge[frame / BENCH_HUGE_FRAMES]++;
	frag->blocks[frag->nr] = block;
	frag->owners[frag->nr++] = owner;
}

/* Frees the live frame at @at; the last one takes its place. Return: its owner. */
static u32 drop(struct frag *frag, u32 at)
{
	u32 owner = frag->owners[at], last = --frag->nr;
	void *context = frag->side->contexts[owner];
	u64 frame = frag->side->ops->frame(context, frag->blocks[at]);

	if (frame != BENCH_NONE)
		frag->in_huge[frame / BENCH_HUGE_FRAMES]--;
	frag->side->ops->free(context, frag->blocks[at], 0);
	frag->blocks[at] = frag->blocks[last];
	frag->owners[at] = frag->owners[last];
	frag->owners[last] = owner;
	return owner;
}

static void drop_random(struct frag *frag, u32 nr)
{
	while (nr--)
		drop(frag, bench_random(&frag->seed, frag->nr));
}

/* drop() leaves the owners of freed frames behind those of live ones. */
static void churn(struct frag *frag)
{
	u32 nr = frag->nr / 10, end = frag->nr;

	drop_random(frag, nr);
	while (frag->nr < end && !frag->failed)
		add(frag, frag->owners[frag->nr]);
	bench_pause();
}

static void drop_owner(struct frag *frag, u32 owner)
{
	u32 i;

	for (i = frag->nr; i--;)
		if (frag->owners[i] == owner)
			drop(frag, i);
}

static u64 share_of(const struct frag *frag, u32 frames)
{
	return frames * 100000ULL / frag->frames;
}

static u64 share_whole(const struct frag *frag)
{
	u32 i, whole = 0;

	for (i = 0; i < frag->frames / BENCH_HUGE_FRAMES; i++)
		whole += !frag->in_huge[i];
	return share_of(frag, whole * BENCH_HUGE_FRAMES);
}

static u64 share_not_live(const struct frag *frag)
{
	return share_of(frag, frag->frames - frag->nr);
}

static u64 largest_block(const struct frag *frag)
{
	u32 order = ilog2(frag->frames) + 1;
	u64 block;

	while (order--) {
		block = frag->side->ops->alloc(frag->side->contexts[0], order);
		if (block == BENCH_NONE)
			continue;
		frag->side->ops->free(frag->side->contexts[0], block, order);
		return (BENCH_FRAME_BYTES << order) * 1000;
	}
	return 0;
}

static void fill(struct frag *frag, const u8 *owners, u32 nr_owners)
{
	u32 end = frag->frames / 10 * 9;

	while (frag->nr < end && !frag->failed) {
		add(frag, owners[bench_random(&frag->seed, nr_owners)]);
		if (!(frag->nr % 4096))
			bench_pause();
	}
}

static void run_one_owner(struct frag *frag, u64 *ours, u64 *ceiling)
{
	static const u8 owner;
	u32 round;

	fill(frag, &owner, 1);
	drop_random(frag, frag->nr / 2);
	for (round = 1; round <= FRAG_ROUNDS; round++) {
		churn(frag);
		if (round == 20)
			ours[AT_20] = share_whole(frag);
		if (round == 60)
			ours[AT_60] = share_whole(frag);
	}
	ours[AT_100] = share_whole(frag);
	ours[LARGEST] = largest_block(frag);
	ceiling[AT_100] = share_not_live(frag);
	ceiling[AT_60] = ceiling[AT_100];
	ceiling[AT_20] = ceiling[AT_100];
	ceiling[LARGEST] = (BENCH_FRAME_BYTES << ilog2(frag->frames - frag->nr)) * 1000;
}

/* Draws the sizes of the owners: each gets 1 to 16 lots. */
static u32 draw_lots(struct frag *frag, u8 *lots)
{
	u32 owner, size, nr = 0;

	for (owner = 0; owner < BENCH_OWNERS; owner++)
		for (size = 1 + bench_random(&frag->seed, 16); size; size--)
			lots[nr++] = owner;
	return nr;
}

static void run_owners(struct frag *frag, u64 *ours, u64 *ceiling)
{
	u32 exits[BENCH_OWNERS / 2], round, owner, nr;
	u8 lots[BENCH_OWNERS * 16];

	nr = draw_lots(frag, lots);
	for (owner = 0; owner < BENCH_OWNERS / 2; owner++)
		exits[owner] = 1 + bench_random(&frag->seed, FRAG_ROUNDS);
	fill(frag, lots, nr);
	for (round = 1; round <= FRAG_ROUNDS; round++) {
		churn(frag);
		for (owner = 0; owner < BENCH_OWNERS / 2; owner++)
			if (exits[owner] == round)
				drop_owner(frag, owner);
	}
	ours[OWNERS] = share_whole(frag);
	ceiling[OWNERS] = share_not_live(frag);
}

/* Frees all at the end of a run. Return: false if memory ran out. */
static bool run(struct frag *frag, const struct bench_side *side, u64 seed,
		void (*procedure)(struct frag *frag, u64 *ours, u64 *ceiling),
		u64 *ours, u64 *ceiling)
{
	frag->side = side;
	frag->seed = seed;
	procedure(frag, ours, ceiling);
	drop_random(frag, frag->nr);
	bench_pause();
	return !frag->failed;
}

static void sort_values(u64 *values, u32 nr)
{
	u32 i, j;

	for (i = 1; i < nr; i++)
		for (j = i; j && values[j] < values[j - 1]; j--)
			swap(values[j], values[j - 1]);
}

static struct bench_value value_of(u64 runs[FRAG_MAX_RUNS][FRAG_SAMPLES], u32 nr, u32 sample)
{
	u64 values[FRAG_MAX_RUNS];
	u32 i;

	for (i = 0; i < nr; i++)
		values[i] = runs[i][sample];
	sort_values(values, nr);
	return (struct bench_value){
		.best = values[nr / 2], .low = values[0], .high = values[nr - 1],
	};
}

static void emit(const char *peer, u32 runs, u64 ours[FRAG_MAX_RUNS][FRAG_SAMPLES],
		 u64 theirs[FRAG_MAX_RUNS][FRAG_SAMPLES])
{
	struct bench_row row = { .suite = "frag", .threads = 1, .peer = peer };
	u32 i;

	for (i = 0; i < FRAG_SAMPLES; i++) {
		row.name = samples[i].name;
		row.unit = samples[i].unit;
		row.ours = value_of(ours, runs, i);
		row.theirs = value_of(theirs, runs, i);
		bench_emit(&row);
	}
}

/**
 * bench_frag() - fragment the pools of two allocators and report
 * @config: @frames is the size of each pool
 * @ours: one of them; has a context for each owner
 * @theirs: the other, or NULL
 *
 * Compares @ours with @theirs, and with the ceiling.
 *
 * Context: may sleep.
 * Return: 0; -ENOMEM: not enough memory to measure, or one of the allocators ran out of it;
 * nothing was reported.
 */
int bench_frag(const struct bench_config *config, const struct bench_side *ours,
	       const struct bench_side *theirs)
{
	u64 (*values)[FRAG_MAX_RUNS][FRAG_SAMPLES] = kvcalloc(4, sizeof(*values), GFP_KERNEL);
	const struct bench_side *sides[] = { ours, theirs };
	struct frag frag;
	u32 runs = min_t(u32, config->rounds, FRAG_MAX_RUNS), seed, i;
	int ret = frag_init(&frag, config->frames);

	if (!values)
		ret = -ENOMEM;
	for (seed = 0; !ret && seed < runs; seed++)
		for (i = 0; !ret && i < 2 && sides[i]; i++)
			if (!run(&frag, sides[i], seed + 1, run_one_owner, values[i][seed],
				 values[2 + i][seed]) ||
			    !run(&frag, sides[i], seed + 1, run_owners, values[i][seed],
				 values[2 + i][seed]))
				ret = -ENOMEM;
	if (!ret && theirs)
		emit(theirs->name, runs, values[0], values[1]);
	if (!ret)
		emit("ceiling", runs, values[0], values[2]);
	frag_fini(&frag);
	kvfree(values);
	return ret;
}
