/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FP_MOVER_H
#define FP_MOVER_H

#include "user/buffer.h"

int fp_mover_hold(struct fp_pool *pool, const struct fp_runs_request *wanted, u32 *index);
void fp_mover_drop(struct fp_pool *pool, u32 index, u32 nr, bool dirty);
void fp_mover_clear(const struct fp_pool *pool, u32 index, u32 nr);
bool fp_mover_has_slab(struct fp_pool *pool, u32 index);
struct fp_buffer *fp_mover_begin_run(struct fp_pool *pool, u32 index);
void fp_mover_restrict(const struct fp_pool *pool, const struct fp_movable *movable,
		       struct fp_runs_request *wanted);
int fp_mover_move_slab(struct fp_pool *pool, u32 from, u32 to);
u64 fp_mover_move_run(struct fp_pool *pool, struct fp_buffer *buffer, u32 to, u64 done);
int fp_mover_move_blocks(struct fp_pool *pool, u32 index, u32 *to);

#endif
