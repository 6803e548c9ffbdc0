/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FP_CLIENT_H
#define FP_CLIENT_H

#include <linux/fs.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/rbtree.h>
#include <linux/spinlock.h>

#include "user/buffer.h"
#include "user/window.h"

/*
 * For memory that a call needs while it runs. It is charged to the program's control group. If
 * there is no memory, the call fails, but nothing is logged: a control group at its limit is enough
 * to make vmalloc() fail, and by default that is logged.
 */
#define FP_GFP_CALL	(GFP_KERNEL_ACCOUNT | __GFP_NOWARN)

/*
 * Page offset of the first movable buffer in a client's file: beyond all windows. All of them lie
 * below the largest offset that mmap(2) takes.
 */
#define FP_MOVABLE_FIRST	(1UL << 48)

/**
 * struct fp_client - one open file of a pool, and what was exported through it
 * @refs: one for the file, one for each dma-buf
 * @pool: the pool; constant
 * @file: the file; constant
 * @inode: the client's own inode, so that its offsets are its own; constant
 * @account: owns its huge frames, and is charged for them; says who opened it; constant
 * @sees_addresses: it may learn the physical addresses of its buffers; constant
 * @windows: its caches of objects; have locks of their own
 * @serial: upper half of the last handle of a buffer
 * @next_slot: where in the file the next movable buffer goes, see fp_client_place()
 * @lock: protects @next_slot, @buffers, @nr_buffers
 * @buffers: its buffers by page offset; a freed one stays until its last mapping and dma-buf are
 *           gone
 * @nr_buffers: number of @buffers; also read without @lock
 * @has_movable: it had a movable buffer; set once
 * @nr_moving: how many of its buffers move (protected by the lock of the pool's movables)
 * @nr_settled: how often none of them moved any more (likewise)
 * @own_lock: held while the own buffer is made, so that of several tasks one makes it
 * @exports_lock: protects @exports
 * @exports: its dma-bufs
 * @nr_exports: number of @exports
 * @nr_attached: devices that are attached to them
 * @nr_in_use: how often devices and the kernel have them mapped
 * @closed: its file is closed, so that its dma-bufs alone keep it; set once
 * @revoked: its memory was taken away: none of it may be mapped, and no new call has any effect;
 *           set once
 * @node: entry in the pool's list (protected by the pool's clients lock)
 */
struct fp_client {
	struct kref refs;
	struct fp_pool *pool;
	struct file *file;
	struct inode *inode;
	struct fp_account *account;
	bool sees_addresses;
	struct fp_windows windows;
	atomic_t serial;
	u64 next_slot;
	spinlock_t lock;
	struct rb_root buffers;
	u32 nr_buffers;
	bool has_movable;
	u32 nr_moving;
	u32 nr_settled;
	struct mutex own_lock;
	struct mutex exports_lock;
	struct list_head exports;
	atomic_t nr_exports;
	atomic_t nr_attached;
	atomic_t nr_in_use;
	bool closed;
	bool revoked;
	struct list_head node;
};

int fp_client_init(void);
void fp_client_exit(void);
struct fp_client *fp_client_create(struct fp_pool *pool, bool sees_addresses);
void fp_client_close(struct fp_client *client);
void fp_client_get(struct fp_client *client);
void fp_client_put(struct fp_client *client);
void fp_client_place(struct fp_client *client, struct fp_buffer *buffer);
void fp_client_add(struct fp_client *client, struct fp_buffer **buffers, u32 nr);
u32 fp_client_free(struct fp_client *client, const u64 *handles, struct fp_buffer **buffers,
		   u32 nr, bool partial);
struct fp_buffer *fp_client_get_handle(struct fp_client *client, u64 handle);
struct fp_buffer *fp_client_get_buffer(struct fp_client *client, unsigned long pgoff, u64 nr);
bool fp_client_find_fixed(struct fp_client *client, u64 frame, u64 nr, struct fp_run *run,
			  u64 *handle);
u64 fp_client_handle_at(struct fp_client *client, unsigned long pgoff);
s64 fp_client_own_frames(struct fp_client *client);
void fp_client_put_buffer(struct fp_buffer *buffer);
struct file *fp_client_get_exported(struct fp_buffer *buffer);
struct file *fp_client_set_exported(struct fp_client *client, u64 handle, struct file *file);
void fp_client_revoke_all(struct fp_pool *pool);
void fp_client_windows_for_each(struct fp_pool *pool,
				void (*show)(struct fp_window *window, void *context),
				void *context);

/**
 * fp_client_nr_buffers() - count the live buffers
 * @client: the client
 *
 * Context: any.
 * Return: the number.
 */
static inline u32 fp_client_nr_buffers(const struct fp_client *client)
{
	return READ_ONCE(client->nr_buffers);
}

/**
 * fp_client_is_ready() - may an allocation succeed that failed for lack of memory?
 * @client: the client
 *
 * Context: any.
 * Return: whether memory may have come back since its last allocation failed, if one did.
 */
static inline bool fp_client_is_ready(const struct fp_client *client)
{
	return READ_ONCE(client->windows.failed_at) !=
	       atomic64_read(&client->pool->waiters.nr_events);
}

/**
 * fp_client_is_revoked() - was the client's memory taken away?
 * @client: the client
 *
 * A fault handler calls this while it holds the lock of the folio that it is about to return.
 *
 * Context: any.
 * Return: true if it was.
 */
static inline bool fp_client_is_revoked(const struct fp_client *client)
{
	return READ_ONCE(client->revoked);
}

#endif
