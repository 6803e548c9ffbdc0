/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FP_BUDGET_H
#define FP_BUDGET_H

#include "core/platform.h"

/**
 * enum fp_queue_kind - why a huge frame waits in quarantine
 * @FP_UNCLEARED: nobody has examined it yet
 * @FP_REFERENCED: it was referenced when it was last examined
 * @FP_KEPT: as it is for its owner's next request that admits dirty memory (keep.c)
 * @FP_QUEUES: number of kinds
 */
enum fp_queue_kind {
	FP_UNCLEARED,
	FP_REFERENCED,
	FP_KEPT,
	FP_QUEUES,
};

/**
 * struct fp_queue - a linked list of quarantined runs of huge frames
 * @all: in the buddy's list of queues that are not empty
 * @siblings: in such a list of the budget's parent
 * @first: the next run to be taken from, if there is any
 * @last: the last one added, if there is any
 * @nr: how many huge frames
 * @turn: how many more are taken from it before it is another queue's turn (FP_REFERENCED)
 */
struct fp_queue {
	struct list_head all;
	struct list_head siblings;
	u32 first;
	u32 last;
	u32 nr;
	u32 turn;
};

/**
 * struct fp_budget - how many huge frames somebody is charged for, and the limit
 * @parent: charged for the same huge frames as well, or NULL
 * @limit: where the limit is: the most that may be charged, in bytes; 0: no limit; read at any
 *	   time; NULL: no limit
 * @label: names it; chosen by the caller
 * @order: of a huge frame
 * @charged: huge frames that its owners have, whether used, partly used or kept, and those in
 *	     quarantine that they had last
 * @quarantined: how many of them are in quarantine
 * @queues: queues of these, by kind
 * @children: queues of its child budgets that are not empty, by kind
 * @keepers: owners that may keep huge frames, of its child budgets
 *
 * Protected by the buddy's lock. @charged and @quarantined are also read without it.
 */
struct fp_budget {
	struct fp_budget *parent;
	const u64 *limit;
	u32 label;
	u32 order;
	u32 charged;
	u32 quarantined;
	struct fp_queue queues[FP_QUEUES];
	struct list_head children[FP_QUEUES];
	struct list_head keepers;
};

void fp_budget_init(struct fp_budget *budget, u32 order, struct fp_budget *parent,
		    const u64 *limit, u32 label);
bool fp_budget_has_room(const struct fp_budget *budget, u32 nr);
u32 fp_budget_room(const struct fp_budget *budget);
bool fp_budget_charge(struct fp_budget *budget, u32 nr);
void fp_budget_uncharge(struct fp_budget *budget, u32 nr);
void fp_budget_quarantine(struct fp_budget *budget, s32 nr);

#endif
