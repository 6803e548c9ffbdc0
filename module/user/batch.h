/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FP_BATCH_H
#define FP_BATCH_H

#include "uapi/framepool.h"
#include "user/client.h"

int fp_batch_parse(const struct fp_client *client, const struct framepool_ioc_alloc *entry,
		   struct fp_request *request);
void fp_batch_describe(const struct fp_buffer_info *info, struct framepool_ioc_alloc *entry);
int fp_batch_alloc(struct fp_client *client, struct framepool_ioc_batch *args,
		   struct framepool_ioc_batch __user *user);
int fp_batch_free(struct fp_client *client, struct framepool_ioc_batch *args,
		  struct framepool_ioc_batch __user *user);

#endif
