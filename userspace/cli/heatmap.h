/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The state of each huge frame of a pool, and what a cell of a drawing shows.
 *
 * The huge frames are in the order of their physical addresses. Neighbours in the map are
 * neighbours in memory only within an extent, so drawings mark where an extent ends.
 */
#ifndef FRAMEPOOL_CLI_HEATMAP_H
#define FRAMEPOOL_CLI_HEATMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* The state of a huge frame, and how a cell is drawn. */
enum shade {
	SHADE_FREE,
	SHADE_QUARTER,		/* partly used, at most a quarter */
	SHADE_HALF,
	SHADE_MOST,		/* more than half, but not all */
	SHADE_FULL,
	SHADE_MOVABLE,		/* partly or all used, and all of that may move */
	SHADE_QUARANTINED,
	SHADE_RETIRED,
	SHADES
};

/**
 * struct map - a snapshot
 * @states: a character for each huge frame, as in debugfs
 * @count: number of huge frames
 * @huge_bytes: size of a huge frame
 * @firsts: the first huge frame of each extent, in ascending order
 * @extents: number of extents
 */
struct map {
	char *states;
	size_t count;
	uint64_t huge_bytes;
	size_t *firsts;
	size_t extents;
};

/**
 * map_read - read the map
 * @file: the file "map" in debugfs
 * @map: set to the states; unknown states are left out; @huge_bytes is not changed
 *
 * Return: 0, or -1 with errno.
 */
int map_read(FILE *file, struct map *map);

/**
 * map_read_extents - read where the extents of the map begin
 * @file: the file "extents" in debugfs
 * @map: the map, from map_read(); the extents are added to it
 *
 * Return: 0, or -1 with errno; ESTALE: the extents are not those of this map.
 */
int map_read_extents(FILE *file, struct map *map);

/**
 * map_free - free what map_read() and map_read_extents() allocated
 * @map: the map
 */
void map_free(struct map *map);

/**
 * map_extent_length - the length of an extent
 * @map: the map
 * @extent: the extent's index
 *
 * Return: its huge frames.
 */
size_t map_extent_length(const struct map *map, size_t extent);

/**
 * map_extent_at - the extent that a huge frame belongs to
 * @map: the map
 * @index: the huge frame
 *
 * Return: the extent's index.
 */
size_t map_extent_at(const struct map *map, size_t index);

/**
 * map_used - which share of a huge frame is used
 * @map: the map
 * @index: the huge frame
 *
 * Return: the share; in the middle of the tenth that the map tells.
 */
double map_used(const struct map *map, size_t index);

/**
 * map_is_cut - whether an extent other than the first begins in a range
 * @map: the map
 * @first: the first huge frame of the range
 * @count: huge frames in the range, at least 1; all are in the map
 *
 * Return: whether one begins there.
 */
bool map_is_cut(const struct map *map, size_t first, size_t count);

/**
 * map_shade - how to draw some huge frames together
 * @map: the map
 * @first: the first huge frame
 * @count: how many, at least 1; all are in the map
 *
 * If one is retired, the shade is that of retired memory. If more than half are in quarantine, it
 * is that of quarantine. If all that is used may move, it is that of movable memory. Otherwise it
 * shows the used share.
 *
 * Return: the shade.
 */
enum shade map_shade(const struct map *map, size_t first, size_t count);

/**
 * map_count - count the huge frames of each shade
 * @map: the map
 * @counts: set to the numbers, by shade
 */
void map_count(const struct map *map, size_t counts[SHADES]);

/**
 * map_scale - the number of huge frames that a cell has to stand for
 * @map: the map
 * @cells: the greatest number of cells
 *
 * Return: the least power of two that suffices.
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
 * @file: where to write it
 */
void map_svg(const struct map *map, const char *pool, FILE *file);

#endif
