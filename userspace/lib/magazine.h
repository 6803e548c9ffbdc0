/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Magazines: objects of a cache that a thread keeps. See magazine.c.
 *
 *     cache -> magazine -> objects (kernel calls)
 */
#ifndef LIBFRAMEPOOL_MAGAZINE_H
#define LIBFRAMEPOOL_MAGAZINE_H

#include <stdatomic.h>

#include "internal.h"

#define fp_likely(condition)	__builtin_expect(!!(condition), 1)

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

/**
 * struct fp_thread - the magazines of one thread
 * @next: in the list of all threads with magazines
 * @link: the pointer that points here
 * @nr: length of @magazines
 * @magazines: by the index of the cache; fp_no_magazine where there is none
 */
struct fp_thread {
	struct fp_thread *next;
	struct fp_thread **link;
	size_t nr;
	struct fp_magazine *magazines[];
};

/*
 * Stands for no magazine. It is always empty and always full, so the fast path needs no check for
 * it.
 */
extern struct fp_magazine fp_no_magazine __attribute__((visibility("hidden")));

/* initial-exec: one instruction reaches it, and every program has room for so small a variable. */
extern _Thread_local struct fp_thread *fp_thread
	__attribute__((visibility("hidden"), tls_model("initial-exec")));

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
	const struct fp_thread *thread = fp_thread;

	return fp_likely(cache->index < thread->nr) ? thread->magazines[cache->index] :
						       &fp_no_magazine;
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
