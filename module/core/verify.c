// SPDX-License-Identifier: GPL-2.0-only
/*
 * Walks a whole buddy and checks every numbered invariant of bittree.c (T), hugemap.c (H), frames.c
 * (F), buddy.c (B) and budget.c (C). It trusts nothing but the bounds.
 */
#include "core/owner.h"

static bool block_is_sound(const struct fp_extent *extent, u32 pos, u32 level)
{
	u32 size = 1U << level, len = extent[1].first - extent->first, offset = pos - extent->pos;

	return pos >= extent->pos && size <= len && offset <= len - size &&
	       !(pos & (size - 1)) && !((extent->hpfn + offset) & (size - 1));
}

static bool buddies_recorded(const struct fp_hugemap *map, const struct fp_extent *extent, u32 pos,
			     u32 level)
{
	return level + 1 < map->levels && fp_hugemap_can_merge(extent, pos, level) &&
	       fp_bittree_test(&map->level[level].tree, (pos >> level) + 1);
}

static const char *check_block(const struct fp_buddy *buddy, u32 pos, u32 level)
{
	const struct fp_extent *extent = fp_hugemap_extent_at(&buddy->map, pos);
	u32 i, index = extent->first + (pos - extent->pos);

	if (!block_is_sound(extent, pos, level))
		return "H1: recorded block is not a block";
	if (buddies_recorded(&buddy->map, extent, pos, level))
		return "H3: two free buddies are not merged";
	for (i = 0; i < 1U << level; i++) {
		if (fp_huge_state(&buddy->huge[index + i]) != FP_HUGE_EMPTY)
			return "B1: recorded huge frame is not empty";
		if (i && fp_hugemap_block_level(&buddy->map, pos + i) != FP_LEVELS)
			return "H2: recorded blocks overlap";
	}
	return NULL;
}

static const char *check_level(const struct fp_buddy *buddy, u32 level, u32 *nr_empty)
{
	const struct fp_bittree *tree = &buddy->map.level[level].tree;
	const char *broken;
	u32 bit, count = 0;

	if (!fp_bittree_is_valid(tree))
		return "T1: summary of a bit tree is wrong";
	for (bit = 0; bit < tree->nr; bit++) {
		if (!fp_bittree_test(tree, bit))
			continue;
		broken = check_block(buddy, bit << level, level);
		if (broken)
			return broken;
		count++;
	}
	if (count != buddy->map.level[level].count)
		return "H4: wrong count of blocks";
	*nr_empty += count << level;
	return NULL;
}

static const char *check_map(const struct fp_buddy *buddy)
{
	const char *broken;
	u32 level, index, nr_empty = 0, nr_states = 0;

	for (level = 0; level < buddy->map.levels; level++) {
		broken = check_level(buddy, level, &nr_empty);
		if (broken)
			return broken;
	}
	if (nr_empty != buddy->map.nr_empty)
		return "H4: wrong count of empty huge frames";
	for (index = 0; index < buddy->map.nr; index++)
		nr_states += fp_huge_state(&buddy->huge[index]) == FP_HUGE_EMPTY;
	return nr_states == nr_empty ? NULL : "B1: empty huge frame is not recorded";
}

/* Does the run that begins at @index consist of what its first word says? */
static bool run_is_sound(const struct fp_buddy *buddy, u32 index)
{
	const struct fp_huge *run = &buddy->huge[index];
	u32 whole = fp_huge_next(run), rest = fp_huge_prev(run), i;

	if (fp_huge_owner(run) == FP_NO_ID || !whole || rest >= FP_HUGE_FRAMES ||
	    whole + !!rest > fp_hugemap_contiguous(&buddy->map, index))
		return false;
	for (i = 1; i < whole; i++)
		if (fp_huge_state(&run[i]) != FP_HUGE_BODY)
			return false;
	return !rest ||
	       (fp_huge_tag(&run[i]) == fp_huge_make_tag(FP_HUGE_OWNED, fp_huge_owner(run)) &&
		fp_frames_holds(&buddy->frames[index + i], 0, rest, false));
}

/* @continues: frame 0 continues a run from the huge frame before. */
static const char *check_frames(const struct fp_buddy *buddy, u32 index, bool continues)
{
	const struct fp_frames *frames = &buddy->frames[index];
	bool was_free = !continues;
	u32 at;

	for (at = 0; at < FP_HUGE_FRAMES; at++) {
		bool is_free = fp_frames_is_free(frames, at);

		if (was_free && !is_free && !fp_frames_is_head(frames, at))
			return at ? "F1: frame continues a free one" :
				    "B3: frame 0 continues nothing";
		was_free = is_free;
	}
	return NULL;
}

/* Do its neighbours on the list point to @index? The first one's neighbour is the list's head. */
static bool is_linked(const struct fp_buddy *buddy, const struct fp_owner *owner, u32 index,
		      u32 class)
{
	u32 prev = fp_huge_prev(&buddy->huge[index]), next = fp_huge_next(&buddy->huge[index]);

	if (next != FP_NIL &&
	    (next >= buddy->map.nr || fp_huge_prev(&buddy->huge[next]) != index))
		return false;
	if (prev == FP_NIL)
		return owner->heads[class] == index;
	return prev < buddy->map.nr && fp_huge_next(&buddy->huge[prev]) == index;
}

static const char *check_huge(const struct fp_buddy *buddy)
{
	u32 index, nr_quarantined = 0, nr_retired = 0, run_end = 0, run_tail = FP_NIL;
	const char *broken = NULL;

	for (index = 0; index < buddy->map.nr && !broken; index++) {
		const struct fp_huge *huge = &buddy->huge[index];

		switch (fp_huge_state(huge)) {
		case FP_HUGE_EMPTY:
			break;
		case FP_HUGE_OWNED:
			broken = check_frames(buddy, index, index == run_tail);
			break;
		case FP_HUGE_RUN:
			if (!run_is_sound(buddy, index))
				broken = "B3: run is not what it says";
			run_end = index + fp_huge_next(huge);
			run_tail = fp_huge_prev(huge) ? run_end : FP_NIL;
			break;
		case FP_HUGE_BODY:
			if (index >= run_end)
				broken = "B3: body without a run";
			break;
		case FP_HUGE_QUARANTINED:
			nr_quarantined++;
			break;
		case FP_HUGE_RETIRED:
			nr_retired++;
			break;
		}
	}
	if (!broken && nr_quarantined != buddy->nr_quarantined)
		broken = "B4: wrong count of quarantined huge frames";
	if (!broken && nr_retired != buddy->nr_retired)
		broken = "B4: wrong count of retired huge frames";
	return broken;
}

/**
 * struct sums - totals over all owners, from their own records, or over all huge frames
 * @nr_huge: owned huge frames, those of runs included
 * @nr_listed: those with free frames
 * @nr_ids: ids that are not fixed
 * @nr_keepers: owners that may keep something
 * @nr_free_of_charge: huge frames of owners that are not charged
 */
struct sums {
	u32 nr_huge;
	u32 nr_listed;
	u32 nr_ids;
	u32 nr_keepers;
	u32 nr_free_of_charge;
};

/**
 * struct counts - totals over the lists of one owner
 * @nr_free: free frames
 * @nr_kept: wholly free huge frames
 */
struct counts {
	u64 nr_free;
	u32 nr_kept;
};

static const char *check_list(const struct fp_buddy *buddy, const struct fp_owner *owner, u32 class,
			      struct sums *sums, struct counts *counts)
{
	u32 index = owner->heads[class], nr;

	for (; index != FP_NIL; index = fp_huge_next(&buddy->huge[index])) {
		if (index >= buddy->map.nr || ++sums->nr_listed > buddy->map.nr ||
		    fp_huge_tag(&buddy->huge[index]) !=
			    fp_huge_make_tag(FP_HUGE_OWNED, owner->id) ||
		    !is_linked(buddy, owner, index, class))
			return "B2: an owner's list is broken";
		nr = fp_frames_nr_free(&buddy->frames[index]);
		if (fp_owner_class(nr) != class)
			return "B2: huge frame is on the list of another class";
		counts->nr_free += nr;
		counts->nr_kept += nr == FP_HUGE_FRAMES;
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

static const char *check_owner(const struct fp_buddy *buddy, const struct fp_owner *owner,
			       struct sums *sums)
{
	bool has_dynamic = fp_owner_has_dynamic_id(owner);
	const char *broken;
	struct counts counts = {};
	u32 class;

	for (class = 0; class < FP_LISTS; class++) {
		if ((owner->classes >> class & 1) != (owner->heads[class] != FP_NIL))
			return "B2: an owner's set of lists is wrong";
		broken = check_list(buddy, owner, class, sums, &counts);
		if (broken)
			return broken;
	}
	if (counts.nr_free != owner->nr_free)
		return "B4: wrong count of an owner's free frames";
	if (counts.nr_kept != owner->nr_kept)
		return "B4: wrong count of an owner's kept huge frames";
	if (has_dynamic &&
	    (!owner->nr_huge || fp_bittree_test(&buddy->ids, owner->id - buddy->nr_fixed)))
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

static struct sums sum_huge(const struct fp_buddy *buddy)
{
	struct sums sums = {};
	u32 i;

	for (i = 0; i < buddy->map.nr; i++) {
		enum fp_huge_state state = fp_huge_state(&buddy->huge[i]);

		sums.nr_huge += state == FP_HUGE_OWNED || state == FP_HUGE_RUN ||
				state == FP_HUGE_BODY;
		sums.nr_listed += state == FP_HUGE_OWNED && fp_frames_nr_free(&buddy->frames[i]);
	}
	for (i = 0; i < buddy->ids.nr; i++)
		sums.nr_ids += !fp_bittree_test(&buddy->ids, i);
	return sums;
}

static const char *check_owners(const struct fp_buddy *buddy)
{
	struct sums theirs = {}, ours = sum_huge(buddy);
	const struct fp_owner *owner;
	const char *broken = NULL;
	u32 nr_keepers = 0;

	list_for_each_entry(owner, &buddy->owners, node) {
		broken = check_owner(buddy, owner, &theirs);
		if (broken)
			return broken;
	}
	if (theirs.nr_listed != ours.nr_listed)
		return "B2: huge frame is not on its owner's list";
	if (theirs.nr_huge != ours.nr_huge)
		return "B4: wrong count of huge frames of the owners";
	if (theirs.nr_ids != ours.nr_ids)
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
	u32 index = queue->first, i;

	if (!queue->nr || queue->nr > budget->quarantined ||
	    budget->quarantined > buddy->nr_quarantined)
		return false;
	for (i = 0; i < queue->nr; i++) {
		if (index >= buddy->map.nr ||
		    fp_huge_state(&buddy->huge[index]) != FP_HUGE_QUARANTINED ||
		    fp_huge_label(&buddy->huge[index]) != budget->label ||
		    (i + 1 == queue->nr) != (index == queue->last))
			return false;
		index = fp_huge_next(&buddy->huge[index]);
	}
	return true;
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
	return queues_are_sound(buddy, FP_UNCLEARED) && queues_are_sound(buddy, FP_REFERENCED) ?
		NULL : "B6: a queue of quarantined huge frames is broken";
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
	const char *broken;

	fp_buddy_freeze(buddy);
	broken = check_map(buddy);
	if (!broken)
		broken = check_huge(buddy);
	if (!broken)
		broken = check_queues(buddy);
	if (!broken)
		broken = check_owners(buddy);
	fp_buddy_thaw(buddy);
	return broken;
}
