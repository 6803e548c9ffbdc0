/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FP_POISON_H
#define FP_POISON_H

#include <linux/mm_types.h>
#include <linux/types.h>

bool fp_poison_in(unsigned long pfn, u64 nr);
bool fp_poison_mark(struct folio *folio);

#endif
