// SPDX-License-Identifier: GPL-2.0-only
/* What libframepool adds to the calls: batches of any length, quotas, addresses, sentences. */
#include "common.h"
#include "child.h"
#include "memory.h"

#include <libframepool.h>
#include <sys/resource.h>

#define MANY	2500	/* more than two of the kernel's batches */

FIXTURE(library)
{
	struct framepool *fp;
	struct framepool_buffer *bufs[MANY];
};

FIXTURE_SETUP(library)
{
	self->fp = framepool_open(NULL);
	ASSERT_NE(NULL, self->fp);
}

FIXTURE_TEARDOWN_PARENT(library)
{
	EXPECT_TRUE(wait_all_free());
}

static __u64 live_buffers(struct framepool *fp)
{
	struct framepool_ioc_stats stats;

	return pool_stats(framepool_fd(fp), &stats) ? ~0ULL : stats.buffers;
}

TEST_F(library, batch_longer_than_the_kernel_takes_is_allocated_and_freed)
{
	int i;

	ASSERT_EQ(MANY, framepool_alloc_batch(self->fp, 5000, 0, 0, false, self->bufs, MANY));
	EXPECT_EQ(MANY, live_buffers(self->fp));
	for (i = 0; i < MANY; i++) {
		ASSERT_EQ(8192, framepool_buffer_length(self->bufs[i]));
		ASSERT_NE(0, framepool_buffer_handle(self->bufs[i]));
	}
	for (i = 0; i < MANY; i += 100) {
		char *p = framepool_buffer_map(self->bufs[i]);

		ASSERT_NE(NULL, p);
		EXPECT_TRUE(all_bytes(p, 0, 8192));
		memset(p, PATTERN_MINE, 8192);
	}
	errno = 77;
	framepool_free_batch(self->bufs, MANY);
	EXPECT_EQ(77, errno);
	EXPECT_EQ(0, live_buffers(self->fp));
}

TEST_F(library, own_buffer_is_found_again)
{
	struct framepool_buffer *buf = framepool_buffer_alloc_own(self->fp, FRAME, 0, 0);
	struct framepool_buffer *same = framepool_buffer_at(self->fp, HUGE_FRAME - 1);
	char *p = map_raw(NULL, HUGE_FRAME, PROT_READ | PROT_WRITE, MAP_SHARED,
			  framepool_fd(self->fp), 0);

	ASSERT_NE(NULL, buf);
	ASSERT_NE(NULL, same);
	ASSERT_NE(MAP_FAILED, p);
	EXPECT_EQ(framepool_buffer_handle(buf), framepool_buffer_handle(same));
	EXPECT_EQ(HUGE_FRAME, framepool_buffer_length(same));
	stamp_frames(p, HUGE_FRAME, 0);
	EXPECT_TRUE(frames_stamped(framepool_buffer_map(same), HUGE_FRAME, 0));
	EXPECT_EQ(NULL, framepool_buffer_alloc_own(self->fp, FRAME, 0, 0));
	EXPECT_EQ(EEXIST, errno);
	ASSERT_EQ(0, munmap(p, HUGE_FRAME));
	framepool_buffer_free(same);
	EXPECT_EQ(NULL, framepool_buffer_at(self->fp, 0));
	EXPECT_EQ(ENOENT, errno);
	framepool_buffer_free(buf);
	EXPECT_EQ(0, live_buffers(self->fp));
}

TEST_F(library, export_is_mapped_huge_and_described)
{
	struct framepool_buffer *buf = framepool_buffer_alloc(self->fp, 4 * MIB);
	int fd = framepool_buffer_export(buf, 0, 4 * MIB, 0);
	uint64_t bytes, address, expected;
	size_t length = 0;
	char *p;

	ASSERT_GE(fd, 0);
	ASSERT_EQ(0, framepool_dmabuf_describe(self->fp, fd, &bytes, &address));
	EXPECT_EQ(0, framepool_dmabuf_sync(self->fp, fd, bytes - 1, 1, FRAMEPOOL_SYNC_END));
	EXPECT_EQ(-1, framepool_dmabuf_sync(self->fp, fd, bytes, 1, 0));
	EXPECT_EQ(EINVAL, errno);
	ASSERT_EQ(0, framepool_buffer_address(buf, &expected));
	EXPECT_EQ(4 * MIB, bytes);
	EXPECT_EQ(expected, address);
	p = framepool_dmabuf_map(fd, &length);
	ASSERT_NE(NULL, p);
	EXPECT_EQ(4 * MIB, length);
	EXPECT_EQ(0, (unsigned long)p % HUGE_FRAME);
	stamp_frames(p, length, 0);
	EXPECT_EQ(kib_if_huge(length), smaps_kib(p, "FilePmdMapped"));
	framepool_buffer_free(buf);
	EXPECT_TRUE(frames_stamped(p, length, 0));
	errno = 77;
	framepool_dmabuf_unmap(p, length);
	framepool_dmabuf_unmap(NULL, 0);
	EXPECT_EQ(77, errno);
	close(fd);
	EXPECT_EQ(0, live_buffers(self->fp));
}

TEST_F(library, export_of_a_part_is_mapped_as_it_was_exported)
{
	struct framepool_buffer *buf = framepool_buffer_alloc(self->fp, 5 * FRAME);
	int fd = framepool_buffer_export(buf, FRAME, 2 * FRAME, FRAMEPOOL_EXPORT_READ_ONLY);
	size_t length = 77;
	char *p, *q;

	p = framepool_buffer_map(buf);
	stamp_frames(p, 5 * FRAME, 0);
	q = framepool_dmabuf_map(fd, &length);
	ASSERT_NE(NULL, q);
	EXPECT_EQ(2 * FRAME, length);
	EXPECT_TRUE(frames_stamped(q, length, 1));
	EXPECT_NE(0, mprotect(q, FRAME, PROT_READ | PROT_WRITE));
	EXPECT_FALSE(is_readable(q + length));
	framepool_dmabuf_unmap(q, length);
	close(fd);
	EXPECT_EQ(NULL, framepool_dmabuf_map(fd, &length));
	EXPECT_EQ(EBADF, errno);
	EXPECT_EQ(-1, framepool_buffer_export(buf, 0, 0, 0));
	EXPECT_EQ(EINVAL, errno);
	framepool_buffer_free(buf);
}

TEST_F(library, batch_that_does_not_fit_is_refused_or_cut_short)
{
	enum { FIT = POOL_BYTES / (128 * KIB) };

	ASSERT_GT(FIT, FRAMEPOOL_BATCH_MAX);
	errno = 0;
	EXPECT_EQ(0, framepool_alloc_batch(self->fp, 128 * KIB, 0, 0, false, self->bufs, MANY));
	EXPECT_EQ(ENOMEM, errno);
	EXPECT_EQ(0, live_buffers(self->fp));
	errno = 0;
	EXPECT_EQ(FIT, framepool_alloc_batch(self->fp, 128 * KIB, 0, 0, true, self->bufs, MANY));
	EXPECT_EQ(ENOMEM, errno);
	EXPECT_EQ(FIT, live_buffers(self->fp));
	framepool_free_batch(self->bufs, FIT);
	EXPECT_EQ(0, live_buffers(self->fp));
}

TEST_F(library, batch_with_bad_arguments_is_refused)
{
	errno = 0;
	EXPECT_EQ(0, framepool_alloc_batch(self->fp, 0, 0, 0, true, self->bufs, 3));
	EXPECT_EQ(EINVAL, errno);
	errno = 0;
	EXPECT_EQ(0, framepool_alloc_batch(self->fp, FRAME, 3, 0, false, self->bufs, 3));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(0, framepool_alloc_batch(self->fp, FRAME, 0, 0, false, self->bufs, 0));
	framepool_free_batch(self->bufs, 0);
	EXPECT_EQ(0, live_buffers(self->fp));
}

TEST_F(library, batch_with_handles_already_freed_is_freed)
{
	int fd = framepool_fd(self->fp), i;

	ASSERT_EQ(600, framepool_alloc_batch(self->fp, FRAME, 0, 0, false, self->bufs, 600));
	for (i = 0; i < 600; i += 7) {
		ASSERT_EQ(0, handle_free(fd, framepool_buffer_handle(self->bufs[i])));
	}
	ASSERT_EQ(0, handle_free(fd, framepool_buffer_handle(self->bufs[599])));
	framepool_free_batch(self->bufs, 600);
	EXPECT_EQ(0, live_buffers(self->fp));
}

TEST_F(library, buffers_of_a_batch_are_freed_one_by_one_too)
{
	struct framepool_buffer *single;

	ASSERT_EQ(3, framepool_alloc_batch(self->fp, FRAME, HUGE_FRAME, 0, false, self->bufs, 3));
	single = framepool_buffer_alloc(self->fp, FRAME);
	ASSERT_NE(NULL, single);
	framepool_buffer_free(self->bufs[1]);
	self->bufs[1] = single;
	EXPECT_EQ(3, live_buffers(self->fp));
	framepool_free_batch(self->bufs, 3);
	EXPECT_EQ(0, live_buffers(self->fp));
}

/* Tries to allocate a buffer; true if that fails with @err and the explanation has @words. */
static bool fails_with(struct framepool *fp, __u64 length, __u64 align, int err, const char *words)
{
	char text[512];

	errno = 0;
	if (framepool_buffer_alloc_constrained(fp, length, align, 0) || errno != err)
		return false;
	framepool_explain_alloc(err, fp, length, align, 0, text, sizeof(text));
	if (strstr(text, words))
		return true;
	fprintf(stderr, "# %s\n", text);
	return false;
}

TEST_F(library, explanation_has_the_numbers_of_the_pool)
{
	struct framepool_buffer *buf;

	EXPECT_TRUE(fails_with(self->fp, POOL_BYTES + FRAME, 0, ENOMEM,
			       "is more than the whole pool 'default' has, which is 256M"));
	EXPECT_TRUE(fails_with(self->fp, FRAME, 1ULL << 50, ENOSPC,
			       "no run of 4K with that alignment"));
	EXPECT_TRUE(fails_with(self->fp, FRAME, 3, EINVAL, "a power of two, which 3 is not"));
	EXPECT_TRUE(fails_with(self->fp, ~0ULL, 0, EINVAL, "more than any pool can have"));
	buf = framepool_buffer_alloc(self->fp, FRAME);
	ASSERT_NE(NULL, buf);
	EXPECT_TRUE(fails_with(self->fp, POOL_BYTES, 0, ENOMEM,
			       "pool 'default' has 262140K free, less than the 256M asked for"));
	framepool_buffer_free(buf);
}

TEST_F(library, address_agrees_with_pagemap)
{
	struct framepool_buffer *buf = framepool_buffer_alloc(self->fp, 3 * MIB);
	uint64_t address = 0;
	char *p;

	ASSERT_NE(NULL, buf);
	p = framepool_buffer_map(buf);
	ASSERT_NE(NULL, p);
	ASSERT_EQ(0, framepool_buffer_address(buf, &address));
	EXPECT_NE(0, address);
	EXPECT_EQ(physical_address(p), address);
	EXPECT_EQ(physical_address(p + 2 * MIB), address + 2 * MIB);
	ASSERT_EQ(0, handle_free(framepool_fd(self->fp), framepool_buffer_handle(buf)));
	EXPECT_EQ(-1, framepool_buffer_address(buf, &address));
	EXPECT_EQ(ENOENT, errno);
}

TEST_F(library, quotas_are_read_anew)
{
	int fd = open("/sys/class/framepool/" POOL_NAME "/user_quota", O_WRONLY | O_CLOEXEC);

	ASSERT_GE(fd, 0);
	EXPECT_EQ(0, framepool_client_quota_bytes(self->fp));
	EXPECT_EQ(0, framepool_user_quota_bytes(self->fp));
	ASSERT_EQ(3, pwrite(fd, "20M", 3, 0));
	EXPECT_EQ(20 << 20, framepool_user_quota_bytes(self->fp));
	EXPECT_EQ(0, framepool_client_quota_bytes(self->fp));
	errno = 0;
	EXPECT_EQ(10, framepool_alloc_batch(self->fp, HUGE_FRAME, 0, 0, true, self->bufs, 11));
	EXPECT_EQ(EDQUOT, errno);
	EXPECT_TRUE(fails_with(self->fp, FRAME, 0, EDQUOT, "allows, which is 20M"));
	ASSERT_EQ(1, pwrite(fd, "0", 1, 0));
	EXPECT_EQ(0, framepool_user_quota_bytes(self->fp));
}

/* Fills a buffer of two huge frames and frees it. */
static bool leave(struct framepool *fp, int pattern)
{
	struct framepool_buffer *buf = framepool_buffer_alloc(fp, 2 * HUGE_FRAME);
	char *p = buf ? framepool_buffer_map(buf) : NULL;

	if (p)
		memset(p, pattern, 2 * HUGE_FRAME);
	framepool_buffer_free(buf);
	return p;
}

TEST_F(library, noclear_lasts_until_it_is_switched_off)
{
	struct framepool_buffer *buf;

	framepool_noclear(self->fp, true);
	ASSERT_TRUE(leave(self->fp, PATTERN_MINE));
	ASSERT_EQ(1, framepool_alloc_batch(self->fp, 2 * HUGE_FRAME, 0, 0, false, self->bufs, 1));
	EXPECT_TRUE(all_bytes(framepool_buffer_map(self->bufs[0]), PATTERN_MINE, 2 * HUGE_FRAME));
	framepool_buffer_free(self->bufs[0]);
	buf = framepool_buffer_alloc(self->fp, 2 * HUGE_FRAME);
	ASSERT_NE(NULL, buf);
	EXPECT_TRUE(all_bytes(framepool_buffer_map(buf), PATTERN_MINE, 2 * HUGE_FRAME));
	framepool_buffer_free(buf);
	framepool_noclear(self->fp, false);
	buf = framepool_buffer_alloc(self->fp, 2 * HUGE_FRAME);
	ASSERT_NE(NULL, buf);
	EXPECT_TRUE(all_bytes(framepool_buffer_map(buf), 0, 2 * HUGE_FRAME));
}

#define MAX_MAP_COUNT	"/proc/sys/vm/max_map_count"

TEST_F(library, mapping_beyond_the_most_of_a_process_names_that_limit)
{
	char old[16], why[512] = "";
	int i, err = 0;

	snprintf(old, sizeof(old), "%.15s", read_file(MAX_MAP_COUNT));
	ASSERT_EQ(200, framepool_alloc_batch(self->fp, FRAME, 0, 0, false, self->bufs, 200));
	ASSERT_EQ(0, write_file(MAX_MAP_COUNT, "150"));
	for (i = 0; i < 200 && framepool_buffer_map(self->bufs[i]); i++)
		;
	if (i < 200) {
		err = errno;
		framepool_explain_map(err, self->bufs[i], why, sizeof(why));
	}
	EXPECT_EQ(0, write_file(MAX_MAP_COUNT, old));
	EXPECT_EQ(ENOMEM, err);
	EXPECT_NE(NULL, strstr(why, "the limit vm.max_map_count is 150")) TH_LOG("%s", why);
	framepool_free_batch(self->bufs, 200);
}

#define LOCK_BYTES	(4 * MIB)

/* In a child, since a process that gave up its capabilities does not get them back. */
static bool lock_all_as_nobody(void)
{
	struct rlimit limit = { LOCK_BYTES, LOCK_BYTES };

	return !setrlimit(RLIMIT_MEMLOCK, &limit) && !setresuid(65534, 65534, 65534) &&
	       !mlockall(MCL_FUTURE);
}

TEST_F(library, mapping_after_mlockall_names_the_limit)
{
	struct framepool_buffer *buf = framepool_buffer_alloc(self->fp, 2 * LOCK_BYTES);
	pid_t pid = child_fork();
	char why[512];

	ASSERT_NE(NULL, buf);
	if (!pid) {
		struct framepool_cache *early = framepool_cache_create(self->fp, 64, 0, 0);

		CHILD_CHECK(early && lock_all_as_nobody());
		CHILD_CHECK(!framepool_cache_create(self->fp, 64, 0, 0) && errno == EAGAIN);
		framepool_explain_cache(errno, why, sizeof(why));
		CHILD_CHECK(strstr(why, "'ulimit -l' allows, which is 4096 KiB"));
		CHILD_CHECK(!framepool_buffer_map(buf) && errno == EAGAIN);
		framepool_explain_map(errno, buf, why, sizeof(why));
		CHILD_CHECK(strstr(why, "'ulimit -l' allows, which is 4096 KiB"));
		/* What was mapped before is not affected. */
		CHILD_CHECK(framepool_cache_alloc(early));
		CHILD_CHECK(!munlockall() && framepool_buffer_map(buf));
		_exit(0);
	}
	EXPECT_EQ(0, child_wait(pid));
}

TEST_HARNESS_MAIN
