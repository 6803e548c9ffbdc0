// SPDX-License-Identifier: GPL-2.0-only
/*
 * libframepool's caches: threads with magazines of objects, on top of the kernel calls. The tests
 * in userspace/tests need no module.
 */
#include "common.h"
#include "child.h"
#include "memory.h"

#include <libframepool.h>
#include <pthread.h>

#define MILLION	1000000
#define THREADS	4
#define LIVE	1000		/* objects that a thread holds at a time */
#define TURNS	(MILLION / THREADS)

FIXTURE(library_cache)
{
	struct framepool *fp;
	struct framepool_cache *cache;
};

FIXTURE_SETUP(library_cache)
{
	self->fp = framepool_open(NULL);
	ASSERT_NE(NULL, self->fp);
	self->cache = framepool_cache_create(self->fp, 64, 0, 0);
	ASSERT_NE(NULL, self->cache);
}

FIXTURE_TEARDOWN_PARENT(library_cache)
{
	EXPECT_TRUE(wait_all_free());
}

/* Ends the cache; true if nothing of it is left while its client lives on. */
static bool destroy(struct framepool *fp, struct framepool_cache *cache)
{
	framepool_cache_destroy(cache);
	return wait_idle(framepool_fd(fp), 1);
}

static void mark(void *object, __u64 number)
{
	__u64 *words = object;

	words[0] = number;
	words[7] = ~number;
}

static bool is_marked(const void *object, __u64 number)
{
	const __u64 *words = object;

	return words[0] == number && words[7] == ~number;
}

TEST_F_TIMEOUT(library_cache, million_objects_live_at_once, SLOW_TEST_SECONDS)
{
	void **objects = calloc(MILLION, sizeof(*objects));
	int i, wrong = 0;

	ASSERT_NE(NULL, objects);
	for (i = 0; i < MILLION; i++) {
		objects[i] = framepool_cache_alloc(self->cache);
		ASSERT_NE(NULL, objects[i]);
		mark(objects[i], i);
	}
	for (i = 0; i < MILLION; i++)
		wrong += !is_marked(objects[i], i);
	EXPECT_EQ(0, wrong);
	EXPECT_EQ(MILLION, framepool_cache_allocs(self->cache));
	EXPECT_GT(MILLION / 200, framepool_cache_alloc_calls(self->cache));
	for (i = 0; i < MILLION; i++)
		wrong += framepool_cache_free(self->cache, objects[i]);
	EXPECT_EQ(0, wrong);
	EXPECT_GT(MILLION / 200, framepool_cache_free_calls(self->cache));
	EXPECT_EQ(0, framepool_cache_flush(self->cache));
	EXPECT_EQ(0, framepool_cache_bad_frees(self->cache));
	EXPECT_TRUE(destroy(self->fp, self->cache));
}

struct user {
	pthread_t thread;
	struct framepool_cache *cache;
	__u64 number;
	int wrong;
};

/* Each turn frees an object, or none, and allocates one. */
static void *use(void *argument)
{
	struct user *user = argument;
	void *objects[LIVE] = { NULL };
	int i, which;

	for (i = 0; i < TURNS; i++) {
		which = i * 7LL % LIVE;
		if (objects[which]) {
			user->wrong += !is_marked(objects[which], user->number + which);
			user->wrong += framepool_cache_free(user->cache, objects[which]);
		}
		objects[which] = framepool_cache_alloc(user->cache);
		if (!objects[which])
			return NULL;
		mark(objects[which], user->number + which);
	}
	for (i = 0; i < LIVE; i++)
		user->wrong += framepool_cache_free(user->cache, objects[i]);
	return user;
}

TEST_F_TIMEOUT(library_cache, threads_turn_over_a_million_objects, SLOW_TEST_SECONDS)
{
	struct user users[THREADS];
	void *ret;
	int i;

	for (i = 0; i < THREADS; i++) {
		users[i] = (struct user){ .cache = self->cache, .number = (i + 1ULL) << 32 };
		ASSERT_EQ(0, pthread_create(&users[i].thread, NULL, use, &users[i]));
	}
	for (i = 0; i < THREADS; i++) {
		ASSERT_EQ(0, pthread_join(users[i].thread, &ret));
		EXPECT_EQ(&users[i], ret);
		EXPECT_EQ(0, users[i].wrong);
	}
	EXPECT_EQ(MILLION, framepool_cache_allocs(self->cache));
	EXPECT_GT(MILLION / 500, framepool_cache_alloc_calls(self->cache) +
				 framepool_cache_free_calls(self->cache));
	EXPECT_EQ(0, framepool_cache_bad_frees(self->cache));
	EXPECT_TRUE(destroy(self->fp, self->cache));
}

static void *use_once(void *cache)
{
	void *object = framepool_cache_alloc(cache);

	return object && !framepool_cache_free(cache, object) ? object : NULL;
}

/* Afterwards all of the pool can be allocated as objects. */
TEST_F_TIMEOUT(library_cache, thread_that_ends_gives_its_magazine_back, SLOW_TEST_SECONDS)
{
	struct framepool_cache *cache = framepool_cache_create(self->fp, 64 * KIB, 0, 0);
	int nr = POOL_BYTES / (64 * KIB), i;
	pthread_t thread;
	void *ret;

	ASSERT_NE(NULL, cache);
	ASSERT_EQ(0, pthread_create(&thread, NULL, use_once, cache));
	ASSERT_EQ(0, pthread_join(thread, &ret));
	EXPECT_NE(NULL, ret);
	for (i = 0; i < nr; i++)
		ASSERT_NE(NULL, framepool_cache_alloc(cache));
	errno = 0;
	EXPECT_EQ(NULL, framepool_cache_alloc(cache));
	EXPECT_EQ(ENOMEM, errno);
	EXPECT_TRUE(destroy(self->fp, cache));
}

static void child_works(struct framepool_cache *cache, void **objects, int nr)
{
	void *object;
	int i;

	CHILD_CHECK(framepool_cache_free(cache, objects[0]) == 0);
	for (i = 0; i < 2 * LIVE; i++) {
		object = framepool_cache_alloc(cache);
		CHILD_CHECK(object);
		memset(object, PATTERN_OTHER, 64);
	}
	for (i = 1; i < nr; i++)
		CHILD_CHECK(is_marked(objects[i], i));
	CHILD_CHECK(framepool_cache_flush(cache) == 0);
	_exit(0);
}

TEST_F(library_cache, child_and_parent_never_share_a_new_object)
{
	void *objects[LIVE];
	pid_t child;
	int i;

	for (i = 0; i < LIVE; i++) {
		objects[i] = framepool_cache_alloc(self->cache);
		ASSERT_NE(NULL, objects[i]);
		mark(objects[i], i);
	}
	child = child_fork();
	ASSERT_GE(child, 0);
	if (!child)
		child_works(self->cache, objects, LIVE);
	for (i = 0; i < LIVE; i++)
		mark(framepool_cache_alloc(self->cache), ~0ULL);
	EXPECT_EQ(0, child_wait(child));
	for (i = 1; i < LIVE; i++)
		EXPECT_TRUE(is_marked(objects[i], i));
	for (i = 1; i < LIVE; i++)
		EXPECT_EQ(0, framepool_cache_free(self->cache, objects[i]));
	EXPECT_EQ(0, framepool_cache_flush(self->cache));
	EXPECT_TRUE(destroy(self->fp, self->cache));
}

TEST_F(library_cache, mistakes_are_reported)
{
	char *object = framepool_cache_alloc(self->cache);

	ASSERT_NE(NULL, object);
	errno = 0;
	EXPECT_EQ(-1, framepool_cache_free(self->cache, object + 8));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(0, framepool_cache_free(self->cache, object));
	EXPECT_EQ(0, framepool_cache_free(self->cache, object));
	errno = 0;
	EXPECT_EQ(-1, framepool_cache_flush(self->cache));
	EXPECT_EQ(ENOENT, errno);
	EXPECT_EQ(1, framepool_cache_bad_frees(self->cache));
	EXPECT_EQ(0, framepool_cache_flush(self->cache));
	EXPECT_TRUE(destroy(self->fp, self->cache));
}

TEST_F(library_cache, places_of_objects_are_those_of_the_kernel)
{
	static const size_t sizes[] = { 8, 40, 72, 200, 1000, 4096, 5000, 40000, MIB };
	void *objects[100];
	size_t i, nr, j;

	for (i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		struct framepool_cache *cache = framepool_cache_create(self->fp, sizes[i], 0, 0);

		ASSERT_NE(NULL, cache);
		nr = framepool_cache_alloc_batch(cache, objects, 100);
		EXPECT_EQ(100, nr);
		for (j = 0; j < nr; j++) {
			__u64 offset = framepool_cache_offset(cache, objects[j]);

			EXPECT_EQ(objects[j], framepool_cache_object(cache, offset));
			memset(objects[j], PATTERN_MINE, sizes[i]);
		}
		EXPECT_EQ(0, framepool_cache_free_batch(cache, objects, nr));
		EXPECT_EQ(0, framepool_cache_flush(cache));
		framepool_cache_destroy(cache);
	}
}

TEST_F(library_cache, object_is_aligned_in_both_address_spaces)
{
	struct framepool_cache *cache = framepool_cache_create(self->fp, 100, 4096,
							       FRAMEPOOL_CACHE_RANDOM |
							       FRAMEPOOL_CACHE_MOVABLE);
	char *object;
	int i;

	ASSERT_NE(NULL, cache);
	EXPECT_EQ(0, (unsigned long)framepool_cache_object(cache, 0) % HUGE_FRAME);
	EXPECT_EQ(4096, framepool_cache_stride(cache));
	for (i = 0; i < 100; i++) {
		object = framepool_cache_alloc(cache);
		ASSERT_NE(NULL, object);
		object[99] = 1;
		EXPECT_EQ(0, (unsigned long)object % 4096);
		EXPECT_EQ(0, physical_address(object) % 4096);
	}
	EXPECT_TRUE(framepool_cache_window_bytes(cache) >= POOL_BYTES);
}

TEST_F_TIMEOUT(library_cache, caches_beyond_the_limit_are_emfile, SLOW_TEST_SECONDS)
{
	struct framepool_cache *caches[FRAMEPOOL_CACHES_MAX];
	int i;

	for (i = 1; i < FRAMEPOOL_CACHES_MAX; i++) {
		caches[i] = framepool_cache_create(self->fp, 64, 0, 0);
		ASSERT_NE(NULL, caches[i]);
	}
	errno = 0;
	EXPECT_EQ(NULL, framepool_cache_create(self->fp, 64, 0, 0));
	EXPECT_EQ(EMFILE, errno);
	EXPECT_NE(NULL, use_once(caches[FRAMEPOOL_CACHES_MAX - 1]));
	for (i = 1; i < FRAMEPOOL_CACHES_MAX; i++)
		framepool_cache_destroy(caches[i]);
	EXPECT_NE(NULL, use_once(self->cache));
	EXPECT_TRUE(destroy(self->fp, self->cache));
}

TEST_HARNESS_MAIN
