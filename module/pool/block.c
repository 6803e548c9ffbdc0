// SPDX-License-Identifier: GPL-2.0-only
/*
 * Blocks of a pool for the kernel (api.c and cache.c). They come through magazines, are charged to
 * nobody, and are not cleared.
 */
#include "pool/pool.h"

static noinline u64 alloc_block_slow(struct fp_pool *pool, u32 order, bool may_sleep)
{
	u32 want, tries = FP_POOL_TRIES;
	u64 frame, released;

	if (order >= fp_buddy_orders(&pool->buddy))
		return FP_ANYWHERE;
	want = max(1U << order >> FP_HUGE_ORDER, 1U);
	if (!may_sleep) {
		fp_reclaimers_ask_few(&pool->reclaimers);
		fp_magazines_drain_local(&pool->blocks.magazines);
		fp_quarantine_kick(&pool->quarantine);
		return fp_blocks_alloc(&pool->blocks, order);
	}
	fp_pool_drain(pool);
	for (;; want = min_t(u64, 2ULL * want, U32_MAX)) {
		released = READ_ONCE(pool->buddy.nr_released);
		frame = fp_blocks_alloc(&pool->blocks, order);
		if (frame != FP_ANYWHERE || fp_quarantine_reclaim(&pool->quarantine, NULL, want) ||
		    released == READ_ONCE(pool->buddy.nr_released) || !--tries)
			return frame;
	}
}

/**
 * fp_pool_alloc_block() - allocate a naturally aligned block for the kernel
 * @pool: the pool
 * @order: log2 of its frames
 * @may_sleep: search all magazines, caches and the quarantine before failing
 *
 * Context: process or softirq; may sleep if @may_sleep.
 * Return: its first frame, or FP_ANYWHERE. The block is not cleared.
 */
u64 fp_pool_alloc_block(struct fp_pool *pool, u32 order, bool may_sleep)
{
	u64 frame = fp_blocks_alloc(&pool->blocks, order);

	if (unlikely(frame == FP_ANYWHERE))
		frame = alloc_block_slow(pool, order, may_sleep);
	fp_pool_arm_trim(pool);
	return frame;
}

/**
 * fp_pool_free_block() - free a block
 * @pool: the pool
 * @frame: its first frame
 * @order: log2 of its frames
 *
 * Context: process or softirq.
 * Return: 0; -EINVAL: it is not an allocated block of that order; this is counted, and nothing is
 * changed.
 */
int fp_pool_free_block(struct fp_pool *pool, u64 frame, u32 order)
{
	int ret = fp_blocks_free(&pool->blocks, frame, order);

	fp_quarantine_kick(&pool->quarantine);
	fp_pool_arm_trim(pool);
	return ret;
}

/**
 * fp_pool_alloc_blocks() - allocate several blocks of one order for the kernel
 * @pool: the pool
 * @order: log2 of the frames of each
 * @blocks: the result: their first frames
 * @nr: how many to allocate, at most FP_POOL_BATCH
 * @may_sleep: as in fp_pool_alloc_block()
 *
 * Context: process or softirq; may sleep if @may_sleep.
 * Return: how many were allocated; at least 1 if there is one.
 */
u32 fp_pool_alloc_blocks(struct fp_pool *pool, u32 order, u32 *blocks, u32 nr, bool may_sleep)
{
	u32 got = fp_blocks_alloc_bulk(&pool->blocks, order, blocks, nr);
	u64 frame;

	if (got)
		return got;
	frame = fp_pool_alloc_block(pool, order, may_sleep);
	if (frame == FP_ANYWHERE)
		return 0;
	blocks[0] = frame;
	return 1;
}

/**
 * fp_pool_free_blocks() - free several blocks of one order
 * @pool: the pool
 * @order: log2 of the frames of each
 * @blocks: their first frames
 * @nr: how many
 *
 * Context: process or softirq.
 * Return: how many were refused; these are counted, and not changed.
 */
u32 fp_pool_free_blocks(struct fp_pool *pool, u32 order, const u32 *blocks, u32 nr)
{
	u32 refused = fp_blocks_free_bulk(&pool->blocks, order, blocks, nr);

	fp_quarantine_kick(&pool->quarantine);
	return refused;
}
