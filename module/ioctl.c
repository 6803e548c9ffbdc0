// SPDX-License-Identifier: GPL-2.0-only
/*
 * The calls of uapi/framepool.h. One table says how large each structure is and was in
 * its first version; copying in, checking and copying out happen in one place, with no
 * lock held.
 */
#include "ioctl.h"

#include <linux/fs.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/nospec.h>
#include <linux/uaccess.h>

#include "client.h"
#include "mmap.h"
#include "stats.h"
#include "uapi_layout.h"

union args {
	struct framepool_ioc_info info;
	struct framepool_ioc_alloc alloc;
	struct framepool_ioc_free free;
	struct framepool_ioc_query query;
	struct framepool_ioc_stats stats;
};

static int do_info(struct fp_client *client, union args *args)
{
	fp_stats_info(client->pool, &args->info);
	return 0;
}

static int do_stats(struct fp_client *client, union args *args)
{
	fp_stats_read(client->pool, &args->stats);
	return 0;
}

static int parse_alloc(const struct framepool_ioc_alloc *args, struct fp_request *request)
{
	if (args->flags || !args->length || args->length > S64_MAX)
		return -EINVAL;
	if (args->align && !is_power_of_2(args->align))
		return -EINVAL;
	request->nr = PFN_UP(args->length);
	request->align = max_t(u64, args->align >> PAGE_SHIFT, 1);
	request->end_pfn = args->limit ? args->limit >> PAGE_SHIFT : FP_ANYWHERE;
	return 0;
}

static int do_alloc(struct fp_client *client, union args *args)
{
	struct fp_buffer_info info;
	struct fp_request request;
	int ret;

	ret = parse_alloc(&args->alloc, &request);
	if (ret)
		return ret;
	ret = fp_client_alloc(client, &request, &info);
	if (ret)
		return ret;
	args->alloc.length = info.nr << PAGE_SHIFT;
	args->alloc.handle = info.handle;
	args->alloc.offset = (u64)info.pgoff << PAGE_SHIFT;
	return 0;
}

/* The program never learned the handle. */
static void undo_alloc(struct fp_client *client, union args *args)
{
	fp_client_free(client, args->alloc.handle);
}

static int do_free(struct fp_client *client, union args *args)
{
	if (args->free.flags)
		return -EINVAL;
	return fp_client_free(client, args->free.handle);
}

static int do_query(struct fp_client *client, union args *args)
{
	struct fp_buffer_info info;
	int ret;

	if (args->query.flags)
		return -EINVAL;
	ret = fp_client_query(client, args->query.handle, &info);
	if (ret)
		return ret;
	args->query.length = info.nr << PAGE_SHIFT;
	args->query.offset = (u64)info.pgoff << PAGE_SHIFT;
	args->query.mapped_bytes = fp_mmap_bytes(client, info.pgoff, info.nr);
	return 0;
}

/**
 * struct op - a call
 * @cmd: its number
 * @size: of its structure
 * @min_size: of the structure's first version
 * @run: does it
 * @in_only: it has no results
 * @undo: takes it back when the results cannot be delivered; may be NULL
 */
struct op {
	unsigned int cmd;
	u32 size;
	u32 min_size;
	bool in_only;
	int (*run)(struct fp_client *client, union args *args);
	void (*undo)(struct fp_client *client, union args *args);
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
	OP(FRAMEPOOL_IOC_FREE, framepool_ioc_free, handle, do_free, .in_only = true),
	OP(FRAMEPOOL_IOC_QUERY, framepool_ioc_query, mapped_bytes, do_query),
	OP(FRAMEPOOL_IOC_STATS, framepool_ioc_stats, free_blocks, do_stats),
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
 * fp_ioctl() - a call from a program
 * @client: whose
 * @cmd: which
 * @arg: user address of its structure
 *
 * Context: process; may sleep.
 * Return: 0, or as in uapi/framepool.h.
 */
long fp_ioctl(struct fp_client *client, unsigned int cmd, unsigned long arg)
{
	void __user *user = (void __user *)arg;
	const struct op *op = find_op(cmd);
	union args args;
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
	ret = copy_struct_from_user(&args, op->size, user, size);
	if (ret)
		return ret;
	ret = op->run(client, &args);
	if (ret || op->in_only)
		return ret;
	if (copy_to_user(user, &args, min(size, op->size))) {
		if (op->undo)
			op->undo(client, &args);
		return -EFAULT;
	}
	return 0;
}
