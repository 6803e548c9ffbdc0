/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Arenas of libframepool: memory that is dealt out one piece behind the other, and comes back all
 * at once, or the last piece first. For rings and descriptors, for the data of a request or a
 * frame, and for static regions.
 *
 * An arena lies in one piece of memory: a buffer of a pool, or memory of the caller's. Or it is a
 * chain, which grows by buffers. The program provides the structure; its fields are private.
 *
 * Threads: an arena belongs to one thread at a time.
 *
 * Signals: a handler may initialise an arena in memory of its own and use it, because
 * framepool_arena_init() and what follows take no lock and call nothing. It must not use an arena
 * that it may have interrupted, nor a chain.
 *
 * Processes: memory of a pool is shared with a child made by fork(), but each of them has its own
 * copy of the structure. Only one of them may go on allocating. A chain stays its parent's: in a
 * child it cannot grow (EPERM), and framepool_arena_fini() frees nothing of it in the pool.
 */
#ifndef LIBFRAMEPOOL_ARENA_H
#define LIBFRAMEPOOL_ARENA_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#ifdef __GNUC__
#define FRAMEPOOL_LIKELY(condition)	__builtin_expect(!!(condition), 1)
#else
#define FRAMEPOOL_LIKELY(condition)	(condition)
#endif

struct framepool;
struct framepool_buffer;
struct framepool_chain;

#define FRAMEPOOL_ARENA_ALIGN		16U		/* of every piece, at least */
#define FRAMEPOOL_ARENA_ALIGN_MAX	(2U << 20)

/* flags of an arena */
#define FRAMEPOOL_ARENA_CHECK	(1U << 0)	/* notice mistakes, and end the program */

/**
 * struct framepool_arena - an arena; its fields are private
 *
 * Its size and the first two fields are part of the binary interface.
 */
struct framepool_arena {
	/* private: */
	char *next;		/* where the next piece begins */
	char *end;		/* behind the last byte that the inline function may deal out */
	char *base;		/* where the first piece begins */
	char *limit;		/* behind the last byte */
	char *padded;		/* the last piece that has room before it, or NULL */
	char *high;		/* with checks: behind the last byte that was ever dealt out */
	void *last;		/* with checks: the last piece */
	uint64_t address;	/* where a device finds @base; 0: not known */
	size_t align_max;	/* the largest alignment that the memory has in both addresses */
	struct framepool_chain *chain;
	unsigned int flags;
	unsigned int reserved;
};

/**
 * struct framepool_arena_mark - how much of an arena was in use; its fields are private
 */
struct framepool_arena_mark {
	/* private: */
	char *next;
	size_t buffers;
};

/**
 * framepool_arena_init - make an arena of memory of the caller's
 * @arena: the arena
 * @memory: the memory, which must outlive the arena
 * @bytes: its length. What lies before the first and behind the last multiple of
 *	   FRAMEPOOL_ARENA_ALIGN in it is not used.
 * @address: where a device finds it: the physical address if no IOMMU translates, or the address
 *           that VFIO mapped it at; 0 if that does not matter. framepool_arena_address() counts
 *           from it.
 * @flags: FRAMEPOOL_ARENA_CHECK or 0
 *
 * This can be called in a signal handler.
 *
 * Return: 0, or -1 with errno EINVAL: @flags is unknown, the memory is NULL or too short for one
 * piece, or it, or @address, wraps around.
 */
int framepool_arena_init(struct framepool_arena *arena, void *memory, size_t bytes,
			 uint64_t address, unsigned int flags);

/**
 * framepool_arena_init_buffer - make an arena of a buffer
 * @arena: the arena
 * @buf: the buffer, which must outlive the arena. It is mapped if it is not yet.
 * @flags: as for framepool_arena_init()
 *
 * It uses the physical address, which is of no use to a device behind an IOMMU that translates. A
 * buffer that may move (framepool_movable()) has one only if it is pinned, and must stay so.
 *
 * Return: 0, or -1 with errno EINVAL (@flags), ENOENT or ENODEV as for framepool_buffer_address(),
 * or as for framepool_buffer_map().
 */
int framepool_arena_init_buffer(struct framepool_arena *arena, struct framepool_buffer *buf,
				unsigned int flags);

/**
 * framepool_arena_init_chain - make an arena that grows by buffers of a pool
 * @arena: the arena
 * @fp: the client, which must outlive the arena
 * @bytes: least length of a buffer; rounded up to whole frames
 * @flags: as for framepool_arena_init()
 *
 * Each piece lies in one buffer, so it is physically contiguous. The first buffer is allocated with
 * the first piece. What a buffer has left when the next is begun stays unused.
 *
 * Return: 0, or -1 with errno EINVAL (@bytes is 0, or too large to be rounded up; @flags), ENOBUFS.
 */
int framepool_arena_init_chain(struct framepool_arena *arena, struct framepool *fp, size_t bytes,
			       unsigned int flags);

/**
 * framepool_arena_fini - end an arena
 * @arena: the arena
 *
 * The buffers of a chain are freed. Other memory stays the caller's. Afterwards every allocation
 * fails with ENOMEM. errno is left alone.
 */
void framepool_arena_fini(struct framepool_arena *arena);

/* For framepool_arena_alloc() only: what it does if its fast path does not. */
void *framepool_arena_alloc_slowly(struct framepool_arena *arena, size_t size, size_t align);

/**
 * framepool_arena_alloc - allocate a piece
 * @arena: the arena
 * @size: bytes; rounded up to a multiple of FRAMEPOOL_ARENA_ALIGN. Of 0 bytes, none may be used,
 *        and the next piece may have the same address.
 * @align: the address, and that for a device, is a multiple of it: a power of two up to
 *         FRAMEPOOL_ARENA_ALIGN_MAX. At least FRAMEPOOL_ARENA_ALIGN in any case; 0 means just that.
 *
 * The piece has whatever content the memory has. This can be called in a signal handler, unless the
 * arena is a chain or the handler may have interrupted its use.
 *
 * Return: the piece, or NULL with errno
 *  EINVAL  @align is not a power of two, or more than FRAMEPOOL_ARENA_ALIGN_MAX; or no address that
 *          is a multiple of it is one for a device, too, because of how the memory is mapped
 *  ENOMEM  the arena has not so much left
 *  EPERM   a child made by fork() may not make its parent's chain grow
 * and if a chain must grow, as for framepool_buffer_alloc_constrained() and framepool_buffer_map().
 */
static inline void *framepool_arena_alloc(struct framepool_arena *arena, size_t size, size_t align)
{
	char *start = arena->next;

	/* Pieces of no bytes are dealt out slowly: an arena may have no memory yet. */
	if (FRAMEPOOL_LIKELY(size - 1 < (size_t)(arena->end - start)) &&
	    align <= FRAMEPOOL_ARENA_ALIGN && !(align & (align - 1))) {
		arena->next = start + ((size + FRAMEPOOL_ARENA_ALIGN - 1) &
				       ~(size_t)(FRAMEPOOL_ARENA_ALIGN - 1));
		return start;
	}
	return framepool_arena_alloc_slowly(arena, size, align);
}

/**
 * framepool_arena_mark - remember how much is in use
 * @arena: the arena
 *
 * Return: the mark, for framepool_arena_release().
 */
struct framepool_arena_mark framepool_arena_mark(const struct framepool_arena *arena);

/**
 * framepool_arena_release - free all pieces that were allocated after a mark
 * @arena: the arena
 * @mark: from framepool_arena_mark()
 *
 * A chain frees the buffers that it took since then.
 *
 * Return: 0, or -1 with errno EINVAL: less is in use than when the mark was made, or it is of
 * another arena. Nothing is done. errno is otherwise left alone.
 */
int framepool_arena_release(struct framepool_arena *arena, struct framepool_arena_mark mark);

/**
 * framepool_arena_pop - free the last piece
 * @arena: the arena
 * @piece: the piece
 * @size: its size, as it was allocated
 *
 * Pieces can be freed in the reverse order of their allocation, any number of them. errno is left
 * alone unless this fails.
 *
 * Return: 0, or -1 with errno EINVAL: the last piece that is still allocated is another, or has
 * another size. Nothing is done.
 */
int framepool_arena_pop(struct framepool_arena *arena, void *piece, size_t size);

/**
 * framepool_arena_reset - free all pieces
 * @arena: the arena
 *
 * A chain keeps its first buffer and frees the others. errno is left alone.
 */
void framepool_arena_reset(struct framepool_arena *arena);

/**
 * framepool_arena_used - how much is in use
 * @arena: the arena
 *
 * Return: bytes, including those that alignment and checks cost; of a chain, also what former
 * buffers have left.
 */
size_t framepool_arena_used(const struct framepool_arena *arena);

/**
 * framepool_arena_address - where a device finds a byte
 * @arena: the arena
 * @byte: the byte, which is in use; of a chain, in any of its buffers
 * @address: set to that, counted from the address of the arena; or to 0 if it is not known, as
 *           where memory may move: see framepool_arena_init() and framepool_buffer_address()
 *
 * A piece is physically contiguous, if the memory of the arena is.
 *
 * Return: 0, or -1 with errno EINVAL: the byte is not in use.
 */
int framepool_arena_address(const struct framepool_arena *arena, const void *byte,
			    uint64_t *address);

/**
 * framepool_arena_check - look for mistakes now
 * @arena: the arena
 *
 * With FRAMEPOOL_ARENA_CHECK, bytes behind each piece are watched, and memory that is released is
 * filled with 0xdb and watched until it is allocated again. If the program writes where it should
 * not, this function, or a later allocation or release, says so on stderr and calls abort(3).
 * AddressSanitizer, if the program uses it, also notices reads. Without the flag nothing happens.
 */
void framepool_arena_check(const struct framepool_arena *arena);

#ifdef __cplusplus
}
#endif

#endif
