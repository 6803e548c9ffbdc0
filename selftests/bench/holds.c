// SPDX-License-Identifier: GPL-2.0-only
/*
 * How long spinlocks are held. The program is linked so that its calls of pthread_mutex_lock() and
 * pthread_mutex_unlock(), which stand for spinlocks, come here (--wrap of the linker).
 *
 * What is measured begins with the first lock that is taken and ends when none is held any more.
 * Reading the clock is part of it, some tenths of a microsecond. One thread only.
 */
#include "scale.h"

int __real_pthread_mutex_lock(pthread_mutex_t *lock);
int __real_pthread_mutex_unlock(pthread_mutex_t *lock);
int __wrap_pthread_mutex_lock(pthread_mutex_t *lock);
int __wrap_pthread_mutex_unlock(pthread_mutex_t *lock);

static bool watching;
static u32 nr_held;
static u64 since, longest;

int __wrap_pthread_mutex_lock(pthread_mutex_t *lock)
{
	if (!nr_held++ && unlikely(watching))
		since = scale_now();
	return __real_pthread_mutex_lock(lock);
}

int __wrap_pthread_mutex_unlock(pthread_mutex_t *lock)
{
	if (!--nr_held && unlikely(watching))
		longest = max(longest, scale_now() - since);
	return __real_pthread_mutex_unlock(lock);
}

/**
 * holds_begin() - begin to watch
 *
 * No lock is held.
 */
void holds_begin(void)
{
	watching = true;
	longest = 0;
}

/**
 * holds_end() - stop watching
 *
 * Return: nanoseconds of the longest time that a lock was held since holds_begin().
 */
u64 holds_end(void)
{
	watching = false;
	return longest;
}
