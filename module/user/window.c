// SPDX-License-Identifier: GPL-2.0-only
/*
 * Caches of objects for programs. The objects lie in a window: a range of the client's file in which slabs appear and
 * disappear. The file can be mapped there before there are any.
 *
 * Windows are all of one length, that of the pool rounded up to a power of two, and lie side by side above all
 * buffers: so a page offset leads to its window by a division. Inside a window a slab lies at the lowest place that is
 * free, a multiple of its length. There is always one, since the pool has no more memory than that.
 *
 * A slab is a run of frames of the client's own, like a buffer; but it shares its VMA with others, and comes and goes while
 * that stays. So nothing may be mapped there that is not the slab's: pages are mapped one by one (mmap.c), and when a slab
 * goes, it is taken out of @places under the lock that faults hold, then unmapped, and only then freed, and its place with
 * it. A fault either had the lock first, and is found by the unmapping, or finds no slab.
 *
 * A window without a handle lives as long as it is mapped. All of its slabs stay until then.
 */
#include "user/window.h"

#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

/**
 * struct place - a slab's memory
 * @run: its frames
 * @mapped: somebody may have touched it (written under the lock of all faults, held for reading)
 */
struct place {
	struct fp_run run;
	bool mapped;
};

/* The lower half of a handle is the window's index with this bit, which no buffer's has. */
#define WINDOW_HANDLE	(1U << 31)

static void release_empty(struct fp_window *window, void *unused)
{
	fp_slab_release_empty(&window->slabs);
}

/* The pool is short of memory. */
static void give(struct fp_reclaimer *reclaimer, bool may_sleep)
{
	fp_windows_for_each(container_of(reclaimer, struct fp_windows, reclaimer), release_empty, NULL);
}

/**
 * fp_windows_init() - get ready for the caches of a client
 * @windows: zeroed
 * @pool: the pool
 * @owner: whose slabs are
 * @account: who is charged for them
 * @mapping: of the client's file
 *
 * Context: any.
 */
void fp_windows_init(struct fp_windows *windows, struct fp_pool *pool, struct fp_owner *owner,
		     struct fp_account *account, struct address_space *mapping)
{
	windows->pool = pool;
	windows->owner = owner;
	windows->account = account;
	windows->mapping = mapping;
	windows->nr = roundup_pow_of_two(fp_pool_total_frames(pool));
	init_rwsem(&windows->lock);
	windows->reclaimer.give = give;
	windows->reclaimer.sleeps = true;
	xa_init_flags(&windows->list, XA_FLAGS_ALLOC | XA_FLAGS_ACCOUNT);
}

static u64 slab_frames(const struct fp_window *window)
{
	return 1ULL << window->slabs.order;
}

static void free_run(struct fp_windows *windows, const struct fp_run *run)
{
	u32 nr_quarantined = fp_pool_free(windows->pool, windows->owner, run, false);

	fp_account_uncharge(windows->account, run->nr, nr_quarantined);
}

/**
 * fp_windows_charge() - charge a client for frames that it is about to get
 * @windows: the client's
 * @nr: frames
 *
 * Gives up empty slabs of the client's before it fails.
 *
 * Context: may sleep.
 * Return: as fp_quarantine_charge().
 */
int fp_windows_charge(struct fp_windows *windows, u64 nr)
{
	int ret = fp_quarantine_charge(&windows->pool->quarantine, windows->account, nr);

	if (ret != -EDQUOT || xa_empty(&windows->list))
		return ret;
	fp_windows_for_each(windows, release_empty, NULL);
	return fp_quarantine_charge(&windows->pool->quarantine, windows->account, nr);
}

/* Charge for a slab, and take its memory from the pool. */
static int alloc_run(struct fp_windows *windows, u64 nr, struct fp_run *run)
{
	const struct fp_request request = { .nr = nr, .align = nr, .end_pfn = FP_ANYWHERE, .dirty = true };
	int ret = fatal_signal_pending(current) ? -EINTR :
		  fp_windows_charge(windows, nr);

	if (ret) {
		fp_pool_count_failure(windows->pool, ret);
		return ret;
	}
	ret = fp_pool_alloc(windows->pool, windows->owner, &request, run);
	if (ret)
		fp_account_uncharge(windows->account, nr, 0);
	return ret;
}

/* Add a slab at the lowest free place. */
static int grow(struct fp_window *window)
{
	struct fp_windows *windows = window->windows;
	struct place *place = kzalloc(sizeof(*place), GFP_KERNEL_ACCOUNT);
	u32 at;
	int ret;

	if (!place)
		return -ENOBUFS;
	ret = alloc_run(windows, slab_frames(window), &place->run);
	if (ret)
		goto err_place;
	ret = -ENOBUFS;
	if (xa_alloc(&window->places, &at, place, XA_LIMIT(0, (windows->nr >> window->slabs.order) - 1),
		     GFP_KERNEL_ACCOUNT))
		goto err_run;
	trace_slab_grow(windows->pool, windows->account, NULL, window->index, &window->slabs, place->run.frame);
	if (!fp_slab_add(&window->slabs, (u64)at << window->slabs.shift, GFP_KERNEL_ACCOUNT))
		return 0;
	/* Nobody was told of it, but somebody may have touched it. */
	window->slabs.ops->put(&window->slabs, (u64)at << window->slabs.shift);
	return ret;

err_run:
	free_run(windows, &place->run);
err_place:
	kfree(place);
	return ret;
}

/* Take a slab out of sight of all faults, and out of all page tables. */
static void hide(struct fp_window *window, unsigned long at, const struct place *place)
{
	loff_t offset = ((loff_t)window->pgoff << PAGE_SHIFT) + ((loff_t)at << window->slabs.shift);

	down_write(&window->windows->lock);
	/* In an array that allocates, what has no entry any more is still taken. */
	xa_store(&window->places, at, NULL, GFP_KERNEL);
	up_write(&window->windows->lock);
	if (place->mapped)
		unmap_mapping_range(window->windows->mapping, offset, 1LL << window->slabs.shift, 1);
}

static void put_slab(struct fp_slab_cache *slabs, u64 base)
{
	struct fp_window *window = container_of(slabs, struct fp_window, slabs);
	struct fp_windows *windows = window->windows;
	unsigned long at = base >> slabs->shift;
	struct place *place = xa_load(&window->places, at);

	/* Without references there are no mappings. */
	if (kref_read(&window->refs))
		hide(window, at, place);
	place->run.dirty |= place->mapped;
	xa_erase(&window->places, at);
	trace_slab_shrink(windows->pool, windows->account, NULL, window->index, slabs, place->run.frame);
	free_run(windows, &place->run);
	kfree(place);
	cond_resched();
}

static const struct fp_slab_ops slab_ops = { .put = put_slab };

/* Give a new window a place and a name. */
static int enlist(struct fp_windows *windows, struct fp_window *window, u64 *handle)
{
	int ret = xa_alloc(&windows->list, &window->index, window, XA_LIMIT(0, FRAMEPOOL_CACHES_MAX - 1),
			   GFP_KERNEL_ACCOUNT);

	if (ret)
		return ret == -EBUSY ? -EMFILE : -ENOBUFS;
	window->pgoff = FP_WINDOW_FIRST + window->index * windows->nr;
	if (!test_and_set_bit(0, &windows->is_reclaimer))
		fp_reclaimers_add(&windows->pool->reclaimers, &windows->reclaimer);
	/* From now on it is found. */
	xa_lock(&windows->list);
	if (!++windows->serial)
		windows->serial = 1;
	*handle = (u64)windows->serial << 32 | WINDOW_HANDLE | window->index;
	window->handle = *handle;
	xa_unlock(&windows->list);
	return 0;
}

/**
 * fp_window_create() - make a cache
 * @windows: of which client
 * @layout: size, alignment, seed and least order as in struct fp_slab_config; the rest is not looked at
 * @window: the result, with a reference for the caller
 * @handle: the result: its name
 *
 * Context: may sleep.
 * Return: 0; -EINVAL: @layout is not possible; -EMFILE: there are too many; -ENOBUFS: no kernel memory.
 */
int fp_window_create(struct fp_windows *windows, const struct fp_slab_config *layout, struct fp_window **window,
		     u64 *handle)
{
	const struct fp_slab_config config = {
		.ops = &slab_ops,
		.span = (u64)windows->nr << PAGE_SHIFT,
		.size = layout->size,
		.align = layout->align,
		.seed = layout->seed,
		.min_order = layout->min_order,
	};
	struct fp_window *new = kzalloc(sizeof(*new), GFP_KERNEL_ACCOUNT);
	int ret;

	if (!new)
		return -ENOBUFS;
	new->windows = windows;
	kref_init(&new->refs);
	kref_get(&new->refs);
	xa_init_flags(&new->places, XA_FLAGS_ALLOC | XA_FLAGS_ACCOUNT);
	ret = fp_slab_setup(&new->slabs, &config) ?: enlist(windows, new, handle);
	if (ret)
		kfree(new);
	else
		*window = new;
	return ret;
}

static void release(struct kref *refs)
{
	struct fp_window *window = container_of(refs, struct fp_window, refs);

	fp_slab_discard(&window->slabs);
	xa_destroy(&window->places);
	/* Its place may be taken by another now. */
	xa_erase(&window->windows->list, window->index);
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
 * fp_window_get() - take a reference to the cache of a handle
 * @windows: of which client
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
	/* The handle, which cannot go away under the lock, has a reference. */
	if (window)
		kref_get(&window->refs);
	xa_unlock(&windows->list);
	return window;
}

/**
 * fp_window_get_at() - take a reference to the cache whose window is at an offset
 * @windows: of which client
 * @pgoff: page offset, at least FP_WINDOW_FIRST
 * @nr: pages
 *
 * Context: process.
 * Return: the window that contains the whole range and has a handle, or NULL.
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
 * fp_window_destroy() - give up the handle of a cache
 * @windows: of which client
 * @handle: the handle
 *
 * Context: may sleep.
 * Return: 0, or -ENOENT.
 */
int fp_window_destroy(struct fp_windows *windows, u64 handle)
{
	struct fp_window *window;

	xa_lock(&windows->list);
	window = find_handle_locked(windows, handle);
	if (window)
		window->handle = 0;
	xa_unlock(&windows->list);
	if (!window)
		return -ENOENT;
	fp_window_put(window);
	return 0;
}

/**
 * fp_window_alloc() - allocate objects
 * @window: of which cache
 * @offsets: the result: where in the window they are
 * @nr: how many are wanted
 * @done: the result: how many there were
 *
 * Context: may sleep.
 * Return: 0; or why there were no more, as in uapi/framepool.h: -ENOMEM, -ENOSPC, -EDQUOT, -ENOBUFS, -EINTR.
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
 * fp_window_undo() - free objects that nobody was told of
 * @window: of which cache
 * @offsets: where they are; what somebody has freed nevertheless is left out
 * @nr: how many
 *
 * Context: may sleep.
 */
void fp_window_undo(struct fp_window *window, const u64 *offsets, u32 nr)
{
	fp_slab_put(&window->slabs, offsets, nr);
}

/**
 * fp_window_free() - free objects, all or none
 * @window: of which cache
 * @offsets: where they are; anything at all
 * @nr: how many
 *
 * Context: may sleep.
 * Return: @nr; or the number of the first that is not an allocated object, or the same as one before it.
 */
u32 fp_window_free(struct fp_window *window, const u64 *offsets, u32 nr)
{
	return fp_slab_put_all(&window->slabs, offsets, nr);
}

/**
 * fp_window_pages() - find what a fault shall map
 * @window: where
 * @pgoff: page offset in the client's file, inside the window
 * @pages: the result: the pages from there on, of one slab
 * @nr: how many are wanted
 *
 * Context: process; the lock of all faults is held for reading.
 * Return: how many there are; 0: no slab is there.
 */
u32 fp_window_pages(struct fp_window *window, unsigned long pgoff, struct page **pages, u32 nr)
{
	u64 offset = pgoff - window->pgoff, first = offset & (slab_frames(window) - 1);
	struct place *place = xa_load(&window->places, offset >> window->slabs.order);
	unsigned long pfn;
	u32 i;

	lockdep_assert_held(&window->windows->lock);
	if (!place)
		return 0;
	WRITE_ONCE(place->mapped, true);
	pfn = fp_pool_pfn(window->windows->pool, place->run.frame) + first;
	nr = min_t(u64, nr, slab_frames(window) - first);
	for (i = 0; i < nr; i++)
		pages[i] = pfn_to_page(pfn + i);
	return nr;
}

/**
 * fp_windows_revoke() - make every fault fail from now on
 * @windows: whose
 *
 * When this returns, each fault that did not see it has its pages in the page table, for the caller to unmap.
 *
 * Context: may sleep.
 */
void fp_windows_revoke(struct fp_windows *windows)
{
	down_write(&windows->lock);
	windows->revoked = true;
	up_write(&windows->lock);
}

/* A reference to the first window at or after an index that is not about to go, or NULL. */
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
 * fp_windows_for_each() - look at all caches of a client
 * @windows: the client's
 * @show: called for each; may sleep
 * @context: passed on
 *
 * Context: may sleep.
 */
void fp_windows_for_each(struct fp_windows *windows, void (*show)(struct fp_window *window, void *context),
			 void *context)
{
	struct fp_window *window;
	unsigned long index;

	for (index = 0; (window = get_next(windows, &index)); index++) {
		show(window, context);
		fp_window_put(window);
	}
}

/**
 * fp_windows_fini() - the end of a client's caches
 * @windows: of a client whose file is being released
 *
 * Context: may sleep.
 */
void fp_windows_fini(struct fp_windows *windows)
{
	struct fp_window *window;
	unsigned long index;

	if (windows->is_reclaimer)
		fp_reclaimers_del(&windows->pool->reclaimers, &windows->reclaimer);
	/* No VMA is left and no call is under way: every reference is a handle's. */
	xa_for_each(&windows->list, index, window)
		fp_window_put(window);
	xa_destroy(&windows->list);
}
