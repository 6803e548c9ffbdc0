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

#define STAT(_name, _field)									\
static ssize_t _name##_show(struct device *device, struct device_attribute *attr, char *text)	\
{												\
	struct framepool_ioc_stats stats;							\
												\
	fp_stats_read(dev_get_drvdata(device), &stats);						\
	return sysfs_emit(text, "%llu\n", stats._field);					\
}												\
static DEVICE_ATTR_RO(_name)

STAT(total, total_bytes);
STAT(free, free_bytes);
STAT(used, used_bytes);
STAT(quarantined, quarantined_bytes);
STAT(retired, retired_bytes);
STAT(charged, charged_bytes);
STAT(clients, clients);
STAT(buffers, buffers);
STAT(allocs, allocs);
STAT(frees, frees);
STAT(fail_nomem, fail_nomem);
STAT(fail_nospace, fail_nospace);
STAT(fail_quota, fail_quota);

static ssize_t largest_show(struct device *device, struct device_attribute *attr, char *text)
{
	struct fp_pool *pool = dev_get_drvdata(device);
	struct framepool_ioc_stats stats;

	fp_stats_read(pool, &stats);
	if (!stats.largest_bytes)
		fp_stats_read_blocks(pool, &stats);
	return sysfs_emit(text, "%llu\n", stats.largest_bytes);
}
static DEVICE_ATTR_RO(largest);

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
	&dev_attr_drain.attr,
	&dev_attr_client_quota.attr,
	&dev_attr_user_quota.attr,
	&dev_attr_shutdown.attr,
	&dev_attr_total.attr,
	&dev_attr_free.attr,
	&dev_attr_used.attr,
	&dev_attr_quarantined.attr,
	&dev_attr_retired.attr,
	&dev_attr_largest.attr,
	&dev_attr_charged.attr,
	&dev_attr_clients.attr,
	&dev_attr_buffers.attr,
	&dev_attr_allocs.attr,
	&dev_attr_frees.attr,
	&dev_attr_fail_nomem.attr,
	&dev_attr_fail_nospace.attr,
	&dev_attr_fail_quota.attr,
	NULL,
};

static const struct attribute_group group = {
	.attrs = attributes,
};

const struct attribute_group *fp_sysfs_groups[] = { &group, NULL };
