// SPDX-License-Identifier: GPL-2.0-only
/*
 * A pool: memory from a source, a buddy over it, and a quarantine. What comes out of
 * fp_pool_alloc() is zero, whatever it was before.
 */
#define pr_fmt(fmt) "framepool: " fmt

#include "pool.h"

#include <linux/ctype.h>
#include <linux/err.h>
#include <linux/highmem.h>
#include <linux/mm.h>
#include <linux/slab.h>

/* How often to try again while memory comes free; by then all of the quarantine was seen. */
#define MAX_TRIES	32

/**
 * fp_pool_pfn() - where a frame is
 * @pool: the pool
 * @frame: index of an allocated frame
 *
 * Return: its PFN. Within a run PFNs are consecutive.
 */
unsigned long fp_pool_pfn(const struct fp_pool *pool, u64 frame)
{
	return fp_buddy_pfn(&pool->buddy, frame);
}

/**
 * fp_pool_total_frames() - size of a pool
 * @pool: the pool
 *
 * Return: frames.
 */
u64 fp_pool_total_frames(const struct fp_pool *pool)
{
	return (u64)pool->source.nr * FP_HUGE_FRAMES;
}

static void clear_run(const struct fp_pool *pool, const struct fp_run *run)
{
	unsigned long pfn = fp_pool_pfn(pool, run->frame);
	u64 i;

	for (i = 0; i < run->nr; i++) {
		clear_highpage(pfn_to_page(pfn + i));
		cond_resched();
	}
}

/**
 * fp_pool_count_failure() - count an allocation that failed
 * @pool: the pool
 * @error: why
 *
 * Context: any.
 */
void fp_pool_count_failure(struct fp_pool *pool, int error)
{
	if (error == -ENOMEM)
		atomic64_inc(&pool->nr_nomem);
	else if (error == -ENOSPC)
		atomic64_inc(&pool->nr_nospace);
	else if (error == -EDQUOT)
		atomic64_inc(&pool->nr_over_quota);
}

static int try_alloc(struct fp_pool *pool, struct fp_owner *owner,
		     const struct fp_request *request, struct fp_run *run)
{
	u32 want = request->nr / FP_HUGE_FRAMES + 1;
	u32 tries = MAX_TRIES;
	u64 released;
	int ret, err;

	/* What comes free first need not lie where it helps: ask for twice as much each time. */
	for (;; want = min_t(u64, 2ULL * want, U32_MAX)) {
		released = fp_buddy_nr_released(&pool->buddy);
		ret = fp_buddy_alloc(&pool->buddy, owner, request, run);
		if (!ret)
			return 0;
		err = fp_quarantine_reclaim(&pool->quarantine, want);
		if (err)
			return err;
		if (released == fp_buddy_nr_released(&pool->buddy) || !--tries)
			return ret;
	}
}

/**
 * fp_pool_alloc() - allocate a run of zeroed frames
 * @pool: the pool
 * @owner: who small blocks belong to
 * @request: what the run must satisfy
 * @run: the result; @run->dirty says that its frames were used before by @owner and
 *       might still be referenced
 *
 * Context: may sleep, to clear memory.
 * Return: 0; -ENOMEM: less is free; -ENOSPC: there is no such run; -EINTR: killed.
 */
int fp_pool_alloc(struct fp_pool *pool, struct fp_owner *owner, const struct fp_request *request,
		  struct fp_run *run)
{
	int ret = -ENOMEM;

	if (request->nr <= fp_pool_total_frames(pool))
		ret = try_alloc(pool, owner, request, run);
	if (ret) {
		fp_pool_count_failure(pool, ret);
		return ret;
	}
	if (run->dirty)
		clear_run(pool, run);
	atomic64_inc(&pool->nr_allocs);
	return 0;
}

/**
 * fp_pool_free() - give a run back
 * @pool: the pool
 * @owner: the owner it was allocated for
 * @run: what fp_pool_alloc() returned; @run->dirty: it may have been written or
 *       referenced
 *
 * Context: any. Never fails: a run that the buddy refuses is a mistake of ours; it is
 * reported once and leaked.
 */
void fp_pool_free(struct fp_pool *pool, struct fp_owner *owner, const struct fp_run *run)
{
	int ret = fp_buddy_free(&pool->buddy, owner, run->frame, run->nr, run->dirty);

	if (WARN_ONCE(ret < 0, "framepool: %s: degraded: freed a run of %llu frames at %llu that is not allocated\n",
		      pool->name, run->nr, run->frame))
		return;
	atomic64_inc(&pool->nr_frees);
	if (ret > 0)
		fp_quarantine_kick(&pool->quarantine);
}

static bool name_is_valid(const char *name)
{
	size_t len = strlen(name), i;

	if (!len || len >= FRAMEPOOL_NAME_MAX || name[0] == '.')
		return false;
	for (i = 0; i < len; i++)
		if (!isascii(name[i]) || (!isalnum(name[i]) && !strchr("_.-", name[i])))
			return false;
	return true;
}

static int check_config(const struct fp_pool_config *config)
{
	if (!name_is_valid(config->name)) {
		pr_err("name=%s: use 1 to %d letters, digits, '_', '-' and '.', not beginning with '.'\n",
		       config->name, FRAMEPOOL_NAME_MAX - 1);
		return -EINVAL;
	}
	if (config->bytes > FP_POOL_MAX_BYTES) {
		pr_err("a pool of %llu bytes is too large; the most is %llu\n", config->bytes,
		       FP_POOL_MAX_BYTES);
		return -ENOMEM;
	}
	if (config->node != NUMA_NO_NODE &&
	    (config->node < 0 || config->node >= MAX_NUMNODES || !node_online(config->node))) {
		pr_err("node=%d: there is no such NUMA node\n", config->node);
		return -EINVAL;
	}
	return 0;
}

static void init_fields(struct fp_pool *pool, const struct fp_pool_config *config)
{
	strscpy(pool->name, config->name, sizeof(pool->name));
	pool->quota = config->quota;
	mutex_init(&pool->clients_lock);
	INIT_LIST_HEAD(&pool->clients);
}

/**
 * fp_pool_create() - reserve memory and make a pool of it
 * @config: how
 *
 * Context: may sleep, for long; killable.
 * Return: the pool, or an error pointer: -EINVAL: @config is wrong; -ENOMEM: too little
 * memory; -EINTR: killed. The log says what to do.
 */
struct fp_pool *fp_pool_create(const struct fp_pool_config *config)
{
	struct fp_pool *pool;
	int ret;

	ret = check_config(config);
	if (ret)
		return ERR_PTR(ret);
	pool = kzalloc(sizeof(*pool), GFP_KERNEL);
	if (!pool)
		return ERR_PTR(-ENOMEM);
	init_fields(pool, config);
	ret = fp_source_reserve(&pool->source, config->bytes, config->node, config->partial);
	if (ret)
		goto err_free;
	ret = fp_buddy_init(&pool->buddy, pool->source.hpfn, pool->source.nr);
	if (ret)
		goto err_release;
	ret = fp_quarantine_init(&pool->quarantine, &pool->buddy);
	if (ret)
		goto err_buddy;
	return pool;

err_buddy:
	fp_buddy_fini(&pool->buddy);
err_release:
	fp_source_release(&pool->source);
err_free:
	kfree(pool);
	return ERR_PTR(ret);
}

/**
 * fp_pool_destroy() - give a pool's memory back to the kernel
 * @pool: a pool without clients
 *
 * Context: may sleep.
 */
void fp_pool_destroy(struct fp_pool *pool)
{
	struct fp_buddy_stats stats;

	fp_quarantine_fini(&pool->quarantine);
	fp_buddy_stats(&pool->buddy, &stats);
	WARN(stats.used, "framepool: %s: degraded: %llu frames are lost\n", pool->name, stats.used);
	fp_buddy_fini(&pool->buddy);
	fp_source_release(&pool->source);
	kfree(pool);
}
