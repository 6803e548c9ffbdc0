// SPDX-License-Identifier: GPL-2.0-only
/*
 * Huge frames that an owner keeps although all of their frames are free. They may be dirty. Their
 * owner does not mind; before anybody else can have them, they must be cleared.
 *
 * An owner keeps a few in any case. Otherwise a program that allocates one frame, frees it and
 * begins again would have a whole huge frame cleared each time. Those kept by fp_buddy_keep() are
 * for the owner's next request with @dirty set, which reuses the same memory without clearing it.
 *
 * Kept huge frames are charged to their owner. The caller collects them when an allocation finds
 * too little memory, and every now and then. Owners that may keep something are on a list, so that
 * the number of other owners does not matter. An owner gets on it with the first huge frame that it
 * keeps, and is taken off when its huge frames are collected.
 */
#include "core/owner.h"

/* How many huge frames to look at for a run of kept ones. */
#define MAX_TRIES	64

/* How many huge frames to collect under one lock. */
#define MAX_COLLECT	64

static bool is_kept(const struct fp_owner *owner, u32 index)
{
	const struct fp_buddy *buddy = owner->buddy;

	return fp_huge_tag(&buddy->huge[index]) == fp_huge_make_tag(FP_HUGE_OWNED, owner->id) &&
	       fp_frames_nr_free(&buddy->frames[index]) == FP_HUGE_FRAMES;
}

static bool are_kept(const struct fp_owner *owner, u32 index, u32 nr)
{
	if (nr > fp_hugemap_contiguous(&owner->buddy->map, index))
		return false;
	while (nr && is_kept(owner, index + nr - 1))
		nr--;
	return !nr;
}

static bool fits(const struct fp_owner *owner, u32 index, const struct fp_request *request)
{
	u64 pfn = (u64)fp_hugemap_hpfn(&owner->buddy->map, index) << FP_HUGE_ORDER;

	return !(pfn & (request->align - 1)) && request->end_pfn >= request->nr &&
	       pfn <= request->end_pfn - request->nr &&
	       are_kept(owner, index, DIV_ROUND_UP_ULL(request->nr, FP_HUGE_FRAMES));
}

/* Where a run of kept huge frames that fits begins, or FP_NIL. */
static u32 find(const struct fp_owner *owner, const struct fp_request *request)
{
	u32 index = owner->heads[FP_KEPT], tries;

	for (tries = MAX_TRIES; index != FP_NIL && tries; tries--) {
		if (fits(owner, index, request))
			return index;
		index = fp_huge_next(&owner->buddy->huge[index]);
	}
	return FP_NIL;
}

/**
 * fp_keep_take() - make a run of kept huge frames
 * @owner: the owner, locked
 * @request: what it must satisfy; not shorter than a huge frame
 * @run: the result
 *
 * Looks at a few huge frames only.
 *
 * Return: whether there was one.
 */
bool fp_keep_take(struct fp_owner *owner, const struct fp_request *request, struct fp_run *run)
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
	fp_owner_begin_run(owner, index, whole, rest);
	return true;
}

/**
 * fp_keep_put() - keep the huge frames of a run
 * @owner: the owner, locked
 * @index: the first
 * @nr: how many
 *
 * All of their frames are dirty.
 */
void fp_keep_put(struct fp_owner *owner, u32 index, u32 nr)
{
	struct fp_frames *frames = owner->buddy->frames;

	WRITE_ONCE(owner->nr_huge, owner->nr_huge - nr);
	/* The first one is put on the list last, so it is found first. */
	while (nr--) {
		fp_frames_init(&frames[index + nr]);
		fp_frames_put(&frames[index + nr], 0, FP_HUGE_FRAMES, true);
		fp_owner_enlist(owner, index + nr);
	}
}

/* Release at most @max of the huge frames that the owner keeps. */
static void give_up_locked(struct fp_owner *owner, u32 max)
{
	u32 index;

	lockdep_assert_held(&owner->lock);
	for (; owner->nr_kept && max; max--) {
		index = owner->heads[FP_KEPT];
		fp_owner_delist(owner, index);
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
	bool kept;

	fp_owner_lock(owner);
	kept = is_kept(owner, frame / FP_HUGE_FRAMES);
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
	more = owner->nr_kept;
	fp_owner_unlock(owner);
	return more;
}

/* Take the next owner that may keep something off the list. NULL: there is none. */
static struct fp_owner *pop_keeper(struct fp_buddy *buddy, struct fp_budget *whose)
{
	struct list_head *keepers = whose ? &whose->keepers : &buddy->keepers;
	struct fp_owner *owner = NULL;

	lockdep_assert_held(&buddy->freeze_lock);
	spin_lock(&buddy->lock);
	if (!list_empty(keepers)) {
		owner = whose ? list_first_entry(keepers, struct fp_owner, siblings) :
				list_first_entry(keepers, struct fp_owner, keeper);
		fp_owner_delist_keeper(owner);
	}
	spin_unlock(&buddy->lock);
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
	struct fp_owner *owner;

	spin_lock_bh(&buddy->freeze_lock);
	owner = pop_keeper(buddy, whose);
	if (owner) {
		spin_lock(&owner->lock);
		owner->is_keeper = false;
		give_up_locked(owner, MAX_COLLECT);
		if (owner->nr_kept)
			fp_owner_become_keeper(owner);
		spin_unlock(&owner->lock);
	}
	spin_unlock_bh(&buddy->freeze_lock);
	return owner;
}
