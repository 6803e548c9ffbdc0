// SPDX-License-Identifier: LGPL-2.1-or-later
/* Both indices of layouts that are small enough to work out by hand. */
#include "internal.h"
#include "test.h"

#define LAYOUT(count, ...)	{ .raw = { .orders = (count), .free_blocks = { __VA_ARGS__ } } }

/* 1 frame and a block of 8: 9 frames in 2 blocks. */
static const struct framepool_stats mixed = LAYOUT(5, 1, 0, 0, 1);
/* 8 single frames. */
static const struct framepool_stats split = LAYOUT(4, 8);
static const struct framepool_stats whole = LAYOUT(4, 0, 0, 0, 1);
static const struct framepool_stats crowd = LAYOUT(10, 1 << 20);
static const struct framepool_stats empty = LAYOUT(4, 0);
/* 2^51 frames of 4 KiB: 8 EiB. */
static const struct framepool_stats vast = LAYOUT(40, [39] = 4096);

static bool has(const struct framepool_stats *stats, unsigned int order, int unusable, int external)
{
	int is_unusable = framepool_stats_unusable_index(stats, order);
	int is_external = framepool_stats_external_index(stats, order);

	if (is_unusable == unusable && is_external == external)
		return true;
	printf("# order %u: unusable %d, not %d; external %d, not %d\n", order, is_unusable,
	       unusable, is_external, external);
	return false;
}

int main(void)
{
	check(has(&mixed, 0, 0, -1000), "frame_is_served_by_any_block");
	check(has(&mixed, 1, 111, -1000) && has(&mixed, 3, 111, -1000),
	      "small_block_is_unusable_to_larger_request");
	check(has(&mixed, 4, 1000, 219), "request_beyond_all_blocks_fails");
	check(has(&split, 1, 1000, 375) && has(&split, 3, 1000, 750),
	      "scattered_frames_blame_fragmentation");
	check(has(&crowd, 9, 1000, 999), "many_scattered_frames_come_close_to_1");
	check(has(&whole, 4, 1000, -500), "one_block_too_small_is_lack_of_memory");
	check(has(&empty, 0, 1000, 0) && has(&empty, 3, 1000, 0), "nothing_free_is_lack_of_memory");
	check(has(&vast, 39, 0, -1000) && has(&vast, 40, 1000, 500), "sums_of_8_exbibytes_fit");
	check(has(&split, 63, 1000, 875) && has(&split, 64, 1000, 875) &&
	      has(&split, ~0U, 1000, 875), "any_order_is_answered");
	check(framepool_stats_free_blocks(&split, 0) == 8 &&
	      !framepool_stats_free_blocks(&split, 4) &&
	      !framepool_stats_free_blocks(&split, ~0U), "blocks_beyond_the_orders_are_0");
	return 0;
}
