// SPDX-License-Identifier: GPL-2.0-only
/* The files of a pool in sysfs: one value each, the same as STATS reports. */
#include "common.h"
#include "child.h"
#include "memory.h"

#include <grp.h>
#include <stddef.h>
#include <sys/stat.h>

#define DIR		"/sys/class/framepool/" POOL_NAME "/"
#define NOBODY		65534
#define OFFSET(name)	offsetof(struct framepool_ioc_stats, name)

static const struct {
	const char *name;
	size_t field;
} files[] = {
	{ "total", OFFSET(total_bytes) },
	{ "free", OFFSET(free_bytes) },
	{ "used", OFFSET(used_bytes) },
	{ "quarantined", OFFSET(quarantined_bytes) },
	{ "retired", OFFSET(retired_bytes) },
	{ "largest", OFFSET(largest_bytes) },
	{ "charged", OFFSET(charged_bytes) },
	{ "clients", OFFSET(clients) },
	{ "buffers", OFFSET(buffers) },
	{ "allocs", OFFSET(allocs) },
	{ "frees", OFFSET(frees) },
	{ "fail_nomem", OFFSET(fail_nomem) },
	{ "fail_nospace", OFFSET(fail_nospace) },
	{ "fail_quota", OFFSET(fail_quota) },
	{ "moves", OFFSET(moves) },
	{ "moved", OFFSET(moved_bytes) },
	{ "moves_refused_pinned", OFFSET(moves_refused_pinned) },
	{ "moves_refused_referenced", OFFSET(moves_refused_referenced) },
	{ "moves_refused_bad", OFFSET(moves_refused_bad) },
	{ "moves_refused_no_room", OFFSET(moves_refused_no_room) },
};

FIXTURE(sysfs)
{
	int fd;
};

FIXTURE_SETUP(sysfs)
{
	self->fd = pool_open();
	ASSERT_GE(self->fd, 0);
}

FIXTURE_TEARDOWN_PARENT(sysfs)
{
	EXPECT_TRUE(wait_all_free());
}

static const char *path_of(int i)
{
	static char path[128];

	snprintf(path, sizeof(path), DIR "%s", files[i].name);
	return path;
}

/* Whether each file is one line with the same number as in @stats. */
static bool files_agree(const struct framepool_ioc_stats *stats)
{
	char wanted[32];
	bool agree = true;
	int i;

	for (i = 0; i < ARRAY_SIZE(files); i++) {
		snprintf(wanted, sizeof(wanted), "%llu\n",
			 *(__u64 *)((char *)stats + files[i].field));
		if (!strcmp(wanted, read_file(path_of(i))))
			continue;
		fprintf(stderr, "# %s: %s, not %s", files[i].name, read_file(path_of(i)), wanted);
		agree = false;
	}
	return agree;
}

TEST_F(sysfs, files_agree_with_the_call)
{
	struct framepool_ioc_stats stats;
	struct buffer buffer, small;
	int pipe;

	ASSERT_TRUE(wait_clean(self->fd, &stats));
	EXPECT_TRUE(files_agree(&stats));
	ASSERT_EQ(0, buffer_alloc(self->fd, 3 * HUGE_FRAME + FRAME, &buffer));
	ASSERT_EQ(0, buffer_alloc(self->fd, FRAME, &small));
	ASSERT_EQ(0, handle_free(self->fd, buffer.handle));
	EXPECT_EQ(-ENOMEM, buffer_alloc(self->fd, 2 * POOL_BYTES, &buffer));
	pipe = strand(self->fd, HUGE_FRAME);
	ASSERT_GE(pipe, 0);
	ASSERT_EQ(0, pool_stats(self->fd, &stats));
	EXPECT_EQ(HUGE_FRAME, stats.quarantined_bytes);
	EXPECT_EQ(1, stats.buffers);
	EXPECT_TRUE(files_agree(&stats));
	ASSERT_EQ(0, close(pipe));
}

TEST_F(sysfs, anybody_reads_and_nobody_writes)
{
	struct stat file;
	pid_t pid;
	int i;

	for (i = 0; i < ARRAY_SIZE(files); i++) {
		ASSERT_EQ(0, stat(path_of(i), &file));
		EXPECT_EQ(S_IFREG | 0444, file.st_mode);
		EXPECT_NE(0, write_file(path_of(i), "1"));
	}
	pid = child_fork();
	if (!pid) {
		CHILD_CHECK(!setgroups(0, NULL) && !setgid(NOBODY) && !setuid(NOBODY));
		for (i = 0; i < ARRAY_SIZE(files); i++)
			CHILD_CHECK(atoll(read_file(path_of(i))) || *read_file(path_of(i)) == '0');
		_exit(0);
	}
	EXPECT_EQ(0, child_wait(pid));
}

TEST_HARNESS_MAIN
