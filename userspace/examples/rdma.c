// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * RDMA: a network adapter reads and writes a buffer, here for two queue pairs of one process.
 *
 * Build: cc rdma.c $(pkg-config --cflags --libs libframepool libibverbs) -o rdma
 *
 * A machine without such an adapter can have one in software, over any network device:
 *
 *   modprobe ib_uverbs
 *   modprobe rdma_rxe
 *   rdma link add rxe0 type rxe netdev eth0
 *
 * Another user than root needs a memory lock limit (ulimit -l) of at least what is registered.
 */
#include <errno.h>
#include <libframepool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pair.h"

#define LENGTH	(16UL << 20)
#define PART	(LENGTH / 4)

static void quit(const char *sentence)
{
	fprintf(stderr, "%s\n", sentence);
	exit(1);
}

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

int main(void)
{
	int access = IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_READ | IBV_ACCESS_REMOTE_WRITE;
	struct framepool *fp = framepool_open(NULL);
	struct framepool_buffer *buf;
	struct ibv_mr *near, *far, *exported;
	struct pair pair;
	char why[512];
	char *memory;
	int dmabuf;
	size_t i;

	if (!fp)
		quit(framepool_explain_open(errno, NULL, why, sizeof(why)));
	buf = framepool_buffer_alloc(fp, LENGTH);
	if (!buf)
		quit(framepool_explain_alloc(errno, fp, LENGTH, 0, 0, why, sizeof(why)));
	memory = framepool_buffer_map(buf);
	if (!memory)
		quit(framepool_explain_map(errno, buf, why, sizeof(why)));
	if (pair_open(&pair))
		quit("there is no RDMA device, or its network device has no address");

	/* From here on the memory is pinned: it stays, even if this program frees or unmaps it. */
	near = ibv_reg_mr(pair.pd, memory, LENGTH / 2, access);
	far = ibv_reg_mr(pair.pd, memory + LENGTH / 2, LENGTH / 2, access);
	if (!near || !far)
		fail(errno == ENOMEM ? "ibv_reg_mr (see ulimit -l)" : "ibv_reg_mr");
	printf("%s: %lu MiB at %p are registered\n", ibv_get_device_name(pair.context->device),
	       LENGTH >> 20, (void *)memory);

	/* One quarter of the memory goes to the third quarter, and from there to the second. */
	for (i = 0; i < PART; i++)
		memory[i] = i * 7 + (i >> 12);
	if (pair_transfer(&pair, IBV_WR_RDMA_WRITE, near, memory, far, memory + 2 * PART, PART) ||
	    pair_transfer(&pair, IBV_WR_RDMA_READ, near, memory + PART, far, memory + 2 * PART,
			  PART))
		quit("the device reports a failed transfer");
	if (memcmp(memory, memory + 2 * PART, PART) || memcmp(memory, memory + PART, PART))
		quit("other bytes arrived than were sent");
	printf("%lu MiB were written to the other side and read back\n", PART >> 20);

	/* A dma-buf can be registered without a mapping, but not with every device. */
	dmabuf = framepool_buffer_export(buf, 0, LENGTH, 0);
	if (dmabuf < 0)
		fail("framepool_buffer_export");
	exported = ibv_reg_dmabuf_mr(pair.pd, 0, LENGTH, 0, dmabuf, access);
	if (exported)
		printf("so is its dma-buf\n");
	else
		printf("its dma-buf is not: %s\n", strerror(errno));
	/* What is registered keeps the memory without the descriptor. */
	close(dmabuf);

	/* When these return, the device cannot reach the memory any more, and it can be freed. */
	if ((exported && ibv_dereg_mr(exported)) || ibv_dereg_mr(near) || ibv_dereg_mr(far))
		fail("ibv_dereg_mr");
	pair_close(&pair);
	framepool_buffer_free(buf);
	framepool_close(fp);
	return 0;
}
