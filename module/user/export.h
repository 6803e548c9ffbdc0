/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FP_EXPORT_H
#define FP_EXPORT_H

struct dma_buf;
struct fp_buffer;
struct fp_client;

int fp_export_create(struct fp_client *client, void *args, void __user *user);
struct dma_buf *fp_export_whole(struct fp_buffer *buffer, int fd_flags);
int fp_export_describe(struct fp_client *client, void *args, void __user *user);

#endif
