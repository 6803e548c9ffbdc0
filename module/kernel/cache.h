/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FP_CACHE_H
#define FP_CACHE_H

#include <linux/atomic.h>

#include "kernel/framepool.h"
#include "pool/pool.h"
#include "slab/slab.h"

/**
 * struct fp_cache - a cache of objects for a kernel module
 * @slabs: it; addresses are those of the kernel
 * @pool: where its slabs come from
 * @reclaimer: gives them back
 * @node: in the list of all caches (protected by the caches lock)
 * @name: constant
 * @size: of an object, as the user sees it; constant
 * @ctor: or NULL; constant
 * @is_debugged: each allocation and free is looked at (see slabdebug.c); constant
 * @nr_reports: mistakes that were reported
 */
struct fp_cache {
	struct fp_slab_cache slabs;
	struct fp_pool *pool;
	struct fp_reclaimer reclaimer;
	struct list_head node;
	char name[FRAMEPOOL_NAME_MAX];
	u32 size;
	void (*ctor)(void *object);
	bool is_debugged;
	atomic64_t nr_reports;
};

void fp_caches_for_each(struct fp_pool *pool, void (*show)(struct fp_cache *cache, void *context),
			void *context);
const char *fp_caches_verify(struct fp_pool *pool);

#endif
