/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Heaps of libframepool: blocks of any size, allocated and freed in any order by any thread. Each
 * block is physically contiguous.
 *
 * What a heap knows of its blocks lies outside of them, so writing beyond the end of a block does
 * not damage the heap. A block that is freed twice, and a pointer that is no block, are refused.
 *
 * Threads: several threads may call any function at the same time, for the same heap too, and free
 * what others have allocated. Only framepool_heap_destroy() must be the last use. Each thread keeps
 * at most 512 KiB of free blocks; they come back when it ends, and before an allocation of any
 * thread fails for lack of memory. None of the functions may be called by a signal handler.
 *
 * Processes: a child made by fork() shares the memory of all blocks with its parent, and may read
 * and write it. All functions fail with EPERM there, except that framepool_heap_destroy() frees
 * what the heap takes in the child. (This does not hold for clone(2) and _Fork(), after which a
 * child must not use its parent's heaps.)
 */
#ifndef LIBFRAMEPOOL_HEAP_H
#define LIBFRAMEPOOL_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct framepool;
struct framepool_heap;

#define FRAMEPOOL_HEAP_ALIGN		16U		/* of any block */
#define FRAMEPOOL_HEAP_ALIGN_MAX	(2U << 20)

/**
 * struct framepool_heap_options - what a heap shall be like; what is 0 is left to the library
 * @limit_bytes: the most that it takes from the client's pool; 0: no limit
 * @growth_bytes: so much is taken at once, rounded up to multiples of 2 MiB; 0: 2 MiB. Blocks of
 *		  more than 1 MiB are taken one by one.
 * @keep_bytes: the most that it keeps although no block is in it; the rest goes back to the
 *		client's pool at once. 0: an eighth of the limit, or of the pool. Less than 2 MiB:
 *		none.
 * @reserved: 0
 */
struct framepool_heap_options {
	uint64_t limit_bytes;
	uint64_t growth_bytes;
	uint64_t keep_bytes;
	uint64_t reserved[5];
};

/**
 * framepool_heap_create - make a heap
 * @fp: the client; it must outlive the heap
 * @options: what the heap shall be like, or NULL
 *
 * Nothing is taken from the client's pool yet.
 *
 * Return: the heap, or NULL with errno EINVAL (a reserved field is not 0; @growth_bytes is more
 * than the limit or the pool) or ENOBUFS.
 */
struct framepool_heap *framepool_heap_create(struct framepool *fp,
					     const struct framepool_heap_options *options);

/**
 * framepool_heap_destroy - end a heap and all of its blocks
 * @heap: the heap, or NULL
 *
 * errno is left alone.
 *
 * Return: how many blocks were still allocated; in a child, 0.
 */
size_t framepool_heap_destroy(struct framepool_heap *heap);

/**
 * framepool_heap_alloc - allocate a block
 * @heap: the heap
 * @size: bytes; of 0 bytes, none may be used
 *
 * The block has whatever content this client left in it, or zeros. Its address, and its physical
 * address, is a multiple of 16. Allocations do not wait, whatever framepool_wait() said.
 *
 * Return: the block, or NULL with errno
 *  ENOMEM  also if the heap would exceed its limit
 *  EPERM   the heap is the parent's
 *  ENODEV  the pool was shut down; from the first time that a call of the kernel says so, all
 *          allocations fail with it
 *  ENOSPC, EDQUOT, ENOBUFS as for framepool_buffer_alloc(), EAGAIN as for framepool_buffer_map()
 */
void *framepool_heap_alloc(struct framepool_heap *heap, size_t size);

/**
 * framepool_heap_calloc - allocate a block of zeros
 * @heap: the heap
 * @nr: number of elements
 * @size: bytes of an element
 *
 * Memory that the kernel has cleared and that no block has used since is not cleared again.
 *
 * Return: as framepool_heap_alloc(); ENOMEM also if the product is too large.
 */
void *framepool_heap_calloc(struct framepool_heap *heap, size_t nr, size_t size);

/**
 * framepool_heap_aligned_alloc - allocate a block with an alignment
 * @heap: the heap
 * @align: the address, and the physical address, is a multiple of it: a power of two, at most
 *	   FRAMEPOOL_HEAP_ALIGN_MAX
 * @size: as for framepool_heap_alloc(); any
 *
 * Return: as framepool_heap_alloc(); EINVAL: @align is out of its range.
 */
void *framepool_heap_aligned_alloc(struct framepool_heap *heap, size_t align, size_t size);

/**
 * framepool_heap_realloc - change the size of a block
 * @heap: its heap
 * @block: the block; NULL: allocate one
 * @size: as for framepool_heap_alloc(); 0 does not free the block
 *
 * The content is kept up to the smaller of both sizes. The block may move; then it has an alignment
 * of 16. A block that shrinks to less than half gives memory back.
 *
 * Return: the block, or NULL with errno as for framepool_heap_alloc(); EINVAL: @block is not
 * allocated from @heap. The old block is left as it was then.
 */
void *framepool_heap_realloc(struct framepool_heap *heap, void *block, size_t size);

/**
 * framepool_heap_free - free a block
 * @heap: its heap
 * @block: the block, which any thread may have allocated; or NULL
 *
 * errno is left alone unless this fails. If two threads free the same block within some
 * nanoseconds, that may not be noticed, and the block may be allocated twice.
 *
 * Return: 0, or -1 with errno EINVAL (@block is not allocated from @heap: it was freed already, or
 * is no block) or EPERM. Nothing is done then.
 */
int framepool_heap_free(struct framepool_heap *heap, void *block);

/**
 * framepool_heap_usable_size - how many bytes of a block may be used
 * @heap: its heap
 * @block: the block
 *
 * Return: bytes, at least as many as were asked for; 0 with errno EINVAL or EPERM as for
 * framepool_heap_free().
 */
size_t framepool_heap_usable_size(const struct framepool_heap *heap, const void *block);

/**
 * framepool_heap_owns - whether a pointer is a block of a heap
 * @heap: the heap
 * @block: any pointer
 *
 * errno is left alone.
 *
 * Return: whether it is the beginning of a block that is allocated; false in a child.
 */
bool framepool_heap_owns(const struct framepool_heap *heap, const void *block);

/**
 * framepool_heap_address - the physical address of a block
 * @heap: its heap
 * @block: the block
 * @address: set to the address, or to 0 if the client was opened without CAP_SYS_ADMIN
 *
 * A block is contiguous: its byte n is at @address + n.
 *
 * Return: 0, or -1 with errno EINVAL or EPERM as for framepool_heap_free().
 */
int framepool_heap_address(struct framepool_heap *heap, const void *block, uint64_t *address);

/**
 * framepool_heap_trim - give memory that is not used back to the client's pool
 * @heap: the heap
 *
 * Takes back what all threads keep. 2 MiB go back when no block is in them.
 *
 * Return: how many bytes went back; 0 in a child. errno is left alone.
 */
uint64_t framepool_heap_trim(struct framepool_heap *heap);

/**
 * struct framepool_heap_stats - figures of a heap
 * @memory: bytes that it has taken from the client's pool
 * @used: bytes of all blocks that are allocated, by their usable size
 * @blocks: number of these blocks
 * @kept: bytes of free blocks that threads keep
 * @empty: bytes of @memory that no block, and no block that a thread keeps, lies in 2 MiB of
 * @bad_frees: pointers that framepool_heap_free() and framepool_heap_realloc() refused
 * @drains: how often what all threads keep was taken back
 * @reserved: 0
 *
 * They are exact while no thread uses the heap.
 */
struct framepool_heap_stats {
	uint64_t memory;
	uint64_t used;
	uint64_t blocks;
	uint64_t kept;
	uint64_t empty;
	uint64_t bad_frees;
	uint64_t drains;
	uint64_t reserved[9];
};

/**
 * framepool_heap_stats - read the figures of a heap
 * @heap: the heap
 * @stats: set to them
 *
 * Return: 0, or -1 with errno EPERM.
 */
int framepool_heap_stats(struct framepool_heap *heap, struct framepool_heap_stats *stats);

#ifdef __cplusplus
}
#endif

#endif
