// SPDX-License-Identifier: GPL-2.0-only
/* Magazines, one call after another. Threads are in magazine_thread_test.c. */
#include "core/blocks.h"
#include "pool.h"
#include "test.h"

#define FRAMES		(64 * FP_HUGE_FRAMES)

static struct fp_buddy buddy;
static struct fp_blocks kernel;
static struct fp_owner client;

static void begin_pool(u64 frames, bool direct)
{
	u32 *hpfn = calloc(frames / FP_HUGE_FRAMES, sizeof(*hpfn)), i;

	for (i = 0; i < frames / FP_HUGE_FRAMES; i++)
		hpfn[i] = 64 + i;
	memset(&buddy, 0, sizeof(buddy));
	memset(&kernel, 0, sizeof(kernel));
	EXPECT(fp_buddy_init(&buddy, FP_HUGE_ORDER, hpfn, frames / FP_HUGE_FRAMES,
			     nr_cpu_ids) == 0);
	free(hpfn);
	EXPECT(fp_blocks_init(&kernel, &buddy, direct) == 0);
	fp_owner_init(&client, &buddy, NULL);
}

static void begin(void)
{
	begin_pool(FRAMES, false);
}

static void end(void)
{
	fp_magazines_drain(&kernel.magazines, true);
	pool_expect_sound(&buddy);
	fp_owner_fini(&client);
	fp_blocks_fini(&kernel);
	test_cpu = 0;
	pool_fini(&buddy);
}

static u64 nr_bad_frees(void)
{
	struct pool_stats stats;

	pool_blocks_stats(&kernel, &stats);
	EXPECT(stats.free + stats.used + stats.quarantined == stats.total);
	return stats.bad_frees;
}

static u64 nr_used(void)
{
	struct pool_stats stats;

	pool_blocks_stats(&kernel, &stats);
	return stats.used;
}

static void blocks_of_each_order_are_aligned_and_apart(void)
{
	u8 *used = calloc(FRAMES, 1);
	u32 order, i, j;
	u64 blocks[8];

	begin();
	for (order = 0; order <= FP_HUGE_ORDER + 2; order++) {
		memset(used, 0, FRAMES);
		for (i = 0; i < 8; i++) {
			blocks[i] = fp_blocks_alloc(&kernel, order);
			EXPECT(blocks[i] != FP_ANYWHERE && !(blocks[i] & ((1ULL << order) - 1)));
			for (j = 0; j < 1U << order; j++)
				EXPECT(!used[blocks[i] + j]++);
		}
		for (i = 0; i < 8; i++)
			EXPECT(fp_blocks_free(&kernel, blocks[i], order) == 0);
		pool_expect_sound(&buddy);
		pool_settle(&buddy);
	}
	EXPECT(fp_blocks_alloc(&kernel, fp_buddy_orders(&buddy)) == FP_ANYWHERE);
	free(used);
	end();
}

/* Blocks of few huge frames are sorted when a magazine is emptied. */
static void blocks_freed_in_random_order_are_all_freed(void)
{
	u32 order, i, nr, at;
	u64 *blocks = calloc(FRAMES / 4, sizeof(*blocks));

	begin();
	for (order = 0; order < 3; order++) {
		nr = FRAMES / 4 >> order;
		for (i = 0; i < nr; i++)
			blocks[i] = fp_blocks_alloc(&kernel, order);
		for (i = nr; i; i--) {
			at = test_random() % i;
			EXPECT(fp_blocks_free(&kernel, blocks[at], order) == 0);
			blocks[at] = blocks[i - 1];
		}
		fp_magazines_drain(&kernel.magazines, true);
		EXPECT(nr_bad_frees() == 0 && nr_used() == 0);
	}
	free(blocks);
	end();
}

/* Even if the owners of other processors have partly used huge frames. */
static void one_processor_can_have_all_frames(void)
{
	u32 *blocks = calloc(FRAMES, sizeof(*blocks)), kept[nr_cpu_ids], i, nr;
	struct pool_stats stats;

	begin();
	for (i = 0; i < nr_cpu_ids; i++) {
		test_cpu = i;
		kept[i] = fp_blocks_alloc(&kernel, 0);
	}
	fp_magazines_drain(&kernel.magazines, true);
	test_cpu = 0;
	for (nr = 0; nr < FRAMES; nr++) {
		u64 block = fp_blocks_alloc(&kernel, 0);

		if (block == FP_ANYWHERE)
			break;
		blocks[nr] = block;
	}
	EXPECT(nr == FRAMES - nr_cpu_ids);
	pool_blocks_stats(&kernel, &stats);
	EXPECT(stats.free == 0 && stats.used == FRAMES);
	while (nr--)
		EXPECT(fp_blocks_free(&kernel, blocks[nr], 0) == 0);
	for (i = 0; i < nr_cpu_ids; i++)
		EXPECT(fp_blocks_free(&kernel, kept[i], 0) == 0);
	free(blocks);
	end();
}

static void blocks_in_magazines_count_as_free(void)
{
	struct pool_stats stats;
	u64 block[2];

	begin();
	block[0] = fp_blocks_alloc(&kernel, 0);
	block[1] = fp_blocks_alloc(&kernel, 3);
	pool_blocks_stats(&kernel, &stats);
	EXPECT(stats.used == 9 && stats.free == FRAMES - 9);
	EXPECT(fp_blocks_free(&kernel, block[0], 0) == 0);
	EXPECT(fp_blocks_free(&kernel, block[1], 3) == 0);
	pool_blocks_stats(&kernel, &stats);
	EXPECT(stats.used == 0 && stats.free == FRAMES && stats.blocks[3] > 0);
	pool_stats(&buddy, &stats);
	EXPECT(stats.used > 9);
	fp_magazines_drain(&kernel.magazines, false);
	pool_stats(&buddy, &stats);
	EXPECT(stats.used == 0 && stats.quarantined > 0);
	end();
}

static void drain_local_leaves_the_others(void)
{
	struct pool_stats stats;
	u64 block;

	begin();
	block = fp_blocks_alloc(&kernel, 5);
	fp_blocks_free(&kernel, block, 5);
	test_cpu = 1;
	block = fp_blocks_alloc(&kernel, 5);
	fp_blocks_free(&kernel, block, 5);
	fp_magazines_drain_local(&kernel.magazines);
	pool_stats(&buddy, &stats);
	EXPECT(stats.used > 0);
	test_cpu = 0;
	fp_magazines_drain_local(&kernel.magazines);
	pool_stats(&buddy, &stats);
	EXPECT(stats.used == 0);
	end();
}

static void free_of_what_is_not_a_block_is_refused(void)
{
	struct fp_run run;
	u64 small, huge, large, last;
	u32 bad = 0, i;

	begin();
	small = fp_blocks_alloc(&kernel, 3);
	huge = fp_blocks_alloc(&kernel, FP_HUGE_ORDER);
	large = fp_blocks_alloc(&kernel, FP_HUGE_ORDER + 1);
	/* The refill took the lowest blocks, so the last frame is still free. */
	last = round_up(small + 1, (u64)FP_HUGE_FRAMES) - 1;
	EXPECT(pool_alloc(&buddy, &client, 8, 8, 0, &run) == 0);
	EXPECT(pool_is_free(&buddy, last));
	const struct { u64 frame; u32 order; } wrong[] = {
		{ small, 0 }, { small, 2 }, { small, 4 }, { small, FP_HUGE_ORDER },
		{ small, FP_ORDERS }, { small, 31 }, { small, 32 }, { small, 64 },
		{ small, U32_MAX },
		{ small + 1, 0 }, { small + 4, 2 }, { small + 8, 0 },
		{ huge, 0 }, { huge, FP_HUGE_ORDER - 1 }, { huge, FP_HUGE_ORDER + 1 },
		{ huge + 1, FP_HUGE_ORDER },
		{ large, FP_HUGE_ORDER }, { large + FP_HUGE_FRAMES, FP_HUGE_ORDER },
		{ last, 0 }, { last - 7, 3 }, { last - 31, 5 }, { 0, 0 }, { run.frame, 3 },
		{ FRAMES, 0 }, { FP_ANYWHERE, 0 }, { 1ULL << 32, 0 },
	};
	for (i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		EXPECT(fp_blocks_free(&kernel, wrong[i].frame, wrong[i].order) == -EINVAL);
		EXPECT(nr_bad_frees() == ++bad);
		pool_expect_sound(&buddy);
	}
	EXPECT(pool_free(&buddy, &client, &run) == 0);
	EXPECT(fp_blocks_free(&kernel, small, 3) == 0);
	EXPECT(fp_blocks_free(&kernel, huge, FP_HUGE_ORDER) == 0);
	EXPECT(fp_blocks_free(&kernel, large, FP_HUGE_ORDER + 1) == 0);
	EXPECT(nr_bad_frees() == bad);
	/* A block too large for magazines is freed at once, so freeing it again is refused. */
	EXPECT(fp_blocks_free(&kernel, large, FP_HUGE_ORDER + 1) == -EINVAL);
	EXPECT(nr_bad_frees() == bad + 1);
	end();
}

/* @cpu: the processor that frees it for the second time */
static void free_twice_and_drain(u32 cpu, bool hurry)
{
	u32 order;

	for (order = 0; order <= FP_HUGE_ORDER; order++) {
		u64 block;

		/* The pool is large enough for magazines of huge frames. */
		begin_pool(16 * GIB, false);
		block = fp_blocks_alloc(&kernel, order);
		EXPECT(fp_blocks_free(&kernel, block, order) == 0);
		test_cpu = cpu;
		fp_blocks_free(&kernel, block, order);
		fp_magazines_drain(&kernel.magazines, hurry);
		EXPECT(nr_bad_frees() == 1);
		end();
	}
}

static void double_free_is_noticed_by_the_drain(void)
{
	free_twice_and_drain(0, true);
	free_twice_and_drain(1, false);
}

static void double_free_is_noticed_at_once_when_direct(void)
{
	u32 order;

	for (order = 0; order <= FP_HUGE_ORDER + 2; order++) {
		u64 block, other;

		begin_pool(FRAMES, true);
		block = fp_blocks_alloc(&kernel, order);
		other = fp_blocks_alloc(&kernel, order);
		EXPECT(fp_blocks_free(&kernel, block, order) == 0);
		EXPECT(fp_blocks_free(&kernel, block, order) == -EINVAL);
		EXPECT(nr_bad_frees() == 1);
		EXPECT(fp_blocks_free(&kernel, other, order) == 0);
		end();
	}
}

enum wrong {
	REPEATED, BEYOND_POOL, BEYOND_NUMBERS, MISALIGNED, OTHER_ORDER, ANOTHER_OWNERS, FREE,
	NR_WRONG
};

/* A frame where there is no block of @order to free. */
static u32 make_wrong(enum wrong wrong, u32 order, const u32 *blocks, u32 place, u32 other,
		      u32 clients)
{
	const u32 numbers[] = {
		[REPEATED] = blocks[(place + 1) % 12],
		[BEYOND_POOL] = FRAMES,
		[BEYOND_NUMBERS] = U32_MAX,
		[MISALIGNED] = blocks[place] + 1 + (1U << order) / 2,
		[OTHER_ORDER] = other,
		[ANOTHER_OWNERS] = clients,
		[FREE] = 0,
	};

	return numbers[wrong];
}

static void free_list_with_one_wrong(u32 order, u32 place, enum wrong wrong)
{
	u32 blocks[12], good, other;
	struct pool_stats stats;
	struct fp_run run;

	begin();
	EXPECT(fp_blocks_alloc_bulk(&kernel, order, blocks, 12) == 12);
	EXPECT(fp_blocks_alloc_bulk(&kernel, order + 1, &other, 1) == 1);
	EXPECT(pool_alloc(&buddy, &client, 1ULL << order, 1ULL << order, 0, &run) == 0);
	good = blocks[place];
	blocks[place] = make_wrong(wrong, order, blocks, place, other, run.frame);
	/* A block of one frame has no middle. Take the middle of a larger block. */
	if (wrong == MISALIGNED && !order)
		blocks[place] = other + 1;
	EXPECT(fp_blocks_free_bulk(&kernel, order, blocks, 12) == 1);
	EXPECT(nr_bad_frees() == 1);
	pool_expect_sound(&buddy);
	pool_stats(&buddy, &stats);
	EXPECT(stats.used == 4ULL << order);
	EXPECT(fp_blocks_free(&kernel, good, order) == 0);
	EXPECT(fp_blocks_free(&kernel, other, order + 1) == 0);
	EXPECT(pool_free(&buddy, &client, &run) == 0);
	end();
}

/* One entry of a list is wrong, at each place in turn. The others are freed. */
static void bulk_frees_all_that_are_blocks(void)
{
	static const u32 orders[] = { 0, 2, 5, 6, 8, FP_HUGE_ORDER, FP_HUGE_ORDER + 1 };
	u32 place, k, wrong;

	for (k = 0; k < sizeof(orders) / sizeof(*orders); k++)
		for (place = 0; place < 12; place++)
			for (wrong = 0; wrong < NR_WRONG; wrong++)
				free_list_with_one_wrong(orders[k], place, wrong);
}

/* No block has such an order, even if a shift by it gives the length of a block. */
static void bulk_of_an_order_that_does_not_exist_is_refused(void)
{
	static const u32 orders[] = { 31, 32, 63, 64, 64 + FP_HUGE_ORDER, 128, U32_MAX };
	u32 block, huge, i, got;

	begin();
	got = fp_blocks_alloc_bulk(&kernel, 0, &block, 1);
	EXPECT(got == 1 && fp_blocks_alloc_bulk(&kernel, FP_HUGE_ORDER, &huge, 1) == 1);
	for (i = 0; i < sizeof(orders) / sizeof(*orders); i++) {
		EXPECT(fp_blocks_alloc_bulk(&kernel, orders[i], &got, 1) == 0);
		EXPECT(fp_blocks_free_bulk(&kernel, orders[i], &block, 1) == 1);
		EXPECT(fp_blocks_free_bulk(&kernel, orders[i], &huge, 1) == 1);
		EXPECT(nr_bad_frees() == 2 * (i + 1));
		pool_expect_sound(&buddy);
	}
	EXPECT(fp_blocks_free(&kernel, block, 0) == 0);
	EXPECT(fp_blocks_free(&kernel, huge, FP_HUGE_ORDER) == 0);
	end();
}

static void bulk_gets_what_there_is(void)
{
	u32 *blocks = calloc(FRAMES, sizeof(*blocks));

	begin();
	EXPECT(fp_blocks_alloc_bulk(&kernel, 1, blocks, FRAMES) == FRAMES / 2);
	EXPECT(fp_blocks_alloc_bulk(&kernel, 0, blocks, 1) == 0);
	EXPECT(fp_blocks_free_bulk(&kernel, 1, blocks, FRAMES / 2) == 0);
	free(blocks);
	end();
}

static void small_pools_have_small_magazines(void)
{
	struct pool_stats stats;
	u64 block;
	u32 order;

	begin_pool(16 * MIB, false);
	for (order = 0; order <= FP_HUGE_ORDER; order++) {
		block = fp_blocks_alloc(&kernel, order);
		EXPECT(fp_blocks_free(&kernel, block, order) == 0);
	}
	pool_stats(&buddy, &stats);
	EXPECT(stats.used <= kernel.magazines.nr * 16 * MIB / 128);
	end();
}

static const struct test tests[] = {
	{ "blocks_of_each_order_are_aligned_and_apart",
	  blocks_of_each_order_are_aligned_and_apart },
	{ "blocks_freed_in_random_order_are_all_freed",
	  blocks_freed_in_random_order_are_all_freed },
	{ "one_processor_can_have_all_frames", one_processor_can_have_all_frames },
	{ "blocks_in_magazines_count_as_free", blocks_in_magazines_count_as_free },
	{ "drain_local_leaves_the_others", drain_local_leaves_the_others },
	{ "free_of_what_is_not_a_block_is_refused", free_of_what_is_not_a_block_is_refused },
	{ "double_free_is_noticed_by_the_drain", double_free_is_noticed_by_the_drain },
	{ "double_free_is_noticed_at_once_when_direct",
	  double_free_is_noticed_at_once_when_direct },
	{ "bulk_frees_all_that_are_blocks", bulk_frees_all_that_are_blocks },
	{ "bulk_of_an_order_that_does_not_exist_is_refused",
	  bulk_of_an_order_that_does_not_exist_is_refused },
	{ "bulk_gets_what_there_is", bulk_gets_what_there_is },
	{ "small_pools_have_small_magazines", small_pools_have_small_magazines },
};

int main(int argc, char **argv)
{
	return test_main(argc, argv, tests, sizeof(tests) / sizeof(*tests));
}
