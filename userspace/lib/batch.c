// SPDX-License-Identifier: LGPL-2.1-or-later
/* Many buffers with few kernel calls. */
#include <errno.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#include "internal.h"

/* Handles that one call frees; limited because they lie on the stack. */
#define FREE_MAX	256

static void free_objects(struct framepool_buffer **bufs, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(bufs[i]);
}

static bool create_objects(struct framepool_buffer **bufs, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		bufs[i] = calloc(1, sizeof(*bufs[i]));
		if (!bufs[i]) {
			free_objects(bufs, i);
			return false;
		}
	}
	return true;
}

/* Returns the number of entries done; sets errno if that is not all of them. */
static size_t alloc_entries(struct framepool *fp, struct framepool_ioc_alloc *entries, size_t count,
			    bool partial)
{
	struct framepool_ioc_batch call = {
		.size = sizeof(call),
		.flags = partial ? FRAMEPOOL_BATCH_PARTIAL : 0,
		.entries = (uintptr_t)entries,
		.count = (uint32_t)count,
		.entry_size = sizeof(*entries),
	};

	if (ioctl(fp->fd, FRAMEPOOL_IOC_ALLOC_BATCH, &call))
		return 0;
	if (call.error)
		errno = (int)call.error;
	return call.done;
}

static void fill(struct framepool_buffer *buf, const struct framepool *fp,
		 const struct framepool_ioc_alloc *entry)
{
	buf->fd = fp->fd;
	buf->handle = entry->handle;
	buf->offset = entry->offset;
	buf->length = entry->length;
}

/*
 * Allocates at most FRAMEPOOL_BATCH_MAX buffers as entries[0] asks; the other entries are filled
 * in.
 */
static size_t alloc_some(struct framepool *fp, struct framepool_ioc_alloc *entries, bool partial,
			 struct framepool_buffer **bufs, size_t count)
{
	size_t done;

	for (size_t i = 1; i < count; i++)
		entries[i] = entries[0];
	if (!create_objects(bufs, count)) {
		errno = ENOBUFS;
		return 0;
	}
	done = alloc_entries(fp, entries, count, partial);
	for (size_t i = 0; i < done; i++)
		fill(bufs[i], fp, &entries[i]);
	free_objects(bufs + done, count - done);
	return done;
}

size_t framepool_alloc_batch(struct framepool *fp, uint64_t length, uint64_t align, uint64_t limit,
			     bool partial, struct framepool_buffer **bufs, size_t count)
{
	const struct framepool_ioc_alloc wanted = {
		.size = sizeof(wanted),
		.flags = fp->alloc_flags,
		.length = length,
		.align = align,
		.limit = limit,
	};
	size_t max = count < FRAMEPOOL_BATCH_MAX ? count : FRAMEPOOL_BATCH_MAX;
	struct framepool_ioc_alloc *entries = calloc(max + 1, sizeof(*entries));
	size_t done = 0, some, got;

	if (!entries) {
		errno = ENOBUFS;
		return 0;
	}
	while (done < count) {
		some = count - done < max ? count - done : max;
		entries[0] = wanted;
		got = alloc_some(fp, entries, partial, bufs + done, some);
		done += got;
		if (got < some)
			break;
	}
	free(entries);
	if (done < count && !partial) {
		framepool_free_batch(bufs, done);
		done = 0;
	}
	return done;
}

/* Frees entries, beginning with the first; returns how many need no further call. */
static size_t free_entries(int fd, struct framepool_ioc_free *entries, size_t count)
{
	struct framepool_ioc_batch call = {
		.size = sizeof(call),
		.flags = FRAMEPOOL_BATCH_PARTIAL,
		.entries = (uintptr_t)entries,
		.count = (uint32_t)count,
		.entry_size = sizeof(*entries),
	};

	/* Freeing a single buffer needs no memory, so it cannot fail for lack of it. */
	if (ioctl(fd, FRAMEPOOL_IOC_FREE_BATCH, &call)) {
		ioctl(fd, FRAMEPOOL_IOC_FREE, entries);
		return 1;
	}
	/* The entry that failed needs no further call: somebody else freed its handle. */
	return call.failed < count ? call.failed + 1 : count;
}

static void free_some(struct framepool_buffer **bufs, size_t count)
{
	struct framepool_ioc_free entries[FREE_MAX];

	for (size_t i = 0; i < count; i++) {
		framepool_buffer_unmap(bufs[i]);
		entries[i] = (struct framepool_ioc_free){
			.size = sizeof(entries[i]),
			.handle = bufs[i]->handle,
		};
	}
	for (size_t i = 0; i < count;)
		i += free_entries(bufs[0]->fd, entries + i, count - i);
	free_objects(bufs, count);
}

void framepool_free_batch(struct framepool_buffer **bufs, size_t count)
{
	int err = errno;
	size_t some;

	for (; count; count -= some, bufs += some) {
		some = count < FREE_MAX ? count : FREE_MAX;
		free_some(bufs, some);
	}
	errno = err;
}
