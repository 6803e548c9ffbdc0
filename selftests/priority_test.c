// SPDX-License-Identifier: GPL-2.0-only
/*
 * An allocation by a thread of high real-time priority waits for what it needs, and not for a
 * thread of lower priority that keeps the processor from the background clearing.
 */
#include "common.h"
#include "child.h"
#include "memory.h"

#include <dirent.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>

#define MAX_HUGE	((int)(POOL_BYTES / HUGE_FRAME))
#define NR_DIRTY	8
#define ROUNDS		20
#define SPIN_SECONDS	5
#define RT_RUNTIME	"/proc/sys/kernel/sched_rt_runtime_us"
#define FAIR_RUNTIME	"/sys/kernel/debug/sched/fair_server/cpu0/runtime"

/* Spins on the first processor from @start until @stop, or until the time is up: then @done. */
struct spinner {
	pthread_t thread;
	sem_t start;
	bool stop;
	bool done;
	bool quit;
};

FIXTURE(priority)
{
	int fd;
	struct buffer held[MAX_HUGE];
	struct buffer dirty[NR_DIRTY];
	struct spinner spinner;
	char rt_runtime[32];
	char fair_runtime[32];
};

static bool pin_to_first_processor(pid_t pid)
{
	cpu_set_t first;

	CPU_ZERO(&first);
	CPU_SET(0, &first);
	return !sched_setaffinity(pid, sizeof(first), &first);
}

static bool become_realtime(int priority)
{
	const struct sched_param param = { .sched_priority = priority };

	return pin_to_first_processor(0) &&
	       !pthread_setschedparam(pthread_self(), SCHED_FIFO, &param);
}

static void *spin(void *arg)
{
	struct spinner *spinner = arg;
	double end;

	if (!become_realtime(50))
		return NULL;
	while (!sem_wait(&spinner->start) && !__atomic_load_n(&spinner->quit, __ATOMIC_SEQ_CST)) {
		end = seconds_now() + SPIN_SECONDS;
		while (!__atomic_load_n(&spinner->stop, __ATOMIC_SEQ_CST) && seconds_now() < end)
			;
		if (!__atomic_load_n(&spinner->stop, __ATOMIC_SEQ_CST))
			__atomic_store_n(&spinner->done, true, __ATOMIC_SEQ_CST);
	}
	return NULL;
}

/* The thread that clears in the background, or 0. */
static pid_t find_worker(void)
{
	struct dirent *entry;
	char path[64];
	pid_t pid = 0;
	DIR *proc = opendir("/proc");

	while (proc && !pid && (entry = readdir(proc))) {
		snprintf(path, sizeof(path), "/proc/%.20s/comm", entry->d_name);
		if (atoi(entry->d_name) && !strncmp(read_file(path), "framepool/", 10))
			pid = atoi(entry->d_name);
	}
	if (proc)
		closedir(proc);
	return pid;
}

/* Replaces the text of a file that exists, and keeps the old one in @old for restore(). */
static int replace(const char *path, const char *text, char old[32])
{
	*old = 0;
	if (access(path, W_OK))
		return 0;
	snprintf(old, 32, "%.31s", read_file(path));
	return write_file(path, text);
}

static int restore(const char *path, const char *old)
{
	return *old ? write_file(path, old) : 0;
}

FIXTURE_SETUP(priority)
{
	int i, why;

	self->fd = pool_open();
	ASSERT_GE(self->fd, 0);
	/* No huge frame is empty: what is allocated from now on has to be cleared first. */
	ASSERT_EQ(MAX_HUGE, alloc_until_refused(self->fd, HUGE_FRAME, HUGE_FRAME, self->held,
						MAX_HUGE, &why));
	for (i = 0; i < NR_DIRTY; i++)
		ASSERT_EQ(0, handle_free(self->fd, self->held[i].handle));
	ASSERT_TRUE(pin_to_first_processor(find_worker()));
	/* Without these, the kernel takes the processor from real-time threads now and then. */
	ASSERT_EQ(0, replace(RT_RUNTIME, "-1", self->rt_runtime));
	ASSERT_EQ(0, replace(FAIR_RUNTIME, "0", self->fair_runtime));
	ASSERT_EQ(0, sem_init(&self->spinner.start, 0, 0));
	ASSERT_EQ(0, pthread_create(&self->spinner.thread, NULL, spin, &self->spinner));
	ASSERT_TRUE(become_realtime(60));
}

FIXTURE_TEARDOWN_PARENT(priority)
{
	cpu_set_t all;

	memset(&all, 0xff, sizeof(all));
	EXPECT_EQ(0, sched_setaffinity(find_worker(), sizeof(all), &all));
	EXPECT_TRUE(wait_all_free());
}

static bool end_spinner(struct spinner *spinner)
{
	__atomic_store_n(&spinner->quit, true, __ATOMIC_SEQ_CST);
	__atomic_store_n(&spinner->stop, true, __ATOMIC_SEQ_CST);
	return !sem_post(&spinner->start) && !pthread_join(spinner->thread, NULL);
}

/* Allocates all free huge frames, touches and frees them; false if a call fails. */
static bool make_dirty(int fd, struct buffer buffers[NR_DIRTY])
{
	char *p;
	int i;

	for (i = 0; i < NR_DIRTY; i++) {
		if (buffer_alloc(fd, HUGE_FRAME, &buffers[i]))
			return false;
		p = buffer_map(fd, &buffers[i]);
		if (p == MAP_FAILED)
			return false;
		touch(p, HUGE_FRAME);
		if (munmap(p, HUGE_FRAME))
			return false;
	}
	while (i--)
		if (handle_free(fd, buffers[i].handle))
			return false;
	return true;
}

TEST_F_TIMEOUT(priority, allocation_does_not_wait_for_threads_of_lower_priority, SLOW_TEST_SECONDS)
{
	struct spinner *spinner = &self->spinner;
	int round, ret, late = 0;

	for (round = 0; round < ROUNDS && !late; round++) {
		/* The spinner must end and the limits come back, so nothing is asserted here. */
		if (!make_dirty(self->fd, self->dirty))
			break;
		/* Now the worker clears; most probably it is interrupted in the middle of it. */
		usleep(1000 + 100 * round);
		__atomic_store_n(&spinner->stop, false, __ATOMIC_SEQ_CST);
		if (sem_post(&spinner->start))
			break;
		ret = buffer_alloc(self->fd, HUGE_FRAME, &self->dirty[0]);
		late += __atomic_load_n(&spinner->done, __ATOMIC_SEQ_CST);
		__atomic_store_n(&spinner->stop, true, __ATOMIC_SEQ_CST);
		if (ret || handle_free(self->fd, self->dirty[0].handle))
			break;
	}
	EXPECT_TRUE(end_spinner(spinner));
	EXPECT_EQ(0, restore(FAIR_RUNTIME, self->fair_runtime));
	EXPECT_EQ(0, restore(RT_RUNTIME, self->rt_runtime));
	EXPECT_EQ(ROUNDS, round);
	EXPECT_EQ(0, late);
}

TEST_HARNESS_MAIN
