// SPDX-License-Identifier: GPL-2.0-only
/* The code that the kernel generates from trace.h. It needs the types of all arguments. */
#include "user/client.h"

#include <linux/mm.h>

static_assert(FP_TRACE_NAME == FRAMEPOOL_NAME_MAX);

#define CREATE_TRACE_POINTS
#include "trace.h"
