// SPDX-License-Identifier: GPL-2.0-only
/*
 * Magazines in front of the slabs of a cache: each processor has one of objects (gate.h says how it is used without a
 * lock), which is filled from the slabs and emptied into them half at a time. There is no depot of full magazines in
 * between, as Bonwick and Adams have it: slabs take an object back by setting a bit, and give 64 away by reading a
 * word, so that there is little to save; docs/design.md has the figures.
 *
 * To a slab an object in a magazine is allocated. So a mistake of a caller is seen when a magazine is emptied, at once if
 * there are none (@cached_bytes 0).
 *
 * The invariant (checked by fp_slab_verify()):
 *  S4  an object in a magazine is one that its slab holds to be allocated, and is in no other.
 * It holds as long as nobody frees what he does not have.
 */
#include "slab/slab.h"

/*
 * Where to be in the magazine of this processor, alone, until leave(). NULL: not now. It is the slow way in;
 * fp_slab_pop() and fp_slab_push() are the fast one.
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

/* Add an empty slab of memory from the cache's source. */
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

/* At least one, or there is no memory; all that are wanted if @all. */
static u32 take_or_grow(struct fp_slab_cache *cache, u64 *objects, u32 nr, bool all, bool may_sleep)
{
	u32 got = fp_slab_take(cache, objects, nr);

	while ((all ? got < nr : !got) && grow(cache, may_sleep))
		got += fp_slab_take(cache, objects + got, nr - got);
	return got;
}

/* Keep objects for later, as many as there is room for. The rest goes back. */
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
 * fp_slab_alloc_slow() - allocate an object when the magazine has none
 * @cache: the cache
 * @may_sleep: look in all magazines before giving up
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
	/* The lowest is used first. */
	stash(cache, objects + 1, nr - 1);
	return objects[0];
}

/* Take out the objects that have been there longest, at most FP_SLAB_BATCH. */
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

/* The magazine is full: empty half of it. */
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
 * fp_slab_free_slow() - free an object when the magazine does not take it
 * @cache: the cache
 * @object: its address
 *
 * Context: process or softirq.
 * Return: 0; -EINVAL: it is no object, or free; counted, and nothing changed.
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

/* The last ones that came into this processor's magazine. */
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
 * @may_sleep: look in all magazines before giving up
 *
 * Context: process or softirq; may sleep if @may_sleep.
 * Return: how many there were.
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

/* As many as the magazine of this processor takes. */
static u32 push_bulk(struct fp_slab_cache *cache, const u64 *objects, u32 nr)
{
	struct fp_slab_cpu *cpu = enter(cache);
	u32 i = 0;

	if (!cpu)
		return 0;
	for (; i < nr && cpu->nr < cache->magazine && objects[i] - cache->origin < cache->span; i++) {
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
 * Return: how many were refused, as by fp_slab_free().
 */
u32 fp_slab_free_bulk(struct fp_slab_cache *cache, const u64 *objects, u32 nr)
{
	u32 done = push_bulk(cache, objects, nr), refused = 0, n;

	/* Not all under one lock: there may be very many. */
	for (; done < nr; done += n) {
		n = min_t(u32, nr - done, FP_SLAB_BATCH);
		refused += fp_slab_put(cache, objects + done, n);
	}
	return refused;
}

/**
 * fp_slab_close() - begin to keep everybody out of the magazines
 * @cache: the cache
 *
 * They are out after fp_gate_wait(), until fp_slab_open().
 *
 * Context: any; one at a time.
 */
void fp_slab_close(struct fp_slab_cache *cache)
{
	u32 cpu;

	for_each_possible_cpu(cpu)
		fp_gate_close(&per_cpu_ptr(cache->cpus, cpu)->gate);
}

/* Of a magazine that is ours alone. */
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
 * fp_slab_open() - empty the magazines, and let everybody in again
 * @cache: the cache, whose magazines nobody but the caller is in
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
 * @hurry: somebody waits, and is content if what is freed at this moment is missed
 *
 * What is freed or allocated meanwhile passes them by.
 *
 * Context: may sleep.
 */
void fp_slab_drain(struct fp_slab_cache *cache, bool hurry)
{
	mutex_lock(&cache->drain_lock);
	/* Not before there is the lock: another drain may have objects in its hands. */
	if (!hurry || nr_cached(cache)) {
		fp_slab_close(cache);
		fp_gate_wait(hurry);
		fp_slab_open(cache);
	}
	mutex_unlock(&cache->drain_lock);
}

/**
 * fp_slab_init() - make a cache without slabs
 * @cache: zeroed
 * @config: how
 *
 * Context: may sleep.
 * Return: 0; -EINVAL: @config asks for a size or alignment that is not possible; -ENOMEM.
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
 * fp_slab_fini() - the end of a cache
 * @cache: the cache; nobody uses it any more
 * @live: how many objects of it are allocated
 *
 * Context: may sleep.
 * Return: 0; -EBUSY: objects are allocated, and the cache is as before.
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
