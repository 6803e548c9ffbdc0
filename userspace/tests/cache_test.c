// SPDX-License-Identifier: LGPL-2.1-or-later
/* Caches used by one thread, on the fake kernel. SEED=N repeats a run. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <framepool.h>

#include "fake.h"
#include "test.h"

#define POOL_BYTES	(32UL << 20)
#define MANY		20000

static struct framepool *fp;
static struct framepool_cache *cache;
static void *objects[MANY];

static void begin(size_t size)
{
	fp = fake_open(POOL_BYTES);
	cache = framepool_cache_create(fp, size, 0, 0);
	if (!cache)
		abort();
}

static void end(void)
{
	framepool_cache_destroy(cache);
	if (fake_caches())
		abort();
	fake_close(fp);
}

static int compare(const void *a, const void *b)
{
	const char *x = *(void * const *)a, *y = *(void * const *)b;

	return (x > y) - (x < y);
}

/* Each of the first @nr objects lies in the window, and no two overlap. */
static bool are_distinct(size_t nr)
{
	static void *sorted[MANY];
	uint32_t stride = framepool_cache_stride(cache);

	memcpy(sorted, objects, nr * sizeof(*sorted));
	qsort(sorted, nr, sizeof(*sorted), compare);
	for (size_t i = 0; i < nr; i++) {
		uint64_t offset = framepool_cache_offset(cache, sorted[i]);

		if (offset + stride > framepool_cache_window_bytes(cache) ||
		    framepool_cache_object(cache, offset) != sorted[i] ||
		    (i && (char *)sorted[i - 1] + stride > (char *)sorted[i]))
			return false;
	}
	return true;
}

static size_t alloc_many(size_t nr)
{
	size_t i;

	for (i = 0; i < nr; i++) {
		objects[i] = framepool_cache_alloc(cache);
		if (!objects[i])
			break;
	}
	return i;
}

static bool free_many(size_t nr)
{
	bool freed = true;

	for (size_t i = 0; i < nr; i++)
		freed &= !framepool_cache_free(cache, objects[i]);
	return freed;
}

static bool is_back(void)
{
	return !framepool_cache_flush(cache) && !fake_live(cache);
}

static void check_window(void)
{
	char *first;

	begin(72);
	first = framepool_cache_object(cache, 0);
	check(!((uintptr_t)first % FAKE_HUGE_BYTES) &&
	      framepool_cache_window_bytes(cache) == POOL_BYTES &&
	      framepool_cache_stride(cache) == 72 &&
	      framepool_cache_slab_bytes(cache) == FAKE_SLAB_BYTES,
	      "create_maps_the_window_at_a_huge_frame");
	first[0] = 1;
	first[POOL_BYTES - 1] = 2;
	check(first[0] == 1 && first[POOL_BYTES - 1] == 2, "window_is_mapped_whole");
	end();
}

static void check_calls(void)
{
	begin(64);
	check(alloc_many(MANY) == MANY && are_distinct(MANY), "objects_are_distinct");
	check(framepool_cache_allocs(cache) == MANY &&
	      framepool_cache_alloc_calls(cache) < MANY / 200,
	      "objects_take_few_calls");
	check(free_many(MANY) && framepool_cache_free_calls(cache) < MANY / 200,
	      "frees_take_few_calls");
	check(fake_live(cache) > 0 && fake_live(cache) <= 512 && is_back(), "flush_gives_all_back");
	end();
}

static void check_order(void)
{
	uint64_t calls;
	bool same = true;

	begin(64);
	alloc_many(10);
	free_many(10);
	calls = fake_calls();
	for (int i = 9; i >= 0; i--)
		same &= framepool_cache_alloc(cache) == objects[i];
	check(same, "object_freed_last_comes_first");
	for (int i = 0; i < MANY; i++)
		framepool_cache_free(cache, framepool_cache_alloc(cache));
	check(fake_calls() == calls, "pairs_take_no_call");
	end();
}

/* The free itself is refused, without a kernel call. */
static bool is_refused(void *object)
{
	uint64_t calls = fake_calls();

	errno = 0;
	return framepool_cache_free(cache, object) == -1 && errno == EINVAL &&
	       fake_calls() == calls;
}

static void check_foreign(void)
{
	char *first;
	int mine;

	begin(72);
	first = framepool_cache_object(cache, 0);
	errno = 77;
	check(!framepool_cache_free(cache, NULL) && errno == 77, "free_of_nothing_is_harmless");
	check(is_refused(&mine) && is_refused(first - 72) && is_refused(first + POOL_BYTES) &&
	      is_refused((void *)-8L),
	      "free_outside_the_window_is_einval");
	check(is_refused(first + 1) && is_refused(first + 71) &&
	      is_refused(first + FAKE_SLAB_BYTES + 8),
	      "free_between_objects_is_einval");
	check(is_refused(first + FAKE_SLAB_BYTES / 72 * 72),
	      "free_behind_the_last_object_of_a_slab_is_einval");
	errno = 0;
	check(!framepool_cache_object(cache, 71) && errno == EINVAL &&
	      !framepool_cache_object(cache, POOL_BYTES),
	      "object_at_impossible_offset_is_einval");
	end();
}

/* Looks at every offset of two slabs: objects can be exactly where they should. */
static bool has_places_of(size_t size)
{
	bool right = true;

	begin(size);
	for (uint64_t offset = 0; offset < 2 * FAKE_SLAB_BYTES; offset++) {
		uint64_t in_slab = offset % FAKE_SLAB_BYTES;
		bool is_place = !(in_slab % framepool_cache_stride(cache)) &&
				in_slab + framepool_cache_stride(cache) <= FAKE_SLAB_BYTES;

		right &= is_place == !!framepool_cache_object(cache, offset);
	}
	end();
	return right;
}

static void check_places(void)
{
	bool right = true;

	for (size_t size = 8; size <= FAKE_SLAB_BYTES; size += size < 100 ? 8 : size / 3)
		right &= has_places_of(size);
	check(right, "places_of_objects_are_those_of_the_kernel");
}

static void check_double_free(void)
{
	begin(64);
	alloc_many(100);
	free_many(100);
	check(!framepool_cache_free(cache, objects[7]) && !framepool_cache_free(cache, objects[0]),
	      "double_free_goes_into_the_magazine");
	errno = 0;
	check(framepool_cache_flush(cache) == -1 && errno == ENOENT &&
	      framepool_cache_bad_frees(cache) == 2,
	      "double_free_is_noticed_by_flush");
	check(!fake_live(cache) && !framepool_cache_flush(cache),
	      "double_free_loses_no_other_object");
	alloc_many(600);
	framepool_cache_free(cache, objects[0]);
	framepool_cache_free(cache, objects[0]);
	errno = 0;
	check(!free_many(600) && errno == ENOENT && framepool_cache_bad_frees(cache) == 4 &&
	      is_back(),
	      "double_free_is_noticed_by_free");
	end();
}

static void check_without_magazines(void)
{
	uint64_t calls;

	setenv("FRAMEPOOL_CACHE_CHECK", "", 1);
	begin(64);
	unsetenv("FRAMEPOOL_CACHE_CHECK");
	alloc_many(3);
	calls = fake_calls();
	errno = 0;
	check(!framepool_cache_free(cache, objects[1]) &&
	      framepool_cache_free(cache, objects[1]) == -1 &&
	      errno == ENOENT && fake_calls() > calls,
	      "double_free_without_magazines_is_noticed_at_once");
	check(fake_live(cache) == 2 && framepool_cache_allocs(cache) == 3,
	      "thread_without_magazines_keeps_nothing");
	check(framepool_cache_alloc_batch(cache, objects, 700) == 700 && are_distinct(700) &&
	      !framepool_cache_free_batch(cache, objects, 700) && fake_live(cache) == 2,
	      "batch_works_without_magazines");
	end();
}

static void check_exhaustion(void)
{
	begin(64);
	fake_limit(1000);
	errno = 77;
	check(alloc_many(1000) == 1000 && errno == 77, "success_leaves_errno_alone");
	free_many(1000);
	errno = 0;
	check(alloc_many(MANY) == 1000 && errno == ENOMEM && are_distinct(1000),
	      "last_object_can_be_allocated");
	check(!framepool_cache_free(cache, objects[500]) &&
	      framepool_cache_alloc(cache) == objects[500],
	      "only_free_object_is_allocated_again");
	free_many(1000);
	framepool_cache_flush(cache);
	errno = 0;
	check(framepool_cache_alloc_batch(cache, objects, 1001) == 1000 && errno == ENOMEM &&
	      are_distinct(1000),
	      "batch_beyond_the_limit_gets_what_is_free");
	free_many(1000);
	check(is_back(), "exhausted_cache_takes_all_back");
	end();
}

static bool batch_works(size_t nr)
{
	bool works = framepool_cache_alloc_batch(cache, objects, nr) == nr && are_distinct(nr);

	return works && !framepool_cache_free_batch(cache, objects, nr);
}

static void check_batch(void)
{
	static const size_t sizes[] = { 0, 1, 5, 255, 256, 257, 512, 513, 1025, 5000, 3, 20000, 0 };
	bool works = true;
	int ret;

	begin(64);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++)
		works &= batch_works(sizes[i]);
	check(works && is_back(), "batch_of_any_length_works");
	check(framepool_cache_alloc_calls(cache) < 140 && framepool_cache_free_calls(cache) < 140,
	      "batch_takes_few_calls");
	framepool_cache_alloc_batch(cache, objects, 700);
	objects[650] = (char *)objects[650] + 8;
	errno = 0;
	check(framepool_cache_free_batch(cache, objects, 700) == -1 && errno == EINVAL,
	      "batch_with_foreign_is_einval");
	objects[650] = (char *)objects[650] - 8;
	check(!framepool_cache_free_batch(cache, objects, 700) && is_back(),
	      "batch_with_foreign_frees_nothing");
	framepool_cache_alloc_batch(cache, objects, 2000);
	objects[1500] = objects[3];
	objects[1999] = objects[1998];
	errno = 0;
	ret = framepool_cache_free_batch(cache, objects, 2000);
	ret |= framepool_cache_flush(cache);
	check(ret == -1 && errno == ENOENT && framepool_cache_bad_frees(cache) == 2 &&
	      fake_live(cache) == 2,
	      "batch_with_double_frees_all_others");
	end();
}

/* The limits of a magazine hold for objects of any size. */
static void check_capacity(void)
{
	bool bounded = true, works = true;

	for (size_t size = 8; size <= FAKE_SLAB_BYTES; size *= 2) {
		size_t nr = POOL_BYTES / 2 / size < 400 ? POOL_BYTES / 2 / size : 400, kept;

		begin(size);
		works &= alloc_many(nr) == nr && are_distinct(nr) && free_many(nr);
		kept = fake_live(cache);
		bounded &= kept && kept <= 512 && (kept * size <= 256 << 10 || kept == 2);
		works &= is_back();
		end();
	}
	check(works, "objects_of_any_size_work");
	check(bounded, "magazine_keeps_few_objects_and_bytes");
}

static bool create_fails(size_t size, size_t align, unsigned int flags, int err)
{
	errno = 0;
	return !framepool_cache_create(fp, size, align, flags) && errno == err &&
	       fake_caches() == 1;
}

static void check_bad_create(void)
{
	begin(64);
	check(create_fails(0, 0, 0, EINVAL) && create_fails(64, 3, 0, EINVAL) &&
	      create_fails(64, 0, 8, EINVAL) && create_fails((1ULL << 32) + 64, 0, 0, EINVAL) &&
	      create_fails(64, 1ULL << 32, 0, EINVAL),
	      "create_with_bad_arguments_is_einval");
	fake_fail(FRAMEPOOL_IOC_CACHE_CREATE, ENOTTY);
	check(create_fails(64, 0, 0, ENOTTY), "create_on_module_without_caches_is_enotty");
	fake_fail(FRAMEPOOL_IOC_CACHE_CREATE, 0);
	end();
}

static void check_dead_pool(void)
{
	begin(64);
	alloc_many(1);
	for (int nr = 7; nr <= 10; nr++)
		fake_fail(_IO(FRAMEPOOL_IOC_TYPE, nr), ENODEV);
	errno = 0;
	check(alloc_many(MANY) == 255 && errno == ENODEV, "alloc_in_a_dead_pool_is_enodev");
	check(create_fails(64, 0, 0, ENODEV), "create_in_a_dead_pool_is_enodev");
	free_many(255);
	errno = 0;
	check(framepool_cache_flush(cache) == -1 && errno == ENODEV,
	      "flush_in_a_dead_pool_is_enodev");
	check(!framepool_cache_flush(cache), "flush_in_a_dead_pool_empties_the_magazine");
	fake_fail(FRAMEPOOL_IOC_OBJ_ALLOC, 0);
	alloc_many(100);
	free_many(100);
	fake_fail(FRAMEPOOL_IOC_OBJ_FREE, ENOENT);
	errno = 0;
	check(framepool_cache_flush(cache) == -1 && errno == ENOENT &&
	      !framepool_cache_bad_frees(cache),
	      "flush_of_a_cache_that_is_gone_blames_no_object");
	fake_fail(FRAMEPOOL_IOC_CACHE_DESTROY, 0);
	errno = 77;
	framepool_cache_destroy(cache);
	framepool_cache_destroy(NULL);
	check(errno == 77 && !fake_caches(), "destroy_leaves_errno_alone");
	fake_close(fp);
}

/* Creating and using a cache allocates memory several times; each allocation fails once. */
static void check_lack_of_memory(void)
{
	bool creates = true, works = true;
	int refused = 0;

	fp = fake_open(POOL_BYTES);
	for (int i = 1; i <= 10; i++) {
		fake_fail_memory(i);
		errno = 0;
		cache = framepool_cache_create(fp, 64, 0, 0);
		if (cache) {
			works &= alloc_many(1000) == 1000 && are_distinct(1000) &&
				 free_many(1000) && is_back();
			framepool_cache_destroy(cache);
		} else {
			creates &= errno == ENOBUFS || errno == ENOMEM;
			refused++;
		}
		creates &= !fake_caches();
		fake_fail_memory(0);
	}
	check(creates && refused >= 4 && refused < 10, "create_without_memory_leaves_nothing");
	check(works, "objects_without_memory_for_a_magazine_are_allocated");
	fake_close(fp);
}

static bool explains(int err, const char *words)
{
	char text[512];

	errno = ERANGE;
	return strstr(framepool_explain_cache(err, text, sizeof(text)), words) && errno == ERANGE;
}

static void check_explain(void)
{
	check(explains(EMFILE, "1024 caches") && explains(ENOTTY, "no caches") &&
	      explains(ENOMEM, "window") && explains(EAGAIN, "ulimit -l") &&
	      explains(EINVAL, "8 to 1048576 bytes") &&
	      explains(ENOBUFS, "outside") && explains(ENODEV, "shut down") &&
	      explains(EPERM, "not permitted"), "explain_cache_knows_all_errors");
}

static uint32_t next_random(uint64_t *seed, uint32_t below)
{
	*seed = *seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return (*seed >> 33) % below;
}

/* The first @nr of objects[] are allocated, and each contains its address. */
static size_t step(uint64_t *seed, size_t nr)
{
	size_t some = next_random(seed, next_random(seed, 8) ? 4 : 1000), which;

	switch (next_random(seed, 5)) {
	case 0:
	case 1:
		some = some < MANY - nr ? some : MANY - nr;
		some = framepool_cache_alloc_batch(cache, objects + nr, some);
		for (size_t i = nr; i < nr + some; i++)
			*(void **)objects[i] = objects[i];
		return nr + some;
	case 2:
		some = some < nr ? some : nr;
		for (size_t i = nr - some; i < nr; i++)
			if (*(void **)objects[i] != objects[i])
				abort();
		if (framepool_cache_free_batch(cache, objects + nr - some, some))
			abort();
		return nr - some;
	case 3:
		if (!nr)
			return nr;
		which = next_random(seed, nr);
		if (*(void **)objects[which] != objects[which] ||
		    framepool_cache_free(cache, objects[which]))
			abort();
		objects[which] = objects[nr - 1];
		return nr - 1;
	default:
		if (!next_random(seed, 50) && framepool_cache_flush(cache))
			abort();
		return nr;
	}
}

static void check_random(void)
{
	const char *given = getenv("SEED");
	uint64_t seed = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL);
	bool right = true;

	printf("# SEED=%llu\n", (unsigned long long)seed);
	for (int round = 0; round < 20; round++) {
		size_t nr = 0;

		begin(8 * (1 + next_random(&seed, 200)));
		fake_limit(next_random(&seed, 6000) + 1);
		for (int i = 0; i < 3000; i++)
			nr = step(&seed, nr);
		right &= are_distinct(nr) && fake_live(cache) >= nr && fake_live(cache) - nr <= 512;
		right &= !framepool_cache_free_batch(cache, objects, nr) && is_back();
		right &= !framepool_cache_bad_frees(cache);
		end();
	}
	check(right, "random_calls_agree_with_the_model");
}

int main(void)
{
	check_window();
	check_calls();
	check_order();
	check_foreign();
	check_places();
	check_double_free();
	check_without_magazines();
	check_exhaustion();
	check_batch();
	check_capacity();
	check_bad_create();
	check_dead_pool();
	check_lack_of_memory();
	check_explain();
	check_random();
	return 0;
}
