// SPDX-License-Identifier: GPL-2.0-only
/*
 * The pool as a dma-heap, /dev/dma_heap/framepool-<pool>, for programs that know dma-heaps.
 *
 * Each allocation is a client of its own, opened by the caller, with one buffer and its dma-buf,
 * which alone keeps the client. So quotas, charges, statistics and shutdown see it like any other.
 * No two clients share a huge frame, so even a short buffer is charged a whole one.
 *
 * The kernel cannot remove a heap, and a heap has no module that a user of it could hold. So a pool
 * that is a heap keeps its module loaded for good.
 */
#define pr_fmt(fmt) "framepool: " fmt

#include "user/heap.h"

#include <linux/dma-buf.h>
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "compat.h"
#include "user/client.h"
#include "user/export.h"

/* The kernel module that uses a pool which is a heap. */
static const char user[] = "dma-heap";

#ifdef FP_HAS_DMA_HEAPS

#include <linux/dma-heap.h>

MODULE_IMPORT_NS("DMA_BUF_HEAP");

static struct fp_buffer *alloc_buffer(struct fp_client *client, unsigned long bytes)
{
	const struct fp_request request = {
		.nr = PFN_UP(bytes), .align = 1, .end_pfn = FP_ANYWHERE,
	};
	struct fp_buffer *buffer;
	int ret;

	if (fp_buffers_create(&buffer, 1))
		return ERR_PTR(-ENOMEM);
	ret = fp_buffers_alloc(client, &buffer, 1, &request, false);
	if (ret < 0) {
		fp_pool_count_failure(client->pool, ret);
		fp_buffers_destroy(&buffer, 1);
		return ERR_PTR(ret);
	}
	buffer->dump = false;
	kref_get(&buffer->refs);
	fp_client_add(client, &buffer, 1);
	return buffer;
}

static struct dma_buf *allocate(struct dma_heap *heap, unsigned long bytes, u32 fd_flags,
				u64 heap_flags)
{
	struct fp_client *client = fp_client_create(dma_heap_get_drvdata(heap), false);
	struct fp_buffer *buffer;
	struct dma_buf *dmabuf;

	if (IS_ERR(client))
		return ERR_CAST(client);
	buffer = alloc_buffer(client, bytes);
	dmabuf = IS_ERR(buffer) ? ERR_CAST(buffer) : fp_export_whole(buffer, fd_flags);
	/* This frees the handle; the dma-buf keeps the buffer and the client. */
	fp_client_close(client);
	return dmabuf;
}

static const struct dma_heap_ops ops = {
	.allocate = allocate,
};

static int add(struct fp_pool *pool)
{
	/* The heap keeps the name. */
	struct dma_heap_export_info info = {
		.name = kasprintf(GFP_KERNEL, "framepool-%s", pool->name),
		.ops = &ops,
		.priv = pool,
	};
	struct dma_heap *heap;

	if (!info.name)
		return -ENOMEM;
	heap = dma_heap_add(&info);
	if (IS_ERR(heap)) {
		kfree(info.name);
		return PTR_ERR(heap);
	}
	pr_notice("pool %s is the dma-heap %s: the module stays loaded until a restart\n",
		  pool->name, info.name);
	return 0;
}

#else

static int add(struct fp_pool *pool)
{
	return -EOPNOTSUPP;
}

#endif

/**
 * fp_heap_check() - can pools be dma-heaps on this kernel?
 *
 * Context: any.
 * Return: 0, or -EOPNOTSUPP; then the log says why.
 */
int fp_heap_check(void)
{
#ifdef FP_HAS_DMA_HEAPS
	return 0;
#else
	pr_err("dma_heap=1: this kernel does not let modules add dma-heaps, as Linux 7.3 does\n");
	return -EOPNOTSUPP;
#endif
}

/**
 * fp_heap_add() - make a pool a dma-heap, for good
 * @pool: the pool, which is published; it is in use from now on
 *
 * Context: may sleep; initialisation of the module, which must succeed after this did.
 * Return: 0; -ENOMEM: no kernel memory; or another errno of the kernel's.
 */
int fp_heap_add(struct fp_pool *pool)
{
	int ret;

	if (!fp_registry_find_for(pool->name, user))
		return -ENOMEM;
	ret = add(pool);
	if (ret)
		fp_registry_put_for(pool, user);
	else
		__module_get(THIS_MODULE);
	return ret;
}
