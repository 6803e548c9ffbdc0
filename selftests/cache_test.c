// SPDX-License-Identifier: GPL-2.0-only
/* Caches of objects for programs: what they allocate and free, and when memory goes back. */
#include "common.h"
#include "cache.h"
#include "child.h"
#include "memory.h"
#include "sigbus.h"

#include <pthread.h>

#define SIZE		200
#define MANY		3000
#define MILLION		1000000
#define NO_SUCH_HANDLE	0x7f80000000ULL
#define OBJ_ALLOC	FRAMEPOOL_IOC_OBJ_ALLOC
#define OBJ_FREE	FRAMEPOOL_IOC_OBJ_FREE
#define PARTIAL		FRAMEPOOL_BATCH_PARTIAL
#define QUOTA		"/sys/class/framepool/" POOL_NAME "/client_quota"
#define CACHES		"/sys/kernel/debug/framepool/" POOL_NAME "/caches"

FIXTURE(cache)
{
	int fd;
	int probe;		/* another client, which observes the pool */
	struct cache cache;	/* of objects of SIZE bytes */
	char *p;		/* its whole window */
	__u64 *offsets;		/* room for MANY */
};

FIXTURE_SETUP(cache)
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

FIXTURE_TEARDOWN_PARENT(cache)
{
	EXPECT_EQ(0, write_file(QUOTA, "0"));
	EXPECT_TRUE(wait_all_free());
}

static int by_value(const void *a, const void *b)
{
	const __u64 *left = a, *right = b;

	return (*left > *right) - (*left < *right);
}

/* Whether the objects do not overlap, lie inside slabs and are aligned. */
static bool are_apart(const struct cache *cache, __u64 *offsets, int nr, __u32 size, __u32 align)
{
	int i;

	qsort(offsets, nr, sizeof(*offsets), by_value);
	for (i = 0; i < nr; i++)
		if (offsets[i] % align || offsets[i] % cache->slab_bytes % cache->stride ||
		    offsets[i] % cache->slab_bytes + size > cache->slab_bytes ||
		    (i && offsets[i] - offsets[i - 1] < size))
			return false;
	return offsets[nr - 1] + size <= cache->window_bytes;
}

TEST_F_TIMEOUT(cache, objects_of_all_sizes_are_aligned_and_apart, SLOW_TEST_SECONDS)
{
	static const struct { __u32 size, align; } kinds[] = {
		{ 8, 0 }, { 9, 0 }, { 24, 16 }, { 40, 64 }, { 64, 0 }, { 1000, 0 }, { 4096, 4096 },
		{ 8, 4096 }, { 100000, 0 }, { 1 << 20, 0 }, { 64, 2 << 20 }, { 1 << 20, 2 << 20 },
	};
	struct cache cache;
	char *p;
	int i, nr;

	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		ASSERT_EQ(0, cache_create_any(self->fd, 0, kinds[i].size, kinds[i].align, &cache));
		EXPECT_EQ(0, cache.offset % HUGE_FRAME);
		EXPECT_GE(cache.window_bytes, POOL_BYTES);
		EXPECT_GE(cache.stride, kinds[i].size);
		nr = kinds[i].size > 65536 || kinds[i].align > 65536 ? 20 : 1000;
		ASSERT_EQ(0, objects_alloc(&cache, self->offsets, nr));
		EXPECT_TRUE(are_apart(&cache, self->offsets, nr, kinds[i].size,
				      kinds[i].align ?: 8));
		p = cache_map(&cache);
		ASSERT_NE(MAP_FAILED, p);
		/* Slabs take the lowest places, and are aligned in memory as in the window. */
		EXPECT_EQ(0, self->offsets[0]);
		if (kinds[i].align) {
			EXPECT_EQ(0, physical_address(p + self->offsets[nr - 1]) %
				  (kinds[i].align > FRAME ? kinds[i].align : 1));
		}
		EXPECT_EQ(0, munmap(p, cache.window_bytes));
		EXPECT_EQ(0, cache_destroy(self->fd, cache.handle));
	}
}

TEST_F(cache, arguments_out_of_range_are_einval)
{
	static const struct { __u32 flags, size, align; } wrong[] = {
		{ 0, 0, 0 }, { 0, 7, 0 }, { 0, (1 << 20) + 1, 0 }, { 0, ~0U, 0 }, { 0, 64, 3 },
		{ 0, 64, 4 << 20 }, { 0, 64, 1U << 31 }, { 4, 64, 0 }, { 1U << 31, 64, 0 },
	};
	struct framepool_ioc_cache_destroy destroy = { .size = sizeof(destroy), .flags = 1 };
	struct framepool_ioc_objects arg;
	struct cache cache;
	int i;

	for (i = 0; i < ARRAY_SIZE(wrong); i++) {
		EXPECT_EQ(-EINVAL, cache_create_any(self->fd, wrong[i].flags, wrong[i].size,
						    wrong[i].align, &cache));
	}
	destroy.handle = self->cache.handle;
	EXPECT_EQ(-EINVAL, call(self->fd, FRAMEPOOL_IOC_CACHE_DESTROY, &destroy));
	EXPECT_EQ(-EINVAL, objects_call(&self->cache, OBJ_ALLOC, 2, self->offsets, 1, &arg));
	EXPECT_EQ(-EINVAL, objects_call(&self->cache, OBJ_ALLOC, 0, self->offsets, 0, &arg));
	EXPECT_EQ(-EINVAL, objects_call(&self->cache, OBJ_ALLOC, 0, self->offsets,
					FRAMEPOOL_BATCH_MAX + 1, &arg));
	EXPECT_EQ(-EINVAL, objects_call(&self->cache, OBJ_FREE, PARTIAL, self->offsets, 1, &arg));
	EXPECT_EQ(-EINVAL, objects_call(&self->cache, OBJ_FREE, 0, self->offsets, 0, &arg));
	arg.count = 1;
	arg.reserved = 1;
	EXPECT_EQ(-EINVAL, call(self->fd, OBJ_ALLOC, &arg));
	EXPECT_EQ(-EINVAL, call(self->fd, OBJ_FREE, &arg));
	EXPECT_EQ(0, used_bytes(self->fd));
}

TEST_F(cache, new_object_is_zero)
{
	int i;

	ASSERT_EQ(0, objects_alloc(&self->cache, self->offsets, MANY));
	for (i = 0; i < MANY; i++) {
		EXPECT_TRUE(all_bytes(self->p + self->offsets[i], 0, SIZE));
	}
}

TEST_F(cache, object_of_another_client_is_never_seen)
{
	struct cache other;
	char *q;
	int i, round;

	for (round = 0; round < 20; round++) {
		int fd = pool_open();

		ASSERT_GE(fd, 0);
		ASSERT_EQ(0, cache_create(fd, SIZE, &other));
		q = cache_map(&other);
		ASSERT_NE(MAP_FAILED, q);
		ASSERT_EQ(0, objects_alloc(&other, self->offsets, MANY));
		for (i = 0; i < MANY; i++) {
			ASSERT_TRUE(all_bytes(q + self->offsets[i], 0, SIZE));
			memset(q + self->offsets[i], PATTERN_OTHER, SIZE);
		}
		ASSERT_EQ(0, munmap(q, other.window_bytes));
		close(fd);
	}
}

/* Allocates and frees batches at random; whether live objects keep their stamps. */
static bool random_batches(const struct cache *cache, char *p, __u32 size, unsigned int seed,
			   int steps)
{
	__u64 offsets[MANY], batch[100], numbers[MANY], next = 1;
	int i, n, at, nr = 0;

	while (steps--) {
		n = 1 + rand_r(&seed) % ARRAY_SIZE(batch);
		if (rand_r(&seed) % 2 && nr + n <= MANY) {
			if (objects_alloc(cache, offsets + nr, n))
				return false;
			for (i = nr; i < nr + n; i++) {
				numbers[i] = next++;
				stamp(p + offsets[i], size, numbers[i]);
			}
			nr += n;
			continue;
		}
		n = n < nr ? n : nr;
		for (i = 0; i < n; i++) {
			at = rand_r(&seed) % nr;
			if (!is_stamped(p + offsets[at], size, numbers[at]))
				return false;
			batch[i] = offsets[at];
			offsets[at] = offsets[--nr];
			numbers[at] = numbers[nr];
		}
		if (objects_free(cache, batch, n))
			return false;
		if (rand_r(&seed) % 50 == 0 && !drain_pool())
			return false;
	}
	return !objects_free(cache, offsets, nr);
}

TEST_F_TIMEOUT(cache, live_objects_keep_their_contents, SLOW_TEST_SECONDS)
{
	unsigned int seed = getenv("SEED") ? atoi(getenv("SEED")) : time(NULL);
	struct cache shuffled;
	char *p;

	printf("# seed %u\n", seed);
	EXPECT_TRUE(random_batches(&self->cache, self->p, SIZE, seed, 2000));
	ASSERT_EQ(0, cache_create_any(self->fd, FRAMEPOOL_CACHE_RANDOM, 3000, 64, &shuffled));
	p = cache_map(&shuffled);
	ASSERT_NE(MAP_FAILED, p);
	EXPECT_TRUE(random_batches(&shuffled, p, 3000, seed, 1000));
}

TEST_F(cache, empty_slabs_come_back_before_an_allocation_fails)
{
	struct buffer buffer;
	int n = 0;

	/* Otherwise the trim might take the empty slabs too early. */
	ASSERT_TRUE(wait_trimmed(self->probe));
	ASSERT_EQ(0, objects_alloc(&self->cache, self->offsets, MANY));
	touch(self->p, ROUND_UP(self->offsets[MANY - 1], FRAME));
	ASSERT_EQ(0, objects_free(&self->cache, self->offsets, MANY));
	EXPECT_LT(0, used_bytes(self->fd));
	/* The free memory need not be one run. */
	while (!buffer_alloc(self->probe, HUGE_FRAME, &buffer))
		n++;
	EXPECT_EQ(POOL_BYTES / HUGE_FRAME, n);
	EXPECT_EQ(BUS_ADRERR, sigbus_code(self->p, false));
}

TEST_F(cache, wrong_offset_is_enoent_and_changes_nothing)
{
	__u64 wrong[] = {
		1, SIZE / 2, self->cache.slab_bytes - 1, self->cache.window_bytes, ~0ULL,
		1ULL << 63, self->cache.offset, 100 * HUGE_FRAME
	};
	struct framepool_ioc_objects arg;
	__u64 batch[10], again[10];
	int i, at;

	ASSERT_EQ(0, objects_alloc(&self->cache, batch, 10));
	for (i = 0; i < ARRAY_SIZE(wrong); i++) {
		for (at = 0; at < 10; at += 3) {
			memcpy(again, batch, sizeof(batch));
			again[at] = wrong[i];
			EXPECT_EQ(-ENOENT,
				  objects_call(&self->cache, OBJ_FREE, 0, again, 10, &arg));
			EXPECT_EQ(at, arg.done);
		}
	}
	/* The same object twice in a batch, and again after it was freed. */
	memcpy(again, batch, sizeof(batch));
	again[9] = batch[4];
	EXPECT_EQ(-ENOENT, objects_call(&self->cache, OBJ_FREE, 0, again, 10, &arg));
	EXPECT_EQ(9, arg.done);
	EXPECT_TRUE(pool_verifies());
	EXPECT_EQ(0, objects_free(&self->cache, batch, 10));
	EXPECT_EQ(-ENOENT, objects_call(&self->cache, OBJ_FREE, 0, batch, 10, &arg));
	EXPECT_EQ(0, arg.done);
	ASSERT_TRUE(drain_pool());
	/* Their slab is gone. */
	EXPECT_EQ(-ENOENT, objects_call(&self->cache, OBJ_FREE, 0, batch, 10, &arg));
}

TEST_F(cache, handle_of_another_is_enoent)
{
	struct cache foreign = self->cache;
	struct framepool_ioc_objects arg;
	struct framepool_ioc_query query;
	struct buffer buffer;
	__u64 handles[] = {
		0, 1, NO_SUCH_HANDLE, ~0ULL, self->cache.handle + 1,
		self->cache.handle ^ 1ULL << 32, self->cache.handle ^ 1ULL << 31
	};
	int i;

	ASSERT_EQ(0, objects_alloc(&self->cache, self->offsets, 1));
	/* The handle of another client, */
	foreign.fd = self->probe;
	EXPECT_EQ(-ENOENT, objects_call(&foreign, OBJ_ALLOC, 0, self->offsets, 1, &arg));
	EXPECT_EQ(-ENOENT, objects_call(&foreign, OBJ_FREE, 0, self->offsets, 1, &arg));
	EXPECT_EQ(~0U, arg.done);
	EXPECT_EQ(-ENOENT, cache_destroy(self->probe, self->cache.handle));
	EXPECT_EQ(ENXIO, map_errno(FRAME, PROT_READ, MAP_SHARED, self->probe, self->cache.offset));
	/* of no cache, */
	foreign.fd = self->fd;
	for (i = 0; i < ARRAY_SIZE(handles); i++) {
		foreign.handle = handles[i];
		EXPECT_EQ(-ENOENT, objects_call(&foreign, OBJ_ALLOC, 0, self->offsets, 1, &arg));
		EXPECT_EQ(-ENOENT, cache_destroy(self->fd, handles[i]));
	}
	/* and of a buffer. */
	ASSERT_EQ(0, buffer_alloc(self->fd, FRAME, &buffer));
	EXPECT_EQ(-ENOENT, cache_destroy(self->fd, buffer.handle));
	EXPECT_EQ(-ENOENT, handle_free(self->fd, self->cache.handle));
	EXPECT_EQ(-ENOENT, handle_query(self->fd, self->cache.handle, &query));
	EXPECT_EQ(0, objects_free(&self->cache, self->offsets, 1));
}

TEST_F(cache, unreadable_array_is_efault_and_changes_nothing)
{
	struct framepool_ioc_objects arg;
	char *page = reserve(HUGE_FRAME);
	__u64 *edge = (__u64 *)(page + FRAME) - 2;

	ASSERT_EQ(0, mprotect(page, FRAME, PROT_READ | PROT_WRITE));
	EXPECT_EQ(-EFAULT, objects_call(&self->cache, OBJ_ALLOC, 0, edge, 3, &arg));
	EXPECT_EQ(-EFAULT, objects_call(&self->cache, OBJ_ALLOC, 0, edge, 300, &arg));
	EXPECT_EQ(-EFAULT, objects_call(&self->cache, OBJ_ALLOC, 0, NULL, 1, &arg));
	ASSERT_TRUE(drain_pool());
	EXPECT_EQ(0, used_bytes(self->fd));
	ASSERT_EQ(0, objects_alloc(&self->cache, edge, 2));
	EXPECT_EQ(-EFAULT, objects_call(&self->cache, OBJ_FREE, 0, edge, 3, &arg));
	/* This leaves a structure in the page, for a call that cannot write its results there. */
	ASSERT_EQ(0, objects_call(&self->cache, OBJ_FREE, 0, edge, 2, (void *)page));
	EXPECT_EQ(-ENOENT, objects_call(&self->cache, OBJ_FREE, 0, edge, 2, &arg));
	ASSERT_EQ(0, objects_alloc(&self->cache, edge, 2));
	ASSERT_EQ(0, mprotect(page, FRAME, PROT_READ));
	EXPECT_EQ(-EFAULT, call(self->fd, OBJ_FREE, page));
	EXPECT_EQ(0, objects_free(&self->cache, edge, 2));
}

TEST_F_TIMEOUT(cache, exhausted_pool_gives_all_or_none, SLOW_TEST_SECONDS)
{
	struct framepool_ioc_objects arg;
	struct cache large;
	__u64 offsets[512];
	int ret, got = 0;

	ASSERT_EQ(0, cache_create(self->fd, MIB, &large));
	EXPECT_EQ(-ENOMEM, objects_call(&large, OBJ_ALLOC, 0, offsets, 512, &arg));
	EXPECT_EQ(~0U, arg.done);
	ASSERT_EQ(0, objects_call(&large, OBJ_ALLOC, PARTIAL, offsets, 512, &arg));
	EXPECT_EQ(POOL_BYTES / MIB, arg.done);
	EXPECT_EQ(ENOMEM, arg.error);
	EXPECT_EQ(-ENOMEM, objects_call(&large, OBJ_ALLOC, PARTIAL, self->offsets, 1, &arg));
	EXPECT_EQ(-ENOMEM, objects_call(&self->cache, OBJ_ALLOC, 0, self->offsets, 1, &arg));
	EXPECT_EQ(0, objects_free(&large, offsets, 2));
	do {
		ret = objects_call(&self->cache, OBJ_ALLOC, PARTIAL, self->offsets,
				   MANY < 1024 ? MANY : 1024, &arg);
		got += ret ? 0 : arg.done;
	} while (!ret);
	EXPECT_EQ(-ENOMEM, ret);
	EXPECT_GE(got, 2 * MIB / self->cache.stride * 7 / 8);
}

TEST_F(cache, quota_holds_for_slabs)
{
	struct framepool_ioc_objects arg;
	struct cache cache;
	__u32 all;

	ASSERT_EQ(0, write_file(QUOTA, "2M"));
	ASSERT_EQ(0, cache_create(self->fd, 64 * KIB, &cache));
	all = HUGE_FRAME / cache.slab_bytes * (cache.slab_bytes / cache.stride);
	ASSERT_EQ(0, objects_alloc(&cache, self->offsets, 1));
	EXPECT_EQ(-EDQUOT, objects_call(&cache, OBJ_ALLOC, 0, self->offsets + 1, all, &arg));
	ASSERT_EQ(0, objects_call(&cache, OBJ_ALLOC, PARTIAL, self->offsets + 1, all, &arg));
	EXPECT_EQ(EDQUOT, arg.error);
	EXPECT_EQ(all - 1, arg.done);
	EXPECT_EQ(HUGE_FRAME, used_bytes(self->fd));
	ASSERT_EQ(0, write_file(QUOTA, "0"));
}

TEST_F_TIMEOUT(cache, million_objects_live_at_once, SLOW_TEST_SECONDS)
{
	__u64 *offsets = calloc(MILLION, sizeof(*offsets)), i;
	struct cache cache;
	bool ok = true;
	char *p;

	ASSERT_NE(NULL, offsets);
	ASSERT_EQ(0, cache_create(self->fd, 40, &cache));
	ASSERT_EQ(0, objects_alloc(&cache, offsets, MILLION));
	p = cache_map(&cache);
	ASSERT_NE(MAP_FAILED, p);
	for (i = 0; i < MILLION; i++)
		stamp(p + offsets[i], 40, i);
	for (i = 0; i < MILLION; i++)
		ok &= is_stamped(p + offsets[i], 40, i);
	EXPECT_TRUE(ok);
	EXPECT_LE(used_bytes(self->fd), MILLION * 40ULL * 65 / 64 + cache.slab_bytes);
	EXPECT_EQ(0, objects_free(&cache, offsets, MILLION));
}

TEST_F(cache, cache_of_a_client_that_ends_goes_with_it)
{
	ASSERT_EQ(0, objects_alloc(&self->cache, self->offsets, MANY));
	ASSERT_EQ(0, munmap(self->p, self->cache.window_bytes));
	ASSERT_EQ(0, close(self->fd));
	EXPECT_TRUE(wait_idle(self->probe, 1));
}

TEST_F(cache, killed_process_leaves_nothing)
{
	pid_t pid = child_fork();

	if (!pid) {
		struct cache cache;
		int fd = pool_open();
		char *p;

		CHILD_CHECK(!cache_create(fd, SIZE, &cache));
		p = cache_map(&cache);
		CHILD_CHECK(p != MAP_FAILED);
		CHILD_CHECK(!objects_alloc(&cache, self->offsets, MANY));
		touch(p, self->offsets[MANY - 1]);
		raise(SIGKILL);
	}
	EXPECT_EQ(CHILD_KILLED + SIGKILL, child_wait(pid));
	EXPECT_TRUE(wait_idle(self->probe, 2));
}

TEST_F_TIMEOUT(cache, caches_are_limited_in_number, SLOW_TEST_SECONDS)
{
	struct cache caches[FRAMEPOOL_CACHES_MAX];
	int i;
	char *p;

	for (i = 1; i < FRAMEPOOL_CACHES_MAX; i++)
		ASSERT_EQ(0, cache_create(self->fd, SIZE, &caches[i]));
	EXPECT_EQ(-EMFILE, cache_create(self->fd, SIZE, &caches[0]));
	ASSERT_EQ(0, cache_destroy(self->fd, caches[500].handle));
	ASSERT_EQ(0, cache_create(self->fd, SIZE, &caches[0]));
	EXPECT_EQ(caches[500].offset, caches[0].offset);
	EXPECT_NE(caches[500].handle, caches[0].handle);
	/* This works at offsets beyond 32 bits as well. */
	ASSERT_EQ(0, objects_alloc(&caches[FRAMEPOOL_CACHES_MAX - 1], self->offsets, 1));
	p = cache_map(&caches[FRAMEPOOL_CACHES_MAX - 1]);
	ASSERT_NE(MAP_FAILED, p);
	stamp(p, SIZE, 1);
}

TEST_F(cache, random_order_deals_each_object_once)
{
	struct cache cache;
	__u64 offsets[200];
	int i, ascending = 0;

	ASSERT_EQ(0, cache_create_any(self->fd, FRAMEPOOL_CACHE_RANDOM, 128, 0, &cache));
	ASSERT_EQ(0, objects_alloc(&cache, offsets, ARRAY_SIZE(offsets)));
	for (i = 1; i < ARRAY_SIZE(offsets); i++)
		ascending += offsets[i] == offsets[i - 1] + cache.stride;
	EXPECT_LT(ascending, ARRAY_SIZE(offsets) / 2);
	EXPECT_TRUE(are_apart(&cache, offsets, ARRAY_SIZE(offsets), 128, 8));
}

TEST_F(cache, caches_file_shows_the_cache)
{
	unsigned long size, stride, per_slab, active, objects;
	char line[512];
	bool found = false;
	FILE *file;

	ASSERT_EQ(0, objects_alloc(&self->cache, self->offsets, 77));
	file = fopen(CACHES, "re");
	ASSERT_NE(NULL, file);
	while (!found && fgets(line, sizeof(line), file))
		if (sscanf(line, "%lu %lu %lu %lu %lu", &size, &stride, &per_slab, &active,
			   &objects) == 5)
			found = active == 77;
	fclose(file);
	ASSERT_TRUE(found);
	EXPECT_EQ(SIZE, size);
	EXPECT_EQ(self->cache.stride, stride);
	EXPECT_EQ(self->cache.slab_bytes / stride, per_slab);
	EXPECT_EQ(per_slab, objects);
	EXPECT_NE(NULL, strstr(line, "/0 cache_test\n"));
}

/* Threads share a cache, while another one takes its empty slabs away all the time. */
#define WORKERS		4
#define ROUNDS		400

static struct {
	const struct cache *cache;
	char *p;
	unsigned int seed;
	bool stop;
} shared;

static void *work(void *arg)
{
	unsigned int seed = shared.seed + (long)arg;
	__u64 batch[64], number = (long)arg << 32;
	int round, i, n;

	for (round = 0; round < ROUNDS; round++) {
		n = 1 + rand_r(&seed) % ARRAY_SIZE(batch);
		if (objects_alloc(shared.cache, batch, n))
			return "OBJ_ALLOC failed";
		for (i = 0; i < n; i++)
			stamp(shared.p + batch[i], SIZE, number + i);
		if (rand_r(&seed) % 8 == 0 &&
		    madvise(shared.p + batch[0] / FRAME * FRAME, 4 * FRAME, MADV_DONTNEED))
			return "MADV_DONTNEED failed";
		for (i = 0; i < n; i++)
			if (!is_stamped(shared.p + batch[i], SIZE, number + i))
				return "an object changed";
		number += n;
		if (objects_free(shared.cache, batch, n))
			return "OBJ_FREE failed";
	}
	return NULL;
}

static void *take_away(void *arg)
{
	bool drained = true;

	while (drained && !__atomic_load_n(&shared.stop, __ATOMIC_RELAXED))
		drained = drain_pool();
	return drained ? NULL : "the pool cannot be drained";
}

TEST_F_TIMEOUT(cache, slabs_come_and_go_under_threads, SLOW_TEST_SECONDS)
{
	pthread_t workers[WORKERS], taker;
	void *wrong;
	long i;

	shared.cache = &self->cache;
	shared.p = self->p;
	shared.seed = getenv("SEED") ? atoi(getenv("SEED")) : time(NULL);
	shared.stop = false;
	printf("# seed %u\n", shared.seed);
	ASSERT_EQ(0, pthread_create(&taker, NULL, take_away, NULL));
	for (i = 0; i < WORKERS; i++)
		ASSERT_EQ(0, pthread_create(&workers[i], NULL, work, (void *)i));
	for (i = 0; i < WORKERS; i++) {
		ASSERT_EQ(0, pthread_join(workers[i], &wrong));
		EXPECT_STREQ("nothing", wrong ?: "nothing");
	}
	shared.stop = true;
	ASSERT_EQ(0, pthread_join(taker, NULL));
	ASSERT_TRUE(drain_pool());
	EXPECT_EQ(0, used_bytes(self->fd));
	EXPECT_TRUE(pool_verifies());
}

TEST_HARNESS_MAIN
