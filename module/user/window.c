// SPDX-License-Identifier: GPL-2.0-only
/*
 * Caches of objects for programs. The objects lie in a window: a range of the client's file in
 * which slabs appear and disappear. A window can be mapped before there are any slabs.
 *
 * All windows have the same length, that of the pool rounded up to a power of two, and lie side by
 * side above all buffers. So the window at a page offset is found by a division. In a window, a
 * slab lies at the lowest free multiple of its length. There is always one, since a window is at
 * least as large as the pool.
 *
 * A slab is a run of frames that belongs to the client, like a buffer. But it shares its VMA with
 * other slabs, and comes and goes while the VMA stays. So only pages of the slab may be mapped at
 * its place: pages are mapped one by one (mmap.c). When a slab is taken away, it is first removed
 * from the cache's index. Then the lock that faults hold is taken for writing once, the slab is
 * unmapped, and only then are its place and its frames freed. Either a fault got the lock first,
 * and the unmapping removes its pages; or it finds no slab.
 *
 * The slabs of a cache may move (mover.c), if it was created so. A slab is among what may move from
 * before any object of it is allocated until it is taken away. The mover changes its frames with
 * the same lock held for writing, so a fault sees those that will be mapped. The addresses of
 * objects do not change.
 *
 * When a cache is destroyed, its window is unmapped as a whole, and its slabs go. The window
 * itself, and its place in the file, last as long as there are mappings. So little is left to do
 * when the last mapping goes, which happens under the mmap_lock.
 */
#include "user/window.h"

#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

/**
 * struct place - the memory of a slab
 * @run: its frames; if it may move, @run.frame changes with @fp_windows.lock held for writing
 * @mapped: it has been mapped, so a program may have written to it (set with @fp_windows.lock held
 *          for reading)
 * @move: its part in moves, if it may move
 */
struct place {
	struct fp_run run;
	bool mapped;
	struct fp_movable move;
};

/*
 * The lower half of a handle is the window's index with this bit, which is never set in the handle
 * of a buffer.
 */
#define WINDOW_HANDLE	(1U << 31)

static void release_empty(struct fp_window *window, void *unused)
{
	fp_slab_release_empty(&window->slabs);
}

/* Give back the empty slabs of a client. Returns whether there are caches at all. */
static bool shrink(struct fp_windows *windows)
{
	if (xa_empty(&windows->list))
		return false;
	fp_windows_for_each(windows, release_empty, NULL);
	return true;
}

/* Called when the pool is short of memory. */
static void give(struct fp_reclaimer *reclaimer, bool hard)
{
	/* To take a slab away, one has to sleep. */
	if (hard)
		shrink(container_of(reclaimer, struct fp_windows, reclaimer));
}

/**
 * fp_windows_init() - prepare for the caches of a client
 * @windows: zeroed
 * @pool: the pool
 * @account: owns the memory of their slabs
 * @mapping: address space of the client's file
 *
 * Context: any.
 */
void fp_windows_init(struct fp_windows *windows, struct fp_pool *pool, struct fp_account *account,
		     struct address_space *mapping)
{
	windows->pool = pool;
	windows->account = account;
	windows->mapping = mapping;
	windows->home = (struct fp_home){ &account->owner, mapping, &windows->lock };
	windows->nr = roundup_pow_of_two(fp_pool_total_frames(pool));
	init_rwsem(&windows->lock);
	INIT_LIST_HEAD(&windows->reclaimer.node);
	windows->reclaimer.give = give;
	windows->failed_at = -1;
	xa_init_flags(&windows->list, XA_FLAGS_ALLOC | XA_FLAGS_ACCOUNT);
}

static u64 slab_frames(const struct fp_window *window)
{
	return 1ULL << window->slabs.order;
}

static void free_run(struct fp_windows *windows, const struct fp_run *run)
{
	fp_pool_free(windows->pool, &windows->account->owner, run, false);
}

/**
 * fp_windows_alloc() - allocate memory for a client
 * @windows: all caches of the client; if a quota is in the way, their empty slabs go back first
 * @request: what it must satisfy
 * @run: the result
 *
 * Context: may sleep.
 * Return: as fp_pool_alloc(). The caller counts failures.
 */
int fp_windows_alloc(struct fp_windows *windows, const struct fp_request *request,
		     struct fp_run *run)
{
	s64 events = atomic64_read(&windows->pool->waiters.nr_events);
	struct fp_owner *owner = &windows->account->owner;
	int ret;

	if (fatal_signal_pending(current))
		return -EINTR;
	ret = fp_pool_alloc(windows->pool, owner, request, run);
	if (ret == -EDQUOT && shrink(windows))
		ret = fp_pool_alloc(windows->pool, owner, request, run);
	if (fp_pool_is_short(ret)) {
		WRITE_ONCE(windows->failed_at, events);
		/* So that there is an event even if what comes back next is not one. */
		fp_pool_arm_trim(windows->pool);
	}
	return ret;
}

/* Add a slab at the lowest free place. */
static int grow(struct fp_window *window)
{
	struct fp_windows *windows = window->windows;
	const struct fp_request request = {
		.nr = slab_frames(window),
		.align = slab_frames(window),
		.end_pfn = FP_ANYWHERE,
		.dirty = true,
	};
	struct place *place = kzalloc(sizeof(*place), GFP_KERNEL_ACCOUNT);
	u64 frame;
	int ret;

	if (!place)
		return -ENOBUFS;
	ret = fp_windows_alloc(windows, &request, &place->run);
	if (ret) {
		fp_pool_count_failure(windows->pool, ret);
		goto err_place;
	}
	frame = place->run.frame;
	fp_reclaimer_grew(&windows->pool->reclaimers, &windows->reclaimer);
	ret = -ENOBUFS;
	if (fp_slab_add(&window->slabs, FP_SLAB_NONE, place, GFP_KERNEL_ACCOUNT))
		goto err_run;
	/* From now on the slab may go away. */
	trace_slab_grow(windows->pool, windows->account, NULL, window->index, &window->slabs,
			frame);
	return 0;

err_run:
	fp_reclaimer_shrank(&windows->reclaimer);
	free_run(windows, &place->run);
err_place:
	kfree(place);
	return ret;
}

/* Nothing but the place of a slab changes when it moves, and it is removed before it goes away. */
static const struct fp_movable_ops slab_moves = {};

/* Let a slab move that has got its place in the window. */
static void show(struct fp_slab_cache *slabs, u64 base, void *private)
{
	struct fp_window *window = container_of(slabs, struct fp_window, slabs);
	struct place *place = private;

	if (!window->movable)
		return;
	place->move.ops = &slab_moves;
	place->move.home = &window->windows->home;
	place->move.run = &place->run;
	place->move.pins = &window->pins;
	place->move.pgoff = window->pgoff + (base >> PAGE_SHIFT);
	place->move.align = slab_frames(window);
	place->move.end_pfn = FP_ANYWHERE;
	fp_movables_add(&window->windows->pool->movables, &place->move);
}

/*
 * Make sure that a slab does not move any more, that no fault still sees it, and remove it from all
 * page tables.
 */
static void hide(struct fp_slab_cache *slabs, u64 base, void *private)
{
	struct fp_window *window = container_of(slabs, struct fp_window, slabs);
	struct place *place = private;

	if (window->movable)
		fp_movables_remove(&window->windows->pool->movables, &place->move);
	/* Pairs with the release in fp_window_destroy(), so that put_slab() sees place->mapped. */
	if (smp_load_acquire(&window->is_unmapped))
		return;
	/* Faults that come later do not find it. */
	down_write(&window->windows->lock);
	up_write(&window->windows->lock);
	if (place->mapped)
		unmap_mapping_range(window->windows->mapping,
				    ((loff_t)window->pgoff << PAGE_SHIFT) + base,
				    1LL << slabs->shift, 1);
}

static void put_slab(struct fp_slab_cache *slabs, u64 base, void *private)
{
	struct fp_window *window = container_of(slabs, struct fp_window, slabs);
	struct fp_windows *windows = window->windows;
	struct place *place = private;

	place->run.dirty |= place->mapped;
	fp_reclaimer_shrank(&windows->reclaimer);
	trace_slab_shrink(windows->pool, windows->account, NULL, window->index, slabs,
			  place->run.frame);
	free_run(windows, &place->run);
	cond_resched();
}

static const struct fp_slab_ops slab_ops = { .show = show, .hide = hide, .put = put_slab };

/* Give a new window an index and a handle. */
static int enlist(struct fp_windows *windows, struct fp_window *window, u64 *handle)
{
	int ret = xa_alloc(&windows->list, &window->index, window,
			   XA_LIMIT(0, FRAMEPOOL_CACHES_MAX - 1), GFP_KERNEL_ACCOUNT);

	if (ret)
		return ret == -EBUSY ? -EMFILE : -ENOBUFS;
	window->pgoff = FP_WINDOW_FIRST + window->index * windows->nr;
	/* From now on others can find it. */
	xa_lock(&windows->list);
	if (!++windows->serial)
		windows->serial = 1;
	*handle = (u64)windows->serial << 32 | WINDOW_HANDLE | window->index;
	window->handle = *handle;
	xa_unlock(&windows->list);
	return 0;
}

/**
 * fp_window_create() - create a cache
 * @windows: all caches of the client
 * @config: the objects; the rest is filled in
 * @movable: the frames behind the objects may change
 * @window: the result, with a reference for the caller
 * @handle: the result: its handle
 *
 * Context: may sleep.
 * Return: 0; -EINVAL: @config is not valid; -EMFILE: the client has FRAMEPOOL_CACHES_MAX caches
 * already; -ENOBUFS: no kernel memory.
 */
int fp_window_create(struct fp_windows *windows, struct fp_slab_config *config, bool movable,
		     struct fp_window **window, u64 *handle)
{
	struct fp_window *new = kzalloc(sizeof(*new), GFP_KERNEL_ACCOUNT);
	int ret;

	if (!new)
		return -ENOBUFS;
	new->windows = windows;
	new->movable = movable;
	kref_init(&new->refs);
	kref_get(&new->refs);
	config->ops = &slab_ops;
	config->span = (u64)windows->nr << PAGE_SHIFT;
	config->account = true;
	ret = fp_slab_setup(&new->slabs, config) ?: enlist(windows, new, handle);
	if (ret)
		kfree(new);
	else
		*window = new;
	return ret;
}

static void release(struct kref *refs)
{
	struct fp_window *window = container_of(refs, struct fp_window, refs);

	/* From now on another window may take its index. */
	xa_erase(&window->windows->list, window->index);
	/* A slab that could not be added for lack of memory may have left empty nodes. */
	xa_destroy(&window->slabs.places);
	kfree(window);
}

/**
 * fp_window_put() - drop a reference
 * @window: the window
 *
 * Context: may sleep.
 */
void fp_window_put(struct fp_window *window)
{
	/* A call that was under way may have added slabs since the cache was destroyed. */
	if (READ_ONCE(window->is_unmapped))
		fp_slab_discard(&window->slabs);
	kref_put(&window->refs, release);
}

static struct fp_window *find_handle_locked(struct fp_windows *windows, u64 handle)
{
	struct fp_window *window;

	lockdep_assert_held(&windows->list.xa_lock);
	if (!(handle & WINDOW_HANDLE))
		return NULL;
	window = xa_load(&windows->list, lower_32_bits(handle) & ~WINDOW_HANDLE);
	return window && window->handle == handle ? window : NULL;
}

/**
 * fp_window_get() - find a cache by handle, and take a reference
 * @windows: all caches of the client
 * @handle: the handle
 *
 * Context: process.
 * Return: the window, or NULL.
 */
struct fp_window *fp_window_get(struct fp_windows *windows, u64 handle)
{
	struct fp_window *window;

	xa_lock(&windows->list);
	window = find_handle_locked(windows, handle);
	/* The handle has a reference, and cannot go away while the lock is held. */
	if (window)
		kref_get(&window->refs);
	xa_unlock(&windows->list);
	return window;
}

/**
 * fp_window_get_at() - find a cache by page offset, and take a reference
 * @windows: all caches of the client
 * @pgoff: page offset, at least FP_WINDOW_FIRST
 * @nr: pages
 *
 * Context: process.
 * Return: the window, if it contains the whole range and still has a handle; else NULL.
 */
struct fp_window *fp_window_get_at(struct fp_windows *windows, unsigned long pgoff, u64 nr)
{
	unsigned long index = (pgoff - FP_WINDOW_FIRST) / windows->nr;
	struct fp_window *window;

	xa_lock(&windows->list);
	window = xa_load(&windows->list, index);
	if (window && (!window->handle || nr > windows->nr - (pgoff - window->pgoff)))
		window = NULL;
	if (window)
		kref_get(&window->refs);
	xa_unlock(&windows->list);
	return window;
}

/**
 * fp_window_destroy() - destroy a cache
 * @windows: all caches of the client
 * @handle: its handle
 *
 * When this returns, its objects are gone, and any access to a mapping of the window gets SIGBUS.
 *
 * Context: may sleep.
 * Return: 0, or -ENOENT.
 */
int fp_window_destroy(struct fp_windows *windows, u64 handle)
{
	struct fp_window *window;

	down_write(&windows->lock);
	xa_lock(&windows->list);
	window = find_handle_locked(windows, handle);
	if (window)
		window->handle = 0;
	xa_unlock(&windows->list);
	up_write(&windows->lock);
	if (!window)
		return -ENOENT;
	unmap_mapping_range(windows->mapping, (loff_t)window->pgoff << PAGE_SHIFT,
			    (loff_t)windows->nr << PAGE_SHIFT, 1);
	/* After what the faults did that were under way. Pairs with the acquire in hide(). */
	smp_store_release(&window->is_unmapped, true);
	fp_window_put(window);
	return 0;
}

/**
 * fp_window_pin() - keep all slabs of a cache where they are, and those that it will have
 * @windows: all caches of the client
 * @handle: its handle
 *
 * Context: may sleep, until moves of its slabs have ended.
 * Return: 0; -ENOENT; -EINTR: killed; -EOVERFLOW: it has too many pins.
 */
int fp_window_pin(struct fp_windows *windows, u64 handle)
{
	struct fp_window *window = fp_window_get(windows, handle);
	int ret;

	if (!window)
		return -ENOENT;
	ret = fp_movables_pin(&windows->pool->movables, &window->pins, FP_PIN_PROGRAM);
	fp_window_put(window);
	return ret;
}

/**
 * fp_window_unpin() - undo fp_window_pin()
 * @windows: all caches of the client
 * @handle: the handle of the cache
 *
 * Context: may sleep.
 * Return: 0; -ENOENT; -EINVAL: it has no pin.
 */
int fp_window_unpin(struct fp_windows *windows, u64 handle)
{
	struct fp_window *window = fp_window_get(windows, handle);
	int ret;

	if (!window)
		return -ENOENT;
	ret = fp_movables_unpin(&windows->pool->movables, &window->pins, FP_PIN_PROGRAM);
	fp_window_put(window);
	return ret;
}

/**
 * fp_window_alloc() - allocate objects
 * @window: the cache
 * @offsets: the result: their offsets in the window
 * @nr: how many are wanted
 * @done: the result: how many were allocated
 *
 * Context: may sleep.
 * Return: 0 if all were; else the reason why not, as in uapi/framepool.h: -ENOMEM, -ENOSPC,
 * -EDQUOT, -ENOBUFS, -EINTR.
 */
int fp_window_alloc(struct fp_window *window, u64 *offsets, u32 nr, u32 *done)
{
	u32 got = fp_slab_take(&window->slabs, offsets, nr);
	int ret = 0;

	while (got < nr && !ret) {
		ret = grow(window);
		if (!ret)
			got += fp_slab_take(&window->slabs, offsets + got, nr - got);
	}
	*done = got;
	return ret;
}

/**
 * fp_window_pages() - find the pages that a fault should map
 * @window: the window
 * @pgoff: page offset in the client's file, inside the window
 * @pages: the result: the pages from @pgoff on, all of one slab
 * @nr: how many are wanted
 *
 * Context: process; @fp_windows.lock is held for reading.
 * Return: how many were found; 0: there is no slab.
 */
u32 fp_window_pages(struct fp_window *window, unsigned long pgoff, struct page **pages, u32 nr)
{
	u64 offset = pgoff - window->pgoff, first = offset & (slab_frames(window) - 1);
	struct fp_slab *slab = fp_slab_find(&window->slabs, offset << PAGE_SHIFT);
	struct place *place;
	unsigned long pfn;
	u32 i;

	lockdep_assert_held(&window->windows->lock);
	if (!slab || !window->handle)
		return 0;
	place = slab->private;
	WRITE_ONCE(place->mapped, true);
	pfn = fp_pool_pfn(window->windows->pool, place->run.frame) + first;
	nr = min_t(u64, nr, slab_frames(window) - first);
	for (i = 0; i < nr; i++)
		pages[i] = pfn_to_page(pfn + i);
	return nr;
}

/**
 * fp_windows_wait() - wait for the faults that are under way
 * @windows: the client's caches
 *
 * When this returns, they have put their pages into the page table, and the caller can unmap them.
 *
 * Context: may sleep.
 */
void fp_windows_wait(struct fp_windows *windows)
{
	down_write(&windows->lock);
	up_write(&windows->lock);
}

/*
 * Take a reference to the first window at or after *@index that still has one. Returns NULL if
 * there is none.
 */
static struct fp_window *get_next(struct fp_windows *windows, unsigned long *index)
{
	struct fp_window *window;

	xa_lock(&windows->list);
	xa_for_each_start(&windows->list, *index, window, *index)
		if (kref_get_unless_zero(&window->refs))
			break;
	xa_unlock(&windows->list);
	return window;
}

/**
 * fp_windows_for_each() - call a function for all caches of a client
 * @windows: all caches of the client
 * @show: called for each; may sleep
 * @context: passed on
 *
 * Context: may sleep.
 */
void fp_windows_for_each(struct fp_windows *windows,
			 void (*show)(struct fp_window *window, void *context), void *context)
{
	struct fp_window *window;
	unsigned long index;

	for (index = 0; (window = get_next(windows, &index)); index++) {
		show(window, context);
		fp_window_put(window);
	}
}

/**
 * fp_windows_fini() - destroy all caches of a client
 * @windows: all caches of a client whose file is being released
 *
 * Context: may sleep.
 */
void fp_windows_fini(struct fp_windows *windows)
{
	struct fp_window *window;
	unsigned long index;

	fp_reclaimers_del(&windows->pool->reclaimers, &windows->reclaimer);
	/* No VMA is left and no call is under way: the only references are those of handles. */
	xa_for_each(&windows->list, index, window) {
		window->is_unmapped = true;
		fp_window_put(window);
	}
	xa_destroy(&windows->list);
}
