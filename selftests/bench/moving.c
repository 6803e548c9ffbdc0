// SPDX-License-Identifier: GPL-2.0-only
/*
 * The cases of moving heaps in the suite "layers". A heap is filled with objects of 64 to 256
 * bytes, a part of them is freed at random, and the rest is compacted:
 *
 *  - how long it takes to move objects, against memcpy() of as many bytes between two buffers, and
 *    against memcpy() of each object;
 *  - the longest pause of a compaction with a budget;
 *  - how many chunks come back, of those that could: all but those with pinned objects, and but
 *    those that the objects need. With long pins, one chunk has all that are pinned; pins that are
 *    not long are measured with objects of 8 to 24 KiB, of which half of the chunks have one.
 */
#include <libframepool_moving.h>
#include <stdlib.h>

#include "layers.h"

#define CHUNK		((u64)FRAMEPOOL_MOVING_CHUNK)
#define OBJECTS_MAX	(4U << 20)	/* more than fit */

static u64 handles[OBJECTS_MAX];

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static struct framepool_moving *create(struct framepool *fp, u64 bytes)
{
	struct framepool_moving_options options = { .limit = bytes };
	struct framepool_moving *heap = framepool_moving_create(fp, &options);

	if (!heap)
		fail("framepool_moving_create");
	return heap;
}

static struct framepool_moving_stats stats_of(struct framepool_moving *heap)
{
	struct framepool_moving_stats stats;

	framepool_moving_stats(heap, &stats);
	return stats;
}

/* Allocates, and writes, objects of @least to @most bytes that take @bytes; returns how many. */
static u32 fill(struct framepool_moving *heap, u64 bytes, u32 least, u32 most, u64 *seed)
{
	u32 nr = 0, size;

	while (stats_of(heap).memory <= bytes) {
		size = least + bench_random(seed, most - least + 1);
		handles[nr] = framepool_moving_alloc(heap, size);
		if (!handles[nr])
			fail("framepool_moving_alloc");
		memset(framepool_moving_pin(heap, handles[nr], 0), 1, size);
		framepool_moving_unpin(heap, handles[nr]);
		nr++;
	}
	return nr;
}

/* Frees half of the objects. */
static void free_half(struct framepool_moving *heap, u32 nr, u64 *seed)
{
	u32 i;

	for (i = 0; i < nr; i++)
		if (bench_random(seed, 2)) {
			framepool_moving_free(heap, handles[i]);
			handles[i] = 0;
		}
}

/* Pins every hundredth of the objects that are left; returns how many chunks have some. */
static u32 pin_some(struct framepool_moving *heap, u32 nr, unsigned int flags, u64 *seed)
{
	u32 i, chunks = 0;
	u64 last = 0;

	for (i = 0; i < nr; i++)
		if (handles[i] && !bench_random(seed, 100)) {
			u64 at = (u64)framepool_moving_pin(heap, handles[i], flags) / CHUNK;

			chunks += at != last;
			last = at;
		}
	return chunks;
}

/* Moves all there is to move; returns the longest time of the processor for a call. */
static u64 compact(struct framepool_moving *heap, u64 budget)
{
	u64 start, longest = 0;
	int more;

	do {
		start = layers_cpu_now();
		more = framepool_moving_compact(heap, budget);
		longest = max(longest, layers_cpu_now() - start);
	} while (more == 1);
	return longest;
}

/* Thousandths of a nanosecond for a kibibyte. */
static u64 per_kibibyte(u64 ns, u64 bytes)
{
	return ns * 1000 / (bytes / 1024);
}

/* Calls that gave a chunk back do not count. */
static u64 move(struct framepool *fp, u64 bytes, u64 seed)
{
	struct framepool_moving *heap = create(fp, 2 * bytes);
	struct framepool_moving_stats before, after;
	u64 start, ns = 0, moved = 0;
	int more;

	free_half(heap, fill(heap, bytes, 64, 256, &seed), &seed);
	do {
		before = stats_of(heap);
		start = layers_cpu_now();
		more = framepool_moving_compact(heap, 50000);
		start = layers_cpu_now() - start;
		after = stats_of(heap);
		if (after.returned_chunks == before.returned_chunks) {
			ns += start;
			moved += after.moved_bytes - before.moved_bytes;
		}
	} while (more == 1);
	framepool_moving_destroy(heap);
	return per_kibibyte(ns, moved);
}

static u64 copy(struct framepool *fp, u64 bytes)
{
	struct framepool_buffer *from = framepool_buffer_alloc(fp, bytes);
	struct framepool_buffer *to = framepool_buffer_alloc(fp, bytes);
	u64 start, ns;

	if (!from || !to || !framepool_buffer_map(from) || !framepool_buffer_map(to))
		fail("framepool_buffer_alloc");
	memset(framepool_buffer_map(from), 1, bytes);
	memset(framepool_buffer_map(to), 1, bytes);
	start = layers_cpu_now();
	memcpy(framepool_buffer_map(to), framepool_buffer_map(from), bytes);
	ns = per_kibibyte(layers_cpu_now() - start, bytes);
	framepool_buffer_free(from);
	framepool_buffer_free(to);
	return ns;
}

/* Copies what is left of a heap object by object, behind each other, as a compaction must. */
static u64 copy_objects(struct framepool *fp, u64 bytes, u64 seed)
{
	struct framepool_moving *heap = create(fp, 2 * bytes);
	u32 nr = fill(heap, bytes, 64, 256, &seed), i, left = 0;
	struct framepool_buffer *buf = framepool_buffer_alloc(fp, bytes);
	char *to = buf ? framepool_buffer_map(buf) : NULL;
	static void *objects[OBJECTS_MAX];
	static u32 sizes[OBJECTS_MAX];
	u64 start, copied = 0;

	if (!to)
		fail("framepool_buffer_alloc");
	memset(to, 1, bytes);
	free_half(heap, nr, &seed);
	for (i = 0; i < nr; i++)
		if (handles[i]) {
			sizes[left] = framepool_moving_size(heap, handles[i]);
			objects[left++] = framepool_moving_pin(heap, handles[i], 0);
		}
	start = layers_cpu_now();
	for (i = 0; i < left; i++) {
		memcpy(to + copied, objects[i], sizes[i]);
		copied += sizes[i];
	}
	start = layers_cpu_now() - start;
	framepool_buffer_free(buf);
	framepool_moving_destroy(heap);
	return per_kibibyte(start, copied);
}

static void bench_speed(const struct layers_config *config, struct framepool *fp, u64 bytes)
{
	struct bench_row row = {
		.suite = "layers", .name = "moving heap, 1 KiB of objects moved", .threads = 1,
		.unit = "ns", .peer = "memcpy",
	};
	struct bench_value each = { };
	u32 i;

	for (i = 0; i < config->rounds; i++) {
		bench_note(&row.ours, move(fp, bytes, i + 1));
		bench_note(&row.theirs, copy(fp, bytes / 2));
		bench_note(&each, copy_objects(fp, bytes, i + 1));
	}
	bench_emit(&row);
	row.peer = "memcpy of each";
	row.theirs = each;
	bench_emit(&row);
}

/* The longest of all counts. Time of the processor, since others may use it meanwhile. */
static void bench_pause_of(const struct layers_config *config, struct framepool *fp, u64 bytes,
			   u64 budget, const char *name)
{
	struct bench_row row = {
		.suite = "layers", .name = name, .threads = 1, .unit = "us", .peer = "budget",
	};
	u32 i;

	for (i = 0; i < config->rounds; i++) {
		struct framepool_moving *heap = create(fp, 2 * bytes);
		u64 seed = i + 1;

		free_half(heap, fill(heap, bytes, 64, 256, &seed), &seed);
		bench_note(&row.ours, compact(heap, budget));
		bench_note(&row.theirs, budget);
		framepool_moving_destroy(heap);
	}
	row.ours.best = row.ours.high;
	bench_emit(&row);
}

/* Thousandths of the percentage of chunks that come back. */
static u64 share(struct framepool *fp, u64 bytes, u32 least, u32 most, unsigned int flags,
		 u64 seed)
{
	struct framepool_moving *heap = create(fp, 2 * bytes);
	u32 nr = fill(heap, bytes, least, most, &seed), pinned;
	u64 before, after, needed;

	free_half(heap, nr, &seed);
	pinned = pin_some(heap, nr, flags, &seed);
	if (flags)
		pinned = 1;
	before = stats_of(heap).memory / CHUNK;
	needed = max((stats_of(heap).bytes + CHUNK - 1) / CHUNK, pinned);
	compact(heap, U64_MAX);
	after = stats_of(heap).memory / CHUNK;
	framepool_moving_destroy(heap);
	return (before - after) * 100000 / (before - needed);
}

static void bench_share(const struct layers_config *config, struct framepool *fp, u64 bytes,
			const char *name, u32 least, u32 most, unsigned int flags)
{
	struct bench_row row = {
		.suite = "layers", .name = name, .threads = 1, .unit = "%", .peer = "possible",
	};
	u32 i;

	for (i = 0; i < config->rounds; i++) {
		bench_note(&row.ours, share(fp, bytes, least, most, flags, i + 1));
		bench_note(&row.theirs, 100000);
	}
	bench_emit(&row);
}

/**
 * bench_moving() - measure and report the cases of moving heaps
 * @config: how long to measure
 * @fp: client of a pool
 */
void bench_moving(const struct layers_config *config, struct framepool *fp)
{
	u64 bytes = (config->rounds > 1 ? 64 : 8) * CHUNK;

	bench_speed(config, fp, bytes);
	bench_pause_of(config, fp, bytes, 100000, "moving heap, pause, budget of 100 us");
	bench_pause_of(config, fp, bytes, 1000000, "moving heap, pause, budget of 1 ms");
	bench_share(config, fp, bytes, "moving heap, chunks that come back, 1 % long pins", 64, 256,
		    FRAMEPOOL_MOVING_PIN_LONG);
	bench_share(config, fp, bytes, "moving heap, chunks that come back, 1 % pins", 8192, 24576,
		    0);
}
