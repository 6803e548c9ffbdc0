// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What this library itself allocates: tables of threads, and a few words for each 2 MiB. Each has
 * pages of its own, so there is nothing to lock, and nothing to put right in a child.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdint.h>
#include <sys/mman.h>

#include "own.h"

#define PAGE_BYTES	4096UL
#define HEADER_BYTES	64UL	/* before each; holds the length of the mapping */

static size_t mapping_bytes(size_t size)
{
	return (size + HEADER_BYTES + PAGE_BYTES - 1) & -PAGE_BYTES;
}

/* @mapping may be MAP_FAILED. */
static void *begin(size_t *mapping, size_t bytes)
{
	if (mapping == MAP_FAILED)
		return NULL;
	*mapping = bytes;
	return (char *)mapping + HEADER_BYTES;
}

/**
 * fp_own_malloc - allocate memory, which is zero
 * @size: bytes
 *
 * Return: the memory, aligned to 64 bytes, or NULL with errno ENOMEM.
 */
void *fp_own_malloc(size_t size)
{
	size_t bytes = mapping_bytes(size);

	if (size > PTRDIFF_MAX) {
		errno = ENOMEM;
		return NULL;
	}
	return begin(mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
		     bytes);
}

/**
 * fp_own_calloc - allocate zeros
 * @nr: number of elements
 * @size: bytes of an element
 *
 * Return: as fp_own_malloc().
 */
void *fp_own_calloc(size_t nr, size_t size)
{
	size_t bytes;

	return fp_own_malloc(__builtin_mul_overflow(nr, size, &bytes) ? SIZE_MAX : bytes);
}

/**
 * fp_own_realloc - change the size of what was allocated
 * @block: it, or NULL
 * @size: bytes
 *
 * Return: as fp_own_malloc(); if NULL, @block is as it was.
 */
void *fp_own_realloc(void *block, size_t size)
{
	size_t bytes = mapping_bytes(size), *mapping;

	if (!block || size > PTRDIFF_MAX)
		return fp_own_malloc(size);
	mapping = (size_t *)((char *)block - HEADER_BYTES);
	return begin(mremap(mapping, *mapping, bytes, MREMAP_MAYMOVE), bytes);
}

/**
 * fp_own_aligned_alloc - allocate memory with an alignment
 * @align: at most 64
 * @size: bytes
 *
 * Return: as fp_own_malloc().
 */
void *fp_own_aligned_alloc(size_t align, size_t size)
{
	return fp_own_malloc(align > HEADER_BYTES ? SIZE_MAX : size);
}

/**
 * fp_own_free - free what was allocated
 * @block: it, or NULL
 *
 * errno is left alone.
 */
void fp_own_free(void *block)
{
	int err = errno;

	if (block) {
		size_t *mapping = (size_t *)((char *)block - HEADER_BYTES);

		munmap(mapping, *mapping);
	}
	errno = err;
}
