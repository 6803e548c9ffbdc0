/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How far a long command has come, for whoever sits at the terminal. */
#ifndef FRAMEPOOL_CLI_PROGRESS_H
#define FRAMEPOOL_CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

/**
 * struct progress - one piece of work
 * @what: what is being done
 * @total: bytes that there are to do; 0: not known
 * @next: when to say something again, in seconds; 0: never, since stderr is no terminal
 * @shown: something stands on the terminal
 */
struct progress {
	const char *what;
	uint64_t total;
	double next;
	bool shown;
};

/**
 * progress_begin - begin a piece of work
 * @progress: set to nothing done
 * @what: as in struct progress
 * @total: as in struct progress
 */
void progress_begin(struct progress *progress, const char *what, uint64_t total);

/**
 * progress_update - say how much is done, if it is time to
 * @progress: the work
 * @done: bytes
 */
void progress_update(struct progress *progress, uint64_t done);

/**
 * progress_end - wipe out what was said
 * @progress: the work
 */
void progress_end(struct progress *progress);

#endif
