// SPDX-License-Identifier: GPL-2.0-only
/*
 * All operations. A new ioctl needs a line here, and an entry in calls.c that describes its
 * structure.
 */
#include "calls.h"
#include "hand.h"

#define CALL(_name, _weight, _soak, _call, ...) \
	{ _name, _weight, _soak, run_call, _call, { K_CLIENT, K_BUFFER, K_QUIRK, ##__VA_ARGS__ } }

const struct op_type op_types[] = {
	{ "open", 4, 2, run_open, 0, { K_CLIENT } },
	{ "close", 3, 2, run_close, 0, { K_CLIENT } },
	{ "dup", 2, 1, run_dup, 0, { K_CLIENT, K_CLIENT } },
	{ "seek", 2, 1, run_seek, 0, { K_CLIENT, K_SMALL, K_LENGTH } },

	CALL("info", 1, 1, CALL_INFO),
	CALL("stats", 1, 1, CALL_STATS),
	CALL("alloc", 20, 20, CALL_ALLOC, K_ALLOC_FLAGS, K_LENGTH, K_ALIGN, K_LIMIT),
	CALL("alloc_own", 3, 0, CALL_ALLOC, K_OWN_FLAGS, K_LENGTH, K_ALIGN, K_LIMIT),
	CALL("free", 12, 16, CALL_FREE, K_NO_FLAGS),
	CALL("query", 4, 8, CALL_QUERY, K_QUERY_FLAGS, K_LENGTH),
	CALL("alloc_batch", 4, 2, CALL_ALLOC_BATCH, K_BATCH_FLAGS, K_COUNT, K_ALLOC_FLAGS, K_LENGTH,
	     K_ALIGN),
	CALL("free_batch", 4, 2, CALL_FREE_BATCH, K_BATCH_FLAGS, K_COUNT, K_NO_FLAGS),

	CALL("cache_create", 4, 2, CALL_CACHE_CREATE, K_CACHE_FLAGS, K_OBJECT, K_ALIGN),
	CALL("cache_destroy", 2, 1, CALL_CACHE_DESTROY, K_NO_FLAGS),
	CALL("obj_alloc", 12, 12, CALL_OBJ_ALLOC, K_BATCH_FLAGS, K_COUNT),
	CALL("obj_free", 8, 8, CALL_OBJ_FREE, K_NO_FLAGS, K_COUNT),

	CALL("export", 6, 4, CALL_EXPORT, K_EXPORT_FLAGS, K_NO_FLAGS),
	CALL("describe", 1, 1, CALL_DESCRIBE, K_NO_FLAGS, K_SMALL),
	CALL("dmabuf_sync", 1, 1, CALL_SYNC, K_EXPORT_FLAGS, K_SMALL),

	CALL("pin", 3, 2, CALL_PIN, K_NO_FLAGS),
	CALL("unpin", 3, 2, CALL_UNPIN, K_NO_FLAGS),
	{ "room", 3, 1, run_room, 0, { K_SMALL } },

	{ "map", 20, 12, run_map, 0,
	  { K_CLIENT, K_BUFFER, K_MAP, K_FIRST, K_PAGES, K_PROT, K_PLACE } },
	{ "unmap", 8, 8, run_unmap, 0, { K_MAP, K_FIRST, K_PAGES } },
	{ "remap", 4, 1, run_remap, 0, { K_MAP, K_FIRST, K_PAGES, K_PAGES, K_MAP, K_SMALL } },
	{ "protect", 4, 1, run_protect, 0, { K_MAP, K_FIRST, K_PAGES, K_PROT } },
	{ "advise", 8, 2, run_advise, 0, { K_MAP, K_FIRST, K_PAGES, K_ADVICE } },
	{ "lock", 2, 0, run_lock, 0, { K_MAP, K_FIRST, K_PAGES, K_SMALL } },
	{ "sync", 1, 0, run_sync, 0, { K_MAP, K_FIRST, K_PAGES, K_SMALL } },

	{ "touch", 10, 12, run_touch, 0, { K_MAP, K_FIRST, K_PAGES } },
	{ "check", 8, 6, run_check, 0, { K_MAP, K_FIRST, K_PAGES } },
	{ "splice", 4, 2, run_splice, 0, { K_MAP, K_FIRST, K_SMALL } },
	{ "drain_pipe", 3, 2, run_drain_pipe, 0, { K_SMALL } },
	{ "direct", 2, 1, run_direct, 0, { K_MAP, K_FIRST, K_SMALL } },
	{ "peek", 2, 1, run_peek, 0, { K_MAP, K_FIRST, K_SMALL, K_PROCESS } },

	{ "fork", 1, 0, run_fork, 0, { K_MAP, K_SMALL } },
	{ "kill", 1, 0, run_kill, 0, { K_PROCESS, K_SMALL } },
	{ "nap", 1, 0, run_nap, 0, { K_SMALL } },
	{ "look", 1, 0, run_look, 0, { K_SMALL, K_SMALL } },
	{ "drain", 1, 0, run_drain, 0, { K_SMALL } },
	{ "quota", 1, 0, run_quota, 0, { K_SMALL } },
};

const int nr_op_types = sizeof(op_types) / sizeof(*op_types);
