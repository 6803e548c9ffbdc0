// SPDX-License-Identifier: GPL-2.0-only
/*
 * Each invariant is broken by hand, in each way that fp_buddy_verify() tells apart: it must
 * name that invariant. The only test that looks into the structures.
 */
#include "pool.h"
#include "test.h"

/*
 * The indices of the pool's huge frames, and what begin() has made of them. The last
 * extent is there to give the bit trees a second level.
 */
enum {
	EMPTY4 = 0,		/* a block of four */
	RUN = 4,
	BODY = 5,
	TAIL = 6,		/* owned: begins with the rest of that run */
	EMPTY1 = 7,
	EMPTY2 = 8,		/* a block of two */
	QUARANTINED = 10,
	OWNED = 11,
	ABSENT = 12,
};

static const struct extent extents[] = { { 8, 8 }, { 32, 4 }, { 64, 128 } };

static struct fp_buddy buddy;
static struct fp_owner owner, other;

static struct fp_bittree *tree(u32 level)
{
	return &buddy.map.level[level].tree;
}

static void begin(void)
{
	struct fp_run run;

	pool_init(&buddy, extents, 3);
	fp_owner_init(&owner, &buddy);
	fp_owner_init(&other, &buddy);
	EXPECT(pool_alloc(&buddy, &owner, 8, 1, 0, &run) == 0);
	EXPECT(run.frame == OWNED * FP_HUGE_FRAMES);
	EXPECT(pool_alloc(&buddy, &other, 2 * FP_HUGE_FRAMES + 7, 1, 0, &run) == 0);
	EXPECT(run.frame == RUN * FP_HUGE_FRAMES);
	EXPECT(pool_alloc(&buddy, &owner, FP_HUGE_FRAMES, 1, 0, &run) == 0);
	EXPECT(run.frame == QUARANTINED * FP_HUGE_FRAMES);
	EXPECT(fp_buddy_free(&buddy, &owner, run.frame, run.nr, true) == 1);
	EXPECT(fp_bittree_test(tree(0), EMPTY1));
	EXPECT(fp_bittree_test(tree(1), EMPTY2 >> 1));
	EXPECT(fp_bittree_test(tree(2), EMPTY4 >> 2));
	EXPECT(buddy.huge[ABSENT].state == FP_HUGE_ABSENT);
	pool_expect_sound(&buddy);
}

/* Break what begin() has made by @damage, and see what verify calls it. */
static void expect_named(const char *text, void (*damage)(void))
{
	const char *broken;

	begin();
	damage();
	broken = fp_buddy_verify(&buddy);
	if (!broken || strcmp(broken, text))
		printf("# said: %s\n", broken ? broken : "nothing");
	EXPECT(broken && !strcmp(broken, text));
	fp_buddy_fini(&buddy);
}

static void clear_summary(void)
{
	tree(0)->level[1][0] = 0;
}

static void set_summary_of_nothing(void)
{
	tree(1)->level[1][0] |= 2;
}

static void t1_summary(void)
{
	expect_named("T1: summary of a bit tree is wrong", clear_summary);
	expect_named("T1: summary of a bit tree is wrong", set_summary_of_nothing);
}

static void record_absent(void)
{
	fp_bittree_set(tree(0), ABSENT);
}

static void record_beyond_extent(void)
{
	fp_bittree_set(tree(3), EMPTY2 >> 3);
}

static void record_misaligned_pfn(void)
{
	buddy.map.hpfn[EMPTY2]++;
}

static void record_beyond_end(void)
{
	fp_bittree_set(tree(0), buddy.map.nr);
}

static void h1_block(void)
{
	expect_named("H1: recorded block is not a block", record_absent);
	expect_named("H1: recorded block is not a block", record_beyond_extent);
	expect_named("H1: recorded block is not a block", record_misaligned_pfn);
	expect_named("H1: recorded block is not a block", record_beyond_end);
}

static void record_upper_half_too(void)
{
	fp_bittree_set(tree(0), EMPTY2 + 1);
	buddy.map.level[0].count++;
}

static void h2_overlap(void)
{
	expect_named("H2: recorded blocks overlap", record_upper_half_too);
}

static void record_halves_instead(void)
{
	fp_bittree_clear(tree(1), EMPTY2 >> 1);
	fp_bittree_set(tree(0), EMPTY2);
	fp_bittree_set(tree(0), EMPTY2 + 1);
}

static void h3_coalesced(void)
{
	expect_named("H3: two free buddies are not merged", record_halves_instead);
}

static void count_a_block_more(void)
{
	buddy.map.level[2].count++;
}

static void count_an_empty_one_less(void)
{
	buddy.map.nr_empty--;
}

static void h4_counts(void)
{
	expect_named("H4: wrong count of blocks", count_a_block_more);
	expect_named("H4: wrong count of empty huge frames", count_an_empty_one_less);
}

static void run_in_recorded_block(void)
{
	buddy.huge[EMPTY4 + 3].state = FP_HUGE_RUN;
}

static void empty_without_record(void)
{
	buddy.huge[QUARANTINED].state = FP_HUGE_EMPTY;
}

static void b1_empty_if_recorded(void)
{
	expect_named("B1: recorded huge frame is not empty", run_in_recorded_block);
	expect_named("B1: empty huge frame is not recorded", empty_without_record);
}

static void count_a_free_frame_less(void)
{
	buddy.huge[OWNED].nr_free--;
}

static void own_a_free_huge_frame(void)
{
	fp_frames_init(&buddy.huge[OWNED].frames);
	buddy.huge[OWNED].nr_free = FP_HUGE_FRAMES;
}

static void lose_head_of_list(void)
{
	owner.heads[fp_owner_class(buddy.huge[OWNED].nr_free)] = FP_NIL;
}

static void list_under_another_class(void)
{
	owner.heads[fp_owner_class(buddy.huge[OWNED].nr_free)] = FP_NIL;
	owner.heads[0] = OWNED;
}

static void follow_another_owners(void)
{
	buddy.huge[OWNED].prev = TAIL;
	buddy.huge[TAIL].next = OWNED;
}

static void point_beyond_end(void)
{
	buddy.huge[OWNED].next = buddy.map.nr;
}

static void point_to_one_that_does_not_point_back(void)
{
	buddy.huge[OWNED].next = QUARANTINED;
	buddy.huge[QUARANTINED].prev = FP_NIL;
}

static void b2_owned(void)
{
	expect_named("B2: wrong count of free frames", count_a_free_frame_less);
	expect_named("B2: owned huge frame is wholly free", own_a_free_huge_frame);
	expect_named("B2: huge frame is not on its owner's list", lose_head_of_list);
	expect_named("B2: huge frame is not on its owner's list", list_under_another_class);
	expect_named("B2: huge frame is not on its owner's list", follow_another_owners);
	expect_named("B2: huge frame is not on its owner's list", point_beyond_end);
	expect_named("B2: huge frame is not on its owner's list",
		     point_to_one_that_does_not_point_back);
}

static void continue_a_free_frame(void)
{
	fp_frames_take(&buddy.huge[OWNED].frames, 100, 1, false);
	buddy.huge[OWNED].nr_free--;
}

static void f1_continues(void)
{
	expect_named("F1: frame continues a free one", continue_a_free_frame);
}

static void begin_without_head(void)
{
	buddy.huge[OWNED].frames.aux[0] &= ~1ULL;
}

static void lose_first_of_run(void)
{
	buddy.huge[RUN].state = FP_HUGE_QUARANTINED;
}

static void quarantine_body(void)
{
	buddy.huge[BODY].state = FP_HUGE_QUARANTINED;
}

static void tear_run_apart(void)
{
	buddy.map.hpfn[BODY] += 100;
}

static void run_of_nothing(void)
{
	buddy.huge[RUN].next = 0;
}

static void run_beyond_end(void)
{
	buddy.huge[RUN].next = buddy.map.nr;
}

static void run_of_nobody(void)
{
	buddy.huge[RUN].owner = NULL;
}

static void tail_of_another_owner(void)
{
	buddy.huge[RUN].owner = &owner;
}

static void tail_of_another_length(void)
{
	buddy.huge[RUN].nr_free--;
}

static void body_after_run(void)
{
	buddy.huge[QUARANTINED].state = FP_HUGE_BODY;
}

static void b3_runs(void)
{
	expect_named("B3: frame 0 continues nothing", begin_without_head);
	expect_named("B3: body without a run", lose_first_of_run);
	expect_named("B3: body without a run", body_after_run);
	expect_named("B3: run is not what it says", quarantine_body);
	expect_named("B3: run is not what it says", tear_run_apart);
	expect_named("B3: run is not what it says", run_of_nothing);
	expect_named("B3: run is not what it says", run_beyond_end);
	expect_named("B3: run is not what it says", run_of_nobody);
	expect_named("B3: run is not what it says", tail_of_another_owner);
	expect_named("B3: run is not what it says", tail_of_another_length);
}

static void count_a_free_frame_more(void)
{
	owner.nr_free++;
}

static void count_a_huge_frame_more(void)
{
	other.nr_huge++;
}

static void count_a_quarantined_one_less(void)
{
	buddy.nr_quarantined--;
}

static void b4_counts(void)
{
	expect_named("B4: wrong counts of an owner", count_a_free_frame_more);
	expect_named("B4: wrong counts of an owner", count_a_huge_frame_more);
	expect_named("B4: wrong count of quarantined huge frames", count_a_quarantined_one_less);
}

static const struct test tests[] = {
	{ "verify_names_broken_T1_summary", t1_summary },
	{ "verify_names_broken_H1_block", h1_block },
	{ "verify_names_broken_H2_overlap", h2_overlap },
	{ "verify_names_broken_H3_coalesced", h3_coalesced },
	{ "verify_names_broken_H4_counts", h4_counts },
	{ "verify_names_broken_F1_continues", f1_continues },
	{ "verify_names_broken_B1_empty_if_recorded", b1_empty_if_recorded },
	{ "verify_names_broken_B2_owned", b2_owned },
	{ "verify_names_broken_B3_runs", b3_runs },
	{ "verify_names_broken_B4_counts", b4_counts },
};

int main(int argc, char **argv)
{
	return test_main(argc, argv, tests, sizeof(tests) / sizeof(*tests));
}
