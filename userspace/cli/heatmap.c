// SPDX-License-Identifier: LGPL-2.1-or-later
/* The state of each huge frame of a pool, and what a cell of a drawing shows. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "heatmap.h"
#include "listing.h"

#define STATES	".0123456789#abcdefghijmqx"

/* The used share of a huge frame; a digit stands for the middle of its range. */
static double used_of(char state)
{
	if (state == '#' || state == 'm')
		return 1;
	if (state >= 'a' && state <= 'j')
		return (state - 'a' + 0.5) / 10;
	return state >= '0' && state <= '9' ? (state - '0' + 0.5) / 10 : 0;
}

/* Whether something in a huge frame is used, and does not move. */
static bool is_fixed(char state)
{
	return state == '#' || (state >= '0' && state <= '9');
}

int map_read(FILE *file, struct map *map)
{
	size_t size = 0, count = 0;
	ssize_t length;

	*map = (struct map){ .huge_bytes = map->huge_bytes };
	errno = EIO;	/* for an empty file */
	length = getdelim(&map->states, &size, '\0', file);
	if (length < 0) {
		int err = errno;

		map_free(map);
		errno = err;
		return -1;
	}
	for (ssize_t i = 0; i < length; i++)
		if (map->states[i] && strchr(STATES, map->states[i]))
			map->states[count++] = map->states[i];
	map->count = count;
	return 0;
}

/* Whether each extent begins where the one before ends, and the last ends with the map. */
static bool cover(const struct listing *list, size_t count)
{
	size_t end = 0;

	for (size_t i = 0; i < list->count; i++) {
		const struct listing_row *row = &list->rows[i];
		uint64_t huge_frames = listing_number(list, row, "huge_frames");

		if (listing_number(list, row, "first") != end || !huge_frames ||
		    huge_frames > count - end)
			return false;
		end += huge_frames;
	}
	return end == count;
}

int map_read_extents(FILE *file, struct map *map)
{
	struct listing list;

	if (listing_read(file, &list))
		return -1;
	if (cover(&list, map->count)) {
		map->firsts = calloc(list.count + 1, sizeof(*map->firsts));
		map->extents = map->firsts ? list.count : 0;
	} else {
		errno = ESTALE;
	}
	for (size_t i = 0; i < map->extents; i++)
		map->firsts[i] = listing_number(&list, &list.rows[i], "first");
	listing_free(&list);
	return map->firsts ? 0 : -1;
}

void map_free(struct map *map)
{
	free(map->states);
	free(map->firsts);
	*map = (struct map){ .huge_bytes = map->huge_bytes };
}

size_t map_extent_length(const struct map *map, size_t extent)
{
	size_t end = extent + 1 < map->extents ? map->firsts[extent + 1] : map->count;

	return end - map->firsts[extent];
}

size_t map_extent_at(const struct map *map, size_t index)
{
	size_t low = 0, high = map->extents;

	while (low + 1 < high) {
		size_t middle = low + (high - low) / 2;

		if (map->firsts[middle] <= index)
			low = middle;
		else
			high = middle;
	}
	return low;
}

double map_used(const struct map *map, size_t index)
{
	return used_of(map->states[index]);
}

bool map_is_cut(const struct map *map, size_t first, size_t count)
{
	size_t before = first ? map_extent_at(map, first - 1) : 0;

	return map_extent_at(map, first + count - 1) != before;
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
	size_t quarantined = 0, full = 0, fixed = 0;
	double used = 0;

	for (size_t i = first; i < first + count; i++) {
		char state = map->states[i];

		if (state == 'x')
			return SHADE_RETIRED;
		quarantined += state == 'q';
		full += state == '#' || state == 'm';
		fixed += is_fixed(state);
		used += used_of(state);
	}
	if (2 * quarantined > count)
		return SHADE_QUARANTINED;
	if (used > 0 && !fixed)
		return SHADE_MOVABLE;
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
		[SHADE_MOVABLE] = "used by what may move",
		[SHADE_QUARANTINED] = "in quarantine: not available yet",
		[SHADE_RETIRED] = "bad memory, out of use",
	};

	return words[shade];
}
