// SPDX-License-Identifier: LGPL-2.1-or-later
/* Messages on stderr. */
#include <stdarg.h>
#include <stdio.h>

#include "cli.h"

int fail(const char *format, ...)
{
	va_list args;

	fputs("framepool: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	return EXIT_FAILED;
}

int fail_usage(const char *format, ...)
{
	va_list args;

	fputs("framepool: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputs("; see 'framepool help'\n", stderr);
	return EXIT_USAGE;
}
