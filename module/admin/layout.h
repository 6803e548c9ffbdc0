/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FP_LAYOUT_H
#define FP_LAYOUT_H

struct dentry;
struct fp_pool;

void fp_layout_create(struct fp_pool *pool, struct dentry *dir);

#endif
