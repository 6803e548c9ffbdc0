// SPDX-License-Identifier: GPL-2.0-only
/*
 * The suite "move": the pool's longest extent is filled with buffers to 90%, and a random half of
 * them is freed. What is the longest run that can be allocated then?
 *
 *  mixed	buffers of 4 KiB to 16 MiB, each power of two as often
 *  single	buffers of 4 KiB
 *
 * A run of 0.98 of what is free, rounded down to whole huge frames, is allocated; a shorter one, if
 * that fails. It is freed again, and longer ones are tried. Copies and time are those of the first.
 *
 * Linux does the same with single pages (linux_compaction.c).
 */
#include <fcntl.h>
#include <unistd.h>

#include "guest.h"
#include "libframepool.h"

#define HUGE_BYTES	(2 * MIB)
#define MAX_BUFFERS	(1U << 17)
#define MAX_HUGE	(1U << 10)	/* huge frames in an extent */
#define MAX_MAPS	"/proc/sys/vm/max_map_count"

enum kind { SINGLE, MIXED, KINDS };

static const char * const kinds[KINDS] = { "single", "mixed" };

enum compaction_case {
	UNMOVABLE, LONGEST, BESIDE_LINUX, COPIED, TIME, COMPACTION_CASES,
};

static const struct {
	const char *name;
	const char *unit;
	const char *peer;
} cases[COMPACTION_CASES] = {
	[UNMOVABLE] = { "longest run, unmovable", "%", "ceiling" },
	[LONGEST] = { "longest run", "%", "ceiling" },
	[BESIDE_LINUX] = { "free in huge pages", "%", "Linux" },
	[COPIED] = { "longest run, bytes copied", "bytes", "bound" },
	[TIME] = { "longest run, CPU time", "us", "memcpy" },
};

/**
 * struct extent - the longest extent, and the live buffers in it
 * @fp: the client that has them
 * @start: physical address
 * @nr: huge frames
 * @live: bytes in live buffers
 * @used: bytes in live buffers, by huge frame
 * @buffers: the live ones
 * @nr_buffers: how many
 */
struct extent {
	struct framepool *fp;
	u64 start;
	u32 nr;
	u64 live;
	u64 used[MAX_HUGE];
	struct framepool_buffer *buffers[MAX_BUFFERS];
	u32 nr_buffers;
};

static struct extent extent;

static u64 figure(uint64_t (*read)(const struct framepool_stats *stats))
{
	struct framepool_stats *stats = framepool_stats_read(extent.fp);
	u64 value;

	if (!stats)
		err(1, "statistics");
	value = read(stats);
	framepool_stats_free(stats);
	return value;
}

/* Leaves only the longest extent free. */
static void take_all_but_one(void)
{
	struct framepool *other = framepool_open(NULL);
	struct framepool_buffer *all;

	if (!other)
		err(1, "framepool_open");
	all = framepool_buffer_alloc(other, framepool_largest_extent_bytes(other));
	if (!all || framepool_buffer_address(all, &extent.start))
		err(1, "the longest extent");
	extent.nr = framepool_buffer_length(all) / HUGE_BYTES;
	if (extent.nr > MAX_HUGE)
		errx(1, "the longest extent has %u huge frames; this suite takes %u", extent.nr,
		     MAX_HUGE);
	while (framepool_buffer_alloc(other, HUGE_BYTES))
		;
	framepool_buffer_free(all);
}

/* Many buffers are mapped, each by itself. */
static void allow_many_maps(void)
{
	int fd = open(MAX_MAPS, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, "1000000", 7) != 7)
		err(1, MAX_MAPS);
	close(fd);
}

static void touch(char *p, u64 length)
{
	u64 i;

	for (i = 0; i < length; i += 4 * KIB)
		p[i] = 1;
}

static bool add(u64 length)
{
	struct framepool_buffer *buffer = framepool_buffer_alloc(extent.fp, length);
	char *p = buffer ? framepool_buffer_map(buffer) : NULL;

	if (buffer && !p)
		err(1, "mapping a buffer");
	if (!buffer)
		return false;
	touch(p, length);
	extent.live += length;
	extent.buffers[extent.nr_buffers++] = buffer;
	return true;
}

static void drop(u32 at)
{
	extent.live -= framepool_buffer_length(extent.buffers[at]);
	framepool_buffer_free(extent.buffers[at]);
	extent.buffers[at] = extent.buffers[--extent.nr_buffers];
}

static void fill(enum kind kind, u64 *seed)
{
	u64 end = extent.nr * HUGE_BYTES / 10 * 9;

	while (extent.live < end && extent.nr_buffers < MAX_BUFFERS)
		if (!add(4 * KIB << (kind == MIXED ? bench_random(seed, 13) : 0)) && kind == SINGLE)
			err(1, "a buffer");
}

static void drop_half(u64 *seed)
{
	u32 nr = extent.nr_buffers / 2;

	while (nr--)
		drop(bench_random(seed, extent.nr_buffers));
	/* What was freed is cleared in the background. */
	while (figure(framepool_stats_quarantined_bytes))
		usleep(1000);
}

static void drop_all(void)
{
	while (extent.nr_buffers)
		drop(extent.nr_buffers - 1);
	while (figure(framepool_stats_quarantined_bytes))
		usleep(1000);
}

static void look_where_all_lies(void)
{
	u64 address, at, end;
	u32 i;

	memset(extent.used, 0, sizeof(extent.used));
	for (i = 0; i < extent.nr_buffers; i++) {
		if (framepool_buffer_pin(extent.buffers[i], &address) ||
		    framepool_buffer_unpin(extent.buffers[i]))
			err(1, "the address of a buffer");
		at = address - extent.start;
		for (end = at + framepool_buffer_length(extent.buffers[i]); at < end; at += 4 * KIB)
			extent.used[at / HUGE_BYTES] += 4 * KIB;
	}
}

/* No run of so many huge frames has less in it. */
static u64 fewest_bytes(u32 nr)
{
	u64 sum = 0, fewest = U64_MAX;
	u32 i;

	look_where_all_lies();
	for (i = 0; i < extent.nr; i++) {
		sum += extent.used[i];
		if (i >= nr)
			sum -= extent.used[i - nr];
		if (i + 1 >= nr)
			fewest = min(fewest, sum);
	}
	return fewest;
}

/* Allocates a run, and frees it. Return: whether there was one. */
static bool have_run(u32 nr)
{
	struct framepool_buffer *run = framepool_buffer_alloc(extent.fp, nr * HUGE_BYTES);

	if (run)
		framepool_buffer_free(run);
	return run;
}

static u64 share_of(u32 nr, u32 all)
{
	return nr * 100000ULL / all;
}

/* CPU time to copy so many bytes, in pieces of 2 MiB each from another place. */
static u64 time_of_copying(u64 bytes)
{
	const size_t half = 8 * HUGE_BYTES;
	struct framepool_buffer *buffer = framepool_buffer_alloc(extent.fp, 2 * half);
	char *p = buffer ? framepool_buffer_map(buffer) : NULL;
	u64 before, done;

	if (!p)
		err(1, "memory to copy");
	touch(p, 2 * half);
	before = busy_self();
	for (done = 0; done < bytes; done += HUGE_BYTES)
		memcpy(p + half + done % half, p + done % half, min(HUGE_BYTES, bytes - done));
	done = busy_self() - before;
	framepool_buffer_free(buffer);
	return done;
}

/* The sum counts: bytes and times of different buffers cannot be compared. */
static void note(struct bench_value *value, u64 figure)
{
	u64 sum = value->best + figure;

	bench_note(value, figure);
	value->best = sum;
}

static void compact(u32 free, struct bench_value *ours, struct bench_value *theirs)
{
	u64 moved = figure(framepool_stats_moved_bytes), begin;
	u32 nr = free * 98 / 100, longest;

	note(&theirs[COPIED], fewest_bytes(nr) * 1000);
	begin = busy_self();
	while (nr && !have_run(nr))
		nr--;
	note(&ours[TIME], busy_self() - begin);
	moved = figure(framepool_stats_moved_bytes) - moved;
	note(&ours[COPIED], moved * 1000);
	note(&theirs[TIME], time_of_copying(moved));
	for (longest = free; longest > nr && !have_run(longest); longest--)
		;
	note(&ours[LONGEST], share_of(longest, free));
	note(&theirs[LONGEST], share_of(free, free));
	note(&ours[BESIDE_LINUX], share_of(longest, free));
}

static u32 nr_free(void)
{
	return (extent.nr * HUGE_BYTES - extent.live) / HUGE_BYTES;
}

static void run(enum kind kind, u64 seed, struct bench_value *ours, struct bench_value *theirs)
{
	u64 same = seed;

	framepool_movable(extent.fp, false);
	fill(kind, &same);
	drop_half(&same);
	note(&ours[UNMOVABLE],
	     share_of(figure(framepool_stats_largest_bytes) / HUGE_BYTES, nr_free()));
	note(&theirs[UNMOVABLE], share_of(nr_free(), nr_free()));
	drop_all();

	framepool_movable(extent.fp, true);
	fill(kind, &seed);
	drop_half(&seed);
	compact(nr_free(), ours, theirs);
	drop_all();
	if (kind == SINGLE)
		note(&theirs[BESIDE_LINUX], linux_compaction(seed));
}

static void emit(u32 kind, u32 which, u32 rounds, struct bench_value ours,
		 struct bench_value theirs)
{
	char name[64];
	const struct bench_row row = {
		.suite = "move", .name = name, .threads = 1, .unit = cases[which].unit,
		.ours = { ours.best / rounds, ours.low, ours.high }, .peer = cases[which].peer,
		.theirs = { theirs.best / rounds, theirs.low, theirs.high },
	};

	snprintf(name, sizeof(name), "%s, %s", kinds[kind], cases[which].name);
	bench_emit(&row);
}

/**
 * bench_compaction() - measure how long runs can be made, and report
 * @rounds: of each case, with different buffers
 */
void bench_compaction(u32 rounds)
{
	u32 kind, round, i;

	extent.fp = framepool_open(NULL);
	if (!extent.fp)
		err(1, "framepool_open");
	allow_many_maps();
	take_all_but_one();
	for (kind = 0; kind < KINDS; kind++) {
		struct bench_value ours[COMPACTION_CASES] = {}, theirs[COMPACTION_CASES] = {};

		for (round = 1; round <= rounds; round++)
			run(kind, round, ours, theirs);
		for (i = 0; i < COMPACTION_CASES; i++)
			if (i != BESIDE_LINUX || kind == SINGLE)
				emit(kind, i, rounds, ours[i], theirs[i]);
	}
	framepool_close(extent.fp);
}
