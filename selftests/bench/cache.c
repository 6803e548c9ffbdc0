// SPDX-License-Identifier: GPL-2.0-only
/*
 * Our side of the suite "slab": a cache over a private pool of pretend memory, which nobody
 * touches. The two calls do what framepool_cache_alloc() and framepool_cache_free() do.
 */
#include "bench.h"
#include "slab/slab.h"

#define PAGE_BYTES	(1ULL << PAGE_SHIFT)
#define CACHED_BYTES	(256ULL << 10)
#define MIN_SLAB_ORDER	(15 - PAGE_SHIFT)

struct cache {
	struct fp_slab_cache slabs;
	struct bench_side pool;
};

static u64 get_slab(struct fp_slab_cache *slabs, bool may_sleep)
{
	struct cache *cache = container_of(slabs, struct cache, slabs);
	u64 frame = cache->pool.ops->alloc(cache->pool.contexts[0], slabs->order);

	return frame == BENCH_NONE ? FP_SLAB_NONE : frame << PAGE_SHIFT;
}

static void put_slab(struct fp_slab_cache *slabs, u64 base, void *private)
{
	struct cache *cache = container_of(slabs, struct cache, slabs);

	cache->pool.ops->free(cache->pool.contexts[0], base >> PAGE_SHIFT, slabs->order);
}

static const struct fp_slab_ops slab_ops = { .get = get_slab, .put = put_slab };

/* Not inlined, like the exported functions. @flags, which is 0, stands for __GFP_ZERO. */
static noinline u64 object_alloc(struct fp_slab_cache *slabs, u32 flags)
{
	u64 object = fp_slab_pop(slabs);

	if (unlikely(object == FP_SLAB_NONE))
		object = fp_slab_alloc_slow(slabs, true);
	if (unlikely(flags) && object != FP_SLAB_NONE)
		memset((void *)(uintptr_t)object, 0, slabs->size);
	return object;
}

static noinline int object_free(struct fp_slab_cache *slabs, u64 object)
{
	return likely(fp_slab_push(slabs, object)) ? 0 : fp_slab_free_slow(slabs, object);
}

static u64 cache_alloc(void *context, u32 order)
{
	struct cache *cache = context;

	return object_alloc(&cache->slabs, order);
}

static void cache_free(void *context, u64 object, u32 order)
{
	struct cache *cache = context;

	(void)order;
	object_free(&cache->slabs, object);
}

static const struct bench_ops cache_ops = { .alloc = cache_alloc, .free = cache_free };

/**
 * bench_cache_create() - create a cache
 * @side: the result
 * @frames: size of its pool
 * @size: of an object
 *
 * Context: may sleep.
 * Return: 0, or -ENOMEM.
 */
int bench_cache_create(struct bench_side *side, u64 frames, u32 size)
{
	struct fp_slab_config config = {
		.ops = &slab_ops, .span = frames * PAGE_BYTES, .size = size,
		.min_order = MIN_SLAB_ORDER,
		.cached_bytes = CACHED_BYTES,
	};
	struct cache *cache = kvcalloc(1, sizeof(*cache), GFP_KERNEL);
	u32 i;
	int ret = cache ? bench_kernel_create(&cache->pool, frames) : -ENOMEM;

	if (ret)
		goto err_free;
	ret = fp_slab_init(&cache->slabs, &config);
	if (ret)
		goto err_pool;
	side->name = "framepool";
	side->ops = &cache_ops;
	for (i = 0; i < BENCH_OWNERS; i++)
		side->contexts[i] = cache;
	return 0;

err_pool:
	bench_pool_destroy(&cache->pool);
err_free:
	kvfree(cache);
	return ret;
}

/**
 * bench_cache_bytes() - how much of its pool a cache uses
 * @side: any side
 *
 * Return: bytes in slabs; 0 if @side is not a cache of ours.
 */
u64 bench_cache_bytes(const struct bench_side *side)
{
	struct fp_slab_stats stats;
	struct cache *cache = side->contexts[0];

	if (side->ops != &cache_ops)
		return 0;
	fp_slab_stats(&cache->slabs, &stats);
	return stats.slabs << cache->slabs.shift;
}

/**
 * bench_cache_destroy() - destroy a cache
 * @side: the cache; all objects are freed
 */
void bench_cache_destroy(struct bench_side *side)
{
	struct cache *cache = side->contexts[0];
	u64 live;

	fp_slab_fini(&cache->slabs, &live);
	bench_pool_destroy(&cache->pool);
	kvfree(cache);
}
