// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where wholly free huge frames go: to the empty ones, if they are clean, otherwise into quarantine. What is there waits in one of
 * two queues for somebody above to look at its reference count and to clear it: in one if nobody has looked yet,
 * in the other if it was referenced then. The label of who used it last is all that is known of it.
 */
#include "core/owner.h"

static void quarantine_huge(struct fp_buddy *buddy, struct fp_huge_queue *queue, u32 index, u32 label)
{
	lockdep_assert_held(&buddy->lock);
	fp_huge_set_quarantined(&buddy->huge[index], label);
	if (queue->nr++)
		fp_huge_set_next(&buddy->huge[queue->last], index);
	else
		queue->first = index;
	queue->last = index;
}

static void release_huge(struct fp_buddy *buddy, u32 index, u32 nr)
{
	u32 i;

	lockdep_assert_held(&buddy->lock);
	for (i = index; i < index + nr; i++)
		fp_huge_set(&buddy->huge[i], FP_HUGE_EMPTY, FP_NO_ID, FP_NIL, FP_NIL);
	buddy->nr_released += nr;
	fp_hugemap_put(&buddy->map, index, nr);
}

/**
 * fp_buddy_retire_run() - wholly free huge frames leave their owner or their run
 * @buddy: the buddy, locked
 * @index: the first
 * @nr: how many, side by side
 * @dirty: they go into quarantine; otherwise anybody may have them
 * @label: of who freed them
 *
 * Return: how many go into quarantine.
 */
u32 fp_buddy_retire_run(struct fp_buddy *buddy, u32 index, u32 nr, bool dirty, u32 label)
{
	u32 i;

	if (!dirty) {
		release_huge(buddy, index, nr);
		return 0;
	}
	for (i = index; i < index + nr; i++) {
		quarantine_huge(buddy, &buddy->uncleared, i, label);
		trace_quarantine(buddy, i, label, FP_TRACE_ENTERED);
	}
	buddy->nr_quarantined += nr;
	return nr;
}

/**
 * fp_buddy_quarantine_pop() - take a huge frame out of the quarantine to look at it
 * @buddy: the buddy
 * @referenced: one of those that were referenced when they were looked at; otherwise one of the others
 *
 * The caller hands it back with fp_buddy_quarantine_push() or
 * fp_buddy_quarantine_release(); until then it still counts as quarantined.
 *
 * Context: any; takes the buddy's lock.
 * Return: its index, or FP_NIL.
 */
u32 fp_buddy_quarantine_pop(struct fp_buddy *buddy, bool referenced)
{
	struct fp_huge_queue *queue = referenced ? &buddy->referenced : &buddy->uncleared;
	u32 index = FP_NIL;

	spin_lock_bh(&buddy->lock);
	if (queue->nr) {
		queue->nr--;
		index = queue->first;
		queue->first = fp_huge_next(&buddy->huge[index]);
	}
	spin_unlock_bh(&buddy->lock);
	return index;
}

/**
 * fp_buddy_quarantine_label() - who had a huge frame last
 * @buddy: the buddy
 * @index: from fp_buddy_quarantine_pop()
 *
 * Return: the label of the owner whose free sent it into quarantine.
 */
u32 fp_buddy_quarantine_label(const struct fp_buddy *buddy, u32 index)
{
	return fp_huge_label(&buddy->huge[index]);
}

/**
 * fp_buddy_quarantine_push() - put a huge frame back into quarantine
 * @buddy: the buddy
 * @index: from fp_buddy_quarantine_pop(); somebody still references it
 *
 * Context: any; takes the buddy's lock.
 */
void fp_buddy_quarantine_push(struct fp_buddy *buddy, u32 index)
{
	spin_lock_bh(&buddy->lock);
	quarantine_huge(buddy, &buddy->referenced, index, fp_huge_label(&buddy->huge[index]));
	spin_unlock_bh(&buddy->lock);
}

/**
 * fp_buddy_quarantine_release() - a huge frame is free for anybody
 * @buddy: the buddy
 * @index: from fp_buddy_quarantine_pop(); nobody references it and it is all zeros
 *
 * Context: any; takes the buddy's lock.
 */
void fp_buddy_quarantine_release(struct fp_buddy *buddy, u32 index)
{
	spin_lock_bh(&buddy->lock);
	buddy->nr_quarantined--;
	release_huge(buddy, index, 1);
	spin_unlock_bh(&buddy->lock);
}
