/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FP_SELFTESTS_HAMMER_H
#define FP_SELFTESTS_HAMMER_H

#include <linux/types.h>

/**
 * struct hammer_config - who allocates and frees at random, all at once
 * @ms: for how long
 * @bound: threads stay on their processors
 * @softirqs: softirqs do so too, on top of the threads
 * @pass: every block is freed by somebody else than who allocated it
 * @drain: threads drain the pool all the time
 * @quick: single pages and pairs only, and hardly a look at them: much happens in the magazines. To begin with,
 *	   all of the pool is zero
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
