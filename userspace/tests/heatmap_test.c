// SPDX-License-Identifier: LGPL-2.1-or-later
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "heatmap.h"
#include "test.h"

static char states[5000];
static size_t firsts[5000];
static struct map map = { .states = states, .firsts = firsts, .huge_bytes = 2 << 20 };

/* A map of one extent. */
static void set(const char *text)
{
	strcpy(states, text);
	map.count = strlen(text);
	map.extents = 1;
}

/* A map of extents of this length. */
static void set_extents(size_t count, size_t length)
{
	memset(states, '.', count);
	states[count] = '\0';
	map.count = count;
	map.extents = (count + length - 1) / length;
	for (size_t i = 0; i < map.extents; i++)
		firsts[i] = i * length;
}

static bool shows(const char *text, enum shade shade)
{
	set(text);
	return map_shade(&map, 0, map.count) == shade;
}

static bool reads(const char *text, const char *expected)
{
	struct map got = { .states = NULL };
	FILE *file = tmpfile();
	bool same;

	fputs(text, file);
	rewind(file);
	same = !map_read(file, &got) && got.count == strlen(expected) &&
	       !memcmp(got.states, expected, got.count);
	map_free(&got);
	fclose(file);
	return same;
}

/* Whatever failed before, an empty file is no map. */
static bool is_refused_if_empty(void)
{
	struct map got = { .states = NULL };
	FILE *file = tmpfile();
	bool refused;

	errno = ENOENT;
	refused = map_read(file, &got) && errno == EIO && !got.states;
	fclose(file);
	return refused;
}

/* Whether a file says that a map of 8 huge frames has this number of extents. */
static bool reads_extents(const char *text, size_t extents)
{
	struct map got = { .count = 8 };
	FILE *file = tmpfile();
	bool same;

	fputs(text, file);
	rewind(file);
	same = !map_read_extents(file, &got) && got.extents == extents;
	map_free(&got);
	fclose(file);
	return same;
}

/* What a drawing writes to stdout, or to a file. */
static char *drawing(bool svg, bool ascii, bool colour)
{
	static char text[600000];
	FILE *file = tmpfile();
	int kept = dup(STDOUT_FILENO);
	size_t length;

	fflush(stdout);
	if (svg) {
		map_svg(&map, "dma", file);
	} else {
		dup2(fileno(file), STDOUT_FILENO);
		map_print(&map, ascii, colour, 80);
		fflush(stdout);
		dup2(kept, STDOUT_FILENO);
	}
	close(kept);
	rewind(file);
	length = fread(text, 1, sizeof(text) - 1, file);
	text[length] = '\0';
	fclose(file);
	return text;
}

static bool has(const char *text, const char *words)
{
	if (strstr(text, words))
		return true;
	printf("# no '%s' in:\n%.2000s\n", words, text);
	return false;
}

static size_t count(const char *text, const char *words)
{
	size_t n = 0;

	for (; (text = strstr(text, words)); text++)
		n++;
	return n;
}

static void test_shades(void)
{
	check(shows(".", SHADE_FREE) && shows("#", SHADE_FULL) && shows("q", SHADE_QUARANTINED) &&
	      shows("x", SHADE_RETIRED), "shade_of_one_is_its_state");
	check(shows("0", SHADE_QUARTER) && shows("2", SHADE_QUARTER) && shows("3", SHADE_HALF) &&
	      shows("4", SHADE_HALF) && shows("5", SHADE_MOST) && shows("9", SHADE_MOST),
	      "shade_of_partly_used_is_its_share");
	check(shows("#...", SHADE_QUARTER) && shows("##..", SHADE_HALF) &&
	      shows("###.", SHADE_MOST) && shows("####", SHADE_FULL) && shows("....", SHADE_FREE),
	      "shade_of_many_is_their_mean");
	check(shows("...9", SHADE_QUARTER) && shows("###9", SHADE_MOST),
	      "shade_full_means_all_of_it");
	check(shows("qq.#", SHADE_QUARTER) && shows("qqq#", SHADE_QUARANTINED),
	      "shade_quarantine_needs_most");
	check(shows("m", SHADE_MOVABLE) && shows("a", SHADE_MOVABLE) &&
	      shows("..j.", SHADE_MOVABLE) && shows("mm#.", SHADE_MOST) &&
	      shows("m##m", SHADE_FULL) && shows("qqqm", SHADE_QUARANTINED),
	      "shade_of_movable_needs_that_all_moves");
	check(shows("###x", SHADE_RETIRED) && shows("qqqx", SHADE_RETIRED),
	      "shade_of_bad_memory_always_shows");
}

static void test_text(void)
{
	const char *text;

	set("#5.q" "....");
	text = drawing(false, true, false);
	check(has(text, "A character is 1 huge frame of 2M;") &&
	      has(text, "\n       0  #*.q....\n"), "text_draws_a_character_for_each");
	check(has(text, "  #  all used                                  1\n") &&
	      has(text, "  .  free                                      5\n") &&
	      has(text, "  q  in quarantine: not available yet          1\n"),
	      "text_legend_counts");
	check(has(text, "\n1 physically contiguous extent.\n"), "text_of_one_extent_has_no_bar");
	check(!strchr(text, '\033') && !strstr(text, "\342"), "text_ascii_without_colour_is_plain");
	text = drawing(false, false, true);
	check(has(text, "\033[31m█\033[0m\033[33m▓\033[0m\033[32m·\033[0m"),
	      "text_colour_marks_each_character");

	set_extents(4096, 4096);
	states[0] = states[1] = states[2] = states[3] = '#';
	text = drawing(false, true, false);
	check(has(text, "A character is 4 huge frames of 2M;") && has(text, "\n       0  #....") &&
	      has(text, "\n    512M  ....") &&
	      count(text, "M  ....") + count(text, "G  ....") == 15,
	      "text_of_large_pool_fits_a_screen");
}

/* Columns of the longest line. */
static size_t width(const char *text)
{
	size_t longest = 0;

	for (; *text; text += strcspn(text, "\n"), text += *text == '\n')
		if (strcspn(text, "\n") > longest)
			longest = strcspn(text, "\n");
	return longest;
}

static void test_text_extents(void)
{
	const char *text;

	set_extents(8, 3);
	text = drawing(false, true, false);
	check(has(text, "\n       0  ...|...|..\n") &&
	      has(text, "\n3 physically contiguous extents; | is where one ends, "),
	      "text_has_a_bar_between_extents");
	text = drawing(false, false, true);
	check(has(text, "·\033[0m│\033[32m·") && count(text, "│") == 3,
	      "text_bar_in_utf8_is_not_coloured");

	set_extents(80, 64);
	text = drawing(false, true, false);
	check(has(text, "....\n    128M  |....") && count(text, "|") == 2,
	      "text_bar_between_lines_begins_a_line");

	set_extents(512, 1);
	text = drawing(false, true, false);
	check(has(text, "\n       0  .|.|.|.") && has(text, ".|.\n     64M  |.|.|") &&
	      count(text, ".|") == 511 - 15 && width(text) <= 80,
	      "text_of_many_extents_fits_a_terminal");

	/* Characters of 4 huge frames; the second extent begins inside the first character. */
	set_extents(4096, 2050);
	firsts[1] = 3;
	text = drawing(false, true, false);
	check(has(text, "A character is 4 huge frames") && has(text, "\n       0  |....") &&
	      has(text, "| stands before a character in which one begins.\n"),
	      "text_bar_precedes_the_character_in_which_an_extent_begins");
}

static void test_svg(void)
{
	const char *text;

	set("##.5q");
	text = drawing(true, false, false);
	check(count(text, "<rect class=\"s4\"") == 3 && count(text, "<rect class=\"s0\"") == 2 &&
	      count(text, "<rect class=\"s3\"") == 2 && count(text, "<rect class=\"s5\"") == 1 &&
	      count(text, "<rect class=\"s6\"") == 2 && count(text, "<rect class=\"s7\"") == 1,
	      "svg_has_a_square_for_each_and_for_its_legend");
	check(has(text, "x=\"70\" y=\"50\" width=\"12\" height=\"12\">"
			"<title>at 0: all used; extent 1 of 1</title>") &&
	      has(text, "<title>at 8M: in quarantine: not available yet; extent 1 of 1</title>"),
	      "svg_tooltip_tells_offset_state_and_extent");
	check(has(text, "all used: 2 huge frames</text>") && has(text, "free: 1 huge frame</text>"),
	      "svg_legend_counts");
	check(count(text, "<line ") == 1 && has(text, "no run crosses it: 1 extent</text>"),
	      "svg_of_one_extent_has_a_bar_in_the_legend_only");

	set_extents(8, 3);
	text = drawing(true, false, false);
	check(has(text, "at 4M: free; extent 1 of 3</title></rect>\n<rect") &&
	      has(text, "at 6M: free; extent 2 of 3</title></rect>\n"
			"<line x1=\"111\" y1=\"48\" x2=\"111\" y2=\"64\"/>\n<rect") &&
	      count(text, "<line ") == 3 && has(text, "no run crosses it: 3 extents</text>"),
	      "svg_has_a_bar_between_extents");

	/* A square of 2 huge frames: three extents begin in the first four. */
	set_extents(4098, 1366);
	firsts[1] = 1;
	firsts[2] = 3;
	text = drawing(true, false, false);
	check(has(text, "at 0: free; extents 1 to 2 of 3</title></rect>\n<line x1=\"69\"") &&
	      has(text, "at 4M: free; extents 2 to 3 of 3</title></rect>\n<line x1=\"83\"") &&
	      has(text, "at 8M: free; extent 3 of 3</title></rect>\n<rect") &&
	      has(text, "in which a physically contiguous extent begins: 3 extents</text>"),
	      "svg_bar_precedes_the_square_in_which_an_extent_begins");
	set("");
	check(has(drawing(true, false, false), "</svg>\n"), "svg_of_nothing_ends");
}

static void test_extents(void)
{
	static const char head[] = "first huge_frames bytes address\n";
	char text[256];

	check(reads_extents("  first huge_frames  bytes   address\n"
			    "      0           3  6291456  0x1000000\n"
			    "      3           5 10485760 0x40000000\n", 2) &&
	      reads_extents("first huge_frames bytes address\n0 8 16777216 0x0\n", 1),
	      "extents_are_read_by_the_header");
	snprintf(text, sizeof(text), "%s0 3 0 0x0\n", head);
	check(!reads_extents(text, 1) && errno == ESTALE,
	      "extents_shorter_than_the_map_are_refused");
	snprintf(text, sizeof(text), "%s0 9 0 0x0\n", head);
	check(!reads_extents(text, 1) && errno == ESTALE,
	      "extents_longer_than_the_map_are_refused");
	snprintf(text, sizeof(text), "%s0 4 0 0x0\n3 5 0 0x0\n", head);
	check(!reads_extents(text, 2) && errno == ESTALE, "extents_that_overlap_are_refused");
	snprintf(text, sizeof(text), "%s0 0 0 0x0\n0 8 0 0x0\n", head);
	check(!reads_extents(text, 2) && errno == ESTALE, "extents_that_are_empty_are_refused");
	check(!reads_extents("", 0), "extents_empty_file_is_an_error");

	set_extents(8, 3);
	check(map_extent_at(&map, 0) == 0 && map_extent_at(&map, 2) == 0 &&
	      map_extent_at(&map, 3) == 1 && map_extent_at(&map, 7) == 2, "extent_at_a_huge_frame");
	check(map_extent_length(&map, 0) == 3 && map_extent_length(&map, 2) == 2,
	      "extent_length_of_the_last_is_the_rest");
	check(!map_is_cut(&map, 0, 3) && map_is_cut(&map, 0, 4) && map_is_cut(&map, 3, 1) &&
	      !map_is_cut(&map, 4, 2), "cut_is_where_an_extent_begins");
}

/* "svg" writes a drawing for tests/svg_test.sh. */
int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "svg")) {
		set("##.5q.......x");
		map.extents = 2;
		firsts[1] = 5;
		map_svg(&map, "dma", stdout);
		return 0;
	}
	check(reads(".5#\nqx9\n", ".5#qx9"), "map_is_read_without_line_breaks");
	check(is_refused_if_empty(), "map_of_nothing_is_refused");
	check(!reads("", ""), "map_empty_file_is_an_error");
	check(reads(".\033[2J#", ".2#"), "map_unknown_states_are_left_out");
	test_shades();
	test_extents();
	test_text();
	test_text_extents();
	test_svg();
	set("......");
	check(map_scale(&map, 6) == 1 && map_scale(&map, 5) == 2 && map_scale(&map, 1) == 8,
	      "scale_is_the_least_power_of_two");
	return 0;
}
