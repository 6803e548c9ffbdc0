// SPDX-License-Identifier: LGPL-2.1-or-later
/* framepool record: write down what programs allocate and free. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "clock.h"
#include "debugfs.h"
#include "listing.h"
#include "recording.h"
#include "size.h"
#include "tracing.h"

enum { OPTION_TIME = 1, OPTION_BUFFER };

#define BUFFER_MIN	(4ULL << 10)
#define BUFFER_MAX	(1ULL << 30)
#define PAUSE		0.02	/* seconds */

static const struct option options[] = {
	COMMON_OPTIONS,
	{ "time", required_argument, NULL, OPTION_TIME },
	{ "buffer", required_argument, NULL, OPTION_BUFFER },
	{ NULL, 0, NULL, 0 }
};

/**
 * struct plan - what to record
 * @name: the file to write
 * @seconds: how long; 0: until a signal
 * @buffer_bytes: memory for events that wait, for each processor
 */
struct plan {
	const char *name;
	double seconds;
	uint64_t buffer_bytes;
};

static int parse_time(const char *text, double *seconds)
{
	char *end;

	*seconds = strtod(text, &end);
	if (end == text || *end || strspn(text, "0123456789.") != strlen(text) ||
	    !(*seconds > 0 && *seconds <= 1000000))
		return fail_usage("--time: '%s' is not a number of seconds up to 1000000", text);
	return EXIT_OK;
}

static int parse_buffer(const char *text, uint64_t *bytes)
{
	if (size_parse(text, bytes) || *bytes < BUFFER_MIN || *bytes > BUFFER_MAX)
		return fail_usage("--buffer: '%s' is not a size from 4K to 1G", text);
	return EXIT_OK;
}

static int parse(struct cli *cli, int argc, char **argv, struct plan *plan)
{
	int option, status = EXIT_OK;

	optind = 0;
	while (!status && (option = option_next(cli, argc, argv, options)) != OPTIONS_END) {
		if (option == OPTION_TIME)
			status = parse_time(optarg, &plan->seconds);
		else if (option == OPTION_BUFFER)
			status = parse_buffer(optarg, &plan->buffer_bytes);
		else
			status = EXIT_USAGE;
	}
	if (!status && cli->json)
		status = fail_usage("'record' has no use for --json");
	if (!status && optind == argc)
		status = fail_usage("'record' needs the name of a file");
	if (status)
		return status;
	plan->name = argv[optind++];
	return option_end(argc, argv);
}

static int add_extents(struct recording *head, const struct listing *list)
{
	head->extents = calloc(list->count + 1, sizeof(*head->extents));
	if (!head->extents)
		return fail("no memory for %zu extents", list->count);
	for (size_t i = 0; i < list->count; i++) {
		uint64_t address = strtoull(list->rows[i].text, NULL, 0);

		if (!address)
			return fail("the kernel hides where the pool lies: run with CAP_SYS_ADMIN");
		head->extents[head->nr_extents++] = (struct recording_extent){
			(uint32_t)(address / head->frame_bytes / head->huge_frames),
			(uint32_t)listing_number(list, &list->rows[i], "huge_frames"),
		};
	}
	return EXIT_OK;
}

static int read_extents(const struct cli *cli, struct recording *head)
{
	FILE *file = debugfs_open(cli, "extents");
	struct listing list;
	int status;

	if (!file)
		return EXIT_FAILED;
	status = listing_read(file, &list) ? fail("cannot read the extents: %m") : EXIT_OK;
	fclose(file);
	if (status)
		return status;
	status = add_extents(head, &list);
	listing_free(&list);
	return status;
}

static int read_pool(const struct cli *cli, struct recording *head)
{
	struct framepool *fp = pool_open(cli);

	if (!fp)
		return EXIT_FAILED;
	snprintf(head->pool, sizeof(head->pool), "%s", framepool_name(fp));
	head->frame_bytes = framepool_frame_bytes(fp);
	head->huge_frames = framepool_huge_bytes(fp) / framepool_frame_bytes(fp);
	framepool_close(fp);
	return read_extents(cli, head);
}

static volatile sig_atomic_t is_over;

static void end(int signal)
{
	(void)signal;
	is_over = 1;
}

/**
 * struct recorder - a recording that is being written
 * @head: the pool
 * @file: the file
 * @tracing: where events come from
 * @began_us: time of the first event
 * @last_us: of the last event that was written
 * @count: events so far
 */
struct recorder {
	const struct recording *head;
	FILE *file;
	struct tracing tracing;
	uint64_t began_us;
	uint64_t last_us;
	uint64_t count;
};

/* An event that was about to happen when a later one of another processor was read is late. */
static uint64_t time_of(struct recorder *recorder, uint64_t time_us)
{
	if (!recorder->count++)
		recorder->began_us = time_us;
	if (time_us > recorder->began_us + recorder->last_us)
		recorder->last_us = time_us - recorder->began_us;
	return recorder->last_us;
}

static void write_waiting(struct recorder *recorder)
{
	struct event event;
	char *line = NULL;
	size_t size = 0;

	while (tracing_read(&recorder->tracing, &line, &size)) {
		if (!tracing_parse(line, recorder->head->frame_bytes, &event))
			continue;
		event.time_us = time_of(recorder, event.time_us);
		recording_write_event(&event, recorder->file);
	}
	free(line);
}

static int record(struct recorder *recorder, const struct plan *plan)
{
	double until = clock_now() + plan->seconds;
	uint64_t lost;

	printf("recording pool '%s'; %s ends it\n", recorder->head->pool,
	       plan->seconds ? "the time or Ctrl-C" : "Ctrl-C");
	fflush(stdout);
	while (!is_over && !(plan->seconds && clock_now() >= until) && !ferror(recorder->file)) {
		write_waiting(recorder);
		clock_sleep(PAUSE);
	}
	tracing_stop(&recorder->tracing);
	write_waiting(recorder);
	lost = tracing_lost(&recorder->tracing);
	recording_write_end(recorder->count, lost, recorder->file);
	printf("events: %" PRIu64 "\nlost: %" PRIu64 "\n", recorder->count, lost);
	if (lost)
		fprintf(stderr, "framepool: %" PRIu64 " events came too fast: a larger --buffer "
			"loses fewer\n", lost);
	return EXIT_OK;
}

/* Physical addresses are in it, so it is for nobody else. */
static FILE *create(const char *name)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	return fd < 0 ? NULL : fdopen(fd, "w");
}

static int record_to(const struct recording *head, const struct plan *plan)
{
	struct recorder recorder = { .head = head };
	int status;

	recorder.file = create(plan->name);
	if (!recorder.file)
		return fail("cannot write '%s': %m", plan->name);
	recording_write_head(head, recorder.file);
	status = tracing_begin(&recorder.tracing, head->pool, plan->buffer_bytes);
	if (!status) {
		status = record(&recorder, plan);
		tracing_end(&recorder.tracing);
	}
	if ((fclose(recorder.file) || ferror(stdout)) && !status)
		status = fail("cannot write '%s': %m", plan->name);
	return status;
}

int cmd_record(struct cli *cli, int argc, char **argv)
{
	struct plan plan = { .buffer_bytes = 4ULL << 20 };
	struct recording head = { .nr_events = 0 };
	const struct sigaction action = { .sa_handler = end };
	int status = parse(cli, argc, argv, &plan);

	if (status)
		return status;
	status = read_pool(cli, &head);
	if (!status) {
		sigaction(SIGINT, &action, NULL);
		sigaction(SIGTERM, &action, NULL);
		status = record_to(&head, &plan);
	}
	recording_free(&head);
	return status;
}
