// SPDX-License-Identifier: GPL-2.0-only
/*
 * The suite "reader": how fast a client allocates and frees a buffer while another process reads
 * the pool's figures over and over: each file of the device in sysfs, and the STATS call. Each has
 * a processor of its own. A third client uses a part of most huge frames, so that there is
 * something to look at.
 *
 * Rounds beside the reader alternate with rounds in which it reads a file of the kernel's instead.
 * So its processor is as busy, and what the emulator and the host make of two busy processors does
 * not count. The median of the rounds counts: the greatest speed would be that of a round in which
 * something else kept the reader from running.
 */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest.h"
#include "uapi/framepool.h"

#define POOL		"/dev/framepool/default"
#define FILES		"/sys/class/framepool/default"
#define OTHER_FILE	"/sys/kernel/mm/transparent_hugepage/enabled"
#define MAX_FILES	64
#define MAX_ROUNDS	99
#define ROUND_NS	200000000ULL
#define PAIRS_AT_ONCE	16
#define PAUSE_US	20000

/* What client and reader share. */
struct shared {
	bool go;		/* the reader shall read the pool's figures */
	u64 nr_passes;		/* of the reader */
};

/* Speeds, in thousandths of a pair a second. */
struct speeds {
	u64 alone[MAX_ROUNDS];
	u64 beside[MAX_ROUNDS];
};

static int open_pool(void)
{
	int fd = open(POOL, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		err(1, POOL);
	return fd;
}

static void call(int fd, unsigned long number, void *argument)
{
	if (ioctl(fd, number, argument))
		err(1, POOL ": number %lu", number & 0xff);
}

static void pin(u32 cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		err(1, "this suite needs two processors");
}

/* Opens all files of the pool's device but those that can only be written. Return: how many. */
static u32 open_files(int files[MAX_FILES])
{
	DIR *directory = opendir(FILES);
	struct dirent *entry;
	u32 nr = 0;

	if (!directory)
		err(1, FILES);
	while (nr < MAX_FILES && (entry = readdir(directory)) != NULL) {
		if (entry->d_type != DT_REG)
			continue;
		files[nr] = openat(dirfd(directory), entry->d_name, O_RDONLY | O_CLOEXEC);
		if (files[nr] >= 0)
			nr++;
	}
	closedir(directory);
	return nr;
}

static void read_file(int file)
{
	char text[4096];

	if (pread(file, text, sizeof(text), 0) < 0)
		err(1, "cannot read a file of sysfs");
}

static _Noreturn void be_reader(struct shared *shared)
{
	struct framepool_ioc_stats stats = { .size = sizeof(stats) };
	int files[MAX_FILES], fd = open_pool(), other = open(OTHER_FILE, O_RDONLY | O_CLOEXEC);
	u32 nr = open_files(files), i;

	pin(1);
	while (true) {
		while (!READ_ONCE(shared->go))
			read_file(other);
		for (i = 0; i < nr; i++)
			read_file(files[i]);
		call(fd, FRAMEPOOL_IOC_STATS, &stats);
		WRITE_ONCE(shared->nr_passes, shared->nr_passes + 1);
	}
}

static pid_t start_reader(struct shared **shared)
{
	pid_t parent = getpid(), pid;

	*shared = mmap(NULL, sizeof(**shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		       -1, 0);
	if (*shared == MAP_FAILED)
		err(1, "mmap");
	pid = fork();
	if (pid < 0)
		err(1, "fork");
	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() == parent)
		be_reader(*shared);
	_exit(1);
}

/* Uses a frame of each of three in four huge frames. Return: the client that does. */
static int fill(void)
{
	struct framepool_ioc_info info = { .size = sizeof(info) };
	int fd = open_pool();
	u64 i;

	call(fd, FRAMEPOOL_IOC_INFO, &info);
	for (i = 0; i < info.total_bytes / info.huge_bytes * 3 / 4; i++) {
		struct framepool_ioc_alloc alloc = {
			.size = sizeof(alloc), .length = info.frame_bytes, .align = info.huge_bytes,
		};

		call(fd, FRAMEPOOL_IOC_ALLOC, &alloc);
	}
	return fd;
}

static void run_pairs(int fd, size_t bytes)
{
	u32 i;

	for (i = 0; i < PAIRS_AT_ONCE; i++) {
		struct framepool_ioc_alloc alloc = { .size = sizeof(alloc), .length = bytes };
		struct framepool_ioc_free arg = { .size = sizeof(arg) };

		call(fd, FRAMEPOOL_IOC_ALLOC, &alloc);
		arg.handle = alloc.handle;
		call(fd, FRAMEPOOL_IOC_FREE, &arg);
	}
}

static u64 speed(int fd, size_t bytes)
{
	u64 start = bench_now(), nr = 0, time;

	do {
		run_pairs(fd, bytes);
		nr += PAIRS_AT_ONCE;
		time = bench_now() - start;
	} while (time < ROUND_NS);
	return nr * 1000 * 1000000000 / time;
}

static u64 speed_beside(struct shared *shared, int fd, size_t bytes)
{
	u64 passes = READ_ONCE(shared->nr_passes), result;

	WRITE_ONCE(shared->go, true);
	usleep(PAUSE_US);
	result = speed(fd, bytes);
	WRITE_ONCE(shared->go, false);
	/* The pass that is under way ends. */
	usleep(PAUSE_US);
	if (READ_ONCE(shared->nr_passes) == passes)
		errx(1, "the reader has not read");
	return result;
}

static int compare(const void *a, const void *b)
{
	u64 x = *(const u64 *)a, y = *(const u64 *)b;

	return (x > y) - (x < y);
}

static struct bench_value median_of(u64 *speeds, u32 nr)
{
	qsort(speeds, nr, sizeof(*speeds), compare);
	return (struct bench_value){
		.best = speeds[nr / 2], .low = speeds[0], .high = speeds[nr - 1],
	};
}

static void measure(struct shared *shared, u32 rounds, const char *what, size_t bytes)
{
	struct bench_row row = {
		.suite = "reader", .threads = 1, .unit = "pairs/s", .peer = "alone",
	};
	struct speeds speeds;
	char name[64];
	int fd = open_pool();
	u32 i;

	speed(fd, bytes);
	for (i = 0; i < rounds; i++) {
		speeds.alone[i] = speed(fd, bytes);
		speeds.beside[i] = speed_beside(shared, fd, bytes);
	}
	close(fd);
	snprintf(name, sizeof(name), "%s clean beside a reader", what);
	row.name = name;
	row.ours = median_of(speeds.beside, rounds);
	row.theirs = median_of(speeds.alone, rounds);
	bench_emit(&row);
}

/**
 * bench_reader() - measure allocating and freeing beside a reader of the pool's figures, and report
 * @rounds: of each case, with and without the reader
 *
 * Needs two processors. The pool is not in use.
 */
void bench_reader(u32 rounds)
{
	struct shared *shared;
	pid_t reader = start_reader(&shared);
	int fd = fill();

	pin(0);
	rounds = min(rounds, MAX_ROUNDS);
	measure(shared, rounds, "4 KiB", 4 * KIB);
	measure(shared, rounds, "2 MiB", 2 * MIB);
	close(fd);
	kill(reader, SIGKILL);
	waitpid(reader, NULL, 0);
}
