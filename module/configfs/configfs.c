// SPDX-License-Identifier: GPL-2.0-only
/*
 * /sys/kernel/config/framepool/<pool>/: pools that an administrator makes and removes at run time.
 * docs/configfs.md describes each file.
 *
 * This is a module of its own because configfs is one on many systems, and framepool does without.
 *
 * The kernel asks nobody before it removes a directory. So a pool that is live depends on its
 * directory, which makes rmdir(2) fail, and keeps this module loaded, as every directory does. The
 * pools of framepool's own parameters are directories that the kernel removes for nobody.
 */
#define pr_fmt(fmt) "framepool: " fmt

#include <linux/configfs.h>
#include <linux/err.h>
#include <linux/init.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>

#include "admin/pools.h"
#include "compat.h"

MODULE_IMPORT_NS(FP_ADMIN_NAMESPACE);

/**
 * struct directory - a directory, which is a pool or will be one
 * @group: what configfs knows of it; its release frees this structure
 * @name: name of the pool; constant
 * @lock: protects the rest
 * @options: how the pool is made; constant while it is live
 * @instance: the pool; NULL if it is not live, or one of framepool's own parameters
 * @is_fixed: it is one of framepool's own parameters; constant
 * @is_registered: configfs shows it; of those of framepool's own parameters only
 * @reason: why the last write was refused
 * @node: entry in the list of those of framepool's own parameters; constant
 */
struct directory {
	struct config_group group;
	char name[FRAMEPOOL_NAME_MAX];
	struct mutex lock;
	struct fp_options options;
	struct fp_instance *instance;
	bool is_fixed;
	bool is_registered;
	struct fp_reason reason;
	struct list_head node;
};

static struct configfs_subsystem subsystem;

/* The pools of framepool's own parameters. They stay as long as this module is loaded. */
static LIST_HEAD(fixed);

static struct directory *directory_of(struct config_item *item)
{
	return container_of(to_config_group(item), struct directory, group);
}

static bool is_live_locked(const struct directory *directory)
{
	lockdep_assert_held(&directory->lock);
	return directory->instance || directory->is_fixed;
}

static ssize_t show_option(struct config_item *item, const char *name, char *text)
{
	struct directory *directory = directory_of(item);
	int length;

	mutex_lock(&directory->lock);
	length = fp_options_show(&directory->options, name, text);
	mutex_unlock(&directory->lock);
	return length;
}

static int set_option_locked(struct directory *directory, const char *name, const char *text)
{
	lockdep_assert_held(&directory->lock);
	directory->reason.text[0] = '\0';
	if (!is_live_locked(directory))
		return fp_options_set(&directory->options, name, text, &directory->reason);
	fp_refuse(&directory->reason, "%s cannot change while the pool is live", name);
	return -EBUSY;
}

static ssize_t store_option(struct config_item *item, const char *name, const char *text,
			    size_t size)
{
	struct directory *directory = directory_of(item);
	int ret;

	mutex_lock(&directory->lock);
	ret = set_option_locked(directory, name, text);
	mutex_unlock(&directory->lock);
	return ret ?: size;
}

#define OPTION(_name)										\
static ssize_t pool_##_name##_show(struct config_item *item, char *text)			\
{												\
	return show_option(item, #_name, text);							\
}												\
												\
static ssize_t pool_##_name##_store(struct config_item *item, const char *text, size_t size)	\
{												\
	return store_option(item, #_name, text, size);						\
}												\
CONFIGFS_ATTR(pool_, _name)

OPTION(size);
OPTION(node);
OPTION(below);
OPTION(min_run);
OPTION(min_largest);
OPTION(memory);
OPTION(partial);
OPTION(gid);
OPTION(mode);
OPTION(client_quota);
OPTION(user_quota);
OPTION(debug);
OPTION(cache_debug);

static ssize_t pool_live_show(struct config_item *item, char *text)
{
	struct directory *directory = directory_of(item);
	int length;

	mutex_lock(&directory->lock);
	length = sprintf(text, "%d\n", is_live_locked(directory));
	mutex_unlock(&directory->lock);
	return length;
}

static int create_locked(struct directory *directory)
{
	struct config_item *item = &directory->group.cg_item;
	int ret = configfs_depend_item_unlocked(&subsystem, item);

	if (ret)
		return ret;
	directory->instance = fp_pools_create(&directory->options, &directory->reason);
	if (!IS_ERR(directory->instance))
		return 0;
	ret = PTR_ERR(directory->instance);
	directory->instance = NULL;
	configfs_undepend_item(item);
	return ret;
}

static int destroy_locked(struct directory *directory)
{
	int ret;

	if (directory->is_fixed) {
		fp_refuse(&directory->reason,
			  "a pool of the module's parameters stays until framepool is unloaded");
		return -EPERM;
	}
	ret = fp_pools_destroy(directory->instance, &directory->reason);
	if (ret)
		return ret;
	directory->instance = NULL;
	configfs_undepend_item(&directory->group.cg_item);
	return 0;
}

static int set_live_locked(struct directory *directory, const char *text)
{
	bool live = text[0] == '1';

	lockdep_assert_held(&directory->lock);
	directory->reason.text[0] = '\0';
	/* Accept only what cannot be written by mistake. */
	if (!sysfs_streq(text, "0") && !sysfs_streq(text, "1")) {
		fp_refuse(&directory->reason, "live: expected 0 or 1");
		return -EINVAL;
	}
	if (live == is_live_locked(directory))
		return 0;
	return live ? create_locked(directory) : destroy_locked(directory);
}

static ssize_t pool_live_store(struct config_item *item, const char *text, size_t size)
{
	struct directory *directory = directory_of(item);
	int ret = mutex_lock_killable(&directory->lock);

	if (ret)
		return ret;
	ret = set_live_locked(directory, text);
	mutex_unlock(&directory->lock);
	return ret ?: size;
}
CONFIGFS_ATTR(pool_, live);

static ssize_t pool_error_show(struct config_item *item, char *text)
{
	struct directory *directory = directory_of(item);
	int length;

	mutex_lock(&directory->lock);
	length = sprintf(text, "%s", directory->reason.text);
	mutex_unlock(&directory->lock);
	return length;
}

/* It may name processes. */
static struct configfs_attribute pool_attr_error = {
	.ca_name = "error",
	.ca_mode = 0400,
	.ca_owner = THIS_MODULE,
	.show = pool_error_show,
};

static struct configfs_attribute *attributes[] = {
	&pool_attr_size,
	&pool_attr_node,
	&pool_attr_below,
	&pool_attr_min_run,
	&pool_attr_min_largest,
	&pool_attr_memory,
	&pool_attr_partial,
	&pool_attr_gid,
	&pool_attr_mode,
	&pool_attr_client_quota,
	&pool_attr_user_quota,
	&pool_attr_debug,
	&pool_attr_cache_debug,
	&pool_attr_live,
	&pool_attr_error,
	NULL,
};

static void release(struct config_item *item)
{
	struct directory *directory = directory_of(item);

	mutex_destroy(&directory->lock);
	kfree(directory);
}

static struct configfs_item_operations pool_ops = {
	.release = release,
};

static const struct config_item_type pool_type = {
	.ct_owner = THIS_MODULE,
	.ct_item_ops = &pool_ops,
	.ct_attrs = attributes,
};

static struct directory *create_directory(const char *name)
{
	struct directory *directory = kzalloc(sizeof(*directory), GFP_KERNEL);

	if (!directory)
		return NULL;
	strscpy(directory->name, name, sizeof(directory->name));
	mutex_init(&directory->lock);
	fp_options_init(&directory->options, directory->name);
	directory->reason.pool = directory->name;
	config_group_init_type_name(&directory->group, name, &pool_type);
	/* It may have lacked the memory for a long name. */
	if (config_item_name(&directory->group.cg_item))
		return directory;
	config_group_put(&directory->group);
	return NULL;
}

static struct config_group *make_group(struct config_group *parent, const char *name)
{
	struct directory *directory;

	if (strlen(name) >= FRAMEPOOL_NAME_MAX)
		return ERR_PTR(-ENAMETOOLONG);
	if (!fp_pool_name_is_valid(name))
		return ERR_PTR(-EINVAL);
	directory = create_directory(name);
	return directory ? &directory->group : ERR_PTR(-ENOMEM);
}

static struct configfs_group_operations subsystem_ops = {
	.make_group = make_group,
};

static const struct config_item_type subsystem_type = {
	.ct_owner = THIS_MODULE,
	.ct_group_ops = &subsystem_ops,
};

static struct configfs_subsystem subsystem = {
	.su_group = {
		.cg_item = {
			.ci_namebuf = "framepool",
			.ci_type = &subsystem_type,
		},
	},
	.su_mutex = __MUTEX_INITIALIZER(subsystem.su_mutex),
};

/* Only lists them: configfs has locks of its own, which come before those of framepool. */
static int add_fixed(struct fp_pool *pool, const struct fp_options *options, void *context)
{
	struct directory *directory = create_directory(options->pool.name);

	if (!directory)
		return -ENOMEM;
	directory->options = *options;
	directory->options.pool.name = directory->name;
	directory->is_fixed = true;
	list_add_tail(&directory->node, &fixed);
	return 0;
}

static void remove_fixed(void)
{
	struct directory *directory, *next;

	list_for_each_entry_safe(directory, next, &fixed, node) {
		if (directory->is_registered)
			configfs_unregister_group(&directory->group);
		config_group_put(&directory->group);
	}
}

static int register_fixed(void)
{
	struct directory *directory;
	int ret;

	list_for_each_entry(directory, &fixed, node) {
		ret = configfs_register_group(&subsystem.su_group, &directory->group);
		if (ret)
			return ret;
		directory->is_registered = true;
	}
	return 0;
}

static int __init configfs_init(void)
{
	int ret = fp_pools_for_each(add_fixed, NULL);

	if (ret)
		goto err_fixed;
	config_group_init(&subsystem.su_group);
	ret = configfs_register_subsystem(&subsystem);
	if (ret)
		goto err_fixed;
	ret = register_fixed();
	if (ret)
		goto err_subsystem;
	return 0;

err_subsystem:
	remove_fixed();
	configfs_unregister_subsystem(&subsystem);
	return ret;
err_fixed:
	remove_fixed();
	return ret;
}

static void __exit configfs_exit(void)
{
	remove_fixed();
	configfs_unregister_subsystem(&subsystem);
}

module_init(configfs_init);
module_exit(configfs_exit);
MODULE_DESCRIPTION("Pools of framepool that come and go, in configfs");
MODULE_AUTHOR("The framepool authors");
MODULE_VERSION("0.1.0");
MODULE_LICENSE("GPL");
