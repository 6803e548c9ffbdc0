// SPDX-License-Identifier: LGPL-2.1-or-later
/* The buffer that 'framepool alloc' is to allocate. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "request.h"

#define MAX_WAIT	1000000

enum { OPTION_SIZE = 1, OPTION_ALIGN, OPTION_BELOW, OPTION_WAIT, OPTION_FROM, OPTION_HOLD,
       OPTION_EXPORT, OPTION_MOVABLE };

static const struct option options[] = {
	COMMON_OPTIONS,
	{ "size", required_argument, NULL, OPTION_SIZE },
	{ "align", required_argument, NULL, OPTION_ALIGN },
	{ "below", required_argument, NULL, OPTION_BELOW },
	{ "wait", required_argument, NULL, OPTION_WAIT },
	{ "from", required_argument, NULL, OPTION_FROM },
	{ "hold", no_argument, NULL, OPTION_HOLD },
	{ "export", no_argument, NULL, OPTION_EXPORT },
	{ "movable", no_argument, NULL, OPTION_MOVABLE },
	{ NULL, 0, NULL, 0 }
};

static int parse_align(uint64_t *align)
{
	int status = option_size("--align", optarg, align);

	if (!status && *align & (*align - 1))
		return fail_usage("--align: '%s' is not a power of two", optarg);
	return status;
}

static int parse_wait(uint64_t *wait_ns)
{
	double seconds;
	char *end;

	seconds = strtod(optarg, &end);
	if (end == optarg || strspn(optarg, "0123456789.") != strlen(optarg) || *end ||
	    !(seconds > 0 && seconds <= MAX_WAIT))
		return fail_usage("--wait: '%s' is not a number of seconds above 0, up to %d",
				  optarg, MAX_WAIT);
	*wait_ns = (uint64_t)(seconds * 1e9);
	return EXIT_OK;
}

static int parse_option(int option, struct request *request)
{
	switch (option) {
	case OPTION_SIZE:
		return option_size("--size", optarg, &request->size);
	case OPTION_ALIGN:
		return parse_align(&request->align);
	case OPTION_BELOW:
		return option_size("--below", optarg, &request->below);
	case OPTION_WAIT:
		return parse_wait(&request->wait_ns);
	case OPTION_FROM:
		request->from = optarg;
		return EXIT_OK;
	case OPTION_EXPORT:
		request->export = true;
		request->hold = true;
		return EXIT_OK;
	case OPTION_MOVABLE:
		request->movable = true;
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

int request_fail(const struct request *request, const struct framepool *fp, int err)
{
	char text[512];

	return fail("%s", framepool_explain_alloc(err, fp, request->size, request->align,
						  request->below, text, sizeof(text)));
}
