// SPDX-License-Identifier: GPL-2.0-only
/*
 * Futexes in pool memory. Those of one process work. Those that are shared between processes do
 * not: the kernel names them by the file of the page, and our pages belong to no file (they are in
 * no page cache). So a thread whose stack is in pool memory can run, but cannot be joined: whoever
 * joins it waits, on a shared futex in its stack, for the kernel to say that the thread has ended.
 */
#include "cache.h"
#include "child.h"

#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>

#define STACK_BYTES	(1 * MIB)

FIXTURE(futex)
{
	int fd;
	char *p;	/* STACK_BYTES of a buffer */
};

FIXTURE_SETUP(futex)
{
	struct buffer buffer;

	self->fd = pool_open();
	ASSERT_GE(self->fd, 0);
	ASSERT_EQ(0, buffer_alloc(self->fd, STACK_BYTES, &buffer));
	self->p = buffer_map(self->fd, &buffer);
	ASSERT_NE(MAP_FAILED, self->p);
}

FIXTURE_TEARDOWN_PARENT(futex)
{
	EXPECT_TRUE(wait_all_free());
}

/* Returns the result, or a negative errno. Does not wait, since the word has another value. */
static int try_to_wait(void *word, int private)
{
	struct timespec soon = { .tv_nsec = 1 };
	int ret = syscall(SYS_futex, word, FUTEX_WAIT | private, *(int *)word + 1, &soon);

	return ret < 0 ? -errno : ret;
}

static int wake(void *word, int private)
{
	int ret = syscall(SYS_futex, word, FUTEX_WAKE | private, INT_MAX);

	return ret < 0 ? -errno : ret;
}

TEST_F(futex, shared_in_a_buffer_is_refused)
{
	EXPECT_EQ(-EFAULT, try_to_wait(self->p, 0));
	EXPECT_EQ(-EFAULT, wake(self->p, 0));
	EXPECT_EQ(-EAGAIN, try_to_wait(self->p, FUTEX_PRIVATE_FLAG));
	EXPECT_EQ(0, wake(self->p, FUTEX_PRIVATE_FLAG));
}

TEST_F(futex, shared_in_an_object_is_refused)
{
	struct cache cache;
	__u64 object;
	char *window;

	ASSERT_EQ(0, cache_create(self->fd, 64, &cache));
	ASSERT_EQ(0, objects_alloc(&cache, &object, 1));
	window = cache_map(&cache);
	ASSERT_NE(MAP_FAILED, window);
	EXPECT_EQ(-EFAULT, try_to_wait(window + object, 0));
	EXPECT_EQ(-EFAULT, wake(window + object, 0));
	EXPECT_EQ(-EAGAIN, try_to_wait(window + object, FUTEX_PRIVATE_FLAG));
	EXPECT_EQ(0, wake(window + object, FUTEX_PRIVATE_FLAG));
}

#define ROUNDS	1000

/* What two threads of one process pass a turn with; in pool memory. */
struct turn {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	int nr;
};

static void take_turns(struct turn *turn, int first)
{
	int nr;

	pthread_mutex_lock(&turn->lock);
	for (nr = first; nr < ROUNDS; nr += 2) {
		while (turn->nr != nr)
			pthread_cond_wait(&turn->changed, &turn->lock);
		turn->nr++;
		pthread_cond_signal(&turn->changed);
	}
	pthread_mutex_unlock(&turn->lock);
}

static void *take_odd_turns(void *turn)
{
	take_turns(turn, 1);
	return NULL;
}

TEST_F(futex, mutex_and_condition_of_one_process_work)
{
	struct turn *turn = (struct turn *)self->p;
	pthread_t other;

	ASSERT_EQ(0, pthread_mutex_init(&turn->lock, NULL));
	ASSERT_EQ(0, pthread_cond_init(&turn->changed, NULL));
	ASSERT_EQ(0, pthread_create(&other, NULL, take_odd_turns, turn));
	take_turns(turn, 0);
	ASSERT_EQ(0, pthread_join(other, NULL));
	EXPECT_EQ(ROUNDS, turn->nr);
}

static void *say_so(void *fd)
{
	volatile char deep[STACK_BYTES / 2];

	deep[0] = 0;
	tell((long)fd + deep[0]);
	return NULL;
}

static void *never_end(void *unused)
{
	for (;;)
		pause();
	return unused;
}

/* Starts a thread whose stack is the memory at @p. */
static int start_on(char *p, int detached, void *(*run)(void *), void *arg, pthread_t *thread)
{
	pthread_attr_t attributes;

	return pthread_attr_init(&attributes) ?:
	       pthread_attr_setstack(&attributes, p, STACK_BYTES) ?:
	       pthread_attr_setdetachstate(&attributes, detached) ?:
	       pthread_create(thread, &attributes, run, arg);
}

TEST_F(futex, thread_with_its_stack_in_a_buffer_runs)
{
	pthread_t thread;
	int ends[2];

	ASSERT_EQ(0, pipe(ends));
	ASSERT_EQ(0, start_on(self->p, PTHREAD_CREATE_DETACHED, say_so, (void *)(long)ends[1],
			      &thread));
	EXPECT_TRUE(hear(ends[0]));
}

TEST_F(futex, thread_with_its_stack_in_a_buffer_cannot_be_joined)
{
	pid_t pid = child_fork();
	pthread_t thread;

	if (!pid) {
		CHILD_CHECK(!start_on(self->p, PTHREAD_CREATE_JOINABLE, never_end, NULL, &thread));
		/* The C library complains and aborts. */
		close(STDERR_FILENO);
		pthread_join(thread, NULL);
		_exit(2);
	}
	EXPECT_EQ(CHILD_KILLED + SIGABRT, child_wait(pid));
}

TEST_HARNESS_MAIN
