// SPDX-License-Identifier: GPL-2.0-only
/*
 * How an administrator wants a pool: options with names and values as text. They come from the
 * module's parameters, from the entries of pools=, and from configfs, with the same rules.
 */
#include "admin/options.h"

#include <linux/export.h>
#include <linux/kstrtox.h>
#include <linux/mm.h>
#include <linux/numa.h>
#include <linux/sizes.h>
#include <linux/string.h>

#include "admin/bytes.h"
#include "compat.h"

#define FP_MODE_DEFAULT	0660

/* 0 is refused: a pool needs memory, and no limit is given by leaving the option out. */
static int parse_bytes(const char *name, const char *text, u64 *bytes, struct fp_reason *reason)
{
	u64 value;
	int ret = fp_bytes_parse(text, &value);

	if (ret == -ENOMEM)
		return ret;
	if (!ret && value) {
		*bytes = value;
		return 0;
	}
	fp_refuse(reason,
		  "%s=%s: expected a positive number of bytes, with an optional K, M, G or T", name,
		  text);
	return -EINVAL;
}

static int parse_quota(const char *name, const char *text, u64 *bytes, struct fp_reason *reason)
{
	u64 value = 0;
	int ret = parse_bytes(name, text, &value, reason);

	if (ret)
		return ret;
	if (!fp_quota_is_valid(value)) {
		fp_refuse(reason,
			  "%s=%s: less than a huge frame (%lu KiB), the least that can be charged",
			  name, text, PAGE_SIZE * FP_HUGE_FRAMES / SZ_1K);
		return -EINVAL;
	}
	*bytes = value;
	return 0;
}

static int set_size(struct fp_options *options, const char *text, struct fp_reason *reason)
{
	return parse_bytes("size", text, &options->pool.source.bytes, reason);
}

static int set_min_run(struct fp_options *options, const char *text, struct fp_reason *reason)
{
	return parse_bytes("min_run", text, &options->pool.source.min_run, reason);
}

static int set_min_largest(struct fp_options *options, const char *text, struct fp_reason *reason)
{
	return parse_bytes("min_largest", text, &options->min_largest, reason);
}

static int set_client_quota(struct fp_options *options, const char *text,
			    struct fp_reason *reason)
{
	return parse_quota("client_quota", text, &options->pool.client_quota, reason);
}

static int set_user_quota(struct fp_options *options, const char *text, struct fp_reason *reason)
{
	return parse_quota("user_quota", text, &options->pool.user_quota, reason);
}

/* "4G" or "4G:64M". */
static int set_below(struct fp_options *options, const char *text, struct fp_reason *reason)
{
	const char *colon = strchrnul(text, ':');
	u64 below, bytes = U64_MAX;
	char address[FP_OPTION_MAX];
	int ret;

	strscpy(address, text, min_t(size_t, sizeof(address), colon - text + 1));
	ret = parse_bytes("below", address, &below, reason);
	if (!ret && *colon)
		ret = parse_bytes("below", colon + 1, &bytes, reason);
	if (ret)
		return ret;
	options->pool.source.below = below;
	options->pool.source.below_bytes = bytes;
	return 0;
}

/* Whether there is such a node is looked at when the pool is made. */
static int set_node(struct fp_options *options, const char *text, struct fp_reason *reason)
{
	if (!kstrtoint(text, 0, &options->pool.source.node))
		return 0;
	fp_refuse(reason, "node=%s: expected the number of a NUMA node, or -1 for any", text);
	return -EINVAL;
}

static int set_memory(struct fp_options *options, const char *text, struct fp_reason *reason)
{
	if (!fp_memtype_parse(text, &options->pool.source.memtype))
		return 0;
	fp_refuse(reason, "memory=%s: expected wb, wc or uc", text);
	return -EINVAL;
}

static int set_gid(struct fp_options *options, const char *text, struct fp_reason *reason)
{
	u32 gid;

	if (!kstrtou32(text, 10, &gid) && gid_valid(KGIDT_INIT(gid))) {
		options->gid = gid;
		return 0;
	}
	fp_refuse(reason, "gid=%s: not a valid group id", text);
	return -EINVAL;
}

static int set_mode(struct fp_options *options, const char *text, struct fp_reason *reason)
{
	u16 mode;

	if (!kstrtou16(text, 8, &mode) && !(mode & ~0666)) {
		options->mode = mode;
		return 0;
	}
	fp_refuse(reason, "mode=%s: expected who may read and write, in octal: 0 to 0666", text);
	return -EINVAL;
}

static int parse_bool(const char *name, const char *text, bool *is_on, struct fp_reason *reason)
{
	if (!text[0] || text[1] || (text[0] != '0' && text[0] != '1')) {
		fp_refuse(reason, "%s=%s: expected 0 or 1", name, text);
		return -EINVAL;
	}
	*is_on = text[0] == '1';
	return 0;
}

static int set_partial(struct fp_options *options, const char *text, struct fp_reason *reason)
{
	return parse_bool("partial", text, &options->pool.source.partial, reason);
}

static int set_debug(struct fp_options *options, const char *text, struct fp_reason *reason)
{
	return parse_bool("debug", text, &options->pool.debug, reason);
}

static int set_cache_debug(struct fp_options *options, const char *text, struct fp_reason *reason)
{
	return parse_bool("cache_debug", text, &options->pool.debug_caches, reason);
}

/* 0 is what was not set. */
static int show_bytes(u64 bytes, char *text)
{
	return bytes ? sprintf(text, "%llu\n", bytes) : sprintf(text, "\n");
}

static int show_size(const struct fp_options *options, char *text)
{
	return show_bytes(options->pool.source.bytes, text);
}

static int show_min_run(const struct fp_options *options, char *text)
{
	return show_bytes(options->pool.source.min_run, text);
}

static int show_min_largest(const struct fp_options *options, char *text)
{
	return show_bytes(options->min_largest, text);
}

static int show_client_quota(const struct fp_options *options, char *text)
{
	return show_bytes(options->pool.client_quota, text);
}

static int show_user_quota(const struct fp_options *options, char *text)
{
	return show_bytes(options->pool.user_quota, text);
}

static int show_below(const struct fp_options *options, char *text)
{
	const struct fp_source_config *source = &options->pool.source;

	if (!source->below_bytes || source->below_bytes == U64_MAX)
		return show_bytes(source->below, text);
	return sprintf(text, "%llu:%llu\n", source->below, source->below_bytes);
}

static int show_node(const struct fp_options *options, char *text)
{
	return sprintf(text, "%d\n", options->pool.source.node);
}

static int show_memory(const struct fp_options *options, char *text)
{
	return sprintf(text, "%s\n", fp_memtype_name(options->pool.source.memtype));
}

static int show_gid(const struct fp_options *options, char *text)
{
	return sprintf(text, "%u\n", options->gid);
}

static int show_mode(const struct fp_options *options, char *text)
{
	return sprintf(text, "%#o\n", options->mode);
}

static int show_partial(const struct fp_options *options, char *text)
{
	return sprintf(text, "%d\n", options->pool.source.partial);
}

static int show_debug(const struct fp_options *options, char *text)
{
	return sprintf(text, "%d\n", options->pool.debug);
}

static int show_cache_debug(const struct fp_options *options, char *text)
{
	return sprintf(text, "%d\n", options->pool.debug_caches);
}

/**
 * struct option - an option
 * @name: its name
 * @set: changes it, or gives a reason and returns a negative errno
 * @show: writes its value and a line break, and returns their length
 */
struct option {
	const char *name;
	int (*set)(struct fp_options *options, const char *text, struct fp_reason *reason);
	int (*show)(const struct fp_options *options, char *text);
};

static const struct option table[] = {
	{ "size", set_size, show_size },
	{ "node", set_node, show_node },
	{ "below", set_below, show_below },
	{ "min_run", set_min_run, show_min_run },
	{ "min_largest", set_min_largest, show_min_largest },
	{ "memory", set_memory, show_memory },
	{ "partial", set_partial, show_partial },
	{ "gid", set_gid, show_gid },
	{ "mode", set_mode, show_mode },
	{ "client_quota", set_client_quota, show_client_quota },
	{ "user_quota", set_user_quota, show_user_quota },
	{ "debug", set_debug, show_debug },
	{ "cache_debug", set_cache_debug, show_cache_debug },
};

static const struct option *find(const char *name)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(table); i++)
		if (!strcmp(table[i].name, name))
			return &table[i];
	return NULL;
}

/**
 * fp_options_init() - set all options to their defaults
 * @options: the options
 * @name: name of the pool, which is not copied
 *
 * There is no size yet.
 *
 * Context: any.
 */
void fp_options_init(struct fp_options *options, const char *name)
{
	*options = (struct fp_options){
		.pool = { .name = name, .source.node = NUMA_NO_NODE },
		.mode = FP_MODE_DEFAULT,
	};
}
EXPORT_SYMBOL_NS_GPL(fp_options_init, FP_ADMIN_NAMESPACE);

/**
 * fp_options_set() - set an option
 * @options: the options; unchanged on failure
 * @name: name of the option
 * @text: its value; a line break at the end is ignored
 * @reason: gets the reason of a failure
 *
 * Context: may sleep.
 * Return: 0; -EINVAL: no such option, or not a value of it; -ENOMEM: no kernel memory.
 */
int fp_options_set(struct fp_options *options, const char *name, const char *text,
		   struct fp_reason *reason)
{
	const struct option *option = find(name);
	size_t length = strlen(text);
	char value[FP_OPTION_MAX];

	if (!option) {
		fp_refuse(reason, "%s=%s: there is no such option", name, text);
		return -EINVAL;
	}
	length -= length && text[length - 1] == '\n';
	if (length >= sizeof(value)) {
		fp_refuse(reason, "%s=: the value is too long", name);
		return -EINVAL;
	}
	memcpy(value, text, length);
	value[length] = '\0';
	return option->set(options, value, reason);
}
EXPORT_SYMBOL_NS_GPL(fp_options_set, FP_ADMIN_NAMESPACE);

/**
 * fp_options_show() - read an option
 * @options: the options
 * @name: name of the option, which exists
 * @text: the result: as fp_options_set() takes it, and a line break; only that, if there is neither
 *        a value nor a default; FP_OPTION_MAX bytes
 *
 * Context: any.
 * Return: its length.
 */
int fp_options_show(const struct fp_options *options, const char *name, char *text)
{
	return find(name)->show(options, text);
}
EXPORT_SYMBOL_NS_GPL(fp_options_show, FP_ADMIN_NAMESPACE);
