// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The functions of malloc(3) over one heap of a pool. They are told as the C library's are: errno
 * is ENOMEM whatever the kernel said, and a pointer that is no block ends the program.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <libframepool_heap.h>
#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "preload.h"

#define PAGE_BYTES	4096UL
#define likely(condition)	__builtin_expect(!!(condition), 1)

static struct framepool_heap *_Atomic the_heap;

/* Makes the heap, if need be for the dynamic linker. */
static __attribute__((noinline)) struct framepool_heap *create_heap(void)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static bool has_failed;
	int err = errno;

	pthread_mutex_lock(&lock);
	if (!the_heap && !has_failed) {
		the_heap = fp_malloc_create_heap();
		if (!the_heap)
			fp_memory_say("heap", "no addresses are left", "; allocations fail");
		has_failed = !the_heap;
	}
	pthread_mutex_unlock(&lock);
	errno = the_heap ? err : ENOMEM;
	return the_heap;
}

/* Before any constructor of the program can add handlers of fork(). */
__attribute__((constructor)) static void begin(void)
{
	create_heap();
}

static inline struct framepool_heap *get_heap(void)
{
	struct framepool_heap *heap = atomic_load_explicit(&the_heap, memory_order_acquire);

	return likely(heap) ? heap : create_heap();
}

static inline void *answer(void *block)
{
	if (!likely(block))
		errno = ENOMEM;
	return block;
}

static _Noreturn void refuse(const char *function)
{
	fp_memory_say(function, "this is not a block that is allocated", "; the program ends");
	abort();
}

void *malloc(size_t size)
{
	struct framepool_heap *heap = get_heap();

	return answer(heap ? framepool_heap_alloc(heap, size) : NULL);
}

void *calloc(size_t nr, size_t size)
{
	struct framepool_heap *heap = get_heap();

	return answer(heap ? framepool_heap_calloc(heap, nr, size) : NULL);
}

void free(void *block)
{
	if (block && framepool_heap_free(get_heap(), block))
		refuse("free");
}

void *realloc(void *block, size_t size)
{
	struct framepool_heap *heap = get_heap();
	void *moved;

	if (!heap || !block)
		return malloc(size);
	if (!size) {
		free(block);
		return NULL;
	}
	moved = framepool_heap_realloc(heap, block, size);
	if (!moved && errno == EINVAL)
		refuse("realloc");
	return answer(moved);
}

void *reallocarray(void *block, size_t nr, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(nr, size, &bytes)) {
		errno = ENOMEM;
		return NULL;
	}
	return realloc(block, bytes);
}

/* @align is a power of two. More than the heap can do is as if there were no memory. */
static void *alloc_aligned(size_t align, size_t size)
{
	struct framepool_heap *heap = get_heap();

	if (!heap || align > FRAMEPOOL_HEAP_ALIGN_MAX)
		return answer(NULL);
	return answer(framepool_heap_aligned_alloc(heap, align, size));
}

static bool is_power_of_two(size_t number)
{
	return number && !(number & (number - 1));
}

void *aligned_alloc(size_t align, size_t size)
{
	if (!is_power_of_two(align)) {
		errno = EINVAL;
		return NULL;
	}
	return alloc_aligned(align, size);
}

int posix_memalign(void **block, size_t align, size_t size)
{
	int before = errno;
	void *memory;

	if (!is_power_of_two(align) || align % sizeof(void *))
		return EINVAL;
	memory = alloc_aligned(align, size);
	errno = before;
	if (!memory)
		return ENOMEM;
	*block = memory;
	return 0;
}

/* As in the C library, another alignment is rounded up. */
void *memalign(size_t align, size_t size)
{
	size_t power = 1;

	while (power < align && power <= FRAMEPOOL_HEAP_ALIGN_MAX)
		power *= 2;
	return alloc_aligned(power, size);
}

void *valloc(size_t size)
{
	return alloc_aligned(PAGE_BYTES, size);
}

void *pvalloc(size_t size)
{
	size_t rounded = (size + PAGE_BYTES - 1) & -PAGE_BYTES;

	return rounded < size ? answer(NULL) : alloc_aligned(PAGE_BYTES, rounded);
}

size_t malloc_usable_size(void *block)
{
	return block ? framepool_heap_usable_size(get_heap(), block) : 0;
}

int malloc_trim(size_t pad)
{
	struct framepool_heap *heap = get_heap();

	(void)pad;
	return heap && framepool_heap_trim(heap) > 0;
}

struct mallinfo2 mallinfo2(void)
{
	struct framepool_heap_stats stats = { .memory = 0 };
	struct framepool_heap *heap = get_heap();

	if (heap)
		framepool_heap_stats(heap, &stats);
	return (struct mallinfo2){
		.arena = stats.memory,
		.uordblks = stats.used,
		.fordblks = stats.memory < stats.used ? 0 : stats.memory - stats.used,
		.keepcost = stats.empty,
	};
}

struct mallinfo mallinfo(void)
{
	struct mallinfo2 info = mallinfo2();

	return (struct mallinfo){
		.arena = (int)info.arena,
		.uordblks = (int)info.uordblks,
		.fordblks = (int)info.fordblks,
		.keepcost = (int)info.keepcost,
	};
}
