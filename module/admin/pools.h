/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FP_POOLS_H
#define FP_POOLS_H

#include "admin/options.h"

struct fp_instance;

int fp_pools_init(void);
void fp_pools_exit(void);
struct fp_instance *fp_pools_reserve(const struct fp_options *options, struct fp_reason *reason);
void fp_pools_show_all(void);
struct fp_instance *fp_pools_create(const struct fp_options *options, struct fp_reason *reason);
int fp_pools_destroy(struct fp_instance *instance, struct fp_reason *reason);
int fp_pools_for_each(int (*call)(struct fp_pool *pool, const struct fp_options *options,
				  void *context),
		      void *context);

#endif
