// SPDX-License-Identifier: LGPL-2.1-or-later
/* framepool help: the commands and their arguments. */
#include <stdio.h>

#include "cli.h"

static const struct option options[] = {
	COMMON_OPTIONS,
	{ NULL, 0, NULL, 0 }
};

void command_list(void)
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
	     "  -h, --help   list the commands; after a command: explain it\n"
	     "  --version    print the version of the library\n"
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

static int explain(const char *name)
{
	const struct command *command = command_find(name);

	if (!command)
		return fail_usage("unknown command '%s'", name);
	command_help(command);
	return EXIT_OK;
}

int cmd_help(struct cli *cli, int argc, char **argv)
{
	optind = 0;
	if (option_next(cli, argc, argv, options) != OPTIONS_END || option_no_pool(cli))
		return EXIT_USAGE;
	if (cli->json)
		return fail_usage("'help' has no use for --json");
	if (argc - optind > 1)
		return fail_usage("'help' explains one command at a time");
	if (argc > optind)
		return explain(argv[optind]);
	command_list();
	return EXIT_OK;
}
