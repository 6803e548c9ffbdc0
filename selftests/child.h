/* SPDX-License-Identifier: GPL-2.0-only */
/* Processes that a test starts, checks in, and outlives. */
#ifndef FRAMEPOOL_SELFTESTS_CHILD_H
#define FRAMEPOOL_SELFTESTS_CHILD_H

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "common.h"

/* Added to a signal's number by child_wait(). */
#define CHILD_KILLED	256

/*
 * Expectations of the harness may leave a test by longjmp(), which must not happen in a
 * child: it checks with this, and the parent sees the exit status.
 */
#define CHILD_CHECK(condition) do { \
	if (!(condition)) { \
		fprintf(stderr, "# %s:%d: in a child: not so: %s (errno %d)\n", \
			__FILE__, __LINE__, #condition, errno); \
		_exit(1); \
	} \
} while (0)

/* fork() whose child dies with its parent, however that ends. */
static inline pid_t child_fork(void)
{
	pid_t parent = getpid(), pid = fork();

	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(1);
	}
	return pid;
}

/* Exit status of a child (-1: of any), or CHILD_KILLED plus the signal that ended it. */
static inline int child_wait(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) < 0)
		return -errno;
	if (WIFSIGNALED(status))
		return CHILD_KILLED + WTERMSIG(status);
	return WEXITSTATUS(status);
}

static inline int child_kill(pid_t pid)
{
	kill(pid, SIGKILL);
	return child_wait(pid);
}

/* A byte through a pipe: "I have got this far". */
static inline void tell(int fd)
{
	if (write(fd, "", 1) != 1)
		_exit(1);
}

/* Waits for tell(); false if the other side is gone. */
static inline bool hear(int fd)
{
	char byte;

	return read(fd, &byte, 1) == 1;
}

#endif
