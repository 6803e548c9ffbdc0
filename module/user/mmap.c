// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mapping buffers and windows of caches into programs. There are two kinds of VMA.
 *
 * The VMA of a buffer is a "run VMA". fault() returns a page of a PMD-order folio, and the kernel
 * does the rest: it maps the whole folio at once if the VMA covers the 2 MiB window that is
 * congruent to it. The mapping is counted, and can be pinned, like that of any file. But the kernel
 * decides this, not this file, and then every frame of the window becomes accessible. The shape of
 * the VMA makes that safe:
 *
 *  - it maps one physically contiguous run, inside one buffer;
 *  - its offset is congruent to the run modulo a huge frame (fp_buffer).
 *
 * So an aligned window of the file that the VMA covers is one folio that belongs entirely to the
 * buffer. A VMA at an address that is not congruent gets small pages.
 *
 * The folio is returned locked (VM_FAULT_LOCKED), and stays locked until its page is in the page
 * table. Revocation of a client relies on that lock (see client.c). It costs nothing: the core
 * would take the lock itself if fault() returned without it.
 *
 * VM_DONTEXPAND keeps mremap() from growing the VMA beyond the buffer, and excludes it from
 * mlock(), KSM and khugepaged. VM_DONTDUMP keeps it out of core dumps; because of VM_DONTEXPAND,
 * MADV_DODUMP cannot clear it, so there is a flag for that at allocation. VM_MIXEDMAP must not be
 * set: Linux 6.1 and 6.12 would then not drop the folio's references when they unmap it. There is
 * no page_mkwrite, since write notification makes long-term pins fail.
 *
 * The VMA of a window is a "piece VMA": slabs that are adjacent in it are not adjacent in memory,
 * and slabs come and go. So the kernel must not map whole folios in it. window_fault() puts the
 * pages into the page table itself, a few at a time, which requires VM_MIXEDMAP. It holds the lock
 * that is also taken to take a slab away (window.c).
 */
#include "user/mmap.h"

#include <linux/err.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/pagemap.h>

#include "compat.h"
#include "pool/poison.h"
#include "user/buffer.h"
#include "user/client.h"
#include "user/own.h"

/* The kernel's own mapping has that type, and frames must have the same type in all mappings. */
static void set_memtype(const struct fp_pool *pool, struct vm_area_struct *vma)
{
	vma->vm_page_prot = fp_memtype_prot(pool->source.memtype, vma->vm_page_prot);
}

static void open(struct vm_area_struct *vma)
{
	struct fp_buffer *buffer = vma->vm_private_data;

	kref_get(&buffer->refs);
}

static void close(struct vm_area_struct *vma)
{
	fp_client_put_buffer(vma->vm_private_data);
}

/* May the kernel map the whole folio, with one entry or (from Linux 7.3 on) with many? */
static bool may_map_folio(const struct vm_fault *vmf)
{
	unsigned long start = vmf->address & PMD_MASK;

	return start >= vmf->vma->vm_start && start + PMD_SIZE <= vmf->vma->vm_end;
}

/* A frame of the folio is bad: unmap it everywhere, so that the next access faults. */
static void unmap_folio(const struct vm_fault *vmf, struct folio *folio)
{
	loff_t first = vmf->pgoff - folio_page_idx(folio, fp_buffer_page(vmf->vma->vm_private_data,
									 vmf->pgoff));

	unmap_mapping_range(vmf->vma->vm_file->f_mapping, first << PAGE_SHIFT, folio_size(folio),
			    1);
}

/* The page at an offset, which stays there while its folio is locked. */
static struct page *lock_page_of(const struct fp_buffer *buffer, unsigned long pgoff)
{
	struct page *page = fp_buffer_page(buffer, pgoff);

	folio_lock(page_folio(page));
	while (unlikely(buffer->movable && page != fp_buffer_page(buffer, pgoff))) {
		folio_unlock(page_folio(page));
		page = fp_buffer_page(buffer, pgoff);
		folio_lock(page_folio(page));
	}
	return page;
}

/* Put the page into vmf->page, with its folio locked. */
static vm_fault_t find_page(struct vm_fault *vmf)
{
	struct fp_buffer *buffer = vmf->vma->vm_private_data;
	struct page *page = lock_page_of(buffer, vmf->pgoff);
	struct folio *folio = page_folio(page);

	/* Each small page takes a reference: enough mappings could make the count overflow. */
	if (unlikely(fp_client_is_revoked(buffer->client) || folio_ref_count(folio) <= 0)) {
		folio_unlock(folio);
		return VM_FAULT_SIGBUS;
	}
	if (may_map_folio(vmf) && unlikely(fp_poison_mark(folio)) && pmd_none(*vmf->pmd))
		unmap_folio(vmf, folio);
	if (unlikely(PageHWPoison(page))) {
		unmap_folio(vmf, folio);
		folio_unlock(folio);
		return VM_FAULT_HWPOISON;
	}
	folio_get(folio);
	vmf->page = page;
	return VM_FAULT_LOCKED;
}

static vm_fault_t fault(struct vm_fault *vmf)
{
	const struct fp_buffer *buffer = vmf->vma->vm_private_data;
	const struct fp_client *client = buffer->client;
	vm_fault_t ret = find_page(vmf);

	/* Without this check, the arguments would be computed even if the event is off. */
	if (trace_fault_enabled())
		trace_fault(client->pool, client->account, vmf,
			    fp_pool_frame(client->pool,
					  page_to_pfn(fp_buffer_page(buffer, vmf->pgoff))),
			    may_map_folio(vmf), vm_fault_to_errno(ret, FOLL_HWPOISON));
	return ret;
}

/*
 * This maps nothing around a fault. Its presence tells Linux 6.12 that fault() does not need the
 * mmap_lock. Without it, each fault would drop the lock of its VMA and start again under the
 * mmap_lock, which all threads of the process share.
 */
static vm_fault_t map_pages(struct vm_fault *vmf, pgoff_t start, pgoff_t end)
{
	return 0;
}

static const struct vm_operations_struct vm_ops = {
	.open = open,
	.close = close,
	.fault = fault,
	.map_pages = map_pages,
};

static void window_open(struct vm_area_struct *vma)
{
	struct fp_window *window = vma->vm_private_data;

	kref_get(&window->refs);
	/*
	 * Set it in a child's VMA, too, before fork() copies the pages (from 6.7 on), even if
	 * madvise() cleared it in the parent's.
	 */
	fp_vma_change_flags(vma, VM_WIPEONFORK, 0);
}

static void window_close(struct vm_area_struct *vma)
{
	fp_window_put(vma->vm_private_data);
}

/* Count the pages before the first one that is known to be bad. */
static u32 count_good(struct page **pages, u32 nr)
{
	u32 i;

	for (i = 0; i < nr && likely(!PageHWPoison(pages[i])); i++)
		;
	return i;
}

/*
 * Map the page of the fault and the pages after it, up to the end of the cluster, of the slab, of
 * the VMA and of the page table.
 */
static vm_fault_t insert_pages(const struct vm_fault *vmf, struct fp_window *window, s64 *frame)
{
	unsigned long left = (vmf->vma->vm_end - (vmf->address & PAGE_MASK)) >> PAGE_SHIFT, nr;
	struct page *pages[FP_WINDOW_CLUSTER];
	int ret;

	nr = min3(left, FP_WINDOW_CLUSTER - vmf->pgoff % FP_WINDOW_CLUSTER,
		  PTRS_PER_PTE - pte_index(vmf->address));
	nr = fp_window_pages(window, vmf->pgoff, pages, nr);
	if (nr && trace_fault_enabled())
		*frame = fp_pool_frame(window->windows->pool, page_to_pfn(pages[0]));
	/* As in find_page(). */
	if (!nr || folio_ref_count(page_folio(pages[0])) <= 0)
		return VM_FAULT_SIGBUS;
	nr = count_good(pages, nr);
	if (unlikely(!nr)) {
		unmap_mapping_range(vmf->vma->vm_file->f_mapping, (loff_t)vmf->pgoff << PAGE_SHIFT,
				    PAGE_SIZE, 1);
		return VM_FAULT_HWPOISON;
	}
	ret = vm_insert_pages(vmf->vma, vmf->address & PAGE_MASK, pages, &nr);
	/*
	 * Another thread may have mapped some of them first, or (from 7.3 on) may have freed the
	 * empty page table.
	 */
	return ret && ret != -EBUSY && ret != -EFAULT ? vmf_error(ret) : VM_FAULT_NOPAGE;
}

static vm_fault_t window_fault(struct vm_fault *vmf)
{
	const struct fp_client *client = vmf->vma->vm_file->private_data;
	struct fp_window *window = vmf->vma->vm_private_data;
	struct fp_windows *windows = window->windows;
	vm_fault_t ret = VM_FAULT_SIGBUS;
	s64 frame = -1;

	/*
	 * Allocate the page table before taking the lock that others wait for, since the allocation
	 * may have to reclaim memory. If this fails, or if the page table is freed while it is
	 * empty (from 7.3 on), insert_pages() tries again.
	 */
	if (pmd_none(*vmf->pmd))
		apply_to_page_range(vmf->vma->vm_mm, vmf->address & PAGE_MASK, PAGE_SIZE, NULL,
				    NULL);
	down_read(&windows->lock);
	if (likely(!fp_client_is_revoked(client)))
		ret = insert_pages(vmf, window, &frame);
	up_read(&windows->lock);
	if (trace_fault_enabled())
		trace_fault(client->pool, client->account, vmf, frame, false,
			    vm_fault_to_errno(ret, FOLL_HWPOISON));
	return ret;
}

static const struct vm_operations_struct window_vm_ops = {
	.open = window_open,
	.close = window_close,
	.fault = window_fault,
	.map_pages = map_pages,
};

/* Takes over a reference to the buffer. */
static void set_buffer(struct vm_area_struct *vma, struct fp_buffer *buffer)
{
	/* From now on the program may write to the frames and have references taken to them. */
	WRITE_ONCE(buffer->run.dirty, true);
	fp_vma_change_flags(vma, VM_DONTEXPAND | (buffer->dump ? 0 : VM_DONTDUMP), VM_MAYEXEC);
	set_memtype(buffer->client->pool, vma);
	vma->vm_private_data = buffer;
	vma->vm_ops = &vm_ops;
}

static int map_buffer(struct fp_client *client, struct vm_area_struct *vma)
{
	struct fp_buffer *buffer = fp_client_get_buffer(client, vma->vm_pgoff, vma_pages(vma));

	if (!buffer)
		return -ENXIO;
	set_buffer(vma, buffer);
	return 0;
}

static int map_own(struct fp_client *client, struct vm_area_struct *vma)
{
	struct fp_buffer *buffer = fp_own_get(client, vma->vm_pgoff, vma_pages(vma));

	if (IS_ERR(buffer))
		return PTR_ERR(buffer);
	set_buffer(vma, buffer);
	return 0;
}

static int map_window(struct fp_client *client, struct vm_area_struct *vma)
{
	struct fp_window *window =
		fp_window_get_at(&client->windows, vma->vm_pgoff, vma_pages(vma));

	if (!window)
		return -ENXIO;
	/*
	 * Because of VM_MIXEDMAP, fork() would copy the page table entries. VM_WIPEONFORK prevents
	 * that, and has no other effect on shared mappings: the child faults the pages in.
	 */
	fp_vma_change_flags(vma, VM_DONTEXPAND | VM_DONTDUMP | VM_MIXEDMAP | VM_WIPEONFORK,
			    VM_MAYEXEC);
	set_memtype(client->pool, vma);
	vma->vm_private_data = window;
	vma->vm_ops = &window_vm_ops;
	return 0;
}

static int check(const struct fp_client *client, const struct vm_area_struct *vma)
{
	if (fp_client_is_revoked(client))
		return -ENODEV;
	if (!(vma->vm_flags & VM_MAYSHARE))
		return -EINVAL;
	return vma->vm_flags & VM_EXEC ? -EPERM : 0;
}

/**
 * fp_mmap_buffer() - map a part of a buffer through a dma-buf
 * @buffer: the buffer; the VMA gets a reference of its own
 * @vma: the new mapping; the caller then sets its offset to that of the part in the client's file
 *
 * Context: process, mmap_lock held for writing.
 * Return: 0, or as fp_mmap(), but not -ENXIO.
 */
int fp_mmap_buffer(struct fp_buffer *buffer, struct vm_area_struct *vma)
{
	int ret = check(buffer->client, vma);

	if (ret)
		return ret;
	kref_get(&buffer->refs);
	set_buffer(vma, buffer);
	return 0;
}

/**
 * fp_mmap() - map a part of a buffer, or of the window of a cache
 * @file: the client's file
 * @vma: the new mapping
 *
 * Context: process, mmap_lock held for writing.
 * Return: 0; -EINVAL: not MAP_SHARED; -EPERM: PROT_EXEC; -ENXIO: not inside one live buffer or
 * window; -ENODEV: the client was revoked; or as fp_own_get().
 */
int fp_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct fp_client *client = file->private_data;
	int ret = check(client, vma);

	if (ret)
		return ret;
	if (vma->vm_pgoff < FP_BUFFER_FIRST)
		return map_own(client, vma);
	if (vma->vm_pgoff < FP_WINDOW_FIRST || vma->vm_pgoff >= FP_MOVABLE_FIRST)
		return map_buffer(client, vma);
	return map_window(client, vma);
}

/* Find the first VMA of the file, by offset, that begins at or after @pgoff. */
static struct rb_node *first_vma(struct address_space *mapping, unsigned long pgoff)
{
	struct rb_node *node = mapping->i_mmap.rb_root.rb_node, *found = NULL;

	while (node) {
		if (rb_entry(node, struct vm_area_struct, shared.rb)->vm_pgoff >= pgoff) {
			found = node;
			node = node->rb_left;
		} else {
			node = node->rb_right;
		}
	}
	return found;
}

/**
 * fp_mmap_bytes() - how much address space maps a range of a client's file
 * @client: the client
 * @pgoff: first page
 * @nr: pages; no buffer lies partly in the range
 *
 * This walks the kernel's own tree of the file's VMAs, since only that tree follows splits.
 *
 * Context: may sleep; takes the mapping's i_mmap_rwsem.
 * Return: bytes, summed over all VMAs of all processes.
 */
u64 fp_mmap_bytes(struct fp_client *client, unsigned long pgoff, u64 nr)
{
	struct address_space *mapping = client->inode->i_mapping;
	struct vm_area_struct *vma;
	struct rb_node *node;
	u64 bytes = 0;

	i_mmap_lock_read(mapping);
	for (node = first_vma(mapping, pgoff); node; node = rb_next(node)) {
		vma = rb_entry(node, struct vm_area_struct, shared.rb);
		if (vma->vm_pgoff - pgoff >= nr)
			break;
		bytes += vma->vm_end - vma->vm_start;
		cond_resched();
	}
	i_mmap_unlock_read(mapping);
	return bytes;
}
