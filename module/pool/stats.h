/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FP_STATS_H
#define FP_STATS_H

#include <linux/types.h>

#include "uapi/framepool.h"

/*
 * The figures that an administrator sees: name, and field of struct framepool_ioc_stats. @SHOW is a
 * macro for one of them.
 */
#define FP_FIGURES(SHOW)			\
	SHOW(total, total_bytes)		\
	SHOW(free, free_bytes)			\
	SHOW(used, used_bytes)			\
	SHOW(quarantined, quarantined_bytes)	\
	SHOW(retired, retired_bytes)		\
	SHOW(largest, largest_bytes)		\
	SHOW(charged, charged_bytes)		\
	SHOW(clients, clients)			\
	SHOW(buffers, buffers)			\
	SHOW(allocs, allocs)			\
	SHOW(frees, frees)			\
	SHOW(fail_nomem, fail_nomem)		\
	SHOW(fail_nospace, fail_nospace)	\
	SHOW(fail_quota, fail_quota)		\
	SHOW(moves, moves)			\
	SHOW(moved, moved_bytes)		\
	SHOW(moves_refused_pinned, moves_refused_pinned)		\
	SHOW(moves_refused_referenced, moves_refused_referenced)	\
	SHOW(moves_refused_bad, moves_refused_bad)			\
	SHOW(moves_refused_no_room, moves_refused_no_room)

struct fp_account;
struct fp_pool;

void fp_stats_info(struct fp_pool *pool, bool exact, struct framepool_ioc_info *info);
void fp_stats_read(struct fp_pool *pool, struct framepool_ioc_stats *stats);
void fp_stats_read_blocks(struct fp_pool *pool, struct framepool_ioc_stats *stats);
void fp_stats_read_account(const struct fp_account *account, struct framepool_ioc_stats *stats);
int fp_stats_unusable_index(const struct framepool_ioc_stats *stats, u32 order);
int fp_stats_external_index(const struct framepool_ioc_stats *stats, u32 order);

#endif
