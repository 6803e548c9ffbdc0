// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pools come and go. An instance is a pool with all that shows it: node, sysfs, debugfs. They come
 * in this order, and go in the opposite one, after the pool was retired:
 *
 *   - from then on nobody finds it, so there will be no more users;
 *   - removing node and sysfs waits for functions of sysfs, removing debugfs for readers;
 *   - then the memory goes back to the kernel, and the name is free again.
 *
 * In use is a pool that a program has opened, mapped or exported from, and one that a kernel module
 * has. Memory of it that a pipe, direct I/O or a device holds by references to its pages does not
 * count: as after munmap(), the kernel frees it when the last of these goes.
 */
#define pr_fmt(fmt) "framepool: " fmt

#include "admin/pools.h"

#include <linux/debugfs.h>
#include <linux/err.h>
#include <linux/export.h>
#include <linux/mm.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/string_helpers.h>

#include "admin/debugfs.h"
#include "admin/sysfs.h"
#include "compat.h"
#include "kernel/cache.h"
#include "user/chardev.h"
#include "user/client.h"
#include "user/compact.h"
#include "user/compactor.h"

/**
 * struct fp_instance - a pool with all that shows it
 * @node: in the list of all (protected by the instances lock)
 * @options: how it was made
 * @pool: the pool
 * @chardev: its node and its files in sysfs
 * @debugfs: its files there
 */
struct fp_instance {
	struct list_head node;
	struct fp_options options;
	struct fp_pool *pool;
	struct fp_chardev *chardev;
	struct dentry *debugfs;
};

static LIST_HEAD(instances);
static DEFINE_MUTEX(instances_lock);

/**
 * fp_pools_init() - prepare for pools
 *
 * Context: may sleep.
 * Return: 0, or an error of the driver core.
 */
int fp_pools_init(void)
{
	int ret = fp_chardev_init();

	if (!ret)
		fp_debugfs_init();
	return ret;
}

/**
 * fp_pools_exit() - destroy all pools, and undo fp_pools_init()
 *
 * Context: may sleep; no pool is in use.
 */
void fp_pools_exit(void)
{
	struct fp_instance *instance, *next;
	struct fp_reason reason;

	list_for_each_entry_safe_reverse(instance, next, &instances, node) {
		reason = (struct fp_reason){ .pool = instance->pool->name };
		WARN_ON(fp_pools_destroy(instance, &reason));
	}
	fp_chardev_exit();
	fp_debugfs_exit();
}

static void log_pool(const struct fp_pool *pool)
{
	const struct fp_source *source = &pool->source;
	u64 mib = ((u64)FP_HUGE_FRAMES << PAGE_SHIFT) / SZ_1M, first, end;

	/* Who may read the log may not know more. */
	fp_source_range(source, false, &first, &end);
	pr_info("pool %s: %llu MiB in %u extents, the largest has %llu; from %#llx to %#llx\n",
		pool->name, source->nr * mib, source->nr_extents, source->largest * mib, first,
		end);
}

static int fill(struct fp_instance *instance, struct fp_reason *reason)
{
	struct fp_options *options = &instance->options;
	struct fp_pool *pool = fp_pool_create(&options->pool, reason);
	int ret;

	if (IS_ERR(pool))
		return PTR_ERR(pool);
	instance->pool = pool;
	options->pool.name = pool->name;
	pool->movables.make_room = fp_compact_make_room;
	pool->movables.merge = fp_compact_merge;
	ret = fp_compactor_create(pool, options->min_largest);
	if (ret)
		fp_pool_destroy(pool);
	return ret;
}

/**
 * fp_pools_reserve() - make a pool that nobody can find yet
 * @options: how to make it
 * @reason: gets the reason if the administrator can do something about a failure
 *
 * Context: may sleep, for long; killable.
 * Return: the pool, for fp_pools_show_all() and fp_pools_destroy(), or an error pointer: as
 * fp_pool_create() and fp_compactor_create().
 */
struct fp_instance *fp_pools_reserve(const struct fp_options *options, struct fp_reason *reason)
{
	struct fp_instance *instance = kzalloc(sizeof(*instance), GFP_KERNEL);
	int ret;

	if (!instance)
		return ERR_PTR(-ENOMEM);
	instance->options = *options;
	ret = fill(instance, reason);
	if (ret) {
		kfree(instance);
		return ERR_PTR(ret);
	}
	mutex_lock(&instances_lock);
	list_add_tail(&instance->node, &instances);
	mutex_unlock(&instances_lock);
	return instance;
}

/* Let programs use a pool that was reserved. */
static int show(struct fp_instance *instance)
{
	const struct fp_options *options = &instance->options;
	struct fp_chardev *chardev = fp_chardev_create(instance->pool, KGIDT_INIT(options->gid),
						       options->mode, fp_sysfs_groups);

	if (IS_ERR(chardev))
		return PTR_ERR(chardev);
	instance->chardev = chardev;
	/* Without these it can be used as well, so this does not fail. */
	instance->debugfs = fp_debugfs_create(instance->pool);
	log_pool(instance->pool);
	return 0;
}

static void destroy(struct fp_instance *instance)
{
	mutex_lock(&instances_lock);
	list_del(&instance->node);
	mutex_unlock(&instances_lock);
	debugfs_remove(instance->debugfs);
	if (instance->chardev)
		fp_chardev_destroy(instance->chardev);
	fp_compactor_destroy(instance->pool);
	fp_pool_destroy(instance->pool);
	kfree(instance);
}

/**
 * fp_pools_show_all() - let programs use all pools that were reserved
 *
 * One that cannot be shown is destroyed. Programs may use others by then, so this does not fail.
 *
 * Context: may sleep.
 */
void fp_pools_show_all(void)
{
	struct fp_instance *instance, *next;
	int ret;

	list_for_each_entry_safe(instance, next, &instances, node) {
		ret = show(instance);
		if (ret) {
			pr_err("pool %s: error %d: it is not made\n", instance->pool->name, ret);
			destroy(instance);
		}
	}
}

/**
 * fp_pools_create() - make a pool, and let programs use it
 * @options: how to make it
 * @reason: gets the reason if the administrator can do something about a failure
 *
 * Context: may sleep, for long; killable.
 * Return: the pool with all that shows it, or an error pointer: as fp_pools_reserve() and
 * fp_chardev_create().
 */
struct fp_instance *fp_pools_create(const struct fp_options *options, struct fp_reason *reason)
{
	struct fp_instance *instance = fp_pools_reserve(options, reason);
	int ret;

	if (IS_ERR(instance))
		return instance;
	ret = show(instance);
	if (!ret)
		return instance;
	destroy(instance);
	return ERR_PTR(ret);
}
EXPORT_SYMBOL_NS_GPL(fp_pools_create, FP_ADMIN_NAMESPACE);

static void tell_clients(struct fp_pool *pool, struct fp_reason *reason)
{
	struct fp_client *client;
	struct fp_usage usage;
	char *comm;

	mutex_lock(&pool->clients_lock);
	list_for_each_entry(client, &pool->clients, node) {
		fp_account_usage(&pool->accounts, client->account, &usage);
		comm = kstrdup_quotable(usage.comm, GFP_KERNEL);
		fp_refuse(reason, "in use by process %d (%s): %s, %u buffers, %d dma-bufs",
			  usage.pid, comm ?: "?",
			  READ_ONCE(client->closed) ? "closed" : "open or mapped",
			  fp_client_nr_buffers(client), atomic_read(&client->nr_exports));
		kfree(comm);
	}
	mutex_unlock(&pool->clients_lock);
}

static void tell_module(const char *module, u32 nr, void *context)
{
	fp_refuse(context, "in use by kernel module %s", module);
}

static void tell_cache(struct fp_cache *cache, void *context)
{
	fp_refuse(context, "in use by cache %s of a kernel module", cache->name);
}

static void tell_users(struct fp_pool *pool, struct fp_reason *reason)
{
	tell_clients(pool, reason);
	fp_registry_users_for_each(pool, tell_module, reason);
	fp_caches_for_each(pool, tell_cache, reason);
	/* They may be gone by now. */
	if (!reason->text[0])
		fp_refuse(reason, "was in use a moment ago");
}

/* The mover may be the last who has a reference to a client. It drops it before its mutex. */
static int retire(struct fp_pool *pool)
{
	int ret = fp_registry_retire(pool);

	if (!ret)
		return 0;
	mutex_lock(&pool->movables.moving);
	mutex_unlock(&pool->movables.moving);
	return fp_registry_retire(pool);
}

/**
 * fp_pools_destroy() - remove a pool that nobody uses
 * @instance: the pool; of several callers, one may have it
 * @reason: gets who uses it
 *
 * Context: may sleep.
 * Return: 0; or -EBUSY: it is in use, and nothing changed.
 */
int fp_pools_destroy(struct fp_instance *instance, struct fp_reason *reason)
{
	struct fp_pool *pool = instance->pool;

	if (retire(pool)) {
		tell_users(pool, reason);
		return -EBUSY;
	}
	pr_info("pool %s: removed\n", pool->name);
	destroy(instance);
	return 0;
}
EXPORT_SYMBOL_NS_GPL(fp_pools_destroy, FP_ADMIN_NAMESPACE);

/**
 * fp_pools_for_each() - call a function for all pools
 * @call: called with a pool, and how it was made; may sleep, must not create or destroy pools; a
 *        result other than 0 ends this
 * @context: passed on
 *
 * Context: may sleep.
 * Return: the last result.
 */
int fp_pools_for_each(int (*call)(struct fp_pool *pool, const struct fp_options *options,
				  void *context),
		      void *context)
{
	struct fp_instance *instance;
	int ret = 0;

	mutex_lock(&instances_lock);
	list_for_each_entry(instance, &instances, node) {
		ret = call(instance->pool, &instance->options, context);
		if (ret)
			break;
	}
	mutex_unlock(&instances_lock);
	return ret;
}
EXPORT_SYMBOL_NS_GPL(fp_pools_for_each, FP_ADMIN_NAMESPACE);
