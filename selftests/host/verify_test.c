// SPDX-License-Identifier: GPL-2.0-only
/*
 * Each invariant is broken by hand, in each way that fp_buddy_verify() tells apart: it must name
 * that invariant. No other test of the buddy changes its structures.
 */
#include "pool.h"
#include "test.h"

static struct fp_buddy buddy;
static struct fp_owner owner, other;

/* What begin() makes of the huge frames of the pool, by index. */
enum {
	EMPTY4 = 0,		/* a run of four */
	RUN = 4,
	BODY = 5,
	TAIL = 6,		/* owned: begins with the end of that run */
	EMPTY1 = 7,
	EMPTY2 = 8,		/* a run of two, in the second extent */
	QUARANTINED = 10,
	OWNED = 11,
	LONG = 12,		/* a run of 128: the third extent */
	SECOND = 140,		/* a run of 100: the fourth */
};

static void set_state(u32 index, enum fp_huge_state state)
{
	fp_huge_set(&buddy.runs.huge[index], state, FP_NO_ID, FP_NIL, FP_NIL);
}

static const struct extent extents[] = { { 8, 8 }, { 32, 4 }, { 64, 128 }, { 200, 100 } };

static struct fp_bittree *tree(u32 length)
{
	return &buddy.runs.of_length[length - 1];
}

static void begin(void)
{
	const u64 huge = FP_HUGE_FRAMES;
	struct fp_run run;

	pool_init(&buddy, extents, 4);
	fp_owner_init(&owner, &buddy, NULL);
	fp_owner_init(&other, &buddy, NULL);
	EXPECT(pool_alloc_at(&buddy, &owner, OWNED * huge, 8, &run) == 0);
	EXPECT(pool_alloc_at(&buddy, &other, RUN * huge, 2 * huge + 7, &run) == 0);
	EXPECT(pool_alloc_at(&buddy, &owner, QUARANTINED * huge, huge, &run) == 0);
	EXPECT(fp_buddy_free(&buddy, &owner, run.frame, run.nr, true) == 0);
	EXPECT(fp_bittree_test(tree(1), EMPTY1));
	EXPECT(fp_bittree_test(tree(2), EMPTY2 >> 1));
	EXPECT(fp_bittree_test(tree(4), EMPTY4 >> 2));
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

static void set_length(u32 index, enum fp_huge_state state, u32 length)
{
	fp_huge_set(&buddy.runs.huge[index], state, FP_NO_ID, FP_NIL, length);
}

static void own_inside_of_empty_run(void)
{
	set_state(EMPTY4 + 1, FP_HUGE_OWNED);
}

static void empty_run_beyond_extent(void)
{
	set_length(EMPTY1, FP_HUGE_EMPTY, 2);
}

static void empty_run_of_nothing(void)
{
	set_length(EMPTY1, FP_HUGE_EMPTY, 0);
}

static void another_length_at_the_end(void)
{
	set_length(EMPTY4 + 3, FP_HUGE_EMPTY_END, 3);
}

static void two_runs_side_by_side(void)
{
	set_length(EMPTY2, FP_HUGE_EMPTY, 1);
	set_length(EMPTY2 + 1, FP_HUGE_EMPTY, 1);
	buddy.runs.begins[0] |= 1 << (EMPTY2 + 1);
	fp_bittree_set(tree(1), EMPTY2);
	fp_bittree_set(tree(1), EMPTY2 + 1);
	fp_bittree_clear(tree(2), EMPTY2 >> 1);
	buddy.runs.lengths &= ~2ULL;
}

static void r1_runs(void)
{
	expect_named("R1: a run is not what it says", own_inside_of_empty_run);
	expect_named("R1: a run is not what it says", empty_run_beyond_extent);
	expect_named("R1: a run is not what it says", empty_run_of_nothing);
	expect_named("R1: a run is not what it says", another_length_at_the_end);
	expect_named("R1: a run is not what it says", two_runs_side_by_side);
}

static void begin_nowhere(void)
{
	buddy.runs.begins[0] &= ~(1ULL << EMPTY2);
}

static void begin_inside(void)
{
	buddy.runs.begins[0] |= 1 << BODY;
}

static void empty_without_record(void)
{
	set_state(QUARANTINED, FP_HUGE_EMPTY);
}

static void count_an_empty_one_less(void)
{
	buddy.runs.nr_empty--;
}

static void r2_by_address(void)
{
	expect_named("R2: a run begins elsewhere", begin_nowhere);
	expect_named("R2: a run begins elsewhere", begin_inside);
	expect_named("R1: a run is not what it says", empty_without_record);
	expect_named("R2: wrong count of empty huge frames", count_an_empty_one_less);
}

static void list_under_another_length(void)
{
	fp_bittree_clear(tree(4), EMPTY4 >> 2);
	fp_bittree_set(tree(3), EMPTY4 >> 1);
	buddy.runs.lengths ^= 12;
}

static void list_one_that_is_none(void)
{
	fp_bittree_set(tree(1), QUARANTINED);
}

static void r3_by_length(void)
{
	expect_named("R3: a run is not in the tree of its length", list_under_another_length);
	expect_named("R3: a tree has a run that is none", list_one_that_is_none);
}

static void forget_a_length(void)
{
	buddy.runs.lengths &= ~1ULL;
}

static void clear_summary_of_length(void)
{
	tree(1)->level[1][0] = 0;
}

static void mistake_the_lowest(void)
{
	fp_huge_set_next(&buddy.runs.huge[buddy.runs.root + 2], SECOND);
}

static void mistake_the_parent(void)
{
	fp_huge_set_prev(&buddy.runs.huge[buddy.runs.root + 2], LONG);
}

static void exchange_the_children(void)
{
	struct fp_huge *children = &buddy.runs.huge[buddy.runs.root + 1];

	fp_huge_set_inside(children, fp_huge_next(children), fp_huge_prev(children));
}

static void r4_trees(void)
{
	expect_named("R4: a tree of runs is broken", forget_a_length);
	expect_named("R4: a tree of runs is broken", clear_summary_of_length);
	expect_named("R4: a tree of runs is broken", mistake_the_lowest);
	expect_named("R4: a tree of runs is broken", mistake_the_parent);
	expect_named("R4: a tree of runs is broken", exchange_the_children);
}

static void inside_of_nothing(void)
{
	set_state(QUARANTINED, FP_HUGE_INSIDE);
}

static void end_of_nothing(void)
{
	set_state(QUARANTINED, FP_HUGE_EMPTY_END);
}

static void lose_first_of_run(void)
{
	set_state(RUN, FP_HUGE_RETIRED);
}

static void quarantine_what_is_owned(void)
{
	fp_huge_set(&buddy.runs.huge[QUARANTINED], FP_HUGE_QUARANTINED, 1 << 10, 0, FP_NIL);
	buddy.runs.huge[QUARANTINED].word |= FP_HUGE_LONG;
}

static void quarantine_beyond_extent(void)
{
	fp_huge_set_quarantined(&buddy.runs.huge[QUARANTINED], 1, FP_NO_LABEL, FP_NIL);
	buddy.runs.huge[QUARANTINED].word |= FP_HUGE_LONG;
	fp_huge_set_next(&buddy.runs.huge[OWNED], 3);
}

static void b1_inside(void)
{
	expect_named("B1: inside of nothing", inside_of_nothing);
	expect_named("R1: a run is not what it says", end_of_nothing);
	expect_named("B1: inside of nothing", lose_first_of_run);
	expect_named("B1: run in quarantine is not what it says", quarantine_what_is_owned);
	expect_named("B1: run in quarantine is not what it says", quarantine_beyond_extent);
}

static void list_one_more(void)
{
	owner.classes ^= 1;
}

static u32 class_of(u32 index)
{
	return fp_owner_class(&buddy, fp_frames_nr_free(fp_buddy_frames(&buddy, index)));
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
	fp_huge_set_next(&buddy.runs.huge[OWNED], TAIL);
	fp_huge_set_prev(&buddy.runs.huge[TAIL], OWNED);
}

static void point_beyond_end(void)
{
	fp_huge_set_next(&buddy.runs.huge[OWNED], buddy.runs.extents.nr_huge);
}

static void point_to_one_that_does_not_point_back(void)
{
	fp_huge_set_next(&buddy.runs.huge[OWNED], QUARANTINED);
}

static void point_to_itself(void)
{
	fp_huge_set_next(&buddy.runs.huge[OWNED], OWNED);
	fp_huge_set_prev(&buddy.runs.huge[OWNED], OWNED);
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
	fp_frames_take(fp_buddy_frames(&buddy, OWNED), FP_HUGE_FRAMES - 2, 1, false);
}

static void f1_continues(void)
{
	expect_named("F1: frame continues a free one", continue_a_free_frame);
}

static void begin_without_head(void)
{
	fp_frames_aux(fp_buddy_frames(&buddy, OWNED))[0] &= ~1ULL;
}

static void quarantine_body(void)
{
	set_state(BODY, FP_HUGE_QUARANTINED);
}

static void set_run(u32 id, u32 rest, u32 whole)
{
	fp_huge_set(&buddy.runs.huge[RUN], FP_HUGE_RUN, id, rest, whole);
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
	set_run(other.id, 7, buddy.runs.extents.nr_huge);
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

static void b3_runs(void)
{
	expect_named("B3: frame 0 continues nothing", begin_without_head);
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

static void count_a_free_frame_more_in_all(void)
{
	this_cpu_add(*buddy.nr_owned_free, 1);
}

static void mistake_a_label(void)
{
	buddy.labels[owner.id - buddy.nr_fixed]++;
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
	expect_named("B4: wrong count of all owners' free frames", count_a_free_frame_more_in_all);
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
	expect_named("B5: id is nobody's and somebody's", mistake_a_label);
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

	fp_budget_init(&budget, FP_HUGE_ORDER, NULL, NULL, FP_NO_LABEL);
	budget.charged = owner.nr_huge - 1;
	buddy.nobody.charged -= owner.nr_huge;
	owner.budget = &budget;
}

static void charge_the_user_for_less(void)
{
	static struct fp_budget budget, parent;

	fp_budget_init(&parent, FP_HUGE_ORDER, NULL, NULL, 0);
	fp_budget_init(&budget, FP_HUGE_ORDER, &parent, NULL, FP_NO_LABEL);
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
	{ "verify_names_broken_R1_runs", r1_runs },
	{ "verify_names_broken_R2_by_address", r2_by_address },
	{ "verify_names_broken_R3_by_length", r3_by_length },
	{ "verify_names_broken_R4_trees", r4_trees },
	{ "verify_names_broken_F1_continues", f1_continues },
	{ "verify_names_broken_B1_inside", b1_inside },
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
