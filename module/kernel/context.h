/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FP_CONTEXT_H
#define FP_CONTEXT_H

#include <linux/gfp.h>
#include <linux/kernel.h>
#include <linux/lockdep.h>

/*
 * Tell callers who must not call here, on kernels that look. Others must not pay for it: on most might_sleep() also
 * offers to reschedule.
 */
static inline void fp_check_context(gfp_t gfp)
{
	lockdep_assert_irqs_enabled();
	if (IS_ENABLED(CONFIG_DEBUG_ATOMIC_SLEEP))
		might_sleep_if(gfpflags_allow_blocking(gfp));
}

#endif
