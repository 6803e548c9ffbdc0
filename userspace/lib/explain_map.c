// SPDX-License-Identifier: LGPL-2.1-or-later
/* Sentences for mappings that the kernel refuses. Its errors do not tell which limit was met. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/resource.h>

#include "internal.h"

#define MAX_MAP_COUNT	"/proc/sys/vm/max_map_count"

/* To map a window takes up to three mappings for a moment. */
#define SPARE_MAPPINGS	3

static unsigned long count_mappings(void)
{
	FILE *file = fopen("/proc/self/maps", "re");
	unsigned long nr = 0;
	int c;

	if (!file)
		return 0;
	while ((c = getc(file)) != EOF)
		nr += c == '\n';
	fclose(file);
	return nr;
}

/* The most mappings that a process may have; ULONG_MAX if that is not known. */
static unsigned long max_mappings(void)
{
	FILE *file = fopen(MAX_MAP_COUNT, "re");
	unsigned long max;
	int found = file ? fscanf(file, "%lu", &max) : 0;

	if (file)
		fclose(file);
	return found == 1 ? max : -1UL;
}

/* In KiB, as 'ulimit' shows it; 0: no limit. */
static uint64_t limit_kib(int resource)
{
	struct rlimit limit;

	if (getrlimit(resource, &limit) || limit.rlim_cur == RLIM_INFINITY)
		return 0;
	return limit.rlim_cur / 1024;
}

static void explain_no_room(const char *what, char *text, size_t size)
{
	unsigned long nr = count_mappings(), max = max_mappings();
	uint64_t kib = limit_kib(RLIMIT_AS);

	if (max != -1UL && nr + SPARE_MAPPINGS >= max)
		snprintf(text, size, "the process has %lu mappings, and the limit vm.max_map_count "
			 "is %lu: unmap some, use fewer and larger buffers, or write a larger "
			 "limit to " MAX_MAP_COUNT, nr, max);
	else if (kib)
		snprintf(text, size, "the process has no room for %s, since 'ulimit -v' limits its "
			 "addresses to %" PRIu64 " KiB: raise that limit", what, kib);
	else
		snprintf(text, size, "the process has no room for %s: unmap something", what);
}

/* mmap() fails with EAGAIN for this reason only, although pool memory is never locked. */
static void explain_locked(const char *what, char *text, size_t size)
{
	snprintf(text, size, "mlockall() locks what the process maps, and with %s that would be "
		 "more than 'ulimit -l' allows, which is %" PRIu64 " KiB: raise that limit, or map "
		 "before mlockall()", what, limit_kib(RLIMIT_MEMLOCK));
}

void fp_explain_map(int err, const char *what, char *text, size_t size)
{
	switch (err) {
	case ENOMEM:
		explain_no_room(what, text, size);
		break;
	case EAGAIN:
		explain_locked(what, text, size);
		break;
	case ENXIO:
		snprintf(text, size, "the buffer is gone: somebody else freed its handle");
		break;
	case ENODEV:
		snprintf(text, size, "the pool was shut down by force");
		break;
	default:
		errno = err;
		snprintf(text, size, "cannot map %s: %m", what);
	}
}

char *framepool_explain_map(int err, const struct framepool_buffer *buf, char *text, size_t size)
{
	char what[64];
	int saved = errno;

	snprintf(what, sizeof(what), "a buffer of %" PRIu64 " KiB", buf->length / 1024);
	fp_explain_map(err, what, text, size);
	errno = saved;
	return text;
}
