// SPDX-License-Identifier: GPL-2.0-only
/* Caches of objects: what they allocate, and what they report when they are misused. */
#include "objects.h"

#include <linux/err.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "block.h"

#define NR_OBJECTS	500
#define FEW		60
#define BOXES		64
#define SHARED_SIZE	96
#define HUGE_ORDER	(PMD_SHIFT - PAGE_SHIFT)
#define NR_IDLE		2000

static struct fp_cache *shared;
static void *boxes[BOXES];
static void *held[NR_OBJECTS];
static u32 nr_held;
static atomic_t nr_constructed;

static struct fp_cache *make(u32 size, u32 align, u32 flags, void (*ctor)(void *))
{
	const struct framepool_cache_args args = {
		.size = size, .align = align, .flags = flags, .ctor = ctor,
	};
	struct fp_cache *cache = framepool_cache_create(pool, "under test", &args);

	return CHECK(!IS_ERR(cache)) ? cache : NULL;
}

/* Stamps both ends of an object, so that overlapping objects are noticed. */
static void stamp(void *object, u32 size, u64 number)
{
	memcpy(object, &number, sizeof(number));
	memcpy(object + size - sizeof(number), &number, sizeof(number));
}

static bool is_stamped(const void *object, u32 size, u64 number)
{
	return !memcmp(object, &number, sizeof(number)) &&
	       !memcmp(object + size - sizeof(number), &number, sizeof(number));
}

static bool check_objects(void **objects, u32 nr, u32 size, u32 align)
{
	bool ok = true;
	u32 i;

	for (i = 0; i < nr; i++)
		stamp(objects[i], size, (u64)i << 32 | size);
	for (i = 0; i < nr; i++) {
		ok &= CHECK(is_stamped(objects[i], size, (u64)i << 32 | size));
		ok &= CHECK(IS_ALIGNED((unsigned long)objects[i], max(align, 8U)));
	}
	return ok;
}

/* An allocation that may not sleep cannot get what is in quarantine. */
static void *alloc_somehow(struct fp_cache *cache, u32 i)
{
	return (i % 2 ? framepool_cache_alloc(cache, GFP_ATOMIC) : NULL) ?:
	       framepool_cache_alloc(cache, GFP_KERNEL);
}

static bool deal(struct fp_cache *cache, void **objects, u32 size, u32 align)
{
	u32 nr = min_t(u32, NR_OBJECTS, (32U << 20) / max(size, align)), got = 0, i;
	struct framepool_cache_stats stats;
	bool ok = true;

	while (got < nr / 2 && (objects[got] = alloc_somehow(cache, got)))
		got++;
	got += framepool_cache_alloc_bulk(cache, GFP_KERNEL, nr - got, objects + got);
	ok &= CHECK(got == nr) & check_objects(objects, got, size, align);
	framepool_cache_stats(cache, &stats);
	ok &= CHECK(stats.active == got && stats.size == size && stats.stride >= size);
	ok &= CHECK(stats.slabs * stats.per_slab >= stats.active + stats.cached);
	for (i = 0; i < got / 3; i++)
		ok &= CHECK(!framepool_cache_free(cache, objects[i]));
	return ok & CHECK(!framepool_cache_free_bulk(cache, got - i, objects + i));
}

static bool deal_of(u32 size, u32 align, u32 flags)
{
	void **objects = kcalloc(NR_OBJECTS, sizeof(*objects), GFP_KERNEL);
	struct fp_cache *cache = make(size, align, flags, NULL);
	bool ok = CHECK(objects && cache) && deal(cache, objects, size, align);

	kfree(objects);
	return ok && CHECK(!framepool_cache_destroy(cache));
}

/* Of all sizes and alignments, with every flag. */
static bool run_sizes(void)
{
	static const u32 sizes[] = {
		8, 24, 40, 64, 72, 200, 1000, 4096, 5000, 65536, 600000, 1 << 20,
	};
	bool ok = true;
	u32 i, flags;

	for (flags = 0; flags <= FRAMEPOOL_CACHE_FLAGS; flags++)
		for (i = 0; i < ARRAY_SIZE(sizes); i++)
			ok &= deal_of(sizes[i], 0, flags);
	for (i = 0; i <= 21; i++)
		ok &= deal_of(8, 1U << i, 0) & deal_of(100, 1U << i, FRAMEPOOL_CACHE_DEBUG);
	return ok;
}

static bool is_refused(const char *name, u32 size, u32 align, u32 flags)
{
	const struct framepool_cache_args args = { .size = size, .align = align, .flags = flags };

	return framepool_cache_create(pool, name, &args) == ERR_PTR(-EINVAL);
}

static bool run_args(void)
{
	return CHECK(is_refused("", 8, 0, 0)) &&
	       CHECK(is_refused("a name of thirty-two characters.", 8, 0, 0)) &&
	       CHECK(is_refused("x", 0, 0, 0)) && CHECK(is_refused("x", 7, 0, 0)) &&
	       CHECK(is_refused("x", (1 << 20) + 1, 0, 0)) &&
	       CHECK(is_refused("x", U32_MAX, 0, 0)) &&
	       CHECK(is_refused("x", 8, 3, 0)) && CHECK(is_refused("x", 8, 4 << 20, 0)) &&
	       CHECK(is_refused("x", 8, 0, FRAMEPOOL_CACHE_FLAGS + 1)) &&
	       CHECK(is_refused("x", 8, 0, 1U << 31));
}

/* Objects that were written to and freed are allocated again, and are zero with __GFP_ZERO. */
static bool run_object_zero(void)
{
	struct fp_cache *cache = make(200, 0, 0, NULL);
	void *objects[20];
	bool ok = cache;
	u32 i, j;

	for (i = 0; ok && i < 100; i++) {
		gfp_t gfp = (i % 2 ? GFP_KERNEL : GFP_ATOMIC) | __GFP_ZERO;

		objects[0] = framepool_cache_alloc(cache, gfp);
		ok &= CHECK(objects[0] && !memchr_inv(objects[0], 0, 200));
		gfp = GFP_KERNEL | __GFP_ZERO;
		ok &= CHECK(framepool_cache_alloc_bulk(cache, gfp, 19, objects + 1) == 19);
		for (j = 0; ok && j < 20; j++) {
			ok &= CHECK(!memchr_inv(objects[j], 0, 200));
			memset(objects[j], 0xa5, 200);
		}
		ok = ok && CHECK(!framepool_cache_free_bulk(cache, 20, objects));
	}
	return ok && CHECK(!framepool_cache_destroy(cache));
}

static void construct(void *object)
{
	atomic_inc(&nr_constructed);
	memset(object, 0, SHARED_SIZE);
}

/* Runs once for each object of each slab. What users leave in objects stays. */
static bool run_constructor(void)
{
	struct fp_cache *cache = make(SHARED_SIZE, 0, 0, construct);
	struct framepool_cache_stats stats;
	void *objects[20];
	bool ok = cache;
	u32 i, round;

	atomic_set(&nr_constructed, 0);
	for (round = 0; ok && round < 10; round++) {
		ok &= CHECK(framepool_cache_alloc_bulk(cache, GFP_KERNEL, 20, objects) == 20);
		for (i = 0; i < 20; i++)
			ok &= CHECK(!memchr_inv(objects[i], 0, SHARED_SIZE));
		ok &= CHECK(!framepool_cache_free_bulk(cache, 20, objects));
	}
	framepool_cache_stats(cache, &stats);
	ok &= CHECK(stats.slabs == 1 && atomic_read(&nr_constructed) == stats.per_slab);
	return ok & CHECK(!framepool_cache_destroy(cache));
}

static bool run_busy(void)
{
	struct fp_cache *cache = make(64, 0, 0, NULL);
	void *object = cache ? framepool_cache_alloc(cache, GFP_KERNEL) : NULL;
	bool ok = CHECK(object);
	u32 i;

	if (!ok)
		return false;
	for (i = 0; i < 2; i++)
		ok &= CHECK(framepool_cache_destroy(cache) == -EBUSY);
	ok &= CHECK(!framepool_cache_free(cache, object)) &
	      CHECK(!framepool_cache_free(cache, NULL));
	return ok & CHECK(!framepool_cache_destroy(cache));
}

static u64 fill_cache(struct fp_cache *cache, gfp_t gfp, void **first)
{
	void *object;
	u64 nr = 0;

	for (*first = NULL; (object = framepool_cache_alloc(cache, gfp)); nr++) {
		*(void **)object = *first;
		*first = object;
	}
	return nr;
}

static bool empty_cache(struct fp_cache *cache, void *first)
{
	bool ok = true;

	while (first) {
		void *object = first;

		first = *(void **)object;
		ok &= CHECK(!framepool_cache_free(cache, object));
	}
	return ok;
}

/*
 * One cache takes all of the pool, then another. For that, the first must give back what it keeps.
 */
static bool run_exhaust(void)
{
	struct fp_cache *cache = make(4000, 0, 0, NULL), *other = make(5000, 0, 0, NULL);
	struct framepool_cache_stats stats;
	bool ok = cache && other;
	u64 nr, bytes;
	void *first;

	if (!ok)
		return false;
	nr = fill_cache(cache, GFP_KERNEL, &first);
	framepool_cache_stats(cache, &stats);
	bytes = stats.slabs * stats.slab_bytes;
	ok &= CHECK(stats.active == nr && !stats.empty && nr == stats.slabs * stats.per_slab);
	ok &= CHECK(!framepool_cache_alloc(other, GFP_KERNEL) &&
		    !framepool_cache_alloc(other, GFP_ATOMIC));
	ok &= empty_cache(cache, first);
	framepool_cache_stats(cache, &stats);
	ok &= CHECK(!stats.active && stats.empty);
	fill_cache(other, GFP_KERNEL, &first);
	framepool_cache_stats(other, &stats);
	ok &= CHECK(stats.slabs * stats.slab_bytes == bytes);
	framepool_cache_stats(cache, &stats);
	ok &= CHECK(!stats.slabs && !stats.cached);
	ok &= empty_cache(other, first);
	return ok & CHECK(!framepool_cache_destroy(cache)) & CHECK(!framepool_cache_destroy(other));
}

/*
 * An allocation that may not sleep gets empty slabs. Without magazines, the last free leaves one.
 */
static bool run_keep(void)
{
	struct fp_cache *cache = make(4096, 0, FRAMEPOOL_CACHE_DEBUG, NULL);
	struct framepool_cache_stats stats;
	void *object = cache ? framepool_cache_alloc(cache, GFP_KERNEL) : NULL;
	struct page *first = NULL, *page;
	bool ok = CHECK(object);

	if (!ok)
		return false;
	while ((page = framepool_alloc_pages(pool, GFP_KERNEL, 0))) {
		*(struct page **)page_address(page) = first;
		first = page;
	}
	ok &= CHECK(!framepool_cache_free(cache, object));
	framepool_cache_stats(cache, &stats);
	ok &= CHECK(stats.empty == 1);
	page = framepool_alloc_pages(pool, GFP_ATOMIC, 0);
	ok &= CHECK(page);
	if (page)
		ok &= CHECK(!framepool_free_pages(pool, page, 0));
	while (first) {
		page = first;
		first = *(struct page **)page_address(page);
		ok &= CHECK(!framepool_free_pages(pool, page, 0));
	}
	return ok & CHECK(!framepool_cache_destroy(cache));
}

/* The shortest of many times that it takes to refuse a block, in ns. */
static u64 refusal_ns(gfp_t gfp)
{
	u64 best = U64_MAX, start;
	u32 i;

	for (i = 0; i < NR_OBJECTS; i++) {
		start = ktime_get_ns();
		if (!CHECK(!framepool_alloc_pages(pool, gfp, HUGE_ORDER)))
			return U64_MAX;
		best = min(best, ktime_get_ns() - start);
	}
	return best;
}

/* Caches without slabs are not asked for any. */
static bool run_idle(void)
{
	static struct fp_cache *idle[NR_IDLE];
	struct page *first = NULL, *page;
	u64 alone, beside;
	bool ok = true;
	u32 i;

	while ((page = framepool_alloc_pages(pool, GFP_KERNEL, HUGE_ORDER))) {
		*(struct page **)page_address(page) = first;
		first = page;
	}
	alone = refusal_ns(GFP_ATOMIC);
	for (i = 0; i < NR_IDLE; i++)
		ok &= (idle[i] = make(64, 0, 0, NULL)) != NULL;
	beside = refusal_ns(GFP_ATOMIC);
	pr_info("a block is refused in %llu ns, beside %u idle caches in %llu ns\n", alone,
		NR_IDLE, beside);
	ok &= CHECK(beside < 4 * alone + 1000);
	for (i = 0; i < NR_IDLE; i++)
		ok &= !idle[i] || CHECK(!framepool_cache_destroy(idle[i]));
	while (first) {
		page = first;
		first = *(struct page **)page_address(page);
		ok &= CHECK(!framepool_free_pages(pool, page, HUGE_ORDER));
	}
	return ok;
}

static bool run_shrink(void)
{
	struct fp_cache *cache = make(1000, 0, 0, NULL);
	struct framepool_cache_stats stats;
	void *objects[FEW];
	bool ok = cache &&
		  CHECK(framepool_cache_alloc_bulk(cache, GFP_KERNEL, FEW, objects) == FEW) &&
		  CHECK(!framepool_cache_free_bulk(cache, FEW, objects));

	if (!ok)
		return false;
	framepool_cache_shrink(cache);
	framepool_cache_stats(cache, &stats);
	ok &= CHECK(!stats.slabs && !stats.cached && !stats.active);
	return ok & CHECK(!framepool_cache_destroy(cache));
}

static bool run_random(void)
{
	struct fp_cache *cache = make(64, 0, FRAMEPOOL_CACHE_RANDOM, NULL);
	void *objects[FEW];
	u32 i, rising = 0;
	bool ok = cache &&
		  CHECK(framepool_cache_alloc_bulk(cache, GFP_KERNEL, FEW, objects) == FEW);

	for (i = 1; ok && i < FEW; i++)
		rising += objects[i] == objects[i - 1] + 64;
	ok = ok && CHECK(rising < FEW / 3) &&
	     CHECK(!framepool_cache_free_bulk(cache, FEW, objects));
	return ok && CHECK(!framepool_cache_destroy(cache));
}

/* Keeps objects until the module is unloaded. */
static bool run_hold_objects(void)
{
	shared = make(72, 0, 0, NULL);
	nr_held = shared ? framepool_cache_alloc_bulk(shared, GFP_KERNEL, NR_OBJECTS, held) : 0;
	return CHECK(nr_held == NR_OBJECTS);
}

bool objects_give_all(void)
{
	bool ok = true;

	if (nr_held)
		ok &= CHECK(!framepool_cache_free_bulk(shared, nr_held, held));
	nr_held = 0;
	if (!IS_ERR_OR_NULL(shared))
		ok &= CHECK(!framepool_cache_destroy(shared));
	shared = NULL;
	return ok;
}

/*
 * Without FRAMEPOOL_CACHE_DEBUG: addresses outside the pool are refused at once, others when the
 * magazines are emptied.
 */
static bool run_bad_frees(void)
{
	struct fp_cache *cache = make(64, 0, 0, NULL);
	struct framepool_cache_stats stats;
	void *object = cache ? framepool_cache_alloc(cache, GFP_KERNEL) : NULL, *list[2];
	bool ok = CHECK(object);

	if (!ok)
		return false;
	ok &= CHECK(framepool_cache_free(cache, &stats) == -EINVAL);
	ok &= CHECK(framepool_cache_free(cache, (void *)8) == -EINVAL);
	list[0] = object;
	list[1] = (void *)16;
	ok &= CHECK(framepool_cache_free_bulk(cache, 2, list) == 1);
	ok &= CHECK(!framepool_cache_free(cache, object)) &
	      CHECK(!framepool_cache_free(cache, object + 8));
	framepool_cache_shrink(cache);
	framepool_cache_stats(cache, &stats);
	ok &= CHECK(stats.bad_frees == 5 && !stats.active && !stats.reports);
	return ok & CHECK(!framepool_cache_destroy(cache));
}

/* Return: how many mistakes were reported since the last call. */
static u64 new_reports(struct fp_cache *cache)
{
	static u64 before;
	struct framepool_cache_stats stats;
	u64 nr;

	framepool_cache_stats(cache, &stats);
	nr = stats.reports - min(before, stats.reports);
	before = stats.reports;
	return nr;
}

/*
 * Writes @nr bytes at offset @at of an object, while it is allocated or after it is freed.
 * Return: how many mistakes were reported.
 */
static noinline u64 reports_of_write(struct fp_cache *cache, u32 at, u32 nr, bool is_free)
{
	u8 *object = framepool_cache_alloc(cache, GFP_KERNEL), *same;

	if (!object)
		return U64_MAX;
	if (!is_free)
		memset(object + at, 0x12, nr);
	if (framepool_cache_free(cache, object))
		return U64_MAX;
	if (is_free)
		memset(object + at, 0x12, nr);
	/* The lowest free object is allocated first. */
	same = framepool_cache_alloc(cache, GFP_KERNEL);
	if (!CHECK(same == object) || framepool_cache_free(cache, same))
		return U64_MAX;
	return new_reports(cache);
}

static bool check_writes(struct fp_cache *cache, u32 size, bool poisoned)
{
	bool ok = CHECK(!reports_of_write(cache, 0, size, false));

	ok &= CHECK(reports_of_write(cache, size, 1, false) == 1);
	ok &= CHECK(reports_of_write(cache, size + 7, 1, false) == 1);
	ok &= CHECK(reports_of_write(cache, size, 1, true) == 1);
	ok &= CHECK(reports_of_write(cache, 0, 8, true) == poisoned);
	ok &= CHECK(reports_of_write(cache, 50, 1, true) == poisoned);
	ok &= CHECK(reports_of_write(cache, size - 1, 1, true) == poisoned);
	return ok & CHECK(reports_of_write(cache, size - 1, 2, true) == 1 + poisoned);
}

/* Not inlined: the reports name it. */
static noinline bool check_frees(struct fp_cache *cache)
{
	void *objects[2];
	bool ok = CHECK(framepool_cache_alloc_bulk(cache, GFP_KERNEL, 2, objects) == 2);

	ok &= CHECK(framepool_cache_free(cache, objects[0] + 8) == -EINVAL) &
	      CHECK(new_reports(cache) == 1);
	ok &= CHECK(framepool_cache_free(cache, &ok) == -EINVAL) & CHECK(new_reports(cache) == 1);
	ok &= CHECK(!framepool_cache_free(cache, objects[0])) & CHECK(!new_reports(cache));
	ok &= CHECK(framepool_cache_free(cache, objects[0]) == -EINVAL) &
	      CHECK(new_reports(cache) == 1);
	ok &= CHECK(framepool_cache_free_bulk(cache, 2, objects) == 1) &
	      CHECK(new_reports(cache) == 1);
	/* A page of the pool, but of no slab of the cache. */
	objects[0] = framepool_alloc_pages(pool, GFP_KERNEL, 0);
	ok &= CHECK(framepool_cache_free(cache, page_address(objects[0])) == -EINVAL);
	ok &= CHECK(new_reports(cache) == 1);
	return ok & CHECK(!framepool_free_pages(pool, objects[0], 0));
}

static bool run_debug(void)
{
	static const u32 sizes[] = { 64, 61, 96, 4096 };
	struct framepool_cache_stats stats;
	struct fp_cache *cache;
	bool ok = true;
	u32 i;

	for (i = 0; i <= ARRAY_SIZE(sizes); i++) {
		bool constructed = i == ARRAY_SIZE(sizes);
		u32 size = constructed ? SHARED_SIZE : sizes[i];

		cache = make(size, 0, FRAMEPOOL_CACHE_DEBUG, constructed ? construct : NULL);
		if (!cache)
			return false;
		new_reports(cache);
		ok &= check_writes(cache, size, !constructed) & check_frees(cache);
		framepool_cache_stats(cache, &stats);
		ok &= CHECK(stats.bad_frees == 5 && !stats.hits && !stats.kept && !stats.cached);
		ok &= CHECK(!framepool_cache_destroy(cache));
	}
	return ok;
}

bool objects_begin(void)
{
	shared = make(SHARED_SIZE, 0, 0, construct);
	return shared;
}

/* A free object is as it was constructed: zero. */
static bool check_stamp(u64 *object, u64 from, u64 to)
{
	bool ok = CHECK(xchg(&object[0], to) == from);

	return CHECK(xchg(&object[SHARED_SIZE / 8 - 1], to) == from) && ok;
}

/* Puts a new object into a box and frees the one that was there, whoever put it there. */
bool objects_step(gfp_t gfp, u32 random)
{
	void *object = random % 4 ? framepool_cache_alloc(shared, gfp) : NULL;
	bool ok = true;

	if (object)
		ok &= check_stamp(object, 0, (unsigned long)object);
	object = xchg(&boxes[random / 4 % BOXES], object);
	if (!object)
		return ok;
	return check_stamp(object, (unsigned long)object, 0) &&
	       CHECK(!framepool_cache_free(shared, object)) && ok;
}

/* Only what is in the boxes is allocated. */
bool objects_end(void)
{
	struct framepool_cache_stats stats;
	bool ok = true;
	u64 nr = 0;
	u32 i;

	for (i = 0; i < BOXES; i++)
		nr += !!boxes[i];
	framepool_cache_stats(shared, &stats);
	ok &= CHECK(stats.active == nr && !stats.bad_frees && !stats.reports);
	for (i = 0; i < BOXES; i++)
		if (boxes[i]) {
			ok &= check_stamp(boxes[i], (unsigned long)boxes[i], 0);
			ok &= CHECK(!framepool_cache_free(shared, boxes[i]));
			boxes[i] = NULL;
		}
	return objects_give_all() && ok;
}

bool objects_run(const char *name, int *ret)
{
	static const struct {
		const char *name;
		bool (*run)(void);
	} cases[] = {
		{ "sizes", run_sizes }, { "args", run_args }, { "object_zero", run_object_zero },
		{ "constructor", run_constructor }, { "busy", run_busy },
		{ "exhaust", run_exhaust }, { "keep", run_keep }, { "shrink", run_shrink },
		{ "idle", run_idle }, { "random", run_random },
		{ "hold_objects", run_hold_objects }, { "bad_frees", run_bad_frees },
		{ "debug", run_debug },
	};
	u32 i;

	for (i = 0; i < ARRAY_SIZE(cases); i++)
		if (!strcmp(name, cases[i].name)) {
			*ret = cases[i].run() ? 0 : -EBADMSG;
			return true;
		}
	return false;
}
