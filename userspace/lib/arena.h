/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Shared by the files of arenas.
 *
 *     arena (deals out) -> chain (buffers)
 *                       -> arena_check (mistakes)
 */
#ifndef LIBFRAMEPOOL_ARENA_INTERNAL_H
#define LIBFRAMEPOOL_ARENA_INTERNAL_H

#include <libframepool_arena.h>
#include <stdbool.h>

#include "internal.h"

/* What a piece takes beyond its size when the arena is checked. */
#define FP_PIECE_BEFORE	(2 * FRAMEPOOL_ARENA_ALIGN)
#define FP_PIECE_BEHIND	FRAMEPOOL_ARENA_ALIGN

/* The size of a piece of @size bytes, which is neither 0 nor near SIZE_MAX. */
static inline size_t fp_arena_round(size_t size)
{
	return (size + FRAMEPOOL_ARENA_ALIGN - 1) & -(size_t)FRAMEPOOL_ARENA_ALIGN;
}

static inline char *fp_align_up(char *at, size_t align)
{
	return at + (-(uintptr_t)at & (align - 1));
}

static inline bool fp_arena_is_checked(const struct framepool_arena *arena)
{
	return arena->flags & FRAMEPOOL_ARENA_CHECK;
}

bool fp_arena_set_memory(struct framepool_arena *arena, void *memory, size_t bytes,
			 uint64_t address, size_t align_max);
void fp_arena_empty(struct framepool_arena *arena);

void fp_pieces_begin(const struct framepool_arena *arena);
void fp_piece_begin(struct framepool_arena *arena, char *piece, size_t size, char *before);
bool fp_piece_is_last(const struct framepool_arena *arena, const char *piece, size_t size);
char *fp_piece_before(const char *piece);
void fp_pieces_end(struct framepool_arena *arena, char *from);
void fp_pieces_check(const struct framepool_arena *arena);
void fp_pieces_forget(const struct framepool_arena *arena);

bool fp_chain_grow(struct framepool_arena *arena, size_t size, size_t align);
void fp_chain_shrink(struct framepool_arena *arena, size_t buffers);
size_t fp_chain_buffers(const struct framepool_arena *arena);
const struct framepool_arena *fp_chain_at(const struct framepool_arena *arena, size_t buffers);
void fp_chain_destroy(struct framepool_arena *arena);

#endif
