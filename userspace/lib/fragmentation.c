// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The two fragmentation indices that the kernel shows for its own memory (extfrag/unusable_index
 * and extfrag/extfrag_index), computed for a pool.
 */
#include "internal.h"

struct free_memory {
	uint64_t frames;
	uint64_t blocks;
	uint64_t usable_frames;		/* in blocks that are large enough for the request */
};

static struct free_memory sum_free(const struct framepool_stats *stats, unsigned int request)
{
	struct free_memory sum = { 0 };

	for (unsigned int order = 0; order < stats->raw.orders; order++) {
		uint64_t blocks = stats->raw.free_blocks[order];

		sum.blocks += blocks;
		sum.frames += blocks << order;
		if (order >= request)
			sum.usable_frames += blocks << order;
	}
	return sum;
}

int framepool_stats_unusable_index(const struct framepool_stats *stats, unsigned int order)
{
	struct free_memory sum = sum_free(stats, order);

	if (!sum.frames)
		return 1000;
	return (int)((sum.frames - sum.usable_frames) * 1000 / sum.frames);
}

/*
 * The kernel's formula, with its two roundings. The more free blocks there are, compared with the
 * number of requests that the free memory would be enough for, the more it blames fragmentation.
 */
int framepool_stats_external_index(const struct framepool_stats *stats, unsigned int order)
{
	struct free_memory sum = sum_free(stats, order);
	uint64_t requests;

	if (!sum.blocks)
		return 0;
	if (sum.usable_frames)
		return -1000;
	requests = order < 64 ? sum.frames * 1000 >> order : 0;
	return 1000 - (int)((1000 + requests) / sum.blocks);
}
