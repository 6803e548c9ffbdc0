// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random operations on a scattered pool, compared with a model that knows of each frame only who
 * holds it and whether it is dirty.
 */
#include "pool.h"
#include "test.h"

#define OWNERS	4
#define LIVE	600
#define STEPS	200000
#define HUGE_BYTES	((u64)FP_HUGE_FRAMES << PAGE_SHIFT)

struct live {
	struct fp_run run;
	u32 owner;
};

static const struct extent extents[] = {
	{ 3, 1 }, { 5, 3 }, { 8, 8 }, { 17, 2 }, { 40, 30 }, { 90, 1 }, { 92, 5 },
};

static struct fp_buddy buddy;
static struct fp_budget user, budgets[OWNERS];
static struct fp_owner owners[OWNERS];

/* What each may be charged, and all together; the last one may have anything. */
static const u64 limits[OWNERS] = { 8 * HUGE_BYTES, 20 * HUGE_BYTES, HUGE_BYTES, 0 };
static const u64 user_limit = 40 * HUGE_BYTES;
static struct live live[LIVE];
static u32 nr_live;
static u8 *held;		/* by frame: 0 free, else owner + 1 */
static u8 *dirty;		/* by frame: 0 clean, else owner + 1: only for this owner */

static u64 random_length(void)
{
	switch (test_random() % 8) {
	case 0:
		return 1 + test_random() % (4 * FP_HUGE_FRAMES);
	case 1:
		return FP_HUGE_FRAMES << (test_random() % 3);
	default:
		return 1 + test_random() % (1ULL << (test_random() % 9));
	}
}

/* Does the model allow a run? If not, a failure is right. */
static bool model_has_huge_run(u64 nr, u64 align, u64 end_pfn)
{
	u32 need = (nr + FP_HUGE_FRAMES - 1) / FP_HUGE_FRAMES, i, n, room;
	struct fp_huge_view view;
	u64 pfn;

	for (i = 0; i < buddy.runs.extents.nr_huge; i += n) {
		n = fp_buddy_view(&buddy, i, &view);
		if (view.state != FP_HUGE_EMPTY)
			continue;
		room = n;
		pfn = fp_buddy_pfn(&buddy, fp_first(&buddy, i));
		while (room && (pfn & (align - 1))) {
			room--;
			pfn += FP_HUGE_FRAMES;
		}
		if (room >= need && (!end_pfn || pfn + nr <= end_pfn))
			return true;
	}
	return false;
}

/* What is charged are the huge frames that the owner has something in, and those in quarantine. */
static void model_check_charge(u32 owner)
{
	u64 limit = owner == OWNERS - 1 ? 0 : limits[owner];

	EXPECT(!limit || budgets[owner].charged * HUGE_BYTES <= limit);
	EXPECT(owner == OWNERS - 1 || user.charged * HUGE_BYTES <= user_limit);
	EXPECT(budgets[owner].charged == owners[owner].nr_huge + budgets[owner].quarantined);
}

static bool model_is_over(u32 owner, u64 nr)
{
	u64 need = DIV_ROUND_UP_ULL(nr, FP_HUGE_FRAMES);
	const struct fp_budget *budget = &budgets[owner];

	return (budget->limit && (budget->charged + need) * HUGE_BYTES > limits[owner]) ||
	       (budget->parent && (user.charged + need) * HUGE_BYTES > user_limit);
}

static bool model_is_short(u32 owner, u64 nr)
{
	u64 have = (u64)buddy.runs.nr_empty * FP_HUGE_FRAMES;

	return nr > have + (nr < FP_HUGE_FRAMES ? owners[owner].nr_free : 0);
}

static void model_take(const struct fp_run *run, u32 owner, u64 align, u64 end_pfn)
{
	u64 pfn = fp_buddy_pfn(&buddy, run->frame), i;
	bool was_dirty = false;

	EXPECT(!(pfn & (align - 1)));
	EXPECT(!end_pfn || pfn + run->nr <= end_pfn);
	for (i = 0; i < run->nr; i++) {
		u64 frame = run->frame + i;

		EXPECT(fp_buddy_pfn(&buddy, frame) == pfn + i);
		EXPECT(!held[frame]);
		EXPECT(!dirty[frame] || dirty[frame] == owner + 1);
		was_dirty |= dirty[frame];
		held[frame] = owner + 1;
	}
	EXPECT(was_dirty == run->dirty);
}

static void step_alloc(void)
{
	u64 nr = random_length(), align = 1ULL << (test_random() % 4 ? 0 : test_random() % 12);
	u64 end_pfn = test_random() % 4 ? 0 : test_random() % (100 * FP_HUGE_FRAMES);
	const struct fp_request request = {
		.nr = nr, .align = align, .end_pfn = end_pfn ? end_pfn : FP_ANYWHERE,
		.high = test_random() % 2,
		.dirty = test_random() % 2,
	};
	struct live *new = &live[nr_live];
	int ret;

	if (nr_live == LIVE)
		return;
	new->owner = test_random() % OWNERS;
	ret = fp_buddy_alloc(&buddy, &owners[new->owner], &request, &new->run);
	if (ret) {
		EXPECT(ret == -EDQUOT ? model_is_over(new->owner, nr) :
		       ret == (model_is_short(new->owner, nr) ? -ENOMEM : -ENOSPC));
		EXPECT(ret != -ENOSPC || !model_has_huge_run(nr, align, end_pfn));
		model_check_charge(new->owner);
		return;
	}
	model_check_charge(new->owner);
	EXPECT(new->run.nr == nr);
	model_take(&new->run, new->owner, align, end_pfn);
	nr_live++;
}

/* Does the model keep these frames from the owner? */
static bool model_refuses(u32 owner, u64 frame, u64 nr)
{
	u64 i, index, end = (frame + nr - 1) / FP_HUGE_FRAMES;

	for (i = frame; i < frame + nr; i++)
		if (held[i])
			return true;
	for (index = frame / FP_HUGE_FRAMES; index <= end; index++) {
		enum fp_huge_state state = fp_huge_state(&buddy.runs.huge[index]);

		if (state != FP_HUGE_EMPTY &&
		    (nr >= FP_HUGE_FRAMES || state != FP_HUGE_OWNED ||
		     fp_huge_owner(&buddy.runs.huge[index]) != owners[owner].id))
			return true;
	}
	return false;
}

static void step_alloc_at(void)
{
	u64 nr = random_length(), frame = test_random() % fp_buddy_nr_frames(&buddy);
	struct live *new = &live[nr_live];
	u32 room;
	int ret;

	if (nr_live == LIVE)
		return;
	if (nr >= FP_HUGE_FRAMES && test_random() % 16)
		frame = round_down(frame, FP_HUGE_FRAMES);
	room = fp_extents_contiguous(&buddy.runs.extents, frame / FP_HUGE_FRAMES) * FP_HUGE_FRAMES -
	       frame % FP_HUGE_FRAMES;
	new->owner = test_random() % OWNERS;
	ret = pool_alloc_at(&buddy, &owners[new->owner], frame, nr, &new->run);
	if (nr > room || (frame % FP_HUGE_FRAMES && frame % FP_HUGE_FRAMES + nr > FP_HUGE_FRAMES)) {
		EXPECT(ret == -EINVAL);
	} else if (ret && (model_refuses(new->owner, frame, nr) || model_is_over(new->owner, nr))) {
		EXPECT(ret == -EBUSY);
	} else {
		EXPECT(ret == 0 && new->run.frame == frame && new->run.nr == nr);
		model_take(&new->run, new->owner, 1, 0);
		nr_live++;
	}
}

/* Could the owner have got a block? */
static bool model_has_block(u32 owner, u32 order)
{
	u64 size = 1ULL << order, frame, i;

	if (model_has_huge_run(max_t(u64, size, FP_HUGE_FRAMES), size, 0))
		return true;
	if (size >= FP_HUGE_FRAMES)
		return false;
	for (frame = 0; frame < (u64)buddy.runs.extents.nr_huge * FP_HUGE_FRAMES; frame += size) {
		for (i = 0; i < size && !held[frame + i]; i++)
			;
		if (i == size && !model_refuses(owner, frame, size))
			return true;
	}
	return false;
}

/* Allocates several blocks in one call, and frees some in another, whose last entry is wrong. */
static void step_batch(void)
{
	u32 blocks[9], order = test_random() % 12, owner = test_random() % OWNERS;
	u32 wanted = 1 + test_random() % 8, nr, i;
	bool is_dirty[8];
	u64 size = 1ULL << order;

	if (nr_live + 8 > LIVE)
		return;
	nr = fp_buddy_alloc_blocks(&owners[owner], order, blocks, is_dirty, wanted);
	for (i = 0; i < nr; i++) {
		struct live *new = &live[nr_live++];

		new->owner = owner;
		new->run = (struct fp_run){ .frame = blocks[i], .nr = size, .dirty = is_dirty[i] };
		model_take(&new->run, owner, size, 0);
	}
	EXPECT(nr == wanted || model_is_over(owner, size) || !model_has_block(owner, order));
	model_check_charge(owner);
	i = nr ? test_random() % nr : 0;
	blocks[i] = i ? blocks[test_random() % i] : buddy.runs.extents.nr_huge * FP_HUGE_FRAMES;
	EXPECT(fp_buddy_free_blocks(&owners[owner], order, blocks, i + 1, false) == i);
	nr_live -= nr;
	memmove(&live[nr_live], &live[nr_live + i], (nr - i) * sizeof(*live));
	nr_live += nr - i;
	while (i--) {
		memset(&held[blocks[i]], 0, size);
		memset(&dirty[blocks[i]], 0, size);
	}
}

static void step_free(void)
{
	u32 victim = nr_live ? test_random() % nr_live : 0;
	struct live *old = &live[victim];
	bool soiled = test_random() % 4, keep = soiled && test_random() % 2;
	struct fp_owner *owner = &owners[old->owner];
	u64 i;

	if (!nr_live)
		return;
	EXPECT((keep ? fp_buddy_keep(&buddy, owner, old->run.frame, old->run.nr) :
		       fp_buddy_free(&buddy, owner, old->run.frame, old->run.nr, soiled)) == 0);
	EXPECT(fp_buddy_free(&buddy, owner, old->run.frame, old->run.nr, soiled) == -EINVAL);
	for (i = 0; i < old->run.nr; i++) {
		held[old->run.frame + i] = 0;
		dirty[old->run.frame + i] = soiled ? old->owner + 1 : 0;
	}
	model_check_charge(old->owner);
	*old = live[--nr_live];
}

/* Clears and releases a quarantined huge frame, or puts it back. */
static void step_settle(void)
{
	struct fp_budget *whose[] = { NULL, &user, &budgets[test_random() % OWNERS] }, *budget;
	u32 at = test_random() % 3, index;

	if (test_random() % 16 == 0)
		fp_buddy_collect(&buddy, test_random() % 2 ? &user : NULL);
	index = fp_buddy_quarantine_pop(&buddy, whose[at], test_random() % 2, &budget);
	if (index == FP_NIL)
		return;
	EXPECT(!whose[at] || budget == whose[at] || budget->parent == whose[at]);
	if (test_random() % 3 == 0) {
		fp_buddy_quarantine_push(&buddy, budget, index);
		return;
	}
	memset(&dirty[index * FP_HUGE_FRAMES], 0, FP_HUGE_FRAMES);
	fp_buddy_quarantine_release(&buddy, budget, index);
}

static void random_operations_agree_with_the_model(void)
{
	u64 steps = STEPS * test_scale, i;

	printf("# %llu operations\n", (unsigned long long)steps);
	pool_init(&buddy, extents, sizeof(extents) / sizeof(*extents));
	held = calloc(buddy.runs.extents.nr_huge, FP_HUGE_FRAMES);
	dirty = calloc(buddy.runs.extents.nr_huge, FP_HUGE_FRAMES);
	fp_budget_init(&user, FP_HUGE_ORDER, NULL, &user_limit, 99);
	for (i = 0; i < OWNERS; i++) {
		bool free = i == OWNERS - 1;

		fp_budget_init(&budgets[i], FP_HUGE_ORDER, free ? NULL : &user,
			       free ? NULL : &limits[i], i);
		fp_owner_init(&owners[i], &buddy, &budgets[i]);
		owners[i].max_kept = i;
	}
	for (i = 0; i < steps && !test_failed; i++) {
		u32 bias = (i / 5000) % 2 ? 3 : 5;	/* fill for a while, then drain */
		u64 kind = test_random() % 10;

		if (kind == 0 && test_random() % 2)
			step_alloc_at();
		else if (kind == 1 && test_random() % 4 == 0)
			step_batch();
		else if (kind < bias)
			step_alloc();
		else if (kind < 8)
			step_free();
		else
			step_settle();
		if (i % 500 == 0)
			pool_expect_sound(&buddy);
	}
	while (nr_live && !test_failed)
		step_free();
	for (i = 0; i < OWNERS; i++)
		fp_buddy_give_up(&owners[i], 0);
	pool_fini(&buddy);
	EXPECT(!user.charged && !user.quarantined);
	free(held);
	free(dirty);
}

static const struct test tests[] = {
	{ "random_operations_agree_with_the_model", random_operations_agree_with_the_model },
};

int main(int argc, char **argv)
{
	return test_main(argc, argv, tests, sizeof(tests) / sizeof(*tests));
}
