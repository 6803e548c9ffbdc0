// SPDX-License-Identifier: GPL-2.0-only
/*
 * The suite "move": how long a thread stands still that writes to a buffer of 64 MiB while the
 * buffer moves. It is compared with the copy of one huge frame, which no move can do without. Both
 * are times of the clock; the writer and the mover have a processor each.
 *
 * The least of all rounds counts, since a round is also disturbed by other work of the machine, and
 * nothing but moves disturbs all of them.
 */
#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include "guest.h"
#include "libframepool.h"

#define BYTES		(64 * MIB)
#define HUGE_BYTES	(2 * MIB)
#define STEP		(509 * 4 * KIB)	/* another huge frame almost each time */

/**
 * struct writer - a thread that writes to memory, and looks at the clock
 * @p: the memory
 * @nr: how many writes there were
 * @longest: the longest time between two of them
 * @stop: ends it
 */
struct writer {
	volatile char *p;
	u64 nr;
	u64 longest;
	bool stop;
};

static void stay_on(u32 cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		err(1, "this suite needs two processors");
}

static void *write_on(void *argument)
{
	struct writer *writer = argument;
	u64 before, now;
	size_t at = 0;

	stay_on(1);
	for (before = bench_now(); !READ_ONCE(writer->stop); before = now) {
		writer->p[at]++;
		WRITE_ONCE(writer->nr, writer->nr + 1);
		at = (at + STEP) % BYTES;
		now = bench_now();
		if (now - before > READ_ONCE(writer->longest))
			WRITE_ONCE(writer->longest, now - before);
	}
	return NULL;
}

static u64 end_of(const struct framepool_buffer *buffer)
{
	u64 address;

	if (framepool_buffer_address(buffer, &address))
		err(1, "the address of a buffer");
	return address + BYTES;
}

/* Moves a buffer, by allocating as much below an address below which nothing else is free. */
static void move(struct framepool *fp, u64 limit)
{
	struct framepool_buffer *run = framepool_buffer_alloc_constrained(fp, BYTES, 0, limit);

	if (!run)
		err(1, "memory where the buffer was");
	framepool_buffer_free(run);
}

/* Returns how long the writer stood still. */
static u64 move_once(struct framepool *fp, u64 limit)
{
	struct writer writer = {};
	struct framepool_buffer *buffer;
	pthread_t thread;

	/* It fits exactly where there is room below the limit, and may move to above it. */
	framepool_movable(fp, true);
	buffer = framepool_buffer_alloc(fp, BYTES);
	writer.p = buffer ? framepool_buffer_map(buffer) : NULL;
	if (!writer.p)
		err(1, "a movable buffer");
	memset((char *)writer.p, 1, BYTES);
	if (pthread_create(&thread, NULL, write_on, &writer))
		errx(1, "no thread");
	while (READ_ONCE(writer.nr) < BYTES / HUGE_BYTES * 1000)
		usleep(1000);
	WRITE_ONCE(writer.longest, 0);
	move(fp, limit);
	WRITE_ONCE(writer.stop, true);
	pthread_join(thread, NULL);
	framepool_buffer_free(buffer);
	return writer.longest;
}

/* Returns how long it takes to copy a huge frame. */
static u64 copy_once(struct framepool *fp)
{
	struct framepool_buffer *buffer = framepool_buffer_alloc(fp, 2 * HUGE_BYTES);
	char *p = buffer ? framepool_buffer_map(buffer) : NULL;
	u64 time;

	if (!p)
		err(1, "a buffer");
	memset(p, 1, 2 * HUGE_BYTES);
	time = bench_now();
	memcpy(p + HUGE_BYTES, p, HUGE_BYTES);
	time = bench_now() - time;
	framepool_buffer_free(buffer);
	return time;
}

/* Leaves no other place below the end of a buffer. Return: that address. */
static u64 fill_below(struct framepool *fp)
{
	u64 middle = (framepool_first_address(fp) + framepool_end_address(fp)) / 2, limit;
	struct framepool_buffer *place = framepool_buffer_alloc_constrained(fp, BYTES, 0, middle);

	if (!place)
		err(1, "a buffer in the lower half of the pool");
	limit = end_of(place);
	while (framepool_buffer_alloc_constrained(fp, HUGE_BYTES, 0, limit))
		;
	framepool_buffer_free(place);
	return limit;
}

/**
 * bench_writer() - measure how long moves stop a writer, and report
 * @rounds: how often
 */
void bench_writer(u32 rounds)
{
	struct framepool *fp = framepool_open(NULL);
	struct bench_row row = {
		.suite = "move", .name = "64 MiB, longest time a writer stands still", .threads = 1,
		.unit = "us", .peer = "copy of a huge frame",
	};
	u64 limit;

	if (!fp)
		err(1, "framepool_open");
	stay_on(0);
	limit = fill_below(fp);
	for (; rounds; rounds--) {
		bench_note(&row.ours, move_once(fp, limit));
		bench_note(&row.theirs, copy_once(fp));
	}
	bench_emit(&row);
	framepool_close(fp);
}
