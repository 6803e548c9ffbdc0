/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Pools of buffers of libframepool: fixed numbers of physically contiguous buffers that threads
 * borrow and return. For packets, video frames and messages.
 *
 * A pool never lends more than its limit. Who finds nothing may wait. Each thread keeps some
 * buffers in a magazine; when buffers become scarce, all magazines are emptied for those who wait.
 *
 * Threads: several threads may call any function at the same time, for the same pool too. Only
 * framepool_bufpool_destroy() must be the last use. None may be called by a signal handler.
 *
 * Processes: a child made by fork() owns nothing of its parent's pools. Their memory is shared with
 * it, but all functions fail with EPERM there, except that framepool_bufpool_destroy() frees what
 * the pool takes in the child. (This does not hold for clone(2) and _Fork(), after which a child
 * must not use its parent's pools.)
 */
#ifndef LIBFRAMEPOOL_BUFPOOL_H
#define LIBFRAMEPOOL_BUFPOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct framepool;
struct framepool_bufpool;

#define FRAMEPOOL_BUFPOOL_SIZES		8U		/* of buffers in one pool */
#define FRAMEPOOL_BUFPOOL_SIZE_MAX	(1U << 31)	/* of a buffer */
#define FRAMEPOOL_BUFPOOL_FRAMES	12U		/* of a backtrace */

/**
 * enum framepool_bufpool_leaks - what a pool remembers of who has a buffer
 * @FRAMEPOOL_BUFPOOL_LEAKS_DEFAULT: the caller and the thread
 * @FRAMEPOOL_BUFPOOL_LEAKS_OFF: only the thread
 * @FRAMEPOOL_BUFPOOL_LEAKS_SAMPLED: also the time and a backtrace, of one in 128
 * @FRAMEPOOL_BUFPOOL_LEAKS_ALL: also the time and a backtrace, of all
 *
 * If the environment has FRAMEPOOL_BUFPOOL_LEAKS=default, off, sampled or all, that counts.
 */
enum framepool_bufpool_leaks {
	FRAMEPOOL_BUFPOOL_LEAKS_DEFAULT,
	FRAMEPOOL_BUFPOOL_LEAKS_OFF,
	FRAMEPOOL_BUFPOOL_LEAKS_SAMPLED,
	FRAMEPOOL_BUFPOOL_LEAKS_ALL
};

/**
 * struct framepool_bufpool_options - what a pool shall be like; what is 0 is left to the library
 * @name: for reports; at most 31 bytes of it are kept
 * @size: bytes of a buffer, 1 to FRAMEPOOL_BUFPOOL_SIZE_MAX
 * @align: each buffer's address, and its physical address, is a multiple of it: a power of two, at
 *	   most 2 MiB. Of 64 in any case.
 * @count: the most buffers that the pool has
 * @reserve: so many are taken from the client's pool now. The others are taken as they are needed.
 * @sizes: instead of @size, several sizes, the least first
 * @limit_bytes: with @sizes, instead of @count: the most bytes that are lent. Memory of sizes that
 *		 are not used goes back when another needs it; what is left in chunks (64 KiB or
 *		 more) that are partly in use comes on top. @reserve is for the first size.
 * @leaks: what to remember of who has a buffer
 * @reserved: 0
 */
struct framepool_bufpool_options {
	const char *name;
	size_t size;
	size_t align;
	size_t count;
	size_t reserve;
	size_t sizes[FRAMEPOOL_BUFPOOL_SIZES];
	uint64_t limit_bytes;
	enum framepool_bufpool_leaks leaks;
	unsigned int reserved[3];
};

/**
 * framepool_bufpool_create - make a pool of buffers
 * @fp: the client; it must outlive the pool
 * @options: what the pool shall be like
 *
 * Return: the pool, or NULL with errno
 *  EINVAL  an option is out of its range
 *  ENOBUFS, and with a reserve as for framepool_buffer_alloc_constrained() and mmap(2)
 */
struct framepool_bufpool *framepool_bufpool_create(struct framepool *fp,
						   const struct framepool_bufpool_options *options);

/**
 * framepool_bufpool_destroy - end a pool and all of its buffers
 * @pool: the pool, or NULL; no thread waits in it, see framepool_bufpool_close()
 *
 * errno is left alone.
 *
 * Return: how many buffers were still borrowed or held. They are gone, too.
 */
size_t framepool_bufpool_destroy(struct framepool_bufpool *pool);

/**
 * framepool_bufpool_close - lend no more
 * @pool: the pool
 *
 * All who wait, and all who come, get ESHUTDOWN. Buffers can still be returned. In a child this
 * does nothing.
 */
void framepool_bufpool_close(struct framepool_bufpool *pool);

/**
 * framepool_bufpool_borrow - borrow a buffer
 * @pool: the pool; of several sizes this is about the first
 * @timeout_ns: where there is none, wait at most so many nanoseconds (CLOCK_MONOTONIC); 0: do not
 *		wait; -1, or any below: without limit
 *
 * The buffer has whatever content this client left in it, or zeros. A newcomer may be faster than
 * those who wait. But the first of them, when it has waited for 1 ms, is given what comes back;
 * then the next is the first. Signals do not end the wait.
 *
 * Return: the buffer, or NULL with errno
 *  EAGAIN     all buffers are borrowed, and @timeout_ns is 0
 *  ETIMEDOUT  none came back in time
 *  ESHUTDOWN  the pool was closed
 *  EPERM      the pool is the parent's
 * If the pool has none yet and cannot get memory, and if nobody who returns a buffer could help or
 * @timeout_ns is 0, also as for framepool_buffer_alloc_constrained() and framepool_buffer_map().
 */
void *framepool_bufpool_borrow(struct framepool_bufpool *pool, int64_t timeout_ns);

/**
 * framepool_bufpool_borrow_bulk - borrow many buffers
 * @pool: as for framepool_bufpool_borrow()
 * @buffers: room for @count buffers
 * @count: how many
 * @timeout_ns: as for framepool_bufpool_borrow()
 *
 * Who waits for many gets what comes back, when it is served next, until that is enough.
 *
 * Return: 0, or -1 with errno as for framepool_bufpool_borrow(); then none is borrowed. EINVAL also
 * if the pool never has so many.
 */
int framepool_bufpool_borrow_bulk(struct framepool_bufpool *pool, void **buffers, size_t count,
				  int64_t timeout_ns);

/**
 * framepool_bufpool_wait_bytes - borrow a buffer of at least a size
 * @pool: the pool
 * @bytes: how many the buffer must have; the smallest size of the pool that is enough is taken
 * @timeout_ns: as for framepool_bufpool_borrow(): wait until so much may be lent below the limit
 *
 * Return: as framepool_bufpool_borrow(); EINVAL also if no size is enough.
 */
void *framepool_bufpool_wait_bytes(struct framepool_bufpool *pool, size_t bytes,
				   int64_t timeout_ns);

/**
 * framepool_bufpool_return - return a buffer
 * @pool: its pool
 * @buffer: the buffer, which any thread may have borrowed; or NULL
 *
 * While others hold the buffer (see framepool_bufpool_hold()), it is not lent again. errno is left
 * alone unless this fails.
 *
 * If two threads return the same buffer within some nanoseconds, the second return may be noticed
 * only when the buffer is lent the next time; it is then counted as bad, and the buffer is lent
 * once.
 *
 * Return: 0, or -1 with errno
 *  EINVAL  @pool has no buffer at that address
 *  ENOENT  the buffer is not borrowed: it was returned already
 *  EPERM   the pool is the parent's
 * Nothing is done then.
 */
int framepool_bufpool_return(struct framepool_bufpool *pool, void *buffer);

/**
 * framepool_bufpool_return_bulk - return many buffers
 * @pool: their pool
 * @buffers: the buffers
 * @count: how many
 *
 * Return: 0, or -1 with errno as for framepool_bufpool_return() of the last one that was refused.
 * All others are returned.
 */
int framepool_bufpool_return_bulk(struct framepool_bufpool *pool, void * const *buffers,
				  size_t count);

/**
 * framepool_bufpool_hold - keep a buffer from being lent again
 * @pool: its pool
 * @buffer: the buffer, which is borrowed or held
 *
 * For those who still need a buffer when the borrower returns it: a device that reads it, or a
 * second consumer. It is lent again when it has been returned, and dropped as often as held.
 *
 * Return: 0, or -1 with errno EINVAL, ENOENT (neither borrowed nor held), or EPERM as for
 * framepool_bufpool_return(); EOVERFLOW: it is held 32767 times.
 */
int framepool_bufpool_hold(struct framepool_bufpool *pool, void *buffer);

/**
 * framepool_bufpool_drop - undo framepool_bufpool_hold()
 * @pool: its pool
 * @buffer: the buffer, in any thread
 *
 * Return: 0, or -1 with errno EINVAL, ENOENT (it is not held), or EPERM.
 */
int framepool_bufpool_drop(struct framepool_bufpool *pool, void *buffer);

/**
 * framepool_bufpool_fd - a descriptor for poll(2)
 * @pool: the pool
 *
 * It is readable while a buffer of the first size may be borrowed without waiting, and after the
 * pool was closed. Another thread may be faster, so borrow with a timeout of 0. It must not be
 * read, written or closed; framepool_bufpool_destroy() closes it. From the first call on, threads
 * have no magazines in this pool.
 *
 * Return: the descriptor, or -1 with errno EPERM, or as for eventfd(2).
 */
int framepool_bufpool_fd(struct framepool_bufpool *pool);

/**
 * framepool_bufpool_address - the physical address of a buffer
 * @pool: its pool
 * @buffer: the buffer, borrowed or not
 * @address: set to the address, or to 0 if the client was opened without CAP_SYS_ADMIN, or the
 *           buffer may move: framepool_movable() was in effect when the pool took its memory
 *
 * Return: 0, or -1 with errno EINVAL: the pool has no buffer at that address.
 */
int framepool_bufpool_address(struct framepool_bufpool *pool, const void *buffer,
			      uint64_t *address);

/**
 * struct framepool_bufpool_loan - a buffer that somebody has
 * @pool: name of the pool
 * @buffer: the buffer
 * @size: its size
 * @borrowed: false: it was returned, but is still held
 * @holds: how often it is held
 * @thread: the thread that borrowed it (gettid(2)), also if that has ended; 0: it was returned
 * @thread_ended: that thread has ended: this is a leak, unless another is to return the buffer
 * @caller: the function that borrowed it returns to this address; NULL with LEAKS_OFF
 * @age_ns: so long ago it was borrowed; 0: it was returned. If not @exact, it may have been later:
 *	    the clock is read only now and then, and in steps of 64 ms.
 * @exact: whether @age_ns is exact
 * @frames: number of @backtrace; 0: it was not sampled
 * @backtrace: return addresses, the innermost first
 */
struct framepool_bufpool_loan {
	const char *pool;
	void *buffer;
	size_t size;
	bool borrowed;
	bool thread_ended;
	bool exact;
	unsigned int holds;
	pid_t thread;
	unsigned int frames;
	void *caller;
	uint64_t age_ns;
	void *backtrace[FRAMEPOOL_BUFPOOL_FRAMES];
};

/**
 * framepool_bufpool_report - list who has what since when
 * @pool: the pool
 * @call: called for each buffer that is borrowed or held; it must not use @pool; or NULL
 * @argument: for @call
 *
 * Buffers that are borrowed or returned meanwhile may be listed or not.
 *
 * Return: the number of buffers that are borrowed or held.
 */
size_t framepool_bufpool_report(struct framepool_bufpool *pool,
				void (*call)(const struct framepool_bufpool_loan *loan,
					     void *argument), void *argument);

/*
 * Figures of a pool. These functions never fail.
 *
 *  size         bytes from one buffer of the first size to the next: the size, rounded up
 *  available    buffers of the first size that may be lent now, magazines included if no thread
 *               uses them meanwhile
 *  memory       bytes that it has taken from the client's pool
 *  waiting      threads that wait in it
 *  bad_returns  returns, drops and holds that were refused
 */
size_t framepool_bufpool_size(const struct framepool_bufpool *pool);
size_t framepool_bufpool_available(struct framepool_bufpool *pool);
uint64_t framepool_bufpool_memory(struct framepool_bufpool *pool);
size_t framepool_bufpool_waiting(struct framepool_bufpool *pool);
uint64_t framepool_bufpool_bad_returns(const struct framepool_bufpool *pool);

#ifdef __cplusplus
}
#endif

#endif
