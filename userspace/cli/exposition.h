/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Metrics as text, in one of two formats that differ in their comments only: OpenMetrics 1.0, or
 * the text format 0.0.4 of Prometheus, in which node_exporter's textfile collector reads files. A
 * counter NAME has the sample NAME_total. OpenMetrics describes it as NAME, Prometheus as
 * NAME_total; read in the wrong format, it would lose its type.
 */
#ifndef FRAMEPOOL_CLI_EXPOSITION_H
#define FRAMEPOOL_CLI_EXPOSITION_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/**
 * struct exposition - where metrics are written
 * @file: the file
 * @is_textfile: in the format of Prometheus instead of OpenMetrics
 */
struct exposition {
	FILE *file;
	bool is_textfile;
};

/**
 * struct family - metrics of one name
 * @name: without "framepool_" and "_total"
 * @unit: the unit, with which @name ends, or NULL
 * @help: what it means; contains no newline and no backslash
 * @is_counter: it is a counter; otherwise a gauge
 */
struct family {
	const char *name;
	const char *unit;
	const char *help;
	bool is_counter;
};

/**
 * struct label - what tells samples of one pool and family apart
 * @name: NULL: nothing
 * @value: contains neither quotes nor backslashes
 */
struct label {
	const char *name;
	const char *value;
};

/**
 * exposition_family - begin a family
 * @exposition: where to write
 * @family: the family; its samples follow
 */
void exposition_family(const struct exposition *exposition, const struct family *family);

/**
 * exposition_sample - write a whole number
 * @exposition: where to write
 * @family: the family
 * @pool: name of the pool
 * @label: the label besides the pool
 * @value: the number
 */
void exposition_sample(const struct exposition *exposition, const struct family *family,
		       const char *pool, struct label label, uint64_t value);

/**
 * exposition_thousandths - write a fraction
 * @exposition: where to write
 * @family: the family
 * @pool: name of the pool
 * @label: the label besides the pool
 * @value: the number, in thousandths
 */
void exposition_thousandths(const struct exposition *exposition, const struct family *family,
			    const char *pool, struct label label, int value);

/**
 * exposition_end - end the text
 * @exposition: where to write
 */
void exposition_end(const struct exposition *exposition);

#endif
