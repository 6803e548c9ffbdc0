// SPDX-License-Identifier: GPL-2.0-only
/* Allocations that wait for memory, and poll(). */
#include "common.h"
#include "cache.h"
#include "child.h"
#include "memory.h"

#include <poll.h>
#include <sys/mount.h>
#include <sys/stat.h>

#define SECOND		1000000000ULL
#define FOREVER		(~0ULL)
#define BYTES		HUGE_FRAME
#define BLOCKS		(POOL_BYTES / BYTES)
#define WAITERS		32
#define FREEZER		"/tmp/freezer"
#define ICE		FREEZER "/ice"

FIXTURE(wait)
{
	int fd;			/* has the whole pool */
	struct buffer held[BLOCKS];
	int n;
};

FIXTURE_SETUP(wait)
{
	int why;

	self->fd = pool_open();
	ASSERT_GE(self->fd, 0);
	self->n = alloc_until_refused(self->fd, BYTES, 0, self->held, BLOCKS, &why);
	ASSERT_EQ(BLOCKS, self->n);
}

FIXTURE_TEARDOWN_PARENT(wait)
{
	EXPECT_EQ(0, write_file("/sys/class/framepool/" POOL_NAME "/client_quota", "0"));
	EXPECT_TRUE(wait_all_free());
}

/* Frees one of the buffers that fill the pool. */
static bool free_one(FIXTURE_DATA(wait) *self)
{
	return self->n && !handle_free(self->fd, self->held[--self->n].handle);
}

/* The state of the task @pid, or 0 if there is none. */
static char state_of(pid_t pid)
{
	char path[64], state = 0;
	const char *text;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	text = strrchr(read_file(path), ')');
	return text && sscanf(text, ") %c", &state) == 1 ? state : 0;
}

/* Whether the task @pid sleeps. */
static bool is_asleep(pid_t pid)
{
	return state_of(pid) == 'S';
}

TEST_F(wait, without_memory_ends_after_the_timeout)
{
	double before = seconds_now();
	struct buffer buffer;

	EXPECT_EQ(-ETIMEDOUT, buffer_alloc_waiting(self->fd, BYTES, 0, &buffer));
	EXPECT_EQ(-ETIMEDOUT, buffer_alloc_waiting(self->fd, BYTES, SECOND / 2, &buffer));
	EXPECT_GE(seconds_now() - before, 0.5);
	EXPECT_LT(seconds_now() - before, 20);
}

TEST_F(wait, counts_as_one_failure)
{
	struct framepool_ioc_stats before, after;
	struct buffer buffer;

	ASSERT_EQ(0, pool_stats(self->fd, &before));
	EXPECT_EQ(-ETIMEDOUT, buffer_alloc_waiting(self->fd, BYTES, SECOND / 10, &buffer));
	EXPECT_EQ(-ENOMEM, buffer_alloc(self->fd, BYTES, &buffer));
	ASSERT_EQ(0, pool_stats(self->fd, &after));
	EXPECT_EQ(before.fail_nomem + 1, after.fail_nomem);
}

TEST_F(wait, for_what_no_pool_has_is_refused_at_once)
{
	struct framepool_ioc_info info;
	struct buffer buffer;

	ASSERT_EQ(0, pool_info(self->fd, &info));
	EXPECT_EQ(-ENOMEM, buffer_alloc_waiting(self->fd, 2 * POOL_BYTES, FOREVER, &buffer));
	if (info.largest_extent_bytes < POOL_BYTES) {
		EXPECT_EQ(-ENOMEM, buffer_alloc_waiting(self->fd, POOL_BYTES, FOREVER, &buffer));
	}
}

/* Nothing lies below the first address, and no run is aligned to more than all of memory. */
TEST_F(wait, for_a_place_that_no_pool_has_is_refused_at_once)
{
	struct framepool_ioc_alloc arg = {
		.size = sizeof(arg), .flags = FRAMEPOOL_ALLOC_WAIT, .length = FRAME,
		.timeout_ns = FOREVER, .limit = FRAME,
	};
	struct buffer buffer;

	EXPECT_EQ(buffer_alloc_at(self->fd, FRAME, 0, arg.limit, &buffer),
		  buffer_alloc_as(self->fd, &arg, &buffer));
	arg.limit = 0;
	arg.align = 1ULL << 52;
	EXPECT_EQ(buffer_alloc_at(self->fd, FRAME, arg.align, 0, &buffer),
		  buffer_alloc_as(self->fd, &arg, &buffer));
}

TEST_F(wait, of_a_file_that_does_not_block_gives_eagain)
{
	int fd = open_errno(DEVICE, O_RDWR | O_NONBLOCK);
	struct buffer buffer;

	ASSERT_GE(fd, 0);
	EXPECT_EQ(-EAGAIN, buffer_alloc_waiting(fd, BYTES, FOREVER, &buffer));
	EXPECT_EQ(-ENOMEM, buffer_alloc(fd, BYTES, &buffer));
	ASSERT_TRUE(free_one(self));
	EXPECT_EQ(0, buffer_alloc_waiting(fd, BYTES, FOREVER, &buffer));
}

TEST_F(wait, timeout_without_the_flag_is_refused)
{
	struct framepool_ioc_alloc arg = { .size = sizeof(arg), .length = FRAME, .timeout_ns = 1 };

	EXPECT_EQ(-EINVAL, call(self->fd, FRAMEPOOL_IOC_ALLOC, &arg));
}

static void on_signal(int number)
{
}

TEST_F(wait, interrupted_by_a_signal_gives_eintr)
{
	pid_t pid = child_fork();
	struct buffer buffer;

	if (!pid) {
		struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART };

		sigaction(SIGUSR1, &action, NULL);
		CHILD_CHECK(buffer_alloc_waiting(self->fd, BYTES, FOREVER, &buffer) == -EINTR);
		_exit(0);
	}
	ASSERT_TRUE(WAIT_FOR(is_asleep(pid)));
	sleep_ms(200);
	ASSERT_EQ(0, kill(pid, SIGUSR1));
	EXPECT_EQ(0, child_wait(pid));
}

/* A child with a client of its own that waits for @length, says so, and keeps it. */
static pid_t waiter_start(int number, __u64 length, int done)
{
	pid_t pid = child_fork();

	if (!pid) {
		struct buffer buffer;
		int fd = pool_open();

		CHILD_CHECK(fd >= 0);
		CHILD_CHECK(!buffer_alloc_waiting(fd, length, FOREVER, &buffer));
		CHILD_CHECK(write(done, &number, sizeof(number)) == sizeof(number));
		pause();
	}
	return pid;
}

/* How often tasks have slept. */
static long sleeps(const pid_t *pids, int n)
{
	char path[64];
	long sum = 0;

	while (n--) {
		snprintf(path, sizeof(path), "/proc/%d/status", pids[n]);
		sum += proc_number(path, NULL, "voluntary_ctxt_switches");
	}
	return sum;
}

/* Whether any of the tasks that are left is busy, or waits in a call that it cannot leave. */
static bool any_is_busy(const pid_t *pids, int n)
{
	while (n--)
		if (state_of(pids[n]) && !is_asleep(pids[n]))
			return true;
	return false;
}

/*
 * Waits until none of the waiters has the turn any more. Each has it for long if the pool is
 * drained, which takes a grace period of RCU.
 */
static bool wait_quiet(const pid_t *pids, int n)
{
	long before;

	return WAIT_FOR(({
		before = sleeps(pids, n);
		sleep_ms(100);
		before == sleeps(pids, n) && !any_is_busy(pids, n);
	}));
}

/*
 * One buffer after the other comes free. Every fourth waiter is killed while it waits. One that
 * gets no processor for a second or two loses its turn: on a busy machine, others may overtake it.
 */
TEST_F_TIMEOUT(wait, many_get_memory_in_order_and_the_killed_leave, SLOW_TEST_SECONDS)
{
	int ends[2], number, i, last = -1, nr_overtaken = 0;
	bool done[WAITERS] = { false };
	pid_t pids[WAITERS];

	ASSERT_EQ(0, pipe(ends));
	for (i = 0; i < WAITERS; i++) {
		pids[i] = waiter_start(i, BYTES, ends[1]);
		ASSERT_TRUE(WAIT_FOR(is_asleep(pids[i])) && wait_quiet(&pids[i], 1));
	}
	for (i = 1; i < WAITERS; i += 4) {
		EXPECT_EQ(CHILD_KILLED + SIGKILL, child_kill(pids[i]));
	}
	for (i = 0; i < WAITERS; i++) {
		if (i % 4 == 1)
			continue;
		/* While a waiter tries, it could get what comes free for those before it. */
		ASSERT_TRUE(wait_quiet(pids, WAITERS));
		ASSERT_TRUE(free_one(self));
		ASSERT_EQ(sizeof(number), read(ends[0], &number, sizeof(number)));
		ASSERT_FALSE(done[number] || number % 4 == 1);
		done[number] = true;
		nr_overtaken += number < last;
		last = number;
	}
	EXPECT_GE(2, nr_overtaken);
	for (i = 0; i < WAITERS; i++)
		if (i % 4 != 1)
			EXPECT_EQ(CHILD_KILLED + SIGKILL, child_kill(pids[i]));
}

/* All are killed, at any moment of their lives, while memory comes and goes. */
TEST_F_TIMEOUT(wait, killed_at_any_time_leaves_the_others_waiting, SLOW_TEST_SECONDS)
{
	int ends[2], number, i, round;
	pid_t pids[WAITERS], last;

	ASSERT_EQ(0, pipe(ends));
	for (round = 0; round < 4; round++) {
		for (i = 0; i < WAITERS; i++)
			pids[i] = waiter_start(i, BYTES, ends[1]);
		last = waiter_start(WAITERS, 2 * BYTES, ends[1]);
		for (i = 0; i < WAITERS; i++) {
			if (i % 8 == 0)
				ASSERT_TRUE(free_one(self));
			EXPECT_EQ(CHILD_KILLED + SIGKILL, child_kill(pids[i]));
		}
		do {
			ASSERT_EQ(sizeof(number), read(ends[0], &number, sizeof(number)));
		} while (number != WAITERS);
		EXPECT_EQ(CHILD_KILLED + SIGKILL, child_kill(last));
		self->n = alloc_until_refused(self->fd, BYTES, 0, self->held + self->n,
					      BLOCKS - self->n, &i) + self->n;
	}
}

/* A waiter that wants too much does not keep the others from what they want. */
TEST_F(wait, for_more_does_not_block_those_behind)
{
	int ends[2], number;
	pid_t large, small;

	ASSERT_EQ(0, pipe(ends));
	large = waiter_start(1, 16 * BYTES, ends[1]);
	ASSERT_TRUE(WAIT_FOR(is_asleep(large)));
	sleep_ms(200);
	small = waiter_start(2, BYTES, ends[1]);
	sleep_ms(200);
	ASSERT_TRUE(free_one(self));
	ASSERT_EQ(sizeof(number), read(ends[0], &number, sizeof(number)));
	EXPECT_EQ(2, number);
	EXPECT_EQ(CHILD_KILLED + SIGKILL, child_kill(large));
	EXPECT_EQ(CHILD_KILLED + SIGKILL, child_kill(small));
}

TEST_F(wait, for_a_quota_ends_when_it_is_raised)
{
	static const char quota[] = "/sys/class/framepool/" POOL_NAME "/client_quota";
	int ends[2], number;
	pid_t pid;

	ASSERT_TRUE(free_one(self) && free_one(self));
	ASSERT_EQ(0, pipe(ends));
	ASSERT_EQ(0, write_file(quota, "2M"));
	pid = waiter_start(1, 2 * BYTES, ends[1]);
	ASSERT_TRUE(WAIT_FOR(is_asleep(pid)));
	sleep_ms(200);
	ASSERT_EQ(0, write_file(quota, "0"));
	ASSERT_EQ(sizeof(number), read(ends[0], &number, sizeof(number)));
	EXPECT_EQ(CHILD_KILLED + SIGKILL, child_kill(pid));
}

/* A job that is stopped and goes on later, or a container that is frozen meanwhile. */
TEST_F(wait, stopped_and_continued_goes_on)
{
	int ends[2], number, status;
	pid_t pid;

	ASSERT_EQ(0, pipe(ends));
	pid = waiter_start(1, BYTES, ends[1]);
	ASSERT_TRUE(WAIT_FOR(is_asleep(pid)));
	sleep_ms(200);
	ASSERT_EQ(0, kill(pid, SIGSTOP));
	ASSERT_EQ(pid, waitpid(pid, &status, WUNTRACED));
	EXPECT_TRUE(WIFSTOPPED(status));
	ASSERT_EQ(0, kill(pid, SIGCONT));
	ASSERT_TRUE(WAIT_FOR(is_asleep(pid)));
	ASSERT_TRUE(free_one(self));
	ASSERT_EQ(sizeof(number), read(ends[0], &number, sizeof(number)));
	EXPECT_EQ(CHILD_KILLED + SIGKILL, child_kill(pid));
}

/* The deadline holds even if the waiter has the turn all the time. */
TEST_F(wait, ends_in_time_while_memory_comes_and_goes)
{
	struct buffer buffer;
	double before;
	pid_t pid;

	ASSERT_TRUE(free_one(self));
	pid = child_fork();
	if (!pid)
		for (;;)
			if (!buffer_alloc(self->fd, FRAME, &buffer))
				CHILD_CHECK(!handle_free(self->fd, buffer.handle));
	before = seconds_now();
	EXPECT_EQ(-ETIMEDOUT, buffer_alloc_waiting(self->fd, 16 * BYTES, SECOND / 2, &buffer));
	EXPECT_LT(seconds_now() - before, 20);
	EXPECT_EQ(CHILD_KILLED + SIGKILL, child_kill(pid));
}

/* Nothing is freed, but an allocation that does not wait would get it. */
TEST_F(wait, gets_what_a_cache_keeps_for_later)
{
	int ends[2], number;
	struct cache cache;
	__u64 offset;
	pid_t pid;

	ASSERT_TRUE(free_one(self));
	ASSERT_EQ(0, pipe(ends));
	ASSERT_EQ(0, cache_create(self->fd, FRAME, &cache));
	ASSERT_EQ(0, objects_alloc(&cache, &offset, 1));
	pid = waiter_start(1, BYTES, ends[1]);
	ASSERT_TRUE(WAIT_FOR(is_asleep(pid)));
	/* Until the trim that free_one() armed is over. */
	sleep_ms(2500);
	ASSERT_EQ(0, objects_free(&cache, &offset, 1));
	ASSERT_EQ(sizeof(number), read(ends[0], &number, sizeof(number)));
	EXPECT_EQ(CHILD_KILLED + SIGKILL, child_kill(pid));
	EXPECT_EQ(0, cache_destroy(self->fd, cache.handle));
}

static bool set_frozen(const char *state)
{
	return !write_file(ICE "/freezer.state", state) &&
	       WAIT_FOR(strstr(read_file(ICE "/freezer.state"), state));
}

/* It has the turn, but does not use it. */
TEST_F(wait, frozen_waiter_does_not_stop_the_others)
{
	int ends[2], number;
	pid_t first, second;
	char text[16];

	mkdir(FREEZER, 0755);
	if (mount("cgroup", FREEZER, "cgroup", 0, "freezer"))
		SKIP(return, "this kernel has no freezer of cgroups v1");
	ASSERT_EQ(0, mkdir(ICE, 0755));
	ASSERT_EQ(0, pipe(ends));
	first = waiter_start(1, BYTES, ends[1]);
	ASSERT_TRUE(WAIT_FOR(is_asleep(first)) && wait_quiet(&first, 1));
	snprintf(text, sizeof(text), "%d", first);
	ASSERT_EQ(0, write_file(ICE "/cgroup.procs", text));
	ASSERT_TRUE(set_frozen("FROZEN"));
	second = waiter_start(2, BYTES, ends[1]);
	sleep_ms(200);
	ASSERT_TRUE(free_one(self));
	ASSERT_EQ(sizeof(number), read(ends[0], &number, sizeof(number)));
	EXPECT_EQ(2, number);
	ASSERT_TRUE(set_frozen("THAWED"));
	ASSERT_TRUE(free_one(self));
	ASSERT_EQ(sizeof(number), read(ends[0], &number, sizeof(number)));
	EXPECT_EQ(1, number);
	EXPECT_EQ(CHILD_KILLED + SIGKILL, child_kill(first));
	EXPECT_EQ(CHILD_KILLED + SIGKILL, child_kill(second));
	EXPECT_TRUE(WAIT_FOR(!rmdir(ICE)));
	EXPECT_EQ(0, umount(FREEZER));
}

TEST_F(wait, poll_tells_when_memory_came_back)
{
	int other = pool_open();
	struct pollfd ready = { .fd = other, .events = POLLOUT };
	struct buffer buffer = { 0 };
	pid_t pid;

	ASSERT_GE(other, 0);
	EXPECT_EQ(1, poll(&ready, 1, 0));
	EXPECT_EQ(POLLOUT, ready.revents);
	EXPECT_EQ(-ENOMEM, buffer_alloc(other, BYTES, &buffer));
	/* The trim may come now. */
	if (poll(&ready, 1, 2000)) {
		EXPECT_EQ(-ENOMEM, buffer_alloc(other, BYTES, &buffer));
	}
	EXPECT_EQ(0, poll(&ready, 1, 0));
	pid = child_fork();
	if (!pid) {
		sleep_ms(300);
		CHILD_CHECK(free_one(self));
		_exit(0);
	}
	/* It may come too early. */
	do {
		ASSERT_EQ(1, poll(&ready, 1, IDLE_SECONDS * 1000));
		EXPECT_EQ(POLLOUT, ready.revents);
	} while (buffer_alloc(other, BYTES, &buffer) == -ENOMEM);
	EXPECT_EQ(0, handle_free(other, buffer.handle));
	EXPECT_EQ(0, child_wait(pid));
}

TEST_F(wait, poll_knows_of_objects_that_failed)
{
	int other = pool_open();
	struct pollfd ready = { .fd = other, .events = POLLOUT };
	struct cache cache;
	__u64 offset;

	ASSERT_GE(other, 0);
	ASSERT_EQ(0, cache_create(other, FRAME, &cache));
	EXPECT_EQ(1, poll(&ready, 1, 0));
	/* The trim may come in between. */
	EXPECT_TRUE(WAIT_FOR(objects_alloc(&cache, &offset, 1) == -ENOMEM &&
			     !poll(&ready, 1, 0)));
	EXPECT_EQ(1, poll(&ready, 1, IDLE_SECONDS * 1000));
}

TEST_HARNESS_MAIN
