/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FP_SLAB_H
#define FP_SLAB_H

#include "core/magazine.h"

#define FP_SLAB_NONE		FP_MAGAZINE_NONE	/* no object */
#define FP_SLAB_MIN_SIZE	8U
#define FP_SLAB_MAX_SIZE	(FP_HUGE_FRAMES << PAGE_SHIFT)
#define FP_SLAB_MAX_ORDER	FP_HUGE_ORDER
/* For slabs smaller than 32 KiB, the metadata would be too large a share. */
#define FP_SLAB_MIN_ORDER	(PAGE_SHIFT < 15 ? 15 - PAGE_SHIFT : 0)
#define FP_SLAB_BATCH		64		/* objects moved to or from slabs at once */
#define FP_SLAB_PARTIAL		8		/* classes of partly used slabs */
#define FP_SLAB_FULL		0
#define FP_SLAB_EMPTY		(FP_SLAB_PARTIAL + 1)
#define FP_SLAB_CLASSES		(FP_SLAB_EMPTY + 1)

/**
 * struct fp_slab - metadata of a slab, kept outside it
 * @node: entry in the list of its class
 * @base: address of its first object
 * @nr_free: objects that are neither allocated nor in a magazine
 * @class: follows from @nr_free: FP_SLAB_FULL, 1 to FP_SLAB_PARTIAL, or FP_SLAB_EMPTY
 * @first: the words of @free before this one are 0
 * @private: belongs to the cache's user, or NULL; freed with kfree()
 * @free: one bit for each object, set if it is free
 *
 * Everything is protected by the lock of the cache; @base is constant.
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

struct fp_slab_cache;

/**
 * struct fp_slab_ops - where the memory of a cache comes from
 * @get: allocates memory for a slab. Returns its address, which is a multiple of its length above
 *       the cache's @origin, or FP_SLAB_NONE. Not needed for a cache without magazines, whose user
 *       adds slabs with fp_slab_add().
 * @show: called when a slab that was added has got its address, before an object of it is
 *	  allocated, unless NULL
 * @hide: called before another slab may take the place of this one, unless NULL
 * @put: frees the memory of a slab, which may have a @private
 *
 * All are called without the lock, in the context of the cache's user.
 */
struct fp_slab_ops {
	u64 (*get)(struct fp_slab_cache *cache, bool may_sleep);
	void (*show)(struct fp_slab_cache *cache, u64 base, void *private);
	void (*hide)(struct fp_slab_cache *cache, u64 base, void *private);
	void (*put)(struct fp_slab_cache *cache, u64 base, void *private);
};

/**
 * struct fp_slab_config - parameters of a cache
 * @ops: where its memory comes from
 * @origin: lowest address, a multiple of a huge frame
 * @span: all addresses are below @origin + @span
 * @size: bytes of an object, FP_SLAB_MIN_SIZE to FP_SLAB_MAX_SIZE
 * @align: alignment of an object: a power of two, at most a huge frame, or 0; at least 8 in any
 *         case
 * @cached_bytes: most bytes of objects in a magazine; 0: each call goes to the slabs
 * @seed: seed of the random order in which objects are allocated; 0: by address
 * @min_order: least order of a slab, if possible
 * @redzone: least number of unused bytes behind each object
 * @account: charge the caller's memory cgroup for the index of slabs
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
	u32 redzone;
	bool account;
};

/**
 * struct fp_slab_cache - objects of one size
 * @ops: constant, as is everything before @magazines
 * @origin: lowest address, a multiple of the length of any slab
 * @span: length of the range of addresses
 * @size: bytes of an object, as asked for
 * @stride: bytes from one object to the next
 * @per_slab: objects in a slab
 * @order: log2 of a slab's frames
 * @shift: log2 of its bytes
 * @reciprocal: for dividing by @stride
 * @class_shift: maps the count of free objects to the class
 * @keep: most empty slabs that are kept
 * @magazines: one for each processor, of addresses; without memory if the cache has none
 * @lock: protects what follows, and the slabs
 * @lists: slabs by class
 * @places: slabs by place: offset from @origin, in lengths of a slab. A place stays reserved
 *	    until its slab was hidden. May be read without the lock.
 * @nr_slabs: how many slabs
 * @nr_free: free objects in all slabs
 * @nr_empty: empty slabs
 * @nr_refills: how often objects were taken from slabs
 * @nr_returns: how often objects were put back into slabs
 * @nr_bad_frees: refused frees
 * @random: state of the random numbers, or 0
 */
struct fp_slab_cache {
	const struct fp_slab_ops *ops;
	u64 origin;
	u64 span;
	u32 size;
	u32 stride;
	u32 per_slab;
	u32 order;
	u32 shift;
	u32 reciprocal;
	u32 class_shift;
	u32 keep;
	struct fp_magazines magazines;
	spinlock_t lock;
	struct list_head lists[FP_SLAB_CLASSES];
	struct xarray places;
	u64 nr_slabs;
	u64 nr_free;
	u64 nr_empty;
	u64 nr_refills;
	u64 nr_returns;
	u64 nr_bad_frees;
	u64 random;
};

/**
 * struct fp_slab_stats - a snapshot
 * @slabs: number of slabs
 * @empty: slabs without allocated objects
 * @objects: places for objects in all slabs
 * @active: allocated objects
 * @cached: objects in magazines
 * @hits: objects that were allocated from a magazine
 * @refills: how often objects were taken from slabs
 * @kept: objects that were freed into a magazine
 * @returns: how often objects were put back into slabs
 * @bad_frees: refused frees
 * @waste: bytes of the slabs that are not part of an object
 * @metadata: bytes of other memory used, without what the memory allocator adds by rounding up
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
int fp_slab_add(struct fp_slab_cache *cache, u64 base, void *private, gfp_t gfp);
void fp_slab_release_empty(struct fp_slab_cache *cache);
struct fp_slab *fp_slab_find(struct fp_slab_cache *cache, u64 address);
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
static inline u32 fp_slab_words(const struct fp_slab_cache *cache)
{
	return (cache->per_slab + 63) / 64;
}

/* Take an object from this processor's magazine. Returns FP_SLAB_NONE if it is empty or in use. */
static __always_inline u64 fp_slab_pop(struct fp_slab_cache *cache)
{
	return fp_magazines_pop(&cache->magazines, 0, sizeof(u64), true);
}

/*
 * Put an object into this processor's magazine. Returns false if it is full or in use, or @object
 * is out of range.
 */
static __always_inline bool fp_slab_push(struct fp_slab_cache *cache, u64 object)
{
	return likely(object - cache->origin < cache->span) &&
	       fp_magazines_push(&cache->magazines, 0, sizeof(u64), true, object);
}

#endif
