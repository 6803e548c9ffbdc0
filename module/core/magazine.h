/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Magazines: small stacks of items for each processor, which are pushed and popped without a lock
 * and without an atomic instruction. blocks.c keeps blocks of frames in them, slab.c objects.
 * magazine.c fills and empties them.
 *
 * Each processor has a gate to its magazines:
 *
 *  - A task stays on its processor while it is inside (preempt_disable(), on PREEMPT_RT as well: it
 *    is inside for a few instructions, too short to be worth a sleeping lock). So nobody else can
 *    be inside on this processor, except a softirq that interrupts the task. The softirq finds
 *    @busy set and takes another way.
 *  - Whoever needs the magazines of all processors closes their gates and waits for an RCU grace
 *    period. Those who were inside have left by then. Those who come later see @closed and take
 *    another way. So the closer has all magazines to itself until it opens the gates again. Two
 *    orderings matter: the grace period orders the last fp_magazines_leave() before the closer; the
 *    release when a gate is opened, with the acquire in fp_magazines_enter(), orders the closer
 *    before the next to enter. No other processor is interrupted, unless it is in the kernel while
 *    the grace period waits for its quiescent state, and a processor that has gone offline needs no
 *    special care.
 */
#ifndef FP_MAGAZINE_H
#define FP_MAGAZINE_H

#include "core/platform.h"

#define FP_MAGAZINE_WORDS	127
#define FP_MAGAZINE_NONE	U64_MAX		/* no item */

/**
 * struct fp_magazine - a stack of items, all of 4 or all of 8 bytes
 * @nr: how many there are
 * @size: how many there may be; constant
 * @items: the items, in the order in which they were pushed
 */
struct fp_magazine {
	u32 nr;
	u32 size;
	u64 items[FP_MAGAZINE_WORDS];
};

/**
 * struct fp_magazine_cpu - the magazines of one processor
 * @busy: somebody on this processor is inside
 * @closed: somebody on another one is, or is about to be
 * @nr_popped: items that were popped, if they are counted
 * @nr_pushed: items that were pushed, if they are counted
 * @magazines: the magazines
 */
struct fp_magazine_cpu {
	bool busy;
	bool closed;
	u64 nr_popped;
	u64 nr_pushed;
	struct fp_magazine magazines[];
};

struct fp_magazines;

/**
 * struct fp_magazine_ops - where items come from
 * @take: take up to @nr items for magazine @which. Returns how many it got.
 * @put: put items back that were in magazine @which of processor @cpu
 *
 * Both are called outside the gate, in the context of the caller.
 */
struct fp_magazine_ops {
	u32 (*take)(struct fp_magazines *magazines, u32 which, void *items, u32 nr, bool may_sleep);
	void (*put)(struct fp_magazines *magazines, u32 cpu, u32 which, const void *items, u32 nr);
};

/**
 * struct fp_magazines - some magazines for each processor
 * @ops: where items come from; constant
 * @cpus: by processor
 * @nr: magazines of a processor; constant
 * @width: bytes of an item; constant
 * @drain_lock: one drain at a time
 */
struct fp_magazines {
	const struct fp_magazine_ops *ops;
	struct fp_magazine_cpu __percpu *cpus;
	u32 nr;
	u32 width;
	struct mutex drain_lock;
};

int fp_magazines_init(struct fp_magazines *magazines, const struct fp_magazine_ops *ops, u32 nr,
		      u32 width);
void fp_magazines_fini(struct fp_magazines *magazines);
void fp_magazines_set_size(struct fp_magazines *magazines, u32 which, u64 size);
u64 fp_magazines_refill(struct fp_magazines *magazines, u32 which, bool may_sleep);
void fp_magazines_make_room(struct fp_magazines *magazines, u32 which);
u64 fp_magazines_count(const struct fp_magazines *magazines, u32 which);
void fp_magazines_drain(struct fp_magazines *magazines, bool hurry);
void fp_magazines_drain_local(struct fp_magazines *magazines);

/* Get this processor's magazines for exclusive use until leave(). NULL: they are in use. */
static __always_inline struct fp_magazine_cpu *fp_magazines_enter(struct fp_magazines *magazines)
{
	struct fp_magazine_cpu *cpu;

	preempt_disable();
	cpu = this_cpu_ptr(magazines->cpus);
	/* Pairs with the release in open_all(). */
	if (likely(!READ_ONCE(cpu->busy) && !smp_load_acquire(&cpu->closed))) {
		WRITE_ONCE(cpu->busy, true);
		barrier();
		return cpu;
	}
	preempt_enable();
	return NULL;
}

static __always_inline void fp_magazines_leave(struct fp_magazine_cpu *cpu)
{
	/* Orders what was done inside before it. Pairs with nothing: only this processor reads. */
	smp_store_release(&cpu->busy, false);
	preempt_enable();
}

static __always_inline u64 fp_magazine_get(const void *items, u32 at, u32 width)
{
	return width == sizeof(u32) ? ((const u32 *)items)[at] : ((const u64 *)items)[at];
}

static __always_inline void fp_magazine_set(void *items, u32 at, u32 width, u64 item)
{
	if (width == sizeof(u32))
		((u32 *)items)[at] = item;
	else
		((u64 *)items)[at] = item;
}

/**
 * fp_magazines_pop() - pop an item from a magazine of this processor
 * @magazines: the magazines
 * @which: which magazine
 * @width: bytes of an item, as a constant, so that the compiler can tell them apart
 * @count: count it; constant as well
 *
 * Context: process or softirq.
 * Return: the item; FP_MAGAZINE_NONE: the magazine is empty or in use.
 */
static __always_inline u64 fp_magazines_pop(struct fp_magazines *magazines, u32 which, u32 width,
					    bool count)
{
	struct fp_magazine_cpu *cpu = fp_magazines_enter(magazines);
	u64 item = FP_MAGAZINE_NONE;
	struct fp_magazine *magazine;
	u32 nr;

	if (unlikely(!cpu))
		return FP_MAGAZINE_NONE;
	magazine = &cpu->magazines[which];
	nr = magazine->nr;
	if (likely(nr)) {
		item = fp_magazine_get(magazine->items, nr - 1, width);
		WRITE_ONCE(magazine->nr, nr - 1);
		if (count)
			WRITE_ONCE(cpu->nr_popped, cpu->nr_popped + 1);
	}
	fp_magazines_leave(cpu);
	return item;
}

/**
 * fp_magazines_push() - push an item onto a magazine of this processor
 * @magazines: the magazines
 * @which: which magazine
 * @width: as in fp_magazines_pop()
 * @count: likewise
 * @item: the item
 *
 * Context: process or softirq.
 * Return: whether it was pushed; false: the magazine is full or in use.
 */
static __always_inline bool fp_magazines_push(struct fp_magazines *magazines, u32 which, u32 width,
					      bool count, u64 item)
{
	struct fp_magazine_cpu *cpu = fp_magazines_enter(magazines);
	struct fp_magazine *magazine;
	bool has_room;
	u32 nr;

	if (unlikely(!cpu))
		return false;
	magazine = &cpu->magazines[which];
	nr = magazine->nr;
	has_room = nr < magazine->size;
	if (likely(has_room)) {
		fp_magazine_set(magazine->items, nr, width, item);
		WRITE_ONCE(magazine->nr, nr + 1);
		if (count)
			WRITE_ONCE(cpu->nr_pushed, cpu->nr_pushed + 1);
	}
	fp_magazines_leave(cpu);
	return has_room;
}

#endif
