/* SPDX-License-Identifier: GPL-2.0-only */
/* Caches of objects that a program creates. */
#ifndef FRAMEPOOL_SELFTESTS_CACHE_H
#define FRAMEPOOL_SELFTESTS_CACHE_H

#include "common.h"

/**
 * struct cache - what CACHE_CREATE returned
 * @fd: its client
 * @handle: identifies the cache in calls
 * @offset: offset of its window in the file
 * @window_bytes: length of the window
 * @stride: distance from one object to the next
 * @slab_bytes: size of a slab, by which the cache grows
 */
struct cache {
	int fd;
	__u64 handle;
	__u64 offset;
	__u64 window_bytes;
	__u32 stride;
	__u32 slab_bytes;
};

static inline __must_check int cache_create_any(int fd, __u32 flags, __u32 object_size, __u32 align,
						struct cache *cache)
{
	struct framepool_ioc_cache arg = {
		.size = sizeof(arg),
		.flags = flags,
		.object_size = object_size,
		.align = align,
	};
	int ret = call(fd, FRAMEPOOL_IOC_CACHE_CREATE, &arg);

	if (!ret)
		*cache = (struct cache){
			fd, arg.handle, arg.offset, arg.window_bytes, arg.stride, arg.slab_bytes
		};
	return ret;
}

static inline __must_check int cache_create(int fd, __u32 object_size, struct cache *cache)
{
	return cache_create_any(fd, 0, object_size, 0, cache);
}

static inline __must_check int cache_destroy(int fd, __u64 handle)
{
	struct framepool_ioc_cache_destroy arg = { .size = sizeof(arg), .handle = handle };

	return call(fd, FRAMEPOOL_IOC_CACHE_DESTROY, &arg);
}

static inline __must_check char *cache_map(const struct cache *cache)
{
	return map_raw(NULL, cache->window_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, cache->fd,
		       cache->offset);
}

/* Calls OBJ_ALLOC or OBJ_FREE; the results are in *@arg. */
static inline __must_check int objects_call(const struct cache *cache, unsigned long cmd,
					    __u32 flags, const __u64 *offsets, __u32 count,
					    struct framepool_ioc_objects *arg)
{
	*arg = (struct framepool_ioc_objects){
		.size = sizeof(*arg),
		.flags = flags,
		.cache = cache->handle,
		.offsets = (unsigned long)offsets,
		.count = count,
		.done = ~0U,
		.error = ~0U,
	};
	return call(cache->fd, cmd, arg);
}

/* Allocates @count objects, by as many calls as that takes. */
static inline __must_check int objects_alloc(const struct cache *cache, __u64 *offsets, __u32 count)
{
	struct framepool_ioc_objects arg;
	__u32 n;
	int ret = 0;

	for (; count && !ret; count -= n, offsets += n) {
		n = count < FRAMEPOOL_BATCH_MAX ? count : FRAMEPOOL_BATCH_MAX;
		ret = objects_call(cache, FRAMEPOOL_IOC_OBJ_ALLOC, 0, offsets, n, &arg);
		if (!ret && (arg.done != n || arg.error))
			ret = -EPROTO;
	}
	return ret;
}

static inline __must_check int objects_free(const struct cache *cache, const __u64 *offsets,
					    __u32 count)
{
	struct framepool_ioc_objects arg;
	__u32 n;
	int ret = 0;

	for (; count && !ret; count -= n, offsets += n) {
		n = count < FRAMEPOOL_BATCH_MAX ? count : FRAMEPOOL_BATCH_MAX;
		ret = objects_call(cache, FRAMEPOOL_IOC_OBJ_FREE, 0, offsets, n, &arg);
		if (!ret && (arg.done != n || arg.error))
			ret = -EPROTO;
	}
	return ret;
}

/* Writes the number @nr at both ends of an object. */
static inline void stamp(char *object, size_t size, __u64 nr)
{
	memcpy(object, &nr, sizeof(nr));
	memcpy(object + size - sizeof(nr), &nr, sizeof(nr));
}

static inline bool is_stamped(const char *object, size_t size, __u64 nr)
{
	return !memcmp(object, &nr, sizeof(nr)) &&
	       !memcmp(object + size - sizeof(nr), &nr, sizeof(nr));
}

#endif
