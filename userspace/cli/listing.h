/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A table in debugfs: a line of names, then lines of as many values. All are numbers but the last, which is
 * text and may have blanks. What the columns are is for the kernel to say.
 */
#ifndef FRAMEPOOL_CLI_LISTING_H
#define FRAMEPOOL_CLI_LISTING_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/**
 * struct listing_row - a line
 * @numbers: by column
 * @text: the last column; what a terminal or JSON would choke on are question marks
 */
struct listing_row {
	uint64_t *numbers;
	char *text;
};

/**
 * struct listing - a table
 * @names: by column, the last one included
 * @columns: how many, at least 1
 * @rows: the lines that are as they should be
 * @count: how many
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
 * @listing: the table
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
 * listing_number - a value by the name of its column
 * @listing: the table
 * @row: the line
 * @name: the name
 *
 * Return: the value; 0 if there is no such column.
 */
uint64_t listing_number(const struct listing *listing, const struct listing_row *row, const char *name);

#endif
