/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FRAMEPOOL_FUZZ_CALLS_H
#define FRAMEPOOL_FUZZ_CALLS_H

/* The ioctls. calls.c describes their structures. */
enum {
	CALL_INFO,
	CALL_ALLOC,
	CALL_FREE,
	CALL_QUERY,
	CALL_STATS,
	CALL_ALLOC_BATCH,
	CALL_FREE_BATCH,
	CALL_CACHE_CREATE,
	CALL_CACHE_DESTROY,
	CALL_OBJ_ALLOC,
	CALL_OBJ_FREE,
	NR_CALLS,
};

#endif
