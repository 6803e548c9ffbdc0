// SPDX-License-Identifier: LGPL-2.1-or-later
/* Recordings: the file, line by line. */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <search.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "recording.h"

#define MAGIC		"framepool-recording"
#define LINE_MAX_BYTES	160
#define FRAMES_MAX	(1ULL << 30)	/* of a pool */
#define HUGE_MAX	(1ULL << 13)	/* frames in a huge frame */
#define NUMBERS_MAX	6

void recording_write_head(const struct recording *recording, FILE *file)
{
	fprintf(file, "%s %d\npool %s\nframe %u\nhuge %u\n", MAGIC, RECORDING_VERSION,
		recording->pool, recording->frame_bytes, recording->huge_frames);
	for (size_t i = 0; i < recording->nr_extents; i++)
		fprintf(file, "extent %u %u\n", recording->extents[i].first,
			recording->extents[i].count);
}

void recording_write_event(const struct event *event, FILE *file)
{
	if (event->kind == EVENT_FREE)
		fprintf(file, "f %" PRIu64 " %u %" PRIu64 "\n", event->time_us, event->client,
			event->frame);
	else
		fprintf(file,
			"%c %" PRIu64 " %u %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n",
			event->kind == EVENT_ALLOC ? 'a' : 'x', event->time_us, event->client,
			event->frames, event->align, event->limit,
			event->kind == EVENT_ALLOC ? event->frame : (uint64_t)event->error);
}

void recording_write_end(uint64_t events, uint64_t lost, FILE *file)
{
	fprintf(file, "end %" PRIu64 " %" PRIu64 "\n", events, lost);
}

/* A buffer that is allocated at this point of the file. */
struct live {
	uint64_t frame;
	size_t buffer;
	uint32_t client;
};

/**
 * struct reader - a file that is being read
 * @name: its name
 * @file: the file
 * @line: number of the line
 * @text: the line without its newline
 * @recording: what was read so far
 * @live: tree of struct live, by frame
 * @time_us: of the last event
 * @nr_lines: events in the file so far
 * @room: for how many events there is memory
 */
struct reader {
	const char *name;
	FILE *file;
	unsigned long line;
	char text[LINE_MAX_BYTES];
	struct recording *recording;
	void *live;
	uint64_t time_us;
	uint64_t nr_lines;
	size_t room;
};

static int __attribute__((format(printf, 2, 3)))
refuse(const struct reader *reader, const char *format, ...)
{
	char why[LINE_MAX_BYTES + 128];
	va_list args;

	va_start(args, format);
	vsnprintf(why, sizeof(why), format, args);
	va_end(args);
	return fail("%s: line %lu: %s", reader->name, reader->line, why);
}

/* Lines consist of printable characters. EXIT_OK at the end as well; then there is no text. */
static int next_line(struct reader *reader)
{
	size_t length;

	reader->line++;
	reader->text[0] = '\0';
	if (!fgets(reader->text, sizeof(reader->text), reader->file))
		return refuse(reader, ferror(reader->file) ? "cannot be read" :
			      "the recording is cut off before its line 'end'");
	length = strlen(reader->text);
	if (!length || reader->text[length - 1] != '\n')
		return refuse(reader, "is too long, is cut off, or has a character 0");
	reader->text[length - 1] = '\0';
	for (const char *at = reader->text; *at; at++)
		if (*at < ' ' || *at > '~')
			return refuse(reader, "has a character that is not printable ASCII");
	return EXIT_OK;
}

/* Reads "WORD NUMBER NUMBER..."; text would be confused with numbers by sscanf(). */
static int read_numbers(const struct reader *reader, const char *word, size_t count,
			uint64_t numbers[NUMBERS_MAX])
{
	const char *at = reader->text + strlen(word);

	for (size_t i = 0; i < count; i++) {
		char *end;

		if (at[0] != ' ' || at[1] < '0' || at[1] > '9')
			return refuse(reader, "'%s' is not '%s' and %zu numbers", reader->text,
				      word, count);
		errno = 0;
		numbers[i] = strtoull(at + 1, &end, 10);
		if (errno)
			return refuse(reader, "a number in '%s' is too large", reader->text);
		at = end;
	}
	if (*at)
		return refuse(reader, "'%s' is not '%s' and %zu numbers", reader->text, word,
			      count);
	return EXIT_OK;
}

static bool begins_with(const char *text, const char *word)
{
	size_t length = strlen(word);

	return !strncmp(text, word, length) && (!text[length] || text[length] == ' ');
}

/* Reads a line that consists of a word and a number. */
static int read_setting(struct reader *reader, const char *word, uint64_t *number)
{
	uint64_t numbers[NUMBERS_MAX] = { 0 };
	int status = next_line(reader);

	if (!status)
		status = begins_with(reader->text, word) ?
			 read_numbers(reader, word, 1, numbers) :
			 refuse(reader, "'%s' is not '%s' and a number", reader->text, word);
	if (!status)
		*number = numbers[0];
	return status;
}

static bool is_power_of_two(uint64_t number)
{
	return number && !(number & (number - 1));
}

static int read_pool(struct reader *reader)
{
	int length = 0, status = next_line(reader);

	if (status)
		return status;
	if (sscanf(reader->text, "pool %31[A-Za-z0-9_.-]%n", reader->recording->pool,
		   &length) != 1 || reader->text[length])
		return refuse(reader, "'%s' is not 'pool' and the name of a pool", reader->text);
	return EXIT_OK;
}

static int read_head(struct reader *reader)
{
	struct recording *recording = reader->recording;
	uint64_t version, frame, huge;
	int status = read_setting(reader, MAGIC, &version);

	if (!status && version != RECORDING_VERSION)
		status = refuse(reader, "is of version %" PRIu64 ", and this program reads %d",
				version, RECORDING_VERSION);
	if (!status)
		status = read_pool(reader);
	if (!status)
		status = read_setting(reader, "frame", &frame);
	if (!status && (!is_power_of_two(frame) || frame < 4096 || frame > 65536))
		status = refuse(reader, "%" PRIu64 " is not a size of frames", frame);
	if (!status)
		status = read_setting(reader, "huge", &huge);
	if (!status && (!is_power_of_two(huge) || huge < 16 || huge > HUGE_MAX))
		status = refuse(reader, "%" PRIu64 " is not a number of frames in a huge frame",
				huge);
	if (status)
		return status;
	recording->frame_bytes = (uint32_t)frame;
	recording->huge_frames = (uint32_t)huge;
	return EXIT_OK;
}

static int add_extent(struct reader *reader, uint64_t first, uint64_t count)
{
	struct recording *recording = reader->recording;
	uint64_t end = 0, max = FRAMES_MAX / recording->huge_frames;
	struct recording_extent *extents;

	if (!count || recording->nr_huge + count > max || count > max)
		return refuse(reader, "a pool has 1 to %" PRIu64 " huge frames", max);
	if (recording->nr_extents)
		end = (uint64_t)recording->extents[recording->nr_extents - 1].first +
		      recording->extents[recording->nr_extents - 1].count;
	if (first > UINT32_MAX - count || (recording->nr_extents && first <= end))
		return refuse(reader, "the extent does not lie behind the one before");
	extents = reallocarray(recording->extents, recording->nr_extents + 1, sizeof(*extents));
	if (!extents)
		return refuse(reader, "no memory for the extents");
	recording->extents = extents;
	extents[recording->nr_extents++] = (struct recording_extent){
		(uint32_t)first, (uint32_t)count
	};
	recording->nr_huge += count;
	return EXIT_OK;
}

/* Reads the extents, and the line that follows them. */
static int read_extents(struct reader *reader)
{
	uint64_t numbers[NUMBERS_MAX] = { 0 };
	int status = next_line(reader);

	while (!status && begins_with(reader->text, "extent")) {
		status = read_numbers(reader, "extent", 2, numbers);
		if (!status)
			status = add_extent(reader, numbers[0], numbers[1]);
		if (!status)
			status = next_line(reader);
	}
	if (!status && !reader->recording->nr_extents)
		status = refuse(reader, "'%s' is not 'extent' and 2 numbers", reader->text);
	return status;
}

static int compare_live(const void *a, const void *b)
{
	const struct live *left = a, *right = b;

	return (left->frame > right->frame) - (left->frame < right->frame);
}

static int add_event(struct reader *reader, const struct event *event)
{
	struct recording *recording = reader->recording;

	if (recording->nr_events == reader->room) {
		size_t room = reader->room ? 2 * reader->room : 1024;
		struct event *events = reallocarray(recording->events, room, sizeof(*events));

		if (!events)
			return refuse(reader, "no memory for %zu events", room);
		recording->events = events;
		reader->room = room;
	}
	recording->events[recording->nr_events++] = *event;
	return EXIT_OK;
}

/* @event is the free; its buffer is found by its frame. */
static int end_buffer(struct reader *reader, struct event *event)
{
	const struct live key = { .frame = event->frame };
	struct live **found = tfind(&key, &reader->live, compare_live), *live;

	if (!found) {
		reader->recording->nr_unknown++;
		return EXIT_OK;
	}
	live = *found;
	event->buffer = live->buffer;
	event->client = live->client;
	tdelete(&key, &reader->live, compare_live);
	free(live);
	return add_event(reader, event);
}

/* If the frames are allocated already, their free was lost. */
static int begin_buffer(struct reader *reader, struct event *event)
{
	struct event end = {
		.kind = EVENT_FREE, .time_us = event->time_us, .frame = event->frame
	};
	uint64_t nr_unknown = reader->recording->nr_unknown;
	struct live *live;

	if (end_buffer(reader, &end))
		return EXIT_FAILED;
	if (reader->recording->nr_unknown == nr_unknown)
		reader->recording->nr_inferred++;
	reader->recording->nr_unknown = nr_unknown;
	event->buffer = reader->recording->nr_buffers++;
	live = malloc(sizeof(*live));
	if (!live)
		return refuse(reader, "no memory for a buffer");
	*live = (struct live){ event->frame, event->buffer, event->client };
	if (!tsearch(live, &reader->live, compare_live)) {
		free(live);
		return refuse(reader, "no memory for a buffer");
	}
	return add_event(reader, event);
}

static int check_time_and_client(struct reader *reader, uint64_t time_us, uint64_t client)
{
	if (time_us < reader->time_us)
		return refuse(reader, "is earlier than the line before");
	if (client >= RECORDING_CLIENTS_MAX)
		return refuse(reader, "the number of a client is below %u", RECORDING_CLIENTS_MAX);
	reader->time_us = time_us;
	if (client >= reader->recording->nr_clients)
		reader->recording->nr_clients = (uint32_t)client + 1;
	return EXIT_OK;
}

static int read_free(struct reader *reader)
{
	uint64_t numbers[NUMBERS_MAX] = { 0 };
	struct event event = { .kind = EVENT_FREE };

	if (read_numbers(reader, "f", 3, numbers) ||
	    check_time_and_client(reader, numbers[0], numbers[1]))
		return EXIT_FAILED;
	event.time_us = numbers[0];
	event.client = (uint32_t)numbers[1];
	event.frame = numbers[2];
	return end_buffer(reader, &event);
}

static int read_alloc(struct reader *reader, enum event_kind kind)
{
	uint64_t numbers[NUMBERS_MAX] = { 0 };
	uint64_t total = reader->recording->nr_huge * reader->recording->huge_frames;
	struct event event = { .kind = kind };

	if (read_numbers(reader, kind == EVENT_ALLOC ? "a" : "x", 6, numbers) ||
	    check_time_and_client(reader, numbers[0], numbers[1]))
		return EXIT_FAILED;
	event.time_us = numbers[0];
	event.client = (uint32_t)numbers[1];
	event.frames = numbers[2];
	event.align = numbers[3];
	event.limit = numbers[4];
	if (!event.frames || event.frames > UINT64_MAX / reader->recording->frame_bytes)
		return refuse(reader, "%" PRIu64 " frames are not a length", event.frames);
	if (!is_power_of_two(event.align) || event.align > FRAMES_MAX)
		return refuse(reader, "%" PRIu64 " frames are not an alignment", event.align);
	if (event.limit > UINT64_MAX / reader->recording->frame_bytes)
		return refuse(reader, "%" PRIu64 " is not the number of a page frame", event.limit);
	if (kind == EVENT_FAILURE) {
		if (!numbers[5] || numbers[5] > 4095)
			return refuse(reader, "%" PRIu64 " is not an errno", numbers[5]);
		event.error = (int)numbers[5];
		event.buffer = reader->recording->nr_buffers++;
		return add_event(reader, &event);
	}
	event.frame = numbers[5];
	if (event.frames > total || event.frame > total - event.frames)
		return refuse(reader, "the buffer does not lie in the pool");
	return begin_buffer(reader, &event);
}

static int read_end(struct reader *reader)
{
	uint64_t numbers[NUMBERS_MAX] = { 0 };

	if (read_numbers(reader, "end", 2, numbers))
		return EXIT_FAILED;
	if (numbers[0] != reader->nr_lines)
		return refuse(reader, "there are %" PRIu64 " events, not %" PRIu64,
			      reader->nr_lines, numbers[0]);
	reader->recording->nr_lost = numbers[1];
	reader->line++;
	return fgetc(reader->file) == EOF ? EXIT_OK : refuse(reader, "comes after the end");
}

static int read_event(struct reader *reader)
{
	reader->nr_lines++;
	if (begins_with(reader->text, "a"))
		return read_alloc(reader, EVENT_ALLOC);
	if (begins_with(reader->text, "x"))
		return read_alloc(reader, EVENT_FAILURE);
	if (begins_with(reader->text, "f"))
		return read_free(reader);
	return refuse(reader, "'%s' is not an event: 'a', 'x' or 'f'", reader->text);
}

static int read_all(struct reader *reader)
{
	int status = read_head(reader);

	if (!status)
		status = read_extents(reader);
	while (!status && !begins_with(reader->text, "end")) {
		status = read_event(reader);
		if (!status)
			status = next_line(reader);
	}
	return status ? status : read_end(reader);
}

int recording_read(const char *name, struct recording *recording)
{
	struct reader reader = { .name = name, .recording = recording };
	int status;

	*recording = (struct recording){ .nr_events = 0 };
	reader.file = fopen(name, "re");
	if (!reader.file)
		return fail("cannot open '%s': %s", name, strerror(errno));
	status = read_all(&reader);
	fclose(reader.file);
	tdestroy(reader.live, free);
	if (status)
		recording_free(recording);
	return status;
}

void recording_free(struct recording *recording)
{
	free(recording->extents);
	free(recording->events);
	*recording = (struct recording){ .nr_events = 0 };
}
