// SPDX-License-Identifier: LGPL-2.1-or-later
/* framepool stat: the pool's counters, under the same names as in debugfs. */
#include "cli.h"
#include "output.h"

static int show(const struct cli *cli, const char *pool, const struct framepool_stats *stats)
{
	const struct field fields[] = {
		field_text("pool", pool),
		field_bytes("total", framepool_stats_total_bytes(stats)),
		field_bytes("free", framepool_stats_free_bytes(stats)),
		field_bytes("used", framepool_stats_used_bytes(stats)),
		field_bytes("quarantined", framepool_stats_quarantined_bytes(stats)),
		field_bytes("retired", framepool_stats_retired_bytes(stats)),
		field_bytes("largest", framepool_stats_largest_bytes(stats)),
		field_bytes("charged", framepool_stats_charged_bytes(stats)),
		field_number("clients", framepool_stats_clients(stats)),
		field_number("buffers", framepool_stats_buffers(stats)),
		field_number("allocs", framepool_stats_allocs(stats)),
		field_number("frees", framepool_stats_frees(stats)),
		field_number("fail_nomem", framepool_stats_fail_nomem(stats)),
		field_number("fail_nospace", framepool_stats_fail_nospace(stats)),
		field_number("fail_quota", framepool_stats_fail_quota(stats)),
		field_number("moves", framepool_stats_moves(stats)),
		field_bytes("moved", framepool_stats_moved_bytes(stats)),
		field_number("moves_refused_pinned", framepool_stats_moves_refused_pinned(stats)),
		field_number("moves_refused_referenced",
			     framepool_stats_moves_refused_referenced(stats)),
		field_number("moves_refused_bad", framepool_stats_moves_refused_bad(stats)),
		field_number("moves_refused_no_room", framepool_stats_moves_refused_no_room(stats)),
	};

	return output(cli->json, fields, sizeof(fields) / sizeof(*fields), NULL);
}

int cmd_stat(struct cli *cli, int argc, char **argv)
{
	struct framepool_stats *stats;
	struct framepool *fp;
	int status = option_none(cli, argc, argv);

	if (status)
		return status;
	status = EXIT_FAILED;
	fp = pool_open(cli);
	if (!fp)
		return status;
	stats = pool_stats(fp);
	if (stats)
		status = show(cli, framepool_name(fp), stats);
	framepool_stats_free(stats);
	framepool_close(fp);
	return status;
}
