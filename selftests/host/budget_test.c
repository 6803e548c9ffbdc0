// SPDX-License-Identifier: GPL-2.0-only
/* Who is charged for which huge frames. */
#include "pool.h"
#include "test.h"

#define HUGE_BYTES	((u64)FP_HUGE_FRAMES << PAGE_SHIFT)

static struct fp_buddy buddy;
static struct fp_budget user, budget, sibling;
static struct fp_owner owner, other;
static u64 user_limit, limit;

static void begin(u32 nr_huge)
{
	user_limit = 0;
	limit = 0;
	pool_init_one(&buddy, 0, nr_huge * FP_HUGE_FRAMES);
	fp_budget_init(&user, FP_HUGE_ORDER, NULL, &user_limit, FP_NO_LABEL);
	fp_budget_init(&budget, FP_HUGE_ORDER, &user, &limit, 1);
	fp_budget_init(&sibling, FP_HUGE_ORDER, &user, NULL, 2);
	fp_owner_init(&owner, &buddy, &budget);
	fp_owner_init(&other, &buddy, &sibling);
}

static void end(void)
{
	pool_fini(&buddy);
	EXPECT(!user.charged && !budget.charged && !sibling.charged);
	EXPECT(!user.quarantined && !budget.quarantined && !sibling.quarantined);
}

static bool charged_is(u32 theirs, u32 others)
{
	struct pool_stats stats;

	pool_expect_sound(&buddy);
	pool_stats(&buddy, &stats);
	EXPECT(stats.charged == (u64)(theirs + others) * FP_HUGE_FRAMES);
	return budget.charged == theirs && sibling.charged == others &&
	       user.charged == theirs + others;
}

static void small_blocks_are_charged_by_huge_frame(void)
{
	struct fp_run runs[FP_HUGE_FRAMES + 1];
	u32 i;

	begin(4);
	for (i = 0; i < FP_HUGE_FRAMES; i++) {
		EXPECT(pool_alloc(&buddy, &owner, 1, 1, 0, &runs[i]) == 0);
		EXPECT(budget.charged == 1);
	}
	EXPECT(pool_alloc(&buddy, &owner, 1, 1, 0, &runs[i]) == 0 && charged_is(2, 0));
	for (i = 0; i <= FP_HUGE_FRAMES; i++)
		EXPECT(fp_buddy_free(&buddy, &owner, runs[i].frame, 1, false) == 0);
	EXPECT(charged_is(0, 0));
	end();
}

static void tail_of_a_run_is_charged_as_a_huge_frame(void)
{
	struct fp_run run;

	begin(4);
	EXPECT(pool_alloc(&buddy, &owner, 2 * FP_HUGE_FRAMES + 1, 1, 0, &run) == 0);
	EXPECT(charged_is(3, 0));
	EXPECT(pool_free(&buddy, &owner, &run) == 0 && charged_is(3, 0) && budget.quarantined == 3);
	end();
}

static void quarantine_is_charged_until_released(void)
{
	struct fp_budget *whose;
	struct fp_run run;
	u32 index;

	begin(4);
	EXPECT(pool_alloc(&buddy, &owner, 2 * FP_HUGE_FRAMES, 1, 0, &run) == 0);
	EXPECT(pool_free(&buddy, &owner, &run) == 0);
	index = fp_buddy_quarantine_pop(&buddy, NULL, FP_UNCLEARED, &whose);
	EXPECT(whose == &budget && charged_is(2, 0));
	fp_buddy_quarantine_release(&buddy, whose, index);
	EXPECT(charged_is(1, 0) && user.quarantined == 1);
	index = fp_buddy_quarantine_pop(&buddy, NULL, FP_UNCLEARED, &whose);
	fp_buddy_quarantine_push(&buddy, whose, index);
	EXPECT(charged_is(1, 0) && user.quarantined == 1);
	end();
}

static void retired_huge_frame_is_charged_to_nobody(void)
{
	struct pool_stats stats;
	struct fp_budget *whose;
	struct fp_run run;
	u32 index;

	begin(4);
	EXPECT(pool_alloc(&buddy, &owner, FP_HUGE_FRAMES, 1, 0, &run) == 0);
	EXPECT(pool_free(&buddy, &owner, &run) == 0);
	index = fp_buddy_quarantine_pop(&buddy, NULL, FP_UNCLEARED, &whose);
	fp_buddy_quarantine_retire(&buddy, whose, index);
	EXPECT(charged_is(0, 0));
	pool_stats(&buddy, &stats);
	EXPECT(stats.retired == FP_HUGE_FRAMES && stats.quarantined == 0);
	EXPECT(stats.charged == 0);
	EXPECT(stats.free == 3 * FP_HUGE_FRAMES);
	EXPECT(pool_alloc(&buddy, &owner, 4 * FP_HUGE_FRAMES, 1, 0, &run) == -ENOMEM);
	fp_buddy_fini(&buddy);
}

static void kept_huge_frame_is_charged(void)
{
	struct fp_run run;

	begin(4);
	owner.max_kept = 1;
	EXPECT(pool_alloc(&buddy, &owner, 1, 1, 0, &run) == 0 && charged_is(1, 0));
	EXPECT(pool_free(&buddy, &owner, &run) == 0 && charged_is(1, 0));
	EXPECT(!fp_buddy_collect(&buddy, &sibling));
	EXPECT(fp_buddy_collect(&buddy, &user) && charged_is(1, 0) && budget.quarantined == 1);
	EXPECT(!fp_buddy_collect(&buddy, NULL));
	end();
}

static void limit_of_a_client_bounds_its_huge_frames(void)
{
	struct fp_run runs[8];
	u32 i, blocks[8];

	begin(8);
	limit = 3 * HUGE_BYTES + HUGE_BYTES / 2;
	/* Each is aligned to a huge frame, so each takes one. */
	for (i = 0; i < 3; i++)
		EXPECT(pool_alloc(&buddy, &owner, 1, FP_HUGE_FRAMES, 0, &runs[i]) == 0);
	EXPECT(pool_alloc(&buddy, &owner, 1, FP_HUGE_FRAMES, 0, &runs[3]) == -EDQUOT);
	EXPECT(pool_alloc(&buddy, &owner, FP_HUGE_FRAMES, 1, 0, &runs[3]) == -EDQUOT);
	EXPECT(fp_buddy_alloc_blocks(&owner, FP_HUGE_ORDER, blocks, NULL, 2) == 0);
	EXPECT(fp_buddy_alloc_blocks(&owner, FP_HUGE_ORDER - 1, blocks, NULL, 8) == 3);
	EXPECT(charged_is(3, 0));
	/* What it has already costs nothing more, even where it is not aligned. */
	EXPECT(pool_alloc(&buddy, &owner, FP_HUGE_FRAMES / 4, 1, 0, &runs[3]) == 0 &&
	       charged_is(3, 0));
	/* The sibling has no limit of its own. */
	EXPECT(pool_alloc(&buddy, &other, 4 * FP_HUGE_FRAMES, 1, 0, &runs[4]) == 0);
	EXPECT(charged_is(3, 4));
	EXPECT(pool_free(&buddy, &other, &runs[4]) == 0);
	EXPECT(fp_buddy_free_blocks(&owner, FP_HUGE_ORDER - 1, blocks, 3, true) == 3);
	for (i = 0; i < 4; i++)
		EXPECT(pool_free(&buddy, &owner, &runs[i]) == 0);
	end();
}

static void limit_of_a_user_bounds_all_its_clients(void)
{
	struct fp_run run, run2;

	begin(8);
	user_limit = 4 * HUGE_BYTES;
	EXPECT(pool_alloc(&buddy, &owner, 3 * FP_HUGE_FRAMES, 1, 0, &run) == 0);
	EXPECT(pool_alloc(&buddy, &other, 2 * FP_HUGE_FRAMES, 1, 0, &run2) == -EDQUOT);
	EXPECT(pool_alloc(&buddy, &other, FP_HUGE_FRAMES, 1, 0, &run2) == 0 && charged_is(3, 1));
	EXPECT(pool_free(&buddy, &owner, &run) == 0);
	/* It waits in quarantine. */
	EXPECT(pool_alloc(&buddy, &other, 1, 1, 0, &run) == -EDQUOT && charged_is(3, 1));
	pool_settle(&buddy);
	EXPECT(pool_alloc(&buddy, &other, 1, 1, 0, &run) == 0 && charged_is(0, 2));
	EXPECT(pool_free(&buddy, &other, &run) == 0);
	EXPECT(pool_free(&buddy, &other, &run2) == 0);
	end();
}

static void lowered_limit_takes_nothing_away(void)
{
	struct fp_run run, run2;

	begin(8);
	EXPECT(pool_alloc(&buddy, &owner, 3 * FP_HUGE_FRAMES, 1, 0, &run) == 0);
	limit = HUGE_BYTES;
	EXPECT(pool_alloc(&buddy, &owner, 1, 1, 0, &run2) == -EDQUOT && charged_is(3, 0));
	EXPECT(fp_buddy_free(&buddy, &owner, run.frame, run.nr, false) == 0);
	EXPECT(pool_alloc(&buddy, &owner, 1, 1, 0, &run2) == 0);
	EXPECT(pool_free(&buddy, &owner, &run2) == 0);
	end();
}

static void allocation_that_does_not_fit_charges_nothing(void)
{
	struct fp_run run, run2;

	begin(4);
	EXPECT(pool_alloc_at(&buddy, &owner, 2 * FP_HUGE_FRAMES, FP_HUGE_FRAMES, &run) == 0);
	EXPECT(pool_alloc(&buddy, &other, 3 * FP_HUGE_FRAMES, 1, 0, &run2) == -ENOSPC);
	EXPECT(pool_alloc(&buddy, &other, 4 * FP_HUGE_FRAMES, 1, 0, &run2) == -ENOMEM);
	EXPECT(pool_alloc_at(&buddy, &other, FP_HUGE_FRAMES, 2 * FP_HUGE_FRAMES,
				 &run2) == -EBUSY);
	EXPECT(charged_is(1, 0) && other.id == FP_NO_ID);
	EXPECT(pool_free(&buddy, &owner, &run) == 0);
	end();
}

/* By budget, by user, or in turns. */
static void quarantine_is_taken_of_who_is_asked_for(void)
{
	struct fp_budget *whose;
	struct fp_run run;
	u32 i, index[4];

	begin(6);
	EXPECT(pool_alloc(&buddy, &owner, 2 * FP_HUGE_FRAMES, 1, 0, &run) == 0);
	EXPECT(pool_free(&buddy, &owner, &run) == 0);
	EXPECT(pool_alloc(&buddy, &other, 2 * FP_HUGE_FRAMES, 1, 0, &run) == 0);
	EXPECT(pool_free(&buddy, &other, &run) == 0);
	for (i = 0; i < 2; i++) {
		index[i] = fp_buddy_quarantine_pop(&buddy, &sibling, FP_UNCLEARED, &whose);
		EXPECT(index[i] != FP_NIL && whose == &sibling);
	}
	EXPECT(fp_buddy_quarantine_pop(&buddy, &sibling, FP_UNCLEARED, &whose) == FP_NIL);
	EXPECT(fp_buddy_quarantine_pop(&buddy, &buddy.nobody, FP_UNCLEARED, &whose) == FP_NIL);
	for (i = 0; i < 2; i++)
		fp_buddy_quarantine_push(&buddy, &sibling, index[i]);
	pool_expect_sound(&buddy);
	index[0] = fp_buddy_quarantine_pop(&buddy, &user, FP_UNCLEARED, &whose);
	EXPECT(whose == &budget);
	fp_buddy_quarantine_push(&buddy, &budget, index[0]);
	for (i = 0; i < 3; i++) {
		index[i] = fp_buddy_quarantine_pop(&buddy, i < 2 ? NULL : &user, FP_REFERENCED,
						   &whose);
		EXPECT(index[i] != FP_NIL);
		fp_buddy_quarantine_release(&buddy, whose, index[i]);
		pool_expect_sound(&buddy);
	}
	EXPECT(charged_is(1, 0));
	end();
}

/* Whatever others have in quarantine: as many pops as there are huge frames see each once. */
static void one_pass_sees_each_referenced_huge_frame_once(void)
{
	u32 i, index, seen[64] = { 0 }, nr = 3 + 7 + 1;
	struct fp_budget third, *whose;
	struct fp_owner last;
	struct fp_run run;

	begin(16);
	fp_budget_init(&third, FP_HUGE_ORDER, NULL, NULL, 3);
	fp_owner_init(&last, &buddy, &third);
	EXPECT(pool_alloc(&buddy, &owner, 3 * FP_HUGE_FRAMES, 1, 0, &run) == 0);
	EXPECT(pool_free(&buddy, &owner, &run) == 0);
	EXPECT(pool_alloc(&buddy, &other, 7 * FP_HUGE_FRAMES, 1, 0, &run) == 0);
	EXPECT(pool_free(&buddy, &other, &run) == 0);
	EXPECT(pool_alloc(&buddy, &last, 1, 1, 0, &run) == 0);
	EXPECT(pool_free(&buddy, &last, &run) == 0);
	while ((index = fp_buddy_quarantine_pop(&buddy, NULL, FP_UNCLEARED, &whose)) != FP_NIL)
		fp_buddy_quarantine_push(&buddy, whose, index);
	for (i = 0; i < 3 * nr; i++) {
		index = fp_buddy_quarantine_pop(&buddy, NULL, FP_REFERENCED, &whose);
		seen[index]++;
		fp_buddy_quarantine_push(&buddy, whose, index);
		pool_expect_sound(&buddy);
		if (i % nr == nr - 1)
			for (u32 k = 0; k < 16; k++)
				EXPECT(!seen[k] || seen[k] == i / nr + 1);
	}
	end();
	EXPECT(!fp_buddy_is_charged(&buddy, &third));
}

static const struct test tests[] = {
	{ "small_blocks_are_charged_by_huge_frame", small_blocks_are_charged_by_huge_frame },
	{ "tail_of_a_run_is_charged_as_a_huge_frame", tail_of_a_run_is_charged_as_a_huge_frame },
	{ "quarantine_is_charged_until_released", quarantine_is_charged_until_released },
	{ "retired_huge_frame_is_charged_to_nobody", retired_huge_frame_is_charged_to_nobody },
	{ "kept_huge_frame_is_charged", kept_huge_frame_is_charged },
	{ "limit_of_a_client_bounds_its_huge_frames", limit_of_a_client_bounds_its_huge_frames },
	{ "limit_of_a_user_bounds_all_its_clients", limit_of_a_user_bounds_all_its_clients },
	{ "lowered_limit_takes_nothing_away", lowered_limit_takes_nothing_away },
	{ "allocation_that_does_not_fit_charges_nothing",
	  allocation_that_does_not_fit_charges_nothing },
	{ "quarantine_is_taken_of_who_is_asked_for", quarantine_is_taken_of_who_is_asked_for },
	{ "one_pass_sees_each_referenced_huge_frame_once",
	  one_pass_sees_each_referenced_huge_frame_once },
};

int main(int argc, char **argv)
{
	return test_main(argc, argv, tests, sizeof(tests) / sizeof(*tests));
}
