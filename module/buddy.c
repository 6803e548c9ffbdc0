// SPDX-License-Identifier: GPL-2.0-only
/*
 * The buddy allocator of a pool: naturally aligned blocks from one frame to the
 * largest run of the pool, exact lengths, alignment, an upper limit.
 *
 * It has two storeys. Upstairs, the hugemap deals in empty huge frames. A run of one
 * huge frame or more comes from there. Downstairs, each owner deals in the frames of
 * its own partly used huge frames (owner.c, frames.c). A run that is not a multiple of a
 * huge frame ends in a huge frame of which its owner may use the rest.
 *
 * A huge frame has one owner, because its pages share one reference count: nobody
 * can tell who still holds which of them. What an owner frees is dirty and serves that
 * owner only. Once all of a huge frame is free it leaves the owner: at once if all
 * of it is clean, through the quarantine otherwise, where somebody above looks at
 * the reference count and clears it.
 *
 * Invariants (checked by fp_buddy_verify()):
 *  B1  a huge frame is FP_HUGE_EMPTY if and only if a recorded block of the hugemap covers it;
 *  B2  an owned huge frame has an allocated frame, its count is that of its free bits, and
 *      it is on its owner's list of its fullness class, or on none if it is full;
 *  B3  FP_HUGE_RUN is followed by as many FP_HUGE_BODY as it says, physically contiguous; frame 0
 *      of an owned huge frame continues a run or begins a block;
 *  B4  each owner's count of free frames is the sum over its huge frames; nr_quarantined is
 *      the number of quarantined ones.
 *
 * It does not sleep, clear memory or know what a page is.
 */
#include "owner.h"

static void quarantine_huge(struct fp_buddy *buddy, u32 index)
{
	lockdep_assert_held(&buddy->lock);
	buddy->huge[index].state = FP_HUGE_QUARANTINED;
	buddy->huge[index].next = FP_NIL;
	if (buddy->quarantine.last == FP_NIL)
		buddy->quarantine.first = index;
	else
		buddy->huge[buddy->quarantine.last].next = index;
	buddy->quarantine.last = index;
}

/* A wholly free huge frame leaves its owner or its run. */
static void retire_huge(struct fp_buddy *buddy, u32 index, bool dirty)
{
	if (dirty) {
		quarantine_huge(buddy, index);
		buddy->nr_quarantined++;
		return;
	}
	buddy->huge[index].state = FP_HUGE_EMPTY;
	buddy->nr_released++;
	fp_hugemap_put(&buddy->map, index, 1);
}

/* Take empty huge frames for the request; the last one need not be whole. */
static u32 take_empty(struct fp_buddy *buddy, const struct fp_request *request)
{
	u32 nr = request->nr / FP_HUGE_FRAMES + !!(request->nr % FP_HUGE_FRAMES);
	u32 align = request->align > FP_HUGE_FRAMES ? ilog2(request->align) - FP_HUGE_ORDER : 0;
	u32 index, last;

	if (request->end_pfn < request->nr)
		return FP_BITTREE_NONE;
	last = min_t(u64, (request->end_pfn - request->nr) >> FP_HUGE_ORDER, FP_NO_LIMIT);
	spin_lock(&buddy->lock);
	index = fp_hugemap_take(&buddy->map, nr, align, last);
	spin_unlock(&buddy->lock);
	return index;
}

static void begin_run(struct fp_owner *owner, u32 index, u32 whole, u32 rest)
{
	struct fp_huge *huge = &owner->buddy->huge[index];
	u32 i;

	huge->state = FP_HUGE_RUN;
	WRITE_ONCE(huge->owner, owner);
	huge->next = whole;
	huge->nr_free = rest;
	for (i = 1; i < whole; i++)
		huge[i].state = FP_HUGE_BODY;
}

static bool alloc_empty(struct fp_owner *owner, const struct fp_request *request,
			struct fp_run *run)
{
	u32 whole = request->nr / FP_HUGE_FRAMES, rest = request->nr % FP_HUGE_FRAMES;
	u32 index = take_empty(owner->buddy, request);

	if (index == FP_BITTREE_NONE)
		return false;
	if (whole)
		begin_run(owner, index, whole, rest);
	if (rest)
		fp_owner_adopt(owner, index + whole, rest, !whole);
	run->frame = (u64)index * FP_HUGE_FRAMES;
	run->dirty = false;
	return true;
}

/**
 * fp_buddy_alloc() - allocate a run of frames
 * @buddy: the buddy
 * @owner: who small blocks belong to
 * @request: what the run must satisfy
 * @run: the result
 *
 * A run shorter than a huge frame comes out of the owner's huge frames: naturally
 * aligned if possible, else from a new huge frame, else anywhere it fits.
 *
 * Context: any; takes the owner's lock.
 * Return: 0; -ENOMEM: fewer frames are free; -ENOSPC: no such run.
 */
int fp_buddy_alloc(struct fp_buddy *buddy, struct fp_owner *owner,
		   const struct fp_request *request, struct fp_run *run)
{
	bool small = request->nr < FP_HUGE_FRAMES, done;

	if (request->nr > (u64)buddy->map.nr_present * FP_HUGE_FRAMES)
		return -ENOMEM;
	run->nr = request->nr;
	fp_owner_lock(owner);
	done = (small && fp_owner_take_block(owner, request, run)) ||
	       alloc_empty(owner, request, run) ||
	       (small && fp_owner_take_run(owner, request, run));
	fp_owner_unlock(owner);
	if (done)
		return 0;
	return request->nr > fp_buddy_nr_free(buddy) ? -ENOMEM : -ENOSPC;
}

/* Does a run of exactly @whole huge frames and @rest frames begin at @index? */
static bool holds_run(const struct fp_owner *owner, u32 index, u32 whole, u32 rest)
{
	const struct fp_huge *huge = &owner->buddy->huge[index];

	return READ_ONCE(huge->owner) == owner && huge->state == FP_HUGE_RUN &&
	       huge->next == whole && huge->nr_free == rest;
}

static bool holds(const struct fp_owner *owner, u64 frame, u64 nr)
{
	u64 total = (u64)owner->buddy->map.nr * FP_HUGE_FRAMES;
	u32 index = frame / FP_HUGE_FRAMES, at = frame % FP_HUGE_FRAMES;

	if (frame >= total || !nr || nr > total - frame)
		return false;
	if (nr < FP_HUGE_FRAMES)
		return fp_owner_holds(owner, index, at, nr, true);
	return !at && holds_run(owner, index, nr / FP_HUGE_FRAMES, nr % FP_HUGE_FRAMES);
}

/* Free what holds() found to be the owner's. Returns how much went into quarantine. */
static u32 free_run(struct fp_owner *owner, u64 frame, u64 nr, bool dirty)
{
	u32 index = frame / FP_HUGE_FRAMES, at = frame % FP_HUGE_FRAMES;
	u32 whole = nr / FP_HUGE_FRAMES, rest = nr % FP_HUGE_FRAMES, before, quarantined;
	struct fp_buddy *buddy = owner->buddy;
	bool left = false;

	if (rest)
		left = fp_owner_put(owner, index + whole, at, rest, dirty);
	if (!whole && !left)
		return 0;
	if (whole)
		WRITE_ONCE(buddy->huge[index].owner, NULL);
	spin_lock(&buddy->lock);
	before = buddy->nr_quarantined;
	if (left)
		retire_huge(buddy, index + whole,
			    !fp_frames_all_clean(&buddy->huge[index + whole].frames));
	for (; whole; whole--)
		retire_huge(buddy, index++, dirty);
	quarantined = buddy->nr_quarantined - before;
	spin_unlock(&buddy->lock);
	return quarantined;
}

static void count_bad_free(struct fp_buddy *buddy)
{
	spin_lock_bh(&buddy->lock);
	buddy->nr_bad_frees++;
	spin_unlock_bh(&buddy->lock);
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
 * Return: how many huge frames went into quarantine; -EINVAL: this is not an allocated run
 * of @owner of that length; counted, and nothing changed.
 */
int fp_buddy_free(struct fp_buddy *buddy, struct fp_owner *owner, u64 frame, u64 nr, bool dirty)
{
	int ret = -EINVAL;

	fp_owner_lock(owner);
	if (holds(owner, frame, nr))
		ret = free_run(owner, frame, nr, dirty);
	fp_owner_unlock(owner);
	if (ret < 0)
		count_bad_free(buddy);
	return ret;
}

/**
 * fp_buddy_pfn() - where a frame is
 * @buddy: the buddy
 * @frame: an index that fp_buddy_alloc() returned
 *
 * Return: its PFN. Within a run PFNs are consecutive.
 */
u64 fp_buddy_pfn(const struct fp_buddy *buddy, u64 frame)
{
	return ((u64)buddy->map.hpfn[frame / FP_HUGE_FRAMES] << FP_HUGE_ORDER) +
	       frame % FP_HUGE_FRAMES;
}

/**
 * fp_buddy_orders() - block sizes in use
 * @buddy: the buddy
 *
 * Return: number of orders; the largest block has the order below it. Constant.
 */
u32 fp_buddy_orders(const struct fp_buddy *buddy)
{
	return FP_HUGE_ORDER + buddy->map.levels;
}

/**
 * fp_buddy_extents() - how scattered the memory is
 * @buddy: the buddy
 *
 * Return: number of physically contiguous runs it consists of. Constant.
 */
u32 fp_buddy_extents(const struct fp_buddy *buddy)
{
	return buddy->map.nr_extents;
}

/**
 * fp_buddy_quarantine_pop() - take a huge frame out of the quarantine to look at it
 * @buddy: the buddy
 *
 * The caller hands it back with fp_buddy_quarantine_push() or
 * fp_buddy_quarantine_release(); until then it still counts as quarantined.
 *
 * Return: its index, or FP_NIL.
 */
u32 fp_buddy_quarantine_pop(struct fp_buddy *buddy)
{
	u32 index;

	spin_lock_bh(&buddy->lock);
	index = buddy->quarantine.first;
	if (index != FP_NIL) {
		buddy->quarantine.first = buddy->huge[index].next;
		if (buddy->quarantine.first == FP_NIL)
			buddy->quarantine.last = FP_NIL;
	}
	spin_unlock_bh(&buddy->lock);
	return index;
}

/**
 * fp_buddy_quarantine_push() - put a huge frame at the end of the quarantine
 * @buddy: the buddy
 * @index: from fp_buddy_quarantine_pop(); somebody still references it
 */
void fp_buddy_quarantine_push(struct fp_buddy *buddy, u32 index)
{
	spin_lock_bh(&buddy->lock);
	quarantine_huge(buddy, index);
	spin_unlock_bh(&buddy->lock);
}

/**
 * fp_buddy_quarantine_release() - a huge frame is free for anybody
 * @buddy: the buddy
 * @index: from fp_buddy_quarantine_pop(); nobody references it and it is all zeros
 */
void fp_buddy_quarantine_release(struct fp_buddy *buddy, u32 index)
{
	spin_lock_bh(&buddy->lock);
	buddy->nr_quarantined--;
	retire_huge(buddy, index, false);
	spin_unlock_bh(&buddy->lock);
}

/**
 * fp_buddy_nr_released() - how often a huge frame became empty
 * @buddy: the buddy
 *
 * Return: a count that only grows; when it is the same before and after a failed
 * allocation, nothing came free in between.
 */
u64 fp_buddy_nr_released(struct fp_buddy *buddy)
{
	u64 nr;

	spin_lock_bh(&buddy->lock);
	nr = buddy->nr_released;
	spin_unlock_bh(&buddy->lock);
	return nr;
}

/**
 * fp_buddy_nr_free() - how much is free
 * @buddy: the buddy
 *
 * Context: any.
 * Return: frames that are free and not quarantined; an estimate while others allocate.
 */
u64 fp_buddy_nr_free(struct fp_buddy *buddy)
{
	struct fp_owner *owner;
	u64 nr;

	spin_lock_bh(&buddy->freeze_lock);
	spin_lock(&buddy->lock);
	nr = (u64)buddy->map.nr_empty * FP_HUGE_FRAMES;
	spin_unlock(&buddy->lock);
	list_for_each_entry(owner, &buddy->owners, node)
		nr += READ_ONCE(owner->nr_free);
	spin_unlock_bh(&buddy->freeze_lock);
	return nr;
}

/**
 * fp_buddy_freeze() - keep everybody from changing anything
 * @buddy: the buddy
 *
 * Context: any; until fp_buddy_thaw() the caller may not sleep.
 */
void fp_buddy_freeze(struct fp_buddy *buddy)
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

/**
 * fp_buddy_thaw() - undo fp_buddy_freeze()
 * @buddy: the buddy
 */
void fp_buddy_thaw(struct fp_buddy *buddy)
{
	spin_unlock(&buddy->lock);
	/* Pairs with the acquire in fp_owner_lock(). */
	smp_store_release(&buddy->frozen, false);
	spin_unlock_bh(&buddy->freeze_lock);
}

/**
 * fp_buddy_nr_quarantined() - size of the quarantine
 * @buddy: the buddy
 *
 * Return: huge frames, those that are being examined included.
 */
u32 fp_buddy_nr_quarantined(struct fp_buddy *buddy)
{
	u32 nr;

	spin_lock_bh(&buddy->lock);
	nr = buddy->nr_quarantined;
	spin_unlock_bh(&buddy->lock);
	return nr;
}

static void count_free(const struct fp_buddy *buddy, struct fp_buddy_stats *stats)
{
	const struct fp_owner *owner;
	u32 i;

	stats->free = (u64)buddy->map.nr_empty * FP_HUGE_FRAMES;
	list_for_each_entry(owner, &buddy->owners, node)
		stats->free += owner->nr_free;
	for (i = 0; i < buddy->map.levels; i++)
		stats->blocks[FP_HUGE_ORDER + i] = buddy->map.level[i].count;
	for (i = 0; i < buddy->map.nr; i++)
		if (buddy->huge[i].state == FP_HUGE_OWNED)
			fp_frames_count_blocks(&buddy->huge[i].frames, stats->blocks);
}

static u64 largest_run(const struct fp_buddy *buddy, const u64 *blocks)
{
	u64 huge = fp_hugemap_largest(&buddy->map);
	u32 order;

	if (huge)
		return huge * FP_HUGE_FRAMES;
	for (order = FP_HUGE_ORDER; order--;)
		if (blocks[order])
			return 1ULL << order;
	return 0;
}

/**
 * fp_buddy_stats() - take a consistent snapshot
 * @buddy: the buddy
 * @stats: the result
 *
 * Context: any; freezes the pool while it looks at each huge frame once.
 */
void fp_buddy_stats(struct fp_buddy *buddy, struct fp_buddy_stats *stats)
{
	memset(stats, 0, sizeof(*stats));
	stats->total = (u64)buddy->map.nr_present * FP_HUGE_FRAMES;
	fp_buddy_freeze(buddy);
	stats->quarantined = (u64)buddy->nr_quarantined * FP_HUGE_FRAMES;
	stats->bad_frees = buddy->nr_bad_frees;
	count_free(buddy, stats);
	stats->largest = largest_run(buddy, stats->blocks);
	fp_buddy_thaw(buddy);
	stats->used = stats->total - stats->free - stats->quarantined;
}

/**
 * fp_buddy_init() - make a buddy in which all frames are free and clean
 * @buddy: zeroed
 * @hpfn: PFNs of the huge frames >> FP_HUGE_ORDER, ascending, without repeats; all zeroed
 * @nr: how many, at least 1, below 2^30
 *
 * Context: may sleep.
 * Return: 0, or -ENOMEM.
 */
int fp_buddy_init(struct fp_buddy *buddy, const u32 *hpfn, u32 nr)
{
	u32 i;
	int ret;

	spin_lock_init(&buddy->freeze_lock);
	INIT_LIST_HEAD(&buddy->owners);
	spin_lock_init(&buddy->lock);
	buddy->quarantine.first = FP_NIL;
	buddy->quarantine.last = FP_NIL;
	ret = fp_hugemap_init(&buddy->map, hpfn, nr);
	if (ret)
		return ret;
	buddy->huge = kvcalloc(buddy->map.nr, sizeof(*buddy->huge), GFP_KERNEL);
	if (!buddy->huge) {
		fp_hugemap_fini(&buddy->map);
		return -ENOMEM;
	}
	for (i = 0; i < buddy->map.nr; i++) {
		if (buddy->map.hpfn[i] == FP_ABSENT)
			continue;
		buddy->huge[i].state = FP_HUGE_EMPTY;
		fp_hugemap_put(&buddy->map, i, 1);
	}
	return 0;
}

/**
 * fp_buddy_fini() - free the buddy's own memory
 * @buddy: the buddy
 */
void fp_buddy_fini(struct fp_buddy *buddy)
{
	kvfree(buddy->huge);
	fp_hugemap_fini(&buddy->map);
}
