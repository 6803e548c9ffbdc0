// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Classes of a heap: sizes of blocks, four for each power of two, and spans that are divided into
 * blocks of one size.
 *
 * A free block is known by a bit in a table beside the window, or it is fresh: never used, behind
 * all others of its span. A span of which all blocks are free goes back to its chunk.
 *
 * A block's number in its span follows from its offset by multiplication, which is exact, since the
 * offset is a multiple of the size and less than 2^32.
 */
#include <string.h>

#include "heap.h"

#define SPAN_BYTES_MIN	(32U << 10)
#define SPAN_BLOCKS_MIN	8U
#define KEPT_BYTES	(256U << 10)	/* of a class, by a thread */
#define KEPT_LEAST	8U
#define CLEAR_MIN	256U		/* to clear less costs less than to know that it is clear */

static uint32_t size_of(uint32_t class)
{
	uint32_t doubled = class / 4;

	if (class < 8)
		return 16 * (class + 1);
	return (64U << (doubled - 1)) + (16U << (doubled - 1)) * (class % 4 + 1);
}

/* The least number of pages, of which little is left. */
static uint16_t pages_of(uint32_t size)
{
	uint32_t least = SPAN_BLOCKS_MIN * size, pages;

	if (least < SPAN_BYTES_MIN)
		least = SPAN_BYTES_MIN;
	pages = (least + FP_PAGE_BYTES - 1) >> FP_PAGE_SHIFT;
	while (pages * FP_PAGE_BYTES % size * 64 > pages * FP_PAGE_BYTES)
		pages++;
	return (uint16_t)pages;
}

/**
 * fp_heap_make_classes - say what the classes are
 * @heap: the heap
 */
void fp_heap_make_classes(struct framepool_heap *heap)
{
	uint32_t small = 0, medium = 0;

	for (uint32_t i = 0; i < FP_CLASSES; i++) {
		struct fp_class *class = &heap->classes[i];

		pthread_mutex_init(&class->lock, NULL);
		class->size = size_of(i);
		class->pages = pages_of(class->size);
		class->per_span = (uint16_t)(class->pages * FP_PAGE_BYTES / class->size);
		class->reciprocal = (uint32_t)(((1ULL << 32) + class->size - 1) / class->size);
		class->most = KEPT_BYTES / class->size;
		if (class->most > FP_KEPT_MOST)
			class->most = FP_KEPT_MOST;
		if (class->most < KEPT_LEAST)
			class->most = KEPT_LEAST;
		class->last = &class->first;
		for (; small * 16 <= 1024 && small * 16 <= class->size; small++)
			heap->small[small] = (uint8_t)i;
		for (; medium * 128 <= class->size; medium++)
			heap->medium[medium] = (uint8_t)i;
	}
}

static void link_span(struct fp_class *class, struct fp_span *span)
{
	span->next = NULL;
	span->link = class->last;
	*class->last = span;
	class->last = &span->next;
}

static void unlink_span(struct fp_class *class, struct fp_span *span)
{
	*span->link = span->next;
	if (span->next)
		span->next->link = span->link;
	else
		class->last = span->link;
}

/* Takes pages for more blocks of a class. Returns NULL with errno. */
static struct fp_span *create_span(struct framepool_heap *heap, uint32_t class)
{
	struct fp_span *span = fp_heap_take_pages(heap, heap->classes[class].pages, 1);

	if (!span)
		return NULL;
	span->class = class & UINT8_MAX;
	span->nr_free = heap->classes[class].per_span;
	span->nr_fresh = span->nr_free;
	span->first_word = 0;
	link_span(&heap->classes[class], span);
	return span;
}

/* The bits of a span: they are as many as its pages have granules, and the first ones are used. */
static uint64_t *free_bits(const struct framepool_heap *heap, const char *base)
{
	return &heap->free[fp_heap_offset(heap, base) >> FP_GRANULE_SHIFT >> 6];
}

static void destroy_span(struct framepool_heap *heap, struct fp_span *span)
{
	size_t granule = fp_heap_offset(heap, fp_span_base(heap, span)) >> FP_GRANULE_SHIFT;
	size_t granules = span->pages * (FP_PAGE_BYTES >> FP_GRANULE_SHIFT);

	unlink_span(&heap->classes[span->class], span);
	memset(free_bits(heap, fp_span_base(heap, span)), 0,
	       (heap->classes[span->class].per_span + 63U) / 64 * sizeof(uint64_t));
	/* What is FP_CLEAR, and blocks of another class might begin there. */
	if (span->is_clear)
		memset((void *)&heap->states[granule], 0, granules);
	fp_heap_put_pages(heap, span);
}

/* Takes up to @nr blocks that were used before. */
static uint32_t take_used(struct framepool_heap *heap, struct fp_span *span, void **blocks,
			  uint32_t nr)
{
	char *base = fp_span_base(heap, span);
	uint64_t *free = free_bits(heap, base);
	uint32_t used = span->nr_free - span->nr_fresh, got = 0, word = span->first_word;
	size_t size = heap->classes[span->class].size;

	if (nr > used)
		nr = used;
	while (got < nr) {
		uint64_t bits = free[word];

		for (; bits && got < nr; bits &= bits - 1) {
			size_t which = word * 64 + (size_t)__builtin_ctzll(bits);

			blocks[got++] = base + which * size;
		}
		free[word] = bits;
		word += !bits;
	}
	span->first_word = (uint16_t)word;
	span->nr_free -= (uint16_t)got;
	return got;
}

static uint32_t take_fresh(struct framepool_heap *heap, struct fp_span *span, void **blocks,
			   uint32_t nr)
{
	const struct fp_class *class = &heap->classes[span->class];
	char *first = fp_span_base(heap, span) +
		      (size_t)(class->per_span - span->nr_fresh) * class->size;

	if (nr > span->nr_fresh)
		nr = span->nr_fresh;
	for (uint32_t i = 0; i < nr; i++) {
		blocks[i] = first + (size_t)i * class->size;
		if (span->is_clear && class->size >= CLEAR_MIN)
			fp_heap_set_state(heap, blocks[i], FP_CLEAR);
	}
	span->nr_fresh -= (uint16_t)nr;
	span->nr_free -= (uint16_t)nr;
	return nr;
}

/**
 * fp_heap_take - take free blocks
 * @heap: the heap
 * @class: of which class
 * @blocks: set to them
 * @nr: how many are wanted
 *
 * Return: how many there are; 0 with errno.
 */
uint32_t fp_heap_take(struct framepool_heap *heap, uint32_t class, void **blocks, uint32_t nr)
{
	struct fp_class *of = &heap->classes[class];
	uint32_t got = 0;

	pthread_mutex_lock(&of->lock);
	while (got < nr) {
		struct fp_span *span = of->first;

		/* New memory is taken for what is needed, not for what is kept. */
		if (!span && (got || !(span = create_span(heap, class))))
			break;
		got += take_used(heap, span, blocks + got, nr - got);
		if (got < nr)
			got += take_fresh(heap, span, blocks + got, nr - got);
		if (!span->nr_free)
			unlink_span(of, span);
	}
	of->nr_out += got;
	pthread_mutex_unlock(&of->lock);
	return got;
}

/*
 * Returns false if the block is here already: it was freed twice at the same time, or was allocated
 * twice after that.
 */
static bool put_block(struct framepool_heap *heap, struct fp_class *class, void *block)
{
	struct fp_span *span = fp_heap_span(heap, block);
	const char *base = fp_span_base(heap, span);
	uint64_t which = (uint64_t)((char *)block - base) * class->reciprocal >> 32;
	uint32_t word = (uint32_t)which / 64;
	uint64_t *free = free_bits(heap, base);

	if (free[word] & 1ULL << which % 64)
		return false;
	free[word] |= 1ULL << which % 64;
	if (word < span->first_word || span->nr_free == span->nr_fresh)
		span->first_word = (uint16_t)word;
	if (!span->nr_free++)
		link_span(class, span);
	if (span->nr_free == class->per_span)
		destroy_span(heap, span);
	return true;
}

/**
 * fp_heap_put - take blocks back
 * @heap: the heap
 * @class: their class
 * @blocks: the blocks, which nobody keeps any more
 * @nr: how many
 */
void fp_heap_put(struct framepool_heap *heap, uint32_t class, void **blocks, uint32_t nr)
{
	struct fp_class *of = &heap->classes[class];

	pthread_mutex_lock(&of->lock);
	for (uint32_t i = 0; i < nr; i++)
		if (put_block(heap, of, blocks[i]))
			of->nr_out--;
		else
			heap->nr_bad++;
	pthread_mutex_unlock(&of->lock);
}
