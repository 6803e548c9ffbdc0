// SPDX-License-Identifier: GPL-2.0-only
/*
 * Magazines: small stacks of blocks, one for each processor and order, in front of the owners that deal
 * out huge frames to the kernel itself. Bonwick and Adams, "Magazines and Vmem" (USENIX 2001), have the idea;
 * here one magazine for each processor is enough, since the buddy behind it fills and empties half of
 * one under one lock.
 *
 * The common case, a push or a pop, takes no lock and no atomic instruction: gate.h has how. Who finds the gate
 * shut, a softirq in the middle of a push or anybody during a drain, goes to the buddy.
 *
 * To the buddy a block in a magazine is allocated. Whether a block is what the caller says it is, is
 * looked up without a lock before it is pushed (see fp_frames_holds()); a block that is pushed
 * twice is noticed when the magazine is emptied into the buddy, and refused there.
 *
 * It does not sleep but in fp_magazines_drain().
 */
#include "core/magazine.h"

#include "core/owner.h"

/* Each magazine holds at most this share of the pool, divided by the number of processors. */
#define SHARE	128

/* The magazines of this processor, to oneself until leave(). NULL: they are taken. */
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

/* Take out the blocks that have been there longest. */
static u32 take_oldest(struct fp_magazine *magazine, u32 *blocks, u32 nr)
{
	u32 left = magazine->nr - nr;

	memcpy(blocks, magazine->blocks, nr * sizeof(*blocks));
	memmove(magazine->blocks, magazine->blocks + nr, left * sizeof(*blocks));
	WRITE_ONCE(magazine->nr, left);
	return nr;
}

/* Whose the huge frame of a frame is, or NULL: none of ours. It may change, but not while a block of ours is in it. */
static struct fp_owner *owner_of(const struct fp_magazines *magazines, u64 frame)
{
	const struct fp_buddy *buddy = magazines->buddy;
	u32 id;

	if (frame >= magazines->nr_frames)
		return NULL;
	id = fp_huge_owner(&buddy->huge[frame / FP_HUGE_FRAMES]);
	return id < buddy->nr_fixed ? &magazines->owners[id] : NULL;
}

/* Is the huge frame of a frame one of ours that is dealt out by frames? */
static __always_inline bool is_owned(const struct fp_magazines *magazines, u64 frame)
{
	const struct fp_buddy *buddy = magazines->buddy;

	return frame < magazines->nr_frames &&
	       fp_huge_tag(&buddy->huge[frame / FP_HUGE_FRAMES]) - fp_huge_make_tag(FP_HUGE_OWNED, 0) <
		       buddy->nr_fixed;
}

/* Is this an allocated huge frame of ours? */
static bool is_huge_frame(const struct fp_magazines *magazines, u64 frame)
{
	const struct fp_buddy *buddy = magazines->buddy;
	struct fp_huge huge;

	if (frame >= magazines->nr_frames || frame % FP_HUGE_FRAMES)
		return false;
	huge.word = READ_ONCE(buddy->huge[frame / FP_HUGE_FRAMES].word);
	return fp_huge_tag(&huge) - fp_huge_make_tag(FP_HUGE_RUN, 0) < buddy->nr_fixed &&
	       fp_huge_next(&huge) == 1 && !fp_huge_prev(&huge);
}

/* Is this an allocated block of ours? True is the truth; false may be an illusion. */
static bool is_block(const struct fp_magazines *magazines, u64 frame, u32 order)
{
	if (order >= FP_HUGE_ORDER)
		return order == FP_HUGE_ORDER && is_huge_frame(magazines, frame);
	return is_owned(magazines, frame) &&
	       fp_frames_holds(&magazines->buddy->frames[frame / FP_HUGE_FRAMES], frame % FP_HUGE_FRAMES,
			       1U << order, true);
}

/* From this processor's owner if it has any or can get some, otherwise from the others'. */
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
 * @magazines: the magazines; they are not used
 * @order: of the blocks
 * @blocks: their first frames
 * @nr: how many
 * @refused: incremented for each that is not an allocated block of that order
 *
 * Context: process or softirq.
 * Return: how many huge frames went into quarantine.
 */
u32 fp_magazines_free_bulk(struct fp_magazines *magazines, u32 order, const u32 *blocks, u32 nr,
			   u32 *refused)
{
	u32 i, n, quarantined = 0;

	for (i = 0; i < nr; i += n) {
		struct fp_owner *owner = owner_of(magazines, blocks[i]);

		n = owner ? fp_buddy_free_blocks(owner, order, blocks + i, nr - i, magazines->dirty,
						 &quarantined) : 0;
		if (!n) {
			fp_buddy_count_bad_free(magazines->buddy);
			++*refused;
			n = 1;
		}
	}
	return quarantined;
}

/* Keep blocks for later, as many as there is room for. The rest goes back. */
static void stash(struct fp_magazines *magazines, u32 order, const u32 *blocks, u32 nr)
{
	struct fp_magazine_cpu *cpu = nr ? enter(magazines) : NULL;
	u32 refused = 0;

	if (cpu) {
		struct fp_magazine *magazine = &cpu->magazines[order];

		while (nr && magazine->nr < magazine->size)
			push(magazine, blocks[--nr]);
		leave(cpu);
	}
	/* They are as clean as they came, but nobody knows: perhaps a huge frame goes through quarantine for nothing. */
	if (nr)
		fp_magazines_free_bulk(magazines, order, blocks, nr, &refused);
}

/* @size: of the magazine, which is empty; 0: leave the magazine alone. */
static noinline u64 alloc_slow(struct fp_magazines *magazines, u32 order, u32 size)
{
	u32 blocks[FP_MAGAZINE_SIZE / 2], nr;

	nr = alloc_from_owners(magazines, order, blocks, max(size / 2, 1u));
	trace_refill(magazines->buddy, order, max(size / 2, 1u), nr);
	if (!nr)
		return FP_ANYWHERE;
	/* The lowest is used first. */
	stash(magazines, order, blocks + 1, nr - 1);
	return blocks[0];
}

/**
 * fp_magazines_alloc() - allocate a naturally aligned block
 * @magazines: the magazines
 * @order: log2 of its frames
 *
 * Context: process or softirq.
 * Return: its first frame, or FP_ANYWHERE: there is none, but perhaps in a magazine or in
 * quarantine. It may be dirty.
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

/* Free at once. */
static noinline int free_directly(struct fp_magazines *magazines, u64 frame, u32 order)
{
	u32 block = frame, refused = 0, quarantined;

	if (frame > U32_MAX) {
		fp_buddy_count_bad_free(magazines->buddy);
		return -EINVAL;
	}
	quarantined = fp_magazines_free_bulk(magazines, order, &block, 1, &refused);
	return refused ? -EINVAL : quarantined;
}

/* False: the magazines are taken, or this one is full. */
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

/* The magazine is full: empty half of it. Returns how many huge frames went into quarantine. */
static noinline int make_room(struct fp_magazines *magazines, u32 order)
{
	u32 blocks[FP_MAGAZINE_SIZE / 2], nr = 0, refused = 0;
	struct fp_magazine_cpu *cpu = enter(magazines);

	if (!cpu)
		return 0;
	nr = take_oldest(&cpu->magazines[order], blocks, cpu->magazines[order].nr / 2);
	trace_drain(magazines->buddy, raw_smp_processor_id(), order, nr);
	leave(cpu);
	return fp_magazines_free_bulk(magazines, order, blocks, nr, &refused);
}

/* Look more closely, and make room in the magazine. */
static noinline int free_slow(struct fp_magazines *magazines, u64 frame, u32 order)
{
	int quarantined, ret = 0;

	if (!is_block(magazines, frame, order))
		return free_directly(magazines, frame, order);
	if (try_push(magazines, frame, order))
		return 0;
	quarantined = make_room(magazines, order);
	if (!try_push(magazines, frame, order))
		ret = free_directly(magazines, frame, order);
	return ret < 0 ? ret : quarantined + ret;
}

/**
 * fp_magazines_free() - free a block
 * @magazines: the magazines
 * @frame: its first frame
 * @order: log2 of its frames
 *
 * Context: process or softirq.
 * Return: how many huge frames went into quarantine; -EINVAL: this is not an allocated block of that
 * order; counted, and nothing changed.
 */
int fp_magazines_free(struct fp_magazines *magazines, u64 frame, u32 order)
{
	if (likely(is_owned(magazines, frame) &&
		   fp_frames_holds_quickly(&magazines->buddy->frames[frame / FP_HUGE_FRAMES],
					   frame % FP_HUGE_FRAMES, order) &&
		   try_push(magazines, frame, order)))
		return 0;
	return free_slow(magazines, frame, order);
}

/**
 * fp_magazines_alloc_bulk() - allocate several blocks of one order
 * @magazines: the magazines; they are not used
 * @order: of the blocks
 * @blocks: the result: their first frames
 * @nr: how many are wanted
 *
 * Context: process or softirq.
 * Return: how many there were. They may be dirty.
 */
u32 fp_magazines_alloc_bulk(struct fp_magazines *magazines, u32 order, u32 *blocks, u32 nr)
{
	u32 got = 0, n = 1;

	for (; n && got < nr; got += n)
		n = alloc_from_owners(magazines, order, blocks + got, nr - got);
	return got;
}

/* Free all blocks in a magazine that is ours alone, half of it at a time. */
static u32 empty(struct fp_magazines *magazines, u32 cpu, u32 order)
{
	u32 blocks[FP_MAGAZINE_SIZE / 2], nr, quarantined = 0, refused = 0;
	struct fp_magazine *magazine = &per_cpu_ptr(magazines->cpus, cpu)->magazines[order];

	if (magazine->nr)
		trace_drain(magazines->buddy, cpu, order, magazine->nr);
	while (magazine->nr) {
		nr = take_oldest(magazine, blocks, min_t(u32, magazine->nr, FP_MAGAZINE_SIZE / 2));
		quarantined += fp_magazines_free_bulk(magazines, order, blocks, nr, &refused);
	}
	return quarantined;
}

/**
 * fp_magazines_drain_local() - empty this processor's magazines
 * @magazines: the magazines
 *
 * Context: process or softirq.
 * Return: how many huge frames went into quarantine.
 */
u32 fp_magazines_drain_local(struct fp_magazines *magazines)
{
	u32 blocks[FP_MAGAZINE_SIZE / 2], order = 0, nr, quarantined = 0, refused = 0;
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
			quarantined += fp_magazines_free_bulk(magazines, order, blocks, nr, &refused);
		else
			order++;
	}
	return quarantined;
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
 * @hurry: somebody waits, and is content if what is pushed at this moment is missed
 *
 * What is freed or allocated meanwhile passes them by. Without @hurry, who pushed and is missed does so after
 * the magazines were opened again, and sees all that the caller wrote before.
 *
 * Context: may sleep.
 * Return: how many huge frames went into quarantine.
 */
u32 fp_magazines_drain(struct fp_magazines *magazines, bool hurry)
{
	u32 cpu, order, quarantined = 0;

	mutex_lock(&magazines->drain_lock);
	/* Not before there is the lock: another drain may have blocks in its hands. */
	if (hurry && is_empty(magazines))
		goto unlock;
	close_all(magazines, hurry);
	for_each_possible_cpu(cpu) {
		for (order = 0; order < FP_MAGAZINE_ORDERS; order++)
			quarantined += empty(magazines, cpu, order);
		fp_gate_open(&per_cpu_ptr(magazines->cpus, cpu)->gate);
	}
unlock:
	mutex_unlock(&magazines->drain_lock);
	return quarantined;
}

/**
 * fp_magazines_stats() - take a consistent snapshot of the buddy, in which blocks in magazines are free
 * @magazines: the magazines
 * @withheld: frames that the buddy has for used, and are nobody's; they are not counted at all
 * @stats: the result
 *
 * A block that changes magazines meanwhile may count twice, but not for more than what is used. While the buddy stands still, nothing that it holds to be free can come into a magazine.
 *
 * Context: any; freezes the pool while it looks at each huge frame once.
 */
void fp_magazines_stats(struct fp_magazines *magazines, u64 withheld, struct fp_buddy_stats *stats)
{
	u32 order;
	u64 nr;

	fp_buddy_freeze(magazines->buddy);
	fp_buddy_stats_locked(magazines->buddy, stats);
	stats->used -= withheld;
	for (order = 0; order < FP_MAGAZINE_ORDERS; order++) {
		nr = min(nr_cached(magazines, order), stats->used >> order);
		stats->blocks[order] += nr;
		stats->free += nr << order;
		stats->used -= nr << order;
		if (nr)
			stats->largest = max(stats->largest, 1ULL << order);
	}
	fp_buddy_thaw(magazines->buddy);
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
 * @buddy: where the blocks come from; it was told that there are nr_cpu_ids fixed owners
 * @direct: keep them empty, so that a double free is seen at once: for debugging
 *
 * Context: may sleep.
 * Return: 0, or -ENOMEM.
 */
int fp_magazines_init(struct fp_magazines *magazines, struct fp_buddy *buddy, bool direct)
{
	u32 i;

	magazines->buddy = buddy;
	magazines->nr_frames = (u64)buddy->map.nr * FP_HUGE_FRAMES;
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
 * fp_magazines_fini() - the end of them
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
