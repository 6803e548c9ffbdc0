/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FP_BLOCKS_H
#define FP_BLOCKS_H

#include "core/buddy.h"
#include "core/magazine.h"

#define FP_BLOCKS_ORDERS	(FP_MAX_HUGE_ORDER + 1)	/* orders that have magazines, at most */

/**
 * struct fp_blocks - naturally aligned blocks of a pool for the kernel, fast
 * @magazines: blocks up to a huge frame, by order
 * @buddy: where the blocks come from; constant
 * @nr_frames: frames in @buddy; constant
 * @owners: by processor: owner of the huge frames that blocks for it come from; these are the fixed
 *	    owners of @buddy. Outside they count as one: any processor may free any block, and takes
 *	    blocks from any owner when its own has none.
 * @dirty: freed huge frames go into quarantine; may be set to false after init if there is no real
 *	   memory
 */
struct fp_blocks {
	struct fp_magazines magazines;
	struct fp_buddy *buddy;
	u64 nr_frames;
	struct fp_owner *owners;
	bool dirty;
};

int fp_blocks_init(struct fp_blocks *blocks, struct fp_buddy *buddy, bool direct);
void fp_blocks_fini(struct fp_blocks *blocks);
u64 fp_blocks_alloc(struct fp_blocks *blocks, u32 order);
int fp_blocks_free(struct fp_blocks *blocks, u64 frame, u32 order);
u32 fp_blocks_alloc_bulk(struct fp_blocks *blocks, u32 order, u32 *frames, u32 nr);
u32 fp_blocks_free_bulk(struct fp_blocks *blocks, u32 order, const u32 *frames, u32 nr);
void fp_blocks_count(struct fp_blocks *blocks, u64 set_aside, struct fp_counts *counts,
		     u64 *cached);

#endif
