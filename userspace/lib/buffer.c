// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A buffer, and the one mapping of it that the library makes.
 *
 * The mapping's address is published by compare-and-swap. After fork() in a program with threads, a
 * lock could stay held in the child.
 */
#define _FILE_OFFSET_BITS 64
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "internal.h"

static struct framepool_buffer *alloc(struct framepool *fp, uint32_t flags, uint64_t length,
				      uint64_t align, uint64_t limit, uint64_t wait_ns)
{
	struct framepool_ioc_alloc call = {
		.size = sizeof(call),
		.flags = flags | (wait_ns ? FRAMEPOOL_ALLOC_WAIT : 0),
		.length = length,
		.align = align,
		.limit = limit,
		.timeout_ns = wait_ns,
	};
	struct framepool_buffer *buf = calloc(1, sizeof(*buf));

	if (!buf) {
		errno = ENOBUFS;
		return NULL;
	}
	if (ioctl(fp->fd, FRAMEPOOL_IOC_ALLOC, &call)) {
		free(buf);
		return NULL;
	}
	buf->fd = fp->fd;
	buf->handle = call.handle;
	buf->offset = call.offset;
	buf->length = call.length;
	return buf;
}

struct framepool_buffer *framepool_buffer_alloc(struct framepool *fp, uint64_t length)
{
	return alloc(fp, fp->alloc_flags, length, 0, 0, fp->wait_ns);
}

struct framepool_buffer *framepool_buffer_alloc_constrained(struct framepool *fp,
							     uint64_t length, uint64_t align,
							     uint64_t limit)
{
	return alloc(fp, fp->alloc_flags, length, align, limit, fp->wait_ns);
}

struct framepool_buffer *framepool_buffer_alloc_own(struct framepool *fp, uint64_t length,
						    uint64_t align, uint64_t limit)
{
	return alloc(fp, fp->alloc_flags | FRAMEPOOL_ALLOC_OWN, length, align, limit, fp->wait_ns);
}

/**
 * fp_buffer_alloc_now - allocate a buffer, and do not wait for memory
 * @fp: the client
 * @length: bytes
 * @align: as of framepool_buffer_alloc_constrained()
 * @clear: set if the buffer reads as zeros
 *
 * Return: as framepool_buffer_alloc_constrained().
 */
struct framepool_buffer *fp_buffer_alloc_now(struct framepool *fp, uint64_t length, uint64_t align,
					     bool *clear)
{
	uint32_t flags = fp->alloc_flags;

	*clear = !(flags & FRAMEPOOL_ALLOC_NOCLEAR);
	return alloc(fp, flags, length, align, 0, 0);
}

struct framepool_buffer *framepool_buffer_at(struct framepool *fp, uint64_t offset)
{
	struct framepool_ioc_query call = {
		.size = sizeof(call),
		.flags = FRAMEPOOL_QUERY_AT,
		.offset = offset,
	};
	struct framepool_buffer *buf;

	if (ioctl(fp->fd, FRAMEPOOL_IOC_QUERY, &call))
		return NULL;
	buf = calloc(1, sizeof(*buf));
	if (!buf) {
		errno = ENOBUFS;
		return NULL;
	}
	buf->fd = fp->fd;
	buf->handle = call.handle;
	buf->offset = call.offset;
	buf->length = call.length;
	return buf;
}

void framepool_buffer_free(struct framepool_buffer *buf)
{
	struct framepool_ioc_free call = { .size = sizeof(call) };
	int err = errno;

	if (!buf)
		return;
	framepool_buffer_unmap(buf);
	call.handle = buf->handle;
	ioctl(buf->fd, FRAMEPOOL_IOC_FREE, &call);
	free(buf);
	errno = err;
}

void *framepool_buffer_map(struct framepool_buffer *buf)
{
	void *memory = atomic_load(&buf->memory);
	void *other = NULL;

	if (memory)
		return memory;
	if (buf->length > SIZE_MAX) {
		errno = ENOMEM;
		return NULL;
	}
	memory = mmap(NULL, buf->length, PROT_READ | PROT_WRITE, MAP_SHARED, buf->fd,
		      (off_t)buf->offset);
	if (memory == MAP_FAILED)
		return NULL;
	if (atomic_compare_exchange_strong(&buf->memory, &other, memory))
		return memory;
	munmap(memory, buf->length);
	return other;
}

void framepool_buffer_unmap(struct framepool_buffer *buf)
{
	void *memory = atomic_exchange(&buf->memory, NULL);
	int err = errno;

	if (!memory)
		return;
	munmap(memory, buf->length);
	errno = err;
}

uint64_t framepool_buffer_length(const struct framepool_buffer *buf)
{
	return buf->length;
}

uint64_t framepool_buffer_handle(const struct framepool_buffer *buf)
{
	return buf->handle;
}

uint64_t framepool_buffer_offset(const struct framepool_buffer *buf)
{
	return buf->offset;
}

static int query(const struct framepool_buffer *buf, struct framepool_ioc_query *call)
{
	*call = (struct framepool_ioc_query){ .size = sizeof(*call), .handle = buf->handle };
	return ioctl(buf->fd, FRAMEPOOL_IOC_QUERY, call);
}

int framepool_buffer_mapped_bytes(const struct framepool_buffer *buf, uint64_t *bytes)
{
	struct framepool_ioc_query call;

	if (query(buf, &call))
		return -1;
	*bytes = call.mapped_bytes;
	return 0;
}

int framepool_buffer_address(const struct framepool_buffer *buf, uint64_t *address)
{
	struct framepool_ioc_query call;

	if (query(buf, &call))
		return -1;
	if (call.address == FRAMEPOOL_ADDRESS_MOVES) {
		errno = EADDRNOTAVAIL;
		return -1;
	}
	*address = call.address;
	return 0;
}

int fp_buffer_lasting_address(const struct framepool_buffer *buf, uint64_t *address)
{
	int err = errno;

	if (!framepool_buffer_address(buf, address))
		return 0;
	if (errno != EADDRNOTAVAIL)
		return -1;
	*address = 0;
	errno = err;
	return 0;
}
