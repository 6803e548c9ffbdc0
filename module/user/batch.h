/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FP_BATCH_H
#define FP_BATCH_H

struct fp_client;

int fp_batch_alloc_one(struct fp_client *client, void *data, void __user *user);
int fp_batch_alloc(struct fp_client *client, void *args, void __user *user);
int fp_batch_free(struct fp_client *client, void *args, void __user *user);

#endif
