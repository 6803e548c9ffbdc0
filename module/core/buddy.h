/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FP_BUDDY_H
#define FP_BUDDY_H

#include "core/budget.h"
#include "core/frames.h"
#include "core/huge.h"
#include "core/hugemap.h"

#define FP_CLASSES	16	/* fullness classes of partly used huge frames */
#define FP_KEPT		FP_CLASSES	/* the list of wholly free ones */
#define FP_LISTS	(FP_KEPT + 1)
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
 *	   their fullness class, wholly free ones on FP_KEPT
 * @classes: a bit for each list: it is not empty
 * @is_keeper: it is on the buddy's list
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
 * @frames: by huge frame: state of its frames (FP_HUGE_OWNED)
 * @huge: by huge frame: everything else about it
 * @nr_fixed: ids below this belong to fixed owners; constant
 * @name: the pool's name, for traces; constant
 * @lock: protects everything below, and all budgets; a leaf
 * @map: which huge frames are empty
 * @ids: unused ids from @nr_fixed on, minus @nr_fixed
 * @id_words: memory of @ids
 * @keepers: owners that may keep huge frames
 * @nobody: budget of owners that are not charged
 * @queues: queues of the quarantine that are not empty, by kind
 * @nr_queued: huge frames in them, by kind; read without the lock
 * @nr_quarantined: huge frames in the queues, and those being examined; read without the lock
 * @nr_released: how often a huge frame became empty or was retired; read without the lock
 * @nr_retired: retired huge frames; read without the lock
 * @nr_bad_frees: refused frees
 */
struct fp_buddy {
	spinlock_t freeze_lock;
	bool frozen;
	struct list_head owners;
	u32 nr_owners;
	struct fp_frames *frames;
	struct fp_huge *huge;
	u32 nr_fixed;
	const char *name;
	spinlock_t lock;
	struct fp_hugemap map;
	struct fp_bittree ids;
	u64 *id_words;
	struct list_head keepers;
	struct fp_budget nobody;
	struct list_head queues[FP_QUEUES];
	u32 nr_queued[FP_QUEUES];
	u32 nr_quarantined;
	u64 nr_released;
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
 * struct fp_buddy_stats - a consistent snapshot
 * @total: frames; always @free + @used + @quarantined + @retired
 * @free: frames free for allocation
 * @used: frames allocated
 * @quarantined: frames in quarantine
 * @retired: frames of retired huge frames
 * @charged: frames of huge frames that somebody is charged for
 * @largest: frames in the longest run of empty huge frames, or, if there are none, in the largest
 *	     free block
 * @bad_frees: refused frees
 * @blocks: free blocks by order, each counted at the largest order that it forms
 */
struct fp_buddy_stats {
	u64 total;
	u64 free;
	u64 used;
	u64 quarantined;
	u64 retired;
	u64 charged;
	u64 largest;
	u64 bad_frees;
	u64 blocks[FP_ORDERS];
};

/**
 * struct fp_huge_view - a huge frame in a snapshot
 * @state: enum fp_huge_state
 * @nr_used: its allocated frames
 * @whose: id of the owner (FP_HUGE_OWNED, FP_HUGE_RUN, FP_HUGE_BODY), or label
 *	   (FP_HUGE_QUARANTINED)
 */
struct fp_huge_view {
	u16 state;
	u16 nr_used;
	u32 whose;
};

/**
 * struct fp_owner_view - an owner in a snapshot
 * @id: its id, or FP_NO_ID
 * @label: of its budget
 */
struct fp_owner_view {
	u32 id;
	u32 label;
};

int fp_buddy_init(struct fp_buddy *buddy, const u32 *hpfn, u32 nr, u32 nr_fixed);
void fp_buddy_fini(struct fp_buddy *buddy);
u64 fp_buddy_metadata(const struct fp_buddy *buddy);
int fp_buddy_alloc(struct fp_buddy *buddy, struct fp_owner *owner,
		   const struct fp_request *request, struct fp_run *run);
int fp_buddy_alloc_at(struct fp_buddy *buddy, struct fp_owner *owner, u64 frame, u64 nr,
		      struct fp_run *run);
int fp_buddy_free(struct fp_buddy *buddy, struct fp_owner *owner, u64 frame, u64 nr, bool dirty);
int fp_buddy_keep(struct fp_buddy *buddy, struct fp_owner *owner, u64 frame, u64 nr);
bool fp_buddy_give_up(struct fp_owner *owner, u32 max_kept);
bool fp_buddy_is_kept(struct fp_owner *owner, u64 frame);
bool fp_buddy_collect(struct fp_buddy *buddy, struct fp_budget *whose);
u32 fp_buddy_alloc_blocks(struct fp_owner *owner, u32 order, u32 *blocks, bool *dirty, u32 nr);
u32 fp_buddy_free_blocks(struct fp_owner *owner, u32 order, const u32 *blocks, u32 nr, bool dirty);
u64 fp_buddy_pfn(const struct fp_buddy *buddy, u64 frame);
u64 fp_buddy_frame(const struct fp_buddy *buddy, u64 pfn);
u32 fp_buddy_orders(const struct fp_buddy *buddy);
u32 fp_buddy_extents(const struct fp_buddy *buddy);

u32 fp_buddy_quarantine_pop(struct fp_buddy *buddy, struct fp_budget *whose,
			    enum fp_queue_kind kind, struct fp_budget **budget);
void fp_buddy_quarantine_push(struct fp_buddy *buddy, struct fp_budget *budget, u32 index);
void fp_buddy_quarantine_release(struct fp_buddy *buddy, struct fp_budget *budget, u32 index);
void fp_buddy_quarantine_retire(struct fp_buddy *buddy, struct fp_budget *budget, u32 index);
bool fp_buddy_is_charged(struct fp_buddy *buddy, const struct fp_budget *budget);
void fp_buddy_count_bad_free(struct fp_buddy *buddy);

void fp_buddy_stats(struct fp_buddy *buddy, struct fp_buddy_stats *stats);
void fp_buddy_stats_locked(struct fp_buddy *buddy, struct fp_buddy_stats *stats);
u32 fp_buddy_view(struct fp_buddy *buddy, struct fp_huge_view *huge, struct fp_owner_view *owners,
		  u32 room);
void fp_buddy_freeze(struct fp_buddy *buddy)
	__acquires(&buddy->freeze_lock) __acquires(&buddy->lock);
void fp_buddy_thaw(struct fp_buddy *buddy) __releases(&buddy->lock) __releases(&buddy->freeze_lock);
const char *fp_buddy_verify(struct fp_buddy *buddy);

void fp_owner_init(struct fp_owner *owner, struct fp_buddy *buddy, struct fp_budget *budget);
void fp_owner_init_fixed(struct fp_owner *owner, struct fp_buddy *buddy, u32 id);
void fp_owner_fini(struct fp_owner *owner);
u64 fp_owner_held(const struct fp_owner *owner);
u32 fp_owner_class(u32 nr_free);

#endif
