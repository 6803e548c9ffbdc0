// SPDX-License-Identifier: LGPL-2.1-or-later
/* framepool help: what the commands are and how to call them. */
#include <stdio.h>

#include "cli.h"

static void list_commands(void)
{
	puts("Usage: framepool [--pool NAME] [--json] COMMAND [OPTIONS]\n"
	     "\n"
	     "Look at a pool of physically contiguous memory, and allocate from it.\n"
	     "\n"
	     "Commands:");
	for (const struct command *command = commands; command->name; command++)
		printf("  %-8s  %s\n", command->name, command->summary);
	puts("\n"
	     "  --pool NAME  the pool /dev/framepool/NAME; default: default\n"
	     "  --json       write JSON, sizes in bytes (watch: a line each time)\n"
	     "\n"
	     "'framepool help COMMAND' says more. Exit status: 0 done, 1 failed, 2 wrong usage.");
}

void command_help(const struct command *command)
{
	printf("Usage: framepool %s%s%s\n\n", command->name, *command->usage ? " " : "",
	       command->usage);
	printf("framepool %s: %s.\n", command->name, command->summary);
	if (*command->help)
		printf("\n%s", command->help);
}

int cmd_help(struct cli *cli, int argc, char **argv)
{
	const struct command *command;

	(void)cli;
	if (argc > 2)
		return fail_usage("help is for one command at a time");
	if (argc < 2) {
		list_commands();
		return EXIT_OK;
	}
	command = command_find(argv[1]);
	if (!command)
		return fail_usage("unknown command '%s'", argv[1]);
	command_help(command);
	return EXIT_OK;
}
