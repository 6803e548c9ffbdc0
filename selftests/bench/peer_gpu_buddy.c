// SPDX-License-Identifier: GPL-2.0-only
/*
 * gpu_buddy, the kernel's buddy allocator for graphics memory, over pretend memory, which it never
 * touches. Locking is up to its callers, so it is part of what is measured. A block is the address
 * of its struct.
 */
#include "peers.h"

#ifdef CONFIG_GPU_BUDDY
#include <linux/gpu_buddy.h>
#include <linux/mutex.h>

struct gpu_pool {
	struct mutex lock;
	struct gpu_buddy buddy;
};

static u64 gpu_alloc(void *context, u32 order)
{
	struct gpu_pool *pool = context;
	u64 size = BENCH_FRAME_BYTES << order;
	LIST_HEAD(blocks);
	int ret;

	mutex_lock(&pool->lock);
	ret = gpu_buddy_alloc_blocks(&pool->buddy, 0, pool->buddy.size, size, size, &blocks, 0);
	mutex_unlock(&pool->lock);
	return ret ? BENCH_NONE : (u64)list_first_entry(&blocks, struct gpu_buddy_block, link);
}

static void gpu_free(void *context, u64 block, u32 order)
{
	struct gpu_pool *pool = context;

	mutex_lock(&pool->lock);
	gpu_buddy_free_block(&pool->buddy, (struct gpu_buddy_block *)block);
	mutex_unlock(&pool->lock);
}

static const struct bench_ops gpu_ops = { .alloc = gpu_alloc, .free = gpu_free };

int bench_gpu_buddy_create(struct bench_side *side, u64 frames)
{
	struct gpu_pool *pool = kvcalloc(1, sizeof(*pool), GFP_KERNEL);
	int ret;

	if (!pool)
		return -ENOMEM;
	mutex_init(&pool->lock);
	ret = gpu_buddy_init(&pool->buddy, frames * BENCH_FRAME_BYTES, BENCH_FRAME_BYTES);
	if (ret) {
		kvfree(pool);
		return ret;
	}
	side->name = "gpu_buddy";
	side->ops = &gpu_ops;
	side->contexts[0] = pool;
	return 0;
}

void bench_gpu_buddy_destroy(struct bench_side *side)
{
	struct gpu_pool *pool = side->contexts[0];

	gpu_buddy_fini(&pool->buddy);
	kvfree(pool);
}

#else

int bench_gpu_buddy_create(struct bench_side *side, u64 frames)
{
	return -ENODEV;
}

void bench_gpu_buddy_destroy(struct bench_side *side)
{
}

#endif
