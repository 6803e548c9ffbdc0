// SPDX-License-Identifier: GPL-2.0-only
/*
 * Compaction as an administrator sees and steers it: its figures, room made ahead of need, and huge
 * frames that are taken out of use.
 */
#include "memory.h"
#include "module.h"

#define SYSFS		"/sys/class/framepool/" POOL_NAME "/"
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
	ignore(write_file(SYSFS "background_clearing", "1"));
	ignore(write_file(SYSFS "min_largest", "0"));
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

static int drop_all(int fd)
{
	int ret = 0;

	for (; nr_filled && !ret; nr_filled--)
		if (filled[nr_filled - 1].p)
			ret = drop(fd, &filled[nr_filled - 1]);
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

/* Fills the pool with huge frames; their number. */
static int fill_single(int fd, struct buffer *single)
{
	int n = 0;

	while (n < POOL_BYTES / HUGE_FRAME && !buffer_alloc(fd, HUGE_FRAME, &single[n]))
		n++;
	return n;
}

static int compare_places(const void *a, const void *b)
{
	__u64 left = ((const struct buffer *)a)->offset, right = ((const struct buffer *)b)->offset;

	return (left > right) - (left < right);
}

/* Holes of one huge frame each, and between them runs of two. All else stays where it is. */
static int make_single_holes(int fd, int other)
{
	struct buffer single[2 * POOL_BYTES / HUGE_FRAME];
	int i, n = fill_single(other, single), ret = 0;

	qsort(single, n, sizeof(*single), compare_places);
	for (i = 0; i < n && !ret; i++)
		if (i % 3 != 2)
			ret = handle_free(other, single[i].handle);
	fill(fd, MOVABLE, 2 * HUGE_FRAME);
	ret = ret ?: fill_single(other, single + n) < 0;
	for (i = 2; i < n && !ret; i += 3)
		ret = handle_free(other, single[i].handle);
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

static int compact(const char *text)
{
	return write_file(SYSFS "compact", text);
}

static __u64 largest(int fd)
{
	struct framepool_ioc_stats stats;

	return pool_stats(fd, &stats) ? 0 : stats.largest_bytes;
}

TEST_F(compact, writing_makes_a_run_and_allocates_nothing)
{
	struct framepool_ioc_stats before, moved;

	fill(self->fd, MOVABLE, 4 * MIB);
	ASSERT_EQ(0, drop_every_other(self->fd));
	ASSERT_TRUE(wait_clean(self->fd, &before));
	ASSERT_EQ(0, compact("64M\n"));
	moved = moved_since(self->fd, &before);
	EXPECT_LE(64 * MIB, moved.largest_bytes);
	EXPECT_EQ(before.used_bytes, moved.used_bytes);
	EXPECT_EQ(before.charged_bytes, moved.charged_bytes);
	EXPECT_LE(moved.moved_bytes, 36 * MIB);
	EXPECT_TRUE(all_intact());

	/* It is long enough for these. */
	ASSERT_EQ(0, pool_stats(self->fd, &before));
	EXPECT_EQ(0, compact("64M"));
	EXPECT_EQ(0, compact("0x4001"));
	EXPECT_EQ(0, moved_since(self->fd, &before).moves);
}

TEST_F(compact, what_is_kept_or_in_quarantine_is_taken_first)
{
	struct framepool_ioc_stats before;
	__u64 all;

	ASSERT_EQ(0, write_file(SYSFS "background_clearing", "0"));
	fill(self->fd, MOVABLE | FRAMEPOOL_ALLOC_NOCLEAR, 4 * MIB);
	all = nr_filled * 4 * MIB;
	ASSERT_EQ(0, drop_all(self->fd));
	ASSERT_EQ(0, pool_stats(self->fd, &before));
	EXPECT_EQ(all, before.quarantined_bytes);
	EXPECT_EQ(0, compact("64M"));
	EXPECT_LE(64 * MIB, largest(self->fd));
	EXPECT_EQ(0, moved_since(self->fd, &before).moves);
	ASSERT_EQ(0, write_file(SYSFS "background_clearing", "1"));
}

TEST_F(compact, wrong_lengths_are_refused)
{
	struct framepool_ioc_stats before;

	fill(self->fd, MOVABLE, 4 * MIB);
	ASSERT_EQ(0, drop_every_other(self->fd));
	ASSERT_EQ(0, pool_stats(self->fd, &before));
	EXPECT_EQ(-EINVAL, compact("0"));
	EXPECT_EQ(-EINVAL, compact("\n"));
	EXPECT_EQ(-EINVAL, compact("4Q"));
	EXPECT_EQ(-EINVAL, compact("-1"));
	EXPECT_EQ(-ERANGE, compact("8388608T"));
	EXPECT_EQ(-ENOSPC, compact("4194304T"));
	EXPECT_EQ(-ENOSPC, compact("257M"));
	EXPECT_EQ(-ENOSPC, compact("200M"));
	EXPECT_EQ(0, moved_since(self->fd, &before).moves);
}

TEST_F(compact, what_must_not_move_is_in_the_way)
{
	fill(self->fd, 0, 4 * MIB);
	ASSERT_EQ(0, drop_every_other(self->fd));
	EXPECT_EQ(-ENOSPC, compact("16M"));
	EXPECT_GT(16 * MIB, largest(self->fd));
	EXPECT_TRUE(all_intact());
}

static int set_min_largest(const char *text)
{
	return write_file(SYSFS "min_largest", text);
}

TEST_F(compact, a_run_is_kept_in_the_background)
{
	struct framepool_ioc_stats before;
	struct buffer big;

	fill(self->fd, MOVABLE, 4 * MIB);
	ASSERT_EQ(0, drop_every_other(self->fd));
	EXPECT_GT(16 * MIB, largest(self->fd));
	ASSERT_EQ(0, set_min_largest("32M"));
	EXPECT_STREQ("33554432\n", read_file(SYSFS "min_largest"));
	EXPECT_TRUE(WAIT_FOR(largest(self->fd) >= 32 * MIB));
	EXPECT_GT(64 * MIB, largest(self->fd));
	ASSERT_EQ(0, buffer_alloc(self->other, 32 * MIB, &big));
	EXPECT_TRUE(WAIT_FOR(largest(self->fd) >= 32 * MIB));
	EXPECT_TRUE(all_intact());

	/* Nothing more to do; nor when it is off. */
	ASSERT_EQ(0, pool_stats(self->fd, &before));
	sleep_ms(2500);
	EXPECT_EQ(0, moved_since(self->fd, &before).moves);
	ASSERT_EQ(0, set_min_largest("0"));
	ASSERT_EQ(0, buffer_alloc(self->other, 32 * MIB, &big));
	ASSERT_EQ(0, pool_stats(self->fd, &before));
	sleep_ms(2500);
	EXPECT_EQ(0, moved_since(self->fd, &before).moves);
	EXPECT_TRUE(all_intact());
}

TEST_F(compact, background_wants_no_more_than_is_free_and_rests)
{
	struct framepool_ioc_stats before, moved;

	fill(self->fd, MOVABLE, 4 * MIB);
	ASSERT_EQ(0, drop_every_other(self->fd));
	ASSERT_EQ(0, pin(self->fd, filled[nr_filled / 2 | 1].buffer.handle));
	ASSERT_TRUE(wait_clean(self->fd, &before));
	ASSERT_EQ(0, set_min_largest("1T"));
	sleep_ms(3000);
	ASSERT_EQ(0, pool_stats(self->fd, &before));
	sleep_ms(4000);
	moved = moved_since(self->fd, &before);
	EXPECT_LE(nr_refused(&moved) + moved.moves, 100);
	EXPECT_TRUE(all_intact());
	ASSERT_EQ(0, set_min_largest("0"));
	EXPECT_EQ(-EINVAL, set_min_largest("1X"));
	EXPECT_EQ(-ERANGE, set_min_largest("8388608T"));
	EXPECT_STREQ("0\n", read_file(SYSFS "min_largest"));
}

static __u64 seed;

static __u64 next_random(void)
{
	seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return seed >> 33;
}

/* Physical memory by huge frame: is it the test's, and how much of it is used? */
#define MAX_ADDRESS	(64UL << 30)

static bool is_ours[MAX_ADDRESS / HUGE_FRAME];
static __u64 used[MAX_ADDRESS / HUGE_FRAME];

/* Leaves only the pool's largest extent free. Returns how long it is. */
static __u64 take_all_but_an_extent(int fd)
{
	struct buffer all, single[POOL_BYTES / HUGE_FRAME];
	struct framepool_ioc_info info;
	__u64 first, i;

	if (pool_info(fd, &info) || buffer_alloc(fd, info.largest_extent_bytes, &all))
		return 0;
	first = buffer_physical(fd, &all) / HUGE_FRAME;
	for (i = 0; i < all.length / HUGE_FRAME; i++)
		is_ours[first + i] = true;
	if (!first || fill_single(fd, single) < 0 || handle_free(fd, all.handle))
		return 0;
	return all.length;
}

/* Movable buffers of 4 KiB to 16 MiB until @bytes are used; then a random half of them is freed. */
static int fill_and_free(int fd, __u64 bytes)
{
	__u64 sum = 0, length;
	int i, ret = 0;

	while (sum < bytes && !ret) {
		length = FRAME << next_random() % 13;
		ret = fill_one(fd, MOVABLE, length);
		if (!ret)
			sum += length;
		if (ret == -ENOSPC || ret == -ENOMEM)
			ret = length == FRAME;
	}
	for (i = 0; i < nr_filled && !ret; i++)
		if (next_random() % 2)
			ret = drop(fd, &filled[i]);
	return ret;
}

static __u64 live_bytes(bool small)
{
	__u64 sum = 0;
	int i;

	for (i = 0; i < nr_filled; i++)
		if (filled[i].p && (filled[i].buffer.length < HUGE_FRAME) == small)
			sum += filled[i].buffer.length;
	return sum;
}

static void look_where_all_lies(void)
{
	__u64 at, i;
	int j;

	memset(used, 0, sizeof(used));
	for (j = 0; j < nr_filled; j++) {
		if (!filled[j].p)
			continue;
		at = physical_address(filled[j].p);
		for (i = 0; i < filled[j].buffer.length; i += FRAME)
			used[(at + i) / HUGE_FRAME] += FRAME;
	}
}

/* The fewest bytes to copy for a run: no window has less in it. */
static __u64 fewest_possible(__u64 length)
{
	__u64 i, j, sum, best = ~0ULL, nr = length / HUGE_FRAME;

	look_where_all_lies();
	for (i = 0; i + nr <= ARRAY_SIZE(used); i++) {
		for (sum = 0, j = i; j < i + nr && is_ours[j]; j++)
			sum += used[j];
		if (j == i + nr && sum < best)
			best = sum;
	}
	return best;
}

TEST_F_TIMEOUT(compact, nearly_all_free_memory_becomes_one_run, SLOW_TEST_SECONDS)
{
	__u64 all, possible, wanted, fewest, sum_moved = 0, sum_fewest = 0;
	struct framepool_ioc_stats before, moved;
	struct buffer big = { 0 };
	int round, ret;

	all = take_all_but_an_extent(self->other);
	if (all < 64 * MIB)
		SKIP(return, "the pool is too scattered");
	seed = time(NULL);
	if (getenv("SEED"))
		seed = strtoull(getenv("SEED"), NULL, 0);
	for (round = 0; round < 20; round++) {
		TH_LOG("seed %llu of %llu MiB", seed, all / MIB);
		ASSERT_EQ(0, fill_and_free(self->fd, all / 10 * 9));
		ASSERT_TRUE(wait_clean(self->fd, &before));
		possible = all - live_bytes(false) - ROUND_UP(live_bytes(true), HUGE_FRAME);
		/* 0.98 of it, in whole huge frames. */
		wanted = possible / 100 * 98 / HUGE_FRAME * HUGE_FRAME;
		fewest = fewest_possible(wanted);
		ASSERT_EQ(0, pool_stats(self->fd, &before));
		ret = buffer_alloc(self->other, wanted, &big);
		moved = moved_since(self->fd, &before);
		TH_LOG("%d: %llu MiB of %llu, largest %llu, moved %llu KiB, fewest %llu KiB", ret,
		       wanted / MIB, possible / MIB, moved.largest_bytes / MIB,
		       moved.moved_bytes / KIB, fewest / KIB);
		sum_moved += moved.moved_bytes;
		sum_fewest += fewest;
		EXPECT_TRUE(all_intact());
		ASSERT_EQ(0, ret ?: handle_free(self->other, big.handle));
		ASSERT_EQ(0, drop_all(self->fd));
	}
	TH_LOG("%llu MiB moved, fewest %llu MiB", sum_moved / MIB, sum_fewest / MIB);
	/*
	 * The fewest possible may be more: not everything fits elsewhere as things are. In a short
	 * extent that counts most. The benchmarks measure it.
	 */
	EXPECT_LE(sum_moved, 2 * sum_fewest);
}

/* No huge frame has room for the block, but the buffers of both fit into one. */
TEST_F(compact, small_buffers_make_room_within_a_quota)
{
	struct framepool_ioc_stats before, moved;
	struct buffer block;
	int i;

	ASSERT_EQ(0, write_file(SYSFS "client_quota", "4M"));
	fill(self->fd, MOVABLE, 256 * KIB);
	ASSERT_EQ(16, nr_filled);
	for (i = 0; i < nr_filled; i++)
		if (i % 8 != 1 && i % 8 != 4)
			ASSERT_EQ(0, drop(self->fd, &filled[i]));
	ASSERT_EQ(0, pool_stats(self->fd, &before));
	EXPECT_EQ(-EDQUOT, buffer_alloc(self->fd, 4 * MIB, &block));
	EXPECT_EQ(0, moved_since(self->fd, &before).moves);
	EXPECT_EQ(0, buffer_alloc(self->fd, 1536 * KIB, &block));
	moved = moved_since(self->fd, &before);
	EXPECT_EQ(2, moved.moves);
	EXPECT_EQ(4 * MIB, moved.client_charged_bytes);
	EXPECT_TRUE(all_intact());

	/* Nothing can be brought together any more. */
	EXPECT_EQ(-EDQUOT, buffer_alloc(self->fd, 1536 * KIB, &block));
	EXPECT_TRUE(all_intact());
	ASSERT_EQ(0, write_file(SYSFS "client_quota", "0"));
}

/* What is retired stays so until the module is unloaded. */
FIXTURE(offline)
{
	int fd;
};

FIXTURE_SETUP(offline)
{
	ASSERT_EQ(0, unload());
	ASSERT_EQ(0, load("size=64M min_largest=4M"));
	self->fd = pool_open();
	ASSERT_GE(self->fd, 0);
}

FIXTURE_TEARDOWN_PARENT(offline)
{
	EXPECT_TRUE(pool_verifies());
	EXPECT_EQ(0, unload());
	EXPECT_EQ(0, load(USUAL_PARAMETERS));
	EXPECT_TRUE(wait_all_free());
}

static int offline(__u64 address)
{
	char text[32];

	snprintf(text, sizeof(text), "%#llx\n", address);
	return write_file(SYSFS "soft_offline", text);
}

static __u64 retired(int fd)
{
	struct framepool_ioc_stats stats;

	return pool_stats(fd, &stats) ? ~0ULL : stats.retired_bytes;
}

TEST_F(offline, what_lies_there_moves_with_its_contents)
{
	__u64 address[3];
	int i;

	EXPECT_STREQ("4194304\n", read_file(SYSFS "min_largest"));
	ASSERT_EQ(0, fill_one(self->fd, MOVABLE, 8 * MIB));
	ASSERT_EQ(0, fill_one(self->fd, MOVABLE, 100 * KIB));
	ASSERT_EQ(0, fill_one(self->fd, MOVABLE, 512 * KIB));
	for (i = 0; i < 2; i++) {
		address[i] = physical_address((char *)filled[i].p + (i ? 0 : 3 * MIB));
		EXPECT_EQ(0, offline(address[i] + 7));
		EXPECT_EQ((i + 1) * HUGE_FRAME, retired(self->fd));
		EXPECT_NE(address[i], physical_address((char *)filled[i].p + (i ? 0 : 3 * MIB)));
		EXPECT_TRUE(all_intact());
		EXPECT_EQ(0, offline(address[i]));
	}

	/* Now it is empty. */
	address[2] = physical_address(filled[2].p);
	ASSERT_EQ(0, drop_all(self->fd));
	EXPECT_EQ(0, offline(address[2]));
	EXPECT_EQ(3 * HUGE_FRAME, retired(self->fd));
	while (!fill_one(self->fd, MOVABLE, HUGE_FRAME))
		for (i = 0; i < 3; i++)
			ASSERT_NE(address[i] / HUGE_FRAME,
				  physical_address(filled[nr_filled - 1].p) / HUGE_FRAME);
	EXPECT_EQ(64 * MIB / HUGE_FRAME - 3, nr_filled);
	EXPECT_EQ(-ENOSPC, offline(physical_address(filled[0].p)));
	EXPECT_TRUE(all_intact());
}

TEST_F(offline, what_must_not_move_stays)
{
	ASSERT_EQ(0, fill_one(self->fd, 0, 4 * MIB));
	ASSERT_EQ(0, fill_one(self->fd, MOVABLE, 4 * MIB));
	ASSERT_EQ(0, pin(self->fd, filled[1].buffer.handle));
	EXPECT_EQ(-EBUSY, offline(physical_address(filled[0].p)));
	EXPECT_EQ(-EBUSY, offline(physical_address(filled[1].p)));
	EXPECT_EQ(-ENXIO, offline(FRAME));
	EXPECT_EQ(-ENXIO, offline(~0ULL));
	EXPECT_EQ(-EINVAL, write_file(SYSFS "soft_offline", "1M"));
	EXPECT_EQ(-EINVAL, write_file(SYSFS "soft_offline", "\n"));
	EXPECT_EQ(0, retired(self->fd));
	EXPECT_TRUE(all_intact());
}

TEST_F(offline, bad_frame_is_never_copied)
{
	struct framepool_ioc_stats before, moved;
	__u64 address;

	ASSERT_EQ(0, fill_one(self->fd, MOVABLE, 2 * HUGE_FRAME));
	address = physical_address((char *)filled[0].p + HUGE_FRAME);
	ASSERT_TRUE(poison_physical(address + 5 * FRAME));
	ASSERT_EQ(0, pool_stats(self->fd, &before));
	EXPECT_EQ(-EBUSY, offline(address));
	moved = moved_since(self->fd, &before);
	EXPECT_EQ(0, moved.moves);
	EXPECT_EQ(1, moved.moves_refused_bad);
	EXPECT_EQ(0, retired(self->fd));
}

TEST_HARNESS_MAIN
