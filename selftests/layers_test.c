// SPDX-License-Identifier: GPL-2.0-only
/*
 * What libframepool builds on buffers, over the device: arenas, pools of buffers and moving heaps.
 * The tests in userspace/tests need no module. Leaves the module loaded as it found it.
 */
#include "common.h"
#include "child.h"
#include "memory.h"
#include "module.h"
#include "sigbus.h"

#include <libframepool.h>
#include <libframepool_arena.h>
#include <libframepool_bufpool.h>
#include <libframepool_moving.h>
#include <pthread.h>

#define CLIENT_QUOTA	"/sys/class/framepool/" POOL_NAME "/client_quota"
#define SHUTDOWN	"/sys/class/framepool/" POOL_NAME "/shutdown"
#define NANOSECONDS	1000000000LL

FIXTURE(layers)
{
	struct framepool *fp;
};

FIXTURE_SETUP(layers)
{
	self->fp = framepool_open(NULL);
	ASSERT_NE(NULL, self->fp);
}

FIXTURE_TEARDOWN_PARENT(layers)
{
	EXPECT_EQ(0, write_file(CLIENT_QUOTA, "0"));
	EXPECT_TRUE(wait_all_free());
}

TEST_F(layers, arena_of_a_buffer_knows_physical_addresses)
{
	static const size_t lengths[] = { 64 * KIB, 3 * MIB };
	struct framepool_arena arena;
	uint64_t address;
	size_t i, align;

	for (i = 0; i < ARRAY_SIZE(lengths); i++) {
		struct framepool_buffer *buf = framepool_buffer_alloc(self->fp, lengths[i]);
		char *piece;

		ASSERT_NE(NULL, buf);
		ASSERT_EQ(0, framepool_arena_init_buffer(&arena, buf, FRAMEPOOL_ARENA_CHECK));
		for (align = 16; align <= lengths[i] / 16; align *= 2) {
			piece = framepool_arena_alloc(&arena, 3000, align);
			if (!piece && errno == EINVAL && align > FRAME)
				continue;
			ASSERT_NE(NULL, piece);
			ASSERT_EQ(0, framepool_arena_address(&arena, piece, &address));
			EXPECT_EQ(0, address % align);
			EXPECT_TRUE(lies_at(piece, 3000, address));
		}
		framepool_arena_fini(&arena);
		framepool_buffer_free(buf);
	}
}

TEST_F(layers, chain_grows_until_its_quota_and_gives_all_back)
{
	int fd = framepool_fd(self->fp), i, nr;
	struct framepool_arena arena;
	uint64_t address;
	size_t align;
	char *piece;

	ASSERT_EQ(0, write_file(CLIENT_QUOTA, "16M"));
	ASSERT_EQ(0, framepool_arena_init_chain(&arena, self->fp, 64 * KIB, 0));
	for (align = 16; align <= FRAMEPOOL_ARENA_ALIGN_MAX; align *= 2) {
		piece = framepool_arena_alloc(&arena, 100000, align);
		ASSERT_NE(NULL, piece);
		ASSERT_EQ(0, framepool_arena_address(&arena, piece, &address));
		EXPECT_EQ(0, address % align);
		EXPECT_EQ(0, (unsigned long)piece % align);
		EXPECT_TRUE(lies_at(piece, 100000, address));
	}
	framepool_arena_reset(&arena);
	for (nr = 0; nr < 100; nr++) {
		errno = 0;
		if (!framepool_arena_alloc(&arena, MIB, 0))
			break;
	}
	EXPECT_EQ(EDQUOT, errno);
	EXPECT_GT(nr, 5);
	EXPECT_LT(nr, 17);
	for (i = 0; i < 3; i++)
		EXPECT_NE(NULL, framepool_arena_alloc(&arena, 16, 0));
	framepool_arena_fini(&arena);
	EXPECT_TRUE(wait_idle(fd, 1));
}

#define COUNT	2000
#define THREADS	4
#define TURNS	50000

static struct framepool_bufpool *make_pool(struct framepool *fp, size_t size, size_t count)
{
	struct framepool_bufpool_options options = { .size = size, .count = count };

	return framepool_bufpool_create(fp, &options);
}

/* Holds one or many buffers, of which each is marked. */
static void *use_pool(void *argument)
{
	struct framepool_bufpool *pool = argument;
	__u64 *buffers[100], mark = (unsigned long)&buffers;
	int i, j, nr, wrong = 0;

	for (i = 0; i < TURNS; i += nr) {
		nr = i % 7 ? 1 : 100;
		if (framepool_bufpool_borrow_bulk(pool, (void **)buffers, nr, -1))
			return NULL;
		for (j = 0; j < nr; j++)
			*buffers[j] = mark + j;
		for (j = 0; j < nr; j++)
			wrong += *buffers[j] != mark + j;
		wrong += framepool_bufpool_return_bulk(pool, (void **)buffers, nr);
	}
	return wrong ? NULL : pool;
}

TEST_F_TIMEOUT(layers, threads_share_buffers, SLOW_TEST_SECONDS)
{
	static const size_t counts[] = { 101, COUNT };
	pthread_t threads[THREADS];
	void *ret;
	size_t i;
	int j;

	for (i = 0; i < ARRAY_SIZE(counts); i++) {
		struct framepool_bufpool *pool = make_pool(self->fp, 1500, counts[i]);

		ASSERT_NE(NULL, pool);
		for (j = 0; j < THREADS; j++)
			ASSERT_EQ(0, pthread_create(&threads[j], NULL, use_pool, pool));
		for (j = 0; j < THREADS; j++) {
			ASSERT_EQ(0, pthread_join(threads[j], &ret));
			EXPECT_EQ(pool, ret);
		}
		EXPECT_EQ(counts[i], framepool_bufpool_available(pool));
		EXPECT_EQ(0, framepool_bufpool_destroy(pool));
	}
	EXPECT_TRUE(wait_idle(framepool_fd(self->fp), 1));
}

TEST_F(layers, buffers_of_a_pool_are_contiguous)
{
	static const struct { size_t size, align, count; } shapes[] = {
		{ 2048, 2048, 300 }, { 9000, 64, 100 }, { 100 * KIB, FRAME, 40 },
		{ 3 * MIB, HUGE_FRAME, 4 },
	};
	uint64_t address;
	size_t i, j;
	void *buffer;

	for (i = 0; i < ARRAY_SIZE(shapes); i++) {
		struct framepool_bufpool_options options = {
			.size = shapes[i].size, .align = shapes[i].align,
			.count = shapes[i].count,
		};
		struct framepool_bufpool *pool = framepool_bufpool_create(self->fp, &options);

		ASSERT_NE(NULL, pool);
		for (j = 0; j < shapes[i].count; j++) {
			buffer = framepool_bufpool_borrow(pool, 0);
			ASSERT_NE(NULL, buffer);
			ASSERT_EQ(0, framepool_bufpool_address(pool, buffer, &address));
			EXPECT_EQ(0, address % shapes[i].align);
			EXPECT_TRUE(lies_at(buffer, shapes[i].size, address));
		}
		EXPECT_EQ(NULL, framepool_bufpool_borrow(pool, 0));
		EXPECT_EQ(shapes[i].count, framepool_bufpool_destroy(pool));
	}
}

TEST_F(layers, buffers_beyond_a_quota_are_waited_for)
{
	struct framepool_bufpool *pool = make_pool(self->fp, MIB, 100);
	void *buffers[100];
	int nr = 0;

	ASSERT_NE(NULL, pool);
	ASSERT_EQ(0, write_file(CLIENT_QUOTA, "8M"));
	while (nr < 100 && (buffers[nr] = framepool_bufpool_borrow(pool, 0)))
		nr++;
	EXPECT_EQ(EDQUOT, errno);
	EXPECT_EQ(8, nr);
	errno = 0;
	EXPECT_EQ(NULL, framepool_bufpool_borrow(pool, NANOSECONDS / 100));
	EXPECT_EQ(ETIMEDOUT, errno);
	EXPECT_EQ(0, framepool_bufpool_return(pool, buffers[3]));
	EXPECT_EQ(buffers[3], framepool_bufpool_borrow(pool, -1));
	EXPECT_EQ(8, framepool_bufpool_destroy(pool));
}

static void child_works(struct framepool *fp, struct framepool_bufpool *pool, char *buffer)
{
	struct framepool_bufpool *mine;
	void *other;

	CHILD_CHECK(!framepool_bufpool_borrow(pool, -1) && errno == EPERM);
	CHILD_CHECK(framepool_bufpool_return(pool, buffer) == -1 && errno == EPERM);
	CHILD_CHECK(buffer[0] == 1);
	buffer[0] = 2;
	CHILD_CHECK(framepool_bufpool_destroy(pool) == 0);
	mine = make_pool(fp, 2048, 100);
	CHILD_CHECK(mine);
	other = framepool_bufpool_borrow(mine, 0);
	CHILD_CHECK(other && !framepool_bufpool_return(mine, other));
	CHILD_CHECK(framepool_bufpool_destroy(mine) == 0);
	_exit(0);
}

TEST_F(layers, child_owns_no_buffer)
{
	struct framepool_bufpool *pool = make_pool(self->fp, 2048, 100);
	char *buffer;
	pid_t child;

	ASSERT_NE(NULL, pool);
	buffer = framepool_bufpool_borrow(pool, 0);
	ASSERT_NE(NULL, buffer);
	buffer[0] = 1;
	child = child_fork();
	ASSERT_GE(child, 0);
	if (!child)
		child_works(self->fp, pool, buffer);
	EXPECT_EQ(0, child_wait(child));
	EXPECT_EQ(2, buffer[0]);
	EXPECT_EQ(0, framepool_bufpool_return(pool, buffer));
	EXPECT_EQ(0, framepool_bufpool_destroy(pool));
}

static struct framepool_moving *make_heap(struct framepool *fp, size_t limit)
{
	struct framepool_moving_options options = { .limit = limit };

	return framepool_moving_create(fp, &options);
}

/* Allocates an object whose words are all @value. */
static uint64_t make_object(struct framepool_moving *heap, size_t words, __u64 value)
{
	uint64_t handle = framepool_moving_alloc(heap, words * sizeof(value));
	__u64 *at = handle ? framepool_moving_pin(heap, handle, 0) : NULL;

	while (at && words--)
		at[words] = value;
	if (at)
		framepool_moving_unpin(heap, handle);
	return handle;
}

static bool is_object(struct framepool_moving *heap, uint64_t handle, __u64 value)
{
	size_t words = framepool_moving_size(heap, handle) / sizeof(value);
	__u64 *at = framepool_moving_pin(heap, handle, 0);
	bool right = at && words;

	while (right && words--)
		right = at[words] == value;
	return right && !framepool_moving_unpin(heap, handle);
}

static size_t memory_of(struct framepool_moving *heap)
{
	struct framepool_moving_stats stats;

	return framepool_moving_stats(heap, &stats) ? 0 : stats.memory;
}

#define OBJECTS	60000

TEST_F_TIMEOUT(layers, compaction_moves_objects_and_gives_frames_back, SLOW_TEST_SECONDS)
{
	struct framepool_moving *heap = make_heap(self->fp, 32 * MIB);
	static uint64_t handles[OBJECTS];
	uint64_t address, later;
	char *pinned, *at;
	size_t i;

	ASSERT_NE(NULL, heap);
	for (i = 0; i < OBJECTS; i++) {
		handles[i] = make_object(heap, 50, i);
		ASSERT_NE(0, handles[i]);
	}
	EXPECT_EQ(24 * MIB, memory_of(heap));
	for (i = 0; i < OBJECTS; i++)
		if (i % 8)
			EXPECT_EQ(0, framepool_moving_free(heap, handles[i]));
	pinned = framepool_moving_pin(heap, handles[0], 0);
	ASSERT_EQ(0, framepool_moving_address(heap, handles[0], &address));
	while (framepool_moving_compact(heap, NANOSECONDS / 10000) == 1)
		;
	EXPECT_GE(4 * MIB, memory_of(heap));
	for (i = 0; i < OBJECTS; i += 8) {
		ASSERT_TRUE(is_object(heap, handles[i], i));
		at = framepool_moving_pin(heap, handles[i], 0);
		ASSERT_EQ(0, framepool_moving_address(heap, handles[i], &later));
		ASSERT_EQ(later, physical_address(at - (unsigned long)at % FRAME) +
				 (unsigned long)at % FRAME);
		EXPECT_EQ(0, framepool_moving_unpin(heap, handles[i]));
	}
	EXPECT_EQ(pinned, framepool_moving_pin(heap, handles[0], 0));
	EXPECT_EQ(0, framepool_moving_address(heap, handles[0], &later));
	EXPECT_EQ(address, later);
	framepool_moving_destroy(heap);
	EXPECT_TRUE(wait_idle(framepool_fd(self->fp), 1));
}

TEST_F(layers, heap_beyond_its_quota_goes_on_when_compacted)
{
	struct framepool_moving *heap = make_heap(self->fp, 0);
	uint64_t handles[200], more;
	size_t i, nr = 0;

	ASSERT_NE(NULL, heap);
	ASSERT_EQ(0, write_file(CLIENT_QUOTA, "8M"));
	while (nr < 200 && (handles[nr] = make_object(heap, 12500, nr)))
		nr++;
	EXPECT_EQ(EDQUOT, errno);
	EXPECT_EQ(80, nr);
	for (i = 0; i < nr; i += 2)
		EXPECT_EQ(0, framepool_moving_free(heap, handles[i]));
	errno = 0;
	EXPECT_EQ(0, framepool_moving_alloc(heap, MIB));
	EXPECT_EQ(EDQUOT, errno);
	EXPECT_EQ(0, framepool_moving_compact(heap, UINT64_MAX));
	more = framepool_moving_alloc(heap, 2 * MIB);
	EXPECT_NE(0, more);
	EXPECT_EQ(0, framepool_moving_free(heap, more));
	errno = 0;
	EXPECT_EQ(0, framepool_moving_free(heap, handles[1]));
	EXPECT_EQ(-1, framepool_moving_free(heap, handles[1]));
	EXPECT_EQ(EINVAL, errno);
	for (i = 3; i < nr; i += 2)
		EXPECT_TRUE(is_object(heap, handles[i], i));
	framepool_moving_destroy(heap);
}

static void heap_of_child(struct framepool_moving *heap, uint64_t handle, const __u64 *at)
{
	CHILD_CHECK(!framepool_moving_alloc(heap, 16) && errno == EPERM);
	CHILD_CHECK(!framepool_moving_pin(heap, handle, 0) && errno == EPERM);
	CHILD_CHECK(framepool_moving_compact(heap, 0) == -1 && errno == EPERM);
	CHILD_CHECK(*at == 3);
	framepool_moving_destroy(heap);
	_exit(0);
}

TEST_F(layers, child_owns_no_object)
{
	struct framepool_moving *heap = make_heap(self->fp, 4 * MIB);
	uint64_t handle;
	pid_t child;
	__u64 *at;

	ASSERT_NE(NULL, heap);
	handle = make_object(heap, 10, 3);
	at = framepool_moving_pin(heap, handle, FRAMEPOOL_MOVING_PIN_LONG);
	ASSERT_NE(NULL, at);
	child = child_fork();
	ASSERT_GE(child, 0);
	if (!child)
		heap_of_child(heap, handle, at);
	EXPECT_EQ(0, child_wait(child));
	EXPECT_TRUE(is_object(heap, handle, 3));
	framepool_moving_destroy(heap);
}

FIXTURE(layers_shutdown)
{
	struct framepool *fp;
};

FIXTURE_SETUP(layers_shutdown)
{
	self->fp = framepool_open(NULL);
	ASSERT_NE(NULL, self->fp);
}

FIXTURE_TEARDOWN_PARENT(layers_shutdown)
{
	if (is_loaded()) {
		EXPECT_EQ(0, unload());
	}
	EXPECT_EQ(0, load(USUAL_PARAMETERS));
	EXPECT_TRUE(wait_all_free());
}

TEST_F(layers_shutdown, dead_pool_gives_sigbus_and_enodev)
{
	struct framepool_bufpool *pool = make_pool(self->fp, 2 * MIB, 10);
	struct framepool_moving *heap = make_heap(self->fp, 8 * MIB);
	struct framepool_arena arena;
	char *buffer, *piece;

	ASSERT_NE(NULL, pool);
	buffer = framepool_bufpool_borrow(pool, 0);
	ASSERT_EQ(0, framepool_arena_init_chain(&arena, self->fp, 64 * KIB, 0));
	piece = framepool_arena_alloc(&arena, 1000, 0);
	ASSERT_NE(NULL, buffer);
	ASSERT_NE(NULL, piece);
	ASSERT_NE(NULL, heap);
	ASSERT_NE(0, make_object(heap, 150000, 1));
	buffer[0] = piece[0] = 1;
	catch_sigbus();
	ASSERT_EQ(0, write_file(SHUTDOWN, "1"));
	EXPECT_EQ(BUS_ADRERR, sigbus_code(buffer, true));
	EXPECT_EQ(BUS_ADRERR, sigbus_code(piece, true));
	errno = 0;
	EXPECT_EQ(NULL, framepool_bufpool_borrow(pool, -1));
	EXPECT_EQ(ENODEV, errno);
	errno = 0;
	EXPECT_EQ(NULL, framepool_arena_alloc(&arena, MIB, 0));
	EXPECT_EQ(ENODEV, errno);
	EXPECT_EQ(0, framepool_bufpool_return(pool, buffer));
	EXPECT_EQ(buffer, framepool_bufpool_borrow(pool, 0));
	framepool_bufpool_close(pool);
	errno = 0;
	EXPECT_EQ(NULL, framepool_bufpool_borrow(pool, -1));
	EXPECT_EQ(ESHUTDOWN, errno);
	EXPECT_EQ(1, framepool_bufpool_destroy(pool));
	errno = 0;
	EXPECT_EQ(0, framepool_moving_alloc(heap, MIB));
	EXPECT_EQ(ENODEV, errno);
	framepool_moving_destroy(heap);
	framepool_arena_fini(&arena);
	framepool_close(self->fp);
}

TEST_HARNESS_MAIN
