// SPDX-License-Identifier: GPL-2.0-only
/* Huge frames that owners keep although they are wholly free. */
#include "pool.h"
#include "test.h"

#define NR_OWNERS	3

static struct fp_buddy buddy;
static struct fp_owner owners[NR_OWNERS];

static void begin(u32 nr_huge, u32 max_spare)
{
	u32 i;

	pool_init_one(&buddy, 0, nr_huge * FP_HUGE_FRAMES);
	for (i = 0; i < NR_OWNERS; i++) {
		fp_owner_init(&owners[i], &buddy);
		owners[i].label = 100 + i;
		owners[i].max_spare = max_spare;
	}
}

static void end(void)
{
	u32 i;

	for (i = 0; i < NR_OWNERS; i++) {
		fp_buddy_give_up(&owners[i], 0);
		pool_expect_sound(&buddy);
		fp_owner_fini(&owners[i]);
	}
	pool_fini(&buddy);
}

static int alloc_spare(struct fp_owner *owner, u64 nr, u64 align, u64 end_pfn, struct fp_run *run)
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

static struct fp_buddy_stats stats(void)
{
	struct fp_buddy_stats now;

	fp_buddy_stats(&buddy, &now);
	EXPECT(now.free + now.used + now.quarantined == now.total);
	return now;
}

static void last_frame_leaves_a_spare(void)
{
	struct fp_run run, again;

	begin(4, 1);
	EXPECT(pool_alloc(&buddy, &owners[0], 1, 1, 0, &run) == 0 && !run.dirty);
	EXPECT(fp_buddy_free(&buddy, &owners[0], run.frame, 1, true) == 0);
	pool_expect_sound(&buddy);
	EXPECT(owners[0].nr_spare == 1 && stats().quarantined == 0);
	EXPECT(fp_buddy_is_spare(&owners[0], run.frame) &&
	       !fp_buddy_is_spare(&owners[1], run.frame));
	EXPECT(stats().blocks[FP_HUGE_ORDER] == 2 && stats().free == stats().total);
	EXPECT(pool_alloc(&buddy, &owners[0], 1, 1, 0, &again) == 0);
	EXPECT(again.frame == run.frame && again.dirty && owners[0].nr_spare == 0);
	EXPECT(fp_buddy_free(&buddy, &owners[0], again.frame, 1, true) == 0);
	EXPECT(fp_buddy_give_up(&owners[0], 0) == 1);
	EXPECT(owners[0].nr_spare == 0 && stats().quarantined == FP_HUGE_FRAMES);
	end();
}

static void clean_spare_needs_no_quarantine(void)
{
	struct fp_run run;

	begin(1, 1);
	EXPECT(pool_alloc(&buddy, &owners[0], 1, 1, 0, &run) == 0);
	EXPECT(fp_buddy_free(&buddy, &owners[0], run.frame, 1, false) == 0);
	EXPECT(owners[0].nr_spare == 1);
	EXPECT(fp_buddy_give_up(&owners[0], 0) == 0);
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
	for (i = 0; i < 4; i++)
		EXPECT(fp_buddy_free(&buddy, &owners[0], runs[i].frame, runs[i].nr,
				     true) == (i >= 2));
	EXPECT(owners[0].nr_spare == 2);
	end();
}

static void kept_run_comes_back_as_it_was(void)
{
	struct fp_run run, other, again;

	begin(8, 0);
	EXPECT(alloc_spare(&owners[0], 3 * FP_HUGE_FRAMES, 1, 0, &run) == 0 && !run.dirty);
	EXPECT(keep(&owners[0], &run) == 0);
	EXPECT(owners[0].nr_spare == 3 && owners[0].nr_huge == 3);
	/* No other owner gets it, nor does its own without asking for it. */
	EXPECT(alloc_spare(&owners[1], 3 * FP_HUGE_FRAMES, 1, 0, &other) == 0);
	EXPECT(!other.dirty && other.frame != run.frame);
	EXPECT(pool_free(&buddy, &owners[1], &other) == 0);
	pool_settle(&buddy);
	EXPECT(pool_alloc(&buddy, &owners[0], 2 * FP_HUGE_FRAMES, 1, 0, &other) == 0 &&
	       !other.dirty);
	EXPECT(fp_buddy_free(&buddy, &owners[0], other.frame, other.nr, false) == 0);
	EXPECT(alloc_spare(&owners[0], 3 * FP_HUGE_FRAMES, 1, 0, &again) == 0);
	EXPECT(again.frame == run.frame && again.dirty && owners[0].nr_spare == 0);
	EXPECT(pool_free(&buddy, &owners[0], &again) == 0);
	EXPECT(pool_free(&buddy, &owners[0], &again) == -EINVAL);
	end();
}

static void kept_run_serves_what_fits(void)
{
	struct fp_run run, again, rest;

	begin(8, 0);
	EXPECT(fp_buddy_alloc_at(&buddy, &owners[0], FP_HUGE_FRAMES, 4 * FP_HUGE_FRAMES,
				 &run) == 0);
	EXPECT(keep(&owners[0], &run) == 0);
	/* The run begins with the wrong alignment, and above the limit. A later part fits. */
	EXPECT(alloc_spare(&owners[0], 2 * FP_HUGE_FRAMES, 2 * FP_HUGE_FRAMES, 0, &again) == 0);
	EXPECT(again.dirty && again.frame == 2 * FP_HUGE_FRAMES);
	EXPECT(alloc_spare(&owners[0], FP_HUGE_FRAMES, 1, FP_HUGE_FRAMES, &rest) == 0);
	EXPECT(!rest.dirty && rest.frame == 0);
	EXPECT(keep(&owners[0], &again) == 0);
	EXPECT(pool_free(&buddy, &owners[0], &rest) == 0);
	EXPECT(alloc_spare(&owners[0], 5 * FP_HUGE_FRAMES, 1, 0, &again) == -ENOSPC);
	EXPECT(alloc_spare(&owners[0], 3 * FP_HUGE_FRAMES + 7, 1, 0, &again) == 0);
	EXPECT(again.dirty && again.frame == FP_HUGE_FRAMES && owners[0].nr_spare == 0);
	EXPECT(pool_alloc(&buddy, &owners[0], 1, 1, 0, &rest) == 0);
	EXPECT(rest.dirty && rest.frame == 4 * FP_HUGE_FRAMES + 7);
	EXPECT(pool_free(&buddy, &owners[0], &rest) == 0);
	EXPECT(keep(&owners[0], &again) == 1);
	EXPECT(owners[0].nr_spare == 3);
	end();
}

static void kept_small_run_is_freed(void)
{
	struct fp_run run;

	begin(1, 0);
	EXPECT(pool_alloc(&buddy, &owners[0], 5, 1, 0, &run) == 0);
	EXPECT(keep(&owners[0], &run) == 1);
	EXPECT(keep(&owners[0], &run) == -EINVAL);
	EXPECT(owners[0].nr_spare == 0);
	end();
}

static void collecting_takes_turns(void)
{
	struct fp_run runs[NR_OWNERS];
	u32 i, seen = 0, label, quarantined;

	begin(16, 0);
	EXPECT(!fp_buddy_collect(&buddy, &label, &quarantined));
	for (i = 0; i < NR_OWNERS; i++) {
		EXPECT(alloc_spare(&owners[i], (i + 1) * FP_HUGE_FRAMES, 1, 0, &runs[i]) == 0);
		EXPECT(keep(&owners[i], &runs[i]) == 0);
	}
	EXPECT(pool_alloc(&buddy, &owners[0], 11 * FP_HUGE_FRAMES, 1, 0, &runs[0]) == -ENOSPC);
	for (i = 0; i < NR_OWNERS; i++) {
		EXPECT(fp_buddy_collect(&buddy, &label, &quarantined));
		EXPECT(label >= 100 && label < 100 + NR_OWNERS && quarantined == label - 100 + 1);
		seen |= 1U << (label - 100);
		pool_expect_sound(&buddy);
	}
	EXPECT(seen == (1U << NR_OWNERS) - 1);
	EXPECT(!fp_buddy_collect(&buddy, &label, &quarantined));
	EXPECT(fp_buddy_nr_quarantined(&buddy) == 6);
	EXPECT(fp_buddy_nr_owners(&buddy) == NR_OWNERS + 1);
	end();
}

/* Clean frames of a spare huge frame can be lent, as those of any. */
static void spare_is_lent(void)
{
	struct fp_request request = { .nr = 7, .align = 1, .end_pfn = FP_ANYWHERE };
	struct fp_run run, lent;

	begin(1, 1);
	EXPECT(pool_alloc(&buddy, &owners[0], 3, 1, 0, &run) == 0);
	EXPECT(pool_free(&buddy, &owners[0], &run) == 0);
	EXPECT(fp_buddy_borrow(&buddy, &owners[1], &request, &lent) && !lent.dirty);
	pool_expect_sound(&buddy);
	EXPECT(owners[0].nr_spare == 0);
	EXPECT(fp_buddy_free(&buddy, &owners[1], lent.frame, lent.nr, true) == 1);
	EXPECT(fp_buddy_nr_quarantined(&buddy) == 1);
	end();
}

/* An owner that ends keeps nothing, even if what it had lent comes back only then. */
static void return_to_a_lender_that_ends_leaves_no_spare(void)
{
	struct fp_request request = { .nr = 7, .align = 1, .end_pfn = FP_ANYWHERE };
	struct fp_run run, lent;

	begin(1, 1);
	EXPECT(pool_alloc(&buddy, &owners[0], 3, 1, 0, &run) == 0);
	EXPECT(fp_buddy_borrow(&buddy, &owners[1], &request, &lent));
	EXPECT(fp_buddy_free(&buddy, &owners[0], run.frame, run.nr, false) == 0);
	EXPECT(!fp_buddy_is_spare(&owners[0], run.frame));
	EXPECT(fp_buddy_give_up(&owners[0], 0) == 0);
	EXPECT(fp_buddy_free(&buddy, &owners[1], lent.frame, lent.nr, false) == 0);
	EXPECT(owners[0].nr_huge == 0 && owners[0].nr_spare == 0);
	pool_expect_empty(&buddy);
	end();
}

static const struct test tests[] = {
	{ "last_frame_leaves_a_spare", last_frame_leaves_a_spare },
	{ "clean_spare_needs_no_quarantine", clean_spare_needs_no_quarantine },
	{ "no_more_are_kept_than_the_limit", no_more_are_kept_than_the_limit },
	{ "kept_run_comes_back_as_it_was", kept_run_comes_back_as_it_was },
	{ "kept_run_serves_what_fits", kept_run_serves_what_fits },
	{ "kept_small_run_is_freed", kept_small_run_is_freed },
	{ "collecting_takes_turns", collecting_takes_turns },
	{ "spare_is_lent", spare_is_lent },
	{ "return_to_a_lender_that_ends_leaves_no_spare",
	  return_to_a_lender_that_ends_leaves_no_spare },
};

int main(int argc, char **argv)
{
	return test_main(argc, argv, tests, sizeof(tests) / sizeof(*tests));
}
