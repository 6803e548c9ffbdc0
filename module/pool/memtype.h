/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FP_MEMTYPE_H
#define FP_MEMTYPE_H

#include <linux/mm_types.h>

#include "uapi/framepool.h"

/**
 * enum fp_memtype - how processors cache memory; the numbers are those of programs
 * @FP_MEMTYPE_WB: written back, like all other memory
 * @FP_MEMTYPE_WC: not cached; writes are combined
 * @FP_MEMTYPE_UC: not cached
 */
enum fp_memtype {
	FP_MEMTYPE_WB = FRAMEPOOL_MEMORY_WB,
	FP_MEMTYPE_WC = FRAMEPOOL_MEMORY_WC,
	FP_MEMTYPE_UC = FRAMEPOOL_MEMORY_UC,
};

struct fp_reason;

const char *fp_memtype_name(enum fp_memtype type);
int fp_memtype_parse(const char *text, enum fp_memtype *type);
int fp_memtype_check(enum fp_memtype type, struct fp_reason *reason);
int fp_memtype_set(enum fp_memtype type, unsigned long pfn);
int fp_memtype_reset(enum fp_memtype type, unsigned long pfn);
void fp_memtype_flush(enum fp_memtype type, unsigned long pfn);
pgprot_t fp_memtype_prot(enum fp_memtype type, pgprot_t prot);

#endif
