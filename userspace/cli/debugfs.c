// SPDX-License-Identifier: LGPL-2.1-or-later
/* The files of a pool in debugfs. */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "debugfs.h"

#define DEBUGFS		"/sys/kernel/debug"
#define DEBUGFS_TYPE	0x64626720
#define PATH_BYTES	128

/* Whether the directory of a file exists. */
static bool pool_is_there(const char *path)
{
	char folder[PATH_BYTES];

	snprintf(folder, sizeof(folder), "%.*s", (int)(strrchr(path, '/') - path), path);
	return !access(folder, F_OK);
}

static int fail_open(const struct cli *cli, const char *path, int err)
{
	char text[512];
	struct statfs fs;

	if (err == EACCES)
		return fail("only root may read %s: run as root", path);
	if (err == EPERM)
		return fail("the kernel is locked down and refuses %s", path);
	if (err != ENOENT)
		return fail("cannot open %s: %s", path, strerror(err));
	if (statfs(DEBUGFS, &fs) || (unsigned long)fs.f_type != DEBUGFS_TYPE)
		return fail("debugfs is not mounted: 'mount -t debugfs none %s'", DEBUGFS);
	if (pool_is_there(path))
		return fail("there is no %s: the module is of another version", path);
	return fail("%s", framepool_explain_open(err, cli->pool, text, sizeof(text)));
}

/* Whether a pool can have that name, and it fits into the path of a file. */
static bool is_name(const char *pool)
{
	return *pool && strlen(pool) <= PATH_BYTES / 2 && !strchr(pool, '/') &&
	       strcmp(pool, ".") && strcmp(pool, "..");
}

FILE *debugfs_open(const struct cli *cli, const char *name)
{
	char path[PATH_BYTES], text[512];
	FILE *file;

	if (!is_name(cli->pool)) {
		fail("%s", framepool_explain_open(EINVAL, cli->pool, text, sizeof(text)));
		return NULL;
	}
	snprintf(path, sizeof(path), "%s/framepool/%s/%s", DEBUGFS, cli->pool, name);
	file = fopen(path, "re");
	if (!file)
		fail_open(cli, path, errno);
	return file;
}
