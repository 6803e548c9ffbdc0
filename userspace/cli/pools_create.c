// SPDX-License-Identifier: LGPL-2.1-or-later
/* framepool pool create: makes a pool. */
#include <string.h>

#include "cli.h"
#include "configfs.h"
#include "pools.h"

/* Options from here on have the index of their file in configfs_options[]. */
enum { OPTION_FIRST = 256 };

/* In the order of configfs_options[]. */
static const struct option options[] = {
	COMMON_OPTIONS,
	{ "size", required_argument, NULL, OPTION_FIRST },
	{ "node", required_argument, NULL, OPTION_FIRST + 1 },
	{ "below", required_argument, NULL, OPTION_FIRST + 2 },
	{ "min-run", required_argument, NULL, OPTION_FIRST + 3 },
	{ "min-largest", required_argument, NULL, OPTION_FIRST + 4 },
	{ "memory", required_argument, NULL, OPTION_FIRST + 5 },
	{ "partial", no_argument, NULL, OPTION_FIRST + 6 },
	{ "gid", required_argument, NULL, OPTION_FIRST + 7 },
	{ "mode", required_argument, NULL, OPTION_FIRST + 8 },
	{ "client-quota", required_argument, NULL, OPTION_FIRST + 9 },
	{ "user-quota", required_argument, NULL, OPTION_FIRST + 10 },
	{ "debug", no_argument, NULL, OPTION_FIRST + 11 },
	{ "cache-debug", no_argument, NULL, OPTION_FIRST + 12 },
	{ NULL, 0, NULL, 0 }
};

static int parse(struct cli *cli, int argc, char **argv, struct settings *settings)
{
	const char *values[CONFIGFS_OPTIONS] = { NULL };
	int option;

	while ((option = option_next(cli, argc, argv, options)) >= OPTION_FIRST)
		values[option - OPTION_FIRST] = optarg ? optarg : "1";
	if (option != OPTIONS_END || option_no_pool(cli))
		return EXIT_USAGE;
	if (!values[0])
		return fail_usage("'pool create' needs --size");
	for (size_t i = 0; i < CONFIGFS_OPTIONS; i++)
		if (values[i])
			settings->at[settings->count++] =
				(struct setting){ configfs_options[i], values[i] };
	return EXIT_OK;
}

int pools_create(struct cli *cli, int argc, char **argv)
{
	struct settings settings = { .count = 0 };
	const char *name;
	int status;

	name = pools_first(argc, argv);
	status = parse(cli, argc, argv, &settings);
	if (!status)
		status = pools_name(argc, argv, "the name of a pool", &name);
	if (status)
		return status;
	if (cli->json)
		return fail_usage("'pool create' has no use for --json");
	return configfs_check(name) || configfs_make(name, &settings) ? EXIT_FAILED : EXIT_OK;
}
