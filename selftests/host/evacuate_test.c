// SPDX-License-Identifier: GPL-2.0-only
/* The choice of what to move, against all choices there are in small pools. */
#include "core/evacuate.h"
#include "pool.h"
#include "test.h"

#define MAX_HUGE	96
#define SMALL_POOL	20	/* huge frames: pools of which every window can be tried */

static struct fp_buddy buddy;
static struct fp_owner owner;
static struct fp_run runs[MAX_HUGE];
static u32 nr_runs, nr_huge;
static bool is_fixed[MAX_HUGE];		/* by first huge frame of a run, or huge frame */

static bool may_move(void *context, u32 index, u32 nr, const struct fp_huge_view *view)
{
	return !is_fixed[index];
}

static void free_run(u32 i)
{
	EXPECT(!fp_buddy_free(&buddy, &owner, runs[i].frame, runs[i].nr, false));
	runs[i] = runs[--nr_runs];
}

/* A pool of runs of up to @max huge frames, and some blocks, @percent of it used. */
static void begin(u32 nr, u32 max, u32 percent)
{
	u32 i, extent = 1 + test_random() % nr;
	struct extent extents[] = { { 3, extent }, { 40 + nr, nr - extent } };

	pool_init(&buddy, extents, extent < nr ? 2 : 1);
	fp_owner_init(&owner, &buddy, NULL);
	nr_huge = nr;
	for (nr_runs = 0;; nr_runs++) {
		u64 length = (1 + test_random() % max) * FP_HUGE_FRAMES;

		if (test_random() % 4 == 0)
			length = 1 + test_random() % (FP_HUGE_FRAMES - 1);
		if (pool_alloc(&buddy, &owner, length, 1, 0, &runs[nr_runs]))
			break;
	}
	while (nr_runs && buddy.runs.nr_empty * 100 < nr * (100 - percent))
		free_run(test_random() % nr_runs);
	for (i = 0; i < nr; i++)
		is_fixed[i] = test_random() % 8 == 0;
}

static void end(void)
{
	while (nr_runs)
		free_run(0);
	fp_owner_fini(&owner);
	pool_fini(&buddy);
}

/* What every huge frame is used for, found in the plainest way: the first of its piece; costs. */
static u32 piece_of[MAX_HUGE], length_of[MAX_HUGE];
static u64 cost_of[MAX_HUGE];
static u32 used_of[MAX_HUGE];	/* frames in blocks that may move */

#define FIXED_COST	(1ULL << 40)

static void look(void)
{
	struct fp_huge_view view;
	u32 i, j, nr;

	for (i = 0; i < nr_huge; i += nr) {
		nr = fp_buddy_view(&buddy, i, &view);
		for (j = i; j < i + nr; j++) {
			piece_of[j] = i;
			used_of[j] = 0;
		}
		length_of[i] = nr;
		if (view.state == FP_HUGE_OWNED && !is_fixed[i] && view.nr_used < FP_HUGE_FRAMES)
			used_of[i] = view.nr_used;
		cost_of[i] = view.state == FP_HUGE_EMPTY ? 0 : is_fixed[i] ? FIXED_COST :
			     (u64)view.nr_used * nr;
	}
}

/* Do all @nr lengths fit into the holes? Tries everything. */
static bool can_pack(const u32 *lengths, u32 nr, u32 *holes, u32 nr_holes)
{
	bool done = !nr;
	u32 i;

	for (i = 0; i < nr_holes && !done; i++) {
		if (holes[i] < lengths[nr - 1])
			continue;
		holes[i] -= lengths[nr - 1];
		done = can_pack(lengths, nr - 1, holes, nr_holes);
		holes[i] += lengths[nr - 1];
	}
	return done;
}

/* The cost of a window, FIXED_COST or more if it cannot be. */
static u64 cost_of_window(const struct fp_evacuation *wanted, u32 index, bool *fits)
{
	u32 nr = wanted->nr, max = wanted->max_run;
	u32 lengths[MAX_HUGE], holes[MAX_HUGE], n = 0, h = 0, i, hole = 0, moved = 0, room = 0;
	u64 cost = 0, blocks = 0, beside = 0;

	for (i = 0; i <= nr_huge; i++) {
		bool outside = i < nr_huge && (i < index || i >= index + nr);
		bool begins = i == nr_huge || fp_extents_begins(&buddy.runs.extents, i);

		if (hole && (begins || !outside || cost_of[piece_of[i]])) {
			holes[h++] = hole;
			hole = 0;
		}
		if (i < nr_huge && outside && !cost_of[piece_of[i]])
			hole++, room++;
		if (i < nr_huge && outside && used_of[i])
			beside += FP_HUGE_FRAMES - used_of[i];
		if (i >= nr_huge || outside || !cost_of[piece_of[i]] ||
		    (i > index && piece_of[i] == piece_of[i - 1]))
			continue;
		cost += max && length_of[piece_of[i]] > max ? FIXED_COST : cost_of[piece_of[i]];
		blocks += used_of[i];
		if (used_of[i])
			continue;
		lengths[n++] = length_of[piece_of[i]];
		moved += length_of[piece_of[i]];
	}
	for (; blocks > beside; beside += FP_HUGE_FRAMES) {
		lengths[n++] = 1;
		moved++;
	}
	if (cost >= FIXED_COST || moved > room + wanted->nr_elsewhere)
		return FIXED_COST;
	*fits = can_pack(lengths, n, holes, h);
	return cost;
}

/* The cheapest window of all, those whose pieces fit before others. */
static u64 cheapest(const struct fp_evacuation *wanted, bool *fits)
{
	u64 best[2] = { FIXED_COST, FIXED_COST };
	bool this_fits = false;
	u32 i;

	for (i = 0; i + wanted->nr <= nr_huge; i++) {
		u32 hpfn = fp_extents_hpfn(&buddy.runs.extents, i);
		u64 cost;

		if (fp_extents_contiguous(&buddy.runs.extents, i) < wanted->nr ||
		    hpfn > wanted->last_hpfn || hpfn & ((1U << wanted->align_level) - 1))
			continue;
		cost = cost_of_window(wanted, i, &this_fits);
		if (cost < FIXED_COST && cost < best[this_fits])
			best[this_fits] = cost;
	}
	*fits = best[1] < FIXED_COST;
	return best[*fits];
}

/* All choices differ; those whose pieces fit come first, and of each kind the cheaper ones. */
static void compare_others(struct fp_survey *survey, struct fp_evacuation wanted)
{
	struct fp_evacuation last = wanted;
	u32 nr = wanted.nr_possible;
	bool fits;

	for (wanted.skip = 1; wanted.skip < nr; wanted.skip++) {
		EXPECT(fp_evacuate(survey, &wanted) && wanted.nr_possible == nr);
		EXPECT(cost_of_window(&wanted, wanted.index, &fits) == wanted.cost);
		EXPECT(!wanted.fits || fits);
		EXPECT(last.fits > wanted.fits ||
		       (last.fits == wanted.fits && last.cost <= wanted.cost));
		last = wanted;
	}
	EXPECT(!fp_evacuate(survey, &wanted));
}

static u64 sum_ours, sum_best;
static u32 nr_chosen, nr_missed;

static void compare(void)
{
	struct fp_evacuation wanted = {
		.nr = 1 + test_random() % nr_huge,
		.align_level = test_random() % 3 ? 0 : test_random() % 4,
		.last_hpfn = test_random() % 3 ? FP_NO_LIMIT : test_random() % (2 * nr_huge + 40),
		.max_run = test_random() % 3 ? 0 : 1 + test_random() % 4,
		.nr_elsewhere = test_random() % 3 ? 0 : test_random() % 4,
	};
	struct fp_survey *survey = fp_survey_create(&buddy, may_move, NULL);
	bool found, fits = false, ours = false;
	u64 best, cost;

	look();
	found = fp_evacuate(survey, &wanted);
	best = cheapest(&wanted, &fits);
	EXPECT(found == (best < FIXED_COST));
	if (found) {
		cost = cost_of_window(&wanted, wanted.index, &ours);
		EXPECT(cost == wanted.cost && cost < FIXED_COST);
		EXPECT(!wanted.fits || ours);
		EXPECT(fits || !wanted.fits);
		nr_chosen++;
		nr_missed += fits && !wanted.fits;
		if (fits == wanted.fits) {
			EXPECT(cost >= best);
			sum_ours += cost;
			sum_best += best;
		}
	}
	if (found)
		compare_others(survey, wanted);
	fp_survey_destroy(survey);
}

static void choice_is_as_good_as_the_best(void)
{
	u32 i;

	for (i = 0; i < 4000 * test_scale && !test_failed; i++) {
		begin(2 + test_random() % (SMALL_POOL - 1), 1 + test_random() % 5,
		      test_random() % 100);
		compare();
		end();
	}
	printf("# %u choices; for %u all would have fitted elsewhere; cost %.4f of the best\n",
	       nr_chosen, nr_missed, (double)sum_ours / sum_best);
	EXPECT(sum_ours * 10 <= sum_best * 11);
	EXPECT(nr_missed * 100 <= nr_chosen);
}

static const struct test tests[] = {
	{ "choice_is_as_good_as_the_best", choice_is_as_good_as_the_best },
};

int main(int argc, char **argv)
{
	return test_main(argc, argv, tests, sizeof(tests) / sizeof(*tests));
}
