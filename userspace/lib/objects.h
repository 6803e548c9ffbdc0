/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The kernel calls for objects. */
#ifndef LIBFRAMEPOOL_OBJECTS_H
#define LIBFRAMEPOOL_OBJECTS_H

#include "internal.h"

uint32_t fp_objects_alloc(struct framepool_cache *cache, uint64_t *offsets, uint32_t nr);
int fp_objects_free(struct framepool_cache *cache, const uint64_t *offsets, uint32_t nr);

#endif
