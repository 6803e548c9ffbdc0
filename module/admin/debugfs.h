/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FP_DEBUGFS_H
#define FP_DEBUGFS_H

struct dentry;
struct fp_pool;

void fp_debugfs_init(void);
void fp_debugfs_exit(void);
struct dentry *fp_debugfs_create(struct fp_pool *pool);

#endif
