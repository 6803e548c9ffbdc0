// SPDX-License-Identifier: GPL-2.0-only
/*
 * Loading this module runs one case. It fails with EBADMSG if the pool made a mistake; the kernel's
 * log says which. What a case leaves behind on purpose stays until the module is unloaded.
 */
#include <linux/cpu.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "block.h"
#include "hammer.h"
#include "objects.h"
#include "pagetable.h"
#include "steps.h"

#define LARGEST_ORDER	12
#define NR_EACH		4
#define NR_BULK		300

static char *run = "";
module_param(run, charp, 0);
MODULE_PARM_DESC(run, "name of the case");

static uint ms = 1000;
module_param(ms, uint, 0);
MODULE_PARM_DESC(ms, "duration of the cases with workers");

struct fp_pool *pool;

/* All pages that were taken. Each begins with a pointer to the one before. */
static struct page *taken;

static u64 take_all(void)
{
	struct page *page;
	u64 nr = 0;

	while ((page = framepool_alloc_pages(pool, GFP_KERNEL, 0))) {
		*(struct page **)page_address(page) = taken;
		taken = page;
		nr++;
	}
	return nr;
}

static bool give_one(void)
{
	struct page *page = taken;

	taken = *(struct page **)page_address(page);
	return CHECK(!framepool_free_pages(pool, page, 0));
}

static bool give_all(void)
{
	bool ok = true;

	while (taken)
		ok &= give_one();
	return ok;
}

static bool check_block(const struct block *block)
{
	unsigned long pfn = page_to_pfn(block->page);

	return CHECK(IS_ALIGNED(pfn, 1UL << block->order)) && CHECK(pfn_valid(pfn)) &&
	       CHECK(block_is_intact(block));
}

/* Allocates blocks of each order at once: they are aligned, do not overlap, and can be written. */
static bool run_orders(void)
{
	static struct block blocks[LARGEST_ORDER + 1][NR_EACH];
	bool ok = true;
	u32 order, i;

	for (i = 0; i < NR_EACH; i++)
		for (order = 0; order <= LARGEST_ORDER; order++) {
			bool got = block_alloc(&blocks[order][i], GFP_KERNEL, order);

			/* Longer blocks depend on what the pool got from the kernel. */
			ok &= CHECK(got || order > PMD_SHIFT - PAGE_SHIFT);
		}
	for (order = 0; order <= LARGEST_ORDER; order++)
		for (i = 0; i < NR_EACH; i++)
			if (blocks[order][i].page)
				ok &= check_block(&blocks[order][i]);
	for (order = 0; order <= LARGEST_ORDER; order++)
		for (i = 0; i < NR_EACH; i++)
			if (blocks[order][i].page)
				ok &= block_free(&blocks[order][i]);
	ok &= CHECK(!framepool_alloc_pages(pool, GFP_KERNEL, 30));
	return ok & CHECK(!framepool_alloc_pages(pool, GFP_KERNEL, U32_MAX));
}

/* Memory that was written to and freed is allocated again, and is zero with __GFP_ZERO. */
static bool run_zero(void)
{
	struct block block;
	bool ok = true;
	u32 order, i;

	for (order = 0; order <= PMD_SHIFT - PAGE_SHIFT; order++)
		for (i = 0; i < NR_EACH; i++) {
			gfp_t gfp = (i % 2 ? GFP_KERNEL : GFP_ATOMIC) | __GFP_ZERO;

			block.page = framepool_alloc_pages(pool, gfp, order);
			block.order = order;
			if (!CHECK(block.page))
				return false;
			ok &= CHECK(block_is_zero(&block));
			memset(page_address(block.page), 0xa5, PAGE_SIZE << order);
			ok &= CHECK(!framepool_free_pages(pool, block.page, order));
		}
	return ok;
}

/* Lists: the blocks are distinct and usable, and can be freed one by one and in lists. */
static bool bulk_of(unsigned int order, struct page **pages, struct block *blocks)
{
	u32 nr = min_t(u32, NR_BULK, 16384U >> order), got, i;
	bool ok;

	got = framepool_alloc_bulk(pool, GFP_KERNEL | (order % 2 ? __GFP_ZERO : 0), order, nr,
				   pages);
	ok = CHECK(got == nr);
	for (i = 0; i < got; i++) {
		blocks[i] = (struct block){ .page = pages[i], .order = order };
		if (order % 2)
			ok &= CHECK(block_is_zero(&blocks[i]));
		block_stamp(&blocks[i], pages[i], order);
	}
	for (i = 0; i < got; i++)
		ok &= check_block(&blocks[i]);
	for (i = 0; i < got / 3; i++)
		ok &= block_free(&blocks[i]);
	return ok & CHECK(!framepool_free_bulk(pool, order, got - i, pages + i));
}

static bool run_bulk(void)
{
	struct page **pages = kcalloc(NR_BULK, sizeof(*pages), GFP_KERNEL);
	struct block *blocks = kcalloc(NR_BULK, sizeof(*blocks), GFP_KERNEL);
	bool ok = CHECK(pages && blocks);
	u32 order;

	for (order = 0; ok && order <= PMD_SHIFT - PAGE_SHIFT; order++)
		ok = bulk_of(order, pages, blocks);
	if (ok)
		ok = CHECK(!framepool_alloc_bulk(pool, GFP_KERNEL, 0, 0, pages)) &&
		     CHECK(!framepool_free_bulk(pool, 0, 0, pages));
	kfree(blocks);
	kfree(pages);
	return ok;
}

/* Should get nothing. If it gets a block, it frees it again. */
static bool gives_none(gfp_t gfp, unsigned int order)
{
	struct page *pages[3];
	u32 nr = framepool_alloc_bulk(pool, gfp, order, 2, pages);

	pages[nr] = framepool_alloc_pages(pool, gfp, order);
	if (pages[nr])
		nr++;
	framepool_free_bulk(pool, order, nr, pages);
	return !nr;
}

/* Nothing is free, so all allocations fail at once. */
static bool run_none(void)
{
	static const gfp_t gfps[] = { GFP_KERNEL, GFP_NOWAIT, GFP_ATOMIC, GFP_KERNEL | __GFP_ZERO };
	u32 nr = 0, order, i;

	for (order = 0; order <= LARGEST_ORDER; order++)
		for (i = 0; i < ARRAY_SIZE(gfps); i++)
			nr += !gives_none(gfps[i], order);
	return CHECK(!nr);
}

/* Frees and allocates the last page of the pool, over and over. */
static bool run_nowait(void)
{
	struct page *page;
	bool ok;
	u32 i;

	take_all();
	ok = run_none();
	for (i = 0; ok && i < 1000; i++) {
		/* On one processor, or the page lies in the magazine of another. */
		migrate_disable();
		ok = give_one();
		page = framepool_alloc_pages(pool, i % 2 ? GFP_NOWAIT : GFP_ATOMIC, 0);
		migrate_enable();
		/* The background drain may be emptying the magazine. */
		if (!page)
			page = framepool_alloc_pages(pool, GFP_KERNEL, 0);
		ok &= CHECK(page);
		if (!page)
			break;
		*(struct page **)page_address(page) = taken;
		taken = page;
	}
	ok &= run_none();
	return give_all() && ok;
}

/* Keeps all pages until the module is unloaded. */
static bool run_hold(void)
{
	return CHECK(take_all());
}

static long fill_magazines(void *unused)
{
	static struct block blocks[64];
	long ok = true;
	u32 order, i;

	for (order = 0; order < 4; order++) {
		for (i = 0; i < ARRAY_SIZE(blocks); i++)
			ok &= CHECK(block_alloc(&blocks[i], GFP_KERNEL, order));
		for (i = 0; i < ARRAY_SIZE(blocks); i++)
			if (blocks[i].page)
				ok &= block_free(&blocks[i]);
	}
	return ok;
}

/* Leaves blocks in the magazines of each processor. */
static bool run_linger(void)
{
	bool ok = true;
	int cpu;

	cpus_read_lock();
	for_each_online_cpu(cpu)
		ok &= work_on_cpu(cpu, fill_magazines, NULL);
	cpus_read_unlock();
	return ok;
}

/*
 * The mistakes of a caller are refused. Run it by hand: the kernel warns, which fails a test run.
 */
static bool run_misuse(void)
{
	struct page *page = framepool_alloc_pages(pool, GFP_KERNEL, 2);
	struct page *foreign = alloc_page(GFP_KERNEL);
	struct page *list[3];
	bool ok = CHECK(page && foreign);

	if (!ok)
		return false;
	ok &= CHECK(framepool_free_pages(pool, page, 1) == -EINVAL);
	ok &= CHECK(framepool_free_pages(pool, page, 3) == -EINVAL);
	ok &= CHECK(framepool_free_pages(pool, page, 9) == -EINVAL);
	ok &= CHECK(framepool_free_pages(pool, page, 32) == -EINVAL);
	ok &= CHECK(framepool_free_pages(pool, page, U32_MAX) == -EINVAL);
	ok &= CHECK(framepool_free_pages(pool, page + 1, 2) == -EINVAL);
	ok &= CHECK(framepool_free_pages(pool, foreign, 0) == -EINVAL);
	list[0] = foreign;
	list[1] = page;
	list[2] = page + 1;
	ok &= CHECK(framepool_free_bulk(pool, 2, ARRAY_SIZE(list), list) == 2);
	ok &= CHECK(framepool_free_pages(pool, page, 2) == -EINVAL);
	__free_page(foreign);
	return ok;
}

static int run_hammer(void)
{
	static const struct {
		const char *name;
		struct hammer_config config;
	} hammers[] = {
		{ "threads", {} },
		{ "softirqs", { .bound = true, .softirqs = true } },
		{ "pass", { .bound = true, .pass = true } },
		{ "quick", { .bound = true, .softirqs = true, .quick = true } },
		{ "quick_drain",
		  { .bound = true, .softirqs = true, .quick = true, .drain = true } },
		{ "objects", { .bound = true, .softirqs = true, .objects = true, .drain = true } },
		{ "drain", { .bound = true, .softirqs = true, .drain = true } },
	};
	struct hammer_config config;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(hammers); i++)
		if (!strcmp(run, hammers[i].name)) {
			config = hammers[i].config;
			config.ms = ms;
			return hammer(&config);
		}
	return -EINVAL;
}

static int run_case(void)
{
	static const struct {
		const char *name;
		bool (*run)(void);
	} cases[] = {
		{ "orders", run_orders }, { "zero", run_zero }, { "bulk", run_bulk },
		{ "none", run_none }, { "nowait", run_nowait }, { "hold", run_hold },
		{ "linger", run_linger }, { "misuse", run_misuse },
	};
	int ret;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(cases); i++)
		if (!strcmp(run, cases[i].name))
			return cases[i].run() ? 0 : -EBADMSG;
	return objects_run(run, &ret) || steps_run(run, &ret) || pagetable_run(run, &ret) ?
	       ret : run_hammer();
}

static int __init api_test_init(void)
{
	int ret;

	if (CHECK(!framepool_get("nonesuch")))
		pool = framepool_get("default");
	if (!pool)
		return -ENODEV;
	ret = run_case();
	if (ret) {
		give_all();
		objects_give_all();
		framepool_put(pool);
	}
	return ret;
}

static void __exit api_test_exit(void)
{
	give_all();
	objects_give_all();
	framepool_put(pool);
}

module_init(api_test_init);
module_exit(api_test_exit);
MODULE_DESCRIPTION("tests framepool's interface to other modules");
MODULE_LICENSE("GPL");
