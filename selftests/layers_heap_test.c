// SPDX-License-Identifier: GPL-2.0-only
/*
 * Heaps of libframepool over the device. The tests in userspace/tests need no module. Leaves the
 * module loaded as it found it.
 */
#include "common.h"
#include "child.h"
#include "memory.h"
#include "module.h"
#include "sigbus.h"

#include <libframepool.h>
#include <libframepool_heap.h>
#include <pthread.h>
#include <stdatomic.h>

#define CLIENT_QUOTA	"/sys/class/framepool/" POOL_NAME "/client_quota"
#define SHUTDOWN	"/sys/class/framepool/" POOL_NAME "/shutdown"
#define THREADS		4
#define TURNS		20000
#define SHARED		100

FIXTURE(layers_heap)
{
	struct framepool *fp;
	struct framepool_heap *heap;
};

FIXTURE_SETUP(layers_heap)
{
	self->fp = framepool_open(NULL);
	ASSERT_NE(NULL, self->fp);
	self->heap = framepool_heap_create(self->fp, NULL);
	ASSERT_NE(NULL, self->heap);
}

FIXTURE_TEARDOWN_PARENT(layers_heap)
{
	EXPECT_EQ(0, write_file(CLIENT_QUOTA, "0"));
	EXPECT_TRUE(wait_all_free());
}

TEST_F(layers_heap, blocks_are_contiguous_where_the_heap_says)
{
	static const size_t sizes[] = { 16, 100, 5000, 30000, 100000, MIB, 5 * MIB };
	char *blocks[ARRAY_SIZE(sizes)];
	uint64_t address;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		blocks[i] = framepool_heap_alloc(self->heap, sizes[i]);
		ASSERT_NE(NULL, blocks[i]);
		ASSERT_EQ(0, framepool_heap_address(self->heap, blocks[i], &address));
		EXPECT_TRUE(lies_at(blocks[i], sizes[i], address));
	}
	for (i = 0; i < ARRAY_SIZE(sizes); i++)
		EXPECT_EQ(0, framepool_heap_free(self->heap, blocks[i]));
	EXPECT_EQ(0, framepool_heap_destroy(self->heap));
	EXPECT_TRUE(wait_idle(framepool_fd(self->fp), 1));
}

TEST_F(layers_heap, alignment_holds_for_both_addresses)
{
	uint64_t address;
	size_t align;
	char *block;

	for (align = 16; align <= FRAMEPOOL_HEAP_ALIGN_MAX; align *= 2) {
		block = framepool_heap_aligned_alloc(self->heap, align, 1500000);
		ASSERT_NE(NULL, block);
		ASSERT_EQ(0, framepool_heap_address(self->heap, block, &address));
		EXPECT_EQ(0, address % align);
		EXPECT_EQ(0, (unsigned long)block % align);
		EXPECT_TRUE(lies_at(block, 1500000, address));
		EXPECT_EQ(0, framepool_heap_free(self->heap, block));
		block = framepool_heap_aligned_alloc(self->heap, align, 100);
		ASSERT_NE(NULL, block);
		EXPECT_EQ(0, (unsigned long)block % align);
		EXPECT_EQ(0, framepool_heap_free(self->heap, block));
	}
	EXPECT_EQ(0, framepool_heap_destroy(self->heap));
}

/* Memory that another client, or an earlier block, left in the pool is zero when calloc says so. */
TEST_F(layers_heap, calloc_gives_zeros)
{
	size_t size, i;
	char *block;

	for (size = 300; size < 4 * MIB; size *= 3) {
		block = framepool_heap_alloc(self->heap, size);
		ASSERT_NE(NULL, block);
		memset(block, PATTERN_MINE, size);
		EXPECT_EQ(0, framepool_heap_free(self->heap, block));
		block = framepool_heap_calloc(self->heap, 1, size);
		ASSERT_NE(NULL, block);
		for (i = 0; i < size && !block[i]; i++)
			;
		EXPECT_EQ(size, i);
		memset(block, PATTERN_MINE, size);
		EXPECT_EQ(0, framepool_heap_free(self->heap, block));
		framepool_heap_trim(self->heap);
	}
	EXPECT_EQ(0, framepool_heap_destroy(self->heap));
}

TEST_F(layers_heap, quota_is_edquot_and_leaves_what_was_freed)
{
	struct framepool_heap_stats stats;
	char *blocks[200];
	int i, nr = 0;

	ASSERT_EQ(0, write_file(CLIENT_QUOTA, "16M"));
	errno = 0;
	while (nr < 200 && (blocks[nr] = framepool_heap_alloc(self->heap, 100000)))
		nr++;
	EXPECT_EQ(EDQUOT, errno);
	EXPECT_EQ(8 * 19, nr);
	for (i = 0; i < nr; i++)
		EXPECT_EQ(0, framepool_heap_free(self->heap, blocks[i]));
	/* Empty chunks go back before a long block fails. */
	blocks[0] = framepool_heap_alloc(self->heap, 15 * MIB);
	EXPECT_NE(NULL, blocks[0]);
	EXPECT_EQ(0, framepool_heap_free(self->heap, blocks[0]));
	framepool_heap_trim(self->heap);
	EXPECT_EQ(0, framepool_heap_stats(self->heap, &stats));
	EXPECT_EQ(0, stats.memory);
	EXPECT_TRUE(wait_idle(framepool_fd(self->fp), 1));
	EXPECT_EQ(0, framepool_heap_destroy(self->heap));
}

static struct framepool_heap *shared_heap;
static _Atomic(size_t *) shared[SHARED];

/* Allocates blocks, and frees those that any thread allocated. Returns how many were wrong. */
static void *swap_blocks(void *argument)
{
	unsigned long seed = (unsigned long)argument, wrong = 0;
	size_t *block, size;
	int i;

	for (i = 0; i < TURNS; i++) {
		seed = seed * 6364136223846793005UL + 1442695040888963407UL;
		size = 16 + (seed >> 40) % (i % 10 ? 500 : 50000);
		block = framepool_heap_alloc(shared_heap, size);
		if (!block)
			return (void *)-1L;
		block[0] = size;
		((char *)block)[size - 1] = (char)size;
		block = atomic_exchange(&shared[(seed >> 33) % SHARED], block);
		if (!block)
			continue;
		wrong += ((char *)block)[block[0] - 1] != (char)block[0];
		wrong += !!framepool_heap_free(shared_heap, block);
	}
	return (void *)wrong;
}

TEST_F(layers_heap, threads_free_what_others_allocated)
{
	struct framepool_heap_stats stats;
	pthread_t threads[THREADS];
	void *wrong;
	long i;

	shared_heap = self->heap;
	for (i = 0; i < THREADS; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, swap_blocks, (void *)(i + 1)));
	for (i = 0; i < THREADS; i++) {
		ASSERT_EQ(0, pthread_join(threads[i], &wrong));
		EXPECT_EQ(NULL, wrong);
	}
	for (i = 0; i < SHARED; i++)
		EXPECT_EQ(0, framepool_heap_free(self->heap, shared[i]));
	EXPECT_EQ(0, framepool_heap_stats(self->heap, &stats));
	EXPECT_EQ(0, stats.blocks);
	EXPECT_EQ(0, framepool_heap_destroy(self->heap));
}

TEST_F(layers_heap, child_shares_blocks_and_may_not_use_the_heap)
{
	char *block = framepool_heap_alloc(self->heap, 100);
	pid_t child;

	ASSERT_NE(NULL, block);
	block[0] = 1;
	child = child_fork();
	ASSERT_GE(child, 0);
	if (!child) {
		errno = 0;
		CHILD_CHECK(!framepool_heap_alloc(self->heap, 100) && errno == EPERM);
		errno = 0;
		CHILD_CHECK(framepool_heap_free(self->heap, block) == -1 && errno == EPERM);
		CHILD_CHECK(block[0] == 1);
		block[0] = 2;
		framepool_heap_destroy(self->heap);
		_exit(0);
	}
	EXPECT_EQ(0, child_wait(child));
	EXPECT_EQ(2, block[0]);
	EXPECT_EQ(0, framepool_heap_free(self->heap, block));
	EXPECT_EQ(0, framepool_heap_destroy(self->heap));
}

FIXTURE(layers_heap_shutdown)
{
	struct framepool *fp;
};

FIXTURE_SETUP(layers_heap_shutdown)
{
	self->fp = framepool_open(NULL);
	ASSERT_NE(NULL, self->fp);
}

FIXTURE_TEARDOWN_PARENT(layers_heap_shutdown)
{
	if (is_loaded()) {
		EXPECT_EQ(0, unload());
	}
	EXPECT_EQ(0, load(USUAL_PARAMETERS));
	EXPECT_TRUE(wait_all_free());
}

TEST_F(layers_heap_shutdown, dead_pool_gives_sigbus_and_enodev)
{
	struct framepool_heap *heap = framepool_heap_create(self->fp, NULL);
	char *block, *large;

	ASSERT_NE(NULL, heap);
	block = framepool_heap_alloc(heap, 1000);
	large = framepool_heap_alloc(heap, 2 * MIB);
	ASSERT_NE(NULL, block);
	ASSERT_NE(NULL, large);
	block[0] = large[0] = 1;
	catch_sigbus();
	ASSERT_EQ(0, write_file(SHUTDOWN, "1"));
	EXPECT_EQ(BUS_ADRERR, sigbus_code(block, true));
	EXPECT_EQ(BUS_ADRERR, sigbus_code(large, true));
	errno = 0;
	EXPECT_EQ(NULL, framepool_heap_alloc(heap, 2 * MIB));
	EXPECT_EQ(ENODEV, errno);
	errno = 0;
	EXPECT_EQ(NULL, framepool_heap_alloc(heap, 1000));
	EXPECT_EQ(ENODEV, errno);
	EXPECT_EQ(0, framepool_heap_free(heap, block));
	EXPECT_EQ(0, framepool_heap_free(heap, large));
	EXPECT_EQ(0, framepool_heap_destroy(heap));
	framepool_close(self->fp);
}

TEST_HARNESS_MAIN
