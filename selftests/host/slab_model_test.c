// SPDX-License-Identifier: GPL-2.0-only
/* Random operations on a cache, compared with a list of the allocated objects. */
#include "slabs.h"
#include "test.h"

#define LIVE	2000
#define STEPS	30000

static struct slabs slabs;
static struct fp_slab_cache * const cache = &slabs.cache;

/* The allocated objects. Both ends of each hold its address XOR the seed. */
static struct {
	u64 objects[LIVE];
	u32 nr;
} model;

static void free_one(u64 object)
{
	EXPECT(slabs_free(cache, object) == 0);
}

static void note_object(u64 object)
{
	u64 *words = (u64 *)(uintptr_t)object;

	words[0] = object ^ test_seed;
	*(u64 *)((u8 *)words + cache->size - 8) = object ^ test_seed;
	model.objects[model.nr++] = object;
}

static u64 forget_one(void)
{
	u32 i = test_random() % model.nr;
	u64 object = model.objects[i], *words = (u64 *)(uintptr_t)object;

	EXPECT(words[0] == (object ^ test_seed));
	EXPECT(*(u64 *)((u8 *)words + cache->size - 8) == (object ^ test_seed));
	words[0] = 0;
	*(u64 *)((u8 *)words + cache->size - 8) = 0;
	model.objects[i] = model.objects[--model.nr];
	return object;
}

static void bulk_step(bool alloc)
{
	u64 batch[150];
	u32 nr = test_random() % 150, i;

	if (alloc) {
		nr = fp_slab_alloc_bulk(cache, batch, min(nr, LIVE - model.nr), test_random() % 2);
		for (i = 0; i < nr; i++)
			note_object(batch[i]);
		return;
	}
	nr = min(nr, model.nr);
	for (i = 0; i < nr; i++)
		batch[i] = forget_one();
	EXPECT(fp_slab_free_bulk(cache, batch, nr) == 0);
}

static void random_step(void)
{
	u32 kind = test_random() % 1000;
	u64 object;

	test_cpu = test_random() % nr_cpu_ids;
	if (kind < 480 && model.nr < LIVE) {
		object = slabs_alloc(cache, kind % 2);
		if (object != FP_SLAB_NONE)
			note_object(object);
	} else if (kind < 940 && model.nr) {
		free_one(forget_one());
	} else if (kind < 990) {
		bulk_step(kind % 2);
	} else if (kind < 994) {
		fp_magazines_drain(&cache->magazines, kind % 2);
	} else if (kind < 997) {
		fp_slab_release_empty(cache);
	} else {
		slabs_expect_sound(&slabs);
		EXPECT(slabs_active(&slabs) == model.nr);
	}
}

static void model_run(u32 size, u64 cached_bytes, u64 seed, u32 limit)
{
	struct fp_slab_config config = { .size = size, .cached_bytes = cached_bytes, .seed = seed };
	u32 i;

	config.min_order = test_random() % 4;
	EXPECT(slabs_init(&slabs, &config) == 0);
	slabs.limit = limit;
	model.nr = 0;
	for (i = 0; i < STEPS * test_scale && !test_failed; i++)
		random_step();
	EXPECT(slabs_active(&slabs) == model.nr);
	while (model.nr)
		free_one(forget_one());
	test_cpu = 0;
	slabs_fini(&slabs);
}

static void random_steps_agree_with_the_model(void)
{
	static const u32 sizes[] = { 16, 40, 64, 72, 200, 1000, 4096, 40000 };
	u32 i;

	for (i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		model_run(sizes[i], 1 << 20, 0, U32_MAX);
		model_run(sizes[i], 0, 0, 4);
		model_run(sizes[i], 4 * sizes[i], test_random() | 1, 3);
	}
}

static const struct test tests[] = {
	{ "random_steps_agree_with_the_model", random_steps_agree_with_the_model },
};

int main(int argc, char **argv)
{
	return test_main(argc, argv, tests, sizeof(tests) / sizeof(*tests));
}
