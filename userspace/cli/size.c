// SPDX-License-Identifier: LGPL-2.1-or-later
/* Sizes as people write them. */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "size.h"

static const char units[] = "KMGT";

/* strtoull() alone would accept blanks and signs, and read a leading 0 as octal. */
static int parse_number(const char *text, const char **end, unsigned long long *number)
{
	bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
	const char *digits = hex ? text + 2 : text;
	char *stop;

	if (hex ? !isxdigit((unsigned char)*digits) : !isdigit((unsigned char)*digits))
		return EINVAL;
	errno = 0;
	*number = strtoull(digits, &stop, hex ? 16 : 10);
	*end = stop;
	return errno;
}

int size_parse(const char *text, uint64_t *bytes)
{
	unsigned long long number;
	const char *unit, *end;
	unsigned int shift = 0;
	int err = parse_number(text, &end, &number);

	if (err == EINVAL)
		return EINVAL;
	if (*end) {
		unit = strchr(units, toupper((unsigned char)*end));
		if (!unit || end[1])
			return EINVAL;
		shift = 10 * (unsigned int)(unit - units + 1);
	}
	if (err || number > UINT64_MAX >> shift)
		return ERANGE;
	*bytes = (uint64_t)number << shift;
	return 0;
}

char *size_format(uint64_t bytes, char text[SIZE_TEXT_MAX])
{
	size_t unit = 0;

	while (bytes && bytes % 1024 == 0 && unit < strlen(units)) {
		bytes /= 1024;
		unit++;
	}
	if (unit)
		snprintf(text, SIZE_TEXT_MAX, "%" PRIu64 "%c", bytes, units[unit - 1]);
	else
		snprintf(text, SIZE_TEXT_MAX, "%" PRIu64, bytes);
	return text;
}
