// SPDX-License-Identifier: GPL-2.0-only
/*
 * The scenarios in which LLFree (USENIX ATC 2023) is tested, for our buddy: memory is filled to the
 * last frame, by one thread and by several, with one order and with many.
 */
#include "pool.h"
#include "test.h"

#define POOL		(64 * MIB)
#define THREADS		4
#define ORDERS		(FP_HUGE_ORDER + 1)

static struct fp_buddy buddy;
static struct fp_owner owners[THREADS];
static struct fp_run runs[POOL];		/* with threads, each has an equal part */
static u32 nr_runs[THREADS];
static u64 unit;

static void begin(u64 frames)
{
	u32 i;

	pool_init_one(&buddy, 0, frames);
	for (i = 0; i < THREADS; i++) {
		fp_owner_init(&owners[i], &buddy, NULL);
		nr_runs[i] = 0;
	}
}

/* Allocates blocks of @unit frames until none is left. */
static void fill(u32 thread)
{
	struct fp_run *run = &runs[thread * (POOL / THREADS)];

	while (!pool_alloc(&buddy, &owners[thread], unit, unit, 0, &run[nr_runs[thread]]))
		if (++nr_runs[thread] == POOL / THREADS)
			break;
}

/* Frees what the next thread has allocated, for the owner of that thread. */
static void free_of_neighbour(u32 thread)
{
	u32 of = (thread + 1) % THREADS;
	struct fp_run *run = &runs[of * (POOL / THREADS)];

	while (nr_runs[of])
		EXPECT(pool_free(&buddy, &owners[of], &run[--nr_runs[of]]) == 0);
}

static void expect_disjoint(void)
{
	static bool seen[POOL];
	u32 thread, i;
	u64 j;

	memset(seen, 0, sizeof(seen));
	for (thread = 0; thread < THREADS; thread++) {
		for (i = 0; i < nr_runs[thread]; i++) {
			struct fp_run *run = &runs[thread * (POOL / THREADS) + i];

			for (j = 0; j < run->nr; j++) {
				ASSERT(!seen[run->frame + j]);
				seen[run->frame + j] = true;
			}
		}
	}
}

static void expect_used(u64 frames)
{
	struct pool_stats stats;

	pool_stats(&buddy, &stats);
	EXPECT(stats.used == frames);
	pool_expect_sound(&buddy);
}

static void alloc_all_gives_each_frame_once(void)
{
	begin(POOL / THREADS);
	for (unit = 1; unit <= FP_HUGE_FRAMES; unit *= 2) {
		fill(0);
		expect_used(POOL / THREADS);
		expect_disjoint();
		free_of_neighbour(THREADS - 1);
		pool_settle(&buddy);
		pool_expect_empty(&buddy);
	}
	pool_fini(&buddy);
}

/* No thread fails while there is a frame for it, so the pool ends up full. */
static void alloc_all_in_parallel(u64 frames, u64 nr)
{
	begin(frames);
	unit = nr;
	test_parallel(THREADS, fill);
	expect_used(frames);
	expect_disjoint();
	test_parallel(THREADS, free_of_neighbour);
	pool_fini(&buddy);
}

static void parallel_alloc_all_gives_each_frame_once(void)
{
	alloc_all_in_parallel(POOL / THREADS, 1);
	alloc_all_in_parallel(POOL, 8);
}

static void parallel_alloc_all_huge_gives_each_frame_once(void)
{
	alloc_all_in_parallel(POOL, FP_HUGE_FRAMES);
}

static void parallel_alloc_all_with_more_owners_than_huge_frames(void)
{
	alloc_all_in_parallel(2 * FP_HUGE_FRAMES, 1);
}

static void parallel_alloc_and_free_leaves_nothing(void)
{
	u32 round;

	begin(POOL / 2);
	for (round = 0; round < 10; round++) {
		unit = 1ULL << round;
		test_parallel(THREADS, fill);
		test_parallel(THREADS, free_of_neighbour);
		pool_settle(&buddy);
		pool_expect_empty(&buddy);
	}
	pool_fini(&buddy);
}

static void shuffle(u32 nr)
{
	while (nr > 1) {
		u32 other = test_random() % nr--;
		struct fp_run run = runs[nr];

		runs[nr] = runs[other];
		runs[other] = run;
	}
}

static void different_orders_are_aligned_and_disjoint(void)
{
	u32 i, order;

	begin(POOL);
	for (i = 0; i < POOL / FP_HUGE_FRAMES / 2; i++) {
		for (order = 0; order < ORDERS; order++) {
			struct fp_run *run = &runs[nr_runs[0]++];

			EXPECT(pool_alloc(&buddy, &owners[0], 1ULL << order, 1, 0, run) == 0);
			EXPECT(!(run->frame & ((1ULL << order) - 1)));
		}
	}
	expect_disjoint();
	pool_expect_sound(&buddy);
	shuffle(nr_runs[0]);
	free_of_neighbour(THREADS - 1);
	pool_fini(&buddy);
}

/* All free frames lie between used ones: each must be found, and no pair. */
static void fragmentation_retry_finds_every_hole(void)
{
	u32 i;

	begin(POOL / THREADS);
	unit = 1;
	fill(0);
	qsort(runs, nr_runs[0], sizeof(*runs), pool_compare_runs);
	for (i = 0; i < nr_runs[0]; i += 2)
		EXPECT(pool_free(&buddy, &owners[0], &runs[i]) == 0);
	EXPECT(pool_alloc(&buddy, &owners[0], 2, 1, 0, &runs[0]) == -ENOSPC);
	for (i = 0; i < nr_runs[0]; i += 2)
		EXPECT(pool_alloc(&buddy, &owners[0], 1, 1, 0, &runs[i]) == 0);
	expect_used(POOL / THREADS);
	expect_disjoint();
	free_of_neighbour(THREADS - 1);
	pool_fini(&buddy);
}

static void reuse_prefers_what_the_owner_has_freed(void)
{
	struct fp_run run;
	u32 i;

	begin(POOL);
	EXPECT(pool_alloc(&buddy, &owners[0], 1, 1, 0, &runs[0]) == 0);
	EXPECT(pool_alloc(&buddy, &owners[0], 1, 1, 0, &run) == 0);
	for (i = 0; i < 2 * FP_HUGE_FRAMES; i++) {
		u64 frame = run.frame;

		EXPECT(pool_free(&buddy, &owners[0], &run) == 0);
		EXPECT(pool_alloc(&buddy, &owners[0], 1, 1, 0, &run) == 0);
		EXPECT(run.frame == frame);
	}
	EXPECT(pool_free(&buddy, &owners[0], &run) == 0);
	EXPECT(pool_free(&buddy, &owners[0], &runs[0]) == 0);
	pool_fini(&buddy);
}

/* In a full pool, frees a random frame and allocates one, over and over. */
static void stress_of_a_full_pool_never_fails(void)
{
	u64 i;

	begin(POOL / THREADS);
	unit = 1;
	fill(0);
	for (i = 0; i < 200000 * test_scale; i++) {
		struct fp_run *run = &runs[test_random() % nr_runs[0]];

		ASSERT(pool_free(&buddy, &owners[0], run) == 0);
		if (i % 1000 == 0)
			pool_expect_sound(&buddy);
		ASSERT(pool_alloc(&buddy, &owners[0], 1, 1, 0, run) == 0);
	}
	expect_used(POOL / THREADS);
	expect_disjoint();
	free_of_neighbour(THREADS - 1);
	pool_fini(&buddy);
}

static const struct test tests[] = {
	{ "alloc_all_gives_each_frame_once", alloc_all_gives_each_frame_once },
	{ "parallel_alloc_all_gives_each_frame_once", parallel_alloc_all_gives_each_frame_once },
	{ "parallel_alloc_all_huge_gives_each_frame_once",
	  parallel_alloc_all_huge_gives_each_frame_once },
	{ "parallel_alloc_all_with_more_owners_than_huge_frames",
	  parallel_alloc_all_with_more_owners_than_huge_frames },
	{ "parallel_alloc_and_free_leaves_nothing", parallel_alloc_and_free_leaves_nothing },
	{ "different_orders_are_aligned_and_disjoint", different_orders_are_aligned_and_disjoint },
	{ "fragmentation_retry_finds_every_hole", fragmentation_retry_finds_every_hole },
	{ "reuse_prefers_what_the_owner_has_freed", reuse_prefers_what_the_owner_has_freed },
	{ "stress_of_a_full_pool_never_fails", stress_of_a_full_pool_never_fails },
};

int main(int argc, char **argv)
{
	return test_main(argc, argv, tests, sizeof(tests) / sizeof(*tests));
}
