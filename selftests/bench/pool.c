// SPDX-License-Identifier: GPL-2.0-only
/*
 * Our side: a private buddy over pretend memory. The buddy never touches the frames it deals in, so that nothing
 * needs to be there. Freed frames are declared clean: clearing is the quarantine's, not the buddy's. Each thread
 * or owner is an owner of the buddy.
 */
#include "bench.h"
#include "buddy.h"

#define FIRST_HPFN	(1U << 20)	/* huge frames from 2 TiB up: aligned for any pool below */

struct client {
	struct fp_buddy *buddy;
	struct fp_owner owner;
};

struct pool {
	struct fp_buddy buddy;
	struct client clients[BENCH_OWNERS];
};

static u64 pool_alloc(void *context, u32 order)
{
	struct client *client = context;
	struct fp_request request = {
		.nr = 1ULL << order, .align = 1ULL << order, .end_pfn = FP_ANYWHERE,
	};
	struct fp_run run;

	if (fp_buddy_alloc(client->buddy, &client->owner, &request, &run))
		return BENCH_NONE;
	return run.frame;
}

static void pool_free(void *context, u64 block, u32 order)
{
	struct client *client = context;

	fp_buddy_free(client->buddy, &client->owner, block, 1ULL << order, false);
}

static u64 pool_frame(void *context, u64 block)
{
	return block;
}

static const struct bench_ops pool_ops = {
	.alloc = pool_alloc, .free = pool_free, .frame = pool_frame,
};

static int init_buddy(struct fp_buddy *buddy, u32 nr)
{
	u32 *hpfn = kvcalloc(nr, sizeof(*hpfn), GFP_KERNEL);
	u32 i;
	int ret;

	if (!hpfn)
		return -ENOMEM;
	for (i = 0; i < nr; i++)
		hpfn[i] = FIRST_HPFN + i;
	ret = fp_buddy_init(buddy, hpfn, nr);
	kvfree(hpfn);
	return ret;
}

/**
 * bench_pool_create() - make a pool to be measured
 * @side: the result
 * @frames: its size
 *
 * Context: may sleep.
 * Return: 0, or -ENOMEM.
 */
int bench_pool_create(struct bench_side *side, u64 frames)
{
	struct pool *pool = kvcalloc(1, sizeof(*pool), GFP_KERNEL);
	u32 i;

	if (!pool)
		return -ENOMEM;
	if (init_buddy(&pool->buddy, frames / FP_HUGE_FRAMES)) {
		kvfree(pool);
		return -ENOMEM;
	}
	side->name = "framepool";
	side->ops = &pool_ops;
	for (i = 0; i < BENCH_OWNERS; i++) {
		pool->clients[i].buddy = &pool->buddy;
		fp_owner_init(&pool->clients[i].owner, &pool->buddy);
		side->contexts[i] = &pool->clients[i];
	}
	return 0;
}

/**
 * bench_pool_destroy() - the end of it
 * @side: from bench_pool_create(); all blocks are freed
 */
void bench_pool_destroy(struct bench_side *side)
{
	struct client *first = side->contexts[0];
	struct pool *pool = container_of(first, struct pool, clients[0]);
	u32 i;

	for (i = 0; i < BENCH_OWNERS; i++)
		fp_owner_fini(&pool->clients[i].owner);
	fp_buddy_fini(&pool->buddy);
	kvfree(pool);
}
