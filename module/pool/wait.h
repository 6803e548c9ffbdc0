/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FP_WAIT_H
#define FP_WAIT_H

#include <linux/atomic.h>
#include <linux/ktime.h>
#include <linux/list.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

/**
 * struct fp_waiter - a task that waits for memory
 * @node: in the pool's list, unless it was overtaken (protected by the pool's lock)
 * @task: the task
 * @has_turn: it may try (written with the lock held)
 */
struct fp_waiter {
	struct list_head node;
	struct task_struct *task;
	bool has_turn;
};

/**
 * struct fp_waiters - the tasks that wait for memory of one pool
 * @nr_events: how often memory may have come back
 * @poll: where poll() waits for that
 * @wake_pollers: wakes all of these
 * @lock: protects the fields below; taken in process context only
 * @list: the waiters; those that began first come first
 * @trying: the one that has the turn, or NULL
 * @is_late: there was a tick since it has the turn
 * @again: memory may have come back since the turn began with the first
 * @nr_restarts: how often it began with the first since the last had it
 */
struct fp_waiters {
	atomic64_t nr_events;
	wait_queue_head_t poll;
	struct work_struct wake_pollers;
	spinlock_t lock;
	struct list_head list;
	struct fp_waiter *trying;
	bool is_late;
	bool again;
	u32 nr_restarts;
};

void fp_waiters_init(struct fp_waiters *waiters);
void fp_waiters_fini(struct fp_waiters *waiters);
void fp_waiters_notify(struct fp_waiters *waiters);
void fp_waiters_tick(struct fp_waiters *waiters);
void fp_waiter_join(struct fp_waiters *waiters, struct fp_waiter *waiter);
int fp_waiter_wait(const struct fp_waiter *waiter, ktime_t deadline);
void fp_waiter_pass(struct fp_waiters *waiters, struct fp_waiter *waiter);
void fp_waiter_leave(struct fp_waiters *waiters, struct fp_waiter *waiter);

#endif
