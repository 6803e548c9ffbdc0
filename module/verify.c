// SPDX-License-Identifier: GPL-2.0-only
/*
 * Walks a whole buddy and checks every numbered invariant of bittree.c (T),
 * hugemap.c (H), frames.c (F) and buddy.c (B). It trusts nothing but the bounds.
 */
#include "buddy.h"

static bool block_is_sound(const struct fp_hugemap *map, u32 index, u32 level)
{
	u32 i, size = 1U << level;

	if (size > map->nr - index || map->hpfn[index] & (size - 1))
		return false;
	for (i = 1; i < size; i++)
		if (map->hpfn[index + i] != map->hpfn[index] + i)
			return false;
	return map->hpfn[index] != FP_ABSENT;
}

static bool buddies_recorded(const struct fp_hugemap *map, u32 index, u32 level)
{
	return fp_hugemap_can_merge(map, index, level) &&
	       fp_bittree_test(&map->level[level].tree, (index >> level) + 1);
}

static const char *check_block(const struct fp_buddy *buddy, u32 index, u32 level)
{
	u32 i;

	if (!block_is_sound(&buddy->map, index, level))
		return "H1: recorded block is not a block";
	if (buddies_recorded(&buddy->map, index, level))
		return "H3: two free buddies are not merged";
	for (i = 0; i < 1U << level; i++) {
		if (buddy->huge[index + i].state != FP_HUGE_EMPTY)
			return "B1: recorded huge frame is not empty";
		if (i && fp_hugemap_block_level(&buddy->map, index + i) != FP_LEVELS)
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
		nr_states += buddy->huge[index].state == FP_HUGE_EMPTY;
	return nr_states == nr_empty ? NULL : "B1: empty huge frame is not recorded";
}

/* Does the run that begins at @index consist of what it says? */
static bool run_is_sound(const struct fp_buddy *buddy, u32 index)
{
	const struct fp_huge *run = &buddy->huge[index];
	u32 left = buddy->map.nr - index, i;

	if (!run->owner || !run->next || run->next + !!run->nr_free > left)
		return false;
	for (i = 1; i < run->next; i++)
		if (run[i].state != FP_HUGE_BODY ||
		    buddy->map.hpfn[index + i] != buddy->map.hpfn[index] + i)
			return false;
	if (!run->nr_free)
		return true;
	return run[i].state == FP_HUGE_OWNED && run[i].owner == run->owner &&
	       !fp_frames_is_free(&run[i].frames, 0) && !fp_frames_is_head(&run[i].frames, 0) &&
	       fp_frames_length(&run[i].frames, 0) == run->nr_free &&
	       buddy->map.hpfn[index + i] == buddy->map.hpfn[index] + i;
}

/* @continues: frame 0 ends a run. */
static const char *check_frames(const struct fp_buddy *buddy, u32 index, bool continues)
{
	const struct fp_frames *frames = &buddy->huge[index].frames;
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

/* Do the neighbours on the list agree? The first one's neighbour is the list's head. */
static bool is_listed(const struct fp_buddy *buddy, u32 index)
{
	const struct fp_huge *huge = &buddy->huge[index];
	u32 class = fp_owner_class(huge->nr_free);

	if (huge->next != FP_NIL &&
	    (huge->next >= buddy->map.nr || buddy->huge[huge->next].prev != index))
		return false;
	if (huge->prev == FP_NIL)
		return huge->owner->heads[class] == index;
	return huge->prev < buddy->map.nr && buddy->huge[huge->prev].next == index &&
	       buddy->huge[huge->prev].owner == huge->owner &&
	       fp_owner_class(buddy->huge[huge->prev].nr_free) == class;
}

static const char *check_owned(const struct fp_buddy *buddy, u32 index, bool continues)
{
	const struct fp_huge *huge = &buddy->huge[index];

	if (huge->nr_free != fp_frames_nr_free(&huge->frames))
		return "B2: wrong count of free frames";
	if (huge->nr_free == FP_HUGE_FRAMES)
		return "B2: owned huge frame is wholly free";
	if (huge->nr_free && !is_listed(buddy, index))
		return "B2: huge frame is not on its owner's list";
	return check_frames(buddy, index, continues);
}

static const char *check_huge(const struct fp_buddy *buddy)
{
	u32 index, nr_quarantined = 0, run_end = 0, run_tail = FP_NIL;
	const char *broken = NULL;

	for (index = 0; index < buddy->map.nr && !broken; index++) {
		const struct fp_huge *huge = &buddy->huge[index];

		switch (huge->state) {
		case FP_HUGE_OWNED:
			broken = check_owned(buddy, index, index == run_tail);
			break;
		case FP_HUGE_RUN:
			if (!run_is_sound(buddy, index))
				broken = "B3: run is not what it says";
			run_end = index + huge->next;
			run_tail = huge->nr_free ? run_end : FP_NIL;
			break;
		case FP_HUGE_BODY:
			if (index >= run_end)
				broken = "B3: body without a run";
			break;
		case FP_HUGE_QUARANTINED:
			nr_quarantined++;
			break;
		}
	}
	if (!broken && nr_quarantined != buddy->nr_quarantined)
		broken = "B4: wrong count of quarantined huge frames";
	return broken;
}

static const char *check_owner(const struct fp_buddy *buddy, const struct fp_owner *owner)
{
	u32 index, nr_huge = 0;
	u64 nr_free = 0;

	for (index = 0; index < buddy->map.nr; index++) {
		if (buddy->huge[index].owner != owner || buddy->huge[index].state != FP_HUGE_OWNED)
			continue;
		nr_free += buddy->huge[index].nr_free;
		nr_huge++;
	}
	return nr_free == owner->nr_free && nr_huge == owner->nr_huge ? NULL :
		"B4: wrong counts of an owner";
}

static const char *check_owners(const struct fp_buddy *buddy)
{
	const struct fp_owner *owner;
	const char *broken = NULL;

	list_for_each_entry(owner, &buddy->owners, node) {
		broken = check_owner(buddy, owner);
		if (broken)
			break;
	}
	return broken;
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
		broken = check_owners(buddy);
	fp_buddy_thaw(buddy);
	return broken;
}
