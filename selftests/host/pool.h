/* SPDX-License-Identifier: GPL-2.0-only */
/* Pretend pools for the host tests. */
#ifndef FP_HOST_POOL_H
#define FP_HOST_POOL_H

#include "core/buddy.h"
#include "core/blocks.h"

#define MIB	256ULL		/* frames */
#define GIB	(1024 * MIB)

/* A run of huge frames in a pretend machine. */
struct extent {
	u32 hpfn;
	u32 nr;
};

void pool_init(struct fp_buddy *buddy, const struct extent *extents, u32 nr);
void pool_init_one(struct fp_buddy *buddy, u32 hpfn, u64 frames);
bool pool_is_free(const struct fp_buddy *buddy, u64 frame);
void pool_settle(struct fp_buddy *buddy);
void pool_fini(struct fp_buddy *buddy);

/* Allocate or free on behalf of an owner. @end_pfn 0: anywhere. */
int pool_alloc(struct fp_buddy *buddy, struct fp_owner *owner, u64 nr, u64 align, u64 end_pfn,
	       struct fp_run *run);
int pool_free(struct fp_buddy *buddy, struct fp_owner *owner, const struct fp_run *run);

/*
 * Allocate given frames, at least 1; a run of a huge frame or more must begin with a huge frame.
 * -EINVAL: they are not contiguous in the pool, or no run can begin or end there; -EBUSY: not all
 * of them are free, another owner has the huge frame, or a limit would be exceeded.
 */
int pool_alloc_at(struct fp_buddy *buddy, struct fp_owner *owner, u64 frame, u64 nr,
		  struct fp_run *run);

int pool_compare_runs(const void *a, const void *b);	/* for qsort(): by address */

/* All that is to be known of a pool: struct fp_counts, and its free blocks by order. */
struct pool_stats {
	u64 total;
	u64 free;
	u64 used;
	u64 quarantined;
	u64 retired;
	u64 charged;
	u64 largest;	/* run of empty huge frames, or else free block */
	u64 bad_frees;
	u64 blocks[FP_ORDERS];
};

void pool_stats(struct fp_buddy *buddy, struct pool_stats *stats);
void pool_blocks_stats(struct fp_blocks *blocks, struct pool_stats *stats);

/* Nothing is allocated, everything is coalesced, every invariant holds. */
void pool_expect_empty(struct fp_buddy *buddy);
void pool_expect_sound(struct fp_buddy *buddy);

#endif
