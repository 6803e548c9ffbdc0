// SPDX-License-Identifier: LGPL-2.1-or-later
/* Metrics as text. */
#include <inttypes.h>
#include <stdlib.h>

#include "exposition.h"

static const char *suffix(const struct family *family)
{
	return family->is_counter ? "_total" : "";
}

void exposition_family(const struct exposition *exposition, const struct family *family)
{
	const char *end = exposition->is_textfile ? suffix(family) : "";

	fprintf(exposition->file, "# HELP framepool_%s%s %s\n", family->name, end, family->help);
	fprintf(exposition->file, "# TYPE framepool_%s%s %s\n", family->name, end,
		family->is_counter ? "counter" : "gauge");
	if (family->unit && !exposition->is_textfile)
		fprintf(exposition->file, "# UNIT framepool_%s %s\n", family->name, family->unit);
}

static void write_name(const struct exposition *exposition, const struct family *family,
		       const char *pool, struct label label)
{
	fprintf(exposition->file, "framepool_%s%s{pool=\"%s\"", family->name, suffix(family), pool);
	if (label.name)
		fprintf(exposition->file, ",%s=\"%s\"", label.name, label.value);
	fputs("} ", exposition->file);
}

void exposition_sample(const struct exposition *exposition, const struct family *family,
		       const char *pool, struct label label, uint64_t value)
{
	write_name(exposition, family, pool, label);
	fprintf(exposition->file, "%" PRIu64 "\n", value);
}

void exposition_thousandths(const struct exposition *exposition, const struct family *family,
			    const char *pool, struct label label, int value)
{
	int size = abs(value);

	write_name(exposition, family, pool, label);
	fprintf(exposition->file, "%s%d.%03d\n", value < 0 ? "-" : "", size / 1000, size % 1000);
}

void exposition_end(const struct exposition *exposition)
{
	if (!exposition->is_textfile)
		fputs("# EOF\n", exposition->file);
}
