// SPDX-License-Identifier: GPL-2.0-only
/*
 * A libFuzzer target: its input is operations on two small pools. A request can have any length,
 * alignment, limit and place; a free can be of a run, of almost one, or of anything; blocks are
 * allocated and freed in lists; huge frames are kept and collected; the quarantine is popped,
 * pushed and released; huge frames are held for a mover, joined, split, given and dropped, and runs
 * and blocks move. The target knows what is allocated, so it can check each result.
 */
#include "core/move.h"
#include "pool.h"
#include "test.h"

#define POOLS	2
#define OWNERS	3
#define LIVE	64
#define POPPED	4
#define HELD	4

struct input {
	const u8 *at;
	const u8 *end;
};

struct live {
	struct fp_run run;
	u32 owner;
};

struct pool {
	struct fp_buddy buddy;
	struct fp_budget user, budgets[OWNERS];
	struct fp_owner owners[OWNERS];
	u64 limits[OWNERS];
	struct live live[LIVE];
	u32 nr_live;
	u32 popped[POPPED];
	struct fp_budget *whose[POPPED];
	u32 nr_popped;
	struct {
		u32 index;
		u32 nr;
	} held[HELD];
	u32 nr_held;
	u64 nr_bad_frees;
	u32 nr_retired;
};

static const struct extent one[] = { { 0, 6 } };
static const struct extent scattered[] = { { 3, 1 }, { 5, 3 }, { 12, 5 }, { 19, 1 } };
static struct pool pools[POOLS];

static u8 next(struct input *input)
{
	return input->at < input->end ? *input->at++ : 0;
}

/* An allocated run is aligned, below the limit, contiguous, and overlaps no other. */
static void judge_run(struct pool *pool, const struct fp_request *request,
		      const struct fp_run *run)
{
	u64 pfn = fp_buddy_pfn(&pool->buddy, run->frame);
	u32 i;

	EXPECT(run->nr == request->nr);
	EXPECT(!(pfn & (request->align - 1)));
	EXPECT(request->end_pfn >= run->nr && pfn <= request->end_pfn - run->nr);
	EXPECT(fp_buddy_pfn(&pool->buddy, run->frame + run->nr - 1) == pfn + run->nr - 1);
	for (i = 0; i < pool->nr_live; i++) {
		const struct fp_run *live = &pool->live[i].run;

		EXPECT(run->frame + run->nr <= live->frame || live->frame + live->nr <= run->frame);
	}
}

static u64 any_length(struct input *input)
{
	u8 shape = next(input);

	switch (shape & 3) {
	case 0:
		return 1 + next(input);
	case 1:
		return 1 + next(input) + 256 * (next(input) % 16);
	case 2:
		return 1 + next(input) % 8 * (u64)FP_HUGE_FRAMES;
	default:
		return ~0ULL >> (shape >> 2);
	}
}

static u64 any_limit(struct input *input)
{
	u8 shape = next(input);

	switch (shape & 3) {
	case 0:
		return next(input) + 256 * (next(input) % 64);
	case 1:
		return next(input) % 32 * (u64)FP_HUGE_FRAMES + (shape >> 2) - 32;
	default:
		return FP_ANYWHERE;
	}
}

static void op_alloc(struct pool *pool, struct input *input, bool high, bool dirty)
{
	struct fp_request request = { .nr = any_length(input), .high = high, .dirty = dirty };
	struct live *new = &pool->live[pool->nr_live];
	struct fp_owner *owner;
	u64 free;
	int ret;

	request.align = 1ULL << (next(input) % 64);
	request.end_pfn = any_limit(input);
	if (pool->nr_live == LIVE)
		return;
	new->owner = next(input) % OWNERS;
	owner = &pool->owners[new->owner];
	free = (u64)pool->buddy.runs.nr_empty * FP_HUGE_FRAMES;
	if (request.nr < FP_HUGE_FRAMES)
		free += owner->nr_free;
	ret = fp_buddy_alloc(&pool->buddy, owner, &request, &new->run);
	if (ret) {
		EXPECT(ret == -EDQUOT || ret == (request.nr > free ? -ENOMEM : -ENOSPC));
		EXPECT(ret != -EDQUOT || owner->budget->limit);
		return;
	}
	judge_run(pool, &request, &new->run);
	pool->nr_live++;
}

static u64 nr_frames(const struct pool *pool)
{
	return (u64)pool->buddy.runs.extents.nr_huge * FP_HUGE_FRAMES;
}

static void op_alloc_at(struct pool *pool, struct input *input)
{
	struct fp_request request = { .nr = any_length(input), .align = 1, .end_pfn = FP_ANYWHERE };
	struct live *new = &pool->live[pool->nr_live];
	u64 frame = any_length(input) - 1;
	int ret;

	if (pool->nr_live == LIVE)
		return;
	new->owner = next(input) % OWNERS;
	ret = pool_alloc_at(&pool->buddy, &pool->owners[new->owner], frame, request.nr,
				&new->run);
	if (ret) {
		EXPECT(ret == -EBUSY || ret == -EINVAL);
		EXPECT(ret == -EINVAL || frame + request.nr <= nr_frames(pool));
		return;
	}
	EXPECT(new->run.frame == frame);
	judge_run(pool, &request, &new->run);
	pool->nr_live++;
}

/* Any number as an order, mostly a valid one. */
static u32 any_order(struct input *input)
{
	u8 shape = next(input);

	return shape < 240 ? shape % 14 : 1U << (shape % 16 * 2);
}

static void op_alloc_blocks(struct pool *pool, struct input *input)
{
	u32 blocks[LIVE], order = any_order(input), owner = next(input) % OWNERS, nr, i;
	bool dirty[LIVE];
	struct fp_request request = { .end_pfn = FP_ANYWHERE };

	nr = 1 + next(input) % 32;
	nr = min(nr, LIVE - pool->nr_live);
	if (nr)
		nr = fp_buddy_alloc_blocks(&pool->owners[owner], order, blocks,
					   nr & 1 ? dirty : NULL, nr);
	request.nr = 1ULL << (nr ? order : 0);
	request.align = request.nr;
	for (i = 0; i < nr; i++) {
		struct live *new = &pool->live[pool->nr_live];

		*new = (struct live){
			.run = { .frame = blocks[i], .nr = request.nr }, .owner = owner,
		};
		judge_run(pool, &request, &new->run);
		pool->nr_live++;
	}
}

/* Index of that live run, or @nr_live. */
static u32 find_live(const struct pool *pool, u64 frame, u32 order, u32 owner)
{
	u32 i;

	for (i = 0; i < pool->nr_live; i++) {
		const struct live *live = &pool->live[i];

		if (live->run.frame == frame && live->owner == owner &&
		    order < FP_ORDERS && live->run.nr == 1ULL << order)
			break;
	}
	return i;
}

/* Frees a list: live runs of this order or of another, and frames beside them. */
static void op_free_blocks(struct pool *pool, struct input *input)
{
	u32 blocks[16], order = any_order(input), owner = next(input) % OWNERS, nr, i, at, n;
	u8 shape;

	nr = 1 + next(input) % 16;
	for (i = 0; i < nr; i++) {
		shape = next(input);
		blocks[i] = pool->live[shape % LIVE].run.frame;
		if (shape >= 192)
			blocks[i] += (int8_t)next(input);
	}
	n = fp_buddy_free_blocks(&pool->owners[owner], order, blocks, nr, shape & 1);
	EXPECT(n <= nr);
	for (i = 0; i < n && i < nr; i++) {
		at = find_live(pool, blocks[i], order, owner);
		EXPECT(at < pool->nr_live);
		if (at < pool->nr_live)
			pool->live[at] = pool->live[--pool->nr_live];
	}
	EXPECT(i == nr || find_live(pool, blocks[i], order, owner) == pool->nr_live);
}

static void op_free(struct pool *pool, struct input *input)
{
	struct live *old = &pool->live[pool->nr_live ? next(input) % pool->nr_live : 0];
	struct fp_owner *owner = &pool->owners[old->owner];
	u8 how;

	if (!pool->nr_live)
		return;
	how = next(input);
	if (how & 2)
		EXPECT(fp_buddy_keep(&pool->buddy, owner, old->run.frame, old->run.nr) == 0);
	else
		EXPECT(fp_buddy_free(&pool->buddy, owner, old->run.frame, old->run.nr,
				     how & 1) == 0);
	*old = pool->live[--pool->nr_live];
}

static bool is_freeable(const struct pool *pool, const struct live *wanted)
{
	u32 i;

	for (i = 0; i < pool->nr_live; i++) {
		const struct live *live = &pool->live[i];

		if (live->run.frame == wanted->run.frame && live->run.nr == wanted->run.nr &&
		    live->owner == wanted->owner)
			return true;
	}
	return false;
}

/* Frees something near a live run, which mostly is no run. */
static void op_free_near(struct pool *pool, struct input *input)
{
	struct live near = pool->live[next(input) % LIVE];

	near.run.frame += (int8_t)next(input);
	near.run.nr += (int8_t)next(input);
	near.owner = (near.owner + next(input)) % OWNERS;
	if (is_freeable(pool, &near))
		return;
	EXPECT(fp_buddy_free(&pool->buddy, &pool->owners[near.owner], near.run.frame,
			     near.run.nr, true) == -EINVAL);
	pool->nr_bad_frees++;
}

static void op_pop(struct pool *pool, struct fp_budget *whose, bool referenced)
{
	struct fp_budget *budget;
	u32 index;

	if (pool->nr_popped == POPPED)
		return;
	index = fp_buddy_quarantine_pop(&pool->buddy, whose, referenced, &budget);
	if (index == FP_NIL)
		return;
	EXPECT(!whose || budget == whose || budget->parent == whose);
	pool->whose[pool->nr_popped] = budget;
	pool->popped[pool->nr_popped++] = index;
}

static void op_return_popped(struct pool *pool, bool released)
{
	struct fp_budget *budget;
	u32 index;

	if (!pool->nr_popped)
		return;
	index = pool->popped[--pool->nr_popped];
	budget = pool->whose[pool->nr_popped];
	if (released)
		fp_buddy_quarantine_release(&pool->buddy, budget, index);
	else
		fp_buddy_quarantine_push(&pool->buddy, budget, index);
}

/* Retire a huge frame for good. */
static void op_retire(struct pool *pool)
{
	if (!pool->nr_popped)
		return;
	pool->nr_popped--;
	fp_buddy_quarantine_retire(&pool->buddy, pool->whose[pool->nr_popped],
				   pool->popped[pool->nr_popped]);
	pool->nr_retired++;
}

static void hold(struct pool *pool, u32 index, u32 nr)
{
	pool->held[pool->nr_held].index = index;
	pool->held[pool->nr_held++].nr = nr;
}

static void op_hold(struct pool *pool, u8 how, u8 what)
{
	struct fp_runs_request request = {
		.nr = 1 + what % 4, .last_hpfn = FP_NO_LIMIT, .high = how & 1,
	};
	u32 index = what / 4 % pool->buddy.runs.extents.nr_huge;

	if (pool->nr_held == HELD)
		return;
	if (how & 2 ? !fp_move_hold(&pool->buddy, &request, &index) :
		      fp_extents_contiguous(&pool->buddy.runs.extents, index) >= request.nr &&
		      fp_move_hold_at(&pool->buddy, index, request.nr))
		hold(pool, index, request.nr);
}

/* Gives a held run to an owner, or drops it. */
static void op_unhold(struct pool *pool, u8 how, u8 what)
{
	struct live *new = &pool->live[pool->nr_live];
	u32 index, nr;
	int ret;

	if (!pool->nr_held)
		return;
	index = pool->held[--pool->nr_held].index;
	nr = pool->held[pool->nr_held].nr;
	if (how & 1 && pool->nr_live < LIVE) {
		new->owner = what % OWNERS;
		ret = fp_move_give(&pool->owners[new->owner], index,
				   (u64)nr * FP_HUGE_FRAMES - what / 4 % FP_HUGE_FRAMES,
				   &new->run);
		EXPECT(!ret || ret == -EDQUOT);
		pool->nr_live += !ret;
		pool->nr_held += !!ret;
	} else if (how & 2) {
		fp_move_quarantine(&pool->buddy, index, nr);
	} else {
		fp_move_drop(&pool->buddy, index, nr);
	}
}

/* Splits the last held run, and joins it again unless both parts can be kept. */
static void op_split(struct pool *pool, u8 what)
{
	u32 index, nr, first;

	if (!pool->nr_held || pool->held[pool->nr_held - 1].nr < 2)
		return;
	index = pool->held[pool->nr_held - 1].index;
	nr = pool->held[pool->nr_held - 1].nr;
	first = 1 + what % (nr - 1);
	fp_move_split(&pool->buddy, index, first);
	if (pool->nr_held == HELD) {
		fp_move_join(&pool->buddy, index, index + first);
		return;
	}
	pool->held[pool->nr_held - 1].nr = first;
	hold(pool, index + first, nr - first);
}

/* Moves a live run of whole huge frames to a held one of that length; what it leaves is held. */
static void op_move_run(struct pool *pool, struct live *live)
{
	u32 i, from = live->run.frame / FP_HUGE_FRAMES, nr = live->run.nr / FP_HUGE_FRAMES;

	for (i = 0; i < pool->nr_held && pool->held[i].nr != nr; i++)
		;
	if (i == pool->nr_held)
		return;
	fp_move_run(&pool->owners[live->owner], from, pool->held[i].index, nr);
	live->run.frame = (u64)pool->held[i].index * FP_HUGE_FRAMES;
	pool->held[i].index = from;
}

/* Moves all blocks in a huge frame to the same places in a held one. */
static void op_move_blocks(struct pool *pool, const struct live *block)
{
	u32 i, from = block->run.frame / FP_HUGE_FRAMES, used = 0, to;
	struct fp_owner *owner = &pool->owners[block->owner];

	for (i = 0; i < pool->nr_live; i++)
		if (pool->live[i].run.frame / FP_HUGE_FRAMES == from)
			used += pool->live[i].run.nr;
	/* Runs that end in the huge frame are not moved. */
	for (i = 0; i < pool->nr_held && pool->held[i].nr > 1; i++)
		;
	if (i == pool->nr_held || !fp_move_seclude(owner, from, used))
		return;
	to = pool->held[i].index;
	fp_move_image(owner, from, to);
	pool->held[i].index = from;
	for (i = 0; i < pool->nr_live; i++)
		if (pool->live[i].run.frame / FP_HUGE_FRAMES == from)
			pool->live[i].run.frame += ((s64)to - from) * FP_HUGE_FRAMES;
}

static void op_move(struct pool *pool, struct input *input)
{
	u8 how = next(input), what = next(input);
	struct live *live;

	switch (how & 7) {
	case 0 ... 2:
		op_hold(pool, how >> 3, what);
		return;
	case 3:
		op_unhold(pool, how >> 3, what);
		return;
	case 4:
		op_split(pool, what);
		return;
	}
	if (!pool->nr_live)
		return;
	live = &pool->live[what % pool->nr_live];
	if (live->run.nr < FP_HUGE_FRAMES)
		op_move_blocks(pool, live);
	else if (live->run.nr % FP_HUGE_FRAMES == 0)
		op_move_run(pool, live);
}

static void op_limit(struct pool *pool, struct input *input)
{
	u32 owner = next(input) % OWNERS;

	WRITE_ONCE(pool->limits[owner], (u64)next(input) << (PAGE_SHIFT + FP_HUGE_ORDER - 4));
}

static void op_look(struct pool *pool)
{
	struct pool_stats stats;
	u64 used = 0;
	u32 i;

	for (i = 0; i < pool->nr_live; i++)
		used += pool->live[i].run.nr;
	pool_stats(&pool->buddy, &stats);
	EXPECT(stats.used == used);
	EXPECT(stats.free + stats.used + stats.quarantined + stats.retired == stats.total);
	EXPECT(stats.retired == (u64)pool->nr_retired * FP_HUGE_FRAMES);
	EXPECT(stats.bad_frees == pool->nr_bad_frees);
	pool_expect_sound(&pool->buddy);
}

static void step(struct input *input)
{
	u8 op = next(input);
	struct pool *pool = &pools[op >> 7];

	/* Bit 7 names the pool; bits 3 and 4 are flags of the operation. */
	switch (op & 0x67) {
	case 0x60:
		op_alloc_at(pool, input);
		return;
	case 0x61:
		op_alloc_blocks(pool, input);
		return;
	case 0x62:
		op_free_blocks(pool, input);
		return;
	case 0x63:
		fp_buddy_collect(&pool->buddy, NULL);
		return;
	case 0x64:
		op_limit(pool, input);
		return;
	case 0x65:
		op_retire(pool);
		return;
	case 0x66:
		op_move(pool, input);
		return;
	}
	switch (op & 7) {
	case 0:
	case 1:
	case 2:
		op_alloc(pool, input, op & 0x10, op & 8);
		break;
	case 3:
		op_free(pool, input);
		break;
	case 4:
		op_free_near(pool, input);
		break;
	case 5:
		op_pop(pool, op & 0x10 ? &pool->user : NULL, op & 8);
		break;
	case 6:
		op_return_popped(pool, op & 8);
		break;
	default:
		op_look(pool);
		break;
	}
}

static void begin(struct pool *pool, const struct extent *extents, u32 nr)
{
	u32 i;

	memset(pool, 0, sizeof(*pool));
	pool_init(&pool->buddy, extents, nr);
	fp_budget_init(&pool->user, FP_HUGE_ORDER, NULL, NULL, 99);
	for (i = 0; i < OWNERS; i++) {
		fp_budget_init(&pool->budgets[i], FP_HUGE_ORDER, i ? &pool->user : NULL,
			       &pool->limits[i], i);
		fp_owner_init(&pool->owners[i], &pool->buddy, &pool->budgets[i]);
		pool->owners[i].max_kept = i;
	}
}

static void finish(struct pool *pool)
{
	struct input none = {};

	op_look(pool);
	while (pool->nr_held)
		op_unhold(pool, 0, 0);
	while (pool->nr_live)
		op_free(pool, &none);
	while (fp_buddy_collect(&pool->buddy, NULL))
		;
	while (pool->nr_popped)
		op_return_popped(pool, true);
	pool_settle(&pool->buddy);
	op_look(pool);
	EXPECT(!pool->user.charged && !pool->budgets[0].charged);
	fp_buddy_fini(&pool->buddy);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct input input = { .at = data, .end = data + size };
	u32 i;

	begin(&pools[0], one, sizeof(one) / sizeof(*one));
	begin(&pools[1], scattered, sizeof(scattered) / sizeof(*scattered));
	while (input.at < input.end && !test_failed)
		step(&input);
	for (i = 0; i < POOLS; i++)
		finish(&pools[i]);
	if (test_failed) {
		fflush(stdout);
		abort();
	}
	return 0;
}
