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
 *    is marked "in/out". A call that fails writes nothing.
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
 *  ENOENT  no such handle: never given out to this client, or freed already
 *  ENOMEM  the pool has less free memory than asked for
 *  ENOSPC  enough is free, but there is no run of that length with that
 *          alignment below that limit; a run of a huge frame or more begins at a huge frame
 *  EDQUOT  the client would hold more than its quota
 *  ENOBUFS the kernel has no memory for the bookkeeping of the buffer, or of bad memory
 *  ENODEV  an administrator shut the pool down by force; so open(2) and mmap(2) say, too,
 *          and whoever touches a mapping gets SIGBUS. Nothing is left to do but to
 *          unmap and close.
 *  EINTR   a fatal signal arrived while memory was being reclaimed
 *
 * mmap(2) adds
 *  ENXIO   the range is not wholly inside one live buffer of this client
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
 * struct framepool_ioc_info - FRAMEPOOL_IOC_INFO: what does not change while a pool exists
 * @size: in: sizeof(struct framepool_ioc_info)
 * @abi: out: FRAMEPOOL_ABI of the module
 * @frame_bytes: out: size of a page frame, the granularity of lengths
 * @huge_bytes: out: size of a huge frame; a buffer of at least this length can be
 *              mapped by huge page table entries
 * @total_bytes: out: size of the pool
 * @quota_bytes: out: most that one client may hold; 0: no limit
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
	__u64 quota_bytes;
	__s32 node;
	__u32 max_order;
	char name[FRAMEPOOL_NAME_MAX];
};

/**
 * struct framepool_ioc_alloc - FRAMEPOOL_IOC_ALLOC: allocate a buffer
 * @size: in: sizeof(struct framepool_ioc_alloc)
 * @flags: in: 0
 * @length: in/out: bytes wanted, at least 1; rounded up to whole frames
 * @align: in: alignment of the physical address: 0 or a power of two. Frames
 *         are always aligned to their size.
 * @limit: in: every byte lies below this physical address; 0: no limit
 * @handle: out: names the buffer in other calls; never 0
 * @offset: out: where in the file to mmap the buffer; it is congruent to the
 *          physical address modulo @huge_bytes
 *
 * The buffer is one physically contiguous run and reads as zeros. It lives
 * until its handle is freed (or the client ends) and its last mapping is gone.
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
};

/**
 * struct framepool_ioc_stats - FRAMEPOOL_IOC_STATS: one consistent snapshot of the pool
 * @size: in: sizeof(struct framepool_ioc_stats)
 * @orders: out: entries of @free_blocks that the pool uses
 * @total_bytes: out: always @free_bytes + @used_bytes + @quarantined_bytes +
 *               @retired_bytes
 * @free_bytes: out: free for allocation at once. Free memory inside a huge frame
 *              that a client uses partly can serve that client only.
 * @used_bytes: out: in buffers
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

#define FRAMEPOOL_IOC_TYPE	0xFA

#define FRAMEPOOL_IOC_INFO	_IO(FRAMEPOOL_IOC_TYPE, 0x00)
#define FRAMEPOOL_IOC_ALLOC	_IO(FRAMEPOOL_IOC_TYPE, 0x01)
#define FRAMEPOOL_IOC_FREE	_IO(FRAMEPOOL_IOC_TYPE, 0x02)
#define FRAMEPOOL_IOC_QUERY	_IO(FRAMEPOOL_IOC_TYPE, 0x03)
#define FRAMEPOOL_IOC_STATS	_IO(FRAMEPOOL_IOC_TYPE, 0x04)

#endif
