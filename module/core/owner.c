// SPDX-License-Identifier: GPL-2.0-only
/*
 * An owner deals in the frames of its own partly used huge frames: the downstairs of
 * the buddy allocator. Owners share no lock while they do.
 *
 * They are kept on lists by fullness, and the fullest class is looked through first, so
 * that the emptier ones get a chance to become empty.
 *
 * Whoever wants to see a whole pool standing still freezes it: sets @frozen, then takes
 * and drops each owner's lock once. Who had a lock by then has left; who takes one
 * afterwards sees @frozen, since the freezer's unlock came before its lock, and waits for the
 * freeze lock instead. The thaw clears @frozen with release semantics after the freezer's
 * last look, which pairs with the acquire of the owner that sees it cleared.
 */
#include "core/owner.h"

#include "core/lease.h"

/*
 * How many huge frames of each fullness class to try before an empty one is taken. What
 * was taken last must be among those tried, or each allocation would take another.
 */
#define TRY_BEFORE_EMPTY	2

static void init_owner(struct fp_owner *owner, struct fp_buddy *buddy, u32 id)
{
	u32 i;

	for (i = 0; i < FP_CLASSES; i++)
		owner->heads[i] = FP_NIL;
	owner->classes = 0;
	owner->buddy = buddy;
	owner->label = FP_NO_LABEL;
	owner->id = id;
	owner->max_spare = 0;
	owner->nr_spare = 0;
	owner->nr_huge = 0;
	owner->nr_free = 0;
	INIT_LIST_HEAD(&owner->leases);
	owner->nr_withheld = 0;
	spin_lock_init(&owner->lock);
	spin_lock_bh(&buddy->freeze_lock);
	list_add_tail(&owner->node, &buddy->owners);
	buddy->nr_owners++;
	spin_unlock_bh(&buddy->freeze_lock);
}

/**
 * fp_owner_init() - make an owner of nothing
 * @owner: the owner
 * @buddy: whose huge frames it will own
 *
 * Context: any.
 */
void fp_owner_init(struct fp_owner *owner, struct fp_buddy *buddy)
{
	init_owner(owner, buddy, FP_NO_ID);
}

/**
 * fp_owner_init_fixed() - make an owner of nothing that always has the same id
 * @owner: the owner
 * @buddy: whose huge frames it will own
 * @id: its id, below the number that fp_buddy_init() was told, in use by no other owner
 *
 * Context: any.
 */
void fp_owner_init_fixed(struct fp_owner *owner, struct fp_buddy *buddy, u32 id)
{
	init_owner(owner, buddy, id);
}

/**
 * fp_owner_has_dynamic_id() - does the owner have an id only while it has huge frames?
 * @owner: the owner
 *
 * Return: whether it has such an id now.
 */
bool fp_owner_has_dynamic_id(const struct fp_owner *owner)
{
	return owner->id >= owner->buddy->nr_fixed && owner->id < FP_ORPHANAGE_ID;
}

/**
 * fp_owner_get_id() - see to it that the owner has an id
 * @owner: the owner; its buddy's lock is held
 *
 * Return: false: so many owners have huge frames that there is no id for another.
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
 * @owner: an owner of nothing but what is lent to others, which has given its spare huge frames up
 *
 * Context: any.
 */
void fp_owner_fini(struct fp_owner *owner)
{
	struct fp_buddy *buddy = owner->buddy;

	spin_lock_bh(&buddy->freeze_lock);
	fp_lease_hand_over(owner, &buddy->orphanage);
	spin_lock(&buddy->lock);
	fp_owner_put_id(owner);
	spin_unlock(&buddy->lock);
	list_del(&owner->node);
	buddy->nr_owners--;
	spin_unlock_bh(&buddy->freeze_lock);
}

/**
 * fp_owner_lock() - take the owner's lock, while nobody has the pool frozen
 * @owner: the owner
 *
 * Context: any.
 */
void fp_owner_lock(struct fp_owner *owner)
	__acquires(&owner->lock)
{
	struct fp_buddy *buddy = owner->buddy;

	spin_lock_bh(&owner->lock);
	/* Pairs with the release in fp_buddy_thaw(). */
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
 * fp_owner_class() - fullness class of a huge frame
 * @nr_free: its free frames
 *
 * Return: the class; lower ones are fuller. FP_CLASSES: it is full, and on no list.
 */
u32 fp_owner_class(u32 nr_free)
{
	return nr_free ? (nr_free - 1) / (FP_HUGE_FRAMES / FP_CLASSES) : FP_CLASSES;
}

static void list_huge(struct fp_owner *owner, u32 index, u32 class)
{
	struct fp_huge *all = owner->buddy->huge;
	u32 next = owner->heads[class];

	fp_huge_set(&all[index], FP_HUGE_OWNED, owner->id, FP_NIL, next);
	if (next != FP_NIL)
		fp_huge_set_prev(&all[next], index);
	owner->heads[class] = index;
	owner->classes |= 1U << class;
}

static void unlist_huge(struct fp_owner *owner, u32 index, u32 class)
{
	struct fp_huge *all = owner->buddy->huge;
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

/* The classes that have a list, from @class on. */
static u32 classes_from(const struct fp_owner *owner, u32 class)
{
	return owner->classes & ~0U << class;
}

static void relist_huge(struct fp_owner *owner, u32 index, u32 was, u32 is)
{
	if (was == is)
		return;
	if (was != FP_CLASSES)
		unlist_huge(owner, index, was);
	if (is != FP_CLASSES)
		list_huge(owner, index, is);
}

/* @nr frames of the huge frame, which was in @class, have been allocated. */
static void settle_taken(struct fp_owner *owner, u32 index, u32 class, u32 nr)
{
	u32 nr_free = fp_frames_nr_free(&owner->buddy->frames[index]);

	if (nr_free + nr == FP_HUGE_FRAMES) {
		WRITE_ONCE(owner->nr_spare, owner->nr_spare - 1);
		trace_split(owner, index);
	}
	relist_huge(owner, index, class, fp_owner_class(nr_free));
	WRITE_ONCE(owner->nr_free, owner->nr_free - nr);
}

/**
 * fp_owner_enlist() - become the owner of a huge frame
 * @owner: the owner, locked, with an id
 * @index: the huge frame; its frames are what they shall be, and nobody else knows of it
 */
void fp_owner_enlist(struct fp_owner *owner, u32 index)
{
	u32 nr_free = fp_frames_nr_free(&owner->buddy->frames[index]);

	lockdep_assert_held(&owner->lock);
	if (nr_free == FP_HUGE_FRAMES)
		WRITE_ONCE(owner->nr_spare, owner->nr_spare + 1);
	if (nr_free)
		list_huge(owner, index, fp_owner_class(nr_free));
	else
		fp_huge_set(&owner->buddy->huge[index], FP_HUGE_OWNED, owner->id, FP_NIL, FP_NIL);
	owner->nr_huge++;
	WRITE_ONCE(owner->nr_free, owner->nr_free + nr_free);
}

/**
 * fp_owner_adopt() - become the owner of an empty huge frame, and take some of its frames
 * @owner: the owner, locked, with an id
 * @index: the huge frame; nobody else knows of it
 * @at: first frame to take
 * @nr: frames to take, 1 to FP_HUGE_FRAMES - 1
 * @head: they are a block; otherwise they continue the huge frame before
 */
void fp_owner_adopt(struct fp_owner *owner, u32 index, u32 at, u32 nr, bool head)
{
	struct fp_frames *frames = &owner->buddy->frames[index];

	fp_frames_init(frames);
	fp_frames_take(frames, at, nr, head);
	fp_owner_enlist(owner, index);
	trace_split(owner, index);
}

/* What the request means inside the huge frame at @index. False: nothing can fit. */
static bool fit_huge(const struct fp_buddy *buddy, u32 index, const struct fp_request *request,
		     struct fp_fit *fit)
{
	u64 pfn;

	fit->nr = request->nr;
	fit->align = min_t(u64, request->align, FP_HUGE_FRAMES);
	fit->end = FP_HUGE_FRAMES;
	if (request->align <= FP_HUGE_FRAMES && request->end_pfn == FP_ANYWHERE)
		return true;
	pfn = (u64)fp_hugemap_hpfn(&buddy->map, index) << FP_HUGE_ORDER;
	if (request->align > FP_HUGE_FRAMES && (pfn & (request->align - 1)))
		return false;
	if (request->end_pfn <= pfn)
		return false;
	fit->end = min_t(u64, request->end_pfn - pfn, FP_HUGE_FRAMES);
	return true;
}

typedef u32 (*find_fn)(const struct fp_frames *frames, const struct fp_fit *fit);

/* Look through at most @max_tries huge frames of each class, fullest first. */
static bool take(struct fp_owner *owner, const struct fp_request *request, find_fn find,
		 u32 max_tries, struct fp_run *run)
{
	struct fp_buddy *buddy = owner->buddy;
	u32 classes, class, index, at, tries;
	struct fp_fit fit;

	lockdep_assert_held(&owner->lock);
	for (classes = classes_from(owner, fp_owner_class(request->nr)); classes; classes &= classes - 1) {
		class = __ffs(classes);
		tries = max_tries;
		for (index = owner->heads[class]; index != FP_NIL && tries;
		     index = fp_huge_next(&buddy->huge[index]), tries--) {
			if (!fit_huge(buddy, index, request, &fit))
				continue;
			at = find(&buddy->frames[index], &fit);
			if (at == FP_FRAMES_NONE)
				continue;
			run->dirty = fp_frames_take(&buddy->frames[index], at, request->nr, true);
			run->frame = (u64)index * FP_HUGE_FRAMES + at;
			settle_taken(owner, index, class, request->nr);
			return true;
		}
	}
	return false;
}

/**
 * fp_owner_take_block() - take a naturally aligned block, without looking for long
 * @owner: the owner, locked
 * @request: what it must satisfy; shorter than a huge frame
 * @run: the result
 *
 * Return: whether there was one.
 */
bool fp_owner_take_block(struct fp_owner *owner, const struct fp_request *request,
			 struct fp_run *run)
{
	return take(owner, request, fp_frames_find_block, TRY_BEFORE_EMPTY, run);
}

/**
 * fp_owner_take_run() - take any run that fits, looking everywhere
 * @owner: the owner, locked
 * @request: what it must satisfy; shorter than a huge frame
 * @run: the result
 *
 * Return: whether there was one.
 */
bool fp_owner_take_run(struct fp_owner *owner, const struct fp_request *request,
		       struct fp_run *run)
{
	return take(owner, request, fp_frames_find_run, U32_MAX, run);
}

/**
 * fp_owner_take_blocks() - take naturally aligned blocks
 * @owner: the owner, locked
 * @order: of the blocks, below FP_HUGE_ORDER
 * @blocks: the result: their first frames
 * @dirty: for each, the result: whether any of its frames is not known to be zero; or NULL
 * @max: how many, at least 1
 * @everywhere: look everywhere; otherwise not for long
 *
 * Return: how many were found.
 */
u32 fp_owner_take_blocks(struct fp_owner *owner, u32 order, u32 *blocks, bool *dirty, u32 max,
			 bool everywhere)
{
	struct fp_buddy *buddy = owner->buddy;
	u32 classes, class, index, next, nr, got = 0, tries;

	lockdep_assert_held(&owner->lock);
	/* What is taken from moves to a class that was looked through already. */
	for (classes = classes_from(owner, fp_owner_class(1U << order)); classes && got < max;
	     classes &= classes - 1) {
		class = __ffs(classes);
		tries = everywhere ? U32_MAX : TRY_BEFORE_EMPTY;
		for (index = owner->heads[class]; index != FP_NIL && got < max && tries;
		     index = next, tries--) {
			next = fp_huge_next(&buddy->huge[index]);
			nr = fp_frames_take_blocks(&buddy->frames[index], order,
						   index * FP_HUGE_FRAMES, blocks + got,
						   dirty ? dirty + got : NULL, max - got);
			if (nr)
				settle_taken(owner, index, class, nr << order);
			got += nr;
		}
	}
	return got;
}

/**
 * fp_owner_adopt_blocks() - become the owner of an empty huge frame, and take blocks of it
 * @owner: the owner, locked, with an id
 * @index: the huge frame; nobody else knows of it
 * @order: of the blocks, below FP_HUGE_ORDER
 * @blocks: the result: their first frames
 * @dirty: for each, the result: false; or NULL
 * @max: how many, at least 1
 *
 * Return: how many were taken.
 */
u32 fp_owner_adopt_blocks(struct fp_owner *owner, u32 index, u32 order, u32 *blocks, bool *dirty, u32 max)
{
	struct fp_frames *frames = &owner->buddy->frames[index];
	u32 nr;

	fp_frames_init(frames);
	nr = fp_frames_take_blocks(frames, order, index * FP_HUGE_FRAMES, blocks, dirty, max);
	fp_owner_enlist(owner, index);
	trace_split(owner, index);
	return nr;
}

/**
 * fp_owner_take_at() - take given frames
 * @owner: the owner, locked
 * @index: one of its huge frames
 * @at: first frame
 * @nr: number
 * @dirty: the result: some are not known to be zero
 *
 * Return: whether they were free.
 */
bool fp_owner_take_at(struct fp_owner *owner, u32 index, u32 at, u32 nr, bool *dirty)
{
	struct fp_frames *frames = &owner->buddy->frames[index];
	u32 class;

	lockdep_assert_held(&owner->lock);
	if (!fp_frames_are_free(frames, at, nr))
		return false;
	class = fp_owner_class(fp_frames_nr_free(frames));
	*dirty = fp_frames_take(frames, at, nr, true);
	settle_taken(owner, index, class, nr);
	return true;
}

/**
 * fp_owner_holds() - is this exactly one of the owner's blocks?
 * @owner: the owner, locked
 * @index: a huge frame
 * @at: first frame in it
 * @nr: length
 * @head: it is a block; otherwise the end of a run that began in the huge frame before
 *
 * Return: whether it is.
 */
bool fp_owner_holds(const struct fp_owner *owner, u32 index, u32 at, u32 nr, bool head)
{
	const struct fp_buddy *buddy = owner->buddy;
	const struct fp_frames *frames = &buddy->frames[index];

	lockdep_assert_held(&owner->lock);
	/* Others' may change under our eyes, but not into ours. */
	if (fp_huge_tag(&buddy->huge[index]) != fp_huge_make_tag(FP_HUGE_OWNED, owner->id))
		return false;
	if (!(head && is_power_of_2(nr) && fp_frames_holds_quickly(frames, at, ilog2(nr))) &&
	    !fp_frames_holds(frames, at, nr, head))
		return false;
	return !fp_lease_covers(owner, index, at);
}

/**
 * fp_owner_put() - mark frames free
 * @owner: the owner, locked
 * @index: the huge frame
 * @at: first frame
 * @nr: number, checked by fp_owner_holds()
 * @dirty: they may have been written or be referenced
 *
 * fp_owner_settle() must follow before the lock is dropped; it may do so for several at once.
 */
void fp_owner_put(struct fp_owner *owner, u32 index, u32 at, u32 nr, bool dirty)
{
	lockdep_assert_held(&owner->lock);
	fp_frames_put(&owner->buddy->frames[index], at, nr, dirty);
}

/**
 * fp_owner_put_blocks() - mark the leading blocks that lie in one huge frame free
 * @owner: the owner, locked
 * @order: of the blocks, below FP_HUGE_ORDER
 * @blocks: their first frames
 * @nr: how many, at least 1
 * @dirty: they may have been written or be referenced
 *
 * fp_owner_settle() must follow if there were any.
 *
 * Return: how many there were, up to the first that is not an allocated block of @owner of that order.
 */
u32 fp_owner_put_blocks(struct fp_owner *owner, u32 order, const u32 *blocks, u32 nr, bool dirty)
{
	struct fp_buddy *buddy = owner->buddy;
	u32 index = blocks[0] / FP_HUGE_FRAMES;

	lockdep_assert_held(&owner->lock);
	if (index >= buddy->map.nr ||
	    fp_huge_tag(&buddy->huge[index]) != fp_huge_make_tag(FP_HUGE_OWNED, owner->id))
		return 0;
	if (!list_empty(&owner->leases)) {
		if (fp_lease_covers(owner, index, blocks[0] % FP_HUGE_FRAMES))
			return 0;
		nr = 1;
	}
	return fp_frames_put_blocks(&buddy->frames[index], order, blocks, nr, dirty);
}

/**
 * fp_owner_settle() - account for freed frames
 * @owner: the owner, locked
 * @index: the huge frame
 * @nr: how many of its frames fp_owner_put() has marked since the last time
 *
 * Return: whether the whole huge frame is free, and @owner does not keep it; it is then the caller's, and its
 * frames tell what is dirty.
 */
bool fp_owner_settle(struct fp_owner *owner, u32 index, u32 nr)
{
	u32 nr_free = fp_frames_nr_free(&owner->buddy->frames[index]);
	u32 was = fp_owner_class(nr_free - nr), withheld = fp_lease_withheld(owner, index);
	bool keep = nr_free == FP_HUGE_FRAMES && owner->nr_spare < owner->max_spare;

	lockdep_assert_held(&owner->lock);
	if (nr_free + withheld < FP_HUGE_FRAMES || keep) {
		if (keep) {
			WRITE_ONCE(owner->nr_spare, owner->nr_spare + 1);
			trace_merge(owner, index, true);
		}
		relist_huge(owner, index, was, fp_owner_class(nr_free));
		WRITE_ONCE(owner->nr_free, owner->nr_free + nr);
		return false;
	}
	relist_huge(owner, index, was, FP_CLASSES);
	WRITE_ONCE(owner->nr_free, owner->nr_free - (nr_free - nr));
	owner->nr_huge--;
	if (withheld)
		fp_lease_end_all(owner, index);
	trace_merge(owner, index, false);
	return true;
}

/* The free frames that are clean, as if the others were not. */
static struct fp_frames clean_frames(const struct fp_frames *frames)
{
	struct fp_frames clean;
	u32 w;

	for (w = 0; w < FP_FRAMES_WORDS; w++) {
		clean.free[w] = frames->free[w] & frames->aux[w];
		clean.aux[w] = 0;
	}
	return clean;
}

static u32 find_clean(const struct fp_owner *owner, u32 index, const struct fp_request *request)
{
	const struct fp_frames clean = clean_frames(&owner->buddy->frames[index]);
	struct fp_fit fit;
	u32 at;

	if (!fit_huge(owner->buddy, index, request, &fit))
		return FP_FRAMES_NONE;
	at = fp_frames_find_block(&clean, &fit);
	return at != FP_FRAMES_NONE ? at : fp_frames_find_run(&clean, &fit);
}

/**
 * fp_owner_take_clean() - take clean frames for somebody else
 * @owner: the owner, locked
 * @request: what they must satisfy; fewer than a huge frame
 * @run: the result
 *
 * Looks everywhere, at the emptiest huge frames first.
 *
 * Return: whether there were any.
 */
bool fp_owner_take_clean(struct fp_owner *owner, const struct fp_request *request,
			 struct fp_run *run)
{
	struct fp_buddy *buddy = owner->buddy;
	u32 class = FP_CLASSES, index, at;

	lockdep_assert_held(&owner->lock);
	while (class-- > fp_owner_class(request->nr)) {
		for (index = owner->heads[class]; index != FP_NIL;
		     index = fp_huge_next(&buddy->huge[index])) {
			at = find_clean(owner, index, request);
			if (at == FP_FRAMES_NONE)
				continue;
			run->dirty = fp_frames_take(&buddy->frames[index], at, request->nr, true);
			run->frame = (u64)index * FP_HUGE_FRAMES + at;
			settle_taken(owner, index, class, request->nr);
			return true;
		}
	}
	return false;
}

/**
 * fp_owner_delist() - undo fp_owner_enlist()
 * @owner: the owner, locked, or about to end
 * @index: the huge frame
 */
void fp_owner_delist(struct fp_owner *owner, u32 index)
{
	u32 nr_free = fp_frames_nr_free(&owner->buddy->frames[index]);

	if (nr_free == FP_HUGE_FRAMES)
		WRITE_ONCE(owner->nr_spare, owner->nr_spare - 1);
	relist_huge(owner, index, fp_owner_class(nr_free), FP_CLASSES);
	WRITE_ONCE(owner->nr_free, owner->nr_free - nr_free);
	owner->nr_huge--;
}

/**
 * fp_owner_hand_over() - another owner takes a huge frame over
 * @owner: the owner, which is ending
 * @heir: the other, locked, with an id
 * @index: the huge frame
 */
void fp_owner_hand_over(struct fp_owner *owner, struct fp_owner *heir, u32 index)
{
	fp_owner_delist(owner, index);
	fp_owner_enlist(heir, index);
}
