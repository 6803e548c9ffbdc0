/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FP_EXTENTS_H
#define FP_EXTENTS_H

#include "core/platform.h"

#define FP_NO_HUGE	U32_MAX		/* no huge frame of the pool */

/**
 * struct fp_extent - a physically contiguous run of a pool's huge frames
 * @first: index of its first huge frame; the next extent's @first ends it
 * @hpfn: PFN of its first frame, in huge frames
 */
struct fp_extent {
	u32 first;
	u32 hpfn;
};

/**
 * struct fp_extents - where the huge frames of a pool lie; constant
 * @nr_huge: huge frames; their indices follow the order of their addresses
 * @nr: in @at, not counting the end marker
 * @levels: the largest naturally aligned block has 2^(@levels - 1) huge frames
 * @at: by index; ends with a marker whose @first is @nr_huge
 * @begins: a bit for each huge frame: an extent begins with it
 */
struct fp_extents {
	u32 nr_huge;
	u32 nr;
	u32 levels;
	struct fp_extent *at;
	u64 *begins;
};

int fp_extents_init(struct fp_extents *extents, const u32 *hpfn, u32 nr);
void fp_extents_fini(struct fp_extents *extents);
u32 fp_extents_hpfn(const struct fp_extents *extents, u32 index);
u32 fp_extents_find(const struct fp_extents *extents, u64 hpfn);
u32 fp_extents_last(const struct fp_extents *extents, u32 hpfn);
u32 fp_extents_contiguous(const struct fp_extents *extents, u32 index);

/**
 * fp_extents_begins() - does an extent begin with a huge frame?
 * @extents: the extents
 * @index: the huge frame, or the number of them
 *
 * Return: whether one does; true at the end of the pool.
 */
static inline bool fp_extents_begins(const struct fp_extents *extents, u32 index)
{
	return extents->begins[index / 64] & BIT_ULL(index % 64);
}

#endif
