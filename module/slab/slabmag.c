// SPDX-License-Identifier: GPL-2.0-only
/*
 * Objects through magazines, of which each processor has one in front of the slabs (see
 * magazine.h). A slab takes an object back by setting a bit, and gives 64 objects away by reading a
 * word, so a depot of full magazines would save little. docs/design.md has the figures.
 *
 * To its slab, an object in a magazine is allocated. So a bad free is noticed when the magazine is
 * emptied, or at once if magazines hold nothing (@cached_bytes is 0).
 *
 * The invariant (checked by fp_slab_verify()):
 *  S4  an object in a magazine is allocated according to its slab, and is in no magazine twice.
 *      This holds as long as callers free only what they have allocated.
 */
#include "slab/slab.h"

/* Add an empty slab, with memory from @get. Returns false if there is no memory. */
static bool grow(struct fp_slab_cache *cache, bool may_sleep)
{
	u64 base = cache->ops->get(cache, may_sleep);

	if (base == FP_SLAB_NONE)
		return false;
	if (!fp_slab_add(cache, base, NULL, may_sleep ? GFP_KERNEL : GFP_NOWAIT | __GFP_NOWARN))
		return true;
	cache->ops->put(cache, base, NULL);
	return false;
}

/*
 * Take objects, adding slabs until there is one, or @nr of them if @all. Returns how many; fewer if
 * there is no memory.
 */
static u32 take_or_grow(struct fp_slab_cache *cache, u64 *objects, u32 nr, bool all, bool may_sleep)
{
	u32 got = fp_slab_take(cache, objects, nr);

	while ((all ? got < nr : !got) && grow(cache, may_sleep))
		got += fp_slab_take(cache, objects + got, nr - got);
	return got;
}

static u32 take(struct fp_magazines *magazines, u32 which, void *objects, u32 nr, bool may_sleep)
{
	return take_or_grow(container_of(magazines, struct fp_slab_cache, magazines), objects, nr,
			    false, may_sleep);
}

static void put(struct fp_magazines *magazines, u32 cpu, u32 which, const void *objects, u32 nr)
{
	fp_slab_put(container_of(magazines, struct fp_slab_cache, magazines), objects, nr);
}

static const struct fp_magazine_ops ops = { .take = take, .put = put };

/**
 * fp_slab_alloc_slow() - allocate an object when the magazine is empty or in use
 * @cache: the cache
 * @may_sleep: empty all magazines before giving up
 *
 * Context: process or softirq; may sleep if @may_sleep.
 * Return: its address, or FP_SLAB_NONE.
 */
noinline u64 fp_slab_alloc_slow(struct fp_slab_cache *cache, bool may_sleep)
{
	/* The first one taken, which is the lowest. */
	u64 object = fp_magazines_refill(&cache->magazines, 0, may_sleep);

	if (object == FP_SLAB_NONE && may_sleep) {
		fp_magazines_drain(&cache->magazines, true);
		take_or_grow(cache, &object, 1, false, true);
	}
	return object;
}

/**
 * fp_slab_free_slow() - free an object when the magazine is full or in use
 * @cache: the cache
 * @object: its address
 *
 * Context: process or softirq.
 * Return: 0; -EINVAL: it is not an allocated object; this is counted, and changes nothing.
 */
noinline int fp_slab_free_slow(struct fp_slab_cache *cache, u64 object)
{
	fp_magazines_make_room(&cache->magazines, 0);
	return fp_slab_push(cache, object) || !fp_slab_put(cache, &object, 1) ? 0 : -EINVAL;
}

/**
 * fp_slab_alloc_bulk() - allocate several objects
 * @cache: the cache
 * @objects: the result: their addresses
 * @nr: how many are wanted
 * @may_sleep: empty all magazines before giving up
 *
 * Context: process or softirq; may sleep if @may_sleep.
 * Return: how many were allocated.
 */
u32 fp_slab_alloc_bulk(struct fp_slab_cache *cache, u64 *objects, u32 nr, bool may_sleep)
{
	u32 got = 0;

	while (got < nr && (objects[got] = fp_slab_pop(cache)) != FP_SLAB_NONE)
		got++;
	if (got < nr)
		got += take_or_grow(cache, objects + got, nr - got, true, may_sleep);
	if (got < nr && may_sleep) {
		fp_magazines_drain(&cache->magazines, true);
		got += take_or_grow(cache, objects + got, nr - got, true, may_sleep);
	}
	return got;
}

/**
 * fp_slab_free_bulk() - free several objects
 * @cache: the cache
 * @objects: their addresses
 * @nr: how many
 *
 * Context: process or softirq.
 * Return: how many were refused; see fp_slab_free().
 */
u32 fp_slab_free_bulk(struct fp_slab_cache *cache, const u64 *objects, u32 nr)
{
	u32 done = 0, refused = 0, n;

	while (done < nr && fp_slab_push(cache, objects[done]))
		done++;
	/* Release the lock now and then: there may be very many. */
	for (; done < nr; done += n) {
		n = min_t(u32, nr - done, FP_SLAB_BATCH);
		refused += fp_slab_put(cache, objects + done, n);
	}
	return refused;
}

/**
 * fp_slab_init() - initialise a cache without slabs
 * @cache: zeroed
 * @config: its parameters
 *
 * Context: may sleep.
 * Return: 0; -EINVAL: the size or alignment in @config is not valid; -ENOMEM: no memory for
 * magazines.
 */
int fp_slab_init(struct fp_slab_cache *cache, const struct fp_slab_config *config)
{
	int ret = fp_slab_setup(cache, config);

	if (!ret)
		ret = fp_magazines_init(&cache->magazines, &ops, 1, sizeof(u64));
	if (!ret)
		fp_magazines_set_size(&cache->magazines, 0, config->cached_bytes / cache->stride);
	return ret;
}

/**
 * fp_slab_fini() - undo fp_slab_init(), and give all slabs back
 * @cache: the cache; nobody uses it any more
 * @live: the result: how many objects are allocated
 *
 * Context: may sleep.
 * Return: 0; -EBUSY: objects are allocated, and the cache can still be used.
 */
int fp_slab_fini(struct fp_slab_cache *cache, u64 *live)
{
	fp_magazines_drain(&cache->magazines, true);
	fp_slab_release_empty(cache);
	*live = cache->nr_slabs * cache->per_slab - cache->nr_free;
	if (*live)
		return -EBUSY;
	/* An addition that failed for lack of memory may have left empty nodes. */
	xa_destroy(&cache->places);
	fp_magazines_fini(&cache->magazines);
	return 0;
}
