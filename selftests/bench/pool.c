// SPDX-License-Identifier: GPL-2.0-only
/*
 * Our side: a private buddy over pretend memory. The buddy never touches the frames that it
 * manages, so there need not be any. In the suite "pages", blocks come through the magazines, as
 * for a kernel module; in the suite "frag", through owners, as for programs. Frames are freed as
 * clean: clearing is the work of the quarantine, not of the buddy.
 */
#include "bench.h"
#include "core/blocks.h"

#define FIRST_HPFN	(1U << 20)	/* huge frames from 2 TiB up: aligned for any pool below */

struct pool;

struct client {
	struct pool *pool;
	struct fp_blocks *blocks;
	struct fp_owner owner;
};

struct pool {
	struct fp_buddy buddy;
	struct fp_blocks blocks;
	struct client clients[BENCH_OWNERS];
};

/* Does what the module does before it lets an allocation fail. */
static noinline u64 drain_and_alloc(struct fp_blocks *blocks, u32 order)
{
	fp_magazines_drain(&blocks->magazines, true);
	/* FP_ANYWHERE is BENCH_NONE. */
	return fp_blocks_alloc(blocks, order);
}

static u64 kernel_alloc(void *context, u32 order)
{
	struct client *client = context;
	u64 frame = fp_blocks_alloc(client->blocks, order);

	return likely(frame != FP_ANYWHERE) ? frame : drain_and_alloc(client->blocks, order);
}

static void kernel_free(void *context, u64 block, u32 order)
{
	struct client *client = context;

	fp_blocks_free(client->blocks, block, order);
}

static u64 client_alloc(void *context, u32 order)
{
	struct client *client = context;
	struct fp_request request = {
		.nr = 1ULL << order, .align = 1ULL << order, .end_pfn = FP_ANYWHERE,
	};
	struct fp_run run;

	if (fp_buddy_alloc(&client->pool->buddy, &client->owner, &request, &run))
		return BENCH_NONE;
	return run.frame;
}

static void client_free(void *context, u64 block, u32 order)
{
	struct client *client = context;

	fp_buddy_free(&client->pool->buddy, &client->owner, block, 1ULL << order, false);
}

static u64 pool_frame(void *context, u64 block)
{
	return block;
}

static const struct bench_ops kernel_ops = {
	.alloc = kernel_alloc, .free = kernel_free, .frame = pool_frame,
};

static const struct bench_ops client_ops = {
	.alloc = client_alloc, .free = client_free, .frame = pool_frame,
};

/**
 * bench_buddy_init() - make a buddy over pretend memory
 * @buddy: zeroed
 * @nr: its size in huge frames
 *
 * Context: may sleep.
 * Return: 0, or -ENOMEM.
 */
int bench_buddy_init(struct fp_buddy *buddy, u32 nr)
{
	u32 *hpfn = kvcalloc(nr, sizeof(*hpfn), GFP_KERNEL);
	u32 i;
	int ret;

	if (!hpfn)
		return -ENOMEM;
	for (i = 0; i < nr; i++)
		hpfn[i] = FIRST_HPFN + i;
	buddy->name = "bench";
	ret = fp_buddy_init(buddy, FP_HUGE_ORDER, hpfn, nr, nr_cpu_ids);
	kvfree(hpfn);
	return ret;
}

static int init_pool(struct pool *pool, u64 frames)
{
	int ret = bench_buddy_init(&pool->buddy, frames / BENCH_HUGE_FRAMES);

	if (ret)
		return ret;
	ret = fp_blocks_init(&pool->blocks, &pool->buddy, false);
	if (ret)
		fp_buddy_fini(&pool->buddy);
	pool->blocks.dirty = false;
	return ret;
}

static int create_pool(struct bench_side *side, const struct bench_ops *ops, u64 frames)
{
	struct pool *pool = kvcalloc(1, sizeof(*pool), GFP_KERNEL);
	u32 i;

	if (!pool)
		return -ENOMEM;
	if (init_pool(pool, frames)) {
		kvfree(pool);
		return -ENOMEM;
	}
	for (i = 0; i < BENCH_OWNERS; i++) {
		pool->clients[i].pool = pool;
		pool->clients[i].blocks = &pool->blocks;
		fp_owner_init(&pool->clients[i].owner, &pool->buddy, NULL);
		side->contexts[i] = &pool->clients[i];
	}
	side->name = "framepool";
	side->ops = ops;
	return 0;
}

/**
 * bench_kernel_create() - create a pool as kernel modules see it
 * @side: the result
 * @frames: its size
 *
 * Context: may sleep.
 * Return: 0, or -ENOMEM.
 */
int bench_kernel_create(struct bench_side *side, u64 frames)
{
	return create_pool(side, &kernel_ops, frames);
}

/**
 * bench_clients_create() - create a pool as programs see it
 * @side: the result
 * @frames: its size
 *
 * Context: may sleep.
 * Return: 0, or -ENOMEM.
 */
int bench_clients_create(struct bench_side *side, u64 frames)
{
	return create_pool(side, &client_ops, frames);
}

/**
 * bench_pool_destroy() - destroy a pool
 * @side: the pool; all blocks are freed
 */
void bench_pool_destroy(struct bench_side *side)
{
	struct client *first = side->contexts[0];
	struct pool *pool = first->pool;
	u32 i;

	for (i = 0; i < BENCH_OWNERS; i++)
		fp_owner_fini(&pool->clients[i].owner);
	fp_blocks_fini(&pool->blocks);
	fp_buddy_fini(&pool->buddy);
	kvfree(pool);
}
