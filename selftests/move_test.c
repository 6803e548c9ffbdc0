// SPDX-License-Identifier: GPL-2.0-only
/* Memory that moves: what is in the way of a long run goes elsewhere, and nothing is lost. */
#include "moving.h"

#define MAX_BUFFERS	16384

FIXTURE(move)
{
	int fd, other;
	__u64 free_bytes;
};

FIXTURE_SETUP(move)
{
	struct framepool_ioc_stats stats;

	self->fd = pool_open();
	self->other = pool_open();
	ASSERT_GE(self->fd, 0);
	ASSERT_GE(self->other, 0);
	ASSERT_EQ(0, pool_stats(self->fd, &stats));
	self->free_bytes = stats.free_bytes;
}

FIXTURE_TEARDOWN_PARENT(move)
{
	EXPECT_TRUE(wait_all_free());
}

static struct buffer buffers[MAX_BUFFERS];
static unsigned long *mapped[MAX_BUFFERS];

static int nr_buffers;

/* Allocates buffers until the pool is full, each mapped, and filled with its number. */
static void fill(int fd, __u32 flags, size_t length)
{
	struct buffer *buffer;
	size_t i;

	for (nr_buffers = 0; nr_buffers < MAX_BUFFERS; nr_buffers++) {
		buffer = &buffers[nr_buffers];
		if (buffer_alloc_any(fd, flags, length, 0, 0, buffer))
			break;
		mapped[nr_buffers] = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
					  buffer->offset);
		for (i = 0; i < length / 8; i += 64)
			mapped[nr_buffers][i] = (unsigned long)nr_buffers << 32 | i;
	}
}

static bool is_intact(int nr, size_t length)
{
	size_t i;

	for (i = 0; i < length / 8; i += 64)
		if (mapped[nr][i] != ((unsigned long)nr << 32 | i))
			return false;
	return true;
}

static int drop(int fd, int nr, size_t length)
{
	if (munmap(mapped[nr], length))
		return -errno;
	mapped[nr] = NULL;
	return handle_free(fd, buffers[nr].handle);
}

static void free_every_other(struct __test_metadata *_metadata, int fd, size_t length)
{
	int i;

	for (i = 0; i < nr_buffers; i += 2)
		ASSERT_EQ(0, drop(fd, i, length));
}

static void check_rest(struct __test_metadata *_metadata, size_t length)
{
	int i;

	for (i = 1; i < nr_buffers; i += 2)
		ASSERT_TRUE(is_intact(i, length));
}

static void make_room(struct __test_metadata *_metadata, FIXTURE_DATA(move) *self, size_t length,
		      size_t wanted)
{
	struct buffer big;

	fill(self->fd, MOVABLE, length);
	TH_LOG("%d buffers", nr_buffers);
	free_every_other(_metadata, self->fd, length);
	ASSERT_EQ(0, buffer_alloc(self->other, possible_at_once(self->fd, wanted), &big));
	check_rest(_metadata, length);
	EXPECT_EQ(0, handle_free(self->other, big.handle));
}

TEST_F(move, runs_make_room)
{
	make_room(_metadata, self, 4 * MIB, 100 * MIB);
}

TEST_F(move, huge_frames_make_room)
{
	make_room(_metadata, self, HUGE_FRAME, 120 * MIB);
}

TEST_F(move, small_buffers_make_room)
{
	make_room(_metadata, self, 128 * KIB, 120 * MIB);
}

/* Such requests must not look for something to move: no place of the pool would do. */
TEST_F(move, alignments_beyond_all_memory_are_refused)
{
	struct buffer movable, buffer;
	int shift, ret;

	ASSERT_EQ(0, buffer_alloc_any(self->fd, MOVABLE, 4 * MIB, 0, 0, &movable));
	for (shift = 22; shift < 64; shift++) {
		ret = buffer_alloc_any(self->other, 0, HUGE_FRAME, 1ULL << shift, 0, &buffer);
		if (shift > 45) {
			EXPECT_EQ(-ENOSPC, ret);
		} else if (!ret) {
			EXPECT_EQ(0, handle_free(self->other, buffer.handle));
		}
	}
}

TEST_F(move, unmovable_buffers_stay)
{
	struct buffer big;

	fill(self->fd, 0, 4 * MIB);
	free_every_other(_metadata, self->fd, 4 * MIB);
	EXPECT_EQ(-ENOSPC, buffer_alloc(self->other, 16 * MIB, &big));
	check_rest(_metadata, 4 * MIB);
}

TEST_F(move, pins_are_counted_and_tell_the_address)
{
	struct framepool_ioc_query query = { .size = sizeof(query) };
	struct buffer buffer;
	__u64 address;
	char *p;

	ASSERT_EQ(0, buffer_alloc_any(self->fd, MOVABLE, HUGE_FRAME + 1, 0, 0, &buffer));
	EXPECT_EQ(2 * HUGE_FRAME, buffer.length);
	query.handle = buffer.handle;
	ASSERT_EQ(0, call(self->fd, FRAMEPOOL_IOC_QUERY, &query));
	EXPECT_EQ(FRAMEPOOL_ADDRESS_MOVES, query.address);
	EXPECT_EQ(-EINVAL, buffer_pin(self->fd, buffer.handle, FRAMEPOOL_IOC_UNPIN, NULL));
	EXPECT_EQ(-ENOENT, buffer_pin(self->other, buffer.handle, FRAMEPOOL_IOC_PIN, NULL));
	EXPECT_EQ(0, buffer_pin(self->fd, buffer.handle, FRAMEPOOL_IOC_PIN, &address));
	EXPECT_EQ(0, buffer_pin(self->fd, buffer.handle, FRAMEPOOL_IOC_PIN, NULL));
	p = buffer_map(self->fd, &buffer);
	EXPECT_EQ(address, physical_address(p));
	ASSERT_EQ(0, buffer_pin(self->fd, buffer.handle, FRAMEPOOL_IOC_UNPIN, NULL));
	ASSERT_EQ(0, call(self->fd, FRAMEPOOL_IOC_QUERY, &query));
	EXPECT_EQ(address, query.address);
	EXPECT_EQ(0, buffer_pin(self->fd, buffer.handle, FRAMEPOOL_IOC_UNPIN, NULL));
	EXPECT_EQ(-EINVAL, buffer_pin(self->fd, buffer.handle, FRAMEPOOL_IOC_UNPIN, NULL));
	ASSERT_EQ(0, call(self->fd, FRAMEPOOL_IOC_QUERY, &query));
	EXPECT_EQ(FRAMEPOOL_ADDRESS_MOVES, query.address);
}

static void stays(struct __test_metadata *_metadata, FIXTURE_DATA(move) *self, size_t length,
		  int (*hold)(int fd, int nr), void (*release)(int fd, int nr))
{
	struct buffer big;
	int i;

	fill(self->fd, MOVABLE, length);
	for (i = 1; i < nr_buffers; i += 2)
		ASSERT_EQ(0, hold(self->fd, i));
	free_every_other(_metadata, self->fd, length);
	ASSERT_GT(0, buffer_alloc(self->other, 32 * MIB, &big));
	check_rest(_metadata, length);
	for (i = 1; i < nr_buffers; i += 2)
		release(self->fd, i);
	EXPECT_EQ(0, buffer_alloc(self->other, 32 * MIB, &big));
	check_rest(_metadata, length);
}

static int hold_by_pin(int fd, int nr)
{
	return buffer_pin(fd, buffers[nr].handle, FRAMEPOOL_IOC_PIN, NULL);
}

static void release_pin(int fd, int nr)
{
	ignore(buffer_pin(fd, buffers[nr].handle, FRAMEPOOL_IOC_UNPIN, NULL));
}

TEST_F(move, pinned_buffers_stay)
{
	stays(_metadata, self, 4 * MIB, hold_by_pin, release_pin);
}

static int pipes[MAX_BUFFERS][2];

/* The last page, so that the huge frames before it have moved and must go back. */
static int hold_by_pipe(int fd, int nr)
{
	return hold_page((char *)mapped[nr] + buffers[nr].length - FRAME, pipes[nr]);
}

static void release_pipe(int fd, int nr)
{
	close(pipes[nr][0]);
	close(pipes[nr][1]);
}

TEST_F(move, referenced_buffers_stay)
{
	stays(_metadata, self, 4 * MIB, hold_by_pipe, release_pipe);
}

TEST_F(move, referenced_small_buffers_stay)
{
	stays(_metadata, self, 512 * KIB, hold_by_pipe, release_pipe);
}

static int hold_by_export(int fd, int nr)
{
	pipes[nr][0] = buffer_export_part(fd, buffers[nr].handle, 0, 0, buffers[nr].length / 2);
	return pipes[nr][0] < 0 ? pipes[nr][0] : 0;
}

static void release_export(int fd, int nr)
{
	close(pipes[nr][0]);
}

TEST_F(move, exported_buffers_stay)
{
	stays(_metadata, self, 4 * MIB, hold_by_export, release_export);
}

TEST_F(move, pin_of_a_dmabuf_is_not_the_programs)
{
	struct buffer buffer;
	int fd;

	ASSERT_EQ(0, buffer_alloc_any(self->fd, MOVABLE, HUGE_FRAME, 0, 0, &buffer));
	fd = buffer_export(self->fd, &buffer);
	ASSERT_GE(fd, 0);
	EXPECT_EQ(-EINVAL, buffer_pin(self->fd, buffer.handle, FRAMEPOOL_IOC_UNPIN, NULL));
	close(fd);
}

/* Buffers that threads write while they move. */
#define NR_WRITTEN	48
#define NR_WRITERS	3

struct written {
	struct buffer buffer;
	volatile __u64 *p;
	__u64 *shadow;		/* what each page contains */
};

static struct written written[NR_WRITTEN];
static volatile bool stop;

/* Each page has one writer. Returns the number of pages that were not as they were left. */
static void *write_pages(void *arg)
{
	unsigned long thread = (unsigned long)arg, lost = 0, page, i;
	struct written *w;

	while (!stop)
		for (i = 0; i < NR_WRITTEN; i++) {
			w = &written[i];
			for (page = thread; page < w->buffer.length / FRAME; page += NR_WRITERS) {
				lost += w->p[page * FRAME / 8] != w->shadow[page] ||
					w->p[page * FRAME / 8 + 511] != w->shadow[page];
				w->shadow[page]++;
				w->p[page * FRAME / 8] = w->shadow[page];
				w->p[page * FRAME / 8 + 511] = w->shadow[page];
			}
		}
	return (void *)lost;
}

static void begin_written(struct __test_metadata *_metadata, int fd)
{
	struct written *w;

	for (w = written; w < written + NR_WRITTEN; w++) {
		size_t length = w - written < 16 ? 2 * HUGE_FRAME : w - written < 24 ? HUGE_FRAME :
				(w - written) * 4 * FRAME;

		ASSERT_EQ(0, buffer_alloc_any(fd, MOVABLE, length, 0, 0, &w->buffer));
		w->p = (__u64 *)buffer_map(fd, &w->buffer);
		ASSERT_NE(NULL, w->p);
		w->shadow = calloc(length / FRAME, 8);
	}
}

TEST_F_TIMEOUT(move, writers_lose_nothing, SLOW_TEST_SECONDS)
{
	pthread_t threads[NR_WRITERS];
	struct buffer big;
	unsigned long i;
	void *lost;
	int round, j;

	begin_written(_metadata, self->fd);
	for (i = 0; i < NR_WRITERS; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, write_pages, (void *)i));
	for (round = 0; round < 10; round++) {
		fill(self->other, MOVABLE, round % 2 ? HUGE_FRAME : 3 * HUGE_FRAME);
		for (j = 0; j < nr_buffers; j++)
			if ((j + round) % 3)
				ASSERT_EQ(0, drop(self->other, j, buffers[j].length));
		EXPECT_EQ(0, buffer_alloc(self->fd, possible_at_once(self->fd, 60 * MIB), &big));
		EXPECT_EQ(0, handle_free(self->fd, big.handle));
		for (j = 0; j < nr_buffers; j++)
			if (mapped[j]) {
				EXPECT_TRUE(is_intact(j, buffers[j].length));
				ASSERT_EQ(0, drop(self->other, j, buffers[j].length));
			}
	}
	stop = true;
	for (i = 0; i < NR_WRITERS; i++) {
		ASSERT_EQ(0, pthread_join(threads[i], &lost));
		EXPECT_EQ(NULL, lost);
	}
	TH_LOG("%llu bytes moved", summary_number("moved"));
}

#define LOW		(16 * MIB)
#define MOST_LONG	(64 * MIB)
#define NR_ALIGNED	96
#define ALIGN		(64 * KIB)

static __u64 address_of(int fd, __u64 handle)
{
	__u64 address;

	if (buffer_pin(fd, handle, FRAMEPOOL_IOC_PIN, &address) ||
	    buffer_pin(fd, handle, FRAMEPOOL_IOC_UNPIN, NULL))
		return 1;
	return address;
}

/* Small buffers in several huge frames, so that some move to where others of them were. */
TEST_F(move, small_buffers_stay_aligned)
{
	struct sides sides;
	int i, turn;

	ASSERT_TRUE(sides_open(&sides, LOW));
	for (i = 0; i < NR_ALIGNED; i++)
		ASSERT_EQ(0, buffer_alloc_any(self->fd, MOVABLE, 3 * FRAME, ALIGN, 0, &buffers[i]));
	for (i = 0; i < NR_ALIGNED; i++)
		if (i % 3)
			ASSERT_EQ(0, handle_free(self->fd, buffers[i].handle));
	for (turn = 0; turn < 4; turn++) {
		ASSERT_EQ(0, turn % 2 ? clear_high(&sides) : clear_low(&sides));
		for (i = 0; i < NR_ALIGNED; i += 3)
			ASSERT_EQ(0, address_of(self->fd, buffers[i].handle) % ALIGN);
	}
	EXPECT_LE(NR_ALIGNED, summary_number("moves"));
}

TEST_F(move, buffers_stay_below_their_limit)
{
	static const size_t lengths[] = { FRAME, 3 * FRAME, HUGE_FRAME, 2 * HUGE_FRAME };
	struct buffer *buffer, rest;
	struct sides sides;
	int i;

	ASSERT_TRUE(sides_open(&sides, LOW));
	for (i = 0; i < ARRAY_SIZE(lengths); i++) {
		buffer = &buffers[i];
		ASSERT_EQ(0, buffer_alloc_any(self->fd, MOVABLE, lengths[i], 0, sides.low_end,
					      buffer));
		EXPECT_EQ(-ENOSPC, clear_low(&sides));
		EXPECT_GT(sides.low_end, address_of(self->fd, buffer->handle));
		ASSERT_EQ(0, handle_free(self->fd, buffer->handle));
		ASSERT_TRUE(WAIT_FOR(drain_pool() && !clear_low(&sides)));
	}
	/* Below it, they do move: the last one to the beginning. */
	ASSERT_EQ(0, buffer_alloc_at(self->other, LOW / 2, 0, sides.low_end, &rest));
	ASSERT_EQ(0, buffer_alloc_any(self->fd, MOVABLE, FRAME, 0, sides.low_end, buffer));
	ASSERT_EQ(0, handle_free(self->other, rest.handle));
	EXPECT_EQ(0, buffer_alloc_at(self->other, LOW - HUGE_FRAME, 0, sides.low_end, &rest));
	EXPECT_GT(sides.low_end, address_of(self->fd, buffer->handle));
}

/**
 * struct standing - a thread that writes to memory, and looks at the clock
 * @p: the memory
 * @length: its length
 * @longest: the longest time between two writes, in seconds
 * @stop: ends it
 */
struct standing {
	volatile char *p;
	size_t length;
	double longest;
	volatile bool stop;
};

static void *measure_gaps(void *arg)
{
	struct standing *standing = arg;
	double before = seconds_now(), now;
	size_t at = 0;

	while (!standing->stop) {
		standing->p[at]++;
		at = (at + 509 * FRAME) % standing->length;
		now = seconds_now();
		if (now - before > standing->longest)
			standing->longest = now - before;
		before = now;
	}
	return NULL;
}

/* Each huge frame of it is away while it is copied, not all of them while all are copied. */
TEST_F_TIMEOUT(move, long_buffer_is_never_away_for_long, SLOW_TEST_SECONDS)
{
	struct standing standing = { .length = MOST_LONG };
	struct framepool_ioc_info info;
	struct buffer buffer;
	struct sides sides;
	double idle, begin;
	pthread_t thread;
	int i;

	ASSERT_EQ(0, pool_info(self->fd, &info));
	if (info.largest_extent_bytes < 2 * MOST_LONG + 8 * HUGE_FRAME)
		standing.length = info.largest_extent_bytes / 3 / HUGE_FRAME * HUGE_FRAME;
	ASSERT_TRUE(sides_open(&sides, standing.length));
	standing.p = movable_map(self->fd, standing.length, &buffer);
	ASSERT_NE(NULL, standing.p);
	touch((char *)standing.p, standing.length);
	ASSERT_EQ(0, pthread_create(&thread, NULL, measure_gaps, &standing));
	sleep_ms(1000);
	idle = standing.longest;
	standing.longest = 0;
	begin = seconds_now();
	for (i = 0; i < 4; i++)
		ASSERT_EQ(0, i % 2 ? clear_high(&sides) : clear_low(&sides));
	TH_LOG("%zu bytes in %.1f ms; the writer stood still for %.3f ms, before for %.3f ms",
	       standing.length, (seconds_now() - begin) / 4 * 1000, standing.longest * 1000,
	       idle * 1000);
	EXPECT_GT(5, standing.longest);
	standing.stop = true;
	ASSERT_EQ(0, pthread_join(thread, NULL));
}

TEST_HARNESS_MAIN
