// SPDX-License-Identifier: GPL-2.0-only
/*
 * The frames of one huge frame: a buddy allocator without lists. Splitting and coalescing are
 * implicit, since a naturally aligned group of free frames *is* a free block. Two bits a frame say
 * what is free, what is clean, and where each allocated block begins and ends. So a free of the
 * wrong length, or of the middle of a block, is noticed.
 *
 * Invariant (checked by fp_buddy_verify()):
 *  F1  an allocated frame that is not the first of a block follows an allocated frame;
 *      frame 0 may continue the huge frame before it.
 */
#include "core/frames.h"

/* The bits of [at, at + nr) that fall into word @w, which has some of them. */
static u64 word_mask(u32 w, u32 at, u32 nr)
{
	u32 last = at + nr - 1;
	u64 mask = ~0ULL;

	if (w == at / 64)
		mask <<= at % 64;
	if (w == last / 64)
		mask &= ~0ULL >> (63 - last % 64);
	return mask;
}

/*
 * The only writer of the bits: sets those of @mask in word @w to @free and @aux. A reader without
 * the lock (fp_frames_holds()) sees the old or the new value of each word.
 */
static __always_inline void change(struct fp_frames frames, u32 w, u64 mask, u64 free, u64 aux)
{
	WRITE_ONCE(frames.words[w], (frames.words[w] & ~mask) | free);
	WRITE_ONCE(fp_frames_aux(frames)[w], (fp_frames_aux(frames)[w] & ~mask) | aux);
}

/* The bits in use in each word. */
static u64 all_bits(struct fp_frames frames)
{
	return frames.nr < 64 ? BIT_ULL(frames.nr) - 1 : ~0ULL;
}

/**
 * fp_frames_init() - make all frames free
 * @frames: the frames
 * @dirty: they are not known to be zero
 */
void fp_frames_init(struct fp_frames frames, bool dirty)
{
	u64 all = all_bits(frames);
	u32 w;

	for (w = 0; w < fp_frames_words(frames.nr); w++)
		change(frames, w, ~0ULL, all, dirty ? 0 : all);
}

/**
 * fp_frames_copy_blocks() - make the same blocks allocated as in another huge frame
 * @to: the frames; those that are free then are clean
 * @from: frames of the other
 */
void fp_frames_copy_blocks(struct fp_frames to, struct fp_frames from)
{
	u32 w;

	for (w = 0; w < fp_frames_words(to.nr); w++)
		change(to, w, ~0ULL, from.words[w], fp_frames_aux(from)[w] | from.words[w]);
}

/* By order: where in a word blocks begin. */
static const u64 group_starts[] = {
	~0ULL, 0x5555555555555555ULL, 0x1111111111111111ULL,
	0x0101010101010101ULL, 0x0001000100010001ULL, 0x0000000100000001ULL, 1,
};

/* Bit n of the result: is the naturally aligned group of 2^@order bits at n all set? */
static u64 aligned_groups(u64 word, u32 order)
{
	u32 i;

	for (i = 0; i < order && word; i++)
		word &= word >> (1U << i);
	return word & group_starts[order];
}

/* How many words a block takes up, at least one. */
static u32 words_of(u32 order)
{
	return order < 6 ? 1 : 1U << (order - 6);
}

/* The free blocks in word @w, by where they begin; or in the words from @w on that one takes up. */
static __always_inline u64 free_blocks(struct fp_frames frames, u32 w, u32 order)
{
	u32 i;

	if (order < 6)
		return aligned_groups(READ_ONCE(frames.words[w]), order);
	for (i = 0; i < words_of(order); i++)
		if (~READ_ONCE(frames.words[w + i]))
			return 0;
	return 1;
}

/**
 * fp_frames_find_block() - find the lowest free block that is naturally aligned
 * @frames: the frames
 * @fit: what it must satisfy; the block has 2^n frames, the least that are not below @fit->nr and
 *       @fit->align
 *
 * Return: its first frame, or FP_FRAMES_NONE.
 */
u32 fp_frames_find_block(struct fp_frames frames, const struct fp_fit *fit)
{
	u32 order = max_t(u32, order_base_2(fit->nr), ilog2(fit->align)), w, at;

	for (w = 0; w < fp_frames_words(frames.nr); w += words_of(order)) {
		u64 found = free_blocks(frames, w, order);

		if (!found)
			continue;
		at = w * 64 + __ffs64(found);
		return at + fit->nr <= fit->end ? at : FP_FRAMES_NONE;
	}
	return FP_FRAMES_NONE;
}

/* The first frame from @at on that is free, or that is not; frames.nr: there is none. */
static u32 next_frame(struct fp_frames frames, u32 at, bool is_free)
{
	while (at < frames.nr) {
		u64 word = frames.words[at / 64];

		word = (is_free ? word : ~word) >> (at % 64);
		if (word)
			return min(at + __ffs64(word), frames.nr);
		at = round_down(at, 64) + 64;
	}
	return frames.nr;
}

/**
 * fp_frames_find_run() - find the lowest run that fits, naturally aligned or not
 * @frames: the frames
 * @fit: what it must satisfy
 *
 * Return: its first frame, or FP_FRAMES_NONE.
 */
u32 fp_frames_find_run(struct fp_frames frames, const struct fp_fit *fit)
{
	u32 at = round_up(next_frame(frames, 0, true), fit->align);

	while (at + fit->nr <= fit->end) {
		u32 end = next_frame(frames, at, false);

		if (end >= at + fit->nr)
			return at;
		at = round_up(next_frame(frames, end, true), fit->align);
	}
	return FP_FRAMES_NONE;
}

/**
 * fp_frames_take() - mark free frames allocated
 * @frames: the frames
 * @at: first frame
 * @nr: number
 * @head: they are a block; otherwise they continue a run from the huge frame before
 *
 * Return: whether any of them was dirty.
 */
bool fp_frames_take(struct fp_frames frames, u32 at, u32 nr, bool head)
{
	u64 dirty = 0;
	u32 w;

	for (w = at / 64; w <= (at + nr - 1) / 64; w++) {
		u64 mask = word_mask(w, at, nr);

		dirty |= ~fp_frames_aux(frames)[w] & mask;
		change(frames, w, mask, 0, head && w == at / 64 ? BIT_ULL(at % 64) : 0);
	}
	return dirty;
}

static u64 spread(u64 starts, u32 order)
{
	return order < 6 ? starts * (BIT_ULL(1U << order) - 1) : ~0ULL;
}

/* Take up to @max of the blocks, smaller than a word, that begin in word @w where @found says. */
static u32 take_in_word(struct fp_frames frames, u32 w, u32 order, u64 found, u32 base, u32 *blocks,
			bool *dirty, u32 max)
{
	u64 starts = 0;
	u32 nr;

	for (nr = 0; found && nr < max; found &= found - 1) {
		u32 at = __ffs64(found);

		if (dirty)
			dirty[nr] = ~fp_frames_aux(frames)[w] >> at & spread(1, order);
		blocks[nr++] = base + w * 64 + at;
		starts |= found & -found;
	}
	change(frames, w, spread(starts, order), 0, starts);
	return nr;
}

/* Take a block of whole words. Returns whether any of its frames was dirty. */
static bool take_words(struct fp_frames frames, u32 w, u32 nr)
{
	const u64 *aux = fp_frames_aux(frames);
	u64 clean = ~0ULL;
	u32 i;

	for (i = w; i < w + nr; i++) {
		clean &= aux[i];
		change(frames, i, ~0ULL, 0, i == w);
	}
	return ~clean;
}

/**
 * fp_frames_take_blocks() - mark the lowest free blocks allocated
 * @frames: the frames
 * @order: of the blocks, below that of the huge frame
 * @base: to add to their first frames
 * @blocks: the result
 * @dirty: for each, the result: whether any of its frames was dirty; or NULL
 * @max: how many
 *
 * Return: how many were found.
 */
u32 fp_frames_take_blocks(struct fp_frames frames, u32 order, u32 base, u32 *blocks, bool *dirty,
			  u32 max)
{
	u32 w, nr = 0, step = words_of(order);
	bool was_dirty;

	for (w = 0; w < fp_frames_words(frames.nr) && nr < max; w += step) {
		u64 found = free_blocks(frames, w, order);

		if (found && order < 6) {
			nr += take_in_word(frames, w, order, found, base, blocks + nr,
					   dirty ? dirty + nr : NULL, max - nr);
		} else if (found) {
			was_dirty = take_words(frames, w, step);
			if (dirty)
				dirty[nr] = was_dirty;
			blocks[nr++] = base + w * 64;
		}
	}
	return nr;
}

/**
 * fp_frames_put() - mark allocated frames free
 * @frames: the frames
 * @at: first frame
 * @nr: number
 * @dirty: they may have been written, or may still be referenced
 */
void fp_frames_put(struct fp_frames frames, u32 at, u32 nr, bool dirty)
{
	u32 w;

	for (w = at / 64; w <= (at + nr - 1) / 64; w++) {
		u64 mask = word_mask(w, at, nr);

		change(frames, w, mask, mask, dirty ? 0 : mask);
	}
}

/* The end of the block that a frame is in: the next frame that is free or begins another block. */
static u32 block_end(struct fp_frames frames, u32 at)
{
	const u64 *aux = fp_frames_aux(frames);
	u32 w = (at + 1) / 64;
	u64 mask = ~0ULL << ((at + 1) % 64);

	for (; w < fp_frames_words(frames.nr); w++, mask = ~0ULL) {
		u64 stop = (READ_ONCE(frames.words[w]) | READ_ONCE(aux[w])) & mask;

		if (stop)
			return w * 64 + __ffs64(stop);
	}
	return frames.nr;
}

/**
 * fp_frames_holds() - is this exactly one allocated block, or the end of one?
 * @frames: the frames
 * @at: first frame
 * @nr: number
 * @head: it begins here; otherwise it continues a run from the huge frame before
 *
 * Without the lock, true is reliable for a block that the caller has allocated. False is not,
 * because the frame after the block may be changing. The same holds for fp_frames_holds_quickly().
 *
 * Return: whether it is.
 */
bool fp_frames_holds(struct fp_frames frames, u32 at, u32 nr, bool head)
{
	u64 bit = BIT_ULL(at % 64);

	return !(READ_ONCE(frames.words[at / 64]) & bit) &&
	       !!(READ_ONCE(fp_frames_aux(frames)[at / 64]) & bit) == head &&
	       block_end(frames, at) == at + nr;
}

/* Are all of these allocated blocks of @order, smaller than a word, that begin in word @w? */
static bool holds_in_word(struct fp_frames frames, u32 w, u64 starts, u32 order)
{
	u64 span = spread(starts, order), ends = starts << (1U << order);
	u64 stops = frames.words[w] | fp_frames_aux(frames)[w];
	bool reaches_end = starts >> (64 - (1U << order));

	return !(frames.words[w] & span) && (fp_frames_aux(frames)[w] & span) == starts &&
	       (stops & ends) == ends &&
	       (!reaches_end || w + 1 == fp_frames_words(frames.nr) ||
		(frames.words[w + 1] | fp_frames_aux(frames)[w + 1]) & 1);
}

/*
 * A bit for each of the leading blocks, smaller than a word, that begin in the same word as the
 * first one. Stops at one that is misaligned or repeated.
 */
static u64 gather_starts(struct fp_frames frames, const u32 *blocks, u32 nr, u32 order)
{
	u64 odd = ~group_starts[order];		/* no block begins there, or it was seen already */
	u32 mask = min(frames.nr, 64U) - 1, i;

	for (i = 0; i < nr && (blocks[i] & ~mask) == (blocks[0] & ~mask); i++) {
		u64 start = BIT_ULL(blocks[i] & mask);

		if (odd & start)
			break;
		odd |= start;
	}
	return odd & group_starts[order];
}

/**
 * fp_frames_put_blocks() - mark free the leading blocks that lie in one huge frame
 * @frames: the frames of that huge frame
 * @order: of the blocks, below that of the huge frame
 * @blocks: their first frames
 * @nr: how many, at least 1
 * @dirty: they may have been written, or may still be referenced
 *
 * Return: how many were marked, up to the first that is not an allocated block of that order.
 */
u32 fp_frames_put_blocks(struct fp_frames frames, u32 order, const u32 *blocks, u32 nr,
			 bool dirty)
{
	u32 mask = frames.nr - 1, i = 0;

	while (i < nr && (blocks[i] & ~mask) == (blocks[0] & ~mask)) {
		u32 at = blocks[i] & mask, w = at / 64;
		u64 starts = order < 6 ? gather_starts(frames, blocks + i, nr - i, order) : 0;

		if (starts && holds_in_word(frames, w, starts, order)) {
			u64 span = spread(starts, order);

			change(frames, w, span, span, dirty ? 0 : span);
			i += hweight64(starts);
		} else if (fp_frames_holds(frames, at, 1U << order, true)) {
			fp_frames_put(frames, at, 1U << order, dirty);
			i++;
		} else {
			break;
		}
	}
	return i;
}

/**
 * fp_frames_all_clean() - is every frame free and clean?
 * @frames: the frames of a huge frame
 *
 * Return: whether all are.
 */
bool fp_frames_all_clean(struct fp_frames frames)
{
	u32 w;

	for (w = 0; w < fp_frames_words(frames.nr); w++)
		if (~(frames.words[w] & fp_frames_aux(frames)[w]) & all_bits(frames))
			return false;
	return true;
}

/**
 * fp_frames_nr_free() - count free frames
 * @frames: the frames of a huge frame
 *
 * Return: their number.
 */
u32 fp_frames_nr_free(struct fp_frames frames)
{
	u32 words = fp_frames_words(frames.nr), step = min(words, 8U), nr = 0, w, i;

	/* Every change to a huge frame begins with this count. */
	for (w = 0; w < words; w += step)
#pragma GCC unroll 8
		for (i = 0; i < step; i++)
			nr += hweight64(READ_ONCE(frames.words[w + i]));
	return nr;
}

static u32 count_groups(struct fp_frames frames, u32 order)
{
	u32 w, nr = 0;

	for (w = 0; w < fp_frames_words(frames.nr); w += words_of(order))
		nr += hweight64(free_blocks(frames, w, order));
	return nr;
}

/**
 * fp_frames_count_blocks() - add up the free blocks by order
 * @frames: the frames
 * @blocks: counts to add to, by order; each block counts at the largest order that it forms
 *
 * A group of order n + 1 consists of two of order n, so the blocks that are
 * largest at order n are those groups of order n that are not such halves. While frames are taken
 * and put, there may be fewer groups than halves.
 */
void fp_frames_count_blocks(struct fp_frames frames, u64 *blocks)
{
	u32 order, larger = 0;

	for (order = ilog2(frames.nr); order--;) {
		u32 groups = count_groups(frames, order);

		blocks[order] += groups - min(groups, 2 * larger);
		larger = groups;
	}
}

/**
 * fp_frames_is_sound() - check invariant F1
 * @frames: the frames
 *
 * Return: whether it holds.
 */
bool fp_frames_is_sound(struct fp_frames frames)
{
	u64 before = 1;		/* is the frame before those of the word allocated? */
	u32 w;

	for (w = 0; w < fp_frames_words(frames.nr); w++) {
		u64 taken = ~frames.words[w] & all_bits(frames);

		if (taken & ~fp_frames_aux(frames)[w] & ~(taken << 1 | before))
			return false;
		before = taken >> 63;
	}
	return true;
}
