// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * fork(). Memory of a pool stays shared, but a child of a program that knows nothing of this must
 * have its own. So before fork() what is in use is copied to private memory, of which the kernel
 * makes the child a copy; the child puts it where the pool's was, and the parent drops it.
 *
 * No thread can allocate or free meanwhile. Handlers of fork() run in the order in which they were
 * added, before fork() in reverse. Those here are around those of ../lib/thread.c, and are added
 * before those of the program, which may allocate:
 *
 *     before fork(): stop_caches, that of thread.c, copy_blocks
 *     in the child:  use_copies, that of thread.c, resume_in_child
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "drain.h"
#include "heap.h"
#include "preload.h"

#define KEEP_BYTES	(16U << 20)	/* of memory that no block is in */

static struct framepool_heap *heap;

static char *slot_at(size_t which)
{
	return heap->base + (which << FP_SLOT_SHIFT);
}

/* The heap maps no buffer by itself, so the field for that has the copy. */
static void copy_slot(size_t which)
{
	struct fp_slot *slot = &heap->slots[which];
	char *copy = mmap(NULL, slot->length, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	slot->buf->memory = copy == MAP_FAILED ? NULL : copy;
	if (copy == MAP_FAILED)
		return;
	if (slot->nr_slots) {
		memcpy(copy, slot_at(which), slot->length);
		return;
	}
	for (size_t page = 0; page < FP_SLOT_PAGES; page++)
		if (!(slot->free[page / 64] >> page % 64 & 1))
			memcpy(copy + page * FP_PAGE_BYTES, slot_at(which) + page * FP_PAGE_BYTES,
			       FP_PAGE_BYTES);
}

static void drop_copy(size_t which)
{
	struct fp_slot *slot = &heap->slots[which];

	if (slot->buf->memory)
		munmap(slot->buf->memory, slot->length);
	slot->buf->memory = NULL;
}

static void use_copy(size_t which)
{
	struct fp_slot *slot = &heap->slots[which];

	if (!slot->buf->memory ||
	    mremap(slot->buf->memory, slot->length, slot->length, MREMAP_MAYMOVE | MREMAP_FIXED,
		   slot_at(which)) == MAP_FAILED) {
		fp_memory_say("fork", "no memory for a copy of what is in use",
			      "; the child ends");
		_exit(127);
	}
	slot->buf->memory = NULL;
	slot->buf->fd = -1;
}

/* Calls a function for each buffer of the pool. */
static void each_shared(void (*call)(size_t which))
{
	for (size_t which = 0; which < heap->end_slot; which++)
		if (heap->slots[which].buf && heap->slots[which].buf->fd >= 0)
			call(which);
}

static void stop_caches(void)
{
	fp_heap_stop_caches(heap);
}

static void resume_caches(void)
{
	fp_heap_resume_caches(heap);
}

static void copy_blocks(void)
{
	int err = errno;

	for (uint32_t i = 0; i < FP_CLASSES; i++)
		pthread_mutex_lock(&heap->classes[i].lock);
	pthread_mutex_lock(&heap->lock);
	each_shared(copy_slot);
	errno = err;
}

static void unlock(void)
{
	pthread_mutex_unlock(&heap->lock);
	for (uint32_t i = FP_CLASSES; i > 0; i--)
		pthread_mutex_unlock(&heap->classes[i - 1].lock);
}

static void drop_copies(void)
{
	each_shared(drop_copy);
	unlock();
}

static void use_copies(void)
{
	each_shared(use_copy);
	fp_memory_begin_child();
	unlock();
}

/* To ../lib/thread.c, the child's heap is the parent's. Here it is the child's own. */
static void resume_in_child(void)
{
	heap->in_child = false;
	heap->can_cache = fp_can_drain();
	fp_heap_resume_caches(heap);
}

/**
 * fp_malloc_create_heap - make the heap, and prepare for fork()
 *
 * Return: the heap, or NULL with errno.
 */
struct framepool_heap *fp_malloc_create_heap(void)
{
	static const struct framepool_heap_options options = { .keep_bytes = KEEP_BYTES };

	if (pthread_atfork(copy_blocks, drop_copies, use_copies))
		return NULL;
	heap = framepool_heap_create(fp_memory_client(), &options);
	if (!heap || pthread_atfork(stop_caches, resume_caches, resume_in_child))
		return NULL;
	return heap;
}
