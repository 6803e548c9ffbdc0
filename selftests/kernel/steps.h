/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FP_SELFTESTS_STEPS_H
#define FP_SELFTESTS_STEPS_H

#include <linux/types.h>

/* Runs a case in which any allocation may be made to fail. Return: false if none has that name. */
bool steps_run(const char *name, int *ret);

#endif
