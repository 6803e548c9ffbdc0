// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Creates and destroys pools of buffers, and takes memory for them.
 *
 * Each size has a window of addresses, which is reserved at first and filled chunk by chunk as
 * buffers are needed. A chunk is one buffer of the client's, so each of its pieces is physically
 * contiguous. Tables with an entry for each buffer are as long as the limit asks for, but their
 * pages take memory only when they are used.
 */
#define _FILE_OFFSET_BITS 64
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bufpool.h"
#include "drain.h"
#include "map.h"

#define ALIGN_MIN	64U
#define ALIGN_MAX	(2U << 20)
#define CHUNK_BYTES	(2U << 20)	/* for one size */
#define CHUNK_BYTES_MIN	(64U << 10)	/* for several sizes */
#define MAGAZINE_BYTES	(256U << 10)
#define MAGAZINE_MIN	4U
#define MOST		(1ULL << 31)	/* buffers of a size */
#define MOST_BYTES	(1ULL << 46)
#define LARGE		(32U << 10)	/* strides of whole frames from here on */

/*
 * The least number of buffers of @stride bytes that have whole frames of @frame bytes. Both are
 * divisible by ALIGN_MIN.
 */
static size_t whole_frames(uint64_t stride, uint32_t frame)
{
	size_t nr = 1;

	while (nr * stride % frame)
		nr *= 2;
	return nr;
}

/* The inverse of an odd number modulo 2^64, by Newton's iteration. */
static uint64_t inverse_of(uint64_t odd)
{
	uint64_t inverse = odd;

	for (int i = 0; i < 6; i++)
		inverse *= 2 - odd * inverse;
	return inverse;
}

/* Says how a window is divided. Returns false if there are too many buffers. */
static bool set_geometry(struct fp_size *size, size_t bytes, size_t align, uint64_t most,
			 const struct framepool_ioc_info *info, uint64_t chunk_bytes)
{
	uint64_t unit = bytes >= LARGE && align < info->frame_bytes ? info->frame_bytes : align;

	if (unit < ALIGN_MIN)
		unit = ALIGN_MIN;
	size->size = bytes;
	size->align = align;
	size->stride = (bytes + unit - 1) & -unit;
	size->twos = (uint32_t)__builtin_ctzll(size->stride);
	size->inverse = inverse_of(size->stride >> size->twos);
	size->most = (size_t)most;
	size->per_chunk = whole_frames(size->stride, info->frame_bytes);
	if (size->per_chunk * size->stride < chunk_bytes)
		size->per_chunk *= chunk_bytes / (size->per_chunk * size->stride);
	if (!most || most >= MOST || most > MOST_BYTES / size->stride)
		return false;
	size->nr_chunks = (size->most + size->per_chunk - 1) / size->per_chunk;
	return true;
}

static size_t window_bytes(const struct fp_size *size)
{
	return size->nr_chunks * size->per_chunk * size->stride;
}

static char *chunk_at(const struct fp_size *size, size_t which)
{
	return size->window + which * size->per_chunk * size->stride;
}

/*
 * States and callers lie in one table, so that those of a buffer do not have the same offset in a
 * page: a processor takes a load for one of a recent store with the same lower 12 bits of address.
 */
static size_t callers_offset(const struct fp_size *size)
{
	return (size->most * sizeof(*size->states) + 4095) / 4096 * 4096 + 2048;
}

static size_t notes_bytes(const struct fp_size *size)
{
	return callers_offset(size) + size->most * sizeof(*size->callers);
}

static void free_size(struct fp_size *size)
{
	if (size->window)
		munmap(size->window, window_bytes(size));
	fp_unmap_table(size->states, 1, notes_bytes(size));
	fp_unmap_table(size->samples, size->most, sizeof(*size->samples));
	fp_unmap_table(size->free, size->most, sizeof(*size->free));
	fp_unmap_table(size->chunks, size->nr_chunks, sizeof(*size->chunks));
}

static bool make_size(struct fp_size *size, const struct framepool_ioc_info *info, bool samples)
{
	size->window = fp_reserve(window_bytes(size), info->huge_bytes);
	size->states = fp_map_table(1, notes_bytes(size));
	if (size->states)
		size->callers = (void *_Atomic *)((char *)size->states + callers_offset(size));
	size->free = fp_map_table(size->most, sizeof(*size->free));
	size->chunks = fp_map_table(size->nr_chunks, sizeof(*size->chunks));
	if (samples)
		size->samples = fp_map_table(size->most, sizeof(*size->samples));
	return size->window && size->states && size->free && size->chunks &&
	       (!samples || size->samples);
}

/* Adds the buffers of a chunk. Those with lower addresses are lent first. */
static void add_buffers(struct fp_size *size, size_t which)
{
	size_t nr = size->chunks[which].nr;

	for (size_t i = nr; i--;)
		size->free[size->nr_free++] = chunk_at(size, which) + i * size->stride;
	size->nr += nr;
}

/* The addresses of a chunk remain the window's if a mapping there failed, and so left a gap. */
static void reserve_again(const struct fp_size *size, size_t which, size_t bytes)
{
	mmap(chunk_at(size, which), bytes, PROT_NONE,
	     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
}

static bool fill_chunk(struct framepool_bufpool *pool, struct fp_size *size, size_t which)
{
	struct fp_chunk *chunk = &size->chunks[which];
	uint64_t bytes = chunk->nr * size->stride;
	size_t align = size->align <= pool->fp->info.frame_bytes ? 0 : size->align;
	int err;

	chunk->buf = framepool_buffer_alloc_constrained(pool->fp, bytes, align, 0);
	if (!chunk->buf)
		return false;
	if (fp_buffer_lasting_address(chunk->buf, &chunk->address) ||
	    mmap(chunk_at(size, which), chunk->buf->length, PROT_READ | PROT_WRITE,
		 MAP_SHARED | MAP_FIXED, chunk->buf->fd,
		 (off_t)chunk->buf->offset) == MAP_FAILED) {
		err = errno;
		reserve_again(size, which, chunk->buf->length);
		framepool_buffer_free(chunk->buf);
		chunk->buf = NULL;
		errno = err;
		return false;
	}
	pool->memory += chunk->buf->length;
	return true;
}

static bool is_in(const struct fp_size *size, size_t which, const void *buffer)
{
	const char *begin = chunk_at(size, which);

	return (const char *)buffer >= begin &&
	       (const char *)buffer < begin + size->per_chunk * size->stride;
}

/* Gives the addresses of a chunk back to the window, and its memory to the client's pool. */
static void drop_chunk(struct framepool_bufpool *pool, struct fp_size *size, size_t which)
{
	struct fp_chunk *chunk = &size->chunks[which];
	size_t nr = 0;

	for (size_t i = 0; i < size->nr_free; i++)
		if (!is_in(size, which, size->free[i]))
			size->free[nr++] = size->free[i];
	size->nr_free = nr;
	size->nr -= chunk->nr;
	if (mmap(chunk_at(size, which), chunk->buf->length, PROT_NONE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) == MAP_FAILED)
		reserve_again(size, which, chunk->buf->length);
	pool->memory -= chunk->buf->length;
	framepool_buffer_free(chunk->buf);
	chunk->buf = NULL;
}

/* Whether all buffers of a chunk are in the pool. */
static bool is_unused(const struct fp_size *size, size_t which)
{
	size_t nr = 0;

	for (size_t i = 0; i < size->nr_free; i++)
		nr += is_in(size, which, size->free[i]);
	return nr == size->chunks[which].nr;
}

/*
 * With several sizes, keeps the memory of all below the limit: chunks of other sizes that are not
 * used go back. What is left of chunks that are in use may exceed the limit.
 */
static void make_room(struct framepool_bufpool *pool, const struct fp_size *wanted, uint64_t bytes)
{
	for (uint32_t i = 0; i < pool->nr_sizes; i++) {
		struct fp_size *size = &pool->sizes[i];

		for (size_t chunk = 0; size != wanted && chunk < size->nr_chunks; chunk++) {
			if (pool->memory + bytes <= pool->limit || !size->nr)
				break;
			if (size->chunks[chunk].buf && is_unused(size, chunk))
				drop_chunk(pool, size, chunk);
		}
	}
}

/**
 * fp_bufpool_take_memory - take memory for more buffers of a size
 * @pool: the pool, whose lock is held
 * @size: the size, of which there are fewer than there may be
 *
 * Return: true, or false with errno.
 */
bool fp_bufpool_take_memory(struct framepool_bufpool *pool, struct fp_size *size)
{
	size_t which = 0, before;

	while (size->chunks[which].buf)
		which++;
	before = which * size->per_chunk;
	size->chunks[which].nr = size->most - before < size->per_chunk ? size->most - before :
									 size->per_chunk;
	if (pool->nr_sizes > 1)
		make_room(pool, size, size->chunks[which].nr * size->stride);
	if (!fill_chunk(pool, size, which))
		return false;
	add_buffers(size, which);
	return true;
}

/**
 * fp_bufpool_drop_memory - give all memory back
 * @pool: the pool, which nobody uses; in a child, only what it takes there is freed
 */
void fp_bufpool_drop_memory(struct framepool_bufpool *pool)
{
	for (uint32_t i = 0; i < pool->nr_sizes; i++) {
		struct fp_size *size = &pool->sizes[i];
		size_t nr = size->nr ? size->nr_chunks : 0;

		if (size->window)
			munmap(size->window, window_bytes(size));
		size->window = NULL;
		for (size_t chunk = 0; chunk < nr; chunk++)
			if (pool->in_child)
				free(size->chunks[chunk].buf);
			else
				framepool_buffer_free(size->chunks[chunk].buf);
		free_size(size);
	}
}

static bool is_alignment(size_t align)
{
	return !(align & (align - 1)) && align <= ALIGN_MAX;
}

static bool is_size(size_t size)
{
	return size && size <= FRAMEPOOL_BUFPOOL_SIZE_MAX;
}

/* Says what the sizes are like. Returns false if the options are out of range. */
static bool set_sizes(struct framepool_bufpool *pool,
		      const struct framepool_bufpool_options *options)
{
	const struct framepool_ioc_info *info = &pool->fp->info;

	if (!is_alignment(options->align))
		return false;
	if (options->size) {
		pool->nr_sizes = 1;
		if (!is_size(options->size) || options->sizes[0] || options->limit_bytes ||
		    !set_geometry(&pool->sizes[0], options->size, options->align, options->count,
				  info, CHUNK_BYTES))
			return false;
		pool->limit = pool->sizes[0].most * pool->sizes[0].stride;
		return true;
	}
	pool->limit = options->limit_bytes;
	while (pool->nr_sizes < FRAMEPOOL_BUFPOOL_SIZES && options->sizes[pool->nr_sizes]) {
		struct fp_size *size = &pool->sizes[pool->nr_sizes];
		size_t bytes = options->sizes[pool->nr_sizes];

		if (!is_size(bytes) || (pool->nr_sizes && bytes <= size[-1].size) ||
		    !set_geometry(size, bytes, options->align, 1, info, CHUNK_BYTES_MIN) ||
		    !set_geometry(size, bytes, options->align, pool->limit / size->stride, info,
				  CHUNK_BYTES_MIN))
			return false;
		pool->nr_sizes++;
	}
	return pool->nr_sizes && !options->count;
}

/* Few enough that some dozen threads do not have all. */
static uint32_t capacity_of(const struct framepool_bufpool *pool)
{
	uint64_t nr = pool->sizes[0].most / 8;

	if (nr > MAGAZINE_BYTES / pool->sizes[0].stride)
		nr = MAGAZINE_BYTES / pool->sizes[0].stride;
	if (nr > FP_MAGAZINE_MAX)
		nr = FP_MAGAZINE_MAX;
	return pool->nr_sizes > 1 || nr < MAGAZINE_MIN || !fp_can_drain() ? 0 :
										    (uint32_t)nr;
}

static enum framepool_bufpool_leaks leaks_of(const struct framepool_bufpool_options *options)
{
	static const char * const names[] = { "default", "off", "sampled", "all" };
	const char *said = getenv("FRAMEPOOL_BUFPOOL_LEAKS");

	for (unsigned int i = 0; said && i < sizeof(names) / sizeof(*names); i++)
		if (!strcmp(said, names[i]))
			return (enum framepool_bufpool_leaks)i;
	return options->leaks;
}

static bool set_options(struct framepool_bufpool *pool,
			const struct framepool_bufpool_options *options)
{
	for (size_t i = 0; i < sizeof(options->reserved) / sizeof(*options->reserved); i++)
		if (options->reserved[i])
			return false;
	if ((unsigned int)options->leaks > FRAMEPOOL_BUFPOOL_LEAKS_ALL ||
	    !set_sizes(pool, options) || options->reserve > pool->sizes[0].most)
		return false;
	pool->leaks = leaks_of(options);
	pool->capacity = pool->leaks > FRAMEPOOL_BUFPOOL_LEAKS_OFF ? 0 : capacity_of(pool);
	if (options->name)
		strncpy(pool->name, options->name, sizeof(pool->name) - 1);
	return true;
}

static bool make_memory(struct framepool_bufpool *pool, size_t reserved)
{
	bool samples = pool->leaks > FRAMEPOOL_BUFPOOL_LEAKS_OFF;

	for (uint32_t i = 0; i < pool->nr_sizes; i++)
		if (!make_size(&pool->sizes[i], &pool->fp->info, samples))
			return false;
	while (pool->sizes[0].nr < reserved)
		if (!fp_bufpool_take_memory(pool, &pool->sizes[0]))
			return false;
	return true;
}

struct framepool_bufpool *framepool_bufpool_create(struct framepool *fp,
						   const struct framepool_bufpool_options *options)
{
	struct framepool_bufpool *pool = aligned_alloc(64, (sizeof(*pool) + 63) & -64UL);
	int err;

	if (!pool) {
		errno = ENOBUFS;
		return NULL;
	}
	*pool = (struct framepool_bufpool){ .keeper.ops = &fp_bufpool_ops, .fp = fp, .event = -1,
					    .index = FP_SCARCE };
	pool->last_waiter = &pool->waiters;
	if (!set_options(pool, options)) {
		free(pool);
		errno = EINVAL;
		return NULL;
	}
	pthread_mutex_init(&pool->lock, NULL);
	fp_bufpool_read_clock(pool);
	if (!make_memory(pool, options->reserve))
		goto err_drop_memory;
	errno = ENOBUFS;
	if (!fp_keeper_add(&pool->keeper))
		goto err_drop_memory;
	if (pool->capacity)
		pool->index = pool->keeper.index;
	return pool;

err_drop_memory:
	err = errno;
	fp_bufpool_drop_memory(pool);
	pthread_mutex_destroy(&pool->lock);
	free(pool);
	errno = err;
	return NULL;
}

size_t framepool_bufpool_destroy(struct framepool_bufpool *pool)
{
	int err = errno;
	size_t lent;

	if (!pool)
		return 0;
	lent = framepool_bufpool_report(pool, NULL, NULL);
	fp_keeper_remove(&pool->keeper);
	fp_bufpool_drop_memory(pool);
	if (pool->event >= 0)
		close(pool->event);
	if (!pool->in_child)
		pthread_mutex_destroy(&pool->lock);
	free(pool);
	errno = err;
	return lent;
}

int framepool_bufpool_address(struct framepool_bufpool *pool, const void *buffer,
			      uint64_t *address)
{
	size_t index, which;
	struct fp_size *size = fp_bufpool_find(pool, buffer, &index);
	uint64_t chunk = 0;
	int err = 0;

	if (pool->in_child || !size) {
		errno = size ? EPERM : EINVAL;
		return -1;
	}
	which = index / size->per_chunk;
	fp_bufpool_lock(pool);
	if (size->chunks[which].buf)
		chunk = size->chunks[which].address;
	else
		err = EINVAL;
	fp_bufpool_unlock(pool);
	if (err) {
		errno = err;
		return -1;
	}
	*address = chunk ? chunk + (uint64_t)((const char *)buffer - chunk_at(size, which)) : 0;
	return 0;
}
