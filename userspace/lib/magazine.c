// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Creates and ends the magazines of all threads. cache.c moves objects into them and out of them.
 *
 * fork(): parent and child share the client, and therefore the objects. Objects in magazines stay
 * the parent's. The child forgets them, and begins with empty magazines.
 */
#include <errno.h>
#include <stdlib.h>

#include "magazine.h"
#include "objects.h"

/* Objects that are refused are counted; nobody is left to report them to. */
static void give_back(void *kept)
{
	struct fp_magazine *magazine = kept;

	if (magazine->nr)
		fp_objects_free(magazine->cache, magazine->offsets, magazine->nr);
}

static void forget(void *kept)
{
	struct fp_magazine *magazine = kept;

	atomic_fetch_add_explicit(&magazine->cache->nr_allocs, magazine->nr_allocs,
				  memory_order_relaxed);
	free(magazine);
}

static void empty(void *kept)
{
	struct fp_magazine *magazine = kept;

	magazine->nr = 0;
}

static const struct fp_keeper_ops ops = {
	.give_back = give_back,
	.forget = forget,
	.empty = empty,
};

/**
 * fp_magazines_add_cache - allow magazines of a cache
 * @cache: the cache
 *
 * Return: false if there is no memory.
 */
bool fp_magazines_add_cache(struct framepool_cache *cache)
{
	cache->keeper.ops = &ops;
	return fp_keeper_add(&cache->keeper);
}

/**
 * fp_magazines_remove_cache - free all magazines of a cache
 * @cache: the cache, which no thread uses any more
 *
 * The objects in them are not given back, because they end with the cache.
 */
void fp_magazines_remove_cache(struct framepool_cache *cache)
{
	fp_keeper_remove(&cache->keeper);
}

/**
 * fp_magazine_create - create this thread's magazine of a cache
 * @cache: the cache, of which the thread has no magazine yet
 *
 * errno is left alone.
 *
 * Return: the magazine, which is empty, or fp_no_magazine if there is no memory or the cache has no
 * magazines.
 */
struct fp_magazine *fp_magazine_create(struct framepool_cache *cache)
{
	struct fp_magazine *magazine;
	int err = errno;

	if (!cache->capacity)
		return fp_no_magazine;
	magazine = malloc(sizeof(*magazine) + cache->capacity * sizeof(magazine->offsets[0]));
	if (magazine) {
		*magazine = (struct fp_magazine){ .cache = cache, .capacity = cache->capacity };
		if (!fp_keep(&cache->keeper, magazine)) {
			free(magazine);
			magazine = NULL;
		}
	}
	errno = err;
	return magazine ? magazine : fp_no_magazine;
}

/**
 * struct sum - allocations that were counted
 * @cache: of this cache
 * @nr: up to now
 */
struct sum {
	const struct framepool_cache *cache;
	uint64_t nr;
};

static void add_allocs(void *kept, void *argument)
{
	const struct fp_magazine *magazine = kept;
	struct sum *sum = argument;

	sum->nr += magazine ? magazine->nr_allocs : sum->cache->nr_allocs;
}

/**
 * fp_magazines_allocs - how many objects of a cache were allocated
 * @cache: the cache
 *
 * Return: the sum over all threads, including those that have ended.
 */
uint64_t fp_magazines_allocs(struct framepool_cache *cache)
{
	struct sum sum = { .cache = cache };

	fp_keeper_each(&cache->keeper, add_allocs, &sum);
	return sum.nr;
}
