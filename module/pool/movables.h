/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FP_MOVABLES_H
#define FP_MOVABLES_H

#include <linux/atomic.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/rbtree.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <linux/wait.h>

#include "core/buddy.h"

struct fp_pool;

/* Why an attempt to move something is given up. */
enum fp_refusal {
	FP_REFUSED_PINNED,	/* a buffer is pinned or exported */
	FP_REFUSED_REFERENCED,	/* somebody else has a reference to a page */
	FP_REFUSED_BAD,		/* the hardware found a frame bad */
	FP_REFUSED_NO_ROOM,	/* there is no place for it */
	FP_REFUSALS,
};

/**
 * struct fp_movables - the buffers of a pool that may move
 * @make_room: moves what is in the way of a run, and allocates it, as fp_pool_alloc(); constant
 * @merge: likewise, brings small buffers of the owner together, so that a block fits which a quota
 *	   refuses
 * @lock: protects @by_frame, and the places and pins of the buffers; process context only
 * @by_frame: the buffers (struct fp_buffer), by their first frames
 * @split: those that are in two places, since references keep them from moving on and back
 * @wait: for moves to end
 * @moving: held by the one mover
 * @nr_waiting: how many wait for @moving
 * @min_largest: how long the compactor keeps the longest empty run, in bytes; 0: it does nothing;
 *		 written at any time
 * @kicked: @min_largest was written
 * @compactor: makes room in the background; constant while anybody moves
 * @compactor_wait: where it waits
 * @round: counts from 1 how often somebody made room, so that what refused to move is not tried
 *	   again in the same round (protected by @moving)
 * @nr_moves: buffers moved
 * @nr_moved: frames copied for that
 * @nr_refused: attempts that were given up, by reason
 */
struct fp_movables {
	int (*make_room)(struct fp_pool *pool, struct fp_owner *owner,
			 const struct fp_request *request, struct fp_run *run);
	int (*merge)(struct fp_pool *pool, struct fp_owner *owner,
		     const struct fp_request *request, struct fp_run *run);
	spinlock_t lock;
	struct rb_root by_frame;
	struct list_head split;
	wait_queue_head_t wait;
	struct mutex moving;
	atomic_t nr_waiting;
	u64 min_largest;
	bool kicked;
	struct task_struct *compactor;
	wait_queue_head_t compactor_wait;
	u32 round;
	atomic64_t nr_moves;
	atomic64_t nr_moved;
	atomic64_t nr_refused[FP_REFUSALS];
};

static inline void fp_movables_init(struct fp_movables *movables)
{
	spin_lock_init(&movables->lock);
	movables->by_frame = RB_ROOT;
	INIT_LIST_HEAD(&movables->split);
	init_waitqueue_head(&movables->wait);
	init_waitqueue_head(&movables->compactor_wait);
	mutex_init(&movables->moving);
	/* No buffer was refused yet. */
	movables->round = 1;
}

/**
 * fp_movables_refuse() - count an attempt that is given up
 * @movables: the movables
 * @why: the reason
 *
 * Context: any.
 */
static inline void fp_movables_refuse(struct fp_movables *movables, enum fp_refusal why)
{
	atomic64_inc(&movables->nr_refused[why]);
}

#endif
