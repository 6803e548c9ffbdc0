// SPDX-License-Identifier: LGPL-2.1-or-later
/* Messages on stderr. */
#include <stdarg.h>
#include <stdio.h>

#include "cli.h"

static bool is_held;
static char held[1024];

static void say(const char *format, va_list args, const char *end)
{
	char text[sizeof(held) - 64];

	vsnprintf(text, sizeof(text), format, args);
	snprintf(held, sizeof(held), "framepool: %s%s\n", text, end);
	if (!is_held)
		message_release();
}

int fail(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(format, args, "");
	va_end(args);
	return EXIT_FAILED;
}

int fail_usage(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(format, args, "; see 'framepool help'");
	va_end(args);
	return EXIT_USAGE;
}

void message_hold(void)
{
	is_held = true;
}

void message_release(void)
{
	is_held = false;
	fputs(held, stderr);
	held[0] = '\0';
}
