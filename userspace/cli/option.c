// SPDX-License-Identifier: LGPL-2.1-or-later
/* Command line options. */
#include <errno.h>

#include "cli.h"
#include "size.h"

const char default_pool[] = "default";

static const struct option no_options[] = {
	COMMON_OPTIONS,
	{ NULL, 0, NULL, 0 }
};

/* The messages of getopt_long() would begin with the subcommand instead of the program. */
static int next(int argc, char **argv, const struct option *options)
{
	int current = optind ? optind : 1;
	int option;

	opterr = 0;
	option = getopt_long(argc, argv, "+:h", options, NULL);
	if (option == ':')
		fail_usage("option '%s' needs a value", argv[current]);
	else if (option == '?')
		fail_usage("bad option '%s'", argv[current]);
	return option == ':' ? OPTIONS_BAD : option;
}

static int show_help(struct cli *cli)
{
	if (cli->command)
		command_help(cli->command);
	else
		command_list();
	cli->helped = true;
	return OPTIONS_BAD;
}

int option_next(struct cli *cli, int argc, char **argv, const struct option *options)
{
	for (;;) {
		int option = next(argc, argv, options);

		if (option == OPTION_POOL)
			cli->pool = optarg;
		else if (option == OPTION_JSON)
			cli->json = true;
		else if (option == OPTION_HELP)
			return show_help(cli);
		else
			return option;
	}
}

int option_end(int argc, char **argv)
{
	if (optind < argc)
		return fail_usage("unexpected argument '%s'", argv[optind]);
	return EXIT_OK;
}

int option_none(struct cli *cli, int argc, char **argv)
{
	optind = 0;
	if (option_next(cli, argc, argv, no_options) != OPTIONS_END)
		return EXIT_USAGE;
	return option_end(argc, argv);
}

int option_size(const char *name, const char *text, uint64_t *bytes)
{
	int err = size_parse(text, bytes);

	if (err == ERANGE)
		return fail_usage("%s: '%s' does not fit into 64 bits", name, text);
	if (err)
		return fail_usage("%s: '%s' is not a number with an optional K, M, G or T", name,
				  text);
	if (!*bytes)
		return fail_usage("%s: must be more than 0", name);
	return EXIT_OK;
}

int option_no_pool(const struct cli *cli)
{
	if (cli->pool != default_pool)
		return fail_usage("'%s' has no use for --pool", cli->command->name);
	return EXIT_OK;
}
