/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Successive snapshots, and what happened between them. */
#ifndef FRAMEPOOL_CLI_SAMPLE_H
#define FRAMEPOOL_CLI_SAMPLE_H

#include "cli.h"

/**
 * struct sample - a snapshot and its time
 * @stats: the snapshot, or NULL
 * @seconds: when it was taken, by the monotonic clock
 */
struct sample {
	struct framepool_stats *stats;
	double seconds;
};

/**
 * struct rates - events a second between two samples
 */
struct rates {
	double allocs;
	double frees;
	double fails;
	double moves;		/* of buffers, to make room */
	double moved_bytes;
	double refused;		/* attempts to move something that were given up */
};

/**
 * sample_take - take the next sample
 * @fp: the client
 * @sample: set to it
 *
 * Return: EXIT_OK, or EXIT_FAILED after a message.
 */
int sample_take(const struct framepool *fp, struct sample *sample);

/**
 * sample_rates - compute the rates between two samples
 * @old: the older
 * @new: the newer
 *
 * Return: the rates.
 */
struct rates sample_rates(const struct sample *old, const struct sample *new);

/**
 * sample_free - free what sample_take() allocated
 * @sample: the sample
 */
void sample_free(struct sample *sample);

/**
 * interval_parse - parse the time between two samples
 * @text: seconds, a decimal number
 * @seconds: set to it
 *
 * Return: EXIT_OK, or EXIT_USAGE after a message: not a number from 0.1 to 3600.
 */
int interval_parse(const char *text, double *seconds);

#endif
