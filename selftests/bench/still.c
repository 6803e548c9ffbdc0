// SPDX-License-Identifier: GPL-2.0-only
/*
 * The suite "scale", the longest time that a lock is held: nobody else gets on meanwhile, and no
 * softirq runs.
 *
 *  one run, free	a run that is all of the pool is freed; also how long that takes
 *  statistics, view	of a pool of which each huge frame is partly used
 *  refusal		of a small run for which there is no place in any of these
 *  clients ...		what a pool's workers do every now and then, of many clients, half of
 *			which keep a huge frame
 *
 * Also the size of the pool's metadata. The least of all rounds counts; of locks, see holds.c.
 */
#include "runs.h"
#include "scale.h"

enum still_case {
	FREE_TIME, FREE_HOLD, STATS_HOLD, VIEW_HOLD, REFUSAL_HOLD, METADATA, COLLECT_HOLD,
	CLEAR_HOLD, CROWD_STATS_HOLD, STILL_CASES,
};

/* Holds of locks, or another value. */
struct still {
	struct bench_value value;
	struct holds holds;
};

static const struct {
	const char *name;
	const char *unit;
} cases[STILL_CASES] = {
	[FREE_TIME] = { "in one run, free", "us" },
	[FREE_HOLD] = { "in one run, free, lock held", "us" },
	[STATS_HOLD] = { "all partly used, statistics, lock held", "us" },
	[VIEW_HOLD] = { "all partly used, view, lock held", "us" },
	[REFUSAL_HOLD] = { "all partly used, refusal, lock held", "us" },
	[METADATA] = { "metadata of a frame", "bytes" },
	[COLLECT_HOLD] = { "clients, collect, lock held", "us" },
	[CLEAR_HOLD] = { "clients, quarantine, lock held", "us" },
	[CROWD_STATS_HOLD] = { "clients, statistics, lock held", "us" },
};

/* Frees a run that is all of the pool. Return: false if there is no such run. */
static bool free_whole(struct runs *runs, u32 nr, struct still *results)
{
	u64 start;

	if (runs_alloc(runs, nr) == RUNS_NONE)
		return false;
	start = scale_now();
	runs_free(runs, 0, nr);
	bench_note(&results[FREE_TIME].value, scale_now() - start);
	if (runs_alloc(runs, nr) == RUNS_NONE)
		return false;
	holds_begin(&results[FREE_HOLD].holds);
	runs_free(runs, 0, nr);
	holds_end();
	return true;
}

static void look(struct runs *runs, struct still *results)
{
	holds_begin(&results[STATS_HOLD].holds);
	runs_read_stats(runs);
	holds_end();
	holds_begin(&results[VIEW_HOLD].holds);
	runs_read_view(runs);
	holds_end();
	holds_begin(&results[REFUSAL_HOLD].holds);
	runs_refuse(runs);
	holds_end();
}

static bool measure_runs(struct runs *runs, u32 nr, u32 rounds, struct still *results)
{
	u32 i;

	bench_note(&results[METADATA].value, runs_metadata(runs));
	for (i = 0; i < rounds; i++)
		if (!free_whole(runs, nr, results))
			return false;
	if (!runs_use_partly(runs))
		return false;
	for (i = 0; i < rounds; i++)
		look(runs, results);
	return true;
}

static int measure_pool(u32 nr, u32 rounds, struct still *results)
{
	struct runs *runs = runs_create(nr);
	bool done = runs && measure_runs(runs, nr, rounds, results);

	if (runs)
		runs_destroy(runs);
	return done ? 0 : -ENOMEM;
}

static bool work(struct crowd *crowd, struct still *results)
{
	if (!crowd_keep(crowd))
		return false;
	holds_begin(&results[CROWD_STATS_HOLD].holds);
	crowd_read_stats(crowd);
	holds_end();
	holds_begin(&results[COLLECT_HOLD].holds);
	crowd_collect(crowd);
	holds_end();
	holds_begin(&results[CLEAR_HOLD].holds);
	crowd_clear(crowd);
	holds_end();
	return true;
}

static int measure_crowd(u32 nr, u32 rounds, struct still *results)
{
	struct crowd *crowd = crowd_create(nr);
	bool done = crowd;

	while (done && rounds--)
		done = work(crowd, results);
	if (crowd)
		crowd_destroy(crowd);
	return done ? 0 : -ENOMEM;
}

static struct bench_value value_of(struct still *result)
{
	return result->holds.nr ? holds_longest(&result->holds) : result->value;
}

static void emit(u32 which, const char *ours, const char *theirs, struct still *large,
		 struct still *small)
{
	struct bench_row row = {
		.suite = "scale", .threads = 1, .unit = cases[which].unit,
		.ours = value_of(&large[which]), .peer = theirs,
		.theirs = value_of(&small[which]),
	};
	char name[80];

	snprintf(name, sizeof(name), "%s %s", ours, cases[which].name);
	row.name = name;
	bench_emit(&row);
}

static void emit_all(const struct scale_config *config, struct still *large, struct still *small)
{
	char ours[16], theirs[16];
	u32 i;

	scale_size(config->large, ours);
	scale_size(config->small, theirs);
	for (i = 0; i < COLLECT_HOLD; i++)
		emit(i, ours, theirs, large, small);
	snprintf(ours, sizeof(ours), "%u", config->clients);
	snprintf(theirs, sizeof(theirs), "%u", config->clients / 10);
	for (; i < STILL_CASES; i++)
		emit(i, ours, theirs, large, small);
}

/**
 * bench_still() - measure the longest times that locks are held, and report
 * @config: how long, the pools, and how many clients
 *
 * Return: 0, or -ENOMEM: there is too little memory to measure; nothing was reported.
 */
int bench_still(const struct scale_config *config)
{
	struct still large[STILL_CASES] = {}, small[STILL_CASES] = {};
	int ret = measure_pool(config->large, config->rounds, large) ?:
		  measure_pool(config->small, config->rounds, small) ?:
		  measure_crowd(config->clients, config->rounds, large) ?:
		  measure_crowd(config->clients / 10, config->rounds, small);

	if (!ret)
		emit_all(config, large, small);
	return ret;
}
