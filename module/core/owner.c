// SPDX-License-Identifier: GPL-2.0-only
/*
 * An owner allocates the frames of its own partly used huge frames: the lower level of the buddy
 * allocator. Owners share no lock while they do so.
 *
 * These huge frames are on lists by fullness. The fullest class is searched first, so that the
 * emptier ones get a chance to become empty.
 *
 * To get a consistent picture of the whole pool, a caller freezes it: it sets @frozen, then takes
 * and drops each owner's lock once. Whoever held such a lock before has released it by then.
 * Whoever takes one afterwards sees @frozen, since the freezer's unlock came before its lock, and
 * waits for the freeze lock instead. The thaw clears @frozen with release semantics after the
 * freezer's last read; this pairs with the acquire of the owner that sees it cleared.
 */
#include "core/owner.h"

/*
 * How many huge frames of each fullness class to try before an empty one is taken. A newly taken
 * huge frame goes to the head of its list, so that the next allocation tries it; otherwise each
 * allocation would take a new one.
 */
#define TRY_BEFORE_EMPTY	2

/* The same when blocks are taken: how many huge frames in all may turn out to have none. */
#define MISSES_BEFORE_EMPTY	4

/* How many huge frames to search before others may have the lock: some tens of microseconds. */
#define SEARCH_AT_ONCE	1024

/**
 * fp_owner_init() - make an owner without huge frames
 * @owner: the owner. The caller may give it a fixed id before it is used: below @nr_fixed of
 *	   fp_buddy_init(), and no other owner's
 * @buddy: where its huge frames will come from
 * @budget: charged for them, or NULL
 *
 * Context: any.
 */
void fp_owner_init(struct fp_owner *owner, struct fp_buddy *buddy, struct fp_budget *budget)
{
	u32 i;

	*owner = (struct fp_owner){
		.buddy = buddy, .budget = budget ? budget : &buddy->nobody, .id = FP_NO_ID,
	};
	for (i = 0; i < FP_LISTS; i++)
		owner->heads[i] = FP_NIL;
	spin_lock_init(&owner->lock);
	spin_lock_bh(&buddy->freeze_lock);
	list_add_tail(&owner->node, &buddy->owners);
	WRITE_ONCE(buddy->nr_owners, buddy->nr_owners + 1);
	spin_unlock_bh(&buddy->freeze_lock);
}

/**
 * fp_owner_has_dynamic_id() - does the owner have an id only while it has huge frames?
 * @owner: the owner
 *
 * Return: whether it has such an id now.
 */
bool fp_owner_has_dynamic_id(const struct fp_owner *owner)
{
	return owner->id >= owner->buddy->nr_fixed && owner->id < FP_NO_ID;
}

/**
 * fp_owner_get_id() - make sure that the owner has an id
 * @owner: the owner; its buddy's lock is held
 *
 * Return: false: so many owners have huge frames that all ids are in use.
 */
bool fp_owner_get_id(struct fp_owner *owner)
{
	struct fp_buddy *buddy = owner->buddy;
	u32 id;

	lockdep_assert_held(&buddy->lock);
	if (owner->id != FP_NO_ID)
		return true;
	id = fp_bittree_first(&buddy->ids);
	if (id == FP_BITTREE_NONE)
		return false;
	fp_bittree_clear(&buddy->ids, id);
	WRITE_ONCE(buddy->labels[id], owner->budget->label);
	WRITE_ONCE(owner->id, buddy->nr_fixed + id);
	return true;
}

/**
 * fp_owner_put_id() - give the owner's id back if it has no huge frames any more
 * @owner: the owner; its buddy's lock is held
 */
void fp_owner_put_id(struct fp_owner *owner)
{
	struct fp_buddy *buddy = owner->buddy;

	lockdep_assert_held(&buddy->lock);
	if (owner->nr_huge || !fp_owner_has_dynamic_id(owner))
		return;
	fp_bittree_set(&buddy->ids, owner->id - buddy->nr_fixed);
	WRITE_ONCE(owner->id, FP_NO_ID);
}

/**
 * fp_owner_fini() - end an owner
 * @owner: an owner without huge frames, kept ones included
 *
 * Context: any.
 */
void fp_owner_fini(struct fp_owner *owner)
{
	struct fp_buddy *buddy = owner->buddy;

	spin_lock_bh(&buddy->freeze_lock);
	spin_lock(&buddy->lock);
	if (owner->is_keeper)
		fp_owner_delist_keeper(owner);
	spin_unlock(&buddy->lock);
	list_del(&owner->node);
	WRITE_ONCE(buddy->nr_owners, buddy->nr_owners - 1);
	spin_unlock_bh(&buddy->freeze_lock);
}

/**
 * fp_owner_lock() - take the owner's lock, as soon as the pool is not frozen
 * @owner: the owner
 *
 * Context: any.
 */
void fp_owner_lock(struct fp_owner *owner)
	__acquires(&owner->lock)
{
	struct fp_buddy *buddy = owner->buddy;

	spin_lock_bh(&owner->lock);
	/* Pairs with the release in thaw() of verify.c. */
	while (unlikely(smp_load_acquire(&buddy->frozen))) {
		spin_unlock_bh(&owner->lock);
		spin_lock_bh(&buddy->freeze_lock);
		spin_unlock_bh(&buddy->freeze_lock);
		spin_lock_bh(&owner->lock);
	}
}

/**
 * fp_owner_unlock() - undo fp_owner_lock()
 * @owner: the owner
 *
 * Context: any.
 */
void fp_owner_unlock(struct fp_owner *owner)
	__releases(&owner->lock)
{
	spin_unlock_bh(&owner->lock);
}

/**
 * fp_owner_held() - count the allocated frames of an owner
 * @owner: the owner
 *
 * Context: any.
 * Return: frames; an estimate while the owner allocates or frees.
 */
u64 fp_owner_held(const struct fp_owner *owner)
{
	u64 all = (u64)READ_ONCE(owner->nr_huge) * fp_huge_frames(owner->buddy);
	u64 nr_free = READ_ONCE(owner->nr_free);

	return all > nr_free ? all - nr_free : 0;
}

/**
 * fp_owner_class() - which list a huge frame belongs to
 * @buddy: the buddy
 * @nr_free: its free frames
 *
 * Return: the fullness class (lower ones are fuller); FP_WHOLE: it is wholly free; FP_LISTS: it is
 * full, and belongs to no list.
 */
u32 fp_owner_class(const struct fp_buddy *buddy, u32 nr_free)
{
	if (!nr_free)
		return FP_LISTS;
	return nr_free == fp_huge_frames(buddy) ? FP_WHOLE :
						  (nr_free - 1) * FP_CLASSES >> buddy->order;
}

static void list_huge(struct fp_owner *owner, u32 index, u32 class)
{
	struct fp_huge *all = owner->buddy->runs.huge;
	u32 next = owner->heads[class];

	fp_huge_set(&all[index], FP_HUGE_OWNED, owner->id, FP_NIL, next);
	if (next != FP_NIL)
		fp_huge_set_prev(&all[next], index);
	owner->heads[class] = index;
	owner->classes |= 1U << class;
}

static void unlist_huge(struct fp_owner *owner, u32 index, u32 class)
{
	struct fp_huge *all = owner->buddy->runs.huge;
	u32 prev = fp_huge_prev(&all[index]), next = fp_huge_next(&all[index]);

	if (next != FP_NIL)
		fp_huge_set_prev(&all[next], prev);
	if (prev != FP_NIL)
		fp_huge_set_next(&all[prev], next);
	else
		owner->heads[class] = next;
	if (owner->heads[class] == FP_NIL)
		owner->classes &= ~(1U << class);
}

/* The classes from @class on whose lists are not empty. */
static u32 classes_from(const struct fp_owner *owner, u32 class)
{
	return owner->classes & ~0U << class;
}

/**
 * fp_owner_become_keeper() - put an owner on the lists of those that may keep something
 * @owner: the owner, locked
 *
 * Context: any; takes the buddy's lock.
 */
void fp_owner_become_keeper(struct fp_owner *owner)
{
	if (owner->is_keeper)
		return;
	owner->is_keeper = true;
	spin_lock(&owner->buddy->lock);
	list_add_tail(&owner->keeper, &owner->buddy->keepers);
	if (owner->budget->parent)
		list_add_tail(&owner->siblings, &owner->budget->parent->keepers);
	spin_unlock(&owner->buddy->lock);
}

/**
 * fp_owner_delist_keeper() - take an owner off the lists of those that may keep something
 * @owner: the owner, which is on them
 *
 * Context: any; the buddy's lock is held.
 */
void fp_owner_delist_keeper(struct fp_owner *owner)
{
	lockdep_assert_held(&owner->buddy->lock);
	list_del(&owner->keeper);
	if (owner->budget->parent)
		list_del(&owner->siblings);
}

/*
 * A huge frame had @was free frames, and has @is now. It is on a list if it had any; afterwards it
 * is on one if it has any.
 */
static void recount(struct fp_owner *owner, u32 index, u32 was, u32 is)
{
	u32 from = fp_owner_class(owner->buddy, was), to = fp_owner_class(owner->buddy, is);

	lockdep_assert_held(&owner->lock);
	WRITE_ONCE(owner->nr_free, owner->nr_free + is - was);
	this_cpu_add(*owner->buddy->nr_owned_free, (s32)(is - was));
	if (from == to)
		return;
	if (from != FP_LISTS)
		unlist_huge(owner, index, from);
	if (to != FP_LISTS)
		list_huge(owner, index, to);
	if (from == FP_WHOLE)
		WRITE_ONCE(owner->nr_kept, owner->nr_kept - 1);
	if (to == FP_WHOLE) {
		WRITE_ONCE(owner->nr_kept, owner->nr_kept + 1);
		fp_owner_become_keeper(owner);
	}
}

static u32 nr_free_in(const struct fp_owner *owner, u32 index)
{
	return fp_frames_nr_free(fp_buddy_frames(owner->buddy, index));
}

/* Account for @nr frames that were allocated from a huge frame. */
static void settle_taken(struct fp_owner *owner, u32 index, u32 nr)
{
	u32 nr_free = nr_free_in(owner, index);

	recount(owner, index, nr_free + nr, nr_free);
	if (nr_free + nr == fp_huge_frames(owner->buddy))
		trace_split(owner, index);
}

/**
 * fp_owner_enlist() - become the owner of a huge frame
 * @owner: the owner, locked, with an id
 * @index: the huge frame; its frames are in their final state, and nobody else uses it
 * @nr_free: its free frames
 */
void fp_owner_enlist(struct fp_owner *owner, u32 index, u32 nr_free)
{
	fp_huge_set(&owner->buddy->runs.huge[index], FP_HUGE_OWNED, owner->id, FP_NIL, FP_NIL);
	WRITE_ONCE(owner->nr_huge, owner->nr_huge + 1);
	recount(owner, index, 0, nr_free);
}

/**
 * fp_owner_delist() - undo fp_owner_enlist()
 * @owner: the owner, locked
 * @index: the huge frame
 * @nr_free: its free frames
 */
void fp_owner_delist(struct fp_owner *owner, u32 index, u32 nr_free)
{
	recount(owner, index, nr_free, 0);
	WRITE_ONCE(owner->nr_huge, owner->nr_huge - 1);
}

/**
 * fp_owner_fill() - make a run of huge frames
 * @owner: the owner of the run, locked, with an id
 * @index: the first; the others are FP_HUGE_INSIDE, and nobody else uses any of them
 * @nr: frames of the run; @owner gets the rest of the last huge frame as well
 * @dirty: they are not known to be zero
 * @run: the result
 */
void fp_owner_fill(struct fp_owner *owner, u32 index, u64 nr, bool dirty, struct fp_run *run)
{
	u32 whole = fp_index(owner->buddy, nr), rest = fp_rest(owner->buddy, nr);
	struct fp_frames last = fp_buddy_frames(owner->buddy, index + whole);

	if (whole) {
		fp_huge_set(&owner->buddy->runs.huge[index], FP_HUGE_RUN, owner->id, rest, whole);
		WRITE_ONCE(owner->nr_huge, owner->nr_huge + whole);
	}
	if (rest) {
		fp_frames_init(last, dirty);
		fp_frames_take(last, 0, rest, !whole);
		fp_owner_enlist(owner, index + whole, fp_huge_frames(owner->buddy) - rest);
		trace_split(owner, index + whole);
	}
	*run = (struct fp_run){ .frame = fp_first(owner->buddy, index), .nr = nr, .dirty = dirty };
}

/* Translate the request to the huge frame at @index. False: nothing can fit. */
static bool fit_huge(const struct fp_buddy *buddy, u32 index, const struct fp_request *request,
		     struct fp_fit *fit)
{
	u64 pfn;

	fit->nr = request->nr;
	fit->align = min_t(u64, request->align, fp_huge_frames(buddy));
	fit->end = fp_huge_frames(buddy);
	if (request->align <= fp_huge_frames(buddy) && request->end_pfn == FP_ANYWHERE)
		return true;
	pfn = fp_buddy_pfn(buddy, fp_first(buddy, index));
	if (request->align > fp_huge_frames(buddy) && (pfn & (request->align - 1)))
		return false;
	if (request->end_pfn <= pfn)
		return false;
	fit->end = min_t(u64, request->end_pfn - pfn, fp_huge_frames(buddy));
	return true;
}

/* Take a run in one huge frame: any that fits, or a naturally aligned block. */
static bool take_in(struct fp_owner *owner, u32 index, const struct fp_request *request,
		    bool anywhere, struct fp_run *run)
{
	struct fp_frames frames = fp_buddy_frames(owner->buddy, index);
	struct fp_fit fit;
	u32 at;

	if (!fit_huge(owner->buddy, index, request, &fit))
		return false;
	at = anywhere ? fp_frames_find_run(frames, &fit) : fp_frames_find_block(frames, &fit);
	if (at == FP_FRAMES_NONE)
		return false;
	run->dirty = fp_frames_take(frames, at, request->nr, true);
	run->frame = fp_first(owner->buddy, index) + at;
	settle_taken(owner, index, request->nr);
	return true;
}

/* Look at @tries huge frames of each class, fullest first. */
static bool take_by_class(struct fp_owner *owner, const struct fp_request *request, bool anywhere,
			  u32 tries, struct fp_run *run)
{
	struct fp_buddy *buddy = owner->buddy;
	u32 classes, index, left;

	lockdep_assert_held(&owner->lock);
	for (classes = classes_from(owner, fp_owner_class(buddy, request->nr)); classes;
	     classes &= classes - 1) {
		left = tries;
		for (index = owner->heads[__ffs(classes)]; index != FP_NIL && left;
		     index = fp_huge_next(&buddy->runs.huge[index]), left--)
			if (take_in(owner, index, request, anywhere, run))
				return true;
	}
	return false;
}

/**
 * fp_owner_take() - take a naturally aligned block in one of few huge frames, fullest first
 * @owner: the owner, locked
 * @request: what it must satisfy; shorter than a huge frame
 * @run: the result
 *
 * Return: whether there was one.
 */
bool fp_owner_take(struct fp_owner *owner, const struct fp_request *request, struct fp_run *run)
{
	return take_by_class(owner, request, false, TRY_BEFORE_EMPTY, run);
}

static bool is_listed(const struct fp_owner *owner, u32 index, u32 nr_free)
{
	const struct fp_huge *huge = &owner->buddy->runs.huge[index];
	u32 class = fp_owner_class(owner->buddy, nr_free);

	return class != FP_LISTS &&
	       (fp_huge_prev(huge) != FP_NIL || owner->heads[class] == index);
}

/* As take_in(), in a huge frame that may be anybody's. */
static bool take_if_ours(struct fp_owner *owner, u32 index, const struct fp_request *request,
			 struct fp_run *run)
{
	u32 nr_free;

	if (fp_huge_tag(&owner->buddy->runs.huge[index]) !=
	    fp_huge_make_tag(FP_HUGE_OWNED, owner->id))
		return false;
	nr_free = nr_free_in(owner, index);
	return nr_free >= request->nr && is_listed(owner, index, nr_free) &&
	       take_in(owner, index, request, true, run);
}

/**
 * fp_owner_take_anywhere() - take any run that fits, in any huge frame
 * @owner: the owner, locked; of one with many huge frames, the lock is dropped now and then
 * @request: what it must satisfy; shorter than a huge frame
 * @run: the result
 *
 * Context: any.
 * Return: whether there was one.
 */
bool fp_owner_take_anywhere(struct fp_owner *owner, const struct fp_request *request,
			    struct fp_run *run)
{
	u32 index, nr_huge = owner->buddy->runs.extents.nr_huge;

	if (owner->nr_huge <= SEARCH_AT_ONCE)
		return take_by_class(owner, request, true, U32_MAX, run);
	/* A place in a list would not last without the lock. */
	for (index = 0; index < nr_huge; index++) {
		if (take_if_ours(owner, index, request, run))
			return true;
		if (index % SEARCH_AT_ONCE == SEARCH_AT_ONCE - 1) {
			fp_owner_unlock(owner);
			fp_owner_lock(owner);
		}
	}
	return false;
}

/**
 * fp_owner_take_blocks() - take naturally aligned blocks
 * @owner: the owner, locked
 * @order: of the blocks, below that of a huge frame
 * @blocks: the result: their first frames
 * @dirty: for each, the result: whether any of its frames is not known to be zero; or NULL
 * @max: how many, at least 1
 * @long_search: look at many huge frames; otherwise at a few
 *
 * Return: how many were found.
 */
u32 fp_owner_take_blocks(struct fp_owner *owner, u32 order, u32 *blocks, bool *dirty, u32 max,
			 bool long_search)
{
	struct fp_buddy *buddy = owner->buddy;
	u32 classes = classes_from(owner, fp_owner_class(buddy, 1U << order)), class;
	u32 misses = long_search ? SEARCH_AT_ONCE : MISSES_BEFORE_EMPTY, index, next, nr, got = 0;

	lockdep_assert_held(&owner->lock);
	for (; classes && got < max; classes &= ~(1U << class)) {
		/* A long search begins where most is free. */
		class = long_search ? ilog2(classes) : __ffs(classes);
		for (index = owner->heads[class]; index != FP_NIL && got < max && misses;
		     index = next) {
			next = fp_huge_next(&buddy->runs.huge[index]);
			nr = fp_frames_take_blocks(fp_buddy_frames(buddy, index), order,
						   fp_first(buddy, index), blocks + got,
						   dirty ? dirty + got : NULL, max - got);
			if (nr)
				settle_taken(owner, index, nr << order);
			else
				misses--;
			got += nr;
		}
	}
	return got;
}

/**
 * fp_owner_adopt_blocks() - become the owner of an empty huge frame, and take blocks of it
 * @owner: the owner, locked, with an id
 * @index: the huge frame; nobody else uses it
 * @order: of the blocks, below that of a huge frame
 * @blocks: the result: their first frames
 * @dirty: for each, the result: false; or NULL
 * @max: how many, at least 1
 *
 * Return: how many were taken.
 */
u32 fp_owner_adopt_blocks(struct fp_owner *owner, u32 index, u32 order, u32 *blocks, bool *dirty,
			  u32 max)
{
	struct fp_frames frames = fp_buddy_frames(owner->buddy, index);
	u32 nr;

	fp_frames_init(frames, false);
	nr = fp_frames_take_blocks(frames, order, fp_first(owner->buddy, index), blocks, dirty,
				   max);
	fp_owner_enlist(owner, index, fp_huge_frames(owner->buddy) - (nr << order));
	trace_split(owner, index);
	return nr;
}

/**
 * fp_owner_holds() - is this exactly one of the owner's blocks?
 * @owner: the owner, locked
 * @index: a huge frame
 * @at: first frame in it
 * @nr: length
 *
 * Return: whether it is.
 */
bool fp_owner_holds(const struct fp_owner *owner, u32 index, u32 at, u32 nr)
{
	struct fp_frames frames = fp_buddy_frames(owner->buddy, index);

	return fp_owner_has(owner, index) &&
	       ((is_power_of_2(nr) && fp_frames_holds_quickly(frames, at, ilog2(nr))) ||
		fp_frames_holds(frames, at, nr, true));
}

/**
 * fp_owner_put_blocks() - mark free the leading blocks that lie in one huge frame
 * @owner: the owner, locked
 * @order: of the blocks, below that of a huge frame
 * @blocks: their first frames
 * @nr: how many, at least 1
 * @dirty: they may have been written or may be referenced
 *
 * fp_owner_settle() must follow if any were marked.
 *
 * Return: how many were marked, up to the first that is not an allocated block of @owner of that
 * order.
 */
u32 fp_owner_put_blocks(struct fp_owner *owner, u32 order, const u32 *blocks, u32 nr, bool dirty)
{
	struct fp_buddy *buddy = owner->buddy;
	u32 index = fp_index(buddy, blocks[0]);

	if (index >= buddy->runs.extents.nr_huge || !fp_owner_has(owner, index))
		return 0;
	return fp_frames_put_blocks(fp_buddy_frames(buddy, index), order, blocks, nr, dirty);
}

/**
 * fp_owner_settle() - account for freed frames
 * @owner: the owner, locked
 * @index: the huge frame
 * @nr: how many of its frames were marked free since the last time
 *
 * Return: whether all of the huge frame is free and @owner does not keep it. The caller then has
 * it; its frames tell what is dirty.
 */
bool fp_owner_settle(struct fp_owner *owner, u32 index, u32 nr)
{
	u32 nr_free = nr_free_in(owner, index);
	bool whole = nr_free == fp_huge_frames(owner->buddy);
	bool leaves = whole && owner->nr_kept >= owner->max_kept;

	recount(owner, index, nr_free - nr, leaves ? 0 : nr_free);
	if (leaves)
		WRITE_ONCE(owner->nr_huge, owner->nr_huge - 1);
	if (whole)
		trace_merge(owner, index, !leaves);
	return leaves;
}

/**
 * fp_owner_unlist() - see to it that nothing is allocated in a huge frame
 * @owner: the owner, locked
 * @index: one of its huge frames, not wholly free
 */
void fp_owner_unlist(struct fp_owner *owner, u32 index)
{
	recount(owner, index, nr_free_in(owner, index), 0);
	/* So that a search by address can tell. */
	fp_huge_set(&owner->buddy->runs.huge[index], FP_HUGE_OWNED, owner->id, FP_NIL, FP_NIL);
}

/**
 * fp_owner_list() - undo fp_owner_unlist(), perhaps for another huge frame with the same blocks
 * @owner: the owner, locked
 * @index: the huge frame
 */
void fp_owner_list(struct fp_owner *owner, u32 index)
{
	recount(owner, index, 0, nr_free_in(owner, index));
}

/**
 * fp_owner_forget() - a huge frame after fp_owner_unlist() no longer belongs to its owner
 * @owner: the owner, locked
 */
void fp_owner_forget(struct fp_owner *owner)
{
	WRITE_ONCE(owner->nr_huge, owner->nr_huge - 1);
}
