// SPDX-License-Identifier: GPL-2.0-only
/*
 * Compaction as an administrator sees and steers it: its figures, room made ahead of need, and huge
 * frames that are taken out of use.
 */
#include "memory.h"

#define MOVABLE		FRAMEPOOL_ALLOC_MOVABLE
#define MAX_BUFFERS	16384

FIXTURE(compact)
{
	int fd, other;
};

FIXTURE_SETUP(compact)
{
	self->fd = pool_open();
	self->other = pool_open();
	ASSERT_GE(self->fd, 0);
	ASSERT_GE(self->other, 0);
}

FIXTURE_TEARDOWN_PARENT(compact)
{
	EXPECT_TRUE(wait_all_free());
}

/**
 * struct filled - a buffer that is mapped, and filled with what tells it from others
 * @buffer: the buffer
 * @p: where it is mapped; NULL: it was freed
 * @id: what it is filled with
 */
struct filled {
	struct buffer buffer;
	__u64 *p;
	__u64 id;
};

static struct filled filled[MAX_BUFFERS];
static int nr_filled;

static int fill_one(int fd, __u32 flags, size_t length)
{
	struct filled *new = &filled[nr_filled];
	int ret = buffer_alloc_any(fd, flags, length, 0, 0, &new->buffer);
	size_t i;

	if (ret)
		return ret;
	new->p = (__u64 *)buffer_map(fd, &new->buffer);
	if (new->p == MAP_FAILED)
		return -errno;
	new->id = (__u64)++nr_filled << 32;
	for (i = 0; i < new->buffer.length / 8; i += 64)
		new->p[i] = new->id | i;
	return 0;
}

/* Buffers of one length, until the pool is full. */
static void fill(int fd, __u32 flags, size_t length)
{
	while (nr_filled < MAX_BUFFERS && !fill_one(fd, flags, length))
		;
}

static bool is_intact(const struct filled *buffer)
{
	size_t i;

	for (i = 0; buffer->p && i < buffer->buffer.length / 8; i += 64)
		if (buffer->p[i] != (buffer->id | i))
			return false;
	return true;
}

static bool all_intact(void)
{
	int i;

	for (i = 0; i < nr_filled; i++)
		if (!is_intact(&filled[i]))
			return false;
	return true;
}

static int drop(int fd, struct filled *buffer)
{
	if (munmap(buffer->p, buffer->buffer.length))
		return -errno;
	buffer->p = NULL;
	return handle_free(fd, buffer->buffer.handle);
}

static int drop_every_other(int fd)
{
	int i, ret = 0;

	for (i = 0; i < nr_filled && !ret; i += 2)
		ret = drop(fd, &filled[i]);
	return ret;
}

/* What moves have added to the figures since @before. */
static struct framepool_ioc_stats moved_since(int fd, const struct framepool_ioc_stats *before)
{
	struct framepool_ioc_stats now;

	if (pool_stats(fd, &now))
		abort();
	now.moves -= before->moves;
	now.moved_bytes -= before->moved_bytes;
	now.moves_refused_pinned -= before->moves_refused_pinned;
	now.moves_refused_referenced -= before->moves_refused_referenced;
	now.moves_refused_bad -= before->moves_refused_bad;
	now.moves_refused_no_room -= before->moves_refused_no_room;
	return now;
}

static __u64 nr_refused(const struct framepool_ioc_stats *moved)
{
	return moved->moves_refused_pinned + moved->moves_refused_referenced +
	       moved->moves_refused_bad + moved->moves_refused_no_room;
}

static int pin(int fd, __u64 handle)
{
	struct framepool_ioc_pin arg = { .size = sizeof(arg), .handle = handle };

	return call(fd, FRAMEPOOL_IOC_PIN, &arg);
}

TEST_F(compact, moves_are_counted)
{
	struct framepool_ioc_stats before, moved;
	struct buffer big;

	fill(self->fd, MOVABLE, 4 * MIB);
	ASSERT_EQ(0, drop_every_other(self->fd));
	ASSERT_EQ(0, pool_stats(self->fd, &before));
	ASSERT_EQ(0, buffer_alloc(self->other, 8 * MIB, &big));
	moved = moved_since(self->fd, &before);
	EXPECT_EQ(1, moved.moves);
	EXPECT_EQ(4 * MIB, moved.moved_bytes);
	EXPECT_EQ(0, nr_refused(&moved));
	EXPECT_TRUE(all_intact());
}

TEST_F(compact, small_buffers_are_counted_one_by_one)
{
	struct framepool_ioc_stats before, moved;
	struct buffer big;

	fill(self->fd, MOVABLE, 256 * KIB);
	ASSERT_EQ(0, drop_every_other(self->fd));
	ASSERT_EQ(0, pool_stats(self->fd, &before));
	ASSERT_EQ(0, buffer_alloc(self->other, 2 * MIB, &big));
	moved = moved_since(self->fd, &before);
	EXPECT_EQ(4, moved.moves);
	EXPECT_EQ(MIB, moved.moved_bytes);
	EXPECT_EQ(0, nr_refused(&moved));
	EXPECT_TRUE(all_intact());
}

TEST_F(compact, pinned_buffers_are_counted_as_refused)
{
	struct framepool_ioc_stats before, moved;
	struct buffer big;
	int i;

	fill(self->fd, MOVABLE, 4 * MIB);
	for (i = 1; i < nr_filled; i += 2)
		ASSERT_EQ(0, pin(self->fd, filled[i].buffer.handle));
	ASSERT_EQ(0, drop_every_other(self->fd));
	ASSERT_EQ(0, pool_stats(self->fd, &before));
	EXPECT_EQ(-ENOSPC, buffer_alloc(self->other, 8 * MIB, &big));
	moved = moved_since(self->fd, &before);
	EXPECT_EQ(0, moved.moves);
	EXPECT_EQ(1, moved.moves_refused_pinned);
	EXPECT_EQ(1, nr_refused(&moved));
}

TEST_F(compact, referenced_buffers_are_counted_as_refused)
{
	struct framepool_ioc_stats before, moved;
	struct iovec frame = { .iov_len = FRAME };
	struct buffer big;
	int ends[2], i;

	fill(self->fd, MOVABLE, 4 * MIB);
	for (i = 1; i < nr_filled; i += 2) {
		ASSERT_EQ(0, pipe(ends));
		frame.iov_base = filled[i].p;
		ASSERT_EQ(FRAME, vmsplice(ends[1], &frame, 1, 0));
	}
	ASSERT_EQ(0, drop_every_other(self->fd));
	ASSERT_EQ(0, pool_stats(self->fd, &before));
	EXPECT_EQ(-ENOSPC, buffer_alloc(self->other, 8 * MIB, &big));
	moved = moved_since(self->fd, &before);
	EXPECT_EQ(0, moved.moves);
	EXPECT_GT(moved.moves_refused_referenced, 0);
	EXPECT_EQ(nr_refused(&moved), moved.moves_refused_referenced);
	EXPECT_TRUE(all_intact());
}

/* Holes of one huge frame each, and between them runs of two. */
static int make_single_holes(int fd, int other)
{
	struct buffer single[POOL_BYTES / HUGE_FRAME];
	int n = 0, ret = 0;

	while (!fill_one(fd, MOVABLE, 2 * HUGE_FRAME) &&
	       !buffer_alloc(other, HUGE_FRAME, &single[n]))
		n++;
	while (n-- && !ret)
		ret = handle_free(other, single[n].handle);
	return ret;
}

TEST_F(compact, what_fits_nowhere_is_counted_as_refused)
{
	struct framepool_ioc_stats before, moved;
	struct buffer big;

	ASSERT_EQ(0, make_single_holes(self->fd, self->other));
	ASSERT_EQ(0, pool_stats(self->fd, &before));
	EXPECT_EQ(-ENOSPC, buffer_alloc(self->other, 4 * MIB, &big));
	moved = moved_since(self->fd, &before);
	EXPECT_EQ(0, moved.moves);
	EXPECT_GT(moved.moves_refused_no_room, 0);
	EXPECT_EQ(nr_refused(&moved), moved.moves_refused_no_room);
	EXPECT_TRUE(all_intact());
}

TEST_HARNESS_MAIN
