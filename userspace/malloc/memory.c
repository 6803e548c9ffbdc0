// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Memory for the heap: buffers of a pool, or private memory, which is a buffer whose file is -1.
 * This takes the place of ../lib/buffer.c.
 *
 * The pool is opened when the heap first needs memory. That is before the C library is ready, while
 * programs are linked, so the environment is read from /proc. The heap's lock protects all of this.
 */
#define _FILE_OFFSET_BITS 64
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <sys/uio.h>
#include <unistd.h>

#include "internal.h"
#include "map.h"
#include "preload.h"

#define PAGE_BYTES		4096U
#define ENVIRONMENT_BYTES	(4UL << 20)	/* the most that is looked at */
#define LIMIT_SHARE		2U		/* times the memory of the machine */
#define FD_LEAST		900		/* programs expect that lower ones are free */

/**
 * struct pool_buffer - a buffer, and which client of this process it is of
 * @buf: the buffer
 * @client: number of the client
 */
struct pool_buffer {
	struct framepool_buffer buf;
	uint32_t client;
};

static struct framepool client = { .fd = -1 };
static struct stat node;	/* what @client.fd is, unless the program closed it */
static uint32_t client_number;
static int open_error;		/* why there is no pool; 0: it was not opened yet, or is open */
static bool is_strict;
static bool has_spoken;
static const char *pool;	/* its name, or NULL */

/**
 * fp_memory_say - write a sentence
 * @what: what it is about
 * @why: what is wrong
 * @then: what follows
 *
 * errno is left alone.
 */
void fp_memory_say(const char *what, const char *why, const char *then)
{
	const char *texts[] = { "framepool-malloc: ", what, ": ", why, then, "\n" };
	struct iovec parts[sizeof(texts) / sizeof(*texts)];
	const int nr = sizeof(texts) / sizeof(*texts);
	int err = errno;

	for (int i = 0; i < nr; i++)
		parts[i] = (struct iovec){ (void *)(uintptr_t)texts[i], strlen(texts[i]) };
	if (writev(STDERR_FILENO, parts, nr) < 0)
		errno = err;
	errno = err;
}

/* The value of an environment variable, or NULL. */
static const char *find_variable(const char *variables, const char *name)
{
	size_t length = strlen(name);

	for (; *variables; variables += strlen(variables) + 1)
		if (!strncmp(variables, name, length) && variables[length] == '=')
			return variables + length + 1;
	return NULL;
}

/* What is not found is as if it were not set. The table stays, since @pool is in it. */
static void read_environment(void)
{
	int fd = open("/proc/self/environ", O_RDONLY | O_CLOEXEC);
	char *variables = fp_map_table(1, ENVIRONMENT_BYTES + 2);
	const char *strict;
	size_t bytes = 0;
	ssize_t more = 1;

	while (fd >= 0 && variables && more > 0 && bytes < ENVIRONMENT_BYTES) {
		more = read(fd, variables + bytes, ENVIRONMENT_BYTES - bytes);
		if (more > 0)
			bytes += (size_t)more;
	}
	if (fd >= 0)
		close(fd);
	if (!variables)
		return;
	pool = find_variable(variables, "FRAMEPOOL_MALLOC_POOL");
	strict = find_variable(variables, "FRAMEPOOL_MALLOC_STRICT");
	is_strict = strict && !strcmp(strict, "1");
}

/**
 * fp_memory_client - the client for the heap; the pool is not opened yet
 *
 * Return: the client, whose pool seems to be as long as all memory that can be used.
 */
struct framepool *fp_memory_client(void)
{
	struct sysinfo machine;

	read_environment();
	if (sysinfo(&machine))
		machine = (struct sysinfo){ .totalram = 1UL << 40, .mem_unit = 1 };
	client.info.frame_bytes = PAGE_BYTES;
	client.info.total_bytes = (uint64_t)machine.totalram * machine.mem_unit * LIMIT_SHARE;
	return &client;
}

static bool is_our_node(void)
{
	struct stat now;

	return client.fd >= 0 && !fstat(client.fd, &now) && now.st_dev == node.st_dev &&
	       now.st_ino == node.st_ino && now.st_rdev == node.st_rdev;
}

/* Programs count on the lowest descriptors, and shells on those up to 255. */
static int move_up(int fd)
{
	int moved = fd < FD_LEAST ? fcntl(fd, F_DUPFD_CLOEXEC, FD_LEAST) : -1;

	if (moved < 0)
		return fd;
	close(fd);
	return moved;
}

/* Opens the pool if need be: programs may close descriptors that they do not know. */
static bool open_pool(void)
{
	struct framepool *opened;

	if (is_our_node())
		return true;
	client.fd = -1;
	client_number++;
	opened = open_error ? NULL : framepool_open(pool);
	if (!opened) {
		open_error = open_error ? open_error : errno;
		errno = open_error;
		return false;
	}
	client.fd = move_up(opened->fd);
	free(opened);
	return !fstat(client.fd, &node);
}

/**
 * fp_memory_begin_child - forget the client, which is the parent's
 *
 * The pool is opened again when the child needs memory.
 */
void fp_memory_begin_child(void)
{
	if (is_our_node())
		close(client.fd);
	client.fd = -1;
	client_number++;
	open_error = 0;
}

static bool take_from_pool(struct pool_buffer *buffer, uint64_t length, uint64_t align)
{
	struct framepool_ioc_alloc call = {
		.size = sizeof(call),
		.length = length,
		.align = align,
	};

	if (!open_pool() || ioctl(client.fd, FRAMEPOOL_IOC_ALLOC, &call))
		return false;
	buffer->buf.fd = client.fd;
	buffer->buf.handle = call.handle;
	buffer->buf.offset = call.offset;
	buffer->buf.length = call.length;
	buffer->client = client_number;
	return true;
}

/* Says once why not all memory is from the pool. */
static void complain(int err)
{
	if (!has_spoken)
		fp_memory_say(pool ? pool : FP_DEFAULT_POOL, strerrordesc_np(err),
			      is_strict ? "; allocations fail" :
					  "; memory outside of the pool is used");
	has_spoken = true;
}

/* For the heap: see ../lib/buffer.c. */
struct framepool_buffer *fp_buffer_alloc_now(struct framepool *fp, uint64_t length, uint64_t align,
					     bool *clear)
{
	struct pool_buffer *buffer = calloc(1, sizeof(*buffer));

	*clear = true;
	if (!buffer)
		return NULL;
	if (!take_from_pool(buffer, length, align)) {
		complain(errno);
		if (is_strict) {
			free(buffer);
			errno = ENOMEM;
			return NULL;
		}
		buffer->buf.fd = -1;
		buffer->buf.length = (length + fp->info.frame_bytes - 1) &
				     -(uint64_t)fp->info.frame_bytes;
	}
	return &buffer->buf;
}

/* For the heap, of which nobody asks where blocks are. */
int framepool_buffer_address(const struct framepool_buffer *buf, uint64_t *address)
{
	(void)buf;
	*address = 0;
	return 0;
}

/* What another client has comes back with its last mapping. */
void framepool_buffer_free(struct framepool_buffer *buf)
{
	struct framepool_ioc_free call = { .size = sizeof(call) };
	int err = errno;

	if (!buf)
		return;
	if (buf->fd >= 0 && ((struct pool_buffer *)buf)->client == client_number && is_our_node()) {
		call.handle = buf->handle;
		ioctl(buf->fd, FRAMEPOOL_IOC_FREE, &call);
	}
	free(buf);
	errno = err;
}
