/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The benchmarks: pages.c and frag.c say what is measured, struct bench_side says of which
 * allocator. The same measured loops are compiled into a program on the host and into a kernel
 * module.
 */
#ifndef FP_BENCH_H
#define FP_BENCH_H

#include "core/platform.h"

#ifdef __KERNEL__
#include <linux/ktime.h>
#include <linux/sched.h>
#else
#include <stdio.h>
#include <time.h>
#define swap(a, b)			do { __typeof__(a) c = a; a = b; b = c; } while (0)
#endif

#define BENCH_NONE		U64_MAX		/* no block, no frame */
#define BENCH_FRAME_BYTES	4096ULL
#define BENCH_HUGE_FRAMES	FP_HUGE_FRAMES	/* in a huge frame of all pools */
#define BENCH_OWNERS		16

struct fp_buddy;

/**
 * struct bench_ops - an allocator of naturally aligned blocks of 2^order frames
 * @alloc: returns a block, or BENCH_NONE
 * @free: frees a block
 * @frame: index of the block's first frame among the frames of its pool, in which huge frames are
 *	   naturally aligned, or BENCH_NONE if it lies outside
 *
 * Every call goes through these pointers, on both sides of a comparison.
 */
struct bench_ops {
	u64 (*alloc)(void *context, u32 order);
	void (*free)(void *context, u64 block, u32 order);
	u64 (*frame)(void *context, u64 block);
};

/**
 * struct bench_side - one side of a comparison
 * @name: as the results name it
 * @ops: its calls
 * @contexts: one for each thread or owner
 */
struct bench_side {
	const char *name;
	const struct bench_ops *ops;
	void *contexts[BENCH_OWNERS];
};

/**
 * struct bench_config - how long to measure
 * @rounds: of each side, in turns; at most 5 in the suite "frag"
 * @repeats: of the case "repeat" in a round
 * @bulk: blocks to allocate and free in a round, at most half of the pool
 * @frames: size of both sides' pools
 * @unit: of the clock
 * @objects: name of the suite that bench_slab() reports; NULL: "slab"
 */
struct bench_config {
	u32 rounds;
	u32 repeats;
	u32 bulk;
	u64 frames;
	const char *unit;
	const char *objects;
};

/**
 * struct bench_work - what the suites "pages", "slab" and "objects" allocate and free
 * @suite: its name
 * @what: how the results name it
 * @order: of the blocks; 0 for objects
 * @most: how many may be allocated at once
 */
struct bench_work {
	const char *suite;
	const char *what;
	u32 order;
	u64 most;
};

/**
 * struct bench_value - result of the rounds of one side, in thousandths
 * @best: the figure that counts
 * @low: least
 * @high: greatest
 */
struct bench_value {
	u64 best;
	u64 low;
	u64 high;
};

/**
 * struct bench_row - a result
 * @suite: "pages", "slab", "frag", "scale", "packing", "ioctl", "fault", "share", "objects",
 *	   "layers", "reader" or "move"
 * @name: the case
 * @threads: how many ran it at the same time
 * @unit: of both values
 * @ours: value of framepool
 * @peer: name of the other side
 * @theirs: value of the other side
 */
struct bench_row {
	const char *suite;
	const char *name;
	u32 threads;
	const char *unit;
	struct bench_value ours;
	const char *peer;
	struct bench_value theirs;
};

int bench_pages(const struct bench_config *config, const struct bench_side *ours,
		const struct bench_side *theirs, u32 order, u32 threads);
int bench_slab(const struct bench_config *config, const struct bench_side *ours,
	       const struct bench_side *theirs, u32 size, u32 threads);
int bench_frag(const struct bench_config *config, const struct bench_side *ours,
	       const struct bench_side *theirs);

int bench_buddy_init(struct fp_buddy *buddy, u32 nr);
int bench_kernel_create(struct bench_side *side, u64 frames);
int bench_clients_create(struct bench_side *side, u64 frames);
void bench_pool_destroy(struct bench_side *side);
int bench_cache_create(struct bench_side *side, u64 frames, u32 size);
void bench_cache_destroy(struct bench_side *side);
u64 bench_cache_bytes(const struct bench_side *side);

/* Provided by host.c, kernel.c or objects.c; in programs, emit.c provides bench_emit(). */
void bench_emit(const struct bench_row *row);
void bench_parallel(u32 threads, void (*run)(void *argument, u32 thread), void *argument);
void bench_barrier(void);

/**
 * bench_random() - the next pseudo-random number (xorshift)
 * @seed: state; not 0
 * @below: exclusive upper bound
 *
 * Return: a number below @below.
 */
static inline u32 bench_random(u64 *seed, u32 below)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return (*seed >> 32) * below >> 32;
}

/**
 * bench_note() - add the result of a round; the least result counts
 * @value: of all rounds up to now; all zero before the first
 * @figure: result of this round
 */
static inline void bench_note(struct bench_value *value, u64 figure)
{
	value->low = value->high ? min(value->low, figure) : figure;
	value->high = max(value->high, figure);
	value->best = value->low;
}

static inline u64 bench_now(void)
{
#ifdef __KERNEL__
	return ktime_get_ns();
#else
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ULL + now.tv_nsec;
#endif
}

/* To be called between measurements, never within one. */
static inline void bench_pause(void)
{
#ifdef __KERNEL__
	cond_resched();
#endif
}

#endif
