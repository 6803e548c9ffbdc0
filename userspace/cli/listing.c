// SPDX-License-Identifier: LGPL-2.1-or-later
/* A table in debugfs. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "listing.h"

static int parse_names(char *line, struct listing *listing)
{
	char *rest = NULL;

	for (char *word = strtok_r(line, " \t\n", &rest); word;
	     word = strtok_r(NULL, " \t\n", &rest)) {
		char **names = reallocarray(listing->names, listing->columns + 1, sizeof(*names));

		if (!names)
			return -1;
		listing->names = names;
		names[listing->columns] = strdup(word);
		if (!names[listing->columns])
			return -1;
		listing->columns++;
	}
	errno = EIO;
	return listing->columns ? 0 : -1;
}

static char *printable(const char *line)
{
	char *text;

	line += strspn(line, " \t");
	text = strndup(line, strcspn(line, "\n"));
	for (char *at = text; at && *at; at++)
		if (*at < ' ' || *at > '~')
			*at = '?';
	return text;
}

/* Returns false if the line does not belong to the table. */
static bool parse_numbers(const char **line, uint64_t *numbers, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		char *end;

		*line += strspn(*line, " \t");
		if (**line < '0' || **line > '9')
			return false;
		numbers[i] = strtoull(*line, &end, 10);
		*line = end;
	}
	return true;
}

static int parse_row(const char *line, struct listing *listing)
{
	uint64_t *numbers = calloc(listing->columns, sizeof(*numbers));
	struct listing_row *rows;

	if (!numbers)
		return -1;
	if (!parse_numbers(&line, numbers, listing->columns - 1)) {
		free(numbers);
		return 0;
	}
	rows = reallocarray(listing->rows, listing->count + 1, sizeof(*rows));
	if (!rows) {
		free(numbers);
		return -1;
	}
	listing->rows = rows;
	rows[listing->count] = (struct listing_row){ numbers, printable(line) };
	listing->count++;
	return rows[listing->count - 1].text ? 0 : -1;
}

int listing_read(FILE *file, struct listing *listing)
{
	char *line = NULL;
	size_t size = 0;
	int err = -1;

	*listing = (struct listing){ .columns = 0 };
	errno = EIO;
	if (getline(&line, &size, file) > 0)
		err = parse_names(line, listing);
	while (!err && getline(&line, &size, file) > 0)
		err = parse_row(line, listing);
	if (!err && ferror(file))
		err = -1;
	free(line);
	if (err)
		listing_free(listing);
	return err;
}

void listing_free(struct listing *listing)
{
	int err = errno;

	for (size_t i = 0; i < listing->columns; i++)
		free(listing->names[i]);
	for (size_t i = 0; i < listing->count; i++) {
		free(listing->rows[i].numbers);
		free(listing->rows[i].text);
	}
	free(listing->names);
	free(listing->rows);
	*listing = (struct listing){ .columns = 0 };
	errno = err;
}

uint64_t listing_number(const struct listing *listing, const struct listing_row *row,
			const char *name)
{
	for (size_t i = 0; i + 1 < listing->columns; i++)
		if (!strcmp(listing->names[i], name))
			return row->numbers[i];
	return 0;
}
