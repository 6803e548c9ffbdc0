// SPDX-License-Identifier: GPL-2.0-only
/*
 * Frames that the hardware reports as bad, which root can make the kernel pretend. Leaves the
 * module loaded as it found it. Each bad frame costs the machine a huge frame until it is rebooted.
 */
#include "common.h"
#include "cache.h"
#include "child.h"
#include "memory.h"
#include "module.h"
#include "sigbus.h"

#include <sys/uio.h>

#define PARAMETERS	"size=64M"
#define MAX_HUGE	(64 * MIB / HUGE_FRAME)
#define BYTES		(2 * HUGE_FRAME)
#define BAD		(HUGE_FRAME + 5 * FRAME)	/* offset of the bad frame in the buffer */
#define MANY_BAD	12

#ifndef MADV_SOFT_OFFLINE	/* libc leaves it out */
#define MADV_SOFT_OFFLINE	101
#endif

FIXTURE(poison)
{
	int fd;
	int probe;		/* another client, which observes the pool */
	struct buffer buffer;	/* BYTES long, aligned to huge frames */
	char *p;		/* where it is mapped, stamped */
	__u64 bad;		/* physical address of the frame at BAD */
};

FIXTURE_SETUP(poison)
{
	if (is_loaded()) {
		ASSERT_EQ(0, unload());
	}
	ASSERT_EQ(0, load(PARAMETERS));
	self->probe = pool_open();
	ASSERT_GE(self->probe, 0);
	self->fd = pool_open();
	ASSERT_GE(self->fd, 0);
	ASSERT_EQ(0, buffer_alloc_huge(self->fd, BYTES, &self->buffer));
	self->p = buffer_map(self->fd, &self->buffer);
	ASSERT_NE(MAP_FAILED, self->p);
	stamp_frames(self->p, BYTES, 0);
	self->bad = physical_address(self->p + BAD);
	ASSERT_NE(0, self->bad);
	catch_sigbus();
}

FIXTURE_TEARDOWN_PARENT(poison)
{
	EXPECT_TRUE(pool_verifies());
	EXPECT_EQ(0, unload());
	EXPECT_EQ(0, load(USUAL_PARAMETERS));
	EXPECT_TRUE(wait_all_free());
}

/* Makes the kernel treat the frame at @p as bad, through this mapping of it. */
static bool poison_mapped(char *p)
{
	__u64 address = physical_address(p);

	return madvise(p, FRAME, MADV_HWPOISON) && (errno == EBUSY || errno == EHWPOISON) &&
	       (page_flags(address) & KPF_HWPOISON);
}

/* Whether the frame at BAD gives the SIGBUS of bad memory and all others keep their bytes. */
static bool only_bad_frame_is_gone(char *p)
{
	return sigbus_code(p + BAD, false) == BUS_MCEERR_AR &&
	       sigbus_code(p + BAD + FRAME - 1, true) == BUS_MCEERR_AR &&
	       !is_readable(p + BAD) && frames_stamped(p, BAD, 0) &&
	       frames_stamped(p + BAD + FRAME, BYTES - BAD - FRAME, BAD / FRAME + 1);
}

/* Waits until nothing is used or quarantined, and @bytes are retired. */
static bool wait_retired(int fd, __u64 bytes)
{
	double end = seconds_now() + IDLE_SECONDS;
	struct framepool_ioc_stats stats;

	do {
		if (pool_stats(fd, &stats))
			return false;
		if (!stats.used_bytes && !stats.quarantined_bytes && stats.retired_bytes == bytes)
			return stats.free_bytes + bytes == stats.total_bytes;
		sleep_ms(10);
	} while (seconds_now() < end);
	fprintf(stderr, "# free %llu used %llu quarantined %llu retired %llu (expected %llu)\n",
		stats.free_bytes, stats.used_bytes, stats.quarantined_bytes,
		stats.retired_bytes, bytes);
	return false;
}

/* Allocates all of the pool in pieces of @length; their number, or -1 if one contains @bad. */
static int take_all_but(int fd, __u64 length, __u64 bad)
{
	static struct buffer buffers[64 * MIB / FRAME];
	int i, why, n;

	n = alloc_until_refused(fd, length, 0, buffers, ARRAY_SIZE(buffers), &why);
	if (why != -ENOMEM && why != -ENOSPC)
		return -1;
	for (i = 0; i < n; i++) {
		__u64 start = buffer_physical(fd, &buffers[i]);

		if (!start || (bad >= start && bad < start + buffers[i].length))
			return -1;
	}
	return n;
}

static size_t read_and_close(int fd, char *text, size_t room)
{
	ssize_t n = read(fd, text, room);

	close(fd);
	return n > 0 ? n : 0;
}

/* Whether "map" and "quarantine" in debugfs show exactly one retired huge frame. */
static bool files_show_one_retired(void)
{
	static const char directory[] = "/sys/kernel/debug/framepool/" POOL_NAME;
	char path[128], text[1024], *p;
	int fd, retired = 0;

	snprintf(path, sizeof(path), "%s/map", directory);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	text[read_and_close(fd, text, sizeof(text) - 1)] = '\0';
	for (p = text; *p; p++)
		retired += *p == 'x';
	snprintf(path, sizeof(path), "%s/quarantine", directory);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	text[read_and_close(fd, text, sizeof(text) - 1)] = '\0';
	return retired == 1 && strstr(text, "\nretired: 2097152\n");
}

static bool close_all(FIXTURE_DATA(poison) *self)
{
	return !munmap(self->p, BYTES) && !close(self->fd);
}

TEST_F(poison, touching_a_bad_frame_gives_sigbus_and_neighbours_live)
{
	ASSERT_TRUE(poison_physical(self->bad));
	ASSERT_EQ(0, madvise(self->p, BYTES, MADV_DONTNEED));
	EXPECT_TRUE(only_bad_frame_is_gone(self->p));
	EXPECT_EQ(kib_if_huge(BYTES - HUGE_FRAME), smaps_kib(self->p, "FilePmdMapped"));
}

/* Linux 6.12 without huge pages has logged a warning of its own after such an injection. */
static bool injection_warns(void)
{
	return !has_huge_pages() && kernel_is("6.12.");
}

TEST_F(poison, frame_injected_through_its_mapping_gives_sigbus)
{
	if (injection_warns())
		SKIP(return, "this kernel logs a warning of its own");
	ASSERT_TRUE(poison_mapped(self->p + BAD));
	ASSERT_EQ(0, madvise(self->p, BYTES, MADV_DONTNEED));
	EXPECT_TRUE(only_bad_frame_is_gone(self->p));
}

TEST_F(poison, new_mapping_beside_a_bad_frame_is_not_huge)
{
	char *p = buffer_map(self->fd, &self->buffer);

	ASSERT_NE(MAP_FAILED, p);
	ASSERT_TRUE(poison_physical(self->bad));

	/* The first fault in the huge frame is not at the bad frame. */
	EXPECT_TRUE(frames_stamped(p + HUGE_FRAME, FRAME, HUGE_FRAME / FRAME));
	EXPECT_EQ(1, frames_present(p + HUGE_FRAME, HUGE_FRAME));
	EXPECT_TRUE(only_bad_frame_is_gone(p));
}

/* Linux 7.3 may fill an empty page table with a whole folio at once. */
TEST_F(poison, fault_under_an_empty_page_table_spares_the_bad_frame)
{
	char *p = buffer_map(self->fd, &self->buffer);
	size_t at;

	ASSERT_NE(MAP_FAILED, p);
	ASSERT_TRUE(advise_huge(p, BYTES, MADV_NOHUGEPAGE));
	touch(p, BYTES);
	/* In two halves, since dropping all that a page table maps may free the table. */
	for (at = 0; at < BYTES; at += HUGE_FRAME / 2)
		ASSERT_EQ(0, madvise(p + at, HUGE_FRAME / 2, MADV_DONTNEED));
	ASSERT_TRUE(poison_physical(self->bad));
	EXPECT_TRUE(frames_stamped(p + HUGE_FRAME, FRAME, HUGE_FRAME / FRAME));
	EXPECT_EQ(1, frames_present(p + HUGE_FRAME, HUGE_FRAME));
	EXPECT_TRUE(only_bad_frame_is_gone(p));
}

TEST_F(poison, fault_of_one_process_takes_the_frame_from_all)
{
	int ready[2], go[2];
	pid_t pid;
	char *p;

	ASSERT_EQ(0, pipe(ready) | pipe(go));
	pid = child_fork();
	if (!pid) {
		touch(self->p, BYTES);
		tell(ready[1]);
		CHILD_CHECK(hear(go[0]));
		CHILD_CHECK(only_bad_frame_is_gone(self->p));
		_exit(0);
	}
	ASSERT_TRUE(hear(ready[0]));
	ASSERT_TRUE(poison_physical(self->bad));
	p = map_raw(NULL, FRAME, PROT_READ, MAP_SHARED, self->fd, self->buffer.offset + BAD);
	ASSERT_NE(MAP_FAILED, p);
	EXPECT_EQ(BUS_MCEERR_AR, sigbus_code(p, false));
	tell(go[1]);
	EXPECT_EQ(0, child_wait(pid));
	EXPECT_TRUE(only_bad_frame_is_gone(self->p));
}

TEST_F(poison, bad_frame_of_a_slab_gives_sigbus_and_its_neighbours_live)
{
	enum { NR = 64, AT = 21 };
	struct cache cache;
	__u64 offsets[NR];
	char *p, *q;

	ASSERT_EQ(0, cache_create(self->fd, FRAME, &cache));
	ASSERT_EQ(0, objects_alloc(&cache, offsets, NR));
	p = cache_map(&cache);
	q = cache_map(&cache);
	ASSERT_NE(MAP_FAILED, p);
	ASSERT_NE(MAP_FAILED, q);
	stamp_frames(p, NR * FRAME, 0);
	ASSERT_TRUE(poison_physical(physical_address(p + AT * FRAME)));
	/* The first fault is next to the bad frame. */
	EXPECT_TRUE(frames_stamped(q + (AT - 1) * FRAME, FRAME, AT - 1));
	EXPECT_EQ(BUS_MCEERR_AR, sigbus_code(q + AT * FRAME, false));
	EXPECT_EQ(BUS_MCEERR_AR, sigbus_code(p + AT * FRAME, true));
	EXPECT_TRUE(frames_stamped(p, AT * FRAME, 0));
	EXPECT_TRUE(frames_stamped(q + (AT + 1) * FRAME, (NR - AT - 1) * FRAME, AT + 1));
	EXPECT_EQ(0, objects_free(&cache, offsets, NR));
	ASSERT_EQ(0, munmap(p, cache.window_bytes) | munmap(q, cache.window_bytes));
	ASSERT_TRUE(close_all(self));
	EXPECT_TRUE(wait_retired(self->probe, HUGE_FRAME));
}

TEST_F(poison, soft_offlining_is_refused_and_changes_nothing)
{
	EXPECT_EQ(-1, madvise(self->p + BAD, FRAME, MADV_SOFT_OFFLINE));
	ASSERT_EQ(0, madvise(self->p, BYTES, MADV_DONTNEED));
	EXPECT_TRUE(frames_stamped(self->p, BYTES, 0));
	ASSERT_TRUE(close_all(self));
	EXPECT_TRUE(wait_retired(self->probe, 0));
}

TEST_F(poison, freed_buffer_gives_back_all_but_the_bad_huge_frame)
{
	ASSERT_TRUE(poison_physical(self->bad));
	ASSERT_TRUE(close_all(self));
	EXPECT_TRUE(wait_retired(self->probe, HUGE_FRAME));
	EXPECT_TRUE(files_show_one_retired());
	EXPECT_EQ(MAX_HUGE - 1, take_all_but(self->probe, HUGE_FRAME, self->bad));
}

TEST_F(poison, freed_buffer_that_was_never_mapped_is_not_dealt_out_again)
{
	ASSERT_TRUE(close_all(self));
	ASSERT_TRUE(wait_retired(self->probe, 0));

	/* The same request gets the same memory, which is clean now. */
	ASSERT_EQ(0, buffer_alloc_huge(self->probe, BYTES, &self->buffer));
	ASSERT_TRUE(poison_physical(self->bad));
	ASSERT_EQ(0, handle_free(self->probe, self->buffer.handle));
	EXPECT_EQ(MAX_HUGE - 1, take_all_but(self->probe, HUGE_FRAME, self->bad));
	ASSERT_EQ(0, close(self->probe));
	self->probe = pool_open();
	EXPECT_TRUE(wait_retired(self->probe, HUGE_FRAME));
}

TEST_F(poison, bad_frame_of_free_memory_is_never_allocated)
{
	ASSERT_TRUE(close_all(self));
	ASSERT_TRUE(wait_retired(self->probe, 0));
	ASSERT_TRUE(poison_physical(self->bad));
	EXPECT_EQ(MAX_HUGE - 1, take_all_but(self->probe, HUGE_FRAME, self->bad));
	ASSERT_EQ(0, close(self->probe));
	self->probe = pool_open();
	ASSERT_GE(self->probe, 0);
	EXPECT_TRUE(wait_retired(self->probe, HUGE_FRAME));
}

/* Allocates all of the pool except the huge frame at @address. */
static bool leave_free(int fd, __u64 address)
{
	struct buffer buffers[MAX_HUGE];
	struct framepool_ioc_stats stats;
	int i, why;

	if (alloc_until_refused(fd, HUGE_FRAME, 0, buffers, MAX_HUGE, &why) != MAX_HUGE)
		return false;
	for (i = 0; i < MAX_HUGE; i++)
		if (buffer_physical(fd, &buffers[i]) == address &&
		    handle_free(fd, buffers[i].handle))
			return false;
	return wait_clean(fd, &stats) && stats.free_bytes == HUGE_FRAME;
}

TEST_F(poison, bad_frame_among_small_blocks_is_withheld_alone)
{
	struct framepool_ioc_stats stats;

	ASSERT_TRUE(close_all(self));
	ASSERT_TRUE(leave_free(self->probe, self->bad / HUGE_FRAME * HUGE_FRAME));
	ASSERT_TRUE(poison_physical(self->bad));
	self->fd = pool_open();
	ASSERT_GE(self->fd, 0);
	EXPECT_EQ(HUGE_FRAME / FRAME - 1, take_all_but(self->fd, FRAME, self->bad));
	ASSERT_EQ(0, pool_stats(self->probe, &stats));
	EXPECT_EQ(FRAME, stats.retired_bytes);
	EXPECT_EQ(0, stats.free_bytes);
	EXPECT_EQ(stats.total_bytes, stats.used_bytes + stats.retired_bytes);

	/* Now its huge frame becomes wholly free. */
	ASSERT_EQ(0, close(self->fd));
	ASSERT_EQ(0, close(self->probe));
	self->probe = pool_open();
	ASSERT_GE(self->probe, 0);
	EXPECT_TRUE(wait_retired(self->probe, HUGE_FRAME));
}

TEST_F(poison, freed_small_block_with_a_bad_frame_is_not_dealt_out_again)
{
	struct framepool_ioc_stats stats;
	struct buffer small, other;
	__u64 bad;
	char *q;
	int i;

	ASSERT_EQ(0, buffer_alloc(self->fd, 4 * FRAME, &small));
	ASSERT_EQ(0, buffer_alloc(self->fd, 4 * FRAME, &other));
	q = buffer_map(self->fd, &small);
	ASSERT_NE(MAP_FAILED, q);
	bad = physical_address(q + 2 * FRAME);
	ASSERT_TRUE(poison_physical(bad));
	ASSERT_EQ(0, munmap(q, small.length));
	ASSERT_EQ(0, handle_free(self->fd, small.handle));
	for (i = 0; i < 200; i++) {
		ASSERT_EQ(0, buffer_alloc(self->fd, 4 * FRAME, &small));
		ASSERT_NE(bad / (4 * FRAME) * (4 * FRAME), buffer_physical(self->fd, &small));
		if (i % 2) {
			ASSERT_EQ(0, handle_free(self->fd, small.handle));
		}
	}
	ASSERT_EQ(0, pool_stats(self->probe, &stats));
	EXPECT_EQ(4 * FRAME, stats.retired_bytes);
	ASSERT_TRUE(close_all(self));
	EXPECT_TRUE(wait_retired(self->probe, HUGE_FRAME));
}

TEST_F(poison, bad_frame_in_a_pipe_is_retired_for_good)
{
	static char copy[2 * FRAME];
	struct iovec frames = { .iov_base = self->p + BAD + FRAME, .iov_len = sizeof(copy) };
	int ends[2];

	ASSERT_EQ(0, pipe(ends));
	ASSERT_EQ(sizeof(copy), vmsplice(ends[1], &frames, 1, 0));
	ASSERT_TRUE(poison_physical(self->bad));
	ASSERT_TRUE(close_all(self));
	EXPECT_TRUE(wait_retired(self->probe, HUGE_FRAME));

	/* The pipe's frames are unchanged. Letting them go does not bring the huge frame back. */
	ASSERT_EQ(sizeof(copy), read(ends[0], copy, sizeof(copy)));
	EXPECT_TRUE(frames_stamped(copy, sizeof(copy), BAD / FRAME + 1));
	close(ends[0]);
	close(ends[1]);
	EXPECT_TRUE(wait_retired(self->probe, HUGE_FRAME));
	EXPECT_EQ(MAX_HUGE - 1, take_all_but(self->probe, HUGE_FRAME, self->bad));
}

TEST_F(poison, allocation_that_needs_the_bad_memory_fails)
{
	struct framepool_ioc_info info;
	struct buffer buffer;

	ASSERT_TRUE(poison_physical(self->bad));
	ASSERT_TRUE(close_all(self));
	ASSERT_TRUE(wait_retired(self->probe, HUGE_FRAME));
	ASSERT_EQ(0, pool_info(self->probe, &info));
	EXPECT_EQ(-ENOMEM, buffer_alloc(self->probe, info.total_bytes, &buffer));
}

TEST_F(poison, unload_keeps_huge_frames_with_bad_frames)
{
	__u64 head[MANY_BAD];
	struct buffer buffer;
	long before, missing;
	double end;
	int i;

	ASSERT_TRUE(close_all(self));
	for (i = 0; i < MANY_BAD; i++) {
		ASSERT_EQ(0, buffer_alloc_huge(self->probe, HUGE_FRAME, &buffer));
		head[i] = buffer_physical(self->probe, &buffer);
		ASSERT_TRUE(poison_physical(head[i] + i * FRAME));
	}
	ASSERT_EQ(0, close(self->probe));
	before = free_bytes();
	ASSERT_EQ(0, unload());
	for (i = 0; i < MANY_BAD; i++) {
		EXPECT_NE(0, page_flags(head[i] + i * FRAME) & KPF_HWPOISON);
		/* If it had been freed, it would not be a compound page any more. */
		EXPECT_NE(0, page_flags(head[i]) & KPF_COMPOUND_HEAD);
	}

	/* The rest of the pool is free again. */
	end = seconds_now() + IDLE_SECONDS;
	do {
		missing = before + (long)(64 * MIB) - free_bytes();
		sleep_ms(100);
	} while (missing > (long)(MANY_BAD * HUGE_FRAME) + NOISE_BYTES && seconds_now() < end);
	EXPECT_LE(missing, (long)(MANY_BAD * HUGE_FRAME) + NOISE_BYTES);
	EXPECT_GE(missing, (long)(MANY_BAD * HUGE_FRAME) - NOISE_BYTES);
	ASSERT_EQ(0, load(PARAMETERS));
}

TEST_HARNESS_MAIN
