// SPDX-License-Identifier: GPL-2.0-only
/*
 * Calls for many buffers. The entries are copied in once, processed, and copied out once. No lock
 * is held while user memory is accessed.
 *
 * Results that cannot be copied out are undone. Otherwise a buffer whose handle did not reach the
 * program would live until the client ends.
 */
#include "user/batch.h"

#include <linux/err.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#define MAX_ENTRY_SIZE	256

/*
 * Entries are used in place in the copy. Once the structures grow, shorter entries will have to be
 * copied again.
 */
static_assert(offsetofend(struct framepool_ioc_alloc, offset) ==
	      sizeof(struct framepool_ioc_alloc));
static_assert(offsetofend(struct framepool_ioc_free, handle) == sizeof(struct framepool_ioc_free));

/*
 * The PFN below which all frames must lie. A client that may not see addresses must not find them
 * out by trying limits. For such a client, the limit is rounded down to a power of two, which is
 * all that the DMA mask of a device needs.
 */
static u64 end_pfn(const struct fp_client *client, u64 limit)
{
	if (!limit)
		return FP_ANYWHERE;
	return (client->sees_addresses ? limit : 1ULL << ilog2(limit)) >> PAGE_SHIFT;
}

/**
 * fp_batch_parse() - check and convert a program's request for a buffer
 * @client: the client
 * @entry: the program's request
 * @request: the result
 *
 * Context: any.
 * Return: 0; -EINVAL: an argument is out of its range.
 */
int fp_batch_parse(const struct fp_client *client, const struct framepool_ioc_alloc *entry,
		   struct fp_request *request)
{
	if (entry->flags & ~FRAMEPOOL_ALLOC_NOCLEAR || !entry->length || entry->length > S64_MAX)
		return -EINVAL;
	if (entry->align && !is_power_of_2(entry->align))
		return -EINVAL;
	*request = (struct fp_request){
		.nr = PFN_UP(entry->length),
		.align = max_t(u64, entry->align >> PAGE_SHIFT, 1),
		.end_pfn = end_pfn(client, entry->limit),
		.dirty = entry->flags & FRAMEPOOL_ALLOC_NOCLEAR,
	};
	return 0;
}

/**
 * fp_batch_describe() - fill in the results for a buffer
 * @info: the buffer
 * @entry: the structure to fill in
 *
 * Context: any.
 */
void fp_batch_describe(const struct fp_buffer_info *info, struct framepool_ioc_alloc *entry)
{
	entry->length = info->nr << PAGE_SHIFT;
	entry->handle = info->handle;
	entry->offset = (u64)info->pgoff << PAGE_SHIFT;
}

/* Copy all entries in. Returns an error pointer on failure. */
static char *copy_entries(const struct framepool_ioc_batch *args, size_t min_size)
{
	char *entries;

	if (args->flags & ~FRAMEPOOL_BATCH_PARTIAL || args->reserved)
		return ERR_PTR(-EINVAL);
	if (!args->count || args->count > FRAMEPOOL_BATCH_MAX)
		return ERR_PTR(-EINVAL);
	if (args->entry_size < min_size || args->entry_size % 8)
		return ERR_PTR(-EINVAL);
	if (args->entry_size > MAX_ENTRY_SIZE)
		return ERR_PTR(-E2BIG);
	entries = vmemdup_user(u64_to_user_ptr(args->entries), args->count * args->entry_size);
	return entries == ERR_PTR(-ENOMEM) ? ERR_PTR(-ENOBUFS) : entries;
}

/* Check that an entry has the right size, and that all fields beyond the known ones are zero. */
static int check_entry(const char *entry, u32 entry_size, size_t known)
{
	if (*(const u32 *)entry != entry_size)
		return -EINVAL;
	return entry_size > known && memchr_inv(entry + known, 0, entry_size - known) ? -E2BIG : 0;
}

/* Fill in slots, from the first on; *@error says why not all. Returns how many. */
static u32 parse_allocs(const struct fp_client *client, const struct framepool_ioc_batch *args,
			const char *entry, struct fp_slot *slots, int *error)
{
	u32 i;

	for (i = 0; i < args->count; i++, entry += args->entry_size) {
		*error = check_entry(entry, args->entry_size, sizeof(struct framepool_ioc_alloc)) ?:
			 fp_batch_parse(client, (const void *)entry, &slots[i].request);
		if (*error)
			break;
	}
	return i;
}

static u32 parse_frees(const struct framepool_ioc_batch *args, const char *entry, u64 *handles,
		       int *error)
{
	const struct framepool_ioc_free *free;
	u32 i;

	for (i = 0; i < args->count; i++, entry += args->entry_size) {
		free = (const void *)entry;
		*error = check_entry(entry, args->entry_size, sizeof(*free)) ?:
			 free->flags ? -EINVAL : 0;
		if (*error)
			break;
		handles[i] = free->handle;
	}
	return i;
}

static int write_results(const struct framepool_ioc_batch *args,
			 struct framepool_ioc_batch __user *user)
{
	/* @done, @failed and @error are adjacent. */
	size_t bytes = offsetofend(struct framepool_ioc_batch, error) -
		       offsetof(struct framepool_ioc_batch, done);

	return copy_to_user(&user->done, &args->done, bytes) ? -EFAULT : 0;
}

/* Write the results of the call, and choose its return value. */
static int finish(struct framepool_ioc_batch *args, struct framepool_ioc_batch __user *user,
		  u32 done, u32 failed, int error)
{
	args->done = done;
	args->failed = failed;
	args->error = -error;
	if (write_results(args, user))
		return -EFAULT;
	return args->flags & FRAMEPOOL_BATCH_PARTIAL ? 0 : error;
}

static void take_back(struct fp_client *client, const struct fp_batch *batch)
{
	struct fp_buffer *buffer;
	u32 i;

	/* Another thread may have guessed and freed some handles already. */
	for (i = 0; i < batch->done; i++)
		fp_client_free(client, &batch->slots[i].info.handle, &buffer, 1, false);
}

static int deliver(const struct framepool_ioc_batch *args, char *entries,
		   const struct fp_batch *batch)
{
	char *entry = entries;
	u32 i;

	for (i = 0; i < batch->done; i++, entry += args->entry_size)
		fp_batch_describe(&batch->slots[i].info, (void *)entry);
	return copy_to_user(u64_to_user_ptr(args->entries), entries, entry - entries) ? -EFAULT : 0;
}

/* fp_batch_alloc() after its memory was allocated. */
static int alloc_entries(struct fp_client *client, struct framepool_ioc_batch *args,
			 struct framepool_ioc_batch __user *user, char *entries,
			 struct fp_batch *batch)
{
	int error = 0, ret;

	batch->partial = args->flags & FRAMEPOOL_BATCH_PARTIAL;
	batch->nr = parse_allocs(client, args, entries, batch->slots, &error);
	if (!batch->nr || (error && !batch->partial))
		return finish(args, user, 0, batch->nr, error);
	error = fp_client_alloc(client, batch) ?: error;
	ret = deliver(args, entries, batch) ?:
	      finish(args, user, batch->done, batch->failed, error);
	if (ret == -EFAULT)
		take_back(client, batch);
	return ret;
}

/**
 * fp_batch_alloc() - FRAMEPOOL_IOC_ALLOC_BATCH
 * @client: the client
 * @args: copy of the structure
 * @user: the program's structure, for the results
 *
 * Context: process; may sleep.
 * Return: 0, or a negative errno as in uapi/framepool.h.
 */
int fp_batch_alloc(struct fp_client *client, struct framepool_ioc_batch *args,
		   struct framepool_ioc_batch __user *user)
{
	struct fp_batch batch = { 0 };
	int ret = -ENOBUFS;
	char *entries;

	entries = copy_entries(args, offsetofend(struct framepool_ioc_alloc, offset));
	if (IS_ERR(entries))
		return PTR_ERR(entries);
	batch.slots = kvmalloc_array(args->count, sizeof(*batch.slots), FP_GFP_CALL);
	batch.buffers = kvmalloc_array(args->count, sizeof(*batch.buffers), FP_GFP_CALL);
	if (batch.slots && batch.buffers)
		ret = alloc_entries(client, args, user, entries, &batch);
	kvfree(batch.buffers);
	kvfree(batch.slots);
	kvfree(entries);
	return ret;
}

static int free_entries(struct fp_client *client, struct framepool_ioc_batch *args,
			struct framepool_ioc_batch __user *user, const char *entries,
			u64 *handles, struct fp_buffer **buffers)
{
	bool partial = args->flags & FRAMEPOOL_BATCH_PARTIAL;
	u32 nr, freed = 0;
	int error = 0;

	nr = parse_frees(args, entries, handles, &error);
	/* A free cannot be undone, so check first that the results can be written. */
	if (finish(args, user, 0, nr, error) == -EFAULT)
		return -EFAULT;
	if (!error || partial)
		freed = fp_client_free(client, handles, buffers, nr, partial);
	if (freed < nr && (!error || partial)) {
		error = -ENOENT;
		nr = freed;
	}
	return finish(args, user, error && !partial ? 0 : freed, nr, error);
}

/**
 * fp_batch_free() - FRAMEPOOL_IOC_FREE_BATCH
 * @client: the client
 * @args: copy of the structure
 * @user: the program's structure, for the results
 *
 * Context: process; may sleep.
 * Return: 0, or a negative errno as in uapi/framepool.h.
 */
int fp_batch_free(struct fp_client *client, struct framepool_ioc_batch *args,
		  struct framepool_ioc_batch __user *user)
{
	struct fp_buffer **buffers;
	int ret = -ENOBUFS;
	char *entries;
	u64 *handles;

	entries = copy_entries(args, offsetofend(struct framepool_ioc_free, handle));
	if (IS_ERR(entries))
		return PTR_ERR(entries);
	handles = kvmalloc_array(args->count, sizeof(*handles), FP_GFP_CALL);
	buffers = kvmalloc_array(args->count, sizeof(*buffers), FP_GFP_CALL);
	if (handles && buffers)
		ret = free_entries(client, args, user, entries, handles, buffers);
	kvfree(buffers);
	kvfree(handles);
	kvfree(entries);
	return ret;
}
