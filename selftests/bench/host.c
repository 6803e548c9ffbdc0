// SPDX-License-Identifier: GPL-2.0-only
/*
 * The benchmarks as a program on the host. Prints a line for each result (see emit.c).
 *
 * The peer "floor" is the least that an allocator can do: each thread pushes to and pops from an
 * array of its own.
 */
#include <pthread.h>
#include <sched.h>

#include "bench.h"

#define MAX_THREADS	2
#define FLOOR_BLOCKS	8192U
#define GIB		(1ULL << 18)	/* frames */

struct floor {
	u64 blocks[FLOOR_BLOCKS];
	u32 nr;
};

static u64 floor_alloc(void *context, u32 order)
{
	struct floor *floor = context;

	(void)order;
	return floor->nr ? floor->blocks[--floor->nr] : BENCH_NONE;
}

static void floor_free(void *context, u64 block, u32 order)
{
	struct floor *floor = context;

	(void)order;
	floor->blocks[floor->nr++] = block;
}

static const struct bench_ops floor_ops = { .alloc = floor_alloc, .free = floor_free };

static struct floor floors[MAX_THREADS] __attribute__((aligned(64)));
static const struct bench_side floor_side = {
	.name = "floor", .ops = &floor_ops, .contexts = { &floors[0], &floors[1] },
};

static void fill_floors(void)
{
	u32 i, j;

	for (i = 0; i < MAX_THREADS; i++)
		for (j = 0; j < FLOOR_BLOCKS; j++)
			floor_free(&floors[i], j, 0);
}

/* The threads of bench_parallel(), and how often one of them has arrived at a barrier. */
static struct {
	void (*run)(void *argument, u32 thread);
	void *argument;
	u32 nr;
	u32 arrived;
} team;

static void *run_member(void *thread)
{
	test_cpu = (uintptr_t)thread;
	team.run(team.argument, (uintptr_t)thread);
	return NULL;
}

void bench_parallel(u32 threads, void (*run)(void *argument, u32 thread), void *argument)
{
	pthread_t ids[MAX_THREADS];
	uintptr_t i;

	team.run = run;
	team.argument = argument;
	team.nr = threads;
	team.arrived = 0;
	for (i = 1; i < threads; i++)
		if (pthread_create(&ids[i], NULL, run_member, (void *)i)) {
			perror("bench: cannot start a thread");
			exit(1);
		}
	run(argument, 0);
	for (i = 1; i < threads; i++)
		pthread_join(ids[i], NULL);
}

/* Spins: a thread that sleeps begins long after the one that wakes it. */
void bench_barrier(void)
{
	u32 arrived = __atomic_add_fetch(&team.arrived, 1, __ATOMIC_ACQ_REL);
	u32 awaited = round_up(arrived, team.nr);

	while (__atomic_load_n(&team.arrived, __ATOMIC_ACQUIRE) < awaited)
		sched_yield();
}

static int run_pages(struct bench_config *config)
{
	static const u32 orders[] = { 0, 3, 9 };
	struct bench_side ours;
	u32 i, threads;
	int ret;

	config->frames = 64 * GIB;
	ret = bench_kernel_create(&ours, config->frames);
	if (ret)
		return ret;
	for (i = 0; !ret && i < sizeof(orders) / sizeof(*orders); i++)
		for (threads = 1; !ret && threads <= MAX_THREADS; threads++)
			ret = bench_pages(config, &ours, &floor_side, orders[i], threads);
	bench_pool_destroy(&ours);
	return ret;
}

static int run_slab(struct bench_config *config)
{
	static const u32 sizes[] = { 64, 256, 1024, 4096 };
	struct bench_side ours;
	u32 i, threads;
	int ret = 0;

	config->frames = 4 * GIB;
	for (i = 0; !ret && i < sizeof(sizes) / sizeof(*sizes); i++) {
		ret = bench_cache_create(&ours, config->frames, sizes[i]);
		if (ret)
			break;
		for (threads = 1; !ret && threads <= MAX_THREADS; threads++)
			ret = bench_slab(config, &ours, &floor_side, sizes[i], threads);
		bench_cache_destroy(&ours);
	}
	return ret;
}

static int run_frag(struct bench_config *config, u64 frames)
{
	struct bench_side ours;
	int ret;

	config->frames = frames;
	ret = bench_clients_create(&ours, frames);
	if (ret)
		return ret;
	ret = bench_frag(config, &ours, NULL);
	bench_pool_destroy(&ours);
	return ret;
}

int main(int argc, char **argv)
{
	struct bench_config config = {
		.rounds = 15, .repeats = 100000, .bulk = FLOOR_BLOCKS, .unit = "ns",
	};
	bool quick = argc == 2 && !strcmp(argv[1], "--quick");

	if (argc > 1 && !quick) {
		fprintf(stderr, "usage: bench [--quick]\n");
		return 2;
	}
	if (quick) {
		config.rounds = 1;
		config.repeats = 1000;
	}
	fill_floors();
	if (run_pages(&config) || run_slab(&config) ||
	    run_frag(&config, quick ? GIB / 4 : 4 * GIB)) {
		fprintf(stderr, "bench: out of memory; it needs 200 MB\n");
		return 1;
	}
	return 0;
}
