// SPDX-License-Identifier: GPL-2.0-only
/* Caches of objects that another module uses (kernel/objects.c). Loading it runs a case of it. */
#include "common.h"
#include "module.h"

#define EXAMPLE		"framepool_example"
#define DIRECTORY	"/sys/kernel/debug/framepool/" POOL_NAME "/"
#define MAX_TEXT	65536

FIXTURE(slab)
{
	int fd;
};

FIXTURE_SETUP(slab)
{
	self->fd = pool_open();
	ASSERT_GE(self->fd, 0);
}

/* Also cleans up after a failed test. */
FIXTURE_TEARDOWN_PARENT(slab)
{
	ignore(unload_case());
	ignore(unload_module(EXAMPLE));
	if (!is_loaded())
		EXPECT_EQ(0, load(USUAL_PARAMETERS));
	EXPECT_TRUE(wait_all_free());
}

static const char *read_text(const char *path)
{
	static char text[MAX_TEXT];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = 0, length = 0;

	while (fd >= 0 && (n = read(fd, text + length, sizeof(text) - 1 - length)) > 0)
		length += n;
	text[length] = '\0';
	close(fd);
	return text;
}

/* The kernel's log from here on. Each read returns one entry. */
static int log_open(void)
{
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	return fd >= 0 && lseek(fd, 0, SEEK_END) < 0 ? -1 : fd;
}

/* How many entries contain the text. */
static int count_in_log(int fd, const char *text)
{
	char entry[4096];
	ssize_t n;
	int nr = 0;

	while ((n = read(fd, entry, sizeof(entry) - 1)) > 0 || errno == EPIPE) {
		entry[n > 0 ? n : 0] = '\0';
		nr += !!strstr(entry, text);
	}
	close(fd);
	return nr;
}

TEST_F_TIMEOUT(slab, objects_of_all_sizes_are_aligned_and_apart, SLOW_TEST_SECONDS)
{
	EXPECT_EQ(0, run_case("run=sizes"));
	EXPECT_TRUE(pool_verifies());
}

TEST_F_TIMEOUT(slab, invalid_config_is_einval, SLOW_TEST_SECONDS)
{
	EXPECT_EQ(0, run_case("run=args"));
}

TEST_F_TIMEOUT(slab, zeroed_objects_are_zero_after_use, SLOW_TEST_SECONDS)
{
	EXPECT_EQ(0, run_case("run=object_zero"));
}

TEST_F_TIMEOUT(slab, constructor_runs_once_for_each_object, SLOW_TEST_SECONDS)
{
	EXPECT_EQ(0, run_case("run=constructor"));
}

TEST_F_TIMEOUT(slab, cache_with_live_objects_is_ebusy, SLOW_TEST_SECONDS)
{
	int log = log_open();

	ASSERT_GE(log, 0);
	EXPECT_EQ(0, run_case("run=busy"));
	EXPECT_EQ(2, count_in_log(log, "cache under test: 1 objects are still allocated"));
}

TEST_F_TIMEOUT(slab, whole_pool_goes_from_one_cache_to_another, SLOW_TEST_SECONDS)
{
	EXPECT_EQ(0, run_case("run=exhaust"));
	EXPECT_TRUE(pool_verifies());
}

TEST_F_TIMEOUT(slab, empty_slabs_come_back_before_a_block_is_refused, SLOW_TEST_SECONDS)
{
	EXPECT_EQ(0, run_case("run=keep"));
}

TEST_F_TIMEOUT(slab, idle_caches_cost_those_who_find_too_little_memory_nothing, SLOW_TEST_SECONDS)
{
	EXPECT_EQ(0, run_case("run=idle"));
}

TEST_F_TIMEOUT(slab, shrink_leaves_no_slab, SLOW_TEST_SECONDS)
{
	EXPECT_EQ(0, run_case("run=shrink"));
}

TEST_F_TIMEOUT(slab, random_order_is_not_that_of_addresses, SLOW_TEST_SECONDS)
{
	EXPECT_EQ(0, run_case("run=random"));
}

TEST_F_TIMEOUT(slab, freeing_a_non_object_is_einval, SLOW_TEST_SECONDS)
{
	EXPECT_EQ(0, run_case("run=bad_frees"));
}

TEST_F_TIMEOUT(slab, softirqs_threads_and_drains_lose_and_duplicate_no_object, SLOW_TEST_SECONDS)
{
	EXPECT_EQ(0, run_case("run=objects ms=1000"));
	EXPECT_TRUE(pool_verifies());
}

TEST_F_TIMEOUT(slab, mistakes_are_reported_with_who_made_them, SLOW_TEST_SECONDS)
{
	int log = log_open(), again = log_open(), last = log_open();

	ASSERT_GE(log, 0);
	EXPECT_EQ(0, run_case("run=debug"));
	/* Two for each of 5 caches: see check_frees(). */
	EXPECT_EQ(10, count_in_log(log, ": freed twice; seen by check_frees"));
	EXPECT_LT(10, count_in_log(again, "allocated by reports_of_write"));
	EXPECT_LE(10, count_in_log(last, "freed by check_frees"));
}

TEST_F_TIMEOUT(slab, caches_file_shows_what_a_cache_has, SLOW_TEST_SECONDS)
{
	unsigned long long size, stride, per_slab, active, objects, cached;
	const char *line;

	ASSERT_EQ(0, load_case("run=hold_objects"));
	line = strchr(read_text(DIRECTORY "caches"), '\n');
	ASSERT_NE(NULL, line);
	ASSERT_EQ(6, sscanf(line + 1, "%llu %llu %llu %llu %llu %llu", &size, &stride, &per_slab,
			    &active, &objects, &cached));
	EXPECT_EQ(72, size);
	EXPECT_EQ(72, stride);
	EXPECT_EQ(500, active);
	EXPECT_EQ(0, objects % per_slab);
	EXPECT_LE(active + cached, objects);
	EXPECT_NE(NULL, strstr(line, " under test\n"));
	EXPECT_TRUE(pool_verifies());
	EXPECT_EQ(-EWOULDBLOCK, unload());
	ASSERT_EQ(0, unload_case());
	EXPECT_EQ(NULL, strstr(read_text(DIRECTORY "caches"), "under test"));
}

TEST_F_TIMEOUT(slab, cache_debug_watches_every_cache, SLOW_TEST_SECONDS)
{
	unsigned long long hits;
	const char *line;

	ASSERT_EQ(0, close(self->fd));
	ASSERT_EQ(0, unload());
	ASSERT_EQ(0, load(USUAL_PARAMETERS " cache_debug=1"));
	EXPECT_EQ(0, run_case("run=sizes"));
	EXPECT_EQ(0, run_case("run=objects ms=300"));
	ASSERT_EQ(0, load_case("run=hold_objects"));
	line = strchr(read_text(DIRECTORY "caches"), '\n');
	ASSERT_EQ(1, sscanf(line, "%*u %*u %*u %*u %*u %*u %*u %*u %*u %*u %*u %llu", &hits));
	EXPECT_EQ(0, hits);
	ASSERT_EQ(0, unload_case());
	ASSERT_EQ(0, unload());
	ASSERT_EQ(0, load(USUAL_PARAMETERS));
}

TEST_F_TIMEOUT(slab, example_module_does_what_it_says, SLOW_TEST_SECONDS)
{
	const char *example = getenv("FRAMEPOOL_EXAMPLE_KO") ?: "/" EXAMPLE ".ko";
	int log = log_open();

	ASSERT_GE(log, 0);
	ASSERT_EQ(-ENODEV, load_module(example, "name=nonesuch"));
	ASSERT_EQ(0, load_module(example, ""));
	EXPECT_EQ(1, count_in_log(log, EXAMPLE ": 1000 messages, sum 499500"));
	EXPECT_NE(NULL, strstr(read_text(DIRECTORY "caches"), " example_message\n"));
	EXPECT_EQ(-EWOULDBLOCK, unload());
	EXPECT_EQ(0, unload_module(EXAMPLE));
	EXPECT_EQ(NULL, strstr(read_text(DIRECTORY "caches"), "example_message"));
}

TEST_HARNESS_MAIN
