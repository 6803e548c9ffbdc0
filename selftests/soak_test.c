// SPDX-License-Identifier: GPL-2.0-only
/*
 * Many valid operations by processes that are killed at random times and started again, while
 * another one has memory moved. At the end, as many frames and as much of the kernel's memory must
 * be free as at the beginning.
 *
 * SOAK_OPERATIONS= in the environment sets the number of operations. SEED= repeats the operations
 * of each process, though not how they interleave.
 */
#include "module.h"
#include "child.h"
#include "moving.h"
#include "fuzz/hand.h"

#define OPERATIONS	40000
#define FEW_OPERATIONS	10000	/* on a debugging kernel, which is slow */
#define WARM_UP		100000
#define WORKERS		8
#define COMPACTOR	WORKERS		/* the process that has memory moved */
#define NR_MOVABLE	1024		/* how many buffers that has */
#define MAX_RUN		6
#define ALL_PROCESSES	(COMPACTOR + 1)
#define OPS_PER_KILL	2000
#define REPORT_SECONDS	60
#define STAMP		0xf003ULL

/*
 * How much of the kernel's caches the rest of the system may take meanwhile. The structures of all
 * buffers of a run take more.
 */
#define NOISE_KIB	512

/* How long the kernel's memory has to stay the same to count as settled. */
#define SETTLED_MS	500

/**
 * struct usage - the kernel's memory
 * @free: the machine's free bytes
 * @slab_kib: unreclaimable memory in caches
 */
struct usage {
	long free;
	long slab_kib;
};

static struct common *common;

/*
 * Whether this kernel looks for leaks itself. Then memory does not all come back, because of what
 * kmemleak keeps for that and of freed memory that KASAN holds back.
 */
static bool kernel_finds_leaks(void)
{
	return !access("/sys/kernel/debug/kmemleak", F_OK);
}

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
	self->operations = operations ? strtoull(operations, NULL, 0) :
			   kernel_finds_leaks() ? FEW_OPERATIONS : OPERATIONS;
	TH_LOG("SEED=%llu", self->seed);
	common = mmap(NULL, sizeof(*common), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
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

static bool lacks_room(int error)
{
	return error == -ENOMEM || error == -ENOSPC;
}

/* Replaces a movable buffer by one of another length. Short ones are more frequent. */
static void renew(int fd, struct buffer *buffer, __u64 random)
{
	unsigned int order = random % 11 * (random / 11 % 11) / 10;
	int ret;

	if (buffer->handle)
		CHILD_CHECK(!handle_free(fd, buffer->handle));
	buffer->handle = 0;
	ret = buffer_alloc_movable(fd, FRAME << order, buffer);
	CHILD_CHECK(!ret || lacks_room(ret));
}

/*
 * Has memory moved until it is killed: fills the pool with movable buffers, and allocates and frees
 * runs of up to MAX_RUN huge frames, for which some must move.
 */
static void compact_work(__u64 random)
{
	static struct buffer movable[NR_MOVABLE];
	struct buffer run;
	int fd = pool_open(), ret, i;

	CHILD_CHECK(fd >= 0);
	for (i = 0; i < NR_MOVABLE; i++)
		renew(fd, &movable[i], random_next(&random));
	for (;;) {
		renew(fd, &movable[random_next(&random) % NR_MOVABLE], random_next(&random));
		ret = buffer_alloc(fd, HUGE_FRAME * (1 + random_next(&random) % MAX_RUN), &run);
		CHILD_CHECK(!ret || lacks_room(ret));
		if (!ret)
			CHILD_CHECK(!handle_free(fd, run.handle));
	}
}

static void start_worker(int process, __u64 *random)
{
	static __u64 started;
	__u64 stamp = STAMP << 48 | ++started << 8 | process, seed = random_next(random);
	pid_t pid = child_fork();

	if (!pid && process == COMPACTOR)
		compact_work(seed);
	if (!pid)
		soak_work(process, stamp, seed);
	common->pids[process] = pid;
}

/* Runs @operations operations; false if a process found a fault in the module. */
static bool soak(__u64 operations, __u64 *random)
{
	__u64 kill_at = 0, start = common->ops, done = 0, reported = 0, kills = 0;
	double begin = seconds_now(), report_at = begin + REPORT_SECONDS;
	bool well = true;
	int i;

	for (i = 0; i < ALL_PROCESSES; i++)
		start_worker(i, random);
	while (well && !common->failed && done < operations) {
		sleep_ms(10);
		done = common->ops - start;
		if (seconds_now() > report_at) {
			report_at += REPORT_SECONDS;
			printf("# %llu operations, %llu moves so far, %.0f s\n", done,
			       summary_number("moves"), seconds_now() - begin);
			fflush(stdout);
			/* Without progress, all processes hang. */
			well = done > reported;
			reported = done;
		}
		if (done < kill_at)
			continue;
		/* The compactor takes a while until it has filled the pool. */
		i = kills % 64 == 63 ? COMPACTOR : random_next(random) % WORKERS;
		well = child_kill(common->pids[i]) == CHILD_KILLED + SIGKILL;
		start_worker(i, random);
		kill_at = done + OPS_PER_KILL;
		kills++;
	}
	for (i = 0; i < ALL_PROCESSES; i++)
		well = child_kill(common->pids[i]) == CHILD_KILLED + SIGKILL && well;
	printf("# %llu operations, %llu processes killed, %llu buffers and slabs moved, %.1f s\n",
	       done, kills + ALL_PROCESSES, summary_number("moves"), seconds_now() - begin);
	return well && !common->failed;
}

static long slab_kib(void)
{
	return proc_number("/proc/meminfo", NULL, "SUnreclaim");
}

/*
 * Reads how much memory the kernel uses after it has freed what it can. It frees some of it in the
 * background, so this waits until the use has stopped falling.
 */
static bool read_usage(struct usage *usage)
{
	double end = seconds_now() + IDLE_SECONDS, settled;
	struct usage now;

	if (!drain_pool() || write_file("/proc/sys/vm/drop_caches", "3"))
		return false;
	*usage = (struct usage){ free_bytes(), slab_kib() };
	settled = seconds_now() + SETTLED_MS / 1000.0;
	while (seconds_now() < settled && seconds_now() < end) {
		sleep_ms(SETTLED_MS / 10);
		now = (struct usage){ free_bytes(), slab_kib() };
		if (now.free <= usage->free && now.slab_kib >= usage->slab_kib)
			continue;
		usage->free = now.free > usage->free ? now.free : usage->free;
		usage->slab_kib = now.slab_kib < usage->slab_kib ? now.slab_kib : usage->slab_kib;
		settled = seconds_now() + SETTLED_MS / 1000.0;
	}
	return true;
}

/* Waits until the kernel's caches take no more than @before, except for some noise. */
static bool slabs_are_back(long before)
{
	double end = seconds_now() + IDLE_SECONDS;

	while (slab_kib() >= before + NOISE_KIB) {
		if (seconds_now() > end) {
			fprintf(stderr, "# kernel caches take %ld KiB, before %ld KiB\n",
				slab_kib(), before);
			return false;
		}
		sleep_ms(100);
	}
	return true;
}

TEST_F_TIMEOUT(soak, operations_and_kills_leave_nothing_behind, 36000)
{
	struct usage before, after;
	__u64 random = self->seed;

	/* Warm up first, so that the kernel has memory for so many processes and page tables. */
	ASSERT_TRUE(soak(self->operations / 5 < WARM_UP ? self->operations / 5 : WARM_UP, &random));
	ASSERT_TRUE(wait_idle(self->fd, 1));
	ASSERT_TRUE(read_usage(&before));
	ASSERT_TRUE(soak(self->operations, &random));
	EXPECT_GT(summary_number("moves"), 0);
	EXPECT_TRUE(wait_idle(self->fd, 1));
	EXPECT_TRUE(pool_verifies());
	ASSERT_TRUE(read_usage(&after));
	printf("# free memory: %ld KiB before, %ld KiB after\n", before.free / 1024,
	       after.free / 1024);
	printf("# kernel caches: %ld KiB before, %ld KiB after\n", before.slab_kib, after.slab_kib);
	if (kernel_finds_leaks())
		return;
	EXPECT_TRUE(memory_is_back(before.free));
	EXPECT_TRUE(slabs_are_back(before.slab_kib));
}

TEST_HARNESS_MAIN
