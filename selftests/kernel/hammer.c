// SPDX-License-Identifier: GPL-2.0-only
/*
 * Workers allocate and free at random, check what they free, and pass blocks to each other through
 * mailboxes. A worker is a thread, or a softirq of one processor.
 *
 * Softirqs are meant to come at the worst moment: from timers that expire some microseconds after
 * they last ended, in the middle of whatever their processor is doing.
 */
#include "hammer.h"

#include <linux/cpu.h>
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/hrtimer.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/prandom.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/smp.h>

#include "block.h"
#include "compat.h"
#include "objects.h"

#define MAX_LIVE	200
#define LARGEST_ORDER	10
#define BULK		16
#define MAILBOXES	64
#define QUICK		8	/* blocks */
#define STEPS		50	/* of a thread before it looks whether to stop */
#define SOFTIRQ_STEPS	1
#define MIN_PAUSE	(20 * NSEC_PER_USEC)
#define PER_CPU		2	/* threads */

/**
 * struct worker - a thread or a softirq that allocates and frees
 * @config: what it does
 * @task: if it is a thread
 * @has_timer: it is a softirq
 * @timer: of the softirq, on one processor
 * @random: state of its random numbers
 * @nr: number of @blocks
 * @blocks: what it has allocated
 * @nr_quick: number of @quick
 * @quick: single pages or pairs that it has allocated
 * @order: log2 of the pages of each of @quick
 * @ops: how many steps it did
 * @failed: a check failed
 */
struct worker {
	const struct hammer_config *config;
	struct task_struct *task;
	bool has_timer;
	struct hrtimer timer;
	struct rnd_state random;
	unsigned int nr;
	struct block blocks[MAX_LIVE];
	unsigned int nr_quick;
	struct page *quick[QUICK];
	unsigned int order;
	u64 ops;
	bool failed;
};

static struct {
	spinlock_t lock;
	struct block block;
} mailboxes[MAILBOXES];

/* All threads and softirqs must end. */
static bool stop;

static u32 below(struct worker *worker, u32 limit)
{
	return prandom_u32_state(&worker->random) % limit;
}

/* Half of them single pages, a quarter pairs, and so on. */
static unsigned int random_order(struct worker *worker)
{
	return min_t(unsigned int, ffs(prandom_u32_state(&worker->random) | BIT(31)) - 1,
		     LARGEST_ORDER);
}

static gfp_t random_gfp(struct worker *worker)
{
	gfp_t zero = below(worker, 8) ? 0 : __GFP_ZERO;

	if (!worker->task)
		return GFP_ATOMIC | zero;
	return (below(worker, 4) ? GFP_KERNEL : GFP_NOWAIT) | zero;
}

static void alloc_one(struct worker *worker)
{
	unsigned int order = random_order(worker);
	gfp_t gfp = random_gfp(worker);
	struct block block;

	if (worker->nr == MAX_LIVE)
		return;
	block.page = framepool_alloc_pages(pool, gfp, order);
	block.order = order;
	if (!block.page)
		return;
	if (gfp & __GFP_ZERO)
		worker->failed |= !CHECK(block_is_zero(&block));
	worker->failed |= !CHECK(IS_ALIGNED(page_to_pfn(block.page), 1UL << order));
	block_stamp(&block, block.page, order);
	worker->blocks[worker->nr++] = block;
}

static struct block remove_one(struct worker *worker)
{
	struct block *victim = &worker->blocks[below(worker, worker->nr)], block = *victim;

	*victim = worker->blocks[--worker->nr];
	return block;
}

static void free_one(struct worker *worker)
{
	struct block block;

	if (!worker->nr)
		return;
	block = remove_one(worker);
	worker->failed |= !block_free(&block);
}

/*
 * Puts a block into a mailbox and frees the one that was there, which somebody else has allocated,
 * perhaps on another processor.
 */
static void pass_one(struct worker *worker)
{
	u32 i = below(worker, MAILBOXES);
	struct block block;

	if (!worker->nr)
		return;
	block = remove_one(worker);
	spin_lock_bh(&mailboxes[i].lock);
	swap(block, mailboxes[i].block);
	spin_unlock_bh(&mailboxes[i].lock);
	if (block.page)
		worker->failed |= !block_free(&block);
}

static void bulk(struct worker *worker)
{
	unsigned int order = below(worker, 4), nr, i;
	struct block blocks[BULK];
	struct page *pages[BULK];

	nr = framepool_alloc_bulk(pool, random_gfp(worker), order, BULK, pages);
	for (i = 0; i < nr; i++)
		block_stamp(&blocks[i], pages[i], order);
	for (i = 0; i < nr; i++)
		worker->failed |= !CHECK(block_is_intact(&blocks[i]));
	/* Some are freed one by one, which goes through the magazines. */
	while (nr > BULK / 2)
		worker->failed |= !block_free(&blocks[--nr]);
	worker->failed |= !CHECK(!framepool_free_bulk(pool, order, nr, pages));
}

/* A free page begins with zero. */
static u64 *mark_of(struct page *page)
{
	return page_address(page);
}

static void quick_alloc(struct worker *worker)
{
	gfp_t gfp = worker->task ? GFP_KERNEL : GFP_ATOMIC;
	struct page *page;

	worker->order = below(worker, 2);
	while (worker->nr_quick < QUICK) {
		page = framepool_alloc_pages(pool, gfp, worker->order);
		if (!page)
			break;
		worker->failed |= !CHECK(!xchg(mark_of(page), (unsigned long)worker));
		worker->quick[worker->nr_quick++] = page;
	}
}

static void quick_free(struct worker *worker)
{
	while (worker->nr_quick) {
		struct page *page = worker->quick[--worker->nr_quick];

		worker->failed |= !CHECK(xchg(mark_of(page), 0) == (unsigned long)worker);
		worker->failed |= !CHECK(!framepool_free_pages(pool, page, worker->order));
	}
}

/* In turn, so that a softirq leaves a magazine changed. */
static void quick(struct worker *worker)
{
	if (worker->nr_quick)
		quick_free(worker);
	else
		quick_alloc(worker);
}

static void step(struct worker *worker)
{
	u32 what = below(worker, 32);

	worker->ops++;
	if (worker->config->objects)
		worker->failed |= !objects_step(random_gfp(worker) & ~__GFP_ZERO,
						prandom_u32_state(&worker->random));
	else if (worker->config->quick)
		quick(worker);
	else if (what < 16)
		alloc_one(worker);
	else if (what == 16)
		bulk(worker);
	else if (what < 20 || worker->config->pass)
		pass_one(worker);
	else
		free_one(worker);
}

static int work(void *data)
{
	struct worker *worker = data;
	u32 i;

	while (!READ_ONCE(stop)) {
		for (i = 0; i < STEPS; i++)
			step(worker);
		cond_resched();
	}
	return 0;
}

static enum hrtimer_restart work_in_softirq(struct hrtimer *timer)
{
	struct worker *worker = container_of(timer, struct worker, timer);
	u32 i;

	for (i = 0; i < SOFTIRQ_STEPS; i++)
		step(worker);
	/* Counted from now, so that threads make progress however slow this is. */
	hrtimer_forward_now(timer, ns_to_ktime(MIN_PAUSE + below(worker, MIN_PAUSE)));
	return READ_ONCE(stop) ? HRTIMER_NORESTART : HRTIMER_RESTART;
}

static void start_timer(void *info)
{
	struct worker *worker = info;

	hrtimer_start(&worker->timer, ns_to_ktime(MIN_PAUSE), HRTIMER_MODE_REL_PINNED_SOFT);
}

static int drain(void *data)
{
	while (!READ_ONCE(stop)) {
		framepool_drain(pool);
		cond_resched();
	}
	return 0;
}

/* Threads, to be stopped together. */
struct crew {
	struct task_struct *tasks[4 * NR_CPUS];
	u32 nr;
};

static int hire(struct crew *crew, int (*run)(void *data), void *data, int cpu)
{
	struct task_struct *task;

	if (crew->nr == ARRAY_SIZE(crew->tasks))
		return -ENOSPC;
	task = kthread_create(run, data, "fp_hammer/%u", crew->nr);
	if (IS_ERR(task))
		return PTR_ERR(task);
	if (cpu >= 0)
		kthread_bind(task, cpu);
	crew->tasks[crew->nr++] = get_task_struct(task);
	return 0;
}

static void dismiss(struct crew *crew)
{
	WRITE_ONCE(stop, true);
	while (crew->nr) {
		struct task_struct *task = crew->tasks[--crew->nr];

		kthread_stop(task);
		put_task_struct(task);
	}
}

static struct worker *make_workers(const struct hammer_config *config, u32 nr)
{
	struct worker *workers = kvcalloc(nr, sizeof(*workers), GFP_KERNEL);
	u32 i;

	for (i = 0; workers && i < nr; i++) {
		workers[i].config = config;
		prandom_seed_state(&workers[i].random, i + 1);
	}
	return workers;
}

static int hire_all(struct crew *crew, const struct hammer_config *config, struct worker *workers)
{
	u32 nr = 0, i;
	int cpu, ret = 0;

	for_each_online_cpu(cpu) {
		for (i = 0; !ret && i < PER_CPU; i++, nr++) {
			ret = hire(crew, work, &workers[nr], config->bound ? cpu : -1);
			workers[nr].task = ret ? NULL : crew->tasks[crew->nr - 1];
		}
		if (!ret && config->drain)
			ret = hire(crew, drain, NULL, cpu);
		if (!ret && config->softirqs) {
			fp_hrtimer_setup(&workers[nr].timer, work_in_softirq, CLOCK_MONOTONIC,
					 HRTIMER_MODE_REL_PINNED_SOFT);
			workers[nr].has_timer = true;
			ret = smp_call_function_single(cpu, start_timer, &workers[nr++], 1);
		}
	}
	return ret;
}

static void stop_softirqs(struct worker *workers, u32 nr)
{
	u32 i;

	for (i = 0; i < nr; i++)
		if (workers[i].has_timer)
			hrtimer_cancel(&workers[i].timer);
}

static bool empty_mailboxes(void)
{
	bool ok = true;
	u32 i;

	for (i = 0; i < MAILBOXES; i++)
		if (mailboxes[i].block.page)
			ok &= block_free(&mailboxes[i].block);
	return ok;
}

/* Each worker must have done something, and nothing wrong. Frees what they have left. */
static bool settle(struct worker *workers, u32 nr)
{
	bool ok = empty_mailboxes();
	u64 threads = 0, softirqs = 0;
	u32 i;

	for (i = 0; i < nr; i++) {
		struct worker *worker = &workers[i];

		if (worker->task || worker->has_timer)
			ok &= CHECK(worker->ops);
		*(worker->task ? &threads : &softirqs) += worker->ops;
		while (worker->nr)
			ok &= block_free(&worker->blocks[--worker->nr]);
		quick_free(worker);
		ok &= !worker->failed;
	}
	pr_info("framepool_api_test: %llu calls of threads, %llu of softirqs\n", threads, softirqs);
	return ok;
}

/* Return: 0; -EBADMSG if the pool made a mistake; another error if it could not be done. */
int hammer(const struct hammer_config *config)
{
	u32 nr = (PER_CPU + 1) * num_possible_cpus(), i;
	struct crew *crew = kvzalloc(sizeof(*crew), GFP_KERNEL);
	struct worker *workers = make_workers(config, nr);
	int ret = -ENOMEM;

	if (!crew || !workers || (config->objects && !objects_begin()))
		goto out;
	for (i = 0; i < MAILBOXES; i++)
		spin_lock_init(&mailboxes[i].lock);
	cpus_read_lock();
	ret = hire_all(crew, config, workers);
	for (i = 0; i < crew->nr; i++)
		wake_up_process(crew->tasks[i]);
	cpus_read_unlock();
	/* A signal ends it sooner. */
	msleep_interruptible(config->ms);
	dismiss(crew);
	stop_softirqs(workers, nr);
	if (!settle(workers, nr))
		ret = -EBADMSG;
	if (config->objects && !objects_end())
		ret = -EBADMSG;
	framepool_drain(pool);
out:
	kvfree(workers);
	kvfree(crew);
	return ret;
}
