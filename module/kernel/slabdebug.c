// SPDX-License-Identifier: GPL-2.0-only
/*
 * Checks for misuse of a cache. A cache that is debugged has no magazines, so every allocation and
 * free comes here.
 *
 *  - Behind each object lies a redzone that nobody may write to. It is checked when the object is
 *    freed, and when it is allocated again.
 *  - If there is no constructor, a free object is filled with poison, which must still be there
 *    when it is allocated again.
 *  - Who last allocated and freed an object, and when, is recorded outside the slab. If there is no
 *    memory for that, it is not recorded.
 *
 * Misuse is reported and counted, overwritten redzones and poison are restored, and the cache goes
 * on.
 */
#define pr_fmt(fmt) "framepool: " fmt

#include "kernel/slabdebug.h"

#include <linux/poison.h>
#include <linux/sched/clock.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/time64.h>

/**
 * struct track - one allocation or free
 * @caller: return address of the caller; 0: none yet
 * @time: local_clock(), in nanoseconds
 */
struct track {
	unsigned long caller;
	u64 time;
};

/**
 * struct tracks - the history of one object
 * @alloc: its last allocation
 * @free: its last free
 */
struct tracks {
	struct track alloc;
	struct track free;
};

static bool is_poisoned(const struct fp_cache *cache)
{
	return !cache->ctor;
}

static void fill(const struct fp_cache *cache, void *object, u8 poison)
{
	u32 size = cache->slabs.size;

	if (is_poisoned(cache))
		memset(object, poison, size);
	memset(object + size, SLUB_RED_ACTIVE, cache->slabs.stride - size);
}

/**
 * fp_slabdebug_fill() - write poison and redzones into a new slab
 * @cache: the cache
 * @slab: address of the slab
 *
 * Context: process or softirq.
 */
void fp_slabdebug_fill(struct fp_cache *cache, void *slab)
{
	u32 i;

	for (i = 0; i < cache->slabs.per_slab; i++)
		fill(cache, slab + (u64)i * cache->slabs.stride, POISON_FREE);
}

static void print_track(const char *what, const struct track *track)
{
	u64 us = track->time / NSEC_PER_USEC;

	if (track->caller)
		pr_err("  %s by %pS at %llu.%06llu\n", what, (void *)track->caller,
		       us / USEC_PER_SEC, us % USEC_PER_SEC);
}

static void report(struct fp_cache *cache, const void *object, const struct tracks *tracks,
		   unsigned long caller, const char *what)
{
	atomic64_inc(&cache->nr_reports);
	pr_err("cache %s: object %p: %s; seen by %pS\n", cache->name, object, what, (void *)caller);
	if (!tracks)
		return;
	print_track("allocated", &tracks->alloc);
	print_track("freed", &tracks->free);
}

/* Find the history of an object; if @make, allocate it. Returns NULL if there is none. */
static struct tracks *tracks_of(struct fp_cache *cache, struct fp_slab *slab, u32 index, bool make)
{
	struct tracks *tracks = slab->private;

	if (!tracks && make)
		tracks = kcalloc(cache->slabs.per_slab, sizeof(*tracks), GFP_NOWAIT | __GFP_NOWARN);
	slab->private = tracks;
	return tracks ? &tracks[index] : NULL;
}

static void note(struct track *track, unsigned long caller)
{
	track->caller = caller;
	track->time = local_clock();
}

static bool redzone_is_intact(const struct fp_cache *cache, const void *object)
{
	return !memchr_inv(object + cache->slabs.size, SLUB_RED_ACTIVE,
			   cache->slabs.stride - cache->slabs.size);
}

static bool poison_is_intact(const struct fp_cache *cache, const void *object)
{
	return !is_poisoned(cache) || !memchr_inv(object, POISON_FREE, cache->slabs.size);
}

/* Check that nobody has written to an object since it was freed. */
static void check_alloc(struct fp_cache *cache, void *object, unsigned long caller)
{
	struct tracks *tracks;
	struct fp_slab *slab;
	u32 index;

	spin_lock_bh(&cache->slabs.lock);
	slab = fp_slab_find_locked(&cache->slabs, (u64)object, &index);
	tracks = tracks_of(cache, slab, index, true);
	if (!poison_is_intact(cache, object))
		report(cache, object, tracks, caller, "written to while it was free");
	if (!redzone_is_intact(cache, object))
		report(cache, object, tracks, caller,
		       "written to beyond its end while it was free");
	if (tracks)
		note(&tracks->alloc, caller);
	spin_unlock_bh(&cache->slabs.lock);
	fill(cache, object, POISON_INUSE);
}

/**
 * fp_slabdebug_alloc() - allocate an object, and check that nobody wrote to it while it was free
 * @cache: a cache that is debugged
 * @may_sleep: as in fp_slab_alloc_slow()
 * @caller: return address of the caller
 *
 * Context: process or softirq; may sleep if @may_sleep.
 * Return: the object, or NULL.
 */
void *fp_slabdebug_alloc(struct fp_cache *cache, bool may_sleep, unsigned long caller)
{
	u64 object = fp_slab_alloc_slow(&cache->slabs, may_sleep);

	if (object == FP_SLAB_NONE)
		return NULL;
	check_alloc(cache, (void *)object, caller);
	return (void *)object;
}

/* Check and poison an object that is being freed. Returns false if it is not allocated. */
static bool check_free(struct fp_cache *cache, void *object, unsigned long caller)
{
	struct tracks *tracks;
	struct fp_slab *slab;
	u32 index;

	slab = fp_slab_find_locked(&cache->slabs, (u64)object, &index);
	if (!slab) {
		report(cache, object, NULL, caller, "freed, but is not an object of this cache");
		return false;
	}
	tracks = tracks_of(cache, slab, index, false);
	if (slab->free[index / 64] >> (index % 64) & 1) {
		report(cache, object, tracks, caller, "freed twice");
		return false;
	}
	if (!redzone_is_intact(cache, object))
		report(cache, object, tracks, caller, "written to beyond its end");
	if (tracks)
		note(&tracks->free, caller);
	fill(cache, object, POISON_FREE);
	return true;
}

/**
 * fp_slabdebug_free() - free an object, after checking it and its redzone
 * @cache: a cache that is debugged
 * @object: the object
 * @caller: return address of the caller
 *
 * Context: process or softirq.
 * Return: 0; -EINVAL: it is not an allocated object; this is reported and counted, and changes
 * nothing.
 */
int fp_slabdebug_free(struct fp_cache *cache, void *object, unsigned long caller)
{
	bool ok;
	int ret;

	spin_lock_bh(&cache->slabs.lock);
	ok = check_free(cache, object, caller);
	spin_unlock_bh(&cache->slabs.lock);
	/* This also counts a bad free. */
	ret = fp_slab_free_slow(&cache->slabs, (u64)object);
	if (ok && ret)
		report(cache, object, NULL, caller, "freed twice at once");
	return ret;
}
