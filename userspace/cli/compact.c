// SPDX-License-Identifier: LGPL-2.1-or-later
/* framepool compact: make room for a run, through sysfs. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "output.h"
#include "size.h"

#define SYSFS	"/sys/class/framepool"

static const struct option options[] = {
	COMMON_OPTIONS,
	{ NULL, 0, NULL, 0 }
};

static int parse(struct cli *cli, int argc, char **argv, uint64_t *bytes)
{
	optind = 0;
	if (option_next(cli, argc, argv, options) != OPTIONS_END)
		return EXIT_USAGE;
	if (optind == argc)
		return fail_usage("compact needs a SIZE");
	if (optind + 1 < argc)
		return fail_usage("unexpected argument '%s'", argv[optind + 1]);
	return option_size("SIZE", argv[optind], bytes);
}

static int fail_open(const char *path)
{
	if (errno == EACCES || errno == EPERM)
		return fail("only root may write %s: run as root", path);
	if (errno == ENOENT)
		return fail("there is no %s: the module is of another version", path);
	return fail("cannot open %s: %m", path);
}

static int fail_write(const struct framepool *fp, uint64_t bytes)
{
	char size[SIZE_TEXT_MAX], largest[SIZE_TEXT_MAX];

	size_format(bytes, size);
	switch (errno) {
	case ENOSPC:
		return fail("there is no room for a run of %s, and moving makes none: 'framepool "
			    "frag --why %s' tells what stands in the way", size, size);
	case ENOMEM:
		return fail("there is no memory outside the pool to look for a place");
	case EINVAL:
	case ERANGE:
		size_format(framepool_largest_extent_bytes(fp), largest);
		return fail("no run can have %s: the largest extent of the pool has %s", size,
			    largest);
	case ENODEV:
		return fail("the pool was shut down by force");
	default:
		return fail("cannot make room for %s: %m", size);
	}
}

static int write_size(const struct framepool *fp, uint64_t bytes)
{
	char path[128], text[SIZE_TEXT_MAX];
	int length, fd, status = EXIT_OK;

	snprintf(path, sizeof(path), SYSFS "/%s/compact", framepool_name(fp));
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return fail_open(path);
	length = snprintf(text, sizeof(text), "%" PRIu64, bytes);
	if (write(fd, text, (size_t)length) != length)
		status = fail_write(fp, bytes);
	close(fd);
	return status;
}

static int show(const struct cli *cli, const struct framepool *fp,
		const struct framepool_stats *before)
{
	struct framepool_stats *after = pool_stats(fp);
	struct field fields[4];

	if (!after)
		return EXIT_FAILED;
	fields[0] = field_text("pool", framepool_name(fp));
	fields[1] = field_bytes("largest", framepool_stats_largest_bytes(after));
	fields[2] = field_number("moves", (int64_t)(framepool_stats_moves(after) -
						    framepool_stats_moves(before)));
	fields[3] = field_bytes("moved", framepool_stats_moved_bytes(after) -
					 framepool_stats_moved_bytes(before));
	framepool_stats_free(after);
	return output(cli->json, fields, 4, NULL);
}

static int compact(const struct cli *cli, const struct framepool *fp, uint64_t bytes)
{
	struct framepool_stats *before = pool_stats(fp);
	int status;

	if (!before)
		return EXIT_FAILED;
	status = write_size(fp, bytes);
	if (!status)
		status = show(cli, fp, before);
	framepool_stats_free(before);
	return status;
}

int cmd_compact(struct cli *cli, int argc, char **argv)
{
	struct framepool *fp;
	uint64_t bytes = 0;
	int status = parse(cli, argc, argv, &bytes);

	if (status)
		return status;
	fp = pool_open(cli);
	if (!fp)
		return EXIT_FAILED;
	status = compact(cli, fp, bytes);
	framepool_close(fp);
	return status;
}
