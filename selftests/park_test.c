// SPDX-License-Identifier: GPL-2.0-only
/*
 * A run that is in the way and fits nowhere at first: another one makes place for it, and is parked
 * meanwhile in what is being emptied.
 *
 * A letter is a huge frame; all around is in use, and stays:
 *
 *	A A A A . . . . . . .	to become one empty run
 *	. . B B B . .		B is parked beside A, A moves to where B began, and B behind it
 *	. . C C C . .		in some tests; if B does not move, the same is done here
 */
#include "moving.h"

#include <pthread.h>

#define NR		11U	/* huge frames in the first row */
#define FIRST_ROW	1U	/* place of the rows among the huge frames */
#define SECOND_ROW	15U
#define THIRD_ROW	25U
#define MAX_HUGE	256U
#define PART_SECONDS	60

FIXTURE(park)
{
	int fd;
	struct buffer single[MAX_HUGE];	/* what is in use, by place; handle 0: it is free */
	struct buffer a, b;
	char *p, *q;			/* where these are mapped */
};

static int compare_places(const void *a, const void *b)
{
	__u64 left = ((const struct buffer *)a)->offset, right = ((const struct buffer *)b)->offset;

	return (left > right) - (left < right);
}

static bool fill_single(FIXTURE_DATA(park) *self)
{
	__u64 start, length = keep_largest_extent(self->fd, &start);
	unsigned int i, nr = length / HUGE_FRAME;

	if (nr <= THIRD_ROW + 7 || nr > MAX_HUGE)
		return false;
	for (i = 0; i < nr; i++)
		if (buffer_alloc(self->fd, HUGE_FRAME, &self->single[i]))
			return false;
	qsort(self->single, nr, sizeof(*self->single), compare_places);
	return true;
}

static bool free_places(FIXTURE_DATA(park) *self, unsigned int at, unsigned int nr)
{
	for (; nr; nr--, at++)
		if (handle_free(self->fd, self->single[at].handle))
			return false;
	return true;
}

/* Puts a movable buffer there. */
static bool put(FIXTURE_DATA(park) *self, unsigned int at, unsigned int nr, struct buffer *buffer)
{
	return free_places(self, at, nr) &&
	       !buffer_alloc_movable(self->fd, nr * HUGE_FRAME, buffer);
}

/* Maps a buffer, and fills it. */
static char *use(FIXTURE_DATA(park) *self, unsigned int at, const struct buffer *buffer)
{
	char *p = buffer_map(self->fd, buffer);

	if (p == MAP_FAILED)
		return NULL;
	stamp_frames(p, buffer->length, at * 1000);
	return p;
}

/* Puts a buffer of three huge frames in the middle of a row of seven. */
static bool put_in_row(FIXTURE_DATA(park) *self, unsigned int row, struct buffer *buffer)
{
	return put(self, row + 2, 3, buffer) && free_places(self, row, 2) &&
	       free_places(self, row + 5, 2);
}

static bool lay_out(FIXTURE_DATA(park) *self, bool third)
{
	struct buffer c;

	self->fd = pool_open();
	if (self->fd < 0 || !fill_single(self) || !put(self, FIRST_ROW, 4, &self->a) ||
	    !put_in_row(self, SECOND_ROW, &self->b) || (third && !put_in_row(self, THIRD_ROW, &c)))
		return false;
	self->p = use(self, FIRST_ROW, &self->a);
	self->q = use(self, SECOND_ROW + 2, &self->b);
	return self->p && self->q && free_places(self, FIRST_ROW + 4, 7);
}

static bool clear(FIXTURE_DATA(park) *self)
{
	return !munmap(self->p, 4 * HUGE_FRAME) && !munmap(self->q, 3 * HUGE_FRAME) &&
	       !close(self->fd);
}

FIXTURE_SETUP(park)
{
}

FIXTURE_TEARDOWN_PARENT(park)
{
	EXPECT_TRUE(wait_all_free());
}

/* Both are as they were filled. */
static bool both_are_intact(FIXTURE_DATA(park) *self)
{
	return frames_stamped(self->p, 4 * HUGE_FRAME, FIRST_ROW * 1000) &&
	       frames_stamped(self->q, 3 * HUGE_FRAME, (SECOND_ROW + 2) * 1000);
}

/* Allocates the first row, writes to all of it, and frees it. */
static int use_row(FIXTURE_DATA(park) *self)
{
	struct buffer row;
	int ret = buffer_alloc(self->fd, NR * HUGE_FRAME, &row);
	char *p;

	if (ret)
		return ret;
	p = buffer_map(self->fd, &row);
	if (p == MAP_FAILED)
		return -errno;
	memset(p, PATTERN_MINE, NR * HUGE_FRAME);
	return munmap(p, NR * HUGE_FRAME) ? -errno : handle_free(self->fd, row.handle);
}

TEST_F(park, what_is_parked_moves_on)
{
	__u64 moves;

	ASSERT_TRUE(lay_out(self, false));
	moves = summary_number("moves");
	EXPECT_EQ(0, use_row(self));
	EXPECT_TRUE(both_are_intact(self));
	/* A once, B twice. */
	EXPECT_EQ(3, summary_number("moves") - moves);
	EXPECT_TRUE(pool_verifies());
}

TEST_F(park, what_cannot_be_parked_stays)
{
	int ends[2];
	char page[FRAME];

	ASSERT_TRUE(lay_out(self, false));
	ASSERT_EQ(0, hold_page(self->q + 3 * HUGE_FRAME - FRAME, ends));
	EXPECT_EQ(-ENOSPC, use_row(self));
	EXPECT_TRUE(both_are_intact(self));
	ASSERT_EQ(FRAME, read(ends[0], page, FRAME));
	EXPECT_EQ(0, use_row(self));
	EXPECT_TRUE(both_are_intact(self));
}

TEST_F(park, if_parking_fails_another_place_is_made)
{
	int ends[2];

	ASSERT_TRUE(lay_out(self, true));
	ASSERT_EQ(0, hold_page(self->q + 3 * HUGE_FRAME - FRAME, ends));
	EXPECT_EQ(0, use_row(self));
	EXPECT_TRUE(both_are_intact(self));
}

/**
 * struct holder - a thread that references a page again and again
 * @page: the page
 * @stop: ends it
 */
struct holder {
	char *page;
	volatile bool stop;
};

static void *hold_again_and_again(void *arg)
{
	struct holder *holder = arg;
	static char copy[FRAME];
	unsigned int turn;
	int ends[2];

	for (turn = 0; !holder->stop; turn++) {
		if (hold_page(holder->page, ends))
			return arg;
		sleep_ms(turn % 8);
		if (read(ends[0], copy, FRAME) != FRAME)
			return arg;
		close(ends[0]);
		close(ends[1]);
		sleep_ms(turn % 3);
	}
	return NULL;
}

/*
 * Keeps the last huge frame of B where it is, and sometimes those that have moved already, and
 * tries to get the first row. Returns whether B is in two places then, or a negative errno.
 */
static int try_to_part(FIXTURE_DATA(park) *self, int *used)
{
	struct holder holder = { .page = self->q };
	int ends[2], ret;
	pthread_t thread;
	void *failed;

	if (hold_page(self->q + 3 * HUGE_FRAME - FRAME, ends) ||
	    pthread_create(&thread, NULL, hold_again_and_again, &holder))
		return -EIO;
	*used = use_row(self);
	ret = buffer_pin(self->fd, self->b.handle, FRAMEPOOL_IOC_PIN, NULL);
	holder.stop = true;
	if (pthread_join(thread, &failed) || failed)
		return -EIO;
	close(ends[0]);
	close(ends[1]);
	return ret ? ret == -EBUSY ? 1 : ret : 0;
}

/* A part of B lies in the first row then, also if A finds another place. */
TEST_F_TIMEOUT(park, what_is_partly_parked_is_given_to_nobody, SLOW_TEST_SECONDS)
{
	double end = seconds_now() + PART_SECONDS;
	unsigned int turn, parted = 0, nr_used = 0;
	int used, ret;

	for (turn = 0; parted < 8 && seconds_now() < end; turn++) {
		ASSERT_TRUE(lay_out(self, turn % 2));
		ret = try_to_part(self, &used);
		ASSERT_TRUE(ret == 0 || ret == 1);
		parted += ret;
		nr_used += !used;
		EXPECT_TRUE(!used || used == -ENOSPC || used == -ENOMEM);
		EXPECT_TRUE(both_are_intact(self));
		if (ret)
			ASSERT_TRUE(WAIT_FOR(!use_row(self)));
		EXPECT_TRUE(both_are_intact(self));
		ASSERT_TRUE(clear(self));
		ASSERT_TRUE(wait_all_free());
	}
	TH_LOG("of %u times, in two places %u times; the row was had %u times", turn, parted,
	       nr_used);
	EXPECT_GT(parted, 0);
	EXPECT_GT(nr_used, 0);
}

TEST_HARNESS_MAIN
