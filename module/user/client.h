/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FP_CLIENT_H
#define FP_CLIENT_H

#include <linux/fs.h>
#include <linux/list.h>
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

/**
 * struct fp_client - one open file of a pool
 * @pool: the pool; constant
 * @inode: the client's own inode, so that its offsets are its own; constant
 * @account: owns its huge frames, and is charged for them; says who opened it; constant
 * @sees_addresses: it may learn the physical addresses of its buffers; constant
 * @windows: its caches of objects; have locks of their own
 * @lock: protects @buffers, @serial, @nr_buffers; held to set @revoked
 * @buffers: its buffers by page offset; a freed one stays until its last mapping is gone
 * @serial: upper half of the last handle
 * @nr_buffers: number of @buffers
 * @revoked: its memory was taken away: none of it may be mapped, and no call has any effect (set
 *           once, with @lock held; read without it)
 * @node: entry in the pool's list (protected by the pool's clients lock)
 */
struct fp_client {
	struct fp_pool *pool;
	struct inode *inode;
	struct fp_account *account;
	bool sees_addresses;
	struct fp_windows windows;
	spinlock_t lock;
	struct rb_root buffers;
	u32 serial;
	u32 nr_buffers;
	bool revoked;
	struct list_head node;
};

/**
 * struct fp_buffer_info - snapshot of a buffer
 * @handle: its name
 * @pgoff: first page in the client's file
 * @pfn: PFN of its first frame
 * @nr: length in frames
 */
struct fp_buffer_info {
	u64 handle;
	unsigned long pgoff;
	unsigned long pfn;
	u64 nr;
};

/**
 * struct fp_slot - one buffer of a batch
 * @request: what the buffer must satisfy
 * @info: the result, if the slot is done
 */
struct fp_slot {
	struct fp_request request;
	struct fp_buffer_info info;
};

/**
 * struct fp_batch - buffers to be allocated together
 * @nr: number of buffers
 * @partial: allocate as many as possible, from the first on; otherwise all or none
 * @slots: an array of @nr slots
 * @buffers: room for @nr, for fp_client_alloc() to use
 * @done: the result: the first @done slots have a buffer
 * @failed: the result: number of the first slot that failed, or @nr
 */
struct fp_batch {
	u32 nr;
	bool partial;
	struct fp_slot *slots;
	struct fp_buffer **buffers;
	u32 done;
	u32 failed;
};

int fp_client_init(void);
void fp_client_exit(void);
struct fp_client *fp_client_create(struct fp_pool *pool, bool sees_addresses);
void fp_client_destroy(struct fp_client *client);
int fp_client_alloc(struct fp_client *client, struct fp_batch *batch);
u32 fp_client_free(struct fp_client *client, const u64 *handles, struct fp_buffer **buffers,
		   u32 nr, bool partial);
int fp_client_query(struct fp_client *client, u64 handle, struct fp_buffer_info *info);
struct fp_buffer *fp_client_get_buffer(struct fp_client *client, unsigned long pgoff, u64 nr);
void fp_client_put_buffer(struct fp_buffer *buffer);
u32 fp_client_nr_buffers(struct fp_client *client);
bool fp_client_is_revoked(const struct fp_client *client);
void fp_client_revoke_all(struct fp_pool *pool);
void fp_client_windows_for_each(struct fp_pool *pool,
				void (*show)(struct fp_window *window, void *context),
				void *context);

#endif
