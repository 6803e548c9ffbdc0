// SPDX-License-Identifier: GPL-2.0-only
/*
 * Compaction: who wants buffers to move, and when. One at a time has something moved: the holder of
 * the pool's moving mutex.
 */
#include "user/compact.h"

#include "core/move.h"
#include "user/client.h"
#include "user/movable.h"
#include "user/mover.h"
#include "user/room.h"

/* Begin a round. First try to bring buffers together that are in two places. */
static void unsplit(struct fp_pool *pool)
{
	struct fp_buffer *buffer;
	u32 from, to, nr;
	u64 done, all;

	pool->movables.round++;
	while ((buffer = fp_movable_begin_split(pool))) {
		from = buffer->run.frame / FP_HUGE_FRAMES;
		to = fp_pool_frame(pool, buffer->to_pfn) / FP_HUGE_FRAMES;
		all = buffer->run.nr;
		nr = all / FP_HUGE_FRAMES;
		done = fp_mover_move_run(pool, buffer, to, buffer->nr_moved);
		if (!done)
			fp_mover_drop(pool, to, nr, true);
		else if (done == all)
			fp_mover_drop(pool, from, nr, true);
		fp_movables_end(&pool->movables, &buffer->move);
		if (!done || done == all)
			fp_waiters_notify(&pool->waiters);
	}
}

/* Become the one who moves. Returns 0, or -EINTR: killed. */
static int begin(struct fp_pool *pool)
{
	struct fp_movables *movables = &pool->movables;
	int ret;

	if (!mutex_trylock(&movables->moving)) {
		atomic_inc(&movables->nr_waiting);
		/* It may be the one who moves, and must not be kept from running. */
		set_user_nice(movables->compactor, 0);
		ret = mutex_lock_killable(&movables->moving);
		atomic_dec(&movables->nr_waiting);
		if (ret)
			return ret;
	}
	unsplit(pool);
	return 0;
}

/* There may be memory for others if it was not in vain. */
static void end(struct fp_pool *pool, int ret)
{
	mutex_unlock(&pool->movables.moving);
	if (!ret)
		fp_waiters_notify(&pool->waiters);
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
	struct fp_pool *pool = buffer->client->pool;
	int ret = fp_movable_pin(buffer, kind);

	if (ret != -EBUSY)
		return ret;
	if (begin(pool))
		return -EINTR;
	end(pool, -EBUSY);
	return fp_movable_pin(buffer, kind);
}

static struct fp_runs_request huge_request(const struct fp_pool *pool,
					   const struct fp_request *request)
{
	return (struct fp_runs_request){
		.nr = DIV_ROUND_UP_ULL(request->nr, FP_HUGE_FRAMES),
		.align_level = request->align > FP_HUGE_FRAMES ?
			ilog2(request->align) - FP_HUGE_ORDER : 0,
		.last_hpfn = fp_request_last_hpfn(&pool->buddy, request),
	};
}

/* Allocate a run that is held, or stop holding it. */
static int give(struct fp_pool *pool, struct fp_owner *owner, u32 index,
		const struct fp_request *request, struct fp_run *run)
{
	int ret = fp_move_give(owner, index, request->nr, run);

	if (ret)
		fp_mover_drop(pool, index, DIV_ROUND_UP_ULL(request->nr, FP_HUGE_FRAMES), false);
	return ret;
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
	const struct fp_runs_request wanted = huge_request(pool, request);
	u32 index;
	int ret;

	if (RB_EMPTY_ROOT(&pool->movables.by_frame))
		return -ENOSPC;
	if (begin(pool))
		return -EINTR;
	ret = fp_room_hold(pool, &wanted, false, &index);
	if (!ret)
		ret = give(pool, owner, index, request, run);
	end(pool, ret);
	return ret == -EINTR || ret == -EDQUOT || !ret ? ret : -ENOSPC;
}

/**
 * fp_compact_merge() - allocate a block, after bringing small buffers of its owner together
 * @pool: the pool
 * @owner: the owner of the block, who can have no further huge frame
 * @request: what the block must satisfy, shorter than a huge frame
 * @run: the result
 *
 * All of a huge frame's buffers move into others, and the block goes to where they were.
 *
 * Context: as fp_compact_make_room().
 * Return: 0; -ENOSPC: no huge frame of the owner can be emptied so; -EINTR.
 */
int fp_compact_merge(struct fp_pool *pool, struct fp_owner *owner,
		     const struct fp_request *request, struct fp_run *run)
{
	const struct fp_runs_request wanted = huge_request(pool, request);
	u32 index;
	int ret;

	if (RB_EMPTY_ROOT(&pool->movables.by_frame))
		return -ENOSPC;
	if (begin(pool))
		return -EINTR;
	ret = fp_room_merge(pool, owner, &wanted, &index);
	if (!ret)
		ret = give(pool, owner, index, request, run);
	end(pool, ret);
	return ret ? -ENOSPC : 0;
}

/* Is there an empty run that is long enough? */
static bool has_run(struct fp_pool *pool, u32 nr)
{
	u64 blocks[FP_BLOCKS_ORDERS];
	struct fp_counts counts;

	fp_pool_count(pool, &counts, blocks);
	return counts.largest >= (u64)nr * FP_HUGE_FRAMES;
}

/* Make an empty run. As fp_room_hold(). */
static int make_run(struct fp_pool *pool, u32 nr, bool yields)
{
	const struct fp_runs_request wanted = { .nr = nr, .last_hpfn = FP_NO_LIMIT };
	u32 index;
	int ret = fp_room_hold(pool, &wanted, yields, &index);

	if (!ret)
		fp_mover_drop(pool, index, nr, false);
	return ret;
}

/**
 * fp_compact() - make an empty run ahead of need
 * @pool: the pool
 * @nr: huge frames, at least 1
 *
 * What is kept for later comes back, and the quarantine is cleared, as before an allocation fails.
 *
 * Context: as fp_compact_make_room().
 * Return: 0; -ENOSPC: too little is free, or something that does not move is in the way; -ENOMEM:
 * no kernel memory; -EINTR: killed.
 */
int fp_compact(struct fp_pool *pool, u64 nr)
{
	int ret;

	if (nr > pool->source.largest)
		return -ENOSPC;
	if (has_run(pool, nr))
		return 0;
	fp_pool_drain(pool);
	ret = fp_quarantine_reclaim(&pool->quarantine, NULL, U32_MAX);
	if (ret || has_run(pool, nr))
		return ret;
	ret = begin(pool);
	if (ret)
		return ret;
	ret = make_run(pool, nr, false);
	end(pool, ret);
	return ret == -EBUSY ? -ENOSPC : ret;
}

/**
 * fp_compact_in_background() - make an empty run, unless somebody else moves something
 * @pool: the pool
 * @nr: huge frames, at least 1
 *
 * Context: the compactor's.
 * Return: as fp_compact(); -EINTR: somebody else wants to move something, or the compactor must
 * stop.
 */
int fp_compact_in_background(struct fp_pool *pool, u32 nr)
{
	int ret;

	if (has_run(pool, nr))
		return 0;
	if (RB_EMPTY_ROOT(&pool->movables.by_frame))
		return -ENOSPC;
	if (!mutex_trylock(&pool->movables.moving))
		return -EINTR;
	pool->movables.round++;
	ret = make_run(pool, nr, true);
	end(pool, ret);
	return ret == -EBUSY ? -ENOSPC : ret;
}

/**
 * fp_compact_offline() - take a huge frame out of use for good
 * @pool: the pool
 * @pfn: PFN of any frame of it
 *
 * What lies there moves first.
 *
 * Context: as fp_compact_make_room().
 * Return: 0, also if it is out of use already; -ENXIO: it is not the pool's; -EBUSY: something does
 * not move, or must not; -ENOSPC: there is no place for it; -ENOMEM: no kernel memory; -EINTR:
 * killed.
 */
int fp_compact_offline(struct fp_pool *pool, unsigned long pfn)
{
	u64 frame = fp_pool_frame(pool, pfn);
	u32 index = frame / FP_HUGE_FRAMES;
	int ret;

	if (frame == FP_ANYWHERE)
		return -ENXIO;
	fp_pool_drain(pool);
	ret = fp_quarantine_reclaim(&pool->quarantine, NULL, U32_MAX) ?: begin(pool);
	if (ret)
		return ret;
	if (fp_huge_state(&pool->buddy.runs.huge[index]) != FP_HUGE_RETIRED) {
		ret = fp_room_hold_at(pool, index);
		if (!ret)
			fp_move_retire(&pool->buddy, index);
	}
	end(pool, ret);
	return ret;
}
