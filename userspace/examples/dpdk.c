// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * DPDK: all packets lie in one buffer. Two ports that are connected to each other pass them on.
 *
 * Build: cc dpdk.c $(pkg-config --cflags --libs libframepool libdpdk) -lrte_net_ring -o dpdk
 *
 * Arguments are those of DPDK, which wants memory of its own: hugepages, or with --no-huge any.
 */
#define ALLOW_EXPERIMENTAL_API	/* rte_dev_dma_map(), rte_dev_dma_unmap() */

#include <errno.h>
#include <inttypes.h>
#include <libframepool.h>
#include <rte_dev.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_memory.h>
#include <rte_mempool.h>
#include <rte_ring.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LENGTH	(32UL << 20)
#define ROOM	(sizeof(struct rte_mbuf) + RTE_MBUF_DEFAULT_BUF_SIZE)	/* of a packet */
#define PACKETS	200000
#define BURST	32
#define BYTES	1000
#define SLOTS	1024

static void quit(const char *sentence)
{
	fprintf(stderr, "%s\n", sentence);
	exit(1);
}

static void fail(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, rte_strerror(rte_errno));
	exit(1);
}

/*
 * How devices find the memory. DPDK decides once whether they use the program's addresses, which
 * takes an IOMMU, or physical ones, and not always as --iova-mode= says. All memory must be
 * registered in the same way.
 */
static uint64_t device_address(const struct framepool_buffer *buf, void *memory)
{
	uint64_t address;

	if (rte_eal_iova_mode() == RTE_IOVA_VA)
		return (uintptr_t)memory;
	if (framepool_buffer_address(buf, &address) || !address)
		quit("DPDK uses physical addresses here, which only root learns");
	return address;
}

/*
 * Makes DPDK know the memory: as pages of 2 MiB, each with its address for devices. No two ranges
 * may overlap: DPDK 22.11 refuses the same range a second time, but accepts one inside it.
 */
static void register_memory(char *memory, uint64_t address, size_t page)
{
	uint64_t addresses[LENGTH >> 12];
	size_t i;

	for (i = 0; i < LENGTH / page; i++)
		addresses[i] = address + i * page;
	if (rte_extmem_register(memory, LENGTH, addresses, LENGTH / page, page))
		fail("rte_extmem_register");
}

/*
 * A pool of packets that fills the memory. Since that is contiguous, it takes one call. (With
 * --no-huge, DPDK takes all memory for pages of 4 KiB, and puts only one packet into each.)
 */
static struct rte_mempool *make_packets(char *memory, uint64_t address)
{
	struct rte_mempool *packets;
	int n;

	packets = rte_mempool_create_empty("packets", LENGTH / ROOM, ROOM, 0,
					   sizeof(struct rte_pktmbuf_pool_private), SOCKET_ID_ANY,
					   0);
	if (!packets)
		fail("rte_mempool_create_empty");
	rte_pktmbuf_pool_init(packets, NULL);
	n = rte_mempool_populate_iova(packets, memory, address, LENGTH, NULL, NULL);
	if (n <= 0)
		quit("rte_mempool_populate_iova failed: is librte_mempool_ring there?");
	rte_mempool_obj_iter(packets, rte_pktmbuf_init, NULL);
	printf("%d packets in %lu MiB at %p, for devices at %#" PRIx64 " (IOVA as %s)\n", n,
	       LENGTH >> 20, (void *)memory, address,
	       rte_eal_iova_mode() == RTE_IOVA_VA ? "VA" : "PA");
	return packets;
}

/* A port that receives what is in one ring, and sends by the other. */
static uint16_t open_port(const char *name, struct rte_ring *in, struct rte_ring *out,
			  struct rte_mempool *packets, char *memory, uint64_t address)
{
	int port = rte_eth_from_rings(name, &in, 1, &out, 1, SOCKET_ID_ANY);
	struct rte_eth_conf config = { 0 };
	struct rte_eth_dev_info info;

	if (port < 0)
		fail("rte_eth_from_rings");
	if (rte_eth_dev_configure(port, 1, 1, &config) ||
	    rte_eth_rx_queue_setup(port, 0, SLOTS, SOCKET_ID_ANY, NULL, packets) ||
	    rte_eth_tx_queue_setup(port, 0, SLOTS, SOCKET_ID_ANY, NULL) ||
	    rte_eth_dev_info_get(port, &info) || rte_eth_dev_start(port))
		quit("a port does not start");
	/* A real device must be told what it may access. These have no need of that, and say so. */
	if (rte_dev_dma_map(info.device, memory, address, LENGTH) && rte_errno != ENOTSUP)
		fail("rte_dev_dma_map");
	return port;
}

/* The device must not reach the memory any more before that is freed. */
static void close_port(uint16_t port, char *memory, uint64_t address)
{
	struct rte_eth_dev_info info;

	rte_eth_dev_stop(port);
	if (rte_eth_dev_info_get(port, &info))
		quit("a port does not say what device it is");
	if (rte_dev_dma_unmap(info.device, memory, address, LENGTH) && rte_errno != ENOTSUP)
		fail("rte_dev_dma_unmap");
	rte_eth_dev_close(port);
}

/*
 * Packets tell their address for devices, and so does the memory's segment. Do not ask
 * rte_mem_virt2iova(): it ignores what was registered, and knows no memory that was not touched.
 */
static void check_address(const struct rte_mbuf *packet, const char *memory, uint64_t address)
{
	const char *data = rte_pktmbuf_mtod(packet, const char *);
	const struct rte_memseg *segment = rte_mem_virt2memseg(data, NULL);
	uint64_t expected = address + (data - memory);

	if (data < memory || data + BYTES > memory + LENGTH)
		quit("a packet is not in the buffer");
	if (rte_pktmbuf_iova(packet) != expected ||
	    segment->iova + (data - (const char *)segment->addr) != expected)
		quit("a packet has another address for devices than its memory");
}

static void fill(struct rte_mempool *packets, struct rte_mbuf **burst, int first)
{
	int i;

	if (rte_pktmbuf_alloc_bulk(packets, burst, BURST))
		quit("there are no packets left");
	for (i = 0; i < BURST; i++)
		memset(rte_pktmbuf_append(burst[i], BYTES), first + i, BYTES);
}

static void check(struct rte_mbuf *packet, int number, const char *memory, uint64_t address)
{
	const char *data = rte_pktmbuf_mtod(packet, const char *);

	if (packet->data_len != BYTES || data[0] != (char)number ||
	    memcmp(data, data + 1, BYTES - 1))
		quit("other bytes arrived than were sent");
	check_address(packet, memory, address);
	rte_pktmbuf_free(packet);
}

int main(int argc, char **argv)
{
	struct rte_mbuf *burst[BURST];
	struct framepool_buffer *buf;
	struct rte_mempool *packets;
	struct rte_ring *there, *back;
	struct framepool *fp;
	uint16_t near, far;
	uint64_t address;
	char why[512];
	char *memory;
	int sent, i, n;

	if (rte_eal_init(argc, argv) < 0)
		fail("rte_eal_init");
	fp = framepool_open(NULL);
	if (!fp)
		quit(framepool_explain_open(errno, NULL, why, sizeof(why)));
	buf = framepool_buffer_alloc(fp, LENGTH);
	if (!buf)
		quit(framepool_explain_alloc(errno, fp, LENGTH, 0, 0, why, sizeof(why)));
	memory = framepool_buffer_map(buf);
	if (!memory)
		quit(framepool_explain_map(errno, buf, why, sizeof(why)));
	address = device_address(buf, memory);
	register_memory(memory, address, framepool_huge_bytes(fp));
	packets = make_packets(memory, address);

	there = rte_ring_create("there", SLOTS, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
	back = rte_ring_create("back", SLOTS, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
	if (!there || !back)
		fail("rte_ring_create");
	near = open_port("near", back, there, packets, memory, address);
	far = open_port("far", there, back, packets, memory, address);
	for (sent = 0; sent < PACKETS; sent += BURST) {
		fill(packets, burst, sent);
		if (rte_eth_tx_burst(near, 0, burst, BURST) != BURST)
			quit("a port does not send");
		n = rte_eth_rx_burst(far, 0, burst, BURST);
		if (n != BURST || rte_eth_tx_burst(far, 0, burst, n) != n)
			quit("packets were lost on the way there");
		n = rte_eth_rx_burst(near, 0, burst, BURST);
		if (n != BURST)
			quit("packets were lost on the way back");
		for (i = 0; i < BURST; i++)
			check(burst[i], sent + i, memory, address);
	}
	printf("%d packets of %d bytes went there and back\n", PACKETS, BYTES);

	close_port(near, memory, address);
	close_port(far, memory, address);
	if (rte_mempool_avail_count(packets) != packets->populated_size)
		quit("packets are missing");
	rte_mempool_free(packets);
	if (rte_extmem_unregister(memory, LENGTH))
		fail("rte_extmem_unregister");
	framepool_buffer_free(buf);
	framepool_close(fp);
	rte_eal_cleanup();
	return 0;
}
