/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Makes memory move. A stone, which must stay, divides the pool into a low and a high side. Whoever
 * allocates a whole side makes what lies there move to the other.
 */
#ifndef FRAMEPOOL_SELFTESTS_MOVING_H
#define FRAMEPOOL_SELFTESTS_MOVING_H

#include "memory.h"

#include <pthread.h>

#define MOVABLE		FRAMEPOOL_ALLOC_MOVABLE

/* How long a test lets something race with moves. */
#define RACE_SECONDS	4

static inline __must_check int buffer_alloc_movable(int fd, __u64 length, struct buffer *buffer)
{
	return buffer_alloc_any(fd, MOVABLE, length, 0, 0, buffer);
}

/* Calls PIN or UNPIN; @address may be NULL. */
static inline __must_check int buffer_pin(int fd, __u64 handle, unsigned long cmd, __u64 *address)
{
	struct framepool_ioc_pin arg = { .size = sizeof(arg), .handle = handle };
	int ret = call(fd, cmd, &arg);

	if (address)
		*address = arg.address;
	return ret;
}

/* Keeps a reference to a page of a mapping in a pipe. Returns 0, or another number. */
static inline __must_check int hold_page(void *page, int ends[2])
{
	struct iovec iov = { page, FRAME };

	if (pipe(ends))
		return -errno;
	return vmsplice(ends[1], &iov, 1, 0) == FRAME ? 0 : -1;
}

/* A number in the pool's summary in debugfs; 0 if it is not there. */
static inline __u64 summary_number(const char *name)
{
	const char *text = read_file("/sys/kernel/debug/framepool/" POOL_NAME "/summary");
	char key[32];

	snprintf(key, sizeof(key), "\n%s: ", name);
	text = strstr(text, key);
	return text ? strtoull(text + strlen(key), NULL, 10) : 0;
}

/**
 * struct sides - the largest extent of a pool, with a stone; all others are in use
 * @fd: the client that has the stone, and allocates sides
 * @low: bytes below the stone
 * @high: bytes above it
 * @low_end: physical address of the stone
 */
struct sides {
	int fd;
	__u64 low;
	__u64 high;
	__u64 low_end;
};

/* Allocates all of a side, and frees it again. Returns 0 or a negative errno. */
static inline __must_check int clear_low(const struct sides *sides)
{
	struct buffer buffer;

	return buffer_alloc_at(sides->fd, sides->low, 0, sides->low_end, &buffer) ?:
	       handle_free(sides->fd, buffer.handle);
}

static inline __must_check int clear_high(const struct sides *sides)
{
	struct buffer buffer;

	return buffer_alloc(sides->fd, sides->high, &buffer) ?:
	       handle_free(sides->fd, buffer.handle);
}

/*
 * Leaves only the largest extent of an empty pool free. Returns how many bytes it has, and in
 * *@start where it begins; 0 if something fails.
 */
static inline __must_check __u64 keep_largest_extent(int fd, __u64 *start)
{
	struct framepool_ioc_info info;
	struct buffer largest, other;
	int ret;

	if (pool_info(fd, &info) || buffer_alloc(fd, info.largest_extent_bytes, &largest))
		return 0;
	*start = buffer_physical(fd, &largest);
	do
		ret = buffer_alloc_huge(fd, HUGE_FRAME, &other);
	while (!ret);
	if (ret != -ENOMEM || !*start || handle_free(fd, largest.handle))
		return 0;
	return largest.length;
}

/*
 * Puts a stone behind the first @low bytes of the largest extent of an empty pool. The high side
 * must be longer than the low one, so that it fits nowhere else. What is to move must fit into
 * both.
 */
static inline __must_check bool sides_open(struct sides *sides, __u64 low)
{
	struct buffer below, stone;
	__u64 start, length;

	sides->fd = pool_open();
	length = sides->fd < 0 ? 0 : keep_largest_extent(sides->fd, &start);
	if (length <= 2 * low + HUGE_FRAME)
		return false;
	sides->low = low;
	sides->low_end = start + low;
	sides->high = length - low - HUGE_FRAME;
	return !buffer_alloc_at(sides->fd, low, 0, sides->low_end, &below) &&
	       !buffer_alloc_at(sides->fd, HUGE_FRAME, 0, sides->low_end + HUGE_FRAME, &stone) &&
	       !handle_free(sides->fd, below.handle) && !clear_high(sides);
}

/**
 * struct mover - a thread that makes memory move to and fro
 * @sides: the pool
 * @thread: the thread
 * @stop: it shall end
 * @cleared: how often it cleared a side
 * @refused: how often something kept it from that
 * @error: an errno that must not occur, or 0
 */
struct mover {
	struct sides sides;
	pthread_t thread;
	volatile bool stop;
	unsigned long cleared;
	unsigned long refused;
	int error;
};

static inline void *move_memory(void *arg)
{
	struct mover *mover = arg;
	bool high = false;
	int ret;

	for (; !mover->stop && !mover->error; high = !high) {
		ret = high ? clear_high(&mover->sides) : clear_low(&mover->sides);
		if (!ret)
			mover->cleared++;
		else if (ret == -ENOSPC || ret == -ENOMEM)
			mover->refused++;
		else
			mover->error = ret;
	}
	return NULL;
}

/* The caller has called sides_open(), and then allocated what is to move. */
static inline __must_check bool mover_start(struct mover *mover)
{
	return !pthread_create(&mover->thread, NULL, move_memory, mover);
}

/* Whether everything went as it should, and moves still work. */
static inline __must_check bool mover_stop(struct mover *mover)
{
	mover->stop = true;
	if (pthread_join(mover->thread, NULL))
		return false;
	printf("# sides cleared: %lu, refused: %lu; %llu buffers moved, %llu were referenced\n",
	       mover->cleared, mover->refused, summary_number("moves"),
	       summary_number("moves_refused_referenced"));
	if (mover->error)
		fprintf(stderr, "# a side: %s\n", strerror(-mover->error));
	return !mover->error && !clear_low(&mover->sides) && !clear_high(&mover->sides);
}

/* Allocates and maps a movable buffer; NULL if that fails. */
static inline __must_check char *movable_map(int fd, __u64 length, struct buffer *buffer)
{
	char *p;

	if (buffer_alloc_movable(fd, length, buffer))
		return NULL;
	p = buffer_map(fd, buffer);
	return p == MAP_FAILED ? NULL : p;
}

#endif
