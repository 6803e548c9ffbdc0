/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FP_OPTIONS_H
#define FP_OPTIONS_H

#include "pool/pool.h"

/* Bytes of an option's value as text, at most. */
#define FP_OPTION_MAX	64

/**
 * struct fp_options - how an administrator wants a pool
 * @pool: the pool; @pool.name belongs to the caller
 * @min_largest: as for fp_compactor_set()
 * @gid: group of its node
 * @mode: mode of its node
 */
struct fp_options {
	struct fp_pool_config pool;
	u64 min_largest;
	u32 gid;
	umode_t mode;
};

void fp_options_init(struct fp_options *options, const char *name);
int fp_options_set(struct fp_options *options, const char *name, const char *text,
		   struct fp_reason *reason);
int fp_options_show(const struct fp_options *options, const char *name, char *text);

#endif
