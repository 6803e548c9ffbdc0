// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tasks that wait until there is memory for them.
 *
 * At each event, when memory may have come back, the task that has waited longest gets the turn. It
 * tries, and passes the turn on to the next, whether it succeeded or not, since the next may want
 * less. So a waiter is overtaken only by those that get what it could not have. One waiter tries at
 * a time. If there is another event meanwhile, the turn begins with the first again.
 *
 * A task that does not use its turn for a second or two, because it is frozen, say, or gets no
 * processor, is overtaken: it loses its place, and the next gets the turn. Otherwise it would stop
 * all others.
 *
 * A task that does not wait may take the memory that a waiter hoped for.
 */
#include "pool/wait.h"

#include <linux/hrtimer.h>
#include <linux/sched/signal.h>

#include "compat.h"

/* Then the last gets its turn, too, even if memory comes and goes all the time. */
#define MAX_RESTARTS	64

/* All, since each polls for a client of its own. */
static void wake_pollers(struct work_struct *work)
{
	wake_up_interruptible_all(&container_of(work, struct fp_waiters, wake_pollers)->poll);
}

/**
 * fp_waiters_init() - nobody waits
 * @waiters: zeroed
 *
 * Context: any.
 */
void fp_waiters_init(struct fp_waiters *waiters)
{
	init_waitqueue_head(&waiters->poll);
	INIT_WORK(&waiters->wake_pollers, wake_pollers);
	spin_lock_init(&waiters->lock);
	INIT_LIST_HEAD(&waiters->list);
}

/**
 * fp_waiters_fini() - nobody will wait any more
 * @waiters: the waiters of a pool without clients
 *
 * Context: may sleep.
 */
void fp_waiters_fini(struct fp_waiters *waiters)
{
	cancel_work_sync(&waiters->wake_pollers);
}

/* Give the turn to the waiter at @next, or if that is the end of the list, to nobody. */
static void give_turn_locked(struct fp_waiters *waiters, struct list_head *next)
{
	struct fp_waiter *waiter = list_entry(next, struct fp_waiter, node);

	lockdep_assert_held(&waiters->lock);
	waiters->trying = next == &waiters->list ? NULL : waiter;
	waiters->is_late = false;
	if (!waiters->trying)
		return;
	WRITE_ONCE(waiter->has_turn, true);
	wake_up_process(waiter->task);
}

/* The waiter before @next is done. */
static void pass_locked(struct fp_waiters *waiters, struct list_head *next)
{
	bool is_end = next == &waiters->list;

	lockdep_assert_held(&waiters->lock);
	if (is_end)
		waiters->nr_restarts = 0;
	if (waiters->again && waiters->nr_restarts < MAX_RESTARTS) {
		waiters->again = false;
		waiters->nr_restarts += !is_end;
		next = waiters->list.next;
	}
	give_turn_locked(waiters, next);
}

/*
 * Put a waiter at the end. If nobody has the turn, the others could not use what was free when they
 * tried, so this one tries.
 */
static void enlist_locked(struct fp_waiters *waiters, struct fp_waiter *waiter)
{
	lockdep_assert_held(&waiters->lock);
	list_add_tail(&waiter->node, &waiters->list);
	if (!waiters->trying)
		give_turn_locked(waiters, &waiter->node);
}

/**
 * fp_waiters_notify() - memory may have come back, or a limit was raised
 * @waiters: the waiters of the pool
 *
 * Context: process.
 */
void fp_waiters_notify(struct fp_waiters *waiters)
{
	atomic64_inc(&waiters->nr_events);
	/* Pairs with the barriers in fp_waiter_join(), fp_waiter_pass() and poll. */
	smp_mb__after_atomic();
	/* Who is not seen here sees the memory. A worker wakes them, since they may be many. */
	if (waitqueue_active(&waiters->poll))
		queue_work(fp_unbound_workqueue(), &waiters->wake_pollers);
	if (list_empty(&waiters->list))
		return;
	spin_lock(&waiters->lock);
	if (waiters->trying)
		waiters->again = true;
	else
		give_turn_locked(waiters, waiters->list.next);
	spin_unlock(&waiters->lock);
}

/**
 * fp_waiters_tick() - about a second has passed: have waiters overtaken, and notify
 * @waiters: the waiters of the pool
 *
 * Context: process.
 */
void fp_waiters_tick(struct fp_waiters *waiters)
{
	struct list_head *next;

	spin_lock(&waiters->lock);
	if (waiters->trying && waiters->is_late) {
		next = waiters->trying->node.next;
		list_del_init(&waiters->trying->node);
		pass_locked(waiters, next);
	}
	waiters->is_late = true;
	spin_unlock(&waiters->lock);
	fp_waiters_notify(waiters);
}

/**
 * fp_waiter_join() - begin to wait
 * @waiters: the waiters of the pool
 * @waiter: for fp_waiter_leave()
 *
 * Context: process.
 */
void fp_waiter_join(struct fp_waiters *waiters, struct fp_waiter *waiter)
{
	waiter->task = current;
	waiter->has_turn = false;
	spin_lock(&waiters->lock);
	enlist_locked(waiters, waiter);
	spin_unlock(&waiters->lock);
	/* Pairs with fp_waiters_notify(). */
	smp_mb();
}

/**
 * fp_waiter_wait() - wait for the turn
 * @waiter: the waiter
 * @deadline: as ktime_get() tells the time; KTIME_MAX: none
 *
 * Context: may sleep; interruptible.
 * Return: 0: it is its turn; -ETIMEDOUT; -ERESTARTNOHAND: a signal arrived, and the call is to
 * begin anew unless the signal has a handler.
 */
int fp_waiter_wait(const struct fp_waiter *waiter, ktime_t deadline)
{
	int ret;

	for (;;) {
		set_current_state(TASK_INTERRUPTIBLE | TASK_FREEZABLE);
		if (signal_pending(current))
			ret = -ERESTARTNOHAND;
		else
			ret = ktime_get() >= deadline ? -ETIMEDOUT : 0;
		if (ret || READ_ONCE(waiter->has_turn))
			break;
		schedule_hrtimeout(&deadline, HRTIMER_MODE_ABS);
	}
	__set_current_state(TASK_RUNNING);
	return ret;
}

/**
 * fp_waiter_pass() - give up the turn, but go on waiting
 * @waiters: the waiters of the pool
 * @waiter: the waiter, which had the turn
 *
 * Context: process.
 */
void fp_waiter_pass(struct fp_waiters *waiters, struct fp_waiter *waiter)
{
	spin_lock(&waiters->lock);
	waiter->has_turn = false;
	if (waiters->trying == waiter)
		pass_locked(waiters, waiter->node.next);
	else
		enlist_locked(waiters, waiter);
	spin_unlock(&waiters->lock);
	/* Pairs with fp_waiters_notify(). */
	smp_mb();
}

/**
 * fp_waiter_leave() - wait no more
 * @waiters: the waiters of the pool
 * @waiter: the waiter; if it has the turn, it passes it on
 *
 * Context: process.
 */
void fp_waiter_leave(struct fp_waiters *waiters, struct fp_waiter *waiter)
{
	struct list_head *next;

	spin_lock(&waiters->lock);
	next = waiter->node.next;
	list_del(&waiter->node);
	if (waiters->trying == waiter)
		pass_locked(waiters, next);
	spin_unlock(&waiters->lock);
}
