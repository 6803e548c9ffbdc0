// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Creates and destroys heaps, and says what they have.
 *
 * The window and the tables beside it are as long as the limit asks for, and more, since a long
 * block takes whole slots side by side. Only pages of tables that are used take memory.
 */
#define _FILE_OFFSET_BITS 64
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "drain.h"
#include "heap.h"
#include "map.h"

#define WINDOW_SHARE	4U	/* times the limit */
#define SLOTS_MIN	64U
#define KEEP_SHARE	8U	/* of the limit */

struct sizes {
	size_t states;
	size_t free;
	size_t spans;
	size_t slots;
	size_t longest;
};

/* Lengths of tables. There is one slot more, so that the end of the window has an address. */
static struct sizes sizes_of(const struct framepool_heap *heap)
{
	size_t nr = heap->nr_slots + 1;

	return (struct sizes){
		.states = nr << (FP_SLOT_SHIFT - FP_GRANULE_SHIFT),
		.free = nr << (FP_SLOT_SHIFT - FP_GRANULE_SHIFT - 3),
		.spans = nr * FP_SLOT_PAGES * sizeof(*heap->spans),
		.slots = nr * sizeof(*heap->slots),
		.longest = nr * sizeof(*heap->longest),
	};
}

static void free_tables(struct framepool_heap *heap)
{
	struct sizes sizes = sizes_of(heap);

	fp_unmap_table(heap->base, 1, heap->bytes);
	fp_unmap_table((void *)heap->states, 1, sizes.states);
	fp_unmap_table(heap->free, 1, sizes.free);
	fp_unmap_table(heap->spans, 1, sizes.spans);
	fp_unmap_table(heap->slots, 1, sizes.slots);
	fp_unmap_table(heap->longest, 1, sizes.longest);
}

static bool make_tables(struct framepool_heap *heap)
{
	struct sizes sizes = sizes_of(heap);

	heap->base = fp_reserve(heap->bytes, FP_SLOT_BYTES);
	heap->states = fp_map_table(1, sizes.states);
	heap->free = fp_map_table(1, sizes.free);
	heap->spans = fp_map_table(1, sizes.spans);
	heap->slots = fp_map_table(1, sizes.slots);
	heap->longest = fp_map_table(1, sizes.longest);
	return heap->base && heap->states && heap->free && heap->spans && heap->slots &&
	       heap->longest;
}

static uint64_t round_up(uint64_t bytes)
{
	return (bytes + FP_SLOT_BYTES - 1) & -FP_SLOT_BYTES;
}

static bool set_options(struct framepool_heap *heap, const struct framepool_heap_options *options)
{
	uint64_t total = heap->fp->info.total_bytes;

	for (size_t i = 0; i < sizeof(options->reserved) / sizeof(*options->reserved); i++)
		if (options->reserved[i])
			return false;
	heap->limit = options->limit_bytes && options->limit_bytes < total ? options->limit_bytes :
									     total;
	if (options->growth_bytes > heap->limit)
		return false;
	heap->growth = options->growth_bytes;
	heap->keep = options->keep_bytes ? options->keep_bytes : heap->limit / KEEP_SHARE;
	heap->nr_slots = (round_up(heap->limit) >> FP_SLOT_SHIFT) * WINDOW_SHARE + SLOTS_MIN;
	heap->bytes = heap->nr_slots << FP_SLOT_SHIFT;
	return true;
}

/* The memory of long blocks and chunks goes back; in a child, only what it takes there. */
static void free_buffers(struct framepool_heap *heap)
{
	for (size_t which = 0; which < heap->end_slot; which++)
		if (heap->in_child)
			free(heap->slots[which].buf);
		else
			framepool_buffer_free(heap->slots[which].buf);
}

struct framepool_heap *framepool_heap_create(struct framepool *fp,
					     const struct framepool_heap_options *options)
{
	static const struct framepool_heap_options defaults;
	struct framepool_heap *heap = aligned_alloc(64, (sizeof(*heap) + 63) & -64UL);

	if (!heap)
		goto err_return;
	memset(heap, 0, sizeof(*heap));
	heap->keeper.ops = &fp_heap_ops;
	heap->index = FP_NO_CACHE;
	heap->fp = fp;
	if (!set_options(heap, options ? options : &defaults)) {
		free(heap);
		errno = EINVAL;
		return NULL;
	}
	if (!make_tables(heap) || !fp_keeper_add(&heap->keeper))
		goto err_free;
	fp_heap_make_classes(heap);
	pthread_mutex_init(&heap->lock, NULL);
	pthread_mutex_init(&heap->drain_lock, NULL);
	heap->can_cache = fp_can_drain();
	if (heap->can_cache)
		heap->index = heap->keeper.index;
	return heap;

err_free:
	free_tables(heap);
	free(heap);
err_return:
	errno = ENOBUFS;
	return NULL;
}

static uint64_t count_out(struct framepool_heap *heap, uint64_t *bytes)
{
	uint64_t nr = 0;

	*bytes = 0;
	for (uint32_t i = 0; i < FP_CLASSES; i++) {
		struct fp_class *class = &heap->classes[i];

		pthread_mutex_lock(&class->lock);
		nr += class->nr_out;
		*bytes += class->nr_out * class->size;
		pthread_mutex_unlock(&class->lock);
	}
	return nr;
}

static uint64_t minus(uint64_t a, uint64_t b)
{
	return a < b ? 0 : a - b;
}

int framepool_heap_stats(struct framepool_heap *heap, struct framepool_heap_stats *stats)
{
	uint64_t out, blocks, kept_blocks;

	if (heap->in_child) {
		errno = EPERM;
		return -1;
	}
	*stats = (struct framepool_heap_stats){ .kept = fp_heap_kept(heap, &kept_blocks) };
	blocks = count_out(heap, &out);
	stats->bad_frees = heap->nr_bad;
	stats->drains = heap->nr_drains;
	pthread_mutex_lock(&heap->lock);
	stats->memory = heap->memory;
	stats->empty = heap->empty;
	stats->blocks = minus(blocks, kept_blocks) + heap->nr_runs + heap->nr_long;
	stats->used = minus(out, stats->kept) + heap->run_bytes + heap->long_bytes;
	pthread_mutex_unlock(&heap->lock);
	return 0;
}

size_t framepool_heap_destroy(struct framepool_heap *heap)
{
	struct framepool_heap_stats stats = { .blocks = 0 };
	int err = errno;

	if (!heap)
		return 0;
	framepool_heap_stats(heap, &stats);
	fp_keeper_remove(&heap->keeper);
	free_buffers(heap);
	free_tables(heap);
	for (uint32_t i = 0; !heap->in_child && i < FP_CLASSES; i++)
		pthread_mutex_destroy(&heap->classes[i].lock);
	if (!heap->in_child) {
		pthread_mutex_destroy(&heap->lock);
		pthread_mutex_destroy(&heap->drain_lock);
	}
	free(heap);
	errno = err;
	return stats.blocks;
}

int framepool_heap_address(struct framepool_heap *heap, const void *block, uint64_t *address)
{
	size_t offset = fp_heap_offset(heap, block);
	const struct fp_slot *slot;

	if (!framepool_heap_owns(heap, block)) {
		errno = heap->in_child ? EPERM : EINVAL;
		return -1;
	}
	/* While the block is allocated, this does not change. */
	slot = &heap->slots[offset >> FP_SLOT_SHIFT];
	*address = slot->address ? slot->address + offset % FP_SLOT_BYTES : 0;
	return 0;
}

static uint64_t memory_of(struct framepool_heap *heap)
{
	uint64_t bytes;

	pthread_mutex_lock(&heap->lock);
	bytes = heap->memory;
	pthread_mutex_unlock(&heap->lock);
	return bytes;
}

uint64_t framepool_heap_trim(struct framepool_heap *heap)
{
	uint64_t before;

	if (heap->in_child)
		return 0;
	before = memory_of(heap);
	fp_heap_drain(heap);
	fp_heap_free_empty(heap);
	return minus(before, memory_of(heap));
}
