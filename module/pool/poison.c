// SPDX-License-Identifier: GPL-2.0-only
/*
 * Frames that the hardware found bad.
 *
 * The kernel does not notify their owner. What memory_failure() of Linux 6.1, 6.12 and 7.3 does to
 * a frame of ours, which is neither on an LRU list nor hugetlbfs's nor in a page cache:
 *
 *  - an error that the machine reports, or that is injected by its PFN: the page is marked
 *    (PG_hwpoison), then the kernel finds that it cannot handle it, before it takes
 *    a reference or unmaps anything. The folio is not marked.
 *  - MADV_HWPOISON: it has a reference, marks page and folio (PG_has_hwpoisoned), fails to
 *    split the folio, since that has no mapping, and drops the reference. Nothing is unmapped.
 *  - soft offlining (MADV_SOFT_OFFLINE) marks nothing, since the frame cannot be migrated.
 *
 * So the mark on the page is what counts. It is checked wherever it matters: in the fault handler,
 * and when memory is allocated for a client, cleared, or returned to the kernel. Blocks for other
 * kernel modules are not checked. The kernel keeps no reference, but nothing here relies on that: a
 * bad huge frame is retired whatever its reference count is.
 */
#include "pool/poison.h"

#include <linux/mm.h>

#include "compat.h"
#include "core/platform.h"

/**
 * fp_poison_in() - did the hardware find one of these frames bad?
 * @pfn: the first
 * @nr: number, at least 1; in at most two NUMA nodes, since they are contiguous
 *
 * Context: may sleep.
 * Return: whether it did.
 */
bool fp_poison_in(unsigned long pfn, u64 nr)
{
	struct page *page = pfn_to_page(pfn);
	u64 i;

	if (likely(!fp_had_memory_failure(page_to_nid(page)) &&
		   !fp_had_memory_failure(page_to_nid(page + nr - 1))))
		return false;
	for (i = 0; i < nr; i++) {
		if (unlikely(PageHWPoison(page + i)))
			return true;
		if (i % FP_HUGE_FRAMES == 0)
			cond_resched();
	}
	return false;
}

/**
 * fp_poison_mark() - keep the kernel from mapping a folio as a whole if a frame in it is bad
 * @folio: the folio, locked; its owner never returns it to the kernel if a frame in it is bad
 *
 * do_set_pmd() checks the mark of the folio only, which memory_failure() may not have set. On Linux
 * 7.3 finish_fault() then maps all pages of the folio, the bad one included, by one entry each. It
 * maps the page of the fault alone if the folio's index says that it lies beyond the end of the
 * file.
 *
 * Context: may sleep.
 * Return: whether a frame in it is bad.
 */
bool fp_poison_mark(struct folio *folio)
{
	if (likely(!fp_poison_in(folio_pfn(folio), folio_nr_pages(folio))))
		return false;
	folio_set_has_hwpoisoned(folio);
	folio->index = ULONG_MAX - folio_nr_pages(folio);
	return true;
}
