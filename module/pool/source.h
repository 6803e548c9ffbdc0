/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FP_SOURCE_H
#define FP_SOURCE_H

#include <linux/types.h>

#include "pool/memtype.h"
#include "pool/reason.h"

/**
 * struct fp_source_config - what to reserve
 * @bytes: how much, rounded up to whole huge frames
 * @node: NUMA node to take it from, or NUMA_NO_NODE
 * @partial: accept less, but at least one huge frame
 * @min_run: refuse if no physically contiguous extent has so many bytes
 * @below: @below_bytes lie below this physical address
 * @below_bytes: how much has to lie there, rounded up to whole huge frames; may exceed @bytes
 * @memtype: how processors cache it
 */
struct fp_source_config {
	u64 bytes;
	int node;
	bool partial;
	u64 min_run;
	u64 below;
	u64 below_bytes;
	enum fp_memtype memtype;
};

/**
 * struct fp_source - huge frames reserved from the kernel
 * @nr: how many
 * @node: NUMA node they come from, or NUMA_NO_NODE
 * @nr_extents: how many physically contiguous extents they form
 * @largest: huge frames in the largest of these
 * @first: physical address of the first byte
 * @end: physical address after the last byte
 * @hpfn: their PFNs >> FP_HUGE_ORDER, ascending; NULL after fp_source_forget()
 * @memtype: how processors cache them
 * @nr_kept: how many were not given back because a frame in them is bad
 * @nr_stuck: how many were not given back because they cannot be cached again
 *
 * Constant between fp_source_reserve() and the first fp_source_put().
 */
struct fp_source {
	u32 nr;
	int node;
	u32 nr_extents;
	u32 largest;
	u64 first;
	u64 end;
	u32 *hpfn;
	enum fp_memtype memtype;
	u32 nr_kept;
	u32 nr_stuck;
};

int fp_source_reserve(struct fp_source *source, const struct fp_source_config *config,
		      struct fp_reason *reason);
void fp_source_range(const struct fp_source *source, bool exact, u64 *first, u64 *end);
void fp_source_clear(unsigned long pfn, u64 nr, bool may_sleep);
void fp_source_forget(struct fp_source *source);
void fp_source_put(struct fp_source *source, unsigned long pfn);
void fp_source_fini(struct fp_source *source);
void fp_source_release(struct fp_source *source);

#endif
