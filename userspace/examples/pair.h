/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Two queue pairs of one RDMA device, connected to each other. Usually the other one belongs to
 * another machine, which is told number, address, and the keys of memory by other means.
 *
 * Functions return 0 on success.
 */
#ifndef PAIR_H
#define PAIR_H

#include <infiniband/verbs.h>
#include <stdint.h>
#include <time.h>

#define PAIR_PORT	1
#define PAIR_SECONDS	20

struct pair {
	struct ibv_context *context;
	struct ibv_pd *pd;
	struct ibv_cq *cq;
	struct ibv_qp *near, *far;
};

/* The number of an address of the device that is not all zeros; -1: it has none. */
static inline int pair_address(struct ibv_context *context, union ibv_gid *gid)
{
	int i;

	for (i = 0; i < 16 && !ibv_query_gid(context, PAIR_PORT, i, gid); i++)
		if (gid->global.interface_id)
			return i;
	return -1;
}

static inline int pair_connect(struct ibv_qp *qp, const struct ibv_qp *to)
{
	struct ibv_qp_attr attr = {
		.qp_state = IBV_QPS_INIT,
		.port_num = PAIR_PORT,
		.qp_access_flags = IBV_ACCESS_REMOTE_READ | IBV_ACCESS_REMOTE_WRITE,
	};
	int index;

	if (ibv_modify_qp(qp, &attr, IBV_QP_STATE | IBV_QP_PKEY_INDEX | IBV_QP_PORT |
			  IBV_QP_ACCESS_FLAGS))
		return -1;
	index = pair_address(qp->context, &attr.ah_attr.grh.dgid);
	if (index < 0)
		return -1;
	attr.qp_state = IBV_QPS_RTR;
	attr.path_mtu = IBV_MTU_1024;
	attr.dest_qp_num = to->qp_num;
	attr.max_dest_rd_atomic = 1;
	attr.min_rnr_timer = 1;
	attr.ah_attr.is_global = 1;
	attr.ah_attr.port_num = PAIR_PORT;
	attr.ah_attr.grh.sgid_index = index;
	attr.ah_attr.grh.hop_limit = 1;
	if (ibv_modify_qp(qp, &attr, IBV_QP_STATE | IBV_QP_AV | IBV_QP_PATH_MTU |
			  IBV_QP_DEST_QPN | IBV_QP_RQ_PSN | IBV_QP_MAX_DEST_RD_ATOMIC |
			  IBV_QP_MIN_RNR_TIMER))
		return -1;
	attr.qp_state = IBV_QPS_RTS;
	attr.timeout = 14;
	attr.retry_cnt = 7;
	attr.rnr_retry = 7;
	attr.max_rd_atomic = 1;
	return ibv_modify_qp(qp, &attr, IBV_QP_STATE | IBV_QP_TIMEOUT | IBV_QP_RETRY_CNT |
			     IBV_QP_RNR_RETRY | IBV_QP_SQ_PSN | IBV_QP_MAX_QP_RD_ATOMIC);
}

/* Opens the first device and makes a connected pair. */
static inline int pair_open(struct pair *pair)
{
	struct ibv_device **devices = ibv_get_device_list(NULL);
	struct ibv_qp_init_attr attr = {
		.qp_type = IBV_QPT_RC,
		.cap = {
			.max_send_wr = 1,
			.max_recv_wr = 1,
			.max_send_sge = 1,
			.max_recv_sge = 1,
		},
	};

	pair->context = devices && devices[0] ? ibv_open_device(devices[0]) : NULL;
	if (devices)
		ibv_free_device_list(devices);
	pair->pd = pair->context ? ibv_alloc_pd(pair->context) : NULL;
	pair->cq = pair->pd ? ibv_create_cq(pair->context, 1, NULL, NULL, 0) : NULL;
	if (!pair->cq)
		return -1;
	attr.send_cq = attr.recv_cq = pair->cq;
	pair->near = ibv_create_qp(pair->pd, &attr);
	pair->far = ibv_create_qp(pair->pd, &attr);
	return !pair->near || !pair->far || pair_connect(pair->near, pair->far) ||
	       pair_connect(pair->far, pair->near);
}

static inline void pair_close(struct pair *pair)
{
	ibv_destroy_qp(pair->near);
	ibv_destroy_qp(pair->far);
	ibv_destroy_cq(pair->cq);
	ibv_dealloc_pd(pair->pd);
	ibv_close_device(pair->context);
}

/*
 * Reads or writes (IBV_WR_RDMA_READ, IBV_WR_RDMA_WRITE) @length bytes of the far side's memory,
 * from or to that of the near side, and waits until it is done. Returns how it went, as an
 * ibv_wc_status; -1: it did not even begin, or does not end.
 */
static inline int pair_transfer(struct pair *pair, enum ibv_wr_opcode what, struct ibv_mr *near_mr,
				const void *near, struct ibv_mr *far_mr, const void *far,
				uint32_t length)
{
	struct ibv_sge piece = {
		.addr = (uintptr_t)near,
		.length = length,
		.lkey = near_mr->lkey,
	};
	struct ibv_send_wr request = {
		.sg_list = &piece,
		.num_sge = 1,
		.opcode = what,
		.send_flags = IBV_SEND_SIGNALED,
		.wr.rdma = { .remote_addr = (uintptr_t)far, .rkey = far_mr->rkey },
	};
	time_t end = time(NULL) + PAIR_SECONDS;
	struct ibv_send_wr *bad;
	struct ibv_wc done;
	int n;

	if (ibv_post_send(pair->near, &request, &bad))
		return -1;
	do {
		n = ibv_poll_cq(pair->cq, 1, &done);
	} while (!n && time(NULL) < end);
	return n == 1 ? (int)done.status : -1;
}

#endif
