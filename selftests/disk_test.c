// SPDX-License-Identifier: GPL-2.0-only
/*
 * Direct I/O between a disk and buffers: the disk reads and writes the frames themselves.
 *
 * The results are compared, by checksums, with those of ordinary reads and writes of the same file.
 * The environment variable DISK names a file on a real block device, or such a device, whose
 * contents are lost.
 */
#include "common.h"
#include "child.h"
#include "memory.h"
#include "uring.h"

#include <sys/uio.h>

#define BYTES		(6 * MIB)
#define FILE_BYTES	(8 * MIB)
#define SECTOR		512

/* Parts of a buffer: frames, huge frames, ranges across both; and their places in the file. */
static const struct {
	size_t at;
	size_t length;
	__u64 from;
} parts[] = {
	{ 0, BYTES, 0 },
	{ HUGE_FRAME, HUGE_FRAME, FRAME },
	{ 0, FRAME, HUGE_FRAME },
	{ MIB + FRAME, HUGE_FRAME, 0 },
	{ HUGE_FRAME - FRAME, 2 * FRAME, 3 * FRAME },
	{ HUGE_FRAME - SECTOR, 2 * SECTOR, SECTOR },
	{ 3 * SECTOR, 4 * MIB, 5 * SECTOR },
	{ BYTES - FRAME, FRAME, FILE_BYTES - FRAME },
	{ BYTES - SECTOR, SECTOR, FILE_BYTES - SECTOR },
};

FIXTURE(disk)
{
	int fd;
	struct buffer buffer;	/* BYTES long, aligned to huge frames */
	char *p;
	int direct;		/* the file, FILE_BYTES of noise, without the page cache */
	int cached;		/* the file, through the page cache */
};

/* Fills memory with bytes that no other part of memory or file has. */
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

/* Number of frames of the file that are in the page cache; -1 if that is unknown. */
static int frames_cached(int cached)
{
	unsigned char resident[FILE_BYTES / FRAME];
	char *p = mmap(NULL, FILE_BYTES, PROT_READ, MAP_SHARED, cached, 0);
	int i, n = 0;

	if (p == MAP_FAILED || mincore(p, FILE_BYTES, resident))
		return -1;
	for (i = 0; i < ARRAY_SIZE(resident); i++)
		n += resident[i] & 1;
	return munmap(p, FILE_BYTES) ? -1 : n;
}

/* Takes the file out of the page cache. Pages that the kernel is just using need another try. */
static bool drop_cache(int cached)
{
	return WAIT_FOR(!posix_fadvise(cached, 0, 0, POSIX_FADV_DONTNEED) &&
			!frames_cached(cached));
}

/* Checksum of a part of the file by ordinary reads from the disk; 0 if it cannot be read. */
static __u64 file_checksum(int cached, __u64 at, size_t length)
{
	char *copy = malloc(length);
	__u64 sum = 0;

	if (drop_cache(cached) && pread(cached, copy, length, at) == length)
		sum = checksum(copy, length);
	free(copy);
	return sum;
}

static bool fill_file(int cached)
{
	char *noise = malloc(FILE_BYTES);
	bool ok;

	make_noise(noise, FILE_BYTES, 1);
	ok = pwrite(cached, noise, FILE_BYTES, 0) == FILE_BYTES && !fsync(cached);
	free(noise);
	return ok;
}

FIXTURE_SETUP(disk)
{
	const char *path = getenv("DISK");

	ASSERT_NE(NULL, path);
	self->cached = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	ASSERT_GE(self->cached, 0);
	ASSERT_TRUE(fill_file(self->cached));
	self->direct = open(path, O_RDWR | O_DIRECT | O_CLOEXEC);
	ASSERT_GE(self->direct, 0);

	self->fd = pool_open();
	ASSERT_GE(self->fd, 0);
	ASSERT_EQ(0, buffer_alloc_huge(self->fd, BYTES, &self->buffer));
	self->p = buffer_map(self->fd, &self->buffer);
	ASSERT_NE(MAP_FAILED, self->p);
}

FIXTURE_TEARDOWN_PARENT(disk)
{
	EXPECT_TRUE(wait_all_free());
}

/* Whether the buffer outside of [at, at + length) is as memset() left it. */
static bool rest_untouched(const char *p, size_t at, size_t length)
{
	size_t end = at + length;

	return (!at || all_bytes(p, PATTERN_MINE, at)) &&
	       (end == BYTES || all_bytes(p + end, PATTERN_MINE, BYTES - end));
}

TEST_F(disk, direct_io_leaves_the_page_cache_alone)
{
	ASSERT_TRUE(drop_cache(self->cached));
	ASSERT_EQ(BYTES, pread(self->direct, self->p, BYTES, 0));
	ASSERT_EQ(BYTES, pwrite(self->direct, self->p, BYTES, MIB));
	EXPECT_EQ(0, frames_cached(self->cached));
}

TEST_F(disk, direct_read_into_untouched_memory_brings_the_file)
{
	ASSERT_EQ(BYTES, pread(self->direct, self->p, BYTES, MIB));
	EXPECT_EQ(file_checksum(self->cached, MIB, BYTES), checksum(self->p, BYTES));
	EXPECT_EQ(kib_if_huge(BYTES), smaps_kib(self->p, "FilePmdMapped"));
}

TEST_F_TIMEOUT(disk, direct_read_into_a_part_brings_that_and_no_more, SLOW_TEST_SECONDS)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(parts); i++) {
		memset(self->p, PATTERN_MINE, BYTES);
		ASSERT_EQ(parts[i].length, pread(self->direct, self->p + parts[i].at,
						 parts[i].length, parts[i].from))
			TH_LOG("part %d: errno %d", i, errno);
		EXPECT_EQ(file_checksum(self->cached, parts[i].from, parts[i].length),
			  checksum(self->p + parts[i].at, parts[i].length))
			TH_LOG("part %d", i);
		EXPECT_TRUE(rest_untouched(self->p, parts[i].at, parts[i].length));
	}
	EXPECT_EQ(kib_if_huge(BYTES), smaps_kib(self->p, "FilePmdMapped"));
}

TEST_F_TIMEOUT(disk, direct_write_from_a_part_reaches_the_file, SLOW_TEST_SECONDS)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(parts); i++) {
		make_noise(self->p, BYTES, 2 + i);
		ASSERT_EQ(parts[i].length, pwrite(self->direct, self->p + parts[i].at,
						  parts[i].length, parts[i].from))
			TH_LOG("part %d: errno %d", i, errno);
		EXPECT_EQ(checksum(self->p + parts[i].at, parts[i].length),
			  file_checksum(self->cached, parts[i].from, parts[i].length))
			TH_LOG("part %d", i);
	}
}

TEST_F(disk, direct_write_and_read_give_the_same_bytes)
{
	struct buffer other;
	char *q;

	ASSERT_EQ(0, buffer_alloc(self->fd, BYTES, &other));
	q = buffer_map(self->fd, &other);
	ASSERT_NE(MAP_FAILED, q);
	make_noise(self->p, BYTES, 3);
	ASSERT_EQ(BYTES, pwrite(self->direct, self->p, BYTES, FRAME));
	ASSERT_EQ(BYTES, pread(self->direct, q, BYTES, FRAME));
	EXPECT_EQ(0, memcmp(self->p, q, BYTES));
}

TEST_F(disk, direct_io_works_on_a_single_frame)
{
	struct buffer small;
	char *q;

	ASSERT_EQ(0, buffer_alloc(self->fd, FRAME, &small));
	q = buffer_map(self->fd, &small);
	ASSERT_NE(MAP_FAILED, q);
	ASSERT_EQ(FRAME, pread(self->direct, q, FRAME, MIB));
	EXPECT_EQ(file_checksum(self->cached, MIB, FRAME), checksum(q, FRAME));
	make_noise(q, FRAME, 3);
	ASSERT_EQ(FRAME, pwrite(self->direct, q, FRAME, 3 * MIB));
	EXPECT_EQ(checksum(q, FRAME), file_checksum(self->cached, 3 * MIB, FRAME));
}

TEST_F(disk, direct_io_works_on_memory_mapped_by_frames)
{
	char *at = reserve(BYTES + 2 * HUGE_FRAME);
	char *q = buffer_map_fixed(self->fd, &self->buffer,
				   at + self->buffer.offset % HUGE_FRAME + FRAME);

	ASSERT_NE(MAP_FAILED, q);
	ASSERT_EQ(BYTES, pread(self->direct, q, BYTES, 0));
	EXPECT_EQ(0, smaps_kib(q, "FilePmdMapped"));
	EXPECT_EQ(file_checksum(self->cached, 0, BYTES), checksum(self->p, BYTES));
	make_noise(self->p, BYTES, 3);
	ASSERT_EQ(BYTES, pwrite(self->direct, q, BYTES, MIB));
	EXPECT_EQ(checksum(self->p, BYTES), file_checksum(self->cached, MIB, BYTES));
}

TEST_F(disk, scattered_direct_read_brings_the_file)
{
	struct iovec pieces[] = {
		{ .iov_base = self->p + 4 * MIB, .iov_len = HUGE_FRAME },
		{ .iov_base = self->p + MIB + FRAME, .iov_len = FRAME },
		{ .iov_base = self->p, .iov_len = MIB },
	};
	size_t i, from = 0;

	ASSERT_EQ(3 * MIB + FRAME, preadv(self->direct, pieces, ARRAY_SIZE(pieces), 0));
	for (i = 0; i < ARRAY_SIZE(pieces); i++) {
		EXPECT_EQ(file_checksum(self->cached, from, pieces[i].iov_len),
			  checksum(pieces[i].iov_base, pieces[i].iov_len));
		from += pieces[i].iov_len;
	}
}

TEST_F(disk, direct_read_into_read_only_memory_is_refused)
{
	char *q = map_raw(NULL, BYTES, PROT_READ, MAP_SHARED, self->fd, self->buffer.offset);

	ASSERT_NE(MAP_FAILED, q);
	EXPECT_EQ(-1, pread(self->direct, q, MIB, 0));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_TRUE(all_bytes(q, 0, BYTES));
	EXPECT_EQ(MIB, pwrite(self->direct, q, MIB, 0));
}

TEST_F(disk, direct_read_beyond_the_mapping_reads_up_to_its_end)
{
	char *area = reserve(BYTES + 2 * HUGE_FRAME);
	char *q = buffer_map_fixed(self->fd, &self->buffer,
				   area + self->buffer.offset % HUGE_FRAME);
	ssize_t got;

	ASSERT_NE(MAP_FAILED, q);
	got = pread(self->direct, q + BYTES - MIB, HUGE_FRAME, 0);
	/* The read may fail as a whole, or stop where the mapping ends; nothing else is written. */
	if (got < 0) {
		EXPECT_EQ(EFAULT, errno);
	} else {
		EXPECT_EQ(MIB, got);
	}
	EXPECT_TRUE(all_bytes(self->p, 0, BYTES - MIB));
	EXPECT_EQ(0, frames_present(q + BYTES, HUGE_FRAME));
}

TEST_F(disk, direct_read_by_a_child_reaches_the_parent)
{
	pid_t pid = child_fork();

	if (!pid) {
		CHILD_CHECK(pread(self->direct, self->p, BYTES, 0) == BYTES);
		_exit(0);
	}
	ASSERT_EQ(0, child_wait(pid));
	EXPECT_EQ(file_checksum(self->cached, 0, BYTES), checksum(self->p, BYTES));
}

/* Registers a ring's buffer, or returns from the test on 6.1, which registers no mapped files. */
#define REGISTER_OR_RETURN(ring, p, length) do { \
	ASSERT_TRUE(uring_open(ring)); \
	if (uring_refuses_files()) { \
		ASSERT_EQ(-EOPNOTSUPP, uring_register(ring, p, length)); \
		return; \
	} \
	ASSERT_EQ(0, uring_register(ring, p, length)); \
} while (0)

TEST_F_TIMEOUT(disk, fixed_read_brings_the_file, SLOW_TEST_SECONDS)
{
	struct uring ring;
	int i;

	REGISTER_OR_RETURN(&ring, self->p, BYTES);
	for (i = 0; i < ARRAY_SIZE(parts); i++) {
		memset(self->p, PATTERN_MINE, BYTES);
		ASSERT_EQ(parts[i].length,
			  uring_transfer(&ring, IORING_OP_READ_FIXED, self->direct, parts[i].from,
					 self->p + parts[i].at, parts[i].length))
			TH_LOG("part %d", i);
		EXPECT_EQ(file_checksum(self->cached, parts[i].from, parts[i].length),
			  checksum(self->p + parts[i].at, parts[i].length))
			TH_LOG("part %d", i);
		EXPECT_TRUE(rest_untouched(self->p, parts[i].at, parts[i].length));
	}
	EXPECT_EQ(kib_if_huge(BYTES), smaps_kib(self->p, "FilePmdMapped"));
}

TEST_F_TIMEOUT(disk, fixed_write_reaches_the_file, SLOW_TEST_SECONDS)
{
	struct uring ring;
	int i;

	REGISTER_OR_RETURN(&ring, self->p, BYTES);
	for (i = 0; i < ARRAY_SIZE(parts); i++) {
		make_noise(self->p, BYTES, 2 + i);
		ASSERT_EQ(parts[i].length,
			  uring_transfer(&ring, IORING_OP_WRITE_FIXED, self->direct, parts[i].from,
					 self->p + parts[i].at, parts[i].length))
			TH_LOG("part %d", i);
		EXPECT_EQ(checksum(self->p + parts[i].at, parts[i].length),
			  file_checksum(self->cached, parts[i].from, parts[i].length))
			TH_LOG("part %d", i);
	}
}

TEST_F(disk, fixed_io_works_on_a_single_frame)
{
	struct buffer small;
	struct uring ring;
	char *q;

	ASSERT_EQ(0, buffer_alloc(self->fd, FRAME, &small));
	q = buffer_map(self->fd, &small);
	ASSERT_NE(MAP_FAILED, q);
	REGISTER_OR_RETURN(&ring, q, FRAME);
	ASSERT_EQ(FRAME, uring_transfer(&ring, IORING_OP_READ_FIXED, self->direct, MIB, q, FRAME));
	EXPECT_EQ(file_checksum(self->cached, MIB, FRAME), checksum(q, FRAME));
	make_noise(q, FRAME, 3);
	ASSERT_EQ(FRAME, uring_transfer(&ring, IORING_OP_WRITE_FIXED, self->direct, 0, q, FRAME));
	EXPECT_EQ(checksum(q, FRAME), file_checksum(self->cached, 0, FRAME));
}

TEST_F(disk, fixed_io_outside_the_registered_part_is_refused)
{
	struct uring ring;

	REGISTER_OR_RETURN(&ring, self->p + MIB, HUGE_FRAME);
	EXPECT_EQ(-EFAULT, uring_transfer(&ring, IORING_OP_READ_FIXED, self->direct, 0,
					  self->p, FRAME));
	EXPECT_EQ(-EFAULT, uring_transfer(&ring, IORING_OP_READ_FIXED, self->direct, 0,
					  self->p + 3 * MIB, FRAME));
	EXPECT_EQ(-EFAULT, uring_transfer(&ring, IORING_OP_READ_FIXED, self->direct, 0,
					  self->p + 3 * MIB - FRAME, 2 * FRAME));
	EXPECT_TRUE(all_bytes(self->p, 0, BYTES));
	EXPECT_EQ(FRAME, uring_transfer(&ring, IORING_OP_READ_FIXED, self->direct, 0,
					self->p + 3 * MIB - FRAME, FRAME));
	EXPECT_EQ(file_checksum(self->cached, 0, FRAME),
		  checksum(self->p + 3 * MIB - FRAME, FRAME));
}

TEST_HARNESS_MAIN
