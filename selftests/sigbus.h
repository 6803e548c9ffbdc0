/* SPDX-License-Identifier: GPL-2.0-only */
/* Accesses to memory that may not be there, and surviving the SIGBUS. */
#ifndef FRAMEPOOL_SELFTESTS_SIGBUS_H
#define FRAMEPOOL_SELFTESTS_SIGBUS_H

#include <setjmp.h>
#include <signal.h>

static __thread sigjmp_buf fault_point;
static __thread int fault_code;

static inline void jump_back(int signal, siginfo_t *info, void *context)
{
	fault_code = info->si_code;
	siglongjmp(fault_point, 1);
}

static inline void catch_sigbus(void)
{
	struct sigaction action = { .sa_sigaction = jump_back, .sa_flags = SA_SIGINFO };

	sigaction(SIGBUS, &action, NULL);
}

/* Accesses the byte at @p; returns the code of the SIGBUS that this causes, or 0. */
static inline __must_check int sigbus_code(volatile char *p, bool write)
{
	if (sigsetjmp(fault_point, 1))
		return fault_code;
	if (write)
		*p = 1;
	else
		(void)*p;
	return 0;
}

#endif
