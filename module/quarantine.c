// SPDX-License-Identifier: GPL-2.0-only
/*
 * A huge frame that was used and is wholly free again goes to nobody until its
 * folio's reference count is seen at exactly one, ours, and it has been cleared.
 *
 * The count is read once. That is enough: nothing maps the huge frame any more, so
 * no new reference can come from a page table, and who still holds one (a pipe,
 * direct I/O, a peer of RDMA) shows in the count. Walkers of physical memory
 * take references for a moment; they only make us look again.
 *
 * One in which the hardware found a frame bad stays here for good, apart from the others
 * and whatever its count is: it is neither cleared nor looked at again.
 *
 * A worker does this in the background. An allocation that finds too little does it
 * itself before it gives up.
 */
#include "quarantine.h"

#include <linux/highmem.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>

#include "poison.h"

#define MIN_DELAY	msecs_to_jiffies(10)
#define MAX_DELAY	msecs_to_jiffies(1000)

static void clear_huge(struct page *page)
{
	u32 i;

	for (i = 0; i < FP_HUGE_FRAMES; i++) {
		clear_highpage(page + i);
		cond_resched();
	}
}

/*
 * Examine the huge frame at the head.
 * Return: 1: it was released; 0: it is still referenced, or retired; -ENOENT: there is none.
 */
static int examine_one(struct fp_quarantine *quarantine)
{
	struct fp_buddy *buddy = quarantine->buddy;
	struct page *page;
	u32 index;

	lockdep_assert_held(&quarantine->lock);
	index = fp_buddy_quarantine_pop(buddy);
	if (index == FP_NIL)
		return -ENOENT;
	page = pfn_to_page(fp_buddy_pfn(buddy, (u64)index * FP_HUGE_FRAMES));
	if (unlikely(fp_poison_in(page_to_pfn(page), FP_HUGE_FRAMES))) {
		fp_users_release(quarantine->users, fp_buddy_quarantine_label(buddy, index));
		WRITE_ONCE(quarantine->nr_retired, quarantine->nr_retired + 1);
		return 0;
	}
	if (page_ref_count(page) != 1) {
		fp_buddy_quarantine_push(buddy, index);
		return 0;
	}
	clear_huge(page);
	fp_users_release(quarantine->users, fp_buddy_quarantine_label(buddy, index));
	fp_buddy_quarantine_release(buddy, index);
	return 1;
}

static void examine_all(struct work_struct *work)
{
	struct fp_quarantine *quarantine =
		container_of(to_delayed_work(work), struct fp_quarantine, work);
	bool progress = false;
	u32 tries;
	int ret = 0;

	/* Each of those that are there now once. */
	for (tries = fp_buddy_nr_quarantined(quarantine->buddy); tries && ret >= 0; tries--) {
		mutex_lock(&quarantine->lock);
		ret = examine_one(quarantine);
		mutex_unlock(&quarantine->lock);
		progress |= ret > 0;
	}
	if (fp_buddy_nr_quarantined(quarantine->buddy) == fp_quarantine_nr_retired(quarantine))
		return;
	quarantine->delay = progress ? MIN_DELAY : min(2 * quarantine->delay, MAX_DELAY);
	queue_delayed_work(quarantine->queue, &quarantine->work, quarantine->delay);
}

/**
 * fp_quarantine_nr_retired() - how much will never come back
 * @quarantine: the quarantine
 *
 * Context: any.
 * Return: huge frames with a bad frame; only grows.
 */
u32 fp_quarantine_nr_retired(const struct fp_quarantine *quarantine)
{
	return READ_ONCE(quarantine->nr_retired);
}

/**
 * fp_quarantine_kick() - something new is in quarantine
 * @quarantine: the quarantine
 *
 * Context: any.
 */
void fp_quarantine_kick(struct fp_quarantine *quarantine)
{
	mod_delayed_work(quarantine->queue, &quarantine->work, 0);
}

/**
 * fp_quarantine_reclaim() - examine the quarantine now
 * @quarantine: the quarantine
 * @want: stop after so many huge frames came free
 *
 * Context: may sleep.
 * Return: 0, also when nothing came free; -EINTR: a fatal signal is pending.
 */
int fp_quarantine_reclaim(struct fp_quarantine *quarantine, u32 want)
{
	u32 tries = fp_buddy_nr_quarantined(quarantine->buddy);
	int ret;

	do {
		if (fatal_signal_pending(current) || mutex_lock_killable(&quarantine->lock))
			return -EINTR;
		ret = examine_one(quarantine);
		mutex_unlock(&quarantine->lock);
		if (ret > 0)
			want--;
	} while (ret >= 0 && want && tries--);
	return 0;
}

/**
 * fp_quarantine_init() - begin to look after a buddy's quarantine
 * @quarantine: zeroed
 * @buddy: the buddy
 * @users: who is charged for what is in quarantine
 *
 * Context: may sleep.
 * Return: 0, or -ENOMEM.
 */
int fp_quarantine_init(struct fp_quarantine *quarantine, struct fp_buddy *buddy,
		       struct fp_users *users)
{
	quarantine->buddy = buddy;
	quarantine->users = users;
	quarantine->delay = MIN_DELAY;
	mutex_init(&quarantine->lock);
	INIT_DELAYED_WORK(&quarantine->work, examine_all);
	quarantine->queue = alloc_workqueue("framepool", WQ_UNBOUND | WQ_FREEZABLE, 1);
	return quarantine->queue ? 0 : -ENOMEM;
}

/**
 * fp_quarantine_fini() - stop the worker
 * @quarantine: the quarantine
 *
 * Context: may sleep. Nobody else uses the quarantine any more.
 */
void fp_quarantine_fini(struct fp_quarantine *quarantine)
{
	cancel_delayed_work_sync(&quarantine->work);
	destroy_workqueue(quarantine->queue);
}
