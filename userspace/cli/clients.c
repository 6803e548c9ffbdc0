// SPDX-License-Identifier: LGPL-2.1-or-later
/* framepool clients: what each client holds, from debugfs; the limits, from sysfs. */
#include <stdio.h>
#include <stdlib.h>

#include "cli.h"
#include "client.h"
#include "output.h"

#define SYSFS	"/sys/class/framepool"

enum { COLUMNS = 12 };

static void fill_row(struct field row[COLUMNS], const struct client *client)
{
	row[0] = field_number("pid", client->pid);
	row[1] = field_number("uid", client->uid);
	row[2] = field_number("buffers", client->buffers);
	row[3] = field_bytes("held", client->held_bytes);
	row[4] = field_bytes("mapped", client->mapped_bytes);
	row[5] = field_bytes("charged", client->charged_bytes);
	row[6] = field_bytes("quarantined", client->quarantined_bytes);
	row[7] = field_number("exports", (int64_t)client->exports);
	row[8] = field_number("attached", (int64_t)client->attached);
	row[9] = field_number("in_use", (int64_t)client->in_use);
	row[10] = field_text("state", client->state);
	row[11] = field_text("comm", client->comm);
}

/* A limit from sysfs. */
static struct field limit(const struct cli *cli, const char *key)
{
	unsigned long long bytes = 0;
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s/%s", SYSFS, cli->pool, key);
	file = fopen(path, "re");
	if (!file)
		return field_none(key, "unknown");
	if (fscanf(file, "%llu", &bytes) != 1)
		bytes = 0;
	fclose(file);
	return field_limit(key, bytes);
}

static int show(const struct cli *cli, const struct client_list *list)
{
	const struct field head[] = {
		field_text("pool", cli->pool),
		limit(cli, "client_quota"),
		limit(cli, "user_quota"),
		field_number("clients", (int64_t)list->count),
	};
	struct table table = { .key = "clients", .columns = COLUMNS, .rows = list->count };
	struct field (*rows)[COLUMNS] = calloc(list->count + 1, sizeof(*rows));
	int status;

	if (!rows)
		return fail("no memory for a table of %zu clients", list->count);
	table.cells = rows[0];
	for (size_t i = 0; i < list->count; i++)
		fill_row(rows[i], &list->clients[i]);
	/* In JSON the key "clients" is the table, and its length the number of clients. */
	status = output(cli->json, head, cli->json ? 3 : 4, &table);
	free(rows);
	return status;
}

int cmd_clients(struct cli *cli, int argc, char **argv)
{
	struct client_list list;
	int status = option_none(cli, argc, argv);

	if (!status)
		status = client_list_read(cli, &list);
	if (status)
		return status;
	status = show(cli, &list);
	client_list_free(&list);
	return status;
}
