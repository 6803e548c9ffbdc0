// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Who has which buffer of a pool, and since when.
 *
 * Reading a clock takes longer than borrowing a buffer. So the pool has a clock of its own, which
 * threads set now and then.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#ifdef __GLIBC__
#include <execinfo.h>
#endif

#include "bufpool.h"

#define SAMPLE_ONE_IN	128

static uint64_t read_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/**
 * fp_bufpool_read_clock - set a pool's clock
 * @pool: the pool
 */
void fp_bufpool_read_clock(struct framepool_bufpool *pool)
{
	atomic_store_explicit(&pool->clock,
			      read_ns(CLOCK_MONOTONIC_COARSE) / 1000000 / FP_CLOCK_MS & FP_SINCE,
			      memory_order_relaxed);
}

static void sample(struct fp_sample *sample)
{
	sample->ns = read_ns(CLOCK_MONOTONIC);
#ifdef __GLIBC__
	sample->nr = (uint64_t)backtrace(sample->frames, FRAMEPOOL_BUFPOOL_FRAMES + 2);
#else
	sample->nr = 0;
#endif
}

static bool is_sampled(struct framepool_bufpool *pool)
{
	if (pool->leaks == FRAMEPOOL_BUFPOOL_LEAKS_ALL)
		return true;
	return pool->leaks == FRAMEPOOL_BUFPOOL_LEAKS_SAMPLED &&
	       !(atomic_fetch_add_explicit(&pool->nr_sampled, 1, memory_order_relaxed) %
		 SAMPLE_ONE_IN);
}

/**
 * fp_bufpool_note - note who borrowed a buffer
 * @pool: the pool
 * @size: the buffer's size
 * @buffer: the buffer
 * @caller: of whom this thread called
 */
void fp_bufpool_note(struct framepool_bufpool *pool, struct fp_size *size, const void *buffer,
		     void *caller)
{
	size_t index = fp_index_of(size, buffer);

	if (size->samples) {
		struct fp_sample *of = &size->samples[index];

		of->ns = 0;
		if (is_sampled(pool))
			sample(of);
	}
	atomic_store_explicit(&size->callers[index], caller, memory_order_relaxed);
	atomic_store_explicit(&size->states[index], FP_BORROWED | fp_thread_bits() | pool->clock,
			      memory_order_release);
}

/* Whether a thread of this process has that number. */
static bool is_thread(pid_t thread)
{
	return !syscall(SYS_tgkill, getpid(), thread, 0) || errno != ESRCH;
}

static uint64_t age(const struct framepool_bufpool *pool, uint64_t state)
{
	return ((pool->clock - state) & FP_SINCE) * FP_CLOCK_MS * 1000000;
}

static void describe(const struct framepool_bufpool *pool, const struct fp_size *size,
		     size_t which, struct framepool_bufpool_loan *loan)
{
	const struct fp_sample *sample = size->samples ? &size->samples[which] : NULL;
	uint64_t state = size->states[which];

	*loan = (struct framepool_bufpool_loan){
		.pool = pool->name,
		.buffer = size->window + which * size->stride,
		.size = size->size,
		.borrowed = state & FP_BORROWED,
		.holds = (unsigned int)((state & FP_HOLDS) / FP_HOLD),
		.thread = (pid_t)((state & FP_THREAD) >> FP_THREAD_SHIFT),
		.age_ns = state & FP_BORROWED ? age(pool, state) : 0,
	};
	if (pool->leaks != FRAMEPOOL_BUFPOOL_LEAKS_OFF)
		loan->caller = size->callers[which];
	loan->thread_ended = loan->thread && !is_thread(loan->thread);
	if (!sample || !sample->ns)
		return;
	loan->exact = true;
	loan->age_ns = read_ns(CLOCK_MONOTONIC) - sample->ns;
	/* The first are of this library. */
	for (uint64_t i = 2; i < sample->nr; i++)
		loan->backtrace[loan->frames++] = sample->frames[i];
}

size_t framepool_bufpool_report(struct framepool_bufpool *pool,
				void (*call)(const struct framepool_bufpool_loan *loan,
					     void *argument), void *argument)
{
	struct framepool_bufpool_loan loan;
	int err = errno;
	size_t nr = 0;

	if (pool->in_child)
		return 0;
	fp_bufpool_read_clock(pool);
	for (uint32_t i = 0; i < pool->nr_sizes; i++) {
		const struct fp_size *size = &pool->sizes[i];

		for (size_t j = 0; j < size->most; j++) {
			if (!size->states[j])
				continue;
			nr++;
			if (!call)
				continue;
			describe(pool, size, j, &loan);
			call(&loan, argument);
		}
	}
	errno = err;
	return nr;
}

size_t framepool_bufpool_size(const struct framepool_bufpool *pool)
{
	return (size_t)pool->sizes[0].stride;
}

size_t framepool_bufpool_available(struct framepool_bufpool *pool)
{
	const struct fp_size *size = pool->sizes;
	size_t nr, kept = 0;

	if (pool->in_child)
		return 0;
	fp_bufpool_lock(pool);
	nr = size->nr_free + (size->most - size->nr);
	if (nr > (pool->limit - pool->out) / size->stride)
		nr = (size_t)((pool->limit - pool->out) / size->stride);
	for (const struct fp_loans *loans = pool->magazines; loans; loans = loans->next)
		kept += loans->nr;
	nr = pool->closed ? 0 : nr + kept;
	fp_bufpool_unlock(pool);
	return nr;
}

uint64_t framepool_bufpool_memory(struct framepool_bufpool *pool)
{
	uint64_t memory;

	if (pool->in_child)
		return 0;
	fp_bufpool_lock(pool);
	memory = pool->memory;
	fp_bufpool_unlock(pool);
	return memory;
}

size_t framepool_bufpool_waiting(struct framepool_bufpool *pool)
{
	size_t nr;

	if (pool->in_child)
		return 0;
	fp_bufpool_lock(pool);
	nr = pool->nr_waiters;
	fp_bufpool_unlock(pool);
	return nr;
}

uint64_t framepool_bufpool_bad_returns(const struct framepool_bufpool *pool)
{
	return pool->nr_bad;
}
