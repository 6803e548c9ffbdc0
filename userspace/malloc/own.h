/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What this library itself allocates. It is included before each file of the heap that is compiled
 * into the library, since malloc() would be the heap again.
 */
#ifndef FRAMEPOOL_MALLOC_OWN_H
#define FRAMEPOOL_MALLOC_OWN_H

#include <stddef.h>

void *fp_own_malloc(size_t size);
void *fp_own_calloc(size_t nr, size_t size);
void *fp_own_realloc(void *block, size_t size);
void *fp_own_aligned_alloc(size_t align, size_t size);
void fp_own_free(void *block);

#ifdef FP_OWN_MEMORY
#include <stdlib.h>
#define malloc		fp_own_malloc
#define calloc		fp_own_calloc
#define realloc		fp_own_realloc
#define aligned_alloc	fp_own_aligned_alloc
#define free		fp_own_free
#endif

#endif
