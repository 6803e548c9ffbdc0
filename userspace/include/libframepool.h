/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libframepool: physically contiguous memory from the framepool kernel module.
 *
 * Objects, all opaque
 *  struct framepool         a client: one open file of /dev/framepool/<pool>
 *  struct framepool_buffer  a physically contiguous buffer of a client
 *  struct framepool_cache   a cache of objects of one size
 *  struct framepool_stats   a snapshot of a pool's counters
 *
 * Errors: a function that fails returns NULL or -1 and sets errno. The values
 * mean the same in all functions:
 *  EINVAL  an argument is out of its documented range
 *  ENOMEM  the pool has less free memory than asked for
 *  ENOSPC  enough is free, but there is no run of that length with that
 *          alignment below that limit
 *  EDQUOT  the client, or its user, would hold more than its quota
 *  ENOBUFS no memory outside the pool for the bookkeeping
 *  EINTR   a fatal signal arrived; the program does not live to see it
 * What else a function can give is said where it is declared.
 *
 * Threads: every function may be called by several threads at a time, on the
 * same objects too. Only the call that ends an object (framepool_close(),
 * framepool_buffer_free(), framepool_free_batch(), framepool_cache_destroy(), framepool_stats_free()) has to
 * be its last use.
 *
 * Processes: fork() is safe at any time. A child made by it shares the client with its parent; a buffer
 * freed by one is freed for both, and so is an object, or a cache that is destroyed. Nothing is
 * inherited by execve(2).
 */
#ifndef LIBFRAMEPOOL_H
#define LIBFRAMEPOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct framepool;
struct framepool_buffer;
struct framepool_cache;
struct framepool_stats;

/**
 * framepool_version - the version of the library
 *
 * Return: text like "0.1.0".
 */
const char *framepool_version(void);

/**
 * framepool_open - become a client of a pool
 * @pool: its name; NULL for the pool "default"
 *
 * Return: the client, or NULL with errno
 *  EINVAL           no pool can have that name
 *  ENOENT           there is no such pool, or the module is not loaded
 *  EACCES, EPERM    the device node is closed to this process
 *  ENXIO            a device node is left over, but its pool is gone
 *  ENOTTY           the node is not one of framepool's
 *  EPROTONOSUPPORT  the module speaks another version of the kernel interface
 *  ENOBUFS
 *  and what open(2) gives.
 * framepool_explain_open() puts each of them into words.
 */
struct framepool *framepool_open(const char *pool);

/**
 * framepool_close - end a client
 * @fp: the client, or NULL. Its buffers have been freed, and its caches destroyed.
 *
 * errno is left alone.
 */
void framepool_close(struct framepool *fp);

/**
 * framepool_explain_open - say why framepool_open() failed and what to do
 * @err: the errno it gave
 * @pool: the name it was given
 * @text: where the sentence goes: no newline, cut if it is longer than @size
 * @size: bytes at @text, at least 1; 256 hold most
 *
 * Looks at the machine: call it soon after the failure. errno is left alone.
 *
 * Return: @text.
 */
char *framepool_explain_open(int err, const char *pool, char *text, size_t size);

/**
 * framepool_fd - the client's file descriptor
 * @fp: the client
 *
 * For mmap(2), or to pass to another process, which then shares the client. It is
 * closed by framepool_close() and by execve(2).
 *
 * Return: the descriptor.
 */
int framepool_fd(const struct framepool *fp);

/*
 * What is fixed about a pool; but the limits may be changed by an administrator. These never fail.
 *
 *  name         the pool's name; lives as long as @fp
 *  abi          version of the kernel interface
 *  frame_bytes  size of a page frame, the granularity of lengths
 *  huge_bytes   size of a huge frame
 *  total_bytes  size of the pool
 *  client_quota_bytes  most that one client may hold now; 0: no limit
 *  user_quota_bytes    most that all clients of one user may hold together now; 0: no limit
 *  node         NUMA node the pool was taken from; -1: any
 *  max_order    order (log2 of frames) of the pool's largest aligned block
 */
const char *framepool_name(const struct framepool *fp);
unsigned int framepool_abi(const struct framepool *fp);
uint32_t framepool_frame_bytes(const struct framepool *fp);
uint32_t framepool_huge_bytes(const struct framepool *fp);
uint64_t framepool_total_bytes(const struct framepool *fp);
uint64_t framepool_client_quota_bytes(const struct framepool *fp);
uint64_t framepool_user_quota_bytes(const struct framepool *fp);
int framepool_node(const struct framepool *fp);
unsigned int framepool_max_order(const struct framepool *fp);

/**
 * framepool_buffer_alloc - allocate a physically contiguous buffer
 * @fp: the client; it must outlive the buffer
 * @length: bytes, at least 1; rounded up to whole frames
 *
 * The buffer reads as zeros, unless framepool_noclear() said otherwise.
 *
 * Return: the buffer, or NULL with errno EINVAL (@length is 0 or too large to
 * be rounded up), ENOMEM, ENOSPC, EDQUOT, ENOBUFS, EINTR.
 */
struct framepool_buffer *framepool_buffer_alloc(struct framepool *fp, uint64_t length);

/**
 * framepool_buffer_alloc_constrained - allocate a buffer in a certain place
 * @fp: as for framepool_buffer_alloc()
 * @length: as for framepool_buffer_alloc()
 * @align: the physical address is a multiple of it: a power of two, or 0
 * @limit: every byte lies below this physical address; 0: no limit. It is rounded down to a power of two if the client was
 *         opened without CAP_SYS_ADMIN.
 *
 * Return: as framepool_buffer_alloc(); EINVAL also for an @align that is not a
 * power of two.
 */
struct framepool_buffer *framepool_buffer_alloc_constrained(struct framepool *fp,
							     uint64_t length, uint64_t align,
							     uint64_t limit);

/**
 * framepool_noclear - say whether buffers need to be cleared
 * @fp: the client
 * @noclear: what is allocated from now on, by whatever thread, reads as zeros or as what this client left
 *	     in buffers that it has freed; false, as at first: it reads as zeros
 *
 * Without clearing, large buffers that are freed and allocated over and over cost next to nothing. What other clients
 * wrote is never seen.
 */
void framepool_noclear(struct framepool *fp, bool noclear);

/**
 * framepool_buffer_free - unmap a buffer and give it up
 * @buf: the buffer, or NULL
 *
 * Ends what framepool_buffer_map() made. Mappings that the program made
 * itself by mmap(2) stay valid, and keep the memory until they are unmapped.
 * errno is left alone.
 */
void framepool_buffer_free(struct framepool_buffer *buf);

/**
 * framepool_buffer_map - map the whole buffer for reading and writing
 * @buf: the buffer
 *
 * The first call maps, later ones return the same address. Memory is
 * mapped piece by piece when it is first touched, by huge frames where they fit.
 *
 * Return: the address, or NULL with errno from mmap(2): ENOMEM means that the
 * process has no room for the mapping.
 */
void *framepool_buffer_map(struct framepool_buffer *buf);

/**
 * framepool_buffer_unmap - undo framepool_buffer_map()
 * @buf: the buffer
 *
 * One call undoes any number of them. The content of the buffer stays. Does
 * nothing if the buffer is not mapped. errno is left alone.
 */
void framepool_buffer_unmap(struct framepool_buffer *buf);

/*
 * What does not change while a buffer exists. These never fail.
 *
 *  length  bytes, rounded up to whole frames
 *  handle  its name in calls of the kernel interface; never 0
 *  offset  where in framepool_fd() it can be mapped by mmap(2)
 */
uint64_t framepool_buffer_length(const struct framepool_buffer *buf);
uint64_t framepool_buffer_handle(const struct framepool_buffer *buf);
uint64_t framepool_buffer_offset(const struct framepool_buffer *buf);

/**
 * framepool_buffer_mapped_bytes - how much address space maps a buffer
 * @buf: the buffer
 * @bytes: set to the sum over all mappings in all processes
 *
 * Return: 0, or -1 with errno ENOENT (another process or another part of the
 * program freed the handle).
 */
int framepool_buffer_mapped_bytes(const struct framepool_buffer *buf, uint64_t *bytes);

/**
 * framepool_buffer_address - where a buffer is
 * @buf: the buffer
 * @address: set to the physical address of its first byte; 0 if the client was not opened
 *           with CAP_SYS_ADMIN
 *
 * The buffer is contiguous: its byte n is at @address + n.
 *
 * Return: as framepool_buffer_mapped_bytes().
 */
int framepool_buffer_address(const struct framepool_buffer *buf, uint64_t *address);

/**
 * framepool_alloc_batch - allocate many equal buffers by as few kernel calls as possible
 * @fp: as for framepool_buffer_alloc()
 * @length: as for framepool_buffer_alloc()
 * @align: as for framepool_buffer_alloc_constrained()
 * @limit: as for framepool_buffer_alloc_constrained()
 * @partial: be content with fewer than @count
 * @bufs: room for @count buffers
 * @count: how many
 *
 * The buffers are like any others, and may be freed one by one or in batches.
 *
 * Return: how many there are now in @bufs: @count, or fewer with errno (as
 * framepool_buffer_alloc_constrained()) saying why there are no more. Without @partial fewer
 * are none: what was allocated before the one that failed has been freed again.
 */
size_t framepool_alloc_batch(struct framepool *fp, uint64_t length, uint64_t align, uint64_t limit,
			     bool partial, struct framepool_buffer **bufs, size_t count);

/**
 * framepool_free_batch - unmap many buffers and give them up
 * @bufs: buffers of one client, each once
 * @count: how many
 *
 * What framepool_buffer_free() does, by few kernel calls. errno is left alone.
 */
void framepool_free_batch(struct framepool_buffer **bufs, size_t count);

/* flags of a cache; also in framepool.h */
#define FRAMEPOOL_CACHE_RANDOM	(1U << 0)	/* deal objects out in a random order */

/**
 * framepool_cache_create - make a cache of objects of one size
 * @fp: the client; it must outlive the cache
 * @object_size: bytes of an object, 8 to 1 MiB
 * @align: each object's address, and its physical address, is a multiple of it: a power of two, at most the
 *	   size of a huge frame; 0: any multiple of 8
 * @flags: FRAMEPOOL_CACHE_RANDOM or 0
 *
 * The cache takes memory from the pool in slabs, physically contiguous blocks, as objects are allocated, and gives it
 * back as they are freed. Its window, as large as the pool, is mapped at once; memory is mapped when it is first touched.
 *
 * Each thread keeps some objects at hand, a magazine of at most 512 objects or 256 KiB, or two objects: most calls of
 * framepool_cache_alloc() and framepool_cache_free() make no system call. To the pool such objects are allocated. They go back
 * when the thread ends or calls framepool_cache_flush(). A child made by fork() begins without any: they are its
 * parent's. (That does not hold for clone(2) and _Fork(), after which a child must not use caches of its parent.)
 *
 * If the environment has FRAMEPOOL_CACHE_CHECK, there are no magazines: the kernel sees each call, and each mistake at
 * once.
 *
 * Return: the cache, or NULL with errno EINVAL, ENOBUFS, EMFILE (the client has 1024 caches), ENOTTY (the module is of
 * a version without caches), and what mmap(2) gives: ENOMEM means that the process has no room for the window.
 * framepool_explain_cache() puts each of them into words.
 */
struct framepool_cache *framepool_cache_create(struct framepool *fp, size_t object_size, size_t align,
					       unsigned int flags);

/**
 * framepool_explain_cache - say why framepool_cache_create() failed and what to do
 * @err: the errno it gave
 * @text: where the sentence goes: no newline, cut if it is longer than @size
 * @size: bytes at @text, at least 1; 256 hold most
 *
 * errno is left alone.
 *
 * Return: @text.
 */
char *framepool_explain_cache(int err, char *text, size_t size);

/**
 * framepool_cache_destroy - end a cache and all of its objects
 * @cache: the cache, or NULL
 *
 * Ends its mapping too. Threads may have objects in magazines still. errno is left alone.
 */
void framepool_cache_destroy(struct framepool_cache *cache);

/**
 * framepool_cache_alloc - allocate an object
 * @cache: the cache
 *
 * It reads as zeros, or as what this client left in memory that it has freed.
 *
 * Return: the object, or NULL with errno ENOMEM, ENOSPC, EDQUOT, ENOBUFS, EINTR. Objects that other threads have
 * in magazines may be what is lacking.
 */
void *framepool_cache_alloc(struct framepool_cache *cache);

/**
 * framepool_cache_free - free an object
 * @cache: its cache
 * @object: the object, by whichever thread it was allocated; or NULL
 *
 * That an object is freed twice is noticed when it goes back to the kernel, unless somebody got it in between.
 *
 * Return: 0, or -1 with errno EINVAL (there can be no object of @cache at that address; nothing is done) or ENOENT (among
 * the objects that went back to the kernel now there were some that were not allocated; they were left out, and @object is free,
 * unless it was one of them). errno is otherwise left alone.
 */
int framepool_cache_free(struct framepool_cache *cache, void *object);

/**
 * framepool_cache_alloc_batch - allocate many objects by few kernel calls
 * @cache: the cache
 * @objects: room for @count objects
 * @count: how many
 *
 * Return: how many there are now in @objects: @count, or fewer with errno as framepool_cache_alloc().
 */
size_t framepool_cache_alloc_batch(struct framepool_cache *cache, void **objects, size_t count);

/**
 * framepool_cache_free_batch - free many objects by few kernel calls
 * @cache: their cache
 * @objects: the objects, each once
 * @count: how many
 *
 * Return: 0, or -1 with errno EINVAL (one of them can be no object of @cache; nothing is done) or ENOENT as
 * framepool_cache_free(). errno is otherwise left alone.
 */
int framepool_cache_free_batch(struct framepool_cache *cache, void * const *objects, size_t count);

/**
 * framepool_cache_flush - give back what this thread keeps at hand
 * @cache: of this cache
 *
 * Return: 0, or -1 with errno ENOENT as framepool_cache_free(). errno is otherwise left alone.
 */
int framepool_cache_flush(struct framepool_cache *cache);

/**
 * framepool_cache_offset - where in the window an object is
 * @cache: the cache
 * @object: the object
 *
 * Return: its distance from the window's beginning, which names it in other processes that share the client.
 */
uint64_t framepool_cache_offset(const struct framepool_cache *cache, const void *object);

/**
 * framepool_cache_object - what is at a place of the window
 * @cache: the cache
 * @offset: from framepool_cache_offset()
 *
 * Return: the object, or NULL with errno EINVAL (there can be none).
 */
void *framepool_cache_object(const struct framepool_cache *cache, uint64_t offset);

/*
 * What does not change while a cache exists. These never fail.
 *
 *  handle        its name in calls of the kernel interface; never 0
 *  window        where in framepool_fd() its window begins
 *  window_bytes  length of the window
 *  stride        bytes from one object to the next
 *  slab_bytes    by how much it grows
 */
uint64_t framepool_cache_handle(const struct framepool_cache *cache);
uint64_t framepool_cache_window(const struct framepool_cache *cache);
uint64_t framepool_cache_window_bytes(const struct framepool_cache *cache);
uint32_t framepool_cache_stride(const struct framepool_cache *cache);
uint32_t framepool_cache_slab_bytes(const struct framepool_cache *cache);

/*
 * What this process, and before fork() its parent, did with a cache. These never fail.
 *
 *  allocs       objects that were allocated
 *  alloc_calls  calls of the kernel that this took
 *  free_calls   calls of the kernel to give objects back
 *  bad_frees    objects among those that were not allocated, as far as noticed
 */
uint64_t framepool_cache_allocs(struct framepool_cache *cache);
uint64_t framepool_cache_alloc_calls(const struct framepool_cache *cache);
uint64_t framepool_cache_free_calls(const struct framepool_cache *cache);
uint64_t framepool_cache_bad_frees(const struct framepool_cache *cache);

/**
 * framepool_stats_read - take one consistent snapshot of the pool
 * @fp: the client
 *
 * Return: the snapshot, or NULL with errno ENOBUFS.
 */
struct framepool_stats *framepool_stats_read(const struct framepool *fp);

/**
 * framepool_stats_free - end a snapshot
 * @stats: the snapshot, or NULL
 *
 * errno is left alone.
 */
void framepool_stats_free(struct framepool_stats *stats);

/*
 * What a snapshot says. These never fail.
 *
 *  total_bytes        always free_bytes + used_bytes + quarantined_bytes + retired_bytes
 *  free_bytes         free for allocation at once
 *  used_bytes         in buffers
 *  quarantined_bytes  given back, but still referenced or not cleared yet
 *  retired_bytes      never given out again: the hardware found a frame in it bad
 *  largest_bytes      longest run that one client could get now
 *  clients            open files
 *  buffers            live buffers
 *  allocs             successful allocations since the pool was made
 *  frees              buffers whose memory came back since then
 *  fail_nomem         allocations refused with ENOMEM
 *  fail_nospace       allocations refused with ENOSPC
 *  fail_quota         allocations refused with EDQUOT
 *  orders             orders of blocks that the pool tells apart
 *  free_blocks        free blocks of 2^@order frames; 0 for an @order beyond
 */
uint64_t framepool_stats_total_bytes(const struct framepool_stats *stats);
uint64_t framepool_stats_free_bytes(const struct framepool_stats *stats);
uint64_t framepool_stats_used_bytes(const struct framepool_stats *stats);
uint64_t framepool_stats_quarantined_bytes(const struct framepool_stats *stats);
uint64_t framepool_stats_retired_bytes(const struct framepool_stats *stats);
uint64_t framepool_stats_largest_bytes(const struct framepool_stats *stats);
uint64_t framepool_stats_clients(const struct framepool_stats *stats);
uint64_t framepool_stats_buffers(const struct framepool_stats *stats);
uint64_t framepool_stats_allocs(const struct framepool_stats *stats);
uint64_t framepool_stats_frees(const struct framepool_stats *stats);
uint64_t framepool_stats_fail_nomem(const struct framepool_stats *stats);
uint64_t framepool_stats_fail_nospace(const struct framepool_stats *stats);
uint64_t framepool_stats_fail_quota(const struct framepool_stats *stats);
unsigned int framepool_stats_orders(const struct framepool_stats *stats);
uint64_t framepool_stats_free_blocks(const struct framepool_stats *stats, unsigned int order);

/**
 * framepool_stats_unusable_index - the share of free memory of no use to a request
 * @stats: the snapshot
 * @order: the request is for a block of 2^@order frames
 *
 * The kernel's unusable free space index: the part of the free memory that lies in
 * blocks smaller than the request.
 *
 * Return: thousandths: 0 (all of it is of use) to 1000 (none, or none is free).
 */
int framepool_stats_unusable_index(const struct framepool_stats *stats, unsigned int order);

/**
 * framepool_stats_external_index - why a request would fail
 * @stats: the snapshot
 * @order: the request is for a block of 2^@order frames
 *
 * The kernel's external fragmentation index.
 *
 * Return: thousandths: towards 0 (and below it, where very few blocks are free) for
 * lack of memory, towards 1000 because of fragmentation; 0 if nothing is free;
 * -1000 if the request would not fail.
 */
int framepool_stats_external_index(const struct framepool_stats *stats, unsigned int order);

#ifdef __cplusplus
}
#endif

#endif
