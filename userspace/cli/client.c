// SPDX-License-Identifier: LGPL-2.1-or-later
/* A line of the list of clients in debugfs. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "client.h"

/* A process chooses its comm freely. */
static void make_printable(char *text)
{
	for (; *text; text++)
		if (*text < ' ' || *text > '~')
			*text = '?';
}

int client_parse(const char *line, struct client *client)
{
	int length = 0;
	int found = sscanf(line, "%d %u %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 "%n", &client->pid,
			   &client->uid, &client->buffers, &client->held_bytes,
			   &client->mapped_bytes, &client->quarantined_bytes, &length);

	if (found != 6)
		return -1;
	line += length;
	line += strspn(line, " \t");
	snprintf(client->comm, sizeof(client->comm), "%.*s", (int)strcspn(line, "\n"), line);
	make_printable(client->comm);
	return 0;
}
