/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FP_MOVABLES_H
#define FP_MOVABLES_H

#include <linux/atomic.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/rbtree.h>
#include <linux/spinlock.h>
#include <linux/wait.h>

#include "core/buddy.h"

struct address_space;
struct fp_movable;
struct fp_pool;
struct rw_semaphore;

/* Why an attempt to move something is given up. */
enum fp_refusal {
	FP_REFUSED_PINNED,	/* it is pinned or exported */
	FP_REFUSED_REFERENCED,	/* somebody else has a reference to a page */
	FP_REFUSED_BAD,		/* the hardware found a frame bad */
	FP_REFUSED_NO_ROOM,	/* there is no place for it */
	FP_REFUSALS,
};

/* Who keeps something where it is. */
enum fp_pin {
	FP_PIN_PROGRAM,		/* FRAMEPOOL_IOC_PIN */
	FP_PIN_EXPORT,		/* a dma-buf of it */
	FP_NR_PINS,
};

/* What keeps something that may move where it is. */
enum fp_stay {
	FP_STAY_NOT,		/* nothing that we know of */
	FP_STAY_PINNED,		/* a program pinned it */
	FP_STAY_EXPORTED,	/* it has a dma-buf */
	FP_STAY_REFERENCED,	/* its pages were referenced when it was to move last */
};

/**
 * struct fp_pins - who wants something to stay where it is
 * @nr: how many do, by enum fp_pin
 * @nr_moving: how much of it moves
 * @is_split: it is in two places, since a move was neither finished nor undone
 *
 * All are protected by the lock of the movables.
 */
struct fp_pins {
	u32 nr[FP_NR_PINS];
	u32 nr_moving;
	bool is_split;
};

/**
 * struct fp_home - the client that movable frames belong to
 * @owner: owns them
 * @mapping: address space of its file
 * @faults: in a slab, faults hold it for reading until their pages are in the page table
 */
struct fp_home {
	struct fp_owner *owner;
	struct address_space *mapping;
	struct rw_semaphore *faults;
};

/**
 * struct fp_movable_ops - what differs from one kind of movable frames to another
 * @get: called before a move: see to it that they are not removed during it, or return false;
 *	 NULL: the removal waits
 * @put: undo @get, with no lock held
 * @settle: they have another place now
 * @end: a move ends
 *
 * Each may be NULL; all but @put are called with the movables locked.
 */
struct fp_movable_ops {
	bool (*get)(struct fp_movable *movable);
	void (*put)(struct fp_movable *movable);
	void (*settle)(struct fp_movable *movable);
	void (*end)(struct fp_movable *movable);
};

/**
 * struct fp_movable - frames that may move: those of a buffer, or of a slab
 * @ops: constant, as is everything before @by_frame
 * @home: whose they are
 * @run: where they are, in what they are part of
 * @pins: keep them, and perhaps others, where they are
 * @pgoff: page offset in the client's file
 * @align: of any place, in frames
 * @end_pfn: limit of any place; FP_ANYWHERE: none
 * @by_frame: entry in the tree
 * @refused: last round in which they could not be moved
 * @moving: the mover has them
 *
 * What is not constant is protected by the lock of the movables; @run->frame changes under it.
 */
struct fp_movable {
	const struct fp_movable_ops *ops;
	const struct fp_home *home;
	struct fp_run *run;
	struct fp_pins *pins;
	unsigned long pgoff;
	u64 align;
	u64 end_pfn;
	struct rb_node by_frame;
	u32 refused;
	bool moving;
};

/**
 * struct fp_movables - what may move in a pool
 * @make_room: moves what is in the way of a run, and allocates it, as fp_pool_alloc(); constant
 * @merge: likewise, brings small buffers and slabs of the owner together, so that a block fits
 *	   which a quota refuses
 * @lock: protects @by_frame, and the places and pins of what is in it; process context only
 * @by_frame: what may move (struct fp_movable), by its first frame
 * @split: buffers that are in two places, since references keep them from moving on and back
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
 * @nr_moves: buffers and slabs moved
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
	/* Nothing was refused yet. */
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

struct fp_movable *fp_movables_first(struct fp_movables *movables, u64 frame);
struct fp_movable *fp_movables_next(const struct fp_movable *movable);
void fp_movables_add(struct fp_movables *movables, struct fp_movable *movable);
void fp_movables_remove(struct fp_movables *movables, struct fp_movable *movable);
bool fp_movables_is_pinned(const struct fp_movable *movable);
enum fp_stay fp_movables_stay(const struct fp_movables *movables,
			      const struct fp_movable *movable);
bool fp_movables_is_all(struct fp_movables *movables, u64 frame, u64 nr, u64 nr_used);
bool fp_movables_may_move(const struct fp_movables *movables, const struct fp_movable *movable);
bool fp_movables_begin(struct fp_movables *movables, struct fp_movable *movable);
void fp_movables_settle(struct fp_movables *movables, struct fp_movable *movable, u64 frame);
void fp_movables_end(struct fp_movables *movables, struct fp_movable *movable);
int fp_movables_pin(struct fp_movables *movables, struct fp_pins *pins, enum fp_pin kind);
int fp_movables_unpin(struct fp_movables *movables, struct fp_pins *pins, enum fp_pin kind);

#endif
