// SPDX-License-Identifier: GPL-2.0-only
/* A buffer lives as long as its handle, a mapping of it, or a reference to its frames. */
#include "common.h"
#include "child.h"
#include "memory.h"

#include <sys/socket.h>
#include <sys/uio.h>

#define BYTES		(4 * MIB)
#define WAIT_FOR_EOF	"--wait-for-eof"

FIXTURE(lifetime)
{
	int fd;
	int probe;		/* another client, which observes the pool */
	struct buffer buffer;	/* BYTES long, aligned to huge frames, stamped */
	char *p;
};

FIXTURE_SETUP(lifetime)
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

FIXTURE_TEARDOWN_PARENT(lifetime)
{
	EXPECT_TRUE(wait_all_free());
}

TEST_F(lifetime, mapping_outlives_descriptor)
{
	ASSERT_EQ(0, close(self->fd));
	EXPECT_EQ(BYTES, used_bytes(self->probe));
	EXPECT_TRUE(frames_stamped(self->p, BYTES, 0));

	/* Pages that are not in the page tables can still be faulted in. */
	ASSERT_EQ(0, madvise(self->p, BYTES, MADV_DONTNEED));
	EXPECT_TRUE(frames_stamped(self->p, BYTES, 0));

	ASSERT_EQ(0, munmap(self->p, BYTES));
	EXPECT_TRUE(wait_idle(self->probe, 1));
}

TEST_F(lifetime, last_frame_mapped_keeps_the_buffer)
{
	ASSERT_EQ(0, close(self->fd));
	ASSERT_EQ(0, munmap(self->p, BYTES - FRAME));
	EXPECT_EQ(BYTES, used_bytes(self->probe));
	EXPECT_TRUE(frames_stamped(self->p + BYTES - FRAME, FRAME, (BYTES - FRAME) / FRAME));
	ASSERT_EQ(0, munmap(self->p + BYTES - FRAME, FRAME));
	EXPECT_TRUE(wait_idle(self->probe, 1));
}

TEST_F(lifetime, one_mapping_keeps_all_handles_of_a_closed_client)
{
	struct buffer unmapped;

	ASSERT_EQ(0, buffer_alloc(self->fd, MIB, &unmapped));
	ASSERT_EQ(0, close(self->fd));
	EXPECT_EQ(BYTES + MIB, used_bytes(self->probe));
	ASSERT_EQ(0, munmap(self->p, BYTES));
	EXPECT_TRUE(wait_idle(self->probe, 1));
}

TEST_F(lifetime, mapping_outlives_handle)
{
	struct framepool_ioc_query query;
	struct buffer other;
	char *q;

	ASSERT_EQ(0, handle_free(self->fd, self->buffer.handle));
	EXPECT_EQ(-ENOENT, handle_query(self->fd, self->buffer.handle, &query));
	EXPECT_EQ(BYTES, used_bytes(self->probe));

	ASSERT_EQ(0, buffer_alloc_huge(self->fd, BYTES, &other));
	q = buffer_map(self->fd, &other);
	ASSERT_NE(MAP_FAILED, q);
	memset(q, PATTERN_OTHER, BYTES);
	EXPECT_TRUE(frames_stamped(self->p, BYTES, 0));

	ASSERT_EQ(0, munmap(self->p, BYTES));
	EXPECT_EQ(BYTES, used_bytes(self->probe));
	EXPECT_TRUE(all_bytes(q, PATTERN_OTHER, BYTES));
}

TEST_F(lifetime, handle_outlives_mapping)
{
	ASSERT_EQ(0, munmap(self->p, BYTES));
	EXPECT_EQ(BYTES, used_bytes(self->probe));
	self->p = buffer_map(self->fd, &self->buffer);
	ASSERT_NE(MAP_FAILED, self->p);
	EXPECT_TRUE(frames_stamped(self->p, BYTES, 0));
}

TEST_F(lifetime, close_of_client_without_mapping_frees_all)
{
	ASSERT_EQ(0, munmap(self->p, BYTES));
	ASSERT_EQ(0, close(self->fd));
	EXPECT_TRUE(wait_idle(self->probe, 1));
}

TEST_F(lifetime, moved_mapping_keeps_the_buffer)
{
	char *to = reserve(BYTES);

	ASSERT_EQ(to, mremap(self->p, BYTES, BYTES, MREMAP_MAYMOVE | MREMAP_FIXED, to));
	ASSERT_EQ(0, close(self->fd));
	EXPECT_EQ(BYTES, used_bytes(self->probe));
	EXPECT_TRUE(frames_stamped(to, BYTES, 0));
	ASSERT_EQ(0, munmap(to, BYTES));
	EXPECT_TRUE(wait_idle(self->probe, 1));
}

TEST_F(lifetime, child_keeps_mapping_after_parent_freed_it)
{
	int go[2];
	pid_t pid;

	ASSERT_EQ(0, pipe(go));
	pid = child_fork();
	if (!pid) {
		CHILD_CHECK(!close(self->fd));
		CHILD_CHECK(hear(go[0]));
		CHILD_CHECK(frames_stamped(self->p, BYTES, 0));
		CHILD_CHECK(used_bytes(self->probe) == BYTES);
		_exit(0);
	}
	ASSERT_EQ(0, handle_free(self->fd, self->buffer.handle));
	ASSERT_EQ(0, munmap(self->p, BYTES));
	ASSERT_EQ(0, close(self->fd));
	tell(go[1]);
	EXPECT_EQ(0, child_wait(pid));
	EXPECT_TRUE(wait_idle(self->probe, 1));
}

/* Exits and leaves a child behind, which checks the mapping once its parent is gone. */
static void orphan_checks(FIXTURE_DATA(lifetime) *self, int report)
{
	pid_t parent = getpid();

	/* Not child_fork(), since this child must survive its parent. */
	if (fork())
		_exit(0);
	alarm(IDLE_SECONDS);
	while (getppid() == parent)
		sleep_ms(1);
	CHILD_CHECK(frames_stamped(self->p, BYTES, 0));
	tell(report);
	_exit(0);
}

TEST_F(lifetime, child_keeps_mapping_after_parent_exited)
{
	int report[2];
	pid_t pid;

	/* The orphan becomes a child of this process, which can wait for it. */
	ASSERT_EQ(0, prctl(PR_SET_CHILD_SUBREAPER, 1));
	ASSERT_EQ(0, pipe(report));
	pid = child_fork();
	if (!pid) {
		close(report[0]);
		orphan_checks(self, report[1]);
	}
	close(report[1]);
	ASSERT_EQ(0, munmap(self->p, BYTES));
	ASSERT_EQ(0, close(self->fd));
	ASSERT_EQ(0, child_wait(pid));
	EXPECT_TRUE(hear(report[0]));
	EXPECT_EQ(0, child_wait(-1));
	EXPECT_TRUE(wait_idle(self->probe, 1));
}

/* What the program does that the next test executes. */
static int wait_for_eof(void)
{
	return hear(STDIN_FILENO) ? KSFT_FAIL : KSFT_PASS;
}

TEST_F(lifetime, executed_program_keeps_nothing)
{
	int input[2], running[2];
	pid_t pid;

	ASSERT_EQ(0, pipe2(input, O_CLOEXEC) | pipe2(running, O_CLOEXEC));
	pid = child_fork();
	if (!pid) {
		CHILD_CHECK(dup2(input[0], STDIN_FILENO) == STDIN_FILENO);
		execl("/proc/self/exe", "lifetime_test", WAIT_FOR_EOF, NULL);
		CHILD_CHECK(!"execl failed");
	}
	ASSERT_EQ(0, munmap(self->p, BYTES));
	ASSERT_EQ(0, close(self->fd));

	/* exec closes the child's end of this pipe, as it closes the pool. */
	close(running[1]);
	EXPECT_FALSE(hear(running[0]));
	EXPECT_TRUE(wait_idle(self->probe, 1));
	close(input[1]);
	EXPECT_EQ(0, child_wait(pid));
}

/* Sends a descriptor over a socket, where it waits to be received. */
static bool send_descriptor(int socket, int fd)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(fd))];
	} control = { 0 };
	struct iovec byte = { .iov_base = "", .iov_len = 1 };
	struct msghdr message = {
		.msg_iov = &byte,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};

	control.header.cmsg_level = SOL_SOCKET;
	control.header.cmsg_type = SCM_RIGHTS;
	control.header.cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
	return sendmsg(socket, &message, 0) == 1;
}

TEST_F(lifetime, descriptor_in_flight_keeps_the_client)
{
	int ends[2];

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
	ASSERT_TRUE(send_descriptor(ends[0], self->fd));
	ASSERT_EQ(0, munmap(self->p, BYTES));
	ASSERT_EQ(0, close(self->fd));
	EXPECT_EQ(BYTES, used_bytes(self->probe));
	close(ends[0]);
	EXPECT_EQ(BYTES, used_bytes(self->probe));

	/* It was never received, so it is closed with the socket. */
	close(ends[1]);
	EXPECT_TRUE(wait_idle(self->probe, 1));
}

TEST_F_TIMEOUT(lifetime, sigkill_of_process_with_everything_frees_all, SLOW_TEST_SECONDS)
{
	static struct buffer buffers[POOL_BYTES / HUGE_FRAME];
	int ready[2], why;
	pid_t pid;

	ASSERT_EQ(0, pipe(ready));
	ASSERT_EQ(0, munmap(self->p, BYTES));
	ASSERT_EQ(0, close(self->fd));
	pid = child_fork();
	if (!pid) {
		int fd = pool_open(), n;

		CHILD_CHECK(fd >= 0);
		n = alloc_until_refused(fd, HUGE_FRAME, HUGE_FRAME, buffers, ARRAY_SIZE(buffers),
					&why);
		CHILD_CHECK(n == ARRAY_SIZE(buffers));
		while (n--) {
			char *p = buffer_map(fd, &buffers[n]);

			CHILD_CHECK(p != MAP_FAILED);
			memset(p, PATTERN_MINE, HUGE_FRAME);
		}
		tell(ready[1]);
		pause();
	}
	close(ready[1]);
	ASSERT_TRUE(hear(ready[0]));
	EXPECT_EQ(POOL_BYTES, used_bytes(self->probe));
	EXPECT_EQ(CHILD_KILLED + SIGKILL, child_kill(pid));
	EXPECT_TRUE(wait_idle(self->probe, 1));
}

TEST_F(lifetime, exit_without_cleanup_frees_all)
{
	pid_t pid = child_fork();

	if (!pid) {
		struct buffer buffer;
		int i, fd = pool_open();
		char *p;

		CHILD_CHECK(fd >= 0);
		for (i = 0; i < 100; i++) {
			CHILD_CHECK(!buffer_alloc(fd, (i + 1) * FRAME, &buffer));
			p = buffer_map(fd, &buffer);
			CHILD_CHECK(p != MAP_FAILED);
			memset(p, PATTERN_MINE, buffer.length);
		}
		_exit(0);
	}
	EXPECT_EQ(0, child_wait(pid));
	ASSERT_EQ(0, munmap(self->p, BYTES));
	ASSERT_EQ(0, close(self->fd));
	EXPECT_TRUE(wait_idle(self->probe, 1));
}

TEST_F_TIMEOUT(lifetime, frame_held_by_a_pipe_is_not_reused, SLOW_TEST_SECONDS)
{
	static char copy[4 * FRAME];
	struct iovec frames = { .iov_base = self->p + MIB, .iov_len = sizeof(copy) };
	struct buffer buffer;
	int ends[2];

	ASSERT_EQ(0, pipe(ends));
	ASSERT_EQ(sizeof(copy), vmsplice(ends[1], &frames, 1, 0));
	ASSERT_EQ(0, handle_free(self->fd, self->buffer.handle));
	ASSERT_EQ(0, munmap(self->p, BYTES));
	ASSERT_EQ(0, close(self->fd));

	EXPECT_TRUE(wait_quarantined(self->probe, HUGE_FRAME));
	EXPECT_EQ(POOL_BYTES / HUGE_FRAME - 1, overwrite_pool(self->probe));
	EXPECT_EQ(-ENOMEM, buffer_alloc(self->probe, FRAME, &buffer));

	ASSERT_EQ(sizeof(copy), read(ends[0], copy, sizeof(copy)));
	EXPECT_TRUE(frames_stamped(copy, sizeof(copy), MIB / FRAME));

	/* The pipe's references are gone, so the huge frame can be allocated again. */
	EXPECT_EQ(0, buffer_alloc(self->probe, HUGE_FRAME, &buffer));
}

TEST_F(lifetime, frame_held_by_a_pipe_comes_back_with_the_pipe)
{
	struct iovec frames = { .iov_base = self->p, .iov_len = FRAME };
	int ends[2];

	ASSERT_EQ(0, pipe(ends));
	ASSERT_EQ(FRAME, vmsplice(ends[1], &frames, 1, 0));
	ASSERT_EQ(0, munmap(self->p, BYTES));
	ASSERT_EQ(0, close(self->fd));
	EXPECT_TRUE(wait_quarantined(self->probe, HUGE_FRAME));

	close(ends[0]);
	close(ends[1]);
	EXPECT_TRUE(wait_idle(self->probe, 1));
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], WAIT_FOR_EOF))
		return wait_for_eof();
	return test_harness_run(argc, argv);
}
