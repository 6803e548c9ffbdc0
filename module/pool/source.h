/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FP_SOURCE_H
#define FP_SOURCE_H

#include <linux/types.h>

/**
 * struct fp_source - huge frames reserved from the kernel
 * @nr: how many
 * @node: NUMA node they come from, or NUMA_NO_NODE
 * @hpfn: their PFNs >> FP_HUGE_ORDER, ascending; NULL after fp_source_forget()
 * @nr_kept: how many were not given back because a frame in them is bad
 *
 * Constant between fp_source_reserve() and the first fp_source_put().
 */
struct fp_source {
	u32 nr;
	int node;
	u32 *hpfn;
	u32 nr_kept;
};

int fp_source_reserve(struct fp_source *source, u64 bytes, int node, bool partial);
void fp_source_forget(struct fp_source *source);
void fp_source_put(struct fp_source *source, unsigned long pfn);
void fp_source_fini(struct fp_source *source);
void fp_source_release(struct fp_source *source);

#endif
