/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FP_SLABDEBUG_H
#define FP_SLABDEBUG_H

#include "kernel/cache.h"

/* Least number of redzone bytes behind an object. */
#define FP_SLABDEBUG_REDZONE	8U

void fp_slabdebug_fill(struct fp_cache *cache, void *slab);
void *fp_slabdebug_alloc(struct fp_cache *cache, bool may_sleep, unsigned long caller);
int fp_slabdebug_free(struct fp_cache *cache, void *object, unsigned long caller);

#endif
