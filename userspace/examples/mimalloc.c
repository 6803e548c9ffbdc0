// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * mimalloc 2 over contiguous memory: its blocks lie in one buffer of framepool.
 * Build: cc mimalloc.c -lmimalloc $(pkg-config --cflags --libs libframepool) -o mimalloc
 *
 * Traps:
 * - It divides memory into segments of 32 MiB, each of one thread: so many threads need so much.
 *   The mapping must begin at a multiple of that.
 * - mi_malloc() goes on with the segments that it had before. A heap in an arena of its own has no
 *   others; mi_heap_malloc() returns NULL when they are full.
 * - It must not decommit: madvise(2) frees no memory of a pool, nor makes it zero. Memory that is
 *   said to be large, which it never decommits, is not used at all.
 */
#include <libframepool.h>
#include <mimalloc.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>

#define SEGMENT	(32UL << 20)
#define BYTES	(3 * SEGMENT)
#define BLOCKS	10000

/* Maps the buffer at a multiple of a segment. */
static char *map(struct framepool *fp, struct framepool_buffer *buf)
{
	char *room = mmap(NULL, BYTES + SEGMENT, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (room == MAP_FAILED)
		return NULL;
	room += -(uintptr_t)room & (SEGMENT - 1);
	room = mmap(room, BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, framepool_fd(fp),
		    (off_t)framepool_buffer_offset(buf));
	return room == MAP_FAILED ? NULL : room;
}

static size_t count_inside(mi_heap_t *heap, const char *memory)
{
	size_t nr = 0;

	for (size_t i = 0; i < BLOCKS; i++) {
		char *block = mi_heap_malloc(heap, 16 + i % 5000);

		if (block)
			block[0] = 1;
		nr += block >= memory && block < memory + BYTES;
		if (i % 3 == 0)
			mi_free(block);
	}
	return nr;
}

int main(void)
{
	struct framepool *fp = framepool_open(NULL);
	struct framepool_buffer *buf = fp ? framepool_buffer_alloc(fp, BYTES) : NULL;
	char *memory = buf ? map(fp, buf) : NULL;
	mi_arena_id_t arena;
	mi_heap_t *heap;

	mi_option_disable(mi_option_allow_decommit);
	if (!memory || !mi_manage_os_memory_ex(memory, BYTES, true, false, true, -1, true, &arena))
		return 1;
	heap = mi_heap_new_in_arena(arena);
	printf("%zu of %d blocks lie in the buffer\n", count_inside(heap, memory), BLOCKS);
	printf("a block of %lu MiB is %s\n", 2 * BYTES >> 20,
	       mi_heap_malloc(heap, 2 * BYTES) ? "somewhere else" : "refused");
	return 0;
}
