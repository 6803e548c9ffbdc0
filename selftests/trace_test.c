// SPDX-License-Identifier: GPL-2.0-only
/* The tracepoints: each reports an event once, with its place, as docs/tracing.md says. */
#include "common.h"
#include "cache.h"
#include "memory.h"
#include "module.h"
#include "sigbus.h"
#include "tracing.h"

#define SHUTDOWN	"/sys/class/framepool/" POOL_NAME "/shutdown"
#define PER_HUGE	(HUGE_FRAME / FRAME)
#define MANY		(PER_HUGE + 88)	/* frames that take two huge frames */
#define MAX_STEPS	2000

FIXTURE(trace)
{
	int fd;
	struct buffer buffer;
	bool is_spoilt;		/* the pool cannot be used any more */
};

FIXTURE_SETUP(trace)
{
	self->fd = pool_open();
	ASSERT_GE(self->fd, 0);
	catch_sigbus();
	ASSERT_EQ(0, trace_begin());
}

/* The events stay on: see trace_begin(). */
FIXTURE_TEARDOWN_PARENT(trace)
{
	ignore(unload_case());	/* it is loaded only if the test has failed */
	if (self->is_spoilt) {
		EXPECT_EQ(0, unload());
		EXPECT_EQ(0, load(USUAL_PARAMETERS));
	}
	EXPECT_TRUE(wait_all_free());
}

static __u64 frame_of(const struct buffer *buffer)
{
	return (buffer->offset - BUFFERS_FROM) / FRAME;
}

static __u64 huge_of(const struct buffer *buffer)
{
	return frame_of(buffer) / PER_HUGE;
}

/* The number that events have for the client that allocated. */
static int client(void)
{
	const char *alloc = traced_next("alloc", NULL);

	return alloc ? traced_value(alloc, "client") : -2;
}

TEST_F(trace, alloc_tells_the_buffer_and_the_request)
{
	ASSERT_EQ(0, buffer_alloc_at(self->fd, 3 * FRAME - 1, 4 * FRAME, 1UL << 32, &self->buffer));
	ASSERT_EQ(0, trace_end());
	EXPECT_EQ(1, traced_any("alloc"));
	EXPECT_EQ(1, traced("alloc", "handle=%#llx offset=%#llx length=12288 align=16384 "
			    "limit=0x100000000 frame=%llu error=0",
			    self->buffer.handle, self->buffer.offset, frame_of(&self->buffer)));
	EXPECT_GE(client(), 0);
}

TEST_F(trace, failed_alloc_tells_why)
{
	EXPECT_EQ(-ENOMEM, buffer_alloc(self->fd, POOL_BYTES + FRAME, &self->buffer));
	ASSERT_EQ(0, trace_end());
	EXPECT_EQ(1, traced_any("alloc"));
	EXPECT_EQ(1, traced("alloc", "handle=0x0 offset=0x0 length=%lu align=4096 limit=0x0 "
			    "frame=-1 error=-12", POOL_BYTES + FRAME));
	EXPECT_EQ(0, traced_any("free"));
}

static void want(struct framepool_ioc_alloc entries[3])
{
	static const __u64 lengths[3] = { FRAME, 2 * HUGE_FRAME, 2 * POOL_BYTES };
	int i;

	for (i = 0; i < 3; i++)
		entries[i] = (struct framepool_ioc_alloc){
			.size = sizeof(*entries),
			.length = lengths[i],
		};
}

TEST_F(trace, partial_batch_tells_each_buffer_and_the_one_that_failed)
{
	struct framepool_ioc_alloc entries[3];
	struct framepool_ioc_batch batch;
	int i;

	want(entries);
	ASSERT_EQ(0, alloc_batch(self->fd, FRAMEPOOL_BATCH_PARTIAL, entries, 3, &batch));
	ASSERT_EQ(2, batch.done);
	ASSERT_EQ(0, trace_end());
	EXPECT_EQ(3, traced_any("alloc"));
	EXPECT_EQ(1, traced("alloc", "error=-12"));
	for (i = 0; i < 2; i++)
		EXPECT_EQ(1, traced("alloc", "handle=%#llx offset=%#llx length=%llu",
				    entries[i].handle, entries[i].offset, entries[i].length));
}

/* Buffers that are taken back within the call cause neither an alloc nor a free event. */
TEST_F(trace, refused_batch_tells_the_failure_alone)
{
	struct framepool_ioc_alloc entries[3];
	struct framepool_ioc_batch batch;

	want(entries);
	EXPECT_EQ(-ENOMEM, alloc_batch(self->fd, 0, entries, 3, &batch));
	ASSERT_EQ(0, trace_end());
	EXPECT_EQ(1, traced_any("alloc"));
	EXPECT_EQ(1, traced("alloc", "length=%lu align=4096 limit=0x0 frame=-1 error=-12",
			    2 * POOL_BYTES));
	EXPECT_EQ(0, traced_any("free"));
}

TEST_F(trace, free_comes_with_the_last_mapping)
{
	char *p;

	ASSERT_EQ(0, buffer_alloc(self->fd, 3 * FRAME, &self->buffer));
	p = buffer_map(self->fd, &self->buffer);
	ASSERT_NE(MAP_FAILED, p);
	ASSERT_EQ(0, handle_free(self->fd, self->buffer.handle));
	ASSERT_EQ(0, trace_end());
	EXPECT_EQ(1, traced_any("alloc"));
	EXPECT_EQ(0, traced_any("free"));

	ASSERT_EQ(0, trace_begin());
	ASSERT_EQ(0, munmap(p, self->buffer.length));
	ASSERT_EQ(0, trace_end());
	EXPECT_EQ(1, traced_any("free"));
	EXPECT_EQ(1, traced("free", "offset=%#llx length=12288 frame=%llu", self->buffer.offset,
			    frame_of(&self->buffer)));
}

/* Fills the pool, and frees every other buffer. Returns the number of those that are left. */
static int fill_half(int fd, size_t length, struct buffer *left)
{
	int i, n = 0;

	while (!buffer_alloc_any(fd, FRAMEPOOL_ALLOC_MOVABLE, length, 0, 0, &left[n]))
		n++;
	for (i = 0; i < n / 2; i++) {
		if (handle_free(fd, left[2 * i].handle))
			return -1;
		left[i] = left[2 * i + 1];
	}
	return n / 2;
}

static int compact(const char *length)
{
	return write_file("/sys/class/framepool/" POOL_NAME "/compact", length);
}

TEST_F(trace, move_tells_what_moves_and_where_to)
{
	static struct buffer left[POOL_BYTES / HUGE_FRAME + 1];
	const char *begin, *end;
	int i, n, found = 0;

	n = fill_half(self->fd, HUGE_FRAME, left);
	ASSERT_GT(n, 0);
	ASSERT_EQ(0, trace_begin());
	ASSERT_EQ(0, compact("4M"));
	ASSERT_EQ(0, trace_end());
	EXPECT_EQ(1, traced_any("move_begin"));
	EXPECT_EQ(1, traced_any("move_end"));
	begin = traced_next("move_begin", NULL);
	end = traced_next("move_end", NULL);
	ASSERT_TRUE(begin && end && begin < end);
	for (i = 0; i < n; i++)
		found += traced("move_end", "offset=%#llx buffers=1", left[i].offset);
	EXPECT_EQ(1, found);
	EXPECT_EQ(traced_value(begin, "huge"), traced_value(end, "huge"));
	EXPECT_EQ(traced_value(begin, "to"), traced_value(end, "to"));
	EXPECT_NE(traced_value(end, "huge"), traced_value(end, "to"));
	EXPECT_EQ(1, traced("move_end", "nr=1 error=0"));
}

TEST_F(trace, move_that_is_refused_tells_why)
{
	static struct buffer left[POOL_BYTES / HUGE_FRAME + 1];
	int i, n, ends[2];
	struct iovec frame;

	n = fill_half(self->fd, 2 * HUGE_FRAME, left);
	for (i = 0; i < n; i++) {
		frame = (struct iovec){ buffer_map(self->fd, &left[i]), FRAME };
		ASSERT_EQ(0, pipe(ends));
		ASSERT_EQ(FRAME, vmsplice(ends[1], &frame, 1, 0));
	}
	ASSERT_EQ(0, trace_begin());
	ASSERT_EQ(-ENOSPC, compact("8M"));
	ASSERT_EQ(0, trace_end());
	EXPECT_GT(traced("move_end", "nr=2 error=-16"), 0);
	EXPECT_EQ(0, traced("move_end", "error=0"));
	EXPECT_EQ(traced_any("move_begin"), traced_any("move_end"));
}

TEST_F(trace, end_of_client_frees_what_it_had)
{
	ASSERT_EQ(0, buffer_alloc(self->fd, FRAME, &self->buffer));
	ASSERT_EQ(0, close(self->fd));
	ASSERT_EQ(0, trace_end());
	EXPECT_EQ(1, traced("free", "client=%d offset=%#llx", client(), self->buffer.offset));
}

static int free_all(int fd, const struct framepool_ioc_alloc *entries, int n)
{
	struct framepool_ioc_free frees[MANY];
	struct framepool_ioc_batch batch;
	int i;

	for (i = 0; i < n; i++)
		frees[i] = (struct framepool_ioc_free){
			.size = sizeof(*frees),
			.handle = entries[i].handle,
		};
	return free_batch(fd, 0, frees, n, &batch);
}

/* Allocates @n buffers of one frame. */
static int alloc_frames(int fd, struct framepool_ioc_alloc *entries, int n)
{
	struct framepool_ioc_batch batch;
	int i;

	for (i = 0; i < n; i++)
		entries[i] = (struct framepool_ioc_alloc){
			.size = sizeof(*entries),
			.length = FRAME,
		};
	return alloc_batch(fd, 0, entries, n, &batch);
}

TEST_F(trace, free_of_a_batch_tells_each_buffer)
{
	struct framepool_ioc_alloc entries[40];
	int i;

	ASSERT_EQ(0, alloc_frames(self->fd, entries, ARRAY_SIZE(entries)));
	ASSERT_EQ(0, free_all(self->fd, entries, ARRAY_SIZE(entries)));
	ASSERT_EQ(0, trace_end());
	EXPECT_EQ(ARRAY_SIZE(entries), traced_any("alloc"));
	EXPECT_EQ(ARRAY_SIZE(entries), traced_any("free"));
	for (i = 0; i < ARRAY_SIZE(entries); i++)
		EXPECT_EQ(1, traced("free", "client=%d offset=%#llx", client(), entries[i].offset));
}

/* A client keeps one wholly free huge frame, and gives the other back. */
TEST_F(trace, huge_frame_splits_for_the_first_frame_and_merges_with_the_last)
{
	struct framepool_ioc_alloc entries[MANY];
	struct buffer first, last;
	int me;

	ASSERT_EQ(0, alloc_frames(self->fd, entries, MANY));
	first.offset = entries[0].offset;
	last.offset = entries[MANY - 1].offset;
	ASSERT_EQ(0, trace_end());
	me = client();
	EXPECT_EQ(2, traced("split", "client=%d", me));
	EXPECT_EQ(1, traced("split", "client=%d huge=%llu", me, huge_of(&first)));
	EXPECT_EQ(1, traced("split", "client=%d huge=%llu", me, huge_of(&last)));
	EXPECT_EQ(0, traced_any("merge"));

	ASSERT_EQ(0, trace_begin());
	ASSERT_EQ(0, free_all(self->fd, entries, MANY));
	ASSERT_EQ(0, trace_end());
	EXPECT_EQ(2, traced_any("merge"));
	EXPECT_EQ(1, traced("merge", "client=%d huge=%llu kept=1", me, huge_of(&first)));
	EXPECT_EQ(1, traced("merge", "client=%d huge=%llu kept=0", me, huge_of(&last)));

	/* The kept huge frame is split again. */
	ASSERT_EQ(0, trace_begin());
	ASSERT_EQ(0, buffer_alloc(self->fd, FRAME, &self->buffer));
	ASSERT_EQ(0, trace_end());
	EXPECT_EQ(1, traced_any("split"));
	EXPECT_EQ(1, traced("split", "client=%d huge=%llu", me, huge_of(&first)));
}

TEST_F(trace, whole_huge_frames_neither_split_nor_merge)
{
	ASSERT_EQ(0, buffer_alloc_huge(self->fd, 3 * HUGE_FRAME, &self->buffer));
	ASSERT_EQ(0, handle_free(self->fd, self->buffer.handle));
	ASSERT_EQ(0, trace_end());
	EXPECT_EQ(1, traced_any("free"));
	EXPECT_EQ(0, traced_any("split"));
	EXPECT_EQ(0, traced_any("merge"));
}

/*
 * Allocates and frees buffers of random length, cleared or not; writes to some of them. Returns how
 * many calls failed that must not.
 */
static int live_at_random(int fd, unsigned int seed)
{
	struct buffer buffers[32] = {};
	int i, step, failed = 0;
	char *p;

	for (step = 0; step < MAX_STEPS; step++) {
		i = rand_r(&seed) % ARRAY_SIZE(buffers);
		if (buffers[i].handle) {
			failed += !!handle_free(fd, buffers[i].handle);
			buffers[i].handle = 0;
			continue;
		}
		if (buffer_alloc_any(fd, rand_r(&seed) % 2 ? FRAMEPOOL_ALLOC_NOCLEAR : 0,
				     (1 + rand_r(&seed) % 700) * FRAME, 0, 0, &buffers[i]))
			continue;
		if (rand_r(&seed) % 4)
			continue;
		p = buffer_map(fd, &buffers[i]);
		if (p != MAP_FAILED)
			*p = 1;
		failed += p == MAP_FAILED || munmap(p, buffers[i].length);
	}
	for (i = 0; i < ARRAY_SIZE(buffers); i++)
		failed += buffers[i].handle && handle_free(fd, buffers[i].handle);
	return failed;
}

TEST_F_TIMEOUT(trace, all_that_was_allocated_and_split_is_freed_and_merged, SLOW_TEST_SECONDS)
{
	const char *given = getenv("SEED");
	unsigned int seed = given ? strtoul(given, NULL, 0) : time(NULL);

	TH_LOG("SEED=%u", seed);
	/* The buffer is large enough to lose no event. */
	ASSERT_EQ(0, write_file(TRACING "buffer_size_kb", "8192"));
	EXPECT_EQ(0, live_at_random(self->fd, seed));
	ASSERT_EQ(0, trace_end());
	EXPECT_EQ(0, write_file(TRACING "buffer_size_kb", "1024"));
	EXPECT_LT(MAX_STEPS / 4, traced_any("alloc"));
	EXPECT_EQ(traced("alloc", "error=0"), traced_any("free"));
	EXPECT_LT(0, traced_any("split"));
	EXPECT_EQ(traced_any("split"), traced_any("merge"));
}

/* An event tells whether the fault may map a huge frame, not how the kernel then maps it. */
TEST_F(trace, fault_tells_address_and_access)
{
	struct buffer small;
	char *area, *p, *q;

	ASSERT_EQ(0, buffer_alloc_huge(self->fd, 2 * HUGE_FRAME, &self->buffer));
	ASSERT_EQ(0, buffer_alloc(self->fd, 4 * FRAME, &small));
	area = reserve(3 * HUGE_FRAME);
	p = buffer_map_fixed(self->fd, &self->buffer,
			     (char *)ROUND_UP((unsigned long)area, HUGE_FRAME));
	q = buffer_map(self->fd, &small);
	ASSERT_NE(MAP_FAILED, p);
	ASSERT_NE(MAP_FAILED, q);
	(void)*(volatile char *)(p + HUGE_FRAME + 5 * FRAME);
	q[2 * FRAME] = 1;
	ASSERT_EQ(0, trace_end());
	EXPECT_EQ(2, traced_any("fault"));
	EXPECT_EQ(1, traced("fault", "client=%d address=%#lx offset=%#llx frame=%llu "
			    "write=0 huge=1 error=0",
			    client(), (long)(p + HUGE_FRAME + 5 * FRAME),
			    self->buffer.offset + HUGE_FRAME + 5 * FRAME,
			    frame_of(&self->buffer) + PER_HUGE + 5));
	EXPECT_EQ(1, traced("fault", "client=%d address=%#lx offset=%#llx frame=%llu "
			    "write=1 huge=0 error=0",
			    client(), (long)(q + 2 * FRAME), small.offset + 2 * FRAME,
			    frame_of(&small) + 2));
}

TEST_F(trace, quarantine_is_entered_and_left)
{
	struct framepool_ioc_stats stats;
	char *p;

	ASSERT_EQ(0, buffer_alloc_huge(self->fd, 2 * HUGE_FRAME, &self->buffer));
	p = buffer_map(self->fd, &self->buffer);
	ASSERT_NE(MAP_FAILED, p);
	*p = 1;
	ASSERT_EQ(0, munmap(p, self->buffer.length));
	ASSERT_EQ(0, handle_free(self->fd, self->buffer.handle));
	ASSERT_TRUE(wait_clean(self->fd, &stats));
	ASSERT_EQ(0, trace_end());
	EXPECT_EQ(3, traced_any("quarantine"));
	EXPECT_EQ(1, traced("quarantine", "client=%d huge=%llu nr=2 step=entered", client(),
			    huge_of(&self->buffer)));
	for (int i = 0; i < 2; i++)
		EXPECT_EQ(1, traced("quarantine", "client=%d huge=%llu nr=1 step=released",
				    client(), huge_of(&self->buffer) + i));
}

/* Waits for such an event. */
static bool is_traced(const char *event, const char *fields)
{
	double end = seconds_now() + IDLE_SECONDS;
	bool found;

	do {
		sleep_ms(50);
		found = !trace_read() && traced(event, "%s", fields);
	} while (!found && seconds_now() < end);
	return found;
}

TEST_F(trace, quarantine_tells_what_is_still_referenced)
{
	struct framepool_ioc_stats stats;
	int pipe = strand(self->fd, HUGE_FRAME);

	ASSERT_GE(pipe, 0);
	EXPECT_TRUE(is_traced("quarantine", "step=referenced"));
	EXPECT_EQ(0, traced("quarantine", "step=released"));
	ASSERT_EQ(0, trace_begin());
	close(pipe);
	ASSERT_TRUE(wait_clean(self->fd, &stats));
	ASSERT_EQ(0, trace_end());
	EXPECT_EQ(1, traced("quarantine", "step=released"));
}

/* This costs the machine a huge frame until it is rebooted. */
TEST_F(trace, bad_frame_is_told_by_fault_and_quarantine)
{
	char fields[64];
	char *p;

	ASSERT_EQ(0, buffer_alloc_huge(self->fd, HUGE_FRAME, &self->buffer));
	p = buffer_map(self->fd, &self->buffer);
	ASSERT_NE(MAP_FAILED, p);
	*p = 1;
	self->is_spoilt = true;
	ASSERT_TRUE(poison_physical(physical_address(p)));
	ASSERT_EQ(0, madvise(p, self->buffer.length, MADV_DONTNEED));
	EXPECT_EQ(BUS_MCEERR_AR, sigbus_code(p, false));
	ASSERT_EQ(0, munmap(p, self->buffer.length));
	ASSERT_EQ(0, handle_free(self->fd, self->buffer.handle));
	snprintf(fields, sizeof(fields), "huge=%llu nr=1 step=retired", huge_of(&self->buffer));
	EXPECT_TRUE(is_traced("quarantine", fields));
	EXPECT_EQ(1, traced("fault", "error=-133"));
}

TEST_F(trace, revoke_tells_the_client_and_faults_are_refused_afterwards)
{
	struct buffer other;
	int me;
	char *p;

	ASSERT_EQ(0, buffer_alloc(self->fd, FRAME, &self->buffer));
	ASSERT_EQ(0, buffer_alloc(self->fd, FRAME, &other));
	p = buffer_map(self->fd, &self->buffer);
	ASSERT_NE(MAP_FAILED, p);
	*p = 1;
	self->is_spoilt = true;
	ASSERT_EQ(0, write_file(SHUTDOWN, "1"));
	EXPECT_EQ(BUS_ADRERR, sigbus_code(p, false));
	ASSERT_EQ(0, trace_end());
	me = client();
	EXPECT_EQ(1, traced_any("revoke"));
	EXPECT_EQ(1, traced("revoke", "client=%d of_pid=%d buffers=2", me, getpid()));
	EXPECT_EQ(1, traced("fault", "client=%d address=%#lx", me, (long)p) -
			     traced("fault", "error=0"));
	EXPECT_EQ(1, traced("fault", "error=-14"));
}

/* The case allocates and frees blocks of four orders on each processor. */
TEST_F(trace, magazines_are_refilled_and_drained)
{
	int order, cpu, cpus = sysconf(_SC_NPROCESSORS_ONLN);

	ASSERT_EQ(0, load_case("run=linger"));
	ASSERT_TRUE(drain_pool());
	ASSERT_EQ(0, trace_end());
	ASSERT_EQ(0, unload_case());
	for (order = 0; order < 4; order++) {
		EXPECT_LE(cpus, traced("refill", "order=%d", order));
		for (cpu = 0; cpu < cpus; cpu++)
			EXPECT_LE(1, traced("drain", "of_cpu=%d order=%d", cpu, order));
	}
	for (const char *at = NULL; (at = traced_next("refill", at));) {
		EXPECT_LE(1, traced_value(at, "got"));
		EXPECT_LE(traced_value(at, "got"), traced_value(at, "wanted"));
	}
	for (const char *at = NULL; (at = traced_next("drain", at));)
		EXPECT_LE(1, traced_value(at, "blocks"));
}

TEST_F_TIMEOUT(trace, failed_refill_got_none, SLOW_TEST_SECONDS)
{
	static struct buffer all[POOL_BYTES / HUGE_FRAME];
	int why;

	ASSERT_EQ(ARRAY_SIZE(all), alloc_until_refused(self->fd, HUGE_FRAME, 0, all,
						       ARRAY_SIZE(all), &why));
	EXPECT_EQ(0, run_case("run=none"));
	ASSERT_EQ(0, trace_end());
	EXPECT_LE(1, traced_any("refill"));
	EXPECT_EQ(traced_any("refill"), traced("refill", "got=0"));
}

TEST_F(trace, slabs_grow_and_shrink)
{
	const char *grown = NULL;
	long long frame;
	int n = 0;

	EXPECT_EQ(0, run_case("run=shrink"));
	ASSERT_EQ(0, trace_end());
	while ((grown = traced_next("slab_grow", grown))) {
		frame = traced_value(grown, "frame");
		EXPECT_TRUE(traced_has(grown, "client=-1 cache=under test"));
		EXPECT_LE(1, traced("slab_shrink",
				    "cache=under test frame=%lld order=%lld objects=%lld", frame,
				    traced_value(grown, "order"), traced_value(grown, "objects")));
		EXPECT_LE(traced_value(grown, "objects") * 1000,
			  FRAME << traced_value(grown, "order"));
		n++;
	}
	EXPECT_LE(1, n);
	EXPECT_EQ(n, traced_any("slab_shrink"));
}

TEST_F(trace, window_tells_its_slabs_and_its_faults)
{
	__u64 offsets[40];
	struct cache cache;
	const char *grown;
	int me, order;
	char *p;

	ASSERT_EQ(0, cache_create(self->fd, FRAME, &cache));
	ASSERT_EQ(0, objects_alloc(&cache, offsets, ARRAY_SIZE(offsets)));
	p = cache_map(&cache);
	ASSERT_NE(MAP_FAILED, p);
	p[3 * FRAME] = 1;
	EXPECT_EQ(BUS_ADRERR, sigbus_code(p + cache.window_bytes / 2, false));
	ASSERT_EQ(0, objects_free(&cache, offsets, ARRAY_SIZE(offsets)));
	ASSERT_TRUE(drain_pool());
	ASSERT_EQ(0, trace_end());
	grown = traced_next("slab_grow", NULL);
	ASSERT_NE(NULL, grown);
	me = traced_value(grown, "client");
	order = __builtin_ctz(cache.slab_bytes / FRAME);
	EXPECT_LE(0, me);
	EXPECT_EQ(ARRAY_SIZE(offsets) * FRAME / cache.slab_bytes + 1, traced_any("slab_grow"));
	EXPECT_EQ(traced_any("slab_grow"), traced("slab_grow", "client=%d cache=0", me));
	EXPECT_EQ(traced_any("slab_grow"), traced("slab_shrink", "client=%d cache=0", me));
	EXPECT_EQ(1, traced("slab_shrink", "frame=%lld order=%d objects=%d",
			    traced_value(grown, "frame"), order, 1 << order));
	EXPECT_EQ(1, traced("fault", "client=%d address=%#lx offset=%#llx frame=%lld "
			    "write=1 huge=0 error=0",
			    me, (long)(p + 3 * FRAME), cache.offset + 3 * FRAME,
			    traced_value(grown, "frame") + 3));
	EXPECT_EQ(1, traced("fault", "frame=-1 write=0 huge=0 error=-14"));
}

TEST_HARNESS_MAIN
