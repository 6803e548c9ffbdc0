// SPDX-License-Identifier: LGPL-2.1-or-later
/* Snapshots of a pool's counters. */
#include <errno.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#include "internal.h"

struct framepool_stats *framepool_stats_read(const struct framepool *fp)
{
	struct framepool_stats *stats = calloc(1, sizeof(*stats));

	if (!stats) {
		errno = ENOBUFS;
		return NULL;
	}
	stats->raw.size = sizeof(stats->raw);
	if (ioctl(fp->fd, FRAMEPOOL_IOC_STATS, &stats->raw)) {
		free(stats);
		return NULL;
	}
	if (stats->raw.orders > FRAMEPOOL_ORDERS)
		stats->raw.orders = FRAMEPOOL_ORDERS;
	return stats;
}

void framepool_stats_free(struct framepool_stats *stats)
{
	int err = errno;

	free(stats);
	errno = err;
}

uint64_t framepool_stats_total_bytes(const struct framepool_stats *stats)
{
	return stats->raw.total_bytes;
}

uint64_t framepool_stats_free_bytes(const struct framepool_stats *stats)
{
	return stats->raw.free_bytes;
}

uint64_t framepool_stats_used_bytes(const struct framepool_stats *stats)
{
	return stats->raw.used_bytes;
}

uint64_t framepool_stats_quarantined_bytes(const struct framepool_stats *stats)
{
	return stats->raw.quarantined_bytes;
}

uint64_t framepool_stats_retired_bytes(const struct framepool_stats *stats)
{
	return stats->raw.retired_bytes;
}

uint64_t framepool_stats_largest_bytes(const struct framepool_stats *stats)
{
	return stats->raw.largest_bytes;
}

uint64_t framepool_stats_clients(const struct framepool_stats *stats)
{
	return stats->raw.clients;
}

uint64_t framepool_stats_buffers(const struct framepool_stats *stats)
{
	return stats->raw.buffers;
}

uint64_t framepool_stats_allocs(const struct framepool_stats *stats)
{
	return stats->raw.allocs;
}

uint64_t framepool_stats_frees(const struct framepool_stats *stats)
{
	return stats->raw.frees;
}

uint64_t framepool_stats_fail_nomem(const struct framepool_stats *stats)
{
	return stats->raw.fail_nomem;
}

uint64_t framepool_stats_fail_nospace(const struct framepool_stats *stats)
{
	return stats->raw.fail_nospace;
}

uint64_t framepool_stats_fail_quota(const struct framepool_stats *stats)
{
	return stats->raw.fail_quota;
}

uint64_t framepool_stats_moves(const struct framepool_stats *stats)
{
	return stats->raw.moves;
}

uint64_t framepool_stats_moved_bytes(const struct framepool_stats *stats)
{
	return stats->raw.moved_bytes;
}

uint64_t framepool_stats_moves_refused_pinned(const struct framepool_stats *stats)
{
	return stats->raw.moves_refused_pinned;
}

uint64_t framepool_stats_moves_refused_referenced(const struct framepool_stats *stats)
{
	return stats->raw.moves_refused_referenced;
}

uint64_t framepool_stats_moves_refused_bad(const struct framepool_stats *stats)
{
	return stats->raw.moves_refused_bad;
}

uint64_t framepool_stats_moves_refused_no_room(const struct framepool_stats *stats)
{
	return stats->raw.moves_refused_no_room;
}

uint64_t framepool_stats_charged_bytes(const struct framepool_stats *stats)
{
	return stats->raw.charged_bytes;
}

uint64_t framepool_stats_client_held_bytes(const struct framepool_stats *stats)
{
	return stats->raw.client_held_bytes;
}

uint64_t framepool_stats_client_charged_bytes(const struct framepool_stats *stats)
{
	return stats->raw.client_charged_bytes;
}

uint64_t framepool_stats_user_charged_bytes(const struct framepool_stats *stats)
{
	return stats->raw.user_charged_bytes;
}

unsigned int framepool_stats_orders(const struct framepool_stats *stats)
{
	return stats->raw.orders;
}

uint64_t framepool_stats_free_blocks(const struct framepool_stats *stats, unsigned int order)
{
	return order < stats->raw.orders ? stats->raw.free_blocks[order] : 0;
}
