// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mappings. Each slot has a window of the arena, where a mapping lies so that it can be mapped
 * huge, or so that it cannot. Otherwise the kernel chooses its place. Ranges may begin before a
 * mapping and end behind it, as long as they stay in the windows.
 */
#define _GNU_SOURCE
#include "hand.h"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NOWHERE		(MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE)

static char *window(struct hand *hand, int slot)
{
	return hand->worker->arena + slot * WINDOW;
}

/**
 * map_of() - the mapping that an argument names
 * @hand: the thread
 * @arg: the argument
 *
 * Return: the mapping; its p may be NULL, and other threads may have unmapped it.
 */
struct map map_of(struct hand *hand, __u64 arg)
{
	struct worker *worker = hand->worker;
	struct map map;

	pthread_mutex_lock(&worker->lock);
	map = worker->maps[arg % (2 * SLOTS)];
	pthread_mutex_unlock(&worker->lock);
	return map;
}

static void put_map(struct hand *hand, __u64 slot, struct map map)
{
	struct worker *worker = hand->worker;

	pthread_mutex_lock(&worker->lock);
	worker->maps[slot % (2 * SLOTS)] = map;
	pthread_mutex_unlock(&worker->lock);
}

/**
 * map_part() - the part of a mapping that arguments name
 * @hand: the thread
 * @op: mapping, first page, pages
 *
 * Return: the part, all of it inside the mapping; its p may be NULL.
 */
struct map map_part(struct hand *hand, const struct op *op)
{
	struct map map = map_of(hand, op->args[0]);
	size_t pages = map.length / FRAME_BYTES, first;

	if (!map.p || !pages)
		return (struct map){ NULL };
	first = op->args[1] % pages;
	map.p += first * FRAME_BYTES;
	pages -= first;
	if (op->args[2] && op->args[2] < pages)
		pages = op->args[2];
	map.length = pages * FRAME_BYTES;
	return map;
}

/*
 * A range that may begin before a mapping and end behind it, inside the windows for mappings of its
 * kind. Where the kernel chose the place, it may not.
 */
static struct map map_range(struct hand *hand, const struct op *op)
{
	struct map map = map_of(hand, op->args[0]);
	long first = (long)op->args[1] % 1024, pages = op->args[2] % 2048;
	char *low = window(hand, map.readonly ? SLOTS : 0);
	char *high = low + SLOTS * WINDOW, *end;

	if (!map.p || map.p < low || map.p >= high)
		return map_part(hand, op);
	end = pages ? map.p + (first + pages) * FRAME_BYTES : map.p + map.length;
	map.p += first * FRAME_BYTES;
	if (map.p < low)
		map.p = low;
	if (end > high)
		end = high;
	if (end <= map.p)
		return (struct map){ NULL };
	map.length = end - map.p;
	return map;
}

/* Maps something read-only, since it is not known which buffer it belongs to. */
static void map_unknown(struct hand *hand, const struct op *op, struct client client, __u64 offset,
			size_t length)
{
	int slot = SLOTS + op->args[2] % SLOTS;
	struct map map = {
		.length = length,
		.shared = client.shared,
		.readonly = true,
		.has_holes = offset >= CACHE_WINDOWS,
	};

	map.p = (char *)syscall(SYS_mmap, window(hand, slot), length, PROT_READ,
				MAP_SHARED | MAP_FIXED, client.fd, offset);
	if (map.p == MAP_FAILED)
		map.p = NULL;
	put_map(hand, slot, map);
}

/*
 * Maps a part of a live buffer. Places 0 to 3 allow a huge mapping if the part is long enough, 4
 * and 5 do not. For others the kernel chooses.
 */
static void map_known(struct hand *hand, const struct op *op, struct client client, __u64 offset,
		      size_t length)
{
	int slot = op->args[2] % SLOTS, place = op->args[6] % 8;
	int prot = op->args[5] % 4, flags = place < 6 ? MAP_FIXED : 0;
	struct map map = { .length = length, .shared = client.shared };
	char *at = window(hand, slot) + offset % HUGE_BYTES + (place < 4 ? 0 : FRAME_BYTES);

	map.p = (char *)syscall(SYS_mmap, flags ? at : NULL, length, prot, MAP_SHARED | flags,
				client.fd, offset);
	if (map.p != MAP_FAILED)
		put_map(hand, slot, map);
}

/* Maps with arguments that no mapping can have. If that succeeds, nothing accesses the mapping. */
static void map_oddly(struct hand *hand, const struct op *op, struct client client, __u64 offset,
		      size_t length)
{
	char *at = window(hand, 2 * SLOTS + hand->thread);
	int prot = op->args[5] & ~(__u64)PROT_WRITE;

	syscall(SYS_mmap, at, length % WINDOW, prot & 0x0f,
		MAP_FIXED | (op->args[6] & 1 ? MAP_PRIVATE : MAP_SHARED), client.fd, offset);
}

/**
 * run_map() - map: maps a part of a buffer, or of the file beside it
 * @hand: the thread
 * @op: client, buffer, slot, first page, pages, protection, place
 *
 * First this maps it at a place of the thread's own. If the handle is live after that, the offset
 * is the buffer's, and stays so as long as it is mapped.
 */
void run_map(struct hand *hand, const struct op *op)
{
	struct client client = client_hold(hand, op->args[0]);
	struct worker *worker = hand->worker;
	struct held buffer;
	char *const staging = window(hand, 2 * SLOTS + hand->thread);
	__u64 first = op->args[3], pages = op->args[4], left;
	size_t length;

	pthread_mutex_lock(&worker->lock);
	buffer = worker->buffers[op->args[1] % SLOTS];
	pthread_mutex_unlock(&worker->lock);
	if (client.fd < 0)
		return;
	left = first < buffer.length / FRAME_BYTES ? buffer.length / FRAME_BYTES - first : 0;
	if (!pages)
		pages = left ?: MAP_BYTES / FRAME_BYTES;
	length = pages < MAP_BYTES / FRAME_BYTES ? pages * FRAME_BYTES : MAP_BYTES;
	if (op->args[5] > 3 || op->args[6] > 7)
		map_oddly(hand, op, client, buffer.offset + first * FRAME_BYTES, length);
	else if (syscall(SYS_mmap, staging, length, PROT_READ, MAP_SHARED | MAP_FIXED, client.fd,
			 buffer.offset + first * FRAME_BYTES) != (long)staging)
		;
	else if (mremap(staging, length, length + FRAME_BYTES, MREMAP_MAYMOVE) != MAP_FAILED)
		hand_fail(hand, "a mapping grows", buffer.offset);
	else if (!left || buffer.client != client.id || !handle_is_live(client.fd, buffer.handle))
		map_unknown(hand, op, client, buffer.offset + first * FRAME_BYTES, length);
	else if (length > left * FRAME_BYTES)
		hand_fail(hand, "a mapping shows more than its buffer", buffer.offset);
	else
		map_known(hand, op, client, buffer.offset + first * FRAME_BYTES, length);
	mmap(staging, WINDOW, PROT_NONE, NOWHERE | MAP_FIXED, -1, 0);
	close(client.fd);
}

/**
 * run_unmap() - unmap: unmaps a range
 * @hand: the thread
 * @op: mapping, first page, pages
 *
 * In windows for read-only mappings the address space stays reserved, so that the kernel cannot map
 * anything else there.
 */
void run_unmap(struct hand *hand, const struct op *op)
{
	struct map map = map_range(hand, op);

	if (!map.p)
		return;
	if (map.readonly)
		mmap(map.p, map.length, PROT_NONE, NOWHERE | MAP_FIXED, -1, 0);
	else
		munmap(map.p, map.length);
}

/**
 * run_remap() - remap: moves a range to another slot, and makes it longer or shorter
 * @hand: the thread
 * @op: mapping, first page, pages, new pages, slot, how: 0 in place, 1 with MREMAP_DONTUNMAP
 */
void run_remap(struct hand *hand, const struct op *op)
{
	struct map map = map_part(hand, op);
	size_t length = op->args[3] % (MAP_BYTES / FRAME_BYTES) * FRAME_BYTES;
	int slot = op->args[4] % SLOTS, flags = MREMAP_MAYMOVE | MREMAP_FIXED;
	char *p;

	if (!map.p || map.readonly)
		return;
	if (!op->args[3])
		length = map.length;
	if (op->args[5] == 0)
		flags = 0;
	if (op->args[5] == 1)
		flags |= MREMAP_DONTUNMAP;
	p = mremap(map.p, map.length, length, flags,
		   window(hand, slot) + (unsigned long)map.p % HUGE_BYTES);
	if (p == MAP_FAILED)
		return;
	map.p = p;
	map.length = length;
	put_map(hand, flags ? slot : op->args[0], map);
}

/**
 * run_protect() - protect: changes the protection of a range
 * @hand: the thread
 * @op: mapping, first page, pages, protection
 */
void run_protect(struct hand *hand, const struct op *op)
{
	struct map map = map_range(hand, op);
	int prot = op->args[3] & 7;

	if (map.p)
		mprotect(map.p, map.length, map.readonly ? prot & ~PROT_WRITE : prot);
}

/**
 * run_advise() - advise: madvise() on a range
 * @hand: the thread
 * @op: mapping, first page, pages, advice
 */
void run_advise(struct hand *hand, const struct op *op)
{
	struct map map = map_range(hand, op);

	if (map.p)
		madvise(map.p, map.length, op->args[3]);
}

/**
 * run_lock() - lock: mlock() or munlock() of a range
 * @hand: the thread
 * @op: mapping, first page, pages, how: even numbers unlock, 1 locks on fault, others lock
 */
void run_lock(struct hand *hand, const struct op *op)
{
	struct map map = map_range(hand, op);

	if (!map.p)
		return;
	if (op->args[3] & 1)
		mlock2(map.p, map.length, op->args[3] == 1 ? MLOCK_ONFAULT : 0);
	else
		munlock(map.p, map.length);
}

/**
 * run_sync() - sync: msync() and mincore() of a range
 * @hand: the thread
 * @op: mapping, first page, pages, flags of msync()
 */
void run_sync(struct hand *hand, const struct op *op)
{
	static unsigned char resident[SLOTS * WINDOW / FRAME_BYTES];
	struct map map = map_range(hand, op);

	if (!map.p)
		return;
	msync(map.p, map.length, op->args[3]);
	mincore(map.p, map.length, resident);
}
