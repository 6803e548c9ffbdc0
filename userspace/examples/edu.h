/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * QEMU's edu device: a PCI device that copies between memory and 4 KiB of its own. Real devices
 * have more registers, but they are used in the same way.
 */
#ifndef EDU_H
#define EDU_H

#include <stdint.h>
#include <time.h>

#define EDU_BAR_BYTES	(1 << 20)	/* its registers */
#define EDU_IDENTITY	0x010000ed	/* what the first register reads as */
#define EDU_REACH	(256UL << 20)	/* it drives 28 address lines, and ignores higher bits */

#define EDU_SOURCE	0x80		/* 64 bits each */
#define EDU_TARGET	0x88
#define EDU_COUNT	0x90
#define EDU_COMMAND	0x98

#define EDU_START	1		/* the device clears it when it is done */
#define EDU_TO_MEMORY	2

#define EDU_BUFFER	0x40000		/* its own memory, as source and target call it */
#define EDU_MOST	2048		/* bytes it can copy at once */

/* Registers are not memory: volatile makes the compiler access each one as it is written here. */
static inline void edu_write(void *registers, unsigned long at, uint64_t value)
{
	*(volatile uint64_t *)((char *)registers + at) = value;
}

static inline uint64_t edu_read(void *registers, unsigned long at)
{
	return *(volatile uint64_t *)((char *)registers + at);
}

/* The first registers have 32 bits. */
static inline uint32_t edu_identity(void *registers)
{
	return *(volatile uint32_t *)registers;
}

/* Copies @bytes between @address, as the device sees memory, and the beginning of its own. */
static inline void edu_copy(void *registers, uint64_t address, uint64_t bytes, uint64_t direction)
{
	struct timespec pause = { .tv_nsec = 1000000 };

	edu_write(registers, EDU_SOURCE, direction == EDU_TO_MEMORY ? EDU_BUFFER : address);
	edu_write(registers, EDU_TARGET, direction == EDU_TO_MEMORY ? address : EDU_BUFFER);
	edu_write(registers, EDU_COUNT, bytes);
	/*
	 * What was written to memory before must be there when the device reads it, and the program
	 * must not read what the device writes before the device is done. x86 keeps that order by
	 * itself. Elsewhere these barriers matter.
	 */
	__sync_synchronize();
	edu_write(registers, EDU_COMMAND, EDU_START | direction);
	while (edu_read(registers, EDU_COMMAND) & EDU_START)
		nanosleep(&pause, NULL);
	__sync_synchronize();
}

#endif
