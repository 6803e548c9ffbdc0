// SPDX-License-Identifier: GPL-2.0-only
/*
 * Caches: one by one, at random against a model, broken on purpose, and with threads as processors, drains and looks
 * at once. Built with ThreadSanitizer as well: objects are real memory, which only who holds them writes.
 */
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <time.h>

#include "slabs.h"
#include "test.h"

#define LIVE		2000
#define STEPS		30000
#define WORKERS		nr_cpu_ids
#define DRAINER		WORKERS
#define WATCHER		(WORKERS + 1)
#define MAILBOXES	256
#define SOFTIRQS	2000

static struct slabs slabs;
static struct fp_slab_cache * const cache = &slabs.cache;

static const struct fp_slab_config usual = { .size = 64, .cached_bytes = 1 << 20, .min_order = 3 };

static void begin(u32 size, u64 cached_bytes)
{
	struct fp_slab_config config = { .size = size, .cached_bytes = cached_bytes, .min_order = 3 };

	EXPECT(slabs_init(&slabs, &config) == 0);
}

static u64 alloc_one(void)
{
	return fp_slab_alloc(cache, true);
}

static void free_one(u64 object)
{
	EXPECT(fp_slab_free(cache, object) == 0);
}

static int by_address(const void *a, const void *b)
{
	const u64 *left = a, *right = b;

	return (*left > *right) - (*left < *right);
}

/* All aligned, in the slabs, and apart. */
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
	struct fp_slab_config config = usual;
	u64 objects[40], waste;
	u32 nr;

	config.size = size;
	config.align = align;
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
		try_layout(8 + test_random() % (1 << (4 + test_random() % 17)), 1U << test_random() % 13);
}

static void config_that_cannot_be_is_refused(void)
{
	const struct fp_slab_config wrong[] = {
		{ .size = 0 }, { .size = 7 }, { .size = (2 << 20) + 1 }, { .size = U32_MAX },
		{ .size = 8, .align = 3 }, { .size = 8, .align = 4 << 20 }, { .size = 8, .align = 1U << 31 },
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
	EXPECT(stats.active == 1 && stats.cached == FP_SLAB_BATCH - 1 && stats.refills == 1);
	EXPECT(stats.slabs == 1 && stats.objects == 512 && !stats.waste && stats.metadata >= 64 + 512);
	free_one(object);
	EXPECT(alloc_one() == object);
	fp_slab_stats(cache, &stats);
	EXPECT(stats.hits == 1 && stats.kept == 1);
	free_one(object);
	fp_slab_drain(cache, false);
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
	EXPECT(fp_slab_free(cache, object) == -EINVAL);
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

/* Beside the memory at once, beside the objects when the magazine is emptied. */
static void what_is_no_object_is_refused(void)
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
			EXPECT(fp_slab_free(cache, wrong[j]) == -EINVAL);
		EXPECT(fp_slab_free_bulk(cache, wrong + 5, 3) == (i ? 0 : 3));
		free_one(object);
		fp_slab_drain(cache, true);
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
	EXPECT(alloc_one() == FP_SLAB_NONE && fp_slab_alloc(cache, false) == FP_SLAB_NONE);
	EXPECT(fp_slab_alloc_bulk(cache, objects + got, 1, true) == 0);
	/* What lies in other processors' magazines comes too, to who may sleep. */
	test_cpu = 1;
	EXPECT(fp_slab_free_bulk(cache, objects, 10) == 0);
	test_cpu = 0;
	EXPECT(fp_slab_alloc_bulk(cache, objects, 10, false) == 0);
	EXPECT(fp_slab_alloc(cache, false) == FP_SLAB_NONE);
	again = fp_slab_alloc_bulk(cache, objects, 9, true);
	EXPECT(again == 9);
	objects[9] = alloc_one();
	EXPECT(objects[9] != FP_SLAB_NONE);
	EXPECT(fp_slab_free_bulk(cache, objects, got) == 0);
	EXPECT(fp_slab_free_bulk(cache, objects, 0) == 0 && fp_slab_alloc_bulk(cache, objects, 0, true) == 0);
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

/* One slab is left half used, one with a single free object, one empty. */
static void fullest_slab_deals_first(void)
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

/* Whichever piece of memory cannot be had: nothing is lost, and the next try succeeds. */
static void no_memory_for_metadata_loses_nothing(void)
{
	u64 object;
	u32 i;

	for (i = 1;; i++) {
		begin(64, 0);
		/* So that its number takes two levels. */
		memset(slabs.taken, true, 70);
		test_kzalloc_fails = i;
		object = fp_slab_alloc(cache, false);
		test_kzalloc_fails = 0;
		memset(slabs.taken, false, 70);
		slabs_expect_sound(&slabs);
		EXPECT(object != FP_SLAB_NONE || slabs.nr == 0);
		free_one(object == FP_SLAB_NONE ? alloc_one() : object);
		slabs_fini(&slabs);
		if (object != FP_SLAB_NONE)
			break;
	}
	/* There were a header and two nodes. */
	EXPECT(i == 4);
}

static void random_order_deals_each_object_once(void)
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

/* At random, against a list of what is live; each object holds its place in it. */
static struct {
	u64 objects[LIVE];
	u32 nr;
} model;

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
		object = fp_slab_alloc(cache, kind % 2);
		if (object != FP_SLAB_NONE)
			note_object(object);
	} else if (kind < 940 && model.nr) {
		free_one(forget_one());
	} else if (kind < 990) {
		bulk_step(kind % 2);
	} else if (kind < 994) {
		fp_slab_drain(cache, kind % 2);
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

static void tree_finds_what_is_there(void)
{
	u64 keys[300], key;
	struct fp_slabtree tree = {};
	u32 i, j;

	for (i = 0; i < 300; i++) {
		/* All different; the last digits spread them. */
		keys[i] = (test_random() >> test_random() % 50) / 300 * 300 + i;
		EXPECT(fp_slabtree_insert(&tree, keys[i], (struct fp_slab *)&keys[i]) == 0);
	}
	EXPECT(tree.nr == 300);
	for (i = 0; i < 300; i++) {
		for (j = 0; j < 300; j++)
			EXPECT(fp_slabtree_find(&tree, keys[j]) == (j < i ? NULL : (void *)&keys[j]));
		key = test_random() / 600 * 600 + 599;
		EXPECT(!fp_slabtree_find(&tree, key));
		fp_slabtree_erase(&tree, keys[i]);
	}
	EXPECT(!tree.nr && !tree.levels && !tree.root && !fp_slabtree_find(&tree, 0));
}

/* Objects on their way from one processor to another. */
static _Atomic u64 mailbox[MAILBOXES];
static _Atomic u32 nr_working;

static void give_back(u64 object)
{
	u64 *words = (u64 *)(uintptr_t)object;

	EXPECT(words[0] == object && words[cache->size / 8 - 1] == ~object);
	words[0] = 0;
	words[cache->size / 8 - 1] = 0;
	free_one(object);
}

static void stamp(u64 object)
{
	u64 *words = (u64 *)(uintptr_t)object;

	EXPECT(words[0] == 0 && words[cache->size / 8 - 1] == 0);
	words[0] = object;
	words[cache->size / 8 - 1] = ~object;
}

/* What is allocated goes into the mailbox; what was there is freed, whoever put it there. */
static void step(u64 *random)
{
	u64 object = 0;

	if (test_random_from(random) % 4) {
		object = fp_slab_alloc(cache, false);
		object = object == FP_SLAB_NONE ? 0 : object;
		if (object)
			stamp(object);
	}
	object = atomic_exchange(&mailbox[test_random_from(random) % MAILBOXES], object);
	if (object)
		give_back(object);
}

static void bulk(u64 *random)
{
	u64 objects[40];
	u32 nr = fp_slab_alloc_bulk(cache, objects, 1 + test_random_from(random) % 40, false), i;

	for (i = 0; i < nr; i++)
		stamp(objects[i]);
	for (i = 0; i < nr; i++)
		((u64 *)(uintptr_t)objects[i])[0] = ((u64 *)(uintptr_t)objects[i])[cache->size / 8 - 1] = 0;
	EXPECT(fp_slab_free_bulk(cache, objects, nr) == 0);
}

static u64 thread_random(u32 thread)
{
	return test_seed * 2654435761U + thread + 1;
}

static void work(u32 thread)
{
	u64 random = thread_random(thread), i;

	test_cpu = thread;
	for (i = 0; i < STEPS * test_scale && !test_failed; i++) {
		step(&random);
		if (i % 64 == 0)
			bulk(&random);
	}
	nr_working--;
}

static void drain_all_the_time(void)
{
	bool hurry = false;

	while (nr_working) {
		fp_slab_drain(cache, hurry);
		fp_slab_release_empty(cache);
		hurry = !hurry;
		sched_yield();
	}
}

static void watch(void)
{
	struct timespec pause = { .tv_nsec = 300000 };

	while (nr_working) {
		slabs_active(&slabs);
		slabs_expect_sound(&slabs);
		nanosleep(&pause, NULL);
	}
}

static void play_part(u32 thread)
{
	if (thread == DRAINER)
		drain_all_the_time();
	else if (thread == WATCHER)
		watch();
	else
		work(thread);
}

static void begin_threads(u32 size, u64 cached_bytes)
{
	begin(size, cached_bytes);
	slabs.limit = 8;
	/* Whoever had the arena before: objects begin with zeros. */
	memset((void *)(uintptr_t)cache->origin, 0, 8ULL << cache->shift);
	nr_working = WORKERS;
}

/* Nothing is lost: what is in the mailbox is all that is allocated. */
static void end_threads(void)
{
	u32 i, nr = 0;

	test_cpu = 0;
	for (i = 0; i < MAILBOXES; i++)
		nr += !!mailbox[i];
	EXPECT(slabs_active(&slabs) == nr);
	for (i = 0; i < MAILBOXES; i++) {
		if (mailbox[i])
			give_back(mailbox[i]);
		mailbox[i] = 0;
	}
	slabs_fini(&slabs);
}

static void processors_share_a_cache_while_it_is_drained(void)
{
	begin_threads(64, 1 << 20);
	test_parallel(WORKERS + 2, play_part);
	end_threads();
}

static void processors_share_a_cache_of_few_objects(void)
{
	begin_threads(2048, 2 * 2048);
	test_parallel(WORKERS + 2, play_part);
	end_threads();
}

/* ThreadSanitizer keeps signals back until they interrupt nothing. */
#ifndef __SANITIZE_THREAD__
static pthread_t interrupted[nr_cpu_ids];
static _Atomic u32 nr_ready;
static _Atomic u32 nr_interrupting;
static __thread u64 softirq_random;
static __thread u32 nr_softirqs;

/* The thread is interrupted anywhere but where softirqs are disabled, and the same magazine is used. */
static void softirq(int number)
{
	(void)number;
	if (READ_ONCE(test_bh_depth))
		return;
	step(&softirq_random);
	WRITE_ONCE(nr_softirqs, nr_softirqs + 1);
}

static void be_interrupted(u32 thread)
{
	u64 random = thread_random(thread);

	test_cpu = thread;
	softirq_random = thread_random(thread + WORKERS);
	interrupted[thread] = pthread_self();
	nr_ready++;
	while (READ_ONCE(nr_softirqs) < SOFTIRQS * test_scale && !test_failed)
		step(&random);
	nr_working--;
	/* Its name is good until nobody calls it any more. */
	while (nr_interrupting)
		sched_yield();
}

static void interrupt(void)
{
	u32 i;

	while (nr_ready < WORKERS)
		sched_yield();
	while (nr_working) {
		for (i = 0; i < WORKERS; i++)
			pthread_kill(interrupted[i], SIGUSR1);
		sched_yield();
	}
	nr_interrupting--;
}

static void play_softirq_part(u32 thread)
{
	if (thread < WORKERS)
		be_interrupted(thread);
	else if (thread == DRAINER)
		watch();
	else
		interrupt();
}

static void softirqs_use_the_magazines_they_interrupt(void)
{
	const struct sigaction action = { .sa_handler = softirq, .sa_flags = SA_RESTART };
	struct sigaction before;

	begin_threads(64, 1 << 20);
	nr_ready = 0;
	nr_interrupting = 1;
	sigaction(SIGUSR1, &action, &before);
	test_parallel(WORKERS + 2, play_softirq_part);
	sigaction(SIGUSR1, &before, NULL);
	end_threads();
}
#endif

static bool verify_says(const char *name)
{
	const char *broken = fp_slab_verify(cache);
	bool ok = broken && !strncmp(broken, name, strlen(name));

	if (!ok)
		printf("# %s\n", broken ?: "nothing");
	return ok;
}

/* Breaks something, expects verify to name it, and puts it right. */
#define EXPECT_BROKEN(name, breaking, mending)	\
	do {					\
		breaking;			\
		EXPECT(verify_says(name));	\
		mending;			\
	} while (0)

static void verify_names_what_is_broken(void)
{
	struct fp_slab *slab, *other;
	u64 objects[600], object;
	void *nothing[FP_SLABTREE_SLOTS] = {}, **root;
	struct fp_slab_cpu *cpu;

	begin(72, 64 << 10);
	EXPECT(fp_slab_alloc_bulk(cache, objects, 600, true) == 600);
	slab = fp_slabtree_find(&cache->tree, (objects[599] - cache->origin) >> cache->shift);
	other = fp_slabtree_find(&cache->tree, (objects[0] - cache->origin) >> cache->shift);
	EXPECT(slab && other && slab != other && slab->nr_free && !other->nr_free);
	root = cache->tree.root;
	slabs_expect_sound(&slabs);

	EXPECT_BROKEN("S1: slab is in the list of another class", slab->class++, slab->class--);
	EXPECT_BROKEN("S1: slab is not in the tree", slab->base += 1ULL << cache->shift,
		      slab->base -= 1ULL << cache->shift);
	EXPECT_BROKEN("S1: slab is in the tree but in no list", list_del(&slab->node),
		      list_add(&slab->node, &cache->lists[slab->class]));
	EXPECT_BROKEN("R1: wrong count of slabs", cache->tree.nr++, cache->tree.nr--);
	EXPECT_BROKEN("S2: wrong count", slab->nr_free++, slab->nr_free--);
	EXPECT_BROKEN("S2: free object beyond", slab->free[fp_slab_words(cache) - 1] |= 1ULL << 63,
		      slab->free[fp_slab_words(cache) - 1] &= ~(1ULL << 63));
	EXPECT_BROKEN("S2: free object before", slab->first = fp_slab_words(cache),
		      slab->first = 0);
	EXPECT_BROKEN("S3:", cache->nr_free++, cache->nr_free--);
	EXPECT_BROKEN("S3:", cache->nr_empty++, cache->nr_empty--);
	EXPECT_BROKEN("R1: node leads to nothing", cache->tree.root = nothing, cache->tree.root = root);

	cpu = per_cpu_ptr(cache->cpus, 2);
	object = objects[599];
	cpu->objects[0] = object;
	cpu->objects[1] = object;
	EXPECT_BROKEN("S4: object in a magazine is free, or there twice", cpu->nr = 2, (void)0);
	cpu->objects[0] = objects[0] + 1;
	EXPECT_BROKEN("S4: object in a magazine is none", cpu->nr = 1, (void)0);
	EXPECT(fp_slab_free_bulk(cache, objects, 599) == 0);
	slabs_fini(&slabs);
}

static const struct test tests[] = {
	{ "objects_of_all_sizes_are_aligned_and_apart", objects_of_all_sizes_are_aligned_and_apart },
	{ "config_that_cannot_be_is_refused", config_that_cannot_be_is_refused },
	{ "objects_in_magazines_are_not_active", objects_in_magazines_are_not_active },
	{ "caches_without_magazines_cache_nothing", caches_without_magazines_cache_nothing },
	{ "double_free_is_noticed_by_the_drain", double_free_is_noticed_by_the_drain },
	{ "what_is_no_object_is_refused", what_is_no_object_is_refused },
	{ "bulk_gets_what_there_is", bulk_gets_what_there_is },
	{ "last_object_in_another_magazine_is_found", last_object_in_another_magazine_is_found },
	{ "empty_slabs_are_kept_up_to_a_limit", empty_slabs_are_kept_up_to_a_limit },
	{ "fullest_slab_deals_first", fullest_slab_deals_first },
	{ "cache_with_live_objects_stays", cache_with_live_objects_stays },
	{ "no_memory_for_metadata_loses_nothing", no_memory_for_metadata_loses_nothing },
	{ "random_order_deals_each_object_once", random_order_deals_each_object_once },
	{ "random_steps_agree_with_the_model", random_steps_agree_with_the_model },
	{ "tree_finds_what_is_there", tree_finds_what_is_there },
	{ "processors_share_a_cache_while_it_is_drained", processors_share_a_cache_while_it_is_drained },
	{ "processors_share_a_cache_of_few_objects", processors_share_a_cache_of_few_objects },
#ifndef __SANITIZE_THREAD__
	{ "softirqs_use_the_magazines_they_interrupt", softirqs_use_the_magazines_they_interrupt },
#endif
	{ "verify_names_what_is_broken", verify_names_what_is_broken },
};

int main(int argc, char **argv)
{
	return test_main(argc, argv, tests, sizeof(tests) / sizeof(*tests));
}
