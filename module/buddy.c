// SPDX-License-Identifier: GPL-2.0-only
/*
 * The buddy allocator of a pool: naturally aligned blocks from one frame to the
 * largest run of the pool, exact lengths, alignment, an upper limit.
 *
 * It has two storeys. Upstairs, the hugemap deals in empty huge frames. A run of one
 * huge frame or more comes from there. Downstairs, each owner deals in the frames of
 * its own partly used huge frames (see frames.c), the fullest class first, so that the
 * emptier ones get a chance to become empty. A run that is not a multiple of a huge
 * frame ends in a huge frame of which its owner may use the rest.
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
 *  B3  FP_HUGE_BODY follows FP_HUGE_RUN or FP_HUGE_BODY, physically contiguous; frame 0
 *      of an owned huge frame continues such a one or begins a block;
 *  B4  nr_free is 512 (on x86) times the empty huge frames plus the free frames of the
 *      owned ones; nr_quarantined is the number of quarantined ones.
 *
 * It does not sleep, clear memory or know what a page is.
 */
#include "buddy.h"

/*
 * How many huge frames of each fullness class to try before an empty one is taken. What
 * was taken last must be among those tried, or each allocation would take another.
 */
#define TRY_BEFORE_EMPTY	4

/**
 * fp_owner_init() - make an owner of nothing
 * @owner: the owner
 */
void fp_owner_init(struct fp_owner *owner)
{
	memset(owner->heads, 0xff, sizeof(owner->heads));
	owner->nr_huge = 0;
}

/**
 * fp_owner_class() - fullness class of a huge frame
 * @nr_free: its free frames, 1 to FP_HUGE_FRAMES
 *
 * Return: the class; lower ones are fuller.
 */
u32 fp_owner_class(u32 nr_free)
{
	return (nr_free - 1) / (FP_HUGE_FRAMES / FP_CLASSES);
}

static void list_huge(struct fp_buddy *buddy, u32 index)
{
	struct fp_huge *huge = &buddy->huge[index];
	u32 *head;

	if (!huge->nr_free)
		return;
	head = &huge->owner->heads[fp_owner_class(huge->nr_free)];
	huge->prev = FP_NIL;
	huge->next = *head;
	if (*head != FP_NIL)
		buddy->huge[*head].prev = index;
	*head = index;
}

static void unlist_huge(struct fp_buddy *buddy, u32 index)
{
	struct fp_huge *huge = &buddy->huge[index];

	if (!huge->nr_free)
		return;
	if (huge->next != FP_NIL)
		buddy->huge[huge->next].prev = huge->prev;
	if (huge->prev != FP_NIL)
		buddy->huge[huge->prev].next = huge->next;
	else
		huge->owner->heads[fp_owner_class(huge->nr_free)] = huge->next;
}

static void set_nr_free(struct fp_buddy *buddy, u32 index, u32 nr_free)
{
	struct fp_huge *huge = &buddy->huge[index];
	bool moves = !huge->nr_free || !nr_free ||
		     fp_owner_class(huge->nr_free) != fp_owner_class(nr_free);

	if (moves)
		unlist_huge(buddy, index);
	huge->nr_free = nr_free;
	if (moves)
		list_huge(buddy, index);
}

/* Make an empty huge frame the owner's; the caller takes frames of it next. */
static void adopt_huge(struct fp_buddy *buddy, struct fp_owner *owner, u32 index)
{
	struct fp_huge *huge = &buddy->huge[index];

	huge->state = FP_HUGE_OWNED;
	huge->owner = owner;
	huge->nr_free = FP_HUGE_FRAMES;
	fp_frames_init(&huge->frames);
	owner->nr_huge++;
	list_huge(buddy, index);
}

static void quarantine_huge(struct fp_buddy *buddy, u32 index)
{
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
	buddy->nr_free += FP_HUGE_FRAMES;
	buddy->nr_released++;
	fp_hugemap_put(&buddy->map, index, 1);
}

static void take_frames(struct fp_buddy *buddy, u32 index, u32 at, u32 nr, bool head,
			struct fp_run *run)
{
	struct fp_huge *huge = &buddy->huge[index];

	run->dirty |= fp_frames_take(&huge->frames, at, nr, head);
	set_nr_free(buddy, index, huge->nr_free - nr);
	buddy->nr_free -= nr;
}

static void put_frames(struct fp_buddy *buddy, u32 index, u32 at, u32 nr, bool dirty)
{
	struct fp_huge *huge = &buddy->huge[index];

	fp_frames_put(&huge->frames, at, nr, dirty);
	buddy->nr_free += nr;
	set_nr_free(buddy, index, huge->nr_free + nr);
	if (huge->nr_free < FP_HUGE_FRAMES)
		return;
	unlist_huge(buddy, index);
	huge->owner->nr_huge--;
	buddy->nr_free -= FP_HUGE_FRAMES;
	retire_huge(buddy, index, !fp_frames_all_clean(&huge->frames));
}

/* What the request means inside the huge frame at @index. False: nothing can fit. */
static bool fit_huge(const struct fp_buddy *buddy, u32 index, const struct fp_request *request,
		     struct fp_fit *fit)
{
	u64 pfn = (u64)buddy->map.hpfn[index] << FP_HUGE_ORDER;

	fit->nr = request->nr;
	fit->align = min_t(u64, request->align, FP_HUGE_FRAMES);
	if (request->align > FP_HUGE_FRAMES && (pfn & (request->align - 1)))
		return false;
	if (request->end_pfn <= pfn)
		return false;
	fit->end = min_t(u64, request->end_pfn - pfn, FP_HUGE_FRAMES);
	return true;
}

typedef u32 (*find_fn)(const struct fp_frames *frames, const struct fp_fit *fit);

/* Look through at most @max_tries of the owner's huge frames of each class, fullest first. */
static bool take_owned(struct fp_buddy *buddy, struct fp_owner *owner,
		       const struct fp_request *request, find_fn find, u32 max_tries,
		       struct fp_run *run)
{
	u32 class, index, at, tries;
	struct fp_fit fit;

	for (class = fp_owner_class(request->nr); class < FP_CLASSES; class++) {
		tries = max_tries;
		for (index = owner->heads[class]; index != FP_NIL && tries;
		     index = buddy->huge[index].next, tries--) {
			if (!fit_huge(buddy, index, request, &fit))
				continue;
			at = find(&buddy->huge[index].frames, &fit);
			if (at == FP_FRAMES_NONE)
				continue;
			take_frames(buddy, index, at, request->nr, true, run);
			run->frame = (u64)index * FP_HUGE_FRAMES + at;
			return true;
		}
	}
	return false;
}

/* The run begins with a huge frame; it takes whole ones and the beginning of another. */
static bool take_empty(struct fp_buddy *buddy, struct fp_owner *owner,
		       const struct fp_request *request, struct fp_run *run)
{
	u32 whole = request->nr / FP_HUGE_FRAMES, rest = request->nr % FP_HUGE_FRAMES;
	u32 align = request->align > FP_HUGE_FRAMES ? ilog2(request->align) - FP_HUGE_ORDER : 0;
	u32 last, index, i;

	if (request->end_pfn < request->nr)
		return false;
	last = min_t(u64, (request->end_pfn - request->nr) >> FP_HUGE_ORDER, FP_NO_LIMIT);
	index = fp_hugemap_take(&buddy->map, whole + !!rest, align, last);
	if (index == FP_BITTREE_NONE)
		return false;
	for (i = 0; i < whole; i++)
		buddy->huge[index + i].state = i ? FP_HUGE_BODY : FP_HUGE_RUN;
	buddy->nr_free -= (u64)whole * FP_HUGE_FRAMES;
	if (rest) {
		adopt_huge(buddy, owner, index + whole);
		take_frames(buddy, index + whole, 0, rest, !whole, run);
	}
	run->frame = (u64)index * FP_HUGE_FRAMES;
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
 * Context: any; takes the buddy's lock.
 * Return: 0; -ENOMEM: fewer frames are free; -ENOSPC: no such run.
 */
int fp_buddy_alloc(struct fp_buddy *buddy, struct fp_owner *owner,
		   const struct fp_request *request, struct fp_run *run)
{
	bool small = request->nr < FP_HUGE_FRAMES;
	int ret = 0;

	run->nr = request->nr;
	run->dirty = false;
	spin_lock_bh(&buddy->lock);
	if (request->nr > buddy->nr_free)
		ret = -ENOMEM;
	else if (!(small && take_owned(buddy, owner, request, fp_frames_find_block,
				       TRY_BEFORE_EMPTY, run)) &&
		 !take_empty(buddy, owner, request, run) &&
		 !(small && take_owned(buddy, owner, request, fp_frames_find_run,
				       U32_MAX, run)))
		ret = -ENOSPC;
	spin_unlock_bh(&buddy->lock);
	return ret;
}

/* Is [at, at + nr) of an owned huge frame exactly one block, or the tail of a run? */
static bool is_block(const struct fp_buddy *buddy, const struct fp_owner *owner, u32 index,
		     u32 at, u32 nr, bool head)
{
	const struct fp_huge *huge = &buddy->huge[index];

	return index < buddy->map.nr && huge->state == FP_HUGE_OWNED && huge->owner == owner &&
	       !fp_frames_is_free(&huge->frames, at) &&
	       fp_frames_is_head(&huge->frames, at) == head &&
	       fp_frames_length(&huge->frames, at) == nr;
}

/* Does a run of exactly @whole huge frames and @rest frames begin at @index? */
static bool is_run(const struct fp_buddy *buddy, const struct fp_owner *owner, u32 index,
		   u32 whole, u32 rest)
{
	u32 end = index + whole, i;

	if (whole > buddy->map.nr - index || buddy->huge[index].state != FP_HUGE_RUN)
		return false;
	for (i = index + 1; i < end; i++)
		if (buddy->huge[i].state != FP_HUGE_BODY)
			return false;
	if (rest)
		return is_block(buddy, owner, end, 0, rest, false);
	return end == buddy->map.nr ||
	       (buddy->huge[end].state != FP_HUGE_BODY &&
		!(buddy->huge[end].state == FP_HUGE_OWNED &&
		  !fp_frames_is_free(&buddy->huge[end].frames, 0) &&
		  !fp_frames_is_head(&buddy->huge[end].frames, 0)));
}

static bool is_allocated(const struct fp_buddy *buddy, const struct fp_owner *owner, u64 frame,
			 u64 nr)
{
	u64 total = (u64)buddy->map.nr * FP_HUGE_FRAMES;
	u32 index = frame / FP_HUGE_FRAMES, at = frame % FP_HUGE_FRAMES;

	if (frame >= total || !nr || nr > total - frame)
		return false;
	if (nr < FP_HUGE_FRAMES)
		return is_block(buddy, owner, index, at, nr, true);
	return !at && is_run(buddy, owner, index, nr / FP_HUGE_FRAMES, nr % FP_HUGE_FRAMES);
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
 * Context: any; takes the buddy's lock.
 * Return: how many huge frames went into quarantine; -EINVAL: this is not an allocated run
 * of @owner of that length; counted, and nothing changed.
 */
int fp_buddy_free(struct fp_buddy *buddy, struct fp_owner *owner, u64 frame, u64 nr, bool dirty)
{
	u32 index = frame / FP_HUGE_FRAMES, at = frame % FP_HUGE_FRAMES;
	u32 whole = nr / FP_HUGE_FRAMES, rest = nr % FP_HUGE_FRAMES;
	u32 before;
	int ret;

	spin_lock_bh(&buddy->lock);
	if (!is_allocated(buddy, owner, frame, nr)) {
		buddy->nr_bad_frees++;
		ret = -EINVAL;
		goto out;
	}
	before = buddy->nr_quarantined;
	for (; whole; whole--)
		retire_huge(buddy, index++, dirty);
	if (rest)
		put_frames(buddy, index, at, rest, dirty);
	ret = buddy->nr_quarantined - before;
out:
	spin_unlock_bh(&buddy->lock);
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

static void count_blocks(const struct fp_buddy *buddy, struct fp_buddy_stats *stats)
{
	u32 i;

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
 * Context: any; holds the buddy's lock while it looks at each huge frame once.
 */
void fp_buddy_stats(struct fp_buddy *buddy, struct fp_buddy_stats *stats)
{
	memset(stats, 0, sizeof(*stats));
	stats->total = (u64)buddy->map.nr_present * FP_HUGE_FRAMES;
	spin_lock_bh(&buddy->lock);
	stats->free = buddy->nr_free;
	stats->quarantined = (u64)buddy->nr_quarantined * FP_HUGE_FRAMES;
	stats->bad_frees = buddy->nr_bad_frees;
	count_blocks(buddy, stats);
	stats->largest = largest_run(buddy, stats->blocks);
	spin_unlock_bh(&buddy->lock);
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
	buddy->nr_free = (u64)nr * FP_HUGE_FRAMES;
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
