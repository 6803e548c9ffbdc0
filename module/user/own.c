// SPDX-License-Identifier: GPL-2.0-only
/*
 * The own buffer of a file, for programs that take a path and know nothing of this interface. They
 * open it, perhaps seek to its end to learn how long it is, and map it from offset 0 on.
 *
 * So a file may have one buffer of its own at its beginning. The first mapping of anything below
 * FP_BUFFER_FIRST makes it, as ALLOC with FRAMEPOOL_ALLOC_OWN does: long enough for that mapping.
 * From then on it is a buffer like others. Its handle, which FRAMEPOOL_QUERY_AT finds, keeps it
 * while it is not mapped. If the last mapping ended it, a mapping over itself with MAP_FIXED, or
 * munmap() and mmap(), would lose what is in it.
 *
 * A first mapping allocates while the mmap_lock of the process is held, because the kernel has no
 * hook before it takes the lock. That is short if the memory is clean. So a seek to the end, which
 * most programs do first, clears what is in quarantine.
 */
#include "user/own.h"

#include <linux/err.h>
#include <linux/fs.h>

#include "uapi/framepool.h"
#include "user/batch.h"
#include "user/client.h"

/* Make an own buffer of @nr pages or more. Returns 0, also if there is one already. */
static int make(struct fp_client *client, u64 nr)
{
	struct framepool_ioc_alloc args = {
		.size = sizeof(args),
		.flags = FRAMEPOOL_ALLOC_OWN,
		.length = nr << PAGE_SHIFT,
	};
	int ret = fp_batch_alloc_one(client, &args, NULL);

	return ret == -EEXIST ? 0 : ret;
}

/**
 * fp_own_get() - take a reference to the own buffer, which is made if there is none
 * @client: the client
 * @pgoff: page offset of a mapping, below FP_BUFFER_FIRST
 * @nr: its length in pages
 *
 * Context: process, mmap_lock held; may sleep.
 * Return: the buffer, or an error pointer: -ENXIO: it does not contain the whole range, or it was
 * freed, but has mappings or dma-bufs left; or, from making it: -ENOMEM, -ENOSPC, -EDQUOT,
 * -ENOBUFS, -EINTR.
 */
struct fp_buffer *fp_own_get(struct fp_client *client, unsigned long pgoff, u64 nr)
{
	struct fp_buffer *buffer;
	int ret = 0;

	if (nr > FP_BUFFER_FIRST - pgoff)
		return ERR_PTR(-ENXIO);
	if (fp_client_own_frames(client) < 0)
		ret = make(client, pgoff + nr);
	if (ret)
		return ERR_PTR(ret);
	buffer = fp_client_get_buffer(client, pgoff, nr);
	return buffer ?: ERR_PTR(-ENXIO);
}

/* Pages of the own buffer; while there is none, of the longest that a mapping could make now. */
static s64 length(struct fp_client *client)
{
	s64 nr = fp_client_own_frames(client);

	return nr < 0 ? fp_pool_longest(client->pool, &client->account->owner) : nr;
}

/**
 * fp_own_seek() - seek in a file, whose end is that of its own buffer
 * @file: the client's file
 * @offset: as for lseek(2)
 * @whence: likewise
 *
 * Context: process; may sleep, to clear memory.
 * Return: the new position; -EINVAL; -ENXIO: SEEK_DATA or SEEK_HOLE beyond the end; -ENODEV: the
 * client was revoked; -EINTR: killed.
 */
loff_t fp_own_seek(struct file *file, loff_t offset, int whence)
{
	struct fp_client *client = file->private_data;
	s64 nr = 0;

	if (fp_client_is_revoked(client))
		return -ENODEV;
	if (whence != SEEK_SET && whence != SEEK_CUR)
		nr = length(client);
	if (nr < 0)
		return nr;
	return generic_file_llseek_size(file, offset, whence, MAX_LFS_FILESIZE, nr << PAGE_SHIFT);
}
