/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Results on stdout, as text or JSON.
 *
 * A result is a record of fields. As text it is a column of "key: value" lines, in JSON an object
 * with the same keys. A table adds rows: records that all have the same keys. In JSON they are an
 * array in that object.
 */
#ifndef FRAMEPOOL_CLI_OUTPUT_H
#define FRAMEPOOL_CLI_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum field_kind {
	FIELD_TEXT,		/* @text */
	FIELD_NUMBER,		/* @number */
	FIELD_BYTES,		/* @number; text has units, too */
	FIELD_INDEX,		/* @number in thousandths */
	FIELD_SHARE,		/* @number in thousandths; text is a bar */
	FIELD_ADDRESS,		/* @number; text is hexadecimal */
	FIELD_NONE,		/* JSON: null; text: @text */
};

struct field {
	const char *key;
	enum field_kind kind;
	const char *text;
	int64_t number;
};

static inline struct field field_text(const char *key, const char *text)
{
	return (struct field){ .key = key, .kind = FIELD_TEXT, .text = text };
}

static inline struct field field_number(const char *key, int64_t number)
{
	return (struct field){ .key = key, .kind = FIELD_NUMBER, .number = number };
}

static inline struct field field_bytes(const char *key, uint64_t bytes)
{
	return (struct field){ .key = key, .kind = FIELD_BYTES, .number = (int64_t)bytes };
}

static inline struct field field_index(const char *key, int thousandths)
{
	return (struct field){ .key = key, .kind = FIELD_INDEX, .number = thousandths };
}

/* @thousandths is 0 to 1000. */
static inline struct field field_share(const char *key, int thousandths)
{
	return (struct field){ .key = key, .kind = FIELD_SHARE, .number = thousandths };
}

static inline struct field field_none(const char *key, const char *text)
{
	return (struct field){ .key = key, .kind = FIELD_NONE, .text = text };
}

/* 0 means no limit. */
static inline struct field field_limit(const char *key, uint64_t bytes)
{
	return bytes ? field_bytes(key, bytes) : field_none(key, "none");
}

static inline struct field field_address(const char *key, uint64_t address)
{
	return (struct field){ .key = key, .kind = FIELD_ADDRESS, .number = (int64_t)address };
}

/**
 * struct table - rows with the same keys
 * @key: the key of the array in JSON
 * @cells: all fields, row after row
 * @columns: number of fields in a row, at least 1
 * @rows: number of rows
 */
struct table {
	const char *key;
	const struct field *cells;
	size_t columns;
	size_t rows;
};

/**
 * output - write a result
 * @json: as JSON
 * @fields: the record
 * @count: number of fields
 * @table: the table that belongs to it, or NULL
 *
 * Text is UTF-8. main() checks whether everything could be written.
 *
 * Return: EXIT_OK, or EXIT_FAILED after a message: out of memory.
 */
int output(bool json, const struct field *fields, size_t count, const struct table *table);

/**
 * output_json_line - write a record as one line of JSON
 * @fields: the record
 * @count: number of fields
 *
 * Return: as output().
 */
int output_json_line(const struct field *fields, size_t count);

/**
 * output_text - write a result as text
 * @fields: as for output()
 * @count: as for output()
 * @table: as for output()
 */
void output_text(const struct field *fields, size_t count, const struct table *table);

#endif
