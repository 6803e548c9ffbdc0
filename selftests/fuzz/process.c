// SPDX-License-Identifier: GPL-2.0-only
/* The processes of the fuzzer and their threads: how they start, work, and are killed. */
#define _GNU_SOURCE
#include "hand.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "framepool.h"

/*
 * The arena has the same address in all processes, so that they can peek at each other. It is a
 * multiple of a huge frame, and far from everything else.
 */
#define ARENA		((char *)0x100000000000)
#define ARENA_BYTES	((2 * SLOTS + THREADS) * WINDOW)

#define LARGEST_ENTRY	64

/**
 * hand_fail() - report a fault of the module, and end this process
 * @hand: the thread that found it
 * @why: the fault
 * @number: a number that goes with it
 *
 * Context: also in a child of a process with threads, where no lock may be taken.
 */
void hand_fail(struct hand *hand, const char *why, __u64 number)
{
	char text[256];
	const char *op = hand->op ? op_types[hand->op->type].name : "-";
	int length = snprintf(text, sizeof(text), "# process %d thread %d, %s: %s: %llx\n",
			      hand->worker->process, hand->thread, op, why, number);

	(void)!write(2, text, length);
	__atomic_store_n(&hand->worker->common->failed, 1, __ATOMIC_RELEASE);
	_exit(1);
}

/* Uses what the child has inherited. It exits by itself, or dies with the thread that forked it. */
static void child_work(struct hand *hand, struct map map, __u64 how)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != hand->worker->common->pids[hand->worker->process])
		_exit(0);
	if (map.p) {
		frames_check(hand, &map);
		frames_stamp(hand, &map);
	}
	if (how & 1)
		pause();
	if (how & 2)
		munmap(hand->worker->arena, ARENA_BYTES);
	_exit(0);
}

/**
 * run_fork() - fork: makes a child that uses a mapping
 * @hand: the thread
 * @op: mapping, how: bit 0: it stays, bit 1: it unmaps all, bit 2: it is killed
 */
void run_fork(struct hand *hand, const struct op *op)
{
	struct map map = map_of(hand, op->args[0]);
	__u64 how = op->args[1];
	pid_t pid = fork();

	if (!pid)
		child_work(hand, map, how);
	if (pid < 0)
		return;
	if (how & 4)
		kill(pid, SIGKILL);
	if ((how & 4) || !(how & 1))
		waitpid(pid, NULL, 0);
}

/**
 * run_kill() - kill: kills a process, whatever it is doing
 * @hand: the thread
 * @op: process, whether: only if 0
 */
void run_kill(struct hand *hand, const struct op *op)
{
	pid_t pid = hand->worker->common->pids[op->args[0] % PROCESSES];

	if (pid && !op->args[1])
		kill(pid, SIGKILL);
}

/**
 * run_nap() - nap: sleeps, so that others run
 * @hand: the thread
 * @op: time in units of half a millisecond
 */
void run_nap(struct hand *hand, const struct op *op)
{
	(void)hand;
	usleep(op->args[0] % 64 * 500);
}

/**
 * run_look() - look: reads a file of debugfs
 * @hand: the thread
 * @op: number of the file, as two octal digits
 */
void run_look(struct hand *hand, const struct op *op)
{
	static const char *const files[] = {
		"summary", "buddyinfo", "fragmentation", "clients", "users", "quarantine", "map",
		"owners", "extents", "caches", "verify",
	};
	int nr_files = sizeof(files) / sizeof(*files);
	char path[64], text[4096];
	int fd;

	(void)hand;
	snprintf(path, sizeof(path), "/sys/kernel/debug/framepool/default/%s",
		 files[(op->args[0] * 8 + op->args[1]) % nr_files]);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	while (fd >= 0 && read(fd, text, sizeof(text)) > 0)
		;
	close(fd);
}

/**
 * run_drain() - drain: takes what clients keep, as an administrator can
 * @hand: the thread
 * @op: unused
 */
void run_drain(struct hand *hand, const struct op *op)
{
	int fd = open("/sys/class/framepool/default/drain", O_WRONLY | O_CLOEXEC);

	(void)hand;
	(void)op;
	(void)!write(fd, "1", 1);
	close(fd);
}

/**
 * run_quota() - quota: changes the client quota, as an administrator can
 * @hand: the thread
 * @op: the quota in MiB; even numbers mean no limit
 */
void run_quota(struct hand *hand, const struct op *op)
{
	int fd = open("/sys/class/framepool/default/client_quota", O_WRONLY | O_CLOEXEC);

	(void)hand;
	dprintf(fd, "%llu", op->args[0] % 2 ? op->args[0] % 64 << 20 : 0);
	close(fd);
}

/**
 * run_room() - room: allocates most of what is free at once, so that what is in the way moves
 * @hand: the thread
 * @op: how many eighths to leave
 */
void run_room(struct hand *hand, const struct op *op)
{
	struct framepool_ioc_stats stats = { .size = sizeof(stats) };
	struct framepool_ioc_alloc alloc = { .size = sizeof(alloc) };
	int fd = open("/dev/framepool/default", O_RDWR | O_CLOEXEC);

	(void)hand;
	if (fd < 0)
		return;
	if (!ioctl(fd, FRAMEPOOL_IOC_STATS, &stats)) {
		alloc.length = stats.free_bytes / 8 * (8 - op->args[0] % 8);
		ioctl(fd, FRAMEPOOL_IOC_ALLOC, &alloc);
	}
	close(fd);
}

/**
 * worker_init() - prepare a process
 * @worker: the process
 * @common: what all processes share
 * @process: its number
 * @stamp: what it writes into frames
 * @shared_fd: a client that all processes have; -1 if there is none
 *
 * Return: whether it has all that it needs.
 */
bool worker_init(struct worker *worker, struct common *common, int process, __u64 stamp,
		 int shared_fd)
{
	const char *disk = getenv("DISK");
	int i;

	memset(worker, 0, sizeof(*worker));
	pthread_mutex_init(&worker->lock, NULL);
	worker->common = common;
	worker->process = process;
	worker->stamp = stamp;
	worker->disk = disk ? open(disk, O_RDWR | O_CREAT | O_DIRECT | O_CLOEXEC, 0600) : -1;
	for (i = 0; i < CLIENTS; i++)
		worker->clients[i].fd = -1;
	worker->clients[0] = (struct client){ .fd = shared_fd, .shared = true };
	worker->arena = mmap(ARENA, ARENA_BYTES, PROT_NONE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE,
			     -1, 0);
	catch_faults();
	return worker->arena == ARENA;
}

/**
 * hand_init() - prepare a thread
 * @hand: the thread
 * @worker: its process
 * @thread: its number
 *
 * Return: whether it has all that it needs.
 */
bool hand_init(struct hand *hand, struct worker *worker, int thread)
{
	hand->worker = worker;
	hand->thread = thread;
	hand->op = NULL;
	hand->page = mmap(NULL, 2 * FRAME_BYTES, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	hand->entries = mmap(NULL, FRAMEPOOL_BATCH_MAX * LARGEST_ENTRY, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return hand->page != MAP_FAILED && hand->entries != MAP_FAILED &&
	       !mprotect(hand->page + FRAME_BYTES, FRAME_BYTES, PROT_NONE) &&
	       !pipe2(hand->pipe, O_CLOEXEC | O_NONBLOCK);
}

/**
 * hand_do() - do an operation
 * @hand: the thread
 * @op: the operation
 */
void hand_do(struct hand *hand, const struct op *op)
{
	hand->op = op;
	op_types[op->type].run(hand, op);
	__atomic_fetch_add(&hand->worker->common->ops, 1, __ATOMIC_RELAXED);
}

/**
 * struct part - a thread's part of a program
 * @hand: the thread
 * @program: the program
 * @ready: number of threads that have started
 */
struct part {
	struct hand hand;
	const struct program *program;
	int *ready;
};

static void *thread_work(void *arg)
{
	struct part *part = arg;
	int i;

	__atomic_fetch_add(part->ready, 1, __ATOMIC_ACQ_REL);
	while (__atomic_load_n(part->ready, __ATOMIC_ACQUIRE) < THREADS)
		sched_yield();
	for (i = 0; i < part->program->nr; i++) {
		const struct op *op = &part->program->ops[i];

		if (op->process == part->hand.worker->process && op->thread == part->hand.thread)
			hand_do(&part->hand, op);
	}
	return NULL;
}

/**
 * worker_run() - do this process's part of a program, and exit
 * @worker: the process
 * @program: the program
 */
void worker_run(struct worker *worker, const struct program *program)
{
	struct part parts[THREADS];
	pthread_t threads[THREADS];
	int i, ready = 0;

	for (i = 0; i < THREADS; i++) {
		parts[i] = (struct part){ .program = program, .ready = &ready };
		if (!hand_init(&parts[i].hand, worker, i))
			hand_fail(&parts[i].hand, "a thread lacks memory or descriptors", 0);
	}
	for (i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, thread_work, &parts[i]))
			hand_fail(&parts[i].hand, "a thread cannot be started", 0);
	for (i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	_exit(0);
}
