/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FP_RECLAIM_H
#define FP_RECLAIM_H

#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>

/**
 * struct fp_reclaimer - who keeps blocks of a pool that he can do without
 * @node: in one of the lists
 * @sleeps: is not asked by who may not sleep; constant
 * @give: gives blocks back; those too that take time to get at if @may_sleep
 */
struct fp_reclaimer {
	struct list_head node;
	bool sleeps;
	void (*give)(struct fp_reclaimer *reclaimer, bool may_sleep);
};

/**
 * struct fp_reclaimers - of one pool
 * @mutex: held by who asks them all and may sleep
 * @lock: held by who asks them and may not
 * @list: who can be asked by both (protected by both locks: either will do to read it)
 * @sleepers: the others (protected by @mutex)
 */
struct fp_reclaimers {
	struct mutex mutex;
	spinlock_t lock;
	struct list_head list;
	struct list_head sleepers;
};

void fp_reclaimers_init(struct fp_reclaimers *reclaimers);
void fp_reclaimers_add(struct fp_reclaimers *reclaimers, struct fp_reclaimer *reclaimer);
void fp_reclaimers_del(struct fp_reclaimers *reclaimers, struct fp_reclaimer *reclaimer);
void fp_reclaimers_ask(struct fp_reclaimers *reclaimers, bool may_sleep);

#endif
