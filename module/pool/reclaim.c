// SPDX-License-Identifier: GPL-2.0-only
/* Those who keep blocks of a pool for later, and are asked for them before an allocation fails. */
#include "pool/reclaim.h"

/**
 * fp_reclaimers_init() - nobody keeps anything
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
 * fp_reclaimers_add() - have somebody asked from now on
 * @reclaimers: the list
 * @reclaimer: who
 *
 * Context: may sleep.
 */
void fp_reclaimers_add(struct fp_reclaimers *reclaimers, struct fp_reclaimer *reclaimer)
{
	mutex_lock(&reclaimers->mutex);
	spin_lock_bh(&reclaimers->lock);
	list_add_tail(&reclaimer->node, reclaimer->sleeps ? &reclaimers->sleepers : &reclaimers->list);
	spin_unlock_bh(&reclaimers->lock);
	mutex_unlock(&reclaimers->mutex);
}

/**
 * fp_reclaimers_del() - have somebody asked no more
 * @reclaimers: the list
 * @reclaimer: who; nobody is asking him when this returns
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
 * fp_reclaimers_ask() - have them all give back what they can
 * @reclaimers: the list
 * @may_sleep: take the time for it
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
