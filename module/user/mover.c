// SPDX-License-Identifier: GPL-2.0-only
/*
 * The mover: moves what lies in given huge frames. compact.c decides what moves where to.
 *
 * How a huge frame of a buffer moves. Its folio is locked, so no fault can map it. It is unmapped
 * from all page tables. Then its reference count must be exactly one, ours, and is frozen at
 * zero: whoever has a reference that we do not know of (a pipe, direct I/O, RDMA) keeps it where it
 * is. From then on nobody can get a reference, since there is no page table entry to find it by,
 * and a lookup that read one before the unmapping fails to raise a count of zero (Linux, mm/gup.c).
 * So the contents cannot change while they are copied. After that the buffer's place is changed,
 * the count is restored, and the folio unlocked. Faults that waited for its lock see that the page
 * is elsewhere now, and go there.
 *
 * A buffer of several huge frames moves one after the other, so each page is away for no longer
 * than it takes to copy one. If one of them is referenced, those that have moved go back. If one
 * of these has become referenced meanwhile, the buffer stays where it is, in two parts, until a
 * later attempt.
 *
 * The small buffers in one huge frame have one folio, so they move together: into free parts of
 * other huge frames of their client, if all of them fit there; otherwise into an empty huge frame,
 * to the same places.
 */
#include "user/mover.h"

#include <linux/highmem.h>
#include <linux/mm.h>
#include <linux/pagemap.h>

#include "core/move.h"
#include "pool/poison.h"
#include "user/client.h"
#include "user/movable.h"

static struct page *page_of(const struct fp_pool *pool, u32 index)
{
	return pfn_to_page(fp_pool_pfn(pool, (u64)index * FP_HUGE_FRAMES));
}

/**
 * fp_mover_clear() - fill huge frames with zeros
 * @pool: the pool
 * @index: the first, held
 * @nr: how many
 *
 * Context: may sleep.
 */
void fp_mover_clear(const struct fp_pool *pool, u32 index, u32 nr)
{
	struct page *page = page_of(pool, index);
	u64 i;

	for (i = 0; i < (u64)nr * FP_HUGE_FRAMES; i++) {
		clear_highpage(page + i);
		cond_resched();
	}
}

static void copy_frames(struct page *to, struct page *from, u32 nr)
{
	u32 i;

	for (i = 0; i < nr; i++)
		copy_highpage(to + i, from + i);
}

static void unmap_pages(const struct fp_buffer *buffer, u64 first, u64 nr)
{
	unmap_mapping_range(buffer->client->inode->i_mapping,
			    (loff_t)(buffer->pgoff + first) << PAGE_SHIFT, nr << PAGE_SHIFT, 1);
}

/*
 * Keep everybody from using a locked folio that was unmapped. Returns 0; -EBUSY: somebody else has
 * a reference; -EHWPOISON: it cannot be read.
 */
static int freeze(struct fp_movables *movables, struct folio *folio)
{
	bool bad = fp_poison_in(folio_pfn(folio), FP_HUGE_FRAMES);
	bool frozen = !bad && folio_ref_freeze(folio, 1);

	if (frozen)
		return 0;
	fp_movables_refuse(movables, bad ? FP_REFUSED_BAD : FP_REFUSED_REFERENCED);
	return bad ? -EHWPOISON : -EBUSY;
}

static void unfreeze(struct folio *folio)
{
	folio_ref_unfreeze(folio, 1);
}

/*
 * Move one huge frame of a run, from @first of its pages on, to where the buffer's other place is,
 * or back. Then @nr_moved pages are there. As freeze().
 */
static int move_huge(struct fp_buffer *buffer, u64 first, unsigned long from, unsigned long to,
		     unsigned long to_pfn, u64 nr_moved)
{
	struct folio *folio = page_folio(pfn_to_page(from + first));
	int ret;

	folio_lock(folio);
	unmap_pages(buffer, first, FP_HUGE_FRAMES);
	ret = freeze(&buffer->client->pool->movables, folio);
	if (!ret) {
		copy_frames(pfn_to_page(to + first), pfn_to_page(from + first), FP_HUGE_FRAMES);
		fp_movable_set_place(buffer, to_pfn, nr_moved);
		unfreeze(folio);
	}
	folio_unlock(folio);
	cond_resched();
	return ret;
}

/*
 * Move the pages of a buffer from @done on to its other place. Returns how many are there; if not
 * all, @error says why.
 */
static u64 move_on(struct fp_buffer *buffer, unsigned long to, u64 done, int *error)
{
	for (*error = 0; done < buffer->run.nr; done += FP_HUGE_FRAMES) {
		*error = move_huge(buffer, done, buffer->pfn, to, to, done + FP_HUGE_FRAMES);
		if (*error)
			break;
	}
	return done;
}

/* Move the first @done pages of a buffer back. Returns how many are still there. */
static u64 move_back(struct fp_buffer *buffer, unsigned long to, u64 done)
{
	while (done && !move_huge(buffer, done - FP_HUGE_FRAMES, to, buffer->pfn, to,
				  done - FP_HUGE_FRAMES))
		done -= FP_HUGE_FRAMES;
	return done;
}

static void count_moved(struct fp_pool *pool, u64 nr_buffers, u64 nr_frames)
{
	atomic64_add(nr_buffers, &pool->movables.nr_moves);
	atomic64_add(nr_frames, &pool->movables.nr_moved);
}

static void refuse(struct fp_buffer *buffer)
{
	struct fp_movables *movables = &buffer->client->pool->movables;

	spin_lock(&movables->lock);
	buffer->refused = movables->round;
	spin_unlock(&movables->lock);
}

/**
 * fp_mover_begin_run() - find the run that begins at a frame, if it may move
 * @pool: the pool; its moving mutex is held
 * @frame: the frame
 *
 * Context: process.
 * Return: the buffer, as after fp_movable_begin(), or NULL.
 */
struct fp_buffer *fp_mover_begin_run(struct fp_pool *pool, u64 frame)
{
	struct fp_movables *movables = &pool->movables;
	struct fp_buffer *buffer;

	spin_lock(&movables->lock);
	buffer = fp_movable_first(pool, frame);
	if (buffer && (buffer->run.frame != frame || !fp_movable_begin(buffer)))
		buffer = NULL;
	spin_unlock(&movables->lock);
	return buffer;
}

/**
 * fp_mover_move_run() - move a run
 * @pool: the pool; its moving mutex is held
 * @buffer: the run, after fp_movable_begin()
 * @to: the first of as many huge frames, which are held
 * @done: how many of its pages are there already
 *
 * Context: may sleep.
 * Return: how many are there now: all, none, or some if something keeps it from moving on and back.
 */
u64 fp_mover_move_run(struct fp_pool *pool, struct fp_buffer *buffer, u32 to, u64 done)
{
	unsigned long to_pfn = page_to_pfn(page_of(pool, to));
	u32 from = buffer->run.frame / FP_HUGE_FRAMES, nr = buffer->run.nr / FP_HUGE_FRAMES;
	int error;

	trace_move_begin(buffer->client, buffer->pgoff, 1, from, to, nr, 0);
	done = move_on(buffer, to_pfn, done, &error);
	trace_move_end(buffer->client, buffer->pgoff, 1, from, to, nr, error);
	if (done < buffer->run.nr) {
		refuse(buffer);
		return move_back(buffer, to_pfn, done);
	}
	fp_move_run(&buffer->client->account->owner, from, to, nr);
	fp_movable_settle(buffer, (u64)to * FP_HUGE_FRAMES);
	count_moved(pool, 1, done);
	return done;
}

/**
 * struct blocks - the small buffers in one huge frame
 * @nr: how many
 * @nr_used: frames in them
 * @buffer: the buffers
 * @place: where each of them goes
 */
struct blocks {
	u32 nr;
	u32 nr_used;
	struct fp_buffer *buffer[FP_HUGE_FRAMES];
	struct fp_run place[FP_HUGE_FRAMES];
};

static void end_blocks(struct blocks *blocks)
{
	u32 i;

	for (i = 0; i < blocks->nr; i++)
		fp_movable_end(blocks->buffer[i]);
}

/* Find the buffers in a huge frame. Returns whether all of them may move. */
static bool begin_blocks(struct fp_pool *pool, u32 index, struct blocks *blocks)
{
	u64 first = (u64)index * FP_HUGE_FRAMES;
	struct fp_buffer *buffer;
	bool may_move = true;

	blocks->nr = 0;
	blocks->nr_used = 0;
	spin_lock(&pool->movables.lock);
	for (buffer = fp_movable_first(pool, first);
	     buffer && may_move && buffer->run.frame < first + FP_HUGE_FRAMES;
	     buffer = fp_movable_next(buffer)) {
		may_move = fp_movable_begin(buffer);
		if (!may_move)
			break;
		blocks->buffer[blocks->nr++] = buffer;
		blocks->nr_used += buffer->run.nr;
	}
	spin_unlock(&pool->movables.lock);
	if (may_move && blocks->nr)
		return true;
	end_blocks(blocks);
	return false;
}

static void free_places(struct fp_pool *pool, struct fp_owner *owner, struct blocks *blocks, u32 nr)
{
	while (nr--)
		fp_pool_free(pool, owner, &blocks->place[nr], false);
}

/* Find a place for a buffer in another huge frame of its owner. */
static bool find_place(struct fp_pool *pool, struct fp_owner *owner, const struct fp_buffer *buffer,
		       struct fp_run *place)
{
	const struct fp_request request = {
		.nr = buffer->run.nr, .align = buffer->align, .end_pfn = buffer->end_pfn,
	};

	if (!fp_move_place(owner, &request, place))
		return false;
	if (likely(!fp_poison_in(fp_pool_pfn(pool, place->frame), place->nr)))
		return true;
	fp_pool_free(pool, owner, place, false);
	return false;
}

/* Find places for all blocks in other huge frames of their owner. */
static bool find_places(struct fp_pool *pool, struct fp_owner *owner, struct blocks *blocks)
{
	u32 i;

	for (i = 0; i < blocks->nr; i++)
		if (!find_place(pool, owner, blocks->buffer[i], &blocks->place[i])) {
			free_places(pool, owner, blocks, i);
			return false;
		}
	return true;
}

/* Can a huge frame have all blocks at the same places? */
static bool fits_image(const struct fp_pool *pool, const struct blocks *blocks, u32 to)
{
	u32 hpfn = fp_extents_hpfn(&pool->buddy.runs.extents, to), i;

	for (i = 0; i < blocks->nr; i++) {
		const struct fp_buffer *buffer = blocks->buffer[i];
		const struct fp_request request = {
			.nr = buffer->run.frame % FP_HUGE_FRAMES + buffer->run.nr,
			.end_pfn = buffer->end_pfn,
		};

		if (hpfn > fp_request_last_hpfn(&pool->buddy, &request) ||
		    hpfn & ((1U << buffer->align_level) - 1))
			return false;
	}
	return true;
}

/* The same places in another huge frame. */
static void copy_places(struct blocks *blocks, u32 from, u32 to)
{
	u32 i;

	for (i = 0; i < blocks->nr; i++) {
		blocks->place[i] = blocks->buffer[i]->run;
		blocks->place[i].frame += ((s64)to - from) * FP_HUGE_FRAMES;
	}
}

/* Copy all blocks to their places. As freeze(). */
static int move_contents(struct fp_pool *pool, u32 from, struct blocks *blocks)
{
	struct folio *folio = page_folio(page_of(pool, from));
	struct fp_buffer *buffer;
	int ret;
	u32 i;

	folio_lock(folio);
	for (i = 0; i < blocks->nr; i++)
		unmap_pages(blocks->buffer[i], 0, blocks->buffer[i]->run.nr);
	ret = freeze(&pool->movables, folio);
	for (i = 0; !ret && i < blocks->nr; i++) {
		buffer = blocks->buffer[i];
		copy_frames(pfn_to_page(fp_pool_pfn(pool, blocks->place[i].frame)),
			    pfn_to_page(buffer->pfn), buffer->run.nr);
		/* What its client had there before may still be referenced, by a pipe perhaps. */
		if (blocks->place[i].dirty)
			WRITE_ONCE(buffer->run.dirty, true);
		fp_movable_settle(buffer, blocks->place[i].frame);
	}
	if (!ret)
		unfreeze(folio);
	folio_unlock(folio);
	return ret;
}

/* If one of these held huge frames is bad, have them examined instead. */
static bool set_aside(struct fp_pool *pool, u32 index, u32 nr)
{
	if (likely(!fp_poison_in(page_to_pfn(page_of(pool, index)), (u64)nr * FP_HUGE_FRAMES)))
		return false;
	fp_move_quarantine(&pool->buddy, index, nr);
	fp_quarantine_kick(&pool->quarantine);
	return true;
}

/**
 * fp_mover_hold() - hold empty huge frames, none of them bad
 * @pool: the pool; its moving mutex is held
 * @wanted: which
 * @index: the result: the first
 *
 * Context: may sleep.
 * Return: as fp_runs_take(), but not -EAGAIN.
 */
int fp_mover_hold(struct fp_pool *pool, const struct fp_runs_request *wanted, u32 *index)
{
	struct fp_runs_request request = *wanted;
	int ret;

	request.high = true;
	do
		ret = fp_move_hold(&pool->buddy, &request, index);
	while (ret == -EAGAIN || (!ret && set_aside(pool, *index, request.nr)));
	return ret;
}

/**
 * fp_mover_drop() - stop holding huge frames
 * @pool: the pool
 * @index: the first of a held run
 * @nr: its length
 * @dirty: clear them first
 *
 * Context: may sleep.
 */
void fp_mover_drop(struct fp_pool *pool, u32 index, u32 nr, bool dirty)
{
	if (dirty)
		fp_mover_clear(pool, index, nr);
	fp_move_drop(&pool->buddy, index, nr);
	fp_waiters_notify(&pool->waiters);
}

/* Move what lies in a secluded huge frame. Returns 0, -ENOSPC, or what freeze() returns. */
static int move_secluded(struct fp_pool *pool, struct fp_owner *owner, u32 from, u32 *to,
			 struct blocks *blocks)
{
	int ret;

	if (find_places(pool, owner, blocks)) {
		ret = move_contents(pool, from, blocks);
		if (ret)
			free_places(pool, owner, blocks, blocks->nr);
		else
			fp_move_emptied(owner, from);
		return ret;
	}
	if (*to == FP_NIL || !fits_image(pool, blocks, *to)) {
		fp_movables_refuse(&pool->movables, FP_REFUSED_NO_ROOM);
		return -ENOSPC;
	}
	copy_places(blocks, from, *to);
	ret = move_contents(pool, from, blocks);
	if (ret)
		return ret;
	fp_move_image(owner, from, *to);
	*to = FP_NIL;
	return 0;
}

static int trace_and_move(struct fp_pool *pool, struct fp_owner *owner, u32 from, u32 *to,
			  struct blocks *blocks)
{
	const struct fp_buffer *first = blocks->buffer[0];
	u32 place = *to;
	int ret;

	trace_move_begin(first->client, first->pgoff, blocks->nr, from, FP_NIL, 1, 0);
	ret = move_secluded(pool, owner, from, to, blocks);
	trace_move_end(first->client, first->pgoff, blocks->nr, from,
		       *to == FP_NIL ? place : FP_NIL, 1, ret);
	return ret;
}

/**
 * fp_mover_move_blocks() - empty a huge frame with small buffers
 * @pool: the pool; its moving mutex is held
 * @index: the huge frame
 * @to: a held huge frame for what does not fit into others of the owner, which becomes FP_NIL if it
 *	is used; FP_NIL: there is none
 *
 * Context: may sleep.
 * Return: 0: it is empty, and held now; -ENOSPC: there is no place for what is in it; -EBUSY: it
 * did not move; -ENOMEM: no kernel memory.
 */
int fp_mover_move_blocks(struct fp_pool *pool, u32 index, u32 *to)
{
	struct blocks *blocks = kvmalloc(sizeof(*blocks), FP_GFP_CALL);
	struct fp_owner *owner;
	int ret = -EBUSY;
	u32 i;

	if (!blocks || !begin_blocks(pool, index, blocks)) {
		kvfree(blocks);
		return blocks ? -EBUSY : -ENOMEM;
	}
	owner = &blocks->buffer[0]->client->account->owner;
	if (fp_move_seclude(owner, index, blocks->nr_used)) {
		ret = trace_and_move(pool, owner, index, to, blocks);
		if (!ret)
			count_moved(pool, blocks->nr, blocks->nr_used);
		else
			fp_move_readmit(owner, index);
	}
	if (ret == -EHWPOISON)
		ret = -EBUSY;
	for (i = 0; ret == -EBUSY && i < blocks->nr; i++)
		refuse(blocks->buffer[i]);
	end_blocks(blocks);
	kvfree(blocks);
	return ret;
}
