// SPDX-License-Identifier: GPL-2.0-only
/* The benchmarks as a program in the lab's guest. Prints a line for each result (see emit.c). */
#include "guest.h"

int main(int argc, char **argv)
{
	u32 rounds = argc == 2 ? atoi(argv[1]) : 0;

	if (!rounds) {
		fprintf(stderr, "usage: bench_guest ROUNDS\n");
		return 2;
	}
	memory_init();
	bench_calls(rounds);
	bench_touch(rounds);
	return 0;
}
