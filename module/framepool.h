/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * framepool for other kernel modules: physically contiguous, naturally aligned blocks of page frames out of a pool
 * that was reserved beforehand. A module that includes this needs framepool to be loaded first.
 *
 * Blocks come through per-CPU magazines, so that taking and giving back small ones costs a fraction of
 * alloc_pages(). They are parts of larger compound pages: do not use compound_order(), page->lru or page->mapping of
 * them, and do not free them by put_page(). References taken by get_page() keep a freed block from programs until they
 * are dropped, but not from the kernel.
 *
 * What does not sleep may be called by softirqs too, but neither by interrupt handlers nor with interrupts disabled.
 */
#ifndef FRAMEPOOL_H
#define FRAMEPOOL_H

#include <linux/gfp.h>
#include <linux/mm_types.h>

struct fp_pool;

struct fp_pool *framepool_get(const char *name);
void framepool_put(struct fp_pool *pool);
struct page *framepool_alloc_pages(struct fp_pool *pool, gfp_t gfp, unsigned int order);
int framepool_free_pages(struct fp_pool *pool, struct page *page, unsigned int order);
unsigned int framepool_alloc_bulk(struct fp_pool *pool, gfp_t gfp, unsigned int order, unsigned int nr,
				  struct page **pages);
unsigned int framepool_free_bulk(struct fp_pool *pool, unsigned int order, unsigned int nr,
				 struct page **pages);
void framepool_drain(struct fp_pool *pool);

#endif
