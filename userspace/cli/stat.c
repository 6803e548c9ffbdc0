// SPDX-License-Identifier: LGPL-2.1-or-later
/* framepool stat: the pool's counters, under the same names as in debugfs. */
#include "cli.h"
#include "figure.h"
#include "output.h"

static int show(const struct cli *cli, const char *pool, const struct framepool_stats *stats)
{
	struct field fields[1 + FIGURES] = { field_text("pool", pool) };

	for (size_t i = 0; i < FIGURES; i++) {
		const struct figure *figure = &figures[i];
		uint64_t value = figure->value(stats);

		fields[1 + i] = figure->is_bytes ? field_bytes(figure->key, value) :
						   field_number(figure->key, (int64_t)value);
	}
	return output(cli->json, fields, 1 + FIGURES, NULL);
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
