/* SPDX-License-Identifier: GPL-2.0-only */
/* What tests of exports need, whoever imports them. */
#ifndef FRAMEPOOL_SELFTESTS_DMABUF_H
#define FRAMEPOOL_SELFTESTS_DMABUF_H

#include "memory.h"

#include <linux/dma-buf.h>
#include <sys/stat.h>

/* Maps at an address that is congruent to the buffer's, as huge mappings require. */
static inline __must_check char *map_dmabuf(int dmabuf, size_t length, int prot)
{
	return map_raw(reserve(length), length, prot, MAP_SHARED | MAP_FIXED, dmabuf, 0);
}

/* Each dma-buf has a number of its own. */
static inline ino_t number_of(int dmabuf)
{
	struct stat stat;

	return fstat(dmabuf, &stat) ? 0 : stat.st_ino;
}

#endif
