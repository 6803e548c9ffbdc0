// SPDX-License-Identifier: LGPL-2.1-or-later
/* What would not move if a long run were wanted: the file "obstacles" in debugfs. */
#define _GNU_SOURCE
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "debugfs.h"
#include "obstacle.h"

/* A process may choose any comm, escape sequences included. */
static void make_printable(char *text)
{
	for (; *text; text++)
		if (*text < ' ' || *text > '~')
			*text = '?';
}

int obstacle_parse(const char *line, struct obstacle *obstacle)
{
	int length = 0;
	int found = sscanf(line, "%" SCNu64 " %" SCNu64 " %d %" SCNu64 " %15s%n",
			   &obstacle->offset, &obstacle->length, &obstacle->pid,
			   &obstacle->handle, obstacle->reason, &length);

	if (found != 5)
		return -1;
	line += length;
	line += strspn(line, " \t");
	snprintf(obstacle->comm, sizeof(obstacle->comm), "%.*s", (int)strcspn(line, "\n"), line);
	make_printable(obstacle->comm);
	return 0;
}

/* The first line is the header. */
static int read_lines(FILE *file, struct obstacle_list *list)
{
	struct obstacle obstacle, *at;
	char *line = NULL;
	size_t size = 0;

	while (getline(&line, &size, file) >= 0) {
		if (obstacle_parse(line, &obstacle))
			continue;
		at = reallocarray(list->at, list->count + 1, sizeof(*at));
		if (!at)
			break;
		list->at = at;
		list->at[list->count++] = obstacle;
	}
	free(line);
	if (!feof(file))
		return fail("cannot read the list of obstacles: %m");
	return EXIT_OK;
}

int obstacle_list_read(const struct cli *cli, struct obstacle_list *list)
{
	FILE *file = debugfs_open(cli, "obstacles");
	int status;

	*list = (struct obstacle_list){ NULL, 0 };
	if (!file)
		return EXIT_FAILED;
	status = read_lines(file, list);
	fclose(file);
	if (status)
		obstacle_list_free(list);
	return status;
}

void obstacle_list_free(struct obstacle_list *list)
{
	free(list->at);
	*list = (struct obstacle_list){ NULL, 0 };
}

const char *obstacle_explain(const struct obstacle *obstacle)
{
	static const char * const words[][2] = {
		{ "unmovable", "unmovable: allocated to stay where it is" },
		{ "pinned", "pinned: its program keeps it where it is" },
		{ "exported", "exported: it has a dma-buf" },
		{ "referenced", "referenced: by a pipe, direct I/O, RDMA or VFIO" },
		{ "cache", "cache: objects of a cache, which stay" },
		{ "kernel", "kernel: memory of kernel modules" },
		{ "quarantined", "quarantined: freed, but still referenced" },
		{ "retired", "retired: bad memory, out of use" },
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (!strcmp(obstacle->reason, words[i][0]))
			return words[i][1];
	return obstacle->reason;
}
