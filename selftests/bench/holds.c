// SPDX-License-Identifier: GPL-2.0-only
/*
 * How long spinlocks are held. The program is linked so that its calls of pthread_mutex_lock() and
 * pthread_mutex_unlock() come here (--wrap of the linker). They stand for spinlocks where softirqs
 * are disabled, for mutexes elsewhere.
 *
 * A hold begins with the first lock that is taken and ends when none is held any more. Reading the
 * clock is part of it, some tenths of a microsecond. Of the n-th hold of each round, the least time
 * counts, because the host disturbs some hold in each round. One thread only.
 */
#include "scale.h"

int __real_pthread_mutex_lock(pthread_mutex_t *lock);
int __real_pthread_mutex_unlock(pthread_mutex_t *lock);
int __wrap_pthread_mutex_lock(pthread_mutex_t *lock);
int __wrap_pthread_mutex_unlock(pthread_mutex_t *lock);

static struct holds *watching;
static u32 nr_held;
static u64 since;

static void grow(struct holds *holds)
{
	holds->room = max(2 * holds->room, 64u);
	holds->least = realloc(holds->least, holds->room * sizeof(*holds->least));
	if (!holds->least) {
		fprintf(stderr, "bench_scale: no memory for %u holds\n", holds->room);
		exit(1);
	}
}

static void note(struct holds *holds, u64 time)
{
	u32 at = holds->at++;

	if (at == holds->room)
		grow(holds);
	if (at == holds->nr)
		holds->least[holds->nr++] = time;
	else
		holds->least[at] = min(holds->least[at], time);
}

int __wrap_pthread_mutex_lock(pthread_mutex_t *lock)
{
	if (test_bh_depth && !nr_held++ && unlikely(watching))
		since = scale_now();
	return __real_pthread_mutex_lock(lock);
}

int __wrap_pthread_mutex_unlock(pthread_mutex_t *lock)
{
	if (test_bh_depth && !--nr_held && unlikely(watching))
		note(watching, scale_now() - since);
	return __real_pthread_mutex_unlock(lock);
}

/**
 * holds_begin() - begin a round
 * @holds: all rounds up to now; all zero before the first
 *
 * No lock is held.
 */
void holds_begin(struct holds *holds)
{
	holds->at = 0;
	watching = holds;
}

/**
 * holds_end() - end a round
 */
void holds_end(void)
{
	watching = NULL;
}

/**
 * holds_longest() - the result of all rounds
 * @holds: the rounds; unusable afterwards
 *
 * Return: nanoseconds of the longest hold.
 */
struct bench_value holds_longest(struct holds *holds)
{
	u64 longest = 0;
	u32 i;

	for (i = 0; i < holds->nr; i++)
		longest = max(longest, holds->least[i]);
	free(holds->least);
	return (struct bench_value){ longest, longest, longest };
}
