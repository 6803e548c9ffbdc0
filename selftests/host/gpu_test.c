// SPDX-License-Identifier: GPL-2.0-only
/*
 * The situations in which the kernel tests its buddy allocator for graphics memory (gpu_buddy), for
 * ours. Blocks are freed clean, so that they merge at once.
 */
#include <time.h>

#include "pool.h"
#include "test.h"

#define MAX_RUNS	(FP_HUGE_FRAMES * 256)

static struct fp_buddy buddy;
static struct fp_owner owner;
static struct fp_run runs[MAX_RUNS];
static struct fp_run run;

static void begin(u32 hpfn, u64 frames)
{
	pool_init_one(&buddy, hpfn, frames);
	fp_owner_init(&owner, &buddy, NULL);
}

/* Allocates a block: naturally aligned, its length a power of two. */
static int alloc_block(u64 nr, struct fp_run *block)
{
	return pool_alloc(&buddy, &owner, nr, nr, 0, block);
}

static void free_clean(const struct fp_run *block)
{
	EXPECT(fp_buddy_free(&buddy, &owner, block->frame, block->nr, false) == 0);
}

/* Frees every @step-th of the first @nr runs, from @first on. */
static void free_each(u32 first, u32 nr, u32 step)
{
	u32 i;

	for (i = first; i < nr; i += step)
		free_clean(&runs[i]);
}

static void fill_with(u64 nr, u32 count)
{
	u32 i;

	for (i = 0; i < count; i++)
		EXPECT(alloc_block(nr, &runs[i]) == 0);
	EXPECT(alloc_block(1, &run) == -ENOMEM);
}

static void limit_largest_order_is_one_block_and_all_there_is(void)
{
	const u64 all = 1024 * GIB;

	begin(0, all);
	EXPECT(1ULL << (fp_buddy_orders(&buddy) - 1) == all);
	EXPECT(alloc_block(2 * all, &run) == -ENOMEM);
	EXPECT(alloc_block(1ULL << 63, &run) == -ENOMEM);
	EXPECT(pool_alloc(&buddy, &owner, U64_MAX, 1, 0, &run) == -ENOMEM);
	EXPECT(alloc_block(all, &run) == 0);
	EXPECT(run.frame == 0 && run.nr == all);
	free_clean(&run);
	pool_fini(&buddy);
}

/*
 * There is room for one block of each order. From the largest down, each can be allocated, then
 * nothing. (From the smallest up, one huge frame would be cut from the end of the largest block.)
 */
static void optimistic_each_order_can_be_had_once(void)
{
	enum { TOP = 16 };
	u32 order;

	begin(1, 2 << TOP);		/* huge frames 1, 2 to 3, 4 to 7, …, 128 to 255, and 256 */
	EXPECT(alloc_block(1, &runs[TOP + 1]) == 0);
	for (order = TOP + 1; order--;)
		EXPECT(alloc_block(1ULL << order, &runs[order]) == 0);
	EXPECT(alloc_block(1, &run) == -ENOMEM);
	pool_expect_sound(&buddy);
	free_each(0, TOP + 2, 1);
	pool_fini(&buddy);
}

/* Blocks are freed from the smallest up. Each merges into a block of the next order. */
static void pessimistic_each_free_makes_the_next_order(void)
{
	enum { TOP = 16 };
	u32 order;

	begin(0, 1 << TOP);
	for (order = 0; order < TOP; order++)
		EXPECT(alloc_block(1ULL << order, &runs[order]) == 0);
	EXPECT(alloc_block(1, &runs[TOP]) == 0);
	for (order = 0; order <= TOP; order++)
		EXPECT(alloc_block(1ULL << order, &run) == -ENOMEM);
	free_clean(&runs[TOP]);
	for (order = 0; order < TOP; order++) {
		EXPECT(alloc_block(2ULL << order, &run) != 0);
		free_clean(&runs[order]);
		EXPECT(alloc_block(2ULL << order, &run) == 0);
		free_clean(&run);
		pool_expect_sound(&buddy);
	}
	pool_fini(&buddy);
}

/*
 * Allocates one block of each order below the top. Then it frees the largest and does the same in
 * it, down to single units. In the end the last unit of each round is freed: half of a pair
 * everywhere.
 */
static void whittle_down(u64 unit, u32 top_order)
{
	struct fp_run holes[16];
	u32 top, order, nr = 0, oldest = 0, nr_holes = 0;

	begin(0, max(unit << top_order, FP_HUGE_FRAMES));
	for (top = top_order; top; top--) {
		if (nr)
			free_clean(&runs[oldest++]);
		for (order = top; order--;)
			EXPECT(alloc_block(unit << order, &runs[nr++]) == 0);
		EXPECT(alloc_block(unit, &holes[nr_holes++]) == 0);
		EXPECT(alloc_block(unit << top, &run) == -ENOMEM);
	}
	while (nr_holes)
		free_clean(&holes[--nr_holes]);
	for (order = 1; order <= top_order; order++)
		EXPECT(alloc_block(unit << order, &run) < 0);
	pool_expect_sound(&buddy);
	free_each(oldest, nr, 1);
	pool_fini(&buddy);
}

static void pathological_holes_of_one_unit_make_no_pair(void)
{
	whittle_down(1, FP_HUGE_ORDER);
	whittle_down(FP_HUGE_FRAMES, 3);
	whittle_down(FP_HUGE_FRAMES, 11);
}

/* Allocates all units: left, middle and right ones in turn. Then frees one kind after another. */
static void free_in_thirds(u64 unit)
{
	enum { UNITS = 512, LEFT = 0, MIDDLE = 1, RIGHT = 2 };
	struct fp_run pair;

	begin(0, UNITS * unit);
	fill_with(unit, UNITS);
	free_each(MIDDLE, UNITS, 3);
	EXPECT(pool_alloc(&buddy, &owner, 3 * unit, 1, 0, &run) == -ENOSPC);
	EXPECT(pool_alloc(&buddy, &owner, 2 * unit, 1, 0, &run) == -ENOSPC);
	free_each(RIGHT, UNITS, 3);
	EXPECT(pool_alloc(&buddy, &owner, 3 * unit, 1, 0, &run) == -ENOSPC);
	EXPECT(pool_alloc(&buddy, &owner, 2 * unit, 1, 0, &pair) == 0);
	free_each(LEFT, UNITS, 3);
	EXPECT(pool_alloc(&buddy, &owner, 3 * unit, 1, 0, &run) == 0);
	pool_expect_sound(&buddy);
	free_clean(&run);
	free_clean(&pair);
	pool_fini(&buddy);
}

static void contiguous_runs_need_neighbours(void)
{
	free_in_thirds(1);
	free_in_thirds(FP_HUGE_FRAMES);
}

static void clean_frames_and_dirty_ones_are_told_apart(void)
{
	static bool dirty[FP_HUGE_FRAMES];
	u32 i;

	begin(0, FP_HUGE_FRAMES);
	fill_with(1, FP_HUGE_FRAMES);
	/* The last frame stays allocated, so that the owner keeps the huge frame. */
	for (i = 0; i < FP_HUGE_FRAMES - 1; i++) {
		dirty[runs[i].frame] = test_random() % 2;
		EXPECT(fp_buddy_free(&buddy, &owner, runs[i].frame, 1, dirty[runs[i].frame]) == 0);
	}
	for (i = 0; i < FP_HUGE_FRAMES - 1; i++) {
		EXPECT(alloc_block(1, &runs[i]) == 0);
		EXPECT(runs[i].dirty == dirty[runs[i].frame]);
	}
	free_each(0, FP_HUGE_FRAMES, 1);
	EXPECT(pool_alloc(&buddy, &owner, FP_HUGE_FRAMES, 1, 0, &run) == 0);
	EXPECT(!run.dirty);
	free_clean(&run);
	pool_fini(&buddy);
}

/* Allocates random lengths, shorter ones after a failure, until no frame below is free. */
static u32 fill_below(u64 end_pfn, u32 nr_runs)
{
	u64 nr = 1 + test_random() % (4 * FP_HUGE_FRAMES);

	while (nr) {
		if (pool_alloc(&buddy, &owner, nr, 1, end_pfn, &runs[nr_runs])) {
			nr /= 2;
			continue;
		}
		EXPECT(fp_buddy_pfn(&buddy, runs[nr_runs].frame) + nr <= end_pfn);
		nr_runs++;
		nr = 1 + test_random() % nr;
	}
	return nr_runs;
}

static void range_bias_growing_limit_fills_all_below(void)
{
	const u64 base = 3 * FP_HUGE_FRAMES, frames = 32 * FP_HUGE_FRAMES;
	struct pool_stats stats;
	u64 end = base;
	u32 nr = 0;

	begin(3, frames);
	while (end < base + frames) {
		end += test_random() % (3 * FP_HUGE_FRAMES);
		end = min(end, base + frames);
		nr = fill_below(end, nr);
		pool_stats(&buddy, &stats);
		ASSERT(stats.used == end - base);
		pool_expect_sound(&buddy);
	}
	EXPECT(alloc_block(1, &run) == -ENOMEM);
	free_each(0, nr, 1);
	pool_fini(&buddy);
}

/* Several free blocks are long enough, but only one has the alignment. */
static void expect_aligned_one(u64 unit)
{
	begin(0, 8 * unit);
	fill_with(unit, 8);
	qsort(runs, 8, sizeof(run), pool_compare_runs);
	free_clean(&runs[1]);
	free_clean(&runs[2]);
	free_clean(&runs[5]);
	EXPECT(pool_alloc(&buddy, &owner, unit, 4 * unit, 0, &run) == -ENOSPC);
	EXPECT(pool_alloc(&buddy, &owner, unit, 2 * unit, 0, &run) == 0);
	EXPECT(run.frame == runs[2].frame);
	EXPECT(pool_alloc(&buddy, &owner, unit, 2 * unit, 0, &run) == -ENOSPC);
	free_each(2, 5, 1);
	free_each(6, 8, 1);
	free_clean(&runs[0]);
	pool_fini(&buddy);
}

static void offset_alignment_is_found_among_misaligned_blocks(void)
{
	expect_aligned_one(FP_HUGE_FRAMES / 8);
	expect_aligned_one(FP_HUGE_FRAMES);
	expect_aligned_one(16 * FP_HUGE_FRAMES);
}

/* The pool is filled three times, freed in three orders. Quadratic cost would take minutes. */
static void fragmentation_of_a_full_pool_costs_no_quadratic_time(void)
{
	const u32 unit = 8, nr = MAX_RUNS, pool = unit * MAX_RUNS;
	clock_t start = clock();
	u32 i, round;

	begin(0, pool);
	for (round = 0; round < 3; round++) {
		fill_with(unit, nr);
		if (round == 0)
			free_each(0, nr, 1);
		for (i = nr; round == 1 && i--;)
			free_clean(&runs[i]);
		for (i = 0; round == 2 && i < 2; i++)
			free_each(i, nr, 2);
		pool_expect_sound(&buddy);
	}
	pool_fini(&buddy);
	printf("# %.2f s\n", (double)(clock() - start) / CLOCKS_PER_SEC);
	EXPECT(clock() - start < 30 * CLOCKS_PER_SEC);
}

static const struct test tests[] = {
	{ "limit_largest_order_is_one_block_and_all_there_is",
	  limit_largest_order_is_one_block_and_all_there_is },
	{ "optimistic_each_order_can_be_had_once", optimistic_each_order_can_be_had_once },
	{ "pessimistic_each_free_makes_the_next_order",
	  pessimistic_each_free_makes_the_next_order },
	{ "pathological_holes_of_one_unit_make_no_pair",
	  pathological_holes_of_one_unit_make_no_pair },
	{ "contiguous_runs_need_neighbours", contiguous_runs_need_neighbours },
	{ "clean_frames_and_dirty_ones_are_told_apart",
	  clean_frames_and_dirty_ones_are_told_apart },
	{ "range_bias_growing_limit_fills_all_below", range_bias_growing_limit_fills_all_below },
	{ "offset_alignment_is_found_among_misaligned_blocks",
	  offset_alignment_is_found_among_misaligned_blocks },
	{ "fragmentation_of_a_full_pool_costs_no_quadratic_time",
	  fragmentation_of_a_full_pool_costs_no_quadratic_time },
};

int main(int argc, char **argv)
{
	return test_main(argc, argv, tests, sizeof(tests) / sizeof(*tests));
}
