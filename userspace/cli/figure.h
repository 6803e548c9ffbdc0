/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The figures of a pool: what 'framepool stat' and 'framepool metrics' show, in one table. */
#ifndef FRAMEPOOL_CLI_FIGURE_H
#define FRAMEPOOL_CLI_FIGURE_H

#include <stdbool.h>
#include <stdint.h>

#include <libframepool.h>

enum figure_kind {
	FIGURE_GAUGE,		/* goes up and down */
	FIGURE_COUNTER,		/* only goes up while the pool exists */
};

/**
 * struct figure - a number in a snapshot of a pool
 * @key: its name in 'framepool stat', debugfs and sysfs
 * @family: the metric that it belongs to, without "framepool_" and "_total"; one that is in bytes
 *          ends in "_bytes". Figures of one metric follow each other
 * @reason: the value of the label that tells it from others of the same metric; NULL: the only one
 * @kind: how it changes
 * @is_bytes: whether it is a number of bytes
 * @value: reads it
 * @help: what the metric means, a sentence; figures of one metric have the same
 */
struct figure {
	const char *key;
	const char *family;
	const char *reason;
	enum figure_kind kind;
	bool is_bytes;
	uint64_t (*value)(const struct framepool_stats *stats);
	const char *help;
};

enum { FIGURES = 20 };

extern const struct figure figures[FIGURES];

#endif
