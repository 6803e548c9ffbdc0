// SPDX-License-Identifier: GPL-2.0-only
/* Buffers cannot move between NUMA nodes, and the kernel does not try to move them. */
#include "common.h"
#include "memory.h"

#include <linux/mempolicy.h>
#include <pthread.h>
#include <sys/resource.h>

#define BYTES		(64 * MIB)
#define CONTROL		MIB
#define SECONDS		120	/* most that the rounds of balancing may take */
#define SETTINGS	"/sys/kernel/debug/sched/numa_balancing/"
#define SWITCH		"/proc/sys/kernel/numa_balancing"

FIXTURE(numa)
{
	int fd;
	struct buffer buffer;	/* BYTES long, aligned to huge frames, stamped */
	char *p;
	char *control;		/* CONTROL bytes that the kernel may move, in small pages */
};

FIXTURE_SETUP(numa)
{
	self->fd = pool_open();
	ASSERT_GE(self->fd, 0);
	ASSERT_EQ(0, buffer_alloc_huge(self->fd, BYTES, &self->buffer));
	self->p = buffer_map(self->fd, &self->buffer);
	ASSERT_NE(MAP_FAILED, self->p);
	stamp_frames(self->p, BYTES, 0);

	self->control = mmap(NULL, CONTROL, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			     -1, 0);
	ASSERT_NE(MAP_FAILED, self->control);
	ASSERT_TRUE(advise_huge(self->control, CONTROL, MADV_NOHUGEPAGE));
	memset(self->control, PATTERN_MINE, CONTROL);
}

static bool write_number(const char *path, const char *number)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool ok = fd >= 0 && write(fd, number, strlen(number)) > 0;

	close(fd);
	return ok;
}

FIXTURE_TEARDOWN_PARENT(numa)
{
	EXPECT_TRUE(write_number(SWITCH, "0") || access(SWITCH, F_OK));
	EXPECT_TRUE(wait_all_free());
}

/*
 * The kernel decides by the zones that a file's memory may come from whether it may move it. For
 * ours not to count as movable, there must be a DMA zone.
 */
static bool has_dma_zone(void)
{
	FILE *file = fopen("/proc/zoneinfo", "re");
	bool has = false;
	char line[256], zone[32];

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "Node %*d, zone %31s", zone) == 1 && !strcmp(zone, "DMA"))
			has = true;
	if (file)
		fclose(file);
	return has;
}

/* What move_pages() returns for moving the frame at @p to node 0. */
static int move_status(void *p)
{
	int node = 0, status = 1;
	long ret = syscall(SYS_move_pages, 0, 1L, &p, &node, &status, MPOL_MF_MOVE);

	return ret ? -errno : status;
}

TEST_F(numa, memory_counts_as_immovable)
{
	EXPECT_EQ(0, move_status(self->control));
	EXPECT_EQ(has_dma_zone() ? -EFAULT : 0, move_status(self->p));
	EXPECT_TRUE(frames_stamped(self->p, BYTES, 0));
	EXPECT_EQ(kib_if_huge(BYTES), smaps_kib(self->p, "FilePmdMapped"));
}

static long faults_of_touch(char *p, size_t length)
{
	struct rusage before, after;

	getrusage(RUSAGE_SELF, &before);
	touch(p, length);
	getrusage(RUSAGE_SELF, &after);
	return after.ru_minflt - before.ru_minflt;
}

static void *idle(void *unused)
{
	pause();
	return NULL;
}

/* Balancing makes pages inaccessible now and then, to see which node touches them. */
TEST_F_TIMEOUT(numa, balancing_takes_no_faults, 2 * SECONDS)
{
	double end = seconds_now() + SECONDS;
	long ours = 0, others = 0;
	pthread_t thread;

	if (access(SWITCH, F_OK)) {
		/* A kernel built without it. */
		ASSERT_EQ(ENOENT, errno);
		return;
	}
	/*
	 * In a process with one thread, balancing leaves small pages on the thread's own node
	 * alone, such as those of the control.
	 */
	ASSERT_EQ(0, pthread_create(&thread, NULL, idle, NULL));
	ASSERT_TRUE(write_number(SETTINGS "scan_delay_ms", "10"));
	ASSERT_TRUE(write_number(SETTINGS "scan_period_min_ms", "20"));
	ASSERT_TRUE(write_number(SETTINGS "scan_period_max_ms", "20"));
	ASSERT_TRUE(write_number(SWITCH, "1"));
	/* Four rounds over the address space, of which at least three passed over the buffer. */
	while (others < 4 * CONTROL / FRAME && seconds_now() < end) {
		ours += faults_of_touch(self->p, BYTES);
		others += faults_of_touch(self->control, CONTROL);
	}
	EXPECT_GE(others, 4 * CONTROL / FRAME);
	/* One round would cause a fault for each huge frame. The test's stack causes a few. */
	EXPECT_LT(ours, BYTES / HUGE_FRAME);
	EXPECT_TRUE(frames_stamped(self->p, BYTES, 0));
	EXPECT_EQ(kib_if_huge(BYTES), smaps_kib(self->p, "FilePmdMapped"));
}

TEST_HARNESS_MAIN
