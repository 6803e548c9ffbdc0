// SPDX-License-Identifier: GPL-2.0-only
/* The files in /sys/kernel/debug/framepool/<pool> agree with STATS, and each with itself. */
#include "common.h"
#include "child.h"
#include "memory.h"

#include <grp.h>
#include <sys/stat.h>

#define DIRECTORY	"/sys/kernel/debug/framepool/" POOL_NAME "/"
#define MAX_TEXT	(64 * KIB)
#define NOBODY		65534
#define BUSY_SECONDS	3

static const char * const names[] = {
	"summary", "buddyinfo", "fragmentation", "clients", "users", "map", "owners", "extents",
	"quarantine", "caches", "exports"
};

FIXTURE(debugfs)
{
	int fd;
};

FIXTURE_SETUP(debugfs)
{
	self->fd = pool_open();
	ASSERT_GE(self->fd, 0);
	ASSERT_EQ(0, access(DIRECTORY, F_OK))
		TH_LOG("no " DIRECTORY ": is debugfs mounted on /sys/kernel/debug?");
}

FIXTURE_TEARDOWN_PARENT(debugfs)
{
	EXPECT_TRUE(wait_all_free());
}

static const char *path_of(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), DIRECTORY "%s", name);
	return path;
}

/* The file's text, read in pieces of @piece bytes; valid until the next call. */
static const char *read_pieces(const char *name, size_t piece)
{
	static char text[MAX_TEXT];
	int fd = open(path_of(name), O_RDONLY | O_CLOEXEC);
	size_t length = 0;
	ssize_t n;

	do {
		n = read(fd, text + length, piece);
		length += n > 0 ? n : 0;
	} while (n > 0 && length + piece < sizeof(text));
	text[length] = '\0';
	close(fd);
	return n < 0 ? "" : text;
}

static const char *read_text(const char *name)
{
	return read_pieces(name, MAX_TEXT / 2);
}

/* Waits until nothing changes in the background; the file's text, and the figures of then. */
static const char *read_steady(const char *name, int fd, struct framepool_ioc_stats *stats)
{
	struct framepool_ioc_stats after;
	const char *text = "";

	if (!WAIT_FOR(!pool_stats(fd, stats) && *(text = read_text(name)) &&
		      !pool_stats(fd, &after) && !memcmp(stats, &after, sizeof(after))))
		return "";
	return text;
}

/* The number after "key: " in a text; all ones if there is none. */
static __u64 number_of(const char *text, const char *key)
{
	char pattern[32];
	const char *line;

	snprintf(pattern, sizeof(pattern), "\n%s: ", key);
	if (!strncmp(text, pattern + 1, strlen(pattern) - 1))
		return strtoull(text + strlen(pattern) - 1, NULL, 10);
	line = strstr(text, pattern);
	return line ? strtoull(line + strlen(pattern), NULL, 10) : ~0ULL;
}

static const char *next_line(const char *line)
{
	const char *end = strchr(line, '\n');

	return end ? end + 1 : line + strlen(line);
}

TEST_F(debugfs, files_are_there_for_root_to_read)
{
	struct stat file;
	int i;

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		ASSERT_EQ(0, stat(path_of(names[i]), &file));
		EXPECT_EQ(S_IFREG | 0400, file.st_mode);
		EXPECT_EQ(0, file.st_uid);
		EXPECT_NE(0, strlen(read_text(names[i])));
	}
}

TEST_F(debugfs, other_users_are_refused)
{
	pid_t pid = child_fork();

	if (!pid) {
		int i;

		CHILD_CHECK(!setgroups(0, NULL) && !setgid(NOBODY) && !setuid(NOBODY));
		for (i = 0; i < ARRAY_SIZE(names); i++)
			CHILD_CHECK(open_errno(path_of(names[i]), O_RDONLY) == -EACCES);
		_exit(0);
	}
	EXPECT_EQ(0, child_wait(pid));
}

static void check_summary(struct __test_metadata *_metadata, int fd)
{
	struct framepool_ioc_stats stats;
	const char *text = read_steady("summary", fd, &stats);

	EXPECT_EQ(0, strncmp(text, "pool: " POOL_NAME "\n", strlen("pool: " POOL_NAME "\n")));
	EXPECT_EQ(stats.total_bytes, number_of(text, "total"));
	EXPECT_EQ(stats.free_bytes, number_of(text, "free"));
	EXPECT_EQ(stats.used_bytes, number_of(text, "used"));
	EXPECT_EQ(stats.quarantined_bytes, number_of(text, "quarantined"));
	EXPECT_EQ(stats.retired_bytes, number_of(text, "retired"));
	EXPECT_EQ(stats.largest_bytes, number_of(text, "largest"));
	EXPECT_EQ(stats.charged_bytes, number_of(text, "charged"));
	EXPECT_EQ(stats.clients, number_of(text, "clients"));
	EXPECT_EQ(stats.buffers, number_of(text, "buffers"));
	EXPECT_EQ(stats.allocs, number_of(text, "allocs"));
	EXPECT_EQ(stats.frees, number_of(text, "frees"));
	EXPECT_EQ(stats.fail_nomem, number_of(text, "fail_nomem"));
	EXPECT_EQ(stats.fail_nospace, number_of(text, "fail_nospace"));
	EXPECT_EQ(stats.fail_quota, number_of(text, "fail_quota"));
	EXPECT_EQ(stats.moves, number_of(text, "moves"));
	EXPECT_EQ(stats.moved_bytes, number_of(text, "moved"));
	EXPECT_EQ(stats.moves_refused_pinned, number_of(text, "moves_refused_pinned"));
	EXPECT_EQ(stats.moves_refused_referenced, number_of(text, "moves_refused_referenced"));
	EXPECT_EQ(stats.moves_refused_bad, number_of(text, "moves_refused_bad"));
	EXPECT_EQ(stats.moves_refused_no_room, number_of(text, "moves_refused_no_room"));
	EXPECT_GE(number_of(text, "extents"), 1);
	EXPECT_LE(number_of(text, "extents"), POOL_BYTES / HUGE_FRAME);
}

static void check_buddyinfo(struct __test_metadata *_metadata, int fd)
{
	struct framepool_ioc_stats stats;
	const char *line = read_steady("buddyinfo", fd, &stats);
	unsigned long long bytes, blocks;
	unsigned int order, lines = 0;
	__u64 sum = 0;

	EXPECT_EQ(0, strncmp(line, "order", 5));
	for (line = next_line(line); *line; line = next_line(line)) {
		ASSERT_EQ(3, sscanf(line, "%u %llu %llu", &order, &bytes, &blocks));
		ASSERT_EQ(lines, order);
		EXPECT_EQ(FRAME << order, bytes);
		EXPECT_EQ(stats.free_blocks[order], blocks);
		sum += bytes * blocks;
		lines++;
	}
	EXPECT_EQ(stats.orders, lines);
	EXPECT_EQ(stats.free_bytes, sum);
}

/*
 * These two are the indices of mm/vmstat.c, in thousandths. The external one is -1000 if a block of
 * that order is free.
 */
static long unusable_index(const struct framepool_ioc_stats *stats, unsigned int order)
{
	__u64 frames = 0, suitable = 0;
	unsigned int i;

	for (i = 0; i < stats->orders; i++) {
		frames += stats->free_blocks[i] << i;
		if (i >= order)
			suitable += stats->free_blocks[i] << (i - order);
	}
	return frames ? (frames - (suitable << order)) * 1000 / frames : 1000;
}

static long external_index(const struct framepool_ioc_stats *stats, unsigned int order)
{
	__u64 frames = 0, blocks = 0, suitable = 0;
	unsigned int i;

	for (i = 0; i < stats->orders; i++) {
		frames += stats->free_blocks[i] << i;
		blocks += stats->free_blocks[i];
		if (i >= order)
			suitable += stats->free_blocks[i];
	}
	if (!blocks)
		return 0;
	if (suitable)
		return -1000;
	return 1000 - (long)((1000 + frames * 1000 / (1UL << order)) / blocks);
}

/* "-0.123" in thousandths; a value that no index has if it is not written like this. */
static long thousandths(const char *text)
{
	int sign = *text == '-' ? -1 : 1;
	long whole, part;
	char digits[4];

	if (sscanf(text + (sign < 0), "%ld.%3[0-9]", &whole, digits) != 2 || strlen(digits) != 3)
		return 1000000;
	part = strtol(digits, NULL, 10);
	return sign * (whole * 1000 + part);
}

static void check_fragmentation(struct __test_metadata *_metadata, int fd)
{
	struct framepool_ioc_stats stats;
	const char *line = read_steady("fragmentation", fd, &stats);
	char unusable[32], external[32];
	unsigned int order, lines = 0;

	EXPECT_EQ(stats.largest_bytes, number_of(line, "largest"));
	line = next_line(line);
	EXPECT_EQ(0, strncmp(line, "order", 5));
	for (line = next_line(line); *line; line = next_line(line)) {
		ASSERT_EQ(3, sscanf(line, "%u %31s %31s", &order, unusable, external));
		ASSERT_EQ(lines, order);
		EXPECT_EQ(unusable_index(&stats, order), thousandths(unusable))
			TH_LOG("order %u: %s", order, unusable);
		EXPECT_EQ(external_index(&stats, order), thousandths(external))
			TH_LOG("order %u: %s", order, external);
		lines++;
	}
	EXPECT_EQ(stats.orders, lines);
}

static void check_all(struct __test_metadata *_metadata, int fd)
{
	check_summary(_metadata, fd);
	check_buddyinfo(_metadata, fd);
	check_fragmentation(_metadata, fd);
}

TEST_F(debugfs, idle_pool_is_shown)
{
	check_all(_metadata, self->fd);
}

TEST_F(debugfs, mixed_pool_is_shown)
{
	struct buffer buffer;
	int i;

	for (i = 1; i < 60; i++) {
		ASSERT_EQ(0, buffer_alloc(self->fd, i * i * 3 * FRAME / 8 + 1, &buffer));
		if (i % 4 == 0) {
			ASSERT_EQ(0, handle_free(self->fd, buffer.handle));
		}
	}
	check_all(_metadata, self->fd);
}

TEST_F(debugfs, full_pool_is_shown)
{
	struct buffer buffers[POOL_BYTES / HUGE_FRAME];
	int why;

	ASSERT_EQ(ARRAY_SIZE(buffers), alloc_until_refused(self->fd, HUGE_FRAME, 0, buffers,
							   ARRAY_SIZE(buffers), &why));
	check_all(_metadata, self->fd);
	EXPECT_EQ(0, number_of(read_text("fragmentation"), "largest"));
}

TEST_F(debugfs, checkerboard_has_the_indices_of_the_definition)
{
	enum { MAX = POOL_BYTES / HUGE_FRAME };
	static struct buffer buffers[MAX];
	struct framepool_ioc_stats stats;
	int i, why, freed = 0;

	ASSERT_EQ(MAX, alloc_until_refused(self->fd, HUGE_FRAME, HUGE_FRAME, buffers, MAX, &why));
	for (i = 0; i < MAX; i++) {
		if (buffer_physical(self->fd, &buffers[i]) / HUGE_FRAME % 2) {
			ASSERT_EQ(0, handle_free(self->fd, buffers[i].handle));
			freed++;
		}
	}
	ASSERT_TRUE(wait_clean(self->fd, &stats));
	check_all(_metadata, self->fd);

	/* Only @freed blocks of order 9 are free, so no block of order 10 can be allocated. */
	ASSERT_EQ(freed, stats.free_blocks[9]);
	EXPECT_EQ(freed * HUGE_FRAME, stats.free_bytes);
	EXPECT_EQ(0, unusable_index(&stats, 9));
	EXPECT_EQ(-1000, external_index(&stats, 9));
	EXPECT_EQ(1000, unusable_index(&stats, 10));
	EXPECT_EQ(1000 - (1000 + freed * 500) / freed, external_index(&stats, 10));
}

/**
 * struct client_line - a line of "clients"
 * @pid: the process that opened the pool
 * @uid: its user
 * @buffers: number of buffers
 * @held: bytes in them
 * @mapped: bytes of address space that map them
 * @charged: bytes of huge frames that are charged to the client
 * @quarantined: those of them in quarantine
 * @exports: its dma-bufs
 * @attached: devices that are attached to them
 * @in_use: how often they have them mapped
 * @state: "open", or "closed" if exports alone keep it
 * @comm: name of the program
 */
struct client_line {
	int pid;
	unsigned int uid;
	unsigned int buffers;
	unsigned long long held;
	unsigned long long mapped;
	unsigned long long charged;
	unsigned long long quarantined;
	int exports;
	int attached;
	int in_use;
	char state[8];
	char comm[32];
};

static bool parse_client(const char *line, struct client_line *client)
{
	return sscanf(line, "%d %u %u %llu %llu %llu %llu %d %d %d %7s %31[^\n]", &client->pid,
		      &client->uid, &client->buffers, &client->held, &client->mapped,
		      &client->charged, &client->quarantined, &client->exports, &client->attached,
		      &client->in_use, client->state, client->comm) == 12;
}

/* Number of lines of clients with @pid, the last in @client; -1 if a line is malformed. */
static int find_clients(int pid, struct client_line *client)
{
	const char *line = read_text("clients");
	struct client_line candidate;
	int found = 0;

	for (line = next_line(line); *line; line = next_line(line)) {
		if (!parse_client(line, &candidate))
			return -1;
		if (candidate.pid == pid) {
			*client = candidate;
			found++;
		}
	}
	return found;
}

TEST_F(debugfs, client_is_listed_with_what_it_holds)
{
	struct client_line client;
	struct buffer buffer;
	char *p;

	ASSERT_EQ(1, find_clients(getpid(), &client));
	EXPECT_EQ(0, client.uid);
	EXPECT_EQ(0, client.buffers);
	EXPECT_EQ(0, client.held);
	EXPECT_EQ(0, client.mapped);
	EXPECT_STREQ("debugfs_test", client.comm);

	ASSERT_EQ(0, buffer_alloc(self->fd, 3 * FRAME, &buffer));
	ASSERT_EQ(0, buffer_alloc(self->fd, 4 * MIB, &buffer));
	p = buffer_map(self->fd, &buffer);
	ASSERT_NE(MAP_FAILED, p);
	ASSERT_EQ(0, munmap(p + MIB, FRAME));
	ASSERT_EQ(1, find_clients(getpid(), &client));
	EXPECT_EQ(2, client.buffers);
	EXPECT_EQ(4 * MIB + 3 * FRAME, client.held);
	EXPECT_EQ(4 * MIB + HUGE_FRAME, client.charged);
	EXPECT_EQ(4 * MIB - FRAME, client.mapped);
}

TEST_F(debugfs, client_disappears_when_it_closes)
{
	struct client_line client;
	int probe;

	ASSERT_EQ(1, find_clients(getpid(), &client));
	probe = pool_open();
	ASSERT_GE(probe, 0);
	ASSERT_EQ(2, find_clients(getpid(), &client));
	ASSERT_EQ(0, close(probe));
	ASSERT_EQ(1, find_clients(getpid(), &client));
	ASSERT_EQ(0, close(self->fd));
	EXPECT_EQ(0, find_clients(getpid(), &client));
}

TEST_F(debugfs, client_that_exports_alone_keep_is_closed)
{
	struct client_line client;
	struct buffer buffer;
	int fd;

	ASSERT_EQ(0, buffer_alloc(self->fd, MIB, &buffer));
	fd = buffer_export_part(self->fd, buffer.handle, FRAMEPOOL_EXPORT_READ_ONLY, FRAME, FRAME);
	ASSERT_EQ(1, find_clients(getpid(), &client));
	EXPECT_STREQ("open", client.state);
	ASSERT_EQ(0, close(self->fd));
	ASSERT_EQ(1, find_clients(getpid(), &client));
	EXPECT_STREQ("closed", client.state);
	EXPECT_EQ(1, client.exports);
	EXPECT_EQ(MIB, client.held);
	EXPECT_TRUE(strstr(read_text("exports"), " 4096      r       0\n"));
	close(fd);
	EXPECT_EQ(0, find_clients(getpid(), &client));
}

TEST_F(debugfs, name_with_spaces_and_line_break_does_not_break_the_list)
{
	struct client_line client;
	pid_t pid;

	pid = child_fork();
	if (!pid) {
		int fd;

		CHILD_CHECK(!prctl(PR_SET_NAME, "two words 1 2 3"));
		fd = pool_open();
		CHILD_CHECK(fd >= 0);
		CHILD_CHECK(find_clients(getpid(), &client) == 1);
		CHILD_CHECK(!strcmp(client.comm, "two words 1 2 3"));
		CHILD_CHECK(!prctl(PR_SET_NAME, "a\n99 0 0 0 0 b"));
		CHILD_CHECK(pool_open() >= 0);
		CHILD_CHECK(find_clients(99, &client) == 0);
		CHILD_CHECK(find_clients(getpid(), &client) == 2);
		_exit(0);
	}
	EXPECT_EQ(0, child_wait(pid));
}

TEST_F(debugfs, reading_byte_by_byte_gives_the_same_text)
{
	static char whole[MAX_TEXT];
	struct buffer buffer;
	int i;

	ASSERT_EQ(0, buffer_alloc(self->fd, 5 * MIB + FRAME, &buffer));
	for (i = 0; i < ARRAY_SIZE(names); i++) {
		strcpy(whole, read_text(names[i]));
		EXPECT_STREQ(whole, read_pieces(names[i], 1));
		EXPECT_STREQ(whole, read_pieces(names[i], 7));
	}
}

TEST_F(debugfs, reading_at_an_offset_gives_that_part)
{
	char part[16];
	const char *text;
	int fd, i;

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		text = read_text(names[i]);
		fd = open(path_of(names[i]), O_RDONLY | O_CLOEXEC);
		ASSERT_GE(fd, 0);
		ASSERT_EQ(sizeof(part), pread(fd, part, sizeof(part), 9));
		EXPECT_EQ(0, memcmp(part, text + 9, sizeof(part)));
		ASSERT_EQ(3, lseek(fd, 3, SEEK_SET));
		ASSERT_EQ(sizeof(part), read(fd, part, sizeof(part)));
		EXPECT_EQ(0, memcmp(part, text + 3, sizeof(part)));
		EXPECT_EQ(0, pread(fd, part, sizeof(part), 1 << 20));
		close(fd);
	}
}

/* Allocates and frees until it is killed. */
static void churn(unsigned int seed)
{
	struct buffer buffers[16] = { 0 };
	int fd = pool_open();

	CHILD_CHECK(fd >= 0);
	for (;;) {
		struct buffer *buffer = &buffers[rand_r(&seed) % ARRAY_SIZE(buffers)];

		if (buffer->length) {
			CHILD_CHECK(!handle_free(fd, buffer->handle));
			buffer->length = 0;
		} else {
			CHILD_CHECK(!buffer_alloc(fd, 1 + rand_r(&seed) % (4 * MIB), buffer));
		}
	}
}

static bool summary_adds_up(void)
{
	const char *text = read_text("summary");

	return number_of(text, "total") == POOL_BYTES &&
	       number_of(text, "free") + number_of(text, "used") +
	       number_of(text, "quarantined") == POOL_BYTES &&
	       number_of(text, "largest") <= number_of(text, "free");
}

/* The blocks need not fit together: they are counted while others allocate. */
static bool buddyinfo_is_sane(void)
{
	const char *line = read_text("buddyinfo");
	unsigned long long bytes, blocks;
	unsigned int order;
	__u64 sum = 0;

	for (line = next_line(line); *line; line = next_line(line)) {
		if (sscanf(line, "%u %llu %llu", &order, &bytes, &blocks) != 3)
			return false;
		sum += bytes * blocks;
	}
	return sum > 0 && sum % FRAME == 0;
}

TEST_F(debugfs, sizes_are_of_one_moment_while_others_allocate)
{
	double end = seconds_now() + BUSY_SECONDS;
	struct client_line client;
	pid_t pids[2];
	int i;

	for (i = 0; i < 2; i++) {
		pids[i] = child_fork();
		if (!pids[i])
			churn(i + 1);
	}
	do {
		ASSERT_TRUE(summary_adds_up());
		ASSERT_TRUE(buddyinfo_is_sane());
		ASSERT_EQ(1, find_clients(getpid(), &client));
		ASSERT_NE(0, strlen(read_text("fragmentation")));
	} while (seconds_now() < end);
	for (i = 0; i < 2; i++) {
		EXPECT_EQ(CHILD_KILLED + SIGKILL, child_kill(pids[i]));
	}
}

TEST_HARNESS_MAIN
