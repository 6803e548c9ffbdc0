// SPDX-License-Identifier: GPL-2.0-only
/* The benchmarks as a program in the lab's guest. Prints a line for each result (see emit.c). */
#include "guest.h"
#include "objects.h"

static void bench_caches(u32 rounds)
{
	const struct bench_config config = {
		.rounds = rounds, .repeats = 2000, .bulk = 8192,
		.frames = 128 * MIB / BENCH_FRAME_BYTES,
		.unit = "insns", .objects = "objects",
	};
	struct framepool *fp = framepool_open(NULL);

	if (!fp)
		err(1, "framepool_open");
	bench_objects_memory(fp);
	if (bench_objects(&config, fp))
		errx(1, "not enough memory for objects");
	framepool_close(fp);
}

int main(int argc, char **argv)
{
	u32 rounds = argc == 2 || argc == 3 ? atoi(argv[1]) : 0;
	const char *suite = argc == 3 ? argv[2] : "";

	if (!rounds) {
		fprintf(stderr, "usage: bench_guest ROUNDS [SUITE]\n");
		return 2;
	}
	/* It needs two processors, the others have one. */
	if (!strcmp(suite, "reader")) {
		bench_reader(rounds);
		return 0;
	}
	/* Likewise. */
	if (!strcmp(suite, "move")) {
		bench_writer(rounds);
		bench_compaction(rounds);
		return 0;
	}
	memory_init();
	/* It needs a device. */
	if (!strcmp(suite, "vfio")) {
		bench_vfio(rounds);
		return 0;
	}
	if (!*suite || !strcmp(suite, "ioctl"))
		bench_calls(rounds);
	if (!*suite || !strcmp(suite, "fault"))
		bench_touch(rounds);
	if (!*suite || !strcmp(suite, "share"))
		bench_share(rounds);
	if (!*suite || !strcmp(suite, "objects"))
		bench_caches(rounds);
	return 0;
}
