// SPDX-License-Identifier: GPL-2.0-only
/*
 * Room for a run: huge frames side by side become empty, by moving the buffers that are in the way
 * and may move.
 *
 * core/evacuate.c chooses the window that takes the fewest copies. Everything in it that is empty
 * is held from the beginning, and what was moved away is held from then on, each huge frame by
 * itself. So nobody takes what was just emptied. The longest runs move first, since shorter ones
 * fit into what they leave.
 *
 * If a run of the window fits into no empty run outside, a second window of its length is emptied
 * for it, one in which all runs are shorter. They go elsewhere if they fit, and otherwise into the
 * part of the first window that is held already, for the time being: they are moved out of it again
 * after all that lay in it before. In each such round the longest run is shorter than in the one
 * before, so there is an end.
 *
 * Small buffers move to free parts of other huge frames of their owner. If no window can be
 * emptied, as many of them as possible are brought together first.
 */
#include "user/room.h"

#include <linux/bitmap.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/sort.h>

#include "core/evacuate.h"
#include "core/move.h"
#include "user/client.h"
#include "user/movable.h"
#include "user/mover.h"

/* How often to choose another window after one could not be emptied. */
#define MAX_TRIES	16

/**
 * struct window - huge frames that are being emptied
 * @index: the first
 * @nr: how many
 * @unheld: a bit for each: it is not held yet
 */
struct window {
	u32 index;
	u32 nr;
	unsigned long *unheld;
};

/**
 * struct room - somebody makes room
 * @pool: the pool; its moving mutex is held
 * @windows: what is being emptied: the window, and one in which to put a run of it
 * @depth: how many there are
 * @parked: what was moved into the window for the time being; room for as many as it has huge
 *	    frames
 * @nr_parked: how many
 * @yields: the compactor, who stops when somebody else wants to move
 * @saw_pinned: something was passed over since it is pinned
 */
struct room {
	struct fp_pool *pool;
	struct window windows[2];
	u32 depth;
	struct fp_piece *parked;
	u32 nr_parked;
	bool yields;
	bool saw_pinned;
};

/**
 * struct place - where something is moved to
 * @index: the first huge frame, held; FP_NIL: there is none
 * @nr: how many
 * @is_parking: it lies in the window
 */
struct place {
	u32 index;
	u32 nr;
	bool is_parking;
};

static int displace(struct room *room, const struct fp_runs_request *wanted, u32 *index);

/* Hold huge frames of a window that are held as one run each by itself. */
static void hold_each(struct room *room, struct window *window, u32 index, u32 nr)
{
	struct fp_buddy *buddy = &room->pool->buddy;

	bitmap_clear(window->unheld, index - window->index, nr);
	for (; nr > 1; nr--, index++) {
		fp_move_split(buddy, index, 1);
		cond_resched();
	}
}

/* Make one held run of huge frames of a window that are held each by itself. */
static void join(struct room *room, struct window *window, u32 index, u32 nr)
{
	u32 i;

	bitmap_set(window->unheld, index - window->index, nr);
	for (i = 1; i < nr; i++) {
		fp_move_join(&room->pool->buddy, index, index + i);
		cond_resched();
	}
}

static bool is_suitable(const struct fp_pool *pool, const struct fp_runs_request *wanted, u32 index)
{
	u32 hpfn = fp_extents_hpfn(&pool->buddy.runs.extents, index);

	return hpfn <= wanted->last_hpfn && !(hpfn & ((1U << wanted->align_level) - 1));
}

/* Find a place in the window for something that will move once more. */
static int park(struct room *room, const struct fp_runs_request *wanted, u32 *index)
{
	struct window *window = &room->windows[0];
	unsigned long at = 0;

	for (;; at++) {
		at = bitmap_find_next_zero_area(window->unheld, window->nr, at, wanted->nr, 0);
		if (at >= window->nr)
			return -ENOSPC;
		*index = window->index + at;
		if (is_suitable(room->pool, wanted, *index))
			break;
	}
	join(room, window, *index, wanted->nr);
	return 0;
}

/* Find a place. Returns 0, -ENOSPC, or what else displace() returns. */
static int find_place(struct room *room, const struct fp_runs_request *wanted, struct place *place)
{
	int ret = fp_mover_hold(room->pool, wanted, &place->index);

	place->nr = wanted->nr;
	place->is_parking = ret && room->depth > 1;
	if (place->is_parking)
		ret = park(room, wanted, &place->index);
	else if (ret && wanted->nr > 1)
		ret = displace(room, wanted, &place->index);
	if (ret)
		place->index = FP_NIL;
	return ret;
}

/* Nothing was moved there. */
static void leave_place(struct room *room, const struct place *place, bool dirty)
{
	if (!place->is_parking) {
		fp_mover_drop(room->pool, place->index, place->nr, dirty);
		return;
	}
	if (dirty)
		fp_mover_clear(room->pool, place->index, place->nr);
	hold_each(room, &room->windows[0], place->index, place->nr);
}

static void note_parked(struct room *room, const struct place *place, u32 used)
{
	if (place->is_parking)
		room->parked[room->nr_parked++] =
			(struct fp_piece){ place->index, place->nr, used };
}

/*
 * Empty the huge frames of a run, which are held then. Returns 0; -EBUSY: it did not move; or what
 * find_place() returns.
 */
static int move_run(struct room *room, struct fp_buffer *buffer)
{
	struct fp_runs_request wanted = {
		.nr = buffer->run.nr / FP_HUGE_FRAMES, .last_hpfn = FP_NO_LIMIT,
	};
	struct place place;
	u64 done;
	int ret;

	fp_mover_restrict(room->pool, &buffer->move, &wanted);
	ret = find_place(room, &wanted, &place);
	if (ret == -ENOSPC)
		fp_movables_refuse(&room->pool->movables, FP_REFUSED_NO_ROOM);
	if (ret)
		return ret;
	done = fp_mover_move_run(room->pool, buffer, place.index, 0);
	if (done == buffer->run.nr) {
		note_parked(room, &place, FP_HUGE_FRAMES);
		return 0;
	}
	if (!done)
		leave_place(room, &place, true);
	return -EBUSY;
}

/*
 * Empty a huge frame with small buffers and slabs, which is held then. As move_run(). The move of a
 * slab begins after there is room, since whoever wants to free it may wait for its end, with locks
 * that others hold.
 */
static int move_blocks(struct room *room, const struct fp_piece *piece)
{
	const struct fp_runs_request one = { .nr = 1, .last_hpfn = FP_NO_LIMIT };
	struct place place;
	bool found = !find_place(room, &one, &place);
	u32 to = place.index;
	int ret = fp_mover_move_blocks(room->pool, piece->index, &to);

	if (found && to == FP_NIL)
		note_parked(room, &place, piece->used);
	else if (found)
		leave_place(room, &place, false);
	return ret;
}

/* Empty a huge frame that is a slab, which is held then. As move_run(). */
static int move_slab(struct room *room, u32 index)
{
	const struct fp_runs_request one = { .nr = 1, .last_hpfn = FP_NO_LIMIT };
	struct place place;
	int ret = find_place(room, &one, &place);

	if (ret == -ENOSPC)
		fp_movables_refuse(&room->pool->movables, FP_REFUSED_NO_ROOM);
	if (ret)
		return ret;
	ret = fp_mover_move_slab(room->pool, index, place.index);
	if (ret)
		leave_place(room, &place, true);
	else
		note_parked(room, &place, FP_HUGE_FRAMES);
	return ret;
}

/* Empty the huge frames of a piece, which are held then, but not cleared. As move_run(). */
static int move_piece(struct room *room, const struct fp_piece *piece)
{
	struct fp_buffer *buffer = fp_mover_begin_run(room->pool, piece->index);
	int ret = -EBUSY;

	if (!buffer && piece->nr > 1)
		return -EBUSY;
	if (!buffer)
		return fp_mover_has_slab(room->pool, piece->index) ?
		       move_slab(room, piece->index) : move_blocks(room, piece);
	if (buffer->run.nr == (u64)piece->nr * FP_HUGE_FRAMES)
		ret = move_run(room, buffer);
	fp_movables_end(&room->pool->movables, &buffer->move);
	return ret;
}

/* Of a piece that is held, clear everything, and stop holding what does not lie in the window. */
static void keep_part(struct room *room, struct window *window, const struct fp_piece *piece)
{
	u32 begin = max(piece->index, window->index);
	u32 end = min(piece->index + piece->nr, window->index + window->nr);
	u32 before = begin - piece->index, after = piece->index + piece->nr - end;
	struct fp_buddy *buddy = &room->pool->buddy;

	fp_mover_clear(room->pool, piece->index, piece->nr);
	if (before) {
		fp_move_split(buddy, piece->index, before);
		fp_mover_drop(room->pool, piece->index, before, false);
	}
	if (after) {
		fp_move_split(buddy, begin, end - begin);
		fp_mover_drop(room->pool, end, after, false);
	}
	hold_each(room, window, begin, end - begin);
}

static bool must_stop(const struct room *room)
{
	const struct fp_movables *movables = &room->pool->movables;

	return fatal_signal_pending(current) ||
	       (room->yields && (kthread_should_stop() || atomic_read(&movables->nr_waiting) ||
				 !READ_ONCE(movables->min_largest)));
}

/* Longer pieces first, since shorter ones fit into what they leave. */
static int compare_pieces(const void *a, const void *b)
{
	u32 left = ((const struct fp_piece *)a)->nr, right = ((const struct fp_piece *)b)->nr;

	return (left < right) - (left > right);
}

/* Move all that lies in a window. */
static int move_pieces(struct room *room, struct window *window, struct fp_piece *pieces, u32 nr)
{
	int ret = 0;
	u32 i;

	sort(pieces, nr, sizeof(*pieces), compare_pieces, NULL);
	for (i = 0; i < nr && !ret; i++) {
		if (!pieces[i].used)
			continue;
		ret = must_stop(room) ? -EINTR : move_piece(room, &pieces[i]);
		if (!ret)
			keep_part(room, window, &pieces[i]);
		cond_resched();
	}
	return ret;
}

/* Hold what is empty in a window. */
static int hold_empty(struct room *room, struct window *window, const struct fp_piece *pieces,
		      u32 nr)
{
	u32 i, begin, end;

	for (i = 0; i < nr; i++) {
		if (pieces[i].used)
			continue;
		begin = max(pieces[i].index, window->index);
		end = min(pieces[i].index + pieces[i].nr, window->index + window->nr);
		if (!fp_move_hold_at(&room->pool->buddy, begin, end - begin))
			return -EAGAIN;
		hold_each(room, window, begin, end - begin);
	}
	return 0;
}

/* Move what was parked in the window. */
static int move_parked(struct room *room, struct window *window)
{
	struct fp_piece *parked = room->parked;
	u32 nr = room->nr_parked;
	int ret;

	/* What is parked meanwhile is moved in the next round. */
	room->parked = kvmalloc_array(window->nr, sizeof(*parked), FP_GFP_CALL);
	room->nr_parked = 0;
	ret = room->parked ? move_pieces(room, window, parked, nr) : -ENOMEM;
	kvfree(parked);
	return ret;
}

/* All of a window is held: make one run of it. Otherwise, stop holding what is. */
static void end_window(struct room *room, struct window *window, bool done)
{
	u32 i;

	if (done)
		join(room, window, window->index, window->nr);
	for (i = 0; !done && i < window->nr; i++)
		if (!test_bit(i, window->unheld))
			fp_mover_drop(room->pool, window->index + i, 1, false);
	kvfree(window->unheld);
	room->depth--;
}

/* Empty a window, and hold it. Returns 0, -EAGAIN, -EBUSY, -ENOSPC, -ENOMEM or -EINTR. */
static int empty_window(struct room *room, const struct fp_survey *survey,
			const struct fp_evacuation *chosen)
{
	struct fp_piece *pieces = survey->pieces + chosen->first;
	u32 nr = chosen->last - chosen->first + 1;
	struct window *window = &room->windows[room->depth++];
	int ret;

	*window = (struct window){
		.index = chosen->index,
		.nr = chosen->nr,
		.unheld = kvcalloc(BITS_TO_LONGS(chosen->nr), sizeof(long), FP_GFP_CALL),
	};
	if (!window->unheld) {
		room->depth--;
		return -ENOMEM;
	}
	bitmap_set(window->unheld, 0, window->nr);
	ret = hold_empty(room, window, pieces, nr);
	if (!ret)
		ret = move_pieces(room, window, pieces, nr);
	while (!ret && room->depth == 1 && room->nr_parked)
		ret = move_parked(room, window);
	/* A run that was to be parked may be in two places, one of them in the window. */
	if (!ret && !bitmap_empty(window->unheld, window->nr))
		ret = -EBUSY;
	end_window(room, window, !ret);
	return ret;
}

static bool is_free_to_move(struct room *room, const struct fp_movable *movable)
{
	room->saw_pinned |= fp_movables_is_pinned(movable);
	return fp_movables_may_move(&room->pool->movables, movable);
}

static bool run_may_move(struct room *room, u64 frame, u64 nr)
{
	const struct fp_movable *movable = fp_movables_first(&room->pool->movables, frame);

	return movable && movable->run->frame == frame && movable->run->nr == nr &&
	       is_free_to_move(room, movable);
}

static bool blocks_may_move(struct room *room, u64 frame, u32 nr_used)
{
	const struct fp_movable *movable = fp_movables_first(&room->pool->movables, frame);
	u32 nr = 0;

	for (; movable && movable->run->frame < frame + FP_HUGE_FRAMES;
	     movable = fp_movables_next(movable)) {
		if (!is_free_to_move(room, movable))
			return false;
		nr += movable->run->nr;
	}
	return nr == nr_used;
}

static bool is_in_windows(const struct room *room, u32 index, u32 nr)
{
	u32 i;

	for (i = 0; i < room->depth; i++)
		if (index < room->windows[i].index + room->windows[i].nr &&
		    index + nr > room->windows[i].index)
			return true;
	return false;
}

/* As fp_may_move_fn: may what lies in these huge frames move? */
static bool may_move(void *context, u32 index, u32 nr, const struct fp_huge_view *view)
{
	struct room *room = context;
	struct fp_pool *pool = room->pool;
	u64 frame = (u64)index * FP_HUGE_FRAMES;
	bool may;

	if (is_in_windows(room, index, nr))
		return false;
	spin_lock(&pool->movables.lock);
	may = view->state == FP_HUGE_RUN ? run_may_move(room, frame, (u64)nr * FP_HUGE_FRAMES) :
					   blocks_may_move(room, frame, view->nr_used);
	spin_unlock(&pool->movables.lock);
	return may;
}

/* Choose a window, and empty it. As empty_window(). */
static int make_empty(struct room *room, struct fp_evacuation *wanted)
{
	struct fp_survey *survey = fp_survey_create(&room->pool->buddy, may_move, room);
	int ret = -ENOMEM;

	if (survey)
		ret = fp_evacuate(survey, wanted) ? empty_window(room, survey, wanted) : -ENOSPC;
	fp_survey_destroy(survey);
	return ret;
}

/* Hold a place for a run of the window, after shorter ones have moved from there. */
static int displace(struct room *room, const struct fp_runs_request *wanted, u32 *index)
{
	const struct window *window = &room->windows[0];
	struct fp_evacuation place = {
		.nr = wanted->nr,
		.align_level = wanted->align_level,
		.last_hpfn = wanted->last_hpfn,
		.max_run = wanted->nr - 1,
		.nr_elsewhere = window->nr - bitmap_weight(window->unheld, window->nr),
	};
	u32 tries = MAX_TRIES;
	int ret;

	do
		ret = make_empty(room, &place);
	while ((ret == -EAGAIN || ret == -EBUSY) && --tries);
	*index = place.index;
	return ret;
}

static int compare_used(const void *a, const void *b)
{
	u32 left = ((const struct fp_piece *)a)->used, right = ((const struct fp_piece *)b)->used;

	return (left > right) - (left < right);
}

/* Move the small buffers of a huge frame to others of their owner. Returns whether it is held. */
static bool merge(struct room *room, u32 index)
{
	u32 nowhere = FP_NIL;

	if (must_stop(room) || fp_mover_move_blocks(room->pool, index, &nowhere))
		return false;
	fp_mover_clear(room->pool, index, 1);
	cond_resched();
	return true;
}

/* Bring small buffers together, from the emptiest huge frames on. Returns how many became empty. */
static u32 merge_all(struct room *room)
{
	struct fp_survey *survey = fp_survey_create(&room->pool->buddy, may_move, room);
	struct fp_piece *piece;
	u32 nr = 0;

	if (!survey)
		return 0;
	sort(survey->pieces, survey->nr, sizeof(*survey->pieces), compare_used, NULL);
	for (piece = survey->pieces; piece < survey->pieces + survey->nr; piece++) {
		if (!piece->used || piece->used >= FP_HUGE_FRAMES || !merge(room, piece->index))
			continue;
		fp_mover_drop(room->pool, piece->index, 1, false);
		nr++;
	}
	fp_survey_destroy(survey);
	/* Their owner is charged for fewer, whatever comes of the rest. */
	if (nr)
		fp_waiters_notify(&room->pool->waiters);
	return nr;
}

static int begin(struct room *room, u32 nr)
{
	/* What may be parked. */
	room->parked = kvmalloc_array(nr, sizeof(*room->parked), FP_GFP_CALL);
	return room->parked ? 0 : -ENOMEM;
}

static void end(struct room *room, int ret)
{
	kvfree(room->parked);
	if (ret == -ENOSPC && room->saw_pinned)
		fp_movables_refuse(&room->pool->movables, FP_REFUSED_PINNED);
}

/* A window could not be emptied. Returns -EAGAIN or -EBUSY if it is worth another try. */
static int look_further(struct room *room, struct fp_evacuation *window, int error, bool *merged)
{
	if (error != -ENOSPC) {
		window->skip = 0;
		return error;
	}
	if (!*merged) {
		*merged = true;
		if (merge_all(room))
			return -EAGAIN;
	}
	return ++window->skip < window->nr_possible ? -EAGAIN : -ENOSPC;
}

/**
 * fp_room_hold() - hold huge frames, if need be after others have moved
 * @pool: the pool; its moving mutex is held
 * @wanted: which
 * @yields: for the compactor: give up when somebody else wants the mutex, or it must stop
 * @index: the result: the first, of a run that is held
 *
 * Context: may sleep; takes folio locks and each client's i_mmap_rwsem.
 * Return: 0; -ENOSPC: something that must not move is in the way everywhere, or there is no place
 * for it; -EBUSY: something did not move; -ENOMEM: no kernel memory; -EINTR: killed, or it yields.
 */
int fp_room_hold(struct fp_pool *pool, const struct fp_runs_request *wanted, bool yields,
		 u32 *index)
{
	struct fp_evacuation window = {
		.nr = wanted->nr,
		.align_level = wanted->align_level,
		.last_hpfn = wanted->last_hpfn,
	};
	struct room room = { .pool = pool, .yields = yields };
	bool merged = false;
	u32 tries = MAX_TRIES;
	int ret;

	if (!fp_mover_hold(pool, wanted, index))
		return 0;
	ret = begin(&room, wanted->nr);
	while (!ret || ret == -EAGAIN || ret == -EBUSY) {
		room.nr_parked = 0;
		ret = make_empty(&room, &window);
		if (!ret || !--tries)
			break;
		ret = look_further(&room, &window, ret, &merged);
		if (ret == -EAGAIN && !fp_mover_hold(pool, wanted, &window.index)) {
			ret = 0;
			break;
		}
	}
	*index = window.index;
	end(&room, ret);
	return ret == -EAGAIN ? -ENOSPC : ret;
}

/* Hold a huge frame, after what lies there has moved. */
static int hold_at(struct room *room, u32 index)
{
	struct fp_survey *survey = fp_survey_create(&room->pool->buddy, may_move, room);
	struct fp_evacuation window = { .index = index, .nr = 1, .last_hpfn = FP_NO_LIMIT };
	const struct fp_piece *piece;
	int ret;

	if (!survey)
		return -ENOMEM;
	for (piece = survey->pieces; piece->index + piece->nr <= index; piece++)
		window.first++;
	window.last = window.first;
	ret = piece->used == FP_FIXED ? -EBUSY : empty_window(room, survey, &window);
	fp_survey_destroy(survey);
	return ret;
}

/**
 * fp_room_hold_at() - hold a given huge frame, if need be after what lies there has moved
 * @pool: the pool; its moving mutex is held
 * @index: the huge frame
 *
 * Context: as fp_room_hold().
 * Return: 0; -EBUSY: something does not move, or must not; -ENOSPC: there is no place for it;
 * -ENOMEM: no kernel memory; -EINTR: killed.
 */
int fp_room_hold_at(struct fp_pool *pool, u32 index)
{
	struct room room = { .pool = pool };
	u32 tries = MAX_TRIES;
	int ret = begin(&room, 1);

	if (ret)
		return ret;
	do {
		room.nr_parked = 0;
		ret = hold_at(&room, index);
	} while (ret == -EAGAIN && --tries);
	if (ret == -EBUSY && room.saw_pinned)
		fp_movables_refuse(&pool->movables, FP_REFUSED_PINNED);
	end(&room, 0);
	return ret == -EAGAIN ? -EBUSY : ret;
}

static bool is_owned_by(struct fp_pool *pool, u32 index, const struct fp_owner *owner)
{
	const struct fp_movable *movable;
	bool is;

	spin_lock(&pool->movables.lock);
	movable = fp_movables_first(&pool->movables, (u64)index * FP_HUGE_FRAMES);
	is = movable && movable->home->owner == owner;
	spin_unlock(&pool->movables.lock);
	return is;
}

/**
 * fp_room_merge() - empty a huge frame of an owner by moving its small buffers to others
 * @pool: the pool; its moving mutex is held
 * @owner: the owner
 * @wanted: what the huge frame must satisfy
 * @index: the result: the huge frame, which is held
 *
 * Context: as fp_room_hold().
 * Return: 0; -ENOSPC: no huge frame can be emptied this way; -ENOMEM: no kernel memory.
 */
int fp_room_merge(struct fp_pool *pool, const struct fp_owner *owner,
		  const struct fp_runs_request *wanted, u32 *index)
{
	struct room room = { .pool = pool };
	struct fp_survey *survey = fp_survey_create(&pool->buddy, may_move, &room);
	struct fp_piece *piece;
	int ret = -ENOSPC;
	u32 i;

	if (!survey)
		return -ENOMEM;
	sort(survey->pieces, survey->nr, sizeof(*survey->pieces), compare_used, NULL);
	for (i = 0; i < survey->nr && ret; i++) {
		piece = &survey->pieces[i];
		*index = piece->index;
		if (piece->used && piece->used < FP_HUGE_FRAMES &&
		    is_suitable(pool, wanted, *index) && is_owned_by(pool, *index, owner) &&
		    merge(&room, *index))
			ret = 0;
	}
	fp_survey_destroy(survey);
	return ret;
}
