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
 * The small buffers and slabs in one huge frame have one folio, so they move together: into free
 * parts of other huge frames of their client, if all of them fit there; otherwise into an empty
 * huge frame, to the same places.
 *
 * A fault in a slab does not take the lock of its folio, but holds that of all windows of its
 * client (window.c) from before it looks where the slab is until the pages are in the page table.
 * So the mover holds that one for writing, too, from before the unmapping until the slab's place
 * is changed. The owner of a huge frame is one client, so it is one lock.
 *
 * A buffer that is freed meanwhile lives until its move has ended, and FREE waits for that. A slab
 * that is to go away does so after its move: window.c takes it out of what may move before it does
 * anything else.
 */
#include "user/mover.h"

#include <linux/highmem.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/rwsem.h>

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

static void unmap_pages(const struct fp_movable *movable, u64 first, u64 nr)
{
	unmap_mapping_range(movable->home->mapping, (loff_t)(movable->pgoff + first) << PAGE_SHIFT,
			    nr << PAGE_SHIFT, 1);
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
	unmap_pages(&buffer->move, first, FP_HUGE_FRAMES);
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

static void count_moved(struct fp_pool *pool, u64 nr, u64 nr_frames)
{
	atomic64_add(nr, &pool->movables.nr_moves);
	atomic64_add(nr_frames, &pool->movables.nr_moved);
}

static void refuse(struct fp_pool *pool, struct fp_movable *movable)
{
	struct fp_movables *movables = &pool->movables;

	spin_lock(&movables->lock);
	movable->refused = movables->round;
	spin_unlock(&movables->lock);
}

/* The run of whole huge frames that begins with one, or NULL. */
static struct fp_movable *find_run(struct fp_pool *pool, u32 index)
{
	u64 frame = (u64)index * FP_HUGE_FRAMES;
	struct fp_movable *movable = fp_movables_first(&pool->movables, frame);

	return movable && movable->run->frame == frame && movable->run->nr >= FP_HUGE_FRAMES ?
	       movable : NULL;
}

/**
 * fp_mover_has_slab() - is a huge frame a slab that may move?
 * @pool: the pool
 * @index: the huge frame
 *
 * Context: process.
 * Return: whether it is.
 */
bool fp_mover_has_slab(struct fp_pool *pool, u32 index)
{
	struct fp_movable *movable;
	bool is_slab;

	spin_lock(&pool->movables.lock);
	movable = find_run(pool, index);
	is_slab = movable && !fp_movable_buffer(movable);
	spin_unlock(&pool->movables.lock);
	return is_slab;
}

/* Begin to move the run that begins with a huge frame, if it is of this kind. */
static struct fp_movable *begin_run(struct fp_pool *pool, u32 index, bool is_slab)
{
	struct fp_movable *movable;

	spin_lock(&pool->movables.lock);
	movable = find_run(pool, index);
	if (movable && (!fp_movable_buffer(movable) != is_slab ||
			!fp_movables_begin(&pool->movables, movable)))
		movable = NULL;
	spin_unlock(&pool->movables.lock);
	return movable;
}

/**
 * fp_mover_begin_run() - find the buffer of huge frames that begins with one, if it may move
 * @pool: the pool; its moving mutex is held
 * @index: the first huge frame
 *
 * Context: process.
 * Return: the buffer, as after fp_movables_begin(), or NULL.
 */
struct fp_buffer *fp_mover_begin_run(struct fp_pool *pool, u32 index)
{
	struct fp_movable *movable = begin_run(pool, index, false);

	return movable ? fp_movable_buffer(movable) : NULL;
}

/**
 * fp_mover_restrict() - the huge frames that frames move to must suit them
 * @pool: the pool
 * @movable: the frames, which keep their place in the first huge frame
 * @wanted: which huge frames; gets the alignment and the limit of the frames, if these are stricter
 */
void fp_mover_restrict(const struct fp_pool *pool, const struct fp_movable *movable,
		       struct fp_runs_request *wanted)
{
	const struct fp_request request = {
		.nr = movable->run->frame % FP_HUGE_FRAMES + movable->run->nr,
		.end_pfn = movable->end_pfn,
	};

	if (movable->align > FP_HUGE_FRAMES)
		wanted->align_level = max_t(u32, wanted->align_level,
					    ilog2(movable->align) - FP_HUGE_ORDER);
	wanted->last_hpfn = min(wanted->last_hpfn, fp_request_last_hpfn(&pool->buddy, &request));
}

/**
 * fp_mover_move_run() - move a buffer of huge frames
 * @pool: the pool; its moving mutex is held
 * @buffer: the buffer, after fp_movables_begin()
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

	trace_move_begin(pool, &buffer->move, 1, from, to, nr, 0);
	done = move_on(buffer, to_pfn, done, &error);
	trace_move_end(pool, &buffer->move, 1, from, to, nr, error);
	if (done < buffer->run.nr) {
		refuse(pool, &buffer->move);
		return move_back(buffer, to_pfn, done);
	}
	fp_move_run(&buffer->client->account->owner, from, to, nr);
	fp_movables_settle(&pool->movables, &buffer->move, (u64)to * FP_HUGE_FRAMES);
	count_moved(pool, 1, done);
	return done;
}

/*
 * Copy what lies in one huge frame to other places. The lock that faults in slabs take is held, if
 * there are any. As freeze().
 */
static int move_frozen(struct fp_pool *pool, struct folio *folio, struct fp_movable **movables,
		       const struct fp_run *places, u32 nr)
{
	int ret;
	u32 i;

	folio_lock(folio);
	for (i = 0; i < nr; i++)
		unmap_pages(movables[i], 0, movables[i]->run->nr);
	ret = freeze(&pool->movables, folio);
	for (i = 0; !ret && i < nr; i++) {
		copy_frames(pfn_to_page(fp_pool_pfn(pool, places[i].frame)),
			    pfn_to_page(fp_pool_pfn(pool, movables[i]->run->frame)),
			    movables[i]->run->nr);
		/* What its client had there before may still be referenced, by a pipe perhaps. */
		if (places[i].dirty)
			WRITE_ONCE(movables[i]->run->dirty, true);
		fp_movables_settle(&pool->movables, movables[i], places[i].frame);
	}
	if (!ret)
		unfreeze(folio);
	folio_unlock(folio);
	return ret;
}

/**
 * fp_mover_move_slab() - move a slab that is a whole huge frame
 * @pool: the pool; its moving mutex is held
 * @from: the huge frame
 * @to: another one, which is held
 *
 * Context: may sleep.
 * Return: 0; -EBUSY: there is no such slab, or it did not move.
 */
int fp_mover_move_slab(struct fp_pool *pool, u32 from, u32 to)
{
	const struct fp_run place = { .frame = (u64)to * FP_HUGE_FRAMES };
	struct fp_movable *movable = begin_run(pool, from, true);
	int ret;

	if (!movable)
		return -EBUSY;
	trace_move_begin(pool, movable, 1, from, to, 1, 0);
	down_write(movable->home->faults);
	ret = move_frozen(pool, page_folio(page_of(pool, from)), &movable, &place, 1);
	up_write(movable->home->faults);
	trace_move_end(pool, movable, 1, from, to, 1, ret);
	if (!ret) {
		fp_move_run(movable->home->owner, from, to, 1);
		count_moved(pool, 1, FP_HUGE_FRAMES);
	} else {
		refuse(pool, movable);
	}
	fp_movables_end(&pool->movables, movable);
	return ret ? -EBUSY : 0;
}

/**
 * struct blocks - the small buffers and slabs in one huge frame
 * @nr: how many
 * @nr_used: frames in them
 * @home: the client that has them
 * @has_slabs: some are slabs
 * @movable: the buffers and slabs
 * @place: where each of them goes
 */
struct blocks {
	u32 nr;
	u32 nr_used;
	const struct fp_home *home;
	bool has_slabs;
	struct fp_movable *movable[FP_HUGE_FRAMES];
	struct fp_run place[FP_HUGE_FRAMES];
};

/*
 * Slabs first: to drop a reference to a buffer may take locks that are held by those who wait for
 * the end of a slab's move.
 */
static void end_blocks(struct fp_pool *pool, struct blocks *blocks)
{
	struct fp_buffer *buffer;
	u32 i, nr = 0;

	for (i = 0; i < blocks->nr; i++) {
		buffer = fp_movable_buffer(blocks->movable[i]);
		if (buffer)
			blocks->movable[nr++] = &buffer->move;
		else
			fp_movables_end(&pool->movables, blocks->movable[i]);
	}
	for (i = 0; i < nr; i++)
		fp_movables_end(&pool->movables, blocks->movable[i]);
}

static void add_block(struct blocks *blocks, struct fp_movable *movable)
{
	blocks->movable[blocks->nr++] = movable;
	blocks->nr_used += movable->run->nr;
	blocks->home = movable->home;
	blocks->has_slabs |= !fp_movable_buffer(movable);
}

/* Find what lies in a huge frame. Returns whether all of it may move. */
static bool begin_blocks(struct fp_pool *pool, u32 index, struct blocks *blocks)
{
	u64 first = (u64)index * FP_HUGE_FRAMES;
	struct fp_movable *movable;
	bool may_move = true;

	blocks->nr = 0;
	blocks->nr_used = 0;
	blocks->has_slabs = false;
	spin_lock(&pool->movables.lock);
	for (movable = fp_movables_first(&pool->movables, first);
	     movable && movable->run->frame < first + FP_HUGE_FRAMES;
	     movable = fp_movables_next(movable)) {
		may_move = fp_movables_begin(&pool->movables, movable);
		if (!may_move)
			break;
		add_block(blocks, movable);
	}
	spin_unlock(&pool->movables.lock);
	if (may_move && blocks->nr)
		return true;
	end_blocks(pool, blocks);
	return false;
}

/* Nobody waits for it: what was free before is free again. */
static void free_place(struct fp_pool *pool, struct fp_owner *owner, const struct fp_run *place)
{
	WARN_ON_ONCE(fp_buddy_free(&pool->buddy, owner, place->frame, place->nr, place->dirty));
	fp_quarantine_kick(&pool->quarantine);
}

static void free_places(struct fp_pool *pool, struct fp_owner *owner, struct blocks *blocks, u32 nr)
{
	while (nr--)
		free_place(pool, owner, &blocks->place[nr]);
}

/* Find a place for a block in another huge frame of its owner. */
static bool find_place(struct fp_pool *pool, struct fp_owner *owner,
		       const struct fp_movable *movable, struct fp_run *place)
{
	const struct fp_request request = {
		.nr = movable->run->nr, .align = movable->align, .end_pfn = movable->end_pfn,
	};

	if (!fp_move_place(owner, &request, place))
		return false;
	if (likely(!fp_poison_in(fp_pool_pfn(pool, place->frame), place->nr)))
		return true;
	free_place(pool, owner, place);
	return false;
}

/* Find places for all blocks in other huge frames of their owner. */
static bool find_places(struct fp_pool *pool, struct fp_owner *owner, struct blocks *blocks)
{
	u32 i;

	for (i = 0; i < blocks->nr; i++)
		if (!find_place(pool, owner, blocks->movable[i], &blocks->place[i])) {
			free_places(pool, owner, blocks, i);
			return false;
		}
	return true;
}

/* Choose the same places in another huge frame. Returns whether it suits all blocks. */
static bool find_image(const struct fp_pool *pool, struct blocks *blocks, u32 from, u32 to)
{
	struct fp_runs_request wanted = { .nr = 1, .last_hpfn = FP_NO_LIMIT };
	u32 hpfn = fp_extents_hpfn(&pool->buddy.runs.extents, to), i;

	for (i = 0; i < blocks->nr; i++) {
		fp_mover_restrict(pool, blocks->movable[i], &wanted);
		blocks->place[i] = *blocks->movable[i]->run;
		blocks->place[i].frame += ((s64)to - from) * FP_HUGE_FRAMES;
	}
	return hpfn <= wanted.last_hpfn && !(hpfn & ((1U << wanted.align_level) - 1));
}

/* Copy all blocks to their places. As freeze(). */
static int move_contents(struct fp_pool *pool, u32 from, struct blocks *blocks)
{
	struct folio *folio = page_folio(page_of(pool, from));
	int ret;

	if (!blocks->has_slabs)
		return move_frozen(pool, folio, blocks->movable, blocks->place, blocks->nr);
	down_write(blocks->home->faults);
	ret = move_frozen(pool, folio, blocks->movable, blocks->place, blocks->nr);
	up_write(blocks->home->faults);
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
 * Whoever waits for memory is not woken: an attempt to make room for him that fails leaves no more
 * than there was, and he would make another one at once.
 *
 * Context: may sleep.
 */
void fp_mover_drop(struct fp_pool *pool, u32 index, u32 nr, bool dirty)
{
	if (dirty)
		fp_mover_clear(pool, index, nr);
	fp_move_drop(&pool->buddy, index, nr);
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
	if (*to == FP_NIL || !find_image(pool, blocks, from, *to)) {
		fp_movables_refuse(&pool->movables, FP_REFUSED_NO_ROOM);
		return -ENOSPC;
	}
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
	const struct fp_movable *first = blocks->movable[0];
	u32 place = *to;
	int ret;

	trace_move_begin(pool, first, blocks->nr, from, FP_NIL, 1, 0);
	ret = move_secluded(pool, owner, from, to, blocks);
	trace_move_end(pool, first, blocks->nr, from, *to == FP_NIL ? place : FP_NIL, 1, ret);
	return ret;
}

/**
 * fp_mover_move_blocks() - empty a huge frame with small buffers and slabs
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
	owner = blocks->home->owner;
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
		refuse(pool, blocks->movable[i]);
	end_blocks(pool, blocks);
	kvfree(blocks);
	return ret;
}
