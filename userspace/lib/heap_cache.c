// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What threads keep of a heap: some blocks of each class, so that most allocations need no lock.
 *
 * A bin's capacity grows as it is found empty or full. When all bins of a thread together have
 * FP_KEPT_BYTES, each loses half. Others take all of it by fp_heap_drain(); how that works is said
 * in drain.c.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "drain.h"
#include "heap.h"

#define FIRST_BYTES	1024U	/* to keep of a class at first */
#define FIRST_LEAST	2U	/* or so many blocks */
#define MOVE_BYTES	(8U << 10)	/* to take at once */

/* Takes up to @nr blocks out of a bin: those that were added first. */
static uint32_t take_oldest(struct fp_heap_cache *cache, struct fp_bin *bin, void **blocks,
			    uint32_t nr)
{
	uint32_t left = fp_bin_nr(bin) - nr;

	memcpy(blocks, bin->blocks, nr * sizeof(*blocks));
	memmove(bin->blocks, bin->blocks + nr, left * sizeof(*blocks));
	fp_bin_set_nr(bin, left);
	fp_cache_set_kept(cache, fp_cache_kept(cache) - nr * bin->size);
	return nr;
}

/* Takes half of what this thread keeps, of each class. */
static void halve(struct framepool_heap *heap)
{
	void *blocks[FP_KEPT_MOVE];

	for (uint32_t class = 0; class < FP_CLASSES; class++) {
		struct fp_heap_cache *cache;
		uint32_t nr = 0;

		if (fp_heap_begin(heap, &cache)) {
			struct fp_bin *bin = &cache->bins[class];

			nr = take_oldest(cache, bin, blocks, (fp_bin_nr(bin) + 1) / 2);
		}
		fp_heap_end();
		if (nr)
			fp_heap_put(heap, class, blocks, nr);
	}
}

/* Lets a bin keep more, if it may. */
static void grow(struct fp_heap_cache *cache, uint32_t class)
{
	const struct fp_class *of = &cache->heap->classes[class];
	struct fp_bin *bin = &cache->bins[class];
	uint32_t nr = 2 * bin->capacity;

	if (!nr)
		nr = FIRST_BYTES / of->size;
	if (nr < FIRST_LEAST)
		nr = FIRST_LEAST;
	bin->capacity = nr < of->most ? nr : of->most;
}

/* errno is left alone. */
static struct fp_heap_cache *create(struct framepool_heap *heap)
{
	struct fp_heap_cache *cache;
	size_t nr = 0;
	int err = errno;
	void **room;

	for (uint32_t class = 0; class < FP_CLASSES; class++)
		nr += heap->classes[class].most;
	cache = malloc(sizeof(*cache) + nr * sizeof(*room));
	if (!cache)
		goto out;
	*cache = (struct fp_heap_cache){ .heap = heap, .busy = &fp_heap_busy };
	room = (void **)(cache + 1);
	for (uint32_t class = 0; class < FP_CLASSES; class++) {
		cache->bins[class].size = heap->classes[class].size;
		cache->bins[class].blocks = room;
		room += heap->classes[class].most;
	}
	if (!fp_keep(&heap->keeper, cache)) {
		free(cache);
		cache = NULL;
	}
out:
	errno = err;
	return cache;
}

/* This thread's cache, which is made if need be; NULL: it must not be used now. */
static struct fp_heap_cache *get(struct framepool_heap *heap)
{
	struct fp_heap_cache *cache = fp_kept(&heap->keeper);

	if (heap->index == FP_NO_CACHE)
		return NULL;
	return (void *)cache == &fp_nothing ? create(heap) : cache;
}

/* How many blocks to take at once, so that half of the bin is filled. */
static uint32_t room_for(struct fp_heap_cache *cache, uint32_t class)
{
	const struct fp_bin *bin = &cache->bins[class];
	size_t nr = bin->capacity / 2;

	if (nr > MOVE_BYTES / bin->size)
		nr = MOVE_BYTES / bin->size;
	if (nr * bin->size > FP_KEPT_BYTES - fp_cache_kept(cache))
		halve(cache->heap);
	return (uint32_t)nr;
}

/**
 * fp_heap_refill - take a block, and some more for this thread to keep
 * @heap: the heap
 * @class: of which class
 *
 * Return: a block that is to be allocated, or NULL with errno.
 */
void *fp_heap_refill(struct framepool_heap *heap, uint32_t class)
{
	struct fp_heap_cache *cache = get(heap);
	void *blocks[FP_KEPT_MOVE];
	uint32_t nr = 1;

	if (cache) {
		grow(cache, class);
		nr += room_for(cache, class);
	}
	nr = fp_heap_take(heap, class, blocks, nr);
	if (!nr)
		return NULL;
	if (fp_heap_begin(heap, &cache))
		while (nr > 1 && fp_bin_push(cache, &cache->bins[class], blocks[nr - 1]))
			nr--;
	fp_heap_end();
	if (nr > 1)
		fp_heap_put(heap, class, blocks + 1, nr - 1);
	return blocks[0];
}

/**
 * fp_heap_give - take a block back for which this thread has no room
 * @heap: the heap
 * @class: its class
 * @block: the block, which is not allocated any more
 */
void fp_heap_give(struct framepool_heap *heap, uint32_t class, void *block)
{
	struct fp_heap_cache *cache = get(heap);
	void *blocks[FP_KEPT_MOVE];
	struct fp_bin *bin;
	uint32_t nr = 0;

	if (cache && fp_cache_kept(cache) + cache->bins[class].size > FP_KEPT_BYTES)
		halve(heap);
	else if (cache)
		grow(cache, class);
	bin = fp_heap_begin(heap, &cache) ? &cache->bins[class] : NULL;
	if (bin && fp_bin_nr(bin) >= bin->capacity)
		nr = take_oldest(cache, bin, blocks, (fp_bin_nr(bin) + 1) / 2);
	if (!bin || !fp_bin_push(cache, bin, block))
		blocks[nr++] = block;
	fp_heap_end();
	if (nr)
		fp_heap_put(heap, class, blocks, nr);
}

/* Nobody else may use the cache meanwhile. */
static void empty_cache(struct fp_heap_cache *cache)
{
	for (uint32_t class = 0; class < FP_CLASSES; class++) {
		struct fp_bin *bin = &cache->bins[class];
		uint32_t nr = fp_bin_nr(bin);

		fp_bin_set_nr(bin, 0);
		if (nr)
			fp_heap_put(cache->heap, class, bin->blocks, nr);
	}
	fp_cache_set_kept(cache, 0);
}

static void drain_one(void *kept, void *argument)
{
	struct fp_heap_cache *cache = kept;

	(void)argument;
	if (!cache) {
		fp_drain_begin();
		return;
	}
	fp_wait_until_idle(cache->busy);
	empty_cache(cache);
}

/**
 * fp_heap_stop_caches - take back what all threads keep, and let them keep nothing
 * @heap: the heap, of which no lock is held
 *
 * fp_heap_resume_caches() must follow. This may change errno.
 */
void fp_heap_stop_caches(struct framepool_heap *heap)
{
	pthread_mutex_lock(&heap->drain_lock);
	if (!heap->can_cache)
		return;
	heap->index = FP_NO_CACHE;
	fp_keeper_each(&heap->keeper, drain_one, NULL);
}

/**
 * fp_heap_resume_caches - let threads keep something again
 * @heap: the heap
 */
void fp_heap_resume_caches(struct framepool_heap *heap)
{
	if (heap->can_cache) {
		heap->index = heap->keeper.index;
		if (heap->is_dead)
			heap->index = FP_NO_CACHE;
	}
	pthread_mutex_unlock(&heap->drain_lock);
}

/**
 * fp_heap_drain - take back what all threads keep
 * @heap: the heap, of which no lock is held
 *
 * errno is left alone.
 */
void fp_heap_drain(struct framepool_heap *heap)
{
	int err = errno;

	fp_heap_stop_caches(heap);
	if (heap->can_cache)
		heap->nr_drains++;
	fp_heap_resume_caches(heap);
	errno = err;
}

struct count {
	size_t bytes;
	uint64_t blocks;
};

static void count_one(void *kept, void *argument)
{
	const struct fp_heap_cache *cache = kept;
	struct count *count = argument;

	for (uint32_t class = 0; cache && class < FP_CLASSES; class++) {
		uint32_t nr = fp_bin_nr(&cache->bins[class]);

		count->blocks += nr;
		count->bytes += (size_t)nr * cache->heap->classes[class].size;
	}
}

/**
 * fp_heap_kept - how much threads keep
 * @heap: the heap
 * @blocks: set to the number of blocks
 *
 * Return: bytes.
 */
size_t fp_heap_kept(struct framepool_heap *heap, uint64_t *blocks)
{
	struct count count = { .bytes = 0 };

	fp_keeper_each(&heap->keeper, count_one, &count);
	*blocks = count.blocks;
	return count.bytes;
}

static void give_back(void *kept)
{
	struct fp_heap_cache *cache = kept;

	if (!cache->heap->in_child)
		empty_cache(cache);
}

static void begin_child(struct fp_keeper *keeper)
{
	struct framepool_heap *heap = (struct framepool_heap *)keeper;

	heap->in_child = true;
	heap->index = FP_NO_CACHE;
}

/* What the parent's thread keeps is not used in the child: its heap has no index. */
static void empty(void *kept)
{
	(void)kept;
}

const struct fp_keeper_ops fp_heap_ops = {
	.give_back = give_back,
	.forget = free,
	.empty = empty,
	.begin_child = begin_child,
};
