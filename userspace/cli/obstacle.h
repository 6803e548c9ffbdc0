/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What would not move if a long run were wanted: the file "obstacles" in debugfs. */
#ifndef FRAMEPOOL_CLI_OBSTACLE_H
#define FRAMEPOOL_CLI_OBSTACLE_H

#include <stdint.h>

#include "cli.h"

/**
 * struct obstacle - a stretch of memory that would not move
 * @offset: where it begins, in bytes from the beginning of the pool
 * @length: in bytes
 * @pid: the process that opened its client; 0: it has none
 * @handle: of its buffer; 0: it has none, or that was freed
 * @reason: as docs/debugfs.md lists them
 * @comm: name of the thread that opened its client; "-": it has none
 */
struct obstacle {
	uint64_t offset;
	uint64_t length;
	int pid;
	uint64_t handle;
	char reason[16];
	char comm[64];
};

/**
 * struct obstacle_list - the obstacles of a pool
 * @at: by offset
 * @count: how many
 */
struct obstacle_list {
	struct obstacle *at;
	size_t count;
};

/**
 * obstacle_parse - read a line of the list
 * @line: "offset length pid handle reason comm"
 * @obstacle: set to what it says; bytes of comm that are not printable ASCII become question marks
 *
 * Return: 0, or -1 if the line has another form.
 */
int obstacle_parse(const char *line, struct obstacle *obstacle);

/**
 * obstacle_list_read - read the list of the pool that the command line names
 * @cli: the options
 * @list: set to the obstacles
 *
 * Return: EXIT_OK, or EXIT_FAILED after a message.
 */
int obstacle_list_read(const struct cli *cli, struct obstacle_list *list);

/**
 * obstacle_list_free - free what obstacle_list_read() allocated
 * @list: the list
 */
void obstacle_list_free(struct obstacle_list *list);

/**
 * obstacle_explain - the reason in words
 * @obstacle: the obstacle
 *
 * Return: words that say why it stays, and what to do.
 */
const char *obstacle_explain(const struct obstacle *obstacle);

#endif
