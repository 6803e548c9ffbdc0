/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The map of the pool that the command line names. */
#ifndef FRAMEPOOL_CLI_MAP_H
#define FRAMEPOOL_CLI_MAP_H

#include "cli.h"
#include "heatmap.h"

/**
 * map_load - read the map and its extents from debugfs
 * @cli: the options
 * @fp: a client of the pool
 * @map: set to the map, which map_free() frees in any case
 *
 * Return: EXIT_OK, or EXIT_FAILED after a message.
 */
int map_load(const struct cli *cli, const struct framepool *fp, struct map *map);

#endif
