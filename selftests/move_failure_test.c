// SPDX-License-Identifier: GPL-2.0-only
/*
 * An allocation that makes memory move, with each allocation that the kernel makes for it failing,
 * alone or with all after it. The call fails with an errno that is documented for it, and nothing
 * is lost.
 *
 * Needs a kernel with fault injection, such as the debugging kernel of the lab.
 */
#include "moving.h"
#include "injector.h"

#define LOW		(8 * MIB)
#define RUN_BYTES	(2 * HUGE_FRAME)
#define SMALL		(20 * FRAME)
#define MOST_STEPS	400

FIXTURE(move_failure)
{
	int fd;
	struct sides sides;
	struct injector injector;
	struct buffer run, small[3];
	char *p, *q[3];			/* where they are mapped */
};

FIXTURE_SETUP(move_failure)
{
	int i;

	ASSERT_TRUE(injector_open(&self->injector));
	self->fd = pool_open();
	ASSERT_GE(self->fd, 0);
	ASSERT_TRUE(sides_open(&self->sides, LOW));
	self->p = movable_map(self->fd, RUN_BYTES, &self->run);
	ASSERT_NE(NULL, self->p);
	for (i = 0; i < 3; i++) {
		self->q[i] = movable_map(self->fd, SMALL, &self->small[i]);
		ASSERT_NE(NULL, self->q[i]);
	}
}

FIXTURE_TEARDOWN_PARENT(move_failure)
{
	EXPECT_TRUE(wait_all_free());
}

static void stamp_all(FIXTURE_DATA(move_failure) *self, __u64 first)
{
	int i;

	stamp_frames(self->p, RUN_BYTES, first);
	for (i = 0; i < 3; i++)
		stamp_frames(self->q[i], SMALL, first + i);
}

static bool all_stamped(FIXTURE_DATA(move_failure) *self, __u64 first)
{
	bool well = frames_stamped(self->p, RUN_BYTES, first);
	int i;

	for (i = 0; i < 3; i++)
		well = frames_stamped(self->q[i], SMALL, first + i) && well;
	return well;
}

TEST_F_TIMEOUT(move_failure, each_step_of_a_move_fails_cleanly, SLOW_TEST_SECONDS)
{
	struct failure failure;
	struct buffer side;
	bool injected = true;
	int ret, failed = 0;
	__u64 used;

	for (failure = first_failure; injected && failure.nth < MOST_STEPS;
	     failure = next_failure(failure)) {
		/* All lies on the low side then. */
		ASSERT_EQ(0, clear_high(&self->sides));
		stamp_all(self, failure.nth);
		used = used_bytes(self->fd);
		fail_at(&self->injector, failure);
		ret = buffer_alloc_at(self->sides.fd, LOW, 0, self->sides.low_end, &side);
		injected = has_failed(&self->injector);
		ASSERT_TRUE(all_stamped(self, failure.nth));
		failed += ret != 0;
		if (ret) {
			ASSERT_TRUE(injected);
			ASSERT_TRUE(ret == -ENOSPC || ret == -ENOBUFS || ret == -EFAULT);
			EXPECT_EQ(used, used_bytes(self->fd));
		} else {
			ASSERT_EQ(0, handle_free(self->sides.fd, side.handle));
		}
		ASSERT_TRUE(pool_verifies());
	}
	TH_LOG("%d steps, %d failures; %llu buffers moved", failure.nth - 1, failed,
	       summary_number("moves"));
	EXPECT_FALSE(injected);
	EXPECT_LT(3, failed);
}

int main(int argc, char **argv)
{
	if (access(FAIL_NTH, W_OK)) {
		printf("TAP version 13\n1..0 # SKIP this kernel has no fault injection "
		       "(make check-debug runs one that has)\n");
		return KSFT_SKIP;
	}
	return test_harness_run(argc, argv);
}
