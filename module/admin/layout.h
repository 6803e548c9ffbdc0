/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FP_LAYOUT_H
#define FP_LAYOUT_H

#include <linux/fs.h>

extern const struct file_operations fp_layout_map_fops;
extern const struct file_operations fp_layout_owners_fops;
extern const struct file_operations fp_layout_extents_fops;

#endif
