// SPDX-License-Identifier: GPL-2.0-only
/*
 * The pool as a dma-heap. The module cannot be unloaded afterwards, so this test has a guest of its
 * own (scripts/lab/guest/job-heap), which starts without the module. Its kernel runs with "nopat",
 * so what that changes is tested here, too.
 */
#include "common.h"
#include "child.h"
#include "memory.h"
#include "module.h"
#include "sigbus.h"

#include <grp.h>
#include <linux/dma-buf.h>
#include <linux/dma-heap.h>
#include <sys/stat.h>
#include <sys/uio.h>

#define HEAP		"/dev/dma_heap/framepool-" POOL_NAME
#define SYSFS		"/sys/class/framepool/" POOL_NAME
#define CLIENTS		"/sys/kernel/debug/framepool/" POOL_NAME "/clients"
#define HEAP_BYTES	(64 * MIB)
#define BYTES		(4 * MIB)
#define SOME_GROUP	1234
#define NOBODY		65534

/* Before the heap: this unloads the module. */
TEST(without_pat_write_combining_is_refused_and_uncached_is_not)
{
	struct framepool_ioc_info info;
	int fd;

	ASSERT_NE(NULL, strstr(read_file("/proc/cmdline"), "nopat"));
	EXPECT_EQ(-EOPNOTSUPP, load("size=16M memory=wc"));
	EXPECT_FALSE(is_loaded());
	ASSERT_EQ(0, load("size=16M memory=uc"));
	fd = pool_open();
	EXPECT_EQ(0, pool_info(fd, &info));
	EXPECT_EQ(FRAMEPOOL_MEMORY_UC, info.memory);
	close(fd);
	EXPECT_EQ(0, unload());
}

FIXTURE(heap)
{
	int heap;
};

FIXTURE_SETUP(heap)
{
	if (!is_loaded())
		ASSERT_EQ(0, load("size=64M dma_heap=1"));
	self->heap = open_errno(HEAP, O_RDWR);
	ASSERT_GE(self->heap, 0);
}

FIXTURE_TEARDOWN_PARENT(heap)
{
	EXPECT_EQ(0, write_file(SYSFS "/user_quota", "0"));
	EXPECT_EQ(0, chmod(HEAP, 0600));
	EXPECT_TRUE(wait_all_free());
}

/* A descriptor, or a negative errno. */
static int heap_alloc_as(int heap, size_t length, int flags)
{
	struct dma_heap_allocation_data data = { .len = length, .fd_flags = flags };

	return call(heap, DMA_HEAP_IOCTL_ALLOC, &data) ?: (int)data.fd;
}

static int heap_alloc(int heap, size_t length)
{
	return heap_alloc_as(heap, length, O_RDWR | O_CLOEXEC);
}

static char *map(int dmabuf, size_t length)
{
	return map_raw(reserve(length), length, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
		       dmabuf, 0);
}

TEST_F(heap, keeps_the_module_loaded)
{
	EXPECT_EQ(-EWOULDBLOCK, unload());
	EXPECT_TRUE(is_loaded());
}

TEST_F(heap, buffer_is_zero_huge_and_can_be_pinned)
{
	static char copy[FRAME];
	struct framepool_ioc_describe description = { .size = sizeof(description) };
	int fd = pool_open(), dmabuf = heap_alloc(self->heap, BYTES), ends[2];
	struct iovec frame;
	char *p;

	ASSERT_GE(dmabuf, 0);
	EXPECT_EQ(FD_CLOEXEC, fcntl(dmabuf, F_GETFD));
	EXPECT_EQ(BYTES, lseek(dmabuf, 0, SEEK_END));
	description.fd = dmabuf;
	ASSERT_EQ(0, call(fd, FRAMEPOOL_IOC_DESCRIBE, &description));
	EXPECT_EQ(BYTES, description.length);
	p = map(dmabuf, BYTES);
	ASSERT_NE(MAP_FAILED, p);
	EXPECT_TRUE(all_bytes(p, 0, BYTES));
	EXPECT_EQ(kib_if_huge(BYTES), smaps_kib(p, "FilePmdMapped"));
	EXPECT_TRUE(is_contiguous(p, BYTES));
	memset(p, PATTERN_MINE, BYTES);
	frame = (struct iovec){ .iov_base = p + MIB, .iov_len = FRAME };
	ASSERT_EQ(0, pipe(ends));
	ASSERT_EQ(FRAME, vmsplice(ends[1], &frame, 1, 0));
	/* The mapping alone keeps the memory, then the pipe its page. */
	close(dmabuf);
	EXPECT_TRUE(all_bytes(p, PATTERN_MINE, BYTES));
	ASSERT_EQ(0, munmap(p, BYTES));
	ASSERT_EQ(FRAME, read(ends[0], copy, FRAME));
	EXPECT_TRUE(all_bytes(copy, PATTERN_MINE, FRAME));
}

TEST_F(heap, descriptor_is_as_asked_for)
{
	int dmabuf = heap_alloc_as(self->heap, BYTES, O_RDONLY);

	ASSERT_GE(dmabuf, 0);
	EXPECT_EQ(0, fcntl(dmabuf, F_GETFD));
	EXPECT_EQ(O_RDONLY, fcntl(dmabuf, F_GETFL) & O_ACCMODE);
	EXPECT_EQ(EACCES, map_errno(BYTES, PROT_WRITE, MAP_SHARED, dmabuf, 0));
	EXPECT_EQ(0, map_errno(BYTES, PROT_READ, MAP_SHARED, dmabuf, 0));
}

/* Whether a line of the file says that the process @pid has one export. */
static bool is_listed(pid_t pid)
{
	char line[512];
	FILE *file = fopen(CLIENTS, "re");
	int exports, attached;
	bool found = false;
	long of;

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "%ld %*u %*u %*u %*u %*u %*u %d %d", &of, &exports,
			   &attached) == 3)
			found |= of == pid && exports == 1 && !attached;
	if (file)
		fclose(file);
	return found;
}

TEST_F(heap, caller_is_charged_whole_huge_frames)
{
	struct framepool_ioc_stats stats;
	int fd = pool_open();

	ASSERT_GE(heap_alloc(self->heap, FRAME), 0);
	ASSERT_GE(heap_alloc(self->heap, HUGE_FRAME + FRAME), 0);
	ASSERT_EQ(0, pool_stats(fd, &stats));
	EXPECT_EQ(3, stats.clients);
	EXPECT_EQ(2, stats.buffers);
	EXPECT_EQ(HUGE_FRAME + 2 * FRAME, stats.used_bytes);
	EXPECT_EQ(3 * HUGE_FRAME, stats.charged_bytes);
	EXPECT_EQ(3 * HUGE_FRAME, stats.user_charged_bytes);
	EXPECT_TRUE(is_listed(getpid()));
}

TEST_F(heap, refusals_are_those_of_the_pool)
{
	struct framepool_ioc_stats stats;
	int fd = pool_open(), i;

	ASSERT_EQ(0, write_file(SYSFS "/user_quota", "4M"));
	ASSERT_GE(heap_alloc(self->heap, BYTES), 0);
	EXPECT_EQ(-EDQUOT, heap_alloc(self->heap, FRAME));
	ASSERT_EQ(0, write_file(SYSFS "/user_quota", "0"));
	EXPECT_EQ(-ENOMEM, heap_alloc(self->heap, HEAP_BYTES));
	EXPECT_EQ(-ENOMEM, heap_alloc(self->heap, 1UL << 45));
	EXPECT_EQ(-EINVAL, heap_alloc(self->heap, 0));
	for (i = 0; heap_alloc(self->heap, HUGE_FRAME) >= 0; i++)
		;
	EXPECT_EQ((HEAP_BYTES - BYTES) / HUGE_FRAME, i);
	ASSERT_EQ(0, pool_stats(fd, &stats));
	EXPECT_EQ(1, stats.fail_quota);
	EXPECT_EQ(3, stats.fail_nomem);
}

TEST_F(heap, memory_of_a_killed_process_comes_back_clear)
{
	int dmabuf;
	pid_t pid;
	char *p;

	pid = child_fork();
	for (; !pid; close_range(self->heap + 1, ~0U, 0)) {
		p = map(heap_alloc(self->heap, BYTES), BYTES);
		CHILD_CHECK(p != MAP_FAILED && all_bytes(p, 0, BYTES));
		memset(p, PATTERN_OTHER, BYTES);
		CHILD_CHECK(!munmap(p, BYTES));
	}
	sleep_ms(500);
	EXPECT_EQ(CHILD_KILLED + SIGKILL, child_kill(pid));
	dmabuf = heap_alloc(self->heap, HEAP_BYTES / 4);
	ASSERT_GE(dmabuf, 0);
	EXPECT_TRUE(all_bytes(map(dmabuf, HEAP_BYTES / 4), 0, HEAP_BYTES / 4));
}

/* The udev rule gives the node to a group. */
TEST_F(heap, group_of_the_node_may_use_it)
{
	gid_t group = SOME_GROUP;
	pid_t pid;

	ASSERT_EQ(0, chown(HEAP, 0, group));
	ASSERT_EQ(0, chmod(HEAP, 0660));
	pid = child_fork();
	if (!pid) {
		CHILD_CHECK(!setgroups(1, &group) && !setgid(NOBODY) && !setuid(NOBODY));
		CHILD_CHECK(pool_open() == -EACCES);
		CHILD_CHECK(map(heap_alloc(open_errno(HEAP, O_RDWR), BYTES), BYTES) != MAP_FAILED);
		_exit(0);
	}
	EXPECT_EQ(0, child_wait(pid));
}

/* Comes last, since the pool does not recover. */
FIXTURE(shutdown)
{
};

FIXTURE_SETUP(shutdown)
{
}

FIXTURE_TEARDOWN(shutdown)
{
}

TEST_F(shutdown, takes_memory_away_and_refuses_more)
{
	int heap = open_errno(HEAP, O_RDWR), dmabuf = heap_alloc(heap, BYTES);
	char *p = map(dmabuf, BYTES);

	ASSERT_NE(MAP_FAILED, p);
	stamp_frames(p, BYTES, 0);
	ASSERT_EQ(0, write_file(SYSFS "/shutdown", "1"));
	catch_sigbus();
	EXPECT_EQ(BUS_ADRERR, sigbus_code(p, false));
	EXPECT_EQ(-ENODEV, heap_alloc(heap, BYTES));
	EXPECT_EQ(ENODEV, map_errno(BYTES, PROT_READ, MAP_SHARED, dmabuf, 0));
}

TEST_HARNESS_MAIN
