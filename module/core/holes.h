/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FP_HOLES_H
#define FP_HOLES_H

#include "core/platform.h"

#define FP_HOLES_SHORT	64	/* huge frames; longer holes are listed one by one */

/**
 * struct fp_holes - how long the empty runs of a pool are
 * @nr_of: how many have each length up to FP_HOLES_SHORT; those of 0 do not count
 * @longer: lengths of the others, ascending after fp_holes_sort()
 * @begin: first of these
 * @end: after the last of these
 */
struct fp_holes {
	u32 nr_of[FP_HOLES_SHORT + 1];
	u32 *longer;
	u32 begin;
	u32 end;
};

int fp_holes_init(struct fp_holes *holes, u32 nr_huge);
void fp_holes_fini(struct fp_holes *holes);
void fp_holes_add(struct fp_holes *holes, u32 length);
void fp_holes_insert(struct fp_holes *holes, u32 length);
void fp_holes_remove(struct fp_holes *holes, u32 length);
void fp_holes_sort(struct fp_holes *holes);
void fp_holes_copy(struct fp_holes *to, const struct fp_holes *from);
bool fp_holes_fill(struct fp_holes *holes, u32 length);

#endif
