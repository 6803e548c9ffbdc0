// SPDX-License-Identifier: LGPL-2.1-or-later
/* Replays a recording: the same requests in the same order, as fast as they are answered. */
#include <stdlib.h>

#include "cli.h"
#include "replayer.h"

/* @has: by buffer: the side has it. */
static int do_alloc(const struct side *side, struct outcome *outcome, const struct event *event,
		    bool *has)
{
	bool failed_then = event->kind == EVENT_FAILURE;
	int error = side->alloc(side->data, event);

	if (error < 0)
		return EXIT_FAILED;
	if (error) {
		outcome->failures++;
		outcome->only_now += !failed_then;
		return EXIT_OK;
	}
	outcome->allocs++;
	if (failed_then) {
		outcome->only_then++;
		side->free(side->data, event);
		outcome->frees++;
	} else {
		has[event->buffer] = true;
	}
	return EXIT_OK;
}

static int do_event(const struct side *side, struct outcome *outcome, const struct event *event,
		    bool *has)
{
	if (event->kind != EVENT_FREE)
		return do_alloc(side, outcome, event, has);
	if (has[event->buffer]) {
		side->free(side->data, event);
		has[event->buffer] = false;
		outcome->frees++;
	}
	return EXIT_OK;
}

static int measure(struct replay *replay, size_t done)
{
	struct point *point = &replay->points[replay->nr_points++];
	bool is_last = done == replay->recording->nr_events;
	int status = EXIT_OK;

	point->events = done;
	point->time_us = done ? replay->recording->events[done - 1].time_us : 0;
	for (size_t i = 0; !status && i < replay->nr_sides; i++)
		status = replay->sides[i].measure(replay->sides[i].data, is_last, &point->of[i]);
	return status;
}

/* Is something measured after so many events? */
static bool is_point(const struct replay *replay, size_t done)
{
	size_t all = replay->recording->nr_events;

	return all && done * REPLAY_POINTS / all != (done - 1) * REPLAY_POINTS / all;
}

/* What the sides still have is freed, too, so that all of them end empty. */
static void free_rest(struct replay *replay, bool **has)
{
	const struct recording *recording = replay->recording;

	for (size_t i = 0; i < recording->nr_events; i++) {
		const struct event *event = &recording->events[i];

		for (size_t j = 0; event->kind == EVENT_ALLOC && j < replay->nr_sides; j++)
			if (has[j][event->buffer]) {
				replay->sides[j].free(replay->sides[j].data, event);
				has[j][event->buffer] = false;
			}
	}
}

/*
 * When a client closed its file is not recorded. It is taken to end with its last event, unless it
 * has buffers then. Sets *@ends to the clients' last events: by event, true.
 */
static int find_ends(const struct recording *recording, bool **ends)
{
	size_t *last = calloc(recording->nr_clients + 1ULL, sizeof(*last));
	int64_t *live = calloc(recording->nr_clients + 1ULL, sizeof(*live));

	*ends = calloc(recording->nr_events + 1, sizeof(**ends));
	if (last && live && *ends) {
		for (size_t i = 0; i < recording->nr_events; i++) {
			const struct event *event = &recording->events[i];

			last[event->client] = i;
			live[event->client] += (event->kind == EVENT_ALLOC) -
					       (event->kind == EVENT_FREE);
		}
		for (size_t i = 0; i < recording->nr_events; i++) {
			uint32_t client = recording->events[i].client;

			(*ends)[i] = last[client] == i && !live[client];
		}
	}
	free(last);
	free(live);
	return last && live && *ends ? EXIT_OK : fail("no memory for %u clients",
						      recording->nr_clients);
}

static void end_client(struct replay *replay, uint32_t client)
{
	for (size_t i = 0; i < replay->nr_sides; i++)
		if (replay->sides[i].end)
			replay->sides[i].end(replay->sides[i].data, client);
}

static int run(struct replay *replay, bool **has, const bool *ends)
{
	const struct recording *recording = replay->recording;
	int status = measure(replay, 0);

	for (size_t i = 0; !status && i < recording->nr_events; i++) {
		for (size_t j = 0; !status && j < replay->nr_sides; j++)
			status = do_event(&replay->sides[j], &replay->outcomes[j],
					  &recording->events[i], has[j]);
		if (!status && ends[i])
			end_client(replay, recording->events[i].client);
		if (!status && is_point(replay, i + 1))
			status = measure(replay, i + 1);
	}
	free_rest(replay, has);
	return status;
}

int replay_run(struct replay *replay)
{
	bool *has[SIDES_MAX] = { NULL, NULL }, *ends = NULL;
	int status = find_ends(replay->recording, &ends);

	for (size_t i = 0; i < replay->nr_sides; i++) {
		has[i] = calloc(replay->recording->nr_buffers + 1, sizeof(*has[i]));
		if (!has[i])
			status = fail("no memory for %zu buffers", replay->recording->nr_buffers);
	}
	if (!status)
		status = run(replay, has, ends);
	free(ends);
	for (size_t i = 0; i < replay->nr_sides; i++)
		free(has[i]);
	return status;
}
