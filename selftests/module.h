/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Loading and unloading modules, and the memory that this takes and gives back. Calls return 0 or
 * a negative errno.
 */
#ifndef FRAMEPOOL_SELFTESTS_MODULE_H
#define FRAMEPOOL_SELFTESTS_MODULE_H

#include "common.h"

#include <sys/mount.h>

/* How the module is loaded when a test program starts, and must be when it ends. */
#define USUAL_PARAMETERS	"size=256M"

/* How much memory the rest of the system may take or free meanwhile. */
#define NOISE_BYTES		((long)(16 * MIB))

static inline __must_check int load_module(const char *path, const char *parameters)
{
	int ret, fd = open_errno(path, O_RDONLY);

	if (fd < 0)
		return fd;
	ret = syscall(SYS_finit_module, fd, parameters, 0) ? -errno : 0;
	close(fd);
	return ret;
}

static inline __must_check int unload_module(const char *name)
{
	return syscall(SYS_delete_module, name, O_NONBLOCK) ? -errno : 0;
}

static inline __must_check int load(const char *parameters)
{
	return load_module(getenv("FRAMEPOOL_KO") ?: "/framepool.ko", parameters);
}

static inline __must_check int unload(void)
{
	return unload_module("framepool");
}

/*
 * Loads a module of the kernel's own; parameters may follow its name. Returns 0 if it is loaded
 * then, or built in.
 */
static inline __must_check int modprobe(const char *name)
{
	char command[256];

	snprintf(command, sizeof(command), "modprobe -q %s", name);
	return system(command);
}

#define CONFIGFS		"/sys/kernel/config"

/* Loads framepool's second module, and what it needs. */
static inline __must_check int load_configfs(void)
{
	if (access(CONFIGFS, F_OK) && modprobe("configfs"))
		return -ENOENT;
	if (access(CONFIGFS "/framepool", F_OK) &&
	    mount("none", CONFIGFS, "configfs", 0, NULL) && errno != EBUSY)
		return -errno;
	return load_module(getenv("FRAMEPOOL_CONFIGFS_KO") ?: "/framepool_configfs.ko", "");
}

static inline __must_check int unload_configfs(void)
{
	return unload_module("framepool_configfs");
}

static inline bool is_loaded(void)
{
	return !access("/sys/module/framepool", F_OK);
}

/* The machine's free memory. MemFree does not count the pages in per-processor lists. */
static inline long free_bytes(void)
{
	FILE *file = fopen("/proc/zoneinfo", "re");
	long pages, sum = 0;
	char line[256];

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, " pages free %ld", &pages) == 1 ||
		    sscanf(line, " count: %ld", &pages) == 1)
			sum += pages;
	if (file)
		fclose(file);
	return sum * FRAME;
}

/* Waits until as much memory is free as @before, except for some noise. */
static inline __must_check bool memory_is_back(long before)
{
	double end = seconds_now() + IDLE_SECONDS;
	long missing;

	do {
		missing = before - free_bytes();
		if (missing < NOISE_BYTES)
			return true;
		sleep_ms(100);
	} while (seconds_now() < end);
	fprintf(stderr, "# %ld KiB did not come back\n", missing / 1024);
	return false;
}

/* The tests' own module. Loading it runs one of its cases. */
#define TEST_MODULE	"framepool_api_test"

static inline __must_check int load_case(const char *parameters)
{
	return load_module(getenv("FRAMEPOOL_API_TEST_KO") ?: "/" TEST_MODULE ".ko", parameters);
}

static inline __must_check int unload_case(void)
{
	return unload_module(TEST_MODULE);
}

/* Runs a case that leaves nothing behind. */
static inline __must_check int run_case(const char *parameters)
{
	return load_case(parameters) ?: unload_case();
}

#endif
