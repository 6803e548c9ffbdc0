// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which huge frames to make empty, if a run is wanted that is longer than any empty one. What is
 * in the way must be copied elsewhere, so the window is chosen that takes the fewest copies.
 *
 * The survey lists what lies side by side in the pool. A window costs what all pieces cost that it
 * touches, since a run moves as a whole. That changes only where a window begins with a piece, or
 * ends with one, so only these windows are looked at: each of both kinds in one pass, in which
 * sums are kept of what enters and leaves the window.
 *
 * A window is of use only if what lies in it fits elsewhere: runs into empty runs outside, and
 * blocks into free frames beside other blocks, or else into empty huge frames. (That blocks fit
 * only beside blocks of the same owner is not known here.) For the cheapest windows that is tried:
 * the longest pieces first, each into the shortest hole that it fits (best fit decreasing), as the
 * mover will do it.
 */
#include "core/evacuate.h"

static u32 piece_end(const struct fp_piece *piece)
{
	return piece->index + piece->nr;
}

static bool must_move(const struct fp_piece *piece)
{
	return piece->used && piece->used != FP_FIXED;
}

/* Blocks can go one by one to where there is room for them. */
static bool is_blocks(const struct fp_survey *survey, const struct fp_piece *piece)
{
	return must_move(piece) && piece->used < 1U << survey->order;
}

static u32 free_beside(const struct fp_survey *survey, const struct fp_piece *piece)
{
	return (1U << survey->order) - piece->used;
}

/* Add huge frames to the survey. Fixed ones beside each other are one piece. */
static void add_piece(struct fp_survey *survey, u32 index, u32 nr, u32 used)
{
	struct fp_piece *last = survey->pieces + survey->nr - 1;

	if (survey->nr && used == FP_FIXED && last->used == FP_FIXED &&
	    !fp_extents_begins(survey->extents, index)) {
		last->nr += nr;
		return;
	}
	last = &survey->pieces[survey->nr++];
	*last = (struct fp_piece){ index, nr, used };
	if (is_blocks(survey, last))
		survey->nr_beside += free_beside(survey, last);
	if (used)
		return;
	survey->nr_empty += nr;
	fp_holes_add(&survey->holes, nr);
}

/* Look at a huge frame and those that are used for the same. Returns how many. */
static u32 look(const struct fp_buddy *buddy, u32 index, fp_may_move_fn may_move, void *context,
		u32 *used)
{
	struct fp_huge_view view;
	u32 nr = fp_buddy_view(buddy, index, &view);

	/* A reader without locks may see the length of another moment. */
	nr = min(nr, fp_extents_contiguous(&buddy->runs.extents, index));
	if (view.state == FP_HUGE_EMPTY)
		*used = 0;
	else if ((view.state == FP_HUGE_RUN || view.state == FP_HUGE_OWNED) && view.nr_used &&
		 may_move(context, index, nr, &view))
		*used = view.nr_used;
	else
		*used = FP_FIXED;
	return nr;
}

/**
 * fp_survey_destroy() - free a survey
 * @survey: the survey, or NULL
 */
void fp_survey_destroy(struct fp_survey *survey)
{
	if (!survey)
		return;
	kvfree(survey->pieces);
	fp_holes_fini(&survey->holes);
	fp_holes_fini(&survey->left);
	kvfree(survey);
}

/**
 * fp_survey_create() - look at what all huge frames are used for
 * @buddy: the buddy; what changes meanwhile is seen before or after
 * @may_move: tells whether an allocated run, or all that lies in an owned huge frame, may move
 * @context: passed to it
 *
 * Context: may sleep.
 * Return: the survey, or NULL if there is no memory.
 */
struct fp_survey *fp_survey_create(const struct fp_buddy *buddy, fp_may_move_fn may_move,
				   void *context)
{
	u32 index, nr, used, nr_huge = buddy->runs.extents.nr_huge;
	struct fp_survey *survey = kvcalloc(1, sizeof(*survey), GFP_KERNEL | __GFP_NOWARN);

	if (!survey)
		return NULL;
	survey->extents = &buddy->runs.extents;
	survey->order = buddy->order;
	survey->pieces = kvcalloc(nr_huge, sizeof(*survey->pieces), GFP_KERNEL | __GFP_NOWARN);
	if (!survey->pieces || fp_holes_init(&survey->holes, nr_huge) ||
	    fp_holes_init(&survey->left, nr_huge)) {
		fp_survey_destroy(survey);
		return NULL;
	}
	for (index = 0; index < nr_huge; index += nr) {
		nr = look(buddy, index, may_move, context, &used);
		add_piece(survey, index, nr, used);
		cond_resched();
	}
	fp_holes_sort(&survey->holes);
	return survey;
}

static bool is_in_the_way(const struct fp_survey *survey, const struct fp_piece *piece)
{
	u32 max = survey->wanted->max_run;

	return piece->used == FP_FIXED || (max && piece->used && piece->nr > max);
}

static void count_piece(const struct fp_survey *survey, struct fp_survey_window *window,
			const struct fp_piece *piece, s32 sign)
{
	if (is_in_the_way(survey, piece)) {
		window->fixed += sign;
		return;
	}
	window->cost += sign * (s64)piece->used * piece->nr;
	if (!piece->used) {
		window->empty += sign * piece->nr;
	} else if (is_blocks(survey, piece)) {
		window->blocks += sign * (s64)piece->used;
		window->beside += sign * (s64)free_beside(survey, piece);
	} else {
		window->moved += sign * piece->nr;
	}
}

/* Move the window up to @index. */
static void slide(const struct fp_survey *survey, struct fp_survey_window *window, u32 index,
		  u32 nr)
{
	window->index = index;
	for (; window->hi < survey->nr && survey->pieces[window->hi].index < index + nr;
	     window->hi++)
		count_piece(survey, window, &survey->pieces[window->hi], 1);
	for (; window->lo < window->hi && piece_end(&survey->pieces[window->lo]) <= index;
	     window->lo++)
		count_piece(survey, window, &survey->pieces[window->lo], -1);
}

/* Empty huge frames that the window's empty pieces have outside. */
static u32 empty_beside(const struct fp_survey *survey, const struct fp_survey_window *window,
			u32 nr)
{
	const struct fp_piece *first = &survey->pieces[window->lo];
	const struct fp_piece *last = &survey->pieces[window->hi - 1];
	u32 beside = 0;

	if (!first->used)
		beside += window->index - first->index;
	if (!last->used)
		beside += piece_end(last) - (window->index + nr);
	return beside;
}

/* How many empty huge frames the window's blocks need beside what is free elsewhere. */
static u32 nr_for_blocks(const struct fp_survey *survey, const struct fp_survey_window *window)
{
	u64 free = survey->nr_beside - window->beside;

	return window->blocks > free ?
		DIV_ROUND_UP_ULL(window->blocks - free, 1U << survey->order) : 0;
}

static bool has_room(const struct fp_survey *survey, const struct fp_survey_window *window, u32 nr)
{
	u32 empty = survey->nr_empty - window->empty + empty_beside(survey, window, nr);

	return (u64)window->moved + nr_for_blocks(survey, window) <=
	       (u64)empty + survey->wanted->nr_elsewhere;
}

/* The empty runs outside of the window. */
static void find_holes(struct fp_survey *survey, const struct fp_survey_window *window, u32 nr)
{
	const struct fp_piece *piece;
	u32 i;

	fp_holes_copy(&survey->left, &survey->holes);
	for (i = window->lo; i < window->hi; i++) {
		piece = &survey->pieces[i];
		if (piece->used)
			continue;
		fp_holes_remove(&survey->left, piece->nr);
		if (piece->index < window->index)
			fp_holes_insert(&survey->left, window->index - piece->index);
		if (piece_end(piece) > window->index + nr)
			fp_holes_insert(&survey->left, piece_end(piece) - (window->index + nr));
	}
}

/* Fill holes with all runs of the window that have @nr huge frames. */
static bool fits_all(struct fp_survey *survey, const struct fp_survey_window *window, u32 nr)
{
	u32 i;

	for (i = window->lo; i < window->hi; i++)
		if (must_move(&survey->pieces[i]) && !is_blocks(survey, &survey->pieces[i]) &&
		    survey->pieces[i].nr == nr && !fp_holes_fill(&survey->left, nr))
			return false;
	return true;
}

/* The length of the longest run of the window that has to move and is shorter than @below. */
static u32 next_shorter(const struct fp_survey *survey, const struct fp_survey_window *window,
			u32 below)
{
	u32 i, length = 0;

	for (i = window->lo; i < window->hi; i++)
		if (must_move(&survey->pieces[i]) && !is_blocks(survey, &survey->pieces[i]) &&
		    survey->pieces[i].nr < below)
			length = max(length, survey->pieces[i].nr);
	return length;
}

/* Does each piece of the window fit into an empty run outside? */
static bool fits(struct fp_survey *survey, const struct fp_survey_window *window, u32 nr)
{
	u32 length = U32_MAX;

	find_holes(survey, window, nr);
	while ((length = next_shorter(survey, window, length))) {
		if (!fits_all(survey, window, length))
			return false;
		cond_resched();
	}
	for (length = nr_for_blocks(survey, window); length; length--)
		if (!fp_holes_fill(&survey->left, 1))
			return false;
	return true;
}

static void insert(struct fp_survey *survey, const struct fp_survey_window *window)
{
	u32 at = survey->nr_best;

	if (at == FP_EVACUATE_TRIES && window->cost >= survey->best[at - 1].cost)
		return;
	if (at < FP_EVACUATE_TRIES)
		survey->nr_best++;
	else
		at--;
	for (; at && survey->best[at - 1].cost > window->cost; at--)
		survey->best[at] = survey->best[at - 1];
	survey->best[at] = *window;
}

/*
 * Where a window begins that lies at or beyond @index (@up) or at or before it, and has the
 * alignment, if it lies in the extent of @piece and below the limit; or FP_NIL.
 */
static u32 place(const struct fp_survey *survey, const struct fp_evacuation *wanted,
		 const struct fp_piece *piece, s64 index, bool up)
{
	u32 hpfn = fp_extents_hpfn(survey->extents, piece->index), mask;
	u32 contiguous = fp_extents_contiguous(survey->extents, piece->index);
	s64 at = (s64)hpfn + index - piece->index;

	mask = (1U << wanted->align_level) - 1;
	if (at < 0)
		return FP_NIL;
	if (up)
		at += mask;
	at &= ~(s64)mask;
	index = piece->index + at - hpfn;
	if (at > wanted->last_hpfn || index + wanted->nr > (s64)piece->index + contiguous)
		return FP_NIL;
	if (index < 0 || fp_extents_hpfn(survey->extents, index) != at)
		return FP_NIL;
	return index;
}

/* Look at the windows that begin (@up) or end with a piece. */
static void look_at_windows(struct fp_survey *survey, const struct fp_evacuation *wanted,
			    bool up)
{
	struct fp_survey_window window = { .index = FP_NIL };
	const struct fp_piece *piece;
	u32 i, index;

	for (i = 0; i < survey->nr; i++) {
		piece = &survey->pieces[i];
		index = place(survey, wanted, piece,
			      up ? piece->index : (s64)piece_end(piece) - wanted->nr, up);
		if (index == FP_NIL || index == window.index)
			continue;
		slide(survey, &window, index, wanted->nr);
		if (!window.fixed && has_room(survey, &window, wanted->nr))
			insert(survey, &window);
		cond_resched();
	}
}

/*
 * Choose among the best windows: those whose pieces fit elsewhere come first, the cheapest of them
 * before the others. Passes over @skip of them.
 */
static const struct fp_survey_window *choose(struct fp_survey *survey, u32 nr, u32 skip,
					     bool *fits_it)
{
	bool fit[FP_EVACUATE_TRIES];
	u32 i;

	*fits_it = true;
	for (i = 0; i < survey->nr_best; i++) {
		fit[i] = fits(survey, &survey->best[i], nr);
		if (fit[i] && !skip--)
			return &survey->best[i];
	}
	*fits_it = false;
	for (i = 0; i < survey->nr_best; i++)
		if (!fit[i] && !skip--)
			break;
	return &survey->best[i];
}

/**
 * fp_evacuate() - choose what to make empty
 * @survey: what the huge frames are used for
 * @evacuation: what is wanted, and the result
 *
 * The cheapest window whose pieces fit elsewhere is chosen. If there is none, the cheapest one is,
 * and room has to be made for its pieces first.
 *
 * Context: may sleep.
 * Return: false: wherever it could be, something fixed is in the way, or too little is empty; or
 * all choices are to be passed over.
 */
bool fp_evacuate(struct fp_survey *survey, struct fp_evacuation *evacuation)
{
	const struct fp_survey_window *chosen;

	survey->nr_best = 0;
	survey->wanted = evacuation;
	look_at_windows(survey, evacuation, true);
	look_at_windows(survey, evacuation, false);
	evacuation->nr_possible = survey->nr_best;
	if (evacuation->skip >= survey->nr_best)
		return false;
	chosen = choose(survey, evacuation->nr, evacuation->skip, &evacuation->fits);
	evacuation->index = chosen->index;
	evacuation->first = chosen->lo;
	evacuation->last = chosen->hi - 1;
	evacuation->cost = chosen->cost;
	return true;
}
