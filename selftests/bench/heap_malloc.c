// SPDX-License-Identifier: GPL-2.0-only
/* Programs that allocate with malloc(), which another library may provide. */
#include <stdlib.h>

#include "heap_programs.h"

void heap_begin(void)
{
}

void *heap_get(size_t size)
{
	return malloc(size);
}

void *heap_resize(void *block, size_t size)
{
	return realloc(block, size);
}

void heap_put(void *block)
{
	free(block);
}
