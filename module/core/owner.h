/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FP_OWNER_H
#define FP_OWNER_H

#include "core/buddy.h"

void fp_owner_lock(struct fp_owner *owner) __acquires(&owner->lock);
void fp_owner_unlock(struct fp_owner *owner) __releases(&owner->lock);
bool fp_owner_take(struct fp_owner *owner, const struct fp_request *request, struct fp_run *run);
bool fp_owner_take_anywhere(struct fp_owner *owner, const struct fp_request *request,
			    struct fp_run *run);
u32 fp_owner_take_blocks(struct fp_owner *owner, u32 order, u32 *blocks, bool *dirty, u32 max,
			 bool long_search);
void fp_owner_fill(struct fp_owner *owner, u32 index, u64 nr, bool dirty, struct fp_run *run);
u32 fp_owner_adopt_blocks(struct fp_owner *owner, u32 index, u32 order, u32 *blocks,
			  bool *dirty, u32 max);
bool fp_owner_holds(const struct fp_owner *owner, u32 index, u32 at, u32 nr);
u32 fp_owner_put_blocks(struct fp_owner *owner, u32 order, const u32 *blocks, u32 nr, bool dirty);
bool fp_owner_settle(struct fp_owner *owner, u32 index, u32 nr);
bool fp_owner_has_dynamic_id(const struct fp_owner *owner);
bool fp_owner_get_id(struct fp_owner *owner);
void fp_owner_put_id(struct fp_owner *owner);
void fp_owner_enlist(struct fp_owner *owner, u32 index, u32 nr_free);
void fp_owner_delist(struct fp_owner *owner, u32 index, u32 nr_free);
void fp_owner_list(struct fp_owner *owner, u32 index);
void fp_owner_unlist(struct fp_owner *owner, u32 index);
void fp_owner_forget(struct fp_owner *owner);
void fp_owner_become_keeper(struct fp_owner *owner);
void fp_owner_delist_keeper(struct fp_owner *owner);

/* In buddy.c */
int fp_owner_begin_take(struct fp_owner *owner, u32 nr);

/* In release.c */
void fp_buddy_release_run(struct fp_buddy *buddy, struct fp_budget *budget, u32 index, u32 nr,
			  bool dirty, bool keep);
void fp_buddy_count_quarantined(struct fp_buddy *buddy, struct fp_budget *budget, s32 nr);
void fp_buddy_take_kept(struct fp_buddy *buddy, struct fp_budget *budget, u32 prev, u32 index,
			u32 nr);
void fp_buddy_stop_keeping(struct fp_buddy *buddy, struct fp_budget *budget);
struct fp_budget *fp_buddy_next_budget(struct fp_buddy *buddy, struct fp_budget *whose,
				       enum fp_queue_kind kind);
void fp_owner_release(struct fp_owner *owner, u32 index);

/* In keep.c */
bool fp_keep_take(struct fp_owner *owner, const struct fp_request *request, struct fp_run *run);

/*
 * Does an owner have a huge frame, whose frames it allocates? It is locked. Huge frames of others
 * may change meanwhile, but do not become its own.
 */
static inline bool fp_owner_has(const struct fp_owner *owner, u32 index)
{
	lockdep_assert_held(&owner->lock);
	return fp_huge_tag(&owner->buddy->runs.huge[index]) ==
	       fp_huge_make_tag(FP_HUGE_OWNED, owner->id);
}

#endif
