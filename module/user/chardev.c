// SPDX-License-Identifier: GPL-2.0-only
/*
 * /dev/framepool/<pool>: the device node. Each open file is a client.
 *
 * An open file holds a reference to the module, so no file is open when the device is removed.
 */
#include "user/chardev.h"

#include <linux/capability.h>
#include <linux/cdev.h>
#include <linux/cred.h>
#include <linux/device.h>
#include <linux/err.h>
#include <linux/fs.h>
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

/**
 * struct fp_chardev - the device node of a pool
 * @device: the device in sysfs; its release frees this structure
 * @cdev: the character device
 * @class: the class "framepool"
 * @pool: the pool; constant
 * @gid: group of the node; constant
 */
struct fp_chardev {
	struct device device;
	struct cdev cdev;
	struct class *class;
	struct fp_pool *pool;
	kgid_t gid;
};

static int open(struct inode *inode, struct file *file)
{
	struct fp_chardev *chardev = container_of(inode->i_cdev, struct fp_chardev, cdev);
	/* This depends on who opens the file, not on who calls: descriptors can be passed on. */
	bool sees_addresses = ns_capable_noaudit(&init_user_ns, CAP_SYS_ADMIN);
	struct fp_client *client = fp_client_create(chardev->pool, sees_addresses);

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
	if (mode)
		*mode = 0660;
	if (gid)
		*gid = container_of(device, struct fp_chardev, device)->gid;
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

static int add_device(struct fp_chardev *chardev, dev_t number,
		      const struct attribute_group **groups)
{
	int ret;

	device_initialize(&chardev->device);
	chardev->device.class = chardev->class;
	chardev->device.type = &device_type;
	chardev->device.devt = number;
	chardev->device.groups = groups;
	chardev->device.release = free_chardev;
	dev_set_drvdata(&chardev->device, chardev->pool);
	cdev_init(&chardev->cdev, &fops);
	chardev->cdev.owner = THIS_MODULE;
	ret = dev_set_name(&chardev->device, "%s", chardev->pool->name);
	return ret ?: cdev_device_add(&chardev->cdev, &chardev->device);
}

/**
 * fp_chardev_create() - create the node of a pool
 * @pool: the pool
 * @gid: group that may open the node
 * @groups: sysfs attributes of its device
 *
 * Context: may sleep.
 * Return: the node, or an error pointer from the driver core; -ENOMEM: no kernel memory.
 */
struct fp_chardev *fp_chardev_create(struct fp_pool *pool, kgid_t gid,
				     const struct attribute_group **groups)
{
	struct fp_chardev *chardev;
	struct class *class;
	dev_t number;
	int ret;

	ret = alloc_chrdev_region(&number, 0, 1, "framepool");
	if (ret)
		return ERR_PTR(ret);
	class = fp_class_create("framepool");
	if (IS_ERR(class)) {
		ret = PTR_ERR(class);
		goto err_region;
	}
	chardev = kzalloc(sizeof(*chardev), GFP_KERNEL);
	if (!chardev) {
		ret = -ENOMEM;
		goto err_class;
	}
	chardev->pool = pool;
	chardev->class = class;
	chardev->gid = gid;
	ret = add_device(chardev, number, groups);
	if (ret)
		goto err_device;
	return chardev;

err_device:
	put_device(&chardev->device);
err_class:
	class_destroy(class);
err_region:
	unregister_chrdev_region(number, 1);
	return ERR_PTR(ret);
}

/**
 * fp_chardev_destroy() - remove the node
 * @chardev: the node, with no file open
 *
 * Context: may sleep.
 */
void fp_chardev_destroy(struct fp_chardev *chardev)
{
	dev_t number = chardev->device.devt;
	struct class *class = chardev->class;

	cdev_device_del(&chardev->cdev, &chardev->device);
	put_device(&chardev->device);
	class_destroy(class);
	unregister_chrdev_region(number, 1);
}
