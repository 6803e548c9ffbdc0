// SPDX-License-Identifier: LGPL-2.1-or-later
/* The figures of a pool. */
#include "figure.h"

#define SIZE(_name, _help)								\
	{ #_name, #_name "_bytes", NULL, FIGURE_GAUGE, true,				\
	  framepool_stats_##_name##_bytes, _help }
#define NUMBER(_name, _kind, _help)							\
	{ #_name, #_name, NULL, _kind, false, framepool_stats_##_name, _help }
#define FAILURE(_reason)								\
	{ "fail_" #_reason, "alloc_failures", #_reason, FIGURE_COUNTER, false,		\
	  framepool_stats_fail_##_reason,						\
	  "Allocations refused at once, for lack of memory (nomem), for lack of "	\
	  "contiguity (nospace) or because of a quota (quota)." }

#define REFUSAL(_reason)								\
	{ "moves_refused_" #_reason, "moves_refused", #_reason, FIGURE_COUNTER, false,	\
	  framepool_stats_moves_refused_##_reason,					\
	  "Moves that were given up, because of a pin (pinned), a reference to a page "	\
	  "(referenced), a bad frame (bad), or for lack of a place (no_room)." }

const struct figure figures[FIGURES] = {
	SIZE(total, "Size of the pool."),
	SIZE(free, "Memory that is free, not necessarily contiguous."),
	SIZE(used, "Memory held by buffers, slabs and kernel modules."),
	SIZE(quarantined, "Free huge frames that are still referenced, not cleared yet, or kept."),
	SIZE(retired, "Memory out of use because the hardware found a bad frame in it."),
	SIZE(largest, "Longest run of empty huge frames; if none is empty, largest free block."),
	SIZE(charged, "Huge frames that clients are charged for."),
	NUMBER(clients, FIGURE_GAUGE, "Clients of the pool, the reader of these figures included."),
	NUMBER(buffers, FIGURE_GAUGE, "Live buffers."),
	NUMBER(allocs, FIGURE_COUNTER, "Successful allocations of buffers and slabs."),
	NUMBER(frees, FIGURE_COUNTER, "Buffers and slabs whose memory came back."),
	FAILURE(nomem),
	FAILURE(nospace),
	FAILURE(quota),
	NUMBER(moves, FIGURE_COUNTER, "Buffers and slabs that were moved."),
	{ "moved", "moved_bytes", NULL, FIGURE_COUNTER, true, framepool_stats_moved_bytes,
	  "Bytes copied to move them." },
	REFUSAL(pinned),
	REFUSAL(referenced),
	REFUSAL(bad),
	REFUSAL(no_room),
};
