// SPDX-License-Identifier: GPL-2.0-only
/*
 * The compactor makes room in the background, so that those who need a long run do not wait for it:
 * it keeps the longest empty run at least as long as an administrator wants, or as all that is
 * empty.
 *
 * A worker of the lowest priority looks once a second. If it could not make the run, nothing but
 * an allocation or a free is likely to change that, so it does not try again before, or before a
 * delay that doubles each time, since pins and references end without an event. It gives up when
 * somebody else wants to move something, and has his priority until it did.
 */
#include "user/compactor.h"

#include <linux/err.h>
#include <linux/freezer.h>
#include <linux/kthread.h>

#include "user/compact.h"

#define MIN_DELAY	HZ
#define MAX_DELAY	(64 * HZ)

static u64 nr_events(struct fp_pool *pool)
{
	return atomic64_read(&pool->nr_allocs) + atomic64_read(&pool->nr_frees) +
	       READ_ONCE(pool->buddy.nr_released);
}

/* As be_slow() of the quarantine: somebody may have raised it while he waited. */
static void be_slow(struct fp_movables *movables)
{
	if (atomic_read(&movables->nr_waiting) || task_nice(current) == MAX_NICE)
		return;
	set_user_nice(current, MAX_NICE);
	if (atomic_read(&movables->nr_waiting))
		set_user_nice(current, 0);
}

/* How long the longest empty run should be, in huge frames. */
static u32 nr_wanted(struct fp_pool *pool)
{
	u64 bytes = READ_ONCE(pool->movables.min_largest);
	u64 nr = DIV_ROUND_UP_ULL(bytes, PAGE_SIZE * FP_HUGE_FRAMES);

	nr = min_t(u64, nr, pool->source.largest);
	return min_t(u64, nr, READ_ONCE(pool->buddy.runs.nr_empty));
}

static void wait_a_while(struct fp_movables *movables)
{
	bool is_on = READ_ONCE(movables->min_largest);

	wait_event_freezable_timeout(movables->compactor_wait,
				     kthread_should_stop() || READ_ONCE(movables->kicked),
				     is_on ? MIN_DELAY : MAX_SCHEDULE_TIMEOUT);
}

static int worker(void *data)
{
	struct fp_pool *pool = data;
	unsigned long delay = MIN_DELAY, next = jiffies;
	u64 events = 0, now;
	bool failed;
	u32 nr;

	set_freezable();
	while (!kthread_should_stop()) {
		be_slow(&pool->movables);
		wait_a_while(&pool->movables);
		now = nr_events(pool);
		if (!xchg(&pool->movables.kicked, false) && now == events &&
		    time_before(jiffies, next))
			continue;
		nr = nr_wanted(pool);
		failed = nr && fp_compact_in_background(pool, nr);
		delay = failed && now == events ? min(2 * delay, (unsigned long)MAX_DELAY) :
						  MIN_DELAY;
		next = jiffies + delay;
		events = nr_events(pool);
	}
	return 0;
}

/**
 * fp_compactor_create() - start the compactor of a pool
 * @pool: the pool
 * @min_largest: as for fp_compactor_set()
 *
 * Context: may sleep.
 * Return: 0; -ENOMEM; -EINTR: killed.
 */
int fp_compactor_create(struct fp_pool *pool, u64 min_largest)
{
	struct task_struct *task;

	pool->movables.min_largest = min_largest;
	task = kthread_run(worker, pool, "framepool-move/%s", pool->name);
	if (IS_ERR(task))
		return PTR_ERR(task);
	pool->movables.compactor = task;
	return 0;
}

/**
 * fp_compactor_destroy() - stop the compactor of a pool
 * @pool: the pool; nobody else uses it any more
 *
 * Context: may sleep.
 */
void fp_compactor_destroy(struct fp_pool *pool)
{
	kthread_stop(pool->movables.compactor);
}

/**
 * fp_compactor_set() - say how long the longest empty run should be
 * @pool: the pool
 * @min_largest: bytes; 0: the compactor does nothing
 *
 * Context: process.
 */
void fp_compactor_set(struct fp_pool *pool, u64 min_largest)
{
	WRITE_ONCE(pool->movables.min_largest, min_largest);
	WRITE_ONCE(pool->movables.kicked, true);
	wake_up(&pool->movables.compactor_wait);
}
