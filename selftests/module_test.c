// SPDX-License-Identifier: GPL-2.0-only
/*
 * Loading and unloading: every parameter with values that are refused and accepted, and the memory
 * that has to come back. Leaves the module loaded as it found it.
 */
#include "common.h"
#include "child.h"
#include "memory.h"
#include "module.h"

#include <grp.h>
#include <sys/stat.h>
#include <sys/uio.h>

#define SMALL_BYTES		(64 * MIB)
#define NOBODY			65534
#define SOME_GROUP		1234
#define CHURN_FILES		200000
#define CHURN_SECONDS		6

FIXTURE(module)
{
	long free_bytes;	/* of the machine, without the module */
};

FIXTURE_SETUP(module)
{
	if (is_loaded()) {
		ASSERT_EQ(0, unload());
	}
	self->free_bytes = free_bytes();
	ASSERT_GT(self->free_bytes, 0);
}

FIXTURE_TEARDOWN_PARENT(module)
{
	if (is_loaded()) {
		EXPECT_EQ(0, unload());
	}
	EXPECT_TRUE(memory_is_back(self->free_bytes));
	EXPECT_EQ(0, load(USUAL_PARAMETERS));
	EXPECT_TRUE(wait_all_free());
}

/* Whether loading fails with @error and leaves neither module nor node behind. */
static bool is_refused(const char *parameters, int error)
{
	int ret = load(parameters);

	if (ret == error && !is_loaded() && access(DEVICE_DIR, F_OK))
		return true;
	fprintf(stderr, "# %s: %s, expected %s\n", parameters, ret ? strerror(-ret) : "loaded",
		strerror(-error));
	return false;
}

static int info_of(const char *name, struct framepool_ioc_info *info)
{
	char path[128];
	int ret, fd;

	snprintf(path, sizeof(path), DEVICE_DIR "/%s", name);
	fd = open_errno(path, O_RDWR);
	if (fd < 0)
		return fd;
	ret = pool_info(fd, info);
	close(fd);
	return ret;
}

/* Total bytes of the pool that @parameters give, or a negative errno. */
static long total_with(const char *parameters)
{
	struct framepool_ioc_info info;
	int ret = load(parameters);

	if (ret)
		return ret;
	ret = info_of(POOL_NAME, &info);
	if (!ret)
		ret = unload();
	return ret ? ret : (long)info.total_bytes;
}

TEST_F_TIMEOUT(module, size_of_nonsense_is_refused, SLOW_TEST_SECONDS)
{
	static const char * const bad[] = {
		"size=nonsense", "size=", "size=M", "size=12Q", "size=64MM", "size=64M64M",
		"size=-1", "size=-64M", "size=0", "size=0M", "size=64,M", "size=17179869184G",
		"size=17179869185G",
	};
	int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		EXPECT_TRUE(is_refused(bad[i], -EINVAL));
	}
}

TEST_F_TIMEOUT(module, size_in_any_unit_is_exact, SLOW_TEST_SECONDS)
{
	EXPECT_EQ(SMALL_BYTES, total_with("size=67108864"));
	EXPECT_EQ(SMALL_BYTES, total_with("size=65536K"));
	EXPECT_EQ(SMALL_BYTES, total_with("size=64M"));
}

TEST_F_TIMEOUT(module, size_by_default_is_a_sixteenth, SLOW_TEST_SECONDS)
{
	long memory = proc_number("/proc/meminfo", NULL, "MemTotal") * KIB;
	long total = total_with("");

	EXPECT_GE(total, memory / 16);
	EXPECT_LT(total, memory / 16 + 2 * HUGE_FRAME);
}

TEST_F_TIMEOUT(module, size_beyond_memory_gives_enomem, SLOW_TEST_SECONDS)
{
	EXPECT_TRUE(is_refused("size=64G", -ENOMEM));
	EXPECT_TRUE(is_refused("size=1000000G", -ENOMEM));
	EXPECT_TRUE(memory_is_back(self->free_bytes));
}

TEST_F_TIMEOUT(module, size_of_all_memory_gives_enomem, SLOW_TEST_SECONDS)
{
	long memory = proc_number("/proc/meminfo", NULL, "MemTotal");
	char parameters[64];

	snprintf(parameters, sizeof(parameters), "size=%ldK", memory);
	EXPECT_TRUE(is_refused(parameters, -ENOMEM));
	EXPECT_TRUE(memory_is_back(self->free_bytes));
}

TEST_F_TIMEOUT(module, partial_takes_what_there_is_and_leaves_a_margin, SLOW_TEST_SECONDS)
{
	struct framepool_ioc_info info;

	ASSERT_EQ(0, load("size=64G partial=1"));
	ASSERT_EQ(0, info_of(POOL_NAME, &info));
	EXPECT_GE(info.total_bytes, POOL_BYTES);
	EXPECT_LT(info.total_bytes, self->free_bytes);
	EXPECT_GT(proc_number("/proc/meminfo", NULL, "MemAvailable") * KIB, 32 * MIB);
	ASSERT_EQ(0, unload());
	EXPECT_TRUE(memory_is_back(self->free_bytes));
}

/* Fills memory with kernel objects for a while, and frees them again. */
static bool churn_kernel_memory(void)
{
	double end = seconds_now() + CHURN_SECONDS;
	char name[64];
	bool ok = true;
	int i, fd;

	for (i = 0; i < CHURN_FILES && ok && seconds_now() < end; i++) {
		snprintf(name, sizeof(name), "/dev/shm/%d", i);
		fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
		ok = fd >= 0 && !close(fd);
	}
	while (i--) {
		snprintf(name, sizeof(name), "/dev/shm/%d", i);
		unlink(name);
	}
	return ok;
}

/* Linux 6.12 looks at a page's index, where its former use may have left any value. */
TEST_F_TIMEOUT(module, memory_that_the_kernel_used_is_mapped_huge, SLOW_TEST_SECONDS)
{
	struct buffer buffer;
	size_t huge = 0, all = 0;
	char *p;
	int fd;

	ASSERT_TRUE(churn_kernel_memory());
	self->free_bytes = free_bytes();
	ASSERT_EQ(0, load("size=1G partial=1"));
	fd = pool_open();
	ASSERT_GE(fd, 0);
	while (!buffer_alloc(fd, HUGE_FRAME, &buffer)) {
		p = buffer_map(fd, &buffer);
		ASSERT_NE(MAP_FAILED, p);
		*p = 1;
		huge += smaps_kib(p, "FilePmdMapped") * KIB;
		all += buffer.length;
		ASSERT_EQ(0, munmap(p, buffer.length));
	}
	EXPECT_GE(all, POOL_BYTES);
	EXPECT_EQ(has_huge_pages() ? all : 0, huge);
	ASSERT_EQ(0, close(fd));
}

TEST_F_TIMEOUT(module, name_of_odd_characters_is_refused, SLOW_TEST_SECONDS)
{
	static const char * const bad[] = {
		"name=a/b", "name=../x", "name=..", "name=.", "name=.hidden", "name=",
		"name=\"a b\"", "name=a!b", "name=%s", "name=\"a\tb\"", "name=a\\b",
		"name=\xc3\xa4", "name=a\001b", "name=0123456789abcdef0123456789abcdef",
		"name=0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
	};
	char parameters[128];
	int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		snprintf(parameters, sizeof(parameters), "size=64M %s", bad[i]);
		EXPECT_TRUE(is_refused(parameters, -EINVAL));
	}
}

TEST_F_TIMEOUT(module, name_shows_as_node_and_folder, SLOW_TEST_SECONDS)
{
	static const char * const good[] = {
		"a", "2nd", "Video_in.left-1", "0123456789abcdef0123456789abcde",
	};
	struct framepool_ioc_info info;
	char text[128];
	int i;

	for (i = 0; i < ARRAY_SIZE(good); i++) {
		snprintf(text, sizeof(text), "size=64M name=%s", good[i]);
		ASSERT_EQ(0, load(text));
		EXPECT_EQ(0, info_of(good[i], &info));
		EXPECT_STREQ(good[i], info.name);
		EXPECT_NE(0, access(DEVICE, F_OK));
		snprintf(text, sizeof(text), "/sys/kernel/debug/framepool/%s/summary", good[i]);
		EXPECT_EQ(0, access(text, F_OK));
		ASSERT_EQ(0, unload());
		EXPECT_NE(0, access(text, F_OK));
	}
}

TEST_F_TIMEOUT(module, nonexistent_node_is_refused, SLOW_TEST_SECONDS)
{
	EXPECT_TRUE(is_refused("size=64M node=99", -EINVAL));
	EXPECT_TRUE(is_refused("size=64M node=1000000", -EINVAL));
	EXPECT_TRUE(is_refused("size=64M node=-2", -EINVAL));
	EXPECT_TRUE(is_refused("size=64M node=first", -EINVAL));
}

TEST_F_TIMEOUT(module, existing_node_is_used, SLOW_TEST_SECONDS)
{
	struct framepool_ioc_info info;

	ASSERT_EQ(0, load("size=64M node=0"));
	ASSERT_EQ(0, info_of(POOL_NAME, &info));
	EXPECT_EQ(0, info.node);
	EXPECT_EQ(SMALL_BYTES, info.total_bytes);
}

TEST_F_TIMEOUT(module, invalid_group_is_refused, SLOW_TEST_SECONDS)
{
	EXPECT_TRUE(is_refused("size=64M gid=-1", -EINVAL));
	EXPECT_TRUE(is_refused("size=64M gid=4294967295", -EINVAL));
	EXPECT_TRUE(is_refused("size=64M gid=staff", -EINVAL));
}

TEST_F_TIMEOUT(module, group_may_open_the_node, SLOW_TEST_SECONDS)
{
	struct stat node;
	pid_t pid;

	ASSERT_EQ(0, load("size=64M gid=1234"));
	ASSERT_EQ(0, stat(DEVICE, &node));
	EXPECT_EQ(SOME_GROUP, node.st_gid);
	EXPECT_EQ(0, node.st_uid);
	EXPECT_EQ(S_IFCHR | 0660, node.st_mode);

	pid = child_fork();
	if (!pid) {
		gid_t group = SOME_GROUP;

		CHILD_CHECK(!setgroups(1, &group) && !setgid(NOBODY) && !setuid(NOBODY));
		CHILD_CHECK(pool_open() >= 0);
		_exit(0);
	}
	EXPECT_EQ(0, child_wait(pid));
}

TEST_F_TIMEOUT(module, quota_limits_each_client, SLOW_TEST_SECONDS)
{
	struct framepool_ioc_stats stats;
	struct framepool_ioc_info info;
	struct buffer large, small;
	int fd, other;

	ASSERT_EQ(0, load("size=64M client_quota=4M"));
	fd = pool_open();
	ASSERT_GE(fd, 0);
	other = pool_open();
	ASSERT_GE(other, 0);
	ASSERT_EQ(0, pool_info(fd, &info));
	EXPECT_EQ(4 * MIB, info.client_quota_bytes);
	EXPECT_EQ(0, info.user_quota_bytes);

	EXPECT_EQ(-EDQUOT, buffer_alloc(fd, 4 * MIB + 1, &large));
	ASSERT_EQ(0, buffer_alloc(fd, 4 * MIB - FRAME, &large));
	ASSERT_EQ(0, buffer_alloc(fd, 1, &small));
	EXPECT_EQ(-EDQUOT, buffer_alloc(fd, 1, &small));
	EXPECT_EQ(0, buffer_alloc(other, 4 * MIB, &small));
	EXPECT_EQ(-EDQUOT, buffer_alloc(other, FRAME, &small));

	ASSERT_EQ(0, pool_stats(fd, &stats));
	EXPECT_EQ(3, stats.fail_quota);
	EXPECT_EQ(8 * MIB, stats.used_bytes);
	/* The small buffer keeps the second huge frame. */
	ASSERT_EQ(0, handle_free(fd, large.handle));
	EXPECT_EQ(-EDQUOT, buffer_alloc(fd, 4 * MIB - FRAME, &large));
	EXPECT_EQ(0, buffer_alloc(fd, HUGE_FRAME, &large));
}

TEST_F_TIMEOUT(module, quota_of_mapped_buffer_is_held_after_free, SLOW_TEST_SECONDS)
{
	struct buffer buffer;
	char *p;
	int fd;

	ASSERT_EQ(0, load("size=64M client_quota=4M"));
	fd = pool_open();
	ASSERT_GE(fd, 0);
	ASSERT_EQ(0, buffer_alloc(fd, 4 * MIB, &buffer));
	p = buffer_map(fd, &buffer);
	ASSERT_NE(MAP_FAILED, p);
	ASSERT_EQ(0, handle_free(fd, buffer.handle));

	/* Otherwise a client could hold any amount by mapping and freeing buffers in turn. */
	EXPECT_EQ(-EDQUOT, buffer_alloc(fd, FRAME, &buffer));
	ASSERT_EQ(0, munmap(p, 4 * MIB));
	EXPECT_EQ(0, buffer_alloc(fd, 4 * MIB, &buffer));
}

TEST_F_TIMEOUT(module, user_quota_limits_all_clients_of_a_user, SLOW_TEST_SECONDS)
{
	struct framepool_ioc_info info;
	struct buffer buffer;
	int fd, other;

	ASSERT_EQ(0, load("size=64M user_quota=6M"));
	fd = pool_open();
	ASSERT_GE(fd, 0);
	other = pool_open();
	ASSERT_GE(other, 0);
	ASSERT_EQ(0, pool_info(fd, &info));
	EXPECT_EQ(0, info.client_quota_bytes);
	EXPECT_EQ(6 * MIB, info.user_quota_bytes);
	ASSERT_EQ(0, buffer_alloc(fd, 4 * MIB - FRAME, &buffer));
	EXPECT_EQ(-EDQUOT, buffer_alloc(other, HUGE_FRAME + FRAME, &buffer));
	EXPECT_EQ(0, buffer_alloc(other, FRAME, &buffer));
}

TEST_F_TIMEOUT(module, quota_of_nonsense_is_refused, SLOW_TEST_SECONDS)
{
	EXPECT_TRUE(is_refused("size=64M client_quota=some", -EINVAL));
	EXPECT_TRUE(is_refused("size=64M client_quota=2097151", -EINVAL));
	EXPECT_TRUE(is_refused("size=64M user_quota=1M", -EINVAL));
	EXPECT_TRUE(is_refused("size=64M client_quota=-1", -EINVAL));
	EXPECT_TRUE(is_refused("size=64M client_quota=4MB", -EINVAL));
	EXPECT_TRUE(is_refused("size=64M user_quota=0", -EINVAL));
	EXPECT_TRUE(is_refused("size=64M user_quota=9E", -EINVAL));
}

TEST_F_TIMEOUT(module, dma_heap_is_refused_where_modules_cannot_add_one, SLOW_TEST_SECONDS)
{
	if (kernel_is("7."))
		SKIP(return, "this kernel can; heap_test has a guest of its own");
	EXPECT_TRUE(is_refused("size=64M dma_heap=1", -EOPNOTSUPP));
}

TEST_F_TIMEOUT(module, second_load_is_refused, SLOW_TEST_SECONDS)
{
	struct framepool_ioc_info info;

	ASSERT_EQ(0, load("size=64M"));
	EXPECT_EQ(-EEXIST, load("size=64M name=second"));
	EXPECT_EQ(0, info_of(POOL_NAME, &info));
	EXPECT_EQ(-ENOENT, info_of("second", &info));
}

TEST_F_TIMEOUT(module, unload_gives_all_memory_back, SLOW_TEST_SECONDS)
{
	long taken;
	int i;

	/* If each round lost one huge frame, that would be more than the noise. */
	for (i = 0; i < 10; i++) {
		ASSERT_EQ(0, load("size=64M"));
		taken = self->free_bytes - free_bytes();
		EXPECT_GT(taken, (long)SMALL_BYTES - NOISE_BYTES);
		ASSERT_EQ(0, unload());
		ASSERT_NE(0, access(DEVICE_DIR, F_OK));
	}
	EXPECT_TRUE(memory_is_back(self->free_bytes));
}

TEST_F_TIMEOUT(module, unload_after_use_gives_all_memory_back, SLOW_TEST_SECONDS)
{
	struct buffer buffer;
	unsigned int i;
	char *p;
	int fd;

	ASSERT_EQ(0, load("size=64M"));
	fd = pool_open();
	ASSERT_GE(fd, 0);
	for (i = 0; i < SMALL_BYTES / HUGE_FRAME; i++) {
		ASSERT_EQ(0, buffer_alloc(fd, HUGE_FRAME, &buffer));
		p = buffer_map(fd, &buffer);
		ASSERT_NE(MAP_FAILED, p);
		memset(p, PATTERN_MINE, buffer.length);
		ASSERT_EQ(0, munmap(p, buffer.length));
	}
	ASSERT_EQ(0, close(fd));

	/* Unload at once, while freed memory is still being cleared. */
	ASSERT_EQ(0, unload());
	EXPECT_TRUE(memory_is_back(self->free_bytes));
}

TEST_F_TIMEOUT(module, unload_while_a_pipe_holds_a_frame_keeps_its_bytes, SLOW_TEST_SECONDS)
{
	static char copy[FRAME];
	struct buffer buffer;
	struct iovec frame;
	int fd, ends[2];
	char *p;

	ASSERT_EQ(0, load("size=64M"));
	fd = pool_open();
	ASSERT_GE(fd, 0);
	ASSERT_EQ(0, buffer_alloc_huge(fd, HUGE_FRAME, &buffer));
	p = buffer_map(fd, &buffer);
	ASSERT_NE(MAP_FAILED, p);
	memset(p, PATTERN_MINE, HUGE_FRAME);
	ASSERT_EQ(0, pipe(ends));
	frame = (struct iovec){ .iov_base = p + MIB, .iov_len = FRAME };
	ASSERT_EQ(FRAME, vmsplice(ends[1], &frame, 1, 0));
	ASSERT_EQ(0, munmap(p, HUGE_FRAME));
	ASSERT_EQ(0, close(fd));

	ASSERT_EQ(0, unload());
	ASSERT_EQ(FRAME, read(ends[0], copy, FRAME));
	EXPECT_TRUE(all_bytes(copy, PATTERN_MINE, FRAME));
}

static bool has_ended(pid_t pid)
{
	siginfo_t info = { 0 };

	return waitid(P_PID, pid, &info, WEXITED | WNOHANG | WNOWAIT) || info.si_pid == pid;
}

/* Starts to load the module with @mib MiB in a child, kills it halfway; whether that worked. */
static bool kill_while_loading(struct __test_metadata *_metadata, long mib)
{
	long before = free_bytes();
	char parameters[64];
	pid_t pid;
	int ret;

	snprintf(parameters, sizeof(parameters), "size=%ldM", mib);
	pid = child_fork();
	if (!pid)
		_exit(load(parameters) ? 1 : 0);
	while (before - free_bytes() < 2 * NOISE_BYTES && !has_ended(pid))
		;
	ret = child_kill(pid);
	if (!is_loaded() && ret == CHILD_KILLED + SIGKILL)
		return true;

	/* The child was too quick. */
	TH_LOG("%s: loaded before the signal came", parameters);
	EXPECT_EQ(0, unload());
	return false;
}

TEST_F_TIMEOUT(module, killed_load_gives_all_memory_back, SLOW_TEST_SECONDS)
{
	long mib = proc_number("/proc/meminfo", NULL, "MemAvailable") / KIB / 2;
	bool killed = false;
	int i;

	for (i = 0; i < 50 && !killed; i++)
		killed = kill_while_loading(_metadata, mib);
	EXPECT_TRUE(killed);
	EXPECT_NE(0, access(DEVICE_DIR, F_OK));
	EXPECT_TRUE(memory_is_back(self->free_bytes));
}

TEST_HARNESS_MAIN
