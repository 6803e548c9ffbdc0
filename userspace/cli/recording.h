/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A recording of what a pool's programs allocated and freed. docs/recording.md describes the file.
 * The program framepool-simulate reads it, too.
 */
#ifndef FRAMEPOOL_CLI_RECORDING_H
#define FRAMEPOOL_CLI_RECORDING_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define RECORDING_VERSION	1
#define RECORDING_NAME_MAX	32		/* bytes of the name of a pool */
#define RECORDING_CLIENTS_MAX	(1U << 20)

enum event_kind {
	EVENT_ALLOC,
	EVENT_FAILURE,		/* an allocation that failed */
	EVENT_FREE,
};

/**
 * struct event - something that happened to a buffer
 * @kind: what
 * @client: number of the client
 * @error: the errno (EVENT_FAILURE)
 * @time_us: microseconds since the recording began
 * @frames: length in frames (not EVENT_FREE)
 * @align: alignment in frames, a power of two (not EVENT_FREE)
 * @limit: the frames lie below this page frame number; 0: anywhere (not EVENT_FREE)
 * @frame: index of the first frame in the pool (not EVENT_FAILURE)
 * @buffer: number of the buffer, or of the one that was refused, counted from 0 on
 */
struct event {
	enum event_kind kind;
	uint32_t client;
	int error;
	uint64_t time_us;
	uint64_t frames;
	uint64_t align;
	uint64_t limit;
	uint64_t frame;
	size_t buffer;
};

/**
 * struct recording_extent - a physically contiguous piece of the pool
 * @first: number of its first huge page frame: its physical address in huge frames
 * @count: huge frames
 */
struct recording_extent {
	uint32_t first;
	uint32_t count;
};

/**
 * struct recording - a recording
 * @pool: name of the pool
 * @frame_bytes: size of a frame
 * @huge_frames: frames in a huge frame
 * @extents: what the pool consists of, in the order of addresses
 * @nr_extents: how many
 * @nr_huge: huge frames in all of them
 * @events: what happened
 * @nr_events: how many
 * @nr_buffers: how many have a number
 * @nr_clients: one more than the highest number of a client
 * @nr_unknown: frees of buffers that were allocated before; they are not among the events
 * @nr_lost: events that are missing, because they came too fast
 * @nr_inferred: frees among the events that are not in the file: the frames were allocated again
 */
struct recording {
	char pool[RECORDING_NAME_MAX];
	uint32_t frame_bytes;
	uint32_t huge_frames;
	struct recording_extent *extents;
	size_t nr_extents;
	uint64_t nr_huge;
	struct event *events;
	size_t nr_events;
	size_t nr_buffers;
	uint32_t nr_clients;
	uint64_t nr_unknown;
	uint64_t nr_lost;
	uint64_t nr_inferred;
};

/**
 * recording_write_head - write what comes before the events
 * @recording: the pool and its extents
 * @file: where to write
 */
void recording_write_head(const struct recording *recording, FILE *file);

/**
 * recording_write_event - write an event
 * @event: the event
 * @file: where to write
 */
void recording_write_event(const struct event *event, FILE *file);

/**
 * recording_write_end - write the last line
 * @events: how many events were written
 * @lost: how many are missing
 * @file: where to write
 */
void recording_write_end(uint64_t events, uint64_t lost, FILE *file);

/**
 * recording_read - read a recording
 * @name: name of the file
 * @recording: set to what it contains
 *
 * Return: EXIT_OK, or EXIT_FAILED after a message that says what is wrong in which line; then there
 * is nothing to free.
 */
int recording_read(const char *name, struct recording *recording);

/**
 * recording_free - free what recording_read() allocated
 * @recording: the recording
 */
void recording_free(struct recording *recording);

#endif
