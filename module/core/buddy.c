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
 * owner only. Once all of a huge frame is free it leaves the owner, unless that keeps it for
 * a while (spare.c): at once if all of it is clean, through the quarantine otherwise, where somebody above looks at
 * the reference count and clears it.
 *
 * Invariants (checked by fp_buddy_verify()):
 *  B1  a huge frame is FP_HUGE_EMPTY if and only if a recorded block of the hugemap covers it;
 *  B2  an owned huge frame is on its owner's list of its fullness class, or on none if it is full;
 *  B3  FP_HUGE_RUN is followed by as many FP_HUGE_BODY as it says, physically contiguous; frame 0
 *      of an owned huge frame continues a run or begins a block;
 *  B4  each owner's count of free frames is the sum over its huge frames, its count of spare ones is that of
 *      those that are wholly free, the owners' counts of huge frames add up to those that are owned, and nr_quarantined is the number of quarantined ones;
 *  B5  no two owners have the same id, no owner's id is among those nobody has, and an owner without
 *      huge frames has none, unless it is fixed;
 *  B6  the queues consist of as many huge frames as they say, all quarantined, and not of more than there are.
 *
 * It does not sleep, clear memory or know what a page is.
 */
#include "core/lease.h"
#include "core/owner.h"

static u64 total_frames(const struct fp_buddy *buddy)
{
	return (u64)buddy->map.nr * FP_HUGE_FRAMES;
}

/* Take empty huge frames for the request; the last one need not be whole. */
static u32 take_empty(struct fp_owner *owner, const struct fp_request *request)
{
	struct fp_buddy *buddy = owner->buddy;
	struct fp_hugemap_request huge = {
		.nr = request->nr / FP_HUGE_FRAMES + !!(request->nr % FP_HUGE_FRAMES),
		.align_level = request->align > FP_HUGE_FRAMES ?
			ilog2(request->align) - FP_HUGE_ORDER : 0,
		.high = request->high || request->end_pfn == FP_ANYWHERE,
	};
	u32 index = FP_BITTREE_NONE;

	if (request->end_pfn < request->nr)
		return FP_BITTREE_NONE;
	huge.last_hpfn = min_t(u64, (request->end_pfn - request->nr) >> FP_HUGE_ORDER, FP_NO_LIMIT);
	spin_lock(&buddy->lock);
	if (fp_owner_get_id(owner)) {
		index = fp_hugemap_take(&buddy->map, &huge);
		if (index == FP_BITTREE_NONE)
			fp_owner_put_id(owner);
	}
	spin_unlock(&buddy->lock);
	return index;
}

/**
 * fp_buddy_begin_run() - huge frames become a run
 * @owner: whose it is, with an id
 * @index: the first
 * @whole: how many
 * @rest: frames of the one after them that belong to the run
 */
void fp_buddy_begin_run(struct fp_owner *owner, u32 index, u32 whole, u32 rest)
{
	struct fp_huge *huge = &owner->buddy->huge[index];
	u32 i;

	fp_huge_set(huge, FP_HUGE_RUN, owner->id, rest, whole);
	for (i = 1; i < whole; i++)
		fp_huge_set(&huge[i], FP_HUGE_BODY, FP_NO_ID, FP_NIL, FP_NIL);
}

/* The empty huge frames from @index on become a run of whole ones and a rest. */
static void fill_empty(struct fp_owner *owner, u32 index, u64 nr, struct fp_run *run)
{
	u32 whole = nr / FP_HUGE_FRAMES, rest = nr % FP_HUGE_FRAMES;

	if (whole) {
		fp_buddy_begin_run(owner, index, whole, rest);
		owner->nr_huge++;
	}
	if (rest)
		fp_owner_adopt(owner, index + whole, 0, rest, !whole);
	run->frame = (u64)index * FP_HUGE_FRAMES;
	run->dirty = false;
}

static bool alloc_empty(struct fp_owner *owner, const struct fp_request *request,
			struct fp_run *run)
{
	u32 index = take_empty(owner, request);

	if (index == FP_BITTREE_NONE)
		return false;
	fill_empty(owner, index, request->nr, run);
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

	if (request->nr > total_frames(buddy))
		return -ENOMEM;
	run->nr = request->nr;
	fp_owner_lock(owner);
	done = (small && fp_owner_take_block(owner, request, run)) ||
	       (!small && request->dirty && fp_spare_take(owner, request, run)) ||
	       alloc_empty(owner, request, run) ||
	       (small && fp_owner_take_run(owner, request, run));
	fp_owner_unlock(owner);
	if (done)
		return 0;
	return request->nr > fp_buddy_nr_free(buddy) ? -ENOMEM : -ENOSPC;
}

/* Take [index, index + nr) if all of them are empty. */
static bool take_empty_at(struct fp_owner *owner, u32 index, u32 nr)
{
	struct fp_buddy *buddy = owner->buddy;
	bool taken = false;

	spin_lock(&buddy->lock);
	if (fp_owner_get_id(owner)) {
		taken = fp_hugemap_take_at(&buddy->map, index, nr);
		if (!taken)
			fp_owner_put_id(owner);
	}
	spin_unlock(&buddy->lock);
	return taken;
}

static bool alloc_small_at(struct fp_owner *owner, u32 index, u32 at, u32 nr, struct fp_run *run)
{
	struct fp_buddy *buddy = owner->buddy;

	if (fp_huge_tag(&buddy->huge[index]) == fp_huge_make_tag(FP_HUGE_OWNED, owner->id))
		return fp_owner_take_at(owner, index, at, nr, &run->dirty);
	if (!take_empty_at(owner, index, 1))
		return false;
	run->dirty = false;
	fp_owner_adopt(owner, index, at, nr, true);
	return true;
}

static bool alloc_large_at(struct fp_owner *owner, u32 index, u64 nr, struct fp_run *run)
{
	u32 nr_huge = nr / FP_HUGE_FRAMES + !!(nr % FP_HUGE_FRAMES);

	if (!take_empty_at(owner, index, nr_huge))
		return false;
	fill_empty(owner, index, nr, run);
	return true;
}

/**
 * fp_buddy_alloc_at() - allocate given frames
 * @buddy: the buddy
 * @owner: who small blocks belong to
 * @frame: the first; of a run of a huge frame or more, the first of its huge frame
 * @nr: number, at least 1
 * @run: the result
 *
 * Context: any; takes the owner's lock.
 * Return: 0; -EINVAL: they do not lie side by side in the pool, or begin or end where no run does;
 * -EBUSY: not all of them are free, or another owner has the huge frame.
 */
int fp_buddy_alloc_at(struct fp_buddy *buddy, struct fp_owner *owner, u64 frame, u64 nr,
		      struct fp_run *run)
{
	u32 index = frame / FP_HUGE_FRAMES, at = frame % FP_HUGE_FRAMES;
	bool small = nr < FP_HUGE_FRAMES, done;

	if (frame >= total_frames(buddy) || !nr || (at && !small) ||
	    nr > (u64)fp_hugemap_contiguous(&buddy->map, index) * FP_HUGE_FRAMES ||
	    (small && nr > FP_HUGE_FRAMES - at))
		return -EINVAL;
	run->frame = frame;
	run->nr = nr;
	fp_owner_lock(owner);
	done = small ? alloc_small_at(owner, index, at, nr, run) :
		       alloc_large_at(owner, index, nr, run);
	fp_owner_unlock(owner);
	return done ? 0 : -EBUSY;
}

/* Does a run of exactly @whole huge frames and @rest frames begin at @index? */
static bool holds_run(const struct fp_owner *owner, u32 index, u32 whole, u32 rest)
{
	const struct fp_huge *huge = &owner->buddy->huge[index];

	return fp_huge_tag(huge) == fp_huge_make_tag(FP_HUGE_RUN, owner->id) &&
	       fp_huge_next(huge) == whole && fp_huge_prev(huge) == rest;
}

static bool holds(const struct fp_owner *owner, u64 frame, u64 nr)
{
	u64 total = total_frames(owner->buddy);
	u32 index = frame / FP_HUGE_FRAMES, at = frame % FP_HUGE_FRAMES;

	if (frame >= total || !nr || nr > total - frame)
		return false;
	if (nr < FP_HUGE_FRAMES)
		return fp_owner_holds(owner, index, at, nr, true);
	return !at && holds_run(owner, index, nr / FP_HUGE_FRAMES, nr % FP_HUGE_FRAMES);
}

/**
 * fp_buddy_retire() - a huge frame has no allocated frame any more, and no owner
 * @owner: who owned it, locked
 * @index: the huge frame
 * @label: of who freed the last one
 *
 * Context: any; takes the buddy's lock.
 * Return: how many huge frames went into quarantine.
 */
u32 fp_buddy_retire(struct fp_owner *owner, u32 index, u32 label)
{
	struct fp_buddy *buddy = owner->buddy;
	bool dirty = !fp_frames_all_clean(&buddy->frames[index]);
	u32 quarantined;

	spin_lock(&buddy->lock);
	quarantined = fp_buddy_retire_run(buddy, index, 1, dirty, label);
	fp_owner_put_id(owner);
	spin_unlock(&buddy->lock);
	return quarantined;
}

/**
 * fp_buddy_settle() - account for freed frames, and for the huge frame if it is wholly free now
 * @owner: its owner, locked
 * @index: the huge frame
 * @nr: how many of its frames fp_owner_put() has marked since the last time
 * @label: of who freed them
 *
 * Return: how many huge frames went into quarantine.
 */
u32 fp_buddy_settle(struct fp_owner *owner, u32 index, u32 nr, u32 label)
{
	return fp_owner_settle(owner, index, nr) ? fp_buddy_retire(owner, index, label) : 0;
}

/* Returns how many huge frames went into quarantine. */
static u32 free_small(struct fp_owner *owner, u32 index, u32 at, u32 nr, bool dirty)
{
	fp_owner_put(owner, index, at, nr, dirty);
	return fp_buddy_settle(owner, index, nr, owner->label);
}

static u32 free_whole(struct fp_owner *owner, u32 index, u32 nr, bool dirty)
{
	struct fp_buddy *buddy = owner->buddy;
	u32 quarantined;

	lockdep_assert_held(&buddy->lock);
	quarantined = fp_buddy_retire_run(buddy, index, nr, dirty, owner->label);
	owner->nr_huge--;
	fp_owner_put_id(owner);
	return quarantined;
}

/* The owner keeps the huge frames of a run. */
static void keep_whole(struct fp_owner *owner, u32 index, u32 nr)
{
	fp_spare_put(owner, index, nr);
	owner->nr_huge--;
}

/* Free what holds() found to be the owner's. Returns how much went into quarantine. */
static u32 free_run(struct fp_owner *owner, u64 frame, u64 nr, bool dirty, bool keep)
{
	u32 index = frame / FP_HUGE_FRAMES, at = frame % FP_HUGE_FRAMES;
	u32 whole = nr / FP_HUGE_FRAMES, rest = nr % FP_HUGE_FRAMES, quarantined = 0;

	if (rest)
		quarantined += free_small(owner, index + whole, at, rest, dirty);
	if (whole && keep) {
		keep_whole(owner, index, whole);
	} else if (whole) {
		spin_lock(&owner->buddy->lock);
		quarantined += free_whole(owner, index, whole, dirty);
		spin_unlock(&owner->buddy->lock);
	}
	return quarantined;
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

static int free_any(struct fp_buddy *buddy, struct fp_owner *owner, u64 frame, u64 nr, bool dirty, bool keep)
{
	int ret = -EINVAL;

	fp_owner_lock(owner);
	if (holds(owner, frame, nr))
		ret = free_run(owner, frame, nr, dirty, keep);
	fp_owner_unlock(owner);
	if (ret < 0)
		ret = fp_lease_return(buddy, owner, frame, nr, dirty);
	if (ret < 0)
		fp_buddy_count_bad_free(buddy);
	return ret;
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
	return free_any(buddy, owner, frame, nr, dirty, false);
}

/**
 * fp_buddy_keep() - free a dirty run of frames, but leave its whole huge frames to the owner
 * @buddy: the buddy
 * @owner: the owner it was allocated for
 * @frame: its first frame
 * @nr: its length
 *
 * However many: what @owner->max_spare says is for those that become free piece by piece. See spare.c.
 *
 * Context: any; takes the owner's lock.
 * Return: as fp_buddy_free().
 */
int fp_buddy_keep(struct fp_buddy *buddy, struct fp_owner *owner, u64 frame, u64 nr)
{
	return free_any(buddy, owner, frame, nr, true, true);
}

/* Take runs of empty huge frames under one lock. Returns how many there were. */
static u32 alloc_large_blocks(struct fp_owner *owner, u32 order, u32 *blocks, u32 nr)
{
	struct fp_buddy *buddy = owner->buddy;
	const struct fp_hugemap_request request = {
		.nr = 1U << (order - FP_HUGE_ORDER), .align_level = order - FP_HUGE_ORDER,
		.last_hpfn = FP_NO_LIMIT, .high = true,
	};
	u32 got = 0, i;

	spin_lock(&buddy->lock);
	if (fp_owner_get_id(owner)) {
		for (; got < nr; got++) {
			blocks[got] = fp_hugemap_take(&buddy->map, &request);
			if (blocks[got] == FP_BITTREE_NONE)
				break;
			owner->nr_huge++;
		}
		fp_owner_put_id(owner);
	}
	spin_unlock(&buddy->lock);
	for (i = 0; i < got; i++) {
		fp_buddy_begin_run(owner, blocks[i], request.nr, 0);
		blocks[i] *= FP_HUGE_FRAMES;
	}
	return got;
}

static u32 alloc_small_blocks(struct fp_owner *owner, u32 order, u32 *blocks, bool *dirty, u32 nr)
{
	const struct fp_request request = { .nr = 1, .align = 1, .end_pfn = FP_ANYWHERE };
	u32 got = fp_owner_take_blocks(owner, order, blocks, dirty, nr, false), index;

	while (got < nr) {
		bool *rest = dirty ? dirty + got : NULL;

		index = take_empty(owner, &request);
		if (index == FP_BITTREE_NONE)
			return got + fp_owner_take_blocks(owner, order, blocks + got, rest, nr - got, true);
		got += fp_owner_adopt_blocks(owner, index, order, blocks + got, rest, nr - got);
	}
	return got;
}

/**
 * fp_buddy_alloc_blocks() - allocate several blocks of one order
 * @owner: who small blocks belong to
 * @order: of the blocks; they are naturally aligned
 * @blocks: the result: their first frames
 * @dirty: for each, the result: whether any of its frames is not known to be zero; or NULL
 * @nr: how many are wanted
 *
 * Context: any; takes the owner's lock, once.
 * Return: how many there were. They may be dirty.
 */
u32 fp_buddy_alloc_blocks(struct fp_owner *owner, u32 order, u32 *blocks, bool *dirty, u32 nr)
{
	u32 got;

	if (order >= fp_buddy_orders(owner->buddy))
		return 0;
	if (dirty && order >= FP_HUGE_ORDER)
		memset(dirty, 0, nr * sizeof(*dirty));
	fp_owner_lock(owner);
	got = order < FP_HUGE_ORDER ? alloc_small_blocks(owner, order, blocks, dirty, nr) :
				      alloc_large_blocks(owner, order, blocks, nr);
	fp_owner_unlock(owner);
	return got;
}

/* Free the leading blocks that lie in one huge frame. Returns how many there were. */
static u32 free_small_blocks(struct fp_owner *owner, u32 order, const u32 *blocks, u32 nr, bool dirty,
			     u32 *quarantined)
{
	u32 index = blocks[0] / FP_HUGE_FRAMES;
	u32 n = fp_owner_put_blocks(owner, order, blocks, nr, dirty);

	if (n)
		*quarantined += fp_buddy_settle(owner, index, n << order, owner->label);
	return n;
}

/* How many of the blocks are neighbours in memory, in either direction, of the owner's and all different. */
static u32 gather_run(const struct fp_owner *owner, u32 order, const u32 *blocks, u32 nr)
{
	u32 n, step = 0;

	for (n = 0; n < nr && holds(owner, blocks[n], 1ULL << order); n++) {
		if (n == 1)
			step = blocks[1] - blocks[0];
		if (n && (blocks[n] - blocks[n - 1] != step || (step != 1U << order && step != -1U << order)))
			break;
	}
	return n;
}

static u32 free_large_blocks(struct fp_owner *owner, u32 order, const u32 *blocks, u32 nr, bool dirty,
			     u32 *quarantined)
{
	struct fp_buddy *buddy = owner->buddy;
	u32 i, n;

	spin_lock(&buddy->lock);
	for (i = 0; (n = gather_run(owner, order, blocks + i, nr - i)); i += n) {
		*quarantined += fp_buddy_retire_run(buddy, min(blocks[i], blocks[i + n - 1]) / FP_HUGE_FRAMES,
					    n << (order - FP_HUGE_ORDER), dirty, owner->label);
		owner->nr_huge -= n;
	}
	fp_owner_put_id(owner);
	spin_unlock(&buddy->lock);
	return i;
}

/**
 * fp_buddy_free_blocks() - free several blocks of one order
 * @owner: the owner they were allocated for
 * @order: of the blocks
 * @blocks: their first frames; quickest if those of one huge frame are neighbours
 * @nr: how many
 * @dirty: as in fp_buddy_free()
 * @quarantined: huge frames that went into quarantine are added
 *
 * Stops at the first that is not an allocated block of @owner of that order.
 *
 * Context: any; takes the owner's lock, once.
 * Return: how many were freed.
 */
u32 fp_buddy_free_blocks(struct fp_owner *owner, u32 order, const u32 *blocks, u32 nr, bool dirty,
			 u32 *quarantined)
{
	u32 i = 0, n = 1;

	/* The caller's word for it, which may be anything: nothing may be shifted by it. */
	if (order >= fp_buddy_orders(owner->buddy))
		return 0;
	fp_owner_lock(owner);
	if (order >= FP_HUGE_ORDER)
		i = free_large_blocks(owner, order, blocks, nr, dirty, quarantined);
	else
		for (; n && i < nr; i += n)
			n = free_small_blocks(owner, order, blocks + i, nr - i, dirty, quarantined);
	fp_owner_unlock(owner);
	return i;
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
	return ((u64)fp_hugemap_hpfn(&buddy->map, frame / FP_HUGE_FRAMES) << FP_HUGE_ORDER) +
	       frame % FP_HUGE_FRAMES;
}

/**
 * fp_buddy_frame() - which frame is there
 * @buddy: the buddy
 * @pfn: any PFN
 *
 * Return: its index, or FP_ANYWHERE if it is not in the pool.
 */
u64 fp_buddy_frame(const struct fp_buddy *buddy, u64 pfn)
{
	u32 index = fp_hugemap_find(&buddy->map, pfn >> FP_HUGE_ORDER);

	return index == FP_BITTREE_NONE ? FP_ANYWHERE :
	       (u64)index * FP_HUGE_FRAMES + pfn % FP_HUGE_FRAMES;
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

static u32 nr_ids(const struct fp_buddy *buddy)
{
	return min(buddy->map.nr, FP_ORPHANAGE_ID - buddy->nr_fixed);
}

/**
 * fp_buddy_metadata() - what keeping track of the frames takes
 * @buddy: the buddy
 *
 * Return: bytes allocated for it.
 */
u64 fp_buddy_metadata(const struct fp_buddy *buddy)
{
	return fp_hugemap_metadata(&buddy->map) + fp_bittree_words(nr_ids(buddy)) * sizeof(u64) +
	       (u64)buddy->map.nr * (sizeof(*buddy->frames) + sizeof(*buddy->huge));
}

static int alloc_arrays(struct fp_buddy *buddy)
{
	u32 i;

	buddy->frames = kvcalloc(buddy->map.nr, sizeof(*buddy->frames), GFP_KERNEL);
	buddy->huge = kvcalloc(buddy->map.nr, sizeof(*buddy->huge), GFP_KERNEL);
	buddy->id_words = kvcalloc(fp_bittree_words(nr_ids(buddy)), sizeof(u64), GFP_KERNEL);
	if (!buddy->frames || !buddy->huge || !buddy->id_words)
		return -ENOMEM;
	fp_bittree_init(&buddy->ids, nr_ids(buddy), buddy->id_words);
	for (i = 0; i < nr_ids(buddy); i++)
		fp_bittree_set(&buddy->ids, i);
	return 0;
}

/**
 * fp_buddy_init() - make a buddy in which all frames are free and clean
 * @buddy: zeroed but for its name
 * @hpfn: PFNs of the huge frames >> FP_HUGE_ORDER, ascending, without repeats; all zeroed
 * @nr: how many, 1 to FP_NIL
 * @nr_fixed: how many owners with fixed ids there will be, below FP_ORPHANAGE_ID
 *
 * Context: may sleep.
 * Return: 0, or -ENOMEM.
 */
int fp_buddy_init(struct fp_buddy *buddy, const u32 *hpfn, u32 nr, u32 nr_fixed)
{
	u32 i;
	int ret;

	spin_lock_init(&buddy->freeze_lock);
	INIT_LIST_HEAD(&buddy->owners);
	spin_lock_init(&buddy->lock);
	buddy->nr_fixed = nr_fixed;
	ret = fp_hugemap_init(&buddy->map, hpfn, nr);
	if (ret)
		return ret;
	ret = alloc_arrays(buddy);
	if (ret) {
		fp_buddy_fini(buddy);
		return ret;
	}
	fp_owner_init_fixed(&buddy->orphanage, buddy, FP_ORPHANAGE_ID);
	for (i = 0; i < nr; i++) {
		fp_huge_set(&buddy->huge[i], FP_HUGE_EMPTY, FP_NO_ID, FP_NIL, FP_NIL);
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
	kvfree(buddy->id_words);
	kvfree(buddy->huge);
	kvfree(buddy->frames);
	fp_hugemap_fini(&buddy->map);
}
