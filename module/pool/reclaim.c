// SPDX-License-Identifier: GPL-2.0-only
/* Reclaimers keep blocks of a pool for later; they are asked for them before allocations fail. */
#include "pool/reclaim.h"

/**
 * fp_reclaimers_init() - make an empty list
 * @reclaimers: the list
 *
 * Context: any.
 */
void fp_reclaimers_init(struct fp_reclaimers *reclaimers)
{
	mutex_init(&reclaimers->mutex);
	spin_lock_init(&reclaimers->lock);
	INIT_LIST_HEAD(&reclaimers->list);
	INIT_LIST_HEAD(&reclaimers->sleepers);
}

/**
 * fp_reclaimers_add() - add a reclaimer
 * @reclaimers: the list
 * @reclaimer: the reclaimer
 *
 * Context: may sleep.
 */
void fp_reclaimers_add(struct fp_reclaimers *reclaimers, struct fp_reclaimer *reclaimer)
{
	mutex_lock(&reclaimers->mutex);
	spin_lock_bh(&reclaimers->lock);
	list_add_tail(&reclaimer->node,
		      reclaimer->sleeps ? &reclaimers->sleepers : &reclaimers->list);
	spin_unlock_bh(&reclaimers->lock);
	mutex_unlock(&reclaimers->mutex);
}

/**
 * fp_reclaimers_del() - remove a reclaimer
 * @reclaimers: the list
 * @reclaimer: the reclaimer; it is not called any more once this returns
 *
 * Context: may sleep.
 */
void fp_reclaimers_del(struct fp_reclaimers *reclaimers, struct fp_reclaimer *reclaimer)
{
	mutex_lock(&reclaimers->mutex);
	spin_lock_bh(&reclaimers->lock);
	list_del(&reclaimer->node);
	spin_unlock_bh(&reclaimers->lock);
	mutex_unlock(&reclaimers->mutex);
}

/**
 * fp_reclaimers_ask() - have all reclaimers give back what they can
 * @reclaimers: the list
 * @may_sleep: ask those that sleep as well, and for all that they keep
 *
 * Context: process or softirq; may sleep if @may_sleep.
 */
void fp_reclaimers_ask(struct fp_reclaimers *reclaimers, bool may_sleep)
{
	struct fp_reclaimer *reclaimer;

	if (may_sleep) {
		mutex_lock(&reclaimers->mutex);
		list_for_each_entry(reclaimer, &reclaimers->list, node)
			reclaimer->give(reclaimer, true);
		list_for_each_entry(reclaimer, &reclaimers->sleepers, node)
			reclaimer->give(reclaimer, true);
		mutex_unlock(&reclaimers->mutex);
		return;
	}
	spin_lock_bh(&reclaimers->lock);
	list_for_each_entry(reclaimer, &reclaimers->list, node)
		reclaimer->give(reclaimer, false);
	spin_unlock_bh(&reclaimers->lock);
}
