// SPDX-License-Identifier: GPL-2.0-only
/*
 * Walks a whole cache, and checks every numbered invariant of slab.c and slabmag.c (S), and of
 * slabtree.c (R).
 */
#include "slab/slab.h"

static const char *check_slab(const struct fp_slab_cache *cache, const struct fp_slab *slab,
			      u32 class)
{
	u32 word, nr = 0, rest = cache->per_slab % 64, expected = FP_SLAB_FULL;

	for (word = 0; word < fp_slab_words(cache); word++) {
		nr += hweight64(slab->free[word]);
		if (slab->free[word] && word < slab->first)
			return "S2: free object before the first word that may have one";
	}
	if (rest && slab->free[word - 1] >> rest)
		return "S2: free object beyond the last one";
	if (nr != slab->nr_free)
		return "S2: wrong count of a slab's free objects";
	if (nr == cache->per_slab)
		expected = FP_SLAB_EMPTY;
	else if (nr)
		expected = 1 + (nr >> cache->class_shift);
	if (slab->class != class || expected != class)
		return "S1: slab is in the list of another class";
	if (fp_slabtree_find(&cache->tree, (slab->base - cache->origin) >> cache->shift) != slab)
		return "S1: slab is not in the tree";
	return NULL;
}

static const char *check_lists(const struct fp_slab_cache *cache)
{
	u64 nr_slabs = 0, nr_free = 0, nr_empty = 0;
	const struct fp_slab *slab;
	const char *broken;
	u32 class;

	for (class = 0; class < FP_SLAB_CLASSES; class++)
		list_for_each_entry(slab, &cache->lists[class], node) {
			broken = check_slab(cache, slab, class);
			if (broken)
				return broken;
			/* A list with a loop would never end. */
			if (++nr_slabs > cache->tree.nr)
				return "S1: slab is in the lists but not in the tree";
			nr_free += slab->nr_free;
			nr_empty += class == FP_SLAB_EMPTY;
		}
	if (nr_slabs != cache->tree.nr)
		return "S1: slab is in the tree but in no list";
	if (nr_free != cache->nr_free || nr_empty != cache->nr_empty)
		return "S3: wrong count of free objects or empty slabs";
	return NULL;
}

static const char *check_node(void **node, u32 level, u64 *nr_slabs)
{
	const char *broken = NULL;
	u32 i, used = 0;

	for (i = 0; i < FP_SLABTREE_SLOTS && !broken; i++) {
		if (!node[i])
			continue;
		used++;
		if (level)
			broken = check_node(node[i], level - 1, nr_slabs);
		else
			++*nr_slabs;
	}
	return broken ?: used ? NULL : "R1: node leads to nothing";
}

static const char *check_tree(const struct fp_slabtree *tree)
{
	const char *broken = NULL;
	u64 nr_slabs = 0;

	if (tree->levels)
		broken = check_node(tree->root, tree->levels - 1, &nr_slabs);
	if (!broken && nr_slabs != tree->nr)
		broken = "R1: wrong count of slabs in the tree";
	return broken;
}

/* Set the bits of the objects in a magazine meanwhile, to find any that are in two places. */
static const char *mark_cached(struct fp_slab_cache *cache, struct fp_slab_cpu *cpu, u32 *nr)
{
	struct fp_slab *slab;
	u32 index;

	for (*nr = 0; *nr < cpu->nr; ++*nr) {
		slab = fp_slab_find_locked(cache, cpu->objects[*nr], &index);
		if (!slab)
			return "S4: object in a magazine is none of this cache";
		if (slab->free[index / 64] >> (index % 64) & 1)
			return "S4: object in a magazine is free, or there twice";
		slab->free[index / 64] |= 1ULL << (index % 64);
	}
	return NULL;
}

static void unmark_cached(struct fp_slab_cache *cache, struct fp_slab_cpu *cpu, u32 nr)
{
	struct fp_slab *slab;
	u32 index;

	while (nr--) {
		slab = fp_slab_find_locked(cache, cpu->objects[nr], &index);
		slab->free[index / 64] &= ~(1ULL << (index % 64));
	}
}

/* All objects stay marked until the last magazine was checked. */
static const char *check_magazines(struct fp_slab_cache *cache)
{
	const char *broken = NULL;
	u32 cpu, nr, end = 0;

	for_each_possible_cpu(cpu) {
		broken = mark_cached(cache, per_cpu_ptr(cache->cpus, cpu), &nr);
		end = cpu;
		if (broken)
			break;
	}
	for_each_possible_cpu(cpu) {
		struct fp_slab_cpu *own = per_cpu_ptr(cache->cpus, cpu);

		if (cpu > end)
			break;
		unmark_cached(cache, own, cpu == end ? nr : own->nr);
	}
	return broken;
}

/**
 * fp_slab_verify() - check every invariant
 * @cache: the cache
 *
 * This empties the magazines after checking them.
 *
 * Context: may sleep; the cache is locked while every object is checked, so this is for tests and
 * debugging.
 * Return: NULL, or a text that begins with the name of the broken invariant.
 */
const char *fp_slab_verify(struct fp_slab_cache *cache)
{
	const char *broken;

	mutex_lock(&cache->drain_lock);
	if (cache->cpus) {
		fp_slab_close(cache);
		fp_gate_wait(true);
	}
	spin_lock_bh(&cache->lock);
	broken = check_tree(&cache->tree);
	if (!broken)
		broken = check_lists(cache);
	if (!broken && cache->cpus)
		broken = check_magazines(cache);
	spin_unlock_bh(&cache->lock);
	if (cache->cpus)
		fp_slab_open(cache);
	mutex_unlock(&cache->drain_lock);
	return broken;
}
