// SPDX-License-Identifier: GPL-2.0-only
/*
 * A buddy as a whole: how much of it is free, and in what blocks. Numbers that must fit together are taken while the pool
 * stands still (owner.c says how).
 */
#include "core/buddy.h"

/**
 * fp_buddy_nr_released() - how often a huge frame became empty
 * @buddy: the buddy
 *
 * Context: any; takes the buddy's lock.
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
 * fp_buddy_nr_free() - how much is free
 * @buddy: the buddy
 *
 * Context: any.
 * Return: frames that are free and not quarantined; an estimate while others allocate.
 */
u64 fp_buddy_nr_free(struct fp_buddy *buddy)
{
	struct fp_owner *owner;
	u64 nr;

	spin_lock_bh(&buddy->freeze_lock);
	spin_lock(&buddy->lock);
	nr = (u64)buddy->map.nr_empty * FP_HUGE_FRAMES;
	spin_unlock(&buddy->lock);
	list_for_each_entry(owner, &buddy->owners, node)
		if (owner != &buddy->orphanage)
			nr += READ_ONCE(owner->nr_free);
	spin_unlock_bh(&buddy->freeze_lock);
	return nr;
}

/**
 * fp_buddy_freeze() - keep everybody from changing anything
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

/**
 * fp_buddy_nr_quarantined() - size of the quarantine
 * @buddy: the buddy
 *
 * Context: any; takes the buddy's lock.
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

/**
 * fp_buddy_nr_uncleared() - how much of the quarantine waits for somebody to look at it
 * @buddy: the buddy
 *
 * Context: any; takes the buddy's lock.
 * Return: huge frames.
 */
u32 fp_buddy_nr_uncleared(struct fp_buddy *buddy)
{
	u32 nr;

	spin_lock_bh(&buddy->lock);
	nr = buddy->uncleared.nr;
	spin_unlock_bh(&buddy->lock);
	return nr;
}

/**
 * fp_buddy_nr_referenced() - how much of the quarantine somebody references
 * @buddy: the buddy
 *
 * Context: any; takes the buddy's lock.
 * Return: huge frames that were referenced when they were last looked at.
 */
u32 fp_buddy_nr_referenced(struct fp_buddy *buddy)
{
	u32 nr;

	spin_lock_bh(&buddy->lock);
	nr = buddy->referenced.nr;
	spin_unlock_bh(&buddy->lock);
	return nr;
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
	list_for_each_entry(owner, &buddy->owners, node) {
		stats->free += owner->nr_free;
		stats->quarantined += owner->nr_withheld;
	}
	for (i = 0; i < buddy->map.levels; i++)
		stats->blocks[FP_HUGE_ORDER + i] = buddy->map.level[i].count;
	for (i = 0; i < buddy->map.nr; i++)
		if (fp_huge_state(&buddy->huge[i]) == FP_HUGE_OWNED &&
		    fp_huge_owner(&buddy->huge[i]) != FP_ORPHANAGE_ID)
			count_owned(buddy, i, stats);
	/* Nobody can have the orphanage's dirty frames; and its clean ones only as long as they are not whole. */
	stats->free -= buddy->orphanage.nr_free;
	stats->quarantined += buddy->orphanage.nr_free;
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
	stats->bad_frees = buddy->nr_bad_frees;
	count_free(buddy, stats);
	stats->largest = largest_run(buddy, stats->blocks);
	stats->used = stats->total - stats->free - stats->quarantined;
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

/* @last: of the huge frame before, which a run may continue from. */
static struct fp_huge_view view_huge(const struct fp_buddy *buddy, u32 index, const struct fp_huge_view *last)
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
 * @owners: the result: as many owners as there is room for
 * @room: for so many
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
			owners[nr] = (struct fp_owner_view){ owner->id, owner->label };
		nr++;
	}
	fp_buddy_thaw(buddy);
	return nr;
}
