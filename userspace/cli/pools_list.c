// SPDX-License-Identifier: LGPL-2.1-or-later
/* framepool pool list, framepool pool show: which pools there are, and how they were made. */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "configfs.h"
#include "output.h"
#include "pools.h"

enum { COLUMNS = 7, MOST_POOLS = 1024 };

/**
 * struct row - a pool
 * @name: its name
 * @mode: mode of its node, octal
 * @memory: how processors cache it
 */
struct row {
	char name[CONFIGFS_NAME];
	char mode[CONFIGFS_VALUE];
	char memory[CONFIGFS_VALUE];
};

static long long number_of(const char *name, const char *file)
{
	char text[CONFIGFS_VALUE];

	return strtoll(configfs_read(name, file, text, sizeof(text)), NULL, 10);
}

static struct field node_field(const char *name)
{
	long long node = number_of(name, "node");

	return node < 0 ? field_none("node", "any") : field_number("node", node);
}

static void fill_row(struct field cells[COLUMNS], struct row *row)
{
	const char *name = row->name;

	configfs_read(name, "mode", row->mode, sizeof(row->mode));
	configfs_read(name, "memory", row->memory, sizeof(row->memory));
	cells[0] = field_text("pool", name);
	cells[1] = field_number("live", configfs_is_live(name));
	cells[2] = field_limit("size", (uint64_t)number_of(name, "size"));
	cells[3] = node_field(name);
	cells[4] = field_text("memory", row->memory);
	cells[5] = field_number("gid", number_of(name, "gid"));
	cells[6] = field_text("mode", row->mode);
}

/* Returns the number of pools. */
static size_t read_rows(DIR *dir, struct row *rows, struct field *cells)
{
	struct dirent *entry;
	size_t count = 0;

	while (count < MOST_POOLS && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.' || strlen(entry->d_name) >= CONFIGFS_NAME)
			continue;
		strcpy(rows[count].name, entry->d_name);
		fill_row(&cells[count * COLUMNS], &rows[count]);
		count++;
	}
	return count;
}

static int list(const struct cli *cli, DIR *dir)
{
	struct field *cells = calloc((size_t)MOST_POOLS * COLUMNS, sizeof(*cells));
	struct row *rows = calloc(MOST_POOLS, sizeof(*rows));
	struct table table = { .key = "pools", .cells = cells, .columns = COLUMNS };
	struct field head;
	int status;

	if (cells && rows) {
		table.rows = read_rows(dir, rows, cells);
		head = field_number("pools", (int64_t)table.rows);
		/* In JSON the key "pools" is the table. */
		status = output(cli->json, &head, cli->json ? 0 : 1, &table);
	} else {
		status = fail("no memory for a table of pools");
	}
	free(cells);
	free(rows);
	return status;
}

int pools_list(struct cli *cli, int argc, char **argv)
{
	int status = option_none(cli, argc, argv);
	DIR *dir;

	if (status)
		return status;
	if (option_no_pool(cli))
		return EXIT_USAGE;
	if (configfs_check(NULL))
		return EXIT_FAILED;
	dir = opendir(CONFIGFS_FOLDER);
	if (!dir)
		return fail("cannot open %s: %s", CONFIGFS_FOLDER, strerror(errno));
	status = list(cli, dir);
	closedir(dir);
	return status;
}

/* "4294967296:67108864" is two fields. */
static struct field below_bytes_field(const char *below)
{
	const char *colon = strchr(below, ':');

	return colon ? field_bytes("below_size", strtoull(colon + 1, NULL, 10)) :
		       field_none("below_size", *below ? "all" : "none");
}

static int show(const struct cli *cli, const char *name)
{
	char below[CONFIGFS_VALUE], memory[CONFIGFS_VALUE], mode[CONFIGFS_VALUE];

	configfs_read(name, "below", below, sizeof(below));
	configfs_read(name, "memory", memory, sizeof(memory));
	configfs_read(name, "mode", mode, sizeof(mode));

	const struct field fields[] = {
		field_text("pool", name),
		field_number("live", configfs_is_live(name)),
		field_limit("size", (uint64_t)number_of(name, "size")),
		node_field(name),
		*below ? field_address("below", strtoull(below, NULL, 10)) :
			 field_none("below", "none"),
		below_bytes_field(below),
		field_limit("min_run", (uint64_t)number_of(name, "min_run")),
		field_limit("min_largest", (uint64_t)number_of(name, "min_largest")),
		field_text("memory", memory),
		field_number("partial", number_of(name, "partial")),
		field_number("gid", number_of(name, "gid")),
		field_text("mode", mode),
		field_limit("client_quota", (uint64_t)number_of(name, "client_quota")),
		field_limit("user_quota", (uint64_t)number_of(name, "user_quota")),
		field_number("debug", number_of(name, "debug")),
		field_number("cache_debug", number_of(name, "cache_debug")),
	};

	return output(cli->json, fields, sizeof(fields) / sizeof(*fields), NULL);
}

static const struct option options[] = {
	COMMON_OPTIONS,
	{ NULL, 0, NULL, 0 }
};

int pools_show(struct cli *cli, int argc, char **argv)
{
	const char *name = pools_first(argc, argv);
	int status;

	if (option_next(cli, argc, argv, options) != OPTIONS_END || option_no_pool(cli))
		return EXIT_USAGE;
	status = pools_name(argc, argv, "the name of a pool", &name);
	if (status)
		return status;
	if (configfs_check(name))
		return EXIT_FAILED;
	if (!configfs_has(name))
		return fail("there is no pool '%s'", name);
	return show(cli, name);
}
