// SPDX-License-Identifier: GPL-2.0-only
/*
 * A binary buddy allocator of huge frames.
 *
 * The memory of a pool comes in extents, physically contiguous runs of huge
 * frames. They are laid out one after another in an index space, padded so
 * that an index has the same alignment as its PFN up to the size of the
 * largest naturally aligned block of its extent. Blocks are then found by
 * index alone, and the set of empty blocks of one level is a bit tree indexed
 * by (index >> level): no list runs through the memory or its metadata.
 *
 * Invariants (checked by fp_buddy_verify()):
 *  H1  a recorded block is naturally aligned in index and in PFN, and its huge
 *      frames are present and physically contiguous;
 *  H2  recorded blocks do not overlap;
 *  H3  two buddies that form a block are never both recorded (always coalesced);
 *  H4  the counts are the sizes of the sets, and @nr_empty their sum in huge frames.
 *
 * Which end to take from: a request without an upper limit takes the highest
 * block that fits best, one with a limit the lowest, so that low memory is
 * there for those who need it.
 */
#include "hugemap.h"

static void record(struct fp_hugemap *map, u32 index, u32 level)
{
	fp_bittree_set(&map->level[level].tree, index >> level);
	map->level[level].count++;
	map->nr_empty += 1U << level;
}

static void unrecord(struct fp_hugemap *map, u32 index, u32 level)
{
	fp_bittree_clear(&map->level[level].tree, index >> level);
	map->level[level].count--;
	map->nr_empty -= 1U << level;
}

static bool is_recorded(const struct fp_hugemap *map, u32 index, u32 level)
{
	return fp_bittree_test(&map->level[level].tree, index >> level);
}

/**
 * fp_hugemap_can_merge() - do two neighbours form a block of the next level?
 * @map: the map
 * @lower: index of the lower one
 * @level: their level
 *
 * Return: whether the two are physically contiguous and their union is
 * naturally aligned.
 */
bool fp_hugemap_can_merge(const struct fp_hugemap *map, u32 lower, u32 level)
{
	u32 size = 1U << level;

	return level + 1 < map->levels && size < map->nr - lower &&
	       !(map->hpfn[lower] & (2 * size - 1)) &&
	       map->hpfn[lower + size] == map->hpfn[lower] + size;
}

static void put_block(struct fp_hugemap *map, u32 index, u32 level)
{
	while (level + 1 < map->levels) {
		u32 size = 1U << level;
		bool is_upper = map->hpfn[index] & size;
		u32 buddy = is_upper ? index - size : index + size;
		u32 lower = min(index, buddy);

		if ((is_upper && index < size) ||
		    !fp_hugemap_can_merge(map, lower, level) ||
		    !is_recorded(map, buddy, level))
			break;
		unrecord(map, buddy, level);
		index = lower;
		level++;
	}
	record(map, index, level);
}

/**
 * fp_hugemap_put() - record a run of huge frames as empty
 * @map: the map
 * @index: first huge frame
 * @nr: number, physically contiguous, none of them recorded
 */
void fp_hugemap_put(struct fp_hugemap *map, u32 index, u32 nr)
{
	while (nr) {
		u32 hpfn = map->hpfn[index];
		u32 level = ilog2(nr);

		if (hpfn)
			level = min_t(u32, level, __ffs(hpfn));
		put_block(map, index, level);
		index += 1U << level;
		nr -= 1U << level;
	}
}

/*
 * The empty block of exactly @level to take 2^@want huge frames from, where the
 * first of them may have the PFN @last_hpfn at most.
 */
static u32 pick_block(const struct fp_hugemap *map, u32 level, u32 want, u32 last_hpfn)
{
	const struct fp_bittree *tree = &map->level[level].tree;
	u32 index;

	if (!map->level[level].count)
		return FP_BITTREE_NONE;
	if (last_hpfn == FP_NO_LIMIT)
		return (fp_bittree_last(tree) << level) + (1U << level) - (1U << want);
	index = fp_bittree_first(tree) << level;
	return map->hpfn[index] <= last_hpfn ? index : FP_BITTREE_NONE;
}

/* Cut [index, index + nr) out of the block of @level that begins at @block. */
static void carve(struct fp_hugemap *map, u32 block, u32 level, u32 index, u32 nr)
{
	u32 end = block + (1U << level);

	unrecord(map, block, level);
	fp_hugemap_put(map, block, index - block);
	fp_hugemap_put(map, index + nr, end - index - nr);
}

static u32 take_natural(struct fp_hugemap *map, u32 nr, u32 align_level, u32 last_hpfn)
{
	u32 want = max_t(u32, order_base_2(nr), align_level);
	u32 level, index;

	for (level = want; level < map->levels; level++) {
		index = pick_block(map, level, want, last_hpfn);
		if (index != FP_BITTREE_NONE) {
			carve(map, round_down(index, 1U << level), level, index, nr);
			return index;
		}
	}
	return FP_BITTREE_NONE;
}

/**
 * fp_hugemap_block_level() - is there an empty block that begins here?
 * @map: the map
 * @index: a huge frame
 *
 * Return: the level of the recorded block that begins at @index, or FP_LEVELS.
 */
u32 fp_hugemap_block_level(const struct fp_hugemap *map, u32 index)
{
	u32 level;

	for (level = 0; level < map->levels && !(index & ((1U << level) - 1)); level++)
		if (is_recorded(map, index, level))
			return level;
	return FP_LEVELS;
}

/* Take [index, index + nr) out of the blocks of a run; one begins at @block <= @index. */
static void take_from_blocks(struct fp_hugemap *map, u32 block, u32 index, u32 nr)
{
	u32 end = index + nr;

	while (block < end) {
		u32 level = fp_hugemap_block_level(map, block);
		u32 next = block + (1U << level);
		u32 from = max(block, index);

		if (next > index)
			carve(map, block, level, from, min(next, end) - from);
		block = next;
	}
}

/* One step of a walk over the empty blocks in index order. */
struct run {
	u32 start;	/* of the physically contiguous run of empty blocks so far */
	u32 end;
};

/* Extend the run by the next empty block, or begin a new one. False at the end. */
static bool run_next(const struct fp_hugemap *map, struct run *run)
{
	u32 index = run->end;
	u32 level = FP_LEVELS;

	while (index < map->nr) {
		level = fp_hugemap_block_level(map, index);
		if (level != FP_LEVELS)
			break;
		index++;
	}
	if (level == FP_LEVELS)
		return false;
	if (index != run->end || run->start == run->end ||
	    map->hpfn[index] != map->hpfn[index - 1] + 1)
		run->start = index;
	run->end = index + (1U << level);
	return true;
}

/*
 * Blocks of several levels may lie side by side and form a run longer than any
 * of them: 9 GiB out of 10. Walks the whole map, so it comes after take_natural().
 */
static u32 take_scattered(struct fp_hugemap *map, u32 nr, u32 align_level, u32 last_hpfn)
{
	u32 mask = (1U << align_level) - 1;
	struct run run = {};

	while (run_next(map, &run)) {
		u32 index = run.start + (-map->hpfn[run.start] & mask);

		if (index >= run.end || nr > run.end - index)
			continue;
		if (map->hpfn[index] > last_hpfn)
			break;
		take_from_blocks(map, run.start, index, nr);
		return index;
	}
	return FP_BITTREE_NONE;
}

/**
 * fp_hugemap_take() - take a run of empty huge frames
 * @map: the map
 * @nr: length of the run, at least 1
 * @align_level: its PFN is a multiple of 2^@align_level huge frames
 * @last_hpfn: the first huge frame lies at or below this; FP_NO_LIMIT: anywhere
 *
 * Takes the beginning of the best-fitting naturally aligned block; if there is
 * none, any run that is long enough.
 *
 * Return: index of the first huge frame, or FP_BITTREE_NONE.
 */
u32 fp_hugemap_take(struct fp_hugemap *map, u32 nr, u32 align_level, u32 last_hpfn)
{
	u32 index;

	if (nr > map->nr_empty || align_level >= FP_LEVELS)
		return FP_BITTREE_NONE;
	index = take_natural(map, nr, align_level, last_hpfn);
	if (index == FP_BITTREE_NONE)
		index = take_scattered(map, nr, align_level, last_hpfn);
	return index;
}

/**
 * fp_hugemap_largest() - length of the longest run of empty huge frames
 * @map: the map
 *
 * Return: huge frames.
 */
u32 fp_hugemap_largest(const struct fp_hugemap *map)
{
	struct run run = {};
	u32 largest = 0;

	while (run_next(map, &run))
		largest = max(largest, run.end - run.start);
	return largest;
}

/* Level of the largest naturally aligned block in an extent. */
static u32 extent_level(u32 hpfn, u32 nr)
{
	u32 level = ilog2(nr);

	while (round_up((u64)hpfn, 1ULL << level) + (1ULL << level) > (u64)hpfn + nr)
		level--;
	return level;
}

/*
 * Give each extent its place in the index space. With @map->hpfn unset only
 * the length of the space is found.
 */
static void lay_out(struct fp_hugemap *map, const u32 *hpfn, u32 nr)
{
	u32 i = 0, j, pos = 0;

	map->nr_extents = 0;
	map->levels = 0;
	while (i < nr) {
		u32 len = 1, level;

		while (i + len < nr && hpfn[i + len] == hpfn[i] + len)
			len++;
		level = extent_level(hpfn[i], len);
		map->levels = max(map->levels, level + 1);
		map->nr_extents++;
		pos += (hpfn[i] - pos) & ((1U << level) - 1);
		for (j = 0; map->hpfn && j < len; j++)
			map->hpfn[pos + j] = hpfn[i + j];
		pos += len;
		i += len;
	}
	map->nr = pos;
	map->nr_present = nr;
}

static int init_trees(struct fp_hugemap *map)
{
	size_t sum = 0;
	u64 *words;
	u32 i;

	for (i = 0; i < map->levels; i++)
		sum += fp_bittree_words((map->nr >> i) + 1);
	map->words = kvcalloc(sum, sizeof(u64), GFP_KERNEL);
	if (!map->words)
		return -ENOMEM;
	words = map->words;
	for (i = 0; i < map->levels; i++)
		words = fp_bittree_init(&map->level[i].tree, (map->nr >> i) + 1, words);
	return 0;
}

/**
 * fp_hugemap_init() - make a map in which no huge frame is empty yet
 * @map: zeroed
 * @hpfn: PFNs of the huge frames >> FP_HUGE_ORDER, ascending, without repeats
 * @nr: how many, at least 1, below 2^30
 *
 * Context: may sleep.
 * Return: 0, or -ENOMEM.
 */
int fp_hugemap_init(struct fp_hugemap *map, const u32 *hpfn, u32 nr)
{
	int ret;

	lay_out(map, hpfn, nr);
	map->hpfn = kvmalloc_array(map->nr, sizeof(u32), GFP_KERNEL);
	if (!map->hpfn)
		return -ENOMEM;
	memset(map->hpfn, 0xff, map->nr * sizeof(u32));
	lay_out(map, hpfn, nr);
	ret = init_trees(map);
	if (ret)
		kvfree(map->hpfn);
	return ret;
}

/**
 * fp_hugemap_fini() - free what fp_hugemap_init() allocated
 * @map: the map
 */
void fp_hugemap_fini(struct fp_hugemap *map)
{
	kvfree(map->words);
	kvfree(map->hpfn);
}
