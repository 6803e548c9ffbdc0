// SPDX-License-Identifier: GPL-2.0-only
/*
 * Magazines: small stacks of blocks, one for each processor and order, in front of the kernel's
 * owners. The idea is from Bonwick and Adams, "Magazines and Vmem" (USENIX 2001). Here one magazine
 * for each processor is enough, since the buddy behind it fills or empties half of one under one
 * lock.
 *
 * The common case, a push or a pop, takes no lock and no atomic instruction (see gate.h). Callers
 * that find the gate shut go to the buddy: a softirq that interrupts a push, or anybody during a
 * drain.
 *
 * For the buddy, a block in a magazine is allocated. Before a block is pushed, fp_frames_holds()
 * checks without a lock that it is what the caller says. A block that is pushed twice is noticed
 * when the magazine is emptied into the buddy, which refuses it.
 *
 * Only fp_magazines_drain() sleeps.
 */
#include "core/magazine.h"

#include "core/owner.h"

/* Each magazine holds at most 1/SHARE of the pool, divided by the number of processors. */
#define SHARE	128

/* Get this processor's magazines for exclusive use until leave(). NULL: they are in use. */
static __always_inline struct fp_magazine_cpu *enter(struct fp_magazines *magazines)
{
	struct fp_magazine_cpu *cpu;

	preempt_disable();
	cpu = this_cpu_ptr(magazines->cpus);
	if (likely(fp_gate_enter(&cpu->gate)))
		return cpu;
	preempt_enable();
	return NULL;
}

static __always_inline void leave(struct fp_magazine_cpu *cpu)
{
	fp_gate_leave(&cpu->gate);
	preempt_enable();
}

static void push(struct fp_magazine *magazine, u32 block)
{
	magazine->blocks[magazine->nr] = block;
	WRITE_ONCE(magazine->nr, magazine->nr + 1);
}

static u32 pop(struct fp_magazine *magazine)
{
	WRITE_ONCE(magazine->nr, magazine->nr - 1);
	return magazine->blocks[magazine->nr];
}

/* Take out the oldest blocks. */
static u32 take_oldest(struct fp_magazine *magazine, u32 *blocks, u32 nr)
{
	u32 left = magazine->nr - nr;

	memcpy(blocks, magazine->blocks, nr * sizeof(*blocks));
	memmove(magazine->blocks, magazine->blocks + nr, left * sizeof(*blocks));
	WRITE_ONCE(magazine->nr, left);
	return nr;
}

/*
 * The owner of the huge frame that a frame is in, or NULL if it is none of ours. It may change, but
 * not while a block of ours is in the huge frame.
 */
static struct fp_owner *owner_of(const struct fp_magazines *magazines, u64 frame)
{
	const struct fp_buddy *buddy = magazines->buddy;
	u32 id;

	if (frame >= magazines->nr_frames)
		return NULL;
	id = fp_huge_owner(&buddy->runs.huge[fp_index(buddy, frame)]);
	return id < buddy->nr_fixed ? &magazines->owners[id] : NULL;
}

/* Is a frame in a huge frame of ours whose frames are allocated one by one? */
static __always_inline bool is_owned(const struct fp_magazines *magazines, u64 frame)
{
	const struct fp_buddy *buddy = magazines->buddy;

	return frame < magazines->nr_frames &&
	       fp_huge_tag(&buddy->runs.huge[fp_index(buddy, frame)]) -
		       fp_huge_make_tag(FP_HUGE_OWNED, 0) < buddy->nr_fixed;
}

/* Is this an allocated huge frame of ours? */
static bool is_huge_frame(const struct fp_magazines *magazines, u64 frame)
{
	const struct fp_buddy *buddy = magazines->buddy;
	struct fp_huge huge;

	if (frame >= magazines->nr_frames || fp_rest(buddy, frame))
		return false;
	huge.word = READ_ONCE(buddy->runs.huge[fp_index(buddy, frame)].word);
	return fp_huge_tag(&huge) - fp_huge_make_tag(FP_HUGE_RUN, 0) < buddy->nr_fixed &&
	       fp_huge_next(&huge) == 1 && !fp_huge_prev(&huge);
}

/* Is this an allocated block of ours? True is reliable; false is not (see fp_frames_holds()). */
static bool is_block(const struct fp_magazines *magazines, u64 frame, u32 order)
{
	if (order >= magazines->buddy->order)
		return order == magazines->buddy->order && is_huge_frame(magazines, frame);
	return is_owned(magazines, frame) &&
	       fp_frames_holds(fp_buddy_frames(magazines->buddy,
					       fp_index(magazines->buddy, frame)),
			       fp_rest(magazines->buddy, frame), 1U << order, true);
}

/* Allocate from this processor's owner if it has any or can get some, otherwise from others. */
static u32 alloc_from_owners(struct fp_magazines *magazines, u32 order, u32 *blocks, u32 nr)
{
	u32 i, got = 0, at = raw_smp_processor_id(), nr_owners = magazines->buddy->nr_fixed;

	for (i = 0; i < nr_owners && !got; i++) {
		struct fp_owner *owner = &magazines->owners[(at + i) % nr_owners];

		if (!i || READ_ONCE(owner->nr_free))
			got = fp_buddy_alloc_blocks(owner, order, blocks, NULL, nr);
	}
	return got;
}

/**
 * fp_magazines_free_bulk() - free several blocks of one order
 * @magazines: the magazines, which are bypassed
 * @order: of the blocks
 * @blocks: their first frames
 * @nr: how many
 *
 * Context: process or softirq.
 * Return: how many were refused because they are not allocated blocks of that order; these are
 * counted, and not changed.
 */
u32 fp_magazines_free_bulk(struct fp_magazines *magazines, u32 order, const u32 *blocks, u32 nr)
{
	u32 i, n, refused = 0;

	for (i = 0; i < nr; i += n) {
		struct fp_owner *owner = owner_of(magazines, blocks[i]);

		n = owner ? fp_buddy_free_blocks(owner, order, blocks + i, nr - i,
						 magazines->dirty) : 0;
		if (!n) {
			fp_buddy_count_bad_free(magazines->buddy);
			refused++;
			n = 1;
		}
	}
	return refused;
}

/* Keep as many blocks for later as there is room for. Free the rest. */
static void stash(struct fp_magazines *magazines, u32 order, const u32 *blocks, u32 nr)
{
	struct fp_magazine_cpu *cpu = nr ? enter(magazines) : NULL;

	if (cpu) {
		struct fp_magazine *magazine = &cpu->magazines[order];

		while (nr && magazine->nr < magazine->size)
			push(magazine, blocks[--nr]);
		leave(cpu);
	}
	/*
	 * They count as dirty, although they may be clean: a huge frame may go through quarantine
	 * needlessly.
	 */
	if (nr)
		fp_magazines_free_bulk(magazines, order, blocks, nr);
}

/* @size: size of the magazine, which is empty; 0: do not fill it. */
static noinline u64 alloc_slow(struct fp_magazines *magazines, u32 order, u32 size)
{
	u32 blocks[FP_MAGAZINE_SIZE / 2], nr;

	nr = alloc_from_owners(magazines, order, blocks, max(size / 2, 1u));
	trace_refill(magazines->buddy, order, max(size / 2, 1u), nr);
	if (!nr)
		return FP_ANYWHERE;
	/* The lowest are used first. */
	stash(magazines, order, blocks + 1, nr - 1);
	return blocks[0];
}

/**
 * fp_magazines_alloc() - allocate a naturally aligned block
 * @magazines: the magazines
 * @order: log2 of its frames
 *
 * Context: process or softirq.
 * Return: its first frame, or FP_ANYWHERE: there is none, except perhaps in a magazine or in
 * quarantine. The block may be dirty.
 */
u64 fp_magazines_alloc(struct fp_magazines *magazines, u32 order)
{
	struct fp_magazine_cpu *cpu;
	struct fp_magazine *magazine;
	u32 block, size = 0;

	if (unlikely(order >= FP_MAGAZINE_ORDERS))
		return alloc_slow(magazines, order, 0);
	cpu = enter(magazines);
	if (likely(cpu)) {
		magazine = &cpu->magazines[order];
		if (likely(magazine->nr)) {
			block = pop(magazine);
			leave(cpu);
			return block;
		}
		size = magazine->size;
		leave(cpu);
	}
	return alloc_slow(magazines, order, size);
}

/* Free to the buddy at once. */
static noinline int free_directly(struct fp_magazines *magazines, u64 frame, u32 order)
{
	u32 block = frame;

	if (frame > U32_MAX) {
		fp_buddy_count_bad_free(magazines->buddy);
		return -EINVAL;
	}
	return fp_magazines_free_bulk(magazines, order, &block, 1) ? -EINVAL : 0;
}

/* False: the magazines are in use, or this one is full. */
static __always_inline bool try_push(struct fp_magazines *magazines, u64 frame, u32 order)
{
	struct fp_magazine_cpu *cpu = enter(magazines);
	struct fp_magazine *magazine;
	bool has_room;

	if (unlikely(!cpu))
		return false;
	magazine = &cpu->magazines[order];
	has_room = magazine->nr < magazine->size;
	if (likely(has_room))
		push(magazine, frame);
	leave(cpu);
	return has_room;
}

/* The magazine is full: empty half of it. */
static noinline void make_room(struct fp_magazines *magazines, u32 order)
{
	u32 blocks[FP_MAGAZINE_SIZE / 2], nr = 0;
	struct fp_magazine_cpu *cpu = enter(magazines);

	if (!cpu)
		return;
	nr = take_oldest(&cpu->magazines[order], blocks, cpu->magazines[order].nr / 2);
	trace_drain(magazines->buddy, raw_smp_processor_id(), order, nr);
	leave(cpu);
	fp_magazines_free_bulk(magazines, order, blocks, nr);
}

/* Check completely, and make room in the magazine. */
static noinline int free_slow(struct fp_magazines *magazines, u64 frame, u32 order)
{
	if (!is_block(magazines, frame, order))
		return free_directly(magazines, frame, order);
	if (try_push(magazines, frame, order))
		return 0;
	make_room(magazines, order);
	return try_push(magazines, frame, order) ? 0 : free_directly(magazines, frame, order);
}

/**
 * fp_magazines_free() - free a block
 * @magazines: the magazines
 * @frame: its first frame
 * @order: log2 of its frames
 *
 * Context: process or softirq.
 * Return: 0; -EINVAL: this is not an allocated block of that order; this is counted, and nothing is
 * changed.
 */
int fp_magazines_free(struct fp_magazines *magazines, u64 frame, u32 order)
{
	if (likely(is_owned(magazines, frame) &&
		   fp_frames_holds_quickly(fp_buddy_frames(magazines->buddy,
							   fp_index(magazines->buddy, frame)),
					   fp_rest(magazines->buddy, frame), order) &&
		   try_push(magazines, frame, order)))
		return 0;
	return free_slow(magazines, frame, order);
}

/**
 * fp_magazines_alloc_bulk() - allocate several blocks of one order
 * @magazines: the magazines, which are bypassed
 * @order: of the blocks
 * @blocks: the result: their first frames
 * @nr: how many to allocate
 *
 * Context: process or softirq.
 * Return: how many were allocated. They may be dirty.
 */
u32 fp_magazines_alloc_bulk(struct fp_magazines *magazines, u32 order, u32 *blocks, u32 nr)
{
	u32 got = 0, n = 1;

	for (; n && got < nr; got += n)
		n = alloc_from_owners(magazines, order, blocks + got, nr - got);
	return got;
}

/* Free all blocks in a magazine that nobody else can use now, half of it at a time. */
static void empty(struct fp_magazines *magazines, u32 cpu, u32 order)
{
	u32 blocks[FP_MAGAZINE_SIZE / 2], nr;
	struct fp_magazine *magazine = &per_cpu_ptr(magazines->cpus, cpu)->magazines[order];

	if (magazine->nr)
		trace_drain(magazines->buddy, cpu, order, magazine->nr);
	while (magazine->nr) {
		nr = take_oldest(magazine, blocks, min_t(u32, magazine->nr, FP_MAGAZINE_SIZE / 2));
		fp_magazines_free_bulk(magazines, order, blocks, nr);
	}
}

/**
 * fp_magazines_drain_local() - empty this processor's magazines
 * @magazines: the magazines
 *
 * Context: process or softirq.
 */
void fp_magazines_drain_local(struct fp_magazines *magazines)
{
	u32 blocks[FP_MAGAZINE_SIZE / 2], order = 0, nr;
	struct fp_magazine_cpu *cpu;

	while (order < FP_MAGAZINE_ORDERS) {
		cpu = enter(magazines);
		if (!cpu)
			break;
		nr = min_t(u32, cpu->magazines[order].nr, FP_MAGAZINE_SIZE / 2);
		take_oldest(&cpu->magazines[order], blocks, nr);
		if (nr)
			trace_drain(magazines->buddy, raw_smp_processor_id(), order, nr);
		leave(cpu);
		if (nr)
			fp_magazines_free_bulk(magazines, order, blocks, nr);
		else
			order++;
	}
}

static u64 nr_cached(const struct fp_magazines *magazines, u32 order)
{
	u64 nr = 0;
	u32 cpu;

	for_each_possible_cpu(cpu)
		nr += READ_ONCE(per_cpu_ptr(magazines->cpus, cpu)->magazines[order].nr);
	return nr;
}

static bool is_empty(const struct fp_magazines *magazines)
{
	u32 order;

	for (order = 0; order < FP_MAGAZINE_ORDERS; order++)
		if (nr_cached(magazines, order))
			return false;
	return true;
}

static void close_all(struct fp_magazines *magazines, bool hurry)
{
	u32 cpu;

	for_each_possible_cpu(cpu)
		fp_gate_close(&per_cpu_ptr(magazines->cpus, cpu)->gate);
	fp_gate_wait(hurry);
}

/**
 * fp_magazines_drain() - empty all magazines
 * @magazines: the magazines
 * @hurry: somebody is waiting; a block that is pushed at this moment may be missed
 *
 * Calls that free or allocate meanwhile bypass the magazines. Without @hurry, a push that is missed
 * happens after the magazines were opened again, and sees all that the caller wrote before.
 *
 * Context: may sleep.
 */
void fp_magazines_drain(struct fp_magazines *magazines, bool hurry)
{
	u32 cpu, order;

	mutex_lock(&magazines->drain_lock);
	/* Not before the lock is taken: another drain may not have freed its blocks yet. */
	if (hurry && is_empty(magazines))
		goto unlock;
	close_all(magazines, hurry);
	for_each_possible_cpu(cpu) {
		for (order = 0; order < FP_MAGAZINE_ORDERS; order++)
			empty(magazines, cpu, order);
		fp_gate_open(&per_cpu_ptr(magazines->cpus, cpu)->gate);
	}
unlock:
	mutex_unlock(&magazines->drain_lock);
}

/**
 * fp_magazines_count() - read the counts of the buddy, with blocks in magazines as free
 * @magazines: the magazines
 * @set_aside: frames set aside; they are used for the buddy, and not counted
 * @counts: the result
 * @blocks: the result: by order, how many blocks magazines hold; FP_MAGAZINE_ORDERS of them
 *
 * Counts as fp_buddy_count(). A block that moves to another magazine meanwhile may be counted
 * twice, but never more blocks than are used.
 *
 * Context: any.
 */
void fp_magazines_count(struct fp_magazines *magazines, u64 set_aside, struct fp_counts *counts,
			u64 *blocks)
{
	u32 order;

	fp_buddy_count(magazines->buddy, counts);
	counts->used -= min(set_aside, counts->used);
	for (order = 0; order < FP_MAGAZINE_ORDERS; order++) {
		blocks[order] = min(nr_cached(magazines, order), counts->used >> order);
		counts->free += blocks[order] << order;
		counts->used -= blocks[order] << order;
	}
}

static void set_sizes(struct fp_magazines *magazines)
{
	u64 share = magazines->nr_frames / SHARE / magazines->buddy->nr_fixed;
	u32 cpu, order;

	for_each_possible_cpu(cpu)
		for (order = 0; order < FP_MAGAZINE_ORDERS; order++)
			per_cpu_ptr(magazines->cpus, cpu)->magazines[order].size =
				round_down(min_t(u64, share >> order, FP_MAGAZINE_SIZE), 2);
}

/**
 * fp_magazines_init() - make empty magazines
 * @magazines: zeroed
 * @buddy: where the blocks come from; it was initialised for nr_cpu_ids fixed owners
 * @direct: keep them empty, so that a double free is noticed at once; for debugging
 *
 * Context: may sleep.
 * Return: 0, or -ENOMEM.
 */
int fp_magazines_init(struct fp_magazines *magazines, struct fp_buddy *buddy, bool direct)
{
	u32 i;

	magazines->buddy = buddy;
	magazines->nr_frames = fp_buddy_nr_frames(buddy);
	magazines->dirty = true;
	mutex_init(&magazines->drain_lock);
	magazines->owners = kvcalloc(buddy->nr_fixed, sizeof(*magazines->owners), GFP_KERNEL);
	if (!magazines->owners)
		return -ENOMEM;
	magazines->cpus = alloc_percpu(struct fp_magazine_cpu);
	if (!magazines->cpus) {
		kvfree(magazines->owners);
		return -ENOMEM;
	}
	if (!direct)
		set_sizes(magazines);
	for (i = 0; i < buddy->nr_fixed; i++)
		fp_owner_init_fixed(&magazines->owners[i], buddy, i);
	return 0;
}

/**
 * fp_magazines_fini() - empty the magazines and free their memory
 * @magazines: the magazines; all blocks are freed, and nobody uses them any more
 *
 * Context: may sleep.
 */
void fp_magazines_fini(struct fp_magazines *magazines)
{
	u32 i;

	fp_magazines_drain(magazines, true);
	for (i = 0; i < magazines->buddy->nr_fixed; i++)
		fp_owner_fini(&magazines->owners[i]);
	free_percpu(magazines->cpus);
	kvfree(magazines->owners);
}
