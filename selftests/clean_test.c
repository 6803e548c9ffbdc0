// SPDX-License-Identifier: GPL-2.0-only
/* What is cleared, when and by whom, and what need not be cleared. */
#include "common.h"
#include "child.h"
#include "memory.h"

#include <dirent.h>
#include <pthread.h>

#define CLEARING	"/sys/class/framepool/" POOL_NAME "/background_clearing"
#define QUARANTINE	"/sys/kernel/debug/framepool/" POOL_NAME "/quarantine"
#define MAX_HUGE	(POOL_BYTES / HUGE_FRAME)
#define LARGE		(3 * HUGE_FRAME)

FIXTURE(clean)
{
	int fd;
	int other;
};

FIXTURE_SETUP(clean)
{
	self->fd = pool_open();
	ASSERT_GE(self->fd, 0);
	self->other = pool_open();
	ASSERT_GE(self->other, 0);
}

FIXTURE_TEARDOWN_PARENT(clean)
{
	EXPECT_EQ(0, write_file(CLEARING, "1"));
	EXPECT_TRUE(wait_all_free());
	EXPECT_TRUE(pool_verifies());
}

static int alloc_noclear(int fd, __u64 length, struct buffer *buffer)
{
	return buffer_alloc_any(fd, FRAMEPOOL_ALLOC_NOCLEAR, length, 0, 0, buffer);
}

/* Fills a buffer and frees it. */
static bool leave(int fd, const struct buffer *buffer, int pattern)
{
	char *p = buffer_map(fd, buffer);

	if (p == MAP_FAILED)
		return false;
	memset(p, pattern, buffer->length);
	return !munmap(p, buffer->length) && !handle_free(fd, buffer->handle);
}

/* Whether all bytes of a buffer are @pattern. */
static bool holds(int fd, const struct buffer *buffer, int pattern)
{
	char *p = buffer_map(fd, buffer);
	bool same;

	if (p == MAP_FAILED)
		return false;
	same = all_bytes(p, pattern, buffer->length);
	return !munmap(p, buffer->length) && same;
}

static unsigned long long bytes_of(const char *text, const char *key)
{
	unsigned long long bytes = 0;
	const char *line = strstr(text, key);

	if (!line || sscanf(line + strlen(key), ": %llu", &bytes) != 1)
		return ~0ULL;
	return bytes;
}

static unsigned long long in_quarantine(const char *key)
{
	return bytes_of(read_file(QUARANTINE), key);
}

TEST_F(clean, noclear_small_buffer_is_as_it_was_left)
{
	struct buffer buffer, again;

	ASSERT_TRUE(wait_trimmed(self->fd));
	ASSERT_EQ(0, alloc_noclear(self->fd, 5 * FRAME, &buffer));
	EXPECT_TRUE(holds(self->fd, &buffer, 0));
	ASSERT_TRUE(leave(self->fd, &buffer, PATTERN_MINE));
	ASSERT_EQ(0, alloc_noclear(self->fd, 5 * FRAME, &again));
	EXPECT_EQ(buffer.offset, again.offset);
	EXPECT_NE(buffer.handle, again.handle);
	EXPECT_TRUE(holds(self->fd, &again, PATTERN_MINE));
}

TEST_F(clean, noclear_large_buffer_is_as_it_was_left)
{
	struct framepool_ioc_stats stats;
	struct buffer buffer, again;

	ASSERT_TRUE(wait_trimmed(self->fd));
	ASSERT_EQ(0, alloc_noclear(self->fd, LARGE, &buffer));
	EXPECT_TRUE(holds(self->fd, &buffer, 0));
	ASSERT_TRUE(leave(self->fd, &buffer, PATTERN_MINE));
	ASSERT_EQ(0, pool_stats(self->fd, &stats));
	EXPECT_EQ(stats.total_bytes, stats.free_bytes + stats.quarantined_bytes);
	EXPECT_LE(LARGE, stats.quarantined_bytes);
	ASSERT_EQ(0, alloc_noclear(self->fd, LARGE, &again));
	EXPECT_EQ(buffer.offset, again.offset);
	EXPECT_TRUE(holds(self->fd, &again, PATTERN_MINE));
}

TEST_F(clean, batch_with_noclear_takes_what_was_left)
{
	struct framepool_ioc_alloc entries[4] = {};
	struct framepool_ioc_batch batch;
	struct buffer buffer;
	int i;

	ASSERT_TRUE(wait_trimmed(self->fd));
	ASSERT_EQ(0, alloc_noclear(self->fd, HUGE_FRAME, &buffer));
	ASSERT_TRUE(leave(self->fd, &buffer, PATTERN_MINE));
	for (i = 0; i < ARRAY_SIZE(entries); i++) {
		entries[i].size = sizeof(entries[i]);
		entries[i].length = HUGE_FRAME;
		entries[i].flags = i == 2 ? FRAMEPOOL_ALLOC_NOCLEAR : 0;
	}
	ASSERT_EQ(0, alloc_batch(self->fd, 0, entries, ARRAY_SIZE(entries), &batch));
	for (i = 0; i < ARRAY_SIZE(entries); i++) {
		buffer.offset = entries[i].offset;
		EXPECT_TRUE(holds(self->fd, &buffer, i == 2 ? PATTERN_MINE : 0));
	}
}

TEST_F(clean, buffer_without_noclear_is_zero_whatever_was_left)
{
	struct buffer buffers[MAX_HUGE], buffer;
	int i, n, why;

	ASSERT_EQ(0, alloc_noclear(self->fd, LARGE + 5 * FRAME, &buffer));
	ASSERT_TRUE(leave(self->fd, &buffer, PATTERN_MINE));
	ASSERT_EQ(0, buffer_alloc(self->fd, 5 * FRAME, &buffer));
	EXPECT_TRUE(holds(self->fd, &buffer, 0));
	n = alloc_until_refused(self->fd, HUGE_FRAME, 0, buffers, MAX_HUGE, &why);
	EXPECT_EQ(MAX_HUGE - 1, n);
	for (i = 0; i < n; i++)
		EXPECT_TRUE(holds(self->fd, &buffers[i], 0));
}

/* Allocates the whole pool at once and frees it again; whether that worked, and all was zeros. */
static bool takes_all_clean(int fd, bool noclear)
{
	__u32 flags = noclear ? FRAMEPOOL_ALLOC_NOCLEAR : 0;
	static struct buffer buffers[MAX_HUGE];
	bool clean = true;
	int i, n;

	for (n = 0; n < MAX_HUGE; n++)
		if (buffer_alloc_any(fd, flags, HUGE_FRAME, 0, 0, &buffers[n]))
			break;
	for (i = 0; i < n; i++) {
		clean = clean && holds(fd, &buffers[i], 0);
		clean = !handle_free(fd, buffers[i].handle) && clean;
	}
	return n == MAX_HUGE && clean;
}

TEST_F_TIMEOUT(clean, what_is_kept_is_at_hand_for_others_and_clean, SLOW_TEST_SECONDS)
{
	struct buffer buffers[MAX_HUGE], small;
	int i, round;

	for (round = 0; round < 4; round++) {
		for (i = 0; i < MAX_HUGE; i++)
			ASSERT_EQ(0, alloc_noclear(self->fd, HUGE_FRAME, &buffers[i]));
		for (i = 0; i < MAX_HUGE; i++)
			ASSERT_TRUE(leave(self->fd, &buffers[i], PATTERN_MINE));
		if (round % 2) {
			ASSERT_EQ(0, alloc_noclear(self->fd, FRAME, &small));
			ASSERT_TRUE(leave(self->fd, &small, PATTERN_MINE));
		}
		EXPECT_TRUE(takes_all_clean(self->other, round < 2));
	}
}

TEST_F(clean, memory_kept_by_a_client_that_ends_comes_back_clean)
{
	struct buffer buffers[MAX_HUGE];
	int i;

	for (i = 0; i < MAX_HUGE; i++)
		ASSERT_EQ(0, alloc_noclear(self->fd, HUGE_FRAME, &buffers[i]));
	for (i = 0; i < MAX_HUGE; i++)
		ASSERT_TRUE(leave(self->fd, &buffers[i], PATTERN_MINE));
	ASSERT_EQ(0, close(self->fd));
	EXPECT_TRUE(takes_all_clean(self->other, true));
}

TEST_F(clean, kept_memory_goes_back_by_itself)
{
	struct framepool_ioc_stats start, now;
	struct buffer buffer;

	ASSERT_TRUE(wait_clean(self->fd, &start));
	ASSERT_EQ(0, alloc_noclear(self->fd, LARGE, &buffer));
	ASSERT_TRUE(leave(self->fd, &buffer, PATTERN_MINE));
	ASSERT_EQ(0, buffer_alloc(self->fd, FRAME, &buffer));
	ASSERT_TRUE(leave(self->fd, &buffer, PATTERN_MINE));
	EXPECT_TRUE(WAIT_FOR(!pool_stats(self->fd, &now) &&
			     !memcmp(start.free_blocks, now.free_blocks, sizeof(now.free_blocks))));
	EXPECT_EQ(start.largest_bytes, now.largest_bytes);
}

/* If it were kept, it would be charged to nobody. */
TEST_F(clean, what_a_pipe_has_is_not_kept)
{
	int large = strand_any(self->fd, FRAMEPOOL_ALLOC_NOCLEAR, HUGE_FRAME), small;
	struct framepool_ioc_stats stats;
	struct buffer buffer;
	char byte;

	ASSERT_GE(large, 0);
	ASSERT_EQ(0, pool_stats(self->fd, &stats));
	EXPECT_EQ(HUGE_FRAME, stats.quarantined_bytes);
	ASSERT_EQ(0, alloc_noclear(self->fd, HUGE_FRAME, &buffer));
	ASSERT_TRUE(leave(self->fd, &buffer, PATTERN_OTHER));
	/* Drain now, since the trim may come at any time. */
	ASSERT_TRUE(drain_pool());
	ASSERT_TRUE(wait_quarantined(self->fd, HUGE_FRAME));
	/* Nor is the huge frame of the only small buffer kept. */
	small = strand(self->other, FRAME);
	ASSERT_GE(small, 0);
	ASSERT_EQ(0, pool_stats(self->fd, &stats));
	EXPECT_EQ(2 * HUGE_FRAME, stats.quarantined_bytes);
	EXPECT_EQ(MAX_HUGE - 2, overwrite_pool(self->other));
	EXPECT_EQ(1, read(large, &byte, 1));
	EXPECT_EQ((char)PATTERN_MINE, byte);
	EXPECT_EQ(1, read(small, &byte, 1));
	EXPECT_EQ((char)PATTERN_MINE, byte);
	EXPECT_EQ(0, close(large));
	EXPECT_EQ(0, close(small));
}

TEST_F(clean, switch_takes_a_truth_value)
{
	EXPECT_STREQ("1\n", read_file(CLEARING));
	EXPECT_EQ(-EINVAL, write_file(CLEARING, "maybe"));
	EXPECT_EQ(-EINVAL, write_file(CLEARING, "2"));
	EXPECT_STREQ("1\n", read_file(CLEARING));
	EXPECT_EQ(0, write_file(CLEARING, "off"));
	EXPECT_STREQ("0\n", read_file(CLEARING));
	EXPECT_EQ(0, write_file(CLEARING, "1\n"));
}

TEST_F(clean, nothing_is_cleared_in_the_background_when_that_is_off)
{
	struct framepool_ioc_stats stats;
	struct buffer buffer;

	ASSERT_TRUE(wait_clean(self->fd, &stats));
	ASSERT_EQ(0, write_file(CLEARING, "0"));
	ASSERT_EQ(0, buffer_alloc(self->fd, LARGE, &buffer));
	ASSERT_TRUE(leave(self->fd, &buffer, PATTERN_MINE));
	/* For more than ten times as long as the worker would need, if it worked. */
	sleep_ms(300);
	EXPECT_EQ(LARGE, in_quarantine("uncleared"));
	ASSERT_EQ(0, pool_stats(self->fd, &stats));
	EXPECT_EQ(LARGE, stats.quarantined_bytes);
	/* An allocation that needs the memory clears it. */
	EXPECT_TRUE(takes_all_clean(self->other, false));
	ASSERT_EQ(0, buffer_alloc(self->fd, LARGE, &buffer));
	ASSERT_TRUE(leave(self->fd, &buffer, PATTERN_MINE));
	ASSERT_EQ(0, write_file(CLEARING, "1"));
	EXPECT_TRUE(wait_clean(self->fd, &stats));
	EXPECT_EQ(0, in_quarantine("uncleared"));
}

/* Field @field of the worker's /proc/<pid>/stat, counted from 1; 1000 if there is no worker. */
static long worker_stat(int field)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	char path[64], *at;
	long value = 1000;

	while (proc && (entry = readdir(proc))) {
		snprintf(path, sizeof(path), "/proc/%.16s/stat", entry->d_name);
		at = strstr(read_file(path), "(framepool/" POOL_NAME);
		if (!at)
			continue;
		/* Field 3 comes after the name. */
		for (at = strchr(at, ')') + 1; field > 3 && at; field--)
			at = strchr(at + 1, ' ');
		value = field == 3 && at ? strtol(at, NULL, 10) : 1000;
		break;
	}
	if (proc)
		closedir(proc);
	return value;
}

TEST_F_TIMEOUT(clean, worker_is_nice_again_after_others_waited_for_it, SLOW_TEST_SECONDS)
{
	struct framepool_ioc_stats stats;
	struct buffer buffer;
	int i;

	EXPECT_EQ(19, worker_stat(19));
	for (i = 0; i < 10; i++)
		EXPECT_TRUE(takes_all_clean(i % 2 ? self->fd : self->other, false));
	ASSERT_TRUE(wait_clean(self->fd, &stats));
	/* The worker lowers its priority when it works next. */
	ASSERT_EQ(0, buffer_alloc(self->fd, LARGE, &buffer));
	ASSERT_TRUE(leave(self->fd, &buffer, PATTERN_MINE));
	ASSERT_TRUE(wait_clean(self->fd, &stats));
	EXPECT_EQ(19, worker_stat(19));
}

struct hammer {
	pthread_t thread;
	int fd;
	bool stop;
	unsigned long rounds;
	bool failed;
};

static void *hammer(void *arg)
{
	struct hammer *hammer = arg;
	struct buffer buffer;

	while (!__atomic_load_n(&hammer->stop, __ATOMIC_RELAXED)) {
		if (buffer_alloc(hammer->fd, LARGE, &buffer) || !holds(hammer->fd, &buffer, 0) ||
		    !leave(hammer->fd, &buffer, PATTERN_MINE))
			hammer->failed = true;
		__atomic_add_fetch(&hammer->rounds, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

/* Whether one more round is done from beginning to end. */
static bool goes_on(const struct hammer *hammer)
{
	unsigned long before = __atomic_load_n(&hammer->rounds, __ATOMIC_RELAXED);

	/* The first round that ends may have begun before this call. */
	return WAIT_FOR(__atomic_load_n(&hammer->rounds, __ATOMIC_RELAXED) >= before + 2);
}

/* As for suspend, everything freezes for a while and then goes on. */
TEST_F(clean, worker_freezes_with_the_rest_and_goes_on)
{
	struct hammer work = { .fd = self->fd };
	struct framepool_ioc_stats stats;

	if (write_file("/sys/power/pm_test", "freezer"))
		SKIP(return, "this kernel has no test mode for suspend");
	EXPECT_EQ(0, write_file("/sys/module/suspend/parameters/pm_test_delay", "1"));
	ASSERT_EQ(0, pthread_create(&work.thread, NULL, hammer, &work));
	EXPECT_TRUE(goes_on(&work));
	EXPECT_EQ(0, write_file("/sys/power/state", "freeze"));
	EXPECT_TRUE(goes_on(&work));
	__atomic_store_n(&work.stop, true, __ATOMIC_RELAXED);
	ASSERT_EQ(0, pthread_join(work.thread, NULL));
	EXPECT_FALSE(work.failed);
	EXPECT_TRUE(wait_clean(self->fd, &stats));
	EXPECT_EQ(0, write_file("/sys/power/pm_test", "none"));
}

/* Bytes and state that "quarantine" shows for this process; 0 if nothing. */
static unsigned long long mine_in_quarantine(char state[8])
{
	unsigned long long bytes;
	unsigned int uid;
	const char *line;
	int pid;

	for (line = read_file(QUARANTINE); (line = strchr(line, '\n')); line++)
		if (sscanf(line + 1, "%d %u %7s %llu", &pid, &uid, state, &bytes) == 4 &&
		    pid == getpid())
			return uid ? 0 : bytes;
	return 0;
}

/* Whether the quarantine holds these bytes, which are referenced, and no others. */
static bool is_all_referenced(unsigned long long bytes)
{
	const char *text = read_file(QUARANTINE);

	return bytes_of(text, "referenced") == bytes && !bytes_of(text, "uncleared") &&
	       !bytes_of(text, "retired");
}

TEST_F(clean, quarantine_tells_who_had_it_last)
{
	struct framepool_ioc_stats stats;
	char state[8] = "";
	int pipe;

	ASSERT_TRUE(wait_clean(self->other, &stats));
	EXPECT_EQ(0, mine_in_quarantine(state));
	pipe = strand(self->fd, HUGE_FRAME);
	ASSERT_GE(pipe, 0);
	EXPECT_EQ(HUGE_FRAME, mine_in_quarantine(state));
	EXPECT_STREQ("open", state);
	ASSERT_TRUE(wait_quarantined(self->other, HUGE_FRAME));
	EXPECT_TRUE(WAIT_FOR(is_all_referenced(HUGE_FRAME)));
	ASSERT_EQ(0, close(self->fd));
	EXPECT_EQ(HUGE_FRAME, mine_in_quarantine(state));
	EXPECT_STREQ("ended", state);
	ASSERT_EQ(0, close(pipe));
	ASSERT_TRUE(wait_clean(self->other, &stats));
	EXPECT_EQ(0, mine_in_quarantine(state));
	EXPECT_EQ(0, in_quarantine("referenced"));
}

TEST_HARNESS_MAIN
