// SPDX-License-Identifier: GPL-2.0-only
/*
 * The memory of a buffer, and its place in the client's file.
 *
 * The place follows from the frames: page offset = index of the first frame + FP_BUFFER_FIRST. So
 * the offset is congruent to the physical address modulo a huge frame, as huge mappings require; it
 * is unique as long as the frames are allocated; and it needs no allocator that could fail. The own
 * buffer of a file alone lies elsewhere, at its beginning. It consists of whole huge frames, so its
 * offset is congruent, too.
 */
#include "user/buffer.h"

#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "core/move.h"
#include "user/client.h"

static struct kmem_cache *cache;

/**
 * fp_buffer_init() - prepare for buffers
 *
 * Context: may sleep.
 * Return: 0, or -ENOMEM.
 */
int fp_buffer_init(void)
{
	cache = KMEM_CACHE(fp_buffer, SLAB_ACCOUNT);
	return cache ? 0 : -ENOMEM;
}

/**
 * fp_buffer_exit() - undo fp_buffer_init()
 *
 * Context: may sleep; no buffer is left.
 */
void fp_buffer_exit(void)
{
	kmem_cache_destroy(cache);
}

/**
 * fp_buffers_create() - create buffers without memory
 * @buffers: the result: @nr buffers, uninitialised
 * @nr: how many, at least 1
 *
 * Context: may sleep.
 * Return: 0; -ENOBUFS: no kernel memory, and no buffer was created.
 */
int fp_buffers_create(struct fp_buffer **buffers, u32 nr)
{
	if (nr > 1)
		return kmem_cache_alloc_bulk(cache, GFP_KERNEL, nr, (void **)buffers) ?
		       0 : -ENOBUFS;
	buffers[0] = kmem_cache_alloc(cache, GFP_KERNEL);
	return buffers[0] ? 0 : -ENOBUFS;
}

/**
 * fp_buffers_destroy() - undo fp_buffers_create()
 * @buffers: buffers without memory
 * @nr: how many; 0 is fine
 *
 * Context: any.
 */
void fp_buffers_destroy(struct fp_buffer **buffers, u32 nr)
{
	if (nr == 1)
		kmem_cache_free(cache, buffers[0]);
	else if (nr)
		kmem_cache_free_bulk(cache, nr, (void **)buffers);
}

/* The upper half of a new handle. */
static u64 next_serial(struct fp_client *client)
{
	u32 serial;

	do
		serial = atomic_inc_return(&client->serial);
	while (!serial);
	return (u64)serial << 32;
}

static void begin_movable(struct fp_buffer *buffer, const struct fp_request *request)
{
	seqcount_spinlock_init(&buffer->places, &buffer->client->pool->movables.lock);
	buffer->move.align = request->align;
	buffer->move.end_pfn = request->end_pfn;
	INIT_LIST_HEAD(&buffer->split);
	buffer->nr_moved = 0;
	RB_CLEAR_NODE(&buffer->move.by_frame);
}

/* A movable buffer without references no longer moves, if fp_movable_add() was called at all. */
static void end_movable(struct fp_buffer *buffer)
{
	struct fp_pool *pool = buffer->client->pool;

	if (RB_EMPTY_NODE(&buffer->move.by_frame))
		return;
	fp_movables_remove(&pool->movables, &buffer->move);
	spin_lock(&pool->movables.lock);
	list_del(&buffer->split);
	spin_unlock(&pool->movables.lock);
	if (buffer->nr_moved)
		fp_move_quarantine(&pool->buddy, fp_pool_frame(pool, buffer->to_pfn) /
				   FP_HUGE_FRAMES, buffer->run.nr / FP_HUGE_FRAMES);
}

/* Initialise a buffer that has got memory. */
static void begin(struct fp_client *client, struct fp_buffer *buffer, const struct fp_run *run,
		  const struct fp_request *request, bool movable)
{
	kref_init(&buffer->refs);
	buffer->client = client;
	buffer->run = *run;
	buffer->exported = NULL;
	buffer->keep = request->dirty;
	buffer->movable = movable;
	/* Any buffer can be pinned. */
	buffer->pins = (struct fp_pins){};
	buffer->pfn = fp_pool_pfn(client->pool, run->frame);
	if (movable) {
		begin_movable(buffer, request);
		return;
	}
	buffer->pgoff = run->frame + FP_BUFFER_FIRST;
	buffer->handle = next_serial(client) | buffer->pgoff;
}

/**
 * fp_buffers_alloc() - allocate memory for a buffer, and cheaply for some of those after it
 * @client: the client
 * @buffers: buffers without memory; each that gets memory has a handle, unless it is movable (see
 *	     fp_client_place()), and one reference for it
 * @nr: how many, at least 1
 * @request: what each buffer must satisfy
 * @movable: it may move
 *
 * Context: may sleep.
 * Return: how many have memory, from the first on; or a negative errno from fp_windows_alloc(), and
 * none has.
 */
int fp_buffers_alloc(struct fp_client *client, struct fp_buffer **buffers, u32 nr,
		     const struct fp_request *request, bool movable)
{
	struct fp_run runs[FP_POOL_ALIKE] __uninitialized;
	u32 i, got = 0;
	int ret;

	if (nr > 1 && !fatal_signal_pending(current))
		got = fp_pool_alloc_alike(client->pool, &client->account->owner, request, runs,
					  min(nr, FP_POOL_ALIKE));
	if (!got) {
		ret = fp_windows_alloc(&client->windows, request, runs);
		if (ret)
			return ret;
		got = 1;
	}
	for (i = 0; i < got; i++)
		begin(client, buffers[i], &runs[i], request, movable);
	atomic64_add(got, &client->pool->nr_buffers);
	return got;
}

/* Collect the runs of the buffers at the beginning that are alike. Returns how many. */
static u32 gather_alike(struct fp_buffer **buffers, u32 nr, struct fp_run *runs)
{
	const struct fp_buffer *first = buffers[0];
	u32 i;

	for (i = 0; i < min(nr, FP_POOL_ALIKE); i++) {
		if (buffers[i]->run.nr != first->run.nr ||
		    buffers[i]->run.dirty != first->run.dirty)
			break;
		runs[i] = buffers[i]->run;
	}
	return i;
}

/* Free the memory of a buffer, and cheaply of some of those after it. Returns of how many. */
static u32 free_some(struct fp_client *client, struct fp_buffer **buffers, u32 nr)
{
	struct fp_run runs[FP_POOL_ALIKE] __uninitialized;
	struct fp_owner *owner = &client->account->owner;
	u32 done = 0;

	if (nr > 1)
		done = fp_pool_free_alike(client->pool, owner, runs,
					  gather_alike(buffers, nr, runs));
	if (!done) {
		fp_pool_free(client->pool, owner, &buffers[0]->run, buffers[0]->keep);
		done = 1;
	}
	atomic64_sub(done, &client->pool->nr_buffers);
	return done;
}

/**
 * fp_buffers_free() - free buffers and their memory
 * @client: the client
 * @buffers: buffers without references, which nobody finds any more
 * @nr: how many
 *
 * Context: may sleep.
 */
void fp_buffers_free(struct fp_client *client, struct fp_buffer **buffers, u32 nr)
{
	u32 done, i;

	for (i = 0; i < nr; i++)
		if (buffers[i]->movable)
			end_movable(buffers[i]);
	for (done = 0; done < nr; cond_resched())
		done += free_some(client, buffers + done, nr - done);
	fp_buffers_destroy(buffers, nr);
}

/**
 * fp_buffer_move_to_beginning() - make a buffer the own one of its file
 * @buffer: a buffer of whole huge frames, which nobody finds yet
 *
 * Context: any.
 */
void fp_buffer_move_to_beginning(struct fp_buffer *buffer)
{
	buffer->handle = next_serial(buffer->client);
	buffer->pgoff = 0;
}

/**
 * fp_buffer_page() - find the page at a file offset
 * @buffer: the buffer
 * @pgoff: page offset in the client's file, inside the buffer
 *
 * Return: the page; no reference is taken. That of a movable buffer may be another one as soon as
 * nobody holds the lock of its folio.
 */
struct page *fp_buffer_page(const struct fp_buffer *buffer, unsigned long pgoff)
{
	unsigned long page = pgoff - buffer->pgoff, pfn;
	unsigned int sequence;

	if (likely(!buffer->movable))
		return pfn_to_page(buffer->pfn + page);
	do {
		sequence = read_seqcount_begin(&buffer->places);
		pfn = page < buffer->nr_moved ? buffer->to_pfn : buffer->pfn;
	} while (read_seqcount_retry(&buffer->places, sequence));
	return pfn_to_page(pfn + page);
}
