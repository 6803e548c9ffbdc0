/* SPDX-License-Identifier: GPL-2.0-only */
/* io_uring without a library: a registered buffer, and one request at a time on it. */
#ifndef FRAMEPOOL_SELFTESTS_URING_H
#define FRAMEPOOL_SELFTESTS_URING_H

#include <linux/io_uring.h>
#include <sys/uio.h>

#include "common.h"

#define URING_ENTRIES	4

/**
 * struct uring - a ring with at most one registered buffer
 * @fd: the ring
 * @params: the offsets of things in @rings
 * @rings: submission and completion ring
 * @sqes: the requests
 */
struct uring {
	int fd;
	struct io_uring_params params;
	char *rings;
	struct io_uring_sqe *sqes;
};

/* Of file mappings, Linux 6.1 registers only those of hugetlbfs and tmpfs. */
static inline __must_check bool uring_refuses_files(void)
{
	return kernel_is("6.1.");
}

static inline __must_check unsigned int *uring_word(const struct uring *ring, __u32 offset)
{
	return (unsigned int *)(ring->rings + offset);
}

static inline __must_check bool uring_open(struct uring *ring)
{
	size_t submissions, completions;

	memset(ring, 0, sizeof(*ring));
	ring->fd = syscall(SYS_io_uring_setup, URING_ENTRIES, &ring->params);
	if (ring->fd < 0)
		return false;
	submissions = ring->params.sq_off.array + ring->params.sq_entries * sizeof(__u32);
	completions = ring->params.cq_off.cqes +
		      ring->params.cq_entries * sizeof(struct io_uring_cqe);
	/* All kernels of the lab have IORING_FEAT_SINGLE_MMAP. */
	ring->rings = mmap(NULL, submissions > completions ? submissions : completions,
			   PROT_READ | PROT_WRITE, MAP_SHARED, ring->fd, IORING_OFF_SQ_RING);
	ring->sqes = mmap(NULL, URING_ENTRIES * sizeof(*ring->sqes), PROT_READ | PROT_WRITE,
			  MAP_SHARED, ring->fd, IORING_OFF_SQES);
	return ring->rings != MAP_FAILED && ring->sqes != MAP_FAILED;
}

/* Makes [p, p + length) the ring's buffer, with a long-term pin. Returns 0 or a negative errno. */
static inline __must_check int uring_register(const struct uring *ring, void *p, size_t length)
{
	struct iovec buffer = { .iov_base = p, .iov_len = length };
	int ret = syscall(SYS_io_uring_register, ring->fd, IORING_REGISTER_BUFFERS, &buffer, 1);

	return ret ? -errno : 0;
}

static inline __must_check int uring_unregister(const struct uring *ring)
{
	int ret = syscall(SYS_io_uring_register, ring->fd, IORING_UNREGISTER_BUFFERS, NULL, 0);

	return ret ? -errno : 0;
}

/*
 * IORING_OP_READ_FIXED or IORING_OP_WRITE_FIXED between a file and [p, p + length), which is
 * inside the registered buffer; no page table is used for it. Waits for the end. Returns the number
 * of bytes or a negative errno.
 */
static inline __must_check int uring_transfer(const struct uring *ring, int opcode, int fd,
					      __u64 at, const void *p, size_t length)
{
	unsigned int tail = *uring_word(ring, ring->params.sq_off.tail);
	unsigned int slot = tail & *uring_word(ring, ring->params.sq_off.ring_mask);
	unsigned int *head = uring_word(ring, ring->params.cq_off.head);
	struct io_uring_cqe *cqes = (void *)(ring->rings + ring->params.cq_off.cqes);
	int ret;

	ring->sqes[slot] = (struct io_uring_sqe) {
		.opcode = opcode,
		.fd = fd,
		.off = at,
		.addr = (unsigned long)p,
		.len = length,
	};
	uring_word(ring, ring->params.sq_off.array)[slot] = slot;
	__atomic_store_n(uring_word(ring, ring->params.sq_off.tail), tail + 1, __ATOMIC_RELEASE);
	if (syscall(SYS_io_uring_enter, ring->fd, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) != 1)
		return -errno;
	ret = cqes[*head & *uring_word(ring, ring->params.cq_off.ring_mask)].res;
	__atomic_store_n(head, *head + 1, __ATOMIC_RELEASE);
	return ret;
}

#endif
