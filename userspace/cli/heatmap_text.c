// SPDX-License-Identifier: LGPL-2.1-or-later
/* A map as text. */
#include <stdio.h>

#include "heatmap.h"
#include "size.h"

enum { MARGIN = 8, ROWS = 16, MOST_CELLS = 64 };

static const char * const blocks[SHADES] = { "·", "░", "▒", "▓", "█", "q", "x" };
static const char * const letters[SHADES] = { ".", "-", "+", "*", "#", "q", "x" };
/* Foreground colours: from green by yellow to red; blue; reverse magenta. */
static const char * const colours[SHADES] = { "32", "32", "33", "33", "31", "34", "35;7" };

static void print_cell(enum shade shade, bool ascii, bool colour)
{
	const char *symbol = ascii ? letters[shade] : blocks[shade];

	if (colour)
		printf("\033[%sm%s\033[0m", colours[shade], symbol);
	else
		fputs(symbol, stdout);
}

/* The widest power of two that leaves room for the margin, so that offsets are round. */
static size_t cells_in_line(unsigned int columns)
{
	size_t cells = MOST_CELLS;

	while (cells > 8 && cells + MARGIN + 2 > columns)
		cells /= 2;
	return cells;
}

static void print_legend(const struct map *map, bool ascii, bool colour)
{
	size_t counts[SHADES];

	map_count(map, counts);
	for (enum shade shade = 0; shade < SHADES; shade++) {
		fputs("  ", stdout);
		print_cell(shade, ascii, colour);
		printf("  %-34s %8zu\n", map_legend(shade), counts[shade]);
	}
}

void map_print(const struct map *map, bool ascii, bool colour, unsigned int columns)
{
	size_t width = cells_in_line(columns), scale = map_scale(map, width * ROWS);
	char text[SIZE_TEXT_MAX];

	printf("A character is %zu huge frame%s of %s", scale, scale == 1 ? "" : "s",
	       size_format(map->huge_bytes, text));
	printf("; a line begins at this offset in the pool:\n");
	for (size_t at = 0; at < map->count; at += scale) {
		size_t count = map->count - at < scale ? map->count - at : scale;

		if (at % (scale * width) == 0)
			printf("%s%*s  ", at ? "\n" : "", MARGIN, size_format(at * map->huge_bytes, text));
		print_cell(map_shade(map, at, count), ascii, colour);
	}
	printf("\n\n     %-34s %8s\n", "a huge frame is", "how many");
	print_legend(map, ascii, colour);
}
