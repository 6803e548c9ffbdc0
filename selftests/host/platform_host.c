// SPDX-License-Identifier: GPL-2.0-only
#include "platform_host.h"

#include <linux/membarrier.h>
#include <sched.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

__thread unsigned int test_cpu;
__thread unsigned int test_bh_depth;
__thread u32 test_kzalloc_fails;
struct test_section test_sections[nr_cpu_ids];

static void barrier_everywhere(void)
{
	static int registered;

	if (!registered &&
	    syscall(__NR_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0)) {
		perror("membarrier");
		abort();
	}
	registered = 1;
	syscall(__NR_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
}

/*
 * Waits until all sections that have begun have ended. Sections that begin later see what was
 * written before. Either the barrier finds that a section has begun, and its depth is seen here, or
 * the section begins after the barrier.
 */
void synchronize_rcu_expedited(void)
{
	unsigned int i;

	barrier_everywhere();
	for (i = 0; i < nr_cpu_ids; i++)
		while (__atomic_load_n(&test_sections[i].depth, __ATOMIC_ACQUIRE))
			sched_yield();
}

/* No signal handler may run in between: malloc() must not be interrupted by itself. */
void *test_kzalloc(size_t size)
{
	void *p = NULL;

	if (test_kzalloc_fails && !--test_kzalloc_fails)
		return NULL;
	test_change_bh_depth(1);
	p = calloc(1, size);
	test_change_bh_depth(-1);
	return p;
}

void test_kfree(void *p)
{
	test_change_bh_depth(1);
	free(p);
	test_change_bh_depth(-1);
}
