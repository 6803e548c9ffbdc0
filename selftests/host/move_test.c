// SPDX-License-Identifier: GPL-2.0-only
/* The books of memory that moves: random moves among random allocations and frees. */
#include "core/move.h"
#include "pool.h"
#include "test.h"

#define NR_HUGE		48
#define MAX_RUNS	4096
#define NR_OWNERS	3

static struct fp_buddy buddy;
static struct fp_budget budgets[NR_OWNERS];
static u64 limits[NR_OWNERS];
static struct fp_owner owners[NR_OWNERS];

static struct allocation {
	struct fp_run run;
	u32 owner;
} runs[MAX_RUNS];
static u32 nr_runs;

static void begin(void)
{
	struct extent extents[] = { { 5, NR_HUGE / 3 }, { 100, NR_HUGE - NR_HUGE / 3 } };
	u32 i;

	pool_init(&buddy, extents, 2);
	for (i = 0; i < NR_OWNERS; i++) {
		limits[i] = 0;
		fp_budget_init(&budgets[i], FP_HUGE_ORDER, NULL, &limits[i], 100 + i);
		fp_owner_init(&owners[i], &buddy, &budgets[i]);
		owners[i].max_kept = i;
	}
	nr_runs = 0;
}

static void end(void)
{
	u32 i;

	while (nr_runs--)
		EXPECT(!pool_free(&buddy, &owners[runs[nr_runs].owner], &runs[nr_runs].run));
	for (i = 0; i < NR_OWNERS; i++) {
		fp_buddy_give_up(&owners[i], 0);
		fp_owner_fini(&owners[i]);
	}
	pool_fini(&buddy);
}

static void alloc(u64 nr)
{
	struct allocation *new = &runs[nr_runs];

	new->owner = test_random() % NR_OWNERS;
	if (nr_runs < MAX_RUNS && !pool_alloc(&buddy, &owners[new->owner], nr, 1, 0, &new->run))
		nr_runs++;
}

static void alloc_any(void)
{
	u64 nr = 1 + test_random() % FP_HUGE_FRAMES;

	if (test_random() % 4 == 0)
		nr = (1 + test_random() % 5) * FP_HUGE_FRAMES;
	alloc(test_random() % 2 ? nr : 1 + nr / 8);
}

static void free_any(void)
{
	u32 i = test_random() % nr_runs;

	EXPECT(!pool_free(&buddy, &owners[runs[i].owner], &runs[i].run));
	runs[i] = runs[--nr_runs];
}

/* Runs of whole huge frames can move. */
static void move_run(u32 i)
{
	struct fp_run *run = &runs[i].run;
	struct fp_owner *owner = &owners[runs[i].owner];
	struct fp_runs_request request = {
		.nr = run->nr / FP_HUGE_FRAMES, .last_hpfn = FP_NO_LIMIT, .high = true,
	};
	u32 to, from = run->frame / FP_HUGE_FRAMES, charged = owner->budget->charged;

	if (fp_move_hold(&buddy, &request, &to))
		return;
	pool_expect_sound(&buddy);
	fp_move_run(owner, from, to, request.nr);
	run->frame = (u64)to * FP_HUGE_FRAMES;
	EXPECT(owner->budget->charged == charged);
	pool_expect_sound(&buddy);
	if (test_random() % 2)
		fp_move_drop(&buddy, from, request.nr);
	else
		fp_move_quarantine(&buddy, from, request.nr);
}

static u32 find_in(u32 index, u32 *found, u64 *used)
{
	u32 i, nr = 0;

	for (i = 0, *used = 0; i < nr_runs; i++)
		if (runs[i].run.frame / FP_HUGE_FRAMES == index) {
			*used += runs[i].run.nr;
			found[nr++] = i;
		}
	return nr;
}

/* Move all blocks to other huge frames of the owner. Returns whether they fit there. */
static bool merge(struct fp_owner *owner, u32 index, const u32 *found, u32 nr)
{
	struct fp_request request = { .align = 1, .end_pfn = FP_ANYWHERE };
	struct fp_run places[FP_HUGE_FRAMES];
	u32 i;

	for (i = 0; i < nr; i++) {
		request.nr = runs[found[i]].run.nr;
		if (!fp_move_place(owner, &request, &places[i]))
			break;
		EXPECT(places[i].frame / FP_HUGE_FRAMES != index);
	}
	if (i < nr) {
		while (i--)
			EXPECT(!fp_buddy_free(&buddy, owner, places[i].frame, places[i].nr,
					      places[i].dirty));
		return false;
	}
	for (i = 0; i < nr; i++)
		runs[found[i]].run.frame = places[i].frame;
	fp_move_emptied(owner, index);
	return true;
}

static void move_blocks(u32 i)
{
	struct fp_runs_request request = { .nr = 1, .last_hpfn = FP_NO_LIMIT };
	struct fp_owner *owner = &owners[runs[i].owner];
	u32 found[FP_HUGE_FRAMES], nr, to, index = runs[i].run.frame / FP_HUGE_FRAMES;
	u32 charged = owner->budget->charged;
	u64 used;

	nr = find_in(index, found, &used);
	EXPECT(!fp_move_seclude(owner, index, used + 1));
	EXPECT(!fp_move_seclude(&owners[(runs[i].owner + 1) % NR_OWNERS], index, used));
	/* The rest of a run, perhaps, which is not among the blocks. */
	if (!fp_move_seclude(owner, index, used))
		return;
	if (merge(owner, index, found, nr)) {
		EXPECT(owner->budget->charged < charged);
	} else if (fp_move_hold(&buddy, &request, &to)) {
		fp_move_readmit(owner, index);
		return;
	} else {
		fp_move_image(owner, index, to);
		for (i = 0; i < nr; i++)
			runs[found[i]].run.frame += ((u64)to - index) * FP_HUGE_FRAMES;
		EXPECT(owner->budget->charged == charged);
	}
	pool_expect_sound(&buddy);
	fp_move_drop(&buddy, index, 1);
}

static void move_any(void)
{
	u32 i = test_random() % nr_runs;

	if (runs[i].run.nr < FP_HUGE_FRAMES)
		move_blocks(i);
	else if (runs[i].run.nr % FP_HUGE_FRAMES == 0)
		move_run(i);
}

static void books_are_sound_after_random_moves(void)
{
	u32 i;

	begin();
	for (i = 0; i < 3000 * test_scale && !test_failed; i++) {
		switch (nr_runs ? test_random() % 4 : 0) {
		case 0:
			alloc_any();
			break;
		case 1:
			free_any();
			break;
		case 2:
			move_any();
			break;
		default:
			if (test_random() % 8 == 0)
				pool_settle(&buddy);
		}
		pool_expect_sound(&buddy);
	}
	end();
}

static void held_huge_frames_are_joined_and_given(void)
{
	struct fp_run run;
	u32 i, nr = NR_HUGE / 3;

	begin();
	for (i = 0; i < nr; i++)
		EXPECT(fp_move_hold_at(&buddy, i, 1));
	EXPECT(!fp_move_hold_at(&buddy, 0, 1) && !fp_move_hold_at(&buddy, nr - 1, 2));
	pool_expect_sound(&buddy);
	for (i = 2; i < nr - 1; i++) {
		fp_move_join(&buddy, 1, i);
		pool_expect_sound(&buddy);
	}
	fp_move_join(&buddy, 1, nr - 1);
	fp_move_join(&buddy, 0, 1);
	pool_expect_sound(&buddy);
	for (i = 1; i < nr; i++) {
		fp_move_split(&buddy, 0, i);
		pool_expect_sound(&buddy);
		fp_move_join(&buddy, 0, i);
		pool_expect_sound(&buddy);
	}
	EXPECT(!budgets[0].charged && buddy.nr_quarantined == nr);
	limits[0] = (u64)(nr - 1) * FP_HUGE_FRAMES << PAGE_SHIFT;
	EXPECT(fp_move_give(&owners[0], 0, nr * FP_HUGE_FRAMES, &run) == -EDQUOT);
	pool_expect_sound(&buddy);
	EXPECT(!fp_move_give(&owners[1], 0, nr * FP_HUGE_FRAMES - 3, &run));
	pool_expect_sound(&buddy);
	EXPECT(run.frame == 0 && run.nr == nr * FP_HUGE_FRAMES - 3 && budgets[1].charged == nr);
	EXPECT(!pool_free(&buddy, &owners[1], &run));
	end();
}

/*
 * Also where the owner has so many huge frames that they are searched by address. Two huge frames
 * have blocks, and as much room for another as each other.
 */
static void nothing_is_allocated_in_a_secluded_huge_frame(void)
{
	struct fp_owner *owner = &owners[0];
	struct fp_run all, blocks[4];
	u64 nr, i, most = FP_HUGE_FRAMES / 2 + 1, rest = FP_HUGE_FRAMES - most;

	for (nr = 1; nr < 2000; nr = 2 * nr + 1) {
		pool_init_one(&buddy, 0, (nr + 2) * FP_HUGE_FRAMES);
		fp_owner_init(owner, &buddy, NULL);
		EXPECT(!pool_alloc(&buddy, owner, nr * FP_HUGE_FRAMES, 1, 0, &all));
		EXPECT(!pool_alloc(&buddy, owner, most, 1, 0, &blocks[0]));
		EXPECT(!pool_alloc(&buddy, owner, most, 1, 0, &blocks[1]));
		EXPECT(fp_move_seclude(owner, blocks[0].frame / FP_HUGE_FRAMES, most));
		EXPECT(!pool_alloc(&buddy, owner, rest, 1, 0, &blocks[2]));
		EXPECT(pool_alloc(&buddy, owner, rest, 1, 0, &blocks[3]) < 0);
		fp_move_readmit(owner, blocks[0].frame / FP_HUGE_FRAMES);
		EXPECT(!pool_alloc(&buddy, owner, rest, 1, 0, &blocks[3]));
		for (i = 0; i < 4; i++)
			EXPECT(!pool_free(&buddy, owner, &blocks[i]));
		EXPECT(!pool_free(&buddy, owner, &all));
		fp_owner_fini(owner);
		pool_fini(&buddy);
	}
}

static void held_huge_frames_are_retired(void)
{
	u32 i;

	begin();
	for (i = 0; i < NR_HUGE; i += 3) {
		EXPECT(fp_move_hold_at(&buddy, i, 1));
		fp_move_retire(&buddy, i);
		pool_expect_sound(&buddy);
		EXPECT(buddy.nr_retired == i / 3 + 1 && !buddy.nr_quarantined);
		EXPECT(!fp_move_hold_at(&buddy, i, 1));
	}
	EXPECT(buddy.runs.nr_empty + buddy.nr_retired == NR_HUGE);
	/* The end of a pool expects all of it to be empty. */
	for (i = 0; i < NR_HUGE; i += 3)
		fp_runs_put(&buddy.runs, i, 1);
	buddy.nr_retired = 0;
	end();
}

static const struct test tests[] = {
	{ "nothing_is_allocated_in_a_secluded_huge_frame",
	  nothing_is_allocated_in_a_secluded_huge_frame },
	{ "held_huge_frames_are_retired", held_huge_frames_are_retired },
	{ "books_are_sound_after_random_moves", books_are_sound_after_random_moves },
	{ "held_huge_frames_are_joined_and_given", held_huge_frames_are_joined_and_given },
};

int main(int argc, char **argv)
{
	return test_main(argc, argv, tests, sizeof(tests) / sizeof(*tests));
}
