// SPDX-License-Identifier: LGPL-2.1-or-later
/* Recordings: what is written is read again, and what is wrong is told with its line. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "recording.h"
#include "test.h"
#include "tracing.h"

static char name[] = "/tmp/framepool-recording.XXXXXX";

static void write_text(const char *text, size_t length)
{
	FILE *file = fopen(name, "we");

	fwrite(text, 1, length, file);
	fclose(file);
}

/* Whether reading that text fails with a message that contains @message after the file's name. */
static bool is_refused(const char *text, size_t length, const char *message)
{
	FILE *file = tmpfile();
	int kept = dup(STDERR_FILENO), status;
	struct recording recording;
	char said[512];
	bool same;

	write_text(text, length);
	dup2(fileno(file), STDERR_FILENO);
	status = recording_read(name, &recording);
	fflush(stderr);
	dup2(kept, STDERR_FILENO);
	close(kept);
	rewind(file);
	said[fread(said, 1, sizeof(said) - 1, file)] = '\0';
	fclose(file);
	if (status == EXIT_OK)
		recording_free(&recording);
	same = status == EXIT_FAILED && strstr(said, message);
	if (!same)
		printf("# status %d, and not '%s' but: %s\n", status, message, said);
	return same;
}

static void refuse(const char *text, const char *message, const char *test)
{
	check(is_refused(text, strlen(text), message), test);
}

#define START	"framepool-recording 1\npool a\nframe 4096\nhuge 512\n"
#define HEAD	START "extent 10 2\nextent 20 1\n"

static void test_head(void)
{
	refuse("", "line 1: the recording is cut off", "empty_file_is_refused");
	refuse("framepool-recording 2\n", "line 1: is of version 2, and this program reads 1",
	       "other_version_is_refused");
	refuse("framepool-recordings 1\n", "line 1: 'framepool-recordings 1' is not",
	       "other_file_is_refused");
	refuse("framepool-recording 1\npool a/b\n", "line 2: 'pool a/b' is not 'pool' and the name",
	       "name_with_slash_is_refused");
	refuse("framepool-recording 1\npool 01234567890123456789012345678901\n", "line 2: ",
	       "too_long_name_is_refused");
	refuse("framepool-recording 1\npool a\nframe 5000\n",
	       "line 3: 5000 is not a size of frames", "odd_frame_is_refused");
	refuse("framepool-recording 1\npool a\nframe 4096\nhuge 0\n", "line 4: 0 is not a number",
	       "huge_frame_of_nothing_is_refused");
	refuse(START "end 0 0\n", "line 5: 'end 0 0' is not 'extent'", "no_extents_are_refused");
	refuse(START "extent 10 0\n", "line 5: a pool has 1 to ", "empty_extent_is_refused");
	refuse(START "extent 10 2097153\n", "line 5: a pool has 1 to 2097152 huge frames",
	       "too_large_pool_is_refused");
	refuse(START "extent 10 2\nextent 12 1\n", "line 6: the extent does not lie behind",
	       "extents_without_gap_are_refused");
	refuse(START "extent 4294967295 1\n", "line 5: the extent does not", "extent_overflow");
}

static void test_events(void)
{
	refuse(HEAD "b 0 0 0\n", "line 7: 'b 0 0 0' is not an event", "unknown_event_is_refused");
	refuse(HEAD "a 0 0 1 1 0\n", "line 7: 'a 0 0 1 1 0' is not 'a' and 6 numbers",
	       "missing_number_is_refused");
	refuse(HEAD "a 0 0 1 1 0 0 0\n", "line 7: ", "number_too_many_is_refused");
	refuse(HEAD "a 0 0 -1 1 0 0\n", "line 7: ", "negative_number_is_refused");
	refuse(HEAD "a 0 0 0x1 1 0 0\n", "line 7: ", "hexadecimal_number_is_refused");
	refuse(HEAD "a 0 0 99999999999999999999 1 0 0\n", "line 7: a number in '",
	       "too_large_number_is_refused");
	refuse(HEAD "a 0 0 0 1 0 0\n", "line 7: 0 frames are not a length",
	       "no_frames_are_refused");
	refuse(HEAD "a 0 0 1 3 0 0\n", "line 7: 3 frames are not an alignment",
	       "odd_alignment_is_refused");
	refuse(HEAD "a 0 0 2 1 0 1535\n", "line 7: the buffer does not lie in the pool",
	       "buffer_beyond_the_pool_is_refused");
	refuse(HEAD "x 0 0 1 1 0 0\n", "line 7: 0 is not an errno",
	       "failure_of_nothing_is_refused");
	refuse(HEAD "a 5 0 1 1 0 0\nf 4 0 0\n", "line 8: is earlier than the line before",
	       "time_that_goes_back_is_refused");
	refuse(HEAD "a 0 1048576 1 1 0 0\n", "line 7: the number of a client",
	       "too_large_client_is_refused");
}

static void test_form(void)
{
	static const char zero[] = HEAD "f 0 0 0\0\n";
	char line[200];

	memset(line, '1', sizeof(line) - 1);
	line[sizeof(line) - 1] = '\0';
	refuse(line, "line 1: is too long", "too_long_line_is_refused");
	check(is_refused(zero, sizeof(zero) - 1, "line 7: is too long, is cut off, or has"),
	      "character_0_is_refused");
	refuse(HEAD "f 0 0 \033[1m\n", "line 7: has a character that is not printable",
	       "escape_sequence_is_refused");
	refuse(HEAD "a 0 0 1 1 0 0\n", "line 8: the recording is cut off before its line 'end'",
	       "recording_without_end_is_refused");
	refuse(HEAD "a 0 0 1 1 0 0\nend 1 0", "line 8: is too long, is cut off",
	       "end_without_newline_is_refused");
	refuse(HEAD "a 0 0 1 1 0 0\nend 2 0\n", "line 8: there are 1 events, not 2",
	       "missing_event_is_refused");
	refuse(HEAD "end 0 0\nend 0 0\n", "line 8: comes after the end",
	       "text_after_end_is_refused");
}

/* Frees find their buffers; a buffer at the place of another ends that. */
static void test_buffers(void)
{
	static const char text[] = HEAD
		"a 0 3 4 1 0 8\n"
		"f 1 3 9\n"
		"f 2 7 8\n"
		"x 3 3 9999 1 0 12\n"
		"a 4 4 4 1 0 8\n"
		"a 5 5 1 1 0 8\n"
		"end 6 11\n";
	struct recording recording;
	bool done;

	write_text(text, sizeof(text) - 1);
	done = recording_read(name, &recording) == EXIT_OK;
	check(done && recording.nr_events == 6 && recording.nr_lost == 11, "events_are_counted");
	check(recording.nr_unknown == 1 && recording.nr_inferred == 1,
	      "unknown_and_missing_frees_are_counted");
	check(recording.events[1].kind == EVENT_FREE && recording.events[1].buffer == 0 &&
	      recording.events[1].client == 3, "free_is_that_of_its_client");
	check(recording.events[4].kind == EVENT_FREE && recording.events[4].buffer == 2 &&
	      recording.events[4].time_us == 5 && recording.events[5].buffer == 3,
	      "missing_free_is_before_the_next_buffer");
	check(recording.nr_clients == 8 && recording.nr_huge == 3,
	      "clients_and_extents_are_counted");
	recording_free(&recording);
}

static void test_round_trip(void)
{
	const struct event events[] = {
		{ .kind = EVENT_ALLOC, .time_us = 0, .client = 2, .frames = 3, .align = 4,
		  .limit = 1 << 20, .frame = 40 },
		{ .kind = EVENT_FAILURE, .time_us = 7, .client = 1, .frames = 1ull << 40,
		  .align = 1, .error = 28 },
		{ .kind = EVENT_FREE, .time_us = 9, .client = 2, .frame = 40 },
	};
	struct recording_extent extent = { 100, 50 };
	const struct recording head = {
		.pool = "a_b-c.d", .frame_bytes = 4096, .huge_frames = 512, .extents = &extent,
		.nr_extents = 1
	};
	FILE *file = fopen(name, "we");
	struct recording read;
	bool same = true;

	recording_write_head(&head, file);
	for (int i = 0; i < 3; i++)
		recording_write_event(&events[i], file);
	recording_write_end(3, 5, file);
	fclose(file);
	check(recording_read(name, &read) == EXIT_OK && read.nr_events == 3 &&
	      !strcmp(read.pool, "a_b-c.d") && read.nr_huge == 50 && read.nr_lost == 5,
	      "written_recording_is_read");
	for (int i = 0; i < 3; i++)
		same = same && read.events[i].kind == events[i].kind &&
		       read.events[i].time_us == events[i].time_us &&
		       read.events[i].client == events[i].client &&
		       read.events[i].frames == events[i].frames &&
		       read.events[i].align == events[i].align &&
		       read.events[i].limit == events[i].limit &&
		       read.events[i].error == events[i].error &&
		       read.events[i].frame == events[i].frame;
	check(same, "written_events_are_read");
	recording_free(&read);
}

#define ALLOC	"alloc: pool=default client=3 handle=0x100000001 offset=0x40000000000 " \
		"length=12288 align=4096 limit=0x100000000 frame=77 error=0\n"

static void test_trace(void)
{
	struct event event;

	check(tracing_parse("  framepool-99  [001] .....  12.000345: " ALLOC, 4096, &event) &&
	      event.kind == EVENT_ALLOC && event.time_us == 12000345 && event.client == 3 &&
	      event.frames == 3 && event.align == 1 && event.limit == 1 << 20 && event.frame == 77,
	      "alloc_is_parsed");
	check(tracing_parse(" a-1 [000] ..... 1.000001: alloc: pool=d client=0 handle=0x0 "
			    "offset=0x0 length=1099511627776 align=4096 limit=0x0 frame=-1 "
			    "error=-12\n", 4096, &event) &&
	      event.kind == EVENT_FAILURE && event.error == 12 && event.frames == 1 << 28,
	      "failure_is_parsed");
	check(tracing_parse(" a-1 [000] ..... 1.000001: free: pool=d client=4 "
			    "offset=0x40000001000 length=4096 frame=1\n", 4096, &event) &&
	      event.kind == EVENT_FREE && event.client == 4 && event.frame == 1,
	      "free_is_parsed");
	check(tracing_parse(": alloc: pool=-99 [001] ..... 12.000345: " ALLOC, 4096, &event) &&
	      event.time_us == 12000345, "process_may_be_named_like_an_event");
	check(!tracing_parse("CPU:1 [LOST 12 EVENTS]\n", 4096, &event) &&
	      !tracing_parse(": free: pool=d-1 [000] ..... 1.000001: split: pool=d client=4 "
			     "huge=1\n", 4096, &event) &&
	      !tracing_parse("\n", 4096, &event), "other_lines_are_no_events");
}

int main(void)
{
	close(mkstemp(name));
	test_head();
	test_events();
	test_form();
	test_buffers();
	test_round_trip();
	test_trace();
	unlink(name);
	return 0;
}
