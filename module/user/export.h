/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FP_EXPORT_H
#define FP_EXPORT_H

struct fp_client;

int fp_export_create(struct fp_client *client, void *args, void __user *user);
int fp_export_describe(struct fp_client *client, void *args, void __user *user);

#endif
