// SPDX-License-Identifier: GPL-2.0-only
/*
 * The long runs of empty huge frames, ordered by length, then by address: a treap (R. Seidel,
 * C. Aragon: Randomized Search Trees, 1996). Its nodes lie in words of the runs themselves, so
 * adding one needs no memory. A hash of a run's address serves as its priority. Each node records
 * the lowest address in its subtree, so the shortest run that is long enough and begins below a
 * limit is found in O(log n) as well.
 *
 * Words of a run: the first has its length; the second its children; the third its parent, and the
 * lowest address.
 *
 * Invariant (checked by fp_runtree_is_sound()):
 *  R4  the nodes are in order, no node's priority is above its parent's, parents are right, and the
 *      lowest addresses are.
 */
#include "core/runs.h"

static u32 length_of(const struct fp_runs *runs, u32 run)
{
	return fp_huge_next(&runs->huge[run]);
}

static u32 child(const struct fp_runs *runs, u32 run, bool right)
{
	const struct fp_huge *children = &runs->huge[run + 1];

	return right ? fp_huge_next(children) : fp_huge_prev(children);
}

static u32 parent_of(const struct fp_runs *runs, u32 run)
{
	return fp_huge_prev(&runs->huge[run + 2]);
}

/* The lowest address in the subtree of a run; FP_NIL, which is above all: the subtree is empty. */
static u32 lowest(const struct fp_runs *runs, u32 run)
{
	return run == FP_NIL ? FP_NIL : fp_huge_next(&runs->huge[run + 2]);
}

static void set_child(struct fp_runs *runs, u32 run, bool right, u32 to)
{
	struct fp_huge *children = &runs->huge[run + 1];

	if (right)
		fp_huge_set_next(children, to);
	else
		fp_huge_set_prev(children, to);
	if (to != FP_NIL)
		fp_huge_set_prev(&runs->huge[to + 2], run);
}

/*
 * Multiplicative hashing (D. Knuth, The Art of Computer Programming, volume 3, 6.4), twice: once
 * alone maps runs at equal distances to priorities that may fall or rise for long.
 */
static u32 priority(u32 run)
{
	run = (run ^ run >> 15) * 2654435769U;
	return (run ^ run >> 15) * 2654435769U;
}

static bool is_before(const struct fp_runs *runs, u32 run, u32 length, u32 begin)
{
	u32 own = length_of(runs, run);

	return own != length ? own < length : run < begin;
}

static void update_lowest(struct fp_runs *runs, u32 run)
{
	u32 left = lowest(runs, child(runs, run, false));
	u32 right = lowest(runs, child(runs, run, true));

	fp_huge_set_next(&runs->huge[run + 2], min(run, min(left, right)));
}

static void update_up(struct fp_runs *runs, u32 run)
{
	for (; run != FP_NIL; run = parent_of(runs, run))
		update_lowest(runs, run);
}

/* Make @to take the place of @run below the parent of @run. */
static void replace(struct fp_runs *runs, u32 run, u32 to)
{
	u32 parent = parent_of(runs, run);

	if (parent != FP_NIL) {
		set_child(runs, parent, child(runs, parent, true) == run, to);
		return;
	}
	runs->root = to;
	if (to != FP_NIL)
		fp_huge_set_prev(&runs->huge[to + 2], FP_NIL);
}

/* Exchange a run and its parent, which keeps the order. */
static void rotate_up(struct fp_runs *runs, u32 run)
{
	u32 parent = parent_of(runs, run);
	bool right = child(runs, parent, true) == run;

	replace(runs, parent, run);
	set_child(runs, parent, right, child(runs, run, !right));
	set_child(runs, run, !right, parent);
	update_lowest(runs, parent);
}

/**
 * fp_runtree_add() - add a run
 * @runs: the runs
 * @run: its first huge frame, whose word has its length
 */
void fp_runtree_add(struct fp_runs *runs, u32 run)
{
	u32 parent = FP_NIL, at = runs->root, length = length_of(runs, run);
	bool right = false;

	while (at != FP_NIL) {
		parent = at;
		right = is_before(runs, at, length, run);
		at = child(runs, at, right);
	}
	fp_huge_set_inside(&runs->huge[run + 1], FP_NIL, FP_NIL);
	fp_huge_set_inside(&runs->huge[run + 2], FP_NIL, run);
	if (parent == FP_NIL)
		runs->root = run;
	else
		set_child(runs, parent, right, run);
	while (parent_of(runs, run) != FP_NIL && priority(parent_of(runs, run)) < priority(run))
		rotate_up(runs, run);
	update_up(runs, run);
}

/**
 * fp_runtree_remove() - remove a run
 * @runs: the runs
 * @run: its first huge frame
 */
void fp_runtree_remove(struct fp_runs *runs, u32 run)
{
	u32 left, right;

	for (;;) {
		left = child(runs, run, false);
		right = child(runs, run, true);
		if (left == FP_NIL || right == FP_NIL)
			break;
		rotate_up(runs, priority(left) < priority(right) ? right : left);
	}
	replace(runs, run, left == FP_NIL ? right : left);
	update_up(runs, parent_of(runs, run));
}

/* Does the run itself, or any in its right subtree, begin at or below @last? */
static bool may_do(const struct fp_runs *runs, u32 run, u32 last)
{
	return run <= last || lowest(runs, child(runs, run, true)) <= last;
}

/**
 * fp_runtree_from() - the first run in order, from a place on, that begins below a limit
 * @runs: the runs
 * @length: at least as long as this
 * @begin: those of that length begin here or above
 * @last: it begins at or below this
 *
 * Return: its first huge frame, or FP_NIL.
 */
u32 fp_runtree_from(const struct fp_runs *runs, u32 length, u32 begin, u32 last)
{
	u32 at = runs->root, found = FP_NIL;

	while (at != FP_NIL) {
		bool before = is_before(runs, at, length, begin);

		if (!before && may_do(runs, at, last))
			found = at;
		at = child(runs, at, before);
	}
	if (found == FP_NIL || found <= last)
		return found;
	/* It is the first one in the right subtree that begins below the limit. */
	at = child(runs, found, true);
	while (at > last || lowest(runs, child(runs, at, false)) <= last) {
		bool right = lowest(runs, child(runs, at, false)) > last;

		at = child(runs, at, right);
	}
	return at;
}

/**
 * fp_runtree_before() - the last run in order before a place
 * @runs: the runs
 * @length: at most as long as this
 * @begin: those of that length begin below this
 *
 * Return: its first huge frame, or FP_NIL.
 */
u32 fp_runtree_before(const struct fp_runs *runs, u32 length, u32 begin)
{
	u32 at = runs->root, found = FP_NIL;

	while (at != FP_NIL) {
		bool before = is_before(runs, at, length, begin);

		if (before)
			found = at;
		at = child(runs, at, before);
	}
	return found;
}

static bool node_is_sound(const struct fp_runs *runs, u32 run, u32 parent)
{
	u32 left = lowest(runs, child(runs, run, false));
	u32 right = lowest(runs, child(runs, run, true));

	return parent_of(runs, run) == parent &&
	       lowest(runs, run) == min(run, min(left, right)) &&
	       (parent == FP_NIL || priority(run) <= priority(parent));
}

/**
 * fp_runtree_is_sound() - check invariant R4
 * @runs: the runs
 * @nr: the result: how many runs are in the tree
 *
 * Return: whether it holds.
 */
bool fp_runtree_is_sound(const struct fp_runs *runs, u32 *nr)
{
	u32 at = runs->root, from = FP_NIL, last = FP_NIL, next;

	*nr = 0;
	/* In order, without recursion: where a step came from says where the next one goes. */
	for (; at != FP_NIL; from = at, at = next) {
		u32 parent = parent_of(runs, at), left = child(runs, at, false);
		u32 right = child(runs, at, true);

		next = parent;
		if (from == parent) {
			if (!node_is_sound(runs, at, parent) || ++*nr > runs->extents.nr_huge)
				return false;
			if (left != FP_NIL) {
				next = left;
				continue;
			}
		}
		if (from == parent || from == left) {
			if (last != FP_NIL && !is_before(runs, last, length_of(runs, at), at))
				return false;
			last = at;
			if (right != FP_NIL)
				next = right;
		}
	}
	return true;
}
