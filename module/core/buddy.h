/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FP_BUDDY_H
#define FP_BUDDY_H

#include "core/budget.h"
#include "core/frames.h"
#include "core/runs.h"

#define FP_ORDERS	40		/* block sizes told apart, from one frame up */
#define FP_MIN_HUGE_ORDER	4
#define FP_MAX_HUGE_ORDER	13
#define FP_CLASSES	16	/* fullness classes of partly used huge frames */
#define FP_WHOLE	FP_CLASSES	/* the list of wholly free ones, which are kept */
#define FP_LISTS	(FP_WHOLE + 1)
#define FP_ANYWHERE	U64_MAX
#define FP_NO_LABEL	U32_MAX

/**
 * struct fp_owner - the owner of a set of huge frames
 * @buddy: where its huge frames come from; constant
 * @budget: charged for them; constant
 * @node: in the buddy's list (protected by the buddy's freeze lock)
 * @keeper: in the buddy's list of owners that may keep something, if @is_keeper (protected by
 *	    the buddy's lock)
 * @siblings: likewise, in the list of its budget's parent
 * @lock: protects the fields below, and everything about the owned huge frames
 * @id: names it in struct fp_huge; FP_NO_ID while it owns nothing, unless the id is fixed; written
 *	under the buddy's lock as well
 * @heads: by list: first huge frame, or FP_NIL. Huge frames with free frames are on the list of
 *	   their fullness class, wholly free ones on FP_WHOLE
 * @classes: a bit for each list: it is not empty
 * @is_keeper: it is on the buddy's list
 * @last: the huge frame that fp_runs_take_some() took last for it, or any
 * @max_kept: how many wholly free huge frames it may keep (see keep.c); set by the caller; 0 at
 *	      first
 * @nr_kept: how many it keeps; read without the lock
 * @nr_huge: huge frames owned, those of its runs included; read without the lock
 * @nr_free: free frames in them; read without the lock
 */
struct fp_owner {
	struct fp_buddy *buddy;
	struct fp_budget *budget;
	struct list_head node;
	struct list_head keeper;
	struct list_head siblings;
	spinlock_t lock;
	u32 id;
	u32 heads[FP_LISTS];
	u32 classes;
	bool is_keeper;
	u32 last;
	u32 max_kept;
	u32 nr_kept;
	u32 nr_huge;
	u64 nr_free;
} ____cacheline_aligned_in_smp;

/**
 * struct fp_buddy - the frames of a pool
 * @freeze_lock: protects @owners; held while the pool is frozen (see owner.c)
 * @frozen: no owner may begin a change
 * @owners: all owners
 * @nr_owners: number of them (protected by @freeze_lock; read without)
 * @order: of a huge frame, in frames; constant
 * @frames: state of the frames of each huge frame (FP_HUGE_OWNED), see fp_buddy_frames()
 * @nr_fixed: ids below this belong to fixed owners; constant
 * @name: the pool's name, for traces; constant
 * @nr_owned_free: free frames in owned huge frames: the sum over all processors
 * @labels: by id, minus @nr_fixed: label of the owner's budget; read without the lock
 * @id_words: memory of @ids
 * @runs: where the huge frames lie, a word about each, and which of them are empty (protected by
 *	  @lock); what it writes often lies in one cache line with @lock
 * @lock: protects everything below, and all budgets; a leaf
 * @nr_released: how often a huge frame became empty or was retired; read without the lock
 * @nobody: budget of owners that are not charged
 * @ids: unused ids from @nr_fixed on, minus @nr_fixed
 * @keepers: owners that may keep huge frames
 * @queues: queues of the quarantine that are not empty, by kind
 * @nr_queued: huge frames in them, by kind; read without the lock
 * @nr_quarantined: huge frames in the queues, and those being examined; read without the lock
 * @nr_retired: retired huge frames; read without the lock
 * @nr_bad_frees: refused frees
 */
struct fp_buddy {
	spinlock_t freeze_lock;
	bool frozen;
	struct list_head owners;
	u32 nr_owners;
	u32 order;
	u64 *frames;
	u32 nr_fixed;
	const char *name;
	s64 __percpu *nr_owned_free;
	u32 *labels;
	u64 *id_words;
	struct fp_runs runs;
	spinlock_t lock;
	u64 nr_released;
	struct fp_budget nobody;
	struct fp_bittree ids;
	struct list_head keepers;
	struct list_head queues[FP_QUEUES];
	u32 nr_queued[FP_QUEUES];
	u32 nr_quarantined;
	u32 nr_retired;
	u64 nr_bad_frees;
};

/**
 * struct fp_request - what a run of frames must satisfy
 * @nr: frames, at least 1
 * @align: its PFN is a multiple of this power of two
 * @end_pfn: all its PFNs are below this; FP_ANYWHERE: no limit
 * @high: take the highest of the best-fitting empty huge frames, even if there is a limit
 * @dirty: it may be dirty: take kept huge frames of the owner, if any fit
 *
 * Without a limit, the highest are taken anyway. With a limit, the lowest are taken, since callers
 * that set a limit need low memory.
 */
struct fp_request {
	u64 nr;
	u64 align;
	u64 end_pfn;
	bool high;
	bool dirty;
};

/**
 * struct fp_run - physically contiguous allocated frames
 * @frame: index of the first
 * @nr: number
 * @dirty: some are not known to be zero
 */
struct fp_run {
	u64 frame;
	u64 nr;
	bool dirty;
};

/**
 * struct fp_counts - how much of a pool is free
 * @total: frames; always @free + @used + @quarantined + @retired
 * @free: frames free for allocation
 * @used: frames allocated
 * @quarantined: frames in quarantine
 * @retired: frames of retired huge frames
 * @charged: frames of huge frames that somebody is charged for
 * @largest: frames in the longest run of empty huge frames
 * @bad_frees: refused frees
 */
struct fp_counts {
	u64 total;
	u64 free;
	u64 used;
	u64 quarantined;
	u64 retired;
	u64 charged;
	u64 largest;
	u64 bad_frees;
};

/**
 * struct fp_huge_view - what huge frames are used for
 * @state: enum fp_huge_state; FP_HUGE_INSIDE: it changes just now
 * @nr_used: allocated frames in each of them
 * @id: id of the owner (FP_HUGE_OWNED, FP_HUGE_RUN), or FP_NO_ID
 * @label: label of the budget that is charged for them, or FP_NO_LABEL
 */
struct fp_huge_view {
	enum fp_huge_state state;
	u32 nr_used;
	u32 id;
	u32 label;
};

/* How many frames a huge frame has. */
static inline u32 fp_huge_frames(const struct fp_buddy *buddy)
{
	return 1U << buddy->order;
}

/* The huge frame of a frame; how many whole ones some frames fill. */
static inline u64 fp_index(const struct fp_buddy *buddy, u64 frame)
{
	return frame >> buddy->order;
}

/* The place of a frame in its huge frame; how many frames are left beside whole ones. */
static inline u32 fp_rest(const struct fp_buddy *buddy, u64 frame)
{
	return frame & (fp_huge_frames(buddy) - 1);
}

/* The first frame of a huge frame. */
static inline u64 fp_first(const struct fp_buddy *buddy, u32 index)
{
	return (u64)index << buddy->order;
}

static inline u64 fp_buddy_nr_frames(const struct fp_buddy *buddy)
{
	return (u64)buddy->runs.extents.nr_huge << buddy->order;
}

/* The frames of a huge frame. */
static inline struct fp_frames fp_buddy_frames(const struct fp_buddy *buddy, u32 index)
{
	u32 nr = fp_huge_frames(buddy);

	return (struct fp_frames){ buddy->frames + 2ULL * index * fp_frames_words(nr), nr };
}

/**
 * fp_buddy_pfn() - PFN of a frame
 * @buddy: the buddy
 * @frame: its index
 *
 * Return: its PFN. Within a run PFNs are consecutive.
 */
static inline u64 fp_buddy_pfn(const struct fp_buddy *buddy, u64 frame)
{
	u32 hpfn = fp_extents_hpfn(&buddy->runs.extents, fp_index(buddy, frame));

	return fp_first(buddy, hpfn) + fp_rest(buddy, frame);
}

/**
 * fp_buddy_frame() - find the frame with a PFN
 * @buddy: the buddy
 * @pfn: any PFN
 *
 * Return: its index, or FP_ANYWHERE if it is not in the pool.
 */
static inline u64 fp_buddy_frame(const struct fp_buddy *buddy, u64 pfn)
{
	u32 index = fp_extents_find(&buddy->runs.extents, fp_index(buddy, pfn));

	return index == FP_NO_HUGE ? FP_ANYWHERE :
	       fp_first(buddy, index) + fp_rest(buddy, pfn);
}

/*
 * Where the first huge frame of a run for the request may lie at most; see struct
 * fp_runs_request.
 */
static inline u32 fp_request_last_hpfn(const struct fp_buddy *buddy,
				       const struct fp_request *request)
{
	return min_t(u64, (request->end_pfn - request->nr) >> buddy->order, FP_NO_LIMIT);
}

bool fp_buddy_could_hold(const struct fp_buddy *buddy, const struct fp_request *request);
int fp_buddy_init(struct fp_buddy *buddy, u32 order, const u32 *hpfn, u32 nr, u32 nr_fixed);
void fp_buddy_fini(struct fp_buddy *buddy);
int fp_buddy_alloc(struct fp_buddy *buddy, struct fp_owner *owner,
		   const struct fp_request *request, struct fp_run *run);
int fp_buddy_free(struct fp_buddy *buddy, struct fp_owner *owner, u64 frame, u64 nr, bool dirty);
int fp_buddy_keep(struct fp_buddy *buddy, struct fp_owner *owner, u64 frame, u64 nr);
bool fp_buddy_give_up(struct fp_owner *owner, u32 max_kept);
bool fp_buddy_is_kept(struct fp_owner *owner, u64 frame);
bool fp_buddy_collect(struct fp_buddy *buddy, struct fp_budget *whose);
u32 fp_buddy_alloc_blocks(struct fp_owner *owner, u32 order, u32 *blocks, bool *dirty, u32 nr);
u32 fp_buddy_free_blocks(struct fp_owner *owner, u32 order, const u32 *blocks, u32 nr, bool dirty);
u32 fp_buddy_orders(const struct fp_buddy *buddy);

u32 fp_buddy_quarantine_pop(struct fp_buddy *buddy, struct fp_budget *whose,
			    enum fp_queue_kind kind, struct fp_budget **budget);
void fp_buddy_quarantine_push(struct fp_buddy *buddy, struct fp_budget *budget, u32 index);
void fp_buddy_quarantine_release(struct fp_buddy *buddy, struct fp_budget *budget, u32 index);
void fp_buddy_quarantine_retire(struct fp_buddy *buddy, struct fp_budget *budget, u32 index);
bool fp_buddy_is_charged(struct fp_buddy *buddy, const struct fp_budget *budget);
void fp_buddy_count_bad_free(struct fp_buddy *buddy);

void fp_buddy_count(struct fp_buddy *buddy, struct fp_counts *counts);
s64 fp_buddy_nr_owned_free(const struct fp_buddy *buddy);
u32 fp_buddy_count_blocks(const struct fp_buddy *buddy, u32 from, u64 *blocks);
u32 fp_buddy_view(const struct fp_buddy *buddy, u32 index, struct fp_huge_view *view);
const char *fp_buddy_verify(struct fp_buddy *buddy);

void fp_owner_init(struct fp_owner *owner, struct fp_buddy *buddy, struct fp_budget *budget);
void fp_owner_fini(struct fp_owner *owner);
u64 fp_owner_held(const struct fp_owner *owner);
u32 fp_owner_class(const struct fp_buddy *buddy, u32 nr_free);

#endif
