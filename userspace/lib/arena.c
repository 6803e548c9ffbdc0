// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Arenas: pieces of memory one behind the other.
 *
 * Invariants:
 *  A1  base, next and limit are multiples of FRAMEPOOL_ARENA_ALIGN, base <= next <= limit;
 *  A2  without checks end is limit, with checks it is next, so that the inline function deals out
 *      nothing;
 *  A3  the room before a piece whose alignment left some is at least FRAMEPOOL_ARENA_ALIGN bytes.
 *      Its last bytes, directly before the piece, are a struct room: where next was, and which
 *      piece before this one has room before it. padded is the last such piece.
 *      No other piece has its address, so it has at least one byte.
 * Thanks to A3 the last piece can be popped any number of times, although no piece has a header.
 * The program may overwrite a struct room, so what it says is never believed beyond A1.
 */
#include <errno.h>

#include "arena.h"

#define FRAME_BYTES	4096U	/* the smallest that there is */

struct room {
	char *before;
	char *padded;
};

static bool is_alignment(size_t align)
{
	return !(align & (align - 1)) && align <= FRAMEPOOL_ARENA_ALIGN_MAX;
}

/**
 * fp_arena_empty - free all pieces in the memory that an arena deals out now
 * @arena: the arena
 */
void fp_arena_empty(struct framepool_arena *arena)
{
	arena->next = arena->base;
	arena->end = fp_arena_is_checked(arena) ? arena->next : arena->limit;
	arena->padded = NULL;
}

/**
 * fp_arena_set_memory - give an arena memory to deal out
 * @arena: the arena, whose flags are set
 * @memory: the memory
 * @bytes: its length
 * @address: its physical address, or 0
 * @align_max: the largest alignment that it has in both addresses
 *
 * Return: false if there is no room for a piece, or addresses would wrap around.
 */
bool fp_arena_set_memory(struct framepool_arena *arena, void *memory, size_t bytes,
			 uint64_t address, size_t align_max)
{
	size_t before = -(uintptr_t)memory & (FRAMEPOOL_ARENA_ALIGN - 1);

	if (!memory || bytes < before + FRAMEPOOL_ARENA_ALIGN ||
	    bytes > SIZE_MAX - (uintptr_t)memory || bytes > UINT64_MAX - address)
		return false;
	arena->base = (char *)memory + before;
	arena->limit = arena->base + ((bytes - before) & -(size_t)FRAMEPOOL_ARENA_ALIGN);
	arena->high = arena->base;
	arena->last = NULL;
	arena->address = address ? address + before : 0;
	arena->align_max = align_max;
	if (fp_arena_is_checked(arena))
		fp_pieces_begin(arena);
	fp_arena_empty(arena);
	return true;
}

/* The largest alignment of which both addresses are, or are not, multiples at the same bytes. */
static size_t common_alignment(const void *memory, uint64_t address)
{
	uint64_t differ = ((uintptr_t)memory ^ address) | FRAMEPOOL_ARENA_ALIGN_MAX;

	return (size_t)(differ & -differ);
}

int framepool_arena_init(struct framepool_arena *arena, void *memory, size_t bytes,
			 uint64_t address, unsigned int flags)
{
	size_t align_max = address ? common_alignment(memory, address) : FRAMEPOOL_ARENA_ALIGN_MAX;

	*arena = (struct framepool_arena){ .flags = flags };
	if (!(flags & ~FRAMEPOOL_ARENA_CHECK) &&
	    fp_arena_set_memory(arena, memory, bytes, address, align_max))
		return 0;
	*arena = (struct framepool_arena){ .flags = 0 };
	errno = EINVAL;
	return -1;
}

/* What can be said without the address: long buffers begin at a huge frame, others at a frame. */
static size_t buffer_alignment(const struct framepool_buffer *buf, const void *memory)
{
	return buf->length < FRAMEPOOL_ARENA_ALIGN_MAX ? FRAME_BYTES : common_alignment(memory, 0);
}

int framepool_arena_init_buffer(struct framepool_arena *arena, struct framepool_buffer *buf,
				unsigned int flags)
{
	char *memory = framepool_buffer_map(buf);
	uint64_t address;

	if (!memory || fp_buffer_lasting_address(buf, &address) ||
	    framepool_arena_init(arena, memory, buf->length, address, flags)) {
		*arena = (struct framepool_arena){ .flags = 0 };
		return -1;
	}
	if (!address)
		arena->align_max = buffer_alignment(buf, memory);
	return 0;
}

void framepool_arena_fini(struct framepool_arena *arena)
{
	int err = errno;

	if (fp_arena_is_checked(arena))
		fp_pieces_forget(arena);
	if (arena->chain)
		fp_chain_destroy(arena);
	*arena = (struct framepool_arena){ .flags = 0 };
	errno = err;
}

/* Deals out a piece if it fits into the memory that the arena has now. */
static char *deal_out(struct framepool_arena *arena, size_t size, size_t align)
{
	bool checked = fp_arena_is_checked(arena);
	size_t left = (size_t)(arena->limit - arena->next), wanted = size, room;
	char *before = arena->next, *piece;

	if (left < size)
		return NULL;
	piece = fp_align_up(before + (checked ? FP_PIECE_BEFORE : 0), align);
	room = (size_t)(piece - before);
	size += !size && room;
	size = fp_arena_round(size) + (checked ? FP_PIECE_BEHIND : 0);
	if (room > left || size > left - room)
		return NULL;
	if (room && !checked) {
		((struct room *)piece)[-1] = (struct room){ before, arena->padded };
		arena->padded = piece;
	}
	arena->next = piece + size;
	if (checked)
		fp_piece_begin(arena, piece, wanted, before);
	return piece;
}

/* Out of line, so that the fast path in programs stays small. */
void *framepool_arena_alloc_slowly(struct framepool_arena *arena, size_t size, size_t align)
{
	char *piece;

	if (!is_alignment(align)) {
		errno = EINVAL;
		return NULL;
	}
	if (align < FRAMEPOOL_ARENA_ALIGN)
		align = FRAMEPOOL_ARENA_ALIGN;
	piece = align > arena->align_max ? NULL : deal_out(arena, size, align);
	if (!piece && arena->chain) {
		if (!fp_chain_grow(arena, size, align))
			return NULL;
		piece = deal_out(arena, size, align);
	}
	if (!piece)
		errno = arena->base && align > arena->align_max ? EINVAL : ENOMEM;
	return piece;
}

/* Whether what was found before the piece padded can be true. */
static bool is_room(const struct framepool_arena *arena, const struct room *room)
{
	return room->before >= arena->base && room->before < arena->padded &&
	       (!room->padded || (room->padded > arena->base && room->padded < arena->padded));
}

/* Takes the piece padded, and its room, off the list of such pieces. */
static char *forget_padded(struct framepool_arena *arena)
{
	struct room room = ((struct room *)arena->padded)[-1];
	char *piece = arena->padded;

	if (!is_room(arena, &room))
		room = (struct room){ piece, NULL };
	arena->padded = room.padded;
	return room.before;
}

/* Makes the memory from @next on free. */
static void set_next(struct framepool_arena *arena, char *next)
{
	if (fp_arena_is_checked(arena)) {
		fp_pieces_end(arena, next);
		arena->end = next;
	}
	while (arena->padded && arena->padded >= next)
		forget_padded(arena);
	arena->next = next;
}

struct framepool_arena_mark framepool_arena_mark(const struct framepool_arena *arena)
{
	return (struct framepool_arena_mark){ arena->next, fp_chain_buffers(arena) };
}

int framepool_arena_release(struct framepool_arena *arena, struct framepool_arena_mark mark)
{
	const struct framepool_arena *then = fp_chain_at(arena, mark.buffers);

	if (!then || (uintptr_t)mark.next % FRAMEPOOL_ARENA_ALIGN || mark.next < then->base ||
	    mark.next > then->next) {
		errno = EINVAL;
		return -1;
	}
	fp_chain_shrink(arena, mark.buffers);
	set_next(arena, mark.next);
	return 0;
}

/* Whether the last piece of an arena is this one. */
static bool is_last(const struct framepool_arena *arena, const char *piece, size_t size)
{
	size_t used = (size_t)(arena->next - arena->base);

	if (fp_arena_is_checked(arena))
		return fp_piece_is_last(arena, piece, size);
	size += !size && piece == arena->padded;
	return piece >= arena->base && size <= used && piece + fp_arena_round(size) == arena->next;
}

static bool is_empty_at_end(const struct framepool_arena *arena, const void *piece, size_t size)
{
	return !size && piece && piece == arena->next;
}

int framepool_arena_pop(struct framepool_arena *arena, void *piece, size_t size)
{
	size_t buffers = fp_chain_buffers(arena);
	const struct framepool_arena *at = arena;
	char *next = piece;

	if (is_empty_at_end(at, piece, size))
		return 0;
	while (at->next == at->base && buffers > 1)
		at = fp_chain_at(arena, --buffers);
	/* A later piece may have needed a buffer that was then too short for it, too. */
	if (is_empty_at_end(at, piece, size))
		return 0;
	if (!piece || !is_last(at, piece, size)) {
		errno = EINVAL;
		return -1;
	}
	fp_chain_shrink(arena, buffers);
	if (fp_arena_is_checked(arena))
		next = fp_piece_before(piece);
	else if (piece == arena->padded)
		next = forget_padded(arena);
	set_next(arena, next);
	return 0;
}

void framepool_arena_reset(struct framepool_arena *arena)
{
	if (fp_chain_buffers(arena) > 1)
		fp_chain_shrink(arena, 1);
	set_next(arena, arena->base);
}

size_t framepool_arena_used(const struct framepool_arena *arena)
{
	const struct framepool_arena *at = arena;
	size_t used = 0, buffers = fp_chain_buffers(arena);

	for (;;) {
		used += (size_t)(at->next - at->base);
		if (!buffers)
			return used;
		at = fp_chain_at(arena, --buffers);
	}
}

int framepool_arena_address(const struct framepool_arena *arena, const void *byte,
			    uint64_t *address)
{
	const struct framepool_arena *at = arena;
	size_t buffers = fp_chain_buffers(arena);
	const char *p = byte;

	while (p < at->base || p >= at->next) {
		if (!buffers) {
			errno = EINVAL;
			return -1;
		}
		at = fp_chain_at(arena, --buffers);
	}
	*address = at->address ? at->address + (uint64_t)(p - at->base) : 0;
	return 0;
}

void framepool_arena_check(const struct framepool_arena *arena)
{
	size_t buffers = fp_chain_buffers(arena);

	if (!fp_arena_is_checked(arena))
		return;
	fp_pieces_check(arena);
	while (buffers)
		fp_pieces_check(fp_chain_at(arena, --buffers));
}
