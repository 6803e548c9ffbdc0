// SPDX-License-Identifier: GPL-2.0-only
/*
 * Threads that do conflicting things at once.
 *
 * All that is random comes from one seed, which each test prints. SEED= in the environment
 * sets it.
 */
#include "common.h"
#include "child.h"
#include "memory.h"

#include <pthread.h>
#include <sys/uio.h>

#define THREADS		4
#define BYTES		(4 * MIB)
#define MANY		128

FIXTURE(race)
{
	int fd;
	unsigned int seed;
};

FIXTURE_SETUP(race)
{
	const char *seed = getenv("SEED");

	self->seed = seed ? strtoul(seed, NULL, 0) : time(NULL) ^ getpid();
	TH_LOG("SEED=%u", self->seed);
	self->fd = pool_open();
	ASSERT_GE(self->fd, 0);
}

FIXTURE_TEARDOWN_PARENT(race)
{
	EXPECT_TRUE(wait_all_free());
}

/**
 * struct contest - one round in which several threads do the same thing at once
 * @count: number of threads
 * @ready: number of threads that have started
 * @fd: the client
 * @buffer: the buffer that they contend for
 * @many: or these
 * @p: where it is mapped
 * @other: another place for it
 * @delay: microseconds to wait before the disturbance
 * @wins: number of threads that succeeded
 * @wrong: number of results that must not occur
 */
struct contest {
	int count;
	int ready;
	int fd;
	struct buffer buffer;
	struct buffer many[MANY];
	char *p;
	char *other;
	int delay;
	int wins;
	int wrong;
};

static void bump(int *counter)
{
	__atomic_fetch_add(counter, 1, __ATOMIC_ACQ_REL);
}

/* Waits without sleeping, since threads that must be woken would start one after the other. */
static void start_together(struct contest *contest)
{
	bump(&contest->ready);
	while (__atomic_load_n(&contest->ready, __ATOMIC_ACQUIRE) < contest->count)
		sched_yield();
}

/* Runs @work in @count threads with the contest as their argument, and waits for all. */
static bool contest_run(struct contest *contest, int count, void *(*const *work)(void *))
{
	pthread_t threads[THREADS];
	int i, started;

	contest->count = count;
	contest->ready = 0;
	for (started = 0; started < count; started++)
		if (pthread_create(&threads[started], NULL, work[started], contest))
			break;
	/* The threads that were started wait for the missing ones for ever. */
	if (started < count)
		return false;
	for (i = 0; i < started; i++)
		pthread_join(threads[i], NULL);
	return true;
}

static void free_one(struct contest *contest, __u64 handle)
{
	int ret = handle_free(contest->fd, handle);

	if (!ret)
		bump(&contest->wins);
	else if (ret != -ENOENT)
		bump(&contest->wrong);
}

static void *free_work(void *arg)
{
	struct contest *contest = arg;

	start_together(contest);
	free_one(contest, contest->buffer.handle);
	return NULL;
}

static void *free_many_work(void *arg)
{
	struct contest *contest = arg;
	int i;

	start_together(contest);
	for (i = 0; i < MANY; i++)
		free_one(contest, contest->many[i].handle);
	return NULL;
}

TEST_F(race, concurrent_free_succeeds_once)
{
	static void *(*const work[THREADS])(void *) = {
		free_many_work, free_many_work, free_many_work, free_many_work,
	};
	struct contest contest = { .fd = self->fd };
	int i, round;

	for (round = 0; round < 50; round++) {
		for (i = 0; i < MANY; i++) {
			ASSERT_EQ(0, buffer_alloc(self->fd, FRAME, &contest.many[i]));
		}
		contest.wins = 0;
		ASSERT_TRUE(contest_run(&contest, THREADS, work));
		ASSERT_EQ(MANY, contest.wins);
		ASSERT_EQ(0, contest.wrong);
	}
}

static void *stamp_work(void *arg)
{
	struct contest *contest = arg;

	start_together(contest);
	stamp_frames(contest->p, contest->buffer.length, 0);
	return NULL;
}

TEST_F(race, concurrent_faults_agree)
{
	static void *(*const work[THREADS])(void *) = {
		stamp_work, stamp_work, stamp_work, stamp_work,
	};
	struct contest contest = { .fd = self->fd };
	int round;

	for (round = 0; round < 20; round++) {
		/* Alternate between whole huge frames and parts of them. */
		ASSERT_EQ(0, buffer_alloc(self->fd, HUGE_FRAME - round % 2 * FRAME,
					  &contest.buffer));
		contest.p = buffer_map(self->fd, &contest.buffer);
		ASSERT_NE(MAP_FAILED, contest.p);
		ASSERT_TRUE(contest_run(&contest, THREADS, work));
		EXPECT_TRUE(frames_stamped(contest.p, contest.buffer.length, 0));
		EXPECT_TRUE(is_contiguous(contest.p, contest.buffer.length));
		ASSERT_EQ(0, munmap(contest.p, contest.buffer.length));
		ASSERT_EQ(0, handle_free(self->fd, contest.buffer.handle));
	}
}

/* Reads from the mapping through write(), which just fails if the mapping is gone. */
static void *read_work(void *arg)
{
	struct contest *contest = arg;
	int i, sink = memfd_create("reads", MFD_CLOEXEC);

	start_together(contest);
	for (i = 0; i < 64; i++)
		if (pwrite(sink, contest->p + i * (BYTES / 64), 1, 0) != 1 && errno != EFAULT)
			bump(&contest->wrong);
	close(sink);
	return NULL;
}

static void *unmap_work(void *arg)
{
	struct contest *contest = arg;
	size_t at;

	start_together(contest);
	for (at = 0; at < BYTES; at += BYTES / 8)
		if (munmap(contest->p + at, BYTES / 8))
			bump(&contest->wrong);
	return NULL;
}

static void *drop_work(void *arg)
{
	struct contest *contest = arg;
	int i;

	start_together(contest);
	/* Parts may be unmapped meanwhile. There is nothing to drop in them. */
	for (i = 0; i < 16; i++)
		ignore(madvise(contest->p + i % 4 * MIB, MIB, MADV_DONTNEED));
	return NULL;
}

TEST_F_TIMEOUT(race, unmap_and_free_during_faults_is_harmless, SLOW_TEST_SECONDS)
{
	static void *(*const work[THREADS])(void *) = {
		read_work, unmap_work, free_work, drop_work,
	};
	struct contest contest = { .fd = self->fd };
	int round;

	for (round = 0; round < 60; round++) {
		ASSERT_EQ(0, buffer_alloc(self->fd, BYTES, &contest.buffer));
		contest.wins = 0;
		contest.p = buffer_map(self->fd, &contest.buffer);
		ASSERT_NE(MAP_FAILED, contest.p);
		ASSERT_TRUE(contest_run(&contest, THREADS, work));
		ASSERT_EQ(1, contest.wins);
		ASSERT_EQ(0, contest.wrong);
	}
	EXPECT_TRUE(wait_idle(self->fd, 1));
}

/* Maps while another thread frees the handle, which succeeds or fails with ENXIO. */
static void *map_work(void *arg)
{
	struct contest *contest = arg;
	int error, i;

	start_together(contest);
	for (i = 0; i < 20; i++) {
		error = map_errno(BYTES, PROT_READ, MAP_SHARED, contest->fd,
				  contest->buffer.offset);
		if (error && error != ENXIO)
			bump(&contest->wrong);
	}
	return NULL;
}

TEST_F_TIMEOUT(race, map_during_free_works_or_fails_cleanly, SLOW_TEST_SECONDS)
{
	static void *(*const work[THREADS])(void *) = {
		map_work, map_work, free_work, map_work,
	};
	struct contest contest = { .fd = self->fd };
	int round;

	for (round = 0; round < 100; round++) {
		ASSERT_EQ(0, buffer_alloc(self->fd, BYTES, &contest.buffer));
		contest.wins = 0;
		ASSERT_TRUE(contest_run(&contest, THREADS, work));
		ASSERT_EQ(1, contest.wins);
		ASSERT_EQ(0, contest.wrong);
	}
	EXPECT_TRUE(wait_idle(self->fd, 1));
}

/* Allocates and frees in one client, and checks each buffer's bytes. */
static void *churn_work(void *arg)
{
	struct contest *contest = arg;
	struct buffer buffer;
	char *p;
	int i;

	start_together(contest);
	for (i = 0; i < 100; i++) {
		if (buffer_alloc(contest->fd, (1 + i % 24) * FRAME, &buffer)) {
			bump(&contest->wrong);
			continue;
		}
		p = buffer_map(contest->fd, &buffer);
		if (p == MAP_FAILED || !all_bytes(p, 0, buffer.length))
			bump(&contest->wrong);
		else
			memset(p, PATTERN_MINE, buffer.length);
		if (p != MAP_FAILED && munmap(p, buffer.length))
			bump(&contest->wrong);
		if (handle_free(contest->fd, buffer.handle))
			bump(&contest->wrong);
	}
	return NULL;
}

TEST_F_TIMEOUT(race, threads_of_one_client_get_zeroed_memory_of_their_own, SLOW_TEST_SECONDS)
{
	static void *(*const work[THREADS])(void *) = {
		churn_work, churn_work, churn_work, churn_work,
	};
	struct contest contest = { .fd = self->fd };

	ASSERT_TRUE(contest_run(&contest, THREADS, work));
	EXPECT_EQ(0, contest.wrong);
	EXPECT_TRUE(wait_idle(self->fd, 1));
}

/* Makes calls until the descriptor is closed. Each must succeed or fail with EBADF. */
static void *call_until_closed_work(void *arg)
{
	struct contest *contest = arg;
	struct framepool_ioc_query query;
	struct buffer buffer;
	int ret = 0;
	char *p;

	start_together(contest);
	while (ret != -EBADF) {
		ret = buffer_alloc(contest->fd, FRAME, &buffer);
		if (!ret) {
			p = buffer_map(contest->fd, &buffer);
			ret = p == MAP_FAILED ? -errno : 0;
			if (!ret) {
				*p = 1;		/* even if only the mapping holds the client */
				ret = munmap(p, FRAME) ? -errno : 0;
			}
		}
		if (!ret)
			ret = handle_query(contest->fd, buffer.handle, &query);
		if (ret && ret != -EBADF) {
			bump(&contest->wrong);
			break;
		}
	}
	return NULL;
}

static void *close_work(void *arg)
{
	struct contest *contest = arg;

	start_together(contest);
	usleep(contest->delay);
	if (close(contest->fd))
		bump(&contest->wrong);
	return NULL;
}

TEST_F_TIMEOUT(race, close_during_calls_is_harmless, SLOW_TEST_SECONDS)
{
	static void *(*const work[THREADS])(void *) = {
		call_until_closed_work, close_work, call_until_closed_work, call_until_closed_work,
	};
	struct contest contest = { 0 };
	int round;

	for (round = 0; round < 60; round++) {
		contest.fd = pool_open();
		ASSERT_GE(contest.fd, 0);
		contest.delay = rand_r(&self->seed) % 5000;
		ASSERT_TRUE(contest_run(&contest, THREADS, work));
		ASSERT_EQ(0, contest.wrong);
	}
	EXPECT_TRUE(wait_idle(self->fd, 1));
}

/* Takes references to frames that are being unmapped, and drops them again. */
static void *splice_work(void *arg)
{
	struct contest *contest = arg;
	static __thread char copy[4 * FRAME];
	int ends[2], i;

	if (pipe(ends))
		bump(&contest->wrong);
	start_together(contest);
	for (i = 0; i < 64; i++) {
		struct iovec frames = {
			.iov_base = contest->p + i * (BYTES / 64), .iov_len = sizeof(copy),
		};
		ssize_t length = vmsplice(ends[1], &frames, 1, 0);

		if (length < 0 ? errno != EFAULT : read(ends[0], copy, length) != length)
			bump(&contest->wrong);
		else if (length > 0 && !frames_stamped(copy, length, i * (BYTES / 64 / FRAME)))
			bump(&contest->wrong);
	}
	close(ends[0]);
	close(ends[1]);
	return NULL;
}

TEST_F_TIMEOUT(race, unmap_and_free_while_pipes_take_frames_is_harmless, SLOW_TEST_SECONDS)
{
	static void *(*const work[THREADS])(void *) = {
		splice_work, unmap_work, free_work, splice_work,
	};
	struct contest contest = { .fd = self->fd };
	int round;

	for (round = 0; round < 60; round++) {
		ASSERT_EQ(0, buffer_alloc(self->fd, BYTES, &contest.buffer));
		contest.wins = 0;
		contest.p = buffer_map(self->fd, &contest.buffer);
		ASSERT_NE(MAP_FAILED, contest.p);
		stamp_frames(contest.p, BYTES, 0);
		ASSERT_TRUE(contest_run(&contest, THREADS, work));
		ASSERT_EQ(1, contest.wins);
		ASSERT_EQ(0, contest.wrong);
	}
	EXPECT_TRUE(wait_idle(self->fd, 1));
}

/* Moves the mapping back and forth. Other threads may find nothing there meanwhile. */
static void *move_work(void *arg)
{
	struct contest *contest = arg;
	char *here = contest->p, *there = contest->other;
	int i;

	start_together(contest);
	for (i = 0; i < 40; i++) {
		char *from = i % 2 ? there : here, *to = i % 2 ? here : there;

		if (mremap(from, BYTES, BYTES, MREMAP_MAYMOVE | MREMAP_FIXED, to) != to)
			bump(&contest->wrong);
	}
	return NULL;
}

TEST_F_TIMEOUT(race, moving_a_mapping_during_faults_keeps_its_bytes, SLOW_TEST_SECONDS)
{
	static void *(*const work[THREADS])(void *) = {
		read_work, move_work, free_work, read_work,
	};
	struct contest contest = { .fd = self->fd };
	int round;

	for (round = 0; round < 30; round++) {
		ASSERT_EQ(0, buffer_alloc(self->fd, BYTES, &contest.buffer));
		contest.wins = 0;
		contest.p = buffer_map(self->fd, &contest.buffer);
		contest.other = reserve(BYTES);
		ASSERT_NE(MAP_FAILED, contest.p);
		stamp_frames(contest.p, BYTES, round);
		ASSERT_TRUE(contest_run(&contest, THREADS, work));
		ASSERT_EQ(1, contest.wins);
		ASSERT_EQ(0, contest.wrong);
		EXPECT_TRUE(frames_stamped(contest.p, BYTES, round));
		ASSERT_EQ(0, munmap(contest.p, BYTES));
	}
	EXPECT_TRUE(wait_idle(self->fd, 1));
}

/* Forks while the mapping goes away. The child reads what it inherited, and exits or is killed. */
static void *fork_work(void *arg)
{
	struct contest *contest = arg;
	int i, sink, status;
	pid_t pid;

	start_together(contest);
	for (i = 0; i < 8; i++) {
		pid = fork();
		if (!pid) {
			size_t at;

			sink = memfd_create("reads", MFD_CLOEXEC);
			for (at = 0; at < BYTES; at += BYTES / 32)
				CHILD_CHECK(pwrite(sink, contest->p + at, 1, 0) == 1 ||
					    errno == EFAULT);
			if (i % 2)
				pause();
			_exit(0);
		}
		if (i % 2 && pid > 0 && kill(pid, SIGKILL))
			bump(&contest->wrong);
		if (pid < 0 || waitpid(pid, &status, 0) != pid || (!(i % 2) && status))
			bump(&contest->wrong);
	}
	return NULL;
}

TEST_F_TIMEOUT(race, fork_storm_during_unmap_and_free_is_harmless, SLOW_TEST_SECONDS)
{
	static void *(*const work[THREADS])(void *) = {
		fork_work, unmap_work, free_work, fork_work,
	};
	struct contest contest = { .fd = self->fd };
	int round;

	for (round = 0; round < 20; round++) {
		ASSERT_EQ(0, buffer_alloc(self->fd, BYTES, &contest.buffer));
		contest.wins = 0;
		contest.p = buffer_map(self->fd, &contest.buffer);
		ASSERT_NE(MAP_FAILED, contest.p);
		stamp_frames(contest.p, BYTES / 2, 0);
		ASSERT_TRUE(contest_run(&contest, THREADS, work));
		ASSERT_EQ(1, contest.wins);
		ASSERT_EQ(0, contest.wrong);
	}
	EXPECT_TRUE(wait_idle(self->fd, 1));
}

TEST_HARNESS_MAIN
