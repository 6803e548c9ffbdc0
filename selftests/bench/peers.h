/* SPDX-License-Identifier: GPL-2.0-only */
/* The kernel's own allocators, to compare framepool with. */
#ifndef FP_BENCH_PEERS_H
#define FP_BENCH_PEERS_H

#include "bench.h"

/* The suite "pages" can give it any contexts. */
extern const struct bench_side bench_alloc_pages;

/*
 * For the suite "frag": takes free memory from the kernel, until it has @frames left in whole huge
 * frames, and what its watermarks reserve.
 */
int bench_confine_create(struct bench_side *side, u64 frames);
void bench_confine_destroy(struct bench_side *side);

int bench_gen_pool_create(struct bench_side *side, u64 frames);
void bench_gen_pool_destroy(struct bench_side *side);

int bench_kmem_cache_create(struct bench_side *side, u32 size);
void bench_kmem_cache_destroy(struct bench_side *side);
int bench_memory(const struct bench_side *ours, const struct bench_side *theirs, u32 size);

/* Return: -ENODEV if this kernel has no gpu_buddy. */
int bench_gpu_buddy_create(struct bench_side *side, u64 frames);
void bench_gpu_buddy_destroy(struct bench_side *side);

#endif
