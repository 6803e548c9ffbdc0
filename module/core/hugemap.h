/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FP_HUGEMAP_H
#define FP_HUGEMAP_H

#include "core/bittree.h"

#define FP_ORDERS	40		/* block sizes told apart, from one frame up */
#define FP_LEVELS	(FP_ORDERS - FP_HUGE_ORDER) /* a block of level n is 2^n huge frames */
#define FP_NO_LIMIT	(U32_MAX - 1)	/* no hpfn is larger */

/**
 * struct fp_extent - a physically contiguous run of a pool's huge frames
 * @first: index of its first huge frame; the next extent's @first ends it
 * @hpfn: PFN of its first frame >> FP_HUGE_ORDER
 * @pos: position of its first bit in the trees
 */
struct fp_extent {
	u32 first;
	u32 hpfn;
	u32 pos;
};

/**
 * struct fp_hugemap - the huge frames of a pool, and which of them are empty
 * @nr: huge frames; their indices follow the order of their addresses
 * @nr_empty: huge frames in recorded blocks
 * @nr_extents: in @extents, not counting the end marker
 * @extents: by index; ends with a marker whose @first is @nr
 * @levels: block sizes in use; the largest is 2^(@levels - 1) huge frames
 * @level: the empty blocks of each level: the set of (position >> level), and how many
 * @words: memory of the trees
 *
 * The caller locks.
 */
struct fp_hugemap {
	u32 nr;
	u32 nr_empty;
	u32 nr_extents;
	struct fp_extent *extents;
	u32 levels;
	struct {
		struct fp_bittree tree;
		u32 count;
	} level[FP_LEVELS];
	u64 *words;
};

/**
 * struct fp_hugemap_request - which empty huge frames are wanted
 * @nr: length of the run, at least 1
 * @align_level: its PFN is a multiple of 2^@align_level huge frames
 * @last_hpfn: the first huge frame lies at or below this; FP_NO_LIMIT: anywhere
 * @high: take the highest best-fitting block, otherwise the lowest
 */
struct fp_hugemap_request {
	u32 nr;
	u32 align_level;
	u32 last_hpfn;
	bool high;
};

int fp_hugemap_init(struct fp_hugemap *map, const u32 *hpfn, u32 nr);
void fp_hugemap_fini(struct fp_hugemap *map);
u32 fp_hugemap_take(struct fp_hugemap *map, const struct fp_hugemap_request *request);
bool fp_hugemap_take_at(struct fp_hugemap *map, u32 index, u32 nr);
void fp_hugemap_put(struct fp_hugemap *map, u32 index, u32 nr);
u32 fp_hugemap_hpfn(const struct fp_hugemap *map, u32 index);
u32 fp_hugemap_find(const struct fp_hugemap *map, u64 hpfn);
u32 fp_hugemap_contiguous(const struct fp_hugemap *map, u32 index);
u32 fp_hugemap_largest(const struct fp_hugemap *map);
u64 fp_hugemap_metadata(const struct fp_hugemap *map);

/* For walks over the recorded blocks. */
const struct fp_extent *fp_hugemap_extent_at(const struct fp_hugemap *map, u32 pos);
u32 fp_hugemap_block_level(const struct fp_hugemap *map, u32 pos);
bool fp_hugemap_can_merge(const struct fp_extent *extent, u32 pos, u32 level);

#endif
