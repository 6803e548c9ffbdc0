// SPDX-License-Identifier: LGPL-2.1-or-later
/* framepool map: what each huge frame is used for, drawn as text or SVG. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "debugfs.h"
#include "map.h"
#include "output.h"
#include "terminal.h"

enum { OPTION_SVG = 1, OPTION_ASCII };

static const struct option options[] = {
	COMMON_OPTIONS,
	{ "svg", required_argument, NULL, OPTION_SVG },
	{ "ascii", no_argument, NULL, OPTION_ASCII },
	{ NULL, 0, NULL, 0 }
};

/**
 * struct style - how to draw
 * @svg: the file to write, or NULL
 * @ascii: without block characters
 */
struct style {
	const char *svg;
	bool ascii;
};

/* Text, SVG and JSON are three forms of output; --ascii is about the first. */
static int check(const struct cli *cli, const struct style *style)
{
	if (style->ascii && style->svg)
		return fail_usage("--ascii and --svg exclude each other");
	if (cli->json && style->svg)
		return fail_usage("--json and --svg exclude each other");
	if (cli->json && style->ascii)
		return fail_usage("--json and --ascii exclude each other");
	return EXIT_OK;
}

static int parse(struct cli *cli, int argc, char **argv, struct style *style)
{
	int option, status;

	optind = 0;
	while ((option = option_next(cli, argc, argv, options)) != OPTIONS_END) {
		if (option == OPTION_SVG)
			style->svg = optarg;
		else if (option == OPTION_ASCII)
			style->ascii = true;
		else
			return EXIT_USAGE;
	}
	status = option_end(argc, argv);
	return status ? status : check(cli, style);
}

static int read_states(const struct cli *cli, struct map *map)
{
	FILE *file = debugfs_open(cli, "map");
	int err;

	if (!file)
		return EXIT_FAILED;
	err = map_read(file, map);
	fclose(file);
	return err ? fail("cannot read the map: %s", strerror(errno)) : EXIT_OK;
}

static int read_extents(const struct cli *cli, struct map *map)
{
	FILE *file = debugfs_open(cli, "extents");
	int err;

	if (!file)
		return EXIT_FAILED;
	err = map_read_extents(file, map);
	fclose(file);
	if (err && errno == ESTALE)
		return fail("the extents of pool '%s' do not add up to its map: try again",
			    cli->pool);
	return err ? fail("cannot read the extents: %s", strerror(errno)) : EXIT_OK;
}

int map_load(const struct cli *cli, const struct framepool *fp, struct map *map)
{
	int status;

	map->huge_bytes = framepool_huge_bytes(fp);
	status = read_states(cli, map);
	return status ? status : read_extents(cli, map);
}

static int read_map(const struct cli *cli, struct map *map)
{
	struct framepool *fp = pool_open(cli);
	int status;

	if (!fp)
		return EXIT_FAILED;
	status = map_load(cli, fp, map);
	framepool_close(fp);
	return status;
}

static int write_svg(const struct map *map, const char *pool, const char *name)
{
	FILE *file = fopen(name, "we");
	bool failed;

	if (!file)
		return fail("cannot write '%s': %s", name, strerror(errno));
	map_svg(map, pool, file);
	failed = ferror(file);
	if (fclose(file) || failed)
		return fail("cannot write '%s': %s", name, strerror(errno));
	return EXIT_OK;
}

enum { COLUMNS = 2 };

static int show_json(const struct cli *cli, const struct map *map)
{
	struct table table = { .key = "extents", .columns = COLUMNS, .rows = map->extents };
	struct field *cells = calloc((map->extents + 1) * COLUMNS, sizeof(*cells));
	size_t counts[SHADES], partly_used;
	int status;

	if (!cells)
		return fail("no memory for a table of %zu extents", map->extents);
	for (size_t i = 0; i < map->extents; i++) {
		cells[i * COLUMNS] = field_number("first", (int64_t)map->firsts[i]);
		cells[i * COLUMNS + 1] =
			field_number("huge_frames", (int64_t)map_extent_length(map, i));
	}
	table.cells = cells;
	map_count(map, counts);
	partly_used = counts[SHADE_QUARTER] + counts[SHADE_HALF] + counts[SHADE_MOST];
	map->states[map->count] = '\0';

	const struct field fields[] = {
		field_text("pool", cli->pool),
		field_bytes("huge", map->huge_bytes),
		field_number("huge_frames", (int64_t)map->count),
		field_number("empty", (int64_t)counts[SHADE_FREE]),
		field_number("partly_used", (int64_t)partly_used),
		field_number("full", (int64_t)counts[SHADE_FULL]),
		field_number("movable", (int64_t)counts[SHADE_MOVABLE]),
		field_number("quarantined", (int64_t)counts[SHADE_QUARANTINED]),
		field_number("retired", (int64_t)counts[SHADE_RETIRED]),
		field_text("map", map->states),
	};

	status = output(true, fields, sizeof(fields) / sizeof(*fields), &table);
	free(cells);
	return status;
}

static int show(const struct cli *cli, const struct style *style, const struct map *map)
{
	if (style->svg)
		return write_svg(map, cli->pool, style->svg);
	if (cli->json)
		return show_json(cli, map);
	printf("Pool %s\n", cli->pool);
	map_print(map, style->ascii || !terminal_is_utf8(), terminal_has_colour(),
		  terminal_columns());
	return EXIT_OK;
}

int cmd_map(struct cli *cli, int argc, char **argv)
{
	struct style style = { .svg = NULL };
	struct map map = { .states = NULL };
	int status = parse(cli, argc, argv, &style);

	if (!status)
		status = read_map(cli, &map);
	if (!status)
		status = show(cli, &style, &map);
	map_free(&map);
	return status;
}
