/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Random numbers of tests. SEED=N in the environment repeats a run. */
#ifndef FRAMEPOOL_RANDOM_H
#define FRAMEPOOL_RANDOM_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* The seed, which is printed. */
static inline uint64_t random_seed(void)
{
	const char *given = getenv("SEED");
	uint64_t seed = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL);

	printf("# SEED=%llu\n", (unsigned long long)seed);
	return seed;
}

static inline uint32_t random_below(uint64_t *seed, uint32_t below)
{
	*seed = *seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)((*seed >> 33) % below);
}

#endif
