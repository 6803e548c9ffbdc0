// SPDX-License-Identifier: GPL-2.0-only
/* Windows of caches: which slabs are visible where in them, and how long. */
#include "common.h"
#include "cache.h"
#include "child.h"
#include "memory.h"
#include "sigbus.h"

#define SIZE		200
#define MANY		3000

FIXTURE(window)
{
	int fd;
	int probe;		/* another client, which observes the pool */
	struct cache cache;	/* of objects of SIZE bytes */
	char *p;		/* its whole window */
	__u64 *offsets;		/* room for MANY */
};

FIXTURE_SETUP(window)
{
	self->fd = pool_open();
	ASSERT_GE(self->fd, 0);
	self->probe = pool_open();
	ASSERT_GE(self->probe, 0);
	ASSERT_EQ(0, cache_create(self->fd, SIZE, &self->cache));
	self->p = cache_map(&self->cache);
	ASSERT_NE(MAP_FAILED, self->p);
	self->offsets = calloc(MANY, sizeof(*self->offsets));
	ASSERT_NE(NULL, self->offsets);
	catch_sigbus();
}

FIXTURE_TEARDOWN_PARENT(window)
{
	EXPECT_TRUE(wait_all_free());
}

TEST_F(window, page_without_slab_is_sigbus)
{
	EXPECT_EQ(BUS_ADRERR, sigbus_code(self->p, false));
	EXPECT_EQ(BUS_ADRERR, sigbus_code(self->p + self->cache.window_bytes - 1, true));
	ASSERT_EQ(0, objects_alloc(&self->cache, self->offsets, 1));
	EXPECT_EQ(0, self->offsets[0]);
	EXPECT_EQ(0, sigbus_code(self->p, true));
	EXPECT_EQ(0, sigbus_code(self->p + self->cache.slab_bytes - 1, true));
	EXPECT_EQ(BUS_ADRERR, sigbus_code(self->p + self->cache.slab_bytes, false));
}

TEST_F(window, window_shows_slabs_and_nothing_else)
{
	size_t slabs, length = 4 * HUGE_FRAME;

	ASSERT_EQ(0, objects_alloc(&self->cache, self->offsets, MANY));
	slabs = ROUND_UP(self->offsets[MANY - 1] + 1, self->cache.slab_bytes);
	EXPECT_EQ(slabs, used_bytes(self->fd));
	touch(self->p, slabs);
	EXPECT_NE(0, madvise(self->p, length, MADV_POPULATE_READ));
	EXPECT_EQ(EFAULT, errno);
	ignore(madvise(self->p, length, MADV_HUGEPAGE));	/* kernels differ */
#ifdef MADV_COLLAPSE
	EXPECT_NE(0, madvise(self->p, length, MADV_COLLAPSE));
#endif
	EXPECT_EQ(slabs / FRAME, frames_present(self->p, length));
	EXPECT_EQ(0, smaps_kib(self->p, "FilePmdMapped"));
	EXPECT_EQ(slabs / KIB, smaps_kib(self->p, "Rss"));
	EXPECT_TRUE(smaps_has_flag(self->p, "de"));
	EXPECT_TRUE(smaps_has_flag(self->p, "dd"));
}

TEST_F(window, fault_maps_a_cluster_of_its_slab)
{
	ASSERT_EQ(0, objects_alloc(&self->cache, self->offsets, 1));
	touch(self->p, FRAME);
	EXPECT_EQ(self->cache.slab_bytes < 16 * FRAME ? self->cache.slab_bytes / FRAME : 16,
		  frames_present(self->p, HUGE_FRAME));
}

/* A fault stays in one page table, so that it has all memory it needs before it takes a lock. */
TEST_F(window, cluster_ends_with_its_page_table)
{
	char *boundary = reserve(2 * HUGE_FRAME), *p;
	struct cache large;
	__u64 object;

	boundary += HUGE_FRAME - (unsigned long)boundary % HUGE_FRAME;
	ASSERT_EQ(0, cache_create(self->fd, 16 * FRAME, &large));
	ASSERT_EQ(0, objects_alloc(&large, &object, 1));
	p = map_raw(boundary - 4 * FRAME, 16 * FRAME, PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_FIXED, self->fd, large.offset + object);
	ASSERT_EQ(boundary - 4 * FRAME, p);
	touch(boundary - FRAME, FRAME);
	EXPECT_EQ(1, frames_present(p, 16 * FRAME));
	touch(boundary, FRAME);
	EXPECT_EQ(1 + 12, frames_present(p, 16 * FRAME));
}

TEST_F(window, slab_without_objects_is_unmapped_and_goes_back)
{
	ASSERT_EQ(0, objects_alloc(&self->cache, self->offsets, MANY));
	touch(self->p, ROUND_UP(self->offsets[MANY - 1], FRAME));
	ASSERT_EQ(0, objects_free(&self->cache, self->offsets + 1, MANY - 1));
	ASSERT_TRUE(drain_pool());
	EXPECT_EQ(self->cache.slab_bytes, used_bytes(self->fd));
	EXPECT_EQ(0, sigbus_code(self->p, true));
	EXPECT_EQ(BUS_ADRERR, sigbus_code(self->p + self->cache.slab_bytes, true));
	EXPECT_EQ(self->cache.slab_bytes / KIB, smaps_kib(self->p, "Rss"));
	ASSERT_EQ(0, objects_free(&self->cache, self->offsets, 1));
	/* The client may keep some of it, but a drain takes that. */
	EXPECT_LE(used_bytes(self->fd), 256 * KIB);
	ASSERT_TRUE(drain_pool());
	EXPECT_EQ(0, used_bytes(self->fd));
	EXPECT_EQ(0, smaps_kib(self->p, "Rss"));
	/* The place is free again. */
	ASSERT_EQ(0, objects_alloc(&self->cache, self->offsets, 1));
	EXPECT_EQ(0, self->offsets[0]);
	EXPECT_EQ(0, sigbus_code(self->p, true));
}

TEST_F(window, mapping_beyond_the_window_is_enxio)
{
	const struct cache *cache = &self->cache;
	__u64 end = cache->offset + cache->window_bytes;

	EXPECT_EQ(ENXIO, map_errno(2 * FRAME, PROT_READ, MAP_SHARED, self->fd, end - FRAME));
	EXPECT_EQ(ENXIO, map_errno(FRAME, PROT_READ, MAP_SHARED, self->fd, end));
	EXPECT_EQ(ENXIO, map_errno(FRAME, PROT_READ, MAP_SHARED, self->fd, cache->offset - FRAME));
	EXPECT_EQ(ENXIO, map_errno(FRAME, PROT_READ, MAP_SHARED, self->fd, 1ULL << 44));
	EXPECT_EQ(ENXIO, map_errno(FRAME, PROT_READ, MAP_SHARED, self->fd, 0x7ffffffffffff000));
	EXPECT_EQ(EINVAL, map_errno(FRAME, PROT_READ, MAP_PRIVATE, self->fd, cache->offset));
	EXPECT_EQ(EPERM, map_errno(FRAME, PROT_READ | PROT_EXEC, MAP_SHARED, self->fd,
				   cache->offset));
	EXPECT_EQ(0, map_errno(FRAME, PROT_READ, MAP_SHARED, self->fd, end - FRAME));
	EXPECT_NE(0, mprotect(self->p, FRAME, PROT_READ | PROT_EXEC));
	EXPECT_EQ(MAP_FAILED, mremap(self->p, HUGE_FRAME, 4 * POOL_BYTES, MREMAP_MAYMOVE));
}

TEST_F(window, mapping_in_pieces_shows_the_same)
{
	char *q, *to = reserve(HUGE_FRAME);
	int i;

	ASSERT_EQ(0, objects_alloc(&self->cache, self->offsets, MANY));
	for (i = 0; i < MANY; i++)
		stamp(self->p + self->offsets[i], SIZE, i);
	q = map_raw(NULL, FRAME, PROT_READ, MAP_SHARED, self->fd, self->cache.offset + 5 * FRAME);
	ASSERT_NE(MAP_FAILED, q);
	EXPECT_EQ(0, memcmp(q, self->p + 5 * FRAME, FRAME));
	/* Now split it, move a part and leave a hole. */
	ASSERT_EQ(0, munmap(self->p + 2 * FRAME, FRAME));
	ASSERT_EQ(to, mremap(self->p + 3 * FRAME, 8 * FRAME, 8 * FRAME,
			     MREMAP_MAYMOVE | MREMAP_FIXED, to));
	EXPECT_EQ(0, memcmp(q, to + 2 * FRAME, FRAME));
	for (i = 0; i < MANY; i++)
		if (self->offsets[i] >= 11 * FRAME) {
			EXPECT_TRUE(is_stamped(self->p + self->offsets[i], SIZE, i));
		}
}

TEST_F(window, destroying_a_mapped_cache_frees_its_objects_but_not_its_place)
{
	struct framepool_ioc_objects arg;
	struct cache next;

	ASSERT_EQ(0, objects_alloc(&self->cache, self->offsets, MANY));
	touch(self->p, self->offsets[MANY - 1]);
	ASSERT_EQ(0, cache_destroy(self->fd, self->cache.handle));
	EXPECT_EQ(-ENOENT, cache_destroy(self->fd, self->cache.handle));
	EXPECT_EQ(-ENOENT, objects_call(&self->cache, FRAMEPOOL_IOC_OBJ_FREE, 0, self->offsets, 1,
					&arg));
	EXPECT_EQ(ENXIO, map_errno(FRAME, PROT_READ, MAP_SHARED, self->fd, self->cache.offset));
	/* Its place is not given to another cache. */
	ASSERT_EQ(0, cache_create(self->fd, SIZE, &next));
	EXPECT_NE(self->cache.offset, next.offset);
	EXPECT_EQ(0, used_bytes(self->fd));
	EXPECT_EQ(0, frames_present(self->p, HUGE_FRAME));
	EXPECT_EQ(BUS_ADRERR, sigbus_code(self->p, false));
	EXPECT_EQ(BUS_ADRERR, sigbus_code(self->p + self->offsets[MANY - 1], true));
	ASSERT_EQ(0, munmap(self->p, self->cache.window_bytes));
	ASSERT_EQ(0, cache_create(self->fd, SIZE, &next));
	EXPECT_EQ(self->cache.offset, next.offset);
	EXPECT_NE(self->cache.handle, next.handle);
}

/* Allocates, writes to and frees objects until the cache is gone. */
static void use_until_gone(const struct cache *cache, char *p)
{
	struct framepool_ioc_objects arg;
	__u64 offsets[64];
	int i, ret;

	do {
		ret = objects_call(cache, FRAMEPOOL_IOC_OBJ_ALLOC, 0, offsets, 64, &arg);
		for (i = 0; !ret && i < 64; i++)
			CHILD_CHECK(sigbus_code(p + offsets[i], true) >= 0);
		ret = ret ?: objects_call(cache, FRAMEPOOL_IOC_OBJ_FREE, 0, offsets, 64, &arg);
	} while (!ret);
	CHILD_CHECK(ret == -ENOENT);
	_exit(0);
}

TEST_F_TIMEOUT(window, destroying_a_cache_in_use_leaves_nothing_behind, SLOW_TEST_SECONDS)
{
	enum { CHILDREN = 3, ROUNDS = 30 };
	pid_t pids[CHILDREN];
	struct cache cache;
	int i, round;
	char *p;

	for (round = 0; round < ROUNDS; round++) {
		ASSERT_EQ(0, cache_create(self->fd, FRAME, &cache));
		p = cache_map(&cache);
		ASSERT_NE(MAP_FAILED, p);
		for (i = 0; i < CHILDREN; i++) {
			pids[i] = child_fork();
			if (!pids[i])
				use_until_gone(&cache, p);
		}
		sleep_ms(round);
		EXPECT_EQ(0, cache_destroy(self->fd, cache.handle));
		for (i = 0; i < CHILDREN; i++) {
			EXPECT_EQ(0, child_wait(pids[i]));
		}
		EXPECT_EQ(0, used_bytes(self->fd));
		EXPECT_EQ(BUS_ADRERR, sigbus_code(p, true));
		ASSERT_EQ(0, munmap(p, cache.window_bytes));
	}
}

TEST_F(window, mapped_window_outlives_its_client)
{
	ASSERT_EQ(0, objects_alloc(&self->cache, self->offsets, MANY));
	stamp(self->p, SIZE, 1);
	ASSERT_EQ(0, close(self->fd));
	EXPECT_TRUE(is_stamped(self->p, SIZE, 1));
	EXPECT_EQ(0, sigbus_code(self->p + self->offsets[MANY - 1], true));
	EXPECT_LT(0, used_bytes(self->probe));
	ASSERT_EQ(0, munmap(self->p, self->cache.window_bytes));
	EXPECT_TRUE(wait_idle(self->probe, 1));
}

TEST_F(window, child_shares_the_objects)
{
	int ready[2], go[2];
	pid_t pid;

	ASSERT_EQ(0, pipe(ready) | pipe(go));
	ASSERT_EQ(0, objects_alloc(&self->cache, self->offsets, MANY));
	stamp(self->p, SIZE, 7);
	touch(self->p, self->offsets[MANY - 1]);
	pid = child_fork();
	if (!pid) {
		CHILD_CHECK(is_stamped(self->p, SIZE, 7));
		stamp(self->p, SIZE, 8);
		touch(self->p, self->offsets[MANY - 1]);
		tell(ready[1]);
		CHILD_CHECK(hear(go[0]));
		/* The parent has freed all but the first. */
		CHILD_CHECK(is_stamped(self->p, SIZE, 8));
		CHILD_CHECK(sigbus_code(self->p + self->offsets[MANY - 1], false) == BUS_ADRERR);
		_exit(0);
	}
	ASSERT_TRUE(hear(ready[0]));
	EXPECT_TRUE(is_stamped(self->p, SIZE, 8));
	ASSERT_EQ(0, objects_free(&self->cache, self->offsets + 1, MANY - 1));
	ASSERT_TRUE(drain_pool());
	tell(go[1]);
	EXPECT_EQ(0, child_wait(pid));
}

/* Page table entries that fork() copied would be references that no limit counts. */
TEST_F(window, child_has_none_of_the_pages_before_it_touches_them)
{
	pid_t pid;

	ASSERT_EQ(0, objects_alloc(&self->cache, self->offsets, MANY));
	touch(self->p, self->offsets[MANY - 1]);
	pid = child_fork();
	if (!pid) {
		CHILD_CHECK(frames_present(self->p, HUGE_FRAME) == 0);
		CHILD_CHECK(smaps_has_flag(self->p, "wf"));
		_exit(0);
	}
	EXPECT_EQ(0, child_wait(pid));
	ASSERT_EQ(0, madvise(self->p, self->cache.window_bytes, MADV_KEEPONFORK));
	EXPECT_FALSE(smaps_has_flag(self->p, "wf"));
	pid = child_fork();
	if (!pid) {
		CHILD_CHECK(smaps_has_flag(self->p, "wf"));
		_exit(0);
	}
	EXPECT_EQ(0, child_wait(pid));
}

TEST_F(window, page_in_a_pipe_is_given_to_nobody)
{
	struct iovec frame = { self->p, FRAME };
	char seen[FRAME];
	int ends[2];

	ASSERT_EQ(0, pipe(ends));
	ASSERT_EQ(0, objects_alloc(&self->cache, self->offsets, MANY));
	memset(self->p, PATTERN_MINE, FRAME);
	ASSERT_EQ(FRAME, vmsplice(ends[1], &frame, 1, 0));
	ASSERT_EQ(0, munmap(self->p, self->cache.window_bytes));
	ASSERT_EQ(0, close(self->fd));
	EXPECT_TRUE(wait_quarantined(self->probe, HUGE_FRAME));
	EXPECT_EQ(POOL_BYTES / HUGE_FRAME - 1, overwrite_pool(self->probe));
	ASSERT_EQ(FRAME, read(ends[0], seen, FRAME));
	EXPECT_TRUE(all_bytes(seen, PATTERN_MINE, FRAME));
}

TEST_HARNESS_MAIN
