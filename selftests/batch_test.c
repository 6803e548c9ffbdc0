// SPDX-License-Identifier: GPL-2.0-only
/* ALLOC_BATCH and FREE_BATCH do all or none, or as many as fit, and tell which entry failed. */
#include "common.h"
#include "child.h"
#include "memory.h"

#include <pthread.h>
#include <stddef.h>

#define MAX		FRAMEPOOL_BATCH_MAX
#define PARTIAL		FRAMEPOOL_BATCH_PARTIAL
#define PAGE		4096
#define SOME		7
#define BAD		4	/* which of SOME entries has a mistake */
#define KERNEL_ADDRESS	0xffff888000000000UL
#define KILLS		20

FIXTURE(batch)
{
	int fd;
	struct framepool_ioc_alloc *allocs;	/* MAX, right before inaccessible memory */
	struct framepool_ioc_free frees[MAX];
	struct framepool_ioc_batch batch;
};

static void fill_allocs(struct framepool_ioc_alloc *allocs, int count, __u64 length)
{
	int i;

	for (i = 0; i < count; i++)
		allocs[i] = (struct framepool_ioc_alloc){
			.size = sizeof(*allocs),
			.length = length,
		};
}

static void fill_frees(struct framepool_ioc_free *frees, const struct framepool_ioc_alloc *allocs,
		       int count)
{
	int i;

	for (i = 0; i < count; i++)
		frees[i] = (struct framepool_ioc_free){
			.size = sizeof(*frees),
			.handle = allocs[i].handle,
		};
}

FIXTURE_SETUP(batch)
{
	size_t bytes = MAX * sizeof(*self->allocs);
	char *p = mmap(NULL, bytes + PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(MAP_FAILED, p);
	ASSERT_EQ(0, bytes % PAGE);
	ASSERT_EQ(0, mprotect(p, bytes, PROT_READ | PROT_WRITE));
	self->allocs = (struct framepool_ioc_alloc *)p;
	self->fd = pool_open();
	ASSERT_GE(self->fd, 0);
	fill_allocs(self->allocs, MAX, FRAME);
}

FIXTURE_TEARDOWN_PARENT(batch)
{
	EXPECT_TRUE(wait_all_free());
}

static __u64 nr_buffers(int fd)
{
	struct framepool_ioc_stats stats;

	return pool_stats(fd, &stats) ? ~0ULL : stats.buffers;
}

static bool is_alive(int fd, __u64 handle)
{
	struct framepool_ioc_query query;

	return !handle_query(fd, handle, &query);
}

static bool are_alive(int fd, const struct framepool_ioc_alloc *allocs, int count)
{
	while (count--)
		if (!is_alive(fd, allocs[count].handle))
			return false;
	return true;
}

/* Whether @batch has these results. */
static bool results_are(const struct framepool_ioc_batch *batch, __u32 done, __u32 failed,
			int error)
{
	if (batch->done == done && batch->failed == failed && batch->error == error)
		return true;
	fprintf(stderr, "# done %u failed %u error %u, not %u %u %d\n", batch->done, batch->failed,
		batch->error, done, failed, error);
	return false;
}

TEST_F(batch, alloc_of_most_entries_gives_distinct_buffers)
{
	int i, j;

	ASSERT_EQ(0, alloc_batch(self->fd, 0, self->allocs, MAX, &self->batch));
	EXPECT_TRUE(results_are(&self->batch, MAX, MAX, 0));
	EXPECT_EQ(MAX, nr_buffers(self->fd));
	EXPECT_TRUE(are_alive(self->fd, self->allocs, MAX));
	for (i = 0; i < MAX; i++) {
		ASSERT_EQ(FRAME, self->allocs[i].length);
		for (j = 0; j < i; j++)
			if (self->allocs[j].offset == self->allocs[i].offset)
				break;
		ASSERT_EQ(i, j);
	}
	fill_frees(self->frees, self->allocs, MAX);
	ASSERT_EQ(0, free_batch(self->fd, 0, self->frees, MAX, &self->batch));
	EXPECT_TRUE(results_are(&self->batch, MAX, MAX, 0));
	EXPECT_EQ(0, nr_buffers(self->fd));
}

TEST_F(batch, each_entry_gets_what_it_asks_for)
{
	static const __u64 lengths[SOME] = {
		1, 3 * FRAME, HUGE_FRAME, FRAME, 5 * MIB + 1, 64 * KIB, 2 * HUGE_FRAME
	};
	struct framepool_ioc_query query;
	struct buffer buffer;
	int i;
	char *p;

	for (i = 0; i < SOME; i++) {
		self->allocs[i].length = lengths[i];
		self->allocs[i].align = i % 2 ? 1 * MIB : 0;
	}
	ASSERT_EQ(0, alloc_batch(self->fd, 0, self->allocs, SOME, &self->batch));
	for (i = 0; i < SOME; i++) {
		buffer.handle = self->allocs[i].handle;
		buffer.offset = self->allocs[i].offset;
		buffer.length = ROUND_UP(lengths[i], FRAME);
		EXPECT_EQ(buffer.length, self->allocs[i].length);
		ASSERT_EQ(0, handle_query(self->fd, buffer.handle, &query));
		EXPECT_EQ(buffer.length, query.length);
		EXPECT_EQ(buffer.offset, query.offset);
		if (i % 2) {
			EXPECT_EQ(0, buffer_physical(self->fd, &buffer) % MIB);
		}
		p = buffer_map(self->fd, &buffer);
		ASSERT_NE(MAP_FAILED, p);
		EXPECT_TRUE(all_bytes(p, 0, buffer.length));
		memset(p, PATTERN_MINE, buffer.length);
		EXPECT_TRUE(is_contiguous(p, buffer.length));
	}
}

TEST_F(batch, count_out_of_range_is_refused)
{
	EXPECT_EQ(-EINVAL, alloc_batch(self->fd, 0, self->allocs, 0, &self->batch));
	EXPECT_EQ(-EINVAL, alloc_batch(self->fd, 0, self->allocs, MAX + 1, &self->batch));
	EXPECT_EQ(-EINVAL, alloc_batch(self->fd, 0, self->allocs, UINT32_MAX, &self->batch));
	EXPECT_EQ(-EINVAL, free_batch(self->fd, PARTIAL, self->frees, 0, &self->batch));
	EXPECT_EQ(-EINVAL, free_batch(self->fd, PARTIAL, self->frees, MAX + 1, &self->batch));
	EXPECT_TRUE(results_are(&self->batch, 0, 0, 0));
	EXPECT_EQ(0, nr_buffers(self->fd));
}

TEST_F(batch, unknown_flags_are_refused)
{
	int bit;

	for (bit = 1; bit < 32; bit++) {
		EXPECT_EQ(-EINVAL, alloc_batch(self->fd, 1U << bit, self->allocs, 1, &self->batch));
		EXPECT_EQ(-EINVAL, free_batch(self->fd, 1U << bit, self->frees, 1, &self->batch));
	}
	EXPECT_EQ(0, nr_buffers(self->fd));
}

TEST_F(batch, reserved_field_is_refused)
{
	struct framepool_ioc_batch batch = {
		.size = sizeof(batch),
		.entries = (unsigned long)self->allocs,
		.count = 1,
		.entry_size = sizeof(*self->allocs),
		.reserved = 1,
	};

	EXPECT_EQ(-EINVAL, call(self->fd, FRAMEPOOL_IOC_ALLOC_BATCH, &batch));
	batch.entry_size = sizeof(*self->frees);
	EXPECT_EQ(-EINVAL, call(self->fd, FRAMEPOOL_IOC_FREE_BATCH, &batch));
}

TEST_F(batch, entry_size_out_of_range_is_refused)
{
	static const struct {
		__u32 size;
		int error;
	} bad[] = {
		{ 0, -EINVAL }, { 8, -EINVAL }, { 40, -EINVAL }, { 47, -EINVAL }, { 49, -EINVAL },
		{ 52, -EINVAL }, { 264, -E2BIG }, { 0x80000000, -E2BIG },
		{ UINT32_MAX - 7, -E2BIG },
	};
	int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		self->allocs[0].size = bad[i].size;
		EXPECT_EQ(bad[i].error, batch_call(self->fd, FRAMEPOOL_IOC_ALLOC_BATCH, 0,
						   self->allocs, bad[i].size, 1, &self->batch));
	}
	EXPECT_EQ(-EINVAL, batch_call(self->fd, FRAMEPOOL_IOC_FREE_BATCH, 0, self->frees, 8, 1,
				      &self->batch));
	EXPECT_EQ(0, nr_buffers(self->fd));
}

TEST_F(batch, longer_entries_with_zero_tails_are_accepted)
{
	struct { struct framepool_ioc_alloc alloc; __u64 tail[25]; } longer[3] = { 0 };
	int i;

	for (i = 0; i < 3; i++) {
		fill_allocs(&longer[i].alloc, 1, FRAME);
		longer[i].alloc.size = sizeof(*longer);
	}
	ASSERT_EQ(256, sizeof(*longer));
	ASSERT_EQ(0, batch_call(self->fd, FRAMEPOOL_IOC_ALLOC_BATCH, 0, longer, sizeof(*longer), 3,
				&self->batch));
	for (i = 0; i < 3; i++) {
		EXPECT_TRUE(is_alive(self->fd, longer[i].alloc.handle));
		longer[i].alloc.length = FRAME;
	}
	longer[1].tail[24] = 1;
	EXPECT_EQ(-E2BIG, batch_call(self->fd, FRAMEPOOL_IOC_ALLOC_BATCH, 0, longer,
				     sizeof(*longer), 3, &self->batch));
	EXPECT_TRUE(results_are(&self->batch, 0, 1, E2BIG));
	EXPECT_EQ(3, nr_buffers(self->fd));
}

/* From a program that knows no @timeout_ns. */
TEST_F(batch, shorter_entries_are_accepted)
{
	struct framepool_ioc_alloc entries[2] = { 0 };
	char *second = (char *)entries + offsetof(struct framepool_ioc_alloc, timeout_ns);
	__u32 size = offsetof(struct framepool_ioc_alloc, timeout_ns);
	struct framepool_ioc_alloc entry = { .size = size, .length = FRAME };
	struct framepool_ioc_batch batch;

	memcpy(entries, &entry, size);
	memcpy(second, &entry, size);
	ASSERT_EQ(0, batch_call(self->fd, FRAMEPOOL_IOC_ALLOC_BATCH, 0, entries, size, 2, &batch));
	EXPECT_EQ(2, batch.done);
	memcpy(&entry, second, size);
	EXPECT_NE(entry.handle, entries[0].handle);
	EXPECT_EQ(0, handle_free(self->fd, entries[0].handle));
	EXPECT_EQ(0, handle_free(self->fd, entry.handle));
}

TEST_F(batch, entries_that_cannot_be_read_give_efault)
{
	__u64 end = (unsigned long)(self->allocs + MAX);
	const __u64 bad[] = { 0, 1, KERNEL_ADDRESS, -1ULL, end, end - sizeof(*self->allocs) + 8 };
	struct framepool_ioc_batch before;
	int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		self->batch = before = (struct framepool_ioc_batch){
			.size = sizeof(before),
			.entries = bad[i],
			.count = 1,
			.entry_size = sizeof(*self->allocs),
			.done = 11,
			.failed = 12,
			.error = 13,
		};
		EXPECT_EQ(-EFAULT, call(self->fd, FRAMEPOOL_IOC_ALLOC_BATCH, &self->batch));
		EXPECT_EQ(-EFAULT, call(self->fd, FRAMEPOOL_IOC_FREE_BATCH, &self->batch));
		EXPECT_EQ(0, memcmp(&before, &self->batch, sizeof(before)));
	}
	EXPECT_EQ(-EFAULT, alloc_batch(self->fd, 0, self->allocs + 1, MAX, &self->batch));
	EXPECT_EQ(0, nr_buffers(self->fd));
}

TEST_F(batch, entries_that_cannot_be_written_leave_nothing_allocated)
{
	size_t bytes = MAX * sizeof(*self->allocs);

	/* First no page of them can be written, then all but the last page. */
	ASSERT_EQ(0, mprotect(self->allocs, bytes, PROT_READ));
	EXPECT_EQ(-EFAULT, alloc_batch(self->fd, 0, self->allocs, MAX, &self->batch));
	EXPECT_EQ(-EFAULT, alloc_batch(self->fd, PARTIAL, self->allocs, MAX, &self->batch));
	ASSERT_EQ(0, mprotect(self->allocs, bytes - PAGE, PROT_READ | PROT_WRITE));
	EXPECT_EQ(-EFAULT, alloc_batch(self->fd, PARTIAL, self->allocs, MAX, &self->batch));
	EXPECT_TRUE(results_are(&self->batch, 0, 0, 0));
	EXPECT_EQ(0, nr_buffers(self->fd));
}

TEST_F(batch, structure_that_cannot_be_written_leaves_nothing_allocated_and_nothing_freed)
{
	struct framepool_ioc_batch *batch = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
						 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	__u32 flags;

	ASSERT_NE(MAP_FAILED, batch);
	ASSERT_EQ(0, alloc_batch(self->fd, 0, self->allocs, SOME, &self->batch));
	fill_frees(self->frees, self->allocs, SOME);
	for (flags = 0; flags <= PARTIAL; flags += PARTIAL) {
		ASSERT_EQ(0, mprotect(batch, PAGE, PROT_READ | PROT_WRITE));
		*batch = self->batch;
		batch->flags = flags;
		ASSERT_EQ(0, mprotect(batch, PAGE, PROT_READ));
		EXPECT_EQ(-EFAULT, call(self->fd, FRAMEPOOL_IOC_ALLOC_BATCH, batch));
		ASSERT_EQ(0, mprotect(batch, PAGE, PROT_READ | PROT_WRITE));
		batch->entries = (unsigned long)self->frees;
		batch->entry_size = sizeof(*self->frees);
		ASSERT_EQ(0, mprotect(batch, PAGE, PROT_READ));
		EXPECT_EQ(-EFAULT, call(self->fd, FRAMEPOOL_IOC_FREE_BATCH, batch));
		EXPECT_EQ(SOME, nr_buffers(self->fd));
		fill_allocs(self->allocs, SOME, FRAME);
	}
}

FIXTURE(bad_entry)
{
	int fd;
	struct framepool_ioc_alloc allocs[SOME];
	struct framepool_ioc_batch batch;
};

FIXTURE_VARIANT(bad_entry)
{
	struct framepool_ioc_alloc entry;
	int error;
};

FIXTURE_VARIANT_ADD(bad_entry, of_no_length)
{
	.entry = { .size = sizeof(struct framepool_ioc_alloc) },
	.error = EINVAL,
};

FIXTURE_VARIANT_ADD(bad_entry, of_huge_length)
{
	.entry = { .size = sizeof(struct framepool_ioc_alloc), .length = ~0ULL },
	.error = EINVAL,
};

FIXTURE_VARIANT_ADD(bad_entry, with_flags)
{
	.entry = { .size = sizeof(struct framepool_ioc_alloc), .flags = 1U << 31, .length = FRAME },
	.error = EINVAL,
};

FIXTURE_VARIANT_ADD(bad_entry, that_would_wait)
{
	.entry = {
		.size = sizeof(struct framepool_ioc_alloc),
		.flags = FRAMEPOOL_ALLOC_WAIT,
		.length = FRAME,
	},
	.error = EINVAL,
};

FIXTURE_VARIANT_ADD(bad_entry, with_alignment_not_a_power_of_two)
{
	.entry = {
		.size = sizeof(struct framepool_ioc_alloc),
		.length = FRAME,
		.align = 3 * FRAME,
	},
	.error = EINVAL,
};

FIXTURE_VARIANT_ADD(bad_entry, without_size)
{
	.entry = { .length = FRAME },
	.error = EINVAL,
};

FIXTURE_VARIANT_ADD(bad_entry, of_another_size)
{
	.entry = { .size = sizeof(struct framepool_ioc_alloc) + 8, .length = FRAME },
	.error = EINVAL,
};

FIXTURE_VARIANT_ADD(bad_entry, larger_than_the_pool)
{
	.entry = { .size = sizeof(struct framepool_ioc_alloc), .length = POOL_BYTES + 1 },
	.error = ENOMEM,
};

FIXTURE_VARIANT_ADD(bad_entry, of_largest_length)
{
	.entry = { .size = sizeof(struct framepool_ioc_alloc), .length = INT64_MAX },
	.error = ENOMEM,
};

FIXTURE_VARIANT_ADD(bad_entry, below_all_memory)
{
	.entry = { .size = sizeof(struct framepool_ioc_alloc), .length = FRAME, .limit = FRAME },
	.error = ENOSPC,
};

FIXTURE_SETUP(bad_entry)
{
	self->fd = pool_open();
	ASSERT_GE(self->fd, 0);
	fill_allocs(self->allocs, SOME, 3 * FRAME);
	self->allocs[BAD] = variant->entry;
}

FIXTURE_TEARDOWN_PARENT(bad_entry)
{
	EXPECT_TRUE(wait_all_free());
}

TEST_F(bad_entry, among_all_or_none_leaves_none)
{
	struct framepool_ioc_alloc before[SOME];

	memcpy(before, self->allocs, sizeof(before));
	EXPECT_EQ(-variant->error, alloc_batch(self->fd, 0, self->allocs, SOME, &self->batch));
	EXPECT_TRUE(results_are(&self->batch, 0, BAD, variant->error));
	EXPECT_EQ(0, memcmp(before, self->allocs, sizeof(before)));
	EXPECT_EQ(0, nr_buffers(self->fd));
}

TEST_F(bad_entry, among_as_many_as_fit_stops_there)
{
	struct framepool_ioc_alloc before[SOME];

	memcpy(before, self->allocs, sizeof(before));
	EXPECT_EQ(0, alloc_batch(self->fd, PARTIAL, self->allocs, SOME, &self->batch));
	EXPECT_TRUE(results_are(&self->batch, BAD, BAD, variant->error));
	EXPECT_EQ(0, memcmp(before + BAD, self->allocs + BAD, (SOME - BAD) * sizeof(*before)));
	EXPECT_TRUE(are_alive(self->fd, self->allocs, BAD));
	EXPECT_EQ(BAD, nr_buffers(self->fd));
}

TEST_F(bad_entry, as_the_first_leaves_none)
{
	self->allocs[0] = variant->entry;
	EXPECT_EQ(-variant->error, alloc_batch(self->fd, 0, self->allocs, SOME, &self->batch));
	EXPECT_TRUE(results_are(&self->batch, 0, 0, variant->error));
	EXPECT_EQ(0, alloc_batch(self->fd, PARTIAL, self->allocs, SOME, &self->batch));
	EXPECT_TRUE(results_are(&self->batch, 0, 0, variant->error));
	EXPECT_EQ(0, nr_buffers(self->fd));
}

TEST_F_TIMEOUT(batch, more_than_the_pool_has_is_refused_or_cut_short, SLOW_TEST_SECONDS)
{
	enum { FIT = POOL_BYTES / MIB };

	fill_allocs(self->allocs, MAX, MIB);
	EXPECT_EQ(-ENOMEM, alloc_batch(self->fd, 0, self->allocs, MAX, &self->batch));
	EXPECT_TRUE(results_are(&self->batch, 0, FIT, ENOMEM));
	EXPECT_EQ(0, nr_buffers(self->fd));
	EXPECT_EQ(0, alloc_batch(self->fd, PARTIAL, self->allocs, MAX, &self->batch));
	EXPECT_TRUE(results_are(&self->batch, FIT, FIT, ENOMEM));
	EXPECT_EQ(FIT, nr_buffers(self->fd));
}

TEST_F(batch, free_with_duplicate_frees_none_or_up_to_it)
{
	ASSERT_EQ(0, alloc_batch(self->fd, 0, self->allocs, SOME, &self->batch));
	fill_frees(self->frees, self->allocs, SOME);
	self->frees[BAD].handle = self->frees[1].handle;
	EXPECT_EQ(-ENOENT, free_batch(self->fd, 0, self->frees, SOME, &self->batch));
	EXPECT_TRUE(results_are(&self->batch, 0, BAD, ENOENT));
	EXPECT_TRUE(are_alive(self->fd, self->allocs, SOME));

	EXPECT_EQ(0, free_batch(self->fd, PARTIAL, self->frees, SOME, &self->batch));
	EXPECT_TRUE(results_are(&self->batch, BAD, BAD, ENOENT));
	EXPECT_EQ(SOME - BAD, nr_buffers(self->fd));
	EXPECT_TRUE(are_alive(self->fd, self->allocs + BAD, SOME - BAD));
}

TEST_F(batch, free_with_foreign_handle_frees_none_or_up_to_it)
{
	struct buffer foreign;
	int other = pool_open();

	ASSERT_GE(other, 0);
	ASSERT_EQ(0, buffer_alloc(other, FRAME, &foreign));
	ASSERT_EQ(0, alloc_batch(self->fd, 0, self->allocs, SOME, &self->batch));
	fill_frees(self->frees, self->allocs, SOME);
	self->frees[BAD].handle = foreign.handle;
	EXPECT_EQ(-ENOENT, free_batch(self->fd, 0, self->frees, SOME, &self->batch));
	EXPECT_TRUE(results_are(&self->batch, 0, BAD, ENOENT));
	EXPECT_EQ(SOME + 1, nr_buffers(self->fd));
	EXPECT_EQ(0, free_batch(self->fd, PARTIAL, self->frees, SOME, &self->batch));
	EXPECT_TRUE(results_are(&self->batch, BAD, BAD, ENOENT));
	EXPECT_TRUE(is_alive(other, foreign.handle));
}

TEST_F(batch, free_with_bad_entry_frees_none_or_up_to_it)
{
	ASSERT_EQ(0, alloc_batch(self->fd, 0, self->allocs, SOME, &self->batch));
	fill_frees(self->frees, self->allocs, SOME);
	self->frees[BAD].flags = 1;
	EXPECT_EQ(-EINVAL, free_batch(self->fd, 0, self->frees, SOME, &self->batch));
	EXPECT_TRUE(results_are(&self->batch, 0, BAD, EINVAL));
	EXPECT_TRUE(are_alive(self->fd, self->allocs, SOME));
	self->frees[BAD].flags = 0;
	self->frees[BAD].size = 8;
	EXPECT_EQ(0, free_batch(self->fd, PARTIAL, self->frees, SOME, &self->batch));
	EXPECT_TRUE(results_are(&self->batch, BAD, BAD, EINVAL));
	EXPECT_TRUE(are_alive(self->fd, self->allocs + BAD, SOME - BAD));
}

/* The first entry with a mistake is reported, whatever the mistake is. */
TEST_F(batch, free_with_two_bad_entries_tells_the_first)
{
	ASSERT_EQ(0, alloc_batch(self->fd, 0, self->allocs, SOME, &self->batch));
	fill_frees(self->frees, self->allocs, SOME);
	self->frees[2].handle = 0;
	self->frees[BAD].flags = 1;
	EXPECT_EQ(0, free_batch(self->fd, PARTIAL, self->frees, SOME, &self->batch));
	EXPECT_TRUE(results_are(&self->batch, 2, 2, ENOENT));
	EXPECT_EQ(SOME - 2, nr_buffers(self->fd));
}

TEST_F(batch, freed_buffers_that_are_mapped_keep_their_bytes)
{
	struct buffer buffer;
	char *p[SOME];
	int i;

	fill_allocs(self->allocs, SOME, 3 * FRAME);
	ASSERT_EQ(0, alloc_batch(self->fd, 0, self->allocs, SOME, &self->batch));
	for (i = 0; i < SOME; i += 2) {
		buffer.offset = self->allocs[i].offset;
		buffer.length = self->allocs[i].length;
		p[i] = buffer_map(self->fd, &buffer);
		ASSERT_NE(MAP_FAILED, p[i]);
		stamp_frames(p[i], buffer.length, 100 * i);
	}
	fill_frees(self->frees, self->allocs, SOME);
	ASSERT_EQ(0, free_batch(self->fd, 0, self->frees, SOME, &self->batch));
	EXPECT_EQ((SOME + 1) / 2, nr_buffers(self->fd));
	for (i = 0; i < SOME; i += 2) {
		EXPECT_FALSE(is_alive(self->fd, self->allocs[i].handle));
		EXPECT_TRUE(frames_stamped(p[i], 3 * FRAME, 100 * i));
		ASSERT_EQ(0, munmap(p[i], 3 * FRAME));
	}
	EXPECT_EQ(0, nr_buffers(self->fd));
}

struct freer {
	int fd;
	const struct framepool_ioc_free *frees;
	pthread_barrier_t *start;
	int ret;
	__u32 done;
};

static void *free_all_or_none(void *arg)
{
	struct framepool_ioc_free frees[64];
	struct framepool_ioc_batch batch;
	struct freer *freer = arg;

	memcpy(frees, freer->frees, sizeof(frees));
	pthread_barrier_wait(freer->start);
	freer->ret = free_batch(freer->fd, 0, frees, ARRAY_SIZE(frees), &batch);
	freer->done = batch.done;
	return NULL;
}

TEST_F_TIMEOUT(batch, same_handles_freed_by_two_threads_are_freed_by_one, SLOW_TEST_SECONDS)
{
	struct freer freers[2];
	pthread_barrier_t start;
	pthread_t threads[2];
	int round, i;

	ASSERT_EQ(0, pthread_barrier_init(&start, NULL, 2));
	for (round = 0; round < 100; round++) {
		fill_allocs(self->allocs, 64, FRAME);
		ASSERT_EQ(0, alloc_batch(self->fd, 0, self->allocs, 64, &self->batch));
		fill_frees(self->frees, self->allocs, 64);
		for (i = 0; i < 2; i++) {
			freers[i] = (struct freer){
				.fd = self->fd,
				.frees = self->frees,
				.start = &start,
			};
			ASSERT_EQ(0, pthread_create(&threads[i], NULL, free_all_or_none,
						    &freers[i]));
		}
		for (i = 0; i < 2; i++)
			pthread_join(threads[i], NULL);
		ASSERT_EQ(-ENOENT, freers[0].ret + freers[1].ret);
		ASSERT_EQ(64, freers[0].done + freers[1].done);
		ASSERT_EQ(0, nr_buffers(self->fd));
	}
}

/* Says by the pipe when the first batch is freed, and goes on until it is killed. */
static void batch_for_ever(int ready)
{
	static struct framepool_ioc_alloc allocs[MAX];
	static struct framepool_ioc_free frees[MAX];
	struct framepool_ioc_batch batch;
	int fd = pool_open();

	CHILD_CHECK(fd >= 0);
	for (;;) {
		fill_allocs(allocs, MAX, 64 * KIB);
		CHILD_CHECK(!alloc_batch(fd, 0, allocs, MAX, &batch));
		fill_frees(frees, allocs, MAX);
		CHILD_CHECK(!free_batch(fd, 0, frees, MAX, &batch));
		if (ready >= 0)
			tell(ready);
		ready = -1;
	}
}

TEST_F_TIMEOUT(batch, killed_caller_leaves_nothing, SLOW_TEST_SECONDS)
{
	int ready[2], i;
	pid_t pid;

	for (i = 0; i < KILLS; i++) {
		ASSERT_EQ(0, pipe(ready));
		pid = child_fork();
		if (!pid)
			batch_for_ever(ready[1]);
		close(ready[1]);
		/* Some are killed before their first batch, the others each at another moment. */
		if (i >= KILLS / 4) {
			ASSERT_TRUE(hear(ready[0]));
		}
		sleep_ms(5 * i);
		ASSERT_EQ(CHILD_KILLED + SIGKILL, child_kill(pid));
		close(ready[0]);
	}
	EXPECT_TRUE(wait_idle(self->fd, 1));
}

TEST_HARNESS_MAIN
