/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FP_SELFTESTS_OBJECTS_H
#define FP_SELFTESTS_OBJECTS_H

#include <linux/types.h>

/* A cache that the workers of hammer.c share. */
bool objects_begin(void);
bool objects_step(gfp_t gfp, u32 random);
bool objects_end(void);

/* Runs a case for caches. Return: false if none has that name. */
bool objects_run(const char *name, int *ret);

/* Frees what a case left behind. */
bool objects_give_all(void);

#endif
