/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FP_LEASE_H
#define FP_LEASE_H

#include "core/buddy.h"

/**
 * struct fp_lease - frames of one huge frame that its owner has lent to another
 * @node: in the lender's list (protected, as all of it, by the lender's lock)
 * @index: the huge frame
 * @borrower: who has @live; NULL if nobody has any more
 * @live: bit n: frame n belongs to a block of the borrower
 * @withheld: bit n: frame n came back dirty, and is nobody's until the whole huge frame is free
 */
struct fp_lease {
	struct list_head node;
	u32 index;
	struct fp_owner *borrower;
	u64 live[FP_FRAMES_WORDS];
	u64 withheld[FP_FRAMES_WORDS];
};

bool fp_lease_covers(const struct fp_owner *lender, u32 index, u32 at);
u32 fp_lease_withheld(const struct fp_owner *lender, u32 index);
void fp_lease_end_all(struct fp_owner *lender, u32 index);
int fp_lease_return(struct fp_buddy *buddy, struct fp_owner *borrower, u64 frame, u64 nr, bool dirty);
void fp_lease_hand_over(struct fp_owner *lender, struct fp_owner *heir);

#endif
