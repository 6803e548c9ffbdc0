/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel's trace of the module's events. trace_begin() starts it. After trace_end() or
 * trace_read(), the other functions search what was traced.
 */
#ifndef FRAMEPOOL_SELFTESTS_TRACING_H
#define FRAMEPOOL_SELFTESTS_TRACING_H

#include <stdarg.h>

#include "common.h"

#define TRACING		"/sys/kernel/debug/tracing/"
#define TRACE_EVENTS	TRACING "events/framepool/"
#define TRACE_SIZE	(4UL << 20)

static char traced_text[TRACE_SIZE];

/*
 * Discards what was traced before, and from here on traces all of the module's events. They stay on
 * until the module is unloaded, and the kernel does not record the names of processes, since
 * switching these on and off has crashed guests of QEMU's emulator.
 */
static inline __must_check int trace_begin(void)
{
	int fd, ret = write_file(TRACING "tracing_on", "0") ?:
		      write_file(TRACING "options/record-cmd", "0");

	if (ret)
		return ret;
	fd = open_errno(TRACING "trace", O_WRONLY | O_TRUNC);
	if (fd < 0)
		return fd;
	close(fd);
	return write_file(TRACE_EVENTS "enable", "1") ?: write_file(TRACING "tracing_on", "1");
}

/* Reads what was traced so far. */
static inline __must_check int trace_read(void)
{
	int fd = open_errno(TRACING "trace", O_RDONLY);
	ssize_t n = 0, length = 0;

	if (fd < 0)
		return fd;
	while (length < sizeof(traced_text) - 1 &&
	       (n = read(fd, traced_text + length, sizeof(traced_text) - 1 - length)) > 0)
		length += n;
	traced_text[length] = '\0';
	close(fd);
	return n ? -EOVERFLOW : 0;
}

/* Stops tracing and reads what was traced. */
static inline __must_check int trace_end(void)
{
	return write_file(TRACING "tracing_on", "0") ?: trace_read();
}

/* The printed fields of the next such event after @at (NULL: the first); NULL if there is none. */
static inline const char *traced_next(const char *event, const char *at)
{
	char name[64];

	snprintf(name, sizeof(name), ": %s: pool=" POOL_NAME " ", event);
	at = strstr(at ?: traced_text, name);
	return at ? at + strlen(name) : NULL;
}

/* Whether @fields appear, side by side, in the event at @at. */
static inline bool traced_has(const char *at, const char *fields)
{
	const char *end = strchr(at, '\n'), *found;

	while ((found = strstr(at, fields)) && found < end) {
		at = found + strlen(fields);
		if (found[-1] == ' ' && (*at == ' ' || *at == '\n'))
			return true;
	}
	return false;
}

/* How many such events have these fields, side by side. */
static inline __attribute__((format(printf, 2, 3)))
int traced(const char *event, const char *format, ...)
{
	const char *at = NULL;
	char fields[256];
	va_list args;
	int n = 0;

	va_start(args, format);
	vsnprintf(fields, sizeof(fields), format, args);
	va_end(args);
	while ((at = traced_next(event, at)))
		n += traced_has(at, fields);
	return n;
}

static inline int traced_any(const char *event)
{
	const char *at = NULL;
	int n = 0;

	while ((at = traced_next(event, at)))
		n++;
	return n;
}

/* The value of a field that the event at @at has. */
static inline long long traced_value(const char *at, const char *field)
{
	char name[64];

	snprintf(name, sizeof(name), " %s=", field);
	at = strstr(at - 1, name);
	return at ? strtoll(at + strlen(name), NULL, 0) : -1;
}

#endif
