// SPDX-License-Identifier: GPL-2.0-only
#include "platform_host.h"

#include <linux/membarrier.h>
#include <malloc.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#endif

__thread unsigned int test_cpu;
__thread unsigned int test_bh_depth;
__thread u32 test_kzalloc_fails;
u64 test_allocated;
struct test_section test_sections[nr_cpu_ids];

static void barrier_everywhere(void)
{
	static int registered;

	if (!registered &&
	    syscall(__NR_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0)) {
		perror("membarrier");
		abort();
	}
	registered = 1;
	syscall(__NR_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
}

/*
 * Waits until all sections that have begun have ended. Sections that begin later see what was
 * written before. Either the barrier finds that a section has begun, and its depth is seen here, or
 * the section begins after the barrier.
 */
void synchronize_rcu_expedited(void)
{
	unsigned int i;

	barrier_everywhere();
	for (i = 0; i < nr_cpu_ids; i++)
		while (__atomic_load_n(&test_sections[i].depth, __ATOMIC_ACQUIRE))
			sched_yield();
}

void *test_calloc(size_t n, size_t size)
{
	size_t bytes = round_up(n * size, 64);
	void *p = aligned_alloc(64, bytes);

	if (!p)
		return NULL;
	__atomic_fetch_add(&test_allocated, malloc_usable_size(p), __ATOMIC_RELAXED);
	return memset(p, 0, bytes);
}

void test_free(void *p)
{
	__atomic_fetch_sub(&test_allocated, malloc_usable_size(p), __ATOMIC_RELAXED);
	free(p);
}

static bool has_no_memory(void)
{
	return test_kzalloc_fails && !--test_kzalloc_fails;
}

/* No signal handler may run in between: malloc() must not be interrupted by itself. */
void *test_kzalloc(size_t size)
{
	void *p = NULL;

	if (has_no_memory())
		return NULL;
	test_change_bh_depth(1);
	p = calloc(1, size);
	test_change_bh_depth(-1);
	return p;
}

void test_kfree(void *p)
{
	test_change_bh_depth(1);
	free(p);
	test_change_bh_depth(-1);
}

/* What lies between the parts of two processors must not be touched. */
void *test_alloc_percpu(size_t size)
{
	const size_t bytes = nr_cpu_ids * TEST_PERCPU_BYTES;
	char *p = aligned_alloc(64, bytes);
#ifdef __SANITIZE_ADDRESS__
	u32 cpu;
#endif

	if (p)
		memset(p, 0, bytes);
#ifdef __SANITIZE_ADDRESS__
	for (cpu = 0; p && cpu < nr_cpu_ids; cpu++)
		__asan_poison_memory_region(per_cpu_ptr(p, cpu) + size, TEST_PERCPU_BYTES - size);
#endif
	return p;
}

void test_xa_init(struct xarray *xa)
{
	pthread_mutex_init(&xa->lock, NULL);
	xa->slots = mmap(NULL, TEST_XA_SLOTS * sizeof(void *), PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (xa->slots == MAP_FAILED)
		abort();
}

void xa_destroy(struct xarray *xa)
{
	munmap(xa->slots, TEST_XA_SLOTS * sizeof(void *));
}

void *xa_load(struct xarray *xa, unsigned long index)
{
	void *entry = index < TEST_XA_SLOTS ? READ_ONCE(xa->slots[index]) : NULL;

	return entry == TEST_XA_RESERVED ? NULL : entry;
}

/* An entry of NULL leaves the index reserved, as with XA_FLAGS_ALLOC. */
void xa_store(struct xarray *xa, unsigned long index, void *entry, gfp_t gfp)
{
	(void)gfp;
	if (!READ_ONCE(xa->slots[index]))
		abort();
	WRITE_ONCE(xa->slots[index], entry ?: TEST_XA_RESERVED);
}

void xa_erase(struct xarray *xa, unsigned long index)
{
	WRITE_ONCE(xa->slots[index], NULL);
}

int xa_insert_bh(struct xarray *xa, unsigned long index, void *entry, gfp_t gfp)
{
	u32 at;

	return xa_alloc_bh(xa, &at, entry, XA_LIMIT(index, index), gfp);
}

int xa_alloc_bh(struct xarray *xa, u32 *index, void *entry, struct test_xa_limit limit, gfp_t gfp)
{
	u32 at, end = min_t(u64, limit.max + 1ULL, TEST_XA_SLOTS);

	(void)gfp;
	if (has_no_memory())
		return -ENOMEM;
	spin_lock_bh(&xa->lock);
	for (at = limit.min; at < end && READ_ONCE(xa->slots[at]); at++)
		;
	if (at < end)
		WRITE_ONCE(xa->slots[at], entry ?: TEST_XA_RESERVED);
	spin_unlock_bh(&xa->lock);
	*index = at;
	return at < end ? 0 : -EBUSY;
}
