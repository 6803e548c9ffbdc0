// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fills and empties magazines (see magazine.h), half of one at a time, and all of them for whoever
 * needs what is in them. The idea is from Bonwick and Adams, "Magazines and Vmem" (USENIX 2001).
 * Here one magazine for each processor is enough, and there is no depot of full ones, since what
 * lies behind takes or gives half of one under one lock.
 *
 * Only those functions sleep that take the mutex.
 */
#include "core/magazine.h"

/* Half of a magazine. */
#define BATCH_WORDS	(FP_MAGAZINE_WORDS / 2 + 1)

static struct fp_magazine *magazine_of(const struct fp_magazines *magazines, u32 cpu, u32 which)
{
	return &per_cpu_ptr(magazines->cpus, cpu)->magazines[which];
}

/* How many items to move at once: half of @nr, or as many as a batch can hold. */
static u32 half(const struct fp_magazines *magazines, u32 nr)
{
	return min_t(u32, (nr + 1) / 2, BATCH_WORDS * sizeof(u64) / magazines->width);
}

/* Push items, the last one first, as many as fit. Returns how many did not. */
static __always_inline u32 push_last(struct fp_magazine *magazine, const void *items, u32 nr,
				     u32 width)
{
	u32 at = magazine->nr;

	while (nr && at < magazine->size)
		fp_magazine_set(magazine->items, at++, width, fp_magazine_get(items, --nr, width));
	WRITE_ONCE(magazine->nr, at);
	return nr;
}

/* Keep as many items for later as there is room for. Put the rest back. */
static void stash(struct fp_magazines *magazines, u32 which, const void *items, u32 nr)
{
	struct fp_magazine_cpu *cpu = nr ? fp_magazines_enter(magazines) : NULL;

	if (cpu) {
		if (magazines->width == sizeof(u32))
			nr = push_last(&cpu->magazines[which], items, nr, sizeof(u32));
		else
			nr = push_last(&cpu->magazines[which], items, nr, sizeof(u64));
		fp_magazines_leave(cpu);
	}
	if (nr)
		magazines->ops->put(magazines, raw_smp_processor_id(), which, items, nr);
}

/* How many items this processor's magazine has room for; 0: it is in use. */
static u32 room_in(struct fp_magazines *magazines, u32 which)
{
	struct fp_magazine_cpu *cpu = fp_magazines_enter(magazines);
	u32 room = 0;

	if (cpu) {
		room = cpu->magazines[which].size - cpu->magazines[which].nr;
		fp_magazines_leave(cpu);
	}
	return room;
}

/**
 * fp_magazines_refill() - take an item from behind the magazines, and some more for later
 * @magazines: the magazines
 * @which: which magazine has none
 * @may_sleep: passed on to @take
 *
 * Context: process or softirq; that of @take.
 * Return: the first item that @take got, or FP_MAGAZINE_NONE. The others are popped in the order in
 * which it got them.
 */
u64 fp_magazines_refill(struct fp_magazines *magazines, u32 which, bool may_sleep)
{
	u32 width = magazines->width, nr = max(half(magazines, room_in(magazines, which)), 1U);
	u64 batch[BATCH_WORDS];

	nr = magazines->ops->take(magazines, which, batch, nr, may_sleep);
	if (!nr)
		return FP_MAGAZINE_NONE;
	stash(magazines, which, (u8 *)batch + width, nr - 1);
	return fp_magazine_get(batch, 0, width);
}

/* Take out the oldest items: at most @nr, and no more than a batch. Returns how many. */
static u32 take_oldest(const struct fp_magazines *magazines, struct fp_magazine *magazine,
		       u64 *batch, u32 nr)
{
	u32 width = magazines->width, left;

	nr = min_t(u32, nr, BATCH_WORDS * sizeof(u64) / width);
	left = magazine->nr - nr;
	memcpy(batch, magazine->items, nr * width);
	memmove(magazine->items, (u8 *)magazine->items + nr * width, left * width);
	WRITE_ONCE(magazine->nr, left);
	return nr;
}

/* Put back the oldest items of this processor's magazine, up to a batch. Returns how many. */
static u32 put_oldest(struct fp_magazines *magazines, u32 which, bool only_half)
{
	struct fp_magazine_cpu *cpu = fp_magazines_enter(magazines);
	struct fp_magazine *magazine;
	u64 batch[BATCH_WORDS];
	u32 nr, at;

	if (!cpu)
		return 0;
	magazine = &cpu->magazines[which];
	nr = take_oldest(magazines, magazine, batch,
			 only_half ? half(magazines, magazine->nr) : magazine->nr);
	at = raw_smp_processor_id();
	fp_magazines_leave(cpu);
	if (nr)
		magazines->ops->put(magazines, at, which, batch, nr);
	return nr;
}

/**
 * fp_magazines_make_room() - empty half of a full magazine of this processor
 * @magazines: the magazines
 * @which: which magazine; if it is in use, nothing happens
 *
 * Context: process or softirq.
 */
void fp_magazines_make_room(struct fp_magazines *magazines, u32 which)
{
	put_oldest(magazines, which, true);
}

/**
 * fp_magazines_drain_local() - empty the magazines of this processor
 * @magazines: the magazines
 *
 * Context: process or softirq.
 */
void fp_magazines_drain_local(struct fp_magazines *magazines)
{
	u32 which;

	for (which = 0; which < magazines->nr; which++)
		while (put_oldest(magazines, which, false))
			;
}

/**
 * fp_magazines_count() - how many items the magazines of all processors hold
 * @magazines: the magazines
 * @which: which of them
 *
 * Context: any.
 * Return: their number, at some moment for each processor.
 */
u64 fp_magazines_count(const struct fp_magazines *magazines, u32 which)
{
	u64 nr = 0;
	u32 cpu;

	for_each_possible_cpu(cpu)
		nr += READ_ONCE(magazine_of(magazines, cpu, which)->nr);
	return nr;
}

/* Get all magazines for exclusive use until open_all(). */
static void close_all(struct fp_magazines *magazines, bool hurry)
{
	u32 cpu;

	for_each_possible_cpu(cpu)
		WRITE_ONCE(per_cpu_ptr(magazines->cpus, cpu)->closed, true);
	if (hurry)
		synchronize_rcu_expedited();
	else
		synchronize_rcu();
}

static void empty(struct fp_magazines *magazines, u32 cpu, u32 which)
{
	struct fp_magazine *magazine = magazine_of(magazines, cpu, which);
	u64 batch[BATCH_WORDS];
	u32 nr;

	while (magazine->nr) {
		nr = take_oldest(magazines, magazine, batch, magazine->nr);
		magazines->ops->put(magazines, cpu, which, batch, nr);
	}
}

/* Empty all magazines, and let others use them. */
static void open_all(struct fp_magazines *magazines)
{
	u32 cpu, which;

	for_each_possible_cpu(cpu) {
		for (which = 0; which < magazines->nr; which++)
			empty(magazines, cpu, which);
		/* Pairs with the acquire in fp_magazines_enter(). */
		smp_store_release(&per_cpu_ptr(magazines->cpus, cpu)->closed, false);
	}
}

static bool are_empty(const struct fp_magazines *magazines)
{
	u32 which;

	for (which = 0; which < magazines->nr; which++)
		if (fp_magazines_count(magazines, which))
			return false;
	return true;
}

/**
 * fp_magazines_drain() - empty all magazines
 * @magazines: the magazines
 * @hurry: somebody is waiting; an item that is pushed at this moment may be missed
 *
 * Whoever comes meanwhile does without magazines. Without @hurry, a push that is missed happens
 * after the magazines were opened again, and sees all that the caller wrote before.
 *
 * Context: may sleep.
 */
void fp_magazines_drain(struct fp_magazines *magazines, bool hurry)
{
	mutex_lock(&magazines->drain_lock);
	/* Not before the lock is taken: another drain may not have put its items back yet. */
	if (!hurry || !are_empty(magazines)) {
		close_all(magazines, hurry);
		open_all(magazines);
	}
	mutex_unlock(&magazines->drain_lock);
}

/**
 * fp_magazines_set_size() - set how many items a magazine may hold
 * @magazines: the magazines; nobody uses them yet
 * @which: which of them
 * @size: how many; more than there is room for counts as that many; 0, the default: none
 *
 * Context: any.
 */
void fp_magazines_set_size(struct fp_magazines *magazines, u32 which, u64 size)
{
	u32 cpu;

	size = min_t(u64, size, FP_MAGAZINE_WORDS * sizeof(u64) / magazines->width);
	for_each_possible_cpu(cpu)
		magazine_of(magazines, cpu, which)->size = round_down(size, 2);
}

/**
 * fp_magazines_init() - make magazines that hold nothing
 * @magazines: the magazines
 * @ops: where items come from
 * @nr: magazines for each processor
 * @width: bytes of an item, 4 or 8
 *
 * Context: may sleep.
 * Return: 0, or -ENOMEM.
 */
int fp_magazines_init(struct fp_magazines *magazines, const struct fp_magazine_ops *ops, u32 nr,
		      u32 width)
{
	magazines->ops = ops;
	magazines->nr = nr;
	magazines->width = width;
	mutex_init(&magazines->drain_lock);
	magazines->cpus = __alloc_percpu(sizeof(struct fp_magazine_cpu) +
					 nr * sizeof(struct fp_magazine), sizeof(u64));
	return magazines->cpus ? 0 : -ENOMEM;
}

/**
 * fp_magazines_fini() - free the memory of magazines
 * @magazines: the magazines, which have been emptied
 *
 * Context: may sleep.
 */
void fp_magazines_fini(struct fp_magazines *magazines)
{
	free_percpu(magazines->cpus);
}
