// SPDX-License-Identifier: GPL-2.0-only
/*
 * The files in debugfs that show a pool by huge frames: map, owners and extents. The tests compare
 * them with layouts that they make themselves. The place of a buffer in the map follows from its
 * physical address, by the file extents.
 */
#include "common.h"
#include "child.h"
#include "memory.h"
#include "module.h"

#include <limits.h>
#include <linux/capability.h>
#include <sys/uio.h>

#define DIRECTORY	"/sys/kernel/debug/framepool/" POOL_NAME "/"
#define SHUTDOWN	"/sys/class/framepool/" POOL_NAME "/shutdown"
#define MAX_TEXT	(64 * KIB)
#define NR_HUGE		(POOL_BYTES / HUGE_FRAME)
#define LINE		64	/* huge frames in a line of the map */
#define READERS		100
#define READINGS	3	/* of each file, by each reader */

FIXTURE(layout)
{
	int fd;
	int fds[4];		/* more clients: their buffers share no huge frame */
	char expected[NR_HUGE + 1];
};

FIXTURE_SETUP(layout)
{
	int i;

	self->fd = pool_open();
	ASSERT_GE(self->fd, 0);
	for (i = 0; i < ARRAY_SIZE(self->fds); i++) {
		self->fds[i] = pool_open();
		ASSERT_GE(self->fds[i], 0);
	}
	memset(self->expected, '.', NR_HUGE);
}

FIXTURE_TEARDOWN_PARENT(layout)
{
	EXPECT_TRUE(wait_all_free());
}

static int open_file(const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), DIRECTORY "%s", name);
	return open(path, O_RDONLY | O_CLOEXEC);
}

/* The file's text; valid until the next call. */
static char *read_text(const char *name)
{
	static char text[MAX_TEXT];
	size_t length = 0;
	ssize_t n = 1;
	int fd = open_file(name);

	while (n > 0 && length < sizeof(text) - 1) {
		n = read(fd, text + length, sizeof(text) - 1 - length);
		length += n > 0 ? n : 0;
	}
	text[n < 0 ? 0 : length] = '\0';
	close(fd);
	return text;
}

/* The map without its line breaks; empty if these are in the wrong places. */
static const char *read_map(void)
{
	static char map[NR_HUGE + 1];
	const char *text = read_text("map");
	size_t i, line;

	map[0] = '\0';
	if (strlen(text) != NR_HUGE + (NR_HUGE + LINE - 1) / LINE)
		return map;
	for (i = 0; i < NR_HUGE; i++) {
		line = i / LINE;
		if (i % LINE == LINE - 1 && text[i + line + 1] != '\n')
			return "";
		map[i] = text[i + line];
	}
	map[NR_HUGE] = '\0';
	return map;
}

static const char *next_line(const char *line)
{
	const char *end = strchr(line, '\n');

	return end ? end + 1 : line + strlen(line);
}

/* The index of the huge frame at a physical address, according to extents; -1 if none. */
static long index_of(__u64 address)
{
	const char *line = read_text("extents");
	unsigned long long bytes, start;
	unsigned int first, nr;

	while (*(line = next_line(line))) {
		if (sscanf(line, "%u %u %llu %llx", &first, &nr, &bytes, &start) != 4)
			return -1;
		if (address >= start && address - start < bytes)
			return first + (address - start) / HUGE_FRAME;
	}
	return -1;
}

/* Allocates, and returns the index of the first huge frame; -1 if that fails. */
static long place(int fd, __u64 length, __u64 align, struct buffer *buffer)
{
	if (buffer_alloc_at(fd, length, align, 0, buffer))
		return -1;
	return index_of(buffer_physical(fd, buffer));
}

static bool map_becomes(const char *expected)
{
	if (WAIT_FOR(!strcmp(read_map(), expected)))
		return true;
	fprintf(stderr, "# expected %s\n#      not %s\n", expected, read_map());
	return false;
}

TEST_F(layout, extents_are_the_whole_pool_in_order)
{
	static const char heading[] = "     first huge_frames          bytes            address\n";
	const char *line = read_text("extents");
	unsigned int first, nr, next = 0, lines = 0;
	unsigned long long bytes, start, end = 0;
	char wanted[32];

	EXPECT_EQ(0, strncmp(line, heading, strlen(heading)));
	while (*(line = next_line(line))) {
		ASSERT_EQ(4, sscanf(line, "%u %u %llu %llx", &first, &nr, &bytes, &start));
		EXPECT_EQ(next, first);
		EXPECT_EQ(nr * HUGE_FRAME, bytes);
		EXPECT_EQ(0, start % HUGE_FRAME);
		EXPECT_GT(start, end);
		next += nr;
		end = start + bytes;
		lines++;
	}
	EXPECT_EQ(NR_HUGE, next);
	snprintf(wanted, sizeof(wanted), "\nextents: %u\n", lines);
	EXPECT_NE(NULL, strstr(read_text("summary"), wanted));
}

/* How many runs of @length huge frames fit side by side into the idle pool. */
static unsigned int nr_that_fit(unsigned int length)
{
	const char *line = read_text("extents");
	unsigned int first, nr, sum = 0;

	while (*(line = next_line(line)))
		if (sscanf(line, "%u %u", &first, &nr) == 2)
			sum += nr / length;
	return sum;
}

TEST_F(layout, buffers_of_any_length_lie_side_by_side)
{
	static const unsigned int lengths[] = { 3, 5, 17 };
	struct buffer buffer;
	unsigned int i, nr;
	int fd, ret;

	for (i = 0; i < ARRAY_SIZE(lengths); i++) {
		fd = pool_open();
		ASSERT_GE(fd, 0);
		nr = 0;
		while (!(ret = buffer_alloc(fd, lengths[i] * HUGE_FRAME, &buffer)))
			nr++;
		EXPECT_TRUE(ret == -ENOSPC || ret == -ENOMEM);
		EXPECT_EQ(nr_that_fit(lengths[i]), nr);
		close(fd);
	}
}

/* Drops CAP_SYS_ADMIN, and keeps the right to read root's files. */
static bool drop_admin(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &header, data))
		return false;
	data[0].effective &= ~(1U << CAP_SYS_ADMIN);
	return !syscall(SYS_capset, &header, data);
}

static bool addresses_are_all(bool shown)
{
	const char *line = read_text("extents");
	unsigned long long bytes, start;
	unsigned int first, nr;

	while (*(line = next_line(line)))
		if (sscanf(line, "%u %u %llu %llx", &first, &nr, &bytes, &start) != 4 ||
		    !start == shown)
			return false;
	return true;
}

TEST_F(layout, addresses_are_hidden_without_cap_sys_admin)
{
	pid_t pid = child_fork();

	if (!pid) {
		CHILD_CHECK(drop_admin());
		CHILD_CHECK(addresses_are_all(false));
		_exit(0);
	}
	EXPECT_EQ(0, child_wait(pid));
	EXPECT_TRUE(addresses_are_all(true));
}

TEST_F(layout, map_of_idle_pool_is_empty)
{
	EXPECT_TRUE(map_becomes(self->expected));
}

TEST_F(layout, map_shows_states_and_fullness)
{
	struct buffer buffer;
	long at;

	/* Three whole huge frames; one half full; one with a frame; two and 100 frames. */
	at = place(self->fds[0], 3 * HUGE_FRAME, HUGE_FRAME, &buffer);
	ASSERT_GE(at, 0);
	memcpy(self->expected + at, "###", 3);
	at = place(self->fds[1], HUGE_FRAME / 2, 0, &buffer);
	ASSERT_GE(at, 0);
	self->expected[at] = '5';
	at = place(self->fds[2], FRAME, 0, &buffer);
	ASSERT_GE(at, 0);
	self->expected[at] = '0';
	at = place(self->fds[3], 2 * HUGE_FRAME + 100 * FRAME, HUGE_FRAME, &buffer);
	ASSERT_GE(at, 0);
	memcpy(self->expected + at, "##1", 3);
	EXPECT_STREQ(self->expected, read_map());

	/* All but one frame of another, then that one: the fullest huge frame is used first. */
	at = place(self->fds[2], 511 * FRAME, 0, &buffer);
	ASSERT_GE(at, 0);
	self->expected[at] = '9';
	EXPECT_STREQ(self->expected, read_map());
	ASSERT_EQ(at, place(self->fds[2], FRAME, 0, &buffer));
	self->expected[at] = '#';
	EXPECT_STREQ(self->expected, read_map());
}

TEST_F(layout, map_of_full_pool_is_full)
{
	struct buffer buffers[NR_HUGE];
	int why;

	ASSERT_EQ(NR_HUGE, alloc_until_refused(self->fd, HUGE_FRAME, 0, buffers, NR_HUGE, &why));
	memset(self->expected, '#', NR_HUGE);
	EXPECT_STREQ(self->expected, read_map());
}

/**
 * struct share - a line of "owners"
 */
struct share {
	unsigned int nr_huge;
	unsigned long long used;
	unsigned long long free;
	char owner[16];
	int pid;
	unsigned int uid;
	char name[32];
};

/* Reads the lines of clients with this pid; their number, or -1 if a line is malformed. */
static int find_shares(int pid, struct share *shares, int room)
{
	const char *line = read_text("owners");
	struct share share;
	int found = 0;

	while (*(line = next_line(line))) {
		if (sscanf(line, "%u %llu %llu %15s", &share.nr_huge, &share.used, &share.free,
			   share.owner) != 4)
			return -1;
		if (strcmp(share.owner, "client"))
			continue;
		if (sscanf(line, "%*u %*u %*u %*s %d %u %31[^\n]", &share.pid, &share.uid,
			   share.name) != 3)
			return -1;
		if (share.pid == pid && found < room)
			shares[found++] = share;
	}
	return found;
}

TEST_F(layout, owners_have_what_they_allocated)
{
	struct share shares[8];
	struct buffer buffer;

	ASSERT_EQ(0, find_shares(getpid(), shares, 8));
	ASSERT_GE(place(self->fds[0], 3 * HUGE_FRAME, HUGE_FRAME, &buffer), 0);
	ASSERT_GE(place(self->fds[1], FRAME, 0, &buffer), 0);
	ASSERT_GE(place(self->fds[3], 2 * HUGE_FRAME + 100 * FRAME, HUGE_FRAME, &buffer), 0);
	ASSERT_EQ(3, find_shares(getpid(), shares, 8));
	/* In the order in which they were opened. */
	EXPECT_EQ(3, shares[0].nr_huge);
	EXPECT_EQ(3 * HUGE_FRAME, shares[0].used);
	EXPECT_EQ(0, shares[0].free);
	EXPECT_EQ(1, shares[1].nr_huge);
	EXPECT_EQ(FRAME, shares[1].used);
	EXPECT_EQ(HUGE_FRAME - FRAME, shares[1].free);
	EXPECT_EQ(3, shares[2].nr_huge);
	EXPECT_EQ(2 * HUGE_FRAME + 100 * FRAME, shares[2].used);
	EXPECT_EQ(HUGE_FRAME - 100 * FRAME, shares[2].free);
	EXPECT_EQ(0, shares[2].uid);
	EXPECT_STREQ("layout_test", shares[2].name);
}

/* These are more owners than the snapshot first has room for. */
TEST_F(layout, owners_are_all_there_however_many)
{
	enum { MANY = 50 };
	struct share shares[MANY + 1];
	struct buffer buffer;
	int i, fd;

	for (i = 0; i < MANY; i++) {
		fd = pool_open();
		ASSERT_GE(fd, 0);
		ASSERT_EQ(0, buffer_alloc(fd, (i + 1) * FRAME, &buffer));
	}
	ASSERT_EQ(MANY, find_shares(getpid(), shares, MANY + 1));
	for (i = 0; i < MANY; i++)
		EXPECT_EQ((i + 1) * FRAME, shares[i].used);
}

TEST_F(layout, map_shows_what_a_pipe_refers_to)
{
	struct iovec frame = { .iov_len = FRAME };
	struct buffer buffer;
	int ends[2];
	long at;

	at = place(self->fds[0], 4 * HUGE_FRAME, HUGE_FRAME, &buffer);
	ASSERT_GE(at, 0);
	frame.iov_base = buffer_map(self->fds[0], &buffer);
	ASSERT_NE(MAP_FAILED, frame.iov_base);
	touch(frame.iov_base, buffer.length);
	ASSERT_EQ(0, pipe(ends));
	/* A page each of the second and the third of four huge frames. */
	frame.iov_base += HUGE_FRAME;
	ASSERT_EQ(FRAME, vmsplice(ends[1], &frame, 1, 0));
	frame.iov_base += HUGE_FRAME;
	ASSERT_EQ(FRAME, vmsplice(ends[1], &frame, 1, 0));
	ASSERT_EQ(0, munmap(frame.iov_base - 2 * HUGE_FRAME, buffer.length));
	ASSERT_EQ(0, handle_free(self->fds[0], buffer.handle));

	memcpy(self->expected + at + 1, "qq", 2);
	EXPECT_TRUE(map_becomes(self->expected));
	close(ends[0]);
	close(ends[1]);
	memcpy(self->expected + at + 1, "..", 2);
	EXPECT_TRUE(map_becomes(self->expected));
}

static const char * const names[] = {
	"summary", "buddyinfo", "fragmentation", "clients", "users", "map", "owners", "extents",
	"quarantine"
};

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
		} else if (buffer_alloc(fd, 1 + rand_r(&seed) % (4 * MIB), buffer)) {
			buffer->length = 0;
		}
	}
}

/* Reads all files @rounds times, and counts the rounds in *@done. */
static void read_files(int rounds, int *done)
{
	int i;

	while (rounds--) {
		for (i = 0; i < ARRAY_SIZE(names); i++)
			CHILD_CHECK(*read_text(names[i]));
		CHILD_CHECK(strlen(read_map()) == NR_HUGE);
		__atomic_add_fetch(done, 1, __ATOMIC_RELAXED);
	}
	_exit(0);
}

TEST_F_TIMEOUT(layout, hundred_readers_see_whole_files_in_a_storm, SLOW_TEST_SECONDS)
{
	pid_t churners[2], readers[READERS];
	int i, done = 0;

	for (i = 0; i < ARRAY_SIZE(churners); i++) {
		churners[i] = child_fork();
		if (!churners[i])
			churn(i + 1);
	}
	for (i = 0; i < READERS; i++) {
		readers[i] = child_fork();
		if (!readers[i])
			read_files(READINGS, &done);
	}
	for (i = 0; i < READERS; i++)
		EXPECT_EQ(0, child_wait(readers[i]));
	for (i = 0; i < ARRAY_SIZE(churners); i++)
		EXPECT_EQ(CHILD_KILLED + SIGKILL, child_kill(churners[i]));
	EXPECT_TRUE(pool_verifies());
}

static bool shut_down(void)
{
	int fd = open(SHUTDOWN, O_WRONLY | O_CLOEXEC);
	bool done = write(fd, "1", 1) == 1;

	close(fd);
	return done;
}

static void close_all(FIXTURE_DATA(layout) *self)
{
	int i;

	close(self->fd);
	for (i = 0; i < ARRAY_SIZE(self->fds); i++)
		close(self->fds[i]);
}

/* Whether each reader reads all files once more from the beginning. */
static bool readers_go_on(const int *done, int nr)
{
	int i, before;

	for (i = 0; i < nr; i++) {
		before = __atomic_load_n(&done[i], __ATOMIC_RELAXED);
		/* The first round that ends may have begun before this call. */
		if (!WAIT_FOR(__atomic_load_n(&done[i], __ATOMIC_RELAXED) >= before + 2))
			return false;
	}
	return true;
}

TEST_F(layout, readers_during_shutdown_see_whole_files)
{
	pid_t readers[8];
	struct buffer buffer;
	int *done, i;

	done = mmap(NULL, FRAME, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, done);
	ASSERT_EQ(0, buffer_alloc(self->fd, 5 * MIB, &buffer));
	for (i = 0; i < ARRAY_SIZE(readers); i++) {
		readers[i] = child_fork();
		if (!readers[i])
			read_files(INT_MAX, &done[i]);
	}
	EXPECT_TRUE(readers_go_on(done, ARRAY_SIZE(readers)));
	ASSERT_TRUE(shut_down());
	EXPECT_NE(NULL, strstr(read_text("summary"), "buffers: 1\n"));
	EXPECT_TRUE(readers_go_on(done, ARRAY_SIZE(readers)));
	for (i = 0; i < ARRAY_SIZE(readers); i++)
		EXPECT_EQ(CHILD_KILLED + SIGKILL, child_kill(readers[i]));
	close_all(self);
	EXPECT_EQ(0, unload());
	EXPECT_EQ(0, load(USUAL_PARAMETERS));
}

/* No file is opened during the unloading: that may make Linux itself log a warning. */
TEST_F(layout, open_file_keeps_the_module)
{
	char text[NR_HUGE / 2];
	int i, fd;

	close_all(self);
	for (i = 0; i < ARRAY_SIZE(names); i++) {
		fd = open_file(names[i]);
		ASSERT_GE(fd, 0);
		EXPECT_EQ(-EWOULDBLOCK, unload());
		EXPECT_GT(read(fd, text, sizeof(text)), 0);
		EXPECT_EQ(-EWOULDBLOCK, unload());
		close(fd);
	}
	EXPECT_EQ(0, unload());
	EXPECT_EQ(0, load(USUAL_PARAMETERS));
}

TEST_HARNESS_MAIN
