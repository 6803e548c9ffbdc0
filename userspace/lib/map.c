// SPDX-License-Identifier: LGPL-2.1-or-later
/* Mappings that begin at a multiple of more than a page, and tables. */
#define _FILE_OFFSET_BITS 64
#define _GNU_SOURCE
#include <errno.h>
#include <stdatomic.h>
#include <sys/mman.h>

#include "map.h"

/**
 * fp_map_table - reserve a table, whose pages take memory only when they are used
 * @nr: its entries, which begin as zeros
 * @bytes: of an entry
 *
 * Return: the table, or NULL with errno.
 */
void *fp_map_table(size_t nr, size_t bytes)
{
	void *table = mmap(NULL, nr * bytes, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return table == MAP_FAILED ? NULL : table;
}

/**
 * fp_unmap_table - free a table
 * @table: the table, or NULL
 * @nr: as it was reserved
 * @bytes: as it was reserved
 */
void fp_unmap_table(void *table, size_t nr, size_t bytes)
{
	if (table)
		munmap(table, nr * bytes);
}

/**
 * fp_reserve - reserve addresses
 * @bytes: how many
 * @align: the first is a multiple of it: a power of two, at least a page
 *
 * Return: the first address, or NULL with errno.
 */
void *fp_reserve(size_t bytes, size_t align)
{
	char *room = mmap(NULL, bytes + align, PROT_NONE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	size_t before = -(uintptr_t)room & (align - 1);

	if (room == MAP_FAILED)
		return NULL;
	if (before)
		munmap(room, before);
	munmap(room + before + bytes, align - before);
	return room + before;
}

/**
 * fp_map_aligned - map a part of a file
 * @fd: the file
 * @offset: where in the file
 * @bytes: how much; a multiple of pages
 * @align: the address is a multiple of it: a power of two, at least a page
 * @prot: as of mmap()
 *
 * Room for @align more shows where there is a place. It is given back before the file is mapped
 * there, since a mapping with MAP_FIXED that fails leaves a gap which another thread may fill.
 *
 * Return: the address, or NULL with errno.
 */
void *fp_map_aligned(int fd, uint64_t offset, size_t bytes, size_t align, int prot)
{
	char *room, *memory;

	if (bytes > SIZE_MAX - align) {
		errno = ENOMEM;
		return NULL;
	}
	do {
		room = mmap(NULL, bytes + align, PROT_NONE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		if (room == MAP_FAILED)
			return NULL;
		munmap(room, bytes + align);
		room += -(uintptr_t)room & (align - 1);
		memory = mmap(room, bytes, prot, MAP_SHARED | MAP_FIXED_NOREPLACE, fd,
			      (off_t)offset);
	} while (memory == MAP_FAILED && errno == EEXIST);
	return memory == MAP_FAILED ? NULL : memory;
}

/**
 * fp_buffer_map_aligned - map a buffer that is not mapped, and that no other thread knows
 * @buf: the buffer
 * @align: the address is a multiple of it: a power of two, at least a page
 *
 * Return: the address, or NULL with errno, as framepool_buffer_map().
 */
void *fp_buffer_map_aligned(struct framepool_buffer *buf, size_t align)
{
	if (buf->length > SIZE_MAX) {
		errno = ENOMEM;
		return NULL;
	}
	buf->memory = fp_map_aligned(buf->fd, buf->offset, buf->length, align,
				     PROT_READ | PROT_WRITE);
	return buf->memory;
}
