// SPDX-License-Identifier: GPL-2.0-only
/*
 * A binary buddy allocator of huge frames.
 *
 * The memory of a pool comes in extents, physically contiguous runs of huge frames. Huge frames are
 * numbered (index) in the order of their addresses, without gaps. In the bit trees each extent has
 * a place of its own (position), padded so that a position has the same alignment as its PFN up to
 * the size of the largest naturally aligned block of its extent. The set of empty blocks of one
 * level is a bit tree, indexed by (position >> level): no list runs through the memory or its
 * metadata.
 *
 * Invariants (checked by fp_buddy_verify()):
 *  H1  a recorded block is naturally aligned in position and in PFN, and lies in one extent;
 *  H2  recorded blocks do not overlap;
 *  H3  two buddies that form a block are never both recorded (always coalesced);
 *  H4  the counts are the sizes of the sets, and @nr_empty their sum in huge frames.
 */
#include "core/hugemap.h"

static u32 extent_len(const struct fp_extent *extent)
{
	return extent[1].first - extent->first;
}

/* The extent of a huge frame: the last that begins at or below @index. */
static const struct fp_extent *extent_of(const struct fp_hugemap *map, u32 index)
{
	u32 low = 0, high = map->nr_extents;

	while (high - low > 1) {
		u32 middle = (low + high) / 2;

		if (map->extents[middle].first <= index)
			low = middle;
		else
			high = middle;
	}
	return &map->extents[low];
}

/**
 * fp_hugemap_extent_at() - the extent whose place in the trees covers a position
 * @map: the map
 * @pos: a position
 *
 * Return: the extent; if @pos is padding, one beside it.
 */
const struct fp_extent *fp_hugemap_extent_at(const struct fp_hugemap *map, u32 pos)
{
	u32 low = 0, high = map->nr_extents;

	while (high - low > 1) {
		u32 middle = (low + high) / 2;

		if (map->extents[middle].pos <= pos)
			low = middle;
		else
			high = middle;
	}
	return &map->extents[low];
}

/* The last extent that begins at or below a PFN. At least the first one must. */
static const struct fp_extent *extent_up_to(const struct fp_hugemap *map, u64 hpfn)
{
	u32 low = 0, high = map->nr_extents;

	while (high - low > 1) {
		u32 middle = (low + high) / 2;

		if (map->extents[middle].hpfn <= hpfn)
			low = middle;
		else
			high = middle;
	}
	return &map->extents[low];
}

static u32 index_at(const struct fp_hugemap *map, u32 pos)
{
	const struct fp_extent *extent = fp_hugemap_extent_at(map, pos);

	return extent->first + (pos - extent->pos);
}

/**
 * fp_hugemap_hpfn() - where a huge frame lies in physical memory
 * @map: the map
 * @index: the huge frame
 *
 * Return: PFN of its first frame >> FP_HUGE_ORDER.
 */
u32 fp_hugemap_hpfn(const struct fp_hugemap *map, u32 index)
{
	const struct fp_extent *extent = extent_of(map, index);

	return extent->hpfn + (index - extent->first);
}

/**
 * fp_hugemap_find() - find the huge frame with a PFN
 * @map: the map
 * @hpfn: any PFN >> FP_HUGE_ORDER
 *
 * Return: its index, or FP_BITTREE_NONE.
 */
u32 fp_hugemap_find(const struct fp_hugemap *map, u64 hpfn)
{
	const struct fp_extent *extent;

	if (hpfn < map->extents[0].hpfn)
		return FP_BITTREE_NONE;
	extent = extent_up_to(map, hpfn);
	return hpfn - extent->hpfn < extent_len(extent) ?
		extent->first + (hpfn - extent->hpfn) : FP_BITTREE_NONE;
}

/**
 * fp_hugemap_contiguous() - count physically contiguous huge frames
 * @map: the map
 * @index: a huge frame
 *
 * Return: huge frames from @index to the end of its extent.
 */
u32 fp_hugemap_contiguous(const struct fp_hugemap *map, u32 index)
{
	const struct fp_extent *extent = extent_of(map, index);

	return extent[1].first - index;
}

static void record(struct fp_hugemap *map, u32 pos, u32 level)
{
	fp_bittree_set(&map->level[level].tree, pos >> level);
	map->level[level].count++;
	WRITE_ONCE(map->nr_empty, map->nr_empty + (1U << level));
}

static void unrecord(struct fp_hugemap *map, u32 pos, u32 level)
{
	fp_bittree_clear(&map->level[level].tree, pos >> level);
	map->level[level].count--;
	WRITE_ONCE(map->nr_empty, map->nr_empty - (1U << level));
}

static bool is_recorded(const struct fp_hugemap *map, u32 pos, u32 level)
{
	return fp_bittree_test(&map->level[level].tree, pos >> level);
}

/**
 * fp_hugemap_can_merge() - do two neighbours form a block of the next level?
 * @extent: the extent that the lower one begins in
 * @pos: position of the lower one
 * @level: their level
 *
 * Return: whether both lie in the extent, and their union is naturally aligned.
 */
bool fp_hugemap_can_merge(const struct fp_extent *extent, u32 pos, u32 level)
{
	u32 size = 2U << level, offset = pos - extent->pos;

	return pos >= extent->pos && size <= extent_len(extent) &&
	       offset <= extent_len(extent) - size && !((extent->hpfn + offset) & (size - 1));
}

static void put_block(struct fp_hugemap *map, const struct fp_extent *extent, u32 pos, u32 level)
{
	while (level + 1 < map->levels) {
		u32 size = 1U << level, lower = pos & ~size;

		if (!fp_hugemap_can_merge(extent, lower, level) ||
		    !is_recorded(map, pos ^ size, level))
			break;
		unrecord(map, pos ^ size, level);
		pos = lower;
		level++;
	}
	record(map, pos, level);
}

/* Record a run inside an extent, in the largest blocks that it consists of. */
static void put_run(struct fp_hugemap *map, const struct fp_extent *extent, u32 pos, u32 nr)
{
	while (nr) {
		u32 hpfn = extent->hpfn + (pos - extent->pos);
		u32 level = ilog2(nr);

		if (hpfn)
			level = min_t(u32, level, __ffs(hpfn));
		put_block(map, extent, pos, level);
		pos += 1U << level;
		nr -= 1U << level;
	}
}

/**
 * fp_hugemap_put() - record huge frames as empty
 * @map: the map
 * @index: first huge frame
 * @nr: number, none of them recorded
 */
void fp_hugemap_put(struct fp_hugemap *map, u32 index, u32 nr)
{
	while (nr) {
		const struct fp_extent *extent = extent_of(map, index);
		u32 n = min(nr, extent[1].first - index);

		put_run(map, extent, extent->pos + (index - extent->first), n);
		index += n;
		nr -= n;
	}
}

/* Cut [pos, pos + nr) out of the block of @level that begins at @block. */
static void carve(struct fp_hugemap *map, u32 block, u32 level, u32 pos, u32 nr)
{
	const struct fp_extent *extent;
	u32 end = block + (1U << level);

	unrecord(map, block, level);
	if (nr == 1U << level)
		return;
	extent = fp_hugemap_extent_at(map, block);
	put_run(map, extent, block, pos - block);
	put_run(map, extent, pos + nr, end - pos - nr);
}

/*
 * The highest position at which a run may begin. FP_BITTREE_NONE - 1: it may begin anywhere;
 * FP_BITTREE_NONE: nowhere.
 */
static u32 last_pos(const struct fp_hugemap *map, u32 last_hpfn)
{
	const struct fp_extent *extent;

	if (last_hpfn == FP_NO_LIMIT)
		return FP_BITTREE_NONE - 1;
	if (map->extents[0].hpfn > last_hpfn)
		return FP_BITTREE_NONE;
	extent = extent_up_to(map, last_hpfn);
	return extent->pos + min(last_hpfn - extent->hpfn, extent_len(extent) - 1);
}

/* Where a block of level @want in the empty blocks of exactly @level begins, at or below @last. */
static u32 pick(const struct fp_hugemap *map, u32 level, u32 want, bool high, u32 last)
{
	const struct fp_bittree *tree = &map->level[level].tree;
	u32 bit, pos;

	if (!map->level[level].count)
		return FP_BITTREE_NONE;
	if (!high) {
		pos = fp_bittree_first(tree) << level;
		return pos <= last ? pos : FP_BITTREE_NONE;
	}
	bit = fp_bittree_last(tree, last >> level);
	if (bit == FP_BITTREE_NONE)
		return FP_BITTREE_NONE;
	pos = (bit << level) + (1U << level) - (1U << want);
	return min(pos, round_down(last, 1U << want));
}

static u32 take_natural(struct fp_hugemap *map, const struct fp_hugemap_request *request, u32 last)
{
	u32 want = max_t(u32, order_base_2(request->nr), request->align_level);
	u32 level, pos;

	for (level = want; level < map->levels; level++) {
		pos = pick(map, level, want, request->high, last);
		if (pos != FP_BITTREE_NONE) {
			carve(map, round_down(pos, 1U << level), level, pos, request->nr);
			return pos;
		}
	}
	return FP_BITTREE_NONE;
}

/**
 * fp_hugemap_block_level() - level of the empty block that begins at a position
 * @map: the map
 * @pos: a position
 *
 * Return: the level of the recorded block that begins at @pos, or FP_LEVELS.
 */
u32 fp_hugemap_block_level(const struct fp_hugemap *map, u32 pos)
{
	u32 level;

	for (level = 0; level < map->levels && !(pos & ((1U << level) - 1)); level++)
		if (is_recorded(map, pos, level))
			return level;
	return FP_LEVELS;
}

/* Take [pos, pos + nr) out of the blocks of a run; one begins at @block <= @pos. */
static void take_from_blocks(struct fp_hugemap *map, u32 block, u32 pos, u32 nr)
{
	u32 end = pos + nr;

	while (block < end) {
		u32 level = fp_hugemap_block_level(map, block);
		u32 next = block + (1U << level);
		u32 from = max(block, pos);

		if (next > pos)
			carve(map, block, level, from, min(next, end) - from);
		block = next;
	}
}

/* One step of a walk over the runs of empty blocks in an extent. */
struct run {
	u32 start;	/* of the run so far */
	u32 end;
};

/* Find the next run of the extent from @run->end on. False at the end. */
static bool run_next(const struct fp_hugemap *map, const struct fp_extent *extent, struct run *run)
{
	u32 end = extent->pos + extent_len(extent), level = FP_LEVELS;

	for (; run->end < end; run->end++) {
		level = fp_hugemap_block_level(map, run->end);
		if (level != FP_LEVELS)
			break;
	}
	run->start = run->end;
	for (; run->end < end && level != FP_LEVELS;
	     level = fp_hugemap_block_level(map, run->end))
		run->end += 1U << level;
	return run->start < run->end;
}

/* The first (@request->high: last) position of the run at which the request fits, if any. */
static u32 fit_run(const struct fp_extent *extent, const struct run *run,
		   const struct fp_hugemap_request *request, u32 last)
{
	u32 mask = (1U << request->align_level) - 1, pos, high;
	u32 hpfn = extent->hpfn + (run->start - extent->pos);

	pos = run->start + (-hpfn & mask);
	if (pos >= run->end || request->nr > run->end - pos || pos > last)
		return FP_BITTREE_NONE;
	if (!request->high)
		return pos;
	high = min(run->end - request->nr, last);
	return high - ((high - pos) & mask);
}

/*
 * Blocks of several levels may lie side by side and form a run longer than any of them: 9 GiB out
 * of 10. This walks the whole map, so take_natural() comes first.
 */
static u32 take_scattered(struct fp_hugemap *map, const struct fp_hugemap_request *request,
			  u32 last)
{
	u32 i, pos, found = FP_BITTREE_NONE, start = 0;

	for (i = 0; i < map->nr_extents; i++) {
		const struct fp_extent *extent = &map->extents[i];
		struct run run = { .end = extent->pos };

		while (run_next(map, extent, &run)) {
			pos = fit_run(extent, &run, request, last);
			if (pos == FP_BITTREE_NONE)
				continue;
			found = pos;
			start = run.start;
			if (!request->high)
				goto out;
		}
	}
out:
	if (found != FP_BITTREE_NONE)
		take_from_blocks(map, start, found, request->nr);
	return found;
}

/**
 * fp_hugemap_take() - take a run of empty huge frames
 * @map: the map
 * @request: what it must satisfy
 *
 * Takes a part of the best-fitting naturally aligned block; if there is none, any run that is
 * long enough.
 *
 * Return: index of the first huge frame, or FP_BITTREE_NONE.
 */
u32 fp_hugemap_take(struct fp_hugemap *map, const struct fp_hugemap_request *request)
{
	u32 last = last_pos(map, request->last_hpfn), pos;

	if (request->nr > map->nr_empty || request->align_level >= FP_LEVELS ||
	    last == FP_BITTREE_NONE)
		return FP_BITTREE_NONE;
	pos = take_natural(map, request, last);
	if (pos == FP_BITTREE_NONE)
		pos = take_scattered(map, request, last);
	return pos == FP_BITTREE_NONE ? pos : index_at(map, pos);
}

/* Where the recorded block that covers a position begins, and its level (FP_LEVELS: none does). */
static u32 covering_block(const struct fp_hugemap *map, u32 pos, u32 *level)
{
	for (*level = 0; *level < map->levels; ++*level)
		if (is_recorded(map, pos, *level))
			return round_down(pos, 1U << *level);
	*level = FP_LEVELS;
	return pos;
}

/**
 * fp_hugemap_take_at() - take a run of empty huge frames at a given place
 * @map: the map
 * @index: first huge frame
 * @nr: number, physically contiguous
 *
 * Return: whether all of them were recorded; otherwise nothing has changed.
 */
bool fp_hugemap_take_at(struct fp_hugemap *map, u32 index, u32 nr)
{
	const struct fp_extent *extent = extent_of(map, index);
	u32 pos = extent->pos + (index - extent->first), at = pos, level;

	while (at < pos + nr) {
		u32 block = covering_block(map, at, &level);

		if (level == FP_LEVELS)
			return false;
		at = block + (1U << level);
	}
	take_from_blocks(map, covering_block(map, pos, &level), pos, nr);
	return true;
}

/**
 * fp_hugemap_largest() - length of the longest run of empty huge frames
 * @map: the map
 *
 * Return: huge frames.
 */
u32 fp_hugemap_largest(const struct fp_hugemap *map)
{
	u32 i, largest = 0;

	for (i = 0; i < map->nr_extents; i++) {
		struct run run = { .end = map->extents[i].pos };

		while (run_next(map, &map->extents[i], &run))
			largest = max(largest, run.end - run.start);
	}
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
 * Find the extents and give each its place in the trees. With @map->extents unset they are
 * only counted. Return: length of the trees.
 */
static u32 lay_out(struct fp_hugemap *map, const u32 *hpfn)
{
	u32 i = 0, pos = 0;

	map->nr_extents = 0;
	map->levels = 0;
	while (i < map->nr) {
		u32 len = 1, level;

		while (i + len < map->nr && hpfn[i + len] == hpfn[i] + len)
			len++;
		level = extent_level(hpfn[i], len);
		map->levels = max(map->levels, level + 1);
		pos += (hpfn[i] - pos) & ((1U << level) - 1);
		if (map->extents)
			map->extents[map->nr_extents] = (struct fp_extent){
				.first = i, .hpfn = hpfn[i], .pos = pos,
			};
		map->nr_extents++;
		pos += len;
		i += len;
	}
	return pos;
}

/* The trees cover the positions below the end marker's. */
static u32 tree_len(const struct fp_hugemap *map, u32 level)
{
	return (map->extents[map->nr_extents].pos >> level) + 1;
}

static size_t tree_words(const struct fp_hugemap *map)
{
	size_t sum = 0;
	u32 i;

	for (i = 0; i < map->levels; i++)
		sum += fp_bittree_words(tree_len(map, i));
	return sum;
}

/**
 * fp_hugemap_metadata() - size of the map's metadata
 * @map: the map
 *
 * Return: bytes allocated for it.
 */
u64 fp_hugemap_metadata(const struct fp_hugemap *map)
{
	return tree_words(map) * sizeof(u64) +
	       (map->nr_extents + 1ULL) * sizeof(*map->extents);
}

static int init_trees(struct fp_hugemap *map)
{
	u64 *words;
	u32 i;

	map->words = kvcalloc(tree_words(map), sizeof(u64), GFP_KERNEL);
	if (!map->words)
		return -ENOMEM;
	words = map->words;
	for (i = 0; i < map->levels; i++)
		words = fp_bittree_init(&map->level[i].tree, tree_len(map, i), words);
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
	u32 end;
	int ret;

	map->nr = nr;
	lay_out(map, hpfn);
	map->extents = kvcalloc(map->nr_extents + 1, sizeof(*map->extents), GFP_KERNEL);
	if (!map->extents)
		return -ENOMEM;
	end = lay_out(map, hpfn);
	map->extents[map->nr_extents] = (struct fp_extent){ .first = nr, .pos = end };
	ret = init_trees(map);
	if (ret) {
		kvfree(map->extents);
		map->extents = NULL;
	}
	return ret;
}

/**
 * fp_hugemap_fini() - free what fp_hugemap_init() allocated
 * @map: the map
 */
void fp_hugemap_fini(struct fp_hugemap *map)
{
	kvfree(map->words);
	kvfree(map->extents);
}
