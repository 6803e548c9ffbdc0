/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FP_SELFTESTS_HAMMER_H
#define FP_SELFTESTS_HAMMER_H

#include <linux/types.h>

/**
 * struct hammer_config - workers that allocate and free at random, all at once
 * @ms: for how long
 * @bound: threads stay on their processors
 * @softirqs: softirqs are workers, too
 * @pass: each block is freed by another worker than the one that allocated it
 * @drain: threads drain the pool all the time
 * @quick: only single pages and pairs, with few checks, so that the magazines are busy; the pool
 *	   must be all zero at the beginning
 * @objects: objects of a cache instead of blocks
 */
struct hammer_config {
	unsigned int ms;
	bool bound;
	bool softirqs;
	bool pass;
	bool drain;
	bool quick;
	bool objects;
};

int hammer(const struct hammer_config *config);

#endif
