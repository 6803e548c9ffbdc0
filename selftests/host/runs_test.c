// SPDX-License-Identifier: GPL-2.0-only
/* The index of empty huge frames: by hand, and against a model that looks at every huge frame. */
#include "core/runs.h"
#include "test.h"

#define NR	6000

static struct fp_runs runs;
static u32 hpfns[NR];
static bool empty[NR];

/* Extents of these lengths, each of which begins @gap huge frames after the end of the last. */
static u32 lay_out(const u32 *lengths, u32 nr, u32 first, u32 gap)
{
	u32 i, j, at = 0;

	for (i = 0; i < nr; i++, first += gap)
		for (j = 0; j < lengths[i]; j++)
			hpfns[at++] = first++;
	return at;
}

static void begin(const u32 *lengths, u32 nr_extents, u32 first, u32 gap)
{
	u32 nr = lay_out(lengths, nr_extents, first, gap), i;

	memset(&runs, 0, sizeof(runs));
	EXPECT(fp_runs_init(&runs, hpfns, nr) == 0);
	for (i = 0; i < nr; i++) {
		EXPECT(fp_extents_hpfn(&runs.extents, i) == hpfns[i]);
		EXPECT(fp_extents_find(&runs.extents, hpfns[i]) == i);
		empty[i] = true;
	}
	EXPECT(!fp_runs_verify(&runs));
}

static void begin_one(u32 nr, u32 first)
{
	begin(&nr, 1, first, 0);
}

static u32 take(u32 nr, u32 align_level, u32 last_hpfn, bool high)
{
	struct fp_runs_request request = {
		.nr = nr, .align_level = align_level, .last_hpfn = last_hpfn, .high = high,
	};
	u32 index;
	int ret;

	do
		ret = fp_runs_take(&runs, &request, &index);
	while (ret == -EAGAIN);
	EXPECT(!ret || ret == -ENOSPC);
	return ret ? FP_NIL : index;
}

static void lengths_lie_side_by_side(void)
{
	u32 i;

	begin_one(NR, 0);
	for (i = 0; i < NR / 17; i++)
		EXPECT(take(17, 0, FP_NO_LIMIT, true) == NR - 17 * (i + 1));
	EXPECT(take(17, 0, FP_NO_LIMIT, true) == FP_NIL);
	EXPECT(runs.nr_empty == NR % 17 && fp_runs_longest(&runs) == NR % 17);
	EXPECT(!fp_runs_verify(&runs));
	fp_runs_fini(&runs);
}

static void shortest_that_fits_is_taken(void)
{
	begin_one(400, 0);
	EXPECT(fp_runs_take_at(&runs, 10, 1));	/* 10, 99, 100, 188 */
	EXPECT(fp_runs_take_at(&runs, 110, 1));
	EXPECT(fp_runs_take_at(&runs, 211, 1));
	EXPECT(take(90, 0, FP_NO_LIMIT, true) == 20);
	EXPECT(take(90, 0, FP_NO_LIMIT, false) == 111);
	EXPECT(take(90, 0, FP_NO_LIMIT, false) == 212);
	EXPECT(take(9, 0, FP_NO_LIMIT, false) == 11);
	EXPECT(take(10, 0, FP_NO_LIMIT, true) == 201);
	EXPECT(take(99, 0, FP_NO_LIMIT, true) == FP_NIL);
	EXPECT(take(98, 0, FP_NO_LIMIT, true) == 302);
	EXPECT(take(11, 0, FP_NO_LIMIT, true) == FP_NIL);
	EXPECT(runs.nr_empty == 10);
	EXPECT(!fp_runs_verify(&runs));
	fp_runs_fini(&runs);
}

static void extents_are_not_merged(void)
{
	static const u32 lengths[] = { 3, 4, 100, 1 };
	u32 i;

	begin(lengths, 4, 1000, 0);	/* Neighbours in memory are one extent. */
	EXPECT(runs.extents.nr == 1);
	fp_runs_fini(&runs);
	begin(lengths, 4, 1000, 1);
	EXPECT(runs.extents.nr == 4 && fp_runs_longest(&runs) == 100);
	EXPECT(fp_extents_contiguous(&runs.extents, 5) == 2);
	EXPECT(fp_extents_find(&runs.extents, 999) == FP_NO_HUGE);
	EXPECT(fp_extents_find(&runs.extents, 1003) == FP_NO_HUGE);
	EXPECT(fp_extents_find(&runs.extents, ~0ULL) == FP_NO_HUGE);
	EXPECT(fp_extents_last(&runs.extents, 999) == FP_NO_HUGE);
	EXPECT(fp_extents_last(&runs.extents, 1003) == 2);
	EXPECT(fp_extents_last(&runs.extents, 1004) == 3);
	for (i = 0; i < 108; i++)
		EXPECT(fp_runs_take_at(&runs, i, 1));
	EXPECT(!runs.nr_empty && !fp_runs_longest(&runs));
	for (i = 108; i--;)
		fp_runs_put(&runs, i, 1);
	EXPECT(fp_runs_longest(&runs) == 100 && !fp_runs_verify(&runs));
	fp_runs_fini(&runs);
}

static void limit_is_met(void)
{
	begin_one(300, 100);
	EXPECT(fp_runs_take_at(&runs, 70, 1));		/* 70 and 229 */
	EXPECT(take(70, 0, 99, false) == FP_NIL);
	EXPECT(take(100, 0, 170, false) == FP_NIL);
	EXPECT(take(100, 0, 171, false) == 71);		/* 70 and 129 */
	EXPECT(take(60, 0, 105, true) == 5);		/* 5, 5 and 129 */
	EXPECT(take(6, 0, 170, false) == FP_NIL);
	EXPECT(take(5, 0, 100, false) == 0);
	EXPECT(take(1, 0, 164, false) == FP_NIL);
	EXPECT(take(1, 0, 165, false) == 65);
	EXPECT(!fp_runs_verify(&runs));
	fp_runs_fini(&runs);
}

static void alignment_is_of_the_address(void)
{
	u32 i;

	begin_one(64, 5);
	EXPECT(take(4, 3, FP_NO_LIMIT, false) == 3);	/* 3, 7 */
	EXPECT(take(4, 2, FP_NO_LIMIT, true) == 59);	/* 64 */
	EXPECT(take(64, 6, FP_NO_LIMIT, true) == FP_NIL);
	EXPECT(take(1, 31, FP_NO_LIMIT, true) == FP_NIL);
	fp_runs_fini(&runs);

	/* Many runs of two with the wrong alignment, and one with the right one behind them. */
	begin_one(NR, 0);
	for (i = 0; i < NR - 4; i += 4)
		EXPECT(fp_runs_take_at(&runs, i, 1) && fp_runs_take_at(&runs, i + 3, 1));
	EXPECT(fp_runs_take_at(&runs, NR - 4, 1) && fp_runs_take_at(&runs, NR - 3, 1));
	EXPECT(take(2, 1, FP_NO_LIMIT, true) == NR - 2);
	fp_runs_put(&runs, NR - 2, 2);
	EXPECT(take(2, 1, FP_NO_LIMIT, false) == NR - 2);
	EXPECT(take(2, 1, FP_NO_LIMIT, false) == FP_NIL);
	EXPECT(take(2, 1, NR, false) == FP_NIL);
	EXPECT(!fp_runs_verify(&runs));
	fp_runs_fini(&runs);
}

static void given_place_is_all_or_nothing(void)
{
	begin_one(100, 0);
	EXPECT(fp_runs_take_at(&runs, 40, 20));
	EXPECT(!fp_runs_take_at(&runs, 39, 2) && !fp_runs_take_at(&runs, 59, 1));
	EXPECT(!fp_runs_take_at(&runs, 0, 100) && runs.nr_empty == 80);
	EXPECT(fp_runs_take_at(&runs, 60, 40) && fp_runs_take_at(&runs, 0, 40));
	EXPECT(!fp_runs_take_at(&runs, 0, 1));
	fp_runs_put(&runs, 0, 100);
	EXPECT(!fp_runs_verify(&runs));
	fp_runs_fini(&runs);
}

static void some_come_from_the_shortest(void)
{
	u32 index;

	begin_one(300, 0);
	EXPECT(fp_runs_take_at(&runs, 3, 1) && fp_runs_take_at(&runs, 90, 1));
	EXPECT(fp_runs_take_some(&runs, 100, 0, &index) == 3 && index == 0);
	EXPECT(fp_runs_take_some(&runs, 100, 0, &index) == 86 && index == 4);
	EXPECT(fp_runs_take_some(&runs, 100, 0, &index) == 100 && index == 200);
	EXPECT(fp_runs_take_some(&runs, 200, 0, &index) == 109 && index == 91);
	EXPECT(fp_runs_take_some(&runs, 1, 0, &index) == 0);
	fp_runs_fini(&runs);
}

/* As the owner of huge frames for small blocks does. Returns how many were taken. */
static u32 take_near(u32 nr, u32 *near)
{
	nr = fp_runs_take_some(&runs, nr, *near, near);
	if (nr)
		fp_huge_set(&runs.huge[*near], FP_HUGE_OWNED, 1, FP_NIL, FP_NIL);
	return nr;
}

static void some_for_small_blocks_share_no_line_while_there_is_room(void)
{
	u32 mine = 0, yours = 0;

	begin_one(300, 0);
	EXPECT(take_near(1, &mine) == 1 && mine == 287);	/* lines of 16 */
	EXPECT(take_near(1, &yours) == 1 && yours == 271);
	EXPECT(take_near(15, &mine) == 15 && mine == 272);
	EXPECT(take_near(14, &yours) == 14 && yours == 257);
	EXPECT(take_near(1, &mine) == 1 && mine == 299);	/* 257 are less than 7/8 */
	EXPECT(take_near(1, &mine) == 1 && mine == 298);
	EXPECT(take_near(1, &yours) == 1 && yours == 256);
	EXPECT(!fp_runs_verify(&runs));
	fp_runs_put(&runs, 298, 2);
	EXPECT(take_near(1, &mine) == 1 && mine == 299);	/* 298 is inside of a run */
	fp_runs_fini(&runs);
}

/* How many runs of the tree lie above a run. */
static u32 depth_of(u32 run)
{
	u32 depth = 0;

	while ((run = fp_huge_prev(&runs.huge[run + 2])) != FP_NIL)
		depth++;
	return depth;
}

/* Runs of equal lengths at equal distances must not form one long branch. */
static void tree_is_flat(void)
{
	static const u32 steps[] = { 144, 233, 377, 610, 987, 1597, 128, 1024 };
	u32 i, at, deepest, nr = 1U << 20, *hpfn = calloc(nr, sizeof(*hpfn));

	for (i = 0; i < nr; i++)
		hpfn[i] = i;
	for (i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
		memset(&runs, 0, sizeof(runs));
		EXPECT(fp_runs_init(&runs, hpfn, nr) == 0);
		for (at = 0; at < nr; at += steps[i])
			EXPECT(fp_runs_take_at(&runs, at, 1));
		for (at = deepest = 0; at + steps[i] < nr; at += steps[i])
			deepest = max(deepest, depth_of(at + 1));
		EXPECT(deepest < 48);
		fp_runs_fini(&runs);
	}
	free(hpfn);
}

/* What a search of everything finds: the length of the best run, or 0. */
static u32 best_length(u32 nr, u32 align_level, u32 last_hpfn)
{
	u32 mask = (1U << align_level) - 1, i, end, at, best = 0;

	for (i = 0; i < runs.extents.nr_huge; i = end) {
		end = i + 1;
		if (!empty[i])
			continue;
		while (end < runs.extents.nr_huge && empty[end] &&
		       hpfns[end] == hpfns[end - 1] + 1)
			end++;
		at = i + (-hpfns[i] & mask);
		if (at + nr <= end && hpfns[at] <= last_hpfn && (!best || end - i < best))
			best = end - i;
	}
	return best;
}

/* The length of the run that a huge frame lies in. */
static u32 length_around(u32 index)
{
	u32 first = index, end = index + 1;

	while (first && empty[first - 1] && hpfns[first - 1] + 1 == hpfns[first])
		first--;
	while (end < runs.extents.nr_huge && empty[end] && hpfns[end] == hpfns[end - 1] + 1)
		end++;
	return end - first;
}

static void set_empty(u32 index, u32 nr, bool is)
{
	while (nr--) {
		EXPECT(empty[index] != is);
		empty[index++] = is;
	}
}

static void take_one(u32 nr, u32 align_level, u32 last_hpfn, bool high, u32 *taken)
{
	u32 best = best_length(nr, align_level, last_hpfn);
	u32 index = take(nr, align_level, last_hpfn, high);

	*taken = index == FP_NIL ? 0 : nr;
	ASSERT((index == FP_NIL) == !best);
	if (index == FP_NIL)
		return;
	EXPECT(hpfns[index] <= last_hpfn && !(hpfns[index] & ((1U << align_level) - 1)));
	EXPECT(length_around(index) == best || align_level);
	set_empty(index, nr, false);
	taken[1] = index;
}

static void random_runs_agree_with_a_model(void)
{
	static struct { u32 nr, index; } taken[NR];
	static const u32 lengths[] = { 1, 2, 700, 63, 64, 65, 66, 2000, 130, 900 };
	u32 steps = 3000 * test_scale, nr = 0, i, one[2];

	begin(lengths, 10, 77, 3);
	while (steps-- && !test_failed) {
		u32 big = test_random() % 3, want = 1 + test_random() % (big ? 8 : 150);
		bool limited = test_random() % 4 == 0;
		u32 last = limited ? hpfns[test_random() % runs.extents.nr_huge] : FP_NO_LIMIT;

		if (test_random() % 100 < 52) {
			take_one(want, test_random() % 3 ? 0 : test_random() % 7, last,
				 test_random() % 2, one);
			if (one[0]) {
				taken[nr].nr = one[0];
				taken[nr++].index = one[1];
			}
		} else if (nr) {
			i = test_random() % nr;
			fp_runs_put(&runs, taken[i].index, taken[i].nr);
			set_empty(taken[i].index, taken[i].nr, true);
			taken[i] = taken[--nr];
		}
		if (steps % 64 == 0) {
			const char *broken = fp_runs_verify(&runs);

			if (broken)
				printf("# %s\n", broken);
			ASSERT(!broken);
		}
	}
	while (nr--)
		fp_runs_put(&runs, taken[nr].index, taken[nr].nr);
	EXPECT(runs.nr_empty == runs.extents.nr_huge && !fp_runs_verify(&runs));
	fp_runs_fini(&runs);
}

static const struct test tests[] = {
	{ "lengths_lie_side_by_side", lengths_lie_side_by_side },
	{ "shortest_that_fits_is_taken", shortest_that_fits_is_taken },
	{ "extents_are_not_merged", extents_are_not_merged },
	{ "limit_is_met", limit_is_met },
	{ "alignment_is_of_the_address", alignment_is_of_the_address },
	{ "given_place_is_all_or_nothing", given_place_is_all_or_nothing },
	{ "some_come_from_the_shortest", some_come_from_the_shortest },
	{ "some_for_small_blocks_share_no_line_while_there_is_room",
	  some_for_small_blocks_share_no_line_while_there_is_room },
	{ "tree_is_flat", tree_is_flat },
	{ "random_runs_agree_with_a_model", random_runs_agree_with_a_model },
};

int main(int argc, char **argv)
{
	return test_main(argc, argv, tests, sizeof(tests) / sizeof(*tests));
}
