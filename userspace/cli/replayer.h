/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Replays a recording on one or more sides: allocators that get the same requests. What is measured
 * meanwhile becomes text and a drawing.
 */
#ifndef FRAMEPOOL_CLI_REPLAYER_H
#define FRAMEPOOL_CLI_REPLAYER_H

#include <stdbool.h>

#include "recording.h"

enum { SIDES_MAX = 2, REPLAY_POINTS = 50 };

/**
 * struct measure - the state of a side; in bytes
 * @used: allocated
 * @free: free
 * @largest: longest free run, or largest free block
 * @whole: free in whole huge frames
 */
struct measure {
	uint64_t used;
	uint64_t free;
	uint64_t largest;
	uint64_t whole;
};

/**
 * struct side - an allocator
 * @name: its name, for people
 * @prefix: before the names of its figures
 * @data: for the functions
 * @alloc: allocates the buffer of an event; returns 0, the errno that refuses it, or -1 after a
 *         message if the replay cannot go on
 * @free: frees the buffer of an event
 * @end: ends a client, which has no buffers and will ask for none; or NULL
 * @measure: returns EXIT_OK, or EXIT_FAILED after a message
 */
struct side {
	const char *name;
	const char *prefix;
	void *data;
	int (*alloc)(void *data, const struct event *event);
	void (*free)(void *data, const struct event *event);
	void (*end)(void *data, uint32_t client);
	int (*measure)(void *data, bool is_last, struct measure *measure);
};

/**
 * struct outcome - what became of the requests on one side
 * @allocs: allocations that succeeded
 * @frees: of these, buffers that were freed
 * @failures: allocations that failed
 * @only_now: of these, how many succeeded when they were recorded
 * @only_then: allocations that succeeded, but failed when they were recorded; freed at once
 */
struct outcome {
	uint64_t allocs;
	uint64_t frees;
	uint64_t failures;
	uint64_t only_now;
	uint64_t only_then;
};

/**
 * struct point - a moment of the replay
 * @events: how many events are done
 * @time_us: time in the recording
 * @of: by side
 */
struct point {
	size_t events;
	uint64_t time_us;
	struct measure of[SIDES_MAX];
};

/**
 * struct replay - a replay
 * @recording: what is replayed
 * @sides: the allocators
 * @nr_sides: how many
 * @outcomes: by side
 * @points: what was measured; the last one after the last event
 * @nr_points: how many
 */
struct replay {
	const struct recording *recording;
	const struct side *sides;
	size_t nr_sides;
	struct outcome outcomes[SIDES_MAX];
	struct point points[REPLAY_POINTS + 1];
	size_t nr_points;
};

/**
 * replay_run - replay a recording
 * @replay: the first three fields are set, the others are 0
 *
 * Return: EXIT_OK, or EXIT_FAILED after a message.
 */
int replay_run(struct replay *replay);

struct field;
struct table;

/**
 * replay_fields - the outcome as fields
 * @replay: the replay
 * @fields: set to the fields; REPLAY_FIELDS
 *
 * Return: how many.
 */
size_t replay_fields(const struct replay *replay, struct field *fields);

enum { REPLAY_FIELDS = 8 + 9 * SIDES_MAX, REPLAY_COLUMNS = 2 + 4 * SIDES_MAX };

/**
 * replay_table - what was measured, as a table
 * @replay: the replay
 * @cells: set to the cells; REPLAY_COLUMNS * (REPLAY_POINTS + 1)
 *
 * Return: the table.
 */
struct table replay_table(const struct replay *replay, struct field *cells);

/**
 * replay_draw - draw what was measured, with gnuplot
 * @replay: the replay
 * @name: the SVG file to write
 *
 * Return: EXIT_OK, or EXIT_FAILED after a message.
 */
int replay_draw(const struct replay *replay, const char *name);

#endif
