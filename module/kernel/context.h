/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FP_CONTEXT_H
#define FP_CONTEXT_H

#include <linux/gfp.h>
#include <linux/kernel.h>
#include <linux/lockdep.h>

/*
 * Report callers in the wrong context, on kernels built to check that. Other kernels must not pay
 * for it: there, might_sleep() would usually also be a point of rescheduling.
 */
static inline void fp_check_context(gfp_t gfp)
{
	lockdep_assert_irqs_enabled();
	if (IS_ENABLED(CONFIG_DEBUG_ATOMIC_SLEEP))
		might_sleep_if(gfpflags_allow_blocking(gfp));
}

#endif
