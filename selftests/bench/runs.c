// SPDX-License-Identifier: GPL-2.0-only
/* Calls of the core for the suites "scale" and "packing". See runs.h. */
#include "core/buddy.h"
#include "runs.h"

#define PART	(BENCH_HUGE_FRAMES / 2 + BENCH_HUGE_FRAMES / 16)	/* two fit into none */

struct runs {
	struct fp_buddy buddy;
	struct fp_owner owner;
	u32 nr;
	u64 metadata;			/* bytes */
	u32 *parts;			/* of runs_use_partly(): their huge frames */
	u32 nr_parts;
};

/**
 * runs_create() - create a pool
 * @nr: its size in huge frames
 *
 * Return: the pool, or NULL if there is too little memory.
 */
struct runs *runs_create(u32 nr)
{
	struct runs *runs = kvcalloc(1, sizeof(*runs), GFP_KERNEL);

	if (!runs)
		return NULL;
	runs->metadata = test_allocated;
	if (bench_buddy_init(&runs->buddy, nr)) {
		kvfree(runs);
		return NULL;
	}
	runs->metadata = test_allocated - runs->metadata;
	fp_owner_init(&runs->owner, &runs->buddy, NULL);
	runs->nr = nr;
	return runs;
}

static u64 alloc_frames(struct runs *runs, u64 nr)
{
	const struct fp_request request = { .nr = nr, .align = 1, .end_pfn = FP_ANYWHERE };
	struct fp_run run;

	return fp_buddy_alloc(&runs->buddy, &runs->owner, &request, &run) ? BENCH_NONE : run.frame;
}

/**
 * runs_destroy() - destroy a pool
 * @runs: the pool; runs_alloc() has nothing allocated
 */
void runs_destroy(struct runs *runs)
{
	while (runs->nr_parts--)
		fp_buddy_free(&runs->buddy, &runs->owner,
			      (u64)runs->parts[runs->nr_parts] * BENCH_HUGE_FRAMES, PART, false);
	fp_owner_fini(&runs->owner);
	fp_buddy_fini(&runs->buddy);
	kvfree(runs->parts);
	kvfree(runs);
}

/**
 * runs_alloc() - allocate a run, as a program does
 * @runs: the pool
 * @nr: huge frames
 *
 * Return: the first, or RUNS_NONE.
 */
u32 runs_alloc(struct runs *runs, u32 nr)
{
	u64 frame = alloc_frames(runs, (u64)nr * BENCH_HUGE_FRAMES);

	return frame == BENCH_NONE ? RUNS_NONE : frame / BENCH_HUGE_FRAMES;
}

/**
 * runs_free() - free a run that is clean
 * @runs: the pool
 * @index: from runs_alloc()
 * @nr: likewise
 */
void runs_free(struct runs *runs, u32 index, u32 nr)
{
	fp_buddy_free(&runs->buddy, &runs->owner, (u64)index * BENCH_HUGE_FRAMES,
		      (u64)nr * BENCH_HUGE_FRAMES, false);
}

/**
 * runs_metadata() - what the pool takes
 * @runs: the pool
 *
 * Return: bytes a frame, in thousandths.
 */
u64 runs_metadata(const struct runs *runs)
{
	return runs->metadata * 1000 / ((u64)runs->nr * BENCH_HUGE_FRAMES);
}

/**
 * runs_use_partly() - use a part of each huge frame
 * @runs: a pool of which nothing is allocated; no run can be allocated afterwards
 *
 * Return: false if there is too little memory.
 */
bool runs_use_partly(struct runs *runs)
{
	u64 frame;
	u32 i;

	runs->parts = kvcalloc(runs->nr, sizeof(*runs->parts), GFP_KERNEL);
	if (!runs->parts)
		return false;
	for (i = 0; i < runs->nr; i++) {
		frame = alloc_frames(runs, PART);
		if (frame == BENCH_NONE)
			return false;
		runs->parts[runs->nr_parts++] = frame / BENCH_HUGE_FRAMES;
	}
	return true;
}

static void read_stats(struct fp_buddy *buddy)
{
	u64 blocks[FP_ORDERS] = {};
	struct fp_counts counts;
	u32 at = 0;

	fp_buddy_count(buddy, &counts);
	while (at != FP_NIL)
		at = fp_buddy_count_blocks(buddy, at, blocks);
}

/**
 * runs_read_stats() - read the figures of a pool, as the STATS call does
 * @runs: the pool
 */
void runs_read_stats(struct runs *runs)
{
	read_stats(&runs->buddy);
}

/**
 * runs_read_view() - look at each huge frame, as map in debugfs does
 * @runs: a pool after runs_use_partly()
 */
void runs_read_view(struct runs *runs)
{
	struct fp_huge_view view;
	u32 i;

	for (i = 0; i < runs->nr;)
		i += fp_buddy_view(&runs->buddy, i, &view);
}

/**
 * runs_refuse() - ask for a frame at the beginning of a huge frame, where each has a used one
 * @runs: a pool after runs_use_partly()
 */
void runs_refuse(struct runs *runs)
{
	const struct fp_request request = {
		.nr = 1, .align = BENCH_HUGE_FRAMES, .end_pfn = FP_ANYWHERE,
	};
	struct fp_run run;

	fp_buddy_alloc(&runs->buddy, &runs->owner, &request, &run);
}

struct client {
	struct fp_budget budget;
	struct fp_owner owner;
};

struct crowd {
	struct fp_buddy buddy;
	struct fp_budget user;
	u32 nr;
	struct client *clients;
};

/**
 * crowd_create() - create a pool with many clients of one user
 * @nr: how many
 *
 * Return: the crowd, or NULL if there is too little memory.
 */
struct crowd *crowd_create(u32 nr)
{
	struct crowd *crowd = kvcalloc(1, sizeof(*crowd), GFP_KERNEL);
	struct client *clients = kvcalloc(nr, sizeof(*clients), GFP_KERNEL);
	u32 i;

	if (!crowd || !clients || bench_buddy_init(&crowd->buddy, nr)) {
		kvfree(clients);
		kvfree(crowd);
		return NULL;
	}
	crowd->nr = nr;
	crowd->clients = clients;
	fp_budget_init(&crowd->user, FP_HUGE_ORDER, NULL, NULL, 0);
	for (i = 0; i < nr; i++) {
		fp_budget_init(&clients[i].budget, FP_HUGE_ORDER, &crowd->user, NULL, i + 1);
		fp_owner_init(&clients[i].owner, &crowd->buddy, &clients[i].budget);
		clients[i].owner.max_kept = i % 2;
	}
	return crowd;
}

/**
 * crowd_destroy() - destroy a crowd
 * @crowd: a crowd of which nobody keeps anything
 */
void crowd_destroy(struct crowd *crowd)
{
	u32 i;

	for (i = 0; i < crowd->nr; i++)
		fp_owner_fini(&crowd->clients[i].owner);
	fp_buddy_fini(&crowd->buddy);
	kvfree(crowd->clients);
	kvfree(crowd);
}

/**
 * crowd_keep() - let every other client use a frame once, and keep its huge frame
 * @crowd: the crowd; nobody keeps anything
 *
 * Return: false if there is too little memory.
 */
bool crowd_keep(struct crowd *crowd)
{
	const struct fp_request request = { .nr = 1, .align = 1, .end_pfn = FP_ANYWHERE };
	struct fp_run run;
	u32 i;

	for (i = 1; i < crowd->nr; i += 2) {
		struct fp_owner *owner = &crowd->clients[i].owner;

		if (fp_buddy_alloc(&crowd->buddy, owner, &request, &run))
			return false;
		fp_buddy_free(&crowd->buddy, owner, run.frame, 1, true);
	}
	return true;
}

/**
 * crowd_collect() - take back what clients keep, as the pool does about once a second
 * @crowd: the crowd
 */
void crowd_collect(struct crowd *crowd)
{
	while (fp_buddy_collect(&crowd->buddy, NULL))
		;
}

/**
 * crowd_clear() - empty the quarantine, as its worker does, but clear nothing
 * @crowd: the crowd
 */
void crowd_clear(struct crowd *crowd)
{
	struct fp_budget *budget;
	u32 index;

	while ((index = fp_buddy_quarantine_pop(&crowd->buddy, NULL, FP_UNCLEARED, &budget)) !=
	       FP_NIL)
		fp_buddy_quarantine_release(&crowd->buddy, budget, index);
}

/**
 * crowd_read_stats() - read the figures of the crowd's pool
 * @crowd: the crowd
 */
void crowd_read_stats(struct crowd *crowd)
{
	read_stats(&crowd->buddy);
}
