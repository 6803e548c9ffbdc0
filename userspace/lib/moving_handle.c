// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The handles of a moving heap, and the table of its objects. The table lies outside the chunks, so
 * what a program writes behind an object does not reach it.
 *
 * Invariants:
 *  H1  an entry with FP_MOVING_LIVE has an object, and its tag is that of the object's handle;
 *  H2  the tag of an entry never is that of an earlier handle without an object: its generation
 *      grows when the object is freed. After the last generation the entry is not used again.
 *  H3  FP_MOVING_MOVES is set under the heap's lock only, while the object is not pinned, and then
 *      nobody else changes the state.
 */
#include <errno.h>

#include "map.h"
#include "moving.h"

static _Atomic uint32_t last_heap;

/**
 * fp_handles_create - reserve the table
 * @heap: the heap
 * @limit: the most bytes of objects
 *
 * Return: false if there is no room for it.
 */
bool fp_handles_create(struct framepool_moving *heap, uint64_t limit)
{
	uint64_t nr = limit / FRAMEPOOL_MOVING_ALIGN + 1;

	if (nr > FP_MOVING_INDEX)
		nr = FP_MOVING_INDEX;
	heap->number = atomic_fetch_add(&last_heap, 1) % FP_MOVING_HEAPS + 1;
	heap->nr_objects_max = (uint32_t)nr;
	heap->nr_objects = 1;
	heap->objects = fp_map_table(nr, sizeof(*heap->objects));
	return heap->objects;
}

/**
 * fp_handles_destroy - free the table
 * @heap: the heap; it may lack the table
 */
void fp_handles_destroy(struct framepool_moving *heap)
{
	fp_unmap_table(heap->objects, heap->nr_objects_max, sizeof(*heap->objects));
}

static uint64_t first_state(const struct framepool_moving *heap)
{
	return ((uint64_t)heap->number << FP_MOVING_GENERATION_BITS | 1) << FP_MOVING_INDEX_BITS;
}

/**
 * fp_handle_take - find an entry for a new object
 * @heap: the heap, whose lock is held
 *
 * Return: its index, or 0: there are so many objects already.
 */
uint32_t fp_handle_take(struct framepool_moving *heap)
{
	uint32_t index = heap->free;

	if (index) {
		heap->free = heap->objects[index].slot;
	} else if (heap->nr_objects < heap->nr_objects_max) {
		index = heap->nr_objects++;
		atomic_store_explicit(&heap->objects[index].state, first_state(heap),
				      memory_order_relaxed);
	}
	return index;
}

/**
 * fp_handle_begin - make the handle of a new object valid
 * @heap: the heap, whose lock is held
 * @index: of its entry, which says where the object is
 *
 * Return: the handle.
 */
uint64_t fp_handle_begin(struct framepool_moving *heap, uint32_t index)
{
	struct fp_object *object = &heap->objects[index];
	uint64_t state = atomic_load_explicit(&object->state, memory_order_relaxed);

	atomic_store_explicit(&object->state, state | FP_MOVING_LIVE, memory_order_release);
	return state | index;
}

/* The state of an entry whose object is freed. */
static uint64_t next_state(uint64_t state)
{
	state &= ~FP_MOVING_INDEX;
	if ((state >> FP_MOVING_INDEX_BITS & FP_MOVING_GENERATION_MAX) < FP_MOVING_GENERATION_MAX)
		state += FP_MOVING_INDEX + 1;
	return state;
}

/**
 * fp_handle_end - make a handle invalid, if its object is not pinned
 * @heap: the heap, whose lock is held
 * @handle: the handle
 *
 * The entry still says where the object was, until fp_handle_put().
 *
 * Return: the entry, or NULL with errno EINVAL or EBUSY.
 */
struct fp_object *fp_handle_end(struct framepool_moving *heap, uint64_t handle)
{
	uint64_t state;
	struct fp_object *object = fp_handle_find(heap, handle, &state);

	do {
		if (!object || !fp_state_fits(state, handle)) {
			errno = EINVAL;
			return NULL;
		}
		if (state & FP_MOVING_PINS) {
			errno = EBUSY;
			return NULL;
		}
	} while (!atomic_compare_exchange_weak_explicit(&object->state, &state, next_state(state),
							memory_order_acquire,
							memory_order_relaxed));
	return object;
}

/**
 * fp_handle_put - let the entry of an object that was freed be used again
 * @heap: the heap, whose lock is held
 * @object: the entry
 * @handle: the handle that was the object's
 */
void fp_handle_put(struct framepool_moving *heap, struct fp_object *object, uint64_t handle)
{
	uint64_t generation = handle >> FP_MOVING_INDEX_BITS & FP_MOVING_GENERATION_MAX;

	if (generation == FP_MOVING_GENERATION_MAX)
		return;
	object->slot = heap->free;
	heap->free = (uint32_t)(object - heap->objects);
}

/**
 * fp_handle_find - find an object
 * @heap: the heap; its lock need not be held
 * @handle: the handle
 * @state: set to the state of its entry
 *
 * Return: its entry, or NULL with errno EINVAL: the heap has no object of that handle.
 */
struct fp_object *fp_handle_find(struct framepool_moving *heap, uint64_t handle, uint64_t *state)
{
	uint32_t index = (uint32_t)(handle & FP_MOVING_INDEX);

	if (fp_likely(index < heap->nr_objects_max)) {
		*state = atomic_load_explicit(&heap->objects[index].state, memory_order_relaxed);
		if (fp_likely(fp_state_fits(*state, handle)))
			return &heap->objects[index];
	}
	errno = EINVAL;
	return NULL;
}
