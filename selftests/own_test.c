// SPDX-License-Identifier: GPL-2.0-only
/*
 * The buffer at the beginning of a file, which the first mapping there makes: for programs that
 * take a path. One test loads the module anew, and leaves it loaded as it found it.
 */
#include "common.h"
#include "child.h"
#include "memory.h"
#include "module.h"
#include "sigbus.h"

#include <sys/socket.h>
#include <sys/stat.h>

#define SYSFS		"/sys/class/framepool/" POOL_NAME
#define CLIENT_QUOTA	SYSFS "/client_quota"
#define USER_QUOTA	SYSFS "/user_quota"
#define BACKGROUND	SYSFS "/background_clearing"
#define BYTES		(2 * HUGE_FRAME)
#define PAUSE		"--pause"
#define MAPPERS		8

FIXTURE(own)
{
	int fd;
};

FIXTURE_SETUP(own)
{
	self->fd = pool_open();
	ASSERT_GE(self->fd, 0);
}

FIXTURE_TEARDOWN_PARENT(own)
{
	EXPECT_EQ(0, write_file(CLIENT_QUOTA, "0"));
	EXPECT_EQ(0, write_file(USER_QUOTA, "0"));
	EXPECT_EQ(0, write_file(BACKGROUND, "1"));
	EXPECT_TRUE(wait_all_free());
}

static char *map_at(int fd, __u64 offset, size_t length)
{
	return map_raw(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset);
}

static char *map(int fd, size_t length)
{
	return map_at(fd, 0, length);
}

/* The errno of a mapping, or 0. */
static int refusal(int fd, __u64 offset, size_t length)
{
	return map_errno(length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset);
}

static int query_at(int fd, __u64 offset, struct framepool_ioc_query *query)
{
	*query = (struct framepool_ioc_query){
		.size = sizeof(*query),
		.flags = FRAMEPOOL_QUERY_AT,
		.offset = offset,
	};
	return call(fd, FRAMEPOOL_IOC_QUERY, query);
}

/* The handle of the own buffer; 0 if there is none. */
static __u64 own_handle(int fd)
{
	struct framepool_ioc_query query;

	return query_at(fd, 0, &query) ? 0 : query.handle;
}

static int alloc_own(int fd, __u32 flags, __u64 length, __u64 limit, struct buffer *buffer)
{
	return buffer_alloc_any(fd, FRAMEPOOL_ALLOC_OWN | flags, length, 0, limit, buffer);
}

static long end_of(int fd)
{
	off_t end = lseek(fd, 0, SEEK_END);

	return end < 0 ? -errno : end;
}

/* Fills the pool but for @left bytes, by a client of its own. Returns that, or a negative errno. */
static int fill_but(__u64 left)
{
	static struct buffer buffers[POOL_BYTES / HUGE_FRAME];
	int fd = pool_open(), n, why;

	if (fd < 0)
		return fd;
	n = alloc_until_refused(fd, HUGE_FRAME, 0, buffers, ARRAY_SIZE(buffers), &why);
	for (; left; left -= HUGE_FRAME)
		if (!n || handle_free(fd, buffers[--n].handle))
			return -EIO;
	return fd;
}

TEST_F(own, first_mapping_makes_it)
{
	struct framepool_ioc_query query;
	char *p;

	EXPECT_EQ(-ENOENT, query_at(self->fd, 0, &query));
	p = map(self->fd, BYTES + FRAME);
	ASSERT_NE(MAP_FAILED, p);
	ASSERT_EQ(0, query_at(self->fd, 0, &query));
	EXPECT_NE(0, query.handle);
	EXPECT_EQ(0, query.offset);
	EXPECT_EQ(BYTES + HUGE_FRAME, query.length);
	EXPECT_EQ(BYTES + FRAME, query.mapped_bytes);
	EXPECT_EQ(BYTES + HUGE_FRAME, used_bytes(self->fd));
	EXPECT_EQ(query.address, physical_address(p));
	EXPECT_EQ(0, query.address % HUGE_FRAME);
	EXPECT_TRUE(frames_unstamped(p, BYTES + FRAME));
	EXPECT_TRUE(is_contiguous(p, BYTES + FRAME));
	EXPECT_EQ(kib_if_huge(BYTES), smaps_kib(p, "FilePmdMapped"));
}

TEST_F(own, first_mapping_may_begin_anywhere)
{
	struct framepool_ioc_query query;
	char *p = map_at(self->fd, HUGE_FRAME + 3 * FRAME, FRAME), *whole;

	ASSERT_NE(MAP_FAILED, p);
	ASSERT_EQ(0, query_at(self->fd, HUGE_FRAME, &query));
	EXPECT_EQ(2 * HUGE_FRAME, query.length);
	whole = map(self->fd, 2 * HUGE_FRAME);
	ASSERT_NE(MAP_FAILED, whole);
	stamp_frames(whole, 2 * HUGE_FRAME, 0);
	EXPECT_TRUE(frames_stamped(p, FRAME, HUGE_FRAME / FRAME + 3));
}

TEST_F(own, later_mappings_show_parts_of_it)
{
	char *p = map(self->fd, BYTES), *q = map_at(self->fd, 5 * FRAME, HUGE_FRAME);

	ASSERT_NE(MAP_FAILED, p);
	ASSERT_NE(MAP_FAILED, q);
	stamp_frames(p, BYTES, 0);
	EXPECT_TRUE(frames_stamped(q, HUGE_FRAME, 5));
	EXPECT_EQ(BYTES, used_bytes(self->fd));
}

TEST_F(own, mapping_beyond_its_end_is_refused)
{
	struct framepool_ioc_query query;

	ASSERT_NE(MAP_FAILED, map(self->fd, FRAME));
	EXPECT_EQ(0, refusal(self->fd, HUGE_FRAME - FRAME, FRAME));
	EXPECT_EQ(ENXIO, refusal(self->fd, HUGE_FRAME, FRAME));
	EXPECT_EQ(ENXIO, refusal(self->fd, HUGE_FRAME - FRAME, 2 * FRAME));
	EXPECT_EQ(ENXIO, refusal(self->fd, 0, HUGE_FRAME + FRAME));
	EXPECT_EQ(ENXIO, refusal(self->fd, BUFFERS_FROM - FRAME, FRAME));
	EXPECT_EQ(-ENOENT, query_at(self->fd, HUGE_FRAME, &query));
	EXPECT_EQ(HUGE_FRAME, used_bytes(self->fd));
}

TEST_F(own, mapping_that_it_can_never_contain_is_refused)
{
	EXPECT_EQ(ENXIO, refusal(self->fd, BUFFERS_FROM, FRAME));
	EXPECT_EQ(ENXIO, refusal(self->fd, BUFFERS_FROM - FRAME, 2 * FRAME));
	EXPECT_EQ(ENXIO, refusal(self->fd, FRAME, BUFFERS_FROM));
	EXPECT_EQ(ENOMEM, refusal(self->fd, BUFFERS_FROM - FRAME, FRAME));
	EXPECT_EQ(ENOMEM, refusal(self->fd, POOL_BYTES, FRAME));
	EXPECT_EQ(0, used_bytes(self->fd));
	EXPECT_EQ(0, refusal(self->fd, 0, FRAME));
}

TEST_F(own, mapping_that_is_refused_makes_none)
{
	const int read_write = PROT_READ | PROT_WRITE;

	EXPECT_EQ(EINVAL, map_errno(FRAME, read_write, MAP_PRIVATE, self->fd, 0));
	EXPECT_EQ(EPERM, map_errno(FRAME, read_write | PROT_EXEC, MAP_SHARED, self->fd, 0));
	EXPECT_EQ(0, own_handle(self->fd));
	EXPECT_EQ(0, used_bytes(self->fd));
	/* What exists is not mapped so, either. */
	ASSERT_NE(MAP_FAILED, map(self->fd, FRAME));
	EXPECT_EQ(EINVAL, map_errno(FRAME, read_write, MAP_PRIVATE, self->fd, 0));
	EXPECT_EQ(EPERM, map_errno(FRAME, read_write | PROT_EXEC, MAP_SHARED, self->fd, 0));
}

TEST_F(own, content_stays_while_nothing_maps_it)
{
	char *p = map(self->fd, BYTES);
	__u64 address = physical_address(p), handle = own_handle(self->fd);

	stamp_frames(p, BYTES, 0);
	ASSERT_EQ(0, munmap(p, BYTES));
	p = map(self->fd, BYTES);
	ASSERT_NE(MAP_FAILED, p);
	EXPECT_TRUE(frames_stamped(p, BYTES, 0));
	EXPECT_EQ(address, physical_address(p));
	EXPECT_EQ(handle, own_handle(self->fd));
}

TEST_F(own, mapping_over_itself_keeps_content)
{
	char *p = map(self->fd, BYTES);

	stamp_frames(p, BYTES, 0);
	ASSERT_EQ(p, map_raw(p, BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, self->fd,
			     0));
	EXPECT_TRUE(frames_stamped(p, BYTES, 0));
	/* Whatever else programs do to drop what a file has cached. */
	EXPECT_EQ(0, madvise(p, BYTES, MADV_DONTNEED));
	EXPECT_EQ(0, msync(p, BYTES, MS_SYNC));
	EXPECT_EQ(0, posix_fadvise(self->fd, 0, 0, POSIX_FADV_DONTNEED));
	EXPECT_TRUE(frames_stamped(p, BYTES, 0));
	EXPECT_EQ(MAP_FAILED, mremap(p, BYTES, BYTES + FRAME, MREMAP_MAYMOVE));
}

TEST_F(own, each_opening_of_the_path_has_another)
{
	char path[32], *p = map(self->fd, BYTES), *q;
	int fds[2], i;

	stamp_frames(p, BYTES, 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", self->fd);
	fds[0] = pool_open();
	fds[1] = open_errno(path, O_RDWR);
	for (i = 0; i < 2; i++) {
		ASSERT_GE(fds[i], 0);
		q = map(fds[i], BYTES);
		ASSERT_NE(MAP_FAILED, q);
		EXPECT_TRUE(frames_unstamped(q, BYTES));
		EXPECT_NE(physical_address(p), physical_address(q));
		stamp_frames(q, BYTES, 7);
	}
	EXPECT_TRUE(frames_stamped(p, BYTES, 0));
	EXPECT_EQ(3 * BYTES, used_bytes(self->fd));
}

/* As programs that were written for u-dma-buf do. */
TEST_F(own, file_opened_with_o_sync_is_mapped)
{
	int fd = open_errno(DEVICE, O_RDWR | O_SYNC);
	char *p = map(fd, BYTES);

	ASSERT_NE(MAP_FAILED, p);
	stamp_frames(p, BYTES, 0);
	EXPECT_TRUE(frames_stamped(p, BYTES, 0));
	EXPECT_EQ(0, fsync(fd));
	EXPECT_EQ(0, fdatasync(fd));
}

TEST_F(own, file_opened_read_only_is_mapped_read_only)
{
	int fd = open_errno(DEVICE, O_RDONLY);
	char *p = map_raw(NULL, BYTES, PROT_READ, MAP_SHARED, fd, 0);

	ASSERT_NE(MAP_FAILED, p);
	EXPECT_TRUE(frames_unstamped(p, BYTES));
	EXPECT_EQ(EACCES, refusal(fd, 0, BYTES));
}

TEST_F(own, file_has_no_other_content)
{
	struct stat stat;
	char byte = 0;

	ASSERT_NE(MAP_FAILED, map(self->fd, BYTES));
	ASSERT_EQ(0, fstat(self->fd, &stat));
	EXPECT_EQ(0, stat.st_size);
	EXPECT_EQ(-1, ftruncate(self->fd, BYTES));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, read(self->fd, &byte, 1));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, pread(self->fd, &byte, 1, 0));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, pwrite(self->fd, &byte, 1, 0));
	EXPECT_EQ(EINVAL, errno);
}

TEST_F(own, end_is_that_of_the_buffer)
{
	ASSERT_NE(MAP_FAILED, map(self->fd, BYTES + FRAME));
	EXPECT_EQ(BYTES + HUGE_FRAME, end_of(self->fd));
	EXPECT_EQ(HUGE_FRAME, lseek(self->fd, -BYTES, SEEK_CUR));
	EXPECT_EQ(3, lseek(self->fd, 3, SEEK_SET));
	EXPECT_EQ(4, lseek(self->fd, 1, SEEK_CUR));
	EXPECT_EQ(0, lseek(self->fd, 0, SEEK_DATA));
	EXPECT_EQ(BYTES + HUGE_FRAME, lseek(self->fd, 0, SEEK_HOLE));
	EXPECT_EQ(-1, lseek(self->fd, BYTES + HUGE_FRAME, SEEK_DATA));
	EXPECT_EQ(ENXIO, errno);
	EXPECT_EQ(-1, lseek(self->fd, -1, SEEK_SET));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, lseek(self->fd, 0, 100));
	EXPECT_EQ(EINVAL, errno);
}

TEST_F(own, end_is_what_can_be_had_while_there_is_none)
{
	struct framepool_ioc_info info;
	int other;

	ASSERT_EQ(0, pool_info(self->fd, &info));
	EXPECT_EQ(info.largest_extent_bytes, end_of(self->fd));
	EXPECT_EQ(0, own_handle(self->fd));
	other = fill_but(BYTES);
	ASSERT_GE(other, 0);
	EXPECT_GE(BYTES, end_of(self->fd));
	EXPECT_EQ(0, refusal(self->fd, 0, end_of(self->fd)));
	ASSERT_EQ(0, handle_free(self->fd, own_handle(self->fd)));
	ASSERT_EQ(0, close(other));
	other = fill_but(0);
	ASSERT_GE(other, 0);
	EXPECT_EQ(0, end_of(self->fd));
	EXPECT_EQ(ENOMEM, refusal(self->fd, 0, FRAME));
}

TEST_F(own, quotas_bound_it)
{
	int other = pool_open();

	ASSERT_EQ(0, write_file(USER_QUOTA, "12M"));
	EXPECT_EQ(12 * MIB, end_of(self->fd));
	ASSERT_EQ(0, write_file(CLIENT_QUOTA, "8M"));
	EXPECT_EQ(8 * MIB, end_of(self->fd));
	EXPECT_EQ(EDQUOT, refusal(self->fd, 0, 8 * MIB + FRAME));
	EXPECT_EQ(0, own_handle(self->fd));
	EXPECT_EQ(0, refusal(self->fd, 0, 8 * MIB));
	EXPECT_EQ(8 * MIB, end_of(self->fd));
	/* For another client of the user only the rest is left. */
	EXPECT_EQ(4 * MIB, end_of(other));
	ASSERT_EQ(0, write_file(CLIENT_QUOTA, "2M"));
	EXPECT_EQ(2 * MIB, end_of(other));
	ASSERT_EQ(0, write_file(USER_QUOTA, "4M"));
	EXPECT_EQ(0, end_of(other));
}

TEST_F(own, length_that_no_run_has_is_refused)
{
	static struct buffer buffers[POOL_BYTES / HUGE_FRAME];
	int other = pool_open(), n, i, why;

	n = alloc_until_refused(other, HUGE_FRAME, 0, buffers, ARRAY_SIZE(buffers), &why);
	for (i = 0; i < n; i += 2) {
		ASSERT_EQ(0, handle_free(other, buffers[i].handle));
	}
	EXPECT_GE(BYTES, end_of(self->fd));
	EXPECT_EQ(ENOSPC, refusal(self->fd, 0, end_of(self->fd) + FRAME));
	EXPECT_EQ(0, own_handle(self->fd));
	EXPECT_EQ(0, refusal(self->fd, 0, end_of(self->fd)));
}

/* A process that uses all that there is, until it is killed. */
static void use_all(int ready)
{
	int fd = pool_open();
	long length = end_of(fd);
	char *p = map(fd, length);

	CHILD_CHECK(p != MAP_FAILED);
	stamp_frames(p, length, 0);
	tell(ready);
	pause();
}

/* Starts, and kills, a process that leaves all that it had to be cleared. */
static bool leave_dirt(void)
{
	int ready[2];
	pid_t pid;

	if (write_file(BACKGROUND, "0") || pipe(ready))
		return false;
	pid = child_fork();
	if (!pid)
		use_all(ready[1]);
	return hear(ready[0]) && child_kill(pid) == CHILD_KILLED + SIGKILL;
}

TEST_F_TIMEOUT(own, program_can_be_started_again_at_once, SLOW_TEST_SECONDS)
{
	struct framepool_ioc_stats stats;
	struct framepool_ioc_info info;
	char *p;

	ASSERT_EQ(0, pool_info(self->fd, &info));
	ASSERT_TRUE(leave_dirt());
	ASSERT_EQ(0, pool_stats(self->fd, &stats));
	EXPECT_EQ(info.largest_extent_bytes, stats.quarantined_bytes);
	EXPECT_EQ(info.largest_extent_bytes, end_of(self->fd));
	/* The seek has done the work. */
	ASSERT_EQ(0, pool_stats(self->fd, &stats));
	EXPECT_EQ(0, stats.quarantined_bytes);
	p = map(self->fd, info.largest_extent_bytes);
	ASSERT_NE(MAP_FAILED, p);
	EXPECT_TRUE(frames_unstamped(p, info.largest_extent_bytes));
}

TEST_F_TIMEOUT(own, program_that_does_not_seek_can_be_started_again, SLOW_TEST_SECONDS)
{
	struct framepool_ioc_info info;
	char *p;

	ASSERT_EQ(0, pool_info(self->fd, &info));
	ASSERT_EQ(0, write_file(CLIENT_QUOTA, "0x10000000"));
	ASSERT_TRUE(leave_dirt());
	p = map(self->fd, info.largest_extent_bytes);
	ASSERT_NE(MAP_FAILED, p);
	EXPECT_TRUE(frames_unstamped(p, info.largest_extent_bytes));
}

TEST_F(own, child_shares_it)
{
	char *p = map(self->fd, BYTES);
	pid_t pid;

	stamp_frames(p, BYTES, 0);
	pid = child_fork();
	if (!pid) {
		char *q = map(self->fd, BYTES);

		CHILD_CHECK(frames_stamped(p, BYTES, 0) && frames_stamped(q, BYTES, 0));
		stamp_frames(q, BYTES, 7);
		_exit(0);
	}
	ASSERT_EQ(0, child_wait(pid));
	EXPECT_TRUE(frames_stamped(p, BYTES, 7));
}

TEST_F(own, child_can_make_it)
{
	pid_t pid = child_fork();
	char *p;

	if (!pid) {
		p = map(self->fd, BYTES);
		CHILD_CHECK(p != MAP_FAILED);
		stamp_frames(p, BYTES, 7);
		_exit(0);
	}
	ASSERT_EQ(0, child_wait(pid));
	EXPECT_EQ(BYTES, end_of(self->fd));
	EXPECT_TRUE(frames_stamped(map(self->fd, BYTES), BYTES, 7));
}

static bool send_descriptor(int socket, int fd)
{
	char byte = 0, control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec data = { &byte, 1 };
	struct msghdr message = {
		.msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(header), &fd, sizeof(int));
	return sendmsg(socket, &message, 0) == 1;
}

static int receive_descriptor(int socket)
{
	char byte, control[CMSG_SPACE(sizeof(int))];
	struct iovec data = { &byte, 1 };
	struct msghdr message = {
		.msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	int fd;

	if (recvmsg(socket, &message, MSG_CMSG_CLOEXEC) != 1 || !CMSG_FIRSTHDR(&message))
		return -1;
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(int));
	return fd;
}

/* As QEMU and a vhost-user program do. It stays when the one that made it is killed. */
TEST_F(own, receiver_of_the_descriptor_shares_it)
{
	int sockets[2], fd;
	pid_t pid;
	char *p;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, sockets));
	pid = child_fork();
	if (!pid) {
		fd = pool_open();
		p = map(fd, BYTES);
		stamp_frames(p, BYTES, 7);
		CHILD_CHECK(send_descriptor(sockets[1], fd));
		pause();
	}
	fd = receive_descriptor(sockets[0]);
	ASSERT_GE(fd, 0);
	EXPECT_EQ(CHILD_KILLED + SIGKILL, child_kill(pid));
	EXPECT_EQ(BYTES, end_of(fd));
	p = map(fd, BYTES);
	ASSERT_NE(MAP_FAILED, p);
	EXPECT_TRUE(frames_stamped(p, BYTES, 7));
	ASSERT_EQ(0, munmap(p, BYTES));
	ASSERT_EQ(0, close(fd));
	EXPECT_TRUE(wait_idle(self->fd, 1));
}

static void map_and_run(int ready, int flags)
{
	int fd = open(DEVICE, O_RDWR | flags);
	char *p = map(fd, BYTES), number[16];

	CHILD_CHECK(p != MAP_FAILED);
	stamp_frames(p, BYTES, 7);
	snprintf(number, sizeof(number), "%d", ready);
	execl("/proc/self/exe", "own_test", PAUSE, number, NULL);
}

TEST_F(own, execution_of_a_program_ends_it_unless_the_descriptor_is_inherited)
{
	int i, ready[2];
	pid_t pid;

	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, pipe(ready));
		pid = child_fork();
		if (!pid)
			map_and_run(ready[1], i ? O_CLOEXEC : 0);
		ASSERT_TRUE(hear(ready[0]));
		EXPECT_EQ(i ? 0 : BYTES, used_bytes(self->fd));
		EXPECT_EQ(CHILD_KILLED + SIGKILL, child_kill(pid));
		EXPECT_TRUE(wait_idle(self->fd, 1));
	}
}

/* There is room for one: whoever made a second would be refused, or would refuse the others. */
TEST_F_TIMEOUT(own, of_racing_mappings_one_makes_it, SLOW_TEST_SECONDS)
{
	size_t length = end_of(self->fd) / 2 + HUGE_FRAME;
	int round, i, start[2], fd;
	struct framepool_ioc_stats stats;
	pid_t pids[MAPPERS];

	length -= length % HUGE_FRAME;
	for (round = 0; round < 20; round++) {
		fd = pool_open();
		ASSERT_EQ(0, pipe(start));
		for (i = 0; i < MAPPERS; i++) {
			pids[i] = child_fork();
			if (!pids[i]) {
				char *p;

				close(start[1]);
				CHILD_CHECK(!hear(start[0]));
				p = map(fd, length);
				CHILD_CHECK(p != MAP_FAILED);
				CHILD_CHECK(!p[i * FRAME]);
				p[i * FRAME] = i + 1;
				_exit(0);
			}
		}
		close(start[0]);
		close(start[1]);
		for (i = 0; i < MAPPERS; i++) {
			ASSERT_EQ(0, child_wait(pids[i]));
		}
		ASSERT_EQ(0, pool_stats(self->fd, &stats));
		ASSERT_EQ(1, stats.buffers);
		for (i = 0; i < MAPPERS; i++) {
			char *p = map_at(fd, i * FRAME, FRAME);

			ASSERT_NE(MAP_FAILED, p);
			ASSERT_EQ(i + 1, *p);
			ASSERT_EQ(0, munmap(p, FRAME));
		}
		ASSERT_EQ(0, close(fd));
	}
}

TEST_F(own, alloc_makes_it)
{
	struct framepool_ioc_query query;
	struct buffer buffer, other;
	char *p;

	ASSERT_EQ(0, alloc_own(self->fd, 0, HUGE_FRAME + 1, 0, &buffer));
	EXPECT_EQ(0, buffer.offset);
	EXPECT_EQ(2 * HUGE_FRAME, buffer.length);
	EXPECT_NE(0, buffer.handle);
	ASSERT_EQ(0, query_at(self->fd, 0, &query));
	EXPECT_EQ(buffer.handle, query.handle);
	EXPECT_EQ(buffer.length, end_of(self->fd));
	EXPECT_EQ(-EEXIST, alloc_own(self->fd, 0, FRAME, 0, &other));
	p = map(self->fd, buffer.length);
	ASSERT_NE(MAP_FAILED, p);
	EXPECT_EQ(query.address, physical_address(p));
	EXPECT_EQ(-EEXIST, alloc_own(self->fd, 0, FRAME, 0, &other));
	EXPECT_EQ(buffer.length, used_bytes(self->fd));
}

TEST_F(own, alloc_honours_limit_and_waits)
{
	struct framepool_ioc_alloc arg = {
		.size = sizeof(arg),
		.flags = FRAMEPOOL_ALLOC_OWN | FRAMEPOOL_ALLOC_WAIT,
		.length = BYTES,
		.timeout_ns = 1000000000ULL * IDLE_SECONDS,
	};
	struct framepool_ioc_info info;
	struct buffer buffer;
	pid_t pid;

	ASSERT_EQ(0, pool_info(self->fd, &info));
	EXPECT_EQ(-ENOSPC, alloc_own(self->fd, 0, FRAME, info.first_address, &buffer));
	ASSERT_EQ(0, alloc_own(self->fd, 0, FRAME, info.first_address + HUGE_FRAME, &buffer));
	ASSERT_EQ(0, handle_free(self->fd, buffer.handle));
	pid = child_fork();
	if (!pid) {
		int other = fill_but(0);

		/* The mapping of another thread finds none, and does not wait. */
		CHILD_CHECK(other >= 0);
		CHILD_CHECK(refusal(self->fd, 0, FRAME) == ENOMEM);
		sleep_ms(300);
		_exit(0);
	}
	ASSERT_TRUE(WAIT_FOR(used_bytes(self->fd) == POOL_BYTES));
	ASSERT_EQ(0, buffer_alloc_as(self->fd, &arg, &buffer));
	EXPECT_EQ(0, buffer.offset);
	EXPECT_EQ(0, child_wait(pid));
}

TEST_F(own, batch_cannot_make_it)
{
	struct framepool_ioc_alloc entry = {
		.size = sizeof(entry),
		.flags = FRAMEPOOL_ALLOC_OWN,
		.length = FRAME,
	};
	struct framepool_ioc_batch batch;

	EXPECT_EQ(-EINVAL, alloc_batch(self->fd, 0, &entry, 1, &batch));
	EXPECT_EQ(0, used_bytes(self->fd));
}

TEST_F(own, query_finds_any_buffer_by_any_byte)
{
	struct framepool_ioc_query query;
	struct buffer small, large;
	int other = pool_open();

	ASSERT_EQ(0, buffer_alloc(self->fd, 3 * FRAME, &small));
	ASSERT_EQ(0, buffer_alloc(self->fd, BYTES, &large));
	ASSERT_EQ(0, query_at(self->fd, small.offset + 3 * FRAME - 1, &query));
	EXPECT_EQ(small.handle, query.handle);
	EXPECT_EQ(small.offset, query.offset);
	EXPECT_EQ(3 * FRAME, query.length);
	ASSERT_EQ(0, handle_free(self->fd, small.handle));
	EXPECT_EQ(-ENOENT, query_at(self->fd, small.offset, &query));
	ASSERT_EQ(0, query_at(self->fd, large.offset + HUGE_FRAME, &query));
	EXPECT_EQ(large.handle, query.handle);
	EXPECT_EQ(-ENOENT, query_at(self->fd, large.offset + BYTES, &query));
	EXPECT_EQ(-ENOENT, query_at(self->fd, ~0ULL, &query));
	EXPECT_EQ(-ENOENT, query_at(self->fd, 1ULL << 43, &query));
	EXPECT_EQ(-ENOENT, query_at(other, large.offset, &query));
	ASSERT_EQ(0, handle_free(self->fd, large.handle));
	EXPECT_EQ(-ENOENT, query_at(self->fd, large.offset, &query));
}

TEST_F(own, export_of_it_is_a_dmabuf_like_any)
{
	char *p = map(self->fd, BYTES), *q;
	int dmabuf = buffer_export_part(self->fd, own_handle(self->fd), 0, 0, BYTES);

	ASSERT_GE(dmabuf, 0);
	EXPECT_EQ(BYTES, lseek(dmabuf, 0, SEEK_END));
	stamp_frames(p, BYTES, 0);
	q = map(dmabuf, BYTES);
	ASSERT_NE(MAP_FAILED, q);
	EXPECT_TRUE(frames_stamped(q, BYTES, 0));
	/* Beyond the client there is nothing but the dma-buf. */
	ASSERT_EQ(0, munmap(p, BYTES));
	ASSERT_EQ(0, munmap(q, BYTES));
	ASSERT_EQ(0, close(self->fd));
	q = map(dmabuf, BYTES);
	EXPECT_TRUE(frames_stamped(q, BYTES, 0));
}

TEST_F(own, after_free_there_is_another_once_nothing_maps_it)
{
	char *p = map(self->fd, BYTES);
	__u64 handle = own_handle(self->fd);
	int dmabuf = buffer_export_part(self->fd, handle, 0, FRAME, FRAME);
	struct buffer buffer;

	stamp_frames(p, BYTES, 0);
	ASSERT_EQ(0, handle_free(self->fd, handle));
	EXPECT_EQ(0, own_handle(self->fd));
	EXPECT_EQ(-ENOENT, handle_free(self->fd, handle));
	EXPECT_EQ(0, end_of(self->fd));
	EXPECT_EQ(ENXIO, refusal(self->fd, 0, FRAME));
	EXPECT_EQ(-EEXIST, alloc_own(self->fd, 0, FRAME, 0, &buffer));
	EXPECT_TRUE(frames_stamped(p, BYTES, 0));
	ASSERT_EQ(0, munmap(p, BYTES));
	EXPECT_EQ(ENXIO, refusal(self->fd, 0, FRAME));
	close(dmabuf);
	p = map(self->fd, 2 * BYTES);
	ASSERT_NE(MAP_FAILED, p);
	EXPECT_TRUE(frames_unstamped(p, 2 * BYTES));
	EXPECT_NE(handle, own_handle(self->fd));
}

/* One thread frees what others map, and so have to make anew. */
TEST_F(own, frees_race_with_mappings)
{
	struct framepool_ioc_stats stats;
	pid_t pids[2];
	int i;

	for (i = 0; i < ARRAY_SIZE(pids); i++) {
		pids[i] = child_fork();
		if (!pids[i]) {
			for (;;) {
				char *p = map(self->fd, BYTES);

				CHILD_CHECK(p != MAP_FAILED || errno == ENXIO);
				if (p == MAP_FAILED)
					continue;
				CHILD_CHECK(!p[BYTES - 1 - i]);
				CHILD_CHECK(!munmap(p, BYTES));
			}
		}
	}
	for (i = 0; i < 300; i++) {
		/* There may be none at the moment. */
		ignore(handle_free(self->fd, own_handle(self->fd)));
		ASSERT_EQ(0, pool_stats(self->fd, &stats));
		/* A child may be about to free the memory of one that nobody finds any more. */
		ASSERT_LE(stats.buffers, 1 + ARRAY_SIZE(pids));
	}
	for (i = 0; i < ARRAY_SIZE(pids); i++) {
		EXPECT_EQ(CHILD_KILLED + SIGKILL, child_kill(pids[i]));
	}
}

/* Loads the module anew, since a shutdown lasts until it is unloaded. */
TEST(shutdown_takes_it)
{
	int fd = pool_open(), other = pool_open();
	struct framepool_ioc_query query;
	char *p = map(fd, BYTES);

	ASSERT_NE(MAP_FAILED, p);
	catch_sigbus();
	stamp_frames(p, BYTES, 0);
	ASSERT_EQ(0, write_file(SYSFS "/shutdown", "1"));
	EXPECT_EQ(BUS_ADRERR, sigbus_code(p, false));
	EXPECT_EQ(BUS_ADRERR, sigbus_code(p + BYTES - 1, true));
	EXPECT_EQ(ENODEV, refusal(fd, 0, FRAME));
	EXPECT_EQ(ENODEV, refusal(other, 0, FRAME));
	EXPECT_EQ(-ENODEV, end_of(fd));
	EXPECT_EQ(-ENODEV, end_of(other));
	EXPECT_EQ(-ENODEV, query_at(fd, 0, &query));
	ASSERT_EQ(0, munmap(p, BYTES));
	ASSERT_EQ(0, close(fd));
	ASSERT_EQ(0, close(other));
	ASSERT_EQ(0, unload());
	ASSERT_EQ(0, load(USUAL_PARAMETERS));
	EXPECT_TRUE(wait_all_free());
}

int main(int argc, char **argv)
{
	/* This is what map_and_run() executes. */
	if (argc == 3 && !strcmp(argv[1], PAUSE)) {
		tell(atoi(argv[2]));
		pause();
	}
	return test_harness_run(argc, argv);
}
