// SPDX-License-Identifier: GPL-2.0-only
/*
 * /sys/kernel/debug/framepool/<pool>/: the state of a pool, for people. Sizes are of one moment;
 * free blocks, and rows of clients, users and caches, are read one by one.
 * docs/debugfs.md explains every line.
 */
#include "admin/debugfs.h"

#include <linux/debugfs.h>
#include <linux/device.h>
#include <linux/mm.h>
#include <linux/seq_file.h>
#include <linux/string_helpers.h>
#include <linux/user_namespace.h>

#include "admin/layout.h"
#include "admin/obstacles.h"
#include "kernel/cache.h"
#include "pool/pool.h"
#include "pool/stats.h"
#include "user/client.h"
#include "user/export.h"
#include "user/mmap.h"

/* The folder of all pools. */
static struct dentry *root;

static int summary_show(struct seq_file *file, void *unused)
{
	struct framepool_ioc_stats stats;
	struct fp_pool *pool = file->private;

	fp_stats_read(pool, &stats);
	fp_stats_read_blocks(pool, &stats);
	seq_printf(file, "pool: %s\n", pool->name);
	seq_printf(file, "memory: %s\n", fp_memtype_name(pool->source.memtype));
	seq_printf(file, "extents: %u\n", pool->source.nr_extents);
#define SHOW(_name, _field)	seq_printf(file, #_name ": %llu\n", (u64)stats._field);
	FP_FIGURES(SHOW)
#undef SHOW
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(summary);

static int buddyinfo_show(struct seq_file *file, void *unused)
{
	struct framepool_ioc_stats stats;
	u32 order;

	fp_stats_read(file->private, &stats);
	fp_stats_read_blocks(file->private, &stats);
	seq_puts(file, "order        bytes free_blocks\n");
	for (order = 0; order < stats.orders; order++)
		seq_printf(file, "%5u %12llu %11llu\n", order, (u64)PAGE_SIZE << order,
			   stats.free_blocks[order]);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(buddyinfo);

static void show_index(struct seq_file *file, int thousandths, int width)
{
	seq_printf(file, " %*s%d.%03d", width - 6, thousandths < 0 ? "-" : "",
		   abs(thousandths) / 1000, abs(thousandths) % 1000);
}

static int fragmentation_show(struct seq_file *file, void *unused)
{
	struct framepool_ioc_stats stats;
	u32 order;

	fp_stats_read(file->private, &stats);
	fp_stats_read_blocks(file->private, &stats);
	seq_printf(file, "largest: %llu\n", stats.largest_bytes);
	seq_puts(file, "order unusable_free_index external_fragmentation_index\n");
	for (order = 0; order < stats.orders; order++) {
		seq_printf(file, "%5u", order);
		show_index(file, fp_stats_unusable_index(&stats, order), 20);
		show_index(file, fp_stats_external_index(&stats, order), 29);
		seq_putc(file, '\n');
	}
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(fragmentation);

/* A thread's name may contain any character, even line breaks. */
static void show_comm(struct seq_file *file, const char *comm)
{
	seq_escape_str(file, comm, ESCAPE_ANY_NP, NULL);
	seq_putc(file, '\n');
}

static void show_client(struct seq_file *file, struct fp_client *client)
{
	struct fp_usage usage;

	fp_account_usage(&client->pool->accounts, client->account, &usage);
	seq_printf(file, "%7d %10u %7u %12llu %12llu %12llu %12llu", usage.pid,
		   from_kuid_munged(&init_user_ns, usage.uid), fp_client_nr_buffers(client),
		   usage.held << PAGE_SHIFT, fp_mmap_bytes(client, 0, U64_MAX),
		   usage.charged << PAGE_SHIFT, usage.quarantined << PAGE_SHIFT);
	seq_printf(file, " %7d %8d %6d %6s ", atomic_read(&client->nr_exports),
		   atomic_read(&client->nr_attached), atomic_read(&client->nr_in_use),
		   READ_ONCE(client->closed) ? "closed" : "open");
	show_comm(file, usage.comm);
}

static int clients_show(struct seq_file *file, void *unused)
{
	struct fp_pool *pool = file->private;
	struct fp_client *client;

	seq_puts(file, "    pid        uid buffers         held       mapped      charged  ");
	seq_puts(file, "quarantined exports attached in_use  state comm\n");
	mutex_lock(&pool->clients_lock);
	list_for_each_entry(client, &pool->clients, node)
		show_client(file, client);
	mutex_unlock(&pool->clients_lock);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(clients);

/* "NAME" or "NAME=TIMES", each with a blank before it. */
static void show_device(const struct device *device, u32 nr_maps, void *context)
{
	seq_putc(context, ' ');
	seq_escape_str(context, dev_name(device), ESCAPE_ANY_NP, NULL);
	if (nr_maps)
		seq_printf(context, "=%u", nr_maps);
}

static void show_export(struct fp_export *export, void *context)
{
	const struct fp_client *client = export->client;
	struct fp_usage usage;

	fp_account_usage(&client->pool->accounts, client->account, &usage);
	seq_printf(context, "%7d %10u %10lu %#14llx %12llu %6s %7u", usage.pid,
		   from_kuid_munged(&init_user_ns, usage.uid), export->ino,
		   (u64)(export->buffer->pgoff + export->first) << PAGE_SHIFT,
		   export->nr << PAGE_SHIFT, export->read_only ? "r" : "rw",
		   fp_export_vmaps(export));
	fp_export_devices_for_each(export, show_device, context);
	seq_putc(context, '\n');
}

static int exports_show(struct seq_file *file, void *unused)
{
	seq_puts(file, "    pid        uid        ino         offset       length access ");
	seq_puts(file, "vmapped devices\n");
	fp_exports_for_each(file->private, show_export, file);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(exports);

static int users_show(struct seq_file *file, void *unused)
{
	struct fp_pool *pool = file->private;
	struct fp_usage *usages = NULL;
	u32 i, nr = 0, room;

	do {
		kvfree(usages);
		room = nr + 16;
		usages = kvcalloc(room, sizeof(*usages), GFP_KERNEL | __GFP_NOWARN);
		if (!usages)
			return -ENOMEM;
		nr = fp_accounts_list_users(&pool->accounts, usages, room);
	} while (nr > room);
	seq_puts(file, "       uid clients         held      charged  quarantined\n");
	for (i = 0; i < nr; i++)
		seq_printf(file, "%10u %7u %12llu %12llu %12llu\n",
			   from_kuid_munged(&init_user_ns, usages[i].uid), usages[i].nr_clients,
			   usages[i].held << PAGE_SHIFT, usages[i].charged << PAGE_SHIFT,
			   usages[i].quarantined << PAGE_SHIFT);
	kvfree(usages);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(users);

static void show_huge(struct seq_file *file, const char *name, u32 nr)
{
	seq_printf(file, "%s: %llu\n", name, (u64)nr * FP_HUGE_FRAMES << PAGE_SHIFT);
}

static int quarantine_show(struct seq_file *file, void *unused)
{
	struct fp_pool *pool = file->private;
	struct fp_usage usage;
	u32 label;

	show_huge(file, "uncleared", READ_ONCE(pool->buddy.nr_queued[FP_UNCLEARED]));
	show_huge(file, "referenced", READ_ONCE(pool->buddy.nr_queued[FP_REFERENCED]));
	show_huge(file, "retired", READ_ONCE(pool->buddy.nr_retired));
	seq_puts(file, "    pid        uid  state  quarantined comm\n");
	for (label = 0; fp_accounts_next(&pool->accounts, &label, &usage); label++) {
		if (!usage.quarantined)
			continue;
		seq_printf(file, "%7d %10u %6s %12llu ", usage.pid,
			   from_kuid_munged(&init_user_ns, usage.uid),
			   usage.nr_clients ? "open" : "ended", usage.quarantined << PAGE_SHIFT);
		show_comm(file, usage.comm);
	}
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(quarantine);

/* Show all columns but the name. */
static void show_slabs(struct seq_file *file, struct fp_slab_cache *slabs, u64 nr_reports)
{
	struct fp_slab_stats stats;

	fp_slab_stats(slabs, &stats);
	seq_printf(file, "%7u %7u %8u %10llu %10llu ", slabs->size, slabs->stride, slabs->per_slab,
		   stats.active, stats.objects);
	seq_printf(file, "%8llu %10llu %8llu %6llu ", stats.cached, 1ULL << slabs->shift,
		   stats.slabs, stats.empty);
	seq_printf(file, "%10llu %10llu ", stats.waste, stats.metadata);
	seq_printf(file, "%12llu %10llu ", stats.hits, stats.refills);
	seq_printf(file, "%12llu %10llu %9llu %7llu ", stats.kept, stats.returns, stats.bad_frees,
		   nr_reports);
}

static void show_cache(struct fp_cache *cache, void *context)
{
	show_slabs(context, &cache->slabs, atomic64_read(&cache->nr_reports));
	seq_escape_str(context, cache->name, ESCAPE_ANY_NP, NULL);
	seq_putc(context, '\n');
}

/*
 * The name of a program's cache: the process that opened the client, and the cache's number in that
 * client.
 */
static void show_window(struct fp_window *window, void *context)
{
	struct fp_usage usage;

	fp_account_usage(&window->windows->pool->accounts, window->windows->account, &usage);
	show_slabs(context, &window->slabs, 0);
	seq_printf(context, "%d/%u ", usage.pid, window->index);
	show_comm(context, usage.comm);
}

static int caches_show(struct seq_file *file, void *unused)
{
	seq_puts(file, "   size  stride per_slab     active    objects ");
	seq_puts(file, "  cached slab_bytes    slabs  empty ");
	seq_puts(file, "     waste   metadata         hits    refills ");
	seq_puts(file, "        kept    returns bad_frees reports name\n");
	fp_caches_for_each(file->private, show_cache, file);
	fp_client_windows_for_each(file->private, show_window, file);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(caches);

static void verify_cache(struct fp_cache *cache, void *context)
{
	const char **broken = context;

	*broken = *broken ?: fp_slab_verify(&cache->slabs);
}

static void verify_window(struct fp_window *window, void *context)
{
	const char **broken = context;

	*broken = *broken ?: fp_slab_verify(&window->slabs);
}

static int verify_show(struct seq_file *file, void *unused)
{
	struct fp_pool *pool = file->private;
	const char *broken;

	/* The books are not sound while something moves. */
	if (mutex_lock_killable(&pool->movables.moving))
		return -EINTR;
	broken = fp_buddy_verify(&pool->buddy);
	mutex_unlock(&pool->movables.moving);
	fp_caches_for_each(pool, verify_cache, &broken);
	fp_client_windows_for_each(pool, verify_window, &broken);
	seq_printf(file, "%s\n", broken ?: "ok");
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(verify);

/**
 * fp_debugfs_init() - create the folder for all pools
 *
 * Context: may sleep.
 */
void fp_debugfs_init(void)
{
	root = debugfs_create_dir("framepool", NULL);
}

/**
 * fp_debugfs_exit() - remove the folder for all pools
 *
 * Context: may sleep.
 */
void fp_debugfs_exit(void)
{
	debugfs_remove(root);
}

/**
 * fp_debugfs_create() - create the files of a pool
 * @pool: the pool
 *
 * Context: may sleep.
 * Return: the argument for debugfs_remove(), which waits for readers. Without debugfs in the
 * kernel, there are no files.
 */
struct dentry *fp_debugfs_create(struct fp_pool *pool)
{
	struct dentry *dir = debugfs_create_dir(pool->name, root);

	debugfs_create_file("summary", 0400, dir, pool, &summary_fops);
	debugfs_create_file("buddyinfo", 0400, dir, pool, &buddyinfo_fops);
	debugfs_create_file("fragmentation", 0400, dir, pool, &fragmentation_fops);
	debugfs_create_file("clients", 0400, dir, pool, &clients_fops);
	debugfs_create_file("exports", 0400, dir, pool, &exports_fops);
	debugfs_create_file("users", 0400, dir, pool, &users_fops);
	debugfs_create_file("quarantine", 0400, dir, pool, &quarantine_fops);
	debugfs_create_file("caches", 0400, dir, pool, &caches_fops);
	debugfs_create_file("verify", 0400, dir, pool, &verify_fops);
	fp_layout_create(pool, dir);
	fp_obstacles_create(pool, dir);
	return dir;
}
