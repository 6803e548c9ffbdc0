// SPDX-License-Identifier: GPL-2.0-only
/*
 * Slabs by number: a radix tree of nodes with 64 pointers each. Its memory depends on how many
 * slabs there are, not on the range of their numbers. Its height is what the largest number since
 * it was last empty required.
 *
 * The invariant (checked by fp_slab_verify()):
 *  R1  every node leads to a slab; there is no root if there are no slabs.
 *
 * The caller does the locking.
 */
#include "slab/slabtree.h"

/* Enough for any 64-bit number. */
#define MAX_LEVELS	((64 + FP_SLABTREE_BITS - 1) / FP_SLABTREE_BITS)

static u32 slot_of(u64 key, u32 level)
{
	return key >> (level * FP_SLABTREE_BITS) & (FP_SLABTREE_SLOTS - 1);
}

static bool has_room_for(const struct fp_slabtree *tree, u64 key)
{
	u32 bits = tree->levels * FP_SLABTREE_BITS;

	return tree->levels && (bits >= 64 || !(key >> bits));
}

static void **make_node(void)
{
	return kzalloc(FP_SLABTREE_SLOTS * sizeof(void *), GFP_NOWAIT | __GFP_NOWARN);
}

/* Starts at the neighbours of slot @at, which are usually in use. */
static bool node_is_empty(void **node, u32 at)
{
	u32 i;

	for (i = at + FP_SLABTREE_SLOTS - 1; i < at + 2 * FP_SLABTREE_SLOTS - 1; i++)
		if (node[i % FP_SLABTREE_SLOTS])
			return false;
	return true;
}

/* Add a root above the present one, or a first one that is high enough for @key. */
static int add_root(struct fp_slabtree *tree, u64 key)
{
	void **node = make_node();

	if (!node)
		return -ENOMEM;
	node[0] = tree->root;
	tree->root = node;
	do
		tree->levels++;
	while (!node[0] && !has_room_for(tree, key));
	return 0;
}

/* Free the nodes on the path to @key that lead to no slab. */
static void prune(struct fp_slabtree *tree, u64 key)
{
	void **path[MAX_LEVELS] = {}, **node = tree->root;
	u32 level = tree->levels;

	while (level && node) {
		path[--level] = node;
		node = level ? node[slot_of(key, level)] : NULL;
	}
	for (; level < tree->levels && node_is_empty(path[level], slot_of(key, level)); level++) {
		kfree(path[level]);
		if (level + 1 < tree->levels)
			path[level + 1][slot_of(key, level + 1)] = NULL;
	}
	if (level && level == tree->levels) {
		tree->root = NULL;
		tree->levels = 0;
	}
}

/* Find the slot of @key, adding the nodes on its path. Returns NULL if there is no memory. */
static void **make_slot(struct fp_slabtree *tree, u64 key)
{
	void **node;
	u32 level;

	while (!has_room_for(tree, key))
		if (add_root(tree, key))
			return NULL;
	node = tree->root;
	for (level = tree->levels - 1; level; level--) {
		void **slot = &node[slot_of(key, level)];

		if (!*slot)
			*slot = make_node();
		if (!*slot)
			return NULL;
		node = *slot;
	}
	return &node[slot_of(key, 0)];
}

/**
 * fp_slabtree_insert() - add a slab
 * @tree: the tree
 * @key: its number, which is not in the tree
 * @slab: the slab
 *
 * Context: any; does not sleep.
 * Return: 0; -ENOMEM: no memory for a node.
 */
int fp_slabtree_insert(struct fp_slabtree *tree, u64 key, struct fp_slab *slab)
{
	void **slot = make_slot(tree, key);

	if (!slot) {
		prune(tree, key);
		return -ENOMEM;
	}
	*slot = slab;
	tree->nr++;
	return 0;
}

/**
 * fp_slabtree_erase() - remove a slab
 * @tree: the tree
 * @key: number of a slab in the tree
 *
 * Context: any.
 */
void fp_slabtree_erase(struct fp_slabtree *tree, u64 key)
{
	void **node = tree->root;
	u32 level;

	for (level = tree->levels - 1; level; level--)
		node = node[slot_of(key, level)];
	node[slot_of(key, 0)] = NULL;
	tree->nr--;
	prune(tree, key);
}

/**
 * fp_slabtree_find() - find a slab
 * @tree: the tree
 * @key: any number
 *
 * Context: any.
 * Return: the slab, or NULL.
 */
struct fp_slab *fp_slabtree_find(const struct fp_slabtree *tree, u64 key)
{
	void **node = tree->root;
	u32 level;

	if (!has_room_for(tree, key))
		return NULL;
	for (level = tree->levels - 1; level && node; level--)
		node = node[slot_of(key, level)];
	return node ? node[slot_of(key, 0)] : NULL;
}
