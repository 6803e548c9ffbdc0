// SPDX-License-Identifier: GPL-2.0-only
/*
 * The memory of a pool comes in extents, physically contiguous runs of huge frames. Huge frames are
 * numbered (index) in the order of their addresses, without gaps.
 */
#include "core/extents.h"

/*
 * The last extent whose first huge frame, or the PFN of that, is at or below a value. If there is
 * none, the first one.
 */
static __always_inline const struct fp_extent *find(const struct fp_extents *extents, u64 value,
						    bool by_pfn)
{
	u32 low = 0, high = extents->nr;

	while (high - low > 1) {
		u32 middle = (low + high) / 2;
		const struct fp_extent *extent = &extents->at[middle];

		if ((by_pfn ? extent->hpfn : extent->first) <= value)
			low = middle;
		else
			high = middle;
	}
	return &extents->at[low];
}

/**
 * fp_extents_hpfn() - where a huge frame lies in physical memory
 * @extents: the extents
 * @index: the huge frame
 *
 * Return: PFN of its first frame, in huge frames.
 */
u32 fp_extents_hpfn(const struct fp_extents *extents, u32 index)
{
	const struct fp_extent *extent = find(extents, index, false);

	return extent->hpfn + (index - extent->first);
}

/**
 * fp_extents_last() - find the last huge frame up to a PFN
 * @extents: the extents
 * @hpfn: any PFN, in huge frames
 *
 * Return: its index, or FP_NO_HUGE.
 */
u32 fp_extents_last(const struct fp_extents *extents, u32 hpfn)
{
	const struct fp_extent *extent = find(extents, hpfn, true);

	if (hpfn < extent->hpfn)
		return FP_NO_HUGE;
	return min(extent->first + (hpfn - extent->hpfn), extent[1].first - 1);
}

/**
 * fp_extents_find() - find the huge frame with a PFN
 * @extents: the extents
 * @hpfn: any PFN, in huge frames
 *
 * Return: its index, or FP_NO_HUGE.
 */
u32 fp_extents_find(const struct fp_extents *extents, u64 hpfn)
{
	const struct fp_extent *extent = find(extents, hpfn, true);
	u64 offset = hpfn - extent->hpfn;	/* very large if it lies before all extents */

	return offset < extent[1].first - extent->first ? extent->first + offset : FP_NO_HUGE;
}

/**
 * fp_extents_contiguous() - count physically contiguous huge frames
 * @extents: the extents
 * @index: a huge frame
 *
 * Return: huge frames from @index to the end of its extent.
 */
u32 fp_extents_contiguous(const struct fp_extents *extents, u32 index)
{
	return find(extents, index, false)[1].first - index;
}

/* Level of the largest naturally aligned block in an extent. */
static u32 largest_level(u32 hpfn, u32 nr)
{
	u32 level = ilog2(nr);

	while (round_up((u64)hpfn, 1ULL << level) + (1ULL << level) > (u64)hpfn + nr)
		level--;
	return level;
}

/* Find the extents. With @extents->at unset they are only counted. */
static void lay_out(struct fp_extents *extents, const u32 *hpfn)
{
	u32 i, len;

	extents->nr = 0;
	for (i = 0; i < extents->nr_huge; i += len) {
		for (len = 1; i + len < extents->nr_huge && hpfn[i + len] == hpfn[i] + len;)
			len++;
		if (extents->at) {
			extents->at[extents->nr] = (struct fp_extent){ i, hpfn[i] };
			extents->begins[i / 64] |= BIT_ULL(i % 64);
		}
		extents->levels = max(extents->levels, largest_level(hpfn[i], len) + 1);
		extents->nr++;
	}
}

static size_t nr_words(const struct fp_extents *extents)
{
	return extents->nr_huge / 64 + 1;
}

/**
 * fp_extents_init() - find the extents
 * @extents: zeroed
 * @hpfn: PFNs of the huge frames, in huge frames, ascending, without repeats
 * @nr: how many, at least 1
 *
 * Context: may sleep.
 * Return: 0, or -ENOMEM; then fp_extents_fini() must follow, too.
 */
int fp_extents_init(struct fp_extents *extents, const u32 *hpfn, u32 nr)
{
	extents->nr_huge = nr;
	lay_out(extents, hpfn);
	extents->begins = kvcalloc(nr_words(extents), sizeof(u64), GFP_KERNEL);
	if (!extents->begins)
		return -ENOMEM;
	extents->at = kvcalloc(extents->nr + 1, sizeof(*extents->at), GFP_KERNEL);
	if (!extents->at)
		return -ENOMEM;
	lay_out(extents, hpfn);
	extents->at[extents->nr].first = nr;
	extents->begins[nr / 64] |= BIT_ULL(nr % 64);
	return 0;
}

/**
 * fp_extents_fini() - free what fp_extents_init() allocated
 * @extents: the extents
 */
void fp_extents_fini(struct fp_extents *extents)
{
	kvfree(extents->begins);
	kvfree(extents->at);
}
