/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FP_WINDOW_H
#define FP_WINDOW_H

#include <linux/fs.h>
#include <linux/kref.h>
#include <linux/rwsem.h>
#include <linux/xarray.h>

#include "pool/pool.h"
#include "slab/slab.h"

/*
 * Windows begin at this page offset: above all buffers, which end at most FP_POOL_MAX_BYTES after
 * FP_BUFFER_FIRST, and within reach of 32-bit programs.
 */
#define FP_WINDOW_FIRST		(1UL << 31)

#define FP_WINDOW_CLUSTER	16U	/* most pages that one fault maps */

/**
 * struct fp_windows - all caches of one client
 * @pool: where slabs come from; constant, as is everything before @lock
 * @account: owns the memory of their slabs
 * @mapping: address space of the client's file
 * @home: where what may move of this client is at home, buffers included
 * @nr: length of each window in pages
 * @lock: held for reading by a fault from before it looks for its slab until the pages are in the
 *        page table; held for writing to take away one slab, to move some, or to wait for faults
 * @list: windows by index; its own lock protects their handles and @serial
 * @serial: upper half of the last handle
 * @reclaimer: gives empty slabs back to the pool
 * @failed_at: the pool's count of events when an allocation last began that failed for lack of
 *	       memory; -1: none did; read and written at any time
 */
struct fp_windows {
	struct fp_pool *pool;
	struct fp_account *account;
	struct address_space *mapping;
	struct fp_home home;
	unsigned long nr;
	struct rw_semaphore lock;
	struct xarray list;
	u32 serial;
	struct fp_reclaimer reclaimer;
	s64 failed_at;
};

/**
 * struct fp_window - a cache of objects for a program, and its place in the file
 * @slabs: the cache; its addresses are offsets in the window
 * @windows: all caches of its client; constant
 * @refs: one for the handle, one for each VMA, and one for each call under way
 * @handle: its handle, or 0 once it was destroyed (protected by @windows->list; cleared with
 *          @windows->lock held for writing, so that no fault finds a page any more)
 * @movable: the frames behind its objects may change; constant
 * @pins: who wants all its slabs to stay where they are
 * @is_unmapped: no page of it is mapped, and none will be; set once
 * @index: its number among the client's windows; constant
 * @pgoff: page offset of the window in the client's file; constant
 */
struct fp_window {
	struct fp_slab_cache slabs;
	struct fp_windows *windows;
	struct kref refs;
	u64 handle;
	bool movable;
	struct fp_pins pins;
	bool is_unmapped;
	u32 index;
	unsigned long pgoff;
};

void fp_windows_init(struct fp_windows *windows, struct fp_pool *pool, struct fp_account *account,
		     struct address_space *mapping);
void fp_windows_fini(struct fp_windows *windows);
void fp_windows_wait(struct fp_windows *windows);
void fp_windows_for_each(struct fp_windows *windows,
			 void (*show)(struct fp_window *window, void *context), void *context);
int fp_windows_alloc(struct fp_windows *windows, const struct fp_request *request,
		     struct fp_run *run);
int fp_window_create(struct fp_windows *windows, struct fp_slab_config *config, bool movable,
		     struct fp_window **window, u64 *handle);
int fp_window_destroy(struct fp_windows *windows, u64 handle);
int fp_window_pin(struct fp_windows *windows, u64 handle);
int fp_window_unpin(struct fp_windows *windows, u64 handle);
struct fp_window *fp_window_get(struct fp_windows *windows, u64 handle);
struct fp_window *fp_window_get_at(struct fp_windows *windows, unsigned long pgoff, u64 nr);
void fp_window_put(struct fp_window *window);
int fp_window_alloc(struct fp_window *window, u64 *offsets, u32 nr, u32 *done);
u32 fp_window_pages(struct fp_window *window, unsigned long pgoff, struct page **pages, u32 nr);

#endif
