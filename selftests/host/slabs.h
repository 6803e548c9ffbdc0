/* SPDX-License-Identifier: GPL-2.0-only */
/* Caches over an arena of real memory, for the host tests. */
#ifndef FP_HOST_SLABS_H
#define FP_HOST_SLABS_H

#include "slab/slab.h"

#define ARENA_BYTES	(64ULL << 20)
#define PLACE_BYTES	(1ULL << (FP_HUGE_ORDER + PAGE_SHIFT))	/* of the arena, for a slab of any length */
#define PLACES		(ARENA_BYTES / PLACE_BYTES)

/**
 * struct slabs - a cache under test
 * @cache: it
 * @lock: protects what follows
 * @places: of the arena that are left
 * @taken: by number of a place
 * @limit: most places that may be taken
 * @nr: that are taken
 */
struct slabs {
	struct fp_slab_cache cache;
	pthread_mutex_t lock;
	bool taken[PLACES * 64];
	u32 limit;
	u32 nr;
};

/* What @config says of size, alignment and so on, on an arena that is zero. */
int slabs_init(struct slabs *slabs, const struct fp_slab_config *config);
/* Without magazines. */
int slabs_setup(struct slabs *slabs, const struct fp_slab_config *config);
/* Nothing is allocated any more, and every slab comes back. */
void slabs_fini(struct slabs *slabs);
void slabs_expect_sound(struct slabs *slabs);
u64 slabs_active(struct slabs *slabs);

#endif
