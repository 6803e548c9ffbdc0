// SPDX-License-Identifier: GPL-2.0-only
/* The file obstacles in debugfs: what would not move, and why. */
#include "cache.h"
#include "memory.h"
#include "module.h"
#include "sigbus.h"

#define OBSTACLES	"/sys/kernel/debug/framepool/" POOL_NAME "/obstacles"
#define MOVABLE		FRAMEPOOL_ALLOC_MOVABLE
#define MAX_TEXT	(1 << 20)
#define TRIES		10

FIXTURE(obstacles)
{
	int fd;
};

FIXTURE_SETUP(obstacles)
{
	ASSERT_TRUE(wait_all_free());
	self->fd = pool_open();
	ASSERT_GE(self->fd, 0);
}

FIXTURE_TEARDOWN_PARENT(obstacles)
{
	EXPECT_TRUE(wait_all_free());
}

struct line {
	unsigned long long offset, length, handle;
	int pid;
	char reason[16];
	char comm[64];
};

/* The file's text, read by pieces of @bytes; valid until the next call. */
static const char *read_obstacles(size_t bytes)
{
	static char text[MAX_TEXT];
	size_t length = 0;
	ssize_t n = 1;
	int fd = open(OBSTACLES, O_RDONLY | O_CLOEXEC);

	while (n > 0 && length + bytes < sizeof(text)) {
		n = read(fd, text + length, bytes);
		length += n > 0 ? n : 0;
	}
	text[length] = '\0';
	close(fd);
	return text;
}

/* Reads the lines; returns how many there are, of which @max are kept. */
static int read_lines(struct line *lines, int max)
{
	const char *text = read_obstacles(4096);
	struct line line;
	int nr = 0;

	while ((text = strchr(text, '\n')) && *++text) {
		if (sscanf(text, "%llu %llu %d %llu %15s %63[^\n]", &line.offset, &line.length,
			   &line.pid, &line.handle, line.reason, line.comm) != 6)
			return -1;
		if (nr < max)
			lines[nr] = line;
		nr++;
	}
	return nr;
}

/* Whether there is exactly one obstacle, which is of this process. */
static bool has_one(const char *reason, unsigned long long length, unsigned long long handle)
{
	struct line line = { .reason = "" };
	int nr = read_lines(&line, 1);

	if (nr == 1 && !strcmp(line.reason, reason) && line.length == length &&
	    line.handle == handle && line.pid == getpid() && !(line.offset % FRAME) && line.comm[0])
		return true;
	fprintf(stderr, "# wanted %s %llu %llu, got %d:\n%s", reason, length, handle, nr,
		read_obstacles(4096));
	return false;
}

static int pin(int fd, __u64 handle, unsigned long cmd)
{
	struct framepool_ioc_pin arg = { .size = sizeof(arg), .handle = handle };

	return call(fd, cmd, &arg);
}

static int export(int fd, __u64 handle, size_t length)
{
	struct framepool_ioc_export arg = {
		.size = sizeof(arg), .handle = handle, .length = length,
	};

	return call(fd, FRAMEPOOL_IOC_EXPORT, &arg) ?: arg.fd;
}

/* Keeps a reference to the page in a pipe. */
static int hold_page(void *page, int ends[2])
{
	struct iovec iov = { page, FRAME };

	if (pipe(ends))
		return -errno;
	return vmsplice(ends[1], &iov, 1, 0) == FRAME ? 0 : -EIO;
}

TEST_F(obstacles, idle_pool_has_none)
{
	EXPECT_EQ(0, read_lines(NULL, 0));
}

TEST_F(obstacles, unmovable_run_and_its_tail_are_listed)
{
	unsigned long long huge = 2 * HUGE_FRAME, tail = 3 * FRAME;
	struct line lines[2] = { 0 };
	struct buffer buffer;

	ASSERT_EQ(0, buffer_alloc(self->fd, huge + tail, &buffer));
	ASSERT_EQ(2, read_lines(lines, 2));
	EXPECT_EQ(huge, lines[0].length);
	EXPECT_EQ(tail, lines[1].length);
	EXPECT_EQ(lines[0].offset + huge, lines[1].offset);
	EXPECT_EQ(buffer.handle, lines[0].handle);
	EXPECT_EQ(buffer.handle, lines[1].handle);
	EXPECT_STREQ("unmovable", lines[1].reason);
	ASSERT_EQ(0, handle_free(self->fd, buffer.handle));
}

TEST_F(obstacles, unmovable_own_buffer_is_listed)
{
	struct buffer buffer;

	ASSERT_EQ(0, buffer_alloc_any(self->fd, FRAMEPOOL_ALLOC_OWN, HUGE_FRAME, 0, 0, &buffer));
	EXPECT_TRUE(has_one("unmovable", HUGE_FRAME, buffer.handle));
	ASSERT_EQ(0, handle_free(self->fd, buffer.handle));
}

TEST_F(obstacles, movable_buffers_are_no_obstacles_until_pinned)
{
	struct buffer run, small, other;

	ASSERT_EQ(0, buffer_alloc_any(self->fd, MOVABLE, 2 * HUGE_FRAME, 0, 0, &run));
	ASSERT_EQ(0, buffer_alloc_any(self->fd, MOVABLE, 3 * FRAME, 0, 0, &small));
	ASSERT_EQ(0, buffer_alloc_any(self->fd, MOVABLE, FRAME, 0, 0, &other));
	EXPECT_EQ(0, read_lines(NULL, 0));
	ASSERT_EQ(0, pin(self->fd, run.handle, FRAMEPOOL_IOC_PIN));
	EXPECT_TRUE(has_one("pinned", 2 * HUGE_FRAME, run.handle));
	ASSERT_EQ(0, pin(self->fd, run.handle, FRAMEPOOL_IOC_UNPIN));
	ASSERT_EQ(0, pin(self->fd, small.handle, FRAMEPOOL_IOC_PIN));
	EXPECT_TRUE(has_one("pinned", 3 * FRAME, small.handle));
	ASSERT_EQ(0, pin(self->fd, small.handle, FRAMEPOOL_IOC_UNPIN));
	EXPECT_EQ(0, read_lines(NULL, 0));
}

TEST_F(obstacles, exported_buffer_is_listed)
{
	struct buffer buffer;
	int fd;

	ASSERT_EQ(0, buffer_alloc_any(self->fd, MOVABLE, HUGE_FRAME, 0, 0, &buffer));
	fd = export(self->fd, buffer.handle, FRAME);
	ASSERT_GE(fd, 0);
	EXPECT_TRUE(has_one("exported", HUGE_FRAME, buffer.handle));
	close(fd);
	EXPECT_TRUE(WAIT_FOR(!read_lines(NULL, 0)));
}

/* Small buffers, of which one may not move, in a huge frame with others. */
TEST_F(obstacles, small_unmovable_buffer_among_movable_ones_is_listed)
{
	struct buffer movable, fixed;

	ASSERT_EQ(0, buffer_alloc_any(self->fd, MOVABLE, 5 * FRAME, 0, 0, &movable));
	ASSERT_EQ(0, buffer_alloc(self->fd, 3 * FRAME, &fixed));
	EXPECT_TRUE(has_one("unmovable", 3 * FRAME, fixed.handle));
	ASSERT_EQ(0, handle_free(self->fd, fixed.handle));
	EXPECT_EQ(0, read_lines(NULL, 0));
}

#define NR_HUGE		((int)(POOL_BYTES / HUGE_FRAME))
#define APART		16	/* huge frames; no run is found that has none of those held */

static struct buffer buffers[NR_HUGE];
static int ends[NR_HUGE][2];

/* Fills the pool, holds a page of each buffer that is to stay, and frees the others. */
static void hold_some(struct __test_metadata *_metadata, int fd)
{
	int i, nr = 0;
	char *p;

	while (nr < NR_HUGE && !buffer_alloc_any(fd, MOVABLE, HUGE_FRAME, 0, 0, &buffers[nr]))
		nr++;
	for (i = 0; i < nr; i++) {
		if (i % APART) {
			ASSERT_EQ(0, handle_free(fd, buffers[i].handle));
			continue;
		}
		p = buffer_map(fd, &buffers[i]);
		ASSERT_NE(MAP_FAILED, p);
		*p = 1;
		ASSERT_EQ(0, hold_page(p, ends[i]));
	}
}

TEST_F(obstacles, buffer_that_was_referenced_when_it_was_to_move_is_listed)
{
	struct framepool_ioc_info info;
	struct line line = { .reason = "" };
	struct buffer big;

	ASSERT_EQ(0, pool_info(self->fd, &info));
	hold_some(_metadata, self->fd);
	EXPECT_EQ(0, read_lines(NULL, 0));
	ASSERT_GT(0, buffer_alloc(self->fd, info.largest_extent_bytes, &big));
	EXPECT_LT(0, read_lines(&line, 1));
	EXPECT_STREQ("referenced", line.reason);
	EXPECT_EQ(HUGE_FRAME, line.length);
}

TEST_F(obstacles, slabs_are_listed)
{
	struct cache cache;
	__u64 offset;

	ASSERT_EQ(0, cache_create(self->fd, 64, &cache));
	ASSERT_EQ(0, objects_alloc(&cache, &offset, 1));
	EXPECT_TRUE(has_one("cache", cache.slab_bytes, 0));
	ASSERT_EQ(0, cache_destroy(self->fd, cache.handle));
}

TEST_F(obstacles, freed_memory_that_is_referenced_is_listed)
{
	struct buffer buffer;
	int ends[2];
	char *p;

	ASSERT_EQ(0, buffer_alloc(self->fd, HUGE_FRAME, &buffer));
	p = buffer_map(self->fd, &buffer);
	ASSERT_NE(MAP_FAILED, p);
	*p = 1;
	ASSERT_EQ(0, hold_page(p, ends));
	ASSERT_EQ(0, munmap(p, HUGE_FRAME));
	ASSERT_EQ(0, handle_free(self->fd, buffer.handle));
	EXPECT_TRUE(has_one("quarantined", HUGE_FRAME, 0));
	close(ends[0]);
	close(ends[1]);
	EXPECT_TRUE(WAIT_FOR(!read_lines(NULL, 0)));
}

/* The magazines with the blocks may be emptied before the file is read. Then it is done again. */
TEST_F(obstacles, blocks_of_the_kernel_are_listed)
{
	struct line line = { .reason = "" };
	int tries, nr = 0;

	for (tries = 0; tries < TRIES && nr <= 0; tries++) {
		ASSERT_EQ(0, load_case("run=linger"));
		nr = read_lines(&line, 1);
		ASSERT_EQ(0, unload_case());
	}
	EXPECT_GT(nr, 0);
	EXPECT_STREQ("kernel", line.reason);
	EXPECT_STREQ("-", line.comm);
	EXPECT_EQ(0, line.pid);
	EXPECT_EQ(0, line.handle);
}

TEST_F(obstacles, retired_memory_is_listed)
{
	struct line lines[8];
	struct buffer buffer;
	int i, nr;
	char *p;

	catch_sigbus();
	ASSERT_EQ(0, buffer_alloc(self->fd, HUGE_FRAME, &buffer));
	p = buffer_map(self->fd, &buffer);
	ASSERT_NE(MAP_FAILED, p);
	*p = 1;
	ASSERT_TRUE(poison_physical(physical_address(p)));
	ASSERT_EQ(0, munmap(p, HUGE_FRAME));
	ASSERT_EQ(0, handle_free(self->fd, buffer.handle));
	EXPECT_TRUE(WAIT_FOR(strstr(read_obstacles(4096), " retired ")));
	nr = read_lines(lines, 8);
	for (i = 0; i < nr && i < 8 && strcmp(lines[i].reason, "retired"); i++)
		continue;
	/* Blocks of the kernel may still be in magazines. */
	ASSERT_LT(i, nr);
	EXPECT_EQ(HUGE_FRAME, lines[i].length);
	EXPECT_STREQ("-", lines[i].comm);
	close(self->fd);
	EXPECT_EQ(0, unload());
	EXPECT_EQ(0, load(USUAL_PARAMETERS));
}

TEST_F(obstacles, map_has_letters_for_what_may_move)
{
	static const char path[] = "/sys/kernel/debug/framepool/" POOL_NAME "/map";
	struct buffer run, small;
	const char *map;

	ASSERT_EQ(0, buffer_alloc_any(self->fd, MOVABLE, 2 * HUGE_FRAME, 0, 0, &run));
	ASSERT_EQ(0, buffer_alloc_any(self->fd, MOVABLE, HUGE_FRAME / 4, 0, 0, &small));
	map = read_file(path);
	EXPECT_NE(NULL, strstr(map, "mm"));
	EXPECT_NE(NULL, strchr(map, 'c'));
	ASSERT_EQ(0, pin(self->fd, run.handle, FRAMEPOOL_IOC_PIN));
	ASSERT_EQ(0, pin(self->fd, small.handle, FRAMEPOOL_IOC_PIN));
	map = read_file(path);
	EXPECT_NE(NULL, strstr(map, "##"));
	EXPECT_NE(NULL, strchr(map, '2'));
	EXPECT_EQ(NULL, strpbrk(map, "mc"));
}

/* As many lines as there are small buffers, whatever the length of a read. */
TEST_F(obstacles, long_list_is_the_same_in_short_reads)
{
	static char whole[MAX_TEXT];
	struct buffer buffer;
	int i;

	for (i = 0; i < 1500; i++)
		ASSERT_EQ(0, buffer_alloc(self->fd, FRAME, &buffer));
	EXPECT_EQ(1500, read_lines(NULL, 0));
	strcpy(whole, read_obstacles(65536));
	EXPECT_STREQ(whole, read_obstacles(100));
}

TEST_HARNESS_MAIN
