// SPDX-License-Identifier: GPL-2.0-only
/*
 * Buffers as dma-bufs, for other processes. Some tests load the module anew, and leave it loaded as
 * they found it.
 */
#include "common.h"
#include "cache.h"
#include "child.h"
#include "dmabuf.h"
#include "memory.h"
#include "module.h"
#include "sigbus.h"
#include "uring.h"

#include <dirent.h>
#include <grp.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/uio.h>

#define BYTES		(4 * MIB)
#define NOBODY		65534
#define CLIENT_QUOTA	"/sys/class/framepool/" POOL_NAME "/client_quota"
#define SHUTDOWN	"/sys/class/framepool/" POOL_NAME "/shutdown"

FIXTURE(export)
{
	int fd;
	struct buffer buffer;	/* BYTES long, aligned to huge frames */
	char *p;		/* its mapping, stamped */
};

FIXTURE_SETUP(export)
{
	self->fd = pool_open();
	ASSERT_GE(self->fd, 0);
	ASSERT_EQ(0, buffer_alloc_huge(self->fd, BYTES, &self->buffer));
	self->p = buffer_map(self->fd, &self->buffer);
	ASSERT_NE(MAP_FAILED, self->p);
	stamp_frames(self->p, BYTES, 0);
}

FIXTURE_TEARDOWN_PARENT(export)
{
	EXPECT_EQ(0, write_file(CLIENT_QUOTA, "0"));
	EXPECT_EQ(0, chmod(DEVICE, 0660));
	EXPECT_TRUE(wait_all_free());
}

static struct framepool_ioc_export request(__u64 handle, __u32 flags, __u64 offset, __u64 length)
{
	return (struct framepool_ioc_export){
		.size = sizeof(struct framepool_ioc_export),
		.flags = flags,
		.handle = handle,
		.offset = offset,
		.length = length,
		.fd = -1,
	};
}

static int describe(int fd, int dmabuf, struct framepool_ioc_describe *arg)
{
	*arg = (struct framepool_ioc_describe){ .size = sizeof(*arg), .fd = dmabuf };
	return call(fd, FRAMEPOOL_IOC_DESCRIBE, arg);
}

static int open_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static bool become_nobody(void)
{
	return !setgroups(0, NULL) && !setgid(NOBODY) && !setuid(NOBODY);
}

TEST_F(export, whole_buffer_has_one_object)
{
	int a = buffer_export(self->fd, &self->buffer), b = buffer_export(self->fd, &self->buffer);
	ino_t number = number_of(a);

	ASSERT_GE(a, 0);
	ASSERT_GE(b, 0);
	EXPECT_NE(a, b);
	EXPECT_EQ(number, number_of(b));
	EXPECT_EQ(FD_CLOEXEC, fcntl(a, F_GETFD));
	EXPECT_EQ(FD_CLOEXEC, fcntl(b, F_GETFD));
	EXPECT_EQ(O_RDWR, fcntl(a, F_GETFL) & O_ACCMODE);
	EXPECT_EQ(BYTES, lseek(a, 0, SEEK_END));
	close(a);
	close(b);
	EXPECT_EQ(number, number_of(buffer_export(self->fd, &self->buffer)));
	EXPECT_EQ(1, client_info(self->fd, "exports"));
}

TEST_F(export, parts_and_read_only_have_objects_of_their_own)
{
	__u64 handle = self->buffer.handle;
	int whole = buffer_export(self->fd, &self->buffer);
	int read_only = buffer_export_part(self->fd, handle, FRAMEPOOL_EXPORT_READ_ONLY, 0, BYTES);
	int part = buffer_export_part(self->fd, handle, 0, FRAME, BYTES - FRAME);
	int same = buffer_export_part(self->fd, handle, 0, FRAME, BYTES - FRAME);

	EXPECT_NE(number_of(whole), number_of(read_only));
	EXPECT_NE(number_of(whole), number_of(part));
	EXPECT_NE(number_of(part), number_of(same));
	EXPECT_EQ(O_RDONLY, fcntl(read_only, F_GETFL) & O_ACCMODE);
	EXPECT_EQ(BYTES - FRAME, lseek(part, 0, SEEK_END));
	EXPECT_EQ(4, client_info(self->fd, "exports"));
	close(read_only);
	close(part);
	close(same);
	EXPECT_EQ(1, client_info(self->fd, "exports"));
}

TEST_F(export, mapping_is_the_buffer)
{
	int whole = buffer_export(self->fd, &self->buffer);
	int part = buffer_export_part(self->fd, self->buffer.handle, 0, 3 * FRAME, MIB);
	char *p = map_dmabuf(whole, BYTES, PROT_READ | PROT_WRITE);
	char *q = map_raw(NULL, MIB - FRAME, PROT_READ | PROT_WRITE, MAP_SHARED, part, FRAME);

	ASSERT_NE(MAP_FAILED, p);
	ASSERT_NE(MAP_FAILED, q);
	EXPECT_TRUE(frames_stamped(p, BYTES, 0));
	EXPECT_TRUE(frames_stamped(q, MIB - FRAME, 4));
	stamp_frames(p, BYTES, 7);
	EXPECT_TRUE(frames_stamped(self->p, BYTES, 7));
	EXPECT_TRUE(frames_stamped(q, MIB - FRAME, 11));
	EXPECT_EQ(physical_address(self->p), physical_address(p));
	EXPECT_EQ(physical_address(self->p + 4 * FRAME), physical_address(q));
	EXPECT_TRUE(is_contiguous(p, BYTES));
}

TEST_F(export, mapping_is_huge)
{
	char *p = map_dmabuf(buffer_export(self->fd, &self->buffer), BYTES, PROT_READ | PROT_WRITE);
	int part = buffer_export_part(self->fd, self->buffer.handle, 0, HUGE_FRAME, HUGE_FRAME);
	char *q = map_dmabuf(part, HUGE_FRAME, PROT_READ);

	touch(p, BYTES);
	EXPECT_EQ(kib_if_huge(BYTES), smaps_kib(p, "FilePmdMapped"));
	touch(q, HUGE_FRAME);
	EXPECT_EQ(kib_if_huge(HUGE_FRAME), smaps_kib(q, "FilePmdMapped"));
}

TEST_F(export, mapping_counts_as_one_of_the_buffer)
{
	char *p = map_dmabuf(buffer_export(self->fd, &self->buffer), BYTES, PROT_READ);
	struct framepool_ioc_query query;

	ASSERT_EQ(0, handle_query(self->fd, self->buffer.handle, &query));
	EXPECT_EQ(2 * BYTES, query.mapped_bytes);
	ASSERT_EQ(0, munmap(p, BYTES));
	ASSERT_EQ(0, handle_query(self->fd, self->buffer.handle, &query));
	EXPECT_EQ(BYTES, query.mapped_bytes);
}

TEST_F(export, wrong_arguments_are_refused)
{
	static const __u64 ranges[][2] = {
		{ 0, 0 }, { FRAME, 0 }, { BYTES, 0 }, { 0, 1 }, { 1, FRAME }, { 0, FRAME + 1 },
		{ 0, BYTES + FRAME }, { FRAME, BYTES }, { BYTES, FRAME }, { BYTES - FRAME, BYTES },
		{ FRAME, -FRAME }, { -FRAME, FRAME }, { -FRAME, 2 * FRAME }, { 0, -FRAME },
		{ 1ULL << 63, FRAME },
	};
	__u64 handle = self->buffer.handle;
	struct framepool_ioc_export arg;
	int i, before = open_descriptors();

	for (i = 0; i < ARRAY_SIZE(ranges); i++) {
		EXPECT_EQ(-EINVAL, buffer_export_part(self->fd, handle, 0, ranges[i][0],
						      ranges[i][1]));
	}
	for (i = 1; i < 32; i++) {
		EXPECT_EQ(-EINVAL, buffer_export_part(self->fd, handle, 1U << i, 0, BYTES));
	}
	arg = request(handle, 0, 0, BYTES);
	arg.reserved = 1;
	EXPECT_EQ(-EINVAL, call(self->fd, FRAMEPOOL_IOC_EXPORT, &arg));
	EXPECT_EQ(before, open_descriptors());
	EXPECT_EQ(0, client_info(self->fd, "exports"));
}

TEST_F(export, wrong_handles_are_refused)
{
	struct cache cache;
	int other = pool_open();

	ASSERT_EQ(0, cache_create(self->fd, FRAME, &cache));
	EXPECT_EQ(-ENOENT, buffer_export_part(self->fd, cache.handle, 0, 0, FRAME));
	EXPECT_EQ(-ENOENT, buffer_export_part(self->fd, 0, 0, 0, FRAME));
	EXPECT_EQ(-ENOENT, buffer_export_part(self->fd, self->buffer.handle + 1, 0, 0, FRAME));
	EXPECT_EQ(-ENOENT, buffer_export_part(other, self->buffer.handle, 0, 0, FRAME));
	ASSERT_EQ(0, handle_free(self->fd, self->buffer.handle));
	EXPECT_EQ(-ENOENT, buffer_export(self->fd, &self->buffer));
}

TEST_F(export, no_descriptor_is_left_if_it_cannot_be_written)
{
	struct framepool_ioc_export *arg = mmap(NULL, FRAME, PROT_READ | PROT_WRITE,
						MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int before = open_descriptors();

	*arg = request(self->buffer.handle, 0, 0, FRAME);
	ASSERT_EQ(0, mprotect(arg, FRAME, PROT_READ));
	EXPECT_EQ(-EFAULT, call(self->fd, FRAMEPOOL_IOC_EXPORT, arg));
	EXPECT_EQ(before, open_descriptors());
	EXPECT_EQ(0, client_info(self->fd, "exports"));
}

TEST_F(export, too_many_descriptors_are_refused)
{
	__u64 handle = self->buffer.handle;
	pid_t pid = child_fork();

	if (!pid) {
		int last = dup(self->fd);
		struct rlimit limit = { .rlim_cur = last + 1, .rlim_max = last + 1 };

		CHILD_CHECK(!setrlimit(RLIMIT_NOFILE, &limit));
		CHILD_CHECK(buffer_export_part(self->fd, handle, 0, 0, FRAME) == -EMFILE);
		close(last);
		CHILD_CHECK(buffer_export(self->fd, &self->buffer) == last);
		_exit(0);
	}
	EXPECT_EQ(0, child_wait(pid));
}

TEST_F(export, describe_tells_length_and_address)
{
	int whole = buffer_export(self->fd, &self->buffer);
	int part = buffer_export_part(self->fd, self->buffer.handle, FRAMEPOOL_EXPORT_READ_ONLY,
				      3 * FRAME, MIB);
	struct framepool_ioc_describe arg;

	ASSERT_EQ(0, describe(self->fd, whole, &arg));
	EXPECT_EQ(BYTES, arg.length);
	EXPECT_EQ(physical_address(self->p), arg.address);
	ASSERT_EQ(0, describe(pool_open(), part, &arg));
	EXPECT_EQ(MIB, arg.length);
	EXPECT_EQ(physical_address(self->p) + 3 * FRAME, arg.address);
}

TEST_F(export, describe_hides_the_address_as_query_does)
{
	int whole = buffer_export(self->fd, &self->buffer);
	struct framepool_ioc_describe arg;
	pid_t pid;

	ASSERT_EQ(0, chmod(DEVICE, 0666));
	pid = child_fork();
	if (!pid) {
		CHILD_CHECK(become_nobody());
		CHILD_CHECK(!describe(pool_open(), whole, &arg));
		CHILD_CHECK(arg.length == BYTES && !arg.address);
		/* Who opened the client counts, not who makes the call. */
		CHILD_CHECK(!describe(self->fd, whole, &arg) && arg.address);
		_exit(0);
	}
	EXPECT_EQ(0, child_wait(pid));
}

TEST_F(export, describe_refuses_what_is_not_ours)
{
	int whole = buffer_export(self->fd, &self->buffer), ends[2];
	struct framepool_ioc_describe arg;

	ASSERT_EQ(0, pipe(ends));
	EXPECT_EQ(-EINVAL, describe(self->fd, ends[0], &arg));
	EXPECT_EQ(-EINVAL, describe(self->fd, self->fd, &arg));
	EXPECT_EQ(-EINVAL, describe(self->fd, memfd_create("file", MFD_CLOEXEC), &arg));
	EXPECT_EQ(-EBADF, describe(self->fd, -1, &arg));
	EXPECT_EQ(-EBADF, describe(self->fd, 1 << 30, &arg));
	arg = (struct framepool_ioc_describe){ .size = sizeof(arg), .fd = whole, .flags = 1 };
	EXPECT_EQ(-EINVAL, call(self->fd, FRAMEPOOL_IOC_DESCRIBE, &arg));
	arg = (struct framepool_ioc_describe){ .size = sizeof(arg), .fd = whole, .reserved = 1 };
	EXPECT_EQ(-EINVAL, call(self->fd, FRAMEPOOL_IOC_DESCRIBE, &arg));
	close(whole);
	EXPECT_EQ(-EBADF, describe(self->fd, whole, &arg));
}

TEST_F(export, receiver_needs_no_access_to_the_pool)
{
	int whole = buffer_export(self->fd, &self->buffer);
	pid_t pid = child_fork();

	if (!pid) {
		char *p;

		close(self->fd);
		CHILD_CHECK(!munmap(self->p, BYTES));
		CHILD_CHECK(become_nobody());
		CHILD_CHECK(pool_open() == -EACCES);
		p = map_dmabuf(whole, BYTES, PROT_READ | PROT_WRITE);
		CHILD_CHECK(p != MAP_FAILED);
		CHILD_CHECK(frames_stamped(p, BYTES, 0));
		CHILD_CHECK(smaps_kib(p, "FilePmdMapped") == kib_if_huge(BYTES));
		stamp_frames(p, BYTES, 7);
		_exit(0);
	}
	ASSERT_EQ(0, child_wait(pid));
	EXPECT_TRUE(frames_stamped(self->p, BYTES, 7));
}

TEST_F(export, read_only_mapping_cannot_be_written)
{
	int fd = buffer_export_part(self->fd, self->buffer.handle, FRAMEPOOL_EXPORT_READ_ONLY, 0,
				    BYTES);
	char *p = map_dmabuf(fd, BYTES, PROT_READ), path[32], byte = 'x';
	struct iovec here = { &byte, 1 }, there = { p, 1 };

	ASSERT_NE(MAP_FAILED, p);
	EXPECT_TRUE(frames_stamped(p, BYTES, 0));
	EXPECT_EQ(EACCES, map_errno(BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
	EXPECT_EQ(EACCES, map_errno(BYTES, PROT_WRITE, MAP_SHARED, fd, 0));
	EXPECT_NE(0, mprotect(p, BYTES, PROT_READ | PROT_WRITE));
	EXPECT_EQ(EACCES, errno);
	EXPECT_NE(1, process_vm_writev(getpid(), &here, 1, &there, 1, 0));
	EXPECT_NE(1, pwrite(open("/proc/self/mem", O_RDWR | O_CLOEXEC), &byte, 1,
			    (unsigned long)p));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	EXPECT_GT(0, open_errno(path, O_RDWR));
	EXPECT_TRUE(frames_stamped(self->p, BYTES, 0));
	stamp_frames(self->p, BYTES, 7);
	EXPECT_TRUE(frames_stamped(p, BYTES, 7));
}

TEST_F(export, wrong_mappings_are_refused)
{
	int fd = buffer_export_part(self->fd, self->buffer.handle, 0, FRAME, 2 * FRAME);

	EXPECT_EQ(EINVAL, map_errno(FRAME, PROT_READ, MAP_PRIVATE, fd, 0));
	EXPECT_EQ(EPERM, map_errno(FRAME, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0));
	EXPECT_EQ(EINVAL, map_errno(3 * FRAME, PROT_READ, MAP_SHARED, fd, 0));
	EXPECT_EQ(EINVAL, map_errno(FRAME, PROT_READ, MAP_SHARED, fd, 2 * FRAME));
	EXPECT_EQ(EINVAL, map_errno(2 * FRAME, PROT_READ, MAP_SHARED, fd, FRAME));
	EXPECT_EQ(0, map_errno(2 * FRAME, PROT_READ, MAP_SHARED, fd, 0));
}

/* Maps two frames, and then another page of the same file in place of the first one. */
static int remap(int dmabuf, char **p, unsigned long page)
{
	*p = map_raw(NULL, 2 * FRAME, PROT_READ | PROT_WRITE, MAP_SHARED, dmabuf, 0);
	if (*p == MAP_FAILED)
		return -1;
	return syscall(SYS_remap_file_pages, *p, FRAME, 0, page, 0);
}

TEST_F(export, remap_file_pages_stays_inside)
{
	int fd = buffer_export_part(self->fd, self->buffer.handle, 0, FRAME, 2 * FRAME);
	unsigned long first = self->buffer.offset / FRAME, page;
	char *p;

	for (page = 2; page < first; page += page / 8 + 1) {
		ASSERT_EQ(-1, remap(fd, &p, page));
	}
	for (page = first; page < first + BYTES / FRAME; page += 61) {
		ASSERT_EQ(-1, remap(fd, &p, page));
	}
	ASSERT_EQ(0, remap(fd, &p, 1));
	EXPECT_TRUE(frames_stamped(p, FRAME, 2));
}

/* The dma-buf of a whole buffer needs no descriptor, so a limit of its own ends this. */
TEST_F(export, client_has_so_many_and_no_more)
{
	static struct buffer buffers[FRAMEPOOL_EXPORTS_MAX + 1];
	int i, fd;

	for (i = 0; i < FRAMEPOOL_EXPORTS_MAX; i++) {
		ASSERT_EQ(0, buffer_alloc(self->fd, FRAME, &buffers[i]));
		fd = buffer_export(self->fd, &buffers[i]);
		ASSERT_GE(fd, 0);
		close(fd);
	}
	ASSERT_EQ(0, buffer_alloc(self->fd, FRAME, &buffers[i]));
	EXPECT_EQ(-EMFILE, buffer_export(self->fd, &buffers[i]));
	ASSERT_EQ(0, handle_free(self->fd, buffers[0].handle));
	EXPECT_LE(0, buffer_export(self->fd, &buffers[i]));
}

TEST_F(export, mapping_goes_through_pipes_and_direct_io)
{
	char *p = map_dmabuf(buffer_export(self->fd, &self->buffer), BYTES, PROT_READ | PROT_WRITE);
	static char copy[4 * FRAME];
	struct iovec frames = { .iov_base = p + MIB, .iov_len = sizeof(copy) };
	const char *path = getenv("DISK");
	int ends[2], disk;

	ASSERT_EQ(0, pipe(ends));
	ASSERT_EQ(sizeof(copy), vmsplice(ends[1], &frames, 1, 0));
	ASSERT_EQ(sizeof(copy), read(ends[0], copy, sizeof(copy)));
	EXPECT_TRUE(frames_stamped(copy, sizeof(copy), MIB / FRAME));
	if (!path)
		return;
	disk = open(path, O_RDWR | O_CREAT | O_DIRECT | O_CLOEXEC, 0600);
	ASSERT_GE(disk, 0);
	ASSERT_EQ(HUGE_FRAME, pwrite(disk, p, HUGE_FRAME, 0));
	ASSERT_EQ(HUGE_FRAME, pread(disk, p + HUGE_FRAME, HUGE_FRAME, 0));
	EXPECT_TRUE(frames_stamped(self->p, HUGE_FRAME, 0));
	EXPECT_TRUE(frames_stamped(self->p + HUGE_FRAME, HUGE_FRAME, 0));
}

TEST_F(export, mapping_can_be_pinned)
{
	char *p = map_dmabuf(buffer_export(self->fd, &self->buffer), BYTES, PROT_READ | PROT_WRITE);
	struct uring ring;

	if (uring_refuses_files())
		return;
	ASSERT_TRUE(uring_open(&ring));
	EXPECT_EQ(0, uring_register(&ring, p, BYTES));
	EXPECT_EQ(kib_if_huge(BYTES), smaps_kib(p, "FilePmdMapped"));
}

TEST_F(export, frames_in_a_pipe_outlive_everything)
{
	int probe = pool_open(), whole = buffer_export(self->fd, &self->buffer), ends[2];
	char *p = map_dmabuf(whole, BYTES, PROT_READ);
	struct iovec frames = { .iov_base = p, .iov_len = FRAME };
	static char copy[FRAME];

	ASSERT_EQ(0, pipe(ends));
	ASSERT_EQ(FRAME, vmsplice(ends[1], &frames, 1, 0));
	ASSERT_EQ(0, munmap(self->p, BYTES) | munmap(p, BYTES));
	close(self->fd);
	close(whole);
	EXPECT_TRUE(wait_quarantined(probe, HUGE_FRAME));
	ASSERT_EQ(FRAME, read(ends[0], copy, FRAME));
	EXPECT_TRUE(frames_stamped(copy, FRAME, 0));
}

TEST_F(export, freed_buffer_lives_until_the_descriptor_is_closed)
{
	int whole = buffer_export(self->fd, &self->buffer);
	struct framepool_ioc_stats stats;
	char *p;

	ASSERT_EQ(0, munmap(self->p, BYTES));
	ASSERT_EQ(0, handle_free(self->fd, self->buffer.handle));
	ASSERT_EQ(0, pool_stats(self->fd, &stats));
	EXPECT_EQ(BYTES, stats.client_held_bytes);
	EXPECT_EQ(BYTES, stats.client_charged_bytes);
	EXPECT_EQ(1, client_info(self->fd, "buffers"));
	p = map_dmabuf(whole, BYTES, PROT_READ);
	EXPECT_TRUE(frames_stamped(p, BYTES, 0));
	close(whole);
	/* The mapping has taken over. */
	EXPECT_TRUE(frames_stamped(p, BYTES, 0));
	EXPECT_EQ(BYTES, used_bytes(self->fd));
	EXPECT_EQ(1, client_info(self->fd, "exports"));
	ASSERT_EQ(0, munmap(p, BYTES));
	EXPECT_EQ(0, used_bytes(self->fd));
	EXPECT_EQ(0, client_info(self->fd, "exports"));
}

TEST_F(export, closed_client_lives_until_the_descriptor_is_closed)
{
	int probe = pool_open(), whole = buffer_export(self->fd, &self->buffer);
	int part = buffer_export_part(self->fd, self->buffer.handle, 0, 0, FRAME);
	struct framepool_ioc_stats stats;
	struct buffer other;
	char *p;

	ASSERT_EQ(0, buffer_alloc(self->fd, FRAME, &other));
	ASSERT_EQ(0, munmap(self->p, BYTES));
	ASSERT_EQ(0, close(self->fd));
	ASSERT_EQ(0, pool_stats(probe, &stats));
	EXPECT_EQ(2, stats.clients);
	EXPECT_EQ(1, stats.buffers);
	EXPECT_EQ(BYTES, stats.used_bytes);
	p = map_dmabuf(whole, BYTES, PROT_READ);
	EXPECT_TRUE(frames_stamped(p, BYTES, 0));
	ASSERT_EQ(0, munmap(p, BYTES));
	close(whole);
	EXPECT_EQ(BYTES, used_bytes(probe));
	close(part);
	EXPECT_TRUE(wait_idle(probe, 1));
}

/* A path descriptor keeps the dma-buf's inode, but not its file. */
TEST_F(export, path_descriptor_does_no_harm)
{
	int whole = buffer_export(self->fd, &self->buffer), path, again, i;
	ino_t number = number_of(whole);
	char name[32];

	snprintf(name, sizeof(name), "/proc/self/fd/%d", whole);
	path = open(name, O_PATH | O_CLOEXEC);
	ASSERT_GE(path, 0);
	close(whole);
	for (i = 0; i < 100; i++)
		close(open("/dev/null", O_RDONLY | O_CLOEXEC));
	again = buffer_export(self->fd, &self->buffer);
	EXPECT_EQ(number, number_of(again));
	EXPECT_EQ(BYTES, lseek(again, 0, SEEK_END));
	close(again);
	ASSERT_EQ(0, munmap(self->p, BYTES));
	ASSERT_EQ(0, handle_free(self->fd, self->buffer.handle));
	EXPECT_EQ(BYTES, used_bytes(self->fd));
	close(path);
	EXPECT_EQ(0, used_bytes(self->fd));
}

TEST_F(export, killed_exporter_leaves_the_memory_to_the_receiver)
{
	int ready[2], pidfd, fd;
	pid_t pid;
	char *p;

	ASSERT_EQ(0, pipe(ready));
	pid = child_fork();
	if (!pid) {
		struct buffer buffer;
		int client = pool_open();

		CHILD_CHECK(!buffer_alloc_huge(client, BYTES, &buffer));
		p = buffer_map(client, &buffer);
		stamp_frames(p, BYTES, 7);
		fd = buffer_export(client, &buffer);
		CHILD_CHECK(dup2(fd, 100) == 100);
		CHILD_CHECK(write(ready[1], "", 1) == 1);
		pause();
	}
	ASSERT_TRUE(hear(ready[0]));
	pidfd = syscall(SYS_pidfd_open, pid, 0);
	fd = syscall(SYS_pidfd_getfd, pidfd, 100, 0);
	ASSERT_GE(fd, 0);
	EXPECT_EQ(CHILD_KILLED + SIGKILL, child_kill(pid));
	p = map_dmabuf(fd, BYTES, PROT_READ);
	ASSERT_NE(MAP_FAILED, p);
	EXPECT_TRUE(frames_stamped(p, BYTES, 7));
	EXPECT_EQ(2 * BYTES, used_bytes(self->fd));
}

TEST_F(export, sync_refuses_wrong_arguments)
{
	static const __u64 ranges[][2] = {
		{ 0, 0 }, { BYTES, 0 }, { 0, BYTES + 1 }, { 1, BYTES }, { BYTES, 1 }, { 1, -1 },
		{ -1, 1 }, { -1, 2 }, { 2, -1 }, { 1ULL << 63, 1ULL << 63 },
	};
	int whole = buffer_export(self->fd, &self->buffer), i;
	struct framepool_ioc_sync arg;

	for (i = 0; i < ARRAY_SIZE(ranges); i++) {
		EXPECT_EQ(-EINVAL, dmabuf_sync(self->fd, whole, 0, ranges[i][0], ranges[i][1]));
	}
	for (i = 1; i < 32; i++) {
		EXPECT_EQ(-EINVAL, dmabuf_sync(self->fd, whole, 1U << i, 0, BYTES));
	}
	arg = (struct framepool_ioc_sync){
		.size = sizeof(arg), .fd = whole, .reserved = 1, .length = 1,
	};
	EXPECT_EQ(-EINVAL, call(self->fd, FRAMEPOOL_IOC_SYNC, &arg));
	EXPECT_EQ(-EINVAL, dmabuf_sync(self->fd, self->fd, 0, 0, 1));
	EXPECT_EQ(-EINVAL, dmabuf_sync(self->fd, memfd_create("file", MFD_CLOEXEC), 0, 0, 1));
	EXPECT_EQ(-EBADF, dmabuf_sync(self->fd, -1, 0, 0, 1));
	EXPECT_EQ(0, dmabuf_sync(pool_open(), whole, FRAMEPOOL_SYNC_END, BYTES - 1, 1));
	EXPECT_EQ(0, dmabuf_sync(self->fd, whole, 0, 0, BYTES));
}

TEST_F(export, sync_is_accepted)
{
	struct dma_buf_sync sync = { .flags = DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW };
	int whole = buffer_export(self->fd, &self->buffer);

	EXPECT_EQ(0, call(whole, DMA_BUF_IOCTL_SYNC, &sync));
	sync.flags = DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW;
	EXPECT_EQ(0, call(whole, DMA_BUF_IOCTL_SYNC, &sync));
}

TEST_F_TIMEOUT(export, many_exports_leave_nothing, SLOW_TEST_SECONDS)
{
	/* The debugging kernel would need minutes for all. */
	int rounds = access("/sys/kernel/debug/kmemleak", F_OK) ? 10000 : 500;
	struct buffer buffer;
	int i, j, fd;

	ASSERT_EQ(0, write_file(CLIENT_QUOTA, "64M"));
	for (i = 0; i < rounds; i++) {
		ASSERT_EQ(0, buffer_alloc(self->fd, i % 2 ? FRAME : HUGE_FRAME, &buffer));
		for (j = 0; j < 9; j++) {
			fd = buffer_export_part(self->fd, buffer.handle, j % 2, 0, FRAME);
			ASSERT_GE(fd, 0);
			close(fd);
		}
		fd = buffer_export(self->fd, &buffer);
		ASSERT_GE(fd, 0);
		close(fd);
		ASSERT_EQ(0, handle_free(self->fd, buffer.handle));
	}
	EXPECT_EQ(BYTES, used_bytes(self->fd));
	EXPECT_EQ(0, client_info(self->fd, "exports"));
}

/**
 * struct race - threads that export one buffer while its handle is freed
 * @fd: the client
 * @buffer: the buffer
 * @first: number of the dma-buf that was seen first
 * @wrong: number of results that must not occur
 */
struct race {
	int fd;
	struct buffer buffer;
	ino_t first;
	int wrong;
};

static void *race_work(void *arg)
{
	struct race *race = arg;
	ino_t none, number;
	int i, fd;

	for (i = 0; i < 8; i++) {
		fd = buffer_export(race->fd, &race->buffer);
		if (fd < 0) {
			if (fd != -ENOENT)
				__atomic_fetch_add(&race->wrong, 1, __ATOMIC_RELAXED);
			break;
		}
		number = number_of(fd);
		none = 0;
		if (!__atomic_compare_exchange_n(&race->first, &none, number, false,
						 __ATOMIC_RELAXED, __ATOMIC_RELAXED) &&
		    none != number)
			__atomic_fetch_add(&race->wrong, 1, __ATOMIC_RELAXED);
		close(fd);
	}
	return NULL;
}

TEST_F_TIMEOUT(export, racing_exports_have_one_object, SLOW_TEST_SECONDS)
{
	pthread_t threads[4];
	struct race race;
	int round, i;

	for (round = 0; round < 300; round++) {
		race = (struct race){ .fd = self->fd };
		ASSERT_EQ(0, buffer_alloc(self->fd, FRAME, &race.buffer));
		for (i = 0; i < ARRAY_SIZE(threads); i++) {
			ASSERT_EQ(0, pthread_create(&threads[i], NULL, race_work, &race));
		}
		if (round % 2)
			usleep(round);
		ASSERT_EQ(0, handle_free(self->fd, race.buffer.handle));
		for (i = 0; i < ARRAY_SIZE(threads); i++)
			pthread_join(threads[i], NULL);
		ASSERT_EQ(0, race.wrong);
	}
	EXPECT_EQ(BYTES, used_bytes(self->fd));
}

/* The module is loaded for the test, so that it can be shut down and unloaded. */
FIXTURE(forced)
{
	int fd;
	struct buffer buffer;	/* BYTES long, aligned to huge frames */
	int whole;		/* its dma-buf */
	char *p;		/* a mapping of that, stamped */
};

FIXTURE_SETUP(forced)
{
	if (is_loaded()) {
		ASSERT_EQ(0, unload());
	}
	ASSERT_EQ(0, load("size=64M"));
	self->fd = pool_open();
	ASSERT_EQ(0, buffer_alloc_huge(self->fd, BYTES, &self->buffer));
	self->whole = buffer_export(self->fd, &self->buffer);
	self->p = map_dmabuf(self->whole, BYTES, PROT_READ | PROT_WRITE);
	ASSERT_NE(MAP_FAILED, self->p);
	stamp_frames(self->p, BYTES, 0);
}

FIXTURE_TEARDOWN_PARENT(forced)
{
	if (is_loaded()) {
		EXPECT_TRUE(WAIT_FOR(!unload()));
	}
	EXPECT_EQ(0, load(USUAL_PARAMETERS));
	EXPECT_TRUE(wait_all_free());
}

TEST_F(forced, dmabuf_keeps_the_module)
{
	ASSERT_EQ(0, munmap(self->p, BYTES));
	close(self->fd);
	EXPECT_EQ(-EWOULDBLOCK, unload());
	EXPECT_TRUE(frames_stamped(map_dmabuf(self->whole, BYTES, PROT_READ), BYTES, 0));
}

TEST_F(forced, mapping_keeps_the_module)
{
	close(self->fd);
	close(self->whole);
	EXPECT_EQ(-EWOULDBLOCK, unload());
	EXPECT_TRUE(frames_stamped(self->p, BYTES, 0));
	ASSERT_EQ(0, munmap(self->p, BYTES));
	EXPECT_TRUE(WAIT_FOR(!unload()));
}

TEST_F(forced, shutdown_reaches_mappings)
{
	int part = buffer_export_part(self->fd, self->buffer.handle, 0, FRAME, FRAME);
	char *q = map_raw(NULL, FRAME, PROT_READ, MAP_SHARED, part, 0);

	catch_sigbus();
	touch(q, FRAME);
	ASSERT_EQ(0, write_file(SHUTDOWN, "1"));
	EXPECT_EQ(0, frames_present(self->p, BYTES));
	EXPECT_EQ(BUS_ADRERR, sigbus_code(self->p, true));
	EXPECT_EQ(BUS_ADRERR, sigbus_code(self->p + BYTES - 1, false));
	EXPECT_EQ(BUS_ADRERR, sigbus_code(q, false));
	EXPECT_EQ(ENODEV, map_errno(BYTES, PROT_READ, MAP_SHARED, self->whole, 0));
	EXPECT_EQ(-ENODEV, buffer_export(self->fd, &self->buffer));
}

TEST_F(forced, shutdown_reaches_mappings_of_a_closed_client)
{
	catch_sigbus();
	close(self->fd);
	ASSERT_EQ(0, write_file(SHUTDOWN, "1"));
	EXPECT_EQ(BUS_ADRERR, sigbus_code(self->p, true));
	EXPECT_EQ(ENODEV, map_errno(BYTES, PROT_READ, MAP_SHARED, self->whole, 0));
}

TEST_HARNESS_MAIN
