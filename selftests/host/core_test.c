// SPDX-License-Identifier: GPL-2.0-only
/* The parts of the core on their own: bit tree, frames. */
#include "core/frames.h"
#include "core/bittree.h"
#include "test.h"

#define MAX_WORDS	128

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
			EXPECT(fp_bittree_next(&tree, min(a, b)) == min(a, b));
			EXPECT(fp_bittree_next(&tree, min(a, b) + 1) ==
			       (a != b ? max(a, b) : FP_BITTREE_NONE));
			EXPECT(fp_bittree_next(&tree, max(a, b) + 1) == FP_BITTREE_NONE);
			EXPECT(fp_bittree_count(&tree) == 1 + (a != b));
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

static void frames_find_lowest_natural_block(void)
{
	struct fp_fit fit = { .align = 1, .end = FP_HUGE_FRAMES };
	u64 words[2 * MAX_WORDS];
	struct fp_frames frames = { words, FP_HUGE_FRAMES };
	u32 nr;

	for (nr = 1; nr < FP_HUGE_FRAMES; nr++) {
		u32 size = 1U << order_base_2(nr);

		fp_frames_init(frames, false);
		fit.nr = nr;
		EXPECT(fp_frames_find_block(frames, &fit) == 0);
		EXPECT(!fp_frames_take(frames, 0, nr, true));
		EXPECT(fp_frames_holds(frames, 0, nr, true));
		EXPECT(!fp_frames_holds(frames, 0, nr + 1, true));
		EXPECT(!fp_frames_holds(frames, 0, nr, false));
		EXPECT(fp_frames_nr_free(frames) == FP_HUGE_FRAMES - nr);
		EXPECT(fp_frames_find_block(frames, &fit) ==
		       (2 * size <= FP_HUGE_FRAMES ? size : FP_FRAMES_NONE));
		if (2 * nr <= FP_HUGE_FRAMES)
			EXPECT(fp_frames_find_run(frames, &fit) == nr);
	}
}

static void frames_fit_is_respected(void)
{
	struct fp_fit fit = { .nr = 3, .align = 64, .end = 130 };
	u64 words[2 * MAX_WORDS];
	struct fp_frames frames = { words, FP_HUGE_FRAMES };

	fp_frames_init(frames, false);
	fp_frames_take(frames, 0, 1, true);
	EXPECT(fp_frames_find_block(frames, &fit) == 64);
	EXPECT(fp_frames_find_run(frames, &fit) == 64);
	fp_frames_take(frames, 64, 64, true);
	EXPECT(fp_frames_find_block(frames, &fit) == FP_FRAMES_NONE);
	EXPECT(fp_frames_find_run(frames, &fit) == FP_FRAMES_NONE);
	fit.end = 131;
	EXPECT(fp_frames_find_block(frames, &fit) == 128);
	EXPECT(fp_frames_find_run(frames, &fit) == 128);
}

static void frames_remember_dirt_and_heads(void)
{
	u64 words[2 * MAX_WORDS];
	struct fp_frames frames = { words, FP_HUGE_FRAMES };

	fp_frames_init(frames, false);
	EXPECT(!fp_frames_take(frames, 60, 10, true));
	EXPECT(fp_frames_holds(frames, 60, 10, true));
	EXPECT(!fp_frames_holds(frames, 64, 6, true));
	EXPECT(fp_frames_holds(frames, 64, 6, false));
	fp_frames_put(frames, 60, 10, true);
	EXPECT(!fp_frames_all_clean(frames));
	EXPECT(!fp_frames_take(frames, 50, 10, true));
	EXPECT(fp_frames_take(frames, 69, 2, true));
	fp_frames_put(frames, 69, 2, false);
	fp_frames_put(frames, 50, 10, false);
	EXPECT(!fp_frames_all_clean(frames));		/* 60..68 */
	fp_frames_take(frames, 60, 9, true);
	fp_frames_put(frames, 60, 9, false);
	EXPECT(fp_frames_all_clean(frames));
}

static void frames_blocks_are_counted_at_largest_order(void)
{
	u64 blocks[FP_HUGE_ORDER] = {};
	u64 words[2 * MAX_WORDS];
	struct fp_frames frames = { words, FP_HUGE_FRAMES };
	u32 order;

	fp_frames_init(frames, false);
	fp_frames_take(frames, 0, 1, true);
	fp_frames_count_blocks(frames, blocks);
	for (order = 0; order < FP_HUGE_ORDER; order++)
		EXPECT(blocks[order] == 1);
	memset(blocks, 0, sizeof(blocks));
	fp_frames_take(frames, 255, 2, true);
	fp_frames_count_blocks(frames, blocks);
	EXPECT(blocks[0] == 3);				/* 1, 254, 257 */
	EXPECT(blocks[7] == 1 && blocks[8] == 0);	/* 384..511 */
}

static const struct test tests[] = {
	{ "bittree_members_are_least_and_greatest", bittree_members_are_least_and_greatest },
	{ "bittree_broken_summary_is_noticed", bittree_broken_summary_is_noticed },
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
