// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kernel's references to memory that may move: pipes, direct I/O, io_uring, and accesses from
 * other processes, while somebody makes all of it move to and fro. Whoever has a reference to a
 * page must see what the program writes through its mapping, and the program what others write.
 *
 * The environment variable DISK names a file on a real block device, or such a device, whose
 * contents are lost.
 */
#include "moving.h"
#include "child.h"
#include "uring.h"

#include <sys/ptrace.h>

#define LOW		(24 * MIB)
#define BYTES		(3 * HUGE_FRAME)
#define SMALL		(64 * KIB)
#define NR_SMALL	32
#define PIPE_FRAMES	8
#define DISK_BYTES	(1 * MIB)
#define SPLIT_SECONDS	60	/* how long to wait for a buffer in two places */

FIXTURE(move_pipe)
{
	struct mover mover;
	int fd;
	struct buffer buffer, small[NR_SMALL];
	char *p, *q[NR_SMALL];		/* where they are mapped */
	double end;
};

FIXTURE_SETUP(move_pipe)
{
	int i;

	self->fd = pool_open();
	ASSERT_GE(self->fd, 0);
	ASSERT_TRUE(sides_open(&self->mover.sides, LOW));
	self->p = movable_map(self->fd, BYTES, &self->buffer);
	ASSERT_NE(NULL, self->p);
	for (i = 0; i < NR_SMALL; i++) {
		self->q[i] = movable_map(self->fd, SMALL, &self->small[i]);
		ASSERT_NE(NULL, self->q[i]);
	}
	ASSERT_TRUE(mover_start(&self->mover));
	self->end = seconds_now() + RACE_SECONDS;
}

FIXTURE_TEARDOWN_PARENT(move_pipe)
{
	EXPECT_TRUE(wait_all_free());
}

/* Some pages of some buffer; @nr is at most PIPE_FRAMES. */
static char *some_pages(FIXTURE_DATA(move_pipe) *self, unsigned int turn, size_t nr)
{
	size_t length = turn % 2 ? SMALL : BYTES;
	char *p = turn % 2 ? self->q[turn / 2 % NR_SMALL] : self->p;

	return p + turn * 7919UL % (length / FRAME - nr + 1) * FRAME;
}

static void write_words(char *p, size_t nr, __u64 value)
{
	size_t i;

	for (i = 0; i < nr; i++) {
		((volatile __u64 *)(p + i * FRAME))[0] = value + i;
		((volatile __u64 *)(p + i * FRAME))[511] = value + i;
	}
}

static bool has_words(const char *p, size_t nr, __u64 value)
{
	size_t i;

	for (i = 0; i < nr; i++)
		if (((volatile __u64 *)(p + i * FRAME))[0] != value + i ||
		    ((volatile __u64 *)(p + i * FRAME))[511] != value + i)
			return false;
	return true;
}

static bool reads_words(int fd, size_t nr, __u64 value)
{
	static char copy[PIPE_FRAMES * FRAME];
	size_t got = 0;
	ssize_t n;

	while (got < nr * FRAME) {
		n = read(fd, copy + got, nr * FRAME - got);
		if (n <= 0)
			return false;
		got += n;
	}
	return has_words(copy, nr, value);
}

/*
 * What is in a pipe is what is in the mapping, not a copy. So it is what the program wrote last,
 * while the pipe had references and the mover tried to move the pages.
 */
TEST_F(move_pipe, pipes_have_what_was_written_last)
{
	int first[2], second[2], file = memfd_create("sink", 0);
	unsigned int turn = 0;
	struct iovec pages;

	ASSERT_EQ(0, pipe(first) | pipe(second));
	for (; seconds_now() < self->end; turn++) {
		pages.iov_base = some_pages(self, turn, PIPE_FRAMES);
		pages.iov_len = PIPE_FRAMES * FRAME;
		write_words(pages.iov_base, PIPE_FRAMES, turn);
		ASSERT_EQ(pages.iov_len, vmsplice(first[1], &pages, 1, 0));
		ASSERT_EQ(pages.iov_len, tee(first[0], second[1], pages.iov_len, 0));
		sleep_ms(turn % 4);
		write_words(pages.iov_base, PIPE_FRAMES, turn + 1000000);
		ASSERT_TRUE(reads_words(first[0], PIPE_FRAMES, turn + 1000000));
		sleep_ms(turn % 2);
		write_words(pages.iov_base, PIPE_FRAMES, turn + 2000000);
		ASSERT_EQ(0, lseek(file, 0, SEEK_SET));
		ASSERT_EQ(pages.iov_len, splice(second[0], NULL, file, NULL, pages.iov_len, 0));
		ASSERT_EQ(0, lseek(file, 0, SEEK_SET));
		ASSERT_TRUE(reads_words(file, PIPE_FRAMES, turn + 2000000));
		ASSERT_TRUE(has_words(pages.iov_base, PIPE_FRAMES, turn + 2000000));
	}
	TH_LOG("%u times", turn);
	EXPECT_TRUE(mover_stop(&self->mover));
	EXPECT_LT(0, self->mover.cleared);
}

static void make_noise(char *p, size_t length, __u64 seed)
{
	__u64 *words = (__u64 *)p, x = seed * 2 + 1;
	size_t i;

	for (i = 0; i < length / sizeof(x); i++) {
		x = x * 6364136223846793005ULL + 1442695040888963407ULL;
		words[i] = x ^ x >> 29;
	}
}

static __u64 checksum(const char *p, size_t length)
{
	__u64 word, sum = length;
	size_t i;

	for (i = 0; i < length; i += sizeof(word)) {
		memcpy(&word, p + i, sizeof(word));
		sum = (sum ^ word) * 1099511628211ULL;
		sum ^= sum >> 31;
	}
	return sum;
}

/* Writes noise to the file and reads it back, through @transfer, from and to the buffer. */
static void transfer_noise(struct __test_metadata *_metadata, FIXTURE_DATA(move_pipe) *self,
			   ssize_t (*transfer)(bool write, int file, char *p))
{
	int file = open(getenv("DISK") ?: "", O_RDWR | O_CREAT | O_DIRECT | O_CLOEXEC, 0600);
	unsigned int turn = 0;
	char *from, *to;
	__u64 sum;

	ASSERT_GE(file, 0);
	for (; seconds_now() < self->end; turn++) {
		from = self->p + turn % 3 * HUGE_FRAME + turn % 5 * FRAME;
		to = self->p + (turn + 1) % 3 * HUGE_FRAME + turn % 7 * FRAME;
		make_noise(from, DISK_BYTES, turn);
		sum = checksum(from, DISK_BYTES);
		memset(to, 0, DISK_BYTES);
		ASSERT_EQ(DISK_BYTES, transfer(true, file, from));
		ASSERT_EQ(DISK_BYTES, transfer(false, file, to));
		ASSERT_EQ(sum, checksum(to, DISK_BYTES));
		ASSERT_EQ(sum, checksum(from, DISK_BYTES));
	}
	TH_LOG("%u times", turn);
	EXPECT_TRUE(mover_stop(&self->mover));
	EXPECT_LT(0, self->mover.cleared);
}

static ssize_t transfer_directly(bool write, int file, char *p)
{
	return write ? pwrite(file, p, DISK_BYTES, 0) : pread(file, p, DISK_BYTES, 0);
}

TEST_F(move_pipe, direct_io_loses_nothing)
{
	transfer_noise(_metadata, self, transfer_directly);
}

static struct uring ring;

/* Registers the memory, transfers, and lets go of it. */
static ssize_t transfer_by_ring(bool write, int file, char *p)
{
	int ret = uring_register(&ring, p, DISK_BYTES);
	ssize_t n;

	if (ret)
		return ret;
	n = uring_transfer(&ring, write ? IORING_OP_WRITE_FIXED : IORING_OP_READ_FIXED, file, 0, p,
			   DISK_BYTES);
	return uring_unregister(&ring) ?: n;
}

TEST_F(move_pipe, registered_buffers_lose_nothing)
{
	ASSERT_TRUE(uring_open(&ring));
	if (uring_refuses_files())
		SKIP(return, "this kernel registers no file mappings");
	transfer_noise(_metadata, self, transfer_by_ring);
}

/* A child that has the same mappings, and waits. */
static pid_t fork_sleeper(void)
{
	pid_t pid = child_fork();

	while (!pid)
		pause();
	return pid;
}

TEST_F(move_pipe, accesses_of_other_processes_lose_nothing)
{
	static char out[PIPE_FRAMES * FRAME], in[PIPE_FRAMES * FRAME];
	struct iovec mine = { out, sizeof(out) }, theirs = { .iov_len = sizeof(out) };
	pid_t pid = fork_sleeper();
	unsigned int turn = 0;

	ASSERT_LT(0, pid);
	for (; seconds_now() < self->end; turn++) {
		theirs.iov_base = some_pages(self, turn, PIPE_FRAMES);
		mine.iov_base = out;
		make_noise(out, sizeof(out), turn);
		ASSERT_EQ(sizeof(out), process_vm_writev(pid, &mine, 1, &theirs, 1, 0));
		ASSERT_EQ(0, memcmp(out, theirs.iov_base, sizeof(out)));
		make_noise(theirs.iov_base, sizeof(out), turn + 1000000);
		mine.iov_base = in;
		ASSERT_EQ(sizeof(in), process_vm_readv(pid, &mine, 1, &theirs, 1, 0));
		ASSERT_EQ(0, memcmp(in, theirs.iov_base, sizeof(in)));
	}
	TH_LOG("%u times", turn);
	EXPECT_EQ(CHILD_KILLED + SIGKILL, child_kill(pid));
	EXPECT_TRUE(mover_stop(&self->mover));
	EXPECT_LT(0, self->mover.cleared);
}

TEST_F(move_pipe, debuggers_lose_nothing)
{
	pid_t pid = fork_sleeper();
	unsigned int turn = 0;
	volatile long *word;
	int status;

	ASSERT_LT(0, pid);
	ASSERT_EQ(0, ptrace(PTRACE_ATTACH, pid, NULL, NULL));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	for (; seconds_now() < self->end; turn++) {
		word = (long *)some_pages(self, turn, 1);
		ASSERT_EQ(0, ptrace(PTRACE_POKEDATA, pid, word, (long)turn));
		ASSERT_EQ(turn, *word);
		*word = turn + 1000000;
		ASSERT_EQ(turn + 1000000, ptrace(PTRACE_PEEKDATA, pid, word, NULL));
	}
	TH_LOG("%u times", turn);
	EXPECT_EQ(CHILD_KILLED + SIGKILL, child_kill(pid));
	EXPECT_TRUE(mover_stop(&self->mover));
	EXPECT_LT(0, self->mover.cleared);
}

/**
 * struct split - a buffer whose last huge frame stays, while references to its first come and go
 * @lock: held while its first page is in @first
 * @p: where it is mapped
 * @buffer: the buffer
 * @first: a pipe, empty while @lock is not held
 * @last: a pipe that has its last page
 * @stop: ends the thread that uses @first
 */
struct split {
	pthread_mutex_t lock;
	char *p;
	struct buffer buffer;
	int first[2];
	int last[2];
	volatile bool stop;
};

static void *hold_first_page(void *arg)
{
	struct split *split = arg;
	static char copy[FRAME];
	struct iovec page = { .iov_len = FRAME };
	unsigned int turn = 0;
	bool well = true;

	for (; well && !split->stop; turn++) {
		pthread_mutex_lock(&split->lock);
		page.iov_base = split->p;
		well = vmsplice(split->first[1], &page, 1, 0) == FRAME;
		usleep(turn % 8 * 1000);
		well = well && read(split->first[0], copy, FRAME) == FRAME &&
		       !memcmp(copy, split->p, FRAME);
		pthread_mutex_unlock(&split->lock);
		usleep(turn % 3 * 1000);
	}
	return well ? NULL : arg;
}

static bool split_open(int fd, struct split *split)
{
	struct iovec page = { .iov_len = FRAME };

	split->p = movable_map(fd, BYTES, &split->buffer);
	if (!split->p || pipe(split->last))
		return false;
	stamp_frames(split->p, BYTES, 0);
	page.iov_base = split->p + BYTES - FRAME;
	return vmsplice(split->last[1], &page, 1, 0) == FRAME;
}

static bool split_close(int fd, struct split *split)
{
	static char copy[FRAME];
	bool well = !munmap(split->p, BYTES) && !handle_free(fd, split->buffer.handle) &&
		    read(split->last[0], copy, FRAME) == FRAME &&
		    frames_stamped(copy, FRAME, BYTES / FRAME - 1);

	close(split->last[0]);
	close(split->last[1]);
	return well;
}

/*
 * The last huge frame of the buffer cannot move, so the first goes back, unless it is referenced
 * by then. The buffer is in two places then, and PIN fails. All is well with it, also if it is
 * freed like that. On a slow machine it takes a while until that has happened.
 */
TEST_F(move_pipe, buffers_in_two_places_lose_nothing)
{
	static struct split split = { .lock = PTHREAD_MUTEX_INITIALIZER };
	unsigned int whole = 0, parted = 0;
	pthread_t thread;
	void *result;
	int ret;

	ASSERT_EQ(0, pipe(split.first));
	ASSERT_TRUE(split_open(self->fd, &split));
	ASSERT_EQ(0, pthread_create(&thread, NULL, hold_first_page, &split));
	while (seconds_now() < self->end + (parted > 1 ? 0 : SPLIT_SECONDS)) {
		ret = buffer_pin(self->fd, split.buffer.handle, FRAMEPOOL_IOC_PIN, NULL);
		ASSERT_TRUE(!ret || ret == -EBUSY);
		EXPECT_TRUE(frames_stamped(split.p, BYTES, 0));
		if (!ret) {
			whole++;
			ASSERT_EQ(0, buffer_pin(self->fd, split.buffer.handle,
						FRAMEPOOL_IOC_UNPIN, NULL));
			sleep_ms(5);
			continue;
		}
		if (parted++ % 2)
			continue;
		pthread_mutex_lock(&split.lock);
		ASSERT_TRUE(split_close(self->fd, &split));
		ASSERT_TRUE(WAIT_FOR(split_open(self->fd, &split)));
		pthread_mutex_unlock(&split.lock);
	}
	split.stop = true;
	ASSERT_EQ(0, pthread_join(thread, &result));
	EXPECT_EQ(NULL, result);
	TH_LOG("whole %u times, in two places %u times", whole, parted);
	EXPECT_GT(parted, 1);
	ASSERT_TRUE(split_close(self->fd, &split));
	ASSERT_TRUE(WAIT_FOR(drain_pool() && !clear_low(&self->mover.sides)));
	EXPECT_TRUE(mover_stop(&self->mover));
}

/*
 * A small buffer that was never mapped, so that its memory counts as clean, moves to where another
 * buffer was that a pipe still has a page of. When all of it is free, nobody else may get it.
 */
TEST_F(move_pipe, memory_that_a_pipe_has_goes_to_nobody_after_a_move)
{
	static char copy[FRAME];
	struct buffer x, y, z;
	int other, ends[2];
	struct iovec page;
	__u64 length, start, end;
	char *p;

	EXPECT_TRUE(mover_stop(&self->mover));
	ASSERT_EQ(0, close(self->mover.sides.fd) | close(self->fd));
	ASSERT_EQ(0, munmap(self->p, BYTES));
	for (size_t i = 0; i < NR_SMALL; i++)
		ASSERT_EQ(0, munmap(self->q[i], SMALL));
	self->fd = pool_open();
	other = pool_open();
	ASSERT_TRUE(wait_free(other, POOL_BYTES));
	length = keep_largest_extent(other, &start);
	ASSERT_NE(0, length);
	/* Both in the first huge frame; z in any other. */
	end = start + HUGE_FRAME;
	ASSERT_EQ(0, buffer_alloc_any(self->fd, MOVABLE, HUGE_FRAME / 2, 0, end, &x));
	ASSERT_EQ(0, buffer_alloc_any(self->fd, MOVABLE, HUGE_FRAME / 2, 0, end, &y));
	ASSERT_EQ(0, buffer_alloc_movable(self->fd, HUGE_FRAME / 2, &z));
	p = buffer_map(self->fd, &x);
	ASSERT_NE(MAP_FAILED, p);
	ASSERT_EQ(0, pipe(ends));
	memset(p, PATTERN_MINE, x.length);
	page = (struct iovec){ p, FRAME };
	ASSERT_EQ(FRAME, vmsplice(ends[1], &page, 1, 0));
	ASSERT_EQ(0, munmap(p, x.length));
	ASSERT_EQ(0, handle_free(self->fd, x.handle));
	/* All but the first huge frame: z must move to where x was. */
	ASSERT_EQ(0, buffer_alloc(other, length - HUGE_FRAME, &x));
	ASSERT_EQ(0, handle_free(other, x.handle));
	ASSERT_EQ(0, handle_free(self->fd, y.handle));
	ASSERT_EQ(0, handle_free(self->fd, z.handle));
	ASSERT_EQ(0, close(self->fd));
	EXPECT_EQ(length / HUGE_FRAME - 1, overwrite_pool(other));
	ASSERT_EQ(FRAME, read(ends[0], copy, FRAME));
	EXPECT_NE(PATTERN_OTHER, (unsigned char)copy[0]);
	EXPECT_NE(PATTERN_OTHER, (unsigned char)copy[FRAME - 1]);
}

TEST_HARNESS_MAIN
