// SPDX-License-Identifier: GPL-2.0-only
/*
 * Caches of objects for other kernel modules; framepool_kernel.h has the rules. A slab is a block
 * of the pool, and objects are addressed through the kernel's direct map.
 */
#define pr_fmt(fmt) "framepool: " fmt

#include "kernel/cache.h"

#include <linux/err.h>
#include <linux/export.h>
#include <linux/mm.h>
#include <linux/random.h>
#include <linux/ratelimit.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "kernel/context.h"
#include "kernel/slabdebug.h"

/*
 * Most bytes in a magazine; all magazines of a cache together hold at most one part in CACHED_SHARE
 * of the pool.
 */
#define CACHED_BYTES	SZ_256K
#define CACHED_SHARE	128

static_assert(sizeof(void *) == sizeof(u64));

/* All caches of all pools. */
static LIST_HEAD(caches);
static DEFINE_MUTEX(caches_lock);

static u64 frame_address(const struct fp_pool *pool, u64 frame)
{
	return (u64)page_address(pfn_to_page(fp_pool_pfn(pool, frame)));
}

static void construct(struct fp_cache *cache, u64 base)
{
	u32 i;

	for (i = 0; cache->ctor && i < cache->slabs.per_slab; i++)
		cache->ctor((void *)(base + (u64)i * cache->slabs.stride));
}

static u64 get_slab(struct fp_slab_cache *slabs, bool may_sleep)
{
	struct fp_cache *cache = container_of(slabs, struct fp_cache, slabs);
	u64 frame = fp_pool_alloc_block(cache->pool, slabs->order, may_sleep), base;

	if (frame == FP_ANYWHERE)
		return FP_SLAB_NONE;
	fp_reclaimer_grew(&cache->pool->reclaimers, &cache->reclaimer);
	trace_slab_grow(cache->pool, NULL, cache->name, 0, slabs, frame);
	base = frame_address(cache->pool, frame);
	if (cache->is_debugged)
		fp_slabdebug_fill(cache, (void *)base);
	construct(cache, base);
	return base;
}

static void put_slab(struct fp_slab_cache *slabs, u64 base, void *tracks)
{
	struct fp_cache *cache = container_of(slabs, struct fp_cache, slabs);
	u64 frame = fp_pool_frame(cache->pool, page_to_pfn(virt_to_page((void *)base)));
	int ret;

	fp_reclaimer_shrank(&cache->reclaimer);
	trace_slab_shrink(cache->pool, NULL, cache->name, 0, slabs, frame);
	ret = fp_pool_free_block(cache->pool, frame, slabs->order);
	WARN_ONCE(ret, "framepool: cache %s: degraded: a slab is no block\n", cache->name);
}

static const struct fp_slab_ops pool_ops = { .get = get_slab, .put = put_slab };

/* Give back what the pool may need. */
static void give(struct fp_reclaimer *reclaimer, bool hard)
{
	struct fp_cache *cache = container_of(reclaimer, struct fp_cache, reclaimer);

	if (hard)
		fp_magazines_drain(&cache->slabs.magazines, true);
	fp_slab_release_empty(&cache->slabs);
}

static bool args_are_valid(const char *name, const struct framepool_cache_args *args)
{
	return name[0] && strlen(name) < FRAMEPOOL_NAME_MAX &&
	       args->size >= FRAMEPOOL_CACHE_MIN_SIZE && args->size <= FRAMEPOOL_CACHE_MAX_SIZE &&
	       !(args->flags & ~FRAMEPOOL_CACHE_FLAGS);
}

static int init_slabs(struct fp_cache *cache, const struct framepool_cache_args *args)
{
	u64 bytes = fp_pool_total_frames(cache->pool) << PAGE_SHIFT;
	struct fp_slab_config config = {
		.ops = &pool_ops,
		.origin = frame_address(cache->pool, 0),
		.size = args->size,
		.align = args->align,
		.min_order = FP_SLAB_MIN_ORDER,
		.cached_bytes = min_t(u64, CACHED_BYTES,
				      bytes / CACHED_SHARE / num_possible_cpus()),
		.seed = args->flags & FRAMEPOOL_CACHE_RANDOM ? get_random_u64() | 1 : 0,
	};

	config.span = frame_address(cache->pool, (bytes >> PAGE_SHIFT) - 1) + PAGE_SIZE -
		      config.origin;
	if (cache->is_debugged) {
		config.redzone = FP_SLABDEBUG_REDZONE;
		config.cached_bytes = 0;
		config.min_order = 0;
	}
	return fp_slab_init(&cache->slabs, &config);
}

static struct fp_cache *make_cache(struct fp_pool *pool, const char *name,
				   const struct framepool_cache_args *args)
{
	struct fp_cache *cache = kzalloc(sizeof(*cache), GFP_KERNEL);
	int ret;

	if (!cache)
		return ERR_PTR(-ENOMEM);
	cache->pool = pool;
	cache->ctor = args->ctor;
	cache->is_debugged = pool->debug_caches || args->flags & FRAMEPOOL_CACHE_DEBUG;
	INIT_LIST_HEAD(&cache->reclaimer.node);
	cache->reclaimer.give = give;
	strscpy(cache->name, name, sizeof(cache->name));
	ret = init_slabs(cache, args);
	if (!ret)
		return cache;
	kfree(cache);
	return ERR_PTR(ret);
}

static void publish(struct fp_cache *cache)
{
	mutex_lock(&caches_lock);
	list_add_tail(&cache->node, &caches);
	mutex_unlock(&caches_lock);
}

static void unpublish(struct fp_cache *cache)
{
	mutex_lock(&caches_lock);
	list_del(&cache->node);
	mutex_unlock(&caches_lock);
	fp_reclaimers_del(&cache->pool->reclaimers, &cache->reclaimer);
}

/**
 * framepool_cache_create() - create a cache of objects
 * @pool: where their memory comes from; the cache takes a reference
 * @name: shown in debugfs and reports; 1 to 31 bytes, need not be unique
 * @args: the objects
 *
 * Context: may sleep.
 * Return: the cache, or an error pointer: -EINVAL: @name or @args are not valid; -ENOMEM: no kernel
 * memory.
 */
struct fp_cache *framepool_cache_create(struct fp_pool *pool, const char *name,
					const struct framepool_cache_args *args)
{
	struct fp_cache *cache;

	if (!args_are_valid(name, args))
		return ERR_PTR(-EINVAL);
	cache = make_cache(pool, name, args);
	if (IS_ERR(cache))
		return cache;
	fp_registry_get(pool);
	publish(cache);
	return cache;
}
EXPORT_SYMBOL_GPL(framepool_cache_create);

/**
 * framepool_cache_destroy() - destroy a cache
 * @cache: the cache; nobody uses it any more
 *
 * Context: may sleep.
 * Return: 0; -EBUSY: objects are still allocated; this is logged, and the cache can still be used.
 */
int framepool_cache_destroy(struct fp_cache *cache)
{
	u64 live;

	unpublish(cache);
	if (fp_slab_fini(&cache->slabs, &live)) {
		pr_warn("cache %s: %llu objects are still allocated\n", cache->name, live);
		fp_reclaimers_add(&cache->pool->reclaimers, &cache->reclaimer);
		publish(cache);
		return -EBUSY;
	}
	fp_registry_put(cache->pool);
	kfree(cache);
	return 0;
}
EXPORT_SYMBOL_GPL(framepool_cache_destroy);

static noinline u64 alloc_slow(struct fp_cache *cache, gfp_t gfp, unsigned long caller)
{
	bool may_sleep = gfpflags_allow_blocking(gfp);
	u64 object;

	if (cache->is_debugged)
		return (u64)fp_slabdebug_alloc(cache, may_sleep, caller);
	object = fp_slab_alloc_slow(&cache->slabs, may_sleep);
	return object == FP_SLAB_NONE ? 0 : object;
}

/**
 * framepool_cache_alloc() - allocate an object
 * @cache: the cache
 * @gfp: GFP_KERNEL, or GFP_NOWAIT or GFP_ATOMIC if the caller must not sleep; with __GFP_ZERO, the
 *       object is cleared, even if there is a constructor. Other flags are ignored.
 *
 * If @gfp does not allow sleeping, free objects in the magazines of other processors cannot be
 * allocated.
 *
 * Context: process or softirq, with interrupts enabled; may sleep if @gfp allows it.
 * Return: the object, whose contents are undefined without a constructor and without __GFP_ZERO;
 * NULL: there is no memory.
 */
void *framepool_cache_alloc(struct fp_cache *cache, gfp_t gfp)
{
	u64 object;

	fp_check_context(gfp);
	object = fp_slab_pop(&cache->slabs);
	if (unlikely(object == FP_SLAB_NONE))
		object = alloc_slow(cache, gfp, _RET_IP_);
	if (unlikely(gfp & __GFP_ZERO) && likely(object))
		memset((void *)object, 0, cache->slabs.size);
	return (void *)object;
}
EXPORT_SYMBOL_GPL(framepool_cache_alloc);

static void report_bad_free(struct fp_cache *cache, void *object)
{
	pr_err_ratelimited("cache %s: free of %p, which is not an allocated object of it\n",
			   cache->name, object);
}

static noinline int free_slow(struct fp_cache *cache, void *object, unsigned long caller)
{
	int ret;

	if (!object)
		return 0;
	if (cache->is_debugged)
		return fp_slabdebug_free(cache, object, caller);
	ret = fp_slab_free_slow(&cache->slabs, (u64)object);
	if (ret)
		report_bad_free(cache, object);
	return ret;
}

/**
 * framepool_cache_free() - free an object
 * @cache: the cache that it came from
 * @object: the object, or NULL
 *
 * In a cache that is debugged, a bad or double free is noticed at once. Otherwise it is noticed,
 * and counted, when the processor's magazine is emptied, unless the address was allocated again in
 * between.
 *
 * Context: process or softirq, with interrupts enabled.
 * Return: 0; -EINVAL: it is not an allocated object of this cache; this is reported and counted,
 * and changes nothing.
 */
int framepool_cache_free(struct fp_cache *cache, void *object)
{
	fp_check_context(GFP_ATOMIC);
	if (likely(fp_slab_push(&cache->slabs, (u64)object)))
		return 0;
	return free_slow(cache, object, _RET_IP_);
}
EXPORT_SYMBOL_GPL(framepool_cache_free);

/**
 * framepool_cache_alloc_bulk() - allocate several objects
 * @cache: the cache
 * @gfp: as in framepool_cache_alloc()
 * @nr: how many are wanted
 * @objects: the result
 *
 * Context: process or softirq, with interrupts enabled; may sleep if @gfp allows it.
 * Return: how many were allocated, at most @nr; a caller that needs all or none frees them.
 */
unsigned int framepool_cache_alloc_bulk(struct fp_cache *cache, gfp_t gfp, unsigned int nr,
					void **objects)
{
	bool may_sleep = gfpflags_allow_blocking(gfp);
	u32 got = 0, i;

	fp_check_context(gfp);
	if (!cache->is_debugged)
		got = fp_slab_alloc_bulk(&cache->slabs, (u64 *)objects, nr, may_sleep);
	else
		while (got < nr && (objects[got] = fp_slabdebug_alloc(cache, may_sleep, _RET_IP_)))
			got++;
	for (i = 0; gfp & __GFP_ZERO && i < got; i++)
		memset(objects[i], 0, cache->slabs.size);
	return got;
}
EXPORT_SYMBOL_GPL(framepool_cache_alloc_bulk);

/**
 * framepool_cache_free_bulk() - free several objects
 * @cache: the cache that they came from
 * @nr: how many
 * @objects: the objects
 *
 * Context: process or softirq, with interrupts enabled.
 * Return: how many were refused; see framepool_cache_free().
 */
unsigned int framepool_cache_free_bulk(struct fp_cache *cache, unsigned int nr, void **objects)
{
	u32 refused = 0, i;

	fp_check_context(GFP_ATOMIC);
	if (cache->is_debugged) {
		for (i = 0; i < nr; i++)
			refused += !!fp_slabdebug_free(cache, objects[i], _RET_IP_);
		return refused;
	}
	refused = fp_slab_free_bulk(&cache->slabs, (u64 *)objects, nr);
	if (refused)
		pr_err_ratelimited("cache %s: free of %u addresses, which are not allocated\n",
				   cache->name, refused);
	return refused;
}
EXPORT_SYMBOL_GPL(framepool_cache_free_bulk);

/**
 * framepool_cache_shrink() - give cached objects and empty slabs back to the pool
 * @cache: the cache
 *
 * This also happens before an allocation from the pool fails.
 *
 * Context: may sleep.
 */
void framepool_cache_shrink(struct fp_cache *cache)
{
	give(&cache->reclaimer, true);
}
EXPORT_SYMBOL_GPL(framepool_cache_shrink);

/**
 * framepool_cache_stats() - read the statistics of a cache
 * @cache: the cache
 * @stats: the result; objects in transit between a magazine and slabs may be missing from it
 *
 * Context: process or softirq, with interrupts enabled.
 */
void framepool_cache_stats(struct fp_cache *cache, struct framepool_cache_stats *stats)
{
	struct fp_slab_stats slabs;

	fp_slab_stats(&cache->slabs, &slabs);
	*stats = (struct framepool_cache_stats){
		.size = cache->slabs.size,
		.stride = cache->slabs.stride,
		.slab_bytes = 1ULL << cache->slabs.shift,
		.per_slab = cache->slabs.per_slab,
		.slabs = slabs.slabs,
		.empty = slabs.empty,
		.active = slabs.active,
		.cached = slabs.cached,
		.waste = slabs.waste,
		.metadata = slabs.metadata,
		.hits = slabs.hits,
		.refills = slabs.refills,
		.kept = slabs.kept,
		.returns = slabs.returns,
		.bad_frees = slabs.bad_frees,
		.reports = atomic64_read(&cache->nr_reports),
	};
}
EXPORT_SYMBOL_GPL(framepool_cache_stats);

/**
 * fp_caches_for_each() - call a function for all caches of a pool
 * @pool: the pool
 * @show: called for each; may sleep, and must not create or destroy caches
 * @context: passed on
 *
 * Context: may sleep.
 */
void fp_caches_for_each(struct fp_pool *pool, void (*show)(struct fp_cache *cache, void *context),
			void *context)
{
	struct fp_cache *cache;

	mutex_lock(&caches_lock);
	list_for_each_entry(cache, &caches, node)
		if (cache->pool == pool)
			show(cache, context);
	mutex_unlock(&caches_lock);
}
