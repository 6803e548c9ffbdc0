// SPDX-License-Identifier: GPL-2.0-only
/*
 * A pool: memory from a source, a buddy over it, and a quarantine. Memory that fp_pool_alloc()
 * returns is zero unless the caller accepts dirty memory, and no frame of it is known to be bad.
 *
 * A bad frame is kept from use in two ways. A huge frame that is wholly free passes through the
 * quarantine, which retires it. A run shorter than a huge frame would come back to its owner, which
 * would get it again at once. So it is set aside: it stays allocated, on a list, until the owner
 * ends; then its huge frame becomes wholly free, and the quarantine retires it.
 */
#define pr_fmt(fmt) "framepool: " fmt

#include "pool/pool.h"

#include <linux/ctype.h>
#include <linux/err.h>
#include <linux/export.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "compat.h"
#include "pool/poison.h"

/**
 * struct bad_run - a run with a bad frame that is set aside
 * @node: in the list of the account that owns it
 * @run: the run
 */
struct bad_run {
	struct llist_node node;
	struct fp_run run;
};

/* About how long an unused block may stay in a magazine. */
#define TRIM_DELAY	HZ

/**
 * fp_pool_pfn() - PFN of a frame
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
 * fp_pool_frame() - find the frame with a PFN
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

/**
 * fp_pool_count_failure() - count an allocation that failed for good
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

/* Release the huge frames that one owner keeps. */
static void give_up(struct fp_pool *pool, struct fp_owner *owner, u32 max_kept)
{
	/* Another thread may go on keeping some, so the number of rounds is limited. */
	u32 tries = pool->source.nr;

	while (fp_buddy_give_up(owner, max_kept) && tries--)
		cond_resched();
	fp_quarantine_kick(&pool->quarantine);
}

/* Release the huge frames that owners keep; whose, as in fp_buddy_collect(). */
static void collect(struct fp_pool *pool, struct fp_budget *whose)
{
	/* Owners may go on keeping some, and some of those that are listed keep nothing. */
	u64 tries = (u64)pool->source.nr + READ_ONCE(pool->buddy.nr_owners);

	while (tries-- && fp_buddy_collect(&pool->buddy, whose))
		cond_resched();
	fp_quarantine_kick(&pool->quarantine);
}

/**
 * fp_pool_drain() - take back all that magazines, caches and owners keep for later
 * @pool: the pool
 *
 * What was not cleared since its use goes into quarantine.
 *
 * Context: may sleep.
 */
void fp_pool_drain(struct fp_pool *pool)
{
	fp_reclaimers_ask_all(&pool->reclaimers, true);
	fp_magazines_drain(&pool->blocks.magazines, true);
	collect(pool, NULL);
}

/*
 * Unused blocks in magazines keep huge frames from becoming empty, and so do owners. As long as
 * tasks wait for memory, this runs again and again: not everything that they could get is an event.
 */
static void trim(struct work_struct *work)
{
	struct fp_pool *pool = container_of(to_delayed_work(work), struct fp_pool, trim);

	/*
	 * Before the drain: whoever pushes a block and still finds the flag set has the block
	 * drained. No barrier is needed between the push and the check, since the drain waits for a
	 * grace period in any case.
	 */
	WRITE_ONCE(pool->trim_armed, false);
	fp_reclaimers_ask_all(&pool->reclaimers, false);
	fp_magazines_drain(&pool->blocks.magazines, false);
	collect(pool, NULL);
	fp_waiters_tick(&pool->waiters);
	if (!list_empty(&pool->waiters.list))
		fp_pool_arm_trim(pool);
}

/**
 * fp_pool_queue_trim() - take back what magazines and owners keep after a while
 * @pool: the pool
 *
 * Context: any. Use fp_pool_arm_trim() instead.
 */
void fp_pool_queue_trim(struct fp_pool *pool)
{
	WRITE_ONCE(pool->trim_armed, true);
	queue_delayed_work(fp_unbound_workqueue(), &pool->trim, TRIM_DELAY);
}

/* Which budget refuses a request: the owner's, or that of its user? */
static struct fp_budget *refusing_budget(const struct fp_owner *owner,
					 const struct fp_request *request)
{
	u32 nr = DIV_ROUND_UP_ULL(request->nr, FP_HUGE_FRAMES);

	return fp_budget_has_room(owner->budget, nr) ? owner->budget->parent : owner->budget;
}

/* Release what is kept and counts against a budget: the owner's, or that of its user. */
static void collect_charged(struct fp_pool *pool, struct fp_owner *owner, struct fp_budget *whose)
{
	if (whose != owner->budget)
		collect(pool, whose);
	else
		give_up(pool, owner, owner->max_kept);
}

/* Then the mover holds some of what would be free. Something may also be in two places. */
static bool is_moving(struct fp_pool *pool)
{
	return mutex_is_locked(&pool->movables.moving) || !list_empty(&pool->movables.split);
}

/* Move what the owner has already, so that a block fits without another huge frame. */
static int merge(struct fp_pool *pool, struct fp_owner *owner, const struct fp_request *request,
		 struct fp_run *run)
{
	if (request->nr >= FP_HUGE_FRAMES || !fp_buddy_could_hold(&pool->buddy, request) ||
	    (READ_ONCE(owner->nr_free) < request->nr && !is_moving(pool)) || !pool->movables.merge)
		return -ENOSPC;
	return pool->movables.merge(pool, owner, request, run);
}

/* Move what is in the way, if there is enough memory. @error says why there was no run before. */
static int make_room(struct fp_pool *pool, struct fp_owner *owner,
		     const struct fp_request *request, struct fp_run *run, int error)
{
	u64 nr_free = (u64)READ_ONCE(pool->buddy.runs.nr_empty) * FP_HUGE_FRAMES +
		      fp_buddy_nr_owned_free(&pool->buddy);
	int ret = -ENOSPC;

	if (error == -EDQUOT)
		ret = merge(pool, owner, request, run);
	else if ((nr_free >= request->nr || is_moving(pool)) && pool->movables.make_room &&
		 fp_buddy_could_hold(&pool->buddy, request))
		ret = pool->movables.make_room(pool, owner, request, run);
	return ret == -ENOSPC ? error : ret;
}

/*
 * Before an allocation fails, everything that is kept for later comes back, and the quarantine is
 * cleared. If a quota is in the way, only what counts against it.
 */
static int try_alloc(struct fp_pool *pool, struct fp_owner *owner, const struct fp_request *request,
		     struct fp_run *run)
{
	u32 want = request->nr / FP_HUGE_FRAMES + 1, tries = FP_POOL_TRIES, quarantined;
	struct fp_budget *whose = NULL, *user = owner->budget->parent;
	bool collected = false, drained = false;
	u64 released;
	int ret, err;

	/* The first that comes free need not lie where it helps: want twice as many each time. */
	for (;; want = min_t(u64, 2ULL * want, U32_MAX)) {
		released = READ_ONCE(pool->buddy.nr_released);
		quarantined = READ_ONCE(user->quarantined);
		ret = fp_buddy_alloc(&pool->buddy, owner, request, run);
		if (!ret)
			return 0;
		whose = ret == -EDQUOT ? refusing_budget(owner, request) : NULL;
		if (whose && !collected) {
			collect_charged(pool, owner, whose);
			collected = true;
			continue;
		}
		if (!whose && !drained) {
			fp_pool_drain(pool);
			drained = true;
			continue;
		}
		if (whose && !quarantined)
			return make_room(pool, owner, request, run, ret);
		err = fp_quarantine_reclaim(&pool->quarantine, whose, want);
		if (err)
			return err;
		if (released == READ_ONCE(pool->buddy.nr_released) || !--tries)
			return make_room(pool, owner, request, run, ret);
	}
}

static int free_run(struct fp_pool *pool, struct fp_owner *owner, const struct fp_run *run,
		    bool dirty, bool keep)
{
	int ret = keep ? fp_buddy_keep(&pool->buddy, owner, run->frame, run->nr) :
			 fp_buddy_free(&pool->buddy, owner, run->frame, run->nr, dirty);

	WARN_ONCE(ret,
		  "framepool: %s: degraded: freed %llu frames at %llu that are not allocated\n",
		  pool->name, run->nr, run->frame);
	fp_quarantine_kick(&pool->quarantine);
	return ret;
}

/* Only accounts allocate through fp_pool_alloc(). */
static struct llist_head *bad_runs_of(struct fp_owner *owner)
{
	return &container_of(owner, struct fp_account, owner)->bad_runs;
}

/* Set a run with a bad frame aside, so that it is not allocated again. */
static int set_aside(struct fp_pool *pool, struct fp_owner *owner, const struct fp_run *run)
{
	struct bad_run *bad;

	if (run->nr >= FP_HUGE_FRAMES) {
		free_run(pool, owner, run, true, false);
		return 0;
	}
	bad = kmalloc(sizeof(*bad), GFP_KERNEL);
	if (!bad) {
		free_run(pool, owner, run, true, false);
		return -ENOBUFS;
	}
	bad->run = *run;
	llist_add(&bad->node, bad_runs_of(owner));
	atomic64_add(run->nr, &pool->nr_bad_frames);
	return 0;
}

/**
 * fp_pool_alloc() - allocate a run of frames
 * @pool: the pool
 * @owner: the owner of the run
 * @request: what the run must satisfy
 * @run: the result; @run->dirty: its frames were used by @owner before, and may still be referenced
 *
 * The frames are zero; with @request->dirty, they may instead be as @owner left them.
 *
 * Context: may sleep, to clear memory.
 * Return: 0; -EDQUOT: a quota would be exceeded; -ENOMEM: too few frames are free; -ENOSPC: there
 * is no such run; -EINTR: killed; -ENOBUFS: no kernel memory to set bad frames aside.
 */
int fp_pool_alloc(struct fp_pool *pool, struct fp_owner *owner, const struct fp_request *request,
		  struct fp_run *run)
{
	int ret = -ENOMEM;

	if (request->nr <= fp_pool_total_frames(pool))
		ret = try_alloc(pool, owner, request, run);
	while (!ret && unlikely(fp_poison_in(fp_pool_pfn(pool, run->frame), run->nr))) {
		ret = set_aside(pool, owner, run);
		if (!ret)
			ret = try_alloc(pool, owner, request, run);
	}
	if (ret)
		return ret;
	if (run->dirty && !request->dirty)
		fp_source_clear(fp_pool_pfn(pool, run->frame), run->nr, true);
	atomic64_inc(&pool->nr_allocs);
	return 0;
}

/* Does anybody reference the huge frames of a run that is no longer mapped? */
static bool is_referenced(unsigned long pfn, u64 nr)
{
	unsigned long end = pfn + nr;

	for (pfn = round_down(pfn, FP_HUGE_FRAMES); pfn < end; pfn += FP_HUGE_FRAMES) {
		if (page_ref_count(pfn_to_page(pfn)) != 1)
			return true;
		cond_resched();
	}
	return false;
}

/*
 * A huge frame that becomes wholly free while it is referenced is not kept, so that what a pipe or
 * a device still references does not change until the last reference is gone.
 */
static void give_up_referenced(struct fp_pool *pool, struct fp_owner *owner,
			       const struct fp_run *run)
{
	if (likely(!READ_ONCE(owner->nr_kept)) ||
	    !is_referenced(fp_pool_pfn(pool, run->frame), run->nr))
		return;
	if (fp_buddy_is_kept(owner, run->frame) ||
	    fp_buddy_is_kept(owner, run->frame + run->nr - 1))
		give_up(pool, owner, owner->max_kept);
}

/**
 * fp_pool_free() - free a run
 * @pool: the pool
 * @owner: the owner it was allocated for
 * @run: what fp_pool_alloc() returned; @run->dirty: it may have been written or
 *       referenced
 * @keep: @owner will allocate the same again, and does not need it cleared
 *
 * Bad frames are found in quarantine, or when they are allocated again.
 *
 * Context: process, may sleep. Never fails: if the buddy refuses the run, that is our bug; it is
 * reported once, and the run leaks.
 */
void fp_pool_free(struct fp_pool *pool, struct fp_owner *owner, const struct fp_run *run, bool keep)
{
	bool may_keep = keep && run->dirty &&
			!is_referenced(fp_pool_pfn(pool, run->frame), run->nr);

	if (!free_run(pool, owner, run, run->dirty, may_keep)) {
		give_up_referenced(pool, owner, run);
		atomic64_inc(&pool->nr_frees);
		fp_waiters_notify(&pool->waiters);
	}
	/* Because the owner may keep something. */
	fp_pool_arm_trim(pool);
}

/*
 * Can runs for this request be allocated several at a time? They are blocks, and any block will do.
 */
static bool is_simple(const struct fp_request *request)
{
	return request->nr < FP_HUGE_FRAMES && is_power_of_2(request->nr) &&
	       request->align <= request->nr && request->end_pfn == FP_ANYWHERE;
}

/**
 * fp_pool_alloc_alike() - allocate runs for the same request, with less work for each
 * @pool: the pool
 * @owner: the owner of the runs
 * @request: what each run must satisfy
 * @runs: the result, as in fp_pool_alloc()
 * @nr: how many to allocate, at most FP_POOL_ALIKE
 *
 * Context: may sleep, to clear memory.
 * Return: how many could be allocated easily, from the first on. Use fp_pool_alloc() for the next.
 */
u32 fp_pool_alloc_alike(struct fp_pool *pool, struct fp_owner *owner,
			const struct fp_request *request, struct fp_run *runs, u32 nr)
{
	u32 blocks[FP_POOL_ALIKE] __uninitialized, got, i, good = 0;
	bool dirty[FP_POOL_ALIKE] __uninitialized;

	if (!is_simple(request))
		return 0;
	got = fp_buddy_alloc_blocks(owner, ilog2(request->nr), blocks, dirty, nr);
	for (i = 0; i < got; i++) {
		runs[i] = (struct fp_run){
			.frame = blocks[i], .nr = request->nr, .dirty = dirty[i],
		};
		if (unlikely(good < i ||
			     fp_poison_in(fp_pool_pfn(pool, runs[i].frame), runs[i].nr))) {
			free_run(pool, owner, &runs[i], true, false);
			continue;
		}
		if (dirty[i] && !request->dirty)
			fp_source_clear(fp_pool_pfn(pool, runs[i].frame), runs[i].nr, true);
		good++;
	}
	atomic64_add(good, &pool->nr_allocs);
	return good;
}

/**
 * fp_pool_free_alike() - free runs, with less work for each
 * @pool: the pool
 * @owner: the owner they were allocated for
 * @runs: what fp_pool_alloc() or fp_pool_alloc_alike() returned; as in fp_pool_free()
 * @nr: how many, at most FP_POOL_ALIKE; all as long and as dirty as the first
 *
 * Context: process.
 * Return: how many could be freed easily, from the first on. Use fp_pool_free() for the next.
 */
u32 fp_pool_free_alike(struct fp_pool *pool, struct fp_owner *owner, const struct fp_run *runs,
		       u32 nr)
{
	u32 blocks[FP_POOL_ALIKE] __uninitialized, i, done;

	if (runs->nr >= FP_HUGE_FRAMES || !is_power_of_2(runs->nr))
		return 0;
	for (i = 0; i < nr; i++)
		blocks[i] = runs[i].frame;
	done = fp_buddy_free_blocks(owner, ilog2(runs->nr), blocks, nr, runs->dirty);
	for (i = 0; i < done; i++)
		give_up_referenced(pool, owner, &runs[i]);
	/* Because the owner may keep something. */
	fp_pool_arm_trim(pool);
	fp_quarantine_kick(&pool->quarantine);
	atomic64_add(done, &pool->nr_frees);
	fp_waiters_notify(&pool->waiters);
	return done;
}

/**
 * fp_pool_longest() - how long a run could an owner allocate now?
 * @pool: the pool
 * @owner: the owner
 *
 * What is kept for later comes back, and the quarantine is cleared, as before an allocation fails:
 * first what counts against the quotas of the owner, and the rest unless they leave no room.
 *
 * Context: may sleep, to clear memory.
 * Return: frames, of whole huge frames; or -EINTR: killed.
 */
s64 fp_pool_longest(struct fp_pool *pool, const struct fp_owner *owner)
{
	struct fp_budget *user = owner->budget->parent;
	u64 room, blocks[FP_BLOCKS_ORDERS];
	struct fp_counts counts;
	int ret;

	collect(pool, user);
	ret = fp_quarantine_reclaim(&pool->quarantine, user, U32_MAX);
	if (ret)
		return ret;
	room = (u64)fp_budget_room(owner->budget) * FP_HUGE_FRAMES;
	if (!room)
		return 0;
	fp_pool_drain(pool);
	ret = fp_quarantine_reclaim(&pool->quarantine, NULL, U32_MAX);
	if (ret)
		return ret;
	fp_pool_count(pool, &counts, blocks);
	return min(counts.largest, room);
}

/**
 * fp_pool_end_owner() - release what an owner keeps, and its runs that were set aside
 * @pool: the pool
 * @owner: an owner that no longer allocates or frees
 *
 * Context: process.
 */
void fp_pool_end_owner(struct fp_pool *pool, struct fp_owner *owner)
{
	struct bad_run *bad, *next;

	llist_for_each_entry_safe(bad, next, llist_del_all(bad_runs_of(owner)), node) {
		atomic64_sub(bad->run.nr, &pool->nr_bad_frames);
		free_run(pool, owner, &bad->run, true, false);
		kfree(bad);
	}
	give_up(pool, owner, 0);
	fp_waiters_notify(&pool->waiters);
}

/**
 * fp_pool_count() - read the counts
 * @pool: the pool
 * @counts: the result; @counts->retired includes runs that were set aside for a bad frame
 * @blocks: the result: by order, how many of the free blocks are in magazines; FP_BLOCKS_ORDERS
 *
 * Context: any.
 */
void fp_pool_count(struct fp_pool *pool, struct fp_counts *counts, u64 *blocks)
{
	fp_blocks_count(&pool->blocks, atomic64_read(&pool->nr_bad_frames), counts, blocks);
}

/**
 * fp_pool_name_is_valid() - may a pool have this name?
 * @name: the name
 *
 * Context: any.
 * Return: whether it has 1 to FRAMEPOOL_NAME_MAX - 1 letters, digits, and "_.-", and no dot at the
 * start.
 */
bool fp_pool_name_is_valid(const char *name)
{
	size_t len = strlen(name), i;

	if (!len || len >= FRAMEPOOL_NAME_MAX || name[0] == '.')
		return false;
	for (i = 0; i < len; i++)
		if (!isascii(name[i]) || (!isalnum(name[i]) && !strchr("_.-", name[i])))
			return false;
	return true;
}
EXPORT_SYMBOL_NS_GPL(fp_pool_name_is_valid, FP_ADMIN_NAMESPACE);

static int check_config(const struct fp_pool_config *config, struct fp_reason *reason)
{
	int node = config->source.node;

	if (!fp_pool_name_is_valid(config->name)) {
		fp_refuse(reason,
			  "name=%s: use 1 to %d letters, digits, '_', '-', '.'; no '.' in front",
			  config->name, FRAMEPOOL_NAME_MAX - 1);
		return -EINVAL;
	}
	if (!config->source.bytes) {
		fp_refuse(reason, "size= is missing");
		return -EINVAL;
	}
	if (config->source.bytes > FP_POOL_MAX_BYTES) {
		fp_refuse(reason, "a pool of %llu bytes is too large; the most is %llu",
			  config->source.bytes, FP_POOL_MAX_BYTES);
		return -ENOMEM;
	}
	if (node != NUMA_NO_NODE && (node < 0 || node >= MAX_NUMNODES || !node_online(node))) {
		fp_refuse(reason, "node=%d: there is no such NUMA node", node);
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
	fp_movables_init(&pool->movables);
	fp_waiters_init(&pool->waiters);
	INIT_DELAYED_WORK(&pool->trim, trim);
	mutex_init(&pool->clients_lock);
	INIT_LIST_HEAD(&pool->clients);
}

/* Make a pool with a name, which nobody can find yet. */
static int fill(struct fp_pool *pool, const struct fp_pool_config *config,
		struct fp_reason *reason)
{
	int ret = fp_source_reserve(&pool->source, &config->source, reason);

	if (ret)
		return ret;
	ret = fp_buddy_init(&pool->buddy, FP_HUGE_ORDER, pool->source.hpfn, pool->source.nr,
			    nr_cpu_ids);
	if (ret)
		goto err_release;
	ret = fp_blocks_init(&pool->blocks, &pool->buddy, config->debug);
	if (ret)
		goto err_buddy;
	fp_accounts_init(&pool->accounts, &pool->buddy);
	ret = fp_quarantine_init(&pool->quarantine, &pool->buddy, &pool->accounts, &pool->waiters,
				 pool->source.memtype, pool->name);
	if (ret)
		goto err_blocks;
	/* The buddy has the list in a more compact form. */
	fp_source_forget(&pool->source);
	return 0;

err_blocks:
	fp_blocks_fini(&pool->blocks);
err_buddy:
	fp_buddy_fini(&pool->buddy);
err_release:
	fp_source_release(&pool->source);
	return ret;
}

/**
 * fp_pool_create() - reserve memory and make a pool of it
 * @config: how to make it
 * @reason: gets the reason if the administrator can do something about a failure
 *
 * Nobody can find it before fp_registry_publish().
 *
 * Context: may sleep, for long; killable.
 * Return: the pool, or an error pointer: -EEXIST: there is one of that name; -EINVAL: @config is
 * wrong; -ENOMEM: too little memory; -ENOSPC: it is too scattered; -EINTR: killed; and as
 * fp_source_reserve().
 */
struct fp_pool *fp_pool_create(const struct fp_pool_config *config, struct fp_reason *reason)
{
	struct fp_pool *pool;
	int ret;

	ret = check_config(config, reason);
	if (ret)
		return ERR_PTR(ret);
	pool = kzalloc(sizeof(*pool), GFP_KERNEL);
	if (!pool)
		return ERR_PTR(-ENOMEM);
	init_fields(pool, config);
	ret = fp_registry_add(pool);
	if (ret) {
		fp_refuse(reason, "there is a pool of that name");
		goto err_free;
	}
	ret = fill(pool, config, reason);
	if (ret)
		goto err_registry;
	return pool;

err_registry:
	fp_registry_del(pool);
err_free:
	kfree(pool);
	return ERR_PTR(ret);
}

/**
 * fp_pool_destroy() - give a pool's memory back to the kernel
 * @pool: a pool that was never published, or is retired
 *
 * Huge frames that somebody still references (a pipe, direct I/O, a device that has them pinned)
 * are freed by the kernel when the last reference goes.
 *
 * Context: may sleep.
 */
void fp_pool_destroy(struct fp_pool *pool)
{
	struct fp_counts counts;
	u32 i;

	cancel_delayed_work_sync(&pool->trim);
	fp_quarantine_fini(&pool->quarantine);
	fp_waiters_fini(&pool->waiters);
	fp_blocks_fini(&pool->blocks);
	fp_accounts_fini(&pool->accounts);
	fp_buddy_count(&pool->buddy, &counts);
	WARN(counts.used, "framepool: %s: degraded: %llu frames are lost\n", pool->name,
	     counts.used);
	for (i = 0; i < pool->source.nr; i++)
		fp_source_put(&pool->source, fp_pool_pfn(pool, (u64)i * FP_HUGE_FRAMES));
	fp_source_fini(&pool->source);
	fp_buddy_fini(&pool->buddy);
	fp_registry_del(pool);
	kfree(pool);
}
