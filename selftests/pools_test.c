// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pools that come and go: several at once, made and removed in configfs and by pools=, by
 * administrators that race with each other and with programs.
 *
 * Random numbers begin with SEED, which is printed.
 */
#include "common.h"
#include "child.h"
#include "memory.h"
#include "module.h"
#include "pools.h"

#include <grp.h>
#include <pthread.h>
#include <sys/uio.h>

#define SMALL_BYTES	(8 * MIB)
#define SMALL		"8M"
#define NOBODY		65534
#define MANY		64
#define STORM_SECONDS	10

FIXTURE(pools)
{
	long free_bytes;	/* of the machine */
};

FIXTURE_SETUP(pools)
{
	ASSERT_EQ(0, load_configfs());
	self->free_bytes = free_bytes();
}

FIXTURE_TEARDOWN_PARENT(pools)
{
	ignore(unload_module("framepool_example"));
	EXPECT_TRUE(pools_clean());
	EXPECT_TRUE(memory_is_back(self->free_bytes));
	EXPECT_EQ(0, unload_configfs());
	EXPECT_TRUE(wait_all_free());
}

/* Whether all that shows a pool is there, or nothing. */
static bool shows(const char *name, bool there)
{
	static const char *const folders[] = {
		DEVICE_DIR, "/sys/class/framepool", "/sys/kernel/debug/framepool",
	};
	char path[256];
	int i;

	for (i = 0; i < ARRAY_SIZE(folders); i++) {
		snprintf(path, sizeof(path), "%s/%s", folders[i], name);
		if (!access(path, F_OK) == there)
			continue;
		fprintf(stderr, "# %s: is%s there\n", path, there ? " not" : "");
		return false;
	}
	return true;
}

static long total_of(const char *name)
{
	struct framepool_ioc_info info;
	int ret, fd = pools_open(name);

	if (fd < 0)
		return fd;
	ret = pool_info(fd, &info);
	close(fd);
	return ret ?: (long)info.total_bytes;
}

TEST_F(pools, live_makes_a_pool_and_removes_it)
{
	int i;

	ASSERT_EQ(0, pools_mkdir("video"));
	EXPECT_TRUE(pools_says("video", "live", "0\n"));
	EXPECT_TRUE(shows("video", false));
	ASSERT_EQ(0, pools_set("video", "size", SMALL));
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, pools_set("video", "live", "1\n"));
		EXPECT_TRUE(pools_says("video", "live", "1\n"));
		EXPECT_TRUE(shows("video", true));
		EXPECT_EQ(SMALL_BYTES, total_of("video"));
		ASSERT_EQ(0, pools_set("video", "live", "0\n"));
		EXPECT_TRUE(shows("video", false));
		EXPECT_EQ(-ENOENT, pools_open("video"));
	}
	EXPECT_EQ(0, pools_rmdir("video"));
	EXPECT_TRUE(memory_is_back(self->free_bytes));
}

TEST_F(pools, live_pool_cannot_change_nor_lose_its_directory)
{
	ASSERT_EQ(0, pools_create("video", SMALL));
	EXPECT_EQ(-EBUSY, pools_set("video", "size", "16M"));
	EXPECT_TRUE(pools_error_has("video", "size cannot change"));
	EXPECT_EQ(-EBUSY, pools_set("video", "gid", "1"));
	EXPECT_TRUE(pools_says("video", "size", "8388608\n"));
	EXPECT_EQ(-EBUSY, pools_rmdir("video"));
	EXPECT_EQ(-EWOULDBLOCK, unload_configfs());
	EXPECT_EQ(0, pools_set("video", "live", "1"));
	EXPECT_TRUE(pools_says("video", "error", ""));
}

TEST_F(pools, option_is_shown_as_it_was_understood)
{
	static const char *const options[][3] = {
		{ "size", "0x800K", "2097152\n" }, { "node", "0", "0\n" },
		{ "node", "-1", "-1\n" }, { "below", "4G", "4294967296\n" },
		{ "below", "4G:2M\n", "4294967296:2097152\n" }, { "min_run", "2m", "2097152\n" },
		{ "min_largest", "4M", "4194304\n" },
		{ "memory", "wc", "wc\n" }, { "memory", "wb", "wb\n" },
		{ "partial", "1", "1\n" }, { "gid", "900", "900\n" },
		{ "mode", "0600", "0600\n" }, { "client_quota", "4M", "4194304\n" },
		{ "user_quota", "6M", "6291456\n" }, { "debug", "1", "1\n" },
		{ "cache_debug", "1", "1\n" },
	};
	static const char *const defaults[][2] = {
		{ "size", "\n" }, { "node", "-1\n" }, { "below", "\n" }, { "min_run", "\n" },
		{ "min_largest", "\n" },
		{ "memory", "wb\n" }, { "partial", "0\n" }, { "gid", "0\n" }, { "mode", "0660\n" },
		{ "client_quota", "\n" }, { "user_quota", "\n" }, { "debug", "0\n" },
		{ "cache_debug", "0\n" }, { "live", "0\n" }, { "error", "" },
	};
	int i;

	ASSERT_EQ(0, pools_mkdir("video"));
	for (i = 0; i < ARRAY_SIZE(defaults); i++) {
		EXPECT_TRUE(pools_says("video", defaults[i][0], defaults[i][1]));
	}
	for (i = 0; i < ARRAY_SIZE(options); i++) {
		EXPECT_EQ(0, pools_set("video", options[i][0], options[i][1]));
		EXPECT_TRUE(pools_says("video", options[i][0], options[i][2]));
	}
	EXPECT_EQ(0, pools_rmdir("video"));
}

TEST_F(pools, option_of_nonsense_is_refused_and_changes_nothing)
{
	static const char *const bad[][2] = {
		{ "size", "0" }, { "size", "" }, { "size", "-1" }, { "size", "1Q" },
		{ "size", "9999999999999999999999" }, { "node", "first" }, { "node", "" },
		{ "below", "0" }, { "below", "4G:" }, { "below", "4G:0" }, { "min_run", "0" },
		{ "min_largest", "0" }, { "min_largest", "long" },
		{ "memory", "ram" }, { "memory", "" }, { "partial", "2" }, { "partial", "yes" },
		{ "gid", "-1" }, { "gid", "4294967295" }, { "gid", "staff" }, { "mode", "0777" },
		{ "mode", "rw" }, { "mode", "1660" }, { "client_quota", "1M" },
		{ "user_quota", "0" }, { "debug", "" }, { "cache_debug", "10" }, { "live", "2" },
		{ "live", "" }, { "live", "yes" },
		{ "size", "00000000000000000000000000000000000000000000000000000000000000001" },
	};
	char before[64];
	int i;

	ASSERT_EQ(0, pools_mkdir("video"));
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		/* The kernel does not tell of a write without bytes. */
		if (!bad[i][1][0])
			continue;
		strcpy(before, read_file(pools_path("video", bad[i][0])));
		EXPECT_EQ(-EINVAL, pools_set("video", bad[i][0], bad[i][1]));
		EXPECT_TRUE(pools_error_has("video", bad[i][0]));
		EXPECT_TRUE(pools_says("video", bad[i][0], before));
	}
	EXPECT_EQ(0, pools_rmdir("video"));
}

TEST_F(pools, name_must_be_new_and_fit_a_file)
{
	static const char *const bad[] = {
		"a b", "a!b", ".hidden", "a\\b", "a%sb", "\xc3\xa4",
	};
	int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		EXPECT_EQ(-EINVAL, pools_mkdir(bad[i]));
	}
	EXPECT_EQ(-ENAMETOOLONG, pools_mkdir("0123456789abcdef0123456789abcdef"));
	EXPECT_EQ(0, pools_create("0123456789abcdef0123456789abcde", SMALL));
	EXPECT_TRUE(shows("0123456789abcdef0123456789abcde", true));
	EXPECT_EQ(-EEXIST, pools_mkdir(POOL_NAME));
	ASSERT_EQ(0, pools_create("video", SMALL));
	EXPECT_EQ(-EEXIST, pools_mkdir("video"));
}

TEST_F(pools, pool_of_the_parameters_is_shown_and_stays)
{
	EXPECT_TRUE(pools_says(POOL_NAME, "size", "268435456\n"));
	EXPECT_TRUE(pools_says(POOL_NAME, "live", "1\n"));
	EXPECT_EQ(0, pools_set(POOL_NAME, "live", "1"));
	EXPECT_EQ(-EPERM, pools_set(POOL_NAME, "live", "0"));
	EXPECT_TRUE(pools_error_has(POOL_NAME, "until framepool is unloaded"));
	EXPECT_EQ(-EBUSY, pools_set(POOL_NAME, "size", SMALL));
	EXPECT_EQ(-EPERM, pools_rmdir(POOL_NAME));
	EXPECT_EQ(POOL_BYTES, total_of(POOL_NAME));
}

TEST_F(pools, refused_pool_leaves_nothing_and_says_why)
{
	ASSERT_EQ(0, pools_mkdir("video"));
	EXPECT_EQ(-EINVAL, pools_set("video", "live", "1"));
	EXPECT_TRUE(pools_says("video", "error", "size= is missing\n"));
	ASSERT_EQ(0, pools_set("video", "size", "64G"));
	EXPECT_EQ(-ENOMEM, pools_set("video", "live", "1"));
	EXPECT_TRUE(pools_error_has("video", "65536 MiB requested, "));
	EXPECT_TRUE(pools_error_has("video", " MiB possible while "));
	EXPECT_TRUE(pools_says("video", "live", "0\n"));
	EXPECT_TRUE(shows("video", false));
	ASSERT_EQ(0, pools_set("video", "size", "5T"));
	EXPECT_EQ(-ENOMEM, pools_set("video", "live", "1"));
	EXPECT_TRUE(pools_error_has("video", "too large"));
	ASSERT_EQ(0, pools_set("video", "size", SMALL));
	ASSERT_EQ(0, pools_set("video", "node", "99"));
	EXPECT_EQ(-EINVAL, pools_set("video", "live", "1"));
	EXPECT_TRUE(pools_error_has("video", "node=99"));
	ASSERT_EQ(0, pools_set("video", "node", "-1"));
	ASSERT_EQ(0, pools_set("video", "min_run", "1T"));
	EXPECT_EQ(-ENOSPC, pools_set("video", "live", "1"));
	EXPECT_TRUE(pools_error_has("video", "min_run="));
	ASSERT_EQ(0, pools_set("video", "min_run", "2M"));
	EXPECT_TRUE(memory_is_back(self->free_bytes));
	EXPECT_EQ(0, pools_set("video", "live", "1"));
	EXPECT_TRUE(pools_says("video", "error", ""));
}

/* Whether the pool cannot be removed, and the reason names this process. */
static bool is_held(const char *name, const char *how)
{
	char text[64];

	snprintf(text, sizeof(text), "in use by process %d (pools_test): %s", getpid(), how);
	return pools_set(name, "live", "0") == -EBUSY && pools_error_has(name, text) &&
	       shows(name, true);
}

TEST_F(pools, pool_in_use_by_a_program_stays)
{
	struct buffer buffer;
	int fd, dmabuf;
	char *p;

	ASSERT_EQ(0, pools_create("video", SMALL));
	fd = pools_open("video");
	ASSERT_GE(fd, 0);
	EXPECT_TRUE(is_held("video", "open"));
	ASSERT_EQ(0, buffer_alloc(fd, HUGE_FRAME, &buffer));
	p = buffer_map(fd, &buffer);
	ASSERT_NE(MAP_FAILED, p);
	dmabuf = buffer_export(fd, &buffer);
	ASSERT_GE(dmabuf, 0);
	ASSERT_EQ(0, close(fd));
	EXPECT_TRUE(is_held("video", "open or mapped, 1 buffers, 1 dma-bufs"));
	stamp_frames(p, HUGE_FRAME, 0);
	ASSERT_EQ(0, munmap(p, HUGE_FRAME));
	EXPECT_TRUE(is_held("video", "closed, 1 buffers, 1 dma-bufs"));
	ASSERT_EQ(0, close(dmabuf));
	EXPECT_EQ(0, pools_destroy("video"));
	EXPECT_TRUE(shows("video", false));
}

TEST_F(pools, pool_in_use_by_a_kernel_module_stays)
{
	ASSERT_EQ(0, pools_create("video", SMALL));
	ASSERT_EQ(0, load_module("/framepool_example.ko", "name=video"));
	EXPECT_EQ(-EBUSY, pools_set("video", "live", "0"));
	EXPECT_TRUE(pools_error_has("video", "in use by kernel module framepool_example\n"));
	EXPECT_TRUE(pools_error_has("video", "in use by cache example_message"));
	EXPECT_EQ(-EWOULDBLOCK, unload());
	ASSERT_EQ(0, unload_module("framepool_example"));
	EXPECT_EQ(0, pools_destroy("video"));
}

TEST_F(pools, pool_that_was_shut_down_goes_when_files_and_mappings_do)
{
	struct iovec frames;
	struct buffer buffer;
	static char copy[FRAME];
	int fd, ends[2];
	char *p;

	ASSERT_EQ(0, pools_create("video", SMALL));
	fd = pools_open("video");
	ASSERT_GE(fd, 0);
	ASSERT_EQ(0, buffer_alloc(fd, HUGE_FRAME, &buffer));
	p = buffer_map(fd, &buffer);
	ASSERT_NE(MAP_FAILED, p);
	stamp_frames(p, HUGE_FRAME, 0);
	ASSERT_EQ(0, pipe(ends));
	frames = (struct iovec){ .iov_base = p, .iov_len = FRAME };
	ASSERT_EQ(FRAME, vmsplice(ends[1], &frames, 1, 0));
	ASSERT_EQ(0, write_file("/sys/class/framepool/video/shutdown", "1"));
	EXPECT_TRUE(is_held("video", "open"));
	ASSERT_EQ(0, close(fd));
	EXPECT_TRUE(is_held("video", "open or mapped"));
	ASSERT_EQ(0, munmap(p, HUGE_FRAME));
	/* The pipe alone does not keep the pool; the kernel keeps the page. */
	ASSERT_EQ(0, pools_destroy("video"));
	ASSERT_EQ(FRAME, read(ends[0], copy, FRAME));
	EXPECT_TRUE(frames_stamped(copy, FRAME, 0));
}

TEST_F(pools, node_has_group_and_mode)
{
	struct stat node;

	ASSERT_EQ(0, pools_mkdir("video"));
	ASSERT_EQ(0, pools_set("video", "size", SMALL));
	ASSERT_EQ(0, pools_set("video", "gid", "900"));
	ASSERT_EQ(0, pools_set("video", "mode", "0640"));
	ASSERT_EQ(0, pools_set("video", "live", "1"));
	ASSERT_EQ(0, stat(DEVICE_DIR "/video", &node));
	EXPECT_EQ(900, node.st_gid);
	EXPECT_EQ(0, node.st_uid);
	EXPECT_EQ(S_IFCHR | 0640, node.st_mode);
	ASSERT_EQ(0, stat(DEVICE, &node));
	EXPECT_EQ(S_IFCHR | 0660, node.st_mode);
}

TEST_F(pools, pools_do_not_know_each_other)
{
	struct framepool_ioc_stats stats;
	struct framepool_ioc_info info;
	struct framepool_ioc_query query;
	struct buffer a, b, all[8];
	int first, second, why, i;

	ASSERT_EQ(0, pools_mkdir("first"));
	ASSERT_EQ(0, pools_set("first", "size", SMALL));
	ASSERT_EQ(0, pools_set("first", "client_quota", "2M"));
	ASSERT_EQ(0, pools_set("first", "live", "1"));
	ASSERT_EQ(0, pools_create("second", "16M"));
	first = pools_open("first");
	second = pools_open("second");
	ASSERT_GE(first, 0);
	ASSERT_GE(second, 0);
	ASSERT_EQ(0, pool_info(second, &info));
	EXPECT_STREQ("second", info.name);
	EXPECT_EQ(0, info.client_quota_bytes);
	EXPECT_EQ(2 * SMALL_BYTES, info.total_bytes);

	ASSERT_EQ(0, buffer_alloc(first, HUGE_FRAME, &a));
	EXPECT_EQ(-EDQUOT, buffer_alloc(first, FRAME, &b));
	/* It may consist of several extents. */
	ASSERT_EQ(8, alloc_until_refused(second, HUGE_FRAME, 0, all, 8, &why));
	EXPECT_EQ(0, why);
	EXPECT_EQ(-ENOMEM, buffer_alloc(second, FRAME, &b));
	/* Both count their handles alike, so one of the other pool may be equal. */
	for (i = 0; i < 8; i++)
		if (all[i].handle != a.handle)
			EXPECT_EQ(-ENOENT, handle_query(first, all[i].handle, &query));
	ASSERT_EQ(0, pool_stats(first, &stats));
	EXPECT_EQ(HUGE_FRAME, stats.used_bytes);
	EXPECT_EQ(1, stats.fail_quota);
	EXPECT_EQ(1, stats.clients);
	ASSERT_EQ(0, pool_stats(second, &stats));
	EXPECT_EQ(2 * SMALL_BYTES, stats.used_bytes);
	EXPECT_EQ(0, stats.fail_quota);
	EXPECT_EQ(2 * SMALL_BYTES, proc_number("/sys/kernel/debug/framepool/second/summary", NULL,
					       "used"));
	EXPECT_EQ(HUGE_FRAME, proc_number("/sys/kernel/debug/framepool/first/summary", NULL,
					  "used"));

	/* A shutdown of one, and its removal, is no concern of the other. */
	ASSERT_EQ(0, write_file("/sys/class/framepool/first/shutdown", "1"));
	EXPECT_EQ(-ENODEV, pool_stats(first, &stats));
	ASSERT_EQ(0, close(first));
	ASSERT_EQ(0, pools_destroy("first"));
	EXPECT_EQ(0, handle_free(second, all[0].handle));
	EXPECT_EQ(0, buffer_alloc(second, HUGE_FRAME, &b));
	EXPECT_EQ(POOL_BYTES, total_of(POOL_NAME));
}

TEST_F_TIMEOUT(pools, many_pools_are_live_at_once, SLOW_TEST_SECONDS)
{
	struct buffer buffer;
	int i, fds[MANY];
	char name[16];

	for (i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "pool%d", i);
		ASSERT_EQ(0, pools_create(name, "4M"));
	}
	for (i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "pool%d", i);
		EXPECT_TRUE(shows(name, true));
		fds[i] = pools_open(name);
		ASSERT_GE(fds[i], 0);
		EXPECT_EQ(0, buffer_alloc(fds[i], HUGE_FRAME, &buffer));
	}
	for (i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "pool%d", i);
		EXPECT_EQ(-EBUSY, pools_set(name, "live", "0"));
		ASSERT_EQ(0, close(fds[i]));
		EXPECT_EQ(0, pools_destroy(name));
	}
	/* KASAN holds back freed memory, but not whole pools. */
	self->free_bytes -= MANY * MIB / 2;
}

/* A descriptor of a node says nothing of what has its name later. */
TEST_F(pools, node_that_is_gone_opens_nothing)
{
	char path[64];
	int old;

	ASSERT_EQ(0, pools_create("video", SMALL));
	old = open(DEVICE_DIR "/video", O_PATH | O_CLOEXEC);
	ASSERT_GE(old, 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", old);
	ASSERT_EQ(0, pools_set("video", "live", "0"));
	EXPECT_EQ(-ENXIO, open_errno(path, O_RDWR));
	ASSERT_EQ(0, pools_set("video", "live", "1"));
	EXPECT_EQ(-ENXIO, open_errno(path, O_RDWR));
	EXPECT_EQ(SMALL_BYTES, total_of("video"));
}

/* Whoever has files of a pool in sysfs and debugfs open does not keep it. */
TEST_F(pools, open_files_about_a_pool_do_no_harm)
{
	static const char *const files[] = {
		"/sys/class/framepool/video/free", "/sys/class/framepool/video/client_quota",
		"/sys/kernel/debug/framepool/video/summary",
		"/sys/kernel/debug/framepool/video/map",
		"/sys/kernel/debug/framepool/video/clients",
		"/sys/kernel/debug/framepool/video/extents", POOLS "/video/size",
	};
	int i, fds[ARRAY_SIZE(files)];
	char byte;

	ASSERT_EQ(0, pools_create("video", SMALL));
	for (i = 0; i < ARRAY_SIZE(files); i++) {
		fds[i] = open(files[i], O_RDONLY | O_CLOEXEC);
		ASSERT_GE(fds[i], 0);
		if (i % 2)
			EXPECT_EQ(1, read(fds[i], &byte, 1));
	}
	ASSERT_EQ(0, pools_destroy("video"));
	for (i = 0; i < ARRAY_SIZE(files); i++) {
		ignore(read(fds[i], &byte, 1));	/* what was read already may be read on */
		EXPECT_EQ(0, close(fds[i]));
	}
}

/* Starts to make a pool in a child, and kills it halfway; whether that worked. */
static bool kill_while_making(long mib)
{
	long before = free_bytes();
	char size[32];
	pid_t pid;
	int ret;

	snprintf(size, sizeof(size), "%ldM", mib);
	if (pools_set("video", "size", size))
		return false;
	pid = child_fork();
	if (!pid)
		_exit(pools_set("video", "live", "1") ? 1 : 0);
	while (before - free_bytes() < 2 * NOISE_BYTES)
		;
	ret = child_kill(pid);
	if (ret == CHILD_KILLED + SIGKILL && pools_says("video", "live", "0\n"))
		return true;
	if (pools_set("video", "live", "0"))
		fprintf(stderr, "# a pool that was made cannot be removed\n");
	return false;
}

TEST_F_TIMEOUT(pools, killed_making_leaves_nothing, SLOW_TEST_SECONDS)
{
	long mib = proc_number("/proc/meminfo", NULL, "MemAvailable") / KIB / 2;
	bool killed = false;
	int i;

	ASSERT_EQ(0, pools_mkdir("video"));
	for (i = 0; i < 50 && !killed; i++)
		killed = kill_while_making(mib);
	EXPECT_TRUE(killed);
	EXPECT_TRUE(shows("video", false));
	EXPECT_TRUE(memory_is_back(self->free_bytes));
	ASSERT_EQ(0, pools_set("video", "size", SMALL));
	EXPECT_EQ(0, pools_set("video", "live", "1"));
}

/**
 * struct storm - administrators and programs that race
 * @seed: for the next thread
 * @over: it is time to end
 * @wrong: number of results that must not occur
 * @made: how often a pool was made
 * @opened: how often one was opened
 */
struct storm {
	unsigned int seed;
	bool over;
	int wrong;
	int made;
	int opened;
};

static bool goes_on(const struct storm *storm)
{
	return !__atomic_load_n(&storm->over, __ATOMIC_ACQUIRE);
}

static void count(int *what)
{
	__atomic_fetch_add(what, 1, __ATOMIC_ACQ_REL);
}

static void expect_one_of(struct storm *storm, const char *what, int ret, const int *allowed)
{
	for (; *allowed; allowed++)
		if (ret == -*allowed)
			return;
	if (!ret)
		return;
	fprintf(stderr, "# %s: %s\n", what, strerror(-ret));
	count(&storm->wrong);
}

static const char *some_name(unsigned int *seed)
{
	static const char *const names[] = { "red", "green", "blue" };

	return names[rand_r(seed) % ARRAY_SIZE(names)];
}

/* Makes and removes pools, as if alone. */
static void *administrate(void *arg)
{
	static const int mkdir_errors[] = { EEXIST, ENOENT, 0 };
	static const int live_errors[] = { EBUSY, ENOENT, EINVAL, 0 };
	static const int rmdir_errors[] = { EBUSY, ENOENT, 0 };
	struct storm *storm = arg;
	unsigned int seed = __atomic_fetch_add(&storm->seed, 1, __ATOMIC_ACQ_REL);
	const char *name;
	int ret;

	while (goes_on(storm)) {
		name = some_name(&seed);
		expect_one_of(storm, "mkdir", pools_mkdir(name), mkdir_errors);
		ret = pools_set(name, "size", "4M");
		expect_one_of(storm, "size", ret, live_errors);
		ret = pools_set(name, "live", "1");
		expect_one_of(storm, "live=1", ret, live_errors);
		if (!ret)
			count(&storm->made);
		name = some_name(&seed);
		expect_one_of(storm, "live=0", pools_set(name, "live", "0"), live_errors);
		expect_one_of(storm, "rmdir", pools_rmdir(name), rmdir_errors);
	}
	return NULL;
}

static void use(struct storm *storm, int fd)
{
	struct buffer buffer;
	char *p;

	count(&storm->opened);
	/* Another program may have filled the pool. */
	if (buffer_alloc(fd, HUGE_FRAME, &buffer))
		return;
	p = buffer_map(fd, &buffer);
	if (p == MAP_FAILED) {
		count(&storm->wrong);
		return;
	}
	*p = 1;
	if (munmap(p, HUGE_FRAME))
		count(&storm->wrong);
}

/* Opens pools, uses them, and reads about them in sysfs and debugfs. */
static void *work(void *arg)
{
	static const int errors[] = { ENOENT, ENXIO, 0 };
	struct storm *storm = arg;
	unsigned int seed = __atomic_fetch_add(&storm->seed, 1, __ATOMIC_ACQ_REL);
	char path[128], text[256];
	const char *name;
	int fd;

	while (goes_on(storm)) {
		name = some_name(&seed);
		fd = pools_open(name);
		expect_one_of(storm, "open", fd < 0 ? fd : 0, errors);
		if (fd >= 0) {
			use(storm, fd);
			close(fd);
		}
		snprintf(path, sizeof(path), "/sys/%s/framepool/%s/%s",
			 rand_r(&seed) % 2 ? "class" : "kernel/debug", name,
			 rand_r(&seed) % 2 ? "free" : "clients");
		fd = open_errno(path, O_RDONLY);
		if (fd < 0)
			continue;
		ignore(read(fd, text, sizeof(text)));	/* it may be gone */
		close(fd);
	}
	return NULL;
}

TEST_F_TIMEOUT(pools, administrators_race_with_each_other_and_programs, SLOW_TEST_SECONDS)
{
	static void *(*const roles[])(void *) = { administrate, administrate, work, work, work };
	const char *text = getenv("SEED");
	struct storm storm = { .seed = text ? strtoul(text, NULL, 0) : time(NULL) ^ getpid() };
	pthread_t threads[ARRAY_SIZE(roles)];
	int i;

	TH_LOG("SEED=%u", storm.seed);
	for (i = 0; i < ARRAY_SIZE(roles); i++) {
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, roles[i], &storm));
	}
	sleep_ms(STORM_SECONDS * 1000);
	__atomic_store_n(&storm.over, true, __ATOMIC_RELEASE);
	for (i = 0; i < ARRAY_SIZE(roles); i++)
		pthread_join(threads[i], NULL);
	TH_LOG("%d pools made, %d opened", storm.made, storm.opened);
	EXPECT_EQ(0, storm.wrong);
	EXPECT_GT(storm.made, 0);
	EXPECT_GT(storm.opened, 0);
}

TEST_F(pools, other_users_cannot_make_any)
{
	pid_t pid;

	ASSERT_EQ(0, pools_mkdir("video"));
	pid = child_fork();
	if (!pid) {
		CHILD_CHECK(!setgroups(0, NULL) && !setgid(NOBODY) && !setuid(NOBODY));
		CHILD_CHECK(pools_mkdir("mine") == -EACCES);
		CHILD_CHECK(pools_set("video", "size", SMALL) == -EACCES);
		CHILD_CHECK(pools_set("video", "live", "1") == -EACCES);
		CHILD_CHECK(pools_rmdir("video") == -EACCES);
		_exit(0);
	}
	EXPECT_EQ(0, child_wait(pid));
	EXPECT_EQ(0, pools_rmdir("video"));
}

FIXTURE(list)
{
	long free_bytes;	/* of the machine, without the module */
};

FIXTURE_SETUP(list)
{
	if (is_loaded()) {
		ASSERT_EQ(0, unload());
	}
	self->free_bytes = free_bytes();
}

FIXTURE_TEARDOWN_PARENT(list)
{
	ignore(unload_configfs());
	if (is_loaded()) {
		EXPECT_EQ(0, unload());
	}
	EXPECT_TRUE(memory_is_back(self->free_bytes));
	EXPECT_EQ(0, load(USUAL_PARAMETERS));
	EXPECT_TRUE(wait_all_free());
}

TEST_F_TIMEOUT(list, entries_are_pools, SLOW_TEST_SECONDS)
{
	static const char parameters[] =
		"size=4M client_quota=2M gid=7 pools=video:8M:below=4G:2M:mode=0600,"
		"dma:node=0:client_quota=4M,x:gid=8";
	struct framepool_ioc_info info;
	struct stat node;
	int fd;

	ASSERT_EQ(0, load(parameters));
	EXPECT_TRUE(shows(POOL_NAME, false));
	EXPECT_EQ(SMALL_BYTES, total_of("video"));
	EXPECT_EQ(4 * MIB, total_of("dma"));
	EXPECT_EQ(4 * MIB, total_of("x"));
	fd = pools_open("dma");
	ASSERT_GE(fd, 0);
	ASSERT_EQ(0, pool_info(fd, &info));
	EXPECT_EQ(4 * MIB, info.client_quota_bytes);
	EXPECT_EQ(0, info.node);
	ASSERT_EQ(0, stat(DEVICE_DIR "/video", &node));
	EXPECT_EQ(S_IFCHR | 0600, node.st_mode);
	EXPECT_EQ(7, node.st_gid);
	ASSERT_EQ(0, stat(DEVICE_DIR "/x", &node));
	EXPECT_EQ(8, node.st_gid);
	EXPECT_EQ(-EWOULDBLOCK, unload());
	ASSERT_EQ(0, close(fd));

	ASSERT_EQ(0, load_configfs());
	EXPECT_TRUE(pools_says("video", "below", "4294967296:2097152\n"));
	EXPECT_TRUE(pools_says("x", "live", "1\n"));
	EXPECT_EQ(-EPERM, pools_set("x", "live", "0"));
	EXPECT_EQ(-EWOULDBLOCK, unload());
	ASSERT_EQ(0, unload_configfs());
	EXPECT_EQ(0, unload());
	EXPECT_NE(0, access(DEVICE_DIR, F_OK));
}

TEST_F_TIMEOUT(list, empty_list_makes_none, SLOW_TEST_SECONDS)
{
	ASSERT_EQ(0, load("pools="));
	EXPECT_NE(0, access(DEVICE_DIR, F_OK));
	ASSERT_EQ(0, load_configfs());
	ASSERT_EQ(0, pools_create("video", SMALL));
	EXPECT_EQ(-EWOULDBLOCK, unload_configfs());
	ASSERT_EQ(0, pools_destroy("video"));
}

TEST_F_TIMEOUT(list, mistake_in_one_entry_makes_none, SLOW_TEST_SECONDS)
{
	static const struct {
		const char *parameters;
		int error;
	} bad[] = {
		{ "pools=a:4M,b:4M:size=0", -EINVAL }, { "pools=a:4M,b:4M:colour=red", -EINVAL },
		{ "pools=a:4M,", -EINVAL }, { "pools=,a:4M", -EINVAL }, { "pools=a:4M:", -EINVAL },
		{ "pools=a:4M:4M", -EINVAL }, { "pools=a/b:4M", -EINVAL }, { "pools=a:", -EINVAL },
		{ "pools=a:4M:below=4G:", -EINVAL }, { "pools=a:4M:=1", -EINVAL },
		{ "pools=a:4M,a:4M", -EINVAL }, { "pools=a:4M,b:64G", -ENOMEM },
		{ "pools=a:4M,b:4M:node=99", -EINVAL }, { "pools=a:4M name=b", -EINVAL },
		{ "pools=a:4M gid=-1", -EINVAL }, { "pools=a:4M mode=8", -EINVAL },
	};
	int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		EXPECT_EQ(bad[i].error, load(bad[i].parameters));
		EXPECT_FALSE(is_loaded());
		EXPECT_NE(0, access(DEVICE_DIR, F_OK));
	}
	EXPECT_TRUE(memory_is_back(self->free_bytes));
}

TEST_HARNESS_MAIN
