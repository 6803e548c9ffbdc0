// SPDX-License-Identifier: GPL-2.0-only
/*
 * Many operations that make no mistakes, by processes that are killed at random times and started again: what is there at
 * the end must be what was there at the beginning, frames and the kernel's memory alike.
 *
 * SOAK_OPERATIONS= and SEED= in the environment set the length and repeat the operations of each process, though not
 * how they meet.
 */
#include "module.h"
#include "child.h"
#include "memory.h"
#include "fuzz/hand.h"

#define OPERATIONS	40000
#define WARM_UP		100000
#define WORKERS		8
#define OPS_PER_KILL	2000
#define REPORT_SECONDS	60
#define STAMP		0xf003ULL

/* What the rest of the system may take of the kernel's caches meanwhile; the structures of all buffers of a run take more. */
#define NOISE_KIB	512

/**
 * struct usage - the kernel's memory
 * @free: the machine's free bytes
 * @slab_kib: in caches, but for what the kernel could give back
 */
struct usage {
	long free;
	long slab_kib;
};

static struct common *common;

FIXTURE(soak)
{
	int fd;
	__u64 seed;
	__u64 operations;
};

FIXTURE_SETUP(soak)
{
	const char *seed = getenv("SEED"), *operations = getenv("SOAK_OPERATIONS");

	self->seed = seed ? strtoull(seed, NULL, 0) : time(NULL) ^ getpid();
	self->operations = operations ? strtoull(operations, NULL, 0) : OPERATIONS;
	TH_LOG("SEED=%llu", self->seed);
	common = mmap(NULL, sizeof(*common), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, common);
	self->fd = pool_open();
	ASSERT_GE(self->fd, 0);
}

FIXTURE_TEARDOWN_PARENT(soak)
{
	EXPECT_TRUE(wait_all_free());
}

/* Does operations until it is killed. */
static void soak_work(int process, __u64 stamp, __u64 random)
{
	static struct worker worker;
	struct hand hand;
	struct op op;

	CHILD_CHECK(worker_init(&worker, common, process, stamp, -1));
	CHILD_CHECK(hand_init(&hand, &worker, 0));
	worker.is_soaking = true;
	op.process = process;
	op.thread = 0;
	for (;;) {
		op_generate(&random, true, &op);
		hand_do(&hand, &op);
	}
}

static void start_worker(int process, __u64 *random)
{
	static __u64 started;
	__u64 stamp = STAMP << 48 | ++started << 8 | process, seed = random_next(random);
	pid_t pid = child_fork();

	if (!pid)
		soak_work(process, stamp, seed);
	common->pids[process] = pid;
}

/* Runs so many operations; false if a process found a fault in the module. */
static bool soak(__u64 operations, __u64 *random)
{
	__u64 kill_at = 0, start = common->ops, done = 0, reported = 0, kills = 0;
	double begin = seconds_now(), report_at = begin + REPORT_SECONDS;
	bool well = true;
	int i;

	for (i = 0; i < WORKERS; i++)
		start_worker(i, random);
	while (well && !common->failed && done < operations) {
		sleep_ms(10);
		done = common->ops - start;
		if (seconds_now() > report_at) {
			report_at += REPORT_SECONDS;
			printf("# %llu operations so far, %.0f s\n", done, seconds_now() - begin);
			fflush(stdout);
			/* Or all processes hang. */
			well = done > reported;
			reported = done;
		}
		if (done < kill_at)
			continue;
		i = random_next(random) % WORKERS;
		well = child_kill(common->pids[i]) == CHILD_KILLED + SIGKILL;
		start_worker(i, random);
		kill_at = done + OPS_PER_KILL;
		kills++;
	}
	for (i = 0; i < WORKERS; i++)
		well = child_kill(common->pids[i]) == CHILD_KILLED + SIGKILL && well;
	printf("# %llu operations, %llu processes killed, %.1f s\n", done, kills + WORKERS, seconds_now() - begin);
	return well && !common->failed;
}

/* The kernel's memory when all is idle: what it can give back is given back before. */
static void read_usage(struct usage *usage)
{
	drain_pool();
	write_file("/proc/sys/vm/drop_caches", "3");
	sleep_ms(500);
	usage->free = free_bytes();
	usage->slab_kib = proc_number("/proc/meminfo", NULL, "SUnreclaim");
}

/*
 * Whether this kernel looks for leaks itself. With what it keeps for that, and with freed memory that KASAN holds back, memory
 * does not come back as it does elsewhere.
 */
static bool kernel_finds_leaks(void)
{
	return !access("/sys/kernel/debug/kmemleak", F_OK);
}

TEST_F_TIMEOUT(soak, operations_and_kills_leave_nothing_behind, 36000)
{
	struct usage before, after;
	__u64 random = self->seed;

	/* The kernel gets used to it first: to so many processes, pipes, page tables. */
	ASSERT_TRUE(soak(self->operations / 5 < WARM_UP ? self->operations / 5 : WARM_UP, &random));
	ASSERT_TRUE(wait_idle(self->fd, 1));
	read_usage(&before);
	ASSERT_TRUE(soak(self->operations, &random));
	EXPECT_TRUE(wait_idle(self->fd, 1));
	EXPECT_TRUE(pool_verifies());
	read_usage(&after);
	printf("# free memory: %ld KiB before, %ld KiB after; kernel caches: %ld KiB before, %ld KiB after\n",
	       before.free / 1024, after.free / 1024, before.slab_kib, after.slab_kib);
	if (kernel_finds_leaks())
		return;
	EXPECT_TRUE(memory_is_back(before.free));
	EXPECT_LT(after.slab_kib, before.slab_kib + NOISE_KIB);
}

TEST_HARNESS_MAIN
