// SPDX-License-Identifier: GPL-2.0-only
/*
 * Magazines with threads as processors, next to threads that drain and verify. Also built with
 * ThreadSanitizer: each frame has a word of pretend memory, which only the holder of the frame
 * writes. So ThreadSanitizer notices when the accesses of two holders are not ordered.
 */
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <time.h>

#include "core/blocks.h"
#include "pool.h"
#include "test.h"

#define FRAMES		(64 * FP_HUGE_FRAMES)
#define WORKERS		nr_cpu_ids
#define DRAINER		WORKERS
#define WATCHER		(WORKERS + 1)
#define CLIENTS		2	/* threads from WATCHER + 1 on, which are no processors */
#define STEPS		30000
#define SLOTS		128
#define SOFTIRQS	2000

static struct fp_buddy buddy;
static struct fp_blocks kernel;

/*
 * Blocks on their way from one processor to another: frame << 8 | order << 1 | 1, or 0. The memory
 * of free blocks is zero. What a client leaves in its memory is cleared by the quarantine only.
 */
static _Atomic u64 mailbox[SLOTS];
static _Atomic u32 nr_working;
static u32 memory[FRAMES];
static struct fp_owner clients[CLIENTS];

static void give_back(u64 ticket)
{
	u64 frame = ticket >> 8, i;
	u32 order = ticket >> 1 & 0x7f;

	for (i = 0; i < 1ULL << order; i++) {
		EXPECT(memory[frame + i] == order + 1);
		memory[frame + i] = 0;
	}
	EXPECT(fp_blocks_free(&kernel, frame, order) == 0);
}

static u64 get_block(u64 *random)
{
	u32 order = test_random_from(random) % 16;
	u64 frame, i;

	order = order > FP_HUGE_ORDER + 1 ? 0 : order;
	frame = fp_blocks_alloc(&kernel, order);
	if (frame == FP_ANYWHERE)
		return 0;
	for (i = 0; i < 1ULL << order; i++) {
		EXPECT(memory[frame + i] == 0);
		memory[frame + i] = order + 1;
	}
	return frame << 8 | order << 1 | 1;
}

/* Puts a new block into the mailbox and frees the one that was there, whoever put it there. */
static void step(u64 *random)
{
	u64 ticket = test_random_from(random) % 4 ? get_block(random) : 0;

	ticket = atomic_exchange(&mailbox[test_random_from(random) % SLOTS], ticket);
	if (ticket)
		give_back(ticket);
}

static u64 thread_random(u32 thread)
{
	return test_seed * 2654435761U + thread + 1;
}

static void work(u32 thread)
{
	u64 random = thread_random(thread), i;

	test_cpu = thread;
	for (i = 0; i < STEPS * test_scale && !test_failed; i++)
		step(&random);
	nr_working--;
}

static void fill(const struct fp_run *run, u32 mark)
{
	u64 i;

	for (i = run->frame; i < run->frame + run->nr; i++) {
		EXPECT(memory[i] == 0 || (run->dirty && memory[i] == mark));
		memory[i] = mark;
	}
}

/*
 * A client beside the kernel: allocates runs of any length, and frees them without clearing them.
 */
static void be_client(u32 number)
{
	u64 random = thread_random(WATCHER + 1 + number);
	struct fp_owner *owner = &clients[number];
	struct fp_run runs[8] = {}, *run;
	u32 i;

	while (nr_working && !test_failed) {
		run = &runs[test_random_from(&random) % 8];
		if (run->nr)
			EXPECT(pool_free(&buddy, owner, run) == 0);
		run->nr = 0;
		if (!pool_alloc(&buddy, owner, 1 + test_random_from(&random) % 700, 1, 0, run))
			fill(run, 100 + number);
		else
			run->nr = 0;
	}
	for (i = 0; i < 8; i++)
		if (runs[i].nr)
			EXPECT(pool_free(&buddy, owner, &runs[i]) == 0);
}

static void settle_now(void)
{
	struct fp_budget *budget;
	u32 index = fp_buddy_quarantine_pop(&buddy, NULL, FP_UNCLEARED, &budget);

	if (index == FP_NIL)
		return;
	memset(&memory[index * FP_HUGE_FRAMES], 0, FP_HUGE_FRAMES * sizeof(u32));
	fp_buddy_quarantine_release(&buddy, budget, index);
}

static void drain_all_the_time(void)
{
	bool hurry = false;

	while (nr_working) {
		fp_magazines_drain(&kernel.magazines, hurry);
		settle_now();
		hurry = !hurry;
		sched_yield();
	}
}

static void watch(void)
{
	struct timespec pause = { .tv_nsec = 300000 };
	struct pool_stats stats;

	while (nr_working) {
		pool_blocks_stats(&kernel, &stats);
		EXPECT(stats.total == FRAMES && !stats.bad_frees);
		EXPECT(stats.free + stats.used + stats.quarantined == FRAMES);
		pool_expect_sound(&buddy);
		settle_now();
		nanosleep(&pause, NULL);
	}
}

static void play_part(u32 thread)
{
	if (thread == DRAINER)
		drain_all_the_time();
	else if (thread == WATCHER)
		watch();
	else if (thread > WATCHER)
		be_client(thread - WATCHER - 1);
	else
		work(thread);
}

static void begin_threads(void)
{
	u32 *hpfn = calloc(FRAMES / FP_HUGE_FRAMES, sizeof(*hpfn)), i;

	for (i = 0; i < FRAMES / FP_HUGE_FRAMES; i++)
		hpfn[i] = 64 + i;
	memset(&buddy, 0, sizeof(buddy));
	memset(&kernel, 0, sizeof(kernel));
	EXPECT(fp_buddy_init(&buddy, FP_HUGE_ORDER, hpfn, FRAMES / FP_HUGE_FRAMES,
			     nr_cpu_ids) == 0);
	free(hpfn);
	EXPECT(fp_blocks_init(&kernel, &buddy, false) == 0);
	memset(memory, 0, sizeof(memory));
	nr_working = WORKERS;
}

/* Nothing is lost: only what is in the mailbox is allocated. */
static void end_threads(void)
{
	struct pool_stats stats;
	u32 i;

	for (i = 0; i < SLOTS; i++) {
		if (mailbox[i])
			give_back(mailbox[i]);
		mailbox[i] = 0;
	}
	pool_blocks_stats(&kernel, &stats);
	EXPECT(!stats.used && !stats.bad_frees);
	fp_magazines_drain(&kernel.magazines, true);
	pool_expect_sound(&buddy);
	fp_blocks_fini(&kernel);
	test_cpu = 0;
	pool_fini(&buddy);
}

static void processors_share_a_pool_while_it_is_drained(void)
{
	begin_threads();
	test_parallel(WORKERS + 2, play_part);
	end_threads();
}

static void processors_and_clients_share_a_pool(void)
{
	u32 i;

	begin_threads();
	for (i = 0; i < CLIENTS; i++)
		fp_owner_init(&clients[i], &buddy, NULL);
	test_parallel(WORKERS + 2 + CLIENTS, play_part);
	for (i = 0; i < CLIENTS; i++)
		fp_owner_fini(&clients[i]);
	end_threads();
}

/* ThreadSanitizer delays signals until they interrupt nothing. */
#ifndef __SANITIZE_THREAD__
static pthread_t interrupted[nr_cpu_ids];
static _Atomic u32 nr_ready;
static _Atomic u32 nr_interrupting;
static __thread u64 softirq_random;
static __thread u32 nr_softirqs;

/* Interrupts the thread where softirqs are enabled, and uses the same magazines. */
static void softirq(int number)
{
	(void)number;
	if (READ_ONCE(test_bh_depth))
		return;
	step(&softirq_random);
	WRITE_ONCE(nr_softirqs, nr_softirqs + 1);
}

static void be_interrupted(u32 thread)
{
	u64 random = thread_random(thread);

	test_cpu = thread;
	softirq_random = thread_random(thread + WORKERS);
	interrupted[thread] = pthread_self();
	nr_ready++;
	while (READ_ONCE(nr_softirqs) < SOFTIRQS * test_scale && !test_failed)
		step(&random);
	nr_working--;
	/* The id of a thread that has ended must not be signalled. */
	while (nr_interrupting)
		sched_yield();
}

static void interrupt(void)
{
	u32 i;

	while (nr_ready < WORKERS)
		sched_yield();
	while (nr_working) {
		for (i = 0; i < WORKERS; i++)
			pthread_kill(interrupted[i], SIGUSR1);
		settle_now();
		sched_yield();
	}
	nr_interrupting--;
}

static void play_softirq_part(u32 thread)
{
	if (thread < WORKERS)
		be_interrupted(thread);
	else if (thread == DRAINER)
		watch();
	else
		interrupt();
}

static void softirqs_use_the_magazines_they_interrupt(void)
{
	const struct sigaction action = { .sa_handler = softirq, .sa_flags = SA_RESTART };
	struct sigaction before;

	begin_threads();
	nr_ready = 0;
	nr_interrupting = 1;
	sigaction(SIGUSR1, &action, &before);
	test_parallel(WORKERS + 2, play_softirq_part);
	sigaction(SIGUSR1, &before, NULL);
	end_threads();
}
#endif

/* Only the protocol: magazines of two blocks, and drains without pause. */
static void tiny(u32 thread)
{
	u64 i, frame;

	if (thread >= WORKERS) {
		while (nr_working)
			fp_magazines_drain(&kernel.magazines, thread == DRAINER);
		return;
	}
	test_cpu = thread;
	for (i = 0; i < 2 * STEPS * test_scale && !test_failed; i++) {
		frame = fp_blocks_alloc(&kernel, 0);
		EXPECT(frame != FP_ANYWHERE && memory[frame]++ == 0);
		memory[frame] = 0;
		EXPECT(fp_blocks_free(&kernel, frame, 0) == 0);
	}
	nr_working--;
}

static void drains_neither_lose_nor_double_a_block(void)
{
	u32 cpu;

	begin_threads();
	kernel.dirty = false;
	for_each_possible_cpu(cpu)
		per_cpu_ptr(kernel.magazines.cpus, cpu)->magazines[0].size = 2;
	test_parallel(WORKERS + 2, tiny);
	end_threads();
}

static const struct test tests[] = {
	{ "processors_share_a_pool_while_it_is_drained",
	  processors_share_a_pool_while_it_is_drained },
	{ "processors_and_clients_share_a_pool", processors_and_clients_share_a_pool },
#ifndef __SANITIZE_THREAD__
	{ "softirqs_use_the_magazines_they_interrupt", softirqs_use_the_magazines_they_interrupt },
#endif
	{ "drains_neither_lose_nor_double_a_block", drains_neither_lose_nor_double_a_block },
};

int main(int argc, char **argv)
{
	return test_main(argc, argv, tests, sizeof(tests) / sizeof(*tests));
}
