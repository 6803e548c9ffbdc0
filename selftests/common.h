/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Opens the pool under test, makes its calls, and waits until it is idle.
 *
 * Calls return 0 or a negative errno, so that a test compares one number.
 *
 * Each fixture is torn down by the process that started the test, after the test's own process has
 * ended. Everything that the test left open is closed by then. If memory is still missing from the
 * pool, the module has leaked it.
 */
#ifndef FRAMEPOOL_SELFTESTS_COMMON_H
#define FRAMEPOOL_SELFTESTS_COMMON_H

#include <kselftest_harness.h>

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <time.h>

#include "framepool.h"

#define POOL_NAME	"default"
#define POOL_BYTES	(256UL << 20)
#define DEVICE_DIR	"/dev/framepool"
#define DEVICE		DEVICE_DIR "/" POOL_NAME

#define KIB		1024UL
#define MIB		(1024UL * KIB)
#define FRAME		(4UL * KIB)
#define HUGE_FRAME	(2UL * MIB)

/* Where buffers begin in a file; below lies its own buffer. */
#define BUFFERS_FROM	(4UL << 40)

/*
 * Bounds that end what would otherwise hang. Each is ten times what a quiet machine needs, or more,
 * so that the tests pass beside programs that keep all processors busy. A test may take longer than
 * a wait in it and the one in its teardown, so that a wait that fails can say so.
 */
#define IDLE_SECONDS		30	/* a wait for something that the kernel does by itself */
#define SLOW_TEST_SECONDS	600	/* a test that uses the whole pool, or many processes */
#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT	120	/* any other test */

/* Calls whose results no test may leave unseen: the compiler warns. */
#define __must_check	__attribute__((warn_unused_result))

__must_check int munmap(void *at, size_t length);
__must_check int madvise(void *at, size_t length, int advice);
__must_check int mprotect(void *at, size_t length, int prot);
__must_check int mlock(const void *at, size_t length);
__must_check int pipe(int ends[2]);
__must_check int kill(pid_t pid, int signal);
__must_check int ftruncate(int fd, off_t length);

/* For a result that may be anything. A comment says why. */
static inline void ignore(long result)
{
}

#define ROUND_UP(x, to)	(((x) + (to) - 1) / (to) * (to))

/**
 * struct buffer - what ALLOC returned
 * @handle: identifies the buffer in calls
 * @offset: its offset in the file
 * @length: bytes, rounded up to whole frames
 */
struct buffer {
	__u64 handle;
	__u64 offset;
	__u64 length;
};

static inline __must_check int call(int fd, unsigned long cmd, void *arg)
{
	int ret = ioctl(fd, cmd, arg);

	return ret == -1 ? -errno : ret;
}

/* Whether the release of the running kernel starts with @prefix. */
static inline bool kernel_is(const char *prefix)
{
	struct utsname name;

	return !uname(&name) && !strncmp(name.release, prefix, strlen(prefix));
}

static inline __must_check int open_errno(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/* Writes @text in one call. Returns 0 or -errno. */
static inline __must_check int write_file(const char *path, const char *text)
{
	int fd = open_errno(path, O_WRONLY), ret;

	if (fd < 0)
		return fd;
	ret = write(fd, text, strlen(text)) < 0 ? -errno : 0;
	close(fd);
	return ret;
}

/* The contents of a small file, "" if it cannot be read; valid until the next call. */
static inline const char *read_file(const char *path)
{
	static char text[4096];
	int fd = open_errno(path, O_RDONLY);
	ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);

	text[n > 0 ? n : 0] = '\0';
	close(fd);
	return text;
}

static inline __must_check int pool_open(void)
{
	return open_errno(DEVICE, O_RDWR);
}

static inline __must_check int pool_info(int fd, struct framepool_ioc_info *info)
{
	memset(info, 0, sizeof(*info));
	info->size = sizeof(*info);
	return call(fd, FRAMEPOOL_IOC_INFO, info);
}

/* As much of @wanted as a pool in several extents can have at once, with room to move the rest. */
static inline size_t possible_at_once(int fd, size_t wanted)
{
	struct framepool_ioc_info info;
	size_t most;

	if (pool_info(fd, &info))
		return wanted;
	most = info.largest_extent_bytes * 3 / 4 / HUGE_FRAME * HUGE_FRAME;
	return wanted < most ? wanted : most;
}

static inline __must_check int pool_stats(int fd, struct framepool_ioc_stats *stats)
{
	memset(stats, 0, sizeof(*stats));
	stats->size = sizeof(*stats);
	return call(fd, FRAMEPOOL_IOC_STATS, stats);
}

/* Bytes in use; ~0 if STATS fails. */
static inline __u64 used_bytes(int fd)
{
	struct framepool_ioc_stats stats;

	return pool_stats(fd, &stats) ? ~0ULL : stats.used_bytes;
}

static inline __must_check int buffer_alloc_as(int fd, struct framepool_ioc_alloc *arg,
					       struct buffer *buffer)
{
	int ret = call(fd, FRAMEPOOL_IOC_ALLOC, arg);

	if (ret)
		return ret;
	buffer->handle = arg->handle;
	buffer->offset = arg->offset;
	buffer->length = arg->length;
	return 0;
}

static inline __must_check int buffer_alloc_any(int fd, __u32 flags, __u64 length, __u64 align,
						__u64 limit, struct buffer *buffer)
{
	struct framepool_ioc_alloc arg = {
		.size = sizeof(arg),
		.flags = flags,
		.length = length,
		.align = align,
		.limit = limit,
	};

	return buffer_alloc_as(fd, &arg, buffer);
}

/* Waits up to @timeout_ns for memory. */
static inline __must_check int buffer_alloc_waiting(int fd, __u64 length, __u64 timeout_ns,
						    struct buffer *buffer)
{
	struct framepool_ioc_alloc arg = {
		.size = sizeof(arg),
		.flags = FRAMEPOOL_ALLOC_WAIT,
		.length = length,
		.timeout_ns = timeout_ns,
	};

	return buffer_alloc_as(fd, &arg, buffer);
}

static inline __must_check int buffer_alloc_at(int fd, __u64 length, __u64 align, __u64 limit,
					       struct buffer *buffer)
{
	return buffer_alloc_any(fd, 0, length, align, limit, buffer);
}

static inline __must_check int buffer_alloc(int fd, __u64 length, struct buffer *buffer)
{
	return buffer_alloc_at(fd, length, 0, 0, buffer);
}

static inline __must_check int buffer_alloc_huge(int fd, __u64 length, struct buffer *buffer)
{
	return buffer_alloc_at(fd, length, HUGE_FRAME, 0, buffer);
}

static inline __must_check int handle_free(int fd, __u64 handle)
{
	struct framepool_ioc_free arg = {
		.size = sizeof(arg),
		.handle = handle,
	};

	return call(fd, FRAMEPOOL_IOC_FREE, &arg);
}

static inline __must_check int handle_query(int fd, __u64 handle, struct framepool_ioc_query *query)
{
	memset(query, 0, sizeof(*query));
	query->size = sizeof(*query);
	query->handle = handle;
	return call(fd, FRAMEPOOL_IOC_QUERY, query);
}

/* A new descriptor of a dma-buf of a part of a buffer, or a negative errno. */
static inline __must_check int buffer_export_part(int fd, __u64 handle, __u32 flags, __u64 offset,
						  __u64 length)
{
	struct framepool_ioc_export arg = {
		.size = sizeof(arg),
		.flags = flags,
		.handle = handle,
		.offset = offset,
		.length = length,
	};

	return call(fd, FRAMEPOOL_IOC_EXPORT, &arg) ?: arg.fd;
}

static inline __must_check int buffer_export(int fd, const struct buffer *buffer)
{
	return buffer_export_part(fd, buffer->handle, 0, 0, buffer->length);
}

static inline __must_check int dmabuf_sync(int fd, int dmabuf, __u32 flags, __u64 offset,
					   __u64 length)
{
	struct framepool_ioc_sync arg = {
		.size = sizeof(arg),
		.flags = flags,
		.fd = dmabuf,
		.offset = offset,
		.length = length,
	};

	return call(fd, FRAMEPOOL_IOC_SYNC, &arg);
}

/* Makes a batch call with @count entries of @entry_size bytes; its results are in *@batch. */
static inline __must_check int batch_call(int fd, unsigned long cmd, __u32 flags, void *entries,
					  __u32 entry_size, __u32 count,
					  struct framepool_ioc_batch *batch)
{
	*batch = (struct framepool_ioc_batch){
		.size = sizeof(*batch),
		.flags = flags,
		.entries = (unsigned long)entries,
		.count = count,
		.entry_size = entry_size,
	};
	return call(fd, cmd, batch);
}

static inline __must_check int alloc_batch(int fd, __u32 flags, struct framepool_ioc_alloc *entries,
					   __u32 count, struct framepool_ioc_batch *batch)
{
	return batch_call(fd, FRAMEPOOL_IOC_ALLOC_BATCH, flags, entries, sizeof(*entries), count,
			  batch);
}

static inline __must_check int free_batch(int fd, __u32 flags, struct framepool_ioc_free *entries,
					  __u32 count, struct framepool_ioc_batch *batch)
{
	return batch_call(fd, FRAMEPOOL_IOC_FREE_BATCH, flags, entries, sizeof(*entries), count,
			  batch);
}

/*
 * Allocates up to @max buffers of @length and returns their number; *@why is the error of the
 * allocation that failed, or 0.
 */
static inline __must_check int alloc_until_refused(int fd, __u64 length, __u64 align,
						   struct buffer *buffers, int max, int *why)
{
	int n = 0;

	*why = 0;
	while (n < max) {
		*why = buffer_alloc_at(fd, length, align, 0, &buffers[n]);
		if (*why)
			break;
		n++;
	}
	return n;
}

static inline __must_check void *map_raw(void *at, size_t length, int prot, int flags, int fd,
					 __u64 offset)
{
	return (void *)syscall(SYS_mmap, at, length, prot, flags, fd, offset);
}

/* The errno of mmap(), or 0; a mapping that it made is removed again. */
static inline __must_check int map_errno(size_t length, int prot, int flags, int fd, __u64 offset)
{
	void *p = map_raw(NULL, length, prot, flags, fd, offset);

	if (p == MAP_FAILED)
		return errno;
	return munmap(p, length) ? errno : 0;
}

static inline __must_check char *buffer_map(int fd, const struct buffer *buffer)
{
	return map_raw(NULL, buffer->length, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		       buffer->offset);
}

static inline __must_check char *buffer_map_fixed(int fd, const struct buffer *buffer, void *at)
{
	return map_raw(at, buffer->length, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd,
		       buffer->offset);
}

static inline void sleep_ms(long ms)
{
	struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

	while (nanosleep(&t, &t) && errno == EINTR)
		;
}

static inline double seconds_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

/*
 * Waits until the condition is true; whether it became so within IDLE_SECONDS. It is evaluated once
 * more after the time is over, in case this process did not run meanwhile.
 */
#define WAIT_FOR(condition) ({ \
	double wait_end = seconds_now() + IDLE_SECONDS; \
	bool is_over, is_true; \
	do { \
		is_over = seconds_now() >= wait_end; \
		is_true = (condition); \
		if (!is_true) \
			sleep_ms(10); \
	} while (!is_true && !is_over); \
	is_true; \
})

/* Whether nothing is in use and there are exactly @clients clients. */
static inline bool stats_idle(const struct framepool_ioc_stats *stats, __u64 clients)
{
	return stats->free_bytes == stats->total_bytes && !stats->quarantined_bytes &&
	       !stats->used_bytes && !stats->buffers && stats->clients == clients;
}

static inline __must_check bool wait_idle(int fd, __u64 clients)
{
	struct framepool_ioc_stats stats = { 0 };

	if (WAIT_FOR(!pool_stats(fd, &stats) && stats_idle(&stats, clients)))
		return true;
	fprintf(stderr, "# pool is not idle: total %llu free %llu used %llu quarantined %llu "
		"buffers %llu clients %llu (expected %llu)\n",
		stats.total_bytes, stats.free_bytes, stats.used_bytes,
		stats.quarantined_bytes, stats.buffers, stats.clients, clients);
	return false;
}

/*
 * Drains the pool as an administrator can: takes what clients keep and what lies in magazines. The
 * trim would do so after about a second.
 */
static inline __must_check bool drain_pool(void)
{
	int ret = write_file("/sys/class/framepool/" POOL_NAME "/drain", "1");

	if (ret)
		fprintf(stderr, "# the pool cannot be drained: %s\n", strerror(-ret));
	return !ret;
}

/* Waits until no frame is quarantined, whatever else is in use. */
static inline __must_check bool wait_clean(int fd, struct framepool_ioc_stats *stats)
{
	if (!drain_pool())
		return false;
	if (WAIT_FOR(!pool_stats(fd, stats) && !stats->quarantined_bytes))
		return true;
	fprintf(stderr, "# %llu bytes stay in quarantine\n", stats->quarantined_bytes);
	return false;
}

/* Waits until @bytes are in quarantine and everything else is free. */
static inline __must_check bool wait_quarantined(int fd, __u64 bytes)
{
	struct framepool_ioc_stats stats = { 0 };

	if (WAIT_FOR(!pool_stats(fd, &stats) && stats.quarantined_bytes == bytes &&
		     stats.free_bytes + bytes == stats.total_bytes))
		return true;
	fprintf(stderr, "# total %llu free %llu quarantined %llu (expected %llu)\n",
		stats.total_bytes, stats.free_bytes, stats.quarantined_bytes, bytes);
	return false;
}

/*
 * Waits for the trim; nothing may be in use. The trim takes what clients keep, about a second after
 * the first free since the last trim. So what is kept right after this call stays for a second.
 */
static inline __must_check bool wait_trimmed(int fd)
{
	struct buffer buffer;

	/* Until the trim, the client keeps its huge frame, which the map shows as 0 % used. */
	return !buffer_alloc(fd, FRAME, &buffer) && !handle_free(fd, buffer.handle) &&
	       WAIT_FOR(!strchr(read_file("/sys/kernel/debug/framepool/" POOL_NAME "/map"), '0'));
}

/* Waits until @bytes are free and none are in quarantine, whatever else is in use. */
static inline __must_check bool wait_free(int fd, __u64 bytes)
{
	struct framepool_ioc_stats stats;

	return wait_clean(fd, &stats) && stats.free_bytes == bytes;
}

/* Whether the module's own check of its allocator passes. Needs debugfs. */
static inline __must_check bool pool_verifies(void)
{
	char text[64] = "";
	int fd = open_errno("/sys/kernel/debug/framepool/" POOL_NAME "/verify", O_RDONLY);

	if (fd < 0 || read(fd, text, sizeof(text) - 1) < 0)
		strcpy(text, "cannot be read\n");
	close(fd);
	if (!strcmp(text, "ok\n"))
		return true;
	fprintf(stderr, "# debugfs verify: %s", text);
	return false;
}

static inline __must_check bool wait_all_free(void)
{
	int fd = pool_open();
	bool idle;

	if (fd < 0) {
		fprintf(stderr, "# cannot open %s: %s\n", DEVICE, strerror(-fd));
		return false;
	}
	idle = wait_idle(fd, 1);
	close(fd);
	return pool_verifies() && idle;
}

#endif
