// SPDX-License-Identifier: GPL-2.0-only
/*
 * The slab caches of the kernel, as a driver uses them: GFP_KERNEL, no flags, not merged with
 * others.
 */
#include <linux/slab.h>

#include "peers.h"

#ifndef SLAB_NO_MERGE
#define SLAB_NO_MERGE	0
#endif

static u64 object_alloc(void *context, u32 order)
{
	void *object = kmem_cache_alloc(context, GFP_KERNEL);

	return object ? (u64)object : BENCH_NONE;
}

static void object_free(void *context, u64 object, u32 order)
{
	kmem_cache_free(context, (void *)object);
}

static const struct bench_ops object_ops = { .alloc = object_alloc, .free = object_free };

int bench_kmem_cache_create(struct bench_side *side, u32 size)
{
	struct kmem_cache *cache;
	u32 i;

	cache = kmem_cache_create("framepool_bench", size, 0, SLAB_NO_MERGE, NULL);
	if (!cache)
		return -ENOMEM;
	side->name = "kmem_cache";
	side->ops = &object_ops;
	for (i = 0; i < BENCH_OWNERS; i++)
		side->contexts[i] = cache;
	return 0;
}

void bench_kmem_cache_destroy(struct bench_side *side)
{
	kmem_cache_destroy(side->contexts[0]);
}
