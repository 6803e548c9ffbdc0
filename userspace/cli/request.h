/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What 'framepool alloc' is asked for. */
#ifndef FRAMEPOOL_CLI_REQUEST_H
#define FRAMEPOOL_CLI_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "cli.h"

/**
 * struct request - a buffer that is asked for
 * @size: bytes; 0 if the size of @from is meant
 * @align: alignment; 0: none
 * @below: limit; 0: none
 * @from: the file to fill it from, or NULL
 * @hold: keep it until a signal arrives
 */
struct request {
	uint64_t size;
	uint64_t align;
	uint64_t below;
	const char *from;
	bool hold;
};

/**
 * request_parse - read the arguments of the command
 * @cli: takes what the common options say
 * @argc: length of @argv
 * @argv: the arguments
 * @request: set to the request
 *
 * Return: EXIT_OK, or EXIT_USAGE after a message.
 */
int request_parse(struct cli *cli, int argc, char **argv, struct request *request);

/**
 * request_fail - say why the request was refused and what to do
 * @request: the request
 * @fp: the client that made it
 * @err: the errno it got
 *
 * Return: EXIT_FAILED.
 */
int request_fail(const struct request *request, const struct framepool *fp, int err);

#endif
