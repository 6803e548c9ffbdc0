/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the buddy records about a huge frame, beside the state of its frames, is one word:
 *
 *	63..60 state | 59..44 owner | 43..22 prev | 21..0 next
 *	63..60 quarantined | 54 long | 53..22 label | 21..0 next
 *
 * It is written under the lock of the owner if it has one, under the buddy's lock otherwise, in one
 * store. So a reader that holds neither sees one state or another, never a mixture.
 *
 * Only the first word of a run says what the run is, and the last one of an empty run. Those
 * between are FP_HUGE_INSIDE, so the work for a run does not depend on its length.
 */
#ifndef FP_HUGE_H
#define FP_HUGE_H

#include "core/platform.h"

#define FP_LINK_BITS	22
#define FP_NIL		((1U << FP_LINK_BITS) - 1)	/* no huge frame */
#define FP_OWNER_BITS	16
#define FP_NO_ID	((1U << FP_OWNER_BITS) - 1)	/* no owner */

enum fp_huge_state {
	FP_HUGE_INSIDE,		/* continues what begins before it */
	FP_HUGE_EMPTY,		/* first of a run of empty ones: all frames clean (runs.c) */
	FP_HUGE_EMPTY_END,	/* last of such a run of two or more */
	FP_HUGE_OWNED,		/* its frames are allocated for one owner */
	FP_HUGE_RUN,		/* first of an allocated run of huge frames */
	FP_HUGE_QUARANTINED,	/* first of a run of free ones, perhaps referenced or not cleared */
	FP_HUGE_RETIRED,	/* has a bad frame; never allocated again */
};

/**
 * struct fp_huge - a huge frame
 * @word: state; owner's id (FP_HUGE_OWNED, FP_HUGE_RUN) or FP_NO_ID; two numbers:
 *	  FP_HUGE_EMPTY, FP_HUGE_EMPTY_END: next: length of the run;
 *	  FP_HUGE_OWNED: neighbours on the owner's list, or FP_NIL;
 *	  FP_HUGE_QUARANTINED: next: first of the next run in the queue, or FP_NIL; instead of owner
 *	  and prev, the label of the owner that had it last, and whether the run is longer than one:
 *	  then next of the word after it is its length;
 *	  FP_HUGE_RUN: next: whole huge frames in the run; prev: frames of the run in the huge frame
 *	  after them;
 *	  FP_HUGE_INSIDE: whatever the run needs (runtree.c)
 */
struct fp_huge {
	u64 word;
};

static inline enum fp_huge_state fp_huge_state(const struct fp_huge *huge)
{
	return READ_ONCE(huge->word) >> (2 * FP_LINK_BITS + FP_OWNER_BITS);
}

static inline u32 fp_huge_owner(const struct fp_huge *huge)
{
	return (READ_ONCE(huge->word) >> (2 * FP_LINK_BITS)) & FP_NO_ID;
}

static inline u32 fp_huge_prev(const struct fp_huge *huge)
{
	return (READ_ONCE(huge->word) >> FP_LINK_BITS) & FP_NIL;
}

static inline u32 fp_huge_next(const struct fp_huge *huge)
{
	return READ_ONCE(huge->word) & FP_NIL;
}

/* State and owner in one number, for comparisons. */
static inline u32 fp_huge_tag(const struct fp_huge *huge)
{
	return READ_ONCE(huge->word) >> (2 * FP_LINK_BITS);
}

static inline u32 fp_huge_make_tag(enum fp_huge_state state, u32 owner)
{
	return (u32)state << FP_OWNER_BITS | owner;
}

static inline void fp_huge_set(struct fp_huge *huge, enum fp_huge_state state, u32 owner, u32 prev,
			       u32 next)
{
	WRITE_ONCE(huge->word, (u64)fp_huge_make_tag(state, owner) << (2 * FP_LINK_BITS) |
				       (u64)prev << FP_LINK_BITS | next);
}

/* The owner of an allocated run of one huge frame; more than any id: it is something else. */
static inline u64 fp_huge_owner_of_one(const struct fp_huge *huge)
{
	struct fp_huge one;

	fp_huge_set(&one, FP_HUGE_RUN, 0, 0, 1);
	return ror64(READ_ONCE(huge->word) - one.word, 2 * FP_LINK_BITS);
}

static inline void fp_huge_set_inside(struct fp_huge *huge, u32 prev, u32 next)
{
	fp_huge_set(huge, FP_HUGE_INSIDE, 0, prev, next);
}

#define FP_HUGE_LONG	BIT_ULL(FP_LINK_BITS + 32)

/* The label of the budget that is charged for a quarantined run. */
static inline u32 fp_huge_label(const struct fp_huge *huge)
{
	return READ_ONCE(huge->word) >> FP_LINK_BITS;
}

/* How many huge frames a quarantined run has. */
static inline u32 fp_huge_nr_quarantined(const struct fp_huge *huge)
{
	return READ_ONCE(huge->word) & FP_HUGE_LONG ? fp_huge_next(huge + 1) : 1;
}

static inline void fp_huge_set_quarantined(struct fp_huge *huge, u32 nr, u32 label, u32 next)
{
	if (nr > 1)
		fp_huge_set_inside(huge + 1, FP_NIL, nr);
	WRITE_ONCE(huge->word, (u64)FP_HUGE_QUARANTINED << (2 * FP_LINK_BITS + FP_OWNER_BITS) |
				       (nr > 1 ? FP_HUGE_LONG : 0) |
				       (u64)label << FP_LINK_BITS | next);
}

static inline void fp_huge_set_next(struct fp_huge *huge, u32 next)
{
	WRITE_ONCE(huge->word, (huge->word & ~(u64)FP_NIL) | next);
}

static inline void fp_huge_set_prev(struct fp_huge *huge, u32 prev)
{
	WRITE_ONCE(huge->word, (huge->word & ~((u64)FP_NIL << FP_LINK_BITS)) |
				       (u64)prev << FP_LINK_BITS);
}

#endif
