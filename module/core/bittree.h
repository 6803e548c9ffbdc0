/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FP_BITTREE_H
#define FP_BITTREE_H

#include "core/platform.h"

#define FP_BITTREE_NONE		U32_MAX
#define FP_BITTREE_DEPTH	6	/* 64^6 > 2^32 */

/**
 * struct fp_bittree - a set of numbers below @nr, with least and greatest found in O(log64 nr)
 * @nr: exclusive upper bound of the members
 * @depth: levels in use
 * @level: @level[0] has a bit for each number; a bit of a higher level says that
 *         the 64-bit word below it is not zero. The top level is one word.
 *
 * The caller locks, and provides the memory behind @level.
 */
struct fp_bittree {
	u32 nr;
	u32 depth;
	u64 *level[FP_BITTREE_DEPTH];
};

size_t fp_bittree_words(u32 nr);
u64 *fp_bittree_init(struct fp_bittree *tree, u32 nr, u64 *words);
void fp_bittree_set_above(struct fp_bittree *tree, u32 bit);
void fp_bittree_clear_above(struct fp_bittree *tree, u32 bit);
bool fp_bittree_test(const struct fp_bittree *tree, u32 bit);
u32 fp_bittree_next(const struct fp_bittree *tree, u32 bound);
u32 fp_bittree_count(const struct fp_bittree *tree);
u32 fp_bittree_last(const struct fp_bittree *tree, u32 bound);
bool fp_bittree_is_valid(const struct fp_bittree *tree);

/**
 * fp_bittree_set() - add a member
 * @tree: the tree
 * @bit: the number, which may be a member already
 */
static inline void fp_bittree_set(struct fp_bittree *tree, u32 bit)
{
	u64 *word = &tree->level[0][bit / 64], old = *word;

	*word = old | BIT_ULL(bit % 64);
	if (!old)
		fp_bittree_set_above(tree, bit);
}

/**
 * fp_bittree_clear() - remove a member
 * @tree: the tree
 * @bit: the number, which need not be a member
 */
static inline void fp_bittree_clear(struct fp_bittree *tree, u32 bit)
{
	u64 *word = &tree->level[0][bit / 64];

	*word &= ~BIT_ULL(bit % 64);
	if (!*word)
		fp_bittree_clear_above(tree, bit);
}

/**
 * fp_bittree_is_empty() - does a tree have no member?
 * @tree: the tree
 *
 * Return: whether it has none.
 */
static inline bool fp_bittree_is_empty(const struct fp_bittree *tree)
{
	return !tree->level[tree->depth - 1][0];
}

/**
 * fp_bittree_first() - the least member
 * @tree: the tree
 *
 * Return: the member, or FP_BITTREE_NONE when the tree is empty.
 */
static inline u32 fp_bittree_first(const struct fp_bittree *tree)
{
	return fp_bittree_next(tree, 0);
}

#endif
