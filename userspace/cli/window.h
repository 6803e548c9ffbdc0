/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which place for a run has the least in its way that would not move. */
#ifndef FRAMEPOOL_CLI_WINDOW_H
#define FRAMEPOOL_CLI_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

#include "heatmap.h"
#include "obstacle.h"

/**
 * struct window - a place for a run
 * @first: the first huge frame
 * @count: huge frames
 * @stays: bytes in it that would not move
 * @moves: bytes in it that would move, to a tenth of a huge frame each
 */
struct window {
	size_t first;
	size_t count;
	uint64_t stays;
	uint64_t moves;
};

/**
 * window_find - choose a place
 * @map: the map, with its extents
 * @list: the obstacles of the same pool
 * @window: @count is the length of the run; the rest is set. Of places with as little that stays,
 *          it is that with the least that moves; of these the first
 *
 * Return: 0, or -1 with errno ENOMEM, or ERANGE: no extent is that long.
 */
int window_find(const struct map *map, const struct obstacle_list *list, struct window *window);

/**
 * window_has - whether a part of an obstacle lies in a place
 * @map: the map
 * @window: the place
 * @obstacle: the obstacle
 *
 * Return: whether it does.
 */
bool window_has(const struct map *map, const struct window *window,
		const struct obstacle *obstacle);

#endif
