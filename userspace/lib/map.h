/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Mappings that begin at a multiple of more than a page, and tables. */
#ifndef LIBFRAMEPOOL_MAP_H
#define LIBFRAMEPOOL_MAP_H

#include "internal.h"

void *fp_map_table(size_t nr, size_t bytes);
void fp_unmap_table(void *table, size_t nr, size_t bytes);
void *fp_reserve(size_t bytes, size_t align);
void *fp_map_aligned(int fd, uint64_t offset, size_t bytes, size_t align, int prot);
void *fp_buffer_map_aligned(struct framepool_buffer *buf, size_t align);

#endif
