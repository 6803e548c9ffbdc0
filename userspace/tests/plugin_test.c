// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A plugin that contains libframepool.a can be unloaded, although threads that used its caches live
 * on and end later. $O is the build folder.
 */
#include <dlfcn.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "plugin.h"
#include "test.h"

static char path[PATH_MAX];
static pthread_barrier_t barrier;

static void *load(void)
{
	void *plugin = dlopen(path, RTLD_NOW | RTLD_LOCAL);

	if (!plugin) {
		printf("# %s\n", dlerror());
		exit(1);
	}
	return plugin;
}

static bool call(void *plugin, const char *name)
{
	bool (*function)(void) = (bool (*)(void))dlsym(plugin, name);

	return function && function();
}

static bool unload(void *plugin)
{
	return !dlclose(plugin) && !dlopen(path, RTLD_NOW | RTLD_NOLOAD);
}

/* Uses the plugin, and ends after it is gone. */
static void *outlive(void *plugin)
{
	bool used = call(plugin, "plugin_use");

	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	return (void *)used;
}

/* In a child, which may crash. */
static bool thread_outlives_plugin(void)
{
	void *plugin = load(), *used = NULL;
	pthread_t thread;

	if (!call(plugin, "plugin_begin") || pthread_create(&thread, NULL, outlive, plugin))
		return false;
	pthread_barrier_wait(&barrier);
	if (!call(plugin, "plugin_end") || !unload(plugin))
		return false;
	pthread_barrier_wait(&barrier);
	return !pthread_join(thread, &used) && used;
}

/* More often than a process has keys for thread-specific data. */
static bool loads_often(void)
{
	for (int i = 0; i < 2 * PTHREAD_KEYS_MAX; i++) {
		void *plugin = load();

		if (!call(plugin, "plugin_begin") || !call(plugin, "plugin_use") ||
		    !call(plugin, "plugin_end") || !unload(plugin))
			return false;
	}
	return true;
}

/* The child that fork() makes must not call what is gone, either. */
static bool forks_after_unload(void)
{
	void *plugin = load();
	int status;
	pid_t pid;

	if (!call(plugin, "plugin_begin") || !call(plugin, "plugin_use") ||
	    !call(plugin, "plugin_end") || !unload(plugin))
		return false;
	pid = fork();
	if (!pid)
		_exit(0);
	return waitpid(pid, &status, 0) == pid && !status;
}

static bool in_child(bool (*test)(void))
{
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (!pid)
		exit(!test());
	return waitpid(pid, &status, 0) == pid && !status;
}

int main(void)
{
	snprintf(path, sizeof(path), "%s/tests/plugin.so", getenv("O"));
	pthread_barrier_init(&barrier, NULL, 2);
	check(in_child(thread_outlives_plugin), "thread_may_end_after_the_plugin_is_gone");
	check(in_child(loads_often), "plugin_may_be_loaded_any_number_of_times");
	check(in_child(forks_after_unload), "process_may_fork_after_the_plugin_is_gone");
	return 0;
}
