/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of the library share; nothing of it is visible outside. */
#ifndef LIBFRAMEPOOL_INTERNAL_H
#define LIBFRAMEPOOL_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

#include <framepool.h>
#include <libframepool.h>

#define FP_NODE_DIR	"/dev/framepool"
#define FP_DEFAULT_POOL	"default"

/* Nothing in it but @alloc_flags changes after framepool_open(), hence no lock. */
struct framepool {
	int fd;
	_Atomic uint32_t alloc_flags;
	struct framepool_ioc_info info;
};

struct framepool_buffer {
	int fd;
	uint64_t handle;
	uint64_t offset;
	uint64_t length;
	void *_Atomic memory;
};

struct framepool_stats {
	struct framepool_ioc_stats raw;
};

/* Room for the path of any device node, the NUL included. */
#define FP_NODE_PATH_MAX	(sizeof(FP_NODE_DIR "/") + FRAMEPOOL_NAME_MAX)

/**
 * fp_node_path - the path of a pool's device node
 * @pool: the pool's name; NULL for the default
 * @path: where it goes
 *
 * Return: false if no pool can have that name.
 */
bool fp_node_path(const char *pool, char path[FP_NODE_PATH_MAX]);

#endif
