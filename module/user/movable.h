/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FP_MOVABLE_H
#define FP_MOVABLE_H

#include "user/buffer.h"

/* what keeps a movable buffer where it is */
enum fp_stay {
	FP_STAY_NOT,		/* nothing that we know of */
	FP_STAY_PINNED,		/* a program pinned it */
	FP_STAY_EXPORTED,	/* it has a dma-buf */
	FP_STAY_REFERENCED,	/* its pages were referenced when it was to move last */
};

void fp_movable_add(struct fp_buffer *buffer);
void fp_movable_remove(struct fp_buffer *buffer);
struct fp_buffer *fp_movable_first(struct fp_pool *pool, u64 frame);
struct fp_buffer *fp_movable_next(const struct fp_buffer *buffer);
bool fp_movable_is_pinned(const struct fp_buffer *buffer);
enum fp_stay fp_movable_stay(const struct fp_buffer *buffer);
bool fp_movable_is_all(struct fp_pool *pool, u64 frame, u64 nr, u64 nr_used);
bool fp_movable_may_move(const struct fp_buffer *buffer);
bool fp_movable_begin(struct fp_buffer *buffer);
void fp_movable_set_place(struct fp_buffer *buffer, unsigned long to_pfn, u64 nr_moved);
void fp_movable_settle(struct fp_buffer *buffer, u64 frame);
void fp_movable_end(struct fp_buffer *buffer);
struct fp_buffer *fp_movable_begin_split(struct fp_pool *pool);
int fp_movable_pin(struct fp_buffer *buffer, enum fp_pin kind);
int fp_movable_unpin(struct fp_buffer *buffer, enum fp_pin kind);
u64 fp_movable_address(const struct fp_buffer *buffer);

#endif
