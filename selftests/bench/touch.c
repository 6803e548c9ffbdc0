// SPDX-License-Identifier: GPL-2.0-only
/*
 * The suite "fault": what the first touch of 64 MiB costs.
 *
 *  first touch ... clean	write a byte of each page of a piece that is already mapped
 *  alloc, touch, free ...	allocate a piece, map it, write to each page, unmap it, free it
 *
 * The rounds of all sides take turns. The least of all rounds counts, also of the faults.
 */
#include <sys/resource.h>

#include "guest.h"

#define BYTES	(64 * MIB)
#define REPEATS	4

enum { FIRST_TOUCH, FIRST_FAULTS, WHOLE_LIFE, CASES };

static const char *const case_names[CASES] = {
	[FIRST_TOUCH] = "first touch 64 MiB clean",
	[FIRST_FAULTS] = "first touch 64 MiB clean, faults",
	[WHOLE_LIFE] = "alloc, touch, free 64 MiB, clearing included",
};

static const struct memory_side *const sides[] = {
	&memory_pool, &memory_thp, &memory_hugetlbfs, &memory_memfd,
};

#define SIDES	(sizeof(sides) / sizeof(*sides))

struct touching {
	struct memory memory;
	u64 faults;
};

static u64 minor_faults(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_minflt;
}

static void touch(void *argument)
{
	struct touching *touching = argument;
	u64 before;

	/* The first call may itself fault. */
	minor_faults();
	before = minor_faults();
	memory_touch(&touching->memory);
	touching->faults = minor_faults() - before;
}

static void first_touch(const struct memory_side *side, struct bench_value values[CASES])
{
	struct touching touching = { .memory = { .bytes = BYTES } };

	side->alloc(&touching.memory);
	memory_map(&touching.memory);
	bench_note(&values[FIRST_TOUCH], busy_of(touch, &touching) * 1000);
	bench_note(&values[FIRST_FAULTS], touching.faults * 1000);
	memory_unmap(&touching.memory);
	side->free(&touching.memory);
}

static void live(void *argument)
{
	const struct memory_side *side = argument;
	struct memory memory = { .bytes = BYTES };
	u32 i;

	for (i = 0; i < REPEATS; i++) {
		side->alloc(&memory);
		memory_map(&memory);
		memory_touch(&memory);
		memory_unmap(&memory);
		side->free(&memory);
	}
}

static void emit(u32 which, const struct bench_value *ours, const char *peer,
		 const struct bench_value *theirs)
{
	const struct bench_row row = {
		.suite = "fault", .name = case_names[which], .threads = 1,
		.unit = which == FIRST_FAULTS ? "faults" : "insns", .ours = *ours, .peer = peer,
		.theirs = *theirs,
	};

	bench_emit(&row);
}

/**
 * bench_touch() - measure first touches, and report
 * @rounds: of each case and side
 */
void bench_touch(u32 rounds)
{
	struct bench_value values[SIDES][CASES] = {};
	u32 round, side, which;

	for (round = 0; round < rounds; round++)
		for (side = 0; side < SIDES; side++) {
			first_touch(sides[side], values[side]);
			bench_note(&values[side][WHOLE_LIFE],
				   busy_of(live, (void *)sides[side]) * 1000 / REPEATS);
		}
	for (which = 0; which < CASES; which++)
		for (side = 1; side < SIDES; side++)
			emit(which, &values[0][which], sides[side]->name, &values[side][which]);
}
