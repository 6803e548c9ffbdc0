/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FP_SELFTESTS_PAGETABLE_H
#define FP_SELFTESTS_PAGETABLE_H

#include <linux/types.h>

bool pagetable_run(const char *name, int *ret);

#endif
