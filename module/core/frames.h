/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FP_FRAMES_H
#define FP_FRAMES_H

#include "core/platform.h"

#define FP_FRAMES_WORDS	(FP_HUGE_FRAMES / 64)
#define FP_FRAMES_NONE	U32_MAX

/**
 * struct fp_frames - the state of each frame in a huge frame, two bits a frame
 * @free: set: free, clear: allocated
 * @aux: free frames: set: clean, clear: dirty; allocated frames: set: first frame
 *       of a block, clear: continues the block of the frame before it
 *
 * The caller locks, except for fp_frames_holds().
 */
struct fp_frames {
	u64 free[FP_FRAMES_WORDS];
	u64 aux[FP_FRAMES_WORDS];
};

/**
 * struct fp_fit - what a run of frames inside a huge frame must satisfy
 * @nr: frames, 1 to FP_HUGE_FRAMES - 1
 * @align: its first frame is a multiple of this power of two, at most FP_HUGE_FRAMES
 * @end: it ends at or below this frame, at most FP_HUGE_FRAMES
 */
struct fp_fit {
	u32 nr;
	u32 align;
	u32 end;
};

void fp_frames_init(struct fp_frames *frames);
u32 fp_frames_find_block(const struct fp_frames *frames, const struct fp_fit *fit);
u32 fp_frames_find_run(const struct fp_frames *frames, const struct fp_fit *fit);
bool fp_frames_take(struct fp_frames *frames, u32 at, u32 nr, bool head);
void fp_frames_put(struct fp_frames *frames, u32 at, u32 nr, bool dirty);
u32 fp_frames_put_blocks(struct fp_frames *frames, u32 order, const u32 *blocks, u32 nr,
			 bool dirty);
u32 fp_frames_take_blocks(struct fp_frames *frames, u32 order, u32 base, u32 *blocks, bool *dirty,
			  u32 max);
bool fp_frames_holds(const struct fp_frames *frames, u32 at, u32 nr, bool head);
bool fp_frames_is_head(const struct fp_frames *frames, u32 at);
bool fp_frames_is_free(const struct fp_frames *frames, u32 at);
bool fp_frames_are_free(const struct fp_frames *frames, u32 at, u32 nr);
bool fp_frames_all_clean(const struct fp_frames *frames);
u32 fp_frames_nr_free(const struct fp_frames *frames);
void fp_frames_count_blocks(const struct fp_frames *frames, u64 *blocks);

/**
 * fp_frames_holds_quickly() - is this exactly one allocated block? For fast paths
 * @frames: the frames
 * @at: first frame
 * @order: log2 of its length
 *
 * Looks at one word only, so false may also mean that the block reaches the end of the word.
 *
 * Return: true: it is; false: use fp_frames_holds() to find out.
 */
static inline bool fp_frames_holds_quickly(const struct fp_frames *frames, u32 at, u32 order)
{
	u64 free = READ_ONCE(frames->free[at / 64]);
	u64 stops = free | READ_ONCE(frames->aux[at / 64]);
	u32 size;

	/* The order is unchecked, and may be anything. */
	if (order >= 6)
		return false;
	size = 1U << order;
	/* From @at on: a stop at the head, and the next one right after the block. */
	return !(free >> (at % 64) & 1) &&
	       (stops >> (at % 64) & ((2ULL << size) - 1)) == (1ULL << size | 1);
}

#endif
