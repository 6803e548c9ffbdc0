/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FP_IOCTL_H
#define FP_IOCTL_H

struct fp_client;

long fp_ioctl(struct fp_client *client, unsigned int cmd, unsigned long arg);

#endif
