/* SPDX-License-Identifier: GPL-2.0-only */
/* What /proc/zoneinfo says about the memory that kernel allocations can use. */
#ifndef FRAMEPOOL_SELFTESTS_ZONES_H
#define FRAMEPOOL_SELFTESTS_ZONES_H

#include "common.h"

#define ZONES_OF_NODE	5

/**
 * struct zone - a zone of one node, in frames
 * @name: "DMA32", for example
 * @free: free frames
 * @file: frames of the page cache
 * @low: low watermark
 * @high: high watermark
 * @managed: all frames
 * @start: PFN of the first
 * @reserve: what allocations leave here that could use the first zone, the second, and so on
 */
struct zone {
	char name[16];
	long free;
	long file;
	long low;
	long high;
	long managed;
	unsigned long start;
	long reserve[ZONES_OF_NODE];
};

static inline void read_zone_line(const char *line, struct zone *zone)
{
	long number;

	if (sscanf(line, " pages free %ld", &number) == 1)
		zone->free = number;
	else if (sscanf(line, " nr_zone_active_file %ld", &number) == 1 ||
		 sscanf(line, " nr_zone_inactive_file %ld", &number) == 1)
		zone->file += number;
	else if (sscanf(line, " low %ld", &number) == 1)
		zone->low = number;
	else if (sscanf(line, " high %ld", &number) == 1 && !zone->high)
		zone->high = number;
	else if (sscanf(line, " managed %ld", &number) == 1)
		zone->managed = number;
	else if (sscanf(line, " start_pfn: %ld", &number) == 1)
		zone->start = number;
	else
		sscanf(line, " protection: (%ld, %ld, %ld, %ld, %ld", &zone->reserve[0],
		       &zone->reserve[1], &zone->reserve[2], &zone->reserve[3],
		       &zone->reserve[4]);
}

/* Reads the zones of all nodes; returns how many there are, at most @max. */
static inline int read_zones(struct zone *zones, int max)
{
	FILE *file = fopen("/proc/zoneinfo", "re");
	char line[256], name[16];
	int n = 0;

	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "Node %*d, zone %15s", name) == 1) {
			if (n == max)
				break;
			zones[n] = (struct zone){ 0 };
			strcpy(zones[n++].name, name);
		} else if (n) {
			read_zone_line(line, &zones[n - 1]);
		}
	}
	if (file)
		fclose(file);
	return n;
}

static inline bool is_for_kernel(const struct zone *zone)
{
	return !strncmp(zone->name, "DMA", 3) || !strcmp(zone->name, "Normal");
}

/* Bytes that kernel allocations can still get; *@all: of how many. */
static inline long usable_bytes(long *all)
{
	struct zone zones[64];
	int n = read_zones(zones, ARRAY_SIZE(zones)), i, normal = 0;
	long usable = 0, here;

	*all = 0;
	while (normal < n && strcmp(zones[normal].name, "Normal"))
		normal++;
	if (normal >= ZONES_OF_NODE)
		return 0;
	for (i = 0; i < n; i++) {
		const struct zone *zone = &zones[i];

		if (!is_for_kernel(zone))
			continue;
		here = zone->free + zone->file - zone->high - zone->reserve[normal];
		here -= zone->file / 2 < zone->low ? zone->file / 2 : zone->low;
		usable += here > 0 ? here : 0;
		*all += zone->managed;
	}
	*all *= FRAME;
	return usable * FRAME;
}

#endif
