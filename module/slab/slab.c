// SPDX-License-Identifier: GPL-2.0-only
/*
 * Objects of one size, which lie side by side in slabs. Nothing is written into free objects, and what is known of a slab
 * lies elsewhere: a bit for each object, set if it is free, and a header. Whether an address is that of an allocated
 * object is found out under the lock, by a tree from addresses to slabs.
 *
 * Slabs are in lists by how full they are. Objects come from the fullest, so that others become empty. A few empty slabs
 * are kept; fp_slab_release_empty() gives them back too, for who has need of the memory.
 *
 * Where memory for slabs comes from, what an address means and who may use it, is not known here: see struct
 * fp_slab_ops. Addresses need not be those of memory. Slabs are not coloured: with the bits elsewhere, the objects of a slab
 * begin in all cache sets that their stride can reach, and where the stride is a power of two, there is no rest to shift
 * them by.
 *
 * A cache may have magazines in front of its slabs: see slabmag.c.
 *
 * The invariants (checked by fp_slab_verify()):
 *  S1  a slab is in the list of the class that its count of free objects belongs to, and in the tree at its address;
 *      nothing else is in the tree;
 *  S2  a slab's count is that of its bits, none of which is beyond its objects or before its first word;
 *  S3  the cache's counts of slabs, empty slabs and free objects are those of its lists.
 */
#include "slab/slab.h"

/* Empty slabs up to this many bytes are kept, and at least one. */
#define KEEP_BYTES	(256U << 10)

/* Slabs are not made larger than this to have room for many objects, but for these few, or to waste less than a 64th. */
#define LARGE_SLAB	(128U << 10)
#define MANY_OBJECTS	32
#define FEW_OBJECTS	8

static u32 class_of(const struct fp_slab_cache *cache, u32 nr_free)
{
	if (nr_free == cache->per_slab)
		return FP_SLAB_EMPTY;
	return nr_free ? 1 + (nr_free >> cache->class_shift) : FP_SLAB_FULL;
}

/* After the count of free objects has changed. */
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

/* The fullest slab that has a free object, or NULL. */
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

/* The lowest free objects of a slab. */
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

/* The free object at or after a random place; there is one. */
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
 * fp_slab_take() - take objects out of slabs
 * @cache: the cache
 * @objects: the result: their addresses
 * @nr: how many are wanted
 *
 * Context: process or softirq.
 * Return: how many there were.
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

static u64 key_of(const struct fp_slab_cache *cache, u64 address)
{
	return (address - cache->origin) >> cache->shift;
}

static struct fp_slab *find_slab(const struct fp_slab_cache *cache, u64 address)
{
	return address - cache->origin < cache->span ? fp_slabtree_find(&cache->tree, key_of(cache, address)) : NULL;
}

static bool is_in(const struct fp_slab_cache *cache, const struct fp_slab *slab, u64 address)
{
	return (address - slab->base) >> cache->shift == 0;
}

/* False: there is no object at this address of a slab. */
static bool find_index(const struct fp_slab_cache *cache, u64 object, u32 *index)
{
	/* In the slab, whatever a processor may have foreseen of @object. */
	u32 offset = object & ((1ULL << cache->shift) - 1);

	/* Exact for multiples of the stride; what is none fails the test. */
	*index = (u64)offset * cache->reciprocal >> 32;
	return *index < cache->per_slab && *index * cache->stride == offset;
}

/**
 * fp_slab_find_locked() - which object this is
 * @cache: the cache, locked
 * @object: any address
 * @index: the result, if there is one: its number in its slab
 *
 * Return: its slab; NULL: there is no object, free or not.
 */
struct fp_slab *fp_slab_find_locked(struct fp_slab_cache *cache, u64 object, u32 *index)
{
	struct fp_slab *slab;

	lockdep_assert_held(&cache->lock);
	slab = find_slab(cache, object);
	return slab && find_index(cache, object, index) ? slab : NULL;
}

/* False: it is not an allocated object of the slab. */
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
 * Put objects back until one is refused; returns how many were taken. Objects that were allocated together often lie
 * together: their slab is looked for and moved once.
 */
static u32 put_first(struct fp_slab_cache *cache, const u64 *objects, u32 nr)
{
	struct fp_slab *slab = NULL;
	u32 i;

	for (i = 0; i < nr; i++) {
		if (!slab || !is_in(cache, slab, objects[i])) {
			if (slab)
				relist(cache, slab);
			slab = find_slab(cache, objects[i]);
		}
		if (!slab || !put_one(cache, slab, objects[i]))
			break;
	}
	if (slab)
		relist(cache, slab);
	return i;
}

/* Take a slab out, on its way back. */
static void detach(struct fp_slab_cache *cache, struct fp_slab *slab, struct list_head *surplus)
{
	fp_slabtree_erase(&cache->tree, key_of(cache, slab->base));
	cache->nr_free -= slab->nr_free;
	cache->nr_empty -= slab->class == FP_SLAB_EMPTY;
	list_move(&slab->node, surplus);
}

/* Take empty slabs out until no more than @keep are left. */
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
		cache->ops->put(cache, slab->base);
		kfree(slab->private);
		kfree(slab);
	}
}

/**
 * fp_slab_put() - put objects back into slabs
 * @cache: the cache
 * @objects: their addresses
 * @nr: how many
 *
 * Context: process or softirq.
 * Return: how many were refused, because they are no objects, or free; counted.
 */
u32 fp_slab_put(struct fp_slab_cache *cache, const u64 *objects, u32 nr)
{
	struct list_head surplus;
	u32 i, done = 0;

	INIT_LIST_HEAD(&surplus);
	spin_lock_bh(&cache->lock);
	/* One that is refused is left out. */
	for (i = 0; i < nr; i++) {
		u32 n = put_first(cache, objects + i, nr - i);

		done += n;
		i += n;
	}
	cache->nr_free += done;
	cache->nr_bad_frees += nr - done;
	cache->nr_returns++;
	cut_surplus(cache, cache->keep, &surplus);
	spin_unlock_bh(&cache->lock);
	release(cache, &surplus);
	return nr - done;
}

/* Undo put_one() for objects that it took. */
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
 * Return: @nr; or the number of the first that is no object, or free, or the same as one before it; counted, and
 * nothing changed.
 */
u32 fp_slab_put_all(struct fp_slab_cache *cache, const u64 *objects, u32 nr)
{
	struct list_head surplus;
	u32 done;

	INIT_LIST_HEAD(&surplus);
	spin_lock_bh(&cache->lock);
	done = put_first(cache, objects, nr);
	if (done == nr) {
		cache->nr_free += nr;
		cache->nr_returns++;
		cut_surplus(cache, cache->keep, &surplus);
	} else {
		take_back(cache, objects, done);
		cache->nr_bad_frees++;
	}
	spin_unlock_bh(&cache->lock);
	release(cache, &surplus);
	return done;
}

static struct fp_slab *make_slab(const struct fp_slab_cache *cache, u64 base, gfp_t gfp)
{
	u32 words = fp_slab_words(cache), rest = cache->per_slab % 64;
	struct fp_slab *slab = kzalloc(sizeof(*slab) + words * sizeof(u64), gfp);

	if (!slab)
		return NULL;
	memset(slab->free, 0xff, words * sizeof(u64));
	if (rest)
		slab->free[words - 1] = (1ULL << rest) - 1;
	slab->base = base;
	slab->nr_free = cache->per_slab;
	slab->class = FP_SLAB_EMPTY;
	return slab;
}

static int insert(struct fp_slab_cache *cache, struct fp_slab *slab)
{
	int ret;

	spin_lock_bh(&cache->lock);
	ret = fp_slabtree_insert(&cache->tree, key_of(cache, slab->base), slab);
	if (!ret) {
		list_add(&slab->node, &cache->lists[FP_SLAB_EMPTY]);
		cache->nr_empty++;
		cache->nr_grown++;
		cache->nr_free += cache->per_slab;
	}
	spin_unlock_bh(&cache->lock);
	return ret;
}

/**
 * fp_slab_add() - add an empty slab
 * @cache: the cache
 * @base: where its memory is: a multiple of its length above the cache's origin; stays the caller's if this fails
 * @gfp: how to allocate what is known of it
 *
 * Context: process or softirq; may sleep if @gfp allows it.
 * Return: 0, or -ENOMEM.
 */
int fp_slab_add(struct fp_slab_cache *cache, u64 base, gfp_t gfp)
{
	struct fp_slab *slab = make_slab(cache, base, gfp);
	int ret;

	if (!slab)
		return -ENOMEM;
	ret = insert(cache, slab);
	if (ret)
		kfree(slab);
	return ret;
}

/**
 * fp_slab_release_empty() - give all empty slabs back
 * @cache: the cache
 *
 * Context: process or softirq.
 */
void fp_slab_release_empty(struct fp_slab_cache *cache)
{
	struct list_head surplus;

	INIT_LIST_HEAD(&surplus);
	spin_lock_bh(&cache->lock);
	cut_surplus(cache, 0, &surplus);
	spin_unlock_bh(&cache->lock);
	release(cache, &surplus);
}

/**
 * fp_slab_discard() - give all slabs back, whatever is allocated in them
 * @cache: the cache, whose objects nobody uses any more; nothing can be done with it afterwards
 *
 * Context: process or softirq.
 */
void fp_slab_discard(struct fp_slab_cache *cache)
{
	struct list_head surplus;
	u32 class, nr;

	for (class = 0; class < FP_SLAB_CLASSES; class += nr < FP_SLAB_BATCH) {
		INIT_LIST_HEAD(&surplus);
		/* Not all under one lock: there may be very many. */
		spin_lock_bh(&cache->lock);
		for (nr = 0; nr < FP_SLAB_BATCH && !list_empty(&cache->lists[class]); nr++)
			detach(cache, list_first_entry(&cache->lists[class], struct fp_slab, node), &surplus);
		spin_unlock_bh(&cache->lock);
		release(cache, &surplus);
	}
}

static u64 node_bytes(const struct fp_slab_cache *cache)
{
	u64 nodes = 0, nr = cache->tree.nr;
	u32 level;

	/* The least that it can be: slabs lie side by side. */
	for (level = 0; level < cache->tree.levels; level++) {
		nr = (nr + FP_SLABTREE_SLOTS - 1) / FP_SLABTREE_SLOTS;
		nodes += nr;
	}
	return nodes * FP_SLABTREE_SLOTS * sizeof(void *);
}

static void add_magazines(const struct fp_slab_cache *cache, struct fp_slab_stats *stats)
{
	u32 cpu;

	for_each_possible_cpu(cpu) {
		const struct fp_slab_cpu *own = per_cpu_ptr(cache->cpus, cpu);

		stats->cached += READ_ONCE(own->nr);
		stats->hits += READ_ONCE(own->nr_hits);
		stats->kept += READ_ONCE(own->nr_kept);
	}
}

/**
 * fp_slab_stats() - take a snapshot
 * @cache: the cache
 * @stats: the result; consistent if the cache is at rest, otherwise what is cached and active may be off by what is
 *	   on its way
 *
 * Context: any.
 */
void fp_slab_stats(struct fp_slab_cache *cache, struct fp_slab_stats *stats)
{
	memset(stats, 0, sizeof(*stats));
	spin_lock_bh(&cache->lock);
	stats->slabs = cache->tree.nr;
	stats->empty = cache->nr_empty;
	stats->objects = stats->slabs * cache->per_slab;
	stats->refills = cache->nr_refills;
	stats->returns = cache->nr_returns;
	stats->grown = cache->nr_grown;
	stats->bad_frees = cache->nr_bad_frees;
	stats->waste = stats->slabs * ((1ULL << cache->shift) - (u64)cache->per_slab * cache->size);
	stats->metadata = node_bytes(cache) +
			  stats->slabs * (sizeof(struct fp_slab) + fp_slab_words(cache) * sizeof(u64));
	if (cache->cpus)
		add_magazines(cache, stats);
	stats->cached = min(stats->cached, stats->objects - cache->nr_free);
	stats->active = stats->objects - cache->nr_free - stats->cached;
	spin_unlock_bh(&cache->lock);
}

static u64 tail_of(u32 stride, u32 shift)
{
	return (1ULL << shift) % stride;
}

/* log2 of the bytes of the smallest slab that wastes at most one part in @parts, up to @most; 0: there is none. */
static u32 find_shift(u32 stride, u32 least, u32 most, u32 parts)
{
	u32 shift;

	for (shift = least; shift <= most; shift++)
		if (1ULL << shift >= stride && tail_of(stride, shift) * parts <= 1ULL << shift)
			return shift;
	return 0;
}

/*
 * A slab should hold many objects, and waste little. At most an eighth is wasted, but for objects above an eighth of
 * a huge frame: of those there may be no slab that holds so much of them, and the best is as good as it gets.
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
		if (tail_of(stride, shift) << (most - shift) < tail_of(stride, best) << (most - best))
			best = shift;
	return best;
}

static bool config_is_valid(const struct fp_slab_config *config)
{
	return config->size >= FP_SLAB_MIN_SIZE && config->size <= FP_SLAB_MAX_SIZE &&
	       !(config->align & (config->align - 1)) &&
	       config->align <= FP_HUGE_FRAMES << PAGE_SHIFT && config->min_order <= FP_SLAB_MAX_ORDER;
}

/* What follows from the size. */
static void set_layout(struct fp_slab_cache *cache, const struct fp_slab_config *config)
{
	cache->size = config->size;
	cache->stride = round_up(config->size, max_t(u32, config->align, FP_SLAB_MIN_SIZE));
	cache->shift = choose_shift(cache->stride, config->min_order);
	cache->order = cache->shift - PAGE_SHIFT;
	cache->per_slab = (1ULL << cache->shift) / cache->stride;
	cache->reciprocal = ((1ULL << 32) + cache->stride - 1) / cache->stride;
	/* The most free objects of a slab that is not empty come into the last class. */
	while ((cache->per_slab - 1) >> cache->class_shift >= FP_SLAB_PARTIAL)
		cache->class_shift++;
	cache->keep = max_t(u32, KEEP_BYTES >> cache->shift, 1);
	cache->magazine = round_down(min_t(u64, config->cached_bytes / cache->stride, FP_SLAB_MAGAZINE), 2);
}

/**
 * fp_slab_setup() - make a cache without slabs and without magazines
 * @cache: zeroed
 * @config: how
 *
 * Context: any.
 * Return: 0; -EINVAL: @config asks for a size or alignment that is not possible.
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
	mutex_init(&cache->drain_lock);
	spin_lock_init(&cache->lock);
	for (class = 0; class < FP_SLAB_CLASSES; class++)
		INIT_LIST_HEAD(&cache->lists[class]);
	return 0;
}
