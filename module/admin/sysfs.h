/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FP_SYSFS_H
#define FP_SYSFS_H

#include <linux/sysfs.h>

extern const struct attribute_group *fp_sysfs_groups[];

#endif
