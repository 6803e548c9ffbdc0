// SPDX-License-Identifier: GPL-2.0-only
/*
 * The frames of one huge frame: a buddy allocator without lists. Splitting and
 * coalescing are implicit, since a naturally aligned group of free frames *is* a
 * free block. What is free, what is clean and where each allocated block begins and
 * ends takes two bits a frame, so that a free of the wrong length or of a frame in
 * the middle of a block is seen.
 *
 * Invariant (checked by fp_buddy_verify()):
 *  F1  an allocated frame that is not the first of a block follows an allocated frame;
 *      frame 0 may continue the huge frame before it.
 */
#include "frames.h"

/* The bits of [at, at + nr) that fall into word @w. */
static u64 word_mask(u32 w, u32 at, u32 nr)
{
	u32 from = max(at, w * 64), to = min(at + nr, (w + 1) * 64);

	return from < to ? GENMASK_ULL(to - 1 - w * 64, from - w * 64) : 0;
}

/**
 * fp_frames_init() - make all frames free and clean
 * @frames: the frames
 */
void fp_frames_init(struct fp_frames *frames)
{
	memset(frames, 0xff, sizeof(*frames));
}

/* Bit n of the result: is the naturally aligned group of 2^@order bits at n all set? */
static u64 aligned_groups(u64 word, u32 order)
{
	static const u64 starts[] = {
		~0ULL, 0x5555555555555555ULL, 0x1111111111111111ULL,
		0x0101010101010101ULL, 0x0001000100010001ULL, 0x0000000100000001ULL, 1,
	};
	u32 i;

	for (i = 0; i < order; i++)
		word &= word >> (1U << i);
	return word & starts[order];
}

static u32 find_small_block(const struct fp_frames *frames, u32 order)
{
	u32 w;

	for (w = 0; w < FP_FRAMES_WORDS; w++) {
		u64 groups = aligned_groups(frames->free[w], order);

		if (groups)
			return w * 64 + __ffs64(groups);
	}
	return FP_FRAMES_NONE;
}

/* Are the 2^(@order - 6) words from @w on all free? */
static bool words_free(const struct fp_frames *frames, u32 w, u32 order)
{
	u32 i;

	for (i = 0; i < 1U << (order - 6); i++)
		if (~frames->free[w + i])
			return false;
	return true;
}

static u32 find_large_block(const struct fp_frames *frames, u32 order)
{
	u32 w;

	for (w = 0; w < FP_FRAMES_WORDS; w += 1U << (order - 6))
		if (words_free(frames, w, order))
			return w * 64;
	return FP_FRAMES_NONE;
}

/**
 * fp_frames_find_block() - find the lowest free block that is naturally aligned
 * @frames: the frames
 * @fit: what it must satisfy; the block is 2^n frames, the least that are
 *       @fit->nr and @fit->align
 *
 * Return: its first frame, or FP_FRAMES_NONE.
 */
u32 fp_frames_find_block(const struct fp_frames *frames, const struct fp_fit *fit)
{
	u32 order = max_t(u32, order_base_2(fit->nr), ilog2(fit->align));
	u32 at = order < 6 ? find_small_block(frames, order) : find_large_block(frames, order);

	return at != FP_FRAMES_NONE && at + fit->nr <= fit->end ? at : FP_FRAMES_NONE;
}

/* The first frame from @at on that is free, or that is not; FP_HUGE_FRAMES if none is. */
static u32 next_frame(const struct fp_frames *frames, u32 at, bool is_free)
{
	while (at < FP_HUGE_FRAMES) {
		u64 word = frames->free[at / 64];

		word = (is_free ? word : ~word) >> (at % 64);
		if (word)
			return at + __ffs64(word);
		at = round_down(at, 64) + 64;
	}
	return FP_HUGE_FRAMES;
}

/**
 * fp_frames_find_run() - find the lowest run that fits, naturally aligned or not
 * @frames: the frames
 * @fit: what it must satisfy
 *
 * Return: its first frame, or FP_FRAMES_NONE.
 */
u32 fp_frames_find_run(const struct fp_frames *frames, const struct fp_fit *fit)
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
 * @head: they are a block; otherwise they continue the huge frame before
 *
 * Return: whether any of them was dirty.
 */
bool fp_frames_take(struct fp_frames *frames, u32 at, u32 nr, bool head)
{
	u64 dirty = 0;
	u32 w;

	for (w = at / 64; w <= (at + nr - 1) / 64; w++) {
		u64 mask = word_mask(w, at, nr);

		dirty |= ~frames->aux[w] & mask;
		frames->free[w] &= ~mask;
		frames->aux[w] &= ~mask;
	}
	if (head)
		frames->aux[at / 64] |= BIT_ULL(at % 64);
	return dirty;
}

/**
 * fp_frames_put() - mark allocated frames free
 * @frames: the frames
 * @at: first frame
 * @nr: number
 * @dirty: whether they may have been written or are still referenced
 */
void fp_frames_put(struct fp_frames *frames, u32 at, u32 nr, bool dirty)
{
	u32 w;

	for (w = at / 64; w <= (at + nr - 1) / 64; w++) {
		u64 mask = word_mask(w, at, nr);

		frames->free[w] |= mask;
		if (dirty)
			frames->aux[w] &= ~mask;
		else
			frames->aux[w] |= mask;
	}
}

bool fp_frames_is_free(const struct fp_frames *frames, u32 at)
{
	return frames->free[at / 64] & BIT_ULL(at % 64);
}

bool fp_frames_is_head(const struct fp_frames *frames, u32 at)
{
	return !fp_frames_is_free(frames, at) && (frames->aux[at / 64] & BIT_ULL(at % 64));
}

/**
 * fp_frames_length() - length of the block that begins or continues at a frame
 * @frames: the frames
 * @at: an allocated frame
 *
 * Return: frames up to the next that is free or begins another block.
 */
u32 fp_frames_length(const struct fp_frames *frames, u32 at)
{
	u32 skip = at + 1, w;

	for (w = skip / 64; w < FP_FRAMES_WORDS; w++) {
		u64 stop = (frames->free[w] | frames->aux[w]) &
			   word_mask(w, skip, FP_HUGE_FRAMES - skip);

		if (stop)
			return w * 64 + __ffs64(stop) - at;
	}
	return FP_HUGE_FRAMES - at;
}

bool fp_frames_all_clean(const struct fp_frames *frames)
{
	u32 w;

	for (w = 0; w < FP_FRAMES_WORDS; w++)
		if (~(frames->free[w] & frames->aux[w]))
			return false;
	return true;
}

u32 fp_frames_nr_free(const struct fp_frames *frames)
{
	u32 w, nr = 0;

	for (w = 0; w < FP_FRAMES_WORDS; w++)
		nr += hweight64(frames->free[w]);
	return nr;
}

static u32 count_groups(const struct fp_frames *frames, u32 order)
{
	u32 w, nr = 0;

	if (order >= 6) {
		for (w = 0; w < FP_FRAMES_WORDS; w += 1U << (order - 6))
			nr += words_free(frames, w, order);
		return nr;
	}
	for (w = 0; w < FP_FRAMES_WORDS; w++)
		nr += hweight64(aligned_groups(frames->free[w], order));
	return nr;
}

/**
 * fp_frames_count_blocks() - add up the free blocks by order
 * @frames: the frames
 * @blocks: FP_HUGE_ORDER counts to add to; each block counts at its largest order
 *
 * A group of order n + 1 consists of two of order n, so the blocks that are
 * largest at order n are those groups of order n that are not such halves.
 */
void fp_frames_count_blocks(const struct fp_frames *frames, u64 *blocks)
{
	u32 order, larger = 0;

	for (order = FP_HUGE_ORDER; order--;) {
		u32 groups = count_groups(frames, order);

		blocks[order] += groups - 2 * larger;
		larger = groups;
	}
}
