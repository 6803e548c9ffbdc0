// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Moving heaps: what programs do with objects. A pin is one compare-and-swap of the object's state,
 * which holds the tag of its handle, so it finds out at once whether the handle is valid. The rest
 * is done under the heap's lock.
 */
#include <errno.h>
#include <stdlib.h>

#include "moving.h"

#define LIMIT_MAX	(1ULL << 46)

static void begin_child(struct fp_keeper *keeper)
{
	struct framepool_moving *heap =
		(void *)((char *)keeper - offsetof(struct framepool_moving, keeper));

	heap->in_child = true;
}

/* Threads keep nothing, so the rest is never called. */
static const struct fp_keeper_ops ops = { .begin_child = begin_child };

/* The limit in whole chunks; 0: an option is out of its range. */
static uint64_t limit_of(const struct framepool *fp, const struct framepool_moving_options *options)
{
	uint64_t limit = fp->info.total_bytes;

	for (size_t i = 0; options && i < sizeof(options->reserved) / sizeof(*options->reserved);
	     i++)
		if (options->reserved[i])
			return 0;
	if (options && options->limit)
		limit = options->limit;
	if (limit > LIMIT_MAX)
		return 0;
	return (limit + FRAMEPOOL_MOVING_CHUNK - 1) & -(uint64_t)FRAMEPOOL_MOVING_CHUNK;
}

struct framepool_moving *framepool_moving_create(struct framepool *fp,
						 const struct framepool_moving_options *options)
{
	uint64_t limit = limit_of(fp, options);
	struct framepool_moving *heap;

	if (!limit) {
		errno = EINVAL;
		return NULL;
	}
	heap = calloc(1, sizeof(*heap));
	if (!heap) {
		errno = ENOBUFS;
		return NULL;
	}
	heap->keeper.ops = &ops;
	heap->fp = fp;
	if (!fp_chunks_create(heap, limit))
		goto err_free_heap;
	if (!fp_handles_create(heap, limit))
		goto err_destroy_chunks;
	if (!fp_keeper_add(&heap->keeper))
		goto err_destroy_handles;
	pthread_mutex_init(&heap->lock, NULL);
	fp_compaction_init(heap);
	return heap;

err_destroy_handles:
	fp_handles_destroy(heap);
err_destroy_chunks:
	fp_chunks_destroy(heap);
err_free_heap:
	free(heap);
	errno = ENOBUFS;
	return NULL;
}

void framepool_moving_destroy(struct framepool_moving *heap)
{
	int err = errno;

	if (!heap)
		return;
	fp_keeper_remove(&heap->keeper);
	fp_chunks_destroy(heap);
	fp_handles_destroy(heap);
	if (!heap->in_child)
		pthread_mutex_destroy(&heap->lock);
	free(heap);
	errno = err;
}

/* Whether the heap is this process's, whose lock is held then. Else errno is EPERM. */
static bool lock(struct framepool_moving *heap)
{
	if (heap->in_child) {
		errno = EPERM;
		return false;
	}
	pthread_mutex_lock(&heap->lock);
	return true;
}

static void unlock(struct framepool_moving *heap)
{
	pthread_mutex_unlock(&heap->lock);
}

static uint64_t alloc_locked(struct framepool_moving *heap, size_t size)
{
	uint32_t bytes = fp_moving_round(size), index, which = fp_chunk_for(heap, bytes);

	if (which == FP_NO_CHUNK)
		return 0;
	index = fp_handle_take(heap);
	if (!index) {
		fp_chunk_settle(heap, which);
		errno = ENOMEM;
		return 0;
	}
	heap->objects[index].size = (uint32_t)size;
	fp_chunk_add(heap, which, index);
	heap->stats.objects++;
	heap->stats.bytes += bytes;
	return fp_handle_begin(heap, index);
}

uint64_t framepool_moving_alloc(struct framepool_moving *heap, size_t size)
{
	uint64_t handle;

	if (!lock(heap))
		return 0;
	if (size && size <= FRAMEPOOL_MOVING_SIZE_MAX) {
		handle = alloc_locked(heap, size);
	} else {
		handle = 0;
		errno = EINVAL;
	}
	unlock(heap);
	return handle;
}

int framepool_moving_free(struct framepool_moving *heap, uint64_t handle)
{
	struct fp_object *object;

	if (!lock(heap))
		return -1;
	object = fp_handle_end(heap, handle);
	if (object) {
		fp_chunk_remove(heap, object);
		fp_chunk_settle(heap, object->chunk);
		heap->stats.objects--;
		heap->stats.bytes -= fp_moving_round(object->size);
		fp_handle_put(heap, object, handle);
	}
	unlock(heap);
	return object ? 0 : -1;
}

/* Waits until an object does not move any more. Its handle may be invalid then. */
static void wait_for_move(struct framepool_moving *heap, const struct fp_object *object,
			  uint64_t *state)
{
	pthread_mutex_lock(&heap->lock);
	*state = atomic_load_explicit(&object->state, memory_order_relaxed);
	pthread_mutex_unlock(&heap->lock);
}

/* Pins an object, which moves only if the heap's lock is not held. Returns whether it is pinned. */
static bool pin(struct framepool_moving *heap, struct fp_object *object, uint64_t handle,
		uint64_t state)
{
	do {
		if (state & FP_MOVING_MOVES)
			wait_for_move(heap, object, &state);
		if (!fp_state_fits(state, handle)) {
			errno = EINVAL;
			return false;
		}
		if ((state & FP_MOVING_PINS) == FRAMEPOOL_MOVING_PINS_MAX) {
			errno = EOVERFLOW;
			return false;
		}
	} while (state & FP_MOVING_MOVES ||
		 !atomic_compare_exchange_weak_explicit(&object->state, &state, state + 1,
							memory_order_acquire,
							memory_order_relaxed));
	return true;
}

static void *pin_long(struct framepool_moving *heap, uint64_t handle)
{
	struct fp_object *object;
	bool pinned = false;
	uint64_t state;

	if (!lock(heap))
		return NULL;
	object = fp_handle_find(heap, handle, &state);
	if (object) {
		fp_object_move_to_long_pins(heap, object);
		pinned = pin(heap, object, handle,
			     atomic_load_explicit(&object->state, memory_order_relaxed));
	}
	unlock(heap);
	return pinned ? object->address : NULL;
}

void *framepool_moving_pin(struct framepool_moving *heap, uint64_t handle, unsigned int flags)
{
	struct fp_object *object;
	uint64_t state;

	if (flags == FRAMEPOOL_MOVING_PIN_LONG)
		return pin_long(heap, handle);
	if (heap->in_child || flags) {
		errno = heap->in_child ? EPERM : EINVAL;
		return NULL;
	}
	object = fp_handle_find(heap, handle, &state);
	return object && pin(heap, object, handle, state) ? object->address : NULL;
}

int framepool_moving_unpin(struct framepool_moving *heap, uint64_t handle)
{
	struct fp_object *object;
	uint64_t state;

	if (heap->in_child) {
		errno = EPERM;
		return -1;
	}
	object = fp_handle_find(heap, handle, &state);
	if (!object)
		return -1;
	do {
		if (!fp_state_fits(state, handle)) {
			errno = EINVAL;
			return -1;
		}
		if (!(state & FP_MOVING_PINS)) {
			errno = ENOENT;
			return -1;
		}
	} while (!atomic_compare_exchange_weak_explicit(&object->state, &state, state - 1,
							memory_order_release,
							memory_order_relaxed));
	return 0;
}

size_t framepool_moving_size(struct framepool_moving *heap, uint64_t handle)
{
	const struct fp_object *object;
	size_t size = 0;
	uint64_t state;

	if (!lock(heap))
		return 0;
	object = fp_handle_find(heap, handle, &state);
	if (object)
		size = object->size;
	unlock(heap);
	return size;
}

int framepool_moving_address(struct framepool_moving *heap, uint64_t handle, uint64_t *address)
{
	const struct fp_object *object;
	uint64_t state, base;
	int ret = -1;

	if (!lock(heap))
		return -1;
	object = fp_handle_find(heap, handle, &state);
	if (object && !(state & FP_MOVING_PINS)) {
		errno = ENOENT;
	} else if (object) {
		base = heap->chunks[object->chunk].address;
		*address = base ? base + fp_moving_offset(heap, object) : 0;
		ret = 0;
	}
	unlock(heap);
	return ret;
}

int framepool_moving_compact(struct framepool_moving *heap, uint64_t budget_ns)
{
	int err = errno, more;

	if (!lock(heap))
		return -1;
	more = fp_compact(heap, budget_ns);
	unlock(heap);
	errno = err;
	return more;
}

int framepool_moving_stats(struct framepool_moving *heap, struct framepool_moving_stats *stats)
{
	if (!lock(heap))
		return -1;
	*stats = heap->stats;
	unlock(heap);
	return 0;
}
