/* SPDX-License-Identifier: GPL-2.0-only */
/* What the programs of heap_programs.c allocate with. */
#ifndef FP_BENCH_HEAP_PROGRAMS_H
#define FP_BENCH_HEAP_PROGRAMS_H

#include <stddef.h>

#define HEAP_SKIPPED	77	/* status of a program whose allocator is not installed */

void heap_begin(void);
void *heap_get(size_t size);
void *heap_resize(void *block, size_t size);
void heap_put(void *block);

#endif
