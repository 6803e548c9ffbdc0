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
#include "map.h"

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
	memory = fp_map_aligned(fd, 0, (size_t)bytes, HUGE_BYTES,
				(flags & O_ACCMODE) == O_RDONLY ? PROT_READ :
								  PROT_READ | PROT_WRITE);
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
