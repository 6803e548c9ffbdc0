// SPDX-License-Identifier: GPL-2.0-only
/*
 * A plain binary buddy allocator, as a peer: a request gets the smallest naturally aligned block of
 * 2^order frames that holds it, and the block counts as used in full. Blocks are split in halves,
 * and buddies that are both free are merged at once. Each order has a list, last in first out, from
 * which the first block that lies low enough is taken. It knows no clients.
 *
 * Frames are named by their page frame number minus that of the first huge frame, so that natural
 * alignment is that of physical addresses. Frames between extents are never free.
 */
#include <errno.h>
#include <stdlib.h>

#include "sides.h"

#define max(a, b)	((a) > (b) ? (a) : (b))

#define ORDERS	32
#define NONE	UINT32_MAX

/* A frame that begins a free block has the order plus one, and is on the list of its order. */
struct frame {
	uint32_t next;
	uint32_t prev;
	uint8_t order_plus_one;
};

static struct frame *frames;
static uint32_t nr_frames;
static uint32_t heads[ORDERS];
static uint64_t nr_free;
/* A block that is allocated. */
struct block {
	uint32_t frame;
	uint32_t order;
};

static struct block *blocks;	/* by buffer */
static uint64_t first_pfn;
static const struct recording *recorded;

static uint32_t order_of(uint64_t nr)
{
	uint32_t order = 0;

	while (1ULL << order < nr)
		order++;
	return order;
}

static void push(uint32_t frame, uint32_t order)
{
	frames[frame] = (struct frame){ heads[order], NONE, (uint8_t)(order + 1) };
	if (heads[order] != NONE)
		frames[heads[order]].prev = frame;
	heads[order] = frame;
	nr_free += 1ULL << order;
}

static void take(uint32_t frame, uint32_t order)
{
	struct frame *at = &frames[frame];

	if (at->prev == NONE)
		heads[order] = at->next;
	else
		frames[at->prev].next = at->next;
	if (at->next != NONE)
		frames[at->next].prev = at->prev;
	at->order_plus_one = 0;
	nr_free -= 1ULL << order;
}

static void put(uint32_t frame, uint32_t order)
{
	while (order + 1 < ORDERS) {
		uint32_t buddy = frame ^ 1U << order;

		if (buddy >= nr_frames || frames[buddy].order_plus_one != order + 1)
			break;
		take(buddy, order);
		frame &= ~(1U << order);
		order++;
	}
	push(frame, order);
}

/* A block of at least this order whose first 2^order frames lie below the limit. */
static uint32_t find(uint32_t order, uint64_t limit, uint32_t *found)
{
	for (*found = order; *found < ORDERS; ++*found) {
		uint32_t frame = heads[*found];

		while (frame != NONE && limit && first_pfn + frame + (1ULL << order) > limit)
			frame = frames[frame].next;
		if (frame != NONE)
			return frame;
	}
	return NONE;
}

static int alloc(void *data, const struct event *event)
{
	uint32_t order = order_of(max(event->frames, event->align)), found, frame;

	if (order >= ORDERS || 1ULL << order > nr_free)
		return ENOMEM;
	frame = find(order, event->limit, &found);
	if (frame == NONE)
		return ENOSPC;
	take(frame, found);
	while (found-- > order)
		push(frame + (1U << found), found);
	blocks[event->buffer] = (struct block){ frame, order };
	return 0;
}

static void free_buffer(void *data, const struct event *event)
{
	put(blocks[event->buffer].frame, blocks[event->buffer].order);
}

static int measure(void *data, bool is_last, struct measure *measure)
{
	uint64_t bytes = recorded->frame_bytes, huge = recorded->huge_frames;
	uint64_t whole = 0, largest = 0;
	uint32_t order, frame;

	for (order = 0; order < ORDERS; order++)
		for (frame = heads[order]; frame != NONE; frame = frames[frame].next) {
			largest = 1ULL << order;
			if (largest >= huge)
				whole += largest;
		}
	*measure = (struct measure){
		.used = (recorded->nr_huge * huge - nr_free) * bytes, .free = nr_free * bytes,
		.largest = largest * bytes, .whole = whole * bytes,
	};
	return 0;
}

bool binary_side(const struct recording *recording, struct side *side)
{
	const struct recording_extent *first = recording->extents;
	const struct recording_extent *last = first + recording->nr_extents - 1;
	uint64_t huge = recording->huge_frames, i, j;
	/* Aligned for the largest block that the pool can have. */
	uint64_t base = first->first & -(1ULL << order_of(recording->nr_huge));
	uint64_t span = (last->first + last->count - base) * huge;

	recorded = recording;
	first_pfn = base * huge;
	if (span > NONE)
		return false;
	nr_frames = span;
	frames = calloc(span, sizeof(*frames));
	blocks = calloc(recording->nr_buffers + 1, sizeof(*blocks));
	for (i = 0; i < ORDERS; i++)
		heads[i] = NONE;
	if (!frames || !blocks)
		return false;
	for (i = 0; i < recording->nr_extents; i++)
		for (j = 0; j < first[i].count; j++)
			put((first[i].first - base + j) * huge, order_of(huge));
	*side = (struct side){
		.name = "binary buddy", .alloc = alloc, .free = free_buffer, .measure = measure,
	};
	return true;
}
