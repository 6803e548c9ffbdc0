// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where a pool's memory comes from: folios of PMD order, taken from the kernel
 * one by one when the pool is made, and sorted.
 *
 * They are compound pages (so that the kernel can map one with one page table entry and count
 * references to any part of it) and not movable (a long-term pin of movable memory migrates it
 * first, which is not possible here).
 *
 * A reservation must not hurt the machine. It stops before the memory that the kernel can use falls
 * below a margin, counted zone by zone: memory in ZONE_MOVABLE helps no kernel allocation. It never
 * makes the OOM killer run (a request of this order with __GFP_RETRY_MAYFAIL fails instead), it can
 * be killed, and it gives everything back when it fails.
 */
#define pr_fmt(fmt) "framepool: " fmt

#include "pool/source.h"

#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/sort.h>

#include "compat.h"
#include "core/platform.h"
#include "pool/poison.h"

#define HUGE_BYTES	((u64)PAGE_SIZE << FP_HUGE_ORDER)

/**
 * struct stock - memory that the reservation can be taken from, in pages
 * @usable: what the kernel can still allocate there
 * @margin: how much of that is left to everybody else
 */
struct stock {
	u64 usable;
	u64 margin;
};

/*
 * Pages of a zone that an allocation which may use the zones up to @top can still get. Half of the
 * page cache, or as much of it as the low watermark, is not counted, since it may be in use.
 */
static u64 usable_pages(struct zone *zone, enum zone_type top)
{
	s64 file = zone_page_state(zone, NR_ZONE_ACTIVE_FILE) +
		   zone_page_state(zone, NR_ZONE_INACTIVE_FILE);
	s64 usable = (s64)zone_page_state(zone, NR_FREE_PAGES) + file -
		     min_t(s64, file / 2, low_wmark_pages(zone)) -
		     high_wmark_pages(zone) - zone->lowmem_reserve[top];

	return max(usable, 0LL);
}

/* A sixteenth, at least 64 MiB, is left to everybody else. */
static u64 margin_pages(u64 managed)
{
	return max_t(u64, managed / 16, SZ_64M >> PAGE_SHIFT);
}

/*
 * What kernel allocations can get from a node, or from all. Zones that they may not use, such as
 * ZONE_MOVABLE, do not count, however much is free there.
 */
static struct stock take_stock(int node)
{
	enum zone_type top = gfp_zone(GFP_KERNEL), i;
	struct stock stock = { 0 };
	u64 managed = 0;
	int n;

	for_each_online_node(n) {
		for (i = 0; i <= top && (node == NUMA_NO_NODE || node == n); i++) {
			struct zone *zone = &NODE_DATA(n)->node_zones[i];

			managed += zone_managed_pages(zone);
			stock.usable += usable_pages(zone, top);
		}
	}
	stock.margin = margin_pages(managed);
	return stock;
}

static u64 spare_bytes_of(struct stock stock)
{
	return stock.usable > stock.margin ? (stock.usable - stock.margin) << PAGE_SHIFT : 0;
}

/* How much may be taken now. */
static u64 spare_bytes(int node)
{
	u64 spare = spare_bytes_of(take_stock(NUMA_NO_NODE));

	return node == NUMA_NO_NODE ? spare : min(spare, spare_bytes_of(take_stock(node)));
}

static struct page *alloc_huge(int node)
{
	gfp_t gfp = GFP_KERNEL | __GFP_COMP | __GFP_ZERO | __GFP_RETRY_MAYFAIL | __GFP_NOWARN;
	struct page *page;

	if (node == NUMA_NO_NODE)
		page = alloc_pages(gfp, FP_HUGE_ORDER);
	else
		page = alloc_pages_node(node, gfp | __GFP_THISNODE, FP_HUGE_ORDER);
	/*
	 * The page's former user may have left an index here. From 6.12 on, finish_fault() does not
	 * map a folio by one entry if its index lies beyond the file's size.
	 */
	if (page) {
		page_folio(page)->index = 0;
		fp_folio_feign_mapping(page_folio(page), 1);
	}
	return page;
}

static int reserve_some(struct fp_source *source, u32 want)
{
	while (source->nr < want) {
		struct page *page;

		if (fatal_signal_pending(current))
			return -EINTR;
		if (spare_bytes(source->node) < HUGE_BYTES)
			break;
		page = alloc_huge(source->node);
		if (!page)
			break;
		source->hpfn[source->nr++] = page_to_pfn(page) >> FP_HUGE_ORDER;
		cond_resched();
	}
	return 0;
}

static int compare_hpfn(const void *a, const void *b)
{
	u32 x = *(const u32 *)a, y = *(const u32 *)b;

	return x < y ? -1 : x > y;
}

static int refuse(u64 want, u64 got)
{
	pr_err("%llu MiB requested, %llu MiB possible while %llu MiB stay available\n",
	       want / SZ_1M, got / SZ_1M,
	       (take_stock(NUMA_NO_NODE).margin << PAGE_SHIFT) / SZ_1M);
	pr_err("request less, or pass partial=1 to take what there is\n");
	return -ENOMEM;
}

/**
 * fp_source_reserve() - take huge frames from the kernel
 * @source: the result; all memory is zeroed
 * @bytes: how much, rounded up to whole huge frames
 * @node: NUMA node to take it from, or NUMA_NO_NODE
 * @partial: accept less, but at least one huge frame
 *
 * If there is too little memory, the log says how much could be taken.
 *
 * Context: may sleep, for long; killable.
 * Return: 0; -EINTR: killed; -ENOMEM: there is too little memory.
 */
int fp_source_reserve(struct fp_source *source, u64 bytes, int node, bool partial)
{
	u64 nr = bytes / HUGE_BYTES + !!(bytes % HUGE_BYTES);
	u64 spare = spare_bytes(node);
	int ret;

	source->nr = 0;
	source->nr_kept = 0;
	source->node = node;
	if (nr > spare / HUGE_BYTES) {
		if (!partial)
			return refuse(bytes, round_down(spare, HUGE_BYTES));
		nr = spare / HUGE_BYTES;
	}
	source->hpfn = kvmalloc_array(max_t(u64, nr, 1), sizeof(u32), GFP_KERNEL);
	if (!source->hpfn)
		return -ENOMEM;
	ret = reserve_some(source, nr);
	if (ret)
		goto err_release;
	if (!source->nr || (source->nr < nr && !partial)) {
		ret = refuse(bytes, source->nr * HUGE_BYTES);
		goto err_release;
	}
	sort(source->hpfn, source->nr, sizeof(u32), compare_hpfn, NULL);
	return 0;

err_release:
	fp_source_release(source);
	return ret;
}

/**
 * fp_source_forget() - drop the list of huge frames
 * @source: the source; whoever copied the list gives them back with fp_source_put()
 *
 * Context: any.
 */
void fp_source_forget(struct fp_source *source)
{
	kvfree(source->hpfn);
	source->hpfn = NULL;
}

/**
 * fp_source_put() - give a huge frame back to the kernel
 * @source: the source
 * @pfn: PFN of its first frame
 *
 * A huge frame with a bad frame is not given back, because the kernel would allocate it again.
 *
 * A huge frame that somebody still references (a pipe, direct I/O) is freed by the
 * kernel when the last reference is dropped.
 *
 * Context: may sleep.
 */
void fp_source_put(struct fp_source *source, unsigned long pfn)
{
	if (unlikely(fp_poison_in(pfn, FP_HUGE_FRAMES))) {
		source->nr_kept++;
	} else {
		fp_folio_feign_mapping(page_folio(pfn_to_page(pfn)), -1);
		put_page(pfn_to_page(pfn));
	}
	cond_resched();
}

/**
 * fp_source_fini() - end a source after all huge frames were given back
 * @source: the source
 *
 * Context: any.
 */
void fp_source_fini(struct fp_source *source)
{
	if (source->nr_kept)
		pr_info("%u huge frames with bad memory are not given back\n", source->nr_kept);
	fp_source_forget(source);
}

/**
 * fp_source_release() - give all huge frames back to the kernel
 * @source: the source, which still has its list
 *
 * Context: may sleep.
 */
void fp_source_release(struct fp_source *source)
{
	u32 i;

	for (i = 0; i < source->nr; i++)
		fp_source_put(source, (unsigned long)source->hpfn[i] << FP_HUGE_ORDER);
	fp_source_fini(source);
}
