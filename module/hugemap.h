/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FP_HUGEMAP_H
#define FP_HUGEMAP_H

#include "bittree.h"

#define FP_ORDERS	40		/* block sizes told apart, from one frame up */
#define FP_LEVELS	(FP_ORDERS - FP_HUGE_ORDER) /* a block of level n is 2^n huge frames */
#define FP_ABSENT	U32_MAX		/* hpfn of an index without memory */
#define FP_NO_LIMIT	(U32_MAX - 1)	/* no hpfn is larger */

/**
 * struct fp_hugemap - the huge frames of a pool, and which of them are empty
 * @nr: length of the index space
 * @nr_present: indices that have memory
 * @nr_empty: indices in recorded blocks
 * @nr_extents: physically contiguous runs that the memory consists of
 * @levels: block sizes in use; the largest is 2^(@levels - 1) huge frames
 * @hpfn: by index: PFN of the huge frame's first frame >> FP_HUGE_ORDER, or FP_ABSENT
 * @level: the empty blocks of each level: the set of (index >> level), and how many
 * @words: memory of the trees
 *
 * Locking is the caller's.
 */
struct fp_hugemap {
	u32 nr;
	u32 nr_present;
	u32 nr_empty;
	u32 nr_extents;
	u32 levels;
	u32 *hpfn;
	struct {
		struct fp_bittree tree;
		u32 count;
	} level[FP_LEVELS];
	u64 *words;
};

int fp_hugemap_init(struct fp_hugemap *map, const u32 *hpfn, u32 nr);
void fp_hugemap_fini(struct fp_hugemap *map);
u32 fp_hugemap_take(struct fp_hugemap *map, u32 nr, u32 align_level, u32 last_hpfn);
void fp_hugemap_put(struct fp_hugemap *map, u32 index, u32 nr);
u32 fp_hugemap_block_level(const struct fp_hugemap *map, u32 index);
bool fp_hugemap_can_merge(const struct fp_hugemap *map, u32 lower, u32 level);
u32 fp_hugemap_largest(const struct fp_hugemap *map);

#endif
