/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FP_SLAB_H
#define FP_SLAB_H

#include "core/gate.h"
#include "slab/slabtree.h"

#define FP_SLAB_NONE		U64_MAX		/* no object */
#define FP_SLAB_MIN_SIZE	8U
#define FP_SLAB_MAX_SIZE	(FP_HUGE_FRAMES << PAGE_SHIFT)
#define FP_SLAB_MAX_ORDER	FP_HUGE_ORDER
/* Slabs below 32 KiB would have more bits around them than in them. */
#define FP_SLAB_MIN_ORDER	(PAGE_SHIFT < 15 ? 15 - PAGE_SHIFT : 0)
#define FP_SLAB_MAGAZINE	252		/* a magazine is 2 KiB */
#define FP_SLAB_BATCH		64		/* objects that move between a magazine and slabs at once */
#define FP_SLAB_PARTIAL		8		/* classes of partly used slabs */
#define FP_SLAB_FULL		0
#define FP_SLAB_EMPTY		(FP_SLAB_PARTIAL + 1)
#define FP_SLAB_CLASSES		(FP_SLAB_EMPTY + 1)

/**
 * struct fp_slab - what is known of a slab; it lies elsewhere
 * @node: in the list of its class
 * @base: address of its first object
 * @nr_free: objects that neither a user nor a magazine has
 * @class: by @nr_free: FP_SLAB_FULL, 1 to FP_SLAB_PARTIAL, FP_SLAB_EMPTY
 * @first: no word of @free before this one has a bit
 * @private: of who looks for mistakes (see slabdebug.c), or NULL; goes by kfree()
 * @free: a bit for each object
 *
 * All of it is protected by the lock of the cache.
 */
struct fp_slab {
	struct list_head node;
	u64 base;
	u32 nr_free;
	u16 class;
	u16 first;
	void *private;
	u64 free[];
};

/**
 * struct fp_slab_cpu - the magazine of one processor
 * @gate: to it
 * @nr: how many objects there are
 * @nr_hits: objects that were allocated from here
 * @nr_kept: objects that were freed to here
 * @objects: the last one came last
 */
struct fp_slab_cpu {
	struct fp_gate gate;
	u32 nr;
	u64 nr_hits;
	u64 nr_kept;
	u64 objects[FP_SLAB_MAGAZINE];
};

struct fp_slab_cache;

/**
 * struct fp_slab_ops - where the memory of a cache comes from
 * @get: memory for a slab: its address, a multiple of its length above the cache's @origin; or FP_SLAB_NONE. A cache
 *	 without magazines needs none: its user adds slabs by fp_slab_add()
 * @put: takes it back
 *
 * Both are called without the lock, from where the cache is used.
 */
struct fp_slab_ops {
	u64 (*get)(struct fp_slab_cache *cache, bool may_sleep);
	void (*put)(struct fp_slab_cache *cache, u64 base);
};

/**
 * struct fp_slab_config - how to make a cache
 * @ops: where its memory comes from
 * @origin: a multiple of a huge frame; all addresses are from here
 * @span: to before @origin + @span
 * @size: bytes of an object, FP_SLAB_MIN_SIZE to FP_SLAB_MAX_SIZE
 * @align: its address is a multiple of this power of two, at most a huge frame; 0: any of 8
 * @cached_bytes: that one processor may keep to itself; 0: none, each call goes to the slabs
 * @seed: deal objects out in a random order that begins with this; 0: by address
 * @min_order: slabs are not smaller than this, if that can be
 */
struct fp_slab_config {
	const struct fp_slab_ops *ops;
	u64 origin;
	u64 span;
	u32 size;
	u32 align;
	u64 cached_bytes;
	u64 seed;
	u32 min_order;
};

/**
 * struct fp_slab_cache - objects of one size
 * @ops: constant, as all before @lock
 * @cpus: by processor; NULL: no magazines
 * @origin: where addresses begin, a multiple of any slab's length
 * @span: where they end, from there
 * @magazine: most objects in a magazine
 * @size: of an object, as asked for
 * @stride: from one to the next
 * @per_slab: objects in a slab
 * @order: log2 of a slab's frames
 * @shift: log2 of its bytes
 * @reciprocal: to divide by @stride
 * @class_shift: to get from free objects to the class
 * @keep: empty slabs that are kept
 * @drain_lock: one drain at a time
 * @lock: protects what follows, and the slabs
 * @lists: of slabs, by class
 * @tree: of slabs, by address
 * @nr_free: objects in all slabs that are free
 * @nr_empty: slabs that are
 * @nr_refills: times that objects were taken out of slabs
 * @nr_returns: times that objects went back
 * @nr_grown: slabs ever made
 * @nr_bad_frees: refused
 * @random: state of the random numbers, or 0
 */
struct fp_slab_cache {
	const struct fp_slab_ops *ops;
	struct fp_slab_cpu __percpu *cpus;
	u64 origin;
	u64 span;
	u32 magazine;
	u32 size;
	u32 stride;
	u32 per_slab;
	u32 order;
	u32 shift;
	u32 reciprocal;
	u32 class_shift;
	u32 keep;
	struct mutex drain_lock;
	spinlock_t lock;
	struct list_head lists[FP_SLAB_CLASSES];
	struct fp_slabtree tree;
	u64 nr_free;
	u64 nr_empty;
	u64 nr_refills;
	u64 nr_returns;
	u64 nr_grown;
	u64 nr_bad_frees;
	u64 random;
};

/**
 * struct fp_slab_stats - a snapshot
 * @slabs: slabs
 * @empty: those in which nothing is allocated
 * @objects: places for objects in all slabs
 * @active: objects that users have
 * @cached: objects in magazines
 * @hits: objects that were allocated from a magazine
 * @refills: times that objects were taken out of slabs
 * @kept: objects that were freed into a magazine
 * @returns: times that objects went back to slabs
 * @grown: slabs ever made
 * @bad_frees: refused frees
 * @waste: bytes of the slabs in which no object can lie
 * @metadata: bytes of memory elsewhere, without what the memory allocator rounds up
 */
struct fp_slab_stats {
	u64 slabs;
	u64 empty;
	u64 objects;
	u64 active;
	u64 cached;
	u64 hits;
	u64 refills;
	u64 kept;
	u64 returns;
	u64 grown;
	u64 bad_frees;
	u64 waste;
	u64 metadata;
};

/* slab.c: slabs */
int fp_slab_setup(struct fp_slab_cache *cache, const struct fp_slab_config *config);
void fp_slab_discard(struct fp_slab_cache *cache);
u32 fp_slab_take(struct fp_slab_cache *cache, u64 *objects, u32 nr);
u32 fp_slab_put(struct fp_slab_cache *cache, const u64 *objects, u32 nr);
u32 fp_slab_put_all(struct fp_slab_cache *cache, const u64 *objects, u32 nr);
int fp_slab_add(struct fp_slab_cache *cache, u64 base, gfp_t gfp);
void fp_slab_release_empty(struct fp_slab_cache *cache);
struct fp_slab *fp_slab_find_locked(struct fp_slab_cache *cache, u64 object, u32 *index);
void fp_slab_stats(struct fp_slab_cache *cache, struct fp_slab_stats *stats);
const char *fp_slab_verify(struct fp_slab_cache *cache);

/* slabmag.c: magazines in front of them */
int fp_slab_init(struct fp_slab_cache *cache, const struct fp_slab_config *config);
int fp_slab_fini(struct fp_slab_cache *cache, u64 *live);
u64 fp_slab_alloc_slow(struct fp_slab_cache *cache, bool may_sleep);
int fp_slab_free_slow(struct fp_slab_cache *cache, u64 object);
u32 fp_slab_alloc_bulk(struct fp_slab_cache *cache, u64 *objects, u32 nr, bool may_sleep);
u32 fp_slab_free_bulk(struct fp_slab_cache *cache, const u64 *objects, u32 nr);
void fp_slab_close(struct fp_slab_cache *cache);
void fp_slab_open(struct fp_slab_cache *cache);
bool fp_slab_caches_nothing(const struct fp_slab_cache *cache);
void fp_slab_drain(struct fp_slab_cache *cache, bool hurry);

static inline u32 fp_slab_words(const struct fp_slab_cache *cache)
{
	return (cache->per_slab + 63) / 64;
}

/* From this processor's magazine. FP_SLAB_NONE: it is empty, or taken. */
static __always_inline u64 fp_slab_pop(struct fp_slab_cache *cache)
{
	struct fp_slab_cpu *cpu;
	u64 object = FP_SLAB_NONE;

	preempt_disable();
	cpu = this_cpu_ptr(cache->cpus);
	if (likely(fp_gate_enter(&cpu->gate))) {
		if (likely(cpu->nr)) {
			WRITE_ONCE(cpu->nr, cpu->nr - 1);
			object = cpu->objects[cpu->nr];
			WRITE_ONCE(cpu->nr_hits, cpu->nr_hits + 1);
		}
		fp_gate_leave(&cpu->gate);
	}
	preempt_enable();
	return object;
}

/* Into this processor's magazine. False: it is full, or taken, or this can be no object. */
static __always_inline bool fp_slab_push(struct fp_slab_cache *cache, u64 object)
{
	struct fp_slab_cpu *cpu;
	bool done = false;

	if (unlikely(object - cache->origin >= cache->span))
		return false;
	preempt_disable();
	cpu = this_cpu_ptr(cache->cpus);
	if (likely(fp_gate_enter(&cpu->gate))) {
		if (likely(cpu->nr < cache->magazine)) {
			cpu->objects[cpu->nr] = object;
			WRITE_ONCE(cpu->nr, cpu->nr + 1);
			WRITE_ONCE(cpu->nr_kept, cpu->nr_kept + 1);
			done = true;
		}
		fp_gate_leave(&cpu->gate);
	}
	preempt_enable();
	return done;
}

/**
 * fp_slab_alloc() - allocate an object
 * @cache: the cache
 * @may_sleep: look in all magazines before giving up
 *
 * Context: process or softirq; may sleep if @may_sleep.
 * Return: its address, or FP_SLAB_NONE.
 */
static __always_inline u64 fp_slab_alloc(struct fp_slab_cache *cache, bool may_sleep)
{
	u64 object = fp_slab_pop(cache);

	return likely(object != FP_SLAB_NONE) ? object : fp_slab_alloc_slow(cache, may_sleep);
}

/**
 * fp_slab_free() - free an object
 * @cache: the cache
 * @object: its address
 *
 * One that is no object, or is free, is noticed when the magazine is emptied, unless somebody got it in between.
 *
 * Context: process or softirq.
 * Return: 0; -EINVAL: it is no object, or free; counted, and nothing changed.
 */
static __always_inline int fp_slab_free(struct fp_slab_cache *cache, u64 object)
{
	return likely(fp_slab_push(cache, object)) ? 0 : fp_slab_free_slow(cache, object);
}

#endif
