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
#include "uapi_layout.h"
#include "user/batch.h"
#include "user/client.h"
#include "user/mmap.h"
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
};

/**
 * struct call - a call in progress
 * @client: the client
 * @user: the program's structure
 * @args: a copy of it
 */
struct call {
	struct fp_client *client;
	void __user *user;
	union args args;
};

static int do_info(struct call *call)
{
	fp_stats_info(call->client->pool, &call->args.info);
	return 0;
}

static int do_stats(struct call *call)
{
	struct framepool_ioc_stats *stats = &call->args.stats;

	fp_stats_read(call->client->pool, stats);
	fp_stats_read_blocks(call->client->pool, stats);
	fp_stats_read_account(call->client->account, stats);
	return 0;
}

static int do_alloc(struct call *call)
{
	struct framepool_ioc_alloc *args = &call->args.alloc;
	struct fp_buffer *buffer;
	struct fp_slot slot __uninitialized;
	struct fp_batch batch = { .nr = 1, .slots = &slot, .buffers = &buffer };
	int ret;

	ret = fp_batch_parse(call->client, args, &slot.request);
	if (ret)
		return ret;
	ret = fp_client_alloc(call->client, &batch);
	if (!ret)
		fp_batch_describe(&slot.info, args);
	return ret;
}

static int free_handle(struct fp_client *client, u64 handle)
{
	struct fp_buffer *buffer;

	return fp_client_free(client, &handle, &buffer, 1, false) == 1 ? 0 : -ENOENT;
}

/* The program never learned the handle. */
static void undo_alloc(struct call *call)
{
	free_handle(call->client, call->args.alloc.handle);
}

static int do_free(struct call *call)
{
	if (call->args.free.flags)
		return -EINVAL;
	return free_handle(call->client, call->args.free.handle);
}

static int do_alloc_batch(struct call *call)
{
	return fp_batch_alloc(call->client, &call->args.batch, call->user);
}

static int do_free_batch(struct call *call)
{
	return fp_batch_free(call->client, &call->args.batch, call->user);
}

static int do_query(struct call *call)
{
	struct framepool_ioc_query *args = &call->args.query;
	struct fp_buffer_info info;
	int ret;

	if (args->flags)
		return -EINVAL;
	ret = fp_client_query(call->client, args->handle, &info);
	if (ret)
		return ret;
	args->length = info.nr << PAGE_SHIFT;
	args->offset = (u64)info.pgoff << PAGE_SHIFT;
	args->mapped_bytes = fp_mmap_bytes(call->client, info.pgoff, info.nr);
	args->address = call->client->sees_addresses ? (u64)info.pfn << PAGE_SHIFT : 0;
	return 0;
}

static int do_cache_create(struct call *call)
{
	return fp_objects_create_cache(call->client, &call->args.cache);
}

/* The program never learned the handle. */
static void undo_cache_create(struct call *call)
{
	fp_window_destroy(&call->client->windows, call->args.cache.handle);
}

static int do_cache_destroy(struct call *call)
{
	const struct framepool_ioc_cache_destroy *args = &call->args.cache_destroy;

	if (args->flags)
		return -EINVAL;
	return fp_window_destroy(&call->client->windows, args->handle);
}

static int do_obj_alloc(struct call *call)
{
	return fp_objects_alloc(call->client, &call->args.objects, call->user);
}

static int do_obj_free(struct call *call)
{
	return fp_objects_free(call->client, &call->args.objects, call->user);
}

/**
 * struct op - how to handle one command
 * @cmd: the ioctl command
 * @size: size of its structure
 * @min_size: size of the first version of its structure
 * @no_results: there are none, or @run writes them itself
 * @run: handles the command
 * @undo: undoes @run when the results cannot be copied out; may be NULL
 */
struct op {
	unsigned int cmd;
	u32 size;
	u32 min_size;
	bool no_results;
	int (*run)(struct call *call);
	void (*undo)(struct call *call);
};

#define OP(_cmd, _type, _last, _run, ...)			\
	[_IOC_NR(_cmd)] = {					\
		.cmd = _cmd,					\
		.size = sizeof(struct _type),			\
		.min_size = offsetofend(struct _type, _last),	\
		.run = _run,					\
		__VA_ARGS__					\
	}

static const struct op ops[] = {
	OP(FRAMEPOOL_IOC_INFO, framepool_ioc_info, name, do_info),
	OP(FRAMEPOOL_IOC_ALLOC, framepool_ioc_alloc, offset, do_alloc, .undo = undo_alloc),
	OP(FRAMEPOOL_IOC_FREE, framepool_ioc_free, handle, do_free, .no_results = true),
	OP(FRAMEPOOL_IOC_QUERY, framepool_ioc_query, address, do_query),
	OP(FRAMEPOOL_IOC_STATS, framepool_ioc_stats, free_blocks, do_stats),
	OP(FRAMEPOOL_IOC_ALLOC_BATCH, framepool_ioc_batch, reserved, do_alloc_batch,
	   .no_results = true),
	OP(FRAMEPOOL_IOC_FREE_BATCH, framepool_ioc_batch, reserved, do_free_batch,
	   .no_results = true),
	OP(FRAMEPOOL_IOC_CACHE_CREATE, framepool_ioc_cache, slab_bytes, do_cache_create,
	   .undo = undo_cache_create),
	OP(FRAMEPOOL_IOC_CACHE_DESTROY, framepool_ioc_cache_destroy, handle, do_cache_destroy,
	   .no_results = true),
	OP(FRAMEPOOL_IOC_OBJ_ALLOC, framepool_ioc_objects, reserved, do_obj_alloc,
	   .no_results = true),
	OP(FRAMEPOOL_IOC_OBJ_FREE, framepool_ioc_objects, reserved, do_obj_free,
	   .no_results = true),
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
	struct call call __uninitialized;
	u32 size;
	int ret;

	call.client = file->private_data;
	call.user = user;
	if (fp_client_is_revoked(call.client))
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
	ret = copy_struct_from_user(&call.args, op->size, user, size);
	if (ret)
		return ret;
	ret = op->run(&call);
	if (ret || op->no_results)
		return ret;
	if (copy_to_user(user, &call.args, min(size, op->size))) {
		if (op->undo)
			op->undo(&call);
		return -EFAULT;
	}
	return 0;
}
