// SPDX-License-Identifier: GPL-2.0-only
/*
 * Calls that allocate and free buffers. The entries of calls for many are copied in once, processed
 * in place, and copied out once. No lock is held while user memory is accessed.
 *
 * Results that cannot be copied out are undone. Otherwise a buffer whose handle did not reach the
 * program would live until the client ends.
 */
#include "user/batch.h"

#include <linux/err.h>
#include <linux/ktime.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "user/client.h"
#include "user/movable.h"

#define MAX_ENTRY_SIZE	256
#define KNOWN_FLAGS	(FRAMEPOOL_ALLOC_NOCLEAR | FRAMEPOOL_ALLOC_DUMP | FRAMEPOOL_ALLOC_WAIT | \
			 FRAMEPOOL_ALLOC_OWN | FRAMEPOOL_ALLOC_MOVABLE)

/*
 * Entries are used in place in the copy. Those of an older program end before @timeout_ns, which
 * is_single() alone looks at in a batch.
 */
static_assert(offsetofend(struct framepool_ioc_alloc, timeout_ns) ==
	      sizeof(struct framepool_ioc_alloc));
static_assert(offsetofend(struct framepool_ioc_free, handle) == sizeof(struct framepool_ioc_free));

/**
 * struct batch - buffers to be allocated together
 * @client: the client
 * @entries: a struct framepool_ioc_alloc, all fields of which were checked, every @entry_size bytes
 * @entry_size: bytes from one entry to the next
 * @nr: number of entries
 * @partial: allocate as many as possible, from the first on; otherwise all or none
 * @own: there is one entry, for the own buffer of the file
 * @timeout_ns: how long to wait if there is not enough memory; 0: not at all
 * @buffers: room for @nr
 * @done: the result: the first @done entries have a buffer
 * @failed: the result: number of the first entry that failed, or @nr
 */
struct batch {
	struct fp_client *client;
	void *entries;
	u32 entry_size;
	u32 nr;
	bool partial;
	bool own;
	u64 timeout_ns;
	struct fp_buffer **buffers;
	u32 done;
	u32 failed;
};

static struct framepool_ioc_alloc *entry_at(const struct batch *batch, u32 i)
{
	return batch->entries + (size_t)i * batch->entry_size;
}

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

/* Check and convert a program's request for a buffer. */
static int parse(const struct fp_client *client, const struct framepool_ioc_alloc *entry,
		 struct fp_request *request)
{
	if (entry->flags & ~KNOWN_FLAGS || !entry->length || entry->length > S64_MAX)
		return -EINVAL;
	if (entry->align && !is_power_of_2(entry->align))
		return -EINVAL;
	/* The largest alignment that succeeds could tell exactly where the pool lies. */
	if (entry->align > FP_HUGE_FRAMES << PAGE_SHIFT && !client->sees_addresses)
		return -EPERM;
	*request = (struct fp_request){
		.nr = PFN_UP(entry->length),
		.align = max_t(u64, entry->align >> PAGE_SHIFT, 1),
		.end_pfn = end_pfn(client, entry->limit),
		.dirty = entry->flags & FRAMEPOOL_ALLOC_NOCLEAR,
	};
	/*
	 * A part of a huge frame beside whole ones would have to move with what else lies in it.
	 */
	if (entry->flags & FRAMEPOOL_ALLOC_OWN ||
	    (entry->flags & FRAMEPOOL_ALLOC_MOVABLE && request->nr > FP_HUGE_FRAMES))
		request->nr = round_up(request->nr, FP_HUGE_FRAMES);
	return 0;
}

/* Fill in the result for a buffer. */
static void describe(const struct fp_buffer *buffer, struct framepool_ioc_alloc *entry)
{
	entry->length = buffer->run.nr << PAGE_SHIFT;
	entry->handle = buffer->handle;
	entry->offset = (u64)buffer->pgoff << PAGE_SHIFT;
}

/* How many entries make the same request as the @first, itself included, from there on? */
static u32 count_alike(const struct batch *batch, u32 first)
{
	size_t inputs = offsetofend(struct framepool_ioc_alloc, limit);
	u32 i;

	for (i = first + 1; i < batch->nr; i++)
		if (memcmp(entry_at(batch, first), entry_at(batch, i), inputs))
			break;
	return i - first;
}

/* Allocate memory for buffers, from the first on; *@error says why not for more. */
static u32 alloc_buffers(const struct batch *batch, int *error)
{
	struct fp_request request __uninitialized;
	u32 done = 0, alike = 0;
	int ret;

	while (done < batch->nr) {
		if (!alike) {
			parse(batch->client, entry_at(batch, done), &request);
			alike = count_alike(batch, done);
		}
		ret = fp_buffers_alloc(batch->client, batch->buffers + done, alike, &request,
				       entry_at(batch, done)->flags & FRAMEPOOL_ALLOC_MOVABLE);
		if (ret < 0) {
			*error = ret;
			break;
		}
		done += ret;
		alike -= ret;
		if (done < batch->nr)
			cond_resched();
	}
	return done;
}

static void trace(const struct batch *batch, u32 i, const struct fp_buffer *buffer, int error)
{
	struct fp_request request __uninitialized;

	if (!trace_alloc_enabled() || parse(batch->client, entry_at(batch, i), &request))
		return;
	trace_alloc(batch->client, &request, buffer, error);
}

static int try_batch(struct batch *batch)
{
	struct fp_buffer **buffers = batch->buffers;
	int error = 0;
	u32 i;

	if (fp_buffers_create(buffers, batch->nr)) {
		error = -ENOBUFS;
	} else {
		batch->failed = alloc_buffers(batch, &error);
		fp_buffers_destroy(buffers + batch->failed, batch->nr - batch->failed);
	}
	if (error && !batch->partial) {
		fp_buffers_free(batch->client, buffers, batch->failed);
		return error;
	}
	for (i = 0; i < batch->failed; i++) {
		if (batch->own)
			fp_buffer_move_to_beginning(buffers[i]);
		else if (buffers[i]->movable)
			fp_client_place(batch->client, buffers[i]);
		trace(batch, i, buffers[i], 0);
		buffers[i]->dump = entry_at(batch, i)->flags & FRAMEPOOL_ALLOC_DUMP;
		describe(buffers[i], entry_at(batch, i));
		if (buffers[i]->movable)
			fp_movable_add(buffers[i]);
	}
	fp_client_add(batch->client, buffers, batch->failed);
	batch->done = batch->failed;
	return error;
}

/* As try_batch(), unless the file has an own buffer already. */
static int try_own(struct batch *batch)
{
	struct fp_client *client = batch->client;
	int ret = -EEXIST;

	if (mutex_lock_killable(&client->own_lock))
		return -EINTR;
	if (fp_client_own_frames(client) < 0)
		ret = try_batch(batch);
	mutex_unlock(&client->own_lock);
	return ret;
}

/* alloc_batch() without waiting. */
static int try_once(struct batch *batch)
{
	return batch->own ? try_own(batch) : try_batch(batch);
}

/* Try whenever it is this task's turn. As try_once(), or -ETIMEDOUT or -ERESTARTNOHAND. */
static int alloc_waiting(struct batch *batch)
{
	ktime_t deadline = ktime_add_safe(ktime_get(), min_t(u64, batch->timeout_ns, KTIME_MAX));
	struct fp_pool *pool = batch->client->pool;
	struct fp_waiter waiter;
	int ret;

	fp_waiter_join(&pool->waiters, &waiter);
	for (;;) {
		fp_pool_arm_trim(pool);
		ret = fp_waiter_wait(&waiter, deadline);
		if (!ret)
			ret = fp_client_is_revoked(batch->client) ? -ENODEV : try_once(batch);
		if (!fp_pool_is_short(ret))
			break;
		fp_waiter_pass(&pool->waiters, &waiter);
	}
	fp_waiter_leave(&pool->waiters, &waiter);
	return ret;
}

/*
 * Allocate buffers. Returns 0 if all of @batch is done; else the reason why entry @batch->failed
 * failed, as in uapi/framepool.h.
 */
static int alloc_batch(struct batch *batch)
{
	bool wait = batch->timeout_ns;
	int ret = -ENOMEM;

	/* It must not overtake those that wait already. */
	if (!wait || list_empty(&batch->client->pool->waiters.list))
		ret = try_once(batch);
	if (wait && fp_pool_is_short(ret))
		ret = alloc_waiting(batch);
	if (ret) {
		fp_pool_count_failure(batch->client->pool, ret);
		trace(batch, batch->failed, NULL, ret);
	}
	return ret;
}

/**
 * fp_batch_alloc_one() - FRAMEPOOL_IOC_ALLOC
 * @client: the client
 * @data: copy of the structure (struct framepool_ioc_alloc); gets the results
 * @user: unused
 *
 * Context: process; may sleep.
 * Return: 0, or a negative errno as in uapi/framepool.h.
 */
int fp_batch_alloc_one(struct fp_client *client, void *data, void __user *user)
{
	const struct framepool_ioc_alloc *args = data;
	bool may_block = !(client->file->f_flags & O_NONBLOCK);
	bool wait = args->flags & FRAMEPOOL_ALLOC_WAIT;
	struct fp_request request __uninitialized;
	struct fp_buffer *buffer;
	struct batch batch = {
		.client = client,
		.entries = data,
		.entry_size = sizeof(*args),
		.nr = 1,
		.own = args->flags & FRAMEPOOL_ALLOC_OWN,
		.buffers = &buffer,
	};
	int ret = args->timeout_ns && !wait ? -EINVAL : parse(client, args, &request);

	if (ret)
		return ret;
	/* What an empty pool does not have will never come. */
	wait &= fp_buddy_could_hold(&client->pool->buddy, &request);
	if (wait && may_block)
		batch.timeout_ns = args->timeout_ns;
	ret = alloc_batch(&batch);
	if (wait && fp_pool_is_short(ret))
		return may_block ? -ETIMEDOUT : -EAGAIN;
	return ret;
}

/* Copy all entries in. Returns an error pointer on failure. */
static void *copy_entries(const struct framepool_ioc_batch *args, size_t min_size)
{
	void *entries;

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
static int check_entry(const void *entry, u32 entry_size, size_t known)
{
	if (*(const u32 *)entry != entry_size)
		return -EINVAL;
	return entry_size > known && memchr_inv(entry + known, 0, entry_size - known) ? -E2BIG : 0;
}

/*
 * Does an entry of a batch ask for what is possible in a call for one buffer only? Entries of an
 * older program have no @timeout_ns.
 */
static bool is_single(const struct batch *batch, const struct framepool_ioc_alloc *entry)
{
	return entry->flags & (FRAMEPOOL_ALLOC_WAIT | FRAMEPOOL_ALLOC_OWN) ||
	       (batch->entry_size >= sizeof(*entry) && entry->timeout_ns);
}

/* Check entries, from the first on; *@error says why not all are good. Returns how many are. */
static u32 check_allocs(const struct batch *batch, int *error)
{
	struct fp_request request __uninitialized;
	const struct framepool_ioc_alloc *entry;
	u32 i;

	for (i = 0; i < batch->nr; i++) {
		entry = entry_at(batch, i);
		*error = check_entry(entry, batch->entry_size, sizeof(*entry)) ?:
			 is_single(batch, entry) ? -EINVAL :
			 parse(batch->client, entry, &request);
		if (*error)
			break;
	}
	return i;
}

static u32 parse_frees(const struct framepool_ioc_batch *args, const void *entry, u64 *handles,
		       int *error)
{
	const struct framepool_ioc_free *free;
	u32 i;

	for (i = 0; i < args->count; i++, entry += args->entry_size) {
		free = entry;
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

static void take_back(const struct batch *batch)
{
	struct fp_buffer *buffer;
	u32 i;

	/* Another thread may have guessed and freed some handles already. */
	for (i = 0; i < batch->done; i++)
		fp_client_free(batch->client, &entry_at(batch, i)->handle, &buffer, 1, false);
}

/* fp_batch_alloc() after its memory was allocated. */
static int alloc_entries(struct batch *batch, struct framepool_ioc_batch *args,
			 struct framepool_ioc_batch __user *user)
{
	int error = 0, ret;

	batch->nr = check_allocs(batch, &error);
	if (!batch->nr || (error && !batch->partial))
		return finish(args, user, 0, batch->nr, error);
	error = alloc_batch(batch) ?: error;
	if (copy_to_user(u64_to_user_ptr(args->entries), batch->entries,
			 batch->done * batch->entry_size))
		ret = -EFAULT;
	else
		ret = finish(args, user, batch->done, batch->failed, error);
	if (ret == -EFAULT)
		take_back(batch);
	return ret;
}

/**
 * fp_batch_alloc() - FRAMEPOOL_IOC_ALLOC_BATCH
 * @client: the client
 * @data: copy of the structure (struct framepool_ioc_batch)
 * @user: the program's structure, for the results
 *
 * Context: process; may sleep.
 * Return: 0, or a negative errno as in uapi/framepool.h.
 */
int fp_batch_alloc(struct fp_client *client, void *data, void __user *user)
{
	struct framepool_ioc_batch *args = data;
	struct batch batch = {
		.client = client,
		.entry_size = args->entry_size,
		.nr = args->count,
		.partial = args->flags & FRAMEPOOL_BATCH_PARTIAL,
	};
	int ret = -ENOBUFS;

	batch.entries = copy_entries(args, offsetofend(struct framepool_ioc_alloc, offset));
	if (IS_ERR(batch.entries))
		return PTR_ERR(batch.entries);
	batch.buffers = kvmalloc_array(batch.nr, sizeof(*batch.buffers), FP_GFP_CALL);
	if (batch.buffers)
		ret = alloc_entries(&batch, args, user);
	kvfree(batch.buffers);
	kvfree(batch.entries);
	return ret;
}

static int free_entries(struct fp_client *client, struct framepool_ioc_batch *args,
			struct framepool_ioc_batch __user *user, const void *entries,
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
	fp_movable_settle(client);
	if (freed < nr && (!error || partial)) {
		error = -ENOENT;
		nr = freed;
	}
	return finish(args, user, error && !partial ? 0 : freed, nr, error);
}

/**
 * fp_batch_free() - FRAMEPOOL_IOC_FREE_BATCH
 * @client: the client
 * @data: copy of the structure (struct framepool_ioc_batch)
 * @user: the program's structure, for the results
 *
 * Context: process; may sleep.
 * Return: 0, or a negative errno as in uapi/framepool.h.
 */
int fp_batch_free(struct fp_client *client, void *data, void __user *user)
{
	struct framepool_ioc_batch *args = data;
	struct fp_buffer **buffers;
	int ret = -ENOBUFS;
	void *entries;
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
