// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mappings of memory that moves: what programs do with them, how they end, what is charged, and
 * what others see of it.
 */
#include "moving.h"
#include "child.h"
#include "module.h"
#include "sigbus.h"

#include <sys/wait.h>

#define LOW		(24 * MIB)
#define BYTES		(4 * HUGE_FRAME)
#define SMALL		(48 * KIB)
#define NR_SMALL	24
#define NR_WORKERS	2
#define CLIENT_QUOTA	"/sys/class/framepool/" POOL_NAME "/client_quota"
#define SHUTDOWN	"/sys/class/framepool/" POOL_NAME "/shutdown"

/**
 * struct subject - a buffer that moves, and its mappings in this process
 * @buffer: the buffer
 * @p: mapping of all of it, by huge frames if it is long enough
 * @q: another one, by small pages, since it is not congruent
 */
struct subject {
	struct buffer buffer;
	char *p;
	char *q;
};

static struct subject subjects[1 + NR_SMALL];

FIXTURE(move_mm)
{
	struct mover mover;
	int fd;
	double end;
	unsigned int seed;
};

static bool map_subject(int fd, struct subject *subject)
{
	char *odd = reserve(2 * BYTES) + FRAME;

	subject->p = buffer_map(fd, &subject->buffer);
	subject->q = buffer_map_fixed(fd, &subject->buffer, odd);
	return subject->p != MAP_FAILED && subject->q == odd;
}

FIXTURE_SETUP(move_mm)
{
	const char *text = getenv("SEED");
	int i;

	self->seed = text ? strtoul(text, NULL, 0) : time(NULL) ^ getpid();
	TH_LOG("SEED=%u", self->seed);
	self->fd = pool_open();
	ASSERT_GE(self->fd, 0);
	ASSERT_TRUE(sides_open(&self->mover.sides, LOW));
	for (i = 0; i < ARRAY_SIZE(subjects); i++) {
		ASSERT_EQ(0, buffer_alloc_movable(self->fd, i ? SMALL : BYTES,
						  &subjects[i].buffer));
		ASSERT_TRUE(map_subject(self->fd, &subjects[i]));
	}
	self->end = seconds_now() + RACE_SECONDS;
}

FIXTURE_TEARDOWN_PARENT(move_mm)
{
	EXPECT_TRUE(wait_all_free());
}

/* What each page of each buffer contains, by worker: worker n writes every NR_WORKERS-th page. */
static __u64 shadows[ARRAY_SIZE(subjects)][BYTES / FRAME];

/* Checks some pages through one mapping, and writes them through the other. */
static void use_pages(int worker, unsigned int *seed)
{
	int which = rand_r(seed) % 3 ? 0 : rand_r(seed) % ARRAY_SIZE(subjects), i;
	struct subject *subject = &subjects[which];
	size_t pages = subject->buffer.length / FRAME, page;
	volatile __u64 *read, *write;

	for (i = 0; i < 32; i++) {
		page = (rand_r(seed) % pages) / NR_WORKERS * NR_WORKERS + worker;
		if (page >= pages)
			continue;
		read = (__u64 *)((i % 2 ? subject->p : subject->q) + page * FRAME);
		write = (__u64 *)((i % 2 ? subject->q : subject->p) + page * FRAME);
		CHILD_CHECK(read[0] == shadows[which][page]);
		CHILD_CHECK(read[511] == shadows[which][page]);
		write[0] = ++shadows[which][page];
		write[511] = shadows[which][page];
	}
}

static void remap_away_and_back(struct subject *subject, unsigned int *seed)
{
	char *to = reserve(2 * BYTES) + rand_r(seed) % 2 * FRAME;
	size_t length = subject->buffer.length;

	CHILD_CHECK(mremap(subject->q, length, length, MREMAP_MAYMOVE | MREMAP_FIXED, to) == to);
	subject->q = to;
}

/* Unmaps a part of a mapping, and maps it again. */
static void punch_hole(int fd, struct subject *subject, unsigned int *seed)
{
	size_t pages = subject->buffer.length / FRAME, at = rand_r(seed) % pages * FRAME;
	size_t length = (1 + rand_r(seed) % 3) * FRAME;

	if (at + length > subject->buffer.length)
		length = FRAME;
	CHILD_CHECK(!munmap(subject->p + at, length));
	CHILD_CHECK(map_raw(subject->p + at, length, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
			    fd, subject->buffer.offset + at) == subject->p + at);
}

static void protect(struct subject *subject, unsigned int *seed)
{
	size_t at = rand_r(seed) % (subject->buffer.length / FRAME) * FRAME;

	CHILD_CHECK(!mprotect(subject->p + at, FRAME, PROT_READ));
	touch(subject->p + at, FRAME);
	CHILD_CHECK(!mprotect(subject->p, subject->buffer.length, PROT_READ | PROT_WRITE));
}

static void advise(struct subject *subject, unsigned int *seed)
{
	static const int advices[] = {
		MADV_DONTNEED, MADV_COLD, MADV_PAGEOUT, MADV_POPULATE_WRITE,
	};
	size_t at = rand_r(seed) % (subject->buffer.length / FRAME) * FRAME;
	size_t length = rand_r(seed) % 2 ? FRAME : subject->buffer.length - at;

	/* Which of them the kernel refuses in such mappings is not this test's subject. */
	ignore(madvise(subject->p + at, length, advices[rand_r(seed) % ARRAY_SIZE(advices)]));
}

static void lock(struct subject *subject, unsigned int *seed)
{
	size_t at = rand_r(seed) % (subject->buffer.length / FRAME) * FRAME;

	CHILD_CHECK(!mlock(subject->q + at, FRAME) && !munlock(subject->q + at, FRAME));
}

/* A child reads what it inherited, and exits. */
static void fork_reader(int worker, unsigned int *seed)
{
	pid_t pid = child_fork();

	CHILD_CHECK(pid >= 0);
	if (!pid) {
		use_pages(worker, seed);
		_exit(0);
	}
	CHILD_CHECK(child_wait(pid) == 0);
}

/* A child writes pages, whose contents this process then takes over. */
static void adopt_pages(int worker)
{
	size_t page;
	int i;

	for (i = 0; i < ARRAY_SIZE(subjects); i++)
		for (page = worker; page < subjects[i].buffer.length / FRAME; page += NR_WORKERS)
			shadows[i][page] = *(volatile __u64 *)(subjects[i].p + page * FRAME);
}

static void do_anything(int fd, int worker, unsigned int *seed)
{
	struct subject *subject = &subjects[rand_r(seed) % 2 ? 0 :
					    rand_r(seed) % ARRAY_SIZE(subjects)];

	switch (rand_r(seed) % 32) {
	case 0 ... 3:
		remap_away_and_back(subject, seed);
		break;
	case 4 ... 7:
		punch_hole(fd, subject, seed);
		break;
	case 8 ... 11:
		protect(subject, seed);
		break;
	case 12 ... 17:
		advise(subject, seed);
		break;
	case 18 ... 19:
		lock(subject, seed);
		break;
	case 20:
		fork_reader(worker, seed);
		adopt_pages(worker);
		break;
	}
	use_pages(worker, seed);
}

/* Some processes with the same mappings, each with pages of its own, do anything with them. */
TEST_F(move_mm, whatever_is_done_with_mappings_nothing_is_lost)
{
	pid_t pids[NR_WORKERS];
	int i;

	ASSERT_TRUE(mover_start(&self->mover));
	for (i = 0; i < NR_WORKERS; i++) {
		pids[i] = child_fork();
		self->seed += i;
		while (!pids[i] && seconds_now() < self->end + RACE_SECONDS)
			do_anything(self->fd, i, &self->seed);
		if (!pids[i])
			_exit(0);
	}
	for (i = 0; i < NR_WORKERS; i++) {
		EXPECT_EQ(0, child_wait(pids[i]));
	}
	EXPECT_TRUE(mover_stop(&self->mover));
	EXPECT_LT(0, self->mover.cleared);
}

/* Each of its pages has two words that it writes one after the other. */
static void write_for_ever(void)
{
	volatile __u64 *words;
	__u64 turn, page;

	for (turn = 1;; turn++)
		for (page = 0; page < BYTES / FRAME; page++) {
			words = (__u64 *)(subjects[0].p + page * FRAME);
			words[0] = turn;
			words[511] = turn;
		}
}

TEST_F(move_mm, killed_writers_leave_what_they_wrote)
{
	unsigned int killed = 0;
	volatile __u64 *words;
	__u64 page, before;
	pid_t pid;

	ASSERT_TRUE(mover_start(&self->mover));
	for (; seconds_now() < self->end; killed++) {
		pid = child_fork();
		if (!pid)
			write_for_ever();
		sleep_ms(rand_r(&self->seed) % 60);
		ASSERT_EQ(CHILD_KILLED + SIGKILL, child_kill(pid));
		before = *(volatile __u64 *)subjects[0].p;
		for (page = 0; page < BYTES / FRAME; page++) {
			words = (__u64 *)(subjects[0].q + page * FRAME);
			ASSERT_TRUE(words[0] == words[511] || words[0] == words[511] + 1);
			ASSERT_TRUE(words[0] == before || words[0] + 1 == before);
			before = words[0];
		}
		memset(subjects[0].q, 0, BYTES);
	}
	TH_LOG("%u writers killed", killed);
	EXPECT_TRUE(mover_stop(&self->mover));
}

/* Clients come and go, with buffers of their own, mapped and in pipes, while these move. */
static void be_a_client(unsigned int seed)
{
	int fd = pool_open(), i, ends[2];
	struct buffer buffer;
	struct iovec page;
	char *p;

	for (i = 0; i < 4; i++) {
		if (buffer_alloc_movable(fd, rand_r(&seed) % 2 ? SMALL : HUGE_FRAME, &buffer))
			_exit(0);
		p = buffer_map(fd, &buffer);
		CHILD_CHECK(p != MAP_FAILED);
		CHILD_CHECK(frames_unstamped(p, buffer.length));
		stamp_frames(p, buffer.length, seed);
		page = (struct iovec){ p, FRAME };
		if (rand_r(&seed) % 4 == 0)
			CHILD_CHECK(!pipe(ends) && vmsplice(ends[1], &page, 1, 0) == FRAME);
		if (rand_r(&seed) % 4 == 0)
			CHILD_CHECK(!handle_free(fd, buffer.handle));
		sleep_ms(rand_r(&seed) % 8);
		touch(p, buffer.length);
	}
	_exit(0);
}

TEST_F(move_mm, clients_end_while_their_buffers_move)
{
	unsigned int nr = 0;
	pid_t pids[3];
	int i;

	ASSERT_TRUE(mover_start(&self->mover));
	for (; seconds_now() < self->end; nr += ARRAY_SIZE(pids)) {
		for (i = 0; i < ARRAY_SIZE(pids); i++) {
			pids[i] = child_fork();
			if (!pids[i])
				be_a_client(self->seed + nr + i);
		}
		for (i = 0; i < ARRAY_SIZE(pids); i++) {
			ASSERT_EQ(0, child_wait(pids[i]));
		}
	}
	TH_LOG("%u clients", nr);
	ASSERT_TRUE(WAIT_FOR(drain_pool() && !clear_low(&self->mover.sides)));
	EXPECT_TRUE(mover_stop(&self->mover));
}

static __u64 charged(int fd)
{
	struct framepool_ioc_stats stats;

	return pool_stats(fd, &stats) ? 0 : stats.client_charged_bytes;
}

TEST_F(move_mm, moves_charge_nobody_twice)
{
	unsigned int looks = 0;
	__u64 before = charged(self->fd);
	int i;

	/* Small ones may be merged into fewer huge frames, so only the long one stays. */
	for (i = 1; i <= NR_SMALL; i++) {
		ASSERT_EQ(0, munmap(subjects[i].p, SMALL) | munmap(subjects[i].q, SMALL));
		ASSERT_EQ(0, handle_free(self->fd, subjects[i].buffer.handle));
	}
	stamp_frames(subjects[0].p, BYTES, 0);
	ASSERT_TRUE(WAIT_FOR(drain_pool() && charged(self->fd) == BYTES));
	EXPECT_LT(BYTES, before);
	for (i = 0; i < 16; i++) {
		ASSERT_EQ(0, i % 2 ? clear_high(&self->mover.sides) :
				     clear_low(&self->mover.sides));
		EXPECT_EQ(BYTES, charged(self->fd));
	}
	ASSERT_TRUE(mover_start(&self->mover));
	for (; seconds_now() < self->end; looks++)
		ASSERT_EQ(BYTES, charged(self->fd));
	TH_LOG("looked %u times", looks);
	EXPECT_TRUE(mover_stop(&self->mover));
	EXPECT_TRUE(frames_stamped(subjects[0].q, BYTES, 0));
}

TEST_F(move_mm, what_is_freed_while_it_moves_is_back_when_the_call_returns)
{
	struct buffer buffer;
	int fd = pool_open(), nr_freed = 0;

	ASSERT_TRUE(mover_start(&self->mover));
	while (seconds_now() < self->end) {
		/* The mover may have all that is free. */
		if (buffer_alloc_movable(fd, BYTES, &buffer))
			continue;
		sleep_ms(nr_freed % 4);
		ASSERT_EQ(0, handle_free(fd, buffer.handle));
		ASSERT_EQ(0, charged(fd));
		nr_freed++;
	}
	TH_LOG("freed %d buffers", nr_freed);
	EXPECT_GT(nr_freed, 0);
	EXPECT_TRUE(mover_stop(&self->mover));
}

TEST_F(move_mm, clients_at_their_quota_move)
{
	struct buffer more, side;
	char quota[32];
	int fd = pool_open(), other = pool_open();

	snprintf(quota, sizeof(quota), "%lu", LOW);
	for (int i = 0; i < ARRAY_SIZE(subjects); i++)
		ASSERT_EQ(0, handle_free(self->fd, subjects[i].buffer.handle) |
			     munmap(subjects[i].p, subjects[i].buffer.length) |
			     munmap(subjects[i].q, subjects[i].buffer.length));
	subjects[0].p = movable_map(fd, BYTES, &subjects[0].buffer);
	ASSERT_NE(NULL, subjects[0].p);
	stamp_frames(subjects[0].p, BYTES, 0);
	ASSERT_EQ(0, buffer_alloc_movable(fd, LOW - BYTES, &more));
	ASSERT_EQ(0, clear_high(&self->mover.sides));
	ASSERT_EQ(0, write_file(CLIENT_QUOTA, quota));
	EXPECT_EQ(-EDQUOT, buffer_alloc(fd, FRAME, &side));
	/* The low side is full of it. */
	EXPECT_EQ(0, buffer_alloc_at(other, LOW, 0, self->mover.sides.low_end, &side));
	EXPECT_EQ(LOW, charged(fd));
	EXPECT_EQ(LOW, charged(other));
	EXPECT_EQ(-EDQUOT, buffer_alloc(fd, FRAME, &side));
	EXPECT_EQ(0, write_file(CLIENT_QUOTA, "0"));
	EXPECT_TRUE(frames_stamped(subjects[0].p, BYTES, 0));
}

/* What others' buffers have moved through reads as zeros. */
TEST_F(move_mm, memory_is_zero_where_buffers_were)
{
	struct buffer side;
	int i, turn;
	char *p;

	for (i = 0; i < ARRAY_SIZE(subjects); i++)
		memset(subjects[i].p, PATTERN_MINE, subjects[i].buffer.length);
	for (turn = 0; turn < 4; turn++) {
		ASSERT_EQ(0, buffer_alloc_at(self->mover.sides.fd,
					     turn % 2 ? self->mover.sides.high : LOW, 0,
					     turn % 2 ? 0 : self->mover.sides.low_end, &side));
		p = buffer_map(self->mover.sides.fd, &side);
		ASSERT_NE(MAP_FAILED, p);
		EXPECT_TRUE(all_bytes(p, 0, side.length));
		ASSERT_EQ(0, munmap(p, side.length));
		ASSERT_EQ(0, handle_free(self->mover.sides.fd, side.handle));
	}
	for (i = 0; i < ARRAY_SIZE(subjects); i++) {
		EXPECT_TRUE(all_bytes(subjects[i].q, PATTERN_MINE, subjects[i].buffer.length));
	}
	EXPECT_NE(-1, overwrite_pool(self->mover.sides.fd));
	for (i = 0; i < ARRAY_SIZE(subjects); i++) {
		EXPECT_TRUE(all_bytes(subjects[i].p, PATTERN_MINE, subjects[i].buffer.length));
	}
}

/* A buffer in two places, or at one, must not keep the module from being shut down. */
TEST_F(move_mm, pool_is_shut_down_while_memory_moves)
{
	pid_t pid, writer;

	EXPECT_EQ(-EWOULDBLOCK, unload());
	pid = child_fork();
	if (!pid) {
		move_memory(&self->mover);
		_exit(self->mover.error == -ENODEV ? 0 : 1);
	}
	writer = child_fork();
	if (!writer)
		write_for_ever();
	sleep_ms(500);
	ASSERT_EQ(0, write_file(SHUTDOWN, "1"));
	EXPECT_EQ(CHILD_KILLED + SIGBUS, child_wait(writer));
	EXPECT_EQ(0, child_wait(pid));
	catch_sigbus();
	EXPECT_EQ(BUS_ADRERR, sigbus_code(subjects[0].p, false));
	EXPECT_EQ(BUS_ADRERR, sigbus_code(subjects[1].q, true));
	EXPECT_EQ(-EWOULDBLOCK, unload());
	ASSERT_EQ(0, close(self->fd) | close(self->mover.sides.fd));
	for (int i = 0; i < ARRAY_SIZE(subjects); i++) {
		ASSERT_EQ(0, munmap(subjects[i].p, subjects[i].buffer.length));
		ASSERT_EQ(0, munmap(subjects[i].q, subjects[i].buffer.length));
	}
	ASSERT_TRUE(WAIT_FOR(!unload()));
	ASSERT_EQ(0, load(USUAL_PARAMETERS));
}

TEST_HARNESS_MAIN
