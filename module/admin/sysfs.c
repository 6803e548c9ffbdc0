// SPDX-License-Identifier: GPL-2.0-only
/*
 * /sys/class/framepool/<pool>/: figures and controls of a pool. docs/sysfs.md describes each file.
 *
 * The device is removed before the pool is destroyed; the removal waits for functions in this file
 * to return.
 */
#define pr_fmt(fmt) "framepool: " fmt

#include "admin/sysfs.h"

#include <linux/device.h>
#include <linux/kstrtox.h>

#include "admin/bytes.h"
#include "pool/pool.h"
#include "pool/stats.h"
#include "user/client.h"
#include "user/compact.h"
#include "user/compactor.h"

static int store_bytes(const char *text, u64 *bytes)
{
	u64 value;
	int ret = fp_bytes_parse(text, &value);

	if (!ret && !fp_quota_is_valid(value))
		ret = -EINVAL;
	if (!ret)
		WRITE_ONCE(*bytes, value);
	return ret;
}

#define QUOTA(_name)										\
static ssize_t _name##_show(struct device *device, struct device_attribute *attr, char *text)	\
{												\
	struct fp_pool *pool = dev_get_drvdata(device);						\
												\
	return sysfs_emit(text, "%llu\n", READ_ONCE(pool->accounts._name));			\
}												\
												\
static ssize_t _name##_store(struct device *device, struct device_attribute *attr,		\
			     const char *text, size_t size)					\
{												\
	struct fp_pool *pool = dev_get_drvdata(device);						\
	int ret = store_bytes(text, &pool->accounts._name);					\
												\
	fp_waiters_notify(&pool->waiters);							\
	return ret ?: size;									\
}												\
static DEVICE_ATTR_RW(_name)

QUOTA(client_quota);
QUOTA(user_quota);

static ssize_t memory_show(struct device *device, struct device_attribute *attr, char *text)
{
	struct fp_pool *pool = dev_get_drvdata(device);

	return sysfs_emit(text, "%s\n", fp_memtype_name(pool->source.memtype));
}
static DEVICE_ATTR_RO(memory);

static ssize_t figure_show(struct device *device, struct device_attribute *attr, char *text)
{
	size_t offset = (size_t)container_of(attr, struct dev_ext_attribute, attr)->var;
	struct fp_pool *pool = dev_get_drvdata(device);
	struct framepool_ioc_stats stats;

	fp_stats_read(pool, &stats);
	if (offset == offsetof(struct framepool_ioc_stats, largest_bytes) && !stats.largest_bytes)
		fp_stats_read_blocks(pool, &stats);
	return sysfs_emit(text, "%llu\n", *(u64 *)((void *)&stats + offset));
}

#define FIGURE(_name, _field)									\
	static struct dev_ext_attribute figure_##_name = {					\
		.attr = __ATTR(_name, 0444, figure_show, NULL),					\
		.var = (void *)offsetof(struct framepool_ioc_stats, _field),			\
	};
FP_FIGURES(FIGURE)

static ssize_t shutdown_store(struct device *device, struct device_attribute *attr,
			      const char *text, size_t size)
{
	struct fp_pool *pool = dev_get_drvdata(device);

	/* Accept only what cannot be written by mistake. */
	if (!sysfs_streq(text, "1"))
		return -EINVAL;
	fp_client_revoke_all(pool);
	pr_notice("pool %s: shut down\n", pool->name);
	return size;
}
static DEVICE_ATTR_WO(shutdown);

static ssize_t drain_store(struct device *device, struct device_attribute *attr, const char *text,
			   size_t size)
{
	struct fp_pool *pool = dev_get_drvdata(device);

	if (!sysfs_streq(text, "1"))
		return -EINVAL;
	fp_pool_drain(pool);
	return size;
}
static DEVICE_ATTR_WO(drain);

static ssize_t compact_store(struct device *device, struct device_attribute *attr,
			     const char *text, size_t size)
{
	struct fp_pool *pool = dev_get_drvdata(device);
	u64 bytes;
	int ret = fp_bytes_parse(text, &bytes);

	if (!ret && !bytes)
		ret = -EINVAL;
	if (!ret)
		ret = fp_compact(pool, DIV_ROUND_UP_ULL(bytes, PAGE_SIZE * FP_HUGE_FRAMES));
	return ret ?: size;
}
static DEVICE_ATTR_WO(compact);

static ssize_t soft_offline_store(struct device *device, struct device_attribute *attr,
				  const char *text, size_t size)
{
	struct fp_pool *pool = dev_get_drvdata(device);
	u64 address;
	int ret = kstrtou64(text, 0, &address);

	if (!ret)
		ret = fp_compact_offline(pool, address >> PAGE_SHIFT);
	return ret ?: size;
}
static DEVICE_ATTR_WO(soft_offline);

static ssize_t min_largest_show(struct device *device, struct device_attribute *attr, char *text)
{
	struct fp_pool *pool = dev_get_drvdata(device);

	return sysfs_emit(text, "%llu\n", READ_ONCE(pool->movables.min_largest));
}

static ssize_t min_largest_store(struct device *device, struct device_attribute *attr,
				 const char *text, size_t size)
{
	u64 bytes;
	int ret = fp_bytes_parse(text, &bytes);

	if (!ret)
		fp_compactor_set(dev_get_drvdata(device), bytes);
	return ret ?: size;
}
static DEVICE_ATTR_RW(min_largest);

static ssize_t background_clearing_show(struct device *device, struct device_attribute *attr,
					char *text)
{
	struct fp_pool *pool = dev_get_drvdata(device);

	return sysfs_emit(text, "%d\n", READ_ONCE(pool->quarantine.is_on));
}

static ssize_t background_clearing_store(struct device *device, struct device_attribute *attr,
					 const char *text, size_t size)
{
	struct fp_pool *pool = dev_get_drvdata(device);
	bool is_on;
	int ret = kstrtobool(text, &is_on);

	if (!ret)
		fp_quarantine_switch(&pool->quarantine, is_on);
	return ret ?: size;
}
static DEVICE_ATTR_RW(background_clearing);

static struct attribute *attributes[] = {
	&dev_attr_background_clearing.attr,
	&dev_attr_compact.attr,
	&dev_attr_soft_offline.attr,
	&dev_attr_min_largest.attr,
	&dev_attr_drain.attr,
	&dev_attr_client_quota.attr,
	&dev_attr_user_quota.attr,
	&dev_attr_shutdown.attr,
	&dev_attr_memory.attr,
#define ATTRIBUTE(_name, _field)	&figure_##_name.attr.attr,
	FP_FIGURES(ATTRIBUTE)
	NULL,
};

static const struct attribute_group group = {
	.attrs = attributes,
};

const struct attribute_group *fp_sysfs_groups[] = { &group, NULL };
