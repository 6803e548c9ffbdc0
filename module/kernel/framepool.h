/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * framepool for other kernel modules: physically contiguous, naturally aligned blocks of page frames out of a pool
 * that was reserved beforehand, and caches of objects in such blocks. A module that includes this needs framepool to
 * be loaded first.
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

#define FRAMEPOOL_CACHE_MIN_SIZE	8U
#define FRAMEPOOL_CACHE_MAX_SIZE	(1U << 20)

/* For struct framepool_cache_args. */
#define FRAMEPOOL_CACHE_RANDOM	(1U << 0)	/* deal objects out in an order that cannot be foreseen */
#define FRAMEPOOL_CACHE_DEBUG	(1U << 1)	/* look for mistakes of the user and report them; slow */
#define FRAMEPOOL_CACHE_FLAGS	(FRAMEPOOL_CACHE_DEBUG | FRAMEPOOL_CACHE_RANDOM)

struct fp_cache;

/**
 * struct framepool_cache_args - what a cache deals in
 * @size: bytes of an object, FRAMEPOOL_CACHE_MIN_SIZE to FRAMEPOOL_CACHE_MAX_SIZE
 * @align: its address is a multiple of this power of two, at most a huge page; 0: any of 8
 * @flags: FRAMEPOOL_CACHE_...
 * @ctor: called for each object when its memory comes into the cache, or NULL; may not sleep. Objects are to be freed
 *	  as it left them, since they come again as they were freed
 */
struct framepool_cache_args {
	unsigned int size;
	unsigned int align;
	unsigned int flags;
	void (*ctor)(void *object);
};

/**
 * struct framepool_cache_stats - what a cache has and did
 * @size: bytes of an object, as asked for
 * @stride: bytes from one to the next
 * @slab_bytes: bytes of a slab, which is a block of the pool
 * @per_slab: objects in it
 * @slabs: slabs
 * @empty: those in which nothing is allocated; they come back before an allocation from the pool fails
 * @active: objects that are allocated
 * @cached: objects in magazines
 * @waste: bytes in slabs that are in no object
 * @metadata: bytes of other memory that all of this takes, without the magazines
 * @hits: objects that were allocated from a magazine
 * @refills: times that objects were taken out of slabs
 * @kept: objects that were freed into a magazine
 * @returns: times that objects went back to slabs
 * @bad_frees: frees of what was not allocated
 * @reports: mistakes that were reported (FRAMEPOOL_CACHE_DEBUG)
 */
struct framepool_cache_stats {
	u64 size;
	u64 stride;
	u64 slab_bytes;
	u64 per_slab;
	u64 slabs;
	u64 empty;
	u64 active;
	u64 cached;
	u64 waste;
	u64 metadata;
	u64 hits;
	u64 refills;
	u64 kept;
	u64 returns;
	u64 bad_frees;
	u64 reports;
};

struct fp_cache *framepool_cache_create(struct fp_pool *pool, const char *name,
					const struct framepool_cache_args *args);
int framepool_cache_destroy(struct fp_cache *cache);
void *framepool_cache_alloc(struct fp_cache *cache, gfp_t gfp);
int framepool_cache_free(struct fp_cache *cache, void *object);
unsigned int framepool_cache_alloc_bulk(struct fp_cache *cache, gfp_t gfp, unsigned int nr, void **objects);
unsigned int framepool_cache_free_bulk(struct fp_cache *cache, unsigned int nr, void **objects);
void framepool_cache_shrink(struct fp_cache *cache);
void framepool_cache_stats(struct fp_cache *cache, struct framepool_cache_stats *stats);

#endif
