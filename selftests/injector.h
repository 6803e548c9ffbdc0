/* SPDX-License-Identifier: GPL-2.0-only */
/* Makes allocations and accesses to user memory fail, by the kernel's fault injection. */
#ifndef FRAMEPOOL_SELFTESTS_INJECTOR_H
#define FRAMEPOOL_SELFTESTS_INJECTOR_H

#include "common.h"

#define FAIL_NTH	"/proc/thread-self/fail-nth"
#define FAIL_ALL	"/proc/thread-self/make-it-fail"

/**
 * struct injector - what makes steps of this thread fail
 * @nth: FAIL_NTH, which counts steps down and makes the last one fail
 * @all: FAIL_ALL, which makes all allocations fail while FAIL_NTH does not count
 *
 * Together they make one step fail, and all allocations after it.
 */
struct injector {
	int nth;
	int all;
};

static inline __must_check bool set_knob(const char *knob, const char *value)
{
	int fd = open_errno(knob, O_WRONLY);
	bool done = fd >= 0 && write(fd, value, strlen(value)) == strlen(value);

	close(fd);
	return done;
}

/* Finds the addresses of a function of the kernel; false if there is none. */
static inline __must_check bool find_function(const char *wanted, unsigned long *start,
					      unsigned long *end)
{
	FILE *file = fopen("/proc/kallsyms", "re");
	char line[512], name[256];
	unsigned long at;

	*start = 0;
	*end = ~0UL;
	while (file && !*start && fgets(line, sizeof(line), file))
		if (sscanf(line, "%lx %*c %255s", &at, name) == 2 && !strcmp(name, wanted))
			*start = at;
	if (file)
		rewind(file);
	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "%lx", &at) == 1 && at > *start && at < *end)
			*end = at;
	if (file)
		fclose(file);
	return *start;
}

/* Sets the knobs "@which-start" and "@which-end" of each kind of failure. */
static inline __must_check bool set_range(const char *which, unsigned long start, unsigned long end)
{
	static const char *const kinds[] = { "failslab", "fail_page_alloc", "fail_usercopy" };
	char knob[128], value[24];
	int i;

	for (i = 0; i < 2 * ARRAY_SIZE(kinds); i++) {
		snprintf(knob, sizeof(knob), "/sys/kernel/debug/%s/%s-%s", kinds[i / 2], which,
			 i % 2 ? "end" : "start");
		snprintf(value, sizeof(value), "%#lx", i % 2 ? end : start);
		if (!set_knob(knob, value))
			return false;
	}
	return true;
}

/*
 * Excludes the function that creates the kernel's own slab caches. It logs a failure with a stack
 * trace, as if its caller were wrong, and from 6.12 on it leaks the cache's name.
 */
static inline __must_check bool spare_cache_create(void)
{
	unsigned long start, end;

	return find_function("__kmem_cache_create_args", &start, &end) &&
	       set_range("reject", start, end);
}

/* Allocations that may sleep fail as well, and failures are not logged. */
static inline __must_check bool injector_open(struct injector *injector)
{
	static const char *const knobs[][2] = {
		{ "failslab/ignore-gfp-wait", "N" },
		{ "fail_page_alloc/ignore-gfp-wait", "N" },
		{ "fail_page_alloc/ignore-gfp-highmem", "N" },
		{ "fail_page_alloc/min-order", "0" },
		{ "failslab/verbose", "0" },
		{ "fail_page_alloc/verbose", "0" },
		{ "fail_usercopy/verbose", "0" },
		/* All allocations fail, but only in threads that ask for it. */
		{ "failslab/task-filter", "Y" },
		{ "fail_page_alloc/task-filter", "Y" },
		{ "failslab/times", "-1" },
		{ "fail_page_alloc/times", "-1" },
		{ "failslab/probability", "100" },
		{ "fail_page_alloc/probability", "100" },
	};
	char knob[128];
	int i;

	if (!spare_cache_create())
		return false;
	for (i = 0; i < ARRAY_SIZE(knobs); i++) {
		snprintf(knob, sizeof(knob), "/sys/kernel/debug/%s", knobs[i][0]);
		if (!set_knob(knob, knobs[i][1]))
			return false;
	}
	injector->nth = open(FAIL_NTH, O_RDWR | O_CLOEXEC);
	injector->all = open(FAIL_ALL, O_RDWR | O_CLOEXEC);
	return injector->nth >= 0 && injector->all >= 0;
}

static inline void order(int fd, int number)
{
	char text[16];
	int length = snprintf(text, sizeof(text), "%d", number);

	/* An earlier order may make this write fail. That uses it up: write again. */
	if (pwrite(fd, text, length, 0) != length && pwrite(fd, text, length, 0) != length)
		abort();
}

/**
 * struct failure - what shall fail
 * @nth: the number of a step, from 1
 * @onward: all allocations after it shall fail, too
 */
struct failure {
	int nth;
	bool onward;
};

static const struct failure first_failure = { .nth = 1 };

/*
 * Each step fails alone first. That faults in whatever the program itself touches later, while
 * nothing can be allocated.
 */
static inline __must_check struct failure next_failure(struct failure failure)
{
	return (struct failure){ failure.nth + failure.onward, !failure.onward };
}

static inline void fail_at(const struct injector *injector, struct failure failure)
{
	order(injector->all, failure.onward);
	order(injector->nth, failure.nth);
}

/* Cancels the order; whether the failure had happened. */
static inline __must_check bool has_failed(const struct injector *injector)
{
	char text[16] = "";
	bool done = pread(injector->nth, text, sizeof(text) - 1, 0) > 0 && atoi(text) == 0;

	order(injector->nth, 0);
	order(injector->all, 0);
	return done;
}

#endif
