// SPDX-License-Identifier: GPL-2.0-only
/*
 * Walks a whole buddy and checks every numbered invariant of runs.c and runtree.c (R), frames.c
 * (F), buddy.c (B) and budget.c (C). It trusts nothing but the bounds.
 */
#include "core/owner.h"

static bool are_inside(const struct fp_buddy *buddy, u32 index, u32 nr)
{
	for (; nr; nr--, index++)
		if (fp_huge_state(&buddy->runs.huge[index]) != FP_HUGE_INSIDE)
			return false;
	return true;
}

/* Does the run that begins at @index consist of what its first word says? */
static bool run_is_sound(const struct fp_buddy *buddy, u32 index)
{
	const struct fp_huge *run = &buddy->runs.huge[index];
	u32 whole = fp_huge_next(run), rest = fp_huge_prev(run);

	if (fp_huge_owner(run) == FP_NO_ID || !whole || rest >= fp_huge_frames(buddy) ||
	    whole + !!rest > fp_extents_contiguous(&buddy->runs.extents, index))
		return false;
	if (!are_inside(buddy, index + 1, whole - 1))
		return false;
	return !rest ||
	       (fp_huge_tag(&run[whole]) == fp_huge_make_tag(FP_HUGE_OWNED, fp_huge_owner(run)) &&
		fp_frames_holds(fp_buddy_frames(buddy, index + whole), 0, rest, false));
}

/* @continues: frame 0 continues a run from the huge frame before. */
static const char *check_frames(const struct fp_buddy *buddy, u32 index, bool continues)
{
	struct fp_frames frames = fp_buddy_frames(buddy, index);

	if (!continues && !((frames.words[0] | fp_frames_aux(frames)[0]) & 1))
		return "B3: frame 0 continues nothing";
	return fp_frames_is_sound(frames) ? NULL : "F1: frame continues a free one";
}

/* Do its neighbours on the list point to @index? The first one's neighbour is the list's head. */
static bool is_linked(const struct fp_buddy *buddy, const struct fp_owner *owner, u32 index,
		      u32 class)
{
	const struct fp_huge *all = buddy->runs.huge;
	u32 prev = fp_huge_prev(&all[index]), next = fp_huge_next(&all[index]);

	if (next != FP_NIL &&
	    (next >= buddy->runs.extents.nr_huge || fp_huge_prev(&buddy->runs.huge[next]) != index))
		return false;
	if (prev == FP_NIL)
		return owner->heads[class] == index;
	return prev < buddy->runs.extents.nr_huge && fp_huge_next(&buddy->runs.huge[prev]) == index;
}

/**
 * struct sums - totals, over all huge frames or over all owners
 * @nr_huge: owned huge frames, those of runs included
 * @nr_listed: owned huge frames with free frames
 * @nr_kept: those that are wholly free
 * @nr_free: free frames in them
 * @nr_quarantined: huge frames in quarantine
 * @nr_retired: retired huge frames
 * @nr_ids: ids in use that are not fixed
 * @nr_keepers: owners that may keep something
 * @nr_free_of_charge: huge frames of owners that are not charged
 */
struct sums {
	u32 nr_huge;
	u32 nr_listed;
	u32 nr_kept;
	u64 nr_free;
	u32 nr_quarantined;
	u32 nr_retired;
	u32 nr_ids;
	u32 nr_keepers;
	u32 nr_free_of_charge;
};

/*
 * Check the run that begins at a huge frame. @tail is where the last run before it has its rest,
 * and becomes where this one has it.
 */
static const char *check_run(const struct fp_buddy *buddy, u32 index, u32 nr,
			     enum fp_huge_state state, u32 *tail)
{
	bool continues = index == *tail;

	*tail = FP_NIL;
	switch (state) {
	case FP_HUGE_EMPTY:	/* fp_runs_verify() looked at it */
	case FP_HUGE_RETIRED:
		return NULL;
	case FP_HUGE_OWNED:
		return check_frames(buddy, index, continues);
	case FP_HUGE_RUN:
		if (!run_is_sound(buddy, index))
			return "B3: run is not what it says";
		*tail = fp_huge_prev(&buddy->runs.huge[index]) ? index + nr : FP_NIL;
		return NULL;
	case FP_HUGE_QUARANTINED:
		return nr <= fp_extents_contiguous(&buddy->runs.extents, index) &&
		       are_inside(buddy, index + 1, nr - 1) ? NULL :
		       "B1: run in quarantine is not what it says";
	default:
		return "B1: inside of nothing";
	}
}

static const char *check_huge(const struct fp_buddy *buddy, struct sums *sums)
{
	u32 index, tail = FP_NIL, nr;
	struct fp_huge_view view;
	const char *broken;

	for (index = 0; index < buddy->runs.extents.nr_huge; index += nr) {
		nr = fp_buddy_view(buddy, index, &view);
		broken = check_run(buddy, index, nr, view.state, &tail);
		if (broken)
			return broken;
		sums->nr_quarantined += view.state == FP_HUGE_QUARANTINED ? nr : 0;
		sums->nr_retired += view.state == FP_HUGE_RETIRED;
		sums->nr_huge += view.id != FP_NO_ID ? nr : 0;
		sums->nr_listed += view.state == FP_HUGE_OWNED &&
				   view.nr_used < fp_huge_frames(buddy);
	}
	if (sums->nr_quarantined != buddy->nr_quarantined)
		return "B4: wrong count of quarantined huge frames";
	return sums->nr_retired == buddy->nr_retired ? NULL :
	       "B4: wrong count of retired huge frames";
}

static const char *check_list(const struct fp_buddy *buddy, const struct fp_owner *owner, u32 class,
			      struct sums *sums)
{
	u32 index = owner->heads[class], nr_huge = buddy->runs.extents.nr_huge, nr;

	for (; index != FP_NIL; index = fp_huge_next(&buddy->runs.huge[index])) {
		if (index >= nr_huge || ++sums->nr_listed > nr_huge ||
		    fp_huge_tag(&buddy->runs.huge[index]) !=
			    fp_huge_make_tag(FP_HUGE_OWNED, owner->id) ||
		    !is_linked(buddy, owner, index, class))
			return "B2: an owner's list is broken";
		nr = fp_frames_nr_free(fp_buddy_frames(buddy, index));
		if (fp_owner_class(buddy, nr) != class)
			return "B2: huge frame is on the list of another class";
		sums->nr_free += nr;
		sums->nr_kept += nr == fp_huge_frames(buddy);
	}
	return NULL;
}

static bool budget_is_sound(const struct fp_owner *owner)
{
	const struct fp_budget *budget = owner->budget, *parent = budget->parent;

	if (parent && (parent->charged < budget->charged ||
		       parent->quarantined < budget->quarantined))
		return false;
	return budget == &owner->buddy->nobody ||
	       owner->nr_huge + budget->quarantined == budget->charged;
}

static bool id_is_sound(const struct fp_buddy *buddy, const struct fp_owner *owner)
{
	u32 id = owner->id - buddy->nr_fixed;

	return owner->nr_huge && !fp_bittree_test(&buddy->ids, id) &&
	       buddy->labels[id] == owner->budget->label;
}

static const char *check_owner(const struct fp_buddy *buddy, const struct fp_owner *owner,
			       struct sums *sums)
{
	bool has_dynamic = fp_owner_has_dynamic_id(owner);
	const struct sums before = *sums;
	const char *broken;
	u32 class;

	for (class = 0; class < FP_LISTS; class++) {
		if ((owner->classes >> class & 1) != (owner->heads[class] != FP_NIL))
			return "B2: an owner's set of lists is wrong";
		broken = check_list(buddy, owner, class, sums);
		if (broken)
			return broken;
	}
	if (sums->nr_free - before.nr_free != owner->nr_free)
		return "B4: wrong count of an owner's free frames";
	if (sums->nr_kept - before.nr_kept != owner->nr_kept)
		return "B4: wrong count of an owner's kept huge frames";
	if (has_dynamic && !id_is_sound(buddy, owner))
		return "B5: id is nobody's and somebody's";
	if (owner->nr_kept && !owner->is_keeper)
		return "B4: keeper is on no list";
	if (!budget_is_sound(owner))
		return "C1: wrong charge";
	sums->nr_ids += has_dynamic;
	sums->nr_keepers += owner->is_keeper;
	if (owner->budget == &buddy->nobody)
		sums->nr_free_of_charge += owner->nr_huge;
	sums->nr_huge += owner->nr_huge;
	return NULL;
}

static const char *check_owners(const struct fp_buddy *buddy, const struct sums *ours)
{
	struct sums theirs = {};
	const struct fp_owner *owner;
	const char *broken = NULL;
	u32 nr_keepers = 0;

	list_for_each_entry(owner, &buddy->owners, node) {
		broken = check_owner(buddy, owner, &theirs);
		if (broken)
			return broken;
	}
	if (theirs.nr_listed != ours->nr_listed)
		return "B2: huge frame is not on its owner's list";
	if (theirs.nr_huge != ours->nr_huge)
		return "B4: wrong count of huge frames of the owners";
	if (theirs.nr_free != fp_buddy_nr_owned_free(buddy))
		return "B4: wrong count of all owners' free frames";
	if (theirs.nr_ids != buddy->ids.nr - fp_bittree_count(&buddy->ids))
		return "B5: id is two owners' or nobody's";
	list_for_each_entry(owner, &buddy->keepers, keeper)
		if (++nr_keepers > theirs.nr_keepers)
			break;
	if (nr_keepers != theirs.nr_keepers)
		return "B4: keeper is on no list";
	if (theirs.nr_free_of_charge + buddy->nobody.quarantined != buddy->nobody.charged)
		return "C1: wrong charge";
	return NULL;
}

static bool queue_is_sound(const struct fp_buddy *buddy, const struct fp_budget *budget,
			   const struct fp_queue *queue)
{
	u32 index = queue->first, nr = 0, run;

	if (!queue->nr || queue->nr > budget->quarantined ||
	    budget->quarantined > buddy->nr_quarantined)
		return false;
	for (; nr < queue->nr; nr += run) {
		if (index >= buddy->runs.extents.nr_huge ||
		    fp_huge_state(&buddy->runs.huge[index]) != FP_HUGE_QUARANTINED ||
		    fp_huge_label(&buddy->runs.huge[index]) != budget->label)
			return false;
		run = fp_huge_nr_quarantined(&buddy->runs.huge[index]);
		if (!run || (nr + run == queue->nr) != (index == queue->last))
			return false;
		index = fp_huge_next(&buddy->runs.huge[index]);
	}
	return nr == queue->nr;
}

static bool queues_are_sound(const struct fp_buddy *buddy, enum fp_queue_kind kind)
{
	const struct fp_budget *budget;
	const struct fp_queue *queue;
	u32 nr = 0;

	list_for_each_entry(queue, &buddy->queues[kind], all) {
		budget = list_entry(queue - kind, struct fp_budget, queues[0]);
		if (!queue_is_sound(buddy, budget, queue))
			return false;
		nr += queue->nr;
		if (nr > buddy->nr_quarantined)
			return false;
	}
	return nr == buddy->nr_queued[kind];
}

static const char *check_queues(const struct fp_buddy *buddy)
{
	u32 kind;

	for (kind = 0; kind < FP_QUEUES; kind++)
		if (!queues_are_sound(buddy, kind))
			return "B6: a queue of quarantined huge frames is broken";
	return NULL;
}

/* Keep all owners from changing anything until thaw(). */
static void freeze(struct fp_buddy *buddy)
	__acquires(&buddy->freeze_lock)
	__acquires(&buddy->lock)
{
	struct fp_owner *owner;

	spin_lock_bh(&buddy->freeze_lock);
	WRITE_ONCE(buddy->frozen, true);
	list_for_each_entry(owner, &buddy->owners, node) {
		spin_lock(&owner->lock);
		spin_unlock(&owner->lock);
	}
	spin_lock(&buddy->lock);
}

static void thaw(struct fp_buddy *buddy)
	__releases(&buddy->lock)
	__releases(&buddy->freeze_lock)
{
	spin_unlock(&buddy->lock);
	/* Pairs with the acquire in fp_owner_lock(). */
	smp_store_release(&buddy->frozen, false);
	spin_unlock_bh(&buddy->freeze_lock);
}

/**
 * fp_buddy_verify() - check every invariant
 * @buddy: the buddy
 *
 * Context: any; freezes the pool while it looks at every frame, so this is for tests and
 * debugging.
 * Return: NULL, or the invariant that is broken, as a text that begins with its name.
 */
const char *fp_buddy_verify(struct fp_buddy *buddy)
{
	struct sums sums = {};
	const char *broken;

	freeze(buddy);
	broken = fp_runs_verify(&buddy->runs) ?: check_huge(buddy, &sums) ?:
		 check_queues(buddy) ?: check_owners(buddy, &sums);
	thaw(buddy);
	return broken;
}
