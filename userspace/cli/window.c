// SPDX-License-Identifier: LGPL-2.1-or-later
/* Which place for a run has the least in its way that would not move. */
#include <errno.h>
#include <stdlib.h>

#include "window.h"

/* What lies in a huge frame, in bytes. */
struct load {
	uint64_t used;
	uint64_t stays;
};

static uint64_t min(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static void add_obstacle(const struct map *map, const struct obstacle *obstacle,
			 struct load *loads)
{
	uint64_t at = obstacle->offset, left = obstacle->length, part;

	for (; left && at / map->huge_bytes < map->count; at += part, left -= part) {
		part = min(left, map->huge_bytes - at % map->huge_bytes);
		loads[at / map->huge_bytes].stays += part;
	}
}

static void add_used(const struct map *map, struct load *loads)
{
	for (size_t i = 0; i < map->count; i++)
		loads[i].used = (uint64_t)(map_used(map, i) * (double)map->huge_bytes);
}

static uint64_t moves(const struct load *load)
{
	return load->used > load->stays ? load->used - load->stays : 0;
}

/* Tries each place in an extent, from the first on. */
static void slide(const struct map *map, size_t extent, const struct load *loads,
		  struct window *best)
{
	size_t begin = map->firsts[extent], end = begin + map_extent_length(map, extent);
	struct window at = { .first = begin, .count = best->count };

	for (size_t i = begin; i < end; i++) {
		at.stays += loads[i].stays;
		at.moves += moves(&loads[i]);
		if (i - begin + 1 < at.count)
			continue;
		at.first = i + 1 - at.count;
		if (best->first == SIZE_MAX || at.stays < best->stays ||
		    (at.stays == best->stays && at.moves < best->moves))
			*best = at;
		at.stays -= loads[at.first].stays;
		at.moves -= moves(&loads[at.first]);
	}
}

int window_find(const struct map *map, const struct obstacle_list *list, struct window *window)
{
	struct load *loads = calloc(map->count + 1, sizeof(*loads));

	if (!loads)
		return -1;
	add_used(map, loads);
	for (size_t i = 0; i < list->count; i++)
		add_obstacle(map, &list->at[i], loads);
	*window = (struct window){ .first = SIZE_MAX, .count = window->count };
	for (size_t i = 0; i < map->extents; i++)
		slide(map, i, loads, window);
	free(loads);
	if (window->first != SIZE_MAX)
		return 0;
	errno = ERANGE;
	return -1;
}

bool window_has(const struct map *map, const struct window *window,
		const struct obstacle *obstacle)
{
	uint64_t begin = window->first * map->huge_bytes;
	uint64_t end = begin + window->count * map->huge_bytes;

	return obstacle->offset < end && obstacle->offset + obstacle->length > begin;
}
