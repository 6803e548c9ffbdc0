// SPDX-License-Identifier: GPL-2.0-only
/*
 * Each invariant is broken by hand, in each way that fp_buddy_verify() tells apart: it must name
 * that invariant. No other test of the buddy changes its structures.
 */
#include "pool.h"
#include "test.h"

static struct fp_buddy buddy;
static struct fp_owner owner, other;

/*
 * What begin() makes of the huge frames of the pool, by index. In the first two extents the index
 * is also the position in the bit trees. The last extent gives the bit trees a second level.
 */
enum {
	EMPTY4 = 0,		/* a block of four */
	RUN = 4,
	BODY = 5,
	TAIL = 6,		/* owned: begins with the end of that run */
	EMPTY1 = 7,
	EMPTY2 = 8,		/* a block of two */
	QUARANTINED = 10,
	OWNED = 11,
	PADDING = 12,		/* a position only */
};

static void set_state(u32 index, enum fp_huge_state state)
{
	fp_huge_set(&buddy.huge[index], state, FP_NO_ID, FP_NIL, FP_NIL);
}

static const struct extent extents[] = { { 8, 8 }, { 32, 4 }, { 64, 128 } };

static struct fp_bittree *tree(u32 level)
{
	return &buddy.map.level[level].tree;
}

static void begin(void)
{
	struct fp_run run;

	pool_init(&buddy, extents, 3);
	fp_owner_init(&owner, &buddy, NULL);
	fp_owner_init(&other, &buddy, NULL);
	EXPECT(pool_alloc(&buddy, &owner, 8, 1, 0, &run) == 0);
	EXPECT(run.frame == OWNED * FP_HUGE_FRAMES);
	EXPECT(pool_alloc(&buddy, &other, 2 * FP_HUGE_FRAMES + 7, 1, 0, &run) == 0);
	EXPECT(run.frame == RUN * FP_HUGE_FRAMES);
	EXPECT(pool_alloc(&buddy, &owner, FP_HUGE_FRAMES, 1, 0, &run) == 0);
	EXPECT(run.frame == QUARANTINED * FP_HUGE_FRAMES);
	EXPECT(fp_buddy_free(&buddy, &owner, run.frame, run.nr, true) == 0);
	EXPECT(fp_bittree_test(tree(0), EMPTY1));
	EXPECT(fp_bittree_test(tree(1), EMPTY2 >> 1));
	EXPECT(fp_bittree_test(tree(2), EMPTY4 >> 2));
	pool_expect_sound(&buddy);
}

/* Does @damage to what begin() has made: fp_buddy_verify() must say @text. */
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

static void record_padding(void)
{
	fp_bittree_set(tree(0), PADDING);
}

static void record_beyond_extent(void)
{
	fp_bittree_set(tree(3), EMPTY2 >> 3);
}

static void record_misaligned_pfn(void)
{
	buddy.map.extents[1].hpfn++;
}

static void record_beyond_end(void)
{
	fp_bittree_set(tree(0), tree(0)->nr - 1);
}

static void h1_block(void)
{
	expect_named("H1: recorded block is not a block", record_padding);
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
	set_state(EMPTY4 + 3, FP_HUGE_RUN);
}

static void empty_without_record(void)
{
	set_state(QUARANTINED, FP_HUGE_EMPTY);
}

static void b1_empty_if_recorded(void)
{
	expect_named("B1: recorded huge frame is not empty", run_in_recorded_block);
	expect_named("B1: empty huge frame is not recorded", empty_without_record);
}

static void list_one_more(void)
{
	owner.classes ^= 1;
}

static u32 class_of(u32 index)
{
	return fp_owner_class(fp_frames_nr_free(&buddy.frames[index]));
}

static void lose_head_of_list(void)
{
	owner.heads[class_of(OWNED)] = FP_NIL;
	owner.classes = 0;
	owner.nr_free = 0;
}

static void list_under_another_class(void)
{
	owner.heads[class_of(OWNED)] = FP_NIL;
	owner.heads[0] = OWNED;
	owner.classes = 1;
}

static void list_anothers(void)
{
	fp_huge_set_next(&buddy.huge[OWNED], TAIL);
	fp_huge_set_prev(&buddy.huge[TAIL], OWNED);
}

static void point_beyond_end(void)
{
	fp_huge_set_next(&buddy.huge[OWNED], buddy.map.nr);
}

static void point_to_one_that_does_not_point_back(void)
{
	fp_huge_set_next(&buddy.huge[OWNED], QUARANTINED);
}

static void point_to_itself(void)
{
	fp_huge_set_next(&buddy.huge[OWNED], OWNED);
	fp_huge_set_prev(&buddy.huge[OWNED], OWNED);
}

static void b2_owned(void)
{
	expect_named("B2: huge frame is not on its owner's list", lose_head_of_list);
	expect_named("B2: huge frame is on the list of another class", list_under_another_class);
	expect_named("B2: an owner's list is broken", list_anothers);
	expect_named("B2: an owner's list is broken", point_beyond_end);
	expect_named("B2: an owner's list is broken", point_to_one_that_does_not_point_back);
	expect_named("B2: an owner's list is broken", point_to_itself);
	expect_named("B2: an owner's set of lists is wrong", list_one_more);
}

static void continue_a_free_frame(void)
{
	fp_frames_take(&buddy.frames[OWNED], 100, 1, false);
}

static void f1_continues(void)
{
	expect_named("F1: frame continues a free one", continue_a_free_frame);
}

static void begin_without_head(void)
{
	buddy.frames[OWNED].aux[0] &= ~1ULL;
}

static void lose_first_of_run(void)
{
	set_state(RUN, FP_HUGE_QUARANTINED);
}

static void quarantine_body(void)
{
	set_state(BODY, FP_HUGE_QUARANTINED);
}

static void set_run(u32 id, u32 rest, u32 whole)
{
	fp_huge_set(&buddy.huge[RUN], FP_HUGE_RUN, id, rest, whole);
}

static void run_into_next_extent(void)
{
	set_run(other.id, 7, EMPTY2 - RUN);
}

static void run_of_nothing(void)
{
	set_run(other.id, 7, 0);
}

static void run_beyond_end(void)
{
	set_run(other.id, 7, buddy.map.nr);
}

static void run_of_nobody(void)
{
	set_run(FP_NO_ID, 7, 2);
}

static void tail_of_another_owner(void)
{
	set_run(owner.id, 7, 2);
}

static void tail_of_another_length(void)
{
	set_run(other.id, 6, 2);
}

static void rest_of_a_whole(void)
{
	set_run(other.id, FP_HUGE_FRAMES, 2);
}

static void body_after_run(void)
{
	set_state(QUARANTINED, FP_HUGE_BODY);
}

static void b3_runs(void)
{
	expect_named("B3: frame 0 continues nothing", begin_without_head);
	expect_named("B3: body without a run", lose_first_of_run);
	expect_named("B3: body without a run", body_after_run);
	expect_named("B3: run is not what it says", quarantine_body);
	expect_named("B3: run is not what it says", run_into_next_extent);
	expect_named("B3: run is not what it says", run_of_nothing);
	expect_named("B3: run is not what it says", run_beyond_end);
	expect_named("B3: run is not what it says", run_of_nobody);
	expect_named("B3: run is not what it says", tail_of_another_owner);
	expect_named("B3: run is not what it says", tail_of_another_length);
	expect_named("B3: run is not what it says", rest_of_a_whole);
}

static void count_a_kept_one_more(void)
{
	owner.nr_kept++;
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

static void retire_one_less(void)
{
	buddy.nr_retired++;
}

static void keep_in_secret(void)
{
	owner.is_keeper = true;
}

static struct fp_queue *queue(void)
{
	return &buddy.nobody.queues[FP_UNCLEARED];
}

static void queue_one_more(void)
{
	queue()->nr++;
}

static void queue_an_empty_one(void)
{
	queue()->first = EMPTY1;
}

static void queue_without_end(void)
{
	queue()->last = OWNED;
}

static void queue_one_twice(void)
{
	buddy.nobody.queues[FP_REFERENCED] = *queue();
	list_add_tail(&buddy.nobody.queues[FP_REFERENCED].all, &buddy.queues[FP_REFERENCED]);
}

static void queue_nothing(void)
{
	queue()->nr = 0;
}

static void queue_anothers(void)
{
	buddy.nobody.label = 5;
}

static void forget_a_queue(void)
{
	list_del(&queue()->all);
}

static void b6_queues(void)
{
	expect_named("B6: a queue of quarantined huge frames is broken", queue_one_more);
	expect_named("B6: a queue of quarantined huge frames is broken", queue_an_empty_one);
	expect_named("B6: a queue of quarantined huge frames is broken", queue_without_end);
	expect_named("B6: a queue of quarantined huge frames is broken", queue_one_twice);
	expect_named("B6: a queue of quarantined huge frames is broken", queue_nothing);
	expect_named("B6: a queue of quarantined huge frames is broken", queue_anothers);
	expect_named("B6: a queue of quarantined huge frames is broken", forget_a_queue);
}

static void b4_counts(void)
{
	expect_named("B4: wrong count of an owner's free frames", count_a_free_frame_more);
	expect_named("B4: wrong count of an owner's kept huge frames", count_a_kept_one_more);
	expect_named("B4: wrong count of huge frames of the owners", count_a_huge_frame_more);
	expect_named("B4: wrong count of quarantined huge frames", count_a_quarantined_one_less);
	expect_named("B4: wrong count of retired huge frames", retire_one_less);
	expect_named("B4: keeper is on no list", keep_in_secret);
}

static void give_id_away(void)
{
	fp_bittree_set(&buddy.ids, owner.id - buddy.nr_fixed);
}

static void keep_id_without_reason(void)
{
	owner.id = other.id + 1;
	owner.nr_huge = 0;
}

static void lose_an_id(void)
{
	fp_bittree_clear(&buddy.ids, fp_bittree_first(&buddy.ids));
}

static void b5_ids(void)
{
	expect_named("B5: id is nobody's and somebody's", give_id_away);
	expect_named("B5: id is two owners' or nobody's", lose_an_id);
	expect_named("B2: an owner's list is broken", keep_id_without_reason);
}

static void charge_nobody_for_one_more(void)
{
	buddy.nobody.charged++;
}

static void charge_a_client_for_one_less(void)
{
	static struct fp_budget budget;

	fp_budget_init(&budget, NULL, NULL, 1);
	budget.charged = owner.nr_huge - 1;
	buddy.nobody.charged -= owner.nr_huge;
	owner.budget = &budget;
}

static void charge_the_user_for_less(void)
{
	static struct fp_budget budget, parent;

	fp_budget_init(&parent, NULL, NULL, 0);
	fp_budget_init(&budget, &parent, NULL, 1);
	budget.charged = owner.nr_huge;
	parent.charged = owner.nr_huge - 1;
	buddy.nobody.charged -= owner.nr_huge;
	owner.budget = &budget;
}

static void c1_charge(void)
{
	expect_named("C1: wrong charge", charge_nobody_for_one_more);
	expect_named("C1: wrong charge", charge_a_client_for_one_less);
	expect_named("C1: wrong charge", charge_the_user_for_less);
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
	{ "verify_names_broken_B5_ids", b5_ids },
	{ "verify_names_broken_B6_queues", b6_queues },
	{ "verify_names_broken_C1_charge", c1_charge },
};

int main(int argc, char **argv)
{
	return test_main(argc, argv, tests, sizeof(tests) / sizeof(*tests));
}
