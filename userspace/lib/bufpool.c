// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Pools of buffers: what threads do with their magazines, and what may be done with a buffer.
 *
 * The state of a buffer is one word (see bufpool.h). It changes by compare-and-swap, except that
 * a thread that lends a buffer to itself, or returns what it borrowed itself, stores without one:
 * it would take longer than all the rest. Nobody else may touch the state of a buffer in those
 * moments, unless the program returns it twice at the same time. Then it is in two places. Who pops
 * it second sees that it is lent, and leaves it out.
 */
#include <errno.h>

#include "bufpool.h"

#define CLOCK_EVERY	64

_Thread_local _Atomic uint32_t fp_bufpool_busy;

/*
 * From here to end(), the thread may use the magazine that this returns. It is &fp_nothing if the
 * thread has none, or if the pool is scarce.
 */
static inline struct fp_loans *begin(struct framepool_bufpool *pool)
{
	const struct fp_thread *thread = fp_thread;
	uint32_t index;

	atomic_store_explicit(&fp_bufpool_busy, 1, memory_order_relaxed);
	atomic_signal_fence(memory_order_seq_cst);
	index = atomic_load_explicit(&pool->index, memory_order_acquire);
	return fp_likely(index < thread->nr) ? thread->kept[index] : (void *)&fp_nothing;
}

static inline void end(void)
{
	atomic_store_explicit(&fp_bufpool_busy, 0, memory_order_release);
}

static inline uint32_t nr_in(struct fp_loans *magazine)
{
	return atomic_load_explicit(&magazine->nr, memory_order_relaxed);
}

static inline void set_nr(struct fp_loans *magazine, uint32_t nr)
{
	atomic_store_explicit(&magazine->nr, nr, memory_order_relaxed);
}

static inline bool is_full(struct fp_loans *magazine)
{
	return nr_in(magazine) == magazine->capacity;
}

static inline void put(struct fp_loans *magazine, uint32_t at, void *buffer, size_t index)
{
	magazine->buffers[at] = buffer;
	magazine->indexes[at] = (uint32_t)index;
}

static inline uint64_t state_of(const struct fp_size *size, size_t index)
{
	return atomic_load_explicit(&size->states[index], memory_order_relaxed);
}

static inline void set_state(const struct fp_size *size, size_t index, uint64_t state)
{
	atomic_store_explicit(&size->states[index], state, memory_order_relaxed);
}

static inline void note(const struct fp_size *size, size_t index, uint64_t state, void *caller)
{
	set_state(size, index, state);
	atomic_store_explicit(&size->callers[index], caller, memory_order_relaxed);
}

/* Returns @buffer, so that the fast path can end with this. */
static __attribute__((noinline)) void *read_clock(struct framepool_bufpool *pool,
						  struct fp_loans *magazine, void *buffer)
{
	fp_bufpool_read_clock(pool);
	magazine->countdown = CLOCK_EVERY;
	magazine->state = (magazine->state & ~FP_SINCE) | pool->clock;
	return buffer;
}

static void count_bad(struct framepool_bufpool *pool)
{
	atomic_fetch_add_explicit(&pool->nr_bad, 1, memory_order_relaxed);
}

/* Moves half of what the magazine may have from the pool to it, which is empty. */
static void refill(struct framepool_bufpool *pool)
{
	void *buffers[FP_MOVE_MAX];
	uint32_t nr = fp_bufpool_refill(pool, buffers, pool->capacity / 2);
	struct fp_loans *magazine = begin(pool);
	bool filled = magazine->capacity && !magazine->nr;

	for (uint32_t i = 0; filled && i < nr; i++)
		put(magazine, i, buffers[nr - 1 - i],
		    fp_index_of(pool->sizes, buffers[nr - 1 - i]));
	if (filled)
		set_nr(magazine, nr);
	end();
	if (filled)
		read_clock(pool, magazine, NULL);
	else if (nr)
		fp_bufpool_take_back(pool, buffers, nr);
}

/* Whether the thread may have a magazine now; it is made if need be. */
static bool has_magazine(struct framepool_bufpool *pool)
{
	if (fp_bufpool_is_scarce(pool))
		return false;
	return fp_kept(&pool->keeper) != &fp_nothing || fp_loans_create(pool);
}

static void *borrow_slowly(struct framepool_bufpool *pool, int64_t timeout_ns, void *caller,
			   bool may_retry);

/*
 * Borrows a buffer from the magazine, or if that is empty in another way. A buffer that is lent
 * already is left out: it was returned twice at the same time.
 */
static inline __attribute__((always_inline)) void *
borrow(struct framepool_bufpool *pool, int64_t timeout_ns, void *caller, bool may_retry)
{
	struct fp_loans *magazine = begin(pool);
	uint32_t nr = nr_in(magazine);
	uint32_t index;
	void *buffer;

	if (fp_unlikely(!nr))
		goto slowly;
	buffer = magazine->buffers[nr - 1];
	index = magazine->indexes[nr - 1];
	set_nr(magazine, nr - 1);
	if (fp_unlikely(state_of(pool->sizes, index))) {
		count_bad(pool);
		goto slowly;
	}
	note(pool->sizes, index, magazine->state, caller);
	end();
	if (fp_unlikely(!--magazine->countdown))
		return read_clock(pool, magazine, buffer);
	return buffer;

slowly:
	end();
	return borrow_slowly(pool, timeout_ns, caller, may_retry);
}

/* The magazine is empty, or is not to be used. */
static __attribute__((noinline)) void *borrow_slowly(struct framepool_bufpool *pool,
						     int64_t timeout_ns, void *caller,
						     bool may_retry)
{
	void *buffer;

	if (may_retry && has_magazine(pool)) {
		if (!nr_in(fp_kept(&pool->keeper)))
			refill(pool);
		return borrow(pool, timeout_ns, caller, false);
	}
	return fp_bufpool_lend(pool, pool->sizes, &buffer, 1, timeout_ns, caller) ? NULL : buffer;
}

void *framepool_bufpool_borrow(struct framepool_bufpool *pool, int64_t timeout_ns)
{
	return borrow(pool, timeout_ns, __builtin_return_address(0), true);
}

/*
 * Takes a buffer that is lent already out of a magazine, and back what was noted of @noted others.
 */
static __attribute__((noinline)) void leave_out(struct framepool_bufpool *pool,
						struct fp_loans *magazine, uint32_t which,
						uint32_t noted)
{
	uint32_t nr = nr_in(magazine);

	for (uint32_t i = 1; i <= noted; i++)
		set_state(pool->sizes, magazine->indexes[which - i], 0);
	for (uint32_t i = which + 1; i < nr; i++)
		put(magazine, i - 1, magazine->buffers[i], magazine->indexes[i]);
	set_nr(magazine, nr - 1);
	count_bad(pool);
}

/* Borrows the last @count buffers of the magazine. Returns whether it could. */
static inline bool pop_many(struct framepool_bufpool *pool, struct fp_loans *magazine,
			    void **buffers, uint32_t count, void *caller)
{
	const struct fp_size size = {
		.states = pool->sizes->states, .callers = pool->sizes->callers,
	};
	uint32_t first = nr_in(magazine) - count;
	const uint32_t *indexes = magazine->indexes + first;
	void * const *from = magazine->buffers + first;
	uint64_t state = magazine->state;

#pragma GCC unroll 4
	for (uint32_t i = 0; i < count; i++) {
		if (fp_unlikely(state_of(&size, indexes[i]))) {
			leave_out(pool, magazine, first + i, i);
			return false;
		}
		note(&size, indexes[i], state, caller);
		buffers[i] = from[i];
	}
	set_nr(magazine, first);
	return true;
}

/* Borrows @count buffers from the magazine, or none. */
static inline bool borrow_many(struct framepool_bufpool *pool, void **buffers, size_t count,
			       void *caller)
{
	struct fp_loans *magazine = begin(pool);
	bool borrowed = nr_in(magazine) >= count &&
			pop_many(pool, magazine, buffers, (uint32_t)count, caller);

	end();
	if (borrowed && fp_unlikely(!--magazine->countdown))
		read_clock(pool, magazine, NULL);
	return borrowed;
}

int framepool_bufpool_borrow_bulk(struct framepool_bufpool *pool, void **buffers, size_t count,
				  int64_t timeout_ns)
{
	void *caller = __builtin_return_address(0);

	if (fp_likely(count && borrow_many(pool, buffers, count, caller)))
		return 0;
	return fp_bufpool_lend(pool, pool->sizes, buffers, count, timeout_ns, caller);
}

void *framepool_bufpool_wait_bytes(struct framepool_bufpool *pool, size_t bytes,
				   int64_t timeout_ns)
{
	struct fp_size *size = pool->sizes, *end_of_sizes = pool->sizes + pool->nr_sizes;
	void *buffer;

	while (size < end_of_sizes && size->size < bytes)
		size++;
	if (size == end_of_sizes) {
		errno = EINVAL;
		return NULL;
	}
	if (pool->nr_sizes == 1)
		return framepool_bufpool_borrow(pool, timeout_ns);
	return fp_bufpool_lend(pool, size, &buffer, 1, timeout_ns, __builtin_return_address(0)) ?
		       NULL :
		       buffer;
}

/**
 * fp_bufpool_find - find a buffer
 * @pool: the pool
 * @buffer: where it may be
 * @index: set to its index
 *
 * Return: its size, or NULL if there can be no buffer.
 */
struct fp_size *fp_bufpool_find(struct framepool_bufpool *pool, const void *buffer, size_t *index)
{
	for (uint32_t i = 0; i < pool->nr_sizes; i++) {
		*index = fp_index_of(&pool->sizes[i], buffer);
		if (*index < pool->sizes[i].most)
			return &pool->sizes[i];
	}
	return NULL;
}

/* The older half of a full magazine goes back to the pool. */
static void empty_half(struct framepool_bufpool *pool)
{
	void *buffers[FP_MOVE_MAX];
	struct fp_loans *magazine = begin(pool);
	uint32_t half = magazine->capacity / 2, nr = nr_in(magazine);

	if (nr < half)
		half = 0;
	for (uint32_t i = 0; i < half; i++)
		buffers[i] = magazine->buffers[i];
	for (uint32_t i = half; half && i < nr; i++)
		put(magazine, i - half, magazine->buffers[i], magazine->indexes[i]);
	if (half)
		set_nr(magazine, nr - half);
	end();
	if (half)
		fp_bufpool_take_back(pool, buffers, half);
}

/* The magazine must not be full. */
static inline void push(struct fp_loans *magazine, void *buffer, size_t index)
{
	uint32_t nr = nr_in(magazine);

	put(magazine, nr, buffer, index);
	set_nr(magazine, nr + 1);
}

/* Nobody has the buffer any more. */
static void take_back(struct framepool_bufpool *pool, void *buffer)
{
	struct fp_loans *magazine;
	bool pushed;

	if (has_magazine(pool) && is_full(fp_kept(&pool->keeper)))
		empty_half(pool);
	magazine = begin(pool);
	pushed = !is_full(magazine);
	if (pushed)
		push(magazine, buffer, fp_index_of(pool->sizes, buffer));
	end();
	if (!pushed)
		fp_bufpool_take_back(pool, &buffer, 1);
}

static int refuse(struct framepool_bufpool *pool, int err)
{
	if (pool->in_child)
		err = EPERM;
	else
		count_bad(pool);
	errno = err;
	return -1;
}

/*
 * Takes @what off the state of a buffer; @needed: bits of which one must be set. What is left
 * belongs to nobody if it is not FP_BORROWED.
 */
static int release(struct framepool_bufpool *pool, void *buffer, uint64_t what, uint64_t needed)
{
	size_t index;
	struct fp_size *size = fp_bufpool_find(pool, buffer, &index);
	uint64_t state, left;

	if (pool->in_child || !size)
		return refuse(pool, EINVAL);
	state = size->states[index];
	do {
		if (!(state & needed))
			return refuse(pool, ENOENT);
		left = state - what;
		if (!(left & FP_BORROWED))
			left &= FP_HOLDS;
	} while (!atomic_compare_exchange_weak(&size->states[index], &state, left));
	if (!left)
		take_back(pool, buffer);
	return 0;
}

/* Whether a buffer with that state was borrowed by the thread, and is not held. */
static inline bool is_mine(uint64_t state, uint64_t mine)
{
	return (state ^ mine) <= FP_SINCE;
}

/* Most buffers are returned by the thread that borrowed them, also where there are no magazines. */
static bool is_borrowed_here(struct framepool_bufpool *pool, size_t index)
{
	return !pool->in_child && index < pool->sizes->most &&
	       is_mine(state_of(pool->sizes, index), FP_BORROWED | fp_thread_bits());
}

static __attribute__((noinline)) int return_slowly(struct framepool_bufpool *pool, void *buffer)
{
	size_t index = fp_index_of(pool->sizes, buffer);

	if (!is_borrowed_here(pool, index))
		return buffer ? release(pool, buffer, FP_BORROWED, FP_BORROWED) : 0;
	set_state(pool->sizes, index, 0);
	take_back(pool, buffer);
	return 0;
}

int framepool_bufpool_return(struct framepool_bufpool *pool, void *buffer)
{
	size_t index = fp_index_of(pool->sizes, buffer);
	struct fp_loans *magazine = begin(pool);

	/* Without a magazine it is full, too. */
	if (fp_unlikely(is_full(magazine) || index >= pool->sizes->most ||
			!is_mine(state_of(pool->sizes, index), magazine->state))) {
		end();
		return return_slowly(pool, buffer);
	}
	set_state(pool->sizes, index, 0);
	push(magazine, buffer, index);
	end();
	return 0;
}

/* Returns buffers to the magazine until one is not as it should be; returns how many. */
static inline size_t push_many(struct framepool_bufpool *pool, struct fp_loans *magazine,
			       void * const *buffers, size_t count)
{
	const struct fp_size size = {
		.window = pool->sizes->window, .inverse = pool->sizes->inverse,
		.twos = pool->sizes->twos, .states = pool->sizes->states,
		.most = pool->sizes->most,
	};
	uint32_t nr = nr_in(magazine);
	uint32_t *indexes = magazine->indexes + nr;
	void **to = magazine->buffers + nr;
	uint64_t mine = magazine->state;
	size_t done;

#pragma GCC unroll 4
	for (done = 0; done < count; done++) {
		size_t index = fp_index_of(&size, buffers[done]);

		if (fp_unlikely(index >= size.most || !is_mine(state_of(&size, index), mine)))
			break;
		set_state(&size, index, 0);
		to[done] = buffers[done];
		indexes[done] = (uint32_t)index;
	}
	set_nr(magazine, nr + (uint32_t)done);
	return done;
}

/* Returns the first of the buffers to the magazine; returns how many. */
static inline size_t return_many(struct framepool_bufpool *pool, void * const *buffers,
				 size_t count)
{
	struct fp_loans *magazine = begin(pool);
	size_t done = 0;

	if (count && magazine->capacity - nr_in(magazine) >= count)
		done = push_many(pool, magazine, buffers, count);
	end();
	return done;
}

int framepool_bufpool_return_bulk(struct framepool_bufpool *pool, void * const *buffers,
				  size_t count)
{
	int ret = 0;

	for (size_t i = return_many(pool, buffers, count); i < count; i++)
		ret |= framepool_bufpool_return(pool, buffers[i]);
	return ret;
}

int framepool_bufpool_hold(struct framepool_bufpool *pool, void *buffer)
{
	size_t index;
	struct fp_size *size = fp_bufpool_find(pool, buffer, &index);
	uint64_t state;

	if (pool->in_child || !size)
		return refuse(pool, EINVAL);
	state = size->states[index];
	do {
		if (!state)
			return refuse(pool, ENOENT);
		if ((state & FP_HOLDS) == FP_HOLDS)
			return refuse(pool, EOVERFLOW);
	} while (!atomic_compare_exchange_weak(&size->states[index], &state, state + FP_HOLD));
	return 0;
}

int framepool_bufpool_drop(struct framepool_bufpool *pool, void *buffer)
{
	return release(pool, buffer, FP_HOLD, FP_HOLDS);
}
