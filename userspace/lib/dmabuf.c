// SPDX-License-Identifier: LGPL-2.1-or-later
/* Buffers as dma-bufs. Who receives one needs no client. */
#define _FILE_OFFSET_BITS 64
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "internal.h"

/* Addresses of huge frames are multiples of it. */
#define HUGE_BYTES	((size_t)2 << 20)

int framepool_buffer_export(const struct framepool_buffer *buf, uint64_t offset, uint64_t length,
			    unsigned int flags)
{
	struct framepool_ioc_export call = {
		.size = sizeof(call),
		.flags = flags,
		.handle = buf->handle,
		.offset = offset,
		.length = length,
	};

	return ioctl(buf->fd, FRAMEPOOL_IOC_EXPORT, &call) ? -1 : call.fd;
}

int framepool_dmabuf_describe(const struct framepool *fp, int fd, uint64_t *length,
			      uint64_t *address)
{
	struct framepool_ioc_describe call = { .size = sizeof(call), .fd = fd };

	if (ioctl(fp->fd, FRAMEPOOL_IOC_DESCRIBE, &call))
		return -1;
	*length = call.length;
	*address = call.address;
	return 0;
}

int framepool_dmabuf_sync(const struct framepool *fp, int fd, uint64_t offset, uint64_t length,
			  unsigned int flags)
{
	struct framepool_ioc_sync call = {
		.size = sizeof(call),
		.flags = flags,
		.fd = fd,
		.offset = offset,
		.length = length,
	};

	return ioctl(fp->fd, FRAMEPOOL_IOC_SYNC, &call) ? -1 : 0;
}

/* Inaccessible address space around an aligned range of @length. */
static char *reserve(size_t length)
{
	return mmap(NULL, length + HUGE_BYTES, PROT_NONE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
}

static void *map_aligned(int fd, int prot, size_t length)
{
	char *area = reserve(length), *start, *memory;
	size_t before, end = length + HUGE_BYTES;
	int err;

	if (area == MAP_FAILED)
		return NULL;
	before = -(uintptr_t)area % HUGE_BYTES;
	start = area + before;
	memory = mmap(start, length, prot, MAP_SHARED | MAP_FIXED, fd, 0);
	if (memory == MAP_FAILED) {
		err = errno;
		munmap(area, end);
		errno = err;
		return NULL;
	}
	if (before)
		munmap(area, before);
	munmap(start + length, end - before - length);
	return memory;
}

void *framepool_dmabuf_map(int fd, size_t *length)
{
	off_t bytes = lseek(fd, 0, SEEK_END);
	int flags = fcntl(fd, F_GETFL);
	void *memory;

	if (bytes < 0 || flags < 0)
		return NULL;
	if ((uint64_t)bytes > SIZE_MAX - HUGE_BYTES) {
		errno = ENOMEM;
		return NULL;
	}
	memory = map_aligned(fd, (flags & O_ACCMODE) == O_RDONLY ? PROT_READ :
			     PROT_READ | PROT_WRITE, (size_t)bytes);
	if (memory)
		*length = (size_t)bytes;
	return memory;
}

void framepool_dmabuf_unmap(void *memory, size_t length)
{
	int err = errno;

	if (!memory)
		return;
	munmap(memory, length);
	errno = err;
}
