// SPDX-License-Identifier: LGPL-2.1-or-later
/* framepool metrics: the figures of all pools, for Prometheus and what reads its formats. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli.h"
#include "fleet.h"

enum { OPTION_TEXTFILE = 1 };

static const struct option options[] = {
	COMMON_OPTIONS,
	{ "textfile", required_argument, NULL, OPTION_TEXTFILE },
	{ NULL, 0, NULL, 0 }
};

static int parse_textfile(const char *path)
{
	size_t length = strlen(path);

	if (length < 5 || strcmp(path + length - 5, ".prom"))
		return fail_usage("--textfile: '%s' does not end in '.prom', so node_exporter "
				  "would not read it", path);
	return EXIT_OK;
}

static int parse(struct cli *cli, int argc, char **argv, const char **textfile)
{
	int option, status = EXIT_OK;

	optind = 0;
	while (!status && (option = option_next(cli, argc, argv, options)) != OPTIONS_END) {
		*textfile = optarg;
		status = option == OPTION_TEXTFILE ? parse_textfile(optarg) : EXIT_USAGE;
	}
	if (!status)
		status = option_no_pool(cli);
	if (!status && cli->json)
		status = fail_usage("'metrics' has no use for --json");
	return status ? status : option_end(argc, argv);
}

/* node_exporter, which is not root, must be able to read the file. Closes @fd. */
static int write_file(const struct fleet *fleet, int fd)
{
	struct exposition exposition = { fdopen(fd, "w"), true };
	int err = 0;

	if (!exposition.file) {
		err = errno;
		close(fd);
		return err;
	}
	fleet_expose(fleet, &exposition);
	if (fflush(exposition.file) || fchmod(fd, 0644))
		err = errno;
	fclose(exposition.file);
	return err;
}

/* A reader finds the old file or the new one, and never half of one. */
static int replace_file(const struct fleet *fleet, const char *path)
{
	char *temporary;
	int fd, err;

	if (asprintf(&temporary, "%s.XXXXXX", path) < 0)
		return fail("no memory for the name of a file");
	fd = mkostemp(temporary, O_CLOEXEC);
	err = fd < 0 ? errno : write_file(fleet, fd);
	if (!err && rename(temporary, path))
		err = errno;
	if (err && fd >= 0)
		unlink(temporary);
	free(temporary);
	return err ? fail("cannot write '%s': %s", path, strerror(err)) : EXIT_OK;
}

int cmd_metrics(struct cli *cli, int argc, char **argv)
{
	const struct exposition exposition = { stdout, false };
	const char *textfile = NULL;
	struct fleet fleet;
	int status = parse(cli, argc, argv, &textfile);

	if (!status)
		status = fleet_read(&fleet);
	if (status)
		return status;
	if (textfile)
		status = replace_file(&fleet, textfile);
	else
		fleet_expose(&fleet, &exposition);
	fleet_free(&fleet);
	return status;
}
