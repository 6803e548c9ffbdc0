// SPDX-License-Identifier: LGPL-2.1-or-later
/* framepool frag: free blocks and fragmentation per order. */
#include <stdlib.h>

#include "cli.h"
#include "output.h"
#include "why.h"

enum { OPTION_WHY = 1 };

static const struct option options[] = {
	COMMON_OPTIONS,
	{ "why", required_argument, NULL, OPTION_WHY },
	{ NULL, 0, NULL, 0 }
};

enum { COLUMNS = 6 };

/* The share of the free memory, in thousandths; 0 only for 0 bytes. */
static int share(const struct framepool_stats *stats, uint64_t bytes)
{
	double thousandths = (double)bytes * 1000 / (double)framepool_stats_free_bytes(stats);

	if (!bytes)
		return 0;
	return thousandths < 1 ? 1 : (int)(thousandths + 0.5);
}

static void fill_row(struct field row[COLUMNS], const struct framepool_stats *stats,
		     unsigned int order, uint64_t frame_bytes)
{
	uint64_t blocks = framepool_stats_free_blocks(stats, order);

	row[0] = field_number("order", order);
	row[1] = field_bytes("bytes", frame_bytes << order);
	row[2] = field_number("free_blocks", blocks);
	row[3] = field_index("unusable", framepool_stats_unusable_index(stats, order));
	row[4] = field_index("external", framepool_stats_external_index(stats, order));
	row[5] = field_share("share", share(stats, blocks * (frame_bytes << order)));
}

static int show(const struct cli *cli, const struct framepool *fp,
		const struct framepool_stats *stats)
{
	const struct field head[] = {
		field_text("pool", framepool_name(fp)),
		field_bytes("free", framepool_stats_free_bytes(stats)),
		field_bytes("largest", framepool_stats_largest_bytes(stats)),
	};
	unsigned int orders = framepool_stats_orders(stats);
	struct table table = { .key = "orders", .columns = COLUMNS, .rows = orders };
	struct field (*rows)[COLUMNS] = calloc(orders, sizeof(*rows));
	int status;

	if (!rows)
		return fail("no memory for a table of %u orders", orders);
	table.cells = rows[0];
	for (unsigned int order = 0; order < orders; order++)
		fill_row(rows[order], stats, order, framepool_frame_bytes(fp));
	status = output(cli->json, head, sizeof(head) / sizeof(*head), &table);
	free(rows);
	return status;
}

static int show_orders(const struct cli *cli)
{
	struct framepool *fp = pool_open(cli);
	struct framepool_stats *stats;
	int status = EXIT_FAILED;

	if (!fp)
		return status;
	stats = pool_stats(fp);
	if (stats)
		status = show(cli, fp, stats);
	framepool_stats_free(stats);
	framepool_close(fp);
	return status;
}

int cmd_frag(struct cli *cli, int argc, char **argv)
{
	int option, status = EXIT_OK;
	uint64_t bytes = 0;

	optind = 0;
	while (!status && (option = option_next(cli, argc, argv, options)) != OPTIONS_END)
		status = option == OPTION_WHY ? option_size("--why", optarg, &bytes) : EXIT_USAGE;
	if (!status)
		status = option_end(argc, argv);
	if (status)
		return status;
	return bytes ? why(cli, bytes) : show_orders(cli);
}
