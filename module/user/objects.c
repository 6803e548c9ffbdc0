// SPDX-License-Identifier: GPL-2.0-only
/*
 * Calls for caches of objects. As in batch.c, no lock is held while user memory is accessed, and
 * results that cannot be copied out are undone.
 */
#include "user/objects.h"

#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/random.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "user/client.h"

#define KNOWN_FLAGS	(FRAMEPOOL_CACHE_RANDOM | FRAMEPOOL_CACHE_MOVABLE)

#define ON_STACK	32U	/* offsets; more of them need an allocation */

/**
 * fp_objects_create_cache() - FRAMEPOOL_IOC_CACHE_CREATE
 * @client: the client
 * @data: copy of the structure (struct framepool_ioc_cache); gets the results
 * @user: unused
 *
 * Context: process; may sleep.
 * Return: 0, or a negative errno as in uapi/framepool.h.
 */
int fp_objects_create_cache(struct fp_client *client, void *data, void __user *user)
{
	struct framepool_ioc_cache *args = data;
	struct fp_slab_config config = {
		.size = args->object_size,
		.align = args->align,
		.seed = args->flags & FRAMEPOOL_CACHE_RANDOM ? get_random_u64() | 1 : 0,
		.min_order = FP_SLAB_MIN_ORDER,
	};
	struct fp_window *window;
	u64 handle;
	int ret;

	if (args->flags & ~KNOWN_FLAGS || args->object_size < FRAMEPOOL_OBJECT_MIN ||
	    args->object_size > FRAMEPOOL_OBJECT_MAX)
		return -EINVAL;
	ret = fp_window_create(&client->windows, &config, args->flags & FRAMEPOOL_CACHE_MOVABLE,
			       &window, &handle);
	if (ret)
		return ret;
	args->handle = handle;
	args->offset = (u64)window->pgoff << PAGE_SHIFT;
	args->window_bytes = (u64)client->windows.nr << PAGE_SHIFT;
	args->stride = window->slabs.stride;
	args->slab_bytes = 1U << window->slabs.shift;
	fp_window_put(window);
	return 0;
}

static int deliver(struct framepool_ioc_objects __user *user,
		   const struct framepool_ioc_objects *args, const u64 *offsets, u32 done,
		   int error)
{
	if (copy_to_user(u64_to_user_ptr(args->offsets), offsets, done * sizeof(*offsets)) ||
	    put_user(done, &user->done) || put_user(-error, &user->error))
		return -EFAULT;
	return 0;
}

static int alloc_objects(struct fp_window *window, const struct framepool_ioc_objects *args,
			 struct framepool_ioc_objects __user *user, u64 *offsets)
{
	u32 done;
	int error = fp_window_alloc(window, offsets, args->count, &done);
	int ret = error;

	if (!error || (done && args->flags & FRAMEPOOL_BATCH_PARTIAL))
		ret = deliver(user, args, offsets, done, error);
	if (ret && done)
		fp_slab_put(&window->slabs, offsets, done);
	return ret;
}

static int free_objects(struct fp_window *window, const struct framepool_ioc_objects *args,
			struct framepool_ioc_objects __user *user, u64 *offsets)
{
	u32 done;

	/* A free cannot be undone, so check first that the results can be written. */
	if (copy_from_user(offsets, u64_to_user_ptr(args->offsets),
			   args->count * sizeof(*offsets)) ||
	    put_user(args->count, &user->done) || put_user(0, &user->error))
		return -EFAULT;
	done = fp_slab_put_all(&window->slabs, offsets, args->count);
	if (done == args->count)
		return 0;
	return put_user(done, &user->done) ? -EFAULT : -ENOENT;
}

/* Find the cache, provide memory for the offsets, and call @work. */
static int with_window(struct fp_client *client, const struct framepool_ioc_objects *args,
		       struct framepool_ioc_objects __user *user, u32 flags,
		       int (*work)(struct fp_window *window,
				   const struct framepool_ioc_objects *args,
				   struct framepool_ioc_objects __user *user, u64 *offsets))
{
	u64 few[ON_STACK] __uninitialized, *offsets = few;
	struct fp_window *window;
	int ret = -ENOBUFS;

	if (args->flags & ~flags || args->reserved || !args->count ||
	    args->count > FRAMEPOOL_BATCH_MAX)
		return -EINVAL;
	window = fp_window_get(&client->windows, args->cache);
	if (!window)
		return -ENOENT;
	if (args->count > ON_STACK)
		offsets = kvmalloc_array(args->count, sizeof(*offsets), FP_GFP_CALL);
	if (offsets)
		ret = work(window, args, user, offsets);
	if (offsets != few)
		kvfree(offsets);
	fp_window_put(window);
	return ret;
}

/**
 * fp_objects_alloc() - FRAMEPOOL_IOC_OBJ_ALLOC
 * @client: the client
 * @args: copy of the structure (struct framepool_ioc_objects)
 * @user: the program's structure, for the results
 *
 * Context: process; may sleep.
 * Return: 0, or a negative errno as in uapi/framepool.h.
 */
int fp_objects_alloc(struct fp_client *client, void *args, void __user *user)
{
	return with_window(client, args, user, FRAMEPOOL_BATCH_PARTIAL, alloc_objects);
}

/**
 * fp_objects_free() - FRAMEPOOL_IOC_OBJ_FREE
 * @client: the client
 * @args: copy of the structure (struct framepool_ioc_objects)
 * @user: the program's structure, for the results
 *
 * Context: process; may sleep.
 * Return: 0, or a negative errno as in uapi/framepool.h.
 */
int fp_objects_free(struct fp_client *client, void *args, void __user *user)
{
	return with_window(client, args, user, 0, free_objects);
}
