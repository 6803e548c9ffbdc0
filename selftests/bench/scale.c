// SPDX-License-Identifier: GPL-2.0-only
/*
 * The suite "scale", runs of mixed lengths: what an allocation costs in a large pool that is almost
 * full, against a small one.
 *
 * Runs of random lengths fill 90 % of the pool. Then come pairs: a random run is freed, and one of
 * random length allocated; if that is refused, one of the length that was freed. A round consists
 * of as many pairs three times over: they are not measured, measured together, and measured one by
 * one.
 *
 * Each round begins with a new pool and the same random numbers, so it does exactly what the others
 * do. The least mean of all rounds counts. Of each single operation, the least time of all rounds
 * counts, and of these the greatest is the worst: what disturbs the program takes longer in one
 * round, what an operation itself costs in each.
 */
#include "runs.h"
#include "scale.h"

#define LONGEST	(16 / HUGE_MIB)		/* huge frames */

struct piece {
	u32 index;
	u32 nr;
};

/**
 * struct mix - a pool that is almost full
 * @runs: the pool
 * @seed: of the random numbers
 * @nr: of @pieces
 * @nr_refused: random lengths that were refused
 * @pieces: what is allocated
 */
struct mix {
	struct runs *runs;
	u64 seed;
	u32 nr;
	u32 nr_refused;
	struct piece *pieces;
};

/**
 * struct mixed - results of one pool
 * @nr: its size in huge frames
 * @mean: of a pair
 * @refused: share of the allocations
 * @least: least time of each operation, of all rounds
 */
struct mixed {
	u32 nr;
	struct bench_value mean;
	struct bench_value refused;
	u64 *least;
};

static bool add(struct mix *mix, u32 nr)
{
	struct piece piece = { .index = runs_alloc(mix->runs, nr), .nr = nr };

	if (piece.index == RUNS_NONE)
		return false;
	mix->pieces[mix->nr++] = piece;
	return true;
}

static u32 draw(struct mix *mix)
{
	return 1 + bench_random(&mix->seed, LONGEST);
}

/* Returns the length of what was freed. */
static u32 drop(struct mix *mix)
{
	u32 at = bench_random(&mix->seed, mix->nr);
	struct piece piece = mix->pieces[at];

	mix->pieces[at] = mix->pieces[--mix->nr];
	runs_free(mix->runs, piece.index, piece.nr);
	return piece.nr;
}

/* Allocates a run of random length; if it is refused, one of the length that was just freed. */
static void replace(struct mix *mix, u32 freed)
{
	if (add(mix, draw(mix)))
		return;
	mix->nr_refused++;
	add(mix, freed);
}

static void run_pairs(struct mix *mix, u32 nr)
{
	while (nr--)
		replace(mix, drop(mix));
}

static void note_least(u64 *least, u64 time)
{
	*least = *least ? min(*least, time) : time;
}

static void run_single(struct mix *mix, u32 nr, u64 *least)
{
	u64 start, middle;
	u32 freed;

	for (; nr--; least += 2) {
		start = scale_now();
		freed = drop(mix);
		middle = scale_now();
		replace(mix, freed);
		note_least(&least[0], middle - start);
		note_least(&least[1], scale_now() - middle);
	}
}

static void fill(struct mix *mix, u32 nr)
{
	u32 used = 0, next;

	while (used < nr) {
		next = draw(mix);
		if (!add(mix, next))
			return;
		used += next;
	}
}

static bool mix_init(struct mix *mix, u32 nr)
{
	*mix = (struct mix){
		.runs = runs_create(nr), .seed = SCALE_SEED,
		.pieces = kvcalloc(nr, sizeof(*mix->pieces), GFP_KERNEL),
	};
	if (!mix->runs || !mix->pieces)
		return false;
	fill(mix, nr / 10 * 9);
	return true;
}

static void mix_fini(struct mix *mix)
{
	while (mix->nr)
		drop(mix);
	if (mix->runs)
		runs_destroy(mix->runs);
	kvfree(mix->pieces);
}

static int run_round(struct mixed *mixed, u32 pairs)
{
	struct mix mix;
	int ret = mix_init(&mix, mixed->nr) ? 0 : -ENOMEM;
	u64 start;

	if (!ret) {
		run_pairs(&mix, pairs);
		mix.nr_refused = 0;
		start = scale_now();
		run_pairs(&mix, pairs);
		bench_note(&mixed->mean, (scale_now() - start) * 1000 / pairs);
		run_single(&mix, pairs, mixed->least);
		bench_note(&mixed->refused, mix.nr_refused * 100000ULL / (2 * pairs));
	}
	mix_fini(&mix);
	return ret;
}

static struct bench_value worst_of(const struct mixed *mixed, u32 pairs)
{
	u64 worst = 0;
	u32 i;

	for (i = 0; i < 2 * pairs; i++)
		worst = max(worst, mixed->least[i]);
	return (struct bench_value){ worst, worst, worst };
}

static void emit(const struct mixed *large, const struct mixed *small, const char *what,
		 const char *unit, struct bench_value ours, struct bench_value theirs)
{
	struct bench_row row = {
		.suite = "scale", .threads = 1, .unit = unit, .ours = ours, .theirs = theirs,
	};
	char size[16], peer[16], name[80];

	snprintf(name, sizeof(name), "%s mixed 2 to 16 MiB, 90 %% full%s",
		 scale_size(large->nr, size), what);
	row.name = name;
	row.peer = scale_size(small->nr, peer);
	bench_emit(&row);
}

/**
 * bench_mixed() - measure runs of mixed lengths in a large and a small pool, and report
 * @config: how long, and the pools
 *
 * Return: 0, or -ENOMEM: there is too little memory to measure; nothing was reported.
 */
int bench_mixed(const struct scale_config *config)
{
	struct mixed large = { .nr = config->large }, small = { .nr = config->small };
	u32 i;
	int ret = -ENOMEM;

	large.least = kvcalloc(2 * config->pairs, sizeof(u64), GFP_KERNEL);
	small.least = kvcalloc(2 * config->pairs, sizeof(u64), GFP_KERNEL);
	if (large.least && small.least)
		ret = 0;
	for (i = 0; !ret && i < config->rounds; i++)
		ret = run_round(&large, config->pairs) ?: run_round(&small, config->pairs);
	if (!ret) {
		emit(&large, &small, "", "ns", large.mean, small.mean);
		/* Nanoseconds are thousandths of microseconds. */
		emit(&large, &small, ", worst", "us", worst_of(&large, config->pairs),
		     worst_of(&small, config->pairs));
		emit(&large, &small, ", refused", "%", large.refused, small.refused);
	}
	kvfree(small.least);
	kvfree(large.least);
	return ret;
}
