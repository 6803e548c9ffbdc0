/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The only file that checks the kernel's version. The module is written against the newest kernel;
 * this file provides what older ones lack.
 */
#ifndef FP_COMPAT_H
#define FP_COMPAT_H

#include <linux/device.h>
#include <linux/dma-buf.h>
#include <linux/hrtimer.h>
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/version.h>
#include <linux/workqueue.h>

/* 6.2 made the device of devnode() const; delete when the floor is 6.2. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 2, 0)
typedef struct device fp_devnode_device;
#else
typedef const struct device fp_devnode_device;
#endif

/* 6.3 made vm_flags read-only; delete when the floor is 6.3. */
static inline void fp_vma_change_flags(struct vm_area_struct *vma, unsigned long set,
				       unsigned long clear)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
	vma->vm_flags = (vma->vm_flags | set) & ~clear;
#else
	vm_flags_mod(vma, set, clear);
#endif
}

/*
 * 6.3 began to count memory failures per node; earlier kernels may always have had one. Delete when
 * the floor is 6.3.
 */
static inline bool fp_had_memory_failure(int node)
{
#if !defined(CONFIG_MEMORY_FAILURE)
	return false;
#elif LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
	return true;
#else
	return READ_ONCE(NODE_DATA(node)->mf_stats.total);
#endif
}

/* 6.13 merged the two calls that set up a timer; delete when the floor is 6.13. */
static inline void fp_hrtimer_setup(struct hrtimer *timer,
				    enum hrtimer_restart (*function)(struct hrtimer *),
				    clockid_t clock, enum hrtimer_mode mode)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 13, 0)
	hrtimer_init(timer, clock, mode);
	timer->function = function;
#else
	hrtimer_setup(timer, function, clock, mode);
#endif
}

/*
 * 7.3 reports that a kernel without huge pages cannot split a folio; delete when the floor is 7.3.
 * 6.12 reports success, and then does not get on with our folios. It leaves folios alone that
 * others have mapped too, so @folio gets an additional mapping count that belongs to nobody, until
 * it is given back to the kernel.
 */
static inline void fp_folio_feign_mapping(struct folio *folio, int change)
{
#if !defined(CONFIG_TRANSPARENT_HUGEPAGE) && LINUX_VERSION_CODE >= KERNEL_VERSION(6, 10, 0) && \
	LINUX_VERSION_CODE < KERNEL_VERSION(7, 3, 0)
	atomic_add(change, &folio->_entire_mapcount);
	atomic_add(change, &folio->_large_mapcount);
#endif
}

/*
 * 6.17 renamed the unbound workqueue, and later kernels warn of the old name; delete when the floor
 * is 6.17.
 */
static inline struct workqueue_struct *fp_unbound_workqueue(void)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 17, 0)
	return system_unbound_wq;
#else
	return system_dfl_wq;
#endif
}

/* 6.13 made the namespace of symbols a string; delete when the floor is 6.13. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 13, 0)
#define FP_DMA_BUF_NAMESPACE	DMA_BUF
#define FP_ADMIN_NAMESPACE	FRAMEPOOL_ADMIN
#else
#define FP_DMA_BUF_NAMESPACE	"DMA_BUF"
#define FP_ADMIN_NAMESPACE	"FRAMEPOOL_ADMIN"
#endif

/* 7.3 lets modules add dma-heaps; delete when the floor is 7.3. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 3, 0) && IS_ENABLED(CONFIG_DMABUF_HEAPS)
#define FP_HAS_DMA_HEAPS
#endif

/*
 * 6.2 left locking to the callers of dma_buf_vmap(), and added calls that lock; delete when the
 * floor is 6.2.
 */
static inline int fp_dma_buf_vmap(struct dma_buf *dmabuf, struct iosys_map *map)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 2, 0)
	return dma_buf_vmap(dmabuf, map);
#else
	return dma_buf_vmap_unlocked(dmabuf, map);
#endif
}

static inline void fp_dma_buf_vunmap(struct dma_buf *dmabuf, struct iosys_map *map)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 2, 0)
	dma_buf_vunmap(dmabuf, map);
#else
	dma_buf_vunmap_unlocked(dmabuf, map);
#endif
}

/* 7.3 renamed the call that tells an importer of a move; delete when the floor is 7.3. */
static inline struct dma_buf_attach_ops
fp_dma_buf_attach_ops(void (*moved)(struct dma_buf_attachment *attachment))
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(7, 3, 0)
	return (struct dma_buf_attach_ops){ .move_notify = moved };
#else
	return (struct dma_buf_attach_ops){ .invalidate_mappings = moved };
#endif
}

/* 6.4 dropped the owner from class_create(); delete when the floor is 6.4. */
static inline struct class *fp_class_create(const char *name)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 4, 0)
	return class_create(THIS_MODULE, name);
#else
	return class_create(name);
#endif
}

#endif
