// SPDX-License-Identifier: LGPL-2.1-or-later
/* Which place for a run has the least in its way, and the lines of obstacles. */
#include <errno.h>
#include <string.h>

#include "test.h"
#include "window.h"

#define MIB	(1ULL << 20)

static char states[] = ".#m5..##..mm";
static size_t firsts[] = { 0, 8 };
static const struct map map = {
	.states = states, .count = 12, .huge_bytes = 2 * MIB, .firsts = firsts, .extents = 2,
};

/* The second and a half of the fourth huge frame, and the seventh and the eighth as a whole. */
static struct obstacle at[] = {
	{ .offset = 2 * MIB, .length = 2 * MIB },
	{ .offset = 6 * MIB, .length = MIB },
	{ .offset = 12 * MIB, .length = 4 * MIB },
};
static struct obstacle_list list = { at, 3 };

static bool finds(size_t count, size_t first, uint64_t stays)
{
	struct window window = { .count = count };

	if (!window_find(&map, &list, &window) && window.first == first &&
	    window.count == count && window.stays == stays)
		return true;
	printf("# %zu: at %zu, %llu stay\n", count, window.first, (unsigned long long)window.stays);
	return false;
}

static void check_window(void)
{
	struct window window = { .count = 9 };

	check(finds(1, 0, 0) && finds(2, 4, 0) && finds(3, 8, 0) && finds(4, 8, 0),
	      "window_has_the_least_that_stays");
	check(finds(5, 0, 3 * MIB), "window_does_not_cross_extents");
	check(finds(8, 0, 7 * MIB), "window_may_be_a_whole_extent");
	errno = 0;
	check(window_find(&map, &list, &window) && errno == ERANGE, "window_beyond_all_is_erange");
	window = (struct window){ .first = 4, .count = 2 };
	check(!window_has(&map, &window, &at[1]) && !window_has(&map, &window, &at[2]),
	      "window_excludes_its_neighbours");
	window.count = 3;
	check(window_has(&map, &window, &at[2]) && !window_has(&map, &window, &at[1]),
	      "window_includes_what_begins_in_it");
}

static bool parses(const char *line, int pid, const char *reason, const char *comm)
{
	struct obstacle obstacle;

	return !obstacle_parse(line, &obstacle) && obstacle.offset == 4096 &&
	       obstacle.length == 8192 && obstacle.pid == pid && obstacle.handle == 7 &&
	       !strcmp(obstacle.reason, reason) && !strcmp(obstacle.comm, comm);
}

static void check_lines(void)
{
	struct obstacle obstacle = { .reason = "pinned" };

	check(parses(" 4096 8192 12 7 pinned a b\n", 12, "pinned", "a b") &&
	      parses("4096 8192 0 7 kernel -\n", 0, "kernel", "-") &&
	      parses("4096 8192 1 7 cache \033[1m\n", 1, "cache", "?[1m"),
	      "obstacle_is_read_from_a_line");
	check(obstacle_parse("offset length pid handle reason comm\n", &obstacle) == -1,
	      "header_is_no_obstacle");
	check(!strncmp(obstacle_explain(&obstacle), "pinned: ", 8), "reason_is_explained");
	strcpy(obstacle.reason, "new");
	check(!strcmp(obstacle_explain(&obstacle), "new"), "unknown_reason_is_shown_as_it_is");
}

int main(void)
{
	check_window();
	check_lines();
	return 0;
}
