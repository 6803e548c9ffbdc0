// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * framepool frag --why: what stands in the way of a run.
 *
 * The map and the obstacles are read one after the other while the pool is in use, so what happens
 * meanwhile may be seen in one of them only.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "map.h"
#include "output.h"
#include "size.h"
#include "why.h"
#include "window.h"

enum { COLUMNS = 6 };

/**
 * struct answer - what there is to tell
 * @bytes: length of the run
 * @free_bytes: what the pool has free
 * @map: the map
 * @list: everything in the pool that would not move
 * @window: the place with the least of it
 */
struct answer {
	uint64_t bytes;
	uint64_t free_bytes;
	struct map map;
	struct obstacle_list list;
	struct window window;
};

/* Leaves only what lies in the window. */
static void keep_window(struct answer *answer)
{
	size_t count = 0;

	for (size_t i = 0; i < answer->list.count; i++)
		if (window_has(&answer->map, &answer->window, &answer->list.at[i]))
			answer->list.at[count++] = answer->list.at[i];
	answer->list.count = count;
}

static int find_window(const struct framepool *fp, struct answer *answer)
{
	char size[SIZE_TEXT_MAX], largest[SIZE_TEXT_MAX];

	answer->window.count = (answer->bytes - 1) / answer->map.huge_bytes + 1;
	if (!window_find(&answer->map, &answer->list, &answer->window))
		return EXIT_OK;
	if (errno != ERANGE)
		return fail("no memory to look for a place: %m");
	return fail("no run can have %s: the largest extent of pool '%s' has %s",
		    size_format(answer->bytes, size), framepool_name(fp),
		    size_format(framepool_largest_extent_bytes(fp), largest));
}

static int read_free(const struct framepool *fp, uint64_t *bytes)
{
	struct framepool_stats *stats = pool_stats(fp);

	if (!stats)
		return EXIT_FAILED;
	*bytes = framepool_stats_free_bytes(stats);
	framepool_stats_free(stats);
	return EXIT_OK;
}

static int look(const struct cli *cli, const struct framepool *fp, struct answer *answer)
{
	int status;

	/* This clears what is in quarantine, as an allocation would, but for what is referenced. */
	lseek(framepool_fd(fp), 0, SEEK_END);
	status = map_load(cli, fp, &answer->map);
	if (!status)
		status = obstacle_list_read(cli, &answer->list);
	if (!status)
		status = read_free(fp, &answer->free_bytes);
	if (!status)
		status = find_window(fp, answer);
	if (!status)
		keep_window(answer);
	return status;
}

static uint64_t lacking(const struct answer *answer)
{
	uint64_t needed = answer->window.count * answer->map.huge_bytes;

	return needed > answer->free_bytes ? needed - answer->free_bytes : 0;
}

static void fill_row(const struct cli *cli, struct field row[COLUMNS],
		     const struct obstacle *obstacle)
{
	row[0] = field_number("pid", obstacle->pid);
	row[1] = field_number("handle", (int64_t)obstacle->handle);
	row[2] = field_bytes("offset", obstacle->offset);
	row[3] = field_bytes("length", obstacle->length);
	row[4] = field_text("comm", obstacle->comm);
	row[5] = field_text("reason", cli->json ? obstacle->reason : obstacle_explain(obstacle));
	if (!obstacle->pid)
		row[0] = field_none("pid", "-");
	if (!obstacle->handle)
		row[1] = field_none("handle", "-");
	/* Text before the last column is aligned as numbers are. */
	if (!cli->json)
		row[4] = field_none("comm", obstacle->comm);
}

static int show_json(const struct cli *cli, const struct answer *answer, const struct table *table)
{
	const struct field head[] = {
		field_text("pool", cli->pool),
		field_bytes("wanted", answer->bytes),
		field_bytes("free", answer->free_bytes),
		field_bytes("lacking", lacking(answer)),
		field_bytes("offset", answer->window.first * answer->map.huge_bytes),
		field_bytes("length", answer->window.count * answer->map.huge_bytes),
		field_bytes("stays", answer->window.stays),
		field_bytes("moves", answer->window.moves),
	};

	return output(true, head, sizeof(head) / sizeof(*head), table);
}

/* In plain words. */
static int show_text(const struct answer *answer, const struct table *table)
{
	uint64_t first = answer->window.first * answer->map.huge_bytes;
	char size[SIZE_TEXT_MAX], text[SIZE_TEXT_MAX], from[SIZE_TEXT_MAX];

	size_format(answer->bytes, size);
	if (lacking(answer))
		printf("%s: too little is free: %s more must be freed, whatever moves\n", size,
		       size_format(lacking(answer), text));
	if (answer->list.count)
		printf("%s: %zu obstacle%s in the way, %s in all, where there is the least of "
		       "that: from %s of the pool on\n", size, answer->list.count,
		       answer->list.count == 1 ? " stands" : "s stand",
		       size_format(answer->window.stays, text), size_format(first, from));
	else if (!lacking(answer))
		printf("%s: nothing stands in the way\n", size);
	return table->rows ? output(false, NULL, 0, table) : EXIT_OK;
}

static int show(const struct cli *cli, const struct answer *answer)
{
	struct table table = { .key = "obstacles", .columns = COLUMNS,
			       .rows = answer->list.count };
	struct field (*rows)[COLUMNS] = calloc(table.rows + 1, sizeof(*rows));
	int status;

	if (!rows)
		return fail("no memory for a table of %zu obstacles", table.rows);
	table.cells = rows[0];
	for (size_t i = 0; i < table.rows; i++)
		fill_row(cli, rows[i], &answer->list.at[i]);
	status = cli->json ? show_json(cli, answer, &table) : show_text(answer, &table);
	free(rows);
	return status;
}

int why(const struct cli *cli, uint64_t bytes)
{
	struct answer answer = { .bytes = bytes };
	struct framepool *fp = pool_open(cli);
	int status;

	if (!fp)
		return EXIT_FAILED;
	status = look(cli, fp, &answer);
	if (!status)
		status = show(cli, &answer);
	obstacle_list_free(&answer.list);
	map_free(&answer.map);
	framepool_close(fp);
	return status;
}
