// SPDX-License-Identifier: GPL-2.0-only
/* How buffers come into page tables, by which size, and how they leave them again. */
#include "common.h"
#include "child.h"
#include "memory.h"

#include <sys/resource.h>
#include <sys/uio.h>

#define BYTES	(8 * MIB)

FIXTURE(fault)
{
	int fd;
	struct buffer buffer;	/* BYTES long, aligned to huge frames */
	char *p;
};

FIXTURE_SETUP(fault)
{
	self->fd = pool_open();
	ASSERT_GE(self->fd, 0);
	ASSERT_EQ(0, buffer_alloc_huge(self->fd, BYTES, &self->buffer));
	self->p = buffer_map(self->fd, &self->buffer);
	ASSERT_NE(MAP_FAILED, self->p);
}

FIXTURE_TEARDOWN_PARENT(fault)
{
	EXPECT_TRUE(wait_all_free());
}

static long minor_faults(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_minflt;
}

/*
 * Maps a buffer into a reserved area where no huge entry fits: one frame off the
 * congruent address. The area is SKEWED_AREA long.
 */
#define SKEWED_AREA	(BYTES + 2 * HUGE_FRAME)

static char *map_skewed(int fd, const struct buffer *buffer, char *area)
{
	return buffer_map_fixed(fd, buffer, area + buffer->offset % HUGE_FRAME + FRAME);
}

TEST_F(fault, mapping_is_lazy)
{
	unsigned char resident[BYTES / FRAME];
	int i;

	EXPECT_EQ(0, frames_present(self->p, BYTES));
	EXPECT_EQ(0, smaps_kib(self->p, "Rss"));
	ASSERT_EQ(0, mincore(self->p, BYTES, resident));
	for (i = 0; i < ARRAY_SIZE(resident); i++) {
		ASSERT_EQ(0, resident[i] & 1);
	}
}

TEST_F(fault, first_touch_reads_zeros)
{
	EXPECT_TRUE(all_bytes(self->p, 0, BYTES));
}

TEST_F(fault, first_touch_maps_huge_frames)
{
	long before = minor_faults();

	touch(self->p, BYTES);
	EXPECT_LE(minor_faults() - before, 16);
	EXPECT_EQ(BYTES / KIB, smaps_kib(self->p, "FilePmdMapped"));
	EXPECT_EQ(BYTES / KIB, smaps_kib(self->p, "Rss"));
	EXPECT_EQ(BYTES / FRAME, frames_present(self->p, BYTES));
	EXPECT_TRUE(is_contiguous(self->p, BYTES));
}

TEST_F(fault, huge_mapping_is_resident_for_mincore)
{
	unsigned char resident[BYTES / FRAME];
	int i;

	touch(self->p, BYTES);
	ASSERT_EQ(0, mincore(self->p, BYTES, resident));
	for (i = 0; i < ARRAY_SIZE(resident); i++) {
		ASSERT_EQ(1, resident[i] & 1);
	}
}

TEST_F(fault, one_touch_maps_no_more_than_a_huge_frame)
{
	touch(self->p + 5 * MIB, FRAME);
	EXPECT_EQ(HUGE_FRAME / FRAME, frames_present(self->p + 4 * MIB, HUGE_FRAME));
	EXPECT_EQ(HUGE_FRAME / FRAME, frames_present(self->p, BYTES));
}

TEST_F(fault, partial_huge_frame_is_mapped_by_frames)
{
	struct buffer buffer;
	char *p;

	ASSERT_EQ(0, buffer_alloc_huge(self->fd, 3 * MIB + FRAME, &buffer));
	p = buffer_map(self->fd, &buffer);
	ASSERT_NE(MAP_FAILED, p);
	touch(p, buffer.length);
	EXPECT_EQ(HUGE_FRAME / KIB, smaps_kib(p, "FilePmdMapped"));
	EXPECT_EQ(buffer.length / FRAME, frames_present(p, buffer.length));
	EXPECT_EQ(buffer.length / KIB, smaps_kib(p, "Rss"));
}

TEST_F(fault, skewed_mapping_uses_frames_with_right_data)
{
	char *p = map_skewed(self->fd, &self->buffer, reserve(SKEWED_AREA));

	ASSERT_NE(MAP_FAILED, p);
	stamp_frames(self->p, BYTES, 0);
	EXPECT_TRUE(frames_stamped(p, BYTES, 0));
	EXPECT_EQ(0, smaps_kib(p, "FilePmdMapped"));
	EXPECT_EQ(physical_address(self->p), physical_address(p));
	EXPECT_TRUE(is_contiguous(p, BYTES));
	EXPECT_EQ(0, munmap(p, BYTES));
	EXPECT_TRUE(frames_stamped(self->p, BYTES, 0));
}

TEST_F(fault, two_mappings_share_bytes)
{
	char *twin = buffer_map(self->fd, &self->buffer);

	ASSERT_NE(MAP_FAILED, twin);
	stamp_frames(self->p, BYTES, 0);
	EXPECT_TRUE(frames_stamped(twin, BYTES, 0));
	stamp_frames(twin, BYTES, 7);
	EXPECT_TRUE(frames_stamped(self->p, BYTES, 7));
	EXPECT_EQ(0, munmap(self->p, BYTES));
	EXPECT_TRUE(frames_stamped(twin, BYTES, 7));
}

TEST_F(fault, forked_child_shares_bytes)
{
	pid_t pid;

	stamp_frames(self->p, BYTES / 2, 0);
	pid = child_fork();
	if (!pid) {
		CHILD_CHECK(frames_stamped(self->p, BYTES / 2, 0));
		stamp_frames(self->p, BYTES, 7);
		_exit(0);
	}
	ASSERT_EQ(0, child_wait(pid));
	EXPECT_TRUE(frames_stamped(self->p, BYTES, 7));
}

TEST_F(fault, read_only_mapping_sees_writes)
{
	char *p = map_raw(NULL, BYTES, PROT_READ, MAP_SHARED, self->fd, self->buffer.offset);

	ASSERT_NE(MAP_FAILED, p);
	EXPECT_TRUE(all_bytes(p, 0, BYTES));
	stamp_frames(self->p, BYTES, 0);
	EXPECT_TRUE(frames_stamped(p, BYTES, 0));
}

TEST_F(fault, write_after_mprotect_arrives)
{
	char *p = map_raw(NULL, BYTES, PROT_READ, MAP_SHARED, self->fd, self->buffer.offset);

	ASSERT_NE(MAP_FAILED, p);
	touch(p, BYTES);
	ASSERT_EQ(0, mprotect(p + MIB, BYTES / 2, PROT_READ | PROT_WRITE));
	stamp_frames(p + MIB, BYTES / 2, 0);
	EXPECT_TRUE(frames_stamped(self->p + MIB, BYTES / 2, 0));
	EXPECT_TRUE(all_bytes(self->p, 0, MIB));
	EXPECT_TRUE(all_bytes(self->p + MIB + BYTES / 2, 0, BYTES / 2 - MIB));
}

/* A handler, for the kernel logs a signal that nobody handles. */
static void exit_by_signal(int signal)
{
	_exit(signal);
}

TEST_F(fault, write_to_read_only_mapping_is_a_segmentation_fault)
{
	pid_t pid;

	touch(self->p, BYTES);
	ASSERT_EQ(0, mprotect(self->p, BYTES, PROT_READ));
	pid = child_fork();
	if (!pid) {
		signal(SIGSEGV, exit_by_signal);
		*(volatile char *)self->p = 1;
		_exit(0);
	}
	EXPECT_EQ(SIGSEGV, child_wait(pid));
	EXPECT_EQ(0, *self->p);
}

TEST_F(fault, populated_mapping_is_complete)
{
	char *p = map_raw(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE,
			  self->fd, self->buffer.offset);
	long before;

	ASSERT_NE(MAP_FAILED, p);
	EXPECT_EQ(BYTES / FRAME, frames_present(p, BYTES));
	before = minor_faults();
	touch(p, BYTES);
	EXPECT_LE(minor_faults() - before, 4);
}

TEST_F(fault, process_vm_calls_reach_the_buffer)
{
	static char copy[64 * KIB];
	struct iovec here = { .iov_base = copy, .iov_len = sizeof(copy) };
	struct iovec there = { .iov_base = self->p + MIB, .iov_len = sizeof(copy) };

	stamp_frames(self->p, BYTES, 0);
	ASSERT_EQ(sizeof(copy), process_vm_readv(getpid(), &here, 1, &there, 1, 0));
	EXPECT_TRUE(frames_stamped(copy, sizeof(copy), MIB / FRAME));

	stamp_frames(copy, sizeof(copy), 7);
	ASSERT_EQ(sizeof(copy), process_vm_writev(getpid(), &here, 1, &there, 1, 0));
	EXPECT_TRUE(frames_stamped(self->p + MIB, sizeof(copy), 7));
}

TEST_F(fault, process_vm_calls_fault_untouched_memory_in)
{
	char byte = 'x';
	struct iovec here = { .iov_base = &byte, .iov_len = 1 };
	struct iovec there = { .iov_base = self->p + 3 * FRAME, .iov_len = 1 };

	ASSERT_EQ(1, process_vm_readv(getpid(), &here, 1, &there, 1, 0));
	EXPECT_EQ(0, byte);
	byte = 'y';
	there.iov_base = self->p + 5 * MIB;
	ASSERT_EQ(1, process_vm_writev(getpid(), &here, 1, &there, 1, 0));
	EXPECT_EQ('y', self->p[5 * MIB]);
}

TEST_F(fault, proc_mem_reaches_the_buffer)
{
	int mem = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
	char byte = 'x';

	ASSERT_GE(mem, 0);
	ASSERT_EQ(1, pwrite(mem, &byte, 1, (unsigned long)self->p + MIB));
	EXPECT_EQ('x', self->p[MIB]);
	self->p[MIB + 1] = 'y';
	ASSERT_EQ(1, pread(mem, &byte, 1, (unsigned long)self->p + MIB + 1));
	EXPECT_EQ('y', byte);
}

TEST_F(fault, vmspliced_frames_arrive)
{
	static char copy[8 * FRAME];
	struct iovec frames = { .iov_base = self->p + MIB, .iov_len = sizeof(copy) };
	int ends[2];

	stamp_frames(self->p, BYTES, 0);
	ASSERT_EQ(0, pipe(ends));
	ASSERT_EQ(sizeof(copy), vmsplice(ends[1], &frames, 1, 0));
	ASSERT_EQ(sizeof(copy), read(ends[0], copy, sizeof(copy)));
	EXPECT_TRUE(frames_stamped(copy, sizeof(copy), MIB / FRAME));
}

TEST_F(fault, system_calls_read_and_write_the_buffer)
{
	int file = memfd_create("file", MFD_CLOEXEC);

	ASSERT_GE(file, 0);
	stamp_frames(self->p, BYTES, 0);
	ASSERT_EQ(MIB, pwrite(file, self->p, MIB, 0));
	ASSERT_EQ(MIB, pread(file, self->p + 3 * MIB, MIB, 0));
	EXPECT_TRUE(frames_stamped(self->p + 3 * MIB, MIB, 0));
}

TEST_F(fault, hole_in_huge_mapping_leaves_the_rest)
{
	size_t at = 3 * MIB + FRAME, end = at + 2 * FRAME;

	stamp_frames(self->p, BYTES, 0);
	ASSERT_EQ(0, munmap(self->p + at, end - at));
	EXPECT_TRUE(frames_stamped(self->p, at, 0));
	EXPECT_TRUE(frames_stamped(self->p + end, BYTES - end, end / FRAME));
	EXPECT_FALSE(is_readable(self->p + at));
	EXPECT_FALSE(is_readable(self->p + end - FRAME));
	EXPECT_TRUE(is_readable(self->p + at - FRAME));
	EXPECT_TRUE(is_readable(self->p + end));
}

TEST_F(fault, hole_in_untouched_mapping_leaves_the_rest)
{
	size_t at = 3 * MIB + FRAME, end = at + 2 * FRAME;

	ASSERT_EQ(0, munmap(self->p + at, end - at));
	stamp_frames(self->p, at, 0);
	stamp_frames(self->p + end, BYTES - end, end / FRAME);
	EXPECT_EQ(0, frames_present(self->p + at, end - at));
	EXPECT_FALSE(is_readable(self->p + at));
	EXPECT_TRUE(frames_stamped(self->p, at, 0));
	EXPECT_TRUE(frames_stamped(self->p + end, BYTES - end, end / FRAME));
}

TEST_F(fault, every_second_frame_unmapped_leaves_the_others)
{
	size_t at;

	stamp_frames(self->p, HUGE_FRAME, 0);
	for (at = 0; at < HUGE_FRAME; at += 2 * FRAME) {
		ASSERT_EQ(0, munmap(self->p + at, FRAME));
	}
	for (at = 0; at < HUGE_FRAME; at += 2 * FRAME) {
		ASSERT_TRUE(frames_stamped(self->p + at + FRAME, FRAME, at / FRAME + 1));
	}
}

/* One of the rounds that must leave nothing behind: map, touch in some way, unmap. */
static bool map_touch_unmap(int fd, const struct buffer *buffer, char *area, int round)
{
	size_t part = (1 + round % 16) * 4 * FRAME;
	char *p = round % 2 ? buffer_map(fd, buffer) : map_skewed(fd, buffer, area);

	if (p == MAP_FAILED)
		return false;
	touch(p + round % 512 * FRAME, part);
	p[round % 512 * FRAME] = round;
	if (round % 3 == 0 && munmap(p + MIB, FRAME))
		return false;
	return round % 2 ? !munmap(p, buffer->length) : reserve_again(p, buffer->length);
}

static bool same_usage(const struct framepool_ioc_stats *a, const struct framepool_ioc_stats *b)
{
	return a->used_bytes == b->used_bytes && a->free_bytes == b->free_bytes &&
	       a->quarantined_bytes == b->quarantined_bytes && a->buffers == b->buffers;
}

TEST_F_TIMEOUT(fault, thousand_mappings_leave_counts_as_they_were, SLOW_TEST_SECONDS)
{
	struct framepool_ioc_stats before, after;
	struct framepool_ioc_query query;
	char *area = reserve(SKEWED_AREA);
	long file_kib;
	int round;

	touch(self->p, BYTES);
	file_kib = status_kib("RssFile");
	ASSERT_EQ(0, pool_stats(self->fd, &before));
	for (round = 0; round < 1000; round++) {
		ASSERT_TRUE(map_touch_unmap(self->fd, &self->buffer, area, round));
	}

	ASSERT_EQ(0, pool_stats(self->fd, &after));
	EXPECT_TRUE(same_usage(&before, &after));
	EXPECT_EQ(file_kib, status_kib("RssFile"));
	ASSERT_EQ(0, handle_query(self->fd, self->buffer.handle, &query));
	EXPECT_EQ(BYTES, query.mapped_bytes);

	/* Only a frame whose references are back where they were leaves the quarantine. */
	ASSERT_EQ(0, munmap(self->p, BYTES));
	ASSERT_EQ(0, handle_free(self->fd, self->buffer.handle));
	EXPECT_TRUE(wait_idle(self->fd, 1));
}

TEST_F(fault, resident_memory_is_counted_while_mapped)
{
	long before = status_kib("RssFile");

	touch(self->p, BYTES);
	EXPECT_EQ(before + BYTES / KIB, status_kib("RssFile"));
	ASSERT_EQ(0, munmap(self->p, BYTES));
	EXPECT_EQ(before, status_kib("RssFile"));
}

TEST_HARNESS_MAIN
