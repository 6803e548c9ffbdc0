// SPDX-License-Identifier: GPL-2.0-only
/*
 * An index of the empty huge frames. A run is as long as it can be within its extent: neighbours
 * are merged at once. Requests of any length are cut from an end of the shortest run that is long
 * enough, so buffers lie side by side.
 *
 * There is a bit tree for each length up to FP_RUNS_SHORT. Runs of length n begin at least n huge
 * frames apart, so at most one begins in an aligned group of 2^k, for the largest 2^k not above n.
 * A bit stands for such a group, and all these trees together have seven bits for each huge frame.
 * As the run reaches the end of its group, it is the last run that begins in it. Longer runs are in
 * a tree whose nodes lie in the words of the runs (runtree.c).
 *
 * Invariants (checked by fp_runs_verify()):
 *  R1  a run of empty huge frames lies in one extent, begins and ends with words of its length, and
 *      no huge frame beside it in the extent is empty;
 *  R2  begins has exactly the first huge frames of the runs, nr_empty is the sum of their lengths;
 *  R3  a run is in the bit tree of its length or in the tree of long runs, which have no others;
 *      lengths has exactly the lengths whose bit trees are not empty.
 */
#include "core/runs.h"

/* How many runs to look at under one lock for a run with an alignment. */
#define MAX_TRIES	64

/* No address has more alignment. */
#define MAX_ALIGN_LEVEL	30

#define NO_LENGTH	U32_MAX

/*
 * So many words lie in two neighbouring cache lines, which processors fetch together. Owners whose
 * words lie in the same ones slow each other down.
 */
#define LINE		(2 * SMP_CACHE_BYTES / sizeof(struct fp_huge))

static u32 length_of(const struct fp_runs *runs, u32 run)
{
	return fp_huge_next(&runs->huge[run]);
}

static bool is_empty(const struct fp_runs *runs, u32 index)
{
	enum fp_huge_state state = fp_huge_state(&runs->huge[index]);

	return state == FP_HUGE_EMPTY || state == FP_HUGE_EMPTY_END;
}

/* The run of @length whose first huge frame lies in a group. */
static u32 run_in_group(const struct fp_runs *runs, u32 length, u32 group)
{
	u32 level = ilog2(length), first = group << level;
	u64 word = runs->begins[first / 64] >> (first % 64);

	return first + fls64(word & (~0ULL >> (64 - (1U << level)))) - 1;
}

/* Enter a run. Only its first and its last word are written. */
static void insert(struct fp_runs *runs, u32 run, u32 length)
{
	fp_huge_set(&runs->huge[run + length - 1], FP_HUGE_EMPTY_END, FP_NO_ID, FP_NIL, length);
	fp_huge_set(&runs->huge[run], FP_HUGE_EMPTY, FP_NO_ID, FP_NIL, length);
	runs->begins[run / 64] |= BIT_ULL(run % 64);
	if (length > FP_RUNS_SHORT) {
		fp_runtree_add(runs, run);
		return;
	}
	fp_bittree_set(&runs->of_length[length - 1], run >> ilog2(length));
	runs->lengths |= BIT_ULL(length - 1);
}

/* Remove a run. All its words become FP_HUGE_INSIDE. */
static void remove(struct fp_runs *runs, u32 run, u32 length)
{
	if (length > FP_RUNS_SHORT) {
		fp_runtree_remove(runs, run);
	} else {
		struct fp_bittree *tree = &runs->of_length[length - 1];

		fp_bittree_clear(tree, run >> ilog2(length));
		if (fp_bittree_is_empty(tree))
			runs->lengths &= ~BIT_ULL(length - 1);
	}
	runs->begins[run / 64] &= ~BIT_ULL(run % 64);
	fp_huge_set_inside(&runs->huge[run], FP_NIL, FP_NIL);
	fp_huge_set_inside(&runs->huge[run + length - 1], FP_NIL, FP_NIL);
}

/**
 * fp_runs_put() - record huge frames as empty
 * @runs: the runs
 * @index: the first
 * @nr: how many, all in one extent; none of them is empty; those after the first are FP_HUGE_INSIDE
 */
void fp_runs_put(struct fp_runs *runs, u32 index, u32 nr)
{
	u32 end = index + nr, other;

	WRITE_ONCE(runs->nr_empty, runs->nr_empty + nr);
	fp_huge_set_inside(&runs->huge[index], FP_NIL, FP_NIL);
	if (!fp_extents_begins(&runs->extents, end) && is_empty(runs, end)) {
		other = length_of(runs, end);
		remove(runs, end, other);
		end += other;
	}
	if (!fp_extents_begins(&runs->extents, index) && is_empty(runs, index - 1)) {
		other = length_of(runs, index - 1);
		index -= other;
		remove(runs, index, other);
	}
	insert(runs, index, end - index);
}

/* Take [index, index + nr) out of a run. */
static void carve(struct fp_runs *runs, u32 run, u32 index, u32 nr)
{
	u32 end = run + length_of(runs, run);

	WRITE_ONCE(runs->nr_empty, runs->nr_empty - nr);
	remove(runs, run, end - run);
	if (index > run)
		insert(runs, run, index - run);
	if (index + nr < end)
		insert(runs, index + nr, end - index - nr);
}

/* The least length, from @length on, of which a run begins at or below @last. */
static u32 next_length(const struct fp_runs *runs, u32 length, u32 last)
{
	u64 lengths = length > FP_RUNS_SHORT ? 0 : runs->lengths & (~0ULL << (length - 1));
	u32 run;

	for (; lengths; lengths &= lengths - 1) {
		u32 found = __ffs64(lengths) + 1;

		run = run_in_group(runs, found, fp_bittree_first(&runs->of_length[found - 1]));
		if (run <= last)
			return found;
	}
	run = fp_runtree_from(runs, length, 0, last);
	return run == FP_NIL ? NO_LENGTH : length_of(runs, run);
}

/*
 * The next run of exactly this length, from @at on upwards, or if @down, downwards. FP_NIL: there
 * is none.
 */
static u32 next_run(const struct fp_runs *runs, u32 length, u32 at, bool down)
{
	const struct fp_bittree *tree;
	u32 group, run;

	if (length > FP_RUNS_SHORT) {
		run = down ? fp_runtree_before(runs, length, at + 1) :
			     fp_runtree_from(runs, length, at, FP_NIL - 1);
		return run != FP_NIL && length_of(runs, run) == length ? run : FP_NIL;
	}
	tree = &runs->of_length[length - 1];
	group = at >> ilog2(length);
	group = down ? fp_bittree_last(tree, group) : fp_bittree_next(tree, group);
	if (group == FP_BITTREE_NONE)
		return FP_NIL;
	run = run_in_group(runs, length, group);
	if (down ? run <= at : run >= at)
		return run;
	/* It begins in the same group as @at, but on the other side. */
	if (down && !group)
		return FP_NIL;
	group = down ? fp_bittree_last(tree, group - 1) : fp_bittree_next(tree, group + 1);
	return group == FP_BITTREE_NONE ? FP_NIL : run_in_group(runs, length, group);
}

/* Where in a run the request fits, or FP_NIL; it begins at or below @last. */
static u32 fit(const struct fp_runs *runs, u32 run, const struct fp_runs_request *request, u32 last)
{
	u32 mask = (1U << request->align_level) - 1, low = run;
	u32 high = run + length_of(runs, run) - request->nr;

	high = min(high, last);
	if (mask) {
		u32 hpfn = fp_extents_hpfn(&runs->extents, run);

		low += -hpfn & mask;
		if (low > high)
			return FP_NIL;
		high -= (hpfn + (high - run)) & mask;
	}
	return request->high ? high : low;
}

/*
 * Search from where the request says, shortest runs first; of equal ones, the highest or the lowest
 * first. Without an alignment, the first run fits. As fp_runs_take().
 */
static int search(const struct fp_runs *runs, struct fp_runs_request *request, u32 last, u32 *run,
		  u32 *index)
{
	u32 tries = 0;

	while (request->length != NO_LENGTH) {
		*run = next_run(runs, request->length, request->begin, request->high);
		if (*run == FP_NIL || *run > last) {
			request->length = next_length(runs, request->length + 1, last);
			request->begin = request->high ? last : 0;
			continue;
		}
		*index = fit(runs, *run, request, last);
		if (*index != FP_NIL)
			return 0;
		if (++tries == MAX_TRIES)
			return -EAGAIN;
		if (request->high && !*run)
			request->length = next_length(runs, request->length + 1, last);
		request->begin = request->high ? (*run ? *run - 1 : last) : *run + 1;
	}
	return -ENOSPC;
}

/**
 * fp_runs_take() - take a run of empty huge frames
 * @runs: the runs
 * @request: what it must satisfy
 * @index: the result: its first huge frame
 *
 * Return: 0; -ENOSPC: there is none; -EAGAIN: many runs did not fit, for their alignment: call
 * again with the same request. The lock may be dropped meanwhile.
 */
int fp_runs_take(struct fp_runs *runs, struct fp_runs_request *request, u32 *index)
{
	u32 last = FP_NIL - 1, run;
	int ret;

	if (request->last_hpfn != FP_NO_LIMIT)
		last = fp_extents_last(&runs->extents, request->last_hpfn);
	if (last == FP_NO_HUGE || request->nr > runs->nr_empty ||
	    request->align_level > MAX_ALIGN_LEVEL)
		return -ENOSPC;
	if (!request->length) {
		request->length = next_length(runs, request->nr, last);
		request->begin = request->high ? last : 0;
	}
	ret = search(runs, request, last, &run, index);
	if (ret == -EAGAIN && request->last_hpfn == FP_NO_LIMIT) {
		/* A run so much longer has room for any alignment. */
		struct fp_runs_request longer = *request;

		longer.length = next_length(runs, request->nr + (1U << request->align_level) - 1,
					    last);
		longer.begin = request->high ? last : 0;
		if (longer.length != NO_LENGTH)
			ret = search(runs, &longer, last, &run, index);
	}
	if (!ret)
		carve(runs, run, *index, request->nr);
	return ret;
}

/**
 * fp_runs_take_some() - take a run of empty huge frames, however short
 * @runs: the runs
 * @max: take at most this many, at least 1
 * @near: what was last taken for the same owner, or any other
 * @index: the result: its first huge frame
 *
 * Takes from the shortest run; but few that an owner will use for small blocks come from a line
 * that it does not share with others, as long as most of the pool remains one run.
 *
 * Return: how many were taken; 0: none is empty.
 */
u32 fp_runs_take_some(struct fp_runs *runs, u32 max, u32 near, u32 *index)
{
	u32 most = max_t(u32, runs->extents.nr_huge / 8 * 7, 2 * LINE);
	u32 end = near, length, tail = 0, nr;
	bool alone;

	if (near % LINE && fp_huge_state(&runs->huge[near]) == FP_HUGE_OWNED &&
	    is_empty(runs, near - 1)) {
		length = length_of(runs, near - 1);
	} else {
		length = max < LINE ? next_length(runs, most, FP_NIL - 1) : NO_LENGTH;
		alone = length != NO_LENGTH;
		if (!alone)
			length = next_length(runs, 1, FP_NIL - 1);
		if (length == NO_LENGTH)
			return 0;
		end = next_run(runs, length, FP_NIL - 1, true) + length;
		tail = alone ? end % LINE : 0;
	}
	nr = min(length - tail, max);
	*index = end - tail - nr;
	carve(runs, end - length, *index, nr);
	return nr;
}

/* The last run that begins at @index or below, or FP_NIL. */
static u32 run_up_to(const struct fp_runs *runs, u32 index)
{
	u64 word = runs->begins[index / 64] & (~0ULL >> (63 - index % 64));
	u32 w = index / 64;

	while (!word && w)
		word = runs->begins[--w];
	return word ? w * 64 + fls64(word) - 1 : FP_NIL;
}

/**
 * fp_runs_take_at() - take given huge frames
 * @runs: the runs
 * @index: the first
 * @nr: how many, in one extent
 *
 * Return: whether all of them were empty; otherwise nothing has changed.
 */
bool fp_runs_take_at(struct fp_runs *runs, u32 index, u32 nr)
{
	u32 run = run_up_to(runs, index);

	if (run == FP_NIL || index + nr > run + length_of(runs, run))
		return false;
	carve(runs, run, index, nr);
	return true;
}

/**
 * fp_runs_longest() - length of the longest run
 * @runs: the runs
 *
 * Return: huge frames.
 */
u32 fp_runs_longest(const struct fp_runs *runs)
{
	u32 run = fp_runtree_before(runs, U32_MAX, 0);

	return run != FP_NIL ? length_of(runs, run) : fls64(runs->lengths);
}

/* The trees of groups cover all huge frames. */
static u32 nr_groups(const struct fp_runs *runs, u32 length)
{
	return ((runs->extents.nr_huge - 1) >> ilog2(length)) + 1;
}

static size_t begins_words(const struct fp_runs *runs)
{
	return runs->extents.nr_huge / 64 + 1;
}

static size_t nr_words(const struct fp_runs *runs)
{
	size_t sum = begins_words(runs);
	u32 length;

	for (length = 1; length <= FP_RUNS_SHORT; length++)
		sum += fp_bittree_words(nr_groups(runs, length));
	return sum;
}

/**
 * fp_runs_init() - make a pool in which all huge frames are empty
 * @runs: zeroed
 * @hpfn: PFNs of the huge frames, in huge frames, ascending, without repeats
 * @nr: how many, 1 to FP_NIL
 *
 * Context: may sleep.
 * Return: 0, or -ENOMEM; then fp_runs_fini() must follow, too.
 */
int fp_runs_init(struct fp_runs *runs, const u32 *hpfn, u32 nr)
{
	const struct fp_extent *extent;
	u64 *words;
	u32 i;
	int ret = fp_extents_init(&runs->extents, hpfn, nr);

	if (ret)
		return ret;
	runs->root = FP_NIL;
	runs->huge = kvcalloc(nr, sizeof(*runs->huge), GFP_KERNEL);
	runs->words = kvcalloc(nr_words(runs), sizeof(u64), GFP_KERNEL);
	if (!runs->huge || !runs->words)
		return -ENOMEM;
	runs->begins = runs->words;
	words = runs->words + begins_words(runs);
	for (i = 1; i <= FP_RUNS_SHORT; i++)
		words = fp_bittree_init(&runs->of_length[i - 1], nr_groups(runs, i), words);
	for (extent = runs->extents.at; extent->first < nr; extent++)
		insert(runs, extent->first, extent[1].first - extent->first);
	runs->nr_empty = nr;
	return 0;
}

/**
 * fp_runs_fini() - free what fp_runs_init() allocated
 * @runs: the runs
 */
void fp_runs_fini(struct fp_runs *runs)
{
	kvfree(runs->words);
	kvfree(runs->huge);
	fp_extents_fini(&runs->extents);
}

static bool begins_at(const struct fp_runs *runs, u32 index)
{
	return runs->begins[index / 64] & BIT_ULL(index % 64);
}

static bool run_is_sound(const struct fp_runs *runs, u32 run, u32 length)
{
	const struct fp_huge *huge = &runs->huge[run];
	u32 i;

	if (!length || length > fp_extents_contiguous(&runs->extents, run) ||
	    fp_huge_state(huge) != FP_HUGE_EMPTY)
		return false;
	for (i = 1; i < length; i++)
		if (begins_at(runs, run + i) ||
		    (i + 1 < length && fp_huge_state(&huge[i]) != FP_HUGE_INSIDE))
			return false;
	if (length > 1 && (fp_huge_state(&huge[i - 1]) != FP_HUGE_EMPTY_END ||
			   fp_huge_next(&huge[i - 1]) != length))
		return false;
	return (fp_extents_begins(&runs->extents, run) || !is_empty(runs, run - 1)) &&
	       (fp_extents_begins(&runs->extents, run + length) ||
		!is_empty(runs, run + length));
}

/* Is a run where it must be? */
static bool is_indexed(const struct fp_runs *runs, u32 run, u32 length)
{
	u32 group = run >> ilog2(length);

	if (length > FP_RUNS_SHORT)
		return fp_runtree_from(runs, length, run, FP_NIL - 1) == run;
	return (runs->lengths >> (length - 1) & 1) &&
	       fp_bittree_test(&runs->of_length[length - 1], group) &&
	       run_in_group(runs, length, group) == run;
}

/* How many runs the trees have, or NO_LENGTH if one is broken. */
static u32 count_indexed(const struct fp_runs *runs)
{
	u32 length, nr, sum;

	if (!fp_runtree_is_sound(runs, &sum))
		return NO_LENGTH;
	for (length = 1; length <= FP_RUNS_SHORT; length++) {
		if (!fp_bittree_is_valid(&runs->of_length[length - 1]))
			return NO_LENGTH;
		nr = fp_bittree_count(&runs->of_length[length - 1]);
		if (!nr != !(runs->lengths >> (length - 1) & 1))
			return NO_LENGTH;
		sum += nr;
	}
	return sum;
}

/**
 * fp_runs_verify() - check invariants R1 to R4
 * @runs: the runs
 *
 * Return: NULL, or the invariant that is broken.
 */
const char *fp_runs_verify(const struct fp_runs *runs)
{
	u32 index, length, nr = 0, nr_empty = 0, in_trees = count_indexed(runs);

	if (in_trees == NO_LENGTH)
		return "R4: a tree of runs is broken";
	for (index = 0; index < runs->extents.nr_huge; index += length) {
		length = 1;
		if (begins_at(runs, index) != is_empty(runs, index))
			return "R2: a run begins elsewhere";
		if (!is_empty(runs, index))
			continue;
		length = length_of(runs, index);
		if (!run_is_sound(runs, index, length))
			return "R1: a run is not what it says";
		if (!is_indexed(runs, index, length))
			return "R3: a run is not in the tree of its length";
		nr_empty += length;
		nr++;
	}
	if (nr_empty != runs->nr_empty)
		return "R2: wrong count of empty huge frames";
	return nr == in_trees ? NULL : "R3: a tree has a run that is none";
}
