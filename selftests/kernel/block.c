// SPDX-License-Identifier: GPL-2.0-only
#include "block.h"

#include <linux/atomic.h>
#include <linux/mm.h>
#include <linux/string.h>

#define WORDS	(PAGE_SIZE / sizeof(u64))

static atomic64_t last_stamp;

/* Each page of a block has a stamp of its own, so that swapped pages are noticed. */
static u64 page_stamp(const struct block *block, unsigned long i)
{
	return block->stamp << 24 ^ i;
}

/* Makes a block of allocated pages. */
void block_stamp(struct block *block, struct page *page, unsigned int order)
{
	unsigned long i;

	block->page = page;
	block->order = order;
	block->stamp = atomic64_inc_return(&last_stamp);
	for (i = 0; i < 1UL << order; i++) {
		u64 *words = page_address(page + i);

		words[0] = page_stamp(block, i);
		words[WORDS - 1] = ~page_stamp(block, i);
	}
}

/* Return: false if there is no memory. */
bool block_alloc(struct block *block, gfp_t gfp, unsigned int order)
{
	struct page *page = framepool_alloc_pages(pool, gfp, order);

	if (page)
		block_stamp(block, page, order);
	return page;
}

bool block_is_intact(const struct block *block)
{
	unsigned long i;

	for (i = 0; i < 1UL << block->order; i++) {
		const u64 *words = page_address(block->page + i);

		if (words[0] != page_stamp(block, i) || words[WORDS - 1] != ~page_stamp(block, i))
			return false;
	}
	return true;
}

bool block_is_zero(const struct block *block)
{
	return !memchr_inv(page_address(block->page), 0, PAGE_SIZE << block->order);
}

/* Frees a block, and sets its page to NULL. Return: false if it was changed, or cannot be freed. */
bool block_free(struct block *block)
{
	bool ok = CHECK(block_is_intact(block));
	struct page *page = block->page;

	/* If somebody else has the block too, this breaks its stamp. */
	memset(page_address(page), 0xfb, sizeof(u64));
	block->page = NULL;
	return CHECK(!framepool_free_pages(pool, page, block->order)) && ok;
}
