/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A gate to what each processor has for itself (magazine.c, slabmag.c): passing it takes no lock and no atomic
 * instruction.
 *
 *  - A task stays on its processor meanwhile (preempt_disable(), also on PREEMPT_RT: it is a
 *    few instructions, too short to be worth a lock that sleeps), so nobody else passes here,
 *    but for a softirq that interrupts it. That one finds @busy set and goes another way.
 *  - Who wants what all processors have closes their gates and waits for an RCU grace period. Who
 *    was inside by then has left; who comes later sees @closed and goes another way.
 *    So the closer has it all to himself until he opens the gates again.
 *    The two orderings that matter: the grace period orders the last fp_gate_leave() before the closer, the release
 *    in fp_gate_open(), with the acquire in fp_gate_enter(), orders the closer before the next who enters.
 *    No other processor is interrupted, unless it is in the kernel when the grace period wants it to
 *    come along, and a processor that has gone offline needs no special care.
 */
#ifndef FP_GATE_H
#define FP_GATE_H

#include "core/platform.h"

/**
 * struct fp_gate - of one processor
 * @busy: somebody on this processor is inside
 * @closed: somebody on another is, or is about to be
 */
struct fp_gate {
	bool busy;
	bool closed;
};

/* The caller has disabled preemption to find the gate. False: not now. */
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
	/* Keeps what was done before it; only this processor looks, so it pairs with nothing. */
	smp_store_release(&gate->busy, false);
}

/* All gates that are closed are shut one grace period later: see fp_gate_wait(). */
static inline void fp_gate_close(struct fp_gate *gate)
{
	WRITE_ONCE(gate->closed, true);
}

static inline void fp_gate_open(struct fp_gate *gate)
{
	/* Pairs with the acquire in fp_gate_enter(). */
	smp_store_release(&gate->closed, false);
}

/* Until nobody is inside any of the gates that the caller has closed. May sleep. */
static inline void fp_gate_wait(bool hurry)
{
	if (hurry)
		synchronize_rcu_expedited();
	else
		synchronize_rcu();
}

#endif
