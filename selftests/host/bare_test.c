// SPDX-License-Identifier: GPL-2.0-only
/*
 * Slabs without magazines, to which the user adds the memory. Caches for programs are used like
 * this (module/user/window.c).
 */
#include "slabs.h"
#include "test.h"

#define LIVE	3000
#define BATCH	100
#define STEPS	4000

static struct slabs slabs;
static struct fp_slab_cache * const cache = &slabs.cache;

static void begin(u32 size, u64 seed)
{
	const struct fp_slab_config config = { .size = size, .min_order = 3, .seed = seed };

	EXPECT(slabs_setup(&slabs, &config) == 0);
	EXPECT(!cache->magazines.cpus);
}

static void end(void)
{
	slabs_expect_sound(&slabs);
	fp_slab_discard(cache);
	EXPECT(slabs.nr == 0 && !cache->nr_slabs && !cache->nr_free && !cache->nr_empty);
	xa_destroy(&cache->places);
}

static bool add(void)
{
	u64 base = cache->ops->get(cache, true);

	if (base == FP_SLAB_NONE)
		return false;
	if (!fp_slab_add(cache, base, NULL, GFP_KERNEL))
		return true;
	cache->ops->put(cache, base, NULL);
	return false;
}

static u32 alloc(u64 *objects, u32 nr)
{
	u32 got = fp_slab_take(cache, objects, nr);

	while (got < nr && add())
		got += fp_slab_take(cache, objects + got, nr - got);
	return got;
}

static void take_without_slab_gets_nothing(void)
{
	u64 objects[2];

	begin(64, 0);
	EXPECT(fp_slab_take(cache, objects, 2) == 0);
	EXPECT(add());
	EXPECT(fp_slab_take(cache, objects, 2) == 2 && objects[0] == cache->origin &&
	       objects[1] == objects[0] + 64);
	EXPECT(slabs_active(&slabs) == 2);
	end();
}

static void refused_object_keeps_all_allocated(void)
{
	u64 objects[BATCH], wrong[BATCH];
	struct fp_slab_stats stats;
	u32 at;

	begin(1000, 0);
	EXPECT(alloc(objects, BATCH) == BATCH);
	for (at = 0; at < BATCH; at++) {
		memcpy(wrong, objects, sizeof(wrong));
		wrong[at] = objects[at] + 8;
		EXPECT(fp_slab_put_all(cache, wrong, BATCH) == at);
		wrong[at] = cache->origin + cache->span;
		EXPECT(fp_slab_put_all(cache, wrong, BATCH) == at);
		wrong[at] = at ? objects[0] : objects[0] - 1000;
		EXPECT(fp_slab_put_all(cache, wrong, BATCH) == at);
		slabs_expect_sound(&slabs);
		EXPECT(slabs_active(&slabs) == BATCH);
	}
	EXPECT(fp_slab_put_all(cache, objects, BATCH) == BATCH);
	EXPECT(slabs_active(&slabs) == 0);
	EXPECT(fp_slab_put_all(cache, objects, 1) == 0);
	fp_slab_stats(cache, &stats);
	EXPECT(stats.bad_frees == 3 * BATCH + 1 && stats.returns == 1 && !stats.cached &&
	       !stats.hits);
	end();
}

static void discard_puts_back_slabs_in_use(void)
{
	static u64 objects[LIVE];

	begin(512, 0);
	EXPECT(alloc(objects, LIVE) == LIVE);
	EXPECT(fp_slab_put_all(cache, objects, 70) == 70);
	EXPECT(slabs.nr > 20);
	end();
}

static void slab_not_added_stays_with_the_user(void)
{
	u64 base, object;

	begin(64, 0);
	base = cache->ops->get(cache, true);
	test_kzalloc_fails = 1;
	EXPECT(fp_slab_add(cache, base, NULL, GFP_KERNEL) == -ENOMEM);
	/* The second allocation is for the index. */
	test_kzalloc_fails = 2;
	EXPECT(fp_slab_add(cache, base, NULL, GFP_KERNEL) == -ENOMEM);
	test_kzalloc_fails = 0;
	EXPECT(slabs.nr == 1 && !cache->nr_slabs && fp_slab_take(cache, &object, 1) == 0);
	cache->ops->put(cache, base, NULL);
	end();
}

static u32 nr_hidden, nr_put;

/* The slab cannot be found any more, but its place is not given to another one. */
static void hide(struct fp_slab_cache *of, u64 base, void *private)
{
	EXPECT(private && !fp_slab_find(of, base));
	EXPECT(fp_slab_add(of, FP_SLAB_NONE, test_kzalloc(1), GFP_KERNEL) == 0);
	EXPECT(!fp_slab_find(of, base));
	EXPECT(nr_hidden++ == nr_put);
}

static void put(struct fp_slab_cache *of, u64 base, void *private)
{
	EXPECT(private);
	nr_put++;
}

static void places_are_reserved_until_slabs_are_hidden(void)
{
	static const struct fp_slab_ops hiding = { .hide = hide, .put = put };
	static const struct fp_slab_ops simple = { .put = put };
	u32 i;

	begin(64, 0);
	nr_hidden = 0;
	nr_put = 0;
	cache->ops = &hiding;
	for (i = 0; i < 2; i++)
		EXPECT(fp_slab_add(cache, FP_SLAB_NONE, test_kzalloc(1), GFP_KERNEL) == 0);
	EXPECT(fp_slab_find(cache, cache->origin) && cache->nr_slabs == 2);
	fp_slab_release_empty(cache);
	EXPECT(nr_hidden == 2 && cache->nr_slabs == 2);
	/* Places 0 and 1, then 2, then the one that was free again. */
	EXPECT(fp_slab_find(cache, cache->origin + (2ULL << cache->shift)));
	EXPECT(!fp_slab_find(cache, cache->origin + (3ULL << cache->shift)));
	slabs_expect_sound(&slabs);
	cache->ops = &simple;
	fp_slab_discard(cache);
	EXPECT(nr_hidden == 2 && nr_put == 4);
	end();
}

/* The model is an array of the allocated objects, in no particular order. */
static void step(u64 *objects, u32 *nr)
{
	u64 batch[BATCH + 1];
	u32 i, n = 1 + test_random() % BATCH, got;

	if (test_random() % 2 && *nr + n <= LIVE) {
		got = alloc(objects + *nr, n);
		EXPECT(got == n || slabs.nr == slabs.limit);
		*nr += got;
		return;
	}
	n = min(n, *nr);
	for (i = 0; i < n; i++) {
		u32 at = test_random() % *nr;

		batch[i] = objects[at];
		objects[at] = objects[--*nr];
	}
	if (n && test_random() % 4 == 0) {
		batch[n] = batch[test_random() % n];
		EXPECT(fp_slab_put_all(cache, batch, n + 1) == n);
	}
	EXPECT(fp_slab_put_all(cache, batch, n) == n);
	if (test_random() % 64 == 0)
		fp_slab_release_empty(cache);
}

static void random_batches_agree_with_the_model(void)
{
	static u64 objects[LIVE];
	u32 i, round, nr;

	for (round = 0; round < 4; round++) {
		begin(8 + test_random() % 3000, round % 2 ? test_random() | 1 : 0);
		slabs.limit = round < 2 ? U32_MAX : 20;
		nr = 0;
		for (i = 0; i < STEPS * test_scale && !test_failed; i++) {
			step(objects, &nr);
			if (i % 256 == 0)
				slabs_expect_sound(&slabs);
			EXPECT(slabs_active(&slabs) == nr);
		}
		end();
	}
}

static const struct test tests[] = {
	{ "take_without_slab_gets_nothing", take_without_slab_gets_nothing },
	{ "refused_object_keeps_all_allocated", refused_object_keeps_all_allocated },
	{ "discard_puts_back_slabs_in_use", discard_puts_back_slabs_in_use },
	{ "slab_not_added_stays_with_the_user", slab_not_added_stays_with_the_user },
	{ "places_are_reserved_until_slabs_are_hidden",
	  places_are_reserved_until_slabs_are_hidden },
	{ "random_batches_agree_with_the_model", random_batches_agree_with_the_model },
};

int main(int argc, char **argv)
{
	return test_main(argc, argv, tests, sizeof(tests) / sizeof(*tests));
}
