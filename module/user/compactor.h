/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FP_COMPACTOR_H
#define FP_COMPACTOR_H

#include "pool/pool.h"

int fp_compactor_create(struct fp_pool *pool, u64 min_largest);
void fp_compactor_destroy(struct fp_pool *pool);
void fp_compactor_set(struct fp_pool *pool, u64 min_largest);

#endif
