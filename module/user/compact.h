/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FP_COMPACT_H
#define FP_COMPACT_H

#include "user/buffer.h"

int fp_compact_pin(struct fp_buffer *buffer, enum fp_pin kind);
int fp_compact_make_room(struct fp_pool *pool, struct fp_owner *owner,
			 const struct fp_request *request, struct fp_run *run);
int fp_compact_merge(struct fp_pool *pool, struct fp_owner *owner,
		     const struct fp_request *request, struct fp_run *run);
int fp_compact(struct fp_pool *pool, u64 nr);
int fp_compact_offline(struct fp_pool *pool, unsigned long pfn);
int fp_compact_in_background(struct fp_pool *pool, u32 nr);

#endif
