// SPDX-License-Identifier: GPL-2.0-only
/* How buffers are mapped and unmapped, and by page table entries of which size. */
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

/* Number of faults of this process so far. The first call may add one by itself. */
static long minor_faults(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_minflt;
}

/* Number of faults that reading or writing a byte of each frame takes. */
static long faults_of_touch(char *p, size_t length, bool write)
{
	long before;
	size_t at;

	minor_faults();
	before = minor_faults();
	for (at = 0; at < length; at += FRAME) {
		volatile char *byte = p + at;

		if (write)
			*byte = 1;
		else
			(void)*byte;
	}
	return minor_faults() - before;
}

/*
 * Maps a buffer into a reserved area of SKEWED_AREA bytes, one frame off the congruent address, so
 * that no huge entry fits.
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
	EXPECT_EQ(BYTES / fault_bytes(), faults_of_touch(self->p, BYTES, false));
	EXPECT_EQ(kib_if_huge(BYTES), smaps_kib(self->p, "FilePmdMapped"));
	EXPECT_EQ(BYTES / KIB, smaps_kib(self->p, "Rss"));
	EXPECT_EQ(BYTES / FRAME, frames_present(self->p, BYTES));
	EXPECT_TRUE(is_contiguous(self->p, BYTES));
}

TEST_F(fault, first_write_maps_huge_frames)
{
	EXPECT_EQ(BYTES / fault_bytes(), faults_of_touch(self->p, BYTES, true));
	EXPECT_EQ(kib_if_huge(BYTES), smaps_kib(self->p, "FilePmdMapped"));
}

TEST_F(fault, write_after_read_takes_no_fault)
{
	touch(self->p, BYTES);
	EXPECT_EQ(0, faults_of_touch(self->p, BYTES, true));
	EXPECT_EQ(kib_if_huge(BYTES), smaps_kib(self->p, "FilePmdMapped"));
}

TEST_F(fault, huge_frames_of_a_buffer_without_alignment_take_a_fault_each)
{
	struct buffer buffer;
	char *p;

	ASSERT_EQ(0, buffer_alloc(self->fd, 5 * MIB + FRAME, &buffer));
	p = buffer_map(self->fd, &buffer);
	ASSERT_NE(MAP_FAILED, p);
	/* A run of that length begins at a huge frame: two huge frames, and a tail of frames. */
	EXPECT_EQ(2 * HUGE_FRAME / fault_bytes() + (MIB + FRAME) / FRAME,
		  faults_of_touch(p, buffer.length, true));
	EXPECT_EQ(kib_if_huge(2 * HUGE_FRAME), smaps_kib(p, "FilePmdMapped"));
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
	EXPECT_EQ(fault_bytes() / FRAME, frames_present(self->p + 4 * MIB, HUGE_FRAME));
	EXPECT_EQ(fault_bytes() / FRAME, frames_present(self->p, BYTES));
}

TEST_F(fault, partial_huge_frame_is_mapped_by_frames)
{
	struct buffer buffer;
	char *p;

	ASSERT_EQ(0, buffer_alloc_huge(self->fd, 3 * MIB + FRAME, &buffer));
	p = buffer_map(self->fd, &buffer);
	ASSERT_NE(MAP_FAILED, p);
	touch(p, buffer.length);
	EXPECT_EQ(kib_if_huge(HUGE_FRAME), smaps_kib(p, "FilePmdMapped"));
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

/* The signal is handled, because the kernel logs it otherwise. */
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

	ASSERT_NE(MAP_FAILED, p);
	EXPECT_EQ(BYTES / FRAME, frames_present(p, BYTES));
	EXPECT_EQ(kib_if_huge(BYTES), smaps_kib(p, "FilePmdMapped"));
	EXPECT_EQ(0, faults_of_touch(p, BYTES, true));
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

/* How much of [p, p + length) is mapped huge. Makes that range a mapping of its own. */
static long huge_kib(void *p, size_t length)
{
	/* smaps shows a part with other access rights as a mapping of its own. */
	if (mprotect(p, length, PROT_READ))
		return -1;
	return smaps_kib(p, "FilePmdMapped");
}

TEST_F(fault, hole_keeps_the_other_huge_frames_huge)
{
	size_t present;

	touch(self->p, BYTES);
	ASSERT_EQ(0, munmap(self->p + 3 * MIB, FRAME));
	EXPECT_EQ(kib_if_huge(HUGE_FRAME), huge_kib(self->p, HUGE_FRAME));
	EXPECT_EQ(kib_if_huge(2 * HUGE_FRAME), huge_kib(self->p + 2 * HUGE_FRAME, 2 * HUGE_FRAME));

	/* The one with the hole is mapped by frames until it is mapped anew. */
	touch(self->p + HUGE_FRAME, MIB);
	EXPECT_EQ(0, huge_kib(self->p + HUGE_FRAME, MIB));
	present = frames_present(self->p + HUGE_FRAME, HUGE_FRAME);
	EXPECT_EQ(HUGE_FRAME / FRAME - 1,
		  present + faults_of_touch(self->p + 3 * MIB + FRAME, MIB - FRAME, false));
}

TEST_F(fault, unmapped_huge_frames_leave_the_rest_huge)
{
	stamp_frames(self->p, BYTES, 0);
	ASSERT_EQ(0, munmap(self->p, HUGE_FRAME));
	ASSERT_EQ(0, munmap(self->p + 3 * HUGE_FRAME, HUGE_FRAME));
	EXPECT_EQ(kib_if_huge(2 * HUGE_FRAME), smaps_kib(self->p + HUGE_FRAME, "FilePmdMapped"));
	EXPECT_EQ(0, faults_of_touch(self->p + HUGE_FRAME, 2 * HUGE_FRAME, true));
	EXPECT_FALSE(is_readable(self->p + HUGE_FRAME - FRAME));
	EXPECT_FALSE(is_readable(self->p + 3 * HUGE_FRAME));
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

/* A round that must leave nothing behind: maps, touches in some way, and unmaps. */
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

	/* A frame leaves the quarantine only when its reference count is what it was. */
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

/* Counts in the kernel's trace how often this process takes its mmap_lock for reading. */
#define TRACING		"/sys/kernel/debug/tracing/"
#define LOCK_EVENT	TRACING "events/mmap_lock/mmap_lock_acquire_returned/"

static int lines_traced(void)
{
	FILE *trace = fopen(TRACING "trace", "re");
	char line[512];
	int n = 0;

	while (trace && fgets(line, sizeof(line), trace))
		n += line[0] != '#';
	return trace && !fclose(trace) ? n : -1;
}

static int locks_of_touch(char *p, size_t length)
{
	char filter[64];
	int on = open(TRACING "tracing_on", O_WRONLY | O_CLOEXEC), n;

	snprintf(filter, sizeof(filter), "common_pid == %d && write == 0", getpid());
	/* Recording the names of programs would make the kernel patch its own code. */
	if (pwrite(on, "0", 1, 0) != 1 || write_file(TRACING "options/record-cmd", "0") ||
	    write_file(LOCK_EVENT "filter", filter) || write_file(LOCK_EVENT "enable", "1"))
		return -1;
	close(open(TRACING "trace", O_WRONLY | O_TRUNC | O_CLOEXEC));	/* empties it */
	if (pwrite(on, "1", 1, 0) != 1)
		return -1;
	faults_of_touch(p, length / 2, false);
	faults_of_touch(p + length / 2, length / 2, true);
	n = pwrite(on, "0", 1, 0) == 1 ? lines_traced() : -1;
	close(on);
	if (write_file(LOCK_EVENT "enable", "0") || write_file(LOCK_EVENT "filter", "0"))
		return -1;
	return n;
}

/* Faults of files take the lock of their mapping from 6.12 on, and the mmap_lock before. */
TEST_F(fault, faults_take_the_mmap_lock_only_where_faults_of_files_do)
{
	int file = memfd_create("file", MFD_CLOEXEC), of_file, of_buffer;
	char *area = reserve(SKEWED_AREA);
	char *p;

	ASSERT_EQ(0, ftruncate(file, MIB));
	p = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	ASSERT_NE(MAP_FAILED, p);
	of_file = locks_of_touch(p, MIB);
	ASSERT_GE(of_file, 0);
	of_buffer = locks_of_touch(self->p, BYTES);
	EXPECT_EQ(of_file ? BYTES / HUGE_FRAME : 0, of_buffer);

	p = map_skewed(self->fd, &self->buffer, area);
	ASSERT_NE(MAP_FAILED, p);
	EXPECT_EQ(of_file ? MIB / FRAME : 0, locks_of_touch(p, MIB));
}

TEST_HARNESS_MAIN
