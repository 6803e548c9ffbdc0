// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whole huge frames are charged, because nobody else can use any part of a huge frame that somebody
 * uses partly, keeps, or has left in quarantine. A huge frame is charged from when it stops being
 * empty until it is empty again, or retired. So a limit bounds exactly what its owner keeps from
 * others.
 *
 * A budget may have a parent: the parent of a client's budget is that of its user.
 *
 * Invariant (checked by fp_buddy_verify()):
 *  C1  a budget is charged for as many huge frames as its owner has, plus those in quarantine that
 *      bear its label; a parent is charged for no less than each of its children; each queue has
 *      no more huge frames than its budget has in quarantine.
 */
#include "core/budget.h"

#include "core/huge.h"

/**
 * fp_budget_init() - make a budget that is charged for nothing
 * @budget: the budget
 * @order: of a huge frame, in frames
 * @parent: charged for the same huge frames as well, or NULL
 * @limit: where the limit is, in bytes (0: no limit), or NULL
 * @label: its name
 *
 * Context: any.
 */
void fp_budget_init(struct fp_budget *budget, u32 order, struct fp_budget *parent,
		    const u64 *limit, u32 label)
{
	u32 kind;

	*budget = (struct fp_budget){
		.parent = parent, .limit = limit, .label = label, .order = order,
	};
	for (kind = 0; kind < FP_QUEUES; kind++)
		INIT_LIST_HEAD(&budget->children[kind]);
	INIT_LIST_HEAD(&budget->keepers);
}

/**
 * fp_budget_has_room() - does the limit of a budget admit more?
 * @budget: the budget; its parent does not matter
 * @nr: how many more huge frames
 *
 * Context: any. Without the buddy's lock, the answer may be out of date.
 * Return: whether it does.
 */
bool fp_budget_has_room(const struct fp_budget *budget, u32 nr)
{
	u64 limit = budget->limit ? READ_ONCE(*budget->limit) : 0;

	return !limit ||
	       READ_ONCE(budget->charged) + (u64)nr <= limit >> (PAGE_SHIFT + budget->order);
}

/**
 * fp_budget_room() - how much more do the limits admit?
 * @budget: the budget; the limits of its parents count, too
 *
 * Context: any. The answer may be out of date.
 * Return: huge frames; U32_MAX if there is no limit.
 */
u32 fp_budget_room(const struct fp_budget *budget)
{
	u64 limit, most, room = U32_MAX;
	u32 charged;

	for (; budget; budget = budget->parent) {
		limit = budget->limit ? READ_ONCE(*budget->limit) : 0;
		if (!limit)
			continue;
		most = limit >> (PAGE_SHIFT + budget->order);
		charged = READ_ONCE(budget->charged);
		room = min(room, most > charged ? most - charged : 0);
	}
	return room;
}

/**
 * fp_budget_charge() - charge for huge frames that are about to be taken
 * @budget: the budget
 * @nr: how many
 *
 * Context: any; the buddy's lock is held.
 * Return: whether no limit is exceeded; otherwise nothing has changed.
 */
bool fp_budget_charge(struct fp_budget *budget, u32 nr)
{
	struct fp_budget *one;

	for (one = budget; one; one = one->parent)
		if (!fp_budget_has_room(one, nr))
			return false;
	for (one = budget; one; one = one->parent)
		WRITE_ONCE(one->charged, one->charged + nr);
	return true;
}

/**
 * fp_budget_uncharge() - huge frames became empty, or were retired
 * @budget: the budget
 * @nr: how many
 *
 * Context: any; the buddy's lock is held.
 */
void fp_budget_uncharge(struct fp_budget *budget, u32 nr)
{
	for (; budget; budget = budget->parent)
		WRITE_ONCE(budget->charged, budget->charged - nr);
}

/**
 * fp_budget_quarantine() - huge frames that are charged went into quarantine, or left it
 * @budget: the budget
 * @nr: how many went in; negative: left
 *
 * Context: any; the buddy's lock is held.
 */
void fp_budget_quarantine(struct fp_budget *budget, s32 nr)
{
	for (; budget; budget = budget->parent)
		WRITE_ONCE(budget->quarantined, budget->quarantined + nr);
}
