// SPDX-License-Identifier: LGPL-2.1-or-later
/* framepool: look at a pool of the framepool kernel module, and allocate from it. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli.h"

enum { OPTION_HELP = 'h', OPTION_VERSION = 'v' };

static const struct option options[] = {
	COMMON_OPTIONS,
	{ "help", no_argument, NULL, OPTION_HELP },
	{ "version", no_argument, NULL, OPTION_VERSION },
	{ NULL, 0, NULL, 0 }
};

static int run_command(struct cli *cli, int argc, char **argv)
{
	const struct command *command;

	if (!argc)
		return fail_usage("say what to do");
	command = command_find(argv[0]);
	if (!command)
		return fail_usage("unknown command '%s'", argv[0]);
	if (argc > 1 && !strcmp(argv[1], "--help")) {
		command_help(command);
		return EXIT_OK;
	}
	return command->run(cli, argc, argv);
}

static int run(int argc, char **argv)
{
	struct cli cli = { .pool = "default" };

	optind = 0;
	switch (option_next(&cli, argc, argv, options)) {
	case OPTIONS_END:
		return run_command(&cli, argc - optind, argv + optind);
	case OPTION_HELP:
		return cmd_help(&cli, 1, argv);
	case OPTION_VERSION:
		return cmd_version(&cli, 1, argv);
	default:
		return EXIT_USAGE;
	}
}

int main(int argc, char **argv)
{
	int status = run(argc, argv);

	if (fflush(stdout) || ferror(stdout))
		return fail("cannot write the output: %s", strerror(errno));
	return status;
}
