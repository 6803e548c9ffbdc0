// SPDX-License-Identifier: LGPL-2.1-or-later
/* Heaps on the fake kernel, used at random and compared with a model. */
#include <errno.h>
#include <libframepool_heap.h>
#include <stdlib.h>
#include <string.h>

#include "fake.h"
#include "random.h"
#include "test.h"

#define POOL_BYTES	(64UL << 20)

static struct framepool *fp;
static struct framepool_heap *heap;

static struct framepool_heap_stats stats(void)
{
	struct framepool_heap_stats now;

	if (framepool_heap_stats(heap, &now))
		abort();
	return now;
}

static bool is_zero(const char *block, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (block[i])
			return false;
	return true;
}

#define MODEL_BLOCKS	3000

/**
 * struct shadow - what the model knows of a block
 * @block: NULL: there is none
 * @size: as it was asked for
 * @mark: all of its bytes are this
 */
struct shadow {
	unsigned char *block;
	size_t size;
	unsigned char mark;
};

static struct shadow shadows[MODEL_BLOCKS];

static bool is_marked(const struct shadow *shadow, size_t size)
{
	for (size_t i = 0; i < size; i += i < 64 ? 1 : 61)
		if (shadow->block[i] != shadow->mark)
			return false;
	return true;
}

static size_t random_size(uint64_t *seed)
{
	uint32_t kind = random_below(seed, 100);

	if (kind < 70)
		return random_below(seed, 1024);
	if (kind < 90)
		return random_below(seed, 40000);
	return random_below(seed, kind < 99 ? 300000 : 3000000);
}

/* Allocates in one of four ways. Returns whether what it got is right; it may be nothing. */
static bool model_alloc(struct shadow *shadow, uint64_t *seed)
{
	size_t size = random_size(seed), align = 1U << random_below(seed, 14);
	bool zero = false;

	shadow->size = size;
	shadow->mark = (unsigned char)random_below(seed, 256);
	switch (random_below(seed, 4)) {
	case 0:
		shadow->block = framepool_heap_calloc(heap, 1, size);
		zero = true;
		break;
	case 1:
		shadow->block = framepool_heap_aligned_alloc(heap, align, size);
		if ((uintptr_t)shadow->block & (align - 1))
			return false;
		break;
	default:
		shadow->block = framepool_heap_alloc(heap, size);
	}
	if (!shadow->block)
		return errno == ENOMEM;
	if (zero && !is_zero((char *)shadow->block, size))
		return false;
	memset(shadow->block, shadow->mark, framepool_heap_usable_size(heap, shadow->block));
	return true;
}

static bool model_realloc(struct shadow *shadow, uint64_t *seed)
{
	size_t size = random_size(seed), least = size < shadow->size ? size : shadow->size;
	unsigned char *block = framepool_heap_realloc(heap, shadow->block, size);

	if (!block)
		return errno == ENOMEM && is_marked(shadow, shadow->size);
	shadow->block = block;
	shadow->size = size;
	if (!is_marked(shadow, least))
		return false;
	memset(block, shadow->mark, framepool_heap_usable_size(heap, block));
	return true;
}

static bool model_free(struct shadow *shadow)
{
	bool right = is_marked(shadow, shadow->size) &&
		     !framepool_heap_free(heap, shadow->block) &&
		     framepool_heap_free(heap, shadow->block) == -1;

	shadow->block = NULL;
	return right;
}

/* The heap's own figures are those of the model. */
static bool model_agrees(void)
{
	struct framepool_heap_stats now = stats();
	uint64_t blocks = 0, used = 0;

	for (int i = 0; i < MODEL_BLOCKS; i++)
		if (shadows[i].block) {
			blocks++;
			used += framepool_heap_usable_size(heap, shadows[i].block);
		}
	return now.blocks == blocks && now.used == used &&
	       now.used + now.kept + now.empty <= now.memory && now.memory <= POOL_BYTES;
}

static bool model_step(uint64_t *seed)
{
	struct shadow *shadow = &shadows[random_below(seed, MODEL_BLOCKS)];

	if (!random_below(seed, 2000))
		framepool_heap_trim(heap);
	if (!shadow->block)
		return model_alloc(shadow, seed);
	return random_below(seed, 3) ? model_free(shadow) : model_realloc(shadow, seed);
}

static void check_model(void)
{
	uint64_t seed = random_seed();
	bool right = true;

	heap = framepool_heap_create(fp, NULL);
	if (!heap)
		abort();
	for (int i = 0; i < 60000; i++) {
		right &= model_step(&seed);
		if (i % 500 == 0)
			right &= model_agrees();
	}
	check(right, "heap_is_like_its_model");
	for (int i = 0; i < MODEL_BLOCKS; i++)
		if (shadows[i].block)
			right &= model_free(&shadows[i]);
	check(right && model_agrees(), "heap_ends_like_its_model");
	framepool_heap_trim(heap);
	check(!stats().memory && !framepool_heap_destroy(heap) && !fake_buffers(),
	      "heap_without_blocks_has_no_memory");
}

int main(void)
{
	fp = fake_open(POOL_BYTES);
	check_model();
	fake_close(fp);
	return 0;
}
