// SPDX-License-Identifier: GPL-2.0-only
/* Owners that borrow from one another because no empty huge frame is left. */
#include "core/lease.h"
#include "pool.h"
#include "test.h"

#define NR_OWNERS	6

static struct fp_buddy buddy;
static struct fp_owner owners[NR_OWNERS];

/* A pool of so many huge frames, each of which one of the first owners uses 8 frames of. */
static void begin(u32 nr, struct fp_run *first)
{
	u32 i;

	pool_init_one(&buddy, 0, nr * FP_HUGE_FRAMES);
	for (i = 0; i < NR_OWNERS; i++)
		fp_owner_init(&owners[i], &buddy);
	for (i = 0; i < nr; i++)
		EXPECT(pool_alloc(&buddy, &owners[i], 8, 1, 0, &first[i]) == 0);
}

static void end(void)
{
	u32 i;

	pool_settle(&buddy);
	pool_expect_sound(&buddy);
	for (i = 0; i < NR_OWNERS; i++)
		fp_owner_fini(&owners[i]);
	pool_fini(&buddy);
}

static bool borrow(struct fp_owner *owner, u64 nr, struct fp_run *run)
{
	struct fp_request request = { .nr = nr, .align = 1, .end_pfn = FP_ANYWHERE };
	bool done = fp_buddy_borrow(&buddy, owner, &request, run);

	pool_expect_sound(&buddy);
	if (done)
		EXPECT(!run->dirty && run->nr == nr);
	return done;
}

static u64 nr_quarantined(void)
{
	struct fp_buddy_stats stats;

	fp_buddy_stats(&buddy, &stats);
	EXPECT(stats.free + stats.used + stats.quarantined == stats.total);
	return stats.quarantined;
}

static void borrow_takes_clean_frames_only(void)
{
	struct fp_run first, run, dirty, rest;

	begin(1, &first);
	EXPECT(pool_alloc(&buddy, &owners[0], 100, 1, 0, &dirty) == 0);
	EXPECT(pool_free(&buddy, &owners[0], &dirty) == 0);
	EXPECT(pool_alloc(&buddy, &owners[1], 1, 1, 0, &run) == -ENOSPC);
	EXPECT(!borrow(&owners[1], FP_HUGE_FRAMES - 8 - 100 + 1, &run));
	EXPECT(!borrow(&owners[1], FP_HUGE_FRAMES, &run));
	EXPECT(!borrow(&owners[0], 1, &run));
	EXPECT(borrow(&owners[1], 250, &run));
	EXPECT(pool_alloc(&buddy, &owners[0], 100, 1, 0, &rest) == 0 && rest.dirty);
	EXPECT(pool_free(&buddy, &owners[0], &rest) == 0);
	EXPECT(pool_free(&buddy, &owners[1], &run) == 0);
	EXPECT(pool_free(&buddy, &owners[0], &first) == 0);
	end();
}

static void returned_frames_wait_for_the_huge_frame(void)
{
	struct fp_run first, run, again;
	u64 i;

	begin(1, &first);
	EXPECT(borrow(&owners[1], 16, &run));
	EXPECT(pool_free(&buddy, &owners[1], &run) == 0);
	EXPECT(nr_quarantined() == 16);
	pool_expect_sound(&buddy);
	/* Neither gets them. */
	for (i = 0; i < FP_HUGE_FRAMES - 8 - 16; i++)
		EXPECT(pool_alloc(&buddy, &owners[0], 1, 1, 0, &again) == 0 &&
		       (again.frame < run.frame || again.frame >= run.frame + 16));
	EXPECT(pool_alloc(&buddy, &owners[0], 1, 1, 0, &again) != 0);
	EXPECT(!borrow(&owners[1], 1, &again));
	for (i = 0; i < FP_HUGE_FRAMES; i++)
		fp_buddy_free(&buddy, &owners[0], i, 1, true);
	EXPECT(fp_buddy_nr_quarantined(&buddy) == 0);
	EXPECT(pool_free(&buddy, &owners[0], &first) == 0);
	EXPECT(fp_buddy_nr_quarantined(&buddy) == 1);
	end();
}

static void untouched_frames_go_back_to_the_lender(void)
{
	struct fp_run first, run, again;

	begin(1, &first);
	EXPECT(borrow(&owners[1], FP_HUGE_FRAMES - 8, &run));
	EXPECT(fp_buddy_free(&buddy, &owners[1], run.frame, run.nr, false) == 0);
	EXPECT(nr_quarantined() == 0);
	EXPECT(pool_alloc(&buddy, &owners[0], FP_HUGE_FRAMES - 8, 1, 0, &again) == 0 && !again.dirty);
	EXPECT(pool_free(&buddy, &owners[0], &again) == 0);
	EXPECT(pool_free(&buddy, &owners[0], &first) == 0);
	end();
}

static void last_return_frees_the_huge_frame(void)
{
	struct fp_run first, run[2];

	begin(1, &first);
	EXPECT(borrow(&owners[1], 3, &run[0]));
	EXPECT(borrow(&owners[2], 5, &run[1]));
	EXPECT(pool_free(&buddy, &owners[0], &first) == 0);
	EXPECT(pool_free(&buddy, &owners[1], &run[0]) == 0);
	EXPECT(fp_buddy_nr_quarantined(&buddy) == 0);
	EXPECT(pool_free(&buddy, &owners[2], &run[1]) == 0);
	EXPECT(fp_buddy_nr_quarantined(&buddy) == 1);
	end();
}

static void only_the_borrower_can_return(void)
{
	struct fp_run first, run[2];
	struct fp_buddy_stats stats;

	begin(1, &first);
	EXPECT(borrow(&owners[1], 4, &run[0]));
	EXPECT(borrow(&owners[2], 4, &run[1]));
	EXPECT(pool_free(&buddy, &owners[0], &run[0]) == -EINVAL);
	EXPECT(pool_free(&buddy, &owners[2], &run[0]) == -EINVAL);
	EXPECT(pool_free(&buddy, &owners[3], &run[0]) == -EINVAL);
	EXPECT(pool_free(&buddy, &owners[1], &first) == -EINVAL);
	EXPECT(fp_buddy_free(&buddy, &owners[1], run[0].frame, 3, true) == -EINVAL);
	EXPECT(fp_buddy_free(&buddy, &owners[1], run[0].frame + 1, 3, true) == -EINVAL);
	EXPECT(fp_buddy_free(&buddy, &owners[1], run[0].frame, 8, true) == -EINVAL);
	EXPECT(pool_free(&buddy, &owners[1], &run[0]) == 0);
	EXPECT(pool_free(&buddy, &owners[1], &run[0]) == -EINVAL);
	EXPECT(pool_free(&buddy, &owners[0], &run[0]) == -EINVAL);
	fp_buddy_stats(&buddy, &stats);
	EXPECT(stats.bad_frees == 9);
	pool_expect_sound(&buddy);
	EXPECT(pool_free(&buddy, &owners[2], &run[1]) == 0);
	EXPECT(pool_free(&buddy, &owners[0], &first) == 0);
	end();
}

static void lender_that_ends_leaves_orphans(void)
{
	struct fp_run first[2], run[3];

	begin(2, first);
	EXPECT(borrow(&owners[2], 400, &run[0]));
	EXPECT(borrow(&owners[3], 400, &run[1]));
	EXPECT(pool_free(&buddy, &owners[0], &first[0]) == 0);
	EXPECT(pool_free(&buddy, &owners[1], &first[1]) == 0);
	fp_owner_fini(&owners[0]);
	fp_owner_fini(&owners[1]);
	pool_expect_sound(&buddy);
	EXPECT(nr_quarantined() == 2 * (FP_HUGE_FRAMES - 400));
	/* What was never used is lent on. */
	EXPECT(borrow(&owners[4], 100, &run[2]));
	fp_owner_init(&owners[0], &buddy);
	fp_owner_init(&owners[1], &buddy);
	EXPECT(pool_free(&buddy, &owners[2], &run[0]) == 0);
	EXPECT(pool_free(&buddy, &owners[3], &run[1]) == 0);
	EXPECT(fp_buddy_nr_quarantined(&buddy) == 1);
	EXPECT(pool_free(&buddy, &owners[4], &run[2]) == 0);
	EXPECT(fp_buddy_nr_quarantined(&buddy) == 2);
	end();
}

static void pinned_loan_strands_no_more_than_itself(void)
{
	struct fp_run first, run, mine[32];
	u32 i, round;

	begin(1, &first);
	EXPECT(borrow(&owners[1], 1, &run));
	for (round = 0; round < 10; round++) {
		for (i = 0; i < 31; i++)
			EXPECT(pool_alloc(&buddy, &owners[0], 16, 1, 0, &mine[i]) == 0);
		for (i = 0; i < 31; i++)
			EXPECT(pool_free(&buddy, &owners[0], &mine[i]) == 0);
	}
	EXPECT(pool_free(&buddy, &owners[0], &first) == 0);
	EXPECT(pool_alloc(&buddy, &owners[0], 256, 1, 0, &first) == 0);
	EXPECT(pool_free(&buddy, &owners[0], &first) == 0);
	EXPECT(pool_free(&buddy, &owners[1], &run) == 0);
	end();
}

static void kernel_neither_lends_nor_is_lent_from(void)
{
	struct fp_buddy small = {};
	struct fp_owner kernel, client;
	struct fp_request request = { .nr = 1, .align = 1, .end_pfn = FP_ANYWHERE };
	u32 hpfn = 7, block, quarantined = 0;
	struct fp_run run;

	EXPECT(fp_buddy_init(&small, &hpfn, 1, 1) == 0);
	fp_owner_init_fixed(&kernel, &small, 0);
	fp_owner_init(&client, &small);
	EXPECT(fp_buddy_alloc_blocks(&kernel, 0, &block, NULL, 1) == 1);
	EXPECT(!fp_buddy_borrow(&small, &client, &request, &run));
	EXPECT(fp_buddy_free_blocks(&kernel, 0, &block, 1, true, &quarantined) == 1);
	EXPECT(quarantined == 1);
	fp_owner_fini(&client);
	fp_owner_fini(&kernel);
	pool_fini(&small);
}

/* Random borrowing, returning, ending, against what everybody knows of his own runs. */
static void random_borrowing_loses_nothing(void)
{
	static struct fp_run runs[NR_OWNERS][64];
	u32 nr[NR_OWNERS] = {}, i, step;
	struct fp_run first[3];

	begin(3, first);
	for (i = 0; i < 3; i++)
		runs[i][nr[i]++] = first[i];
	for (step = 0; step < 20000 && !test_failed; step++) {
		u32 who = test_random() % NR_OWNERS, which;
		struct fp_run *run = &runs[who][nr[who]];

		if (nr[who] < 64 && test_random() % 2) {
			u64 length = 1 + test_random() % 60;

			if (!pool_alloc(&buddy, &owners[who], length, 1, 0, run) ||
			    borrow(&owners[who], length, run))
				nr[who]++;
			else
				pool_settle(&buddy);
		} else if (nr[who]) {
			which = test_random() % nr[who];
			EXPECT(fp_buddy_free(&buddy, &owners[who], runs[who][which].frame,
					     runs[who][which].nr, test_random() % 4) >= 0);
			runs[who][which] = runs[who][--nr[who]];
		} else {
			fp_owner_fini(&owners[who]);
			fp_owner_init(&owners[who], &buddy);
		}
		nr_quarantined();
	}
	pool_expect_sound(&buddy);
	for (i = 0; i < NR_OWNERS; i++)
		while (nr[i]--)
			EXPECT(pool_free(&buddy, &owners[i], &runs[i][nr[i]]) == 0);
	end();
}

static const struct test tests[] = {
	{ "borrow_takes_clean_frames_only", borrow_takes_clean_frames_only },
	{ "returned_frames_wait_for_the_huge_frame", returned_frames_wait_for_the_huge_frame },
	{ "untouched_frames_go_back_to_the_lender", untouched_frames_go_back_to_the_lender },
	{ "last_return_frees_the_huge_frame", last_return_frees_the_huge_frame },
	{ "only_the_borrower_can_return", only_the_borrower_can_return },
	{ "lender_that_ends_leaves_orphans", lender_that_ends_leaves_orphans },
	{ "pinned_loan_strands_no_more_than_itself", pinned_loan_strands_no_more_than_itself },
	{ "kernel_neither_lends_nor_is_lent_from", kernel_neither_lends_nor_is_lent_from },
	{ "random_borrowing_loses_nothing", random_borrowing_loses_nothing },
};

int main(int argc, char **argv)
{
	return test_main(argc, argv, tests, sizeof(tests) / sizeof(*tests));
}
