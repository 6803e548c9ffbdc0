// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Memory of a heap. Its window is divided into slots of 2 MiB, which are reserved at first. A chunk
 * is a buffer that fills one slot, divided into pages of 8 KiB; a long block is a buffer that
 * begins at a slot. So each span and each block lies in one buffer.
 *
 * Pages are taken from the first chunk that has a run which is long enough, so that later ones
 * become empty. What was dealt out of a chunk is known by a high-water mark: only beyond it is
 * memory taken for zero.
 */
#define _FILE_OFFSET_BITS 64
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "heap.h"

static size_t slot_of(const struct framepool_heap *heap, const struct fp_span *span)
{
	return (size_t)(span - heap->spans) / FP_SLOT_PAGES;
}

/* The first page from @from on whose bit is not that of @skipped. */
static uint32_t next_page(const uint64_t free[FP_SLOT_WORDS], uint32_t from, uint64_t skipped)
{
	while (from < FP_SLOT_PAGES) {
		uint64_t bits = (free[from / 64] ^ skipped) >> from % 64;

		if (bits)
			return from + (uint32_t)__builtin_ctzll(bits);
		from = (from | 63) + 1;
	}
	return FP_SLOT_PAGES;
}

/* The next run of free pages. Returns false if there is none. */
static bool next_run(const struct fp_slot *slot, uint32_t *begin, uint32_t *end)
{
	*begin = next_page(slot->free, *end, 0);
	*end = next_page(slot->free, *begin, UINT64_MAX);
	return *begin < FP_SLOT_PAGES;
}

static void mark_pages(struct fp_slot *slot, uint32_t begin, uint32_t nr, bool free)
{
	for (uint32_t i = begin; i < begin + nr; i++)
		if (free)
			slot->free[i / 64] |= 1ULL << i % 64;
		else
			slot->free[i / 64] &= ~(1ULL << i % 64);
}

static uint32_t log2_of(uint32_t nr)
{
	return 31 - (uint32_t)__builtin_clz(nr);
}

/* Free pages of a slot have changed. */
static void measure(struct framepool_heap *heap, size_t which)
{
	const struct fp_slot *slot = &heap->slots[which];
	uint32_t begin, end = 0, longest = 0;

	while (slot->nr_free > longest && next_run(slot, &begin, &end))
		if (end - begin > longest)
			longest = end - begin;
	heap->longest[which] = (uint16_t)longest;
	for (uint32_t i = 0; longest && i <= log2_of(longest); i++)
		if (which < heap->cursors[i])
			heap->cursors[i] = which;
}

/* The first of @nr slots that are not used, or the end of the window. */
static size_t find_slots(const struct framepool_heap *heap, size_t nr)
{
	size_t first = 0, i = 0;

	while (i < nr && first + nr <= heap->nr_slots)
		if (heap->slots[first + i].is_used) {
			first += i + 1;
			i = 0;
		} else {
			i++;
		}
	return i == nr ? first : heap->nr_slots;
}

static char *slot_at(const struct framepool_heap *heap, size_t which)
{
	return heap->base + (which << FP_SLOT_SHIFT);
}

/* The addresses remain the window's if a mapping there failed, and so left a gap. */
static void reserve(void *at, size_t bytes)
{
	if (mmap(at, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1,
		 0) == MAP_FAILED)
		mmap(at, bytes, PROT_NONE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
}

/*
 * A buffer without a file is private memory, which only ../malloc has. Returns whether it is
 * mapped; if not, sets errno.
 */
static bool map_buffer(void *at, const struct framepool_buffer *buf)
{
	int kind = buf->fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED;

	return mmap(at, buf->length, PROT_READ | PROT_WRITE, kind | MAP_FIXED, buf->fd,
		    (off_t)buf->offset) != MAP_FAILED;
}

/* Fills slots with a buffer. Returns the first, or the end of the window with errno. */
static size_t fill_slots(struct framepool_heap *heap, uint64_t bytes, size_t align, bool *clear)
{
	size_t nr = (bytes + FP_SLOT_BYTES - 1) >> FP_SLOT_SHIFT, which = find_slots(heap, nr);
	uint64_t frame = heap->fp->info.frame_bytes, rounded = (bytes + frame - 1) & -frame;
	struct fp_slot *slot = &heap->slots[which];
	int err = ENOMEM;

	if (which == heap->nr_slots || rounded > heap->limit - heap->memory)
		goto err_return;
	slot->buf = fp_buffer_alloc_now(heap->fp, bytes, align, clear);
	if (!slot->buf)
		return heap->nr_slots;
	if (framepool_buffer_address(slot->buf, &slot->address))
		goto err_free;
	if (!map_buffer(slot_at(heap, which), slot->buf)) {
		err = errno;
		reserve(slot_at(heap, which), slot->buf->length);
		errno = err;
		goto err_free;
	}
	for (size_t i = which; i < which + nr; i++)
		heap->slots[i].is_used = true;
	if (which + nr > heap->end_slot)
		heap->end_slot = which + nr;
	slot->length = slot->buf->length;
	heap->memory += slot->length;
	return which;

err_free:
	err = errno;
	framepool_buffer_free(slot->buf);
	slot->buf = NULL;
err_return:
	errno = err;
	return heap->nr_slots;
}

/* Empties the slots of a buffer. Its memory goes back before its addresses can be used again. */
static void empty_slots(struct framepool_heap *heap, size_t which, size_t nr)
{
	struct fp_slot *slot = &heap->slots[which];

	reserve(slot_at(heap, which), slot->length);
	heap->memory -= slot->length;
	framepool_buffer_free(slot->buf);
	memset(slot, 0, nr * sizeof(*slot));
}

/* The alignment that a buffer is asked for; it has that of a frame in any case. */
static size_t alignment(const struct framepool_heap *heap, size_t align)
{
	return align <= heap->fp->info.frame_bytes ? 0 : align;
}

static bool add_chunk(struct framepool_heap *heap)
{
	bool clear;
	size_t which = fill_slots(heap, FP_SLOT_BYTES, FP_SLOT_BYTES, &clear);
	struct fp_slot *slot = &heap->slots[which];

	if (which == heap->nr_slots)
		return false;
	slot->is_clear = clear;
	slot->nr_free = FP_SLOT_PAGES;
	mark_pages(slot, 0, FP_SLOT_PAGES, true);
	heap->empty += FP_SLOT_BYTES;
	measure(heap, which);
	return true;
}

/* Takes memory; errno is of the first chunk only. */
static bool add_chunks(struct framepool_heap *heap)
{
	int err = errno;

	if (!add_chunk(heap))
		return false;
	for (uint64_t more = FP_SLOT_BYTES; more < heap->growth && add_chunk(heap);
	     more += FP_SLOT_BYTES)
		;
	errno = err;
	return true;
}

static void remove_chunk(struct framepool_heap *heap, size_t which)
{
	size_t granule = which << (FP_SLOT_SHIFT - FP_GRANULE_SHIFT);

	heap->empty -= FP_SLOT_BYTES;
	heap->longest[which] = 0;
	empty_slots(heap, which, 1);
	/* All of them are FP_FREE. */
	madvise((void *)&heap->states[granule], FP_SLOT_BYTES >> FP_GRANULE_SHIFT, MADV_DONTNEED);
}

/* Finds a run of free pages in a slot. Returns FP_SLOT_PAGES if there is none. */
static uint32_t find_run(const struct fp_slot *slot, uint32_t pages, uint32_t align)
{
	uint32_t begin, end = 0;

	while (next_run(slot, &begin, &end)) {
		begin = (begin + align - 1) & -align;
		if (begin + pages <= end)
			return begin;
	}
	return FP_SLOT_PAGES;
}

/* Marks a run as dealt out. */
static struct fp_span *take_run(struct framepool_heap *heap, size_t which, uint32_t begin,
				uint32_t pages)
{
	struct fp_span *span = &heap->spans[which * FP_SLOT_PAGES + begin];
	struct fp_slot *slot = &heap->slots[which];

	if (slot->nr_free == FP_SLOT_PAGES)
		heap->empty -= FP_SLOT_BYTES;
	slot->nr_free -= (uint16_t)pages;
	mark_pages(slot, begin, pages, false);
	measure(heap, which);
	span->pages = (uint16_t)pages;
	span->is_clear = slot->is_clear && begin >= slot->high;
	if (begin + pages > slot->high)
		slot->high = (uint16_t)(begin + pages);
	for (uint32_t i = 0; i < pages; i++)
		span[i].back = (uint16_t)i;
	return span;
}

/* Takes a run from the chunks that there are, or returns NULL. */
static struct fp_span *find_pages(struct framepool_heap *heap, uint32_t pages, uint32_t align)
{
	size_t *cursor = &heap->cursors[log2_of(pages)];
	uint32_t least = 1U << log2_of(pages);

	while (*cursor < heap->end_slot && heap->longest[*cursor] < least)
		++*cursor;
	for (size_t which = *cursor; which < heap->end_slot; which++) {
		uint32_t begin;

		if (heap->longest[which] < pages)
			continue;
		begin = find_run(&heap->slots[which], pages, align);
		if (begin < FP_SLOT_PAGES)
			return take_run(heap, which, begin, pages);
	}
	return NULL;
}

/**
 * fp_heap_take_pages - take pages
 * @heap: the heap
 * @pages: how many, side by side; at most FP_SLOT_PAGES / 2
 * @align: the first is a multiple of so many pages: a power of two
 *
 * Return: the span, or NULL with errno.
 */
struct fp_span *fp_heap_take_pages(struct framepool_heap *heap, uint32_t pages, uint32_t align)
{
	struct fp_span *span;

	pthread_mutex_lock(&heap->lock);
	span = find_pages(heap, pages, align);
	if (!span && add_chunks(heap))
		span = find_pages(heap, pages, align);
	pthread_mutex_unlock(&heap->lock);
	return span;
}

static void put_pages_locked(struct framepool_heap *heap, struct fp_span *span)
{
	size_t which = slot_of(heap, span);
	struct fp_slot *slot = &heap->slots[which];

	mark_pages(slot, (uint32_t)(span - heap->spans) % FP_SLOT_PAGES, span->pages, true);
	slot->nr_free += span->pages;
	measure(heap, which);
	if (slot->nr_free < FP_SLOT_PAGES)
		return;
	heap->empty += FP_SLOT_BYTES;
	if (heap->empty > heap->keep)
		remove_chunk(heap, which);
}

/**
 * fp_heap_put_pages - take pages back
 * @heap: the heap
 * @span: the pages, of which none is in use
 *
 * errno may change.
 */
void fp_heap_put_pages(struct framepool_heap *heap, struct fp_span *span)
{
	pthread_mutex_lock(&heap->lock);
	put_pages_locked(heap, span);
	pthread_mutex_unlock(&heap->lock);
}

/**
 * fp_heap_free_empty - give chunks of which nothing is in use to the client's pool
 * @heap: the heap
 *
 * errno is left alone.
 */
void fp_heap_free_empty(struct framepool_heap *heap)
{
	int err = errno;

	pthread_mutex_lock(&heap->lock);
	for (size_t which = 0; heap->empty && which < heap->end_slot; which++)
		if (heap->slots[which].nr_free == FP_SLOT_PAGES)
			remove_chunk(heap, which);
	pthread_mutex_unlock(&heap->lock);
	errno = err;
}

/**
 * fp_heap_alloc_run - allocate a block of whole pages
 * @heap: the heap
 * @size: bytes, at most FP_RUN_MAX
 * @align: alignment: a power of two, at most FP_SLOT_BYTES, or 0
 * @clear: set if the block is zero; or NULL
 *
 * Return: the block, or NULL with errno.
 */
void *fp_heap_alloc_run(struct framepool_heap *heap, size_t size, size_t align, bool *clear)
{
	uint32_t pages = size ? (uint32_t)((size + FP_PAGE_BYTES - 1) >> FP_PAGE_SHIFT) : 1;
	struct fp_span *span;
	void *block;

	span = fp_heap_take_pages(heap, pages,
				  align > FP_PAGE_BYTES ? (uint32_t)(align >> FP_PAGE_SHIFT) : 1);
	if (!span)
		return NULL;
	pthread_mutex_lock(&heap->lock);
	heap->nr_runs++;
	heap->run_bytes += pages * FP_PAGE_BYTES;
	pthread_mutex_unlock(&heap->lock);
	if (clear)
		*clear = span->is_clear;
	block = fp_span_base(heap, span);
	fp_heap_set_state(heap, block, FP_RUN);
	return block;
}

/**
 * fp_heap_free_run - free a block of whole pages
 * @heap: the heap
 * @block: the block, whose state is FP_FREE already
 */
void fp_heap_free_run(struct framepool_heap *heap, void *block)
{
	struct fp_span *span = fp_heap_span(heap, block);

	pthread_mutex_lock(&heap->lock);
	heap->nr_runs--;
	heap->run_bytes -= span->pages * FP_PAGE_BYTES;
	put_pages_locked(heap, span);
	pthread_mutex_unlock(&heap->lock);
}

/**
 * fp_heap_alloc_long - allocate a block with a buffer of its own
 * @heap: the heap
 * @size: bytes, at most PTRDIFF_MAX
 * @align: alignment, at most FP_SLOT_BYTES, or 0
 * @clear: set if the block is zero; or NULL
 *
 * Return: the block, or NULL with errno.
 */
void *fp_heap_alloc_long(struct framepool_heap *heap, size_t size, size_t align, bool *clear)
{
	size_t which = heap->nr_slots;
	bool is_clear = false;
	void *block = NULL;

	pthread_mutex_lock(&heap->lock);
	if (size > heap->bytes)
		errno = ENOMEM;
	else
		which = fill_slots(heap, size, alignment(heap, align), &is_clear);
	if (which < heap->nr_slots) {
		struct fp_slot *slot = &heap->slots[which];

		block = slot_at(heap, which);
		slot->nr_slots = (uint32_t)((size + FP_SLOT_BYTES - 1) >> FP_SLOT_SHIFT);
		heap->nr_long++;
		heap->long_bytes += slot->length;
		fp_heap_set_state(heap, block, FP_LONG);
	}
	pthread_mutex_unlock(&heap->lock);
	if (clear)
		*clear = is_clear;
	return block;
}

/**
 * fp_heap_free_long - free a block with a buffer of its own
 * @heap: the heap
 * @block: the block, whose state is FP_FREE already
 */
void fp_heap_free_long(struct framepool_heap *heap, void *block)
{
	size_t which = fp_heap_offset(heap, block) >> FP_SLOT_SHIFT;

	pthread_mutex_lock(&heap->lock);
	heap->nr_long--;
	heap->long_bytes -= heap->slots[which].length;
	empty_slots(heap, which, heap->slots[which].nr_slots);
	pthread_mutex_unlock(&heap->lock);
}

/**
 * fp_heap_long_size - length of a block with a buffer of its own
 * @heap: the heap
 * @block: the block
 *
 * Return: bytes.
 */
size_t fp_heap_long_size(const struct framepool_heap *heap, const void *block)
{
	return heap->slots[fp_heap_offset(heap, block) >> FP_SLOT_SHIFT].length;
}
