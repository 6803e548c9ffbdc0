/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The module's tracepoints for buffers, as the kernel prints them. They are read in an instance of
 * tracefs of their own, so other tracing goes on beside it.
 */
#ifndef FRAMEPOOL_CLI_TRACING_H
#define FRAMEPOOL_CLI_TRACING_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "recording.h"

/**
 * struct tracing - an instance
 * @folder: its folder in tracefs
 * @pipe: its events
 */
struct tracing {
	char folder[128];
	FILE *pipe;
};

/**
 * tracing_begin - begin to trace the buffers of a pool
 * @tracing: set to the instance
 * @pool: name of the pool
 * @buffer_bytes: memory for events that wait, for each processor
 *
 * Return: EXIT_OK, or EXIT_FAILED after a message; then there is nothing to end.
 */
int tracing_begin(struct tracing *tracing, const char *pool, uint64_t buffer_bytes);

/**
 * tracing_stop - let no more events come; those that wait can still be read
 * @tracing: the instance
 */
void tracing_stop(const struct tracing *tracing);

/**
 * tracing_read - read the next line that waits
 * @tracing: the instance
 * @line: the line; the same in each call; NULL and 0 at first; to be freed
 * @size: its size
 *
 * Return: false: none waits.
 */
bool tracing_read(struct tracing *tracing, char **line, size_t *size);

/**
 * tracing_lost - how many events were lost because they came too fast?
 * @tracing: the instance
 *
 * Return: the number since tracing_begin().
 */
uint64_t tracing_lost(const struct tracing *tracing);

/**
 * tracing_end - remove the instance
 * @tracing: the instance
 */
void tracing_end(struct tracing *tracing);

/**
 * tracing_parse - read an event as the kernel prints it
 * @line: the line
 * @frame_bytes: size of a frame
 * @event: set to the event; its time is that of the kernel's clock
 *
 * Return: false: it is not an event of a buffer.
 */
bool tracing_parse(const char *line, uint32_t frame_bytes, struct event *event);

#endif
