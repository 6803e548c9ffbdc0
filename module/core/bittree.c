// SPDX-License-Identifier: GPL-2.0-only
/*
 * A bitmap under a pyramid of summaries, 64 to 1. Setting or clearing a bit
 * touches a higher level only when a word becomes non-zero or zero.
 *
 * Invariant (fp_bittree_is_valid()):
 *  T1  a bit of level n + 1 is set if and only if the word it stands for at level n is
 *      not zero.
 */
#include "core/bittree.h"

static u32 words_for(u32 bits)
{
	return bits / 64 + !!(bits % 64);
}

/**
 * fp_bittree_words() - how much memory a tree needs
 * @nr: exclusive upper bound of the members, at least 1
 *
 * Return: 64-bit words.
 */
size_t fp_bittree_words(u32 nr)
{
	size_t sum = 0;

	do {
		nr = words_for(nr);
		sum += nr;
	} while (nr > 1);
	return sum;
}

/**
 * fp_bittree_init() - make an empty tree
 * @tree: the tree
 * @nr: exclusive upper bound of the members, at least 1
 * @words: zeroed memory of fp_bittree_words(@nr) words
 *
 * Return: the first word after the memory that was used.
 */
u64 *fp_bittree_init(struct fp_bittree *tree, u32 nr, u64 *words)
{
	tree->nr = nr;
	tree->depth = 0;
	do {
		nr = words_for(nr);
		tree->level[tree->depth++] = words;
		words += nr;
	} while (nr > 1);
	return words;
}

/**
 * fp_bittree_set_above() - add a member to the summaries
 * @tree: the tree
 * @bit: the number, the first member in its word
 */
void fp_bittree_set_above(struct fp_bittree *tree, u32 bit)
{
	u32 i;

	for (i = 1; i < tree->depth; i++) {
		u64 *word = &tree->level[i][bit / 64 / 64];
		u64 old = *word;

		bit /= 64;
		*word |= BIT_ULL(bit % 64);
		if (old)
			return;
	}
}

/**
 * fp_bittree_clear_above() - remove a member from the summaries
 * @tree: the tree
 * @bit: the number, the last member in its word
 */
void fp_bittree_clear_above(struct fp_bittree *tree, u32 bit)
{
	u32 i;

	for (i = 1; i < tree->depth; i++) {
		u64 *word = &tree->level[i][bit / 64 / 64];

		bit /= 64;
		*word &= ~BIT_ULL(bit % 64);
		if (*word)
			return;
	}
}

/**
 * fp_bittree_test() - look for a member
 * @tree: the tree
 * @bit: any number
 *
 * Return: whether it is a member.
 */
bool fp_bittree_test(const struct fp_bittree *tree, u32 bit)
{
	return bit < tree->nr && (tree->level[0][bit / 64] & BIT_ULL(bit % 64));
}

/* The least member whose ancestor at level @i is at or above the set bit @bit. */
static u32 descend_first(const struct fp_bittree *tree, u32 i, u32 bit)
{
	while (i--)
		bit = bit * 64 + __ffs64(tree->level[i][bit]);
	return bit;
}

/**
 * fp_bittree_next() - the least member from a bound on
 * @tree: the tree
 * @bound: inclusive; may lie beyond the tree
 *
 * Return: the member, or FP_BITTREE_NONE when there is none.
 */
u32 fp_bittree_next(const struct fp_bittree *tree, u32 bound)
{
	u32 i, bit = bound, nr = tree->nr;

	/* Look from @bound on at the lowest level, after the word just seen at each higher one. */
	for (i = 0; i < tree->depth && bit < nr; i++) {
		u64 word = tree->level[i][bit / 64] & (~0ULL << (bit % 64));

		if (word)
			return descend_first(tree, i, round_down(bit, 64) + __ffs64(word));
		bit = bit / 64 + 1;
		nr = words_for(nr);
	}
	return FP_BITTREE_NONE;
}

/* The greatest member whose ancestor at level @i is at or below the set bit @bit. */
static u32 descend_last(const struct fp_bittree *tree, u32 i, u32 bit)
{
	while (i--)
		bit = bit * 64 + fls64(tree->level[i][bit]) - 1;
	return bit;
}

/**
 * fp_bittree_last() - the greatest member up to a bound
 * @tree: the tree
 * @bound: inclusive; may lie beyond the tree
 *
 * Return: the member, or FP_BITTREE_NONE when there is none.
 */
u32 fp_bittree_last(const struct fp_bittree *tree, u32 bound)
{
	u32 i, bit = min(bound, tree->nr - 1);

	/* Look up to @bound at the lowest level, before the word just seen at each higher one. */
	for (i = 0; i < tree->depth; i++) {
		u64 word = tree->level[i][bit / 64] & (~0ULL >> (63 - bit % 64));

		if (word)
			return descend_last(tree, i, round_down(bit, 64) + fls64(word) - 1);
		bit /= 64;
		if (!bit)
			break;
		bit--;
	}
	return FP_BITTREE_NONE;
}

/**
 * fp_bittree_count() - count the members
 * @tree: the tree
 *
 * Return: how many there are.
 */
u32 fp_bittree_count(const struct fp_bittree *tree)
{
	u32 w, nr = 0;

	for (w = 0; w < words_for(tree->nr); w++)
		nr += hweight64(tree->level[0][w]);
	return nr;
}

/**
 * fp_bittree_is_valid() - check invariant T1
 * @tree: the tree
 *
 * Return: whether it holds.
 */
bool fp_bittree_is_valid(const struct fp_bittree *tree)
{
	u32 i, w, nr = words_for(tree->nr);

	for (i = 0; i + 1 < tree->depth; i++) {
		for (w = 0; w < nr; w++) {
			bool above = tree->level[i + 1][w / 64] & BIT_ULL(w % 64);

			if (above != !!tree->level[i][w])
				return false;
		}
		nr = words_for(nr);
	}
	return true;
}
