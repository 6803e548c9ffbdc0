/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FP_MOVE_H
#define FP_MOVE_H

#include "core/buddy.h"

int fp_move_hold(struct fp_buddy *buddy, struct fp_runs_request *request, u32 *index);
bool fp_move_hold_at(struct fp_buddy *buddy, u32 index, u32 nr);
void fp_move_join(struct fp_buddy *buddy, u32 index, u32 next);
void fp_move_split(struct fp_buddy *buddy, u32 index, u32 nr);
void fp_move_drop(struct fp_buddy *buddy, u32 index, u32 nr);
void fp_move_quarantine(struct fp_buddy *buddy, u32 index, u32 nr);
void fp_move_retire(struct fp_buddy *buddy, u32 index);
int fp_move_give(struct fp_owner *owner, u32 index, u64 nr, struct fp_run *run);
void fp_move_run(struct fp_owner *owner, u32 from, u32 to, u32 nr);
bool fp_move_seclude(struct fp_owner *owner, u32 index, u32 nr_used);
void fp_move_readmit(struct fp_owner *owner, u32 index);
bool fp_move_place(struct fp_owner *owner, const struct fp_request *request, struct fp_run *run);
void fp_move_image(struct fp_owner *owner, u32 from, u32 to);
void fp_move_emptied(struct fp_owner *owner, u32 index);

#endif
