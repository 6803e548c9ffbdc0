// SPDX-License-Identifier: GPL-2.0-only
#include "test.h"

#include <time.h>

int test_failed;
u64 test_seed;
static u64 state;

/* xorshift64*, Vigna 2016 */
u64 test_random(void)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return state * 2685821657736338717ULL;
}

/* usage: program [seed]. Exits with 2 when a test failed, so that a crash can be told. */
int test_main(int argc, char **argv, const struct test *tests, size_t nr)
{
	size_t i, failed = 0;

	test_seed = argc > 1 ? strtoull(argv[1], NULL, 0) : (u64)time(NULL);
	printf("# seed %llu\n", (unsigned long long)test_seed);
	for (i = 0; i < nr; i++) {
		state = test_seed | 1;
		test_failed = 0;
		tests[i].run();
		printf("%s %zu %s\n", test_failed ? "not ok" : "ok", i + 1, tests[i].name);
		failed += test_failed;
	}
	printf("%zu passed, %zu failed\n", nr - failed, failed);
	return failed ? 2 : 0;
}
