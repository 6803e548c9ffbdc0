// SPDX-License-Identifier: LGPL-2.1-or-later
/* The paths of device nodes. */
#include <stdio.h>
#include <string.h>

#include "internal.h"

static bool is_pool_name(const char *name)
{
	size_t length = strlen(name);

	if (!length || length >= FRAMEPOOL_NAME_MAX || strchr(name, '/'))
		return false;
	return strcmp(name, ".") && strcmp(name, "..");
}

bool fp_node_path(const char *pool, char path[FP_NODE_PATH_MAX])
{
	if (!pool)
		pool = FP_DEFAULT_POOL;
	if (!is_pool_name(pool))
		return false;
	snprintf(path, FP_NODE_PATH_MAX, "%s/%s", FP_NODE_DIR, pool);
	return true;
}
