// SPDX-License-Identifier: LGPL-2.1-or-later
/* A map as SVG: a square with a tooltip for each cell, bars between extents, and a legend. */
#include <inttypes.h>

#include "heatmap.h"
#include "size.h"

enum {
	SIDE = 12, PITCH = 14, LEFT = 70, TOP = 50, LINE_CELLS = 64, MOST_CELLS = 64 * 64,
	LEGEND_LINE = 20, BAR_WIDTH = 3, BAR_OVERHANG = 2
};

/* From light to dark: they differ without colour, too. */
static const char * const fills[SHADES] = {
	"#eef5ee", "#c6e2b8", "#f4d35e", "#ee964b", "#b02e0c", "#8fd3cf", "#6c8ebf",
	"#000000"
};

static void print_styles(FILE *file)
{
	fputs("<style>\ntext { font: 12px sans-serif }\n"
	      "rect { stroke: #808080; stroke-width: 0.5 }\n", file);
	fprintf(file, "line { stroke: #000000; stroke-width: %d }\n", BAR_WIDTH);
	for (enum shade shade = 0; shade < SHADES; shade++)
		fprintf(file, ".s%d { fill: %s }\n", (int)shade, fills[shade]);
	fputs("</style>\n", file);
}

/* Where an extent ends: between the square at @x and the one before it. */
static void print_bar(FILE *file, unsigned int x, unsigned int y)
{
	fprintf(file, "<line x1=\"%u\" y1=\"%u\" x2=\"%u\" y2=\"%u\"/>\n", x - 1, y - BAR_OVERHANG,
		x - 1, y + SIDE + BAR_OVERHANG);
}

static void print_extent(const struct map *map, size_t first, size_t count, FILE *file)
{
	size_t from = map_extent_at(map, first), to = map_extent_at(map, first + count - 1);

	if (from == to)
		fprintf(file, "extent %zu of %zu", from + 1, map->extents);
	else
		fprintf(file, "extents %zu to %zu of %zu", from + 1, to + 1, map->extents);
}

static void print_square(const struct map *map, size_t first, size_t count, unsigned int x,
			 unsigned int y, FILE *file)
{
	enum shade shade = map_shade(map, first, count);
	char text[SIZE_TEXT_MAX];

	fprintf(file, "<rect class=\"s%d\" x=\"%u\" y=\"%u\" width=\"%d\" height=\"%d\">"
		"<title>at %s: %s; ", (int)shade, x, y, SIDE, SIDE,
		size_format(first * map->huge_bytes, text), map_legend(shade));
	print_extent(map, first, count, file);
	fputs("</title></rect>\n", file);
	if (map_is_cut(map, first, count))
		print_bar(file, x, y);
}

static void print_cells(const struct map *map, size_t scale, FILE *file)
{
	char text[SIZE_TEXT_MAX];

	fputs("<g id=\"map\">\n", file);
	for (size_t at = 0, cell = 0; at < map->count; at += scale, cell++) {
		size_t count = map->count - at < scale ? map->count - at : scale;
		unsigned int x = LEFT + PITCH * (unsigned int)(cell % LINE_CELLS);
		unsigned int y = TOP + PITCH * (unsigned int)(cell / LINE_CELLS);

		if (cell % LINE_CELLS == 0)
			fprintf(file, "<text x=\"%d\" y=\"%u\" text-anchor=\"end\">%s</text>\n",
				LEFT - 8, y + SIDE - 2, size_format(at * map->huge_bytes, text));
		print_square(map, at, count, x, y, file);
	}
	fputs("</g>\n", file);
}

static void print_extents(const struct map *map, size_t scale, unsigned int y, FILE *file)
{
	print_bar(file, LEFT + SIDE / 2, y);
	fprintf(file, "<text x=\"%d\" y=\"%u\">%s: %zu extent%s</text>\n", LEFT + 2 * SIDE,
		y + SIDE - 2, scale == 1 ?
		"where a physically contiguous extent ends, and no run crosses it" :
		"before a square in which a physically contiguous extent begins",
		map->extents, map->extents == 1 ? "" : "s");
}

static void print_legend(const struct map *map, size_t scale, unsigned int y, FILE *file)
{
	size_t counts[SHADES];

	map_count(map, counts);
	fputs("<g id=\"legend\">\n", file);
	for (enum shade shade = 0; shade < SHADES; shade++, y += LEGEND_LINE) {
		fprintf(file, "<rect class=\"s%d\" x=\"%d\" y=\"%u\" width=\"%d\" "
			"height=\"%d\"/>\n", (int)shade, LEFT, y, SIDE, SIDE);
		fprintf(file, "<text x=\"%d\" y=\"%u\">%s: %zu huge frame%s</text>\n",
			LEFT + 2 * SIDE, y + SIDE - 2, map_legend(shade), counts[shade],
			counts[shade] == 1 ? "" : "s");
	}
	print_extents(map, scale, y, file);
	fputs("</g>\n", file);
}

/* The name of a pool contains no character that is special in XML. */
void map_svg(const struct map *map, const char *pool, FILE *file)
{
	size_t scale = map_scale(map, MOST_CELLS), cells = (map->count + scale - 1) / scale;
	unsigned int lines = (unsigned int)((cells + LINE_CELLS - 1) / LINE_CELLS);
	unsigned int legend = TOP + PITCH * lines + LEGEND_LINE;
	unsigned int width = LEFT + PITCH * LINE_CELLS + SIDE;
	unsigned int height = legend + LEGEND_LINE * (SHADES + 1);
	char text[SIZE_TEXT_MAX];

	fprintf(file, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%u\" height=\"%u\" "
		"viewBox=\"0 0 %u %u\">\n", width, height, width, height);
	print_styles(file);
	fputs("<rect width=\"100%\" height=\"100%\" style=\"fill: white; stroke: none\"/>\n", file);
	fprintf(file, "<text x=\"%d\" y=\"22\">Pool %s: a square is %zu huge frame%s of %s; "
		"a line begins at the offset in the pool that stands before it.</text>\n",
		LEFT, pool, scale, scale == 1 ? "" : "s", size_format(map->huge_bytes, text));
	print_cells(map, scale, file);
	print_legend(map, scale, legend, file);
	fputs("</svg>\n", file);
}
