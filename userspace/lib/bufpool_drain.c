// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Magazines of pools of buffers, and how they are emptied for others.
 *
 * How that works without a lock is said in drain.c.
 *
 * Whether the pool is scarce is said by its index: with FP_SCARCE, no thread finds a magazine.
 */
#include <errno.h>
#include <stdlib.h>

#include "bufpool.h"
#include "drain.h"

static void empty_locked(struct framepool_bufpool *pool, struct fp_loans *magazine)
{
	void *buffers[FP_MOVE_MAX];
	uint32_t nr = magazine->nr;

	magazine->nr = 0;
	while (nr) {
		uint32_t some = 0;

		while (nr && some < FP_MOVE_MAX)
			buffers[some++] = magazine->buffers[--nr];
		fp_bufpool_put_locked(pool, buffers, some);
	}
}

/**
 * fp_bufpool_drain - empty all magazines
 * @pool: the pool, whose lock is held
 *
 * Return: whether there may be more buffers in the pool than before.
 */
bool fp_bufpool_drain(struct framepool_bufpool *pool)
{
	int err = errno;

	if (fp_bufpool_is_scarce(pool))
		return false;
	pool->index = FP_SCARCE;
	if (!pool->magazines)
		return false;
	fp_drain_begin();
	for (struct fp_loans *magazine = pool->magazines; magazine; magazine = magazine->next) {
		fp_wait_until_idle(magazine->busy);
		empty_locked(pool, magazine);
	}
	errno = err;
	return true;
}

/**
 * fp_loans_create - create this thread's magazine
 * @pool: the pool, of which the thread has none yet
 *
 * errno is left alone.
 *
 * Return: the magazine, or NULL if there is no memory.
 */
struct fp_loans *fp_loans_create(struct framepool_bufpool *pool)
{
	struct fp_loans *magazine;
	int err = errno;

	magazine = malloc(sizeof(*magazine));
	if (!magazine) {
		errno = err;
		return NULL;
	}
	*magazine = (struct fp_loans){
		.pool = pool, .capacity = pool->capacity, .countdown = 1, .busy = &fp_bufpool_busy,
		.state = FP_BORROWED | fp_thread_bits() | pool->clock,
	};
	if (!fp_keep(&pool->keeper, magazine)) {
		free(magazine);
		errno = err;
		return NULL;
	}
	fp_bufpool_lock(pool);
	magazine->next = pool->magazines;
	magazine->link = &pool->magazines;
	if (magazine->next)
		magazine->next->link = &magazine->next;
	pool->magazines = magazine;
	fp_bufpool_unlock(pool);
	errno = err;
	return magazine;
}

/* What the thread has borrowed remains borrowed: see framepool_bufpool_report(). */
static void give_back(void *kept)
{
	struct fp_loans *magazine = kept;
	struct framepool_bufpool *pool = magazine->pool;

	if (pool->in_child)
		return;
	fp_bufpool_lock(pool);
	*magazine->link = magazine->next;
	if (magazine->next)
		magazine->next->link = magazine->link;
	empty_locked(pool, magazine);
	fp_bufpool_unlock(pool);
}

static void begin_child(struct fp_keeper *keeper)
{
	struct framepool_bufpool *pool = (struct framepool_bufpool *)keeper;

	pool->in_child = true;
	pool->index = FP_SCARCE;
}

static void empty(void *kept)
{
	struct fp_loans *magazine = kept;

	magazine->nr = 0;
}

const struct fp_keeper_ops fp_bufpool_ops = {
	.give_back = give_back,
	.forget = free,
	.empty = empty,
	.begin_child = begin_child,
};
