/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The layout of module/uapi/framepool.h, stated a second time so that no compiler and no edit
 * changes it unnoticed. A test compiles it for 32 and for 64 bits.
 */
#ifndef FP_UAPI_LAYOUT_H
#define FP_UAPI_LAYOUT_H

#include "uapi/framepool.h"

#define FP_FIELD(type, field, offset, bytes)						\
	_Static_assert(__builtin_offsetof(struct type, field) == (offset) &&		\
		       sizeof(((struct type *)0)->field) == (bytes), #type "." #field)

FP_FIELD(framepool_ioc_info, size, 0, 4);
FP_FIELD(framepool_ioc_info, abi, 4, 4);
FP_FIELD(framepool_ioc_info, frame_bytes, 8, 4);
FP_FIELD(framepool_ioc_info, huge_bytes, 12, 4);
FP_FIELD(framepool_ioc_info, total_bytes, 16, 8);
FP_FIELD(framepool_ioc_info, client_quota_bytes, 24, 8);
FP_FIELD(framepool_ioc_info, user_quota_bytes, 32, 8);
FP_FIELD(framepool_ioc_info, node, 40, 4);
FP_FIELD(framepool_ioc_info, max_order, 44, 4);
FP_FIELD(framepool_ioc_info, name, 48, 32);
FP_FIELD(framepool_ioc_info, extents, 80, 4);
FP_FIELD(framepool_ioc_info, memory, 84, 4);
FP_FIELD(framepool_ioc_info, largest_extent_bytes, 88, 8);
FP_FIELD(framepool_ioc_info, first_address, 96, 8);
FP_FIELD(framepool_ioc_info, end_address, 104, 8);
_Static_assert(sizeof(struct framepool_ioc_info) == 112, "framepool_ioc_info");

FP_FIELD(framepool_ioc_alloc, size, 0, 4);
FP_FIELD(framepool_ioc_alloc, flags, 4, 4);
FP_FIELD(framepool_ioc_alloc, length, 8, 8);
FP_FIELD(framepool_ioc_alloc, align, 16, 8);
FP_FIELD(framepool_ioc_alloc, limit, 24, 8);
FP_FIELD(framepool_ioc_alloc, handle, 32, 8);
FP_FIELD(framepool_ioc_alloc, offset, 40, 8);
FP_FIELD(framepool_ioc_alloc, timeout_ns, 48, 8);
_Static_assert(sizeof(struct framepool_ioc_alloc) == 56, "framepool_ioc_alloc");

FP_FIELD(framepool_ioc_free, size, 0, 4);
FP_FIELD(framepool_ioc_free, flags, 4, 4);
FP_FIELD(framepool_ioc_free, handle, 8, 8);
_Static_assert(sizeof(struct framepool_ioc_free) == 16, "framepool_ioc_free");

FP_FIELD(framepool_ioc_query, size, 0, 4);
FP_FIELD(framepool_ioc_query, flags, 4, 4);
FP_FIELD(framepool_ioc_query, handle, 8, 8);
FP_FIELD(framepool_ioc_query, length, 16, 8);
FP_FIELD(framepool_ioc_query, offset, 24, 8);
FP_FIELD(framepool_ioc_query, mapped_bytes, 32, 8);
FP_FIELD(framepool_ioc_query, address, 40, 8);
_Static_assert(sizeof(struct framepool_ioc_query) == 48, "framepool_ioc_query");

FP_FIELD(framepool_ioc_batch, size, 0, 4);
FP_FIELD(framepool_ioc_batch, flags, 4, 4);
FP_FIELD(framepool_ioc_batch, entries, 8, 8);
FP_FIELD(framepool_ioc_batch, count, 16, 4);
FP_FIELD(framepool_ioc_batch, entry_size, 20, 4);
FP_FIELD(framepool_ioc_batch, done, 24, 4);
FP_FIELD(framepool_ioc_batch, failed, 28, 4);
FP_FIELD(framepool_ioc_batch, error, 32, 4);
FP_FIELD(framepool_ioc_batch, reserved, 36, 4);
_Static_assert(sizeof(struct framepool_ioc_batch) == 40, "framepool_ioc_batch");

FP_FIELD(framepool_ioc_stats, size, 0, 4);
FP_FIELD(framepool_ioc_stats, orders, 4, 4);
FP_FIELD(framepool_ioc_stats, total_bytes, 8, 8);
FP_FIELD(framepool_ioc_stats, free_bytes, 16, 8);
FP_FIELD(framepool_ioc_stats, used_bytes, 24, 8);
FP_FIELD(framepool_ioc_stats, quarantined_bytes, 32, 8);
FP_FIELD(framepool_ioc_stats, retired_bytes, 40, 8);
FP_FIELD(framepool_ioc_stats, largest_bytes, 48, 8);
FP_FIELD(framepool_ioc_stats, clients, 56, 8);
FP_FIELD(framepool_ioc_stats, buffers, 64, 8);
FP_FIELD(framepool_ioc_stats, allocs, 72, 8);
FP_FIELD(framepool_ioc_stats, frees, 80, 8);
FP_FIELD(framepool_ioc_stats, fail_nomem, 88, 8);
FP_FIELD(framepool_ioc_stats, fail_nospace, 96, 8);
FP_FIELD(framepool_ioc_stats, fail_quota, 104, 8);
FP_FIELD(framepool_ioc_stats, moves, 112, 8);
FP_FIELD(framepool_ioc_stats, moved_bytes, 120, 8);
FP_FIELD(framepool_ioc_stats, moves_refused_pinned, 128, 8);
FP_FIELD(framepool_ioc_stats, moves_refused_referenced, 136, 8);
FP_FIELD(framepool_ioc_stats, moves_refused_bad, 144, 8);
FP_FIELD(framepool_ioc_stats, moves_refused_no_room, 152, 8);
FP_FIELD(framepool_ioc_stats, charged_bytes, 160, 8);
FP_FIELD(framepool_ioc_stats, client_held_bytes, 168, 8);
FP_FIELD(framepool_ioc_stats, client_charged_bytes, 176, 8);
FP_FIELD(framepool_ioc_stats, user_charged_bytes, 184, 8);
FP_FIELD(framepool_ioc_stats, free_blocks, 192, 8 * FRAMEPOOL_ORDERS);
_Static_assert(sizeof(struct framepool_ioc_stats) == 192 + 8 * 40, "framepool_ioc_stats");

FP_FIELD(framepool_ioc_cache, size, 0, 4);
FP_FIELD(framepool_ioc_cache, flags, 4, 4);
FP_FIELD(framepool_ioc_cache, object_size, 8, 4);
FP_FIELD(framepool_ioc_cache, align, 12, 4);
FP_FIELD(framepool_ioc_cache, handle, 16, 8);
FP_FIELD(framepool_ioc_cache, offset, 24, 8);
FP_FIELD(framepool_ioc_cache, window_bytes, 32, 8);
FP_FIELD(framepool_ioc_cache, stride, 40, 4);
FP_FIELD(framepool_ioc_cache, slab_bytes, 44, 4);
_Static_assert(sizeof(struct framepool_ioc_cache) == 48, "framepool_ioc_cache");

FP_FIELD(framepool_ioc_cache_destroy, size, 0, 4);
FP_FIELD(framepool_ioc_cache_destroy, flags, 4, 4);
FP_FIELD(framepool_ioc_cache_destroy, handle, 8, 8);
_Static_assert(sizeof(struct framepool_ioc_cache_destroy) == 16, "framepool_ioc_cache_destroy");

FP_FIELD(framepool_ioc_objects, size, 0, 4);
FP_FIELD(framepool_ioc_objects, flags, 4, 4);
FP_FIELD(framepool_ioc_objects, cache, 8, 8);
FP_FIELD(framepool_ioc_objects, offsets, 16, 8);
FP_FIELD(framepool_ioc_objects, count, 24, 4);
FP_FIELD(framepool_ioc_objects, done, 28, 4);
FP_FIELD(framepool_ioc_objects, error, 32, 4);
FP_FIELD(framepool_ioc_objects, reserved, 36, 4);
_Static_assert(sizeof(struct framepool_ioc_objects) == 40, "framepool_ioc_objects");

FP_FIELD(framepool_ioc_export, size, 0, 4);
FP_FIELD(framepool_ioc_export, flags, 4, 4);
FP_FIELD(framepool_ioc_export, handle, 8, 8);
FP_FIELD(framepool_ioc_export, offset, 16, 8);
FP_FIELD(framepool_ioc_export, length, 24, 8);
FP_FIELD(framepool_ioc_export, fd, 32, 4);
FP_FIELD(framepool_ioc_export, reserved, 36, 4);
_Static_assert(sizeof(struct framepool_ioc_export) == 40, "framepool_ioc_export");

FP_FIELD(framepool_ioc_describe, size, 0, 4);
FP_FIELD(framepool_ioc_describe, flags, 4, 4);
FP_FIELD(framepool_ioc_describe, fd, 8, 4);
FP_FIELD(framepool_ioc_describe, reserved, 12, 4);
FP_FIELD(framepool_ioc_describe, length, 16, 8);
FP_FIELD(framepool_ioc_describe, address, 24, 8);
_Static_assert(sizeof(struct framepool_ioc_describe) == 32, "framepool_ioc_describe");

FP_FIELD(framepool_ioc_sync, size, 0, 4);
FP_FIELD(framepool_ioc_sync, flags, 4, 4);
FP_FIELD(framepool_ioc_sync, fd, 8, 4);
FP_FIELD(framepool_ioc_sync, reserved, 12, 4);
FP_FIELD(framepool_ioc_sync, offset, 16, 8);
FP_FIELD(framepool_ioc_sync, length, 24, 8);
_Static_assert(sizeof(struct framepool_ioc_sync) == 32, "framepool_ioc_sync");

FP_FIELD(framepool_ioc_pin, size, 0, 4);
FP_FIELD(framepool_ioc_pin, flags, 4, 4);
FP_FIELD(framepool_ioc_pin, handle, 8, 8);
FP_FIELD(framepool_ioc_pin, address, 16, 8);
_Static_assert(sizeof(struct framepool_ioc_pin) == 24, "framepool_ioc_pin");

#endif
