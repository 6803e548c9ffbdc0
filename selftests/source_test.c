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

/* What is free in ZONE_MOVABLE helps no kernel allocation. */
TEST_F_TIMEOUT(source, margin_is_left_in_zones_that_the_kernel_can_use, SLOW_TEST_SECONDS)
{
	long before = oom_kills(), usable, all;

	ASSERT_EQ(0, load("size=64G partial=1"));
	usable = usable_bytes(&all);
	EXPECT_GT(all, 0);
	EXPECT_GE(usable, all / 16 - NOISE_BYTES);
	EXPECT_GE(usable, (long)(64 * MIB) - NOISE_BYTES);
	EXPECT_EQ(before, oom_kills());
}

TEST_HARNESS_MAIN
