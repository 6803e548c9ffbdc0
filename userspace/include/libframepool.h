/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libframepool: physically contiguous memory from the framepool kernel module.
 *
 * Objects, all opaque
 *  struct framepool         a client: one open file of /dev/framepool/<pool>
 *  struct framepool_buffer  a physically contiguous buffer of a client
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
 * framepool_buffer_free(), framepool_free_batch(), framepool_stats_free()) has to be its last use.
 * There is no global state and no lock, so that fork() is safe at any time.
 *
 * Processes: a child made by fork() shares the client with its parent; a buffer
 * freed by one is freed for both. Nothing is inherited by execve(2).
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
 * @fp: the client, or NULL. Its buffers have been freed.
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
 * @limit: every byte lies below this physical address; 0: no limit
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
 * @count: how many
 * @bufs: room for @count buffers
 *
 * The buffers are like any others, and may be freed one by one or in batches.
 *
 * Return: how many there are now in @bufs: @count, or fewer with errno (as
 * framepool_buffer_alloc_constrained()) saying why there are no more. Without @partial fewer
 * are none: what was allocated before the one that failed has been freed again.
 */
size_t framepool_alloc_batch(struct framepool *fp, uint64_t length, uint64_t align, uint64_t limit,
			     bool partial, size_t count, struct framepool_buffer **bufs);

/**
 * framepool_free_batch - unmap many buffers and give them up
 * @bufs: buffers of one client, each once
 * @count: how many
 *
 * What framepool_buffer_free() does, by few kernel calls. errno is left alone.
 */
void framepool_free_batch(struct framepool_buffer **bufs, size_t count);

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
