/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * framepool: the interface between programs and the kernel module.
 *
 * A program opens /dev/framepool/<pool>, allocates physically contiguous buffers with ioctl(2), and
 * maps them with mmap(2) at the offsets it gets. Each open file is a client, with handles and
 * offsets of its own. ioctl(2) returns 0, or -1 with errno set.
 *
 * Rules of this interface
 *  - Every structure starts with its own size in bytes, which the program fills in. Structures grow
 *    by appending fields. A shorter structure, from an older program, is treated as if padded with
 *    zeros. A longer one, from a newer program, is accepted if all bytes beyond what the kernel
 *    knows are zero. Results are written back up to the size that the program gave.
 *  - Lengths, alignments, offsets and addresses are in bytes. Fields marked "in" are read, fields
 *    marked "out" are written; "in" fields do not change unless they are marked "in/out". A call
 *    that fails writes nothing, except where batches and objects say otherwise.
 *  - Unknown flags, and reserved fields that are not zero, are refused with EINVAL, so that they
 *    can get a meaning later.
 *  - The layout is the same for 32-bit and 64-bit programs.
 *
 * Errors of all calls
 *  EFAULT  the structure cannot be read or written at the given address
 *  EINVAL  the structure is shorter than its first version
 *  E2BIG   the structure is longer than the kernel knows, and the additional bytes are not all
 *          zero; or it is longer than a page
 *  ENOTTY  there is no such call
 *  ENODEV  an administrator has shut the pool down by force. open(2), mmap(2) and lseek(2) fail
 *          with ENODEV, too, and any access to a mapping gets SIGBUS. All that is left to do is to
 *          unmap and close.
 *
 * Errors of some calls; each call lists those that it can fail with. Unless it says otherwise, they
 * mean
 *  EINVAL  a field is out of its documented range
 *  ENOENT  the handle, or the object, does not exist: this client never got it, or has freed it
 *  ENOMEM  less memory is free for this client than it asked for. It can use empty huge frames and,
 *          for less than a huge frame, also free frames in huge frames of its own.
 *  ENOSPC  that much memory is free for this client, but no contiguous run of that length with that
 *          alignment below that limit. A run as long as a huge frame, or longer, starts at a huge
 *          frame.
 *  EDQUOT  the client, or the user who opened it, would be charged more than its quota
 *  EMFILE  the client has FRAMEPOOL_CACHES_MAX caches already. One that was destroyed counts as
 *          long as its window is mapped.
 *  ENOBUFS the kernel has no memory for its own bookkeeping
 *  EINTR   a fatal signal arrived before the call was done; the program does not live to see this
 *
 * mmap(2) maps a buffer, a part of one, or a part of the window of a cache. It fails with
 *  ENXIO   the range is not inside one live buffer or the window of one live cache of this client
 *  EINVAL  the mapping is not MAP_SHARED
 *  EPERM   PROT_EXEC was asked for
 *  ENODEV  as above
 *  ENOMEM, ENOSPC, EDQUOT, ENOBUFS: as above, where it makes the own buffer
 *
 * The file from 0 to 2^42 is for programs that know a path and no more. There lies the own buffer,
 * of which an open file has at most one. The first mmap(2) in this range makes it: it begins at
 * offset 0, is long enough for that mapping, rounded up to whole huge frames, and reads as zeros.
 * Its length does not change any more: a mapping that reaches beyond it fails with ENXIO. It stays,
 * with what is in it, while it is not mapped, until its handle is freed, or the file is closed.
 * Descriptors that were duplicated, inherited, or passed to another process mean the same own
 * buffer. Opening the path anew, /proc/self/fd/N as well, makes a file with another: two programs
 * that open one path share nothing.
 *
 * lseek(2) with SEEK_END goes to the end of the own buffer. While there is none, the end is where
 * that of the longest one would be that can be made now, after all memory in quarantine that nobody
 * references was cleared. fsync(2) has nothing to do, st_size (fstat(2)) is always 0, and
 * ftruncate(2) fails with EINVAL. Buffers lie from 2^42 on, windows of caches from 2^43 on, movable
 * buffers from 2^60 on.
 *
 * futex(2) fails with EFAULT in such a mapping unless FUTEX_PRIVATE_FLAG is set.
 */
#ifndef _UAPI_FRAMEPOOL_H
#define _UAPI_FRAMEPOOL_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* Version of the interface; incremented when the meaning of anything below changes. */
#define FRAMEPOOL_ABI		1

#define FRAMEPOOL_NAME_MAX	32	/* most bytes of a pool's name, including the NUL */
#define FRAMEPOOL_ORDERS	40	/* entries of free_blocks in statistics */

/* how processors cache the memory of a pool */
#define FRAMEPOOL_MEMORY_WB	0	/* written back, like all other memory */
#define FRAMEPOOL_MEMORY_WC	1	/* not cached; writes are combined */
#define FRAMEPOOL_MEMORY_UC	2	/* not cached */

/**
 * struct framepool_ioc_info - FRAMEPOOL_IOC_INFO: constants of the pool, and its quotas
 * @size: in: sizeof(struct framepool_ioc_info)
 * @abi: out: FRAMEPOOL_ABI of the module
 * @frame_bytes: out: size of a page frame, the granularity of lengths
 * @huge_bytes: out: size of a huge frame. Buffers of at least this length can be mapped by huge
 *              page table entries.
 * @total_bytes: out: size of the pool
 * @client_quota_bytes: out: most that one client may be charged; 0: no limit. Charged are whole
 *                      huge frames: those that the client has any part of, or keeps, and those in
 *                      quarantine that it had last
 * @user_quota_bytes: out: most that all clients opened by one user may be charged together;
 *                    0: no limit
 * @node: out: NUMA node that the memory was taken from; -1: any
 * @max_order: out: order (log2 of the number of frames) of the largest naturally aligned block
 * @name: out: name of the pool, NUL-terminated
 * @extents: out: number of physically contiguous extents that the pool consists of. No buffer
 *           reaches from one into the next.
 * @memory: out: one of FRAMEPOOL_MEMORY_WB, FRAMEPOOL_MEMORY_WC, FRAMEPOOL_MEMORY_UC: the type of
 *          the memory in all mappings, which follows from the module parameter memory=
 * @largest_extent_bytes: out: size of the largest of them, the most that a buffer can have
 * @first_address: out: no byte of the pool lies below this physical address. It is rounded down to
 *                 a power of two if the client was opened without CAP_SYS_ADMIN.
 * @end_address: out: every byte of the pool lies below this address; likewise, rounded up
 *
 * Only the quotas can change while the pool exists: an administrator may set them at any time.
 *
 * Errors: only those of all calls.
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
	__u32 extents;
	__u32 memory;
	__u64 largest_extent_bytes;
	__u64 first_address;
	__u64 end_address;
};

/* flags of an allocation */
#define FRAMEPOOL_ALLOC_NOCLEAR	(1U << 0)	/* the buffer need not read as zeros */
#define FRAMEPOOL_ALLOC_DUMP	(1U << 1)	/* core dumps may contain the buffer */
#define FRAMEPOOL_ALLOC_WAIT	(1U << 2)	/* wait until there is memory */
#define FRAMEPOOL_ALLOC_OWN	(1U << 3)	/* make the own buffer, at offset 0 */
#define FRAMEPOOL_ALLOC_MOVABLE	(1U << 4)	/* the frames behind the buffer may change */

/**
 * struct framepool_ioc_alloc - FRAMEPOOL_IOC_ALLOC: allocate a buffer
 * @size: in: sizeof(struct framepool_ioc_alloc)
 * @flags: in: any of FRAMEPOOL_ALLOC_NOCLEAR, FRAMEPOOL_ALLOC_DUMP, FRAMEPOOL_ALLOC_WAIT,
 *         FRAMEPOOL_ALLOC_OWN, FRAMEPOOL_ALLOC_MOVABLE
 * @length: in/out: length, 1 to 2^63 - 1; rounded up to whole frames, with FRAMEPOOL_ALLOC_OWN to
 *          whole huge frames
 * @align: in: alignment of the physical address: a power of two, or 0. Buffers are always aligned
 *         to the size of a frame. At most a huge frame if the client was opened without
 *         CAP_SYS_ADMIN.
 * @limit: in: every byte of the buffer lies below this physical address; 0: no limit. It is rounded
 *         down to a power of two if the client was opened without CAP_SYS_ADMIN.
 * @handle: out: identifies the buffer in other calls; never 0
 * @offset: out: offset at which to mmap(2) the buffer. It is congruent to the physical address
 *          modulo the size of a huge frame.
 * @timeout_ns: in: with FRAMEPOOL_ALLOC_WAIT, how many nanoseconds the call waits at most; 2^63 - 1
 *              or more: no limit. 0 without that flag.
 *
 * The buffer is one physically contiguous run of frames, and reads as zeros. It lives until its
 * handle is freed (or the file is closed) and its last mapping and dma-buf are gone.
 *
 * With FRAMEPOOL_ALLOC_NOCLEAR, each page of the buffer reads as zeros, or as what this client left
 * in memory that it has freed. What others wrote is never seen. When such a buffer is freed, its
 * huge frames are kept for the client's next allocations with this flag, until somebody else needs
 * them or about a second has passed. Meanwhile they count as quarantined, and remain charged to the
 * client. Huge frames that something else, such as a pipe, still refers to are not kept.
 *
 * With FRAMEPOOL_ALLOC_WAIT, the call does not fail with ENOMEM, ENOSPC or EDQUOT, but waits until
 * memory comes back, unless even an empty pool has no run of @length with that @align and @limit.
 * Calls that wait try in the order in which they were made; one may succeed before another that
 * asks for more. It also waits for what no quota admits. Any signal that has a handler (even with
 * SA_RESTART), or ends the process, ends the wait; after others, such as SIGSTOP and SIGCONT, it
 * begins anew, with all of @timeout_ns. While the file has O_NONBLOCK, the call does not wait, but
 * fails with EAGAIN. Entries of a batch cannot have this flag.
 *
 * poll(2) reports EPOLLOUT unless the client's last allocation (of a buffer, a batch or objects)
 * that failed for lack of memory would still fail. It may report it too early, but at most about a
 * second too late. After a shutdown it reports EPOLLERR and EPOLLHUP.
 *
 * With FRAMEPOOL_ALLOC_DUMP, mappings of the buffer are part of core dumps if the process dumps
 * shared mappings of files (bit 3 of /proc/PID/coredump_filter, which is off at first). Others, and
 * windows of caches, are not, and the kernel refuses MADV_DODUMP for all of them. MADV_DONTDUMP
 * works, and cannot be undone.
 *
 * With FRAMEPOOL_ALLOC_OWN, the buffer is the own one of the file, at offset 0, as a first mmap(2)
 * there would make it, but with an alignment, a limit and flags. Entries of a batch cannot have
 * this flag.
 *
 * With FRAMEPOOL_ALLOC_MOVABLE, the module may move the buffer to other frames, which satisfy
 * @align and @limit as well, to make room for a longer run. Mappings, offset and handle stay the
 * same; an access may have to wait for the copy of a huge frame. A length of more than a huge frame
 * is rounded up to whole huge frames. The buffer stays where it is while it is pinned
 * (FRAMEPOOL_IOC_PIN), has a dma-buf, or something else refers to its pages. It lies in the file
 * from 2^60 on, where 32-bit programs cannot map it.
 *
 * Errors:
 *  EINVAL  @flags is unknown, @length is out of range, @align is not a power of two, or
 *          @timeout_ns is not 0 without FRAMEPOOL_ALLOC_WAIT; in a batch: FRAMEPOOL_ALLOC_WAIT or
 *          FRAMEPOOL_ALLOC_OWN
 *  EEXIST  with FRAMEPOOL_ALLOC_OWN: the file has an own buffer. One that was freed counts as long
 *          as it has mappings or dma-bufs; mmap(2) below 2^42 fails with ENXIO meanwhile.
 *  ETIMEDOUT  with FRAMEPOOL_ALLOC_WAIT: @timeout_ns have passed
 *  EAGAIN  with FRAMEPOOL_ALLOC_WAIT and O_NONBLOCK: it would have to wait
 *  EINTR   with FRAMEPOOL_ALLOC_WAIT: also if a signal arrived that has a handler
 *  EPERM   @align is more than a huge frame, and the client was opened without CAP_SYS_ADMIN. Large
 *          alignments that succeed would tell where the pool lies.
 *  EDQUOT, ENOMEM, ENOSPC, ENOBUFS, EINTR
 */
struct framepool_ioc_alloc {
	__u32 size;
	__u32 flags;
	__u64 length;
	__u64 align;
	__u64 limit;
	__u64 handle;
	__u64 offset;
	__u64 timeout_ns;
};

/**
 * struct framepool_ioc_free - FRAMEPOOL_IOC_FREE: free the handle of a buffer
 * @size: in: sizeof(struct framepool_ioc_free)
 * @flags: in: 0
 * @handle: in: handle of a buffer
 *
 * Afterwards the handle is invalid, and nothing can be mapped at its offset. Existing mappings and
 * dma-bufs remain valid, and keep the memory until they are gone. If a movable buffer of the client
 * moves just then, the call waits for the end of that.
 *
 * Errors:
 *  EINVAL  @flags is not 0
 *  ENOENT  @handle is not that of a buffer of this client
 */
struct framepool_ioc_free {
	__u32 size;
	__u32 flags;
	__u64 handle;
};

/* flags of a query */
#define FRAMEPOOL_QUERY_AT	(1U << 0)	/* find the buffer by its offset */

/**
 * struct framepool_ioc_query - FRAMEPOOL_IOC_QUERY: describe a buffer
 * @size: in: sizeof(struct framepool_ioc_query)
 * @flags: in: FRAMEPOOL_QUERY_AT or 0
 * @handle: in: handle of a buffer; with FRAMEPOOL_QUERY_AT out
 * @length: out: length, a multiple of the size of a frame
 * @offset: out: offset at which to mmap(2) it; with FRAMEPOOL_QUERY_AT in/out: in: of any byte of
 *          the buffer
 * @mapped_bytes: out: address space that maps it, summed over all mappings in all processes
 * @address: out: physical address of its first byte, if the client was opened with CAP_SYS_ADMIN in
 *           the initial user namespace; otherwise 0, whoever makes the call.
 *           FRAMEPOOL_ADDRESS_MOVES instead of an address: the buffer may move, and is not pinned
 *
 * The buffer is one run: byte n of it is at @address + n.
 *
 * Errors:
 *  EINVAL  @flags is unknown
 *  ENOENT  @handle is not that of a buffer of this client; or there is none at @offset
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

#define FRAMEPOOL_ADDRESS_MOVES	(~0ULL)	/* instead of an address that would not last */

/**
 * struct framepool_ioc_pin - FRAMEPOOL_IOC_PIN, FRAMEPOOL_IOC_UNPIN: keep a buffer, or a cache,
 *                            where it is, or let it move again
 * @size: in: sizeof(struct framepool_ioc_pin)
 * @flags: in: 0
 * @handle: in: handle of a buffer or of a cache
 * @address: out (PIN): as in FRAMEPOOL_IOC_QUERY, which from now on tells it, too; 0 for a cache
 *
 * Pins are counted: a buffer moves again after as many UNPINs, or never if its handle is freed
 * before. Buffers without FRAMEPOOL_ALLOC_MOVABLE never move, and may be pinned as well. PIN waits
 * for the end of a move that is under way.
 *
 * The pin of a cache keeps all its slabs where they are, also those that it gets later, until as
 * many UNPINs, or until the cache is destroyed. It may be one without FRAMEPOOL_CACHE_MOVABLE.
 *
 * Errors:
 *  EINVAL  @flags is not 0; UNPIN: the buffer or the cache is not pinned
 *  ENOENT  @handle is not that of a buffer or a cache of this client
 *  EBUSY   PIN: one part of the buffer has moved and the other has not, and references to pages of
 *          both (by direct I/O, for example) keep it so. Try again when these are gone.
 *  EOVERFLOW  PIN: it has 2^32 - 1 pins
 *  EINTR
 */
struct framepool_ioc_pin {
	__u32 size;
	__u32 flags;
	__u64 handle;
	__u64 address;
};

/**
 * struct framepool_ioc_stats - FRAMEPOOL_IOC_STATS: the figures of the pool
 * @size: in: sizeof(struct framepool_ioc_stats)
 * @orders: out: number of entries of @free_blocks that the pool uses, max_order + 1
 * @total_bytes: out: size of the pool; always @free_bytes + @used_bytes + @quarantined_bytes +
 *               @retired_bytes
 * @free_bytes: out: memory that is free now, not necessarily contiguous. Free memory inside a huge
 *              frame that a client uses partly can be allocated by that client only.
 * @used_bytes: out: memory in buffers, in slabs of caches, and with kernel modules
 * @quarantined_bytes: out: free huge frames that are still referenced (by a pipe or direct I/O, for
 *                     example), not cleared yet, or kept for FRAMEPOOL_ALLOC_NOCLEAR
 * @retired_bytes: out: memory that is never allocated again because the hardware found a frame in
 *                 it bad: whole huge frames, and parts of huge frames that are otherwise in use
 * @largest_bytes: out: the longest run of empty huge frames, or if there is none, the largest free
 *                 block inside a huge frame, which its owner alone can get. Memory in quarantine,
 *                 and memory that clients and kernel modules keep, can make longer runs possible.
 * @clients: out: number of clients: open files, and closed ones that dma-bufs keep
 * @buffers: out: number of live buffers
 * @allocs: out: successful allocations, of buffers and of slabs, since the pool was made
 * @frees: out: buffers and slabs whose memory came back since then
 * @fail_nomem: out: allocations refused with ENOMEM since then
 * @fail_nospace: out: allocations refused with ENOSPC since then
 * @fail_quota: out: allocations refused with EDQUOT since then. Those that waited in vain are in
 *              none of these three.
 * @moves: out: buffers moved since then, to make room
 * @moved_bytes: out: bytes copied for that
 * @moves_refused_pinned: out: attempts to move what is in the way that were given up since then,
 *                        because a movable buffer is pinned or exported: of one that became so
 *                        after it was chosen, or as a whole, since such buffers left no way to make
 *                        room
 * @moves_refused_referenced: out: likewise, because somebody else (a pipe or direct I/O, for
 *                            example) has a reference to a page. An attempt moves one buffer, or
 *                            all small ones in one huge frame
 * @moves_refused_bad: out: likewise, because the hardware found a frame of it bad
 * @moves_refused_no_room: out: likewise, because there was no other place for it
 * @charged_bytes: out: what all clients are charged: the huge frames that they have any part of or
 *                 keep, and those in quarantine that they had last. The charge of a client and of
 *                 a user is what their quotas limit
 * @client_held_bytes: out: bytes in buffers and slabs of this client
 * @client_charged_bytes: out: what this client is charged
 * @user_charged_bytes: out: what the user who opened this client is charged
 * @free_blocks: out: number of free blocks by order (log2 of the number of frames). Each is counted
 *               once, at the largest order at which it is free and naturally aligned.
 *
 * @total_bytes to @retired_bytes, @largest_bytes (unless it is smaller than a huge frame) and
 * @charged_bytes are of one moment. The free blocks are found in a walk over the pool while others
 * allocate and free, so they add up to @free_bytes only if nobody does. The other numbers are read
 * one by one. The call makes no allocation wait.
 *
 * Slabs here are those of caches made with FRAMEPOOL_IOC_CACHE_CREATE, except in @used_bytes.
 *
 * Errors: only those of all calls.
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
	__u64 moves;
	__u64 moved_bytes;
	__u64 moves_refused_pinned;
	__u64 moves_refused_referenced;
	__u64 moves_refused_bad;
	__u64 moves_refused_no_room;
	__u64 charged_bytes;
	__u64 client_held_bytes;
	__u64 client_charged_bytes;
	__u64 user_charged_bytes;
	__u64 free_blocks[FRAMEPOOL_ORDERS];
};

#define FRAMEPOOL_BATCH_MAX	1024	/* most entries of a batch */

/* flags of a batch */
#define FRAMEPOOL_BATCH_PARTIAL	(1U << 0)	/* do as many entries as possible, in order */

/**
 * struct framepool_ioc_batch - FRAMEPOOL_IOC_ALLOC_BATCH, FRAMEPOOL_IOC_FREE_BATCH: allocate or
 *                              free many buffers
 * @size: in: sizeof(struct framepool_ioc_batch)
 * @flags: in: FRAMEPOOL_BATCH_PARTIAL or 0
 * @entries: in: address of an array of struct framepool_ioc_alloc or struct framepool_ioc_free
 * @count: in: number of entries, 1 to FRAMEPOOL_BATCH_MAX
 * @entry_size: in: bytes from one entry to the next, a multiple of 8 up to 256; equals the @size of
 *              every entry
 * @done: out: number of entries that were done, which are the first ones
 * @failed: out: index of the first entry that failed, counted from 0; @count if none failed
 * @error: out: errno of that entry; 0 if none failed
 * @reserved: in: 0
 *
 * Each entry follows the rules of the call for one buffer, and fails with the same errors. An entry
 * whose @size is not @entry_size fails with EINVAL. If a handle occurs twice in a FREE_BATCH, the
 * second one fails with ENOENT.
 *
 * Without FRAMEPOOL_BATCH_PARTIAL, all entries are done or none. If one fails, the call fails with
 * its errno, and writes @done (0), @failed and @error. With FRAMEPOOL_BATCH_PARTIAL, entries are
 * done in order until one fails, and the call succeeds, even if @done is 0.
 *
 * While a FREE_BATCH that will fail looks for the wrong handle, other calls may not find the right
 * ones.
 *
 * ALLOC_BATCH writes the results of the entries that were done into them, and does not change the
 * others.
 *
 * If the call fails for a reason other than an entry, it writes nothing. To tell the two cases
 * apart, set @error to 0 before the call.
 *
 * Errors, besides those of entries:
 *  EFAULT  @entries or this structure cannot be read or written. ALLOC_BATCH has then allocated
 *          nothing, but may have written some results. FREE_BATCH has freed nothing, unless this
 *          structure became unwritable during the call.
 *  EINVAL  @flags is unknown, @count or @entry_size is out of range, or @reserved is not 0
 *  E2BIG   @entry_size is more than 256
 *  ENOBUFS the kernel has no memory to process @count entries
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

#define FRAMEPOOL_OBJECT_MIN	8U		/* least bytes of an object */
#define FRAMEPOOL_OBJECT_MAX	(1U << 20)	/* most bytes of an object */
#define FRAMEPOOL_CACHES_MAX	1024		/* most caches of a client */

/* flags of a cache */
#define FRAMEPOOL_CACHE_RANDOM	(1U << 0)	/* allocate objects in a random order */
#define FRAMEPOOL_CACHE_MOVABLE	(1U << 1)	/* the frames behind the objects may change */

/**
 * struct framepool_ioc_cache - FRAMEPOOL_IOC_CACHE_CREATE: create a cache of objects of one size
 * @size: in: sizeof(struct framepool_ioc_cache)
 * @flags: in: any of FRAMEPOOL_CACHE_RANDOM, FRAMEPOOL_CACHE_MOVABLE
 * @object_size: in: bytes of an object, FRAMEPOOL_OBJECT_MIN to FRAMEPOOL_OBJECT_MAX
 * @align: in: alignment of the physical address and of the offset of each object: a power of two up
 *         to the size of a huge frame, or 0. Objects are always aligned to 8 bytes.
 * @handle: out: identifies the cache in other calls; never 0, and never the handle of a buffer
 * @offset: out: offset of the cache's window in the file, a multiple of the size of a huge frame
 * @window_bytes: out: length of the window, at least the size of the pool
 * @stride: out: bytes from one object to the next in a slab
 * @slab_bytes: out: bytes of a slab, a power of two
 *
 * A cache takes memory from the pool in slabs, as objects are allocated, and gives it back as they
 * are freed. A slab is a physically contiguous block of @slab_bytes. The cache keeps a few empty
 * slabs until somebody needs the memory. All slabs are charged to the client.
 *
 * With FRAMEPOOL_CACHE_MOVABLE, slabs may move to other frames, to make room for a long buffer: the
 * contents and offsets of objects stay, their physical addresses change, but not while a page of
 * the slab is referenced (by direct I/O, for example), or the cache is pinned (FRAMEPOOL_IOC_PIN).
 * An access to the objects waits for the end of the move. Without it, slabs never move.
 *
 * The objects lie in the cache's window, a range of the file. It can be mapped, as a whole or in
 * parts, before there are objects. A new slab gets the lowest free place in the window, aligned to
 * its length, and stays there as long as any object in it is allocated. An access to a page of the
 * window that has no slab gets SIGBUS.
 *
 * The cache and its objects live until it is destroyed, or the file is closed. No other cache gets
 * its place in the file before its last mapping is gone. A 32-bit program can map a file only below
 * 2^44. All windows lie there if the pool has at most 8 GiB; otherwise those of the first caches
 * do.
 *
 * Errors:
 *  EINVAL  @flags is unknown, or @object_size or @align is out of range
 *  EMFILE, ENOBUFS
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
 * struct framepool_ioc_cache_destroy - FRAMEPOOL_IOC_CACHE_DESTROY: destroy a cache
 * @size: in: sizeof(struct framepool_ioc_cache_destroy)
 * @flags: in: 0
 * @handle: in: handle of a cache
 *
 * All objects of the cache are freed. Mappings of the window remain, but any access to them gets
 * SIGBUS.
 *
 * Errors:
 *  EINVAL  @flags is not 0
 *  ENOENT  @handle is not that of a cache of this client
 */
struct framepool_ioc_cache_destroy {
	__u32 size;
	__u32 flags;
	__u64 handle;
};

/**
 * struct framepool_ioc_objects - FRAMEPOOL_IOC_OBJ_ALLOC, FRAMEPOOL_IOC_OBJ_FREE: allocate or free
 *                                many objects
 * @size: in: sizeof(struct framepool_ioc_objects)
 * @flags: in: FRAMEPOOL_BATCH_PARTIAL or 0; OBJ_FREE: 0
 * @cache: in: handle of the cache
 * @offsets: in: address of an array of __u64: offsets of objects, from the beginning of the window.
 *           OBJ_ALLOC writes them, OBJ_FREE reads them.
 * @count: in: number of objects, 1 to FRAMEPOOL_BATCH_MAX
 * @done: out: number of objects that were allocated or freed, which are the first ones
 * @error: out: OBJ_ALLOC: errno that says why not all were allocated; 0 if all were. OBJ_FREE: 0.
 * @reserved: in: 0
 *
 * OBJ_ALLOC allocates all @count objects or none. With FRAMEPOOL_BATCH_PARTIAL, it allocates as
 * many as possible, and succeeds if that is at least one. An object reads as zeros, or as what this
 * client left in memory that it has freed.
 *
 * OBJ_FREE frees all objects or none. If one of @offsets is not that of an allocated object of the
 * cache, or equals an earlier one, the call fails with ENOENT and sets @done to the index of the
 * first such entry, counted from 0. Later entries were not checked. To tell this from an invalid
 * @cache, set @done to @count before the call.
 *
 * Other failing calls write nothing, except that with EFAULT some results may have been written.
 *
 * Errors:
 *  EFAULT  @offsets or this structure cannot be read or written; nothing was allocated or freed
 *  EINVAL  @flags is unknown, @count is out of range, or @reserved is not 0
 *  ENOENT  @cache is not the handle of a cache of this client; OBJ_FREE: or as above
 *  EDQUOT, ENOMEM, ENOSPC, EINTR: only OBJ_ALLOC, when it needs another slab
 *  ENOBUFS the kernel has no memory for the call, or for a slab's bookkeeping
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

/* flags of an export */
#define FRAMEPOOL_EXPORT_READ_ONLY	(1U << 0)	/* for reading only */

#define FRAMEPOOL_EXPORTS_MAX	16384		/* most dma-bufs of a client */

/**
 * struct framepool_ioc_export - FRAMEPOOL_IOC_EXPORT: make a dma-buf of a buffer
 * @size: in: sizeof(struct framepool_ioc_export)
 * @flags: in: FRAMEPOOL_EXPORT_READ_ONLY or 0
 * @handle: in: handle of a buffer
 * @offset: in: where in the buffer the dma-buf begins; a multiple of the size of a frame
 * @length: in: its length; likewise, and not 0
 * @fd: out: a new descriptor of the dma-buf, which execve(2) closes
 * @reserved: in: 0
 *
 * The descriptor can be given to drivers that import dma-bufs, and to other processes, which need
 * no access to the pool. Whoever has it can map the memory with mmap(2), at offsets from 0 on. The
 * kernel maps huge frames as wholes if the buffer has at least one, where address and offset in the
 * buffer are congruent modulo their size.
 *
 * A whole buffer has only one dma-buf that is not read-only: each call gives another descriptor of
 * it, as long as the handle is valid. Other calls make new dma-bufs.
 *
 * The memory lives, and stays charged to this client, until the last descriptor, mapping and user
 * of the dma-buf is gone, even if the handle is freed or the client's file is closed.
 *
 * With FRAMEPOOL_EXPORT_READ_ONLY, programs cannot write through it, and drivers cannot map it for
 * a device that writes. Only an IOMMU stops a device that writes all the same. mmap(2) with
 * PROT_WRITE, and mprotect(2) to it, fail with EACCES. A driver gets EACCES if it maps the dma-buf
 * for a device that writes, or for both directions, as graphics and RDMA drivers always do; on
 * Linux 6.1 and 6.12 dynamic importers get it when they attach. So a read-only dma-buf is for
 * drivers that only read, such as a video output, and for programs. Drivers that access it by the
 * processor get EINVAL.
 *
 * A device that does not reach the memory cannot map it: the driver gets EBUSY. After a shutdown
 * drivers get ENODEV. Devices that have the memory mapped by then keep it until they unmap it.
 *
 * Errors:
 *  EFAULT  this structure cannot be read or written; there is no descriptor
 *  EINVAL  @flags is unknown, @reserved is not 0, or the range is empty, not made of whole frames,
 *          or not inside the buffer
 *  ENOENT  @handle is not that of a buffer of this client
 *  EMFILE  the process has as many descriptors as RLIMIT_NOFILE allows, or the client has
 *          FRAMEPOOL_EXPORTS_MAX dma-bufs. That of a whole buffer counts until the buffer is freed,
 *          even if all its descriptors are closed
 *  ENFILE  the system has as many open files as it may have
 *  ENOBUFS
 */
struct framepool_ioc_export {
	__u32 size;
	__u32 flags;
	__u64 handle;
	__u64 offset;
	__u64 length;
	__s32 fd;
	__u32 reserved;
};

/**
 * struct framepool_ioc_describe - FRAMEPOOL_IOC_DESCRIBE: describe a dma-buf of the pool
 * @size: in: sizeof(struct framepool_ioc_describe)
 * @flags: in: 0
 * @fd: in: descriptor of a dma-buf that any client of this pool has exported
 * @reserved: in: 0
 * @length: out: length of the dma-buf
 * @address: out: physical address of its first byte, if the client that makes the call was opened
 *           with CAP_SYS_ADMIN in the initial user namespace; otherwise 0
 *
 * Errors:
 *  EBADF   @fd is not an open descriptor
 *  EINVAL  @flags or @reserved is not 0, or @fd is not that of a dma-buf of this pool
 */
struct framepool_ioc_describe {
	__u32 size;
	__u32 flags;
	__s32 fd;
	__u32 reserved;
	__u64 length;
	__u64 address;
};

/* flags of a synchronisation */
#define FRAMEPOOL_SYNC_END	(1U << 0)	/* after the accesses, not before them */

/**
 * struct framepool_ioc_sync - FRAMEPOOL_IOC_SYNC: access a part of a dma-buf while devices have it
 * @size: in: sizeof(struct framepool_ioc_sync)
 * @flags: in: 0 before the program accesses the part, FRAMEPOOL_SYNC_END after that
 * @fd: in: descriptor of a dma-buf that any client of this pool has exported
 * @reserved: in: 0
 * @offset: in: where in the dma-buf the part begins, at any byte
 * @length: in: its length, not 0
 *
 * Makes @length bytes from @offset on, in the dma-buf with the descriptor @fd, the same for
 * programs and for the devices that have this dma-buf mapped. Call it before a program accesses the
 * part, and with FRAMEPOOL_SYNC_END afterwards. In between, devices must leave the part alone. It
 * does something only where devices are not coherent with the caches, or where the system copies
 * what they access. It does not wait for a device. DMA_BUF_IOCTL_SYNC does the same for the whole
 * dma-buf; its start also waits until drivers that set fences are done. Other dma-bufs of the same
 * buffer, and what VFIO or RDMA map, are not synchronised.
 *
 * Errors:
 *  EBADF   @fd is not an open descriptor
 *  EINVAL  @flags is unknown, @reserved is not 0, @fd is not that of a dma-buf of this pool, or the
 *          part is empty or not inside the dma-buf
 */
struct framepool_ioc_sync {
	__u32 size;
	__u32 flags;
	__s32 fd;
	__u32 reserved;
	__u64 offset;
	__u64 length;
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
#define FRAMEPOOL_IOC_EXPORT	_IO(FRAMEPOOL_IOC_TYPE, 0x0b)
#define FRAMEPOOL_IOC_DESCRIBE	_IO(FRAMEPOOL_IOC_TYPE, 0x0c)
#define FRAMEPOOL_IOC_SYNC	_IO(FRAMEPOOL_IOC_TYPE, 0x0d)
#define FRAMEPOOL_IOC_PIN	_IO(FRAMEPOOL_IOC_TYPE, 0x0e)
#define FRAMEPOOL_IOC_UNPIN	_IO(FRAMEPOOL_IOC_TYPE, 0x0f)

#endif
