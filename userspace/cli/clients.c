// SPDX-License-Identifier: LGPL-2.1-or-later
/* framepool clients: who holds how much, from debugfs; what they may, from sysfs. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statfs.h>

#include "cli.h"
#include "client.h"
#include "output.h"

#define DEBUGFS		"/sys/kernel/debug"
#define DEBUGFS_TYPE	0x64626720
#define SYSFS		"/sys/class/framepool"

enum { COLUMNS = 7 };

struct client_list {
	struct client *clients;
	size_t count;
};

static int fail_open(const struct cli *cli, const char *path, int err)
{
	char text[512];
	struct statfs fs;

	if (err == EACCES)
		return fail("only root may read %s: run as root", path);
	if (err == EPERM)
		return fail("the kernel is locked down and refuses %s", path);
	if (err != ENOENT)
		return fail("cannot open %s: %s", path, strerror(err));
	if (statfs(DEBUGFS, &fs) || (unsigned long)fs.f_type != DEBUGFS_TYPE)
		return fail("debugfs is not mounted: 'mount -t debugfs none %s'", DEBUGFS);
	return fail("%s", framepool_explain_open(err, cli->pool, text, sizeof(text)));
}

static FILE *open_list(const struct cli *cli)
{
	char path[128], text[512];
	FILE *file;

	if (strchr(cli->pool, '/') || strlen(cli->pool) > sizeof(path) / 2) {
		fail("%s", framepool_explain_open(EINVAL, cli->pool, text, sizeof(text)));
		return NULL;
	}
	snprintf(path, sizeof(path), "%s/framepool/%s/clients", DEBUGFS, cli->pool);
	file = fopen(path, "re");
	if (!file)
		fail_open(cli, path, errno);
	return file;
}

/* The first line is the header. */
static int read_list(FILE *file, struct client_list *list)
{
	struct client client, *clients;
	char *line = NULL;
	size_t size = 0;

	while (getline(&line, &size, file) >= 0) {
		if (client_parse(line, &client))
			continue;
		clients = reallocarray(list->clients, list->count + 1, sizeof(*clients));
		if (!clients)
			break;
		list->clients = clients;
		list->clients[list->count++] = client;
	}
	free(line);
	if (!feof(file))
		return fail("cannot read the list of clients: %m");
	return EXIT_OK;
}

static void fill_row(struct field row[COLUMNS], const struct client *client)
{
	row[0] = field_number("pid", client->pid);
	row[1] = field_number("uid", client->uid);
	row[2] = field_number("buffers", client->buffers);
	row[3] = field_bytes("held", client->held_bytes);
	row[4] = field_bytes("mapped", client->mapped_bytes);
	row[5] = field_bytes("quarantined", client->quarantined_bytes);
	row[6] = field_text("comm", client->comm);
}

/* A limit as sysfs shows it; none if it cannot be read. */
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
		field_number("open_files", list->count),
	};
	struct table table = { .key = "clients", .columns = COLUMNS, .rows = list->count };
	struct field (*rows)[COLUMNS] = calloc(list->count + 1, sizeof(*rows));
	int status;

	if (!rows)
		return fail("no memory for a table of %zu clients", list->count);
	table.cells = rows[0];
	for (size_t i = 0; i < list->count; i++)
		fill_row(rows[i], &list->clients[i]);
	status = output(cli->json, head, sizeof(head) / sizeof(*head), &table);
	free(rows);
	return status;
}

int cmd_clients(struct cli *cli, int argc, char **argv)
{
	struct client_list list = { NULL, 0 };
	int status = option_none(cli, argc, argv);
	FILE *file;

	if (status)
		return status;
	file = open_list(cli);
	if (!file)
		return EXIT_FAILED;
	status = read_list(file, &list);
	fclose(file);
	if (!status)
		status = show(cli, &list);
	free(list.clients);
	return status;
}
