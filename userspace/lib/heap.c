// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Heaps: what programs call. A block of up to 32 KiB has the size of a class; one of up to 1 MiB
 * has whole pages of 8 KiB; a longer one has a buffer of its own. All lie in one window of
 * addresses, so whether and how a pointer was allocated is a byte in a table (see heap.h), which
 * the fast paths write without an atomic instruction: a block is allocated or freed by one thread
 * at a time, unless the program frees it twice at the same time.
 *
 * Invariants:
 *  H1  a block of a class is either allocated (its state is the class plus 1), kept by one thread
 *      (in one bin), or free in its span (its bit is set, or it is fresh); never two of these;
 *  H2  a span with free blocks is in the list of its class, and has blocks that are not free;
 *  H3  a page of a chunk is free (its bit is set) or belongs to one span;
 *  H4  what is FP_CLEAR, or fresh in a span that is clear, was not written by anybody since the
 *      kernel cleared it, except beyond the end of another block.
 */
#include <errno.h>
#include <string.h>

#include "heap.h"

_Thread_local _Atomic uint32_t fp_heap_busy;

/*
 * Notes that a block of a class is allocated. @clear, if not NULL, is set if it is zero. Returns
 * the block, so that the fast path can end with this.
 */
static inline void *lend(struct framepool_heap *heap, void *block, uint32_t class, bool *clear)
{
	_Atomic uint8_t *state = fp_heap_state(heap, block);

	if (clear)
		*clear = atomic_load_explicit(state, memory_order_relaxed) == FP_CLEAR;
	atomic_store_explicit(state, (uint8_t)(class + 1), memory_order_relaxed);
	return block;
}

/* Whether this process and the pool allow an allocation; if not, sets errno. */
static bool may_alloc(struct framepool_heap *heap)
{
	if (heap->in_child)
		errno = EPERM;
	else if (heap->is_dead)
		errno = ENODEV;
	else
		return true;
	return false;
}

/* Whether memory that the heap does not use might have helped. */
static bool is_shortage(int err)
{
	return err == ENOMEM || err == ENOSPC || err == EDQUOT;
}

static void *alloc_once(struct framepool_heap *heap, size_t size, size_t align, bool *clear)
{
	void *block;
	uint32_t class;

	if (size > FP_RUN_MAX)
		return fp_heap_alloc_long(heap, size, align, clear);
	if (size > FP_CLASS_MAX || align > FP_PAGE_BYTES)
		return fp_heap_alloc_run(heap, size, align, clear);
	class = fp_heap_class(heap, size);
	block = fp_heap_refill(heap, class);
	return block ? lend(heap, block, class, clear) : NULL;
}

/* What nobody keeps at hand. Before this fails, what threads keep comes back. */
static __attribute__((noinline)) void *alloc_slowly(struct framepool_heap *heap, size_t size,
						    size_t align, bool *clear)
{
	int err = errno;
	void *block;

	if (!may_alloc(heap))
		return NULL;
	if (size > PTRDIFF_MAX) {
		errno = ENOMEM;
		return NULL;
	}
	block = alloc_once(heap, size, align, clear);
	if (!block && is_shortage(errno)) {
		fp_heap_drain(heap);
		fp_heap_free_empty(heap);
		block = alloc_once(heap, size, align, clear);
	}
	if (!block && errno == ENODEV) {
		heap->is_dead = true;
		heap->index = FP_NO_CACHE;
	}
	if (block)
		errno = err;
	return block;
}

static inline __attribute__((always_inline)) void *alloc(struct framepool_heap *heap, size_t size,
							 bool *clear)
{
	struct fp_heap_cache *cache;
	void *block = NULL;
	uint32_t class;

	if (fp_unlikely(size > FP_CLASS_MAX))
		return alloc_slowly(heap, size, 0, clear);
	class = fp_heap_class(heap, size);
	if (fp_heap_begin(heap, &cache))
		block = fp_bin_pop(cache, &cache->bins[class]);
	if (fp_unlikely(!block)) {
		fp_heap_end();
		return alloc_slowly(heap, size, 0, clear);
	}
	lend(heap, block, class, clear);
	fp_heap_end();
	return block;
}

void *framepool_heap_alloc(struct framepool_heap *heap, size_t size)
{
	return alloc(heap, size, NULL);
}

void *framepool_heap_calloc(struct framepool_heap *heap, size_t nr, size_t size)
{
	bool clear = false;
	size_t bytes;
	void *block;

	if (__builtin_mul_overflow(nr, size, &bytes))
		bytes = SIZE_MAX;
	block = alloc(heap, bytes, &clear);
	if (block && !clear)
		memset(block, 0, bytes);
	return block;
}

/*
 * A span begins at a multiple of pages, so blocks of a class whose size is a multiple of @align are
 * aligned, if that is not more than a page.
 */
void *framepool_heap_aligned_alloc(struct framepool_heap *heap, size_t align, size_t size)
{
	size_t rounded = size ? size : 1;
	bool clear;

	if (!align || align & (align - 1) || align > FRAMEPOOL_HEAP_ALIGN_MAX) {
		errno = heap->in_child ? EPERM : EINVAL;
		return NULL;
	}
	if (align <= FP_PAGE_BYTES && rounded <= FP_CLASS_MAX) {
		rounded = (rounded + align - 1) & -align;
		while (heap->classes[fp_heap_class(heap, rounded)].size & (align - 1))
			rounded += align;
		return alloc(heap, rounded, NULL);
	}
	return alloc_slowly(heap, size, align, &clear);
}

static bool is_allocated(uint32_t state)
{
	return state != FP_FREE && state != FP_CLEAR;
}

static int refuse(struct framepool_heap *heap, int err)
{
	if (err == EINVAL)
		atomic_fetch_add_explicit(&heap->nr_bad, 1, memory_order_relaxed);
	errno = err;
	return -1;
}

/* What does not fit into what the thread keeps, or is of no class. */
static __attribute__((noinline)) int free_slowly(struct framepool_heap *heap, void *block)
{
	uint32_t state = fp_heap_state_at(heap, block);
	int err = errno;

	if (!block)
		return 0;
	if (heap->in_child)
		return refuse(heap, EPERM);
	if (!is_allocated(state))
		return refuse(heap, EINVAL);
	if (state > FP_CLASSES && atomic_exchange(fp_heap_state(heap, block), FP_FREE) != state)
		return refuse(heap, EINVAL);
	fp_heap_set_state(heap, block, FP_FREE);
	if (state == FP_LONG)
		fp_heap_free_long(heap, block);
	else if (state == FP_RUN)
		fp_heap_free_run(heap, block);
	else
		fp_heap_give(heap, state - 1, block);
	errno = err;
	return 0;
}

int framepool_heap_free(struct framepool_heap *heap, void *block)
{
	uint32_t state = fp_heap_state_at(heap, block);
	struct fp_heap_cache *cache;

	if (fp_unlikely(state - 1 >= FP_CLASSES))
		return free_slowly(heap, block);
	if (fp_heap_begin(heap, &cache) &&
	    fp_bin_push(cache, &cache->bins[state - 1], block)) {
		fp_heap_set_state(heap, block, FP_FREE);
		fp_heap_end();
		return 0;
	}
	fp_heap_end();
	return free_slowly(heap, block);
}

/* Bytes of the block that begins at an address; 0: none does. */
static size_t size_at(const struct framepool_heap *heap, const void *block)
{
	uint32_t state = fp_heap_state_at(heap, block);

	if (state - 1 < FP_CLASSES)
		return heap->classes[state - 1].size;
	if (state == FP_RUN)
		return fp_heap_span(heap, block)->pages * FP_PAGE_BYTES;
	return state == FP_LONG ? fp_heap_long_size(heap, block) : 0;
}

void *framepool_heap_realloc(struct framepool_heap *heap, void *block, size_t size)
{
	size_t before;
	void *moved;

	if (!block)
		return framepool_heap_alloc(heap, size);
	before = size_at(heap, block);
	if (heap->in_child || !before) {
		refuse(heap, heap->in_child ? EPERM : EINVAL);
		return NULL;
	}
	if (size <= before && (size >= before / 2 || before <= 1U << FP_GRANULE_SHIFT))
		return block;
	moved = framepool_heap_alloc(heap, size);
	if (!moved)
		return NULL;
	memcpy(moved, block, size < before ? size : before);
	framepool_heap_free(heap, block);
	return moved;
}

size_t framepool_heap_usable_size(const struct framepool_heap *heap, const void *block)
{
	size_t size = heap->in_child ? 0 : size_at(heap, block);

	if (!size)
		errno = heap->in_child ? EPERM : EINVAL;
	return size;
}

bool framepool_heap_owns(const struct framepool_heap *heap, const void *block)
{
	return !heap->in_child && is_allocated(fp_heap_state_at(heap, block));
}
