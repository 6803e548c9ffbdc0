// SPDX-License-Identifier: LGPL-2.1-or-later
/* The module's tracepoints for buffers. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli.h"
#include "tracing.h"

/* The second is where debugfs has it, whether or not it is mounted at the first. */
static const char * const roots[] = { "/sys/kernel/tracing", "/sys/kernel/debug/tracing" };

static const char * const events[] = { "alloc", "free" };

static const char *find_root(void)
{
	for (size_t i = 0; i < sizeof(roots) / sizeof(*roots); i++) {
		char path[64];

		snprintf(path, sizeof(path), "%s/instances", roots[i]);
		if (!access(path, F_OK))
			return roots[i];
		if (errno == EACCES) {
			fail("only root may trace: run as root");
			return NULL;
		}
	}
	fail("tracefs is not mounted: 'mount -t tracefs none %s'", roots[0]);
	return NULL;
}

static int put(const struct tracing *tracing, const char *name, const char *text)
{
	char path[256];
	ssize_t length = (ssize_t)strlen(text);
	int fd, err = 0;

	snprintf(path, sizeof(path), "%s/%s", tracing->folder, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, text, (size_t)length) != length)
		err = errno;
	if (fd >= 0)
		close(fd);
	return err ? fail("cannot write '%s' to %s: %s", text, path, strerror(err)) : EXIT_OK;
}

static int put_event(const struct tracing *tracing, const char *event, const char *file,
		     const char *text)
{
	char name[64];

	snprintf(name, sizeof(name), "events/framepool/%s/%s", event, file);
	return put(tracing, name, text);
}

/* All processors' events get their time from one clock, so that they can be sorted. */
static int set_up(const struct tracing *tracing, const char *pool, uint64_t buffer_bytes)
{
	char kilobytes[32], filter[64];
	int status;

	snprintf(kilobytes, sizeof(kilobytes), "%" PRIu64, (buffer_bytes + 1023) / 1024);
	snprintf(filter, sizeof(filter), "pool == \"%s\"", pool);
	status = put(tracing, "trace_clock", "mono");
	if (!status)
		status = put(tracing, "buffer_size_kb", kilobytes);
	for (size_t i = 0; !status && i < sizeof(events) / sizeof(*events); i++) {
		status = put_event(tracing, events[i], "filter", filter);
		if (!status)
			status = put_event(tracing, events[i], "enable", "1");
	}
	return status;
}

static int open_pipe(struct tracing *tracing)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s/trace_pipe", tracing->folder);
	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	tracing->pipe = fd < 0 ? NULL : fdopen(fd, "r");
	return tracing->pipe ? EXIT_OK : fail("cannot open %s: %m", path);
}

int tracing_begin(struct tracing *tracing, const char *pool, uint64_t buffer_bytes)
{
	const char *root = find_root();
	int status;

	if (!root)
		return EXIT_FAILED;
	tracing->pipe = NULL;
	snprintf(tracing->folder, sizeof(tracing->folder), "%s/instances/framepool-%d", root,
		 getpid());
	if (mkdir(tracing->folder, 0700))
		return errno == EACCES || errno == EPERM ?
		       fail("only root may trace: run as root") :
		       fail("cannot make %s: %m", tracing->folder);
	status = open_pipe(tracing);
	if (!status)
		status = set_up(tracing, pool, buffer_bytes);
	if (status)
		tracing_end(tracing);
	return status;
}

void tracing_stop(const struct tracing *tracing)
{
	put(tracing, "tracing_on", "0");
}

bool tracing_read(struct tracing *tracing, char **line, size_t *size)
{
	clearerr(tracing->pipe);
	return getline(line, size, tracing->pipe) > 0;
}

/* The statistics of a processor: events that were overwritten before they were read, or dropped. */
static uint64_t lost_on(const char *path)
{
	FILE *file = fopen(path, "re");
	uint64_t lost = 0, number;
	char line[128];

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "overrun: %" SCNu64, &number) == 1 ||
		    sscanf(line, "dropped events: %" SCNu64, &number) == 1)
			lost += number;
	if (file)
		fclose(file);
	return lost;
}

uint64_t tracing_lost(const struct tracing *tracing)
{
	char pattern[256];
	uint64_t lost = 0;
	glob_t found;

	snprintf(pattern, sizeof(pattern), "%s/per_cpu/cpu*/stats", tracing->folder);
	if (glob(pattern, 0, NULL, &found))
		return 0;
	for (size_t i = 0; i < found.gl_pathc; i++)
		lost += lost_on(found.gl_pathv[i]);
	globfree(&found);
	return lost;
}

void tracing_end(struct tracing *tracing)
{
	if (tracing->pipe)
		fclose(tracing->pipe);
	if (rmdir(tracing->folder))
		fail("cannot remove %s: %m", tracing->folder);
}

static bool parse_alloc(const char *text, uint32_t frame_bytes, struct event *event)
{
	unsigned long long length, align;
	long long limit, frame;
	int error;

	if (sscanf(text, "pool=%*s client=%u handle=%*i offset=%*i length=%llu align=%llu "
		   "limit=%lli frame=%lld error=%d", &event->client, &length, &align, &limit,
		   &frame, &error) != 6)
		return false;
	event->kind = error ? EVENT_FAILURE : EVENT_ALLOC;
	event->frames = length / frame_bytes;
	event->align = align / frame_bytes;
	event->limit = (uint64_t)limit / frame_bytes;
	event->frame = error ? 0 : (uint64_t)frame;
	event->error = -error;
	return true;
}

static bool parse_free(const char *text, struct event *event)
{
	unsigned long long frame;

	if (sscanf(text, "pool=%*s client=%u offset=%*i length=%*u frame=%llu", &event->client,
		   &frame) != 2)
		return false;
	event->kind = EVENT_FREE;
	event->frame = frame;
	return true;
}

/* The last place where @word is: a process may have a name that looks like an event. */
static const char *find_last(const char *line, const char *word)
{
	const char *last = NULL;

	for (const char *at = line; (at = strstr(at, word)); at++)
		last = at;
	return last;
}

/* Seconds and six digits of a fraction stand before @end, behind a blank. */
static bool parse_time(const char *line, const char *end, uint64_t *time_us)
{
	unsigned long long seconds, microseconds;
	const char *begin = end;
	int length = 0;

	while (begin > line && begin[-1] != ' ')
		begin--;
	if (sscanf(begin, "%llu.%6llu%n", &seconds, &microseconds, &length) != 2 ||
	    begin + length != end)
		return false;
	*time_us = seconds * 1000000 + microseconds;
	return true;
}

bool tracing_parse(const char *line, uint32_t frame_bytes, struct event *event)
{
	const char *alloc = find_last(line, ": alloc: pool=");
	const char *end = find_last(line, ": free: pool=");
	const char *at = !alloc || (end && end > alloc) ? end : alloc;

	*event = (struct event){ .kind = EVENT_ALLOC };
	if (!at || !parse_time(line, at, &event->time_us))
		return false;
	if (at == alloc)
		return parse_alloc(at + strlen(": alloc: "), frame_bytes, event);
	return parse_free(at + strlen(": free: "), event);
}
