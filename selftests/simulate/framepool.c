// SPDX-License-Identifier: GPL-2.0-only
/*
 * The module's core, used as pool/pool.c uses it: each client is an owner that keeps one huge
 * frame. Freed memory is cleared at once. What is kept comes back before an allocation fails, and
 * every second.
 */
#include "core/owner.h"
#include "pool.h"
#include "sides.h"

#define TRIM_US		1000000
#define MAX_KEPT	1	/* as in user/client.c */

/* pool.c checks what tests expect. */
_Atomic int test_failed;

/* A client; its owner is initialised when it is first used. */
struct client {
	struct fp_budget budget;
	struct fp_owner owner;
	bool is_used;
};

static struct fp_buddy buddy;
static struct client *clients;
static struct fp_run *runs;		/* by buffer */
static const struct recording *recorded;
static u64 trimmed_us;

static void collect(void)
{
	u32 tries = buddy.runs.extents.nr_huge + buddy.nr_owners;

	while (tries-- && fp_buddy_collect(&buddy, NULL))
		;
	pool_settle(&buddy);
}

static void trim(u64 time_us)
{
	if (time_us < trimmed_us + TRIM_US)
		return;
	trimmed_us = time_us;
	collect();
}

static struct fp_owner *owner_of(u32 number)
{
	struct client *client = &clients[number];

	if (!client->is_used) {
		fp_budget_init(&client->budget, buddy.order, NULL, NULL, number);
		fp_owner_init(&client->owner, &buddy, &client->budget);
		client->owner.max_kept = MAX_KEPT;
		client->is_used = true;
	}
	return &client->owner;
}

static int alloc(void *data, const struct event *event)
{
	struct fp_owner *owner = owner_of(event->client);
	const struct fp_request request = {
		.nr = event->frames, .align = event->align,
		.end_pfn = event->limit ? event->limit : FP_ANYWHERE,
	};
	int ret;

	trim(event->time_us);
	if (event->frames > fp_buddy_nr_frames(&buddy))
		return ENOMEM;
	ret = fp_buddy_alloc(&buddy, owner, &request, &runs[event->buffer]);
	if (ret) {
		collect();
		ret = fp_buddy_alloc(&buddy, owner, &request, &runs[event->buffer]);
	}
	return -ret;
}

static void free_buffer(void *data, const struct event *event)
{
	const struct fp_run *run = &runs[event->buffer];

	trim(event->time_us);
	if (fp_buddy_free(&buddy, owner_of(event->client), run->frame, run->nr, true))
		abort();
	pool_settle(&buddy);
}

static void end_client(void *data, u32 number)
{
	while (fp_buddy_give_up(owner_of(number), 0))
		;
	pool_settle(&buddy);
}

static int measure(void *data, bool is_last, struct measure *measure)
{
	u64 bytes = recorded->frame_bytes, whole = 0;
	struct pool_stats stats;
	u32 order;

	pool_stats(&buddy, &stats);
	for (order = buddy.order; order < FP_ORDERS; order++)
		whole += stats.blocks[order] << order;
	*measure = (struct measure){
		.used = stats.used * bytes, .free = stats.free * bytes,
		.largest = stats.largest * bytes, .whole = whole * bytes,
	};
	return 0;
}

const char *framepool_side_broken(void)
{
	return fp_buddy_verify(&buddy);
}

static u32 *list_huge(const struct recording *recording)
{
	u32 *hpfn = calloc(recording->nr_huge, sizeof(*hpfn)), at = 0, j;
	size_t i;

	for (i = 0; hpfn && i < recording->nr_extents; i++)
		for (j = 0; j < recording->extents[i].count; j++)
			hpfn[at++] = recording->extents[i].first + j;
	return hpfn;
}

bool framepool_side(const struct recording *recording, struct side *side)
{
	u32 *hpfn = list_huge(recording);
	bool done;

	recorded = recording;
	clients = calloc(recording->nr_clients + 1, sizeof(*clients));
	runs = calloc(recording->nr_buffers + 1, sizeof(*runs));
	done = hpfn && clients && runs &&
	       !fp_buddy_init(&buddy, ilog2(recording->huge_frames), hpfn, recording->nr_huge, 0);
	free(hpfn);
	*side = (struct side){
		.name = "framepool", .alloc = alloc, .free = free_buffer, .end = end_client,
		.measure = measure,
	};
	return done;
}
