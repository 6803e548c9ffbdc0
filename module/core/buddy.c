// SPDX-License-Identifier: GPL-2.0-only
/*
 * The buddy allocator of a pool. It allocates naturally aligned blocks, from one frame to the
 * largest of the pool, and runs of exact length, aligned and below a limit as requested.
 *
 * It has two levels. runs.c allocates empty huge frames; a run of one huge frame or more comes from
 * there. Each owner allocates the frames of its own partly used huge frames (owner.c,
 * frames.c). If the length of a run is not a multiple of a huge frame, its owner may use the rest
 * of the last huge frame.
 *
 * A huge frame has one owner, because its pages share one reference count: nobody can tell who
 * still holds which of them. What an owner frees is dirty and serves that owner only. Once all of a
 * huge frame is free it leaves the owner, unless the owner keeps it for a while (keep.c). It is
 * empty at once if all of it is clean; otherwise it goes through the quarantine (release.c), where
 * a higher layer checks its reference count and clears it. Huge frames are charged to their owner's
 * budget (budget.c).
 *
 * Invariants (checked by fp_buddy_verify()):
 *  B1  what is inside a run is inside one that runs.c knows, one that is allocated, or one in
 *      quarantine;
 *  B2  an owned huge frame is on its owner's list for its number of free frames, or on none if it
 *      is full;
 *  B3  FP_HUGE_RUN is followed by as many FP_HUGE_INSIDE as it says, physically contiguous; frame
 *      0 of an owned huge frame continues a run or begins a block;
 *  B4  each owner's count of free frames is the sum over its huge frames, and nr_owned_free the sum
 *      of these; its count of kept ones is the number of those that are wholly free; the owners'
 *      counts of huge frames add up to the number of those that are owned or in runs;
 *      nr_quarantined and nr_retired are the numbers of quarantined and retired ones; an owner that
 *      keeps something is on the list of keepers;
 *  B5  no two owners have the same id, no owner's id is among the unused ones, an owner without
 *      huge frames has no id, unless it is fixed, and labels has the label of each;
 *  B6  each queue consists of as many huge frames as it says, all of them quarantined; together
 *      they contain no more than are quarantined.
 *
 * It does not sleep, clear memory or know what a page is.
 */
#include "core/owner.h"

/* How many empty huge frames to take under one lock for smaller blocks. */
#define MAX_ADOPT	32

/**
 * fp_owner_begin_take() - charge for huge frames that an owner is about to get, and get an id
 * @owner: the owner; the buddy is locked
 * @nr: how many
 *
 * Return: 0; -ENOSPC: all ids are in use; -EDQUOT: a limit would be exceeded.
 */
int fp_owner_begin_take(struct fp_owner *owner, u32 nr)
{
	lockdep_assert_held(&owner->buddy->lock);
	if (!fp_budget_charge(owner->budget, nr))
		return -EDQUOT;
	if (fp_owner_get_id(owner))
		return 0;
	fp_budget_uncharge(owner->budget, nr);
	return -ENOSPC;
}

static void undo_take(struct fp_owner *owner, u32 nr)
{
	fp_owner_put_id(owner);
	fp_budget_uncharge(owner->budget, nr);
}

/*
 * Take empty huge frames for the request, perhaps only a part of the last. As
 * fp_owner_begin_take(). If many runs do not fit, for their alignment, the owner's lock is dropped
 * now and then.
 */
static int take_empty(struct fp_owner *owner, const struct fp_request *request, u32 *index)
{
	struct fp_buddy *buddy = owner->buddy;
	struct fp_runs_request huge = {
		.nr = fp_index(buddy, request->nr) + !!fp_rest(buddy, request->nr),
		.align_level = request->align > fp_huge_frames(buddy) ?
			ilog2(request->align) - buddy->order : 0,
		.high = request->high || request->end_pfn == FP_ANYWHERE,
	};
	int ret;

	if (request->end_pfn < request->nr)
		return -ENOSPC;
	huge.last_hpfn = fp_request_last_hpfn(buddy, request);
	do {
		spin_lock(&buddy->lock);
		ret = fp_owner_begin_take(owner, huge.nr);
		if (!ret) {
			ret = fp_runs_take(&buddy->runs, &huge, index);
			if (ret)
				undo_take(owner, huge.nr);
		}
		spin_unlock(&buddy->lock);
		if (ret == -EAGAIN) {
			fp_owner_unlock(owner);
			fp_owner_lock(owner);
		}
	} while (ret == -EAGAIN);
	return ret;
}

static int alloc_empty(struct fp_owner *owner, const struct fp_request *request,
		       struct fp_run *run)
{
	u32 index;
	int ret = take_empty(owner, request, &index);

	if (!ret)
		fp_owner_fill(owner, index, request->nr, false, run);
	return ret;
}

/* Are fewer frames free for this owner than the request needs? */
static bool is_short(const struct fp_owner *owner, const struct fp_request *request)
{
	u64 nr = fp_first(owner->buddy, READ_ONCE(owner->buddy->runs.nr_empty));

	if (request->nr < fp_huge_frames(owner->buddy))
		nr += owner->nr_free;
	return request->nr > nr;
}

static int alloc_locked(struct fp_owner *owner, const struct fp_request *request,
			struct fp_run *run)
{
	bool small = request->nr < fp_huge_frames(owner->buddy);
	int ret;

	lockdep_assert_held(&owner->lock);
	if (small ? fp_owner_take(owner, request, run) :
		    request->dirty && fp_keep_take(owner, request, run))
		return 0;
	ret = alloc_empty(owner, request, run);
	if (ret && small && fp_owner_take_anywhere(owner, request, run))
		return 0;
	return ret == -ENOSPC && is_short(owner, request) ? -ENOMEM : ret;
}

/**
 * fp_buddy_alloc() - allocate a run of frames
 * @buddy: the buddy
 * @owner: the owner of the run, whose budget is charged
 * @request: what the run must satisfy
 * @run: the result
 *
 * A run shorter than a huge frame comes from the owner's huge frames: naturally aligned if
 * possible, else from a new huge frame, else anywhere it fits.
 *
 * Context: any; takes the owner's lock.
 * Return: 0; -EDQUOT: a limit of the owner's budget or of its parent would be exceeded; -ENOMEM:
 * fewer frames are free for this owner; -ENOSPC: there is no such run.
 */
int fp_buddy_alloc(struct fp_buddy *buddy, struct fp_owner *owner,
		   const struct fp_request *request, struct fp_run *run)
{
	int ret;

	if (request->nr > fp_buddy_nr_frames(buddy))
		return -ENOMEM;
	run->nr = request->nr;
	fp_owner_lock(owner);
	ret = alloc_locked(owner, request, run);
	fp_owner_unlock(owner);
	return ret;
}

/* Does a run of exactly @whole huge frames and @rest frames begin at @index? */
static bool holds_run(const struct fp_owner *owner, u32 index, u32 whole, u32 rest)
{
	const struct fp_huge *huge = &owner->buddy->runs.huge[index];

	return fp_huge_tag(huge) == fp_huge_make_tag(FP_HUGE_RUN, owner->id) &&
	       fp_huge_next(huge) == whole && fp_huge_prev(huge) == rest;
}

static bool holds(const struct fp_owner *owner, u64 frame, u64 nr)
{
	u64 total = fp_buddy_nr_frames(owner->buddy);
	u32 index = fp_index(owner->buddy, frame), at = fp_rest(owner->buddy, frame);

	if (frame >= total || !nr || nr > total - frame)
		return false;
	if (nr < fp_huge_frames(owner->buddy))
		return fp_owner_holds(owner, index, at, nr);
	return !at &&
	       holds_run(owner, index, fp_index(owner->buddy, nr), fp_rest(owner->buddy, nr));
}

/*
 * Account for frames that were marked free; the huge frame leaves its owner if it is wholly free
 * and not kept.
 */
static void settle(struct fp_owner *owner, u32 index, u32 nr)
{
	if (fp_owner_settle(owner, index, nr))
		fp_owner_release(owner, index);
}

/* Free a run that passed holds(). */
static void free_run(struct fp_owner *owner, u64 frame, u64 nr, bool dirty, bool keep)
{
	u32 index = fp_index(owner->buddy, frame), at = fp_rest(owner->buddy, frame);
	u32 whole = fp_index(owner->buddy, nr), rest = fp_rest(owner->buddy, nr);

	if (rest) {
		fp_frames_put(fp_buddy_frames(owner->buddy, index + whole), at, rest, dirty);
		settle(owner, index + whole, rest);
	}
	if (!whole)
		return;
	WRITE_ONCE(owner->nr_huge, owner->nr_huge - whole);
	spin_lock(&owner->buddy->lock);
	fp_buddy_release_run(owner->buddy, owner->budget, index, whole, dirty, keep);
	fp_owner_put_id(owner);
	spin_unlock(&owner->buddy->lock);
}

/**
 * fp_buddy_count_bad_free() - count a free that was refused
 * @buddy: the buddy
 *
 * Context: any.
 */
void fp_buddy_count_bad_free(struct fp_buddy *buddy)
{
	spin_lock_bh(&buddy->lock);
	buddy->nr_bad_frees++;
	spin_unlock_bh(&buddy->lock);
}

static int free_any(struct fp_buddy *buddy, struct fp_owner *owner, u64 frame, u64 nr, bool dirty,
		    bool keep)
{
	bool ours;

	fp_owner_lock(owner);
	ours = holds(owner, frame, nr);
	if (ours)
		free_run(owner, frame, nr, dirty, keep);
	fp_owner_unlock(owner);
	if (ours)
		return 0;
	fp_buddy_count_bad_free(buddy);
	return -EINVAL;
}

/**
 * fp_buddy_free() - free a run of frames
 * @buddy: the buddy
 * @owner: the owner it was allocated for
 * @frame: its first frame
 * @nr: its length
 * @dirty: it may have been written, or its pages referenced, since it was allocated
 *         or last cleared
 *
 * Context: any; takes the owner's lock.
 * Return: 0; -EINVAL: this is not an allocated run of @owner of that length; this is counted, and
 * nothing is changed.
 */
int fp_buddy_free(struct fp_buddy *buddy, struct fp_owner *owner, u64 frame, u64 nr, bool dirty)
{
	return free_any(buddy, owner, frame, nr, dirty, false);
}

/**
 * fp_buddy_keep() - free a dirty run of frames; the owner keeps its whole huge frames
 * @buddy: the buddy
 * @owner: the owner it was allocated for
 * @frame: its first frame
 * @nr: its length
 *
 * @owner->max_kept does not limit these: it is for huge frames that become free piece by piece. See
 * keep.c.
 *
 * Context: any; takes the owner's lock.
 * Return: as fp_buddy_free().
 */
int fp_buddy_keep(struct fp_buddy *buddy, struct fp_owner *owner, u64 frame, u64 nr)
{
	return free_any(buddy, owner, frame, nr, true, true);
}

/*
 * Take several huge frames under one lock, from the shortest runs first, each as a whole as far as
 * it is needed.
 */
static u32 take_huge_frames(struct fp_owner *owner, u32 *blocks, u32 nr)
{
	struct fp_buddy *buddy = owner->buddy;
	u32 got = 0, want = nr, some, index;

	spin_lock(&buddy->lock);
	while (want) {
		/* Near a limit, fewer at a time may be admitted. */
		if (fp_owner_begin_take(owner, want)) {
			want /= 2;
			continue;
		}
		some = fp_runs_take_some(&buddy->runs, want, owner->last, &index);
		fp_budget_uncharge(owner->budget, want - some);
		if (!some)
			break;
		owner->last = index;
		while (some--)
			blocks[got++] = index + some;
		want = nr - got;
	}
	if (!got)
		fp_owner_put_id(owner);
	spin_unlock(&buddy->lock);
	return got;
}

/* Returns how many were found. */
static u32 alloc_huge_frames(struct fp_owner *owner, u32 *blocks, u32 nr)
{
	u32 got = take_huge_frames(owner, blocks, nr), i;

	for (i = 0; i < got; i++) {
		fp_huge_set(&owner->buddy->runs.huge[blocks[i]], FP_HUGE_RUN, owner->id, 0, 1);
		blocks[i] <<= owner->buddy->order;
	}
	WRITE_ONCE(owner->nr_huge, owner->nr_huge + got);
	return got;
}

static u32 alloc_large_blocks(struct fp_owner *owner, u32 order, u32 *blocks, u32 nr)
{
	const struct fp_request request = {
		.nr = 1ULL << order, .align = 1ULL << order, .end_pfn = FP_ANYWHERE,
	};
	struct fp_run run;
	u32 got = 0;

	if (order == owner->buddy->order)
		return alloc_huge_frames(owner, blocks, nr);
	while (got < nr && !alloc_empty(owner, &request, &run))
		blocks[got++] = run.frame;
	return got;
}

/* The last resort: one block, wherever it is. */
static u32 alloc_block_anywhere(struct fp_owner *owner, u32 order, u32 *block, bool *dirty)
{
	const struct fp_request request = {
		.nr = 1U << order, .align = 1U << order, .end_pfn = FP_ANYWHERE,
	};
	struct fp_run run;

	if (!fp_owner_take_anywhere(owner, &request, &run))
		return 0;
	*block = run.frame;
	if (dirty)
		*dirty = run.dirty;
	return 1;
}

static u32 alloc_small_blocks(struct fp_owner *owner, u32 order, u32 *blocks, bool *dirty, u32 nr)
{
	u32 got = fp_owner_take_blocks(owner, order, blocks, dirty, nr, false), i, n = 1;
	u32 huge[MAX_ADOPT], per_huge = fp_huge_frames(owner->buddy) >> order;

	while (got < nr && n) {
		n = take_huge_frames(owner, huge, min_t(u32, DIV_ROUND_UP(nr - got, per_huge),
							MAX_ADOPT));
		for (i = 0; i < n; i++)
			got += fp_owner_adopt_blocks(owner, huge[i], order, blocks + got,
						     dirty ? dirty + got : NULL, nr - got);
	}
	if (got < nr)
		got += fp_owner_take_blocks(owner, order, blocks + got,
					    dirty ? dirty + got : NULL, nr - got, true);
	return got ?: alloc_block_anywhere(owner, order, blocks, dirty);
}

/**
 * fp_buddy_alloc_blocks() - allocate several blocks of one order
 * @owner: the owner of the blocks, whose budget is charged
 * @order: of the blocks; they are naturally aligned
 * @blocks: the result: their first frames
 * @dirty: for each, the result: whether any of its frames is not known to be zero; or NULL
 * @nr: how many to allocate
 *
 * Context: any; takes the owner's lock, once.
 * Return: how many were allocated. They may be dirty.
 */
u32 fp_buddy_alloc_blocks(struct fp_owner *owner, u32 order, u32 *blocks, bool *dirty, u32 nr)
{
	u32 got;

	if (order >= fp_buddy_orders(owner->buddy))
		return 0;
	if (dirty && order >= owner->buddy->order)
		memset(dirty, 0, nr * sizeof(*dirty));
	fp_owner_lock(owner);
	got = order < owner->buddy->order ?
		alloc_small_blocks(owner, order, blocks, dirty, nr) :
		alloc_large_blocks(owner, order, blocks, nr);
	fp_owner_unlock(owner);
	return got;
}

/* Free the leading blocks that lie in one huge frame. Returns how many were freed. */
static u32 free_small_blocks(struct fp_owner *owner, u32 order, const u32 *blocks, u32 nr,
			     bool dirty)
{
	u32 n = fp_owner_put_blocks(owner, order, blocks, nr, dirty);

	if (n)
		settle(owner, fp_index(owner->buddy, blocks[0]), n << order);
	return n;
}

/*
 * Take the leading blocks that are neighbours in memory, all in ascending or all in descending
 * order, from their owner. No extent begins between them. Returns how many; @index is the lowest.
 */
static __always_inline u32 gather_run(struct fp_owner *owner, u32 order, const u32 *blocks, u32 nr,
				      u32 *index)
{
	const struct fp_buddy *buddy = owner->buddy;
	u32 whole = fp_index(buddy, 1U << order), at = fp_index(buddy, blocks[0]), n;
	bool down = nr > 1 && blocks[1] < blocks[0];
	struct fp_huge run;

	lockdep_assert_held(&owner->lock);
	fp_huge_set(&run, FP_HUGE_RUN, owner->id, 0, whole);
	*index = at;
	for (n = 0; n < nr && blocks[n] == fp_first(buddy, at); n++) {
		if (at >= buddy->runs.extents.nr_huge || buddy->runs.huge[at].word != run.word ||
		    (n && fp_extents_begins(&buddy->runs.extents, down ? *index : at)))
			break;
		fp_huge_set_inside(&buddy->runs.huge[at], FP_NIL, FP_NIL);
		if (down)
			*index = at;
		at += down ? -whole : whole;
	}
	WRITE_ONCE(owner->nr_huge, owner->nr_huge - n * whole);
	return n;
}

static u32 free_large_blocks(struct fp_owner *owner, u32 order, const u32 *blocks, u32 nr,
			     bool dirty)
{
	struct fp_buddy *buddy = owner->buddy;
	u32 index, i, n = gather_run(owner, order, blocks, nr, &index);

	/* The lock is taken late: often, all are one run. */
	spin_lock(&buddy->lock);
	for (i = 0; n; n = i < nr ? gather_run(owner, order, blocks + i, nr - i, &index) : 0) {
		fp_buddy_release_run(buddy, owner->budget, index, n << (order - buddy->order),
				     dirty, false);
		i += n;
	}
	fp_owner_put_id(owner);
	spin_unlock(&buddy->lock);
	return i;
}

/**
 * fp_buddy_free_blocks() - free several blocks of one order
 * @owner: the owner they were allocated for
 * @order: of the blocks
 * @blocks: their first frames; fastest if those of one huge frame follow each other
 * @nr: how many
 * @dirty: as in fp_buddy_free()
 *
 * Stops at the first that is not an allocated block of @owner of that order.
 *
 * Context: any; takes the owner's lock, once.
 * Return: how many were freed.
 */
u32 fp_buddy_free_blocks(struct fp_owner *owner, u32 order, const u32 *blocks, u32 nr, bool dirty)
{
	u32 i = 0, n = 1;

	/* The order may be anything, so it is checked before anything is shifted by it. */
	if (order >= fp_buddy_orders(owner->buddy))
		return 0;
	fp_owner_lock(owner);
	if (nr && order >= owner->buddy->order)
		i = free_large_blocks(owner, order, blocks, nr, dirty);
	else
		for (; n && i < nr; i += n)
			n = free_small_blocks(owner, order, blocks + i, nr - i, dirty);
	fp_owner_unlock(owner);
	return i;
}

/**
 * fp_buddy_orders() - block sizes in use
 * @buddy: the buddy
 *
 * Return: number of orders; the order of the largest block is one less. Constant.
 */
u32 fp_buddy_orders(const struct fp_buddy *buddy)
{
	return buddy->order + buddy->runs.extents.levels;
}

static u32 nr_ids(const struct fp_buddy *buddy)
{
	return min(buddy->runs.extents.nr_huge, FP_NO_ID - buddy->nr_fixed);
}

/* Bytes of the state of one huge frame's frames. */
static size_t frames_bytes(const struct fp_buddy *buddy)
{
	return 2 * fp_frames_words(fp_huge_frames(buddy)) * sizeof(u64);
}

static int alloc_arrays(struct fp_buddy *buddy)
{
	u32 i;

	buddy->frames = kvcalloc(buddy->runs.extents.nr_huge, frames_bytes(buddy), GFP_KERNEL);
	buddy->id_words = kvcalloc(fp_bittree_words(nr_ids(buddy)), sizeof(u64), GFP_KERNEL);
	buddy->labels = kvcalloc(nr_ids(buddy), sizeof(*buddy->labels), GFP_KERNEL);
	buddy->nr_owned_free = alloc_percpu(s64);
	if (!buddy->frames || !buddy->id_words || !buddy->labels || !buddy->nr_owned_free)
		return -ENOMEM;
	fp_bittree_init(&buddy->ids, nr_ids(buddy), buddy->id_words);
	for (i = 0; i < nr_ids(buddy); i++)
		fp_bittree_set(&buddy->ids, i);
	return 0;
}

/**
 * fp_buddy_init() - make a buddy in which all frames are free and clean
 * @buddy: zeroed except for its name
 * @order: of a huge frame, FP_MIN_HUGE_ORDER to FP_MAX_HUGE_ORDER
 * @hpfn: PFNs of the huge frames >> @order, ascending, without repeats; their memory is
 *	  zeroed
 * @nr: how many, 1 to FP_NIL
 * @nr_fixed: how many owners with fixed ids there will be, below FP_NO_ID
 *
 * Context: may sleep.
 * Return: 0, or -ENOMEM.
 */
int fp_buddy_init(struct fp_buddy *buddy, u32 order, const u32 *hpfn, u32 nr, u32 nr_fixed)
{
	u32 i;
	int ret;

	spin_lock_init(&buddy->freeze_lock);
	INIT_LIST_HEAD(&buddy->owners);
	spin_lock_init(&buddy->lock);
	INIT_LIST_HEAD(&buddy->keepers);
	for (i = 0; i < FP_QUEUES; i++)
		INIT_LIST_HEAD(&buddy->queues[i]);
	fp_budget_init(&buddy->nobody, order, NULL, NULL, FP_NO_LABEL);
	buddy->order = order;
	buddy->nr_fixed = nr_fixed;
	ret = fp_runs_init(&buddy->runs, hpfn, nr);
	if (!ret)
		ret = alloc_arrays(buddy);
	if (ret)
		fp_buddy_fini(buddy);
	return ret;
}

/**
 * fp_buddy_could_hold() - would there be such a run if nothing were allocated?
 * @buddy: the buddy
 * @request: the run
 *
 * Context: any.
 * Return: whether there would.
 */
bool fp_buddy_could_hold(const struct fp_buddy *buddy, const struct fp_request *request)
{
	const struct fp_extents *extents = &buddy->runs.extents;
	u64 begin, end;
	u32 i;

	for (i = 0; i < extents->nr; i++) {
		begin = fp_first(buddy, extents->at[i].hpfn);
		end = begin + fp_first(buddy, extents->at[i + 1].first - extents->at[i].first);
		begin = round_up(begin, request->align);
		end = min(end, request->end_pfn);
		if (begin < end && request->nr <= end - begin)
			return true;
	}
	return false;
}

/**
 * fp_buddy_fini() - free the buddy's own memory
 * @buddy: the buddy
 */
void fp_buddy_fini(struct fp_buddy *buddy)
{
	free_percpu(buddy->nr_owned_free);
	kvfree(buddy->labels);
	kvfree(buddy->id_words);
	kvfree(buddy->frames);
	fp_runs_fini(&buddy->runs);
}
