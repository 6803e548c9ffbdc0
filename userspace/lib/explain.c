// SPDX-License-Identifier: LGPL-2.1-or-later
/* Why a pool could not be opened, or a cache not be made, in words. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "internal.h"

#define GROUP_NAME_MAX	64

/*
 * Reads /etc/group itself: getgrgid() would load NSS modules, which a static
 * program cannot. A group that is not in the file goes by its number.
 */
static void name_group(gid_t gid, char name[GROUP_NAME_MAX])
{
	FILE *file = fopen("/etc/group", "re");
	struct group entry, *found;
	char members[4096];

	snprintf(name, GROUP_NAME_MAX, "%u", gid);
	if (!file)
		return;
	while (!fgetgrent_r(file, &entry, members, sizeof(members), &found)) {
		if (found->gr_gid == gid) {
			snprintf(name, GROUP_NAME_MAX, "%s", found->gr_name);
			break;
		}
	}
	fclose(file);
}

static int is_shown(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

/* Writes the names of all pools, as many as fit; returns how many there are. */
static int list_pools(char *text, size_t size)
{
	struct dirent **entries = NULL;
	int count = scandir(FP_NODE_DIR, &entries, is_shown, alphasort);
	size_t used = 0;

	text[0] = '\0';
	for (int i = 0; i < count; i++) {
		if (used < size)
			used += snprintf(text + used, size - used, "%s%s", i ? ", " : "",
					 entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
	return count > 0 ? count : 0;
}

static void explain_missing(const char *pool, char *text, size_t size)
{
	char pools[160];

	if (list_pools(pools, sizeof(pools)))
		snprintf(text, size, "there is no pool '%s'; pools here: %s", pool, pools);
	else if (!access("/sys/module/framepool", F_OK))
		snprintf(text, size, "the framepool module is loaded, but %s is missing: "
			 "mount devtmpfs on /dev, or pass the node into the container",
			 FP_NODE_DIR);
	else
		snprintf(text, size, "the framepool module is not loaded: "
			 "load it with 'insmod framepool.ko'");
}

static void explain_permission(const char *path, char *text, size_t size)
{
	char group[GROUP_NAME_MAX];
	struct stat node;

	if (stat(path, &node)) {
		snprintf(text, size, "no permission to open %s: run as root", path);
		return;
	}
	name_group(node.st_gid, group);
	if (!node.st_gid || (node.st_mode & 0060) != 0060)
		snprintf(text, size, "only root may open %s (group %s, mode %04o): run as root, "
			 "or load the module with gid= the number of a group", path, group,
			 node.st_mode & 07777);
	else
		snprintf(text, size, "not in group %s, which may open %s: run as root, or "
			 "'usermod -aG %s USER' and log in again", group, path, group);
}

static void explain(int err, const char *pool, const char *path, char *text, size_t size)
{
	switch (err) {
	case ENOENT:
		explain_missing(pool, text, size);
		break;
	case EACCES:
		explain_permission(path, text, size);
		break;
	case EPERM:
		snprintf(text, size, "the device policy of this container or service does not "
			 "allow %s: allow the device there", path);
		break;
	case ENODEV:
		snprintf(text, size, "the pool behind %s was shut down by force: end the programs that "
			 "use it, then load the module again", path);
		break;
	case ENXIO:
		snprintf(text, size, "%s is left over from a module that is not loaded any more: "
			 "remove it, then load the module with 'insmod framepool.ko'", path);
		break;
	case ENOTTY:
		snprintf(text, size, "%s is not a framepool device: remove it, "
			 "then load the module again", path);
		break;
	case EPROTONOSUPPORT:
		snprintf(text, size, "the loaded module does not speak version %d of the "
			 "interface, as library %s does: install both from one release",
			 FRAMEPOOL_ABI, framepool_version());
		break;
	default:
		errno = err;
		snprintf(text, size, "cannot open %s: %m", path);
	}
}

char *framepool_explain_open(int err, const char *pool, char *text, size_t size)
{
	char path[FP_NODE_PATH_MAX];
	int saved = errno;

	if (fp_node_path(pool, path))
		explain(err, pool ? pool : FP_DEFAULT_POOL, path, text, size);
	else
		snprintf(text, size, "'%s' cannot be the name of a pool: names have 1 to %d "
			 "characters and no '/'", pool, FRAMEPOOL_NAME_MAX - 1);
	errno = saved;
	return text;
}

static void explain_cache(int err, char *text, size_t size)
{
	switch (err) {
	case EINVAL:
		snprintf(text, size, "objects have %u to %u bytes, and are aligned to a power of two of at most "
			 "a huge frame", FRAMEPOOL_OBJECT_MIN, FRAMEPOOL_OBJECT_MAX);
		break;
	case EMFILE:
		snprintf(text, size, "there are %d caches, as many as a client can have: use one cache for "
			 "all objects of a size, or open the pool a second time", FRAMEPOOL_CACHES_MAX);
		break;
	case ENOTTY:
		snprintf(text, size, "the loaded module has no caches for programs: install it from the same "
			 "release as library %s", framepool_version());
		break;
	case ENOMEM:
		snprintf(text, size, "the process has no room for a window as large as the pool: see "
			 "'ulimit -v'");
		break;
	case ENOBUFS:
		snprintf(text, size, "there is no memory outside the pool for the bookkeeping of a cache");
		break;
	case ENODEV:
		snprintf(text, size, "the pool was shut down by force");
		break;
	default:
		errno = err;
		snprintf(text, size, "cannot make a cache: %m");
	}
}

char *framepool_explain_cache(int err, char *text, size_t size)
{
	int saved = errno;

	explain_cache(err, text, size);
	errno = saved;
	return text;
}
