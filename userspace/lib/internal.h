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

/**
 * struct framepool_cache - a cache; constant, but for the counts
 * @base: where its window is mapped
 * @end: no slab of the window ends behind this offset
 * @slab_end: no object of a slab ends behind this offset in it
 * @slab_bytes: a power of two
 * @reciprocal: 2^64 / @stride, rounded up
 * @index: its number in the threads' tables of magazines
 * @capacity: of a magazine; 0: each object is for the kernel
 * @stride: bytes from an object to the next
 * @fd: the client's
 * @handle: the kernel's name for it
 * @offset: where in the file the window begins
 * @window_bytes: its length
 * @nr_allocs: objects that were allocated, but for those counted in magazines
 * @nr_alloc_calls: calls of the kernel for them
 * @nr_free_calls: calls of the kernel to free some
 * @nr_bad_frees: frees of what was not allocated
 */
struct framepool_cache {
	char *base;
	uint64_t end;
	uint64_t slab_end;
	uint64_t slab_bytes;
	uint64_t reciprocal;
	uint32_t index;
	uint32_t capacity;
	uint32_t stride;
	int fd;
	uint64_t handle;
	uint64_t offset;
	uint64_t window_bytes;
	_Atomic uint64_t nr_allocs;
	_Atomic uint64_t nr_alloc_calls;
	_Atomic uint64_t nr_free_calls;
	_Atomic uint64_t nr_bad_frees;
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
