// SPDX-License-Identifier: LGPL-2.1-or-later
/* Results on stdout, as text or JSON. */
#include <jansson.h>
#include <stdio.h>

#include "cli.h"
#include "output.h"

static json_t *json_value(const struct field *field)
{
	switch (field->kind) {
	case FIELD_TEXT:
		return json_string(field->text);
	case FIELD_INDEX:
	case FIELD_SHARE:
		return json_real((double)field->number / 1000);
	case FIELD_NONE:
		return json_null();
	case FIELD_NUMBER:
	case FIELD_BYTES:
	case FIELD_ADDRESS:
		break;
	}
	return json_integer(field->number);
}

static json_t *json_record(const struct field *fields, size_t count)
{
	json_t *record = json_object();

	for (size_t i = 0; i < count; i++) {
		if (json_object_set_new(record, fields[i].key, json_value(&fields[i]))) {
			json_decref(record);
			return NULL;
		}
	}
	return record;
}

static json_t *json_rows(const struct table *table)
{
	json_t *rows = json_array();

	for (size_t row = 0; row < table->rows; row++) {
		const struct field *fields = &table->cells[row * table->columns];

		if (json_array_append_new(rows, json_record(fields, table->columns))) {
			json_decref(rows);
			return NULL;
		}
	}
	return rows;
}

static json_t *json_result(const struct field *fields, size_t count, const struct table *table)
{
	json_t *result = json_record(fields, count);

	if (table && json_object_set_new(result, table->key, json_rows(table))) {
		json_decref(result);
		return NULL;
	}
	return result;
}

static int dump(json_t *result, size_t flags)
{
	if (!result)
		return fail("no memory for the JSON output");
	json_dumpf(result, stdout, flags | JSON_REAL_PRECISION(4));
	putchar('\n');
	json_decref(result);
	return EXIT_OK;
}

int output_json_line(const struct field *fields, size_t count)
{
	return dump(json_record(fields, count), JSON_COMPACT);
}

int output(bool json, const struct field *fields, size_t count, const struct table *table)
{
	if (json)
		return dump(json_result(fields, count, table), JSON_INDENT(2));
	output_text(fields, count, table);
	return EXIT_OK;
}
