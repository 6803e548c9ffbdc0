/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FP_OWN_H
#define FP_OWN_H

#include <linux/types.h>

struct file;
struct fp_buffer;
struct fp_client;

struct fp_buffer *fp_own_get(struct fp_client *client, unsigned long pgoff, u64 nr);
loff_t fp_own_seek(struct file *file, loff_t offset, int whence);

#endif
