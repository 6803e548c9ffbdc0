// SPDX-License-Identifier: LGPL-2.1-or-later
/* Successive snapshots, and what happened between them. */
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "sample.h"

int sample_take(const struct framepool *fp, struct sample *sample)
{
	sample->stats = pool_stats(fp);
	sample->seconds = clock_now();
	return sample->stats ? EXIT_OK : EXIT_FAILED;
}

static uint64_t fails(const struct framepool_stats *stats)
{
	return framepool_stats_fail_nomem(stats) + framepool_stats_fail_nospace(stats) +
	       framepool_stats_fail_quota(stats);
}

static uint64_t refused(const struct framepool_stats *stats)
{
	return framepool_stats_moves_refused_pinned(stats) +
	       framepool_stats_moves_refused_referenced(stats) +
	       framepool_stats_moves_refused_bad(stats) +
	       framepool_stats_moves_refused_no_room(stats);
}

struct rates sample_rates(const struct sample *old, const struct sample *new)
{
	double seconds = new->seconds - old->seconds;
	uint64_t allocs = framepool_stats_allocs(new->stats) - framepool_stats_allocs(old->stats);
	uint64_t frees = framepool_stats_frees(new->stats) - framepool_stats_frees(old->stats);
	uint64_t moves = framepool_stats_moves(new->stats) - framepool_stats_moves(old->stats);
	uint64_t moved_bytes = framepool_stats_moved_bytes(new->stats) -
			       framepool_stats_moved_bytes(old->stats);

	if (seconds <= 0)
		return (struct rates){ .allocs = 0 };
	return (struct rates){
		.allocs = (double)allocs / seconds,
		.frees = (double)frees / seconds,
		.fails = (double)(fails(new->stats) - fails(old->stats)) / seconds,
		.moves = (double)moves / seconds,
		.moved_bytes = (double)moved_bytes / seconds,
		.refused = (double)(refused(new->stats) - refused(old->stats)) / seconds,
	};
}

void sample_free(struct sample *sample)
{
	framepool_stats_free(sample->stats);
	sample->stats = NULL;
}

int interval_parse(const char *text, double *seconds)
{
	char *end;

	*seconds = strtod(text, &end);
	if (end == text || strspn(text, "0123456789.") != strlen(text) || *end ||
	    !(*seconds >= 0.1 && *seconds <= 3600))
		return fail_usage("--interval: '%s' is not a number of seconds from 0.1 to 3600",
				  text);
	return EXIT_OK;
}
