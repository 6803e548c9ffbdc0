// SPDX-License-Identifier: GPL-2.0-only
/* The module's parameters, initialisation and exit. */
#define pr_fmt(fmt) "framepool: " fmt

#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/numa.h>

#include "admin/poollist.h"
#include "admin/pools.h"
#include "user/buffer.h"
#include "user/client.h"
#include "user/heap.h"

static char *size;
module_param(size, charp, 0444);
MODULE_PARM_DESC(size,
		 "memory to reserve, in bytes or with K, M, G, T (default: 1/16 of all memory)");

static char *name;
module_param(name, charp, 0444);
MODULE_PARM_DESC(name, "name of the pool: /dev/framepool/<name> (default: default)");

static char *pools;
module_param(pools, charp, 0444);
MODULE_PARM_DESC(pools,
		 "several pools instead of one, or none: NAME[:SIZE][:OPTION=VALUE]...[,...]");

static int node = NUMA_NO_NODE;
module_param(node, int, 0444);
MODULE_PARM_DESC(node, "NUMA node to take the memory from (default: any)");

static bool partial;
module_param(partial, bool, 0444);
MODULE_PARM_DESC(partial, "accept less memory than asked for");

static char *below;
module_param(below, charp, 0444);
MODULE_PARM_DESC(below,
		 "address below which all of it, or so much (4G:64M), has to lie (default: none)");

static char *min_run;
module_param(min_run, charp, 0444);
MODULE_PARM_DESC(min_run,
		 "refuse memory whose largest contiguous piece is shorter (default: accept it)");

static char *min_largest;
module_param(min_largest, charp, 0444);
MODULE_PARM_DESC(min_largest,
		 "keep an empty run of so many bytes, by moving buffers (default: off)");

static char *memory;
module_param(memory, charp, 0444);
MODULE_PARM_DESC(memory,
		 "how processors cache it: wb, wc (write-combining), uc (uncached; default: wb)");

static bool dma_heap;
module_param(dma_heap, bool, 0444);
MODULE_PARM_DESC(dma_heap,
		 "also make it the dma-heap framepool-<name>; the module then stays for good");

static char *gid;
module_param(gid, charp, 0444);
MODULE_PARM_DESC(gid, "group that may use the pool, as a number (default: 0)");

static char *mode;
module_param(mode, charp, 0444);
MODULE_PARM_DESC(mode, "mode of the node, in octal (default: 0660)");

static char *client_quota;
module_param(client_quota, charp, 0444);
MODULE_PARM_DESC(client_quota,
		 "most that one client may be charged, in bytes, K, M, G or T (default: no limit)");

static bool debug;
module_param(debug, bool, 0444);
MODULE_PARM_DESC(debug, "notice at once when a kernel module frees a block twice; slow");

static bool cache_debug;
module_param(cache_debug, bool, 0444);
MODULE_PARM_DESC(cache_debug, "check every cache of kernel modules for misuse; slow");

static char *user_quota;
module_param(user_quota, charp, 0444);
MODULE_PARM_DESC(user_quota,
		 "most that one user may be charged, in bytes, K, M, G or T (default: no limit)");

/* The parameters that are text. */
static const struct {
	const char *name;
	char **text;
} texts[] = {
	{ "size", &size },
	{ "below", &below },
	{ "min_run", &min_run },
	{ "min_largest", &min_largest },
	{ "memory", &memory },
	{ "gid", &gid },
	{ "mode", &mode },
	{ "client_quota", &client_quota },
	{ "user_quota", &user_quota },
};

static int __init parse_options(struct fp_options *options)
{
	struct fp_reason reason = { .pool = options->pool.name };
	int ret = 0, i;

	options->pool.source.bytes = (u64)totalram_pages() * PAGE_SIZE / 16;
	options->pool.source.node = node;
	options->pool.source.partial = partial;
	options->pool.debug = debug;
	options->pool.debug_caches = cache_debug;
	for (i = 0; !ret && i < ARRAY_SIZE(texts); i++)
		if (*texts[i].text)
			ret = fp_options_set(options, texts[i].name, *texts[i].text, &reason);
	return ret;
}

static int __init create_one(const struct fp_options *options)
{
	struct fp_reason reason = { .pool = options->pool.name };

	return PTR_ERR_OR_ZERO(fp_pools_create(options, &reason));
}

/* It cannot be undone. Programs may use the pool by now, so nothing may fail any more. */
static int __init add_heap(struct fp_pool *pool, const struct fp_options *options, void *context)
{
	int ret = fp_heap_add(pool);

	if (ret)
		pr_err("dma_heap=1: error %d: pool %s is no dma-heap\n", ret, pool->name);
	return 0;
}

static int __init create_pools(void)
{
	struct fp_options options;
	int ret;

	fp_options_init(&options, name ?: "default");
	ret = parse_options(&options);
	if (ret)
		return ret;
	if (!pools)
		return create_one(&options);
	if (!name)
		return fp_poollist_create(pools, &options);
	pr_err("name= and pools= exclude each other\n");
	return -EINVAL;
}

static int __init fp_init(void)
{
	int ret;

	ret = dma_heap ? fp_heap_check() : 0;
	if (ret)
		return ret;
	ret = fp_buffer_init();
	if (ret)
		return ret;
	ret = fp_client_init();
	if (ret)
		goto err_buffer;
	ret = fp_pools_init();
	if (ret)
		goto err_client;
	ret = create_pools();
	if (ret)
		goto err_pools;
	if (dma_heap)
		fp_pools_for_each(add_heap, NULL);
	return 0;

err_pools:
	fp_pools_exit();
err_client:
	fp_client_exit();
err_buffer:
	fp_buffer_exit();
	return ret;
}

static void __exit fp_exit(void)
{
	fp_pools_exit();
	fp_client_exit();
	fp_buffer_exit();
}

module_init(fp_init);
module_exit(fp_exit);
MODULE_DESCRIPTION("Physical page allocator: reserves memory once, deals in contiguous buffers");
MODULE_AUTHOR("The framepool authors");
MODULE_VERSION("0.1.0");
MODULE_LICENSE("GPL");
/* For several pools at run time, where there is configfs. */
MODULE_SOFTDEP("post: framepool_configfs");
