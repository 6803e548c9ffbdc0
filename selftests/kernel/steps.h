/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FP_SELFTESTS_STEPS_H
#define FP_SELFTESTS_STEPS_H

#include <linux/types.h>

/* Cases each of whose allocations may be made to fail; false: the name is not one of theirs. */
bool steps_run(const char *name, int *ret);

#endif
