/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Shared by the files of heaps.
 *
 *     heap (deals out of what the thread keeps) -> heap_cache (fills and empties that)
 *         -> heap_class (blocks of each size, under its lock)
 *         -> heap_chunk (pages and long blocks, under the heap's lock)
 *     heap_memory creates and destroys heaps, and counts.
 *
 * Order of locks: drain_lock, the lock of all threads (thread.c), that of a class, the heap's.
 */
#ifndef LIBFRAMEPOOL_HEAP_INTERNAL_H
#define LIBFRAMEPOOL_HEAP_INTERNAL_H

#include <libframepool_heap.h>
#include <pthread.h>
#include <stdatomic.h>

#include "thread.h"

#define fp_unlikely(condition)	__builtin_expect(!!(condition), 0)

#define FP_GRANULE_SHIFT	4U		/* blocks begin at multiples of so much */
#define FP_PAGE_SHIFT		13U		/* what chunks are divided into */
#define FP_PAGE_BYTES		(1UL << FP_PAGE_SHIFT)
#define FP_SLOT_SHIFT		21U		/* what the window is divided into */
#define FP_SLOT_BYTES		(1UL << FP_SLOT_SHIFT)
#define FP_SLOT_PAGES		(FP_SLOT_BYTES >> FP_PAGE_SHIFT)
#define FP_SLOT_WORDS		(FP_SLOT_PAGES / 64)
#define FP_CLASSES		40U
#define FP_CLASS_MAX		(32U << 10)	/* size of the largest class */
#define FP_RUN_MAX		(1UL << 20)	/* longer blocks are buffers of their own */
#define FP_KEPT_BYTES		(512U << 10)	/* by a thread, at most */
#define FP_KEPT_MOST		2048U		/* blocks of a class that a thread keeps, at most */
#define FP_KEPT_MOVE		(FP_KEPT_MOST / 2 + 1)

/*
 * The state of a granule: FP_CLEAR, FP_RUN, FP_LONG, or the class of the block that is allocated
 * there plus 1. Only granules in which blocks begin have one.
 */
#define FP_FREE		0U
#define FP_RUN		(FP_CLASSES + 1)	/* a block of whole pages */
#define FP_LONG		(FP_CLASSES + 2)	/* a block with a buffer of its own */
#define FP_CLEAR	128U			/* free, and its memory is zero */

/**
 * struct fp_bin - blocks of a class that a thread keeps
 * @nr: how many
 * @capacity: the most now
 * @size: of a block
 * @blocks: room for the most ever; the last one was added last
 */
struct fp_bin {
	_Atomic uint32_t nr;
	uint32_t capacity;
	size_t size;
	void **blocks;
};

/**
 * struct fp_heap_cache - what a thread keeps of a heap
 * @heap: the heap
 * @busy: whether the thread uses any heap's cache at this moment
 * @kept: bytes of all blocks in its bins
 * @bins: by class
 *
 * Only the thread changes it, while it is busy and @heap's index is valid; or who drains the heap.
 */
struct fp_heap_cache {
	struct framepool_heap *heap;
	_Atomic uint32_t *busy;
	_Atomic size_t kept;
	struct fp_bin bins[FP_CLASSES];
};

/**
 * struct fp_span - pages that are dealt out together
 *
 * There is one for each page of the window, which counts for the first page of a span, except for
 * @back. Those of a class are protected by its lock.
 *
 * @next: in the list of spans of the class that have free blocks
 * @link: the pointer that points here
 * @back: how many pages before this one its span begins
 * @pages: its length
 * @class: of its blocks
 * @is_clear: its pages were zero at first
 * @nr_free: free blocks
 * @nr_fresh: of these, blocks at the end that were never used
 * @first_word: the words of its free bits before this one are 0
 */
struct fp_span {
	struct fp_span *next;
	struct fp_span **link;
	uint16_t back;
	uint16_t pages;
	uint8_t class;
	bool is_clear;
	uint16_t nr_free;
	uint16_t nr_fresh;
	uint16_t first_word;
};

/**
 * struct fp_class - blocks of one size
 * @lock: protects what follows, except what does not change
 * @size: of a block
 * @pages: of a span
 * @per_span: blocks of a span
 * @most: blocks that a thread keeps, at most
 * @reciprocal: 2^32 / @size, rounded up
 * @first: spans with free blocks
 * @last: the pointer at the end of that list
 * @nr_out: blocks that are allocated or kept by threads
 */
struct fp_class {
	pthread_mutex_t lock;
	uint32_t size;
	uint16_t pages;
	uint16_t per_span;
	uint32_t most;
	uint32_t reciprocal;
	struct fp_span *first;
	struct fp_span **last;
	uint64_t nr_out;
} __attribute__((aligned(64)));

/**
 * struct fp_slot - 2 MiB of the window
 * @buf: the buffer that begins here, or NULL
 * @address: its physical address, or 0
 * @length: its length
 * @nr_slots: how many its block takes; 0 for a chunk, and in other slots of a block
 * @is_used: memory is here
 * @is_clear: the kernel cleared it
 * @nr_free: free pages of a chunk
 * @high: pages from this one on were never dealt out
 * @free: a bit for each page: it is free
 */
struct fp_slot {
	struct framepool_buffer *buf;
	uint64_t address;
	uint64_t length;
	uint32_t nr_slots;
	bool is_used;
	bool is_clear;
	uint16_t nr_free;
	uint16_t high;
	uint64_t free[FP_SLOT_WORDS];
};

#define FP_CURSORS	9U	/* a run of pages has a length of 2^0 to 2^8 */

/**
 * struct framepool_heap - a heap
 * @keeper: of what threads keep
 * @index: of the keeper; FP_NO_CACHE: nobody may use what threads keep
 * @in_child: this process is a child of the heap's
 * @is_dead: the pool was shut down
 * @base: the window of addresses, in which all memory is mapped
 * @bytes: its length
 * @states: of granules
 * @free: room for a bit for each granule; a span has one for each block: it is free, and was used
 * @spans: by page
 * @small: class by size / 16, up to 1 KiB
 * @medium: class by size / 128, up to FP_CLASS_MAX
 * @can_cache: threads can keep something
 * @fp: the client
 * @growth: bytes to take at once
 * @keep: most bytes of chunks that are kept although they are empty
 * @limit: most bytes to take
 * @nr_bad: pointers that were refused
 * @drain_lock: held while the heap is drained
 * @nr_drains: how often that was
 * @classes: see struct fp_class
 * @lock: protects what follows
 * @slots: by slot
 * @longest: length of the longest run of free pages, by slot
 * @cursors: for each power of two, slots before this one have no run that is as long
 * @nr_slots: slots of the window
 * @end_slot: slots from this one on were never used
 * @memory: bytes taken from the client's pool
 * @empty: bytes of chunks of which all pages are free
 * @nr_runs: blocks of whole pages
 * @run_bytes: their bytes
 * @nr_long: blocks with a buffer of their own
 * @long_bytes: their bytes
 */
struct framepool_heap {
	struct fp_keeper keeper;
	_Atomic uint32_t index;
	_Atomic bool in_child;
	_Atomic bool is_dead;
	char *base;
	size_t bytes;
	_Atomic uint8_t *states;
	uint64_t *free;
	struct fp_span *spans;
	uint8_t small[1024 / 16 + 1];
	uint8_t medium[FP_CLASS_MAX / 128 + 1];
	bool can_cache;
	struct framepool *fp;
	uint64_t growth;
	uint64_t keep;
	uint64_t limit;
	_Atomic uint64_t nr_bad;
	pthread_mutex_t drain_lock;
	_Atomic uint64_t nr_drains;
	struct fp_class classes[FP_CLASSES];

	pthread_mutex_t lock __attribute__((aligned(64)));
	struct fp_slot *slots;
	uint16_t *longest;
	size_t cursors[FP_CURSORS];
	size_t nr_slots;
	size_t end_slot;
	uint64_t memory;
	uint64_t empty;
	uint64_t nr_runs;
	uint64_t run_bytes;
	uint64_t nr_long;
	uint64_t long_bytes;
};

#define FP_NO_CACHE	UINT32_MAX

/* Whether this thread uses what it keeps of a heap at this moment. */
extern _Thread_local _Atomic uint32_t fp_heap_busy
	__attribute__((visibility("hidden"), tls_model("initial-exec")));

/**
 * fp_heap_begin - begin to use what this thread keeps
 * @heap: the heap
 * @cache: set to it
 *
 * Until fp_heap_end(), which is to be called in any case, the thread must not wait.
 *
 * Return: false: there is none, or it must not be used.
 */
static inline bool fp_heap_begin(const struct framepool_heap *heap, struct fp_heap_cache **cache)
{
	const struct fp_thread *thread = fp_thread;
	uint32_t index;

	atomic_store_explicit(&fp_heap_busy, 1, memory_order_relaxed);
	atomic_signal_fence(memory_order_seq_cst);
	index = atomic_load_explicit(&heap->index, memory_order_acquire);
	if (fp_unlikely(index >= thread->nr))
		return false;
	*cache = thread->kept[index];
	return fp_likely((void *)*cache != &fp_nothing);
}

/**
 * fp_heap_end - end what fp_heap_begin() began
 */
static inline void fp_heap_end(void)
{
	atomic_store_explicit(&fp_heap_busy, 0, memory_order_release);
}

static inline uint32_t fp_bin_nr(const struct fp_bin *bin)
{
	return atomic_load_explicit(&bin->nr, memory_order_relaxed);
}

static inline void fp_bin_set_nr(struct fp_bin *bin, uint32_t nr)
{
	atomic_store_explicit(&bin->nr, nr, memory_order_relaxed);
}

static inline size_t fp_cache_kept(const struct fp_heap_cache *cache)
{
	return atomic_load_explicit(&cache->kept, memory_order_relaxed);
}

static inline void fp_cache_set_kept(struct fp_heap_cache *cache, size_t bytes)
{
	atomic_store_explicit(&cache->kept, bytes, memory_order_relaxed);
}

/* Takes the block that was added last; NULL: the bin is empty. */
static inline void *fp_bin_pop(struct fp_heap_cache *cache, struct fp_bin *bin)
{
	uint32_t nr = fp_bin_nr(bin);

	if (fp_unlikely(!nr))
		return NULL;
	fp_cache_set_kept(cache, fp_cache_kept(cache) - bin->size);
	fp_bin_set_nr(bin, nr - 1);
	return bin->blocks[nr - 1];
}

/* Returns false if there is no room. */
static inline bool fp_bin_push(struct fp_heap_cache *cache, struct fp_bin *bin, void *block)
{
	uint32_t nr = fp_bin_nr(bin);
	size_t kept = fp_cache_kept(cache) + bin->size;

	if (fp_unlikely(nr >= bin->capacity) || fp_unlikely(kept > FP_KEPT_BYTES))
		return false;
	fp_cache_set_kept(cache, kept);
	bin->blocks[nr] = block;
	fp_bin_set_nr(bin, nr + 1);
	return true;
}

static inline size_t fp_heap_offset(const struct framepool_heap *heap, const void *block)
{
	return (uintptr_t)block - (uintptr_t)heap->base;
}

/* Where the state of a block is; @block lies in the window. */
static inline _Atomic uint8_t *fp_heap_state(const struct framepool_heap *heap, const void *block)
{
	return &heap->states[fp_heap_offset(heap, block) >> FP_GRANULE_SHIFT];
}

static inline void fp_heap_set_state(const struct framepool_heap *heap, const void *block,
				     uint32_t state)
{
	atomic_store_explicit(fp_heap_state(heap, block), (uint8_t)state, memory_order_relaxed);
}

/* The state of what begins at any address; FP_FREE if no block can begin there. */
static inline uint32_t fp_heap_state_at(const struct framepool_heap *heap, const void *block)
{
	size_t offset = fp_heap_offset(heap, block);

	if (fp_unlikely(offset >= heap->bytes || offset & ((1U << FP_GRANULE_SHIFT) - 1)))
		return FP_FREE;
	return atomic_load_explicit(&heap->states[offset >> FP_GRANULE_SHIFT],
				    memory_order_relaxed);
}

/* The class of the least size that is enough: at most FP_CLASS_MAX. */
static inline uint32_t fp_heap_class(const struct framepool_heap *heap, size_t size)
{
	return fp_likely(size <= 1024) ? heap->small[(size + 15) / 16] :
					 heap->medium[(size + 127) / 128];
}

/* The span that a byte of the window lies in. */
static inline struct fp_span *fp_heap_span(const struct framepool_heap *heap, const void *byte)
{
	struct fp_span *span = &heap->spans[fp_heap_offset(heap, byte) >> FP_PAGE_SHIFT];

	return span - span->back;
}

static inline char *fp_span_base(const struct framepool_heap *heap, const struct fp_span *span)
{
	return heap->base + ((size_t)(span - heap->spans) << FP_PAGE_SHIFT);
}

void *fp_heap_refill(struct framepool_heap *heap, uint32_t class);
void fp_heap_give(struct framepool_heap *heap, uint32_t class, void *block);
void fp_heap_stop_caches(struct framepool_heap *heap);
void fp_heap_resume_caches(struct framepool_heap *heap);
void fp_heap_drain(struct framepool_heap *heap);
size_t fp_heap_kept(struct framepool_heap *heap, uint64_t *blocks);
extern const struct fp_keeper_ops fp_heap_ops;

void fp_heap_make_classes(struct framepool_heap *heap);
uint32_t fp_heap_take(struct framepool_heap *heap, uint32_t class, void **blocks, uint32_t nr);
void fp_heap_put(struct framepool_heap *heap, uint32_t class, void **blocks, uint32_t nr);

struct fp_span *fp_heap_take_pages(struct framepool_heap *heap, uint32_t pages, uint32_t align);
void fp_heap_put_pages(struct framepool_heap *heap, struct fp_span *span);
void *fp_heap_alloc_run(struct framepool_heap *heap, size_t size, size_t align, bool *clear);
void fp_heap_free_run(struct framepool_heap *heap, void *block);
void *fp_heap_alloc_long(struct framepool_heap *heap, size_t size, size_t align, bool *clear);
void fp_heap_free_long(struct framepool_heap *heap, void *block);
size_t fp_heap_long_size(const struct framepool_heap *heap, const void *block);
void fp_heap_free_empty(struct framepool_heap *heap);

#endif
