// SPDX-License-Identifier: GPL-2.0-only
/* Whatever the kernel does after madvise() and other hints, the buffer keeps its contents. */
#include "common.h"
#include "child.h"
#include "memory.h"

#include <sys/resource.h>
#include <sys/uio.h>

#define BYTES	(4 * MIB)

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE	25
#endif

FIXTURE(advice)
{
	int fd;
	struct buffer buffer;	/* BYTES long, aligned to huge frames, stamped */
	char *p;
};

FIXTURE_SETUP(advice)
{
	self->fd = pool_open();
	ASSERT_GE(self->fd, 0);
	ASSERT_EQ(0, buffer_alloc_huge(self->fd, BYTES, &self->buffer));
	self->p = buffer_map(self->fd, &self->buffer);
	ASSERT_NE(MAP_FAILED, self->p);
	stamp_frames(self->p, BYTES, 0);
}

FIXTURE_TEARDOWN_PARENT(advice)
{
	EXPECT_TRUE(wait_all_free());
}

TEST_F(advice, dontneed_unmaps_and_keeps_data)
{
	ASSERT_EQ(0, madvise(self->p, BYTES, MADV_DONTNEED));
	EXPECT_EQ(0, frames_present(self->p, BYTES));
	EXPECT_TRUE(frames_stamped(self->p, BYTES, 0));
}

TEST_F(advice, dontneed_of_a_part_keeps_data)
{
	ASSERT_EQ(0, madvise(self->p + MIB, FRAME, MADV_DONTNEED));
	ASSERT_EQ(0, madvise(self->p + 3 * MIB, MIB, MADV_DONTNEED));
	EXPECT_TRUE(frames_stamped(self->p, BYTES, 0));
	EXPECT_TRUE(is_contiguous(self->p, BYTES));
}

TEST_F(advice, remove_is_refused)
{
	EXPECT_EQ(-1, madvise(self->p, BYTES, MADV_REMOVE));
	EXPECT_EQ(ENODEV, errno);
	EXPECT_TRUE(frames_stamped(self->p, BYTES, 0));
}

TEST_F(advice, free_is_refused)
{
	EXPECT_EQ(-1, madvise(self->p, BYTES, MADV_FREE));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_TRUE(frames_stamped(self->p, BYTES, 0));
}

TEST_F(advice, populate_read_maps_everything)
{
	char *twin = buffer_map(self->fd, &self->buffer);

	ASSERT_NE(MAP_FAILED, twin);
	EXPECT_EQ(0, frames_present(twin, BYTES));
	ASSERT_EQ(0, madvise(twin, BYTES, MADV_POPULATE_READ));
	EXPECT_EQ(BYTES / FRAME, frames_present(twin, BYTES));
	EXPECT_EQ(kib_if_huge(BYTES), smaps_kib(twin, "FilePmdMapped"));
	EXPECT_TRUE(frames_stamped(twin, BYTES, 0));
}

TEST_F(advice, populate_write_maps_everything)
{
	char *twin = buffer_map(self->fd, &self->buffer);

	ASSERT_NE(MAP_FAILED, twin);
	ASSERT_EQ(0, madvise(twin, BYTES, MADV_POPULATE_WRITE));
	EXPECT_EQ(BYTES / FRAME, frames_present(twin, BYTES));
	EXPECT_EQ(kib_if_huge(BYTES), smaps_kib(twin, "FilePmdMapped"));
	EXPECT_TRUE(frames_stamped(twin, BYTES, 0));
}

TEST_F(advice, populate_of_a_part_maps_its_huge_frame)
{
	char *twin = buffer_map(self->fd, &self->buffer);

	ASSERT_NE(MAP_FAILED, twin);
	ASSERT_EQ(0, madvise(twin + 3 * MIB, FRAME, MADV_POPULATE_WRITE));
	EXPECT_EQ(0, frames_present(twin, HUGE_FRAME));
	EXPECT_EQ(fault_bytes() / FRAME, frames_present(twin + HUGE_FRAME, HUGE_FRAME));
}

TEST_F(advice, populate_write_of_read_only_mapping_is_refused)
{
	char *twin = map_raw(NULL, BYTES, PROT_READ, MAP_SHARED, self->fd, self->buffer.offset);

	ASSERT_NE(MAP_FAILED, twin);
	EXPECT_EQ(-1, madvise(twin, BYTES, MADV_POPULATE_WRITE));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(0, frames_present(twin, BYTES));
	EXPECT_EQ(0, madvise(twin, BYTES, MADV_POPULATE_READ));
}

TEST_F(advice, populate_across_a_hole_is_refused)
{
	ASSERT_EQ(0, munmap(self->p + MIB, FRAME));
	EXPECT_EQ(-1, madvise(self->p, BYTES, MADV_POPULATE_WRITE));
	EXPECT_EQ(ENOMEM, errno);
	EXPECT_TRUE(frames_stamped(self->p, MIB, 0));
}

/* Linux 6.1 maps pages of files huge even after MADV_NOHUGEPAGE. */
static bool nohugepage_is_honoured(void)
{
	return !kernel_is("6.1.");
}

TEST_F(advice, nohugepage_maps_by_frames)
{
	long huge = nohugepage_is_honoured() ? 0 : kib_if_huge(BYTES);
	char *twin = buffer_map(self->fd, &self->buffer);

	ASSERT_NE(MAP_FAILED, twin);
	ASSERT_TRUE(advise_huge(twin, BYTES, MADV_NOHUGEPAGE));
	EXPECT_TRUE(frames_stamped(twin, BYTES, 0));
	EXPECT_EQ(huge, smaps_kib(twin, "FilePmdMapped"));
	EXPECT_EQ(BYTES / KIB, smaps_kib(twin, "Rss"));
	EXPECT_EQ(kib_if_huge(BYTES), smaps_kib(self->p, "FilePmdMapped"));
}

TEST_F(advice, nohugepage_for_a_part_spares_the_rest)
{
	long huge = nohugepage_is_honoured() ? 0 : kib_if_huge(HUGE_FRAME);
	char *twin = buffer_map(self->fd, &self->buffer);
	/* If the advice is refused, the mapping is not split. */
	char *part = twin + (has_huge_pages() ? HUGE_FRAME : 0);

	ASSERT_NE(MAP_FAILED, twin);
	ASSERT_TRUE(advise_huge(twin + HUGE_FRAME, HUGE_FRAME, MADV_NOHUGEPAGE));
	EXPECT_TRUE(frames_stamped(twin, BYTES, 0));
	EXPECT_EQ(kib_if_huge(HUGE_FRAME), smaps_kib(twin, "FilePmdMapped"));
	EXPECT_EQ(huge, smaps_kib(part, "FilePmdMapped"));
}

TEST_F(advice, hugepage_undoes_nohugepage_for_untouched_memory)
{
	long huge = kib_if_huge(nohugepage_is_honoured() ? HUGE_FRAME : BYTES);
	char *twin = buffer_map(self->fd, &self->buffer);

	ASSERT_NE(MAP_FAILED, twin);
	ASSERT_TRUE(advise_huge(twin, BYTES, MADV_NOHUGEPAGE));
	touch(twin, FRAME);
	ASSERT_TRUE(advise_huge(twin, BYTES, MADV_HUGEPAGE));
	EXPECT_TRUE(frames_stamped(twin, BYTES, 0));
	EXPECT_EQ(huge, smaps_kib(twin, "FilePmdMapped"));
}

/* Whether a child has all of the memory, or (if not @has) none of it. */
static bool child_has(char *p, bool has)
{
	pid_t pid = child_fork();

	if (!pid) {
		CHILD_CHECK(has ? frames_stamped(p, BYTES, 0) : !is_readable(p));
		_exit(0);
	}
	return !child_wait(pid);
}

TEST_F(advice, dontfork_keeps_the_mapping_from_a_child)
{
	ASSERT_EQ(0, madvise(self->p, BYTES, MADV_DONTFORK));
	EXPECT_TRUE(child_has(self->p, false));
}

/* Linux 7.3 refuses MADV_DOFORK for all mappings that mremap() must not expand. */
static bool dofork_is_refused(void)
{
	return !kernel_is("6.");
}

TEST_F(advice, dofork_gives_the_mapping_to_a_child_again)
{
	bool refused = dofork_is_refused();

	ASSERT_EQ(0, madvise(self->p, BYTES, MADV_DONTFORK));
	ASSERT_EQ(refused ? -1 : 0, madvise(self->p, BYTES, MADV_DOFORK));
	if (refused) {
		EXPECT_EQ(EINVAL, errno);
	}
	EXPECT_TRUE(child_has(self->p, !refused));
}

/*
 * Linux 6.12 without huge pages cannot split folios, but may never stop trying. framepool prevents
 * that: it has each folio counted as mapped by somebody else.
 */
static bool cannot_split_folios(void)
{
	return !has_huge_pages() && kernel_is("6.12.");
}

/* How often the kernel counts the frame at a physical address as mapped; -1 if unknown. */
static long times_mapped(__u64 address)
{
	int fd = open("/proc/kpagecount", O_RDONLY | O_CLOEXEC);
	__u64 count;

	if (pread(fd, &count, sizeof(count), address / FRAME * sizeof(count)) != sizeof(count))
		count = -1;
	close(fd);
	return count;
}

TEST_F(advice, unmapped_frame_counts_as_mapped_only_where_folios_cannot_be_split)
{
	struct buffer buffer;
	__u64 address;

	ASSERT_EQ(0, buffer_alloc_huge(self->fd, HUGE_FRAME, &buffer));
	address = buffer_physical(self->fd, &buffer);
	ASSERT_NE(0, address);
	EXPECT_EQ(cannot_split_folios(), times_mapped(address));
	EXPECT_EQ(cannot_split_folios(), times_mapped(address + HUGE_FRAME - FRAME));
}

/* The errno that an advice fails with; 0: it succeeds. */
static int advice_errno(int advice)
{
	switch (advice) {
	case MADV_REMOVE:
		return ENODEV;
	case MADV_FREE:
	case MADV_DODUMP:
	case MADV_WIPEONFORK:
	case MADV_COLLAPSE:
	case -1:
		return EINVAL;
	case MADV_MERGEABLE:
	case MADV_UNMERGEABLE:
		return access("/sys/kernel/mm/ksm", F_OK) ? EINVAL : 0;
	case MADV_HUGEPAGE:
	case MADV_NOHUGEPAGE:
		return has_huge_pages() ? 0 : EINVAL;
	default:
		return 0;
	}
}

static bool advice_is_as_expected(char *p, size_t length, int advice)
{
	return (madvise(p, length, advice) ? errno : 0) == advice_errno(advice);
}

/* Advice that poisons a frame is left out, since it costs the machine that memory. */
TEST_F(advice, any_advice_keeps_data)
{
	static const int advices[] = {
		MADV_NORMAL, MADV_RANDOM, MADV_SEQUENTIAL, MADV_WILLNEED, MADV_DONTNEED,
		MADV_FREE, MADV_REMOVE, MADV_MERGEABLE, MADV_UNMERGEABLE, MADV_HUGEPAGE,
		MADV_NOHUGEPAGE, MADV_DONTDUMP, MADV_DODUMP, MADV_WIPEONFORK, MADV_KEEPONFORK,
		MADV_COLD, MADV_PAGEOUT, MADV_COLLAPSE, MADV_DONTNEED_LOCKED, -1,
	};
	int i;

	/* For whole huge frames, then for a part of one. The kernel may try to split that one. */
	for (i = 0; i < ARRAY_SIZE(advices); i++) {
		EXPECT_TRUE(advice_is_as_expected(self->p, BYTES, advices[i]))
			TH_LOG("advice %d, errno %d", advices[i], errno);
		EXPECT_TRUE(frames_stamped(self->p, BYTES, 0))
			TH_LOG("advice %d", advices[i]);
		if (cannot_split_folios())
			continue;
		EXPECT_TRUE(advice_is_as_expected(self->p + HUGE_FRAME + 3 * FRAME, 64 * KIB,
						  advices[i]))
			TH_LOG("advice %d for a part, errno %d", advices[i], errno);
		EXPECT_TRUE(frames_stamped(self->p, BYTES, 0))
			TH_LOG("advice %d for a part", advices[i]);
		EXPECT_TRUE(is_contiguous(self->p, BYTES));
	}
}

TEST_F(advice, file_hints_keep_data)
{
	EXPECT_EQ(0, posix_fadvise(self->fd, self->buffer.offset, BYTES, POSIX_FADV_WILLNEED));
	EXPECT_EQ(0, posix_fadvise(self->fd, self->buffer.offset, BYTES, POSIX_FADV_DONTNEED));
	EXPECT_EQ(0, posix_fadvise(self->fd, 0, 0, POSIX_FADV_DONTNEED));
	EXPECT_EQ(-1, readahead(self->fd, self->buffer.offset, BYTES));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, sync_file_range(self->fd, self->buffer.offset, BYTES,
				      SYNC_FILE_RANGE_WRITE));
	EXPECT_EQ(ESPIPE, errno);
	EXPECT_EQ(0, fsync(self->fd));
	EXPECT_EQ(0, fdatasync(self->fd));
	EXPECT_EQ(0, msync(self->p, BYTES, MS_SYNC));
	EXPECT_EQ(0, msync(self->p, BYTES, MS_ASYNC));
	EXPECT_EQ(0, msync(self->p, BYTES, MS_INVALIDATE));
	EXPECT_TRUE(frames_stamped(self->p, BYTES, 0));
	EXPECT_TRUE(is_contiguous(self->p, BYTES));
}

/* If the kernel does not have the file, there is nothing to test. */
static bool write_if_present(const char *path, const char *text)
{
	int ret = write_file(path, text);

	return !ret || ret == -ENOENT;
}

TEST_F(advice, dropped_caches_and_compaction_keep_data)
{
	ASSERT_EQ(0, write_file("/proc/sys/vm/drop_caches", "3"));
	ASSERT_TRUE(write_if_present("/proc/sys/vm/compact_memory", "1"));
	EXPECT_TRUE(frames_stamped(self->p, BYTES, 0));
	EXPECT_TRUE(is_contiguous(self->p, BYTES));
}

TEST_F(advice, cleared_references_keep_data)
{
	static const char * const commands[] = { "1", "3", "4", "5" };
	int i;

	for (i = 0; i < ARRAY_SIZE(commands); i++) {
		ASSERT_TRUE(write_if_present("/proc/self/clear_refs", commands[i]));
		EXPECT_TRUE(frames_stamped(self->p, BYTES, 0));
		stamp_frames(self->p, BYTES, i);
		EXPECT_TRUE(frames_stamped(self->p, BYTES, i));
		stamp_frames(self->p, BYTES, 0);
	}
}

/* From <linux/fs.h> of 6.7. */
struct pm_scan {
	__u64 size;
	__u64 flags;
	__u64 start;
	__u64 end;
	__u64 walk_end;
	__u64 vec;
	__u64 vec_len;
	__u64 max_pages;
	__u64 category_inverted;
	__u64 category_mask;
	__u64 category_anyof_mask;
	__u64 return_mask;
};

struct pm_region {
	__u64 start;
	__u64 end;
	__u64 categories;
};

#define PM_SCAN		_IOWR('f', 16, struct pm_scan)
#define PM_WRITTEN	(1U << 1)

/* How many frames PAGEMAP_SCAN reports as written; or a negative errno. */
static long frames_written(void *p, size_t length)
{
	struct pm_region regions[64];
	struct pm_scan scan = {
		.size = sizeof(scan),
		.start = (unsigned long)p,
		.end = (unsigned long)p + length,
		.vec = (unsigned long)regions,
		.vec_len = ARRAY_SIZE(regions),
		.category_mask = PM_WRITTEN,
		.return_mask = PM_WRITTEN,
	};
	int fd = open_errno("/proc/self/pagemap", O_RDONLY), ret, i;
	long bytes = 0;

	if (fd < 0)
		return fd;
	ret = ioctl(fd, PM_SCAN, &scan);
	ret = ret < 0 ? -errno : ret;
	close(fd);
	for (i = 0; i < ret; i++)
		bytes += regions[i].end - regions[i].start;
	return ret < 0 ? ret : bytes / (long)FRAME;
}

/* uapi.md says what to expect: no kernel tells which pages of a buffer were written. */
TEST_F(advice, written_pages_are_all_or_none)
{
	char *twin = buffer_map(self->fd, &self->buffer);
	long expected = kernel_is("6.1.") ? -ENOTTY : kernel_is("6.") ? BYTES / FRAME : 0;

	ASSERT_NE(MAP_FAILED, twin);
	EXPECT_EQ(expected, frames_written(self->p, BYTES));
	touch(twin, BYTES);
	EXPECT_EQ(expected, frames_written(twin, BYTES));
}

#define CORE	"/tmp/core"
#define CORE_PATTERN	"/proc/sys/kernel/core_pattern"

/* Whether the core dump of a child that maps @buffer contains @mark, which is in the buffer. */
static bool core_has(int fd, const struct buffer *buffer, const char *mark)
{
	static char core[8 * MIB];
	ssize_t n = -1;
	pid_t pid = child_fork();

	if (!pid) {
		struct rlimit limit = { RLIM_INFINITY, RLIM_INFINITY };
		char *p = buffer_map(fd, buffer);

		CHILD_CHECK(p != MAP_FAILED && !setrlimit(RLIMIT_CORE, &limit));
		CHILD_CHECK(!write_file("/proc/self/coredump_filter", "0x08"));
		strcpy(p + FRAME, mark);
		abort();
	}
	if (child_wait(pid) == CHILD_KILLED + SIGABRT) {
		int file = open_errno(CORE, O_RDONLY);

		n = read(file, core, sizeof(core));
		close(file);
		unlink(CORE);
	}
	return n > 0 && memmem(core, n, mark, strlen(mark));
}

static bool writes_cores(void)
{
	return !access(CORE_PATTERN, F_OK);
}

FIXTURE(dump)
{
	int fd;
};

FIXTURE_SETUP(dump)
{
	if (writes_cores()) {
		ASSERT_EQ(0, write_file(CORE_PATTERN, CORE));
	}
	self->fd = pool_open();
	ASSERT_GE(self->fd, 0);
}

FIXTURE_TEARDOWN_PARENT(dump)
{
	EXPECT_TRUE(wait_all_free());
	if (writes_cores()) {
		EXPECT_EQ(0, write_file(CORE_PATTERN, "core"));
	}
}

TEST_F(dump, core_contains_only_buffers_allocated_for_it)
{
	char mark[32];
	struct buffer buffer;

	if (!writes_cores())
		SKIP(return, "this kernel writes no core dumps");
	/* Not a constant, which would be in the dump of the program. */
	snprintf(mark, sizeof(mark), "framepool mark %d", getpid());
	ASSERT_EQ(0, buffer_alloc(self->fd, 16 * FRAME, &buffer));
	EXPECT_FALSE(core_has(self->fd, &buffer, mark));
	ASSERT_EQ(0, buffer_alloc_any(self->fd, FRAMEPOOL_ALLOC_DUMP, 16 * FRAME, 0, 0, &buffer));
	EXPECT_TRUE(core_has(self->fd, &buffer, mark));
	ASSERT_EQ(0, buffer_alloc_any(self->fd, FRAMEPOOL_ALLOC_DUMP, 2 * HUGE_FRAME, HUGE_FRAME,
				      0, &buffer));
	EXPECT_TRUE(core_has(self->fd, &buffer, mark));
}

TEST_F(dump, advice_can_only_take_a_buffer_out)
{
	struct buffer buffer;
	char *p;

	if (!writes_cores())
		SKIP(return, "this kernel writes no core dumps");
	ASSERT_EQ(0, buffer_alloc_any(self->fd, FRAMEPOOL_ALLOC_DUMP, FRAME, 0, 0, &buffer));
	p = buffer_map(self->fd, &buffer);
	ASSERT_NE(MAP_FAILED, p);
	EXPECT_FALSE(smaps_has_flag(p, " dd"));
	EXPECT_EQ(0, madvise(p, FRAME, MADV_DONTDUMP));
	EXPECT_TRUE(smaps_has_flag(p, " dd"));
	EXPECT_EQ(-1, madvise(p, FRAME, MADV_DODUMP));
	EXPECT_EQ(EINVAL, errno);
}

TEST_HARNESS_MAIN
