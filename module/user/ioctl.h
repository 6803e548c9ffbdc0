/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FP_IOCTL_H
#define FP_IOCTL_H

struct file;

long fp_ioctl(struct file *file, unsigned int cmd, unsigned long arg);

#endif
