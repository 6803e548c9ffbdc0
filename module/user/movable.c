// SPDX-License-Identifier: GPL-2.0-only
/*
 * Buffers that may move.
 *
 * The frames of a movable buffer change under the lock of the movables, in a sequence that readers
 * repeat (fp_buffer_page()). While it moves, huge frame by huge frame, its pages up to
 * @nr_moved are those from @to_pfn on, the others those from @pfn on. Whoever uses a page holds the
 * lock of its folio when he looks where the page is, and the mover holds that lock while it changes
 * the place.
 */
#include "user/movable.h"

#include "user/client.h"

static struct fp_movables *movables_of(const struct fp_buffer *buffer)
{
	return &buffer->client->pool->movables;
}

static struct fp_buffer *buffer_of(struct fp_movable *movable)
{
	return container_of(movable, struct fp_buffer, move);
}

static bool get(struct fp_movable *movable)
{
	struct fp_buffer *buffer = buffer_of(movable);

	/*
	 * As long as the buffer is among the movables, whoever will free it has a reference to the
	 * client. Its own last reference may be ours as soon as we have it.
	 */
	fp_client_get(buffer->client);
	if (!kref_get_unless_zero(&buffer->refs)) {
		fp_client_put(buffer->client);
		return false;
	}
	buffer->client->nr_moving++;
	return true;
}

static void put(struct fp_movable *movable)
{
	struct fp_buffer *buffer = buffer_of(movable);
	struct fp_client *client = buffer->client;
	struct fp_movables *movables = &client->pool->movables;

	fp_client_put_buffer(buffer);
	spin_lock(&movables->lock);
	client->nr_moving--;
	if (!client->nr_moving)
		WRITE_ONCE(client->nr_settled, client->nr_settled + 1);
	spin_unlock(&movables->lock);
	wake_up_all(&movables->wait);
	fp_client_put(client);
}

static void settle(struct fp_movable *movable)
{
	struct fp_buffer *buffer = buffer_of(movable);

	write_seqcount_begin(&buffer->places);
	buffer->pfn = fp_pool_pfn(buffer->client->pool, buffer->run.frame);
	buffer->nr_moved = 0;
	write_seqcount_end(&buffer->places);
}

static void end(struct fp_movable *movable)
{
	struct fp_buffer *buffer = buffer_of(movable);

	buffer->pins.is_split = buffer->nr_moved;
	if (buffer->nr_moved)
		list_add_tail(&buffer->split, &movables_of(buffer)->split);
}

static const struct fp_movable_ops buffer_ops = {
	.get = get,
	.put = put,
	.settle = settle,
	.end = end,
};

/**
 * fp_movable_buffer() - find the buffer that movable frames belong to
 * @movable: the frames
 *
 * Context: any.
 * Return: the buffer; NULL: they belong to a slab.
 */
struct fp_buffer *fp_movable_buffer(struct fp_movable *movable)
{
	return movable->ops == &buffer_ops ? buffer_of(movable) : NULL;
}

/**
 * fp_movable_add() - from now on, and until it is freed, a buffer may move
 * @buffer: the buffer
 *
 * Context: process.
 */
void fp_movable_add(struct fp_buffer *buffer)
{
	buffer->move.ops = &buffer_ops;
	buffer->move.home = &buffer->client->windows.home;
	buffer->move.run = &buffer->run;
	buffer->move.pins = &buffer->pins;
	buffer->move.pgoff = buffer->pgoff;
	WRITE_ONCE(buffer->client->has_movable, true);
	fp_movables_add(movables_of(buffer), &buffer->move);
}

/**
 * fp_movable_settle() - what was freed while it moved has come back to the pool
 * @client: the client that freed it
 *
 * Context: may sleep, as long as a buffer of the client moves; not if the program is killed.
 */
void fp_movable_settle(struct fp_client *client)
{
	struct fp_movables *movables = &client->pool->movables;
	u32 nr_settled;
	bool moves;

	if (!READ_ONCE(client->has_movable))
		return;
	spin_lock(&movables->lock);
	moves = client->nr_moving;
	nr_settled = client->nr_settled;
	spin_unlock(&movables->lock);
	/* If it is killed, its file is closed soon, and all comes back then. */
	if (moves)
		wait_event_killable(movables->wait, READ_ONCE(client->nr_settled) != nr_settled);
}

/**
 * fp_movable_begin_split() - begin to move a buffer that is in two places
 * @pool: the pool
 *
 * Context: process; the pool's moving mutex is held.
 * Return: the one that waits longest and was not tried in this round, as after fp_movables_begin();
 * or NULL.
 */
struct fp_buffer *fp_movable_begin_split(struct fp_pool *pool)
{
	struct fp_movables *movables = &pool->movables;
	struct fp_buffer *buffer, *found = NULL;

	spin_lock(&movables->lock);
	list_for_each_entry(buffer, &movables->split, split)
		if (buffer->move.refused != movables->round && get(&buffer->move)) {
			found = buffer;
			break;
		}
	if (found) {
		found->move.moving = true;
		found->pins.nr_moving++;
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
	return fp_movables_pin(movables_of(buffer), &buffer->pins, kind);
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
	return fp_movables_unpin(movables_of(buffer), &buffer->pins, kind);
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
	address = fp_movables_is_pinned(&buffer->move) ? (u64)buffer->pfn << PAGE_SHIFT :
							 FRAMEPOOL_ADDRESS_MOVES;
	spin_unlock(&movables->lock);
	return address;
}
