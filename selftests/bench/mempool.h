/* SPDX-License-Identifier: GPL-2.0-only */
/* DPDK's mempool, as the suite "layers" uses it. Its headers do not go with ours. */
#ifndef FP_BENCH_MEMPOOL_H
#define FP_BENCH_MEMPOOL_H

#include <stdint.h>

#define MEMPOOL_BULK	32

void mempool_begin(void);
void mempool_run(void *context, uint32_t repeats);
void mempool_run_bulk(void *context, uint32_t repeats);

#endif
