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
 * A worker of the lowest priority does this in the background. Nobody tells when a reference is dropped; so
 * what was referenced is looked at again after a while, which is the longer the more often that
 * was in vain. An allocation that finds too little does it itself before it gives up.
 */
#include "pool/quarantine.h"

#include <linux/err.h>
#include <linux/freezer.h>
#include <linux/highmem.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>

#include "pool/poison.h"

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
 * Examine a huge frame; which is as in fp_buddy_quarantine_pop().
 * Return: 1: it was released; 0: it is still referenced, or retired; -ENOENT: there is none.
 */
static int examine_locked(struct fp_quarantine *quarantine, bool referenced)
{
	struct fp_buddy *buddy = quarantine->buddy;
	struct page *page;
	u32 index, label;

	lockdep_assert_held(&quarantine->lock);
	index = fp_buddy_quarantine_pop(buddy, referenced);
	if (index == FP_NIL)
		return -ENOENT;
	label = fp_buddy_quarantine_label(buddy, index);
	page = pfn_to_page(fp_buddy_pfn(buddy, (u64)index * FP_HUGE_FRAMES));
	if (unlikely(fp_poison_in(page_to_pfn(page), FP_HUGE_FRAMES))) {
		trace_quarantine(buddy, index, label, FP_TRACE_RETIRED);
		fp_accounts_release(quarantine->accounts, label);
		WRITE_ONCE(quarantine->nr_retired, quarantine->nr_retired + 1);
		return 0;
	}
	if (page_ref_count(page) != 1) {
		trace_quarantine(buddy, index, label, FP_TRACE_REFERENCED);
		fp_buddy_quarantine_push(buddy, index);
		return 0;
	}
	clear_huge(page);
	trace_quarantine(buddy, index, label, FP_TRACE_RELEASED);
	fp_accounts_release(quarantine->accounts, label);
	fp_buddy_quarantine_release(buddy, index);
	return 1;
}

/* The worker lowers its priority again, once nobody waits who has raised it: see lock_killable(). */
static void be_slow(struct fp_quarantine *quarantine)
{
	if (atomic_read(&quarantine->nr_waiting) || task_nice(current) == MAX_NICE)
		return;
	set_user_nice(current, MAX_NICE);
	/* Who began to wait since may have raised it before it was lowered. */
	if (atomic_read(&quarantine->nr_waiting))
		set_user_nice(current, 0);
}

/* Examine at most @nr. Returns whether one was released. */
static bool work(struct fp_quarantine *quarantine, bool referenced, u32 nr)
{
	bool progress = false;
	int ret = 0;

	while (nr-- && ret >= 0 && READ_ONCE(quarantine->is_on) && !kthread_should_stop()) {
		be_slow(quarantine);
		mutex_lock(&quarantine->lock);
		ret = examine_locked(quarantine, referenced);
		mutex_unlock(&quarantine->lock);
		progress |= ret > 0;
		try_to_freeze();
		cond_resched();
	}
	return progress;
}

/* Wait for something new, but not beyond @next if there are @nr to be looked at then. Returns whether there is. */
static bool wait_for_work(struct fp_quarantine *quarantine, u32 nr, unsigned long next)
{
	long timeout = nr ? max_t(long, next - jiffies, 0) : MAX_SCHEDULE_TIMEOUT;

	wait_event_freezable_timeout(quarantine->wait, kthread_should_stop() ||
				     (READ_ONCE(quarantine->is_on) && READ_ONCE(quarantine->kicked)), timeout);
	return xchg(&quarantine->kicked, false);
}

static int worker(void *data)
{
	struct fp_quarantine *quarantine = data;
	unsigned long delay = MIN_DELAY, next = jiffies;
	u32 nr;

	set_freezable();
	be_slow(quarantine);
	while (!kthread_should_stop()) {
		nr = READ_ONCE(quarantine->is_on) ? fp_buddy_nr_referenced(quarantine->buddy) : 0;
		if (wait_for_work(quarantine, nr, next))
			work(quarantine, false, U32_MAX);
		if (fp_buddy_nr_referenced(quarantine->buddy) > nr) {
			delay = MIN_DELAY;
			if (time_after(next, jiffies + delay))
				next = jiffies + delay;
		} else if (time_after_eq(jiffies, next)) {
			delay = work(quarantine, true, nr) ? MIN_DELAY : min(2 * delay, MAX_DELAY);
			next = jiffies + delay;
		}
	}
	return 0;
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
	/* The worker takes the flag down before it looks. */
	if (READ_ONCE(quarantine->kicked))
		return;
	WRITE_ONCE(quarantine->kicked, true);
	if (wq_has_sleeper(&quarantine->wait))
		wake_up(&quarantine->wait);
}

/**
 * fp_quarantine_switch() - let the worker work, or not
 * @quarantine: the quarantine
 * @is_on: whether it shall
 *
 * Without it, all is examined and cleared by the allocations that need it.
 *
 * Context: process.
 */
void fp_quarantine_switch(struct fp_quarantine *quarantine, bool is_on)
{
	WRITE_ONCE(quarantine->is_on, is_on);
	WRITE_ONCE(quarantine->kicked, true);
	wake_up(&quarantine->wait);
}

/* The worker may hold the lock, and get no processor, for all its low priority: then raise that. */
static int lock_killable(struct fp_quarantine *quarantine)
{
	int ret;

	if (mutex_trylock(&quarantine->lock))
		return 0;
	atomic_inc(&quarantine->nr_waiting);
	set_user_nice(quarantine->worker, 0);
	ret = mutex_lock_killable(&quarantine->lock);
	atomic_dec(&quarantine->nr_waiting);
	return ret;
}

/* Examine until @want were released, at most @nr. Returns how many were not, of @want, or -EINTR. */
static s64 reclaim(struct fp_quarantine *quarantine, bool referenced, u32 nr, u32 want)
{
	int ret = 0;

	while (want && nr-- && ret >= 0) {
		if (fatal_signal_pending(current) || lock_killable(quarantine))
			return -EINTR;
		ret = examine_locked(quarantine, referenced);
		mutex_unlock(&quarantine->lock);
		want -= ret > 0;
	}
	return want;
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
	u32 nr_referenced = fp_buddy_nr_referenced(quarantine->buddy);
	u32 nr_uncleared = fp_buddy_nr_uncleared(quarantine->buddy);
	s64 left;

	/* What comes after those is others' to clear. One more, since the worker may have one in its hands. */
	left = reclaim(quarantine, false, nr_uncleared + 1, want);
	if (left > 0)
		left = reclaim(quarantine, true, nr_referenced, left);
	return min_t(s64, left, 0);
}

/**
 * fp_quarantine_charge() - charge a client for frames that it is about to get
 * @quarantine: the quarantine
 * @account: the client's
 * @nr: frames
 *
 * Context: may sleep.
 * Return: 0; -EDQUOT: the client or the user would hold too much; -EINTR: a fatal signal is pending.
 */
int fp_quarantine_charge(struct fp_quarantine *quarantine, struct fp_account *account, u64 nr)
{
	int ret = fp_account_charge(quarantine->accounts, account, nr);

	if (ret != -EAGAIN)
		return ret;
	/* Much of what the user has in quarantine may only wait to be cleared. */
	ret = fp_quarantine_reclaim(quarantine, U32_MAX);
	if (ret)
		return ret;
	ret = fp_account_charge(quarantine->accounts, account, nr);
	return ret == -EAGAIN ? -EDQUOT : ret;
}

/**
 * fp_quarantine_init() - begin to look after a buddy's quarantine
 * @quarantine: zeroed
 * @buddy: the buddy
 * @accounts: who is charged for what is in quarantine
 * @name: of the pool
 *
 * Context: may sleep.
 * Return: 0, -ENOMEM, or -EINTR: killed.
 */
int fp_quarantine_init(struct fp_quarantine *quarantine, struct fp_buddy *buddy,
		       struct fp_accounts *accounts, const char *name)
{
	quarantine->buddy = buddy;
	quarantine->accounts = accounts;
	quarantine->is_on = true;
	mutex_init(&quarantine->lock);
	init_waitqueue_head(&quarantine->wait);
	quarantine->worker = kthread_run(worker, quarantine, "framepool/%s", name);
	return PTR_ERR_OR_ZERO(quarantine->worker);
}

/**
 * fp_quarantine_fini() - stop the worker
 * @quarantine: the quarantine
 *
 * Context: may sleep. Nobody else uses the quarantine any more.
 */
void fp_quarantine_fini(struct fp_quarantine *quarantine)
{
	kthread_stop(quarantine->worker);
}
