/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FP_SELFTESTS_OBJECTS_H
#define FP_SELFTESTS_OBJECTS_H

#include <linux/types.h>

/* A cache that the workers of hammer.c share. */
bool objects_begin(void);
bool objects_step(gfp_t gfp, u32 random);
bool objects_end(void);

/* Cases for caches; false: the name is not one of theirs. */
bool objects_run(const char *name, int *ret);

/* What a case left until the module is unloaded. */
bool objects_give_all(void);

#endif
