/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FP_RECLAIM_H
#define FP_RECLAIM_H

#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>

/**
 * struct fp_reclaimer - keeps blocks of a pool that it can do without
 * @node: in one of the lists
 * @sleeps: it is not asked by callers that may not sleep; constant
 * @give: gives blocks back; if @may_sleep, also those that take time to get at
 */
struct fp_reclaimer {
	struct list_head node;
	bool sleeps;
	void (*give)(struct fp_reclaimer *reclaimer, bool may_sleep);
};

/**
 * struct fp_reclaimers - the reclaimers of one pool
 * @mutex: held by callers that may sleep, while they ask all reclaimers
 * @lock: held by callers that may not sleep, while they ask those on @list
 * @list: those that both may ask (protected by both locks: either is enough to read it)
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
