// SPDX-License-Identifier: GPL-2.0-only
/*
 * Kinds of memory that a program can have:
 *
 *  framepool	buffers of the pool "default"
 *  framepool	the same, exported as dma-bufs
 *  dma-heap	dma-bufs of the heap "system"
 *  udmabuf	dma-bufs of a file in memory of huge pages that were reserved before
 *  mmap	anonymous memory, as mmap() gives it
 *  THP	anonymous memory, aligned to huge pages, with MADV_HUGEPAGE
 *  hugetlbfs	anonymous memory of huge pages that were reserved before
 *  memfd	a file in memory
 */
#include <fcntl.h>
#include <linux/dma-heap.h>
#include <linux/memfd.h>
#include <linux/udmabuf.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "guest.h"
#include "uapi/framepool.h"

#define POOL		"/dev/framepool/default"
#define HEAP		"/dev/dma_heap/system"
#define UDMABUF		"/dev/udmabuf"
#define HUGE_PAGES	"/proc/sys/vm/nr_hugepages"
#define HUGE_BYTES	(2 * MIB)
#define TOUCH_STEP	(4 * KIB)
#define MAX_BATCH	64

/* Long enough for what the kernel defers by a grace period. Nothing else runs meanwhile. */
#define SETTLE_US	(50 * 1000)
#define MAX_SETTLES	200

static int pool_fd = -1, heap_fd;

static int open_or_fail(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		err(1, "%s", path);
	return fd;
}

static void call(unsigned long number, void *argument)
{
	if (ioctl(pool_fd, number, argument))
		err(1, POOL ": number %lu", number & 0xff);
}

/**
 * memory_pool_open() - become a new client of framepool
 *
 * When memory_settle() returns, at the latest, the pool has back what was used before.
 */
void memory_pool_open(void)
{
	if (pool_fd >= 0)
		close(pool_fd);
	pool_fd = open_or_fail(POOL);
}

/**
 * memory_init() - prepare all kinds of memory
 */
void memory_init(void)
{
	int fd;

	memory_pool_open();
	heap_fd = open_or_fail(HEAP);
	fd = open_or_fail(HUGE_PAGES);
	/* 64 MiB. */
	if (write(fd, "32", 2) != 2)
		err(1, HUGE_PAGES);
	close(fd);
}

/**
 * memory_map() - make memory accessible
 * @memory: from alloc(); nothing happens if alloc() has mapped it
 */
void memory_map(struct memory *memory)
{
	if (memory->p)
		return;
	memory->p = mmap(NULL, memory->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, memory->fd,
			 memory->offset);
	if (memory->p == MAP_FAILED)
		err(1, "mmap of %zu bytes", memory->bytes);
}

/**
 * memory_unmap() - undo memory_map()
 * @memory: mapped
 */
void memory_unmap(struct memory *memory)
{
	if (munmap(memory->p, memory->bytes))
		err(1, "munmap");
	memory->p = NULL;
}

/**
 * memory_touch() - write a byte of each page
 * @memory: mapped
 */
void memory_touch(const struct memory *memory)
{
	volatile char *p;

	for (p = memory->p; p < memory->p + memory->bytes; p += TOUCH_STEP)
		*p = 1;
}

/**
 * memory_settle() - wait for all work in the background
 *
 * Then framepool's quarantine is empty, and the kernel has freed what it had deferred.
 */
void memory_settle(void)
{
	struct framepool_ioc_stats stats = { .size = sizeof(stats) };
	u32 tries = 0;

	do {
		if (tries++ == MAX_SETTLES)
			errx(1, "%llu bytes stay in quarantine", stats.quarantined_bytes);
		usleep(SETTLE_US);
		call(FRAMEPOOL_IOC_STATS, &stats);
	} while (stats.quarantined_bytes);
	usleep(SETTLE_US);
}

static void alloc_pool(struct memory *memory)
{
	struct framepool_ioc_alloc alloc = { .size = sizeof(alloc), .length = memory->bytes };

	call(FRAMEPOOL_IOC_ALLOC, &alloc);
	memory->p = NULL;
	memory->fd = pool_fd;
	memory->offset = alloc.offset;
	memory->handle = alloc.handle;
}

static void free_pool(struct memory *memory)
{
	struct framepool_ioc_free arg = { .size = sizeof(arg), .handle = memory->handle };

	call(FRAMEPOOL_IOC_FREE, &arg);
}

/**
 * memory_pool_alloc_batch() - allocate several buffers of framepool with one call
 * @memories: the result; their @bytes are set
 * @nr: how many, at most 64
 */
void memory_pool_alloc_batch(struct memory *memories, u32 nr)
{
	struct framepool_ioc_alloc entries[MAX_BATCH];
	struct framepool_ioc_batch batch = {
		.size = sizeof(batch), .entries = (uintptr_t)entries, .count = nr,
		.entry_size = sizeof(*entries),
	};
	u32 i;

	for (i = 0; i < nr; i++)
		entries[i] = (struct framepool_ioc_alloc) {
			.size = sizeof(*entries), .length = memories[i].bytes,
		};
	call(FRAMEPOOL_IOC_ALLOC_BATCH, &batch);
	for (i = 0; i < nr; i++)
		memories[i].handle = entries[i].handle;
}

/**
 * memory_pool_free_batch() - free several buffers of framepool with one call
 * @memories: what memory_pool_alloc_batch() returned
 * @nr: how many
 */
void memory_pool_free_batch(const struct memory *memories, u32 nr)
{
	struct framepool_ioc_free entries[MAX_BATCH];
	struct framepool_ioc_batch batch = {
		.size = sizeof(batch), .entries = (uintptr_t)entries, .count = nr,
		.entry_size = sizeof(*entries),
	};
	u32 i;

	for (i = 0; i < nr; i++)
		entries[i] = (struct framepool_ioc_free) {
			.size = sizeof(*entries), .handle = memories[i].handle,
		};
	call(FRAMEPOOL_IOC_FREE_BATCH, &batch);
}

static void alloc_dma_heap(struct memory *memory)
{
	struct dma_heap_allocation_data data = {
		.len = memory->bytes, .fd_flags = O_RDWR | O_CLOEXEC,
	};

	if (ioctl(heap_fd, DMA_HEAP_IOCTL_ALLOC, &data))
		err(1, HEAP ": %zu bytes", memory->bytes);
	memory->p = NULL;
	memory->fd = data.fd;
	memory->offset = 0;
}

static void alloc_export(struct memory *memory)
{
	struct framepool_ioc_export export = { .size = sizeof(export), .length = memory->bytes };

	alloc_pool(memory);
	export.handle = memory->handle;
	call(FRAMEPOOL_IOC_EXPORT, &export);
	memory->fd = export.fd;
	memory->offset = 0;
}

static void free_export(struct memory *memory)
{
	if (close(memory->fd))
		err(1, "close");
	free_pool(memory);
}

static void alloc_udmabuf(struct memory *memory)
{
	int device = open_or_fail(UDMABUF);
	struct udmabuf_create create = { .flags = UDMABUF_FLAGS_CLOEXEC, .size = memory->bytes };

	memory->p = NULL;
	memory->offset = 0;
	create.memfd = memfd_create("bench", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_HUGETLB);
	if ((int)create.memfd < 0 || ftruncate(create.memfd, memory->bytes) ||
	    fcntl(create.memfd, F_ADD_SEALS, F_SEAL_SHRINK))
		err(1, "memfd of %zu bytes", memory->bytes);
	memory->fd = ioctl(device, UDMABUF_CREATE, &create);
	if (memory->fd < 0)
		err(1, UDMABUF);
	close(create.memfd);
	close(device);
}

static void alloc_memfd(struct memory *memory)
{
	memory->p = NULL;
	memory->offset = 0;
	memory->fd = memfd_create("bench", MFD_CLOEXEC);
	if (memory->fd < 0 || ftruncate(memory->fd, memory->bytes))
		err(1, "memfd of %zu bytes", memory->bytes);
}

static void free_descriptor(struct memory *memory)
{
	if (close(memory->fd))
		err(1, "close");
}

static void map_anonymous(struct memory *memory, int flags)
{
	memory->p = mmap(NULL, memory->bytes, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
	if (memory->p == MAP_FAILED)
		err(1, "mmap of %zu anonymous bytes", memory->bytes);
}

static void alloc_mmap(struct memory *memory)
{
	map_anonymous(memory, 0);
}

static void alloc_thp(struct memory *memory)
{
	map_anonymous(memory, 0);
	/* From Linux 6.7 on, the kernel aligns mappings of that length. */
	if ((uintptr_t)memory->p % HUGE_BYTES || madvise(memory->p, memory->bytes, MADV_HUGEPAGE))
		err(1, "no huge pages at %p", memory->p);
}

static void alloc_hugetlbfs(struct memory *memory)
{
	map_anonymous(memory, MAP_HUGETLB);
}

/* Unmapping has freed it. */
static void free_anonymous(struct memory *memory)
{
	(void)memory;
}

const struct memory_side memory_pool = {
	.name = "framepool", .alloc = alloc_pool, .free = free_pool,
};

const struct memory_side memory_export = {
	.name = "framepool", .alloc = alloc_export, .free = free_export,
};

const struct memory_side memory_udmabuf = {
	.name = "udmabuf", .alloc = alloc_udmabuf, .free = free_descriptor,
};

const struct memory_side memory_dma_heap = {
	.name = "dma-heap", .alloc = alloc_dma_heap, .free = free_descriptor,
};

const struct memory_side memory_mmap = {
	.name = "mmap", .lazy = true, .alloc = alloc_mmap, .free = free_anonymous,
};

const struct memory_side memory_thp = {
	.name = "THP", .lazy = true, .alloc = alloc_thp, .free = free_anonymous,
};

const struct memory_side memory_hugetlbfs = {
	.name = "hugetlbfs", .lazy = true, .alloc = alloc_hugetlbfs, .free = free_anonymous,
};

const struct memory_side memory_memfd = {
	.name = "memfd", .lazy = true, .alloc = alloc_memfd, .free = free_descriptor,
};
