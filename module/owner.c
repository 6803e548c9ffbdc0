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
#include "owner.h"

/*
 * How many huge frames of each fullness class to try before an empty one is taken. What
 * was taken last must be among those tried, or each allocation would take another.
 */
#define TRY_BEFORE_EMPTY	4

/**
 * fp_owner_init() - make an owner of nothing
 * @owner: the owner
 * @buddy: whose huge frames it will own
 *
 * Context: any.
 */
void fp_owner_init(struct fp_owner *owner, struct fp_buddy *buddy)
{
	memset(owner->heads, 0xff, sizeof(owner->heads));
	owner->buddy = buddy;
	owner->nr_huge = 0;
	owner->nr_free = 0;
	spin_lock_init(&owner->lock);
	spin_lock_bh(&buddy->freeze_lock);
	list_add_tail(&owner->node, &buddy->owners);
	spin_unlock_bh(&buddy->freeze_lock);
}

/**
 * fp_owner_fini() - end an owner
 * @owner: an owner of nothing
 *
 * Context: any.
 */
void fp_owner_fini(struct fp_owner *owner)
{
	spin_lock_bh(&owner->buddy->freeze_lock);
	list_del(&owner->node);
	spin_unlock_bh(&owner->buddy->freeze_lock);
}

/**
 * fp_owner_lock() - take the owner's lock, while nobody has the pool frozen
 * @owner: the owner
 *
 * Context: any.
 */
void fp_owner_lock(struct fp_owner *owner)
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

void fp_owner_unlock(struct fp_owner *owner)
{
	spin_unlock_bh(&owner->lock);
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

static void list_huge(struct fp_owner *owner, u32 index)
{
	struct fp_huge *all = owner->buddy->huge, *huge = &all[index];
	u32 *head;

	if (!huge->nr_free)
		return;
	head = &owner->heads[fp_owner_class(huge->nr_free)];
	huge->prev = FP_NIL;
	huge->next = *head;
	if (*head != FP_NIL)
		all[*head].prev = index;
	*head = index;
}

static void unlist_huge(struct fp_owner *owner, u32 index)
{
	struct fp_huge *all = owner->buddy->huge, *huge = &all[index];

	if (!huge->nr_free)
		return;
	if (huge->next != FP_NIL)
		all[huge->next].prev = huge->prev;
	if (huge->prev != FP_NIL)
		all[huge->prev].next = huge->next;
	else
		owner->heads[fp_owner_class(huge->nr_free)] = huge->next;
}

static void add_free(struct fp_owner *owner, u32 index, int nr)
{
	struct fp_huge *huge = &owner->buddy->huge[index];
	u32 nr_free = huge->nr_free + nr;
	bool moves = !huge->nr_free || !nr_free ||
		     fp_owner_class(huge->nr_free) != fp_owner_class(nr_free);

	if (moves)
		unlist_huge(owner, index);
	huge->nr_free = nr_free;
	if (moves)
		list_huge(owner, index);
	WRITE_ONCE(owner->nr_free, owner->nr_free + nr);
}

/**
 * fp_owner_adopt() - become the owner of an empty huge frame, and take its first frames
 * @owner: the owner, locked
 * @index: the huge frame; nobody else knows of it
 * @nr: frames to take, 1 to FP_HUGE_FRAMES - 1
 * @head: they are a block; otherwise they continue the huge frame before
 */
void fp_owner_adopt(struct fp_owner *owner, u32 index, u32 nr, bool head)
{
	struct fp_huge *huge = &owner->buddy->huge[index];

	lockdep_assert_held(&owner->lock);
	huge->state = FP_HUGE_OWNED;
	WRITE_ONCE(huge->owner, owner);
	huge->nr_free = 0;
	fp_frames_init(&huge->frames);
	fp_frames_take(&huge->frames, 0, nr, head);
	owner->nr_huge++;
	add_free(owner, index, FP_HUGE_FRAMES - nr);
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

/* Look through at most @max_tries huge frames of each class, fullest first. */
static bool take(struct fp_owner *owner, const struct fp_request *request, find_fn find,
		 u32 max_tries, struct fp_run *run)
{
	struct fp_huge *huge = owner->buddy->huge;
	u32 class, index, at, tries;
	struct fp_fit fit;

	lockdep_assert_held(&owner->lock);
	for (class = fp_owner_class(request->nr); class < FP_CLASSES; class++) {
		tries = max_tries;
		for (index = owner->heads[class]; index != FP_NIL && tries;
		     index = huge[index].next, tries--) {
			if (!fit_huge(owner->buddy, index, request, &fit))
				continue;
			at = find(&huge[index].frames, &fit);
			if (at == FP_FRAMES_NONE)
				continue;
			run->dirty = fp_frames_take(&huge[index].frames, at, request->nr, true);
			run->frame = (u64)index * FP_HUGE_FRAMES + at;
			add_free(owner, index, -(int)request->nr);
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
	const struct fp_huge *huge = &owner->buddy->huge[index];

	lockdep_assert_held(&owner->lock);
	/* Others' may change under our eyes, but not into ours. */
	return READ_ONCE(huge->owner) == owner && huge->state == FP_HUGE_OWNED &&
	       !fp_frames_is_free(&huge->frames, at) &&
	       fp_frames_is_head(&huge->frames, at) == head &&
	       fp_frames_length(&huge->frames, at) == nr;
}

/**
 * fp_owner_put() - free frames
 * @owner: the owner, locked
 * @index: the huge frame
 * @at: first frame
 * @nr: number, checked by fp_owner_holds()
 * @dirty: they may have been written or be referenced
 *
 * Return: whether the whole huge frame is free; it then has left the owner, and its
 * frames tell what is dirty.
 */
bool fp_owner_put(struct fp_owner *owner, u32 index, u32 at, u32 nr, bool dirty)
{
	struct fp_huge *huge = &owner->buddy->huge[index];

	lockdep_assert_held(&owner->lock);
	fp_frames_put(&huge->frames, at, nr, dirty);
	add_free(owner, index, nr);
	if (huge->nr_free < FP_HUGE_FRAMES)
		return false;
	unlist_huge(owner, index);
	WRITE_ONCE(huge->owner, NULL);
	WRITE_ONCE(owner->nr_free, owner->nr_free - FP_HUGE_FRAMES);
	owner->nr_huge--;
	return true;
}
