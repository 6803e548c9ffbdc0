// SPDX-License-Identifier: GPL-2.0-only
/* The parts of the core, one by one: bit tree, huge frame map, frames. */
#include "frames.h"
#include "hugemap.h"
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
		EXPECT(fp_bittree_last(&tree) == FP_BITTREE_NONE);
		for (j = 0; j < 100; j++) {
			a = test_random() % sizes[i];
			b = test_random() % sizes[i];
			fp_bittree_set(&tree, a);
			fp_bittree_set(&tree, b);
			EXPECT(fp_bittree_test(&tree, a) && fp_bittree_test(&tree, b));
			EXPECT(fp_bittree_first(&tree) == min(a, b));
			EXPECT(fp_bittree_last(&tree) == max(a, b));
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

/* Extents at awkward PFNs: what is aligned by PFN must be found as a block. */
static void hugemap_layout_keeps_alignment(void)
{
	static const u32 hpfn[] = { 1, 2, 3, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 17, 100, 102, 103 };
	const u32 nr = sizeof(hpfn) / sizeof(*hpfn);
	struct fp_hugemap map = {};
	u32 i;

	EXPECT(fp_hugemap_init(&map, hpfn, nr) == 0);
	EXPECT(map.nr_extents == 5);
	EXPECT(map.levels == 4);
	for (i = 0; i < map.nr; i++)
		if (map.hpfn[i] != FP_ABSENT)
			fp_hugemap_put(&map, i, 1);
	EXPECT(map.nr_empty == nr);
	EXPECT(map.level[3].count == 1);		/* 8..15 */
	EXPECT(map.level[2].count == 0);
	EXPECT(map.level[1].count == 3);		/* 2..3, 6..7, 102..103 */
	EXPECT(map.level[0].count == 3);		/* 1, 17, 100 */
	EXPECT(fp_hugemap_largest(&map) == 10);		/* 6..15 */
	i = fp_hugemap_take(&map, 8, 3, FP_NO_LIMIT);
	EXPECT(map.hpfn[i] == 8);
	fp_hugemap_put(&map, i, 8);
	i = fp_hugemap_take(&map, 10, 1, FP_NO_LIMIT);
	EXPECT(map.hpfn[i] == 6);
	EXPECT(fp_hugemap_take(&map, 3, 1, FP_NO_LIMIT) == FP_BITTREE_NONE);
	i = fp_hugemap_take(&map, 3, 0, FP_NO_LIMIT);
	EXPECT(map.hpfn[i] == 1);
	fp_hugemap_fini(&map);
}

static void hugemap_limit_takes_low_else_high(void)
{
	static const u32 hpfn[] = { 4, 5, 6, 7, 20, 21, 22, 23 };
	struct fp_hugemap map = {};
	u32 i;

	EXPECT(fp_hugemap_init(&map, hpfn, 8) == 0);
	for (i = 0; i < map.nr; i++)
		if (map.hpfn[i] != FP_ABSENT)
			fp_hugemap_put(&map, i, 1);
	i = fp_hugemap_take(&map, 1, 0, FP_NO_LIMIT);
	EXPECT(map.hpfn[i] == 23);
	i = fp_hugemap_take(&map, 1, 0, 4);
	EXPECT(map.hpfn[i] == 4);
	EXPECT(fp_hugemap_take(&map, 1, 0, 4) == FP_BITTREE_NONE);
	EXPECT(fp_hugemap_take(&map, 2, 0, 5) == 1 + i);	/* 5..6, across blocks */
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
		EXPECT(fp_frames_length(&frames, 0) == nr);
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
	EXPECT(fp_frames_length(&frames, 60) == 10);
	EXPECT(fp_frames_length(&frames, 64) == 6);
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
	{ "hugemap_limit_takes_low_else_high", hugemap_limit_takes_low_else_high },
	{ "frames_find_lowest_natural_block", frames_find_lowest_natural_block },
	{ "frames_fit_is_respected", frames_fit_is_respected },
	{ "frames_remember_dirt_and_heads", frames_remember_dirt_and_heads },
	{ "frames_blocks_are_counted_at_largest_order", frames_blocks_are_counted_at_largest_order },
};

int main(int argc, char **argv)
{
	return test_main(argc, argv, tests, sizeof(tests) / sizeof(*tests));
}
