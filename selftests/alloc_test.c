// SPDX-License-Identifier: GPL-2.0-only
/* What ALLOC promises about a buffer, and what INFO, QUERY and STATS say about it. */
#include "common.h"
#include "child.h"
#include "memory.h"

FIXTURE(alloc)
{
	int fd;
};

FIXTURE_SETUP(alloc)
{
	self->fd = pool_open();
	ASSERT_GE(self->fd, 0);
}

FIXTURE_TEARDOWN_PARENT(alloc)
{
	EXPECT_TRUE(wait_all_free());
}

static const __u64 lengths[] = {
	1, FRAME - 1, FRAME, FRAME + 1, 3 * FRAME, 7 * FRAME + 100, 64 * KIB, 100 * KIB,
	MIB, HUGE_FRAME - 1, HUGE_FRAME - FRAME, HUGE_FRAME, HUGE_FRAME + 1, 3 * MIB + FRAME,
	4 * MIB, 7 * MIB + 12 * KIB, 16 * MIB,
};

/* Is there room for this? The memory of some machines is in short pieces when the tests begin. */
static bool fits(int fd, __u64 length)
{
	struct framepool_ioc_stats stats;

	return length < HUGE_FRAME || (!pool_stats(fd, &stats) && length <= stats.largest_bytes);
}

static int alloc_errno(int fd, __u64 length, __u64 align, __u64 limit)
{
	struct buffer buffer;

	return buffer_alloc_at(fd, length, align, limit, &buffer);
}

TEST_F(alloc, length_zero_is_refused)
{
	EXPECT_EQ(-EINVAL, alloc_errno(self->fd, 0, 0, 0));
}

TEST_F(alloc, length_that_looks_negative_is_refused)
{
	EXPECT_EQ(-EINVAL, alloc_errno(self->fd, -1ULL, 0, 0));
	EXPECT_EQ(-EINVAL, alloc_errno(self->fd, -4096ULL, 0, 0));
	EXPECT_EQ(-EINVAL, alloc_errno(self->fd, (1ULL << 63) + FRAME, 0, 0));
}

TEST_F(alloc, length_that_overflows_when_rounded_is_refused)
{
	EXPECT_EQ(-EINVAL, alloc_errno(self->fd, -4095ULL, 0, 0));
	EXPECT_EQ(-EINVAL, alloc_errno(self->fd, -2ULL, 0, 0));
}

TEST_F(alloc, length_beyond_pool_gives_enomem)
{
	struct framepool_ioc_info info;

	ASSERT_EQ(0, pool_info(self->fd, &info));
	EXPECT_EQ(-ENOMEM, alloc_errno(self->fd, info.total_bytes + 1, 0, 0));
	EXPECT_EQ(-ENOMEM, alloc_errno(self->fd, info.total_bytes + FRAME, 0, 0));
	EXPECT_EQ(-ENOMEM, alloc_errno(self->fd, 1ULL << 32, 0, 0));
	EXPECT_EQ(-ENOMEM, alloc_errno(self->fd, (1ULL << 44) + FRAME, 0, 0));
	EXPECT_EQ(-ENOMEM, alloc_errno(self->fd, 1ULL << 62, 0, 0));
}

TEST_F(alloc, align_not_a_power_of_two_is_refused)
{
	static const __u64 bad[] = {
		3, FRAME + 1, 3 * FRAME, HUGE_FRAME - 1, 3 * HUGE_FRAME, -1ULL, -4096ULL,
		(1ULL << 63) + 1,
	};
	int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		EXPECT_EQ(-EINVAL, alloc_errno(self->fd, FRAME, bad[i], 0))
			TH_LOG("align %#llx", bad[i]);
	}
}

TEST_F(alloc, align_below_a_frame_is_accepted)
{
	__u64 align;

	for (align = 1; align < FRAME; align *= 2) {
		EXPECT_EQ(0, alloc_errno(self->fd, FRAME, align, 0));
	}
}

TEST_F(alloc, align_beyond_all_memory_gives_enospc)
{
	EXPECT_EQ(-ENOSPC, alloc_errno(self->fd, FRAME, 1ULL << 50, 0));
	EXPECT_EQ(-ENOSPC, alloc_errno(self->fd, FRAME, 1ULL << 62, 0));
	EXPECT_EQ(-ENOSPC, alloc_errno(self->fd, FRAME, 1ULL << 63, 0));
}

TEST_F(alloc, align_is_honoured)
{
	struct buffer buffer;
	__u64 align;

	for (align = FRAME; align <= 8 * MIB; align *= 2) {
		ASSERT_EQ(0, buffer_alloc_at(self->fd, 3 * FRAME, align, 0, &buffer));
		EXPECT_EQ(0, buffer_physical(self->fd, &buffer) % align);
	}
}

TEST_F(alloc, limit_below_the_pool_gives_enospc)
{
	EXPECT_EQ(-ENOSPC, alloc_errno(self->fd, FRAME, 0, 1));
	EXPECT_EQ(-ENOSPC, alloc_errno(self->fd, FRAME, 0, FRAME));
	EXPECT_EQ(-ENOSPC, alloc_errno(self->fd, HUGE_FRAME, 0, FRAME));
}

TEST_F(alloc, limit_above_everything_is_accepted)
{
	EXPECT_EQ(0, alloc_errno(self->fd, FRAME, 0, -1ULL));
	EXPECT_EQ(0, alloc_errno(self->fd, HUGE_FRAME, 0, 1ULL << 63));
}

/* The pool's lowest physical address, found by allocating the whole pool for a moment. */
static __u64 find_lowest(struct __test_metadata *_metadata, int fd)
{
	enum { MAX = POOL_BYTES / HUGE_FRAME };
	static struct buffer buffers[MAX];
	struct framepool_ioc_stats stats;
	__u64 lowest = -1ULL;
	int i, why, n;

	n = alloc_until_refused(fd, HUGE_FRAME, HUGE_FRAME, buffers, MAX, &why);
	ASSERT_EQ(MAX, n);
	for (i = 0; i < n; i++) {
		__u64 address = buffer_physical(fd, &buffers[i]);

		ASSERT_NE(0, address);
		if (address < lowest)
			lowest = address;
		ASSERT_EQ(0, handle_free(fd, buffers[i].handle));
	}
	ASSERT_TRUE(wait_clean(fd, &stats));
	return lowest;
}

TEST_F(alloc, limit_is_honoured)
{
	__u64 limit = find_lowest(_metadata, self->fd) + 3 * HUGE_FRAME - FRAME;
	struct buffer buffer;
	int n = 0;

	/* One to three huge frames lie below the limit, the third without its last frame. */
	while (!buffer_alloc_at(self->fd, 64 * KIB, 0, limit, &buffer)) {
		ASSERT_LE(buffer_physical(self->fd, &buffer) + 64 * KIB, limit);
		n++;
	}
	EXPECT_GE(n, 32);
	EXPECT_LE(n, 95);
	EXPECT_EQ(-ENOSPC, alloc_errno(self->fd, 64 * KIB, 0, limit));
	EXPECT_EQ(0, alloc_errno(self->fd, 64 * KIB, 0, 0));
}

TEST_F(alloc, limit_counts_the_last_byte)
{
	__u64 lowest = find_lowest(_metadata, self->fd);

	EXPECT_EQ(-ENOSPC, alloc_errno(self->fd, FRAME, 0, lowest));
	EXPECT_EQ(-ENOSPC, alloc_errno(self->fd, FRAME, 0, lowest + FRAME - 1));
	EXPECT_EQ(-ENOSPC, alloc_errno(self->fd, 2 * FRAME, 0, lowest + FRAME));
	EXPECT_EQ(0, alloc_errno(self->fd, FRAME, 0, lowest + FRAME));
}

TEST_F(alloc, memory_is_contiguous)
{
	struct buffer buffer;
	int i;

	for (i = 0; i < ARRAY_SIZE(lengths) && fits(self->fd, lengths[i]); i++) {
		ASSERT_EQ(0, buffer_alloc(self->fd, lengths[i], &buffer));
		char *p = buffer_map(self->fd, &buffer);

		ASSERT_NE(MAP_FAILED, p);
		EXPECT_TRUE(is_contiguous(p, buffer.length))
			TH_LOG("length %llu", lengths[i]);
		ASSERT_EQ(0, munmap(p, buffer.length));
		ASSERT_EQ(0, handle_free(self->fd, buffer.handle));
	}
}

TEST_F(alloc, offset_is_congruent_to_the_physical_address)
{
	struct buffer buffer;
	int i;

	for (i = 0; i < ARRAY_SIZE(lengths) && fits(self->fd, lengths[i]); i++) {
		ASSERT_EQ(0, buffer_alloc(self->fd, lengths[i], &buffer));
		__u64 physical = buffer_physical(self->fd, &buffer);

		EXPECT_NE(0, physical);
		EXPECT_EQ(physical % HUGE_FRAME, buffer.offset % HUGE_FRAME);
		EXPECT_LE(buffer.offset + buffer.length, 1ULL << 44);
	}
}

TEST_F(alloc, offsets_do_not_overlap)
{
	struct buffer buffers[ARRAY_SIZE(lengths)];
	int i, j;

	for (i = 0; i < ARRAY_SIZE(lengths) && fits(self->fd, lengths[i]); i++) {
		ASSERT_EQ(0, buffer_alloc(self->fd, lengths[i], &buffers[i]));
		for (j = 0; j < i; j++) {
			EXPECT_TRUE(buffers[i].offset + buffers[i].length <= buffers[j].offset ||
				    buffers[j].offset + buffers[j].length <= buffers[i].offset);
		}
	}
}

TEST_F(alloc, length_is_rounded_to_frames_and_counted_exactly)
{
	struct framepool_ioc_stats before, during, after;
	struct buffer buffer;
	int i;

	for (i = 0; i < ARRAY_SIZE(lengths) && fits(self->fd, lengths[i]); i++) {
		__u64 rounded = ROUND_UP(lengths[i], FRAME);

		ASSERT_EQ(0, pool_stats(self->fd, &before));
		ASSERT_EQ(0, buffer_alloc(self->fd, lengths[i], &buffer));
		ASSERT_EQ(0, pool_stats(self->fd, &during));
		EXPECT_EQ(rounded, buffer.length);
		EXPECT_EQ(before.used_bytes + rounded, during.used_bytes);
		EXPECT_EQ(before.free_bytes - rounded, during.free_bytes);
		EXPECT_EQ(before.buffers + 1, during.buffers);

		ASSERT_EQ(0, handle_free(self->fd, buffer.handle));
		ASSERT_TRUE(wait_clean(self->fd, &after));
		EXPECT_EQ(before.used_bytes, after.used_bytes);
		EXPECT_EQ(before.free_bytes, after.free_bytes);
		EXPECT_EQ(before.largest_bytes, after.largest_bytes);
	}
}

TEST_F(alloc, small_buffers_share_a_huge_frame)
{
	struct framepool_ioc_stats stats;
	struct buffer buffer;
	int i;

	for (i = 0; i < 100; i++) {
		ASSERT_EQ(0, buffer_alloc(self->fd, FRAME, &buffer));
	}
	ASSERT_EQ(0, pool_stats(self->fd, &stats));
	EXPECT_EQ(100 * FRAME, stats.used_bytes);
	EXPECT_EQ(stats.total_bytes - 100 * FRAME, stats.free_bytes);
	EXPECT_GE(stats.largest_bytes, HUGE_FRAME);
}

TEST_F(alloc, calls_are_counted)
{
	struct framepool_ioc_stats before, after;
	struct buffer buffer;

	ASSERT_EQ(0, pool_stats(self->fd, &before));
	ASSERT_EQ(0, buffer_alloc(self->fd, FRAME, &buffer));
	ASSERT_EQ(0, handle_free(self->fd, buffer.handle));
	EXPECT_EQ(-ENOMEM, alloc_errno(self->fd, 1ULL << 40, 0, 0));
	EXPECT_EQ(-ENOSPC, alloc_errno(self->fd, FRAME, 0, 1));
	EXPECT_EQ(-EINVAL, alloc_errno(self->fd, 0, 0, 0));

	ASSERT_EQ(0, pool_stats(self->fd, &after));
	EXPECT_EQ(before.allocs + 1, after.allocs);
	EXPECT_EQ(before.frees + 1, after.frees);
	EXPECT_EQ(before.fail_nomem + 1, after.fail_nomem);
	EXPECT_EQ(before.fail_nospace + 1, after.fail_nospace);
	EXPECT_EQ(before.fail_quota, after.fail_quota);
}

TEST_F(alloc, free_blocks_add_up)
{
	struct framepool_ioc_stats stats;
	struct buffer buffer;
	__u64 sum;
	int i, order;

	for (i = 0; i < ARRAY_SIZE(lengths) && fits(self->fd, lengths[i]); i++) {
		ASSERT_EQ(0, buffer_alloc(self->fd, lengths[i], &buffer));
		if (i % 3 == 0) {
			ASSERT_EQ(0, handle_free(self->fd, buffer.handle));
		}
		ASSERT_EQ(0, pool_stats(self->fd, &stats));
		for (sum = 0, order = 0; order < FRAMEPOOL_ORDERS; order++)
			sum += stats.free_blocks[order] * (FRAME << order);
		EXPECT_EQ(stats.free_bytes, sum);
		EXPECT_EQ(stats.total_bytes, stats.free_bytes + stats.used_bytes +
			  stats.quarantined_bytes);
	}
}

TEST_F(alloc, stats_of_idle_pool_show_whole_blocks_only)
{
	struct framepool_ioc_stats stats;
	int order;

	ASSERT_EQ(0, pool_stats(self->fd, &stats));
	EXPECT_TRUE(stats_idle(&stats, 1));
	EXPECT_LE(stats.orders, FRAMEPOOL_ORDERS);
	EXPECT_GE(stats.largest_bytes, HUGE_FRAME);
	for (order = 0; order < 9; order++) {
		EXPECT_EQ(0, stats.free_blocks[order]);
	}
	for (order = stats.orders; order < FRAMEPOOL_ORDERS; order++) {
		EXPECT_EQ(0, stats.free_blocks[order]);
	}
}

TEST_F(alloc, info_describes_the_pool)
{
	struct framepool_ioc_stats stats;
	struct framepool_ioc_info info;
	char name[FRAMEPOOL_NAME_MAX] = POOL_NAME;

	ASSERT_EQ(0, pool_stats(self->fd, &stats));
	memset(&info, 0xa5, sizeof(info));
	info.size = sizeof(info);
	ASSERT_EQ(0, call(self->fd, FRAMEPOOL_IOC_INFO, &info));
	EXPECT_EQ(FRAMEPOOL_ABI, info.abi);
	EXPECT_EQ(sysconf(_SC_PAGESIZE), info.frame_bytes);
	EXPECT_EQ(HUGE_FRAME, info.huge_bytes);
	EXPECT_EQ(POOL_BYTES, info.total_bytes);
	EXPECT_EQ(stats.total_bytes, info.total_bytes);
	EXPECT_EQ(0, info.client_quota_bytes);
	EXPECT_EQ(0, info.user_quota_bytes);
	EXPECT_EQ(-1, info.node);
	EXPECT_GE(info.max_order, 9);
	EXPECT_LT(info.max_order, stats.orders);
	EXPECT_LE(FRAME << info.max_order, info.total_bytes);
	EXPECT_NE(0, stats.free_blocks[info.max_order]);
	EXPECT_EQ(0, memcmp(name, info.name, sizeof(name)));
}

TEST_F(alloc, query_shows_buffer)
{
	struct framepool_ioc_query query;
	struct buffer buffer;
	int i;

	for (i = 0; i < ARRAY_SIZE(lengths) && fits(self->fd, lengths[i]); i++) {
		ASSERT_EQ(0, buffer_alloc(self->fd, lengths[i], &buffer));
		ASSERT_EQ(0, handle_query(self->fd, buffer.handle, &query));
		EXPECT_EQ(buffer.length, query.length);
		EXPECT_EQ(buffer.offset, query.offset);
		EXPECT_EQ(0, query.mapped_bytes);
	}
}

static __u64 mapped_bytes(int fd, const struct buffer *buffer)
{
	struct framepool_ioc_query query;

	return handle_query(fd, buffer->handle, &query) ? -1ULL : query.mapped_bytes;
}

TEST_F(alloc, query_counts_mapped_bytes)
{
	struct buffer buffer;
	char *one, *two;

	ASSERT_EQ(0, buffer_alloc(self->fd, 4 * MIB, &buffer));
	one = buffer_map(self->fd, &buffer);
	ASSERT_NE(MAP_FAILED, one);
	EXPECT_EQ(4 * MIB, mapped_bytes(self->fd, &buffer));
	two = map_raw(NULL, MIB, PROT_READ, MAP_SHARED, self->fd, buffer.offset + MIB);
	ASSERT_NE(MAP_FAILED, two);
	EXPECT_EQ(5 * MIB, mapped_bytes(self->fd, &buffer));

	/* A hole splits the mapping in two. */
	ASSERT_EQ(0, munmap(one + 2 * MIB, FRAME));
	EXPECT_EQ(5 * MIB - FRAME, mapped_bytes(self->fd, &buffer));
	ASSERT_EQ(0, munmap(one, 4 * MIB));
	EXPECT_EQ(MIB, mapped_bytes(self->fd, &buffer));
	ASSERT_EQ(0, munmap(two, MIB));
	EXPECT_EQ(0, mapped_bytes(self->fd, &buffer));
}

TEST_F(alloc, query_counts_mappings_of_forked_child)
{
	struct buffer buffer;
	int ready[2], done[2];
	pid_t pid;

	ASSERT_EQ(0, pipe(ready) | pipe(done));
	ASSERT_EQ(0, buffer_alloc(self->fd, MIB, &buffer));
	ASSERT_NE(MAP_FAILED, buffer_map(self->fd, &buffer));
	pid = child_fork();
	if (!pid) {
		tell(ready[1]);
		CHILD_CHECK(hear(done[0]));
		_exit(0);
	}
	ASSERT_TRUE(hear(ready[0]));
	EXPECT_EQ(2 * MIB, mapped_bytes(self->fd, &buffer));
	tell(done[1]);
	EXPECT_EQ(0, child_wait(pid));
	EXPECT_EQ(MIB, mapped_bytes(self->fd, &buffer));
}

TEST_HARNESS_MAIN
