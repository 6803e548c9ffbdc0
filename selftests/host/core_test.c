// SPDX-License-Identifier: GPL-2.0-only
/* The parts of the core on their own: bit tree, map of huge frames, frames. */
#include "core/frames.h"
#include "core/hugemap.h"
#include "test.h"

static void bittree_members_are_least_and_greatest(void)
{
	static const u32 sizes[] = { 1, 63, 64, 65, 4096, 4097, 300000 };
	struct fp_bittree tree;
	u32 i, j, a, b;
	u64 *words;

	for (i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		words = calloc(fp_bittree_words(sizes[i]), sizeof(u64));
		EXPECT(fp_bittree_init(&tree, sizes[i], words) ==
		       words + fp_bittree_words(sizes[i]));
		EXPECT(fp_bittree_first(&tree) == FP_BITTREE_NONE);
		EXPECT(fp_bittree_last(&tree, U32_MAX) == FP_BITTREE_NONE);
		for (j = 0; j < 100; j++) {
			a = test_random() % sizes[i];
			b = test_random() % sizes[i];
			fp_bittree_set(&tree, a);
			fp_bittree_set(&tree, b);
			EXPECT(fp_bittree_test(&tree, a) && fp_bittree_test(&tree, b));
			EXPECT(fp_bittree_first(&tree) == min(a, b));
			EXPECT(fp_bittree_last(&tree, U32_MAX) == max(a, b));
			EXPECT(fp_bittree_last(&tree, max(a, b)) == max(a, b));
			if (a != b)
				EXPECT(fp_bittree_last(&tree, max(a, b) - 1) == min(a, b));
			if (min(a, b))
				EXPECT(fp_bittree_last(&tree, min(a, b) - 1) == FP_BITTREE_NONE);
			EXPECT(fp_bittree_is_valid(&tree));
			fp_bittree_clear(&tree, a);
			fp_bittree_clear(&tree, b);
			EXPECT(fp_bittree_first(&tree) == FP_BITTREE_NONE);
			EXPECT(fp_bittree_is_valid(&tree));
		}
		EXPECT(!fp_bittree_test(&tree, sizes[i]));
		free(words);
	}
}

static void bittree_broken_summary_is_noticed(void)
{
	struct fp_bittree tree;
	u64 *words = calloc(fp_bittree_words(4096), sizeof(u64));

	fp_bittree_init(&tree, 4096, words);
	fp_bittree_set(&tree, 100);
	tree.level[1][0] = 0;
	EXPECT(!fp_bittree_is_valid(&tree));
	tree.level[1][0] = ~0ULL;
	EXPECT(!fp_bittree_is_valid(&tree));
	free(words);
}

static u32 take(struct fp_hugemap *map, u32 nr, u32 align_level, u32 last_hpfn, bool high)
{
	struct fp_hugemap_request request = {
		.nr = nr, .align_level = align_level, .last_hpfn = last_hpfn, .high = high,
	};
	u32 index = fp_hugemap_take(map, &request);

	return index == FP_BITTREE_NONE ? index : fp_hugemap_hpfn(map, index);
}

static void init_map(struct fp_hugemap *map, const u32 *hpfn, u32 nr)
{
	u32 i;

	memset(map, 0, sizeof(*map));
	EXPECT(fp_hugemap_init(map, hpfn, nr) == 0);
	for (i = 0; i < nr; i++) {
		EXPECT(fp_hugemap_hpfn(map, i) == hpfn[i]);
		EXPECT(fp_hugemap_find(map, hpfn[i]) == i);
		fp_hugemap_put(map, i, 1);
	}
	EXPECT(map->nr_empty == nr);
}

/* Extents begin at odd PFNs. What is aligned by PFN must be found as a block. */
static void hugemap_layout_keeps_alignment(void)
{
	static const u32 hpfn[] = {
		1, 2, 3, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 17, 100, 102, 103,
	};
	struct fp_hugemap map;

	init_map(&map, hpfn, sizeof(hpfn) / sizeof(*hpfn));
	EXPECT(map.nr_extents == 5);
	EXPECT(map.levels == 4);
	EXPECT(map.level[3].count == 1);		/* 8..15 */
	EXPECT(map.level[2].count == 0);
	EXPECT(map.level[1].count == 3);		/* 2..3, 6..7, 102..103 */
	EXPECT(map.level[0].count == 3);		/* 1, 17, 100 */
	EXPECT(fp_hugemap_largest(&map) == 10);		/* 6..15 */
	EXPECT(fp_hugemap_contiguous(&map, 5) == 8);
	EXPECT(take(&map, 8, 3, FP_NO_LIMIT, true) == 8);
	fp_hugemap_put(&map, 5, 8);
	EXPECT(take(&map, 10, 1, FP_NO_LIMIT, true) == 6);
	EXPECT(take(&map, 3, 1, FP_NO_LIMIT, true) == FP_BITTREE_NONE);
	EXPECT(take(&map, 3, 0, FP_NO_LIMIT, true) == 1);
	fp_hugemap_fini(&map);
}

static void hugemap_find_outside_extents_is_none(void)
{
	static const u32 hpfn[] = { 4, 5, 20 };
	struct fp_hugemap map;

	init_map(&map, hpfn, 3);
	EXPECT(fp_hugemap_find(&map, 0) == FP_BITTREE_NONE);
	EXPECT(fp_hugemap_find(&map, 3) == FP_BITTREE_NONE);
	EXPECT(fp_hugemap_find(&map, 6) == FP_BITTREE_NONE);
	EXPECT(fp_hugemap_find(&map, 21) == FP_BITTREE_NONE);
	EXPECT(fp_hugemap_find(&map, ~0ULL >> FP_HUGE_ORDER) == FP_BITTREE_NONE);
	fp_hugemap_fini(&map);
}

static void hugemap_takes_the_end_that_is_asked_for(void)
{
	static const u32 hpfn[] = { 4, 5, 6, 7, 20, 21, 22, 23 };
	struct fp_hugemap map;

	init_map(&map, hpfn, 8);
	EXPECT(take(&map, 1, 0, FP_NO_LIMIT, true) == 23);
	EXPECT(take(&map, 1, 0, 4, false) == 4);
	EXPECT(take(&map, 1, 0, 4, false) == FP_BITTREE_NONE);
	EXPECT(take(&map, 2, 0, 5, false) == 5);	/* 5..6, across blocks */
	EXPECT(take(&map, 1, 0, 3, true) == FP_BITTREE_NONE);
	EXPECT(take(&map, 1, 0, FP_NO_LIMIT, false) == 7);
	fp_hugemap_fini(&map);
	init_map(&map, hpfn, 8);
	EXPECT(take(&map, 1, 0, 6, true) == 6);
	EXPECT(take(&map, 2, 1, 21, true) == 4);	/* fits best */
	EXPECT(take(&map, 2, 0, FP_NO_LIMIT, true) == 22);
	EXPECT(take(&map, 1, 0, 15, true) == 7);
	EXPECT(take(&map, 1, 1, 7, true) == FP_BITTREE_NONE);
	EXPECT(take(&map, 1, 1, 20, true) == 20);
	fp_hugemap_fini(&map);
	init_map(&map, hpfn, 8);
	EXPECT(take(&map, 3, 0, 20, true) == 20);
	EXPECT(take(&map, 3, 0, FP_NO_LIMIT, true) == 4);
	fp_hugemap_fini(&map);
	init_map(&map, hpfn, 8);
	EXPECT(fp_hugemap_take_at(&map, 7, 1));
	EXPECT(take(&map, 3, 0, 5, true) == 4);
	EXPECT(take(&map, 3, 0, FP_NO_LIMIT, true) == 20);
	fp_hugemap_fini(&map);
	init_map(&map, hpfn, 8);
	EXPECT(fp_hugemap_take_at(&map, 6, 1));		/* 20, 21 | 23 */
	EXPECT(fp_hugemap_take_at(&map, 0, 1));		/* 5 | 6, 7 */
	EXPECT(take(&map, 3, 0, 5, true) == 5);		/* across blocks */
	EXPECT(take(&map, 3, 0, FP_NO_LIMIT, true) == FP_BITTREE_NONE);
	fp_hugemap_fini(&map);
}

static void hugemap_take_at_takes_all_or_nothing(void)
{
	static const u32 hpfn[] = { 4, 5, 6, 7, 8, 9, 10, 11 };
	struct fp_hugemap map;

	init_map(&map, hpfn, 8);
	EXPECT(fp_hugemap_take_at(&map, 3, 2));
	EXPECT(map.nr_empty == 6);
	EXPECT(!fp_hugemap_take_at(&map, 0, 8));
	EXPECT(!fp_hugemap_take_at(&map, 2, 2));
	EXPECT(!fp_hugemap_take_at(&map, 3, 1));
	EXPECT(map.nr_empty == 6);
	EXPECT(fp_hugemap_take_at(&map, 0, 3));
	EXPECT(fp_hugemap_take_at(&map, 5, 3));
	EXPECT(map.nr_empty == 0);
	fp_hugemap_put(&map, 0, 8);
	EXPECT(map.level[2].count == 2);
	fp_hugemap_fini(&map);
}

static void frames_find_lowest_natural_block(void)
{
	struct fp_fit fit = { .align = 1, .end = FP_HUGE_FRAMES };
	struct fp_frames frames;
	u32 nr;

	for (nr = 1; nr < FP_HUGE_FRAMES; nr++) {
		u32 size = 1U << order_base_2(nr);

		fp_frames_init(&frames);
		fit.nr = nr;
		EXPECT(fp_frames_find_block(&frames, &fit) == 0);
		EXPECT(!fp_frames_take(&frames, 0, nr, true));
		EXPECT(fp_frames_holds(&frames, 0, nr, true));
		EXPECT(!fp_frames_holds(&frames, 0, nr + 1, true));
		EXPECT(!fp_frames_holds(&frames, 0, nr, false));
		EXPECT(fp_frames_nr_free(&frames) == FP_HUGE_FRAMES - nr);
		EXPECT(fp_frames_find_block(&frames, &fit) ==
		       (2 * size <= FP_HUGE_FRAMES ? size : FP_FRAMES_NONE));
		if (2 * nr <= FP_HUGE_FRAMES)
			EXPECT(fp_frames_find_run(&frames, &fit) == nr);
	}
}

static void frames_fit_is_respected(void)
{
	struct fp_fit fit = { .nr = 3, .align = 64, .end = 130 };
	struct fp_frames frames;

	fp_frames_init(&frames);
	fp_frames_take(&frames, 0, 1, true);
	EXPECT(fp_frames_find_block(&frames, &fit) == 64);
	EXPECT(fp_frames_find_run(&frames, &fit) == 64);
	fp_frames_take(&frames, 64, 64, true);
	EXPECT(fp_frames_find_block(&frames, &fit) == FP_FRAMES_NONE);
	EXPECT(fp_frames_find_run(&frames, &fit) == FP_FRAMES_NONE);
	fit.end = 131;
	EXPECT(fp_frames_find_block(&frames, &fit) == 128);
	EXPECT(fp_frames_find_run(&frames, &fit) == 128);
}

static void frames_remember_dirt_and_heads(void)
{
	struct fp_frames frames;

	fp_frames_init(&frames);
	EXPECT(!fp_frames_take(&frames, 60, 10, true));
	EXPECT(fp_frames_is_head(&frames, 60));
	EXPECT(!fp_frames_is_head(&frames, 64));
	EXPECT(fp_frames_holds(&frames, 60, 10, true));
	EXPECT(fp_frames_holds(&frames, 64, 6, false));
	fp_frames_put(&frames, 60, 10, true);
	EXPECT(!fp_frames_all_clean(&frames));
	EXPECT(!fp_frames_take(&frames, 50, 10, true));
	EXPECT(fp_frames_take(&frames, 69, 2, true));
	fp_frames_put(&frames, 69, 2, false);
	fp_frames_put(&frames, 50, 10, false);
	EXPECT(!fp_frames_all_clean(&frames));		/* 60..68 */
	fp_frames_take(&frames, 60, 9, true);
	fp_frames_put(&frames, 60, 9, false);
	EXPECT(fp_frames_all_clean(&frames));
}

static void frames_blocks_are_counted_at_largest_order(void)
{
	u64 blocks[FP_HUGE_ORDER] = {};
	struct fp_frames frames;
	u32 order;

	fp_frames_init(&frames);
	fp_frames_take(&frames, 0, 1, true);
	fp_frames_count_blocks(&frames, blocks);
	for (order = 0; order < FP_HUGE_ORDER; order++)
		EXPECT(blocks[order] == 1);
	memset(blocks, 0, sizeof(blocks));
	fp_frames_take(&frames, 255, 2, true);
	fp_frames_count_blocks(&frames, blocks);
	EXPECT(blocks[0] == 3);				/* 1, 254, 257 */
	EXPECT(blocks[7] == 1 && blocks[8] == 0);	/* 384..511 */
}

static const struct test tests[] = {
	{ "bittree_members_are_least_and_greatest", bittree_members_are_least_and_greatest },
	{ "bittree_broken_summary_is_noticed", bittree_broken_summary_is_noticed },
	{ "hugemap_layout_keeps_alignment", hugemap_layout_keeps_alignment },
	{ "hugemap_find_outside_extents_is_none", hugemap_find_outside_extents_is_none },
	{ "hugemap_takes_the_end_that_is_asked_for", hugemap_takes_the_end_that_is_asked_for },
	{ "hugemap_take_at_takes_all_or_nothing", hugemap_take_at_takes_all_or_nothing },
	{ "frames_find_lowest_natural_block", frames_find_lowest_natural_block },
	{ "frames_fit_is_respected", frames_fit_is_respected },
	{ "frames_remember_dirt_and_heads", frames_remember_dirt_and_heads },
	{ "frames_blocks_are_counted_at_largest_order",
	  frames_blocks_are_counted_at_largest_order },
};

int main(int argc, char **argv)
{
	return test_main(argc, argv, tests, sizeof(tests) / sizeof(*tests));
}
