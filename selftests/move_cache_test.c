// SPDX-License-Identifier: GPL-2.0-only
/*
 * Caches whose slabs move: what is in the way of a long run goes elsewhere. Objects keep their
 * contents and their offsets.
 *
 * All that is random comes from one seed, which each test prints. SEED= in the environment
 * sets it.
 */
#include "cache.h"
#include "child.h"
#include "memory.h"
#include "moving.h"

#include <pthread.h>

#define MOVES		FRAMEPOOL_CACHE_MOVABLE
#define OBJECT		(16 * KIB)		/* so that a slab has 128 KiB */
#define PER_SLAB	8
#define AT_ONCE		8U		/* objects that are allocated in one call */
#define MAX_OBJECTS	(POOL_BYTES / KIB)
#define MAX_PIPES	512

FIXTURE(move_cache)
{
	int fd, other;
	unsigned int seed;
};

FIXTURE_SETUP(move_cache)
{
	const char *seed = getenv("SEED");

	self->seed = seed ? strtoul(seed, NULL, 0) : time(NULL) ^ getpid();
	TH_LOG("SEED=%u", self->seed);
	self->fd = pool_open();
	self->other = pool_open();
	ASSERT_GE(self->fd, 0);
	ASSERT_GE(self->other, 0);
}

FIXTURE_TEARDOWN_PARENT(move_cache)
{
	EXPECT_TRUE(wait_all_free());
}

/**
 * struct objects - a cache, and objects in it, each with its index at both ends
 * @cache: the cache
 * @size: bytes of an object
 * @p: its window, mapped
 * @nr: how many objects there are
 * @offsets: where they are; ~0: it was freed
 */
struct objects {
	struct cache cache;
	size_t size;
	char *p;
	__u32 nr;
	__u64 offsets[MAX_OBJECTS];
};

static struct objects first, second, filler;

static __must_check int objects_create(int fd, __u32 flags, size_t size, __u32 align,
				       struct objects *objects)
{
	int ret = cache_create_any(fd, flags, size, align, &objects->cache);

	if (ret)
		return ret;
	objects->size = size;
	objects->nr = 0;
	objects->p = cache_map(&objects->cache);
	return objects->p == MAP_FAILED ? -errno : 0;
}

/* Allocates up to @nr more objects; returns how many that were. */
static __u32 add(struct objects *objects, __u32 nr)
{
	__u64 *offsets = objects->offsets + objects->nr;
	__u32 got = 0, n, i;

	for (; got < nr; got += n) {
		n = nr - got < AT_ONCE ? nr - got : AT_ONCE;
		if (objects_alloc(&objects->cache, offsets + got, n))
			break;
		for (i = got; i < got + n; i++)
			stamp(objects->p + offsets[i], objects->size, objects->nr + i);
	}
	objects->nr += got;
	return got;
}

/* Allocates objects until there is no memory. */
static void fill(struct objects *objects)
{
	ignore(add(objects, MAX_OBJECTS));
}

/* Frees all objects of every other slab, so that the slab goes. */
static __must_check int free_every_other_slab(struct objects *objects)
{
	__u32 i;
	int ret = 0;

	for (i = 0; i < objects->nr && !ret; i++)
		if (objects->offsets[i] / objects->cache.slab_bytes % 2 == 0) {
			ret = objects_free(&objects->cache, &objects->offsets[i], 1);
			objects->offsets[i] = ~0ULL;
		}
	return ret;
}

static bool are_intact(const struct objects *objects)
{
	__u32 i;

	for (i = 0; i < objects->nr; i++)
		if (objects->offsets[i] != ~0ULL &&
		    !is_stamped(objects->p + objects->offsets[i], objects->size, i))
			return false;
	return true;
}

/* Fills the pool with objects of @size, frees half of them, and has another client need room. */
static void make_room(struct __test_metadata *_metadata, FIXTURE_DATA(move_cache) *self,
		      size_t size, size_t wanted)
{
	struct buffer big;

	ASSERT_EQ(0, objects_create(self->fd, MOVES, size, 0, &first));
	fill(&first);
	TH_LOG("%u objects in slabs of %u bytes", first.nr, first.cache.slab_bytes);
	ASSERT_EQ(0, free_every_other_slab(&first));
	ASSERT_EQ(0, buffer_alloc(self->other, possible_at_once(self->fd, wanted), &big));
	EXPECT_TRUE(are_intact(&first));
	EXPECT_EQ(0, handle_free(self->other, big.handle));
	EXPECT_TRUE(pool_verifies());
}

TEST_F_TIMEOUT(move_cache, small_objects_make_room, SLOW_TEST_SECONDS)
{
	make_room(_metadata, self, 3000, 100 * MIB);
}

TEST_F(move_cache, large_objects_make_room)
{
	make_room(_metadata, self, 64 * KIB, 100 * MIB);
}

/* A slab is a huge frame then. */
TEST_F(move_cache, huge_objects_make_room)
{
	make_room(_metadata, self, MIB, 120 * MIB);
}

/* An object that nobody has touched is all zeros, wherever it is. */
TEST_F(move_cache, untouched_objects_stay_zero)
{
	struct buffer big;
	__u32 i;

	ASSERT_EQ(0, objects_create(self->fd, MOVES, OBJECT, 0, &first));
	while (!objects_alloc(&first.cache, first.offsets + first.nr, 1))
		first.nr++;
	ASSERT_EQ(0, free_every_other_slab(&first));
	ASSERT_EQ(0, buffer_alloc(self->other, possible_at_once(self->fd, 100 * MIB), &big));
	for (i = 0; i < first.nr; i++)
		if (first.offsets[i] != ~0ULL)
			ASSERT_TRUE(all_bytes(first.p + first.offsets[i], 0, OBJECT));
}

/* Small buffers beside slabs in the same huge frames, of lengths that are no power of two. */
#define MAX_SMALL	1024
#define SAMPLE		13		/* of so many objects, the address of one is looked up */
#define SMALL_ALIGN	(32 * KIB)

struct small {
	struct buffer buffer;
	char *p;
	__u64 align;
	__u64 limit;
};

static struct small small[MAX_SMALL];

static __must_check int add_small(int fd, unsigned int i, __u64 limit)
{
	struct small *s = &small[i];
	int ret;

	s->align = i % 3 ? 0 : SMALL_ALIGN;
	s->limit = i % 5 ? 0 : limit;
	ret = buffer_alloc_any(fd, FRAMEPOOL_ALLOC_MOVABLE, (1 + i % 7) * FRAME, s->align, s->limit,
			       &s->buffer);
	if (ret)
		return ret;
	s->p = buffer_map(fd, &s->buffer);
	if (s->p == MAP_FAILED)
		return -errno;
	stamp_frames(s->p, s->buffer.length, i);
	return 0;
}

static bool small_is_right(unsigned int i)
{
	__u64 address = physical_address(small[i].p);

	return frames_stamped(small[i].p, small[i].buffer.length, i) && address &&
	       (!small[i].align || address % small[i].align == 0) &&
	       (!small[i].limit || address + small[i].buffer.length <= small[i].limit);
}

static bool objects_are_aligned(const struct objects *objects, __u32 align)
{
	__u32 i;

	for (i = 0; i < objects->nr; i += SAMPLE)
		if (objects->offsets[i] != ~0ULL &&
		    physical_address(objects->p + objects->offsets[i]) % align)
			return false;
	return true;
}

TEST_F_TIMEOUT(move_cache, slabs_and_small_buffers_move_together, SLOW_TEST_SECONDS)
{
	struct framepool_ioc_info info;
	struct buffer big;
	unsigned int i;
	__u64 limit;

	ASSERT_EQ(0, pool_info(self->fd, &info));
	limit = ROUND_UP((info.first_address + info.end_address) / 2, FRAME);
	ASSERT_EQ(0, objects_create(self->fd, MOVES, OBJECT, OBJECT, &first));
	ASSERT_EQ(0, objects_create(self->fd, MOVES, 3000, 0, &second));
	for (i = 0; i < MAX_SMALL; i++) {
		ASSERT_EQ(0, add_small(self->fd, i, limit));
		ASSERT_EQ(PER_SLAB, add(&first, PER_SLAB));
		ASSERT_EQ(PER_SLAB, add(&second, PER_SLAB));
	}
	fill(&first);
	ASSERT_EQ(0, free_every_other_slab(&first));
	ASSERT_EQ(0, free_every_other_slab(&second));
	for (i = 0; i < MAX_SMALL; i += 2) {
		ASSERT_EQ(0, munmap(small[i].p, small[i].buffer.length));
		ASSERT_EQ(0, handle_free(self->fd, small[i].buffer.handle));
	}
	ASSERT_EQ(0, buffer_alloc(self->other, possible_at_once(self->fd, 90 * MIB), &big));
	EXPECT_TRUE(are_intact(&first));
	EXPECT_TRUE(are_intact(&second));
	EXPECT_TRUE(objects_are_aligned(&first, OBJECT));
	for (i = 1; i < MAX_SMALL; i += 2)
		ASSERT_TRUE(small_is_right(i));
	EXPECT_TRUE(pool_verifies());
}

/*
 * Fills the pool, half of which is free then, but not for a run of 16 MiB. If slabs are huge
 * frames, half of these are empty. If they are smaller, none is, and no memory is free for others.
 */
static void fill_half(struct __test_metadata *_metadata, FIXTURE_DATA(move_cache) *self,
		      __u32 flags, size_t size)
{
	ASSERT_EQ(0, objects_create(self->fd, flags, size, 0, &first));
	fill(&first);
	ASSERT_EQ(0, free_every_other_slab(&first));
}

TEST_F(move_cache, unmovable_cache_stays)
{
	struct buffer big;

	fill_half(_metadata, self, 0, 64 * KIB);
	EXPECT_EQ(-ENOMEM, buffer_alloc(self->other, 16 * MIB, &big));
	EXPECT_TRUE(are_intact(&first));
}

TEST_F(move_cache, unmovable_cache_of_huge_slabs_stays)
{
	struct buffer big;

	fill_half(_metadata, self, 0, MIB);
	EXPECT_EQ(-ENOSPC, buffer_alloc(self->other, 16 * MIB, &big));
	EXPECT_TRUE(are_intact(&first));
}

TEST_F(move_cache, pinned_cache_stays)
{
	struct buffer big;
	__u64 handle, address = 1;

	fill_half(_metadata, self, MOVES, MIB);
	handle = first.cache.handle;
	ASSERT_EQ(0, buffer_pin(self->fd, handle, FRAMEPOOL_IOC_PIN, &address));
	EXPECT_EQ(0, address);
	ASSERT_EQ(0, buffer_pin(self->fd, handle, FRAMEPOOL_IOC_PIN, NULL));
	EXPECT_EQ(-ENOSPC, buffer_alloc(self->other, 16 * MIB, &big));
	ASSERT_EQ(0, buffer_pin(self->fd, handle, FRAMEPOOL_IOC_UNPIN, NULL));
	EXPECT_EQ(-ENOSPC, buffer_alloc(self->other, 16 * MIB, &big));
	EXPECT_TRUE(are_intact(&first));
	ASSERT_EQ(0, buffer_pin(self->fd, handle, FRAMEPOOL_IOC_UNPIN, NULL));
	EXPECT_EQ(-EINVAL, buffer_pin(self->fd, handle, FRAMEPOOL_IOC_UNPIN, NULL));
	EXPECT_EQ(0, buffer_alloc(self->other, 16 * MIB, &big));
	EXPECT_TRUE(are_intact(&first));
}

TEST_F(move_cache, pin_holds_for_later_slabs_and_ends_with_the_cache)
{
	struct buffer big;

	ASSERT_EQ(0, objects_create(self->fd, MOVES, MIB, 0, &first));
	ASSERT_EQ(0, buffer_pin(self->fd, first.cache.handle, FRAMEPOOL_IOC_PIN, NULL));
	fill(&first);
	ASSERT_EQ(0, free_every_other_slab(&first));
	EXPECT_EQ(-ENOSPC, buffer_alloc(self->other, 16 * MIB, &big));
	ASSERT_EQ(0, cache_destroy(self->fd, first.cache.handle));
	EXPECT_EQ(-ENOENT, buffer_pin(self->fd, first.cache.handle, FRAMEPOOL_IOC_UNPIN, NULL));
	EXPECT_EQ(0, buffer_alloc(self->other, possible_at_once(self->fd, 100 * MIB), &big));
}

TEST_F(move_cache, wrong_pins_are_refused)
{
	struct framepool_ioc_pin arg = { .size = sizeof(arg), .flags = 1 };
	struct cache cache, unmovable;

	ASSERT_EQ(0, cache_create_any(self->fd, MOVES, 64, 0, &cache));
	EXPECT_EQ(-EINVAL, cache_create_any(self->fd, MOVES << 1, 64, 0, &unmovable));
	ASSERT_EQ(0, cache_create(self->fd, 64, &unmovable));
	arg.handle = cache.handle;
	EXPECT_EQ(-EINVAL, call(self->fd, FRAMEPOOL_IOC_PIN, &arg));
	EXPECT_EQ(-EINVAL, call(self->fd, FRAMEPOOL_IOC_UNPIN, &arg));
	EXPECT_EQ(-ENOENT, buffer_pin(self->other, cache.handle, FRAMEPOOL_IOC_PIN, NULL));
	EXPECT_EQ(-ENOENT, buffer_pin(self->other, cache.handle, FRAMEPOOL_IOC_UNPIN, NULL));
	EXPECT_EQ(-EINVAL, buffer_pin(self->fd, cache.handle, FRAMEPOOL_IOC_UNPIN, NULL));
	ASSERT_EQ(0, buffer_pin(self->fd, unmovable.handle, FRAMEPOOL_IOC_PIN, NULL));
	ASSERT_EQ(0, buffer_pin(self->fd, unmovable.handle, FRAMEPOOL_IOC_UNPIN, NULL));
	EXPECT_EQ(-EINVAL, buffer_pin(self->fd, unmovable.handle, FRAMEPOOL_IOC_UNPIN, NULL));
}

static int pipes[MAX_PIPES][2];
static int nr_pipes;

/* Holds a page of every slab that is left. */
static __must_check int hold_slabs(const struct objects *objects)
{
	__u64 at, slab = ~0ULL;
	__u32 i;
	int ret = 0;

	for (i = 0; i < objects->nr && !ret; i++) {
		at = objects->offsets[i];
		if (at == ~0ULL || at / objects->cache.slab_bytes == slab)
			continue;
		slab = at / objects->cache.slab_bytes;
		if (nr_pipes == MAX_PIPES)
			return -ENFILE;
		ret = hold_page(objects->p + at, pipes[nr_pipes++]);
	}
	return ret;
}

static void release_slabs(void)
{
	while (nr_pipes--) {
		close(pipes[nr_pipes][0]);
		close(pipes[nr_pipes][1]);
	}
}

static void referenced_slabs_stay(struct __test_metadata *_metadata,
				  FIXTURE_DATA(move_cache) *self, size_t size, int error)
{
	struct buffer big;

	fill_half(_metadata, self, MOVES, size);
	ASSERT_EQ(0, hold_slabs(&first));
	EXPECT_EQ(error, buffer_alloc(self->other, 16 * MIB, &big));
	EXPECT_TRUE(are_intact(&first));
	release_slabs();
	EXPECT_EQ(0, buffer_alloc(self->other, 16 * MIB, &big));
	EXPECT_TRUE(are_intact(&first));
}

TEST_F(move_cache, slabs_in_pipes_stay)
{
	referenced_slabs_stay(_metadata, self, 64 * KIB, -ENOMEM);
}

TEST_F(move_cache, huge_slabs_in_pipes_stay)
{
	referenced_slabs_stay(_metadata, self, MIB, -ENOSPC);
}

/*
 * Has a client allocate a run that is longer than any empty one, so that something must move, up to
 * three quarters of what is free. Returns 0 or why there is no such run.
 */
static __must_check int need_room(int fd, unsigned int *seed)
{
	struct framepool_ioc_stats stats;
	struct buffer big;
	__u64 nr = 1, most;
	int ret = pool_stats(fd, &stats);

	if (ret)
		return ret;
	most = stats.free_bytes / 4 * 3;
	if (most > stats.largest_bytes)
		nr += rand_r(seed) % ((most - stats.largest_bytes) / HUGE_FRAME + 1);
	return buffer_alloc(fd, stats.largest_bytes + nr * HUGE_FRAME, &big) ?:
	       handle_free(fd, big.handle);
}

#define NR_WORKERS	3
#define NR_OWN		640		/* objects of a worker */
#define ROUNDS		12
#define RUNS		3		/* in a round */

/**
 * struct worker - a thread with objects of its own
 * @objects: the cache
 * @seed: for random choices
 * @offsets: its objects
 * @counts: what each contains
 * @lost: how many objects were not as it had left them
 * @failed: calls that failed
 */
struct worker {
	struct objects *objects;
	unsigned int seed;
	__u64 offsets[NR_OWN];
	__u64 counts[NR_OWN];
	unsigned long lost;
	unsigned long failed;
};

static struct worker workers[NR_WORKERS];
static volatile bool stop;

/* Checks an object, and writes it anew. */
static void rewrite(struct worker *w, unsigned int i)
{
	char *object = w->objects->p + w->offsets[i];

	w->lost += !is_stamped(object, w->objects->size, w->counts[i]);
	stamp(object, w->objects->size, ++w->counts[i]);
}

static void get_objects(struct worker *w, unsigned int i, unsigned int nr)
{
	int ret;

	/* The pool may be full while a long run is allocated. */
	do
		ret = objects_alloc(&w->objects->cache, w->offsets + i, nr);
	while (ret == -ENOMEM || ret == -ENOSPC);
	if (ret) {
		w->failed++;
		return;
	}
	for (; nr--; i++)
		stamp(w->objects->p + w->offsets[i], w->objects->size, w->counts[i]);
}

/* Frees objects side by side, so that slabs come and go, and allocates others instead. */
static void replace_some(struct worker *w)
{
	unsigned int i = rand_r(&w->seed) % (NR_OWN / 32) * 32;

	w->failed += !!objects_free(&w->objects->cache, w->offsets + i, 32);
	get_objects(w, i, 32);
}

static void *work(void *arg)
{
	struct worker *w = arg;
	unsigned int i;

	while (!stop) {
		for (i = 0; i < NR_OWN; i++)
			rewrite(w, rand_r(&w->seed) % NR_OWN);
		replace_some(w);
	}
	return NULL;
}

static __must_check bool start_workers(struct objects *objects, unsigned int seed,
				       pthread_t *threads)
{
	unsigned int i;

	for (i = 0; i < NR_WORKERS; i++) {
		workers[i] = (struct worker){ .objects = objects, .seed = seed + i };
		get_objects(&workers[i], 0, NR_OWN);
		if (pthread_create(&threads[i], NULL, work, &workers[i]))
			return false;
	}
	return true;
}

static void end_workers(struct __test_metadata *_metadata, pthread_t *threads)
{
	unsigned int i;

	stop = true;
	for (i = 0; i < NR_WORKERS; i++) {
		ASSERT_EQ(0, pthread_join(threads[i], NULL));
		EXPECT_EQ(0, workers[i].lost);
		EXPECT_EQ(0, workers[i].failed);
	}
}

/*
 * Fills the pool, and then frees two thirds of that, so that there are holes everywhere, into which
 * what is allocated next goes.
 */
static __must_check int make_holes(unsigned int *seed)
{
	__u64 *offset;
	__u32 i;
	int ret = 0;

	for (filler.nr = 0; filler.nr < MAX_OBJECTS; filler.nr += PER_SLAB)
		if (objects_alloc(&filler.cache, filler.offsets + filler.nr, PER_SLAB))
			break;
	for (i = 0; i < filler.nr && !ret; i += PER_SLAB) {
		offset = filler.offsets + i;
		if (rand_r(seed) % 3 == 0)
			continue;
		ret = objects_free(&filler.cache, offset, PER_SLAB);
		*offset = ~0ULL;
	}
	return ret;
}

static __must_check int free_filler(void)
{
	__u32 i;
	int ret = 0;

	for (i = 0; i < filler.nr && !ret; i += PER_SLAB)
		if (filler.offsets[i] != ~0ULL)
			ret = objects_free(&filler.cache, filler.offsets + i, PER_SLAB);
	return ret;
}

/* After make_holes(), has another client need room, often. Returns how often it got a run. */
static int need_room_often(struct __test_metadata *_metadata, FIXTURE_DATA(move_cache) *self)
{
	int round, run, done = 0;

	for (round = 0; round < ROUNDS; round++) {
		/* A run may be refused, since others take memory, too. */
		for (run = 0; run < RUNS; run++)
			done += !need_room(self->other, &self->seed);
		EXPECT_EQ(0, free_filler());
		EXPECT_EQ(0, make_holes(&self->seed));
	}
	return done;
}

static __u64 places[NR_OWN];

static void note_places(const struct objects *objects)
{
	__u32 i;

	for (i = 0; i < objects->nr; i++)
		places[i] = physical_address(objects->p + objects->offsets[i]);
}

static unsigned int count_moved(const struct objects *objects)
{
	unsigned int nr = 0;
	__u32 i;

	for (i = 0; i < objects->nr; i++)
		nr += places[i] != physical_address(objects->p + objects->offsets[i]);
	return nr;
}

TEST_F_TIMEOUT(move_cache, threads_lose_nothing, SLOW_TEST_SECONDS)
{
	pthread_t threads[NR_WORKERS];
	unsigned int nr;
	int done;

	ASSERT_EQ(0, objects_create(self->fd, MOVES, OBJECT, 0, &first));
	ASSERT_EQ(0, objects_create(self->fd, MOVES, MIB, 0, &second));
	ASSERT_EQ(40, add(&second, 40));
	ASSERT_EQ(0, objects_create(self->fd, MOVES, OBJECT, 0, &filler));
	ASSERT_EQ(0, make_holes(&self->seed));
	ASSERT_TRUE(start_workers(&first, self->seed, threads));
	ASSERT_EQ(NR_OWN, add(&first, NR_OWN));
	note_places(&first);
	done = need_room_often(_metadata, self);
	nr = count_moved(&first);
	end_workers(_metadata, threads);
	EXPECT_TRUE(are_intact(&first));
	EXPECT_TRUE(are_intact(&second));
	EXPECT_LT(0, done);
	EXPECT_LT(0, nr);
	TH_LOG("%d runs, %u objects elsewhere, %llu bytes moved", done, nr,
	       summary_number("moved"));
	EXPECT_TRUE(pool_verifies());
}

/* Makes caches, fills and destroys them, until it is told to stop. */
static void *make_and_destroy(void *arg)
{
	unsigned int seed = (unsigned long)arg;
	unsigned long failed = 0;
	__u64 offsets[512];
	struct cache cache;
	unsigned int i, nr;
	int fd = seed & 0xff;
	char *p;

	while (!stop) {
		if (cache_create_any(fd, MOVES, OBJECT, 0, &cache))
			return (void *)1UL;
		p = cache_map(&cache);
		for (nr = 0; nr < ARRAY_SIZE(offsets); nr++) {
			if (objects_alloc(&cache, offsets + nr, 1))
				break;
			stamp(p + offsets[nr], OBJECT, nr);
		}
		for (i = rand_r(&seed) % 4; i < nr; i += 1 + rand_r(&seed) % 4) {
			failed += !is_stamped(p + offsets[i], OBJECT, i);
			failed += !!objects_free(&cache, offsets + i, 1);
		}
		/* With the mapping, or after it. */
		if (rand_r(&seed) % 2) {
			failed += !!cache_destroy(fd, cache.handle);
			failed += !!munmap(p, cache.window_bytes);
		} else {
			failed += !!munmap(p, cache.window_bytes);
			failed += !!cache_destroy(fd, cache.handle);
		}
	}
	return (void *)failed;
}

TEST_F_TIMEOUT(move_cache, caches_destroyed_meanwhile_leave_nothing_behind, SLOW_TEST_SECONDS)
{
	pthread_t threads[2];
	unsigned long i;
	void *failed;
	int done;

	ASSERT_EQ(0, objects_create(self->fd, MOVES, OBJECT, 0, &first));
	ASSERT_EQ(4096, add(&first, 4096));
	ASSERT_EQ(0, free_every_other_slab(&first));
	ASSERT_EQ(0, objects_create(self->fd, MOVES, OBJECT, 0, &filler));
	ASSERT_EQ(0, make_holes(&self->seed));
	for (i = 0; i < ARRAY_SIZE(threads); i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, make_and_destroy,
					    (void *)(((self->seed + i) & ~0xffUL) | self->fd)));
	done = need_room_often(_metadata, self);
	stop = true;
	for (i = 0; i < ARRAY_SIZE(threads); i++) {
		ASSERT_EQ(0, pthread_join(threads[i], &failed));
		EXPECT_EQ(NULL, failed);
	}
	EXPECT_TRUE(are_intact(&first));
	EXPECT_LT(0, done);
	TH_LOG("%d runs, %llu bytes moved", done, summary_number("moved"));
	EXPECT_TRUE(pool_verifies());
}

#define KILLS	12

/* A client with busy threads, until it is killed. */
static pid_t start_victim(unsigned int seed)
{
	pid_t pid = child_fork();
	pthread_t threads[NR_WORKERS];
	int fd;

	if (pid)
		return pid;
	fd = pool_open();
	CHILD_CHECK(fd >= 0);
	CHILD_CHECK(!objects_create(fd, MOVES, OBJECT, 0, &second));
	CHILD_CHECK(start_workers(&second, seed, threads));
	pause();
	_exit(0);
}

TEST_F_TIMEOUT(move_cache, clients_killed_meanwhile_leave_nothing_behind, SLOW_TEST_SECONDS)
{
	int i, j, done = 0;
	pid_t pid;

	ASSERT_EQ(0, objects_create(self->fd, MOVES, OBJECT, 0, &first));
	ASSERT_EQ(4096, add(&first, 4096));
	ASSERT_EQ(0, free_every_other_slab(&first));
	ASSERT_EQ(0, objects_create(self->fd, MOVES, OBJECT, 0, &filler));
	for (i = 0; i < KILLS; i++) {
		pid = start_victim(self->seed + i);
		ASSERT_GT(pid, 0);
		ASSERT_EQ(0, make_holes(&self->seed));
		for (j = rand_r(&self->seed) % 4; j >= 0; j--)
			done += !need_room(self->other, &self->seed);
		ASSERT_EQ(0, kill(pid, SIGKILL));
		done += !need_room(self->other, &self->seed);
		ASSERT_EQ(CHILD_KILLED + SIGKILL, child_wait(pid));
		ASSERT_EQ(0, free_filler());
	}
	EXPECT_TRUE(are_intact(&first));
	EXPECT_LT(0, done);
	TH_LOG("%d runs, %llu bytes moved", done, summary_number("moved"));
	EXPECT_TRUE(pool_verifies());
}

TEST_HARNESS_MAIN
