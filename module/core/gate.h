/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A gate to the private data of each processor (magazine.c, slabmag.c). Passing it takes no lock
 * and no atomic instruction.
 *
 *  - A task stays on its processor while it is inside (preempt_disable(), on PREEMPT_RT as well: it
 *    is inside for a few instructions, too short to be worth a sleeping lock). So nobody else can
 *    be inside on this processor, except a softirq that interrupts the task. The softirq finds
 *    @busy set and takes another way.
 *  - Whoever needs the data of all processors closes their gates and waits for an RCU grace period.
 *    Those who were inside have left by then. Those who come later see @closed and take another
 *    way. So the closer has all of the data to itself until it opens the gates again. Two orderings
 *    matter: the grace period orders the last fp_gate_leave() before the closer; the release in
 *    fp_gate_open(), with the acquire in fp_gate_enter(), orders the closer before the next to
 *    enter. No other processor is interrupted, unless it is in the kernel while the grace period
 *    waits for its quiescent state, and a processor that has gone offline needs no special care.
 */
#ifndef FP_GATE_H
#define FP_GATE_H

#include "core/platform.h"

/**
 * struct fp_gate - the gate of one processor
 * @busy: somebody on this processor is inside
 * @closed: somebody on another one is, or is about to be
 */
struct fp_gate {
	bool busy;
	bool closed;
};

/* The caller has disabled preemption to find the gate. False: it is busy or closed. */
static __always_inline bool fp_gate_enter(struct fp_gate *gate)
{
	/* Pairs with the release in fp_gate_open(). */
	if (unlikely(READ_ONCE(gate->busy) || smp_load_acquire(&gate->closed)))
		return false;
	WRITE_ONCE(gate->busy, true);
	barrier();
	return true;
}

static __always_inline void fp_gate_leave(struct fp_gate *gate)
{
	/* Orders what was done inside before it. Pairs with nothing: only this processor reads. */
	smp_store_release(&gate->busy, false);
}

/*
 * Setting @closed only keeps newcomers out; those who are inside have left after fp_gate_wait().
 */
static inline void fp_gate_close(struct fp_gate *gate)
{
	WRITE_ONCE(gate->closed, true);
}

static inline void fp_gate_open(struct fp_gate *gate)
{
	/* Pairs with the acquire in fp_gate_enter(). */
	smp_store_release(&gate->closed, false);
}

/* Wait until nobody is inside the gates that the caller has closed. May sleep. */
static inline void fp_gate_wait(bool hurry)
{
	if (hurry)
		synchronize_rcu_expedited();
	else
		synchronize_rcu();
}

#endif
