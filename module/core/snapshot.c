// SPDX-License-Identifier: GPL-2.0-only
/*
 * A buddy as a whole: how much of it is free, and in what blocks. Figures that must be consistent
 * are taken while the pool is frozen (see owner.c).
 */
#include "core/buddy.h"

/**
 * fp_buddy_freeze() - keep all owners from changing anything
 * @buddy: the buddy
 *
 * Context: any; until fp_buddy_thaw() the caller may not sleep.
 */
void fp_buddy_freeze(struct fp_buddy *buddy)
	__acquires(&buddy->freeze_lock)
	__acquires(&buddy->lock)
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
 *
 * Context: any.
 */
void fp_buddy_thaw(struct fp_buddy *buddy)
	__releases(&buddy->lock)
	__releases(&buddy->freeze_lock)
{
	spin_unlock(&buddy->lock);
	/* Pairs with the acquire in fp_owner_lock(). */
	smp_store_release(&buddy->frozen, false);
	spin_unlock_bh(&buddy->freeze_lock);
}

static void count_owned(const struct fp_buddy *buddy, u32 index, struct fp_buddy_stats *stats)
{
	if (fp_frames_nr_free(&buddy->frames[index]) == FP_HUGE_FRAMES)
		stats->blocks[FP_HUGE_ORDER]++;
	else
		fp_frames_count_blocks(&buddy->frames[index], stats->blocks);
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
		if (fp_huge_state(&buddy->huge[i]) == FP_HUGE_OWNED)
			count_owned(buddy, i, stats);
}

static u64 largest_run(const struct fp_buddy *buddy, const u64 *blocks)
{
	u64 huge = fp_hugemap_largest(&buddy->map);
	u32 order;

	if (huge)
		return huge * FP_HUGE_FRAMES;
	for (order = FP_HUGE_ORDER + 1; order--;)
		if (blocks[order])
			return 1ULL << order;
	return 0;
}

/**
 * fp_buddy_stats_locked() - take a consistent snapshot
 * @buddy: the buddy, frozen
 * @stats: the result
 */
void fp_buddy_stats_locked(struct fp_buddy *buddy, struct fp_buddy_stats *stats)
{
	memset(stats, 0, sizeof(*stats));
	stats->total = (u64)buddy->map.nr * FP_HUGE_FRAMES;
	stats->quarantined = (u64)buddy->nr_quarantined * FP_HUGE_FRAMES;
	stats->retired = (u64)buddy->nr_retired * FP_HUGE_FRAMES;
	stats->charged = stats->total - stats->retired -
			 (u64)(buddy->map.nr_empty + buddy->nobody.charged) * FP_HUGE_FRAMES;
	stats->bad_frees = buddy->nr_bad_frees;
	count_free(buddy, stats);
	stats->largest = largest_run(buddy, stats->blocks);
	stats->used = stats->total - stats->free - stats->quarantined - stats->retired;
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
	fp_buddy_freeze(buddy);
	fp_buddy_stats_locked(buddy, stats);
	fp_buddy_thaw(buddy);
}

/* @last: the view of the huge frame before, whose run may continue here. */
static struct fp_huge_view view_huge(const struct fp_buddy *buddy, u32 index,
				     const struct fp_huge_view *last)
{
	const struct fp_huge *huge = &buddy->huge[index];
	struct fp_huge_view view = { .state = fp_huge_state(huge), .whose = FP_NO_ID };

	switch (view.state) {
	case FP_HUGE_OWNED:
		view.whose = fp_huge_owner(huge);
		view.nr_used = FP_HUGE_FRAMES - fp_frames_nr_free(&buddy->frames[index]);
		break;
	case FP_HUGE_RUN:
		view.whose = fp_huge_owner(huge);
		view.nr_used = FP_HUGE_FRAMES;
		break;
	case FP_HUGE_BODY:
		view.whose = last->whose;
		view.nr_used = FP_HUGE_FRAMES;
		break;
	case FP_HUGE_QUARANTINED:
		view.whose = fp_huge_label(huge);
		break;
	}
	return view;
}

/**
 * fp_buddy_view() - take a consistent snapshot of each huge frame and each owner
 * @buddy: the buddy
 * @huge: the result: one for each huge frame
 * @owners: the result: the first @room owners
 * @room: length of @owners
 *
 * Context: any; freezes the pool while it looks at each huge frame once.
 * Return: how many owners there are; if more than @room, some are missing.
 */
u32 fp_buddy_view(struct fp_buddy *buddy, struct fp_huge_view *huge, struct fp_owner_view *owners,
		  u32 room)
{
	const struct fp_owner *owner;
	u32 i, nr = 0;

	fp_buddy_freeze(buddy);
	for (i = 0; i < buddy->map.nr; i++)
		huge[i] = view_huge(buddy, i, i ? &huge[i - 1] : NULL);
	list_for_each_entry(owner, &buddy->owners, node) {
		if (nr < room)
			owners[nr] = (struct fp_owner_view){ owner->id, owner->budget->label };
		nr++;
	}
	fp_buddy_thaw(buddy);
	return nr;
}
