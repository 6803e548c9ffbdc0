/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FP_RUNS_H
#define FP_RUNS_H

#include "core/bittree.h"
#include "core/extents.h"
#include "core/huge.h"

#define FP_RUNS_SHORT	64	/* huge frames; longer runs are in the tree */
#define FP_NO_LIMIT	(U32_MAX - 1)	/* no hpfn is larger */

/**
 * struct fp_runs - the runs of empty huge frames of a pool, by length and by address
 * @extents: where huge frames lie
 * @huge: by huge frame: its word
 * @begins: a bit for each huge frame: a run begins with it
 * @words: memory of @begins and of the bit trees
 * @of_length: by length - 1: where in the pool such runs begin, see runs.c
 * @lengths: bit n: there are runs of n + 1 huge frames
 * @root: of the tree of runs longer than FP_RUNS_SHORT, see runtree.c
 * @nr_empty: empty huge frames; read without the lock
 *
 * The caller locks. What is written often begins with @lengths; all before it is read without the
 * lock all the time, and must not be in the same cache line.
 */
struct fp_runs {
	struct fp_extents extents;
	struct fp_huge *huge;
	u64 *begins;
	u64 *words;
	struct fp_bittree of_length[FP_RUNS_SHORT];
	u64 lengths ____cacheline_aligned_in_smp;
	u32 root;
	u32 nr_empty;
};

/**
 * struct fp_runs_request - which empty huge frames are wanted
 * @nr: how many, at least 1
 * @align_level: the PFN of the first is a multiple of 2^@align_level huge frames
 * @last_hpfn: the first lies at or below this; FP_NO_LIMIT: anywhere
 * @high: take the highest that fit best, otherwise the lowest
 * @length: where to go on searching; 0 at first
 * @begin: likewise
 */
struct fp_runs_request {
	u32 nr;
	u32 align_level;
	u32 last_hpfn;
	bool high;
	u32 length;
	u32 begin;
};

int fp_runs_init(struct fp_runs *runs, const u32 *hpfn, u32 nr);
void fp_runs_fini(struct fp_runs *runs);
int fp_runs_take(struct fp_runs *runs, struct fp_runs_request *request, u32 *index);
u32 fp_runs_take_some(struct fp_runs *runs, u32 max, u32 near, u32 *index);
bool fp_runs_take_at(struct fp_runs *runs, u32 index, u32 nr);
void fp_runs_put(struct fp_runs *runs, u32 index, u32 nr);
u32 fp_runs_longest(const struct fp_runs *runs);
const char *fp_runs_verify(const struct fp_runs *runs);

/* In runtree.c */
void fp_runtree_add(struct fp_runs *runs, u32 run);
void fp_runtree_remove(struct fp_runs *runs, u32 run);
u32 fp_runtree_from(const struct fp_runs *runs, u32 length, u32 begin, u32 last);
u32 fp_runtree_before(const struct fp_runs *runs, u32 length, u32 begin);
bool fp_runtree_is_sound(const struct fp_runs *runs, u32 *nr);

#endif
