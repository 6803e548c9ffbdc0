// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A driver as a program, with VFIO: an IOMMU stands between the device and the memory, and the
 * device reaches only what the program has mapped for it. The device is QEMU's edu.
 *
 * Build: cc vfio.c $(pkg-config --cflags --libs libframepool) -o vfio
 *
 * The kernel needs an IOMMU that is switched on (intel_iommu=on), as it is by default in Debian.
 * First give the device, 0000:00:02.0 here, to the driver vfio-pci, which passes it to programs:
 *
 *   modprobe vfio-pci
 *   echo vfio-pci > /sys/bus/pci/devices/0000:00:02.0/driver_override
 *   echo 0000:00:02.0 > /sys/bus/pci/drivers_probe
 *   ./vfio 0000:00:02.0
 *
 * Another user than root needs access to /dev/vfio/GROUP and to the pool, and a memory lock limit
 * (ulimit -l) of at least what is mapped.
 */
#include <errno.h>
#include <fcntl.h>
#include <libframepool.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "edu.h"

#define LENGTH	(64UL << 20)

/* Ends the program. The kernel then takes back all that it had, in the right order. */
static void quit(const char *sentence)
{
	fprintf(stderr, "%s\n", sentence);
	exit(1);
}

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

/* Devices that an IOMMU cannot tell apart are in one group, and are passed on together. */
static int open_group(const char *device)
{
	struct vfio_group_status status = { .argsz = sizeof(status) };
	char path[256], link[256];
	ssize_t length;
	int group;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/iommu_group", device);
	length = readlink(path, link, sizeof(link) - 1);
	if (length < 0)
		quit("there is no such device, or it is behind no IOMMU");
	link[length] = '\0';
	snprintf(path, sizeof(path), "/dev/vfio%s", strrchr(link, '/'));
	group = open(path, O_RDWR | O_CLOEXEC);
	if (group < 0)
		fail(path);
	if (ioctl(group, VFIO_GROUP_GET_STATUS, &status))
		fail("VFIO_GROUP_GET_STATUS");
	if (!(status.flags & VFIO_GROUP_FLAGS_VIABLE))
		quit("other devices of its group have drivers that are not for programs");
	return group;
}

/* A container is what the IOMMU shows to the devices in it: an address space of their own. */
static int open_container(int group)
{
	int container = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);

	if (container < 0)
		fail("/dev/vfio/vfio");
	if (ioctl(group, VFIO_GROUP_SET_CONTAINER, &container))
		fail("VFIO_GROUP_SET_CONTAINER");
	if (ioctl(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU))
		fail("VFIO_SET_IOMMU");
	return container;
}

/* The device may access memory by itself only once its bus master bit is set. */
static void become_master(int device)
{
	struct vfio_region_info config = {
		.argsz = sizeof(config),
		.index = VFIO_PCI_CONFIG_REGION_INDEX,
	};
	uint16_t command;

	if (ioctl(device, VFIO_DEVICE_GET_REGION_INFO, &config) ||
	    pread(device, &command, 2, config.offset + PCI_COMMAND) != 2)
		fail("cannot read the device's config");
	command |= PCI_COMMAND_MASTER;
	if (pwrite(device, &command, 2, config.offset + PCI_COMMAND) != 2)
		fail("cannot write the device's config");
}

static void *map_registers(int device)
{
	struct vfio_region_info bar = {
		.argsz = sizeof(bar),
		.index = VFIO_PCI_BAR0_REGION_INDEX,
	};
	void *registers;

	if (ioctl(device, VFIO_DEVICE_GET_REGION_INFO, &bar))
		fail("VFIO_DEVICE_GET_REGION_INFO");
	registers = mmap(NULL, bar.size, PROT_READ | PROT_WRITE, MAP_SHARED, device, bar.offset);
	if (registers == MAP_FAILED)
		fail("cannot map the registers");
	return registers;
}

/*
 * The IOMMU maps 2 MiB by one entry where the device's address and the physical one agree in their
 * last 21 bits. A buffer is contiguous, and its mapping agrees with the physical addresses in these
 * bits, so there are as few entries as possible if the device's addresses agree with the mapping.
 * The rest is free choice, below the device's reach.
 */
static uint64_t choose_address(const struct framepool *fp, const char *memory)
{
	uint64_t huge = framepool_huge_bytes(fp);

	return 8 * huge + ((uintptr_t)memory & (huge - 1));
}

int main(int argc, char **argv)
{
	int group, container, device;
	struct framepool_buffer *buf;
	struct framepool *fp;
	void *registers;
	char why[512];
	char *memory;
	int i;

	if (argc != 2) {
		fprintf(stderr, "usage: vfio DEVICE, such as vfio 0000:00:02.0\n");
		return 2;
	}
	group = open_group(argv[1]);
	container = open_container(group);
	device = ioctl(group, VFIO_GROUP_GET_DEVICE_FD, argv[1]);
	if (device < 0)
		fail("VFIO_GROUP_GET_DEVICE_FD");
	become_master(device);
	registers = map_registers(device);
	if (edu_identity(registers) != EDU_IDENTITY)
		quit("it is not an edu device");

	fp = framepool_open(NULL);
	if (!fp)
		quit(framepool_explain_open(errno, NULL, why, sizeof(why)));
	buf = framepool_buffer_alloc(fp, LENGTH);
	if (!buf)
		quit(framepool_explain_alloc(errno, fp, LENGTH, 0, 0, why, sizeof(why)));
	memory = framepool_buffer_map(buf);
	if (!memory)
		quit(framepool_explain_map(errno, buf, why, sizeof(why)));

	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map),
		.flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
		.vaddr = (uintptr_t)memory,
		.iova = choose_address(fp, memory),
		.size = LENGTH,
	};
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap),
		.iova = map.iova,
		.size = map.size,
	};

	/* From here on the memory is pinned: it stays, even if this program frees or unmaps it. */
	if (ioctl(container, VFIO_IOMMU_MAP_DMA, &map))
		fail(errno == ENOMEM ? "VFIO_IOMMU_MAP_DMA (see ulimit -l)" : "VFIO_IOMMU_MAP_DMA");
	printf("%lu MiB at %p are at %#llx for the device\n", LENGTH >> 20, (void *)memory,
	       map.iova);

	/* The device reads the first bytes of the memory, and writes them to its end. */
	for (i = 0; i < EDU_MOST; i++)
		memory[i] = i * 7;
	edu_copy(registers, map.iova, EDU_MOST, 0);
	edu_copy(registers, map.iova + LENGTH - EDU_MOST, EDU_MOST, EDU_TO_MEMORY);
	if (memcmp(memory, memory + LENGTH - EDU_MOST, EDU_MOST))
		quit("the device wrote other bytes than it read");
	printf("the device read %d bytes at %#llx and wrote them to %#llx\n", EDU_MOST, map.iova,
	       map.iova + LENGTH - EDU_MOST);

	/* When this returns, the device cannot reach the memory any more, and it can be freed. */
	if (ioctl(container, VFIO_IOMMU_UNMAP_DMA, &unmap))
		fail("VFIO_IOMMU_UNMAP_DMA");
	framepool_buffer_free(buf);
	framepool_close(fp);
	return 0;
}
