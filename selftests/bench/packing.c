// SPDX-License-Identifier: GPL-2.0-only
/*
 * The suite "packing": how much of an empty pool can be used. Runs of one length, or of random
 * lengths, are allocated until the first one is refused. Of one length, the ceiling is what fits
 * side by side; of random lengths, it is the pool. Of random lengths, the least of all rounds
 * counts, which have different random numbers.
 */
#include "runs.h"
#include "scale.h"

#define RANDOM_LONGEST	(64 / HUGE_MIB)		/* huge frames */

/* The next length. @length 0: random. */
static u32 draw(u32 length, u64 *seed)
{
	return length ? length : 1 + bench_random(seed, RANDOM_LONGEST);
}

static u64 share(u64 part, u32 of)
{
	return part * 100000 / of;
}

/* Fills a pool and frees it again. Return: the share that was used. */
static u64 fill(struct runs *runs, u32 nr, u32 length, u64 seed)
{
	struct { u32 index; u32 nr; } *pieces = kvcalloc(nr, sizeof(*pieces), GFP_KERNEL);
	u32 got = 0, used = 0, next, index;

	while (pieces) {
		next = draw(length, &seed);
		index = runs_alloc(runs, next);
		if (index == RUNS_NONE)
			break;
		pieces[got].index = index;
		pieces[got++].nr = next;
		used += next;
	}
	while (got--)
		runs_free(runs, pieces[got].index, pieces[got].nr);
	kvfree(pieces);
	return share(used, nr);
}

static void emit(const char *what, u32 nr, struct bench_value ours, const char *peer, u64 theirs)
{
	struct bench_row row = {
		.suite = "packing", .threads = 1, .unit = "%", .ours = ours, .peer = peer,
		.theirs = { theirs, theirs, theirs },
	};
	char name[64], size[16];

	snprintf(name, sizeof(name), "%s in %s", what, scale_size(nr, size));
	row.name = name;
	bench_emit(&row);
}

static void pack(struct runs *runs, u32 nr, u32 mib)
{
	u32 length = mib / HUGE_MIB;
	struct bench_value used = {};
	char what[16];

	bench_note(&used, fill(runs, nr, length, 0));
	snprintf(what, sizeof(what), "%u MiB", mib);
	emit(what, nr, used, "ceiling", share(nr / length * length, nr));
}

/**
 * bench_packing() - measure how much of a pool can be used, and report
 * @config: the pool
 *
 * Return: 0, or -ENOMEM: there is too little memory to measure; nothing was reported.
 */
int bench_packing(const struct scale_config *config)
{
	static const u32 lengths[] = { 6, 10, 18, 24, 34, 66, 258 };
	struct runs *runs = runs_create(config->packed);
	struct bench_value used = {};
	u32 i;

	if (!runs)
		return -ENOMEM;
	for (i = 0; i < sizeof(lengths) / sizeof(*lengths); i++)
		pack(runs, config->packed, lengths[i]);
	for (i = 0; i < config->rounds; i++)
		bench_note(&used, fill(runs, config->packed, 0, SCALE_SEED + i));
	emit("random 2 to 64 MiB", config->packed, used, "pool", share(config->packed,
								       config->packed));
	runs_destroy(runs);
	return 0;
}
