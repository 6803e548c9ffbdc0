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

#include <linux/highmem.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/sort.h>

#include "compat.h"
#include "core/platform.h"
#include "pool/poison.h"

#define HUGE_BYTES	((u64)PAGE_SIZE << FP_HUGE_ORDER)
#define NO_END		U64_MAX

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

/*
 * What is free in the zone that devices with 32 address lines reach. What the kernel reserves there
 * is left, as others may need it who can use nothing else, but no more than half of the zone: the
 * reserve grows with the rest of memory, beyond the zone's size.
 */
static struct stock take_low_stock(void)
{
	enum zone_type top = gfp_zone(GFP_KERNEL), low = gfp_zone(GFP_DMA32);
	struct stock stock = { 0 };
	u64 managed = 0;
	int n;

	for_each_online_node(n) {
		struct zone *zone = &NODE_DATA(n)->node_zones[low];
		s64 reserve = min_t(s64, zone->lowmem_reserve[top], zone_managed_pages(zone) / 2);
		s64 usable = (s64)zone_page_state(zone, NR_FREE_PAGES) -
			     high_wmark_pages(zone) - reserve;

		managed += zone_managed_pages(zone);
		stock.usable += max(usable, 0LL);
	}
	stock.margin = margin_pages(managed);
	return stock;
}

static bool is_low(u64 end)
{
	return end <= SZ_4G;
}

/* How much may be taken now below @end. */
static u64 spare_bytes(int node, u64 end)
{
	u64 spare = spare_bytes_of(take_stock(NUMA_NO_NODE));

	if (node != NUMA_NO_NODE)
		spare = min(spare, spare_bytes_of(take_stock(node)));
	return is_low(end) ? min(spare, spare_bytes_of(take_low_stock())) : spare;
}

static struct page *alloc_huge(int node, bool low)
{
	gfp_t gfp = GFP_KERNEL | __GFP_COMP | __GFP_ZERO | __GFP_RETRY_MAYFAIL | __GFP_NOWARN;
	struct page *page;

	if (low)
		gfp |= GFP_DMA32;
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

/*
 * Take huge frames below @end until there are @want. What the kernel hands out above @end is held
 * until then, or it would come again.
 */
static int reserve_some(struct fp_source *source, u32 want, u64 end)
{
	struct page *page, *next;
	LIST_HEAD(beyond);
	int ret = 0;

	while (source->nr < want && spare_bytes(source->node, end) >= HUGE_BYTES) {
		if (fatal_signal_pending(current)) {
			ret = -EINTR;
			break;
		}
		page = alloc_huge(source->node, is_low(end));
		if (!page)
			break;
		if (PFN_PHYS(page_to_pfn(page)) + HUGE_BYTES > end)
			list_add(&page->lru, &beyond);
		else
			source->hpfn[source->nr++] = page_to_pfn(page) >> FP_HUGE_ORDER;
		cond_resched();
	}
	list_for_each_entry_safe(page, next, &beyond, lru)
		fp_source_put(source, page_to_pfn(page));
	return ret;
}

static int compare_hpfn(const void *a, const void *b)
{
	u32 x = *(const u32 *)a, y = *(const u32 *)b;

	return x < y ? -1 : x > y;
}

/* Huge frames are sorted. */
static void measure_extents(struct fp_source *source)
{
	u32 i, length = 0;

	source->first = source->hpfn[0] * HUGE_BYTES;
	source->end = (source->hpfn[source->nr - 1] + 1) * HUGE_BYTES;

	for (i = 0; i < source->nr; i++) {
		length = i && source->hpfn[i] == source->hpfn[i - 1] + 1 ? length + 1 : 1;
		source->nr_extents += length == 1;
		source->largest = max(source->largest, length);
	}
}

static int check_run(const struct fp_source *source, u64 min_run, struct fp_reason *reason)
{
	if (source->largest * HUGE_BYTES >= min_run)
		return 0;
	fp_refuse(reason, "the largest of %u extents has %llu MiB, less than min_run=",
		  source->nr_extents, source->largest * HUGE_BYTES / SZ_1M);
	fp_refuse(reason, "make the pool earlier after boot, or request a shorter run");
	return -ENOSPC;
}

static int refuse(u64 want, u64 got, u64 end, struct fp_reason *reason)
{
	struct stock stock = is_low(end) ? take_low_stock() : take_stock(NUMA_NO_NODE);

	fp_refuse(reason, "%llu MiB requested, %llu MiB possible while %llu MiB stay available",
		  want * HUGE_BYTES / SZ_1M, got * HUGE_BYTES / SZ_1M,
		  (stock.margin << PAGE_SHIFT) / SZ_1M);
	if (end != NO_END)
		fp_refuse(reason, "this is about memory below %#llx, as below= says", end);
	fp_refuse(reason, "request less, or pass partial=1 to take what there is");
	return -ENOMEM;
}

/* First the part that has to lie below an address, unless that is all, then the rest. */
static int reserve_parts(struct fp_source *source, const struct fp_source_config *config, u32 low,
			 u32 nr, struct fp_reason *reason)
{
	bool has_rest = config->below_bytes < config->bytes;
	int ret = reserve_some(source, low, config->below);

	if (!ret && source->nr < low && !config->partial)
		return refuse(low, source->nr, config->below, reason);
	if (!ret && has_rest)
		ret = reserve_some(source, nr, NO_END);
	if (!ret && (!source->nr || (source->nr < nr && !config->partial)))
		ret = refuse(nr, source->nr, has_rest ? NO_END : config->below, reason);
	return ret;
}

/* From the first one on, fp_source_put() undoes this. */
static int set_memtype(struct fp_source *source, enum fp_memtype type, struct fp_reason *reason)
{
	int ret = 0;
	u32 i;

	source->memtype = type;
	for (i = 0; !ret && i < source->nr && type != FP_MEMTYPE_WB; i++) {
		ret = fatal_signal_pending(current) ?
		      -EINTR : fp_memtype_set(type, (unsigned long)source->hpfn[i]
							<< FP_HUGE_ORDER);
		cond_resched();
	}
	if (ret && ret != -EINTR)
		fp_refuse(reason, "memory=%s: the kernel refuses with error %d",
			  fp_memtype_name(type), ret);
	return ret;
}

static u64 nr_huge(u64 bytes)
{
	return bytes / HUGE_BYTES + !!(bytes % HUGE_BYTES);
}

/**
 * fp_source_reserve() - take huge frames from the kernel
 * @source: the result; all memory is zeroed
 * @config: what to take
 * @reason: if there is too little memory, or it is too scattered, says how much could be taken
 *
 * Context: may sleep, for long; killable.
 * Return: 0; -EINTR: killed; -ENOMEM: there is too little memory; -ENOSPC: no extent has
 * @config->min_run bytes; -EOPNOTSUPP, or an errno of the kernel: it cannot have that memory type.
 */
int fp_source_reserve(struct fp_source *source, const struct fp_source_config *config,
		      struct fp_reason *reason)
{
	u64 nr = nr_huge(config->bytes), low = nr_huge(config->below_bytes);
	u64 most = spare_bytes(config->node, NO_END) / HUGE_BYTES;
	int ret;

	*source = (struct fp_source){ .node = config->node };
	ret = fp_memtype_check(config->memtype, reason);
	if (ret)
		return ret;
	if (nr > most && !config->partial)
		return refuse(nr, most, NO_END, reason);
	nr = min(nr, most);
	source->hpfn = kvmalloc_array(max_t(u64, nr, 1), sizeof(u32), GFP_KERNEL);
	if (!source->hpfn)
		return -ENOMEM;
	ret = reserve_parts(source, config, min(nr, low), nr, reason);
	if (ret)
		goto err_release;
	sort(source->hpfn, source->nr, sizeof(u32), compare_hpfn, NULL);
	measure_extents(source);
	ret = check_run(source, config->min_run, reason);
	if (!ret)
		ret = set_memtype(source, config->memtype, reason);
	if (ret)
		goto err_release;
	return 0;

err_release:
	fp_source_release(source);
	return ret;
}

/**
 * fp_source_range() - which physical addresses the memory covers
 * @source: the source
 * @exact: otherwise only powers of two are told, from which nobody can find a huge frame
 * @first: the result: no byte lies below this address
 * @end: the result: every byte lies below this address
 *
 * Context: any.
 */
void fp_source_range(const struct fp_source *source, bool exact, u64 *first, u64 *end)
{
	*first = exact ? source->first : source->first ? rounddown_pow_of_two(source->first) : 0;
	*end = exact ? source->end : roundup_pow_of_two(source->end);
}

/**
 * fp_source_clear() - fill frames with zeros
 * @pfn: PFN of the first
 * @nr: number
 * @may_sleep: let others have the processor in between
 *
 * Context: may sleep if @may_sleep.
 */
void fp_source_clear(unsigned long pfn, u64 nr, bool may_sleep)
{
	while (nr--) {
		clear_highpage(pfn_to_page(pfn++));
		if (may_sleep)
			cond_resched();
	}
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
 * A huge frame with a bad frame is not given back, because the kernel would allocate it again; nor
 * is one that cannot be cached again.
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
	} else if (unlikely(fp_memtype_reset(source->memtype, pfn))) {
		source->nr_stuck++;
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
	if (source->nr_stuck)
		pr_err("%u huge frames are not given back: the kernel cannot cache them again\n",
		       source->nr_stuck);
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
