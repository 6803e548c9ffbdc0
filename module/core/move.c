// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory changes places: a mover, in a higher layer, copies what huge frames contain, and this file
 * makes other huge frames take over their part in the books.
 *
 * A mover holds huge frames: those it moves to, and those it has emptied. Nobody else can take
 * them. They count as quarantined, in no queue, like one that is being examined, and nobody is
 * charged for them. So a move charges nobody twice: what an owner is charged for stays the same,
 * since as many huge frames become held as cease to be.
 *
 * There is one mover at a time. The books are not sound while it has a huge frame secluded.
 */
#include "core/move.h"

#include "core/owner.h"

/* Empty huge frames that were just taken, or those of a run, become held. */
static void hold_locked(struct fp_buddy *buddy, u32 index, u32 nr)
{
	lockdep_assert_held(&buddy->lock);
	fp_budget_charge(&buddy->nobody, nr);
	fp_buddy_count_quarantined(buddy, &buddy->nobody, nr);
	fp_huge_set_quarantined(&buddy->runs.huge[index], nr, buddy->nobody.label, FP_NIL);
}

/* Held huge frames become something else. */
static void unhold_locked(struct fp_buddy *buddy, u32 nr)
{
	lockdep_assert_held(&buddy->lock);
	fp_buddy_count_quarantined(buddy, &buddy->nobody, -nr);
	fp_budget_uncharge(&buddy->nobody, nr);
}

/**
 * fp_move_hold() - hold empty huge frames
 * @buddy: the buddy
 * @request: which
 * @index: the result: the first
 *
 * Context: any; takes the buddy's lock.
 * Return: as fp_runs_take().
 */
int fp_move_hold(struct fp_buddy *buddy, struct fp_runs_request *request, u32 *index)
{
	int ret;

	spin_lock_bh(&buddy->lock);
	ret = fp_runs_take(&buddy->runs, request, index);
	if (!ret)
		hold_locked(buddy, *index, request->nr);
	spin_unlock_bh(&buddy->lock);
	return ret;
}

/**
 * fp_move_hold_at() - hold given huge frames
 * @buddy: the buddy
 * @index: the first
 * @nr: how many, in one extent
 *
 * Context: any; takes the buddy's lock.
 * Return: whether all of them were empty.
 */
bool fp_move_hold_at(struct fp_buddy *buddy, u32 index, u32 nr)
{
	bool taken;

	spin_lock_bh(&buddy->lock);
	taken = fp_runs_take_at(&buddy->runs, index, nr);
	if (taken)
		hold_locked(buddy, index, nr);
	spin_unlock_bh(&buddy->lock);
	return taken;
}

/**
 * fp_move_join() - make one held run of two
 * @buddy: the buddy
 * @index: first huge frame of a held run
 * @next: first huge frame of the held run right after it
 *
 * Context: any; takes the buddy's lock.
 */
void fp_move_join(struct fp_buddy *buddy, u32 index, u32 next)
{
	struct fp_huge *huge = buddy->runs.huge;
	u32 nr = next - index + fp_huge_nr_quarantined(&huge[next]);

	spin_lock_bh(&buddy->lock);
	if (fp_huge_nr_quarantined(&huge[next]) > 1)
		fp_huge_set_inside(&huge[next + 1], FP_NIL, FP_NIL);
	fp_huge_set_inside(&huge[next], FP_NIL, FP_NIL);
	fp_huge_set_quarantined(&huge[index], nr, buddy->nobody.label, FP_NIL);
	spin_unlock_bh(&buddy->lock);
}

/**
 * fp_move_split() - make two held runs of one
 * @buddy: the buddy
 * @index: first huge frame of a held run
 * @nr: length of the first part, less than all of it
 *
 * Context: any; takes the buddy's lock.
 */
void fp_move_split(struct fp_buddy *buddy, u32 index, u32 nr)
{
	struct fp_huge *huge = buddy->runs.huge;
	u32 label = buddy->nobody.label, all;

	spin_lock_bh(&buddy->lock);
	all = fp_huge_nr_quarantined(&huge[index]);
	if (all > 1)
		fp_huge_set_inside(&huge[index + 1], FP_NIL, FP_NIL);
	fp_huge_set_quarantined(&huge[index], nr, label, FP_NIL);
	fp_huge_set_quarantined(&huge[index + nr], all - nr, label, FP_NIL);
	spin_unlock_bh(&buddy->lock);
}

/**
 * fp_move_drop() - stop holding huge frames, which become empty
 * @buddy: the buddy
 * @index: first huge frame of a held run; all of it is zeros
 * @nr: its length
 *
 * Context: any; takes the buddy's lock.
 */
void fp_move_drop(struct fp_buddy *buddy, u32 index, u32 nr)
{
	spin_lock_bh(&buddy->lock);
	unhold_locked(buddy, nr);
	WRITE_ONCE(buddy->nr_released, buddy->nr_released + nr);
	fp_runs_put(&buddy->runs, index, nr);
	spin_unlock_bh(&buddy->lock);
}

/**
 * fp_move_quarantine() - stop holding huge frames, which may be referenced
 * @buddy: the buddy
 * @index: first huge frame of a held run
 * @nr: its length
 *
 * Context: any; takes the buddy's lock.
 */
void fp_move_quarantine(struct fp_buddy *buddy, u32 index, u32 nr)
{
	spin_lock_bh(&buddy->lock);
	fp_buddy_count_quarantined(buddy, &buddy->nobody, -nr);
	if (nr > 1)
		fp_huge_set_inside(&buddy->runs.huge[index + 1], FP_NIL, FP_NIL);
	fp_buddy_release_run(buddy, &buddy->nobody, index, nr, true, false);
	spin_unlock_bh(&buddy->lock);
}

/**
 * fp_move_retire() - take a held huge frame out of use for good
 * @buddy: the buddy
 * @index: the huge frame, held by itself
 *
 * Context: any; takes the buddy's lock.
 */
void fp_move_retire(struct fp_buddy *buddy, u32 index)
{
	spin_lock_bh(&buddy->lock);
	unhold_locked(buddy, 1);
	fp_huge_set(&buddy->runs.huge[index], FP_HUGE_RETIRED, FP_NO_ID, FP_NIL, FP_NIL);
	WRITE_ONCE(buddy->nr_retired, buddy->nr_retired + 1);
	spin_unlock_bh(&buddy->lock);
}

/**
 * fp_move_give() - allocate a held run
 * @owner: the owner that gets it, and is charged for it
 * @index: first huge frame of a held run; all of it is zeros
 * @nr: frames of the run to allocate; the last of them lies in the last huge frame that is held
 * @run: the result
 *
 * Context: any; takes the owner's lock.
 * Return: 0; -EDQUOT: a limit would be exceeded; -ENOSPC: all ids are in use. Then it is still
 * held.
 */
int fp_move_give(struct fp_owner *owner, u32 index, u64 nr, struct fp_run *run)
{
	struct fp_buddy *buddy = owner->buddy;
	u32 whole = fp_index(buddy, nr), rest = fp_rest(buddy, nr), nr_huge = whole + !!rest;
	int ret;

	fp_owner_lock(owner);
	spin_lock(&buddy->lock);
	ret = fp_owner_begin_take(owner, nr_huge);
	if (!ret) {
		unhold_locked(buddy, nr_huge);
		if (nr_huge > 1)
			fp_huge_set_inside(&buddy->runs.huge[index + 1], FP_NIL, FP_NIL);
	}
	spin_unlock(&buddy->lock);
	if (!ret)
		fp_owner_fill(owner, index, nr, false, run);
	fp_owner_unlock(owner);
	return ret;
}

/**
 * fp_move_run() - an allocated run is somewhere else now
 * @owner: its owner
 * @from: its first huge frame; the run has no rest; it becomes held
 * @to: first huge frame of a held run of this length, which becomes the run
 * @nr: huge frames
 *
 * Context: any; takes the owner's lock.
 */
void fp_move_run(struct fp_owner *owner, u32 from, u32 to, u32 nr)
{
	struct fp_buddy *buddy = owner->buddy;
	struct fp_huge *huge = buddy->runs.huge;

	fp_owner_lock(owner);
	spin_lock(&buddy->lock);
	if (nr > 1)
		fp_huge_set_inside(&huge[to + 1], FP_NIL, FP_NIL);
	fp_huge_set(&huge[to], FP_HUGE_RUN, owner->id, 0, nr);
	fp_huge_set_quarantined(&huge[from], nr, buddy->nobody.label, FP_NIL);
	spin_unlock(&buddy->lock);
	fp_owner_unlock(owner);
}

/**
 * fp_move_seclude() - see to it that nothing more is allocated in a huge frame
 * @owner: the owner
 * @index: the huge frame
 * @nr_used: how many frames of it the mover knows to be allocated
 *
 * Until fp_move_readmit(), fp_move_image() or fp_move_emptied(), the mover sees to it that nothing
 * is freed in it.
 *
 * Context: any; takes the owner's lock.
 * Return: false: another owner has it, or more or fewer frames are allocated.
 */
bool fp_move_seclude(struct fp_owner *owner, u32 index, u32 nr_used)
{
	struct fp_buddy *buddy = owner->buddy;
	struct fp_huge *huge = &buddy->runs.huge[index];
	u32 nr_free = fp_huge_frames(buddy) - nr_used;
	bool is_ours;

	fp_owner_lock(owner);
	is_ours = fp_huge_tag(huge) == fp_huge_make_tag(FP_HUGE_OWNED, owner->id) && nr_used &&
		  fp_frames_nr_free(fp_buddy_frames(buddy, index)) == nr_free;
	if (is_ours)
		fp_owner_unlist(owner, index);
	fp_owner_unlock(owner);
	return is_ours;
}

/**
 * fp_move_readmit() - undo fp_move_seclude()
 * @owner: the owner
 * @index: the huge frame
 *
 * Context: any; takes the owner's lock.
 */
void fp_move_readmit(struct fp_owner *owner, u32 index)
{
	fp_owner_lock(owner);
	fp_owner_list(owner, index);
	fp_owner_unlock(owner);
}

/**
 * fp_move_place() - find another place for a block, in a huge frame that its owner has
 * @owner: the owner
 * @request: what the place must satisfy, as the block did when it was allocated; shorter than a
 *	     huge frame
 * @run: the result
 *
 * Context: any; takes the owner's lock.
 * Return: whether there is one.
 */
bool fp_move_place(struct fp_owner *owner, const struct fp_request *request, struct fp_run *run)
{
	bool found;

	run->nr = request->nr;
	fp_owner_lock(owner);
	found = fp_owner_take(owner, request, run) ||
		fp_owner_take_anywhere(owner, request, run);
	fp_owner_unlock(owner);
	return found;
}

/**
 * fp_move_image() - all that lies in a huge frame lies in another one now, at the same places
 * @owner: the owner
 * @from: a secluded huge frame, which becomes held
 * @to: a held huge frame, which the owner gets; the frames that are free in it are zeros
 *
 * Context: any; takes the owner's lock.
 */
void fp_move_image(struct fp_owner *owner, u32 from, u32 to)
{
	struct fp_buddy *buddy = owner->buddy;

	fp_owner_lock(owner);
	spin_lock(&buddy->lock);
	fp_frames_copy_blocks(fp_buddy_frames(buddy, to), fp_buddy_frames(buddy, from));
	fp_huge_set(&buddy->runs.huge[to], FP_HUGE_OWNED, owner->id, FP_NIL, FP_NIL);
	fp_huge_set_quarantined(&buddy->runs.huge[from], 1, buddy->nobody.label, FP_NIL);
	spin_unlock(&buddy->lock);
	fp_owner_list(owner, to);
	fp_owner_unlock(owner);
}

/**
 * fp_move_emptied() - all that lay in a huge frame lies in others of the owner now
 * @owner: the owner, which is no longer charged for it
 * @index: a secluded huge frame, which becomes held
 *
 * Context: any; takes the owner's lock.
 */
void fp_move_emptied(struct fp_owner *owner, u32 index)
{
	struct fp_buddy *buddy = owner->buddy;

	fp_owner_lock(owner);
	fp_owner_forget(owner);
	spin_lock(&buddy->lock);
	fp_budget_uncharge(owner->budget, 1);
	hold_locked(buddy, index, 1);
	fp_owner_put_id(owner);
	spin_unlock(&buddy->lock);
	fp_owner_unlock(owner);
}
