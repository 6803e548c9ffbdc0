// SPDX-License-Identifier: GPL-2.0-only
/*
 * Real threads on one buddy: several owners, several threads of one owner, and frees by another
 * thread than the one that allocated. One thread settles the quarantine, one looks at the whole.
 * Built with ThreadSanitizer as well.
 *
 * Each frame has a word of pretend memory, which its holder writes without a lock. The buddy
 * promises that nobody else holds the frame, and that an owner finds zero or its own old contents
 * there. ThreadSanitizer notices if the buddy does not order the accesses.
 */
#include <sched.h>
#include <stdatomic.h>
#include <time.h>

#include "pool.h"
#include "test.h"

#define FRAMES		(32 * FP_HUGE_FRAMES)
#define WORKERS		4
#define SETTLER		WORKERS
#define WATCHER		(WORKERS + 1)
#define STEPS		20000
#define SLOTS		256

static struct fp_buddy buddy;
static struct fp_budget user, budgets[WORKERS];
static struct fp_owner owners[WORKERS];
static u32 nr_owners;
static u32 memory[FRAMES];

/* Runs between threads: frame << 32 | owner << 28 | nr, or 0. */
static _Atomic u64 mailbox[SLOTS];
static _Atomic u32 nr_working;

static void release_ticket(u64 ticket, bool dirty, bool keep)
{
	u64 frame = ticket >> 32, nr = ticket & 0xfffffff, i;
	struct fp_owner *owned_by;
	u32 owner = ticket >> 28 & 0xf;

	for (i = 0; i < nr; i++) {
		EXPECT(memory[frame + i] == owner + 1);
		if (!dirty)
			memory[frame + i] = 0;
	}
	owned_by = &owners[owner];
	EXPECT(dirty && keep ? !fp_buddy_keep(&buddy, owned_by, frame, nr) :
			       !fp_buddy_free(&buddy, owned_by, frame, nr, dirty));
}

static u64 write_run(const struct fp_run *run, u32 owner)
{
	u64 i;

	for (i = 0; i < run->nr; i++) {
		u32 *word = &memory[run->frame + i];

		EXPECT(*word == 0 || (run->dirty && *word == owner + 1));
		*word = owner + 1;
	}
	return run->frame << 32 | (u64)owner << 28 | run->nr;
}

static u64 random_length(u64 *random)
{
	u64 kind = test_random_from(random) % 16;

	if (kind == 0)
		return FP_HUGE_FRAMES + test_random_from(random) % (2 * FP_HUGE_FRAMES);
	return 1 + test_random_from(random) % (1ULL << (kind % 8));
}

static u64 get_run(u64 nr, u32 owner, bool dirty)
{
	const struct fp_request request = {
		.nr = nr, .align = 1, .end_pfn = FP_ANYWHERE, .dirty = dirty,
	};
	struct fp_run run;
	int ret = fp_buddy_alloc(&buddy, &owners[owner], &request, &run);

	EXPECT(ret == 0 || ret == -ENOMEM || ret == -ENOSPC);
	return ret ? 0 : write_run(&run, owner);
}

/* Puts a new run into the mailbox and frees the one that was there, whoever put it there. */
static void work(u32 thread)
{
	u64 random = test_seed * 2654435761U + thread + 1, i;
	u32 owner = thread % nr_owners;

	for (i = 0; i < STEPS * test_scale && !test_failed; i++) {
		_Atomic u64 *slot = &mailbox[test_random_from(&random) % SLOTS];
		u64 ticket = 0;

		if (test_random_from(&random) % 8)
			ticket = get_run(random_length(&random), owner,
					 test_random_from(&random) % 2);
		ticket = atomic_exchange(slot, ticket);
		if (ticket)
			release_ticket(ticket, test_random_from(&random) % 4,
				       test_random_from(&random) % 2);
	}
	nr_working--;
}

/* Clears and releases quarantined huge frames, except one in three, which is still referenced. */
static void settle(void)
{
	u64 random = test_seed | 1;
	struct fp_budget *budget;
	u32 index;

	while (nr_working) {
		index = fp_buddy_quarantine_pop(&buddy, NULL, test_random_from(&random) & 1,
						&budget);
		if (index == FP_NIL) {
			sched_yield();
		} else if (test_random_from(&random) % 3 == 0) {
			fp_buddy_quarantine_push(&buddy, budget, index);
		} else {
			memset(&memory[index * FP_HUGE_FRAMES], 0, FP_HUGE_FRAMES * sizeof(u32));
			fp_buddy_quarantine_release(&buddy, budget, index);
		}
	}
}

/* Long enough for others to change what was just looked at, in case it was not locked. */
static void pause_looking(void)
{
	struct timespec pause = { .tv_nsec = 200000 };

	nanosleep(&pause, NULL);
}

static void watch(void)
{
	u64 released = 0, before;
	struct pool_stats stats;

	while (nr_working) {
		fp_buddy_collect(&buddy, NULL);
		pool_stats(&buddy, &stats);
		EXPECT(stats.total == FRAMES && stats.bad_frees == 0);
		EXPECT(stats.free + stats.used + stats.quarantined == stats.total);
		pool_expect_sound(&buddy);
		EXPECT(READ_ONCE(buddy.nr_quarantined) <= FRAMES / FP_HUGE_FRAMES);
		pause_looking();
		before = released;
		released = READ_ONCE(buddy.nr_released);
		EXPECT(released >= before);
		pause_looking();
	}
}

static void play_part(u32 thread)
{
	if (thread == SETTLER)
		settle();
	else if (thread == WATCHER)
		watch();
	else
		work(thread);
}

static void hammer(u32 owners_in_use)
{
	u32 i;

	nr_owners = owners_in_use;
	nr_working = WORKERS;
	memset(memory, 0, sizeof(memory));
	pool_init_one(&buddy, 0, FRAMES);
	fp_budget_init(&user, FP_HUGE_ORDER, NULL, NULL, 0);
	for (i = 0; i < nr_owners; i++) {
		fp_budget_init(&budgets[i], FP_HUGE_ORDER, &user, NULL, i + 1);
		fp_owner_init(&owners[i], &buddy, &budgets[i]);
		owners[i].max_kept = i % 2;
	}
	test_parallel(WORKERS + 2, play_part);
	for (i = 0; i < SLOTS; i++) {
		if (mailbox[i])
			release_ticket(mailbox[i], true, false);
		mailbox[i] = 0;
	}
	while (fp_buddy_collect(&buddy, NULL))
		;
	pool_fini(&buddy);
	EXPECT(!user.charged && !user.quarantined);
}

static void threads_of_one_owner_share_it(void)
{
	hammer(1);
}

static void threads_of_two_owners_share_a_pool(void)
{
	hammer(2);
}

static void threads_of_an_owner_each_share_a_pool(void)
{
	hammer(WORKERS);
}

/*
 * Owners that end while another thread releases what they left in quarantine: a budget can be
 * freed as soon as nothing is charged to it. ThreadSanitizer sees whether the release is done with
 * it then.
 */
static void end_owners(void)
{
	struct fp_budget *budget;
	struct fp_owner *owner;
	struct fp_run run;
	u32 i;

	for (i = 0; i < STEPS / 10 && !test_failed; i++) {
		budget = calloc(1, sizeof(*budget));
		owner = calloc(1, sizeof(*owner));
		fp_budget_init(budget, FP_HUGE_ORDER, &user, NULL, 1);
		fp_owner_init(owner, &buddy, budget);
		if (!pool_alloc(&buddy, owner, 1, 1, 0, &run))
			EXPECT(pool_free(&buddy, owner, &run) == 0);
		fp_owner_fini(owner);
		free(owner);
		while (fp_buddy_is_charged(&buddy, budget))
			sched_yield();
		free(budget);
	}
	nr_working--;
}

static void play_ending(u32 thread)
{
	if (thread)
		settle();
	else
		end_owners();
}

static void budget_can_be_freed_once_nothing_is_charged(void)
{
	nr_working = 1;
	memset(memory, 0, sizeof(memory));
	pool_init_one(&buddy, 0, 4 * FP_HUGE_FRAMES);
	fp_budget_init(&user, FP_HUGE_ORDER, NULL, NULL, 0);
	test_parallel(2, play_ending);
	pool_fini(&buddy);
	EXPECT(!user.charged && !user.quarantined);
}

/* One thread allocates and frees half a huge frame; another one counts free blocks. */
static void play_counting(u32 thread)
{
	u64 blocks[FP_ORDERS];
	struct fp_run large;
	u32 i, order;

	for (i = 0; !thread && i < STEPS && !test_failed; i++) {
		memset(blocks, 0, sizeof(blocks));
		fp_buddy_count_blocks(&buddy, 0, blocks);
		for (order = 0; order < FP_ORDERS; order++)
			EXPECT(blocks[order] <= fp_buddy_nr_frames(&buddy) >> order);
	}
	nr_working -= !thread;
	while (thread && nr_working) {
		EXPECT(!pool_alloc(&buddy, &owners[0], FP_HUGE_FRAMES / 2, 1, 0, &large));
		EXPECT(!pool_free(&buddy, &owners[0], &large));
	}
}

static void counts_of_a_changing_pool_are_plausible(void)
{
	nr_working = 1;
	pool_init_one(&buddy, 0, FP_HUGE_FRAMES);
	fp_budget_init(&user, FP_HUGE_ORDER, NULL, NULL, 0);
	fp_owner_init(&owners[0], &buddy, &user);
	owners[0].max_kept = 1;
	test_parallel(2, play_counting);
	while (fp_buddy_give_up(&owners[0], 0))
		;
	pool_fini(&buddy);
}

static const struct test tests[] = {
	{ "threads_of_one_owner_share_it", threads_of_one_owner_share_it },
	{ "threads_of_two_owners_share_a_pool", threads_of_two_owners_share_a_pool },
	{ "threads_of_an_owner_each_share_a_pool", threads_of_an_owner_each_share_a_pool },
	{ "budget_can_be_freed_once_nothing_is_charged",
	  budget_can_be_freed_once_nothing_is_charged },
	{ "counts_of_a_changing_pool_are_plausible", counts_of_a_changing_pool_are_plausible },
};

int main(int argc, char **argv)
{
	return test_main(argc, argv, tests, sizeof(tests) / sizeof(*tests));
}
