// SPDX-License-Identifier: GPL-2.0-only
/* What mmap() and its relatives accept and refuse: offsets, protections, sizes. */
#include "common.h"
#include "memory.h"

#define BYTES	(4 * MIB)

FIXTURE(mmap)
{
	int fd;
	struct buffer buffer;	/* BYTES long, aligned to huge frames */
	char *p;
};

FIXTURE_SETUP(mmap)
{
	self->fd = pool_open();
	ASSERT_GE(self->fd, 0);
	ASSERT_EQ(0, buffer_alloc_huge(self->fd, BYTES, &self->buffer));
	self->p = buffer_map(self->fd, &self->buffer);
	ASSERT_NE(MAP_FAILED, self->p);
}

FIXTURE_TEARDOWN_PARENT(mmap)
{
	EXPECT_TRUE(wait_all_free());
}

static int map_shared_errno(int fd, size_t length, __u64 offset)
{
	return map_errno(length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset);
}

TEST_F(mmap, address_without_hint_is_congruent)
{
	static const size_t lengths[] = {
		HUGE_FRAME, HUGE_FRAME + FRAME, 3 * MIB + FRAME, 8 * MIB,
	};
	struct buffer buffer;
	char *p;
	int i;

	for (i = 0; i < ARRAY_SIZE(lengths); i++) {
		ASSERT_EQ(0, buffer_alloc(self->fd, lengths[i], &buffer));
		p = buffer_map(self->fd, &buffer);
		ASSERT_NE(MAP_FAILED, p);
		EXPECT_EQ(buffer.offset % fault_bytes(), (unsigned long)p % fault_bytes());
	}
}

TEST_F(mmap, part_of_buffer_is_mapped)
{
	char *part;

	stamp_frames(self->p, BYTES, 0);
	part = map_raw(NULL, MIB, PROT_READ, MAP_SHARED, self->fd, self->buffer.offset + MIB);
	ASSERT_NE(MAP_FAILED, part);
	EXPECT_TRUE(frames_stamped(part, MIB, MIB / FRAME));

	part = map_raw(NULL, FRAME, PROT_READ, MAP_SHARED, self->fd,
		       self->buffer.offset + BYTES - FRAME);
	ASSERT_NE(MAP_FAILED, part);
	EXPECT_TRUE(frames_stamped(part, FRAME, (BYTES - FRAME) / FRAME));
}

TEST_F(mmap, length_zero_is_refused)
{
	EXPECT_EQ(EINVAL, map_shared_errno(self->fd, 0, self->buffer.offset));
}

TEST_F(mmap, length_within_a_frame_maps_the_frame)
{
	EXPECT_EQ(0, map_shared_errno(self->fd, 1, self->buffer.offset));
	EXPECT_EQ(0, map_shared_errno(self->fd, 1, self->buffer.offset + BYTES - FRAME));
}

TEST_F(mmap, unaligned_offset_is_refused)
{
	EXPECT_EQ(EINVAL, map_shared_errno(self->fd, FRAME, self->buffer.offset + 1));
	EXPECT_EQ(EINVAL, map_shared_errno(self->fd, FRAME, self->buffer.offset + FRAME / 2));
}

TEST_F(mmap, offset_outside_the_buffer_is_refused)
{
	__u64 start = self->buffer.offset, end = start + BYTES;

	EXPECT_EQ(ENXIO, map_shared_errno(self->fd, FRAME, end));
	EXPECT_EQ(ENXIO, map_shared_errno(self->fd, FRAME, end + BYTES));
	if (start > BUFFERS_FROM) {
		EXPECT_EQ(ENXIO, map_shared_errno(self->fd, FRAME, start - FRAME));
	}
}

TEST_F(mmap, range_across_an_end_of_the_buffer_is_refused)
{
	__u64 start = self->buffer.offset, end = start + BYTES;

	EXPECT_EQ(ENXIO, map_shared_errno(self->fd, BYTES + FRAME, start));
	EXPECT_EQ(ENXIO, map_shared_errno(self->fd, 2 * BYTES, start));
	EXPECT_EQ(ENXIO, map_shared_errno(self->fd, FRAME + 1, end - FRAME));
	EXPECT_EQ(ENXIO, map_shared_errno(self->fd, BYTES, start + FRAME));
	if (start > BUFFERS_FROM) {
		EXPECT_EQ(ENXIO, map_shared_errno(self->fd, 2 * FRAME, start - FRAME));
	}
}

TEST_F(mmap, range_over_two_buffers_is_refused)
{
	struct buffer buffers[16];
	__u64 length;
	int i, j;

	/* Whatever offsets they got, map from the start of one buffer to the end of another. */
	for (i = 0; i < ARRAY_SIZE(buffers); i++) {
		ASSERT_EQ(0, buffer_alloc(self->fd, HUGE_FRAME, &buffers[i]));
		for (j = 0; j < i; j++) {
			if (buffers[j].offset > buffers[i].offset)
				continue;
			length = buffers[i].offset + HUGE_FRAME - buffers[j].offset;
			EXPECT_EQ(ENXIO, map_shared_errno(self->fd, length, buffers[j].offset));
		}
	}
}

TEST_F(mmap, offset_never_given_out_is_refused)
{
	static const __u64 offsets[] = {
		BUFFERS_FROM, BUFFERS_FROM + FRAME, BUFFERS_FROM + HUGE_FRAME,
		2 * BUFFERS_FROM - FRAME, 2 * BUFFERS_FROM, (1ULL << 44) - FRAME, 1ULL << 44,
		1ULL << 62, (1ULL << 63) - FRAME, 1ULL << 63, -2 * FRAME,
	};
	int i, other = pool_open();

	ASSERT_GE(other, 0);
	for (i = 0; i < ARRAY_SIZE(offsets); i++) {
		EXPECT_EQ(ENXIO, map_shared_errno(other, FRAME, offsets[i]))
			TH_LOG("offset %#llx", offsets[i]);
	}
}

TEST_F(mmap, offset_of_freed_buffer_is_refused)
{
	ASSERT_EQ(0, handle_free(self->fd, self->buffer.handle));
	EXPECT_EQ(ENXIO, map_shared_errno(self->fd, BYTES, self->buffer.offset));
	EXPECT_EQ(ENXIO, map_shared_errno(self->fd, FRAME, self->buffer.offset));

	ASSERT_EQ(0, munmap(self->p, BYTES));
	EXPECT_EQ(ENXIO, map_shared_errno(self->fd, FRAME, self->buffer.offset));
}

TEST_F(mmap, offset_of_other_client_is_refused)
{
	int other = pool_open();

	ASSERT_GE(other, 0);
	EXPECT_EQ(ENXIO, map_shared_errno(other, BYTES, self->buffer.offset));
	EXPECT_EQ(ENXIO, map_shared_errno(other, FRAME, self->buffer.offset));
}

TEST_F(mmap, private_mapping_is_refused)
{
	EXPECT_EQ(EINVAL, map_errno(FRAME, PROT_READ, MAP_PRIVATE, self->fd,
				    self->buffer.offset));
	EXPECT_EQ(EINVAL, map_errno(FRAME, PROT_READ | PROT_WRITE, MAP_PRIVATE, self->fd,
				    self->buffer.offset));
}

TEST_F(mmap, executable_mapping_is_refused)
{
	EXPECT_EQ(EPERM, map_errno(FRAME, PROT_READ | PROT_EXEC, MAP_SHARED, self->fd,
				   self->buffer.offset));
	EXPECT_EQ(EPERM, map_errno(FRAME, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_SHARED,
				   self->fd, self->buffer.offset));
}

TEST_F(mmap, mprotect_exec_is_refused)
{
	ASSERT_EQ(-1, mprotect(self->p, FRAME, PROT_READ | PROT_EXEC));
	EXPECT_EQ(EACCES, errno);
	ASSERT_EQ(-1, mprotect(self->p, BYTES, PROT_READ | PROT_WRITE | PROT_EXEC));
	EXPECT_EQ(EACCES, errno);
}

TEST_F(mmap, writing_through_read_only_descriptor_is_refused)
{
	int fd = open_errno(DEVICE, O_RDONLY);
	struct buffer buffer;
	char *p;

	ASSERT_GE(fd, 0);
	ASSERT_EQ(0, buffer_alloc(fd, FRAME, &buffer));
	EXPECT_EQ(EACCES, map_shared_errno(fd, FRAME, buffer.offset));
	p = map_raw(NULL, FRAME, PROT_READ, MAP_SHARED, fd, buffer.offset);
	ASSERT_NE(MAP_FAILED, p);
	EXPECT_EQ(0, *p);
	EXPECT_EQ(-1, mprotect(p, FRAME, PROT_READ | PROT_WRITE));
	EXPECT_EQ(EACCES, errno);
}

TEST_F(mmap, write_only_descriptor_is_refused)
{
	int fd = open_errno(DEVICE, O_WRONLY);
	struct buffer buffer;

	ASSERT_GE(fd, 0);
	ASSERT_EQ(0, buffer_alloc(fd, FRAME, &buffer));
	EXPECT_EQ(EACCES, map_shared_errno(fd, FRAME, buffer.offset));
}

TEST_F(mmap, vma_neither_grows_nor_is_dumped)
{
	EXPECT_TRUE(smaps_has_flag(self->p, " de"));
	EXPECT_TRUE(smaps_has_flag(self->p, " dd"));
	EXPECT_FALSE(smaps_has_flag(self->p, " me"));
	EXPECT_EQ(-1, madvise(self->p, BYTES, MADV_DODUMP));
	EXPECT_EQ(EINVAL, errno);
}

TEST_F(mmap, mremap_growth_is_refused)
{
	struct buffer buffer;
	char *half, *area = reserve(4 * BYTES);

	EXPECT_EQ(MAP_FAILED, mremap(self->p, BYTES, BYTES + FRAME, 0));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(MAP_FAILED, mremap(self->p, BYTES, 2 * BYTES, MREMAP_MAYMOVE));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(MAP_FAILED, mremap(self->p, BYTES, 2 * BYTES, MREMAP_MAYMOVE | MREMAP_FIXED,
				     area));
	EXPECT_EQ(EFAULT, errno);

	/* It is refused within the buffer as well. */
	ASSERT_EQ(0, buffer_alloc(self->fd, BYTES, &buffer));
	half = map_raw(NULL, BYTES / 2, PROT_READ, MAP_SHARED, self->fd, buffer.offset);
	ASSERT_NE(MAP_FAILED, half);
	EXPECT_EQ(MAP_FAILED, mremap(half, BYTES / 2, BYTES, MREMAP_MAYMOVE));
	EXPECT_EQ(EFAULT, errno);
}

TEST_F(mmap, mremap_of_old_size_zero_is_refused)
{
	EXPECT_EQ(MAP_FAILED, mremap(self->p, 0, BYTES, MREMAP_MAYMOVE));
	EXPECT_EQ(EFAULT, errno);
}

TEST_F(mmap, mremap_that_leaves_the_old_mapping_is_refused)
{
	EXPECT_EQ(MAP_FAILED, mremap(self->p, BYTES, BYTES, MREMAP_MAYMOVE | MREMAP_DONTUNMAP,
				     NULL));
	EXPECT_EQ(EINVAL, errno);
}

TEST_F(mmap, mremap_to_same_size_changes_nothing)
{
	stamp_frames(self->p, BYTES, 0);
	EXPECT_EQ(self->p, mremap(self->p, BYTES, BYTES, MREMAP_MAYMOVE));
	EXPECT_TRUE(frames_stamped(self->p, BYTES, 0));
}

TEST_F(mmap, mremap_shrinks)
{
	stamp_frames(self->p, BYTES, 0);
	EXPECT_EQ(self->p, mremap(self->p, BYTES, BYTES - 5 * FRAME, 0));
	EXPECT_TRUE(frames_stamped(self->p, BYTES - 5 * FRAME, 0));
	EXPECT_FALSE(is_readable(self->p + BYTES - 5 * FRAME));
}

TEST_F(mmap, mremap_moves_to_congruent_address)
{
	char *area = reserve(2 * BYTES);

	stamp_frames(self->p, BYTES, 0);
	ASSERT_EQ(area + HUGE_FRAME, mremap(self->p, BYTES, BYTES, MREMAP_MAYMOVE | MREMAP_FIXED,
					    area + HUGE_FRAME));
	EXPECT_TRUE(frames_stamped(area + HUGE_FRAME, BYTES, 0));
	EXPECT_FALSE(is_readable(self->p));
}

TEST_F(mmap, mremap_moves_to_skewed_address)
{
	char *to = reserve(3 * BYTES) + HUGE_FRAME + 3 * FRAME;
	size_t half = BYTES / 2;

	/* When the mapping moves, one half of it is in the page tables and the other is not. */
	stamp_frames(self->p, half, 0);
	ASSERT_EQ(to, mremap(self->p, BYTES, BYTES, MREMAP_MAYMOVE | MREMAP_FIXED, to));
	EXPECT_TRUE(frames_stamped(to, half, 0));
	stamp_frames(to + half, half, half / FRAME);
	EXPECT_TRUE(frames_stamped(to, BYTES, 0));
	EXPECT_TRUE(is_contiguous(to, BYTES));
	EXPECT_FALSE(is_readable(to - FRAME));
	EXPECT_FALSE(is_readable(to + BYTES));
}

TEST_F(mmap, mremap_moves_a_part)
{
	char *to = reserve(BYTES) + HUGE_FRAME;
	size_t at = MIB - FRAME;

	stamp_frames(self->p, BYTES, 0);
	ASSERT_EQ(to, mremap(self->p + at, MIB, MIB, MREMAP_MAYMOVE | MREMAP_FIXED, to));
	EXPECT_TRUE(frames_stamped(to, MIB, at / FRAME));
	EXPECT_TRUE(frames_stamped(self->p, at, 0));
	EXPECT_TRUE(frames_stamped(self->p + at + MIB, BYTES - at - MIB, (at + MIB) / FRAME));
	EXPECT_FALSE(is_readable(self->p + at));
	EXPECT_FALSE(is_readable(to - FRAME));
	EXPECT_FALSE(is_readable(to + MIB));
}

TEST_F(mmap, mlock_locks_nothing_and_keeps_data)
{
	long locked = status_kib("VmLck");

	stamp_frames(self->p, BYTES, 0);
	EXPECT_EQ(0, mlock(self->p, BYTES));
	EXPECT_EQ(locked, status_kib("VmLck"));
	EXPECT_FALSE(smaps_has_flag(self->p, " lo"));
	EXPECT_TRUE(frames_stamped(self->p, BYTES, 0));
	EXPECT_EQ(0, munlock(self->p, BYTES));
	EXPECT_TRUE(frames_stamped(self->p, BYTES, 0));
	EXPECT_EQ(0, munmap(self->p, BYTES));
}

TEST_F(mmap, mlockall_is_harmless)
{
	struct buffer buffer;
	char *later;

	stamp_frames(self->p, BYTES, 0);
	ASSERT_EQ(0, buffer_alloc(self->fd, 64 * KIB, &buffer));
	ASSERT_EQ(0, mlockall(MCL_CURRENT | MCL_FUTURE));
	later = buffer_map(self->fd, &buffer);
	ASSERT_NE(MAP_FAILED, later);
	stamp_frames(later, buffer.length, 0);
	EXPECT_FALSE(smaps_has_flag(self->p, " lo"));
	EXPECT_FALSE(smaps_has_flag(later, " lo"));
	EXPECT_EQ(0, munmap(later, buffer.length));
	EXPECT_EQ(0, munlockall());
	EXPECT_TRUE(frames_stamped(self->p, BYTES, 0));
}

TEST_HARNESS_MAIN
