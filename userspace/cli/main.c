// SPDX-License-Identifier: LGPL-2.1-or-later
/* framepool: look at a pool of the framepool kernel module, and allocate from it. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli.h"

enum { OPTION_VERSION = 1 };

static const struct option options[] = {
	COMMON_OPTIONS,
	{ "version", no_argument, NULL, OPTION_VERSION },
	{ NULL, 0, NULL, 0 }
};

static int run_command(struct cli *cli, const char *name, int argc, char **argv)
{
	cli->command = command_find(name);
	if (!cli->command)
		return fail_usage("unknown command '%s'", name);
	return cli->command->run(cli, argc, argv);
}

static int run(struct cli *cli, int argc, char **argv)
{
	optind = 0;
	switch (option_next(cli, argc, argv, options)) {
	case OPTIONS_END:
		if (optind == argc)
			return fail_usage("no command given");
		return run_command(cli, argv[optind], argc - optind, argv + optind);
	case OPTION_VERSION:
		/* The option takes the place of the command's name. */
		return run_command(cli, "version", argc - optind + 1, argv + optind - 1);
	default:
		return EXIT_USAGE;
	}
}

int main(int argc, char **argv)
{
	struct cli cli = { .pool = default_pool };
	int status = run(&cli, argc, argv);

	if (cli.helped)
		status = EXIT_OK;
	if (fflush(stdout) || ferror(stdout))
		return fail("cannot write the output: %s", strerror(errno));
	return status;
}
