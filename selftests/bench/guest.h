/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The benchmarks as a program in the lab's guest: what it costs a program to allocate, touch and
 * free memory (calls.c, touch.c), and to give it to others (share.c, vfio.c), of several kinds
 * (memory.c), counted over the whole machine (busy.c); what a reader of the pool's figures costs a
 * client (reader.c); and what becomes of memory that moves (compaction.c, pause.c).
 *
 * Any failure ends the program with a message, so that no result is incomplete.
 */
#ifndef FP_BENCH_GUEST_H
#define FP_BENCH_GUEST_H

#include <err.h>

#include "bench.h"

#define KIB	1024UL
#define MIB	(1024UL * KIB)

/**
 * struct memory - a piece of memory
 * @bytes: its length
 * @p: where it is mapped, or NULL
 * @fd: what to map, if alloc() does not map
 * @offset: in @fd
 * @handle: framepool's name for it
 */
struct memory {
	size_t bytes;
	char *p;
	int fd;
	u64 offset;
	u64 handle;
};

/**
 * struct memory_side - a kind of memory
 * @name: as the results name it
 * @lazy: alloc() gets addresses only; there is no memory before it is touched
 * @alloc: allocates; the memory's @bytes are set
 * @free: frees; the memory has been unmapped
 */
struct memory_side {
	const char *name;
	bool lazy;
	void (*alloc)(struct memory *memory);
	void (*free)(struct memory *memory);
};

extern const struct memory_side memory_pool, memory_export, memory_dma_heap, memory_mmap;
extern const struct memory_side memory_thp, memory_hugetlbfs, memory_memfd, memory_udmabuf;

void memory_init(void);
void memory_pool_open(void);
void memory_map(struct memory *memory);
void memory_unmap(struct memory *memory);
void memory_touch(const struct memory *memory);
void memory_settle(void);
void memory_pool_alloc_batch(struct memory *memories, u32 nr);
void memory_pool_free_batch(const struct memory *memories, u32 nr);

u64 busy_of(void (*run)(void *argument), void *argument);
u64 busy_self(void);

void bench_calls(u32 rounds);
void bench_touch(u32 rounds);
void bench_share(u32 rounds);
void bench_vfio(u32 rounds);
void bench_reader(u32 rounds);
void bench_compaction(u32 rounds);
u64 linux_compaction(u64 seed);
void bench_writer(u32 rounds);

#endif
