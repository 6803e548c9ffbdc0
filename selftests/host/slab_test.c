// SPDX-License-Identifier: GPL-2.0-only
/*
 * Caches, one call after another. Random operations are in slab_model_test.c, threads in
 * slab_thread_test.c, broken invariants in slab_verify_test.c.
 */
#include "slabs.h"
#include "test.h"

static struct slabs slabs;
static struct fp_slab_cache * const cache = &slabs.cache;

static void begin(u32 size, u64 cached_bytes)
{
	struct fp_slab_config config = {
		.size = size, .cached_bytes = cached_bytes, .min_order = 3,
	};

	EXPECT(slabs_init(&slabs, &config) == 0);
}

static u64 alloc_one(void)
{
	return slabs_alloc(cache, true);
}

static void free_one(u64 object)
{
	EXPECT(slabs_free(cache, object) == 0);
}

static int by_address(const void *a, const void *b)
{
	const u64 *left = a, *right = b;

	return (*left > *right) - (*left < *right);
}

/* The objects are aligned, lie in the slabs, and do not overlap. */
static void judge_objects(u64 *objects, u32 nr, u32 size, u32 align)
{
	u32 i;

	qsort(objects, nr, sizeof(*objects), by_address);
	for (i = 0; i < nr; i++) {
		u64 offset = (objects[i] - cache->origin) & ((1ULL << cache->shift) - 1);

		EXPECT(!(objects[i] & (max(align, 8U) - 1)));
		EXPECT(offset + size <= 1ULL << cache->shift);
		EXPECT(!i || objects[i - 1] + size <= objects[i]);
	}
}

static void try_layout(u32 size, u32 align)
{
	const struct fp_slab_config config = {
		.size = size, .align = align, .cached_bytes = 1 << 20, .min_order = 3,
	};
	u64 objects[40], waste;
	u32 nr;

	EXPECT(slabs_init(&slabs, &config) == 0);
	waste = (1ULL << cache->shift) - (u64)cache->per_slab * cache->stride;
	EXPECT(cache->stride >= size && cache->stride < size + max(align, 8U));
	EXPECT(waste < cache->stride);
	EXPECT(cache->order <= FP_HUGE_ORDER && cache->per_slab >= 1);
	if (cache->stride <= 256 << 10)
		EXPECT(waste * 8 <= 1ULL << cache->shift && cache->per_slab >= 8);
	nr = fp_slab_alloc_bulk(cache, objects, min_t(u64, 40, PLACES * cache->per_slab), true);
	EXPECT(nr >= 20);
	judge_objects(objects, nr, size, align);
	EXPECT(fp_slab_free_bulk(cache, objects, nr) == 0);
	slabs_fini(&slabs);
}

static void objects_of_all_sizes_are_aligned_and_apart(void)
{
	u32 size, align, i;

	for (size = 8; size <= 1 << 20; size += size / 7 + 1) {
		try_layout(size, 0);
		for (align = 1; align <= 2 << 20; align *= 8)
			try_layout(size, align);
	}
	try_layout(1 << 20, 0);
	try_layout(8, 2 << 20);
	for (i = 0; i < 200; i++)
		try_layout(8 + test_random() % (1 << (4 + test_random() % 17)),
			   1U << test_random() % 13);
}

static void invalid_config_is_refused(void)
{
	const struct fp_slab_config wrong[] = {
		{ .size = 0 }, { .size = 7 }, { .size = (2 << 20) + 1 }, { .size = U32_MAX },
		{ .size = 8, .align = 3 }, { .size = 8, .align = 4 << 20 },
		{ .size = 8, .align = 1U << 31 },
		{ .size = 8, .min_order = FP_HUGE_ORDER + 1 },
	};
	u32 i;

	for (i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		EXPECT(slabs_init(&slabs, &wrong[i]) == -EINVAL);
}

static void objects_in_magazines_are_not_active(void)
{
	struct fp_slab_stats stats;
	u64 object;

	begin(64, 1 << 20);
	object = alloc_one();
	fp_slab_stats(cache, &stats);
	EXPECT(stats.active == 1 && stats.cached == FP_MAGAZINE_WORDS / 2 - 1);
	EXPECT(stats.refills == 1 && stats.slabs == 1 && stats.objects == 512 && !stats.waste &&
	       stats.metadata >= 64 + 9);
	free_one(object);
	EXPECT(alloc_one() == object);
	fp_slab_stats(cache, &stats);
	EXPECT(stats.hits == 1 && stats.kept == 1);
	free_one(object);
	fp_magazines_drain(&cache->magazines, false);
	fp_slab_stats(cache, &stats);
	EXPECT(stats.active == 0 && stats.cached == 0 && stats.empty == 1);
	slabs_fini(&slabs);
}

static void caches_without_magazines_cache_nothing(void)
{
	struct fp_slab_stats stats;
	u64 object;

	begin(64, 0);
	object = alloc_one();
	fp_slab_stats(cache, &stats);
	EXPECT(stats.active == 1 && stats.cached == 0);
	free_one(object);
	EXPECT(slabs_free(cache, object) == -EINVAL);
	fp_slab_stats(cache, &stats);
	EXPECT(stats.active == 0 && stats.bad_frees == 1 && !stats.hits && !stats.kept);
	slabs_fini(&slabs);
}

static void double_free_is_noticed_by_the_drain(void)
{
	struct fp_slab_stats stats;
	const char *broken;
	u64 object;

	begin(64, 1 << 20);
	object = alloc_one();
	free_one(object);
	free_one(object);
	broken = fp_slab_verify(cache);
	EXPECT(broken && !strncmp(broken, "S4:", 3));
	fp_slab_stats(cache, &stats);
	EXPECT(stats.bad_frees == 1 && stats.active == 0);
	slabs_fini(&slabs);
}

/*
 * With magazines, addresses outside the memory are refused at once, others when they are emptied.
 */
static void free_of_what_is_not_an_object_is_refused(void)
{
	u64 object, wrong[] = { 0, 8, U64_MAX, 0, 0, 0, 0, 0 };
	struct fp_slab_stats stats;
	u32 i, j;

	for (i = 0; i < 2; i++) {
		begin(72, i ? 1 << 20 : 0);
		object = alloc_one();
		wrong[3] = cache->origin - 1;
		wrong[4] = cache->origin + cache->span;
		wrong[5] = object + 8;
		wrong[6] = (object & ~((1ULL << cache->shift) - 1)) + cache->per_slab * 72;
		wrong[7] = object + (1ULL << cache->shift);
		EXPECT(fp_slab_free_bulk(cache, wrong, 5) == 5);
		for (j = 0; j < 5; j++)
			EXPECT(slabs_free(cache, wrong[j]) == -EINVAL);
		EXPECT(fp_slab_free_bulk(cache, wrong + 5, 3) == (i ? 0 : 3));
		free_one(object);
		fp_magazines_drain(&cache->magazines, true);
		fp_slab_stats(cache, &stats);
		EXPECT(stats.bad_frees == 13 && stats.active == 0);
		slabs_fini(&slabs);
	}
}

static void bulk_gets_what_there_is(void)
{
	u32 most, got, again;
	u64 *objects;

	begin(1024, 64 << 10);
	slabs.limit = 3;
	most = 3 * cache->per_slab;
	objects = calloc(most + 2, sizeof(*objects));
	got = fp_slab_alloc_bulk(cache, objects, most + 2, true);
	EXPECT(got == most);
	judge_objects(objects, got, 1024, 0);
	EXPECT(alloc_one() == FP_SLAB_NONE && slabs_alloc(cache, false) == FP_SLAB_NONE);
	EXPECT(fp_slab_alloc_bulk(cache, objects + got, 1, true) == 0);
	/* Callers that may sleep also get what is in the magazines of other processors. */
	test_cpu = 1;
	EXPECT(fp_slab_free_bulk(cache, objects, 10) == 0);
	test_cpu = 0;
	EXPECT(fp_slab_alloc_bulk(cache, objects, 10, false) == 0);
	EXPECT(slabs_alloc(cache, false) == FP_SLAB_NONE);
	again = fp_slab_alloc_bulk(cache, objects, 9, true);
	EXPECT(again == 9);
	objects[9] = alloc_one();
	EXPECT(objects[9] != FP_SLAB_NONE);
	EXPECT(fp_slab_free_bulk(cache, objects, got) == 0);
	EXPECT(fp_slab_free_bulk(cache, objects, 0) == 0 &&
	       fp_slab_alloc_bulk(cache, objects, 0, true) == 0);
	free(objects);
	slabs_fini(&slabs);
}

static void last_object_in_another_magazine_is_found(void)
{
	u64 object, other;

	begin(1 << 20, 4 << 20);
	slabs.limit = 1;
	object = alloc_one();
	EXPECT(object != FP_SLAB_NONE);
	free_one(object);
	test_cpu = 1;
	other = alloc_one();
	EXPECT(other != FP_SLAB_NONE);
	free_one(other);
	test_cpu = 0;
	slabs_fini(&slabs);
}

static void empty_slabs_are_kept_up_to_a_limit(void)
{
	u64 objects[1000];
	struct fp_slab_stats stats;

	begin(1024, 0);
	EXPECT(fp_slab_alloc_bulk(cache, objects, 1000, true) == 1000);
	EXPECT(slabs.nr >= 1000 / cache->per_slab && slabs.nr > cache->keep);
	EXPECT(fp_slab_free_bulk(cache, objects, 1000) == 0);
	fp_slab_stats(cache, &stats);
	EXPECT(stats.empty == cache->keep && stats.slabs == stats.empty && slabs.nr == stats.slabs);
	EXPECT((u64)cache->keep << cache->shift <= 256 << 10);
	fp_slab_release_empty(cache);
	EXPECT(slabs.nr == 0);
	slabs_fini(&slabs);
}

/* Leaves one slab half used, one with a single free object, and one empty. */
static void fullest_slab_serves_first(void)
{
	u64 *objects;
	u32 per_slab, i, nr;

	begin(64, 0);
	per_slab = cache->per_slab;
	nr = 3 * per_slab;
	objects = calloc(nr, sizeof(*objects));
	EXPECT(fp_slab_alloc_bulk(cache, objects, nr, true) == nr);
	for (i = 0; i < per_slab / 2; i++)
		free_one(objects[i]);
	free_one(objects[per_slab + 7]);
	for (i = 2 * per_slab; i < nr; i++)
		free_one(objects[i]);
	slabs_expect_sound(&slabs);
	EXPECT(alloc_one() == objects[per_slab + 7]);
	for (i = 0; i < per_slab / 2; i++)
		EXPECT(alloc_one() == objects[i]);
	EXPECT(alloc_one() == objects[2 * per_slab]);
	EXPECT(fp_slab_free_bulk(cache, objects, 2 * per_slab + 1) == 0);
	free(objects);
	slabs_fini(&slabs);
}

static void cache_with_live_objects_stays(void)
{
	u64 objects[3], live;

	begin(200, 64 << 10);
	EXPECT(fp_slab_alloc_bulk(cache, objects, 3, true) == 3);
	EXPECT(fp_slab_fini(cache, &live) == -EBUSY && live == 3);
	EXPECT(fp_slab_free_bulk(cache, objects, 2) == 0);
	EXPECT(fp_slab_fini(cache, &live) == -EBUSY && live == 1);
	free_one(objects[2]);
	slabs_fini(&slabs);
}

/* Each allocation of metadata fails in turn: nothing is lost, and the next try succeeds. */
static void no_memory_for_metadata_loses_nothing(void)
{
	u64 object;
	u32 i;

	for (i = 1;; i++) {
		begin(64, 0);
		test_kzalloc_fails = i;
		object = slabs_alloc(cache, false);
		test_kzalloc_fails = 0;
		slabs_expect_sound(&slabs);
		EXPECT(object != FP_SLAB_NONE || slabs.nr == 0);
		free_one(object == FP_SLAB_NONE ? alloc_one() : object);
		slabs_fini(&slabs);
		if (object != FP_SLAB_NONE)
			break;
	}
	/* What failed was a header and the index. */
	EXPECT(i == 3);
}

static void random_order_allocates_each_object_once(void)
{
	struct fp_slab_config config = { .size = 40, .seed = 12345, .min_order = 0 };
	u32 i, rising = 0, nr;
	u64 *objects;

	EXPECT(slabs_init(&slabs, &config) == 0);
	nr = 3 * cache->per_slab;
	objects = calloc(nr, sizeof(*objects));
	EXPECT(fp_slab_alloc_bulk(cache, objects, nr, true) == nr);
	for (i = 1; i < nr; i++)
		rising += objects[i] == objects[i - 1] + 40;
	EXPECT(rising < nr / 4);
	EXPECT(slabs.nr == 3);
	judge_objects(objects, nr, 40, 0);
	EXPECT(fp_slab_free_bulk(cache, objects, nr) == 0);
	free(objects);
	slabs_fini(&slabs);
}

static const struct test tests[] = {
	{ "objects_of_all_sizes_are_aligned_and_apart",
	  objects_of_all_sizes_are_aligned_and_apart },
	{ "invalid_config_is_refused", invalid_config_is_refused },
	{ "objects_in_magazines_are_not_active", objects_in_magazines_are_not_active },
	{ "caches_without_magazines_cache_nothing", caches_without_magazines_cache_nothing },
	{ "double_free_is_noticed_by_the_drain", double_free_is_noticed_by_the_drain },
	{ "free_of_what_is_not_an_object_is_refused", free_of_what_is_not_an_object_is_refused },
	{ "bulk_gets_what_there_is", bulk_gets_what_there_is },
	{ "last_object_in_another_magazine_is_found", last_object_in_another_magazine_is_found },
	{ "empty_slabs_are_kept_up_to_a_limit", empty_slabs_are_kept_up_to_a_limit },
	{ "fullest_slab_serves_first", fullest_slab_serves_first },
	{ "cache_with_live_objects_stays", cache_with_live_objects_stays },
	{ "no_memory_for_metadata_loses_nothing", no_memory_for_metadata_loses_nothing },
	{ "random_order_allocates_each_object_once", random_order_allocates_each_object_once },
};

int main(int argc, char **argv)
{
	return test_main(argc, argv, tests, sizeof(tests) / sizeof(*tests));
}
