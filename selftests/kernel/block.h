/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Blocks of the pool under test. Each is stamped with a number of its own, which shows if somebody
 * else has the same block.
 */
#ifndef FP_SELFTESTS_BLOCK_H
#define FP_SELFTESTS_BLOCK_H

#include "kernel/framepool_kernel.h"

/* Evaluates to the condition. If it does not hold, the kernel's log says so. */
#define CHECK(condition) ({ \
	bool holds = (condition); \
	if (!holds) \
		pr_err("framepool_api_test: %s:%d: not so: %s\n", __func__, __LINE__, #condition); \
	holds; \
})

/**
 * struct block - an allocated block
 * @page: its first page; NULL: none
 * @order: log2 of its pages
 * @stamp: what its pages begin and end with
 */
struct block {
	struct page *page;
	unsigned int order;
	u64 stamp;
};

extern struct fp_pool *pool;

void block_stamp(struct block *block, struct page *page, unsigned int order);
bool block_alloc(struct block *block, gfp_t gfp, unsigned int order);
bool block_is_intact(const struct block *block);
bool block_free(struct block *block);
bool block_is_zero(const struct block *block);

#endif
