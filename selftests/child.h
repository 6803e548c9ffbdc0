/* SPDX-License-Identifier: GPL-2.0-only */
/* Child processes of a test, and checks for use in them. */
#ifndef FRAMEPOOL_SELFTESTS_CHILD_H
#define FRAMEPOOL_SELFTESTS_CHILD_H

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "common.h"

/* child_wait() adds this to the number of a signal. */
#define CHILD_KILLED	256

/*
 * The harness's expectations may leave a test by longjmp(), which a child must not do. It checks
 * with this instead, and the parent sees its exit status.
 */
#define CHILD_CHECK(condition) do { \
	if (!(condition)) { \
		fprintf(stderr, "# %s:%d: check in a child failed: %s (errno %d)\n", \
			__FILE__, __LINE__, #condition, errno); \
		_exit(1); \
	} \
} while (0)

/* fork(), but the child is killed when its parent ends, for whatever reason. */
static inline __must_check pid_t child_fork(void)
{
	pid_t parent = getpid(), pid = fork();

	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(1);
	}
	return pid;
}

/*
 * Waits for a child (-1: any). Returns its exit status, CHILD_KILLED plus the signal that ended it,
 * or a negative errno.
 */
static inline __must_check int child_wait(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) < 0)
		return -errno;
	if (WIFSIGNALED(status))
		return CHILD_KILLED + WTERMSIG(status);
	return WEXITSTATUS(status);
}

static inline __must_check int child_kill(pid_t pid)
{
	return kill(pid, SIGKILL) ? -errno : child_wait(pid);
}

/* Sends a byte through a pipe: "I have got this far". */
static inline void tell(int fd)
{
	if (write(fd, "", 1) != 1)
		_exit(1);
}

/* Waits for tell(); false if the other side has ended. */
static inline __must_check bool hear(int fd)
{
	char byte;

	return read(fd, &byte, 1) == 1;
}

#endif
