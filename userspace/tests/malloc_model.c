// SPDX-License-Identifier: LGPL-2.1-or-later
/* malloc(3) and its relatives, used at random and compared with a model, by several threads. */
#define _GNU_SOURCE
#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "random.h"
#include "test.h"

#define THREADS		4
#define BLOCKS		1000
#define STEPS		60000

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

/**
 * struct worker - a thread
 * @thread: the thread
 * @seed: of its random numbers
 * @right: all was as the model says
 * @shadows: its blocks
 */
struct worker {
	pthread_t thread;
	uint64_t seed;
	bool right;
	struct shadow shadows[BLOCKS];
};

static struct worker workers[THREADS];

static bool is_marked(const unsigned char *block, size_t size, unsigned char mark)
{
	for (size_t i = 0; i < size; i += i < 64 ? 1 : 61)
		if (block[i] != mark)
			return false;
	return true;
}

static size_t random_size(uint64_t *seed)
{
	uint32_t kind = random_below(seed, 100);

	if (kind < 80)
		return random_below(seed, 1024);
	return random_below(seed, kind < 95 ? 40000 : kind < 99 ? 200000 : 2000000);
}

static bool model_alloc(struct shadow *shadow, uint64_t *seed)
{
	size_t align = sizeof(void *) << random_below(seed, 12);
	void *block = NULL;
	bool right = true;

	shadow->size = random_size(seed);
	shadow->mark = (unsigned char)random_below(seed, 256);
	switch (random_below(seed, 4)) {
	case 0:
		block = calloc(shadow->size, 1);
		right = block && is_marked(block, shadow->size, 0);
		break;
	case 1:
		right = !posix_memalign(&block, align, shadow->size) &&
			!((uintptr_t)block & (align - 1));
		break;
	default:
		block = malloc(shadow->size);
		right = block && malloc_usable_size(block) >= shadow->size;
	}
	shadow->block = block;
	if (block)
		memset(block, shadow->mark, malloc_usable_size(block));
	return right;
}

static bool model_realloc(struct shadow *shadow, uint64_t *seed)
{
	size_t size = random_size(seed) + 1, least = size < shadow->size ? size : shadow->size;
	unsigned char *block = realloc(shadow->block, size);

	if (!block || !is_marked(block, least, shadow->mark))
		return false;
	memset(block, shadow->mark, malloc_usable_size(block));
	shadow->block = block;
	shadow->size = size;
	return true;
}

static bool model_free(struct shadow *shadow)
{
	bool right = is_marked(shadow->block, shadow->size, shadow->mark);

	free(shadow->block);
	shadow->block = NULL;
	return right;
}

static bool model_step(struct worker *worker)
{
	struct shadow *shadow = &worker->shadows[random_below(&worker->seed, BLOCKS)];

	if (!random_below(&worker->seed, 5000))
		malloc_trim(0);
	if (!shadow->block)
		return model_alloc(shadow, &worker->seed);
	return random_below(&worker->seed, 3) ? model_free(shadow) :
						model_realloc(shadow, &worker->seed);
}

static void *work(void *argument)
{
	struct worker *worker = argument;

	worker->right = true;
	for (int i = 0; i < STEPS; i++)
		worker->right &= model_step(worker);
	return NULL;
}

/* The blocks of each thread are freed by this one. */
int main(void)
{
	uint64_t seed = random_seed();
	bool right = true;

	for (int i = 0; i < THREADS; i++) {
		workers[i].seed = seed + (uint64_t)i;
		pthread_create(&workers[i].thread, NULL, work, &workers[i]);
	}
	for (int i = 0; i < THREADS; i++) {
		pthread_join(workers[i].thread, NULL);
		right &= workers[i].right;
	}
	for (int i = 0; i < THREADS * BLOCKS; i++) {
		struct shadow *shadow = &workers[i / BLOCKS].shadows[i % BLOCKS];

		if (shadow->block)
			right &= model_free(shadow);
	}
	check(right, "malloc_is_like_its_model");
	return 0;
}
