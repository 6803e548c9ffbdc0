/* SPDX-License-Identifier: GPL-2.0-only */
/* Caches over an arena of real memory, for the host tests. */
#ifndef FP_HOST_SLABS_H
#define FP_HOST_SLABS_H

#include "slab/slab.h"

#define ARENA_BYTES	(64ULL << 20)
/* Length of a place in the arena for a slab of any size. */
#define PLACE_BYTES	(1ULL << (FP_HUGE_ORDER + PAGE_SHIFT))
#define PLACES		(ARENA_BYTES / PLACE_BYTES)

/**
 * struct slabs - a cache under test
 * @cache: the cache
 * @lock: protects the fields below
 * @taken: whether a place of the arena is taken, by its number
 * @limit: how many places may be taken at most
 * @nr: how many are taken
 */
struct slabs {
	struct fp_slab_cache cache;
	pthread_mutex_t lock;
	bool taken[PLACES * 64];
	u32 limit;
	u32 nr;
};

/* Makes a cache on the arena, with the size, alignment and so on of @config. */
int slabs_init(struct slabs *slabs, const struct fp_slab_config *config);
/* The same without magazines. */
int slabs_setup(struct slabs *slabs, const struct fp_slab_config *config);
/* Expects that all objects have been freed, and that every slab comes back. */
void slabs_fini(struct slabs *slabs);
void slabs_expect_sound(struct slabs *slabs);
u64 slabs_active(struct slabs *slabs);

/* What framepool_cache_alloc() and framepool_cache_free() do. */
static inline u64 slabs_alloc(struct fp_slab_cache *cache, bool may_sleep)
{
	u64 object = fp_slab_pop(cache);

	return object != FP_SLAB_NONE ? object : fp_slab_alloc_slow(cache, may_sleep);
}

static inline int slabs_free(struct fp_slab_cache *cache, u64 object)
{
	return fp_slab_push(cache, object) ? 0 : fp_slab_free_slow(cache, object);
}

#endif
