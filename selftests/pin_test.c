// SPDX-License-Identifier: GPL-2.0-only
/*
 * Frames that the kernel holds: in pipes and sockets, for other processes, and by long-term pins.
 *
 * The kernel accesses a buffer like any other memory, also where it is mapped by huge frames. Held
 * frames keep their bytes even when the buffer, its mapping and its client are gone and others have
 * allocated and overwritten the rest of the pool. When they are let go, they come back cleared.
 */
#include "common.h"
#include "child.h"
#include "memory.h"
#include "uring.h"

#include <arpa/inet.h>
#include <linux/errqueue.h>
#include <linux/if_xdp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#define BYTES	(4 * MIB)

#ifndef SO_EE_ORIGIN_ZEROCOPY
#define SO_EE_ORIGIN_ZEROCOPY	5
#endif

FIXTURE(pin)
{
	int probe;		/* another client, which observes the pool */
	int fd;
	struct buffer buffer;	/* BYTES long, aligned to huge frames, stamped */
	char *p;
};

FIXTURE_SETUP(pin)
{
	self->probe = pool_open();
	ASSERT_GE(self->probe, 0);
	self->fd = pool_open();
	ASSERT_GE(self->fd, 0);
	ASSERT_EQ(0, buffer_alloc_huge(self->fd, BYTES, &self->buffer));
	self->p = buffer_map(self->fd, &self->buffer);
	ASSERT_NE(MAP_FAILED, self->p);
	stamp_frames(self->p, BYTES, 0);
}

FIXTURE_TEARDOWN_PARENT(pin)
{
	EXPECT_TRUE(wait_all_free());
}

/* Gives up all that the client has, so that only others still hold its frames. */
static bool let_go(FIXTURE_DATA(pin) *self)
{
	return !munmap(self->p, BYTES) && !handle_free(self->fd, self->buffer.handle) &&
	       !close(self->fd);
}

TEST_F(pin, huge_frame_in_a_pipe_arrives_whole)
{
	struct iovec frames = { .iov_base = self->p + HUGE_FRAME, .iov_len = HUGE_FRAME };
	char *copy = malloc(HUGE_FRAME);
	size_t got;
	int ends[2];

	ASSERT_EQ(0, pipe(ends));
	ASSERT_EQ(HUGE_FRAME, fcntl(ends[1], F_SETPIPE_SZ, HUGE_FRAME));
	ASSERT_EQ(HUGE_FRAME, vmsplice(ends[1], &frames, 1, 0));
	EXPECT_EQ(kib_if_huge(BYTES), smaps_kib(self->p, "FilePmdMapped"));
	ASSERT_TRUE(let_go(self));
	EXPECT_TRUE(wait_quarantined(self->probe, HUGE_FRAME));
	EXPECT_EQ(POOL_BYTES / HUGE_FRAME - 1, overwrite_pool(self->probe));

	for (got = 0; got < HUGE_FRAME; got += FRAME) {
		ASSERT_EQ(FRAME, read(ends[0], copy + got, FRAME));
	}
	EXPECT_TRUE(frames_stamped(copy, HUGE_FRAME, HUGE_FRAME / FRAME));
}

TEST_F(pin, gifted_frames_remain_the_buffers)
{
	struct iovec frames = { .iov_base = self->p, .iov_len = 4 * FRAME };
	int file = memfd_create("file", MFD_CLOEXEC);
	char copy[4 * FRAME];
	loff_t at = 0;
	int ends[2];

	ASSERT_EQ(0, pipe(ends));
	ASSERT_EQ(sizeof(copy), vmsplice(ends[1], &frames, 1, SPLICE_F_GIFT));
	ASSERT_EQ(sizeof(copy), splice(ends[0], NULL, file, &at, sizeof(copy), SPLICE_F_MOVE));
	ASSERT_EQ(sizeof(copy), pread(file, copy, sizeof(copy), 0));
	EXPECT_TRUE(frames_stamped(copy, sizeof(copy), 0));

	memset(copy, PATTERN_OTHER, sizeof(copy));
	ASSERT_EQ(sizeof(copy), pwrite(file, copy, sizeof(copy), 0));
	EXPECT_TRUE(frames_stamped(self->p, BYTES, 0));
}

TEST_F(pin, process_vm_calls_of_another_process_reach_the_buffer)
{
	char *copy = malloc(BYTES);
	struct iovec here = { .iov_base = copy, .iov_len = BYTES };
	struct iovec there = { .iov_base = self->p, .iov_len = BYTES };
	pid_t pid;

	/* The child does not inherit the mapping. It accesses its parent's. */
	ASSERT_EQ(0, madvise(self->p, BYTES, MADV_DONTFORK));
	pid = child_fork();
	if (!pid) {
		CHILD_CHECK(!is_readable(self->p));
		CHILD_CHECK(process_vm_readv(getppid(), &here, 1, &there, 1, 0) == BYTES);
		CHILD_CHECK(frames_stamped(copy, BYTES, 0));
		stamp_frames(copy, BYTES, 7);
		CHILD_CHECK(process_vm_writev(getppid(), &here, 1, &there, 1, 0) == BYTES);
		_exit(0);
	}
	ASSERT_EQ(0, child_wait(pid));
	EXPECT_TRUE(frames_stamped(self->p, BYTES, 7));
	EXPECT_EQ(kib_if_huge(BYTES), smaps_kib(self->p, "FilePmdMapped"));
}

/* A TCP connection over loopback for MSG_ZEROCOPY, with a small buffer at the receiver. */
static bool connect_pair(int *from, int *to)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int little = 64 * KIB, much = 2 * BYTES, on = 1;
	socklen_t length = sizeof(address);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	*from = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &little, sizeof(little)) ||
	    setsockopt(*from, SOL_SOCKET, SO_SNDBUFFORCE, &much, sizeof(much)) ||
	    setsockopt(*from, SOL_SOCKET, SO_ZEROCOPY, &on, sizeof(on)) ||
	    bind(listener, (struct sockaddr *)&address, length) || listen(listener, 1) ||
	    getsockname(listener, (struct sockaddr *)&address, &length) ||
	    connect(*from, (struct sockaddr *)&address, length))
		return false;
	*to = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	close(listener);
	return *to >= 0;
}

/*
 * Sends as much of [p, p + length) as the socket takes, and returns how many bytes that was. Adds
 * the number of successful calls to *@calls.
 */
static size_t send_zerocopy(int from, const char *p, size_t length, int *calls)
{
	size_t sent = 0;
	ssize_t n;

	while (sent < length) {
		n = send(from, p + sent, length - sent, MSG_ZEROCOPY | MSG_DONTWAIT);
		if (n <= 0)
			break;
		sent += n;
		++*calls;
	}
	return sent;
}

/* Waits until the error queue has reported the end of @calls sends; how many it reported. */
static int sends_completed(int from, int calls)
{
	struct pollfd queue = { .fd = from };
	int done = 0;

	while (done < calls && poll(&queue, 1, IDLE_SECONDS * 1000) == 1) {
		char control[128];
		struct msghdr message = {
			.msg_control = control,
			.msg_controllen = sizeof(control),
		};
		struct sock_extended_err *report;

		if (recvmsg(from, &message, MSG_ERRQUEUE) < 0)
			return -errno;
		report = (void *)CMSG_DATA(CMSG_FIRSTHDR(&message));
		if (report->ee_origin != SO_EE_ORIGIN_ZEROCOPY || report->ee_errno ||
		    report->ee_info != done)
			return -EBADMSG;
		done = report->ee_data + 1;
	}
	return done;
}

TEST_F_TIMEOUT(pin, zerocopy_sends_arrive, SLOW_TEST_SECONDS)
{
	char *copy = malloc(BYTES);
	int from, to, calls = 0;
	size_t sent = 0, got = 0;

	ASSERT_TRUE(connect_pair(&from, &to));
	while (got < BYTES) {
		ssize_t n;

		sent += send_zerocopy(from, self->p + sent, BYTES - sent, &calls);
		n = recv(to, copy + got, sent - got, 0);
		ASSERT_GT(n, 0);
		got += n;
	}
	EXPECT_TRUE(frames_stamped(copy, BYTES, 0));
	EXPECT_EQ(calls, sends_completed(from, calls));
	EXPECT_EQ(kib_if_huge(BYTES), smaps_kib(self->p, "FilePmdMapped"));
	EXPECT_TRUE(frames_stamped(self->p, BYTES, 0));
}

TEST_F_TIMEOUT(pin, unsent_bytes_survive_the_buffer, SLOW_TEST_SECONDS)
{
	struct framepool_ioc_stats stats;
	char *copy = malloc(BYTES);
	int from, to, calls = 0;
	size_t sent;

	ASSERT_TRUE(connect_pair(&from, &to));
	sent = send_zerocopy(from, self->p, BYTES, &calls);
	ASSERT_GT(sent, HUGE_FRAME);
	ASSERT_TRUE(let_go(self));

	/* The receiver's window is small, so the rest waits in our frames. */
	EXPECT_GT(overwrite_pool(self->probe), 0);
	ASSERT_EQ(0, pool_stats(self->probe, &stats));
	EXPECT_GE(stats.quarantined_bytes, HUGE_FRAME);
	EXPECT_EQ(stats.total_bytes, stats.used_bytes + stats.quarantined_bytes);

	ASSERT_EQ(sent, recv(to, copy, sent, MSG_WAITALL));
	EXPECT_TRUE(frames_stamped(copy, sent / FRAME * FRAME, 0));
	EXPECT_EQ(calls, sends_completed(from, calls));
	EXPECT_TRUE(wait_clean(self->probe, &stats));
}

TEST_F(pin, registered_memory_survives_the_buffer)
{
	int file = memfd_create("file", MFD_CLOEXEC);
	char *copy = malloc(BYTES);
	struct uring ring;

	ASSERT_TRUE(uring_open(&ring));
	if (uring_refuses_files()) {
		ASSERT_EQ(-EOPNOTSUPP, uring_register(&ring, self->p, BYTES));
		return;
	}
	ASSERT_EQ(0, uring_register(&ring, self->p, BYTES));
	ASSERT_TRUE(let_go(self));
	EXPECT_TRUE(wait_quarantined(self->probe, BYTES));
	EXPECT_EQ((POOL_BYTES - BYTES) / HUGE_FRAME, overwrite_pool(self->probe));

	ASSERT_EQ(BYTES, uring_transfer(&ring, IORING_OP_WRITE_FIXED, file, 0, self->p, BYTES));
	ASSERT_EQ(BYTES, pread(file, copy, BYTES, 0));
	EXPECT_TRUE(frames_stamped(copy, BYTES, 0));
}

/* uapi.md says what to expect of VmPin. */
TEST_F(pin, registered_memory_of_root_is_in_vmpin_before_7_only)
{
	struct uring ring;

	ASSERT_TRUE(uring_open(&ring));
	if (uring_refuses_files())
		return;
	EXPECT_EQ(0, status_kib("VmPin"));
	ASSERT_EQ(0, uring_register(&ring, self->p, BYTES));
	EXPECT_EQ(kernel_is("6.") ? BYTES / KIB : 0, status_kib("VmPin"));
	EXPECT_EQ(0, uring_unregister(&ring));
	EXPECT_EQ(0, status_kib("VmPin"));
}

TEST_F(pin, late_write_into_registered_memory_reaches_nobody)
{
	int file = memfd_create("file", MFD_CLOEXEC);
	char *noise = malloc(BYTES);
	struct uring ring;

	ASSERT_TRUE(uring_open(&ring));
	if (uring_refuses_files()) {
		ASSERT_EQ(-EOPNOTSUPP, uring_register(&ring, self->p, BYTES));
		return;
	}
	memset(noise, PATTERN_MINE, BYTES);
	ASSERT_EQ(BYTES, pwrite(file, noise, BYTES, 0));
	ASSERT_EQ(0, uring_register(&ring, self->p, BYTES));
	ASSERT_TRUE(let_go(self));
	EXPECT_TRUE(wait_quarantined(self->probe, BYTES));
	ASSERT_EQ(BYTES, uring_transfer(&ring, IORING_OP_READ_FIXED, file, 0, self->p, BYTES));

	/* Once it is back in the pool, all of it reads as zeros. */
	ASSERT_EQ(0, uring_unregister(&ring));
	EXPECT_TRUE(wait_idle(self->probe, 1));
	EXPECT_EQ(POOL_BYTES / HUGE_FRAME, overwrite_pool(self->probe));
}

/**
 * struct long_pin - memory with a long-term pin
 * @ring: the ring that has it as registered buffer
 * @xdp: the AF_XDP socket that has it instead, on a kernel that refuses to register it (6.1)
 */
struct long_pin {
	struct uring ring;
	int xdp;
};

static bool pin_for_long(struct long_pin *pin, char *p, size_t length)
{
	struct xdp_umem_reg memory = {
		.addr = (unsigned long)p,
		.len = length,
		.chunk_size = FRAME,
	};

	if (!uring_refuses_files())
		return uring_open(&pin->ring) && !uring_register(&pin->ring, p, length);
	pin->xdp = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
	return !setsockopt(pin->xdp, SOL_XDP, XDP_UMEM_REG, &memory, sizeof(memory));
}

static bool unpin(struct long_pin *pin)
{
	return uring_refuses_files() ? !close(pin->xdp) : !uring_unregister(&pin->ring);
}

TEST_F(pin, memory_pinned_for_long_comes_back_when_it_is_unpinned)
{
	struct long_pin pinned;

	ASSERT_TRUE(pin_for_long(&pinned, self->p, BYTES));
	EXPECT_EQ(kib_if_huge(BYTES), smaps_kib(self->p, "FilePmdMapped"));
	EXPECT_TRUE(frames_stamped(self->p, BYTES, 0));
	ASSERT_TRUE(let_go(self));
	EXPECT_TRUE(wait_quarantined(self->probe, BYTES));
	EXPECT_EQ((POOL_BYTES - BYTES) / HUGE_FRAME, overwrite_pool(self->probe));

	ASSERT_TRUE(unpin(&pinned));
	EXPECT_TRUE(wait_free(self->probe, BYTES));
	EXPECT_EQ(BYTES / HUGE_FRAME, overwrite_pool(self->probe));
}

TEST_F(pin, untouched_memory_can_be_pinned_for_long)
{
	char *twin = buffer_map(self->fd, &self->buffer);
	struct long_pin pinned;

	ASSERT_NE(MAP_FAILED, twin);
	ASSERT_TRUE(pin_for_long(&pinned, twin, BYTES));
	EXPECT_EQ(kib_if_huge(BYTES), smaps_kib(twin, "FilePmdMapped"));
	EXPECT_TRUE(frames_stamped(twin, BYTES, 0));
}

TEST_F(pin, frame_pinned_for_long_holds_back_its_huge_frame_alone)
{
	struct long_pin pinned;

	ASSERT_TRUE(pin_for_long(&pinned, self->p + HUGE_FRAME + MIB, FRAME));
	ASSERT_TRUE(let_go(self));
	EXPECT_TRUE(wait_quarantined(self->probe, HUGE_FRAME));
	EXPECT_EQ(POOL_BYTES / HUGE_FRAME - 1, overwrite_pool(self->probe));
	ASSERT_TRUE(unpin(&pinned));
	EXPECT_TRUE(wait_free(self->probe, HUGE_FRAME));
}

TEST_F(pin, killed_process_unpins)
{
	struct long_pin pinned;
	pid_t pid = child_fork();

	if (!pid) {
		CHILD_CHECK(pin_for_long(&pinned, self->p, BYTES));
		raise(SIGKILL);
	}
	ASSERT_EQ(CHILD_KILLED + SIGKILL, child_wait(pid));
	EXPECT_TRUE(frames_stamped(self->p, BYTES, 0));
	ASSERT_TRUE(let_go(self));
	EXPECT_TRUE(wait_idle(self->probe, 1));
}

TEST_HARNESS_MAIN
