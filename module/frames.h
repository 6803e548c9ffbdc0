/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FP_FRAMES_H
#define FP_FRAMES_H

#include "platform.h"

#define FP_FRAMES_WORDS	(FP_HUGE_FRAMES / 64)
#define FP_FRAMES_NONE	U32_MAX

/**
 * struct fp_frames - the state of each frame in a huge frame, two bits a frame
 * @free: set: free, clear: allocated
 * @aux: free frames: set: clean, clear: dirty; allocated frames: set: first frame
 *       of a block, clear: continues the block of the frame before it
 *
 * Locking is the caller's.
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
u32 fp_frames_length(const struct fp_frames *frames, u32 at);
bool fp_frames_is_head(const struct fp_frames *frames, u32 at);
bool fp_frames_is_free(const struct fp_frames *frames, u32 at);
bool fp_frames_all_clean(const struct fp_frames *frames);
u32 fp_frames_nr_free(const struct fp_frames *frames);
void fp_frames_count_blocks(const struct fp_frames *frames, u64 *blocks);

#endif
