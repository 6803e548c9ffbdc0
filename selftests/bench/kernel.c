// SPDX-License-Identifier: GPL-2.0-only
/*
 * The benchmarks as a kernel module: it measures while it is loaded. Then it shows the results in
 * debugfs/framepool_bench until it is unloaded, in the format of the program on the host.
 */
#include <linux/debugfs.h>
#include <linux/module.h>

#include "attach.h"
#include "peers.h"

#define RESULTS_SIZE	(64 * 1024)
#define MAX_ORDER_TIMED	9

static char *unit = "ns";
module_param(unit, charp, 0);
MODULE_PARM_DESC(unit, "unit of the kernel's clock: ns, or insns if it counts instructions");

static unsigned int size_mib = 1024;
module_param(size_mib, uint, 0);
MODULE_PARM_DESC(size_mib, "size of the pools that are compared");

static unsigned int rounds = 9;
module_param(rounds, uint, 0);
MODULE_PARM_DESC(rounds, "rounds of each side; the least time counts");

static unsigned int repeats = 20000;
module_param(repeats, uint, 0);
MODULE_PARM_DESC(repeats, "how often the case \"repeat\" repeats in a round");

static char *suite = "";
module_param(suite, charp, 0);
MODULE_PARM_DESC(suite, "the only one to run: pages, slab, frag, share (default: all but share)");

static int ours = -1, theirs = -1;
module_param(ours, int, 0);
MODULE_PARM_DESC(ours, "for share: descriptor of our dma-buf");
module_param(theirs, int, 0);
MODULE_PARM_DESC(theirs, "for share: descriptor of the other dma-buf");

static char *peer = "";
module_param(peer, charp, 0);
MODULE_PARM_DESC(peer, "for share: name of the other side");

static struct debugfs_blob_wrapper results;
static struct dentry *file;

static void emit_value(const struct bench_value *value)
{
	const u64 parts[] = { value->best, value->low, value->high };
	char *text = results.data;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(parts); i++)
		results.size += scnprintf(text + results.size, RESULTS_SIZE - results.size,
					  "\t%llu.%03llu", parts[i] / 1000, parts[i] % 1000);
}

static __printf(1, 2) void emit_text(const char *format, ...)
{
	char *text = results.data;
	va_list args;

	va_start(args, format);
	results.size += vscnprintf(text + results.size, RESULTS_SIZE - results.size, format, args);
	va_end(args);
}

void bench_emit(const struct bench_row *row)
{
	emit_text("%s\t%s\t%u\t%s", row->suite, row->name, row->threads, row->unit);
	emit_value(&row->ours);
	emit_text("\t%s", row->peer);
	emit_value(&row->theirs);
	emit_text("\n");
}

/* The labs that count instructions have one processor. */
void bench_parallel(u32 threads, void (*run)(void *argument, u32 thread), void *argument)
{
	run(argument, 0);
}

void bench_barrier(void)
{
}

static int run_pages(const struct bench_config *config, const struct bench_side *ours,
		     const struct bench_side *theirs, const u32 *orders, u32 nr)
{
	u32 i;
	int ret = 0;

	for (i = 0; !ret && i < nr; i++)
		ret = bench_pages(config, ours, theirs, orders[i], 1);
	if (ret)
		pr_err("framepool_bench: pages, order %u, against %s: out of memory\n",
		       orders[i - 1], theirs->name);
	return ret;
}

static int run_gen_pool(const struct bench_config *config, const struct bench_side *ours)
{
	static const u32 orders[] = { 0, 3, 9 };
	struct bench_side theirs;
	int ret = bench_gen_pool_create(&theirs, config->frames);

	if (ret)
		return ret;
	ret = run_pages(config, ours, &theirs, orders, ARRAY_SIZE(orders));
	bench_gen_pool_destroy(&theirs);
	return ret;
}

static int run_gpu_buddy(const struct bench_config *config, const struct bench_side *ours,
			 const u32 *orders)
{
	struct bench_side theirs;
	int ret = bench_gpu_buddy_create(&theirs, config->frames);

	if (ret)
		return ret == -ENODEV ? 0 : ret;
	ret = run_pages(config, ours, &theirs, orders, MAX_ORDER_TIMED + 1);
	bench_gpu_buddy_destroy(&theirs);
	return ret;
}

/* @timed: measure time, otherwise memory. */
static int run_size(const struct bench_config *config, u32 size, bool timed)
{
	struct bench_side ours, theirs;
	int ret = bench_cache_create(&ours, config->frames, size);

	if (ret)
		return ret;
	ret = bench_kmem_cache_create(&theirs, size);
	if (ret)
		goto err_destroy;
	ret = timed ? bench_slab(config, &ours, &theirs, size, 1) :
		      bench_memory(&ours, &theirs, size);
	if (ret)
		pr_err("framepool_bench: slab, %u bytes: out of memory\n", size);
	bench_kmem_cache_destroy(&theirs);
err_destroy:
	bench_cache_destroy(&ours);
	return ret;
}

static int run_slab(const struct bench_config *config)
{
	static const u32 timed[] = { 64, 256, 1024, 4096 }, weighed[] = { 40, 72, 200, 1000 };
	u32 i;
	int ret = 0;

	for (i = 0; !ret && i < ARRAY_SIZE(timed); i++)
		ret = run_size(config, timed[i], true);
	for (i = 0; !ret && i < ARRAY_SIZE(weighed); i++)
		ret = run_size(config, weighed[i], false);
	return ret;
}

static int run_frag(const struct bench_config *config)
{
	struct bench_side ours, theirs;
	int ret = bench_clients_create(&ours, config->frames);

	if (ret)
		return ret;
	ret = bench_confine_create(&theirs, config->frames);
	if (ret)
		goto err_destroy;
	ret = bench_frag(config, &ours, &theirs);
	if (ret)
		pr_err("framepool_bench: frag: out of memory\n");
	bench_confine_destroy(&theirs);
err_destroy:
	bench_pool_destroy(&ours);
	return ret;
}

static int run_all_pages(const struct bench_config *config)
{
	u32 orders[MAX_ORDER_TIMED + 1], i;
	struct bench_side ours;
	int ret = bench_kernel_create(&ours, config->frames);

	if (ret)
		return ret;
	for (i = 0; i < ARRAY_SIZE(orders); i++)
		orders[i] = i;
	ret = run_pages(config, &ours, &bench_alloc_pages, orders, ARRAY_SIZE(orders)) ?:
	      run_gen_pool(config, &ours) ?:
	      run_gpu_buddy(config, &ours, orders);
	bench_pool_destroy(&ours);
	return ret;
}

static bool is_wanted(const char *name)
{
	return !*suite || !strcmp(suite, name);
}

static int run_all(void)
{
	const struct bench_config config = {
		.rounds = rounds, .repeats = repeats, .bulk = 8192,
		.frames = (u64)size_mib << (20 - PAGE_SHIFT), .unit = unit,
	};

	int ret = 0;

	if (is_wanted("pages"))
		ret = run_all_pages(&config);
	if (!ret && is_wanted("slab"))
		ret = run_slab(&config);
	if (!ret && is_wanted("frag"))
		ret = run_frag(&config);
	if (!ret && !strcmp(suite, "share"))
		ret = bench_attach(&config, ours, peer, theirs);
	return ret;
}

static int __init bench_init(void)
{
	int ret;

	if (!rounds || !repeats || size_mib < 4 || size_mib % 4) {
		pr_err("framepool_bench: rounds or repeats is 0, or size_mib no multiple of 4\n");
		return -EINVAL;
	}
	results.data = kvcalloc(1, RESULTS_SIZE, GFP_KERNEL);
	if (!results.data)
		return -ENOMEM;
	ret = run_all();
	if (ret) {
		pr_err("framepool_bench: no results; if memory ran out, lower size_mib\n");
		kvfree(results.data);
		return ret;
	}
	file = debugfs_create_blob("framepool_bench", 0400, NULL, &results);
	return 0;
}

static void __exit bench_exit(void)
{
	debugfs_remove(file);
	kvfree(results.data);
}

module_init(bench_init);
module_exit(bench_exit);
MODULE_DESCRIPTION("benchmarks of framepool's core");
MODULE_LICENSE("GPL");
