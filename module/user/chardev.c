// SPDX-License-Identifier: GPL-2.0-only
/*
 * /dev/framepool/<pool>: the device node. Each open file is a client.
 *
 * Nodes come and go while programs open them. A node knows its pool by the serial number only, so
 * an open() that is late finds no pool, even if there is a new one of that name. One that succeeds
 * has a reference to the pool, which therefore cannot be retired any more.
 */
#include "user/chardev.h"

#include <linux/capability.h>
#include <linux/cdev.h>
#include <linux/cred.h>
#include <linux/device.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/idr.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/seq_file.h>
#include <linux/slab.h>

#include "compat.h"
#include "user/client.h"
#include "user/ioctl.h"
#include "user/mmap.h"
#include "user/own.h"

/* All minor numbers that there are. They are given out in turn. */
#define NR_MINORS	(MINORMASK + 1)

/**
 * struct fp_chardev - the device node of a pool
 * @device: the device in sysfs; its release frees this structure
 * @cdev: the character device
 * @serial: serial number of the pool; constant
 * @gid: group of the node; constant
 * @mode: mode of the node; constant
 */
struct fp_chardev {
	struct device device;
	struct cdev cdev;
	u64 serial;
	kgid_t gid;
	umode_t mode;
};

static dev_t first_number;
static struct class *class;

/*
 * Held while a node is added and its pool is published, so that whoever sees the node can open it.
 * Also protects the minor numbers.
 */
static DEFINE_MUTEX(nodes_lock);
static DEFINE_IDR(minors);

static int open(struct inode *inode, struct file *file)
{
	struct fp_chardev *chardev = container_of(inode->i_cdev, struct fp_chardev, cdev);
	/* This depends on who opens the file, not on who calls: descriptors can be passed on. */
	bool sees_addresses = ns_capable_noaudit(&init_user_ns, CAP_SYS_ADMIN);
	struct fp_client *client;
	struct fp_pool *pool;

	mutex_lock(&nodes_lock);
	pool = fp_registry_find(chardev->serial);
	mutex_unlock(&nodes_lock);
	if (!pool)
		return -ENXIO;
	client = fp_client_create(pool, sees_addresses);
	fp_registry_put(pool);
	if (IS_ERR(client))
		return PTR_ERR(client);
	client->file = file;
	file->private_data = client;
	file->f_mapping = client->inode->i_mapping;
	return 0;
}

static int release(struct inode *inode, struct file *file)
{
	file->f_mapping = inode->i_mapping;
	fp_client_close(file->private_data);
	return 0;
}

static __poll_t poll(struct file *file, poll_table *table)
{
	const struct fp_client *client = file->private_data;

	poll_wait(file, &client->pool->waiters.poll, table);
	/* Pairs with fp_waiters_notify(). */
	smp_mb();
	if (fp_client_is_revoked(client))
		return EPOLLERR | EPOLLHUP;
	return fp_client_is_ready(client) ? EPOLLOUT | EPOLLWRNORM : 0;
}

/* For /proc/PID/fdinfo/FD; docs/uapi.md explains it. */
static void show_fdinfo(struct seq_file *text, struct file *file)
{
	struct fp_client *client = file->private_data;
	struct fp_usage usage;

	fp_account_usage(&client->pool->accounts, client->account, &usage);
	seq_printf(text, "pool:\t%s\nbuffers:\t%u\n", client->pool->name,
		   fp_client_nr_buffers(client));
	seq_printf(text, "held:\t%llu\ncharged:\t%llu\nquarantined:\t%llu\n",
		   usage.held << PAGE_SHIFT, usage.charged << PAGE_SHIFT,
		   usage.quarantined << PAGE_SHIFT);
	seq_printf(text, "exports:\t%d\nattached:\t%d\nin_use:\t%d\n",
		   atomic_read(&client->nr_exports), atomic_read(&client->nr_attached),
		   atomic_read(&client->nr_in_use));
}

static const struct file_operations fops = {
	.owner = THIS_MODULE,
	.open = open,
	.release = release,
	.unlocked_ioctl = fp_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.mmap = fp_mmap,
	.llseek = fp_own_seek,
	.poll = poll,
	.show_fdinfo = show_fdinfo,
	/* Nothing is written back, so there is nothing to wait for. */
	.fsync = noop_fsync,
	.get_unmapped_area = thp_get_unmapped_area,
};

static char *devnode(fp_devnode_device *device, umode_t *mode, kuid_t *uid, kgid_t *gid)
{
	const struct fp_chardev *chardev = container_of(device, struct fp_chardev, device);

	if (mode)
		*mode = chardev->mode;
	if (gid)
		*gid = chardev->gid;
	return kasprintf(GFP_KERNEL, "framepool/%s", dev_name(device));
}

static const struct device_type device_type = {
	.name = "framepool",
	.devnode = devnode,
};

static void free_chardev(struct device *device)
{
	kfree(container_of(device, struct fp_chardev, device));
}

/**
 * fp_chardev_init() - prepare for nodes
 *
 * Context: may sleep.
 * Return: 0, or an error of the driver core.
 */
int fp_chardev_init(void)
{
	int ret = alloc_chrdev_region(&first_number, 0, NR_MINORS, "framepool");

	if (ret)
		return ret;
	class = fp_class_create("framepool");
	if (!IS_ERR(class))
		return 0;
	unregister_chrdev_region(first_number, NR_MINORS);
	return PTR_ERR(class);
}

/**
 * fp_chardev_exit() - undo fp_chardev_init()
 *
 * Context: may sleep; no node is left.
 */
void fp_chardev_exit(void)
{
	class_destroy(class);
	unregister_chrdev_region(first_number, NR_MINORS);
	idr_destroy(&minors);
}

static int add_device(struct fp_chardev *chardev, struct fp_pool *pool, int minor,
		      const struct attribute_group **groups)
{
	int ret;

	chardev->device.class = class;
	chardev->device.type = &device_type;
	chardev->device.devt = first_number + minor;
	chardev->device.groups = groups;
	dev_set_drvdata(&chardev->device, pool);
	cdev_init(&chardev->cdev, &fops);
	chardev->cdev.owner = THIS_MODULE;
	ret = dev_set_name(&chardev->device, "%s", pool->name);
	return ret ?: cdev_device_add(&chardev->cdev, &chardev->device);
}

/*
 * Whoever kept the inode of a removed node must not reach the next pool through it, with the rights
 * to the one before. So a minor number does not come again soon.
 */
static int create_locked(struct fp_chardev *chardev, struct fp_pool *pool,
			 const struct attribute_group **groups)
{
	int ret, minor = idr_alloc_cyclic(&minors, chardev, 0, NR_MINORS, GFP_KERNEL);

	lockdep_assert_held(&nodes_lock);
	if (minor < 0)
		return minor;
	ret = add_device(chardev, pool, minor, groups);
	if (ret)
		idr_remove(&minors, minor);
	else
		fp_registry_publish(pool);
	return ret;
}

/**
 * fp_chardev_create() - create the node of a pool, and publish the pool
 * @pool: the pool
 * @gid: group of the node
 * @mode: mode of the node
 * @groups: sysfs attributes of its device
 *
 * Context: may sleep.
 * Return: the node, or an error pointer from the driver core; -ENOMEM: no kernel memory.
 */
struct fp_chardev *fp_chardev_create(struct fp_pool *pool, kgid_t gid, umode_t mode,
				     const struct attribute_group **groups)
{
	struct fp_chardev *chardev = kzalloc(sizeof(*chardev), GFP_KERNEL);
	int ret;

	if (!chardev)
		return ERR_PTR(-ENOMEM);
	device_initialize(&chardev->device);
	chardev->device.release = free_chardev;
	chardev->serial = pool->registered.serial;
	chardev->gid = gid;
	chardev->mode = mode;
	mutex_lock(&nodes_lock);
	ret = create_locked(chardev, pool, groups);
	mutex_unlock(&nodes_lock);
	if (!ret)
		return chardev;
	put_device(&chardev->device);
	return ERR_PTR(ret);
}

/**
 * fp_chardev_destroy() - remove the node
 * @chardev: the node of a pool that is retired
 *
 * An open() that found the node before still holds it, and fails.
 *
 * Context: may sleep.
 */
void fp_chardev_destroy(struct fp_chardev *chardev)
{
	cdev_device_del(&chardev->cdev, &chardev->device);
	mutex_lock(&nodes_lock);
	idr_remove(&minors, MINOR(chardev->device.devt));
	mutex_unlock(&nodes_lock);
	put_device(&chardev->device);
}
