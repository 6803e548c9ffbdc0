// SPDX-License-Identifier: LGPL-2.1-or-later
/* Caches used by several threads and processes, on the fake kernel. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fake.h"
#include "test.h"

#define POOL_BYTES	(32UL << 20)
#define THREADS		4
#define KEPT		300	/* objects that a thread holds at a time */
#define TURNS		20000

static struct framepool *fp;
static struct framepool_cache *cache;
static pthread_barrier_t barrier;

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
	fake_close(fp);
}

static pthread_t start(void *(*run)(void *argument), void *argument)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, run, argument))
		abort();
	return thread;
}

static void meet(void)
{
	pthread_barrier_wait(&barrier);
}

/* Allocates an object and writes @mark to it. */
static uintptr_t *alloc_marked(uintptr_t mark)
{
	uintptr_t *object = framepool_cache_alloc(cache);

	if (!object)
		abort();
	object[0] = mark;
	object[1] = ~mark;
	return object;
}

static bool free_marked(uintptr_t *object, uintptr_t mark)
{
	bool right = object[0] == mark && object[1] == ~mark;

	object[0] = 0;
	return right && !framepool_cache_free(cache, object);
}

static void *use(void *id)
{
	static _Thread_local uintptr_t *objects[KEPT];
	uintptr_t mark = (uintptr_t)id;
	bool right = true;

	for (int i = 0; i < TURNS; i++) {
		int which = i * 7 % KEPT;

		if (objects[which])
			right &= free_marked(objects[which], mark + which);
		objects[which] = alloc_marked(mark + which);
	}
	for (int i = 0; i < KEPT; i++)
		right &= free_marked(objects[i], mark + i);
	return (void *)right;
}

static void check_threads(void)
{
	pthread_t threads[THREADS];
	bool right = true;
	void *ret;

	begin(48);
	for (uintptr_t i = 0; i < THREADS; i++)
		threads[i] = start(use, (void *)((i + 1) << 32));
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], &ret);
		right &= !!ret;
	}
	check(right, "threads_never_share_an_object");
	check(!fake_live(cache), "thread_that_ends_gives_all_back");
	check(framepool_cache_allocs(cache) == THREADS * TURNS &&
	      framepool_cache_alloc_calls(cache) < THREADS * 10 &&
	      !framepool_cache_bad_frees(cache), "allocs_include_threads_that_have_ended");
	end();
}

/* One thread allocates objects and passes them to another, which frees them. */
static uintptr_t *_Atomic mailbox;

static void *send_all(void *unused)
{
	(void)unused;
	for (uintptr_t i = 1; i <= TURNS; i++) {
		uintptr_t *object = alloc_marked(i);

		while (mailbox)
			sched_yield();
		mailbox = object;
	}
	return NULL;
}

static void check_passing(void)
{
	pthread_t sender;
	bool right = true;

	begin(64);
	sender = start(send_all, NULL);
	for (uintptr_t i = 1; i <= TURNS; i++) {
		uintptr_t *object;

		while (!(object = mailbox))
			sched_yield();
		right &= free_marked(object, i);
		mailbox = NULL;
	}
	pthread_join(sender, NULL);
	check(right && !framepool_cache_flush(cache) && !fake_live(cache),
	      "object_is_freed_by_another_thread");
	end();
}

static struct framepool_cache *second;

static void *hold(void *unused)
{
	void *object = framepool_cache_alloc(cache);
	bool right;

	(void)unused;
	framepool_cache_free(cache, object);
	meet();		/* now cache is destroyed */
	meet();
	object = framepool_cache_alloc(second);
	right = object && !framepool_cache_free(second, object);
	meet();
	meet();		/* now second is destroyed; the thread uses nothing any more */
	return (void *)right;
}

static void check_destroy(void)
{
	pthread_t threads[THREADS];
	bool right = true;
	void *ret;

	begin(64);
	pthread_barrier_init(&barrier, NULL, THREADS + 1);
	for (int i = 0; i < THREADS; i++)
		threads[i] = start(hold, NULL);
	meet();
	check(fake_live(cache) == THREADS * 256, "threads_keep_magazines");
	framepool_cache_destroy(cache);
	second = framepool_cache_create(fp, 4096, 0, 0);
	meet();
	meet();
	check(fake_live(second) == THREADS * 32, "next_cache_begins_with_empty_magazines");
	framepool_cache_destroy(second);
	meet();
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], &ret);
		right &= !!ret;
	}
	check(right && !fake_caches(), "destroy_while_threads_have_magazines_is_safe");
	pthread_barrier_destroy(&barrier);
	fake_close(fp);
}

/* Threads end while caches are destroyed. */
static void *use_briefly(void *which)
{
	return (void *)(uintptr_t)!framepool_cache_free(which, framepool_cache_alloc(which));
}

static void check_end_and_destroy(void)
{
	bool right = true;

	fp = fake_open(POOL_BYTES);
	for (int round = 0; round < 100; round++) {
		struct framepool_cache *doomed = framepool_cache_create(fp, 64, 0, 0);
		struct framepool_cache *other = framepool_cache_create(fp, 64, 0, 0);
		pthread_t user = start(use_briefly, other), ender = start(use_briefly, doomed);
		void *ret;

		pthread_join(ender, &ret);
		right &= !!ret;
		framepool_cache_destroy(doomed);
		pthread_join(user, &ret);
		right &= !!ret && !fake_live(other);
		framepool_cache_destroy(other);
	}
	check(right && !fake_caches(), "threads_end_while_caches_are_destroyed");
	fake_close(fp);
}

static pthread_key_t late_key;

static void use_late(void *unused)
{
	(void)unused;
	framepool_cache_free(cache, framepool_cache_alloc(cache));
}

/* The destructor of its key may run after the library's. */
static void *end_late(void *unused)
{
	use_late(unused);
	pthread_setspecific(late_key, &late_key);
	return NULL;
}

static void check_late_use(void)
{
	begin(64);
	if (pthread_key_create(&late_key, use_late))
		abort();
	pthread_join(start(end_late, NULL), NULL);
	check(!fake_live(cache), "thread_that_uses_a_cache_as_it_ends_gives_all_back");
	pthread_key_delete(late_key);
	end();
}

static bool child_succeeds(pid_t child)
{
	int status;

	return waitpid(child, &status, 0) == child && WIFEXITED(status) && !WEXITSTATUS(status);
}

#define OURS	200

static uintptr_t *ours[OURS];

/* In the child: frees one of the parent's objects, and allocates more than a magazine holds. */
static bool live_as_child(void)
{
	bool right = free_marked(ours[0], 1);

	for (uintptr_t i = 0; i < 1000; i++)
		alloc_marked(1ULL << 40);
	for (int i = 1; i < OURS; i++)
		right &= ours[i][0] == (uintptr_t)i + 1;
	return right && !framepool_cache_flush(cache);
}

static void *keep_magazine(void *unused)
{
	framepool_cache_free(cache, framepool_cache_alloc(cache));
	meet();
	meet();
	return unused;
}

static void check_fork(void)
{
	pthread_t other;
	bool right = true;
	pid_t child;

	begin(64);
	pthread_barrier_init(&barrier, NULL, 2);
	other = start(keep_magazine, NULL);
	meet();
	for (uintptr_t i = 0; i < OURS; i++)
		ours[i] = alloc_marked(i + 1);
	fflush(NULL);
	child = fork();
	if (!child)
		_exit(!live_as_child());
	check(child_succeeds(child), "child_never_shares_a_new_object");
	for (uintptr_t i = 0; i < OURS; i++)
		right &= *alloc_marked(1ULL << 41) == 1ULL << 41;
	for (int i = 1; i < OURS; i++)
		right &= ours[i][0] == (uintptr_t)i + 1;
	check(right, "magazine_stays_the_parents");
	framepool_cache_flush(cache);
	meet();
	pthread_join(other, NULL);
	check(fake_live(cache) == 2 * OURS - 1 + 1000 && !framepool_cache_bad_frees(cache),
	      "no_object_is_freed_by_both_parent_and_child");
	pthread_barrier_destroy(&barrier);
	end();
}

static void check_exit(void)
{
	pid_t child;

	begin(64);
	alloc_marked(1);
	fflush(NULL);
	child = fork();
	if (!child) {
		framepool_cache_free(cache, framepool_cache_alloc(cache));
		exit(0);
	}
	check(child_succeeds(child) && !framepool_cache_flush(cache) && fake_live(cache) == 1,
	      "child_that_exits_gives_its_magazine_back");
	end();
}

static void *fork_often(void *unused)
{
	bool right = true;

	(void)unused;
	for (int i = 0; i < 20; i++) {
		pid_t child = fork();

		if (!child) {
			framepool_cache_free(cache, framepool_cache_alloc(cache));
			_exit(framepool_cache_flush(cache));
		}
		right &= child_succeeds(child);
	}
	return (void *)right;
}

/* Forks while another thread creates and ends caches and threads, and often holds the lock. */
static void check_fork_under_load(void)
{
	pthread_t forker;
	void *ret;

	begin(64);
	fflush(NULL);
	forker = start(fork_often, NULL);
	for (int i = 0; i < 100; i++) {
		struct framepool_cache *brief = framepool_cache_create(fp, 64, 0, 0);

		pthread_join(start(use_briefly, cache), NULL);
		framepool_cache_destroy(brief);
	}
	pthread_join(forker, &ret);
	check(ret && !framepool_cache_flush(cache) && !fake_live(cache),
	      "fork_is_safe_at_any_time");
	end();
}

int main(void)
{
	check_threads();
	check_passing();
	check_destroy();
	check_end_and_destroy();
	check_late_use();
	check_fork();
	check_exit();
	check_fork_under_load();
	return 0;
}
