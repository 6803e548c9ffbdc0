// SPDX-License-Identifier: GPL-2.0-only
/* A full or fragmented pool: which errors allocations get, and that it heals afterwards. */
#include "common.h"
#include "memory.h"

#define PIECE		(64 * KIB)
#define MAX_HUGE	(POOL_BYTES / HUGE_FRAME)
#define MAX_PIECES	(POOL_BYTES / PIECE)
#define MIXED		400

FIXTURE(exhaustion)
{
	int fd;
	int other;
	struct framepool_ioc_stats start;
	struct buffer buffers[MAX_PIECES];
	int n;
};

FIXTURE_SETUP(exhaustion)
{
	self->fd = pool_open();
	ASSERT_GE(self->fd, 0);
	self->other = pool_open();
	ASSERT_GE(self->other, 0);
	ASSERT_EQ(0, pool_stats(self->fd, &self->start));
	ASSERT_EQ(POOL_BYTES, self->start.total_bytes);
}

FIXTURE_TEARDOWN_PARENT(exhaustion)
{
	EXPECT_TRUE(wait_all_free());
}

static int alloc_errno(int fd, __u64 length)
{
	struct buffer buffer;

	return buffer_alloc(fd, length, &buffer);
}

/* Allocates the whole pool in pieces of @length; returns the error that ended it. */
static int take_all(FIXTURE_DATA(exhaustion) *self, __u64 length, __u64 align)
{
	int why;

	self->n = alloc_until_refused(self->fd, length, align, self->buffers, MAX_PIECES, &why);
	return self->n == MAX_PIECES ? alloc_errno(self->fd, length) : why;
}

static bool free_all(FIXTURE_DATA(exhaustion) *self)
{
	while (self->n)
		if (handle_free(self->fd, self->buffers[--self->n].handle))
			return false;
	return true;
}

/* Whether everything is free after the quarantine, in the same blocks as at the start. */
static bool healed(FIXTURE_DATA(exhaustion) *self)
{
	struct framepool_ioc_stats now;

	return wait_clean(self->fd, &now) && stats_idle(&now, 2) &&
	       now.largest_bytes == self->start.largest_bytes &&
	       !memcmp(now.free_blocks, self->start.free_blocks, sizeof(now.free_blocks));
}

static int by_address(const void *a, const void *b)
{
	const __u64 *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/*
 * Allocates the whole pool in huge frames and frees those whose address is an odd multiple of their
 * size, so that no two free ones are adjacent. Returns how many are free.
 */
static int make_checkerboard(FIXTURE_DATA(exhaustion) *self)
{
	int i, freed = 0;

	if (take_all(self, HUGE_FRAME, HUGE_FRAME) != -ENOMEM)
		return -1;
	for (i = 0; i < self->n; i++) {
		if (buffer_physical(self->fd, &self->buffers[i]) / HUGE_FRAME % 2 == 0)
			continue;
		if (handle_free(self->fd, self->buffers[i].handle))
			return -1;
		freed++;
	}
	return freed;
}

TEST_F_TIMEOUT(exhaustion, small_pieces_fill_the_pool_exactly, SLOW_TEST_SECONDS)
{
	struct framepool_ioc_stats full;

	EXPECT_EQ(-ENOMEM, take_all(self, PIECE, 0));
	EXPECT_EQ(MAX_PIECES, self->n);
	ASSERT_EQ(0, pool_stats(self->fd, &full));
	EXPECT_EQ(POOL_BYTES, full.used_bytes);
	EXPECT_EQ(0, full.free_bytes);
	EXPECT_EQ(0, full.largest_bytes);
	EXPECT_EQ(MAX_PIECES, full.buffers);
	EXPECT_EQ(-ENOMEM, alloc_errno(self->fd, 1));
	EXPECT_EQ(-ENOMEM, alloc_errno(self->other, 1));

	EXPECT_TRUE(free_all(self));
	EXPECT_TRUE(healed(self));
}

TEST_F(exhaustion, huge_pieces_fill_the_pool_exactly)
{
	struct framepool_ioc_stats full;

	EXPECT_EQ(-ENOMEM, take_all(self, HUGE_FRAME, 0));
	EXPECT_EQ(MAX_HUGE, self->n);
	ASSERT_EQ(0, pool_stats(self->fd, &full));
	EXPECT_EQ(POOL_BYTES, full.used_bytes);
	EXPECT_EQ(0, full.free_bytes);
	EXPECT_TRUE(free_all(self));
	EXPECT_TRUE(healed(self));
}

TEST_F(exhaustion, largest_run_can_be_had_and_nothing_longer)
{
	struct framepool_ioc_stats *start = &self->start, now;
	struct buffer buffer;

	EXPECT_EQ(start->largest_bytes == start->free_bytes ? -ENOMEM : -ENOSPC,
		  alloc_errno(self->fd, start->largest_bytes + FRAME));
	ASSERT_EQ(0, buffer_alloc(self->fd, start->largest_bytes, &buffer));
	ASSERT_EQ(0, pool_stats(self->fd, &now));
	EXPECT_EQ(start->largest_bytes, now.used_bytes);
	EXPECT_EQ(start->free_bytes - start->largest_bytes, now.free_bytes);
	EXPECT_LE(now.largest_bytes, start->largest_bytes);

	ASSERT_EQ(0, handle_free(self->fd, buffer.handle));
	EXPECT_TRUE(healed(self));
}

TEST_F(exhaustion, largest_block_can_be_had_aligned_to_itself)
{
	struct framepool_ioc_info info;
	struct buffer buffer;
	__u64 block;

	ASSERT_EQ(0, pool_info(self->fd, &info));
	block = FRAME << info.max_order;
	ASSERT_EQ(0, buffer_alloc_at(self->fd, block, block, 0, &buffer));
	EXPECT_EQ(0, buffer_physical(self->fd, &buffer) % block);
	ASSERT_EQ(0, handle_free(self->fd, buffer.handle));
	EXPECT_TRUE(healed(self));
}

TEST_F_TIMEOUT(exhaustion, fragmented_pool_tells_enospc_from_enomem, SLOW_TEST_SECONDS)
{
	struct framepool_ioc_stats before, after;
	int freed = make_checkerboard(self);

	ASSERT_GT(freed, 2);
	ASSERT_TRUE(wait_clean(self->fd, &before));
	EXPECT_EQ(freed * HUGE_FRAME, before.free_bytes);
	EXPECT_EQ(HUGE_FRAME, before.largest_bytes);
	EXPECT_EQ(freed, before.free_blocks[9]);

	EXPECT_EQ(-ENOSPC, alloc_errno(self->fd, 2 * HUGE_FRAME));
	EXPECT_EQ(-ENOSPC, alloc_errno(self->fd, HUGE_FRAME + FRAME));
	EXPECT_EQ(-ENOSPC, alloc_errno(self->fd, before.free_bytes));
	EXPECT_EQ(-ENOMEM, alloc_errno(self->fd, before.free_bytes + FRAME));

	ASSERT_EQ(0, pool_stats(self->fd, &after));
	EXPECT_EQ(before.fail_nospace + 3, after.fail_nospace);
	EXPECT_EQ(before.fail_nomem + 1, after.fail_nomem);
	EXPECT_EQ(before.free_bytes, after.free_bytes);
	EXPECT_EQ(0, alloc_errno(self->fd, HUGE_FRAME));
}

TEST_F_TIMEOUT(exhaustion, free_neighbours_coalesce, SLOW_TEST_SECONDS)
{
	__u64 addresses[MAX_HUGE];
	struct framepool_ioc_stats now;
	__u64 run = 0, longest = 0;
	int i;

	ASSERT_EQ(-ENOMEM, take_all(self, HUGE_FRAME, HUGE_FRAME));
	for (i = 0; i < MAX_HUGE; i++) {
		addresses[i] = buffer_physical(self->fd, &self->buffers[i]);
		ASSERT_NE(0, addresses[i]);
	}
	EXPECT_TRUE(free_all(self));
	EXPECT_TRUE(healed(self));

	/* The longest run is as long as the addresses show. */
	qsort(addresses, MAX_HUGE, sizeof(*addresses), by_address);
	for (i = 0; i < MAX_HUGE; i++) {
		run = i && addresses[i] == addresses[i - 1] + HUGE_FRAME ? run + 1 : 1;
		if (run > longest)
			longest = run;
	}
	ASSERT_EQ(0, pool_stats(self->fd, &now));
	EXPECT_EQ(longest * HUGE_FRAME, now.largest_bytes);
}

TEST_F(exhaustion, other_client_gets_what_the_first_freed)
{
	struct buffer theirs[8];
	int i;

	ASSERT_EQ(-ENOMEM, take_all(self, HUGE_FRAME, 0));
	EXPECT_EQ(-ENOMEM, alloc_errno(self->other, FRAME));
	for (i = 0; i < 8; i++) {
		ASSERT_EQ(0, handle_free(self->fd, self->buffers[--self->n].handle));
	}
	for (i = 0; i < 8; i++) {
		EXPECT_EQ(0, buffer_alloc(self->other, HUGE_FRAME, &theirs[i]));
	}
	EXPECT_EQ(-ENOMEM, alloc_errno(self->other, FRAME));
	EXPECT_EQ(-ENOMEM, alloc_errno(self->fd, FRAME));
}

TEST_F(exhaustion, closing_one_client_makes_room_for_the_other)
{
	ASSERT_EQ(-ENOMEM, take_all(self, HUGE_FRAME, 0));
	ASSERT_EQ(0, close(self->fd));
	self->fd = self->other;
	ASSERT_EQ(-ENOMEM, take_all(self, HUGE_FRAME, 0));
	EXPECT_EQ(MAX_HUGE, self->n);
}

TEST_F_TIMEOUT(exhaustion, allocation_waits_for_written_memory_to_be_cleared, SLOW_TEST_SECONDS)
{
	int i;

	ASSERT_EQ(-ENOMEM, take_all(self, HUGE_FRAME, 0));
	for (i = 0; i < self->n; i++) {
		char *p = buffer_map(self->fd, &self->buffers[i]);

		ASSERT_NE(MAP_FAILED, p);
		touch(p, HUGE_FRAME);
		ASSERT_EQ(0, munmap(p, HUGE_FRAME));
	}
	EXPECT_TRUE(free_all(self));
	EXPECT_EQ(-ENOMEM, take_all(self, HUGE_FRAME, 0));
	EXPECT_EQ(MAX_HUGE, self->n);
}

/* Pseudo-random numbers that are the same in every run. */
static unsigned int next_random(unsigned int *state)
{
	*state = *state * 1103515245 + 12345;
	return *state >> 8;
}

TEST_F(exhaustion, mixed_sizes_are_counted_exactly_and_heal)
{
	unsigned int state = 1, largest = HUGE_FRAME + 7 * FRAME;
	struct framepool_ioc_stats now;
	__u64 used = 0;
	int i, j;

	for (i = 0; i < MIXED; i++) {
		__u64 length = 1 + next_random(&state) % (i % 3 ? PIECE : largest);

		ASSERT_EQ(0, buffer_alloc(self->fd, length, &self->buffers[i]));
		used += ROUND_UP(length, FRAME);
		ASSERT_EQ(0, pool_stats(self->fd, &now));
		ASSERT_EQ(used, now.used_bytes);
		ASSERT_EQ(POOL_BYTES - used, now.free_bytes);
	}
	for (i = MIXED; i > 0; i--) {
		j = next_random(&state) % i;
		ASSERT_EQ(0, handle_free(self->fd, self->buffers[j].handle));
		used -= self->buffers[j].length;
		self->buffers[j] = self->buffers[i - 1];
		ASSERT_EQ(0, pool_stats(self->fd, &now));
		ASSERT_EQ(used, now.used_bytes);
	}
	EXPECT_TRUE(healed(self));
}

TEST_F(exhaustion, buffers_of_one_frame_leave_no_gap)
{
	enum { FRAMES = 2 * HUGE_FRAME / FRAME };
	struct framepool_ioc_stats now;
	int i;

	/* Buffers that fill two huge frames take two huge frames, not three. */
	for (i = 0; i < FRAMES; i++) {
		ASSERT_EQ(0, buffer_alloc(self->fd, FRAME, &self->buffers[i]));
	}
	ASSERT_EQ(0, pool_stats(self->fd, &now));
	EXPECT_EQ(2 * HUGE_FRAME, now.used_bytes);
	for (i = 0; i < 9; i++) {
		EXPECT_EQ(0, now.free_blocks[i]);
	}
	for (i = 0; i < FRAMES; i++) {
		ASSERT_EQ(0, handle_free(self->fd, self->buffers[i].handle));
	}
	EXPECT_TRUE(healed(self));
}

TEST_HARNESS_MAIN
