// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is to be seen of a buddy. Counts are kept, and cost nobody more than a moment of the buddy's
 * lock. What has to be looked for (free blocks by order, what each huge frame is used for) is read
 * without any lock while owners go on, so it need not fit together. To check invariants, the pool
 * is frozen instead (see owner.c).
 */
#include "core/buddy.h"

/* How many huge frames to look at in one call. */
#define MAX_HUGE	1024

/**
 * fp_buddy_nr_owned_free() - count the free frames in owned huge frames
 * @buddy: the buddy
 *
 * Context: any.
 * Return: how many there are; correct while no owner allocates or frees.
 */
s64 fp_buddy_nr_owned_free(const struct fp_buddy *buddy)
{
	s64 sum = 0;
	u32 cpu;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(*per_cpu_ptr(buddy->nr_owned_free, cpu));
	return sum;
}

/**
 * fp_buddy_count() - read the counts
 * @buddy: the buddy
 * @counts: the result
 *
 * The sum of @free, @used, @quarantined and @retired is @total at any time.
 *
 * Context: any; takes the buddy's lock for a moment.
 */
void fp_buddy_count(struct fp_buddy *buddy, struct fp_counts *counts)
{
	u64 total = fp_buddy_nr_frames(buddy), nr_huge, left;
	s64 nr_free = fp_buddy_nr_owned_free(buddy);

	spin_lock_bh(&buddy->lock);
	counts->total = total;
	counts->quarantined = (u64)buddy->nr_quarantined << buddy->order;
	counts->retired = (u64)buddy->nr_retired << buddy->order;
	nr_huge = buddy->runs.extents.nr_huge - buddy->nr_retired - buddy->runs.nr_empty -
		  buddy->nobody.charged;
	counts->charged = nr_huge << buddy->order;
	counts->largest = (u64)fp_runs_longest(&buddy->runs) << buddy->order;
	counts->bad_frees = buddy->nr_bad_frees;
	nr_free += (s64)buddy->runs.nr_empty << buddy->order;
	spin_unlock_bh(&buddy->lock);
	left = total - counts->quarantined - counts->retired;
	counts->free = clamp(nr_free, 0, (s64)left);
	counts->used = left - counts->free;
}

/* Add up the naturally aligned blocks that a run of empty huge frames consists of. */
static void count_run(const struct fp_buddy *buddy, u32 index, u32 nr, u64 *blocks)
{
	u32 hpfn = fp_extents_hpfn(&buddy->runs.extents, index), level;

	for (; nr; nr -= 1U << level, hpfn += 1U << level) {
		level = ilog2(nr);
		if (hpfn)
			level = min_t(u32, level, __ffs(hpfn));
		blocks[buddy->order + level]++;
	}
}

/**
 * fp_buddy_count_blocks() - add up free blocks by order
 * @buddy: the buddy
 * @from: where to begin; 0 at first
 * @blocks: FP_ORDERS counts to add to; each block counts at the largest order that it forms
 *
 * Context: any; takes no lock.
 * Return: where to go on, or FP_NIL at the end.
 */
u32 fp_buddy_count_blocks(const struct fp_buddy *buddy, u32 from, u64 *blocks)
{
	u32 index = from, end = buddy->runs.extents.nr_huge, nr;
	struct fp_huge_view view;

	for (; index < end && index - from < MAX_HUGE; index += nr) {
		nr = fp_buddy_view(buddy, index, &view);
		if (view.state == FP_HUGE_EMPTY)
			count_run(buddy, index, nr, blocks);
		else if (view.state == FP_HUGE_OWNED && !view.nr_used)
			blocks[buddy->order]++;
		else if (view.state == FP_HUGE_OWNED)
			fp_frames_count_blocks(fp_buddy_frames(buddy, index), blocks);
	}
	return index < end ? index : FP_NIL;
}

/**
 * fp_buddy_view() - what is a huge frame used for?
 * @buddy: the buddy
 * @index: the huge frame
 * @view: the result
 *
 * To look at all of them, begin at 0 and go on after those that are used for the same.
 *
 * Context: any; takes no lock.
 * Return: how many huge frames, from @index on, are used for the same; at least 1.
 */
u32 fp_buddy_view(const struct fp_buddy *buddy, u32 index, struct fp_huge_view *view)
{
	/* One read: the state and the rest must be of one moment. */
	struct fp_huge huge = { READ_ONCE(buddy->runs.huge[index].word) };
	u32 nr = 1, id = FP_NO_ID;

	*view = (struct fp_huge_view){ .state = fp_huge_state(&huge), .label = FP_NO_LABEL };
	switch (view->state) {
	case FP_HUGE_EMPTY:
		nr = fp_huge_next(&huge);
		break;
	case FP_HUGE_OWNED:
		id = fp_huge_owner(&huge);
		view->nr_used = (1U << buddy->order) -
				fp_frames_nr_free(fp_buddy_frames(buddy, index));
		break;
	case FP_HUGE_RUN:
		id = fp_huge_owner(&huge);
		nr = fp_huge_next(&huge);
		view->nr_used = 1U << buddy->order;
		break;
	case FP_HUGE_QUARANTINED:
		view->label = fp_huge_label(&huge);
		nr = huge.word & FP_HUGE_LONG ? fp_huge_next(&buddy->runs.huge[index + 1]) : 1;
		break;
	default:
		break;
	}
	view->id = id;
	if (id >= buddy->nr_fixed && id != FP_NO_ID)
		view->label = READ_ONCE(buddy->labels[id - buddy->nr_fixed]);
	/* The length of a run in quarantine is another word. */
	return clamp(nr, 1U, buddy->runs.extents.nr_huge - index);
}
