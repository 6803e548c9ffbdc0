/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Shared by the files of pools of buffers.
 *
 *     bufpool (lends, from magazines) -> bufpool_wait (lends from the pool, under its lock)
 *                                     -> bufpool_drain (empties magazines)
 *                                     -> bufpool_memory (takes memory)
 *     bufpool_report reads what bufpool and bufpool_wait noted.
 */
#ifndef LIBFRAMEPOOL_BUFPOOL_INTERNAL_H
#define LIBFRAMEPOOL_BUFPOOL_INTERNAL_H

#include <libframepool_bufpool.h>
#include <pthread.h>
#include <stdatomic.h>

#include "thread.h"

#define fp_unlikely(condition)	__builtin_expect(!!(condition), 0)

/*
 * The state of a buffer: FP_BORROWED, how often it is held, the thread that borrowed it, and when
 * (the pool's clock). 0: nobody has it.
 */
#define FP_BORROWED	(1ULL << 63)
#define FP_HOLD		(1ULL << 48)
#define FP_HOLDS	(FP_BORROWED - FP_HOLD)
#define FP_THREAD_SHIFT	26
#define FP_THREAD	(FP_HOLD - (1ULL << FP_THREAD_SHIFT))
#define FP_SINCE	((1ULL << FP_THREAD_SHIFT) - 1)
#define FP_CLOCK_MS	64U	/* unit of the pool's clock */

/* The most buffers in a magazine. */
#define FP_MAGAZINE_MAX	256U

/* Buffers that move between a magazine and the pool at once, at most. */
#define FP_MOVE_MAX	(FP_MAGAZINE_MAX / 2)

/**
 * struct fp_sample - what else is known of who borrowed a buffer
 * @ns: when, CLOCK_MONOTONIC; 0: it was not sampled
 * @nr: number of @frames
 * @frames: the backtrace
 */
struct fp_sample {
	uint64_t ns;
	uint64_t nr;
	void *frames[FRAMEPOOL_BUFPOOL_FRAMES + 2];
};

/**
 * struct fp_chunk - memory of a size
 * @buf: NULL: there is none
 * @address: its physical address, or 0
 * @nr: buffers in it
 */
struct fp_chunk {
	struct framepool_buffer *buf;
	uint64_t address;
	size_t nr;
};

/**
 * struct fp_size - buffers of one size
 *
 * They lie side by side in a window of addresses, which is filled by chunks of @per_chunk buffers
 * of whole frames. A buffer's index is its offset in the window, divided by the stride:
 * fp_index_of().
 *
 * @window: where it begins
 * @inverse: of @stride >> @twos modulo 2^64
 * @twos: how often two divides @stride
 * @states: of all buffers that there may be, by index
 * @callers: who borrowed them
 * @most: the most buffers
 * @stride: bytes from one buffer to the next
 * @samples: as @states, or NULL
 * @size: as it was asked for
 * @align: alignment of a chunk
 * @per_chunk: buffers in a chunk; the last may have fewer
 * @nr_chunks: the most chunks
 *
 * Protected by the pool's lock:
 * @chunks: all chunks that there may be
 * @nr: buffers that there are
 * @free: those that are neither lent nor in a magazine
 * @nr_free: their number
 */
struct fp_size {
	char *window;
	uint64_t inverse;
	uint32_t twos;
	_Atomic uint64_t *states;
	void *_Atomic *callers;
	size_t most;
	uint64_t stride;
	struct fp_sample *samples;
	size_t size;
	size_t align;
	size_t per_chunk;
	size_t nr_chunks;
	struct fp_chunk *chunks;
	size_t nr;
	void **free;
	size_t nr_free;
};

/**
 * struct fp_loans - the magazine of a thread: buffers that it may lend to itself
 * @pool: the pool
 * @nr: number of @buffers
 * @capacity: the most
 * @countdown: borrows until the clock is read
 * @state: of a buffer that the thread borrows now
 * @busy: whether the thread uses any magazine at this moment
 * @next: in the list of the pool's magazines
 * @link: the pointer that points here
 * @buffers: the last one was added last
 * @indexes: of @buffers
 *
 * Only the thread changes @nr and @buffers, while it is busy and the pool is not scarce; or who has
 * emptied the magazine while the pool is scarce. See bufpool_drain.c.
 */
struct fp_loans {
	struct framepool_bufpool *pool;
	_Atomic uint32_t nr;
	uint32_t capacity;
	uint64_t state;
	uint32_t countdown;
	_Atomic uint32_t *busy;
	struct fp_loans *next;
	struct fp_loans **link;
	void *buffers[FP_MAGAZINE_MAX];
	uint32_t indexes[FP_MAGAZINE_MAX];
};

/**
 * struct fp_waiter - a thread that waits, on its stack
 * @next: in the list of the pool's waiters; who came first is first
 * @link: the pointer that points here
 * @size: of what it waits for
 * @need: how many
 * @got: how many it was given
 * @since: when it came, CLOCK_MONOTONIC
 * @buffers: these
 * @state: enum fp_waiter_state; a futex
 */
struct fp_waiter {
	struct fp_waiter *next;
	struct fp_waiter **link;
	struct fp_size *size;
	size_t need;
	size_t got;
	int64_t since;
	void **buffers;
	_Atomic uint32_t state;
};

#define FP_WAKES	16U

enum fp_waiter_state {
	FP_SLEEPS,
	FP_LOOKS,	/* woken, because there may be enough */
	FP_SERVED,	/* has all it needs, and is off the list */
};

#define FP_SCARCE	UINT32_MAX

/**
 * struct framepool_bufpool - a pool of buffers
 * @keeper: of its magazines
 * @index: of the keeper; FP_SCARCE: buffers are scarce, and nobody may use a magazine
 * @capacity: of a magazine; 0: there are none
 * @nr_sizes: number of @sizes
 * @clock: a recent CLOCK_MONOTONIC, in FP_CLOCK_MS, of which FP_SINCE is kept
 * @in_child: this process is a child of the pool's
 * @sizes: the least first
 * @nr_bad: mistakes that were refused
 * @leaks: what to note
 * @nr_sampled: counts borrows, for samples
 * @fp: the client
 * @name: its name
 * @lock: protects what follows
 * @magazines: all of them
 * @waiters: all who wait
 * @last_waiter: the pointer at the end of that list
 * @nr_waiters: their number
 * @urgent: the first of them, if it has waited for long: it is given what comes back; or NULL
 * @looking: bytes that waiters need who are awake and will look
 * @nr_lent: how many loans there were from the pool itself
 * @nr_served: how often buffers came back while threads waited
 * @handed_over: when one was handed over, CLOCK_MONOTONIC
 * @limit: the most bytes that may be out
 * @out: bytes that are lent or in magazines
 * @memory: bytes taken from the client's pool
 * @refusal: why a buffer could not be had
 * @closed: it lends no more
 * @wakes: futexes of waiters to wake when the lock is released
 * @nr_wakes: their number
 * @event: for poll(2), or -1
 * @is_signalled: the event is readable
 */
struct framepool_bufpool {
	struct fp_keeper keeper;
	_Atomic uint32_t index;
	uint32_t capacity;
	uint32_t nr_sizes;
	_Atomic uint32_t clock;
	_Atomic bool in_child;
	struct fp_size sizes[FRAMEPOOL_BUFPOOL_SIZES];

	_Atomic uint64_t nr_bad;
	enum framepool_bufpool_leaks leaks;
	_Atomic uint32_t nr_sampled;
	struct framepool *fp;
	char name[32];

	pthread_mutex_t lock;
	struct fp_loans *magazines;
	struct fp_waiter *waiters;
	struct fp_waiter **last_waiter;
	size_t nr_waiters;
	struct fp_waiter *urgent;
	uint64_t looking;
	uint32_t nr_lent;
	uint32_t nr_served;
	int64_t handed_over;
	uint64_t limit;
	uint64_t out;
	uint64_t memory;
	int refusal;
	bool closed;
	_Atomic uint32_t *wakes[FP_WAKES];
	uint32_t nr_wakes;
	int event;
	bool is_signalled;
};

/**
 * fp_index_of - the index of a buffer
 * @size: its size
 * @buffer: the buffer
 *
 * Exact division, by the inverse modulo 2^64. What is not a multiple of the stride, or outside the
 * window, gives a large number (Granlund and Montgomery, "Division by Invariant Integers using
 * Multiplication", 1994, section 9).
 *
 * Return: the index; not less than @size->most if there is no buffer.
 */
static inline size_t fp_index_of(const struct fp_size *size, const void *buffer)
{
	uint64_t product = ((uintptr_t)buffer - (uintptr_t)size->window) * size->inverse;

	return (size_t)(product >> (size->twos & 63) | product << (-size->twos & 63));
}

static inline bool fp_bufpool_is_scarce(struct framepool_bufpool *pool)
{
	return atomic_load_explicit(&pool->index, memory_order_acquire) == FP_SCARCE;
}

static inline uint64_t fp_thread_bits(void)
{
	return (uint64_t)fp_thread_number() << FP_THREAD_SHIFT;
}

/* Whether this thread uses a magazine at this moment. */
extern _Thread_local _Atomic uint32_t fp_bufpool_busy
	__attribute__((visibility("hidden"), tls_model("initial-exec")));

bool fp_bufpool_take_memory(struct framepool_bufpool *pool, struct fp_size *size);
void fp_bufpool_drop_memory(struct framepool_bufpool *pool);

bool fp_bufpool_drain(struct framepool_bufpool *pool);
struct fp_loans *fp_loans_create(struct framepool_bufpool *pool);
extern const struct fp_keeper_ops fp_bufpool_ops;

int fp_bufpool_lend(struct framepool_bufpool *pool, struct fp_size *size, void **buffers,
		    size_t count, int64_t timeout_ns, void *caller);
void fp_bufpool_take_back(struct framepool_bufpool *pool, void * const *buffers, size_t count);
void fp_bufpool_put_locked(struct framepool_bufpool *pool, void * const *buffers, size_t count);
uint32_t fp_bufpool_refill(struct framepool_bufpool *pool, void **buffers, uint32_t count);
void fp_bufpool_lock(struct framepool_bufpool *pool);
void fp_bufpool_unlock(struct framepool_bufpool *pool);

struct fp_size *fp_bufpool_find(struct framepool_bufpool *pool, const void *buffer, size_t *index);

void fp_bufpool_note(struct framepool_bufpool *pool, struct fp_size *size, const void *buffer,
		     void *caller);
void fp_bufpool_read_clock(struct framepool_bufpool *pool);

#endif
