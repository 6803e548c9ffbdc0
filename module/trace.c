// SPDX-License-Identifier: GPL-2.0-only
/* What the kernel makes of the tracepoints in trace.h: it needs to know what their arguments are. */
#include "user/client.h"

#include <linux/mm.h>

static_assert(FP_TRACE_NAME == FRAMEPOOL_NAME_MAX);

#define CREATE_TRACE_POINTS
#include "trace.h"
