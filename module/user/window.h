/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FP_WINDOW_H
#define FP_WINDOW_H

#include <linux/fs.h>
#include <linux/kref.h>
#include <linux/rwsem.h>
#include <linux/xarray.h>

#include "pool/pool.h"
#include "slab/slab.h"

/* Page offset where windows begin in a file: above all buffers (FP_POOL_MAX_BYTES), and where 32 bits still reach. */
#define FP_WINDOW_FIRST		(1UL << 31)

#define FP_WINDOW_CLUSTER	16U	/* pages that a fault maps, at most */

/**
 * struct fp_windows - all caches of one client
 * @pool: where slabs come from; constant, as all before @lock
 * @owner: whose they are
 * @account: who is charged for them
 * @mapping: of the client's file
 * @nr: pages of each window
 * @lock: held by a fault from before it looks for its slab until the pages are in the page table, and by who takes
 *	  a slab away, or all of them
 * @revoked: no fault succeeds any more (protected by @lock)
 * @list: windows by index; its own lock protects their handles and @serial
 * @serial: upper half of the last handle
 * @reclaimer: gives empty slabs back
 * @is_reclaimer: it is asked for them, since there was a window (bit 0, changed at once)
 */
struct fp_windows {
	struct fp_pool *pool;
	struct fp_owner *owner;
	struct fp_account *account;
	struct address_space *mapping;
	unsigned long nr;
	struct rw_semaphore lock;
	bool revoked;
	struct xarray list;
	u32 serial;
	struct fp_reclaimer reclaimer;
	unsigned long is_reclaimer;
};

/**
 * struct fp_window - a cache of objects for a program, and where in its file they lie
 * @slabs: the objects; addresses are offsets in the window
 * @windows: whose it is; constant
 * @refs: one for the handle, one for each VMA and for each call under way
 * @handle: its name, or 0 once it was destroyed (protected by @windows->list)
 * @index: its place; constant
 * @pgoff: first page of it in the client's file; constant
 * @places: what is at each multiple of a slab's length (struct place). While there are mappings it is taken away under
 *	    @windows->lock, and its place stays taken until it is unmapped.
 */
struct fp_window {
	struct fp_slab_cache slabs;
	struct fp_windows *windows;
	struct kref refs;
	u64 handle;
	u32 index;
	unsigned long pgoff;
	struct xarray places;
};

void fp_windows_init(struct fp_windows *windows, struct fp_pool *pool, struct fp_owner *owner,
		     struct fp_account *account, struct address_space *mapping);
void fp_windows_fini(struct fp_windows *windows);
void fp_windows_revoke(struct fp_windows *windows);
void fp_windows_for_each(struct fp_windows *windows, void (*show)(struct fp_window *window, void *context),
			 void *context);
int fp_windows_charge(struct fp_windows *windows, u64 nr);
int fp_window_create(struct fp_windows *windows, const struct fp_slab_config *layout, struct fp_window **window,
		     u64 *handle);
int fp_window_destroy(struct fp_windows *windows, u64 handle);
struct fp_window *fp_window_get(struct fp_windows *windows, u64 handle);
struct fp_window *fp_window_get_at(struct fp_windows *windows, unsigned long pgoff, u64 nr);
void fp_window_put(struct fp_window *window);
int fp_window_alloc(struct fp_window *window, u64 *offsets, u32 nr, u32 *done);
void fp_window_undo(struct fp_window *window, const u64 *offsets, u32 nr);
u32 fp_window_free(struct fp_window *window, const u64 *offsets, u32 nr);
u32 fp_window_pages(struct fp_window *window, unsigned long pgoff, struct page **pages, u32 nr);

#endif
