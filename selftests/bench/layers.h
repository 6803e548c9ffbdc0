/* SPDX-License-Identifier: GPL-2.0-only */
/* The suite "layers": what the library builds on buffers, against others of its kind. */
#ifndef FP_BENCH_LAYERS_H
#define FP_BENCH_LAYERS_H

#include <libframepool.h>
#include <string.h>

#include "bench.h"

/**
 * struct layers_side - one side of a comparison
 * @name: as the results name it
 * @run: does so much work; the first call, which does not count, may also prepare it
 * @context: for @run
 */
struct layers_side {
	const char *name;
	void (*run)(void *context, u32 repeats);
	void *context;
};

/**
 * struct layers_config - how long to measure
 * @rounds: of each side, in turns
 * @repeats: of the work in a round
 * @seconds: of a round with many threads, in thousandths
 */
struct layers_config {
	u32 rounds;
	u32 repeats;
	u32 milliseconds;
};

u64 layers_cpu_now(void);
void layers_compare(const struct layers_config *config, const char *name, u32 operations,
		    const struct layers_side *ours, const struct layers_side *theirs);

void bench_bufpool(const struct layers_config *config, struct framepool *fp);
void bench_contention(const struct layers_config *config, struct framepool *fp);
void bench_heap_programs(const struct layers_config *config);
void bench_heap(struct framepool *fp);
void bench_moving(const struct layers_config *config, struct framepool *fp);
void bench_arena(const struct layers_config *config, struct framepool *fp);

#endif
