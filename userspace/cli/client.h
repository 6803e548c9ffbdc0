/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The list of clients in debugfs. */
#ifndef FRAMEPOOL_CLI_CLIENT_H
#define FRAMEPOOL_CLI_CLIENT_H

#include <stdint.h>

#include "cli.h"

struct client {
	int pid;
	unsigned int uid;
	uint64_t buffers;
	uint64_t held_bytes;
	uint64_t mapped_bytes;
	uint64_t charged_bytes;
	uint64_t quarantined_bytes;
	uint64_t exports;
	uint64_t attached;
	uint64_t in_use;
	char state[8];	/* "open", or "closed" if exports alone keep it */
	char comm[64];
};

struct client_list {
	struct client *clients;
	size_t count;
};

/**
 * client_parse - read a line of the list
 * @line: "pid uid buffers held mapped charged quarantined exports attached in_use state
 *        comm"
 * @client: set to what it says; bytes of comm that are not printable ASCII become question marks
 *
 * Return: 0, or -1 if the line has another form.
 */
int client_parse(const char *line, struct client *client);

/**
 * client_list_read - read the list of the pool that the command line names
 * @cli: the options
 * @list: set to the clients, in the order in which they were opened
 *
 * Return: EXIT_OK, or EXIT_FAILED after a message.
 */
int client_list_read(const struct cli *cli, struct client_list *list);

/**
 * client_list_free - free what client_list_read() allocated
 * @list: the list
 */
void client_list_free(struct client_list *list);

#endif
