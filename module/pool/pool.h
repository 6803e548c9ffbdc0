/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FP_POOL_H
#define FP_POOL_H

#include <linux/atomic.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#include "core/buddy.h"
#include "core/blocks.h"
#include "pool/account.h"
#include "pool/movables.h"
#include "pool/quarantine.h"
#include "pool/reason.h"
#include "pool/reclaim.h"
#include "pool/registry.h"
#include "pool/source.h"
#include "pool/wait.h"
#include "uapi/framepool.h"

/* Page offsets of buffers, and their frames, must fit into 32 bits. */
#define FP_POOL_MAX_BYTES	(4ULL << 40)

#define FP_POOL_BATCH		64	/* blocks in one call */
/*
 * Tries of an allocation while huge frames keep being released. Each wants twice as many as the one
 * before, so 32 cover any pool.
 */
#define FP_POOL_TRIES		32
#define FP_POOL_ALIKE		16	/* runs in one call */

/**
 * struct fp_pool_config - how to make a pool
 * @name: letters, digits and "_.-", not beginning with a dot, below FRAMEPOOL_NAME_MAX bytes
 * @source: its memory; at most FP_POOL_MAX_BYTES
 * @client_quota: most that one client may be charged, in bytes; 0: no limit
 * @user_quota: most that one user may be charged, in bytes; 0: no limit
 * @debug: notice mistakes of kernel modules at once; slow
 * @debug_caches: look for mistakes in the use of all caches
 */
struct fp_pool_config {
	const char *name;
	struct fp_source_config source;
	u64 client_quota;
	u64 user_quota;
	bool debug;
	bool debug_caches;
};

/**
 * struct fp_pool - a named set of frames
 * @name: constant
 * @registered: who knows and uses it
 * @source: constant
 * @buddy: has a lock of its own
 * @blocks: blocks for the kernel; needs no lock
 * @reclaimers: others that keep blocks for later; has locks of its own
 * @debug_caches: look for mistakes in the use of all caches; constant
 * @trim: empties the magazines, and releases what owners keep, after a while
 * @trim_armed: @trim will run
 * @accounts: has a lock of its own
 * @quarantine: has a lock of its own
 * @waiters: tasks that wait for memory; has a lock of its own
 * @movables: buffers that may move; has locks of its own
 * @nr_bad_frames: in runs with a bad frame that were set aside
 * @clients_lock: protects @clients, @is_shut
 * @clients: all clients, in order of their opening
 * @nr_clients: how many (protected by @clients_lock; read without)
 * @is_shut: new clients are refused, and existing ones are revoked
 * @nr_buffers: live buffers
 * @nr_allocs: successful allocations of buffers and of slabs of programs
 * @nr_frees: buffers and slabs of programs whose memory came back
 * @nr_nomem: allocations that failed with -ENOMEM
 * @nr_nospace: with -ENOSPC
 * @nr_over_quota: with -EDQUOT
 */
struct fp_pool {
	char name[FRAMEPOOL_NAME_MAX];
	struct fp_registered registered;
	struct fp_source source;
	struct fp_buddy buddy;
	struct fp_blocks blocks;
	struct fp_reclaimers reclaimers;
	bool debug_caches;
	struct delayed_work trim;
	bool trim_armed;
	struct fp_accounts accounts;
	struct fp_quarantine quarantine;
	struct fp_waiters waiters;
	struct fp_movables movables;
	atomic64_t nr_bad_frames;
	struct mutex clients_lock;
	struct list_head clients;
	u32 nr_clients;
	bool is_shut;
	atomic64_t nr_buffers;
	atomic64_t nr_allocs;
	atomic64_t nr_frees;
	atomic64_t nr_nomem;
	atomic64_t nr_nospace;
	atomic64_t nr_over_quota;
};

bool fp_pool_name_is_valid(const char *name);
struct fp_pool *fp_pool_create(const struct fp_pool_config *config, struct fp_reason *reason);
void fp_pool_destroy(struct fp_pool *pool);
int fp_pool_alloc(struct fp_pool *pool, struct fp_owner *owner, const struct fp_request *request,
		  struct fp_run *run);
void fp_pool_free(struct fp_pool *pool, struct fp_owner *owner, const struct fp_run *run,
		  bool keep);
u32 fp_pool_alloc_alike(struct fp_pool *pool, struct fp_owner *owner,
			const struct fp_request *request, struct fp_run *runs, u32 nr);
u32 fp_pool_free_alike(struct fp_pool *pool, struct fp_owner *owner, const struct fp_run *runs,
		       u32 nr);
u64 fp_pool_alloc_block(struct fp_pool *pool, u32 order, bool may_sleep);
int fp_pool_free_block(struct fp_pool *pool, u64 frame, u32 order);
u32 fp_pool_alloc_blocks(struct fp_pool *pool, u32 order, u32 *blocks, u32 nr, bool may_sleep);
u32 fp_pool_free_blocks(struct fp_pool *pool, u32 order, const u32 *blocks, u32 nr);
void fp_pool_drain(struct fp_pool *pool);
s64 fp_pool_longest(struct fp_pool *pool, const struct fp_owner *owner);
void fp_pool_queue_trim(struct fp_pool *pool);
void fp_pool_end_owner(struct fp_pool *pool, struct fp_owner *owner);
void fp_pool_count(struct fp_pool *pool, struct fp_counts *counts, u64 *blocks);
unsigned long fp_pool_pfn(const struct fp_pool *pool, u64 frame);
void fp_pool_count_failure(struct fp_pool *pool, int error);
u64 fp_pool_frame(const struct fp_pool *pool, unsigned long pfn);
u64 fp_pool_total_frames(const struct fp_pool *pool);

/**
 * fp_pool_is_short() - is an error one that waiting for memory can cure?
 * @error: what fp_pool_alloc() returned
 *
 * Return: whether it is.
 */
static inline bool fp_pool_is_short(int error)
{
	return error == -ENOMEM || error == -ENOSPC || error == -EDQUOT;
}

/**
 * fp_pool_arm_trim() - something is kept that has to be taken back after a while
 * @pool: the pool
 *
 * Context: any.
 */
static inline void fp_pool_arm_trim(struct fp_pool *pool)
{
	if (unlikely(!READ_ONCE(pool->trim_armed)))
		fp_pool_queue_trim(pool);
}

#endif
