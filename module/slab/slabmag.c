// SPDX-License-Identifier: GPL-2.0-only
/*
 * Magazines in front of the slabs of a cache. Each processor has one, which it uses without a lock
 * (see gate.h). It is filled from the slabs and emptied into them, half of it at a time. Unlike in
 * the design of Bonwick and Adams, there is no depot of full magazines in between: a slab takes an
 * object back by setting a bit, and gives 64 objects away by reading a word, so a depot would save
 * little. docs/design.md has the figures.
 *
 * To its slab, an object in a magazine is allocated. So a bad free is noticed when the magazine is
 * emptied, or at once if magazines hold nothing (@cached_bytes is 0).
 *
 * The invariant (checked by fp_slab_verify()):
 *  S4  an object in a magazine is allocated according to its slab, and is in no magazine twice.
 *      This holds as long as callers free only what they have allocated.
 */
#include "slab/slab.h"

/*
 * Get exclusive use of the magazine of this processor until leave(). Returns NULL if it is in use.
 * This is the slow path; fp_slab_pop() and fp_slab_push() are the fast path.
 */
static struct fp_slab_cpu *enter(struct fp_slab_cache *cache)
{
	struct fp_slab_cpu *cpu;

	preempt_disable();
	cpu = this_cpu_ptr(cache->cpus);
	if (likely(fp_gate_enter(&cpu->gate)))
		return cpu;
	preempt_enable();
	return NULL;
}

static void leave(struct fp_slab_cpu *cpu)
{
	fp_gate_leave(&cpu->gate);
	preempt_enable();
}

/* Add an empty slab, with memory from @get. Returns false if there is no memory. */
static bool grow(struct fp_slab_cache *cache, bool may_sleep)
{
	u64 base = cache->ops->get(cache, may_sleep);

	if (base == FP_SLAB_NONE)
		return false;
	if (!fp_slab_add(cache, base, may_sleep ? GFP_KERNEL : GFP_NOWAIT | __GFP_NOWARN))
		return true;
	cache->ops->put(cache, base);
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

/* Put objects into the magazine, as many as fit. The rest goes back to the slabs. */
static void stash(struct fp_slab_cache *cache, const u64 *objects, u32 nr)
{
	struct fp_slab_cpu *cpu = nr ? enter(cache) : NULL;

	if (cpu) {
		while (nr && cpu->nr < cache->magazine) {
			cpu->objects[cpu->nr] = objects[--nr];
			WRITE_ONCE(cpu->nr, cpu->nr + 1);
		}
		leave(cpu);
	}
	if (nr)
		fp_slab_put(cache, objects, nr);
}

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
	u64 objects[FP_SLAB_BATCH];
	u32 nr = clamp(cache->magazine / 2, 1U, (u32)FP_SLAB_BATCH);

	nr = take_or_grow(cache, objects, nr, false, may_sleep);
	if (!nr && may_sleep) {
		fp_slab_drain(cache, true);
		nr = take_or_grow(cache, objects, 1, false, may_sleep);
	}
	if (!nr)
		return FP_SLAB_NONE;
	/* Return the first one taken, which is the lowest. */
	stash(cache, objects + 1, nr - 1);
	return objects[0];
}

/* Take out the objects that were put in first, at most FP_SLAB_BATCH. */
static u32 take_oldest(struct fp_slab_cpu *cpu, u64 *objects, u32 nr)
{
	u32 left;

	nr = min_t(u32, nr, FP_SLAB_BATCH);
	left = cpu->nr - nr;
	memcpy(objects, cpu->objects, nr * sizeof(*objects));
	memmove(cpu->objects, cpu->objects + nr, left * sizeof(*objects));
	WRITE_ONCE(cpu->nr, left);
	return nr;
}

/* Empty half of a full magazine. */
static void make_room(struct fp_slab_cache *cache)
{
	struct fp_slab_cpu *cpu = enter(cache);
	u64 objects[FP_SLAB_BATCH];
	u32 nr;

	if (!cpu)
		return;
	nr = take_oldest(cpu, objects, (cpu->nr + 1) / 2);
	leave(cpu);
	if (nr)
		fp_slab_put(cache, objects, nr);
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
	if (cache->magazine && object - cache->origin < cache->span) {
		make_room(cache);
		if (fp_slab_push(cache, object))
			return 0;
	}
	return fp_slab_put(cache, &object, 1) ? -EINVAL : 0;
}

/* Take the objects that were put last into this processor's magazine. */
static u32 pop_bulk(struct fp_slab_cache *cache, u64 *objects, u32 nr)
{
	struct fp_slab_cpu *cpu = enter(cache);

	if (!cpu)
		return 0;
	nr = min(nr, cpu->nr);
	WRITE_ONCE(cpu->nr, cpu->nr - nr);
	memcpy(objects, cpu->objects + cpu->nr, nr * sizeof(*objects));
	WRITE_ONCE(cpu->nr_hits, cpu->nr_hits + nr);
	leave(cpu);
	return nr;
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
	u32 got = pop_bulk(cache, objects, nr);

	if (got < nr)
		got += take_or_grow(cache, objects + got, nr - got, true, may_sleep);
	if (got < nr && may_sleep) {
		fp_slab_drain(cache, true);
		got += take_or_grow(cache, objects + got, nr - got, true, may_sleep);
	}
	return got;
}

/* Put objects into the magazine of this processor, as many as fit. Returns how many. */
static u32 push_bulk(struct fp_slab_cache *cache, const u64 *objects, u32 nr)
{
	struct fp_slab_cpu *cpu = enter(cache);
	u32 i = 0;

	if (!cpu)
		return 0;
	for (; i < nr && cpu->nr < cache->magazine && objects[i] - cache->origin < cache->span;
	     i++) {
		cpu->objects[cpu->nr] = objects[i];
		WRITE_ONCE(cpu->nr, cpu->nr + 1);
	}
	WRITE_ONCE(cpu->nr_kept, cpu->nr_kept + i);
	leave(cpu);
	return i;
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
	u32 done = push_bulk(cache, objects, nr), refused = 0, n;

	/* Release the lock now and then: there may be very many. */
	for (; done < nr; done += n) {
		n = min_t(u32, nr - done, FP_SLAB_BATCH);
		refused += fp_slab_put(cache, objects + done, n);
	}
	return refused;
}

/**
 * fp_slab_close() - close all magazines
 * @cache: the cache
 *
 * After a following fp_gate_wait(), nobody else uses them until fp_slab_open().
 *
 * Context: any; one caller at a time.
 */
void fp_slab_close(struct fp_slab_cache *cache)
{
	u32 cpu;

	for_each_possible_cpu(cpu)
		fp_gate_close(&per_cpu_ptr(cache->cpus, cpu)->gate);
}

/* Empty a magazine that nobody else uses. */
static void empty(struct fp_slab_cache *cache, struct fp_slab_cpu *cpu)
{
	u64 objects[FP_SLAB_BATCH];
	u32 nr;

	while (cpu->nr) {
		nr = take_oldest(cpu, objects, cpu->nr);
		fp_slab_put(cache, objects, nr);
	}
}

/**
 * fp_slab_open() - empty all magazines, and open them again
 * @cache: the cache, whose magazines nobody but the caller uses
 *
 * Context: any.
 */
void fp_slab_open(struct fp_slab_cache *cache)
{
	u32 cpu;

	for_each_possible_cpu(cpu) {
		empty(cache, per_cpu_ptr(cache->cpus, cpu));
		fp_gate_open(&per_cpu_ptr(cache->cpus, cpu)->gate);
	}
}

static u64 nr_cached(const struct fp_slab_cache *cache)
{
	u64 nr = 0;
	u32 cpu;

	for_each_possible_cpu(cpu)
		nr += READ_ONCE(per_cpu_ptr(cache->cpus, cpu)->nr);
	return nr;
}

/**
 * fp_slab_drain() - empty all magazines
 * @cache: the cache
 * @hurry: somebody is waiting: use a fast grace period, and return at once if the magazines look
 *         empty, which may miss objects being freed
 *
 * Meanwhile, callers bypass the magazines.
 *
 * Context: may sleep.
 */
void fp_slab_drain(struct fp_slab_cache *cache, bool hurry)
{
	mutex_lock(&cache->drain_lock);
	/* Look only with the lock held: another drain may be moving objects. */
	if (!hurry || nr_cached(cache)) {
		fp_slab_close(cache);
		fp_gate_wait(hurry);
		fp_slab_open(cache);
	}
	mutex_unlock(&cache->drain_lock);
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

	if (ret)
		return ret;
	cache->cpus = alloc_percpu(struct fp_slab_cpu);
	return cache->cpus ? 0 : -ENOMEM;
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
	fp_slab_drain(cache, true);
	fp_slab_release_empty(cache);
	*live = cache->tree.nr * cache->per_slab - cache->nr_free;
	if (*live)
		return -EBUSY;
	free_percpu(cache->cpus);
	return 0;
}
