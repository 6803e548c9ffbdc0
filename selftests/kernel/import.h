/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Calls of /dev/framepool_import, for selftests/import_test.c. Each open file imports one dma-buf
 * at a time: read(2), write(2) and mmap(2) reach it as a driver does by the processor.
 */
#ifndef FRAMEPOOL_IMPORT_H
#define FRAMEPOOL_IMPORT_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define IMPORT_DEVICE		"/dev/framepool_import"

/* One transfer by an edu device moves at most so many bytes. */
#define IMPORT_DMA_MAX		2048U

/* Instead of the number of an edu device */
#define IMPORT_PROCESSOR	0xfffffffeU	/* attach no device */
#define IMPORT_NO_DMA		0xffffffffU	/* attach a device that cannot access memory */

/**
 * struct import_attach - IMPORT_ATTACH
 * @fd: the dma-buf
 * @device: number of an edu device, or one of the above
 * @bits: how many address lines it has; 0: as before
 * @dynamic: attach as an importer that would follow if the memory moved
 */
struct import_attach {
	__s32 fd;
	__u32 device;
	__u32 bits;
	__u32 dynamic;
};

/**
 * struct import_dma - IMPORT_DMA: copy to, or from, the buffer that an edu device has
 * @offset: in the dma-buf
 * @length: at most IMPORT_DMA_MAX
 * @write: the device writes to memory
 */
struct import_dma {
	__u64 offset;
	__u32 length;
	__u32 write;
};

#define IMPORT_ATTACH		_IOW('i', 0, struct import_attach)
#define IMPORT_DETACH		_IO('i', 1)
#define IMPORT_MAP		_IO('i', 2)	/* argument: direction; returns nr of entries */
#define IMPORT_UNMAP		_IO('i', 3)
#define IMPORT_DMA		_IOW('i', 4, struct import_dma)
#define IMPORT_VMAP		_IO('i', 5)
#define IMPORT_VUNMAP		_IO('i', 6)

/* Directions, as the kernel numbers them */
#define IMPORT_BOTH		0
#define IMPORT_READ		1		/* the device reads memory */
#define IMPORT_WRITE		2		/* the device writes memory */

#endif
