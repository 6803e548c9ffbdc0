/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FP_QUARANTINE_H
#define FP_QUARANTINE_H

#include <linux/mutex.h>
#include <linux/workqueue.h>

#include "buddy.h"
#include "user.h"

/**
 * struct fp_quarantine - what happens to freed huge frames until they are clean
 * @buddy: whose huge frames
 * @nr_retired: huge frames with a bad frame, which nobody gets any more; the buddy goes on
 *              counting them as quarantined (protected by @lock; read without)
 * @users: who is charged for them
 * @lock: held while a huge frame is examined, so that whoever gets it knows that
 *        nothing is in somebody else's hands
 * @work: examines all of them
 * @delay: until the next look at those that are referenced, in jiffies
 *         (used by @work only)
 * @queue: where @work runs
 */
struct fp_quarantine {
	struct fp_buddy *buddy;
	u32 nr_retired;
	struct fp_users *users;
	struct mutex lock;
	struct delayed_work work;
	unsigned long delay;
	struct workqueue_struct *queue;
};

int fp_quarantine_init(struct fp_quarantine *quarantine, struct fp_buddy *buddy,
		       struct fp_users *users);
void fp_quarantine_fini(struct fp_quarantine *quarantine);
void fp_quarantine_kick(struct fp_quarantine *quarantine);
u32 fp_quarantine_nr_retired(const struct fp_quarantine *quarantine);
int fp_quarantine_reclaim(struct fp_quarantine *quarantine, u32 want);

#endif
