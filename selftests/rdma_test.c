// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that an RDMA device reads and writes: rxe, which is one in software. What is registered
 * with it is pinned, so it keeps its memory whatever the program frees, until it is deregistered.
 */
#include "common.h"
#include "child.h"
#include "memory.h"
#include "module.h"
#include "sigbus.h"

#include <grp.h>
#include <sys/resource.h>

#include "../userspace/examples/pair.h"

#define BYTES		(4 * MIB)
#define MANY_BYTES	(64 * MIB)
#define NOBODY		65534
#define SHUTDOWN	"/sys/class/framepool/" POOL_NAME "/shutdown"
#define RXE		"/sys/class/infiniband/rxe0"

#define ACCESS	(IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_READ | IBV_ACCESS_REMOTE_WRITE)

FIXTURE(rdma)
{
	int probe;		/* another client, which observes the pool */
	int fd;
	struct buffer buffer;	/* BYTES long, aligned to huge frames */
	char *p;		/* its mapping, stamped */
	char *other;		/* BYTES that are not of the pool, all zeros */
};

/* Before 7.3, the device computes its checksums by a module. */
static bool has_modules(void)
{
	return !modprobe("ib_uverbs") && !modprobe("rdma_rxe") && !modprobe("dummy numdummies=1") &&
	       (kernel_is("7.") || !modprobe("crc32_generic"));
}

FIXTURE_SETUP(rdma)
{
	if (!has_modules())
		SKIP(return, "there is no RDMA device in software");
	ASSERT_EQ(0, system("ifconfig dummy0 10.0.0.1 up"));
	if (access(RXE, F_OK)) {
		ASSERT_EQ(0, system("rdma link add rxe0 type rxe netdev dummy0"));
	}
	self->probe = pool_open();
	ASSERT_GE(self->probe, 0);
	self->fd = pool_open();
	ASSERT_GE(self->fd, 0);
	ASSERT_EQ(0, buffer_alloc_huge(self->fd, BYTES, &self->buffer));
	self->p = buffer_map(self->fd, &self->buffer);
	ASSERT_NE(MAP_FAILED, self->p);
	stamp_frames(self->p, BYTES, 0);
	self->other = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->other);
}

FIXTURE_TEARDOWN_PARENT(rdma)
{
	EXPECT_TRUE(wait_all_free());
}

/* A near and a far side, and where each of them has its memory. */
struct sides {
	struct pair pair;
	struct ibv_mr *near_mr, *far_mr;
	char *near, *far;
};

/* Connects, and registers both sides' memory. */
static bool join(struct sides *sides, char *near, char *far, size_t length, int far_access)
{
	if (pair_open(&sides->pair))
		return false;
	sides->near = near;
	sides->far = far;
	sides->near_mr = ibv_reg_mr(sides->pair.pd, near, length, ACCESS);
	sides->far_mr = ibv_reg_mr(sides->pair.pd, far, length, far_access);
	return sides->near_mr && sides->far_mr;
}

/* The near side reads or writes all of the far side's memory. */
static int transfer(struct sides *sides, enum ibv_wr_opcode what)
{
	return pair_transfer(&sides->pair, what, sides->near_mr, sides->near, sides->far_mr,
			     sides->far, sides->near_mr->length);
}

TEST_F(rdma, every_byte_is_written_and_read)
{
	struct sides sides;
	size_t i;

	ASSERT_TRUE(join(&sides, self->other, self->p, BYTES, ACCESS));
	for (i = 0; i < BYTES; i++)
		self->other[i] = i * 2654435761u >> 24;
	ASSERT_EQ(IBV_WC_SUCCESS, transfer(&sides, IBV_WR_RDMA_WRITE));
	EXPECT_EQ(0, memcmp(self->p, self->other, BYTES));
	memset(self->other, 0, BYTES);
	ASSERT_EQ(IBV_WC_SUCCESS, transfer(&sides, IBV_WR_RDMA_READ));
	EXPECT_EQ(0, memcmp(self->p, self->other, BYTES));
	EXPECT_EQ(kib_if_huge(BYTES), smaps_kib(self->p, "FilePmdMapped"));
}

TEST_F(rdma, buffer_is_both_sides)
{
	struct sides sides;

	ASSERT_TRUE(join(&sides, self->p, self->p + HUGE_FRAME, HUGE_FRAME, ACCESS));
	ASSERT_EQ(IBV_WC_SUCCESS, transfer(&sides, IBV_WR_RDMA_WRITE));
	EXPECT_TRUE(frames_stamped(self->p + HUGE_FRAME, HUGE_FRAME, 0));
}

TEST_F(rdma, untouched_memory_is_registered)
{
	struct sides sides;
	struct buffer buffer;
	char *p;

	ASSERT_EQ(0, buffer_alloc_huge(self->fd, BYTES, &buffer));
	p = buffer_map(self->fd, &buffer);
	ASSERT_TRUE(join(&sides, p, self->p, BYTES, ACCESS));
	EXPECT_EQ(kib_if_huge(BYTES), smaps_kib(p, "FilePmdMapped"));
	ASSERT_EQ(IBV_WC_SUCCESS, transfer(&sides, IBV_WR_RDMA_READ));
	EXPECT_TRUE(frames_stamped(p, BYTES, 0));
}

TEST_F(rdma, part_of_small_frames_is_registered)
{
	struct sides sides;
	struct buffer buffer;
	char *p;

	ASSERT_EQ(0, buffer_alloc(self->fd, 8 * FRAME, &buffer));
	p = buffer_map(self->fd, &buffer);
	stamp_frames(p, 8 * FRAME, 100);
	ASSERT_TRUE(join(&sides, self->p, p + 3 * FRAME, 2 * FRAME, ACCESS));
	ASSERT_EQ(IBV_WC_SUCCESS, transfer(&sides, IBV_WR_RDMA_WRITE));
	EXPECT_TRUE(frames_stamped(p, 3 * FRAME, 100));
	EXPECT_TRUE(frames_stamped(p + 3 * FRAME, 2 * FRAME, 0));
	EXPECT_TRUE(frames_stamped(p + 5 * FRAME, 3 * FRAME, 105));
}

/* Pages are the same for both processes, so none of them gets a copy. */
TEST_F(rdma, fork_leaves_the_memory_to_all_three)
{
	struct sides sides;
	int ends[2];
	pid_t pid;

	ASSERT_EQ(0, pipe(ends));
	ASSERT_TRUE(join(&sides, self->other, self->p, BYTES, ACCESS));
	stamp_frames(self->other, BYTES, 7);
	pid = child_fork();
	if (!pid) {
		CHILD_CHECK(hear(ends[0]));
		CHILD_CHECK(frames_stamped(self->p, BYTES, 7));
		stamp_frames(self->p, BYTES, 9);
		_exit(0);
	}
	self->p[0] = 1;
	ASSERT_EQ(IBV_WC_SUCCESS, transfer(&sides, IBV_WR_RDMA_WRITE));
	EXPECT_TRUE(frames_stamped(self->p, BYTES, 7));
	tell(ends[1]);
	EXPECT_EQ(0, child_wait(pid));
	ASSERT_EQ(IBV_WC_SUCCESS, transfer(&sides, IBV_WR_RDMA_READ));
	EXPECT_TRUE(frames_stamped(self->other, BYTES, 9));
}

TEST_F(rdma, memory_freed_while_registered_is_the_devices)
{
	struct sides sides;

	ASSERT_TRUE(join(&sides, self->other, self->p, BYTES, ACCESS));
	ASSERT_EQ(0, munmap(self->p, BYTES));
	ASSERT_EQ(0, handle_free(self->fd, self->buffer.handle));
	ASSERT_EQ(0, close(self->fd));
	EXPECT_TRUE(wait_quarantined(self->probe, BYTES));
	EXPECT_EQ((POOL_BYTES - BYTES) / HUGE_FRAME, overwrite_pool(self->probe));
	ASSERT_EQ(IBV_WC_SUCCESS, transfer(&sides, IBV_WR_RDMA_READ));
	EXPECT_TRUE(frames_stamped(self->other, BYTES, 0));
	stamp_frames(self->other, BYTES, 7);
	ASSERT_EQ(IBV_WC_SUCCESS, transfer(&sides, IBV_WR_RDMA_WRITE));
	ASSERT_EQ(0, ibv_dereg_mr(sides.far_mr));
}

TEST_F(rdma, deregistered_memory_comes_back)
{
	struct sides sides;

	ASSERT_TRUE(join(&sides, self->other, self->p, BYTES, ACCESS));
	ASSERT_EQ(0, munmap(self->p, BYTES));
	ASSERT_EQ(0, handle_free(self->fd, self->buffer.handle));
	EXPECT_TRUE(wait_quarantined(self->probe, BYTES));
	ASSERT_EQ(0, ibv_dereg_mr(sides.far_mr));
	EXPECT_TRUE(wait_free(self->probe, POOL_BYTES));
	EXPECT_NE(IBV_WC_SUCCESS, transfer(&sides, IBV_WR_RDMA_READ));
}

/* Revocation takes the memory from processors, not from a device. */
TEST_F(rdma, shutdown_leaves_the_memory_to_the_device)
{
	struct sides sides;

	ASSERT_TRUE(join(&sides, self->other, self->p, BYTES, ACCESS));
	catch_sigbus();
	ASSERT_EQ(0, write_file(SHUTDOWN, "1"));
	EXPECT_EQ(BUS_ADRERR, sigbus_code(self->p, false));
	ASSERT_EQ(IBV_WC_SUCCESS, transfer(&sides, IBV_WR_RDMA_READ));
	EXPECT_TRUE(frames_stamped(self->other, BYTES, 0));
	EXPECT_EQ(NULL, ibv_reg_mr(sides.pair.pd, self->p, BYTES, ACCESS));
	EXPECT_EQ(EFAULT, errno);
	ASSERT_EQ(0, ibv_dereg_mr(sides.far_mr));
	EXPECT_EQ(0, munmap(self->p, BYTES));
	close(self->fd);
	close(self->probe);
	ASSERT_TRUE(WAIT_FOR(!unload()));
	ASSERT_EQ(0, load(USUAL_PARAMETERS));
}

TEST_F(rdma, low_limit_of_locked_memory_is_enomem)
{
	pid_t pid = child_fork();

	if (!pid) {
		struct rlimit limit = { .rlim_cur = BYTES, .rlim_max = 2 * BYTES };
		struct ibv_mr *mr;
		struct pair pair;

		CHILD_CHECK(!setgroups(0, NULL) && !setgid(NOBODY) && !setuid(NOBODY));
		CHILD_CHECK(!setrlimit(RLIMIT_MEMLOCK, &limit));
		CHILD_CHECK(!pair_open(&pair));
		mr = ibv_reg_mr(pair.pd, self->p, BYTES - FRAME, ACCESS);
		CHILD_CHECK(mr);
		CHILD_CHECK(!ibv_reg_mr(pair.pd, self->p, BYTES, ACCESS) && errno == ENOMEM);
		CHILD_CHECK(!ibv_dereg_mr(mr));
		CHILD_CHECK(ibv_reg_mr(pair.pd, self->p, BYTES, ACCESS));
		_exit(0);
	}
	EXPECT_EQ(0, child_wait(pid));
}

TEST_F(rdma, mapping_of_an_export_is_registered)
{
	int dmabuf = buffer_export(self->fd, &self->buffer);
	struct sides sides;
	char *p = map_raw(reserve(BYTES), BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
			  dmabuf, 0);

	ASSERT_NE(MAP_FAILED, p);
	ASSERT_TRUE(join(&sides, self->other, p, BYTES, ACCESS));
	EXPECT_EQ(kib_if_huge(BYTES), smaps_kib(p, "FilePmdMapped"));
	stamp_frames(self->other, BYTES, 7);
	ASSERT_EQ(IBV_WC_SUCCESS, transfer(&sides, IBV_WR_RDMA_WRITE));
	EXPECT_TRUE(frames_stamped(self->p, BYTES, 7));

	/* What is left of the buffer is what is registered. */
	close(self->fd);
	ASSERT_EQ(0, munmap(self->p, BYTES));
	close(dmabuf);
	ASSERT_EQ(0, munmap(p, BYTES));
	EXPECT_TRUE(wait_quarantined(self->probe, BYTES));
	ASSERT_EQ(IBV_WC_SUCCESS, transfer(&sides, IBV_WR_RDMA_READ));
	ASSERT_EQ(0, ibv_dereg_mr(sides.far_mr));
}

TEST_F(rdma, read_only_export_is_registered_for_reading_only)
{
	int dmabuf = buffer_export_part(self->fd, self->buffer.handle, FRAMEPOOL_EXPORT_READ_ONLY,
					0, BYTES);
	char *p = map_raw(NULL, BYTES, PROT_READ, MAP_SHARED, dmabuf, 0);
	struct sides sides;

	ASSERT_NE(MAP_FAILED, p);
	if (!join(&sides, self->other, p, BYTES, IBV_ACCESS_REMOTE_READ) && kernel_is("6.1."))
		SKIP(return, "this kernel can register only what it can write");
	ASSERT_NE(NULL, sides.far_mr);
	EXPECT_EQ(NULL, ibv_reg_mr(sides.pair.pd, p, BYTES, ACCESS));
	EXPECT_EQ(EFAULT, errno);
	ASSERT_EQ(IBV_WC_SUCCESS, transfer(&sides, IBV_WR_RDMA_READ));
	EXPECT_TRUE(frames_stamped(self->other, BYTES, 0));
	EXPECT_EQ(IBV_WC_REM_ACCESS_ERR, transfer(&sides, IBV_WR_RDMA_WRITE));
}

/* Neither the library of Debian 12 nor rxe up to 7.3 can register a dma-buf itself. */
TEST_F(rdma, export_itself_is_registered_or_refused)
{
	int dmabuf = buffer_export(self->fd, &self->buffer);
	struct pair pair;

	ASSERT_EQ(0, pair_open(&pair));
	if (!ibv_reg_dmabuf_mr(pair.pd, 0, BYTES, (unsigned long)self->p, dmabuf, ACCESS)) {
		EXPECT_EQ(EOPNOTSUPP, errno);
	}
}

/*
 * Such memory is not pinned: the device gets pages when it accesses them, and loses them. It is
 * only read here: rxe of 7.3.4 loses what it should write on demand, whatever memory that is.
 */
TEST_F(rdma, memory_on_demand_goes_when_it_is_freed)
{
	struct sides sides;

	if (!join(&sides, self->other, self->p, BYTES, ACCESS | IBV_ACCESS_ON_DEMAND))
		SKIP(return, "the device cannot have memory on demand on this kernel");
	ASSERT_EQ(IBV_WC_SUCCESS, transfer(&sides, IBV_WR_RDMA_READ));
	EXPECT_TRUE(frames_stamped(self->other, BYTES, 0));
	EXPECT_EQ(kib_if_huge(BYTES), smaps_kib(self->p, "FilePmdMapped"));
	ASSERT_EQ(0, munmap(self->p, BYTES));
	ASSERT_EQ(0, handle_free(self->fd, self->buffer.handle));
	EXPECT_TRUE(wait_free(self->probe, POOL_BYTES));
	EXPECT_NE(IBV_WC_SUCCESS, transfer(&sides, IBV_WR_RDMA_READ));
}

TEST_F(rdma, shutdown_takes_memory_on_demand_from_the_device)
{
	struct sides sides;

	if (!join(&sides, self->other, self->p, BYTES, ACCESS | IBV_ACCESS_ON_DEMAND))
		SKIP(return, "the device cannot have memory on demand on this kernel");
	ASSERT_EQ(IBV_WC_SUCCESS, transfer(&sides, IBV_WR_RDMA_READ));
	ASSERT_EQ(0, write_file(SHUTDOWN, "1"));
	EXPECT_NE(IBV_WC_SUCCESS, transfer(&sides, IBV_WR_RDMA_READ));
	EXPECT_EQ(0, munmap(self->p, BYTES));
	close(self->fd);
	close(self->probe);
	ASSERT_TRUE(WAIT_FOR(!unload()));
	ASSERT_EQ(0, load(USUAL_PARAMETERS));
}

TEST_F(rdma, killed_program_leaves_nothing)
{
	int ends[2];
	pid_t pid;

	ASSERT_EQ(0, pipe(ends));
	ASSERT_EQ(0, munmap(self->p, BYTES));
	ASSERT_EQ(0, handle_free(self->fd, self->buffer.handle));
	close(self->fd);
	pid = child_fork();
	if (!pid) {
		struct buffer buffer;
		struct sides sides;
		char *p;

		self->fd = pool_open();
		CHILD_CHECK(!buffer_alloc_huge(self->fd, MANY_BYTES, &buffer));
		p = buffer_map(self->fd, &buffer);
		CHILD_CHECK(join(&sides, p, p + MANY_BYTES / 2, MANY_BYTES / 2, ACCESS));
		CHILD_CHECK(!handle_free(self->fd, buffer.handle));
		tell(ends[1]);
		for (;;)
			CHILD_CHECK(!transfer(&sides, IBV_WR_RDMA_WRITE));
	}
	ASSERT_TRUE(hear(ends[0]));
	ASSERT_EQ(CHILD_KILLED + SIGKILL, child_kill(pid));
	EXPECT_TRUE(wait_free(self->probe, POOL_BYTES));
}

TEST_HARNESS_MAIN
