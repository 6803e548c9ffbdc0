// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reclaimers have slabs, some of which they keep for later. They are asked for them before
 * allocations fail, one after the other: no lock is held for longer than one or a few of them take.
 *
 * A reclaimer is in a list from its first slab on, until it is its turn and it has none left. So
 * those without slabs cost nothing.
 */
#include "pool/reclaim.h"

#include <linux/sched.h>

/* How many a caller that may not sleep asks. The next caller asks others. */
#define FEW	64U

/**
 * fp_reclaimers_init() - make empty lists
 * @reclaimers: the lists
 *
 * Context: any.
 */
void fp_reclaimers_init(struct fp_reclaimers *reclaimers)
{
	mutex_init(&reclaimers->mutex);
	spin_lock_init(&reclaimers->lock);
	INIT_LIST_HEAD(&reclaimers->lists[false]);
	INIT_LIST_HEAD(&reclaimers->lists[true]);
}

/**
 * fp_reclaimer_init() - initialise a reclaimer without slabs
 * @reclaimer: zeroed
 * @sleeps: as in struct fp_reclaimer
 * @give: likewise
 *
 * Context: any.
 */
void fp_reclaimer_init(struct fp_reclaimer *reclaimer, bool sleeps,
		       void (*give)(struct fp_reclaimer *reclaimer, bool may_sleep))
{
	INIT_LIST_HEAD(&reclaimer->node);
	reclaimer->sleeps = sleeps;
	reclaimer->give = give;
}

/**
 * fp_reclaimers_add() - have a reclaimer asked
 * @reclaimers: the lists
 * @reclaimer: the reclaimer
 *
 * Context: process or softirq.
 */
void fp_reclaimers_add(struct fp_reclaimers *reclaimers, struct fp_reclaimer *reclaimer)
{
	spin_lock_bh(&reclaimers->lock);
	if (list_empty(&reclaimer->node)) {
		list_add_tail(&reclaimer->node, &reclaimers->lists[reclaimer->sleeps]);
		reclaimers->nr[reclaimer->sleeps]++;
	}
	spin_unlock_bh(&reclaimers->lock);
}

static void del_locked(struct fp_reclaimers *reclaimers, struct fp_reclaimer *reclaimer)
{
	lockdep_assert_held(&reclaimers->lock);
	list_del_init(&reclaimer->node);
	reclaimers->nr[reclaimer->sleeps]--;
}

/**
 * fp_reclaimers_del() - have a reclaimer asked no more
 * @reclaimers: the lists
 * @reclaimer: the reclaimer; it is not called any more once this returns
 *
 * Context: may sleep.
 */
void fp_reclaimers_del(struct fp_reclaimers *reclaimers, struct fp_reclaimer *reclaimer)
{
	mutex_lock(&reclaimers->mutex);
	spin_lock_bh(&reclaimers->lock);
	if (!list_empty(&reclaimer->node))
		del_locked(reclaimers, reclaimer);
	spin_unlock_bh(&reclaimers->lock);
	mutex_unlock(&reclaimers->mutex);
}

/* Whose turn is it? Returns NULL if the list is empty. */
static struct fp_reclaimer *next_locked(struct fp_reclaimers *reclaimers, bool sleeps)
{
	struct list_head *list = &reclaimers->lists[sleeps];
	struct fp_reclaimer *reclaimer;

	lockdep_assert_held(&reclaimers->lock);
	reclaimer = list_first_entry_or_null(list, struct fp_reclaimer, node);
	if (!reclaimer)
		return NULL;
	/* Whoever adds a first slab takes the lock after that, and finds it in the list or not. */
	if (atomic_read(&reclaimer->nr_slabs))
		list_move_tail(&reclaimer->node, list);
	else
		del_locked(reclaimers, reclaimer);
	return reclaimer;
}

/**
 * fp_reclaimers_ask_few() - have a few reclaimers give back what they can without sleeping
 * @reclaimers: the lists
 *
 * Context: process or softirq.
 */
void fp_reclaimers_ask_few(struct fp_reclaimers *reclaimers)
{
	struct fp_reclaimer *reclaimer;
	u32 left;

	spin_lock_bh(&reclaimers->lock);
	for (left = min(reclaimers->nr[false], FEW); left; left--) {
		reclaimer = next_locked(reclaimers, false);
		reclaimer->give(reclaimer, false);
	}
	spin_unlock_bh(&reclaimers->lock);
}

/* Ask the reclaimer whose turn it is. Returns false if there is none. */
static bool ask_next(struct fp_reclaimers *reclaimers, bool sleeps, bool hard)
{
	struct fp_reclaimer *reclaimer;

	mutex_lock(&reclaimers->mutex);
	spin_lock_bh(&reclaimers->lock);
	reclaimer = next_locked(reclaimers, sleeps);
	spin_unlock_bh(&reclaimers->lock);
	if (reclaimer)
		reclaimer->give(reclaimer, hard);
	mutex_unlock(&reclaimers->mutex);
	cond_resched();
	return reclaimer;
}

/**
 * fp_reclaimers_ask_all() - have all reclaimers give back what they can
 * @reclaimers: the lists
 * @hard: ask those that sleep as well, and for all that they keep
 *
 * Context: may sleep.
 */
void fp_reclaimers_ask_all(struct fp_reclaimers *reclaimers, bool hard)
{
	u32 sleeps, left;

	for (sleeps = false; sleeps <= hard; sleeps++)
		for (left = READ_ONCE(reclaimers->nr[sleeps]); left; left--)
			if (!ask_next(reclaimers, sleeps, hard))
				break;
}
