// SPDX-License-Identifier: GPL-2.0-only
/*
 * A device that a program drives with VFIO, behind an IOMMU: QEMU's edu. What is mapped for it is
 * pinned, so it keeps its memory whatever the program frees, until that is unmapped.
 */
#include "common.h"
#include "child.h"
#include "memory.h"
#include "module.h"
#include "sigbus.h"

#include <dirent.h>
#include <grp.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <sys/resource.h>

#include "../userspace/examples/edu.h"

#define BYTES		(4 * MIB)
#define MANY_BYTES	(64 * MIB)
#define IOVA		(16 * MIB)	/* where the device finds memory */
#define OTHER_IOVA	(128 * MIB)
#define NOBODY		65534
#define PCI		"/sys/bus/pci/devices/"
#define SHUTDOWN	"/sys/class/framepool/" POOL_NAME "/shutdown"

FIXTURE(vfio)
{
	char address[32];	/* of the device, such as 0000:00:02.0 */
	pid_t user;		/* who has it open */
	int probe;		/* another client, which observes the pool */
	int fd;
	struct buffer buffer;	/* BYTES long, aligned to huge frames */
	char *p;		/* its mapping, stamped */
	int container, group, device;
	void *registers;
};

static long hexadecimal(const char *address, const char *file)
{
	char path[128];

	snprintf(path, sizeof(path), PCI "%s/%s", address, file);
	return strtol(read_file(path), NULL, 16);
}

static int write_attribute(const char *address, const char *file, const char *text)
{
	char path[128];

	snprintf(path, sizeof(path), PCI "%s/%s", address, file);
	return write_file(path, text);
}

/* The number of the device's group, or -1. */
static int group_of(const char *address)
{
	char path[128], link[128] = "";

	snprintf(path, sizeof(path), PCI "%s/iommu_group", address);
	if (readlink(path, link, sizeof(link) - 1) < 0)
		return -1;
	return atoi(strrchr(link, '/') + 1);
}

/* Finds an edu device behind an IOMMU. */
static bool find_device(char address[32])
{
	DIR *dir = opendir(PCI);
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		snprintf(address, 32, "%.31s", entry->d_name);
		if (hexadecimal(address, "vendor") == 0x1234 &&
		    hexadecimal(address, "device") == 0x11e8 && group_of(address) >= 0)
			break;
		address[0] = '\0';
	}
	if (dir)
		closedir(dir);
	return address[0];
}

/* Opens the device as its only user. */
static bool attach(FIXTURE_DATA(vfio) *self)
{
	struct vfio_region_info config = {
		.argsz = sizeof(config),
		.index = VFIO_PCI_CONFIG_REGION_INDEX,
	};
	struct vfio_region_info bar = {
		.argsz = sizeof(bar),
		.index = VFIO_PCI_BAR0_REGION_INDEX,
	};
	__u16 command = PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;
	char path[32];

	snprintf(path, sizeof(path), "/dev/vfio/%d", group_of(self->address));
	self->group = open_errno(path, O_RDWR);
	self->container = open_errno("/dev/vfio/vfio", O_RDWR);
	if (self->group < 0 || self->container < 0 ||
	    ioctl(self->group, VFIO_GROUP_SET_CONTAINER, &self->container) ||
	    ioctl(self->container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU))
		return false;
	self->device = ioctl(self->group, VFIO_GROUP_GET_DEVICE_FD, self->address);
	if (self->device < 0 || ioctl(self->device, VFIO_DEVICE_GET_REGION_INFO, &config) ||
	    ioctl(self->device, VFIO_DEVICE_GET_REGION_INFO, &bar) ||
	    pwrite(self->device, &command, sizeof(command), config.offset + PCI_COMMAND) !=
		    sizeof(command))
		return false;
	self->registers = mmap(NULL, bar.size, PROT_READ | PROT_WRITE, MAP_SHARED, self->device,
			       bar.offset);
	return self->registers != MAP_FAILED && edu_identity(self->registers) == EDU_IDENTITY;
}

FIXTURE_SETUP(vfio)
{
	if (!find_device(self->address))
		SKIP(return, "there is no edu device behind an IOMMU");
	ASSERT_EQ(0, modprobe("vfio_iommu_type1 allow_unsafe_interrupts=1"));
	ASSERT_EQ(0, modprobe("vfio-pci"));
	ASSERT_EQ(0, write_attribute(self->address, "driver_override", "vfio-pci"));
	ASSERT_EQ(0, write_file("/sys/bus/pci/drivers_probe", self->address));
	self->user = getpid();
	self->probe = pool_open();
	ASSERT_GE(self->probe, 0);
	self->fd = pool_open();
	ASSERT_GE(self->fd, 0);
	ASSERT_EQ(0, buffer_alloc_huge(self->fd, BYTES, &self->buffer));
	self->p = buffer_map(self->fd, &self->buffer);
	ASSERT_NE(MAP_FAILED, self->p);
	stamp_frames(self->p, BYTES, 0);
}

FIXTURE_TEARDOWN_PARENT(vfio)
{
	/*
	 * The harness runs this in the wrong process after a failed assertion. There, the device
	 * would wait for itself to be closed.
	 */
	if (!self->address[0] || getpid() == self->user)
		return;
	EXPECT_EQ(0, write_attribute(self->address, "driver/unbind", self->address));
	EXPECT_EQ(0, write_attribute(self->address, "driver_override", "\n"));
	EXPECT_TRUE(wait_all_free());
}

/* Maps memory of the program for the device. */
static int map_any(FIXTURE_DATA(vfio) *self, const void *p, __u64 iova, __u64 length, __u32 flags)
{
	struct vfio_iommu_type1_dma_map arg = {
		.argsz = sizeof(arg),
		.flags = flags,
		.vaddr = (unsigned long)p,
		.iova = iova,
		.size = length,
	};

	return call(self->container, VFIO_IOMMU_MAP_DMA, &arg);
}

static int map_for_device(FIXTURE_DATA(vfio) *self, const void *p, __u64 iova, __u64 length)
{
	return map_any(self, p, iova, length, VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE);
}

/* Returns how many bytes were unmapped, or a negative errno. */
static long unmap_for_device(FIXTURE_DATA(vfio) *self, __u64 iova, __u64 length)
{
	struct vfio_iommu_type1_dma_unmap arg = {
		.argsz = sizeof(arg),
		.iova = iova,
		.size = length,
	};
	int ret = call(self->container, VFIO_IOMMU_UNMAP_DMA, &arg);

	return ret ?: (long)arg.size;
}

/* The device copies a transfer's worth of bytes from one of its addresses to another. */
static void device_copies(FIXTURE_DATA(vfio) *self, __u64 from, __u64 to)
{
	edu_copy(self->registers, from, EDU_MOST, 0);
	edu_copy(self->registers, to, EDU_MOST, EDU_TO_MEMORY);
}

/* Memory that is not of the pool, which the device can reach at OTHER_IOVA. */
static char *other_memory(FIXTURE_DATA(vfio) *self)
{
	char *p = mmap(NULL, FRAME, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return map_for_device(self, p, OTHER_IOVA, FRAME) ? NULL : p;
}

static void fill(char *p, unsigned int seed)
{
	int i;

	for (i = 0; i < EDU_MOST; i++)
		p[i] = (seed + i) * 2654435761u >> 24;
}

TEST_F(vfio, device_reads_and_writes_the_buffer)
{
	/* At its ends, inside a frame, across two frames, and across two huge frames. */
	static const __u64 places[] = {
		0, FRAME + 512, 8 * FRAME - 1000, HUGE_FRAME - 1024, BYTES - EDU_MOST,
	};
	char expected[EDU_MOST];
	int i, j;

	ASSERT_TRUE(attach(self));
	ASSERT_EQ(0, map_for_device(self, self->p, IOVA, BYTES));
	for (i = 0; i < ARRAY_SIZE(places); i++) {
		j = (i + 1) % ARRAY_SIZE(places);
		fill(expected, i);
		memcpy(self->p + places[i], expected, EDU_MOST);
		device_copies(self, IOVA + places[i], IOVA + places[j]);
		EXPECT_EQ(0, memcmp(self->p + places[j], expected, EDU_MOST))
			TH_LOG("from %#llx to %#llx", places[i], places[j]);
	}
	EXPECT_EQ(kib_if_huge(BYTES), smaps_kib(self->p, "FilePmdMapped"));
	EXPECT_EQ(BYTES, unmap_for_device(self, IOVA, BYTES));
}

TEST_F(vfio, untouched_memory_is_mapped)
{
	struct buffer buffer;
	char *p;

	ASSERT_TRUE(attach(self));
	ASSERT_EQ(0, buffer_alloc_huge(self->fd, BYTES, &buffer));
	p = buffer_map(self->fd, &buffer);
	ASSERT_EQ(0, map_for_device(self, p, IOVA, BYTES));
	EXPECT_EQ(kib_if_huge(BYTES), smaps_kib(p, "FilePmdMapped"));
	EXPECT_TRUE(all_bytes(p, 0, BYTES));
}

TEST_F(vfio, part_of_small_frames_is_mapped)
{
	char expected[EDU_MOST];
	struct buffer buffer;
	char *p;

	ASSERT_TRUE(attach(self));
	ASSERT_EQ(0, buffer_alloc(self->fd, 8 * FRAME, &buffer));
	p = buffer_map(self->fd, &buffer);
	stamp_frames(p, 8 * FRAME, 0);
	fill(expected, 1);
	memcpy(p + 3 * FRAME, expected, EDU_MOST);
	ASSERT_EQ(0, map_for_device(self, p + 3 * FRAME, IOVA, 2 * FRAME));
	device_copies(self, IOVA, IOVA + FRAME);
	EXPECT_EQ(0, memcmp(p + 4 * FRAME, expected, EDU_MOST));
	EXPECT_TRUE(frames_stamped(p, 3 * FRAME, 0));
	EXPECT_TRUE(frames_stamped(p + 5 * FRAME, 3 * FRAME, 5));
}

TEST_F(vfio, memory_freed_while_mapped_is_the_devices_until_unmapped)
{
	char expected[EDU_MOST];
	char *copy;

	ASSERT_TRUE(attach(self));
	copy = other_memory(self);
	ASSERT_NE(NULL, copy);
	fill(expected, 2);
	memcpy(self->p + MIB, expected, EDU_MOST);
	ASSERT_EQ(0, map_for_device(self, self->p, IOVA, BYTES));
	ASSERT_EQ(0, munmap(self->p, BYTES));
	ASSERT_EQ(0, handle_free(self->fd, self->buffer.handle));
	ASSERT_EQ(0, close(self->fd));
	EXPECT_TRUE(wait_quarantined(self->probe, BYTES));
	EXPECT_EQ((POOL_BYTES - BYTES) / HUGE_FRAME, overwrite_pool(self->probe));

	/* The device still finds what was there, and what it writes damages nobody. */
	device_copies(self, IOVA + MIB, OTHER_IOVA);
	EXPECT_EQ(0, memcmp(copy, expected, EDU_MOST));
	device_copies(self, OTHER_IOVA, IOVA + 3 * MIB);
	device_copies(self, IOVA + 3 * MIB, OTHER_IOVA);
	EXPECT_EQ(0, memcmp(copy, expected, EDU_MOST));
	EXPECT_EQ(BYTES, unmap_for_device(self, IOVA, BYTES));
}

TEST_F(vfio, unmapped_memory_comes_back)
{
	ASSERT_TRUE(attach(self));
	ASSERT_EQ(0, map_for_device(self, self->p, IOVA, BYTES));
	ASSERT_EQ(0, munmap(self->p, BYTES));
	ASSERT_EQ(0, handle_free(self->fd, self->buffer.handle));
	EXPECT_TRUE(wait_quarantined(self->probe, BYTES));
	EXPECT_EQ(BYTES, unmap_for_device(self, IOVA, BYTES));
	EXPECT_TRUE(wait_free(self->probe, POOL_BYTES));
}

/* Revocation takes the memory from processors. VFIO has no way to take it from a device. */
TEST_F(vfio, shutdown_leaves_the_memory_to_the_device)
{
	char expected[EDU_MOST];
	char *copy;

	ASSERT_TRUE(attach(self));
	copy = other_memory(self);
	ASSERT_NE(NULL, copy);
	fill(expected, 3);
	memcpy(self->p, expected, EDU_MOST);
	ASSERT_EQ(0, map_for_device(self, self->p, IOVA, BYTES));
	catch_sigbus();
	ASSERT_EQ(0, write_file(SHUTDOWN, "1"));
	EXPECT_EQ(BUS_ADRERR, sigbus_code(self->p, false));
	device_copies(self, IOVA, OTHER_IOVA);
	EXPECT_EQ(0, memcmp(copy, expected, EDU_MOST));
	device_copies(self, OTHER_IOVA, IOVA + HUGE_FRAME);

	/* Nothing more can be mapped, not even the same memory. */
	EXPECT_EQ(-EFAULT, map_for_device(self, self->p, IOVA + BYTES, BYTES));
	EXPECT_EQ(BYTES, unmap_for_device(self, IOVA, BYTES));
	EXPECT_EQ(0, munmap(self->p, BYTES));
	close(self->fd);
	close(self->probe);
	ASSERT_TRUE(WAIT_FOR(!unload()));
	ASSERT_EQ(0, load(USUAL_PARAMETERS));
}

/* The kernel frees what is left of the pool when it is unmapped. */
TEST_F(vfio, module_unloaded_while_mapped_leaves_the_memory_to_the_device)
{
	char expected[EDU_MOST];
	char *copy;

	ASSERT_TRUE(attach(self));
	copy = other_memory(self);
	ASSERT_NE(NULL, copy);
	fill(expected, 4);
	memcpy(self->p, expected, EDU_MOST);
	ASSERT_EQ(0, map_for_device(self, self->p, IOVA, BYTES));
	ASSERT_EQ(0, munmap(self->p, BYTES));
	close(self->fd);
	close(self->probe);
	ASSERT_TRUE(WAIT_FOR(!unload()));
	device_copies(self, IOVA, OTHER_IOVA);
	EXPECT_EQ(0, memcmp(copy, expected, EDU_MOST));
	EXPECT_EQ(BYTES, unmap_for_device(self, IOVA, BYTES));
	ASSERT_EQ(0, load(USUAL_PARAMETERS));
}

/* Mapped memory counts as locked, for each address of the device once. */
TEST_F(vfio, low_limit_of_locked_memory_is_enomem)
{
	pid_t pid;

	ASSERT_TRUE(attach(self));
	pid = child_fork();
	if (!pid) {
		struct rlimit limit = { .rlim_cur = BYTES - FRAME, .rlim_max = 2 * BYTES };

		CHILD_CHECK(!setgroups(0, NULL) && !setgid(NOBODY) && !setuid(NOBODY));
		CHILD_CHECK(!setrlimit(RLIMIT_MEMLOCK, &limit));
		CHILD_CHECK(map_for_device(self, self->p, IOVA, BYTES) == -ENOMEM);
		CHILD_CHECK(map_for_device(self, self->p, IOVA, BYTES - FRAME) == 0);
		CHILD_CHECK(unmap_for_device(self, IOVA, BYTES) == BYTES - FRAME);
		limit.rlim_cur = 2 * BYTES;
		CHILD_CHECK(!setrlimit(RLIMIT_MEMLOCK, &limit));
		CHILD_CHECK(map_for_device(self, self->p, IOVA, BYTES) == 0);
		CHILD_CHECK(status_kib("VmLck") == BYTES / KIB);
		CHILD_CHECK(map_for_device(self, self->p, IOVA + BYTES, BYTES) == 0);
		CHILD_CHECK(status_kib("VmLck") == 2 * BYTES / KIB);
		CHILD_CHECK(map_for_device(self, self->p, OTHER_IOVA, FRAME) == -ENOMEM);
		CHILD_CHECK(unmap_for_device(self, IOVA, 2 * BYTES) == 2 * BYTES);
		CHILD_CHECK(status_kib("VmLck") == 0);
		_exit(0);
	}
	EXPECT_EQ(0, child_wait(pid));
}

TEST_F(vfio, exported_buffer_is_mapped)
{
	int dmabuf = buffer_export(self->fd, &self->buffer);
	char expected[EDU_MOST];
	char *p = map_raw(reserve(BYTES), BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
			  dmabuf, 0);

	ASSERT_NE(MAP_FAILED, p);
	ASSERT_TRUE(attach(self));
	fill(expected, 5);
	memcpy(self->p, expected, EDU_MOST);
	ASSERT_EQ(0, map_for_device(self, p, IOVA, BYTES));
	EXPECT_EQ(kib_if_huge(BYTES), smaps_kib(p, "FilePmdMapped"));
	device_copies(self, IOVA, IOVA + MIB);
	EXPECT_EQ(0, memcmp(self->p + MIB, expected, EDU_MOST));

	/* What is left of the buffer is the dma-buf, then what the device has of that. */
	close(self->fd);
	ASSERT_EQ(0, munmap(self->p, BYTES));
	close(dmabuf);
	ASSERT_EQ(0, munmap(p, BYTES));
	EXPECT_TRUE(wait_quarantined(self->probe, BYTES));
	EXPECT_EQ(BYTES, unmap_for_device(self, IOVA, BYTES));
}

TEST_F(vfio, read_only_export_is_mapped_for_reading_only)
{
	int dmabuf = buffer_export_part(self->fd, self->buffer.handle, FRAMEPOOL_EXPORT_READ_ONLY,
					0, BYTES);
	char *p = map_raw(NULL, BYTES, PROT_READ, MAP_SHARED, dmabuf, 0);
	char expected[EDU_MOST];
	char *copy;

	ASSERT_NE(MAP_FAILED, p);
	ASSERT_TRUE(attach(self));
	copy = other_memory(self);
	ASSERT_NE(NULL, copy);
	EXPECT_EQ(-EFAULT, map_for_device(self, p, IOVA, BYTES));
	ASSERT_EQ(0, map_any(self, p, IOVA, BYTES, VFIO_DMA_MAP_FLAG_READ));
	fill(expected, 6);
	memcpy(self->p, expected, EDU_MOST);
	device_copies(self, IOVA, OTHER_IOVA);
	EXPECT_EQ(0, memcmp(copy, expected, EDU_MOST));

	/* The IOMMU keeps the device from writing there. */
	fill(copy, 7);
	device_copies(self, OTHER_IOVA, IOVA);
	EXPECT_EQ(0, memcmp(self->p, expected, EDU_MOST));
}

TEST_F(vfio, killed_driver_leaves_nothing)
{
	int ends[2];
	pid_t pid;

	ASSERT_EQ(0, pipe(ends));
	ASSERT_EQ(0, munmap(self->p, BYTES));
	ASSERT_EQ(0, handle_free(self->fd, self->buffer.handle));
	close(self->fd);
	pid = child_fork();
	if (!pid) {
		struct buffer buffer;
		char *p;

		self->fd = pool_open();
		CHILD_CHECK(!buffer_alloc_huge(self->fd, MANY_BYTES, &buffer));
		p = buffer_map(self->fd, &buffer);
		CHILD_CHECK(attach(self));
		CHILD_CHECK(!map_for_device(self, p, IOVA, MANY_BYTES));
		CHILD_CHECK(!handle_free(self->fd, buffer.handle));
		edu_write(self->registers, EDU_SOURCE, EDU_BUFFER);
		edu_write(self->registers, EDU_TARGET, IOVA);
		edu_write(self->registers, EDU_COUNT, EDU_MOST);
		edu_write(self->registers, EDU_COMMAND, EDU_START | EDU_TO_MEMORY);
		tell(ends[1]);
		for (;;)
			pause();
	}
	ASSERT_TRUE(hear(ends[0]));
	ASSERT_EQ(CHILD_KILLED + SIGKILL, child_kill(pid));
	EXPECT_TRUE(wait_free(self->probe, POOL_BYTES));
}

/* How many pages the kernel has for the tables of IOMMUs; -1: it does not count them. */
static long iommu_pages(void)
{
	FILE *file;
	char line[128];
	long pages = -1;

	/* Counts of processors are added up now and then, and now. */
	if (write_file("/proc/sys/vm/stat_refresh", "1"))
		return -1;
	file = fopen("/proc/vmstat", "re");
	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "nr_iommu_pages %ld", &pages) == 1)
			break;
	if (file)
		fclose(file);
	return pages;
}

/* How many pages of tables it takes to map memory at an address; -1: the map failed. */
static long pages_to_map(FIXTURE_DATA(vfio) *self, const char *p, __u64 iova)
{
	long before = iommu_pages(), pages;

	if (map_for_device(self, p, iova, MANY_BYTES))
		return -1;
	pages = iommu_pages() - before;
	return unmap_for_device(self, iova, MANY_BYTES) == MANY_BYTES ? pages : -1;
}

TEST_F(vfio, congruent_addresses_take_one_entry_a_huge_frame)
{
	long congruent, other;
	struct buffer buffer;
	char *p;

	if (iommu_pages() < 0)
		SKIP(return, "this kernel does not count the pages of IOMMUs");
	ASSERT_EQ(0, buffer_alloc_huge(self->fd, MANY_BYTES, &buffer));
	p = buffer_map(self->fd, &buffer);
	ASSERT_TRUE(attach(self));
	congruent = pages_to_map(self, p, IOVA);
	other = pages_to_map(self, p, OTHER_IOVA + FRAME);
	printf("# pages of IOMMU tables for %lu MiB: %ld at a congruent address, %ld at another\n",
	       MANY_BYTES / MIB, congruent, other);
	/* Elsewhere each huge frame takes a table of its own. */
	EXPECT_LE(0, congruent);
	EXPECT_GE(4, congruent);
	EXPECT_LE(MANY_BYTES / HUGE_FRAME, other);
}

TEST_HARNESS_MAIN
