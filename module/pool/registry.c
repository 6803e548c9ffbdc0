// SPDX-License-Identifier: GPL-2.0-only
/*
 * All pools: their names, and who refers to them.
 *
 * A pool has its name from before its memory is reserved until after that was given back, so no two
 * pools ever meet in a folder. It can be found from publish to retire, which fails as long as there
 * are references. So a reference that was taken keeps the pool, and without one nobody can reach a
 * pool that goes away.
 *
 * References are counted under one lock that never goes away. A lock or a counter of the pool would
 * not do: whoever drops the last reference still touches it while the pool may be freed.
 */
#include "pool/registry.h"

#include <linux/kernel.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "pool/pool.h"

/**
 * struct module_user - a kernel module that uses a pool
 * @node: in the pool's list
 * @nr: its references
 * @name: its name
 */
struct module_user {
	struct list_head node;
	u32 nr;
	char name[];
};

static LIST_HEAD(pools);
static DEFINE_MUTEX(pools_lock);
static u64 last_serial;

static struct fp_pool *find_locked(const char *name)
{
	struct fp_pool *pool;

	lockdep_assert_held(&pools_lock);
	list_for_each_entry(pool, &pools, registered.node)
		if (!strcmp(pool->name, name))
			return pool;
	return NULL;
}

/**
 * fp_registry_add() - give a pool its name
 * @pool: the pool, which cannot be found yet
 *
 * Context: may sleep.
 * Return: 0, or -EEXIST: another pool has the name.
 */
int fp_registry_add(struct fp_pool *pool)
{
	int ret = -EEXIST;

	INIT_LIST_HEAD(&pool->registered.users);
	mutex_lock(&pools_lock);
	if (!find_locked(pool->name)) {
		pool->registered.serial = ++last_serial;
		list_add_tail(&pool->registered.node, &pools);
		ret = 0;
	}
	mutex_unlock(&pools_lock);
	return ret;
}

/**
 * fp_registry_del() - let others have a pool's name
 * @pool: the pool, which was never published, or is retired
 *
 * Context: may sleep.
 */
void fp_registry_del(struct fp_pool *pool)
{
	mutex_lock(&pools_lock);
	list_del(&pool->registered.node);
	mutex_unlock(&pools_lock);
}

/**
 * fp_registry_publish() - let others find a pool
 * @pool: the pool
 *
 * Context: may sleep.
 */
void fp_registry_publish(struct fp_pool *pool)
{
	mutex_lock(&pools_lock);
	pool->registered.is_live = true;
	mutex_unlock(&pools_lock);
}

/**
 * fp_registry_retire() - let nobody find a pool any more
 * @pool: the pool
 *
 * Context: may sleep.
 * Return: 0; or -EBUSY: somebody refers to it, and nothing changed.
 */
int fp_registry_retire(struct fp_pool *pool)
{
	int ret = 0;

	mutex_lock(&pools_lock);
	if (pool->registered.nr_refs)
		ret = -EBUSY;
	else
		pool->registered.is_live = false;
	mutex_unlock(&pools_lock);
	return ret;
}

/**
 * fp_registry_find() - find a pool by its serial number
 * @serial: the number
 *
 * Context: may sleep.
 * Return: the pool, with a reference; or NULL.
 */
struct fp_pool *fp_registry_find(u64 serial)
{
	struct fp_pool *pool, *found = NULL;

	mutex_lock(&pools_lock);
	list_for_each_entry(pool, &pools, registered.node)
		if (pool->registered.serial == serial && pool->registered.is_live)
			found = pool;
	if (found)
		found->registered.nr_refs++;
	mutex_unlock(&pools_lock);
	return found;
}

/**
 * fp_registry_get() - take another reference
 * @pool: the pool, to which the caller has one
 *
 * Context: may sleep.
 */
void fp_registry_get(struct fp_pool *pool)
{
	mutex_lock(&pools_lock);
	pool->registered.nr_refs++;
	mutex_unlock(&pools_lock);
}

/**
 * fp_registry_put() - drop a reference
 * @pool: the pool, which may be gone when this returns
 *
 * Context: may sleep.
 */
void fp_registry_put(struct fp_pool *pool)
{
	mutex_lock(&pools_lock);
	pool->registered.nr_refs--;
	mutex_unlock(&pools_lock);
}

static struct module_user *create_user(const char *module)
{
	size_t length = strlen(module) + 1;
	struct module_user *user = kzalloc(struct_size(user, name, length), GFP_KERNEL);

	if (user)
		strscpy(user->name, module, length);
	return user;
}

static struct module_user *find_user_locked(struct fp_pool *pool, const char *module)
{
	struct module_user *user;

	lockdep_assert_held(&pools_lock);
	list_for_each_entry(user, &pool->registered.users, node)
		if (!strcmp(user->name, module))
			return user;
	return NULL;
}

/**
 * fp_registry_find_for() - find a pool by its name, for a kernel module
 * @name: the name
 * @module: the name of the module
 *
 * Context: may sleep.
 * Return: the pool, with a reference for fp_registry_put_for(); or NULL: there is none of that
 * name, or no kernel memory.
 */
struct fp_pool *fp_registry_find_for(const char *name, const char *module)
{
	struct module_user *new = create_user(module), *user;
	struct fp_pool *pool;

	if (!new)
		return NULL;
	mutex_lock(&pools_lock);
	pool = find_locked(name);
	if (pool && !pool->registered.is_live)
		pool = NULL;
	if (pool) {
		user = find_user_locked(pool, module);
		if (!user) {
			list_add_tail(&new->node, &pool->registered.users);
			user = new;
			new = NULL;
		}
		user->nr++;
		pool->registered.nr_refs++;
	}
	mutex_unlock(&pools_lock);
	kfree(new);
	return pool;
}

/**
 * fp_registry_put_for() - undo fp_registry_find_for()
 * @pool: the pool, which may be gone when this returns
 * @module: as it was there
 *
 * Context: may sleep.
 */
void fp_registry_put_for(struct fp_pool *pool, const char *module)
{
	struct module_user *user;

	mutex_lock(&pools_lock);
	user = find_user_locked(pool, module);
	if (!WARN(!user, "framepool: %s: %s does not use it\n", pool->name, module)) {
		pool->registered.nr_refs--;
		if (!--user->nr) {
			list_del(&user->node);
			kfree(user);
		}
	}
	mutex_unlock(&pools_lock);
}

/**
 * fp_registry_users_for_each() - call a function for the kernel modules that found a pool
 * @pool: the pool
 * @show: called with the module's name and its references
 * @context: passed on
 *
 * Context: may sleep.
 */
void fp_registry_users_for_each(struct fp_pool *pool,
				void (*show)(const char *module, u32 nr, void *context),
				void *context)
{
	struct module_user *user;

	mutex_lock(&pools_lock);
	list_for_each_entry(user, &pool->registered.users, node)
		show(user->name, user->nr, context);
	mutex_unlock(&pools_lock);
}
