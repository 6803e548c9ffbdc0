// SPDX-License-Identifier: GPL-2.0-only
/*
 * What happens to wholly free huge frames when they leave their owner. Clean ones are empty again,
 * and anybody may have them. Dirty ones go into quarantine: they wait in a queue until a higher
 * layer checks their reference count and clears them. Each budget has queues of its own: for those
 * that nobody has examined yet, for those that were referenced when they were examined, and for
 * those that their owner may have again as they are. So a client at its limit can have its own huge
 * frames cleared first, and the background worker serves the clients in turn. A run enters a queue
 * as a whole, so it takes no longer to free a longer one, and leaves it huge frame by huge frame,
 * or as many at once as its owner wants again.
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

static void queue_run(struct fp_buddy *buddy, struct fp_budget *budget, enum fp_queue_kind kind,
		      u32 index, u32 nr)
{
	struct fp_queue *queue = &budget->queues[kind];

	lockdep_assert_held(&buddy->lock);
	fp_huge_set_quarantined(&buddy->runs.huge[index], nr, budget->label, FP_NIL);
	if (queue->nr)
		fp_huge_set_next(&buddy->runs.huge[queue->last], index);
	else
		queue->first = index;
	queue->last = index;
	if (!queue->nr)
		enlist_queue(buddy, budget, kind);
	queue->nr += nr;
	WRITE_ONCE(buddy->nr_queued[kind], buddy->nr_queued[kind] + nr);
}

/*
 * Take the first @nr huge frames out of the run that begins at @index. The run before it in the
 * queue begins at @prev (FP_NIL: there is none).
 */
static void unqueue(struct fp_buddy *buddy, struct fp_budget *budget, enum fp_queue_kind kind,
		    u32 prev, u32 index, u32 nr)
{
	struct fp_huge *huge = buddy->runs.huge;
	struct fp_queue *queue = &budget->queues[kind];
	u32 length = fp_huge_nr_quarantined(&huge[index]), next = fp_huge_next(&huge[index]);
	u32 left = length > nr ? index + nr : FP_NIL;

	lockdep_assert_held(&buddy->lock);
	if (left != FP_NIL) {
		fp_huge_set_quarantined(&huge[left], length - nr, budget->label, next);
		next = left;
	}
	if (prev == FP_NIL)
		queue->first = next;
	else
		fp_huge_set_next(&huge[prev], next);
	if (queue->last == index)
		queue->last = left == FP_NIL ? prev : left;
	queue->nr -= nr;
	if (!queue->nr)
		delist_queue(budget, kind);
	WRITE_ONCE(buddy->nr_queued[kind], buddy->nr_queued[kind] - nr);
	fp_huge_set_quarantined(&huge[index], nr, budget->label, FP_NIL);
}

/**
 * fp_buddy_count_quarantined() - huge frames went into quarantine, or left it
 * @buddy: the buddy, locked
 * @budget: that is charged for them
 * @nr: how many went in; negative: left
 */
void fp_buddy_count_quarantined(struct fp_buddy *buddy, struct fp_budget *budget, s32 nr)
{
	WRITE_ONCE(buddy->nr_quarantined, buddy->nr_quarantined + nr);
	fp_budget_quarantine(budget, nr);
}

static void empty_run(struct fp_buddy *buddy, struct fp_budget *budget, u32 index, u32 nr)
{
	lockdep_assert_held(&buddy->lock);
	WRITE_ONCE(buddy->nr_released, buddy->nr_released + nr);
	fp_runs_put(&buddy->runs, index, nr);
	fp_budget_uncharge(budget, nr);
}

/**
 * fp_buddy_release_run() - release wholly free huge frames
 * @buddy: the buddy, locked
 * @budget: of their owner
 * @index: the first
 * @nr: how many, in one extent; those after the first are FP_HUGE_INSIDE
 * @dirty: they go into quarantine; otherwise they become empty
 * @keep: if they are dirty, their owner may have them again as they are
 */
void fp_buddy_release_run(struct fp_buddy *buddy, struct fp_budget *budget, u32 index, u32 nr,
			  bool dirty, bool keep)
{
	if (!dirty) {
		empty_run(buddy, budget, index, nr);
		return;
	}
	queue_run(buddy, budget, keep ? FP_KEPT : FP_UNCLEARED, index, nr);
	fp_buddy_count_quarantined(buddy, budget, nr);
	trace_quarantine(buddy, index, nr, budget->label, FP_TRACE_ENTERED);
}

/**
 * fp_buddy_take_kept() - take huge frames that are kept
 * @buddy: the buddy, locked
 * @budget: of their owner
 * @prev: the kept run before this one, or FP_NIL
 * @index: first huge frame of a kept run
 * @nr: how many of it
 *
 * They remain charged.
 */
void fp_buddy_take_kept(struct fp_buddy *buddy, struct fp_budget *budget, u32 prev, u32 index,
			u32 nr)
{
	unqueue(buddy, budget, FP_KEPT, prev, index, nr);
	fp_buddy_count_quarantined(buddy, budget, -nr);
}

/**
 * fp_buddy_stop_keeping() - have all kept huge frames of a budget cleared for others
 * @buddy: the buddy, locked
 * @budget: the budget
 */
void fp_buddy_stop_keeping(struct fp_buddy *buddy, struct fp_budget *budget)
{
	struct fp_queue *from = &budget->queues[FP_KEPT], *to = &budget->queues[FP_UNCLEARED];
	u32 nr = from->nr;

	lockdep_assert_held(&buddy->lock);
	if (!nr)
		return;
	if (to->nr)
		fp_huge_set_next(&buddy->runs.huge[to->last], from->first);
	else
		to->first = from->first;
	to->last = from->last;
	if (!to->nr)
		enlist_queue(buddy, budget, FP_UNCLEARED);
	to->nr += nr;
	from->nr = 0;
	delist_queue(budget, FP_KEPT);
	WRITE_ONCE(buddy->nr_queued[FP_KEPT], buddy->nr_queued[FP_KEPT] - nr);
	WRITE_ONCE(buddy->nr_queued[FP_UNCLEARED], buddy->nr_queued[FP_UNCLEARED] + nr);
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
	bool dirty = !fp_frames_all_clean(fp_buddy_frames(buddy, index));

	spin_lock(&buddy->lock);
	fp_buddy_release_run(buddy, owner->budget, index, 1, dirty, false);
	fp_owner_put_id(owner);
	spin_unlock(&buddy->lock);
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

/**
 * fp_buddy_next_budget() - whose turn is it?
 * @buddy: the buddy, locked
 * @whose: this budget or one of its children; NULL: any
 * @kind: which of its queues is not empty
 *
 * Return: the budget, or NULL if all these queues are empty.
 */
struct fp_budget *fp_buddy_next_budget(struct fp_buddy *buddy, struct fp_budget *whose,
				       enum fp_queue_kind kind)
{
	struct list_head *queues = whose ? &whose->children[kind] : &buddy->queues[kind];
	struct fp_queue *queue;

	lockdep_assert_held(&buddy->lock);
	if (whose && whose->queues[kind].nr)
		return whose;
	if (list_empty(queues))
		return NULL;
	queue = whose ? list_first_entry(queues, struct fp_queue, siblings) :
			list_first_entry(queues, struct fp_queue, all);
	return list_entry(queue - kind, struct fp_budget, queues[0]);
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
	u32 index = FP_NIL;

	spin_lock_bh(&buddy->lock);
	*budget = fp_buddy_next_budget(buddy, whose, kind);
	if (*budget) {
		take_turns(buddy, *budget, kind);
		index = (*budget)->queues[kind].first;
		unqueue(buddy, *budget, kind, FP_NIL, index, 1);
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
	queue_run(buddy, budget, FP_REFERENCED, index, 1);
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
	fp_buddy_count_quarantined(buddy, budget, -1);
	empty_run(buddy, budget, index, 1);
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
	fp_buddy_count_quarantined(buddy, budget, -1);
	fp_huge_set(&buddy->runs.huge[index], FP_HUGE_RETIRED, FP_NO_ID, FP_NIL, FP_NIL);
	WRITE_ONCE(buddy->nr_retired, buddy->nr_retired + 1);
	WRITE_ONCE(buddy->nr_released, buddy->nr_released + 1);
	fp_budget_uncharge(budget, 1);
	spin_unlock_bh(&buddy->lock);
}
