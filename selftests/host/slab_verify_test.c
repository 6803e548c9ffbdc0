// SPDX-License-Identifier: GPL-2.0-only
/* Each invariant of a cache is broken on purpose: fp_slab_verify() must name it. */
#include "slabs.h"
#include "test.h"

static struct slabs slabs;
static struct fp_slab_cache * const cache = &slabs.cache;

static bool verify_says(const char *name)
{
	const char *broken = fp_slab_verify(cache);
	bool ok = broken && !strncmp(broken, name, strlen(name));

	if (!ok)
		printf("# %s\n", broken ?: "nothing");
	return ok;
}

/* Breaks something, expects fp_slab_verify() to name it, and repairs it. */
#define EXPECT_BROKEN(name, breaking, mending)	\
	do {					\
		breaking;			\
		EXPECT(verify_says(name));	\
		mending;			\
	} while (0)

static void verify_names_what_is_broken(void)
{
	const struct fp_slab_config config = {
		.size = 72, .cached_bytes = 64 << 10, .min_order = 3,
	};
	struct fp_slab *slab, *other;
	u64 objects[600], object;
	struct fp_magazine *magazine;

	EXPECT(slabs_init(&slabs, &config) == 0);
	EXPECT(fp_slab_alloc_bulk(cache, objects, 600, true) == 600);
	slab = fp_slab_find(cache, objects[599]);
	other = fp_slab_find(cache, objects[0]);
	EXPECT(slab && other && slab != other && slab->nr_free && !other->nr_free);
	slabs_expect_sound(&slabs);

	EXPECT_BROKEN("S1: slab is in the list of another class", slab->class++, slab->class--);
	EXPECT_BROKEN("S1: slab is not at its place", slab->base += 1ULL << cache->shift,
		      slab->base -= 1ULL << cache->shift);
	EXPECT_BROKEN("S3: wrong count of slabs", list_del(&slab->node),
		      list_add(&slab->node, &cache->lists[slab->class]));
	EXPECT_BROKEN("S3: more slabs", cache->nr_slabs--, cache->nr_slabs++);
	EXPECT_BROKEN("S2: wrong count", slab->nr_free++, slab->nr_free--);
	EXPECT_BROKEN("S2: free object beyond", slab->free[fp_slab_words(cache) - 1] |= 1ULL << 63,
		      slab->free[fp_slab_words(cache) - 1] &= ~(1ULL << 63));
	EXPECT_BROKEN("S2: free object before", slab->first = fp_slab_words(cache),
		      slab->first = 0);
	EXPECT_BROKEN("S3:", cache->nr_free++, cache->nr_free--);
	EXPECT_BROKEN("S3:", cache->nr_empty++, cache->nr_empty--);

	magazine = per_cpu_ptr(cache->magazines.cpus, 2)->magazines;
	object = objects[599];
	magazine->items[0] = object;
	magazine->items[1] = object;
	EXPECT_BROKEN("S4:", magazine->nr = 2, (void)0);
	magazine->items[0] = objects[0] + 1;
	EXPECT_BROKEN("S4:", magazine->nr = 1, (void)0);
	EXPECT(fp_slab_free_bulk(cache, objects, 599) == 0);
	slabs_fini(&slabs);
}

static const struct test tests[] = {
	{ "verify_names_what_is_broken", verify_names_what_is_broken },
};

int main(int argc, char **argv)
{
	return test_main(argc, argv, tests, sizeof(tests) / sizeof(*tests));
}
