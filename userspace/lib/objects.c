// SPDX-License-Identifier: LGPL-2.1-or-later
/* The kernel calls that allocate and free many objects at once. */
#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/ioctl.h>

#include "objects.h"

/**
 * fp_objects_alloc - allocate objects from the kernel
 * @cache: their cache
 * @offsets: room for @nr offsets
 * @nr: how many, 1 to FRAMEPOOL_BATCH_MAX
 *
 * Return: how many were allocated: @nr, or fewer with errno saying why.
 */
uint32_t fp_objects_alloc(struct framepool_cache *cache, uint64_t *offsets, uint32_t nr)
{
	struct framepool_ioc_objects call = {
		.size = sizeof(call),
		.flags = FRAMEPOOL_BATCH_PARTIAL,
		.cache = cache->handle,
		.offsets = (uintptr_t)offsets,
		.count = nr,
	};

	/* valgrind and MemorySanitizer do not know that the kernel writes there. */
	memset(offsets, 0, nr * sizeof(*offsets));
	atomic_fetch_add_explicit(&cache->nr_alloc_calls, 1, memory_order_relaxed);
	if (ioctl(cache->fd, FRAMEPOOL_IOC_OBJ_ALLOC, &call))
		return 0;
	if (call.error)
		errno = (int)call.error;
	return call.done;
}

/*
 * Frees all or none; returns how many were freed. If none, *@bad is the index of the first offset
 * that is no object, or @nr if that is not why.
 */
static uint32_t free_all(struct framepool_cache *cache, const uint64_t *offsets, uint32_t nr,
			 uint32_t *bad)
{
	struct framepool_ioc_objects call = {
		.size = sizeof(call),
		.cache = cache->handle,
		.offsets = (uintptr_t)offsets,
		.count = nr,
		.done = nr,
	};

	atomic_fetch_add_explicit(&cache->nr_free_calls, 1, memory_order_relaxed);
	if (!ioctl(cache->fd, FRAMEPOOL_IOC_OBJ_FREE, &call))
		return nr;
	*bad = errno == ENOENT ? call.done : nr;
	return 0;
}

/**
 * fp_objects_free - give objects back to the kernel
 * @cache: their cache
 * @offsets: the objects
 * @nr: how many, at most FRAMEPOOL_BATCH_MAX
 *
 * Objects that are not allocated are left out and counted. errno is left alone unless this fails.
 *
 * Return: 0, or -1 with errno: ENOENT if some objects were not allocated, or the cache is gone;
 * ENODEV.
 */
int fp_objects_free(struct framepool_cache *cache, const uint64_t *offsets, uint32_t nr)
{
	uint32_t some = nr, bad;
	int ret = 0;

	while (nr) {
		if (free_all(cache, offsets, some, &bad)) {
			offsets += some;
			nr -= some;
			some = nr;
		} else if (bad >= some) {
			return -1;
		} else if (bad) {
			some = bad;
		} else {
			atomic_fetch_add_explicit(&cache->nr_bad_frees, 1, memory_order_relaxed);
			ret = -1;
			offsets++;
			some = --nr;
		}
	}
	return ret;
}
