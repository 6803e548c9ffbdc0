// SPDX-License-Identifier: GPL-2.0-only
/*
 * Compaction: makes room for a run that is longer than any empty one, by moving the buffers that
 * are in the way and may move.
 */
#include "user/compact.h"

#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/sort.h>

#include "core/evacuate.h"
#include "core/move.h"
#include "user/client.h"
#include "user/movable.h"
#include "user/mover.h"

/* How often to choose another window after something in the one chosen did not move. */
#define MAX_TRIES	16

/* Room for a run may need other room for what is in its way, and so on. */
#define MAX_DEPTH	3

/**
 * struct span - huge frames side by side
 * @index: the first
 * @nr: how many
 */
struct span {
	u32 index;
	u32 nr;
};

/**
 * struct mover - somebody makes room
 * @pool: the pool; its moving mutex is held
 * @windows: the windows that are being emptied, of which nothing may be moved for the others
 * @depth: how many there are
 * @saw_pinned: a movable buffer was passed over since it is pinned
 */
struct mover {
	struct fp_pool *pool;
	struct span windows[MAX_DEPTH];
	u32 depth;
	bool saw_pinned;
};

static int hold_room(struct mover *mover, const struct fp_runs_request *wanted, u32 *index);

/*
 * Empty the huge frames of a run. Returns 0: they are held now; -EBUSY: it did not move; -ENOSPC:
 * there is no place for it.
 */
static int evacuate_run(struct mover *mover, struct fp_buffer *buffer)
{
	const struct fp_runs_request wanted = {
		.nr = buffer->run.nr / FP_HUGE_FRAMES, .align_level = buffer->align_level,
		.last_hpfn = buffer->last_hpfn,
	};
	u32 to;
	u64 done;
	int ret = hold_room(mover, &wanted, &to);

	if (ret) {
		fp_movables_refuse(&mover->pool->movables, FP_REFUSED_NO_ROOM);
		return ret;
	}
	done = fp_mover_move_run(mover->pool, buffer, to, 0);
	if (done == buffer->run.nr)
		return 0;
	if (!done)
		fp_mover_drop(mover->pool, to, wanted.nr, true);
	return -EBUSY;
}

/* Empty the huge frames of a piece, which are held then, but not cleared. As evacuate_run(). */
static int move_piece(struct mover *mover, const struct fp_piece *piece)
{
	u64 frame = (u64)piece->index * FP_HUGE_FRAMES;
	struct fp_buffer *buffer = fp_mover_begin_run(mover->pool, frame);
	int ret;

	if (buffer && buffer->run.nr < FP_HUGE_FRAMES) {
		fp_movable_end(buffer);
		buffer = NULL;
	}
	if (!buffer)
		return piece->nr == 1 && fp_mover_move_blocks(mover->pool, piece->index) ?
			0 : -EBUSY;
	ret = buffer->run.nr == (u64)piece->nr * FP_HUGE_FRAMES ? evacuate_run(mover, buffer) :
								  -EBUSY;
	fp_movable_end(buffer);
	return ret;
}

/* The part of a piece that lies in a window. */
static struct span part_in(const struct fp_piece *piece, const struct fp_evacuation *window)
{
	u32 begin = max(piece->index, window->index);
	u32 end = min(piece->index + piece->nr, window->index + window->nr);

	return (struct span){ begin, end - begin };
}

/* Of a piece that is held, clear what lies in the window, and stop holding the rest. */
static struct span trim(struct mover *mover, const struct fp_piece *piece,
			const struct fp_evacuation *window)
{
	struct span part = part_in(piece, window);
	struct fp_buddy *buddy = &mover->pool->buddy;
	u32 before = part.index - piece->index, after = piece->nr - before - part.nr;

	if (before)
		fp_move_split(buddy, piece->index, before);
	if (after)
		fp_move_split(buddy, part.index, part.nr);
	fp_mover_clear(mover->pool, piece->index, piece->nr);
	if (before)
		fp_mover_drop(mover->pool, piece->index, before, false);
	if (after)
		fp_mover_drop(mover->pool, part.index + part.nr, after, false);
	return part;
}

/* Longer pieces first, since shorter ones fit into what they leave. */
static int compare_pieces(const void *a, const void *b)
{
	u32 left = ((const struct fp_piece *)a)->nr, right = ((const struct fp_piece *)b)->nr;

	return (left < right) - (left > right);
}

/**
 * struct held - what is held of a window
 * @nr: how many spans
 * @span: room for as many as the window has pieces
 */
struct held {
	u32 nr;
	struct span span[];
};

/* Hold what is empty in the window. */
static int hold_empty(struct mover *mover, const struct fp_evacuation *window,
		      const struct fp_piece *pieces, u32 nr, struct held *held)
{
	struct span part;
	u32 i;

	for (i = 0; i < nr; i++) {
		if (pieces[i].used)
			continue;
		part = part_in(&pieces[i], window);
		if (!fp_move_hold_at(&mover->pool->buddy, part.index, part.nr))
			return -EAGAIN;
		held->span[held->nr++] = part;
	}
	return 0;
}

static int move_pieces(struct mover *mover, const struct fp_evacuation *window,
		       const struct fp_piece *pieces, u32 nr, struct held *held)
{
	int ret = 0;
	u32 i;

	for (i = 0; i < nr && !ret; i++) {
		if (!pieces[i].used)
			continue;
		ret = fatal_signal_pending(current) ? -EINTR : move_piece(mover, &pieces[i]);
		if (!ret)
			held->span[held->nr++] = trim(mover, &pieces[i], window);
		cond_resched();
	}
	return ret;
}

/* Make one held run of a window all of which is held. */
static void join(struct mover *mover, const struct fp_evacuation *window)
{
	struct fp_buddy *buddy = &mover->pool->buddy;
	u32 nr = fp_huge_nr_quarantined(&buddy->runs.huge[window->index]);

	while (nr < window->nr) {
		fp_move_join(buddy, window->index, window->index + nr);
		nr = fp_huge_nr_quarantined(&buddy->runs.huge[window->index]);
		cond_resched();
	}
}

/* Empty a window, and hold it. Returns 0, -EAGAIN, -EBUSY, -ENOSPC, -ENOMEM or -EINTR. */
static int empty_window(struct mover *mover, const struct fp_survey *survey,
			const struct fp_evacuation *window)
{
	u32 nr = window->last - window->first + 1;
	struct fp_piece *pieces = survey->pieces + window->first;
	struct held *held = kvmalloc(struct_size(held, span, nr), GFP_KERNEL);
	int ret;

	if (!held)
		return -ENOMEM;
	held->nr = 0;
	sort(pieces, nr, sizeof(*pieces), compare_pieces, NULL);
	mover->windows[mover->depth++] = (struct span){ window->index, window->nr };
	ret = hold_empty(mover, window, pieces, nr, held);
	if (!ret)
		ret = move_pieces(mover, window, pieces, nr, held);
	mover->depth--;
	if (!ret)
		join(mover, window);
	while (ret && held->nr--)
		fp_mover_drop(mover->pool, held->span[held->nr].index, held->span[held->nr].nr,
			      false);
	kvfree(held);
	return ret;
}

static bool buffer_may_move(struct mover *mover, const struct fp_buffer *buffer)
{
	mover->saw_pinned |= fp_movable_is_pinned(buffer);
	return fp_movable_may_move(buffer);
}

static bool run_may_move(struct mover *mover, u64 frame, u64 nr)
{
	const struct fp_buffer *buffer = fp_movable_first(mover->pool, frame);

	return buffer && buffer->run.frame == frame && buffer->run.nr == nr &&
	       buffer_may_move(mover, buffer);
}

static bool blocks_may_move(struct mover *mover, u64 frame, u32 nr_used)
{
	const struct fp_buffer *buffer = fp_movable_first(mover->pool, frame);
	u32 nr = 0;

	for (; buffer && buffer->run.frame < frame + FP_HUGE_FRAMES;
	     buffer = fp_movable_next(buffer)) {
		if (!buffer_may_move(mover, buffer))
			return false;
		nr += buffer->run.nr;
	}
	return nr == nr_used;
}

static bool is_in_windows(const struct mover *mover, u32 index, u32 nr)
{
	u32 i;

	for (i = 0; i < mover->depth; i++)
		if (index < mover->windows[i].index + mover->windows[i].nr &&
		    index + nr > mover->windows[i].index)
			return true;
	return false;
}

/* As fp_may_move_fn: may what lies in these huge frames move? */
static bool may_move(void *context, u32 index, u32 nr, const struct fp_huge_view *view)
{
	struct mover *mover = context;
	struct fp_pool *pool = mover->pool;
	u64 frame = (u64)index * FP_HUGE_FRAMES;
	bool may;

	if (is_in_windows(mover, index, nr))
		return false;
	spin_lock(&pool->movables.lock);
	may = view->state == FP_HUGE_RUN ? run_may_move(mover, frame, (u64)nr * FP_HUGE_FRAMES) :
					   blocks_may_move(mover, frame, view->nr_used);
	spin_unlock(&pool->movables.lock);
	return may;
}

/* Hold huge frames that are not empty yet. */
static int make_empty(struct mover *mover, struct fp_evacuation *wanted)
{
	struct fp_survey *survey = fp_survey_create(&mover->pool->buddy, may_move, mover);
	int ret = -ENOMEM;

	if (survey && fp_evacuate(survey, wanted)) {
		ret = empty_window(mover, survey, wanted);
	} else if (survey) {
		ret = -ENOSPC;
		if (mover->saw_pinned)
			fp_movables_refuse(&mover->pool->movables, FP_REFUSED_PINNED);
	}
	fp_survey_destroy(survey);
	return ret;
}

/*
 * Hold huge frames, if need be after others have moved. Returns 0; -ENOSPC: something that must not
 * move is in the way everywhere; -EBUSY: something did not move; -ENOMEM; -EINTR: killed.
 */
static int hold_room(struct mover *mover, const struct fp_runs_request *wanted, u32 *index)
{
	struct fp_evacuation window = {
		.nr = wanted->nr,
		.align_level = wanted->align_level,
		.last_hpfn = wanted->last_hpfn,
	};
	u32 tries = MAX_TRIES;
	int ret;

	do {
		ret = fp_mover_hold(mover->pool, wanted, index);
		if (!ret || mover->depth == MAX_DEPTH)
			return ret;
		ret = make_empty(mover, &window);
	} while ((ret == -EAGAIN || ret == -EBUSY) && --tries);
	*index = window.index;
	return ret;
}

/* Begin a round. First try to bring buffers together that are in two places. */
static void unsplit(struct mover *mover)
{
	struct fp_pool *pool = mover->pool;
	struct fp_buffer *buffer;
	u32 from, to, nr;
	u64 done;

	pool->movables.round++;
	while ((buffer = fp_movable_begin_split(pool))) {
		from = buffer->run.frame / FP_HUGE_FRAMES;
		to = fp_pool_frame(pool, buffer->to_pfn) / FP_HUGE_FRAMES;
		nr = buffer->run.nr / FP_HUGE_FRAMES;
		done = fp_mover_move_run(pool, buffer, to, buffer->nr_moved);
		if (!done)
			fp_mover_drop(pool, to, nr, true);
		else if (done == buffer->run.nr)
			fp_mover_drop(pool, from, nr, true);
		fp_movable_end(buffer);
	}
}

/**
 * fp_compact_pin() - keep a buffer where it is
 * @buffer: the buffer, with a reference
 * @kind: for whom
 *
 * Context: may sleep.
 * Return: as fp_movable_pin().
 */
int fp_compact_pin(struct fp_buffer *buffer, enum fp_pin kind)
{
	struct mover mover = { .pool = buffer->client->pool };
	int ret = fp_movable_pin(buffer, kind);

	if (ret != -EBUSY)
		return ret;
	if (mutex_lock_killable(&mover.pool->movables.moving))
		return -EINTR;
	unsplit(&mover);
	mutex_unlock(&mover.pool->movables.moving);
	return fp_movable_pin(buffer, kind);
}

/**
 * fp_compact_make_room() - allocate a run, after moving what is in the way
 * @pool: the pool
 * @owner: the owner of the run
 * @request: what the run must satisfy
 * @run: the result
 *
 * Context: may sleep; takes the pool's moving mutex, folio locks and each client's i_mmap_rwsem.
 * Return: 0; -ENOSPC: nothing that may move is in the way; -EDQUOT, -EINTR.
 */
int fp_compact_make_room(struct fp_pool *pool, struct fp_owner *owner,
			 const struct fp_request *request, struct fp_run *run)
{
	const struct fp_runs_request wanted = {
		.nr = DIV_ROUND_UP_ULL(request->nr, FP_HUGE_FRAMES),
		.align_level = request->align > FP_HUGE_FRAMES ?
			ilog2(request->align) - FP_HUGE_ORDER : 0,
		.last_hpfn = fp_request_last_hpfn(&pool->buddy, request),
	};
	struct mover mover = { .pool = pool };
	u32 index;
	int ret;

	if (RB_EMPTY_ROOT(&pool->movables.by_frame))
		return -ENOSPC;
	if (mutex_lock_killable(&pool->movables.moving))
		return -EINTR;
	unsplit(&mover);
	ret = hold_room(&mover, &wanted, &index);
	if (!ret) {
		ret = fp_move_give(owner, index, request->nr, run);
		if (ret)
			fp_mover_drop(pool, index, wanted.nr, false);
	}
	mutex_unlock(&pool->movables.moving);
	return ret == -EINTR || ret == -EDQUOT || !ret ? ret : -ENOSPC;
}
