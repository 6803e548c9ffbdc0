/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Shared by the files of libframepool-malloc.so.
 *
 *     malloc (what programs call) -> heap of ../lib -> memory (from the pool, or not)
 *                                 -> fork
 *     own: what the library itself allocates
 */
#ifndef FRAMEPOOL_MALLOC_PRELOAD_H
#define FRAMEPOOL_MALLOC_PRELOAD_H

#include <stdbool.h>
#include <stddef.h>

struct framepool;
struct framepool_heap;

struct framepool *fp_memory_client(void);
void fp_memory_begin_child(void);
void fp_memory_say(const char *what, const char *why, const char *then);

struct framepool_heap *fp_malloc_create_heap(void);

#endif
