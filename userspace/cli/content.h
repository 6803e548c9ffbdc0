/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The file that fills a buffer. */
#ifndef FRAMEPOOL_CLI_CONTENT_H
#define FRAMEPOOL_CLI_CONTENT_H

#include <stdint.h>

/**
 * struct content - an open file
 * @name: its name
 * @fd: its descriptor
 * @bytes: its size; 0 if it is known only when the file was read, as for a pipe
 */
struct content {
	const char *name;
	int fd;
	uint64_t bytes;
};

/**
 * content_open - open the file
 * @content: set to the file
 * @name: its name
 *
 * Return: 0, or EXIT_FAILED after a message.
 */
int content_open(struct content *content, const char *name);

/**
 * content_read - read all of the file
 * @content: the file; @bytes is set to the number of bytes read
 * @memory: where its content goes
 * @room: bytes at @memory
 *
 * Return: 0, or EXIT_FAILED after a message: a read error, or the file is longer than @room.
 */
int content_read(struct content *content, void *memory, uint64_t room);

/**
 * content_close - close the file
 * @content: the file
 */
void content_close(struct content *content);

#endif
