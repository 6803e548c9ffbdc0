// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A driver as a program, by physical addresses: for a device that no IOMMU stands in front of. The
 * device is QEMU's edu.
 *
 * Build: cc physical.c $(pkg-config --cflags --libs libframepool) -o physical
 *
 * Nothing protects the machine here: the device writes wherever the program says, and goes on when
 * the program is killed and its memory is somebody else's. Use VFIO where there is an IOMMU
 * (vfio.c). This cannot work
 *  - behind an IOMMU that translates, where a physical address means nothing to the device, or
 *    other memory. Many kernels translate without being asked, Debian's among them; iommu=pt makes
 *    them pass addresses on. The program looks, and refuses;
 *  - if a driver of the kernel has the device. Unbind it first;
 *  - if the kernel is locked down, as with Secure Boot: it then shows no device's registers;
 *  - unless root runs it: others learn no physical addresses, and write no device's config;
 *  - if the pool has no memory within the device's reach. Load the module with below=256M.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libframepool.h>
#include <linux/pci_regs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "edu.h"

#define LENGTH	(2UL << 20)

static const char *device;	/* such as 0000:00:02.0 */

static void quit(const char *sentence)
{
	fprintf(stderr, "%s: %s\n", device, sentence);
	exit(1);
}

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

/* The path of a file of the device in sysfs; valid until the next call. */
static const char *path_of(const char *name)
{
	static char path[256];

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/%s", device, name);
	return path;
}

/*
 * Whether the device's addresses are physical ones. A device without a group is behind no IOMMU
 * that the kernel uses. A group's domain of the type "identity" passes addresses on; all others
 * translate them, or let nothing through.
 */
static void refuse_translation(void)
{
	char type[32] = "";
	FILE *file;

	if (access(path_of("iommu_group"), F_OK)) {
		printf("%s is behind no IOMMU\n", device);
		return;
	}
	file = fopen(path_of("iommu_group/type"), "re");
	if (file && fgets(type, sizeof(type), file) && !strcmp(type, "identity\n")) {
		printf("%s is behind an IOMMU that passes addresses on\n", device);
		fclose(file);
		return;
	}
	quit("it is behind an IOMMU that translates addresses: a physical address would be other"
	     " memory to it, or none. Use VFIO, or boot with iommu=pt.");
}

/* Sets both bits of its command register: whether it answers, and whether it may access memory. */
static void set_command(uint16_t bits)
{
	int config = open(path_of("config"), O_RDWR | O_CLOEXEC);
	uint16_t command;

	if (config < 0 || pread(config, &command, 2, PCI_COMMAND) != 2)
		fail(path_of("config"));
	command = (command & ~(PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER)) | bits;
	if (pwrite(config, &command, 2, PCI_COMMAND) != 2)
		fail(path_of("config"));
	close(config);
}

static void *map_registers(void)
{
	int file = open(path_of("resource0"), O_RDWR | O_CLOEXEC);
	void *registers = MAP_FAILED;

	if (file >= 0)
		registers = mmap(NULL, EDU_BAR_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	if (registers == MAP_FAILED)
		fail(path_of("resource0"));
	close(file);
	return registers;
}

int main(int argc, char **argv)
{
	struct framepool_buffer *buf;
	struct framepool *fp;
	uint64_t address = 0;
	void *registers;
	char why[512];
	char *memory;
	int i;

	if (argc != 2) {
		fprintf(stderr, "usage: physical DEVICE, such as physical 0000:00:02.0\n");
		return 2;
	}
	device = argv[1];
	if (access(path_of(""), F_OK))
		fail(path_of(""));
	if (!access(path_of("driver"), F_OK))
		quit("it has a driver. Unbind that first.");
	refuse_translation();

	/* The device drives 28 address lines, so the memory must lie below 256 MiB. */
	fp = framepool_open(NULL);
	if (!fp)
		quit(framepool_explain_open(errno, NULL, why, sizeof(why)));
	buf = framepool_buffer_alloc_constrained(fp, LENGTH, 0, EDU_REACH);
	if (!buf)
		quit(framepool_explain_alloc(errno, fp, LENGTH, 0, EDU_REACH, why, sizeof(why)));
	memory = framepool_buffer_map(buf);
	if (!memory)
		quit(framepool_explain_map(errno, buf, why, sizeof(why)));
	if (framepool_buffer_address(buf, &address))
		fail("QUERY");
	if (!address)
		quit("only root learns physical addresses");
	printf("%lu MiB at %p are at %#" PRIx64 " in memory\n", LENGTH >> 20, (void *)memory,
	       address);

	registers = map_registers();
	set_command(PCI_COMMAND_MEMORY);
	if (edu_identity(registers) != EDU_IDENTITY)
		quit("it is not an edu device");
	set_command(PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	for (i = 0; i < EDU_MOST; i++)
		memory[i] = i * 7;
	edu_copy(registers, address, EDU_MOST, 0);
	edu_copy(registers, address + LENGTH - EDU_MOST, EDU_MOST, EDU_TO_MEMORY);
	/* The device must not touch memory any more before that is given back. */
	set_command(PCI_COMMAND_MEMORY);
	if (memcmp(memory, memory + LENGTH - EDU_MOST, EDU_MOST))
		quit("the device wrote other bytes than it read");
	printf("the device read %d bytes at %#" PRIx64 " and wrote them to %#" PRIx64 "\n",
	       EDU_MOST, address, address + LENGTH - EDU_MOST);
	framepool_buffer_free(buf);
	framepool_close(fp);
	return 0;
}
