// SPDX-License-Identifier: LGPL-2.1-or-later
/* Heaps used by several threads, on the fake kernel. */
#include <errno.h>
#include <libframepool_heap.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fake.h"
#include "random.h"
#include "test.h"

#define POOL_BYTES	(64UL << 20)
#define MIB		(1UL << 20)
#define THREADS		6
#define SHARED		200

static struct framepool *fp;
static struct framepool_heap *heap;
static uint64_t the_seed;

static void begin(const struct framepool_heap_options *options)
{
	heap = framepool_heap_create(fp, options);
	if (!heap)
		abort();
}

static bool end(void)
{
	bool clean = !framepool_heap_destroy(heap);

	return clean && !fake_buffers();
}

static struct framepool_heap_stats stats(void)
{
	struct framepool_heap_stats now;

	if (framepool_heap_stats(heap, &now))
		abort();
	return now;
}

/* Runs @run in all threads, with their numbers. Returns whether all of them say true. */
static bool run_all(void *(*run)(void *number))
{
	pthread_t threads[THREADS];
	bool right = true;
	void *ret;

	for (uintptr_t i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, run, (void *)i))
			abort();
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], &ret);
		right &= ret != NULL;
	}
	return right;
}

/* A block holds its size, and a mark that depends on it at its end. */
static void mark(size_t *block, size_t size)
{
	block[0] = size;
	block[size / sizeof(size_t) - 1] = ~size;
}

static bool is_marked(const size_t *block)
{
	size_t size = block[0];

	return size >= 16 && size <= MIB && block[size / sizeof(size_t) - 1] == ~size;
}

static size_t random_size(uint64_t *seed)
{
	static const size_t most[] = { 100, 1000, 10000, 100000 };
	uint32_t kind = random_below(seed, 20);

	return 16 + random_below(seed, (uint32_t)most[kind < 10 ? 0 : kind < 17 ? 1 : kind < 19 ?
						      2 : 3]);
}

static _Atomic(size_t *) shared[SHARED];

/* Allocates a block and swaps it with one that any thread left, which is then freed here. */
static void *swap(void *number)
{
	uint64_t seed = the_seed + (uintptr_t)number;
	bool right = true;

	for (int i = 0; i < 20000; i++) {
		size_t size = random_size(&seed) & -sizeof(size_t);
		size_t *block = framepool_heap_alloc(heap, size);

		if (!block) {
			right &= errno == ENOMEM;
			continue;
		}
		mark(block, size);
		block = atomic_exchange(&shared[random_below(&seed, SHARED)], block);
		if (block)
			right &= is_marked(block) && !framepool_heap_free(heap, block);
		if (!random_below(&seed, 3000))
			framepool_heap_trim(heap);
	}
	return (void *)right;
}

static bool free_shared(void)
{
	bool right = true;

	for (int i = 0; i < SHARED; i++)
		if (shared[i]) {
			right &= is_marked(shared[i]) && !framepool_heap_free(heap, shared[i]);
			shared[i] = NULL;
		}
	return right;
}

static void check_swap(void)
{
	bool right;

	begin(NULL);
	right = run_all(swap) && free_shared();
	check(right && !stats().blocks && !stats().bad_frees && end(),
	      "threads_free_what_others_allocated");
	begin(&(struct framepool_heap_options){ .limit_bytes = 4 * MIB, .keep_bytes = 1 });
	right = run_all(swap) && free_shared();
	check(right && !stats().blocks && stats().drains && end(),
	      "threads_share_memory_that_is_scarce");
}

static void *leave(void *number)
{
	uint64_t seed = the_seed + (uintptr_t)number;
	char *blocks[300];
	bool right = true;

	for (int round = 0; round < 20; round++) {
		for (int i = 0; i < 300; i++) {
			blocks[i] = framepool_heap_alloc(heap, random_size(&seed));
			right &= blocks[i] != NULL;
		}
		for (int i = 0; i < 300; i++)
			right &= !framepool_heap_free(heap, blocks[i]);
	}
	return (void *)right;
}

static void check_exit(void)
{
	begin(NULL);
	check(run_all(leave), "threads_allocate_and_free");
	check(!stats().kept && !stats().blocks && stats().memory == stats().empty,
	      "threads_that_end_give_back_what_they_keep");
	check(end(), "threads_that_end_leave_nothing");
}

static pthread_barrier_t barrier;

/* Keeps what it freed until the main thread has looked. */
static void *keep(void *number)
{
	static const size_t sizes[] = { 100, 5000, 300000 };
	char *blocks[3];
	bool right = true;

	(void)number;
	for (int i = 0; i < 3; i++) {
		blocks[i] = framepool_heap_alloc(heap, sizes[i]);
		right &= blocks[i] != NULL;
		memset(blocks[i], 1, sizes[i]);
	}
	for (int i = 0; i < 3; i++)
		right &= !framepool_heap_free(heap, blocks[i]);
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	return (void *)right;
}

static void check_idle(void)
{
	pthread_t threads[THREADS];
	char **blocks = malloc(POOL_BYTES / 65536 * sizeof(char *));
	size_t nr = 0;

	begin(NULL);
	pthread_barrier_init(&barrier, NULL, THREADS + 1);
	for (uintptr_t i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, keep, (void *)i))
			abort();
	pthread_barrier_wait(&barrier);
	check(stats().kept && stats().kept < THREADS * 512 * 1024, "idle_threads_keep_a_little");
	while (nr < POOL_BYTES / 65536 && (blocks[nr] = framepool_heap_alloc(heap, 65536)))
		nr++;
	/* What they kept were pages amid those of a chunk. */
	check(nr >= POOL_BYTES / 65536 - 1 && !stats().kept && stats().drains,
	      "what_idle_threads_keep_comes_back_before_enomem");
	while (nr)
		framepool_heap_free(heap, blocks[--nr]);
	pthread_barrier_wait(&barrier);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	pthread_barrier_destroy(&barrier);
	free(blocks);
	check(end(), "idle_threads_leave_nothing");
}

static atomic_bool stop;

static void *churn(void *number)
{
	uint64_t seed = the_seed + (uintptr_t)number;

	while (!stop)
		framepool_heap_free(heap, framepool_heap_alloc(heap, random_size(&seed)));
	return heap;
}

/* The child has one thread; whatever the others did in that moment does not hold it up. */
static void check_fork(void)
{
	pthread_t threads[THREADS];
	bool right = true;
	int status;
	pid_t pid;

	begin(NULL);
	stop = false;
	for (uintptr_t i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, churn, (void *)i))
			abort();
	for (int i = 0; i < 20; i++) {
		pid = fork();
		if (!pid) {
			errno = 0;
			right = !framepool_heap_alloc(heap, 10) && errno == EPERM;
			framepool_heap_destroy(heap);
			_exit(!right);
		}
		waitpid(pid, &status, 0);
		right &= !status;
	}
	stop = true;
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	check(right && !stats().blocks && end(), "fork_amid_allocations");
}

/* Several threads free the same blocks; all but one are refused, or find them free. */
static atomic_uint nr_freed;
static void *victims[1000];

static void *free_again(void *number)
{
	(void)number;
	for (int i = 0; i < 1000; i++)
		nr_freed += !framepool_heap_free(heap, victims[i]);
	return heap;
}

static void check_double_free(void)
{
	begin(NULL);
	for (int i = 0; i < 1000; i++)
		victims[i] = framepool_heap_alloc(heap, 100000);
	for (int i = 0; i < 1000; i++)
		if (!victims[i])
			victims[i] = heap;
	run_all(free_again);
	check(nr_freed && !stats().blocks && end(), "one_of_many_frees_counts");
}

int main(void)
{
	fp = fake_open(POOL_BYTES);
	the_seed = random_seed();
	check_swap();
	check_exit();
	check_idle();
	check_fork();
	check_double_free();
	fake_close(fp);
	return 0;
}
