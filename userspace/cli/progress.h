/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The progress of a long command, shown on a terminal. */
#ifndef FRAMEPOOL_CLI_PROGRESS_H
#define FRAMEPOOL_CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

/**
 * struct progress - one piece of work
 * @what: what is being done
 * @total: bytes to process; 0: not known
 * @next: when to show it again, in seconds; 0: never, because stderr is not a terminal
 * @shown: a line is on the terminal
 */
struct progress {
	const char *what;
	uint64_t total;
	double next;
	bool shown;
};

/**
 * progress_begin - begin a piece of work
 * @progress: set to the beginning
 * @what: as in struct progress
 * @total: as in struct progress
 */
void progress_begin(struct progress *progress, const char *what, uint64_t total);

/**
 * progress_update - show how much is done, if the time has come
 * @progress: the work
 * @done: bytes processed
 */
void progress_update(struct progress *progress, uint64_t done);

/**
 * progress_end - remove the line
 * @progress: the work
 */
void progress_end(struct progress *progress);

#endif
