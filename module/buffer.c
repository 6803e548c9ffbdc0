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

#include <linux/err.h>
#include <linux/mm.h>
#include <linux/slab.h>

/**
 * fp_buffer_create() - allocate memory and the object that holds it
 * @pool: where from
 * @owner: who small blocks belong to
 * @request: what the memory must satisfy
 *
 * Context: may sleep.
 * Return: a buffer with one reference, or an error pointer: those of fp_pool_alloc(), or
 * -ENOBUFS: no kernel memory for the object.
 */
struct fp_buffer *fp_buffer_create(struct fp_pool *pool, struct fp_owner *owner,
				   const struct fp_request *request)
{
	struct fp_buffer *buffer;
	int ret;

	buffer = kzalloc(sizeof(*buffer), GFP_KERNEL_ACCOUNT);
	if (!buffer)
		return ERR_PTR(-ENOBUFS);
	ret = fp_pool_alloc(pool, owner, request, &buffer->run);
	if (ret) {
		kfree(buffer);
		return ERR_PTR(ret);
	}
	kref_init(&buffer->refs);
	buffer->pfn = fp_pool_pfn(pool, buffer->run.frame);
	buffer->pgoff = buffer->run.frame + FP_HUGE_FRAMES;
	atomic64_inc(&pool->nr_buffers);
	return buffer;
}

/**
 * fp_buffer_destroy() - give the memory back
 * @buffer: a buffer without references
 * @pool: where it came from
 * @owner: whom it was allocated for
 *
 * Context: any.
 */
void fp_buffer_destroy(struct fp_buffer *buffer, struct fp_pool *pool, struct fp_owner *owner)
{
	fp_pool_free(pool, owner, &buffer->run);
	atomic64_dec(&pool->nr_buffers);
	kfree(buffer);
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

u64 fp_buffer_bytes(const struct fp_buffer *buffer)
{
	return buffer->run.nr << PAGE_SHIFT;
}
