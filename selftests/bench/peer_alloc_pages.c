// SPDX-License-Identifier: GPL-2.0-only
/*
 * The page allocator of the kernel, as a driver uses it: GFP_KERNEL. A block is the address of its
 * struct page. It does not reclaim or compact for blocks that are not available at once: that would
 * measure the rest of the system.
 */
#include <linux/gfp.h>
#include <linux/mm.h>

#include "peers.h"

#define GFP_BENCH	((GFP_KERNEL | __GFP_NOWARN) & ~__GFP_DIRECT_RECLAIM)

/*
 * Huge frames that are freed one by one stay on the lists of the processor, where order 0 does not
 * get them.
 */
#define CHUNK_ORDER	MAX_PAGE_ORDER
#define CHUNK_HUGE	(1U << (CHUNK_ORDER - FP_HUGE_ORDER))

/* The huge frames that the kernel may use, and the memory that it must not use. */
struct confine {
	u32 nr;
	struct page **chunks;	/* taken and freed at the beginning */
	u32 *index;		/* of a huge frame, by PFN >> FP_HUGE_ORDER, plus 1 */
	u64 end;		/* of @index */
	struct list_head eaten;
};

static u64 page_alloc(void *context, u32 order)
{
	struct page *page;

	if (order > MAX_PAGE_ORDER)
		return BENCH_NONE;
	page = alloc_pages(GFP_BENCH, order);
	return page ? (u64)page : BENCH_NONE;
}

static void page_free(void *context, u64 block, u32 order)
{
	__free_pages((struct page *)block, order);
}

static u64 page_frame(void *context, u64 block)
{
	struct confine *confine = context;
	u64 pfn = page_to_pfn((struct page *)block), hpfn = pfn >> FP_HUGE_ORDER;

	if (hpfn >= confine->end || !confine->index[hpfn])
		return BENCH_NONE;
	return (confine->index[hpfn] - 1ULL) * FP_HUGE_FRAMES + pfn % FP_HUGE_FRAMES;
}

static const struct bench_ops page_ops = {
	.alloc = page_alloc, .free = page_free, .frame = page_frame,
};

const struct bench_side bench_alloc_pages = { .name = "alloc_pages", .ops = &page_ops };

static int take_chunks(struct confine *confine, u32 nr)
{
	u64 hpfn;

	for (; confine->nr < nr; confine->nr++) {
		confine->chunks[confine->nr] = alloc_pages(GFP_KERNEL | __GFP_NOWARN, CHUNK_ORDER);
		if (!confine->chunks[confine->nr])
			return -ENOMEM;
		hpfn = page_to_pfn(confine->chunks[confine->nr]) >> FP_HUGE_ORDER;
		confine->end = max(confine->end, hpfn + CHUNK_HUGE);
	}
	return 0;
}

static void release_chunks(struct confine *confine)
{
	while (confine->nr)
		__free_pages(confine->chunks[--confine->nr], CHUNK_ORDER);
}

static int number_huge(struct confine *confine)
{
	u32 i, j;

	confine->index = kvcalloc(confine->end, sizeof(*confine->index), GFP_KERNEL);
	if (!confine->index)
		return -ENOMEM;
	for (i = 0; i < confine->nr; i++)
		for (j = 0; j < CHUNK_HUGE; j++)
			confine->index[(page_to_pfn(confine->chunks[i]) >> FP_HUGE_ORDER) + j] =
				i * CHUNK_HUGE + j + 1;
	return 0;
}

static void eat_rest(struct confine *confine)
{
	struct page *page;

	while ((page = alloc_pages(GFP_BENCH, 0)))
		list_add(&page->lru, &confine->eaten);
}

static void free_confine(struct confine *confine)
{
	struct page *page, *next;

	list_for_each_entry_safe(page, next, &confine->eaten, lru)
		__free_pages(page, 0);
	release_chunks(confine);
	kvfree(confine->index);
	kvfree(confine->chunks);
	kvfree(confine);
}

int bench_confine_create(struct bench_side *side, u64 frames)
{
	struct confine *confine = kvcalloc(1, sizeof(*confine), GFP_KERNEL);
	u32 nr = frames >> CHUNK_ORDER, i;

	if (!confine)
		return -ENOMEM;
	INIT_LIST_HEAD(&confine->eaten);
	confine->chunks = kvcalloc(nr, sizeof(*confine->chunks), GFP_KERNEL);
	if (!confine->chunks || take_chunks(confine, nr) || number_huge(confine)) {
		free_confine(confine);
		return -ENOMEM;
	}
	eat_rest(confine);
	release_chunks(confine);
	*side = bench_alloc_pages;
	for (i = 0; i < BENCH_OWNERS; i++)
		side->contexts[i] = confine;
	return 0;
}

void bench_confine_destroy(struct bench_side *side)
{
	free_confine(side->contexts[0]);
}
