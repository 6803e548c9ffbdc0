// SPDX-License-Identifier: GPL-2.0-only
/*
 * The pool for other kernel modules; framepool.h has the rules. Pages come in and go out, frames are what the
 * pool deals in.
 */
#include "kernel/framepool.h"

#include <linux/export.h>
#include <linux/highmem.h>
#include <linux/mm.h>

#include "kernel/context.h"
#include "pool/pool.h"

/**
 * framepool_get() - find a pool
 * @name: its name
 *
 * Context: process.
 * Return: the pool, to be given back by framepool_put(), or NULL: there is none of that name.
 */
struct fp_pool *framepool_get(const char *name)
{
	return fp_pool_get(name);
}
EXPORT_SYMBOL_GPL(framepool_get);

/**
 * framepool_put() - stop using a pool
 * @pool: the pool; every block was freed
 *
 * Context: process.
 */
void framepool_put(struct fp_pool *pool)
{
	fp_pool_put(pool);
}
EXPORT_SYMBOL_GPL(framepool_put);

static void clear_block(struct page *page, gfp_t gfp, unsigned int order)
{
	unsigned long i;

	for (i = 0; i < 1UL << order; i++) {
		clear_highpage(page + i);
		/* The largest block may be a gigabyte. */
		if (gfpflags_allow_blocking(gfp))
			cond_resched();
	}
}

static struct page *frame_page(struct fp_pool *pool, u64 frame, gfp_t gfp, unsigned int order)
{
	struct page *page = pfn_to_page(fp_pool_pfn(pool, frame));

	if (gfp & __GFP_ZERO)
		clear_block(page, gfp, order);
	return page;
}

/**
 * framepool_alloc_pages() - allocate a block
 * @pool: the pool
 * @gfp: GFP_KERNEL, or GFP_NOWAIT or GFP_ATOMIC not to sleep; __GFP_ZERO: clear it. All else is ignored: the block
 *	 comes from the pool's memory only, wherever that is.
 * @order: log2 of its pages; it is naturally aligned
 *
 * One that may not sleep sees neither what lies in other processors' magazines nor what waits in quarantine.
 *
 * Context: process or softirq, with interrupts enabled; may sleep if @gfp allows it.
 * Return: the first page, whose contents are anything without __GFP_ZERO; NULL: there is no such block,
 * or a fatal signal is pending.
 */
struct page *framepool_alloc_pages(struct fp_pool *pool, gfp_t gfp, unsigned int order)
{
	u64 frame;

	fp_check_context(gfp);
	frame = fp_pool_alloc_block(pool, order, gfpflags_allow_blocking(gfp));
	return frame == FP_ANYWHERE ? NULL : frame_page(pool, frame, gfp, order);
}
EXPORT_SYMBOL_GPL(framepool_alloc_pages);

/**
 * framepool_free_pages() - free a block
 * @pool: the pool it came from
 * @page: its first page
 * @order: as it was allocated
 *
 * A block that is freed twice is noticed at once only if the module was loaded with debug=1, otherwise when the
 * processor's magazine is emptied, unless somebody got it in between.
 *
 * Context: process or softirq, with interrupts enabled.
 * Return: 0; -EINVAL: it is not an allocated block of that order; warns, and nothing changed.
 */
int framepool_free_pages(struct fp_pool *pool, struct page *page, unsigned int order)
{
	int ret;

	fp_check_context(GFP_ATOMIC);
	ret = fp_pool_free_block(pool, fp_pool_frame(pool, page_to_pfn(page)), order);
	WARN_ONCE(ret, "framepool: %s: page %lx is no block of order %u\n", pool->name, page_to_pfn(page), order);
	return ret;
}
EXPORT_SYMBOL_GPL(framepool_free_pages);

/**
 * framepool_alloc_bulk() - allocate several blocks of one order
 * @pool: the pool
 * @gfp: as in framepool_alloc_pages()
 * @order: log2 of the pages of each
 * @nr: how many are wanted
 * @pages: the result: the first page of each
 *
 * Context: process or softirq, with interrupts enabled; may sleep if @gfp allows it.
 * Return: how many there were; a caller for whom only all are of use frees them.
 */
unsigned int framepool_alloc_bulk(struct fp_pool *pool, gfp_t gfp, unsigned int order, unsigned int nr,
				  struct page **pages)
{
	u32 blocks[FP_POOL_BATCH], got = 0, n, i;

	fp_check_context(gfp);
	while (got < nr) {
		n = fp_pool_alloc_blocks(pool, order, blocks, min_t(u32, nr - got, FP_POOL_BATCH),
					 gfpflags_allow_blocking(gfp));
		if (!n)
			break;
		for (i = 0; i < n; i++)
			pages[got++] = frame_page(pool, blocks[i], gfp, order);
	}
	return got;
}
EXPORT_SYMBOL_GPL(framepool_alloc_bulk);

/**
 * framepool_free_bulk() - free several blocks of one order
 * @pool: the pool they came from
 * @order: as they were allocated
 * @nr: how many
 * @pages: the first page of each
 *
 * Context: process or softirq, with interrupts enabled.
 * Return: how many were refused, as in framepool_free_pages().
 */
unsigned int framepool_free_bulk(struct fp_pool *pool, unsigned int order, unsigned int nr,
				 struct page **pages)
{
	u32 blocks[FP_POOL_BATCH], refused = 0, n, i, done;
	u64 frame;

	fp_check_context(GFP_ATOMIC);
	for (done = 0; done < nr; done += n) {
		n = min_t(u32, nr - done, FP_POOL_BATCH);
		for (i = 0; i < n; i++) {
			frame = fp_pool_frame(pool, page_to_pfn(pages[done + i]));
			/* Not in the pool: refused as any number that is too large. */
			blocks[i] = min_t(u64, frame, U32_MAX);
		}
		refused += fp_pool_free_blocks(pool, order, blocks, n);
	}
	WARN_ONCE(refused, "framepool: %s: %u of %u pages are no blocks of order %u\n", pool->name, refused, nr,
		  order);
	return refused;
}
EXPORT_SYMBOL_GPL(framepool_free_bulk);

/**
 * framepool_drain() - empty the magazines
 * @pool: the pool
 *
 * What lies in them is free, but splits huge frames. It happens by itself about once a second, and before an
 * allocation fails that may sleep.
 *
 * Context: may sleep.
 */
void framepool_drain(struct fp_pool *pool)
{
	fp_pool_drain(pool);
}
EXPORT_SYMBOL_GPL(framepool_drain);
