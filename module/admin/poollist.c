// SPDX-License-Identifier: GPL-2.0-only
/*
 * The module parameter pools=: several pools in one line.
 *
 *   pools=NAME[:SIZE][:OPTION=VALUE]...[,...]
 *
 * A value may contain a colon (below=4G:64M): what has no '=' belongs to the option before it.
 */
#include "admin/poollist.h"

#include <linux/err.h>
#include <linux/init.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "admin/pools.h"

/* Cut the next option off, like strsep(). */
static __init char *next_option(char **rest)
{
	char *option = *rest, *end = option, *equals;

	do {
		end = strchr(end, ':');
		if (!end) {
			*rest = NULL;
			return option;
		}
		equals = strpbrk(++end, ":=");
	} while (!equals || *equals != '=');
	end[-1] = '\0';
	*rest = end;
	return option;
}

static int __init set_option(struct fp_options *options, char *option, struct fp_reason *reason)
{
	char *value = strchr(option, '=');

	if (!value)
		return fp_options_set(options, "size", option, reason);
	*value = '\0';
	return fp_options_set(options, option, value + 1, reason);
}

static int __init parse_entry(char *entry, struct fp_options *options, struct fp_reason *reason)
{
	char *name = strsep(&entry, ":");
	int ret = 0;

	options->pool.name = name;
	reason->pool = name;
	if (!fp_pool_name_is_valid(name)) {
		fp_refuse(reason, "pools= has an entry that begins with no valid name");
		return -EINVAL;
	}
	while (!ret && entry)
		ret = set_option(options, next_option(&entry), reason);
	return ret;
}

/* Looks at all entries, and reserves their pools if @reserve. */
static int __init walk(const char *text, const struct fp_options *defaults, bool reserve)
{
	char *copy = kstrdup(text, GFP_KERNEL), *rest = copy, *entry;
	struct fp_reason *reason = kmalloc(sizeof(*reason), GFP_KERNEL);
	struct fp_options options;
	int ret = copy && reason ? 0 : -ENOMEM;

	while (!ret && (entry = strsep(&rest, ","))) {
		options = *defaults;
		reason->text[0] = '\0';
		ret = parse_entry(entry, &options, reason);
		if (!ret && reserve)
			ret = PTR_ERR_OR_ZERO(fp_pools_reserve(&options, reason));
	}
	kfree(reason);
	kfree(copy);
	/* modprobe takes EEXIST of a module for success: it is loaded already. */
	return ret == -EEXIST ? -EINVAL : ret;
}

/**
 * fp_poollist_create() - make the pools of a list
 * @text: the list
 * @defaults: their options, unless the list says otherwise
 *
 * Nothing is made before all of the list was read, and no program can use one before all of them
 * have their memory: the kernel does not wait for programs when loading a module fails.
 *
 * Context: may sleep, for long; killable.
 * Return: 0; -EINVAL: there is a mistake in the list, or a name twice; -ENOMEM: no kernel memory;
 * or as fp_pools_reserve(); then fp_pools_exit() undoes what was done.
 */
int __init fp_poollist_create(const char *text, const struct fp_options *defaults)
{
	int ret;

	if (!text[0])
		return 0;
	ret = walk(text, defaults, false) ?: walk(text, defaults, true);
	if (!ret)
		fp_pools_show_all();
	return ret;
}
