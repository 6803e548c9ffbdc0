/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A table in debugfs: a line of column names, then lines of as many values. The last value is text
 * and may contain blanks, all others are numbers. The columns are those that the kernel names.
 */
#ifndef FRAMEPOOL_CLI_LISTING_H
#define FRAMEPOOL_CLI_LISTING_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/**
 * struct listing_row - a line
 * @numbers: by column
 * @text: the last column; bytes that are not printable ASCII are question marks
 */
struct listing_row {
	uint64_t *numbers;
	char *text;
};

/**
 * struct listing - a table
 * @names: by column, the last one included
 * @columns: number of columns, at least 1
 * @rows: the lines; those of another form are left out
 * @count: number of rows
 */
struct listing {
	char **names;
	size_t columns;
	struct listing_row *rows;
	size_t count;
};

/**
 * listing_read - read a table
 * @file: the file
 * @listing: set to the table
 *
 * Return: 0, or -1 with errno; then there is nothing to free.
 */
int listing_read(FILE *file, struct listing *listing);

/**
 * listing_free - free what listing_read() allocated
 * @listing: the table
 */
void listing_free(struct listing *listing);

/**
 * listing_number - look up a value by the name of its column
 * @listing: the table
 * @row: the line
 * @name: the name
 *
 * Return: the value; 0 if there is no such column.
 */
uint64_t listing_number(const struct listing *listing, const struct listing_row *row,
			const char *name);

#endif
