// SPDX-License-Identifier: GPL-2.0-only
/* The buddy allocator on layouts worked out by hand. */
#include "pool.h"
#include "test.h"

static struct fp_buddy buddy;
static struct fp_owner owner, other;
static struct fp_run run, run2;

static void begin(u32 hpfn, u64 frames)
{
	pool_init_one(&buddy, hpfn, frames);
	fp_owner_init(&owner, &buddy, NULL);
	fp_owner_init(&other, &buddy, NULL);
}

static void alloc_every_length_is_exact(void)
{
	struct pool_stats stats;
	u64 nr;

	begin(0, 8 * MIB);
	for (nr = 1; nr <= 8 * MIB; nr++) {
		EXPECT(pool_alloc(&buddy, &owner, nr, 1, 0, &run) == 0);
		EXPECT(!run.dirty);
		pool_stats(&buddy, &stats);
		ASSERT(stats.used == nr && stats.free == stats.total - nr);
		if (nr % 97 == 0)
			pool_expect_sound(&buddy);
		ASSERT(fp_buddy_free(&buddy, &owner, run.frame, nr, false) == 0);
	}
	pool_fini(&buddy);
}

static void alloc_nine_of_ten_gib_succeeds(void)
{
	begin(0, 10 * GIB);
	EXPECT(pool_alloc(&buddy, &owner, 9 * GIB, 1, 0, &run) == 0);
	pool_expect_sound(&buddy);
	EXPECT(pool_alloc(&buddy, &owner, GIB, 1, 0, &run2) == 0);
	EXPECT(pool_alloc(&buddy, &owner, 1, 1, 0, &run2) == -ENOMEM);
	EXPECT(pool_free(&buddy, &owner, &run) == 0);
	pool_settle(&buddy);
	EXPECT(pool_alloc(&buddy, &owner, 9 * GIB, 1, 0, &run) == 0);
	EXPECT(pool_free(&buddy, &owner, &run) == 0);
	run.frame = run2.frame;
	fp_buddy_free(&buddy, &owner, run2.frame, GIB, true);
	pool_settle(&buddy);
	fp_buddy_fini(&buddy);
}

static void alloc_beyond_free_is_nomem_beyond_runs_is_nospc(void)
{
	static const struct extent extents[] = { { 10, 2 }, { 20, 2 }, { 30, 1 } };

	pool_init(&buddy, extents, 3);
	fp_owner_init(&owner, &buddy, NULL);
	EXPECT(pool_alloc(&buddy, &owner, 6 * FP_HUGE_FRAMES, 1, 0, &run) == -ENOMEM);
	EXPECT(pool_alloc(&buddy, &owner, 3 * FP_HUGE_FRAMES, 1, 0, &run) == -ENOSPC);
	EXPECT(pool_alloc(&buddy, &owner, 2 * FP_HUGE_FRAMES, 1, 0, &run) == 0);
	EXPECT(pool_alloc(&buddy, &owner, 2 * FP_HUGE_FRAMES + 1, 1, 0, &run2) == -ENOSPC);
	EXPECT(pool_free(&buddy, &owner, &run) == 0);
	pool_fini(&buddy);
}

static void alloc_alignment_above_length_is_kept(void)
{
	u64 align;

	begin(3, 64 * MIB);
	for (align = 1; align <= 16 * MIB; align *= 2) {
		EXPECT(pool_alloc(&buddy, &owner, 1, align, 0, &run) == 0);
		EXPECT(fp_buddy_pfn(&buddy, run.frame) % align == 0);
		EXPECT(pool_alloc(&buddy, &owner, 3 * FP_HUGE_FRAMES, align, 0, &run2) == 0);
		EXPECT(fp_buddy_pfn(&buddy, run2.frame) % align == 0);
		pool_expect_sound(&buddy);
		EXPECT(pool_free(&buddy, &owner, &run) == 0);
		EXPECT(pool_free(&buddy, &owner, &run2) == 0);
		pool_settle(&buddy);
	}
	EXPECT(pool_alloc(&buddy, &owner, 1, 1ULL << 62, 0, &run) == -ENOSPC);
	EXPECT(pool_alloc(&buddy, &owner, 1, GIB, 0, &run) == -ENOSPC);
	pool_fini(&buddy);
}

static void alloc_limit_is_exclusive_and_exact(void)
{
	u64 base = 5 * FP_HUGE_FRAMES;

	begin(5, 8 * MIB);
	EXPECT(pool_alloc(&buddy, &owner, 1, 1, base, &run) == -ENOSPC);
	EXPECT(pool_alloc(&buddy, &owner, 2, 1, base + 1, &run) == -ENOSPC);
	EXPECT(pool_alloc(&buddy, &owner, 1, 1, base + 1, &run) == 0);
	EXPECT(fp_buddy_pfn(&buddy, run.frame) == base);
	EXPECT(pool_alloc(&buddy, &owner, 1, 1, base + 1, &run2) == -ENOSPC);
	EXPECT(pool_alloc(&buddy, &owner, 1, 1, 1, &run2) == -ENOSPC);
	EXPECT(pool_free(&buddy, &owner, &run) == 0);
	pool_settle(&buddy);
	EXPECT(pool_alloc(&buddy, &owner, 600, 1, base + 600, &run) == 0);
	EXPECT(fp_buddy_pfn(&buddy, run.frame) == base);
	EXPECT(pool_free(&buddy, &owner, &run) == 0);
	pool_fini(&buddy);
}

static void owners_never_share_a_huge_frame(void)
{
	struct fp_run mine[100], theirs[100];
	u32 i, j;

	begin(0, 8 * MIB);
	for (i = 0; i < 100; i++) {
		EXPECT(pool_alloc(&buddy, &owner, 3, 1, 0, &mine[i]) == 0);
		EXPECT(pool_alloc(&buddy, &other, 5, 1, 0, &theirs[i]) == 0);
	}
	for (i = 0; i < 100; i++)
		for (j = 0; j < 100; j++)
			ASSERT(mine[i].frame / FP_HUGE_FRAMES != theirs[j].frame / FP_HUGE_FRAMES);
	for (i = 0; i < 100; i++) {
		EXPECT(pool_free(&buddy, &owner, &mine[i]) == 0);
		EXPECT(pool_free(&buddy, &other, &theirs[i]) == 0);
	}
	EXPECT(owner.nr_huge == 0 && other.nr_huge == 0);
	pool_fini(&buddy);
}

static void freed_frames_are_dirty_until_released(void)
{
	begin(0, 2 * MIB);
	EXPECT(pool_alloc(&buddy, &owner, 1, 1, 0, &run) == 0);
	EXPECT(pool_alloc(&buddy, &owner, 1, 1, 0, &run2) == 0);
	EXPECT(pool_free(&buddy, &owner, &run) == 0);
	EXPECT(pool_alloc(&buddy, &owner, 1, 1, 0, &run) == 0);
	EXPECT(run.dirty);
	EXPECT(pool_free(&buddy, &owner, &run) == 0);
	EXPECT(pool_free(&buddy, &owner, &run2) == 0);
	EXPECT(buddy.nr_quarantined == 1);
	EXPECT(pool_alloc(&buddy, &other, 1, 1, 0, &run) == -ENOMEM);
	pool_settle(&buddy);
	EXPECT(pool_alloc(&buddy, &other, 1, 1, 0, &run) == 0);
	EXPECT(!run.dirty);
	EXPECT(fp_buddy_free(&buddy, &other, run.frame, 1, false) == 0);
	EXPECT(buddy.nr_quarantined == 0);
	pool_fini(&buddy);
}

static void quarantine_keeps_what_is_pushed_back(void)
{
	struct fp_budget *budget;
	u32 index;

	begin(0, 4 * MIB);
	EXPECT(pool_alloc(&buddy, &owner, 2 * FP_HUGE_FRAMES, 1, 0, &run) == 0);
	EXPECT(pool_free(&buddy, &owner, &run) == 0);
	index = fp_buddy_quarantine_pop(&buddy, NULL, FP_UNCLEARED, &budget);
	EXPECT(budget == &buddy.nobody);
	fp_buddy_quarantine_push(&buddy, budget, index);
	EXPECT(buddy.nr_quarantined == 2 && buddy.nr_queued[FP_REFERENCED] == 1);
	EXPECT(fp_buddy_quarantine_pop(&buddy, NULL, FP_UNCLEARED, &budget) == (index ^ 1));
	EXPECT(fp_buddy_quarantine_pop(&buddy, NULL, FP_UNCLEARED, &budget) == FP_NIL && !budget);
	EXPECT(fp_buddy_quarantine_pop(&buddy, NULL, FP_REFERENCED, &budget) == index);
	EXPECT(fp_buddy_quarantine_pop(&buddy, NULL, FP_REFERENCED, &budget) == FP_NIL);
	fp_buddy_quarantine_push(&buddy, &buddy.nobody, index);
	fp_buddy_quarantine_push(&buddy, &buddy.nobody, index ^ 1);
	pool_expect_sound(&buddy);
	pool_fini(&buddy);
}

/* Each line breaks one thing. None may change the pool. */
static void free_of_what_is_not_a_run_is_refused(void)
{
	struct pool_stats before, after;

	begin(0, 8 * MIB);
	EXPECT(pool_alloc(&buddy, &owner, 8, 1, 0, &run) == 0);
	EXPECT(pool_alloc(&buddy, &owner, 2 * FP_HUGE_FRAMES + 7, 1, 0, &run2) == 0);
	pool_stats(&buddy, &before);
	EXPECT(fp_buddy_free(&buddy, &owner, run.frame, 0, true) == -EINVAL);
	EXPECT(fp_buddy_free(&buddy, &owner, run.frame, 7, true) == -EINVAL);
	EXPECT(fp_buddy_free(&buddy, &owner, run.frame, 9, true) == -EINVAL);
	EXPECT(fp_buddy_free(&buddy, &owner, run.frame + 1, 7, true) == -EINVAL);
	EXPECT(fp_buddy_free(&buddy, &owner, run.frame + 8, 8, true) == -EINVAL);
	EXPECT(fp_buddy_free(&buddy, &other, run.frame, 8, true) == -EINVAL);
	EXPECT(fp_buddy_free(&buddy, &owner, run2.frame, run2.nr - 7, true) == -EINVAL);
	EXPECT(fp_buddy_free(&buddy, &owner, run2.frame, run2.nr - 1, true) == -EINVAL);
	EXPECT(fp_buddy_free(&buddy, &owner, run2.frame, run2.nr + 1, true) == -EINVAL);
	EXPECT(fp_buddy_free(&buddy, &owner, run2.frame + 1, run2.nr, true) == -EINVAL);
	EXPECT(fp_buddy_free(&buddy, &owner, run2.frame + FP_HUGE_FRAMES, FP_HUGE_FRAMES + 7,
			     true) == -EINVAL);
	EXPECT(fp_buddy_free(&buddy, &owner, run2.frame + 2 * FP_HUGE_FRAMES, 7,
			     true) == -EINVAL);
	EXPECT(fp_buddy_free(&buddy, &other, run2.frame, run2.nr, true) == -EINVAL);
	EXPECT(fp_buddy_free(&buddy, &owner, 1ULL << 40, 1, true) == -EINVAL);
	EXPECT(fp_buddy_free(&buddy, &owner, run.frame, ~0ULL, true) == -EINVAL);
	pool_stats(&buddy, &after);
	EXPECT(after.bad_frees == 15);
	after.bad_frees = 0;
	EXPECT(!memcmp(&before, &after, sizeof(before)));
	pool_expect_sound(&buddy);
	EXPECT(pool_free(&buddy, &owner, &run) == 0);
	EXPECT(pool_free(&buddy, &owner, &run) == -EINVAL);
	EXPECT(pool_free(&buddy, &owner, &run2) == 0);
	EXPECT(pool_free(&buddy, &owner, &run2) == -EINVAL);
	pool_fini(&buddy);
}

/* The owner has half used huge frames without a free pair. Pairs must still share huge frames. */
static void fragmented_owner_does_not_hoard_huge_frames(void)
{
	enum { SINGLES = 32 * FP_HUGE_FRAMES, PAIRS = 4000 };
	static struct fp_run singles[SINGLES], pairs[PAIRS];
	u32 i;

	begin(0, GIB);
	for (i = 0; i < SINGLES; i++)
		EXPECT(pool_alloc(&buddy, &owner, 1, 1, 0, &singles[i]) == 0);
	for (i = 0; i < SINGLES; i += 2)
		EXPECT(pool_free(&buddy, &owner, &singles[i]) == 0);
	for (i = 0; i < PAIRS; i++)
		EXPECT(pool_alloc(&buddy, &owner, 2, 1, 0, &pairs[i]) == 0);
	EXPECT(owner.nr_huge <= 32 + 2 * PAIRS / FP_HUGE_FRAMES + 1);
	for (i = 0; i < PAIRS; i++)
		EXPECT(pool_free(&buddy, &owner, &pairs[i]) == 0);
	for (i = 1; i < SINGLES; i += 2)
		EXPECT(pool_free(&buddy, &owner, &singles[i]) == 0);
	pool_fini(&buddy);
}

/* Without a naturally aligned block, a run across the borders of blocks is taken. */
static void alloc_takes_unaligned_run_when_nothing_else_fits(void)
{
	struct fp_run part[FP_HUGE_FRAMES];
	u32 i;

	begin(0, 2 * MIB);
	for (i = 0; i < FP_HUGE_FRAMES; i++)
		EXPECT(pool_alloc(&buddy, &owner, 1, 1, 0, &part[i]) == 0);
	for (i = 3; i < 8; i++)			/* frames 3..7: natural blocks 1 and 4 */
		EXPECT(pool_free(&buddy, &owner, &part[i]) == 0);
	EXPECT(pool_alloc(&buddy, &owner, 5, 2, 0, &run) == -ENOSPC);
	EXPECT(pool_alloc(&buddy, &owner, 5, 1, 0, &run) == 0);
	EXPECT(run.frame == part[3].frame);
	pool_expect_sound(&buddy);
	EXPECT(pool_free(&buddy, &owner, &run) == 0);
	for (i = 0; i < FP_HUGE_FRAMES; i++)
		if (i < 3 || i > 7)
			EXPECT(pool_free(&buddy, &owner, &part[i]) == 0);
	pool_fini(&buddy);
}

/* An owner with so many huge frames that a search of all drops the lock. */
#define MANY	2500U

/* Every other frame is free, so there is no run of two, but for one place. */
static void expect_only_at(u32 place)
{
	u32 block;

	EXPECT(pool_alloc(&buddy, &owner, 3, 1, 0, &run) == 0);
	EXPECT(run.frame == place);
	EXPECT(pool_alloc(&buddy, &owner, 3, 1, 0, &run2) == -ENOSPC);
	EXPECT(pool_free(&buddy, &owner, &run) == 0);
	EXPECT(fp_buddy_alloc_blocks(&owner, 1, &block, NULL, 1) == 1);
	EXPECT(block == place);
	EXPECT(fp_buddy_alloc_blocks(&owner, 1, &block, NULL, 1) == 0);
}

static void alloc_finds_the_only_place_among_many(void)
{
	const u32 nr = MANY * FP_HUGE_FRAMES, step = FP_HUGE_FRAMES * (MANY / 4) + 100;
	u32 i, *frames = calloc(nr, sizeof(*frames));

	begin(0, nr);
	EXPECT(fp_buddy_alloc_blocks(&owner, 0, frames, NULL, nr) == nr);
	free(frames);
	for (i = 0; i < nr; i += 2)
		EXPECT(fp_buddy_free(&buddy, &owner, i, 1, true) == 0);
	EXPECT(pool_alloc(&buddy, &owner, 3, 1, 0, &run) == -ENOSPC);
	for (i = 3 * step; i; i -= step) {
		EXPECT(fp_buddy_free(&buddy, &owner, i + 1, 1, true) == 0);
		expect_only_at(i);
	}
	pool_expect_sound(&buddy);
	for (i = 1; i < nr; i += 2)
		if (i % step == 1 && i > 1)
			EXPECT(fp_buddy_free(&buddy, &owner, i - 1, 2, true) == 0);
		else
			EXPECT(fp_buddy_free(&buddy, &owner, i, 1, true) == 0);
	pool_fini(&buddy);
}

static void stats_agree_with_a_layout_by_hand(void)
{
	struct pool_stats stats;

	begin(0, 8 * MIB);
	pool_stats(&buddy, &stats);
	EXPECT(stats.blocks[11] == 1 && stats.largest == 8 * MIB && fp_buddy_orders(&buddy) == 12);
	EXPECT(pool_alloc(&buddy, &owner, 4, 1, 0, &run) == 0);
	pool_stats(&buddy, &stats);
	EXPECT(stats.blocks[11] == 0 && stats.blocks[10] == 1 && stats.blocks[9] == 1);
	EXPECT(stats.blocks[8] == 1 && stats.blocks[2] == 1 && stats.blocks[1] == 0);
	EXPECT(stats.largest == 3 * FP_HUGE_FRAMES);
	EXPECT(buddy.runs.extents.nr == 1);
	EXPECT(pool_free(&buddy, &owner, &run) == 0);
	pool_fini(&buddy);
}

static struct fp_huge_view view_of(u64 frame, u32 nr)
{
	struct fp_huge_view view;

	EXPECT(fp_buddy_view(&buddy, frame / FP_HUGE_FRAMES, &view) == nr);
	return view;
}

static void view_shows_a_layout_by_hand(void)
{
	struct fp_owner third;
	struct fp_budget budget;
	struct fp_huge_view view;
	struct fp_run run3;

	begin(512, 8 * FP_HUGE_FRAMES);
	fp_budget_init(&budget, FP_HUGE_ORDER, NULL, NULL, 77);
	fp_owner_init(&third, &buddy, &budget);
	EXPECT(pool_alloc(&buddy, &owner, 2 * FP_HUGE_FRAMES + 10, FP_HUGE_FRAMES, 0, &run) == 0);
	EXPECT(pool_alloc(&buddy, &third, 3, 1, 0, &run2) == 0);
	EXPECT(pool_alloc(&buddy, &third, 3 * FP_HUGE_FRAMES, 1, 0, &run3) == 0);
	EXPECT(pool_free(&buddy, &third, &run3) == 0);
	view = view_of(run.frame, 2);
	EXPECT(view.state == FP_HUGE_RUN && view.nr_used == FP_HUGE_FRAMES);
	EXPECT(view.id == owner.id && view.label == FP_NO_LABEL);
	EXPECT(view_of(run.frame + FP_HUGE_FRAMES, 1).state == FP_HUGE_INSIDE);
	view = view_of(run.frame + 2 * FP_HUGE_FRAMES, 1);
	EXPECT(view.state == FP_HUGE_OWNED && view.nr_used == 10 && view.id == owner.id);
	view = view_of(run2.frame, 1);
	EXPECT(view.state == FP_HUGE_OWNED && view.nr_used == 3);
	EXPECT(view.id == third.id && view.label == 77);
	view = view_of(run3.frame, 3);
	EXPECT(view.state == FP_HUGE_QUARANTINED && !view.nr_used && view.label == 77);
	EXPECT(view.id == FP_NO_ID);
	EXPECT(pool_free(&buddy, &owner, &run) == 0);
	EXPECT(pool_free(&buddy, &third, &run2) == 0);
	pool_settle(&buddy);
	view = view_of(0, 8);
	EXPECT(view.state == FP_HUGE_EMPTY && !view.nr_used);
	pool_fini(&buddy);
}

static int alloc_at(struct fp_owner *who, u64 frame, u64 nr, struct fp_run *result)
{
	return pool_alloc_at(&buddy, who, frame, nr, result);
}

static void alloc_at_takes_exactly_what_is_free(void)
{
	begin(3, 8 * FP_HUGE_FRAMES);
	EXPECT(alloc_at(&owner, 700, 5, &run) == 0);
	EXPECT(run.frame == 700 && run.nr == 5 && !run.dirty);
	EXPECT(alloc_at(&owner, 700, 5, &run2) == -EBUSY);
	EXPECT(alloc_at(&owner, 696, 5, &run2) == -EBUSY);
	EXPECT(alloc_at(&owner, 704, 1, &run2) == -EBUSY);
	EXPECT(alloc_at(&other, 512, 1, &run2) == -EBUSY);
	EXPECT(alloc_at(&other, 512, FP_HUGE_FRAMES, &run2) == -EBUSY);
	EXPECT(alloc_at(&owner, 705, 1, &run2) == 0);
	EXPECT(pool_free(&buddy, &owner, &run2) == 0);
	EXPECT(alloc_at(&owner, 705, 1, &run2) == 0 && run2.dirty);
	EXPECT(pool_free(&buddy, &owner, &run2) == 0);
	EXPECT(alloc_at(&other, 2 * FP_HUGE_FRAMES, 3 * FP_HUGE_FRAMES + 7, &run2) == 0);
	pool_expect_sound(&buddy);
	EXPECT(fp_buddy_pfn(&buddy, run2.frame) == (3 + 2) * FP_HUGE_FRAMES);
	EXPECT(fp_buddy_frame(&buddy, (3 + 2) * FP_HUGE_FRAMES + 9) == run2.frame + 9);
	EXPECT(fp_buddy_frame(&buddy, 2 * FP_HUGE_FRAMES) == FP_ANYWHERE);
	EXPECT(pool_free(&buddy, &other, &run2) == 0);
	EXPECT(pool_free(&buddy, &owner, &run) == 0);
	pool_fini(&buddy);
}

static void alloc_at_refuses_what_is_no_run(void)
{
	static const struct extent extents[] = { { 8, 4 }, { 32, 4 } };

	pool_init(&buddy, extents, 2);
	fp_owner_init(&owner, &buddy, NULL);
	EXPECT(alloc_at(&owner, 0, 0, &run) == -EINVAL);
	EXPECT(alloc_at(&owner, 8 * FP_HUGE_FRAMES, 1, &run) == -EINVAL);
	EXPECT(alloc_at(&owner, U64_MAX, 1, &run) == -EINVAL);
	EXPECT(alloc_at(&owner, FP_HUGE_FRAMES - 1, 2, &run) == -EINVAL);
	EXPECT(alloc_at(&owner, 1, FP_HUGE_FRAMES, &run) == -EINVAL);
	EXPECT(alloc_at(&owner, 3 * FP_HUGE_FRAMES, 2 * FP_HUGE_FRAMES, &run) == -EINVAL);
	EXPECT(alloc_at(&owner, 0, 4 * FP_HUGE_FRAMES + 1, &run) == -EINVAL);
	EXPECT(alloc_at(&owner, 0, U64_MAX, &run) == -EINVAL);
	EXPECT(alloc_at(&owner, 0, 4 * FP_HUGE_FRAMES, &run) == 0);
	EXPECT(pool_free(&buddy, &owner, &run) == 0);
	pool_fini(&buddy);
}

static void alloc_takes_the_end_that_is_asked_for(void)
{
	struct fp_request request = {
		.nr = FP_HUGE_FRAMES, .align = 1, .end_pfn = 6 * FP_HUGE_FRAMES, .high = true,
	};

	begin(0, 16 * FP_HUGE_FRAMES);
	request.high = false;
	EXPECT(fp_buddy_alloc(&buddy, &owner, &request, &run) == 0);
	EXPECT(fp_buddy_pfn(&buddy, run.frame) == 0);
	EXPECT(pool_free(&buddy, &owner, &run) == 0);
	pool_settle(&buddy);
	request.high = true;
	EXPECT(fp_buddy_alloc(&buddy, &owner, &request, &run) == 0);
	EXPECT(fp_buddy_pfn(&buddy, run.frame) == 5 * FP_HUGE_FRAMES);
	request.high = false;
	EXPECT(fp_buddy_alloc(&buddy, &owner, &request, &run2) == 0);
	EXPECT(fp_buddy_pfn(&buddy, run2.frame) == 0);
	EXPECT(pool_free(&buddy, &owner, &run2) == 0);
	EXPECT(pool_free(&buddy, &owner, &run) == 0);
	pool_settle(&buddy);
	EXPECT(pool_alloc(&buddy, &owner, FP_HUGE_FRAMES, 1, 0, &run) == 0);
	EXPECT(fp_buddy_pfn(&buddy, run.frame) == 15 * FP_HUGE_FRAMES);
	EXPECT(pool_free(&buddy, &owner, &run) == 0);
	pool_fini(&buddy);
}

/* No naturally aligned block is large enough, so several make up the run. */
static bool could_hold(u64 nr, u64 align, u64 end_pfn)
{
	struct fp_request request = { .nr = nr, .align = align, .end_pfn = end_pfn };

	return fp_buddy_could_hold(&buddy, &request);
}

/* Extents of 3 and 5 huge frames; what is allocated does not matter. */
static void could_hold_knows_the_empty_pool(void)
{
	struct extent extents[] = { { 5, 3 }, { 17, 5 } };
	const u64 huge = FP_HUGE_FRAMES;

	pool_init(&buddy, extents, 2);
	fp_owner_init(&owner, &buddy, NULL);
	EXPECT(pool_alloc(&buddy, &owner, 5 * huge, 1, 0, &run) == 0);
	EXPECT(could_hold(5 * huge, 1, FP_ANYWHERE) && !could_hold(5 * huge + 1, 1, FP_ANYWHERE));
	EXPECT(could_hold(4 * huge, 2 * huge, FP_ANYWHERE));
	EXPECT(!could_hold(5 * huge, 2 * huge, FP_ANYWHERE));
	EXPECT(could_hold(3 * huge, 1, 8 * huge) && !could_hold(3 * huge, 1, 8 * huge - 1));
	EXPECT(could_hold(1, 1, 5 * huge + 1) && !could_hold(1, 1, 5 * huge));
	EXPECT(could_hold(1, 4 * huge, 21 * huge) && !could_hold(1, 4 * huge, 20 * huge));
	EXPECT(!could_hold(1, 1ULL << 40, FP_ANYWHERE));
	EXPECT(pool_free(&buddy, &owner, &run) == 0);
	pool_fini(&buddy);
}

static void alloc_high_of_scattered_blocks_keeps_the_limit(void)
{
	struct fp_request request = {
		.nr = 5 * FP_HUGE_FRAMES, .align = 1, .end_pfn = 10 * FP_HUGE_FRAMES, .high = true,
	};
	struct fp_run high;

	begin(0, 16 * FP_HUGE_FRAMES);
	EXPECT(alloc_at(&owner, 0, 2 * FP_HUGE_FRAMES, &run) == 0);
	EXPECT(alloc_at(&owner, 14 * FP_HUGE_FRAMES, 2 * FP_HUGE_FRAMES, &run2) == 0);
	EXPECT(fp_buddy_alloc(&buddy, &owner, &request, &high) == 0);
	EXPECT(fp_buddy_pfn(&buddy, high.frame) == 5 * FP_HUGE_FRAMES);
	EXPECT(fp_buddy_free(&buddy, &owner, high.frame, high.nr, false) == 0);
	request.align = 2 * FP_HUGE_FRAMES;
	EXPECT(fp_buddy_alloc(&buddy, &owner, &request, &high) == 0);
	EXPECT(fp_buddy_pfn(&buddy, high.frame) == 4 * FP_HUGE_FRAMES);
	EXPECT(fp_buddy_free(&buddy, &owner, high.frame, high.nr, false) == 0);
	request.end_pfn = 7 * FP_HUGE_FRAMES - 1;
	EXPECT(fp_buddy_alloc(&buddy, &owner, &request, &high) == -ENOSPC);
	EXPECT(pool_free(&buddy, &owner, &run) == 0);
	EXPECT(pool_free(&buddy, &owner, &run2) == 0);
	pool_fini(&buddy);
}

/* What follows the repeated block stays allocated. */
static void free_blocks_stops_where_one_is_repeated(void)
{
	u32 order, blocks[2], list[3];

	begin(0, 16 * FP_HUGE_FRAMES);
	for (order = 0; order <= FP_HUGE_ORDER + 1; order++) {
		EXPECT(fp_buddy_alloc_blocks(&owner, order, blocks, NULL, 2) == 2);
		list[0] = blocks[0];
		list[1] = blocks[0];
		list[2] = blocks[1];
		EXPECT(fp_buddy_free_blocks(&owner, order, list, 3, false) == 1);
		pool_expect_sound(&buddy);
		EXPECT(fp_buddy_free_blocks(&owner, order, list + 2, 1, false) == 1);
	}
	pool_fini(&buddy);
}

/* A run that continues in the next word is longer than the block that it has in its first word. */
static void free_blocks_looks_beyond_the_end_of_a_word(void)
{
	u32 order;

	begin(0, 16 * FP_HUGE_FRAMES);
	for (order = 0; order < FP_HUGE_ORDER; order++) {
		u32 block = order < 6 ? 64 - (1U << order) : 0;

		EXPECT(alloc_at(&owner, block, (1ULL << order) + 1, &run) == 0);
		EXPECT(fp_buddy_free_blocks(&owner, order, &block, 1, true) == 0);
		pool_expect_sound(&buddy);
		EXPECT(pool_free(&buddy, &owner, &run) == 0);
		pool_settle(&buddy);
	}
	pool_fini(&buddy);
}

static void one_tib_pool_works(void)
{
	u64 metadata = test_allocated;
	struct fp_run runs[64];
	u32 i;

	begin(512, 1024 * GIB);
	metadata = test_allocated - metadata;
	printf("# metadata: %.4f bytes a frame\n", metadata / (1024.0 * GIB));
	EXPECT(metadata <= 0.27 * 1024 * GIB);
	for (i = 0; i < 64; i++)
		EXPECT(pool_alloc(&buddy, &owner, 1 + test_random() % (15 * GIB), 1, 0,
				  &runs[i]) == 0);
	pool_expect_sound(&buddy);
	for (i = 0; i < 64; i++)
		EXPECT(pool_free(&buddy, &owner, &runs[i]) == 0);
	pool_fini(&buddy);
}

static const struct test tests[] = {
	{ "alloc_every_length_is_exact", alloc_every_length_is_exact },
	{ "alloc_nine_of_ten_gib_succeeds", alloc_nine_of_ten_gib_succeeds },
	{ "alloc_beyond_free_is_nomem_beyond_runs_is_nospc",
	  alloc_beyond_free_is_nomem_beyond_runs_is_nospc },
	{ "alloc_alignment_above_length_is_kept", alloc_alignment_above_length_is_kept },
	{ "alloc_limit_is_exclusive_and_exact", alloc_limit_is_exclusive_and_exact },
	{ "owners_never_share_a_huge_frame", owners_never_share_a_huge_frame },
	{ "freed_frames_are_dirty_until_released", freed_frames_are_dirty_until_released },
	{ "quarantine_keeps_what_is_pushed_back", quarantine_keeps_what_is_pushed_back },
	{ "free_of_what_is_not_a_run_is_refused", free_of_what_is_not_a_run_is_refused },
	{ "fragmented_owner_does_not_hoard_huge_frames",
	  fragmented_owner_does_not_hoard_huge_frames },
	{ "alloc_takes_unaligned_run_when_nothing_else_fits",
	  alloc_takes_unaligned_run_when_nothing_else_fits },
	{ "alloc_finds_the_only_place_among_many", alloc_finds_the_only_place_among_many },
	{ "stats_agree_with_a_layout_by_hand", stats_agree_with_a_layout_by_hand },
	{ "view_shows_a_layout_by_hand", view_shows_a_layout_by_hand },
	{ "alloc_at_takes_exactly_what_is_free", alloc_at_takes_exactly_what_is_free },
	{ "alloc_at_refuses_what_is_no_run", alloc_at_refuses_what_is_no_run },
	{ "alloc_takes_the_end_that_is_asked_for", alloc_takes_the_end_that_is_asked_for },
	{ "alloc_high_of_scattered_blocks_keeps_the_limit",
	  alloc_high_of_scattered_blocks_keeps_the_limit },
	{ "could_hold_knows_the_empty_pool", could_hold_knows_the_empty_pool },
	{ "free_blocks_stops_where_one_is_repeated", free_blocks_stops_where_one_is_repeated },
	{ "free_blocks_looks_beyond_the_end_of_a_word",
	  free_blocks_looks_beyond_the_end_of_a_word },
	{ "one_tib_pool_works", one_tib_pool_works },
};

int main(int argc, char **argv)
{
	return test_main(argc, argv, tests, sizeof(tests) / sizeof(*tests));
}
