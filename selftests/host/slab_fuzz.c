// SPDX-License-Identifier: GPL-2.0-only
/*
 * A libFuzzer target: the first bytes of its input describe a cache, the others are operations on
 * it. Objects are allocated and freed one by one and in lists; frees are of live objects, of
 * addresses near them, or of anything; memory runs out. The target knows what is allocated, so it
 * can check each result.
 */
#include "slabs.h"
#include "test.h"

#define LIVE	128

struct input {
	const u8 *at;
	const u8 *end;
};

static struct slabs slabs;
static struct fp_slab_cache * const cache = &slabs.cache;
static u64 live[LIVE];
static u32 nr_live;

static u8 next(struct input *input)
{
	return input->at < input->end ? *input->at++ : 0;
}

/* The object is aligned, in the arena, and overlaps no other. */
static void judge_object(u64 object, u32 align)
{
	u32 i;

	EXPECT(object - cache->origin < cache->span && !(object & (max(align, 8U) - 1)));
	for (i = 0; i < nr_live; i++)
		EXPECT(object + cache->size <= live[i] || live[i] + cache->size <= object);
}

static void op_alloc(struct input *input, u32 align)
{
	u64 objects[LIVE];
	u32 nr = next(input) % 8, i;

	if (!nr)
		nr = 1 + next(input) % LIVE;
	nr = min(nr, LIVE - nr_live);
	if (nr == 1) {
		objects[0] = slabs_alloc(cache, next(input) & 1);
		nr = objects[0] != FP_SLAB_NONE;
	} else {
		nr = fp_slab_alloc_bulk(cache, objects, nr, next(input) & 1);
	}
	for (i = 0; i < nr; i++) {
		judge_object(objects[i], align);
		live[nr_live++] = objects[i];
	}
}

static u64 remove_live(u32 i)
{
	u64 object = live[i % nr_live];

	live[i % nr_live] = live[nr_live - 1];
	nr_live--;
	return object;
}

static void op_free(struct input *input)
{
	u64 objects[LIVE];
	u32 nr = 1 + next(input) % 16, i;

	nr = min(nr, nr_live);
	for (i = 0; i < nr; i++)
		objects[i] = remove_live(next(input));
	if (nr == 1)
		EXPECT(slabs_free(cache, objects[0]) == 0);
	else
		EXPECT(fp_slab_free_bulk(cache, objects, nr) == 0);
}

static bool is_live(u64 object)
{
	u32 i;

	for (i = 0; i < nr_live && live[i] != object; i++)
		;
	return i < nr_live;
}

/*
 * Only without magazines: a wrong free is then refused at once, and nobody gets the address
 * meanwhile.
 */
static void op_free_wrong(struct input *input)
{
	u64 object = nr_live ? live[next(input) % nr_live] : cache->origin;

	object += (int8_t)next(input) * (next(input) & 1 ? 1LL : cache->stride);
	if (!per_cpu_ptr(cache->magazines.cpus, 0)->magazines->size && !is_live(object))
		EXPECT(slabs_free(cache, object) == -EINVAL);
}

static void step(struct input *input, u32 align)
{
	u8 op = next(input);

	test_cpu = op >> 6;
	switch (op & 7) {
	case 0:
	case 1:
		op_alloc(input, align);
		break;
	case 2:
	case 3:
		op_free(input);
		break;
	case 4:
		op_free_wrong(input);
		break;
	case 5:
		fp_magazines_drain(&cache->magazines, op & 8);
		break;
	case 6:
		if (op & 8)
			fp_slab_release_empty(cache);
		else
			test_kzalloc_fails = next(input) % 4;
		break;
	default:
		slabs_expect_sound(&slabs);
		EXPECT(slabs_active(&slabs) == nr_live);
		break;
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct input input = { .at = data, .end = data + size };
	struct fp_slab_config config = {};

	config.size = (next(&input) | next(&input) << 8) << next(&input) % 6;
	config.align = 1U << next(&input) % 23;
	config.cached_bytes = (u64)next(&input) << next(&input) % 24;
	config.seed = next(&input) % 4 ? 0 : 1 + next(&input);
	config.min_order = next(&input) % 12;
	if (slabs_init(&slabs, &config))
		return 0;
	slabs.limit = next(&input);
	nr_live = 0;
	while (input.at < input.end && !test_failed)
		step(&input, config.align);
	test_kzalloc_fails = 0;
	while (nr_live)
		EXPECT(slabs_free(cache, remove_live(0)) == 0);
	test_cpu = 0;
	slabs_fini(&slabs);
	if (test_failed) {
		fflush(stdout);
		abort();
	}
	return 0;
}
