/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The benchmarks of large pools, as a program on the host: the suites "scale" (scale.c, still.c)
 * and "packing" (packing.c).
 */
#ifndef FP_BENCH_SCALE_H
#define FP_BENCH_SCALE_H

#include "bench.h"

#define SCALE_SEED	20161130ULL	/* of all random numbers of these suites */
#define HUGE_MIB	(BENCH_HUGE_FRAMES * BENCH_FRAME_BYTES >> 20)

/**
 * struct scale_config - how much to measure
 * @rounds: of each side, in turns
 * @pairs: of a free and an allocation that are measured in a round
 * @large: size of our pool, in huge frames
 * @small: size of the pool it is compared with
 * @packed: size of the pool of the suite "packing"
 * @clients: how many there are in the crowd
 */
struct scale_config {
	u32 rounds;
	u32 pairs;
	u32 large;
	u32 small;
	u32 packed;
	u32 clients;
};

int bench_mixed(const struct scale_config *config);
int bench_still(const struct scale_config *config);
int bench_packing(const struct scale_config *config);

const char *scale_size(u32 nr, char name[16]);

/**
 * struct holds - how long locks were held, in rounds that do the same
 * @least: nanoseconds of the n-th hold, the least of all rounds
 * @nr: of @least
 * @room: of @least
 * @at: how many holds this round has had
 */
struct holds {
	u64 *least;
	u32 nr;
	u32 room;
	u32 at;
};

void holds_begin(struct holds *holds);
void holds_end(void);
struct bench_value holds_longest(struct holds *holds);

/**
 * scale_now() - the clock of these suites
 *
 * Return: nanoseconds that this thread has run.
 */
static inline u64 scale_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return now.tv_sec * 1000000000ULL + now.tv_nsec;
}

#endif
