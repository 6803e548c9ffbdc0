// SPDX-License-Identifier: GPL-2.0-only
/*
 * Huge frames that an owner keeps although all of their frames are free. They may be dirty: to their owner that does
 * not matter, while for anybody else they would first have to be cleared.
 *
 * An owner keeps a few in any case, or a program that allocates one frame, frees it and begins again would have a
 * whole huge frame cleared each time. What it keeps by fp_buddy_keep() is meant for its next request with @spare set: the
 * same memory goes round without ever being cleared.
 *
 * They are free, and not the owner's to hold back: whoever finds too little collects them from all owners. The caller
 * also does that every now and then.
 */
#include "core/owner.h"

/* How many huge frames to look at for a run of spare ones. */
#define MAX_TRIES	64

static bool is_spare(const struct fp_owner *owner, u32 index)
{
	const struct fp_buddy *buddy = owner->buddy;

	return fp_huge_tag(&buddy->huge[index]) == fp_huge_make_tag(FP_HUGE_OWNED, owner->id) &&
	       fp_frames_nr_free(&buddy->frames[index]) == FP_HUGE_FRAMES;
}

static bool are_spare(const struct fp_owner *owner, u32 index, u32 nr)
{
	if (nr > fp_hugemap_contiguous(&owner->buddy->map, index))
		return false;
	while (nr && is_spare(owner, index + nr - 1))
		nr--;
	return !nr;
}

static bool fits(const struct fp_owner *owner, u32 index, const struct fp_request *request)
{
	u64 pfn = fp_buddy_pfn(owner->buddy, (u64)index * FP_HUGE_FRAMES);

	return !(pfn & (request->align - 1)) && request->end_pfn >= request->nr &&
	       pfn <= request->end_pfn - request->nr &&
	       are_spare(owner, index, DIV_ROUND_UP_ULL(request->nr, FP_HUGE_FRAMES));
}

/* Where a run of spare huge frames that fits begins, or FP_NIL. */
static u32 find(const struct fp_owner *owner, const struct fp_request *request)
{
	u32 index = owner->heads[FP_CLASSES - 1], tries;

	for (tries = MAX_TRIES; index != FP_NIL && tries; tries--) {
		if (fits(owner, index, request))
			return index;
		index = fp_huge_next(&owner->buddy->huge[index]);
	}
	return FP_NIL;
}

/**
 * fp_spare_take() - make a run of spare huge frames
 * @owner: the owner, locked
 * @request: what it must satisfy; not shorter than a huge frame
 * @run: the result
 *
 * Does not look for long.
 *
 * Return: whether there was one.
 */
bool fp_spare_take(struct fp_owner *owner, const struct fp_request *request, struct fp_run *run)
{
	u32 whole = request->nr / FP_HUGE_FRAMES, rest = request->nr % FP_HUGE_FRAMES, i;
	struct fp_frames *frames = owner->buddy->frames;
	u32 index = find(owner, request);

	if (index == FP_NIL)
		return false;
	run->frame = (u64)index * FP_HUGE_FRAMES;
	run->dirty = false;
	for (i = index; i < index + whole; i++) {
		run->dirty |= !fp_frames_all_clean(&frames[i]);
		fp_owner_delist(owner, i);
	}
	if (rest) {
		fp_owner_delist(owner, i);
		run->dirty |= fp_frames_take(&frames[i], 0, rest, false);
		fp_owner_enlist(owner, i);
		trace_split(owner, i);
	}
	fp_buddy_begin_run(owner, index, whole, rest);
	owner->nr_huge++;
	return true;
}

/**
 * fp_spare_put() - keep the huge frames of a run
 * @owner: the owner, locked
 * @index: the first, of which nobody else knows
 * @nr: how many
 *
 * All of their frames are dirty.
 */
void fp_spare_put(struct fp_owner *owner, u32 index, u32 nr)
{
	struct fp_frames *frames = owner->buddy->frames;

	/* The first comes last, and is found first. */
	while (nr--) {
		fp_frames_init(&frames[index + nr]);
		fp_frames_put(&frames[index + nr], 0, FP_HUGE_FRAMES, true);
		fp_owner_enlist(owner, index + nr);
	}
}

static u32 give_up_locked(struct fp_owner *owner)
{
	struct fp_buddy *buddy = owner->buddy;
	u32 index, next, quarantined = 0;

	lockdep_assert_held(&owner->lock);
	for (index = owner->heads[FP_CLASSES - 1]; owner->nr_spare && index != FP_NIL; index = next) {
		next = fp_huge_next(&buddy->huge[index]);
		if (!is_spare(owner, index))
			continue;
		fp_owner_delist(owner, index);
		quarantined += fp_buddy_retire(owner, index, owner->label);
	}
	return quarantined;
}

/**
 * fp_buddy_is_spare() - does an owner keep the huge frame of a frame?
 * @owner: the owner
 * @frame: a frame of the pool
 *
 * Context: any; takes the owner's lock.
 * Return: whether it does.
 */
bool fp_buddy_is_spare(struct fp_owner *owner, u64 frame)
{
	bool spare;

	fp_owner_lock(owner);
	spare = is_spare(owner, frame / FP_HUGE_FRAMES);
	fp_owner_unlock(owner);
	return spare;
}

/**
 * fp_buddy_give_up() - an owner gives up all that it keeps
 * @owner: the owner
 * @max_spare: what it may keep from now on; 0 before it ends, since others may yet return what they have borrowed
 *
 * Context: any; takes the owner's lock.
 * Return: how many huge frames went into quarantine.
 */
u32 fp_buddy_give_up(struct fp_owner *owner, u32 max_spare)
{
	u32 quarantined;

	fp_owner_lock(owner);
	owner->max_spare = max_spare;
	quarantined = give_up_locked(owner);
	fp_owner_unlock(owner);
	return quarantined;
}

/**
 * fp_buddy_collect() - take the spare huge frames of one owner
 * @buddy: the buddy
 * @label: the result: that owner's label
 * @quarantined: the result: how many went into quarantine
 *
 * Takes turns: called as often as there are owners, it has been at all of them.
 *
 * Context: any.
 * Return: false: nobody keeps any.
 */
bool fp_buddy_collect(struct fp_buddy *buddy, u32 *label, u32 *quarantined)
{
	struct fp_owner *owner;
	bool found = false;

	spin_lock_bh(&buddy->freeze_lock);
	list_for_each_entry(owner, &buddy->owners, node) {
		if (!READ_ONCE(owner->nr_spare))
			continue;
		spin_lock(&owner->lock);
		*label = owner->label;
		*quarantined = give_up_locked(owner);
		spin_unlock(&owner->lock);
		list_move_tail(&owner->node, &buddy->owners);
		found = true;
		break;
	}
	spin_unlock_bh(&buddy->freeze_lock);
	return found;
}

/**
 * fp_buddy_nr_owners() - how many there are
 * @buddy: the buddy
 *
 * Context: any; takes the buddy's freeze lock.
 * Return: the number.
 */
u32 fp_buddy_nr_owners(struct fp_buddy *buddy)
{
	u32 nr;

	spin_lock_bh(&buddy->freeze_lock);
	nr = buddy->nr_owners;
	spin_unlock_bh(&buddy->freeze_lock);
	return nr;
}
