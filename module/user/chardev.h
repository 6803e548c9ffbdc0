/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FP_CHARDEV_H
#define FP_CHARDEV_H

#include <linux/types.h>
#include <linux/uidgid.h>

struct attribute_group;
struct fp_chardev;
struct fp_pool;

int fp_chardev_init(void);
void fp_chardev_exit(void);
struct fp_chardev *fp_chardev_create(struct fp_pool *pool, kgid_t gid, umode_t mode,
				     const struct attribute_group **groups);
void fp_chardev_destroy(struct fp_chardev *chardev);

#endif
