/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A line of the list of clients in debugfs. */
#ifndef FRAMEPOOL_CLI_CLIENT_H
#define FRAMEPOOL_CLI_CLIENT_H

#include <stdint.h>

struct client {
	int pid;
	unsigned int uid;
	uint64_t buffers;
	uint64_t held_bytes;
	uint64_t mapped_bytes;
	uint64_t quarantined_bytes;
	char comm[64];
};

/**
 * client_parse - read a line of the list
 * @line: "pid uid buffers held mapped quarantined comm"
 * @client: what it says. Bytes of comm that a terminal or JSON would choke on are
 *          question marks.
 *
 * Return: 0, or -1 if the line is none of that.
 */
int client_parse(const char *line, struct client *client);

#endif
