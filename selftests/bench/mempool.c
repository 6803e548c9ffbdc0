// SPDX-License-Identifier: GPL-2.0-only
/* DPDK's mempool, as the suite "layers" uses it. */
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_mempool.h>
#include <stdio.h>
#include <stdlib.h>

#include "mempool.h"

#define COUNT	4096
#define SIZE	2048
#define CACHE	128

static struct rte_mempool *pool;

void mempool_run(void *context, uint32_t repeats)
{
	while (repeats--) {
		void *buffer;

		if (rte_mempool_get(pool, &buffer))
			abort();
		*(volatile uint64_t *)buffer = 1;
		rte_mempool_put(pool, buffer);
	}
}

void mempool_run_bulk(void *context, uint32_t repeats)
{
	void *buffers[MEMPOOL_BULK];

	while (repeats--) {
		if (rte_mempool_get_bulk(pool, buffers, MEMPOOL_BULK))
			abort();
		*(volatile uint64_t *)buffers[MEMPOOL_BULK - 1] = 1;
		rte_mempool_put_bulk(pool, buffers, MEMPOOL_BULK);
	}
}

/**
 * mempool_begin() - start DPDK, and make its pool
 *
 * From now on the thread has DPDK's number, without which a mempool has no cache.
 */
void mempool_begin(void)
{
	char *arguments[] = {
		"bench", "--no-huge", "-m", "64", "--no-pci", "--no-shconf", "--no-telemetry",
		"-l", "0", "--log-level=error", NULL,
	};

	if (rte_eal_init(sizeof(arguments) / sizeof(*arguments) - 1, arguments) < 0) {
		fprintf(stderr, "rte_eal_init: %s\n", rte_strerror(rte_errno));
		exit(1);
	}
	pool = rte_mempool_create("bench", COUNT, SIZE, CACHE, 0, NULL, NULL, NULL, NULL,
				  SOCKET_ID_ANY, 0);
	if (!pool) {
		fprintf(stderr, "rte_mempool_create: %s\n", rte_strerror(rte_errno));
		exit(1);
	}
}
