/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FP_DEBUGFS_H
#define FP_DEBUGFS_H

struct dentry;
struct fp_pool;

struct dentry *fp_debugfs_create(struct fp_pool *pool);

#endif
