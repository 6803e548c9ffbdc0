/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FP_OWNER_H
#define FP_OWNER_H

#include "buddy.h"

void fp_owner_lock(struct fp_owner *owner);
void fp_owner_unlock(struct fp_owner *owner);
bool fp_owner_take_block(struct fp_owner *owner, const struct fp_request *request,
			 struct fp_run *run);
bool fp_owner_take_run(struct fp_owner *owner, const struct fp_request *request,
		       struct fp_run *run);
void fp_owner_adopt(struct fp_owner *owner, u32 index, u32 nr, bool head);
bool fp_owner_holds(const struct fp_owner *owner, u32 index, u32 at, u32 nr, bool head);
bool fp_owner_put(struct fp_owner *owner, u32 index, u32 at, u32 nr, bool dirty);

#endif
