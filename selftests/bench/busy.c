// SPDX-License-Identifier: GPL-2.0-only
/*
 * The clock of the guest's program: how long the machine's only processor has run tasks, including
 * kernel threads, and the interrupts during all of these. In a guest that counts instructions, it
 * counts instructions.
 *
 * The scheduler adds a task's time when the task leaves the processor. So the program sleeps before
 * it reads the clock. What it does between waking and reading is counted with what it does next.
 */
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include "guest.h"

/* Seventh figure of a processor in /proc/schedstat, in nanoseconds. */
static u64 busy_now(void)
{
	static int fd = -1;
	unsigned long long busy;
	char text[4096], *line;
	ssize_t length;

	if (fd < 0)
		fd = open("/proc/schedstat", O_RDONLY | O_CLOEXEC);
	length = pread(fd, text, sizeof(text) - 1, 0);
	if (length < 0)
		err(1, "/proc/schedstat");
	text[length] = 0;
	line = strstr(text, "\ncpu0 ");
	if (!line || strstr(line, "\ncpu1 ") ||
	    sscanf(line, " cpu0 %*u %*u %*u %*u %*u %*u %llu", &busy) != 1)
		errx(1, "/proc/schedstat does not give the time of a single processor");
	return busy;
}

static void run_nothing(void *argument)
{
	(void)argument;
}

static u64 busy_with(void (*run)(void *argument), void *argument)
{
	u64 before;

	memory_settle();
	before = busy_now();
	run(argument);
	memory_settle();
	return busy_now() - before;
}

/**
 * busy_of() - what a piece of work costs
 * @run: does the work
 * @argument: of @run
 *
 * Return: nanoseconds until all of the work is done, including what it causes in the background.
 * The cost of measuring is subtracted.
 */
u64 busy_of(void (*run)(void *argument), void *argument)
{
	u64 nothing = busy_with(run_nothing, NULL);
	u64 busy = busy_with(run, argument);

	return busy - min(busy, nothing);
}

/**
 * busy_self() - how long the program itself has run
 *
 * Return: nanoseconds, without what ran in between.
 */
u64 busy_self(void)
{
	struct timespec time;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
	return time.tv_sec * 1000000000ULL + time.tv_nsec;
}
