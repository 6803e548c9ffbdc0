// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The compaction of a moving heap. It makes one pass after the other:
 *
 *  1. It looks at all entries, and counts the pinned objects of each chunk.
 *  2. It chooses a chunk to fill, "to": one with pinned objects, which cannot go back, else the one
 *     with the most objects. And a chunk to empty, "from": without pinned objects, and with the
 *     fewest bytes. Both meet in the middle.
 *  3. Objects of "to" slide to its beginning. A pinned one stays; objects of "from" are moved into
 *     the gap before it. When the last object of "to" is in its place, those of "from" are moved
 *     behind it. A chunk that is empty goes back, and another is chosen.
 *
 * Every step moves one object at most and leaves a consistent heap, so the budget can end it
 * between any two, and objects can be allocated, freed and pinned before the next. What phase 1
 * found is then a little wrong; if "from" proves to have a pinned object, it is filled instead.
 *
 * What this does not do: choosing looks at all chunks, so its time grows with their number.
 */
#include <time.h>

#include "moving.h"

#define ENOUGH		(FRAMEPOOL_MOVING_CHUNK / 16)	/* free bytes that are worth moving for */
#define LOOK_AT		64U				/* entries in a step */
#define SLOTS_AT	1024U				/* slots in a step */
#define STEP_BYTES	128U		/* a step takes about as long as copying so many */
#define RETURN_NS	250000U		/* how long it may take to give the first chunk back */
#define CLOCK_BYTES	16384U		/* the clock is read after so many */

enum { MOVED, STAYS, AGAIN };

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/**
 * fp_compaction_init - nothing is being done
 * @heap: the heap
 */
void fp_compaction_init(struct framepool_moving *heap)
{
	heap->compaction = (struct fp_compaction){
		.phase = FP_MOVING_IDLE,
		.to = FP_NO_CHUNK,
		.from = FP_NO_CHUNK,
		.return_ns = RETURN_NS,
	};
}

/**
 * fp_compaction_forget - a chunk goes back, or is begun anew
 * @heap: the heap, whose lock is held
 * @which: the chunk
 */
void fp_compaction_forget(struct framepool_moving *heap, uint32_t which)
{
	if (heap->compaction.to == which)
		heap->compaction.to = FP_NO_CHUNK;
	if (heap->compaction.from == which)
		heap->compaction.from = FP_NO_CHUNK;
}

static uint32_t free_in(const struct fp_moving_chunk *chunk)
{
	return FRAMEPOOL_MOVING_CHUNK - chunk->live;
}

/* Bytes between and behind objects that cannot be allocated. */
static uint32_t holes_in(const struct fp_moving_chunk *chunk)
{
	return chunk->top - chunk->live;
}

/* Whether objects of others may be moved to a chunk. */
static bool is_open(const struct framepool_moving *heap, uint32_t which)
{
	const struct fp_moving_chunk *chunk = &heap->chunks[which];

	return chunk->buf && !chunk->done && which != heap->long_pins && free_in(chunk) >= ENOUGH;
}

/* Whether a pass may give a chunk back, or make room in one. */
static bool is_worthwhile(const struct framepool_moving *heap)
{
	uint64_t left = 0, nr = 0;

	for (uint32_t i = 0; i < heap->nr_chunks; i++) {
		const struct fp_moving_chunk *chunk = &heap->chunks[i];

		if (!chunk->buf || i == heap->long_pins || free_in(chunk) < ENOUGH)
			continue;
		if (holes_in(chunk) >= ENOUGH)
			return true;
		left += free_in(chunk);
		nr++;
	}
	return nr > 1 && left >= FRAMEPOOL_MOVING_CHUNK;
}

static void begin_pass(struct framepool_moving *heap)
{
	for (uint32_t i = 0; i < heap->nr_chunks; i++) {
		heap->chunks[i].pinned = 0;
		heap->chunks[i].done = false;
	}
	heap->compaction.entry = 1;
	heap->compaction.none_left = false;
	heap->compaction.phase = FP_MOVING_LOOKS;
}

static void end_pass(struct framepool_moving *heap)
{
	heap->compaction.phase = FP_MOVING_IDLE;
	heap->compaction.to = FP_NO_CHUNK;
	heap->compaction.from = FP_NO_CHUNK;
}

/* Counts the pinned among some objects. */
static uint32_t look(struct framepool_moving *heap)
{
	struct fp_compaction *c = &heap->compaction;
	uint32_t end = heap->nr_objects - c->entry > LOOK_AT ? c->entry + LOOK_AT :
							       heap->nr_objects;

	for (; c->entry < end; c->entry++) {
		uint64_t state = atomic_load_explicit(&heap->objects[c->entry].state,
						      memory_order_relaxed);

		if (state & FP_MOVING_PINS)
			heap->chunks[heap->objects[c->entry].chunk].pinned++;
	}
	if (end == heap->nr_objects)
		c->phase = FP_MOVING_WORKS;
	return LOOK_AT * sizeof(struct fp_object);
}

/* Sets the chunk to empty; its objects must have room elsewhere. */
static void choose_from(struct framepool_moving *heap)
{
	uint32_t best = FP_NO_CHUNK;
	uint64_t room = 0;

	for (uint32_t i = 0; i < heap->nr_chunks; i++) {
		const struct fp_moving_chunk *chunk = &heap->chunks[i];

		if (is_open(heap, i))
			room += free_in(chunk);
		if (chunk->buf && !chunk->done && !chunk->pinned && chunk->live &&
		    free_in(chunk) >= ENOUGH && i != heap->compaction.to &&
		    (best == FP_NO_CHUNK || chunk->live < heap->chunks[best].live))
			best = i;
	}
	heap->compaction.none_left = best == FP_NO_CHUNK || room < FRAMEPOOL_MOVING_CHUNK;
	if (heap->compaction.none_left)
		return;
	heap->compaction.from = best;
	heap->compaction.from_slot = 0;
	if (heap->current == best)
		heap->current = FP_NO_CHUNK;
	if (heap->long_pins == best)
		heap->long_pins = FP_NO_CHUNK;
}

static bool is_better(const struct fp_moving_chunk *chunk, const struct fp_moving_chunk *other)
{
	if (!chunk->pinned != !other->pinned)
		return chunk->pinned;
	return chunk->live > other->live;
}

/* Sets the chunk to fill. If none can be emptied any more, one in which room can be made. */
static void choose_to(struct framepool_moving *heap)
{
	struct fp_compaction *c = &heap->compaction;
	uint32_t best = FP_NO_CHUNK;

	for (uint32_t i = 0; i < heap->nr_chunks; i++) {
		const struct fp_moving_chunk *chunk = &heap->chunks[i];

		if (i != c->from && is_open(heap, i) &&
		    (c->from != FP_NO_CHUNK || holes_in(chunk) >= ENOUGH) &&
		    (best == FP_NO_CHUNK || is_better(chunk, &heap->chunks[best])))
			best = i;
	}
	c->to = best;
	c->to_slot = 0;
	c->to_byte = 0;
	c->to_look = 0;
}

/* Goes on to the next slot that names an object, but not far. Returns its object, or NULL. */
static struct fp_object *next_in(struct framepool_moving *heap,
				 const struct fp_moving_chunk *chunk, uint32_t *slot)
{
	uint32_t end = chunk->nr_slots - *slot > SLOTS_AT ? *slot + SLOTS_AT : chunk->nr_slots;

	while (*slot < end && !chunk->slots[*slot])
		++*slot;
	return *slot < end ? &heap->objects[chunk->slots[*slot]] : NULL;
}

/* The place of an object is found. */
static uint32_t advance(struct fp_compaction *c, const struct fp_object *object)
{
	uint32_t bytes = fp_moving_round(object->size);

	c->to_slot++;
	c->to_byte += bytes;
	return bytes;
}

/* Moves the next object of "from" to the place to be filled, if it fits into @room bytes. */
static int move_one(struct framepool_moving *heap, uint32_t room)
{
	struct fp_compaction *c = &heap->compaction;
	struct fp_moving_chunk *from;
	struct fp_object *object;

	if (c->from == FP_NO_CHUNK)
		return c->none_left ? STAYS : AGAIN;
	from = &heap->chunks[c->from];
	object = next_in(heap, from, &c->from_slot);
	if (!object && c->from_slot < from->nr_slots)
		return AGAIN;
	if (object && fp_moving_round(object->size) > room)
		return STAYS;
	if (object && fp_object_move(heap, object, c->to, c->to_slot, c->to_byte)) {
		c->from_slot++;
		advance(c, object);
		return MOVED;
	}
	from->pinned++;
	c->from = FP_NO_CHUNK;
	return AGAIN;
}

/* All objects of "to" are in their places. */
static void fill_rest(struct framepool_moving *heap, struct fp_moving_chunk *chunk)
{
	struct fp_compaction *c = &heap->compaction;
	int result = move_one(heap, FRAMEPOOL_MOVING_CHUNK - c->to_byte);

	chunk->nr_slots = c->to_slot;
	chunk->top = c->to_byte;
	c->to_look = c->to_slot;
	if (result != STAYS)
		return;
	chunk->done = true;
	c->to = FP_NO_CHUNK;
}

/* The next object of "to" is pinned, at @byte. */
static void fill_gap(struct framepool_moving *heap, const struct fp_object *object, uint32_t byte)
{
	struct fp_compaction *c = &heap->compaction;

	if (c->to_slot < c->to_look && move_one(heap, byte - c->to_byte) != STAYS)
		return;
	c->to_slot = c->to_look;
	c->to_byte = byte;
	advance(c, object);
	c->to_look++;
}

/* An object is where it shall be, but may have an earlier slot. */
static void keep(struct framepool_moving *heap, struct fp_moving_chunk *chunk,
		 struct fp_object *object)
{
	struct fp_compaction *c = &heap->compaction;

	chunk->slots[c->to_look] = 0;
	chunk->slots[c->to_slot] = (uint32_t)(object - heap->objects);
	object->slot = c->to_slot;
}

/* Finds the place of one object. Returns how much work it was, in bytes copied. */
static uint32_t fill(struct framepool_moving *heap)
{
	struct fp_compaction *c = &heap->compaction;
	struct fp_moving_chunk *chunk = &heap->chunks[c->to];
	struct fp_object *object = next_in(heap, chunk, &c->to_look);
	uint64_t before = heap->stats.moved_bytes;
	uint32_t byte;

	if (!object) {
		if (c->to_look == chunk->nr_slots)
			fill_rest(heap, chunk);
		return (uint32_t)(heap->stats.moved_bytes - before) + SLOTS_AT;
	}
	byte = fp_moving_offset(heap, object);
	if (byte != c->to_byte &&
	    !fp_object_move(heap, object, c->to, c->to_slot, c->to_byte)) {
		fill_gap(heap, object, byte);
	} else {
		if (byte == c->to_byte)
			keep(heap, chunk, object);
		advance(c, object);
		c->to_look++;
	}
	return (uint32_t)(heap->stats.moved_bytes - before);
}

/* Does a little. Returns how much, as fill(). */
static uint32_t step(struct framepool_moving *heap)
{
	struct fp_compaction *c = &heap->compaction;
	bool choose = (c->from == FP_NO_CHUNK && !c->none_left) || c->to == FP_NO_CHUNK;

	if (c->phase == FP_MOVING_LOOKS)
		return look(heap);
	if (!choose)
		return fill(heap);
	if (c->from == FP_NO_CHUNK && !c->none_left)
		choose_from(heap);
	if (c->to == FP_NO_CHUNK)
		choose_to(heap);
	if (c->to == FP_NO_CHUNK)
		end_pass(heap);
	return heap->nr_chunks * sizeof(*heap->chunks);
}

static bool is_emptied(const struct framepool_moving *heap)
{
	return heap->compaction.from != FP_NO_CHUNK && !heap->chunks[heap->compaction.from].live;
}

/*
 * Gives the chunk that was emptied back, unless that would take longer than there is time until
 * @end. Returns whether it did.
 */
static bool return_chunk(struct framepool_moving *heap, uint64_t end, bool must)
{
	uint64_t start = now_ns(), took, *usual = &heap->compaction.return_ns;

	if (!must && (start >= end || end - start < *usual))
		return false;
	fp_chunk_return(heap, heap->compaction.from);
	took = now_ns() - start;
	if (took > *usual)
		*usual = took;
	else
		*usual -= (*usual - took) / 8;
	return true;
}

/**
 * fp_compact - compact
 * @heap: the heap, whose lock is held
 * @budget_ns: as for framepool_moving_compact()
 *
 * Return: whether there is more to do.
 */
bool fp_compact(struct framepool_moving *heap, uint64_t budget_ns)
{
	uint64_t start = now_ns(), end = budget_ns > UINT64_MAX - start ? UINT64_MAX :
									  start + budget_ns;
	uint32_t work = CLOCK_BYTES;
	bool first = true;

	if (heap->compaction.phase == FP_MOVING_IDLE) {
		if (!is_worthwhile(heap))
			return false;
		begin_pass(heap);
	}
	while (heap->compaction.phase != FP_MOVING_IDLE) {
		if (is_emptied(heap)) {
			if (!return_chunk(heap, end, first))
				return true;
			work = CLOCK_BYTES;
		}
		first = false;
		work += step(heap) + STEP_BYTES;
		if (work >= CLOCK_BYTES) {
			if (now_ns() >= end)
				return true;
			work = 0;
		}
	}
	return false;
}
