// SPDX-License-Identifier: GPL-2.0-only
/*
 * When no empty huge frame is left, an owner may borrow clean frames out of a huge frame that another one uses partly.
 * Nobody has seen or written those, so nothing crosses from the lender to the borrower. For the way back that does
 * not hold: the pages of a huge frame share one reference count, so that nobody can tell whether the borrower
 * still has a reference to a page that it has freed. A borrowed frame that comes back dirty is therefore withheld:
 * it stays allocated, to nobody, until all of the huge frame is free or withheld, and goes through quarantine then.
 * All that the lender loses is what it has lent.
 *
 * A lender that ends leaves its lent huge frames to an heir that nobody allocates for, the buddy's orphanage. It lends
 * their clean frames on; the others wait for the borrowers.
 *
 * The kernel's own owners neither lend nor borrow: their blocks go through magazines, which know nothing of leases.
 *
 * Invariant (checked by fp_buddy_verify()):
 *  L1  a lease is of a huge frame that the lender owns; the frames it names are allocated, and named by no other;
 *      it names some.
 *
 * Borrowing and returning hold the freeze lock, so that no owner comes or goes meanwhile. They are for the
 * time when memory has run out, and need not be fast.
 */
#include "core/lease.h"

#include "core/owner.h"

static bool test_frame(const u64 *mask, u32 at)
{
	return mask[at / 64] & BIT_ULL(at % 64);
}

static void change_frames(u64 *mask, u32 at, u32 nr, bool set)
{
	for (; nr; at++, nr--) {
		if (set)
			mask[at / 64] |= BIT_ULL(at % 64);
		else
			mask[at / 64] &= ~BIT_ULL(at % 64);
	}
}

static u32 count_frames(const u64 *mask)
{
	u32 w, nr = 0;

	for (w = 0; w < FP_FRAMES_WORDS; w++)
		nr += hweight64(mask[w]);
	return nr;
}

/**
 * fp_lease_covers() - is a frame lent, or withheld since?
 * @lender: the owner of its huge frame, locked
 * @index: the huge frame
 * @at: the frame in it
 *
 * Return: whether it is.
 */
bool fp_lease_covers(const struct fp_owner *lender, u32 index, u32 at)
{
	const struct fp_lease *lease;

	list_for_each_entry(lease, &lender->leases, node)
		if (lease->index == index &&
		    (test_frame(lease->live, at) || test_frame(lease->withheld, at)))
			return true;
	return false;
}

/**
 * fp_lease_withheld() - how much of a huge frame is withheld
 * @lender: its owner, locked
 * @index: the huge frame
 *
 * Return: frames.
 */
u32 fp_lease_withheld(const struct fp_owner *lender, u32 index)
{
	const struct fp_lease *lease;
	u32 nr = 0;

	list_for_each_entry(lease, &lender->leases, node)
		if (lease->index == index)
			nr += count_frames(lease->withheld);
	return nr;
}

static void end_lease(struct fp_lease *lease)
{
	list_del(&lease->node);
	kvfree(lease);
}

/**
 * fp_lease_end_all() - a huge frame has none but withheld and free frames: free all
 * @lender: its owner, locked
 * @index: the huge frame
 */
void fp_lease_end_all(struct fp_owner *lender, u32 index)
{
	struct fp_lease *lease, *next;
	u32 at;

	list_for_each_entry_safe(lease, next, &lender->leases, node) {
		if (lease->index != index)
			continue;
		for (at = 0; at < FP_HUGE_FRAMES; at++)
			if (test_frame(lease->withheld, at))
				fp_frames_put(&lender->buddy->frames[index], at, 1, true);
		lender->nr_withheld -= count_frames(lease->withheld);
		end_lease(lease);
	}
}

static struct fp_lease *find_lease(const struct fp_owner *lender, u32 index,
				   const struct fp_owner *borrower)
{
	struct fp_lease *lease;

	list_for_each_entry(lease, &lender->leases, node)
		if (lease->index == index && lease->borrower == borrower)
			return lease;
	return NULL;
}

/* An owner may get an id or lose it as we look, but never a fixed one; FP_NO_ID is above those, too. */
static bool may_lend(const struct fp_owner *lender, const struct fp_owner *borrower)
{
	return lender != borrower && READ_ONCE(lender->id) >= lender->buddy->nr_fixed;
}

/* Note that the borrower has the run; uses up @spare unless there is a lease already. Returns what is left. */
static struct fp_lease *note_loan(struct fp_owner *lender, struct fp_owner *borrower,
				  const struct fp_run *run, struct fp_lease *spare)
{
	u32 index = run->frame / FP_HUGE_FRAMES;
	struct fp_lease *lease = find_lease(lender, index, borrower);

	if (!lease) {
		lease = spare;
		spare = NULL;
		lease->index = index;
		lease->borrower = borrower;
		list_add_tail(&lease->node, &lender->leases);
	}
	change_frames(lease->live, run->frame % FP_HUGE_FRAMES, run->nr, true);
	return spare;
}

/**
 * fp_buddy_borrow() - take clean frames out of another owner's huge frame
 * @buddy: the buddy
 * @borrower: for whom; not a fixed owner
 * @request: what the run must satisfy
 * @run: the result; free it as any other
 *
 * For when fp_buddy_alloc() has failed and the quarantine has nothing to offer.
 *
 * Context: may sleep.
 * Return: whether there was a run; only one shorter than a huge frame can be borrowed.
 */
bool fp_buddy_borrow(struct fp_buddy *buddy, struct fp_owner *borrower,
		     const struct fp_request *request, struct fp_run *run)
{
	struct fp_lease *spare;
	struct fp_owner *lender;
	bool done = false;

	if (request->nr >= FP_HUGE_FRAMES)
		return false;
	spare = kvcalloc(1, sizeof(*spare), GFP_KERNEL);
	if (!spare)
		return false;
	run->nr = request->nr;
	spin_lock_bh(&buddy->freeze_lock);
	list_for_each_entry(lender, &buddy->owners, node) {
		if (!may_lend(lender, borrower))
			continue;
		spin_lock(&lender->lock);
		done = fp_owner_take_clean(lender, request, run);
		if (done)
			spare = note_loan(lender, borrower, run, spare);
		spin_unlock(&lender->lock);
		if (done)
			break;
	}
	spin_unlock_bh(&buddy->freeze_lock);
	kvfree(spare);
	return done;
}

/* The lender's lease of exactly this block to the borrower, or NULL. */
static struct fp_lease *find_loan(const struct fp_owner *lender, const struct fp_owner *borrower, u32 index,
				  u32 at, u32 nr)
{
	const struct fp_buddy *buddy = lender->buddy;
	struct fp_lease *lease;

	if (fp_huge_tag(&buddy->huge[index]) != fp_huge_make_tag(FP_HUGE_OWNED, lender->id))
		return NULL;
	lease = find_lease(lender, index, borrower);
	return lease && test_frame(lease->live, at) && fp_frames_holds(&buddy->frames[index], at, nr, true) ?
		lease : NULL;
}

/* What is withheld of a huge frame is in one lease, since it does not matter from whom it came. */
static void forget_borrower(struct fp_owner *lender, struct fp_lease *lease)
{
	struct fp_lease *nobodys = find_lease(lender, lease->index, NULL);
	u32 w;

	lease->borrower = NULL;
	for (w = 0; nobodys && w < FP_FRAMES_WORDS; w++)
		nobodys->withheld[w] |= lease->withheld[w];
	if (nobodys || !count_frames(lease->withheld))
		end_lease(lease);
}

/* Returns how many of the block's frames became free. */
static u32 end_loan(struct fp_owner *lender, struct fp_lease *lease, u32 at, u32 nr, bool dirty)
{
	change_frames(lease->live, at, nr, false);
	if (dirty) {
		change_frames(lease->withheld, at, nr, true);
		lender->nr_withheld += nr;
	} else {
		fp_owner_put(lender, lease->index, at, nr, false);
	}
	if (!count_frames(lease->live))
		forget_borrower(lender, lease);
	return dirty ? 0 : nr;
}

static int return_to(struct fp_owner *lender, struct fp_owner *borrower, u32 index, u32 at, u32 nr, bool dirty)
{
	struct fp_lease *lease;
	int ret = -EINVAL;

	spin_lock(&lender->lock);
	lease = find_loan(lender, borrower, index, at, nr);
	if (lease)
		ret = fp_buddy_settle(lender, index, end_loan(lender, lease, at, nr, dirty),
				      borrower->label);
	spin_unlock(&lender->lock);
	return ret;
}

/**
 * fp_lease_return() - free borrowed frames
 * @buddy: the buddy
 * @borrower: who borrowed them
 * @frame: the first
 * @nr: number
 * @dirty: as in fp_buddy_free()
 *
 * Context: any.
 * Return: how many huge frames went into quarantine; -EINVAL: @borrower has not borrowed exactly that.
 */
int fp_lease_return(struct fp_buddy *buddy, struct fp_owner *borrower, u64 frame, u64 nr, bool dirty)
{
	u32 index = frame / FP_HUGE_FRAMES, at = frame % FP_HUGE_FRAMES, id;
	struct fp_owner *lender;
	int ret = -EINVAL;

	if (index >= buddy->map.nr || !nr || nr > FP_HUGE_FRAMES - at)
		return -EINVAL;
	spin_lock_bh(&buddy->freeze_lock);
	id = fp_huge_owner(&buddy->huge[index]);
	list_for_each_entry(lender, &buddy->owners, node) {
		/* What an owner has lent stays its, or its heir's; others' ids may change as we look. */
		if (READ_ONCE(lender->id) != id || lender == borrower)
			continue;
		ret = return_to(lender, borrower, index, at, nr, dirty);
		break;
	}
	spin_unlock_bh(&buddy->freeze_lock);
	return ret;
}

/**
 * fp_lease_hand_over() - an owner ends, another takes its lent huge frames over
 * @lender: the owner, which has no other huge frames; nobody uses it any more
 * @heir: the other
 *
 * Context: any; the buddy's freeze lock is held.
 */
void fp_lease_hand_over(struct fp_owner *lender, struct fp_owner *heir)
{
	struct fp_lease *lease, *next;

	lockdep_assert_held(&lender->buddy->freeze_lock);
	spin_lock(&heir->lock);
	list_for_each_entry_safe(lease, next, &lender->leases, node) {
		if (fp_huge_owner(&lender->buddy->huge[lease->index]) == lender->id)
			fp_owner_hand_over(lender, heir, lease->index);
		list_del(&lease->node);
		list_add_tail(&lease->node, &heir->leases);
	}
	heir->nr_withheld += lender->nr_withheld;
	lender->nr_withheld = 0;
	spin_unlock(&heir->lock);
}
