// SPDX-License-Identifier: GPL-2.0-only
/*
 * Objects of one size, side by side in slabs. Nothing is written into free objects: the metadata of
 * a slab, a header and one bit for each object (set if it is free), is kept outside it. An index of
 * slabs by place tells whether an address is that of an allocated object.
 *
 * Slabs are in lists by how full they are. Objects come from the fullest slab, so that others
 * become empty. A few empty slabs are kept; fp_slab_release_empty() gives them back too, when
 * someone else needs the memory.
 *
 * This file knows nothing of where the memory of slabs comes from, what an address means or who may
 * use it: see struct fp_slab_ops. Addresses need not be memory addresses. Slabs are not coloured.
 * Since the metadata is elsewhere, the objects of a slab begin in all cache sets that their stride
 * can reach; and if the stride is a power of two, a slab has no unused rest by which to shift them.
 *
 * A cache may have magazines in front of its slabs: see slabmag.c.
 *
 * The invariants (checked by fp_slab_verify()):
 *  S1  a slab is in the list of the class that follows from its count of free objects, and in the
 *      index at its place;
 *  S2  a slab's count of free objects is the number of its set bits; none of these is beyond its
 *      objects or before its first word;
 *  S3  the cache's counts of slabs, empty slabs and free objects agree with its lists.
 */
#include "slab/slab.h"

/* Empty slabs up to this many bytes are kept, and at least one. */
#define KEEP_BYTES	(256U << 10)

/*
 * A slab is for MANY_OBJECTS, or LARGE_SLAB bytes if that is less, but at least for FEW_OBJECTS;
 * see choose_shift().
 */
#define LARGE_SLAB	(128U << 10)
#define MANY_OBJECTS	32
#define FEW_OBJECTS	8

static u32 class_of(const struct fp_slab_cache *cache, u32 nr_free)
{
	if (nr_free == cache->per_slab)
		return FP_SLAB_EMPTY;
	return nr_free ? 1 + (nr_free >> cache->class_shift) : FP_SLAB_FULL;
}

/* Move a slab to the list of its class after its count of free objects has changed. */
static void relist(struct fp_slab_cache *cache, struct fp_slab *slab)
{
	u32 class = class_of(cache, slab->nr_free);

	if (class == slab->class)
		return;
	cache->nr_empty += class == FP_SLAB_EMPTY;
	cache->nr_empty -= slab->class == FP_SLAB_EMPTY;
	list_move(&slab->node, &cache->lists[class]);
	slab->class = class;
}

/* Find the fullest slab that has a free object. Returns NULL if there is none. */
static struct fp_slab *fullest(struct fp_slab_cache *cache)
{
	u32 class;

	for (class = FP_SLAB_FULL + 1; class < FP_SLAB_CLASSES; class++)
		if (!list_empty(&cache->lists[class]))
			return list_first_entry(&cache->lists[class], struct fp_slab, node);
	return NULL;
}

static u64 address_of(const struct fp_slab_cache *cache, const struct fp_slab *slab, u32 index)
{
	return slab->base + (u64)index * cache->stride;
}

/* Take the lowest free objects of a slab. */
static u32 take_lowest(struct fp_slab_cache *cache, struct fp_slab *slab, u64 *objects, u32 nr)
{
	u32 word = slab->first, got = 0;

	for (;; word++) {
		u64 bits = slab->free[word];

		for (; bits && got < nr; bits &= bits - 1)
			objects[got++] = address_of(cache, slab, word * 64 + __ffs64(bits));
		slab->free[word] = bits;
		if (got == nr || word + 1 == fp_slab_words(cache))
			break;
	}
	slab->first = word;
	return got;
}

/* xorshift64*, Vigna 2016 */
static u64 next_random(struct fp_slab_cache *cache)
{
	cache->random ^= cache->random >> 12;
	cache->random ^= cache->random << 25;
	cache->random ^= cache->random >> 27;
	return cache->random * 2685821657736338717ULL;
}

/* Find the first free object at or after a random index, wrapping around. There must be one. */
static u32 random_index(struct fp_slab_cache *cache, const struct fp_slab *slab)
{
	u32 at = (next_random(cache) >> 32) * cache->per_slab >> 32, word = at / 64;
	u64 bits = slab->free[word] & ~0ULL << (at % 64);

	while (!bits) {
		word = word + 1 < fp_slab_words(cache) ? word + 1 : 0;
		bits = slab->free[word];
	}
	return word * 64 + __ffs64(bits);
}

static u32 take_random(struct fp_slab_cache *cache, struct fp_slab *slab, u64 *objects, u32 nr)
{
	u32 i, index;

	nr = min(nr, slab->nr_free);
	for (i = 0; i < nr; i++) {
		index = random_index(cache, slab);
		slab->free[index / 64] &= ~(1ULL << (index % 64));
		objects[i] = address_of(cache, slab, index);
	}
	return nr;
}

/**
 * fp_slab_take() - take objects from slabs
 * @cache: the cache
 * @objects: the result: their addresses
 * @nr: how many are wanted
 *
 * Context: process or softirq.
 * Return: how many were taken.
 */
u32 fp_slab_take(struct fp_slab_cache *cache, u64 *objects, u32 nr)
{
	struct fp_slab *slab;
	u32 got = 0, n;

	spin_lock_bh(&cache->lock);
	while (got < nr && (slab = fullest(cache))) {
		n = cache->random ? take_random(cache, slab, objects + got, nr - got) :
				    take_lowest(cache, slab, objects + got, nr - got);
		slab->nr_free -= n;
		relist(cache, slab);
		got += n;
	}
	cache->nr_free -= got;
	cache->nr_refills += !!got;
	spin_unlock_bh(&cache->lock);
	return got;
}

static unsigned long place_of(const struct fp_slab_cache *cache, u64 address)
{
	return (address - cache->origin) >> cache->shift;
}

/**
 * fp_slab_find() - find the slab at an address
 * @cache: the cache
 * @address: any address
 *
 * Context: any. Without the lock, the slab exists until after @hide was called for it.
 * Return: the slab, or NULL.
 */
struct fp_slab *fp_slab_find(struct fp_slab_cache *cache, u64 address)
{
	if (address - cache->origin >= cache->span)
		return NULL;
	return xa_load(&cache->places, place_of(cache, address));
}

static bool is_in(const struct fp_slab_cache *cache, const struct fp_slab *slab, u64 address)
{
	return (address - slab->base) >> cache->shift == 0;
}

/* Find the index of an object in its slab. Returns false if no object begins at this address. */
static bool find_index(const struct fp_slab_cache *cache, u64 object, u32 *index)
{
	/* Masked, so that it lies in the slab even under speculation. */
	u32 offset = object & ((1ULL << cache->shift) - 1);

	/* Exact for multiples of the stride; anything else fails the test below. */
	*index = (u64)offset * cache->reciprocal >> 32;
	return *index < cache->per_slab && *index * cache->stride == offset;
}

/**
 * fp_slab_find_locked() - find an object by address
 * @cache: the cache, locked
 * @object: any address
 * @index: the result: its index in its slab
 *
 * Return: its slab; NULL: no object, free or allocated, begins at this address.
 */
struct fp_slab *fp_slab_find_locked(struct fp_slab_cache *cache, u64 object, u32 *index)
{
	struct fp_slab *slab;

	lockdep_assert_held(&cache->lock);
	slab = fp_slab_find(cache, object);
	return slab && find_index(cache, object, index) ? slab : NULL;
}

/* Returns false if @object is not an allocated object of the slab. */
static bool put_one(const struct fp_slab_cache *cache, struct fp_slab *slab, u64 object)
{
	u32 index, word;
	u64 bit;

	if (!find_index(cache, object, &index))
		return false;
	word = index / 64;
	bit = 1ULL << (index % 64);
	if (slab->free[word] & bit)
		return false;
	slab->free[word] |= bit;
	slab->first = min_t(u32, slab->first, word);
	slab->nr_free++;
	return true;
}

/*
 * Put objects back until one is refused; returns how many were put back. Objects that are freed
 * together are often neighbours, so their slab is looked up, and moved to another list, only once.
 */
static u32 put_first(struct fp_slab_cache *cache, const u64 *objects, u32 nr)
{
	struct fp_slab *slab = NULL;
	u32 i;

	for (i = 0; i < nr; i++) {
		if (!slab || !is_in(cache, slab, objects[i])) {
			if (slab)
				relist(cache, slab);
			slab = fp_slab_find(cache, objects[i]);
		}
		if (!slab || !put_one(cache, slab, objects[i]))
			break;
	}
	if (slab)
		relist(cache, slab);
	return i;
}

/* Remove a slab from the cache and add it to the list of those to give back. */
static void detach(struct fp_slab_cache *cache, struct fp_slab *slab, struct list_head *surplus)
{
	/* If it is to be hidden, its place stays reserved. */
	if (cache->ops->hide)
		xa_store(&cache->places, place_of(cache, slab->base), NULL, 0);
	else
		xa_erase(&cache->places, place_of(cache, slab->base));
	cache->nr_slabs--;
	cache->nr_free -= slab->nr_free;
	cache->nr_empty -= slab->class == FP_SLAB_EMPTY;
	list_move(&slab->node, surplus);
}

/* Remove empty slabs until no more than @keep are left. */
static void cut_surplus(struct fp_slab_cache *cache, u32 keep, struct list_head *surplus)
{
	struct list_head *empty = &cache->lists[FP_SLAB_EMPTY];

	while (cache->nr_empty > keep)
		detach(cache, list_last_entry(empty, struct fp_slab, node), surplus);
}

static void release(struct fp_slab_cache *cache, struct list_head *surplus)
{
	struct fp_slab *slab, *next;

	list_for_each_entry_safe(slab, next, surplus, node) {
		if (cache->ops->hide) {
			cache->ops->hide(cache, slab->base, slab->private);
			xa_erase_bh(&cache->places, place_of(cache, slab->base));
		}
		cache->ops->put(cache, slab->base, slab->private);
		kfree(slab->private);
		kfree(slab);
	}
}

/* Objects were put back, or refused: account for that, unlock, and give empty slabs back. */
static void finish_put(struct fp_slab_cache *cache, u32 nr, u32 nr_refused)
	__releases(&cache->lock)
{
	LIST_HEAD(surplus);

	cache->nr_free += nr;
	cache->nr_returns += !!nr;
	WRITE_ONCE(cache->nr_bad_frees, cache->nr_bad_frees + nr_refused);
	cut_surplus(cache, cache->keep, &surplus);
	spin_unlock_bh(&cache->lock);
	release(cache, &surplus);
}

/**
 * fp_slab_put() - put objects back into slabs
 * @cache: the cache
 * @objects: their addresses
 * @nr: how many
 *
 * Context: process or softirq.
 * Return: how many were refused because they are not allocated objects; these are counted.
 */
u32 fp_slab_put(struct fp_slab_cache *cache, const u64 *objects, u32 nr)
{
	u32 i, done = 0;

	spin_lock_bh(&cache->lock);
	/* An object that is refused is skipped. */
	for (i = 0; i < nr; i++) {
		u32 n = put_first(cache, objects + i, nr - i);

		done += n;
		i += n;
	}
	finish_put(cache, done, nr - done);
	return nr - done;
}

/* Undo put_one() for objects that it put back. */
static void take_back(struct fp_slab_cache *cache, const u64 *objects, u32 nr)
{
	struct fp_slab *slab;
	u32 index;

	while (nr--) {
		slab = fp_slab_find_locked(cache, objects[nr], &index);
		slab->free[index / 64] &= ~(1ULL << (index % 64));
		slab->nr_free--;
		relist(cache, slab);
	}
}

/**
 * fp_slab_put_all() - put objects back into slabs, all or none
 * @cache: the cache
 * @objects: their addresses
 * @nr: how many
 *
 * Context: process or softirq.
 * Return: @nr; or the index of the first that is not an allocated object, or equals an earlier one;
 * this is counted, and changes nothing.
 */
u32 fp_slab_put_all(struct fp_slab_cache *cache, const u64 *objects, u32 nr)
{
	u32 done;

	spin_lock_bh(&cache->lock);
	done = put_first(cache, objects, nr);
	if (done < nr)
		take_back(cache, objects, done);
	finish_put(cache, done == nr ? nr : 0, done < nr);
	return done;
}

static struct fp_slab *make_slab(const struct fp_slab_cache *cache, gfp_t gfp)
{
	u32 words = fp_slab_words(cache), rest = cache->per_slab % 64;
	struct fp_slab *slab = kzalloc(sizeof(*slab) + words * sizeof(u64), gfp);

	if (!slab)
		return NULL;
	memset(slab->free, 0xff, words * sizeof(u64));
	if (rest)
		slab->free[words - 1] = (1ULL << rest) - 1;
	slab->nr_free = cache->per_slab;
	slab->class = FP_SLAB_EMPTY;
	return slab;
}

/*
 * Enter a slab in the index, at the place of @base, or the lowest free one. It may be found at
 * once, but has no allocated object that might be freed.
 */
static int enter(struct fp_slab_cache *cache, struct fp_slab *slab, u64 base, gfp_t gfp)
{
	u32 place;
	int ret;

	slab->base = base;
	if (base != FP_SLAB_NONE)
		return xa_insert_bh(&cache->places, place_of(cache, base), slab, gfp);
	ret = xa_alloc_bh(&cache->places, &place, slab,
			  XA_LIMIT(0, (cache->span >> cache->shift) - 1), gfp);
	slab->base = cache->origin + ((u64)place << cache->shift);
	return ret;
}

/**
 * fp_slab_add() - add an empty slab
 * @cache: the cache
 * @base: address of its memory, a multiple of its length above the cache's origin; FP_SLAB_NONE:
 *        the lowest free one; on failure, the memory remains the caller's
 * @private: its @private; on failure, it remains the caller's
 * @gfp: for the allocation of its metadata
 *
 * Context: process or softirq; may sleep if @gfp allows it.
 * Return: 0; -ENOMEM: no memory for the metadata, or no free place.
 */
int fp_slab_add(struct fp_slab_cache *cache, u64 base, void *private, gfp_t gfp)
{
	struct fp_slab *slab = make_slab(cache, gfp);

	if (!slab)
		return -ENOMEM;
	slab->private = private;
	if (enter(cache, slab, base, gfp)) {
		kfree(slab);
		return -ENOMEM;
	}
	if (cache->ops->show)
		cache->ops->show(cache, slab->base, private);
	spin_lock_bh(&cache->lock);
	list_add(&slab->node, &cache->lists[FP_SLAB_EMPTY]);
	cache->nr_slabs++;
	cache->nr_empty++;
	cache->nr_free += cache->per_slab;
	spin_unlock_bh(&cache->lock);
	return 0;
}

/**
 * fp_slab_release_empty() - give all empty slabs back
 * @cache: the cache
 *
 * Context: process or softirq.
 */
void fp_slab_release_empty(struct fp_slab_cache *cache)
{
	LIST_HEAD(surplus);

	spin_lock_bh(&cache->lock);
	cut_surplus(cache, 0, &surplus);
	spin_unlock_bh(&cache->lock);
	release(cache, &surplus);
}

/**
 * fp_slab_discard() - give all slabs back, with any objects allocated in them
 * @cache: the cache, whose objects nobody uses any more; it cannot be used afterwards
 *
 * Context: process or softirq.
 */
void fp_slab_discard(struct fp_slab_cache *cache)
{
	struct list_head surplus;
	u32 class, nr;

	for (class = 0; class < FP_SLAB_CLASSES; class += nr < FP_SLAB_BATCH) {
		INIT_LIST_HEAD(&surplus);
		/* Release the lock now and then: there may be very many. */
		spin_lock_bh(&cache->lock);
		for (nr = 0; nr < FP_SLAB_BATCH && !list_empty(&cache->lists[class]); nr++)
			detach(cache, list_first_entry(&cache->lists[class], struct fp_slab, node),
			       &surplus);
		spin_unlock_bh(&cache->lock);
		release(cache, &surplus);
	}
}

static void add_magazines(const struct fp_slab_cache *cache, struct fp_slab_stats *stats)
{
	u32 cpu;

	stats->cached = fp_magazines_count(&cache->magazines, 0);
	for_each_possible_cpu(cpu) {
		const struct fp_magazine_cpu *own = per_cpu_ptr(cache->magazines.cpus, cpu);

		stats->hits += READ_ONCE(own->nr_popped);
		stats->kept += READ_ONCE(own->nr_pushed);
	}
}

/**
 * fp_slab_stats() - read the statistics of a cache
 * @cache: the cache
 * @stats: the result; if the cache is in use, @cached and @active may be off by the objects in
 *         transit
 *
 * Context: any.
 */
void fp_slab_stats(struct fp_slab_cache *cache, struct fp_slab_stats *stats)
{
	memset(stats, 0, sizeof(*stats));
	spin_lock_bh(&cache->lock);
	stats->slabs = cache->nr_slabs;
	stats->empty = cache->nr_empty;
	stats->objects = stats->slabs * cache->per_slab;
	stats->refills = cache->nr_refills;
	stats->returns = cache->nr_returns;
	stats->bad_frees = cache->nr_bad_frees;
	stats->waste = stats->slabs * ((1ULL << cache->shift) - (u64)cache->per_slab * cache->size);
	/* The index takes at least so much, which is exact if slabs are neighbours. */
	stats->metadata = stats->slabs * (sizeof(struct fp_slab) +
					  fp_slab_words(cache) * sizeof(u64) +
					  sizeof(struct xa_node) / XA_CHUNK_SIZE);
	if (cache->magazines.cpus)
		add_magazines(cache, stats);
	stats->cached = min(stats->cached, stats->objects - cache->nr_free);
	stats->active = stats->objects - cache->nr_free - stats->cached;
	spin_unlock_bh(&cache->lock);
}

static u64 tail_of(u32 stride, u32 shift)
{
	return (1ULL << shift) % stride;
}

/*
 * log2 of the bytes of the smallest slab, from @least to @most, that wastes at most one part in
 * @parts; 0: none does.
 */
static u32 find_shift(u32 stride, u32 least, u32 most, u32 parts)
{
	u32 shift;

	for (shift = least; shift <= most; shift++)
		if (1ULL << shift >= stride && tail_of(stride, shift) * parts <= 1ULL << shift)
			return shift;
	return 0;
}

/*
 * A slab should hold many objects and waste little. First, a slab of up to LARGE_SLAB that wastes
 * at most a 64th is looked for, then one of any size that wastes at most an eighth. Objects larger
 * than an eighth of a huge frame may not fit that well in any slab; for them, the slab that wastes
 * least is chosen.
 */
static u32 choose_shift(u32 stride, u32 min_order)
{
	u32 most = FP_SLAB_MAX_ORDER + PAGE_SHIFT, least, shift, best;

	least = min_t(u32, order_base_2((u64)stride * MANY_OBJECTS), ilog2(LARGE_SLAB));
	least = max_t(u32, least, order_base_2((u64)stride * FEW_OBJECTS));
	least = min_t(u32, max_t(u32, least, min_order + PAGE_SHIFT), most);
	shift = find_shift(stride, least, min_t(u32, most, ilog2(LARGE_SLAB)), 64);
	if (!shift)
		shift = find_shift(stride, least, most, 8);
	if (shift)
		return shift;
	for (best = most, shift = most; 1ULL << shift >= stride && shift >= PAGE_SHIFT; shift--)
		if (tail_of(stride, shift) << (most - shift) <
		    tail_of(stride, best) << (most - best))
			best = shift;
	return best;
}

static bool config_is_valid(const struct fp_slab_config *config)
{
	return config->size >= FP_SLAB_MIN_SIZE &&
	       config->size <= FP_SLAB_MAX_SIZE - config->redzone &&
	       !(config->align & (config->align - 1)) &&
	       config->align <= FP_HUGE_FRAMES << PAGE_SHIFT &&
	       config->min_order <= FP_SLAB_MAX_ORDER;
}

/* Set what follows from the size. */
static void set_layout(struct fp_slab_cache *cache, const struct fp_slab_config *config)
{
	cache->size = config->size;
	cache->stride = round_up(config->size + config->redzone,
				 max_t(u32, config->align, FP_SLAB_MIN_SIZE));
	cache->shift = choose_shift(cache->stride, config->min_order);
	cache->order = cache->shift - PAGE_SHIFT;
	cache->per_slab = (1ULL << cache->shift) / cache->stride;
	cache->reciprocal = ((1ULL << 32) + cache->stride - 1) / cache->stride;
	/* A slab with all but one object free belongs in the last class. */
	while ((cache->per_slab - 1) >> cache->class_shift >= FP_SLAB_PARTIAL)
		cache->class_shift++;
	cache->keep = max_t(u32, KEEP_BYTES >> cache->shift, 1);
}

/**
 * fp_slab_setup() - initialise a cache without slabs and without magazines
 * @cache: zeroed
 * @config: its parameters
 *
 * Context: any.
 * Return: 0; -EINVAL: the size or alignment in @config is not valid.
 */
int fp_slab_setup(struct fp_slab_cache *cache, const struct fp_slab_config *config)
{
	u32 class;

	if (!config_is_valid(config))
		return -EINVAL;
	set_layout(cache, config);
	cache->ops = config->ops;
	cache->origin = config->origin;
	cache->span = config->span;
	cache->random = config->seed;
	spin_lock_init(&cache->lock);
	xa_init_flags(&cache->places, XA_FLAGS_ALLOC | XA_FLAGS_LOCK_BH |
				      (config->account ? XA_FLAGS_ACCOUNT : 0));
	for (class = 0; class < FP_SLAB_CLASSES; class++)
		INIT_LIST_HEAD(&cache->lists[class]);
	return 0;
}
