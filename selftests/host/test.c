// SPDX-License-Identifier: GPL-2.0-only
#include "test.h"

#include <time.h>

#define MAX_THREADS	16

struct job {
	pthread_t thread;
	u32 index;
	void (*run)(u32 thread);
};

_Atomic int test_failed;
u64 test_seed;
u64 test_scale = 1;
static u64 global_state;

/* xorshift64*, Vigna 2016 */
u64 test_random_from(u64 *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 2685821657736338717ULL;
}

u64 test_random(void)
{
	return test_random_from(&global_state);
}

static void *run_job(void *arg)
{
	struct job *job = arg;

	job->run(job->index);
	return NULL;
}

/* Runs a function in @nr threads at a time and waits for all. */
void test_parallel(u32 nr, void (*run)(u32 thread))
{
	struct job jobs[MAX_THREADS];
	u32 i;

	for (i = 0; i < nr; i++) {
		jobs[i].index = i;
		jobs[i].run = run;
		if (pthread_create(&jobs[i].thread, NULL, run_job, &jobs[i]))
			abort();
	}
	for (i = 0; i < nr; i++)
		pthread_join(jobs[i].thread, NULL);
}

/* usage: program [seed [scale]]. Exits with 2 if a test failed, which differs from a crash. */
int test_main(int argc, char **argv, const struct test *tests, size_t nr)
{
	size_t i, failed = 0;

	test_seed = argc > 1 ? strtoull(argv[1], NULL, 0) : (u64)time(NULL);
	test_scale = argc > 2 ? strtoull(argv[2], NULL, 0) : 1;
	setvbuf(stdout, NULL, _IOLBF, 0);	/* so that a crash loses nothing */
	printf("# seed %llu\n", (unsigned long long)test_seed);
	for (i = 0; i < nr; i++) {
		global_state = test_seed | 1;
		test_failed = 0;
		tests[i].run();
		printf("%s %zu %s\n", test_failed ? "not ok" : "ok", i + 1, tests[i].name);
		failed += test_failed;
	}
	printf("%zu passed, %zu failed\n", nr - failed, failed);
	return failed ? 2 : 0;
}
