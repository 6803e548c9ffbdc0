// SPDX-License-Identifier: GPL-2.0-only
/*
 * The contents of frames: stamps, which are checked through mappings, pipes, direct I/O and from
 * other processes.
 *
 * Memory may be unmapped while it is accessed. That gives a SIGSEGV, and the rest is left out. Only
 * windows of caches may give a SIGBUS, since the pool is not shut down, no memory is bad, and no
 * other mapping extends beyond a buffer.
 */
#define _GNU_SOURCE
#include "hand.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

/* The words of a frame that are checked when it is new. The first and last hold stamps. */
#define FIRST_WORD	0
#define SOME_WORD	(72 / 8)
#define LAST_WORD	(FRAME_BYTES / 8 - 1)

#define DISK_PAGES	8

/* Reserves address space. */
#define NOWHERE		(MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE)

static __thread sigjmp_buf fault_point;
static __thread volatile sig_atomic_t is_guarded;

static void jump_back(int signal)
{
	if (!is_guarded)
		_exit(128 + signal);
	siglongjmp(fault_point, signal);
}

/**
 * catch_faults() - survive accesses to memory that is not mapped
 */
void catch_faults(void)
{
	struct sigaction action = { .sa_handler = jump_back, .sa_flags = SA_NODEFER };

	sigaction(SIGSEGV, &action, NULL);
	sigaction(SIGBUS, &action, NULL);
}

/* Calls @work, which ends when it accesses memory that is not mapped. */
static void guarded(struct hand *hand, const struct map *map,
		    void (*work)(struct hand *, const struct map *))
{
	int signal = sigsetjmp(fault_point, 0);

	if (!signal) {
		is_guarded = 1;
		work(hand, map);
	}
	is_guarded = 0;
	if (signal == SIGBUS && !map->has_holes)
		hand_fail(hand, "SIGBUS", (unsigned long)map->p);
}

/* Allowed are zero and this process's stamp; in the shared client, any stamp of this program. */
static void check_word(struct hand *hand, bool shared, __u64 word)
{
	__u64 stamp = hand->worker->stamp;

	if (!word || word == stamp || (shared && word >> 8 == stamp >> 8))
		return;
	is_guarded = 0;
	hand_fail(hand, "a frame has what another client wrote", word);
}

static void check_frames(struct hand *hand, const struct map *map)
{
	size_t at;

	for (at = 0; at < map->length; at += FRAME_BYTES)
		check_word(hand, map->shared, *(volatile __u64 *)(map->p + at));
}

static void stamp_frames(struct hand *hand, const struct map *map)
{
	volatile __u64 *words;
	size_t at;

	for (at = 0; at < map->length; at += FRAME_BYTES) {
		words = (void *)(map->p + at);
		words[FIRST_WORD] = hand->worker->stamp;
		words[LAST_WORD] = hand->worker->stamp;
	}
}

static void check_zeros(struct hand *hand, const struct map *map)
{
	volatile __u64 *words;
	__u64 word;
	size_t at;

	for (at = 0; at < map->length; at += FRAME_BYTES) {
		words = (void *)(map->p + at);
		word = words[FIRST_WORD] | words[SOME_WORD] | words[LAST_WORD];
		if (word) {
			is_guarded = 0;
			hand_fail(hand, "a new frame is not cleared", word);
		}
	}
}

/**
 * frames_check() - check the stamps of a mapping
 * @hand: the thread
 * @map: the mapping
 */
void frames_check(struct hand *hand, const struct map *map)
{
	guarded(hand, map, check_frames);
}

/**
 * frames_stamp() - write stamps into a mapping
 * @hand: the thread
 * @map: the mapping
 */
void frames_stamp(struct hand *hand, const struct map *map)
{
	if (!map->readonly)
		guarded(hand, map, stamp_frames);
}

/**
 * buffer_check_new() - check a buffer that no other thread knows yet, and write stamps into it
 * @hand: the thread
 * @client: its client
 * @buffer: the buffer
 * @cleared: whether it must read as zeros
 */
void buffer_check_new(struct hand *hand, struct client client, const struct held *buffer,
		      bool cleared)
{
	char *staging = hand->worker->arena + (2 * SLOTS + hand->thread) * WINDOW;
	struct map map = { .p = staging + buffer->offset % HUGE_BYTES, .shared = client.shared };

	map.length = buffer->length < MAP_BYTES ? buffer->length : MAP_BYTES;
	if ((char *)syscall(SYS_mmap, map.p, map.length, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_FIXED, client.fd, buffer->offset) != map.p)
		return;
	guarded(hand, &map, cleared ? check_zeros : check_frames);
	guarded(hand, &map, stamp_frames);
	mmap(staging, WINDOW, PROT_NONE, NOWHERE | MAP_FIXED, -1, 0);
}

static void stamp_object(struct hand *hand, const struct map *map)
{
	*(volatile __u64 *)map->p = hand->worker->stamp;
}

/**
 * object_stamp() - write into a new object, which another thread may already have freed
 * @hand: the thread
 * @client: its client
 * @offset: its place in the client's file
 */
void object_stamp(struct hand *hand, struct client client, __u64 offset)
{
	char *staging = hand->worker->arena + (2 * SLOTS + hand->thread) * WINDOW;
	struct map map = {
		.p = staging + offset % FRAME_BYTES,
		.shared = client.shared,
		.has_holes = true,
	};

	if ((char *)syscall(SYS_mmap, staging, FRAME_BYTES, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_FIXED, client.fd,
			    offset - offset % FRAME_BYTES) == staging)
		guarded(hand, &map, stamp_object);
	mmap(staging, WINDOW, PROT_NONE, NOWHERE | MAP_FIXED, -1, 0);
}

/**
 * run_touch() - touch: writes stamps
 * @hand: the thread
 * @op: mapping, first page, pages
 */
void run_touch(struct hand *hand, const struct op *op)
{
	struct map map = map_part(hand, op);

	if (map.p)
		frames_stamp(hand, &map);
}

/**
 * run_check() - check: checks stamps
 * @hand: the thread
 * @op: mapping, first page, pages
 */
void run_check(struct hand *hand, const struct op *op)
{
	struct map map = map_part(hand, op);

	if (map.p)
		frames_check(hand, &map);
}

/**
 * run_splice() - splice: puts frames into the thread's pipe, which holds them after they are freed
 * @hand: the thread
 * @op: mapping, first page, pages
 */
void run_splice(struct hand *hand, const struct op *op)
{
	struct map map = map_part(hand, op);
	struct iovec frames = { map.p, map.length };

	if (!map.p || map.shared)
		return;
	vmsplice(hand->pipe[1], &frames, 1, SPLICE_F_NONBLOCK);
}

/**
 * run_drain_pipe() - drain_pipe: reads the thread's pipe
 * @hand: the thread
 * @op: pages
 */
void run_drain_pipe(struct hand *hand, const struct op *op)
{
	__u64 i, page[FRAME_BYTES / 8];

	for (i = 0; i <= op->args[0] % 64; i++) {
		if (read(hand->pipe[0], page, FRAME_BYTES) != FRAME_BYTES)
			break;
		check_word(hand, false, page[FIRST_WORD]);
	}
}

/**
 * run_direct() - direct: writes frames to the disk and reads them back, without the page cache
 * @hand: the thread
 * @op: mapping, first page, pages
 */
void run_direct(struct hand *hand, const struct op *op)
{
	struct map map = map_part(hand, op);
	off_t at = (hand->worker->process * THREADS + hand->thread) * DISK_PAGES * FRAME_BYTES;

	if (!map.p || map.shared || map.readonly)
		return;
	if (map.length > DISK_PAGES * FRAME_BYTES)
		map.length = DISK_PAGES * FRAME_BYTES;
	if (pwrite(hand->worker->disk, map.p, map.length, at) == (ssize_t)map.length)
		(void)!pread(hand->worker->disk, map.p, map.length, at);
}

/**
 * run_peek() - peek: reads a process's memory at the address of a mapping of this process
 * @hand: the thread
 * @op: mapping, first page, pages, process
 */
void run_peek(struct hand *hand, const struct op *op)
{
	struct map map = map_part(hand, op);
	int process = op->args[3] % PROCESSES;
	__u64 page[FRAME_BYTES / 8];
	struct iovec here = { page, FRAME_BYTES }, there = { map.p, FRAME_BYTES };
	size_t at;

	for (at = 0; map.p && at < map.length && at < DISK_PAGES * FRAME_BYTES; at += FRAME_BYTES) {
		there.iov_base = map.p + at;
		if (process_vm_readv(hand->worker->common->pids[process], &here, 1, &there, 1,
				     0) == FRAME_BYTES && process == hand->worker->process)
			check_word(hand, map.shared, page[FIRST_WORD]);
	}
}
