// SPDX-License-Identifier: LGPL-2.1-or-later
/* Moving heaps used by several threads, on the fake kernel. */
#include <errno.h>
#include <libframepool_moving.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fake.h"
#include "random.h"
#include "test.h"

#define POOL_BYTES	(16UL << 30)
#define THREADS		4
#define SHARED		64
#define OWN		400
#define TURNS		8000

static struct framepool *fp;
static struct framepool_moving *heap;
static uint64_t shared[SHARED];
static uint64_t the_seed;
static atomic_bool stop;

static pthread_t start(void *(*run)(void *argument), void *argument)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, run, argument))
		abort();
	return thread;
}

static bool join(pthread_t thread)
{
	void *ret;

	pthread_join(thread, &ret);
	return ret;
}

/* An object's words are all the same. */
static void mark(uint64_t *at, size_t words, uint64_t value)
{
	for (size_t i = 0; i < words; i++)
		at[i] = value;
}

static bool is_marked(const uint64_t *at, size_t words, uint64_t value)
{
	for (size_t i = 0; i < words; i++)
		if (at[i] != value)
			return false;
	return true;
}

/* An object of the thread's own, which comes and goes. */
static bool use_own(uint64_t *handle, uint64_t value, uint64_t *seed)
{
	size_t words = 1 + random_below(seed, 60);
	uint64_t *at;

	if (*handle) {
		words = framepool_moving_size(heap, *handle) / sizeof(*at);
		at = framepool_moving_pin(heap, *handle, random_below(seed, 50) ? 0 :
						 FRAMEPOOL_MOVING_PIN_LONG);
		if (!at || !is_marked(at, words, value) || framepool_moving_unpin(heap, *handle))
			return false;
		if (random_below(seed, 2))
			return true;
		if (framepool_moving_free(heap, *handle))
			return false;
		*handle = 0;
		return true;
	}
	*handle = framepool_moving_alloc(heap, words * sizeof(*at));
	at = *handle ? framepool_moving_pin(heap, *handle, 0) : NULL;
	if (!at)
		return false;
	mark(at, words, value);
	return !framepool_moving_unpin(heap, *handle);
}

/* Objects that all threads only read, and pin at the same time. */
static bool read_shared(uint64_t *seed)
{
	uint32_t which = random_below(seed, SHARED);
	const uint64_t *at = framepool_moving_pin(heap, shared[which], 0);
	bool right = at && is_marked(at, 32, which);

	if (!random_below(seed, 50))
		sched_yield();
	return right && is_marked(at, 32, which) && !framepool_moving_unpin(heap, shared[which]);
}

static void *use(void *id)
{
	uint64_t seed = the_seed + (uintptr_t)id, own[OWN] = { 0 };
	bool right = true;

	for (int i = 0; right && i < TURNS; i++) {
		uint32_t which = random_below(&seed, OWN);

		right &= use_own(&own[which], ((uintptr_t)id + 1) << 32 | which, &seed);
		right &= read_shared(&seed);
	}
	for (int i = 0; right && i < OWN; i++)
		right &= !own[i] || !framepool_moving_free(heap, own[i]);
	return (void *)right;
}

static void *compact(void *unused)
{
	bool right = true;

	(void)unused;
	while (!stop)
		right &= framepool_moving_compact(heap, 20000) >= 0;
	return (void *)right;
}

static void begin(void)
{
	heap = framepool_moving_create(
		fp, &(struct framepool_moving_options){ .limit = 64 << 20 });
	if (!heap)
		abort();
	for (uint32_t i = 0; i < SHARED; i++) {
		shared[i] = framepool_moving_alloc(heap, 32 * sizeof(uint64_t));
		mark(framepool_moving_pin(heap, shared[i], 0), 32, i);
		framepool_moving_unpin(heap, shared[i]);
		/* A hole, so that there is something to do. */
		if (!framepool_moving_alloc(heap, 1 << 19))
			abort();
	}
}

static void check_threads(void)
{
	struct framepool_moving_stats stats;
	pthread_t threads[THREADS], compactor;
	bool right = true;

	begin();
	stop = false;
	for (uintptr_t i = 0; i < THREADS; i++)
		threads[i] = start(use, (void *)i);
	compactor = start(compact, NULL);
	for (int i = 0; i < THREADS; i++)
		right &= join(threads[i]);
	stop = true;
	right &= join(compactor);
	framepool_moving_stats(heap, &stats);
	check(right && stats.objects == 2 * SHARED, "threads_use_objects_that_move");
	framepool_moving_destroy(heap);
	check(!fake_buffers(), "threads_leave_nothing");
}

static atomic_uint ready;

/* Pins one object over and over, while others free and make it: it is there, or refused. */
static void *pin_what_is_freed(void *unused)
{
	bool right = true;

	(void)unused;
	for (int i = 0; i < TURNS; i++) {
		uint64_t handle = atomic_load((_Atomic uint64_t *)&shared[0]);
		const uint64_t *at = framepool_moving_pin(heap, handle, 0);

		if (at)
			right &= at[0] == at[1] && !framepool_moving_unpin(heap, handle);
		else
			right &= errno == EINVAL;
		ready++;
	}
	return (void *)right;
}

static void *replace(void *unused)
{
	uint64_t handle, value = 0;
	bool right = true;
	uint64_t *at;

	(void)unused;
	while (!stop) {
		while (framepool_moving_free(heap, shared[0]) && errno == EBUSY)
			;
		handle = framepool_moving_alloc(heap, 16);
		at = framepool_moving_pin(heap, handle, 0);
		right &= at != NULL;
		mark(at, 2, ++value);
		framepool_moving_unpin(heap, handle);
		atomic_store((_Atomic uint64_t *)&shared[0], handle);
	}
	return (void *)right;
}

static void check_free(void)
{
	pthread_t pinner[2], replacer, compactor;
	bool right;

	begin();
	stop = false;
	pinner[0] = start(pin_what_is_freed, NULL);
	pinner[1] = start(pin_what_is_freed, NULL);
	replacer = start(replace, NULL);
	compactor = start(compact, NULL);
	right = join(pinner[0]) & join(pinner[1]);
	stop = true;
	right &= join(replacer) & join(compactor);
	check(right, "object_that_is_freed_is_pinned_or_refused");
	framepool_moving_destroy(heap);
}

static void *fork_often(void *unused)
{
	bool right = true;

	(void)unused;
	for (int i = 0; i < 20; i++) {
		int status = -1;
		pid_t child = fork();

		if (!child)
			_exit(!(framepool_moving_compact(heap, 0) == -1 && errno == EPERM &&
				!framepool_moving_pin(heap, shared[0], 0) && errno == EPERM &&
				(framepool_moving_destroy(heap), true)));
		right &= waitpid(child, &status, 0) == child && !status;
	}
	stop = true;
	return (void *)right;
}

/* The child begins while the lock may be held. */
static void check_fork(void)
{
	pthread_t forker, compactor;
	bool right;

	begin();
	stop = false;
	fflush(NULL);
	compactor = start(compact, NULL);
	forker = start(fork_often, NULL);
	while (!stop)
		framepool_moving_free(heap, framepool_moving_alloc(heap, 100));
	right = join(forker) & join(compactor);
	check(right, "child_of_a_busy_heap_takes_no_lock");
	framepool_moving_destroy(heap);
}

int main(void)
{
	fp = fake_open(POOL_BYTES);
	the_seed = random_seed();
	check_threads();
	check_free();
	check_fork();
	fake_close(fp);
	return 0;
}
