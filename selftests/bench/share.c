// SPDX-License-Identifier: GPL-2.0-only
/*
 * The suite "share": what it costs to pass memory to others by a dma-buf.
 *
 *  export, close	allocate a piece, make a dma-buf of it, close and free both
 *  map and touch	map a dma-buf, and write a byte of each page
 *  attach, ...		what a driver does with a dma-buf (attach.c)
 *
 * The rounds of all sides take turns. The least of all rounds counts, also of the faults.
 */
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "guest.h"
#include "libframepool.h"

#define BYTES		(64 * MIB)
#define REPEATS		2000	/* as in the suite "ioctl" */
#define ATTACHED	200	/* how often a device is attached */
#define MODULE		"/framepool_bench.ko"
#define RESULTS		"/sys/kernel/debug/framepool_bench"

static const struct memory_side *const sides[] = {
	&memory_export, &memory_dma_heap, &memory_udmabuf,
};

#define SIDES	(sizeof(sides) / sizeof(*sides))

static void emit(const char *name, const char *unit, const struct bench_value *ours,
		 const char *peer, const struct bench_value *theirs)
{
	const struct bench_row row = {
		.suite = "share", .name = name, .threads = 1, .unit = unit, .ours = *ours,
		.peer = peer, .theirs = *theirs,
	};

	bench_emit(&row);
}

/**
 * struct turn - a side allocates and frees pieces
 * @side: the side
 * @bytes: of a piece
 */
struct turn {
	const struct memory_side *side;
	size_t bytes;
};

static void alloc_and_close(void *argument)
{
	const struct turn *turn = argument;
	struct memory memory = { .bytes = turn->bytes };
	u32 i;

	for (i = 0; i < REPEATS; i++) {
		turn->side->alloc(&memory);
		turn->side->free(&memory);
	}
}

static void bench_close(u32 rounds, const char *name, size_t bytes)
{
	struct bench_value values[2] = {};
	struct turn turn = { .bytes = bytes };
	u32 round, side;

	/* The first round does not count: dma-heap's memory was not used before. */
	for (round = 0; round <= rounds; round++)
		for (side = 0; side < 2; side++) {
			u64 busy;

			turn.side = sides[side];
			busy = busy_of(alloc_and_close, &turn);
			if (round)
				bench_note(&values[side], busy * 1000 / REPEATS);
		}
	emit(name, "insns", &values[0], sides[1]->name, &values[1]);
}

/**
 * struct mapping - a dma-buf that is mapped and touched
 * @memory: the dma-buf
 * @faults: how many that caused
 */
struct mapping {
	struct memory memory;
	u64 faults;
};

static u64 minor_faults(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_minflt;
}

static void map_and_touch(void *argument)
{
	struct mapping *mapping = argument;
	size_t length;
	u64 before;

	/* The first call may itself fault. */
	minor_faults();
	before = minor_faults();
	/* All sides get an address that is a multiple of a huge frame. */
	mapping->memory.p = framepool_dmabuf_map(mapping->memory.fd, &length);
	if (!mapping->memory.p)
		err(1, "mapping a dma-buf");
	memory_touch(&mapping->memory);
	mapping->faults = minor_faults() - before;
}

static void bench_map(u32 rounds)
{
	struct bench_value busy[SIDES] = {}, faults[SIDES] = {};
	u32 round, side;

	for (round = 0; round < rounds; round++)
		for (side = 0; side < SIDES; side++) {
			struct mapping mapping = { .memory = { .bytes = BYTES } };

			sides[side]->alloc(&mapping.memory);
			bench_note(&busy[side], busy_of(map_and_touch, &mapping) * 1000);
			bench_note(&faults[side], mapping.faults * 1000);
			memory_unmap(&mapping.memory);
			sides[side]->free(&mapping.memory);
		}
	for (side = 1; side < SIDES; side++)
		emit("map and touch 64 MiB", "insns", &busy[0], sides[side]->name, &busy[side]);
	for (side = 1; side < SIDES; side++)
		emit("map and touch 64 MiB, faults", "faults", &faults[0], sides[side]->name,
		     &faults[side]);
}

/* The module measures while it is loaded, and leaves its results in a file. */
static void measure_in_kernel(u32 rounds, int ours, const char *peer, int theirs)
{
	char parameters[128], text[4096];
	int fd = open(MODULE, O_RDONLY | O_CLOEXEC);
	ssize_t length;

	snprintf(parameters, sizeof(parameters),
		 "suite=share unit=insns rounds=%u repeats=%u ours=%d peer=%s theirs=%d", rounds,
		 ATTACHED, ours, peer, theirs);
	if (fd < 0 || syscall(SYS_finit_module, fd, parameters, 0))
		err(1, MODULE);
	close(fd);
	fd = open(RESULTS, O_RDONLY | O_CLOEXEC);
	length = read(fd, text, sizeof(text));
	if (length <= 0)
		err(1, RESULTS);
	fflush(stdout);
	if (write(1, text, length) != length)
		err(1, "results");
	close(fd);
	if (syscall(SYS_delete_module, "framepool_bench", O_NONBLOCK))
		err(1, "unloading " MODULE);
}

static void bench_attach(u32 rounds)
{
	struct memory ours = { .bytes = BYTES }, theirs = { .bytes = BYTES };
	u32 side;

	sides[0]->alloc(&ours);
	for (side = 1; side < SIDES; side++) {
		sides[side]->alloc(&theirs);
		measure_in_kernel(rounds, ours.fd, sides[side]->name, theirs.fd);
		sides[side]->free(&theirs);
	}
	sides[0]->free(&ours);
}

/**
 * bench_share() - measure dma-bufs, and report
 * @rounds: of each case and side
 */
void bench_share(u32 rounds)
{
	bench_close(rounds, "2 MiB clean, export, close", 2 * MIB);
	bench_close(rounds, "4 KiB clean, export, close", 4 * KIB);
	bench_map(rounds);
	bench_attach(rounds);
}
