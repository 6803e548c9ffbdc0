// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * framepool pool apply: makes the pools that a file lists, a line each:
 *
 *   NAME OPTION=VALUE...
 *
 * The options are the files in configfs. What follows a # is a comment. A pool that is there
 * already must be as the file says.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "configfs.h"
#include "pools.h"

static bool is_option(const char *name)
{
	for (size_t i = 0; i < CONFIGFS_OPTIONS; i++)
		if (!strcmp(configfs_options[i], name))
			return true;
	return false;
}

static int parse_options(char *text, struct settings *settings)
{
	char *rest = NULL;

	for (char *word = strtok_r(text, " \t\n", &rest); word;
	     word = strtok_r(NULL, " \t\n", &rest)) {
		char *value = strchr(word, '=');

		if (!value)
			return fail("'%s' is not OPTION=VALUE", word);
		*value++ = '\0';
		if (!is_option(word))
			return fail("there is no option '%s'", word);
		if (settings->count == sizeof(settings->at) / sizeof(*settings->at))
			return fail("too many options");
		settings->at[settings->count++] = (struct setting){ word, value };
	}
	return EXIT_OK;
}

static int compare(const char *name, const char *wanted)
{
	char is[CONFIGFS_VALUE], should[CONFIGFS_VALUE];

	for (size_t i = 0; i < CONFIGFS_OPTIONS; i++) {
		const char *file = configfs_options[i];

		if (strcmp(configfs_read(name, file, is, sizeof(is)),
			   configfs_read(wanted, file, should, sizeof(should))))
			return fail("pool '%s' is there, but with %s=%s instead of %s", name, file,
				    is, should);
	}
	return configfs_is_live(name) ?
		       EXIT_OK :
		       fail("there is a directory '%s' of a pool that is not live: "
			    "'framepool pool destroy' removes it", name);
}

/* A directory that never becomes a pool tells what the options mean. */
static int compare_with(const char *name, const struct settings *settings)
{
	char wanted[CONFIGFS_NAME];
	int status;

	snprintf(wanted, sizeof(wanted), "apply.%d", getpid());
	if (configfs_mkdir(wanted, settings))
		return EXIT_FAILED;
	status = compare(name, wanted);
	return configfs_rmdir(wanted) ? EXIT_FAILED : status;
}

static int apply_line(char *line)
{
	struct settings settings = { .count = 0 };
	char *name, *options;

	line[strcspn(line, "#\n")] = '\0';
	name = line + strspn(line, " \t");
	if (!*name)
		return EXIT_OK;
	options = name + strcspn(name, " \t");
	if (*options)
		*options++ = '\0';
	if (configfs_check(name) || parse_options(options, &settings))
		return EXIT_FAILED;
	return configfs_has(name) ? compare_with(name, &settings) : configfs_make(name, &settings);
}

/* A line that fails does not keep those after it from their pools. */
static int apply(FILE *file, const char *path)
{
	int status = EXIT_OK, number = 0;
	char *line = NULL;
	size_t size = 0;

	while (getline(&line, &size, file) > 0) {
		number++;
		if (!apply_line(line))
			continue;
		status = fail("%s:%d: this pool is not as it should be", path, number);
	}
	if (ferror(file))
		status = fail("cannot read %s: %s", path, strerror(errno));
	free(line);
	return status;
}

static const struct option options[] = {
	COMMON_OPTIONS,
	{ NULL, 0, NULL, 0 }
};

int pools_apply(struct cli *cli, int argc, char **argv)
{
	const char *path = pools_first(argc, argv);
	FILE *file;
	int status;

	if (option_next(cli, argc, argv, options) != OPTIONS_END || option_no_pool(cli))
		return EXIT_USAGE;
	status = pools_name(argc, argv, "a file", &path);
	if (status)
		return status;
	if (cli->json)
		return fail_usage("'pool apply' has no use for --json");
	if (configfs_check(NULL))
		return EXIT_FAILED;
	file = fopen(path, "re");
	if (!file)
		return fail("cannot open '%s': %s", path, strerror(errno));
	status = apply(file, path);
	fclose(file);
	return status;
}
