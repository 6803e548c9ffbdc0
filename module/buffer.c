// SPDX-License-Identifier: GPL-2.0-only
/*
 * A buffer's memory, and its place in the client's file.
 *
 * The place follows from the frames: page offset = index of the first frame + a huge
 * frame. It is congruent to the physical address modulo a huge frame, as huge
 * mappings need it; it is the client's alone as long as the frames are; it takes no
 * allocator that could fail; and offset 0, the likeliest mistake, is never valid.
 */
#include "buffer.h"

#include <linux/mm.h>
#include <linux/slab.h>

static struct kmem_cache *cache;

/**
 * fp_buffer_init() - get ready for buffers
 *
 * Context: may sleep.
 * Return: 0, or -ENOMEM.
 */
int fp_buffer_init(void)
{
	cache = KMEM_CACHE(fp_buffer, SLAB_ACCOUNT);
	return cache ? 0 : -ENOMEM;
}

/**
 * fp_buffer_exit() - undo fp_buffer_init()
 *
 * Context: may sleep; no buffer is left.
 */
void fp_buffer_exit(void)
{
	kmem_cache_destroy(cache);
}

/**
 * fp_buffers_create() - make buffers without memory
 * @buffers: the result: @nr buffers, all zero
 * @nr: how many, at least 1
 *
 * Context: may sleep.
 * Return: 0; -ENOBUFS: no kernel memory, and no buffer was made.
 */
int fp_buffers_create(struct fp_buffer **buffers, u32 nr)
{
	return kmem_cache_alloc_bulk(cache, GFP_KERNEL | __GFP_ZERO, nr, (void **)buffers) ? 0 : -ENOBUFS;
}

/**
 * fp_buffers_destroy() - undo fp_buffers_create()
 * @buffers: buffers without memory
 * @nr: how many; 0 is fine
 *
 * Context: any.
 */
void fp_buffers_destroy(struct fp_buffer **buffers, u32 nr)
{
	if (nr)
		kmem_cache_free_bulk(cache, nr, (void **)buffers);
}

/**
 * fp_buffer_alloc() - allocate the memory of a buffer
 * @buffer: a buffer without memory; it has one reference then
 * @pool: where from
 * @owner: who small blocks belong to
 * @request: what the memory must satisfy
 *
 * Context: may sleep.
 * Return: 0, or as fp_pool_alloc().
 */
int fp_buffer_alloc(struct fp_buffer *buffer, struct fp_pool *pool, struct fp_owner *owner,
		    const struct fp_request *request)
{
	int ret = fp_pool_alloc(pool, owner, request, &buffer->run);

	if (ret)
		return ret;
	kref_init(&buffer->refs);
	buffer->pfn = fp_pool_pfn(pool, buffer->run.frame);
	buffer->pgoff = buffer->run.frame + FP_HUGE_FRAMES;
	atomic64_inc(&pool->nr_buffers);
	return 0;
}

/**
 * fp_buffer_free() - give the memory of a buffer back
 * @buffer: a buffer without references
 * @pool: where it came from
 * @owner: whom it was allocated for
 *
 * Context: any.
 * Return: how many huge frames went into quarantine, as fp_pool_free().
 */
u32 fp_buffer_free(struct fp_buffer *buffer, struct fp_pool *pool, struct fp_owner *owner)
{
	atomic64_dec(&pool->nr_buffers);
	return fp_pool_free(pool, owner, &buffer->run);
}

/**
 * fp_buffer_page() - the page at a file offset
 * @buffer: the buffer
 * @pgoff: page offset in the client's file, inside the buffer
 *
 * Return: the page; no reference is taken.
 */
struct page *fp_buffer_page(const struct fp_buffer *buffer, unsigned long pgoff)
{
	return pfn_to_page(buffer->pfn + (pgoff - buffer->pgoff));
}
