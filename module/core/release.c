// SPDX-License-Identifier: GPL-2.0-only
/*
 * What happens to wholly free huge frames when they leave their owner. Clean ones are empty again,
 * and anybody may have them. Dirty ones go into quarantine: they wait in a queue until a higher
 * layer checks their reference count and clears them. Each budget has two queues: one for those
 * that nobody has examined yet, one for those that were referenced when they were examined. So a
 * client at its limit can have its own huge frames cleared first, and the background worker serves
 * the clients in turn.
 */
#include "core/owner.h"

/* Put a queue that is no longer empty on the lists of such queues. */
static void enlist_queue(struct fp_buddy *buddy, struct fp_budget *budget, enum fp_queue_kind kind)
{
	struct fp_queue *queue = &budget->queues[kind];

	queue->turn = 0;
	list_add_tail(&queue->all, &buddy->queues[kind]);
	if (budget->parent)
		list_add_tail(&queue->siblings, &budget->parent->children[kind]);
}

static void delist_queue(struct fp_budget *budget, enum fp_queue_kind kind)
{
	struct fp_queue *queue = &budget->queues[kind];

	list_del(&queue->all);
	if (budget->parent)
		list_del(&queue->siblings);
}

static void queue_huge(struct fp_buddy *buddy, struct fp_budget *budget, enum fp_queue_kind kind,
		       u32 index)
{
	struct fp_queue *queue = &budget->queues[kind];

	lockdep_assert_held(&buddy->lock);
	fp_huge_set_quarantined(&buddy->huge[index], budget->label);
	if (queue->nr++)
		fp_huge_set_next(&buddy->huge[queue->last], index);
	else
		queue->first = index;
	queue->last = index;
	if (queue->nr == 1)
		enlist_queue(buddy, budget, kind);
	WRITE_ONCE(buddy->nr_queued[kind], buddy->nr_queued[kind] + 1);
}

static void empty_huge(struct fp_buddy *buddy, struct fp_budget *budget, u32 index, u32 nr)
{
	u32 i;

	lockdep_assert_held(&buddy->lock);
	for (i = index; i < index + nr; i++)
		fp_huge_set(&buddy->huge[i], FP_HUGE_EMPTY, FP_NO_ID, FP_NIL, FP_NIL);
	WRITE_ONCE(buddy->nr_released, buddy->nr_released + nr);
	fp_hugemap_put(&buddy->map, index, nr);
	fp_budget_uncharge(budget, nr);
}

/**
 * fp_buddy_release_run() - release wholly free huge frames
 * @buddy: the buddy, locked
 * @budget: of their owner
 * @index: the first
 * @nr: how many, one after the other
 * @dirty: they go into quarantine; otherwise they become empty
 */
void fp_buddy_release_run(struct fp_buddy *buddy, struct fp_budget *budget, u32 index, u32 nr,
			  bool dirty)
{
	u32 i;

	if (!dirty) {
		empty_huge(buddy, budget, index, nr);
		return;
	}
	for (i = index; i < index + nr; i++) {
		queue_huge(buddy, budget, FP_UNCLEARED, i);
		trace_quarantine(buddy, i, budget->label, FP_TRACE_ENTERED);
	}
	WRITE_ONCE(buddy->nr_quarantined, buddy->nr_quarantined + nr);
	fp_budget_quarantine(budget, nr);
}

/**
 * fp_owner_release() - release a huge frame without allocated frames
 * @owner: the owner, locked; the huge frame is on none of its lists any more
 * @index: the huge frame
 *
 * Context: any; takes the buddy's lock.
 */
void fp_owner_release(struct fp_owner *owner, u32 index)
{
	struct fp_buddy *buddy = owner->buddy;
	bool dirty = !fp_frames_all_clean(&buddy->frames[index]);

	spin_lock(&buddy->lock);
	fp_buddy_release_run(buddy, owner->budget, index, 1, dirty);
	fp_owner_put_id(owner);
	spin_unlock(&buddy->lock);
}

static struct fp_budget *budget_of(struct fp_queue *queue, enum fp_queue_kind kind)
{
	return list_entry(queue - kind, struct fp_budget, queues[0]);
}

/*
 * Make it another queue's turn. Huge frames that are still referenced go back into their queue, so
 * a queue of these has its turn for as many as it has: then one pass over all queues sees each huge
 * frame once, whatever other clients have in quarantine. Of huge frames that only need clearing,
 * each client gets one in turn.
 */
static void take_turns(struct fp_buddy *buddy, struct fp_budget *budget, enum fp_queue_kind kind)
{
	struct fp_queue *queue = &budget->queues[kind];

	if (kind == FP_REFERENCED) {
		if (!queue->turn)
			queue->turn = queue->nr;
		if (--queue->turn)
			return;
	}
	list_move_tail(&queue->all, &buddy->queues[kind]);
	if (budget->parent)
		list_move_tail(&queue->siblings, &budget->parent->children[kind]);
}

/*
 * The next budget to take from: @whose or one of its children, or any if @whose is NULL; in turns.
 * NULL: there is nothing to take.
 */
static struct fp_budget *next_budget(struct fp_buddy *buddy, struct fp_budget *whose,
				     enum fp_queue_kind kind)
{
	struct list_head *queues = whose ? &whose->children[kind] : &buddy->queues[kind];
	struct fp_queue *queue;

	if (whose && whose->queues[kind].nr)
		return whose;
	if (list_empty(queues))
		return NULL;
	queue = whose ? list_first_entry(queues, struct fp_queue, siblings) :
			list_first_entry(queues, struct fp_queue, all);
	return budget_of(queue, kind);
}

/**
 * fp_buddy_quarantine_pop() - take a huge frame out of the quarantine to examine it
 * @buddy: the buddy
 * @whose: only of this budget or its children; NULL: of any budget, in turns
 * @kind: which queue to take it from
 * @budget: the result: the budget that is charged for it
 *
 * The caller hands it back with fp_buddy_quarantine_push(), fp_buddy_quarantine_release() or
 * fp_buddy_quarantine_retire(). Until then it counts as quarantined, and is charged.
 *
 * Context: any; takes the buddy's lock.
 * Return: its index, or FP_NIL.
 */
u32 fp_buddy_quarantine_pop(struct fp_buddy *buddy, struct fp_budget *whose,
			    enum fp_queue_kind kind, struct fp_budget **budget)
{
	struct fp_queue *queue;
	u32 index = FP_NIL;

	spin_lock_bh(&buddy->lock);
	*budget = next_budget(buddy, whose, kind);
	if (*budget) {
		take_turns(buddy, *budget, kind);
		queue = &(*budget)->queues[kind];
		index = queue->first;
		queue->first = fp_huge_next(&buddy->huge[index]);
		if (!--queue->nr)
			delist_queue(*budget, kind);
		WRITE_ONCE(buddy->nr_queued[kind], buddy->nr_queued[kind] - 1);
	}
	spin_unlock_bh(&buddy->lock);
	return index;
}

/**
 * fp_buddy_quarantine_push() - put a huge frame back into quarantine
 * @buddy: the buddy
 * @budget: from fp_buddy_quarantine_pop()
 * @index: likewise; somebody still references it
 *
 * Context: any; takes the buddy's lock.
 */
void fp_buddy_quarantine_push(struct fp_buddy *buddy, struct fp_budget *budget, u32 index)
{
	spin_lock_bh(&buddy->lock);
	queue_huge(buddy, budget, FP_REFERENCED, index);
	spin_unlock_bh(&buddy->lock);
}

/**
 * fp_buddy_is_charged() - is anything charged to a budget?
 * @buddy: the buddy
 * @budget: a budget whose owner has ended, or that has none
 *
 * A release or a retirement under way may still use the budget after it has lowered the charge to
 * 0. It does so under the buddy's lock, which this takes.
 *
 * Context: any; takes the buddy's lock.
 * Return: false: nobody uses the budget any more, so it can be freed.
 */
bool fp_buddy_is_charged(struct fp_buddy *buddy, const struct fp_budget *budget)
{
	bool charged;

	spin_lock_bh(&buddy->lock);
	charged = budget->charged;
	spin_unlock_bh(&buddy->lock);
	return charged;
}

static void leave_quarantine(struct fp_buddy *buddy, struct fp_budget *budget)
{
	lockdep_assert_held(&buddy->lock);
	WRITE_ONCE(buddy->nr_quarantined, buddy->nr_quarantined - 1);
	fp_budget_quarantine(budget, -1);
}

/**
 * fp_buddy_quarantine_release() - a huge frame leaves the quarantine and becomes empty
 * @buddy: the buddy
 * @budget: from fp_buddy_quarantine_pop(); may be gone when this returns, if its owner has ended
 * @index: likewise; nobody references it, and it is all zeros
 *
 * Context: any; takes the buddy's lock.
 */
void fp_buddy_quarantine_release(struct fp_buddy *buddy, struct fp_budget *budget, u32 index)
{
	spin_lock_bh(&buddy->lock);
	leave_quarantine(buddy, budget);
	empty_huge(buddy, budget, index, 1);
	spin_unlock_bh(&buddy->lock);
}

/**
 * fp_buddy_quarantine_retire() - retire a huge frame for good
 * @buddy: the buddy
 * @budget: from fp_buddy_quarantine_pop(); may be gone when this returns, if its owner has ended
 * @index: likewise; it has a bad frame
 *
 * Context: any; takes the buddy's lock.
 */
void fp_buddy_quarantine_retire(struct fp_buddy *buddy, struct fp_budget *budget, u32 index)
{
	spin_lock_bh(&buddy->lock);
	leave_quarantine(buddy, budget);
	fp_huge_set(&buddy->huge[index], FP_HUGE_RETIRED, FP_NO_ID, FP_NIL, FP_NIL);
	WRITE_ONCE(buddy->nr_retired, buddy->nr_retired + 1);
	WRITE_ONCE(buddy->nr_released, buddy->nr_released + 1);
	fp_budget_uncharge(budget, 1);
	spin_unlock_bh(&buddy->lock);
}
