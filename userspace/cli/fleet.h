/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* All pools of this machine, and their metrics. */
#ifndef FRAMEPOOL_CLI_FLEET_H
#define FRAMEPOOL_CLI_FLEET_H

#include <stddef.h>
#include <stdint.h>

#include "exposition.h"

/**
 * struct fleet_pool - a pool
 * @name: its name
 * @stats: its figures; NULL: it was shut down, and has none
 * @huge_bytes: size of a huge frame
 * @largest_extent_bytes: the longest buffer that it can have
 * @client_quota_bytes: the most that a client may be charged; 0: no limit
 * @user_quota_bytes: the most that a user may be charged; 0: no limit
 */
struct fleet_pool {
	char *name;
	struct framepool_stats *stats;
	uint64_t huge_bytes;
	uint64_t largest_extent_bytes;
	uint64_t client_quota_bytes;
	uint64_t user_quota_bytes;
};

/**
 * struct fleet - all pools
 * @pools: sorted by name
 * @count: how many
 */
struct fleet {
	struct fleet_pool *pools;
	size_t count;
};

/**
 * fleet_read - find all pools and read their figures
 * @fleet: set to the pools
 *
 * Return: EXIT_OK, or EXIT_FAILED after a message; then there is nothing to free.
 */
int fleet_read(struct fleet *fleet);

/**
 * fleet_free - free what fleet_read() allocated
 * @fleet: the pools
 */
void fleet_free(struct fleet *fleet);

/**
 * fleet_expose - write the metrics of all pools
 * @fleet: the pools
 * @exposition: where to write
 */
void fleet_expose(const struct fleet *fleet, const struct exposition *exposition);

#endif
