// SPDX-License-Identifier: GPL-2.0-only
#include "pool.h"

#include "core/owner.h"
#include "test.h"

void pool_init(struct fp_buddy *buddy, const struct extent *extents, u32 nr)
{
	u32 i, j, total = 0, at = 0;
	u32 *hpfn;

	for (i = 0; i < nr; i++)
		total += extents[i].nr;
	hpfn = calloc(total, sizeof(*hpfn));
	for (i = 0; i < nr; i++)
		for (j = 0; j < extents[i].nr; j++)
			hpfn[at++] = extents[i].hpfn + j;
	memset(buddy, 0, sizeof(*buddy));
	if (fp_buddy_init(buddy, FP_HUGE_ORDER, hpfn, total, 0))
		abort();
	free(hpfn);
}

void pool_init_one(struct fp_buddy *buddy, u32 hpfn, u64 frames)
{
	struct extent extent = { .hpfn = hpfn, .nr = frames / FP_HUGE_FRAMES };

	pool_init(buddy, &extent, 1);
}

/* Is a frame of an owned huge frame free? */
bool pool_is_free(const struct fp_buddy *buddy, u64 frame)
{
	u32 at = fp_rest(buddy, frame);

	return fp_buddy_frames(buddy, fp_index(buddy, frame)).words[at / 64] >> (at % 64) & 1;
}

/* Does what the worker of the kernel module does when no page is referenced. */
void pool_settle(struct fp_buddy *buddy)
{
	struct fp_budget *budget;
	u32 index;

	while ((index = fp_buddy_quarantine_pop(buddy, NULL, FP_UNCLEARED, &budget)) != FP_NIL ||
	       (index = fp_buddy_quarantine_pop(buddy, NULL, FP_REFERENCED, &budget)) != FP_NIL)
		fp_buddy_quarantine_release(buddy, budget, index);
}

void pool_fini(struct fp_buddy *buddy)
{
	pool_settle(buddy);
	pool_expect_empty(buddy);
	fp_buddy_fini(buddy);
}

int pool_alloc(struct fp_buddy *buddy, struct fp_owner *owner, u64 nr, u64 align, u64 end_pfn,
	       struct fp_run *run)
{
	struct fp_request request = {
		.nr = nr, .align = align, .end_pfn = end_pfn ? end_pfn : FP_ANYWHERE,
	};

	return fp_buddy_alloc(buddy, owner, &request, run);
}

static void take_in_huge(struct fp_owner *owner, u32 index, u32 at, u32 nr, bool *dirty)
{
	struct fp_frames frames = fp_buddy_frames(owner->buddy, index);

	fp_owner_delist(owner, index, fp_frames_nr_free(frames));
	*dirty = fp_frames_take(frames, at, nr, true);
	fp_owner_enlist(owner, index, fp_frames_nr_free(frames));
}

static bool are_free(const struct fp_buddy *buddy, u64 frame, u32 nr)
{
	while (nr--)
		if (!pool_is_free(buddy, frame + nr))
			return false;
	return true;
}

/* Take [index, index + nr) if all of them are empty. */
static bool take_empty(struct fp_owner *owner, u32 index, u32 nr)
{
	struct fp_buddy *buddy = owner->buddy;
	bool taken;

	spin_lock(&buddy->lock);
	taken = fp_budget_charge(owner->budget, nr);
	if (taken && !(fp_owner_get_id(owner) && fp_runs_take_at(&buddy->runs, index, nr))) {
		fp_owner_put_id(owner);
		fp_budget_uncharge(owner->budget, nr);
		taken = false;
	}
	spin_unlock(&buddy->lock);
	return taken;
}

static bool take_at(struct fp_owner *owner, u32 index, u32 at, u64 nr, struct fp_run *run)
{
	struct fp_buddy *buddy = owner->buddy;
	u32 nr_huge = fp_index(buddy, nr) + !!fp_rest(buddy, nr);

	if (!fp_owner_has(owner, index)) {
		if (!take_empty(owner, index, nr_huge))
			return false;
		if (!at) {
			fp_owner_fill(owner, index, nr, false, run);
			return true;
		}
		fp_frames_init(fp_buddy_frames(buddy, index), false);
		fp_frames_take(fp_buddy_frames(buddy, index), at, nr, true);
		fp_owner_enlist(owner, index, fp_huge_frames(buddy) - nr);
		run->dirty = false;
		return true;
	}
	if (fp_index(buddy, nr) || !are_free(buddy, run->frame, nr))
		return false;
	take_in_huge(owner, index, at, nr, &run->dirty);
	return true;
}

int pool_alloc_at(struct fp_buddy *buddy, struct fp_owner *owner, u64 frame, u64 nr,
		  struct fp_run *run)
{
	u32 index = fp_index(buddy, frame), at = fp_rest(buddy, frame);
	bool small = nr < fp_huge_frames(buddy), done;

	if (frame >= fp_buddy_nr_frames(buddy) || !nr || (at && !small) ||
	    nr > fp_first(buddy, fp_extents_contiguous(&buddy->runs.extents, index)) ||
	    (small && nr > fp_huge_frames(buddy) - at))
		return -EINVAL;
	run->frame = frame;
	run->nr = nr;
	fp_owner_lock(owner);
	done = take_at(owner, index, at, nr, run);
	fp_owner_unlock(owner);
	return done ? 0 : -EBUSY;
}

int pool_free(struct fp_buddy *buddy, struct fp_owner *owner, const struct fp_run *run)
{
	return fp_buddy_free(buddy, owner, run->frame, run->nr, true);
}

int pool_compare_runs(const void *a, const void *b)
{
	const struct fp_run *left = a, *right = b;

	return (left->frame > right->frame) - (left->frame < right->frame);
}

/* @blocks has the blocks in magazines. */
static void gather_stats(const struct fp_buddy *buddy, const struct fp_counts *counts,
			 const u64 *blocks, struct pool_stats *stats)
{
	u32 at = 0, order;

	*stats = (struct pool_stats){
		.total = counts->total, .free = counts->free, .used = counts->used,
		.quarantined = counts->quarantined, .retired = counts->retired,
		.charged = counts->charged, .largest = counts->largest,
		.bad_frees = counts->bad_frees,
	};
	memcpy(stats->blocks, blocks, FP_BLOCKS_ORDERS * sizeof(*blocks));
	while (at != FP_NIL)
		at = fp_buddy_count_blocks(buddy, at, stats->blocks);
	for (order = 0; order < FP_ORDERS && !counts->largest; order++)
		if (stats->blocks[order])
			stats->largest = 1ULL << order;
}

void pool_stats(struct fp_buddy *buddy, struct pool_stats *stats)
{
	const u64 blocks[FP_BLOCKS_ORDERS] = {};
	struct fp_counts counts;

	fp_buddy_count(buddy, &counts);
	gather_stats(buddy, &counts, blocks, stats);
}

void pool_blocks_stats(struct fp_blocks *blocks, struct pool_stats *stats)
{
	u64 cached[FP_BLOCKS_ORDERS];
	struct fp_counts counts;

	fp_blocks_count(blocks, 0, &counts, cached);
	gather_stats(blocks->buddy, &counts, cached, stats);
}

void pool_expect_sound(struct fp_buddy *buddy)
{
	const char *broken = fp_buddy_verify(buddy);

	if (broken)
		printf("# %s\n", broken);
	EXPECT(!broken);
}

void pool_expect_empty(struct fp_buddy *buddy)
{
	struct pool_stats stats;

	pool_stats(buddy, &stats);
	EXPECT(stats.free == stats.total);
	EXPECT(stats.used == 0);
	EXPECT(stats.quarantined == 0);
	pool_expect_sound(buddy);
}
