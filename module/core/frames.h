/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FP_FRAMES_H
#define FP_FRAMES_H

#include "core/platform.h"

#define FP_FRAMES_NONE	U32_MAX

/**
 * struct fp_frames - the state of each frame in a huge frame, two bits a frame
 * @words: for each frame, a bit that says free (set) or allocated; after the words of these, one
 *	   more bit for each: free frames: clean (set) or dirty; allocated frames: first of a block
 *	   (set), or continues the block of the frame before it
 * @nr: frames, a power of two; of fewer than 64, the other bits of a word are clear
 *
 * This is passed by value. The caller locks, except for fp_frames_holds() and what counts.
 */
struct fp_frames {
	u64 *words;
	u32 nr;
};

/* Words of either kind of bits. */
static inline u32 fp_frames_words(u32 nr)
{
	return DIV_ROUND_UP(nr, 64);
}

static inline u64 *fp_frames_aux(struct fp_frames frames)
{
	return frames.words + fp_frames_words(frames.nr);
}

/**
 * struct fp_fit - what a run of frames inside a huge frame must satisfy
 * @nr: frames, fewer than the huge frame has
 * @align: its first frame is a multiple of this power of two, at most those of the huge frame
 * @end: it ends at or below this frame
 */
struct fp_fit {
	u32 nr;
	u32 align;
	u32 end;
};

void fp_frames_init(struct fp_frames frames, bool dirty);
u32 fp_frames_find_block(struct fp_frames frames, const struct fp_fit *fit);
u32 fp_frames_find_run(struct fp_frames frames, const struct fp_fit *fit);
void fp_frames_copy_blocks(struct fp_frames to, struct fp_frames from);
bool fp_frames_take(struct fp_frames frames, u32 at, u32 nr, bool head);
void fp_frames_put(struct fp_frames frames, u32 at, u32 nr, bool dirty);
u32 fp_frames_put_blocks(struct fp_frames frames, u32 order, const u32 *blocks, u32 nr,
			 bool dirty);
u32 fp_frames_take_blocks(struct fp_frames frames, u32 order, u32 base, u32 *blocks, bool *dirty,
			  u32 max);
bool fp_frames_holds(struct fp_frames frames, u32 at, u32 nr, bool head);
bool fp_frames_all_clean(struct fp_frames frames);
u32 fp_frames_nr_free(struct fp_frames frames);
void fp_frames_count_blocks(struct fp_frames frames, u64 *blocks);
bool fp_frames_is_sound(struct fp_frames frames);

/**
 * fp_frames_holds_quickly() - is this exactly one allocated block? For fast paths
 * @frames: the frames
 * @at: first frame
 * @order: log2 of its length
 *
 * Looks at one word only, so false may also mean that the block reaches the end of the word, or of
 * the huge frame.
 *
 * Return: true: it is; false: use fp_frames_holds() to find out.
 */
static inline bool fp_frames_holds_quickly(struct fp_frames frames, u32 at, u32 order)
{
	u64 free = READ_ONCE(frames.words[at / 64]);
	u64 stops = free | READ_ONCE(fp_frames_aux(frames)[at / 64]);
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
