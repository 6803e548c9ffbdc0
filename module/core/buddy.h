/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FP_BUDDY_H
#define FP_BUDDY_H

#include "core/frames.h"
#include "core/huge.h"
#include "core/hugemap.h"

#define FP_CLASSES	16	/* fullness classes of partly used huge frames */
#define FP_ANYWHERE	U64_MAX
#define FP_NO_LABEL	U32_MAX
#define FP_ORPHANAGE_ID	(FP_NO_ID - 1)

/**
 * struct fp_owner - who small blocks of a set of huge frames belong to
 * @buddy: whose huge frames; constant
 * @node: in the buddy's list (protected by the buddy's freeze lock)
 * @lock: protects what follows, and of the owned huge frames everything
 * @label: of the caller's choice; huge frames bear it in quarantine; FP_NO_LABEL at first
 * @id: names it in struct fp_huge; FP_NO_ID while it owns nothing, unless the id is fixed; changes
 *	under the buddy's lock as well, read without either by who looks for a lender
 * @heads: by fullness class: first of a list of huge frames with free frames, or FP_NIL
 * @classes: by fullness class, a bit: there is such a list
 * @max_spare: how many wholly free huge frames it may keep (see spare.c); of the caller's choice; 0 at first
 * @nr_spare: how many it keeps; read without the lock by who collects them
 * @nr_huge: huge frames owned, and runs
 * @nr_free: free frames in them; read without the lock for an estimate
 * @leases: what of them is lent to others (see lease.c)
 * @nr_withheld: frames of them that came back from there and wait
 */
struct fp_owner {
	struct fp_buddy *buddy;
	struct list_head node;
	spinlock_t lock;
	u32 label;
	u32 id;
	u32 heads[FP_CLASSES];
	u32 classes;
	u32 max_spare;
	u32 nr_spare;
	u32 nr_huge;
	u64 nr_free;
	struct list_head leases;
	u64 nr_withheld;
} ____cacheline_aligned_in_smp;

/**
 * struct fp_huge_queue - huge frames, each of which names the next
 * @first: the one to be taken, or FP_NIL
 * @last: the one that came last, if there is any
 * @nr: how many
 */
struct fp_huge_queue {
	u32 first;
	u32 last;
	u32 nr;
};

/**
 * struct fp_buddy - the frames of a pool
 * @freeze_lock: protects @owners; held by who has the pool frozen (see owner.c)
 * @frozen: no owner may begin to change anything
 * @owners: all owners
 * @nr_owners: how many (protected by @freeze_lock)
 * @orphanage: one of them: has what owners that ended had lent to others
 * @frames: by huge frame: state of its frames (FP_HUGE_OWNED)
 * @huge: by huge frame: what else there is to know
 * @nr_fixed: ids below are fixed owners'; constant
 * @name: of the pool, for traces; constant
 * @lock: protects everything below; a leaf
 * @map: which huge frames are empty
 * @ids: ids from @nr_fixed on that no owner has
 * @id_words: memory of @ids
 * @uncleared: quarantined huge frames that nobody has examined yet
 * @referenced: quarantined huge frames that somebody referenced when they were examined
 * @nr_quarantined: huge frames in these two, and those that are being examined
 * @nr_released: huge frames that have become empty since the beginning
 * @nr_bad_frees: refused frees
 */
struct fp_buddy {
	spinlock_t freeze_lock;
	bool frozen;
	struct list_head owners;
	u32 nr_owners;
	struct fp_owner orphanage;
	struct fp_frames *frames;
	struct fp_huge *huge;
	u32 nr_fixed;
	const char *name;
	spinlock_t lock;
	struct fp_hugemap map;
	struct fp_bittree ids;
	u64 *id_words;
	struct fp_huge_queue uncleared;
	struct fp_huge_queue referenced;
	u32 nr_quarantined;
	u64 nr_released;
	u64 nr_bad_frees;
};

/**
 * struct fp_request - what a run of frames must satisfy
 * @nr: frames, at least 1
 * @align: its PFN is a multiple of this power of two
 * @end_pfn: all its PFNs are below this; FP_ANYWHERE: no limit
 * @high: among empty huge frames take the highest that fit best, even if there is a limit
 * @dirty: it may be dirty: take huge frames that the owner has kept, if there are any that fit
 *
 * Without a limit the highest are taken anyway; with one the lowest, since low memory is what
 * those need who set limits.
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
 * @total: frames; always @free + @used + @quarantined
 * @free: frames free for allocation
 * @used: frames allocated
 * @quarantined: frames in quarantine, or withheld
 * @largest: frames in the longest run of empty huge frames, or else in the largest free block
 * @bad_frees: refused frees
 * @blocks: free blocks by order, each counted at the largest order that it forms
 */
struct fp_buddy_stats {
	u64 total;
	u64 free;
	u64 used;
	u64 quarantined;
	u64 largest;
	u64 bad_frees;
	u64 blocks[FP_ORDERS];
};

/**
 * struct fp_huge_view - a huge frame in a snapshot
 * @state: enum fp_huge_state
 * @nr_used: its allocated frames
 * @whose: id of the owner (FP_HUGE_OWNED, FP_HUGE_RUN, FP_HUGE_BODY), or label (FP_HUGE_QUARANTINED)
 */
struct fp_huge_view {
	u16 state;
	u16 nr_used;
	u32 whose;
};

/**
 * struct fp_owner_view - an owner in a snapshot
 * @id: its id, or FP_NO_ID
 * @label: its label
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
u32 fp_buddy_give_up(struct fp_owner *owner, u32 max_spare);
bool fp_buddy_is_spare(struct fp_owner *owner, u64 frame);
bool fp_buddy_collect(struct fp_buddy *buddy, u32 *label, u32 *quarantined);
u32 fp_buddy_nr_owners(struct fp_buddy *buddy);
bool fp_buddy_borrow(struct fp_buddy *buddy, struct fp_owner *borrower,
		     const struct fp_request *request, struct fp_run *run);
u32 fp_buddy_alloc_blocks(struct fp_owner *owner, u32 order, u32 *blocks, bool *dirty, u32 nr);
u32 fp_buddy_free_blocks(struct fp_owner *owner, u32 order, const u32 *blocks, u32 nr, bool dirty,
			 u32 *quarantined);
u64 fp_buddy_pfn(const struct fp_buddy *buddy, u64 frame);
u64 fp_buddy_frame(const struct fp_buddy *buddy, u64 pfn);
u32 fp_buddy_orders(const struct fp_buddy *buddy);
u32 fp_buddy_extents(const struct fp_buddy *buddy);

u32 fp_buddy_quarantine_pop(struct fp_buddy *buddy, bool referenced);
u32 fp_buddy_quarantine_label(const struct fp_buddy *buddy, u32 index);
void fp_buddy_quarantine_push(struct fp_buddy *buddy, u32 index);
void fp_buddy_quarantine_release(struct fp_buddy *buddy, u32 index);
u64 fp_buddy_nr_free(struct fp_buddy *buddy);
u64 fp_buddy_nr_released(struct fp_buddy *buddy);
u32 fp_buddy_nr_quarantined(struct fp_buddy *buddy);
u32 fp_buddy_nr_uncleared(struct fp_buddy *buddy);
u32 fp_buddy_nr_referenced(struct fp_buddy *buddy);
void fp_buddy_count_bad_free(struct fp_buddy *buddy);

void fp_buddy_stats(struct fp_buddy *buddy, struct fp_buddy_stats *stats);
void fp_buddy_stats_locked(struct fp_buddy *buddy, struct fp_buddy_stats *stats);
u32 fp_buddy_view(struct fp_buddy *buddy, struct fp_huge_view *huge, struct fp_owner_view *owners,
		  u32 room);
void fp_buddy_freeze(struct fp_buddy *buddy) __acquires(&buddy->freeze_lock) __acquires(&buddy->lock);
void fp_buddy_thaw(struct fp_buddy *buddy) __releases(&buddy->lock) __releases(&buddy->freeze_lock);
const char *fp_buddy_verify(struct fp_buddy *buddy);

void fp_owner_init(struct fp_owner *owner, struct fp_buddy *buddy);
void fp_owner_init_fixed(struct fp_owner *owner, struct fp_buddy *buddy, u32 id);
void fp_owner_fini(struct fp_owner *owner);
u32 fp_owner_class(u32 nr_free);

#endif
