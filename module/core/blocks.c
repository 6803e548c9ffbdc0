// SPDX-License-Identifier: GPL-2.0-only
/*
 * Blocks for the kernel: magazines, one for each processor and order, in front of the kernel's
 * owners (see magazine.h). Callers that cannot use the magazines go to the buddy: a softirq that
 * interrupts a push, or anybody during a drain.
 *
 * For the buddy, a block in a magazine is allocated. Before a block is pushed, fp_frames_holds()
 * checks without a lock that it is what the caller says. A block that is pushed twice is noticed
 * when the magazine is emptied into the buddy, which refuses it.
 */
#include "core/blocks.h"

#include "core/owner.h"

#define WIDTH	sizeof(u32)	/* of a block in a magazine: its first frame */

/* Each magazine holds at most 1/SHARE of the pool, divided by the number of processors. */
#define SHARE	128

#define SAMPLE	16U	/* blocks that is_mixed() looks at */
#define GROUPS	64U	/* groups of huge frames that free_sorted() tells apart */

static __always_inline const struct fp_huge *huge_of(const struct fp_blocks *blocks, u64 frame)
{
	return &blocks->buddy->runs.huge[fp_index(blocks->buddy, frame)];
}

/*
 * The owner of the huge frame that a frame is in, or NULL if it is none of ours. It may change, but
 * not while a block of ours is in the huge frame.
 */
static struct fp_owner *owner_of(const struct fp_blocks *blocks, u64 frame)
{
	u32 id;

	if (frame >= blocks->nr_frames)
		return NULL;
	id = fp_huge_owner(huge_of(blocks, frame));
	return id < blocks->buddy->nr_fixed ? &blocks->owners[id] : NULL;
}

/* Is a frame in a huge frame of ours that has this state? */
static __always_inline bool is_ours(const struct fp_blocks *blocks, u64 frame,
				    enum fp_huge_state state)
{
	return frame < blocks->nr_frames &&
	       fp_huge_tag(huge_of(blocks, frame)) - fp_huge_make_tag(state, 0) <
		       blocks->buddy->nr_fixed;
}

/* Is this an allocated huge frame of ours? */
static __always_inline bool is_huge_frame(const struct fp_blocks *blocks, u64 frame)
{
	return frame < blocks->nr_frames && !fp_rest(blocks->buddy, frame) &&
	       fp_huge_owner_of_one(huge_of(blocks, frame)) < blocks->buddy->nr_fixed;
}

static __always_inline struct fp_frames frames_of(const struct fp_blocks *blocks, u64 frame)
{
	return fp_buddy_frames(blocks->buddy, fp_index(blocks->buddy, frame));
}

/* As is_block(), but false may also mean that this is not easy to see. */
static __always_inline bool is_block_quickly(const struct fp_blocks *blocks, u64 frame, u32 order)
{
	if (likely(is_ours(blocks, frame, FP_HUGE_OWNED)))
		return fp_frames_holds_quickly(frames_of(blocks, frame),
					       fp_rest(blocks->buddy, frame), order);
	return order == blocks->buddy->order && is_huge_frame(blocks, frame);
}

/* Is this an allocated block of ours? True is reliable; false is not (see fp_frames_holds()). */
static bool is_block(const struct fp_blocks *blocks, u64 frame, u32 order)
{
	if (order >= blocks->buddy->order)
		return order == blocks->buddy->order && is_huge_frame(blocks, frame);
	return is_ours(blocks, frame, FP_HUGE_OWNED) &&
	       fp_frames_holds(frames_of(blocks, frame), fp_rest(blocks->buddy, frame), 1U << order,
			       true);
}

/* Allocate from this processor's owner if it has any or can get some, otherwise from others. */
static u32 alloc_from_owners(struct fp_blocks *blocks, u32 order, u32 *frames, u32 nr)
{
	u32 i, got = 0, at = raw_smp_processor_id(), nr_owners = blocks->buddy->nr_fixed;

	for (i = 0; i < nr_owners && !got; i++) {
		struct fp_owner *owner = &blocks->owners[(at + i) % nr_owners];

		if (!i || READ_ONCE(owner->nr_free))
			got = fp_buddy_alloc_blocks(owner, order, frames, NULL, nr);
	}
	return got;
}

/**
 * fp_blocks_alloc_bulk() - allocate several blocks of one order
 * @blocks: where from; magazines are bypassed
 * @order: of the blocks
 * @frames: the result: their first frames
 * @nr: how many to allocate
 *
 * Context: process or softirq.
 * Return: how many were allocated. They may be dirty.
 */
u32 fp_blocks_alloc_bulk(struct fp_blocks *blocks, u32 order, u32 *frames, u32 nr)
{
	u32 got = 0, n = 1;

	for (; n && got < nr; got += n)
		n = alloc_from_owners(blocks, order, frames + got, nr - got);
	return got;
}

/**
 * fp_blocks_free_bulk() - free several blocks of one order
 * @blocks: where they came from; magazines are bypassed
 * @order: of the blocks
 * @frames: their first frames
 * @nr: how many
 *
 * Context: process or softirq.
 * Return: how many were refused because they are not allocated blocks of that order; these are
 * counted, and not changed.
 */
u32 fp_blocks_free_bulk(struct fp_blocks *blocks, u32 order, const u32 *frames, u32 nr)
{
	u32 i, n, refused = 0;

	for (i = 0; i < nr; i += n) {
		struct fp_owner *owner = owner_of(blocks, frames[i]);

		n = owner ? fp_buddy_free_blocks(owner, order, frames + i, nr - i, blocks->dirty) :
			    0;
		if (!n) {
			fp_buddy_count_bad_free(blocks->buddy);
			refused++;
			n = 1;
		}
	}
	return refused;
}

static u32 take(struct fp_magazines *magazines, u32 order, void *frames, u32 nr, bool may_sleep)
{
	struct fp_blocks *blocks = container_of(magazines, struct fp_blocks, magazines);
	u32 got = alloc_from_owners(blocks, order, frames, nr);

	trace_refill(blocks->buddy, order, nr, got);
	return got;
}

/*
 * Do neighbours lie in different huge frames, and yet all blocks in a few? This looks at some of
 * them only.
 */
static bool is_mixed(const struct fp_blocks *blocks, const u32 *frames, u32 nr)
{
	u32 i, index, last = U32_MAX, low = U32_MAX, high = 0, changes = 0;

	for (i = 0; i < min(nr, SAMPLE); i++) {
		index = fp_index(blocks->buddy, frames[i]);
		low = min(low, index);
		high = max(high, index);
		changes += index != last;
		last = index;
	}
	return changes > SAMPLE / 2 && high - low < nr / 4;
}

/* Free blocks so that those of one huge frame follow each other: the buddy frees them together. */
static noinline void free_sorted(struct fp_blocks *blocks, u32 order, const u32 *frames, u32 nr)
{
	u32 sorted[FP_MAGAZINE_WORDS + 1], i;
	u8 ends[GROUPS] = {}, end = 0;

	for (i = 0; i < nr; i++)
		ends[fp_index(blocks->buddy, frames[i]) % GROUPS]++;
	for (i = 0; i < GROUPS; i++) {
		end += ends[i];
		ends[i] = end;
	}
	for (i = nr; i--;)
		sorted[--ends[fp_index(blocks->buddy, frames[i]) % GROUPS]] = frames[i];
	fp_blocks_free_bulk(blocks, order, sorted, nr);
}

/*
 * They count as dirty, although they may be clean: a huge frame may go through quarantine
 * needlessly.
 */
static void put(struct fp_magazines *magazines, u32 cpu, u32 order, const void *frames, u32 nr)
{
	struct fp_blocks *blocks = container_of(magazines, struct fp_blocks, magazines);

	trace_drain(blocks->buddy, cpu, order, nr);
	if (order < blocks->buddy->order && is_mixed(blocks, frames, nr))
		free_sorted(blocks, order, frames, nr);
	else
		fp_blocks_free_bulk(blocks, order, frames, nr);
}

static const struct fp_magazine_ops ops = { .take = take, .put = put };

static noinline u64 alloc_slow(struct fp_blocks *blocks, u32 order)
{
	u32 frame;

	if (order < blocks->magazines.nr)
		return fp_magazines_refill(&blocks->magazines, order, false);
	return take(&blocks->magazines, order, &frame, 1, false) ? frame : FP_ANYWHERE;
}

/**
 * fp_blocks_alloc() - allocate a naturally aligned block
 * @blocks: where from
 * @order: log2 of its frames
 *
 * Context: process or softirq.
 * Return: its first frame, or FP_ANYWHERE: there is none, except perhaps in a magazine or in
 * quarantine. The block may be dirty.
 */
u64 fp_blocks_alloc(struct fp_blocks *blocks, u32 order)
{
	u64 frame = FP_ANYWHERE;

	if (likely(order < blocks->magazines.nr))
		frame = fp_magazines_pop(&blocks->magazines, order, WIDTH, false);
	return likely(frame != FP_ANYWHERE) ? frame : alloc_slow(blocks, order);
}

/* Free to the buddy at once. */
static noinline int free_directly(struct fp_blocks *blocks, u64 frame, u32 order)
{
	u32 first = frame;

	if (frame > U32_MAX) {
		fp_buddy_count_bad_free(blocks->buddy);
		return -EINVAL;
	}
	return fp_blocks_free_bulk(blocks, order, &first, 1) ? -EINVAL : 0;
}

static __always_inline bool try_push(struct fp_blocks *blocks, u64 frame, u32 order)
{
	return fp_magazines_push(&blocks->magazines, order, WIDTH, false, frame);
}

/* Check completely, and make room in the magazine. */
static noinline int free_slow(struct fp_blocks *blocks, u64 frame, u32 order)
{
	if (is_block(blocks, frame, order)) {
		if (try_push(blocks, frame, order))
			return 0;
		fp_magazines_make_room(&blocks->magazines, order);
		if (try_push(blocks, frame, order))
			return 0;
	}
	return free_directly(blocks, frame, order);
}

/**
 * fp_blocks_free() - free a block
 * @blocks: where it came from
 * @frame: its first frame
 * @order: log2 of its frames
 *
 * Context: process or softirq.
 * Return: 0; -EINVAL: this is not an allocated block of that order; this is counted, and nothing is
 * changed.
 */
int fp_blocks_free(struct fp_blocks *blocks, u64 frame, u32 order)
{
	if (likely(is_block_quickly(blocks, frame, order) && try_push(blocks, frame, order)))
		return 0;
	return free_slow(blocks, frame, order);
}

/**
 * fp_blocks_count() - read the counts of the buddy, with blocks in magazines as free
 * @blocks: the blocks
 * @set_aside: frames set aside; they are used for the buddy, and count as retired
 * @counts: the result
 * @cached: the result: by order, how many blocks magazines hold; FP_BLOCKS_ORDERS
 *
 * Counts as fp_buddy_count(). A block that moves to another magazine meanwhile may be counted
 * twice, but never more blocks than are used.
 *
 * Context: any.
 */
void fp_blocks_count(struct fp_blocks *blocks, u64 set_aside, struct fp_counts *counts,
		     u64 *cached)
{
	u32 order;

	memset(cached, 0, FP_BLOCKS_ORDERS * sizeof(*cached));
	fp_buddy_count(blocks->buddy, counts);
	set_aside = min(set_aside, counts->used);
	counts->used -= set_aside;
	counts->retired += set_aside;
	for (order = 0; order < blocks->magazines.nr; order++) {
		cached[order] = min(fp_magazines_count(&blocks->magazines, order),
				    counts->used >> order);
		counts->free += cached[order] << order;
		counts->used -= cached[order] << order;
	}
}

static void set_sizes(struct fp_blocks *blocks)
{
	u64 share = blocks->nr_frames / SHARE / blocks->buddy->nr_fixed;
	u32 order;

	for (order = 0; order < blocks->magazines.nr; order++)
		fp_magazines_set_size(&blocks->magazines, order, share >> order);
}

/**
 * fp_blocks_init() - begin to allocate blocks
 * @blocks: zeroed
 * @buddy: where the blocks come from; it was initialised for nr_cpu_ids fixed owners
 * @direct: keep the magazines empty, so that a double free is noticed at once; for debugging
 *
 * Context: may sleep.
 * Return: 0, or -ENOMEM.
 */
int fp_blocks_init(struct fp_blocks *blocks, struct fp_buddy *buddy, bool direct)
{
	u32 i;

	blocks->buddy = buddy;
	blocks->nr_frames = fp_buddy_nr_frames(buddy);
	blocks->dirty = true;
	blocks->owners = kvcalloc(buddy->nr_fixed, sizeof(*blocks->owners), GFP_KERNEL);
	if (!blocks->owners)
		return -ENOMEM;
	if (fp_magazines_init(&blocks->magazines, &ops, blocks->buddy->order + 1, WIDTH)) {
		kvfree(blocks->owners);
		return -ENOMEM;
	}
	if (!direct)
		set_sizes(blocks);
	for (i = 0; i < buddy->nr_fixed; i++) {
		fp_owner_init(&blocks->owners[i], buddy, NULL);
		blocks->owners[i].id = i;
	}
	return 0;
}

/**
 * fp_blocks_fini() - empty the magazines and free their memory
 * @blocks: all are freed, and nobody uses them any more
 *
 * Context: may sleep.
 */
void fp_blocks_fini(struct fp_blocks *blocks)
{
	u32 i;

	fp_magazines_drain(&blocks->magazines, true);
	for (i = 0; i < blocks->buddy->nr_fixed; i++)
		fp_owner_fini(&blocks->owners[i]);
	fp_magazines_fini(&blocks->magazines);
	kvfree(blocks->owners);
}
