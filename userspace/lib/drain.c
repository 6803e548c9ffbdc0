// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * How one thread takes what others use without a lock: magazines of pools of buffers and of heaps.
 *
 * The thread that a magazine belongs to uses it without a lock, an atomic instruction or a barrier:
 *
 *     the thread                       who needs what is in all magazines
 *     busy = 1                         nobody may use magazines from now on
 *     (the compiler keeps the order)   membarrier(2)
 *     if (magazines may be used)       wait until it is not busy
 *         use the magazine             empty its magazine
 *     busy = 0
 *
 * membarrier() makes each running thread of the process execute a barrier. A thread that had looked
 * at whether it may use its magazine by then has its busy visible. One that had not sees that it
 * may not. Where the kernel has no membarrier(2), there are no magazines.
 */
#define _GNU_SOURCE
#include <linux/membarrier.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "drain.h"

static int membarrier(int command)
{
	return (int)syscall(SYS_membarrier, command, 0, 0);
}

/**
 * fp_can_drain - whether magazines can be emptied
 *
 * Return: whether the kernel can do that for this process.
 */
bool fp_can_drain(void)
{
	return !membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED);
}

/**
 * fp_drain_begin - make all threads see what this one has said
 *
 * This may change errno.
 */
void fp_drain_begin(void)
{
	if (membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED))
		abort();
}

/**
 * fp_wait_until_idle - wait until a thread does not use its magazines
 * @busy: whether it does
 *
 * A thread is busy for some ten instructions, unless it has lost its processor amid them. This may
 * change errno.
 */
void fp_wait_until_idle(_Atomic uint32_t *busy)
{
	const struct timespec pause = { .tv_nsec = 50000 };

	for (int i = 0; atomic_load_explicit(busy, memory_order_acquire); i++)
		if (i < 100)
			sched_yield();
		else
			nanosleep(&pause, NULL);
}
