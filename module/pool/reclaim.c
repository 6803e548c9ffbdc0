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
}

/**
 * fp_reclaimers_add() - have a reclaimer asked
 * @reclaimers: the list
 * @reclaimer: the reclaimer
 *
 * Context: process or softirq.
 */
void fp_reclaimers_add(struct fp_reclaimers *reclaimers, struct fp_reclaimer *reclaimer)
{
	spin_lock_bh(&reclaimers->lock);
	if (list_empty(&reclaimer->node)) {
		list_add_tail(&reclaimer->node, &reclaimers->list);
		reclaimers->nr++;
	}
	spin_unlock_bh(&reclaimers->lock);
}

static void del_locked(struct fp_reclaimers *reclaimers, struct fp_reclaimer *reclaimer)
{
	lockdep_assert_held(&reclaimers->lock);
	list_del_init(&reclaimer->node);
	reclaimers->nr--;
}

/**
 * fp_reclaimers_del() - have a reclaimer asked no more
 * @reclaimers: the list
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

/* Choose the reclaimer whose turn it is. Returns NULL if there is none. */
static struct fp_reclaimer *next_locked(struct fp_reclaimers *reclaimers)
{
	struct fp_reclaimer *reclaimer;

	lockdep_assert_held(&reclaimers->lock);
	reclaimer = list_first_entry_or_null(&reclaimers->list, struct fp_reclaimer, node);
	if (!reclaimer)
		return NULL;
	/* Whoever adds a first slab takes the lock after that, and finds it in the list or not. */
	if (atomic_read(&reclaimer->nr_slabs))
		list_move_tail(&reclaimer->node, &reclaimers->list);
	else
		del_locked(reclaimers, reclaimer);
	return reclaimer;
}

/**
 * fp_reclaimers_ask_few() - have a few reclaimers give back what they can without sleeping
 * @reclaimers: the list
 *
 * Context: process or softirq.
 */
void fp_reclaimers_ask_few(struct fp_reclaimers *reclaimers)
{
	struct fp_reclaimer *reclaimer;
	u32 left;

	spin_lock_bh(&reclaimers->lock);
	for (left = min(reclaimers->nr, FEW); left; left--) {
		reclaimer = next_locked(reclaimers);
		reclaimer->give(reclaimer, false);
	}
	spin_unlock_bh(&reclaimers->lock);
}

/* Ask the reclaimer whose turn it is. Returns false if there is none. */
static bool ask_next(struct fp_reclaimers *reclaimers, bool hard)
{
	struct fp_reclaimer *reclaimer;

	mutex_lock(&reclaimers->mutex);
	spin_lock_bh(&reclaimers->lock);
	reclaimer = next_locked(reclaimers);
	spin_unlock_bh(&reclaimers->lock);
	if (reclaimer)
		reclaimer->give(reclaimer, hard);
	mutex_unlock(&reclaimers->mutex);
	return reclaimer;
}

/**
 * fp_reclaimers_ask_all() - have all reclaimers give back what they can
 * @reclaimers: the list
 * @hard: also what takes time to get at
 *
 * Context: may sleep.
 */
void fp_reclaimers_ask_all(struct fp_reclaimers *reclaimers, bool hard)
{
	u32 left = READ_ONCE(reclaimers->nr);

	while (left-- && ask_next(reclaimers, hard))
		cond_resched();
}
