/* SPDX-License-Identifier: GPL-2.0-only */
/* Pools that are made and removed in configfs. Calls return 0 or a negative errno. */
#ifndef FRAMEPOOL_SELFTESTS_POOLS_H
#define FRAMEPOOL_SELFTESTS_POOLS_H

#include "module.h"

#include <dirent.h>
#include <sys/stat.h>

#define POOLS		CONFIGFS "/framepool"

/* The path of a file of a pool, or of its directory if @file is ""; valid until the next call. */
static inline const char *pools_path(const char *name, const char *file)
{
	static __thread char path[512];

	snprintf(path, sizeof(path), POOLS "/%s/%s", name, file);
	return path;
}

static inline __must_check int pools_mkdir(const char *name)
{
	return mkdir(pools_path(name, ""), 0755) ? -errno : 0;
}

static inline __must_check int pools_rmdir(const char *name)
{
	return rmdir(pools_path(name, "")) ? -errno : 0;
}

static inline __must_check int pools_set(const char *name, const char *file, const char *value)
{
	return write_file(pools_path(name, file), value);
}

static inline bool pools_says(const char *name, const char *file, const char *value)
{
	const char *text = read_file(pools_path(name, file));

	if (!strcmp(text, value))
		return true;
	fprintf(stderr, "# %s/%s: \"%s\", not \"%s\"\n", name, file, text, value);
	return false;
}

/* Whether the last error of a pool contains @text. */
static inline bool pools_error_has(const char *name, const char *text)
{
	const char *error = read_file(pools_path(name, "error"));

	if (strstr(error, text))
		return true;
	fprintf(stderr, "# %s/error: \"%s\" does not contain \"%s\"\n", name, error, text);
	return false;
}

/* Makes a pool, all or nothing. */
static inline __must_check int pools_create(const char *name, const char *size)
{
	int ret = pools_mkdir(name);

	if (ret)
		return ret;
	ret = pools_set(name, "size", size) ?: pools_set(name, "live", "1");
	if (ret && rmdir(pools_path(name, "")))
		abort();
	return ret;
}

static inline __must_check int pools_destroy(const char *name)
{
	return pools_set(name, "live", "0") ?: pools_rmdir(name);
}

static inline __must_check int pools_open(const char *name)
{
	char path[512];

	snprintf(path, sizeof(path), DEVICE_DIR "/%s", name);
	return open_errno(path, O_RDWR);
}

/* Removes all but the pool of the module's parameters; whether that worked. */
static inline __must_check bool pools_clean(void)
{
	DIR *dir = opendir(POOLS);
	struct dirent *entry;
	bool ok = dir;

	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.' || !strcmp(entry->d_name, POOL_NAME))
			continue;
		if (WAIT_FOR(!pools_destroy(entry->d_name)))
			continue;
		fprintf(stderr, "# pool %s stays: %s\n", entry->d_name,
			read_file(pools_path(entry->d_name, "error")));
		ok = false;
	}
	if (dir)
		closedir(dir);
	return ok;
}

#endif
