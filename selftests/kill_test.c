// SPDX-License-Identifier: GPL-2.0-only
/*
 * Processes that end in the middle of their work: killed, or by executing a program.
 *
 * All that is random comes from one seed, which each test prints. SEED= in the environment
 * sets it.
 */
#include "common.h"
#include "child.h"
#include "memory.h"

#include <pthread.h>

#define THREADS		4
#define WORKERS		4
#define STORM_SECONDS	3
#define STORM_KILLS	40	/* at least, however long they take */
#define STORM_BUFFERS	32
#define STORM_SMALL	(128 * KIB)
#define STORM_LARGE	(8 * MIB)
#define EXIT_AT_ONCE	"--exit-at-once"

FIXTURE(kill)
{
	int fd;
	unsigned int seed;
};

FIXTURE_SETUP(kill)
{
	const char *seed = getenv("SEED");

	self->seed = seed ? strtoul(seed, NULL, 0) : time(NULL) ^ getpid();
	TH_LOG("SEED=%u", self->seed);
	self->fd = pool_open();
	ASSERT_GE(self->fd, 0);
}

FIXTURE_TEARDOWN_PARENT(kill)
{
	EXPECT_TRUE(wait_all_free());
}

/**
 * struct client - what the threads of one process share
 * @fd: the client
 * @ready: number of threads that have started
 */
struct client {
	int fd;
	int ready;
};

/* Uses one client, together with other threads, for ever. */
static void *busy_work(void *arg)
{
	struct client *client = arg;
	unsigned int seed = (unsigned long)&seed;
	struct buffer buffer;
	char *p;

	__atomic_fetch_add(&client->ready, 1, __ATOMIC_ACQ_REL);
	for (;;) {
		/* Now and then this is more than is clean, so that the call has to clear memory. */
		if (buffer_alloc(client->fd, 1 + rand_r(&seed) % (16 * MIB), &buffer))
			continue;
		p = buffer_map(client->fd, &buffer);
		if (p != MAP_FAILED)
			touch(p, buffer.length);
		/* The threads share handles and are killed anywhere: any call may fail. */
		if (rand_r(&seed) % 2)
			ignore(handle_free(client->fd, buffer.handle));
		if (p != MAP_FAILED)
			ignore(munmap(p, buffer.length));
		ignore(handle_free(client->fd, buffer.handle));
	}
	return NULL;
}

/* A process with busy threads, whose first thread waits to be killed or executes a program. */
static void busy_process(bool executes, int ready)
{
	struct client client = { .fd = pool_open() };
	pthread_t thread;
	int i;

	CHILD_CHECK(client.fd >= 0);
	for (i = 1; i < THREADS; i++)
		CHILD_CHECK(!pthread_create(&thread, NULL, busy_work, &client));
	while (__atomic_load_n(&client.ready, __ATOMIC_ACQUIRE) < THREADS - 1)
		sched_yield();
	tell(ready);
	if (executes) {
		usleep(1000 + getpid() % 16 * 4000);
		execl("/proc/self/exe", "kill_test", EXIT_AT_ONCE, NULL);
	}
	pause();
}

TEST_F_TIMEOUT(kill, exec_and_sigkill_of_busy_threads_lose_nothing, SLOW_TEST_SECONDS)
{
	int round, ready[2];
	pid_t pid;

	for (round = 0; round < 40; round++) {
		bool executes = round % 2;

		ASSERT_EQ(0, pipe(ready));
		pid = child_fork();
		if (!pid)
			busy_process(executes, ready[1]);
		close(ready[1]);
		ASSERT_TRUE(hear(ready[0]));
		close(ready[0]);
		if (executes) {
			ASSERT_EQ(0, child_wait(pid));
		} else {
			sleep_ms(rand_r(&self->seed) % 80);
			ASSERT_EQ(CHILD_KILLED + SIGKILL, child_kill(pid));
		}
		ASSERT_TRUE(wait_idle(self->fd, 1));
	}
}

/**
 * struct storm - what one worker holds
 * @fd: its client
 * @seed: state of its random numbers
 * @buffers: its buffers; length 0 if there is none
 * @maps: where they are mapped; NULL if they are not
 */
struct storm {
	int fd;
	unsigned int seed;
	struct buffer buffers[STORM_BUFFERS];
	char *maps[STORM_BUFFERS];
};

static void storm_alloc(struct storm *storm, int i)
{
	struct buffer *buffer = &storm->buffers[i];
	size_t most = rand_r(&storm->seed) % 4 ? STORM_SMALL : STORM_LARGE;
	int ret = buffer_alloc(storm->fd, 1 + rand_r(&storm->seed) % most, buffer);

	CHILD_CHECK(!ret || ret == -ENOMEM || ret == -ENOSPC);
	if (ret)
		buffer->length = 0;
}

/* Each frame gets a stamp for its slot, which shows frames that were allocated twice. */
static void storm_map(struct storm *storm, int i)
{
	struct buffer *buffer = &storm->buffers[i];

	storm->maps[i] = buffer_map(storm->fd, buffer);
	CHILD_CHECK(storm->maps[i] != MAP_FAILED);
	CHILD_CHECK(frames_unstamped(storm->maps[i], buffer->length));
	stamp_frames(storm->maps[i], buffer->length, (__u64)getpid() << 32 | i << 24);
}

static void storm_free(struct storm *storm, int i)
{
	struct buffer *buffer = &storm->buffers[i];
	char *p = storm->maps[i];

	/* The order of freeing and unmapping must not matter. */
	if (rand_r(&storm->seed) % 2) {
		CHILD_CHECK(!handle_free(storm->fd, buffer->handle));
		buffer->handle = 0;
	}
	if (p) {
		CHILD_CHECK(frames_stamped(p, buffer->length, (__u64)getpid() << 32 | i << 24));
		CHILD_CHECK(!munmap(p, buffer->length));
	}
	CHILD_CHECK(!buffer->handle || !handle_free(storm->fd, buffer->handle));
	buffer->length = 0;
	storm->maps[i] = NULL;
}

/* Allocates, maps, checks and frees at random until it is killed. */
static void storm_work(unsigned int seed)
{
	static struct storm storm;

	storm.seed = seed;
	storm.fd = pool_open();
	CHILD_CHECK(storm.fd >= 0);
	for (;;) {
		int i = rand_r(&storm.seed) % STORM_BUFFERS;

		if (!storm.buffers[i].length)
			storm_alloc(&storm, i);
		else if (!storm.maps[i] && rand_r(&storm.seed) % 2)
			storm_map(&storm, i);
		else
			storm_free(&storm, i);
	}
}

static pid_t storm_start(unsigned int seed)
{
	pid_t pid = child_fork();

	if (!pid)
		storm_work(seed);
	return pid;
}

static bool sizes_add_up(int fd)
{
	struct framepool_ioc_stats stats;

	return !pool_stats(fd, &stats) &&
	       stats.total_bytes == stats.free_bytes + stats.used_bytes + stats.quarantined_bytes;
}

TEST_F_TIMEOUT(kill, storms_of_killed_processes_lose_nothing, SLOW_TEST_SECONDS)
{
	double end = seconds_now() + STORM_SECONDS;
	unsigned int seed = self->seed;
	pid_t pids[WORKERS];
	int i, kills;

	for (i = 0; i < WORKERS; i++)
		pids[i] = storm_start(rand_r(&seed));
	for (kills = 0; kills < STORM_KILLS || seconds_now() < end; kills++) {
		sleep_ms(1 + rand_r(&seed) % 40);
		EXPECT_TRUE(sizes_add_up(self->fd));
		i = rand_r(&seed) % WORKERS;
		ASSERT_EQ(CHILD_KILLED + SIGKILL, child_kill(pids[i]));
		pids[i] = storm_start(rand_r(&seed));
	}
	for (i = 0; i < WORKERS; i++) {
		EXPECT_EQ(CHILD_KILLED + SIGKILL, child_kill(pids[i]));
	}
	EXPECT_TRUE(wait_idle(self->fd, 1));
}

int main(int argc, char **argv)
{
	/* This is what exec_and_sigkill_of_busy_threads_lose_nothing executes. */
	if (argc == 2 && !strcmp(argv[1], EXIT_AT_ONCE))
		return KSFT_PASS;
	return test_harness_run(argc, argv);
}
