// SPDX-License-Identifier: GPL-2.0-only
/*
 * Each call of the interface once. If an allocation fails, a case returns -ENOMEM and has freed
 * everything; it returns -EBADMSG if the pool made a mistake. selftests/failure_test.c makes each
 * of their steps fail.
 */
#include "steps.h"

#include <linux/err.h>
#include <linux/mm.h>
#include <linux/string.h>

#include "block.h"

#define NR_OBJECTS	100
#define NR_BLOCKS	20

static int step_block(gfp_t gfp, unsigned int order)
{
	struct page *page = framepool_alloc_pages(pool, gfp, order);

	if (!page)
		return -ENOMEM;
	return CHECK(!framepool_free_pages(pool, page, order)) ? 0 : -EBADMSG;
}

static int step_blocks(void)
{
	struct page *pages[NR_BLOCKS];
	u32 got = framepool_alloc_bulk(pool, GFP_KERNEL, 1, NR_BLOCKS, pages);

	if (!CHECK(!framepool_free_bulk(pool, 1, got, pages)))
		return -EBADMSG;
	if (got < NR_BLOCKS)
		return -ENOMEM;
	return step_block(GFP_KERNEL, 0) ?: step_block(GFP_KERNEL | __GFP_ZERO, 3) ?:
	       step_block(GFP_KERNEL, 9);
}

static int step_objects(struct fp_cache *cache)
{
	static void *objects[NR_OBJECTS];
	u32 got = framepool_cache_alloc_bulk(cache, GFP_KERNEL, NR_OBJECTS - 1, objects);
	bool all = got == NR_OBJECTS - 1;

	objects[got] = framepool_cache_alloc(cache, GFP_KERNEL);
	if (objects[got])
		got++;
	if (!CHECK(!framepool_cache_free_bulk(cache, got, objects)))
		return -EBADMSG;
	framepool_cache_shrink(cache);
	return all && got == NR_OBJECTS ? 0 : -ENOMEM;
}

static int step_any_cache(u32 flags)
{
	const struct framepool_cache_args args = { .size = 200, .flags = flags };
	struct fp_cache *cache = framepool_cache_create(pool, "step by step", &args);
	int ret;

	if (IS_ERR(cache))
		return PTR_ERR(cache);
	ret = step_objects(cache);
	return CHECK(!framepool_cache_destroy(cache)) ? ret : -EBADMSG;
}

static int step_cache(void)
{
	return step_any_cache(FRAMEPOOL_CACHE_RANDOM);
}

static int step_debugged_cache(void)
{
	return step_any_cache(FRAMEPOOL_CACHE_DEBUG);
}

bool steps_run(const char *name, int *ret)
{
	static const struct {
		const char *name;
		int (*run)(void);
	} cases[] = {
		{ "step_blocks", step_blocks }, { "step_cache", step_cache },
		{ "step_debugged_cache", step_debugged_cache },
	};
	u32 i;

	for (i = 0; i < ARRAY_SIZE(cases); i++)
		if (!strcmp(name, cases[i].name)) {
			*ret = cases[i].run();
			return true;
		}
	return false;
}
