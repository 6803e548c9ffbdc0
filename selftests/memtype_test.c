// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pools that processors do not cache: memory=wc and memory=uc. The tests' kernel module reads the
 * page tables, of a process and of the kernel. Leaves the module loaded as it found it.
 */
#include "common.h"
#include "cache.h"
#include "child.h"
#include "memory.h"
#include "module.h"

#include <sys/uio.h>

#define BYTES		HUGE_FRAME
#define SYSFS		"/sys/class/framepool/" POOL_NAME "/memory"

FIXTURE(memtype)
{
	int fd;
};

FIXTURE_VARIANT(memtype)
{
	const char *name;
	__u32 number;
};

FIXTURE_VARIANT_ADD(memtype, wc)
{
	.name = "wc",
	.number = FRAMEPOOL_MEMORY_WC,
};

FIXTURE_VARIANT_ADD(memtype, uc)
{
	.name = "uc",
	.number = FRAMEPOOL_MEMORY_UC,
};

static int load_with(const char *size, const char *name)
{
	char parameters[64];

	snprintf(parameters, sizeof(parameters), "size=%s memory=%s", size, name);
	return load(parameters);
}

/* How much the kernel maps for itself by entries of one frame. */
static long mapped_by_frames(void)
{
	return proc_number("/proc/meminfo", NULL, "DirectMap4k") * KIB;
}

FIXTURE_SETUP(memtype)
{
	long before;

	if (is_loaded())
		ASSERT_EQ(0, unload());
	before = mapped_by_frames();
	ASSERT_EQ(0, load_with("16M", variant->name));
	/* A few entries are split for the module's code. */
	EXPECT_LT(mapped_by_frames() - before, 4 * (long)HUGE_FRAME);
	self->fd = pool_open();
	ASSERT_GE(self->fd, 0);
}

/* All memory is as it was before, also what the pool had. */
FIXTURE_TEARDOWN_PARENT(memtype)
{
	if (is_loaded())
		EXPECT_EQ(0, unload());
	EXPECT_EQ(0, load(USUAL_PARAMETERS));
	EXPECT_EQ(0, run_case("run=memory_all"));
	EXPECT_TRUE(wait_all_free());
}

/* Whether an entry of @entry_bytes maps @p with that type, and the kernel has the same type. */
static bool is_of_type(const void *p, const char *name, size_t entry_bytes)
{
	char parameters[128];

	snprintf(parameters, sizeof(parameters), "run=memory_at at=%lu memory=%s entry_bytes=%zu",
		 (unsigned long)p, name, entry_bytes);
	return !run_case(parameters);
}

TEST_F(memtype, is_shown)
{
	struct framepool_ioc_info info;
	char text[8];

	ASSERT_EQ(0, pool_info(self->fd, &info));
	EXPECT_EQ(variant->number, info.memory);
	snprintf(text, sizeof(text), "%s\n", variant->name);
	EXPECT_STREQ(text, read_file(SYSFS));
}

TEST_F(memtype, every_mapping_of_a_buffer_has_it)
{
	struct buffer huge, small;
	char *p, *q;
	pid_t pid;

	ASSERT_EQ(0, buffer_alloc_huge(self->fd, BYTES, &huge));
	ASSERT_EQ(0, buffer_alloc(self->fd, 3 * FRAME, &small));
	p = buffer_map_fixed(self->fd, &huge, reserve(BYTES));
	q = buffer_map(self->fd, &small);
	ASSERT_NE(MAP_FAILED, p);
	ASSERT_NE(MAP_FAILED, q);
	EXPECT_TRUE(all_bytes(p, 0, BYTES));
	stamp_frames(p, BYTES, 0);
	stamp_frames(q, 3 * FRAME, 0);
	EXPECT_TRUE(is_of_type(p, variant->name, fault_bytes()));
	EXPECT_FALSE(is_of_type(p, "wb", fault_bytes()));
	EXPECT_TRUE(is_of_type(q + FRAME, variant->name, FRAME));

	pid = child_fork();
	if (!pid) {
		CHILD_CHECK(frames_stamped(p, BYTES, 0) && frames_stamped(q, 3 * FRAME, 0));
		CHILD_CHECK(is_of_type(p, variant->name, fault_bytes()));
		CHILD_CHECK(is_of_type(q, variant->name, FRAME));
		_exit(0);
	}
	EXPECT_EQ(0, child_wait(pid));

	/* The kernel makes new entries, from old ones and by faults. */
	ASSERT_EQ(0, mprotect(p, BYTES, PROT_READ));
	EXPECT_TRUE(frames_stamped(p, BYTES, 0));
	EXPECT_TRUE(is_of_type(p, variant->name, fault_bytes()));
	ASSERT_EQ(0, mprotect(p + FRAME, FRAME, PROT_READ | PROT_WRITE));
	ASSERT_EQ(0, madvise(p, BYTES, MADV_DONTNEED));
	EXPECT_TRUE(frames_stamped(p, BYTES, 0));
	EXPECT_TRUE(is_of_type(p + FRAME, variant->name, FRAME));
	q = mremap(q, 3 * FRAME, 3 * FRAME, MREMAP_MAYMOVE | MREMAP_FIXED, reserve(BYTES));
	ASSERT_NE(MAP_FAILED, q);
	EXPECT_TRUE(is_of_type(q, variant->name, FRAME));
}

TEST_F(memtype, dma_buf_has_it)
{
	struct buffer buffer;
	int dmabuf;
	char *p;

	ASSERT_EQ(0, buffer_alloc_huge(self->fd, BYTES, &buffer));
	dmabuf = buffer_export(self->fd, &buffer);
	ASSERT_GE(dmabuf, 0);
	p = map_raw(reserve(BYTES), BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, dmabuf,
		    0);
	ASSERT_NE(MAP_FAILED, p);
	stamp_frames(p, BYTES, 0);
	EXPECT_TRUE(is_of_type(p, variant->name, fault_bytes()));
	ASSERT_EQ(0, handle_free(self->fd, buffer.handle));
	EXPECT_TRUE(frames_stamped(p, BYTES, 0));
}

TEST_F(memtype, window_of_a_cache_has_it)
{
	struct cache cache;
	__u64 offset;
	char *p;

	ASSERT_EQ(0, cache_create(self->fd, 64, &cache));
	ASSERT_EQ(0, objects_alloc(&cache, &offset, 1));
	p = cache_map(&cache);
	ASSERT_NE(MAP_FAILED, p);
	p[offset] = 1;
	EXPECT_TRUE(is_of_type(p + offset, variant->name, FRAME));
}

/* Pinned, freed, cleared and allocated again, no byte is lost, and it has the same type. */
TEST_F(memtype, memory_that_was_pinned_and_cleared_has_it)
{
	static char copy[FRAME];
	struct buffer buffer;
	struct iovec frame;
	int ends[2], n;
	char *p;

	ASSERT_EQ(0, buffer_alloc_huge(self->fd, BYTES, &buffer));
	p = buffer_map_fixed(self->fd, &buffer, reserve(BYTES));
	ASSERT_NE(MAP_FAILED, p);
	memset(p, PATTERN_MINE, BYTES);
	frame = (struct iovec){ .iov_base = p + FRAME, .iov_len = FRAME };
	ASSERT_EQ(0, pipe(ends));
	ASSERT_EQ(FRAME, vmsplice(ends[1], &frame, 1, 0));
	ASSERT_EQ(0, munmap(p, BYTES));
	ASSERT_EQ(0, handle_free(self->fd, buffer.handle));
	ASSERT_EQ(FRAME, read(ends[0], copy, FRAME));
	EXPECT_TRUE(all_bytes(copy, PATTERN_MINE, FRAME));

	for (n = 0; !buffer_alloc_huge(self->fd, HUGE_FRAME, &buffer); n++) {
		p = buffer_map_fixed(self->fd, &buffer, reserve(HUGE_FRAME));
		ASSERT_NE(MAP_FAILED, p);
		EXPECT_TRUE(all_bytes(p, 0, HUGE_FRAME));
		EXPECT_TRUE(is_of_type(p, variant->name, fault_bytes()));
	}
	EXPECT_EQ(16 * MIB / HUGE_FRAME, n);
}

TEST_F(memtype, memory_is_ordinary_again_while_a_pipe_holds_it)
{
	static char copy[FRAME];
	struct buffer buffer;
	struct iovec frame;
	int ends[2];
	char *p;

	ASSERT_EQ(0, buffer_alloc_huge(self->fd, HUGE_FRAME, &buffer));
	p = buffer_map(self->fd, &buffer);
	ASSERT_NE(MAP_FAILED, p);
	memset(p, PATTERN_MINE, HUGE_FRAME);
	frame = (struct iovec){ .iov_base = p, .iov_len = FRAME };
	ASSERT_EQ(0, pipe(ends));
	ASSERT_EQ(FRAME, vmsplice(ends[1], &frame, 1, 0));
	ASSERT_EQ(0, munmap(p, HUGE_FRAME));
	ASSERT_EQ(0, close(self->fd));
	ASSERT_EQ(0, unload());
	ASSERT_EQ(0, load("size=16M"));
	EXPECT_EQ(0, run_case("run=memory_all"));
	ASSERT_EQ(FRAME, read(ends[0], copy, FRAME));
	EXPECT_TRUE(all_bytes(copy, PATTERN_MINE, FRAME));
}

FIXTURE(loading)
{
};

FIXTURE_SETUP(loading)
{
	if (is_loaded())
		ASSERT_EQ(0, unload());
}

FIXTURE_TEARDOWN_PARENT(loading)
{
	if (is_loaded())
		EXPECT_EQ(0, unload());
	EXPECT_EQ(0, load(USUAL_PARAMETERS));
	EXPECT_EQ(0, run_case("run=memory_all"));
	EXPECT_TRUE(wait_all_free());
}

TEST_F(loading, with_an_unknown_type_is_refused)
{
	EXPECT_EQ(-EINVAL, load("size=16M memory="));
	EXPECT_EQ(-EINVAL, load("size=16M memory=wt"));
	EXPECT_EQ(-EINVAL, load("size=16M memory=WC"));
	EXPECT_FALSE(is_loaded());
}

TEST_F(loading, that_is_refused_later_gives_ordinary_memory_back)
{
	EXPECT_EQ(-ENOSPC, load("size=16M memory=wc min_run=1T"));
	EXPECT_FALSE(is_loaded());
}

/* Killed at some point of its work, which a few tries spread over all of it. */
TEST_F(loading, that_is_killed_gives_ordinary_memory_back)
{
	double start = seconds_now(), whole;
	int i, ret, killed = 0;
	pid_t pid;

	ASSERT_EQ(0, load_with("128M", "wc"));
	whole = seconds_now() - start;
	ASSERT_EQ(0, unload());
	for (i = 1; i <= 4; i++) {
		pid = child_fork();
		if (!pid)
			_exit(load_with("128M", "wc") ? 1 : 0);
		sleep_ms(whole * 1000 * i / 5);
		ret = child_kill(pid);
		killed += ret == CHILD_KILLED + SIGKILL;
		if (is_loaded())
			ASSERT_EQ(0, unload());
		ASSERT_EQ(0, load("size=16M"));
		ASSERT_EQ(0, run_case("run=memory_all"));
		ASSERT_EQ(0, unload());
	}
	EXPECT_GT(killed, 0);
}

TEST_HARNESS_MAIN
