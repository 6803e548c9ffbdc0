/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * framepool for other kernel modules: physically contiguous, naturally aligned blocks of page
 * frames from a pool that was reserved beforehand, and caches of objects in such blocks. A module
 * that uses this needs framepool to be loaded first.
 *
 * Blocks come from per-CPU magazines, so allocating and freeing small ones costs a fraction of
 * alloc_pages(). Blocks are parts of larger compound pages: do not use compound_order(), page->lru
 * or page->mapping on them, do not lock them, and do not free them with put_page(). As long as
 * references taken with get_page() remain, a freed block is not given to programs, but it may be
 * given to kernel modules. So drop every such reference before you free a block.
 *
 * Functions that do not sleep may also be called from softirqs, but neither from hard interrupt
 * handlers nor with interrupts disabled.
 */
#ifndef FRAMEPOOL_KERNEL_H
#define FRAMEPOOL_KERNEL_H

#include <linux/gfp.h>
#include <linux/mm_types.h>

struct fp_pool;

struct fp_pool *framepool_get_for(const char *name, const char *module);
void framepool_put_for(struct fp_pool *pool, const char *module);
struct page *framepool_alloc_pages(struct fp_pool *pool, gfp_t gfp, unsigned int order);
int framepool_free_pages(struct fp_pool *pool, struct page *page, unsigned int order);
unsigned int framepool_alloc_bulk(struct fp_pool *pool, gfp_t gfp, unsigned int order,
				  unsigned int nr, struct page **pages);
unsigned int framepool_free_bulk(struct fp_pool *pool, unsigned int order, unsigned int nr,
				 struct page **pages);
void framepool_drain(struct fp_pool *pool);

/* The administrator is told which modules use a pool that is to be removed. */
#define framepool_get(name)	framepool_get_for(name, KBUILD_MODNAME)
#define framepool_put(pool)	framepool_put_for(pool, KBUILD_MODNAME)

#define FRAMEPOOL_CACHE_MIN_SIZE	8U
#define FRAMEPOOL_CACHE_MAX_SIZE	(1U << 20)

/* Flags of struct framepool_cache_args */
#define FRAMEPOOL_CACHE_RANDOM	(1U << 0)	/* allocate objects in an unpredictable order */
#define FRAMEPOOL_CACHE_DEBUG	(1U << 1)	/* check for misuse and log it; slow */
#define FRAMEPOOL_CACHE_FLAGS	(FRAMEPOOL_CACHE_DEBUG | FRAMEPOOL_CACHE_RANDOM)

struct fp_cache;

/**
 * struct framepool_cache_args - the objects of a cache
 * @size: bytes of an object, FRAMEPOOL_CACHE_MIN_SIZE to FRAMEPOOL_CACHE_MAX_SIZE
 * @align: alignment of the address of an object: a power of two, at most a huge frame, or 0.
 *         Objects are always aligned to 8 bytes.
 * @flags: FRAMEPOOL_CACHE_RANDOM, FRAMEPOOL_CACHE_DEBUG
 * @ctor: called for each object of a new slab, or NULL; must not sleep. An allocated object has the
 *        contents it had when it was freed, so free it in the state that @ctor leaves it in.
 */
struct framepool_cache_args {
	unsigned int size;
	unsigned int align;
	unsigned int flags;
	void (*ctor)(void *object);
};

/**
 * struct framepool_cache_stats - statistics of a cache
 * @size: bytes of an object, as asked for
 * @stride: bytes from one object to the next
 * @slab_bytes: bytes of a slab, which is a block of the pool
 * @per_slab: objects in a slab
 * @slabs: number of slabs
 * @empty: slabs without allocated objects; the pool gets them back before an allocation fails
 * @active: allocated objects
 * @cached: objects in magazines
 * @waste: bytes of slabs that are not part of an object
 * @metadata: bytes of other kernel memory that the cache uses, without the magazines
 * @hits: objects that were allocated from a magazine
 * @refills: how often objects were taken from slabs
 * @kept: objects that were freed into a magazine
 * @returns: how often objects were put back into slabs
 * @bad_frees: refused frees of addresses that are not those of allocated objects
 * @reports: misuse that was reported (FRAMEPOOL_CACHE_DEBUG)
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
unsigned int framepool_cache_alloc_bulk(struct fp_cache *cache, gfp_t gfp, unsigned int nr,
					void **objects);
unsigned int framepool_cache_free_bulk(struct fp_cache *cache, unsigned int nr, void **objects);
void framepool_cache_shrink(struct fp_cache *cache);
void framepool_cache_stats(struct fp_cache *cache, struct framepool_cache_stats *stats);

#endif
