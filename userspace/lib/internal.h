/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Shared by the files of the library, and not visible outside. */
#ifndef LIBFRAMEPOOL_INTERNAL_H
#define LIBFRAMEPOOL_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

#include <framepool.h>
#include <libframepool.h>

#define FP_NODE_DIR	"/dev/framepool"
#define FP_DEFAULT_POOL	"default"

/* After framepool_open() only @alloc_flags and @wait_ns change, so there is no lock. */
struct framepool {
	int fd;
	_Atomic uint32_t alloc_flags;
	_Atomic uint64_t wait_ns;
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
 * struct fp_keeper - something of which threads keep a part
 * @ops: what to do with that part
 * @index: its index in the threads' tables, while it exists
 */
struct fp_keeper {
	const struct fp_keeper_ops *ops;
	uint32_t index;
};

/**
 * struct framepool_cache - a cache; only the counters change
 * @base: where its window is mapped
 * @end: offset in the window behind which no slab ends
 * @slab_end: offset in a slab behind which no object ends
 * @slab_bytes: size of a slab, a power of two
 * @reciprocal: 2^64 / @stride, rounded up
 * @keeper: of its magazines
 * @capacity: of a magazine, in objects; 0: there are no magazines
 * @stride: bytes from one object to the next
 * @fd: the client's file descriptor
 * @handle: names the cache in kernel calls
 * @offset: where in the file the window begins
 * @window_bytes: length of the window
 * @nr_allocs: objects that were allocated, except those counted in magazines
 * @nr_alloc_calls: kernel calls that allocated objects
 * @nr_free_calls: kernel calls that freed objects
 * @nr_bad_frees: frees of objects that were not allocated
 */
struct framepool_cache {
	char *base;
	uint64_t end;
	uint64_t slab_end;
	uint64_t slab_bytes;
	uint64_t reciprocal;
	struct fp_keeper keeper;
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

struct framepool_buffer *fp_buffer_alloc_now(struct framepool *fp, uint64_t length, uint64_t align,
					     bool *clear);

/* Room for the path of any device node, including the NUL. */
#define FP_NODE_PATH_MAX	(sizeof(FP_NODE_DIR "/") + FRAMEPOOL_NAME_MAX)

/**
 * fp_node_path - the path of a pool's device node
 * @pool: the pool's name; NULL for the default
 * @path: the path is written here
 *
 * Return: false if no pool can have that name.
 */
bool fp_node_path(const char *pool, char path[FP_NODE_PATH_MAX]);

/**
 * fp_buffer_lasting_address - the physical address of a buffer, if it is known and stays the same
 * @buf: the buffer
 * @address: set to it; or to 0 if the client may not see it, or the buffer may move
 *
 * Return: 0, or -1 with errno ENOENT or ENODEV.
 */
int fp_buffer_lasting_address(const struct framepool_buffer *buf, uint64_t *address);

/**
 * fp_explain_map - say why mmap() failed and what to do
 * @err: the errno that it gave
 * @what: what was to be mapped: "a buffer of 64 KiB"
 * @text: the sentence is written here
 * @size: bytes at @text
 *
 * This changes errno.
 */
void fp_explain_map(int err, const char *what, char *text, size_t size);

#endif
