// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What framepool_explain_alloc() says about failures in a pool whose numbers the fake makes up, and
 * framepool_explain_map() about limits of the process.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "fake.h"
#include "internal.h"
#include "test.h"

#define KIB	1024ULL
#define MIB	(1024 * KIB)

static struct framepool *fp;

/* The sentence has @words, and errno is left alone. */
static void expect(const char *name, int err, uint64_t length, uint64_t align, uint64_t limit,
		   const char *words)
{
	char text[512];
	bool passed;

	errno = ERANGE;
	framepool_explain_alloc(err, fp, length, align, limit, text, sizeof(text));
	passed = errno == ERANGE && strstr(text, words) && !strchr(text, '\n');
	if (!passed)
		printf("# %s\n", text);
	check(passed, name);
}

static void check_nomem(void)
{
	fake_stats()->free_bytes = 3 * MIB + 4 * KIB;
	fake_stats()->orders = 10;
	fake_stats()->free_blocks[9] = 1;
	expect("explain_nomem_beyond_the_pool_names_its_size", ENOMEM, 257 * MIB, 0, 0,
	       "257M is more than the whole pool 'default' has, which is 256M: ask for less, or");
	expect("explain_nomem_names_what_is_free", ENOMEM, 4 * MIB, 0, 0,
	       "pool 'default' has 3076K free, less than the 4M asked for: 'framepool clients'");
	expect("explain_nomem_that_has_passed_says_try_again", ENOMEM, 4097, 0, 0,
	       "had less free than the 4097 asked for, but has 3076K now: try again");
	expect("explain_nomem_names_what_others_have", ENOMEM, 2 * MIB + 4 * KIB, 0, 0,
	       "pool 'default' has 3076K free, but 1028K of that lie in huge frames that other "
	       "clients use partly");
	fake_fail(FRAMEPOOL_IOC_STATS, EFAULT);
	expect("explain_nomem_without_numbers_names_the_error", ENOMEM, 4 * MIB, 0, 0,
	       "cannot allocate 4M: Cannot allocate memory");
	fake_fail(FRAMEPOOL_IOC_STATS, 0);
}

static void check_nospace(void)
{
	fake_stats()->free_bytes = 9 * MIB;
	fake_stats()->largest_bytes = 2 * MIB;
	expect("explain_nospace_names_the_largest_run", ENOSPC, 4 * MIB, 0, 0,
	       "pool 'default' has 9M free, but no run of 4M: the largest free run is 2M; '");
	expect("explain_nospace_mentions_an_alignment", ENOSPC, MIB, 4 * MIB, 0,
	       "no run of 1M with that alignment: the largest");
	expect("explain_nospace_mentions_a_limit", ENOSPC, MIB, 0, MIB,
	       "no run of 1M below that address: the largest");
	fp->info.first_address = 4096 * MIB;
	fp->info.end_address = 8192 * MIB;
	expect("explain_nospace_below_the_pool_says_where_it_lies", ENOSPC, MIB, 0, 4096 * MIB,
	       "no memory of pool 'default' lies below 4G: all of it lies between 0x100000000 and "
	       "0x200000000; load the module with below=4G, or below=4G:BYTES");
	expect("explain_nospace_inside_the_pool_does_not", ENOSPC, MIB, 0, 4097 * MIB,
	       "no run of 1M below that address: the largest");
	fp->info.first_address = 0;
	expect("explain_nospace_mentions_both", ENOSPC, MIB, 4 * MIB, MIB,
	       "no run of 1M with that alignment below that address: the largest");
}

/* 4 MiB are refused with these quotas. */
static void expect_quota(const char *name, uint64_t of_client, uint64_t of_user, const char *words)
{
	fake_info()->client_quota_bytes = of_client;
	fake_info()->user_quota_bytes = of_user;
	expect(name, EDQUOT, 4 * MIB, 0, 0, words);
}

static void check_quota(void)
{
	expect_quota("explain_quota_below_the_length_names_it", 3 * MIB, 0,
		     "4M is more than pool 'default' lets one client be charged, which is 3M: ask "
		     "for less, or write a larger limit to "
		     "/sys/class/framepool/default/client_quota");
	expect_quota("explain_quota_of_the_client_names_it", 8 * MIB, 0,
		     "with 4M more this client would be charged more than pool 'default' allows, "
		     "which is 8M: free buffers, or");
	expect_quota("explain_quota_of_the_user_names_it", 0, 8 * MIB,
		     "with 4M more this user would be charged more than pool 'default' allows, "
		     "which is 8M: end other programs, or write a larger limit to "
		     "/sys/class/framepool/default/user_quota");
	expect_quota("explain_quota_of_the_user_below_the_length_names_it", 8 * MIB, 3 * MIB,
		     "user would be charged more than pool 'default' allows, which is 3M");
	expect_quota("explain_quota_of_either_names_both", 8 * MIB, 9 * MIB,
		     "with 4M more this client would be charged more than 8M, or this user more "
		     "than 9M");
	expect_quota("explain_quota_that_is_gone_says_try_again", 0, 0,
		     "has no quotas now: try again");
}

/* There are no quotas at first. */
static void check_timeout(void)
{
	fake_stats()->free_bytes = 9 * MIB;
	fake_stats()->largest_bytes = 8 * MIB;
	expect("explain_etimedout_names_what_is_free", ETIMEDOUT, 10 * MIB, 0, 0,
	       "no 10M came free in time; pool 'default' has 9M free, less than the 10M asked");
	expect("explain_etimedout_names_the_largest_run", ETIMEDOUT, 9 * MIB, 0, 0,
	       "no 9M came free in time; pool 'default' has 9M free, but no run of 9M: the");
	expect("explain_etimedout_mentions_an_alignment", ETIMEDOUT, MIB, 4 * MIB, 0,
	       "no 1M came free in time; pool 'default' has 9M free, but no run of 1M with that");
	expect("explain_etimedout_names_nothing_that_is_gone", ETIMEDOUT, 4 * MIB, 0, 0,
	       "no 4M came free in time; 'framepool clients' shows");
	fake_info()->client_quota_bytes = 4 * MIB;
	expect("explain_etimedout_names_the_quota", ETIMEDOUT, 4 * MIB, 0, 0,
	       "no 4M came free in time; with 4M more this client would be charged more");
	fake_info()->client_quota_bytes = 0;
}

static void check_others(void)
{
	expect("explain_e2big_names_the_module", E2BIG, 1, 0, 0,
	       "the loaded module does not know what was asked for: install it from");

	expect("explain_einval_of_no_length", EINVAL, 0, 0, 0, "at least 1 byte");
	expect("explain_einval_names_the_alignment", EINVAL, 1, 3 * KIB, 0,
	       "a power of two, which 3K is not");
	expect("explain_einval_names_the_length", EINVAL, UINT64_MAX, 0, 0,
	       "18446744073709551615 is more than any pool can have");
	expect("explain_eperm_names_the_alignment", EPERM, 1, 4 * MIB, 0,
	       "an alignment above 2M is for who opens the pool with CAP_SYS_ADMIN");
	expect("explain_eexist", EEXIST, 1, 0, 0, "at the beginning of the file already");
	expect("explain_enobufs", ENOBUFS, 1, 0, 0, "outside the pool");
	expect("explain_alloc_knows_other_errors", EINTR, MIB, 0, 0,
	       "cannot allocate 1M: Interrupted");
	expect("explain_enodev_names_the_pool", ENODEV, 1, 0, 0,
	       "pool 'default' was shut down by force: end the programs");
	fake_fail(FRAMEPOOL_IOC_STATS, ENODEV);
	expect("explain_nomem_in_a_dead_pool_says_so", ENOMEM, 1, 0, 0, "shut down by force");
	expect("explain_nospace_in_a_dead_pool_says_so", ENOSPC, 1, 0, 0, "shut down by force");
	fake_fail(FRAMEPOOL_IOC_STATS, 0);
}

static bool maps_as(struct framepool_buffer *buf, int err, const char *words)
{
	char text[512];

	errno = ERANGE;
	framepool_explain_map(err, buf, text, sizeof(text));
	if (errno == ERANGE && strstr(text, words) && !strchr(text, '\n'))
		return true;
	printf("# %s\n", text);
	return false;
}

static void check_map(void)
{
	struct framepool_buffer *buf = framepool_buffer_alloc(fp, 64 * KIB);
	struct rlimit old, limit;

	check(buf && maps_as(buf, ENXIO, "freed its handle") &&
	      maps_as(buf, ENODEV, "shut down") && maps_as(buf, EPERM, "cannot map a buffer of 64"),
	      "explain_map_knows_other_errors");
	check(maps_as(buf, ENOMEM, "no room for a buffer of 64 KiB: unmap"),
	      "explain_map_without_a_limit_names_none");
	if (getrlimit(RLIMIT_AS, &old))
		abort();
	limit = (struct rlimit){ RLIM_INFINITY - 1, old.rlim_max };
	check(!setrlimit(RLIMIT_AS, &limit) &&
	      maps_as(buf, ENOMEM, "'ulimit -v' limits its addresses to 18014398509481983 KiB") &&
	      !setrlimit(RLIMIT_AS, &old), "explain_map_names_the_limit_of_addresses");
	if (getrlimit(RLIMIT_MEMLOCK, &limit))
		abort();
	limit.rlim_cur = 0;
	check(!setrlimit(RLIMIT_MEMLOCK, &limit) &&
	      maps_as(buf, EAGAIN, "more than 'ulimit -l' allows, which is 0 KiB"),
	      "explain_map_names_the_limit_of_locked_memory");
	framepool_buffer_free(buf);
}

static bool pins_as(int err, const char *words)
{
	char text[256];

	errno = ERANGE;
	framepool_explain_pin(err, text, sizeof(text));
	if (errno == ERANGE && strstr(text, words) && !strchr(text, '\n'))
		return true;
	printf("# %s\n", text);
	return false;
}

static void check_pin(void)
{
	check(pins_as(EADDRNOTAVAIL, "may move") && pins_as(EBUSY, "has moved") &&
	      pins_as(EINVAL, "not pinned") && pins_as(EOVERFLOW, "as many pins") &&
	      pins_as(ENOENT, "freed its handle") && pins_as(ENOTTY, "moves no memory") &&
	      pins_as(ENODEV, "shut down"), "explain_pin_has_a_sentence_for_each_error");
	check(pins_as(EINTR, "cannot pin the buffer: Interrupted"),
	      "explain_pin_knows_other_errors");
}

static bool cuts_to(size_t size)
{
	char text[64];

	memset(text, 'x', sizeof(text));
	return framepool_explain_alloc(ENOMEM, fp, MIB, 0, 0, text, size) == text &&
	       strlen(text) == size - 1 && text[size] == 'x';
}

int main(void)
{
	fp = fake_open(256 * MIB);
	check_nomem();
	check_nospace();
	check_quota();
	check_timeout();
	check_others();
	check_map();
	check_pin();
	check(cuts_to(1) && cuts_to(20), "explain_alloc_stays_in_its_buffer");
	fake_close(fp);
	return 0;
}
