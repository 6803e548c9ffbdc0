// SPDX-License-Identifier: GPL-2.0-only
/* Physical addresses are shown to clients opened with CAP_SYS_ADMIN, whoever makes the call. */
#include "common.h"
#include "child.h"
#include "memory.h"

#include <grp.h>
#include <linux/capability.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define NOBODY		65534

FIXTURE(address)
{
	int fd;
	struct buffer buffer;
};

FIXTURE_SETUP(address)
{
	self->fd = pool_open();
	ASSERT_GE(self->fd, 0);
	ASSERT_EQ(0, buffer_alloc(self->fd, 3 * FRAME, &self->buffer));
}

FIXTURE_TEARDOWN_PARENT(address)
{
	EXPECT_EQ(0, chmod(DEVICE, 0660));
	EXPECT_TRUE(wait_all_free());
}

/* The address that QUERY returns; 1 if it fails or its other results are wrong. */
static __u64 address_of(int fd, const struct buffer *buffer)
{
	struct framepool_ioc_query query = {
		.size = sizeof(query),
		.handle = buffer->handle,
		.address = 1,
	};

	if (call(fd, FRAMEPOOL_IOC_QUERY, &query) || query.length != buffer->length ||
	    query.offset != buffer->offset)
		return 1;
	return query.address;
}

static bool become_nobody(void)
{
	return !setgroups(0, NULL) && !setgid(NOBODY) && !setuid(NOBODY);
}

static bool drop_sys_admin(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &header, data))
		return false;
	data[CAP_SYS_ADMIN / 32].effective &= ~(1U << CAP_SYS_ADMIN % 32);
	return !syscall(SYS_capset, &header, data);
}

static bool send_fd(int to, int fd)
{
	char control[CMSG_SPACE(sizeof(fd))] = { 0 }, byte = 0;
	struct iovec data = { &byte, 1 };
	struct msghdr message = {
		.msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&message);

	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(cmsg), &fd, sizeof(fd));
	return sendmsg(to, &message, 0) == 1;
}

static int receive_fd(int from)
{
	char control[CMSG_SPACE(sizeof(int))], byte;
	struct iovec data = { &byte, 1 };
	struct msghdr message = {
		.msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	int fd;

	if (recvmsg(from, &message, MSG_CMSG_CLOEXEC) != 1 || !CMSG_FIRSTHDR(&message))
		return -1;
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(fd));
	return fd;
}

TEST_F(address, of_every_frame_agrees_with_pagemap)
{
	static const __u64 lengths[] = {
		1, 3 * FRAME, HUGE_FRAME, 5 * MIB + FRAME, 64 * KIB, 8 * MIB
	};
	struct buffer buffer;
	__u64 address, at;
	char *p;
	int i;

	for (i = 0; i < ARRAY_SIZE(lengths); i++) {
		ASSERT_EQ(0, buffer_alloc(self->fd, lengths[i], &buffer));
		p = buffer_map(self->fd, &buffer);
		ASSERT_NE(MAP_FAILED, p);
		address = address_of(self->fd, &buffer);
		ASSERT_NE(0, address);
		for (at = 0; at < buffer.length; at += FRAME) {
			ASSERT_EQ(physical_address(p + at), address + at);
		}
	}
}

TEST_F(address, is_hidden_from_unprivileged_opener)
{
	pid_t pid;

	ASSERT_EQ(0, chmod(DEVICE, 0666));
	pid = child_fork();
	if (!pid) {
		struct buffer buffer;
		int fd;

		CHILD_CHECK(become_nobody());
		fd = pool_open();
		CHILD_CHECK(fd >= 0);
		CHILD_CHECK(!buffer_alloc(fd, 3 * MIB, &buffer));
		CHILD_CHECK(address_of(fd, &buffer) == 0);
		_exit(0);
	}
	EXPECT_EQ(0, child_wait(pid));
}

/* The lowest limit at which a frame can be allocated, which a program may find by trying. */
static __u64 least_limit(int fd)
{
	__u64 low = 0, high = 1ULL << 50, middle;
	struct buffer buffer;

	while (high - low > FRAME) {
		middle = (low + high) / 2 & ~(FRAME - 1);
		if (!buffer_alloc_at(fd, FRAME, 0, middle, &buffer)) {
			if (handle_free(fd, buffer.handle))
				return 0;
			high = middle;
		} else {
			low = middle;
		}
	}
	return high;
}

TEST_F(address, cannot_be_found_out_by_trying_limits)
{
	__u64 limit = least_limit(self->fd);
	pid_t pid;

	EXPECT_NE(0, limit & (limit - 1));
	pid = child_fork();
	if (!pid) {
		struct framepool_ioc_alloc entry = {
			.size = sizeof(entry),
			.length = FRAME,
			.limit = limit,
		};
		struct framepool_ioc_batch batch;
		int fd;

		CHILD_CHECK(drop_sys_admin());
		fd = pool_open();
		CHILD_CHECK(fd >= 0);
		CHILD_CHECK(alloc_batch(fd, 0, &entry, 1, &batch) || batch.error);
		limit = least_limit(fd);
		CHILD_CHECK(!(limit & (limit - 1)));
		_exit(0);
	}
	EXPECT_EQ(0, child_wait(pid));
}

/*
 * The guesser: a child without CAP_SYS_ADMIN that runs @guess on a client of its own. It draws its
 * conclusions as an attacker would; @guess checks how many places are left.
 */
static int guesser_run(void (*guess)(int fd))
{
	pid_t pid = child_fork();

	if (!pid) {
		int fd;

		CHILD_CHECK(drop_sys_admin());
		fd = pool_open();
		CHILD_CHECK(fd >= 0);
		guess(fd);
		_exit(0);
	}
	return child_wait(pid);
}

#define PLACES		4	/* so many must be left */

static int try_align(int fd, __u64 align)
{
	struct buffer buffer;
	int ret = buffer_alloc_at(fd, FRAME, align, 0, &buffer);

	return ret ?: handle_free(fd, buffer.handle);
}

static void guess_by_alignment(int fd)
{
	__u64 align, largest = 0, limit = least_limit(fd);
	struct framepool_ioc_alloc entry = {
		.size = sizeof(entry), .length = FRAME, .align = 2 * HUGE_FRAME,
	};
	struct framepool_ioc_batch batch;

	for (align = FRAME; align; align <<= 1) {
		int ret = try_align(fd, align);

		CHILD_CHECK(ret == (align > HUGE_FRAME ? -EPERM : 0));
		largest = ret ? largest : align;
	}
	CHILD_CHECK(alloc_batch(fd, 0, &entry, 1, &batch) == -EPERM && batch.error == EPERM);
	/* The address is a multiple of @largest in the upper half of what lies below @limit. */
	CHILD_CHECK(limit / 2 / largest >= PLACES);
}

TEST_F(address, cannot_be_found_out_by_trying_alignments)
{
	EXPECT_EQ(0, guesser_run(guess_by_alignment));
	EXPECT_EQ(0, try_align(self->fd, 2 * HUGE_FRAME));
}

/* Which error an allocation gives says no more about a limit than the power of two below it. */
static void guess_by_failures(int fd)
{
	static const __u64 lengths[] = { FRAME, HUGE_FRAME, 16 * MIB, POOL_BYTES, 2 * POOL_BYTES };
	__u64 power, limit;
	int i, k;

	for (power = 16 * MIB; power <= 1ULL << 36; power <<= 1) {
		for (i = 0; i < ARRAY_SIZE(lengths); i++) {
			struct buffer buffer;
			int expected = buffer_alloc_at(fd, lengths[i], 0, power, &buffer);

			if (!expected)
				CHILD_CHECK(!handle_free(fd, buffer.handle));
			for (k = 1; k < 8; k++) {
				limit = power + power / 8 * k;
				CHILD_CHECK(buffer_alloc_at(fd, lengths[i], 0, limit, &buffer) ==
					    expected);
				if (!expected)
					CHILD_CHECK(!handle_free(fd, buffer.handle));
			}
		}
	}
}

TEST_F_TIMEOUT(address, failures_are_those_of_a_power_of_two, SLOW_TEST_SECONDS)
{
	EXPECT_EQ(0, guesser_run(guess_by_failures));
}

static void guess_by_figures(int fd)
{
	struct framepool_ioc_info info;

	CHILD_CHECK(!pool_info(fd, &info));
	CHILD_CHECK(!(info.first_address & (info.first_address - 1)));
	CHILD_CHECK(!(info.end_address & (info.end_address - 1)));
	/*
	 * The largest aligned block of the pool is somewhere between them. A pool that fills this
	 * range has nowhere to hide.
	 */
	if (info.end_address - info.first_address >= 2 * POOL_BYTES)
		CHILD_CHECK((info.end_address - info.first_address) / (FRAME << info.max_order) >=
			    2);
}

TEST_F(address, figures_leave_several_places)
{
	struct framepool_ioc_info info;
	__u64 address = buffer_physical(self->fd, &self->buffer);

	EXPECT_EQ(0, guesser_run(guess_by_figures));
	/* Who may know addresses is told the truth. */
	ASSERT_EQ(0, pool_info(self->fd, &info));
	EXPECT_LE(info.first_address, address);
	EXPECT_GE(info.end_address, address + self->buffer.length);
	EXPECT_NE(0, (info.end_address & (info.end_address - 1)) |
		     (info.first_address & (info.first_address - 1)));
}

/* Offsets follow from the place in the pool, and show nothing of what lies between its extents. */
static void guess_by_offsets(int fd)
{
	struct buffer buffer;
	int n;

	for (n = 0; !buffer_alloc(fd, HUGE_FRAME, &buffer); n++)
		CHILD_CHECK(buffer.offset - BUFFERS_FROM + buffer.length <= POOL_BYTES);
	CHILD_CHECK(n >= POOL_BYTES / HUGE_FRAME - 2);
}

TEST_F(address, offsets_hide_gaps)
{
	EXPECT_EQ(0, guesser_run(guess_by_offsets));
}

TEST_F(address, is_hidden_from_root_that_opened_without_the_capability)
{
	pid_t pid = child_fork();

	if (!pid) {
		struct buffer buffer;
		int fd;

		CHILD_CHECK(drop_sys_admin());
		fd = pool_open();
		CHILD_CHECK(fd >= 0);
		CHILD_CHECK(!buffer_alloc(fd, FRAME, &buffer));
		CHILD_CHECK(address_of(fd, &buffer) == 0);
		_exit(0);
	}
	EXPECT_EQ(0, child_wait(pid));
}

TEST_F(address, is_seen_through_descriptor_that_root_left_to_a_user)
{
	__u64 address = buffer_physical(self->fd, &self->buffer);
	pid_t pid;

	ASSERT_NE(0, address);
	pid = child_fork();
	if (!pid) {
		CHILD_CHECK(become_nobody());
		CHILD_CHECK(address_of(self->fd, &self->buffer) == address);
		_exit(0);
	}
	EXPECT_EQ(0, child_wait(pid));
}

TEST_F(address, is_seen_through_descriptor_that_root_sent_to_a_user)
{
	__u64 address = buffer_physical(self->fd, &self->buffer);
	int ends[2];
	pid_t pid;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
	pid = child_fork();
	if (!pid) {
		int fd;

		CHILD_CHECK(!close(self->fd) && become_nobody());
		fd = receive_fd(ends[1]);
		CHILD_CHECK(fd >= 0);
		CHILD_CHECK(address_of(fd, &self->buffer) == address);
		_exit(0);
	}
	ASSERT_TRUE(send_fd(ends[0], self->fd));
	EXPECT_EQ(0, child_wait(pid));
}

TEST_F(address, is_hidden_from_root_that_got_the_descriptor_from_a_user)
{
	struct buffer buffer;
	int ends[2], fd;
	pid_t pid;

	ASSERT_EQ(0, chmod(DEVICE, 0666));
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
	pid = child_fork();
	if (!pid) {
		CHILD_CHECK(become_nobody());
		fd = pool_open();
		CHILD_CHECK(fd >= 0 && send_fd(ends[1], fd));
		_exit(0);
	}
	fd = receive_fd(ends[0]);
	ASSERT_GE(fd, 0);
	EXPECT_EQ(0, child_wait(pid));
	ASSERT_EQ(0, buffer_alloc(fd, 3 * FRAME, &buffer));
	EXPECT_NE(0, buffer_physical(fd, &buffer));
	EXPECT_EQ(0, address_of(fd, &buffer));
}

TEST_HARNESS_MAIN
