// SPDX-License-Identifier: GPL-2.0-only
/* The device node, and what counts as one client of it. */
#include "common.h"
#include "child.h"

#include <grp.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define NOBODY	65534

#define QUERY_HANDLE	"--query-handle"

FIXTURE(device)
{
	int fd;
};

FIXTURE_SETUP(device)
{
	self->fd = pool_open();
	ASSERT_GE(self->fd, 0)
		TH_LOG("cannot open " DEVICE ": is framepool.ko loaded?");
}

FIXTURE_TEARDOWN_PARENT(device)
{
	EXPECT_TRUE(wait_all_free());
}

static int send_fd(int socket, int fd)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {
		.header = {
			.cmsg_len = CMSG_LEN(sizeof(int)),
			.cmsg_level = SOL_SOCKET,
			.cmsg_type = SCM_RIGHTS,
		},
	};
	struct iovec byte = { .iov_base = "", .iov_len = 1 };
	struct msghdr message = {
		.msg_iov = &byte,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};

	memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
	return sendmsg(socket, &message, 0) == 1 ? 0 : -errno;
}

static int receive_fd(int socket)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	char byte;
	struct iovec data = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr message = {
		.msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	int fd;

	if (recvmsg(socket, &message, 0) != 1 || !CMSG_FIRSTHDR(&message))
		return -1;
	memcpy(&fd, CMSG_DATA(&control.header), sizeof(fd));
	return fd;
}

static bool become(uid_t uid, gid_t gid)
{
	return !setgroups(0, NULL) && !setgid(gid) && !setuid(uid);
}

static int unload(void)
{
	return syscall(SYS_delete_module, "framepool", O_NONBLOCK) ? -errno : 0;
}

static __u64 count_clients(int fd)
{
	struct framepool_ioc_stats stats;

	return pool_stats(fd, &stats) ? 0 : stats.clients;
}

TEST_F(device, node_is_char_device_with_mode_0660)
{
	struct stat node;

	ASSERT_EQ(0, stat(DEVICE, &node));
	EXPECT_TRUE(S_ISCHR(node.st_mode));
	EXPECT_EQ(0660, node.st_mode & 07777);
	EXPECT_EQ(0, node.st_uid);
	EXPECT_EQ(0, node.st_gid);
}

TEST_F(device, open_in_any_mode_gives_info)
{
	static const int modes[] = { O_RDONLY, O_WRONLY, O_RDWR };
	struct framepool_ioc_info info;
	int i, fd;

	for (i = 0; i < ARRAY_SIZE(modes); i++) {
		fd = open_errno(DEVICE, modes[i]);
		ASSERT_GE(fd, 0);
		EXPECT_EQ(0, pool_info(fd, &info));
		EXPECT_STREQ(POOL_NAME, info.name);
		close(fd);
	}
}

TEST_F(device, open_of_unknown_pool_is_refused)
{
	EXPECT_EQ(-ENOENT, open_errno(DEVICE_DIR "/no-such-pool", O_RDWR));
}

TEST_F(device, open_by_other_user_is_refused)
{
	pid_t pid = child_fork();

	if (!pid) {
		CHILD_CHECK(become(NOBODY, NOBODY));
		CHILD_CHECK(open_errno(DEVICE, O_RDWR) == -EACCES);
		CHILD_CHECK(open_errno(DEVICE, O_RDONLY) == -EACCES);
		_exit(0);
	}
	EXPECT_EQ(0, child_wait(pid));
}

TEST_F(device, open_by_group_member_is_allowed)
{
	pid_t pid = child_fork();

	if (!pid) {
		struct buffer buffer;
		int fd;

		CHILD_CHECK(become(NOBODY, 0));
		fd = pool_open();
		CHILD_CHECK(fd >= 0);
		CHILD_CHECK(!buffer_alloc(fd, FRAME, &buffer));
		_exit(0);
	}
	EXPECT_EQ(0, child_wait(pid));
}

TEST_F(device, read_and_write_are_refused)
{
	char byte = 0;

	EXPECT_EQ(-1, read(self->fd, &byte, 1));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, write(self->fd, &byte, 1));
	EXPECT_EQ(EINVAL, errno);
}

TEST_F(device, file_operations_of_disk_files_are_refused)
{
	EXPECT_EQ(-1, ftruncate(self->fd, FRAME));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, fallocate(self->fd, 0, 0, FRAME));
	EXPECT_EQ(ENODEV, errno);
}

TEST_F(device, unknown_ioctl_is_refused)
{
	static const unsigned long unknown[] = {
		_IO(FRAMEPOOL_IOC_TYPE, 0x10),
		_IO(FRAMEPOOL_IOC_TYPE, 0x7f),
		_IO(FRAMEPOOL_IOC_TYPE, 0xff),
		_IO(FRAMEPOOL_IOC_TYPE + 1, 0x00),
		_IO(0, 0x00),
		_IOR(FRAMEPOOL_IOC_TYPE, 0x00, struct framepool_ioc_info),
		_IOWR(FRAMEPOOL_IOC_TYPE, 0x01, struct framepool_ioc_alloc),
	};
	struct framepool_ioc_info info = { .size = sizeof(info) };
	int i;

	for (i = 0; i < ARRAY_SIZE(unknown); i++) {
		EXPECT_EQ(-ENOTTY, call(self->fd, unknown[i], &info))
			TH_LOG("ioctl %#lx", unknown[i]);
	}
}

TEST_F(device, two_opens_are_two_clients)
{
	struct framepool_ioc_query query;
	struct buffer buffer;
	int other;

	ASSERT_EQ(1, count_clients(self->fd));
	other = pool_open();
	ASSERT_GE(other, 0);
	EXPECT_EQ(2, count_clients(self->fd));

	ASSERT_EQ(0, buffer_alloc(self->fd, FRAME, &buffer));
	EXPECT_EQ(0, handle_query(self->fd, buffer.handle, &query));
	EXPECT_EQ(-ENOENT, handle_query(other, buffer.handle, &query));

	close(other);
	EXPECT_EQ(1, count_clients(self->fd));
}

TEST_F(device, dup_is_the_same_client)
{
	struct framepool_ioc_query query;
	struct buffer buffer;
	int twin = dup(self->fd);

	ASSERT_GE(twin, 0);
	EXPECT_EQ(1, count_clients(self->fd));
	ASSERT_EQ(0, buffer_alloc(self->fd, FRAME, &buffer));
	EXPECT_EQ(0, handle_query(twin, buffer.handle, &query));

	close(self->fd);
	EXPECT_EQ(0, handle_query(twin, buffer.handle, &query));
	EXPECT_EQ(0, handle_free(twin, buffer.handle));
}

TEST_F(device, forked_child_is_the_same_client)
{
	struct framepool_ioc_query query;
	struct buffer buffer;
	pid_t pid;

	ASSERT_EQ(0, buffer_alloc(self->fd, FRAME, &buffer));
	pid = child_fork();
	if (!pid) {
		CHILD_CHECK(count_clients(self->fd) == 1);
		CHILD_CHECK(!handle_free(self->fd, buffer.handle));
		_exit(0);
	}
	EXPECT_EQ(0, child_wait(pid));
	EXPECT_EQ(-ENOENT, handle_query(self->fd, buffer.handle, &query));
}

TEST_F(device, passed_descriptor_is_the_same_client)
{
	struct framepool_ioc_query query;
	int sockets[2];
	pid_t pid;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, sockets));
	pid = child_fork();
	if (!pid) {
		struct buffer buffer;
		int fd;

		close(self->fd);
		CHILD_CHECK(become(NOBODY, NOBODY));
		fd = receive_fd(sockets[1]);
		CHILD_CHECK(fd >= 0);
		CHILD_CHECK(count_clients(fd) == 1);
		CHILD_CHECK(!buffer_alloc(fd, FRAME, &buffer));
		CHILD_CHECK(write(sockets[1], &buffer, sizeof(buffer)) == sizeof(buffer));
		_exit(0);
	}
	ASSERT_EQ(0, send_fd(sockets[0], self->fd));
	EXPECT_EQ(0, child_wait(pid));

	struct buffer theirs;

	ASSERT_EQ(sizeof(theirs), read(sockets[0], &theirs, sizeof(theirs)));
	EXPECT_EQ(0, handle_query(self->fd, theirs.handle, &query));
	EXPECT_EQ(0, handle_free(self->fd, theirs.handle));
}

TEST_F(device, descriptor_in_flight_dies_with_the_socket)
{
	int sockets[2], probe = pool_open();
	struct buffer buffer;

	ASSERT_GE(probe, 0);
	ASSERT_EQ(0, buffer_alloc(self->fd, MIB, &buffer));
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, sockets));
	ASSERT_EQ(0, send_fd(sockets[0], self->fd));
	close(self->fd);
	EXPECT_EQ(2, count_clients(probe));

	close(sockets[0]);
	close(sockets[1]);
	EXPECT_TRUE(wait_idle(probe, 1));
}

/* What the program does that the next test executes. */
static int query_handle(const char *fd, const char *handle)
{
	struct framepool_ioc_query query;

	return handle_query(atoi(fd), strtoull(handle, NULL, 0), &query) ? KSFT_FAIL : KSFT_PASS;
}

TEST_F(device, executed_program_inherits_the_client)
{
	char fd[16], handle[32];
	struct buffer buffer;
	pid_t pid;

	ASSERT_EQ(0, buffer_alloc(self->fd, FRAME, &buffer));
	ASSERT_EQ(0, fcntl(self->fd, F_SETFD, 0));
	snprintf(fd, sizeof(fd), "%d", self->fd);
	snprintf(handle, sizeof(handle), "%llu", buffer.handle);

	pid = child_fork();
	if (!pid) {
		execl("/proc/self/exe", "device_test", QUERY_HANDLE, fd, handle, NULL);
		CHILD_CHECK(!"execl failed");
	}
	EXPECT_EQ(0, child_wait(pid));
	EXPECT_EQ(0, handle_free(self->fd, buffer.handle));
}

TEST_F(device, unload_while_open_is_refused)
{
	EXPECT_EQ(-EWOULDBLOCK, unload());
	EXPECT_EQ(1, count_clients(self->fd));
}

TEST_F(device, unload_while_mapped_is_refused)
{
	struct buffer buffer;
	char *p;

	ASSERT_EQ(0, buffer_alloc(self->fd, FRAME, &buffer));
	p = buffer_map(self->fd, &buffer);
	ASSERT_NE(MAP_FAILED, p);
	*p = 1;
	close(self->fd);
	EXPECT_EQ(-EWOULDBLOCK, unload());
	EXPECT_EQ(1, *p);
}

/* The text of /proc/self/fdinfo for @fd. */
static const char *fdinfo(int fd)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	return read_file(path);
}

/* The number behind @name in the fdinfo of @fd, or -1. */
static long long fdinfo_number(int fd, const char *name)
{
	const char *line = strstr(fdinfo(fd), name);
	long long number;

	return line && sscanf(line + strlen(name), ":\t%lld", &number) == 1 ? number : -1;
}

TEST_F(device, fdinfo_shows_what_the_client_has)
{
	struct buffer small, large;
	int other = pool_open();

	ASSERT_GE(other, 0);
	EXPECT_NE(NULL, strstr(fdinfo(self->fd), "\npool:\t" POOL_NAME "\n"));
	EXPECT_EQ(0, fdinfo_number(self->fd, "\nbuffers"));
	EXPECT_EQ(0, fdinfo_number(self->fd, "\ncharged"));
	ASSERT_EQ(0, buffer_alloc(self->fd, FRAME, &small));
	ASSERT_EQ(0, buffer_alloc(self->fd, 2 * HUGE_FRAME, &large));
	EXPECT_EQ(2, fdinfo_number(self->fd, "\nbuffers"));
	EXPECT_EQ(2 * HUGE_FRAME + FRAME, fdinfo_number(self->fd, "\nheld"));
	EXPECT_EQ(3 * HUGE_FRAME, fdinfo_number(self->fd, "\ncharged"));
	EXPECT_EQ(0, fdinfo_number(self->fd, "\nquarantined"));
	EXPECT_EQ(0, fdinfo_number(self->fd, "\nexports"));
	EXPECT_EQ(0, fdinfo_number(self->fd, "\nattached"));
	EXPECT_EQ(0, fdinfo_number(self->fd, "\nin_use"));
	EXPECT_EQ(0, fdinfo_number(other, "\nheld"));
	close(other);
}

int main(int argc, char **argv)
{
	if (argc == 4 && !strcmp(argv[1], QUERY_HANDLE))
		return query_handle(argv[2], argv[3]);
	return test_harness_run(argc, argv);
}
