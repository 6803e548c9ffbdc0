// SPDX-License-Identifier: GPL-2.0-only
/*
 * What may move, by the frames that it has now, and what makes it stay.
 *
 * A pin keeps frames where they are. One that begins while they move waits for the end of that. So
 * does the removal of a slab, while a buffer lives until its move has ended.
 */
#include "pool/movables.h"

#include <linux/sched/signal.h>

static struct fp_movable *of_node(const struct rb_node *node)
{
	return rb_entry_safe(node, struct fp_movable, by_frame);
}

static bool is_before(struct rb_node *a, const struct rb_node *b)
{
	return of_node(a)->run->frame < of_node(b)->run->frame;
}

/**
 * fp_movables_first() - find what may move
 * @movables: the movables, locked
 * @frame: a frame
 *
 * Return: the first that begins at or after it, or NULL.
 */
struct fp_movable *fp_movables_first(struct fp_movables *movables, u64 frame)
{
	struct rb_node *node = movables->by_frame.rb_node, *found = NULL;

	lockdep_assert_held(&movables->lock);
	while (node) {
		if (of_node(node)->run->frame >= frame) {
			found = node;
			node = node->rb_left;
		} else {
			node = node->rb_right;
		}
	}
	return of_node(found);
}

/**
 * fp_movables_next() - go on to what may move next
 * @movable: one of the movables, which are locked
 *
 * Return: the one after it, or NULL.
 */
struct fp_movable *fp_movables_next(const struct fp_movable *movable)
{
	return of_node(rb_next(&movable->by_frame));
}

/**
 * fp_movables_add() - from now on frames may move
 * @movables: the movables
 * @movable: the frames; its constant fields are set
 *
 * Context: process.
 */
void fp_movables_add(struct fp_movables *movables, struct fp_movable *movable)
{
	movable->refused = 0;
	movable->moving = false;
	spin_lock(&movables->lock);
	rb_add(&movable->by_frame, &movables->by_frame, is_before);
	spin_unlock(&movables->lock);
}

/* Take the lock while nothing moves of what can be pinned. Returns 0, or -ERESTARTSYS: killed. */
static int lock_unmoving(struct fp_movables *movables, const struct fp_pins *pins)
{
	int ret = 0;

	spin_lock(&movables->lock);
	while (pins->nr_moving && !ret) {
		spin_unlock(&movables->lock);
		ret = wait_event_killable(movables->wait, !READ_ONCE(pins->nr_moving));
		spin_lock(&movables->lock);
	}
	if (ret)
		spin_unlock(&movables->lock);
	return ret;
}

/**
 * fp_movables_remove() - frames no longer move
 * @movables: the movables
 * @movable: the frames
 *
 * Context: may sleep, until a move of the frames has ended.
 */
void fp_movables_remove(struct fp_movables *movables, struct fp_movable *movable)
{
	spin_lock(&movables->lock);
	while (movable->moving) {
		spin_unlock(&movables->lock);
		wait_event(movables->wait, !READ_ONCE(movable->moving));
		spin_lock(&movables->lock);
	}
	rb_erase(&movable->by_frame, &movables->by_frame);
	spin_unlock(&movables->lock);
}

/**
 * fp_movables_is_pinned() - does a program, or a dma-buf, keep frames where they are?
 * @movable: the frames; the movables are locked
 *
 * Return: whether one does.
 */
bool fp_movables_is_pinned(const struct fp_movable *movable)
{
	return movable->pins->nr[FP_PIN_PROGRAM] || movable->pins->nr[FP_PIN_EXPORT];
}

/**
 * fp_movables_stay() - what keeps frames where they are?
 * @movables: the movables, locked
 * @movable: the frames
 *
 * Return: one thing that does.
 */
enum fp_stay fp_movables_stay(const struct fp_movables *movables, const struct fp_movable *movable)
{
	lockdep_assert_held(&movables->lock);
	if (movable->pins->nr[FP_PIN_EXPORT])
		return FP_STAY_EXPORTED;
	if (movable->pins->nr[FP_PIN_PROGRAM])
		return FP_STAY_PINNED;
	if (movable->pins->is_split || movable->refused == movables->round)
		return FP_STAY_REFERENCED;
	return FP_STAY_NOT;
}

/**
 * fp_movables_is_all() - does all that is allocated of some frames move, and does nothing keep it?
 * @movables: the movables
 * @frame: the first frame
 * @nr: how many
 * @nr_used: how many of them are allocated
 *
 * Context: process.
 * Return: whether it does; false if none is allocated.
 */
bool fp_movables_is_all(struct fp_movables *movables, u64 frame, u64 nr, u64 nr_used)
{
	const struct fp_movable *movable;
	u64 nr_moving = 0;

	spin_lock(&movables->lock);
	for (movable = fp_movables_first(movables, frame);
	     movable && movable->run->frame < frame + nr; movable = fp_movables_next(movable)) {
		if (fp_movables_stay(movables, movable) != FP_STAY_NOT)
			break;
		nr_moving += movable->run->nr;
	}
	spin_unlock(&movables->lock);
	return nr_used && nr_moving == nr_used;
}

/**
 * fp_movables_may_move() - does nothing that we know of keep frames where they are?
 * @movables: the movables, locked
 * @movable: the frames
 *
 * Return: whether the mover may try.
 */
bool fp_movables_may_move(const struct fp_movables *movables, const struct fp_movable *movable)
{
	return !movable->moving && fp_movables_stay(movables, movable) == FP_STAY_NOT;
}

/**
 * fp_movables_begin() - begin to move frames
 * @movables: the movables, locked
 * @movable: the frames
 *
 * Return: whether they may move; then they are not freed until fp_movables_end().
 */
bool fp_movables_begin(struct fp_movables *movables, struct fp_movable *movable)
{
	if (!fp_movables_may_move(movables, movable) ||
	    (movable->ops->get && !movable->ops->get(movable))) {
		if (fp_movables_is_pinned(movable))
			fp_movables_refuse(movables, FP_REFUSED_PINNED);
		return false;
	}
	movable->moving = true;
	movable->pins->nr_moving++;
	return true;
}

/**
 * fp_movables_settle() - frames have another place now
 * @movables: the movables
 * @movable: the frames
 * @frame: the first one now
 *
 * Context: process.
 */
void fp_movables_settle(struct fp_movables *movables, struct fp_movable *movable, u64 frame)
{
	spin_lock(&movables->lock);
	rb_erase(&movable->by_frame, &movables->by_frame);
	movable->run->frame = frame;
	if (movable->ops->settle)
		movable->ops->settle(movable);
	rb_add(&movable->by_frame, &movables->by_frame, is_before);
	spin_unlock(&movables->lock);
}

/**
 * fp_movables_end() - undo fp_movables_begin(); the frames may be freed then
 * @movables: the movables
 * @movable: the frames
 *
 * Context: may sleep.
 */
void fp_movables_end(struct fp_movables *movables, struct fp_movable *movable)
{
	const struct fp_movable_ops *ops = movable->ops;

	spin_lock(&movables->lock);
	WRITE_ONCE(movable->pins->nr_moving, movable->pins->nr_moving - 1);
	if (ops->end)
		ops->end(movable);
	WRITE_ONCE(movable->moving, false);
	spin_unlock(&movables->lock);
	/* What has no @put may be gone already. */
	wake_up_all(&movables->wait);
	if (ops->put)
		ops->put(movable);
}

/**
 * fp_movables_pin() - keep frames where they are
 * @movables: the movables
 * @pins: theirs
 * @kind: for whom
 *
 * Context: may sleep.
 * Return: 0; -EINTR: killed; -EBUSY: they are in two places; -EOVERFLOW: they have too many pins.
 */
int fp_movables_pin(struct fp_movables *movables, struct fp_pins *pins, enum fp_pin kind)
{
	int ret = 0;

	if (lock_unmoving(movables, pins))
		return -EINTR;
	if (pins->is_split)
		ret = -EBUSY;
	else if (pins->nr[kind] == U32_MAX)
		ret = -EOVERFLOW;
	else
		pins->nr[kind]++;
	spin_unlock(&movables->lock);
	return ret;
}

/**
 * fp_movables_unpin() - undo fp_movables_pin()
 * @movables: the movables
 * @pins: those of the frames
 * @kind: as they were pinned
 *
 * Context: process.
 * Return: 0; -EINVAL: they have no pin of that kind.
 */
int fp_movables_unpin(struct fp_movables *movables, struct fp_pins *pins, enum fp_pin kind)
{
	int ret = 0;

	spin_lock(&movables->lock);
	if (pins->nr[kind])
		pins->nr[kind]--;
	else
		ret = -EINVAL;
	spin_unlock(&movables->lock);
	return ret;
}
