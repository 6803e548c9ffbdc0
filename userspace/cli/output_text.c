// SPDX-License-Identifier: LGPL-2.1-or-later
/* Results as text for people. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "output.h"
#include "size.h"
#include "terminal.h"

#define CELL_MAX	BAR_MAX
#define BAR_COLUMNS	28

static void format_index(int64_t thousandths, char text[CELL_MAX])
{
	long long size = llabs(thousandths);

	snprintf(text, CELL_MAX, "%s%lld.%03lld", thousandths < 0 ? "-" : "", size / 1000,
		 size % 1000);
}

static const char *format_cell(const struct field *field, char text[CELL_MAX])
{
	switch (field->kind) {
	case FIELD_TEXT:
	case FIELD_NONE:
		return field->text;
	case FIELD_NUMBER:
		snprintf(text, CELL_MAX, "%" PRId64, field->number);
		break;
	case FIELD_BYTES:
		size_format((uint64_t)field->number, text);
		break;
	case FIELD_INDEX:
		format_index(field->number, text);
		break;
	case FIELD_SHARE:
		return terminal_bar((int)field->number, BAR_COLUMNS, terminal_is_utf8(), text);
	case FIELD_ADDRESS:
		snprintf(text, CELL_MAX, "0x%" PRIx64, (uint64_t)field->number);
		break;
	}
	return text;
}

static void print_record(const struct field *fields, size_t count)
{
	char text[CELL_MAX];
	int width = 0;

	for (size_t i = 0; i < count; i++)
		if ((int)strlen(fields[i].key) > width)
			width = (int)strlen(fields[i].key);

	for (const struct field *field = fields; field < fields + count; field++) {
		const char *value = format_cell(field, text);

		printf("%s:%*s ", field->key, width - (int)strlen(field->key), "");
		if (field->kind == FIELD_BYTES && field->number && field->number % 1024 == 0)
			printf("%" PRId64 " (%s)\n", field->number, value);
		else
			printf("%s\n", value);
	}
}

static int column_width(const struct table *table, size_t column)
{
	size_t width = strlen(table->cells[column].key);
	char text[CELL_MAX];

	for (size_t row = 0; row < table->rows; row++) {
		const struct field *cell = &table->cells[row * table->columns + column];
		size_t length = strlen(format_cell(cell, text));

		if (length > width)
			width = length;
	}
	return (int)width;
}

/* Without trailing blanks, since it ends a line. */
static void print_last(const char *text)
{
	int length = (int)strlen(text);

	while (length && text[length - 1] == ' ')
		length--;
	if (length)
		printf("  %.*s", length, text);
}

/*
 * Numbers are aligned to the right. Text and bars are in the last column, so they are aligned to
 * the left and may be of any length.
 */
static void print_cell(const struct field *field, const char *text, int width)
{
	if (field->kind == FIELD_TEXT || field->kind == FIELD_SHARE)
		print_last(text);
	else
		printf("  %*s", width, text);
}

static void print_table(const struct table *table)
{
	char text[CELL_MAX];

	if (!table->rows)
		return;
	putchar('\n');
	for (size_t i = 0; i < table->columns; i++)
		print_cell(&table->cells[i], table->cells[i].key, column_width(table, i));
	for (size_t i = 0; i < table->rows * table->columns; i++) {
		const struct field *cell = &table->cells[i];

		if (i % table->columns == 0)
			putchar('\n');
		print_cell(cell, format_cell(cell, text), column_width(table, i % table->columns));
	}
	putchar('\n');
}

void output_text(const struct field *fields, size_t count, const struct table *table)
{
	print_record(fields, count);
	if (table)
		print_table(table);
}
