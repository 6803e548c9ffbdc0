// SPDX-License-Identifier: LGPL-2.1-or-later
/* A pool huge frame by huge frame, and what a cell of a drawing of it shows. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "heatmap.h"

#define STATES	".0123456789#qx"

/* Tenths of a huge frame that are used; a digit stands for the middle of what it covers. */
static double used_of(char state)
{
	if (state == '#')
		return 1;
	return state >= '0' && state <= '9' ? (state - '0' + 0.5) / 10 : 0;
}

int map_read(FILE *file, struct map *map)
{
	size_t size = 0, count = 0;
	ssize_t length;

	map->states = NULL;
	length = getdelim(&map->states, &size, '\0', file);
	if (length < 0) {
		map_free(map);
		errno = errno ? errno : EIO;
		return -1;
	}
	for (ssize_t i = 0; i < length; i++)
		if (map->states[i] && strchr(STATES, map->states[i]))
			map->states[count++] = map->states[i];
	map->count = count;
	return 0;
}

void map_free(struct map *map)
{
	free(map->states);
	map->states = NULL;
	map->count = 0;
}

static enum shade shade_of_share(double used, bool all)
{
	if (all)
		return SHADE_FULL;
	if (used <= 0)
		return SHADE_FREE;
	if (used <= 0.25)
		return SHADE_QUARTER;
	return used <= 0.5 ? SHADE_HALF : SHADE_MOST;
}

enum shade map_shade(const struct map *map, size_t first, size_t count)
{
	size_t quarantined = 0, full = 0;
	double used = 0;

	for (size_t i = first; i < first + count; i++) {
		char state = map->states[i];

		if (state == 'x')
			return SHADE_RETIRED;
		quarantined += state == 'q';
		full += state == '#';
		used += used_of(state);
	}
	if (2 * quarantined > count)
		return SHADE_QUARANTINED;
	return shade_of_share(used / (double)count, full == count);
}

void map_count(const struct map *map, size_t counts[SHADES])
{
	memset(counts, 0, SHADES * sizeof(*counts));
	for (size_t i = 0; i < map->count; i++)
		counts[map_shade(map, i, 1)]++;
}

size_t map_scale(const struct map *map, size_t cells)
{
	size_t scale = 1;

	while ((map->count + scale - 1) / scale > cells)
		scale *= 2;
	return scale;
}

const char *map_legend(enum shade shade)
{
	static const char * const words[SHADES] = {
		[SHADE_FREE] = "free",
		[SHADE_QUARTER] = "up to a quarter used",
		[SHADE_HALF] = "up to half used",
		[SHADE_MOST] = "more than half used",
		[SHADE_FULL] = "all used",
		[SHADE_QUARANTINED] = "waiting to be cleared or let go",
		[SHADE_RETIRED] = "bad memory, out of use",
	};

	return words[shade];
}
