/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FP_CACHE_H
#define FP_CACHE_H

#include <linux/atomic.h>

#include "kernel/framepool_kernel.h"
#include "pool/pool.h"
#include "slab/slab.h"

/**
 * struct fp_cache - a cache of objects for a kernel module
 * @slabs: the slabs; addresses are kernel virtual addresses
 * @pool: where its slabs come from
 * @reclaimer: gives slabs back to the pool
 * @node: entry in the list of all caches (protected by the caches lock)
 * @name: shown in debugfs and reports; constant
 * @ctor: constructor, or NULL; constant
 * @is_debugged: each allocation and free is checked (see slabdebug.c); constant
 * @nr_reports: misuse that was reported
 */
struct fp_cache {
	struct fp_slab_cache slabs;
	struct fp_pool *pool;
	struct fp_reclaimer reclaimer;
	struct list_head node;
	char name[FRAMEPOOL_NAME_MAX];
	void (*ctor)(void *object);
	bool is_debugged;
	atomic64_t nr_reports;
};

void fp_caches_for_each(struct fp_pool *pool, void (*show)(struct fp_cache *cache, void *context),
			void *context);

#endif
