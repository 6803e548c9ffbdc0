// SPDX-License-Identifier: GPL-2.0-only
/*
 * A huge frame that was used and is wholly free again is given to nobody until its folio's
 * reference count is seen at exactly one (ours) and it has been cleared.
 *
 * The count is read once. That is enough: nothing maps the huge frame any more, so no new reference
 * can come from a page table, and references that are still held (by a pipe, direct I/O, RDMA) show
 * in the count. Walkers of physical memory take references for a moment, which only makes us look
 * again.
 *
 * A huge frame in which the hardware found a bad frame is retired, whatever its count is: it is
 * neither cleared nor examined again.
 *
 * A worker of the lowest priority does this in the background. The kernel tells nobody when a
 * reference is dropped, so referenced huge frames are examined again after a while, and after
 * longer each time that was in vain. An allocation that finds too little memory does it itself
 * before it fails.
 */
#include "pool/quarantine.h"

#include <linux/err.h>
#include <linux/freezer.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>

#include "pool/poison.h"
#include "pool/source.h"

#define MIN_DELAY	msecs_to_jiffies(10)
#define MAX_DELAY	msecs_to_jiffies(1000)

/*
 * Examine a huge frame; @whose and @kind as in fp_buddy_quarantine_pop().
 * Return: 1: it was released; 0: it is still referenced, or retired; -ENOENT: there is none.
 */
static int examine_locked(struct fp_quarantine *quarantine, struct fp_budget *whose,
			  enum fp_queue_kind kind)
{
	struct fp_buddy *buddy = quarantine->buddy;
	struct fp_budget *budget;
	struct page *page;
	u32 index, label;
	bool bad;

	lockdep_assert_held(&quarantine->lock);
	index = fp_buddy_quarantine_pop(buddy, whose, kind, &budget);
	if (index == FP_NIL)
		return -ENOENT;
	label = budget->label;
	page = pfn_to_page(fp_buddy_pfn(buddy, (u64)index * FP_HUGE_FRAMES));
	bad = fp_poison_in(page_to_pfn(page), FP_HUGE_FRAMES);
	if (likely(!bad) && page_ref_count(page) != 1) {
		trace_quarantine(buddy, index, 1, label, FP_TRACE_REFERENCED);
		fp_buddy_quarantine_push(buddy, budget, index);
		return 0;
	}
	if (unlikely(bad)) {
		trace_quarantine(buddy, index, 1, label, FP_TRACE_RETIRED);
		fp_buddy_quarantine_retire(buddy, budget, index);
	} else {
		fp_memtype_flush(quarantine->memtype, page_to_pfn(page));
		fp_source_clear(page_to_pfn(page), FP_HUGE_FRAMES, true);
		trace_quarantine(buddy, index, 1, label, FP_TRACE_RELEASED);
		fp_buddy_quarantine_release(buddy, budget, index);
	}
	fp_accounts_reap(quarantine->accounts, label);
	fp_waiters_notify(quarantine->waiters);
	return !bad;
}

/* The worker lowers its priority again once no task that raised it waits: see lock_killable(). */
static void be_slow(struct fp_quarantine *quarantine)
{
	if (atomic_read(&quarantine->nr_waiting) || task_nice(current) == MAX_NICE)
		return;
	set_user_nice(current, MAX_NICE);
	/* A task that began to wait since may have raised it before it was lowered. */
	if (atomic_read(&quarantine->nr_waiting))
		set_user_nice(current, 0);
}

/* Examine at most @nr. Returns whether one was released. */
static bool work(struct fp_quarantine *quarantine, enum fp_queue_kind kind, u32 nr)
{
	bool progress = false;
	int ret = 0;

	while (nr-- && ret >= 0 && READ_ONCE(quarantine->is_on) && !kthread_should_stop()) {
		be_slow(quarantine);
		rt_mutex_lock(&quarantine->lock);
		ret = examine_locked(quarantine, NULL, kind);
		rt_mutex_unlock(&quarantine->lock);
		progress |= ret > 0;
		try_to_freeze();
		cond_resched();
	}
	return progress;
}

/*
 * Wait for something new, but only until @next if @nr huge frames have to be examined then. Returns
 * whether there is something new.
 */
static bool wait_for_work(struct fp_quarantine *quarantine, u32 nr, unsigned long next)
{
	long timeout = nr ? max_t(long, next - jiffies, 0) : MAX_SCHEDULE_TIMEOUT;

	wait_event_freezable_timeout(quarantine->wait, kthread_should_stop() ||
				     (READ_ONCE(quarantine->is_on) &&
				      READ_ONCE(quarantine->kicked)), timeout);
	return xchg(&quarantine->kicked, false);
}

static u32 nr_queued(const struct fp_quarantine *quarantine, enum fp_queue_kind kind)
{
	return READ_ONCE(quarantine->buddy->nr_queued[kind]);
}

static int worker(void *data)
{
	struct fp_quarantine *quarantine = data;
	unsigned long delay = MIN_DELAY, next = jiffies;
	u32 nr;

	set_freezable();
	be_slow(quarantine);
	while (!kthread_should_stop()) {
		nr = READ_ONCE(quarantine->is_on) ? nr_queued(quarantine, FP_REFERENCED) : 0;
		if (wait_for_work(quarantine, nr, next))
			work(quarantine, FP_UNCLEARED, U32_MAX);
		if (nr_queued(quarantine, FP_REFERENCED) > nr) {
			delay = MIN_DELAY;
			if (time_after(next, jiffies + delay))
				next = jiffies + delay;
		} else if (time_after_eq(jiffies, next)) {
			delay = work(quarantine, FP_REFERENCED, nr) ? MIN_DELAY :
								      min(2 * delay, MAX_DELAY);
			next = jiffies + delay;
		}
	}
	return 0;
}

/**
 * fp_quarantine_kick() - something may have gone into quarantine
 * @quarantine: the quarantine
 *
 * Context: any.
 */
void fp_quarantine_kick(struct fp_quarantine *quarantine)
{
	/* The worker clears the flag before it looks. */
	if (likely(!nr_queued(quarantine, FP_UNCLEARED)) || READ_ONCE(quarantine->kicked))
		return;
	WRITE_ONCE(quarantine->kicked, true);
	if (wq_has_sleeper(&quarantine->wait))
		wake_up(&quarantine->wait);
}

/**
 * fp_quarantine_switch() - switch the worker on or off
 * @quarantine: the quarantine
 * @is_on: whether it works from now on
 *
 * While it is off, allocations that need memory examine and clear huge frames themselves.
 *
 * Context: process.
 */
void fp_quarantine_switch(struct fp_quarantine *quarantine, bool is_on)
{
	WRITE_ONCE(quarantine->is_on, is_on);
	WRITE_ONCE(quarantine->kicked, true);
	wake_up(&quarantine->wait);
}

/*
 * The lock lends the worker the priority of a real-time waiter. That of an ordinary one it does
 * not lend, so raise the worker's: otherwise its low priority keeps it from running.
 */
static int lock_killable(struct fp_quarantine *quarantine)
{
	int ret;

	if (rt_mutex_trylock(&quarantine->lock))
		return 0;
	atomic_inc(&quarantine->nr_waiting);
	set_user_nice(quarantine->worker, 0);
	ret = rt_mutex_lock_killable(&quarantine->lock);
	atomic_dec(&quarantine->nr_waiting);
	return ret;
}

/* Examine at most @nr, until @want were released. Returns how many are left of @want, or -EINTR. */
static s64 reclaim(struct fp_quarantine *quarantine, struct fp_budget *whose,
		   enum fp_queue_kind kind, u32 nr, u32 want)
{
	int ret = 0;

	while (want && nr-- && ret >= 0) {
		if (fatal_signal_pending(current) || lock_killable(quarantine))
			return -EINTR;
		ret = examine_locked(quarantine, whose, kind);
		rt_mutex_unlock(&quarantine->lock);
		want -= ret > 0;
	}
	return want;
}

/**
 * fp_quarantine_reclaim() - examine the quarantine now
 * @quarantine: the quarantine
 * @whose: only what this budget or its children are charged for; NULL: all
 * @want: stop after this many huge frames were released
 *
 * Context: may sleep.
 * Return: 0, even if nothing was released; -EINTR: a fatal signal is pending.
 */
int fp_quarantine_reclaim(struct fp_quarantine *quarantine, struct fp_budget *whose, u32 want)
{
	u32 nr_referenced = nr_queued(quarantine, FP_REFERENCED);
	u32 nr_uncleared = nr_queued(quarantine, FP_UNCLEARED);
	s64 left;

	/* Later ones are for others to clear. One more, since the worker may be examining one. */
	left = reclaim(quarantine, whose, FP_UNCLEARED, nr_uncleared + 1, want);
	if (whose)
		nr_referenced = min(nr_referenced, READ_ONCE(whose->quarantined));
	if (left > 0)
		left = reclaim(quarantine, whose, FP_REFERENCED, nr_referenced, left);
	return min_t(s64, left, 0);
}

/**
 * fp_quarantine_init() - start the quarantine of a buddy
 * @quarantine: zeroed
 * @buddy: the buddy
 * @accounts: who is charged for what is in quarantine
 * @waiters: who waits for memory
 * @memtype: how processors cache the memory
 * @name: name of the pool
 *
 * Context: may sleep.
 * Return: 0, -ENOMEM, or -EINTR: killed.
 */
int fp_quarantine_init(struct fp_quarantine *quarantine, struct fp_buddy *buddy,
		       struct fp_accounts *accounts, struct fp_waiters *waiters,
		       enum fp_memtype memtype, const char *name)
{
	quarantine->buddy = buddy;
	quarantine->accounts = accounts;
	quarantine->waiters = waiters;
	quarantine->memtype = memtype;
	quarantine->is_on = true;
	rt_mutex_init(&quarantine->lock);
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
