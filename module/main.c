// SPDX-License-Identifier: GPL-2.0-only
/* The module's parameters, initialisation and exit. */
#define pr_fmt(fmt) "framepool: " fmt

#include <linux/debugfs.h>
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/numa.h>
#include <linux/sizes.h>

#include "admin/bytes.h"
#include "admin/debugfs.h"
#include "admin/sysfs.h"
#include "pool/pool.h"
#include "user/buffer.h"
#include "user/chardev.h"
#include "user/client.h"
#include "user/compact.h"
#include "user/compactor.h"
#include "user/heap.h"

static char *size;
module_param(size, charp, 0444);
MODULE_PARM_DESC(size,
		 "memory to reserve, in bytes or with K, M, G, T (default: 1/16 of all memory)");

static char *name = "default";
module_param(name, charp, 0444);
MODULE_PARM_DESC(name, "name of the pool: /dev/framepool/<name>");

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

static char *memory = "wb";
module_param(memory, charp, 0444);
MODULE_PARM_DESC(memory,
		 "how processors cache it: wb, wc (write-combining), uc (uncached; default: wb)");

static bool dma_heap;
module_param(dma_heap, bool, 0444);
MODULE_PARM_DESC(dma_heap,
		 "also make it the dma-heap framepool-<name>; the module then stays for good");

static uint gid;
module_param(gid, uint, 0444);
MODULE_PARM_DESC(gid, "group that may use the pool, as a number (default: 0)");

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

static u64 min_largest_bytes;
static struct fp_pool *pool;
static struct fp_chardev *chardev;
static struct dentry *debugfs;

/* 0 is refused: a pool needs memory, and no quota is given by leaving the parameter out. */
static int parse_bytes(const char *param, const char *text, u64 *bytes)
{
	int ret = fp_bytes_parse(text, bytes);

	if (ret == -ENOMEM || (!ret && *bytes))
		return ret;
	pr_err("%s=%s: expected a positive number of bytes, with an optional K, M, G or T\n", param,
	       text);
	return -EINVAL;
}

static int parse_quota(const char *param, const char *text, u64 *bytes)
{
	int ret = parse_bytes(param, text, bytes);

	if (ret || fp_quota_is_valid(*bytes))
		return ret;
	pr_err("%s=%s: less than a huge frame (%lu KiB), which is the least that can be charged\n",
	       param, text, PAGE_SIZE * FP_HUGE_FRAMES / SZ_1K);
	return -EINVAL;
}

/* "4G" or "4G:64M". */
static int parse_below(const char *text, struct fp_source_config *config)
{
	const char *colon = strchrnul(text, ':');
	char address[32];

	strscpy(address, text, min_t(size_t, sizeof(address), colon - text + 1));
	config->below_bytes = U64_MAX;
	return parse_bytes("below", address, &config->below) ?:
	       *colon ? parse_bytes("below", colon + 1, &config->below_bytes) : 0;
}

static int parse_memory(const char *text, enum fp_memtype *type)
{
	int ret = fp_memtype_parse(text, type);

	if (ret)
		pr_err("memory=%s: expected wb, wc or uc\n", text);
	return ret;
}

static int parse_config(struct fp_pool_config *config)
{
	int ret = 0;

	*config = (struct fp_pool_config){
		.name = name,
		.source = {
			.bytes = (u64)totalram_pages() * PAGE_SIZE / 16,
			.node = node,
			.partial = partial,
		},
		.debug = debug,
		.debug_caches = cache_debug,
	};
	if (size)
		ret = parse_bytes("size", size, &config->source.bytes);
	if (!ret && below)
		ret = parse_below(below, &config->source);
	if (!ret && min_run)
		ret = parse_bytes("min_run", min_run, &config->source.min_run);
	if (!ret && min_largest)
		ret = parse_bytes("min_largest", min_largest, &min_largest_bytes);
	if (!ret)
		ret = parse_memory(memory, &config->source.memtype);
	if (!ret && client_quota)
		ret = parse_quota("client_quota", client_quota, &config->client_quota);
	if (!ret && user_quota)
		ret = parse_quota("user_quota", user_quota, &config->user_quota);
	return ret;
}

static void log_pool(void)
{
	const struct fp_source *source = &pool->source;
	u64 mib = ((u64)FP_HUGE_FRAMES << PAGE_SHIFT) / SZ_1M, first, end;

	/* Who may read the log may not know more. */
	fp_source_range(source, false, &first, &end);
	pr_info("pool %s: %llu MiB in %u extents, the largest has %llu; from %#llx to %#llx\n",
		pool->name, source->nr * mib, source->nr_extents, source->largest * mib, first,
		end);
}

static int __init fp_init(void)
{
	struct fp_pool_config config;
	int ret;

	ret = parse_config(&config);
	if (ret)
		return ret;
	if (!gid_valid(KGIDT_INIT(gid))) {
		pr_err("gid=%u: not a valid group id\n", gid);
		return -EINVAL;
	}
	ret = dma_heap ? fp_heap_check() : 0;
	if (ret)
		return ret;
	ret = fp_buffer_init();
	if (ret)
		return ret;
	ret = fp_client_init();
	if (ret)
		goto err_buffer;
	pool = fp_pool_create(&config);
	if (IS_ERR(pool)) {
		ret = PTR_ERR(pool);
		goto err_client;
	}
	ret = fp_compactor_create(pool, min_largest_bytes);
	if (ret)
		goto err_pool;
	pool->movables.make_room = fp_compact_make_room;
	pool->movables.merge = fp_compact_merge;
	chardev = fp_chardev_create(pool, KGIDT_INIT(gid), fp_sysfs_groups);
	if (IS_ERR(chardev)) {
		ret = PTR_ERR(chardev);
		goto err_compactor;
	}
	debugfs = fp_debugfs_create(pool);
	log_pool();
	/* It cannot be undone. Programs may use the pool by now, so nothing may fail any more. */
	ret = dma_heap ? fp_heap_add(pool) : 0;
	if (ret)
		pr_err("dma_heap=1: error %d: the pool is no dma-heap\n", ret);
	return 0;

err_compactor:
	fp_compactor_destroy(pool);
err_pool:
	fp_pool_destroy(pool);
err_client:
	fp_client_exit();
err_buffer:
	fp_buffer_exit();
	return ret;
}

static void __exit fp_exit(void)
{
	/* Waits for readers. */
	debugfs_remove(debugfs);
	fp_chardev_destroy(chardev);
	fp_compactor_destroy(pool);
	fp_pool_destroy(pool);
	fp_client_exit();
	fp_buffer_exit();
}

module_init(fp_init);
module_exit(fp_exit);
MODULE_DESCRIPTION("Physical page allocator: reserves memory once, deals in contiguous buffers");
MODULE_AUTHOR("The framepool authors");
MODULE_VERSION("0.1.0");
MODULE_LICENSE("GPL");
