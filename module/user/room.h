/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FP_ROOM_H
#define FP_ROOM_H

#include "pool/pool.h"

int fp_room_hold(struct fp_pool *pool, const struct fp_runs_request *wanted, bool yields,
		 u32 *index);
int fp_room_hold_at(struct fp_pool *pool, u32 index);
int fp_room_merge(struct fp_pool *pool, const struct fp_owner *owner,
		  const struct fp_runs_request *wanted, u32 *index);

#endif
