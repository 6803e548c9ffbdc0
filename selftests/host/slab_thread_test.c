// SPDX-License-Identifier: GPL-2.0-only
/*
 * Caches with threads as processors, next to threads that drain and verify. Also built with
 * ThreadSanitizer: objects are real memory, which only their holder writes.
 */
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <time.h>

#include "slabs.h"
#include "test.h"

#define STEPS		30000
#define WORKERS		nr_cpu_ids
#define DRAINER		WORKERS
#define WATCHER		(WORKERS + 1)
#define MAILBOXES	256
#define SOFTIRQS	2000

static struct slabs slabs;
static struct fp_slab_cache * const cache = &slabs.cache;

/* Objects on their way from one processor to another. */
static _Atomic u64 mailbox[MAILBOXES];
static _Atomic u32 nr_working;

static void free_one(u64 object)
{
	EXPECT(slabs_free(cache, object) == 0);
}

static void wipe(u64 object)
{
	u64 *words = (u64 *)(uintptr_t)object;

	EXPECT(words[0] == object && words[cache->size / 8 - 1] == ~object);
	words[0] = 0;
	words[cache->size / 8 - 1] = 0;
}

static void give_back(u64 object)
{
	wipe(object);
	free_one(object);
}

static void stamp(u64 object)
{
	u64 *words = (u64 *)(uintptr_t)object;

	EXPECT(words[0] == 0 && words[cache->size / 8 - 1] == 0);
	words[0] = object;
	words[cache->size / 8 - 1] = ~object;
}

/* Puts a new object into the mailbox and frees the one that was there, whoever put it there. */
static void step(u64 *random)
{
	u64 object = 0;

	if (test_random_from(random) % 4) {
		object = slabs_alloc(cache, false);
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
		wipe(objects[i]);
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
		fp_magazines_drain(&cache->magazines, hurry);
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
	const struct fp_slab_config config = {
		.size = size, .cached_bytes = cached_bytes, .min_order = 3,
	};

	EXPECT(slabs_init(&slabs, &config) == 0);
	slabs.limit = 8;
	/* Objects begin with zeros, whatever was in the arena before. */
	memset((void *)(uintptr_t)cache->origin, 0, 8ULL << cache->shift);
	nr_working = WORKERS;
}

/* Nothing is lost: only what is in the mailbox is allocated. */
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

/* ThreadSanitizer delays signals until they interrupt nothing. */
#ifndef __SANITIZE_THREAD__
static pthread_t interrupted[nr_cpu_ids];
static _Atomic u32 nr_ready;
static _Atomic u32 nr_interrupting;
static __thread u64 softirq_random;
static __thread u32 nr_softirqs;

/* Interrupts the thread where softirqs are enabled, and uses the same magazine. */
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
	/* The id of a thread that has ended must not be signalled. */
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

static const struct test tests[] = {
	{ "processors_share_a_cache_while_it_is_drained",
	  processors_share_a_cache_while_it_is_drained },
	{ "processors_share_a_cache_of_few_objects", processors_share_a_cache_of_few_objects },
#ifndef __SANITIZE_THREAD__
	{ "softirqs_use_the_magazines_they_interrupt", softirqs_use_the_magazines_they_interrupt },
#endif
};

int main(int argc, char **argv)
{
	return test_main(argc, argv, tests, sizeof(tests) / sizeof(*tests));
}
