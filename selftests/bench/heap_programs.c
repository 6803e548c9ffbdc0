// SPDX-License-Identifier: GPL-2.0-only
/*
 * Programs that allocate, for the cases of heaps in the suite "layers". Each has the pattern of a
 * program that allocators are often measured with, after which it is named; none of its code.
 *
 * Usage: heap_programs PROGRAM THREADS [PRELOADED]: ends with 77 if no library is loaded whose name
 * contains PRELOADED. The same object is linked with heap_malloc.c, or with heap_ours.c.
 */
#include <link.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "heap_programs.h"

#define THREADS_MAX	2

static pthread_barrier_t barrier;
static unsigned int nr_threads;

static uint32_t below(uint64_t *seed, uint32_t end)
{
	*seed = *seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)((*seed >> 32) * end >> 32);
}

/* Allocates a block and writes its first and its last word, or all of it. */
static uint64_t *use(size_t size)
{
	uint64_t *block = heap_get(size);

	if (!block)
		abort();
	block[0] = size;
	((char *)block)[size - 1] = 1;
	return block;
}

/* cfrac: numbers of some words, most of which live for a moment. */
static void cfrac(uint64_t seed)
{
	uint64_t *stack[64];
	uint32_t nr = 0, i;

	for (i = 0; i < 12000000; i++) {
		if (nr && (nr == 64 || below(&seed, 100) < 50))
			heap_put(stack[--nr]);
		else
			stack[nr++] = use(8 + below(&seed, 40));
	}
	while (nr)
		heap_put(stack[--nr]);
}

/* espresso: sets of bits that are made, grow and go in any order. */
static void espresso(uint64_t seed)
{
	static const uint32_t sizes[] = { 16, 24, 40, 64, 100, 160, 300, 520 };
	enum { LIVE = 2000 };
	uint64_t **live = heap_get(LIVE * sizeof(*live));
	uint32_t i, at;

	memset(live, 0, LIVE * sizeof(*live));
	for (i = 0; i < 5000000; i++) {
		at = below(&seed, LIVE);
		if (!live[at]) {
			live[at] = use(sizes[below(&seed, 8)]);
		} else if (below(&seed, 10)) {
			heap_put(live[at]);
			live[at] = NULL;
		} else {
			live[at] = heap_resize(live[at], sizes[below(&seed, 8)]);
		}
	}
	for (i = 0; i < LIVE; i++)
		heap_put(live[i]);
	heap_put(live);
}

enum { LARSON_BLOCKS = 5000 };
static _Atomic(uint64_t *) clients[THREADS_MAX][LARSON_BLOCKS];

/* larson: a server whose threads leave their clients' blocks to the next thread. */
static void *larson_round(void *argument)
{
	uintptr_t number = (uintptr_t)argument % THREADS_MAX;
	uint64_t seed = (uintptr_t)argument, *block;
	uint32_t i, at;

	for (i = 0; i < 250000; i++) {
		at = below(&seed, LARSON_BLOCKS);
		block = atomic_load_explicit(&clients[number][at], memory_order_relaxed);
		if (block)
			heap_put(block);
		atomic_store_explicit(&clients[number][at], use(8 + below(&seed, 500)),
				      memory_order_relaxed);
	}
	return NULL;
}

static void larson(uint64_t seed)
{
	uint32_t round, i;
	pthread_t thread;

	for (round = 0; round < 16; round++) {
		if (pthread_create(&thread, NULL, larson_round,
				   (void *)(uintptr_t)(seed + round * THREADS_MAX)))
			abort();
		pthread_join(thread, NULL);
	}
	for (i = 0; i < LARSON_BLOCKS; i++)
		heap_put(clients[seed % THREADS_MAX][i]);
}

enum { BATCH = 256, BATCHES = 64 };
static uint64_t *_Atomic *_Atomic batches[BATCHES];

/* xmalloc: batches that one thread allocates and any thread frees. */
static void xmalloc(uint64_t seed)
{
	uint64_t *_Atomic *batch;
	uint32_t round, i;

	for (round = 0; round < 12000; round++) {
		batch = heap_get(BATCH * sizeof(*batch));
		for (i = 0; i < BATCH; i++)
			batch[i] = use(16 + below(&seed, 200));
		batch = atomic_exchange(&batches[below(&seed, BATCHES)], batch);
		for (i = 0; batch && i < BATCH; i++)
			heap_put(batch[i]);
		heap_put(batch);
	}
}

/* sh6bench: rounds of many blocks of growing sizes, freed forwards, backwards or in halves. */
static void sh6bench(uint64_t seed)
{
	enum { BLOCKS = 40000 };
	uint64_t **blocks = heap_get(BLOCKS * sizeof(*blocks));
	uint32_t round, i;

	for (round = 0; round < 60; round++) {
		for (i = 0; i < BLOCKS; i++)
			blocks[i] = use(8 + i % 25 * 8 + below(&seed, 8));
		for (i = 0; round % 3 == 0 && i < BLOCKS; i++)
			heap_put(blocks[i]);
		for (i = BLOCKS; round % 3 == 1 && i--;)
			heap_put(blocks[i]);
		for (i = 0; round % 3 == 2 && i < BLOCKS; i++)
			heap_put(blocks[i % 2 * (BLOCKS / 2) + i / 2]);
	}
	heap_put(blocks);
}

static uint64_t *scratches[THREADS_MAX];

/* cache-scratch: small blocks that were made by one thread and are written often by others. */
static void cache_scratch(uint64_t seed)
{
	uint64_t *block;
	uint32_t i, j;

	if (seed % THREADS_MAX == 0)
		for (i = 0; i < THREADS_MAX; i++)
			scratches[i] = use(16);
	pthread_barrier_wait(&barrier);
	heap_put(scratches[seed % THREADS_MAX]);
	if (nr_threads == 1)
		heap_put(scratches[1]);
	for (i = 0; i < 400000; i++) {
		block = use(16);
		for (j = 0; j < 200; j++)
			*(volatile uint64_t *)block += j;
		heap_put(block);
	}
}

enum { STRESS_SHARED = 1000 };
static _Atomic(uint64_t *) exchanged[STRESS_SHARED];

static size_t stress_size(uint64_t *seed)
{
	uint32_t kind = below(seed, 1000);

	if (kind < 850)
		return 8 + below(seed, 256);
	if (kind < 970)
		return 8 + below(seed, 4096);
	return 8 + below(seed, kind < 999 ? 30000 : 400000);
}

/* mstress: blocks of all sizes that are kept, freed, or given to whoever comes. */
static void mstress(uint64_t seed)
{
	enum { LIVE = 10000 };
	uint64_t **live = heap_get(LIVE * sizeof(*live)), *block;
	uint32_t i, at;

	memset(live, 0, LIVE * sizeof(*live));
	for (i = 0; i < 1500000; i++) {
		at = below(&seed, LIVE);
		block = use(stress_size(&seed));
		if (!below(&seed, 4))
			block = atomic_exchange(&exchanged[below(&seed, STRESS_SHARED)], block);
		if (live[at])
			heap_put(live[at]);
		live[at] = block;
	}
	for (i = 0; i < LIVE; i++)
		heap_put(live[i]);
	heap_put(live);
}

/* glibc-simple: blocks of one size, in bursts. */
static void glibc_simple(uint64_t seed)
{
	enum { BLOCKS = 1600 };
	uint64_t *blocks[BLOCKS];
	uint32_t round, i;

	(void)seed;
	for (round = 0; round < 4000; round++) {
		for (i = 0; i < BLOCKS; i++)
			blocks[i] = use(128);
		for (i = 0; i < BLOCKS; i++)
			heap_put(blocks[i]);
	}
}

/* alloc-test: many live blocks, small ones more often, replaced at random. */
static void alloc_test(uint64_t seed)
{
	enum { LIVE = 100000 };
	uint64_t **live = heap_get(LIVE * sizeof(*live));
	uint32_t i, at;

	memset(live, 0, LIVE * sizeof(*live));
	for (i = 0; i < 3000000; i++) {
		at = below(&seed, LIVE);
		if (live[at])
			heap_put(live[at]);
		live[at] = use(8 + below(&seed, 16U << below(&seed, 7)));
	}
	for (i = 0; i < LIVE; i++)
		heap_put(live[i]);
	heap_put(live);
}

/* rptest: bursts of blocks of up to 16 KB, which live for some bursts; some change threads. */
static void rptest(uint64_t seed)
{
	enum { LIVE = 3000, BURST = 100 };
	uint64_t **live = heap_get(LIVE * sizeof(*live));
	uint32_t i, at;

	memset(live, 0, LIVE * sizeof(*live));
	for (i = 0; i < 2000000; i++) {
		at = (i / BURST * 37 * BURST + i % BURST) % LIVE;
		if (live[at] && !below(&seed, 10))
			live[at] = atomic_exchange(&exchanged[below(&seed, STRESS_SHARED)],
						   live[at]);
		if (live[at])
			heap_put(live[at]);
		live[at] = use(16 + below(&seed, 1U << (4 + below(&seed, 11))));
	}
	for (i = 0; i < LIVE; i++)
		heap_put(live[i]);
	heap_put(live);
}

static const struct {
	const char *name;
	void (*run)(uint64_t seed);
} programs[] = {
	{ "cfrac", cfrac }, { "espresso", espresso }, { "larson", larson },
	{ "xmalloc", xmalloc }, { "sh6bench", sh6bench }, { "cache-scratch", cache_scratch },
	{ "mstress", mstress }, { "glibc-simple", glibc_simple }, { "alloc-test", alloc_test },
	{ "rptest", rptest },
};

static void (*chosen)(uint64_t seed);

static void *run(void *number)
{
	pthread_barrier_wait(&barrier);
	chosen((uintptr_t)number);
	return NULL;
}

static int is_named(struct dl_phdr_info *info, size_t size, void *name)
{
	(void)size;
	return strstr(info->dlpi_name, name) != NULL;
}

int main(int argc, char **argv)
{
	pthread_t threads[THREADS_MAX];
	unsigned int i;

	if (argc < 3)
		return 2;
	if (argc > 3 && !dl_iterate_phdr(is_named, argv[3]))
		return HEAP_SKIPPED;
	for (i = 0; i < sizeof(programs) / sizeof(*programs); i++)
		if (!strcmp(argv[1], programs[i].name))
			chosen = programs[i].run;
	nr_threads = (unsigned int)atoi(argv[2]);
	if (!chosen || !nr_threads || nr_threads > THREADS_MAX)
		return 2;
	heap_begin();
	pthread_barrier_init(&barrier, NULL, nr_threads);
	for (i = 0; i < nr_threads; i++)
		if (pthread_create(&threads[i], NULL, run, (void *)(uintptr_t)i))
			return 1;
	for (i = 0; i < nr_threads; i++)
		pthread_join(threads[i], NULL);
	return 0;
}
