// SPDX-License-Identifier: LGPL-2.1-or-later
/* Pools of buffers used by several threads, on the fake kernel. */
#include <errno.h>
#include <libframepool_bufpool.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "fake.h"
#include "random.h"
#include "test.h"

#define POOL_BYTES	(64UL << 20)
#define MS		1000000LL
#define THREADS		6

static struct framepool *fp;
static struct framepool_bufpool *pool;
static pthread_barrier_t barrier;

static void begin(size_t size, size_t count)
{
	pool = framepool_bufpool_create(fp, &(struct framepool_bufpool_options){
						    .size = size, .count = count });
	if (!pool)
		abort();
}

static bool end(void)
{
	bool clean = !framepool_bufpool_destroy(pool);

	return clean && !fake_buffers();
}

static pthread_t start(void *(*run)(void *argument), void *argument)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, run, argument))
		abort();
	return thread;
}

static bool join(pthread_t thread)
{
	void *ret;

	pthread_join(thread, &ret);
	return ret;
}

static void meet(void)
{
	pthread_barrier_wait(&barrier);
}

static void nap(int64_t ns)
{
	struct timespec time = { ns / 1000000000, ns % 1000000000 };

	nanosleep(&time, NULL);
}

static void wait_for_waiters(size_t nr)
{
	while (framepool_bufpool_waiting(pool) != nr)
		nap(MS / 10);
}

/* Writes a mark into a buffer; whoever else has it would see it or overwrite it. */
static void mark(void *buffer, uintptr_t value)
{
	((uintptr_t *)buffer)[0] = value;
	((uintptr_t *)buffer)[1] = ~value;
}

static bool is_marked(const void *buffer, uintptr_t value)
{
	return ((const uintptr_t *)buffer)[0] == value &&
	       ((const uintptr_t *)buffer)[1] == ~value;
}

#define KEPT	40

/* Borrows one, some or many; holds some of them; waits where it must. */
static bool use_some(uint64_t *seed, uintptr_t value)
{
	size_t nr = 1 + random_below(seed, random_below(seed, 4) ? 4 : KEPT);
	bool holds = !random_below(seed, 4), right = true;
	void *buffers[KEPT];

	if (nr == 1)
		right = (buffers[0] = framepool_bufpool_borrow(pool, -1)) != NULL;
	else
		right = !framepool_bufpool_borrow_bulk(pool, buffers, nr, -1);
	for (size_t i = 0; right && i < nr; i++)
		mark(buffers[i], value + i);
	if (holds)
		right &= !framepool_bufpool_hold(pool, buffers[0]);
	if (!random_below(seed, 20))
		sched_yield();
	for (size_t i = 0; i < nr; i++)
		right &= is_marked(buffers[i], value + i);
	right &= !framepool_bufpool_return_bulk(pool, buffers, nr);
	if (holds) {
		right &= is_marked(buffers[0], value);
		right &= !framepool_bufpool_drop(pool, buffers[0]);
	}
	return right;
}

static uint64_t the_seed;

static void *use(void *id)
{
	uint64_t seed = the_seed + (uintptr_t)id;
	bool right = true;

	for (int i = 0; i < 1500; i++)
		right &= use_some(&seed, ((uintptr_t)id + 1) << 32);
	return (void *)right;
}

static bool threads_share(size_t count)
{
	pthread_t threads[THREADS];
	bool right = true;

	begin(64, count);
	for (uintptr_t i = 0; i < THREADS; i++)
		threads[i] = start(use, (void *)i);
	for (int i = 0; i < THREADS; i++)
		right &= join(threads[i]);
	return right && framepool_bufpool_available(pool) == count &&
	       !framepool_bufpool_bad_returns(pool) && end();
}

static void check_threads(void)
{
	check(threads_share(KEPT), "threads_never_share_one_of_few_buffers");
	check(threads_share(200), "threads_never_share_one_of_some_buffers");
	check(threads_share(5000), "threads_never_share_one_of_many_buffers");
}

/* One thread borrows and another returns. */
static void *_Atomic mailbox;

#define PASSED	20000

static void *send_all(void *unused)
{
	(void)unused;
	for (uintptr_t i = 1; i <= PASSED; i++) {
		void *buffer = framepool_bufpool_borrow(pool, -1);

		mark(buffer, i);
		while (mailbox)
			sched_yield();
		mailbox = buffer;
	}
	return NULL;
}

static void check_passing(void)
{
	pthread_t sender;
	bool right = true;

	begin(64, 500);
	sender = start(send_all, NULL);
	for (uintptr_t i = 1; i <= PASSED; i++) {
		void *buffer;

		while (!(buffer = mailbox))
			sched_yield();
		right &= is_marked(buffer, i) && !framepool_bufpool_return(pool, buffer);
		mailbox = NULL;
	}
	pthread_join(sender, NULL);
	check(right && framepool_bufpool_available(pool) == 500 && end(),
	      "buffer_is_returned_by_another_thread");
}

static void *keep_magazine(void *unused)
{
	framepool_bufpool_return(pool, framepool_bufpool_borrow(pool, 0));
	meet();
	meet();
	return unused;
}

/* Idle threads keep buffers, but not from those who need them. */
static void check_drain(void)
{
	static void *buffers[1000];
	pthread_t threads[THREADS];

	begin(64, 1000);
	pthread_barrier_init(&barrier, NULL, THREADS + 1);
	for (int i = 0; i < THREADS; i++)
		threads[i] = start(keep_magazine, NULL);
	meet();
	check(framepool_bufpool_available(pool) == 1000 &&
	      !framepool_bufpool_borrow_bulk(pool, buffers, 1000, 0),
	      "buffers_come_back_from_idle_magazines");
	framepool_bufpool_return_bulk(pool, buffers, 1000);
	meet();
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	pthread_barrier_destroy(&barrier);
	check(framepool_bufpool_available(pool) == 1000 && end(), "drained_pool_ends_clean");
}

static void *die(void *buffer)
{
	*(void **)buffer = framepool_bufpool_borrow(pool, 0);
	return NULL;
}

static void find_leak(const struct framepool_bufpool_loan *loan, void *argument)
{
	if (loan->thread_ended)
		*(void **)argument = loan->buffer;
}

static void check_thread_exit(void)
{
	static void *buffers[1000];
	void *leaked = NULL, *found = NULL;

	begin(64, 1000);
	pthread_join(start(die, &leaked), NULL);
	check(framepool_bufpool_available(pool) == 999 &&
	      !framepool_bufpool_borrow_bulk(pool, buffers, 999, 0),
	      "thread_that_ends_gives_its_magazine_back");
	framepool_bufpool_report(pool, find_leak, &found);
	check(leaked && found == leaked, "what_a_thread_leaks_is_reported");
	check(!framepool_bufpool_return(pool, leaked), "leak_can_be_returned");
	framepool_bufpool_return_bulk(pool, buffers, 999);
	check(end(), "nothing_is_lost_when_threads_end");
}

/* A waiter, and in which order it was served. */
struct waiter {
	size_t need;
	int64_t timeout;
	int err;
	int rank;
	void *buffers[KEPT];
};

static atomic_int rank;

static void *wait_for(void *argument)
{
	struct waiter *waiter = argument;

	errno = 0;
	if (framepool_bufpool_borrow_bulk(pool, waiter->buffers, waiter->need, waiter->timeout))
		waiter->err = errno;
	else
		waiter->rank = ++rank;
	return NULL;
}

static void check_wake(void)
{
	struct waiter waiter = { .need = 1, .timeout = -1 };
	pthread_t thread;
	void *a, *b;

	begin(64, 2);
	a = framepool_bufpool_borrow(pool, 0);
	b = framepool_bufpool_borrow(pool, 0);
	thread = start(wait_for, &waiter);
	wait_for_waiters(1);
	framepool_bufpool_return(pool, a);
	pthread_join(thread, NULL);
	check(!waiter.err && waiter.buffers[0] == a && !framepool_bufpool_waiting(pool),
	      "return_wakes_a_waiter");
	thread = start(wait_for, &waiter);
	wait_for_waiters(1);
	framepool_bufpool_hold(pool, b);
	framepool_bufpool_return(pool, b);
	nap(3 * MS);
	check(framepool_bufpool_waiting(pool) == 1, "return_of_a_held_buffer_wakes_nobody");
	framepool_bufpool_drop(pool, b);
	pthread_join(thread, NULL);
	check(!waiter.err && waiter.buffers[0] == b, "last_drop_wakes_a_waiter");
	framepool_bufpool_return(pool, a);
	framepool_bufpool_return(pool, b);
	check(end(), "waiters_leave_nothing_behind");
}

/* The first waiter is served after 1 ms, then the next one; and newcomers are not. */
static void check_order(void)
{
	struct waiter waiters[4];
	pthread_t threads[4];
	void *buffers[4];
	bool right = true;

	begin(64, 4);
	rank = 0;
	framepool_bufpool_borrow_bulk(pool, buffers, 4, 0);
	for (int i = 0; i < 4; i++) {
		waiters[i] = (struct waiter){ .need = i == 1 ? 3 : 1, .timeout = -1 };
		threads[i] = start(wait_for, &waiters[i]);
		wait_for_waiters((size_t)i + 1);
		nap(4 * MS);
	}
	framepool_bufpool_return(pool, buffers[0]);
	pthread_join(threads[0], NULL);
	check(waiters[0].rank == 1, "first_waiter_is_served_first");
	nap(20 * MS);
	framepool_bufpool_return(pool, buffers[1]);
	framepool_bufpool_return(pool, buffers[2]);
	errno = 0;
	check(!framepool_bufpool_borrow(pool, 0) && errno == EAGAIN &&
	      framepool_bufpool_waiting(pool) == 3, "newcomer_does_not_take_what_waiters_get");
	framepool_bufpool_return(pool, buffers[3]);
	pthread_join(threads[1], NULL);
	check(waiters[1].rank == 2, "waiter_for_many_does_not_starve");
	for (int i = 2; i < 4; i++) {
		nap(20 * MS);
		framepool_bufpool_return(pool, waiters[1].buffers[i - 2]);
		pthread_join(threads[i], NULL);
		right &= waiters[i].rank == i + 1;
	}
	check(right, "others_are_served_in_order");
	framepool_bufpool_return(pool, waiters[1].buffers[2]);
	framepool_bufpool_return(pool, waiters[0].buffers[0]);
	framepool_bufpool_return(pool, waiters[2].buffers[0]);
	framepool_bufpool_return(pool, waiters[3].buffers[0]);
	check(end(), "served_waiters_leave_nothing_behind");
}

/* A waiter for many, which times out, has some already; the next one gets them. */
static void check_passing_on(void)
{
	struct waiter many = { .need = 3, .timeout = 100 * MS };
	struct waiter one = { .need = 1, .timeout = -1 };
	pthread_t first, second;
	void *buffers[3];

	begin(64, 3);
	framepool_bufpool_borrow_bulk(pool, buffers, 3, 0);
	first = start(wait_for, &many);
	wait_for_waiters(1);
	nap(4 * MS);
	second = start(wait_for, &one);
	wait_for_waiters(2);
	nap(4 * MS);
	framepool_bufpool_return(pool, buffers[0]);
	pthread_join(first, NULL);
	pthread_join(second, NULL);
	check(many.err == ETIMEDOUT && !one.err && one.buffers[0] == buffers[0],
	      "waiter_that_times_out_passes_on_what_it_got");
	framepool_bufpool_return_bulk(pool, buffers, 3);
	check(end(), "waiter_that_times_out_leaves_nothing_behind");
}

static void check_close(void)
{
	struct waiter waiters[THREADS];
	pthread_t threads[THREADS];
	void *buffers[2];
	bool right = true;

	begin(64, 2);
	framepool_bufpool_borrow_bulk(pool, buffers, 2, 0);
	for (int i = 0; i < THREADS; i++) {
		waiters[i] = (struct waiter){
			.need = 1 + i % 2, .timeout = i % 3 ? -1 : 1000000 * MS };
		threads[i] = start(wait_for, &waiters[i]);
	}
	wait_for_waiters(THREADS);
	nap(2 * MS);
	framepool_bufpool_close(pool);
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		right &= waiters[i].err == ESHUTDOWN;
	}
	check(right && !framepool_bufpool_waiting(pool), "close_wakes_all_with_eshutdown");
	framepool_bufpool_return_bulk(pool, buffers, 2);
	check(end(), "closed_pool_ends_clean");
}

/* ThreadSanitizer calls handlers when it likes. */
#ifdef __SANITIZE_THREAD__
#define DELAYS_SIGNALS	true
#else
#define DELAYS_SIGNALS	false
#endif

static volatile sig_atomic_t signals;

static void count(int signal)
{
	(void)signal;
	signals++;
}

static void check_signals(void)
{
	struct itimerval often = { { 0, 1000 }, { 0, 1000 } }, never = { { 0, 0 }, { 0, 0 } };
	struct sigaction action = { .sa_handler = count };
	void *buffer;

	begin(64, 1);
	buffer = framepool_bufpool_borrow(pool, 0);
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
	errno = 0;
	check(!framepool_bufpool_borrow(pool, 50 * MS) && errno == ETIMEDOUT &&
	      (signals > 5 || DELAYS_SIGNALS), "signals_do_not_end_a_wait");
	setitimer(ITIMER_REAL, &never, NULL);
	framepool_bufpool_return(pool, buffer);
	check(end(), "signals_leave_nothing_behind");
}

/* Two threads with poll(): the descriptor becomes readable. */
static void *poll_and_borrow(void *unused)
{
	struct pollfd poller = { .fd = framepool_bufpool_fd(pool), .events = POLLIN };
	void *buffer = NULL;

	(void)unused;
	while (!buffer && poll(&poller, 1, 10000) == 1)
		buffer = framepool_bufpool_borrow(pool, 0);
	return (void *)(uintptr_t)(buffer && !framepool_bufpool_return(pool, buffer));
}

static void check_poll(void)
{
	pthread_t threads[2];
	void *buffer;
	bool right;

	begin(64, 1);
	buffer = framepool_bufpool_borrow(pool, 0);
	framepool_bufpool_fd(pool);
	for (int i = 0; i < 2; i++)
		threads[i] = start(poll_and_borrow, NULL);
	nap(5 * MS);
	framepool_bufpool_return(pool, buffer);
	right = join(threads[0]);
	right &= join(threads[1]);
	check(right && end(), "return_wakes_poll");
}

/* Several sizes below one limit. */
static void *use_bytes(void *id)
{
	uint64_t seed = the_seed + (uintptr_t)id;
	bool right = true;

	for (uintptr_t i = 0; i < 1500; i++) {
		size_t bytes = 1 + random_below(&seed, random_below(&seed, 8) ? 3000 : 60000);
		void *buffer = framepool_bufpool_wait_bytes(pool, bytes, -1);

		if (!buffer)
			return NULL;
		mark(buffer, (uintptr_t)id << 32 | i);
		if (!random_below(&seed, 30))
			sched_yield();
		right &= is_marked(buffer, (uintptr_t)id << 32 | i) &&
			 !framepool_bufpool_return(pool, buffer);
	}
	return (void *)right;
}

static void check_bytes(void)
{
	struct framepool_bufpool_options options = {
		.sizes = { 512, 4096, 65536 }, .limit_bytes = 100000,
	};
	pthread_t threads[THREADS];
	bool right = true;

	pool = framepool_bufpool_create(fp, &options);
	for (uintptr_t i = 0; i < THREADS; i++)
		threads[i] = start(use_bytes, (void *)(i + 1));
	for (int i = 0; i < THREADS; i++)
		right &= join(threads[i]);
	check(right && framepool_bufpool_available(pool) == 100000 / 512 && end(),
	      "threads_share_a_limit_of_bytes");
}

static void *fork_often(void *unused)
{
	bool right = true;

	(void)unused;
	for (int i = 0; i < 20; i++) {
		int status = -1;
		pid_t child = fork();

		if (!child)
			_exit(framepool_bufpool_borrow(pool, -1) || errno != EPERM ||
			      framepool_bufpool_destroy(pool));
		right &= waitpid(child, &status, 0) == child && !status;
	}
	return (void *)right;
}

static void check_fork_under_load(void)
{
	pthread_t forker, user;
	bool right;

	begin(64, 100);
	fflush(NULL);
	forker = start(fork_often, NULL);
	user = start(use, NULL);
	for (int i = 0; i < 50; i++) {
		void *leaked = NULL;

		pthread_join(start(die, &leaked), NULL);
		framepool_bufpool_return(pool, leaked);
	}
	right = join(forker);
	right &= join(user);
	check(right && framepool_bufpool_available(pool) == 100 && end(),
	      "fork_is_safe_at_any_time");
}

int main(void)
{
	the_seed = random_seed();
	fp = fake_open(POOL_BYTES);
	check_threads();
	check_passing();
	check_drain();
	check_thread_exit();
	check_wake();
	check_order();
	check_passing_on();
	check_close();
	check_signals();
	check_poll();
	check_bytes();
	check_fork_under_load();
	fake_close(fp);
	return 0;
}
