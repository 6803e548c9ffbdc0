// SPDX-License-Identifier: GPL-2.0-only
/*
 * A cache of objects of one size, which lie side by side in slabs. In front of the slabs, each processor has a
 * magazine of objects (gate.h says how it is used without a lock), which is filled from the slabs and emptied into
 * them half at a time. There is no depot of full magazines in between, as Bonwick and Adams have it: slabs take an
 * object back by setting a bit, and give 64 away by reading a word, so that there is little to save; docs/design.md
 * has the figures.
 *
 * Nothing is written into free objects, and what is known of a slab lies elsewhere: a bit for each object, set if it
 * is free, and a header. To a slab an object in a magazine is allocated. Whether an address is that of an
 * allocated object is found out under the lock, by a tree from addresses to slabs; so a mistake of a caller is seen
 * when a magazine is emptied, at once if there are none (@cached_bytes 0).
 *
 * Slabs are in lists by how full they are. Objects come from the fullest, so that others become empty. A few empty slabs
 * are kept; fp_slab_release_empty() gives them back too, for who has need of the memory.
 *
 * Where memory for slabs comes from, what an address means and who may use it, is not known here: see struct
 * fp_slab_ops. Addresses need not be those of memory. Slabs are not coloured: with the bits elsewhere, the objects of a slab
 * begin in all cache sets that their stride can reach, and where the stride is a power of two, there is no rest to shift
 * them by.
 *
 * The invariants (checked by fp_slab_verify()):
 *  S1  a slab is in the list of the class that its count of free objects belongs to, and in the tree at its address;
 *      nothing else is in the tree;
 *  S2  a slab's count is that of its bits, none of which is beyond its objects or before its first word;
 *  S3  the cache's counts of slabs, empty slabs and free objects are those of its lists;
 *  S4  an object in a magazine is one that its slab holds to be allocated, and is in no other.
 * S4 holds as long as nobody frees what he does not have.
 */
#include "slab.h"

/* Empty slabs up to this many bytes are kept, and at least one. */
#define KEEP_BYTES	(256U << 10)

/* Slabs are not made larger than this to have room for many objects, but for these few, or to waste less than a 64th. */
#define LARGE_SLAB	(128U << 10)
#define MANY_OBJECTS	32
#define FEW_OBJECTS	8

/*
 * Where to be in the magazine of this processor, alone, until leave(). NULL: not now. It is the slow way in;
 * fp_slab_pop() and fp_slab_push() are the fast one.
 */
static struct fp_slab_cpu *enter(struct fp_slab_cache *cache)
{
	struct fp_slab_cpu *cpu;

	preempt_disable();
	cpu = this_cpu_ptr(cache->cpus);
	if (likely(fp_gate_enter(&cpu->gate)))
		return cpu;
	preempt_enable();
	return NULL;
}

static void leave(struct fp_slab_cpu *cpu)
{
	fp_gate_leave(&cpu->gate);
	preempt_enable();
}

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

static u32 take(struct fp_slab_cache *cache, u64 *objects, u32 nr)
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

/* False: there is no object at this address of the slab. */
static bool find_index(const struct fp_slab_cache *cache, const struct fp_slab *slab, u64 object, u32 *index)
{
	u32 offset = object - slab->base;

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
	return slab && find_index(cache, slab, object, index) ? slab : NULL;
}

/* False: it is not an allocated object of the slab. */
static bool put_one(const struct fp_slab_cache *cache, struct fp_slab *slab, u64 object)
{
	u32 index, word;
	u64 bit;

	if (!find_index(cache, slab, object, &index))
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

/* Objects that were allocated together often lie together: their slab is looked for and moved once. */
static u32 put_all(struct fp_slab_cache *cache, const u64 *objects, u32 nr)
{
	struct fp_slab *slab = NULL;
	u32 i, done = 0;

	for (i = 0; i < nr; i++) {
		if (!slab || !is_in(cache, slab, objects[i])) {
			if (slab)
				relist(cache, slab);
			slab = find_slab(cache, objects[i]);
		}
		done += slab && put_one(cache, slab, objects[i]);
	}
	if (slab)
		relist(cache, slab);
	return done;
}

/* Take empty slabs out until no more than @keep are left. */
static void cut_surplus(struct fp_slab_cache *cache, u32 keep, struct list_head *surplus)
{
	struct list_head *empty = &cache->lists[FP_SLAB_EMPTY];
	struct fp_slab *slab;

	for (; cache->nr_empty > keep; cache->nr_empty--) {
		slab = list_last_entry(empty, struct fp_slab, node);
		fp_slabtree_erase(&cache->tree, key_of(cache, slab->base));
		cache->nr_free -= cache->per_slab;
		list_move(&slab->node, surplus);
	}
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

/* Returns how many were refused. */
static u32 put(struct fp_slab_cache *cache, const u64 *objects, u32 nr)
{
	struct list_head surplus;
	u32 done;

	INIT_LIST_HEAD(&surplus);
	spin_lock_bh(&cache->lock);
	done = put_all(cache, objects, nr);
	cache->nr_free += done;
	cache->nr_bad_frees += nr - done;
	cache->nr_returns++;
	cut_surplus(cache, cache->keep, &surplus);
	spin_unlock_bh(&cache->lock);
	release(cache, &surplus);
	return nr - done;
}

static struct fp_slab *make_slab(const struct fp_slab_cache *cache, u64 base, bool may_sleep)
{
	u32 words = fp_slab_words(cache), rest = cache->per_slab % 64;
	struct fp_slab *slab = kzalloc(sizeof(*slab) + words * sizeof(u64),
				       may_sleep ? GFP_KERNEL : GFP_NOWAIT | __GFP_NOWARN);

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

static int add_slab(struct fp_slab_cache *cache, struct fp_slab *slab)
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

/* Add an empty slab. */
static bool grow(struct fp_slab_cache *cache, bool may_sleep)
{
	u64 base = cache->ops->get(cache, may_sleep);
	struct fp_slab *slab;

	if (base == FP_SLAB_NONE)
		return false;
	slab = make_slab(cache, base, may_sleep);
	if (slab && !add_slab(cache, slab))
		return true;
	kfree(slab);
	cache->ops->put(cache, base);
	return false;
}

/* At least one, or there is no memory; all that are wanted if @all. */
static u32 take_or_grow(struct fp_slab_cache *cache, u64 *objects, u32 nr, bool all, bool may_sleep)
{
	u32 got = take(cache, objects, nr);

	while ((all ? got < nr : !got) && grow(cache, may_sleep))
		got += take(cache, objects + got, nr - got);
	return got;
}

/* Keep objects for later, as many as there is room for. The rest goes back. */
static void stash(struct fp_slab_cache *cache, const u64 *objects, u32 nr)
{
	struct fp_slab_cpu *cpu = nr ? enter(cache) : NULL;

	if (cpu) {
		while (nr && cpu->nr < cache->magazine) {
			cpu->objects[cpu->nr] = objects[--nr];
			WRITE_ONCE(cpu->nr, cpu->nr + 1);
		}
		leave(cpu);
	}
	if (nr)
		put(cache, objects, nr);
}

/**
 * fp_slab_alloc_slow() - allocate an object when the magazine has none
 * @cache: the cache
 * @may_sleep: look in all magazines before giving up
 *
 * Context: process or softirq; may sleep if @may_sleep.
 * Return: its address, or FP_SLAB_NONE.
 */
noinline u64 fp_slab_alloc_slow(struct fp_slab_cache *cache, bool may_sleep)
{
	u64 objects[FP_SLAB_BATCH];
	u32 nr = clamp(cache->magazine / 2, 1U, (u32)FP_SLAB_BATCH);

	nr = take_or_grow(cache, objects, nr, false, may_sleep);
	if (!nr && may_sleep) {
		fp_slab_drain(cache, true);
		nr = take_or_grow(cache, objects, 1, false, may_sleep);
	}
	if (!nr)
		return FP_SLAB_NONE;
	/* The lowest is used first. */
	stash(cache, objects + 1, nr - 1);
	return objects[0];
}

/* Take out the objects that have been there longest, at most FP_SLAB_BATCH. */
static u32 take_oldest(struct fp_slab_cpu *cpu, u64 *objects, u32 nr)
{
	u32 left;

	nr = min_t(u32, nr, FP_SLAB_BATCH);
	left = cpu->nr - nr;
	memcpy(objects, cpu->objects, nr * sizeof(*objects));
	memmove(cpu->objects, cpu->objects + nr, left * sizeof(*objects));
	WRITE_ONCE(cpu->nr, left);
	return nr;
}

/* The magazine is full: empty half of it. */
static void make_room(struct fp_slab_cache *cache)
{
	struct fp_slab_cpu *cpu = enter(cache);
	u64 objects[FP_SLAB_BATCH];
	u32 nr;

	if (!cpu)
		return;
	nr = take_oldest(cpu, objects, (cpu->nr + 1) / 2);
	leave(cpu);
	if (nr)
		put(cache, objects, nr);
}

/**
 * fp_slab_free_slow() - free an object when the magazine does not take it
 * @cache: the cache
 * @object: its address
 *
 * Context: process or softirq.
 * Return: 0; -EINVAL: it is no object, or free; counted, and nothing changed.
 */
noinline int fp_slab_free_slow(struct fp_slab_cache *cache, u64 object)
{
	if (cache->magazine && object - cache->origin < cache->span) {
		make_room(cache);
		if (fp_slab_push(cache, object))
			return 0;
	}
	return put(cache, &object, 1) ? -EINVAL : 0;
}

/* The last ones that came into this processor's magazine. */
static u32 pop_bulk(struct fp_slab_cache *cache, u64 *objects, u32 nr)
{
	struct fp_slab_cpu *cpu = enter(cache);

	if (!cpu)
		return 0;
	nr = min(nr, cpu->nr);
	WRITE_ONCE(cpu->nr, cpu->nr - nr);
	memcpy(objects, cpu->objects + cpu->nr, nr * sizeof(*objects));
	WRITE_ONCE(cpu->nr_hits, cpu->nr_hits + nr);
	leave(cpu);
	return nr;
}

/**
 * fp_slab_alloc_bulk() - allocate several objects
 * @cache: the cache
 * @objects: the result: their addresses
 * @nr: how many are wanted
 * @may_sleep: look in all magazines before giving up
 *
 * Context: process or softirq; may sleep if @may_sleep.
 * Return: how many there were.
 */
u32 fp_slab_alloc_bulk(struct fp_slab_cache *cache, u64 *objects, u32 nr, bool may_sleep)
{
	u32 got = pop_bulk(cache, objects, nr);

	if (got < nr)
		got += take_or_grow(cache, objects + got, nr - got, true, may_sleep);
	if (got < nr && may_sleep) {
		fp_slab_drain(cache, true);
		got += take_or_grow(cache, objects + got, nr - got, true, may_sleep);
	}
	return got;
}

/* As many as the magazine of this processor takes. */
static u32 push_bulk(struct fp_slab_cache *cache, const u64 *objects, u32 nr)
{
	struct fp_slab_cpu *cpu = enter(cache);
	u32 i = 0;

	if (!cpu)
		return 0;
	for (; i < nr && cpu->nr < cache->magazine && objects[i] - cache->origin < cache->span; i++) {
		cpu->objects[cpu->nr] = objects[i];
		WRITE_ONCE(cpu->nr, cpu->nr + 1);
	}
	WRITE_ONCE(cpu->nr_kept, cpu->nr_kept + i);
	leave(cpu);
	return i;
}

/**
 * fp_slab_free_bulk() - free several objects
 * @cache: the cache
 * @objects: their addresses
 * @nr: how many
 *
 * Context: process or softirq.
 * Return: how many were refused, as by fp_slab_free().
 */
u32 fp_slab_free_bulk(struct fp_slab_cache *cache, const u64 *objects, u32 nr)
{
	u32 done = push_bulk(cache, objects, nr), refused = 0, n;

	/* Not all under one lock: there may be very many. */
	for (; done < nr; done += n) {
		n = min_t(u32, nr - done, FP_SLAB_BATCH);
		refused += put(cache, objects + done, n);
	}
	return refused;
}

/**
 * fp_slab_close() - begin to keep everybody out of the magazines
 * @cache: the cache
 *
 * They are out after fp_gate_wait(), until fp_slab_open().
 *
 * Context: any; one at a time.
 */
void fp_slab_close(struct fp_slab_cache *cache)
{
	u32 cpu;

	for_each_possible_cpu(cpu)
		fp_gate_close(&per_cpu_ptr(cache->cpus, cpu)->gate);
}

/* Of a magazine that is ours alone. */
static void empty(struct fp_slab_cache *cache, struct fp_slab_cpu *cpu)
{
	u64 objects[FP_SLAB_BATCH];
	u32 nr;

	while (cpu->nr) {
		nr = take_oldest(cpu, objects, cpu->nr);
		put(cache, objects, nr);
	}
}

/**
 * fp_slab_open() - empty the magazines, and let everybody in again
 * @cache: the cache, whose magazines nobody but the caller is in
 *
 * Context: any.
 */
void fp_slab_open(struct fp_slab_cache *cache)
{
	u32 cpu;

	for_each_possible_cpu(cpu) {
		empty(cache, per_cpu_ptr(cache->cpus, cpu));
		fp_gate_open(&per_cpu_ptr(cache->cpus, cpu)->gate);
	}
}

static u64 nr_cached(const struct fp_slab_cache *cache)
{
	u64 nr = 0;
	u32 cpu;

	for_each_possible_cpu(cpu)
		nr += READ_ONCE(per_cpu_ptr(cache->cpus, cpu)->nr);
	return nr;
}

/**
 * fp_slab_drain() - empty all magazines
 * @cache: the cache
 * @hurry: somebody waits, and is content if what is freed at this moment is missed
 *
 * What is freed or allocated meanwhile passes them by.
 *
 * Context: may sleep.
 */
void fp_slab_drain(struct fp_slab_cache *cache, bool hurry)
{
	mutex_lock(&cache->drain_lock);
	/* Not before there is the lock: another drain may have objects in its hands. */
	if (!hurry || nr_cached(cache)) {
		fp_slab_close(cache);
		fp_gate_wait(hurry);
		fp_slab_open(cache);
	}
	mutex_unlock(&cache->drain_lock);
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
	u32 cpu;

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
	for_each_possible_cpu(cpu) {
		const struct fp_slab_cpu *own = per_cpu_ptr(cache->cpus, cpu);

		stats->cached += READ_ONCE(own->nr);
		stats->hits += READ_ONCE(own->nr_hits);
		stats->kept += READ_ONCE(own->nr_kept);
	}
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
 * fp_slab_init() - make a cache without slabs
 * @cache: zeroed
 * @config: how
 *
 * Context: may sleep.
 * Return: 0; -EINVAL: @config asks for a size or alignment that is not possible; -ENOMEM.
 */
int fp_slab_init(struct fp_slab_cache *cache, const struct fp_slab_config *config)
{
	u32 class;

	if (!config_is_valid(config))
		return -EINVAL;
	cache->cpus = alloc_percpu(struct fp_slab_cpu);
	if (!cache->cpus)
		return -ENOMEM;
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

/**
 * fp_slab_fini() - the end of a cache
 * @cache: the cache; nobody uses it any more
 * @live: how many objects of it are allocated
 *
 * Context: may sleep.
 * Return: 0; -EBUSY: objects are allocated, and the cache is as before.
 */
int fp_slab_fini(struct fp_slab_cache *cache, u64 *live)
{
	fp_slab_drain(cache, true);
	fp_slab_release_empty(cache);
	*live = cache->tree.nr * cache->per_slab - cache->nr_free;
	if (*live)
		return -EBUSY;
	free_percpu(cache->cpus);
	return 0;
}
