// SPDX-License-Identifier: GPL-2.0-only
/* Programs that allocate from a heap of libframepool, over the fake kernel of its tests. */
#include <libframepool_heap.h>
#include <stdio.h>
#include <stdlib.h>

#include "fake.h"
#include "heap_programs.h"

#define POOL_BYTES	(1ULL << 30)

static struct framepool_heap *heap;

void heap_begin(void)
{
	heap = framepool_heap_create(fake_open(POOL_BYTES), NULL);
	if (!heap) {
		perror("framepool_heap_create");
		exit(1);
	}
}

void *heap_get(size_t size)
{
	return framepool_heap_alloc(heap, size);
}

void *heap_resize(void *block, size_t size)
{
	return framepool_heap_realloc(heap, block, size);
}

void heap_put(void *block)
{
	framepool_heap_free(heap, block);
}
