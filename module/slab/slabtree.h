/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FP_SLABTREE_H
#define FP_SLABTREE_H

#include "core/platform.h"

#define FP_SLABTREE_BITS	6
#define FP_SLABTREE_SLOTS	(1U << FP_SLABTREE_BITS)

struct fp_slab;

/**
 * struct fp_slabtree - slabs by number
 * @root: the top node, if @levels is not 0
 * @levels: levels of nodes; 0: the tree is empty
 * @nr: number of slabs
 */
struct fp_slabtree {
	void **root;
	u32 levels;
	u64 nr;
};

int fp_slabtree_insert(struct fp_slabtree *tree, u64 key, struct fp_slab *slab);
void fp_slabtree_erase(struct fp_slabtree *tree, u64 key);
struct fp_slab *fp_slabtree_find(const struct fp_slabtree *tree, u64 key);

#endif
