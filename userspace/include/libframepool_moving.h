/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Moving heaps of libframepool: objects behind handles, which the library may move to fill the
 * holes that freed objects leave. For long-lived data of mixed sizes that comes and goes.
 *
 * It is sequential allocation whose memory is reclaimed by copying: objects are dealt out one
 * behind the other in chunks of 2 MiB, each physically contiguous. framepool_moving_compact()
 * slides the objects of a chunk together, and moves those of other chunks behind them. Chunks
 * without objects go back to the client's pool.
 *
 * The program says which objects are needed: it frees the others. There are no roots and no
 * generations. Where a collector must find that out, use one that does, such as the Boehm-Demers-
 * Weiser collector, or a language that has one; userspace/examples/collector.c shows how they work.
 *
 * Handles: a number that is not 0. A handle whose object was freed, or of another heap, is refused
 * (EINVAL); it is not mistaken for another object, unless 4095 heaps were made in between.
 *
 * Threads: several threads may call any function at the same time, for the same heap too. Only
 * framepool_moving_destroy() must be the last use. framepool_moving_pin() and
 * framepool_moving_unpin() take no lock, unless the object is moving at that moment or the pin is a
 * long one; the other functions take the lock of the heap. None may be called by a signal handler.
 *
 * Processes: a child made by fork() owns nothing of its parent's heaps. Their memory is shared with
 * it, but all functions fail with EPERM there, except that framepool_moving_destroy() frees what
 * the heap takes in the child. (This does not hold for clone(2) and _Fork(), after which a child
 * must not use its parent's heaps.)
 *
 * If the pool is shut down by force, objects and compaction give SIGBUS, and new chunks ENODEV.
 */
#ifndef LIBFRAMEPOOL_MOVING_H
#define LIBFRAMEPOOL_MOVING_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct framepool;
struct framepool_moving;

#define FRAMEPOOL_MOVING_ALIGN		16U		/* of each object, in both addresses */
#define FRAMEPOOL_MOVING_CHUNK		(2U << 20)	/* bytes of a chunk */
#define FRAMEPOOL_MOVING_SIZE_MAX	FRAMEPOOL_MOVING_CHUNK	/* of an object */
#define FRAMEPOOL_MOVING_PINS_MAX	((1U << 28) - 1)	/* of an object, at one time */

/**
 * struct framepool_moving_options - what a heap shall be like; what is 0 is left to the library
 * @limit: the most bytes that it takes from the client's pool, rounded up to chunks, at most 64
 *	   TiB; 0: the size of that pool
 * @reserved: 0
 */
struct framepool_moving_options {
	uint64_t limit;
	uint64_t reserved[3];
};

/**
 * framepool_moving_create - make a moving heap
 * @fp: the client; it must outlive the heap
 * @options: what the heap shall be like, or NULL
 *
 * It takes no chunk yet. Address space for its tables, twice the limit, is reserved; their pages
 * take memory as they are used: 32 bytes of an object's handle, 4 of its place.
 *
 * Return: the heap, or NULL with errno
 *  EINVAL   an option is out of its range
 *  ENOBUFS  there is no memory, or no address space, for its tables
 */
struct framepool_moving *framepool_moving_create(struct framepool *fp,
						 const struct framepool_moving_options *options);

/**
 * framepool_moving_destroy - end a heap and all of its objects
 * @heap: the heap, or NULL
 *
 * errno is left alone.
 */
void framepool_moving_destroy(struct framepool_moving *heap);

/**
 * framepool_moving_alloc - allocate an object
 * @heap: the heap
 * @size: its bytes, 1 to FRAMEPOOL_MOVING_SIZE_MAX; rounded up to FRAMEPOOL_MOVING_ALIGN
 *
 * The object has whatever content this client left in the memory, or zeros. Holes between objects
 * are not used before framepool_moving_compact() has closed them.
 *
 * Return: its handle, or 0 with errno
 *  EINVAL  @size is out of its range
 *  ENOMEM  the heap has reached its limit, or the pool has no chunk: free some objects and compact
 *  EPERM   the heap is the parent's
 * If a new chunk is needed, also as for framepool_buffer_alloc_constrained() and
 * framepool_buffer_map().
 */
uint64_t framepool_moving_alloc(struct framepool_moving *heap, size_t size);

/**
 * framepool_moving_free - free an object
 * @heap: its heap
 * @handle: the object, which is not pinned
 *
 * If its chunk has no other object, the chunk goes back to the pool, unless it is the one that
 * objects are allocated in. errno is left alone unless this fails.
 *
 * Return: 0, or -1 with errno
 *  EINVAL  @heap has no object of that handle
 *  EBUSY   the object is pinned
 *  EPERM   the heap is the parent's
 * Nothing is done then.
 */
int framepool_moving_free(struct framepool_moving *heap, uint64_t handle);

/* flags of a pin */
#define FRAMEPOOL_MOVING_PIN_LONG	(1U << 0)	/* it is to stay pinned for long */

/**
 * framepool_moving_pin - keep an object where it is, and find it
 * @heap: its heap
 * @handle: the object
 * @flags: FRAMEPOOL_MOVING_PIN_LONG or 0
 *
 * Until it is unpinned as often as pinned, the object has a fixed address, for the program and for
 * devices (see framepool_moving_address()). Only in this time may it be accessed. What one thread
 * writes before it unpins the object is seen by others that pin it later.
 *
 * With FRAMEPOOL_MOVING_PIN_LONG, an object that is not pinned is first moved to a chunk of such
 * objects, so that its old chunk can be emptied. If there is no memory for that, it stays.
 *
 * Return: the object, or NULL with errno
 *  EINVAL     @heap has no object of that handle, or @flags is unknown
 *  EOVERFLOW  it is pinned FRAMEPOOL_MOVING_PINS_MAX times
 *  EPERM      the heap is the parent's
 */
void *framepool_moving_pin(struct framepool_moving *heap, uint64_t handle, unsigned int flags);

/**
 * framepool_moving_unpin - undo framepool_moving_pin()
 * @heap: its heap
 * @handle: the object, in any thread
 *
 * errno is left alone unless this fails.
 *
 * Return: 0, or -1 with errno
 *  EINVAL  @heap has no object of that handle
 *  ENOENT  it is not pinned
 *  EPERM   the heap is the parent's
 */
int framepool_moving_unpin(struct framepool_moving *heap, uint64_t handle);

/**
 * framepool_moving_size - the size of an object
 * @heap: its heap
 * @handle: the object
 *
 * Return: its size, as it was allocated; or 0 with errno EINVAL (@heap has no object of that
 * handle) or EPERM.
 */
size_t framepool_moving_size(struct framepool_moving *heap, uint64_t handle);

/**
 * framepool_moving_address - the physical address of an object
 * @heap: its heap
 * @handle: the object, which is pinned
 * @address: set to the address of its first byte, or to 0 if the client was opened without
 *	     CAP_SYS_ADMIN
 *
 * An object is physically contiguous.
 *
 * Return: 0, or -1 with errno EINVAL (@heap has no object of that handle), ENOENT (it is not
 * pinned) or EPERM.
 */
int framepool_moving_address(struct framepool_moving *heap, uint64_t handle, uint64_t *address);

/**
 * framepool_moving_compact - move objects, so that chunks become empty
 * @heap: the heap
 * @budget_ns: stop after so many nanoseconds (CLOCK_MONOTONIC); UINT64_MAX: when all is done
 *
 * Objects are moved one by one until the budget is used up, so it may be exceeded by the time for
 * one object or, if nothing else was done, for one chunk that goes back to the pool. The next call
 * goes on where this one stopped; what happens in between is allowed for. Other threads that
 * allocate or free, or pin an object that is moving, wait meanwhile. Pinned objects stay.
 *
 * Chunks with pinned objects are filled first, then those with the most objects; those with the
 * fewest are emptied. Up to a sixteenth of a chunk is left unused rather than moved together.
 *
 * Return: 1 if the budget is used up and there is more to do; 0 if there is nothing more to do;
 * or -1 with errno EPERM.
 */
int framepool_moving_compact(struct framepool_moving *heap, uint64_t budget_ns);

/**
 * struct framepool_moving_stats - figures of a heap
 * @objects: how many there are
 * @bytes: theirs, rounded up to FRAMEPOOL_MOVING_ALIGN
 * @memory: bytes taken from the client's pool
 * @moved_objects: moves of objects, up to now
 * @moved_bytes: bytes of these moves
 * @returned_chunks: chunks that went back to the pool, up to now
 * @reserved: 0
 */
struct framepool_moving_stats {
	uint64_t objects;
	uint64_t bytes;
	uint64_t memory;
	uint64_t moved_objects;
	uint64_t moved_bytes;
	uint64_t returned_chunks;
	uint64_t reserved[2];
};

/**
 * framepool_moving_stats - read the figures of a heap
 * @heap: the heap
 * @stats: is filled in
 *
 * Return: 0, or -1 with errno EPERM.
 */
int framepool_moving_stats(struct framepool_moving *heap, struct framepool_moving_stats *stats);

#ifdef __cplusplus
}
#endif

#endif
