/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FP_OBSTACLES_H
#define FP_OBSTACLES_H

struct dentry;
struct fp_pool;

void fp_obstacles_create(struct fp_pool *pool, struct dentry *dir);

#endif
