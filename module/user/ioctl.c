// SPDX-License-Identifier: GPL-2.0-only
/*
 * The calls of uapi/framepool.h. One table has the size of each structure, and the size of its
 * first version. Structures are copied in, checked and copied out in one place, with no lock held.
 */
#include "user/ioctl.h"

#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/nospec.h>
#include <linux/uaccess.h>

#include "pool/stats.h"
#include "user/batch.h"
#include "user/client.h"
#include "user/export.h"
#include "user/mmap.h"
#include "user/movable.h"
#include "user/compact.h"
#include "user/objects.h"

union args {
	struct framepool_ioc_info info;
	struct framepool_ioc_alloc alloc;
	struct framepool_ioc_free free;
	struct framepool_ioc_query query;
	struct framepool_ioc_stats stats;
	struct framepool_ioc_batch batch;
	struct framepool_ioc_cache cache;
	struct framepool_ioc_cache_destroy cache_destroy;
	struct framepool_ioc_objects objects;
	struct framepool_ioc_export export;
	struct framepool_ioc_describe describe;
	struct framepool_ioc_sync sync;
	struct framepool_ioc_pin pin;
};

static int do_info(struct fp_client *client, void *args, void __user *user)
{
	fp_stats_info(client->pool, client->sees_addresses, args);
	return 0;
}

static int do_stats(struct fp_client *client, void *args, void __user *user)
{
	fp_stats_read(client->pool, args);
	fp_stats_read_blocks(client->pool, args);
	fp_stats_read_account(client->account, args);
	return 0;
}

static int free_handle(struct fp_client *client, u64 handle)
{
	struct fp_buffer *buffer;

	if (!fp_client_free(client, &handle, &buffer, 1, false))
		return -ENOENT;
	fp_movable_settle(client);
	return 0;
}

/* The program never learned the handle. */
static void undo_alloc(struct fp_client *client, const union args *args)
{
	free_handle(client, args->alloc.handle);
}

static int do_free(struct fp_client *client, void *data, void __user *user)
{
	const struct framepool_ioc_free *args = data;

	return args->flags ? -EINVAL : free_handle(client, args->handle);
}

static int do_query(struct fp_client *client, void *data, void __user *user)
{
	struct framepool_ioc_query *args = data;
	struct fp_buffer *buffer;

	if (args->flags & ~FRAMEPOOL_QUERY_AT)
		return -EINVAL;
	if (args->flags & FRAMEPOOL_QUERY_AT)
		args->handle = fp_client_handle_at(client, args->offset >> PAGE_SHIFT);
	buffer = fp_client_get_handle(client, args->handle);
	if (!buffer)
		return -ENOENT;
	args->length = buffer->run.nr << PAGE_SHIFT;
	args->offset = (u64)buffer->pgoff << PAGE_SHIFT;
	args->mapped_bytes = fp_mmap_bytes(client, buffer->pgoff, buffer->run.nr);
	args->address = client->sees_addresses ? fp_movable_address(buffer) : 0;
	fp_client_put_buffer(buffer);
	return 0;
}

static int do_pin(struct fp_client *client, void *data, void __user *user)
{
	struct framepool_ioc_pin *args = data;
	struct fp_buffer *buffer;
	int ret;

	if (args->flags)
		return -EINVAL;
	buffer = fp_client_get_handle(client, args->handle);
	if (!buffer) {
		args->address = 0;
		return fp_window_pin(&client->windows, args->handle);
	}
	ret = fp_compact_pin(buffer, FP_PIN_PROGRAM);
	args->address = client->sees_addresses ? fp_movable_address(buffer) : 0;
	fp_client_put_buffer(buffer);
	return ret;
}

static int unpin(struct fp_client *client, u64 handle)
{
	struct fp_buffer *buffer = fp_client_get_handle(client, handle);
	int ret;

	if (!buffer)
		return fp_window_unpin(&client->windows, handle);
	ret = fp_movable_unpin(buffer, FP_PIN_PROGRAM);
	fp_client_put_buffer(buffer);
	return ret;
}

static int do_unpin(struct fp_client *client, void *data, void __user *user)
{
	const struct framepool_ioc_pin *args = data;

	return args->flags ? -EINVAL : unpin(client, args->handle);
}

/* The program never learned that it is pinned. */
static void undo_pin(struct fp_client *client, const union args *args)
{
	unpin(client, args->pin.handle);
}

/* The program never learned the handle. */
static void undo_cache_create(struct fp_client *client, const union args *args)
{
	fp_window_destroy(&client->windows, args->cache.handle);
}

static int do_cache_destroy(struct fp_client *client, void *data, void __user *user)
{
	const struct framepool_ioc_cache_destroy *args = data;

	return args->flags ? -EINVAL : fp_window_destroy(&client->windows, args->handle);
}

/**
 * struct op - how to handle one command
 * @cmd: the ioctl command
 * @size: size of its structure
 * @min_size: size of the first version of its structure
 * @no_results: there are none, or @run writes them itself
 * @run: handles the command; @args is a copy of the program's structure, which is at @user
 * @undo: undoes @run when the results cannot be copied out; may be NULL
 */
struct op {
	unsigned int cmd;
	u32 size;
	u32 min_size;
	bool no_results;
	int (*run)(struct fp_client *client, void *args, void __user *user);
	void (*undo)(struct fp_client *client, const union args *args);
};

#define OP(_cmd, _type, _last, _run, ...)			\
	[_IOC_NR(_cmd)] = {					\
		.cmd = _cmd,					\
		.size = sizeof(struct _type) +			\
			BUILD_BUG_ON_ZERO(sizeof(struct _type) > sizeof(union args)),	\
		.min_size = offsetofend(struct _type, _last),	\
		.run = _run,					\
		__VA_ARGS__					\
	}

static const struct op ops[] = {
	OP(FRAMEPOOL_IOC_INFO, framepool_ioc_info, name, do_info),
	OP(FRAMEPOOL_IOC_ALLOC, framepool_ioc_alloc, offset, fp_batch_alloc_one,
	   .undo = undo_alloc),
	OP(FRAMEPOOL_IOC_FREE, framepool_ioc_free, handle, do_free, .no_results = true),
	OP(FRAMEPOOL_IOC_QUERY, framepool_ioc_query, address, do_query),
	OP(FRAMEPOOL_IOC_STATS, framepool_ioc_stats, free_blocks, do_stats),
	OP(FRAMEPOOL_IOC_ALLOC_BATCH, framepool_ioc_batch, reserved, fp_batch_alloc,
	   .no_results = true),
	OP(FRAMEPOOL_IOC_FREE_BATCH, framepool_ioc_batch, reserved, fp_batch_free,
	   .no_results = true),
	OP(FRAMEPOOL_IOC_CACHE_CREATE, framepool_ioc_cache, slab_bytes, fp_objects_create_cache,
	   .undo = undo_cache_create),
	OP(FRAMEPOOL_IOC_CACHE_DESTROY, framepool_ioc_cache_destroy, handle, do_cache_destroy,
	   .no_results = true),
	OP(FRAMEPOOL_IOC_OBJ_ALLOC, framepool_ioc_objects, reserved, fp_objects_alloc,
	   .no_results = true),
	OP(FRAMEPOOL_IOC_OBJ_FREE, framepool_ioc_objects, reserved, fp_objects_free,
	   .no_results = true),
	OP(FRAMEPOOL_IOC_EXPORT, framepool_ioc_export, reserved, fp_export_create,
	   .no_results = true),
	OP(FRAMEPOOL_IOC_DESCRIBE, framepool_ioc_describe, address, fp_export_describe),
	OP(FRAMEPOOL_IOC_SYNC, framepool_ioc_sync, length, fp_export_sync, .no_results = true),
	OP(FRAMEPOOL_IOC_PIN, framepool_ioc_pin, address, do_pin, .undo = undo_pin),
	OP(FRAMEPOOL_IOC_UNPIN, framepool_ioc_pin, handle, do_unpin, .no_results = true),
};

static const struct op *find_op(unsigned int cmd)
{
	unsigned int nr = _IOC_NR(cmd);

	if (nr >= ARRAY_SIZE(ops))
		return NULL;
	nr = array_index_nospec(nr, ARRAY_SIZE(ops));
	return ops[nr].cmd == cmd ? &ops[nr] : NULL;
}

/**
 * fp_ioctl() - handle an ioctl
 * @file: the open file
 * @cmd: the command
 * @arg: user address of its structure
 *
 * Context: process; may sleep.
 * Return: 0, or a negative errno as in uapi/framepool.h.
 */
long fp_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	void __user *user = (void __user *)arg;
	const struct op *op = find_op(cmd);
	struct fp_client *client = file->private_data;
	union args args __uninitialized;
	u32 size;
	int ret;

	if (fp_client_is_revoked(client))
		return -ENODEV;
	if (!op)
		return -ENOTTY;
	if (get_user(size, (u32 __user *)user))
		return -EFAULT;
	if (size < op->min_size)
		return -EINVAL;
	if (size > PAGE_SIZE)
		return -E2BIG;
	/* This initialises all fields that @run uses. */
	ret = copy_struct_from_user(&args, op->size, user, size);
	if (ret)
		return ret;
	ret = op->run(client, &args, user);
	if (ret || op->no_results)
		return ret;
	if (copy_to_user(user, &args, min(size, op->size))) {
		if (op->undo)
			op->undo(client, &args);
		return -EFAULT;
	}
	return 0;
}
