// SPDX-License-Identifier: GPL-2.0-only
/*
 * Walks a whole cache, and checks every numbered invariant of slab.c and slabmag.c.
 */
#include "slab/slab.h"

static const char *check_slab(struct fp_slab_cache *cache, const struct fp_slab *slab, u32 class)
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
	if (fp_slab_find(cache, slab->base) != slab)
		return "S1: slab is not at its place";
	return NULL;
}

static const char *check_lists(struct fp_slab_cache *cache)
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
			if (++nr_slabs > cache->nr_slabs)
				return "S3: more slabs in the lists than there are";
			nr_free += slab->nr_free;
			nr_empty += class == FP_SLAB_EMPTY;
		}
	if (nr_slabs != cache->nr_slabs || nr_free != cache->nr_free || nr_empty != cache->nr_empty)
		return "S3: wrong count of slabs, free objects or empty slabs";
	return NULL;
}

/**
 * fp_slab_verify() - check every invariant
 * @cache: the cache
 *
 * This empties the magazines. An object that is refused then was not allocated, or was there twice.
 *
 * Context: may sleep; the cache is locked while every object is checked, so this is for tests and
 * debugging.
 * Return: NULL, or a text that begins with the name of the broken invariant.
 */
const char *fp_slab_verify(struct fp_slab_cache *cache)
{
	const char *broken;
	u64 nr_bad_frees;

	spin_lock_bh(&cache->lock);
	nr_bad_frees = cache->nr_bad_frees;
	spin_unlock_bh(&cache->lock);
	if (cache->magazines.cpus)
		fp_magazines_drain(&cache->magazines, true);
	spin_lock_bh(&cache->lock);
	broken = check_lists(cache);
	if (!broken && cache->nr_bad_frees != nr_bad_frees)
		broken = "S4: what was in a magazine is no allocated object, or was there twice";
	spin_unlock_bh(&cache->lock);
	return broken;
}
