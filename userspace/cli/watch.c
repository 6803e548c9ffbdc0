// SPDX-License-Identifier: LGPL-2.1-or-later
/* framepool watch: a line of numbers for each interval. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "clock.h"
#include "output.h"
#include "sample.h"

enum { OPTION_INTERVAL = 1, OPTION_COUNT };

enum { HEADER_LINES = 20 };	/* on a terminal the header is repeated after so many lines */

static const struct option options[] = {
	COMMON_OPTIONS,
	{ "interval", required_argument, NULL, OPTION_INTERVAL },
	{ "count", required_argument, NULL, OPTION_COUNT },
	{ NULL, 0, NULL, 0 }
};

/**
 * struct plan - what to print
 * @interval: seconds between lines
 * @count: number of lines; 0: no limit
 */
struct plan {
	double interval;
	unsigned long count;
};

static int parse_count(const char *text, unsigned long *count)
{
	char *end;

	errno = 0;
	*count = strtoul(text, &end, 10);
	if (errno || *end || *text < '0' || *text > '9' || !*count)
		return fail_usage("--count: '%s' is not a number of lines", text);
	return EXIT_OK;
}

static int parse(struct cli *cli, int argc, char **argv, struct plan *plan)
{
	int option, status = EXIT_OK;

	optind = 0;
	while (!status && (option = option_next(cli, argc, argv, options)) != OPTIONS_END) {
		if (option == OPTION_INTERVAL)
			status = interval_parse(optarg, &plan->interval);
		else if (option == OPTION_COUNT)
			status = parse_count(optarg, &plan->count);
		else
			status = EXIT_USAGE;
	}
	return status ? status : option_end(argc, argv);
}

static void print_header(void)
{
	printf("%8s %8s %6s %9s %7s %7s %7s %6s %6s %7s\n", "free_K", "used_K", "wait_K",
	       "largest_K", "clients", "buffers", "alloc/s", "free/s", "fail/s", "mov_K/s");
}

static void print_line(const struct framepool_stats *stats, const struct rates *rates)
{
	printf("%8" PRIu64 " %8" PRIu64 " %6" PRIu64 " %9" PRIu64 " %7" PRIu64 " %7" PRIu64,
	       framepool_stats_free_bytes(stats) / 1024, framepool_stats_used_bytes(stats) / 1024,
	       framepool_stats_quarantined_bytes(stats) / 1024,
	       framepool_stats_largest_bytes(stats) / 1024,
	       framepool_stats_clients(stats), framepool_stats_buffers(stats));
	if (rates)
		printf(" %7.0f %6.0f %6.0f %7.0f\n", rates->allocs, rates->frees, rates->fails,
		       rates->moved_bytes / 1024);
	else
		printf(" %7s %6s %6s %7s\n", "-", "-", "-", "-");
}

static struct field field_rate(const char *key, const struct rates *rates, double rate)
{
	return rates ? field_number(key, (int64_t)(rate + 0.5)) : field_none(key, "-");
}

static int print_json(const struct framepool_stats *stats, const struct rates *rates)
{
	const struct field fields[] = {
		field_bytes("free", framepool_stats_free_bytes(stats)),
		field_bytes("used", framepool_stats_used_bytes(stats)),
		field_bytes("quarantined", framepool_stats_quarantined_bytes(stats)),
		field_bytes("largest", framepool_stats_largest_bytes(stats)),
		field_number("clients", (int64_t)framepool_stats_clients(stats)),
		field_number("buffers", (int64_t)framepool_stats_buffers(stats)),
		field_rate("allocs_per_second", rates, rates ? rates->allocs : 0),
		field_rate("frees_per_second", rates, rates ? rates->frees : 0),
		field_rate("fails_per_second", rates, rates ? rates->fails : 0),
		field_rate("moves_per_second", rates, rates ? rates->moves : 0),
		field_rate("moved_bytes_per_second", rates, rates ? rates->moved_bytes : 0),
		field_rate("refused_per_second", rates, rates ? rates->refused : 0),
	};

	return output_json_line(fields, sizeof(fields) / sizeof(*fields));
}

static int print(const struct cli *cli, const struct framepool_stats *stats,
		 const struct rates *rates, unsigned long line)
{
	int status = EXIT_OK;

	if (cli->json) {
		status = print_json(stats, rates);
	} else {
		if (line == 0 || (isatty(STDOUT_FILENO) && line % HEADER_LINES == 0))
			print_header();
		print_line(stats, rates);
	}
	/* A reader of the pipe needs each line at once; main() explains a write error. */
	return fflush(stdout) ? EXIT_FAILED : status;
}

/* The first line has no rates: there is no sample before it. */
static int watch(const struct cli *cli, const struct framepool *fp, const struct plan *plan)
{
	struct sample old = { NULL, 0 }, new;
	int status = EXIT_OK;

	for (unsigned long line = 0; !status && (!plan->count || line < plan->count); line++) {
		struct rates rates;

		if (line)
			clock_sleep(plan->interval);
		status = sample_take(fp, &new);
		if (status)
			break;
		if (line)
			rates = sample_rates(&old, &new);
		status = print(cli, new.stats, line ? &rates : NULL, line);
		sample_free(&old);
		old = new;
	}
	sample_free(&old);
	return status;
}

int cmd_watch(struct cli *cli, int argc, char **argv)
{
	struct plan plan = { .interval = 1 };
	struct framepool *fp;
	int status = parse(cli, argc, argv, &plan);

	if (status)
		return status;
	fp = pool_open(cli);
	if (!fp)
		return EXIT_FAILED;
	status = watch(cli, fp, &plan);
	framepool_close(fp);
	return status;
}
