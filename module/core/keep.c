// SPDX-License-Identifier: GPL-2.0-only
/*
 * Huge frames that an owner keeps although all of their frames are free. They may be dirty. Their
 * owner does not mind; before anybody else can have them, they must be cleared.
 *
 * An owner keeps a few in any case, for small blocks. Otherwise a program that allocates one frame,
 * frees it and begins again would have a whole huge frame cleared each time. Those kept by
 * fp_buddy_keep() are for the owner's next request with @dirty set, which reuses the same memory
 * without clearing it. They wait in a queue of the quarantine, as runs.
 *
 * Kept huge frames are charged to their owner. The caller collects them when an allocation finds
 * too little memory, and every now and then. Owners that may keep something are on a list, so that
 * the number of other owners does not matter. An owner gets on it with the first huge frame that it
 * keeps, and is taken off when its huge frames are collected.
 */
#include "core/owner.h"

/* How many kept runs to look at for one that fits. */
#define MAX_TRIES	64

/* How many huge frames to collect under one lock. */
#define MAX_COLLECT	64

static bool fits(const struct fp_buddy *buddy, u32 index, const struct fp_request *request)
{
	u64 pfn = fp_buddy_pfn(buddy, fp_first(buddy, index));
	u32 nr = fp_huge_nr_quarantined(&buddy->runs.huge[index]);

	return !(pfn & (request->align - 1)) && request->end_pfn >= request->nr &&
	       pfn <= request->end_pfn - request->nr &&
	       request->nr <= fp_first(buddy, nr);
}

/* Take huge frames from the first of a few kept runs that fits. Returns the first, or FP_NIL. */
static u32 take_kept(struct fp_owner *owner, const struct fp_request *request)
{
	const struct fp_queue *queue = &owner->budget->queues[FP_KEPT];
	struct fp_buddy *buddy = owner->buddy;
	u32 index = queue->first, prev = FP_NIL, tries = MAX_TRIES;

	lockdep_assert_held(&buddy->lock);
	if (!queue->nr || !fp_owner_get_id(owner))
		return FP_NIL;
	while (!fits(buddy, index, request)) {
		prev = index;
		index = fp_huge_next(&buddy->runs.huge[index]);
		if (index == FP_NIL || !--tries) {
			fp_owner_put_id(owner);
			return FP_NIL;
		}
	}
	fp_buddy_take_kept(buddy, owner->budget, prev, index,
			   fp_index(buddy, request->nr) + !!fp_rest(buddy, request->nr));
	return index;
}

/**
 * fp_keep_take() - make a run of kept huge frames
 * @owner: the owner, locked
 * @request: what it must satisfy; not shorter than a huge frame
 * @run: the result
 *
 * Looks at a few kept runs only.
 *
 * Context: any; takes the buddy's lock.
 * Return: whether there was one.
 */
bool fp_keep_take(struct fp_owner *owner, const struct fp_request *request, struct fp_run *run)
{
	u32 index;

	spin_lock(&owner->buddy->lock);
	index = take_kept(owner, request);
	spin_unlock(&owner->buddy->lock);
	if (index == FP_NIL)
		return false;
	fp_owner_fill(owner, index, request->nr, true, run);
	return true;
}

/* Release at most @max of the huge frames that the owner keeps. */
static void give_up_locked(struct fp_owner *owner, u32 max)
{
	u32 index;

	lockdep_assert_held(&owner->lock);
	for (; owner->nr_kept && max; max--) {
		index = owner->heads[FP_WHOLE];
		fp_owner_delist(owner, index, fp_huge_frames(owner->buddy));
		fp_owner_release(owner, index);
	}
}

/**
 * fp_buddy_is_kept() - does an owner keep the huge frame of a frame?
 * @owner: the owner
 * @frame: a frame of the pool
 *
 * Context: any; takes the owner's lock.
 * Return: whether it does.
 */
bool fp_buddy_is_kept(struct fp_owner *owner, u64 frame)
{
	u32 index = fp_index(owner->buddy, frame);
	bool kept;

	fp_owner_lock(owner);
	kept = fp_owner_has(owner, index) &&
	       fp_frames_nr_free(fp_buddy_frames(owner->buddy, index)) ==
		       fp_huge_frames(owner->buddy);
	fp_owner_unlock(owner);
	return kept;
}

/**
 * fp_buddy_give_up() - release some of the huge frames that an owner keeps
 * @owner: the owner
 * @max_kept: how many it may keep from now on; 0 before it ends
 *
 * Context: any; takes the owner's lock, for a bounded time.
 * Return: whether it keeps more, for the caller to go on with.
 */
bool fp_buddy_give_up(struct fp_owner *owner, u32 max_kept)
{
	bool more;

	fp_owner_lock(owner);
	owner->max_kept = max_kept;
	give_up_locked(owner, MAX_COLLECT);
	spin_lock(&owner->buddy->lock);
	fp_buddy_stop_keeping(owner->buddy, owner->budget);
	spin_unlock(&owner->buddy->lock);
	more = owner->nr_kept;
	fp_owner_unlock(owner);
	return more;
}

/* Take the next owner that may keep something off the list. NULL: there is none. */
static struct fp_owner *pop_keeper(struct fp_buddy *buddy, struct fp_budget *whose)
{
	struct list_head *keepers = whose ? &whose->keepers : &buddy->keepers;
	struct fp_owner *owner;

	lockdep_assert_held(&buddy->lock);
	if (list_empty(keepers))
		return NULL;
	owner = whose ? list_first_entry(keepers, struct fp_owner, siblings) :
			list_first_entry(keepers, struct fp_owner, keeper);
	fp_owner_delist_keeper(owner);
	return owner;
}

/**
 * fp_buddy_collect() - release some of the huge frames that one owner keeps
 * @buddy: the buddy
 * @whose: only of owners of this budget's children; NULL: of any owner
 *
 * The owners take turns.
 *
 * Context: any; for a bounded time.
 * Return: false if none of them keeps any.
 */
bool fp_buddy_collect(struct fp_buddy *buddy, struct fp_budget *whose)
{
	struct fp_budget *budget;
	struct fp_owner *owner;

	spin_lock_bh(&buddy->freeze_lock);
	spin_lock(&buddy->lock);
	owner = pop_keeper(buddy, whose);
	budget = fp_buddy_next_budget(buddy, whose, FP_KEPT);
	if (budget)
		fp_buddy_stop_keeping(buddy, budget);
	spin_unlock(&buddy->lock);
	if (owner) {
		spin_lock(&owner->lock);
		owner->is_keeper = false;
		give_up_locked(owner, MAX_COLLECT);
		if (owner->nr_kept)
			fp_owner_become_keeper(owner);
		spin_unlock(&owner->lock);
	}
	spin_unlock_bh(&buddy->freeze_lock);
	return owner || budget;
}
