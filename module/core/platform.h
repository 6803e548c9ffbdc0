/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * All that core/ and slab/ may include beside their own headers.
 * In the kernel these are the kernel's own headers; the host tests put a
 * platform_host.h on the include path that provides the same few names.
 */
#ifndef FP_PLATFORM_H
#define FP_PLATFORM_H

#ifdef __KERNEL__

#include <linux/bitops.h>
#include <linux/cache.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/limits.h>
#include <linux/list.h>
#include <linux/log2.h>
#include <linux/lockdep.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/preempt.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/sort.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/types.h>
#include <linux/xarray.h>

#include "trace.h"

#define FP_HUGE_ORDER	(PMD_SHIFT - PAGE_SHIFT)

#else
#include "platform_host.h"
#endif

#define FP_HUGE_FRAMES	(1U << FP_HUGE_ORDER)

#endif
