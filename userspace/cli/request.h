/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The buffer that 'framepool alloc' is to allocate. */
#ifndef FRAMEPOOL_CLI_REQUEST_H
#define FRAMEPOOL_CLI_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "cli.h"

/**
 * struct request - the buffer, and what to do with it
 * @size: bytes; 0: the size of @from
 * @align: alignment; 0: none
 * @below: limit of the physical address; 0: none
 * @from: the file to fill it from, or NULL
 * @wait_ns: how long to wait for memory; 0: not at all
 * @movable: it may be moved while it is held
 * @export: make a dma-buf of it; implies @hold
 * @hold: keep it until a signal arrives
 */
struct request {
	uint64_t size;
	uint64_t align;
	uint64_t below;
	const char *from;
	uint64_t wait_ns;
	bool movable;
	bool export;
	bool hold;
};

/**
 * request_parse - read the arguments of the command
 * @cli: where the common options are stored
 * @argc: length of @argv
 * @argv: the arguments
 * @request: set to the request
 *
 * Return: EXIT_OK, or EXIT_USAGE after a message.
 */
int request_parse(struct cli *cli, int argc, char **argv, struct request *request);

/**
 * request_fail - explain on stderr why the request was refused, and what to do
 * @request: the request
 * @fp: the client that made it
 * @err: the errno of the failed call
 *
 * Return: EXIT_FAILED.
 */
int request_fail(const struct request *request, const struct framepool *fp, int err);

#endif
