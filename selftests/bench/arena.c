// SPDX-License-Identifier: GPL-2.0-only
/*
 * The cases of arenas in the suite "layers": PIECES pieces of 16 to 255 bytes are allocated, a word
 * of each is written, and all are freed at once; with malloc() one by one. obstack is the C
 * library's; the pools are those of the Apache Portable Runtime.
 */
#include <apr_general.h>
#include <apr_pools.h>
#include <libframepool_arena.h>
#include <obstack.h>
#include <stdlib.h>

#include "layers.h"

#define PIECES	200
#define BYTES	(64U << 10)

/* Past the wrappers of the fake kernel, which count. */
void *__real_malloc(size_t size);

#define obstack_chunk_alloc	__real_malloc
#define obstack_chunk_free	free

static u16 sizes[PIECES];

static void fill_sizes(void)
{
	u64 seed = 12345;
	u32 i;

	for (i = 0; i < PIECES; i++)
		sizes[i] = 16 + bench_random(&seed, 240);
}

static void touch(void *piece)
{
	*(volatile u64 *)piece = 1;
}

static void run_arena(void *context, u32 repeats)
{
	struct framepool_arena *arena = context;
	u32 i;

	while (repeats--) {
		for (i = 0; i < PIECES; i++)
			touch(framepool_arena_alloc(arena, sizes[i], 0));
		framepool_arena_reset(arena);
	}
}

static void run_obstack(void *context, u32 repeats)
{
	struct obstack *stack = context;
	void *first;
	u32 i;

	while (repeats--) {
		first = obstack_alloc(stack, 1);
		for (i = 0; i < PIECES; i++)
			touch(obstack_alloc(stack, sizes[i]));
		obstack_free(stack, first);
	}
}

static void run_apr(void *context, u32 repeats)
{
	u32 i;

	while (repeats--) {
		for (i = 0; i < PIECES; i++)
			touch(apr_palloc(context, sizes[i]));
		apr_pool_clear(context);
	}
}

static void run_malloc(void *context, u32 repeats)
{
	void **pieces = context;
	u32 i;

	while (repeats--) {
		for (i = 0; i < PIECES; i++) {
			pieces[i] = __real_malloc(sizes[i]);
			touch(pieces[i]);
		}
		for (i = 0; i < PIECES; i++)
			free(pieces[i]);
	}
}

static void compare(const struct layers_config *config, const struct layers_side *ours)
{
	static void *pieces[PIECES];
	static struct obstack stack;
	apr_pool_t *pool;

	obstack_begin(&stack, BYTES);
	apr_initialize();
	apr_pool_create(&pool, NULL);
	layers_compare(config, "arena, 200 pieces, then all freed", PIECES, ours,
		       &(struct layers_side){ "obstack", run_obstack, &stack });
	layers_compare(config, "arena, 200 pieces, then all freed", PIECES, ours,
		       &(struct layers_side){ "APR pools", run_apr, pool });
	layers_compare(config, "arena, 200 pieces, then all freed", PIECES, ours,
		       &(struct layers_side){ "malloc", run_malloc, pieces });
	apr_pool_destroy(pool);
	apr_terminate();
	obstack_free(&stack, NULL);
}

/**
 * bench_arena() - measure and report the cases of arenas
 * @config: how long to measure
 * @fp: client of a pool
 */
void bench_arena(const struct layers_config *config, struct framepool *fp)
{
	struct framepool_buffer *buf = framepool_buffer_alloc(fp, BYTES);
	struct framepool_arena arena;
	struct layers_config some = *config;

	some.repeats = config->repeats / 20;
	if (!buf || framepool_arena_init_buffer(&arena, buf, 0)) {
		perror("framepool_arena_init_buffer");
		exit(1);
	}
	fill_sizes();
	compare(&some, &(struct layers_side){ "framepool", run_arena, &arena });
	framepool_arena_fini(&arena);
	framepool_buffer_free(buf);
}
