// SPDX-License-Identifier: LGPL-2.1-or-later
/* Pools of buffers used by one thread, on the fake kernel. */
#include <errno.h>
#include <libframepool_bufpool.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "fake.h"
#include "random.h"
#include "test.h"

#define POOL_BYTES	(64UL << 20)
#define MS		1000000LL
#define MANY		5000

static struct framepool *fp;
static struct framepool_bufpool *pool;
static void *buffers[MANY];

static struct framepool_bufpool *create(struct framepool_bufpool_options options)
{
	return framepool_bufpool_create(fp, &options);
}

static void begin(size_t size, size_t count)
{
	pool = create((struct framepool_bufpool_options){ .size = size, .count = count });
	if (!pool)
		abort();
}

static bool end(void)
{
	bool clean = !framepool_bufpool_destroy(pool);

	return clean && !fake_buffers();
}

static size_t borrow_all(size_t most)
{
	size_t nr = 0;

	while (nr < most && (buffers[nr] = framepool_bufpool_borrow(pool, 0)))
		nr++;
	return nr;
}

static bool return_all(size_t nr)
{
	bool right = true;

	for (size_t i = 0; i < nr; i++)
		right &= !framepool_bufpool_return(pool, buffers[i]);
	return right;
}

static int compare(const void *a, const void *b)
{
	const char *x = *(void * const *)a, *y = *(void * const *)b;

	return (x > y) - (x < y);
}

/* No two overlap, and all are aligned. */
static bool are_distinct(size_t nr, size_t size, size_t align)
{
	static void *sorted[MANY];
	bool right = true;

	memcpy(sorted, buffers, nr * sizeof(*sorted));
	qsort(sorted, nr, sizeof(*sorted), compare);
	for (size_t i = 0; i < nr; i++) {
		uint64_t address = 0;

		right &= !((uintptr_t)sorted[i] & (align - 1)) &&
			 !framepool_bufpool_address(pool, sorted[i], &address) && address &&
			 !(address & (align - 1)) &&
			 (!i || (char *)sorted[i - 1] + size <= (char *)sorted[i]);
	}
	return right;
}

static bool has_shape(size_t size, size_t align, size_t count)
{
	bool right;

	pool = create((struct framepool_bufpool_options){
		.size = size, .align = align, .count = count });
	right = pool && borrow_all(MANY) == count && errno == EAGAIN &&
		are_distinct(count, size, align ? align : 64);
	for (size_t i = 0; i < count; i++) {
		memset(buffers[i], (int)i, size < 100 ? size : 100);
		((char *)buffers[i])[size - 1] = (char)i;
	}
	for (size_t i = 0; right && i < count; i++)
		right = ((char *)buffers[i])[size - 1] == (char)i;
	return right && return_all(count) && end();
}

static void check_shapes(void)
{
	check(has_shape(1, 0, 3) && has_shape(64, 0, MANY - 1) && has_shape(100, 0, 700) &&
	      has_shape(2048, 2048, 3000) && has_shape(5000, 4096, 500) &&
	      has_shape(9000, 64, 1000) && has_shape(40000, 0, 300) &&
	      has_shape(100, 65536, 100) && has_shape((1 << 20) + 1, 0, 20) &&
	      has_shape(3 << 20, 2 << 20, 10) && has_shape(9 << 20, 0, 5),
	      "buffers_of_any_shape_work");
}

static void check_count(void)
{
	begin(2048, 100);
	check(!fake_buffers() && framepool_bufpool_available(pool) == 100 &&
	      !framepool_bufpool_memory(pool), "memory_is_taken_when_it_is_needed");
	errno = 0;
	check(borrow_all(MANY) == 100 && errno == EAGAIN && !framepool_bufpool_available(pool),
	      "count_is_a_hard_limit");
	errno = 77;
	check(return_all(100) && errno == 77 && framepool_bufpool_available(pool) == 100,
	      "returned_buffers_are_available");
	check(borrow_all(1) == 1 && buffers[0] && errno == 77, "success_leaves_errno_alone");
	check(return_all(1) && framepool_bufpool_size(pool) == 2048 && end(), "pool_ends_clean");
}

static void check_reserve(void)
{
	struct framepool_bufpool_options options = {
		.size = 65536, .count = 100, .reserve = 100,
	};

	pool = create(options);
	check(pool && framepool_bufpool_memory(pool) >= 100 * 65536, "reserve_is_taken_at_once");
	fake_fail(FRAMEPOOL_IOC_ALLOC, ENOMEM);
	check(borrow_all(MANY) == 100, "reserve_needs_no_kernel");
	errno = 0;
	check(!create(options) && errno == ENOMEM, "reserve_without_memory_is_enomem");
	fake_fail(FRAMEPOOL_IOC_ALLOC, 0);
	check(return_all(100) && end(), "reserve_is_given_back");
}

static bool create_fails(struct framepool_bufpool_options options)
{
	errno = 0;
	return !create(options) && errno == EINVAL && !fake_buffers();
}

#define OPTIONS(...)	((struct framepool_bufpool_options){ __VA_ARGS__ })

static void check_bad_create(void)
{
	struct framepool_bufpool_options unknown = { .size = 64, .count = 1 };

	unknown.reserved[2] = 1;
	check(create_fails(OPTIONS(.count = 1)) && create_fails(OPTIONS(.size = 64)) &&
	      create_fails(OPTIONS(.size = SIZE_MAX, .count = 1)) &&
	      create_fails(OPTIONS(.size = 64, .count = SIZE_MAX)) &&
	      create_fails(OPTIONS(.size = 1 << 30, .count = 1 << 30)) &&
	      create_fails(OPTIONS(.size = 64, .count = 1, .align = 3)) &&
	      create_fails(OPTIONS(.size = 64, .count = 1, .align = 4 << 20)) &&
	      create_fails(OPTIONS(.size = 64, .count = 1, .reserve = 2)) &&
	      create_fails(OPTIONS(.size = 64, .count = 1, .leaks = 4)) &&
	      create_fails(OPTIONS(.size = 64, .count = 1, .sizes = { 64 })) &&
	      create_fails(OPTIONS(.size = 64, .count = 1, .limit_bytes = 64)) &&
	      create_fails(OPTIONS(.sizes = { 64, 64 }, .limit_bytes = 1000)) &&
	      create_fails(OPTIONS(.sizes = { 64, 2000 }, .limit_bytes = 1000)) &&
	      create_fails(OPTIONS(.sizes = { 64 }, .limit_bytes = 1000, .count = 1)) &&
	      create_fails(OPTIONS(.sizes = { 64 })) && create_fails(unknown),
	      "create_with_bad_options_is_einval");
}

static bool is_refused(void *buffer, int err)
{
	uint64_t bad = framepool_bufpool_bad_returns(pool);

	errno = 0;
	return framepool_bufpool_return(pool, buffer) == -1 && errno == err &&
	       framepool_bufpool_bad_returns(pool) == bad + 1;
}

static void check_bad_returns(void)
{
	char *a, *b;
	int mine;

	begin(100, 1000);
	check(is_refused(&mine, EINVAL), "return_to_an_unused_pool_is_einval");
	a = framepool_bufpool_borrow(pool, 0);
	b = framepool_bufpool_borrow(pool, 0);
	check(is_refused(&mine, EINVAL) && is_refused(a + 1, EINVAL) &&
	      is_refused(a + 64, EINVAL) && is_refused(a - 128, EINVAL) &&
	      is_refused(a + 1000 * 128, EINVAL) && is_refused((void *)-8L, EINVAL),
	      "foreign_return_is_einval");
	errno = 77;
	check(!framepool_bufpool_return(pool, NULL) && errno == 77,
	      "return_of_nothing_is_harmless");
	check(!framepool_bufpool_return(pool, a) && is_refused(a, ENOENT) &&
	      is_refused(b + 128 * 10, ENOENT), "double_return_is_enoent");
	check(framepool_bufpool_borrow(pool, 0) == a, "buffer_returned_last_is_lent_first");
	check(!framepool_bufpool_return(pool, a) && !framepool_bufpool_return(pool, b) && end(),
	      "refused_returns_change_nothing");
}

static bool bulk_works(size_t nr)
{
	return !framepool_bufpool_borrow_bulk(pool, buffers, nr, 0) && are_distinct(nr, 500, 64) &&
	       framepool_bufpool_report(pool, NULL, NULL) == nr &&
	       !framepool_bufpool_return_bulk(pool, buffers, nr);
}

static void check_bulk(void)
{
	static const size_t numbers[] = { 0, 1, 2, 31, 32, 33, 64, 100, 128, 129, 500, 1000, 1, 0 };
	bool right = true;
	void *spare;

	begin(500, 1000);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
		right &= bulk_works(numbers[i]);
	check(right, "bulk_of_any_length_works");
	errno = 0;
	check(framepool_bufpool_borrow_bulk(pool, buffers, 1001, -1) == -1 && errno == EINVAL,
	      "bulk_beyond_the_count_is_einval");
	spare = framepool_bufpool_borrow(pool, 0);
	errno = 0;
	check(framepool_bufpool_borrow_bulk(pool, buffers, 1000, 0) == -1 && errno == EAGAIN &&
	      framepool_bufpool_available(pool) == 999, "bulk_gets_all_or_none");
	framepool_bufpool_borrow_bulk(pool, buffers, 20, 0);
	buffers[5] = buffers[4];
	buffers[10] = &right;
	errno = 0;
	check(framepool_bufpool_return_bulk(pool, buffers, 20) == -1 && errno == EINVAL &&
	      framepool_bufpool_report(pool, NULL, NULL) == 3 &&
	      framepool_bufpool_bad_returns(pool) == 2, "bulk_with_mistakes_returns_all_others");
	framepool_bufpool_return(pool, spare);
	check(framepool_bufpool_destroy(pool) == 2 && !fake_buffers(),
	      "destroy_tells_what_was_not_returned");
}

static void check_holds(void)
{
	char *a;

	begin(64, 1000);
	a = framepool_bufpool_borrow(pool, 0);
	check(!framepool_bufpool_hold(pool, a) && !framepool_bufpool_hold(pool, a) &&
	      !framepool_bufpool_return(pool, a) && framepool_bufpool_borrow(pool, 0) != a &&
	      !framepool_bufpool_bad_returns(pool), "held_buffer_is_not_lent_again");
	check(is_refused(a, ENOENT), "held_buffer_is_returned_once");
	check(!framepool_bufpool_hold(pool, a) && !framepool_bufpool_drop(pool, a) &&
	      !framepool_bufpool_drop(pool, a) && !framepool_bufpool_drop(pool, a) &&
	      framepool_bufpool_borrow(pool, 0) == a, "last_drop_returns_the_buffer");
	errno = 0;
	check(framepool_bufpool_drop(pool, a) == -1 && errno == ENOENT &&
	      framepool_bufpool_drop(pool, a + 1) == -1 && errno == EINVAL,
	      "drop_of_a_buffer_that_is_not_held_is_enoent");
	check(!framepool_bufpool_hold(pool, a) && !framepool_bufpool_drop(pool, a) &&
	      !framepool_bufpool_return(pool, a), "dropped_buffer_can_be_returned");
	errno = 0;
	check(framepool_bufpool_hold(pool, a) == -1 && errno == ENOENT &&
	      framepool_bufpool_hold(pool, &a) == -1 && errno == EINVAL,
	      "hold_of_a_free_buffer_is_enoent");
	a = framepool_bufpool_borrow(pool, 0);
	for (int i = 0; i < 32767; i++)
		framepool_bufpool_hold(pool, a);
	errno = 0;
	check(framepool_bufpool_hold(pool, a) == -1 && errno == EOVERFLOW,
	      "hold_beyond_the_limit_is_eoverflow");
	check(framepool_bufpool_destroy(pool) == 2, "held_buffers_are_not_returned");
}

static int64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000 * MS + time.tv_nsec;
}

static void check_timeouts(void)
{
	int64_t start;

	begin(2048, 2);
	borrow_all(2);
	start = now();
	errno = 0;
	check(!framepool_bufpool_borrow(pool, 30 * MS) && errno == ETIMEDOUT &&
	      now() - start >= 30 * MS && now() - start < 3000 * MS,
	      "wait_ends_after_the_time");
	start = now();
	check(!framepool_bufpool_borrow(pool, 100) && errno == ETIMEDOUT && now() - start >= 100 &&
	      !framepool_bufpool_waiting(pool), "short_wait_ends_after_the_time");
	framepool_bufpool_return(pool, buffers[1]);
	errno = 0;
	check(framepool_bufpool_borrow_bulk(pool, buffers + 1, 2, MS / 2) == -1 &&
	      errno == ETIMEDOUT && framepool_bufpool_available(pool) == 1,
	      "bulk_that_times_out_gets_none");
	errno = 0;
	check(framepool_bufpool_borrow_bulk(pool, buffers + 1, 2, 5 * MS) == -1 &&
	      errno == ETIMEDOUT && framepool_bufpool_available(pool) == 1,
	      "bulk_that_was_urgent_gives_back_what_it_got");
	check(!framepool_bufpool_return(pool, buffers[0]) && end(), "nothing_is_lost_in_waits");
}

static void check_close(void)
{
	begin(2048, 1000);
	borrow_all(3);
	framepool_bufpool_close(pool);
	errno = 0;
	check(!framepool_bufpool_borrow(pool, 0) && errno == ESHUTDOWN &&
	      !framepool_bufpool_borrow(pool, -1) && errno == ESHUTDOWN &&
	      framepool_bufpool_borrow_bulk(pool, buffers + 3, 2, -1) == -1 && errno == ESHUTDOWN,
	      "closed_pool_is_eshutdown");
	check(return_all(3) && !framepool_bufpool_available(pool) && end(),
	      "buffers_return_to_a_closed_pool");
}

static bool is_readable(int fd)
{
	struct pollfd poller = { .fd = fd, .events = POLLIN };

	return poll(&poller, 1, 0) == 1 && poller.revents & POLLIN;
}

static void check_poll(void)
{
	int fd;

	begin(2048, 100);
	borrow_all(5);
	return_all(5);
	fd = framepool_bufpool_fd(pool);
	check(fd >= 0 && fd == framepool_bufpool_fd(pool) && is_readable(fd),
	      "descriptor_is_readable_while_there_are_buffers");
	check(borrow_all(MANY) == 100 && !is_readable(fd),
	      "descriptor_is_not_readable_without_buffers");
	framepool_bufpool_return(pool, buffers[7]);
	check(is_readable(fd) && framepool_bufpool_borrow(pool, 0) == buffers[7] &&
	      !is_readable(fd), "descriptor_becomes_readable_again");
	framepool_bufpool_close(pool);
	check(is_readable(fd), "descriptor_of_a_closed_pool_is_readable");
	return_all(100);
	check(end() && !is_readable(fd), "descriptor_is_closed_with_the_pool");
}

static void check_bytes(void)
{
	void *small[16], *large, *all;
	uint64_t memory;

	pool = create(OPTIONS(.sizes = { 4096, 16384, 65536 }, .limit_bytes = 65536));
	check(pool && framepool_bufpool_available(pool) == 16, "pool_of_several_sizes_is_made");
	for (int i = 0; i < 12; i++)
		small[i] = framepool_bufpool_wait_bytes(pool, i ? 4096 : 1, 0);
	large = framepool_bufpool_wait_bytes(pool, 5000, 0);
	errno = 0;
	check(small[11] && large && !framepool_bufpool_wait_bytes(pool, 1, 0) && errno == EAGAIN,
	      "sizes_share_one_limit");
	errno = 0;
	check(!framepool_bufpool_wait_bytes(pool, 65537, -1) && errno == EINVAL,
	      "bytes_beyond_all_sizes_are_einval");
	errno = 0;
	check(!framepool_bufpool_wait_bytes(pool, 65536, 2 * MS) && errno == ETIMEDOUT,
	      "wait_for_bytes_ends_after_the_time");
	check(!framepool_bufpool_return(pool, large) && is_refused(large, ENOENT) &&
	      is_refused((char *)small[0] + 64, EINVAL), "double_return_of_a_size_is_enoent");
	framepool_bufpool_return_bulk(pool, small, 12);
	all = framepool_bufpool_wait_bytes(pool, 20000, 0);
	memory = framepool_bufpool_memory(pool);
	check(all && memory <= 65536, "memory_of_other_sizes_is_given_back");
	check(!framepool_bufpool_return(pool, all) && end(), "pool_of_several_sizes_ends_clean");
}

/* Errors of the kernel, as quotas and a shutdown give them. */
static bool lends_with(int err, int expected, int64_t timeout)
{
	void *buffer;

	fake_fail(FRAMEPOOL_IOC_ALLOC, err);
	errno = 0;
	buffer = framepool_bufpool_borrow(pool, timeout);
	fake_fail(FRAMEPOOL_IOC_ALLOC, 0);
	return !buffer && errno == expected;
}

static void check_errors(void)
{
	begin(2 << 20, 20);
	check(lends_with(EDQUOT, EDQUOT, 0) && lends_with(EDQUOT, EDQUOT, -1) &&
	      lends_with(ENOMEM, ENOMEM, -1), "first_buffer_beyond_the_quota_is_edquot");
	borrow_all(1);
	check(lends_with(EDQUOT, EDQUOT, 0) && lends_with(EDQUOT, ETIMEDOUT, MS),
	      "buffer_beyond_the_quota_may_be_waited_for");
	check(lends_with(ENODEV, ENODEV, -1), "buffer_of_a_dead_pool_is_enodev");
	fake_fail(FRAMEPOOL_IOC_QUERY, ENODEV);
	errno = 0;
	check(!framepool_bufpool_borrow(pool, -1) && errno == ENODEV && fake_buffers() == 1,
	      "chunk_without_an_address_is_freed");
	fake_fail(FRAMEPOOL_IOC_QUERY, 0);
	fake_fail_memory(2);
	errno = 0;
	check(!framepool_bufpool_borrow(pool, 0) && errno == ENOMEM && fake_buffers() == 1,
	      "chunk_that_cannot_be_mapped_is_freed");
	fake_fail_memory(0);
	check(borrow_all(1) == 1, "pool_works_again_afterwards");
	framepool_bufpool_destroy(pool);
}

static void check_lack_of_memory(void)
{
	int refused = 0;
	bool right = true;

	for (int i = 1; i <= 16; i++) {
		fake_fail_memory(i);
		pool = create(OPTIONS(.size = 2048, .count = 1000, .reserve = 1));
		if (pool) {
			size_t nr = borrow_all(2000);

			fake_fail_memory(0);
			right &= return_all(nr) && end();
		} else {
			right &= errno == ENOBUFS || errno == ENOMEM;
			refused++;
		}
		fake_fail_memory(0);
		right &= !fake_buffers();
	}
	check(right && refused >= 6 && refused < 16, "create_without_memory_leaves_nothing");
}

static bool lives_as_child(void *ours)
{
	struct framepool_bufpool *mine;
	uint64_t address;
	bool right = true;

	errno = 0;
	right &= !framepool_bufpool_borrow(pool, -1) && errno == EPERM;
	right &= framepool_bufpool_return(pool, ours) == -1 && errno == EPERM;
	right &= framepool_bufpool_hold(pool, ours) == -1 && errno == EPERM;
	right &= framepool_bufpool_drop(pool, ours) == -1 && errno == EPERM;
	right &= framepool_bufpool_fd(pool) == -1 && errno == EPERM;
	right &= framepool_bufpool_borrow_bulk(pool, buffers, 2, 0) == -1 && errno == EPERM;
	right &= framepool_bufpool_address(pool, ours, &address) == -1 && errno == EPERM;
	right &= !framepool_bufpool_report(pool, NULL, NULL);
	framepool_bufpool_close(pool);
	mine = create(OPTIONS(.size = 2048, .count = 1000));
	right &= mine && !framepool_bufpool_return(mine, framepool_bufpool_borrow(mine, 0)) &&
		 !framepool_bufpool_destroy(mine);
	right &= !framepool_bufpool_destroy(pool);
	return right;
}

static void check_fork(void)
{
	int status = -1;
	void *ours;
	pid_t child;

	begin(2048, 1000);
	ours = framepool_bufpool_borrow(pool, 0);
	fflush(NULL);
	child = fork();
	if (!child)
		_exit(!lives_as_child(ours));
	check(waitpid(child, &status, 0) == child && !status, "child_owns_nothing");
	check(fake_buffers() == 1 && borrow_all(MANY) == 999 && return_all(999) &&
	      !framepool_bufpool_return(pool, ours) && end(), "pool_stays_the_parents");
}

static struct framepool_bufpool_loan loans[8];
static size_t nr_loans;

static void keep(const struct framepool_bufpool_loan *loan, void *argument)
{
	if (argument == &nr_loans && nr_loans < 8)
		loans[nr_loans++] = *loan;
}

static void report(void)
{
	nr_loans = 0;
	framepool_bufpool_report(pool, keep, &nr_loans);
}

static void check_report(void)
{
	struct timespec pause = { .tv_nsec = 200 * MS };
	char *a, *b;

	pool = create(OPTIONS(.name = "packets", .size = 1500, .count = 1000));
	a = framepool_bufpool_borrow(pool, 0);
	b = framepool_bufpool_borrow(pool, 0);
	framepool_bufpool_hold(pool, b);
	framepool_bufpool_return(pool, b);
	nanosleep(&pause, NULL);
	report();
	check(nr_loans == 2 && loans[0].buffer == a && loans[0].borrowed && !loans[0].holds &&
	      loans[0].thread == getpid() && !loans[0].thread_ended && !loans[0].exact &&
	      loans[0].size == 1500 && !loans[0].frames && !strcmp(loans[0].pool, "packets"),
	      "report_tells_who_has_a_buffer");
	check((char *)loans[0].caller > (char *)check_report &&
	      (char *)loans[0].caller < (char *)check_report + 4096,
	      "report_tells_where_it_was_borrowed");
	check(loans[0].age_ns >= 100 * MS && loans[0].age_ns < 10000 * MS,
	      "report_tells_since_when");
	check(loans[1].buffer == b && !loans[1].borrowed && loans[1].holds == 1 &&
	      !loans[1].thread, "report_tells_who_is_held");
	framepool_bufpool_destroy(pool);
	pool = create(OPTIONS(.size = 1500, .count = 10, .leaks = FRAMEPOOL_BUFPOOL_LEAKS_OFF));
	framepool_bufpool_borrow(pool, 0);
	report();
	check(nr_loans == 1 && !loans[0].caller, "report_without_callers_tells_none");
	framepool_bufpool_destroy(pool);
	pool = create(OPTIONS(.size = 1500, .count = 1000, .leaks = FRAMEPOOL_BUFPOOL_LEAKS_ALL));
	framepool_bufpool_borrow(pool, 0);
	report();
	check(nr_loans == 1 && loans[0].exact && loans[0].age_ns < 1000 * MS && loans[0].frames,
	      "report_of_all_has_backtraces");
	framepool_bufpool_destroy(pool);
	setenv("FRAMEPOOL_BUFPOOL_LEAKS", "sampled", 1);
	pool = create(OPTIONS(.size = 1500, .count = 1000));
	unsetenv("FRAMEPOOL_BUFPOOL_LEAKS");
	borrow_all(300);
	report();
	check(nr_loans == 8 && loans[0].exact && !loans[1].exact && loans[1].caller,
	      "report_of_samples_has_some_backtraces");
	check(framepool_bufpool_report(pool, NULL, NULL) == 300, "report_counts_all");
	framepool_bufpool_destroy(pool);
}

/* The model: the first @nr of buffers[] are borrowed, and each contains its address. */
static size_t step(uint64_t *seed, size_t nr, size_t count)
{
	size_t some = random_below(seed, random_below(seed, 8) ? 4 : 300), which;

	switch (random_below(seed, 6)) {
	case 0:
		if (some > count - nr) {
			errno = 0;
			if (framepool_bufpool_borrow_bulk(pool, buffers + nr, some, 0) != -1 ||
			    errno != (some > count ? EINVAL : EAGAIN))
				abort();
			return nr;
		}
		if (framepool_bufpool_borrow_bulk(pool, buffers + nr, some, 0))
			abort();
		for (size_t i = nr; i < nr + some; i++)
			*(void **)buffers[i] = buffers[i];
		return nr + some;
	case 1:
	case 2:
		buffers[nr] = framepool_bufpool_borrow(pool, 0);
		if (!buffers[nr] != (nr == count))
			abort();
		if (nr == count)
			return nr;
		*(void **)buffers[nr] = buffers[nr];
		return nr + 1;
	case 3:
		some = some < nr ? some : nr;
		for (size_t i = nr - some; i < nr; i++)
			if (*(void **)buffers[i] != buffers[i])
				abort();
		if (framepool_bufpool_return_bulk(pool, buffers + nr - some, some))
			abort();
		return nr - some;
	default:
		if (!nr)
			return nr;
		which = random_below(seed, (uint32_t)nr);
		if (*(void **)buffers[which] != buffers[which] ||
		    framepool_bufpool_return(pool, buffers[which]) ||
		    framepool_bufpool_return(pool, buffers[which]) != -1)
			abort();
		buffers[which] = buffers[nr - 1];
		return nr - 1;
	}
}

static void check_random(void)
{
	uint64_t seed = random_seed();
	bool right = true;

	for (int round = 0; round < 20; round++) {
		size_t count = 1 + random_below(&seed, random_below(&seed, 2) ? 20 : 3000), nr = 0;

		begin(1 + random_below(&seed, 5000), count);
		for (int i = 0; i < 3000; i++)
			nr = step(&seed, nr, count);
		right &= framepool_bufpool_report(pool, NULL, NULL) == nr &&
			 framepool_bufpool_available(pool) == count - nr;
		right &= !framepool_bufpool_return_bulk(pool, buffers, nr) && end();
	}
	check(right, "random_calls_agree_with_the_model");
}

int main(void)
{
	fp = fake_open(POOL_BYTES);
	check_shapes();
	check_count();
	check_reserve();
	check_bad_create();
	check_bad_returns();
	check_bulk();
	check_holds();
	check_timeouts();
	check_close();
	check_poll();
	check_bytes();
	check_errors();
	check_lack_of_memory();
	check_fork();
	check_report();
	check_random();
	fake_close(fp);
	return 0;
}
