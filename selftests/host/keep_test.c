// SPDX-License-Identifier: GPL-2.0-only
/* Huge frames that owners keep although they are wholly free. */
#include "pool.h"
#include "test.h"

#define NR_OWNERS	3

static struct fp_buddy buddy;
static struct fp_budget budgets[NR_OWNERS];
static struct fp_owner owners[NR_OWNERS];

static void begin(u32 nr_huge, u32 max_kept)
{
	u32 i;

	pool_init_one(&buddy, 0, nr_huge * FP_HUGE_FRAMES);
	for (i = 0; i < NR_OWNERS; i++) {
		fp_budget_init(&budgets[i], FP_HUGE_ORDER, NULL, NULL, 100 + i);
		fp_owner_init(&owners[i], &buddy, &budgets[i]);
		owners[i].max_kept = max_kept;
	}
}

static void end(void)
{
	u32 i;

	for (i = 0; i < NR_OWNERS; i++) {
		fp_buddy_give_up(&owners[i], 0);
		pool_expect_sound(&buddy);
		EXPECT(budgets[i].charged == budgets[i].quarantined);
		fp_owner_fini(&owners[i]);
	}
	pool_fini(&buddy);
	for (i = 0; i < NR_OWNERS; i++)
		EXPECT(!budgets[i].charged && !budgets[i].quarantined);
}

static int alloc_dirty(struct fp_owner *owner, u64 nr, u64 align, u64 end_pfn, struct fp_run *run)
{
	struct fp_request request = {
		.nr = nr, .align = align, .end_pfn = end_pfn ? end_pfn : FP_ANYWHERE, .dirty = true,
	};
	int ret = fp_buddy_alloc(&buddy, owner, &request, run);

	pool_expect_sound(&buddy);
	return ret;
}

static int keep(struct fp_owner *owner, const struct fp_run *run)
{
	int ret = fp_buddy_keep(&buddy, owner, run->frame, run->nr);

	pool_expect_sound(&buddy);
	return ret;
}

static struct pool_stats stats(void)
{
	struct pool_stats now;

	pool_stats(&buddy, &now);
	EXPECT(now.free + now.used + now.quarantined == now.total);
	return now;
}

static void last_frame_freed_huge_frame_is_kept(void)
{
	struct fp_run run, again;

	begin(4, 1);
	EXPECT(pool_alloc(&buddy, &owners[0], 1, 1, 0, &run) == 0 && !run.dirty);
	EXPECT(fp_buddy_free(&buddy, &owners[0], run.frame, 1, true) == 0);
	pool_expect_sound(&buddy);
	EXPECT(owners[0].nr_kept == 1 && stats().quarantined == 0);
	EXPECT(fp_buddy_is_kept(&owners[0], run.frame) && !fp_buddy_is_kept(&owners[1], run.frame));
	EXPECT(stats().blocks[FP_HUGE_ORDER] == 2 && stats().free == stats().total);
	EXPECT(pool_alloc(&buddy, &owners[0], 1, 1, 0, &again) == 0);
	EXPECT(again.frame == run.frame && again.dirty && owners[0].nr_kept == 0);
	EXPECT(fp_buddy_free(&buddy, &owners[0], again.frame, 1, true) == 0);
	fp_buddy_give_up(&owners[0], 0);
	EXPECT(owners[0].nr_kept == 0 && stats().quarantined == FP_HUGE_FRAMES);
	end();
}

static void clean_kept_huge_frame_needs_no_quarantine(void)
{
	struct fp_run run;

	begin(1, 1);
	EXPECT(pool_alloc(&buddy, &owners[0], 1, 1, 0, &run) == 0);
	EXPECT(fp_buddy_free(&buddy, &owners[0], run.frame, 1, false) == 0);
	EXPECT(owners[0].nr_kept == 1);
	fp_buddy_give_up(&owners[0], 0);
	pool_expect_empty(&buddy);
	end();
}

static void no_more_are_kept_than_the_limit(void)
{
	struct fp_run runs[4];
	u32 i;

	begin(4, 2);
	for (i = 0; i < 4; i++)
		EXPECT(pool_alloc(&buddy, &owners[0], FP_HUGE_FRAMES - 1, 1, 0, &runs[i]) == 0);
	for (i = 0; i < 4; i++) {
		EXPECT(fp_buddy_free(&buddy, &owners[0], runs[i].frame, runs[i].nr, true) == 0);
		EXPECT(buddy.nr_quarantined == (i < 2 ? 0 : i - 1));
	}
	EXPECT(owners[0].nr_kept == 2);
	end();
}

static u32 nr_kept(u32 i)
{
	return budgets[i].queues[FP_KEPT].nr;
}

static void kept_run_comes_back_as_it_was(void)
{
	struct fp_run run, other, again;

	begin(8, 0);
	EXPECT(alloc_dirty(&owners[0], 3 * FP_HUGE_FRAMES, 1, 0, &run) == 0 && !run.dirty);
	EXPECT(keep(&owners[0], &run) == 0);
	EXPECT(nr_kept(0) == 3 && !owners[0].nr_huge && budgets[0].charged == 3);
	/* No other owner gets it, nor does its own without asking for it. */
	EXPECT(alloc_dirty(&owners[1], 3 * FP_HUGE_FRAMES, 1, 0, &other) == 0);
	EXPECT(!other.dirty && other.frame != run.frame);
	EXPECT(pool_free(&buddy, &owners[1], &other) == 0);
	pool_settle(&buddy);
	EXPECT(pool_alloc(&buddy, &owners[0], 2 * FP_HUGE_FRAMES, 1, 0, &other) == 0 &&
	       !other.dirty);
	EXPECT(fp_buddy_free(&buddy, &owners[0], other.frame, other.nr, false) == 0);
	EXPECT(alloc_dirty(&owners[0], 3 * FP_HUGE_FRAMES, 1, 0, &again) == 0);
	EXPECT(again.frame == run.frame && again.dirty && nr_kept(0) == 0);
	EXPECT(pool_free(&buddy, &owners[0], &again) == 0);
	EXPECT(pool_free(&buddy, &owners[0], &again) == -EINVAL);
	end();
}

static void kept_run_serves_what_fits(void)
{
	struct fp_run run, again, rest;

	begin(8, 0);
	EXPECT(pool_alloc_at(&buddy, &owners[0], FP_HUGE_FRAMES, 4 * FP_HUGE_FRAMES,
				 &run) == 0);
	EXPECT(keep(&owners[0], &run) == 0);
	/* The run begins with the wrong alignment, and above the limit. */
	EXPECT(alloc_dirty(&owners[0], 2 * FP_HUGE_FRAMES, 2 * FP_HUGE_FRAMES, 0, &again) == 0);
	EXPECT(!again.dirty && again.frame == 6 * FP_HUGE_FRAMES);
	EXPECT(alloc_dirty(&owners[0], FP_HUGE_FRAMES, 1, FP_HUGE_FRAMES, &rest) == 0);
	EXPECT(!rest.dirty && rest.frame == 0);
	EXPECT(fp_buddy_free(&buddy, &owners[0], again.frame, again.nr, false) == 0);
	EXPECT(fp_buddy_free(&buddy, &owners[0], rest.frame, rest.nr, false) == 0);
	EXPECT(alloc_dirty(&owners[0], 5 * FP_HUGE_FRAMES, 1, 0, &again) == -ENOMEM);
	/* The second of three kept runs. */
	EXPECT(pool_alloc(&buddy, &owners[0], FP_HUGE_FRAMES, 1, FP_HUGE_FRAMES, &rest) == 0);
	EXPECT(keep(&owners[0], &rest) == 0 && nr_kept(0) == 5);
	EXPECT(alloc_dirty(&owners[0], FP_HUGE_FRAMES, 1, FP_HUGE_FRAMES, &rest) == 0);
	EXPECT(rest.dirty && rest.frame == 0 && nr_kept(0) == 4);
	pool_expect_sound(&buddy);
	EXPECT(fp_buddy_free(&buddy, &owners[0], rest.frame, rest.nr, false) == 0);
	EXPECT(alloc_dirty(&owners[0], 3 * FP_HUGE_FRAMES + 7, 1, 0, &again) == 0);
	EXPECT(again.dirty && again.frame == FP_HUGE_FRAMES && nr_kept(0) == 0);
	EXPECT(pool_alloc(&buddy, &owners[0], 1, 1, 0, &rest) == 0);
	EXPECT(rest.dirty && rest.frame == 4 * FP_HUGE_FRAMES + 7);
	EXPECT(pool_free(&buddy, &owners[0], &rest) == 0);
	EXPECT(keep(&owners[0], &again) == 0);
	EXPECT(nr_kept(0) == 3 && buddy.nr_quarantined == 4);
	end();
}

static void kept_small_run_is_freed(void)
{
	struct fp_run run;

	begin(1, 0);
	EXPECT(pool_alloc(&buddy, &owners[0], 5, 1, 0, &run) == 0);
	EXPECT(keep(&owners[0], &run) == 0);
	EXPECT(keep(&owners[0], &run) == -EINVAL);
	EXPECT(owners[0].nr_kept == 0 && buddy.nr_quarantined == 1);
	end();
}

static void collecting_takes_turns(void)
{
	struct fp_run runs[NR_OWNERS];
	u32 i;

	begin(16, 0);
	EXPECT(!fp_buddy_collect(&buddy, NULL));
	for (i = 0; i < NR_OWNERS; i++) {
		EXPECT(alloc_dirty(&owners[i], (i + 1) * FP_HUGE_FRAMES, 1, 0, &runs[i]) == 0);
		EXPECT(keep(&owners[i], &runs[i]) == 0);
	}
	EXPECT(pool_alloc(&buddy, &owners[0], 11 * FP_HUGE_FRAMES, 1, 0, &runs[0]) == -ENOMEM);
	for (i = 0; i < NR_OWNERS; i++) {
		EXPECT(fp_buddy_collect(&buddy, NULL));
		EXPECT(budgets[i].quarantined == i + 1 && budgets[i].charged == i + 1);
		pool_expect_sound(&buddy);
	}
	EXPECT(!fp_buddy_collect(&buddy, NULL));
	EXPECT(buddy.nr_quarantined == 6);
	end();
}

/* One call does no more than it may do under one lock; the owner's turn comes again. */
static void collecting_goes_by_pieces(void)
{
	static struct fp_run runs[150];
	u32 i, before;

	begin(200, 150);
	for (i = 0; i < 150; i++)
		EXPECT(pool_alloc(&buddy, &owners[0], FP_HUGE_FRAMES - 1, 1, 0, &runs[i]) == 0);
	for (i = 0; i < 150; i++)
		EXPECT(pool_free(&buddy, &owners[0], &runs[i]) == 0);
	EXPECT(owners[0].nr_kept == 150);
	for (i = 0; owners[0].nr_kept; i++) {
		before = owners[0].nr_kept;
		EXPECT(fp_buddy_collect(&buddy, NULL));
		EXPECT(before - owners[0].nr_kept <= 64);
		pool_expect_sound(&buddy);
	}
	EXPECT(i == 3);
	end();
}

static const struct test tests[] = {
	{ "last_frame_freed_huge_frame_is_kept", last_frame_freed_huge_frame_is_kept },
	{ "clean_kept_huge_frame_needs_no_quarantine", clean_kept_huge_frame_needs_no_quarantine },
	{ "no_more_are_kept_than_the_limit", no_more_are_kept_than_the_limit },
	{ "kept_run_comes_back_as_it_was", kept_run_comes_back_as_it_was },
	{ "kept_run_serves_what_fits", kept_run_serves_what_fits },
	{ "kept_small_run_is_freed", kept_small_run_is_freed },
	{ "collecting_takes_turns", collecting_takes_turns },
	{ "collecting_goes_by_pieces", collecting_goes_by_pieces },
};

int main(int argc, char **argv)
{
	return test_main(argc, argv, tests, sizeof(tests) / sizeof(*tests));
}
