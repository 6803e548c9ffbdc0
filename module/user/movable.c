// SPDX-License-Identifier: GPL-2.0-only
/*
 * Buffers that may move, by the frames that they have now, and what makes them stay.
 *
 * The frames of a movable buffer change under the lock of the movables, in a sequence that readers
 * repeat (fp_buffer_page()). While it moves, huge frame by huge frame, its pages up to
 * @nr_moved are those from @to_pfn on, the others those from @pfn on. Whoever uses a page holds the
 * lock of its folio when he looks where the page is, and the mover holds that lock while it changes
 * the place.
 *
 * A pin keeps a buffer where it is. One that begins while the buffer moves waits for the end of
 * that.
 */
#include "user/movable.h"

#include <linux/sched/signal.h>

#include "core/move.h"
#include "user/client.h"

static struct fp_movables *movables_of(const struct fp_buffer *buffer)
{
	return &buffer->client->pool->movables;
}

static struct fp_buffer *of_node(const struct rb_node *node)
{
	return rb_entry_safe(node, struct fp_buffer, by_frame);
}

static bool is_before(struct rb_node *a, const struct rb_node *b)
{
	return of_node(a)->run.frame < of_node(b)->run.frame;
}

/**
 * fp_movable_first() - find a movable buffer
 * @pool: the pool; the movables are locked
 * @frame: a frame
 *
 * Return: the first that begins at or after it, or NULL.
 */
struct fp_buffer *fp_movable_first(struct fp_pool *pool, u64 frame)
{
	struct rb_node *node = pool->movables.by_frame.rb_node, *found = NULL;

	lockdep_assert_held(&pool->movables.lock);
	while (node) {
		if (of_node(node)->run.frame >= frame) {
			found = node;
			node = node->rb_left;
		} else {
			node = node->rb_right;
		}
	}
	return of_node(found);
}

/**
 * fp_movable_next() - go on to the next movable buffer
 * @buffer: a buffer; the movables are locked
 *
 * Return: the one after it, or NULL.
 */
struct fp_buffer *fp_movable_next(const struct fp_buffer *buffer)
{
	return of_node(rb_next(&buffer->by_frame));
}

/**
 * fp_movable_is_all() - is what lies in some frames all of movable buffers that nothing keeps?
 * @pool: the pool
 * @frame: the first frame
 * @nr: how many
 * @nr_used: how many of them are allocated
 *
 * Context: process.
 * Return: whether it is; false if none is allocated.
 */
bool fp_movable_is_all(struct fp_pool *pool, u64 frame, u64 nr, u64 nr_used)
{
	const struct fp_buffer *buffer;
	u64 nr_moving = 0;

	spin_lock(&pool->movables.lock);
	for (buffer = fp_movable_first(pool, frame);
	     buffer && buffer->run.frame < frame + nr; buffer = fp_movable_next(buffer)) {
		if (fp_movable_stay(buffer) != FP_STAY_NOT)
			break;
		nr_moving += buffer->run.nr;
	}
	spin_unlock(&pool->movables.lock);
	return nr_used && nr_moving == nr_used;
}

/**
 * fp_movable_add() - from now on a buffer may move
 * @buffer: the buffer
 *
 * Context: process.
 */
void fp_movable_add(struct fp_buffer *buffer)
{
	struct fp_movables *movables = movables_of(buffer);

	spin_lock(&movables->lock);
	rb_add(&buffer->by_frame, &movables->by_frame, is_before);
	spin_unlock(&movables->lock);
}

/**
 * fp_movable_remove() - a buffer no longer moves
 * @buffer: a movable buffer, without references
 *
 * Context: process.
 */
void fp_movable_remove(struct fp_buffer *buffer)
{
	struct fp_movables *movables = movables_of(buffer);

	if (RB_EMPTY_NODE(&buffer->by_frame))
		return;
	spin_lock(&movables->lock);
	rb_erase(&buffer->by_frame, &movables->by_frame);
	list_del(&buffer->split);
	spin_unlock(&movables->lock);
	if (buffer->nr_moved)
		fp_move_quarantine(&buffer->client->pool->buddy,
				   fp_pool_frame(buffer->client->pool, buffer->to_pfn) /
				   FP_HUGE_FRAMES, buffer->run.nr / FP_HUGE_FRAMES);
}

/**
 * fp_movable_is_pinned() - does a program, or a dma-buf, keep a buffer where it is?
 * @buffer: the buffer; the movables are locked
 *
 * Return: whether one does.
 */
bool fp_movable_is_pinned(const struct fp_buffer *buffer)
{
	return buffer->nr_pins[FP_PIN_PROGRAM] || buffer->nr_pins[FP_PIN_EXPORT];
}

/**
 * fp_movable_stay() - what keeps a buffer where it is?
 * @buffer: the buffer; the movables are locked
 *
 * Return: one thing that does.
 */
enum fp_stay fp_movable_stay(const struct fp_buffer *buffer)
{
	if (buffer->nr_pins[FP_PIN_EXPORT])
		return FP_STAY_EXPORTED;
	if (buffer->nr_pins[FP_PIN_PROGRAM])
		return FP_STAY_PINNED;
	if (buffer->nr_moved || buffer->refused == movables_of(buffer)->round)
		return FP_STAY_REFERENCED;
	return FP_STAY_NOT;
}

/**
 * fp_movable_may_move() - does nothing that we know of keep a buffer where it is?
 * @buffer: the buffer; the movables are locked
 *
 * Return: whether the mover may try.
 */
bool fp_movable_may_move(const struct fp_buffer *buffer)
{
	return !buffer->moving && fp_movable_stay(buffer) == FP_STAY_NOT;
}

/**
 * fp_movable_begin() - begin to move a buffer
 * @buffer: the buffer; the movables are locked
 *
 * Return: whether it may move; then the caller has references to it and to its client, until
 * fp_movable_end().
 */
bool fp_movable_begin(struct fp_buffer *buffer)
{
	if (!fp_movable_may_move(buffer) || !kref_get_unless_zero(&buffer->refs)) {
		if (fp_movable_is_pinned(buffer))
			fp_movables_refuse(movables_of(buffer), FP_REFUSED_PINNED);
		return false;
	}
	/* The client of a buffer with a reference has one, too. */
	fp_client_get(buffer->client);
	buffer->moving = true;
	return true;
}

/**
 * fp_movable_begin_split() - begin to move a buffer that is in two places
 * @pool: the pool; its moving mutex is held
 *
 * Context: process.
 * Return: the one that waits longest and was not tried in this round, as after fp_movable_begin();
 * or NULL.
 */
struct fp_buffer *fp_movable_begin_split(struct fp_pool *pool)
{
	struct fp_movables *movables = &pool->movables;
	struct fp_buffer *buffer, *found = NULL;

	spin_lock(&movables->lock);
	list_for_each_entry(buffer, &movables->split, split)
		if (buffer->refused != movables->round && kref_get_unless_zero(&buffer->refs)) {
			found = buffer;
			break;
		}
	if (found) {
		fp_client_get(found->client);
		found->moving = true;
		list_del_init(&found->split);
	}
	spin_unlock(&movables->lock);
	return found;
}

/**
 * fp_movable_set_place() - some pages of a buffer are elsewhere now
 * @buffer: the buffer, which moves
 * @to_pfn: where to
 * @nr_moved: its first @nr_moved pages are there
 *
 * Context: process; the lock of the folio of these pages is held.
 */
void fp_movable_set_place(struct fp_buffer *buffer, unsigned long to_pfn, u64 nr_moved)
{
	struct fp_movables *movables = movables_of(buffer);

	spin_lock(&movables->lock);
	write_seqcount_begin(&buffer->places);
	buffer->to_pfn = to_pfn;
	buffer->nr_moved = nr_moved;
	write_seqcount_end(&buffer->places);
	spin_unlock(&movables->lock);
}

/**
 * fp_movable_settle() - all of a buffer has moved
 * @buffer: the buffer
 * @frame: its first frame now
 *
 * Context: process.
 */
void fp_movable_settle(struct fp_buffer *buffer, u64 frame)
{
	struct fp_movables *movables = movables_of(buffer);

	spin_lock(&movables->lock);
	rb_erase(&buffer->by_frame, &movables->by_frame);
	write_seqcount_begin(&buffer->places);
	buffer->run.frame = frame;
	buffer->pfn = fp_pool_pfn(buffer->client->pool, frame);
	buffer->nr_moved = 0;
	write_seqcount_end(&buffer->places);
	rb_add(&buffer->by_frame, &movables->by_frame, is_before);
	spin_unlock(&movables->lock);
}

/**
 * fp_movable_end() - a buffer moves no more; drop the references of fp_movable_begin()
 * @buffer: the buffer
 *
 * Context: may sleep.
 */
void fp_movable_end(struct fp_buffer *buffer)
{
	struct fp_movables *movables = movables_of(buffer);
	struct fp_client *client = buffer->client;

	spin_lock(&movables->lock);
	buffer->moving = false;
	if (buffer->nr_moved)
		list_add_tail(&buffer->split, &movables->split);
	spin_unlock(&movables->lock);
	wake_up_all(&movables->wait);
	fp_client_put_buffer(buffer);
	fp_client_put(client);
}

/**
 * fp_movable_pin() - keep a buffer where it is
 * @buffer: the buffer, with a reference
 * @kind: for whom
 *
 * Context: may sleep.
 * Return: 0; -EINTR: killed; -EBUSY: it is partly here and partly there, since references to its
 * pages keep it from moving on and back; -EOVERFLOW: it has too many pins.
 */
int fp_movable_pin(struct fp_buffer *buffer, enum fp_pin kind)
{
	struct fp_movables *movables = movables_of(buffer);
	int ret = 0;

	spin_lock(&movables->lock);
	while (buffer->moving && !ret) {
		spin_unlock(&movables->lock);
		ret = wait_event_killable(movables->wait, !READ_ONCE(buffer->moving));
		spin_lock(&movables->lock);
	}
	if (!ret && buffer->nr_moved)
		ret = -EBUSY;
	if (!ret && buffer->nr_pins[kind] == U32_MAX)
		ret = -EOVERFLOW;
	if (!ret)
		buffer->nr_pins[kind]++;
	spin_unlock(&movables->lock);
	return ret == -ERESTARTSYS ? -EINTR : ret;
}

/**
 * fp_movable_unpin() - undo fp_movable_pin()
 * @buffer: the buffer
 * @kind: as it was pinned
 *
 * Context: process.
 * Return: 0; -EINVAL: it has no pin of that kind.
 */
int fp_movable_unpin(struct fp_buffer *buffer, enum fp_pin kind)
{
	struct fp_movables *movables = movables_of(buffer);
	int ret = 0;

	spin_lock(&movables->lock);
	if (buffer->nr_pins[kind])
		buffer->nr_pins[kind]--;
	else
		ret = -EINVAL;
	spin_unlock(&movables->lock);
	return ret;
}

/**
 * fp_movable_address() - the physical address of a buffer, if it stays there
 * @buffer: the buffer, with a reference
 *
 * Context: process.
 * Return: the address, or FRAMEPOOL_ADDRESS_MOVES.
 */
u64 fp_movable_address(const struct fp_buffer *buffer)
{
	struct fp_movables *movables = movables_of(buffer);
	u64 address;

	if (!buffer->movable)
		return (u64)buffer->pfn << PAGE_SHIFT;
	spin_lock(&movables->lock);
	address = fp_movable_is_pinned(buffer) ? (u64)buffer->pfn << PAGE_SHIFT :
						 FRAMEPOOL_ADDRESS_MOVES;
	spin_unlock(&movables->lock);
	return address;
}
