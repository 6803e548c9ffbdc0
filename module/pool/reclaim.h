/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FP_RECLAIM_H
#define FP_RECLAIM_H

#include <linux/atomic.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>

/**
 * struct fp_reclaimer - has slabs, some of which it can do without
 * @node: in the pool's list while it has slabs, and for a while afterwards (protected by the
 *        reclaim lock)
 * @nr_slabs: how many it has
 * @give: gives slabs back; if @hard, also those that take time, or a caller that may sleep, to get
 *        at
 */
struct fp_reclaimer {
	struct list_head node;
	atomic_t nr_slabs;
	void (*give)(struct fp_reclaimer *reclaimer, bool hard);
};

/**
 * struct fp_reclaimers - the reclaimers of one pool that have slabs
 * @mutex: held while a caller that may sleep asks one reclaimer
 * @lock: protects @list and @nr; held while a caller that may not sleep asks a few
 * @list: in the order in which they are asked
 * @nr: how many are in @list
 */
struct fp_reclaimers {
	struct mutex mutex;
	spinlock_t lock;
	struct list_head list;
	u32 nr;
};

void fp_reclaimers_init(struct fp_reclaimers *reclaimers);
void fp_reclaimers_add(struct fp_reclaimers *reclaimers, struct fp_reclaimer *reclaimer);
void fp_reclaimers_del(struct fp_reclaimers *reclaimers, struct fp_reclaimer *reclaimer);
void fp_reclaimers_ask_few(struct fp_reclaimers *reclaimers);
void fp_reclaimers_ask_all(struct fp_reclaimers *reclaimers, bool hard);

/**
 * fp_reclaimer_grew() - a reclaimer has got a slab
 * @reclaimers: the reclaimers of the pool
 * @reclaimer: the reclaimer
 *
 * Context: process or softirq.
 */
static inline void fp_reclaimer_grew(struct fp_reclaimers *reclaimers,
				     struct fp_reclaimer *reclaimer)
{
	if (atomic_inc_return(&reclaimer->nr_slabs) == 1)
		fp_reclaimers_add(reclaimers, reclaimer);
}

/**
 * fp_reclaimer_shrank() - a reclaimer has given a slab back
 * @reclaimer: the reclaimer
 *
 * Context: any.
 */
static inline void fp_reclaimer_shrank(struct fp_reclaimer *reclaimer)
{
	atomic_dec(&reclaimer->nr_slabs);
}

#endif
