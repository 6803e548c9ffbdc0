/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Shared by the files of moving heaps.
 *
 *     moving (allocates, frees, pins) -> moving_handle (who has which handle)
 *                                     -> moving_chunk (memory, and what lies where)
 *     moving_compact (moves)          -> moving_chunk
 */
#ifndef LIBFRAMEPOOL_MOVING_INTERNAL_H
#define LIBFRAMEPOOL_MOVING_INTERNAL_H

#include <libframepool_moving.h>
#include <pthread.h>
#include <stdatomic.h>

#include "thread.h"

/*
 * A handle: the index of its entry, and a tag. The tag is the number of the heap and the
 * generation of the entry, neither of which is 0.
 */
#define FP_MOVING_INDEX_BITS		30
#define FP_MOVING_INDEX			((1ULL << FP_MOVING_INDEX_BITS) - 1)
#define FP_MOVING_GENERATION_BITS	22
#define FP_MOVING_GENERATION_MAX	((1ULL << FP_MOVING_GENERATION_BITS) - 1)
#define FP_MOVING_HEAPS			4095U

/* The state of an entry: the tag of its handle, two flags, and how often the object is pinned. */
#define FP_MOVING_LIVE			(1ULL << 29)
#define FP_MOVING_MOVES			(1ULL << 28)
#define FP_MOVING_PINS			(FP_MOVING_MOVES - 1)

/* How many objects a chunk may have. */
#define FP_MOVING_SLOTS			(FRAMEPOOL_MOVING_CHUNK / FRAMEPOOL_MOVING_ALIGN)

/**
 * struct fp_object - an entry of the table of handles
 * @state: see above; a pin only changes this
 * @address: where the object is. Whoever has pinned it may read this; else the heap's lock protects
 *	     it, as it does what follows.
 * @size: of the object, as it was asked for
 * @chunk: the index of its chunk
 * @slot: its slot there; of an entry without an object: the next such entry, or 0
 */
struct fp_object {
	_Atomic uint64_t state;
	char *address;
	uint32_t size;
	uint32_t chunk;
	uint32_t slot;
};

/**
 * struct fp_moving_chunk - memory for objects
 * @buf: NULL: there is none
 * @address: its physical address, or 0
 * @slots: the entries of its objects, by ascending address; 0 where one was freed
 * @nr_slots: how many of them were used
 * @top: where the next object goes: an offset
 * @live: bytes of its objects
 * @pinned: objects in it that were pinned when the compaction looked
 * @long_pins: it is for objects that are pinned for long
 * @done: the compaction need not look at it again
 */
struct fp_moving_chunk {
	struct framepool_buffer *buf;
	uint64_t address;
	uint32_t *slots;
	uint32_t nr_slots;
	uint32_t top;
	uint32_t live;
	uint32_t pinned;
	bool long_pins;
	bool done;
};

#define FP_NO_CHUNK	UINT32_MAX

enum fp_moving_phase {
	FP_MOVING_IDLE,
	FP_MOVING_LOOKS,	/* counts the pinned objects of each chunk */
	FP_MOVING_WORKS,	/* moves objects */
};

/**
 * struct fp_compaction - how far the compaction is
 * @phase: what it does
 * @entry: FP_MOVING_LOOKS: the next entry to look at
 * @to: the chunk that is filled, or FP_NO_CHUNK. Its slots before @to_slot and its bytes before
 *	@to_byte are as they shall be; slots from there to @to_look are free.
 * @from: the chunk that is emptied, or FP_NO_CHUNK
 * @from_slot: its next slot to look at
 * @none_left: no chunk can be emptied any more
 * @return_ns: how long it takes to give a chunk back, rather more than less
 */
struct fp_compaction {
	enum fp_moving_phase phase;
	uint32_t entry;
	uint32_t to;
	uint32_t to_slot;
	uint32_t to_byte;
	uint32_t to_look;
	uint32_t from;
	uint32_t from_slot;
	bool none_left;
	uint64_t return_ns;
};

/**
 * struct framepool_moving - a moving heap
 * @keeper: tells when a child begins; threads keep nothing
 * @in_child: this process is a child of the heap's
 * @number: of the heap, part of its handles
 * @objects: the table of handles; its first entry is not used
 * @nr_objects_max: its length
 * @chunks: all chunks that there may be
 * @nr_chunks_max: how many
 * @fp: the client
 * @lock: protects what follows, and what struct fp_object and struct fp_moving_chunk say
 * @nr_objects: entries that were ever used, and the first one
 * @free: the first entry without an object, or 0
 * @nr_chunks: the chunks from here on were never used
 * @current: the chunk that objects are allocated in, or FP_NO_CHUNK
 * @long_pins: the same for objects that are pinned for long
 * @compaction: how far it is
 * @stats: what framepool_moving_stats() tells
 */
struct framepool_moving {
	struct fp_keeper keeper;
	_Atomic bool in_child;
	uint32_t number;
	struct fp_object *objects;
	uint32_t nr_objects_max;
	struct fp_moving_chunk *chunks;
	uint32_t nr_chunks_max;
	struct framepool *fp;

	pthread_mutex_t lock;
	uint32_t nr_objects;
	uint32_t free;
	uint32_t nr_chunks;
	uint32_t current;
	uint32_t long_pins;
	struct fp_compaction compaction;
	struct framepool_moving_stats stats;
};

/* Whether an entry with that state has the object of a handle. */
static inline bool fp_state_fits(uint64_t state, uint64_t handle)
{
	return !((state ^ handle) >> FP_MOVING_INDEX_BITS) && state & FP_MOVING_LIVE;
}

/* Bytes that an object takes. */
static inline uint32_t fp_moving_round(size_t size)
{
	return (uint32_t)((size + FRAMEPOOL_MOVING_ALIGN - 1) & -(size_t)FRAMEPOOL_MOVING_ALIGN);
}

static inline char *fp_moving_base(const struct fp_moving_chunk *chunk)
{
	return chunk->buf->memory;
}

static inline uint32_t fp_moving_offset(const struct framepool_moving *heap,
					const struct fp_object *object)
{
	return (uint32_t)(object->address - fp_moving_base(&heap->chunks[object->chunk]));
}

bool fp_handles_create(struct framepool_moving *heap, uint64_t limit);
void fp_handles_destroy(struct framepool_moving *heap);
uint32_t fp_handle_take(struct framepool_moving *heap);
uint64_t fp_handle_begin(struct framepool_moving *heap, uint32_t index);
struct fp_object *fp_handle_end(struct framepool_moving *heap, uint64_t handle);
void fp_handle_put(struct framepool_moving *heap, struct fp_object *object, uint64_t handle);
struct fp_object *fp_handle_find(struct framepool_moving *heap, uint64_t handle, uint64_t *state);

bool fp_chunks_create(struct framepool_moving *heap, uint64_t limit);
void fp_chunks_destroy(struct framepool_moving *heap);
uint32_t fp_chunk_take(struct framepool_moving *heap);
void fp_chunk_return(struct framepool_moving *heap, uint32_t which);
uint32_t fp_chunk_for(struct framepool_moving *heap, uint32_t size);
void fp_chunk_add(struct framepool_moving *heap, uint32_t which, uint32_t index);
void fp_chunk_remove(struct framepool_moving *heap, const struct fp_object *object);
void fp_chunk_settle(struct framepool_moving *heap, uint32_t which);
bool fp_object_move(struct framepool_moving *heap, struct fp_object *object, uint32_t which,
		    uint32_t slot, uint32_t byte);

void fp_object_move_to_long_pins(struct framepool_moving *heap, struct fp_object *object);

void fp_compaction_init(struct framepool_moving *heap);
void fp_compaction_forget(struct framepool_moving *heap, uint32_t which);
bool fp_compact(struct framepool_moving *heap, uint64_t budget_ns);

#endif
