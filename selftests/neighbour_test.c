// SPDX-License-Identifier: GPL-2.0-only
/*
 * A mapping shows the bytes of its own buffer and no others, wherever it lies.
 *
 * The kernel maps a whole huge frame as soon as a VMA covers it. So the frames around a buffer are
 * filled with patterns of this client and of another, and some of them are freed. The address
 * space around the mapping is reserved, and must stay out of the page tables.
 */
#include "common.h"
#include "memory.h"

#define CROWD		14
#define MAX_TARGET	(6 * MIB)
#define MARGIN		(2 * HUGE_FRAME)

/**
 * struct crowd - one client's buffers, filled with its pattern and mapped
 * @fd: the client
 * @pattern: the value of every byte
 * @buffers: of many sizes; freed ones have length 0
 * @maps: where they are mapped
 */
struct crowd {
	int fd;
	unsigned char pattern;
	struct buffer buffers[CROWD];
	char *maps[CROWD];
};

FIXTURE(neighbour)
{
	struct crowd mine;
	struct crowd others;
	char *area;	/* MAX_TARGET with MARGIN on both sides */
};

FIXTURE_VARIANT(neighbour)
{
	bool fixed;
	size_t skew;	/* distance from the congruent address, in bytes */
};

FIXTURE_VARIANT_ADD(neighbour, anywhere)
{
};

FIXTURE_VARIANT_ADD(neighbour, congruent)
{
	.fixed = true,
};

FIXTURE_VARIANT_ADD(neighbour, skewed_by_a_frame)
{
	.fixed = true,
	.skew = FRAME,
};

FIXTURE_VARIANT_ADD(neighbour, skewed_by_half_a_huge_frame)
{
	.fixed = true,
	.skew = HUGE_FRAME / 2,
};

static const struct {
	__u64 length;
	__u64 align;
} targets[] = {
	{ FRAME, 0 },
	{ 3 * FRAME, 0 },
	{ 64 * KIB, 64 * KIB },
	{ MIB, 0 },
	{ HUGE_FRAME - FRAME, HUGE_FRAME },
	{ HUGE_FRAME - FRAME, 0 },
	{ HUGE_FRAME, HUGE_FRAME },
	{ HUGE_FRAME, 0 },
	{ HUGE_FRAME + FRAME, HUGE_FRAME },
	{ 3 * MIB + FRAME, 0 },
	{ 2 * HUGE_FRAME - 2 * FRAME, 64 * KIB },
	{ MAX_TARGET, FRAME },
};

static bool crowd_open(struct crowd *crowd, unsigned char pattern)
{
	crowd->pattern = pattern;
	crowd->fd = pool_open();
	return crowd->fd >= 0;
}

static bool crowd_join(struct crowd *crowd, int i)
{
	static const __u64 lengths[] = {
		FRAME, 64 * KIB, 3 * FRAME, MIB - FRAME, 256 * KIB, HUGE_FRAME - 2 * FRAME,
		HUGE_FRAME + FRAME,
	};
	struct buffer *buffer = &crowd->buffers[i];

	if (buffer_alloc(crowd->fd, lengths[i % ARRAY_SIZE(lengths)], buffer))
		return false;
	crowd->maps[i] = buffer_map(crowd->fd, buffer);
	if (crowd->maps[i] == MAP_FAILED)
		return false;
	memset(crowd->maps[i], crowd->pattern, buffer->length);
	return true;
}

static bool crowd_leave(struct crowd *crowd, int i)
{
	struct buffer *buffer = &crowd->buffers[i];

	if (munmap(crowd->maps[i], buffer->length) || handle_free(crowd->fd, buffer->handle))
		return false;
	buffer->length = 0;
	return true;
}

static bool crowd_intact(const struct crowd *crowd)
{
	int i;

	for (i = 0; i < CROWD; i++) {
		size_t length = crowd->buffers[i].length;

		if (length && !all_bytes(crowd->maps[i], crowd->pattern, length))
			return false;
	}
	return true;
}

FIXTURE_SETUP(neighbour)
{
	int i;

	ASSERT_TRUE(crowd_open(&self->mine, PATTERN_OTHER));
	ASSERT_TRUE(crowd_open(&self->others, PATTERN_OTHER + 1));
	for (i = 0; i < CROWD; i++) {
		ASSERT_TRUE(crowd_join(&self->mine, i));
		ASSERT_TRUE(crowd_join(&self->others, i));
	}
	/* Leave free frames that were written to between the used ones. */
	for (i = 0; i < CROWD; i += 3) {
		ASSERT_TRUE(crowd_leave(&self->mine, i));
		ASSERT_TRUE(crowd_leave(&self->others, i));
	}
	self->area = reserve(MAX_TARGET + 2 * MARGIN);
	ASSERT_NE(NULL, self->area);
}

FIXTURE_TEARDOWN_PARENT(neighbour)
{
	EXPECT_TRUE(wait_all_free());
}

/* Maps a part of a buffer at the variant's place. */
static char *place(FIXTURE_DATA(neighbour) *self, const FIXTURE_VARIANT(neighbour) *variant,
		   __u64 offset, size_t length)
{
	char *at = self->area + HUGE_FRAME + (offset + variant->skew) % HUGE_FRAME;

	return map_raw(variant->fixed ? at : NULL, length, PROT_READ | PROT_WRITE,
		       MAP_SHARED | (variant->fixed ? MAP_FIXED : 0), self->mine.fd, offset);
}

static bool unplace(const FIXTURE_VARIANT(neighbour) *variant, char *p, size_t length)
{
	return variant->fixed ? reserve_again(p, length) : !munmap(p, length);
}

/* Whether nothing but [p, p + length) of the reserved area is in the page tables. */
static bool surroundings_empty(FIXTURE_DATA(neighbour) *self, const char *p, size_t length)
{
	char *end = self->area + MAX_TARGET + 2 * MARGIN;

	if (p < self->area || p >= end)
		return true;
	return !frames_present(self->area, p - self->area) &&
	       !frames_present(p + length, end - (p + length)) &&
	       !is_readable(p - 1) && !is_readable(p + length);
}

TEST_F_TIMEOUT(neighbour, bytes_are_reached_by_no_other_mapping, SLOW_TEST_SECONDS)
{
	struct buffer buffer;
	char *p;
	int i;

	for (i = 0; i < ARRAY_SIZE(targets); i++) {
		ASSERT_EQ(0, buffer_alloc_at(self->mine.fd, targets[i].length, targets[i].align, 0,
					     &buffer));
		p = place(self, variant, buffer.offset, buffer.length);
		ASSERT_NE(MAP_FAILED, p);

		/* One access in the middle makes the kernel map all that it may. */
		touch(p + buffer.length / 2, 1);
		EXPECT_TRUE(surroundings_empty(self, p, buffer.length));
		EXPECT_TRUE(all_bytes(p, 0, buffer.length))
			TH_LOG("length %llu shows other bytes", targets[i].length);
		memset(p, PATTERN_MINE, buffer.length);
		EXPECT_TRUE(all_bytes(p, PATTERN_MINE, buffer.length));
		EXPECT_TRUE(surroundings_empty(self, p, buffer.length));
		EXPECT_TRUE(is_contiguous(p, buffer.length));

		ASSERT_TRUE(unplace(variant, p, buffer.length));
		ASSERT_EQ(0, handle_free(self->mine.fd, buffer.handle));
	}
	EXPECT_TRUE(crowd_intact(&self->mine));
	EXPECT_TRUE(crowd_intact(&self->others));
}

TEST_F(neighbour, mapping_longer_than_the_buffer_is_refused)
{
	struct buffer buffer;
	int i;

	for (i = 0; i < ARRAY_SIZE(targets); i++) {
		__u64 length = targets[i].length;

		ASSERT_EQ(0, buffer_alloc_at(self->mine.fd, length, targets[i].align, 0,
					     &buffer));
		ASSERT_EQ(MAP_FAILED, place(self, variant, buffer.offset, length + FRAME));
		EXPECT_EQ(ENXIO, errno);
		ASSERT_EQ(MAP_FAILED, place(self, variant, buffer.offset,
					    ROUND_UP(length + 1, HUGE_FRAME)));
		EXPECT_EQ(ENXIO, errno);
		ASSERT_EQ(0, handle_free(self->mine.fd, buffer.handle));
	}
}

TEST_F(neighbour, part_of_a_buffer_shows_that_part)
{
	static const struct {
		size_t at;
		size_t length;
	} parts[] = {
		{ 0, FRAME },
		{ FRAME, FRAME },
		{ 0, HUGE_FRAME },
		{ FRAME, HUGE_FRAME },
		{ MIB, HUGE_FRAME },
		{ HUGE_FRAME - FRAME, 2 * FRAME },
		{ MIB + FRAME, 4 * MIB - 2 * FRAME },
		{ MAX_TARGET - HUGE_FRAME, HUGE_FRAME },
		{ MAX_TARGET - FRAME, FRAME },
	};
	struct buffer buffer;
	char *p, *part;
	int i;

	ASSERT_EQ(0, buffer_alloc(self->mine.fd, MAX_TARGET, &buffer));
	p = buffer_map(self->mine.fd, &buffer);
	ASSERT_NE(MAP_FAILED, p);
	stamp_frames(p, MAX_TARGET, 0);
	for (i = 0; i < ARRAY_SIZE(parts); i++) {
		part = place(self, variant, buffer.offset + parts[i].at, parts[i].length);
		ASSERT_NE(MAP_FAILED, part);
		EXPECT_TRUE(frames_stamped(part, parts[i].length, parts[i].at / FRAME))
			TH_LOG("part %d", i);
		EXPECT_TRUE(surroundings_empty(self, part, parts[i].length));
		ASSERT_TRUE(unplace(variant, part, parts[i].length));
	}
	EXPECT_TRUE(frames_stamped(p, MAX_TARGET, 0));
}

TEST_F(neighbour, hole_filled_by_another_buffer_keeps_both)
{
	struct buffer large, small;
	size_t at = HUGE_FRAME + 5 * FRAME;
	char *p;

	ASSERT_EQ(0, buffer_alloc_huge(self->mine.fd, MAX_TARGET, &large));
	ASSERT_EQ(0, buffer_alloc(self->mine.fd, 2 * FRAME, &small));
	p = place(self, variant, large.offset, large.length);
	ASSERT_NE(MAP_FAILED, p);
	stamp_frames(p, MAX_TARGET, 0);

	ASSERT_EQ(p + at, buffer_map_fixed(self->mine.fd, &small, p + at));
	EXPECT_TRUE(all_bytes(p + at, 0, small.length));
	memset(p + at, PATTERN_MINE, small.length);
	EXPECT_TRUE(frames_stamped(p, at, 0));
	EXPECT_TRUE(frames_stamped(p + at + small.length, MAX_TARGET - at - small.length,
				   at / FRAME + 2));

	ASSERT_EQ(p + at, map_raw(p + at, small.length, PROT_READ, MAP_SHARED | MAP_FIXED,
				  self->mine.fd, large.offset + at));
	EXPECT_TRUE(frames_stamped(p, MAX_TARGET, 0));
	EXPECT_TRUE(surroundings_empty(self, p, MAX_TARGET));
}

/* Finds two buffers of MIB bytes that are the two halves of one huge frame. */
static bool find_halves(int fd, struct buffer *low, struct buffer *high)
{
	struct buffer halves[16];
	__u64 address, previous = 0;
	int i;

	for (i = 0; i < ARRAY_SIZE(halves); i++) {
		if (buffer_alloc_at(fd, MIB, MIB, 0, &halves[i]))
			return false;
		address = buffer_physical(fd, &halves[i]);
		if (i && address / HUGE_FRAME == previous / HUGE_FRAME) {
			*low = halves[address < previous ? i : i - 1];
			*high = halves[address < previous ? i - 1 : i];
			return true;
		}
		previous = address;
	}
	return false;
}

/* Together they cover the huge frame, but it must be possible to unmap one of them alone. */
TEST_F(neighbour, halves_of_a_huge_frame_stay_apart)
{
	struct buffer low, high;
	char *one, *two;

	ASSERT_TRUE(find_halves(self->mine.fd, &low, &high));
	one = self->area + HUGE_FRAME + (low.offset + variant->skew) % HUGE_FRAME;
	ASSERT_EQ(one, buffer_map_fixed(self->mine.fd, &low, one));
	two = buffer_map_fixed(self->mine.fd, &high, one + MIB);
	ASSERT_NE(MAP_FAILED, two);
	ASSERT_EQ(one + MIB, two);

	memset(one, PATTERN_MINE, MIB);
	EXPECT_TRUE(all_bytes(two, 0, MIB));
	memset(two, PATTERN_MINE + 1, MIB);
	EXPECT_TRUE(all_bytes(one, PATTERN_MINE, MIB));

	ASSERT_TRUE(reserve_again(one, MIB));
	EXPECT_FALSE(is_readable(two - 1));
	EXPECT_EQ(0, frames_present(one, MIB));
	EXPECT_TRUE(all_bytes(two, PATTERN_MINE + 1, MIB));
	EXPECT_TRUE(surroundings_empty(self, two, MIB));
}

TEST_HARNESS_MAIN
