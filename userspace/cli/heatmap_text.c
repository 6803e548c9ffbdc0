// SPDX-License-Identifier: LGPL-2.1-or-later
/* A map as text. */
#include <stdio.h>

#include "heatmap.h"
#include "size.h"

enum { MARGIN = 8, ROWS = 16, MOST_CELLS = 64, LEAST_CELLS = 8 };

static const char * const blocks[SHADES] = { "·", "░", "▒", "▓", "█", "m", "q", "x" };
static const char * const letters[SHADES] = { ".", "-", "+", "*", "#", "m", "q", "x" };
/* Foreground colours: from green by yellow to red; cyan; blue; reverse magenta. */
static const char * const colours[SHADES] = { "32", "32", "33", "33", "31", "36", "34", "35;7" };

static void print_cell(enum shade shade, bool ascii, bool colour)
{
	const char *symbol = ascii ? letters[shade] : blocks[shade];

	if (colour)
		printf("\033[%sm%s\033[0m", colours[shade], symbol);
	else
		fputs(symbol, stdout);
}

static const char *bar(bool ascii)
{
	return ascii ? "|" : "│";
}

/* Huge frames in the cell that begins at @at: the last cell may have fewer. */
static size_t cell_length(const struct map *map, size_t at, size_t scale)
{
	return map->count - at < scale ? map->count - at : scale;
}

/* Columns of the longest line, with the bars between extents. */
static size_t longest_line(const struct map *map, size_t cells, size_t scale)
{
	size_t columns = 0, longest = 0;

	for (size_t at = 0; at < map->count; at += scale) {
		if (at % (scale * cells) == 0)
			columns = MARGIN + 2;
		columns += 1 + map_is_cut(map, at, cell_length(map, at, scale));
		if (columns > longest)
			longest = columns;
	}
	return longest;
}

/* The greatest power of two for which all lines fit, so that offsets are round. */
static size_t cells_in_line(const struct map *map, unsigned int columns)
{
	size_t cells = MOST_CELLS;

	while (cells > LEAST_CELLS &&
	       (cells + MARGIN + 2 > columns ||
		longest_line(map, cells, map_scale(map, cells * ROWS)) > columns))
		cells /= 2;
	return cells;
}

static void print_cells(const struct map *map, size_t cells, size_t scale, bool ascii, bool colour)
{
	char text[SIZE_TEXT_MAX];

	for (size_t at = 0; at < map->count; at += scale) {
		size_t count = cell_length(map, at, scale);

		if (at % (scale * cells) == 0)
			printf("%s%*s  ", at ? "\n" : "", MARGIN,
			       size_format(at * map->huge_bytes, text));
		if (map_is_cut(map, at, count))
			fputs(bar(ascii), stdout);
		print_cell(map_shade(map, at, count), ascii, colour);
	}
}

static void print_legend(const struct map *map, bool ascii, bool colour)
{
	size_t counts[SHADES];

	map_count(map, counts);
	printf("     %-34s %8s\n", "a huge frame is", "how many");
	for (enum shade shade = 0; shade < SHADES; shade++) {
		fputs("  ", stdout);
		print_cell(shade, ascii, colour);
		printf("  %-34s %8zu\n", map_legend(shade), counts[shade]);
	}
}

/* A bar before a character of several huge frames may stand for an extent that begins in it. */
static void print_extents(const struct map *map, size_t scale, bool ascii)
{
	printf("%zu physically contiguous extent%s", map->extents, map->extents == 1 ? "" : "s");
	if (map->extents < 2)
		printf(".\n");
	else if (scale == 1)
		printf("; %s is where one ends, and no run crosses it.\n", bar(ascii));
	else
		printf("; %s stands before a character in which one begins.\n", bar(ascii));
}

void map_print(const struct map *map, bool ascii, bool colour, unsigned int columns)
{
	size_t cells = cells_in_line(map, columns), scale = map_scale(map, cells * ROWS);
	char text[SIZE_TEXT_MAX];

	printf("A character is %zu huge frame%s of %s", scale, scale == 1 ? "" : "s",
	       size_format(map->huge_bytes, text));
	printf("; a line begins at this offset in the pool:\n");
	print_cells(map, cells, scale, ascii, colour);
	printf("\n\n");
	print_legend(map, ascii, colour);
	putchar('\n');
	print_extents(map, scale, ascii);
}
