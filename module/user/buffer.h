/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FP_BUFFER_H
#define FP_BUFFER_H

#include <linux/kref.h>
#include <linux/mm_types.h>
#include <linux/rbtree.h>
#include <linux/seqlock.h>

#include "pool/pool.h"

/*
 * Buffers lie at this page offset and above: the beginning of the file is that of the own buffer
 * (own.c).
 */
#define FP_BUFFER_FIRST		(FP_POOL_MAX_BYTES >> PAGE_SHIFT)

struct file;
struct fp_client;

/**
 * struct fp_buffer - the object behind a handle
 * @refs: one for the handle, one for each VMA, one for each dma-buf
 * @client: its client; outlives the buffer
 * @node: entry in the client's tree, by @pgoff (protected by the client's lock)
 * @handle: its handle, or 0 once that was freed (protected by the client's lock)
 * @pgoff: page offset in the client's file; constant
 * @pfn: PFN of its first frame; constant
 * @run: its frames; constant but for @run.dirty, which is set when it is first mapped
 * @dump: core dumps may contain it; constant
 * @exported: dma-buf of the whole buffer, with a reference; NULL if there is none, or no handle
 *            (protected by the client's lock)
 * @pins: who wants it to stay
 * @movable: it may move, and the fields below have a meaning; constant. If so, @pfn, @run.frame and
 *	     those below change under the lock of the pool's movables
 * @move: its part in moves
 * @split: entry in the pool's list of those in two places, if it is one
 * @places: sequence of the changes of its place
 * @to_pfn: where it moves to
 * @nr_moved: how many of its pages, from the first on, are there
 * @keep: the client may want the same memory again, without clearing; constant
 */
struct fp_buffer {
	struct kref refs;
	struct fp_client *client;
	struct rb_node node;
	u64 handle;
	unsigned long pgoff;
	unsigned long pfn;
	struct fp_run run;
	bool dump;
	struct file *exported;
	bool keep;
	bool movable;
	struct fp_pins pins;
	struct fp_movable move;
	struct list_head split;
	seqcount_spinlock_t places;
	unsigned long to_pfn;
	u64 nr_moved;
};

int fp_buffer_init(void);
void fp_buffer_exit(void);
int fp_buffers_create(struct fp_buffer **buffers, u32 nr);
void fp_buffers_destroy(struct fp_buffer **buffers, u32 nr);
int fp_buffers_alloc(struct fp_client *client, struct fp_buffer **buffers, u32 nr,
		     const struct fp_request *request, bool movable);
void fp_buffers_free(struct fp_client *client, struct fp_buffer **buffers, u32 nr);
void fp_buffer_move_to_beginning(struct fp_buffer *buffer);
struct page *fp_buffer_page(const struct fp_buffer *buffer, unsigned long pgoff);

#endif
