// SPDX-License-Identifier: GPL-2.0-only
/*
 * A client: one open file, its handles and its offsets.
 *
 * A handle is (serial number << 32 | page offset of the buffer). So one tree, by page offset,
 * serves both handles and mmap(). The serial number tells a stale handle from a later one at the
 * same offset. A buffer is removed from the tree, which frees its offset, before its frames go back
 * to the pool. So two buffers never need the same offset. Freeing needs no memory and cannot fail.
 *
 * The file lives as long as a descriptor or a VMA refers to it. When it is released, handles are
 * left to drop, and so are dma-bufs (export.c). The client lives as long as these.
 *
 * A client can be revoked: its memory is removed from all page tables for good. The difficulty is a
 * fault that is under way. The core installs the page after our handler has returned it, so a page
 * could get into a page table after all pages were removed. The folio lock is held from before our
 * handler checks the flag until after the core has installed the page, because fault() returns the
 * folio locked (see mmap.c). So revocation sets the flag, takes and drops the lock of each folio of
 * the pool, and unmaps. The windows of caches (window.c) have a lock of their own for this. Either
 * a fault got the lock first, and the unmapping removes its page; or it gets the lock later, and
 * sees the flag. No other lock would do. The core takes no invalidate_lock for us. If our handler
 * took one, or a lock of the client, it would have to drop it before the core installs the page.
 * The mmap_lock belongs to one process, and faults that hold the lock of a VMA do not take it.
 *
 * References taken through the page tables before (by pipes, direct I/O, io_uring) stay, as they do
 * after munmap(). The frames remain the client's until it ends; then they stay in quarantine until
 * the last reference is gone.
 */
#include "user/client.h"

#include <linux/cred.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs_context.h>
#include <linux/mm.h>
#include <linux/mount.h>
#include <linux/pagemap.h>
#include <linux/pseudo_fs.h>
#include <linux/slab.h>

/*
 * Wholly free huge frames that a client keeps, so that small buffers which come and go do not cause
 * clearing.
 */
#define MAX_KEPT	1

#define AT_ONCE		64U	/* buffers that are looked up or moved without releasing the lock */

/* Places of movable buffers, each as large as a huge frame. */
#define NR_SLOTS	(1ULL << 41)

/*
 * The handle of a movable buffer is the number of its slot, counted from the client's first on,
 * with these bits inserted, which are never set in that of another buffer, nor both in that of a
 * window.
 */
#define MOVABLE_HANDLE	(BIT(31) | BIT(30))
#define SLOT_LOW_BITS	30

#define CLOSED_AT_ONCE	16U	/* buffers that are freed together when the file is closed */

static struct vfsmount *fs_mount;

static int init_fs_context(struct fs_context *context)
{
	return init_pseudo(context, 0x46506f6f) ? 0 : -ENOMEM;
}

/* No .owner: the mount lasts as long as the module is loaded, and must not pin the module. */
static struct file_system_type fs_type = {
	.name = "framepool",
	.init_fs_context = init_fs_context,
	.kill_sb = kill_anon_super,
};

static struct inode *create_inode(void)
{
	struct inode *inode = alloc_anon_inode(fs_mount->mnt_sb);

	if (IS_ERR(inode))
		return inode;
	/* The core maps nothing beyond the size, and nothing huge across it. */
	i_size_write(inode, MAX_LFS_FILESIZE);
	/*
	 * Nothing is ever allocated with this mask. But the kernel does not try to migrate memory
	 * between NUMA nodes if the mask allows the replacement to come from the lowest zone only.
	 * Each attempt would cost a fault for each huge frame, and would never succeed.
	 */
	mapping_set_gfp_mask(inode->i_mapping, GFP_DMA);
	return inode;
}

/**
 * fp_client_init() - prepare for clients
 *
 * Context: may sleep.
 * Return: 0, or -ENOMEM.
 */
int fp_client_init(void)
{
	fs_mount = kern_mount(&fs_type);
	return PTR_ERR_OR_ZERO(fs_mount);
}

/**
 * fp_client_exit() - undo fp_client_init()
 *
 * Context: may sleep; no client is left.
 */
void fp_client_exit(void)
{
	kern_unmount(fs_mount);
}

/* Let others have the lock after every AT_ONCE buffers, of which the @i-th is done. */
static void pause_locked(struct fp_client *client, u32 i)
	__releases(&client->lock) __acquires(&client->lock)
{
	if ((i + 1) % AT_ONCE)
		return;
	spin_unlock(&client->lock);
	cond_resched();
	spin_lock(&client->lock);
}

/* The buffer whose range contains the page, freed or not. */
static struct fp_buffer *find_locked(struct fp_client *client, unsigned long pgoff)
{
	struct rb_node *node = client->buffers.rb_node;

	lockdep_assert_held(&client->lock);
	while (node) {
		struct fp_buffer *buffer = rb_entry(node, struct fp_buffer, node);

		if (pgoff < buffer->pgoff)
			node = node->rb_left;
		else if (pgoff - buffer->pgoff >= buffer->run.nr)
			node = node->rb_right;
		else
			return buffer;
	}
	return NULL;
}

static u64 make_movable_handle(u64 slot)
{
	return slot >> SLOT_LOW_BITS << 32 | MOVABLE_HANDLE | (slot & (BIT(SLOT_LOW_BITS) - 1));
}

static unsigned long slot_pgoff(u64 slot)
{
	return FP_MOVABLE_FIRST + slot % NR_SLOTS * FP_HUGE_FRAMES;
}

/* The page offset of the buffer that has a handle, if there is one. */
static unsigned long handle_pgoff(u64 handle)
{
	u32 low = lower_32_bits(handle);

	if ((low & MOVABLE_HANDLE) != MOVABLE_HANDLE)
		return low;
	return slot_pgoff(handle >> 32 << SLOT_LOW_BITS | (low & ~MOVABLE_HANDLE));
}

static struct fp_buffer *find_handle_locked(struct fp_client *client, u64 handle)
{
	struct fp_buffer *buffer = find_locked(client, handle_pgoff(handle));

	return handle && buffer && buffer->handle == handle ? buffer : NULL;
}

static bool is_before(struct rb_node *a, const struct rb_node *b)
{
	return rb_entry(a, struct fp_buffer, node)->pgoff <
	       rb_entry(b, struct fp_buffer, node)->pgoff;
}

/* The buffer, freed or not, that lies farthest behind in a range of slots, or NULL. */
static struct fp_buffer *last_in_slots(struct fp_client *client, u64 slot, u64 nr)
{
	unsigned long begin = slot_pgoff(slot), end = begin + nr * FP_HUGE_FRAMES;
	struct rb_node *node = client->buffers.rb_node;
	struct fp_buffer *buffer, *last = NULL;

	lockdep_assert_held(&client->lock);
	while (node) {
		buffer = rb_entry(node, struct fp_buffer, node);
		if (buffer->pgoff < end) {
			last = buffer;
			node = node->rb_right;
		} else {
			node = node->rb_left;
		}
	}
	return last && last->pgoff + last->run.nr > begin ? last : NULL;
}

/**
 * fp_client_place() - give a movable buffer its place in the file, and its handle
 * @client: the client
 * @buffer: the buffer, with memory
 *
 * The place is the next range of slots, each as large as a huge frame, that no buffer has. All
 * slots are used before one is used again, so a stale handle or offset is noticed for long.
 *
 * Context: process.
 */
void fp_client_place(struct fp_client *client, struct fp_buffer *buffer)
{
	u64 nr = DIV_ROUND_UP(buffer->run.nr, FP_HUGE_FRAMES), slot;
	const struct fp_buffer *other;

	spin_lock(&client->lock);
	slot = client->next_slot;
	do {
		if (slot % NR_SLOTS + nr > NR_SLOTS)
			slot = round_up(slot, NR_SLOTS);
		other = last_in_slots(client, slot, nr);
		if (other)
			slot += DIV_ROUND_UP(other->pgoff + other->run.nr - slot_pgoff(slot),
					     FP_HUGE_FRAMES);
	} while (other);
	client->next_slot = slot + nr;
	spin_unlock(&client->lock);
	buffer->pgoff = slot_pgoff(slot);
	buffer->handle = make_movable_handle(slot);
}

/**
 * fp_client_add() - make buffers known by their handles and offsets
 * @client: the client
 * @buffers: buffers with memory
 * @nr: how many
 *
 * Others can then find the buffers, and free them.
 *
 * Context: process, may sleep.
 */
void fp_client_add(struct fp_client *client, struct fp_buffer **buffers, u32 nr)
{
	u32 i;

	spin_lock(&client->lock);
	for (i = 0; i < nr; i++) {
		rb_add(&buffers[i]->node, &client->buffers, is_before);
		WRITE_ONCE(client->nr_buffers, client->nr_buffers + 1);
		pause_locked(client, i);
	}
	spin_unlock(&client->lock);
}

/* Called when the last reference is gone. */
static void remove_locked(struct kref *refs)
{
	struct fp_buffer *buffer = container_of(refs, struct fp_buffer, refs);

	lockdep_assert_held(&buffer->client->lock);
	rb_erase(&buffer->node, &buffer->client->buffers);
	WRITE_ONCE(buffer->client->nr_buffers, buffer->client->nr_buffers - 1);
}

/* Free buffers that had a handle. */
static void end_buffers(struct fp_client *client, struct fp_buffer **buffers, u32 nr)
{
	u32 i;

	for (i = 0; trace_free_enabled() && i < nr; i++)
		trace_free(buffers[i]);
	fp_buffers_free(client, buffers, nr);
}

/**
 * fp_client_put_buffer() - drop a reference
 * @buffer: the buffer
 *
 * Context: process, may sleep; the client's lock is not held.
 */
void fp_client_put_buffer(struct fp_buffer *buffer)
{
	struct fp_client *client = buffer->client;
	bool last;

	spin_lock(&client->lock);
	last = kref_put(&buffer->refs, remove_locked);
	spin_unlock(&client->lock);
	if (last)
		end_buffers(client, &buffer, 1);
}

/* Take away the handles of buffers, from the first on, up to one that is not valid. */
static u32 take_handles_locked(struct fp_client *client, const u64 *handles,
			       struct fp_buffer **buffers, u32 nr)
{
	u32 i;

	lockdep_assert_held(&client->lock);
	for (i = 0; i < nr; i++) {
		buffers[i] = find_handle_locked(client, handles[i]);
		if (!buffers[i])
			break;
		/* From now on neither others nor a duplicate in @handles find it. */
		buffers[i]->handle = 0;
		pause_locked(client, i);
	}
	return i;
}

/*
 * Drop the references of handles that were taken away; buffers that had no other move to the front.
 */
static u32 put_handles_locked(struct fp_client *client, struct fp_buffer **buffers, u32 nr)
{
	u32 i, last = 0;

	for (i = 0; i < nr; i++) {
		if (buffers[i]->exported)
			fput(buffers[i]->exported);
		buffers[i]->exported = NULL;
		if (kref_put(&buffers[i]->refs, remove_locked))
			buffers[last++] = buffers[i];
		pause_locked(client, i);
	}
	return last;
}

static void restore_handles_locked(struct fp_client *client, const u64 *handles,
				   struct fp_buffer **buffers, u32 nr)
{
	u32 i;

	for (i = 0; i < nr; i++) {
		buffers[i]->handle = handles[i];
		pause_locked(client, i);
	}
}

/**
 * fp_client_free() - give up handles
 * @client: the client
 * @handles: the handles
 * @buffers: room for @nr pointers
 * @nr: how many
 * @partial: give up the handles before the first one that is not valid; otherwise all or none
 *
 * If none is given up, those before the one that is not valid may be unknown meanwhile.
 *
 * Context: process, may sleep.
 * Return: @nr, or the index of the first handle that is not valid: it was never given out, was
 * freed, or equals an earlier one.
 */
u32 fp_client_free(struct fp_client *client, const u64 *handles, struct fp_buffer **buffers,
		   u32 nr, bool partial)
{
	u32 valid, last = 0;

	spin_lock(&client->lock);
	valid = take_handles_locked(client, handles, buffers, nr);
	if (valid == nr || partial)
		last = put_handles_locked(client, buffers, valid);
	else
		restore_handles_locked(client, handles, buffers, valid);
	spin_unlock(&client->lock);
	if (last)
		end_buffers(client, buffers, last);
	return valid;
}

/**
 * fp_client_get_handle() - take a reference to the buffer with a handle
 * @client: the client
 * @handle: the handle
 *
 * Context: process.
 * Return: the buffer, or NULL.
 */
struct fp_buffer *fp_client_get_handle(struct fp_client *client, u64 handle)
{
	struct fp_buffer *buffer;

	spin_lock(&client->lock);
	buffer = find_handle_locked(client, handle);
	/* The handle, which cannot go away under the lock, has a reference. */
	if (buffer)
		kref_get(&buffer->refs);
	spin_unlock(&client->lock);
	return buffer;
}

/**
 * fp_client_get_buffer() - take a reference to the buffer at an offset
 * @client: the client
 * @pgoff: page offset
 * @nr: pages
 *
 * Context: process.
 * Return: the buffer that contains the whole range and has a handle, or NULL.
 */
struct fp_buffer *fp_client_get_buffer(struct fp_client *client, unsigned long pgoff, u64 nr)
{
	struct fp_buffer *buffer;

	spin_lock(&client->lock);
	buffer = find_locked(client, pgoff);
	if (buffer && (!buffer->handle || nr > buffer->run.nr - (pgoff - buffer->pgoff)))
		buffer = NULL;
	if (buffer)
		kref_get(&buffer->refs);
	spin_unlock(&client->lock);
	return buffer;
}

/**
 * fp_client_handle_at() - find the handle of the buffer at an offset
 * @client: the client
 * @pgoff: page offset
 *
 * Context: process.
 * Return: the handle, or 0.
 */
u64 fp_client_handle_at(struct fp_client *client, unsigned long pgoff)
{
	struct fp_buffer *buffer;
	u64 handle;

	spin_lock(&client->lock);
	buffer = find_locked(client, pgoff);
	handle = buffer ? buffer->handle : 0;
	spin_unlock(&client->lock);
	return handle;
}

/**
 * fp_client_own_frames() - find the length of the buffer at the beginning of the file
 * @client: the client
 *
 * Context: process.
 * Return: frames; 0: it was freed, but has mappings or dma-bufs left; -1: there is none.
 */
s64 fp_client_own_frames(struct fp_client *client)
{
	struct fp_buffer *buffer;
	s64 nr = -1;

	spin_lock(&client->lock);
	buffer = find_locked(client, 0);
	if (buffer)
		nr = buffer->handle ? buffer->run.nr : 0;
	spin_unlock(&client->lock);
	return nr;
}

/**
 * fp_client_get_exported() - find the dma-buf of a whole buffer
 * @buffer: the buffer
 *
 * Context: process.
 * Return: its file, with a reference; or NULL.
 */
struct file *fp_client_get_exported(struct fp_buffer *buffer)
{
	struct fp_client *client = buffer->client;
	struct file *file;

	spin_lock(&client->lock);
	file = buffer->exported;
	if (file)
		get_file(file);
	spin_unlock(&client->lock);
	return file;
}

/**
 * fp_client_set_exported() - remember the dma-buf of a whole buffer, unless there is one
 * @client: the client
 * @handle: the buffer's handle
 * @file: file of a new dma-buf; its reference passes to the function
 *
 * Context: process.
 * Return: the file of the dma-buf that the buffer now has, with a reference; or an error pointer:
 * -ENOENT: the handle was freed meanwhile.
 */
struct file *fp_client_set_exported(struct fp_client *client, u64 handle, struct file *file)
{
	struct fp_buffer *buffer;
	struct file *kept = ERR_PTR(-ENOENT);

	spin_lock(&client->lock);
	buffer = find_handle_locked(client, handle);
	if (buffer) {
		if (!buffer->exported)
			buffer->exported = get_file(file);
		kept = get_file(buffer->exported);
	}
	spin_unlock(&client->lock);
	fput(file);
	return kept;
}

/* Wait until every fault in a buffer that did not see the flag has installed its page. */
static void wait_for_faults(const struct fp_pool *pool)
{
	struct folio *folio;
	u64 frame;

	for (frame = 0; frame < fp_pool_total_frames(pool); frame += FP_HUGE_FRAMES) {
		folio = page_folio(pfn_to_page(fp_pool_pfn(pool, frame)));
		folio_lock(folio);
		folio_unlock(folio);
		cond_resched();
	}
}

/**
 * fp_client_revoke_all() - shut a pool down by force
 * @pool: the pool; it accepts no new clients from now on
 *
 * When this returns, none of its clients' memory is in a page table, and any access to a mapping of
 * it gets SIGBUS.
 *
 * Context: may sleep; takes folio locks and each mapping's i_mmap_rwsem.
 */
void fp_client_revoke_all(struct fp_pool *pool)
{
	struct fp_client *client;

	mutex_lock(&pool->clients_lock);
	pool->is_shut = true;
	list_for_each_entry(client, &pool->clients, node)
		WRITE_ONCE(client->revoked, true);
	fp_waiters_notify(&pool->waiters);
	wait_for_faults(pool);
	list_for_each_entry(client, &pool->clients, node) {
		fp_windows_wait(&client->windows);
		unmap_mapping_range(client->inode->i_mapping, 0, 0, 1);
		trace_revoke(client);
		cond_resched();
	}
	mutex_unlock(&pool->clients_lock);
}

/**
 * fp_client_windows_for_each() - call a function for the caches of all clients of a pool
 * @pool: the pool
 * @show: called for each; may sleep
 * @context: passed on
 *
 * Context: may sleep.
 */
void fp_client_windows_for_each(struct fp_pool *pool,
				void (*show)(struct fp_window *window, void *context),
				void *context)
{
	struct fp_client *client;

	mutex_lock(&pool->clients_lock);
	list_for_each_entry(client, &pool->clients, node)
		fp_windows_for_each(&client->windows, show, context);
	mutex_unlock(&pool->clients_lock);
}

/* Returns false if the pool was shut down. */
static bool join_pool(struct fp_client *client)
{
	struct fp_pool *pool = client->pool;
	bool may_join;

	mutex_lock(&pool->clients_lock);
	may_join = !pool->is_shut;
	if (may_join) {
		list_add_tail(&client->node, &pool->clients);
		WRITE_ONCE(pool->nr_clients, pool->nr_clients + 1);
	}
	mutex_unlock(&pool->clients_lock);
	return may_join;
}

/**
 * fp_client_create() - create a client for the current process
 * @pool: the pool; the caller sees to it that it does not go away meanwhile
 * @sees_addresses: whether it may learn the physical addresses of its buffers
 *
 * Context: may sleep.
 * Return: the client, or an error pointer: -ENOMEM; -ENODEV: the pool was shut down.
 */
struct fp_client *fp_client_create(struct fp_pool *pool, bool sees_addresses)
{
	struct fp_client *client = kzalloc(sizeof(*client), GFP_KERNEL_ACCOUNT);
	int ret = -ENOMEM;

	if (!client)
		return ERR_PTR(ret);
	client->inode = create_inode();
	if (IS_ERR(client->inode)) {
		ret = PTR_ERR(client->inode);
		goto err_free;
	}
	client->account = fp_account_open(&pool->accounts, current_uid(), MAX_KEPT);
	if (!client->account)
		goto err_inode;
	kref_init(&client->refs);
	client->pool = pool;
	client->sees_addresses = sees_addresses;
	spin_lock_init(&client->lock);
	client->buffers = RB_ROOT;
	mutex_init(&client->own_lock);
	mutex_init(&client->exports_lock);
	INIT_LIST_HEAD(&client->exports);
	fp_windows_init(&client->windows, pool, client->account, client->inode->i_mapping);
	if (join_pool(client)) {
		fp_registry_get(pool);
		return client;
	}
	ret = -ENODEV;
	fp_account_close(&pool->accounts, client->account);
err_inode:
	iput(client->inode);
err_free:
	kfree(client);
	return ERR_PTR(ret);
}

/**
 * fp_client_get() - take a reference
 * @client: the client
 *
 * Context: any.
 */
void fp_client_get(struct fp_client *client)
{
	kref_get(&client->refs);
}

static void destroy(struct kref *refs)
{
	struct fp_client *client = container_of(refs, struct fp_client, refs);
	struct fp_pool *pool = client->pool;

	mutex_lock(&pool->clients_lock);
	list_del(&client->node);
	WRITE_ONCE(pool->nr_clients, pool->nr_clients - 1);
	mutex_unlock(&pool->clients_lock);
	iput(client->inode);
	fp_pool_end_owner(pool, &client->account->owner);
	/* Then its account stays for good, since leaked huge frames refer to it. */
	WARN_ONCE(client->account->owner.nr_huge,
		  "framepool: %s: degraded: a client ends but still owns %u huge frames\n",
		  pool->name, client->account->owner.nr_huge);
	fp_account_close(&pool->accounts, client->account);
	kfree(client);
	fp_registry_put(pool);
}

/**
 * fp_client_put() - drop a reference
 * @client: the client
 *
 * Context: may sleep.
 */
void fp_client_put(struct fp_client *client)
{
	kref_put(&client->refs, destroy);
}

/* The first buffer that begins at @pgoff or after it. */
static struct rb_node *first_locked(struct fp_client *client, unsigned long pgoff)
{
	struct rb_node *node = client->buffers.rb_node, *found = NULL;

	lockdep_assert_held(&client->lock);
	while (node) {
		if (rb_entry(node, struct fp_buffer, node)->pgoff >= pgoff) {
			found = node;
			node = node->rb_left;
		} else {
			node = node->rb_right;
		}
	}
	return found;
}

/* The first buffer that does not move, and has a part of @nr frames from @frame on. */
static struct fp_buffer *first_fixed_locked(struct fp_client *client, u64 frame, u64 nr)
{
	unsigned long pgoff = frame + FP_BUFFER_FIRST;
	struct fp_buffer *buffer = find_locked(client, pgoff);

	if (!buffer)
		buffer = rb_entry_safe(first_locked(client, pgoff), struct fp_buffer, node);
	if (buffer && buffer->pgoff < pgoff + nr)
		return buffer;
	/* The own buffer lies elsewhere in the file. */
	buffer = find_locked(client, 0);
	return buffer && !buffer->movable && buffer->run.frame < frame + nr &&
	       buffer->run.frame + buffer->run.nr > frame ? buffer : NULL;
}

/**
 * fp_client_find_fixed() - find the first buffer in some frames that never moves
 * @client: the client
 * @frame: the first frame
 * @nr: how many
 * @run: set to where the buffer lies, which may begin before them and end behind
 * @handle: set to its handle, or to 0 if that was freed
 *
 * Context: process.
 * Return: whether there is one.
 */
bool fp_client_find_fixed(struct fp_client *client, u64 frame, u64 nr, struct fp_run *run,
			  u64 *handle)
{
	struct fp_buffer *buffer;

	spin_lock(&client->lock);
	buffer = first_fixed_locked(client, frame, nr);
	if (buffer) {
		*run = buffer->run;
		*handle = buffer->handle;
	}
	spin_unlock(&client->lock);
	return buffer;
}

/*
 * Collect handles of buffers that begin at *@pgoff or after it, and set *@pgoff to where to go on.
 * Returns how many; after the last one, *@pgoff is 0.
 */
static u32 list_handles(struct fp_client *client, unsigned long *pgoff, u64 *handles)
{
	struct fp_buffer *buffer;
	struct rb_node *node;
	u32 i, nr = 0;

	spin_lock(&client->lock);
	node = first_locked(client, *pgoff);
	*pgoff = 0;
	for (i = 0; node; node = rb_next(node)) {
		buffer = rb_entry(node, struct fp_buffer, node);
		if (i++ == CLOSED_AT_ONCE) {
			*pgoff = buffer->pgoff;
			break;
		}
		if (buffer->handle)
			handles[nr++] = buffer->handle;
	}
	spin_unlock(&client->lock);
	return nr;
}

static void free_handles(struct fp_client *client)
{
	struct fp_buffer *buffers[CLOSED_AT_ONCE] __uninitialized;
	u64 handles[CLOSED_AT_ONCE] __uninitialized;
	unsigned long pgoff = 0;

	do {
		fp_client_free(client, handles, buffers, list_handles(client, &pgoff, handles),
			       false);
		cond_resched();
	} while (pgoff);
}

/**
 * fp_client_close() - drop what a client has, and the reference of its file
 * @client: a client whose file is being released
 *
 * Context: may sleep.
 */
void fp_client_close(struct fp_client *client)
{
	/* No VMA of the file is left and no call is under way. */
	WRITE_ONCE(client->closed, true);
	free_handles(client);
	fp_windows_fini(&client->windows);
	fp_client_put(client);
}
