// SPDX-License-Identifier: LGPL-2.1-or-later
/* The list of clients in debugfs. */
#define _GNU_SOURCE
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "debugfs.h"

/* A process may choose any comm, escape sequences included. */
static void make_printable(char *text)
{
	for (; *text; text++)
		if (*text < ' ' || *text > '~')
			*text = '?';
}

int client_parse(const char *line, struct client *client)
{
	int length = 0;
	int found = sscanf(line,
			   "%d %u %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64
			   " %" SCNu64 " %" SCNu64 " %" SCNu64 " %7s%n",
			   &client->pid, &client->uid, &client->buffers, &client->held_bytes,
			   &client->mapped_bytes, &client->charged_bytes,
			   &client->quarantined_bytes, &client->exports, &client->attached,
			   &client->in_use, client->state, &length);

	if (found != 11)
		return -1;
	line += length;
	line += strspn(line, " \t");
	snprintf(client->comm, sizeof(client->comm), "%.*s", (int)strcspn(line, "\n"), line);
	make_printable(client->comm);
	return 0;
}

/* The first line is the header. */
static int read_lines(FILE *file, struct client_list *list)
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

int client_list_read(const struct cli *cli, struct client_list *list)
{
	FILE *file = debugfs_open(cli, "clients");
	int status;

	*list = (struct client_list){ NULL, 0 };
	if (!file)
		return EXIT_FAILED;
	status = read_lines(file, list);
	fclose(file);
	if (status)
		client_list_free(list);
	return status;
}

void client_list_free(struct client_list *list)
{
	free(list->clients);
	*list = (struct client_list){ NULL, 0 };
}
