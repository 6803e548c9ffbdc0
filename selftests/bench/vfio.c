// SPDX-License-Identifier: GPL-2.0-only
/*
 * The suite "share", for devices of programs: what it costs to map 64 MiB for a device behind an
 * IOMMU, by VFIO, and to unmap it. The memory was touched before. The device is QEMU's edu.
 */
#include <dirent.h>
#include <fcntl.h>
#include <linux/vfio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "guest.h"

#define BYTES		(64 * MIB)
#define REPEATS		4
#define DEVICES		"/sys/bus/pci/devices"
#define EDU		"0x11e8\n"
#define IOVA		(1UL << 30)	/* as each mapping, a multiple of 2 MiB */

static const struct memory_side *const sides[] = { &memory_pool, &memory_hugetlbfs };

#define SIDES	(sizeof(sides) / sizeof(*sides))

/**
 * struct dma - memory that a device is given, again and again
 * @container: of VFIO
 * @memory: the memory, mapped
 */
struct dma {
	int container;
	struct memory memory;
};

static bool has_text(const char *path, const char *wanted)
{
	char text[64];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t length = read(fd, text, sizeof(text) - 1);

	close(fd);
	text[max(length, 0)] = 0;
	return !strcmp(text, wanted);
}

static void write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		err(1, "%s", path);
	close(fd);
}

/* Finds the device, and puts its name into @name. */
static void find_device(char *name, size_t size)
{
	DIR *folder = opendir(DEVICES);
	struct dirent *entry;
	char path[300];

	*name = 0;
	while (folder && !*name && (entry = readdir(folder))) {
		snprintf(path, sizeof(path), DEVICES "/%s/device", entry->d_name);
		if (has_text(path, EDU))
			snprintf(name, size, "%.30s", entry->d_name);
	}
	if (!*name)
		errx(1, "there is no device edu");
	closedir(folder);
}

/* Hands the device over to VFIO; returns the number of its group. */
static int bind_device(void)
{
	char name[32], path[300], group[300];
	ssize_t length;

	find_device(name, sizeof(name));
	snprintf(path, sizeof(path), DEVICES "/%s/driver_override", name);
	write_text(path, "vfio-pci");
	write_text("/sys/bus/pci/drivers_probe", name);
	snprintf(path, sizeof(path), DEVICES "/%s/iommu_group", name);
	length = readlink(path, group, sizeof(group) - 1);
	if (length < 0)
		err(1, "%s", path);
	group[length] = 0;
	return atoi(strrchr(group, '/') + 1);
}

static int open_container(void)
{
	int container = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC), group;
	char path[32];

	snprintf(path, sizeof(path), "/dev/vfio/%d", bind_device());
	group = open(path, O_RDWR | O_CLOEXEC);
	if (container < 0 || group < 0 || ioctl(group, VFIO_GROUP_SET_CONTAINER, &container) ||
	    ioctl(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU))
		err(1, "%s", path);
	return container;
}

static void map_and_unmap(void *argument)
{
	const struct dma *dma = argument;
	u32 i;

	for (i = 0; i < REPEATS; i++) {
		struct vfio_iommu_type1_dma_map map = {
			.argsz = sizeof(map),
			.flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
			.vaddr = (uintptr_t)dma->memory.p, .iova = IOVA, .size = BYTES,
		};
		struct vfio_iommu_type1_dma_unmap unmap = {
			.argsz = sizeof(unmap), .iova = IOVA, .size = BYTES,
		};

		if (ioctl(dma->container, VFIO_IOMMU_MAP_DMA, &map) ||
		    ioctl(dma->container, VFIO_IOMMU_UNMAP_DMA, &unmap))
			err(1, "VFIO with %zu bytes", dma->memory.bytes);
	}
}

/**
 * bench_vfio() - measure mappings for a device, and report
 * @rounds: of each side
 */
void bench_vfio(u32 rounds)
{
	struct dma dmas[SIDES];
	struct bench_value values[SIDES] = {};
	struct bench_row row = {
		.suite = "share", .name = "VFIO map, unmap 64 MiB", .threads = 1, .unit = "insns",
		.peer = sides[1]->name,
	};
	u32 round, side;

	for (side = 0; side < SIDES; side++) {
		dmas[side] = (struct dma){
			.container = side ? dmas[0].container : open_container(),
			.memory = { .bytes = BYTES },
		};
		sides[side]->alloc(&dmas[side].memory);
		memory_map(&dmas[side].memory);
		memory_touch(&dmas[side].memory);
	}
	for (round = 0; round < rounds; round++)
		for (side = 0; side < SIDES; side++)
			bench_note(&values[side],
				   busy_of(map_and_unmap, &dmas[side]) * 1000 / REPEATS);
	row.ours = values[0];
	row.theirs = values[1];
	bench_emit(&row);
	for (side = 0; side < SIDES; side++) {
		memory_unmap(&dmas[side].memory);
		sides[side]->free(&dmas[side].memory);
	}
}
