/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The few kernel names that the core uses, for a program on the host. See module/core/platform.h.
 */
#ifndef FP_PLATFORM_HOST_H
#define FP_PLATFORM_HOST_H

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#ifndef FP_HUGE_ORDER		/* the tests are built with several */
#define FP_HUGE_ORDER	9
#endif
#define PAGE_SHIFT	12

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int32_t s32;
typedef int64_t s64;

#define U32_MAX			UINT32_MAX
#define U64_MAX			UINT64_MAX
#define BIT_ULL(n)		(1ULL << (n))
#define GENMASK_ULL(high, low)	((~0ULL << (low)) & (~0ULL >> (63 - (high))))

#define likely(x)		__builtin_expect(!!(x), 1)
#define SMP_CACHE_BYTES		64
#define ____cacheline_aligned_in_smp	__attribute__((aligned(64)))
#ifndef __always_inline
#define __always_inline		inline __attribute__((always_inline))
#endif
#define noinline		__attribute__((noinline))
#define barrier()		__atomic_signal_fence(__ATOMIC_SEQ_CST)
#define unlikely(x)		__builtin_expect(!!(x), 0)
#define READ_ONCE(x)		__atomic_load_n(&(x), __ATOMIC_RELAXED)
#define WRITE_ONCE(x, value)	__atomic_store_n(&(x), value, __ATOMIC_RELAXED)
#define smp_load_acquire(p)	__atomic_load_n(p, __ATOMIC_ACQUIRE)
#define smp_store_release(p, value)	__atomic_store_n(p, value, __ATOMIC_RELEASE)
#define lockdep_assert_held(lock)	((void)(lock))
#define __acquires(lock)
#define __releases(lock)

#define min(a, b)		((a) < (b) ? (a) : (b))
#define max(a, b)		((a) > (b) ? (a) : (b))
#define clamp(x, low, high)	min(max(x, low), high)
#define min_t(type, a, b)	min((type)(a), (type)(b))
#define max_t(type, a, b)	max((type)(a), (type)(b))
#define DIV_ROUND_UP(x, y)	(((x) + (y) - 1) / (y))
#define DIV_ROUND_UP_ULL(x, y)	(((x) + (y) - 1) / (y))
#define round_down(x, y)	((x) & ~((__typeof__(x))(y) - 1))
#define round_up(x, y)		((((x) - 1) | ((__typeof__(x))(y) - 1)) + 1)

#define __ffs(x)		((u32)__builtin_ctzl(x))
#define __ffs64(x)		((u32)__builtin_ctzll(x))
#define fls64(x)		((x) ? 64 - __builtin_clzll(x) : 0)
#define hweight64(x)		((u32)__builtin_popcountll(x))
#define is_power_of_2(x)	((x) && !((x) & ((x) - 1)))
#define ilog2(x)		((u32)(63 - __builtin_clzll(x)))
#define order_base_2(x)		((x) > 1 ? ilog2((x) - 1) + 1 : 0)

static inline u64 ror64(u64 word, unsigned int n)
{
	return word >> n | word << (64 - n);
}

/* Tracepoints (module/trace.h) do nothing here. */
#define trace_split(owner, index)	((void)(owner), (void)(index))
#define trace_merge(owner, index, kept)	((void)(owner), (void)(index), (void)(kept))
#define trace_refill(buddy, order, wanted, got)	\
	((void)(buddy), (void)(order), (void)(wanted), (void)(got))
#define trace_drain(buddy, cpu, order, nr)	\
	((void)(buddy), (void)(cpu), (void)(order), (void)(nr))
#define trace_quarantine(buddy, index, nr, label, step)	\
	((void)(buddy), (void)(index), (void)(nr), (void)(label))

typedef int gfp_t;
#define GFP_KERNEL		0
#define sort(base, nr, size, compare, swap)	qsort(base, nr, size, compare)
#define cond_resched()	do { } while (0)
#define kvcalloc(n, size, gfp)	test_calloc(n, size)
#define kvfree(p)		test_free(p)

extern u64 test_allocated;	/* bytes of kvcalloc() that were not freed */

void *test_calloc(size_t n, size_t size);
void test_free(void *p);

/* Does not sleep, and no softirq interrupts it. Fails when test_kzalloc_fails says so. */
#define GFP_NOWAIT		0
#define __GFP_NOWARN		0
#define kzalloc(size, gfp)	((void)(gfp), test_kzalloc(size))
#define kfree(p)		test_kfree(p)

extern __thread u32 test_kzalloc_fails;	/* which of the next ones, from 1 on; 0: none */

void *test_kzalloc(size_t size);
void test_kfree(void *p);

struct mutex {
	pthread_mutex_t lock;
};

#define mutex_init(mutex)	pthread_mutex_init(&(mutex)->lock, NULL)
#define mutex_lock(mutex)	pthread_mutex_lock(&(mutex)->lock)
#define mutex_unlock(mutex)	pthread_mutex_unlock(&(mutex)->lock)

/*
 * Processors: a thread stands for one that is never preempted. No other thread has its number
 * (test_cpu) meanwhile. A signal handler may stand for a softirq: it does nothing while
 * test_bh_depth says that softirqs are disabled (see magazine_thread_test.c).
 */
#define nr_cpu_ids		4U
#define __percpu

extern __thread unsigned int test_cpu;

/* Sections with preemption disabled. A grace period waits for their end. */
extern struct test_section {
	unsigned int depth;
	char pad[60];
} test_sections[nr_cpu_ids];

void synchronize_rcu_expedited(void);
#define synchronize_rcu()	synchronize_rcu_expedited()

static inline void preempt_disable(void)
{
	struct test_section *section = &test_sections[test_cpu];

	__atomic_store_n(&section->depth, section->depth + 1, __ATOMIC_RELAXED);
	barrier();
}

static inline void preempt_enable(void)
{
	struct test_section *section = &test_sections[test_cpu];

	__atomic_store_n(&section->depth, section->depth - 1, __ATOMIC_RELEASE);
}

void *test_alloc_percpu(size_t size);

#define raw_smp_processor_id()	test_cpu
#define for_each_possible_cpu(cpu)	for ((cpu) = 0; (cpu) < nr_cpu_ids; (cpu)++)
/* Each processor's part begins this many bytes after that of the one before. */
#define TEST_PERCPU_BYTES	(32U << 10)
#define __alloc_percpu(size, align)	test_alloc_percpu(size)
#define alloc_percpu(type)	((type *)test_alloc_percpu(sizeof(type)))
#define this_cpu_add(pcp, n)	\
	((void)__atomic_fetch_add(this_cpu_ptr(&(pcp)), n, __ATOMIC_RELAXED))
#define free_percpu(p)		free(p)
#define per_cpu_ptr(p, cpu)	((__typeof__(p))((char *)(p) + (cpu) * (size_t)TEST_PERCPU_BYTES))
#define this_cpu_ptr(p)		per_cpu_ptr(p, test_cpu)

typedef pthread_mutex_t spinlock_t;
#define spin_lock_init(lock)	pthread_mutex_init(lock, NULL)
#define spin_lock(lock)		pthread_mutex_lock(lock)
#define spin_unlock(lock)	pthread_mutex_unlock(lock)

/* Number of locks, held or about to be taken by this thread, that a softirq may want. */
extern __thread unsigned int test_bh_depth;

static inline void test_change_bh_depth(int change)
{
	barrier();
	WRITE_ONCE(test_bh_depth, test_bh_depth + change);
	barrier();
}

#define spin_lock_bh(lock)	(test_change_bh_depth(1), (void)pthread_mutex_lock(lock))
#define spin_unlock_bh(lock)	((void)pthread_mutex_unlock(lock), test_change_bh_depth(-1))

/*
 * The kernel's xarray: pointers by number. A number may be reserved while there is no pointer. In
 * the kernel it grows with what is in it; here it is an array of fixed length.
 */
#define TEST_XA_SLOTS		(1U << 17)
#define TEST_XA_RESERVED	((void *)1)
#define XA_CHUNK_SIZE		64
#define XA_FLAGS_ALLOC		0
#define XA_FLAGS_ACCOUNT	0
#define XA_FLAGS_LOCK_BH	0
#define XA_LIMIT(first, last_)	((struct test_xa_limit){ .min = first, .max = last_ })

struct xa_node {
	char bytes[576];
};

struct test_xa_limit {
	u32 min;
	u32 max;
};

struct xarray {
	pthread_mutex_t lock;
	void **slots;
};

#define xa_init_flags(xa, flags)	((void)(flags), test_xa_init(xa))
void test_xa_init(struct xarray *xa);
void *xa_load(struct xarray *xa, unsigned long index);
void xa_store(struct xarray *xa, unsigned long index, void *entry, gfp_t gfp);
void xa_erase(struct xarray *xa, unsigned long index);
#define xa_erase_bh(xa, index)		xa_erase(xa, index)
int xa_insert_bh(struct xarray *xa, unsigned long index, void *entry, gfp_t gfp);
int xa_alloc_bh(struct xarray *xa, u32 *index, void *entry, struct test_xa_limit limit, gfp_t gfp);
void xa_destroy(struct xarray *xa);

struct list_head {
	struct list_head *next;
	struct list_head *prev;
};

#define LIST_HEAD(name)		struct list_head name = { &(name), &(name) }
#define INIT_LIST_HEAD(head)	((head)->next = (head)->prev = (head))
#define list_for_each_entry(pos, head, member)						\
	for (struct list_head *at_ = (head)->next;					\
	     at_ != (head) && (pos = list_entry(at_, __typeof__(*pos), member), true);	\
	     at_ = at_->next)

#define list_for_each_entry_safe(pos, next_, head, member)				\
	for (struct list_head *at_ = (head)->next, *then_;				\
	     at_ != (head) && (then_ = at_->next,					\
			       pos = list_entry(at_, __typeof__(*pos), member),		\
			       next_ = NULL, (void)next_, true); at_ = then_)
#define list_empty(head)	((head)->next == (head))
#define container_of(p, type, member)	((type *)((char *)(p) - offsetof(type, member)))
#define list_entry(node_, type, member)	container_of(node_, type, member)
#define list_first_entry(head, type, member)	list_entry((head)->next, type, member)
#define list_last_entry(head, type, member)	list_entry((head)->prev, type, member)

static inline void list_add(struct list_head *node, struct list_head *head)
{
	node->next = head->next;
	node->prev = head;
	head->next->prev = node;
	head->next = node;
}

static inline void list_add_tail(struct list_head *node, struct list_head *head)
{
	node->next = head;
	node->prev = head->prev;
	head->prev->next = node;
	head->prev = node;
}

static inline void list_del(struct list_head *node)
{
	node->prev->next = node->next;
	node->next->prev = node->prev;
}

static inline void list_move_tail(struct list_head *node, struct list_head *head)
{
	list_del(node);
	list_add_tail(node, head);
}

static inline void list_move(struct list_head *node, struct list_head *head)
{
	list_del(node);
	list_add(node, head);
}

#endif
