// SPDX-License-Identifier: LGPL-2.1-or-later
/* framepool caches: caches of objects, from debugfs. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "debugfs.h"
#include "listing.h"
#include "output.h"

enum { COLUMNS = 8 };

/* The share of allocations that a magazine served; none if nothing was allocated. */
static struct field hit_rate(const struct listing *list, const struct listing_row *row)
{
	double hits = (double)listing_number(list, row, "hits");
	double all = hits + (double)listing_number(list, row, "refills");

	return all > 0 ? field_index("hits", (int)(hits / all * 1000)) : field_none("hits", "-");
}

static void fill_row(struct field cells[COLUMNS], const struct listing *list,
		     const struct listing_row *row)
{
	cells[0] = field_number("size", (int64_t)listing_number(list, row, "size"));
	cells[1] = field_number("active", (int64_t)listing_number(list, row, "active"));
	cells[2] = field_number("objects", (int64_t)listing_number(list, row, "objects"));
	cells[3] = field_number("slabs", (int64_t)listing_number(list, row, "slabs"));
	cells[4] = field_bytes("slab_bytes", listing_number(list, row, "slab_bytes"));
	cells[5] = field_bytes("waste", listing_number(list, row, "waste"));
	cells[6] = hit_rate(list, row);
	cells[7] = field_text("name", row->text);
}

/* All columns of debugfs, under the same names. */
static void fill_row_json(struct field *cells, const struct listing *list,
			  const struct listing_row *row)
{
	for (size_t i = 0; i + 1 < list->columns; i++)
		cells[i] = field_number(list->names[i], (int64_t)row->numbers[i]);
	cells[list->columns - 1] = field_text(list->names[list->columns - 1], row->text);
}

static int show(const struct cli *cli, const struct listing *list)
{
	const struct field head[] = {
		field_text("pool", cli->pool),
		field_number("caches", (int64_t)list->count),
	};
	struct table table = {
		.key = "caches", .columns = cli->json ? list->columns : COLUMNS, .rows = list->count
	};
	struct field *cells = calloc((list->count + 1) * table.columns, sizeof(*cells));
	int status;

	if (!cells)
		return fail("no memory for a table of %zu caches", list->count);
	table.cells = cells;
	for (size_t i = 0; i < list->count; i++) {
		if (cli->json)
			fill_row_json(&cells[i * table.columns], list, &list->rows[i]);
		else
			fill_row(&cells[i * table.columns], list, &list->rows[i]);
	}
	/* In JSON the key "caches" is the table, and its length the number of caches. */
	status = output(cli->json, head, cli->json ? 1 : 2, &table);
	free(cells);
	return status;
}

int cmd_caches(struct cli *cli, int argc, char **argv)
{
	int status = option_none(cli, argc, argv);
	struct listing list;
	FILE *file;

	if (status)
		return status;
	file = debugfs_open(cli, "caches");
	if (!file)
		return EXIT_FAILED;
	if (listing_read(file, &list))
		status = fail("cannot read the list of caches: %s", strerror(errno));
	fclose(file);
	if (status)
		return status;
	status = show(cli, &list);
	listing_free(&list);
	return status;
}
