/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FP_QUARANTINE_H
#define FP_QUARANTINE_H

#include <linux/atomic.h>
#include <linux/rtmutex.h>
#include <linux/sched.h>
#include <linux/wait.h>

#include "core/buddy.h"
#include "pool/account.h"
#include "pool/memtype.h"
#include "pool/wait.h"

/**
 * struct fp_quarantine - what happens to freed huge frames until they are clean
 * @buddy: where the huge frames come from; constant
 * @accounts: who is charged for them; constant
 * @waiters: who waits for them; constant
 * @memtype: how processors cache them; constant
 * @lock: held while a huge frame is examined, so that its next holder knows that nothing is in
 *        somebody else's hands. Inherits priority: a waiter with real-time priority does not wait
 *        for threads of lower priority than its own.
 * @is_on: the worker works; written at any time
 * @kicked: there is something new for it; written at any time
 * @nr_waiting: how many tasks wait for @lock, so that the worker has to be fast
 * @wait: where the worker waits
 * @worker: examines the huge frames when nobody else needs the processor
 */
struct fp_quarantine {
	struct fp_buddy *buddy;
	struct fp_accounts *accounts;
	struct fp_waiters *waiters;
	enum fp_memtype memtype;
	struct rt_mutex lock;
	bool is_on;
	bool kicked;
	atomic_t nr_waiting;
	wait_queue_head_t wait;
	struct task_struct *worker;
};

int fp_quarantine_init(struct fp_quarantine *quarantine, struct fp_buddy *buddy,
		       struct fp_accounts *accounts, struct fp_waiters *waiters,
		       enum fp_memtype memtype, const char *name);
void fp_quarantine_fini(struct fp_quarantine *quarantine);
void fp_quarantine_kick(struct fp_quarantine *quarantine);
void fp_quarantine_switch(struct fp_quarantine *quarantine, bool is_on);
int fp_quarantine_reclaim(struct fp_quarantine *quarantine, struct fp_budget *whose, u32 want);

#endif
