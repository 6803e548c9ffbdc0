/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Magazines: objects of a cache that a thread keeps. See magazine.c.
 *
 *     cache -> magazine -> objects (kernel calls)
 *                       -> thread
 */
#ifndef LIBFRAMEPOOL_MAGAZINE_H
#define LIBFRAMEPOOL_MAGAZINE_H

#include <stdatomic.h>

#include "thread.h"

/**
 * struct fp_magazine - objects of one cache that one thread keeps
 * @cache: the cache
 * @nr: number of objects
 * @capacity: the most that it has room for
 * @nr_allocs: objects that the thread allocated from it; other threads may read this
 * @offsets: offsets of the objects; the last one was added last
 */
struct fp_magazine {
	struct framepool_cache *cache;
	uint32_t nr;
	uint32_t capacity;
	_Atomic uint64_t nr_allocs;
	uint64_t offsets[];
};

/* Always empty and always full. */
#define fp_no_magazine	((struct fp_magazine *)&fp_nothing)

bool fp_magazines_add_cache(struct framepool_cache *cache);
void fp_magazines_remove_cache(struct framepool_cache *cache);
struct fp_magazine *fp_magazine_create(struct framepool_cache *cache);
uint64_t fp_magazines_allocs(struct framepool_cache *cache);

/**
 * fp_magazine_get - this thread's magazine of a cache
 * @cache: the cache
 *
 * Return: the magazine, or fp_no_magazine.
 */
static inline struct fp_magazine *fp_magazine_get(const struct framepool_cache *cache)
{
	return fp_kept(&cache->keeper);
}

/*
 * Only the magazine's thread writes, and other threads may miss the last few: no atomic addition is
 * needed.
 */
static inline void fp_magazine_count(struct fp_magazine *magazine, uint64_t nr)
{
	uint64_t before = atomic_load_explicit(&magazine->nr_allocs, memory_order_relaxed);

	atomic_store_explicit(&magazine->nr_allocs, before + nr, memory_order_relaxed);
}

/* The magazine must not be empty. */
static inline uint64_t fp_magazine_pop(struct fp_magazine *magazine)
{
	uint32_t last = magazine->nr - 1;

	magazine->nr = last;
	fp_magazine_count(magazine, 1);
	return magazine->offsets[last];
}

/* The magazine must not be full. */
static inline void fp_magazine_push(struct fp_magazine *magazine, uint64_t offset)
{
	magazine->offsets[magazine->nr++] = offset;
}

#endif
