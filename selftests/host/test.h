/* SPDX-License-Identifier: GPL-2.0-only */
/* A test program on the host: a table of functions, one line of result each. */
#ifndef FP_HOST_TEST_H
#define FP_HOST_TEST_H

#include <stdio.h>

#include "platform_host.h"

struct test {
	const char *name;
	void (*run)(void);
};

extern _Atomic int test_failed;
extern u64 test_seed;
extern u64 test_scale;		/* factor for the number of random operations */

#define EXPECT(condition)							\
	do {									\
		if (!(condition)) {						\
			printf("# %s:%d: %s\n", __FILE__, __LINE__, #condition);	\
			test_failed = 1;					\
		}								\
	} while (0)

/* As EXPECT(), but leaves the calling function when it fails. */
#define ASSERT(condition)							\
	do {									\
		EXPECT(condition);						\
		if (test_failed)						\
			return;							\
	} while (0)

u64 test_random(void);
u64 test_random_from(u64 *state);	/* for threads; the state is not 0 */
void test_parallel(u32 nr, void (*run)(u32 thread));
int test_main(int argc, char **argv, const struct test *tests, size_t nr);

#endif
