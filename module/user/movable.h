/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FP_MOVABLE_H
#define FP_MOVABLE_H

#include "user/buffer.h"

struct fp_buffer *fp_movable_buffer(struct fp_movable *movable);
void fp_movable_add(struct fp_buffer *buffer);
void fp_movable_settle(struct fp_client *client);
void fp_movable_set_place(struct fp_buffer *buffer, unsigned long to_pfn, u64 nr_moved);
struct fp_buffer *fp_movable_begin_split(struct fp_pool *pool);
int fp_movable_pin(struct fp_buffer *buffer, enum fp_pin kind);
int fp_movable_unpin(struct fp_buffer *buffer, enum fp_pin kind);
u64 fp_movable_address(const struct fp_buffer *buffer);

#endif
