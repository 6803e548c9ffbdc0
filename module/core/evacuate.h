/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FP_EVACUATE_H
#define FP_EVACUATE_H

#include "core/buddy.h"
#include "core/holes.h"

#define FP_FIXED	U32_MAX

/**
 * struct fp_piece - huge frames side by side that are used for the same
 * @index: the first
 * @nr: how many
 * @used: frames to copy from each of them if they are to be empty; 0: they are empty; FP_FIXED:
 *	  what is in them must not move
 */
struct fp_piece {
	u32 index;
	u32 nr;
	u32 used;
};

/* Windows for which it is tried whether everything fits elsewhere. */
#define FP_EVACUATE_TRIES	32

/**
 * struct fp_survey_window - huge frames, and what lies in them
 * @index: the first
 * @lo: first piece that they touch
 * @hi: first piece after them
 * @cost: frames to copy
 * @moved: huge frames of the runs that have to move
 * @blocks: frames of blocks that have to move
 * @beside: free frames beside these
 * @empty: huge frames of empty pieces that they touch
 * @fixed: how many pieces among them are fixed
 */
struct fp_survey_window {
	u32 index;
	u32 lo;
	u32 hi;
	u64 cost;
	u32 moved;
	u64 blocks;
	u64 beside;
	u32 empty;
	u32 fixed;
};

struct fp_evacuation;

/**
 * struct fp_survey - what all huge frames of a pool are used for
 * @extents: where they lie
 * @order: of a huge frame, in frames
 * @pieces: all of them, by address; none lies in two extents
 * @nr: how many
 * @nr_empty: empty huge frames in them
 * @nr_beside: free frames beside blocks that may move, in huge frames partly used
 * @holes: the lengths of empty pieces
 * @left: room for those that are left outside of a window
 * @wanted: what is looked for
 * @nr_best: how many windows there are in @best
 * @best: the cheapest windows, by cost
 */
struct fp_survey {
	const struct fp_extents *extents;
	u32 order;
	struct fp_piece *pieces;
	u32 nr;
	u32 nr_empty;
	u64 nr_beside;
	struct fp_holes holes;
	struct fp_holes left;
	const struct fp_evacuation *wanted;
	u32 nr_best;
	struct fp_survey_window best[FP_EVACUATE_TRIES];
};

/**
 * struct fp_evacuation - huge frames that are to be made empty
 * @nr: how many, side by side
 * @align_level: the PFN of the first is a multiple of 2^@align_level huge frames
 * @last_hpfn: the first lies at or below this; FP_NO_LIMIT: anywhere
 * @max_run: runs longer than this must not be among them; 0: they may
 * @nr_elsewhere: as many huge frames are there as well, as a place for what has to move
 * @skip: how many choices to pass over, because they turned out to be impossible
 * @index: the result: the first
 * @first: the result: first piece that lies in them, at least partly
 * @last: the result: last such piece
 * @cost: the result: frames to copy
 * @fits: the result: each piece that has to move fits somewhere else as things are
 * @nr_possible: the result: how many choices there are, @skip included
 */
struct fp_evacuation {
	u32 nr;
	u32 align_level;
	u32 last_hpfn;
	u32 max_run;
	u32 nr_elsewhere;
	u32 skip;
	u32 index;
	u32 first;
	u32 last;
	u64 cost;
	bool fits;
	u32 nr_possible;
};

typedef bool (*fp_may_move_fn)(void *context, u32 index, u32 nr,
			       const struct fp_huge_view *view);

struct fp_survey *fp_survey_create(const struct fp_buddy *buddy, fp_may_move_fn may_move,
				   void *context);
void fp_survey_destroy(struct fp_survey *survey);
bool fp_evacuate(struct fp_survey *survey, struct fp_evacuation *evacuation);

#endif
