// SPDX-License-Identifier: LGPL-2.1-or-later
/* framepool replay: do again what was recorded, on a pool or in framepool-simulate. */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "clock.h"
#include "output.h"
#include "replayer.h"

#define SIMULATOR	"framepool-simulate"
#define SETTLE_SECONDS	5	/* at the end, for memory in quarantine to come back */

enum { OPTION_SIMULATE = 1, OPTION_SVG };

static const struct option options[] = {
	COMMON_OPTIONS,
	{ "simulate", no_argument, NULL, OPTION_SIMULATE },
	{ "svg", required_argument, NULL, OPTION_SVG },
	{ NULL, 0, NULL, 0 }
};

/**
 * struct plan - what to do
 * @name: the recording
 * @svg: the file to draw to, or NULL
 * @simulate: without a kernel
 */
struct plan {
	const char *name;
	const char *svg;
	bool simulate;
};

static int check(const struct cli *cli, const struct plan *plan)
{
	if (plan->simulate && cli->json)
		return fail_usage("--simulate and --json exclude each other");
	if (plan->simulate && cli->pool != default_pool)
		return fail_usage("--simulate and --pool exclude each other");
	return EXIT_OK;
}

static int parse(struct cli *cli, int argc, char **argv, struct plan *plan)
{
	int option, status;

	optind = 0;
	while ((option = option_next(cli, argc, argv, options)) != OPTIONS_END) {
		if (option == OPTION_SIMULATE)
			plan->simulate = true;
		else if (option == OPTION_SVG)
			plan->svg = optarg;
		else
			return EXIT_USAGE;
	}
	status = check(cli, plan);
	if (!status && optind == argc)
		status = fail_usage("'replay' needs the name of a recording");
	if (status)
		return status;
	plan->name = argv[optind++];
	return option_end(argc, argv);
}

/* It lies beside this program, or where the shell finds programs. */
static int simulate(const struct plan *plan)
{
	const char *argv[] = { SIMULATOR, plan->name, plan->svg, NULL };
	char path[4096];
	ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - sizeof(SIMULATOR));

	if (length > 0) {
		path[length] = '\0';
		strcpy(strrchr(path, '/') + 1, SIMULATOR);
		execv(path, (char * const *)argv);
	}
	execvp(SIMULATOR, (char * const *)argv);
	if (errno == ENOENT)
		return fail("%s is missing: 'make simulate' builds it, 'make install' installs it",
			    SIMULATOR);
	return fail("cannot run %s: %m", SIMULATOR);
}

/**
 * struct device - a pool as a side of a replay
 * @pool: its name
 * @recording: the recording
 * @observer: a client that only reads figures
 * @clients: by number: the clients; NULL: not open
 * @buffers: by number
 */
struct device {
	const char *pool;
	const struct recording *recording;
	struct framepool *observer;
	struct framepool **clients;
	struct framepool_buffer **buffers;
};

static struct framepool *client_of(struct device *device, uint32_t number)
{
	struct framepool **client = &device->clients[number];
	char text[512];

	if (!*client)
		*client = framepool_open(device->pool);
	if (!*client)
		fail("%s", framepool_explain_open(errno, device->pool, text, sizeof(text)));
	return *client;
}

static int device_alloc(void *data, const struct event *event)
{
	struct device *device = data;
	uint64_t frame = device->recording->frame_bytes;
	struct framepool *client = client_of(device, event->client);
	struct framepool_buffer **buffer = &device->buffers[event->buffer];

	if (!client)
		return -1;
	*buffer = framepool_buffer_alloc_constrained(client, event->frames * frame,
						     event->align * frame, event->limit * frame);
	if (*buffer)
		return 0;
	if (errno == ENOMEM || errno == ENOSPC || errno == EDQUOT)
		return errno;
	fail("cannot allocate %" PRIu64 " bytes: %m", event->frames * frame);
	return -1;
}

static void device_free(void *data, const struct event *event)
{
	struct device *device = data;

	framepool_buffer_free(device->buffers[event->buffer]);
	device->buffers[event->buffer] = NULL;
}

static void device_end(void *data, uint32_t client)
{
	struct device *device = data;

	framepool_close(device->clients[client]);
	device->clients[client] = NULL;
}

static uint64_t whole(const struct device *device, const struct framepool_stats *stats)
{
	uint64_t frames = 0, huge = device->recording->huge_frames;

	for (unsigned int order = 0; order < framepool_stats_orders(stats); order++)
		if (1ULL << order >= huge)
			frames += framepool_stats_free_blocks(stats, order) << order;
	return frames * device->recording->frame_bytes;
}

/* The figures, at the end as soon as freed memory has come back. */
static struct framepool_stats *settled_stats(const struct device *device, bool is_last)
{
	double until = clock_now() + SETTLE_SECONDS;
	struct framepool_stats *stats = pool_stats(device->observer);

	while (is_last && stats && framepool_stats_quarantined_bytes(stats) &&
	       clock_now() < until) {
		framepool_stats_free(stats);
		clock_sleep(0.05);
		stats = pool_stats(device->observer);
	}
	return stats;
}

static int device_measure(void *data, bool is_last, struct measure *measure)
{
	struct device *device = data;
	struct framepool_stats *stats = settled_stats(device, is_last);

	if (!stats)
		return EXIT_FAILED;
	*measure = (struct measure){
		.used = framepool_stats_used_bytes(stats),
		.free = framepool_stats_free_bytes(stats),
		.largest = framepool_stats_largest_bytes(stats),
		.whole = whole(device, stats),
	};
	framepool_stats_free(stats);
	return EXIT_OK;
}

static int show(const struct cli *cli, const struct plan *plan, const struct replay *replay)
{
	struct field fields[1 + REPLAY_FIELDS], cells[REPLAY_COLUMNS * (REPLAY_POINTS + 1)];
	struct table table = replay_table(replay, cells);
	int status;

	fields[0] = field_text("pool", cli->pool);
	status = output(cli->json, fields, 1 + replay_fields(replay, fields + 1), &table);
	if (!status && plan->svg)
		status = replay_draw(replay, plan->svg);
	return status;
}

static int run(const struct cli *cli, const struct plan *plan, struct device *device)
{
	const struct side side = {
		.name = "framepool", .data = device, .alloc = device_alloc, .free = device_free,
		.end = device_end, .measure = device_measure,
	};
	struct replay replay = {
		.recording = device->recording, .sides = &side, .nr_sides = 1
	};
	int status;

	if (framepool_frame_bytes(device->observer) != device->recording->frame_bytes)
		return fail("the recorded pool has frames of %u bytes, this one of %u",
			    device->recording->frame_bytes,
			    framepool_frame_bytes(device->observer));
	status = replay_run(&replay);
	return status ? status : show(cli, plan, &replay);
}

static int replay_on_pool(const struct cli *cli, const struct plan *plan,
			  const struct recording *recording)
{
	struct device device = { .pool = cli->pool, .recording = recording };
	int status = EXIT_FAILED;

	device.clients = calloc(recording->nr_clients + 1ULL, sizeof(*device.clients));
	device.buffers = calloc(recording->nr_buffers + 1, sizeof(*device.buffers));
	if (!device.clients || !device.buffers)
		fail("no memory for %zu buffers", recording->nr_buffers);
	else
		device.observer = pool_open(cli);
	if (device.observer)
		status = run(cli, plan, &device);
	for (uint32_t i = 0; device.clients && i < recording->nr_clients; i++)
		framepool_close(device.clients[i]);
	framepool_close(device.observer);
	free(device.clients);
	free(device.buffers);
	return status;
}

int cmd_replay(struct cli *cli, int argc, char **argv)
{
	struct plan plan = { NULL, NULL, false };
	struct recording recording;
	int status = parse(cli, argc, argv, &plan);

	if (!status && plan.simulate)
		return simulate(&plan);
	if (!status)
		status = recording_read(plan.name, &recording);
	if (status)
		return status;
	status = replay_on_pool(cli, &plan, &recording);
	recording_free(&recording);
	return status;
}
