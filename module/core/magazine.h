/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FP_MAGAZINE_H
#define FP_MAGAZINE_H

#include "core/buddy.h"
#include "core/gate.h"

#define FP_MAGAZINE_ORDERS	(FP_MAX_HUGE_ORDER + 1)
#define FP_MAGAZINE_SIZE	254	/* a magazine is 1 KiB */

/**
 * struct fp_magazine - a stack of blocks of one order
 * @nr: how many there are
 * @size: how many there may be; constant
 * @blocks: their first frames, in the order in which they were pushed
 */
struct fp_magazine {
	u32 nr;
	u32 size;
	u32 blocks[FP_MAGAZINE_SIZE];
};

/**
 * struct fp_magazine_cpu - the magazines of one processor
 * @gate: the gate to them
 * @magazines: by order
 */
struct fp_magazine_cpu {
	struct fp_gate gate;
	struct fp_magazine magazines[FP_MAGAZINE_ORDERS];
};

/**
 * struct fp_magazines - naturally aligned blocks of a pool for the kernel, fast
 * @buddy: where the blocks come from; constant
 * @nr_frames: frames in @buddy; constant
 * @owners: by processor: owner of the huge frames that blocks for it come from; these are the fixed
 *	    owners of @buddy. Outside they count as one: any processor may free any block, and takes
 *	    blocks from any owner when its own has none.
 * @dirty: freed huge frames go into quarantine; may be set to false after init if there is no real
 *	   memory
 * @cpus: by processor
 * @drain_lock: one drain at a time
 */
struct fp_magazines {
	struct fp_buddy *buddy;
	u64 nr_frames;
	struct fp_owner *owners;
	bool dirty;
	struct fp_magazine_cpu __percpu *cpus;
	struct mutex drain_lock;
};

int fp_magazines_init(struct fp_magazines *magazines, struct fp_buddy *buddy, bool direct);
void fp_magazines_fini(struct fp_magazines *magazines);
u64 fp_magazines_alloc(struct fp_magazines *magazines, u32 order);
int fp_magazines_free(struct fp_magazines *magazines, u64 frame, u32 order);
u32 fp_magazines_alloc_bulk(struct fp_magazines *magazines, u32 order, u32 *blocks, u32 nr);
u32 fp_magazines_free_bulk(struct fp_magazines *magazines, u32 order, const u32 *blocks, u32 nr);
void fp_magazines_drain(struct fp_magazines *magazines, bool hurry);
void fp_magazines_drain_local(struct fp_magazines *magazines);
void fp_magazines_count(struct fp_magazines *magazines, u64 set_aside, struct fp_counts *counts,
			u64 *blocks);

#endif
