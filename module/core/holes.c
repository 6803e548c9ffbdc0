// SPDX-License-Identifier: GPL-2.0-only
/*
 * The lengths of empty runs, without their places: enough to find out what would fit into them.
 */
#include "core/holes.h"

/**
 * fp_holes_init() - make an empty set of holes
 * @holes: the holes
 * @nr_huge: huge frames of the pool
 *
 * Context: may sleep.
 * Return: 0, or -ENOMEM.
 */
int fp_holes_init(struct fp_holes *holes, u32 nr_huge)
{
	/* Room for one more in front, since what is left of a hole on either side is one each. */
	*holes = (struct fp_holes){
		.longer = kvcalloc(nr_huge / FP_HOLES_SHORT + 1, sizeof(u32),
				   GFP_KERNEL | __GFP_NOWARN),
		.begin = 1,
		.end = 1,
	};
	return holes->longer ? 0 : -ENOMEM;
}

/**
 * fp_holes_fini() - free the memory of a set
 * @holes: the holes, or zeros
 */
void fp_holes_fini(struct fp_holes *holes)
{
	kvfree(holes->longer);
}

/**
 * fp_holes_add() - add a hole to a set that is not in use yet
 * @holes: the holes; fp_holes_sort() must follow
 * @length: of the hole, at least 1
 */
void fp_holes_add(struct fp_holes *holes, u32 length)
{
	if (length <= FP_HOLES_SHORT)
		holes->nr_of[length]++;
	else
		holes->longer[holes->end++] = length;
}

static int compare(const void *a, const void *b)
{
	u32 left = *(const u32 *)a, right = *(const u32 *)b;

	return (left > right) - (left < right);
}

/**
 * fp_holes_sort() - all holes were added
 * @holes: the holes
 */
void fp_holes_sort(struct fp_holes *holes)
{
	sort(holes->longer + holes->begin, holes->end - holes->begin, sizeof(*holes->longer),
	     compare, NULL);
}

/**
 * fp_holes_copy() - make a set equal to another
 * @to: a set for a pool of the same size
 * @from: the other
 */
void fp_holes_copy(struct fp_holes *to, const struct fp_holes *from)
{
	memcpy(to->nr_of, from->nr_of, sizeof(to->nr_of));
	memcpy(to->longer, from->longer, from->end * sizeof(*to->longer));
	to->begin = from->begin;
	to->end = from->end;
}

/* The first of the longer ones that has @length at least. */
static u32 find_longer(const struct fp_holes *holes, u32 length)
{
	u32 low = holes->begin, high = holes->end, middle;

	while (low < high) {
		middle = (low + high) / 2;
		if (holes->longer[middle] < length)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/**
 * fp_holes_insert() - add a hole
 * @holes: the holes, of which no more were inserted than removed, but for one
 * @length: of the hole; 0: nothing happens
 */
void fp_holes_insert(struct fp_holes *holes, u32 length)
{
	u32 at;

	if (length <= FP_HOLES_SHORT) {
		holes->nr_of[length]++;
		return;
	}
	at = find_longer(holes, length) - 1;
	memmove(holes->longer + holes->begin - 1, holes->longer + holes->begin,
		(at + 1 - holes->begin) * sizeof(*holes->longer));
	holes->begin--;
	holes->longer[at] = length;
}

/**
 * fp_holes_remove() - remove a hole
 * @holes: the holes
 * @length: of one of them
 */
void fp_holes_remove(struct fp_holes *holes, u32 length)
{
	if (length <= FP_HOLES_SHORT) {
		holes->nr_of[length]--;
		return;
	}
	memmove(holes->longer + holes->begin + 1, holes->longer + holes->begin,
		(find_longer(holes, length) - holes->begin) * sizeof(*holes->longer));
	holes->begin++;
}

/**
 * fp_holes_fill() - cut something off the shortest hole that is long enough
 * @holes: the holes
 * @length: of what is cut off, at least 1
 *
 * Return: whether there is such a hole.
 */
bool fp_holes_fill(struct fp_holes *holes, u32 length)
{
	u32 hole = length;

	while (hole <= FP_HOLES_SHORT && !holes->nr_of[hole])
		hole++;
	if (hole > FP_HOLES_SHORT) {
		if (find_longer(holes, length) == holes->end)
			return false;
		hole = holes->longer[find_longer(holes, length)];
	}
	fp_holes_remove(holes, hole);
	fp_holes_insert(holes, hole - length);
	return true;
}
