// SPDX-License-Identifier: GPL-2.0-only
/*
 * Another module (kernel/) uses the pool: loading it runs one of its cases. Before and after each,
 * the tests look at the pool as programs see it; meanwhile they do what administrators may do.
 */
#include "common.h"
#include "child.h"
#include "module.h"
#include "memory.h"

#include <sched.h>

#define SMALL_POOL	"size=32M"
#define PROCESSOR	"/sys/devices/system/cpu/cpu1/online"
#define HUGE_ORDER	9
#define MAX_HUGE	((int)(POOL_BYTES / HUGE_FRAME))
#define CLIENTS		3
#define OFFLINES	5
#define LINGER_TRIES	10

FIXTURE(api)
{
	int fd;
	struct framepool_ioc_stats start;
};

/* Whether everything is free and clean, in blocks as large as at the start. */
static bool is_whole(const struct framepool_ioc_stats *now,
		     const struct framepool_ioc_stats *start)
{
	return now->free_bytes == now->total_bytes &&
	       !memcmp(now->free_blocks, start->free_blocks, sizeof(now->free_blocks));
}

/* Whether the pool becomes whole by itself: nothing here allocates memory. */
static bool becomes_whole(int fd, const struct framepool_ioc_stats *start)
{
	struct framepool_ioc_stats now;

	return WAIT_FOR(!pool_stats(fd, &now) && is_whole(&now, start));
}

/*
 * Leaves blocks in the magazines; *@now is the pool while they are there. The trim empties the
 * magazines after at most a second. If it did so before STATS, the case is run again.
 */
static bool linger(int fd, const struct framepool_ioc_stats *start,
		   struct framepool_ioc_stats *now)
{
	int tries;

	for (tries = 0; tries < LINGER_TRIES; tries++) {
		if (load_case("run=linger") || pool_stats(fd, now))
			return false;
		if (!is_whole(now, start))
			return true;
		if (unload_case())
			return false;
	}
	return false;
}

static int set_processor(const char *online)
{
	int fd = open_errno(PROCESSOR, O_WRONLY), ret;

	if (fd < 0)
		return fd;
	ret = write(fd, online, 1) == 1 ? 0 : -errno;
	close(fd);
	return ret;
}

FIXTURE_SETUP(api)
{
	self->fd = pool_open();
	ASSERT_GE(self->fd, 0);
	ASSERT_EQ(0, pool_stats(self->fd, &self->start));
	ASSERT_EQ(POOL_BYTES, self->start.total_bytes);
	ASSERT_EQ(self->start.total_bytes, self->start.free_bytes);
}

/* Also cleans up after a test that failed. */
FIXTURE_TEARDOWN_PARENT(api)
{
	struct framepool_ioc_stats now;
	int fd;

	/* Neither is so unless the test has failed: no module is left, and the processor is on. */
	ignore(unload_case());
	ignore(set_processor("1"));
	fd = pool_open();
	if (fd < 0 || pool_stats(fd, &now) || now.total_bytes != POOL_BYTES) {
		close(fd);
		EXPECT_EQ(0, unload());
		EXPECT_EQ(0, load(USUAL_PARAMETERS));
	} else {
		close(fd);
	}
	EXPECT_TRUE(wait_all_free());
}

TEST_F_TIMEOUT(api, blocks_of_each_order_are_aligned_and_apart, SLOW_TEST_SECONDS)
{
	EXPECT_EQ(0, run_case("run=orders"));
	EXPECT_TRUE(becomes_whole(self->fd, &self->start));
}

TEST_F_TIMEOUT(api, zeroed_blocks_are_zero_after_use, SLOW_TEST_SECONDS)
{
	EXPECT_EQ(0, run_case("run=zero"));
	EXPECT_TRUE(becomes_whole(self->fd, &self->start));
}

TEST_F_TIMEOUT(api, lists_of_blocks_come_and_go, SLOW_TEST_SECONDS)
{
	EXPECT_EQ(0, run_case("run=bulk"));
	EXPECT_TRUE(becomes_whole(self->fd, &self->start));
}

TEST_F_TIMEOUT(api, unknown_case_is_refused, SLOW_TEST_SECONDS)
{
	/* Otherwise a misspelt case would pass. */
	EXPECT_EQ(-EINVAL, run_case("run=nonesuch"));
}

TEST_F_TIMEOUT(api, softirqs_in_the_middle_of_threads_lose_and_double_nothing, SLOW_TEST_SECONDS)
{
	EXPECT_EQ(0, run_case("run=softirqs ms=500"));
	EXPECT_TRUE(becomes_whole(self->fd, &self->start));
	EXPECT_EQ(0, run_case("run=quick ms=1000"));
	EXPECT_TRUE(becomes_whole(self->fd, &self->start));
}

TEST_F_TIMEOUT(api, blocks_freed_by_others_are_neither_lost_nor_doubled, SLOW_TEST_SECONDS)
{
	EXPECT_EQ(0, run_case("run=pass ms=500"));
	EXPECT_TRUE(becomes_whole(self->fd, &self->start));
}

TEST_F_TIMEOUT(api, drains_without_end_lose_and_double_nothing, SLOW_TEST_SECONDS)
{
	EXPECT_EQ(0, run_case("run=drain ms=500"));
	EXPECT_TRUE(becomes_whole(self->fd, &self->start));
	EXPECT_EQ(0, run_case("run=quick_drain ms=1000"));
	EXPECT_TRUE(becomes_whole(self->fd, &self->start));
}

TEST_F_TIMEOUT(api, last_page_can_be_had_without_sleeping, SLOW_TEST_SECONDS)
{
	EXPECT_EQ(0, run_case("run=nowait"));
	EXPECT_TRUE(becomes_whole(self->fd, &self->start));
}

TEST_F_TIMEOUT(api, all_frames_held_by_kernel_give_programs_enomem, SLOW_TEST_SECONDS)
{
	struct framepool_ioc_stats stats;
	struct buffer buffers[MAX_HUGE];
	int why;

	ASSERT_EQ(0, load_case("run=hold"));
	ASSERT_EQ(0, pool_stats(self->fd, &stats));
	EXPECT_EQ(0, stats.free_bytes);
	EXPECT_EQ(stats.total_bytes, stats.used_bytes);
	EXPECT_EQ(-ENOMEM, buffer_alloc(self->fd, FRAME, &buffers[0]));
	EXPECT_EQ(-ENOMEM, buffer_alloc_huge(self->fd, HUGE_FRAME, &buffers[0]));
	ASSERT_EQ(0, unload_case());

	/* An allocation that finds too little empties the magazines and clears used memory. */
	EXPECT_EQ(MAX_HUGE, alloc_until_refused(self->fd, HUGE_FRAME, HUGE_FRAME, buffers,
						MAX_HUGE, &why));
	EXPECT_EQ(0, why);
}

TEST_F_TIMEOUT(api, all_frames_held_by_programs_give_kernel_none, SLOW_TEST_SECONDS)
{
	struct buffer buffers[MAX_HUGE];
	int why;

	ASSERT_EQ(MAX_HUGE, alloc_until_refused(self->fd, HUGE_FRAME, HUGE_FRAME, buffers,
						MAX_HUGE, &why));
	EXPECT_EQ(0, run_case("run=none"));
	ASSERT_EQ(0, handle_free(self->fd, buffers[0].handle));
	EXPECT_EQ(-EBADMSG, run_case("run=none"));
}

TEST_F_TIMEOUT(api, blocks_in_magazines_become_whole_by_themselves, SLOW_TEST_SECONDS)
{
	struct framepool_ioc_stats stats;

	ASSERT_TRUE(linger(self->fd, &self->start, &stats));
	EXPECT_EQ(stats.total_bytes, stats.free_bytes + stats.quarantined_bytes);
	EXPECT_TRUE(becomes_whole(self->fd, &self->start));
	EXPECT_EQ(0, unload_case());
}

static int nr_empty_huge(const struct framepool_ioc_stats *stats)
{
	int order, nr = 0;

	for (order = HUGE_ORDER; order < stats->orders; order++)
		nr += stats->free_blocks[order] << (order - HUGE_ORDER);
	return nr;
}

/* An allocation that is short of memory empties all magazines, but clears no more than it needs. */
TEST_F_TIMEOUT(api, blocks_drained_for_others_become_clean_by_themselves, SLOW_TEST_SECONDS)
{
	struct framepool_ioc_stats stats;
	struct buffer buffers[MAX_HUGE];
	int nr, why;

	ASSERT_TRUE(linger(self->fd, &self->start, &stats));
	nr = nr_empty_huge(&stats) + 1;
	ASSERT_LT(nr, MAX_HUGE - 2);
	ASSERT_EQ(nr, alloc_until_refused(self->fd, HUGE_FRAME, HUGE_FRAME, buffers, nr, &why));
	EXPECT_TRUE(wait_clean(self->fd, &stats));
	EXPECT_EQ(MAX_HUGE - nr, nr_empty_huge(&stats));
	EXPECT_EQ(0, unload_case());
}

TEST_F_TIMEOUT(api, user_with_blocks_in_magazines_can_be_unloaded, SLOW_TEST_SECONDS)
{
	ASSERT_EQ(0, close(self->fd));
	ASSERT_EQ(0, load_case("run=linger"));
	EXPECT_EQ(-EWOULDBLOCK, unload());
	ASSERT_EQ(0, unload_case());
	/* The blocks are still in the magazines, and the trim has not run yet. */
	ASSERT_EQ(0, unload());
	ASSERT_EQ(0, load(USUAL_PARAMETERS));
}

TEST_F_TIMEOUT(api, blocks_in_magazines_of_a_dead_processor_come_back, SLOW_TEST_SECONDS)
{
	struct framepool_ioc_stats stats;

	ASSERT_TRUE(linger(self->fd, &self->start, &stats));
	ASSERT_EQ(0, set_processor("0"));
	EXPECT_TRUE(becomes_whole(self->fd, &self->start));
	EXPECT_EQ(0, unload_case());

	/* Once without that processor, and once with it again. */
	EXPECT_EQ(0, run_case("run=nowait"));
	ASSERT_EQ(0, set_processor("1"));
	EXPECT_EQ(0, run_case("run=nowait"));
	EXPECT_TRUE(becomes_whole(self->fd, &self->start));
}

static void wake(int signal)
{
}

/* Runs a case in a child until that gets a signal. */
static pid_t start_case(const char *parameters)
{
	pid_t pid = child_fork();

	if (!pid) {
		signal(SIGUSR1, wake);
		CHILD_CHECK(!load_case(parameters));
		_exit(0);
	}
	while (access("/sys/module/" TEST_MODULE, F_OK) && !waitpid(pid, NULL, WNOHANG))
		sleep_ms(1);
	return pid;
}

TEST_F_TIMEOUT(api, processors_that_come_and_go_lose_and_double_nothing, SLOW_TEST_SECONDS)
{
	pid_t pid = start_case("run=threads ms=100000");
	int i;

	for (i = 0; i < OFFLINES; i++) {
		sleep_ms(50);
		EXPECT_EQ(0, set_processor("0"));
		sleep_ms(50);
		EXPECT_EQ(0, set_processor("1"));
	}
	EXPECT_EQ(0, kill(pid, SIGUSR1));
	EXPECT_EQ(0, child_wait(pid));
	EXPECT_EQ(0, unload_case());
	EXPECT_TRUE(becomes_whole(self->fd, &self->start));
}

/* Allocates, fills, checks and frees buffers until it is killed. */
static void compete(unsigned int seed)
{
	struct buffer buffer;
	int fd = pool_open(), ret;
	char *p;

	CHILD_CHECK(fd >= 0);
	for (;;) {
		size_t length = FRAME << rand_r(&seed) % 11;

		ret = buffer_alloc(fd, length, &buffer);
		CHILD_CHECK(!ret || ret == -ENOMEM || ret == -ENOSPC);
		if (ret)
			continue;
		p = buffer_map(fd, &buffer);
		CHILD_CHECK(p != MAP_FAILED);
		CHILD_CHECK(all_bytes(p, 0, length));
		memset(p, PATTERN_MINE, length);
		sched_yield();
		CHILD_CHECK(all_bytes(p, PATTERN_MINE, length));
		CHILD_CHECK(!munmap(p, length));
		CHILD_CHECK(!handle_free(fd, buffer.handle));
	}
}

TEST_F_TIMEOUT(api, programs_and_kernel_compete_for_a_small_pool_unharmed, SLOW_TEST_SECONDS)
{
	double end = seconds_now() + IDLE_SECONDS;
	struct framepool_ioc_stats stats;
	pid_t clients[CLIENTS];
	bool competed;
	int i;

	ASSERT_EQ(0, close(self->fd));
	ASSERT_EQ(0, unload());
	ASSERT_EQ(0, load(SMALL_POOL));
	self->fd = pool_open();
	ASSERT_EQ(0, pool_stats(self->fd, &self->start));

	for (i = 0; i < CLIENTS; i++) {
		clients[i] = child_fork();
		if (!clients[i])
			compete(i + 1);
	}
	do {
		EXPECT_EQ(0, run_case("run=pass ms=1000"));
		EXPECT_EQ(0, run_case("run=drain ms=500"));
		ASSERT_EQ(0, pool_stats(self->fd, &stats));
		competed = stats.allocs > 100 && stats.fail_nomem + stats.fail_nospace > 0;
	} while (!competed && seconds_now() < end);
	EXPECT_TRUE(competed);
	for (i = 0; i < CLIENTS; i++)
		EXPECT_EQ(CHILD_KILLED + SIGKILL, child_kill(clients[i]));
	EXPECT_TRUE(wait_idle(self->fd, 1));
	EXPECT_TRUE(becomes_whole(self->fd, &self->start));
	EXPECT_TRUE(pool_verifies());

	ASSERT_EQ(0, close(self->fd));
	ASSERT_EQ(0, unload());
	ASSERT_EQ(0, load(USUAL_PARAMETERS));
}

TEST_HARNESS_MAIN
