/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A pool huge frame by huge frame, and what a cell of a drawing of it shows. */
#ifndef FRAMEPOOL_CLI_HEATMAP_H
#define FRAMEPOOL_CLI_HEATMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* What a huge frame is, and what a cell is drawn as. */
enum shade {
	SHADE_FREE,
	SHADE_QUARTER,		/* partly used, at most a quarter */
	SHADE_HALF,
	SHADE_MOST,		/* more than half, but not all */
	SHADE_FULL,
	SHADE_QUARANTINED,
	SHADE_RETIRED,
	SHADES
};

/**
 * struct map - a snapshot
 * @states: a character for each huge frame, as in debugfs
 * @count: how many
 * @huge_bytes: size of a huge frame
 */
struct map {
	char *states;
	size_t count;
	uint64_t huge_bytes;
};

/**
 * map_read - read the map
 * @file: the file in debugfs
 * @map: set to what it says but for @huge_bytes; states that are not known are left out
 *
 * Return: 0, or -1 with errno.
 */
int map_read(FILE *file, struct map *map);

/**
 * map_free - free what map_read() allocated
 * @map: the map
 */
void map_free(struct map *map);

/**
 * map_shade - what some huge frames together look like
 * @map: the map
 * @first: the first
 * @count: how many, at least 1; all are in the map
 *
 * A retired one always shows. Otherwise what is in quarantine shows if it is more than half, and else
 * how much is used.
 *
 * Return: the shade.
 */
enum shade map_shade(const struct map *map, size_t first, size_t count);

/**
 * map_count - how many huge frames are of a shade
 * @map: the map
 * @counts: by shade
 */
void map_count(const struct map *map, size_t counts[SHADES]);

/**
 * map_scale - how many huge frames a cell has to stand for
 * @map: the map
 * @cells: how many cells there may be at most
 *
 * Return: the least power of two that is enough.
 */
size_t map_scale(const struct map *map, size_t cells);

/**
 * map_legend - a shade in words
 * @shade: the shade
 *
 * Return: the words.
 */
const char *map_legend(enum shade shade);

/**
 * map_print - draw a map as text
 * @map: the map
 * @ascii: without block characters
 * @colour: with colours
 * @columns: how wide a line may be
 */
void map_print(const struct map *map, bool ascii, bool colour, unsigned int columns);

/**
 * map_svg - draw a map as SVG
 * @map: the map
 * @pool: the name of the pool
 * @file: where it goes
 */
void map_svg(const struct map *map, const char *pool, FILE *file);

#endif
