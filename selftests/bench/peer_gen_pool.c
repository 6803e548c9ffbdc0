// SPDX-License-Identifier: GPL-2.0-only
/*
 * gen_pool, the kernel's allocator for memory of devices, over pretend memory, which it never
 * touches. It is set to align blocks naturally, as the others do. A block is an address.
 */
#include <linux/genalloc.h>

#include "peers.h"

#define BASE	(1UL << 40)

static u64 gen_alloc(void *context, u32 order)
{
	return gen_pool_alloc(context, PAGE_SIZE << order) ?: BENCH_NONE;
}

static void gen_free(void *context, u64 block, u32 order)
{
	gen_pool_free(context, block, PAGE_SIZE << order);
}

static const struct bench_ops gen_ops = { .alloc = gen_alloc, .free = gen_free };

int bench_gen_pool_create(struct bench_side *side, u64 frames)
{
	struct gen_pool *pool = gen_pool_create(PAGE_SHIFT, NUMA_NO_NODE);

	if (!pool)
		return -ENOMEM;
	gen_pool_set_algo(pool, gen_pool_first_fit_order_align, NULL);
	if (gen_pool_add(pool, BASE, frames << PAGE_SHIFT, NUMA_NO_NODE)) {
		gen_pool_destroy(pool);
		return -ENOMEM;
	}
	side->name = "gen_pool";
	side->ops = &gen_ops;
	side->contexts[0] = pool;
	return 0;
}

void bench_gen_pool_destroy(struct bench_side *side)
{
	gen_pool_destroy(side->contexts[0]);
}
