/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FP_BENCH_ATTACH_H
#define FP_BENCH_ATTACH_H

#include "bench.h"

/* @ours and @theirs are descriptors of dma-bufs in the process that loads the module. */
int bench_attach(const struct bench_config *config, int ours, const char *peer, int theirs);

#endif
