// SPDX-License-Identifier: GPL-2.0-only
/* Memory that changes hands, between clients or within one, carries no old bytes. */
#include "common.h"
#include "child.h"
#include "memory.h"

#define SMALL		(64 * KIB)
#define MAX_HUGE	(POOL_BYTES / HUGE_FRAME)
#define MAX_SMALL	(POOL_BYTES / SMALL)

FIXTURE(owner)
{
	int fd;
	int other;
};

FIXTURE_SETUP(owner)
{
	self->fd = pool_open();
	ASSERT_GE(self->fd, 0);
	self->other = pool_open();
	ASSERT_GE(self->other, 0);
}

FIXTURE_TEARDOWN_PARENT(owner)
{
	EXPECT_TRUE(wait_all_free());
}

/* Whether the buffer's bytes are all zero; then sets them to @pattern. */
static bool zero_then_fill(int fd, const struct buffer *buffer, unsigned char pattern)
{
	char *p = buffer_map(fd, buffer);
	bool zero;

	if (p == MAP_FAILED)
		return false;
	zero = all_bytes(p, 0, buffer->length);
	memset(p, pattern, buffer->length);
	return !munmap(p, buffer->length) && zero;
}

/* Number of buffers of @length that could be allocated; -1: one was not zero. */
static int take_all(int fd, __u64 length, __u64 align, unsigned char pattern,
		    struct buffer *buffers, int max)
{
	int i, why, n = alloc_until_refused(fd, length, align, buffers, max, &why);

	for (i = 0; i < n; i++)
		if (!zero_then_fill(fd, &buffers[i], pattern))
			return -1;
	return n;
}

static bool free_all(int fd, const struct buffer *buffers, int n)
{
	int i;

	for (i = 0; i < n; i++)
		if (handle_free(fd, buffers[i].handle))
			return false;
	return true;
}

TEST_F_TIMEOUT(owner, whole_pool_of_closed_client_reads_as_zeros, SLOW_TEST_SECONDS)
{
	static struct buffer buffers[MAX_HUGE];

	ASSERT_EQ(MAX_HUGE, take_all(self->fd, HUGE_FRAME, HUGE_FRAME, PATTERN_MINE, buffers,
				     MAX_HUGE));
	close(self->fd);
	EXPECT_EQ(MAX_HUGE, take_all(self->other, HUGE_FRAME, HUGE_FRAME, PATTERN_OTHER, buffers,
				     MAX_HUGE));
}

TEST_F_TIMEOUT(owner, whole_pool_of_living_client_reads_as_zeros, SLOW_TEST_SECONDS)
{
	static struct buffer buffers[MAX_HUGE], theirs[MAX_HUGE];

	ASSERT_EQ(MAX_HUGE, take_all(self->fd, HUGE_FRAME, HUGE_FRAME, PATTERN_MINE, buffers,
				     MAX_HUGE));
	ASSERT_TRUE(free_all(self->fd, buffers, MAX_HUGE));
	EXPECT_EQ(MAX_HUGE, take_all(self->other, HUGE_FRAME, HUGE_FRAME, PATTERN_OTHER, theirs,
				     MAX_HUGE));
}

TEST_F_TIMEOUT(owner, leftovers_of_partly_used_huge_frames_read_as_zeros, SLOW_TEST_SECONDS)
{
	enum { MINE = 600 };
	static struct buffer buffers[MINE], theirs[MAX_SMALL];
	int i, why;

	/* Leave frames of every kind: written and freed, never touched, and still in use. */
	for (i = 0; i < MINE; i++) {
		ASSERT_EQ(0, buffer_alloc(self->fd, SMALL, &buffers[i]));
		if (i % 5 != 4) {
			ASSERT_TRUE(zero_then_fill(self->fd, &buffers[i], PATTERN_MINE));
		}
	}
	for (i = 0; i < MINE; i++) {
		if (i % 16) {
			ASSERT_EQ(0, handle_free(self->fd, buffers[i].handle));
		}
	}
	/* The other client empties the pool, so that leftovers are all that it could still get. */
	EXPECT_GT(alloc_until_refused(self->other, HUGE_FRAME, 0, theirs, MAX_HUGE, &why),
		  MAX_HUGE / 2);
	EXPECT_GE(take_all(self->other, SMALL, 0, PATTERN_OTHER, theirs, MAX_SMALL), 0);
	EXPECT_GE(take_all(self->other, FRAME, 0, PATTERN_OTHER, theirs, MAX_SMALL), 0);

	/* Buffers that stayed in use were given to no other client. */
	for (i = 0; i < MINE; i += 16) {
		char *p = buffer_map(self->fd, &buffers[i]);

		ASSERT_NE(MAP_FAILED, p);
		EXPECT_TRUE(all_bytes(p, i % 5 != 4 ? PATTERN_MINE : 0, SMALL));
		ASSERT_EQ(0, munmap(p, SMALL));
	}
}

TEST_F_TIMEOUT(owner, memory_of_killed_client_reads_as_zeros, SLOW_TEST_SECONDS)
{
	enum { THEIRS = 256 };
	static struct buffer buffers[THEIRS];
	int ready[2], why;
	pid_t pid;

	ASSERT_EQ(0, pipe(ready));
	pid = child_fork();
	if (!pid) {
		int fd = pool_open();
		int n = alloc_until_refused(fd, SMALL, 0, buffers, THEIRS, &why);

		CHILD_CHECK(n == THEIRS);
		while (n--)
			CHILD_CHECK(zero_then_fill(fd, &buffers[n], PATTERN_MINE));
		tell(ready[1]);
		pause();
	}
	close(ready[1]);
	ASSERT_TRUE(hear(ready[0]));
	ASSERT_EQ(CHILD_KILLED + SIGKILL, child_kill(pid));
	EXPECT_EQ(MAX_HUGE, take_all(self->fd, HUGE_FRAME, HUGE_FRAME, PATTERN_OTHER, buffers,
				     MAX_HUGE));
}

TEST_F(owner, reallocated_memory_of_one_client_reads_as_zeros)
{
	static const __u64 lengths[] = {
		FRAME, 3 * FRAME, SMALL, MIB, HUGE_FRAME, HUGE_FRAME + FRAME, 5 * MIB,
	};
	struct buffer buffer;
	int i, round;

	for (round = 0; round < 10; round++) {
		for (i = 0; i < ARRAY_SIZE(lengths); i++) {
			ASSERT_EQ(0, buffer_alloc(self->fd, lengths[i], &buffer));
			ASSERT_TRUE(zero_then_fill(self->fd, &buffer, PATTERN_MINE));
			ASSERT_EQ(0, handle_free(self->fd, buffer.handle));
		}
	}
}

TEST_F(owner, memory_freed_while_mapped_is_not_given_away)
{
	static struct buffer buffers[128];
	struct buffer buffer;
	char *p;

	ASSERT_EQ(0, buffer_alloc(self->fd, SMALL, &buffer));
	p = buffer_map(self->fd, &buffer);
	ASSERT_NE(MAP_FAILED, p);
	memset(p, PATTERN_MINE, SMALL);
	ASSERT_EQ(0, handle_free(self->fd, buffer.handle));

	/* It is given neither to this client nor to another. */
	EXPECT_EQ(128, take_all(self->fd, SMALL, 0, PATTERN_OTHER, buffers, 128));
	EXPECT_EQ(128, take_all(self->other, SMALL, 0, PATTERN_OTHER, buffers, 128));
	EXPECT_TRUE(all_bytes(p, PATTERN_MINE, SMALL));
}

/* One frame less than a huge frame, so that each buffer takes a huge frame of its own. */
#define ALMOST		(HUGE_FRAME - FRAME)

/* A client that is refused memory changes nothing, however often it asks. */
TEST_F_TIMEOUT(owner, frames_left_in_others_huge_frames_stay_theirs, SLOW_TEST_SECONDS)
{
	static struct buffer buffers[MAX_HUGE], rest[MAX_HUGE];
	struct framepool_ioc_stats stats;
	struct buffer buffer;
	int i;

	ASSERT_EQ(MAX_HUGE, take_all(self->fd, ALMOST, 0, PATTERN_MINE, buffers, MAX_HUGE));
	for (i = 0; i < 1000; i++)
		ASSERT_EQ(-ENOMEM, buffer_alloc(self->other, FRAME, &buffer));
	ASSERT_EQ(0, pool_stats(self->fd, &stats));
	EXPECT_EQ(MAX_HUGE * FRAME, stats.free_bytes);
	EXPECT_EQ(0, stats.quarantined_bytes);
	EXPECT_EQ(MAX_HUGE, take_all(self->fd, FRAME, 0, PATTERN_MINE, rest, MAX_HUGE));
	ASSERT_EQ(0, handle_free(self->fd, rest[0].handle));
	EXPECT_EQ(-ENOMEM, buffer_alloc(self->other, FRAME, &buffer));
	/* A huge frame that is wholly free changes hands. */
	ASSERT_TRUE(free_all(self->fd, buffers, MAX_HUGE));
	ASSERT_TRUE(free_all(self->fd, rest + 1, MAX_HUGE - 1));
	EXPECT_EQ(MAX_HUGE, take_all(self->other, FRAME, HUGE_FRAME, PATTERN_OTHER, rest,
				     MAX_HUGE));
}

TEST_HARNESS_MAIN
