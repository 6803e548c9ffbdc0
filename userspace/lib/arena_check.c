// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Arenas with FRAMEPOOL_ARENA_CHECK. Before each piece lies a struct piece, behind it some bytes
 * ZONE. Memory that was released is filled with POISON, up to the highest byte that was ever dealt
 * out. All of this is looked at when it is used the next time. AddressSanitizer, if the program has
 * it, is told that released memory must not be touched.
 *
 * What is said of a mistake is written without stdio, since a signal handler may have made it.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "arena.h"

#define POISON	0xdb
#define ZONE	0xbd
#define MAGIC	((uintptr_t)0x6172656e61706365)

/**
 * struct piece - what lies before a piece
 * @previous: the piece before this one; NULL: it is the first
 * @before: where the next piece began before this one was allocated
 * @size: its size
 * @magic: tells whether this was overwritten
 */
struct piece {
	char *previous;
	char *before;
	size_t size;
	uintptr_t magic;
};

_Static_assert(sizeof(struct piece) <= FP_PIECE_BEFORE, "room before a piece");

void __asan_poison_memory_region(const volatile void *at, size_t bytes) __attribute__((weak));
void __asan_unpoison_memory_region(const volatile void *at, size_t bytes) __attribute__((weak));

static void hide(const char *from, const char *to)
{
	if (__asan_poison_memory_region)
		__asan_poison_memory_region(from, (size_t)(to - from));
}

static void show(const char *from, const char *to)
{
	if (__asan_unpoison_memory_region)
		__asan_unpoison_memory_region(from, (size_t)(to - from));
}

static _Noreturn void fail(const char *what, const char *at)
{
	static const char digits[] = "0123456789abcdef";
	char text[160] = "framepool: arena: ";
	size_t length = strlen(text);

	while (*what && length < sizeof(text) - 20)
		text[length++] = *what++;
	text[length++] = '0';
	text[length++] = 'x';
	for (int shift = 8 * (int)sizeof(uintptr_t) - 4; shift >= 0; shift -= 4)
		text[length++] = digits[(uintptr_t)at >> shift & 15];
	text[length++] = '\n';
	if (write(STDERR_FILENO, text, length) < 0)
		abort();
	abort();
}

static struct piece *piece_of(const char *piece)
{
	return (struct piece *)(uintptr_t)piece - 1;
}

static uintptr_t magic_of(const char *at, const struct piece *piece)
{
	return MAGIC ^ (uintptr_t)at ^ (uintptr_t)piece->previous ^ (uintptr_t)piece->before ^
	       piece->size << 1;
}

static void check_bytes(const char *from, const char *to, int value, const char *what)
{
	for (; from < to; from++)
		if ((unsigned char)*from != value)
			fail(what, from);
}

/* Looks at a piece, whose memory ends at @end; returns the one before it. */
static char *check_piece(const char *at, const char *end)
{
	const struct piece *piece = piece_of(at);

	if (piece->magic != magic_of(at, piece))
		fail("the program wrote before the piece at ", at);
	check_bytes(at + piece->size, end, ZONE,
		    "the program wrote behind the end of a piece, at ");
	return piece->previous;
}

static void check_released(const char *from, const char *to)
{
	show(from, to);
	check_bytes(from, to, POISON, "the program wrote to memory that it had released, at ");
}

static char *lower(char *a, char *b)
{
	return a < b ? a : b;
}

/**
 * fp_pieces_begin - an arena has new memory, whatever was there before
 * @arena: the arena
 */
void fp_pieces_begin(const struct framepool_arena *arena)
{
	show(arena->base, arena->limit);
}

/**
 * fp_piece_begin - a piece was dealt out
 * @arena: the arena; its next piece begins behind this one
 * @piece: the piece
 * @size: its size
 * @before: where the next piece began before
 */
void fp_piece_begin(struct framepool_arena *arena, char *piece, size_t size, char *before)
{
	struct piece *head = piece_of(piece);

	check_released(before, lower(arena->next, arena->high));
	*head = (struct piece){ .previous = arena->last, .before = before, .size = size };
	head->magic = magic_of(piece, head);
	memset(piece + size, ZONE, (size_t)(arena->next - (piece + size)));
	if (arena->high < arena->next)
		arena->high = arena->next;
	arena->last = piece;
	arena->end = arena->next;
}

/**
 * fp_piece_is_last - whether a piece is the last of its arena
 * @arena: the arena
 * @piece: the piece
 * @size: its size
 *
 * Return: whether it is, and has that size.
 */
bool fp_piece_is_last(const struct framepool_arena *arena, const char *piece, size_t size)
{
	return piece == arena->last && size == piece_of(piece)->size;
}

/**
 * fp_piece_before - where the next piece began before a piece was allocated
 * @piece: the piece, which must be one
 *
 * Return: that place.
 */
char *fp_piece_before(const char *piece)
{
	return piece_of(piece)->before;
}

/**
 * fp_pieces_end - the memory of some pieces is released
 * @arena: the arena; its next piece still begins behind them
 * @from: where it will begin
 */
void fp_pieces_end(struct framepool_arena *arena, char *from)
{
	char *piece = arena->last, *end = arena->next;

	while (piece && piece > from) {
		char *before = piece_of(piece)->before;

		piece = check_piece(piece, end);
		end = before;
	}
	arena->last = piece;
	if (!from)
		return;
	memset(from, POISON, (size_t)(arena->next - from));
	hide(from, arena->next);
}

/**
 * fp_pieces_check - look for mistakes
 * @arena: the arena
 */
void fp_pieces_check(const struct framepool_arena *arena)
{
	const char *end = arena->next;

	for (const char *piece = arena->last; piece;) {
		const char *before = piece_of(piece)->before;

		piece = check_piece(piece, end);
		end = before;
	}
	check_released(arena->next, arena->high);
	hide(arena->next, arena->high);
}

/**
 * fp_pieces_forget - the memory of an arena will be used for something else
 * @arena: the arena
 */
void fp_pieces_forget(const struct framepool_arena *arena)
{
	fp_pieces_check(arena);
	show(arena->base, arena->limit);
}
