/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FP_HEAP_H
#define FP_HEAP_H

struct fp_pool;

int fp_heap_check(void);
int fp_heap_add(struct fp_pool *pool);

#endif
