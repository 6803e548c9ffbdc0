// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Caches of objects of one size, which the kernel deals out in batches. Each thread keeps some
 * objects in a magazine, and allocates first what it freed last. When the magazine is empty, one
 * kernel call fills half of it. When it is full, one kernel call gives the older half back.
 *
 * Magazines and kernel calls name an object by its offset in the cache's window. The whole window
 * is mapped when the cache is created.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "magazine.h"
#include "map.h"
#include "objects.h"

/* Limits of a magazine, in objects and in bytes. It has room for two objects in any case. */
#define MAGAZINE_OBJECTS	512U
#define MAGAZINE_BYTES		(256U << 10)

/* Objects that one call moves past the magazine; limited because their offsets lie on the stack. */
#define BATCH_MAX		256U

static void learn(struct framepool_cache *cache, const struct framepool_ioc_cache *call)
{
	cache->handle = call->handle;
	cache->offset = call->offset;
	cache->window_bytes = call->window_bytes;
	cache->stride = call->stride;
	cache->slab_bytes = call->slab_bytes;
	cache->end = call->window_bytes & -(uint64_t)call->slab_bytes;
	cache->slab_end = call->slab_bytes / call->stride * call->stride;
	cache->reciprocal = UINT64_MAX / call->stride + 1;
}

static uint32_t capacity_of(uint32_t stride)
{
	uint32_t nr = MAGAZINE_BYTES / stride;

	if (getenv("FRAMEPOOL_CACHE_CHECK"))
		return 0;
	if (nr < 2)
		return 2;
	return nr < MAGAZINE_OBJECTS ? nr : MAGAZINE_OBJECTS;
}

static void give_up(int fd, uint64_t handle)
{
	struct framepool_ioc_cache_destroy call = { .size = sizeof(call), .handle = handle };
	int err = errno;

	ioctl(fd, FRAMEPOOL_IOC_CACHE_DESTROY, &call);
	errno = err;
}

struct framepool_cache *framepool_cache_create(struct framepool *fp, size_t object_size,
					       size_t align, unsigned int flags)
{
	struct framepool_ioc_cache call = {
		.size = sizeof(call),
		.flags = flags,
		.object_size = (uint32_t)object_size,
		.align = (uint32_t)align,
	};
	struct framepool_cache *cache;

	if (call.object_size != object_size || call.align != align) {
		errno = EINVAL;
		return NULL;
	}
	cache = calloc(1, sizeof(*cache));
	if (!cache) {
		errno = ENOBUFS;
		return NULL;
	}
	cache->fd = fp->fd;
	if (ioctl(fp->fd, FRAMEPOOL_IOC_CACHE_CREATE, &call))
		goto err_free_cache;
	learn(cache, &call);
	cache->capacity = capacity_of(call.stride);
	cache->base = fp_map_aligned(fp->fd, cache->offset, cache->window_bytes,
				     fp->info.huge_bytes, PROT_READ | PROT_WRITE);
	if (!cache->base)
		goto err_give_up;
	if (!fp_magazines_add_cache(cache)) {
		errno = ENOBUFS;
		goto err_unmap;
	}
	return cache;

err_unmap:
	munmap(cache->base, cache->window_bytes);
err_give_up:
	give_up(fp->fd, call.handle);
err_free_cache:
	free(cache);
	return NULL;
}

void framepool_cache_destroy(struct framepool_cache *cache)
{
	int err = errno;

	if (!cache)
		return;
	fp_magazines_remove_cache(cache);
	munmap(cache->base, cache->window_bytes);
	give_up(cache->fd, cache->handle);
	free(cache);
	errno = err;
}

/*
 * Whether an object can be at @offset: inside the part of a slab that has objects, and at a
 * multiple of the stride. One multiplication tells the latter (Lemire, Kaser and Kurz, "Faster
 * remainder by direct computation", 2019).
 */
static inline bool can_be_object(const struct framepool_cache *cache, uint64_t offset)
{
	uint64_t in_slab = offset & (cache->slab_bytes - 1);

	return offset < cache->end && in_slab < cache->slab_end &&
	       in_slab * cache->reciprocal < cache->reciprocal;
}

static inline uint64_t offset_of(const struct framepool_cache *cache, const void *object)
{
	return (uintptr_t)object - (uintptr_t)cache->base;
}

static struct fp_magazine *get_or_create(struct framepool_cache *cache)
{
	struct fp_magazine *magazine = fp_magazine_get(cache);

	return magazine == fp_no_magazine ? fp_magazine_create(cache) : magazine;
}

/* As framepool_cache_alloc_batch(), past the magazine; @nr is at most BATCH_MAX. */
static size_t alloc_directly(struct framepool_cache *cache, void **objects, uint32_t nr)
{
	uint64_t offsets[BATCH_MAX];
	uint32_t got = fp_objects_alloc(cache, offsets, nr);

	for (uint32_t i = 0; i < got; i++)
		objects[i] = cache->base + offsets[i];
	atomic_fetch_add_explicit(&cache->nr_allocs, got, memory_order_relaxed);
	return got;
}

/* The thread's magazine is empty, or it has none. */
static __attribute__((noinline)) void *alloc_slow(struct framepool_cache *cache)
{
	struct fp_magazine *magazine = get_or_create(cache);
	int err = errno;
	void *object;

	if (magazine == fp_no_magazine)
		return alloc_directly(cache, &object, 1) ? object : NULL;
	magazine->nr = fp_objects_alloc(cache, magazine->offsets, magazine->capacity / 2);
	if (!magazine->nr)
		return NULL;
	errno = err;
	return cache->base + fp_magazine_pop(magazine);
}

void *framepool_cache_alloc(struct framepool_cache *cache)
{
	struct fp_magazine *magazine = fp_magazine_get(cache);

	if (fp_likely(magazine->nr))
		return cache->base + fp_magazine_pop(magazine);
	return alloc_slow(cache);
}

/* Gives the older half of a full magazine back. */
static int empty_half(struct fp_magazine *magazine)
{
	uint32_t half = magazine->capacity / 2;
	int ret = fp_objects_free(magazine->cache, magazine->offsets, half);

	magazine->nr -= half;
	memmove(magazine->offsets, magazine->offsets + half,
		magazine->nr * sizeof(magazine->offsets[0]));
	return ret;
}

/* The thread's magazine is full, or it has none, or no object can be there. */
static __attribute__((noinline)) int free_slow(struct framepool_cache *cache, void *object)
{
	uint64_t offset = offset_of(cache, object);
	struct fp_magazine *magazine;
	int ret = 0;

	if (!object)
		return 0;
	if (!can_be_object(cache, offset)) {
		errno = EINVAL;
		return -1;
	}
	magazine = get_or_create(cache);
	if (magazine == fp_no_magazine)
		return fp_objects_free(cache, &offset, 1);
	if (magazine->nr == magazine->capacity)
		ret = empty_half(magazine);
	fp_magazine_push(magazine, offset);
	return ret;
}

int framepool_cache_free(struct framepool_cache *cache, void *object)
{
	struct fp_magazine *magazine = fp_magazine_get(cache);
	uint64_t offset = offset_of(cache, object);

	if (fp_likely(can_be_object(cache, offset) && magazine->nr < magazine->capacity)) {
		fp_magazine_push(magazine, offset);
		return 0;
	}
	return free_slow(cache, object);
}

/* Takes up to @count objects out of the magazine. */
static size_t pop_some(struct framepool_cache *cache, void **objects, size_t count)
{
	struct fp_magazine *magazine = fp_magazine_get(cache);
	size_t nr = magazine->nr < count ? magazine->nr : count;

	for (size_t i = 0; i < nr; i++)
		objects[i] = cache->base + fp_magazine_pop(magazine);
	return nr;
}

/* Whether @count objects are worth a kernel call past the magazine. */
static bool is_batch(const struct framepool_cache *cache, size_t count)
{
	return count && count >= cache->capacity / 2;
}

static uint32_t at_most_batch(size_t count)
{
	return count < BATCH_MAX ? (uint32_t)count : BATCH_MAX;
}

size_t framepool_cache_alloc_batch(struct framepool_cache *cache, void **objects, size_t count)
{
	size_t nr = pop_some(cache, objects, count);

	while (is_batch(cache, count - nr)) {
		uint32_t some = at_most_batch(count - nr);
		size_t got = alloc_directly(cache, objects + nr, some);

		nr += got;
		if (got < some)
			return nr;
	}
	for (; nr < count; nr++) {
		objects[nr] = framepool_cache_alloc(cache);
		if (!objects[nr])
			break;
	}
	return nr;
}

static size_t push_some(struct framepool_cache *cache, void * const *objects, size_t count)
{
	struct fp_magazine *magazine = get_or_create(cache);
	size_t room = magazine->capacity - magazine->nr;
	size_t nr = room < count ? room : count;

	for (size_t i = 0; i < nr; i++)
		fp_magazine_push(magazine, offset_of(cache, objects[i]));
	return nr;
}

static int free_directly(struct framepool_cache *cache, void * const *objects, uint32_t nr)
{
	uint64_t offsets[BATCH_MAX];

	for (uint32_t i = 0; i < nr; i++)
		offsets[i] = offset_of(cache, objects[i]);
	return fp_objects_free(cache, offsets, nr);
}

int framepool_cache_free_batch(struct framepool_cache *cache, void * const *objects, size_t count)
{
	int ret = 0;
	size_t nr;

	for (nr = 0; nr < count; nr++)
		if (!can_be_object(cache, offset_of(cache, objects[nr]))) {
			errno = EINVAL;
			return -1;
		}
	nr = push_some(cache, objects, count);
	while (is_batch(cache, count - nr)) {
		uint32_t some = at_most_batch(count - nr);

		ret |= free_directly(cache, objects + nr, some);
		nr += some;
	}
	for (; nr < count; nr++)
		ret |= framepool_cache_free(cache, objects[nr]);
	return ret;
}

int framepool_cache_flush(struct framepool_cache *cache)
{
	struct fp_magazine *magazine = fp_magazine_get(cache);
	int ret = fp_objects_free(cache, magazine->offsets, magazine->nr);

	if (magazine != fp_no_magazine)
		magazine->nr = 0;
	return ret;
}

uint64_t framepool_cache_offset(const struct framepool_cache *cache, const void *object)
{
	return offset_of(cache, object);
}

void *framepool_cache_object(const struct framepool_cache *cache, uint64_t offset)
{
	if (can_be_object(cache, offset))
		return cache->base + offset;
	errno = EINVAL;
	return NULL;
}

uint64_t framepool_cache_handle(const struct framepool_cache *cache)
{
	return cache->handle;
}

uint64_t framepool_cache_window(const struct framepool_cache *cache)
{
	return cache->offset;
}

uint64_t framepool_cache_window_bytes(const struct framepool_cache *cache)
{
	return cache->window_bytes;
}

uint32_t framepool_cache_stride(const struct framepool_cache *cache)
{
	return cache->stride;
}

uint32_t framepool_cache_slab_bytes(const struct framepool_cache *cache)
{
	return cache->slab_bytes;
}

uint64_t framepool_cache_allocs(struct framepool_cache *cache)
{
	return fp_magazines_allocs(cache);
}

uint64_t framepool_cache_alloc_calls(const struct framepool_cache *cache)
{
	return cache->nr_alloc_calls;
}

uint64_t framepool_cache_free_calls(const struct framepool_cache *cache)
{
	return cache->nr_free_calls;
}

uint64_t framepool_cache_bad_frees(const struct framepool_cache *cache)
{
	return cache->nr_bad_frees;
}
