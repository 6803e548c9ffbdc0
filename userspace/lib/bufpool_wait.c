// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Pools of buffers under their lock: lending, taking back, and waiting.
 *
 * Invariants, under the lock:
 *  W1  out is the size of all buffers that are lent, in magazines, or given to waiters;
 *      out <= limit;
 *  W2  only the first waiter may be urgent, and only an urgent one has buffers already;
 *  W3  while it is, whatever comes back is given to it, and newcomers get nothing;
 *  W4  otherwise, if there is enough for a waiter, so many are awake and will look;
 *  W5  the first waiter has a timer, or is awake.
 *
 * So who comes while others wait may be faster. Nobody has to be woken for that, so it is good for
 * all. But a waiter becomes urgent when it has been the first for URGENT_NS. To hand over all that
 * comes back while anybody waits would be fair, too, but each time cost a switch between threads.
 *
 * A waiter sleeps on a futex, without the lock. Those who wake it do so after they have released
 * the lock.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "bufpool.h"

#define URGENT_NS	1000000
#define PACE_NS		100000
#define PACE_CHECK	16
#define CLOCK_EVERY	64

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void wake(_Atomic uint32_t *futex)
{
	syscall(SYS_futex, futex, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

/* Sleeps while *@futex is @value, until @until; INT64_MAX: for ever. May return for no reason. */
static void sleep_on(_Atomic uint32_t *futex, uint32_t value, int64_t until)
{
	struct timespec time = {
		.tv_sec = (time_t)(until / 1000000000), .tv_nsec = (long)(until % 1000000000),
	};

	syscall(SYS_futex, futex, FUTEX_WAIT_BITSET_PRIVATE, value,
		until == INT64_MAX ? NULL : &time, NULL, FUTEX_BITSET_MATCH_ANY);
}

void fp_bufpool_lock(struct framepool_bufpool *pool)
{
	pthread_mutex_lock(&pool->lock);
}

static bool has_for(const struct framepool_bufpool *pool, const struct fp_size *size, uint64_t need)
{
	return need <= size->nr_free + (size->most - size->nr) &&
	       need * size->stride <= pool->limit - pool->out;
}

static void update_event_locked(struct framepool_bufpool *pool)
{
	bool readable = pool->closed || (!pool->urgent && has_for(pool, &pool->sizes[0], 1));
	uint64_t value = 1;

	if (readable == pool->is_signalled)
		return;
	pool->is_signalled = readable;
	if (readable ? write(pool->event, &value, sizeof(value)) < 0 :
		       read(pool->event, &value, sizeof(value)) < 0)
		pool->is_signalled = !readable;
}

/* Releases the lock, and wakes whom the holder wanted to wake. */
void fp_bufpool_unlock(struct framepool_bufpool *pool)
{
	_Atomic uint32_t *wakes[FP_WAKES];
	uint32_t nr = pool->nr_wakes;

	for (uint32_t i = 0; i < nr; i++)
		wakes[i] = pool->wakes[i];
	pool->nr_wakes = 0;
	if (pool->event >= 0)
		update_event_locked(pool);
	pthread_mutex_unlock(&pool->lock);
	while (nr--)
		wake(wakes[nr]);
}

static uint64_t bytes_of(const struct fp_waiter *waiter)
{
	return waiter->need * waiter->size->stride;
}

static void wake_locked(struct framepool_bufpool *pool, struct fp_waiter *waiter,
			enum fp_waiter_state state)
{
	pool->looking += bytes_of(waiter) * ((state == FP_LOOKS) - (waiter->state == FP_LOOKS));
	atomic_store_explicit(&waiter->state, state, memory_order_release);
	if (pool->nr_wakes == FP_WAKES)
		wake(&waiter->state);
	else
		pool->wakes[pool->nr_wakes++] = &waiter->state;
}

static bool grow_locked(struct framepool_bufpool *pool, struct fp_size *size)
{
	int err = errno;
	bool grown = fp_bufpool_take_memory(pool, size);

	if (!grown)
		pool->refusal = errno;
	errno = err;
	return grown;
}

/*
 * Takes up to @count buffers. If the kernel gives no memory for more, the pool's refusal says why.
 */
static size_t take_locked(struct framepool_bufpool *pool, struct fp_size *size, void **buffers,
			  size_t count)
{
	size_t nr = 0;

	while (nr < count) {
		void *buffer;

		if (pool->limit - pool->out < size->stride)
			break;
		if (!size->nr_free && (size->nr == size->most || !grow_locked(pool, size)))
			break;
		buffer = size->free[--size->nr_free];
		pool->out += size->stride;
		if (size->states[fp_index_of(size, buffer)])
			pool->nr_bad++;		/* it was returned twice: see bufpool.c */
		else
			buffers[nr++] = buffer;
	}
	return nr;
}

static void push_locked(struct framepool_bufpool *pool, void *buffer)
{
	size_t index;
	struct fp_size *size = fp_bufpool_find(pool, buffer, &index);

	size->free[size->nr_free++] = buffer;
	pool->out -= size->stride;
}

static void enqueue(struct framepool_bufpool *pool, struct fp_waiter *waiter)
{
	waiter->next = NULL;
	waiter->link = pool->last_waiter;
	*pool->last_waiter = waiter;
	pool->last_waiter = &waiter->next;
	pool->nr_waiters++;
}

/* It has looked, or begins to wait. */
static void set_sleeping(struct framepool_bufpool *pool, struct fp_waiter *waiter)
{
	if (waiter->state == FP_LOOKS)
		pool->looking -= bytes_of(waiter);
	atomic_store_explicit(&waiter->state, FP_SLEEPS, memory_order_relaxed);
}

/* The next one, if it is the first now, wakes up to set its timer. */
static void dequeue(struct framepool_bufpool *pool, struct fp_waiter *waiter)
{
	struct fp_waiter *next = waiter->next;

	set_sleeping(pool, waiter);
	*waiter->link = next;
	if (next)
		next->link = waiter->link;
	else
		pool->last_waiter = waiter->link;
	pool->nr_waiters--;
	if (pool->urgent == waiter)
		pool->urgent = NULL;
	if (next && next == pool->waiters && next->state == FP_SLEEPS)
		wake_locked(pool, next, FP_LOOKS);
}

/* Gives the urgent waiter what there is; returns whether it has enough. */
static bool serve_urgent_locked(struct framepool_bufpool *pool)
{
	struct fp_waiter *waiter = pool->urgent;

	waiter->got += take_locked(pool, waiter->size, waiter->buffers + waiter->got,
				   waiter->need - waiter->got);
	if (waiter->got < waiter->need)
		return false;
	dequeue(pool, waiter);
	wake_locked(pool, waiter, FP_SERVED);
	return true;
}

/* Whether the first waiter is to be served now. Its own timer takes care of that, too. */
static bool is_due(struct framepool_bufpool *pool)
{
	int64_t now;

	if (++pool->nr_served % PACE_CHECK)
		return false;
	now = now_ns();
	if (now - pool->waiters->since < URGENT_NS || now - pool->handed_over < PACE_NS)
		return false;
	pool->handed_over = now;
	return true;
}

/* Lets as many waiters look as there may be enough for. */
static void serve_locked(struct framepool_bufpool *pool)
{
	uint64_t left;

	if (!pool->urgent && pool->waiters && is_due(pool))
		pool->urgent = pool->waiters;
	if (pool->urgent && !serve_urgent_locked(pool))
		return;
	left = pool->limit - pool->out;
	if (left <= pool->looking)
		return;
	left -= pool->looking;
	for (struct fp_waiter *waiter = pool->waiters; waiter; waiter = waiter->next) {
		if (waiter->state != FP_SLEEPS || bytes_of(waiter) > left ||
		    !has_for(pool, waiter->size, waiter->need))
			continue;
		left -= bytes_of(waiter);
		wake_locked(pool, waiter, FP_LOOKS);
	}
}

/**
 * fp_bufpool_put_locked - put buffers into the pool
 * @pool: the pool, whose lock is held
 * @buffers: the buffers
 * @count: how many
 */
void fp_bufpool_put_locked(struct framepool_bufpool *pool, void * const *buffers, size_t count)
{
	for (size_t i = 0; i < count; i++)
		push_locked(pool, buffers[i]);
	if (pool->waiters && count)
		serve_locked(pool);
}

/* Threads may use magazines again when a quarter of the buffers is in the pool. */
static void end_scarcity_locked(struct framepool_bufpool *pool)
{
	if (pool->capacity && !pool->waiters && !pool->closed && pool->event < 0 &&
	    pool->limit - pool->out >= pool->limit / 4)
		pool->index = pool->keeper.index;
}

/**
 * fp_bufpool_take_back - take buffers back that were lent, or are too many for a magazine
 * @pool: the pool
 * @buffers: the buffers
 * @count: how many
 */
void fp_bufpool_take_back(struct framepool_bufpool *pool, void * const *buffers, size_t count)
{
	fp_bufpool_lock(pool);
	fp_bufpool_put_locked(pool, buffers, count);
	if (fp_bufpool_is_scarce(pool))
		end_scarcity_locked(pool);
	fp_bufpool_unlock(pool);
}

/**
 * fp_bufpool_refill - take buffers for a magazine
 * @pool: the pool
 * @buffers: room for @count buffers
 * @count: how many are wanted
 *
 * errno is left alone.
 *
 * Return: how many there are.
 */
uint32_t fp_bufpool_refill(struct framepool_bufpool *pool, void **buffers, uint32_t count)
{
	uint32_t nr = 0;

	fp_bufpool_lock(pool);
	fp_bufpool_read_clock(pool);
	if (!fp_bufpool_is_scarce(pool) && !pool->closed)
		nr = (uint32_t)take_locked(pool, pool->sizes, buffers, count);
	fp_bufpool_unlock(pool);
	return nr;
}

/*
 * Takes what a waiter that is not urgent needs, or nothing. The pool's refusal is EAGAIN then, or
 * what the kernel says.
 */
static bool take_all_locked(struct framepool_bufpool *pool, struct fp_waiter *waiter)
{
	size_t got;

	pool->refusal = EAGAIN;
	if (pool->urgent)
		return false;
	got = take_locked(pool, waiter->size, waiter->buffers, waiter->need);
	if (got < waiter->need && fp_bufpool_drain(pool))
		got += take_locked(pool, waiter->size, waiter->buffers + got, waiter->need - got);
	if (got == waiter->need)
		return true;
	while (got)
		push_locked(pool, waiter->buffers[--got]);
	return false;
}

/* Ends the wait without success. Others get what the waiter was given, or woken for. */
static void give_up_locked(struct framepool_bufpool *pool, struct fp_waiter *waiter)
{
	dequeue(pool, waiter);
	while (waiter->got)
		push_locked(pool, waiter->buffers[--waiter->got]);
	serve_locked(pool);
}

static int64_t earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* Sleeps without the lock. Returns whether the waiter was served; then the lock is not held. */
static bool sleep_unlocked(struct framepool_bufpool *pool, struct fp_waiter *waiter, int64_t until)
{
	set_sleeping(pool, waiter);
	fp_bufpool_unlock(pool);
	sleep_on(&waiter->state, FP_SLEEPS, until);
	if (atomic_load_explicit(&waiter->state, memory_order_acquire) == FP_SERVED)
		return true;
	fp_bufpool_lock(pool);
	return waiter->state == FP_SERVED ? (fp_bufpool_unlock(pool), true) : false;
}

/* Looks whether there is enough. Returns 0, EAGAIN if not, or the error that ends the wait. */
static int look_locked(struct framepool_bufpool *pool, struct fp_waiter *waiter, int64_t now,
		       int64_t urgent, int64_t deadline)
{
	if (pool->closed)
		return ESHUTDOWN;
	if (pool->urgent != waiter) {
		if (take_all_locked(pool, waiter)) {
			dequeue(pool, waiter);
			return 0;
		}
		if (pool->refusal == ENODEV)
			return ENODEV;
		if (now >= urgent) {
			pool->urgent = waiter;
			if (serve_urgent_locked(pool))
				return 0;
		}
	}
	return now >= deadline ? ETIMEDOUT : EAGAIN;
}

/* Waits until @waiter has what it needs. Returns 0, or an error. Releases the lock. */
static int wait_locked(struct framepool_bufpool *pool, struct fp_waiter *waiter, int64_t timeout_ns)
{
	int64_t now = now_ns(), urgent = INT64_MAX, deadline = INT64_MAX;
	int err, saved = errno;

	if (timeout_ns >= 0 && timeout_ns < INT64_MAX - now)
		deadline = now + timeout_ns;
	waiter->since = now;
	enqueue(pool, waiter);
	do {
		if (pool->waiters == waiter && urgent == INT64_MAX)
			urgent = now + URGENT_NS;
		if (sleep_unlocked(pool, waiter, pool->urgent == waiter ?
							 deadline :
							 earlier(urgent, deadline))) {
			errno = saved;
			return 0;
		}
		now = now_ns();
		err = look_locked(pool, waiter, now, urgent, deadline);
	} while (err == EAGAIN);
	if (err)
		give_up_locked(pool, waiter);
	fp_bufpool_unlock(pool);
	errno = saved;
	return err;
}

/* Whether somebody who returns a buffer can help after an error. */
static bool is_worth_waiting(const struct framepool_bufpool *pool, int err)
{
	return err == EAGAIN ||
	       (pool->out && (err == ENOMEM || err == ENOSPC || err == EDQUOT || err == ENOBUFS));
}

/* Lends without noting to whom. */
static int lend(struct framepool_bufpool *pool, struct fp_waiter *waiter, int64_t timeout_ns)
{
	int err = 0;

	fp_bufpool_lock(pool);
	if (!(pool->nr_lent++ % CLOCK_EVERY))
		fp_bufpool_read_clock(pool);
	if (pool->closed)
		err = ESHUTDOWN;
	else if (!take_all_locked(pool, waiter))
		err = pool->refusal;
	if (err && timeout_ns && is_worth_waiting(pool, err))
		return wait_locked(pool, waiter, timeout_ns);
	fp_bufpool_unlock(pool);
	return err;
}

/**
 * fp_bufpool_lend - lend buffers that are not in the thread's magazine
 * @pool: the pool
 * @size: their size
 * @buffers: room for them
 * @count: how many
 * @timeout_ns: as for framepool_bufpool_borrow()
 * @caller: whom to note
 *
 * Return: 0, or -1 with errno.
 */
int fp_bufpool_lend(struct framepool_bufpool *pool, struct fp_size *size, void **buffers,
		    size_t count, int64_t timeout_ns, void *caller)
{
	struct fp_waiter waiter = { .size = size, .need = count, .buffers = buffers };
	int err;

	if (pool->in_child)
		err = EPERM;
	else if (count > size->most)
		err = EINVAL;
	else
		err = lend(pool, &waiter, timeout_ns);
	if (err) {
		errno = err;
		return -1;
	}
	for (size_t i = 0; i < count; i++)
		fp_bufpool_note(pool, size, buffers[i], caller);
	return 0;
}

void framepool_bufpool_close(struct framepool_bufpool *pool)
{
	if (pool->in_child)
		return;
	fp_bufpool_lock(pool);
	pool->closed = true;
	fp_bufpool_drain(pool);
	for (struct fp_waiter *waiter = pool->waiters; waiter; waiter = waiter->next)
		wake_locked(pool, waiter, FP_LOOKS);
	fp_bufpool_unlock(pool);
}

int framepool_bufpool_fd(struct framepool_bufpool *pool)
{
	int err = errno;

	if (pool->in_child) {
		errno = EPERM;
		return -1;
	}
	fp_bufpool_lock(pool);
	if (pool->event < 0) {
		pool->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (pool->event < 0)
			err = errno;
		else
			fp_bufpool_drain(pool);
	}
	fp_bufpool_unlock(pool);
	errno = err;
	return pool->event;
}
