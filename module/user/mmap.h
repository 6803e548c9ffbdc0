/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FP_MMAP_H
#define FP_MMAP_H

#include <linux/mm_types.h>
#include <linux/types.h>

struct file;
struct fp_buffer;
struct fp_client;

int fp_mmap_buffer(struct fp_buffer *buffer, struct vm_area_struct *vma);
int fp_mmap(struct file *file, struct vm_area_struct *vma);
u64 fp_mmap_bytes(struct fp_client *client, unsigned long pgoff, u64 nr);

#endif
