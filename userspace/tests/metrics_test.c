// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Metrics of canned pools: without arguments, a test; with "openmetrics" or "textfile", prints them
 * in that format, for monitoring_test.sh.
 */
#include <stdlib.h>
#include <string.h>

#include "fleet.h"
#include "internal.h"
#include "test.h"

static struct framepool_stats aged = {
	.raw = {
		.orders = 11,
		.total_bytes = 64 << 20,
		.free_bytes = 36 << 20,
		.used_bytes = 20 << 20,
		.quarantined_bytes = 6 << 20,
		.retired_bytes = 2 << 20,
		.largest_bytes = 16 << 20,
		.charged_bytes = 26 << 20,
		.clients = 3,
		.buffers = 12,
		.allocs = 1ull << 60,
		.frees = 1000,
		.fail_nomem = 4,
		.fail_nospace = 5,
		.fail_quota = 6,
		.free_blocks = { [0] = 256, [8] = 3, [9] = 8, [10] = 4 },
	}
};

static struct fleet_pool pools[] = {
	{ .name = "default", .stats = &aged, .huge_bytes = 2 << 20,
	  .largest_extent_bytes = 32 << 20, .client_quota_bytes = 8 << 20 },
	{ .name = "video-0.a_b", .stats = NULL },
};

static const struct fleet fleet = { pools, 2 };
static const struct fleet empty = { pools, 0 };

/* The text, to be freed. */
static char *text_of(const struct fleet *of, bool is_textfile)
{
	struct exposition exposition = { NULL, is_textfile };
	char *text = NULL;
	size_t size;

	exposition.file = open_memstream(&text, &size);
	fleet_expose(of, &exposition);
	fclose(exposition.file);
	return text;
}

/* @text has these lines one behind the other. */
static bool has_lines(const char *text, const char *lines)
{
	const char *found = strstr(text, lines);

	if (found && (found == text || found[-1] == '\n'))
		return true;
	printf("# there is no\n%s", lines);
	return false;
}

static void check_lines(bool is_textfile, const char *lines, const char *name)
{
	char *text = text_of(&fleet, is_textfile);

	check(has_lines(text, lines), name);
	free(text);
}

static void test_openmetrics(void)
{
	check_lines(false,
		    "# HELP framepool_up Whether the pool is in use (1), or was shut down and has "
		    "no figures (0).\n"
		    "# TYPE framepool_up gauge\n"
		    "framepool_up{pool=\"default\"} 1\n"
		    "framepool_up{pool=\"video-0.a_b\"} 0\n", "pool_that_was_shut_down_is_not_up");
	check_lines(false,
		    "# TYPE framepool_total_bytes gauge\n"
		    "# UNIT framepool_total_bytes bytes\n"
		    "framepool_total_bytes{pool=\"default\"} 67108864\n"
		    "# HELP framepool_free_bytes ", "bytes_are_a_gauge_with_unit");
	check_lines(false,
		    "# TYPE framepool_allocs counter\n"
		    "framepool_allocs_total{pool=\"default\"} 1152921504606846976\n",
		    "counter_is_described_without_total");
	check_lines(false,
		    "framepool_alloc_failures_total{pool=\"default\",reason=\"nomem\"} 4\n"
		    "framepool_alloc_failures_total{pool=\"default\",reason=\"nospace\"} 5\n"
		    "framepool_alloc_failures_total{pool=\"default\",reason=\"quota\"} 6\n",
		    "failures_are_one_metric_by_reason");
	check_lines(false,
		    "# UNIT framepool_user_quota_bytes bytes\n"
		    "# HELP framepool_total_bytes ", "no_limit_has_no_sample");
	check_lines(false,
		    "framepool_unusable_ratio{pool=\"default\",order=\"8\"} 0.027\n"
		    "framepool_unusable_ratio{pool=\"default\",order=\"9\"} 0.111\n"
		    "framepool_unusable_ratio{pool=\"default\",order=\"10\"} 0.555\n",
		    "unusable_ratio_is_that_of_frag");
	check_lines(false,
		    "framepool_external_index{pool=\"default\",order=\"10\"} -1.000\n# EOF\n",
		    "external_index_may_be_negative_and_is_last");
}

static void test_textfile(void)
{
	char *text = text_of(&fleet, true);

	check(has_lines(text,
			"# HELP framepool_allocs_total Successful allocations of buffers and "
			"slabs.\n"
			"# TYPE framepool_allocs_total counter\n"
			"framepool_allocs_total{pool=\"default\"} 1152921504606846976\n"),
	      "textfile_describes_counter_with_total");
	check(!strstr(text, "# EOF") && !strstr(text, "# UNIT"),
	      "textfile_has_nothing_of_openmetrics_alone");
	free(text);
}

static void test_empty(void)
{
	char *text = text_of(&empty, false);

	check(!strstr(text, "pool=") && has_lines(text, "# EOF\n"), "no_pools_have_no_samples");
	free(text);
}

int main(int argc, char **argv)
{
	if (argc > 1) {
		char *text = text_of(&fleet, !strcmp(argv[1], "textfile"));

		fputs(text, stdout);
		free(text);
		return 0;
	}
	test_openmetrics();
	test_textfile();
	test_empty();
	return 0;
}
