// SPDX-License-Identifier: LGPL-2.1-or-later
/* A client: one open file of a pool, and the properties of that pool. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "internal.h"

/* A module with another ABI may refuse even INFO as it is today. */
static int read_info(struct framepool *fp)
{
	fp->info.size = sizeof(fp->info);
	if (ioctl(fp->fd, FRAMEPOOL_IOC_INFO, &fp->info)) {
		if (errno == EINVAL || errno == E2BIG)
			errno = EPROTONOSUPPORT;
		return -1;
	}
	if (fp->info.abi != FRAMEPOOL_ABI) {
		errno = EPROTONOSUPPORT;
		return -1;
	}
	fp->info.name[FRAMEPOOL_NAME_MAX - 1] = '\0';
	return 0;
}

struct framepool *framepool_open(const char *pool)
{
	char path[FP_NODE_PATH_MAX];
	struct framepool *fp;
	int err;

	if (!fp_node_path(pool, path)) {
		errno = EINVAL;
		return NULL;
	}
	fp = calloc(1, sizeof(*fp));
	if (!fp) {
		errno = ENOBUFS;
		return NULL;
	}
	fp->fd = open(path, O_RDWR | O_CLOEXEC);
	if (fp->fd < 0)
		goto err_free_client;
	if (read_info(fp))
		goto err_close_node;
	return fp;

err_close_node:
	err = errno;
	close(fp->fd);
	errno = err;
err_free_client:
	free(fp);
	return NULL;
}

void framepool_close(struct framepool *fp)
{
	int err = errno;

	if (!fp)
		return;
	close(fp->fd);
	free(fp);
	errno = err;
}

const char *framepool_version(void)
{
	return FP_VERSION;
}

int framepool_fd(const struct framepool *fp)
{
	return fp->fd;
}

const char *framepool_name(const struct framepool *fp)
{
	return fp->info.name;
}

unsigned int framepool_abi(const struct framepool *fp)
{
	return fp->info.abi;
}

uint32_t framepool_frame_bytes(const struct framepool *fp)
{
	return fp->info.frame_bytes;
}

uint32_t framepool_huge_bytes(const struct framepool *fp)
{
	return fp->info.huge_bytes;
}

uint64_t framepool_total_bytes(const struct framepool *fp)
{
	return fp->info.total_bytes;
}

/* An administrator may change the quotas at any time. */
static struct framepool_ioc_info read_quotas(const struct framepool *fp)
{
	struct framepool_ioc_info info = { .size = sizeof(info) };

	return ioctl(fp->fd, FRAMEPOOL_IOC_INFO, &info) ? fp->info : info;
}

uint64_t framepool_client_quota_bytes(const struct framepool *fp)
{
	return read_quotas(fp).client_quota_bytes;
}

uint64_t framepool_user_quota_bytes(const struct framepool *fp)
{
	return read_quotas(fp).user_quota_bytes;
}

int framepool_node(const struct framepool *fp)
{
	return fp->info.node;
}

unsigned int framepool_max_order(const struct framepool *fp)
{
	return fp->info.max_order;
}

const char *framepool_memory(const struct framepool *fp)
{
	switch (fp->info.memory) {
	case FRAMEPOOL_MEMORY_WB:
		return "wb";
	case FRAMEPOOL_MEMORY_WC:
		return "wc";
	case FRAMEPOOL_MEMORY_UC:
		return "uc";
	default:
		return "unknown";
	}
}

uint32_t framepool_extents(const struct framepool *fp)
{
	return fp->info.extents;
}

uint64_t framepool_largest_extent_bytes(const struct framepool *fp)
{
	return fp->info.largest_extent_bytes;
}

uint64_t framepool_first_address(const struct framepool *fp)
{
	return fp->info.first_address;
}

uint64_t framepool_end_address(const struct framepool *fp)
{
	return fp->info.end_address;
}

static void set_flag(struct framepool *fp, uint32_t flag, bool is_set)
{
	if (is_set)
		fp->alloc_flags |= flag;
	else
		fp->alloc_flags &= ~flag;
}

void framepool_noclear(struct framepool *fp, bool noclear)
{
	set_flag(fp, FRAMEPOOL_ALLOC_NOCLEAR, noclear);
}

void framepool_wait(struct framepool *fp, uint64_t timeout_ns)
{
	fp->wait_ns = timeout_ns;
}

void framepool_dump(struct framepool *fp, bool dump)
{
	set_flag(fp, FRAMEPOOL_ALLOC_DUMP, dump);
}

void framepool_movable(struct framepool *fp, bool movable)
{
	set_flag(fp, FRAMEPOOL_ALLOC_MOVABLE, movable);
}
