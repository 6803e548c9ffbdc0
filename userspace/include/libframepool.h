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
 * Errors: a function that fails returns NULL or -1 and sets errno. Unless its declaration says
 * otherwise, the values mean:
 *  EINVAL  an argument is out of its documented range
 *  ENOMEM  less memory is free for this client than it asked for: empty huge frames and, for less
 *          than a huge frame, also free frames in huge frames of its own
 *  ENOSPC  enough memory is free for this client, but no run has that length and alignment below
 *          that limit
 *  EDQUOT  the client, or its user, would be charged more than its quota
 *  ENOBUFS there is no memory outside the pool for the bookkeeping
 *  ENODEV  an administrator shut the pool down by force. Every function that calls the kernel may
 *          fail with it. Mapped memory gives SIGBUS. A program can only free, destroy and close
 *          what it has.
 *  EINTR   a fatal signal arrived; the program ends before it sees this; after
 *          framepool_wait(), also a signal that has a handler
 *  EPERM   the alignment is more than a huge frame, and the client was opened without CAP_SYS_ADMIN
 *  ETIMEDOUT  the time set by framepool_wait() has passed
 * Other values are listed where a function is declared.
 *
 * Threads: several threads may call any function at the same time, for the same object too. Only a
 * call that ends an object must be its last use: framepool_close(), framepool_buffer_free(),
 * framepool_free_batch(), framepool_cache_destroy(), framepool_stats_free().
 *
 * A plugin that contains libframepool.a may be unloaded after it has ended its caches, while no
 * thread that used them is about to end.
 *
 * Processes: fork() is safe at any time. The child shares the client with its parent: if one of
 * them frees a buffer or an object, or destroys a cache, it is gone for both. execve(2) closes the
 * client.
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
 *  EACCES, EPERM    this process may not open the device node
 *  ENXIO            the device node is left over; its pool is gone
 *  ENODEV           the pool was shut down
 *  ENOTTY           the node is not one of framepool's
 *  EPROTONOSUPPORT  the module speaks another version of the kernel interface
 *  ENOBUFS
 *  and what open(2) gives.
 * framepool_explain_open() has a sentence for each of them.
 */
struct framepool *framepool_open(const char *pool);

/**
 * framepool_close - end a client
 * @fp: the client, or NULL. Its buffers must have been freed and its caches destroyed.
 *
 * errno is left alone.
 */
void framepool_close(struct framepool *fp);

/**
 * framepool_explain_open - say why framepool_open() failed and what to do
 * @err: the errno it gave
 * @pool: the name it was given
 * @text: the sentence is written here, without a newline, and cut if it is longer than @size
 * @size: bytes at @text, at least 1; 256 are enough for most sentences
 *
 * This looks at the machine, so call it soon after the failure. errno is left alone.
 *
 * Return: @text.
 */
char *framepool_explain_open(int err, const char *pool, char *text, size_t size);

/**
 * framepool_fd - the client's file descriptor
 * @fp: the client
 *
 * It can be given to mmap(2), or passed to another process, which then shares the client.
 * framepool_close() and execve(2) close it.
 *
 * Return: the descriptor.
 */
int framepool_fd(const struct framepool *fp);

/*
 * Properties of a pool. They do not change, except that an administrator may change the quotas.
 * These functions never fail.
 *
 *  name                name of the pool; valid as long as @fp
 *  abi                 version of the kernel interface
 *  frame_bytes         size of a page frame; lengths are multiples of it
 *  huge_bytes          size of a huge frame
 *  total_bytes         size of the pool
 *  client_quota_bytes  the most that one client may be charged now; 0: no limit
 *  user_quota_bytes    the most that all clients of one user may be charged together now;
 *                      0: no limit
 *  node                NUMA node that the pool was taken from; -1: any
 *  max_order           order (log2 of frames) of the pool's largest naturally aligned block
 *  memory              how processors cache the pool: "wb" (written back, like other memory), "wc"
 *                      (not cached, writes are combined), "uc" (not cached), or "unknown"
 *  extents             number of physically contiguous extents that the pool consists of
 *  largest_extent_bytes  size of the largest of them, the most that a buffer can have
 *  first_address       no byte of the pool lies below this physical address
 *  end_address         every byte of the pool lies below this one. Both are rounded to powers of
 *                      two if the client was opened without CAP_SYS_ADMIN
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
const char *framepool_memory(const struct framepool *fp);
uint32_t framepool_extents(const struct framepool *fp);
uint64_t framepool_largest_extent_bytes(const struct framepool *fp);
uint64_t framepool_first_address(const struct framepool *fp);
uint64_t framepool_end_address(const struct framepool *fp);

/**
 * framepool_buffer_alloc - allocate a physically contiguous buffer
 * @fp: the client; it must outlive the buffer
 * @length: bytes, at least 1; rounded up to whole frames
 *
 * The buffer reads as zeros, except after framepool_noclear().
 *
 * Return: the buffer, or NULL with errno EINVAL (@length is 0, or too large to be rounded up),
 * ENOMEM, ENOSPC, EDQUOT, ENOBUFS, ENODEV, EINTR, after framepool_wait() ETIMEDOUT.
 * framepool_explain_alloc() has a sentence for each of them.
 */
struct framepool_buffer *framepool_buffer_alloc(struct framepool *fp, uint64_t length);

/**
 * framepool_buffer_alloc_constrained - allocate a buffer with an alignment and below an address
 * @fp: as for framepool_buffer_alloc()
 * @length: as for framepool_buffer_alloc()
 * @align: the physical address is a multiple of it: a power of two, or 0
 * @limit: every byte lies below this physical address; 0: no limit. It is rounded down to a power
 *         of two if the client was opened without CAP_SYS_ADMIN.
 *
 * Return: as framepool_buffer_alloc(); EINVAL also if @align is not a power of two; EPERM if it is
 * more than a huge frame, and the client was opened without CAP_SYS_ADMIN.
 */
struct framepool_buffer *framepool_buffer_alloc_constrained(struct framepool *fp,
							     uint64_t length, uint64_t align,
							     uint64_t limit);

/**
 * framepool_buffer_alloc_own - allocate the buffer at offset 0 of framepool_fd()
 * @fp: as for framepool_buffer_alloc()
 * @length: as for framepool_buffer_alloc(), but rounded up to whole huge frames
 * @align: as for framepool_buffer_alloc_constrained()
 * @limit: as for framepool_buffer_alloc_constrained()
 *
 * A program that gets the descriptor, and only maps it, finds the buffer there. If there is none
 * yet, its first mmap(2) makes one, without @align and @limit.
 *
 * Return: as framepool_buffer_alloc_constrained(); EEXIST: there is one, or one that was freed and
 * has mappings or dma-bufs left.
 */
struct framepool_buffer *framepool_buffer_alloc_own(struct framepool *fp, uint64_t length,
						    uint64_t align, uint64_t limit);

/**
 * framepool_buffer_at - find the buffer at an offset of framepool_fd()
 * @fp: the client; it must outlive the result
 * @offset: offset of any byte of the buffer; 0: of the one that mmap(2) at the beginning made
 *
 * For buffers that something else has allocated through the same client: mmap(2), or another
 * process.
 *
 * Return: an object for the buffer, or NULL with errno ENOENT (there is none), ENOBUFS, ENODEV.
 * framepool_buffer_free() of it frees the buffer, whoever allocated it.
 */
struct framepool_buffer *framepool_buffer_at(struct framepool *fp, uint64_t offset);

/**
 * framepool_explain_alloc - say why an allocation of a buffer failed and what to do
 * @err: the errno that it gave
 * @fp: the client
 * @length: as it was given
 * @align: as it was given, or 0
 * @limit: as it was given, or 0
 * @text: the sentence is written here, without a newline, and cut if it is longer than @size
 * @size: bytes at @text, at least 1; 256 are enough for most sentences
 *
 * This works for framepool_buffer_alloc(), framepool_buffer_alloc_constrained(),
 * framepool_buffer_alloc_own() and framepool_alloc_batch(). It looks at the pool, so call it soon
 * after the failure. errno is left alone.
 *
 * Return: @text.
 */
char *framepool_explain_alloc(int err, const struct framepool *fp, uint64_t length, uint64_t align,
			      uint64_t limit, char *text, size_t size);

/**
 * framepool_noclear - say whether new buffers must be cleared
 * @fp: the client
 * @noclear: true: buffers that any thread allocates from now on read as zeros, or as what this
 *           client left in buffers that it has freed. false, which is the default: they read as
 *           zeros.
 *
 * Without clearing, freeing and allocating large buffers over and over costs next to nothing. Data
 * of other clients is never seen.
 */
void framepool_noclear(struct framepool *fp, bool noclear);

/**
 * framepool_wait - say how long allocations of buffers wait for memory
 * @fp: the client
 * @timeout_ns: from now on, where there is not enough memory for a buffer that any thread
 *              allocates, wait at most so many nanoseconds, then fail with ETIMEDOUT; UINT64_MAX:
 *              without limit. A signal with a handler ends the wait with EINTR. 0, as at first:
 *              fail at once.
 *
 * Only a buffer that even an empty pool has no place for (its length, alignment and address limit
 * count) is refused at once. One beyond a quota waits until the quota is raised.
 * framepool_alloc_batch() and caches do not wait. While framepool_fd() has O_NONBLOCK, nothing
 * waits: allocations then fail with EAGAIN.
 */
void framepool_wait(struct framepool *fp, uint64_t timeout_ns);

/**
 * framepool_dump - say whether core dumps may contain new buffers
 * @fp: the client
 * @dump: true: mappings of buffers that any thread allocates from now on are part of core dumps if
 *        the process dumps shared mappings of files (bit 3 of /proc/PID/coredump_filter, which is
 *        off at first). At first it is false.
 */
void framepool_dump(struct framepool *fp, bool dump);

/**
 * framepool_movable - say whether new buffers may be moved
 * @fp: the client
 * @movable: true: the kernel may move buffers that any thread allocates from now on to other
 *           frames, where that makes room for a longer run. false, which is the default: a buffer
 *           stays at the physical address where it was allocated.
 *
 * Programs notice a move only by the time that an access waits meanwhile. Addresses of mappings,
 * offsets and handles stay the same. Each place satisfies the alignment and the limit of the
 * address that the buffer was allocated with. A buffer does not move while it is pinned
 * (framepool_buffer_pin()), has a dma-buf (framepool_buffer_export()), or something else in the
 * kernel, such as direct I/O, refers to its pages. This does not concern caches.
 *
 * Leave it off where a program reads physical addresses from /proc/self/pagemap, or must never wait
 * for a page.
 */
void framepool_movable(struct framepool *fp, bool movable);

/**
 * framepool_buffer_free - unmap a buffer and free it
 * @buf: the buffer, or NULL
 *
 * This ends the mapping that framepool_buffer_map() made. Mappings that the program made itself
 * with mmap(2) stay valid, and keep the memory until they are unmapped. errno is left alone.
 */
void framepool_buffer_free(struct framepool_buffer *buf);

/**
 * framepool_buffer_map - map the whole buffer for reading and writing
 * @buf: the buffer
 *
 * The first call maps the buffer, later ones return the same address. The kernel fills the mapping
 * when it is first touched, with huge frames where they fit.
 *
 * Return: the address, or NULL with errno from mmap(2): ENOMEM means that the process has no room
 * for the mapping, or has as many mappings as vm.max_map_count allows; EAGAIN that mlockall(2) is
 * in effect and RLIMIT_MEMLOCK too low; ENXIO that somebody else freed the handle; ENODEV that the
 * pool was shut down. framepool_explain_map() has a sentence for each of them.
 */
void *framepool_buffer_map(struct framepool_buffer *buf);

/**
 * framepool_explain_map - say why framepool_buffer_map() failed and what to do
 * @err: the errno that it gave
 * @buf: the buffer
 * @text: the sentence is written here, without a newline, and cut if it is longer than @size
 * @size: bytes at @text, at least 1; 256 are enough for most sentences
 *
 * It looks at the limits of the process. errno is left alone.
 *
 * Return: @text.
 */
char *framepool_explain_map(int err, const struct framepool_buffer *buf, char *text, size_t size);

/**
 * framepool_buffer_unmap - undo framepool_buffer_map()
 * @buf: the buffer
 *
 * One call undoes any number of calls of framepool_buffer_map(), and does nothing if the buffer is
 * not mapped. The buffer keeps its content. errno is left alone.
 */
void framepool_buffer_unmap(struct framepool_buffer *buf);

/*
 * Properties of a buffer, which do not change. These functions never fail.
 *
 *  length  bytes, rounded up to whole frames
 *  handle  names the buffer in calls of the kernel interface; never 0
 *  offset  where mmap(2) finds it in framepool_fd()
 */
uint64_t framepool_buffer_length(const struct framepool_buffer *buf);
uint64_t framepool_buffer_handle(const struct framepool_buffer *buf);
uint64_t framepool_buffer_offset(const struct framepool_buffer *buf);

/**
 * framepool_buffer_mapped_bytes - how much address space maps a buffer
 * @buf: the buffer
 * @bytes: set to the sum over all mappings in all processes
 *
 * Return: 0, or -1 with errno ENOENT (another process, or another part of the program, freed the
 * handle) or ENODEV.
 */
int framepool_buffer_mapped_bytes(const struct framepool_buffer *buf, uint64_t *bytes);

/**
 * framepool_buffer_address - the physical address of a buffer
 * @buf: the buffer
 * @address: set to the physical address of its first byte, or to 0 if the client was opened without
 *           CAP_SYS_ADMIN
 *
 * The buffer is contiguous: its byte n is at @address + n.
 *
 * Return: as framepool_buffer_mapped_bytes(); EADDRNOTAVAIL: the buffer may move, and is not
 * pinned, so the address would not last. Without CAP_SYS_ADMIN that is not told: @address is 0.
 */
int framepool_buffer_address(const struct framepool_buffer *buf, uint64_t *address);

/**
 * framepool_buffer_pin - keep a buffer where it is
 * @buf: the buffer
 * @address: set to the physical address of its first byte, or to 0 if the client was opened without
 *           CAP_SYS_ADMIN; or NULL
 *
 * Before a device gets the address of a buffer that was allocated after framepool_movable(). This
 * waits for the end of a move that is under way. Pins are counted: the buffer may move again after
 * as many calls of framepool_buffer_unpin(). Buffers that never move can be pinned, too. A dma-buf
 * of the buffer pins it by itself.
 *
 * Return: 0, or -1 with errno
 *  EBUSY      a part of the buffer has moved, and references to its pages (by direct I/O, for
 *             example) keep the rest from following: try again when they are gone
 *  EOVERFLOW  it has 2^32 - 1 pins
 *  ENOENT     somebody else freed the handle
 *  ENOTTY     the module is of a version without this call
 *  ENODEV, EINTR
 * framepool_explain_pin() has a sentence for each of them.
 */
int framepool_buffer_pin(struct framepool_buffer *buf, uint64_t *address);

/**
 * framepool_buffer_unpin - undo framepool_buffer_pin()
 * @buf: the buffer
 *
 * Return: 0, or -1 with errno EINVAL (it has no pin), ENOENT, ENOTTY, ENODEV, as for
 * framepool_buffer_pin().
 */
int framepool_buffer_unpin(struct framepool_buffer *buf);

/**
 * framepool_explain_pin - say why a buffer was not pinned, or has no address, and what to do
 * @err: the errno that framepool_buffer_pin(), framepool_buffer_unpin() or
 *       framepool_buffer_address() gave
 * @text: the sentence is written here, without a newline, and cut if it is longer than @size
 * @size: bytes at @text, at least 1; 256 are enough for each sentence
 *
 * errno is left alone.
 *
 * Return: @text.
 */
char *framepool_explain_pin(int err, char *text, size_t size);

/* flags of an export; also in framepool.h */
#define FRAMEPOOL_EXPORT_READ_ONLY	(1U << 0)	/* for reading only */

/**
 * framepool_buffer_export - make a dma-buf of a buffer, or of a part of it
 * @buf: the buffer
 * @offset: where in the buffer the dma-buf begins; a multiple of the size of a frame
 * @length: its length; likewise, and not 0
 * @flags: FRAMEPOOL_EXPORT_READ_ONLY or 0
 *
 * The descriptor can be given to a driver, or to another process, which needs no access to the
 * pool. The memory lives, and stays charged to the client, until the last descriptor, mapping and
 * user is gone, even if the buffer is freed and the client closed. A whole buffer has only one
 * dma-buf that is not read-only, and each call gives another descriptor of it. With
 * FRAMEPOOL_EXPORT_READ_ONLY, programs cannot write through it, and drivers cannot map it for a
 * device that writes. Only an IOMMU stops a device that writes all the same.
 *
 * Return: a new descriptor, which execve(2) closes; or -1 with errno
 *  EINVAL  the range is empty, not made of whole frames, or not inside the buffer; or @flags is
 *          unknown
 *  ENOENT  somebody else freed the handle
 *  EMFILE  the process has as many descriptors as RLIMIT_NOFILE allows, or the
 *          client has 16384 dma-bufs
 *  ENFILE  the system has as many open files as it may have
 *  ENOTTY  the module is of a version without this call
 *  EBUSY   as for framepool_buffer_pin(), since a buffer with a dma-buf does not move
 *  ENOBUFS, ENODEV
 */
int framepool_buffer_export(const struct framepool_buffer *buf, uint64_t offset, uint64_t length,
			    unsigned int flags);

/**
 * framepool_dmabuf_map - map a dma-buf
 * @fd: its descriptor, from framepool_buffer_export() in any process
 * @length: set to its length
 *
 * The mapping is for reading and writing, or only for reading if the dma-buf is read-only. It
 * begins at a multiple of 2 MiB. So the kernel fills it with huge frames if the buffer has at least
 * 2 MiB and the offset in it is a multiple of that. mmap(2) alone does not care for that on all
 * kernels.
 *
 * Return: the address, or NULL with errno from lseek(2), fcntl(2) or mmap(2): EBADF means that @fd
 * is not open, ENOMEM that the process has no room for the mapping, ENODEV that the pool was shut
 * down.
 */
void *framepool_dmabuf_map(int fd, size_t *length);

/**
 * framepool_dmabuf_unmap - undo framepool_dmabuf_map()
 * @memory: the address, or NULL
 * @length: the length
 *
 * errno is left alone.
 */
void framepool_dmabuf_unmap(void *memory, size_t length);

/**
 * framepool_dmabuf_describe - the length and the physical address of a dma-buf
 * @fp: a client of the pool, not necessarily the one that exported it
 * @fd: descriptor of the dma-buf
 * @length: set to its length
 * @address: set to the physical address of its first byte, or to 0 if @fp was opened without
 *           CAP_SYS_ADMIN
 *
 * Return: 0, or -1 with errno
 *  EBADF   @fd is not an open descriptor
 *  EINVAL  @fd is not that of a dma-buf of this pool
 *  ENOTTY  the module is of a version without this call
 *  ENODEV
 */
int framepool_dmabuf_describe(const struct framepool *fp, int fd, uint64_t *length,
			      uint64_t *address);

/* flags of a synchronisation; also in framepool.h */
#define FRAMEPOOL_SYNC_END	(1U << 0)	/* after the accesses, not before them */

/**
 * framepool_dmabuf_sync - access a part of a dma-buf while devices have it mapped
 * @fp: a client of the pool, not necessarily the one that exported it
 * @fd: descriptor of the dma-buf
 * @offset: where in the dma-buf the part begins, at any byte
 * @length: its length
 * @flags: 0 before the program accesses the part, FRAMEPOOL_SYNC_END after that
 *
 * Makes @length bytes from @offset on, in the dma-buf with the descriptor @fd, the same for
 * programs and for the devices that have this dma-buf mapped. Call it before a program accesses the
 * part, and with FRAMEPOOL_SYNC_END afterwards. In between, devices must leave the part alone. It
 * does something only where devices are not coherent with the caches, or where the system copies
 * what they access. It does not wait for a device. DMA_BUF_IOCTL_SYNC on @fd, which needs no
 * client, does the same for the whole dma-buf; its start also waits until drivers that set fences
 * are done. Other dma-bufs of the same buffer, and what VFIO or RDMA map, are not synchronised.
 *
 * Return: 0, or -1 with errno
 *  EBADF   @fd is not an open descriptor
 *  EINVAL  @flags is unknown, @fd is not that of a dma-buf of this pool, or the part is empty or
 *          not inside the dma-buf
 *  ENOTTY  the module is of a version without this call
 *  ENODEV
 */
int framepool_dmabuf_sync(const struct framepool *fp, int fd, uint64_t offset, uint64_t length,
			  unsigned int flags);

/**
 * framepool_alloc_batch - allocate many equal buffers with few kernel calls
 * @fp: as for framepool_buffer_alloc()
 * @length: as for framepool_buffer_alloc()
 * @align: as for framepool_buffer_alloc_constrained()
 * @limit: as for framepool_buffer_alloc_constrained()
 * @partial: accept fewer than @count
 * @bufs: room for @count buffers
 * @count: how many
 *
 * The buffers are like any others, and may be freed one by one or in batches.
 *
 * Return: how many buffers @bufs has now: @count, or fewer with errno, as for
 * framepool_buffer_alloc_constrained(), that says why there are no more. Without @partial it is
 * @count or 0: when an allocation fails, those before it are freed again.
 */
size_t framepool_alloc_batch(struct framepool *fp, uint64_t length, uint64_t align, uint64_t limit,
			     bool partial, struct framepool_buffer **bufs, size_t count);

/**
 * framepool_free_batch - unmap many buffers and free them
 * @bufs: buffers of one client, each of them once
 * @count: how many
 *
 * This does what framepool_buffer_free() does, with few kernel calls. errno is left alone.
 */
void framepool_free_batch(struct framepool_buffer **bufs, size_t count);

/* flags of a cache; also in framepool.h */
#define FRAMEPOOL_CACHE_RANDOM	(1U << 0)	/* deal objects out in a random order */
#define FRAMEPOOL_CACHE_MOVABLE	(1U << 1)	/* physical addresses of objects may change */

/**
 * framepool_cache_create - make a cache of objects of one size
 * @fp: the client; it must outlive the cache
 * @object_size: bytes of an object, 8 to 1 MiB
 * @align: each object's address, and its physical address, is a multiple of it: a power of two, at
 *         most the size of a huge frame. 0 means 8.
 * @flags: any of FRAMEPOOL_CACHE_RANDOM, FRAMEPOOL_CACHE_MOVABLE
 *
 * With FRAMEPOOL_CACHE_MOVABLE, the kernel may move objects to other frames, to make room for a
 * long buffer. Their addresses in the program, offsets and contents stay. An access waits for the
 * end of the move. Objects that something refers to, such as direct I/O, do not move meanwhile.
 *
 * The cache takes memory from the pool in slabs, which are physically contiguous, as objects are
 * allocated, and gives slabs back as objects are freed. The window in which the objects lie is as
 * large as the pool. It is mapped at once; the kernel fills the mapping when it is first touched.
 *
 * Each thread keeps some objects in its magazine: at most 512 objects or 256 KiB, or two objects.
 * Most calls of framepool_cache_alloc() and framepool_cache_free() therefore make no system call.
 * For the pool, objects in magazines are allocated. They go back when the thread ends or calls
 * framepool_cache_flush(). A child made by fork() begins with empty magazines: the objects in them
 * stay its parent's. (This does not hold for clone(2) and _Fork(), after which a child must not use
 * its parent's caches.)
 *
 * If the environment has FRAMEPOOL_CACHE_CHECK, there are no magazines: every call goes to the
 * kernel, which finds every mistake at once.
 *
 * Return: the cache, or NULL with errno EINVAL, ENOBUFS, ENODEV, EMFILE (the client has 1024
 * caches), ENOTTY (the module is of a version without caches), or what mmap(2) gives: ENOMEM and
 * EAGAIN as for framepool_buffer_map(), for the window. framepool_explain_cache() has a sentence
 * for each of them.
 */
struct framepool_cache *framepool_cache_create(struct framepool *fp, size_t object_size,
					       size_t align, unsigned int flags);

/**
 * framepool_explain_cache - say why framepool_cache_create() failed and what to do
 * @err: the errno it gave
 * @text: the sentence is written here, without a newline, and cut if it is longer than @size
 * @size: bytes at @text, at least 1; 256 are enough for most sentences
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
 * This unmaps the window. Threads may still have objects in magazines. errno is left alone.
 */
void framepool_cache_destroy(struct framepool_cache *cache);

/**
 * framepool_cache_alloc - allocate an object
 * @cache: the cache
 *
 * The object reads as zeros, or as what this client left in memory that it has freed.
 *
 * Return: the object, or NULL with errno ENOMEM, ENOSPC, EDQUOT, ENOBUFS, ENODEV, EINTR. It can
 * fail while other threads have objects in magazines.
 */
void *framepool_cache_alloc(struct framepool_cache *cache);

/**
 * framepool_cache_free - free an object
 * @cache: its cache
 * @object: the object, which any thread may have allocated; or NULL
 *
 * An object that is freed twice is noticed when it goes back to the kernel, unless it was allocated
 * again in between.
 *
 * Return: 0, or -1 with errno
 *  EINVAL  no object of @cache can be at that address; nothing is done
 *  ENOENT  some of the objects that went back to the kernel in this call were not allocated. They
 *          were left out. @object is free, unless it was one of them.
 *  ENODEV
 * errno is otherwise left alone.
 */
int framepool_cache_free(struct framepool_cache *cache, void *object);

/**
 * framepool_cache_alloc_batch - allocate many objects with few kernel calls
 * @cache: the cache
 * @objects: room for @count objects
 * @count: how many
 *
 * Return: how many objects @objects has now: @count, or fewer with errno as for
 * framepool_cache_alloc().
 */
size_t framepool_cache_alloc_batch(struct framepool_cache *cache, void **objects, size_t count);

/**
 * framepool_cache_free_batch - free many objects with few kernel calls
 * @cache: their cache
 * @objects: the objects, each of them once
 * @count: how many
 *
 * Return: 0, or -1 with errno EINVAL (no object of @cache can be at one of the addresses; nothing
 * is done), or ENOENT or ENODEV as for framepool_cache_free(). errno is otherwise left alone.
 */
int framepool_cache_free_batch(struct framepool_cache *cache, void * const *objects, size_t count);

/**
 * framepool_cache_flush - give the objects in this thread's magazine back
 * @cache: the cache
 *
 * Return: 0, or -1 with errno ENOENT or ENODEV as for framepool_cache_free(). errno is otherwise
 * left alone.
 */
int framepool_cache_flush(struct framepool_cache *cache);

/**
 * framepool_cache_offset - where in the window an object is
 * @cache: the cache
 * @object: the object
 *
 * Return: its distance from the beginning of the window. It names the object in other processes
 * that share the client.
 */
uint64_t framepool_cache_offset(const struct framepool_cache *cache, const void *object);

/**
 * framepool_cache_object - which object is at an offset of the window
 * @cache: the cache
 * @offset: from framepool_cache_offset()
 *
 * Return: the object, or NULL with errno EINVAL (no object can be there).
 */
void *framepool_cache_object(const struct framepool_cache *cache, uint64_t offset);

/*
 * Properties of a cache, which do not change. These functions never fail.
 *
 *  handle        names the cache in calls of the kernel interface; never 0
 *  window        where in framepool_fd() its window begins
 *  window_bytes  length of the window
 *  stride        bytes from one object to the next
 *  slab_bytes    size of a slab, by which the cache grows
 */
uint64_t framepool_cache_handle(const struct framepool_cache *cache);
uint64_t framepool_cache_window(const struct framepool_cache *cache);
uint64_t framepool_cache_window_bytes(const struct framepool_cache *cache);
uint32_t framepool_cache_stride(const struct framepool_cache *cache);
uint32_t framepool_cache_slab_bytes(const struct framepool_cache *cache);

/*
 * Counters of what this process did with a cache, and what its parent did before fork(). These
 * functions never fail.
 *
 *  allocs       objects that were allocated
 *  alloc_calls  kernel calls that this took
 *  free_calls   kernel calls that gave objects back
 *  bad_frees    objects in those calls that were not allocated, as far as noticed
 */
uint64_t framepool_cache_allocs(struct framepool_cache *cache);
uint64_t framepool_cache_alloc_calls(const struct framepool_cache *cache);
uint64_t framepool_cache_free_calls(const struct framepool_cache *cache);
uint64_t framepool_cache_bad_frees(const struct framepool_cache *cache);

/**
 * framepool_stats_read - take a snapshot of the pool
 * @fp: the client
 *
 * The sizes of the pool are of one moment. Free blocks are looked for while others go on, so they
 * add up to the free bytes only if nobody allocates or frees meanwhile.
 *
 * Return: the snapshot, or NULL with errno ENOBUFS or ENODEV.
 */
struct framepool_stats *framepool_stats_read(const struct framepool *fp);

/**
 * framepool_stats_free - free a snapshot
 * @stats: the snapshot, or NULL
 *
 * errno is left alone.
 */
void framepool_stats_free(struct framepool_stats *stats);

/*
 * The numbers in a snapshot. These functions never fail.
 *
 *  total_bytes           always free_bytes + used_bytes + quarantined_bytes + retired_bytes
 *  free_bytes            free now, not necessarily contiguous
 *  used_bytes            in buffers, in slabs of caches, and with kernel modules
 *  quarantined_bytes     freed, but still referenced, not cleared yet, or kept after
 *                        framepool_noclear()
 *  retired_bytes         never allocated again: the hardware found a frame in it bad
 *  largest_bytes         longest run of empty huge frames, or else the largest free block of any
 *                        client or the kernel
 *  clients               open files, and closed ones that dma-bufs keep
 *  buffers               live buffers
 *  allocs                successful allocations, of buffers and slabs, since the pool was made
 *  frees                 buffers and slabs whose memory came back since then
 *  fail_nomem            allocations refused with ENOMEM
 *  fail_nospace          allocations refused with ENOSPC
 *  fail_quota            allocations refused with EDQUOT. Those that waited in vain are in none
 *                        of these three
 *  moves                 buffers that were moved to make room
 *  moved_bytes           bytes copied for that
 *  moves_refused_pinned, moves_refused_referenced, moves_refused_bad, moves_refused_no_room
 *                        attempts to move something that were given up: it was pinned or exported;
 *                        something else referred to a page of it; the hardware found a frame of it
 *                        bad; there was no other place for it
 *  charged_bytes         what all clients are charged: the huge frames that they have any part of
 *                        or keep, and those in quarantine that they had last
 *  client_held_bytes     in buffers and slabs of this client
 *  client_charged_bytes  what this client is charged, which client_quota limits
 *  user_charged_bytes    what its user is charged, which user_quota limits
 *  orders                number of orders of blocks
 *  free_blocks           free blocks of 2^@order frames; 0 if @order is not below orders
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
uint64_t framepool_stats_moves(const struct framepool_stats *stats);
uint64_t framepool_stats_moved_bytes(const struct framepool_stats *stats);
uint64_t framepool_stats_moves_refused_pinned(const struct framepool_stats *stats);
uint64_t framepool_stats_moves_refused_referenced(const struct framepool_stats *stats);
uint64_t framepool_stats_moves_refused_bad(const struct framepool_stats *stats);
uint64_t framepool_stats_moves_refused_no_room(const struct framepool_stats *stats);
uint64_t framepool_stats_charged_bytes(const struct framepool_stats *stats);
uint64_t framepool_stats_client_held_bytes(const struct framepool_stats *stats);
uint64_t framepool_stats_client_charged_bytes(const struct framepool_stats *stats);
uint64_t framepool_stats_user_charged_bytes(const struct framepool_stats *stats);
unsigned int framepool_stats_orders(const struct framepool_stats *stats);
uint64_t framepool_stats_free_blocks(const struct framepool_stats *stats, unsigned int order);

/**
 * framepool_stats_unusable_index - which share of the free memory a request cannot use
 * @stats: the snapshot
 * @order: the request is for a block of 2^@order frames
 *
 * The kernel's unusable free space index: the share of the free memory that lies in blocks smaller
 * than the request.
 *
 * Return: thousandths: 0 (all free memory is usable) to 1000 (none is usable, or nothing is free).
 */
int framepool_stats_unusable_index(const struct framepool_stats *stats, unsigned int order);

/**
 * framepool_stats_external_index - why a request would fail
 * @stats: the snapshot
 * @order: the request is for a block of 2^@order frames
 *
 * The kernel's external fragmentation index.
 *
 * Return: thousandths: towards 0 for lack of memory, towards 1000 because of fragmentation; 0 if
 * nothing is free; -1000 if the request would not fail. It can be below 0 where very few blocks are
 * free.
 */
int framepool_stats_external_index(const struct framepool_stats *stats, unsigned int order);

#ifdef __cplusplus
}
#endif

#endif
