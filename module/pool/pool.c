// SPDX-License-Identifier: GPL-2.0-only
/*
 * A pool: memory from a source, a buddy over it, and a quarantine. What comes out of
 * fp_pool_alloc() is zero, whatever it was before, and no frame of it is known to be bad.
 *
 * A bad frame is kept from use in two ways. A huge frame that is wholly free passes through the
 * quarantine, which retires it. But a run that is shorter than a huge frame comes back to its owner,
 * who would get it again at once. So it stays allocated, on a list, until the owner
 * ends; then its huge frame becomes wholly free, and the quarantine retires it.
 */
#define pr_fmt(fmt) "framepool: " fmt

#include "pool/pool.h"

#include <linux/ctype.h>
#include <linux/err.h>
#include <linux/highmem.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "compat.h"
#include "pool/poison.h"

/**
 * struct bad_run - a run with a bad frame that is withheld from its owner
 * @node: in the pool's list
 * @owner: whose it is
 * @run: the run
 */
struct bad_run {
	struct list_head node;
	struct fp_owner *owner;
	struct fp_run run;
};

/* How long a block that nobody asks for may lie in a magazine, about. */
#define TRIM_DELAY	HZ

/* All pools, and whose they are. */
static LIST_HEAD(pools);
static DEFINE_MUTEX(pools_lock);

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
 * fp_pool_frame() - which frame is there
 * @pool: the pool
 * @pfn: any PFN
 *
 * Return: its index, or FP_ANYWHERE if it is not in the pool.
 */
u64 fp_pool_frame(const struct fp_pool *pool, unsigned long pfn)
{
	return fp_buddy_frame(&pool->buddy, pfn);
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

/* Take the huge frames that owners keep. */
static void collect(struct fp_pool *pool)
{
	u32 tries = fp_buddy_nr_owners(&pool->buddy), label, quarantined;

	/* They may keep others meanwhile: once round will do. */
	mutex_lock(&pool->collect_lock);
	while (tries-- && fp_buddy_collect(&pool->buddy, &label, &quarantined)) {
		fp_accounts_quarantine(&pool->accounts, label, quarantined);
		fp_quarantine_kick(&pool->quarantine);
	}
	mutex_unlock(&pool->collect_lock);
}

/* Does anybody reference the huge frames of a run that is mapped no more? Then they go into quarantine, and are charged. */
static bool is_referenced(unsigned long pfn, u64 nr)
{
	unsigned long end = pfn + nr;

	for (pfn = round_down(pfn, FP_HUGE_FRAMES); pfn < end; pfn += FP_HUGE_FRAMES)
		if (page_ref_count(pfn_to_page(pfn)) != 1)
			return true;
	return false;
}

/* An owner may not keep what is referenced. Returns how many huge frames went into quarantine. */
static u32 give_up_referenced(struct fp_pool *pool, struct fp_owner *owner, const struct fp_run *run,
			      unsigned long pfn)
{
	u32 nr_quarantined;

	if (likely(!READ_ONCE(owner->nr_spare) || !is_referenced(pfn, run->nr)) ||
	    !fp_buddy_is_spare(owner, run->frame))
		return 0;
	nr_quarantined = fp_buddy_give_up(owner, owner->max_spare);
	fp_quarantine_kick(&pool->quarantine);
	return nr_quarantined;
}

/* Get back what is kept for later. What was not cleared since it was used goes into quarantine. */
static void drain(struct fp_pool *pool)
{
	fp_reclaimers_ask(&pool->reclaimers, true);
	if (fp_magazines_drain(&pool->magazines, true))
		fp_quarantine_kick(&pool->quarantine);
	collect(pool);
}

/* Blocks that have lain in magazines for a while keep huge frames from becoming whole; so do owners. */
static void trim(struct work_struct *work)
{
	struct fp_pool *pool = container_of(to_delayed_work(work), struct fp_pool, trim);

	/*
	 * Before the drain: what was pushed by who still finds it armed is drained. Pushing and finding need no
	 * barrier in between, since the drain waits for a grace period in any case.
	 */
	WRITE_ONCE(pool->trim_armed, false);
	fp_reclaimers_ask(&pool->reclaimers, false);
	fp_magazines_drain(&pool->magazines, false);
	collect(pool);
	/* Not only for these two: a refill for which there was no room may have freed a huge frame. */
	fp_quarantine_kick(&pool->quarantine);
}

/**
 * fp_pool_queue_trim() - see to it that magazines and what owners keep are emptied after a while
 * @pool: the pool
 *
 * Context: any. Ask fp_pool_arm_trim().
 */
void fp_pool_queue_trim(struct fp_pool *pool)
{
	WRITE_ONCE(pool->trim_armed, true);
	queue_delayed_work(fp_unbound_workqueue(), &pool->trim, TRIM_DELAY);
}

static int try_alloc(struct fp_pool *pool, struct fp_owner *owner,
		     const struct fp_request *request, struct fp_run *run)
{
	u32 want = request->nr / FP_HUGE_FRAMES + 1;
	u32 tries = FP_POOL_TRIES;
	u64 released;
	int ret, err;

	ret = fp_buddy_alloc(&pool->buddy, owner, request, run);
	if (!ret)
		return 0;
	drain(pool);
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
			return fp_buddy_borrow(&pool->buddy, owner, request, run) ? 0 : ret;
	}
}

static int free_run(struct fp_pool *pool, struct fp_owner *owner, const struct fp_run *run, bool dirty,
		    bool keep)
{
	int ret = keep ? fp_buddy_keep(&pool->buddy, owner, run->frame, run->nr) :
			 fp_buddy_free(&pool->buddy, owner, run->frame, run->nr, dirty);

	WARN_ONCE(ret < 0, "framepool: %s: degraded: freed a run of %llu frames at %llu that is not allocated\n",
		  pool->name, run->nr, run->frame);
	if (ret > 0)
		fp_quarantine_kick(&pool->quarantine);
	return ret;
}

/* Free a run that the caller is not charged for any more, or not yet. */
static void free_uncharged_run(struct fp_pool *pool, struct fp_owner *owner, const struct fp_run *run)
{
	int nr_quarantined = free_run(pool, owner, run, true, false);

	if (nr_quarantined > 0)
		fp_accounts_quarantine(&pool->accounts, owner->label, nr_quarantined);
}

/* Keep a run with a bad frame from being allocated again. */
static int withhold_run(struct fp_pool *pool, struct fp_owner *owner, const struct fp_run *run)
{
	struct bad_run *bad;

	if (run->nr >= FP_HUGE_FRAMES) {
		free_uncharged_run(pool, owner, run);
		return 0;
	}
	bad = kmalloc(sizeof(*bad), GFP_KERNEL);
	if (!bad) {
		free_uncharged_run(pool, owner, run);
		return -ENOBUFS;
	}
	bad->owner = owner;
	bad->run = *run;
	spin_lock(&pool->bad_lock);
	list_add_tail(&bad->node, &pool->bad_runs);
	pool->nr_bad_frames += run->nr;
	spin_unlock(&pool->bad_lock);
	return 0;
}

/**
 * fp_pool_alloc() - allocate a run of frames
 * @pool: the pool
 * @owner: who small blocks belong to
 * @request: what the run must satisfy
 * @run: the result; @run->dirty says that its frames were used before by @owner and
 *       might still be referenced
 *
 * The frames are zeros; if @request->dirty, they may instead be as @owner left them.
 *
 * Context: may sleep, to clear memory.
 * Return: 0; -ENOMEM: less is free; -ENOSPC: there is no such run; -EINTR: killed; -ENOBUFS: no
 * kernel memory to withhold bad frames.
 */
int fp_pool_alloc(struct fp_pool *pool, struct fp_owner *owner, const struct fp_request *request,
		  struct fp_run *run)
{
	int ret = -ENOMEM;

	if (request->nr <= fp_pool_total_frames(pool))
		ret = try_alloc(pool, owner, request, run);
	while (!ret && unlikely(fp_poison_in(fp_pool_pfn(pool, run->frame), run->nr))) {
		ret = withhold_run(pool, owner, run);
		if (!ret)
			ret = try_alloc(pool, owner, request, run);
	}
	if (ret) {
		fp_pool_count_failure(pool, ret);
		return ret;
	}
	if (run->dirty && !request->dirty)
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
 * @keep: @owner will want the same again, and need not have it cleared
 *
 * A huge frame with a bad frame goes through the quarantine even if it is clean.
 *
 * Context: any. Never fails: a run that the buddy refuses is a mistake of ours; it is
 * reported once and leaked.
 * Return: how many huge frames went into quarantine: some of those that the run touches.
 */
u32 fp_pool_free(struct fp_pool *pool, struct fp_owner *owner, const struct fp_run *run, bool keep)
{
	unsigned long pfn = fp_pool_pfn(pool, run->frame);
	bool poisoned = fp_poison_in(pfn, run->nr);
	bool may_keep = keep && run->dirty && !poisoned && !is_referenced(pfn, run->nr);
	int ret = free_run(pool, owner, run, run->dirty || poisoned, may_keep);

	/* For what the owner keeps. */
	fp_pool_arm_trim(pool);
	if (ret < 0)
		return 0;
	atomic64_inc(&pool->nr_frees);
	return ret + give_up_referenced(pool, owner, run, pfn);
}

/* Can runs for this request be had by the word? They are blocks, and any block will do. */
static bool is_simple(const struct fp_request *request)
{
	return request->nr < FP_HUGE_FRAMES && is_power_of_2(request->nr) &&
	       request->align <= request->nr && request->end_pfn == FP_ANYWHERE;
}

/**
 * fp_pool_alloc_alike() - allocate runs that must satisfy the same, with less work for each
 * @pool: the pool
 * @owner: who small blocks belong to
 * @request: what each run must satisfy
 * @runs: the result, as in fp_pool_alloc()
 * @nr: how many are wanted, at most FP_POOL_ALIKE
 *
 * Context: may sleep, to clear memory.
 * Return: how many could be had easily, from the first. For the next, ask fp_pool_alloc().
 */
u32 fp_pool_alloc_alike(struct fp_pool *pool, struct fp_owner *owner, const struct fp_request *request,
			struct fp_run *runs, u32 nr)
{
	u32 blocks[FP_POOL_ALIKE] __uninitialized, got, i, good = 0;
	bool dirty[FP_POOL_ALIKE] __uninitialized;

	if (!is_simple(request))
		return 0;
	got = fp_buddy_alloc_blocks(owner, ilog2(request->nr), blocks, dirty, nr);
	for (i = 0; i < got; i++) {
		runs[i] = (struct fp_run){ .frame = blocks[i], .nr = request->nr, .dirty = dirty[i] };
		if (unlikely(good < i || fp_poison_in(fp_pool_pfn(pool, runs[i].frame), runs[i].nr))) {
			free_uncharged_run(pool, owner, &runs[i]);
			continue;
		}
		if (dirty[i] && !request->dirty)
			clear_run(pool, &runs[i]);
		good++;
	}
	atomic64_add(good, &pool->nr_allocs);
	return good;
}

/**
 * fp_pool_free_alike() - give runs back, with less work for each
 * @pool: the pool
 * @owner: the owner they were allocated for
 * @runs: what fp_pool_alloc() or fp_pool_alloc_alike() returned; as in fp_pool_free()
 * @nr: how many, at most FP_POOL_ALIKE; all as long and as dirty as the first
 * @quarantined: huge frames that went into quarantine are added
 *
 * Context: process.
 * Return: how many went easily, from the first. For the next, ask fp_pool_free().
 */
u32 fp_pool_free_alike(struct fp_pool *pool, struct fp_owner *owner, const struct fp_run *runs, u32 nr,
		       u32 *quarantined)
{
	u32 blocks[FP_POOL_ALIKE] __uninitialized, i, done, before = *quarantined;

	if (runs->nr >= FP_HUGE_FRAMES || !is_power_of_2(runs->nr))
		return 0;
	for (i = 0; i < nr; i++) {
		if (unlikely(fp_poison_in(fp_pool_pfn(pool, runs[i].frame), runs[i].nr)))
			break;
		blocks[i] = runs[i].frame;
	}
	done = i ? fp_buddy_free_blocks(owner, ilog2(runs->nr), blocks, i, runs->dirty, quarantined) : 0;
	/* For what the owner keeps. */
	fp_pool_arm_trim(pool);
	for (i = 0; i < done; i++)
		*quarantined += give_up_referenced(pool, owner, &runs[i], fp_pool_pfn(pool, runs[i].frame));
	if (*quarantined > before)
		fp_quarantine_kick(&pool->quarantine);
	atomic64_add(done, &pool->nr_frees);
	return done;
}

/**
 * fp_pool_end_owner() - give back what an owner keeps, and what was withheld from it
 * @pool: the pool
 * @owner: an owner that allocates and frees no more
 *
 * Context: process.
 */
void fp_pool_end_owner(struct fp_pool *pool, struct fp_owner *owner)
{
	struct bad_run *bad, *next;
	LIST_HEAD(theirs);
	u32 nr_quarantined;

	spin_lock(&pool->bad_lock);
	list_for_each_entry_safe(bad, next, &pool->bad_runs, node) {
		if (bad->owner != owner)
			continue;
		list_move(&bad->node, &theirs);
		pool->nr_bad_frames -= bad->run.nr;
	}
	spin_unlock(&pool->bad_lock);
	list_for_each_entry_safe(bad, next, &theirs, node) {
		free_uncharged_run(pool, owner, &bad->run);
		kfree(bad);
	}
	mutex_lock(&pool->collect_lock);
	nr_quarantined = fp_buddy_give_up(owner, 0);
	fp_accounts_quarantine(&pool->accounts, owner->label, nr_quarantined);
	mutex_unlock(&pool->collect_lock);
	if (nr_quarantined)
		fp_quarantine_kick(&pool->quarantine);
}

/**
 * fp_pool_stats() - a consistent snapshot
 * @pool: the pool
 * @stats: the result: what the buddy says, without what is retired
 *
 * Context: process.
 * Return: frames that are retired for being bad, or for being beside a bad one.
 */
u64 fp_pool_stats(struct fp_pool *pool, struct fp_buddy_stats *stats)
{
	u64 huge, bad;

	/* What is retired, and on the list, the buddy counts as quarantined, and as used, from before. */
	huge = (u64)fp_quarantine_nr_retired(&pool->quarantine) * FP_HUGE_FRAMES;
	spin_lock(&pool->bad_lock);
	bad = pool->nr_bad_frames;
	fp_magazines_stats(&pool->magazines, bad, stats);
	spin_unlock(&pool->bad_lock);
	stats->quarantined -= huge;
	return huge + bad;
}

/**
 * fp_pool_drain() - empty the magazines, of caches too
 * @pool: the pool
 *
 * Context: may sleep.
 */
void fp_pool_drain(struct fp_pool *pool)
{
	drain(pool);
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
	pool->buddy.name = pool->name;
	pool->accounts.client_quota = config->client_quota;
	pool->accounts.user_quota = config->user_quota;
	pool->debug_caches = config->debug_caches;
	fp_reclaimers_init(&pool->reclaimers);
	INIT_DELAYED_WORK(&pool->trim, trim);
	mutex_init(&pool->collect_lock);
	spin_lock_init(&pool->bad_lock);
	INIT_LIST_HEAD(&pool->bad_runs);
	mutex_init(&pool->clients_lock);
	INIT_LIST_HEAD(&pool->clients);
}

/**
 * fp_pool_get() - find a pool by its name
 * @name: the name
 *
 * Context: process.
 * Return: the pool, or NULL.
 */
struct fp_pool *fp_pool_get(const char *name)
{
	struct fp_pool *pool, *found = NULL;

	mutex_lock(&pools_lock);
	list_for_each_entry(pool, &pools, node)
		if (!strcmp(pool->name, name))
			found = pool;
	if (found)
		found->nr_users++;
	mutex_unlock(&pools_lock);
	return found;
}

/**
 * fp_pool_put() - undo fp_pool_get()
 * @pool: the pool
 *
 * Context: process.
 */
void fp_pool_put(struct fp_pool *pool)
{
	mutex_lock(&pools_lock);
	pool->nr_users--;
	mutex_unlock(&pools_lock);
}

static void publish(struct fp_pool *pool)
{
	mutex_lock(&pools_lock);
	list_add_tail(&pool->node, &pools);
	mutex_unlock(&pools_lock);
}

static void unpublish(struct fp_pool *pool)
{
	mutex_lock(&pools_lock);
	list_del(&pool->node);
	mutex_unlock(&pools_lock);
	/* Who got it depends on this module, and so is gone. */
	WARN(pool->nr_users, "framepool: %s: %u modules did not put it\n", pool->name, pool->nr_users);
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
	ret = fp_buddy_init(&pool->buddy, pool->source.hpfn, pool->source.nr, nr_cpu_ids);
	if (ret)
		goto err_release;
	ret = fp_magazines_init(&pool->magazines, &pool->buddy, config->debug);
	if (ret)
		goto err_buddy;
	fp_accounts_init(&pool->accounts);
	ret = fp_quarantine_init(&pool->quarantine, &pool->buddy, &pool->accounts, pool->name);
	if (ret)
		goto err_magazines;
	/* The buddy has the list in a smaller form. */
	fp_source_forget(&pool->source);
	publish(pool);
	return pool;

err_magazines:
	fp_magazines_fini(&pool->magazines);
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
	u32 i;

	unpublish(pool);
	cancel_delayed_work_sync(&pool->trim);
	fp_quarantine_fini(&pool->quarantine);
	fp_magazines_fini(&pool->magazines);
	fp_accounts_fini(&pool->accounts);
	fp_buddy_stats(&pool->buddy, &stats);
	WARN(stats.used, "framepool: %s: degraded: %llu frames are lost\n", pool->name, stats.used);
	for (i = 0; i < pool->source.nr; i++)
		fp_source_put(&pool->source, fp_pool_pfn(pool, (u64)i * FP_HUGE_FRAMES));
	fp_source_fini(&pool->source);
	fp_buddy_fini(&pool->buddy);
	kfree(pool);
}
