// SPDX-License-Identifier: GPL-2.0-only
/*
 * The suite "ioctl": what it costs a program to allocate and free memory. Each case repeats one
 * turn:
 *
 *  clean	allocate a piece of memory and free it. Nobody touches it, except if there is no
 *		memory before (mmap).
 *  mapped	allocate a piece, map it, write a byte of each page, unmap it, free it.
 *  clearing	the same, without the program's time from before it is mapped until after it is
 *		unmapped. If allocating is mapping (mmap), nothing is left out.
 *  batch 64	allocate 64 pieces and free them, with one call each if there is such a call. The
 *		result is per piece.
 *
 * First, each side does a round that does not count, so that later rounds get memory that was used
 * before. Then the rounds of all sides take turns. The least of all rounds counts.
 */
#include "guest.h"

#define BATCH	64

/**
 * struct turn - a case
 * @name: as the results name it
 * @run: does all turns of a round; its argument is a struct load
 * @bytes: of a piece
 * @repeats: number of pieces in a round
 * @touched: each piece is mapped, written to and unmapped
 * @apart: the time that takes is left out
 */
struct turn {
	const char *name;
	void (*run)(void *argument);
	size_t bytes;
	u32 repeats;
	bool touched;
	bool apart;
};

static const struct memory_side *const sides[] = { &memory_pool, &memory_dma_heap, &memory_mmap };

#define SIDES	(sizeof(sides) / sizeof(*sides))

/**
 * struct load - a case of one side
 * @side: the side
 * @turn: the case
 * @apart: nanoseconds to be left out, of the current round
 * @clock: nanoseconds that it takes to read the clock
 */
struct load {
	const struct memory_side *side;
	const struct turn *turn;
	u64 apart;
	u64 clock;
};

static void touch(struct memory *memory)
{
	memory_map(memory);
	memory_touch(memory);
	memory_unmap(memory);
}

/* Reads the clock twice. One reading lies within the interval. The other is added to it. */
static void touch_apart(struct load *load, struct memory *memory)
{
	u64 before = busy_self();

	touch(memory);
	load->apart += busy_self() - before + load->clock;
}

static void run_turns(void *argument)
{
	struct load *load = argument;
	const struct memory_side *side = load->side;
	struct memory memory = { .bytes = load->turn->bytes };
	u32 i;

	for (i = 0; i < load->turn->repeats; i++) {
		side->alloc(&memory);
		if (load->turn->apart && !side->lazy)
			touch_apart(load, &memory);
		else if (load->turn->touched || side->lazy)
			touch(&memory);
		side->free(&memory);
	}
}

static void run_batch(const struct load *load, struct memory *memories)
{
	u32 i;

	if (load->side == &memory_pool) {
		memory_pool_alloc_batch(memories, BATCH);
		memory_pool_free_batch(memories, BATCH);
		return;
	}
	for (i = 0; i < BATCH; i++) {
		load->side->alloc(&memories[i]);
		if (load->side->lazy) {
			memory_map(&memories[i]);
			memory_touch(&memories[i]);
		}
	}
	for (i = 0; i < BATCH; i++) {
		if (load->side->lazy)
			memory_unmap(&memories[i]);
		load->side->free(&memories[i]);
	}
}

static void run_batches(void *argument)
{
	const struct load *load = argument;
	struct memory memories[BATCH];
	u32 i;

	for (i = 0; i < BATCH; i++)
		memories[i].bytes = load->turn->bytes;
	for (i = 0; i < load->turn->repeats; i += BATCH)
		run_batch(load, memories);
}

static const struct turn turns[] = {
	{ "4 KiB clean", run_turns, 4 * KIB, 2000, .touched = false },
	{ "4 KiB clearing", run_turns, 4 * KIB, 2000, .touched = true, .apart = true },
	{ "4 KiB mapped", run_turns, 4 * KIB, 2000, .touched = true },
	{ "2 MiB clean", run_turns, 2 * MIB, 50, .touched = false },
	{ "2 MiB clearing", run_turns, 2 * MIB, 50, .touched = true, .apart = true },
	{ "2 MiB mapped", run_turns, 2 * MIB, 50, .touched = true },
	{ "4 KiB batch 64", run_batches, 4 * KIB, 32 * BATCH, .touched = false },
};

#define TURNS	(sizeof(turns) / sizeof(*turns))
#define SINGLES	0
#define BATCHES	(TURNS - 1)

static u64 price_of_clock(void)
{
	u64 price = U64_MAX, before;
	u32 i;

	for (i = 0; i < 100; i++) {
		before = busy_self();
		price = min(price, busy_self() - before);
	}
	return price;
}

/* Gets ready for rounds, and does one. */
static void begin(struct load *load, const struct memory_side *side, const struct turn *turn)
{
	*load = (struct load){ .side = side, .turn = turn };
	load->clock = price_of_clock();
	turn->run(load);
}

/* Return: what a turn costs, in thousandths. */
static u64 cost(struct load *load)
{
	u64 busy;

	load->apart = 0;
	busy = busy_of(load->turn->run, load);
	return (busy - min(busy, load->apart)) * 1000 / load->turn->repeats;
}

static void measure(const struct turn *turn, u32 rounds, struct bench_value values[SIDES])
{
	struct load loads[SIDES];
	u32 round, side;

	for (side = 0; side < SIDES; side++)
		begin(&loads[side], sides[side], turn);
	for (round = 0; round < rounds; round++)
		for (side = 0; side < SIDES; side++)
			bench_note(&values[side], cost(&loads[side]));
}

static void emit(const struct turn *turn, const struct bench_value *ours, const char *peer,
		 const struct bench_value *theirs)
{
	const struct bench_row row = {
		.suite = "ioctl", .name = turn->name, .threads = 1, .unit = "insns", .ours = *ours,
		.peer = peer,
		.theirs = *theirs,
	};

	bench_emit(&row);
}

/**
 * bench_calls() - measure allocating and freeing, and report
 * @rounds: of each case and side
 */
void bench_calls(u32 rounds)
{
	struct bench_value values[TURNS][SIDES] = {};
	u32 turn, side;

	for (turn = 0; turn < TURNS; turn++) {
		memory_pool_open();
		measure(&turns[turn], rounds, values[turn]);
		for (side = 1; side < SIDES; side++)
			emit(&turns[turn], &values[turn][0], sides[side]->name,
			     &values[turn][side]);
	}
	emit(&turns[BATCHES], &values[BATCHES][0], "single", &values[SINGLES][0]);
}
