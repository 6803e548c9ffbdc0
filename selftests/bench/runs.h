/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Our side of the suites "scale" and "packing": runs of whole huge frames of a private buddy, and a
 * crowd of clients that has a buddy of its own. Both are over pretend memory, as in pool.c.
 *
 * Only runs.c knows the core's calls.
 */
#ifndef FP_BENCH_RUNS_H
#define FP_BENCH_RUNS_H

#include "bench.h"

#define RUNS_NONE	U32_MAX

struct runs;
struct crowd;

struct runs *runs_create(u32 nr);
void runs_destroy(struct runs *runs);
u32 runs_alloc(struct runs *runs, u32 nr);
void runs_free(struct runs *runs, u32 index, u32 nr);
u64 runs_metadata(const struct runs *runs);
bool runs_use_partly(struct runs *runs);
void runs_read_stats(struct runs *runs);
void runs_read_view(struct runs *runs);
void runs_refuse(struct runs *runs);

struct crowd *crowd_create(u32 nr);
void crowd_destroy(struct crowd *crowd);
bool crowd_keep(struct crowd *crowd);
void crowd_collect(struct crowd *crowd);
void crowd_clear(struct crowd *crowd);
void crowd_read_stats(struct crowd *crowd);

#endif
