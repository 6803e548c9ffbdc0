// SPDX-License-Identifier: GPL-2.0-only
/*
 * The pool for other kernel modules; framepool_kernel.h has the rules. Callers use struct page, the
 * pool uses frame indices.
 */
#include "kernel/framepool_kernel.h"

#include <linux/export.h>
#include <linux/mm.h>

#include "kernel/context.h"
#include "pool/pool.h"

/**
 * framepool_get_for() - find a pool; modules use framepool_get()
 * @name: its name
 * @module: who wants it
 *
 * As long as somebody has it, the pool is not removed.
 *
 * Context: process.
 * Return: the pool, to be released with framepool_put(); NULL: there is no pool of that name, or no
 * kernel memory.
 */
struct fp_pool *framepool_get_for(const char *name, const char *module)
{
	return fp_registry_find_for(name, module);
}
EXPORT_SYMBOL_GPL(framepool_get_for);

/**
 * framepool_put_for() - stop using a pool; modules use framepool_put()
 * @pool: the pool; all blocks have been freed
 * @module: as in framepool_get_for()
 *
 * Context: process.
 */
void framepool_put_for(struct fp_pool *pool, const char *module)
{
	fp_registry_put_for(pool, module);
}
EXPORT_SYMBOL_GPL(framepool_put_for);

static struct page *frame_page(struct fp_pool *pool, u64 frame, gfp_t gfp, unsigned int order)
{
	unsigned long pfn = fp_pool_pfn(pool, frame);

	if (gfp & __GFP_ZERO)
		fp_source_clear(pfn, 1ULL << order, gfpflags_allow_blocking(gfp));
	return pfn_to_page(pfn);
}

/**
 * framepool_alloc_pages() - allocate a block
 * @pool: the pool
 * @gfp: GFP_KERNEL, or GFP_NOWAIT or GFP_ATOMIC if the caller must not sleep; with __GFP_ZERO, the
 *       block is cleared. Other flags are ignored: the block comes from the memory of the pool,
 *       wherever that is.
 * @order: log2 of the number of pages; the block is naturally aligned
 *
 * If @gfp does not allow sleeping, free blocks in the magazines of other processors and huge frames
 * in quarantine cannot be allocated.
 *
 * Context: process or softirq, with interrupts enabled; may sleep if @gfp allows it.
 * Return: the first page, whose contents are undefined without __GFP_ZERO; NULL: no such block is
 * free, or a fatal signal is pending.
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
 * @order: the order it was allocated with
 *
 * If the module was loaded with debug=1, a double free is noticed at once. Otherwise it is noticed
 * when the processor's magazine is emptied, unless the block was allocated again in between.
 *
 * Context: process or softirq, with interrupts enabled.
 * Return: 0; -EINVAL: it is not an allocated block of that order; this warns, and changes nothing.
 */
int framepool_free_pages(struct fp_pool *pool, struct page *page, unsigned int order)
{
	int ret;

	fp_check_context(GFP_ATOMIC);
	ret = fp_pool_free_block(pool, fp_pool_frame(pool, page_to_pfn(page)), order);
	WARN_ONCE(ret, "framepool: %s: PFN %lx is not an allocated block of order %u\n", pool->name,
		  page_to_pfn(page), order);
	return ret;
}
EXPORT_SYMBOL_GPL(framepool_free_pages);

/**
 * framepool_alloc_bulk() - allocate several blocks of one order
 * @pool: the pool
 * @gfp: as in framepool_alloc_pages()
 * @order: log2 of the number of pages of each
 * @nr: how many are wanted
 * @pages: the result: the first page of each
 *
 * Context: process or softirq, with interrupts enabled; may sleep if @gfp allows it.
 * Return: how many were allocated, at most @nr; a caller that needs all or none frees them.
 */
unsigned int framepool_alloc_bulk(struct fp_pool *pool, gfp_t gfp, unsigned int order,
				  unsigned int nr, struct page **pages)
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
 * @order: the order they were allocated with
 * @nr: how many
 * @pages: the first page of each
 *
 * Context: process or softirq, with interrupts enabled.
 * Return: how many were refused; see framepool_free_pages().
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
			/* A page outside the pool gets an index that is refused. */
			blocks[i] = min_t(u64, frame, U32_MAX);
		}
		refused += fp_pool_free_blocks(pool, order, blocks, n);
	}
	WARN_ONCE(refused, "framepool: %s: %u of %u pages are not allocated blocks of order %u\n",
		  pool->name, refused, nr, order);
	return refused;
}
EXPORT_SYMBOL_GPL(framepool_free_bulk);

/**
 * framepool_drain() - empty the magazines
 * @pool: the pool
 *
 * Blocks in magazines are free, but keep huge frames split. Magazines are also emptied about once a
 * second while they are in use, and before an allocation fails that may sleep.
 *
 * Context: may sleep.
 */
void framepool_drain(struct fp_pool *pool)
{
	fp_pool_drain(pool);
}
EXPORT_SYMBOL_GPL(framepool_drain);
