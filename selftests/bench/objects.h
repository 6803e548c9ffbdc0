/* SPDX-License-Identifier: GPL-2.0-only */
/* What objects cost a program: caches of libframepool, malloc() of the C library, jemalloc. */
#ifndef FP_BENCH_OBJECTS_H
#define FP_BENCH_OBJECTS_H

#include <libframepool.h>

#include "bench.h"

int bench_objects(const struct bench_config *config, struct framepool *fp);
void bench_objects_memory(struct framepool *fp);

#endif
