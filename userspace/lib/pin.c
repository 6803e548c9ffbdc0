// SPDX-License-Identifier: LGPL-2.1-or-later
/* Buffers that may move stay where they are while they are pinned. */
#include <errno.h>
#include <stdio.h>
#include <sys/ioctl.h>

#include "internal.h"

int framepool_buffer_pin(struct framepool_buffer *buf, uint64_t *address)
{
	struct framepool_ioc_pin call = { .size = sizeof(call), .handle = buf->handle };

	if (ioctl(buf->fd, FRAMEPOOL_IOC_PIN, &call))
		return -1;
	if (address)
		*address = call.address;
	return 0;
}

int framepool_buffer_unpin(struct framepool_buffer *buf)
{
	struct framepool_ioc_pin call = { .size = sizeof(call), .handle = buf->handle };

	return ioctl(buf->fd, FRAMEPOOL_IOC_UNPIN, &call);
}

static void explain(int err, char *text, size_t size)
{
	switch (err) {
	case EADDRNOTAVAIL:
		snprintf(text, size, "the buffer may move, so its address would not last: pin it, "
			 "which tells the address");
		break;
	case EBUSY:
		snprintf(text, size, "a part of the buffer has moved, and references to its pages, "
			 "by direct I/O for example, keep the rest from following: end that, then "
			 "try again");
		break;
	case EINVAL:
		snprintf(text, size, "the buffer is not pinned");
		break;
	case EOVERFLOW:
		snprintf(text, size, "the buffer has as many pins as it can have: unpin it as "
			 "often as it was pinned");
		break;
	case ENOENT:
		snprintf(text, size, "the buffer is gone: somebody else freed its handle");
		break;
	case ENOTTY:
		snprintf(text, size, "the loaded module moves no memory: install it from the same "
			 "release as library %s", framepool_version());
		break;
	case ENODEV:
		snprintf(text, size, "the pool was shut down by force");
		break;
	default:
		errno = err;
		snprintf(text, size, "cannot pin the buffer: %m");
	}
}

char *framepool_explain_pin(int err, char *text, size_t size)
{
	int saved = errno;

	explain(err, text, size);
	errno = saved;
	return text;
}
