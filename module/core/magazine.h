/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FP_MAGAZINE_H
#define FP_MAGAZINE_H

#include "core/buddy.h"
#include "core/gate.h"

#define FP_MAGAZINE_ORDERS	(FP_HUGE_ORDER + 1)
#define FP_MAGAZINE_SIZE	254	/* a magazine is 1 KiB */

/**
 * struct fp_magazine - a stack of blocks of one order
 * @nr: how many there are
 * @size: how many there may be; constant
 * @blocks: their first frames; the last one came last
 */
struct fp_magazine {
	u32 nr;
	u32 size;
	u32 blocks[FP_MAGAZINE_SIZE];
};

/**
 * struct fp_magazine_cpu - the magazines of one processor
 * @gate: to them
 * @magazines: by order
 */
struct fp_magazine_cpu {
	struct fp_gate gate;
	struct fp_magazine magazines[FP_MAGAZINE_ORDERS];
};

/**
 * struct fp_magazines - the kernel's side of a pool: naturally aligned blocks, fast
 * @buddy: where the blocks come from; constant
 * @nr_frames: in @buddy; constant
 * @owners: by processor: owner of the huge frames that blocks for it come from; the fixed ones of
 *	    @buddy. All of them are one to the rest of the world: any processor may free any block, and
 *	    take one from any owner when its own has none.
 * @dirty: freed huge frames go into quarantine; may be cleared after init by who deals in pretend memory
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
u32 fp_magazines_free_bulk(struct fp_magazines *magazines, u32 order, const u32 *blocks, u32 nr,
			   u32 *refused);
u32 fp_magazines_drain(struct fp_magazines *magazines, bool hurry);
u32 fp_magazines_drain_local(struct fp_magazines *magazines);
void fp_magazines_stats(struct fp_magazines *magazines, u64 withheld, struct fp_buddy_stats *stats);

#endif
