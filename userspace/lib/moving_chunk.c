// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The chunks of a moving heap: memory, and which object lies where. A chunk has no headers between
 * its objects; its slots, outside of it, name them by ascending address.
 *
 * Invariants, under the heap's lock:
 *  C1  each object is named by one slot, which its entry knows; other slots are 0;
 *  C2  objects of a chunk lie in the order of their slots, do not overlap, and end at or before
 *      top; from nr_slots on, all slots are 0;
 *  C3  the object of slot n lies at or behind n * FRAMEPOOL_MOVING_ALIGN, so slots suffice;
 *  C4  live is the sum of their rounded sizes.
 */
#define _FILE_OFFSET_BITS 64
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "map.h"
#include "moving.h"

#define AHEAD		4096U	/* bytes between what is moved and what is fetched */
#define FETCH_BYTES	384U	/* of the old place; it has holes */
#define ROOM_MIN	(FRAMEPOOL_MOVING_CHUNK / 16) /* to go on in a chunk of old objects */

/**
 * fp_chunks_create - reserve the table of chunks
 * @heap: the heap
 * @limit: the most bytes, a multiple of chunks
 *
 * Return: false if there is no room for it.
 */
bool fp_chunks_create(struct framepool_moving *heap, uint64_t limit)
{
	heap->nr_chunks_max = (uint32_t)(limit / FRAMEPOOL_MOVING_CHUNK);
	heap->current = FP_NO_CHUNK;
	heap->long_pins = FP_NO_CHUNK;
	heap->chunks = fp_map_table(heap->nr_chunks_max, sizeof(*heap->chunks));
	return heap->chunks;
}

/**
 * fp_chunks_destroy - give all chunks back; in a child, only what they take there
 * @heap: the heap, which nobody uses
 */
void fp_chunks_destroy(struct framepool_moving *heap)
{
	for (uint32_t i = 0; i < heap->nr_chunks; i++) {
		struct fp_moving_chunk *chunk = &heap->chunks[i];

		if (!chunk->buf)
			continue;
		fp_unmap_table(chunk->slots, FP_MOVING_SLOTS, sizeof(*chunk->slots));
		if (heap->in_child) {
			framepool_buffer_unmap(chunk->buf);
			free(chunk->buf);
		} else {
			framepool_buffer_free(chunk->buf);
		}
	}
	fp_unmap_table(heap->chunks, heap->nr_chunks_max, sizeof(*heap->chunks));
}

static bool fill_in(struct framepool_moving *heap, struct fp_moving_chunk *chunk)
{
	struct framepool_buffer *buf = framepool_buffer_alloc_constrained(
		heap->fp, FRAMEPOOL_MOVING_CHUNK, FRAMEPOOL_MOVING_CHUNK, 0);
	int err;

	if (!buf)
		return false;
	*chunk = (struct fp_moving_chunk){ .buf = buf };
	if (!fp_buffer_map_aligned(buf, FRAMEPOOL_MOVING_CHUNK) ||
	    framepool_buffer_address(buf, &chunk->address))
		goto err_free_buffer;
	chunk->slots = fp_map_table(FP_MOVING_SLOTS, sizeof(*chunk->slots));
	if (chunk->slots)
		return true;
	errno = ENOBUFS;

err_free_buffer:
	err = errno;
	framepool_buffer_free(buf);
	chunk->buf = NULL;
	errno = err;
	return false;
}

/**
 * fp_chunk_take - take a chunk from the client's pool
 * @heap: the heap, whose lock is held
 *
 * Return: which it is, or FP_NO_CHUNK with errno.
 */
uint32_t fp_chunk_take(struct framepool_moving *heap)
{
	uint32_t which = 0;

	while (which < heap->nr_chunks && heap->chunks[which].buf)
		which++;
	if (which == heap->nr_chunks_max) {
		errno = ENOMEM;
		return FP_NO_CHUNK;
	}
	if (!fill_in(heap, &heap->chunks[which]))
		return FP_NO_CHUNK;
	if (which == heap->nr_chunks)
		heap->nr_chunks++;
	heap->stats.memory += FRAMEPOOL_MOVING_CHUNK;
	return which;
}

/**
 * fp_chunk_return - give a chunk back
 * @heap: the heap, whose lock is held
 * @which: the chunk, which has no objects
 */
void fp_chunk_return(struct framepool_moving *heap, uint32_t which)
{
	struct fp_moving_chunk *chunk = &heap->chunks[which];

	fp_compaction_forget(heap, which);
	if (heap->current == which)
		heap->current = FP_NO_CHUNK;
	if (heap->long_pins == which)
		heap->long_pins = FP_NO_CHUNK;
	fp_unmap_table(chunk->slots, FP_MOVING_SLOTS, sizeof(*chunk->slots));
	framepool_buffer_free(chunk->buf);
	chunk->buf = NULL;
	heap->stats.memory -= FRAMEPOOL_MOVING_CHUNK;
	heap->stats.returned_chunks++;
}

static uint32_t room_in(const struct framepool_moving *heap, uint32_t which)
{
	return which == FP_NO_CHUNK ? 0 : FRAMEPOOL_MOVING_CHUNK - heap->chunks[which].top;
}

/* The chunk with the most room behind its objects; of those for long pins, or of the others. */
static uint32_t roomiest(const struct framepool_moving *heap, bool long_pins)
{
	uint32_t best = FP_NO_CHUNK;

	for (uint32_t i = 0; i < heap->nr_chunks; i++)
		if (heap->chunks[i].buf && heap->chunks[i].long_pins == long_pins &&
		    i != heap->compaction.from && room_in(heap, i) > room_in(heap, best))
			best = i;
	return best;
}

/**
 * fp_chunk_for - find a chunk for a new object
 * @heap: the heap, whose lock is held
 * @size: of the object, rounded
 *
 * A new chunk is better than an old one that has hardly any room.
 *
 * Return: which it is, or FP_NO_CHUNK with errno.
 */
uint32_t fp_chunk_for(struct framepool_moving *heap, uint32_t size)
{
	uint32_t old, new;
	int err = errno;

	if (fp_likely(room_in(heap, heap->current) >= size))
		return heap->current;
	old = roomiest(heap, false);
	if (room_in(heap, old) >= size && room_in(heap, old) >= ROOM_MIN)
		return heap->current = old;
	new = fp_chunk_take(heap);
	if (new != FP_NO_CHUNK)
		return heap->current = new;
	if (room_in(heap, old) < size)
		return FP_NO_CHUNK;
	errno = err;
	return heap->current = old;
}

/* As fp_chunk_for(), for an object that is to be pinned for long. */
static uint32_t chunk_for_long_pins(struct framepool_moving *heap, uint32_t size)
{
	uint32_t which = heap->long_pins;

	if (room_in(heap, which) >= size)
		return which;
	which = roomiest(heap, true);
	if (room_in(heap, which) < size) {
		which = fp_chunk_take(heap);
		if (which == FP_NO_CHUNK)
			return which;
		heap->chunks[which].long_pins = true;
	}
	heap->long_pins = which;
	return which;
}

static void put_at(struct framepool_moving *heap, struct fp_object *object, uint32_t which,
		   uint32_t slot, uint32_t byte)
{
	struct fp_moving_chunk *chunk = &heap->chunks[which];

	object->address = fp_moving_base(chunk) + byte;
	object->chunk = which;
	object->slot = slot;
	chunk->slots[slot] = (uint32_t)(object - heap->objects);
	chunk->live += fp_moving_round(object->size);
}

/* An object was put behind the others. */
static void extend(struct fp_moving_chunk *chunk, const struct fp_object *object)
{
	chunk->nr_slots++;
	chunk->top += fp_moving_round(object->size);
}

/**
 * fp_chunk_add - put a new object behind the others of a chunk
 * @heap: the heap, whose lock is held
 * @which: the chunk, which has room for it
 * @index: of the object's entry, whose size is set
 */
void fp_chunk_add(struct framepool_moving *heap, uint32_t which, uint32_t index)
{
	struct fp_moving_chunk *chunk = &heap->chunks[which];

	put_at(heap, &heap->objects[index], which, chunk->nr_slots, chunk->top);
	extend(chunk, &heap->objects[index]);
}

/**
 * fp_chunk_remove - take an object out of its chunk
 * @heap: the heap, whose lock is held
 * @object: the object
 */
void fp_chunk_remove(struct framepool_moving *heap, const struct fp_object *object)
{
	struct fp_moving_chunk *chunk = &heap->chunks[object->chunk];

	chunk->slots[object->slot] = 0;
	chunk->live -= fp_moving_round(object->size);
}

/**
 * fp_chunk_settle - see whether a chunk can go back
 * @heap: the heap, whose lock is held
 * @which: a chunk from which an object was removed
 *
 * One that objects are allocated in is used from its beginning instead.
 */
void fp_chunk_settle(struct framepool_moving *heap, uint32_t which)
{
	struct fp_moving_chunk *chunk = &heap->chunks[which];

	if (chunk->live)
		return;
	if (which == heap->current) {
		fp_compaction_forget(heap, which);
		chunk->top = 0;
		chunk->nr_slots = 0;
	} else {
		fp_chunk_return(heap, which);
	}
}

/*
 * Fetches what the next objects need, which mostly lie behind this one, as do their entries. The
 * move itself waits for memory longer than for anything else. If this were a function of its own,
 * the compiler would take it for one without effect, and leave it out.
 */
static inline __attribute__((always_inline)) void
fetch_ahead(const struct fp_object *object, const char *from, const char *to, uint32_t bytes)
{
	for (uint32_t i = 0; i < bytes && i < AHEAD; i += 64)
		__builtin_prefetch(to + AHEAD + i, 1);
	for (uint32_t i = 0; i < FETCH_BYTES; i += 64)
		__builtin_prefetch(from + AHEAD + i);
	__builtin_prefetch(object + AHEAD / 64, 1);
}

/**
 * fp_object_move - move an object
 * @heap: the heap, whose lock is held
 * @object: the object
 * @which: the chunk to move it to; its nr_slots and top are left to the caller
 * @slot: a free slot there, which keeps to C2 and C3
 * @byte: an offset there, with free bytes for it; in its own chunk also its own ones
 *
 * A pin that comes meanwhile waits for the lock: see framepool_moving_pin(). What was written
 * before the last unpin is seen here (acquire), and the copy by the next pin (release).
 *
 * Return: false: it is pinned.
 */
bool fp_object_move(struct framepool_moving *heap, struct fp_object *object, uint32_t which,
		    uint32_t slot, uint32_t byte)
{
	uint64_t state = atomic_load_explicit(&object->state, memory_order_relaxed);
	uint32_t bytes = fp_moving_round(object->size);
	char *from = object->address;

	fetch_ahead(object, from, fp_moving_base(&heap->chunks[which]) + byte, bytes);
	do {
		if (state & FP_MOVING_PINS)
			return false;
	} while (!atomic_compare_exchange_weak_explicit(&object->state, &state,
							state | FP_MOVING_MOVES,
							memory_order_acquire,
							memory_order_relaxed));
	fp_chunk_remove(heap, object);
	put_at(heap, object, which, slot, byte);
	memmove(object->address, from, bytes);
	atomic_store_explicit(&object->state, state, memory_order_release);
	heap->stats.moved_objects++;
	heap->stats.moved_bytes += bytes;
	return true;
}

/**
 * fp_object_move_to_long_pins - move an object to a chunk of objects that are pinned for long
 * @heap: the heap, whose lock is held
 * @object: the object
 *
 * If it is pinned, in such a chunk, or there is no memory, it stays. errno is left alone.
 */
void fp_object_move_to_long_pins(struct framepool_moving *heap, struct fp_object *object)
{
	uint32_t from = object->chunk, which;
	struct fp_moving_chunk *chunk;
	int err = errno;

	if (heap->chunks[from].long_pins ||
	    atomic_load_explicit(&object->state, memory_order_relaxed) & FP_MOVING_PINS)
		return;
	which = chunk_for_long_pins(heap, fp_moving_round(object->size));
	errno = err;
	if (which == FP_NO_CHUNK)
		return;
	chunk = &heap->chunks[which];
	if (fp_object_move(heap, object, which, chunk->nr_slots, chunk->top)) {
		extend(chunk, object);
		fp_chunk_settle(heap, from);
	} else {
		fp_chunk_settle(heap, which);
	}
}
