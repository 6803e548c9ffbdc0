// SPDX-License-Identifier: GPL-2.0-only
/*
 * Devices that reach exported buffers: QEMU's edu, which copies between memory and 4 KiB of its
 * own. Run it in a guest with edu devices of 28, 32 and 64 address lines; in others, with an IOMMU,
 * and with "swiotlb=force", the kernel puts something between them and the memory.
 */
#include "common.h"
#include "child.h"
#include "memory.h"
#include "module.h"

#include <dirent.h>
#include <limits.h>
#include <linux/dma-buf.h>
#include <pthread.h>
#include <sys/stat.h>

#include "kernel/import.h"

#define IMPORT_MODULE	"framepool_import_test"
#define DEVICES		"/sys/bus/pci/devices/"
#define SHUTDOWN	"/sys/class/framepool/" POOL_NAME "/shutdown"
#define EXPORTS		"/sys/kernel/debug/framepool/" POOL_NAME "/exports"
#define BYTES		(64 * KIB)
#define NR_EDUS		3
#define ANY		2	/* the edu device that reaches all memory */
#define NR_THREADS	4

/* A device can map at most so much at once if the kernel copies what it accesses. */
#define MAX_BOUNCED	(256 * KIB)

/*
 * A device with 28 address lines can map so much behind an IOMMU, once. The kernel aligns bus
 * addresses to the length, and does not use address 0.
 */
#define MAX_28_BITS	(128 * MIB)

/* Folder of the @n-th edu device, "" if there are not so many; valid until the next call. */
static const char *edu_folder(int n)
{
	static char path[PATH_MAX];
	struct dirent **entries;
	int i, nr = scandir(DEVICES, &entries, NULL, alphasort);
	bool found = false;

	for (i = 0; i < nr; i++) {
		snprintf(path, sizeof(path), DEVICES "%s/modalias", entries[i]->d_name);
		if (!found && strstr(read_file(path), "v00001234d000011E8") && !n--) {
			snprintf(path, sizeof(path), DEVICES "%s", entries[i]->d_name);
			found = true;
			break;
		}
	}
	return found ? path : "";
}

static bool is_behind_iommu(void)
{
	char path[PATH_MAX + 32];

	snprintf(path, sizeof(path), "%s/iommu_group/type", edu_folder(0));
	return !strncmp(read_file(path), "DMA", 3);
}

/* Whether the kernel copies what devices access. */
static bool is_bounced(void)
{
	return strstr(read_file("/proc/cmdline"), "swiotlb=force") && !is_behind_iommu();
}

static bool lacks_devices(void)
{
	return !*edu_folder(NR_EDUS - 1);
}

/* The first test loads it. */
static int load_importer(void)
{
	int ret = load_module(getenv("FRAMEPOOL_IMPORT_TEST_KO") ?: "/" IMPORT_MODULE ".ko", "");

	return ret == -EEXIST ? 0 : ret;
}

/* The processes that run tests do not come here. */
__attribute__((destructor)) static void unload_importer(void)
{
	if (!access(IMPORT_DEVICE, F_OK) && unload_module(IMPORT_MODULE))
		fprintf(stderr, "# the importer is in use\n");
}

static const __u32 bits_of[NR_EDUS] = { 28, 32, 64 };

/* Without this zone, the kernel refuses drivers of devices that do not reach 4 GiB. */
static bool has_dma_zone(void)
{
	return strstr(read_file("/proc/zoneinfo"), "zone      DMA\n");
}

/* What attaching an edu device and mapping @length at @address for it returns. */
static int expected(__u64 address, __u64 length, __u32 device)
{
	__u32 bits = bits_of[device];

	if (bits == 28 && !has_dma_zone())
		return -EIO;
	if (is_behind_iommu())
		return bits == 28 && length > MAX_28_BITS ? -ENOMEM : 1;
	if (is_bounced())
		return bits >= 32 && length <= MAX_BOUNCED ? 1 : -EBUSY;
	return bits == 64 || !((address + length - 1) >> bits) ? 1 : -EBUSY;
}

static int attach(int importer, int dmabuf, __u32 device, __u32 bits, bool dynamic)
{
	struct import_attach arg = {
		.fd = dmabuf, .device = device, .bits = bits, .dynamic = dynamic,
	};

	return call(importer, IMPORT_ATTACH, &arg);
}

static int detach(int importer)
{
	return call(importer, IMPORT_DETACH, NULL);
}

/* Returns how many bus addresses there are, or a negative errno. */
static int map(int importer, unsigned long direction)
{
	return call(importer, IMPORT_MAP, (void *)direction);
}

static int attach_and_map(int importer, int dmabuf, __u32 device, unsigned long direction)
{
	int ret = attach(importer, dmabuf, device, bits_of[device], false);

	if (ret)
		return ret;
	ret = map(importer, direction);
	if (ret < 0 && detach(importer))
		abort();
	return ret;
}

/* The device copies from memory into its own buffer. */
static int load_device(int importer, __u64 offset, __u32 length)
{
	struct import_dma arg = { .offset = offset, .length = length };

	return call(importer, IMPORT_DMA, &arg);
}

/* And from there into memory. */
static int store_device(int importer, __u64 offset, __u32 length)
{
	struct import_dma arg = { .offset = offset, .length = length, .write = true };

	return call(importer, IMPORT_DMA, &arg);
}

static int sync_whole(int dmabuf, __u64 flags)
{
	struct dma_buf_sync sync = { .flags = flags | DMA_BUF_SYNC_RW };

	return call(dmabuf, DMA_BUF_IOCTL_SYNC, &sync);
}

/* Bytes that differ from one another, whatever @seed. */
static void fill(char *p, size_t length, unsigned int seed)
{
	size_t i;

	for (i = 0; i < length; i++) {
		seed = seed * 1664525 + 1013904223;
		p[i] = seed >> 24;
	}
}

FIXTURE(import)
{
	int fd;
	int importer;
	struct buffer buffer;	/* BYTES long */
	int whole;		/* its dma-buf */
	char *p;		/* its mapping */
};

FIXTURE_VARIANT(import)
{
	__u32 device;
	bool dynamic;
};

#define ADD(_name, _device, _dynamic) \
FIXTURE_VARIANT_ADD(import, _name) \
{ \
	.device = _device, \
	.dynamic = _dynamic, \
}

ADD(static_28, 0, false);
ADD(static_32, 1, false);
ADD(static_64, 2, false);
ADD(dynamic_28, 0, true);
ADD(dynamic_32, 1, true);
ADD(dynamic_64, 2, true);

FIXTURE_SETUP(import)
{
	if (lacks_devices())
		SKIP(return, "this machine has no edu devices");
	ASSERT_EQ(0, load_importer());
	self->importer = open_errno(IMPORT_DEVICE, O_RDWR);
	ASSERT_GE(self->importer, 0);
	self->fd = pool_open();
	ASSERT_EQ(0, buffer_alloc(self->fd, BYTES, &self->buffer));
	self->whole = buffer_export(self->fd, &self->buffer);
	self->p = buffer_map(self->fd, &self->buffer);
	ASSERT_NE(MAP_FAILED, self->p);
}

FIXTURE_TEARDOWN_PARENT(import)
{
	if (lacks_devices())
		return;
	EXPECT_TRUE(wait_all_free());
}

/* Through the device: what is at @from afterwards also is at @to. */
static int copy(int importer, __u64 from, __u64 to)
{
	return load_device(importer, from, IMPORT_DMA_MAX) ?:
	       store_device(importer, to, IMPORT_DMA_MAX);
}

TEST_F(import, every_byte_goes_both_ways)
{
	/* The beginning, the end, and odd places across frames */
	static const __u64 places[][2] = {
		{ 0, 32 * KIB },
		{ BYTES - IMPORT_DMA_MAX, 101 },
		{ 4 * FRAME - 999, 9 * FRAME - 7 },
	};
	static char before[BYTES], after[BYTES];
	int i, ret = attach(self->importer, self->whole, variant->device,
			    bits_of[variant->device], variant->dynamic);

	/* Before 7.3, a dynamic importer maps what does not move when it attaches. */
	if (!ret)
		ret = map(self->importer, IMPORT_BOTH);
	ASSERT_EQ(expected(physical_address(self->p), BYTES, variant->device), ret);
	if (ret < 0)
		return;
	fill(self->p, BYTES, variant->device);
	memcpy(before, self->p, BYTES);
	memcpy(after, before, BYTES);
	ASSERT_EQ(0, sync_whole(self->whole, DMA_BUF_SYNC_END));
	for (i = 0; i < ARRAY_SIZE(places); i++) {
		ASSERT_EQ(0, copy(self->importer, places[i][0], places[i][1]));
		memcpy(after + places[i][1], after + places[i][0], IMPORT_DMA_MAX);
	}
	if (is_bounced()) {
		EXPECT_EQ(0, memcmp(self->p, before, BYTES));
	}
	ASSERT_EQ(0, sync_whole(self->whole, DMA_BUF_SYNC_START));
	EXPECT_EQ(0, memcmp(self->p, after, BYTES));
	ASSERT_EQ(0, detach(self->importer));
	EXPECT_EQ(0, memcmp(self->p, after, BYTES));
}

/* Without variants */
FIXTURE(edu)
{
	int fd;
	int importer;
	struct buffer buffer;	/* BYTES long */
	int whole;		/* its dma-buf */
	char *p;		/* its mapping, with one byte all over */
};

FIXTURE_SETUP(edu)
{
	if (lacks_devices())
		SKIP(return, "this machine has no edu devices");
	ASSERT_EQ(0, load_importer());
	self->importer = open_errno(IMPORT_DEVICE, O_RDWR);
	ASSERT_GE(self->importer, 0);
	self->fd = pool_open();
	ASSERT_EQ(0, buffer_alloc(self->fd, BYTES, &self->buffer));
	self->whole = buffer_export(self->fd, &self->buffer);
	self->p = buffer_map(self->fd, &self->buffer);
	ASSERT_NE(MAP_FAILED, self->p);
	memset(self->p, PATTERN_MINE, BYTES);
}

FIXTURE_TEARDOWN_PARENT(edu)
{
	if (lacks_devices())
		return;
	EXPECT_TRUE(wait_all_free());
}

TEST_F(edu, parts_are_synchronised_alone)
{
	const __u64 in = FRAME - 100, out = 5 * FRAME + 33;
	const __u32 length = 2000;
	char *p = self->p;

	ASSERT_EQ(1, attach_and_map(self->importer, self->whole, ANY, IMPORT_BOTH));
	memset(p + in - 1, PATTERN_OTHER, length + 2);
	ASSERT_EQ(0, dmabuf_sync(self->fd, self->whole, FRAMEPOOL_SYNC_END, in, length));
	ASSERT_EQ(0, load_device(self->importer, in - 1, length + 2));
	ASSERT_EQ(0, store_device(self->importer, out - 1, length + 2));
	if (is_bounced()) {
		EXPECT_TRUE(all_bytes(p + out - 1, PATTERN_MINE, length + 2));
	}
	ASSERT_EQ(0, dmabuf_sync(self->fd, self->whole, 0, out, length));
	EXPECT_TRUE(all_bytes(p + out, PATTERN_OTHER, length));
	if (is_bounced()) {
		EXPECT_EQ(PATTERN_MINE, (unsigned char)p[out - 1]);
		EXPECT_EQ(PATTERN_MINE, (unsigned char)p[out + length]);
		/* What was written outside of the first part has not reached the device. */
		ASSERT_EQ(0, sync_whole(self->whole, DMA_BUF_SYNC_START));
		EXPECT_EQ(PATTERN_MINE, (unsigned char)p[out - 1]);
		EXPECT_EQ(PATTERN_MINE, (unsigned char)p[out + length]);
	}
}

TEST_F(edu, part_of_a_buffer_is_what_the_device_gets)
{
	int part = buffer_export_part(self->fd, self->buffer.handle, 0, 3 * FRAME, 2 * FRAME);

	memset(self->p + 4 * FRAME, PATTERN_OTHER, 100);
	ASSERT_EQ(1, attach_and_map(self->importer, part, ANY, IMPORT_BOTH));
	ASSERT_EQ(0, load_device(self->importer, FRAME, 100));
	ASSERT_EQ(0, store_device(self->importer, 2 * FRAME - 100, 100));
	EXPECT_EQ(-ERANGE, store_device(self->importer, 2 * FRAME, 1));
	ASSERT_EQ(0, detach(self->importer));
	EXPECT_TRUE(all_bytes(self->p + 5 * FRAME - 100, PATTERN_OTHER, 100));
	EXPECT_TRUE(all_bytes(self->p + 5 * FRAME, PATTERN_MINE, 11 * FRAME));
	EXPECT_TRUE(all_bytes(self->p, PATTERN_MINE, 4 * FRAME));
}

TEST_F(edu, two_devices_share_a_buffer)
{
	int other = open_errno(IMPORT_DEVICE, O_RDWR);

	ASSERT_EQ(1, attach_and_map(self->importer, self->whole, ANY, IMPORT_BOTH));
	/* One that does not reach the memory does not get it. */
	if (attach_and_map(other, self->whole, 1, IMPORT_BOTH) != 1)
		return;
	memset(self->p, PATTERN_OTHER, FRAME);
	ASSERT_EQ(0, dmabuf_sync(self->fd, self->whole, FRAMEPOOL_SYNC_END, 0, FRAME));
	ASSERT_EQ(0, copy(self->importer, 0, FRAME));
	ASSERT_EQ(0, copy(other, 0, 2 * FRAME));
	ASSERT_EQ(0, detach(other));
	EXPECT_TRUE(all_bytes(self->p + 2 * FRAME, PATTERN_OTHER, IMPORT_DMA_MAX));
	EXPECT_EQ(1, client_info(self->fd, "attached"));
}

TEST_F(edu, device_cannot_write_what_is_read_only)
{
	int fd = buffer_export_part(self->fd, self->buffer.handle, FRAMEPOOL_EXPORT_READ_ONLY, 0,
				    BYTES);

	EXPECT_EQ(-EACCES, attach_and_map(self->importer, fd, ANY, IMPORT_BOTH));
	EXPECT_EQ(-EACCES, attach_and_map(self->importer, fd, ANY, IMPORT_WRITE));
	ASSERT_EQ(1, attach_and_map(self->importer, fd, ANY, IMPORT_READ));
	EXPECT_EQ(0, load_device(self->importer, 0, IMPORT_DMA_MAX));
	/* An IOMMU stops a device that tries all the same. */
	if (is_behind_iommu()) {
		memset(self->p, PATTERN_OTHER, FRAME);
		EXPECT_EQ(0, store_device(self->importer, 0, IMPORT_DMA_MAX));
		EXPECT_TRUE(all_bytes(self->p, PATTERN_OTHER, FRAME));
	}
}

/* Such an importer gets both directions, whatever it wants, before 7.3. */
TEST_F(edu, dynamic_importer_cannot_write_what_is_read_only)
{
	int fd = buffer_export_part(self->fd, self->buffer.handle, FRAMEPOOL_EXPORT_READ_ONLY, 0,
				    BYTES);
	int ret = attach(self->importer, fd, ANY, 64, true);

	if (ret) {
		EXPECT_EQ(-EACCES, ret);
		return;
	}
	EXPECT_EQ(-EACCES, map(self->importer, IMPORT_BOTH));
	EXPECT_EQ(-EACCES, map(self->importer, IMPORT_WRITE));
	EXPECT_EQ(1, map(self->importer, IMPORT_READ));
}

TEST_F(edu, driver_reaches_the_buffer_by_the_processor)
{
	char text[] = "written by a driver", copy[2 * sizeof(text)];
	int fd = buffer_export_part(self->fd, self->buffer.handle, FRAMEPOOL_EXPORT_READ_ONLY, 0,
				    BYTES);

	ASSERT_EQ(0, attach(self->importer, self->whole, IMPORT_PROCESSOR, 0, false));
	ASSERT_EQ(0, call(self->importer, IMPORT_VMAP, NULL));
	EXPECT_EQ(0, client_info(self->fd, "attached"));
	EXPECT_EQ(1, client_info(self->fd, "in_use"));
	ASSERT_EQ(sizeof(text), pwrite(self->importer, text, sizeof(text), 5 * FRAME - 3));
	EXPECT_EQ(0, memcmp(self->p + 5 * FRAME - 3, text, sizeof(text)));
	memcpy(self->p + BYTES - sizeof(text), text, sizeof(text));
	/* What is beyond the end is not there. */
	ASSERT_EQ(sizeof(text), pread(self->importer, copy, sizeof(copy), BYTES - sizeof(text)));
	EXPECT_EQ(0, memcmp(copy, text, sizeof(text)));
	ASSERT_EQ(0, call(self->importer, IMPORT_VUNMAP, NULL));
	EXPECT_EQ(0, client_info(self->fd, "in_use"));
	ASSERT_EQ(0, detach(self->importer));
	ASSERT_EQ(0, attach(self->importer, fd, IMPORT_PROCESSOR, 0, false));
	EXPECT_EQ(-EINVAL, call(self->importer, IMPORT_VMAP, NULL));
}

TEST_F(edu, driver_maps_the_buffer_for_a_program)
{
	int fd = buffer_export_part(self->fd, self->buffer.handle, FRAMEPOOL_EXPORT_READ_ONLY, 0,
				    BYTES);
	char *p;

	ASSERT_EQ(0, attach(self->importer, self->whole, IMPORT_PROCESSOR, 0, false));
	p = map_raw(NULL, 2 * FRAME, PROT_READ | PROT_WRITE, MAP_SHARED, self->importer, FRAME);
	ASSERT_NE(MAP_FAILED, p);
	EXPECT_EQ(physical_address(self->p + FRAME), physical_address(p));
	EXPECT_EQ(EINVAL, map_errno(2 * FRAME, PROT_READ, MAP_SHARED, self->importer,
				    BYTES - FRAME));
	ASSERT_EQ(0, detach(self->importer));
	p[FRAME] = 'x';
	EXPECT_EQ('x', self->p[2 * FRAME]);
	ASSERT_EQ(0, attach(self->importer, fd, IMPORT_PROCESSOR, 0, false));
	EXPECT_EQ(EACCES, map_errno(FRAME, PROT_READ | PROT_WRITE, MAP_SHARED, self->importer, 0));
	p = map_raw(NULL, FRAME, PROT_READ, MAP_SHARED, self->importer, 0);
	ASSERT_NE(MAP_FAILED, p);
	EXPECT_NE(0, mprotect(p, FRAME, PROT_READ | PROT_WRITE));
}

TEST_F(edu, device_without_access_to_memory_is_refused)
{
	ASSERT_EQ(0, attach(self->importer, self->whole, IMPORT_NO_DMA, 0, false));
	EXPECT_EQ(-EBUSY, map(self->importer, IMPORT_BOTH));
	EXPECT_EQ(1, client_info(self->fd, "attached"));
	EXPECT_EQ(0, client_info(self->fd, "in_use"));
}

/* Whatever goes wrong, the kernel logs nothing; whoever judges the run sees that. */
TEST_F(edu, any_length_is_mapped_or_refused_by_any_device)
{
	static const __u64 lengths[] = {
		FRAME, MAX_BOUNCED, MAX_BOUNCED + FRAME, 4 * MIB, MAX_28_BITS, MAX_28_BITS + FRAME,
	};
	struct buffer buffer;
	__u32 device, direction;
	__u64 address;
	int i, fd;

	for (i = 0; i < ARRAY_SIZE(lengths); i++) {
		/* The pool may consist of shorter runs. */
		if (buffer_alloc(self->fd, lengths[i], &buffer))
			break;
		address = buffer_physical(self->fd, &buffer);
		fd = buffer_export(self->fd, &buffer);
		for (device = 0; device < NR_EDUS; device++)
			for (direction = IMPORT_BOTH; direction <= IMPORT_WRITE; direction++) {
				ASSERT_EQ(expected(address, lengths[i], device),
					  attach_and_map(self->importer, fd, device, direction))
					TH_LOG("%llu bytes, device %u", lengths[i], device);
				ASSERT_EQ(0, detach(self->importer));
			}
		close(fd);
		ASSERT_EQ(0, handle_free(self->fd, buffer.handle));
	}
	EXPECT_LE(3, i);
}

TEST_F(edu, more_than_a_device_has_addresses_for_is_refused)
{
	const __u64 length = 4 * MIB;
	int importers[256 / 4 + 1], fd, ret = 0, n;
	struct buffer buffer;

	if (!is_behind_iommu())
		SKIP(return, "there is no IOMMU");
	ASSERT_EQ(0, buffer_alloc(self->fd, length, &buffer));
	fd = buffer_export(self->fd, &buffer);
	for (n = 0; n < ARRAY_SIZE(importers); n++) {
		importers[n] = open_errno(IMPORT_DEVICE, O_RDWR);
		ret = attach_and_map(importers[n], fd, 0, IMPORT_BOTH);
		if (ret < 0)
			break;
	}
	ASSERT_EQ(-ENOMEM, ret);
	EXPECT_LT(0, n);
	ASSERT_EQ(0, detach(importers[0]));
	EXPECT_EQ(1, attach_and_map(importers[n], fd, 0, IMPORT_BOTH));
}

/* Whether a line of debugfs's list of exports contains @text. */
static bool is_listed(const char *text)
{
	return strstr(read_file(EXPORTS), text);
}

TEST_F(edu, list_of_exports_tells_who_has_them)
{
	int other = open_errno(IMPORT_DEVICE, O_RDWR);
	int third = open_errno(IMPORT_DEVICE, O_RDWR);
	const char *name = strdup(basename(edu_folder(ANY)));
	char mine[128], line[256];
	struct stat stat;

	ASSERT_EQ(0, fstat(self->whole, &stat));
	snprintf(mine, sizeof(mine), "%7d %10u %10lu %#14llx %12lu %6s", getpid(), 0, stat.st_ino,
		 self->buffer.offset, BYTES, "rw");
	snprintf(line, sizeof(line), "%s %7u\n", mine, 0);
	EXPECT_TRUE(is_listed(line));
	ASSERT_EQ(1, attach_and_map(self->importer, self->whole, ANY, IMPORT_BOTH));
	ASSERT_EQ(0, attach(other, self->whole, ANY, 0, false));
	ASSERT_EQ(0, attach(third, self->whole, IMPORT_PROCESSOR, 0, false));
	ASSERT_EQ(0, call(third, IMPORT_VMAP, NULL));
	snprintf(line, sizeof(line), "%s %7u %s=1 %s\n", mine, 1, name, name);
	EXPECT_TRUE(is_listed(line)) TH_LOG("%s instead of %s", read_file(EXPORTS), line);
	ASSERT_EQ(0, detach(self->importer));
	ASSERT_EQ(0, call(third, IMPORT_VUNMAP, NULL));
	snprintf(line, sizeof(line), "%s %7u %s\n", mine, 0, name);
	EXPECT_TRUE(is_listed(line));
}

TEST_F(edu, device_keeps_what_was_freed)
{
	int probe = pool_open();

	ASSERT_EQ(1, attach_and_map(self->importer, self->whole, ANY, IMPORT_BOTH));
	ASSERT_EQ(0, sync_whole(self->whole, DMA_BUF_SYNC_END));
	ASSERT_EQ(0, munmap(self->p, BYTES));
	close(self->whole);
	close(self->fd);
	EXPECT_EQ(BYTES, used_bytes(probe));
	EXPECT_TRUE(is_listed("=1\n"));
	EXPECT_EQ(0, copy(self->importer, 0, FRAME));
	ASSERT_EQ(0, detach(self->importer));
	EXPECT_TRUE(wait_idle(probe, 1));
	EXPECT_FALSE(is_listed("=1\n"));
}

TEST_F(edu, killed_program_leaves_nothing)
{
	int ready[2];
	pid_t pid;

	ASSERT_EQ(0, pipe(ready));
	pid = child_fork();
	if (!pid) {
		int importer = open_errno(IMPORT_DEVICE, O_RDWR);

		CHILD_CHECK(attach_and_map(importer, self->whole, ANY, IMPORT_BOTH) == 1);
		CHILD_CHECK(!call(importer, IMPORT_VMAP, NULL));
		tell(ready[1]);
		pause();
	}
	ASSERT_TRUE(hear(ready[0]));
	EXPECT_EQ(2, client_info(self->fd, "in_use"));
	EXPECT_EQ(CHILD_KILLED + SIGKILL, child_kill(pid));
	EXPECT_TRUE(WAIT_FOR(!client_info(self->fd, "in_use")));
	EXPECT_EQ(0, client_info(self->fd, "attached"));
}

/**
 * struct race - threads that attach devices while the memory goes
 * @dmabuf: what they attach
 * @stop: they are to end
 * @ready: how many have begun; from then on they open no file
 * @wrong: number of results that must not occur
 */
struct race {
	int dmabuf;
	bool stop;
	int ready;
	int wrong;
};

static void *race_work(void *arg)
{
	int importer = open_errno(IMPORT_DEVICE, O_RDWR), ret;
	struct race *race = arg;
	unsigned int i;

	for (i = 0; !__atomic_load_n(&race->stop, __ATOMIC_RELAXED); i++) {
		ret = attach(importer, race->dmabuf, ANY, 0, i % 2);
		if (!ret)
			ret = map(importer, IMPORT_BOTH);
		if (ret >= 0 && i % 3)
			ret = call(importer, IMPORT_VMAP, NULL);
		if (ret < 0 && ret != -ENODEV && ret != -EBADF)
			__atomic_fetch_add(&race->wrong, 1, __ATOMIC_RELAXED);
		if (detach(importer))
			__atomic_fetch_add(&race->wrong, 1, __ATOMIC_RELAXED);
		if (!i)
			__atomic_fetch_add(&race->ready, 1, __ATOMIC_RELAXED);
	}
	close(importer);
	return NULL;
}

static void begin_race(struct race *race, pthread_t *threads, int dmabuf)
{
	int i;

	*race = (struct race){ .dmabuf = dmabuf };
	for (i = 0; i < NR_THREADS; i++)
		if (pthread_create(&threads[i], NULL, race_work, race))
			abort();
	while (__atomic_load_n(&race->ready, __ATOMIC_RELAXED) < NR_THREADS)
		sched_yield();
}

/* Returns the number of wrong results. */
static int end_race(struct race *race, pthread_t *threads)
{
	int i;

	__atomic_store_n(&race->stop, true, __ATOMIC_RELAXED);
	for (i = 0; i < NR_THREADS; i++)
		pthread_join(threads[i], NULL);
	return race->wrong;
}

TEST_F_TIMEOUT(edu, devices_race_with_the_end_of_a_client, SLOW_TEST_SECONDS)
{
	pthread_t threads[NR_THREADS];
	struct buffer buffer;
	int view = open_errno(EXPORTS, O_RDONLY), round, fd;
	struct race race;
	char text[1000];

	for (round = 0; round < 15; round++) {
		fd = pool_open();
		ASSERT_EQ(0, buffer_alloc(fd, BYTES, &buffer));
		begin_race(&race, threads, buffer_export(fd, &buffer));
		if (round % 2) {
			ASSERT_EQ(0, handle_free(fd, buffer.handle));
		}
		close(fd);
		close(race.dmabuf);
		EXPECT_LT(0, pread(view, text, sizeof(text), 0));
		EXPECT_EQ(0, end_race(&race, threads));
	}
}

/* The module is loaded for the test, so that it can be shut down and unloaded. */
FIXTURE(forced)
{
	int fd;
	int importer;
	struct buffer buffer;	/* BYTES long */
	int whole;		/* its dma-buf */
};

FIXTURE_SETUP(forced)
{
	if (lacks_devices())
		SKIP(return, "this machine has no edu devices");
	if (is_loaded()) {
		ASSERT_EQ(0, unload());
	}
	ASSERT_EQ(0, load("size=64M"));
	ASSERT_EQ(0, load_importer());
	self->importer = open_errno(IMPORT_DEVICE, O_RDWR);
	ASSERT_GE(self->importer, 0);
	self->fd = pool_open();
	ASSERT_EQ(0, buffer_alloc(self->fd, BYTES, &self->buffer));
	self->whole = buffer_export(self->fd, &self->buffer);
}

FIXTURE_TEARDOWN_PARENT(forced)
{
	if (lacks_devices())
		return;
	if (is_loaded()) {
		EXPECT_TRUE(WAIT_FOR(!unload()));
	}
	EXPECT_EQ(0, load(USUAL_PARAMETERS));
	EXPECT_TRUE(wait_all_free());
}

TEST_F(forced, device_keeps_the_memory_and_the_module_after_shutdown)
{
	int other = open_errno(IMPORT_DEVICE, O_RDWR);

	ASSERT_EQ(1, attach_and_map(self->importer, self->whole, ANY, IMPORT_BOTH));
	ASSERT_EQ(0, attach(other, self->whole, ANY, 0, false));
	ASSERT_EQ(0, write_file(SHUTDOWN, "1"));
	EXPECT_EQ(0, copy(self->importer, 0, FRAME));
	EXPECT_EQ(-ENODEV, map(other, IMPORT_BOTH));
	ASSERT_EQ(0, detach(other));
	EXPECT_EQ(-ENODEV, attach(other, self->whole, ANY, 0, false));
	EXPECT_EQ(-ENODEV, dmabuf_sync(self->fd, self->whole, 0, 0, 1));
	EXPECT_EQ(0, sync_whole(self->whole, DMA_BUF_SYNC_START));
	close(self->fd);
	close(self->whole);
	EXPECT_EQ(-EWOULDBLOCK, unload());
	EXPECT_EQ(0, copy(self->importer, 0, FRAME));
	ASSERT_EQ(0, detach(self->importer));
	EXPECT_TRUE(WAIT_FOR(!unload()));
}

TEST_F_TIMEOUT(forced, devices_race_with_shutdown, SLOW_TEST_SECONDS)
{
	pthread_t threads[NR_THREADS];
	struct race race;

	begin_race(&race, threads, self->whole);
	ASSERT_EQ(0, write_file(SHUTDOWN, "1"));
	EXPECT_LT(0, strlen(read_file(EXPORTS)));
	close(self->fd);
	close(self->whole);
	EXPECT_EQ(0, end_race(&race, threads));
	EXPECT_TRUE(WAIT_FOR(!unload()));
}

/* Pools that are not as usual */
FIXTURE(pool)
{
	int fd;
	int importer;
};

FIXTURE_VARIANT(pool)
{
	const char *parameters;
	__u64 length;		/* of a buffer */
	__u32 device;
	int entries;		/* of the table that the device gets */
};

/* One that all devices reach, whatever is between them and the memory. */
FIXTURE_VARIANT_ADD(pool, low)
{
	.parameters = "size=8M below=256M",
	.length = 4 * MIB,
	.device = 0,
	.entries = 1,
};

/* One that has a buffer which is too long for one entry, in a guest with 9 GiB. */
FIXTURE_VARIANT_ADD(pool, large)
{
	.parameters = "size=6G",
	.length = 2049 * MIB,
	.device = ANY,
	.entries = 2,
};

FIXTURE_SETUP(pool)
{
	if (lacks_devices())
		SKIP(return, "this machine has no edu devices");
	if (variant->entries > 1 && free_bytes() < 7 * 1024 * MIB)
		SKIP(return, "this machine has too little memory");
	if (is_loaded()) {
		ASSERT_EQ(0, unload());
	}
	ASSERT_EQ(0, load(variant->parameters));
	ASSERT_EQ(0, load_importer());
	self->importer = open_errno(IMPORT_DEVICE, O_RDWR);
	ASSERT_GE(self->importer, 0);
	self->fd = pool_open();
}

FIXTURE_TEARDOWN_PARENT(pool)
{
	if (lacks_devices())
		return;
	if (is_loaded()) {
		EXPECT_TRUE(WAIT_FOR(!unload()));
	}
	EXPECT_EQ(0, load(USUAL_PARAMETERS));
	EXPECT_TRUE(wait_all_free());
}

TEST_F(pool, device_reaches_both_ends)
{
	__u64 length = variant->length;
	struct buffer buffer;
	int fd, ret;
	char *p;

	if (buffer_alloc(self->fd, length, &buffer))
		SKIP(return, "no run of memory is as long");
	p = buffer_map(self->fd, &buffer);
	memset(p, PATTERN_MINE, FRAME);
	fd = buffer_export(self->fd, &buffer);
	ret = attach_and_map(self->importer, fd, variant->device, IMPORT_BOTH);
	if (ret < 0) {
		/* Bounce buffers are too short for this buffer. */
		EXPECT_EQ(expected(physical_address(p), length, variant->device), ret);
		return;
	}
	EXPECT_EQ(variant->entries, ret);
	ASSERT_EQ(0, copy(self->importer, 0, length - IMPORT_DMA_MAX));
	ASSERT_EQ(0, dmabuf_sync(self->fd, fd, 0, length - IMPORT_DMA_MAX, IMPORT_DMA_MAX));
	EXPECT_TRUE(all_bytes(p + length - IMPORT_DMA_MAX, PATTERN_MINE, IMPORT_DMA_MAX));
}

TEST_HARNESS_MAIN
