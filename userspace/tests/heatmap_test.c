// SPDX-License-Identifier: LGPL-2.1-or-later
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "heatmap.h"
#include "test.h"

static char states[5000];
static struct map map = { .states = states, .huge_bytes = 2 << 20 };

static void set(const char *text)
{
	strcpy(states, text);
	map.count = strlen(text);
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
	check(shows("#...", SHADE_QUARTER) && shows("##..", SHADE_HALF) && shows("###.", SHADE_MOST) &&
	      shows("####", SHADE_FULL) && shows("....", SHADE_FREE), "shade_of_many_is_their_mean");
	check(shows("...9", SHADE_QUARTER) && shows("###9", SHADE_MOST), "shade_full_means_all_of_it");
	check(shows("qq.#", SHADE_QUARTER) && shows("qqq#", SHADE_QUARANTINED), "shade_quarantine_needs_most");
	check(shows("###x", SHADE_RETIRED) && shows("qqqx", SHADE_RETIRED), "shade_of_bad_memory_always_shows");
}

static void test_text(void)
{
	const char *text;

	set("#5.q" "....");
	text = drawing(false, true, false);
	check(has(text, "A character is 1 huge frame of 2M;") && has(text, "\n       0  #*.q....\n"),
	      "text_draws_a_character_for_each");
	check(has(text, "  #  all used                                  1\n") &&
	      has(text, "  .  free                                      5\n") &&
	      has(text, "  q  waiting to be cleared or let go           1\n"), "text_legend_counts");
	check(!strchr(text, '\033') && !strstr(text, "\342"), "text_ascii_without_colour_is_plain");
	text = drawing(false, false, true);
	check(has(text, "\033[31m█\033[0m\033[33m▓\033[0m\033[32m·\033[0m"), "text_colour_marks_each_character");

	memset(states, '.', 4096);
	states[0] = states[1] = states[2] = states[3] = '#';
	states[4096] = '\0';
	map.count = 4096;
	text = drawing(false, true, false);
	check(has(text, "A character is 4 huge frames of 2M;") && has(text, "\n       0  #....") &&
	      has(text, "\n    512M  ....") && count(text, "M  ....") + count(text, "G  ....") == 15,
	      "text_of_large_pool_fits_a_screen");
}

static void test_svg(void)
{
	const char *text;

	set("##.5q");
	text = drawing(true, false, false);
	check(count(text, "<rect class=\"s4\"") == 3 && count(text, "<rect class=\"s0\"") == 2 &&
	      count(text, "<rect class=\"s3\"") == 2 && count(text, "<rect class=\"s5\"") == 2 &&
	      count(text, "<rect class=\"s6\"") == 1, "svg_has_a_square_for_each_and_for_its_legend");
	check(has(text, "x=\"70\" y=\"50\" width=\"12\" height=\"12\"><title>at 0: all used</title>") &&
	      has(text, "<title>at 8M: waiting to be cleared or let go</title>"), "svg_tooltip_tells_offset_and_state");
	check(has(text, "all used: 2 huge frames</text>") && has(text, "free: 1 huge frame</text>"),
	      "svg_legend_counts");
	set("");
	check(has(drawing(true, false, false), "</svg>\n"), "svg_of_nothing_ends");
}

/* "svg" writes a drawing for tests/svg_test.sh to look at. */
int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "svg")) {
		set("##.5q.......x");
		map_svg(&map, "dma", stdout);
		return 0;
	}
	check(reads(".5#\nqx9\n", ".5#qx9"), "map_is_read_without_line_breaks");
	check(!reads("", ""), "map_empty_file_is_an_error");
	check(reads(".\033[2J#", ".2#"), "map_unknown_states_are_left_out");
	test_shades();
	test_text();
	test_svg();
	set("......");
	check(map_scale(&map, 6) == 1 && map_scale(&map, 5) == 2 && map_scale(&map, 1) == 8,
	      "scale_is_the_least_power_of_two");
	return 0;
}
