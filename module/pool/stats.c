// SPDX-License-Identifier: GPL-2.0-only
/*
 * The figures of a pool, gathered in one place for programs (the INFO and STATS calls) and for
 * people (debugfs).
 */
#include "pool/stats.h"

#include <linux/math64.h>
#include <linux/mm.h>

#include "pool/pool.h"

static_assert(FP_ORDERS == FRAMEPOOL_ORDERS);

/**
 * fp_stats_info() - figures that programs do not change
 * @pool: the pool
 * @exact: whether physical addresses may be told exactly
 * @info: the result; its size field is left alone
 *
 * Context: process.
 */
void fp_stats_info(struct fp_pool *pool, bool exact, struct framepool_ioc_info *info)
{
	info->abi = FRAMEPOOL_ABI;
	info->frame_bytes = PAGE_SIZE;
	info->huge_bytes = PAGE_SIZE << FP_HUGE_ORDER;
	info->total_bytes = fp_pool_total_frames(pool) << PAGE_SHIFT;
	info->client_quota_bytes = READ_ONCE(pool->accounts.client_quota);
	info->user_quota_bytes = READ_ONCE(pool->accounts.user_quota);
	info->node = pool->source.node;
	info->max_order = fp_buddy_orders(&pool->buddy) - 1;
	strscpy_pad(info->name, pool->name, sizeof(info->name));
	info->extents = pool->source.nr_extents;
	info->memory = pool->source.memtype;
	info->largest_extent_bytes = (u64)pool->source.largest << (PAGE_SHIFT + FP_HUGE_ORDER);
	fp_source_range(&pool->source, exact, &info->first_address, &info->end_address);
}

static void read_moves(struct fp_movables *movables, struct framepool_ioc_stats *stats)
{
	const atomic64_t *refused = movables->nr_refused;

	stats->moves = atomic64_read(&movables->nr_moves);
	stats->moved_bytes = atomic64_read(&movables->nr_moved) << PAGE_SHIFT;
	stats->moves_refused_pinned = atomic64_read(&refused[FP_REFUSED_PINNED]);
	stats->moves_refused_referenced = atomic64_read(&refused[FP_REFUSED_REFERENCED]);
	stats->moves_refused_bad = atomic64_read(&refused[FP_REFUSED_BAD]);
	stats->moves_refused_no_room = atomic64_read(&refused[FP_REFUSED_NO_ROOM]);
}

/**
 * fp_stats_read() - all counts that change
 * @pool: the pool
 * @stats: the result; its size field and free_blocks are left alone; largest_bytes is 0 if no huge
 *	   frame is empty
 *
 * The sizes are of one moment; the counters are read one by one.
 *
 * Context: may sleep. Nobody waits for this longer than for one allocation.
 */
void fp_stats_read(struct fp_pool *pool, struct framepool_ioc_stats *stats)
{
	u64 blocks[FP_BLOCKS_ORDERS];
	struct fp_counts counts;

	fp_pool_count(pool, &counts, blocks);
	stats->orders = fp_buddy_orders(&pool->buddy);
	stats->total_bytes = counts.total << PAGE_SHIFT;
	stats->free_bytes = counts.free << PAGE_SHIFT;
	stats->used_bytes = counts.used << PAGE_SHIFT;
	stats->quarantined_bytes = counts.quarantined << PAGE_SHIFT;
	stats->retired_bytes = counts.retired << PAGE_SHIFT;
	stats->largest_bytes = counts.largest << PAGE_SHIFT;
	stats->charged_bytes = counts.charged << PAGE_SHIFT;
	stats->clients = READ_ONCE(pool->nr_clients);
	stats->buffers = atomic64_read(&pool->nr_buffers);
	stats->allocs = atomic64_read(&pool->nr_allocs);
	stats->frees = atomic64_read(&pool->nr_frees);
	stats->fail_nomem = atomic64_read(&pool->nr_nomem);
	stats->fail_nospace = atomic64_read(&pool->nr_nospace);
	stats->fail_quota = atomic64_read(&pool->nr_over_quota);
	read_moves(&pool->movables, stats);
}

/**
 * fp_stats_read_blocks() - free blocks by order
 * @pool: the pool
 * @stats: what fp_stats_read() has set; free_blocks is added, and largest_bytes if it was 0
 *
 * The blocks are found in a walk over the pool, while allocations and frees go on.
 *
 * Context: may sleep. Nobody waits for this longer than for one allocation.
 */
void fp_stats_read_blocks(struct fp_pool *pool, struct framepool_ioc_stats *stats)
{
	u64 *blocks = stats->free_blocks;
	struct fp_counts counts;
	u32 at = 0, order;

	memset(blocks, 0, sizeof(stats->free_blocks));
	fp_pool_count(pool, &counts, blocks);
	while (at != FP_NIL) {
		at = fp_buddy_count_blocks(&pool->buddy, at, blocks);
		cond_resched();
	}
	for (order = FP_ORDERS; !stats->largest_bytes && order--;)
		if (blocks[order])
			stats->largest_bytes = (u64)PAGE_SIZE << order;
}

/**
 * fp_stats_read_account() - add what is known of one client
 * @account: the client's account, which cannot go away meanwhile
 * @stats: the result; only what is about the client and its user is set
 *
 * Context: process.
 */
void fp_stats_read_account(const struct fp_account *account, struct framepool_ioc_stats *stats)
{
	u64 huge_bytes = (u64)PAGE_SIZE << FP_HUGE_ORDER;

	stats->client_held_bytes = fp_owner_held(&account->owner) << PAGE_SHIFT;
	stats->client_charged_bytes = READ_ONCE(account->budget.charged) * huge_bytes;
	stats->user_charged_bytes = READ_ONCE(account->user->budget.charged) * huge_bytes;
}

/* Free frames in blocks of @order or more. */
static u64 suitable_frames(const struct framepool_ioc_stats *stats, u32 order)
{
	u64 sum = 0;

	for (; order < stats->orders; order++)
		sum += stats->free_blocks[order] << order;
	return sum;
}

/**
 * fp_stats_unusable_index() - share of free memory that is unusable for an order
 * @stats: orders and free_blocks
 * @order: the order
 *
 * As Linux defines it (mm/vmstat.c, unusable_free_index()).
 *
 * Return: thousandths; 1000 when nothing is free.
 */
int fp_stats_unusable_index(const struct framepool_ioc_stats *stats, u32 order)
{
	u64 free = suitable_frames(stats, 0);

	if (!free)
		return 1000;
	return div64_u64((free - suitable_frames(stats, order)) * 1000, free);
}

/**
 * fp_stats_external_index() - why would an allocation of an order fail?
 * @stats: orders and free_blocks
 * @order: the order
 *
 * As Linux defines it (Documentation/admin-guide/sysctl/vm.rst, extfrag_threshold):
 * towards 0: for lack of memory; towards 1000: for fragmentation.
 *
 * Return: thousandths; -1000: it would not fail; 0: nothing is free.
 */
int fp_stats_external_index(const struct framepool_ioc_stats *stats, u32 order)
{
	u64 free = suitable_frames(stats, 0), blocks = 0;
	u32 i;

	for (i = 0; i < stats->orders; i++)
		blocks += stats->free_blocks[i];
	if (!blocks)
		return 0;
	if (suitable_frames(stats, order))
		return -1000;
	return 1000 - (int)div64_u64(1000 + ((free * 1000) >> order), blocks);
}
