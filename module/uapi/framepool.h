/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * framepool: the interface between programs and the kernel module.
 *
 * A program opens /dev/framepool/<pool>, allocates physically contiguous
 * buffers with ioctl(2) and maps them with mmap(2) at the offsets it was
 * given. Each open file is a client with handles and offsets of its own.
 *
 * Rules of this interface
 *  - Every structure starts with its own size in bytes, filled in by the
 *    program. Structures grow by appending: a shorter one from an older program
 *    is taken as padded with zeros, a longer one from a newer program is
 *    accepted if everything beyond what the kernel knows is zero. Results
 *    are written back up to the size the program named.
 *  - Lengths, alignments and addresses are in bytes. "in" fields are read,
 *    "out" fields written; an "in" field is unchanged after a call unless it
 *    is marked "in/out". A call that fails writes nothing, but for batches.
 *  - Flags the kernel does not know and reserved fields that are not zero
 *    are refused, so that they can be given a meaning later.
 *  - The layout is the same for 32-bit and 64-bit programs.
 *
 * Errors: each has one meaning in all calls
 *  EFAULT  the structure cannot be read or written at the given address
 *  EINVAL  an argument is out of its documented range; for a structure, it is
 *          shorter than its first version
 *  E2BIG   the structure is longer than the kernel knows and its tail is not
 *          zero, or longer than a page
 *  ENOTTY  no such call
 *  ENOENT  no such handle, or object: never given out to this client, or freed already
 *  ENOMEM  the pool has less free memory than asked for
 *  ENOSPC  enough is free, but there is no run of that length with that
 *          alignment below that limit; a run of a huge frame or more begins at a huge frame
 *  EDQUOT  the client, or the user who opened it, would hold more than its quota
 *  EMFILE  the client has FRAMEPOOL_CACHES_MAX caches
 *  ENOBUFS the kernel has no memory for the bookkeeping of the buffers, or of bad memory
 *  ENODEV  an administrator shut the pool down by force; so open(2) and mmap(2) say, too,
 *          and whoever touches a mapping gets SIGBUS. Nothing is left to do but to
 *          unmap and close.
 *  EINTR   a fatal signal arrived before all was done; the program does not live to see it
 *
 * mmap(2) adds
 *  ENXIO   the range is not wholly inside one live buffer, or one window of a live cache, of this client
 *  EINVAL  the mapping is not MAP_SHARED
 *  EPERM   PROT_EXEC was asked for
 */
#ifndef _UAPI_FRAMEPOOL_H
#define _UAPI_FRAMEPOOL_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* Incremented when the meaning of something below changes. */
#define FRAMEPOOL_ABI		1

#define FRAMEPOOL_NAME_MAX	32	/* bytes of a pool's name, NUL included */
#define FRAMEPOOL_ORDERS	40	/* orders told apart in statistics */

/**
 * struct framepool_ioc_info - FRAMEPOOL_IOC_INFO: what does not change while a pool exists, and
 *                             the limits, which an administrator may change
 * @size: in: sizeof(struct framepool_ioc_info)
 * @abi: out: FRAMEPOOL_ABI of the module
 * @frame_bytes: out: size of a page frame, the granularity of lengths
 * @huge_bytes: out: size of a huge frame; a buffer of at least this length can be
 *              mapped by huge page table entries
 * @total_bytes: out: size of the pool
 * @client_quota_bytes: out: most that one client may hold; 0: no limit
 * @user_quota_bytes: out: most that all clients opened by one user may hold together, and
 *                    that user have in quarantine; 0: no limit
 * @node: out: NUMA node the pool was taken from; -1: any
 * @max_order: out: order (log2 of frames) of the largest naturally aligned block
 * @name: out: the pool's name, NUL-terminated
 */
struct framepool_ioc_info {
	__u32 size;
	__u32 abi;
	__u32 frame_bytes;
	__u32 huge_bytes;
	__u64 total_bytes;
	__u64 client_quota_bytes;
	__u64 user_quota_bytes;
	__s32 node;
	__u32 max_order;
	char name[FRAMEPOOL_NAME_MAX];
};

/* flags of an allocation */
#define FRAMEPOOL_ALLOC_NOCLEAR	(1U << 0)	/* need not read as zeros */

/**
 * struct framepool_ioc_alloc - FRAMEPOOL_IOC_ALLOC: allocate a buffer
 * @size: in: sizeof(struct framepool_ioc_alloc)
 * @flags: in: FRAMEPOOL_ALLOC_NOCLEAR or 0
 * @length: in/out: bytes wanted, at least 1; rounded up to whole frames
 * @align: in: alignment of the physical address: 0 or a power of two. Frames
 *         are always aligned to their size.
 * @limit: in: every byte lies below this physical address; 0: no limit. It is rounded
 *         down to a power of two if the client was opened without CAP_SYS_ADMIN.
 * @handle: out: names the buffer in other calls; never 0
 * @offset: out: where in the file to mmap the buffer; it is congruent to the
 *          physical address modulo @huge_bytes
 *
 * The buffer is one physically contiguous run and reads as zeros. It lives
 * until its handle is freed (or the client ends) and its last mapping is gone.
 *
 * With FRAMEPOOL_ALLOC_NOCLEAR each page of it reads as zeros or as what this client left in memory that it
 * has freed; whatever others wrote is never seen. When such a buffer is freed, its huge frames stay at hand for the
 * client's next allocations with this flag, until somebody else needs them, or for about a second. They are free
 * meanwhile, and count against no quota. If something, as a pipe, still refers to them, they go the usual way.
 *
 * EINVAL, ENOMEM, ENOSPC, EDQUOT, ENOBUFS, EINTR.
 */
struct framepool_ioc_alloc {
	__u32 size;
	__u32 flags;
	__u64 length;
	__u64 align;
	__u64 limit;
	__u64 handle;
	__u64 offset;
};

/**
 * struct framepool_ioc_free - FRAMEPOOL_IOC_FREE: give up a handle
 * @size: in: sizeof(struct framepool_ioc_free)
 * @flags: in: 0
 * @handle: in: the handle
 *
 * The handle and its offset are invalid afterwards. Existing mappings stay
 * valid and keep the memory until they are unmapped.
 *
 * EINVAL, ENOENT.
 */
struct framepool_ioc_free {
	__u32 size;
	__u32 flags;
	__u64 handle;
};

/**
 * struct framepool_ioc_query - FRAMEPOOL_IOC_QUERY: look at a buffer
 * @size: in: sizeof(struct framepool_ioc_query)
 * @flags: in: 0
 * @handle: in: the handle
 * @length: out: bytes
 * @offset: out: where to mmap it
 * @mapped_bytes: out: bytes of address space that map it, summed over all mappings
 *                in all processes
 * @address: out: physical address of its first byte, if the client was opened with
 *           CAP_SYS_ADMIN in the first user namespace; 0 otherwise, whoever asks
 *
 * The buffer is one run: byte n of it lies at @address + n.
 *
 * EINVAL, ENOENT.
 */
struct framepool_ioc_query {
	__u32 size;
	__u32 flags;
	__u64 handle;
	__u64 length;
	__u64 offset;
	__u64 mapped_bytes;
	__u64 address;
};

/**
 * struct framepool_ioc_stats - FRAMEPOOL_IOC_STATS: one consistent snapshot of the pool
 * @size: in: sizeof(struct framepool_ioc_stats)
 * @orders: out: entries of @free_blocks that the pool uses
 * @total_bytes: out: always @free_bytes + @used_bytes + @quarantined_bytes +
 *               @retired_bytes
 * @free_bytes: out: free for allocation at once. Free memory inside a huge frame
 *              that a client uses partly can serve that client only.
 * @used_bytes: out: in buffers, in slabs of caches, and with kernel modules
 * @quarantined_bytes: out: free huge frames that are still referenced by
 *                     someone (a pipe, direct I/O) or not cleared yet
 * @retired_bytes: out: never given out again, since the hardware found a frame in it bad: whole
 *                 huge frames, and pieces of such as are in use otherwise
 * @largest_bytes: out: longest run of whole huge frames, or else largest free
 *                 block: what one client could get now
 * @clients: out: open files
 * @buffers: out: live buffers
 * @allocs: out: successful allocations since the pool was made
 * @frees: out: buffers whose memory came back since then
 * @fail_nomem: out: allocations refused with ENOMEM
 * @fail_nospace: out: allocations refused with ENOSPC
 * @fail_quota: out: allocations refused with EDQUOT
 * @free_blocks: out: free blocks per order; a block is counted once, at the
 *               largest order at which it is free and naturally aligned
 */
struct framepool_ioc_stats {
	__u32 size;
	__u32 orders;
	__u64 total_bytes;
	__u64 free_bytes;
	__u64 used_bytes;
	__u64 quarantined_bytes;
	__u64 retired_bytes;
	__u64 largest_bytes;
	__u64 clients;
	__u64 buffers;
	__u64 allocs;
	__u64 frees;
	__u64 fail_nomem;
	__u64 fail_nospace;
	__u64 fail_quota;
	__u64 free_blocks[FRAMEPOOL_ORDERS];
};

#define FRAMEPOOL_BATCH_MAX	1024	/* entries in a batch */

/* flags of a batch */
#define FRAMEPOOL_BATCH_PARTIAL	(1U << 0)	/* as many entries as can be done, from the first */

/**
 * struct framepool_ioc_batch - FRAMEPOOL_IOC_ALLOC_BATCH, FRAMEPOOL_IOC_FREE_BATCH: a
 *                              call of many buffers
 * @size: in: sizeof(struct framepool_ioc_batch)
 * @flags: in: FRAMEPOOL_BATCH_PARTIAL or 0
 * @entries: in: address of an array: of struct framepool_ioc_alloc or struct framepool_ioc_free
 * @count: in: its entries, 1 to FRAMEPOOL_BATCH_MAX
 * @entry_size: in: bytes from one entry to the next, a multiple of 8; the @size of every entry
 * @done: out: entries that were done: the first so many
 * @failed: out: number of the first entry that failed, counted from 0; @count if none did
 * @error: out: the errno of that entry; 0 if none failed
 * @reserved: in: 0
 *
 * Each entry is what the call for one buffer takes, by the same rules and with the same errors;
 * an entry whose @size is not @entry_size is refused with EINVAL. A handle that occurs
 * twice in a batch is the second time one that was freed already: ENOENT.
 *
 * Without FRAMEPOOL_BATCH_PARTIAL all entries are done or none. If one fails, the call fails with
 * its errno, and writes @done (0), @failed and @error, so that these tell which. With it entries are
 * done one after the other until one fails, and the call succeeds, even with @done 0.
 *
 * ALLOC_BATCH writes the results of the entries that were done into them, and
 * nothing into the others.
 *
 * A call that fails for a reason that is no entry's writes nothing: set @error to 0
 * before, to tell the two apart. The reasons:
 *  EFAULT  @entries or this structure cannot be read or written. ALLOC_BATCH has then allocated
 *          nothing, whatever it may have written already. FREE_BATCH has freed nothing, unless the
 *          memory of this structure was made unwritable during the call.
 *  EINVAL  @flags, @count, @entry_size or @reserved is out of its range
 *  E2BIG   @entry_size is more than 256
 *  ENOBUFS no kernel memory for @count entries
 */
struct framepool_ioc_batch {
	__u32 size;
	__u32 flags;
	__u64 entries;
	__u32 count;
	__u32 entry_size;
	__u32 done;
	__u32 failed;
	__u32 error;
	__u32 reserved;
};

#define FRAMEPOOL_OBJECT_MIN	8U		/* bytes of an object */
#define FRAMEPOOL_OBJECT_MAX	(1U << 20)
#define FRAMEPOOL_CACHES_MAX	1024		/* caches of a client */

/* flags of a cache */
#define FRAMEPOOL_CACHE_RANDOM	(1U << 0)	/* deal objects out in a random order */

/**
 * struct framepool_ioc_cache - FRAMEPOOL_IOC_CACHE_CREATE: make a cache of objects of one size
 * @size: in: sizeof(struct framepool_ioc_cache)
 * @flags: in: FRAMEPOOL_CACHE_RANDOM or 0
 * @object_size: in: bytes, FRAMEPOOL_OBJECT_MIN to FRAMEPOOL_OBJECT_MAX
 * @align: in: alignment of each object's physical address, and of its offset: 0 or a power of two, at most
 *         the size of a huge frame. Objects are always aligned to 8 bytes.
 * @handle: out: names the cache in other calls; never 0, and never that of a buffer
 * @offset: out: where in the file the cache's window begins; a multiple of the size of a huge frame
 * @window_bytes: out: length of the window, at least that of the pool
 * @stride: out: bytes from one object to the next
 * @slab_bytes: out: by how much the cache grows, a power of two
 *
 * A cache takes memory from the pool in slabs, each a physically contiguous block of @slab_bytes, as objects are
 * allocated, and gives it back as they are freed; a few empty slabs it keeps until somebody needs the memory. All of it is
 * charged to the client.
 *
 * The objects lie in the cache's window, a range of the file that can be mapped, in one piece or in several, before
 * there are any. A slab appears at the lowest place of the window that is free, aligned to its length, and stays there as
 * long as any object in it is allocated. Whoever touches a page of the window where no slab is gets SIGBUS.
 *
 * The cache lives until it is destroyed (or the client ends) and its last mapping is gone. A program with 32 bits can map
 * windows that end below 2^44 only: the first ones that a client makes.
 *
 * EINVAL, EMFILE, ENOBUFS.
 */
struct framepool_ioc_cache {
	__u32 size;
	__u32 flags;
	__u32 object_size;
	__u32 align;
	__u64 handle;
	__u64 offset;
	__u64 window_bytes;
	__u32 stride;
	__u32 slab_bytes;
};

/**
 * struct framepool_ioc_cache_destroy - FRAMEPOOL_IOC_CACHE_DESTROY: give up the handle of a cache
 * @size: in: sizeof(struct framepool_ioc_cache_destroy)
 * @flags: in: 0
 * @handle: in: the handle
 *
 * No objects can be allocated or freed any more. Existing mappings of the window stay valid, and keep the memory of all
 * objects, allocated or not, until they are unmapped.
 *
 * EINVAL, ENOENT.
 */
struct framepool_ioc_cache_destroy {
	__u32 size;
	__u32 flags;
	__u64 handle;
};

/**
 * struct framepool_ioc_objects - FRAMEPOOL_IOC_OBJ_ALLOC, FRAMEPOOL_IOC_OBJ_FREE: many objects at once
 * @size: in: sizeof(struct framepool_ioc_objects)
 * @flags: in: FRAMEPOOL_BATCH_PARTIAL or 0; OBJ_FREE: 0
 * @cache: in: handle of the cache
 * @offsets: in: address of an array of __u64: offsets of objects in the window, from its beginning. OBJ_ALLOC writes
 *           them, OBJ_FREE reads them.
 * @count: in: entries of it, 1 to FRAMEPOOL_BATCH_MAX
 * @done: out: objects that were allocated, or freed: the first so many
 * @error: out: OBJ_ALLOC: why no more were allocated, an errno; 0 if all were
 * @reserved: in: 0
 *
 * OBJ_ALLOC allocates all @count objects or none; with FRAMEPOOL_BATCH_PARTIAL as many as can be had, and
 * succeeds if that is at least one. An object reads as zeros, or as what this client left in memory that it has
 * freed.
 *
 * OBJ_FREE frees all or none. If one of @offsets is not that of an allocated object of the cache, or occurs twice, it
 * fails with ENOENT and writes @done, the number of the first such entry, counted from 0; of the rest nothing was looked
 * at. Set @done to @count before, to tell that from a handle that is not valid.
 *
 * A call that fails otherwise writes nothing, except that EFAULT may leave a part of @offsets written.
 *
 * EINVAL, ENOENT, ENOMEM, ENOSPC, EDQUOT, ENOBUFS, EINTR.
 */
struct framepool_ioc_objects {
	__u32 size;
	__u32 flags;
	__u64 cache;
	__u64 offsets;
	__u32 count;
	__u32 done;
	__u32 error;
	__u32 reserved;
};

#define FRAMEPOOL_IOC_TYPE	0xFA

#define FRAMEPOOL_IOC_INFO	_IO(FRAMEPOOL_IOC_TYPE, 0x00)
#define FRAMEPOOL_IOC_ALLOC	_IO(FRAMEPOOL_IOC_TYPE, 0x01)
#define FRAMEPOOL_IOC_FREE	_IO(FRAMEPOOL_IOC_TYPE, 0x02)
#define FRAMEPOOL_IOC_QUERY	_IO(FRAMEPOOL_IOC_TYPE, 0x03)
#define FRAMEPOOL_IOC_STATS	_IO(FRAMEPOOL_IOC_TYPE, 0x04)
#define FRAMEPOOL_IOC_ALLOC_BATCH	_IO(FRAMEPOOL_IOC_TYPE, 0x05)
#define FRAMEPOOL_IOC_FREE_BATCH	_IO(FRAMEPOOL_IOC_TYPE, 0x06)
#define FRAMEPOOL_IOC_CACHE_CREATE	_IO(FRAMEPOOL_IOC_TYPE, 0x07)
#define FRAMEPOOL_IOC_CACHE_DESTROY	_IO(FRAMEPOOL_IOC_TYPE, 0x08)
#define FRAMEPOOL_IOC_OBJ_ALLOC	_IO(FRAMEPOOL_IOC_TYPE, 0x09)
#define FRAMEPOOL_IOC_OBJ_FREE	_IO(FRAMEPOOL_IOC_TYPE, 0x0a)

#endif
