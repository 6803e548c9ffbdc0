/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Snapshots one after the other, and what happened in between. */
#ifndef FRAMEPOOL_CLI_SAMPLE_H
#define FRAMEPOOL_CLI_SAMPLE_H

#include "cli.h"

/**
 * struct sample - a snapshot and its time
 * @stats: the snapshot, or NULL
 * @seconds: when it was taken, by a clock that only goes forward
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
 * sample_rates - what happened between two samples
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
 * interval_parse - read the time between two samples
 * @text: seconds, a decimal number
 * @seconds: set to it
 *
 * Return: EXIT_OK, or EXIT_USAGE after a message: it is not between 0.1 and 3600.
 */
int interval_parse(const char *text, double *seconds);

#endif
