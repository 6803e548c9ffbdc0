// SPDX-License-Identifier: GPL-2.0-only
/* How much a client and a user may hold, what is charged, and how an administrator sets it. */
#include "common.h"
#include "child.h"
#include "memory.h"

#include <grp.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/uio.h>

#define DRAIN		"/sys/class/framepool/" POOL_NAME "/drain"
#define CLIENT_QUOTA	"/sys/class/framepool/" POOL_NAME "/client_quota"
#define USER_QUOTA	"/sys/class/framepool/" POOL_NAME "/user_quota"
#define USERS		"/sys/kernel/debug/framepool/" POOL_NAME "/users"
#define CGROUPS		"/sys/fs/cgroup"
#define CGROUP		CGROUPS "/framepool"
#define NOBODY		65534
#define THREADS		4
#define ROUNDS		2000
#define CHARGE_ROUNDS	48	/* batches that take three quarters of the pool */

FIXTURE(limits)
{
	int fd;
	int other;
};

static int set_limit(const char *path, unsigned long bytes)
{
	char text[32];

	snprintf(text, sizeof(text), "%lu\n", bytes);
	return write_file(path, text);
}

FIXTURE_SETUP(limits)
{
	self->fd = pool_open();
	ASSERT_GE(self->fd, 0);
	self->other = pool_open();
	ASSERT_GE(self->other, 0);
}

FIXTURE_TEARDOWN_PARENT(limits)
{
	EXPECT_EQ(0, set_limit(CLIENT_QUOTA, 0));
	EXPECT_EQ(0, set_limit(USER_QUOTA, 0));
	EXPECT_EQ(0, chmod(DEVICE, 0660));
	EXPECT_TRUE(wait_all_free());
}

/* Finds the line of @uid in "users" of debugfs; false: there is none. */
static bool user_is_charged(unsigned int uid, unsigned int *clients, __u64 *held, __u64 *charged,
			    __u64 *quarantined)
{
	unsigned long long h, c, q;
	unsigned int u;
	const char *line;

	for (line = strchr(read_file(USERS), '\n'); line; line = strchr(line + 1, '\n')) {
		if (sscanf(line + 1, "%u %u %llu %llu %llu", &u, clients, &h, &c, &q) == 5 &&
		    u == uid) {
			*held = h;
			*charged = c;
			*quarantined = q;
			return true;
		}
	}
	return false;
}

/* Drains first, since a client may keep a huge frame for a second. */
static bool root_is_charged(__u64 held, __u64 charged, __u64 quarantined)
{
	unsigned int clients;
	__u64 h = 0, c = 0, q = 0;

	if (!drain_pool())
		return false;
	if (WAIT_FOR(user_is_charged(0, &clients, &h, &c, &q) && h == held && c == charged &&
		     q == quarantined))
		return true;
	fprintf(stderr, "# root holds %llu (expected %llu), is charged %llu (%llu), %llu (%llu) "
		"of it in quarantine\n", h, held, c, charged, q, quarantined);
	return false;
}

TEST_F(limits, files_are_for_root_to_write_and_all_to_read)
{
	struct stat file;
	pid_t pid;

	ASSERT_EQ(0, stat(CLIENT_QUOTA, &file));
	EXPECT_EQ(S_IFREG | 0644, file.st_mode);
	ASSERT_EQ(0, stat(USER_QUOTA, &file));
	EXPECT_EQ(S_IFREG | 0644, file.st_mode);
	EXPECT_STREQ("0\n", read_file(CLIENT_QUOTA));
	EXPECT_STREQ("0\n", read_file(USER_QUOTA));
	pid = child_fork();
	if (!pid) {
		CHILD_CHECK(!setgroups(0, NULL) && !setgid(NOBODY) && !setuid(NOBODY));
		CHILD_CHECK(set_limit(CLIENT_QUOTA, 1) == -EACCES);
		CHILD_CHECK(set_limit(USER_QUOTA, 1) == -EACCES);
		CHILD_CHECK(!strcmp(read_file(USER_QUOTA), "0\n"));
		_exit(0);
	}
	EXPECT_EQ(0, child_wait(pid));
}

TEST_F(limits, drain_accepts_1_from_root_and_nothing_else)
{
	static const char * const nonsense[] = { "0", "2", "yes", "1 ", "\n" };
	struct stat file;
	int i;

	ASSERT_EQ(0, stat(DRAIN, &file));
	EXPECT_EQ(S_IFREG | 0200, file.st_mode);
	for (i = 0; i < ARRAY_SIZE(nonsense); i++)
		EXPECT_EQ(-EINVAL, write_file(DRAIN, nonsense[i]));
	EXPECT_EQ(0, write_file(DRAIN, "1"));
	EXPECT_EQ(0, write_file(DRAIN, "1\n"));
}

TEST_F(limits, written_limits_show_in_files_and_info)
{
	struct framepool_ioc_info info;

	ASSERT_EQ(0, set_limit(CLIENT_QUOTA, 5 * MIB));
	ASSERT_EQ(0, write_file(USER_QUOTA, "0x700000"));
	EXPECT_STREQ("5242880\n", read_file(CLIENT_QUOTA));
	EXPECT_STREQ("7340032\n", read_file(USER_QUOTA));
	ASSERT_EQ(0, pool_info(self->fd, &info));
	EXPECT_EQ(5 * MIB, info.client_quota_bytes);
	EXPECT_EQ(0x700000, info.user_quota_bytes);
	ASSERT_EQ(0, set_limit(USER_QUOTA, INT64_MAX));
	EXPECT_STREQ("9223372036854775807\n", read_file(USER_QUOTA));
}

TEST_F(limits, sizes_with_units_are_exact)
{
	static const struct {
		const char *text;
		const char *bytes;
	} sizes[] = {
		{ "3000K\n", "3072000\n" }, { "5m", "5242880\n" }, { "0x10G\n", "17179869184\n" },
		{ "8388607T\n", "9223370937343148032\n" }, { "0M", "0\n" },
	};
	int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		EXPECT_EQ(0, write_file(CLIENT_QUOTA, sizes[i].text)) TH_LOG("'%s'", sizes[i].text);
		EXPECT_STREQ(sizes[i].bytes, read_file(CLIENT_QUOTA));
		EXPECT_EQ(0, write_file(USER_QUOTA, sizes[i].text));
		EXPECT_STREQ(sizes[i].bytes, read_file(USER_QUOTA));
	}
}

TEST_F(limits, nonsense_is_refused_and_changes_nothing)
{
	static const char * const nonsense[] = {
		"\n", "some", "-1", "1 2", "0x", "1.5", "M", "4MB", "4 M", "4M ", "4MM", "1.5M",
		"-1K", "4Q", "4\nM", "4M\n\n",
	};
	static const char * const large[] = {
		"9223372036854775808", "18446744073709551616", "9007199254740992K",
		"8796093022208M", "8589934592G", "8388608T", "18446744073709551616K",
		"10000000000000000000000000000",
	};
	int i;

	ASSERT_EQ(0, set_limit(CLIENT_QUOTA, 3 * MIB));
	for (i = 0; i < ARRAY_SIZE(nonsense); i++) {
		EXPECT_EQ(-EINVAL, write_file(CLIENT_QUOTA, nonsense[i]))
			TH_LOG("'%s'", nonsense[i]);
		EXPECT_EQ(-EINVAL, write_file(USER_QUOTA, nonsense[i]));
	}
	for (i = 0; i < ARRAY_SIZE(large); i++) {
		EXPECT_EQ(-ERANGE, write_file(CLIENT_QUOTA, large[i]));
		EXPECT_EQ(-ERANGE, write_file(USER_QUOTA, large[i]));
	}
	EXPECT_STREQ("3145728\n", read_file(CLIENT_QUOTA));
	EXPECT_STREQ("0\n", read_file(USER_QUOTA));
}

/* What is left of a huge frame that is charged can be used to the last frame. */
TEST_F(limits, client_may_be_charged_its_quota_to_the_huge_frame)
{
	struct buffer large, small;

	ASSERT_EQ(0, set_limit(CLIENT_QUOTA, 3 * HUGE_FRAME - 1));
	EXPECT_EQ(-EDQUOT, buffer_alloc(self->fd, 2 * HUGE_FRAME + 1, &large));
	ASSERT_EQ(0, buffer_alloc(self->fd, 2 * HUGE_FRAME - FRAME, &large));
	ASSERT_EQ(0, buffer_alloc(self->fd, 1, &small));
	EXPECT_EQ(-EDQUOT, buffer_alloc(self->fd, 1, &small));
	EXPECT_EQ(0, buffer_alloc(self->other, MIB, &small));
	EXPECT_TRUE(root_is_charged(2 * HUGE_FRAME + MIB, 3 * HUGE_FRAME, 0));
}

TEST_F(limits, limit_below_a_huge_frame_is_refused)
{
	EXPECT_EQ(-EINVAL, set_limit(CLIENT_QUOTA, 1));
	EXPECT_EQ(-EINVAL, set_limit(USER_QUOTA, HUGE_FRAME - 1));
	EXPECT_STREQ("0\n", read_file(CLIENT_QUOTA));
	EXPECT_STREQ("0\n", read_file(USER_QUOTA));
	EXPECT_EQ(0, set_limit(CLIENT_QUOTA, HUGE_FRAME));
}

/* Each of these buffers takes a huge frame of its own, which no other client can use. */
TEST_F(limits, small_buffers_aligned_to_huge_frames_are_charged_as_such)
{
	struct buffer buffer;

	ASSERT_EQ(0, set_limit(CLIENT_QUOTA, 2 * HUGE_FRAME));
	ASSERT_EQ(0, buffer_alloc_at(self->fd, FRAME, HUGE_FRAME, 0, &buffer));
	ASSERT_EQ(0, buffer_alloc_at(self->fd, FRAME, HUGE_FRAME, 0, &buffer));
	EXPECT_EQ(-EDQUOT, buffer_alloc_at(self->fd, FRAME, HUGE_FRAME, 0, &buffer));
	EXPECT_EQ(0, buffer_alloc(self->fd, FRAME, &buffer));
	EXPECT_TRUE(root_is_charged(3 * FRAME, 2 * HUGE_FRAME, 0));
}

TEST_F(limits, stats_tell_what_is_held_and_charged)
{
	struct framepool_ioc_stats stats;
	struct buffer buffer;

	ASSERT_EQ(0, buffer_alloc(self->fd, FRAME, &buffer));
	ASSERT_EQ(0, buffer_alloc(self->other, 2 * HUGE_FRAME + FRAME, &buffer));
	ASSERT_EQ(0, pool_stats(self->fd, &stats));
	EXPECT_EQ(FRAME, stats.client_held_bytes);
	EXPECT_EQ(HUGE_FRAME, stats.client_charged_bytes);
	EXPECT_EQ(4 * HUGE_FRAME, stats.user_charged_bytes);
	EXPECT_EQ(4 * HUGE_FRAME, stats.charged_bytes);
	ASSERT_EQ(0, pool_stats(self->other, &stats));
	EXPECT_EQ(2 * HUGE_FRAME + FRAME, stats.client_held_bytes);
	EXPECT_EQ(3 * HUGE_FRAME, stats.client_charged_bytes);
}

TEST_F(limits, kept_huge_frame_makes_room_for_a_long_buffer)
{
	struct buffer buffer;

	ASSERT_EQ(0, set_limit(CLIENT_QUOTA, HUGE_FRAME));
	ASSERT_EQ(0, buffer_alloc(self->fd, FRAME, &buffer));
	ASSERT_EQ(0, handle_free(self->fd, buffer.handle));
	EXPECT_EQ(0, buffer_alloc(self->fd, HUGE_FRAME, &buffer));
}

TEST_F(limits, limit_below_what_is_held_refuses_only_what_is_new)
{
	struct framepool_ioc_stats stats;
	struct buffer first, second, third = { 0 };
	const char *paths[] = { CLIENT_QUOTA, USER_QUOTA };
	char *p;
	int i;

	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, buffer_alloc(self->fd, 4 * MIB, &first));
		ASSERT_EQ(0, buffer_alloc(self->fd, 4 * MIB, &second));
		ASSERT_EQ(0, set_limit(paths[i], 5 * MIB));
		EXPECT_EQ(-EDQUOT, buffer_alloc(self->fd, FRAME, &third));
		p = buffer_map(self->fd, &first);
		ASSERT_NE(MAP_FAILED, p);
		memset(p, PATTERN_MINE, first.length);
		ASSERT_EQ(0, munmap(p, first.length));
		ASSERT_EQ(0, handle_free(self->fd, first.handle));
		ASSERT_TRUE(wait_clean(self->fd, &stats));
		EXPECT_EQ(-EDQUOT, buffer_alloc(self->fd, FRAME, &third));
		ASSERT_EQ(0, set_limit(paths[i], 7 * MIB));
		EXPECT_EQ(0, buffer_alloc(self->fd, MIB, &first));
		EXPECT_EQ(-EDQUOT, buffer_alloc(self->fd, HUGE_FRAME, &third));
		ASSERT_EQ(0, set_limit(paths[i], 0));
		EXPECT_EQ(0, buffer_alloc(self->fd, 8 * MIB, &third));
		ASSERT_EQ(0, handle_free(self->fd, first.handle));
		ASSERT_EQ(0, handle_free(self->fd, second.handle));
		ASSERT_EQ(0, handle_free(self->fd, third.handle));
		/* A huge frame that is kept could serve the next small buffer. */
		ASSERT_TRUE(drain_pool());
		ASSERT_TRUE(wait_clean(self->fd, &stats));
	}
}

TEST_F(limits, clients_of_one_user_share_its_quota)
{
	struct framepool_ioc_stats before, after;
	struct buffer buffer;

	ASSERT_EQ(0, set_limit(USER_QUOTA, 6 * MIB));
	ASSERT_EQ(0, pool_stats(self->fd, &before));
	ASSERT_EQ(0, buffer_alloc(self->fd, 4 * MIB, &buffer));
	EXPECT_EQ(-EDQUOT, buffer_alloc(self->other, 3 * MIB, &buffer));
	EXPECT_EQ(0, buffer_alloc(self->other, MIB, &buffer));
	EXPECT_EQ(-EDQUOT, buffer_alloc(self->fd, 1, &buffer));
	ASSERT_EQ(0, pool_stats(self->fd, &after));
	EXPECT_EQ(before.fail_quota + 2, after.fail_quota);
	ASSERT_EQ(0, close(self->fd));
	EXPECT_EQ(0, buffer_alloc(self->other, 4 * MIB, &buffer));
}

TEST_F(limits, other_user_has_a_quota_of_its_own)
{
	struct buffer buffer;
	pid_t pid;

	ASSERT_EQ(0, chmod(DEVICE, 0666));
	ASSERT_EQ(0, set_limit(USER_QUOTA, 4 * MIB));
	ASSERT_EQ(0, buffer_alloc(self->fd, 4 * MIB, &buffer));
	pid = child_fork();
	if (!pid) {
		int fd;

		CHILD_CHECK(!setgroups(0, NULL) && !setgid(NOBODY) && !setuid(NOBODY));
		/* The user who opened the client is charged, not the one who calls. */
		CHILD_CHECK(buffer_alloc(self->fd, FRAME, &buffer) == -EDQUOT);
		fd = pool_open();
		CHILD_CHECK(fd >= 0);
		CHILD_CHECK(!buffer_alloc(fd, 4 * MIB, &buffer));
		CHILD_CHECK(buffer_alloc(fd, FRAME, &buffer) == -EDQUOT);
		_exit(0);
	}
	EXPECT_EQ(0, child_wait(pid));
}

/* More than fit into the first attempt of the file, and opened in another order than its own. */
TEST_F(limits, many_users_are_listed_each_with_all_of_its_clients)
{
	enum { USERS_NR = 40, CLIENTS = 2, FIRST = 1000 };
	unsigned int clients, last = 0, uid;
	__u64 held, charged, quarantined;
	int fds[USERS_NR * CLIENTS], i;
	struct buffer buffer;
	const char *line;

	for (i = 0; i < USERS_NR * CLIENTS; i++) {
		ASSERT_EQ(0, setresuid(FIRST + i * 7 % USERS_NR, 0, 0));
		fds[i] = pool_open();
		ASSERT_GE(fds[i], 0);
	}
	ASSERT_EQ(0, setresuid(0, 0, 0));
	for (i = 0; i < USERS_NR; i++) {
		ASSERT_EQ(0, buffer_alloc(fds[i], FRAME, &buffer));
	}
	for (i = 0; i < USERS_NR; i++) {
		ASSERT_TRUE(user_is_charged(FIRST + i, &clients, &held, &charged, &quarantined));
		EXPECT_EQ(CLIENTS, clients);
		EXPECT_EQ(FRAME, held);
		EXPECT_EQ(HUGE_FRAME, charged);
	}
	for (line = strchr(read_file(USERS), '\n'); sscanf(line + 1, "%u", &uid) == 1;
	     line = strchr(line + 1, '\n')) {
		EXPECT_LE(last, uid);
		last = uid;
	}
	EXPECT_EQ(FIRST + USERS_NR - 1, last);
	for (i = 0; i < USERS_NR * CLIENTS; i++) {
		EXPECT_EQ(0, close(fds[i]));
	}
}

TEST_F(limits, refusal_by_one_limit_charges_neither)
{
	struct buffer buffer;

	/* Refused by the user's quota. */
	ASSERT_EQ(0, buffer_alloc(self->other, 4 * MIB, &buffer));
	ASSERT_EQ(0, set_limit(CLIENT_QUOTA, 2 * MIB));
	ASSERT_EQ(0, set_limit(USER_QUOTA, 5 * MIB));
	EXPECT_EQ(-EDQUOT, buffer_alloc(self->fd, 2 * MIB, &buffer));
	ASSERT_EQ(0, set_limit(USER_QUOTA, 6 * MIB));
	ASSERT_EQ(0, buffer_alloc(self->fd, 2 * MIB, &buffer));
	ASSERT_EQ(0, handle_free(self->fd, buffer.handle));

	/* Refused by the client's quota. */
	EXPECT_EQ(-EDQUOT, buffer_alloc(self->fd, 2 * MIB + 1, &buffer));
	EXPECT_TRUE(root_is_charged(4 * MIB, 4 * MIB, 0));
	EXPECT_EQ(0, buffer_alloc(self->fd, 2 * MIB, &buffer));
}

TEST_F(limits, failed_allocation_charges_nothing)
{
	struct buffer buffer;

	EXPECT_EQ(-ENOMEM, buffer_alloc(self->fd, POOL_BYTES + 1, &buffer));
	EXPECT_EQ(-ENOSPC, buffer_alloc_at(self->fd, FRAME, 0, FRAME, &buffer));
	EXPECT_TRUE(root_is_charged(0, 0, 0));
}

TEST_F(limits, mapped_buffer_counts_until_it_is_unmapped)
{
	struct framepool_ioc_stats stats;
	struct buffer buffer;
	char *p;

	ASSERT_EQ(0, set_limit(USER_QUOTA, 4 * MIB));
	ASSERT_EQ(0, buffer_alloc(self->fd, 4 * MIB, &buffer));
	p = buffer_map(self->fd, &buffer);
	ASSERT_NE(MAP_FAILED, p);
	ASSERT_EQ(0, handle_free(self->fd, buffer.handle));
	EXPECT_EQ(-EDQUOT, buffer_alloc(self->other, FRAME, &buffer));

	/* The mapping keeps the client itself. */
	ASSERT_EQ(0, close(self->fd));
	EXPECT_EQ(-EDQUOT, buffer_alloc(self->other, FRAME, &buffer));
	EXPECT_TRUE(root_is_charged(4 * MIB, 4 * MIB, 0));
	ASSERT_EQ(0, munmap(p, 4 * MIB));
	EXPECT_EQ(0, buffer_alloc(self->other, 4 * MIB, &buffer));
	ASSERT_EQ(0, handle_free(self->other, buffer.handle));
	EXPECT_TRUE(wait_clean(self->other, &stats));
	EXPECT_TRUE(root_is_charged(0, 0, 0));
}

TEST_F(limits, quarantined_memory_counts_until_it_is_let_go)
{
	struct framepool_ioc_stats stats;
	struct buffer buffer;
	int pipe;

	ASSERT_EQ(0, set_limit(USER_QUOTA, 4 * MIB));
	pipe = strand(self->fd, HUGE_FRAME);
	ASSERT_GE(pipe, 0);
	EXPECT_TRUE(root_is_charged(0, HUGE_FRAME, HUGE_FRAME));
	EXPECT_EQ(-EDQUOT, buffer_alloc(self->other, 2 * MIB + 1, &buffer));
	ASSERT_EQ(0, buffer_alloc(self->other, 2 * MIB, &buffer));
	EXPECT_EQ(-EDQUOT, buffer_alloc(self->fd, FRAME, &buffer));

	/* The user is charged for it, and still is when the client is gone. */
	ASSERT_EQ(0, close(self->fd));
	EXPECT_TRUE(root_is_charged(2 * MIB, 4 * MIB, HUGE_FRAME));
	EXPECT_EQ(-EDQUOT, buffer_alloc(self->other, FRAME, &buffer));
	ASSERT_EQ(0, close(pipe));
	EXPECT_EQ(0, buffer_alloc(self->other, 2 * MIB, &buffer));
	ASSERT_TRUE(wait_clean(self->other, &stats));
	EXPECT_TRUE(root_is_charged(4 * MIB, 4 * MIB, 0));
}

TEST_F(limits, quarantined_small_buffer_counts_as_its_huge_frame)
{
	struct framepool_ioc_stats stats;
	int pipe = strand(self->fd, FRAME);

	ASSERT_GE(pipe, 0);
	ASSERT_TRUE(drain_pool());
	EXPECT_TRUE(root_is_charged(0, HUGE_FRAME, HUGE_FRAME));
	ASSERT_EQ(0, close(pipe));
	ASSERT_TRUE(wait_clean(self->fd, &stats));
	EXPECT_TRUE(root_is_charged(0, 0, 0));
}

TEST_F(limits, tail_of_a_long_buffer_in_quarantine_counts)
{
	struct framepool_ioc_stats stats;
	int pipe = strand(self->fd, 2 * HUGE_FRAME + FRAME);

	ASSERT_GE(pipe, 0);
	/* The held page is in the first huge frame. The other two come back. */
	for (;;) {
		ASSERT_EQ(0, pool_stats(self->fd, &stats));
		if (stats.quarantined_bytes == HUGE_FRAME)
			break;
		sleep_ms(10);
	}
	EXPECT_TRUE(root_is_charged(0, HUGE_FRAME, HUGE_FRAME));
	ASSERT_EQ(0, close(pipe));
	ASSERT_TRUE(wait_clean(self->fd, &stats));
	EXPECT_TRUE(root_is_charged(0, 0, 0));
}

TEST_F(limits, user_without_clients_is_listed_while_it_has_something_in_quarantine)
{
	struct framepool_ioc_stats stats;
	unsigned int clients;
	__u64 held, charged, quarantined;
	int ends[2];
	pid_t pid;

	ASSERT_EQ(0, chmod(DEVICE, 0666));
	ASSERT_EQ(0, pipe(ends));
	pid = child_fork();
	if (!pid) {
		struct iovec frame;
		struct buffer buffer;
		int fd;

		CHILD_CHECK(!setgroups(0, NULL) && !setgid(NOBODY) && !setuid(NOBODY));
		fd = pool_open();
		CHILD_CHECK(fd >= 0 && !buffer_alloc(fd, FRAME, &buffer));
		frame = (struct iovec){ buffer_map(fd, &buffer), FRAME };
		*(char *)frame.iov_base = 1;
		CHILD_CHECK(vmsplice(ends[1], &frame, 1, 0) == FRAME);
		_exit(0);
	}
	EXPECT_EQ(0, child_wait(pid));
	ASSERT_TRUE(user_is_charged(NOBODY, &clients, &held, &charged, &quarantined));
	EXPECT_EQ(0, clients);
	EXPECT_EQ(0, held);
	EXPECT_EQ(HUGE_FRAME, charged);
	EXPECT_EQ(HUGE_FRAME, quarantined);
	ASSERT_EQ(0, close(ends[0]));
	ASSERT_EQ(0, close(ends[1]));
	ASSERT_TRUE(wait_clean(self->fd, &stats));
	EXPECT_FALSE(user_is_charged(NOBODY, &clients, &held, &charged, &quarantined));
}

TEST_F_TIMEOUT(limits, freed_memory_can_be_allocated_again_at_once, SLOW_TEST_SECONDS)
{
	struct buffer buffer;
	char *p;
	int i;

	ASSERT_EQ(0, set_limit(USER_QUOTA, 8 * MIB));
	for (i = 0; i < 20; i++) {
		ASSERT_EQ(0, buffer_alloc(i % 2 ? self->fd : self->other, 8 * MIB, &buffer));
		p = buffer_map(i % 2 ? self->fd : self->other, &buffer);
		ASSERT_NE(MAP_FAILED, p);
		touch(p, buffer.length);
		ASSERT_EQ(0, munmap(p, buffer.length));
		ASSERT_EQ(0, handle_free(i % 2 ? self->fd : self->other, buffer.handle));
	}
}

static void fill_allocs(struct framepool_ioc_alloc *allocs, int count, __u64 length)
{
	int i;

	for (i = 0; i < count; i++)
		allocs[i] = (struct framepool_ioc_alloc){
			.size = sizeof(*allocs),
			.length = length,
		};
}

TEST_F(limits, batch_beyond_a_quota_is_refused_or_cut_short)
{
	const char *paths[] = { CLIENT_QUOTA, USER_QUOTA };
	struct framepool_ioc_stats before, after;
	struct framepool_ioc_alloc allocs[8];
	struct framepool_ioc_batch batch;
	int i, j;

	for (i = 0; i < 2; i++) {
		fill_allocs(allocs, 8, HUGE_FRAME);
		ASSERT_EQ(0, set_limit(paths[i], 5 * HUGE_FRAME));
		ASSERT_EQ(0, pool_stats(self->fd, &before));
		EXPECT_EQ(-EDQUOT, alloc_batch(self->fd, 0, allocs, 8, &batch));
		EXPECT_EQ(5, batch.failed);
		EXPECT_EQ(EDQUOT, batch.error);
		EXPECT_EQ(0, batch.done);
		EXPECT_TRUE(root_is_charged(0, 0, 0));
		ASSERT_EQ(0, pool_stats(self->fd, &after));
		EXPECT_EQ(before.fail_quota + 1, after.fail_quota);
		EXPECT_EQ(0, alloc_batch(self->fd, FRAMEPOOL_BATCH_PARTIAL, allocs, 8, &batch));
		EXPECT_EQ(5, batch.done);
		EXPECT_EQ(5, batch.failed);
		EXPECT_EQ(EDQUOT, batch.error);
		EXPECT_TRUE(root_is_charged(5 * HUGE_FRAME, 5 * HUGE_FRAME, 0));
		for (j = 0; j < 5; j++) {
			ASSERT_EQ(0, handle_free(self->fd, allocs[j].handle));
		}
		ASSERT_EQ(0, set_limit(paths[i], 0));
	}
}

TEST_F(limits, batch_that_fails_later_charges_only_what_it_got)
{
	struct framepool_ioc_alloc allocs[8];
	struct framepool_ioc_batch batch;

	fill_allocs(allocs, 8, MIB);
	allocs[5].limit = FRAME;
	EXPECT_EQ(-ENOSPC, alloc_batch(self->fd, 0, allocs, 8, &batch));
	EXPECT_TRUE(root_is_charged(0, 0, 0));
	EXPECT_EQ(0, alloc_batch(self->fd, FRAMEPOOL_BATCH_PARTIAL, allocs, 8, &batch));
	EXPECT_EQ(5, batch.done);
	EXPECT_TRUE(root_is_charged(5 * MIB, 3 * HUGE_FRAME, 0));
}

struct racer {
	int fd;
	unsigned int seed;
	int bad;
	int refused;
};

static void *race(void *arg)
{
	struct racer *racer = arg;
	struct framepool_ioc_stats stats;
	struct buffer buffer;
	int i, ret;

	for (i = 0; i < ROUNDS; i++) {
		ret = buffer_alloc(racer->fd, FRAME * (1 + rand_r(&racer->seed) % 400), &buffer);
		if (ret == -EDQUOT) {
			racer->refused++;
			continue;
		}
		if (ret || pool_stats(racer->fd, &stats) || stats.used_bytes > 4 * MIB)
			racer->bad++;
		if (!ret && handle_free(racer->fd, buffer.handle))
			racer->bad++;
	}
	return NULL;
}

TEST_F_TIMEOUT(limits, racing_clients_never_hold_more_than_the_quota, SLOW_TEST_SECONDS)
{
	struct racer racers[THREADS];
	pthread_t threads[THREADS];
	struct buffer buffer;
	int i;

	ASSERT_EQ(0, set_limit(USER_QUOTA, 4 * MIB));
	for (i = 0; i < THREADS; i++) {
		racers[i] = (struct racer){
			.fd = i % 2 ? self->fd : self->other,
			.seed = i + 1,
		};
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, race, &racers[i]));
	}
	for (i = 0; i < THREADS; i++) {
		ASSERT_EQ(0, pthread_join(threads[i], NULL));
		EXPECT_EQ(0, racers[i].bad);
	}
	EXPECT_TRUE(root_is_charged(0, 0, 0));
	EXPECT_EQ(0, buffer_alloc(self->fd, 4 * MIB, &buffer));
}

TEST_F_TIMEOUT(limits, clients_that_come_and_go_leave_no_user, SLOW_TEST_SECONDS)
{
	unsigned int clients;
	__u64 held, charged, quarantined;
	pid_t pids[THREADS];
	int i, j;

	ASSERT_EQ(0, chmod(DEVICE, 0666));
	for (i = 0; i < THREADS; i++) {
		pids[i] = child_fork();
		if (!pids[i]) {
			CHILD_CHECK(!setgroups(0, NULL) && !setgid(NOBODY) &&
				    !setuid(NOBODY - i % 2));
			for (j = 0; j < ROUNDS; j++) {
				struct buffer buffer;
				int fd = pool_open();

				CHILD_CHECK(fd >= 0 && !buffer_alloc(fd, 3 * FRAME, &buffer));
				CHILD_CHECK(!close(fd));
			}
			_exit(0);
		}
	}
	for (i = 0; i < THREADS; i++) {
		EXPECT_EQ(0, child_wait(pids[i]));
	}
	EXPECT_FALSE(user_is_charged(NOBODY, &clients, &held, &charged, &quarantined));
	EXPECT_FALSE(user_is_charged(NOBODY - 1, &clients, &held, &charged, &quarantined));
	EXPECT_TRUE(root_is_charged(0, 0, 0));
}

/*
 * Enters a memory cgroup of its own, after it has bound itself to one processor. The kernel charges
 * up to 64 pages in advance for each processor that works for a cgroup, so memory.current is off by
 * no more than that.
 */
static bool enter_memory_cgroup(void)
{
	cpu_set_t first;
	char pid[16];

	CPU_ZERO(&first);
	CPU_SET(0, &first);
	snprintf(pid, sizeof(pid), "%d", getpid());
	return !sched_setaffinity(0, sizeof(first), &first) &&
	       !write_file(CGROUPS "/cgroup.subtree_control", "+memory") && !mkdir(CGROUP, 0755) &&
	       !write_file(CGROUP "/cgroup.procs", pid);
}

/* Removes it, which may have to wait until the kernel is done with its last process. */
static int remove_memory_cgroup(void)
{
	double end = seconds_now() + IDLE_SECONDS;

	while (rmdir(CGROUP)) {
		if (errno != EBUSY || seconds_now() > end)
			return -errno;
		sleep_ms(10);
	}
	return 0;
}

static long charged_bytes(void)
{
	return atol(read_file(CGROUP "/memory.current"));
}

/* Allocates frames one by one. The bookkeeping of each takes more than 64 bytes. */
static void be_charged(void)
{
	static struct framepool_ioc_alloc entries[FRAMEPOOL_BATCH_MAX];
	struct framepool_ioc_batch batch;
	int fd = pool_open(), i, round;
	long before, charged;

	CHILD_CHECK(enter_memory_cgroup());
	for (i = 0; i < FRAMEPOOL_BATCH_MAX; i++)
		entries[i] = (struct framepool_ioc_alloc){
			.size = sizeof(entries[i]),
			.length = FRAME,
		};
	before = charged_bytes();
	for (round = 0; round < CHARGE_ROUNDS; round++)
		CHILD_CHECK(!alloc_batch(fd, 0, entries, FRAMEPOOL_BATCH_MAX, &batch));
	charged = charged_bytes() - before;
	fprintf(stderr, "# the memory cgroup is charged %ld bytes for %d buffers\n", charged,
		CHARGE_ROUNDS * FRAMEPOOL_BATCH_MAX);
	CHILD_CHECK(charged > CHARGE_ROUNDS * FRAMEPOOL_BATCH_MAX * 64);
	_exit(0);
}

TEST_F(limits, bookkeeping_is_charged_to_the_memory_cgroup)
{
	pid_t pid;

	if (mount("none", CGROUPS, "cgroup2", 0, NULL) ||
	    access(CGROUPS "/cgroup.controllers", R_OK) ||
	    !strstr(read_file(CGROUPS "/cgroup.controllers"), "memory"))
		SKIP(return, "this kernel has no memory cgroups");
	pid = child_fork();
	if (!pid)
		be_charged();
	EXPECT_EQ(0, child_wait(pid));
	EXPECT_EQ(0, remove_memory_cgroup());
	EXPECT_EQ(0, umount(CGROUPS));
}

TEST_HARNESS_MAIN
