/* SPDX-License-Identifier: GPL-2.0-only */
/* The two allocators that framepool-simulate compares. */
#ifndef FP_SIMULATE_SIDES_H
#define FP_SIMULATE_SIDES_H

#include "replayer.h"

/*
 * Each makes a pool like the recorded one; returns false if there is no memory for it. The program
 * ends with them.
 */
bool framepool_side(const struct recording *recording, struct side *side);
bool binary_side(const struct recording *recording, struct side *side);

/* What is wrong with the core's pool, or NULL. */
const char *framepool_side_broken(void);

#endif
