// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Chains: arenas that grow by buffers. The arena itself deals out the newest buffer. With each
 * buffer, the state that the arena had before it is kept, so going back to that state frees the
 * buffer.
 *
 * A child made by fork() has copies of all this, but the buffers are its parent's.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "arena.h"
#include "map.h"

#define FREE_AT_ONCE	64

/**
 * struct link - a buffer of a chain
 * @previous: the one before it, or NULL
 * @buf: the buffer
 * @before: the arena before it had this buffer
 */
struct link {
	struct link *previous;
	struct framepool_buffer *buf;
	struct framepool_arena before;
};

/**
 * struct framepool_chain - where an arena gets buffers from
 * @fp: the client
 * @bytes: least length of a buffer
 * @newest: the buffer that the arena deals out, or NULL
 * @nr: number of buffers
 * @pid: the process that they belong to
 */
struct framepool_chain {
	struct framepool *fp;
	size_t bytes;
	struct link *newest;
	size_t nr;
	pid_t pid;
};

int framepool_arena_init_chain(struct framepool_arena *arena, struct framepool *fp, size_t bytes,
			       unsigned int flags)
{
	struct framepool_chain *chain = NULL;
	size_t frame = fp->info.frame_bytes;

	*arena = (struct framepool_arena){ .flags = 0 };
	if (!bytes || bytes > SIZE_MAX - frame || flags & ~FRAMEPOOL_ARENA_CHECK) {
		errno = EINVAL;
		return -1;
	}
	chain = malloc(sizeof(*chain));
	if (!chain) {
		errno = ENOBUFS;
		return -1;
	}
	*chain = (struct framepool_chain){ .fp = fp, .bytes = bytes, .pid = getpid() };
	arena->chain = chain;
	arena->flags = flags;
	arena->align_max = FRAMEPOOL_ARENA_ALIGN_MAX;
	return 0;
}

/* Bytes that a buffer must have for a piece; 0: none can be so long. */
static size_t bytes_for(const struct framepool_chain *chain, size_t size, size_t align)
{
	size_t more = align + FP_PIECE_BEFORE + FP_PIECE_BEHIND + chain->fp->info.frame_bytes;

	if (size > SIZE_MAX / 2 - more)
		return 0;
	size += more - chain->fp->info.frame_bytes;
	return size < chain->bytes ? chain->bytes : size;
}

/* Allocates and maps a buffer. Sets the largest alignment that it has in both addresses. */
static struct framepool_buffer *take_buffer(const struct framepool_chain *chain, size_t bytes,
					    size_t *align)
{
	const struct framepool_ioc_info *info = &chain->fp->info;
	struct framepool_buffer *buf;
	int err;

	if (*align <= info->frame_bytes)
		*align = bytes < info->huge_bytes ? info->frame_bytes : info->huge_bytes;
	buf = framepool_buffer_alloc_constrained(chain->fp, bytes, *align, 0);
	if (!buf)
		return NULL;
	if (fp_buffer_map_aligned(buf, *align))
		return buf;
	err = errno;
	framepool_buffer_free(buf);
	errno = err;
	return NULL;
}

static bool use_buffer(struct framepool_arena *arena, struct link *link, size_t align)
{
	struct framepool_chain *chain = arena->chain;
	uint64_t address;

	if (fp_buffer_lasting_address(link->buf, &address))
		return false;
	fp_arena_set_memory(arena, link->buf->memory, link->buf->length, address, align);
	link->previous = chain->newest;
	chain->newest = link;
	chain->nr++;
	return true;
}

/**
 * fp_chain_grow - add a buffer to a chain
 * @arena: the chain
 * @size: bytes of the piece that does not fit into what it has
 * @align: its alignment
 *
 * Return: true, or false with errno.
 */
bool fp_chain_grow(struct framepool_arena *arena, size_t size, size_t align)
{
	size_t bytes = bytes_for(arena->chain, size, align);
	struct link *link;
	int err = errno;

	if (arena->chain->pid != getpid()) {
		errno = EPERM;
		return false;
	}
	link = bytes ? malloc(sizeof(*link)) : NULL;
	if (!link) {
		errno = bytes ? ENOBUFS : ENOMEM;
		return false;
	}
	link->before = *arena;
	link->buf = take_buffer(arena->chain, bytes, &align);
	if (!link->buf)
		goto err_free_link;
	if (!use_buffer(arena, link, align))
		goto err_free_buffer;
	errno = err;
	return true;

err_free_buffer:
	err = errno;
	framepool_buffer_free(link->buf);
	errno = err;
err_free_link:
	err = errno;
	free(link);
	errno = err;
	return false;
}

/* Frees buffers; in a child, only the mappings. */
static void give_back(const struct framepool_chain *chain, struct framepool_buffer **bufs,
		      size_t nr)
{
	if (chain->pid == getpid()) {
		framepool_free_batch(bufs, nr);
		return;
	}
	while (nr--) {
		framepool_buffer_unmap(bufs[nr]);
		free(bufs[nr]);
	}
}

/**
 * fp_chain_shrink - go back to the state that an arena had with fewer buffers
 * @arena: the arena
 * @buffers: how many; at most as many as it has. If it is no chain, 0.
 *
 * errno is left alone.
 */
void fp_chain_shrink(struct framepool_arena *arena, size_t buffers)
{
	struct framepool_buffer *bufs[FREE_AT_ONCE];
	struct framepool_chain *chain = arena->chain;
	int err = errno;
	size_t nr = 0;

	while (chain && chain->nr > buffers) {
		struct link *link = chain->newest;

		if (fp_arena_is_checked(arena))
			fp_pieces_forget(arena);
		*arena = link->before;
		chain->newest = link->previous;
		chain->nr--;
		bufs[nr++] = link->buf;
		free(link);
		if (nr == FREE_AT_ONCE || chain->nr == buffers) {
			give_back(chain, bufs, nr);
			nr = 0;
		}
	}
	errno = err;
}

/**
 * fp_chain_buffers - how many buffers an arena has taken
 * @arena: the arena
 *
 * Return: their number; 0 if it is no chain.
 */
size_t fp_chain_buffers(const struct framepool_arena *arena)
{
	return arena->chain ? arena->chain->nr : 0;
}

/**
 * fp_chain_at - the state that an arena had with fewer buffers
 * @arena: the arena
 * @buffers: how many
 *
 * Return: its last state with so many buffers; NULL if it has fewer.
 */
const struct framepool_arena *fp_chain_at(const struct framepool_arena *arena, size_t buffers)
{
	size_t nr = fp_chain_buffers(arena);
	const struct link *link;

	if (buffers >= nr)
		return buffers == nr ? arena : NULL;
	for (link = arena->chain->newest; --nr > buffers; link = link->previous)
		;
	return &link->before;
}

/**
 * fp_chain_destroy - free all buffers of a chain
 * @arena: the chain
 */
void fp_chain_destroy(struct framepool_arena *arena)
{
	struct framepool_chain *chain = arena->chain;

	fp_chain_shrink(arena, 0);
	free(chain);
}
