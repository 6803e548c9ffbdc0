// SPDX-License-Identifier: LGPL-2.1-or-later
/* The buffer that 'framepool alloc' is to allocate. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "request.h"
#include "size.h"

enum { OPTION_SIZE = 1, OPTION_ALIGN, OPTION_BELOW, OPTION_FROM, OPTION_HOLD };

static const struct option options[] = {
	COMMON_OPTIONS,
	{ "size", required_argument, NULL, OPTION_SIZE },
	{ "align", required_argument, NULL, OPTION_ALIGN },
	{ "below", required_argument, NULL, OPTION_BELOW },
	{ "from", required_argument, NULL, OPTION_FROM },
	{ "hold", no_argument, NULL, OPTION_HOLD },
	{ NULL, 0, NULL, 0 }
};

static int parse_size(const char *option, uint64_t *bytes)
{
	int err = size_parse(optarg, bytes);

	if (err == ERANGE)
		return fail_usage("--%s: '%s' does not fit into 64 bits", option, optarg);
	if (err)
		return fail_usage("--%s: '%s' is not a number with an optional K, M, G or T",
				  option, optarg);
	if (!*bytes)
		return fail_usage("--%s: must be more than 0", option);
	return EXIT_OK;
}

static int parse_align(uint64_t *align)
{
	int status = parse_size("align", align);

	if (!status && *align & (*align - 1))
		return fail_usage("--align: '%s' is not a power of two", optarg);
	return status;
}

static int parse_option(int option, struct request *request)
{
	switch (option) {
	case OPTION_SIZE:
		return parse_size("size", &request->size);
	case OPTION_ALIGN:
		return parse_align(&request->align);
	case OPTION_BELOW:
		return parse_size("below", &request->below);
	case OPTION_FROM:
		request->from = optarg;
		return EXIT_OK;
	case OPTION_HOLD:
		request->hold = true;
		return EXIT_OK;
	default:
		return EXIT_USAGE;
	}
}

int request_parse(struct cli *cli, int argc, char **argv, struct request *request)
{
	int status = EXIT_OK;
	int option;

	memset(request, 0, sizeof(*request));
	optind = 0;
	while (!status) {
		option = option_next(cli, argc, argv, options);
		if (option == OPTIONS_END)
			break;
		status = parse_option(option, request);
	}
	if (!status)
		status = option_end(argc, argv);
	if (!status && !request->size && !request->from)
		return fail_usage("alloc needs --size or --from");
	return status;
}

static int fail_nomem(const struct request *request, const char *pool,
		      const struct framepool_stats *stats)
{
	uint64_t total = framepool_stats_total_bytes(stats);
	char size[SIZE_TEXT_MAX], have[SIZE_TEXT_MAX];

	size_format(request->size, size);
	if (request->size > total)
		return fail("%s is more than the whole pool '%s' has, which is %s: ask for less, "
			    "or load the module with a larger size=", size, pool,
			    size_format(total, have));
	return fail("pool '%s' has %s free, less than the requested %s: 'framepool clients' "
		    "shows who holds the rest", pool,
		    size_format(framepool_stats_free_bytes(stats), have), size);
}

static int fail_nospace(const struct request *request, const char *pool,
			const struct framepool_stats *stats)
{
	char size[SIZE_TEXT_MAX], have[SIZE_TEXT_MAX], largest[SIZE_TEXT_MAX];

	return fail("pool '%s' has %s free, but no run of %s%s%s: the largest free run is %s; "
		    "'framepool frag' shows all free blocks", pool,
		    size_format(framepool_stats_free_bytes(stats), have),
		    size_format(request->size, size),
		    request->align ? " with that alignment" : "",
		    request->below ? " below that address" : "",
		    size_format(framepool_stats_largest_bytes(stats), largest));
}

static int fail_quota(const struct request *request, const struct framepool *fp)
{
	uint64_t client_quota = framepool_client_quota_bytes(fp);
	char size[SIZE_TEXT_MAX], quota[SIZE_TEXT_MAX];
	const char *pool = framepool_name(fp);

	size_format(request->size, size);
	/* This client holds nothing else, so the request alone exceeds the quota. */
	if (client_quota && request->size > client_quota)
		return fail("%s is more than pool '%s' lets one client hold, which is %s: ask for "
			    "less, or write a larger limit to /sys/class/framepool/%s/client_quota",
			    size, pool, size_format(client_quota, quota), pool);
	return fail("with %s more this user would have more than pool '%s' lets one user have, "
		    "which is %s: end other programs, or write a larger limit to "
		    "/sys/class/framepool/%s/user_quota", size, pool,
		    size_format(framepool_user_quota_bytes(fp), quota), pool);
}

int request_fail(const struct request *request, const struct framepool *fp, int err)
{
	struct framepool_stats *stats;
	char size[SIZE_TEXT_MAX];

	switch (err) {
	case ENOMEM:
	case ENOSPC:
		stats = pool_stats(fp);
		if (stats && err == ENOMEM)
			fail_nomem(request, framepool_name(fp), stats);
		else if (stats)
			fail_nospace(request, framepool_name(fp), stats);
		framepool_stats_free(stats);
		return EXIT_FAILED;
	case EDQUOT:
		return fail_quota(request, fp);
	case EINVAL:
		return fail("%s is more than any pool can have",
			    size_format(request->size, size));
	case ENOBUFS:
		return fail("the kernel has no memory for the bookkeeping of a buffer");
	default:
		return fail("cannot allocate %s: %s", size_format(request->size, size),
			    strerror(err));
	}
}
