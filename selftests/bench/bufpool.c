// SPDX-License-Identifier: GPL-2.0-only
/*
 * The cases of pools of buffers in the suite "layers".
 *
 * With one thread, the peer is DPDK's mempool with a cache of the same size as our magazine. A word
 * of each buffer is written.
 */
#include <libframepool_bufpool.h>
#include <stdlib.h>

#include "layers.h"
#include "mempool.h"

#define COUNT	4096
#define SIZE	2048
#define BULK	MEMPOOL_BULK

static void touch(void *buffer)
{
	*(volatile u64 *)buffer = 1;
}

static void run_ours(void *pool, u32 repeats)
{
	while (repeats--) {
		void *buffer = framepool_bufpool_borrow(pool, 0);

		touch(buffer);
		framepool_bufpool_return(pool, buffer);
	}
}

static void run_our_bulk(void *pool, u32 repeats)
{
	void *buffers[BULK];

	while (repeats--) {
		framepool_bufpool_borrow_bulk(pool, buffers, BULK, 0);
		touch(buffers[BULK - 1]);
		framepool_bufpool_return_bulk(pool, buffers, BULK);
	}
}

static struct framepool_bufpool *create(struct framepool *fp, enum framepool_bufpool_leaks leaks)
{
	struct framepool_bufpool_options options = {
		.size = SIZE, .count = COUNT, .reserve = COUNT, .leaks = leaks,
	};
	struct framepool_bufpool *pool = framepool_bufpool_create(fp, &options);

	if (!pool) {
		perror("framepool_bufpool_create");
		exit(1);
	}
	return pool;
}

/**
 * bench_bufpool() - measure and report the cases of pools of buffers with one thread
 * @config: how long to measure
 * @fp: client of a pool
 */
void bench_bufpool(const struct layers_config *config, struct framepool *fp)
{
	struct framepool_bufpool *pool = create(fp, FRAMEPOOL_BUFPOOL_LEAKS_DEFAULT);
	struct framepool_bufpool *bare = create(fp, FRAMEPOOL_BUFPOOL_LEAKS_OFF);
	struct layers_config some = *config;
	struct layers_side ours = { "framepool", run_ours, pool };
	struct layers_side our_bulk = { "framepool", run_our_bulk, pool };

	(void)our_bulk;
	some.repeats = config->repeats / 8;
	layers_compare(config, "bufpool, borrow and return, leak records", 1, &ours,
		       &(struct layers_side){ "no records", run_ours, bare });
#ifdef BENCH_MEMPOOL
	layers_compare(config, "bufpool, borrow and return", 1, &ours,
		       &(struct layers_side){ "DPDK mempool", mempool_run, NULL });
	layers_compare(&some, "bufpool, bulk of 32", BULK, &our_bulk,
		       &(struct layers_side){ "DPDK mempool", mempool_run_bulk, NULL });
#else
	fprintf(stderr, "bufpool: no DPDK, so no comparison with its mempool\n");
#endif
	framepool_bufpool_destroy(bare);
	framepool_bufpool_destroy(pool);
}
