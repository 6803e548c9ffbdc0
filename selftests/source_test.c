// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where the memory of a pool comes from, and what is left to others. These tests say most in guests
 * whose memory is laid out unusually: scripts/check boots some. Leaves the module loaded as it
 * found it.
 */
#include "common.h"
#include "memory.h"
#include "module.h"
#include "zones.h"

FIXTURE(source)
{
	long free_bytes;	/* of the machine, without the module */
};

FIXTURE_SETUP(source)
{
	if (is_loaded()) {
		ASSERT_EQ(0, unload());
	}
	self->free_bytes = free_bytes();
	ASSERT_GT(self->free_bytes, 0);
}

FIXTURE_TEARDOWN_PARENT(source)
{
	if (is_loaded()) {
		EXPECT_EQ(0, unload());
	}
	EXPECT_TRUE(memory_is_back(self->free_bytes));
	EXPECT_EQ(0, load(USUAL_PARAMETERS));
	EXPECT_TRUE(wait_all_free());
}

static long oom_kills(void)
{
	FILE *file = fopen("/proc/vmstat", "re");
	long kills = -1;
	char line[128];

	while (file && fgets(line, sizeof(line), file))
		sscanf(line, "oom_kill %ld", &kills);
	if (file)
		fclose(file);
	return kills;
}

/* Whether loading fails with @error and leaves nothing behind. */
static bool is_refused(const char *parameters, int error)
{
	int ret = load(parameters);

	if (ret == error && !is_loaded())
		return true;
	fprintf(stderr, "# %s: %s, expected %s\n", parameters, ret ? strerror(-ret) : "loaded",
		strerror(-error));
	return false;
}

/* Loads the module and reads INFO. Returns 0 or a negative errno. */
static int load_info(const char *parameters, struct framepool_ioc_info *info)
{
	int ret = load(parameters), fd;

	if (ret)
		return ret;
	fd = pool_open();
	ret = fd < 0 ? fd : pool_info(fd, info);
	close(fd);
	return ret;
}

/* Allocates all memory below @limit, huge frame by huge frame; returns how many bytes. */
static __u64 bytes_below(__u64 limit)
{
	struct buffer buffer;
	int fd = pool_open();
	__u64 bytes = 0;

	while (fd >= 0 && !buffer_alloc_at(fd, HUGE_FRAME, 0, limit, &buffer))
		bytes += HUGE_FRAME;
	close(fd);
	return bytes;
}

static bool reaches_beyond(__u64 address)
{
	struct zone zones[64];
	int n = read_zones(zones, ARRAY_SIZE(zones)), i;

	for (i = 0; i < n; i++)
		if (zones[i].start * FRAME >= address && zones[i].managed)
			return true;
	return false;
}

/* What is free in ZONE_MOVABLE helps no kernel allocation. */
TEST_F_TIMEOUT(source, margin_is_left_in_zones_that_the_kernel_can_use, SLOW_TEST_SECONDS)
{
	long before = oom_kills(), usable, all;

	/* All of much memory would take long, and tell no more. */
	if (reaches_beyond(4096 * MIB))
		return;
	ASSERT_EQ(0, load("size=64G partial=1"));
	usable = usable_bytes(&all);
	EXPECT_GT(all, 0);
	EXPECT_GE(usable, all / 16 - NOISE_BYTES);
	EXPECT_GE(usable, (long)(64 * MIB) - NOISE_BYTES);
	EXPECT_EQ(before, oom_kills());
}

TEST_F_TIMEOUT(source, below_all_lies_below, SLOW_TEST_SECONDS)
{
	struct framepool_ioc_info info;

	ASSERT_EQ(0, load_info("size=256M below=4G", &info));
	EXPECT_EQ(256 * MIB, info.total_bytes);
	EXPECT_GT(info.first_address, 0);
	EXPECT_LE(info.end_address, 4096 * MIB);
	EXPECT_EQ(256 * MIB, bytes_below(4096 * MIB));
}

TEST_F_TIMEOUT(source, below_another_address_lies_there_and_nothing_is_lost, SLOW_TEST_SECONDS)
{
	struct framepool_ioc_info info;

	ASSERT_EQ(0, load_info("size=64M below=1G", &info));
	EXPECT_LE(info.end_address, 1024 * MIB);
	EXPECT_EQ(64 * MIB, info.total_bytes);
}

/* Without below=, a machine with more than 4 GiB gives memory above them first. */
TEST_F_TIMEOUT(source, below_share_lies_below_and_the_rest_above, SLOW_TEST_SECONDS)
{
	struct framepool_ioc_info info;
	bool beyond = reaches_beyond(4096 * MIB);

	ASSERT_EQ(0, load_info("size=256M", &info));
	EXPECT_EQ(beyond ? 0 : 256 * MIB, bytes_below(4096 * MIB));
	EXPECT_EQ(beyond, info.first_address >= 4096 * MIB);
	ASSERT_EQ(0, unload());
	ASSERT_EQ(0, load_info("size=256M below=4G:64M", &info));
	EXPECT_EQ(256 * MIB, info.total_bytes);
	EXPECT_EQ(beyond ? 64 * MIB : 256 * MIB, bytes_below(4096 * MIB));
	EXPECT_LT(info.first_address, 4096 * MIB);
	EXPECT_EQ(beyond, info.end_address > 4096 * MIB);
}

TEST_F_TIMEOUT(source, below_leaves_a_margin_in_low_memory, SLOW_TEST_SECONDS)
{
	struct zone zones[64];
	struct framepool_ioc_info info;
	int n, i;

	ASSERT_EQ(0, load_info("size=64G below=4G partial=1", &info));
	EXPECT_LE(info.end_address, 4096 * MIB);
	n = read_zones(zones, ARRAY_SIZE(zones));
	for (i = 0; i < n; i++) {
		if (!strcmp(zones[i].name, "DMA32") && zones[i].managed * FRAME > 1024 * MIB) {
			EXPECT_GE(zones[i].free - zones[i].high + (long)(NOISE_BYTES / FRAME),
				  zones[i].managed / 16);
		}
	}
	ASSERT_EQ(0, unload());
	EXPECT_TRUE(is_refused("size=64G below=4G", -ENOMEM));
	EXPECT_TRUE(is_refused("size=64M below=1M", -ENOMEM));
}

TEST_F_TIMEOUT(source, below_of_nonsense_is_refused, SLOW_TEST_SECONDS)
{
	static const char * const bad[] = {
		"below=", "below=0", "below=4G:", "below=4G:0", "below=:64M", "below=4G:64M:1M",
		"below=low", "below=4GB", "below=111111111111111111111111111111111111111111:1M",
		"min_run=", "min_run=0", "min_run=long", "min_run=-1",
	};
	char parameters[128];
	int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		snprintf(parameters, sizeof(parameters), "size=64M %s", bad[i]);
		EXPECT_TRUE(is_refused(parameters, -EINVAL));
	}
}

/* Reads the extents from debugfs; returns their number. */
static unsigned int read_extents(__u64 *largest)
{
	FILE *file = fopen("/sys/kernel/debug/framepool/" POOL_NAME "/extents", "re");
	unsigned long long huge_frames;
	unsigned int n = 0;
	char line[256];

	*largest = 0;
	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%*u %llu", &huge_frames) != 1)
			continue;
		n++;
		if (huge_frames * HUGE_FRAME > *largest)
			*largest = huge_frames * HUGE_FRAME;
	}
	if (file)
		fclose(file);
	return n;
}

TEST_F_TIMEOUT(source, info_tells_the_extents, SLOW_TEST_SECONDS)
{
	struct framepool_ioc_info info;
	struct buffer buffer;
	__u64 largest;
	int fd;

	ASSERT_EQ(0, load_info("size=512M", &info));
	EXPECT_EQ(read_extents(&largest), info.extents);
	EXPECT_EQ(largest, info.largest_extent_bytes);
	EXPECT_EQ(FRAMEPOOL_MEMORY_WB, info.memory);
	fd = pool_open();
	EXPECT_EQ(largest == info.total_bytes ? -ENOMEM : -ENOSPC,
		  buffer_alloc(fd, largest + FRAME, &buffer));
	EXPECT_EQ(0, buffer_alloc(fd, largest, &buffer));
}

/* A pool of 64 MiB has no run of 66. */
TEST_F_TIMEOUT(source, min_run_refuses_memory_that_is_too_scattered, SLOW_TEST_SECONDS)
{
	struct framepool_ioc_info info;

	EXPECT_TRUE(is_refused("size=64M min_run=66M", -ENOSPC));
	EXPECT_TRUE(memory_is_back(self->free_bytes));
	ASSERT_EQ(0, load_info("size=64M min_run=2M", &info));
	EXPECT_GE(info.largest_extent_bytes, 2 * MIB);
}

TEST_HARNESS_MAIN
